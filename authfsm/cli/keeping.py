"""`authfsm draw --check` and `--gallery`: the pictures and the table that a repository keeps."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from authfsm.cli.drawing import made, say
from authfsm.cli.failing import Failed
from authfsm.diagrams import gallery, markdown


def keep(folder: Path | None, written: Path | None, *, check: bool) -> None:
    """Write the gallery and the README's table anew, or tell whether they are as the code draws them.

    Args:
        folder: the gallery to check; ./diagrams, if left out.
        written: the gallery to write.
        check: check it.

    Raises:
        Failed: they are not, or it could not be told.
    """
    if written is not None:
        written.mkdir(parents=True, exist_ok=True)
        changed = made(partial(gallery.write, written))
        readme = written.resolve().parent / "README.md"
        if _tabled(readme) and markdown.write(readme):
            changed.append(readme)
        for each in changed:
            say(f"wrote {each}")
        say(f"{written} is what the code draws")
    if check:
        there = folder or written or Path("diagrams")
        if not there.is_dir():
            raise Failed(f"{there} is no folder: authfsm draw --gallery {there} writes the gallery")
        if differing := list(_differing(there)):
            for line in differing:
                say(line)
            raise Failed(
                f"{len(differing)} not as the code draws: authfsm draw --gallery {there} writes them anew"
            )
        say(f"{there} is what the code draws")


def _tabled(readme: Path) -> bool:
    return readme.is_file() and markdown.written(readme.read_text(encoding="utf-8")) is not None


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
        if markdown.written(text) != text:
            yield f"differs: {readme} (its table)"
