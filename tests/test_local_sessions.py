"""Sessions: opaque, bound to client, user and challenge, new on every leg, single-use, short-lived."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc.jwk import RSAKey
from local_talk import EXPIRED, MISMATCH, UNKNOWN, USED, Talk, refused

from authfsm.local import LocalPool, ManualClock

PASSWORD = "correct horse battery staple"


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still."""
    return ManualClock()


@pytest.fixture
def pool(signing_key: RSAKey, clock: ManualClock) -> LocalPool:
    """A pool that requires MFA by SMS; ada and eve have telephones."""
    pool = LocalPool(key=signing_key, clock=clock, mfa="ON", mfa_methods=["SMS_MFA"])
    pool.add_user("ada", PASSWORD, phone_number="+15550001111")
    pool.add_user("eve", PASSWORD, phone_number="+15550002222")
    return pool


@pytest.fixture
def talk(pool: LocalPool) -> Talk:
    """A conversation with the pool."""
    return Talk(pool)


def code(pool: LocalPool, name: str = "ada") -> str:
    """The last code sent."""
    return pool.outbox.code_for(name)


def wrong(right: str) -> str:
    """A code that is not that one."""
    return f"{(int(right) + 1) % 10**6:06d}"


def test_right_session_and_code(pool: LocalPool, talk: Talk) -> None:
    """The session of the challenge and the code that was sent bring tokens."""
    asked = talk.password("ada", PASSWORD)

    assert asked["ChallengeName"] == "SMS_MFA"
    assert 20 <= len(asked["Session"]) <= 4096
    assert "AuthenticationResult" in talk.answer(asked, "ada", SMS_MFA_CODE=code(pool))


def test_a_session_is_used_once(pool: LocalPool, talk: Talk) -> None:
    """After it brought tokens it brings no more."""
    asked = talk.password("ada", PASSWORD)
    talk.answer(asked, "ada", SMS_MFA_CODE=code(pool))
    with refused(*USED):
        talk.answer(asked, "ada", SMS_MFA_CODE=code(pool))


def test_a_made_up_session(talk: Talk) -> None:
    """What the pool never issued is no session."""
    with refused(*UNKNOWN):
        talk.respond("SMS_MFA", "x" * 64, USERNAME="ada", SMS_MFA_CODE="123456")


def test_no_session(pool: LocalPool, talk: Talk) -> None:
    """A missing Session is named, and nothing is consumed."""
    asked = talk.password("ada", PASSWORD)
    with refused("InvalidParameterException", "Missing required parameter Session"):
        talk.respond("SMS_MFA", USERNAME="ada", SMS_MFA_CODE=code(pool))

    assert "AuthenticationResult" in talk.answer(asked, "ada", SMS_MFA_CODE=code(pool))


def test_another_users_session(pool: LocalPool, talk: Talk) -> None:
    """Ada's session signs in nobody else, and is burnt by the attempt."""
    asked = talk.password("ada", PASSWORD)
    with refused(*UNKNOWN):
        talk.answer(asked, "eve", SMS_MFA_CODE=code(pool))
    with refused(*USED):
        talk.answer(asked, "ada", SMS_MFA_CODE=code(pool))


def test_another_users_code(pool: LocalPool, talk: Talk) -> None:
    """A code sent to eve is no code of ada's."""
    asked = talk.password("ada", PASSWORD)
    pool.outbox.code_for("ada")
    talk.password("eve", PASSWORD)
    assert code(pool, "ada") != code(pool, "eve")
    with refused(*MISMATCH):
        talk.answer(asked, "ada", SMS_MFA_CODE=code(pool, "eve"))


def test_another_clients_session(pool: LocalPool, talk: Talk) -> None:
    """A session of one app client is none of another's, and its owner can still use it."""
    other = Talk(pool, pool.add_client())
    asked = talk.password("ada", PASSWORD)
    with refused(*UNKNOWN):
        other.answer(asked, "ada", SMS_MFA_CODE=code(pool))

    assert "AuthenticationResult" in talk.answer(asked, "ada", SMS_MFA_CODE=code(pool))


def test_another_pools_session(signing_key: RSAKey, pool: LocalPool, talk: Talk) -> None:
    """Nor is a session of one pool any of another's."""
    twin = LocalPool(key=signing_key, client_id=pool.client_id, pool_id=pool.pool_id)
    twin.add_user("ada", PASSWORD)
    asked = talk.password("ada", PASSWORD)
    with refused(*UNKNOWN):
        Talk(twin).answer(asked, "ada", SMS_MFA_CODE=code(pool))


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
def test_another_challenges_session(
    pool: LocalPool, talk: Talk, challenge: str, responses: dict[str, str]
) -> None:
    """A session answers its own challenge only; another name is told as a code mismatch."""
    asked = talk.password("ada", PASSWORD)
    with refused(*MISMATCH):
        talk.respond(challenge, asked["Session"], USERNAME="ada", **responses)

    assert "AuthenticationResult" in talk.answer(asked, "ada", SMS_MFA_CODE=code(pool))


def test_no_code_is_no_code(pool: LocalPool, talk: Talk) -> None:
    """An answer without a code, or with an empty one, is not right by accident."""
    asked = talk.password("ada", PASSWORD)
    for responses in ({}, {"SMS_MFA_CODE": ""}):
        with refused("InvalidParameterException", "Missing required parameter SMS_MFA_CODE"):
            talk.answer(asked, "ada", **responses)
    for guess in ("0", "None", " ", "00000000"):
        with refused(*MISMATCH):
            talk.answer(asked, "ada", SMS_MFA_CODE=guess)

    assert "AuthenticationResult" in talk.answer(asked, "ada", SMS_MFA_CODE=code(pool))


