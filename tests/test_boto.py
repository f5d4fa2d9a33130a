"""The driver with the pool: a real boto3 client and real proofs, without a network."""

# A test looks at one state again and again: mypy believes that it cannot have changed.
# mypy: disable-error-code="comparison-overlap"

from __future__ import annotations

import asyncio
import json
import pickle
import ssl
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from types import FunctionType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import attrs
import boto3
import pyotp
import pytest
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, ParamValidationError
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import RSAKey

from authfsm.base.clock import utc_now
from authfsm.base.secret import Secret, secret
from authfsm.core.device import Device
from authfsm.core.encryption import new_key
from authfsm.core.machine import build
from authfsm.core.wire_requests import Request
from authfsm.drivers import totp
from authfsm.drivers.aio import AsyncCognito
from authfsm.drivers.boto import Cognito, Flow
from authfsm.drivers.transport import _translate, send_request
from authfsm.local import DeviceConfiguration, LocalPool, ManualClock, Triggers
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import (
    BadField,
    CallerError,
    ConnectionLost,
    InvalidInput,
    InvalidOperation,
    MalformedReply,
    NotSent,
    Refused,
    RefusedByConfiguration,
    RefusedCaller,
    RefusedForNow,
    RefusedUser,
    ServiceError,
    WrongResponse,
)
from authfsm.protocol.replies import EmailOtp, MfaSetup, NewPasswordRequired, SelectMfaType, SmsMfa
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL, Role

PASSWORD = "Correct-Horse-1"
PHONE = "+15555550143"
EMAIL = "ada@example.com"
ONE_TRY = Config(retries={"total_max_attempts": 1})  # botocore waits between tries


@pytest.fixture
def pool_of(signing_key: RSAKey) -> Callable[..., LocalPool]:
    """Return a function that creates a pool with the user ada and a clock that stands still."""

    def make(**settings: Any) -> LocalPool:
        user = settings.pop("user", {})
        clock = settings.pop("clock", None) or ManualClock()
        pool = LocalPool(clock=clock, key=signing_key, **settings)
        pool.add_user("ada", password=PASSWORD, **user)
        return pool

    return make


PoolOf = Callable[..., LocalPool]


def path_of(flow: Flow) -> list[str]:
    """Return the path of a sign-in: each trigger, and the state to which it led."""
    return [f"{step.response.trigger} -> {step.dest}" for step in flow.history]


def test_srp_sign_in_needs_no_further_input(pool_of: PoolOf) -> None:
    """USER_SRP_AUTH and its proof need no user input: sign_in() returns with tokens."""
    flow = pool_of().cognito().sign_in("ada", PASSWORD)

    assert flow.done
    assert path_of(flow) == ["user_srp_auth -> PASSWORD_VERIFIER", "srp_claim -> AUTHENTICATED"]
    assert flow.tokens is not None
    assert flow.tokens.access_token.reveal().count(".") == 2


@pytest.mark.parametrize(
    "flow_name", ["USER_SRP_AUTH", "USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"]
)
@pytest.mark.parametrize("client_secret", [False, True])
def test_every_password_flow(pool_of: PoolOf, flow_name: str, client_secret: bool) -> None:  # noqa: FBT001 - a test's case
    """Each flow with a password ends in tokens, with an app client's secret and without."""
    pool = pool_of(
        client_secret=client_secret, mfa="OPTIONAL", user={"phone_number": PHONE, "preferred_mfa": "SMS_MFA"}
    )

    flow = pool.cognito().sign_in("ada", PASSWORD, flow=flow_name)
    assert flow.state is State.SMS_MFA
    flow.answer(r.Code(pool.outbox.code_for("ada")))

    assert flow.state is State.AUTHENTICATED


def test_a_wrong_password_is_the_users_fault(pool_of: PoolOf) -> None:
    """A wrong password, by SRP or in clear, is a RefusedUser with the action START_AGAIN."""
    for flow_name in ("USER_SRP_AUTH", "USER_PASSWORD_AUTH"):
        with pytest.raises(RefusedUser) as caught:
            pool_of().cognito().sign_in("ada", "Wrong-Horse-1", flow=flow_name)

        error = caught.value
        assert (error.action, error.state, error.survives) == (RecoveryAction.START_AGAIN, State.FAILED, False)
        assert error.refusal.code == "NotAuthorizedException"
        assert error.for_person() == "The user name or the password is wrong."


def test_step_by_step(pool_of: PoolOf) -> None:
    """With walk=False each step is taken by a separate call, and its response can be inspected before."""
    flow = pool_of().cognito().sign_in("ada", PASSWORD, walk=False)
    assert flow.state is State.PASSWORD_VERIFIER
    assert isinstance(flow.next_response(), r.SrpClaim)

    assert flow.step() is State.AUTHENTICATED
    with pytest.raises(InvalidOperation):
        flow.step()


def test_a_wrong_code_then_the_right_one(pool_of: PoolOf) -> None:
    """After a wrong code another one can be sent on the same session."""
    pool = pool_of(mfa="ON", mfa_methods=["SMS_MFA"], user={"phone_number": PHONE})
    flow = pool.cognito().sign_in("ada", PASSWORD)
    assert isinstance(flow.challenge, SmsMfa)
    assert flow.challenge.destination is not None
    assert PHONE not in flow.challenge.destination
    right = pool.outbox.code_for("ada")

    with pytest.raises(RefusedUser) as caught:
        flow.answer(r.Code(f"{(int(right) + 1) % 10**6:06d}"))
    assert caught.value.survives
    assert caught.value.action is RecoveryAction.TRY_AGAIN
    flow.answer(r.Code(right))

    assert [step.error for step in flow.history] == [None, None, "CodeMismatchException", None]
    assert flow.state is State.AUTHENTICATED


