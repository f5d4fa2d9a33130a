"""Sessions: opaque, bound to client, user and challenge, new for each challenge, used once, short-lived."""

from __future__ import annotations

from typing import Any

import pytest
from api_client import EXPIRED, MISMATCH, UNKNOWN, USED, ApiClient, refused
from joserfc.jwk import RSAKey

from authfsm.local import LocalPool, ManualClock

PASSWORD = "correct horse battery staple"


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture
def pool(signing_key: RSAKey, clock: ManualClock) -> LocalPool:
    """A pool that requires MFA by SMS; ada and eve have phone numbers."""
    pool = LocalPool(key=signing_key, clock=clock, mfa="ON", mfa_methods=["SMS_MFA"])
    pool.add_user("ada", PASSWORD, phone_number="+15550001111")
    pool.add_user("eve", PASSWORD, phone_number="+15550002222")
    return pool


@pytest.fixture
def api(pool: LocalPool) -> ApiClient:
    """A client of the pool."""
    return ApiClient(pool)


def code(pool: LocalPool, name: str = "ada") -> str:
    """Return the last code that was sent."""
    return pool.outbox.code_for(name)


def wrong(right: str) -> str:
    """Return another code."""
    return f"{(int(right) + 1) % 10**6:06d}"


def test_right_session_and_code(pool: LocalPool, api: ApiClient) -> None:
    """The challenge's session with the right code returns tokens."""
    challenge_reply = api.password("ada", PASSWORD)

    assert challenge_reply["ChallengeName"] == "SMS_MFA"
    assert 20 <= len(challenge_reply["Session"]) <= 4096
    assert "AuthenticationResult" in api.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))


def test_a_session_is_used_once(pool: LocalPool, api: ApiClient) -> None:
    """A session that returned tokens is refused afterwards."""
    challenge_reply = api.password("ada", PASSWORD)
    api.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))
    with refused(*USED):
        api.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))


def test_an_invented_session(api: ApiClient) -> None:
    """A session that the pool never issued is refused."""
    with refused(*UNKNOWN):
        api.respond("SMS_MFA", "x" * 64, USERNAME="ada", SMS_MFA_CODE="123456")


def test_a_missing_session(pool: LocalPool, api: ApiClient) -> None:
    """A missing Session is named, and nothing is used up."""
    challenge_reply = api.password("ada", PASSWORD)
    with refused("InvalidParameterException", "Missing required parameter Session"):
        api.respond("SMS_MFA", USERNAME="ada", SMS_MFA_CODE=code(pool))

    assert "AuthenticationResult" in api.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))


def test_another_users_session(pool: LocalPool, api: ApiClient) -> None:
    """Ada's session signs in no other user, and is used up by the attempt."""
    challenge_reply = api.password("ada", PASSWORD)
    with refused(*UNKNOWN):
        api.answer(challenge_reply, "eve", SMS_MFA_CODE=code(pool))
    with refused(*USED):
        api.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))


def test_another_users_code(pool: LocalPool, api: ApiClient) -> None:
    """A code sent to eve does not answer ada's challenge."""
    challenge_reply = api.password("ada", PASSWORD)
    pool.outbox.code_for("ada")
    api.password("eve", PASSWORD)
    assert code(pool, "ada") != code(pool, "eve")
    with refused(*MISMATCH):
        api.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool, "eve"))


def test_another_clients_session(pool: LocalPool, api: ApiClient) -> None:
    """A session of another app client is refused, and its owner can still use it."""
    other = ApiClient(pool, pool.add_client())
    challenge_reply = api.password("ada", PASSWORD)
    with refused(*UNKNOWN):
        other.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))

    assert "AuthenticationResult" in api.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))


def test_another_pools_session(signing_key: RSAKey, pool: LocalPool, api: ApiClient) -> None:
    """A session of another pool is refused."""
    twin = LocalPool(key=signing_key, client_id=pool.client_id, pool_id=pool.pool_id)
    twin.add_user("ada", PASSWORD)
    challenge_reply = api.password("ada", PASSWORD)
    with refused(*UNKNOWN):
        ApiClient(twin).answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))


@pytest.mark.parametrize(
    ("challenge", "responses"),
    [
        ("SOFTWARE_TOKEN_MFA", {"SOFTWARE_TOKEN_MFA_CODE": "123456"}),
        ("EMAIL_OTP", {"EMAIL_OTP_CODE": "123456"}),
        ("MFA_SETUP", {}),
        ("NEW_PASSWORD_REQUIRED", {"NEW_PASSWORD": "New-Passw0rd!"}),
        ("CUSTOM_CHALLENGE", {"ANSWER": "x"}),
        ("SELECT_MFA_TYPE", {"ANSWER": "SMS_MFA"}),
        ("DEVICE_SRP_AUTH", {"DEVICE_KEY": "x_1", "SRP_A": "2"}),
        ("WEB_AUTHN", {"CREDENTIAL": "{}"}),
        ("SOMETHING_NEW", {}),
    ],
)
def test_another_challenges_session(pool: LocalPool, api: ApiClient, challenge: str, responses: dict[str, str]) -> None:
    """A session answers its own challenge only; another ChallengeName is a code mismatch."""
    challenge_reply = api.password("ada", PASSWORD)
    with refused(*MISMATCH):
        api.respond(challenge, challenge_reply["Session"], USERNAME="ada", **responses)

    assert "AuthenticationResult" in api.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))


