"""Fuzzing: every reply is Cognito's, arrives in time, and refused requests change and reveal nothing.

The cases are made from botocore's model of the API: requests of every operation that is served, well formed
but for what hypothesis did to them.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
from generate_members import known_members
from http_inputs import fuzz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey
from local_servers import CLIENT_ID, PASSWORD, POOL_ID, TARGET, ThreadServer, serve_in_thread

from authfsm import srp
from authfsm.local import DeviceConfiguration, LocalPool, PoolRefusal, Triggers
from authfsm.local.api.aws_json import HttpReply, answer_http
from authfsm.local.api.operations import OPERATIONS
from authfsm.local.server.http_server import App
from authfsm.local.server.service import Log, Service

MODEL = known_members()
CASES = settings(
    max_examples=600,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)  # fmt: skip


USERS: dict[str, dict[str, Any]] = {
    "ada": {"email": "ada@example.com", "phone_number": "+15555550143"},
    "new": {"temporary": True},
    "sam": {"phone_number": "+15555550144", "preferred_mfa": "SMS_MFA"},
}


def _define_custom_challenge(event: dict[str, Any]) -> dict[str, Any]:
    event["response"].update(challengeName="CUSTOM_CHALLENGE", answerCorrect=False)
    return event


@pytest.fixture(scope="module")
def pool(signing_key: RSAKey) -> LocalPool:
    """A pool with users, devices and sessions of many kinds."""
    local_pool = LocalPool(
        pool_id=POOL_ID, client_id=CLIENT_ID, key=signing_key, mfa="OPTIONAL",
        device=DeviceConfiguration(), triggers=Triggers(define=_define_custom_challenge, create=_define_custom_challenge, verify=_define_custom_challenge),
    )  # fmt: skip
    for name, more in USERS.items():
        local_pool.add_user(name, PASSWORD, **more)
    return local_pool


@pytest.fixture(scope="module")
def fuzz_state(pool: LocalPool) -> FuzzState:
    """The state of the pool that cases use."""
    return FuzzState(pool)


ACCESS, REFRESH, SESSION = "@access@", "@refresh@", "@session@"


class FuzzState:
    """Users, valid tokens of one of them, and a session that awaits its code."""

    def __init__(self, pool: LocalPool) -> None:
        self.pool = pool
        self.client = pool.app_client
        self.configuration = pool.configuration
        self.tokens: dict[str, str] = {}

    def _begin(self, name: str) -> dict[str, Any]:
        signing = {"USERNAME": name, "PASSWORD": PASSWORD}
        request = {"ClientId": CLIENT_ID, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": signing}
        return self.pool.answer("InitiateAuth", request)

    def fill(self, body: str) -> str:
        """Return a case with its placeholders filled in; restore what earlier cases have removed."""
        self.pool._core.configure(self.configuration)
        self.pool._core.clients[CLIENT_ID] = self.client
        for name, more in USERS.items():
            with suppress(PoolRefusal):
                self.pool.add_user(name, PASSWORD, **more)
        if ACCESS in body or REFRESH in body:
            try:
                self.pool.answer("GetUser", {"AccessToken": self.tokens.get("AccessToken", "")})
            except PoolRefusal:
                self.replace("ada")
                self.tokens = self._begin("ada")["AuthenticationResult"]
            body = body.replace(ACCESS, self.tokens["AccessToken"])
            body = body.replace(REFRESH, self.tokens["RefreshToken"])
        if SESSION in body:
            self.replace("sam")
            body = body.replace(SESSION, self._begin("sam")["Session"])
        return body

    def replace(self, name: str) -> None:
        """Replace a user by a new one."""
        core = self.pool._core
        core.users.remove(self.pool.user(name))
        self.pool.add_user(name, PASSWORD, **USERS[name])


# What a request that means something would have there, so that the fuzz gets past the doorstep.
KNOWN: dict[str, list[str]] = {
    "ClientIdType": [CLIENT_ID],
    "UserPoolIdType": [POOL_ID],
    "TokenModelType": [ACCESS, REFRESH],
    "SessionType": [SESSION],
    "UsernameType": ["ada", "new", "sam", "nobody"],
    "AuthFlowType": ["USER_SRP_AUTH", "USER_PASSWORD_AUTH", "CUSTOM_AUTH", "USER_AUTH", "REFRESH_TOKEN_AUTH",
                     "ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH", "REFRESH_TOKEN"],
    "ChallengeNameType": ["SMS_MFA", "PASSWORD_VERIFIER", "NEW_PASSWORD_REQUIRED", "MFA_SETUP", "DEVICE_SRP_AUTH",
                          "SELECT_CHALLENGE", "SELECT_MFA_TYPE", "EMAIL_OTP", "WEB_AUTHN", "CUSTOM_CHALLENGE",
                          "DEVICE_PASSWORD_VERIFIER", "SOFTWARE_TOKEN_MFA", "PASSWORD", "PASSWORD_SRP", "SMS_OTP"],
}  # fmt: skip
KEYS = ["USERNAME", "PASSWORD", "SRP_A", "SECRET_HASH", "DEVICE_KEY", "REFRESH_TOKEN", "CHALLENGE_NAME", "ANSWER",
        "SMS_MFA_CODE", "EMAIL_OTP_CODE", "SOFTWARE_TOKEN_MFA_CODE", "NEW_PASSWORD", "TIMESTAMP", "CREDENTIAL",
        "PASSWORD_CLAIM_SIGNATURE", "PASSWORD_CLAIM_SECRET_BLOCK", "PREFERRED_CHALLENGE", "TARGET_ACR_VALUES",
        "ACCESS_TOKEN", "MAX_AGE", "EMAIL", "SMS_OTP_CODE", "userAttributes.email", "userAttributes."]  # fmt: skip
# Surrogates, zeros, control characters, right-to-left marks: all that JSON can carry.
TEXT = st.text(st.characters(), max_size=40) | st.sampled_from(
    ["", "\ud800", "\x00", "0", "-1", "é" * 30, "A" * 5000, "{}", "[]", "null", "f" * 768, "f" * 2000, "../..",
     "Thu Jan 1 00:00:00 UTC 1970", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "=", "AAAA", "{0}", "%s", "{why}"]
)  # fmt: skip
VALUE = st.sampled_from(["ada", "sam", "new", PASSWORD, "SRP_A", "SMS_MFA"]) | TEXT
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def of_shape(name: str, depth: int = 0) -> st.SearchStrategy[Any]:
    """Draw values of a shape; some have another type."""
    strategy = _of_shape(name, MODEL["shapes"][name], depth)
    return st.sampled_from(range(40)).flatmap(lambda n: strategy if n or not depth else JUNK)


def _of_shape(name: str, shape: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - a kind each
    match shape["type"]:
        case "structure":
            members = {key: of_shape(each, depth + 1) for key, each in shape["members"].items()}
            required = {key: each for key, each in members.items() if key in shape["required"]}
            optional = {key: each for key, each in members.items() if key not in required}
            return st.fixed_dictionaries(required, optional=optional)
        case "list":
            return st.lists(of_shape(shape["member"], depth + 1), max_size=3)
        case "map":
            return st.dictionaries(st.sampled_from(KEYS) | TEXT, VALUE, max_size=7)
        case "integer" | "long":
            return st.integers(-5, 100)
        case "boolean":
            return st.booleans()
        case "document":
            return st.dictionaries(TEXT, JUNK, max_size=3)
        case _:
            return st.sampled_from(KNOWN[name]) if name in KNOWN else VALUE


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Draw an operation and a request for it."""
    operation = draw(st.sampled_from(sorted(OPERATIONS)))
    return operation, draw(of_shape(MODEL["operations"][operation]))


