"""The one query: what the table makes of a trail, in SQL, for DuckDB, and for Athena and Spark by sqlglot.

It is written once, in DuckDB's words and in those of its functions that the others have too, around the
table itself as a VALUES relation. It reads each event once and answers everything: each illegal step by its
id, how often each arrow was taken, how long each step took, where sign-ins ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

import sqlglot

from authfsm.protocol.errors import CallerError
from authfsm.traces import cloudtrail, step_log
from authfsm.traces.log_symbols import (
    UNKNOWN,
    LoggedTransition,
    closed,
    cloudtrail_transitions,
    recorded_transitions,
)

DIALECTS: Final = ("duckdb", "athena", "spark")
"""The engines that the query is written for."""

VALIDITY: Final = 15
"""AuthSessionValidity, minutes, at its longest: an answer after more than that is another attempt's."""

_COLUMNS: Final = "id, moment, ranked, word, error, opens, beside, alone, unattributed, copies, exact, whose, claimed, moves, leads"

KINDS: Final = ("cloudtrail", "steps")
"""The kinds of trails: CloudTrail's events, and steps that a recorder wrote."""


class UnknownDialect(CallerError, ValueError):
    """The query is not written in this dialect.

    Args:
        dialect: what was asked for.
    """

    def __init__(self, dialect: str) -> None:
        super().__init__(f"the dialect is one of {', '.join(DIALECTS)}, not {dialect!r}")
        self.dialect = dialect


# One attempt after the other: cut where one begins, and where none can have gone on.
_WALK: Final = """
timed AS (
    SELECT *, LAG(moment) OVER (PARTITION BY whose ORDER BY moment, ranked, id) AS before,
        LEAD(moment) OVER (PARTITION BY whose ORDER BY moment, ranked, id) AS after,
        LAST_VALUE(moves IGNORE NULLS) OVER (
            PARTITION BY whose ORDER BY moment, ranked, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS stood
    FROM exchanges
), cut AS (
    SELECT *, SUM(CASE
        WHEN opens THEN 1
        WHEN NOT exact AND error IS NULL AND DATE_DIFF('second', before, moment) > {seconds} THEN 1
        ELSE 0 END) OVER (PARTITION BY whose ORDER BY moment, ranked, id ROWS UNBOUNDED PRECEDING) AS attempt,
        CASE WHEN opens AND NOT exact AND NOT alone AND stood NOT IN ('AUTHENTICATED', 'FAILED', 'START')
            AND DATE_DIFF('second', before, moment) <= {seconds} THEN stood END AS abandoned
    FROM timed
), walked AS (
    SELECT *,
        LAST_VALUE(moves IGNORE NULLS) OVER (
            PARTITION BY whose, attempt ORDER BY moment, ranked, id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS led,
        MAX(abandoned) OVER (PARTITION BY whose, attempt) AS other,
        MAX(CASE WHEN opens THEN 1 ELSE 0 END) OVER (PARTITION BY whose, attempt) AS begun,
        LAG(moment) OVER (PARTITION BY whose, attempt ORDER BY moment, ranked, id) AS since,
        LEAD(id) OVER (PARTITION BY whose, attempt ORDER BY moment, ranked, id) AS following
    FROM cut
), placed AS (
    SELECT *, CASE
        WHEN opens THEN 'START'
        WHEN exact THEN COALESCE(CASE WHEN led = claimed OR led LIKE claimed || '/%' THEN led END, claimed)
        WHEN alone THEN '{unknown}'
        -- With tokens in hand: they may be those of an earlier sign-in.
        WHEN beside AND (led IS NULL OR led <> 'AUTHENTICATED') THEN '{unknown}'
        ELSE COALESCE(led, '{unknown}') END AS source
    FROM walked
), led AS (
    SELECT *, COALESCE(leads, source) AS dest, CASE WHEN error IS NULL THEN leads ELSE '{unknown}' END AS reply
    FROM placed
), judged AS (
    SELECT led.*, CASE
        WHEN here.word IS NOT NULL THEN CASE WHEN led.source = '{unknown}' OR led.word = '{unknown}' OR led.dest = '{unknown}' THEN 'unknown' ELSE 'legal' END
        WHEN exact OR opens OR anywhere.word IS NULL THEN 'illegal'
        WHEN moment = before OR moment = after OR there.word IS NOT NULL THEN 'ambiguous'
        WHEN led.source LIKE 'MFA_SETUP%' AND unattributed THEN 'unknown'
        ELSE 'illegal' END AS found, anywhere.word IS NOT NULL AS possible
    FROM led
    LEFT JOIN arrows AS here ON here.source = led.source AND here.word = led.word AND here.dest = led.reply
    LEFT JOIN arrows AS anywhere ON anywhere.source = '{unknown}' AND anywhere.word = led.word AND anywhere.dest = led.reply
    LEFT JOIN arrows AS there ON there.source = led.other AND there.word = led.word AND there.dest = led.reply
), told AS (
    -- Where the order of an attempt's events was in doubt, nothing after it is held against anybody.
    SELECT id, whose, attempt, moment, ranked, source, word, dest, error, copies, opens, CASE
            WHEN found = 'illegal' AND possible AND NOT exact AND MAX(CASE WHEN found = 'ambiguous' THEN 1 ELSE 0 END) OVER (
                PARTITION BY whose, attempt ORDER BY moment, ranked, id ROWS UNBOUNDED PRECEDING
            ) = 1 THEN 'ambiguous'
            ELSE found END AS verdict,
        CASE WHEN NOT opens THEN FLOOR(DATE_DIFF('millisecond', since, moment) / 100.0) END AS tenths,
        CASE WHEN following IS NOT NULL THEN NULL
            WHEN begun = 0 OR (alone AND dest NOT IN ('AUTHENTICATED', 'FAILED')) THEN '{unknown}'
            ELSE dest END AS ended
    FROM judged
)
"""

