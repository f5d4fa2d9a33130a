"""The query that checks steps against the protocol, in SQL for DuckDB, Athena and Spark.

It is written in DuckDB's dialect with functions that the others have too, and sqlglot translates it. The protocol
is part of it, as a VALUES relation. It reads each event once and returns everything: each illegal step, how often
each transition was taken, how long each step took, and where sign-ins ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

import sqlglot

from authfsm.protocol.errors import CallerError
from authfsm.protocol.responses import AssociateSoftwareToken, VerifySoftwareToken
from authfsm.protocol.states import State
from authfsm.protocol.table import Role
from authfsm.traces import cloudtrail
from authfsm.traces import log_symbols as s

DIALECTS: Final = ("duckdb", "athena", "spark")
"""The engines for which the query can be written."""

VALIDITY: Final = 15
"""The longest AuthSessionValidity in minutes: an answer after more than that belongs to another attempt."""

_COLUMNS: Final = (
    "id, moment, ranked, symbol, error, opens, after_sign_in, alone, unattributed, copies, exact, sign_in, claimed,"
    " moves, leads"
)


class UnknownDialect(CallerError, ValueError):
    """The query cannot be written in this dialect.

    Args:
        dialect: the name that was passed.
    """

    def __init__(self, dialect: str) -> None:
        super().__init__(f"the dialect is one of {', '.join(DIALECTS)}, not {dialect!r}")
        self.dialect = dialect


# Recorded steps as exchanges.
_STEP_LEADS: Final = f"""CASE WHEN (error IS NOT NULL OR lost IS NOT NULL) AND dest = source THEN NULL
            WHEN dest = '{State.MFA_SETUP}' AND given = '{AssociateSoftwareToken.trigger}' THEN '{s.APP_ASSOCIATED}'
            WHEN dest = '{State.MFA_SETUP}' AND given = '{VerifySoftwareToken.trigger}' THEN '{s.APP_VERIFIED}'
            WHEN dest = '{State.EMAIL_OTP}' AND role = '{Role.FIRST_FACTOR}' THEN '{s.EMAIL_FIRST_FACTOR}'
            WHEN dest = '{State.EMAIL_OTP}' AND role = '{Role.SECOND_FACTOR}' THEN '{s.EMAIL_SECOND_FACTOR}'
            ELSE COALESCE(dest, '{s.NOT_LOGGED}') END"""
_FROM_STEPS: Final = f"""
distinct_steps AS (
    SELECT sign_in, step, source, given, under, dest, role, error, lost, moment, COUNT(*) AS copies
    FROM steps
    GROUP BY sign_in, step, source, given, under, dest, role, error, lost, moment
), from_steps AS (
    SELECT sign_in || ' ' || CAST(step AS VARCHAR) AS id, moment, step AS ranked,
        COALESCE(under, given, '{s.NOT_LOGGED}') AS symbol, COALESCE(error, lost) AS error,
        COALESCE(source = '{State.START}', FALSE) AS opens, FALSE AS after_sign_in, FALSE AS alone,
        FALSE AS unattributed, copies, TRUE AS exact, sign_in, COALESCE(source, '{s.NOT_LOGGED}') AS claimed,
        {_STEP_LEADS} AS moves, {_STEP_LEADS} AS leads
    FROM distinct_steps
)"""  # noqa: S608 - our own words

# Splits the exchanges of each user into attempts, follows each attempt from node to node, and checks each step.
_CHECK: Final = """
timed AS (
    SELECT *, LAG(moment) OVER (PARTITION BY sign_in ORDER BY moment, ranked, id) AS before,
        LEAD(moment) OVER (PARTITION BY sign_in ORDER BY moment, ranked, id) AS after,
        LAST_VALUE(moves IGNORE NULLS) OVER (
            PARTITION BY sign_in ORDER BY moment, ranked, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS node_before
    FROM exchanges
), split AS (
    SELECT *, SUM(CASE
        WHEN opens THEN 1
        WHEN NOT exact AND error IS NULL AND DATE_DIFF('second', before, moment) > {seconds} THEN 1
        ELSE 0 END) OVER (PARTITION BY sign_in ORDER BY moment, ranked, id ROWS UNBOUNDED PRECEDING) AS attempt,
        CASE WHEN opens AND NOT exact AND NOT alone AND node_before NOT IN ('AUTHENTICATED', 'FAILED', 'START')
            AND DATE_DIFF('second', before, moment) <= {seconds} THEN node_before END AS abandoned
    FROM timed
), followed AS (
    SELECT *,
        LAST_VALUE(moves IGNORE NULLS) OVER (
            PARTITION BY sign_in, attempt ORDER BY moment, ranked, id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached,
        MAX(abandoned) OVER (PARTITION BY sign_in, attempt) AS other,
        MAX(CASE WHEN opens THEN 1 ELSE 0 END) OVER (PARTITION BY sign_in, attempt) AS has_beginning,
        LAG(moment) OVER (PARTITION BY sign_in, attempt ORDER BY moment, ranked, id) AS since,
        LEAD(id) OVER (PARTITION BY sign_in, attempt ORDER BY moment, ranked, id) AS following
    FROM split
), with_source AS (
    SELECT *, CASE
        WHEN opens THEN 'START'
        WHEN exact THEN COALESCE(CASE WHEN reached = claimed OR reached LIKE claimed || ' (%' THEN reached END, claimed)
        WHEN alone THEN '{unknown}'
        -- The tokens may be those of an earlier sign-in.
        WHEN after_sign_in AND (reached IS NULL OR reached <> 'AUTHENTICATED') THEN '{unknown}'
        ELSE COALESCE(reached, '{unknown}') END AS source
    FROM followed
), with_dest AS (
    SELECT *, COALESCE(leads, source) AS dest, CASE WHEN error IS NULL THEN leads ELSE '{unknown}' END AS reply
    FROM with_source
), compared AS (
    SELECT step.*, CASE
        WHEN here.symbol IS NOT NULL THEN CASE WHEN step.source = '{unknown}' OR step.symbol = '{unknown}' OR step.dest = '{unknown}' THEN 'unknown' ELSE 'legal' END
        WHEN exact OR opens OR anywhere.symbol IS NULL THEN 'illegal'
        WHEN moment = before OR moment = after OR there.symbol IS NOT NULL THEN 'ambiguous'
        WHEN step.source LIKE 'MFA_SETUP%' AND unattributed THEN 'unknown'
        ELSE 'illegal' END AS found, anywhere.symbol IS NOT NULL AS possible
    FROM with_dest AS step
    LEFT JOIN transitions AS here ON here.source = step.source AND here.symbol = step.symbol AND here.dest = step.reply
    LEFT JOIN transitions AS anywhere ON anywhere.source = '{unknown}' AND anywhere.symbol = step.symbol AND anywhere.dest = step.reply
    LEFT JOIN transitions AS there ON there.source = step.other AND there.symbol = step.symbol AND there.dest = step.reply
), checked AS (
    -- After events of an uncertain order, nothing in the attempt is called illegal.
    SELECT id, sign_in, attempt, moment, ranked, source, symbol, dest, error, copies, opens, CASE
            WHEN found = 'illegal' AND possible AND NOT exact AND MAX(CASE WHEN found = 'ambiguous' THEN 1 ELSE 0 END) OVER (
                PARTITION BY sign_in, attempt ORDER BY moment, ranked, id ROWS UNBOUNDED PRECEDING
            ) = 1 THEN 'ambiguous'
            ELSE found END AS verdict,
        CASE WHEN NOT opens THEN FLOOR(DATE_DIFF('millisecond', since, moment) / 100.0) END AS tenths,
        CASE WHEN following IS NOT NULL THEN NULL
            WHEN has_beginning = 0 OR (alone AND dest NOT IN ('AUTHENTICATED', 'FAILED')) THEN '{unknown}'
            ELSE dest END AS ended
    FROM compared
)
"""

_EACH_STEP: Final = """
SELECT id, sign_in, attempt, moment, source, symbol, dest, error, verdict, ended, ranked FROM checked
"""

# A row for each transition and each illegal step; for each node and duration, how many steps took so long; for
# each node, how many sign-ins ended there; and one row for everything.
_FUNNEL: Final = """
SELECT GROUPING(verdict) AS no_transition, GROUPING(tenths) AS no_duration, GROUPING(ended) AS no_end,
    verdict, source, symbol, dest, illegal_id, tenths, ended, COUNT(*) AS times,
    MIN(sign_in) AS sign_in, MIN(moment) AS first_at, MAX(moment) AS last_at, MIN(error) AS error,
    SUM(CASE WHEN error IS NULL THEN 0 ELSE 1 END) AS refused,
    SUM(CASE WHEN opens THEN 1 ELSE 0 END) AS sign_ins, SUM(copies - 1) AS repeated
FROM (SELECT *, CASE WHEN verdict = 'illegal' THEN id END AS illegal_id FROM checked) AS each_step
GROUP BY GROUPING SETS ((verdict, source, symbol, dest, illegal_id), (source, tenths), (ended), ())
"""

# Many sign-ins are alike. DuckDB sorts the exchanges of each user once, and checks each different sequence of
# exchanges once, for one user who has it. The sequence includes all that decides a verdict: what `_CHECK` reads
# except ids and moments, and of moments which are equal and which are too far apart.
_SORTED: Final = """
CREATE TABLE sorted_exchanges AS
WITH {common}, exchanges AS ({all_exchanges})
SELECT *, ROW_NUMBER() OVER by_time AS number, LAG(moment) OVER by_time AS earlier
FROM (SELECT *, MD5_NUMBER(sign_in) AS person FROM exchanges)
WINDOW by_time AS (PARTITION BY person ORDER BY moment, ranked, id)
"""
_PEOPLE: Final = """
CREATE TABLE people AS
WITH each_person AS (
SELECT person, MD5_NUMBER(STRING_AGG(CONCAT_WS(CHR(31),
        symbol, COALESCE(moves, CHR(29)), COALESCE(leads, CHR(29)), COALESCE(claimed, CHR(29)),
        CASE WHEN exact THEN CONCAT_WS(' ', LENGTH(symbol), LENGTH(moves), LENGTH(leads), LENGTH(claimed)) END,
        (CASE WHEN error IS NULL THEN 1 ELSE 0 END) + (CASE WHEN opens THEN 2 ELSE 0 END)
        + (CASE WHEN after_sign_in THEN 4 ELSE 0 END) + (CASE WHEN alone THEN 8 ELSE 0 END)
        + (CASE WHEN unattributed THEN 16 ELSE 0 END) + (CASE WHEN exact THEN 32 ELSE 0 END)
        + (CASE WHEN moment = earlier THEN 64 WHEN earlier IS NULL THEN 128 WHEN moment IS NULL THEN 192 ELSE 0 END)
        + (CASE WHEN DATE_DIFF('second', earlier, moment) > {seconds} THEN 256 ELSE 0 END)
    ), CHR(30) ORDER BY number)) AS signature
FROM sorted_exchanges GROUP BY person
), numbered AS (
    SELECT signature, MIN(person) AS example, ROW_NUMBER() OVER (ORDER BY signature) AS sequence FROM each_person GROUP BY signature
)
SELECT person, sequence, person = example AS is_example FROM each_person JOIN numbered USING (signature)
"""
_SEQUENCES: Final = """
CREATE TABLE sequences AS
WITH {transitions}, exchanges AS (
    SELECT LPAD(CAST(number AS VARCHAR), 19, '0') AS id, moment, ranked, symbol, error, opens, after_sign_in, alone,
        unattributed, copies, exact, CAST(sequence AS VARCHAR) AS sign_in, claimed, moves, leads
    FROM sorted_exchanges JOIN people USING (person) WHERE is_example
), {check}
SELECT CAST(sign_in AS BIGINT) AS sequence, CAST(id AS BIGINT) AS number, attempt, source, symbol, dest, verdict,
    opens, tenths, ended
FROM checked
"""
_CHECKED: Final = """
WITH checked AS (
    SELECT id, sign_in, attempt, moment, ranked, source, sequences.symbol, dest, error, copies, sequences.opens, verdict,
        CASE WHEN tenths IS NOT NULL THEN FLOOR(DATE_DIFF('millisecond', earlier, moment) / 100.0) END AS tenths,
        ended
    FROM sorted_exchanges JOIN people USING (person)
    JOIN sequences ON sequences.sequence = people.sequence AND sequences.number = sorted_exchanges.number
)
"""


def _relation(transitions: Iterable[s.LoggedTransition]) -> str:
    parts = (", ".join(f"'{part}'" for part in each) for each in s.with_unknown_parts(transitions))
    rows = ",\n    ".join(f"({each})" for each in parts)
    return f"transitions AS (SELECT * FROM (VALUES\n    {rows}\n) AS protocol(source, symbol, dest))"  # noqa: S608 - our own words


@cache
def query(*, table: str = "events", validity: int = VALIDITY, funnel: bool = True) -> str:
    """Return the query over CloudTrail events as one statement in DuckDB's dialect; arguments as for `sql`."""
    parts = (
        _relation(s.cloudtrail_transitions()),
        cloudtrail.extraction(table),
        cloudtrail.exchanges(),
        f"exchanges AS (SELECT {_COLUMNS} FROM from_cloudtrail)",  # noqa: S608 - our own words
        _CHECK.format(seconds=validity * 60, unknown=s.NOT_LOGGED),
    )
    common = ", ".join(part.strip() for part in parts)
    return f"WITH {common}\n{(_FUNNEL if funnel else _EACH_STEP).strip()}\n"


@cache
def preparation(kinds: tuple[str, ...], validity: int = VALIDITY) -> tuple[str, ...]:
    """Return the statements to run once, in order, before `prepared_query`, for these kinds of input."""
    exchanges = {"cloudtrail": cloudtrail.exchanges(stored=True), "steps": _FROM_STEPS}
    transitions = dict.fromkeys(s.cloudtrail_transitions())
    all_exchanges = (f"SELECT {_COLUMNS} FROM from_{kind}" for kind in kinds)  # noqa: S608 - our own words
    if "steps" in kinds:
        transitions |= dict.fromkeys(s.recorded_transitions())
    check = _CHECK.format(seconds=validity * 60, unknown=s.NOT_LOGGED).strip()
    return (
        _SORTED.format(
            common=", ".join(exchanges[kind].strip() for kind in kinds),
            all_exchanges=" UNION ALL ".join(all_exchanges),
        ),
        _PEOPLE.format(seconds=validity * 60),
        _SEQUENCES.format(transitions=_relation(transitions), check=check),
    )


def prepared_query(*, funnel: bool) -> str:
    """Return the query over the tables of `preparation`; the argument as for `sql`."""
    return _CHECKED.strip() + "\n" + (_FUNNEL if funnel else _EACH_STEP).strip()


def sql(dialect: str, table: str = "events", *, validity: int = VALIDITY, funnel: bool = True) -> str:
    """Return the query over CloudTrail events for an engine.

    Athena runs it over the table from AWS's guide ("Querying AWS CloudTrail logs"), or over a view that selects
    some days of it. For Spark all columns are text, JSON included:

        schema = ", ".join(f"{name} STRING" for name in authfsm.traces.cloudtrail.COLUMNS)
        spark.read.schema(schema).json("s3://...").createOrReplaceTempView("events")
        rows = spark.sql(sql("spark")).collect()
        funnel = authfsm.traces.funnel_from_rows(row.asDict() for row in rows)

    The tests run it on DuckDB and Spark. For Athena they only parse it.

    Args:
        dialect: one of `DIALECTS`.
        table: the table of events; for Athena, the table from AWS's guide.
        validity: AuthSessionValidity of the app clients, in minutes.
        funnel: return the rows of the funnel and every illegal step; False: each step with its verdict.

    Raises:
        UnknownDialect: the dialect is not one of these.
    """
    if dialect not in DIALECTS:
        raise UnknownDialect(dialect)
    written = query(table=table, validity=validity, funnel=funnel)
    return sqlglot.transpile(written, read="duckdb", write=dialect, pretty=True)[0]
