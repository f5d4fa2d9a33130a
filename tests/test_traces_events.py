"""The steps of CloudTrail events: what they show, what stays unknown, and what is not guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from cloudtrail_logs import REDACTED

from authfsm.traces import TraceFiles, sql
from authfsm.traces.cloudtrail import COLUMNS
from authfsm.traces.log_symbols import NOT_LOGGED
from authfsm.traces.query import query

SRP = {"authFlow": "USER_SRP_AUTH", "authParameters": REDACTED, "clientId": "app"}
TOKENS = {"challengeParameters": REDACTED, "authenticationResult": {"accessToken": REDACTED, "expiresIn": 3600}}
NUMBER = iter(range(10**6))


def event(second: int, name: str, parameters: Any = None, reply: Any = None, **more: Any) -> dict[str, Any]:
    """Return an event at so many seconds past 10:00."""
    sub = more.pop("sub", "5a1f0c9e")
    return {
        "eventID": f"event-{next(NUMBER)}",
        "eventTime": f"2026-03-01T{10 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z",
        "eventSource": "cognito-idp.amazonaws.com",
        "eventName": name,
        "sourceIPAddress": "198.18.0.1",
        "userAgent": "agent",
        "requestParameters": parameters,
        "responseElements": reply,
        **({"additionalEventData": {"sub": sub}} if sub else {}),
        **more,
    }


def srp_event(second: int, reply: Any = None, **more: Any) -> dict[str, Any]:
    """Return an event of InitiateAuth with USER_SRP_AUTH."""
    return event(second, "InitiateAuth", SRP, reply or challenge_reply("PASSWORD_VERIFIER"), **more)


def answer_event(second: int, name: str, reply: Any = None, **more: Any) -> dict[str, Any]:
    """Return an event that answers a challenge."""
    parameters = {"challengeName": name, "clientId": "app", "session": REDACTED, "challengeResponses": REDACTED}
    return event(second, "RespondToAuthChallenge", parameters, reply, **more)


def challenge_reply(name: str) -> dict[str, Any]:
    """Return a reply with a challenge."""
    return {"challengeName": name, "challengeParameters": REDACTED, "session": REDACTED}


def refusal_members(code: str, message: str) -> dict[str, str]:
    """Return the members of a refusal."""
    return {"errorCode": code, "errorMessage": message}


def replay(tmp_path: Path, *events: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the steps of events."""
    path = tmp_path / "events.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in events), encoding="utf-8")
    with TraceFiles(path) as files:
        return [(each.source, each.symbol, each.dest, str(each.verdict)) for each in files.replay()]


def test_an_srp_sign_in_within_one_second(tmp_path: Path) -> None:
    """Events of the same second are sorted in the order of the protocol."""
    steps = replay(
        tmp_path,
        answer_event(0, "PASSWORD_VERIFIER", challenge_reply("SMS_MFA")),
        srp_event(0),
        answer_event(9, "SMS_MFA", TOKENS),
    )

    assert steps == [
        ("START", "USER_SRP_AUTH", "PASSWORD_VERIFIER", "legal"),
        ("PASSWORD_VERIFIER", "PASSWORD_VERIFIER", "SMS_MFA", "legal"),
        ("SMS_MFA", "SMS_MFA", "AUTHENTICATED", "legal"),
    ]