def send_and_check(pool: LocalPool, target: str, body: bytes) -> HttpReply:
    """Send one request, and check that the reply arrives in bounded time."""
    start = time.monotonic()
    answer = answer_http(pool.answer, target, body, "0" * 36, signed=True)
    assert time.monotonic() - start < 10
    return answer


def is_cognito_reply(answer: HttpReply) -> bool:
    """Return whether a reply or an error has Cognito's shape."""
    body = json.loads(answer.body)
    if answer.status == 200:
        return isinstance(body, dict)
    for value in answer.headers.values():
        value.encode("latin-1")
        assert "\n" not in value
    return (
        answer.status == 400
        and set(body) == {"__type", "message"}
        and answer.headers["x-amzn-ErrorType"] == f"{body['__type']}:"
    )


@CASES
@given(case=requests())
def test_malformed_requests(pool: LocalPool, fuzz_state: FuzzState, case: tuple[str, dict[str, Any]]) -> None:
    """Missing, wrong or ill-typed members of every operation get a reply or Cognito's error."""
    operation, request = case
    body = json.dumps(request)
    answer = send_and_check(pool, TARGET + operation, fuzz_state.fill(body).encode())

    assert is_cognito_reply(answer)
    if "AuthenticationResult" in json.loads(answer.body):
        assert PASSWORD in body or REFRESH in body


