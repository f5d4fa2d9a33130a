"""The output of `authfsm signin` for people, on standard error; and its exit codes.

Standard output is for the tokens. Strings from outside (parameters, destinations, messages) are shown without
control characters, so that a pool cannot control the terminal.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from functools import partialmethod
from io import StringIO
from itertools import groupby
from typing import Any, Final

from rich.box import ROUNDED
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from authfsm.core.history import Step
from authfsm.protocol.error_policy import Fault
from authfsm.protocol.errors import AuthfsmError, ConnectionLost, InvalidInput, Refused
from authfsm.protocol.states import State
from authfsm.protocol.table import Role

if sys.platform != "win32":
    import termios

_POLL_SECONDS: Final = 0.2
_LOCAL_MODES: Final = 3  # the index of the local modes in the list of termios.tcgetattr
_WIDEST: Final = 88
_SIGNS: Final[Mapping[str, tuple[str, str]]] = {
    # the sign, and its replacement if the terminal can show only ASCII
    "ask": ("?", "?"),
    "good": ("✓", "*"),
    "bad": ("✗", "x"),
    "note": ("!", "!"),
    "mail": ("✉", "@"),
    "then": ("›", ">"),  # noqa: RUF001 - between two states of a path
    "times": ("×", "x"),  # noqa: RUF001 - before the number of repetitions
}
_COLOURS: Final = {"good": "green", "bad": "red", "note": "yellow", "mail": "magenta"}
_STATE_COLOURS: Final = {
    State.AUTHENTICATED: "bold green",
    State.FAILED: "bold red",
    State.NEW_PASSWORD_REQUIRED: "yellow",
    State.MFA_SETUP: "yellow",
    State.DEVICE_SRP_AUTH: "magenta",
    State.DEVICE_PASSWORD_VERIFIER: "magenta",
}

_USER_FAULTS: Final = {Fault.USER, Fault.TIME}


def state_colour(state: State, role: Role | None) -> str:
    """Return the style of a state's name."""
    return _STATE_COLOURS.get(state, "dark_orange3" if role is Role.SECOND_FACTOR else "cyan")


def printable(text: str) -> str:
    """Return a string from outside without the characters that could control the terminal."""
    return "".join(each if each.isprintable() else "?" for each in text)


def path(history: Iterable[Step], times: str = "x") -> list[str]:
    """Return the names of a sign-in's states from START; repetitions become one name with a count: "SMS_MFA x2"."""
    walked = [State.START, *(step.dest for step in history)]
    runs = [(state.value, len(list(same))) for state, same in groupby(walked)]
    return [name if count == 1 else f"{name} {times}{count}" for name, count in runs]


def reason_and_code(error: AuthfsmError) -> tuple[str, str]:
    """Return a sentence that says why a request failed, and the error code of Cognito or botocore, if any.

    The sentence is the one for end users if the user or the time is at fault, else Cognito's message, which says more.
    """
    match error:
        case Refused() if error.fault in _USER_FAULTS or not error.refusal.message:
            return error.for_person(), error.refusal.code
        case Refused():
            return error.refusal.message, error.refusal.code
        case ConnectionLost() | InvalidInput():
            return error.for_person(), error.why if isinstance(error, ConnectionLost) else ""
        case _:
            return str(error), ""