def test_a_device_is_proved_within_one_second(tmp_path: Path) -> None:
    """Programs take less than a second: four steps of one second, delivered in reverse, are legal."""
    steps = replay(
        tmp_path,
        answer_event(0, "DEVICE_PASSWORD_VERIFIER", TOKENS),
        answer_event(0, "DEVICE_SRP_AUTH", challenge_reply("DEVICE_PASSWORD_VERIFIER")),
        answer_event(0, "PASSWORD_VERIFIER", challenge_reply("DEVICE_SRP_AUTH")),
        srp_event(0),
    )

    assert [step[0] for step in steps] == ["START", "PASSWORD_VERIFIER", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"]
    assert {step[3] for step in steps} == {"legal"}


def test_an_uncertain_order_is_ambiguous(tmp_path: Path) -> None:
    """Within one second, events that are illegal in the order of the protocol may have come in another order."""
    steps = replay(
        tmp_path,
        srp_event(0),
        answer_event(4, "PASSWORD_VERIFIER", challenge_reply("SMS_MFA")),
        answer_event(4, "SOFTWARE_TOKEN_MFA", TOKENS),
        answer_event(9, "SMS_MFA", TOKENS),
    )

    assert [step[3] for step in steps] == ["legal", "legal", "ambiguous", "ambiguous"]


def test_a_wrong_code_is_answered_again(tmp_path: Path) -> None:
    """The session survives CodeMismatchException but not NotAuthorizedException, as in the error policy."""
    wrong = refusal_members("CodeMismatchException", "Invalid code or auth state for the user.")
    late = refusal_members("NotAuthorizedException", "Invalid session for the user, session is expired.")
    steps = replay(
        tmp_path,
        srp_event(0),
        answer_event(1, "PASSWORD_VERIFIER", challenge_reply("SMS_MFA")),
        answer_event(5, "SMS_MFA", **wrong),
        answer_event(9, "SMS_MFA", **late),
        answer_event(12, "SMS_MFA", TOKENS),
    )

    assert steps[2:] == [
        ("SMS_MFA", "SMS_MFA", "SMS_MFA", "legal"),
        ("SMS_MFA", "SMS_MFA", "FAILED", "legal"),
        ("FAILED", "SMS_MFA", "AUTHENTICATED", "illegal"),
    ]


def test_both_redacted_values_are_unknown(tmp_path: Path) -> None:
    """A redacted name is unknown, and an unknown step is not illegal."""
    for literal in ("HIDDEN_DUE_TO_SECURITY_REASONS", "HIDDEN_FOR_SECURITY_REASONS"):
        steps = replay(
            tmp_path, srp_event(0, {"challengeName": literal}), answer_event(3, literal, challenge_reply(literal))
        )

        assert steps == [
            ("START", "USER_SRP_AUTH", NOT_LOGGED, "unknown"),
            (NOT_LOGGED, NOT_LOGGED, NOT_LOGGED, "unknown"),
        ]


def test_a_redacted_result_counts_as_tokens(tmp_path: Path) -> None:
    """An AuthenticationResult counts as tokens even if all its values are redacted."""
    result = {"authenticationResult": {"accessToken": REDACTED}}

    assert replay(tmp_path, srp_event(0), answer_event(1, "PASSWORD_VERIFIER", result))[1] == (
        "PASSWORD_VERIFIER", "PASSWORD_VERIFIER", "AUTHENTICATED", "legal",
    )  # fmt: skip


def test_missing_keys(tmp_path: Path) -> None:
    """A missing member raises no error and makes no step illegal."""
    events = [srp_event(0), answer_event(3, "PASSWORD_VERIFIER", TOKENS)]
    for key in ("eventID", "eventTime", "eventSource", "sourceIPAddress", "userAgent", "requestParameters",
                "responseElements", "additionalEventData"):  # fmt: skip
        less = [{name: value for name, value in each.items() if name != key} for each in events]
        verdicts = {verdict for *_, verdict in replay(tmp_path, *less)}

        assert verdicts <= {"legal", "unknown"}, key


def test_an_event_whose_time_cannot_be_read_is_counted(tmp_path: Path) -> None:
    """The funnel is not legal, and says how many events have no time that could be read."""
    path = tmp_path / "log.jsonl"
    later_event = {**answer_event(3, "PASSWORD_VERIFIER", TOKENS), "eventTime": "10/09/2025 07:57:29"}
    path.write_text("".join(json.dumps(each) + "\n" for each in (srp_event(0), later_event)))
    with TraceFiles(path) as files:
        funnel = files.funnel()

    assert not funnel.legal
    assert (funnel.input.undated, funnel.input.problems) == (
        1, ("1 event has no time that could be read, so the order of the steps is not known",),
    )  # fmt: skip


def test_an_unknown_challenge_is_another_challenge(tmp_path: Path) -> None:
    """An undocumented challenge name counts as one from a Lambda trigger; an undocumented flow is unknown."""
    custom = {"authFlow": "CUSTOM_AUTH", "clientId": "app"}
    steps = replay(
        tmp_path,
        event(0, "InitiateAuth", custom, challenge_reply("MOTHERS_MAIDEN_NAME")),
        answer_event(5, "MOTHERS_MAIDEN_NAME", TOKENS),
        event(60, "InitiateAuth", {"authFlow": "TELEPATHY"}, TOKENS, sub="another"),
    )

    assert steps == [
        ("START", "CUSTOM_AUTH", "OTHER_CHALLENGE", "legal"),
        ("OTHER_CHALLENGE", "OTHER_CHALLENGE", "AUTHENTICATED", "legal"),
        ("START", NOT_LOGGED, "AUTHENTICATED", "unknown"),
    ]


def test_two_sign_ins_at_once_are_ambiguous(tmp_path: Path) -> None:
    """If a user has two sign-ins at once, a step that is legal for the other one is not illegal."""
    steps = replay(
        tmp_path,
        event(0, "InitiateAuth", {"authFlow": "USER_PASSWORD_AUTH", "clientId": "app"}, challenge_reply("SMS_MFA")),
        srp_event(2),
        answer_event(9, "SMS_MFA", TOKENS),
    )

    assert steps[2] == ("PASSWORD_VERIFIER", "SMS_MFA", "AUTHENTICATED", "ambiguous")


def test_events_without_a_user(tmp_path: Path) -> None:
    """Without a sub, an answer has no known beginning; it is illegal if no beginning makes it legal."""
    steps = replay(
        tmp_path,
        srp_event(0, sub=None),
        answer_event(4, "SMS_MFA", TOKENS, sub=None),
        answer_event(8, "SMS_MFA", challenge_reply("NEW_PASSWORD_REQUIRED"), sub=None),
    )

    assert sorted(steps) == [
        ("START", "USER_SRP_AUTH", "PASSWORD_VERIFIER", "legal"),
        (NOT_LOGGED, "SMS_MFA", "AUTHENTICATED", "unknown"),
        (NOT_LOGGED, "SMS_MFA", "NEW_PASSWORD_REQUIRED", "illegal"),
    ]


def test_an_authenticator_app_set_up_by_an_unknown_user(tmp_path: Path) -> None:
    """If an unknown user at this address verified an app, no skipped verification is reported."""
    parameters = {"session": REDACTED}
    steps = replay(
        tmp_path,
        event(0, "InitiateAuth", {"authFlow": "USER_PASSWORD_AUTH", "clientId": "app"}, challenge_reply("MFA_SETUP")),
        event(3, "AssociateSoftwareToken", parameters, {"session": REDACTED, "secretCode": REDACTED}, sub=None),
        event(20, "VerifySoftwareToken", parameters, {"session": REDACTED, "status": "SUCCESS"}, sub=None),
        answer_event(25, "MFA_SETUP", TOKENS),
    )

    assert ("MFA_SETUP", "MFA_SETUP", "AUTHENTICATED", "unknown") in steps
    assert not [each for each in steps if each[-1] == "illegal"]


def test_setting_up_an_app_with_a_token_is_not_a_step(tmp_path: Path) -> None:
    """AssociateSoftwareToken with an access token is not part of a sign-in."""
    steps = replay(
        tmp_path,
        srp_event(0),
        answer_event(1, "PASSWORD_VERIFIER", TOKENS),
        event(30, "AssociateSoftwareToken", {"accessToken": REDACTED}, {"secretCode": REDACTED}),
    )

    assert len(steps) == 2


def test_an_empty_session_counts_as_missing(tmp_path: Path) -> None:
    """AssociateSoftwareToken with an access token and an empty session is not part of a sign-in; nor is the reverse."""
    parameters = {"session": "", "accessToken": REDACTED}
    steps = replay(
        tmp_path,
        srp_event(0),
        answer_event(1, "PASSWORD_VERIFIER", TOKENS),
        event(30, "AssociateSoftwareToken", parameters, {"secretCode": REDACTED}),
        event(40, "VerifySoftwareToken", parameters, {"status": "SUCCESS"}),
    )
    assert len(steps) == 2
    in_session = {"session": REDACTED, "accessToken": ""}
    assert len(replay(tmp_path, event(0, "AssociateSoftwareToken", in_session, {"secretCode": REDACTED}))) == 1


@pytest.mark.parametrize("swapped", [False, True])
def test_a_wrong_code_of_a_new_app_within_one_second(tmp_path: Path, swapped: bool) -> None:  # noqa: FBT001 - a parameter
    """The refused code comes after the app was associated, whatever the ids of the events."""
    in_session = {"session": REDACTED}
    wrong = refusal_members("EnableSoftwareTokenMFAException", "Code mismatch")
    events = [
        srp_event(0),
        answer_event(0, "PASSWORD_VERIFIER", challenge_reply("MFA_SETUP")),
        event(0, "AssociateSoftwareToken", in_session, {"session": REDACTED, "secretCode": REDACTED}),
        event(0, "VerifySoftwareToken", in_session, **wrong),
        event(0, "VerifySoftwareToken", in_session, {"session": REDACTED, "status": "SUCCESS"}),
        answer_event(0, "MFA_SETUP", TOKENS),
    ]
    if swapped:
        events[2]["eventID"], events[3]["eventID"] = events[3]["eventID"], events[2]["eventID"]
    steps = replay(tmp_path, *events)
    assert [step[1] for step in steps[2:]] == [
        "AssociateSoftwareToken", "VerifySoftwareToken", "VerifySoftwareToken", "MFA_SETUP",
    ]  # fmt: skip
    assert {step[3] for step in steps} == {"legal"}


def test_tokens_of_an_earlier_sign_in(tmp_path: Path) -> None:
    """Confirming a device with earlier tokens after a failed attempt is not illegal."""
    wrong = refusal_members("NotAuthorizedException", "Incorrect username or password.")
    steps = replay(
        tmp_path,
        srp_event(0),
        answer_event(1, "PASSWORD_VERIFIER", TOKENS),
        srp_event(60),
        answer_event(61, "PASSWORD_VERIFIER", **wrong),
        event(70, "ConfirmDevice", {"accessToken": REDACTED, "deviceKey": "key"}, {"userConfirmationNecessary": False}),
    )

    assert steps[-1] == (NOT_LOGGED, "ConfirmDevice", "AUTHENTICATED", "unknown")


NEW_TOKENS = {"authenticationResult": {"accessToken": REDACTED, "expiresIn": 3600}}


def refreshes(second: int, flow: str | None = None, reply: Any = None, **more: Any) -> dict[str, Any]:
    """Return an event of InitiateAuth with a refresh flow, or of GetTokensFromRefreshToken."""
    parameters, name = {"clientId": "app", "refreshToken": REDACTED}, "GetTokensFromRefreshToken"
    if flow is not None:
        parameters, name = {"clientId": "app", "authFlow": flow, "authParameters": REDACTED}, "InitiateAuth"
    return event(second, name, parameters, None if "errorCode" in more else reply or NEW_TOKENS, **more)


REFRESHES: dict[str, Any] = {
    "REFRESH_TOKEN_AUTH": {"flow": "REFRESH_TOKEN_AUTH"},
    "REFRESH_TOKEN": {"flow": "REFRESH_TOKEN"},
    "GetTokensFromRefreshToken": {},
}


@pytest.mark.parametrize("name", REFRESHES)
@pytest.mark.parametrize("browsers", ["one browser", "two browsers"])
def test_sessions_that_refresh_at_any_time(name: str, browsers: str, tmp_path: Path) -> None:
    """Refreshes between the steps of another sign-in of the user are steps from AUTHENTICATED, and no sign-ins."""
    other = {"sourceIPAddress": "198.18.0.2", "userAgent": "another"} if browsers == "two browsers" else {}
    parameters, refused = (REFRESHES[name], refusal_members("NotAuthorizedException", "Refresh Token has been revoked"))
    path = tmp_path / "events.jsonl"
    events = [
        srp_event(0),
        answer_event(1, "PASSWORD_VERIFIER", TOKENS),
        srp_event(3600, **other),
        refreshes(3601, **parameters),
        refreshes(3602, **parameters, **other),
        answer_event(3603, "PASSWORD_VERIFIER", challenge_reply("SMS_MFA"), **other),
        refreshes(3604, **parameters, **refused),
        refreshes(3604, **parameters),
        answer_event(3605, "SMS_MFA", TOKENS, **other),
        *(refreshes(7200 + n, **parameters, **(other if n % 2 else {})) for n in range(20)),
        event(9000, "RevokeToken", {"token": REDACTED, "clientId": "app"}),
    ]
    path.write_text("".join(f"{json.dumps(each)}\n" for each in reversed(events)), encoding="utf-8")
    with TraceFiles(path) as files:
        funnel = files.funnel()
        renewals = [(each.source, each.dest) for each in files.replay() if each.symbol == name]
    rows = [(each.source, each.symbol, each.dest, each.times, each.refused) for each in funnel.transitions]

    assert [str(each.verdict) for each in funnel.transitions] == ["legal"] * len(rows)
    assert (funnel.steps, funnel.sign_ins, dict(funnel.ends)) == (len(events), 2, {"AUTHENTICATED": 2})
    assert renewals == [("AUTHENTICATED", "AUTHENTICATED")] * 24
    assert ("AUTHENTICATED", name, "AUTHENTICATED", 24, 1) in rows
    assert [(each.node, each.p95) for each in funnel.durations] == [("PASSWORD_VERIFIER", 3), ("SMS_MFA", 2)]
    assert funnel.diagram().model.sign_ins == 2


@pytest.mark.parametrize("name", REFRESHES)
@pytest.mark.parametrize("sub", ["5a1f0c9e", None])
def test_a_refresh_whose_sign_in_is_before_the_log(name: str, sub: str | None, tmp_path: Path) -> None:
    """A refresh alone is a legal step from AUTHENTICATED; nothing signs in, and nothing ends."""
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps(refreshes(0, **REFRESHES[name], sub=sub)) + "\n", encoding="utf-8")
    with TraceFiles(path) as files:
        steps = [(each.source, each.symbol, each.dest, str(each.verdict)) for each in files.replay()]
        funnel = files.funnel()

    assert steps == [("AUTHENTICATED", name, "AUTHENTICATED", "legal")]
    assert (funnel.legal, funnel.steps, funnel.sign_ins, dict(funnel.ends)) == (True, 1, 0, {})


