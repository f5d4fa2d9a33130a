"""Trails against the table: every planted error is found and nothing else, by DuckDB and by Spark alike."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from conftest import lacking
from joserfc.jwk import RSAKey
from trails import PLANTS, TODAY, USUAL, Conversation, conversation, conversations, planted, write

from authfsm.protocol import TRANSITIONS
from authfsm.states import State
from authfsm.traces import Trail, UnknownDialect, Verdict, sql
from authfsm.traces import Trail as Opened
from authfsm.traces.cloudtrail import COLUMNS
from authfsm.traces.query import DIALECTS, query
from authfsm.traces.replay import gathered
from authfsm.traces.verdicts import Traced
from authfsm.traces.words import UNKNOWN, Seen, by_names, by_responses, closed, state_of

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
        for each, (kind,) in by_responses().items()
    }

    assert seen == {tuple(arrow) for arrow in TRANSITIONS}


def test_cloudtrail_sees_the_table() -> None:
    """By names every arrow is there too, under one of the names that its request bears."""
    seen = {
        (state_of(each.source), kind, state_of(each.dest))
        for each, kinds in by_names().items()
        for kind in kinds
    }

    assert seen == {tuple(arrow) for arrow in TRANSITIONS}


def test_set_up_has_its_order() -> None:
    """MFA_SETUP leads to tokens only once an app is verified."""
    arrows = by_names()

    assert Seen("MFA_SETUP", "MFA_SETUP", "AUTHENTICATED") not in arrows
    assert Seen("MFA_SETUP/associated", "MFA_SETUP", "AUTHENTICATED") not in arrows
    assert Seen("MFA_SETUP/verified", "MFA_SETUP", "AUTHENTICATED") in arrows
    assert Seen("MFA_SETUP", "VerifySoftwareToken", "MFA_SETUP/verified") not in arrows


def test_a_second_factor_is_not_left_for_a_first() -> None:
    """An e-mailed code can be left for another factor where it is the first, or may be."""
    leaves = {
        each.source
        for each in by_names()
        if each.word == "SELECT_CHALLENGE" and "EMAIL" in each.source
    }

    assert leaves == {"EMAIL_OTP", "EMAIL_OTP/first"}


def test_what_is_forgotten_is_not_held_against_anybody() -> None:
    """An arrow any part of which is not known is in the closed relation; one that is on no table is not."""
    arrows = set(closed([Seen("START", "USER_SRP_AUTH", "PASSWORD_VERIFIER")]))

    assert len(arrows) == 8
    assert Seen(UNKNOWN, "USER_SRP_AUTH", UNKNOWN) in arrows
    assert Seen(UNKNOWN, "USER_SRP_AUTH", "AUTHENTICATED") not in set(closed(by_names()))


# ---- every planted error, and nothing else ------------------------------------------------------------------


def test_every_planted_error_is_found_and_nothing_else(trail: Any) -> None:
    """The illegal steps of the trail are the planted ones, by their ids; not one verdict is in doubt."""
    made, opened = trail
    funnel = opened.funnel(limit=10_000)

    assert {each.id for each in funnel.illegal} == set(made.planted)
    assert funnel.illegals == len(made.planted) == 20 * len(PLANTS)
    assert (funnel.of(Verdict.UNKNOWN), funnel.of(Verdict.AMBIGUOUS)) == (0, 0)
    assert funnel.sign_ins == sum(funnel.ends.values()) == made.sign_ins
    assert opened.read.whole
    assert opened.read.events + opened.read.others == made.events
    assert funnel.steps + funnel.repeated == opened.read.events


def test_the_replay_says_the_same_step_by_step(trail: Any) -> None:
    """Replayed one by one the steps come to what the query sums up, and each illegal one says what was allowed."""
    made, opened = trail
    funnel = opened.funnel(limit=10_000)
    steps: Counter[tuple[str, ...]] = Counter()
    wrong: dict[str, Traced] = {}
    left = 0
    for each in opened.replay():
        steps[each.source, each.given, each.dest, str(each.verdict)] += 1
        left += each.left
        if each.verdict is Verdict.ILLEGAL:
            wrong[each.id] = each

    assert steps == {
        (each.source, each.given, each.dest, str(each.verdict)): each.times for each in funnel.taken
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
        == "EMAIL_OTP/mfa takes EMAIL_OTP; not SELECT_CHALLENGE"
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
    for each in funnel.taken:
        shares[each.source] += each.share
    waits = {each.place: each for each in funnel.waits}

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
        for each in funnel.taken
        if (each.given, each.dest) == ("USER_SRP_AUTH", "PASSWORD_VERIFIER")
    )

    assert model.traffic == funnel.sign_ins
    assert f"user_srp_auth \u00d7{times:,}" in str(drawn)
    assert f"{funnel.illegals:,} steps are not on the table." in model.said
    assert model.said[0].startswith("Where sign-ins ended: AUTHENTICATED ")


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
    theirs = gathered((row.asDict() for row in rows), opened.read, limit=10_000)

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


# ---- what one trail tells, event by event ---------------------------------------------------------------------

SRP = {"authFlow": "USER_SRP_AUTH", "authParameters": TODAY, "clientId": "app"}
TOKENS = {
    "challengeParameters": TODAY,
    "authenticationResult": {"accessToken": TODAY, "expiresIn": 3600},
}
NUMBER = iter(range(10**6))


def event(
    second: int, name: str, asked: Any = None, reply: Any = None, **more: Any
) -> dict[str, Any]:
    """An event at 10:00, so many seconds past it."""
    sub = more.pop("sub", "5a1f0c9e")
    return {
        "eventID": f"event-{next(NUMBER)}",
        "eventTime": f"2026-03-01T{10 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z",
        "eventSource": "cognito-idp.amazonaws.com",
        "eventName": name,
        "sourceIPAddress": "198.18.0.1",
        "userAgent": "agent",
        "requestParameters": asked,
        "responseElements": reply,
        **({"additionalEventData": {"sub": sub}} if sub else {}),
        **more,
    }


def begins(second: int, reply: Any = None, **more: Any) -> dict[str, Any]:
    """USER_SRP_AUTH."""
    return event(second, "InitiateAuth", SRP, reply or asks("PASSWORD_VERIFIER"), **more)


def answers(second: int, name: str, reply: Any = None, **more: Any) -> dict[str, Any]:
    """An answer to a challenge."""
    asked = {
        "challengeName": name,
        "clientId": "app",
        "session": TODAY,
        "challengeResponses": TODAY,
    }
    return event(second, "RespondToAuthChallenge", asked, reply, **more)


def asks(name: str) -> dict[str, Any]:
    """A reply that asks a challenge."""
    return {"challengeName": name, "challengeParameters": TODAY, "session": TODAY}


def refuses(code: str, message: str) -> dict[str, str]:
    """A refusal."""
    return {"errorCode": code, "errorMessage": message}


def replayed(tmp_path: Path, *events: dict[str, Any]) -> list[tuple[str, ...]]:
    """The steps that events come to."""
    path = tmp_path / "events.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in events), encoding="utf-8")
    with Trail(path) as opened:
        return [(each.source, each.given, each.dest, str(each.verdict)) for each in opened.replay()]


def test_an_srp_sign_in_within_one_second(tmp_path: Path) -> None:
    """Events of one second are put in the protocol's order, whichever stands first."""
    steps = replayed(
        tmp_path,
        answers(0, "PASSWORD_VERIFIER", asks("SMS_MFA")),
        begins(0),
        answers(9, "SMS_MFA", TOKENS),
    )

    assert steps == [
        ("START", "USER_SRP_AUTH", "PASSWORD_VERIFIER", "legal"),
        ("PASSWORD_VERIFIER", "PASSWORD_VERIFIER", "SMS_MFA", "legal"),
        ("SMS_MFA", "SMS_MFA", "AUTHENTICATED", "legal"),
    ]


