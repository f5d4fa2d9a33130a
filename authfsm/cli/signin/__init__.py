"""`authfsm signin`: sign in to a pool from a terminal, and print or store the tokens.

No option takes a secret, because every process can read a command's arguments, and a shell's history keeps them.
Secrets are typed at a prompt, or read from the environment or from standard input. Ctrl-C, SIGTERM and SIGHUP
end the command at any time: the attempt is abandoned, the terminal is restored, and no partial output is printed.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, Final, NoReturn

import click
from attrs import evolve, fields_dict, frozen

from authfsm.cli.command import WrongUsage, argument, option, refuse_region, refuse_unknown, refuse_unused
from authfsm.cli.signin import secret_storage
from authfsm.cli.signin.answers import AnswerPrompter
from authfsm.cli.signin.connection import PoolConnection, from_environment
from authfsm.cli.signin.screen import EPILOG, ExitStatus, Misused, Screen, SignInEnded
from authfsm.cli.signin.secret_storage import RememberedDevices, SecretStorage, TokenOutput, print_tokens
from authfsm.cli.signin.session import SignInSession, SignInStart
from authfsm.cli.signin.user_input import TerminalInput, UserInput, user_input_for
from authfsm.protocol.auth_flows import PREFERRED_CHALLENGES, SIGN_IN_FLOWS

_pool: Final = partial(option, panel="User pool")
_sign_in: Final = partial(option, panel="Sign-in")
_tokens: Final = partial(option, panel="Tokens")


class Terminated(BaseException):
    """SIGTERM or SIGHUP was received."""


@frozen(kw_only=True)
class Signin:
    """Sign in to a user pool from this terminal, with a prompt for each challenge.

    To try it without an AWS account: authfsm signin --local, which ignores the AUTHFSM_ variables. Secrets are typed at a
    hidden prompt, or read from AUTHFSM_PASSWORD, AUTHFSM_CLIENT_SECRET or --password-stdin. No option takes a secret.
    """

    epilog: ClassVar[str] = EPILOG

    demo: str | None = argument(
        "The example to run with --local: password (alone), sms, totp, setup (of an authenticator app), new-password, email,"
        " choice, mfa-choice, custom, passkey, device, reset (of the password), unconfirmed, or other (a challenge that this version does not know: the pool refuses every answer).",
        default=None,
        metavar="[EXAMPLE]",
    )
    client_id: str | None = _pool("The app client's id.", envvar="AUTHFSM_CLIENT_ID")
    pool_id: str | None = _pool("The user pool's id, for example eu-west-1_AbCdEfGhI.", envvar="AUTHFSM_POOL_ID")
    region: str | None = _pool("The pool's region; by default the one in its id.", envvar="AUTHFSM_REGION")
    endpoint_url: str | None = _pool(
        "Use this endpoint URL instead of AWS's, for example http://127.0.0.1:9229.", envvar="AUTHFSM_ENDPOINT_URL"
    )
    profile: str | None = _pool(
        "The AWS profile whose credentials sign the requests of --admin and of the ADMIN_... flows."
    )
    admin: bool = _pool("Use the Admin* operations, with AWS credentials.", default=False)
    username: str | None = _sign_in(
        "The user name or an alias; you are asked for it if it is omitted.",
        "--username",
        "-u",
        envvar="AUTHFSM_USERNAME",
    )
    flow: str | None = _sign_in(
        "The AuthFlow: USER_SRP_AUTH, USER_PASSWORD_AUTH, USER_AUTH, CUSTOM_AUTH, ADMIN_USER_PASSWORD_AUTH or"
        " ADMIN_NO_SRP_AUTH. The default is USER_AUTH if --preferred is given; otherwise it is USER_SRP_AUTH, or with"
        " --local the example's flow.",
        envvar="AUTHFSM_FLOW",
        metavar="FLOW",
    )
    preferred: str | None = _sign_in(
        "The preferred first factor of USER_AUTH: PASSWORD_SRP, PASSWORD, EMAIL_OTP, SMS_OTP or WEB_AUTHN.",
        envvar="AUTHFSM_PREFERRED",
        metavar="FACTOR",
    )
    password_first: bool = _sign_in(
        "With CUSTOM_AUTH: prove the password (SRP) before the custom challenges.", default=False
    )
    password_stdin: bool = _sign_in(
        "Read each answer from a line of standard input, in the order of the prompts: first the password, if the flow asks for it.",
        default=False,
    )
    remember: bool | None = _sign_in(
        "Whether to sign in on the stored device, and to store a new one. Without this option, a stored device is used,"
        " and at a terminal you are asked whether to remember a new one.",
        "--remember/--no-remember",
        show_default=False,
    )
    json: bool = _tokens("Print the tokens as JSON to standard output, and nothing else.", default=False)
    show_tokens: bool = _tokens("Allow --json to print the tokens to a terminal.", default=False)
    output: Path | None = _tokens("Write the tokens to a regular file that only its owner can read.", "--output", "-o")
    keyring: bool = _tokens("Store the tokens and the device in the system's keyring.", default=False)
    local: bool = option(
        "Sign in to a local pool, which is created for the example.", default=False, panel="Without a user pool"
    )

    def run(self) -> int:
        """Sign in, and print or store the tokens."""
        source = click.get_current_context().get_parameter_source
        ignored: Any = {n: None for n in fields_dict(Signin) if source(n) is click.core.ParameterSource.ENVIRONMENT}
        if self.local and any(getattr(self, each) for each in ignored):  # the AUTHFSM_ variables are for real pools
            return evolve(self, **ignored).run()
        self._refuse_misuse()
        screen = Screen()
        try:
            with _ended_by_signals():
                self._sign_in(screen)
        except KeyboardInterrupt:
            ended = SignInEnded(ExitStatus.INTERRUPTED, "Cancelled.")
        except Terminated:
            ended = SignInEnded(ExitStatus.TERMINATED, "Ended by a signal.")
        except SignInEnded as error:
            ended = error
        else:
            return ExitStatus.SIGNED_IN
        if ended.code in {ExitStatus.INTERRUPTED, ExitStatus.TERMINATED}:
            screen.console.print()
        screen.print_end(ended.why, ended.hint, ended.advice, ended.command)
        return ended.code

    def _refuse_misuse(self) -> None:
        """Refuse wrong values, and options without effect."""
        refuse_unknown("flow", self.flow, SIGN_IN_FLOWS)
        refuse_unknown("preferred", self.preferred, PREFERRED_CHALLENGES)
        if self.show_tokens and not self.json:
            raise WrongUsage("--show-tokens has no effect without --json")
        if self.local:
            refuse_unused(
                ("client_id", "pool_id", "region", "endpoint_url", "profile"), "--local, which has its own pool"
            )
        else:
            refuse_region(self)

    def _sign_in(self, screen: Screen) -> None:
        user = user_input_for(screen, from_stdin=self.password_stdin)
        if self.demo is not None and not self.local:
            raise Misused(f"{self.demo} requires --local: authfsm signin --local {self.demo}.")
        storage = secret_storage.KeyringStorage() if self.keyring else None
        output = TokenOutput(is_printed=self.json, allow_terminal=self.show_tokens, file=self.output, keyring=storage)
        output.check()
        if self.local:
            self._sign_in_locally(screen, user, output)
        else:
            self._sign_in_to_cognito(screen, user, output, storage)

    def _start(self, flow: str = "USER_SRP_AUTH", suggested: str = "") -> SignInStart:
        start = SignInStart(
            flow=self.flow or ("USER_AUTH" if self.preferred else flow),
            preferred=self.preferred,
            username=self.username,
            suggested=suggested,
            password=None if self.password_stdin or self.local else from_environment("AUTHFSM_PASSWORD"),
            password_first=self.password_first,
            remember=self.remember,
        )
        if start.preferred and start.flow != "USER_AUTH":
            raise Misused(f"--preferred requires USER_AUTH, not {start.flow}.")
        if start.password_first and start.flow != "CUSTOM_AUTH":
            raise Misused("--password-first requires --flow CUSTOM_AUTH.")
        return start

    def _sign_in_to_cognito(
        self, screen: Screen, user: UserInput, output: TokenOutput, storage: SecretStorage | None
    ) -> None:
        start = self._start()
        pool = self._connection(start, user)
        cognito = pool.cognito()
        screen.plain(f"{pool.pool_id or pool.region}, app client {pool.client_id}")
        storage = storage or secret_storage.FileStorage(Path(click.get_app_dir("authfsm")) / "devices")
        flow = SignInSession(
            cognito,
            start,
            prompter=AnswerPrompter(screen, user, pool.pool_id or "Cognito"),
            user_input=user,
            screen=screen,
            devices=RememberedDevices(storage, pool.service),
        ).run()
        print_tokens(screen, flow, output.keep(flow, pool.service))

    def _connection(self, start: SignInStart, user: UserInput) -> PoolConnection:
        client_id, pool_id = self.client_id, self.pool_id
        may_use_srp = start.flow in {"USER_SRP_AUTH", "USER_AUTH"}
        admin = self.admin or start.flow.startswith("ADMIN_")
        if not pool_id and (may_use_srp or admin or start.password_first or not self.region):
            pool_id = _required(user, "User pool id", "--pool-id", "AUTHFSM_POOL_ID")
        if not client_id:
            client_id = _required(user, "App client id", "--client-id", "AUTHFSM_CLIENT_ID")
        return PoolConnection(client_id, pool_id, self.region, self.endpoint_url, self.profile, admin=admin)

    def _sign_in_locally(self, screen: Screen, user: UserInput, token_output: TokenOutput) -> None:
        from authfsm.cli.demo import ADA  # noqa: PLC0415 - slow: only --local needs a pool
        from authfsm.cli.signin import local_demo  # noqa: PLC0415 - the same

        name = self.demo or next(iter(local_demo.DEMO_POOLS))
        if name not in local_demo.DEMO_POOLS:
            known = ", ".join(local_demo.DEMO_POOLS)
            raise Misused(f"unknown example {name}: choose one of {known}.")
        demo = local_demo.DEMO_POOLS[name]
        start = self._start(demo.flow, suggested=ADA)
        pool = demo.make()
        storage, service = secret_storage.MemoryStorage(), f"authfsm:{pool.pool_id}/{pool.client_id}"
        local_demo.introduce(name, pool, screen)
        session = SignInSession(
            pool.cognito(admin=self.admin),
            start,
            prompter=AnswerPrompter(screen, user, "authfsm"),
            user_input=user,
            screen=screen,
            devices=RememberedDevices(storage, service),
            print_pool_messages=local_demo.OutboxPrinter(pool, screen).print_messages,
            is_demo=True,
        )
        flow = session.run()
        if demo.twice and flow.device is not None:
            screen.note("Signing in again from the remembered device: no code is needed.")
            flow = session.run()
        print_tokens(screen, flow, token_output.keep(flow, service))


def _required(user: UserInput, question: str, flag: str, variable: str) -> str:
    """Ask at the terminal for a value that no option gave; raise Misused without a terminal, or for an empty answer."""
    line = user.line(question) if isinstance(user, TerminalInput) else ""
    if not line:
        why = f"{flag} (or {variable}) is required. To try the command without a user pool: authfsm signin --local."
        raise Misused(why)
    return line


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Raise Terminated on SIGTERM or SIGHUP, so that `finally` blocks run: one of them restores the terminal's echo."""

    def end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - a handler's arguments
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can set handlers
        return
    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {each: signal.signal(each, end) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