def test_a_refresh_that_is_answered_with_a_challenge(tmp_path: Path) -> None:
    """The challenge of a refresh begins an attempt, whose next step answers it."""
    steps = replay(
        tmp_path,
        refreshes(0, "REFRESH_TOKEN_AUTH", challenge_reply("CUSTOM_CHALLENGE")),
        answer_event(5, "CUSTOM_CHALLENGE", TOKENS),
        refreshes(60, reply=challenge_reply("CUSTOM_CHALLENGE")),
    )

    assert steps == [
        ("START", "REFRESH_TOKEN_AUTH", "CUSTOM_CHALLENGE", "legal"),
        ("CUSTOM_CHALLENGE", "CUSTOM_CHALLENGE", "AUTHENTICATED", "legal"),
        ("START", "GetTokensFromRefreshToken", "CUSTOM_CHALLENGE", "illegal"),
    ]


def test_an_error_between_refreshes_is_found(tmp_path: Path) -> None:
    """Refreshes of the same seconds hide no illegal step of another sign-in, and let no session last longer."""
    steps = replay(
        tmp_path,
        srp_event(0),
        refreshes(0),
        refreshes(4, "REFRESH_TOKEN_AUTH"),
        answer_event(4, "SMS_MFA", TOKENS),
        refreshes(4),
        srp_event(60),
        refreshes(60 + 10 * 60),
        answer_event(60 + 16 * 60, "SMS_MFA", TOKENS),
    )

    assert [each for each in steps if each[3] != "legal"] == [
        ("PASSWORD_VERIFIER", "SMS_MFA", "AUTHENTICATED", "illegal"),
        (NOT_LOGGED, "SMS_MFA", "AUTHENTICATED", "unknown"),
    ]


