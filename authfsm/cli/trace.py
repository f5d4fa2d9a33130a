"""`authfsm trace`: the options of the command; what they do is `authfsm.cli.tracing`'s business.

Exit codes: 0, every step is on the table; 1, an illegal step was found, or the trail could not be read;
2, the command was called in a way it does not know.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.failing import Failed, end
from authfsm.cli.options import Json

EPILOG: Final = (
    "Exit codes: 0 all on the table; 1 an illegal step, or not to be read; 2 called wrongly."
)

_NEEDED: Final = ("duckdb", "sqlglot")


def trace(
    *,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|DIR|GLOB]...",
            help="CloudTrail's events as they lie in S3, as JSON lines, as lookup-events or Athena gives them; or steps of a recorder.",
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
    ] = "cloudtrail_logs",
    limit: Annotated[
        int, typer.Option(min=0, help="How many illegal steps are shown; all are counted.")
    ] = 20,
    validity: Annotated[
        int, typer.Option(min=3, max=15, help="AuthSessionValidity of the app clients, minutes.")
    ] = 15,
    memory: Annotated[
        str, typer.Option(help="What DuckDB may use; the rest goes to disk.")
    ] = "700MB",
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
