"""`authfsm paths`: the options of the command; what they do is `authfsm.cli.paths_listing`'s business.

Exit codes: 0, told; 1, it could not be done; 2, the command was called in a way it does not know.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.failing import Failed, end

_POOL, _WHICH, _HOW = "A pool of yours", "Which", "How"

EPILOG: Final = "Exit codes: 0 told; 1 could not; 2 called wrongly."


def paths(
    *,
    settings: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="A pool's saved description, as authfsm draw --save-settings writes it.",
            rich_help_panel=_POOL,
        ),
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option(help="A user pool, as eu-west-1_AbCdEfGhI; asks AWS.", rich_help_panel=_POOL),
    ] = None,
    client: Annotated[
        str | None, typer.Option(help="The pool's app client.", rich_help_panel=_POOL)
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="The AWS profile.", rich_help_panel=_POOL)
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="The pool's region; its id says it.", rich_help_panel=_POOL)
    ] = None,
    endpoint_url: Annotated[
        str | None, typer.Option(help="Another endpoint than AWS's.", rich_help_panel=_POOL)
    ] = None,
    diff: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="A B",
            help="The paths gained and lost from one saved description to another.",
            rich_help_panel=_POOL,
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
    json: Annotated[
        bool, typer.Option("--json", help="As JSON, for programs.", rich_help_panel=_HOW)
    ] = False,
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
