"""A request with effects is sent once, whatever the client's retries; a lost reply raises an error."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from attrs import define, field
from botocore import UNSIGNED, xform_name
from botocore.config import Config
from botocore.exceptions import HTTPClientError
from botocore.retries import standard
from botocore.session import get_session as botocore_session
from joserfc.jwk import RSAKey

from authfsm import Code, Cognito, Flow, State
from authfsm.core.wire_requests import WRITERS, Request
from authfsm.drivers import totp
from authfsm.drivers.aio import AsyncCognito
from authfsm.drivers.transport import _RETRIED_CODE
from authfsm.local import LocalPool
from authfsm.local.api.aws_json import answer_http
from authfsm.protocol import responses as r
from authfsm.protocol.api_requests import OPERATION_REPETITION, RESPONSE_REPETITION
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import AuthfsmError, ConnectionLost, RefusedByService, RefusedForNow
from authfsm.protocol.responses import RESPONSES
from authfsm.traces import record

PASSWORD = "Correct-Horse-1"
MODES = ["legacy", "standard", "adaptive"]


@define
class Wire:
    """A pool behind HTTP that evaluates every request, and then loses or replaces replies on demand.

    Args:
        pool: the pool.
        url: its URL.
        received: the number of requests for each operation.
        spoil: the operations whose reply is lost: by "drop" (a closed connection), or an HTTP status.
    """

    pool: LocalPool
    url: str = ""
    received: Counter[str] = field(factory=Counter)
    spoil: dict[str, str | int] = field(factory=dict)

    def client(self, mode: str = "legacy", attempts: int | None = 4, **config: Any) -> Any:
        """A boto3 client with retries of botocore's."""
        retries: Any = {"mode": mode} if attempts is None else {"mode": mode, "total_max_attempts": attempts}
        return boto3.client(
            "cognito-idp",
            region_name="eu-west-1",
            endpoint_url=self.url,
            config=Config(signature_version=UNSIGNED, retries=retries, **config),
        )  # fmt: skip

    def cognito(self, client: Any) -> Cognito:
        """Return the driver with a client."""
        return Cognito(client, client_id=self.pool.client_id, pool_id=self.pool.pool_id)


