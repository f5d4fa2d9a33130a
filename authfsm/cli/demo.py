"""`authfsm demo`: play five sign-ins to local pools, print each step, and draw the path of each sign-in."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, cast

import pyotp
from attrs import define, frozen
from rich.console import Console
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from authfsm.base.secret import Secret
from authfsm.cli.command import FAILED, option, writing
from authfsm.cli.signin.screen import state_colour
from authfsm.core.history import Step
from authfsm.diagrams import NoEngine, diagram
from authfsm.drivers.boto import Cognito, Flow
from authfsm.local import DeviceConfiguration, LocalPool, Triggers
from authfsm.protocol import responses as r
from authfsm.protocol.errors import AuthfsmError, Refused
from authfsm.protocol.replies import Challenge, CodeChallenge, CustomChallenge, MfaSetup, NewPasswordRequired
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State

ADA = "ada"
PASSWORD = "Correct-Horse-Battery-Staple-1"  # noqa: S105 - of a user of this process
NEW_PASSWORD = "Analytical-Engine-1843"  # noqa: S105 - the same
PHONE = "+15555550143"
RIDDLE = "Up, but never down: what is it?"


@frozen(kw_only=True)
class Demo:
    """Play five sign-ins, each to a local pool of its own, and draw the path of each.

    Needs no AWS account, network or system package. The local pools verify every proof.
    """

    epilog: ClassVar[str] = "Exit status: 0 success; 1 a sign-in or its picture failed; 2 usage error."

    out: Path = option("Folder for the pictures of the sign-ins.", default=Path("sign-ins"), metavar="DIR")
    pause: float = option("Seconds to wait after each step, if the output is a terminal.", default=0.0, min=0, max=10)

    def run(self) -> int:
        """Play every story; fail if one ends without tokens or its picture cannot be drawn."""
        return 0 if play_stories(self.out, self.pause) else FAILED


def _facts(challenge: Challenge | None) -> str:  # noqa: PLR0911 - a line for each challenge
    """Return what a user must know of a challenge, in a few words."""
    match challenge:
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


@define
class DemoStage:
    """Plays a story: sends its responses, and adds a row for each step to a table, which `redraw` then shows."""

    _table: Table
    _pause: float
    _redraw: Callable[[], None]
    seconds: float = 0.0

    def begin(self, cognito: Cognito, password: str | None, auth_flow: str) -> Flow:
        """Begin a sign-in, and take the steps that need no user input."""
        flow = cognito.start(password, walk=False)
        self._take(flow, lambda: flow.answer(flow.initial_response(auth_flow, ADA)), "begins")
        self._take_automatic_steps(flow)
        return flow

    def send(self, flow: Flow, response: Response, note: str) -> None:
        """Send a response, and take the steps that need no user input; `note` says what the user does."""
        self._take(flow, lambda: flow.answer(response), note)
        self._take_automatic_steps(flow)

    def _take_automatic_steps(self, flow: Flow) -> None:
        while not flow.done and flow.next_response() is not None:
            self._take(flow, flow.step, "")

    def _take(self, flow: Flow, step: Callable[[], object], note: str) -> None:
        """Take a step, and add its row."""
        start = time.perf_counter()
        error: Refused | None = None
        try:
            step()
        except Refused as refused:
            if not refused.survives:
                raise
            error = refused
        seconds = time.perf_counter() - start
        self.seconds += seconds
        self._add_row(flow.history[-1], note, _facts(flow.challenge), error, seconds)
        self._redraw()
        time.sleep(self._pause)  # `--pause`: 10 s at most, 0 by default

    def _add_row(self, step: Step, note: str, facts: str, error: Refused | None, seconds: float) -> None:
        response = Text(step.response.trigger)
        if note:
            response.append(f"\n{note}", style="dim italic")
        state = Text(step.dest, style=state_colour(step.dest, step.role))
        if error is not None:
            state.append(f"\nretry: {error.refusal.code}", style="red")
        elif facts:
            state.append(f"\n{facts}", style="dim")
        self._table.add_row(str(step.number), response, "→", state, f"{seconds * 1000:.0f} ms")


@frozen
class Story:
    """One sign-in of the demo; `name` is the file name of its picture, without the suffix."""

    name: str
    title: str
    about: str
    play: Callable[[DemoStage], Flow]


STORIES: list[Story] = []


def _story(name: str, title: str) -> Callable[[Callable[[DemoStage], Flow]], None]:
    """Return a decorator that makes a function a story; the function's docstring becomes `about`."""
    return lambda play: STORIES.append(Story(name, title, play.__doc__ or "", play))


