"""Options that several commands have: those that name a pool, the difference of two, and JSON for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

PANEL: Final = "A pool of yours"

Settings: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        dir_okay=False,
        help="A pool's saved description, as authfsm draw --save-settings writes it.",
        rich_help_panel=PANEL,
    ),
]
Pool: TypeAlias = Annotated[
    str | None,
    typer.Option(help="A user pool, as eu-west-1_AbCdEfGhI; asks AWS.", rich_help_panel=PANEL),
]
Client: TypeAlias = Annotated[
    str | None, typer.Option(help="The pool's app client.", rich_help_panel=PANEL)
]
Profile: TypeAlias = Annotated[
    str | None, typer.Option(help="The AWS profile.", rich_help_panel=PANEL)
]
Region: TypeAlias = Annotated[
    str | None, typer.Option(help="The pool's region; its id says it.", rich_help_panel=PANEL)
]
EndpointUrl: TypeAlias = Annotated[
    str | None, typer.Option(help="Another endpoint than AWS's.", rich_help_panel=PANEL)
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