def test_a_device_is_proved_within_one_second(tmp_path: Path) -> None:
    """What programs say to each other takes no second: four steps, delivered backwards, are legal."""
    steps = replayed(
        tmp_path,
        answers(0, "DEVICE_PASSWORD_VERIFIER", TOKENS),
        answers(0, "DEVICE_SRP_AUTH", asks("DEVICE_PASSWORD_VERIFIER")),
        answers(0, "PASSWORD_VERIFIER", asks("DEVICE_SRP_AUTH")),
        begins(0),
    )

    assert [step[0] for step in steps] == [
        "START",
        "PASSWORD_VERIFIER",
        "DEVICE_SRP_AUTH",
        "DEVICE_PASSWORD_VERIFIER",
    ]
    assert {step[3] for step in steps} == {"legal"}


def test_an_order_that_cannot_be_known_is_ambiguous(tmp_path: Path) -> None:
    """What would be illegal in the protocol's order, within one second, may have come in another."""
    steps = replayed(
        tmp_path,
        begins(0),
        answers(4, "PASSWORD_VERIFIER", asks("SMS_MFA")),
        answers(4, "SOFTWARE_TOKEN_MFA", TOKENS),
        answers(9, "SMS_MFA", TOKENS),
    )

    assert [step[3] for step in steps] == ["legal", "legal", "ambiguous", "ambiguous"]


