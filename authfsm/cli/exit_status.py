"""How a command fails: one line on standard error that says what to do, and an exit status."""

from __future__ import annotations

from typing import Final, NoReturn

import typer

FAILED: Final = 1
"""The exit status of a failure, or of a check that found something."""

USAGE_ERROR: Final = 2
"""The exit status of a usage error."""


class Failed(Exception):
    """A command failed.

    Args:
        why: what was wrong, and what to do about it.
        code: the exit status.
    """

    def __init__(self, why: str, code: int = FAILED) -> None:
        super().__init__(why)
        self.why = " ".join(why.split())
        self.code = code


def end(command: str, failed: Failed) -> NoReturn:
    """Print why a command failed, in one line, and exit."""
    typer.echo(f"authfsm {command}: {failed.why}", err=True)
    raise typer.Exit(failed.code)