@pytest.fixture
def wire(signing_key: RSAKey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A pool behind HTTP whose user receives a code by SMS."""
    monkeypatch.setattr("botocore.retryhandler.delay_exponential", lambda *_, **__: 0.01)
    monkeypatch.setattr(standard.ExponentialBackoff, "delay_amount", lambda *_, **__: 0.01)
    pool = LocalPool(mfa="OPTIONAL", mfa_methods=["SMS_MFA"], key=signing_key)
    pool.add_user("ada", PASSWORD, phone_number="+15555550143", mfa=["SMS_MFA"])
    pool.add_user("bob", PASSWORD, phone_number="+15555550144")
    with serve(Wire(pool)) as running:
        yield running


@contextmanager
def serve(wire: Wire) -> Iterator[Wire]:
    """Serve the pool."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Evaluate a request, then answer or not."""
            target = self.headers["X-Amz-Target"]
            operation = target.rpartition(".")[2]
            body = self.rfile.read(int(self.headers["Content-Length"]))
            wire.received[operation] += 1
            signed = "Authorization" in self.headers
            answered = answer_http(wire.pool.answer, target, body, wire.pool.request_id(), signed=signed)
            how = wire.spoil.get(operation)
            if how == "drop":
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, content = answered.status, answered.body
            if isinstance(how, int):
                code = "TooManyRequestsException" if how == 400 else "InternalErrorException"
                status, content = how, json.dumps({"__type": code, "message": "no"}).encode()
            self.send_response(status)
            for name, value in dict(answered.headers).items():
                if name.lower() != "content-length":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    wire.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield wire
    finally:
        server.shutdown()
        server.server_close()
        thread.join(30)


# ---- the table ---------------------------------------------------------------------------------------


def test_every_response_has_a_repetition_rule() -> None:
    """Each response has a rule and a reason, and its request has the flag."""
    assert set(RESPONSE_REPETITION) == set(RESPONSES.values()) == {kind for _, kind in WRITERS}
    assert all(each.why for each in (*RESPONSE_REPETITION.values(), *OPERATION_REPETITION.values()))
    assert {kind for kind, each in RESPONSE_REPETITION.items() if each.harmless} == {
        r.UserSrpAuth, r.UserAuthWithSrp, r.RefreshTokenAuth, r.RefreshToken, r.UpdateDeviceStatus,
        r.RevokeToken,
    }  # fmt: skip


def test_a_requests_method_is_botos() -> None:
    """Each operation's method name is botocore's."""
    model = botocore_session().get_service_model("cognito-idp")
    wrong = [name for name in model.operation_names if Request(name, {}).method != xform_name(name)]
    assert [name for name in wrong if name in OPERATION_REPETITION] == []
    assert wrong == []


def test_every_retry_of_botocore_is_known() -> None:
    """No code and no status of botocore's retry modes causes a second request."""
    throttled: Any = standard.ThrottledRetryableChecker
    transient: Any = standard.TransientRetryableChecker
    legacy = botocore_session().get_data("_retry")["definitions"]
    rows = [each["applies_when"].get("response", {}) for each in legacy.values()]
    codes = {row["service_error_code"] for row in rows if "service_error_code" in row}
    codes |= set(throttled._THROTTLED_ERROR_CODES)
    codes |= set(transient._TRANSIENT_ERROR_CODES)
    statuses = {row["http_status_code"] for row in rows if "service_error_code" not in row and row} | set(
        transient._TRANSIENT_STATUS_CODES
    )

    # The last is EC2's own.
    assert {each for each in codes if not _RETRIED_CODE.search(each)} <= {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
    }
    assert {each for each in statuses if each < 500} <= {400, 429}


# ---- lost replies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["drop", 500, 502, 503, 504, 429, 400])
@pytest.mark.parametrize("mode", MODES)
def test_an_answer_is_sent_once(wire: Wire, mode: str, how: str | int) -> None:
    """If the reply to an answer is lost, one request was sent, and the sign-in is unchanged."""
    flow = wire.cognito(wire.client(mode)).sign_in("ada", PASSWORD)
    wire.received.clear()
    wire.spoil["RespondToAuthChallenge"] = how

    with pytest.raises(AuthfsmError) as caught:
        flow.answer(Code(wire.pool.outbox.code_for("ada")))

    assert wire.received == {"RespondToAuthChallenge": 1}
    expected = {"drop": ConnectionLost, 400: RefusedForNow}.get(how, RefusedByService)
    assert isinstance(caught.value, expected)
    assert caught.value.action in {RecoveryAction.WAIT, RecoveryAction.TRY_AGAIN}
    assert caught.value.state is flow.state is State.SMS_MFA


class Wrapper:
    """A client whose methods are plain functions."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        """Return a method of the client as a function, or another attribute."""
        found = getattr(self._client, name)
        return found if name == "meta" else partial(found)


@pytest.mark.parametrize("wrap", [Wrapper, lambda client: Mock(wraps=client)], ids=["closures", "mock"])
def test_a_wrapped_client_sends_once(wire: Wire, wrap: Callable[[Any], Any]) -> None:
    """A wrapper that has the client's `meta.events` sends a request with effects once."""
    flow = wire.cognito(wrap(wire.client("standard"))).sign_in("ada", PASSWORD)
    wire.received.clear()
    wire.spoil["RespondToAuthChallenge"] = 500
    with pytest.raises(RefusedByService):
        flow.answer(Code("000000"))
    assert wire.received == {"RespondToAuthChallenge": 1}


def test_the_environment_does_not_matter(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_MAX_ATTEMPTS, AWS_RETRY_MODE and a client without configuration cause no retries."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    monkeypatch.setenv("AWS_RETRY_MODE", "standard")
    client = boto3.client(
        "cognito-idp", region_name="eu-west-1", endpoint_url=wire.url, config=Config(signature_version=UNSIGNED)
    )
    flow = wire.cognito(client).sign_in("ada", PASSWORD)
    wire.received.clear()
    wire.spoil["RespondToAuthChallenge"] = "drop"
    with pytest.raises(ConnectionLost):
        flow.answer(Code("000000"))
    assert wire.received == {"RespondToAuthChallenge": 1}


Given = Callable[[Wire, Flow], object]
ONCE: dict[str, tuple[str, Given]] = {
    "USER_PASSWORD_AUTH": (
        "InitiateAuth",
        lambda wire, flow: flow.cognito.sign_in("ada", "Wrong-1", flow="USER_PASSWORD_AUTH"),
    ),
    "CUSTOM_AUTH": (
        "InitiateAuth",
        lambda wire, flow: flow.cognito.sign_in("ada", flow="CUSTOM_AUTH"),
    ),
    "a refresh": ("GetTokensFromRefreshToken", lambda wire, flow: flow.refresh()),
    "signing out everywhere": ("GlobalSignOut", lambda wire, flow: flow.sign_out(everywhere=True)),
    "a new authenticator app": (
        "AssociateSoftwareToken",
        lambda wire, flow: totp.associate(
            flow.cognito.client, flow.tokens.access_token, issuer="Example"  # type: ignore[union-attr]  # signed in
        ),
    ),
    "its first code": (
        "VerifySoftwareToken",
        lambda wire, flow: totp.verify(
            flow.cognito.client, flow.tokens.access_token, "000000"  # type: ignore[union-attr]  # signed in
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ONCE)
def test_requests_with_effects_are_sent_once(wire: Wire, name: str) -> None:
    """First requests that count or send, refreshes and enrolments are sent once."""
    operation, give = ONCE[name]
    flow = wire.cognito(wire.client("standard")).sign_in("bob", PASSWORD)
    wire.received.clear()
    wire.spoil[operation] = "drop"
    with pytest.raises(ConnectionLost) as caught:
        give(wire, flow)
    assert caught.value.action is RecoveryAction.WAIT
    assert wire.received[operation] == 1


@pytest.mark.parametrize("mode", MODES)
def test_harmless_requests_are_repeated(wire: Wire, mode: str) -> None:
    """SRP_A and RevokeToken are repeated as the client's configuration says."""
    cognito = wire.cognito(wire.client(mode, attempts=3))
    flow = cognito.sign_in("bob", PASSWORD)
    wire.received.clear()
    wire.spoil |= {"InitiateAuth": "drop", "RevokeToken": 503}
    with pytest.raises(ConnectionLost):
        cognito.sign_in("bob", PASSWORD)
    with pytest.raises(RefusedByService):
        flow.sign_out()
    assert wire.received == {"InitiateAuth": 3, "RevokeToken": 3}


def test_the_clients_other_calls_are_its_own(wire: Wire) -> None:
    """The application's own calls on the same client are retried as before."""
    client = wire.client("standard", attempts=3)
    flow = wire.cognito(client).sign_in("bob", PASSWORD)
    assert flow.tokens is not None
    token = flow.tokens.access_token.reveal()
    wire.received.clear()
    wire.spoil |= {"RespondToAuthChallenge": "drop", "GetUser": "drop"}

    def asks(**_: Any) -> None:
        with pytest.raises(HTTPClientError):
            client.get_user(AccessToken=token)

    client.meta.events.register("before-call.*.GetTokensFromRefreshToken", asks)
    flow.refresh()
    assert wire.received["GetUser"] == 3
    with pytest.raises(HTTPClientError):
        client.respond_to_auth_challenge(ClientId=wire.pool.client_id, ChallengeName="SMS_MFA", Session="x" * 20)
    assert wire.received["RespondToAuthChallenge"] == 3
    assert client.meta.config.retries == {"mode": "standard", "total_max_attempts": 3}


def test_unsent_requests_may_be_repeated() -> None:
    """If nothing listens, botocore may retry, and the error is a ConnectionLost."""
    client = boto3.client(
        "cognito-idp",
        region_name="eu-west-1",
        endpoint_url="http://127.0.0.1:9",
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 2}),
    )
    attempts: list[str] = []
    client.meta.events.register("before-send.*", lambda **_: attempts.append("sent"))
    flow = Cognito(client, client_id="c", pool_id="eu-west-1_AbCdEfGhI").start(walk=False)
    with pytest.raises(ConnectionLost):
        flow.carry(r.UserPasswordAuth, "ada", PASSWORD)
    assert attempts == ["sent", "sent"]


def test_the_rules_apply_to_the_async_drivers(wire: Wire) -> None:
    """The rules apply over aiobotocore and in threads, also for two sign-ins at once."""

    async def lost(cognito: AsyncCognito) -> type[Exception]:
        flow = await cognito.sign_in("ada", PASSWORD)
        wire.spoil["RespondToAuthChallenge"] = "drop"
        try:
            await flow.answer(Code("000000"))
        except AuthfsmError as error:
            return type(error)
        finally:
            del wire.spoil["RespondToAuthChallenge"]
        return AssertionError

    async def conversation() -> list[Any]:
        arguments: Any = {"client_id": wire.pool.client_id, "pool_id": wire.pool.pool_id}
        results: list[Any] = []
        for mode in MODES:
            config = AioConfig(signature_version=UNSIGNED, retries={"mode": mode, "total_max_attempts": 4})
            async with get_session().create_client(
                "cognito-idp", region_name="eu-west-1", endpoint_url=wire.url, config=config
            ) as client:
                wire.received.clear()
                results.append(await lost(AsyncCognito(client, **arguments)))
                results.append(wire.received["RespondToAuthChallenge"])
        wire.received.clear()
        results.append(await lost(AsyncCognito(wire.client("standard"), **arguments)))
        results.append(wire.received["RespondToAuthChallenge"])
        return results

    # Each sign-in answers PASSWORD_VERIFIER first, and then the code once.
    assert asyncio.run(conversation()) == [ConnectionLost, 2] * 4


def test_a_recording_has_a_refusal_that_is_not_retried(wire: Wire, tmp_path: Any) -> None:
    """Throttling is recorded as a refusal, not as a lost reply."""
    client = wire.client("standard")
    with record(client, tmp_path / "steps.jsonl"):
        flow = wire.cognito(client).sign_in("ada", PASSWORD)
        wire.spoil["RespondToAuthChallenge"] = 400
        with pytest.raises(RefusedForNow):
            flow.answer(Code("000000"))
    last = json.loads((tmp_path / "steps.jsonl").read_text().splitlines()[-1])
    assert "lost" not in last
    assert "TooManyRequestsException" in json.dumps(last)
