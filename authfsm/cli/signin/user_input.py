"""The input of `authfsm signin`: from a terminal, from a pipe, or none."""

from __future__ import annotations

import getpass
import sys
import warnings
from collections.abc import Sequence
from io import StringIO
from typing import Protocol, TextIO

from attrs import define, field

from authfsm.base.secret import Secret
from authfsm.cli.signin.screen import ExitStatus, Misused, Screen, SignInEnded, read_line


class UserInput(Protocol):
    """A source of the user's input."""

    present: bool
    """Whether a user is present, who can be asked again and asked questions that need no answer."""

    def line(self, question: str, *, default: str = "", hint: str = "") -> str:
        """Return a line without the spaces around it; the default, if it is empty."""

    def hidden(self, question: str, *, hint: str = "") -> Secret[str]:
        """Return a line that is not echoed, unchanged."""


@define
class TerminalInput:
    """Reads from a person at the terminal; Ctrl-D raises SignInEnded."""

    _screen: Screen
    present: bool = field(default=True, init=False)

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
            typed = self._unseen()
            if typed and _is_text(typed.reveal()):
                return typed
            self._screen.bad("Nothing was typed." if not typed else "The input is not text.")

    def _unseen(self) -> Secret[str]:
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
    """Reads lines: the password first, then each answer in its order; a question without a line raises InputEnded."""

    _lines: TextIO
    present: bool = field(default=False, init=False)

    def _next(self, question: str) -> str:
        line = self._lines.readline()
        if not line:
            raise InputEnded(question)
        return line.rstrip("\r\n")

    def line(self, question: str, *, default: str = "", hint: str = "") -> str:  # noqa: ARG002 - the protocol's
        """Return the next line."""
        return self._next(question).strip() or default

    def hidden(self, question: str, *, hint: str = "") -> Secret[str]:  # noqa: ARG002 - the protocol's
        """Return the next line, unchanged."""
        return Secret(self._next(question))


class InputEnded(Misused):
    """A question for which there is no answer."""

    def __init__(self, question: str) -> None:
        super().__init__(
            f"{question}: cannot prompt, because standard input and standard error are not both a"
            " terminal. Set AUTHFSM_USERNAME and AUTHFSM_PASSWORD, or use --password-stdin: the first line is"
            " the password, and each further line the next answer."
        )


def user_input_for(screen: Screen, *, lines: bool) -> UserInput:
    """Return the source of answers of this process; `lines` reads them from standard input."""
    if lines:
        return PipedInput(sys.stdin)
    if sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
        return TerminalInput(screen)
    return PipedInput(StringIO())  # nobody can be asked


def confirms(user: UserInput, question: str, *, default: bool) -> bool:
    """Ask yes or no; the default, if nobody can be asked."""
    if not user.present:
        return default
    while True:
        typed = user.line(question, hint="Y/n" if default else "y/N").lower()
        if not typed:
            return default
        if typed in {"y", "yes", "n", "no"}:
            return typed.startswith("y")


def choose(user: UserInput, screen: Screen, question: str, choices: Sequence[tuple[str, str]]) -> str:
    """Ask for one of several choices (plain words, name) by number or name, and return its name."""
    by_answer = {str(number): name for number, (_, name) in enumerate(choices, 1)}
    by_answer |= {name.lower(): name for _, name in choices}
    while True:
        screen.choices((words, name if name.isupper() else "") for words, name in choices)
        typed = user.line(f"{question} [1-{len(choices)}]").lower()
        if typed in by_answer:
            return by_answer[typed]
        screen.bad(f"Type a number from 1 to {len(choices)}.")
        if not user.present:
            raise Misused(f"{question}: the line from standard input is not one of the choices.")


def _is_text(typed: str) -> bool:
    # What the terminal sends in another encoding arrives as surrogates, and no request can carry them.
    try:
        typed.encode()
    except UnicodeEncodeError:
        return False
    return True
