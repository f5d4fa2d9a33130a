"""Histories as text: they survive writing and reading, contain no secret, and errors name the line."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from itertools import product

import pytest

from authfsm import Code, histories_from_json, history_from_json, history_to_json
from authfsm.core.history import BadHistory, Step
from authfsm.local import LocalPool

PASSWORD = "Correct-Horse-1"


@pytest.fixture(scope="module")
def sample_history() -> tuple[Step, ...]:
    """Return the history of a sign-in with a wrong code."""
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"])
    pool.add_user("ada", password=PASSWORD, phone_number="+15555550143")
    flow = pool.cognito().sign_in("ada", PASSWORD)
    right = pool.outbox.code_for("ada")
    with pytest.raises(Exception, match="CodeMismatchException"):
        flow.answer(Code(f"{(int(right) + 1) % 1_000_000:06d}"))
    flow.answer(Code(right))
    return flow.history


def test_a_history_survives_writing_and_reading(sample_history: tuple[Step, ...]) -> None:
    """A history that is written and read is equal, with times and refusals."""
    text = history_to_json(sample_history)

    assert history_from_json(text) == sample_history
    assert len(text.splitlines()) == len(sample_history) == 4
    assert json.loads(text.splitlines()[2])["error"] == "CodeMismatchException"


def test_no_secret_is_written(sample_history: tuple[Step, ...]) -> None:
    """A history has neither the password, nor a code, nor the user's name."""
    text = history_to_json(sample_history)

    assert PASSWORD not in text
    assert "ada" not in text
    assert set().union(*(json.loads(line) for line in text.splitlines())) <= {
        "step", "from", "response", "to", "role", "error", "action", "at",
    }  # fmt: skip


def test_histories_can_be_concatenated(sample_history: tuple[Step, ...]) -> None:
    """Each step 1 begins another; `history_from_json` refuses several."""
    text = history_to_json(sample_history) + "\n" + history_to_json(sample_history[:1])

    assert histories_from_json(text) == (sample_history, sample_history[:1])
    assert histories_from_json("") == ()
    assert history_from_json("\n") == ()
    with pytest.raises(BadHistory, match="line 6 of the history begins another"):
        history_from_json(text)


def test_times_keep_their_zone() -> None:
    """A time keeps its zone."""
    line = '{"step": 1, "from": "START", "response": "user_auth", "to": "SELECT_CHALLENGE", "at": "2026-11-23T01:02:03+00:00"}'

    assert history_from_json(line)[0].at == datetime(2026, 11, 23, 1, 2, 3, tzinfo=timezone.utc)


GOOD = {"step": 1, "from": "START", "response": "user_srp_auth", "to": "PASSWORD_VERIFIER"}