def test_totp_is_enrolled_during_sign_in_and_required_at_the_next(pool_of: PoolOf) -> None:
    """MFA_SETUP with an authenticator app; the next sign-in asks for its code, and accepts each code once."""
    clock = ManualClock()
    pool = pool_of(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"], clock=clock)
    flow = pool.cognito().sign_in("ada", PASSWORD)
    flow.answer(r.AssociateSoftwareToken())
    assert isinstance(flow.challenge, MfaSetup)
    assert flow.challenge.secret_code is not None
    app = pyotp.TOTP(flow.challenge.secret_code.reveal())
    used = app.at(clock())
    flow.answer(r.VerifySoftwareToken(used, "phone"))
    assert flow.answer(r.CompleteMfaSetup()) is State.AUTHENTICATED

    flow = pool.cognito().sign_in("ada", PASSWORD)
    assert (flow.state, flow.signin.role) == (State.SOFTWARE_TOKEN_MFA, Role.SECOND_FACTOR)
    with pytest.raises(RefusedUser) as caught:
        flow.answer(r.Code(used))
    assert (caught.value.refusal.code, caught.value.action) == ("ExpiredCodeException", RecoveryAction.TRY_AGAIN)
    clock.advance(30)
    assert flow.answer(r.Code(app.at(clock()))) is State.AUTHENTICATED


def test_email_is_enrolled_during_sign_in(pool_of: PoolOf) -> None:
    """MFA_SETUP with an e-mail address asks for the code sent there, as a second factor."""
    pool = pool_of(mfa="ON", mfa_methods=["EMAIL_OTP", "SOFTWARE_TOKEN_MFA"])
    flow = pool.cognito().sign_in("ada", PASSWORD)
    assert flow.state is State.MFA_SETUP

    flow.answer(r.SetUpEmail(EMAIL))
    assert isinstance(flow.challenge, EmailOtp)
    assert flow.signin.role is Role.SECOND_FACTOR
    flow.answer(r.Code(pool.outbox.code_for("ada")))

    assert flow.state is State.AUTHENTICATED


def test_a_second_factor_is_chosen(pool_of: PoolOf) -> None:
    """SELECT_MFA_TYPE offers the user's factors; the choice leads to the chosen factor."""
    pool = pool_of(
        mfa="ON",
        user={"phone_number": PHONE, "totp_secret": pyotp.random_base32(), "mfa": ["SMS_MFA", "SOFTWARE_TOKEN_MFA"]},
    )
    flow = pool.cognito().sign_in("ada", PASSWORD)
    assert isinstance(flow.challenge, SelectMfaType)
    assert set(flow.challenge.choices) == {"SMS_MFA", "SOFTWARE_TOKEN_MFA"}

    flow.answer(r.Select("SMS_MFA"))
    flow.answer(r.Code(pool.outbox.code_for("ada")))

    assert path_of(flow)[2:] == ["select -> SMS_MFA", "code -> AUTHENTICATED"]


def test_a_new_password_comes_before_the_second_factor(pool_of: PoolOf) -> None:
    """NEW_PASSWORD_REQUIRED, then the code; a weak password can be replaced by a better one."""
    pool = pool_of(
        mfa="ON", mfa_methods=["SMS_MFA"], required_attributes=["name"],
        user={"phone_number": PHONE, "temporary": True},
    )  # fmt: skip
    flow = pool.cognito().sign_in("ada", PASSWORD)
    assert isinstance(flow.challenge, NewPasswordRequired)
    assert flow.challenge.required_attributes == ("name",)

    with pytest.raises(RefusedUser, match="InvalidPasswordException"):
        flow.answer(r.NewPassword("weak", {"name": "Ada"}))
    with pytest.raises(RefusedUser, match="Invalid attributes given"):
        flow.answer(r.NewPassword("Another-Horse-2"))
    flow.answer(r.NewPassword("Another-Horse-2", {"name": "Ada"}))
    assert flow.state is State.SMS_MFA
    flow.answer(r.Code(pool.outbox.code_for("ada")))

    assert pool.cognito().sign_in("ada", "Another-Horse-2").state is State.SMS_MFA


@pytest.mark.parametrize("instead", [True, False])
def test_a_device_replaces_the_code_or_follows_it(pool_of: PoolOf, instead: bool) -> None:  # noqa: FBT001 - a test's case
    """A remembered device is proved instead of MFA or after it, depending on the pool's setting."""
    pool = pool_of(
        mfa="ON",
        mfa_methods=["SMS_MFA"],
        device=DeviceConfiguration(challenge_required_on_new_device=instead),
        user={"phone_number": PHONE},
    )
    first = pool.cognito().sign_in("ada", PASSWORD)
    first.answer(r.Code(pool.outbox.code_for("ada")))
    device = first.confirm_device("laptop")

    flow = pool.cognito().sign_in("ada", PASSWORD, device=device)
    proof = ["srp_a -> DEVICE_PASSWORD_VERIFIER", "srp_claim -> AUTHENTICATED"]
    if instead:
        assert path_of(flow)[1:] == ["srp_claim -> DEVICE_SRP_AUTH", *proof]
    else:
        assert flow.state is State.SMS_MFA
        flow.answer(r.Code(pool.outbox.code_for("ada")))
        assert path_of(flow)[2:] == ["code -> DEVICE_SRP_AUTH", *proof]
    assert flow.state is State.AUTHENTICATED


def test_a_device_without_any_mfa(pool_of: PoolOf) -> None:
    """With MFA off a remembered device is proved at every sign-in; the user confirms it if the pool requires that."""
    pool = pool_of(device=DeviceConfiguration(device_only_remembered_on_user_prompt=True))
    device = pool.cognito().sign_in("ada", PASSWORD).confirm_device()

    flow = pool.cognito(device=device).sign_in("ada", PASSWORD)

    assert path_of(flow)[1] == "srp_claim -> DEVICE_SRP_AUTH"
    assert flow.state is State.AUTHENTICATED
    assert flow.tokens is not None
    assert flow.tokens.refresh_token is not None
    again = pool.cognito(device=device).refresh(flow.tokens.refresh_token)
    assert again.access_token != flow.tokens.access_token
    with pytest.raises(RefusedForNow, match="Invalid Refresh Token"):
        pool.cognito().refresh(flow.tokens.refresh_token)


def test_a_wrong_device_password_is_refused(pool_of: PoolOf) -> None:
    """The device's proof is verified."""
    pool = pool_of(device=DeviceConfiguration())
    device = pool.cognito().sign_in("ada", PASSWORD).confirm_device()
    forged = Device(device.device_key, device.device_group_key, "not the device's password")

    with pytest.raises(RefusedUser, match="Incorrect username or password") as caught:
        pool.cognito(device=forged).sign_in("ada", PASSWORD)
    assert caught.value.for_person() == "The sign-in has failed. Start again."


def test_a_forgotten_device_does_not_end_the_sign_in(pool_of: PoolOf) -> None:
    """Cognito has forgotten the device: the same proof is sent again without it, and the sign-in continues."""
    pool = pool_of(device=DeviceConfiguration())
    stranger = Device(f"{pool.region}_00000000-0000-4000-8000-000000000000", "-group", "a device password")

    for flow_name, path in (
        (
            "USER_SRP_AUTH",
            ["user_srp_auth -> PASSWORD_VERIFIER", "srp_claim -> PASSWORD_VERIFIER", "srp_claim -> AUTHENTICATED"],
        ),
        ("USER_PASSWORD_AUTH", ["user_password_auth -> START", "user_password_auth -> AUTHENTICATED"]),
    ):
        flow = pool.cognito(device=stranger).sign_in("ada", PASSWORD, flow=flow_name)

        assert path_of(flow) == path
        assert flow.history[-2].action is RecoveryAction.DROP_DEVICE
        assert flow.device is None


def custom_auth_triggers(*, tries: int = 3) -> Triggers:
    """Lambda functions whose custom challenge has the answer "age"."""

    def define(event: dict[str, Any]) -> dict[str, Any]:
        answered = [each for each in event["request"]["session"] if each["challengeName"] == "CUSTOM_CHALLENGE"]
        event["response"]["issueTokens"] = bool(answered) and answered[-1]["challengeResult"]
        event["response"]["failAuthentication"] = not event["response"]["issueTokens"] and len(answered) >= tries
        event["response"]["challengeName"] = "CUSTOM_CHALLENGE"
        last = event["request"]["session"][-1:]
        if last and last[0]["challengeName"] == "SRP_A":
            event["response"]["challengeName"] = "PASSWORD_VERIFIER"
        return event

    def create(event: dict[str, Any]) -> dict[str, Any]:
        event["response"]["publicChallengeParameters"] = {"riddle": "Up, but never down?"}
        event["response"]["privateChallengeParameters"] = {"answer": "age"}
        return event

    def verify(event: dict[str, Any]) -> dict[str, Any]:
        event["response"]["answerCorrect"] = event["request"]["challengeAnswer"] == "age"
        return event

    return Triggers(define=define, create=create, verify=verify)


def test_a_custom_challenge_with_and_without_srp_first(pool_of: PoolOf) -> None:
    """CUSTOM_AUTH: a wrong answer brings a new challenge and no error; with a password SRP comes first."""
    cognito = pool_of(triggers=custom_auth_triggers()).cognito()

    flow = cognito.sign_in("ada", flow="CUSTOM_AUTH")
    assert flow.challenge is not None
    assert flow.challenge.parameters["riddle"] == "Up, but never down?"
    old = flow.signin.session
    assert flow.answer(r.Answer("a balloon")) is State.CUSTOM_CHALLENGE
    assert flow.signin.session != old
    assert flow.answer(r.Answer("age")) is State.AUTHENTICATED

    flow = cognito.sign_in("ada", PASSWORD, flow="CUSTOM_AUTH")
    flow.answer(r.Answer("age"))
    assert path_of(flow) == [
        "custom_srp_auth -> PASSWORD_VERIFIER",
        "srp_claim -> CUSTOM_CHALLENGE",
        "answer -> AUTHENTICATED",
    ]


def test_a_custom_challenge_ends_when_the_lambda_fails_it(pool_of: PoolOf) -> None:
    """FailAuthentication ends the attempt."""
    flow = pool_of(triggers=custom_auth_triggers(tries=1)).cognito().sign_in("ada", flow="CUSTOM_AUTH")

    with pytest.raises(RefusedUser) as caught:
        flow.answer(r.Answer("a balloon"))

    assert (caught.value.state, flow.state, flow.accepts) == (State.FAILED, State.FAILED, ())
    assert caught.value.refusal.message == "Incorrect username or password."
    assert caught.value.for_person() == "The sign-in has failed. Start again."


def test_a_lambda_may_name_any_challenge(pool_of: PoolOf) -> None:
    """A challenge name that only the Lambda function knows becomes OTHER_CHALLENGE, answered raw."""
    names = iter(["PLEASE_WAIT", "CUSTOM_CHALLENGE"])
    triggers = custom_auth_triggers()

    def define(event: dict[str, Any]) -> dict[str, Any]:
        event["response"].update(challengeName=next(names), issueTokens=False, failAuthentication=False)
        return event

    cognito = pool_of(triggers=Triggers(define=define, create=triggers.create, verify=triggers.verify)).cognito()
    flow = cognito.sign_in("ada", flow="CUSTOM_AUTH")

    assert flow.state is State.OTHER_CHALLENGE
    assert flow.challenge is not None
    assert flow.challenge.name == "PLEASE_WAIT"
    assert flow.accepts == (r.RawAnswer,)


def test_a_raw_answer_is_repeated_without_a_forgotten_device(pool_of: PoolOf) -> None:
    """If Cognito does not know the DEVICE_KEY among the fields of a RawAnswer, the second request has none."""
    triggers = custom_auth_triggers()

    def define(event: dict[str, Any]) -> dict[str, Any]:
        event["response"].update(challengeName="PLEASE_WAIT", issueTokens=False, failAuthentication=False)
        return event

    cognito = pool_of(triggers=Triggers(define=define, create=triggers.create, verify=triggers.verify)).cognito()
    flow = cognito.sign_in("ada", flow="CUSTOM_AUTH")
    sent: list[dict[str, str]] = []

    def forgotten(params: dict[str, Any], **_: Any) -> Any:
        sent.append(json.loads(params["body"])["ChallengeResponses"])
        error = {"Code": "ResourceNotFoundException", "Message": "Device does not exist."}
        return SimpleNamespace(status_code=400, headers={}), {"Error": error, "ResponseMetadata": {}}

    event = "before-call.cognito-identity-provider.RespondToAuthChallenge"
    cognito.client.meta.events.register_first(event, forgotten)
    with pytest.raises(Refused) as caught:
        flow.answer(r.RawAnswer({"ANSWER": "now", "DEVICE_KEY": "eu-west-1_device"}))

    assert caught.value.action is RecoveryAction.DROP_DEVICE
    assert sent == [
        {"ANSWER": "now", "DEVICE_KEY": "eu-west-1_device", "USERNAME": "ada"},
        {"ANSWER": "now", "USERNAME": "ada"},
    ]


def test_an_expired_session_is_nobodys_fault(pool_of: PoolOf) -> None:
    """After AuthSessionValidity the answer is refused with Fault.TIME and START_AGAIN."""
    clock = ManualClock()
    pool = pool_of(mfa="ON", mfa_methods=["SMS_MFA"], user={"phone_number": PHONE}, clock=clock)
    flow = pool.cognito().sign_in("ada", PASSWORD)
    code = pool.outbox.code_for("ada")
    clock.advance(3 * 60 + 1)

    with pytest.raises(RefusedForNow, match="session is expired") as caught:
        flow.answer(r.Code(code))

    assert (caught.value.action, flow.state) == (RecoveryAction.START_AGAIN, State.FAILED)


def test_a_lockout_differs_from_a_wrong_password(pool_of: PoolOf) -> None:
    """After five failures the same error code has another action."""
    pool = pool_of()
    for _ in range(5):
        with pytest.raises(RefusedUser):
            pool.cognito().sign_in("ada", "Wrong-Horse-1")

    with pytest.raises(RefusedForNow) as caught:
        pool.cognito().sign_in("ada", PASSWORD)

    assert caught.value.action is RecoveryAction.WAIT_OUT


def test_a_flow_that_is_not_enabled_is_the_operators_fault(pool_of: PoolOf) -> None:
    """USER_PASSWORD_AUTH on a client that does not allow it: FIX_CONFIGURATION."""
    cognito = pool_of(explicit_auth_flows=["ALLOW_USER_SRP_AUTH"]).cognito()

    with pytest.raises(RefusedByConfiguration) as caught:
        cognito.sign_in("ada", PASSWORD, flow="USER_PASSWORD_AUTH")

    assert caught.value.action is RecoveryAction.FIX_CONFIGURATION


def test_a_missing_client_secret_is_the_callers_fault(pool_of: PoolOf) -> None:
    """A request without the client's secret: FIX_CONFIGURATION."""
    with pytest.raises(RefusedCaller, match="SECRET_HASH"):
        pool_of(client_secret=True).cognito(client_secret=None).sign_in("ada", PASSWORD)


def rotate(pool: LocalPool, client_secret: str) -> None:
    """Give the pool's app client a new secret."""
    client_id = pool.client_id
    del pool._core.clients[client_id]
    pool.add_client(client_id=client_id, client_secret=client_secret)


def test_a_rotated_client_secret(pool_of: PoolOf) -> None:
    """A function as client_secret is called before each request, also of a sign-in that was sealed."""
    pool = pool_of(mfa="ON", mfa_methods=["EMAIL_OTP"], user={"email": EMAIL}, client_secret="one")
    current: list[Any] = ["one"]
    calls: list[Any] = []

    def client_secret() -> Any:
        calls.append(current[0])
        return current[0]

    cognito, key = pool.cognito(client_secret=client_secret), new_key()
    flow = cognito.sign_in("ada", PASSWORD)
    assert calls == ["one"] * len(flow.history)
    for new in ("two", Secret("three")):
        rotate(pool, secret(new).reveal())
        current[0] = new
        sealed = flow.seal(key)
        flow = cognito.resume(sealed, key)
        with pytest.raises(RefusedUser):
            flow.answer(r.Code("000000"))
    flow.answer(r.Code(pool.outbox.code_for("ada")))
    rotate(pool, "four" * 6)
    current[0] = "four" * 6
    assert flow.refresh().access_token
    flow.sign_out()

    assert calls[-2:] == ["four" * 6] * 2
    assert "four" not in repr(flow.signin) + repr(vars(flow))


def package_locals(error: BaseException) -> str:
    """Return the local variables of the package's frames in an error's traceback."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return repr([each.f_locals for each in frames if each.f_globals["__name__"].startswith("authfsm")])


@pytest.mark.parametrize("typed", ["planted-918273", b"planted-918273", {"code": "planted-918273"}])
def test_a_plain_answer_is_in_no_frame(pool_of: PoolOf, typed: Any) -> None:
    """A code that is passed without `Code` is a WrongResponse that names its type, and no frame shows it."""
    pool = pool_of(mfa="ON", mfa_methods=["SMS_MFA"], user={"phone_number": PHONE})
    flow = pool.cognito().sign_in("ada", PASSWORD)
    asynchronous = AsyncCognito(pool.client(), client_id=pool.client_id, pool_id=pool.pool_id)

    async def answer() -> None:
        await (await asynchronous.sign_in("ada", PASSWORD)).answer(typed)

    calls: list[Callable[[], Any]] = [
        lambda: flow.answer(typed),
        lambda: flow.signin.send(typed),
        lambda: asyncio.run(answer()),
    ]
    for call in calls:
        with pytest.raises(WrongResponse, match=f"SMS_MFA does not accept {type(typed).__name__};") as caught:
            call()
        assert "planted" not in package_locals(caught.value)


def test_a_client_secret_that_is_not_found(pool_of: PoolOf) -> None:
    """Nothing is sent if the function raises or returns no secret, and the answer can be given again."""
    pool = pool_of(client_secret="one")
    secrets: list[Any] = [None]

    def client_secret() -> Any:
        return secrets[0] if secrets else secrets[1]

    cognito = pool.cognito(client_secret=client_secret)
    for value in (None, "", 7, Secret(""), b"planted", {"SecretString": "planted"}, Secret(b"planted")):
        secrets[0] = value
        with pytest.raises(NotSent, match="returned no secret: it must ") as caught:
            cognito.sign_in("ada", PASSWORD)
        assert "planted" not in package_locals(caught.value)
    secrets.clear()
    with pytest.raises(NotSent, match="client_secret raised IndexError") as caught:
        cognito.sign_in("ada", PASSWORD)
    flow: Any = caught.value.flow
    assert flow.state is State.START
    assert isinstance(caught.value.__cause__, IndexError)
    secrets.append("one")
    flow.begin("USER_SRP_AUTH", "ada")
    assert flow.done

    async def awaited() -> str:
        return "one"

    with pytest.raises(TypeError, match="AsyncCognito"):
        pool.cognito(client_secret=awaited)


def test_sign_in_by_alias(pool_of: PoolOf) -> None:
    """With an alias the proof is computed with the real name, and later requests contain the real name."""
    for settings in ({"aliases": ["email"]}, {"aliases": ["email"], "client_secret": True}):
        pool = pool_of(mfa="ON", mfa_methods=["EMAIL_OTP"], user={"email": EMAIL}, **settings)
        flow = pool.cognito().sign_in(EMAIL, PASSWORD)
        assert flow.signin.username == "ada"
        flow.answer(r.Code(pool.outbox.code_for("ada")))

        assert flow.state is State.AUTHENTICATED


def test_refresh_and_sign_out(pool_of: PoolOf) -> None:
    """Tokens are refreshed by both operations, and revoked by both ways of signing out."""
    cognito = pool_of(client_secret=True).cognito()
    for leave in (r.RevokeToken(), r.GlobalSignOut()):
        flow = cognito.sign_in("ada", PASSWORD)
        assert flow.tokens is not None
        token = flow.tokens.refresh_token
        assert token is not None
        for refresh in (r.RefreshTokenAuth(), r.RefreshToken(), r.GetTokensFromRefreshToken()):
            before = flow.tokens.access_token
            flow.answer(refresh)
            assert flow.tokens.access_token != before
            assert flow.tokens.refresh_token == token

        assert flow.answer(leave) is State.START
        assert flow.tokens is None
        with pytest.raises(RefusedForNow):
            cognito.refresh(token)


def test_the_machine_with_a_driver(pool_of: PoolOf) -> None:
    """build(driver=flow.carry): the triggers of an ordinary transitions machine send the responses."""
    pool = pool_of(mfa="ON", mfa_methods=["SMS_MFA"], user={"phone_number": PHONE})
    flow = pool.cognito().start(walk=False)
    machine: Any = build(driver=flow.carry)

    machine.user_srp_auth("ada", PASSWORD)
    machine.srp_claim()
    assert machine.may_code() is True
    assert machine.state is flow.state is State.SMS_MFA
    with pytest.raises(RefusedUser):
        machine.code(f"{(int(pool.outbox.code_for('ada')) + 1) % 10**6:06d}")
    assert machine.state is flow.state is State.SMS_MFA
    machine.code(pool.outbox.code_for("ada"))

    assert machine.state is flow.state is State.AUTHENTICATED


def test_a_response_that_is_not_accepted_is_never_sent(pool_of: PoolOf) -> None:
    """WrongResponse and InvalidInput are raised before any request."""
    pool = pool_of(mfa="ON", mfa_methods=["SMS_MFA"], user={"phone_number": PHONE})
    client = pool.client()
    requests: list[Any] = []
    client.meta.events.register("before-call.*", lambda **named: requests.append(named["model"].name))
    flow = Cognito(client, client_id=pool.client_id, pool_id=pool.pool_id, clock=pool.clock).sign_in("ada", PASSWORD)
    requests.clear()

    with pytest.raises(WrongResponse) as caught:
        flow.answer(r.NewPassword("Another-Horse-2"))
    with pytest.raises(InvalidInput):
        flow.answer(r.Code(""))

    assert caught.value.accepts == flow.accepts == (r.Code,)
    assert requests == []


def test_a_lost_connection_leaves_the_sign_in_usable(pool_of: PoolOf) -> None:
    """No reply: ConnectionLost with the action WAIT, and the same answer succeeds later."""
    pool = pool_of(mfa="ON", mfa_methods=["SMS_MFA"], user={"phone_number": PHONE})
    client = pool.client(ONE_TRY)
    flow = Cognito(client, client_id=pool.client_id, pool_id=pool.pool_id, clock=pool.clock).sign_in("ada", PASSWORD)
    code = r.Code(pool.outbox.code_for("ada"))

    def lost(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    client.meta.events.register_first("before-send.*", lost)
    with pytest.raises(ConnectionLost) as caught:
        flow.answer(code)
    assert (caught.value.state, caught.value.action, flow.state) == (State.SMS_MFA, RecoveryAction.WAIT, State.SMS_MFA)
    client.meta.events.unregister("before-send.*", lost)

    assert flow.answer(code) is State.AUTHENTICATED


def _missing_file(**_: Any) -> None:
    Path("/nonexistent/token").read_bytes()


def _bug(**_: Any) -> None:
    raise AttributeError("bug")


_bug_of_this_package = FunctionType(_bug.__code__, {**globals(), "__name__": "authfsm.local.example"})


def _bad_text(**_: Any) -> None:
    b"\xff".decode()


@pytest.mark.parametrize(
    ("event", "handler", "error"),
    [
        ("provide-client-params.*", _missing_file, NotSent), ("request-created.*", _missing_file, NotSent),
        ("before-sign.*", _missing_file, NotSent), ("before-call.*", _missing_file, ConnectionLost),
        ("after-call.*", _missing_file, ConnectionLost), ("before-parameter-build.*", _bug, AttributeError),
        ("before-call.*", _bug, AttributeError), ("after-call.*", _bug, AttributeError),
        ("before-call.*", _bad_text, UnicodeDecodeError), ("before-call.*", _bug_of_this_package, AttributeError),
    ],
)  # fmt: skip
def test_an_error_of_an_event_handler(pool_of: PoolOf, event: str, handler: Any, error: Any) -> None:
    """A missing file before the request is sent is NotSent with its path; a bug of a handler is raised as it is."""
    pool = pool_of()
    client = pool.client()
    client.meta.events.register_first(event, handler)
    cognito = Cognito(client, client_id=pool.client_id, pool_id=pool.pool_id, admin=True)
    with pytest.raises(error) as caught:
        cognito.sign_in("ada", PASSWORD, flow="ADMIN_USER_PASSWORD_AUTH")
    assert ("/nonexistent/token" in str(caught.value)) == (error is NotSent)


def test_a_missing_file_with_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the file of AWS_WEB_IDENTITY_TOKEN_FILE is missing, the request was not sent, and the error has the path."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::111111111111:role/x")
    client = boto3.Session().client("cognito-idp", region_name="eu-west-1", endpoint_url="http://127.0.0.1:9")
    cognito = Cognito(client, client_id="abc", pool_id="eu-west-1_AbCdEfGhI", admin=True)
    with pytest.raises(NotSent, match=r"FileNotFoundError: .*/nonexistent/token"):
        cognito.sign_in("ada", PASSWORD, flow="ADMIN_USER_PASSWORD_AUTH")


def test_a_refused_value_is_not_quoted() -> None:
    """Of botocore's message about parameters, only their names are passed on, even if a value resembles a sentence."""
    values = ["parameter hunter2", "Unknown parameter hunter2"]
    why = (
        f"Parameter validation failed:\nInvalid type for parameter AuthParameters.A, value: {values}, type: list\n"
        'Missing required parameter in AnalyticsMetadata: "B"\nUnknown parameter in input: "C", must be one of: D'
    )
    error = _translate(ParamValidationError(report=why), None)
    assert "botocore refuses AuthParameters.A, B, C)" in str(error)
    assert "hunter2" not in str(error)


def test_a_malformed_reply_leaves_the_sign_in_usable(pool_of: PoolOf) -> None:
    """A reply that cannot be read: MalformedReply, and the same answer succeeds later."""
    pool = pool_of(mfa="ON", mfa_methods=["SMS_MFA"], user={"phone_number": PHONE})
    client = pool.client()
    flow = Cognito(client, client_id=pool.client_id, pool_id=pool.pool_id, clock=pool.clock).sign_in("ada", PASSWORD)
    code = r.Code(pool.outbox.code_for("ada"))

    def garble(parsed: dict[str, Any], **_: object) -> None:
        parsed.clear()

    def wrong(**_: object) -> tuple[Any, dict[str, Any]]:
        return AWSResponse("https://nowhere.example", 200, HTTPHeaders(), None), {}

    client.meta.events.register("before-call.*", wrong)
    client.meta.events.register("after-call.*", garble)
    with pytest.raises(MalformedReply, match="neither a challenge nor tokens"):
        flow.answer(code)
    client.meta.events.unregister("before-call.*", wrong)
    client.meta.events.unregister("after-call.*", garble)

    assert flow.answer(code) is State.AUTHENTICATED


def test_any_boto3_client_is_accepted() -> None:
    """Unsigned, with its own endpoint and without credentials: unreachable is ConnectionLost; Admin* needs credentials."""
    session = boto3.Session()
    unsigned = session.client(
        "cognito-idp",
        region_name="eu-west-1",
        endpoint_url="http://127.0.0.1:9",
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}, connect_timeout=1),
    )
    with pytest.raises(ConnectionLost):
        Cognito(unsigned, client_id="client", pool_id="eu-west-1_Pool").sign_in("ada", PASSWORD)

    signed = session.client("cognito-idp", region_name="eu-west-1", endpoint_url="http://127.0.0.1:9")

    def none(**_: object) -> None:
        raise NoCredentialsError

    signed.meta.events.register_first("before-sign.*", none)
    with pytest.raises(NotSent, match="NoCredentialsError") as caught:
        Cognito(signed, client_id="client", pool_id="eu-west-1_Pool", admin=True).sign_in("ada", PASSWORD)
    # No answer of the user can correct this.
    assert (caught.value.action, caught.value.http_status) == (RecoveryAction.FIX_CONFIGURATION, 500)
    assert caught.value.for_person() == (
        "Signing in is not possible at the moment. Contact the operator of this service."
    )


