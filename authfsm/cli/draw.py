"""`authfsm draw`: draw the protocol, a pool or recorded sign-ins, as pictures, sequences, pages and data."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, ClassVar, Final, TypeVar

from attrs import evolve, frozen

from authfsm import diagrams
from authfsm.cli import command, pool_descriptions
from authfsm.cli.pool_descriptions import PoolOptions, pool_option, settings_of
from authfsm.core.history import History, histories_from_json
from authfsm.diagrams.drawing import Drawing
from authfsm.diagrams.render import ENGINES
from authfsm.protocol.errors import CallerError
from authfsm.settings import PoolSettings
from authfsm.settings.descriptions import decode_text

Read = TypeVar("Read")

# The formats whose suffix is not their name.
_SUFFIXES: Final = {
    "mermaid": ".mmd", "plantuml": ".puml", "markdown": ".md", "xstate": ".xstate.json", "xstate-module": ".xstate.js",
}  # fmt: skip
_NAMES: Final = {".gv": "dot", **{suffix: name for name, suffix in _SUFFIXES.items()}}
_BINARY: Final[dict[str, Callable[[Drawing], bytes]]] = {
    "png": lambda drawn: drawn.png(),
    "pdf": lambda drawn: drawn.pdf(),
}

PICTURE_OPTIONS: Final = (
    "output_format", "flow", "state", "failures", "actions", "unfolded", "overview", "label", "history", "traffic", "diff",
    "faded", "theme", "picture", "animated",
)  # fmt: skip
"""The options about a picture. With --html, each of them but --diff requires -o. With --save-settings, which draws
nothing by itself, each of them causes a picture to be drawn."""

_REQUIRED: Final = {
    "faded": ("pool_id", "settings"), "save_settings": ("pool_id", "settings"), "sequence": ("flow", "history"), "animated": ("history",),
}  # fmt: skip
"""Each of these options requires at least one of the options that are listed for it."""

_PICTURES: Final = ("svg", "png", "pdf", "dot")
_FORMATS: Final[dict[str, tuple[str, ...]]] = {
    "picture": ("svg", "png"), "animated": ("svg",), "engine": ("svg", "png", "pdf", "html"),
    "overview": _PICTURES, "actions": _PICTURES, "theme": (*_PICTURES, "mermaid", "plantuml"),
    "label": (*_PICTURES, "mermaid", "plantuml", "markdown"),
    **dict.fromkeys(("history", "traffic", "faded"), (*_PICTURES, "mermaid", "plantuml", "markdown", "json")),
    "diff": (*_PICTURES, "mermaid", "plantuml", "markdown", "json", "html"),
}  # fmt: skip
"""For each option that not every format supports, the formats that support it."""

_content: Final = partial(command.option, panel="Content")
_output: Final = partial(command.option, panel="Output")


@frozen(kw_only=True)
class Draw(PoolOptions):
    """Draw the protocol, one flow, one state, the paths of a user pool, or the path of a recorded sign-in.

    Without options it draws the whole protocol to protocol.svg. Graphviz need not be installed.
    """

    epilog: ClassVar[str] = "Exit status: 0 success; 1 failure; 2 usage error."

    output: list[Path] | None = _output(
        "Write to this file; the suffix sets the format: .svg .png .pdf .dot .mmd .puml .md .scxml .xstate.json"
        " .xstate.js .json. Use - for standard output. Repeatable.",
        "--output",
        "-o",
        allow_dash=True,
        metavar="FILE",
    )
    output_format: str | None = _output(
        "Output format: svg, png, pdf, dot, mermaid, plantuml, markdown, scxml, xstate, xstate-module or json; by"
        " default the one of the suffix.",
        "--format",
        "-f",
    )
    flow: str | None = _content(
        "Only the states of this flow, for example USER_SRP_AUTH. The states that it reaches only through CUSTOM_CHALLENGE or"
        " OTHER_CHALLENGE are left out, unless --unfolded is given."
    )
    state: str | None = _content("Only this state and its neighbours, for example SMS_MFA.")
    failures: bool = _content("Also draw the refusals that end an attempt.", default=False)
    actions: bool = _content("Like --failures, and show what to do after each refusal.", default=False)
    unfolded: bool = _content(
        "Draw every transition separately. As SVG or PNG: an overview, and for each state a file with the transitions that"
        " leave it (for START a file for each way to begin, for EMAIL_OTP one for each role: first or second factor); the"
        " SVG files are linked. As PDF: one file with these diagrams as its pages. In any other format, or with --state, or"
        " on standard output: one diagram.",
        default=False,
    )
    overview: bool = _content(
        "Leave out the names of responses, so that the whole protocol fits on one page.", default=False
    )
    label: list[str] | None = _content(
        "Replace a text of the diagram: NAME is the old text, TEXT the new one. NAME may be the text of a state, a"
        " response, a line of the caption, or a junction (a small node for a set of next states). Repeatable.",
        metavar="NAME=TEXT",
    )
    history: Path | None = _content(
        "Draw the path of one recorded sign-in: JSON lines, as written by authfsm.history_to_json or authfsm.traces.recorder.",
        dir_okay=False,
    )
    traffic: Path | None = _content(
        "Draw how often each transition was taken; FILE records many sign-ins, in the format of --history.",
        dir_okay=False,
    )
    sequence: bool = _content("Draw the messages between user, app and Cognito.", default=False)
    html: Path | None = _content("Write an interactive page as one HTML file.", dir_okay=False)
    save_settings: Path | None = pool_option(
        "Save the pool's settings to this file, without secrets, for --settings and --diff.", dir_okay=False
    )
    diff: tuple[Path, Path] | None = pool_option(
        "Compare two files in the format of --settings: show what B enables and disables.", metavar="A B"
    )
    faded: bool = pool_option("Also draw, faded, the transitions that the settings exclude.", default=False)
    theme: str | None = _output("Colour theme: light, dark, print or auto.")
    animated: bool = _output("Let the steps of --history appear one after another.", default=False)
    picture: bool = _output(
        "Write a light and a dark version, and with --animated a still one; print a <picture> element that selects one.",
        default=False,
    )
    engine: str | None = _output("Layout engine: graphviz-pure, or dot (the installed Graphviz).")

    def run(self) -> int:
        """Draw the pictures, pages and descriptions that the options ask for."""
        self._refuse_misuse()
        descriptions = self.described()
        settings = settings_of(descriptions, self.settings or self.pool_id) if descriptions else None
        asks_for_picture = any(getattr(self, name) for name in (*PICTURE_OPTIONS, "sequence", "engine"))
        draws = self.output or (not self.html and (asks_for_picture or not self.save_settings))
        try:  # before any file is written: this refuses wrong options
            drawn = self._drawing(settings) if draws else None
        except CallerError as error:
            raise command.WrongUsage(str(error)) from None
        if descriptions and self.save_settings:
            pool_descriptions.save(self.save_settings, descriptions)
            command.print_message(f"saved {self.save_settings}")
        if self.html:
            from authfsm.diagrams import explorer  # noqa: PLC0415 - only a page needs it

            before, after = map(settings_of, self.diff) if self.diff else (None, settings)
            _write(self.html, partial(explorer.page, after, self.engine, before=before))
        if drawn is not None:
            self._draw(drawn)
        return 0

    def _labels(self) -> dict[str, str]:
        labels: dict[str, str] = {}
        for each in self.label or []:
            name, equals, text = each.partition("=")
            if not equals:
                raise command.WrongUsage(f"--label must be NAME=TEXT, not {each!r}")
            if name in labels:
                raise command.WrongUsage(f"--label has {name} twice: give one text for it")
            labels[name] = text
        return labels

    def _refuse_misuse(self) -> None:
        self.refuse_conflicts()
        command.refuse_exclusive(
            self, ("pool_id", "diff"), ("settings", "diff"), ("history", "traffic"), ("picture", "theme")
        )
        for name, needed in _REQUIRED.items():
            if getattr(self, name) and not any(getattr(self, each) for each in needed):
                either = " or ".join(map(command.flag, needed))
                raise command.WrongUsage(f"{command.flag(name)} requires {either}")
        self._labels()
        if self.html and not self.output:
            mode = "--html, whose page always shows everything; add -o FILE for a picture"
            command.refuse_unused({*PICTURE_OPTIONS, "sequence"} - {"diff"}, mode)
        elif self.sequence:
            unused = {*PICTURE_OPTIONS} - {"flow", "history", "output_format", "theme", "label", "picture"}
            command.refuse_unused(unused, "--sequence, which shows messages")
        self._refuse_options_of_other_formats()
        command.refuse_unknown("theme", self.theme, diagrams.THEMES)
        command.refuse_unknown("engine", self.engine, ENGINES)
        for output in self.output or ():
            self._refuse_output_name(output)
        for output in (*(self.output or ()), self.html, self.save_settings):
            command.refuse_overwriting(output, self.settings, self.history, self.traffic, *(self.diff or ()))
        for name in ("html", "save_settings"):
            if getattr(self, name) == command.STDOUT:
                raise command.WrongUsage(f"{command.flag(name)} cannot write to standard output: name a file")

    def _refuse_output_name(self, output: Path) -> None:
        """Refuse a file whose suffix does not fit the other options, before any file is written."""
        if self.output_format and _format_of(output) not in {"", self.output_format}:
            ending = _SUFFIXES.get(self.output_format, f".{self.output_format}")
            raise command.WrongUsage(
                f"{output} contradicts --format {self.output_format}: name a file that ends in {ending}"
            )
        if self.picture:
            if output == command.STDOUT:
                raise command.WrongUsage(
                    "--picture writes several files, so it cannot write to standard output: pass a file name with -o"
                )
            if (output.suffix or f".{self.output_format or 'svg'}").lower() not in {".svg", ".png"}:
                raise command.WrongUsage(f"--picture writes .svg or .png, not {output}")
        elif not self.output_format and output != command.STDOUT:
            suffixes = (diagrams.SequenceDiagram if self.sequence else diagrams.Diagram).suffixes
            if not output.name.lower().endswith(tuple(suffixes)):
                why = f"{output} must end in one of {', '.join(suffixes)}; or give its format with --format"
                raise command.WrongUsage(why)

    def _refuse_options_of_other_formats(self) -> None:
        kind: type[Drawing] = diagrams.SequenceDiagram if self.sequence else diagrams.Diagram
        command.refuse_unknown("format", self.output_format, (*filter(None, kind.formats), *_BINARY))
        outputs = self.output or ([] if self.html else [command.STDOUT])
        written = {self.output_format or _format_of(each) or "svg" for each in outputs} | (
            {"html"} if self.html else set()
        )
        for name, formats in (_FORMATS | ({"theme": _PICTURES} if self.sequence else {})).items():
            if getattr(self, name) and written.isdisjoint(formats):
                why = f"{command.flag(name)} applies to {', '.join(formats)}, not to {', '.join(sorted(written))}"
                raise command.WrongUsage(f"{why}: omit it, or choose another format")

    def _default(self, suffix: str) -> list[Path]:
        """Return the file that is written if no option names one."""
        about = {"difference": self.diff, "history": self.history, "traffic": self.traffic}
        pool = "pool" if self.pool_id or self.settings else "protocol"
        name = next((name for name, value in about.items() if value), pool)
        return [Path((self.flow or self.state or name).lower() + suffix)]

    def _drawing(self, settings: PoolSettings | None) -> Drawing:
        """Return the diagram or the sequence that the options ask for."""
        look: dict[str, Any] = {
            "labels": self._labels(),
            "engine": self.engine,
            "theme": diagrams.THEMES[self.theme or "light"],
        }
        history, flow = _read(self.history, _one_history), self.flow and self.flow.upper()
        if self.sequence:
            return diagrams.sequence(flow=flow, settings=settings, history=history, **look)
        return diagrams.diagram(
            flow=flow,
            state=self.state and self.state.upper(),
            settings=settings,
            faded=self.faded,
            difference=self.diff and (settings_of(self.diff[0]), settings_of(self.diff[1])),
            history=history,
            traffic=_read(self.traffic, histories_from_json),
            unfolded=self.unfolded,
            failures=self.failures,
            actions=self.actions,
            overview=self.overview,
            animated=self.animated,
            **look,
        )

    def _draw(self, drawn: Drawing) -> None:
        suffix = _SUFFIXES.get(self.output_format or "", f".{self.output_format or 'svg'}")
        for output in self.output or self._default(suffix):
            if self.picture:
                self._draw_with_companions(drawn, output)
            elif output == command.STDOUT:
                with drawing_errors():
                    sys.stdout.buffer.write(_formatted(drawn, self.output_format or "svg"))
                sys.stdout.flush()
            elif self.output_format:
                for file, page in drawn.files(output, f".{self.output_format}").items():
                    _write(file, partial(_formatted, page, self.output_format))
            else:
                for file, page in drawn.files(output, output.suffix.lower()).items():
                    _write(file, partial(page.save, file))

    def _draw_with_companions(self, drawn: Drawing, output: Path) -> None:
        """Write a light and a dark picture, and if it is animated a still one; print the HTML that selects one of them."""
        suffix = output.suffix or f".{self.output_format or 'svg'}"
        looks: dict[str, Any] = {"light": {"theme": diagrams.LIGHT}, "dark": {"theme": diagrams.DARK}}
        looks |= {"still": {"theme": diagrams.AUTO, "animated": False}} if self.animated else {}
        files = {name: output.with_name(f"{output.stem}-{name}{suffix}").as_posix() for name in looks}
        for name, look in looks.items():
            _write(Path(files[name]), partial(evolve(drawn, **look).save, files[name]))  # type: ignore[misc]
        sys.stdout.write(diagrams.picture_tag(title=drawn.title, **files))


def _format_of(output: Path) -> str:
    name = output.name.lower()
    suffix = max((each for each in diagrams.SUFFIXES if name.endswith(each)), key=len, default="")
    return _NAMES.get(suffix, suffix.removeprefix("."))


def _formatted(drawn: Drawing, output_format: str) -> bytes:
    return _BINARY[output_format](drawn) if output_format in _BINARY else format(drawn, output_format).encode()


@contextmanager
def drawing_errors() -> Iterator[None]:
    """Raise `Failed` if the layout engine is missing or fails, a font is missing, or PDF cannot be written."""
    try:
        yield
    except (diagrams.MissingFont, diagrams.NoEngine, diagrams.NoPdf) as error:
        raise command.Failed(str(error)) from None
    except CalledProcessError as error:
        raise command.Failed(f"the layout engine failed: {error}") from None


def _write(path: Path, make: Callable[[], bytes | str | Path]) -> None:
    with command.writing(path), drawing_errors():
        content = make()
        if not isinstance(content, Path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    command.print_message(f"drew {path}")


def _one_history(text: str) -> History:
    history, *others = histories_from_json(text)
    if others:
        count = 1 + len(others)
        raise CallerError(f"there are {count} sign-ins: keep the lines of one, or draw all of them with --traffic")
    return history


def _read(path: Path | None, parse: Callable[[str], Read]) -> Read | None:
    if path is None:
        return None
    try:
        text = decode_text(path.read_bytes())
        if not text.strip():
            raise command.Failed(f"{path} is empty: there is no sign-in to draw")
        return parse(text)
    except OSError as error:
        raise command.Failed(f"{path} cannot be read: {error.strerror}") from None
    except (CallerError, UnicodeDecodeError) as error:
        raise command.Failed(f"{path}: {error}") from None
