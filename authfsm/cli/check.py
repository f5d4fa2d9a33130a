"""`authfsm check`: the options of the command; what they do is `authfsm.cli.checking`'s business.

Exit codes: 0, nothing is found; 1, something is, as bad as `--fail-on` or worse, or it could not be done; 2, the
command was called in a way it does not know.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.failing import Failed, end
from authfsm.cli.options import Client, EndpointUrl, Pool, Profile, Region, Settings

_HOW: Final = "How"

EPILOG: Final = (
    "Exit codes: 0 nothing as bad as --fail-on was found; 1 something was; 2 called wrongly."
)


def check(
    *,
    settings: Settings = None,
    pool: Pool = None,
    client: Client = None,
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    form: Annotated[
        str, typer.Option("--format", "-f", help="text, json or sarif.", rich_help_panel=_HOW)
    ] = "text",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", dir_okay=False, help="A file for it.", rich_help_panel=_HOW),
    ] = None,
    fail_on: Annotated[
        str,
        typer.Option(
            help="The least severity that is a failure: high, medium, low, note; or never.",
            rich_help_panel=_HOW,
        ),
    ] = "medium",
    diagram: Annotated[
        Path | None,
        typer.Option(
            file_okay=False, help="A folder for a picture of each path.", rich_help_panel=_HOW
        ),
    ] = None,
) -> None:
    """Check the protocol's invariants, or review a pool: what a security reviewer would want changed.

    With no pool: is every state reachable, does no path bring tokens without a proof, has every loop a bound?
    With a pool: the same of what its settings leave, and findings, each with its path, its source and its mend.
    """
    from authfsm.cli import checking  # noqa: PLC0415 - only who checks waits for it

    try:
        passed = checking.check(
            checking.Wanted(
                settings=settings, pool=pool, client=client, profile=profile, region=region,
                endpoint_url=endpoint_url, form=form, output=output, fail_on=fail_on,
                diagram=diagram,
            )
        )  # fmt: skip
    except Failed as failed:
        end("check", failed)
    if not passed:
        raise typer.Exit(1)