@settings(CASES, max_examples=400)
@given(body=st.binary(max_size=200) | JUNK.map(lambda value: json.dumps(value).encode()))
def test_any_body(pool: LocalPool, body: bytes) -> None:
    """Any bytes and any JSON get a reply."""
    for operation in ("InitiateAuth", "RespondToAuthChallenge", "AdminCreateUser"):
        answer = send_and_check(pool, TARGET + operation, body)
        assert (is_cognito_reply(answer), answer.status) == (True, 400)


@settings(CASES, max_examples=200)
@given(target=TEXT)
def test_any_target(pool: LocalPool, target: str) -> None:
    """Any target gets a reply."""
    for each in (target, TARGET + target):
        answer = send_and_check(pool, each, b"{}")
        assert (is_cognito_reply(answer), answer.status) == (True, 400)


@settings(CASES, max_examples=400)
@given(
    responses=st.dictionaries(st.sampled_from(KEYS), VALUE, max_size=8),
    challenge=st.sampled_from(KNOWN["ChallengeNameType"]) | TEXT,
)
def test_only_the_code_completes_a_sign_in(
    pool: LocalPool, fuzz_state: FuzzState, responses: dict[str, str], challenge: str
) -> None:
    """With a valid session of SMS_MFA, only the right code leads to tokens."""
    request = {
        "ClientId": CLIENT_ID,
        "ChallengeName": challenge,
        "Session": SESSION,
        "ChallengeResponses": {"USERNAME": "sam", **responses},
    }
    body = fuzz_state.fill(json.dumps(request)).encode()
    answer = send_and_check(pool, f"{TARGET}RespondToAuthChallenge", body)

    assert (is_cognito_reply(answer), answer.status) == (True, 400)


class TestRefusalsChangeNothing:
    """A request that is refused for its form changes no record."""

    @pytest.mark.parametrize("operation", sorted(OPERATIONS))
    def test_ill_typed(self, signing_key: RSAKey, operation: str) -> None:
        """No record changes when any one member has another type."""
        pool = LocalPool(pool_id=POOL_ID, client_id=CLIENT_ID, key=signing_key)
        pool.add_user("ada", PASSWORD)
        touched: list[Any] = []
        pool._core.watch(touched.append)
        shape = MODEL["shapes"][MODEL["operations"][operation]]
        filled = {name: KNOWN.get(member, ["x"])[0] for name, member in shape["members"].items()}
        for name in shape["members"]:
            request = json.dumps({**filled, name: [7] if name != "Limit" else "x"}).encode()
            answer = send_and_check(pool, TARGET + operation, request)
            assert json.loads(answer.body)["__type"] in {"SerializationException", "InvalidParameterException"}

        assert touched == []

    def test_long_names_are_not_stored(self, pool: LocalPool) -> None:
        """A username that is too long is not stored."""
        before = len(pool._core.sessions._by_session)
        parameters = {"USERNAME": "x" * 100_000, "SRP_A": srp.ephemeral(b"x" * 32).SRP_A}
        request = {"ClientId": CLIENT_ID, "AuthFlow": "USER_SRP_AUTH", "AuthParameters": parameters}
        answer = send_and_check(pool, f"{TARGET}InitiateAuth", json.dumps(request).encode())

        assert answer.status == 400
        assert len(pool._core.sessions._by_session) == before


