"""`authfsm signin`: the options of the command; what they do is its neighbours' business.

Secrets are no options: what stands in argv is seen by every process of the machine and stays in the
shell's history. They are typed, or come by the environment or by standard input.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.failing import MISUSED, Failed, end
from authfsm.cli.signin.exits import EPILOG as EPILOG

_POOL, _HOW, _TOKENS, _TRY = "The pool", "How to sign in", "The tokens", "Without a pool"


class AuthFlow(str, Enum):
    """The AuthFlows that begin with a user's name."""

    USER_SRP_AUTH = "USER_SRP_AUTH"
    USER_PASSWORD_AUTH = "USER_PASSWORD_AUTH"  # noqa: S105 - a flow's name
    USER_AUTH = "USER_AUTH"
    CUSTOM_AUTH = "CUSTOM_AUTH"
    ADMIN_USER_PASSWORD_AUTH = "ADMIN_USER_PASSWORD_AUTH"  # noqa: S105 - a flow's name
    ADMIN_NO_SRP_AUTH = "ADMIN_NO_SRP_AUTH"


class FirstFactor(str, Enum):
    """What PREFERRED_CHALLENGE may name."""

    PASSWORD_SRP = "PASSWORD_SRP"  # noqa: S105 - a challenge's name
    PASSWORD = "PASSWORD"  # noqa: S105 - the same
    EMAIL_OTP = "EMAIL_OTP"
    SMS_OTP = "SMS_OTP"
    WEB_AUTHN = "WEB_AUTHN"


def _unused(context: typer.Context, *, local: bool, json: bool, show_tokens: bool) -> str:
    """What is wrong where an option was given that would do nothing.

    Variables of the environment may stay set for other pools.
    """
    if show_tokens and not json:
        return "--show-tokens does nothing without --json: tokens are printed only with that"
    for name in ("client_id", "pool_id", "region", "endpoint", "profile") if local else ():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            return (
                f"--{name.replace('_', '-')} does nothing with --local, which has a pool of its own"
            )
    return ""


def command(
    context: typer.Context,
    *,
    trial: Annotated[
        str | None,
        typer.Argument(
            metavar="[TRIAL]",
            help="With --local: sms, totp, setup, new-password, email, choice, mfa-choice, custom, passkey, device, password, reset, unconfirmed or other.",
            show_default=False,
        ),
    ] = None,
    client_id: Annotated[
        str | None,
        typer.Option(
            "--client-id", "--client", envvar="AUTHFSM_CLIENT_ID", help="The app client's id.",
            rich_help_panel=_POOL,
        ),
    ] = None,
    pool_id: Annotated[
        str | None,
        typer.Option(
            "--pool-id", "--pool", envvar="AUTHFSM_POOL_ID",
            help="The user pool's id, as eu-west-1_AbCdEfGhI.", rich_help_panel=_POOL,
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            envvar="AUTHFSM_REGION", help="The pool's region; its id says it.",
            rich_help_panel=_POOL,
        ),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            "--endpoint", "--endpoint-url", envvar="AUTHFSM_ENDPOINT",
            help="Another endpoint than AWS's, as http://127.0.0.1:9229.", rich_help_panel=_POOL,
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="The AWS profile; with --admin its credentials.", rich_help_panel=_POOL),
    ] = None,
    admin: Annotated[
        bool,
        typer.Option(
            "--admin", help="By the administrators' operations, with AWS credentials.",
            rich_help_panel=_POOL,
        ),
    ] = False,
    username: Annotated[
        str | None,
        typer.Option(
            "--username", "-u", envvar="AUTHFSM_USERNAME",
            help="A user name or an alias; asked for, if left out.", rich_help_panel=_HOW,
        ),
    ] = None,
    flow: Annotated[
        AuthFlow | None,
        typer.Option(
            envvar="AUTHFSM_FLOW", metavar="FLOW",
            help="The AuthFlow: USER_SRP_AUTH, which is taken if it is left out, USER_PASSWORD_AUTH, USER_AUTH, CUSTOM_AUTH, ADMIN_USER_PASSWORD_AUTH or ADMIN_NO_SRP_AUTH.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    preferred: Annotated[
        FirstFactor | None,
        typer.Option(
            envvar="AUTHFSM_PREFERRED", metavar="FACTOR",
            help="The first factor to begin with, by USER_AUTH: PASSWORD_SRP, PASSWORD, EMAIL_OTP, SMS_OTP or WEB_AUTHN.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    password_first: Annotated[
        bool,
        typer.Option(
            "--password-first", help="CUSTOM_AUTH proves the password before it asks.",
            rich_help_panel=_HOW,
        ),
    ] = False,
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin",
            help="Read the password from standard input; each line after it is the next answer.",
            rich_help_panel=_HOW,
        ),
    ] = False,
    remember: Annotated[
        bool | None,
        typer.Option(
            "--remember/--no-remember",
            help="Have this device remembered, where the pool does that; asked, if left out.",
            rich_help_panel=_HOW, show_default=False,
        ),
    ] = None,
    json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the tokens to standard output, and nothing else there.",
            rich_help_panel=_TOKENS,
        ),
    ] = False,
    show_tokens: Annotated[
        bool,
        typer.Option(
            "--show-tokens", help="Let --json print them to a terminal.", rich_help_panel=_TOKENS
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write the tokens to a file that only you can read.",
            rich_help_panel=_TOKENS,
        ),
    ] = None,
    keyring: Annotated[
        bool,
        typer.Option(
            "--keyring", help="Keep tokens and device in the system's keyring.",
            rich_help_panel=_TOKENS,
        ),
    ] = False,
    local: Annotated[
        bool,
        typer.Option(
            "--local", help="Sign in to a pool in this process, made for trying.",
            rich_help_panel=_TRY,
        ),
    ] = False,
) -> None:  # fmt: skip
    """Sign in to a user pool from this terminal: each challenge has its prompt, the tokens go where you say.

    Try it with no AWS account: authfsm signin --local. Secrets are typed hidden, or come by
    AUTHFSM_PASSWORD, AUTHFSM_CLIENT_SECRET or --password-stdin; never by an option.
    """
    if unused := _unused(context, local=local, json=json, show_tokens=show_tokens):
        end("signin", Failed(unused, MISUSED))
    from authfsm.cli.signin.running import Wanted, run  # noqa: PLC0415 - only who signs in waits for it

    raise typer.Exit(
        run(
            Wanted(
                client_id=client_id, pool_id=pool_id, region=region, endpoint=endpoint,
                profile=profile, admin=admin, username=username, flow=flow and flow.value,
                preferred=preferred and preferred.value, password_first=password_first,
                password_stdin=password_stdin, remember=remember, printed=json,
                show_tokens=show_tokens, output=output, keyring=keyring, local=local, trial=trial,
            )
        )
    )  # fmt: skip


__all__: Final = ["EPILOG", "command"]