class Screen:
    """Writes to standard error, or to another console if one is given. If standard error is closed, shows nothing."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(file=sys.stderr or StringIO(), highlight=False, markup=False, emoji=False)
        self.shows_unicode = (self.console.encoding or "").lower().startswith("utf")
        """Whether this terminal can show more than ASCII."""

    @property
    def coloured(self) -> bool:
        """Whether output may be coloured: not if NO_COLOR is set (no-color.org)."""
        return self.console.color_system is not None and not self.console.no_color

    def sign(self, name: str) -> str:
        """Return a sign of `_SIGNS`, or its replacement in ASCII."""
        return _SIGNS[name][not self.shows_unicode]

    def _print(self, name: str, text: str, hint: str = "") -> None:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=1)
        grid.add_column(overflow="fold")
        words = Text(printable(text))
        if hint:
            words.append(f"  {printable(hint)}", style="dim")
        grid.add_row(Text(self.sign(name), style=f"bold {_COLOURS[name]}"), words)
        self.console.print(grid)

    good = partialmethod(_print, "good")
    bad = partialmethod(_print, "bad")
    note = partialmethod(_print, "note")
    mail = partialmethod(_print, "mail")

    def plain(self, text: str) -> None:
        """Print a line without a sign."""
        self.console.print(Padding(Text(printable(text), style="dim"), (0, 0, 0, 2)))

    def prompt(self, question: str, hint: str = "") -> None:
        """Print a question; the user's input follows it on the same line."""
        line = Text.assemble((f"{self.sign('ask')} ", "bold cyan"), (printable(question), "bold"))
        if hint:
            line.append(f" ({printable(hint)})", style="dim")
        line.append(": ")
        self.console.print(line, end="", soft_wrap=True)

    def choices(self, choices: Iterable[tuple[str, str]]) -> None:
        """Print numbered choices: the label of each, and Cognito's name for it."""
        grid = Table.grid(padding=(0, 1))
        grid.add_column(justify="right", style="bold cyan", width=3)
        grid.add_column(overflow="fold")
        grid.add_column(overflow="fold", style="dim")
        for number, (label, name) in enumerate(choices, 1):
            grid.add_row(str(number), Text(printable(label)), Text(printable(name)))
        self.console.print(grid)

    def facts(self, facts: Mapping[str, str], title: str = "") -> None:
        """Print names and values, in a frame if there is a title."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, fact in facts.items():
            grid.add_row(Text(printable(name)), Text(printable(fact)))
        if not title:
            self.console.print(Padding(grid, (0, 0, 0, 2)))
            return
        width, head = min(self.console.width, _WIDEST), Text(printable(title), style="bold")
        look: dict[str, Any] = {"title_align": "left", "border_style": "dim", "padding": (0, 1)}
        self.console.print(Panel(grid, ROUNDED, title=head, width=width, **look))

    def print_path(self, history: tuple[Step, ...]) -> None:
        """Print the path of the sign-in to its current state."""
        names = path(history, self.sign("times"))
        last = history[-1] if history else None
        colour = state_colour(last.dest, last.role) if last else "cyan"
        line = Text(style="dim")
        for name in names[:-1]:
            line.append(f"{name} {self.sign('then')} ")
        self.console.print()
        self.console.print(Text.assemble(line, (names[-1], f"not dim bold {colour}")))

    def print_end(self, why: str, hint: str = "", advice: str = "", command: str = "") -> None:
        """Print why the sign-in ended, what to do next, and, unwrapped, the command line that does it."""
        if why:
            self.bad(why, hint)
        if advice:
            self.plain(advice)
        if command:
            self.console.print(Text(f"  {printable(command)}", style="bold"), soft_wrap=True)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show a spinner while the block runs."""
        if not self.console.is_terminal or self.console.is_dumb_terminal:
            yield
            return
        spinner = "dots" if self.shows_unicode else "line"
        with input_discarded(), self.console.status(Text(what, style="dim"), spinner=spinner):
            yield

    def print_picture(self, picture: str) -> None:
        """Print a picture of half blocks unchanged."""
        lines = len(picture.splitlines())
        # The prompt needs one more line, but two lines of the QR code's white border may scroll away.
        if self.console.is_terminal and lines - 1 > self.console.height:
            self.note(f"The QR code is {lines} lines high: enlarge this window if its top is cut off.")
        self.console.file.write(picture)
        self.console.file.flush()


class ExitStatus(IntEnum):
    """The exit codes: a different code for each different next action of a user or a script."""

    meaning: str
    """When this exit code is used."""

    def __new__(cls, code: int, meaning: str) -> ExitStatus:
        """Return a member whose value is its exit code."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    SIGNED_IN = 0, "signed in"
    REFUSED = 1, "refused: a wrong password, code or answer, or the pool's rules deny the user"
    MISUSED = 2, "usage error, no input for a prompt, or an output that cannot be written"
    TRY_LATER = 3, "expired, locked out or throttled: try again later"
    SERVICE_FAILED = 4, "the network, Cognito or a trigger failed"
    MISCONFIGURED = 5, "the configuration of the pool, the app client or this command must be fixed"
    RESET_PASSWORD = 6, "the password must be reset first"
    CONFIRM_USER = 7, "the user must be confirmed first"
    NOT_IN_TERMINAL = 8, "the challenge cannot be answered in a terminal"
    INTERRUPTED = 130, "cancelled by the user (Ctrl-C, Ctrl-D)"
    TERMINATED = 143, "ended by SIGTERM or SIGHUP"


EPILOG: Final = f"Exit status: {'; '.join(f'{each.value} {each.meaning}' for each in ExitStatus)}."
"""The meaning of each exit code, for `--help`."""


class SignInEnded(Exception):
    """The sign-in has ended without tokens; `why` is empty if the reason was already printed.

    `hint` is the error code of Cognito or botocore, `advice` what to do next, and `command` a command line that does it.
    """

    def __init__(self, code: ExitStatus, why: str = "", *, hint: str = "", advice: str = "", command: str = "") -> None:
        super().__init__(why)
        self.code = code
        self.why = why
        self.hint = hint
        self.advice = advice
        self.command = command


class Misused(SignInEnded):
    """The command was called in a way that cannot succeed."""

    def __init__(self, why: str) -> None:
        super().__init__(ExitStatus.MISUSED, why)


def read_line() -> str:
    """Return a line of standard input with its line end; an empty string at the end of the input."""
    # A signal that arrives just before a read starts does not interrupt it, so Ctrl-C would take effect only with
    # the next key. Therefore the read starts only when there is input.
    while sys.platform != "win32" and not select.select([sys.stdin], [], [], _POLL_SECONDS)[0]:
        pass
    return sys.stdin.readline()


@contextmanager
def input_discarded() -> Iterator[None]:
    """Within the block, do not echo what is typed, and discard it at the end, because it may be a password."""
    if sys.platform == "win32" or sys.stdin is None or not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    silent = [*before]
    silent[_LOCAL_MODES] &= ~termios.ECHO
    try:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, silent)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, before)
