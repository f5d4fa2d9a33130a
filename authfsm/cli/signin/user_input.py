"""What `authfsm signin` reads from the user: from a terminal, from a pipe, or nothing at all."""

from __future__ import annotations

import getpass
import sys
import warnings
from collections.abc import Sequence
from typing import Final, Protocol, TextIO

from authfsm.base.secret import Secret
from authfsm.cli.signin.exits import ExitStatus, SignInEnded
from authfsm.cli.signin.keyboard import read_line
from authfsm.cli.signin.screen import Screen


class UserInput(Protocol):
    """Who answers."""

    present: bool
    """Can something be asked that needs no answer, or asked again?"""

    def line(self, question: str, *, default: str = "", hint: str = "") -> str:
        """A line, its ends stripped; the default, if it is empty."""

    def hidden(self, question: str, *, hint: str = "") -> Secret[str]:
        """A line that is not shown, as it is."""


class TerminalInput:
    """A person at the terminal.

    Args:
        screen: where questions are shown.
    """

    present = True

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def line(self, question: str, *, default: str = "", hint: str = "") -> str:
        """Ask for a line that may be seen.

        Raises:
            Ended: the person left (Ctrl-D).
        """
        while True:
            self._screen.prompt(question, hint or default)
            try:
                typed = read_line()
            except UnicodeDecodeError:
                typed = "\udc80\n"
            if not typed:
                self._screen.blank()
                raise SignInEnded(ExitStatus.INTERRUPTED, "Cancelled.")
            if _is_text(typed):
                return typed.strip() or default
            self._screen.bad("The input is not text in this terminal's encoding.")

    def hidden(self, question: str, *, hint: str = "") -> Secret[str]:
        """Ask for a line that must not be seen; an empty one is asked for again.

        Raises:
            Ended: the person left (Ctrl-D), or this terminal cannot hide what is typed.
        """
        while True:
            self._screen.prompt(question, hint)
            typed = self._unseen()
            if typed and _is_text(typed.reveal()):
                return typed
            self._screen.bad("Nothing was typed." if not typed else "The input is not text.")

    def _unseen(self) -> Secret[str]:
        try:
            with warnings.catch_warnings():
                # getpass warns, and goes on in the open, where the echo cannot be turned off.
                warnings.simplefilter("error", getpass.GetPassWarning)
                return Secret(getpass.getpass("", stream=sys.stderr))
        except EOFError:
            self._screen.blank()
            raise SignInEnded(ExitStatus.INTERRUPTED, "Cancelled.") from None
        except UnicodeDecodeError:
            return Secret("\udc80")
        except getpass.GetPassWarning:
            self._screen.blank()
            raise SignInEnded(
                ExitStatus.MISUSED, "This terminal cannot hide what is typed: use --password-stdin."
            ) from None


class PipedInput:
    """The lines of standard input: the password first, then what is asked, in its order.

    Args:
        lines: where they come from.
    """

    present = False

    def __init__(self, lines: TextIO) -> None:
        self._lines = lines

    def _next(self, question: str) -> str:
        line = self._lines.readline()
        if not line:
            raise InputEnded(question)
        return line.rstrip("\r\n")

    def line(self, question: str, *, default: str = "", hint: str = "") -> str:  # noqa: ARG002 - shown to nobody
        """The next line."""
        return self._next(question).strip() or default

    def hidden(self, question: str, *, hint: str = "") -> Secret[str]:  # noqa: ARG002 - shown to nobody
        """The next line, as it is."""
        return Secret(self._next(question))


class NoInput:
    """Nobody: there is no terminal, and standard input was not said to hold answers."""

    present = False

    def line(self, question: str, *, default: str = "", hint: str = "") -> str:  # noqa: ARG002 - there is nobody
        """Nobody answers."""
        raise InputEnded(question)

    def hidden(self, question: str, *, hint: str = "") -> Secret[str]:  # noqa: ARG002 - there is nobody
        """Nobody answers."""
        raise InputEnded(question)


class InputEnded(SignInEnded):
    """Something is asked, and there is nobody to ask.

    Args:
        question: what is asked.
    """

    def __init__(self, question: str) -> None:
        super().__init__(
            ExitStatus.MISUSED,
            f"{question}: cannot prompt, because standard input and standard error are not both a"
            " terminal. Set AUTHFSM_USERNAME and AUTHFSM_PASSWORD, or use --password-stdin: the first line is"
            " the password, and each further line the next answer.",
        )


def user_input_for(screen: Screen, *, lines: bool) -> UserInput:
    """Who answers in this process.

    Args:
        screen: where questions are shown.
        lines: do the lines of standard input answer?
    """
    if lines:
        return PipedInput(sys.stdin)
    if sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
        return TerminalInput(screen)
    return NoInput()


YES: Final = ("y", "yes")
NO: Final = ("n", "no")


def confirms(user: UserInput, question: str, *, default: bool) -> bool:
    """Yes or no; what is the default where nobody can be asked."""
    if not user.present:
        return default
    while True:
        typed = user.line(question, hint="Y/n" if default else "y/N").lower()
        if not typed:
            return default
        if typed in YES + NO:
            return typed in YES


def choose(
    user: UserInput, screen: Screen, question: str, choices: Sequence[tuple[str, str]]
) -> str:
    """One of several, by its number or by its name.

    Args:
        user: who chooses.
        screen: where the choices are shown.
        question: what is to be chosen.
        choices: each in plain words, with its name; shown in this order.

    Returns:
        The name.
    """
    by_answer = {str(number): name for number, (_, name) in enumerate(choices, 1)}
    by_answer |= {name.lower(): name for _, name in choices}
    while True:
        screen.choices((words, name if name.isupper() else "") for words, name in choices)
        typed = user.line(f"{question} [1-{len(choices)}]").lower()
        if typed in by_answer:
            return by_answer[typed]
        screen.bad(f"Type a number from 1 to {len(choices)}.")
        if not user.present:
            raise SignInEnded(
                ExitStatus.MISUSED,
                f"{question}: the line from standard input is not one of the choices.",
            )


def _is_text(typed: str) -> bool:
    # What the terminal sends in another encoding arrives as surrogates, and no request can carry them.
    try:
        typed.encode()
    except UnicodeEncodeError:
        return False
    return True
