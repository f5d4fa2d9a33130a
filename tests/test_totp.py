"""Enrolling an authenticator app after the sign-in, with a real boto3 client and a pool that checks codes."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.exceptions import EndpointConnectionError
from joserfc.jwk import RSAKey
from local_servers import serve_in_thread

from authfsm.base.secret import Secret
from authfsm.core.enrolment import Enrolment
from authfsm.drivers import totp
from authfsm.drivers.boto import Flow
from authfsm.local import LocalPool, ManualClock
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import (
    AuthfsmError,
    BadField,
    CallerError,
    ConnectionLost,
    MalformedReply,
    RefusedByConfiguration,
    RefusedCaller,
    RefusedForNow,
    RefusedUser,
)
from authfsm.protocol.states import State

PASSWORD = "Correct-Horse-1"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PHONE = "+15555550143"
TOTP, SMS = "SOFTWARE_TOKEN_MFA", "SMS_MFA"


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still."""
    return ManualClock()


@pytest.fixture
def pool_of(signing_key: RSAKey, clock: ManualClock) -> Callable[..., LocalPool]:
    """Return a function that creates a pool with optional MFA and the user ada."""

    def make(mfa_methods: Any = (TOTP, SMS), **user: Any) -> LocalPool:
        pool = LocalPool(key=signing_key, clock=clock, mfa="OPTIONAL", mfa_methods=mfa_methods)
        pool.add_user("ada", password=PASSWORD, **user)
        return pool

    return make


PoolOf = Callable[..., LocalPool]


