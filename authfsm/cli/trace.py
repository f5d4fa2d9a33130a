"""`authfsm trace`: the options of the command; `authfsm.cli.trace_output` runs it.

Exit status: 0, everything was read and every step is legal; 1, an illegal step was found, something could
not be read, or the input has no sign-in events; 2, usage error.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.exit_status import USAGE_ERROR, Failed, end
from authfsm.cli.options import Json

EPILOG: Final = "Exit status: 0 everything was read and every step is legal; 1 an illegal step, or something could not be read; 2 usage error."

_NEEDED: Final = ("duckdb", "sqlglot")
_TABLE, _LIMIT, _MEMORY = "cloudtrail_logs", 20, "550MB"


def _refuse_unused(
    printed: bool,  # noqa: FBT001 - the one positional argument
    *,
    json: bool,
    diagram: Path | None,
    limit: int,
    memory: str,
    table: str,
) -> None:
    """Refuse an option that has no effect with, or without, --sql."""
    if not printed:
        if table != _TABLE:
            raise Failed("--table requires --sql: files have no table name", USAGE_ERROR)
        return
    given = {
        "json": json, "diagram": diagram is not None, "limit": limit != _LIMIT, "memory": memory != _MEMORY,
    }  # fmt: skip
    if name := next((name for name, there in given.items() if there), None):
        why = f"--{name} has no effect with --sql, which prints the query and reads nothing"
        raise Failed(why, USAGE_ERROR)


def trace(
    *,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|DIR|GLOB]...",
            help="CloudTrail events in any container format (S3, EventBridge, CloudWatch Logs, Logs Insights, lookup-events, Athena), or steps written by authfsm.traces.recorder.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    diagram: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Draw how often each transition was taken. The suffix sets the format: .svg, .png, .md ...",
        ),
    ] = None,
    sql: Annotated[
        str | None,
        typer.Option(
            metavar="DIALECT",
            help="Print the query in this SQL dialect (athena, spark or duckdb) and read nothing.",
        ),
    ] = None,
    table: Annotated[
        str, typer.Option(help="With --sql: the name of the table of CloudTrail events.")
    ] = _TABLE,
    limit: Annotated[
        int, typer.Option(min=0, help="The number of illegal steps to show; all are counted.")
    ] = _LIMIT,
    validity: Annotated[
        int, typer.Option(min=3, max=15, help="AuthSessionValidity of the app clients, in minutes.")
    ] = 15,
    memory: Annotated[
        str, typer.Option(help="The memory limit of DuckDB, which writes the rest to disk.")
    ] = _MEMORY,
) -> None:
    """Check recorded sign-ins against the protocol: illegal steps, where sign-ins end, how long steps take.

    Reads trails larger than memory. CloudTrail does not say which events belong to one sign-in: events are
    grouped by sub, app client, IP address and user agent. What CloudTrail does not record is shown as unknown.
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        why = f"it needs {', '.join(missing)}: pip install 'authfsm[trace]'"
        end("trace", Failed(why))
    from authfsm.cli import trace_output  # noqa: PLC0415 - imported only when it runs: --help stays fast

    try:
        _refuse_unused(
            sql is not None, json=json, diagram=diagram, limit=limit, memory=memory, table=table
        )
        if sql is not None:
            trace_output.show_query(names or [], sql, table, validity)
            return
        legal = trace_output.trace(
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