_STEPS: Final = """
SELECT id, whose, attempt, moment, source, word, dest, error, verdict, ended, ranked FROM told
"""

# One row for each arrow; one for each illegal step; for each place, how many waited so long there; for
# each end, how many sign-ins ended there; and one for everything.
_FUNNEL: Final = """
SELECT GROUPING(verdict) AS no_edge, GROUPING(tenths) AS no_wait, GROUPING(ended) AS no_end,
    verdict, source, word, dest, suspect, tenths, ended, COUNT(*) AS times,
    MIN(whose) AS whose, MIN(moment) AS first_at, MAX(moment) AS last_at, MIN(error) AS error,
    SUM(CASE WHEN error IS NULL THEN 0 ELSE 1 END) AS refused,
    SUM(CASE WHEN opens THEN 1 ELSE 0 END) AS sign_ins, SUM(copies - 1) AS repeated
FROM (SELECT *, CASE WHEN verdict = 'illegal' THEN id END AS suspect FROM told) AS each_step
GROUP BY GROUPING SETS ((verdict, source, word, dest, suspect), (source, tenths), (ended), ())
"""


def relation(arrows: Iterable[LoggedTransition]) -> str:
    """The table as a common table expression: `arrows(source, word, dest)`."""
    rows = ",\n    ".join(
        "(" + ", ".join(f"'{part}'" for part in arrow) + ")" for arrow in closed(arrows)
    )
    return f"arrows AS (SELECT * FROM (VALUES\n    {rows}\n) AS table_of_the_protocol(source, word, dest))"  # noqa: S608 - our own words


# Many people sign in alike. DuckDB puts each one's exchanges in order once, and replays each course of
# exchanges once, by one person who took it: what decides a verdict (all that `_WALK` reads but ids and
# moments, and of moments which are the same and which are too far apart) is part of the course.
_IN_ORDER: Final = """
CREATE TABLE in_order AS
WITH {common}, exchanges AS ({every})
SELECT *, ROW_NUMBER() OVER sign_ins AS number, LAG(moment) OVER sign_ins AS earlier
FROM (SELECT *, MD5_NUMBER(whose) AS person FROM exchanges)
WINDOW sign_ins AS (PARTITION BY person ORDER BY moment, ranked, id)
"""
_PEOPLE: Final = """
CREATE TABLE people AS
WITH each_one AS (
SELECT person, MD5_NUMBER(STRING_AGG(CONCAT_WS(CHR(31),
        word, COALESCE(moves, CHR(29)), COALESCE(leads, CHR(29)), COALESCE(claimed, CHR(29)),
        CASE WHEN exact THEN CONCAT_WS(' ', LENGTH(word), LENGTH(moves), LENGTH(leads), LENGTH(claimed)) END,
        (CASE WHEN error IS NULL THEN 1 ELSE 0 END) + (CASE WHEN opens THEN 2 ELSE 0 END)
        + (CASE WHEN beside THEN 4 ELSE 0 END) + (CASE WHEN alone THEN 8 ELSE 0 END)
        + (CASE WHEN unattributed THEN 16 ELSE 0 END) + (CASE WHEN exact THEN 32 ELSE 0 END)
        + (CASE WHEN moment = earlier THEN 64 WHEN earlier IS NULL THEN 128 WHEN moment IS NULL THEN 192 ELSE 0 END)
        + (CASE WHEN DATE_DIFF('second', earlier, moment) > {seconds} THEN 256 ELSE 0 END)
    ), CHR(30) ORDER BY number)) AS signature
FROM in_order GROUP BY person
), numbered AS (
    SELECT signature, MIN(person) AS example, ROW_NUMBER() OVER (ORDER BY signature) AS course FROM each_one GROUP BY signature
)
SELECT person, course, person = example AS is_example FROM each_one JOIN numbered USING (signature)
"""
_COURSES: Final = """
CREATE TABLE courses AS
WITH {arrows}, exchanges AS (
    SELECT LPAD(CAST(number AS VARCHAR), 19, '0') AS id, moment, ranked, word, error, opens, beside, alone,
        unattributed, copies, exact, CAST(course AS VARCHAR) AS whose, claimed, moves, leads
    FROM in_order JOIN people USING (person) WHERE is_example
), {walk}
SELECT CAST(whose AS BIGINT) AS course, CAST(id AS BIGINT) AS number, attempt, source, word, dest, verdict, opens,
    tenths, ended
FROM told
"""
_TOLD: Final = """
WITH told AS (
    SELECT id, whose, attempt, moment, ranked, source, courses.word, dest, error, copies, courses.opens, verdict,
        CASE WHEN tenths IS NOT NULL THEN FLOOR(DATE_DIFF('millisecond', earlier, moment) / 100.0) END AS tenths,
        ended
    FROM in_order JOIN people USING (person)
    JOIN courses ON courses.course = people.course AND courses.number = in_order.number
)
"""