DATES = ["2026-11-23", "20261123", "2026-W48-1", "2026W481", "2026-W48", "2026W48"]
CLOCKS = {
    "01": (1, 0, 0, 0), "01:02": (1, 2, 0, 0), "0102": (1, 2, 0, 0), "01:02:03": (1, 2, 3, 0),
    "010203": (1, 2, 3, 0), "01:02:03.4": (1, 2, 3, 400_000), "010203,456": (1, 2, 3, 456_000),
    "01:02:03.123456789": (1, 2, 3, 123_456), "01:02:03,5": (1, 2, 3, 500_000),
}  # fmt: skip
ZONES = {
    "": None, "Z": timedelta(0), "-00:00": timedelta(0), "+02": timedelta(hours=2), "+0200": timedelta(hours=2),
    "+02:00": timedelta(hours=2), "-0430": timedelta(hours=-4, minutes=-30),
    "+02:00:30": timedelta(hours=2, seconds=30), "+020030": timedelta(hours=2, seconds=30),
}  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_every_form_of_iso_8601_is_a_time(zone: str) -> None:
    """A history has times in every form that `datetime.fromisoformat` of Python 3.11 reads, with offsets to the second."""
    offset = ZONES[zone]
    for date, separator, (clock, time) in product(DATES, ("T", " ", "_"), CLOCKS.items()):
        (step,) = history_from_json(json.dumps({**GOOD, "at": f"{date}{separator}{clock}{zone}"}))
        moment = datetime(2026, 11, 23, *time, tzinfo=None if offset is None else timezone(offset))
        assert step.at == moment
        assert step.at is not None
        assert step.at.utcoffset() == offset
    for date in DATES:
        (step,) = history_from_json(json.dumps({**GOOD, "at": date}))
        assert step.at == datetime(2026, 11, 23)  # noqa: DTZ001 - it has no zone


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "2026-11-23T25:00Z", "2026-11-23T01:02:03+25:00", "2026-11-23T01:02:03 PST",
             "2026-11", "2026-327", "1759996649", "2026-11-23T1:02:03", "2026-11-23T01:02:03+2:00"],
)  # fmt: skip
def test_a_text_that_is_no_time_is_an_error(text: str) -> None:
    """The error names the line, and says why the text is no time."""
    why = r"line 1 of the history has an invalid step, role, error, action or time: .+"
    with pytest.raises(BadHistory, match=why):
        history_from_json(json.dumps({**GOOD, "at": text}))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "is not JSON"),
        ("[1]", "is JSON, but not an object"),
        ("[" * 100_000, "is not JSON"),
        (json.dumps({**GOOD, "from": "NOWHERE"}), "has no member 'from' with a known value"),
        (json.dumps({**GOOD, "response": ["code"]}), "has no member 'response' with a known value"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "to"}), "has no member .to."),
        (json.dumps({**GOOD, "step": 2}), "has step 2, but step 1 must come next"),
        (json.dumps({**GOOD, "step": "1"}), "has an invalid step, role, error, action or time"),
        (json.dumps({**GOOD, "step": True}), "has an invalid step"),
        (json.dumps({**GOOD, "role": "third factor"}), "has an invalid step"),
        (json.dumps({**GOOD, "action": "SHRUG", "error": "X"}), "has no member .action."),
        (json.dumps({**GOOD, "action": ""}), "has an invalid step"),
        (json.dumps({**GOOD, "action": 0, "error": "X"}), "has no member .action."),
        (json.dumps({**GOOD, "action": "TRY_AGAIN"}), "error and action must be present together"),
        (json.dumps({**GOOD, "error": "X"}), "error and action must be present together"),
        (json.dumps({**GOOD, "error": 7}), "has an invalid step"),
        (json.dumps({**GOOD, "at": "yesterday"}), "has an invalid step"),
        (json.dumps({**GOOD, "to": "SMS_MFA"}), "is not in the protocol's table"),
    ],
)
def test_an_invalid_history(line: str, why: str) -> None:
    """An invalid history is refused with the line's number and the reason."""
    with pytest.raises(BadHistory, match=why) as refused:
        history_from_json(line)

    assert refused.value.line == 1


def test_a_step_starts_where_the_one_before_led() -> None:
    """A step from another state than that of the step before is refused, because a step between them is missing."""
    second = {"step": 2, "from": "SMS_MFA", "response": "code", "to": "AUTHENTICATED"}
    text = f"{json.dumps(GOOD)}\n{json.dumps(second)}"

    for read in (history_from_json, histories_from_json):
        with pytest.raises(BadHistory, match=r"line 2 .* from SMS_MFA, but the step before led to PASSWORD_VERIFIER"):
            read(text)


def test_a_recorded_sign_in_with_a_lost_reply(sample_history: tuple[Step, ...]) -> None:
    """A recorder's line about a request without a reply is no step of the sign-in."""
    lines = history_to_json(sample_history).splitlines()
    lost = json.dumps({**json.loads(lines[3]), "to": "SMS_MFA", "action": "WAIT", "lost": "ConnectionLost"})

    assert history_from_json("\n".join([*lines[:3], lost, lines[3]])) == sample_history


def test_recorded_sign_ins_are_separated_by_their_ids(sample_history: tuple[Step, ...]) -> None:
    """The lines of simultaneous sign-ins, which a recorder mixes, belong to the sign-ins that they name."""
    steps = [json.loads(line) for line in history_to_json(sample_history).splitlines()]
    text = "\n".join(json.dumps({**step, "sign_in": name}) for step in steps for name in ("a", "b"))

    assert histories_from_json(text) == (sample_history, sample_history)
