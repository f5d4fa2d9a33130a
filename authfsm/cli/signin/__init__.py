"""`authfsm signin`: the options of the command; the other modules of this package implement it.

No option takes a secret: every process of the machine can read argv, and the shell keeps it in its history.
Secrets are typed at a prompt, or read from the environment or from standard input.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.exit_status import USAGE_ERROR, Failed, end
from authfsm.cli.signin.exits import EPILOG as EPILOG

_POOL, _HOW, _TOKENS, _TRY = "User pool", "Sign-in", "Tokens", "Without a user pool"


class AuthFlow(str, Enum):
    """The AuthFlows that start with a user name."""

    USER_SRP_AUTH = "USER_SRP_AUTH"
    USER_PASSWORD_AUTH = "USER_PASSWORD_AUTH"  # noqa: S105 - a flow's name
    USER_AUTH = "USER_AUTH"
    CUSTOM_AUTH = "CUSTOM_AUTH"
    ADMIN_USER_PASSWORD_AUTH = "ADMIN_USER_PASSWORD_AUTH"  # noqa: S105 - a flow's name
    ADMIN_NO_SRP_AUTH = "ADMIN_NO_SRP_AUTH"


class FirstFactor(str, Enum):
    """The values of PREFERRED_CHALLENGE."""

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
        return "--show-tokens has no effect without --json: tokens are printed only with that"
    for name in ("client_id", "pool_id", "region", "endpoint", "profile") if local else ():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            return f"--{name.replace('_', '-')} has no effect with --local, which has a pool of its own"
    return ""


def command(
    context: typer.Context,
    *,
    demo: Annotated[
        str | None,
        typer.Argument(
            metavar="[TRIAL]",
            help="The example to run with --local: sms, totp, setup, new-password, email, choice, mfa-choice, custom, passkey, device, password, reset, unconfirmed or other.",
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
            help="The user pool's id, for example eu-west-1_AbCdEfGhI.", rich_help_panel=_POOL,
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            envvar="AUTHFSM_REGION", help="The pool's region; by default the one in its id.",
            rich_help_panel=_POOL,
        ),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            "--endpoint", "--endpoint-url", envvar="AUTHFSM_ENDPOINT",
            help="Use this endpoint URL instead of AWS's, for example http://127.0.0.1:9229.", rich_help_panel=_POOL,
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="The AWS profile; --admin signs requests with its credentials.", rich_help_panel=_POOL),
    ] = None,
    admin: Annotated[
        bool,
        typer.Option(
            "--admin", help="Use the Admin* operations, with AWS credentials.",
            rich_help_panel=_POOL,
        ),
    ] = False,
    username: Annotated[
        str | None,
        typer.Option(
            "--username", "-u", envvar="AUTHFSM_USERNAME",
            help="The user name or an alias; prompted for if omitted.", rich_help_panel=_HOW,
        ),
    ] = None,
    flow: Annotated[
        AuthFlow | None,
        typer.Option(
            envvar="AUTHFSM_FLOW", metavar="FLOW",
            help="The AuthFlow: USER_SRP_AUTH (the default), USER_PASSWORD_AUTH, USER_AUTH, CUSTOM_AUTH, ADMIN_USER_PASSWORD_AUTH or ADMIN_NO_SRP_AUTH.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    preferred: Annotated[
        FirstFactor | None,
        typer.Option(
            envvar="AUTHFSM_PREFERRED", metavar="FACTOR",
            help="The preferred first factor of USER_AUTH: PASSWORD_SRP, PASSWORD, EMAIL_OTP, SMS_OTP or WEB_AUTHN.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    password_first: Annotated[
        bool,
        typer.Option(
            "--password-first", help="With CUSTOM_AUTH: prove the password (SRP) before the custom challenges.",
            rich_help_panel=_HOW,
        ),
    ] = False,
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin",
            help="Read the password from the first line of standard input, and each further answer from the next line.",
            rich_help_panel=_HOW,
        ),
    ] = False,
    remember: Annotated[
        bool | None,
        typer.Option(
            "--remember/--no-remember",
            help="Whether to remember this device, if the pool supports it; prompted for if omitted.",
            rich_help_panel=_HOW, show_default=False,
        ),
    ] = None,
    json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the tokens as JSON to standard output, and nothing else.",
            rich_help_panel=_TOKENS,
        ),
    ] = False,
    show_tokens: Annotated[
        bool,
        typer.Option(
            "--show-tokens", help="Allow --json to print the tokens to a terminal.", rich_help_panel=_TOKENS
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write the tokens to a file that only its owner can read.",
            rich_help_panel=_TOKENS,
        ),
    ] = None,
    keyring: Annotated[
        bool,
        typer.Option(
            "--keyring", help="Store the tokens and the device in the system's keyring.",
            rich_help_panel=_TOKENS,
        ),
    ] = False,
    local: Annotated[
        bool,
        typer.Option(
            "--local", help="Sign in to an example pool that runs in this process.",
            rich_help_panel=_TRY,
        ),
    ] = False,
) -> None:  # fmt: skip
    """Sign in to a user pool from this terminal, with a prompt for each challenge.

    To try it without an AWS account: authfsm signin --local. Passwords and secrets are typed at a hidden prompt,
    or read from AUTHFSM_PASSWORD, AUTHFSM_CLIENT_SECRET or --password-stdin. No option takes a secret.
    """
    if unused := _unused(context, local=local, json=json, show_tokens=show_tokens):
        end("signin", Failed(unused, USAGE_ERROR))
    from authfsm.cli.signin.command import SignInOptions, run  # noqa: PLC0415 - only who signs in waits for it

    raise typer.Exit(
        run(
            SignInOptions(
                client_id=client_id, pool_id=pool_id, region=region, endpoint=endpoint,
                profile=profile, admin=admin, username=username, flow=flow and flow.value,
                preferred=preferred and preferred.value, password_first=password_first,
                password_stdin=password_stdin, remember=remember, printed=json,
                show_tokens=show_tokens, output=output, keyring=keyring, local=local, demo=demo,
            )
        )
    )  # fmt: skip


__all__: Final = ["EPILOG", "command"]
