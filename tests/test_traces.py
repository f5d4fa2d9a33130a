"""Trails against the table: every planted error is found and nothing else, by DuckDB and by Spark alike."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from conftest import lacking
from joserfc.jwk import RSAKey
from trails import PLANTS, USUAL, Conversation, conversation, conversations, planted, write

from authfsm.protocol.states import State
from authfsm.protocol.table import TRANSITIONS
from authfsm.traces import TraceFiles, UnknownDialect, Verdict, sql
from authfsm.traces import TraceFiles as Opened
from authfsm.traces.cloudtrail import COLUMNS
from authfsm.traces.log_symbols import (
    NOT_LOGGED,
    REFUSAL_LOOPS,
    CheckedStep,
    LoggedTransition,
    cloudtrail_transitions,
    recorded_transitions,
    state_of,
    with_unknown_parts,
)
from authfsm.traces.query import DIALECTS
from authfsm.traces.trace_files import funnel_from_rows

pytestmark = pytest.mark.xdist_group("test_traces")  # one worker makes what the module shares

EVENTS = 20_000


@pytest.fixture(scope="module")
def said(signing_key: RSAKey) -> tuple[Conversation, ...]:
    """Every scenario's conversation."""
    return conversations(signing_key)


@pytest.fixture(scope="module")
def usual(signing_key: RSAKey) -> dict[str, Conversation]:
    """The everyday ones."""
    return {name: conversation(scenario, signing_key) for name, (_, scenario) in USUAL.items()}


