"""The command line: `authfsm demo`, and what is to come."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Amazon Cognito sign-in as one explicit state machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # a traceback must not show what a frame holds
)


@app.callback()
def _root() -> None:
    """Amazon Cognito sign-in as one explicit state machine."""


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the pictures of the walked paths go.")] = Path(
        "walks"
    ),
    pause: Annotated[
        float, typer.Option(min=0, max=10, help="Seconds to wait after each step, to watch.")
    ] = 0.0,
) -> None:
    """Sign five people in to an embedded user pool, and draw the path each one walked.

    No AWS account, no network, no system package: the pool is in this process, and really verifies.
    """
    from authfsm.cli.demo import run  # noqa: PLC0415 - only who runs it waits for it

    if not run(out, pause=pause):
        raise typer.Exit(1)
