"""How a command says that it could not: in one line that tells what to do, and by its exit code."""

from __future__ import annotations

from typing import Final, NoReturn

import typer

FAILED: Final = 1
"""The command could not do it, or found what it checks not to be so."""

MISUSED: Final = 2
"""The command was called in a way it does not know."""


class Failed(Exception):
    """A command could not do it.

    Args:
        why: what was wrong, and what to do about it.
        code: the exit code.
    """

    def __init__(self, why: str, code: int = FAILED) -> None:
        super().__init__(why)
        self.why = " ".join(why.split())
        self.code = code


def end(command: str, failed: Failed) -> NoReturn:
    """Say why, in one line, and end.

    Args:
        command: the command's name.
        failed: what was wrong.
    """
    typer.echo(f"authfsm {command}: {failed.why}", err=True)
    raise typer.Exit(failed.code)