def test_a_wrong_code_leaves_the_session(pool: LocalPool, talk: Talk) -> None:
    """CodeMismatchException, then the right code on the same session."""
    asked = talk.password("ada", PASSWORD)
    with refused(*MISMATCH):
        talk.answer(asked, "ada", SMS_MFA_CODE=wrong(code(pool)))

    assert "AuthenticationResult" in talk.answer(asked, "ada", SMS_MFA_CODE=code(pool))


def test_five_wrong_codes_lock_out(pool: LocalPool, talk: Talk, clock: ManualClock) -> None:
    """MFA codes count like passwords; the lock-out ends the session."""
    asked = talk.password("ada", PASSWORD)
    for _ in range(5):
        with refused(*MISMATCH):
            talk.answer(asked, "ada", SMS_MFA_CODE=wrong(code(pool)))
    with refused("NotAuthorizedException", "Password attempts exceeded"):
        talk.answer(asked, "ada", SMS_MFA_CODE=code(pool))
    clock.advance(1)
    with refused(*USED):
        talk.answer(asked, "ada", SMS_MFA_CODE=code(pool))


@pytest.mark.parametrize("minutes", [3, 15])
def test_a_session_expires(signing_key: RSAKey, clock: ManualClock, minutes: int) -> None:
    """AuthSessionValidity: a moment before it is good, at its end it is not."""
    pool = LocalPool(key=signing_key, clock=clock, mfa="ON", auth_session_validity=minutes)
    pool.add_user("ada", PASSWORD, phone_number="+15550001111")
    talk = Talk(pool)
    early, late = talk.password("ada", PASSWORD), talk.password("ada", PASSWORD)
    first = pool.outbox[-2].code.reveal()
    clock.advance(60 * minutes - 1)

    assert "AuthenticationResult" in talk.answer(early, "ada", SMS_MFA_CODE=first)
    clock.advance(1)
    with refused(*EXPIRED):
        talk.answer(late, "ada", SMS_MFA_CODE=code(pool))


def test_validity_has_bounds() -> None:
    """AuthSessionValidity is 3 to 15 minutes."""
    for minutes in (2, 16):
        with pytest.raises(ValueError, match="3 to 15"):
            LocalPool(auth_session_validity=minutes)


def test_every_leg_has_a_session_of_its_own(signing_key: RSAKey) -> None:
    """The session changes at every step, and an older one is spent."""
    pool = LocalPool(key=signing_key, mfa="ON")
    pool.add_user("ada", PASSWORD, email="ada@example.com", phone_number="+15550001111")
    talk = Talk(pool)
    choice = talk.password("ada", PASSWORD)
    asked = talk.answer(choice, "ada", ANSWER="SMS_MFA")

    assert choice["Session"] != asked["Session"]
    with refused(*USED):
        talk.answer(choice, "ada", ANSWER="EMAIL_OTP")


def test_the_code_of_an_older_attempt(pool: LocalPool, talk: Talk) -> None:
    """A code belongs to its own session (measured): the newer session needs the newer code."""
    talk.password("ada", PASSWORD)
    older = code(pool)
    asked = talk.password("ada", PASSWORD)
    assert older != code(pool)
    with refused(*MISMATCH):
        talk.answer(asked, "ada", SMS_MFA_CODE=older)

    assert "AuthenticationResult" in talk.answer(asked, "ada", SMS_MFA_CODE=code(pool))


def test_a_user_disabled_in_between(pool: LocalPool, talk: Talk) -> None:
    """Who is disabled while signing in gets no further."""
    asked = talk.password("ada", PASSWORD)
    pool.user("ada").enabled = False
    with refused("NotAuthorizedException", "User is disabled."):
        talk.answer(asked, "ada", SMS_MFA_CODE=code(pool))


def test_forgotten_sessions_take_no_room(pool: LocalPool, talk: Talk, clock: ManualClock) -> None:
    """An hour after their end sessions are forgotten; a new one is not."""
    stale: list[Any] = [talk.password("ada", PASSWORD) for _ in range(5)]
    clock.advance(3600 + 3 * 60)
    fresh = talk.password("ada", PASSWORD)

    assert len(pool._core.sessions) == 1
    with refused(*UNKNOWN):
        talk.answer(stale[0], "ada", SMS_MFA_CODE=code(pool))
    assert "AuthenticationResult" in talk.answer(fresh, "ada", SMS_MFA_CODE=code(pool))


def test_a_crowd_of_used_sessions_takes_no_room(
    pool: LocalPool, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However fast they come, used sessions are remembered up to a number; those that wait are all kept."""
    monkeypatch.setattr("authfsm.local.state.sessions._MANY", 20)
    for _ in range(30):
        asked = talk.password("ada", PASSWORD)
        talk.answer(asked, "ada", SMS_MFA_CODE=code(pool))
    waiting = [talk.password("ada", PASSWORD) for _ in range(30)]

    assert len(pool._core.sessions) <= 20 + len(waiting)
    assert "AuthenticationResult" in talk.answer(waiting[-1], "ada", SMS_MFA_CODE=code(pool))
    assert all(each["Session"] in pool._core.sessions._pending for each in waiting)
