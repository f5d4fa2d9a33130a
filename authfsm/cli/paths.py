"""`authfsm paths`: the options of the command; what they do is `authfsm.cli.paths_listing`'s business.

Exit codes: 0, told; 1, it could not be done; 2, the command was called in a way it does not know.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.failing import Failed, end
from authfsm.cli.options import PANEL, Client, EndpointUrl, Json, Pool, Profile, Region, Settings

_WHICH, _HOW = "Which", "How"

EPILOG: Final = "Exit codes: 0 told; 1 could not; 2 called wrongly."


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
            help="The paths gained and lost from one saved description to another.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    through: Annotated[
        str | None,
        typer.Option(help="Only those through a state, as SMS_MFA.", rich_help_panel=_WHICH),
    ] = None,
    shortest: Annotated[
        bool, typer.Option("--shortest", help="Only a shortest.", rich_help_panel=_WHICH)
    ] = False,
    longest: Annotated[
        bool,
        typer.Option("--longest", help="Only a longest without repeats.", rich_help_panel=_WHICH),
    ] = False,
    doubted: Annotated[
        bool,
        typer.Option(
            "--doubted",
            help="Also where sources contradict each other whether Cognito goes there.",
            rich_help_panel=_WHICH,
        ),
    ] = False,
    no_device: Annotated[
        bool,
        typer.Option(
            "--no-device", help="On no device that the pool remembers.", rich_help_panel=_WHICH
        ),
    ] = False,
    limit: Annotated[
        int, typer.Option(min=0, help="How many are listed; 0 is all.", rich_help_panel=_HOW)
    ] = 20,
    json: Json = False,
) -> None:
    """List and count the ways to sign in: of the whole protocol, or of your own pool.

    A way leads from START to the tokens, comes to no place twice, and has no refusal on it.
    """
    from authfsm.cli import paths_listing  # noqa: PLC0415 - only who asks waits for it

    try:
        paths_listing.tell(
            paths_listing.Wanted(
                settings=settings, pool=pool, client=client, profile=profile, region=region,
                endpoint_url=endpoint_url, diff=diff, through=through, shortest=shortest,
                longest=longest, doubted=doubted, device=not no_device, limit=limit, as_json=json,
            )
        )  # fmt: skip
    except Failed as failed:
        end("paths", failed)
