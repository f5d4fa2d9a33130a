"""Published captures of the real Cognito are read completely, and lead to states that the table allows.

`tests/data/captured.jsonl` has one capture a line, with placeholders for names, ids, tokens and secrets. `genuine`
says how certain it is that Cognito sent it: yes, likely, or mock. A mock was made by hand and is evidence of
nothing. Where `made` is true, only keys and types are known, and the values were invented.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import boto3
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner
from joserfc.jwk import RSAKey
from samples import RESPONSES as SAMPLES
from samples import signin_in_state

from authfsm.base.secret import Secret
from authfsm.cli import app
from authfsm.core.wire_replies import read
from authfsm.local import LocalPool
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import Fault, RecoveryAction
from authfsm.protocol.evidence import Confidence, evidence_rows
from authfsm.protocol.replies import Refusal, ReplyWithoutChallenge
from authfsm.protocol.states import CHALLENGES, State
from authfsm.protocol.table import TRANSITION_SET, LoopKind, Role, transition_for_reply
from authfsm.settings import PoolSettings
from authfsm.traces import record
from authfsm.traces.anonymiser import anonymise

ROWS: Final[list[dict[str, Any]]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "captured.jsonl").read_text(encoding="utf-8").splitlines()
]


def captures_of(kind: str) -> list[Any]:
    """Return the captures of a kind as parameters of a test."""
    return [
        pytest.param(row, id=f"{number}-{row['operation']}")
        for number, row in enumerate(ROWS)
        if row["kind"] == kind and "payload" in row
    ]


def response_of(row: Mapping[str, Any]) -> type[r.Response]:
    """Return the response class that a captured reply answers."""
    kind: type[r.Response] = getattr(r, row["response"])
    return kind


def test_the_kinds_of_captures() -> None:
    """There are 116 captures; those made by hand have no payload, and are evidence for no transition."""
    assert Counter(row["kind"] for row in ROWS) == {
        "reply": 71, "error": 30, "request": 4, "description": 7, "event": 4,
    }  # fmt: skip
    assert Counter(row["genuine"] for row in ROWS) == {"yes": 71, "likely": 35, "mock": 10}
    for row in ROWS:
        assert ("payload" in row) == (row["genuine"] != "mock"), row["source"]
        assert row["genuine"] != "mock" or "from" not in row


def test_cited_captures_lead_where_the_evidence_says() -> None:
    """A capture that `evidence.csv` cites for a measured transition shows this transition; no mock is cited."""
    for (state, response, dest, _), known in evidence_rows():
        for numbers in re.findall(r"captured\.jsonl, lines? ([\d, and]*\d)", known.source):
            lines = [ROWS[int(number) - 1] for number in re.findall(r"\d+", numbers)]
            assert all(row["genuine"] != "mock" for row in lines), known.source
            if known.confidence is Confidence.MEASURED:
                assert all(row["from"] == state and row["to"] == dest for row in lines), known.source
                assert all(row["response"] == response for row in lines), known.source


# ---- replies ----------------------------------------------------------------------------------------

OFF_THE_TABLE: Final[dict[str, str]] = {}
"""By source: why a capture's transition is not on the table."""


@pytest.mark.parametrize("row", captures_of("reply"))
def test_a_reply_leads_to_the_captured_state(row: dict[str, Any]) -> None:
    """A sign-in in the state of the capture moves to the captured state, as the table allows."""
    source, kind = state_of(row["from"]), response_of(row)
    reply = read(row["payload"], kind, state=source)

    transition = transition_for_reply(source, kind, reply)

    assert transition is not None
    assert transition.dest == state_of(row["to"])
    assert (transition in TRANSITION_SET) == (row["source"] not in OFF_THE_TABLE), row["source"]
    assert state_after(row) is transition.dest


def state_of(name: str) -> State:
    """Return the state of this name."""
    return next(each for each in State if each.value == name)


def state_after(row: Mapping[str, Any]) -> State:
    """Return the state of a sign-in after the response and the reply."""
    source = state_of(row["from"])
    signin = signin_in_state(source, Role.SECOND_FACTOR if source is State.EMAIL_OTP else None)
    signin.flow = None if source is State.START else "USER_SRP_AUTH"
    signin.send(SAMPLES[response_of(row)])
    return signin.receive(row["payload"])