class TestOverSocket:
    @pytest.fixture
    def web(self) -> Iterator[ThreadServer]:
        """A server."""
        with serve_in_thread(mfa="OPTIONAL", users=[{"username": "ada", "password": PASSWORD}]) as served:
            yield served

    def test_any_bytes(self, web: ThreadServer) -> None:
        """Hundreds of invalid bodies and targets on kept-alive connections do not harm the server."""
        connection = http.client.HTTPConnection(web.address, timeout=30)

        @settings(CASES, max_examples=300)
        @given(body=st.binary(max_size=2000), target=st.binary(max_size=60))
        def send(body: bytes, target: bytes) -> None:
            clean = bytes(each for each in target if each not in b"\r\n\x00")
            connection.request("POST", "/", body, {"X-Amz-Target": clean or b"-"})
            reply = connection.getresponse()
            reply.read()
            assert 400 <= reply.status < 500
            if reply.getheader("connection") == "close" or reply.will_close:
                connection.close()

        send()
        connection.close()

        assert web.password("ada")[0] == 200
        assert '"internal error"' not in web.log.getvalue()


@pytest.fixture(scope="module")
def socket_web() -> Iterator[ThreadServer]:
    """A server."""
    with serve_in_thread() as served:
        yield served


class TestHttp:
    """Random methods, paths, queries, headers and bodies."""

    def test_no_internal_error(self, signing_key: RSAKey) -> None:
        """2,000 requests drawn from a seed cause no internal error."""
        log = StringIO()
        service = fuzz_service(signing_key, log)
        statuses = fuzz(App(service), seed=20261128, number=2000)

        assert '"internal error"' not in log.getvalue()
        assert statuses[200] > 100
        assert {400, 403, 404, 405} <= set(statuses)

    @pytest.mark.parametrize("operation", ["InitiateAuth", "RespondToAuthChallenge", "AssociateSoftwareToken"])
    @pytest.mark.parametrize("value", [[], {}, 7, True, [[]], {"a": []}], ids=repr)
    def test_members_of_another_type(self, signing_key: RSAKey, operation: str, value: object) -> None:
        """Members of another type cause no internal error in the sign-in tracker either."""
        log = StringIO()
        service = fuzz_service(signing_key, log)
        shape = MODEL["shapes"][MODEL["operations"][operation]]
        right = {name: KNOWN.get(member, ["x"])[0] for name, member in shape["members"].items()}
        for name in shape["members"]:
            for request in ({**right, name: value}, {name: value}, dict.fromkeys(right, value)):
                answer = service.exchange(TARGET + operation, json.dumps(request).encode(), "AWS4")
                assert answer.status == 400
        assert '"internal error"' not in log.getvalue()

    @pytest.mark.parametrize(
        "path", ["/sign-ins/{}.svg", "/outbox?username={}", "/diagram.svg?theme={}", "/{}", "/events?{}"]
    )
    @pytest.mark.parametrize("value", ["9" * 6000, "%00", "%ff", "%ed%a0%80", "-1", "1.5", "%C2%B2", "../x", "1%0d%0aX:1"])  # fmt: skip
    def test_values_in_paths(self, socket_web: ThreadServer, path: str, value: str) -> None:
        """No value in a path or a query causes an internal error."""
        connection = http.client.HTTPConnection(socket_web.address, timeout=30)
        connection.putrequest("GET", path.format(value))
        connection.endheaders()
        reply = connection.getresponse()
        connection.close()

        assert reply.status in {200, 404}


def fuzz_service(key: RSAKey, log: StringIO) -> Service:
    """A service for fuzzing, without limits that would end it early."""
    pool = LocalPool(
        pool_id=POOL_ID, client_id=CLIENT_ID, key=key, mfa="OPTIONAL", per_user_quotas=False,
        device=DeviceConfiguration(), triggers=Triggers(define=_define_custom_challenge, create=_define_custom_challenge, verify=_define_custom_challenge),
    )  # fmt: skip
    for name, more in USERS.items():
        pool.add_user(name, PASSWORD, **more)
    return Service(pool, Log(log))
