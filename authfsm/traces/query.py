"""The query that checks steps against the protocol, in SQL for DuckDB, Athena and Spark.

It is written in DuckDB's dialect (`query.sql`), with functions that the other engines have too; sqlglot translates it.
It contains the protocol as a VALUES relation. It returns each illegal step, how often each transition was taken, how
long each step took, and where sign-ins ended. `query` reads each event once; `preparation` sorts stored events first.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

import sqlglot

from authfsm.protocol import responses as r
from authfsm.protocol.errors import CallerError
from authfsm.protocol.table import Role
from authfsm.traces import cloudtrail
from authfsm.traces import log_symbols as s
from authfsm.traces.cloudtrail import SQL

DIALECTS: Final = ("duckdb", "athena", "spark")
"""The engines for which the query can be written."""

VALIDITY: Final = 15
"""The longest AuthSessionValidity, in minutes. An answer that is accepted later belongs to another attempt."""

_COLUMNS: Final = (
    "id, moment, ranked, symbol, error, opens, after_sign_in, alone, unattributed, copies, recorded, sign_in,"
    " known_source, next_node, reply_node"
)


class UnknownDialect(CallerError, ValueError):
    """The query cannot be written in this SQL `dialect`."""

    def __init__(self, dialect: str) -> None:
        super().__init__(f"the dialect must be one of {', '.join(DIALECTS)}, not {dialect!r}")
        self.dialect = dialect


def _relation(transitions: Iterable[s.LoggedTransition]) -> str:
    parts = (", ".join(f"'{part}'" for part in each) for each in s.with_unknown_parts(transitions))
    rows = ",\n    ".join(f"({each})" for each in parts)
    return f"transitions AS (SELECT * FROM (VALUES\n    {rows}\n) AS protocol(source, symbol, dest))"  # noqa: S608 - constants of this package, no input


def _from_steps() -> str:
    """Return the common table expressions that convert recorded steps to rows of `exchanges` (columns: `query.sql`)."""
    reply_node = SQL["step_reply_node"].format(
        unknown=s.NOT_LOGGED, associate=r.AssociateSoftwareToken.trigger, verify=r.VerifySoftwareToken.trigger,
        app_associated=s.APP_ASSOCIATED, app_verified=s.APP_VERIFIED, first_factor=Role.FIRST_FACTOR,
        second_factor=Role.SECOND_FACTOR, email_first_factor=s.EMAIL_FIRST_FACTOR,
        email_second_factor=s.EMAIL_SECOND_FACTOR,
    )  # fmt: skip
    refreshes = tuple(trigger for trigger, kind in r.RESPONSES.items() if kind in r.REFRESH_RESPONSES)
    ends = tuple(sorted(s.FINISHED))
    with_tokens = f"COALESCE((source = 'AUTHENTICATED' OR response IN {refreshes}) AND dest IN {ends}, FALSE)"
    return SQL["from_steps"].format(unknown=s.NOT_LOGGED, reply_node=reply_node, with_tokens=with_tokens)


@cache
def check_validity(minutes: int) -> int:
    """Return AuthSessionValidity in minutes; raise ValueError if it is not from 3 to 15, the range of Cognito."""
    if minutes not in range(3, 16):
        raise ValueError(f"validity must be from 3 to 15 minutes, not {minutes!r}")
    return minutes


def query(*, table: str = "events", validity: int = VALIDITY, funnel: bool = True) -> str:
    """Return the query over CloudTrail events as one statement in DuckDB's dialect; arguments as for `sql`."""
    parts = (
        _relation(s.cloudtrail_transitions()),
        cloudtrail.extraction(table),
        cloudtrail.exchanges(),
        f"exchanges AS (SELECT {_COLUMNS} FROM from_cloudtrail)",  # noqa: S608 - constants of this package, no input
        SQL["check"].format(seconds=validity * 60, unknown=s.NOT_LOGGED),
    )
    return f"WITH {', '.join(parts)}\n{SQL['funnel' if funnel else 'each_step']}\n"


@cache
def preparation(kinds: tuple[str, ...], validity: int = VALIDITY) -> tuple[str, ...]:
    """Return the statements to run once, in order, before `prepared_query`, for these kinds of input."""
    exchanges = {"cloudtrail": cloudtrail.exchanges(stored=True), "steps": _from_steps()}
    transitions = dict.fromkeys(s.cloudtrail_transitions())
    common = ", ".join(exchanges[kind] for kind in kinds)
    all_exchanges = " UNION ALL ".join(f"SELECT {_COLUMNS} FROM from_{kind}" for kind in kinds)  # noqa: S608 - constants of this package, no input
    if "steps" in kinds:
        transitions |= dict.fromkeys(s.recorded_transitions())
    check = SQL["check"].format(seconds=validity * 60, unknown=s.NOT_LOGGED)
    return (
        SQL["sorted_exchanges"].format(common=common, all_exchanges=all_exchanges),
        SQL["users"].format(seconds=validity * 60),
        SQL["sequences"].format(transitions=_relation(transitions), check=check),
    )


def prepared_query(*, funnel: bool) -> str:
    """Return the query over the tables of `preparation`; the argument as for `sql`."""
    return SQL["checked"] + "\n" + SQL["funnel" if funnel else "each_step"]


def sql(dialect: str, table: str = "events", *, validity: int = VALIDITY, funnel: bool = True) -> str:
    """Return the query over CloudTrail events for an engine.

    Athena runs it over the table from AWS's guide ("Querying AWS CloudTrail logs"), or over a view that selects
    some days of it. For Spark, all columns must be text, also those with JSON:

        schema = ", ".join(f"{name} STRING" for name in authfsm.traces.cloudtrail.COLUMNS)
        spark.read.schema(schema).json("s3://...").createOrReplaceTempView("events")
        rows = spark.sql(sql("spark")).collect()
        funnel = authfsm.traces.funnel_from_rows(row.asDict() for row in rows)

    The tests run it on DuckDB and Spark. For Athena they only parse it.

    Args:
        dialect: one of `DIALECTS`.
        table: the name of the table of events, with `"` around a part that is no identifier (`"my-logs".trail`).
        validity: AuthSessionValidity of the app clients, in minutes.
        funnel: true for the counts of a `Funnel` and every illegal step, false for each step with its verdict.

    Raises:
        UnknownDialect: the dialect is not in `DIALECTS`.
        ValueError: `validity` is not from 3 to 15, or `table` is not a name.
    """
    if dialect not in DIALECTS:
        raise UnknownDialect(dialect)
    statement = query(table=table, validity=check_validity(validity), funnel=funnel)
    try:
        return sqlglot.transpile(statement, read="duckdb", write=dialect, pretty=True)[0]
    except sqlglot.errors.SqlglotError:
        raise ValueError(f'table must be a name such as trail or "my-logs".trail, not {table!r}') from None
