"""The response class of a request: pool, recordings, random walker and request writers agree on it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
from api_client import ApiClient
from attrs import evolve
from authenticator import Authenticator
from botocore.exceptions import ClientError
from click.testing import CliRunner
from joserfc.jwk import RSAKey
from samples import RESPONSES, signin_in_state

from authfsm.cli import app
from authfsm.core.signin import SignIn
from authfsm.core.wire_requests import WRITERS, write_request
from authfsm.local import LocalPool, ManualClock, WebAuthnConfiguration
from authfsm.local.api import operations
from authfsm.protocol import responses as r
from authfsm.protocol.api_requests import OTHER_OPERATIONS, classify, names_for
from authfsm.protocol.auth_flows import FLOWS, SIGN_IN_OPERATIONS
from authfsm.protocol.responses import Response
from authfsm.protocol.states import CHALLENGES, State
from authfsm.traces import record

PASSWORD: Final = "Correct-Horse-1"
WRONG: Final = "Wrong-Horse-2"
SRP_A: Final = "beef"
LEVEL: Final = "urn:cognito:loa:1"
SESSION: Final = "a session that was never issued"
BEGIN: Final = "InitiateAuth"
ANSWER: Final = "RespondToAuthChallenge"


def combinations(**values: tuple[str | None, ...]) -> list[dict[str, str]]:
    """Return all combinations of these values; None leaves a parameter out."""
    return [
        {name: value for name, value in zip(values, each, strict=True) if value is not None}
        for each in product(*values.values())
    ]


USER_AUTH: Final = combinations(
    Session=(None, SESSION),
    TARGET_ACR_VALUES=(None, LEVEL),
    PREFERRED_CHALLENGE=(None, "PASSWORD", "PASSWORD_SRP", "SMS_OTP"),
    PASSWORD=(None, WRONG),
    SRP_A=(None, SRP_A),
)
SELECT_CHALLENGE: Final = combinations(
    ANSWER=(None, "PASSWORD", "PASSWORD_SRP", "WEB_AUTHN", "SMS_OTP"),
    PASSWORD=(None, WRONG),
    SRP_A=(None, SRP_A),
    CREDENTIAL=(None, "{}"),
)


def begin(flow: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return a request that starts a flow."""
    parameters = {name: value for name, value in fields.items() if name != "Session"}
    session = {"Session": fields["Session"]} if "Session" in fields else {}
    return {"AuthFlow": flow, "AuthParameters": {"USERNAME": "ada", **parameters}, **session}


