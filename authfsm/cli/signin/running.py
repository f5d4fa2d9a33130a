"""The command as a whole: what was wanted is made sense of, walked, kept and told; its end is an exit code.

Ctrl-C and the signals that end a process are heard everywhere: the attempt is given up, the terminal
is left as it was found, and nothing is printed by half.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import typer
from attrs import field, frozen

from authfsm.cli.signin.answers import Answers
from authfsm.cli.signin.connection import PoolConnection, from_environment
from authfsm.cli.signin.exits import Ended, Exit
from authfsm.cli.signin.screen import Screen
from authfsm.cli.signin.secret_storage import Devices, InFiles, InKeyring, InMemory, Shelf
from authfsm.cli.signin.token_output import Keeping, tell
from authfsm.cli.signin.user_input import TerminalInput, UserInput, who
from authfsm.cli.signin.walking import SigningIn, SignInStart


@frozen(kw_only=True)
class SignInOptions:
    """What the command was called with; `authfsm signin --help` says what each is."""

    client_id: str | None = None
    pool_id: str | None = None
    region: str | None = None
    endpoint: str | None = None
    profile: str | None = None
    admin: bool = False
    username: str | None = field(default=None)
    flow: str | None = None
    preferred: str | None = None
    password_first: bool = False
    password_stdin: bool = False
    remember: bool | None = None
    printed: bool = False
    show_tokens: bool = False
    output: Path | None = None
    keyring: bool = False
    local: bool = False
    trial: str | None = None

    def opening(self, flow: str = "USER_SRP_AUTH", suggested: str = "") -> SignInStart:
        """How the sign-in begins.

        Raises:
            Ended: the options contradict each other.
        """
        opening = SignInStart(
            flow=self.flow or ("USER_AUTH" if self.preferred else flow),
            preferred=self.preferred,
            username=self.username,
            suggested=suggested,
            password=None if self.password_stdin else from_environment("AUTHFSM_PASSWORD"),
            password_first=self.password_first,
            remember=self.remember,
        )
        if opening.preferred and opening.flow != "USER_AUTH":
            raise Ended(Exit.MISUSED, f"--preferred requires USER_AUTH, not {opening.flow}.")
        if opening.password_first and opening.flow != "CUSTOM_AUTH":
            raise Ended(Exit.MISUSED, "--password-first requires --flow CUSTOM_AUTH.")
        return opening


class Terminated(BaseException):
    """A signal that ends the process."""


def run(options: SignInOptions) -> int:
    """Sign in.

    Args:
        wanted: what the command was called with.

    Returns:
        The exit code.
    """
    screen = Screen()
    try:
        with _ended_by_signals():
            _signed_in(options, screen)
    except KeyboardInterrupt:
        ended = Ended(Exit.INTERRUPTED, "Cancelled.")
    except Terminated:
        ended = Ended(Exit.TERMINATED, "Ended by a signal.")
    except Ended as error:
        ended = error
    else:
        return Exit.SIGNED_IN
    if ended.code in {Exit.INTERRUPTED, Exit.TERMINATED}:
        screen.blank()
    screen.over(ended.why, ended.aside, ended.advice, ended.todo)
    return ended.code


def _signed_in(options: SignInOptions, screen: Screen) -> None:
    person = who(screen, lines=options.password_stdin)
    if options.trial is not None and not options.local:
        raise Ended(
            Exit.MISUSED,
            f"{options.trial} requires --local: authfsm signin --local {options.trial}",
        )
    shelf = InKeyring() if options.keyring else None
    keeping = Keeping(
        printed=options.printed,
        in_the_open=options.show_tokens,
        file=options.output,
        keyring=shelf,
    )
    keeping.check()
    if options.local:
        _locally(options, screen, person, keeping)
    else:
        _really(options, screen, person, keeping, shelf)


def _really(
    options: SignInOptions, screen: Screen, person: UserInput, keeping: Keeping, shelf: Shelf | None
) -> None:
    opening = options.opening()
    pool = _pool(options, opening, person)
    cognito = pool.cognito()
    screen.plain(f"{pool.pool_id or pool.region}, app client {pool.client_id}")
    signing_in = SigningIn(
        cognito,
        opening,
        answers=Answers(screen, person, pool.pool_id or "Cognito"),
        person=person,
        screen=screen,
        devices=Devices(
            shelf or InFiles(Path(typer.get_app_dir("authfsm")) / "devices"), pool.service
        ),
    )
    flow = signing_in.run()
    tell(screen, flow, keeping.keep(flow, pool.service))


def _pool(options: SignInOptions, opening: SignInStart, person: UserInput) -> PoolConnection:
    client_id, pool_id = options.client_id, options.pool_id
    proves = opening.flow in {"USER_SRP_AUTH", "USER_AUTH"} or opening.flow.startswith("ADMIN_")
    admin = options.admin or opening.flow.startswith("ADMIN_")
    if not pool_id and (proves or admin or opening.password_first or not options.region):
        pool_id = _given(person, "User pool id", "--pool-id", "AUTHFSM_POOL_ID")
    client_id = client_id or _given(person, "App client id", "--client-id", "AUTHFSM_CLIENT_ID")
    return PoolConnection(
        client_id=client_id,
        pool_id=pool_id,
        region=options.region,
        endpoint=options.endpoint,
        profile=options.profile,
        admin=admin,
    )


def _given(person: UserInput, question: str, option: str, variable: str) -> str:
    """What was left out, and can be asked for where somebody is there."""
    typed = person.line(question) if isinstance(person, TerminalInput) else ""
    if not typed:
        raise Ended(
            Exit.MISUSED,
            f"{option} (or {variable}) is required. To try the command without a user pool: authfsm signin --local.",
        )
    return typed


def _locally(options: SignInOptions, screen: Screen, person: UserInput, keeping: Keeping) -> None:
    from authfsm.cli.signin import local_demo  # noqa: PLC0415 - only who tries waits for the pool

    name = options.trial or next(iter(local_demo.TRIALS))
    if name not in local_demo.TRIALS:
        raise Ended(
            Exit.MISUSED, f"unknown example {name}: choose one of {', '.join(local_demo.TRIALS)}."
        )
    trial = local_demo.TRIALS[name]
    opening = options.opening(trial.flow, suggested=local_demo.suggested())
    pool = trial.make()
    devices = Devices(InMemory(), f"authfsm:{pool.pool_id}/{pool.client_id}")
    local_demo.introduce(name, pool, screen)
    neighbours = local_demo.Neighbours(pool, screen)
    signing_in = SigningIn(
        pool.cognito(admin=options.admin),
        opening,
        answers=Answers(screen, person, "authfsm"),
        person=person,
        screen=screen,
        devices=devices,
        pool_told=neighbours.tell,
    )
    flow = signing_in.run()
    if trial.twice and flow.device is not None:
        screen.note("Signing in again from the remembered device: no code is needed.")
        flow = signing_in.run()
    tell(screen, flow, keeping.keep(flow, devices.service))


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind what is under way, as Ctrl-C does: the echo comes back on."""

    def end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - a handler's arguments
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
        return
    heard = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {each: signal.signal(each, end) for each in heard}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
