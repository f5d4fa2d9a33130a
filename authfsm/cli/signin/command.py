"""Run `authfsm signin`: check the options, sign in, and print or keep the tokens.

Ctrl-C, SIGTERM and SIGHUP end the command at any time: the attempt is abandoned, the terminal is restored, and no
partial output is printed.
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

from authfsm.cli.signin.answers import AnswerPrompter
from authfsm.cli.signin.connection import PoolConnection, from_environment
from authfsm.cli.signin.exits import ExitStatus, SignInEnded
from authfsm.cli.signin.screen import Screen
from authfsm.cli.signin.secret_storage import (
    FileStorage,
    KeyringStorage,
    MemoryStorage,
    RememberedDevices,
    SecretStorage,
)
from authfsm.cli.signin.session import SignInSession, SignInStart
from authfsm.cli.signin.token_output import TokenOutput, print_tokens
from authfsm.cli.signin.user_input import TerminalInput, UserInput, user_input_for


@frozen(kw_only=True)
class SignInOptions:
    """The values of the command's options; `authfsm signin --help` explains each."""

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
    demo: str | None = None

    def start(self, flow: str = "USER_SRP_AUTH", suggested: str = "") -> SignInStart:
        """Return how the sign-in begins.

        Raises:
            SignInEnded: the options contradict each other.
        """
        start = SignInStart(
            flow=self.flow or ("USER_AUTH" if self.preferred else flow),
            preferred=self.preferred,
            username=self.username,
            suggested=suggested,
            password=None if self.password_stdin else from_environment("AUTHFSM_PASSWORD"),
            password_first=self.password_first,
            remember=self.remember,
        )
        if start.preferred and start.flow != "USER_AUTH":
            raise SignInEnded(
                ExitStatus.MISUSED, f"--preferred requires USER_AUTH, not {start.flow}."
            )
        if start.password_first and start.flow != "CUSTOM_AUTH":
            raise SignInEnded(ExitStatus.MISUSED, "--password-first requires --flow CUSTOM_AUTH.")
        return start


class Terminated(BaseException):
    """A signal that ends the process."""


def run(options: SignInOptions) -> int:
    """Sign in, and print or keep the tokens.

    Args:
        options: the values of the command's options.

    Returns:
        The exit status.
    """
    screen = Screen()
    try:
        with _ended_by_signals():
            _sign_in(options, screen)
    except KeyboardInterrupt:
        ended = SignInEnded(ExitStatus.INTERRUPTED, "Cancelled.")
    except Terminated:
        ended = SignInEnded(ExitStatus.TERMINATED, "Ended by a signal.")
    except SignInEnded as error:
        ended = error
    else:
        return ExitStatus.SIGNED_IN
    if ended.code in {ExitStatus.INTERRUPTED, ExitStatus.TERMINATED}:
        screen.blank()
    screen.over(ended.why, ended.hint, ended.advice, ended.todo)
    return ended.code


def _sign_in(options: SignInOptions, screen: Screen) -> None:
    user = user_input_for(screen, lines=options.password_stdin)
    if options.demo is not None and not options.local:
        raise SignInEnded(
            ExitStatus.MISUSED,
            f"{options.demo} requires --local: authfsm signin --local {options.demo}",
        )
    storage = KeyringStorage() if options.keyring else None
    token_output = TokenOutput(
        printed=options.printed,
        in_the_open=options.show_tokens,
        file=options.output,
        keyring=storage,
    )
    token_output.check()
    if options.local:
        _sign_in_locally(options, screen, user, token_output)
    else:
        _sign_in_to_cognito(options, screen, user, token_output, storage)


def _sign_in_to_cognito(
    options: SignInOptions,
    screen: Screen,
    user: UserInput,
    token_output: TokenOutput,
    storage: SecretStorage | None,
) -> None:
    start = options.start()
    pool = _pool(options, start, user)
    cognito = pool.cognito()
    screen.plain(f"{pool.pool_id or pool.region}, app client {pool.client_id}")
    signing_in = SignInSession(
        cognito,
        start,
        answers=AnswerPrompter(screen, user, pool.pool_id or "Cognito"),
        user=user,
        screen=screen,
        devices=RememberedDevices(
            storage or FileStorage(Path(typer.get_app_dir("authfsm")) / "devices"), pool.service
        ),
    )
    flow = signing_in.run()
    print_tokens(screen, flow, token_output.keep(flow, pool.service))


def _pool(options: SignInOptions, start: SignInStart, user: UserInput) -> PoolConnection:
    client_id, pool_id = options.client_id, options.pool_id
    proves = start.flow in {"USER_SRP_AUTH", "USER_AUTH"} or start.flow.startswith("ADMIN_")
    admin = options.admin or start.flow.startswith("ADMIN_")
    if not pool_id and (proves or admin or start.password_first or not options.region):
        pool_id = _required(user, "User pool id", "--pool-id", "AUTHFSM_POOL_ID")
    client_id = client_id or _required(user, "App client id", "--client-id", "AUTHFSM_CLIENT_ID")
    return PoolConnection(
        client_id=client_id,
        pool_id=pool_id,
        region=options.region,
        endpoint=options.endpoint,
        profile=options.profile,
        admin=admin,
    )


def _required(user: UserInput, question: str, option: str, variable: str) -> str:
    """Ask for a value that no option gave, if there is a terminal to ask at."""
    typed = user.line(question) if isinstance(user, TerminalInput) else ""
    if not typed:
        raise SignInEnded(
            ExitStatus.MISUSED,
            f"{option} (or {variable}) is required. To try the command without a user pool: authfsm signin --local.",
        )
    return typed


def _sign_in_locally(
    options: SignInOptions, screen: Screen, user: UserInput, token_output: TokenOutput
) -> None:
    from authfsm.cli.signin import local_demo  # noqa: PLC0415 - only who tries waits for the pool

    name = options.demo or next(iter(local_demo.DEMO_POOLS))
    if name not in local_demo.DEMO_POOLS:
        raise SignInEnded(
            ExitStatus.MISUSED,
            f"unknown example {name}: choose one of {', '.join(local_demo.DEMO_POOLS)}.",
        )
    demo = local_demo.DEMO_POOLS[name]
    start = options.start(demo.flow, suggested=local_demo.suggested())
    pool = demo.make()
    devices = RememberedDevices(MemoryStorage(), f"authfsm:{pool.pool_id}/{pool.client_id}")
    local_demo.introduce(name, pool, screen)
    outbox_printer = local_demo.OutboxPrinter(pool, screen)
    signing_in = SignInSession(
        pool.cognito(admin=options.admin),
        start,
        answers=AnswerPrompter(screen, user, "authfsm"),
        user=user,
        screen=screen,
        devices=devices,
        on_pool_messages=outbox_printer.print_messages,
    )
    flow = signing_in.run()
    if demo.twice and flow.device is not None:
        screen.note("Signing in again from the remembered device: no code is needed.")
        flow = signing_in.run()
    print_tokens(screen, flow, token_output.keep(flow, devices.service))


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into exceptions, as Ctrl-C is, so that the terminal's echo is restored."""

    def end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - a handler's arguments
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread receives signals
        return
    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {each: signal.signal(each, end) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