def answer(challenge: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return a request that answers a challenge."""
    responses = {"USERNAME": "ada", **fields}
    return {"ChallengeName": challenge, "ChallengeResponses": responses, "Session": SESSION}


ALL_REQUESTS: Final[list[tuple[str, dict[str, Any]]]] = [
    *((BEGIN, begin("USER_AUTH", each)) for each in USER_AUTH),
    *((ANSWER, answer("SELECT_CHALLENGE", each)) for each in SELECT_CHALLENGE),
    *(
        (BEGIN, begin(flow, each))
        for flow in FLOWS
        if flow != "USER_AUTH"
        for each in combinations(
            CHALLENGE_NAME=(None, "SRP_A", "CUSTOM_CHALLENGE"),
            SRP_A=(None, SRP_A),
            PASSWORD=(None, WRONG),
            Session=(None, SESSION),
        )
    ),
    *(
        (ANSWER, answer(name, each))
        for name in (*CHALLENGES, "MOTHERS_MAIDEN_NAME")
        if name != "SELECT_CHALLENGE"
        for each in combinations(
            ANSWER=(None, "PASSWORD"), PASSWORD=(None, WRONG), EMAIL=(None, "a@b.c"), email=(None, "a@b.c")
        )
    ),
]  # fmt: skip
"""All combinations of the parameters that distinguish requests: of every flow, and of every challenge."""


@pytest.fixture(scope="module")
def pool(signing_key: RSAKey) -> LocalPool:
    """Return a pool with every first factor; ada has all of them, and no second factor."""
    pool = LocalPool(
        key=signing_key,
        clock=ManualClock(),
        mfa="OPTIONAL",
        allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"],
        webauthn=WebAuthnConfiguration("example.com"),
    )
    pool.add_user("ada", PASSWORD, email="ada@example.com", phone_number="+15550001111", mfa=[])
    token = ApiClient(pool).password("ada", PASSWORD)["AuthenticationResult"]["AccessToken"]
    client = pool.client()
    options = client.start_web_authn_registration(AccessToken=token)["CredentialCreationOptions"]
    client.complete_web_authn_registration(AccessToken=token, Credential=Authenticator().create(options))
    return pool


def unlock(pool: LocalPool) -> None:
    """Let time pass, so that no user is locked out."""
    clock = pool.clock
    assert isinstance(clock, ManualClock)
    clock.advance(1000)


def reply_of(pool: LocalPool, operation: str, request: Mapping[str, Any]) -> str:
    """Return the challenge with which the pool replies, or its refusal."""
    try:
        reply = pool.answer(operation, {"ClientId": pool.client_id, **request})
    except Exception as refusal:  # noqa: BLE001 - the text of any error is compared
        return str(refusal)
    finally:
        unlock(pool)
    return str(reply.get("ChallengeName", "tokens"))


class TestPoolAgreement:
    """The response class of a request agrees with the pool's behaviour."""

    @pytest.mark.parametrize("fields", USER_AUTH, ids=str)
    def test_user_auth(self, pool: LocalPool, fields: dict[str, str]) -> None:
        """In 64 combinations of session, password, SRP_A and levels, pool and class agree."""
        request = begin("USER_AUTH", fields)
        kind, outcome = classify(BEGIN, request), reply_of(pool, BEGIN, request)
        unreachable = begin("USER_AUTH", {**fields, "TARGET_ACR_VALUES": "nowhere"})
        looks_at_levels = "TARGET_ACR_VALUES" in fields and "level" in reply_of(pool, BEGIN, unreachable)

        assert (kind is r.SignedUp) == ("Invalid session" in outcome)
        assert (kind is r.UserAuthWithPassword) == ("Incorrect username or password" in outcome)
        assert (kind is r.StepUp) == (looks_at_levels and kind is not r.UserAuthWithPassword)
        if kind is r.UserAuthWithSrp:
            assert outcome == "PASSWORD_VERIFIER"
        if kind is r.UserAuth:
            assert outcome == fields.get("PREFERRED_CHALLENGE", "SELECT_CHALLENGE")

    @pytest.mark.parametrize("fields", SELECT_CHALLENGE, ids=str)
    def test_select_challenge(self, pool: LocalPool, fields: dict[str, str]) -> None:
        """In 40 combinations, a secret counts only with the ANSWER that names its factor."""
        session = pool.answer(
            BEGIN, {"ClientId": pool.client_id, **begin("USER_AUTH", {})}
        )["Session"]  # fmt: skip
        request = {**answer("SELECT_CHALLENGE", fields), "Session": session}
        kind, outcome = classify(ANSWER, request), reply_of(pool, ANSWER, request)

        assert (kind is r.Password) == ("Incorrect username or password" in outcome)
        assert (kind is r.SrpA) == (outcome == "PASSWORD_VERIFIER")
        assert (kind is r.Credential) == ("passkey's answer" in outcome)
        if kind is r.Select:
            assert outcome == fields["ANSWER"] if "ANSWER" in fields else "ANSWER" in outcome

    def test_the_pool_classifies_once(self, pool: LocalPool, monkeypatch: pytest.MonkeyPatch) -> None:
        """The pool classifies each request once, and passes the class on."""
        calls: list[type[Response] | None] = []

        def counting(operation: str, request: Mapping[str, Any]) -> type[Response] | None:
            calls.append(classify(operation, request))
            return calls[-1]

        monkeypatch.setattr(operations, "classify", counting)
        for operation, request in ALL_REQUESTS:
            calls.clear()
            reply_of(pool, operation, request)

            assert calls == [classify(operation, request)] == [pool._core.response]


def test_recordings_agree(pool: LocalPool) -> None:
    """A recording names the same response as the pool, for every request that boto3 sends."""
    client, out = pool.client(), io.StringIO()
    expected = []
    with record(client, out):
        for operation, request in ALL_REQUESTS:
            method = client.initiate_auth if operation == BEGIN else client.respond_to_auth_challenge
            with suppress(ClientError):
                method(ClientId=pool.client_id, **request)
            unlock(pool)
            expected.append(pool._core.response)
    recorded = [json.loads(line)["response"] for line in out.getvalue().splitlines()]

    assert recorded == [kind and kind.trigger for kind in expected]


def test_a_leftover_password_is_ignored(pool: LocalPool, tmp_path: Path) -> None:
    """ANSWER=SMS_OTP next to a leftover PASSWORD is a choice: `authfsm trace` accepts the sign-in."""
    client, path = pool.client(), tmp_path / "steps.jsonl"
    with record(client, path):
        reply = client.initiate_auth(ClientId=pool.client_id, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": "ada"})
        for name, parameters in (
            ("SELECT_CHALLENGE", {"ANSWER": "SMS_OTP", "PASSWORD": WRONG}),
            ("SMS_OTP", {"SMS_OTP_CODE": ""}),
        ):
            if "SMS_OTP_CODE" in parameters:
                parameters["SMS_OTP_CODE"] = pool.outbox.code_for("ada")
            reply = client.respond_to_auth_challenge(
                ClientId=pool.client_id,
                ChallengeName=name,
                Session=reply["Session"],
                ChallengeResponses={"USERNAME": "ada", **parameters},
            )
    lines = path.read_text(encoding="utf-8").splitlines()
    result = CliRunner().invoke(app, ["trace", str(path)], env={"COLUMNS": "200", "NO_COLOR": "1"})

    assert [json.loads(line)["response"] for line in lines] == ["user_auth", "select", "code"]
    assert result.exit_code == 0, result.output
    assert "illegal" not in result.output.replace("0 illegal", "")


WRITTEN_RESPONSES: Final = [
    (state, kind, direct)
    for state, kind in WRITERS
    for direct in ((False, True) if hasattr(kind, "direct") and "SELECT_CHALLENGE" in names_for(state, kind) else (False,))
]  # fmt: skip


@pytest.mark.parametrize("admin", [False, True])
@pytest.mark.parametrize(
    ("state", "kind", "direct"), WRITTEN_RESPONSES, ids=lambda each: getattr(each, "__name__", str(each))
)
def test_request_writers_agree(state: State, kind: type[Response], *, direct: bool, admin: bool) -> None:
    """The request of a response is classified as that response, and has one of its names."""
    response_class = RESPONSES[kind]
    if direct:
        assert isinstance(response_class, (r.Password, r.SrpA))
        response_class = evolve(response_class, direct=True)
    sign_in: SignIn = signin_in_state(state)
    sign_in._admin = admin
    written_request = write_request(state, response_class, sign_in)
    request = written_request.reveal()
    name = request.get("AuthFlow") or request.get("ChallengeName") or written_request.operation
    if state is State.OTHER_CHALLENGE:
        name = state.value

    assert classify(written_request.operation, request) is kind
    assert name in names_for(state, kind)
    assert written_request.operation in SIGN_IN_OPERATIONS


class TestMissingParameters:
    """Null, empty and missing parameters are the same."""

    @pytest.mark.parametrize("nothing", [None, ""])
    def test_absent_null_and_empty_are_equal(self, nothing: str | None) -> None:
        """A parameter that is null or empty counts as missing."""
        for operation, request in ALL_REQUESTS:
            where = "AuthParameters" if operation == BEGIN else "ChallengeResponses"
            for name in (*request[where], "PASSWORD", "SRP_A", "TARGET_ACR_VALUES", "ACCESS_TOKEN"):
                without = {key: each for key, each in request[where].items() if key != name}
                emptied = {**request, where: {**without, name: nothing}}
                absent = {**request, where: without}

                assert classify(operation, emptied) is classify(operation, absent)
            bare = {key: each for key, each in request.items() if key != "Session"}
            assert classify(operation, {**bare, "Session": nothing}) is classify(operation, bare)

    @pytest.mark.parametrize(
        "name", ["Session", "TARGET_ACR_VALUES", "ACCESS_TOKEN", "PREFERRED_CHALLENGE", "PASSWORD"]
    )
    def test_the_pool_agrees(self, pool: LocalPool, name: str) -> None:
        """For the pool too, an empty parameter of USER_AUTH is missing."""
        outcome = reply_of(pool, BEGIN, begin("USER_AUTH", {name: ""}))

        assert outcome == reply_of(pool, BEGIN, begin("USER_AUTH", {})) == "SELECT_CHALLENGE"

    @pytest.mark.parametrize("nothing", [None, "", {}, [], 0])
    @pytest.mark.parametrize("operation", sorted(SIGN_IN_OPERATIONS))
    def test_a_malformed_request(self, operation: str, nothing: Any) -> None:
        """A request that is not well formed raises nothing."""
        members = ("AuthFlow", "ChallengeName", "AuthParameters", "ChallengeResponses", "Session")
        expected = OTHER_OPERATIONS.get(operation) if "SoftwareToken" not in operation else None

        assert classify(operation, {}) is expected
        assert classify(operation, dict.fromkeys(members, nothing)) is expected
        assert classify("ListUsers", {}) is None
