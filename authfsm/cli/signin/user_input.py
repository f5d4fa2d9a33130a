"""The input of `authfsm signin`: the lines that a person types at a terminal, or those of standard input."""

from __future__ import annotations

import getpass
import sys
import warnings
from collections.abc import Sequence
from io import StringIO
from typing import Final, Protocol, TextIO

from attrs import define, field

from authfsm.base.secret import Secret
from authfsm.cli.signin.screen import ExitStatus, Misused, Screen, SignInEnded, read_line


class UserInput(Protocol):
    """A source of the user's input."""

    is_interactive: bool
    """Whether a person answers. Only a person is asked optional questions and is offered a new attempt."""

    def line(self, question: str, *, default: str = "", hint: str = "") -> str:
        """Return a line without the spaces around it; the default if the line is empty."""

    def hidden(self, question: str, *, hint: str = "") -> Secret[str]:
        """Read a line without echo, and return it unchanged."""


@define
class TerminalInput:
    """Asks a person at the terminal; Ctrl-D raises SignInEnded."""

    _screen: Screen
    is_interactive: bool = field(default=True, init=False)

    def line(self, question: str, *, default: str = "", hint: str = "") -> str:
        """Ask for a line that is echoed."""
        while True:
            self._screen.prompt(question, hint or default)
            try:
                typed = read_line()
            except UnicodeDecodeError:
                typed = "\udc80\n"
            if not typed:
                self._screen.console.print()
                raise SignInEnded(ExitStatus.INTERRUPTED, "Cancelled.")
            if _is_text(typed):
                return typed.strip() or default
            self._screen.bad("The input is not text in this terminal's encoding.")

    def hidden(self, question: str, *, hint: str = "") -> Secret[str]:
        """Ask for a line that is not echoed; ask again if it is empty."""
        while True:
            self._screen.prompt(question, hint)
            typed = self._hidden_line()
            if typed and _is_text(typed.reveal()):
                return typed
            self._screen.bad("Nothing was typed." if not typed else "The input is not text.")

    def _hidden_line(self) -> Secret[str]:
        try:
            with warnings.catch_warnings():
                # If the echo cannot be turned off, getpass warns and reads with echo.
                warnings.simplefilter("error", getpass.GetPassWarning)
                return Secret(getpass.getpass("", stream=sys.stderr))
        except EOFError:
            self._screen.console.print()
            raise SignInEnded(ExitStatus.INTERRUPTED, "Cancelled.") from None
        except UnicodeDecodeError:
            return Secret("\udc80")
        except getpass.GetPassWarning:
            self._screen.console.print()
            raise Misused("This terminal cannot hide what is typed: use --password-stdin.") from None


@define
class PipedInput:
    """Reads a line of standard input for each prompt; raises InputEnded if none is left, or if `_lines` is None."""

    _lines: TextIO | None
    is_interactive: bool = field(default=False, init=False)

    def _next(self, question: str) -> str:
        try:
            line = self._lines.readline() if self._lines is not None else ""
        except UnicodeDecodeError as error:
            raise Misused(f"{question}: standard input is not text in {error.encoding}.") from None
        if not line:
            raise InputEnded(question, _NO_TERMINAL if self._lines is None else _NO_LINE)
        return line.rstrip("\r\n")

    def line(self, question: str, *, default: str = "", hint: str = "") -> str:  # noqa: ARG002 - the protocol's
        """Return the next line without surrounding spaces, or the default if it is empty."""
        return self._next(question).strip() or default

    def hidden(self, question: str, *, hint: str = "") -> Secret[str]:  # noqa: ARG002 - the protocol's
        """Return the next line, unchanged."""
        return Secret(self._next(question))


_NO_LINE: Final = (
    "standard input has no further line. Write a line for each prompt: first the password, if the flow asks for it."
)
_NO_TERMINAL: Final = (
    "cannot prompt, because standard input and standard error are not both a terminal. Use --password-stdin, which reads"
    " each answer from a line of standard input; without --local, a password alone can also be in AUTHFSM_PASSWORD."
)


class InputEnded(Misused):
    """There is no input for a question; `why` says why, and what to do."""

    def __init__(self, question: str, why: str) -> None:
        super().__init__(f"{question}: {why}")


def user_input_for(screen: Screen, *, from_stdin: bool) -> UserInput:
    """Return the lines of standard input if `from_stdin`, else the terminal; without a terminal, prompts fail."""
    if from_stdin:
        return PipedInput(sys.stdin or StringIO())  # sys.stdin is None if it is closed
    is_terminal = all(each is not None and each.isatty() for each in (sys.stdin, sys.stderr))
    return TerminalInput(screen) if is_terminal else PipedInput(None)


def confirms(user: UserInput, question: str, *, default: bool) -> bool:
    """Ask a yes-or-no question, and return the answer; without a person, the default."""
    if not user.is_interactive:
        return default
    while True:
        line = user.line(question, hint="Y/n" if default else "y/N").lower()
        if not line:
            return default
        if line in {"y", "yes", "n", "no"}:
            return line.startswith("y")


def choose(user: UserInput, screen: Screen, question: str, choices: Sequence[tuple[str, str]]) -> str:
    """Let the user choose by number or name, and return the name; `choices` are pairs of a label and a name."""
    by_answer = {str(number): name for number, (_, name) in enumerate(choices, 1)}
    by_answer |= {name.lower(): name for _, name in choices}
    while True:
        screen.choices((label, name if name.isupper() else "") for label, name in choices)
        typed = user.line(f"{question} [1-{len(choices)}]").lower()
        if typed in by_answer:
            return by_answer[typed]
        screen.bad(f"Type a number from 1 to {len(choices)}.")
        if not user.is_interactive:
            raise Misused(f"{question}: the line from standard input is not one of the choices.")


def _is_text(typed: str) -> bool:
    # Python decodes bytes of another encoding as surrogates, and no request can contain those.
    return not any("\ud800" <= each <= "\udfff" for each in typed)
