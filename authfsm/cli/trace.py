"""`authfsm trace`: the options of the command; what they do is `authfsm.cli.tracing`'s business.

Exit status: 0, everything was read and every step is on the table; 1, an illegal step was found, something
could not be read, or no event of a sign-in was in it; 2, usage error.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.failing import MISUSED, Failed, end
from authfsm.cli.options import Json

EPILOG: Final = "Exit status: 0 everything was read and is on the table; 1 an illegal step, or something that could not be read; 2 usage error."

_NEEDED: Final = ("duckdb", "sqlglot")
_TABLE, _LIMIT, _MEMORY = "cloudtrail_logs", 20, "550MB"


def _check_used(
    printed: bool,  # noqa: FBT001 - is only the query printed?
    *,
    json: bool,
    diagram: Path | None,
    limit: int,
    memory: str,
    table: str,
) -> None:
    """Refuse an option that would do nothing.

    Raises:
        Failed: one was given.
    """
    if not printed:
        if table != _TABLE:
            raise Failed("--table goes with --sql: files have no table", MISUSED)
        return
    given = {
        "json": json, "diagram": diagram is not None, "limit": limit != _LIMIT, "memory": memory != _MEMORY,
    }  # fmt: skip
    if name := next((name for name, there in given.items() if there), None):
        why = f"--{name} does nothing with --sql, which prints the query and reads nothing"
        raise Failed(why, MISUSED)


def trace(
    *,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|DIR|GLOB]...",
            help="CloudTrail's events, in any wrapper: from S3, EventBridge, CloudWatch Logs, Logs Insights, lookup-events, Athena; or steps of a recorder.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    diagram: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Draw it: how often each line was taken. The suffix says how: .svg, .png, .md ...",
        ),
    ] = None,
    sql: Annotated[
        str | None,
        typer.Option(
            metavar="DIALECT",
            help="Only print the query: athena, spark or duckdb. Nothing is read.",
        ),
    ] = None,
    table: Annotated[
        str, typer.Option(help="With --sql: the table of CloudTrail's events.")
    ] = _TABLE,
    limit: Annotated[
        int, typer.Option(min=0, help="How many illegal steps are shown; all are counted.")
    ] = _LIMIT,
    validity: Annotated[
        int, typer.Option(min=3, max=15, help="AuthSessionValidity of the app clients, minutes.")
    ] = 15,
    memory: Annotated[
        str, typer.Option(help="What DuckDB may use; the rest goes to disk.")
    ] = _MEMORY,
) -> None:
    """Hold what happened against the table: illegal steps, where sign-ins end, how long they take.

    Reads trails larger than memory. CloudTrail does not say which events are one sign-in: they are put
    together by sub, app client, address and user agent; what it does not tell is told as unknown.
    """
    if lacking := [name for name in _NEEDED if find_spec(name) is None]:
        why = f"it needs {', '.join(lacking)}: pip install 'authfsm[trace]'"
        end("trace", Failed(why))
    from authfsm.cli import tracing  # noqa: PLC0415 - only who traces waits for it

    try:
        _check_used(
            sql is not None, json=json, diagram=diagram, limit=limit, memory=memory, table=table
        )
        if sql is not None:
            tracing.show_query(names or [], sql, table, validity)
            return
        legal = tracing.trace(
            names or [],
            as_json=json,
            diagram=diagram,
            limit=limit,
            validity=validity,
            memory=memory,
        )
    except Failed as failed:
        end("trace", failed)
    if not legal:
        raise typer.Exit(1)
