"""Logs checked against the protocol: exactly the planted errors are found, by DuckDB and by Spark."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from cloudtrail_logs import COMMON, PLANTS, Conversation, conversation, conversations, planted_errors, write
from conftest import lacking
from joserfc.jwk import RSAKey

from authfsm.protocol.states import State
from authfsm.protocol.table import LOOP_KINDS_AFTER_REFUSAL, TRANSITIONS
from authfsm.traces import TraceFiles, UnknownDialect, Verdict, sql
from authfsm.traces.cloudtrail import COLUMNS, time_of
from authfsm.traces.log_symbols import (
    NOT_LOGGED,
    CheckedStep,
    LoggedTransition,
    cloudtrail_transitions,
    recorded_transitions,
    state_of,
    with_unknown_parts,
)
from authfsm.traces.query import DIALECTS
from authfsm.traces.trace_files import funnel_from_rows

EVENTS, PLANTS_EACH = 6_000, 5


@pytest.fixture(scope="module")
def all_conversations(signing_key: RSAKey) -> tuple[Conversation, ...]:
    """Return the conversation of every scenario."""
    return conversations(signing_key)


@pytest.fixture(scope="module")
def common(signing_key: RSAKey) -> dict[str, Conversation]:
    """Return the conversations of common sign-ins by name."""
    return {name: conversation(scenario, signing_key) for name, (_, scenario) in COMMON.items()}


@pytest.fixture(scope="module")
def log(
    all_conversations: tuple[Conversation, ...],
    common: dict[str, Conversation],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    """Return a log with every error planted five times, the opened log and its funnel."""
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    log_file = write(path, all_conversations, common, events=EVENTS, plants=PLANTS_EACH)
    with TraceFiles(path) as files:
        yield log_file, files, files.funnel(limit=10_000)


# ---- the table as a relation ------------------------------------------------------------------------------


def test_recorded_steps_show_every_transition() -> None:
    """By responses, the relation has exactly the transitions of the table."""
    transitions = {
        (state_of(each.source), kind, state_of(each.dest)) for each, (kind,) in recorded_transitions().items()
    }

    # A refusal that keeps the state leads nowhere that a log shows.
    assert transitions == {
        transition[:3] for transition in TRANSITIONS if transition.kind not in LOOP_KINDS_AFTER_REFUSAL
    }


def test_cloudtrail_shows_every_transition() -> None:
    """By names, the relation has exactly the transitions of the table, under a name that the request has."""
    transitions = {
        (state_of(each.source), kind, state_of(each.dest))
        for each, kinds in cloudtrail_transitions().items()
        for kind in kinds
    }

    # A refusal that keeps the state leads nowhere that a log shows.
    assert transitions == {
        transition[:3] for transition in TRANSITIONS if transition.kind not in LOOP_KINDS_AFTER_REFUSAL
    }


def test_mfa_setup_needs_a_verified_app() -> None:
    """MFA_SETUP leads to tokens only after an app is verified."""
    transitions = cloudtrail_transitions()

    assert LoggedTransition("MFA_SETUP", "MFA_SETUP", "AUTHENTICATED") not in transitions
    assert LoggedTransition("MFA_SETUP (app associated)", "MFA_SETUP", "AUTHENTICATED") not in transitions
    assert LoggedTransition("MFA_SETUP (app verified)", "MFA_SETUP", "AUTHENTICATED") in transitions
    assert LoggedTransition("MFA_SETUP", "VerifySoftwareToken", "MFA_SETUP (app verified)") not in transitions


def test_only_a_first_factor_can_be_exchanged_for_another() -> None:
    """SELECT_CHALLENGE is accepted at EMAIL_OTP only where it is, or may be, a first factor."""
    leaves = {
        each.source for each in cloudtrail_transitions() if each.symbol == "SELECT_CHALLENGE" and "EMAIL" in each.source
    }

    assert leaves == {"EMAIL_OTP", "EMAIL_OTP (first factor)"}


def test_transitions_with_unknown_parts_are_known() -> None:
    """A transition with any part unknown is in the relation, unless no transition matches it."""
    transitions = set(with_unknown_parts([LoggedTransition("START", "USER_SRP_AUTH", "PASSWORD_VERIFIER")]))

    assert len(transitions) == 8
    assert LoggedTransition(NOT_LOGGED, "USER_SRP_AUTH", NOT_LOGGED) in transitions
    assert LoggedTransition(NOT_LOGGED, "USER_SRP_AUTH", "AUTHENTICATED") not in set(
        with_unknown_parts(cloudtrail_transitions())
    )


# ---- planted errors -----------------------------------------------------------------------------------------


def test_every_planted_error_is_found_and_nothing_else(log: Any) -> None:
    """The illegal steps are exactly the planted ones, and no verdict is unknown or ambiguous."""
    written, files, funnel = log

    assert {each.id for each in funnel.illegal} == set(written.illegal_ids)
    assert funnel.illegal_count == len(written.illegal_ids) == PLANTS_EACH * len(PLANTS)
    assert (funnel.count(Verdict.UNKNOWN), funnel.count(Verdict.AMBIGUOUS)) == (0, 0)
    assert funnel.sign_ins == sum(funnel.ends.values()) == written.sign_ins
    assert files.load().complete
    assert files.load().events + files.load().others == written.events
    assert funnel.steps + funnel.repeated == files.load().events


def test_the_replayed_steps_match_the_funnel(log: Any) -> None:
    """The counts of the replayed steps are those of the funnel, and each illegal step says what is allowed."""
    written, files, funnel = log
    steps: Counter[tuple[str, ...]] = Counter()
    wrong: dict[str, CheckedStep] = {}
    unfinished = 0
    for each in files.replay():
        steps[each.source, each.symbol, each.dest, str(each.verdict)] += 1
        unfinished += each.unfinished
        if each.verdict is Verdict.ILLEGAL:
            wrong[each.id] = each

    assert steps == {
        (each.source, each.symbol, each.dest, str(each.verdict)): each.times for each in funnel.transitions
    }
    assert unfinished == funnel.unfinished
    assert set(wrong) == set(written.illegal_ids)
    whys = {written.illegal_ids[each.id]: each.why for each in wrong.values()}
    assert whys["the password never proved"] == "PASSWORD_VERIFIER accepts PASSWORD_VERIFIER; not SMS_MFA"
    assert (
        whys["a second factor left for a first"] == "EMAIL_OTP (second factor) accepts EMAIL_OTP; not SELECT_CHALLENGE"
    )
    assert whys["tokens without a factor"] == (
        "from START, USER_SRP_AUTH leads to PASSWORD_VERIFIER, OTHER_CHALLENGE, FAILED; not to AUTHENTICATED"
    )


def test_the_replay_can_be_limited_to_verdicts(log: Any) -> None:
    """`replay` with verdicts yields only steps with one of them."""
    written, files, _ = log

    assert {each.id for each in files.replay(Verdict.ILLEGAL)} == set(written.illegal_ids)
    assert list(files.replay(Verdict.UNKNOWN, Verdict.AMBIGUOUS)) == []


def test_shares_and_durations(log: Any) -> None:
    """The shares of each node add up to 1; people take longer than programs."""
    _, _, funnel = log
    shares: Counter[str] = Counter()
    for each in funnel.transitions:
        shares[each.source] += each.share
    waits = {each.node: each for each in funnel.durations}

    assert {round(share, 6) for share in shares.values()} == {1}
    assert waits["PASSWORD_VERIFIER"].median == 0
    assert 2 <= waits["SMS_MFA"].median <= waits["SMS_MFA"].p95 <= 41


def test_traffic_on_the_diagram(log: Any) -> None:
    """The diagram shows how often each edge was taken, and where sign-ins ended."""
    _, _, funnel = log
    picture = funnel.diagram()
    model = picture.model
    times = next(
        each.times for each in funnel.transitions if (each.symbol, each.dest) == ("USER_SRP_AUTH", "PASSWORD_VERIFIER")
    )

    assert model.sign_ins == funnel.sign_ins
    assert f"user_srp_auth \u00d7{times:,}" in str(picture)
    assert f"{funnel.illegal_count:,} steps are not allowed by the protocol." in model.notes
    assert model.notes[0].startswith("Where sign-ins ended: AUTHENTICATED ")


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A local Spark."""
    if shutil.which("java") is None:
        lacking("java")
    from pyspark.sql import SparkSession  # noqa: PLC0415 - it takes seconds, for this test alone

    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.adaptive.enabled", "false")
        # Compiling so large a query takes longer than running it, and so does optimising Java's code.
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.mark.filterwarnings(
    "ignore::FutureWarning:pyspark", "ignore::ResourceWarning", "ignore::DeprecationWarning:pyspark"
)
def test_spark_gives_the_same_result(
    all_conversations: tuple[Conversation, ...], common: dict[str, Conversation], spark: Any, tmp_path: Path
) -> None:
    """The query in Spark's dialect over the same file gives the same funnel."""
    path = tmp_path / "log.jsonl"  # each error once: without compiled code, Spark takes its time for each event
    write(path, all_conversations, common, events=EVENTS // 4, plants=1)
    schema = ", ".join(f"{name} STRING" for name in COLUMNS)
    spark.read.schema(schema).json(str(path)).createOrReplaceTempView("cloudtrail_logs")
    rows = spark.sql(sql("spark", "cloudtrail_logs")).collect()
    with TraceFiles(path) as files:
        ours = files.funnel(limit=10_000)
        theirs = funnel_from_rows((row.asDict() for row in rows), files.load(), limit=10_000)

    assert len(ours.illegal) == len(PLANTS)
    assert theirs == ours
    query = sqlglot.transpile(TIME_QUERY, read="duckdb", write="spark")[0]
    assert [row[0] for row in spark.sql(query).collect()] == list(TIMES.values())


SECOND = datetime(2025, 10, 9, 7, 57, 29)  # noqa: DTZ001 - SQL's TIMESTAMP has no time zone
TIMES = {
    "2025-10-09T07:57:29Z": SECOND,
    "2025-10-09T09:57:29+02:00": SECOND,
    "2025-10-09T03:27:29.500000-04:30": SECOND.replace(microsecond=500_000),
    "2025-10-09T09:57:29+0200": SECOND,
    "2025-10-09T09:57:29.000+0200": SECOND,
    "2025-10-09 09:57:29+02": SECOND,
    "2025-10-09T03:27:29-0430": SECOND,
    "2025-10-09T07:57:29,5Z": SECOND.replace(microsecond=500_000),
    "2025-10-09 09:57:29,500+0200": SECOND.replace(microsecond=500_000),
    "2025-10-09 07:57:29.000 UTC": SECOND,
    "2025-10-09 07:57:29": SECOND,
    "2025-10-09T07:57:29.123456Z": SECOND.replace(microsecond=123_456),
    "1759996649": SECOND,
    "1759996649.5": SECOND.replace(microsecond=500_000),
    "1759996649000": SECOND,
    "2025-13-09T07:57:29Z": None,
    "2025-10-09 07:57:29 Europe/Berlin": None,
    "10/09/2025 07:57:29": None,
    "yesterday": None,
    "": None,
}
TIME_QUERY = (
    f"SELECT {time_of('text')} FROM (VALUES "  # noqa: S608 - the texts above
    + ", ".join(f"({n}, '{text}')" for n, text in enumerate(TIMES))
    + ") AS times(number, text) ORDER BY number"
)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_times(zone: str) -> None:
    """Offsets are applied, epochs and Athena's format are read, other text is no time, whatever DuckDB's time zone is."""
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{zone}'")
        rows = connection.execute(TIME_QUERY).fetchall()

    assert dict(zip(TIMES, (each for (each,) in rows), strict=True)) == TIMES


# ---- the query for other databases --------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_query_is_one_statement_of_its_dialect(dialect: str) -> None:
    """The query parses in its dialect, reads the named table, and is short enough for Athena."""
    query = sql(dialect, "logs.cloudtrail_logs")
    statements = sqlglot.parse(query, read=dialect)
    tables = {each.sql() for each in statements[0].find_all(sqlglot.exp.Table)}  # type: ignore[union-attr]  # there is one

    assert len(statements) == 1
    assert "logs.cloudtrail_logs" in tables
    # "The maximum allowed query string length is 262144 bytes" -- Athena user guide, Service Quotas
    assert len(query.encode()) < 262_144


def test_an_unknown_dialect_is_an_error() -> None:
    """The error names the dialect and the known ones."""
    with pytest.raises(UnknownDialect, match="one of duckdb, athena, spark, not 'oracle'"):
        sql("oracle")


# ---- single conversations ----------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [what for what, *_ in PLANTS])
def test_each_planted_error_is_illegal_in_one_event(what: str, common: dict[str, Conversation], tmp_path: Path) -> None:
    """A planted error is one illegal step, and the steps after it are legal."""
    (dialogue,) = (each for each in planted_errors(common) if each.name == what)
    texts = json.dumps([{**each, "eventID": f"id-{number}"} for number, each in enumerate(dialogue.events)])
    for slot, value in (("@ADDRESS@", "198.18.0.1"), ("@AGENT@", "agent"), ("@SUB@", "sub"), ("@REQUEST@", "r")):
        texts = texts.replace(slot, value)
    events = json.loads(texts)
    for number, each in enumerate(events):
        each["eventTime"] = f"2026-03-01T10:00:{number * 3:02d}Z"
    path = tmp_path / "events.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in events), encoding="utf-8")
    with TraceFiles(path) as files:
        verdicts = {each.id: each.verdict for each in files.replay()}

    assert [name for name, verdict in verdicts.items() if verdict is not Verdict.LEGAL] == [
        f"id-{dialogue.illegal_number}"
    ]


def test_no_scenario_is_illegal(all_conversations: tuple[Conversation, ...], tmp_path: Path) -> None:
    """Every scenario is legal by itself, with five seconds between its events."""
    lines = []
    for number, dialogue in enumerate(all_conversations):
        for second, each in enumerate(dialogue.events):
            text = json.dumps(each).replace("@SUB@", f"sub-{number}").replace("@ADDRESS@", f"{number}")
            told_event = json.loads(text.replace("@ID@", f"{number}-{second}"))
            told_event["eventTime"] = f"2026-03-01T10:{second * 5 // 60:02d}:{second * 5 % 60:02d}Z"
            lines.append(json.dumps(told_event))
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    with TraceFiles(path) as files:
        not_legal = [each for each in files.replay() if each.verdict is not Verdict.LEGAL]
        states = {state_of(each.dest) for each in files.replay()}

    assert not_legal == []
    assert states == set(State)