def test_a_sign_out_hours_after_the_sign_in(tmp_path: Path) -> None:
    """It is a step from AUTHENTICATED, and not the end of another sign-in."""
    path = tmp_path / "events.jsonl"
    events = (
        srp_event(0),
        answer_event(1, "PASSWORD_VERIFIER", TOKENS),
        event(7200, "RevokeToken", {"clientId": "app"}),
    )
    path.write_text("".join(f"{json.dumps(each)}\n" for each in events), encoding="utf-8")
    with TraceFiles(path) as files:
        steps = [(each.source, each.symbol, each.dest, str(each.verdict)) for each in files.replay()]
        funnel = files.funnel()

    assert steps[2] == ("AUTHENTICATED", "RevokeToken", "START", "legal")
    assert (funnel.sign_ins, dict(funnel.ends)) == (1, {"AUTHENTICATED": 1})


def test_an_answer_after_the_session_expired(tmp_path: Path) -> None:
    """No session is valid for more than 15 minutes: a later answer that succeeds belongs to an unknown attempt."""
    steps = replay(tmp_path, srp_event(0), answer_event(16 * 60, "SMS_MFA", TOKENS))

    assert steps[1] == (NOT_LOGGED, "SMS_MFA", "AUTHENTICATED", "unknown")


def test_events_delivered_twice_and_out_of_order(tmp_path: Path) -> None:
    """CloudTrail delivers each event at least once, in any order."""
    first, second = srp_event(0), answer_event(30, "PASSWORD_VERIFIER", TOKENS)
    path = tmp_path / "events.jsonl"
    path.write_text(
        "".join(f"{json.dumps(each)}\n" for each in (second, first, second, first, first)), encoding="utf-8"
    )
    with TraceFiles(path) as files:
        funnel = files.funnel()

    assert (funnel.steps, funnel.repeated, funnel.sign_ins, funnel.legal) == (2, 3, 1, True)
    assert dict(funnel.ends) == {"AUTHENTICATED": 1}
    assert [(each.node, each.times, each.median) for each in funnel.durations] == [("PASSWORD_VERIFIER", 1, 30)]


def test_the_query_runs_as_it_is_printed(tmp_path: Path) -> None:
    """The output of `--sql duckdb` runs in any DuckDB over the table that it names."""
    path = tmp_path / "events.jsonl"
    path.write_text(f"{json.dumps(srp_event(0, TOKENS))}\n", encoding="utf-8")
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in COLUMNS)
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE VIEW mine AS SELECT * FROM read_json('{path}', columns={{{columns}}})"  # noqa: S608 - our own words
        )
        rows = connection.execute(sql("duckdb", "mine")).fetchall()

    assert [row[3:5] for row in rows if row[1] == "illegal"] == [("USER_SRP_AUTH", "AUTHENTICATED")]
    assert query() == query()
