"""What `authfsm draw` does: gathers what is to be drawn, draws it, and says where it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, Final, TypeVar

import typer
from attrs import frozen

from authfsm.cli import describing
from authfsm.cli.failing import MISUSED, Failed
from authfsm.core.history import histories_from_json, history_from_json
from authfsm.diagrams import (
    FORMATS,
    SEQUENCE_SUFFIXES,
    SUFFIXES,
    THEMES,
    Diagram,
    NoEngine,
    NoPdf,
    diagram,
    sequence,
)
from authfsm.protocol.errors import CallerError
from authfsm.settings import PoolSettings

Read = TypeVar("Read")

_BINARY: Final[dict[str, Callable[[Diagram], bytes]]] = {"png": Diagram.png, "pdf": Diagram.pdf}


@frozen(kw_only=True)
class DrawOptions(describing.PoolOptions):
    """What is wanted: the options of the command, by their names."""

    folder: Path | None
    outputs: list[Path]
    form: str | None
    flow: str | None
    state: str | None
    failures: bool
    actions: bool
    unfolded: bool
    history: Path | None
    traffic: Path | None
    sequence: bool
    html: Path | None
    save_settings: Path | None
    diff: tuple[Path, Path] | None
    faded: bool
    theme: str | None
    engine: str | None

    def name(self) -> str:
        """A name for the picture's file."""
        named = self.flow or self.state
        if named:
            return named.lower()
        about = {"difference": self.diff, "walk": self.history, "traffic": self.traffic}
        pool = "pool" if self.pool or self.settings else "protocol"
        return next((name for name, given in about.items() if given), pool)


def draw(wanted: DrawOptions) -> None:
    """Draw what is wanted.

    Raises:
        Failed: it could not be done.
    """
    _check(wanted)
    told = wanted.described()
    if told and wanted.save_settings:
        describing.save(wanted.save_settings, told)
        say(f"saved {wanted.save_settings}")
    settings = describing.settings(told) if told else None
    if wanted.html:
        from authfsm.diagrams import explorer  # noqa: PLC0415 - only who explores waits for it

        _write(wanted.html, partial(explorer.page, settings, wanted.engine))
    only_a_page = wanted.html and not wanted.outputs
    only_saved = wanted.save_settings and not wanted.outputs and not _about(wanted)
    if not only_a_page and not only_saved:
        (_sequence if wanted.sequence else _pictures)(wanted, settings)


def _about(wanted: DrawOptions) -> bool:
    """Is a picture of something asked for, apart from the pool itself?"""
    return any(getattr(wanted, name) for name in (*_PICTURE, "sequence"))


def _check(wanted: DrawOptions) -> None:
    """Are the options ones that go together?"""
    if wrong := next(_wrong(wanted), None):
        raise Failed(wrong, MISUSED)


def _wrong(wanted: DrawOptions) -> Iterator[str]:
    if wanted.folder:
        yield f"{wanted.folder} requires --check; to write a picture, use -o FILE"
    yield from wanted.conflicts()
    for one, other in _EXCLUSIVE:
        if getattr(wanted, one) and getattr(wanted, other):
            yield f"--{one} and --{other} exclude each other"
    for name, needed in _TOGETHER.items():
        if getattr(wanted, name) and not any(getattr(wanted, each) for each in needed):
            yield f"--{name.replace('_', '-')} requires {' or '.join(f'--{n}' for n in needed)}"
    yield from _unused(wanted)
    forms = (*filter(None, FORMATS), *_BINARY)
    for name, given, known in (("format", wanted.form, forms), ("theme", wanted.theme, THEMES)):
        if given and given not in known:
            yield f"--{name} must be one of {', '.join(known)}, not {given!r}"


_PICTURE: Final = (
    "form", "flow", "state", "failures", "actions", "unfolded", "history", "traffic", "diff", "faded", "theme",
)  # fmt: skip
"""The options that say what a picture shows, or how it looks."""

_SEQUENCE: Final = ("flow", "history")
"""Those of them that a sequence diagram heeds."""