# Transport, not the reply: the status is 200, and the request's id is that of a refusal alone.
_TRANSPORT: Final = {"ResponseMetadata"}


@pytest.mark.parametrize("row", captures_of("reply"))
def test_a_reply_loses_nothing(row: dict[str, Any]) -> None:
    """Every key and value of a reply, at any depth and in JSON strings, is in the parsed reply."""
    reply = read(row["payload"], response_of(row))
    parts = list(contents(reply))
    payload = {key: value for key, value in row["payload"].items() if key not in _TRANSPORT}

    if isinstance(reply, ReplyWithoutChallenge):
        assert dict(reply.members) == payload
    for path, value in leaves(payload):
        assert value in parts, path
    for path in keys(payload):
        # Parameters keep their keys; members have a field each, named alike.
        name = path.rpartition(".")[2]
        assert name in FIELDS or name in parts, path


FIELDS: Final = {
    "ChallengeName": "name", "Session": "session", "ChallengeParameters": "parameters", "AvailableChallenges": "available",
    "AuthenticationResult": "Tokens", "AccessToken": "access_token", "IdToken": "id_token", "RefreshToken": "refresh_token",
    "ExpiresIn": "expires_in", "TokenType": "token_type", "NewDeviceMetadata": "new_device", "DeviceKey": "device_key",
    "DeviceGroupKey": "device_group_key",
}  # fmt: skip


def contents(value: Any) -> Iterator[Any]:
    """Yield all keys and values of a parsed reply."""
    if isinstance(value, Secret):
        yield value.reveal()
    elif attrs.has(type(value)):
        for each in attrs.fields(type(value)):
            yield from contents(getattr(value, each.name))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield key
            yield from contents(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from contents(each)
    else:
        yield value


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value of a payload that is not a map or list, with its path."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, f"{path}.{key}")
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, path)
    else:
        yield path, value