@pytest.fixture(params=["sync", "async"], autouse=True)
def _sync_and_async(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test call the functions, and then their async versions on an event loop."""
    if request.param == "sync":
        return
    for name in ("associate", "verify", "switch_on"):
        twin = getattr(totp, f"{name}_async")
        monkeypatch.setattr(totp, name, lambda *a, twin=twin, **k: asyncio.run(twin(*a, **k)))


def signed_in(pool: LocalPool, code: str | None = None) -> Secret[str]:
    """Return ada's access token."""
    flow = pool.cognito().sign_in("ada", PASSWORD)
    if code is not None:
        assert flow.state is State.SOFTWARE_TOKEN_MFA
        flow.answer(r.Code(code))
    assert flow.tokens is not None
    return flow.tokens.access_token


def sign_in_with_code(pool: LocalPool) -> Flow:
    """Return ada's sign-in after the password."""
    return pool.cognito().sign_in("ada", PASSWORD)


def scanned_app(enrolment: Enrolment) -> pyotp.TOTP:
    """Return the app that has scanned the code."""
    app = pyotp.parse_uri(enrolment.uri.reveal())
    assert isinstance(app, pyotp.TOTP)
    return app


def factors(pool: LocalPool, token: Secret[str]) -> tuple[list[str], str | None]:
    """Return the active and the preferred factors by GetUser."""
    user = pool.client().get_user(AccessToken=token.reveal())
    return user.get("UserMFASettingList", []), user.get("PreferredMfaSetting")


def client_with(pool: LocalPool, operation: str, meddle: Callable[..., Any], on: str = "before-call") -> Any:
    """Return a client of the pool's with one operation replaced."""
    client = pool.client()
    client.meta.events.register(f"{on}.cognito-idp.{operation}", meddle)
    return client


def fixed_reply(status: int, parsed: dict[str, Any]) -> Callable[..., Any]:
    """Return a function that replies with a fixed answer."""
    http = AWSResponse("https://x", status, HTTPHeaders(), None)
    return lambda **_: (http, parsed)


def test_an_enrolled_app_is_required_at_the_next_sign_in(pool_of: PoolOf, clock: ManualClock) -> None:
    """An enrolled app is active and preferred; its used code is refused, the next one accepted."""
    pool = pool_of(email="ada@example.com")
    client, token = pool.client(), signed_in(pool)

    enrolment = totp.associate(client, token, issuer="Example")
    assert (enrolment.issuer, enrolment.account) == ("Example", "ada@example.com")
    assert factors(pool, token) == ([], None)
    app = scanned_app(enrolment)
    totp.verify(client, token, app.at(clock()), device_name="phone")
    assert factors(pool, token) == ([TOTP], TOTP)

    flow = sign_in_with_code(pool)
    assert flow.state is State.SOFTWARE_TOKEN_MFA
    assert flow.challenge is not None
    assert getattr(flow.challenge, "friendly_device_name", None) == "phone"
    with pytest.raises(RefusedUser, match="already been used"):
        flow.answer(r.Code(app.at(clock())))
    clock.advance(30)
    assert flow.answer(r.Code(app.at(clock()))) is State.AUTHENTICATED


@pytest.mark.parametrize(
    ("attributes", "account", "expected"),
    [
        ({"email": "ada@example.com"}, None, "ada@example.com"),
        ({}, None, "ada"),
        ({"email": "ada@example.com"}, "Countess", "Countess"),
    ],
)
def test_the_account_name(pool_of: PoolOf, attributes: dict[str, str], account: str | None, expected: str) -> None:
    """The app shows the account that was passed, else the e-mail address, else the user name."""
    pool = pool_of(**attributes)

    enrolment = totp.associate(pool.client(), signed_in(pool), issuer="Example", account=account)

    assert enrolment.account == expected


def test_an_app_in_use_is_not_replaced_silently(pool_of: PoolOf, clock: ManualClock) -> None:
    """A user with an app keeps it unless replace=True; then the new one replaces it."""
    pool = pool_of(totp_secret=SECRET)
    old, client = pyotp.TOTP(SECRET), pool.client()
    token = signed_in(pool, old.at(clock()))
    before = pool.user("ada").software_token

    with pytest.raises(totp.AlreadyEnrolled, match="replace=True") as caught:
        totp.associate(client, token, issuer="Example")
    assert (caught.value.username, caught.value.state) == ("ada", State.AUTHENTICATED)
    assert isinstance(caught.value, CallerError)
    user = pool.user("ada")
    assert (user.software_token, user.pending_token) == (before, None)

    new = scanned_app(totp.associate(client, token, issuer="Example", replace=True))
    assert pool.user("ada").software_token == before
    clock.advance(30)
    totp.verify(client, token, new.at(clock()))
    clock.advance(30)
    flow = sign_in_with_code(pool)
    with pytest.raises(RefusedUser):
        flow.answer(r.Code(old.at(clock())))
    assert flow.answer(r.Code(new.at(clock()))) is State.AUTHENTICATED


def test_a_wrong_code_then_the_right_one(pool_of: PoolOf, clock: ManualClock) -> None:
    """A wrong code is the user's fault, and another may follow."""
    pool = pool_of()
    client, token = pool.client(), signed_in(pool)
    app = scanned_app(totp.associate(client, token, issuer="Example"))
    right = app.at(clock())

    with pytest.raises(RefusedUser) as caught:
        totp.verify(client, token, f"{(int(right) + 1) % 10**6:06d}")
    error = caught.value
    assert (error.refusal.code, error.action) == ("EnableSoftwareTokenMFAException", RecoveryAction.TRY_AGAIN)
    assert (error.state, error.survives) == (State.AUTHENTICATED, True)
    assert factors(pool, token) == ([], None)

    totp.verify(client, token, Secret(right))
    assert factors(pool, token) == ([TOTP], TOTP)


@pytest.mark.parametrize(("preferred", "after"), [(True, TOTP), (False, SMS)])
def test_beside_another_factor(
    pool_of: PoolOf,
    clock: ManualClock,
    preferred: bool,  # noqa: FBT001 - a test's case
    after: str,
) -> None:
    """SMS stays active; the caller chooses the preferred factor."""
    pool = pool_of(phone_number=PHONE, preferred_mfa=SMS)
    flow = sign_in_with_code(pool)
    assert flow.state is State.SMS_MFA
    flow.answer(r.Code(pool.outbox.code_for("ada")))
    assert flow.tokens is not None
    client, token = pool.client(), flow.tokens.access_token
    assert factors(pool, token) == ([SMS], SMS)

    app = scanned_app(totp.associate(client, token, issuer="Example"))
    totp.verify(client, token, app.at(clock()), preferred=preferred)

    assert factors(pool, token) == ([SMS, TOTP], after)
    assert sign_in_with_code(pool).state is State[after]


def test_a_pool_without_totp(pool_of: PoolOf) -> None:
    """If the pool has no TOTP, the error is the operator's fault."""
    pool = pool_of(mfa_methods=[SMS])

    with pytest.raises(RefusedByConfiguration) as caught:
        totp.associate(pool.client(), signed_in(pool), issuer="Example")

    assert caught.value.refusal.code == "SoftwareTokenMFANotFoundException"
    assert caught.value.action is RecoveryAction.GIVE_UP


def test_out_of_order(pool_of: PoolOf) -> None:
    """Verifying before associating, and activating before verifying, are refused."""
    pool = pool_of()
    client, token = pool.client(), signed_in(pool)
    with pytest.raises(RefusedByConfiguration, match="Software Token MFA does not exist"):
        totp.verify(client, token, "123456")
    with pytest.raises(RefusedCaller, match="does not have"):
        totp.switch_on(client, token)

    assert factors(pool, token) == ([], None)


def test_invalid_tokens(pool_of: PoolOf, clock: ManualClock) -> None:
    """An expired token is refused for now (Fault.TIME), an invented one is the caller's fault."""
    pool = pool_of()
    client, token = pool.client(), signed_in(pool)

    with pytest.raises(RefusedCaller, match="Invalid Access Token"):
        totp.associate(client, "x.y.z", issuer="Example")
    clock.advance(3601)
    with pytest.raises(RefusedForNow, match="expired") as caught:
        totp.associate(client, token, issuer="Example")
    assert caught.value.state is State.AUTHENTICATED


def test_a_deleted_user(pool_of: PoolOf) -> None:
    """If the token's user was deleted, nobody typed a wrong name: the session has ended, as in `cognito.account`."""
    pool = pool_of()
    client, token = pool.client(), signed_in(pool)
    client.admin_delete_user(UserPoolId=pool.pool_id, Username="ada")

    for call in (
        lambda: totp.associate(client, token, issuer="Example"),
        lambda: totp.verify(client, token, "123456"),
        lambda: totp.switch_on(client, token),
    ):
        with pytest.raises(RefusedForNow, match="User does not exist") as caught:
            call()
        assert caught.value.for_person() == "Your session has ended. Sign in again."


def test_options_are_bools(pool_of: PoolOf) -> None:
    """Text as an option is an error before anything is sent: "no" would replace the app, and use up the code."""
    pool = pool_of()
    sent: list[Any] = []
    client, token = client_with(pool, "*", lambda **event: sent.append(event)), signed_in(pool)
    wrong: Any = "no"

    with pytest.raises(TypeError, match="replace must be of type bool, not str"):
        totp.associate(client, token, issuer="Example", replace=wrong)
    with pytest.raises(TypeError, match="preferred must be of type bool, not str"):
        totp.verify(client, token, "123456", preferred=wrong)
    with pytest.raises(TypeError, match="preferred must be of type bool, not str"):
        totp.switch_on(client, token, preferred=wrong)
    assert sent == []


@pytest.mark.parametrize("attributes", [[None], [{"Value": "x"}], "x"])
def test_malformed_attributes(pool_of: PoolOf, attributes: Any) -> None:
    """Attributes that are none make the reply a malformed one, which does not end the session."""
    pool = pool_of()
    reply = fixed_reply(200, {"Username": "ada", "UserAttributes": attributes})

    with pytest.raises(MalformedReply, match="UserAttributes") as caught:
        totp.associate(client_with(pool, "GetUser", reply), signed_in(pool), issuer="Example")
    assert caught.value.survives


@pytest.mark.parametrize(
    ("names", "field"),
    [
        ({"issuer": ""}, "issuer"),
        ({"issuer": "x", "account": "\n"}, "account"),
        ({"issuer": "x", "account": ""}, "account"),
    ],
)
def test_names_are_checked_before_anything_is_sent(pool_of: PoolOf, names: dict[str, Any], field: str) -> None:
    """An invalid name does not replace a secret; an empty code is not sent."""
    pool = pool_of()
    client, token = pool.client(), signed_in(pool)

    with pytest.raises(BadField) as caught:
        totp.associate(client, token, **names)
    assert caught.value.field == field
    pool.user("ada").attributes["email"] = "ada\n@example.com"
    with pytest.raises(BadField, match="account"):
        totp.associate(client, token, issuer="Example")
    assert pool.user("ada").pending_token is None
    with pytest.raises(BadField) as caught:
        totp.verify(client, token, "")
    assert caught.value.field == "code"


def test_a_connection_lost_half_way(pool_of: PoolOf, clock: ManualClock) -> None:
    """If the activation's request is lost after the verification, only it is repeated."""
    pool = pool_of()
    token = signed_in(pool)

    def lost(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://x")

    client = client_with(pool, "SetUserMFAPreference", lost)
    app = scanned_app(totp.associate(client, token, issuer="Example"))
    with pytest.raises(ConnectionLost) as caught:
        totp.verify(client, token, app.at(clock()))
    assert (caught.value.state, caught.value.action) == (State.AUTHENTICATED, RecoveryAction.WAIT)
    assert caught.value.__context__ is None
    assert factors(pool, token) == ([], None)

    totp.switch_on(pool.client(), token)
    assert factors(pool, token) == ([TOTP], TOTP)


def test_the_status_error_is_a_refusal(pool_of: PoolOf) -> None:
    """`Status: ERROR` is a wrong code; missing members are malformed replies."""
    pool = pool_of()
    token = signed_in(pool)

    client = client_with(pool, "VerifySoftwareToken", fixed_reply(200, {"Status": "ERROR"}))
    with pytest.raises(RefusedUser) as caught:
        totp.verify(client, token, "123456")
    assert caught.value.action is RecoveryAction.TRY_AGAIN
    with pytest.raises(MalformedReply, match="Status"):
        totp.verify(client_with(pool, "VerifySoftwareToken", fixed_reply(200, {})), token, "123456")
    for operation, name in (("GetUser", "Username"), ("AssociateSoftwareToken", "SecretCode")):
        with pytest.raises(MalformedReply, match=f"{name} is missing"):
            totp.associate(client_with(pool, operation, fixed_reply(200, {})), token, issuer="Example")
    assert factors(pool, token) == ([], None)


def test_other_exceptions_pass_unchanged(pool_of: PoolOf) -> None:
    """An exception that is no failure of the client library is not translated."""
    pool = pool_of()

    def bug(**_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        totp.associate(client_with(pool, "GetUser", bug), signed_in(pool), issuer="Example")


def test_no_secret_is_in_messages_and_frames(pool_of: PoolOf) -> None:
    """No message, frame or traceback contains token or code."""
    pool = pool_of()
    token = signed_in(pool)
    code = "971843"

    def quoting(operation: str, *values: str) -> Any:
        error_fields = {"Code": "InvalidParameterException", "Message": f"Values {values} are wrong"}
        return client_with(pool, operation, fixed_reply(400, {"Error": error_fields}))

    cases: list[tuple[Callable[[], object], type[AuthfsmError]]] = [
        (lambda: totp.verify(quoting("VerifySoftwareToken", token.reveal(), code), token, code), RefusedCaller),
        (lambda: totp.associate(quoting("GetUser", token.reveal()), token.reveal(), issuer="x"), RefusedCaller),
        (lambda: totp.verify(pool.client(), token, code), RefusedByConfiguration),
        (
            lambda: totp.associate(
                client_with(pool, "AssociateSoftwareToken", fixed_reply(200, {"SecretCode": f"!{code}"})),
                token,
                issuer="x",
            ),
            BadField,
        ),
    ]
    for case, kind in cases:
        with pytest.raises(kind) as caught:
            case()
        error = caught.value
        frames = [
            repr(frame.f_locals)
            for frame, _ in traceback.walk_tb(error.__traceback__)
            if frame.f_code.co_filename == totp.__file__
        ]
        texts = [repr(error), *traceback.format_exception(error), *frames]
        assert frames
        assert error.__context__ is None
        for text in texts:
            assert token.reveal() not in text
            assert code not in text


def test_over_http() -> None:
    """Enrolment works over HTTP, with a client that has its own endpoint."""
    users = [{"username": "ada", "password": PASSWORD}]
    with serve_in_thread(mfa="OPTIONAL", users=users) as web:
        client = web.boto()
        _, _, reply = web.password("ada", PASSWORD)
        token = reply["AuthenticationResult"]["AccessToken"]
        app = scanned_app(totp.associate(client, token, issuer="Example"))
        totp.verify(client, token, app.now())
        user = client.get_user(AccessToken=token)
        _, _, reply = web.password("ada", PASSWORD)

    assert (user["UserMFASettingList"], user["PreferredMfaSetting"]) == ([TOTP], TOTP)
    assert reply["ChallengeName"] == TOTP
