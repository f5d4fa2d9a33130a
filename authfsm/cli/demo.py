"""`authfsm demo`: the stories played in the terminal, each step shown as it happens, each path drawn."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from authfsm.cli.stories import ADA, STORIES, Story
from authfsm.core.history import Step
from authfsm.diagrams import NoEngine, diagram
from authfsm.drivers.boto import Cognito, Flow
from authfsm.protocol.errors import AuthfsmError, Refused
from authfsm.protocol.replies import (
    Challenge,
    CodeChallenge,
    CustomChallenge,
    MfaSetup,
    NewPasswordRequired,
)
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import Role

_COLOURS = {
    State.AUTHENTICATED: "bold green",
    State.FAILED: "bold red",
    State.NEW_PASSWORD_REQUIRED: "yellow",
    State.MFA_SETUP: "yellow",
    State.DEVICE_SRP_AUTH: "magenta",
    State.DEVICE_PASSWORD_VERIFIER: "magenta",
    State.CUSTOM_CHALLENGE: "cyan",
}


def _colour(state: State, role: Role | None) -> str:
    return _COLOURS.get(state, "dark_orange3" if role is Role.SECOND_FACTOR else "cyan")


def _said(asked: Challenge | None) -> str:  # noqa: PLR0911 - one line a challenge
    """What the challenge tells a person, in a few words."""
    match asked:
        case CodeChallenge(medium=str(medium), destination=str(destination)):
            return f"{medium} to {destination}"
        case NewPasswordRequired(required_attributes=names) if names:
            return f"and the attribute {', '.join(names)}"
        case MfaSetup(verified=True):
            return "the app is verified"
        case MfaSetup(secret_code=code) if code is not None:
            return "a secret for the app"
        case MfaSetup(choices=names) if names:
            return f"can be set up: {', '.join(names)}"
        case CustomChallenge(parameters={"riddle": riddle}):
            return riddle
        case _:
            return ""


class DemoStage:
    """Plays one story in the terminal.

    Args:
        table: the table of steps.
        pause: seconds to wait after each step.
        redraw: shows the table as it is now.
    """

    def __init__(self, table: Table, pause: float, redraw: Callable[[], None]) -> None:
        self._table = table
        self._pause = pause
        self._redraw = redraw
        self.took = 0.0

    def begin(self, cognito: Cognito, password: str | None, opening: str) -> Flow:
        """Begin with this AuthFlow, and walk on while no person is needed."""
        flow = cognito.start(password, walk=False)
        self._show(flow, lambda: flow.answer(flow.initial_response(opening, ADA)), "begins")
        self._walk_on(flow)
        return flow

    def give(self, flow: Flow, response: Response, words: str) -> None:
        """Give a response, and walk on while no person is needed."""
        self._show(flow, lambda: flow.answer(response), words)
        self._walk_on(flow)

    def _walk_on(self, flow: Flow) -> None:
        while not flow.done and flow.next_response() is not None:
            self._show(flow, flow.step, "")

    def _show(self, flow: Flow, act: Callable[[], object], words: str) -> None:
        began = time.perf_counter()
        error: Refused | None = None
        try:
            act()
        except Refused as refused:
            if not refused.survives:
                raise
            error = refused
        took = time.perf_counter() - began
        self.took += took
        self._row(flow.history[-1], words, _said(flow.challenge), error, took)
        self._redraw()
        time.sleep(self._pause)  # so that people can follow; none where nobody looks

    def _row(self, step: Step, words: str, said: str, error: Refused | None, took: float) -> None:
        given = Text(step.response.trigger)
        if words:
            given.append(f"\n{words}", style="dim italic")
        state = Text(step.dest, style=_colour(step.dest, step.role))
        if error is not None:
            state.append(f"\nretry: {error.refusal.code}", style="red")
        elif said:
            state.append(f"\n{said}", style="dim")
        self._table.add_row(str(step.number), given, "→", state, f"{took * 1000:.0f} ms")


def _table() -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), show_header=False)
    table.add_column(justify="right", style="dim", width=2)
    table.add_column(width=29)
    table.add_column(style="dim", width=1)
    table.add_column(width=33, overflow="ellipsis")
    table.add_column(justify="right", style="dim", width=7, no_wrap=True)
    return table


def _play(story: Story, console: Console, pause: float) -> tuple[Flow, float]:
    table = _table()
    if console.is_terminal:
        with Live(table, console=console, auto_refresh=False, vertical_overflow="visible") as live:
            stage = DemoStage(table, pause, live.refresh)
            return story.play(stage), stage.took
    stage = DemoStage(table, 0, lambda: None)
    try:
        return story.play(stage), stage.took
    finally:
        console.print(table)


def _tell(story: Story, console: Console, out: Path, pause: float) -> bool:
    console.print(Rule(Text(f"{story.title} ", style="bold"), align="left", style="dim"))
    console.print(Text(story.about, style="dim"), "")
    picture = out / f"{story.name}.svg"
    try:
        flow, took = _play(story, console, pause)
        diagram(history=flow.history).save(picture)
    except (AuthfsmError, NoEngine) as error:
        console.print(Text(f"\n  ✗ {type(error).__name__}: {error}\n", style="red"))
        return False
    done = flow.state is State.AUTHENTICATED
    verdict = Text("\n  ✓ " if done else "\n  ✗ ", style="bold green" if done else "bold red")
    verdict.append("tokens" if done else flow.state)
    verdict.append(f" after {len(flow.history)} steps, {took * 1000:.0f} ms", style="not bold dim")
    verdict.append("\n    path drawn in: ", style="not bold dim").append(
        f"{picture}\n", style="not bold underline"
    )
    console.print(verdict, soft_wrap=True)
    return done


def run(out: Path, *, pause: float = 0.0, console: Console | None = None) -> bool:
    """Play every story.

    Args:
        out: where the pictures go; made if it is not there.
        pause: seconds to wait after each step.
        console: where to print; the terminal, if left out.

    Returns:
        Did every story end with tokens and a picture?
    """
    console = console or Console(highlight=False)
    out.mkdir(parents=True, exist_ok=True)
    console.print()
    finished = [_tell(story, console, out, pause) for story in STORIES]
    style = "bold green" if all(finished) else "bold red"
    console.print(
        Text(f"{sum(finished)} of {len(finished)} sign-ins finished", style=style),
        Text(f"· pictures in {out}/", style="dim"),
    )
    return all(finished)
