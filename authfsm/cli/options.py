"""Options that several commands share: those that select a pool, and --json."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

PANEL: Final = "Your user pool"

Settings: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        dir_okay=False,
        help="A saved pool description, as written by authfsm draw --save-settings.",
        rich_help_panel=PANEL,
    ),
]
Pool: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="The user pool's id, for example eu-west-1_AbCdEfGhI; its settings are read from AWS.",
        rich_help_panel=PANEL,
    ),
]
Client: TypeAlias = Annotated[
    str | None, typer.Option(help="The id of the pool's app client.", rich_help_panel=PANEL)
]
Profile: TypeAlias = Annotated[
    str | None,
    typer.Option(help="The AWS profile whose credentials are used.", rich_help_panel=PANEL),
]
Region: TypeAlias = Annotated[
    str | None,
    typer.Option(help="The pool's region; by default the one in its id.", rich_help_panel=PANEL),
]
EndpointUrl: TypeAlias = Annotated[
    str | None, typer.Option(help="Use this endpoint URL instead of AWS's.", rich_help_panel=PANEL)
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
