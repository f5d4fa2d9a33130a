"""What a person sees of a sign-in: all of it on standard error, and none of it a secret.

Standard output is kept for the tokens, if they are asked for. Whatever comes from outside (parameters,
destinations, messages) is shown without its control characters: a pool must not steer a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from typing import Final

from rich.box import ROUNDED
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from authfsm.cli.signin.keyboard import input_discarded
from authfsm.core.history import Step
from authfsm.protocol.errors import AuthfsmError, ConnectionLost, InvalidInput, Refused
from authfsm.protocol.states import State
from authfsm.protocol.table import Role

_WIDEST: Final = 88
_SIGNS: Final[Mapping[str, tuple[str, str]]] = {
    # what it says: (its sign, its sign where there is only ASCII)
    "ask": ("?", "?"),
    "good": ("✓", "*"),
    "bad": ("✗", "x"),
    "note": ("!", "!"),
    "mail": ("✉", "@"),
    "then": ("›", ">"),  # noqa: RUF001 - a breadcrumb's sign
    "times": ("×", "x"),  # noqa: RUF001 - so often
}
_COLOURS: Final = {
    "ask": "cyan",
    "good": "green",
    "bad": "red",
    "note": "yellow",
    "mail": "magenta",
}
_STATES: Final = {
    State.AUTHENTICATED: "bold green",
    State.FAILED: "bold red",
    State.NEW_PASSWORD_REQUIRED: "bold yellow",
    State.MFA_SETUP: "bold yellow",
    State.DEVICE_SRP_AUTH: "bold magenta",
    State.DEVICE_PASSWORD_VERIFIER: "bold magenta",
}


def shown(text: str) -> str:
    """A text from outside as it can be shown: whatever could steer a terminal is a question mark."""
    return "".join(each if each.isprintable() else "?" for each in text)


def path(history: Iterable[Step], times: str = "x") -> list[str]:
    """The states a sign-in has walked, START first; one that was asked again, once and how often."""
    walked = [State.START, *(step.dest for step in history)]
    runs = [(state.value, len(list(same))) for state, same in groupby(walked)]
    return [name if count == 1 else f"{name} {times}{count}" for name, count in runs]


def why(error: AuthfsmError) -> tuple[str, str]:
    """Why something was refused or went wrong: in words, and Cognito's code or the library's."""
    match error:
        case Refused():
            return error.refusal.message or "Cognito refused the request.", error.refusal.code
        case ConnectionLost():
            return "No reply came.", error.why
        case InvalidInput():
            return error.advice, ""
        case _:
            return str(error), ""


class Screen:
    """The terminal's standard error, as a sign-in writes on it.

    Args:
        console: where to write; standard error, if left out.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(
            file=sys.stderr, highlight=False, markup=False, emoji=False
        )
        self._plain = not (self.console.encoding or "").lower().startswith("utf")

    @property
    def coloured(self) -> bool:
        """May there be colours? Not where NO_COLOR is set (no-color.org)."""
        return self.console.color_system is not None and not self.console.no_color

    @property
    def draws(self) -> bool:
        """Can this terminal show more than ASCII?"""
        return not self._plain

    def sign(self, name: str) -> str:
        """A sign, as this terminal can show it."""
        return _SIGNS[name][self._plain]

    def _said(self, name: str, text: str, hint: str = "") -> None:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=1)
        grid.add_column(overflow="fold")
        words = Text(shown(text))
        if hint:
            words.append(f"  {shown(hint)}", style="dim")
        grid.add_row(Text(self.sign(name), style=f"bold {_COLOURS[name]}"), words)
        self.console.print(grid)

    def good(self, text: str, hint: str = "") -> None:
        """Something went well."""
        self._said("good", text, hint)

    def bad(self, text: str, hint: str = "") -> None:
        """Something went wrong."""
        self._said("bad", text, hint)

    def note(self, text: str, hint: str = "") -> None:
        """Something to know."""
        self._said("note", text, hint)

    def mail(self, text: str, hint: str = "") -> None:
        """A message that an embedded pool would have sent."""
        self._said("mail", text, hint)

    def plain(self, text: str) -> None:
        """A line that is neither."""
        self.console.print(Padding(Text(shown(text), style="dim"), (0, 0, 0, 2)))

    def blank(self) -> None:
        """An empty line."""
        self.console.print()

    def prompt(self, question: str, hint: str = "") -> None:
        """A question; what is typed follows it on the same line."""
        asked = Text.assemble((f"{self.sign('ask')} ", "bold cyan"), (shown(question), "bold"))
        if hint:
            asked.append(f" ({shown(hint)})", style="dim")
        asked.append(": ")
        self.console.print(asked, end="", soft_wrap=True)

    def choices(self, words: Iterable[tuple[str, str]]) -> None:
        """What can be chosen, numbered from 1: each in plain words, with Cognito's name for it."""
        grid = Table.grid(padding=(0, 1))
        grid.add_column(justify="right", style="bold cyan", width=3)
        grid.add_column(overflow="fold")
        grid.add_column(overflow="fold", style="dim")
        for number, (plain, name) in enumerate(words, 1):
            grid.add_row(str(number), Text(shown(plain)), Text(shown(name)))
        self.console.print(grid)

    def facts(self, facts: Mapping[str, str], title: str = "") -> None:
        """Names and what they stand for; in a frame, if it has a title."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, fact in facts.items():
            grid.add_row(Text(shown(name)), Text(shown(fact)))
        if not title:
            self.console.print(Padding(grid, (0, 0, 0, 2)))
            return
        self.console.print(
            Panel(
                grid,
                title=Text(shown(title), style="bold"),
                title_align="left",
                border_style="dim",
                box=ROUNDED,
                padding=(0, 1),
                width=min(self.console.width, _WIDEST),
            )
        )

    def stands(self, history: tuple[Step, ...]) -> None:
        """Where the sign-in stands, and how it came there."""
        names = path(history, self.sign("times"))
        last = history[-1] if history else None
        colour = _STATES.get(last.dest, _second(last)) if last else "bold cyan"
        walked = Text(style="dim")
        for name in names[:-1]:
            walked.append(f"{name} {self.sign('then')} ")
        self.console.print()
        self.console.print(Text.assemble(walked, (names[-1], f"not dim {colour}")))

    def refused(self, error: AuthfsmError) -> None:
        """Why something was refused, in Cognito's words, and its code."""
        self.bad(*why(error))

    def over(self, why: str, hint: str = "", advice: str = "", todo: str = "") -> None:
        """It is over: why, what to do next, and the command line that does it, on one line to be copied."""
        if why:
            self.bad(why, hint)
        if advice:
            self.plain(advice)
        if todo:
            self.console.print(Text(f"  {shown(todo)}", style="bold"), soft_wrap=True)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something is under way, for as long as it is."""
        if not self.console.is_terminal or self.console.is_dumb_terminal:
            yield
            return
        spinner = "line" if self._plain else "dots"
        with input_discarded(), self.console.status(Text(what, style="dim"), spinner=spinner):
            yield

    def drawn(self, picture: str) -> None:
        """A picture of half blocks, as it is: of our own making alone."""
        lines = len(picture.splitlines())
        # Two lines of its quiet zone may scroll away; the prompt takes one.
        if self.console.is_terminal and lines - 1 > self.console.height:
            self.note(
                f"The QR code is {lines} lines high: enlarge this window if its top is cut off."
            )
        self.console.file.write(picture)
        self.console.file.flush()


def _second(step: Step) -> str:
    return "bold dark_orange3" if step.role is Role.SECOND_FACTOR else "bold cyan"
