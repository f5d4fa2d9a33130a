"""The local pool checks SRP: every proof, every bound, and the requests of known clients."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from api_client import EXPIRED, MISMATCH, UNKNOWN, USED, WRONG, ApiClient, refused
from joserfc.jwk import RSAKey
from pycognito.aws_srp import AWSSRP

from authfsm import srp
from authfsm.local import LocalPool, ManualClock
from authfsm.protocol.error_policy import Fault, RecoveryAction, error_rule

PASSWORD = "correct horse battery staple"


@pytest.fixture
def pool(signing_key: RSAKey) -> LocalPool:
    """A pool with one user."""
    pool = LocalPool(key=signing_key, clock=ManualClock())
    pool.add_user("ada", PASSWORD)
    return pool


def test_the_right_proof_returns_tokens(pool: LocalPool) -> None:
    """USER_SRP_AUTH leads to PASSWORD_VERIFIER without a Session; the right proof returns tokens."""
    api = ApiClient(pool)
    challenge_reply = api.srp_a("ada")

    assert challenge_reply["ChallengeName"] == "PASSWORD_VERIFIER"
    assert "Session" not in challenge_reply
    assert set(challenge_reply["ChallengeParameters"]) == {
        "SALT",
        "SRP_B",
        "SECRET_BLOCK",
        "USER_ID_FOR_SRP",
        "USERNAME",
    }

    final_reply = api.answer(challenge_reply, "ada", **api.claim(challenge_reply, PASSWORD))

    assert final_reply["ChallengeParameters"] == {}
    assert set(final_reply["AuthenticationResult"]) == {
        "AccessToken",
        "IdToken",
        "RefreshToken",
        "ExpiresIn",
        "TokenType",
    }


def test_as_an_administrator(pool: LocalPool) -> None:
    """AdminInitiateAuth accepts USER_SRP_AUTH too."""
    api = ApiClient(pool)
    challenge_reply = api.initiate_as_admin("USER_SRP_AUTH", USERNAME="ada", SRP_A=api.ephemeral.SRP_A)
    final_reply = api.boto.admin_respond_to_auth_challenge(
        UserPoolId=pool.pool_id,
        ClientId=pool.client_id,
        ChallengeName="PASSWORD_VERIFIER",
        ChallengeResponses={"USERNAME": "ada", **api.claim(challenge_reply, PASSWORD)},
    )

    assert "AuthenticationResult" in final_reply


def test_a_wrong_password_is_refused(pool: LocalPool) -> None:
    """A proof with another password is refused, and the secret block is used up."""
    api = ApiClient(pool)
    challenge_reply = api.srp_a("ada")
    with refused(*WRONG):
        api.answer(challenge_reply, "ada", **api.claim(challenge_reply, "wrong"))
    with refused(*USED):
        api.answer(challenge_reply, "ada", **api.claim(challenge_reply, PASSWORD))


@pytest.mark.parametrize("signature", ["garbage", "", "AAAA", "é" * 44])
def test_invalid_signatures(pool: LocalPool, signature: str) -> None:
    """An invalid signature is refused, whatever its form."""
    api = ApiClient(pool)
    challenge_reply = api.srp_a("ada")
    claim = {**api.claim(challenge_reply, PASSWORD), "PASSWORD_CLAIM_SIGNATURE": signature}
    expected = (
        WRONG if signature else ("InvalidParameterException", "Missing required parameter PASSWORD_CLAIM_SIGNATURE")
    )
    with refused(*expected):
        api.answer(challenge_reply, "ada", **claim)


def test_a_secret_block_is_used_once(pool: LocalPool) -> None:
    """A proof that returned tokens is refused the second time."""
    api = ApiClient(pool)
    challenge_reply = api.srp_a("ada")
    claim = api.claim(challenge_reply, PASSWORD)
    api.answer(challenge_reply, "ada", **claim)
    with refused(*USED):
        api.answer(challenge_reply, "ada", **claim)


def test_another_users_name_is_refused(pool: LocalPool) -> None:
    """A challenge for ada does not sign in eve."""
    pool.add_user("eve", PASSWORD)
    api = ApiClient(pool)
    challenge_reply = api.srp_a("ada")
    with refused(*UNKNOWN):
        api.answer(challenge_reply, "eve", **api.claim(challenge_reply, PASSWORD))


def test_an_invented_secret_block_is_refused(pool: LocalPool) -> None:
    """A secret block that the pool did not issue is "Incorrect username or password." (measured)."""
    api = ApiClient(pool)
    challenge_reply = api.srp_a("ada")
    claim = {**api.claim(challenge_reply, PASSWORD), "PASSWORD_CLAIM_SECRET_BLOCK": "AAAA"}
    with refused(*WRONG):
        api.answer(challenge_reply, "ada", **claim)


def test_a_secret_block_of_another_challenge(pool: LocalPool) -> None:
    """A secret block of PASSWORD_VERIFIER does not answer DEVICE_PASSWORD_VERIFIER."""
    api = ApiClient(pool)
    challenge_reply = api.srp_a("ada")
    with refused(*MISMATCH):
        api.respond("DEVICE_PASSWORD_VERIFIER", USERNAME="ada", **api.claim(challenge_reply, PASSWORD))


def test_a_secret_block_of_another_client(pool: LocalPool) -> None:
    """A challenge of another app client is refused."""
    api, other = ApiClient(pool), ApiClient(pool, pool.add_client())
    challenge_reply = api.srp_a("ada")
    with refused(*WRONG):
        other.answer(challenge_reply, "ada", **api.claim(challenge_reply, PASSWORD))

    assert "AuthenticationResult" in api.answer(challenge_reply, "ada", **api.claim(challenge_reply, PASSWORD))


def test_the_proof_must_come_in_time(pool: LocalPool) -> None:
    """A proof is refused three minutes after its challenge."""
    api = ApiClient(pool)
    challenge_reply = api.srp_a("ada")
    assert isinstance(pool.clock, ManualClock)
    pool.clock.advance(180)
    with refused(*EXPIRED):
        api.answer(challenge_reply, "ada", **api.claim(challenge_reply, PASSWORD))


def test_a_session_must_be_right(pool: LocalPool) -> None:
    """USER_SRP_AUTH returns no Session, so an answer with one is refused."""
    api = ApiClient(pool)
    challenge_reply = api.srp_a("ada")
    with refused(*UNKNOWN):
        api.respond("PASSWORD_VERIFIER", "x" * 40, USERNAME="ada", **api.claim(challenge_reply, PASSWORD))


@pytest.mark.parametrize(
    "srp_a",
    [
        pytest.param("00", id="zero"),
        pytest.param("0", id="a single zero"),
        pytest.param(srp.to_hex(srp.N), id="N"),
        pytest.param(srp.to_hex(2 * srp.N), id="2N"),
        pytest.param("1" * 100_000, id="huge"),
    ],
)
def test_dangerous_srp_a_is_refused(pool: LocalPool, srp_a: str) -> None:
    """SRP_A that is 0 mod N or oversized is refused."""
    with refused("InvalidParameterException", "SRP_A is not the public value of an SRP client."):
        ApiClient(pool).initiate("USER_SRP_AUTH", USERNAME="ada", SRP_A=srp_a)


@pytest.mark.parametrize("srp_a", ["xyz", "-5", "COFFEEG"])
def test_srp_a_is_hexadecimal(pool: LocalPool, srp_a: str) -> None:
    """An SRP_A that is not a number is refused as by Cognito, and must not be repeated."""
    message = (
        "1 validation error detected: Value at 'a' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: ^[0-9a-fA-F]+$"
    )
    with refused("InvalidParameterException", message):
        ApiClient(pool).initiate("USER_SRP_AUTH", USERNAME="ada", SRP_A=srp_a)
    row = error_rule("InvalidParameterException", message, "InitiateAuth")

    assert (row.action, row.fault) == (RecoveryAction.GIVE_UP, Fault.CALLER)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(
            lambda text: text.replace("UTC ", ""),
            ("InvalidParameterException", "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english."),
            id="unreadable",
        ),
        pytest.param(lambda text: text.replace(" 5 ", " 05 "), WRONG, id="zero-padded day"),
        pytest.param(lambda text: text.replace("Tue", "Wed"), WRONG, id="wrong weekday"),
    ],
)
def test_timestamp_format(signing_key: RSAKey, spoil: Callable[[str], str], expected: tuple[str, str]) -> None:
    """An unreadable TIMESTAMP is an invalid parameter; one in another format is a wrong proof."""
    clock = ManualClock(datetime(2023, 9, 5, 7, 8, 9, tzinfo=timezone.utc))
    pool = LocalPool(key=signing_key, clock=clock)
    pool.add_user("ada", PASSWORD)
    api = ApiClient(pool)
    challenge_reply = api.srp_a("ada")
    with refused(*expected):
        api.answer(challenge_reply, "ada", **api.claim(challenge_reply, PASSWORD, spoil(srp.timestamp(clock()))))


class TestUsernameInAnswers:
    """amazon-cognito-identity-js, pycognito and warrant-lite name the user in three ways."""

    @pytest.fixture
    def pool(self, signing_key: RSAKey) -> LocalPool:
        """A pool whose users sign in with an e-mail address; its client has a secret."""
        pool = LocalPool(key=signing_key, username_attributes=["email"], client_secret=True)
        pool.add_user("ada@example.com", PASSWORD)
        return pool

    @pytest.mark.parametrize("which", ["USER_ID_FOR_SRP", "USERNAME", "typed"])
    def test_all_three_are_accepted(self, pool: LocalPool, which: str) -> None:
        """The internal name and the alias are accepted, with a SECRET_HASH over the one that is sent."""
        api = ApiClient(pool)
        challenge_reply = api.srp_a("ada@example.com")
        names = {"typed": "ada@example.com", **challenge_reply["ChallengeParameters"]}[which]

        assert "AuthenticationResult" in api.answer(challenge_reply, names, **api.claim(challenge_reply, PASSWORD))

    def test_the_internal_name_is_the_sub(self, pool: LocalPool) -> None:
        """USER_ID_FOR_SRP is a UUID, with which the password is proved, instead of the address."""
        challenge_reply = ApiClient(pool).srp_a("ada@example.com")

        assert challenge_reply["ChallengeParameters"]["USER_ID_FOR_SRP"] == pool.user("ada@example.com").sub

    def test_the_hash_must_fit_the_name_in_the_request(self, pool: LocalPool) -> None:
        """A hash over the alias does not fit the internal name."""
        api = ApiClient(pool)
        challenge_reply = api.srp_a("ada@example.com")
        assert pool.client_secret is not None
        stale = srp.secret_hash("ada@example.com", pool.client_id, pool.client_secret.reveal())
        claim = {**api.claim(challenge_reply, PASSWORD), "SECRET_HASH": stale}
        inner = challenge_reply["ChallengeParameters"]["USER_ID_FOR_SRP"]
        with refused("NotAuthorizedException", f"Unable to verify secret hash for client {pool.client_id}"):
            api.answer(challenge_reply, inner, **claim)


class TestUnknownUser:
    """An unknown user is simulated (ENABLED) or refused (LEGACY)."""

    def test_the_simulation_is_stable_and_fails(self, pool: LocalPool) -> None:
        """An unknown name gets a PASSWORD_VERIFIER like any other, with the same salt every time."""
        api = ApiClient(pool)
        first, second = api.srp_a("nobody"), api.srp_a("nobody")
        salt, other = (each["ChallengeParameters"]["SALT"] for each in (first, second))

        assert salt == other
        assert first["ChallengeParameters"]["SRP_B"] != second["ChallengeParameters"]["SRP_B"]
        assert salt != api.srp_a("noone")["ChallengeParameters"]["SALT"]
        assert set(first) == set(api.srp_a("ada"))
        with refused(*WRONG):
            api.answer(first, "nobody", **api.claim(first, PASSWORD))

    def test_the_simulated_name_is_a_uuid_with_username_attributes(self, signing_key: RSAKey) -> None:
        """In a pool with username attributes an unknown user's USER_ID_FOR_SRP is a stable UUID."""
        api = ApiClient(LocalPool(key=signing_key, username_attributes=["email"]))
        names = {api.srp_a("nobody@example.com")["ChallengeParameters"]["USER_ID_FOR_SRP"] for _ in range(2)}

        assert [len(name) for name in names] == [36]

    def test_legacy_refuses_at_once(self, signing_key: RSAKey) -> None:
        """With LEGACY, InitiateAuth returns UserNotFoundException (measured)."""
        api = ApiClient(LocalPool(key=signing_key, prevent_user_existence_errors="LEGACY"))
        with refused("UserNotFoundException", "User does not exist."):
            api.srp_a("nobody")

    def test_a_sub_is_not_a_username(self, pool: LocalPool) -> None:
        """Signing in with the sub is refused where users have names (measured)."""
        api = ApiClient(pool)
        challenge_reply = api.srp_a(pool.user("ada").sub)
        with refused(*WRONG):
            api.answer(
                challenge_reply,
                challenge_reply["ChallengeParameters"]["USERNAME"],
                **api.claim(challenge_reply, PASSWORD),
            )


