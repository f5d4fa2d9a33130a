"""Expiries when the clock is set back, and pending sign-ins when the password changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from api_client import EXPIRED, ApiClient, refused
from botocore.exceptions import ClientError
from joserfc import jws, jwt
from joserfc.jwk import RSAKey

from authfsm.base.clock import SteadyClock
from authfsm.local import Contradictions, LocalPool, ManualClock, RefreshTokenRotation

PASSWORD = "Correct-h0rse"
NEW = "New-Passw0rd!"
DAY = 24 * 3600
PHONE = "+15555550143"


class PoolWithClock(ApiClient):
    """A pool with one user who has a second factor, and a clock that the test moves."""

    def __init__(self, key: RSAKey, **settings: Any) -> None:
        self.clock = ManualClock(datetime(2026, 5, 5, tzinfo=timezone.utc))
        super().__init__(LocalPool(key=key, clock=self.clock, mfa="OPTIONAL", **settings))
        self.pool.add_user("ada", PASSWORD, phone_number=PHONE, preferred_mfa="SMS_MFA")
        self.pool.add_user("bob", PASSWORD, phone_number="+15555550144")
        self.pool.add_user("new", PASSWORD, temporary=True)
        self.pool_id = self.pool.pool_id

    def tokens(self, name: str = "bob") -> Any:
        """Sign in without a second factor."""
        return self.password(name, PASSWORD)["AuthenticationResult"]

    def code(self, reply: Any) -> Any:
        """Answer with the code."""
        return self.answer(reply, "ada", SMS_MFA_CODE=self.pool.outbox.code_for("ada"))


def error_of(do: Callable[[], Any]) -> str | None:
    """Return the error code of an action; None if it succeeds."""
    try:
        do()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


# What begins, an action that succeeds until it ends, and its length in seconds.
def lock_out(world: PoolWithClock) -> tuple[Callable[[], Any], float]:
    """After ten wrong passwords a user is locked out for 32 seconds."""
    for _ in range(10):
        world.clock.advance(timedelta(minutes=1))
        error_of(lambda: world.password("bob", "wrong"))

    def locked() -> None:
        if error_of(world.tokens) is None:
            raise ClientError({"Error": {"Code": "over"}}, "")

    return locked, 32


def session(world: PoolWithClock) -> tuple[Callable[[], Any], float]:
    """A session accepts its code for three minutes."""
    reply = world.password("ada", PASSWORD)

    def waits() -> None:
        with refused("CodeMismatchException", "Invalid code or auth state for the user."):
            world.answer(reply, "ada", SMS_MFA_CODE="x")

    def lives() -> None:
        try:
            waits()
        except AssertionError:
            raise ClientError({"Error": {"Code": "over"}}, "") from None

    return lives, 180


def reset_code(world: PoolWithClock) -> tuple[Callable[[], Any], float]:
    """A code for a forgotten password is accepted for an hour."""
    client_id = world.pool.client_id
    world.boto.forgot_password(ClientId=client_id, Username="bob")
    code = world.pool.outbox.code_for("bob")
    weak: list[str] = []

    def good() -> None:
        # One that was had before is refused only after the code is found good.
        try:
            world.boto.confirm_forgot_password(
                ClientId=client_id, Username="bob", ConfirmationCode=code, Password=PASSWORD
            )
        except ClientError as error:
            weak.append(error.response["Error"]["Code"])
            if weak[-1] != "PasswordHistoryPolicyViolationException":
                raise

    return good, 3600


def quota(world: PoolWithClock) -> tuple[Callable[[], Any], float]:
    """After five calls in an hour, further ones are refused."""
    token = world.tokens()["AccessToken"]

    def call() -> Any:
        return world.boto.get_user_attribute_verification_code(AccessToken=token, AttributeName="phone_number")

    for _ in range(5):
        call()

    def refused_still() -> None:
        if error_of(call) != "LimitExceededException":
            raise ClientError({"Error": {"Code": "over"}}, "")

    return refused_still, 3600


def grace(world: PoolWithClock) -> tuple[Callable[[], Any], float]:
    """A refresh token that was replaced still works for a minute."""
    old = world.tokens()["RefreshToken"]

    def refresh() -> Any:
        return world.boto.get_tokens_from_refresh_token(ClientId=world.pool.client_id, RefreshToken=old)

    refresh()
    return refresh, 60


def refresh_token(world: PoolWithClock) -> tuple[Callable[[], Any], float]:
    """A refresh token works for an hour in this pool."""
    token = world.tokens()["RefreshToken"]
    return lambda: world.boto.initiate_auth(
        ClientId=world.pool.client_id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": token}
    ), 3600


def temporary_password(world: PoolWithClock) -> tuple[Callable[[], Any], float]:
    """A temporary password works for seven days."""
    return lambda: world.password("new", PASSWORD), 7 * DAY


LENGTHS: dict[Callable[[PoolWithClock], tuple[Callable[[], Any], float]], dict[str, Any]] = {
    lock_out: {},
    session: {},
    reset_code: {"password_policy": {"password_history_size": 1}},
    quota: {"access_token_validity": 2 * 3600},
    grace: {"refresh_token_rotation": RefreshTokenRotation(60)},
    refresh_token: {"refresh_token_validity": 3600},
    temporary_password: {},
}


@pytest.mark.parametrize("length", LENGTHS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("back", [0, 60, DAY, 400 * DAY], ids=lambda each: f"{each}s back")
def test_a_clock_set_back_changes_no_expiry(signing_key: RSAKey, length: Any, back: int) -> None:
    """A clock that is set back changes no expiry."""
    from authfsm.local import PasswordPolicy  # noqa: PLC0415 - only here

    settings = dict(LENGTHS[length])
    if "password_policy" in settings:
        settings["password_policy"] = PasswordPolicy(**settings["password_policy"])
    world = PoolWithClock(signing_key, **settings)
    lasts, seconds = length(world)
    world.clock.advance(-back)
    assert error_of(lasts) is None
    world.clock.advance(seconds - 1)
    assert error_of(lasts) is None
    world.clock.advance(2)
    assert error_of(lasts) is not None


def test_a_steady_clock() -> None:
    """A steady clock follows its clock, and continues when that is set back, or after a restart."""
    clock = ManualClock(datetime(2026, 5, 5, tzinfo=timezone.utc))
    steady = SteadyClock(clock)
    start = steady()
    clock.advance(10)
    assert steady() - start == timedelta(seconds=10)
    clock.advance(-100)
    assert steady() - start == timedelta(seconds=10)
    clock.advance(5)
    assert steady() - start == timedelta(seconds=15)
    restarted_clock = SteadyClock(clock)
    restarted_clock.resume(start + timedelta(days=1))
    assert restarted_clock() - start == timedelta(days=1)
    clock.advance(1)
    assert restarted_clock() - start == timedelta(days=1, seconds=1)


# ---- a sign-in ends with the password that it proved ---------------------------------------------------


def by_administrator(world: PoolWithClock) -> None:
    """Call AdminSetUserPassword."""
    world.boto.admin_set_user_password(UserPoolId=world.pool_id, Username="ada", Password=NEW, Permanent=True)


def temporary_by_administrator(world: PoolWithClock) -> None:
    """Call AdminSetUserPassword with a temporary password."""
    world.boto.admin_set_user_password(UserPoolId=world.pool_id, Username="ada", Password=NEW)


def by_recovery(world: PoolWithClock) -> None:
    """Call ForgotPassword, and confirm its code."""
    world.boto.forgot_password(ClientId=world.pool.client_id, Username="ada")
    world.boto.confirm_forgot_password(
        ClientId=world.pool.client_id, Username="ada", ConfirmationCode=world.pool.outbox.code_for("ada"), Password=NEW
    )


def by_user(world: PoolWithClock) -> None:
    """Call ChangePassword."""
    tokens = world.code(world.password("ada", PASSWORD))["AuthenticationResult"]
    world.boto.change_password(AccessToken=tokens["AccessToken"], PreviousPassword=PASSWORD, ProposedPassword=NEW)


def disabled_and_enabled(world: PoolWithClock) -> None:
    """Call AdminDisableUser and AdminEnableUser."""
    world.boto.admin_disable_user(UserPoolId=world.pool_id, Username="ada")
    world.boto.admin_enable_user(UserPoolId=world.pool_id, Username="ada")


CHANGES = (by_administrator, temporary_by_administrator, by_recovery, by_user, disabled_and_enabled)


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
def test_a_pending_session_ends(signing_key: RSAKey, change: Callable[[PoolWithClock], None]) -> None:
    """After a change of the password, the right code of a pending sign-in is refused."""
    world = PoolWithClock(signing_key)
    reply = world.password("ada", PASSWORD)
    code = world.pool.outbox.code_for("ada")
    world.clock.advance(1)
    change(world)
    with refused(*EXPIRED):
        world.answer(reply, "ada", SMS_MFA_CODE=code)


@pytest.mark.parametrize(
    # After a temporary password NEW_PASSWORD_REQUIRED would have come first, whatever the setting.
    "change",
    [each for each in CHANGES if each is not temporary_by_administrator],
    ids=lambda each: each.__name__,
)
def test_a_pending_session_survives_with_the_setting(
    signing_key: RSAKey, change: Callable[[PoolWithClock], None]
) -> None:
    """With the setting, the code of a pending sign-in is accepted."""
    world = PoolWithClock(signing_key, contradictions=Contradictions(sessions_survive_password_change=True))
    reply = world.password("ada", PASSWORD)
    code = world.pool.outbox.code_for("ada")
    change(world)

    assert "Session" in reply
    assert world.answer(reply, "ada", SMS_MFA_CODE=code)


@pytest.mark.parametrize("how", ["admin_delete_user", "admin_disable_user", "admin_reset_user_password"])
def test_mfa_setup_ends_with_the_user(signing_key: RSAKey, how: str) -> None:
    """A session of MFA_SETUP ends if the user is deleted, disabled or must reset the password."""
    strict = LocalPool(key=signing_key, mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"])
    strict.add_user("ada", PASSWORD, email="ada@example.com")
    api = ApiClient(strict)
    reply = api.password("ada", PASSWORD)
    getattr(api.boto, how)(UserPoolId=strict.pool_id, Username="ada")
    if how != "admin_reset_user_password":
        assert error_of(lambda: api.boto.associate_software_token(Session=reply["Session"])) is not None
    assert error_of(lambda: api.answer(reply, "ada")) is not None


def test_a_new_password_in_the_sign_in_itself(signing_key: RSAKey) -> None:
    """NEW_PASSWORD_REQUIRED continues its own sign-in, and ends other pending ones."""
    world = PoolWithClock(signing_key)
    mine, other = world.password("new", PASSWORD), world.password("new", PASSWORD)

    assert "AuthenticationResult" in world.answer(mine, "new", NEW_PASSWORD=NEW)
    with refused(*EXPIRED):
        world.answer(other, "new", NEW_PASSWORD="Another-Passw0rd!")


@pytest.mark.parametrize("crit", [[], ["exp"], [7], {}, "", None], ids=repr)
def test_critical_extensions_are_refused(signing_key: RSAKey, crit: Any) -> None:
    """A token whose header has `crit` is refused, even if signed by the pool's own key (RFC 7515, 4.1.11)."""
    world = PoolWithClock(signing_key)
    token = world.tokens()["AccessToken"]
    claims = jwt.decode(token, signing_key).claims
    registry = jws.JWSRegistry(algorithms=["RS256"], strict_check_header=False)
    registry.check_header = lambda header: None  # type: ignore[method-assign]  # it is forging
    header = {"alg": "RS256", "kid": signing_key.kid, "crit": crit, "exp": 0}
    forged = jwt.encode(header, claims, signing_key, registry=registry)

    assert world.boto.get_user(AccessToken=token)["Username"] == "bob"
    with refused("NotAuthorizedException", "Invalid Access Token"):
        world.boto.get_user(AccessToken=forged)