def keys(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each key of a payload."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield f"{path}.{key}"
            yield from keys(each, f"{path}.{key}")


@pytest.mark.parametrize("row", captures_of("reply"))
def test_json_in_strings_is_parsed(row: dict[str, Any]) -> None:
    """All attributes, offered methods and passkey options are parsed values too."""
    reply = read(row["payload"], response_of(row))
    parameters = row["payload"].get("ChallengeParameters") or {}
    for name, field in {
        "requiredAttributes": "required_attributes", "userAttributes": "user_attributes",
        "MFAS_CAN_SETUP": "choices", "CREDENTIAL_REQUEST_OPTIONS": "request_options",
    }.items():  # fmt: skip
        if name not in parameters:
            continue
        actual, expected = getattr(reply, field), json.loads(parameters[name])
        if isinstance(expected, dict):
            assert dict(actual) == expected
        else:
            assert list(actual) == [each.removeprefix("userAttributes.") for each in expected]


# ---- errors -----------------------------------------------------------------------------------------

FAULTS: Final = {
    "Exception migrating user": Fault.SERVICE,
    "Exceeded daily email limit": Fault.OPERATOR,
    "Missing required parameter": Fault.CALLER,
}
"""Whose fault an error is, where the captured text says so."""


@pytest.mark.parametrize("row", captures_of("error"))
def test_an_error_gets_its_recovery_action(row: dict[str, Any]) -> None:
    """The recovery action is the captured one, and the attempt survives where it did."""
    source, kind = state_of(row["from"]), response_of(row)
    refusal = read(row["payload"], kind, state=source)

    assert isinstance(refusal, Refusal)
    assert refusal.action is RecoveryAction[row["action"]]
    expected = row["payload"].get("Error") or {
        "Code": row["payload"]["__type"], "Message": row["payload"]["message"]
    }  # fmt: skip
    assert (refusal.code, refusal.message) == (expected["Code"], expected["Message"])
    for text, fault in FAULTS.items():
        assert text not in refusal.message or refusal.fault is fault
    transition = transition_for_reply(source, kind, refusal)
    assert transition is None or transition in TRANSITION_SET
    if "to" in row:
        assert transition is not None
        assert transition.dest is state_of(row["to"])


@pytest.mark.parametrize("row", captures_of("error"))
def test_an_error_as_it_is_on_the_wire(row: dict[str, Any]) -> None:
    """An error is parsed alike in boto3's shape and in that of HTTP, with or without a namespace."""
    expected = row["payload"].get("Error")
    code, text = (
        (expected["Code"], expected["Message"]) if expected else (row["payload"]["__type"], row["payload"]["message"])
    )
    kind = response_of(row)
    namespace = "com.amazonaws.cognito.identity.idp.model#"
    shapes = [
        {"Error": {"Code": code, "Message": text}},
        {"__type": code, "message": text},
        {"__type": f"{namespace}{code}", "message": text},
    ]
    first, *others = (read(each, kind) for each in shapes)
    assert others == [first, first]


def test_a_malformed_code_of_an_authenticator_may_be_tried_again() -> None:
    """After InvalidParameterException the right code completes the set-up (amplify-swift's tests)."""
    text = (
        "1 validation error detected: Value '12' at 'userCode' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [0-9]+"
    )
    raw = {"__type": "InvalidParameterException", "message": text}
    refusal = read(raw, r.VerifySoftwareToken)
    assert isinstance(refusal, Refusal)
    assert (refusal.action, refusal.fault) == (RecoveryAction.TRY_AGAIN, Fault.USER)
    transition = transition_for_reply(State.MFA_SETUP, r.VerifySoftwareToken, refusal)
    assert transition is not None
    assert (transition.dest, transition.kind) == (State.MFA_SETUP, LoopKind.RETRY)
    assert transition in TRANSITION_SET


# ---- requests ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", captures_of("request"))
def test_a_request_is_recognized(row: dict[str, Any], tmp_path: Path) -> None:
    """A recorder recognises the response in a captured request."""
    parameters = {
        "DEVICE_SRP_AUTH": "srp_a", "SOFTWARE_TOKEN_MFA": "code", "USER_SRP_AUTH": "user_srp_auth",
        "REFRESH_TOKEN_AUTH": "refresh_token_auth",
    }  # fmt: skip
    client = boto3.client("cognito-idp", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    operation = row["operation"]
    request = {"ClientId": "1example23456789abcdefghij", **row["payload"]}
    method = {"InitiateAuth": "initiate_auth", "RespondToAuthChallenge": "respond_to_auth_challenge"}[operation]
    file = tmp_path / "steps.jsonl"
    with Stubber(client) as stub, record(client, file):
        stub.add_response(method, {})
        getattr(client, method)(**request)

    (line,) = [json.loads(each) for each in file.read_text(encoding="utf-8").splitlines()]
    word = row["payload"].get("AuthFlow") or row["payload"]["ChallengeName"]
    assert line["response"] == parameters[word]


# ---- descriptions -----------------------------------------------------------------------------------


def captured_descriptions(operation: str) -> list[dict[str, Any]]:
    """Return the captured descriptions of an operation, without boto3's metadata."""
    return [
        {key: value for key, value in row["payload"].items() if key != "ResponseMetadata"}
        for row in ROWS
        if row["kind"] == "description" and row["operation"] == operation
    ]


POOLS, CLIENTS, MFA = (
    captured_descriptions(each) for each in ("DescribeUserPool", "DescribeUserPoolClient", "GetUserPoolMfaConfig")
)


def client_of(pool: dict[str, Any]) -> dict[str, Any]:
    """Return the first captured app client; without a pool id if the description of its pool was cut."""
    client = CLIENTS[0]["UserPoolClient"]
    of_no_pool = {key: value for key, value in client.items() if key != "UserPoolId"}
    return {"UserPoolClient": client if "Id" in pool["UserPool"] else of_no_pool}


DESCRIPTIONS = [
    *((pool, client_of(pool), None) for pool in POOLS),
    *((POOLS[0], client, None) for client in CLIENTS),
    *((POOLS[0], CLIENTS[0], mfa) for mfa in MFA),
]


@pytest.mark.parametrize("three", DESCRIPTIONS, ids=range(len(DESCRIPTIONS)))
def test_a_description_goes_through_settings_and_pool(three: tuple[Any, Any, Any], signing_key: RSAKey) -> None:
    """A captured description is read, and a local pool with its settings describes itself in the same way."""
    pool, client, mfa = three
    settings = PoolSettings.from_descriptions(pool, client, mfa)
    like = LocalPool.like(pool, client, mfa, key=signing_key)
    boto = like.client()
    ids = {"UserPoolId": like.pool_id}

    assert settings.mfa_configuration == pool["UserPool"]["MfaConfiguration"]
    if "ExplicitAuthFlows" in client["UserPoolClient"]:
        assert settings.explicit_auth_flows == frozenset(client["UserPoolClient"]["ExplicitAuthFlows"])
    open_ = {transition for transition in TRANSITION_SET if settings.ruled_out(transition) is None}
    mfa_asked = {transition for transition in open_ if transition.dest is State.SMS_MFA}
    assert bool(mfa_asked) == (settings.mfa_configuration != "OFF")
    for operation, key, captured, request in (
        (boto.describe_user_pool, "UserPool", pool, ids),
        (boto.describe_user_pool_client, "UserPoolClient", client, {**ids, "ClientId": like.client_id}),
        (boto.get_user_pool_mfa_config, None, mfa or {}, ids),
    ):
        spoken = operation(**request)
        for name, value in (captured[key] if key else captured).items():
            actual = (spoken[key] if key else spoken).get(name)
            if name not in NOT_GIVEN_BACK:
                assert contains(actual, value), name


NOT_GIVEN_BACK: Final = {
    "EstimatedNumberOfUsers": "the pool counts its own users",
    "CreationDate": "a time, which boto3 gives as a datetime",
    "LastModifiedDate": "the same",
}
"""Members of a description that differ in a local pool with the same settings, and the reason."""


def contains(actual: Any, captured: Any) -> bool:
    """Return whether `given` contains everything in `captured`."""
    if isinstance(captured, dict):
        return all(contains((actual or {}).get(key), value) for key, value in captured.items())
    if isinstance(captured, list):
        return all(any(contains(each, value) for each in actual or ()) for value in captured)
    return bool(actual == captured)


# ---- CloudTrail -------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", captures_of("event"))
def test_a_captured_event_is_checked(row: dict[str, Any], tmp_path: Path) -> None:
    """`authfsm trace` reads a captured event, finds its step, and finds no illegal step."""
    file = tmp_path / "trail.jsonl"
    times = {} if "detail" in row["payload"] else {"eventTime": "2026-07-01T12:00:00Z"}  # cut from one of them
    file.write_text(json.dumps({**times, **row["payload"]}) + "\n", encoding="utf-8")

    result = CliRunner().invoke(app, ["trace", str(file), "--json"])

    assert result.exit_code == 0, result.output
    traced = json.loads(result.stdout)
    assert (traced["read"]["events"], traced["read"]["others"], traced["read"]["broken"]) == (1, 0, 0)
    assert (traced["steps"], traced["verdicts"]["illegal"]) == (1, 0)
    (step,) = traced["transitions"]
    event = row["payload"].get("detail", row["payload"])
    parameters = event["requestParameters"]
    assert step["response"] == (parameters.get("authFlow") or parameters["challengeName"])
    assert step["refused"] == ("errorCode" in event)
    if "errorCode" not in event:
        assert step["to"] == event["responseElements"]["challengeName"]


# ---- anonymised captures ----------------------------------------------------------------------------


def test_anonymised_captures_keep_their_meaning() -> None:
    """`authfsm capture` leaves each capture's keys, challenges, error codes and known texts as they are."""
    for row in ROWS:
        if "payload" not in row:
            continue
        anonymised = json.loads(anonymise(json.dumps(row["payload"])).text)
        assert list(keys(anonymised))[:1] == list(keys(row["payload"]))[:1]
        for path in ("ChallengeName", "__type", "AvailableChallenges"):
            assert anonymised.get(path) == row["payload"].get(path)
        if "from" in row and row["kind"] == "reply":
            assert state_after({**row, "payload": anonymised}) is state_after(row)
        if row["kind"] == "error":
            refusal = read(anonymised, response_of(row))
            assert isinstance(refusal, Refusal)
            assert refusal.action is RecoveryAction[row["action"]]


def test_captured_challenges() -> None:
    """The challenges with a captured reply; for the others there is other evidence."""
    captured = {row["to"] for row in ROWS if row["kind"] in {"reply", "event"} and "to" in row}
    assert set(CHALLENGES) - {state_of(each) for each in captured} == {
        State.PASSWORD, State.PASSWORD_SRP, State.ADMIN_NO_SRP_AUTH, State.SMS_OTP, State.SELECT_MFA_TYPE,
        State.DEVICE_PASSWORD_VERIFIER,
    }  # fmt: skip