class TestPycognito:
    """pycognito, a client written for Cognito, works unchanged."""

    def sign_in(self, pool: LocalPool, password: str) -> Any:
        """Sign in with pycognito."""
        secret = pool.client_secret.reveal() if pool.client_secret else None
        return AWSSRP(
            "ada", password, pool.pool_id, pool.client_id, client=pool.client(), client_secret=secret
        ).authenticate_user()

    @pytest.mark.parametrize("client_secret", [False, True])
    def test_right_and_wrong_password(self, signing_key: RSAKey, client_secret: bool) -> None:  # noqa: FBT001 - a case
        """The right password returns tokens, a wrong one NotAuthorizedException."""
        pool = LocalPool(key=signing_key, client_secret=client_secret)
        pool.add_user("ada", PASSWORD)

        assert "AuthenticationResult" in self.sign_in(pool, PASSWORD)
        with refused(*WRONG):
            self.sign_in(pool, "wrong")

    def test_new_password(self, signing_key: RSAKey) -> None:
        """A proof that pycognito sends with the new password is ignored."""
        pool = LocalPool(key=signing_key)
        pool.add_user("ada", PASSWORD, temporary=True)
        client = AWSSRP("ada", PASSWORD, pool.pool_id, pool.client_id, client=pool.client())
        final_reply = client.set_new_password_challenge("New-Passw0rd!")

        assert "AuthenticationResult" in final_reply
        assert "AuthenticationResult" in self.sign_in(pool, "New-Passw0rd!")