def _unused(wanted: DrawOptions) -> Iterator[str]:
    """Options that would change nothing: they are refused, so that nobody takes the result for what was asked."""
    heeded: tuple[str, ...]
    names: tuple[str, ...]
    if wanted.html and not wanted.outputs:
        heeded, what = (
            (),
            "--html, whose page shows the whole of a pool; a picture is one more -o FILE",
        )
        names = (*_PICTURE, "sequence")
    elif wanted.sequence:
        heeded, what, names = _SEQUENCE, "--sequence, which is text", (*_PICTURE, "engine")
    else:
        return
    for name in names:
        if getattr(wanted, name) and name not in heeded:
            yield f"--{_OPTIONS.get(name, name)} has no effect with {what}"


_OPTIONS: Final = {"form": "format"}
_EXCLUSIVE: Final = (
    ("pool", "diff"),
    ("settings", "diff"),
    ("history", "traffic"),
)
_TOGETHER: Final = {
    **dict.fromkeys(("faded", "save_settings"), ("pool", "settings")),
    "sequence": ("flow", "history"),
}


def _of(path: Path) -> PoolSettings:
    return describing.settings(describing.read(path))


def _sequence(wanted: DrawOptions, settings: PoolSettings | None) -> None:
    """What is said between person, app and Cognito, as Mermaid, or as Markdown that holds it."""
    history = _read(wanted.history, history_from_json)
    try:
        drawn = sequence(flow=wanted.flow, settings=settings, history=history)
    except CallerError as error:
        raise Failed(str(error), MISUSED) from None
    for output in wanted.outputs or [Path(f"{wanted.name()}.mmd")]:
        if output == Path("-"):
            sys.stdout.write(str(drawn))
        elif output.suffix.lower() in SEQUENCE_SUFFIXES:
            _write(output, partial(drawn.save, output))
        else:
            raise Failed(
                f"a sequence is written to {', '.join(SEQUENCE_SUFFIXES)}, not {output}", MISUSED
            )


def _pictures(wanted: DrawOptions, settings: PoolSettings | None) -> None:
    options: dict[str, Any] = {
        "flow": wanted.flow,
        "state": wanted.state and wanted.state.upper(),
        "settings": settings,
        "faded": wanted.faded,
        "difference": wanted.diff and (_of(wanted.diff[0]), _of(wanted.diff[1])),
        "history": _read(wanted.history, history_from_json),
        "traffic": _read(wanted.traffic, histories_from_json),
        "unfolded": wanted.unfolded,
        "failures": wanted.failures,
        "actions": wanted.actions,
        "engine": wanted.engine,
        **({"theme": THEMES[wanted.theme]} if wanted.theme else {}),
    }
    try:
        drawn = diagram(**options)
    except CallerError as error:
        raise Failed(str(error), MISUSED) from None
    for output in wanted.outputs or [Path(f"{wanted.name()}.svg")]:
        if output == Path("-"):
            _show(drawn, wanted.form or "svg")
        elif wanted.form:
            _write(output, partial(_formed, drawn, wanted.form))
        else:
            _suffixed(output)
            _write(output, partial(drawn.save, output))


def _suffixed(output: Path) -> None:
    if not output.name.lower().endswith(tuple(SUFFIXES)):
        known = ", ".join(SUFFIXES)
        raise Failed(
            f"{output} is to end in one of {known}, or its --format is to be given", MISUSED
        )


def _formed(drawn: Diagram, form: str) -> bytes:
    return _BINARY[form](drawn) if form in _BINARY else format(drawn, form).encode()


def _show(drawn: Diagram, form: str) -> None:
    sys.stdout.buffer.write(made(partial(_formed, drawn, form)))
    sys.stdout.flush()


def made(make: Callable[[], Read]) -> Read:
    """What is made, or why not, in one line.

    Raises:
        Failed: there is no engine, or it failed.
    """
    try:
        return make()
    except (NoEngine, NoPdf) as error:
        raise Failed(str(error)) from None
    except CalledProcessError as error:
        raise Failed(f"the engine failed: {error}") from None


def _write(path: Path, make: Callable[[], bytes | str | Path]) -> None:
    try:
        it = made(make)
        if not isinstance(it, Path):
            path.write_bytes(it.encode() if isinstance(it, str) else it)
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}") from None
    say(f"drew {path}")


def _read(path: Path | None, understand: Callable[[str], Read]) -> Read | None:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            raise Failed(f"{path} is empty: there is no sign-in to draw")
        return understand(text)
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}") from None
    except (CallerError, UnicodeDecodeError) as error:
        raise Failed(f"{path}: {error}") from None


def say(words: str) -> None:
    """Tell what was done: beside what is drawn, not in it."""
    typer.echo(words, err=True)