def test_a_wrong_code_is_answered_again(tmp_path: Path) -> None:
    """The session survives CodeMismatchException and not NotAuthorizedException, as the rulings have it."""
    wrong = refuses("CodeMismatchException", "Invalid code or auth state for the user.")
    late = refuses("NotAuthorizedException", "Invalid session for the user, session is expired.")
    steps = replayed(
        tmp_path,
        begins(0),
        answers(1, "PASSWORD_VERIFIER", asks("SMS_MFA")),
        answers(5, "SMS_MFA", **wrong),
        answers(9, "SMS_MFA", **late),
        answers(12, "SMS_MFA", TOKENS),
    )

    assert steps[2:] == [
        ("SMS_MFA", "SMS_MFA", "SMS_MFA", "legal"),
        ("SMS_MFA", "SMS_MFA", "FAILED", "legal"),
        ("FAILED", "SMS_MFA", "AUTHENTICATED", "illegal"),
    ]


def test_both_redactions_say_nothing(tmp_path: Path) -> None:
    """A redacted name is not known; what is not known is not illegal."""
    for literal in ("HIDDEN_DUE_TO_SECURITY_REASONS", "HIDDEN_FOR_SECURITY_REASONS"):
        steps = replayed(
            tmp_path, begins(0, {"challengeName": literal}), answers(3, literal, asks(literal))
        )

        assert steps == [
            ("START", "USER_SRP_AUTH", UNKNOWN, "unknown"),
            (UNKNOWN, UNKNOWN, UNKNOWN, "unknown"),
        ]


def test_a_redacted_result_is_tokens_all_the_same(tmp_path: Path) -> None:
    """Where every leaf of the result is redacted, or is not there, that there is one tells enough."""
    result = {"authenticationResult": {"accessToken": TODAY}}

    assert replayed(tmp_path, begins(0), answers(1, "PASSWORD_VERIFIER", result))[1] == (
        "PASSWORD_VERIFIER", "PASSWORD_VERIFIER", "AUTHENTICATED", "legal",
    )  # fmt: skip


def test_missing_keys(tmp_path: Path) -> None:
    """Whatever is missing, nothing fails and nothing is illegal for that."""
    whole = [begins(0), answers(3, "PASSWORD_VERIFIER", TOKENS)]
    for key in ("eventID", "eventTime", "eventSource", "sourceIPAddress", "userAgent", "requestParameters",
                "responseElements", "additionalEventData"):  # fmt: skip
        less = [{name: value for name, value in each.items() if name != key} for each in whole]
        verdicts = {verdict for *_, verdict in replayed(tmp_path, *less)}

        assert verdicts <= {"legal", "unknown"}, key


def test_an_unknown_challenge_is_another_challenge(tmp_path: Path) -> None:
    """A name that Cognito does not document is a Lambda's, and on the table where that may be; a flow is not known."""
    custom = {"authFlow": "CUSTOM_AUTH", "clientId": "app"}
    steps = replayed(
        tmp_path,
        event(0, "InitiateAuth", custom, asks("MOTHERS_MAIDEN_NAME")),
        answers(5, "MOTHERS_MAIDEN_NAME", TOKENS),
        event(60, "InitiateAuth", {"authFlow": "TELEPATHY"}, TOKENS, sub="another"),
    )

    assert steps == [
        ("START", "CUSTOM_AUTH", "OTHER_CHALLENGE", "legal"),
        ("OTHER_CHALLENGE", "OTHER_CHALLENGE", "AUTHENTICATED", "legal"),
        ("START", UNKNOWN, "AUTHENTICATED", "unknown"),
    ]


def test_two_sign_ins_at_once_are_ambiguous(tmp_path: Path) -> None:
    """One user, one address, two sign-ins under way: what would be legal for the other is not illegal."""
    steps = replayed(
        tmp_path,
        event(
            0,
            "InitiateAuth",
            {"authFlow": "USER_PASSWORD_AUTH", "clientId": "app"},
            asks("SMS_MFA"),
        ),
        begins(2),
        answers(9, "SMS_MFA", TOKENS),
    )

    assert steps[2] == ("PASSWORD_VERIFIER", "SMS_MFA", "AUTHENTICATED", "ambiguous")


def test_whose_user_is_not_known(tmp_path: Path) -> None:
    """Without a sub an answer has no beginning; what no beginning makes legal is illegal all the same."""
    steps = replayed(
        tmp_path,
        begins(0, sub=None),
        answers(4, "SMS_MFA", TOKENS, sub=None),
        answers(8, "SMS_MFA", asks("NEW_PASSWORD_REQUIRED"), sub=None),
    )

    assert sorted(steps) == [
        ("START", "USER_SRP_AUTH", "PASSWORD_VERIFIER", "legal"),
        (UNKNOWN, "SMS_MFA", "AUTHENTICATED", "unknown"),
        (UNKNOWN, "SMS_MFA", "NEW_PASSWORD_REQUIRED", "illegal"),
    ]