def test_a_missing_code(pool: LocalPool, api: ApiClient) -> None:
    """An answer without a code, or with an empty one, is refused."""
    challenge_reply = api.password("ada", PASSWORD)
    for responses in ({}, {"SMS_MFA_CODE": ""}):
        with refused("InvalidParameterException", "Missing required parameter SMS_MFA_CODE"):
            api.answer(challenge_reply, "ada", **responses)
    for guess in ("0", "None", " ", "00000000"):
        with refused(*MISMATCH):
            api.answer(challenge_reply, "ada", SMS_MFA_CODE=guess)

    assert "AuthenticationResult" in api.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))


def test_a_wrong_code_keeps_the_session(pool: LocalPool, api: ApiClient) -> None:
    """After CodeMismatchException the right code is accepted with the same session."""
    challenge_reply = api.password("ada", PASSWORD)
    with refused(*MISMATCH):
        api.answer(challenge_reply, "ada", SMS_MFA_CODE=wrong(code(pool)))

    assert "AuthenticationResult" in api.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))


def test_five_wrong_codes_lock_out(pool: LocalPool, api: ApiClient, clock: ManualClock) -> None:
    """MFA codes count like passwords; the lock-out ends the session."""
    challenge_reply = api.password("ada", PASSWORD)
    for _ in range(5):
        with refused(*MISMATCH):
            api.answer(challenge_reply, "ada", SMS_MFA_CODE=wrong(code(pool)))
    with refused("NotAuthorizedException", "Password attempts exceeded"):
        api.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))
    clock.advance(1)
    with refused(*USED):
        api.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))


@pytest.mark.parametrize("minutes", [3, 15])
def test_a_session_expires(signing_key: RSAKey, clock: ManualClock, minutes: int) -> None:
    """A session is accepted just before AuthSessionValidity ends, and refused at its end."""
    pool = LocalPool(key=signing_key, clock=clock, mfa="ON", auth_session_validity=minutes)
    pool.add_user("ada", PASSWORD, phone_number="+15550001111")
    api = ApiClient(pool)
    early, late = api.password("ada", PASSWORD), api.password("ada", PASSWORD)
    first = pool.outbox[-2].code.reveal()
    clock.advance(60 * minutes - 1)

    assert "AuthenticationResult" in api.answer(early, "ada", SMS_MFA_CODE=first)
    clock.advance(1)
    with refused(*EXPIRED):
        api.answer(late, "ada", SMS_MFA_CODE=code(pool))


def test_validity_bounds() -> None:
    """AuthSessionValidity is 3 to 15 minutes."""
    for minutes in (2, 16):
        with pytest.raises(ValueError, match="3 to 15"):
            LocalPool(auth_session_validity=minutes)


def test_every_challenge_has_its_own_session(signing_key: RSAKey) -> None:
    """The session changes with every step, and an older one is used up."""
    pool = LocalPool(key=signing_key, mfa="ON")
    pool.add_user("ada", PASSWORD, email="ada@example.com", phone_number="+15550001111")
    api = ApiClient(pool)
    choice = api.password("ada", PASSWORD)
    challenge_reply = api.answer(choice, "ada", ANSWER="SMS_MFA")

    assert choice["Session"] != challenge_reply["Session"]
    with refused(*USED):
        api.answer(choice, "ada", ANSWER="EMAIL_OTP")


def test_the_code_of_an_older_attempt(pool: LocalPool, api: ApiClient) -> None:
    """A code belongs to its own session (measured): the newer session needs the newer code."""
    api.password("ada", PASSWORD)
    older = code(pool)
    challenge_reply = api.password("ada", PASSWORD)
    assert older != code(pool)
    with refused(*MISMATCH):
        api.answer(challenge_reply, "ada", SMS_MFA_CODE=older)

    assert "AuthenticationResult" in api.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))


def test_a_user_disabled_during_the_sign_in(pool: LocalPool, api: ApiClient) -> None:
    """A user who is disabled while signing in is refused."""
    challenge_reply = api.password("ada", PASSWORD)
    pool.user("ada").enabled = False
    with refused("NotAuthorizedException", "User is disabled."):
        api.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))


def test_old_sessions_are_removed(pool: LocalPool, api: ApiClient, clock: ManualClock) -> None:
    """Sessions are removed an hour after they end."""
    stale: list[Any] = [api.password("ada", PASSWORD) for _ in range(5)]
    clock.advance(3600 + 3 * 60)
    fresh = api.password("ada", PASSWORD)

    assert len(pool._core.sessions._by_session) == 1
    with refused(*UNKNOWN):
        api.answer(stale[0], "ada", SMS_MFA_CODE=code(pool))
    assert "AuthenticationResult" in api.answer(fresh, "ada", SMS_MFA_CODE=code(pool))


def test_many_used_sessions_are_removed(pool: LocalPool, api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a limited number of used sessions is kept, but every pending one."""
    monkeypatch.setattr("authfsm.local.state.sessions._MAX_REMEMBERED", 20)
    for _ in range(30):
        challenge_reply = api.password("ada", PASSWORD)
        api.answer(challenge_reply, "ada", SMS_MFA_CODE=code(pool))
    waiting = [api.password("ada", PASSWORD) for _ in range(30)]

    assert len(pool._core.sessions._by_session) <= 20 + len(waiting)
    assert "AuthenticationResult" in api.answer(waiting[-1], "ada", SMS_MFA_CODE=code(pool))
    assert all(each["Session"] in pool._core.sessions._by_session for each in waiting)