@pytest.fixture(scope="module")
def trail(
    said: tuple[Conversation, ...],
    usual: dict[str, Conversation],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    """A trail with every error planted twenty times, and what was planted."""
    path = tmp_path_factory.mktemp("trail") / "trail.jsonl"
    made = write(path, said, usual, events=EVENTS, plants=20)
    with Opened(path) as opened:
        yield made, opened


# ---- the table as a log sees it ---------------------------------------------------------------------------


def test_a_log_of_steps_sees_the_table() -> None:
    """By responses the relation has every arrow of the table, between the very states, and no other."""
    seen = {
        (state_of(each.source), kind, state_of(each.dest))
        for each, (kind,) in recorded_transitions().items()
    }

    # A refusal that keeps the state leads nowhere that a log shows.
    assert seen == {arrow[:3] for arrow in TRANSITIONS if arrow.kind not in REFUSAL_LOOPS}


def test_cloudtrail_sees_the_table() -> None:
    """By names every arrow is there too, under one of the names that its request bears."""
    seen = {
        (state_of(each.source), kind, state_of(each.dest))
        for each, kinds in cloudtrail_transitions().items()
        for kind in kinds
    }

    # A refusal that keeps the state leads nowhere that a log shows.
    assert seen == {arrow[:3] for arrow in TRANSITIONS if arrow.kind not in REFUSAL_LOOPS}


def test_set_up_has_its_order() -> None:
    """MFA_SETUP leads to tokens only once an app is verified."""
    arrows = cloudtrail_transitions()

    assert LoggedTransition("MFA_SETUP", "MFA_SETUP", "AUTHENTICATED") not in arrows
    assert (
        LoggedTransition("MFA_SETUP (app associated)", "MFA_SETUP", "AUTHENTICATED") not in arrows
    )
    assert LoggedTransition("MFA_SETUP (app verified)", "MFA_SETUP", "AUTHENTICATED") in arrows
    assert (
        LoggedTransition("MFA_SETUP", "VerifySoftwareToken", "MFA_SETUP (app verified)")
        not in arrows
    )


def test_a_second_factor_is_not_left_for_a_first() -> None:
    """An e-mailed code can be left for another factor where it is the first, or may be."""
    leaves = {
        each.source
        for each in cloudtrail_transitions()
        if each.symbol == "SELECT_CHALLENGE" and "EMAIL" in each.source
    }

    assert leaves == {"EMAIL_OTP", "EMAIL_OTP (first factor)"}


def test_what_is_forgotten_is_not_held_against_anybody() -> None:
    """An arrow any part of which is not known is in the with_unknown_parts relation; one that is on no table is not."""
    arrows = set(
        with_unknown_parts([LoggedTransition("START", "USER_SRP_AUTH", "PASSWORD_VERIFIER")])
    )

    assert len(arrows) == 8
    assert LoggedTransition(NOT_LOGGED, "USER_SRP_AUTH", NOT_LOGGED) in arrows
    assert LoggedTransition(NOT_LOGGED, "USER_SRP_AUTH", "AUTHENTICATED") not in set(
        with_unknown_parts(cloudtrail_transitions())
    )


# ---- every planted error, and nothing else ------------------------------------------------------------------


def test_every_planted_error_is_found_and_nothing_else(trail: Any) -> None:
    """The illegal steps of the trail are the planted ones, by their ids; not one verdict is in doubt."""
    made, opened = trail
    funnel = opened.funnel(limit=10_000)

    assert {each.id for each in funnel.illegal} == set(made.planted)
    assert funnel.illegal_count == len(made.planted) == 20 * len(PLANTS)
    assert (funnel.count(Verdict.UNKNOWN), funnel.count(Verdict.AMBIGUOUS)) == (0, 0)
    assert funnel.sign_ins == sum(funnel.ends.values()) == made.sign_ins
    assert opened.load().complete
    assert opened.load().events + opened.load().others == made.events
    assert funnel.steps + funnel.repeated == opened.load().events


def test_the_replay_says_the_same_step_by_step(trail: Any) -> None:
    """Replayed one by one the steps come to what the query sums up, and each illegal one says what was allowed."""
    made, opened = trail
    funnel = opened.funnel(limit=10_000)
    steps: Counter[tuple[str, ...]] = Counter()
    wrong: dict[str, CheckedStep] = {}
    left = 0
    for each in opened.replay():
        steps[each.source, each.symbol, each.dest, str(each.verdict)] += 1
        left += each.unfinished
        if each.verdict is Verdict.ILLEGAL:
            wrong[each.id] = each

    assert steps == {
        (each.source, each.symbol, each.dest, str(each.verdict)): each.times
        for each in funnel.transitions
    }
    assert left == funnel.unfinished
    assert set(wrong) == set(made.planted)
    whys = {made.planted[each.id]: each.why for each in wrong.values()}
    assert (
        whys["the password never proved"]
        == "PASSWORD_VERIFIER takes PASSWORD_VERIFIER; not SMS_MFA"
    )
    assert (
        whys["a second factor left for a first"]
        == "EMAIL_OTP (second factor) takes EMAIL_OTP; not SELECT_CHALLENGE"
    )
    assert whys["tokens without a factor"] == (
        "from START, USER_SRP_AUTH leads to PASSWORD_VERIFIER, OTHER_CHALLENGE, FAILED; not to AUTHENTICATED"
    )


def test_the_replay_gives_what_is_asked_for(trail: Any) -> None:
    """Only steps with one of the verdicts that are named."""
    made, opened = trail

    assert {each.id for each in opened.replay(Verdict.ILLEGAL)} == set(made.planted)
    assert list(opened.replay(Verdict.UNKNOWN, Verdict.AMBIGUOUS)) == []


def test_shares_and_waits(trail: Any) -> None:
    """What leaves a place adds up to all of it; a person takes longer than a program."""
    _, opened = trail
    funnel = opened.funnel()
    shares: Counter[str] = Counter()
    for each in funnel.transitions:
        shares[each.source] += each.share
    waits = {each.node: each for each in funnel.durations}

    assert {round(share, 6) for share in shares.values()} == {1}
    assert waits["PASSWORD_VERIFIER"].median == 0
    assert 2 <= waits["SMS_MFA"].median <= waits["SMS_MFA"].p95 <= 41


def test_traffic_on_the_diagram(trail: Any) -> None:
    """The picture bears how often each line was taken, and says where sign-ins ended."""
    _, opened = trail
    funnel = opened.funnel()
    drawn = funnel.diagram()
    model = drawn.model
    times = next(
        each.times
        for each in funnel.transitions
        if (each.symbol, each.dest) == ("USER_SRP_AUTH", "PASSWORD_VERIFIER")
    )

    assert model.sign_ins == funnel.sign_ins
    assert f"user_srp_auth \u00d7{times:,}" in str(drawn)
    assert f"{funnel.illegal_count:,} steps are not allowed by the protocol." in model.notes
    assert model.notes[0].startswith("Where sign-ins ended: AUTHENTICATED ")


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A local Spark."""
    if shutil.which("java") is None:
        lacking("java")
    from pyspark.sql import SparkSession  # noqa: PLC0415 - it takes seconds, for this test alone

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config(
            "spark.sql.codegen.wholeStage", "false"
        )  # compiling so large a query takes longer than running it
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
def test_spark_says_the_same(trail: Any, spark: Any) -> None:
    """The same query in Spark's words, over the same file, gives the same funnel to the last figure."""
    made, opened = trail
    schema = ", ".join(f"{name} STRING" for name in COLUMNS)
    spark.read.schema(schema).json(str(made.path)).createOrReplaceTempView("cloudtrail_logs")
    rows = spark.sql(sql("spark", "cloudtrail_logs")).collect()
    theirs = funnel_from_rows((row.asDict() for row in rows), opened.load(), limit=10_000)

    assert theirs == opened.funnel(limit=10_000)


# ---- the query for others -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_query_is_one_statement_of_its_dialect(dialect: str) -> None:
    """It parses again as what it is written for, reads the table that was named, and is short enough for Athena."""
    written = sql(dialect, "logs.cloudtrail_logs")
    statements = sqlglot.parse(written, read=dialect)
    tables = {each.sql() for each in statements[0].find_all(sqlglot.exp.Table)}  # type: ignore[union-attr]  # there is one

    assert len(statements) == 1
    assert "logs.cloudtrail_logs" in tables
    # "The maximum allowed query string length is 262144 bytes" -- Athena user guide, Service Quotas
    assert len(written.encode()) < 262_144


def test_an_engine_that_is_not_known() -> None:
    """Another dialect is refused by name."""
    with pytest.raises(UnknownDialect, match="one of duckdb, athena, spark, not 'oracle'"):
        sql("oracle")


# ---- conversation by conversation --------------------------------------------------------------------------


@pytest.mark.parametrize("what", [what for what, *_ in PLANTS])
def test_each_plant_is_illegal_in_one_event(
    what: str, usual: dict[str, Conversation], tmp_path: Path
) -> None:
    """A planted error is one illegal step, the one that it is known by, and what follows it is legal."""
    (told,) = (each for each in planted(usual) if each.name == what)
    texts = json.dumps(
        [{**each, "eventID": f"id-{number}"} for number, each in enumerate(told.events)]
    )
    for slot, value in (
        ("@ADDRESS@", "198.18.0.1"),
        ("@AGENT@", "agent"),
        ("@SUB@", "sub"),
        ("@REQUEST@", "r"),
    ):
        texts = texts.replace(slot, value)
    events = json.loads(texts)
    for number, each in enumerate(events):
        each["eventTime"] = f"2026-03-01T10:00:{number * 3:02d}Z"
    path = tmp_path / "events.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in events), encoding="utf-8")
    with TraceFiles(path) as opened:
        verdicts = {each.id: each.verdict for each in opened.replay()}

    assert [name for name, verdict in verdicts.items() if verdict is not Verdict.LEGAL] == [
        f"id-{told.planted}"
    ]


def test_no_scenario_is_illegal(said: tuple[Conversation, ...], tmp_path: Path) -> None:
    """Whatever the pool says in any scenario is legal, each scenario by itself, five seconds a step."""
    lines = []
    for number, told in enumerate(said):
        for second, each in enumerate(told.events):
            text = (
                json.dumps(each).replace("@SUB@", f"sub-{number}").replace("@ADDRESS@", f"{number}")
            )
            told_event = json.loads(text.replace("@ID@", f"{number}-{second}"))
            told_event["eventTime"] = f"2026-03-01T10:{second * 5 // 60:02d}:{second * 5 % 60:02d}Z"
            lines.append(json.dumps(told_event))
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    with TraceFiles(path) as opened:
        odd = [each for each in opened.replay() if each.verdict is not Verdict.LEGAL]
        states = {state_of(each.dest) for each in opened.replay()}

    assert odd == []
    assert states == set(State)