def test_a_certificate_that_is_not_trusted(tmp_path: Path) -> None:
    """Nothing is sent to a server whose certificate is not trusted: the configuration is wrong, and waiting does not help."""
    key, now = ec.generate_private_key(ec.SECP256R1()), utc_now()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "both.pem").write_bytes(pem + dated.sign(key, SHA256()).public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    Thread(target=server.serve_forever, daemon=True).start()

    url = f"https://127.0.0.1:{server.server_port}"
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    client = boto3.Session().client("cognito-idp", region_name="eu-west-1", endpoint_url=url, config=config)
    with server, pytest.raises(NotSent, match=r"SSLError: .*CERTIFICATE_VERIFY_FAILED") as caught:
        Cognito(client, client_id="client").sign_in("ada", PASSWORD, flow="USER_PASSWORD_AUTH")
    server.shutdown()
    assert (caught.value.action, caught.value.state) == (RecoveryAction.FIX_CONFIGURATION, State.START)
    assert PASSWORD not in objects_of(caught.value)


def objects_of(error: BaseException | None) -> str:
    """Return everything that an error refers to.

    Its attributes, and the locals of all frames but the test's.
    """
    text = ""
    while error is not None:
        text += f"{error!r}{vars(error)}"
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename != __file__:
                text += repr(frame.f_locals)
        error = error.__context__
    return text


def test_a_parameter_that_botocore_refuses_is_named_not_quoted(pool_of: PoolOf) -> None:
    """Botocore's own validation prints values: the error has only the parameter's name, and botocore's error is freed."""
    pool = pool_of(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"])
    flow = pool.cognito().sign_in("ada", PASSWORD)
    assert flow.challenge is not None
    flow.signin.challenge = attrs.evolve(flow.challenge, session=Secret("7" * 5))  # 20 at least

    with pytest.raises(NotSent, match="refuses Session") as caught:
        flow.answer(r.AssociateSoftwareToken())

    assert caught.value.__context__ is None
    assert caught.value.action is RecoveryAction.TRY_AGAIN
    assert "77777" not in objects_of(caught.value)
    assert flow.state is State.MFA_SETUP


def test_a_lost_connection_keeps_no_secret(pool_of: PoolOf) -> None:
    """The client library's error, whose frames contain the request, is not attached to ours."""
    pool = pool_of()
    client = pool.client(ONE_TRY)

    def lost(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    client.meta.events.register_first("before-send.*", lost)
    cognito = Cognito(client, client_id=pool.client_id, pool_id=pool.pool_id)
    with pytest.raises(ConnectionLost) as caught:
        cognito.sign_in("ada", "pl4nted-s3cret", flow="USER_PASSWORD_AUTH")

    assert caught.value.__context__ is None
    assert "pl4nted-s3cret" not in objects_of(caught.value)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"[]"),
        (200, b"null"),
        (200, b'"x"'),
        (200, b"not JSON"),
        (200, b'{"AuthenticationResult": {"AccessToken": "pl4nted-s3cret"}}\xff'),
        (400, b"[]"),
        (400, b"null"),
        (502, b"<html>"),
    ],
)
def test_a_body_that_botocore_cannot_parse(pool_of: PoolOf, status: int, body: bytes) -> None:
    """For any bytes in the reply: a typed error of the service, without the body, and an unchanged sign-in."""
    pool = pool_of(mfa="ON", mfa_methods=["SMS_MFA"], user={"phone_number": PHONE})
    client = pool.client()
    flow = Cognito(client, client_id=pool.client_id, pool_id=pool.pool_id, clock=pool.clock).sign_in("ada", PASSWORD)
    code = r.Code(pool.outbox.code_for("ada"))

    other: Any = boto3.client(
        "cognito-idp",
        region_name="eu-west-1",
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )
    other.meta.events.register(
        "before-send.*", lambda **_: AWSResponse("https://nowhere.example", status, HTTPHeaders(), Raw(body))
    )
    flow.cognito.client = other
    with pytest.raises(ServiceError) as caught:
        flow.answer(code)
    flow.cognito.client = client

    assert "pl4nted-s3cret" not in objects_of(caught.value)
    assert caught.value.state is flow.state is State.SMS_MFA
    assert flow.answer(code) is State.AUTHENTICATED


