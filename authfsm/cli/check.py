"""`authfsm check`: the options of the command; `authfsm.cli.check_output` runs it.

Exit status: 0, no finding of severity `--fail-on` or higher; 1, there is one, or the check could not run;
2, usage error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.exit_status import Failed, end
from authfsm.cli.options import Client, EndpointUrl, Pool, Profile, Region, Settings

_HOW: Final = "Output"

EPILOG: Final = (
    "Exit status: 0 no finding of severity --fail-on or higher; 1 at least one; 2 usage error."
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
        str,
        typer.Option(
            "--format", "-f", help="Output format: text, json or sarif.", rich_help_panel=_HOW
        ),
    ] = "text",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            dir_okay=False,
            help="Write to this file instead of standard output.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    fail_on: Annotated[
        str,
        typer.Option(
            help="The lowest severity that fails the check: high, medium, low, note; or never.",
            rich_help_panel=_HOW,
        ),
    ] = "medium",
    diagram: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Folder for a picture of each finding's path.",
            rich_help_panel=_HOW,
        ),
    ] = None,
) -> None:
    """Check the invariants of the protocol, or review the security of a user pool's settings.

    Without a pool: checks that every state is reachable, that no path issues tokens without a proof and that
    every loop is bounded. With a pool: checks the same for the paths that its settings allow, and reports
    security findings, each with its path, its source and its remediation.
    """
    from authfsm.cli import check_output  # noqa: PLC0415 - imported only when it runs: --help stays fast

    try:
        passed = check_output.check(
            check_output.CheckOptions(
                settings=settings, pool=pool, client=client, profile=profile, region=region,
                endpoint_url=endpoint_url, form=form, output=output, fail_on=fail_on,
                diagram=diagram,
            )
        )  # fmt: skip
    except Failed as failed:
        end("check", failed)
    if not passed:
        raise typer.Exit(1)
