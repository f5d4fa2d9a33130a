"""`authfsm paths`: the options of the command; `authfsm.cli.paths_output` runs it.

Exit status: 0, success; 1, failure; 2, usage error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.exit_status import Failed, end
from authfsm.cli.options import PANEL, Client, EndpointUrl, Json, Pool, Profile, Region, Settings

_WHICH, _HOW = "Selection", "Output"

EPILOG: Final = "Exit status: 0 success; 1 failure; 2 usage error."


def paths(
    *,
    settings: Settings = None,
    pool: Pool = None,
    client: Client = None,
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    diff: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="A B",
            help="Compare two saved descriptions: list the paths that B adds and removes.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    through: Annotated[
        str | None,
        typer.Option(
            help="Only paths through this state, for example SMS_MFA.", rich_help_panel=_WHICH
        ),
    ] = None,
    shortest: Annotated[
        bool, typer.Option("--shortest", help="Only one shortest path.", rich_help_panel=_WHICH)
    ] = False,
    longest: Annotated[
        bool,
        typer.Option(
            "--longest",
            help="Only one longest path that visits no state twice.",
            rich_help_panel=_WHICH,
        ),
    ] = False,
    doubted: Annotated[
        bool,
        typer.Option(
            "--doubted",
            help="Include transitions about which the sources contradict each other.",
            rich_help_panel=_WHICH,
        ),
    ] = False,
    no_device: Annotated[
        bool,
        typer.Option(
            "--no-device",
            help="Only paths on a device that the pool does not remember.",
            rich_help_panel=_WHICH,
        ),
    ] = False,
    limit: Annotated[
        int,
        typer.Option(min=0, help="The number of paths to list; 0 lists all.", rich_help_panel=_HOW),
    ] = 20,
    json: Json = False,
) -> None:
    """List and count the paths to sign in: of the whole protocol, or of one user pool.

    A path leads from START to the tokens, without a loop and without a refusal.
    """
    from authfsm.cli import paths_output  # noqa: PLC0415 - imported only when it runs: --help stays fast

    try:
        paths_output.list_paths(
            paths_output.PathsOptions(
                settings=settings, pool=pool, client=client, profile=profile, region=region,
                endpoint_url=endpoint_url, diff=diff, through=through, shortest=shortest,
                longest=longest, doubted=doubted, device=not no_device, limit=limit, as_json=json,
            )
        )  # fmt: skip
    except Failed as failed:
        end("paths", failed)