@_story("1-totp-enrolment", "A second factor, set up during the sign-in")
def _totp_enrolment(stage: DemoStage) -> Flow:
    """The pool requires MFA and ada has none: she proves her password by SRP and enrols an authenticator app."""
    pool = LocalPool(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"])
    pool.add_user(ADA, password=PASSWORD)
    flow = stage.begin(pool.cognito(), PASSWORD, "USER_SRP_AUTH")
    stage.send(flow, r.AssociateSoftwareToken(), "asks for the app's secret")
    secret_code = cast("MfaSetup", flow.challenge).secret_code or Secret("")
    code = pyotp.TOTP(secret_code.reveal()).at(pool.clock())
    stage.send(flow, r.VerifySoftwareToken(code, "phone"), "types the app's code")
    stage.send(flow, r.CompleteMfaSetup(), "continues")
    return flow


@_story("2-temporary-password", "A temporary password")
def _temporary_password(stage: DemoStage) -> Flow:
    """An administrator created ada's account: she proves the temporary password and replaces it."""
    pool = LocalPool(required_attributes=["name"])
    pool.add_user(ADA, password=PASSWORD, temporary=True)
    flow = stage.begin(pool.cognito(), PASSWORD, "USER_SRP_AUTH")
    stage.send(flow, r.NewPassword("short", {"name": "Ada"}), "picks a weak password")
    stage.send(flow, r.NewPassword(NEW_PASSWORD, {"name": "Ada"}), "a good one, and her name")
    return flow


@_story("3-sms-wrong-code", "A code by SMS, mistyped once")
def _sms_with_a_wrong_code(stage: DemoStage) -> Flow:
    """After a wrong code, ada can type another one, because the session stays valid."""
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"])
    pool.add_user(ADA, password=PASSWORD, phone_number=PHONE)
    flow = stage.begin(pool.cognito(), PASSWORD, "USER_SRP_AUTH")
    right = pool.outbox.code_for(ADA)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    stage.send(flow, r.Code(wrong), "mistypes the code")
    stage.send(flow, r.Code(right), "types the code of the SMS")
    return flow


@_story("4-remembered-device", "A remembered device")
def _remembered_device(stage: DemoStage) -> Flow:
    """The laptop proves itself by SRP, and replaces the second factor."""
    pool = LocalPool(
        mfa="ON", mfa_methods=["SMS_MFA"], device=DeviceConfiguration(challenge_required_on_new_device=True)
    )
    pool.add_user(ADA, password=PASSWORD, phone_number=PHONE)
    # In an earlier sign-in, ada types a code sent by SMS, and the pool then remembers the device.
    before = pool.cognito().sign_in(ADA, PASSWORD)
    before.answer(r.Code(pool.outbox.code_for(ADA)))
    device = before.confirm_device("laptop")
    # In the sign-in of the demo, the device replaces the code.
    return stage.begin(pool.cognito(device=device), PASSWORD, "USER_SRP_AUTH")


def riddle_triggers() -> Triggers:
    """Return Lambda functions that ask a riddle, at most three times."""

    def define(event: dict[str, Any]) -> dict[str, Any]:
        answered = event["request"]["session"]
        passed = bool(answered) and answered[-1]["challengeResult"]
        event["response"] |= {
            "issueTokens": passed,
            "failAuthentication": not passed and len(answered) >= 3,  # noqa: PLR2004 - three tries
            "challengeName": "CUSTOM_CHALLENGE",
        }
        return event

    def create(event: dict[str, Any]) -> dict[str, Any]:
        event["response"]["publicChallengeParameters"] = {"riddle": RIDDLE}
        event["response"]["privateChallengeParameters"] = {"answer": "age"}
        return event

    def verify(event: dict[str, Any]) -> dict[str, Any]:
        right = event["request"]["privateChallengeParameters"]["answer"]
        event["response"]["answerCorrect"] = event["request"]["challengeAnswer"] == right
        return event

    return Triggers(define=define, create=create, verify=verify)


@_story("5-custom-challenge", "A custom challenge")
def _custom_challenge(stage: DemoStage) -> Flow:
    """Three Lambda functions issue the challenges: a riddle, and after a wrong answer the same riddle again."""
    pool = LocalPool(triggers=riddle_triggers())
    pool.add_user(ADA)
    flow = stage.begin(pool.cognito(), None, "CUSTOM_AUTH")
    stage.send(flow, r.Answer("a balloon"), "guesses wrong")
    stage.send(flow, r.Answer("age"), "guesses right")
    return flow


def _play(story: Story, console: Console, pause: float) -> tuple[Flow, float]:
    table = Table(box=None, pad_edge=False, padding=(0, 1), show_header=False)
    table.add_column(justify="right", style="dim", width=2)
    table.add_column(width=29)
    table.add_column(style="dim", width=1)
    table.add_column(width=33, overflow="ellipsis")
    table.add_column(justify="right", style="dim", width=7, no_wrap=True)
    if console.is_terminal:
        with Live(table, console=console, auto_refresh=False, vertical_overflow="visible") as live:
            stage = DemoStage(table, pause, live.refresh)
            return story.play(stage), stage.seconds
    stage = DemoStage(table, 0, lambda: None)
    try:
        return story.play(stage), stage.seconds
    finally:
        console.print(table)


def _play_and_draw(story: Story, console: Console, out: Path, pause: float) -> bool:
    console.print(Rule(Text(f"{story.title} ", style="bold"), align="left", style="dim"))
    console.print(Text(story.about, style="dim"), "")
    picture = out / f"{story.name}.svg"
    try:
        flow, seconds = _play(story, console, pause)
        diagram(history=flow.history).save(picture)
    except (AuthfsmError, NoEngine) as error:
        console.print(Text(f"\n  ✗ {type(error).__name__}: {error}\n", style="red"))
        return False
    done = flow.state is State.AUTHENTICATED
    verdict = Text("\n  ✓ " if done else "\n  ✗ ", style="bold green" if done else "bold red")
    verdict.append("tokens" if done else flow.state)
    verdict.append(f" after {len(flow.history)} steps, {seconds * 1000:.0f} ms", style="not bold dim")
    verdict.append("\n    path drawn in: ", style="not bold dim").append(f"{picture}\n", style="not bold underline")
    console.print(verdict, soft_wrap=True)
    return done


def play_stories(out: Path, pause: float = 0.0, console: Console | None = None) -> bool:
    """Play every story on a console (the terminal by default), and return whether all ended with tokens."""
    console = console or Console(highlight=False)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    console.print()
    finished = [_play_and_draw(story, console, out, pause) for story in STORIES]
    style = "bold green" if all(finished) else "bold red"
    console.print(
        Text(f"{sum(finished)} of {len(finished)} sign-ins finished", style=style),
        Text(f"· pictures in {out}/", style="dim"),
    )
    return all(finished)