class Raw(BytesIO):
    """The raw response from which botocore reads a body."""

    def stream(self, **_: object) -> Iterator[bytes]:
        """Yield the body, in one piece."""
        yield self.read()


def test_a_device_is_kept_if_only_remembering_it_fails(pool_of: PoolOf) -> None:
    """If only UpdateDeviceStatus fails, the device is confirmed and can be remembered later."""
    pool = pool_of(device=DeviceConfiguration(device_only_remembered_on_user_prompt=True))
    client = pool.client()
    cognito = Cognito(client, client_id=pool.client_id, pool_id=pool.pool_id, clock=pool.clock)
    flow = cognito.sign_in("ada", PASSWORD)

    def lost(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    client.meta.events.register_first("before-call.cognito-identity-provider.UpdateDeviceStatus", lost)
    with pytest.raises(ConnectionLost):
        flow.confirm_device("laptop")
    client.meta.events.unregister("before-call.cognito-identity-provider.UpdateDeviceStatus", lost)

    assert flow.device is not None
    flow.answer(r.UpdateDeviceStatus())
    again = pool.cognito(device=flow.device).sign_in("ada", PASSWORD)
    assert path_of(again)[1] == "srp_claim -> DEVICE_SRP_AUTH"


def test_an_error_in_the_middle_of_sign_in_has_the_flow(pool_of: PoolOf) -> None:
    """Throttled at the proof: the error has the flow, and one more step signs in."""
    pool = pool_of()
    client = pool.client()

    def lost(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    event = "before-call.cognito-identity-provider.RespondToAuthChallenge"
    client.meta.events.register_first(event, lost)
    cognito = Cognito(client, client_id=pool.client_id, pool_id=pool.pool_id, clock=pool.clock)
    with pytest.raises(ConnectionLost) as caught:
        cognito.sign_in("ada", PASSWORD)
    client.meta.events.unregister(event, lost)

    assert caught.value.survives
    assert isinstance(caught.value.flow, Flow)
    assert caught.value.flow.step() is State.AUTHENTICATED
    assert pickle.loads(pickle.dumps(caught.value)).flow is None  # noqa: S301 - our own


def test_a_session_with_a_new_device_can_be_refreshed(pool_of: PoolOf) -> None:
    """Without confirm_device the refresh still names the device that came with the tokens."""
    flow = pool_of(device=DeviceConfiguration()).cognito().sign_in("ada", PASSWORD)
    assert flow.tokens is not None
    before = flow.tokens.access_token

    flow.answer(r.GetTokensFromRefreshToken())

    assert flow.tokens.access_token != before


def test_a_password_may_come_late(pool_of: PoolOf) -> None:
    """An SRP proof that was begun without the password is completed with it."""
    flow = pool_of().cognito().start(walk=False)
    flow.carry(r.UserSrpAuth, "ada")
    assert flow.next_response() is None

    assert flow.carry(r.SrpClaim, password=PASSWORD) is State.AUTHENTICATED


def test_a_pool_id_is_checked_before_anything_is_sent(pool_of: PoolOf) -> None:
    """A malformed pool id is refused at once, a missing one as soon as a proof will need it."""
    client = pool_of().client()
    with pytest.raises(ValueError, match="pool"):
        Cognito(client, client_id="client", pool_id="nonsense")
    with pytest.raises(ValueError, match="pool_id"):
        Cognito(client, client_id="client").sign_in("ada", PASSWORD)


@pytest.mark.parametrize("flow_name", ["USER_SRP_AUTH", "USER_AUTH", "CUSTOM_AUTH"])
def test_a_password_proof_needs_the_pool_id_before_anything_is_sent(pool_of: PoolOf, flow_name: str) -> None:
    """Every flow that proves a password by SRP names the missing pool id, and sends nothing."""
    requests: list[Any] = []
    client = pool_of().client()
    client.meta.events.register("before-parameter-build.*.*", lambda params, **_: requests.append(params))

    with pytest.raises(ValueError, match=f"{flow_name} needs the pool_id"):
        Cognito(client, client_id="client").sign_in("ada", PASSWORD, flow=flow_name)
    assert requests == []


STARTS: dict[str, Callable[[Flow], object]] = {
    "begin": lambda flow: flow.begin("USER_SRP_AUTH", "ada"),
    "carry": lambda flow: flow.carry(r.UserSrpAuth, "ada"),
    "carry without SRP": lambda flow: flow.carry(r.UserPasswordAuth, "ada", PASSWORD),
    "make_response": lambda flow: flow.answer(flow.make_response(r.UserPasswordAuth, "ada", PASSWORD)),
    "a machine": lambda flow: build(driver=flow.carry).user_srp_auth("ada"),
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_the_first_request_has_the_flows_metadata(pool_of: PoolOf, start: Callable[[Flow], object]) -> None:
    """`client_metadata` of `start` is in the first request, however it is made, and not in place of the caller's own."""
    requests: list[Any] = []
    cognito = pool_of().cognito()
    cognito.client.meta.events.register(
        "before-parameter-build.*.InitiateAuth", lambda params, **_: requests.append(params["ClientMetadata"])
    )

    start(cognito.start(PASSWORD, client_metadata={"locale": "la"}))
    own = cognito.start(PASSWORD, client_metadata={"locale": "la"})
    own.carry(r.UserPasswordAuth, "ada", PASSWORD, client_metadata={"locale": "en"})

    assert requests == [{"locale": "la"}, {"locale": "en"}]


def test_a_lost_automatic_step_is_repeated_by_step(pool_of: PoolOf) -> None:
    """If the reply to a step that the flow took by itself is lost, the flow stays there, and `step` repeats it."""
    pool = pool_of()
    client = pool.client(ONE_TRY)
    flow = Cognito(client, client_id=pool.client_id, pool_id=pool.pool_id, clock=pool.clock).start(PASSWORD)

    def lost(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    client.meta.events.register_first("before-send.*.RespondToAuthChallenge", lost)
    with pytest.raises(ConnectionLost, match="send the same request again"):
        flow.answer(flow.make_response(r.UserSrpAuth, "ada"))
    assert flow.state is State.PASSWORD_VERIFIER
    client.meta.events.unregister("before-send.*.RespondToAuthChallenge", lost)

    assert flow.step() is State.AUTHENTICATED


def test_a_lost_first_request_is_repeated_by_step(pool_of: PoolOf) -> None:
    """`error.flow.step()` sends the first request again; once it was answered, START has nothing to repeat."""
    pool = pool_of()
    client = pool.client(ONE_TRY)
    cognito = Cognito(client, client_id=pool.client_id, pool_id=pool.pool_id, clock=pool.clock)

    def lost(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    with pytest.raises(InvalidOperation, match="START has no challenge: begin a sign-in"):
        cognito.start(PASSWORD).step()
    client.meta.events.register_first("before-send.*.InitiateAuth", lost)
    with pytest.raises(ConnectionLost) as caught:
        cognito.sign_in("ada", PASSWORD)
    client.meta.events.unregister("before-send.*.InitiateAuth", lost)
    flow = caught.value.flow
    assert isinstance(flow, Flow)
    assert caught.value.survives

    assert (flow.step(), flow.step()) == (State.PASSWORD_VERIFIER, State.AUTHENTICATED)
    with pytest.raises(InvalidOperation, match="AUTHENTICATED has no challenge: begin a sign-in"):
        flow.step()
    flow.sign_out()
    with pytest.raises(InvalidOperation, match="START has no challenge: begin a sign-in"):
        flow.step()


@pytest.mark.parametrize(
    "start",
    [
        lambda flow: flow.carry(r.UserSrpAuth, "ada"),
        lambda flow: flow.answer(r.UserPasswordAuth("ada", PASSWORD)),
        lambda flow: flow.begin("USER_AUTH", "ada", "EMAIL_OTP"),
    ],
    ids=["carry", "answer", "begin"],
)
def test_step_repeats_the_request_that_was_lost(pool_of: PoolOf, start: Callable[[Flow], object]) -> None:
    """However the first request was sent, `step` sends that one again, and not that of an earlier attempt."""
    pool, requests = pool_of(), list[Any]()
    client = pool.client(ONE_TRY)
    flow = Cognito(client, client_id=pool.client_id, pool_id=pool.pool_id, clock=pool.clock).start(PASSWORD)
    client.meta.events.register(
        "before-parameter-build.*.*", lambda params, **_: requests.append(dict(params["AuthParameters"]))
    )

    def lost(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    client.meta.events.register_first("before-send.*.InitiateAuth", lost)
    with pytest.raises(ConnectionLost):
        flow.begin("USER_PASSWORD_AUTH", "bob")
    with pytest.raises(ConnectionLost):
        start(flow)
    client.meta.events.unregister("before-send.*.InitiateAuth", lost)
    assert flow.step() is not State.START

    assert requests[1] == requests[2] != requests[0]
    assert flow._unreplied_start is None


def test_a_refresh_is_no_sign_in_to_restart(pool_of: PoolOf) -> None:
    """`restart` of a flow that only refreshed tokens says that no sign-in has begun, with either operation."""
    cognito = pool_of().cognito()
    token = cognito.sign_in("ada", PASSWORD).signed_in().refresh_token
    assert token is not None
    for by_initiate_auth in (False, True):
        flow = cognito.start()
        flow.refresh(token, username="ada", by_initiate_auth=by_initiate_auth)
        with pytest.raises(InvalidOperation, match="has not begun"):
            flow.restart(PASSWORD)


def test_a_response_that_is_not_valid_changes_nothing(pool_of: PoolOf) -> None:
    """After `make_response` has refused a field, the flow has the password and the key pair of before."""
    cognito = pool_of().cognito()
    flow = cognito.start(PASSWORD)
    name: Any = 5
    for values in ((name, "a wrong password"), ("", "a wrong password")):
        with pytest.raises(CallerError):
            flow.make_response(r.UserSrpAuth, *values)
    with pytest.raises(BadField):
        flow.make_response(r.UserSrpAuth, "ada", "a wrong password", client_metadata={"a": 1})

    assert flow.begin("USER_SRP_AUTH", "ada") is State.AUTHENTICATED


def test_a_response_that_is_passed_is_checked_too(pool_of: PoolOf) -> None:
    """`make_response` with an object of the class refuses it if the state does not accept it; otherwise it returns it."""
    flow = pool_of().cognito().start(PASSWORD)
    for arguments in (("x",), (r.NewPassword("x"),)):
        with pytest.raises(WrongResponse):
            flow.make_response(r.NewPassword, *arguments)
    begin = r.UserPasswordAuth("ada", PASSWORD)
    assert flow.make_response(r.UserPasswordAuth, begin) is begin


def test_the_error_of_a_proof_names_what_is_missing(pool_of: PoolOf) -> None:
    """Without the password `make_response(SrpClaim)` says that the password is missing, not the pool's id."""
    flow = pool_of().cognito().start()
    flow.carry(r.UserSrpAuth, "ada")
    with pytest.raises(ValueError, match=r"needs the password$"):
        flow.make_response(r.SrpClaim)


def test_the_metadata_of_a_proof_can_be_passed(pool_of: PoolOf) -> None:
    """`client_metadata` and `password` of SrpClaim replace those of the flow."""
    flow = pool_of().cognito().start("not yet known", client_metadata={"locale": "la"}, walk=False)
    flow.begin("USER_SRP_AUTH", "ada")

    claim = flow.make_response(r.SrpClaim, password=PASSWORD, client_metadata={"locale": "en"})

    assert claim.client_metadata == {"locale": "en"}
    assert flow.answer(claim) is State.AUTHENTICATED


def test_a_flow_without_its_password_is_refused(pool_of: PoolOf) -> None:
    """A password flow without a password, or an unknown flow, is a ValueError before anything is sent."""
    cognito = pool_of().cognito()
    for flow_name in ("USER_SRP_AUTH", "USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH"):
        with pytest.raises(ValueError, match="needs the password"):
            cognito.sign_in("ada", flow=flow_name)
    with pytest.raises(ValueError, match="no sign-in flow"):
        cognito.sign_in("ada", PASSWORD, flow="PASSWORD_AUTH")


def test_the_password_is_kept_no_longer_than_needed(pool_of: PoolOf) -> None:
    """Once the password is proved the flow holds neither it nor the SRP exponent."""
    pool = pool_of(mfa="ON", mfa_methods=["SMS_MFA"], user={"phone_number": PHONE})

    flow = pool.cognito().sign_in("ada", PASSWORD)

    assert flow.state is State.SMS_MFA
    assert (flow._password, flow._ephemeral) == (None, None)
    assert PASSWORD not in repr(vars(flow))


def test_a_device_without_new_device_metadata_cannot_be_confirmed(pool_of: PoolOf) -> None:
    """A pool that remembers no devices sends no NewDeviceMetadata: confirm_device raises InvalidOperation."""
    flow = pool_of().cognito().sign_in("ada", PASSWORD)

    with pytest.raises(InvalidOperation, match="no new device"):
        flow.confirm_device()


def test_the_history_has_times(pool_of: PoolOf) -> None:
    """Each step has the driver's time."""
    clock = ManualClock()
    pool = pool_of(clock=clock)

    flow = pool.cognito().sign_in("ada", PASSWORD)

    assert [step.at for step in flow.history] == [clock(), clock()]


def test_wrong_calls_say_what_is_wrong(pool_of: PoolOf) -> None:
    """A class instead of an object, a wrong argument or a wrong moment is an error that names it; nothing is sent."""
    pool = pool_of(mfa="ON", mfa_methods=["SMS_MFA"], user={"phone_number": PHONE})
    cognito: Any = pool.cognito()
    flow = cognito.sign_in("ada", PASSWORD)
    with pytest.raises(CallerError, match=r"Code is a class: pass an object, for example Code\(\.\.\.\)"):
        flow.answer(r.Code)
    for each in (r.Code("1"), "code"):
        with pytest.raises(TypeError, match="pass the class of a response"):
            flow.carry(each)
    with pytest.raises(WrongResponse, match="SMS_MFA does not accept UserSrpAuth"):
        flow.begin("USER_SRP_AUTH", "ada")
    for everywhere in (False, True):
        with pytest.raises(BadField, match="refresh_token"):
            cognito.sign_out(None, everywhere)
    with pytest.raises(ValueError, match="preferred_challenge is for USER_AUTH, not for USER_SRP_AUTH"):
        cognito.sign_in("ada", PASSWORD, preferred_challenge="WEB_AUTHN")
    arguments: dict[str, Any] = {"client_id": pool.client_id}

    async def observer(_: object) -> None: ...

    wrongs: list[tuple[str, Any]] = [
        ("client_secret", 123), ("client_secret", b"secret"), ("client_secret", True), ("observers", 5), ("observers", [1]),
        ("observers", print), ("observers", [observer]), ("entropy", 5), ("entropy", None), ("client_id", None),
        ("device", "x"), ("admin", "no"), ("clock", 5),
    ]  # fmt: skip
    for name, wrong in wrongs:
        with pytest.raises(TypeError, match=f"{name} must be ") as caught:
            Cognito(cognito.client, **{**arguments, name: wrong})
        assert "123" not in str(caught.value)
    entropies: list[Any] = [lambda _: b"", lambda count: bytes(count + 1), lambda count: "x" * count, lambda _: None]
    for each in entropies:
        with pytest.raises(TypeError, match="entropy must return 8 bytes if it is called with 8"):
            Cognito(cognito.client, **arguments, entropy=each).start()
    lifetimes: Any = {TypeError: (5, None), ValueError: (timedelta(0), timedelta(-1))}
    for error, values in lifetimes.items():
        for each in values:
            with pytest.raises(error, match=r"session_lifetime must be (more than 0|of type timedelta), not"):
                Cognito(cognito.client, **arguments, session_lifetime=each)
    clocks: Any = (datetime.now, lambda: 5)
    for clock in clocks:
        with pytest.raises(ValueError, match="clock needs an aware datetime"):
            Cognito(cognito.client, **arguments, clock=clock)
    with pytest.raises(TypeError, match=r"device must be of type .*Device.*, not str"):
        cognito.sign_in("ada", PASSWORD, device="a sealed device")
    ids: Any = (123, "x", b"eu-west-1_A", ["eu-west-1_A"])
    for each in ids:
        with pytest.raises(ValueError, match="a pool id looks like eu-west-1_AbCdEfGhI"):
            Cognito(cognito.client, **arguments, pool_id=each)
    with pytest.raises(NotSent, match=r"botocore refuses Name\)"):
        send_request(
            cognito.client,
            Request("AdminUpdateUserAttributes", {"UserPoolId": "x", "Username": "x", "UserAttributes": [{}]}, False),
            None,
        )


@pytest.mark.parametrize("response", PROTOCOL[State.START])
def test_wrong_arguments_of_a_response_name_its_class(pool_of: PoolOf, response: type[Any]) -> None:
    """Missing, unknown, repeated and too many arguments are a TypeError that names the response's class and its fields."""
    pool, fields = pool_of(), attrs.fields_dict(response)
    flow = pool.cognito().start()
    other = AsyncCognito(pool.client(), client_id=pool.client_id, pool_id=pool.pool_id).start()
    required = [name for name, each in fields.items() if each.default is attrs.NOTHING and name != "srp_a"]
    calls: list[tuple[tuple[str, ...], dict[str, str]]] = [(("ada",) * 8, {}), ((), {"kind": "x"})]
    if required:
        calls += [((), {}), (("ada",), {"username": "ada"})]
    if "srp_a" in fields:
        calls += [(("ada", PASSWORD), {"password": PASSWORD})]

    def awaited(*args: Any, **kwargs: Any) -> object:
        return asyncio.run(other.make_response(*args, **kwargs))

    for args, kwargs in calls:
        messages = set()
        for call in (flow.make_response, flow.carry, awaited):
            with pytest.raises(TypeError) as caught:
                call(response, *args, **kwargs)
            messages.add(str(caught.value))
        (message,) = messages
        assert message.startswith(f"{response.__name__}.__init__() ")
        assert args or kwargs or all(f"'{name}'" in message for name in required)


def test_what_is_no_client_is_refused(pool_of: PoolOf) -> None:
    """A client without any method of `cognito-idp` is refused at once, by both drivers and by `totp`."""
    session = boto3.Session(region_name="eu-west-1")
    calls: tuple[Callable[[Any], object], ...] = (
        lambda client: Cognito(client, client_id="x"),
        lambda client: AsyncCognito(client, client_id="x"),
        lambda client: totp.associate(client, "token", issuer="Example"),
    )
    for wrong in (None, "client", 5, {}, object(), boto3, boto3.client, session, session.client("s3")):
        for call in calls:
            with pytest.raises(
                TypeError, match=rf"a {type(wrong).__name__} is not a client of Cognito: use boto3\.client"
            ):
                call(wrong)

    class Wrapper:
        def __getattr__(self, name: str) -> Any:
            return getattr(wrapped, name)

    wrapped: Any = pool_of().client()
    clients: tuple[Any, ...] = (Wrapper(), MagicMock(), SimpleNamespace(get_user=print), SimpleNamespace(sign_up=print))
    for each in clients:
        assert Cognito(each, client_id="x").client is each
        assert AsyncCognito(each, client_id="x").client is each


def test_positional_arguments_of_the_wrong_type(pool_of: PoolOf) -> None:
    """The durations of `fresh_tokens`, `everywhere` of `sign_out` and the flow's name are checked before anything is sent."""
    pool = pool_of()
    flow: Any = pool.cognito().sign_in("ada", PASSWORD)
    durations: tuple[Any, ...] = (60, 60.0, "60", None, True)
    for each in durations:
        for call in (flow.fresh_tokens, flow.tokens_valid_for, pool.cognito().start().tokens_valid_for):
            with pytest.raises(TypeError, match=f"duration must be of type timedelta, not {type(each).__name__}"):
                call(each)
    assert not flow.tokens_valid_for(timedelta.max)
    assert flow.tokens_valid_for(timedelta.min)
    refresh_token = flow.tokens.refresh_token
    cognito: Any = pool.cognito()
    sign_outs: tuple[Callable[[], object], ...] = (
        lambda: cognito.sign_out(refresh_token, "a-device"),
        lambda: flow.sign_out(everywhere=1),
    )
    for sign_out in sign_outs:
        with pytest.raises(TypeError, match="everywhere must be of type bool, not"):
            sign_out()
    names: Any = (["USER_SRP_AUTH"], {}, 5, None)
    for name in names:
        for begin in (pool.cognito().start().begin, pool.cognito().start().initial_response):
            with pytest.raises(ValueError, match=r"no sign-in flow is named .*; the flows are USER_SRP_AUTH, "):
                begin(name, "ada")
    assert len(flow.history) == 2
    assert flow.refresh()