def _arrows(kinds: tuple[str, ...]) -> dict[LoggedTransition, None]:
    arrows = dict.fromkeys(cloudtrail_transitions()) if "cloudtrail" in kinds else {}
    if "steps" in kinds:
        # A recorder writes a name where a request bore one that the table has not there.
        arrows |= dict.fromkeys((*recorded_transitions(), *cloudtrail_transitions()))
    return arrows


def _every(kinds: tuple[str, ...]) -> str:
    of = {"cloudtrail": "from_cloudtrail", "steps": "from_steps"}
    return " UNION ALL ".join(f"SELECT {_COLUMNS} FROM {of[kind]}" for kind in kinds)  # noqa: S608 - our own words


@cache
def query(*, table: str = "events", validity: int = VALIDITY, funnel: bool = True) -> str:
    """Return the query over CloudTrail's events, in DuckDB's SQL, as one statement.

    Args:
        table: CloudTrail's events, with Athena's columns.
        validity: AuthSessionValidity, minutes: who answers later goes on with nothing.
        funnel: the funnel with every illegal step; False gives each step with its verdict.
    """
    kinds = ("cloudtrail",)
    walk = _WALK.format(seconds=validity * 60, unknown=UNKNOWN)
    parts = (relation(_arrows(kinds)), cloudtrail.extraction(table), cloudtrail.exchanges())
    common = ", ".join(part.strip() for part in (*parts, f"exchanges AS ({_every(kinds)})", walk))
    return f"WITH {common}\n{(_FUNNEL if funnel else _STEPS).strip()}\n"


@cache
def statements(kinds: tuple[str, ...], validity: int = VALIDITY) -> tuple[str, ...]:
    """Return what prepares the query over DuckDB's own tables `noted` and `steps`, to be run once, in order.

    Args:
        kinds: what there is to read, of `KINDS`.
        validity: AuthSessionValidity, minutes.
    """
    parts = {"cloudtrail": cloudtrail.exchanges(stored=True), "steps": step_log.exchanges()}
    common = ", ".join(parts[kind].strip() for kind in kinds)
    walk = _WALK.format(seconds=validity * 60, unknown=UNKNOWN).strip()
    return (
        _IN_ORDER.format(common=common, every=_every(kinds)),
        _PEOPLE.format(seconds=validity * 60),
        _COURSES.format(arrows=relation(_arrows(kinds)), walk=walk),
    )


def prepared(*, funnel: bool) -> str:
    """Return the query over what `statements` prepared.

    Args:
        funnel: the funnel with every illegal step; False gives each step with its verdict.
    """
    return _TOLD.strip() + "\n" + (_FUNNEL if funnel else _STEPS).strip()


def sql(
    dialect: str, table: str = "events", *, validity: int = VALIDITY, funnel: bool = True
) -> str:
    """The query over CloudTrail's events, for an engine.

    Athena runs it as it is, over the table that AWS's guide makes ("Querying AWS CloudTrail logs") or a
    view that narrows it to some days. For Spark the columns are text, JSON included:

        schema = ", ".join(f"{name} STRING" for name in authfsm.traces.cloudtrail.COLUMNS)
        spark.read.schema(schema).json("s3://...").createOrReplaceTempView("events")
        funnel = authfsm.traces.gathered(row.asDict() for row in spark.sql(sql("spark")).collect())

    It was run on DuckDB and on Spark; of Athena's dialect it is known only that it parses.

    Args:
        dialect: one of `DIALECTS`.
        table: the events: of Athena, the table that AWS's guide makes for CloudTrail.
        validity: AuthSessionValidity, minutes.
        funnel: the funnel with every illegal step; False gives each step with its verdict.

    Raises:
        UnknownDialect: none of these.
    """
    if dialect not in DIALECTS:
        raise UnknownDialect(dialect)
    written = query(table=table, validity=validity, funnel=funnel)
    return sqlglot.transpile(written, read="duckdb", write=dialect, pretty=True)[0]