def test_an_app_enrolled_by_somebody_unknown(tmp_path: Path) -> None:
    """If somebody at this address verified an app and the log does not say who, nobody is said to have jumped it."""
    asked = {"session": TODAY}
    steps = replayed(
        tmp_path,
        event(
            0,
            "InitiateAuth",
            {"authFlow": "USER_PASSWORD_AUTH", "clientId": "app"},
            asks("MFA_SETUP"),
        ),
        event(
            3, "AssociateSoftwareToken", asked, {"session": TODAY, "secretCode": TODAY}, sub=None
        ),
        event(20, "VerifySoftwareToken", asked, {"session": TODAY, "status": "SUCCESS"}, sub=None),
        answers(25, "MFA_SETUP", TOKENS),
    )

    assert ("MFA_SETUP", "MFA_SETUP", "AUTHENTICATED", "unknown") in steps
    assert not [each for each in steps if each[-1] == "illegal"]


def test_an_app_enrolled_with_a_token_is_no_step(tmp_path: Path) -> None:
    """AssociateSoftwareToken with an access token stands beside the sign-in."""
    steps = replayed(
        tmp_path,
        begins(0),
        answers(1, "PASSWORD_VERIFIER", TOKENS),
        event(30, "AssociateSoftwareToken", {"accessToken": TODAY}, {"secretCode": TODAY}),
    )

    assert len(steps) == 2


def test_tokens_of_an_earlier_sign_in(tmp_path: Path) -> None:
    """A device is confirmed with tokens of before, while another attempt has failed: that is no error."""
    wrong = refuses("NotAuthorizedException", "Incorrect username or password.")
    steps = replayed(
        tmp_path,
        begins(0),
        answers(1, "PASSWORD_VERIFIER", TOKENS),
        begins(60),
        answers(61, "PASSWORD_VERIFIER", **wrong),
        event(
            70,
            "ConfirmDevice",
            {"accessToken": TODAY, "deviceKey": "key"},
            {"userConfirmationNecessary": False},
        ),
    )

    assert steps[-1] == (UNKNOWN, "ConfirmDevice", "AUTHENTICATED", "unknown")


def test_an_answer_long_after(tmp_path: Path) -> None:
    """No session lives longer than 15 minutes: who answers later, and is heard, goes on with something unseen."""
    steps = replayed(tmp_path, begins(0), answers(16 * 60, "SMS_MFA", TOKENS))

    assert steps[1] == (UNKNOWN, "SMS_MFA", "AUTHENTICATED", "unknown")


def test_delivered_twice_and_out_of_order(tmp_path: Path) -> None:
    """CloudTrail delivers at least once, and in no order."""
    first, second = begins(0), answers(30, "PASSWORD_VERIFIER", TOKENS)
    path = tmp_path / "events.jsonl"
    path.write_text(
        "".join(f"{json.dumps(each)}\n" for each in (second, first, second, first, first)),
        encoding="utf-8",
    )
    with Trail(path) as opened:
        funnel = opened.funnel()

    assert (funnel.steps, funnel.repeated, funnel.sign_ins, funnel.legal) == (2, 3, 1, True)
    assert dict(funnel.ends) == {"AUTHENTICATED": 1}
    assert [(each.place, each.times, each.median) for each in funnel.waits] == [
        ("PASSWORD_VERIFIER", 1, 30)
    ]


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
    with Trail(path) as opened:
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
    with Trail(path) as opened:
        odd = [each for each in opened.replay() if each.verdict is not Verdict.LEGAL]
        states = {state_of(each.dest) for each in opened.replay()}

    assert odd == []
    assert states == set(State)


def test_the_query_runs_as_it_is_printed(tmp_path: Path) -> None:
    """What `--sql duckdb` prints runs in a DuckDB of anybody's, over the table that it names."""
    path = tmp_path / "events.jsonl"
    path.write_text(f"{json.dumps(begins(0, TOKENS))}\n", encoding="utf-8")
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in COLUMNS)
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE VIEW mine AS SELECT * FROM read_json('{path}', columns={{{columns}}})"  # noqa: S608 - our own words
        )
        rows = connection.execute(sql("duckdb", "mine")).fetchall()

    assert [row[5:7] for row in rows if row[3] == "illegal"] == [("USER_SRP_AUTH", "AUTHENTICATED")]
    assert query() == query()
