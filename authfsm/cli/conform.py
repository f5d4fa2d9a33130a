"""`authfsm conform`: the options of the command; `authfsm.cli.conform_output` runs it.

Exit status: 0, rules ran and none failed; 1, a rule failed, or none could run at an endpoint; 2, usage error,
or the endpoint does not answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.exit_status import FAILED, Failed, end

_WHERE, _WHICH, _TOLD = "Endpoint", "Rules", "Output"

EPILOG: Final = (
    "Exit status: 0 no rule failed (an unsupported feature is not a failure); 1 a rule failed, or none could run;"
    " 2 usage error, or the endpoint does not answer."
)


def conform(
    *,
    endpoint: Annotated[
        str | None,
        typer.Option(
            help="The endpoint's URL; by default this package's embedded pool.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=URL",
            help="Add a column to the comparison table; NAME=ours is this package's embedded pool. Repeatable.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    pool_id: Annotated[
        str | None,
        typer.Option(
            help="An existing user pool; by default pools are created through the API.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    client_id: Annotated[
        str | None,
        typer.Option(
            help="An existing app client of the pool; by default app clients are created through the API.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    codes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]HOW",
            help="How to read the codes that the endpoint sends: outbox (its GET /outbox), or fixed:CODE. Repeatable with NAME=.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="The region for signing requests.", rich_help_panel=_WHERE)
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help="The AWS profile for signing requests; by default dummy credentials are used.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            help="Run only this rule and print its requests and replies; srp.* selects all rules with this prefix. Repeatable.",
            rich_help_panel=_WHICH,
        ),
    ] = None,
    list_: Annotated[
        bool,
        typer.Option(
            "--list",
            help="List the rules and their sources, and run nothing.",
            rich_help_panel=_WHICH,
        ),
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(
            min=1, max=600, help="Timeout of one rule, in seconds.", rich_help_panel=_WHICH
        ),
    ] = 30.0,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            allow_dash=True,
            help="Write the results to this file; the suffix sets the format (.md or .json). - prints JSON to standard output. Repeatable.",
            rich_help_panel=_TOLD,
        ),
    ] = None,
) -> None:
    """Run the Cognito conformance suite against an endpoint.

    The suite creates the pools, app clients and users that it needs through Cognito's API, and deletes them at
    the end. Against AWS it creates user pools in your account.
    """
    from authfsm.cli import conform_output  # noqa: PLC0415 - imported only when it runs: --help stays fast

    try:
        options = conform_output.ConformOptions(
            endpoint=endpoint, compare=compare or [], pool_id=pool_id, client_id=client_id,
            codes=codes or [], region=region, profile=profile, rules=tuple(rule or ()),
            timeout=timeout, outputs=output or [],
        )  # fmt: skip
        all_passed = (
            conform_output.list_rules(options) if list_ else conform_output.conform(options)
        )
    except Failed as failed:
        end("conform", failed)
    if not all_passed:
        raise typer.Exit(FAILED)
