"""`authfsm conform`: the options of the command; what they do is `authfsm.cli.conforming`'s business.

Exit status: 0, rules were tried and none failed; 1, one failed, or none could be tried at an endpoint;
2, usage error, or nobody answers at the endpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.failing import FAILED, Failed, end

_WHERE, _WHICH, _TOLD = "Where", "Which rules", "How it is told"

EPILOG: Final = (
    "Exit status: 0 no rule failed (what is not offered is no failure); 1 one did, or none could be tried;"
    " 2 usage error, or nobody answers."
)


def conform(
    *,
    endpoint: Annotated[
        str | None,
        typer.Option(
            help="The endpoint's URL; this package's own pools, if left out.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=URL",
            help="A column of the table; NAME=ours is this package's own pools. Can be given again.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    pool_id: Annotated[
        str | None,
        typer.Option(
            help="A user pool that is there; pools are made by the API, if left out.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    client_id: Annotated[
        str | None,
        typer.Option(
            help="An app client of it; app clients are made by the API, if left out.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    codes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]HOW",
            help="Where the codes can be read that it sends: outbox (its own GET /outbox), or fixed:CODE.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="For the signature of requests.", rich_help_panel=_WHERE)
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help="An AWS profile that signs; made-up keys, if left out.", rich_help_panel=_WHERE
        ),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            help="This rule, with its whole conversation; srp.* for all that begin so. Can be given again.",
            rich_help_panel=_WHICH,
        ),
    ] = None,
    list_: Annotated[
        bool,
        typer.Option("--list", help="Tell the rules and their sources.", rich_help_panel=_WHICH),
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(
            min=1, max=600, help="Seconds that one rule may take.", rich_help_panel=_WHICH
        ),
    ] = 30.0,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            allow_dash=True,
            help="A file, its suffix says how: .md or .json; - is JSON on standard output. Can be given again.",
            rich_help_panel=_TOLD,
        ),
    ] = None,
) -> None:
    """Try an endpoint against the rules of Cognito's sign-in: what it issues, proves, binds, spends and signs.

    What a rule needs (pools, app clients, users) is made by Cognito's own API and deleted at the end. At AWS
    this makes user pools in your account.
    """
    from authfsm.cli import conforming  # noqa: PLC0415 - only who tries something waits for it

    try:
        wanted = conforming.Wanted(
            endpoint=endpoint, compare=compare or [], pool_id=pool_id, client_id=client_id,
            codes=codes or [], region=region, profile=profile, rules=tuple(rule or ()),
            timeout=timeout, outputs=output or [],
        )  # fmt: skip
        faultless = conforming.list_rules(wanted) if list_ else conforming.conform(wanted)
    except Failed as failed:
        end("conform", failed)
    if not faultless:
        raise typer.Exit(FAILED)
