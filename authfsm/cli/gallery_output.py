"""`authfsm draw --check` and `--gallery`: the pictures and the table that a repository keeps."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from attrs import asdict

from authfsm.cli.drawing import DrawOptions, made, say
from authfsm.cli.failing import MISUSED, Failed
from authfsm.diagrams import gallery, readme_table


def keep(wanted: DrawOptions, written: Path | None, *, check: bool) -> None:
    """Write the gallery and the README's table anew, or tell whether they are as the code draws them.

    Args:
        wanted: the command's other options: the folder of the gallery to check (./diagrams, if left out)
            and no other, as the gallery is always the same.
        written: the gallery to write.
        check: check it.

    Raises:
        Failed: they are not, it could not be told, or an option was given that would do nothing.
    """
    folder = wanted.folder
    _check_used(wanted, written, check=check)
    if written is not None:
        _write(written)
    if check:
        _compare(written or folder or Path("diagrams"))


def _check_used(wanted: DrawOptions, written: Path | None, *, check: bool) -> None:
    """Refuse an option that would do nothing."""
    mode = "--check" if check else "--gallery"
    for name, given in asdict(wanted, recurse=False).items():
        if given and name != "folder":
            option = {"form": "format", "outputs": "output"}.get(name, name).replace("_", "-")
            raise Failed(
                f"--{option} has no effect with {mode}: the gallery is always the same", MISUSED
            )
    folder = wanted.folder
    if folder and not check:
        raise Failed(f"{folder} requires --check; --gallery names its own folder", MISUSED)
    if folder and written:
        raise Failed(f"--check and --gallery together check {written}: omit {folder}", MISUSED)


def _write(folder: Path) -> None:
    """Write the gallery, and the table of the README beside it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        changed = made(partial(gallery.write, folder))
        readme = folder.resolve().parent / "README.md"
        if _tabled(readme) and readme_table.update_readme(readme):
            changed.append(readme)
    except OSError as error:
        raise Failed(f"{folder} cannot be written: {error.strerror}") from None
    for each in changed:
        say(f"wrote {each}")
    say(f"{folder} is up to date")


def _compare(folder: Path) -> None:
    """Fail where the gallery, or the README's table, is not what the code draws."""
    if not folder.is_dir():
        raise Failed(
            f"{folder} is not a folder; create the gallery with authfsm draw --gallery {folder}"
        )
    if differing := list(_differing(folder)):
        for line in differing:
            say(line)
        raise Failed(
            f"{len(differing)} out of date: regenerate with authfsm draw --gallery {folder}"
        )
    say(f"{folder} is up to date")


def _tabled(readme: Path) -> bool:
    return (
        readme.is_file() and readme_table.with_table(readme.read_text(encoding="utf-8")) is not None
    )


def _differing(folder: Path) -> Iterator[str]:
    drawn = made(gallery.files)
    # Documents of other kinds may lie beside the pictures.
    kinds = {Path(name).suffix for name in drawn} - {".md"}
    kept = {each.name for each in folder.iterdir() if each.suffix in kinds or each.name in drawn}
    for name, text in drawn.items():
        file = folder / name
        if name not in kept:
            yield f"missing: {file}"
        elif file.read_bytes() != (text.encode() if isinstance(text, str) else text):
            yield f"differs: {file}"
    yield from (f"not drawn: {folder / name}" for name in sorted(kept - set(drawn)))
    readme = folder.resolve().parent / "README.md"
    if _tabled(readme):
        text = readme.read_text(encoding="utf-8")
        if readme_table.with_table(text) != text:
            yield f"differs: {readme} (its table)"
