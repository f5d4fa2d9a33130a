"""Run `authfsm draw`: read the settings and histories, draw, and write the files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, Final, TypeVar

import typer
from attrs import frozen

from authfsm.cli import pool_descriptions
from authfsm.cli.exit_status import USAGE_ERROR, Failed
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
class DrawOptions(pool_descriptions.PoolOptions):
    """The values of the command's options."""

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
        """Return the file name of the picture, without its suffix."""
        named = self.flow or self.state
        if named:
            return named.lower()
        about = {"difference": self.diff, "walk": self.history, "traffic": self.traffic}
        pool = "pool" if self.pool or self.settings else "protocol"
        return next((name for name, given in about.items() if given), pool)


def draw(options: DrawOptions) -> None:
    """Draw the pictures, pages and descriptions that the options ask for.

    Raises:
        Failed: a usage error, or an input cannot be read or an output not be written.
    """
    _check(options)
    descriptions = options.described()
    if descriptions and options.save_settings:
        pool_descriptions.save(options.save_settings, descriptions)
        report(f"saved {options.save_settings}")
    settings = pool_descriptions.settings(descriptions) if descriptions else None
    if options.html:
        from authfsm.diagrams import explorer  # noqa: PLC0415 - imported only when it runs: --help stays fast

        _write(options.html, partial(explorer.page, settings, options.engine))
    only_a_page = options.html and not options.outputs
    only_saved = options.save_settings and not options.outputs and not _asks_for_picture(options)
    if not only_a_page and not only_saved:
        (_sequence if options.sequence else _pictures)(options, settings)


def _asks_for_picture(options: DrawOptions) -> bool:
    """Return whether an option asks for a picture."""
    return any(getattr(options, name) for name in (*_PICTURE, "sequence"))


def _check(options: DrawOptions) -> None:
    if wrong := next(_wrong(options), None):
        raise Failed(wrong, USAGE_ERROR)


def _wrong(options: DrawOptions) -> Iterator[str]:
    if options.folder:
        yield f"{options.folder} requires --check; to write a picture, use -o FILE"
    yield from options.conflicts()
    for one, other in _EXCLUSIVE:
        if getattr(options, one) and getattr(options, other):
            yield f"--{one} and --{other} exclude each other"
    for name, needed in _TOGETHER.items():
        if getattr(options, name) and not any(getattr(options, each) for each in needed):
            yield f"--{name.replace('_', '-')} requires {' or '.join(f'--{n}' for n in needed)}"
    yield from _unused(options)
    forms = (*filter(None, FORMATS), *_BINARY)
    for name, given, known in (("format", options.form, forms), ("theme", options.theme, THEMES)):
        if given and given not in known:
            yield f"--{name} must be one of {', '.join(known)}, not {given!r}"


_PICTURE: Final = (
    "form", "flow", "state", "failures", "actions", "unfolded", "history", "traffic", "diff", "faded", "theme",
)  # fmt: skip
"""The options that decide what a picture shows or how it looks."""

_SEQUENCE: Final = ("flow", "history")
"""Those of them that change a sequence diagram."""


def _unused(options: DrawOptions) -> Iterator[str]:
    """Yield an error for each option that would have no effect."""
    effective: tuple[str, ...]
    names: tuple[str, ...]
    if options.html and not options.outputs:
        effective, mode = (
            (),
            "--html, whose page always shows the whole pool; add -o FILE for a picture",
        )
        names = (*_PICTURE, "sequence")
    elif options.sequence:
        effective, mode, names = _SEQUENCE, "--sequence, which writes text", (*_PICTURE, "engine")
    else:
        return
    for name in names:
        if getattr(options, name) and name not in effective:
            yield f"--{_OPTIONS.get(name, name)} has no effect with {mode}"


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


def _settings(path: Path) -> PoolSettings:
    return pool_descriptions.settings(pool_descriptions.read(path))


def _sequence(options: DrawOptions, settings: PoolSettings | None) -> None:
    """Write a sequence diagram of user, app and Cognito, as Mermaid or as Markdown with Mermaid in it."""
    history = _read(options.history, history_from_json)
    try:
        drawn = sequence(flow=options.flow, settings=settings, history=history)
    except CallerError as error:
        raise Failed(str(error), USAGE_ERROR) from None
    for output in options.outputs or [Path(f"{options.name()}.mmd")]:
        if output == Path("-"):
            sys.stdout.write(str(drawn))
        elif output.suffix.lower() in SEQUENCE_SUFFIXES:
            _write(output, partial(drawn.save, output))
        else:
            raise Failed(
                f"a sequence is written to {', '.join(SEQUENCE_SUFFIXES)}, not {output}",
                USAGE_ERROR,
            )


def _pictures(options: DrawOptions, settings: PoolSettings | None) -> None:
    arguments: dict[str, Any] = {
        "flow": options.flow,
        "state": options.state and options.state.upper(),
        "settings": settings,
        "faded": options.faded,
        "difference": options.diff and (_settings(options.diff[0]), _settings(options.diff[1])),
        "history": _read(options.history, history_from_json),
        "traffic": _read(options.traffic, histories_from_json),
        "unfolded": options.unfolded,
        "failures": options.failures,
        "actions": options.actions,
        "engine": options.engine,
        **({"theme": THEMES[options.theme]} if options.theme else {}),
    }
    try:
        drawn = diagram(**arguments)
    except CallerError as error:
        raise Failed(str(error), USAGE_ERROR) from None
    for output in options.outputs or [Path(f"{options.name()}.svg")]:
        if output == Path("-"):
            _show(drawn, options.form or "svg")
        elif options.form:
            _write(output, partial(_formed, drawn, options.form))
        else:
            _suffixed(output)
            _write(output, partial(drawn.save, output))


def _suffixed(output: Path) -> None:
    if not output.name.lower().endswith(tuple(SUFFIXES)):
        known = ", ".join(SUFFIXES)
        raise Failed(
            f"{output} must end in one of {known}; or give its format with --format", USAGE_ERROR
        )


def _formed(drawn: Diagram, form: str) -> bytes:
    return _BINARY[form](drawn) if form in _BINARY else format(drawn, form).encode()


def _show(drawn: Diagram, form: str) -> None:
    sys.stdout.buffer.write(drawn_by(partial(_formed, drawn, form)))
    sys.stdout.flush()


def drawn_by(make: Callable[[], Read]) -> Read:
    """Return the result of a function that draws.

    Raises:
        Failed: no layout engine is installed, or it failed.
    """
    try:
        return make()
    except (NoEngine, NoPdf) as error:
        raise Failed(str(error)) from None
    except CalledProcessError as error:
        raise Failed(f"the layout engine failed: {error}") from None


def _write(path: Path, make: Callable[[], bytes | str | Path]) -> None:
    try:
        content = drawn_by(make)
        if not isinstance(content, Path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}") from None
    report(f"drew {path}")


def _read(path: Path | None, parse: Callable[[str], Read]) -> Read | None:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            raise Failed(f"{path} is empty: there is no sign-in to draw")
        return parse(text)
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}") from None
    except (CallerError, UnicodeDecodeError) as error:
        raise Failed(f"{path}: {error}") from None


def report(message: str) -> None:
    """Print a message on standard error, as standard output may be the picture."""
    typer.echo(message, err=True)
