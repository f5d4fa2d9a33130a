"""Run `authfsm draw --gallery` and `--check`: the pictures in a folder and the table in the README beside it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from attrs import asdict

from authfsm.cli.draw_output import DrawOptions, drawn_by, report
from authfsm.cli.exit_status import USAGE_ERROR, Failed
from authfsm.diagrams import gallery, readme_table


def update_or_check(options: DrawOptions, written: Path | None, *, check: bool) -> None:
    """Write the gallery and the README's table, or check that they are up to date.

    Args:
        options: the command's other options. Only the folder of the gallery to check may be among them
            (./diagrams by default), because the gallery is always the same.
        written: the folder of the gallery to write.
        check: whether to check it.

    Raises:
        Failed: a file is out of date or cannot be read or written, or an option has no effect here.
    """
    folder = options.folder
    _refuse_unused(options, written, check=check)
    if written is not None:
        _write(written)
    if check:
        _compare(written or folder or Path("diagrams"))


def _refuse_unused(options: DrawOptions, written: Path | None, *, check: bool) -> None:
    """Refuse an option that has no effect here."""
    mode = "--check" if check else "--gallery"
    for name, given in asdict(options, recurse=False).items():
        if given and name != "folder":
            option = {"form": "format", "outputs": "output"}.get(name, name).replace("_", "-")
            raise Failed(
                f"--{option} has no effect with {mode}: the gallery is always the same", USAGE_ERROR
            )
    folder = options.folder
    if folder and not check:
        raise Failed(f"{folder} requires --check; --gallery names its own folder", USAGE_ERROR)
    if folder and written:
        raise Failed(f"--check and --gallery together check {written}: omit {folder}", USAGE_ERROR)


def _write(folder: Path) -> None:
    """Write the gallery and the table of the README beside it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        changed = drawn_by(partial(gallery.write, folder))
        readme = folder.resolve().parent / "README.md"
        if _has_table(readme) and readme_table.update_readme(readme):
            changed.append(readme)
    except OSError as error:
        raise Failed(f"{folder} cannot be written: {error.strerror}") from None
    for each in changed:
        report(f"wrote {each}")
    report(f"{folder} is up to date")


def _compare(folder: Path) -> None:
    """Fail if the gallery or the README's table is out of date."""
    if not folder.is_dir():
        raise Failed(
            f"{folder} is not a folder; create the gallery with authfsm draw --gallery {folder}"
        )
    if differing := list(_differing(folder)):
        for line in differing:
            report(line)
        raise Failed(
            f"{len(differing)} out of date: regenerate with authfsm draw --gallery {folder}"
        )
    report(f"{folder} is up to date")


def _has_table(readme: Path) -> bool:
    return readme.is_file() and readme_table.with_table(_read(readme)) is not None


def _read(readme: Path) -> str:
    try:
        return readme.read_text(encoding="utf-8")
    except OSError as error:
        raise Failed(f"{readme} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Failed(f"{readme} cannot be read: it is not UTF-8") from None


def _differing(folder: Path) -> Iterator[str]:
    drawn = drawn_by(gallery.files)
    # Other documents may lie beside the pictures.
    kinds = {Path(name).suffix for name in drawn} - {".md"}
    present = {each.name for each in folder.iterdir() if each.suffix in kinds or each.name in drawn}
    for name, text in drawn.items():
        file = folder / name
        if name not in present:
            yield f"missing: {file}"
        elif file.read_bytes() != (text.encode() if isinstance(text, str) else text):
            yield f"differs: {file}"
    yield from (f"not drawn: {folder / name}" for name in sorted(present - set(drawn)))
    readme = folder.resolve().parent / "README.md"
    if _has_table(readme):
        text = _read(readme)
        if readme_table.with_table(text) != text:
            yield f"differs: {readme} (its table)"
