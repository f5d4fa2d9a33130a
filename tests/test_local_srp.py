"""The embedded pool verifies SRP: every proof, every bound, every client's habits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from local_talk import EXPIRED, MISMATCH, UNKNOWN, USED, WRONG, Talk, refused
from pycognito.aws_srp import AWSSRP

from authfsm import srp
from authfsm.local import LocalPool, ManualClock

PASSWORD = "correct horse battery staple"


@pytest.fixture
def pool(signing_key: RSAKey) -> LocalPool:
    """A pool with one user."""
    pool = LocalPool(key=signing_key, clock=ManualClock())
    pool.add_user("ada", PASSWORD)
    return pool


def test_right_proof_gets_tokens(pool: LocalPool) -> None:
    """USER_SRP_AUTH asks PASSWORD_VERIFIER without a Session; the right proof brings tokens."""
    talk = Talk(pool)
    asked = talk.srp_a("ada")

    assert asked["ChallengeName"] == "PASSWORD_VERIFIER"
    assert "Session" not in asked
    assert set(asked["ChallengeParameters"]) == {
        "SALT",
        "SRP_B",
        "SECRET_BLOCK",
        "USER_ID_FOR_SRP",
        "USERNAME",
    }

    done = talk.answer(asked, "ada", **talk.claim(asked, PASSWORD))

    assert done["ChallengeParameters"] == {}
    assert set(done["AuthenticationResult"]) == {
        "AccessToken",
        "IdToken",
        "RefreshToken",
        "ExpiresIn",
        "TokenType",
    }


def test_the_same_as_an_administrator(pool: LocalPool) -> None:
    """AdminInitiateAuth takes USER_SRP_AUTH too."""
    talk = Talk(pool)
    asked = talk.initiate_as_admin("USER_SRP_AUTH", USERNAME="ada", SRP_A=talk.mine.SRP_A)
    done = talk.boto.admin_respond_to_auth_challenge(
        UserPoolId=pool.pool_id,
        ClientId=pool.client_id,
        ChallengeName="PASSWORD_VERIFIER",
        ChallengeResponses={"USERNAME": "ada", **talk.claim(asked, PASSWORD)},
    )

    assert "AuthenticationResult" in done


def test_wrong_password_is_refused(pool: LocalPool) -> None:
    """A proof made with another password is refused, and the secret block is spent."""
    talk = Talk(pool)
    asked = talk.srp_a("ada")
    with refused(*WRONG):
        talk.answer(asked, "ada", **talk.claim(asked, "wrong"))
    with refused(*USED):
        talk.answer(asked, "ada", **talk.claim(asked, PASSWORD))


@pytest.mark.parametrize("signature", ["garbage", "", "AAAA", "é" * 44])
def test_garbage_is_no_signature(pool: LocalPool, signature: str) -> None:
    """A signature that is not the one is refused, whatever it looks like."""
    talk = Talk(pool)
    asked = talk.srp_a("ada")
    claim = {**talk.claim(asked, PASSWORD), "PASSWORD_CLAIM_SIGNATURE": signature}
    expected = (
        WRONG
        if signature
        else (
            "InvalidParameterException",
            "Missing required parameter PASSWORD_CLAIM_SIGNATURE",
        )
    )
    with refused(*expected):
        talk.answer(asked, "ada", **claim)


def test_secret_block_is_used_once(pool: LocalPool) -> None:
    """A proof that brought tokens brings none again."""
    talk = Talk(pool)
    asked = talk.srp_a("ada")
    claim = talk.claim(asked, PASSWORD)
    talk.answer(asked, "ada", **claim)
    with refused(*USED):
        talk.answer(asked, "ada", **claim)


def test_another_users_name_is_refused(pool: LocalPool) -> None:
    """A challenge begun for ada does not sign in eve."""
    pool.add_user("eve", PASSWORD)
    talk = Talk(pool)
    asked = talk.srp_a("ada")
    with refused(*UNKNOWN):
        talk.answer(asked, "eve", **talk.claim(asked, PASSWORD))


def test_made_up_secret_block_is_refused(pool: LocalPool) -> None:
    """A secret block that the pool did not issue is "Incorrect username or password." (measured)."""
    talk = Talk(pool)
    asked = talk.srp_a("ada")
    claim = {**talk.claim(asked, PASSWORD), "PASSWORD_CLAIM_SECRET_BLOCK": "AAAA"}
    with refused(*WRONG):
        talk.answer(asked, "ada", **claim)


def test_one_secret_block_does_not_serve_another_challenge(pool: LocalPool) -> None:
    """A secret block of PASSWORD_VERIFIER answers no DEVICE_PASSWORD_VERIFIER."""
    talk = Talk(pool)
    asked = talk.srp_a("ada")
    with refused(*MISMATCH):
        talk.respond("DEVICE_PASSWORD_VERIFIER", USERNAME="ada", **talk.claim(asked, PASSWORD))


def test_another_apps_secret_block_is_refused(pool: LocalPool) -> None:
    """A challenge of one app client is no challenge of another's."""
    talk, other = Talk(pool), Talk(pool, pool.add_client())
    asked = talk.srp_a("ada")
    with refused(*WRONG):
        other.answer(asked, "ada", **talk.claim(asked, PASSWORD))

    assert "AuthenticationResult" in talk.answer(asked, "ada", **talk.claim(asked, PASSWORD))


def test_answer_must_come_within_the_sessions_life(pool: LocalPool) -> None:
    """Three minutes after the challenge no proof is taken any more."""
    talk = Talk(pool)
    asked = talk.srp_a("ada")
    assert isinstance(pool.clock, ManualClock)
    pool.clock.advance(180)
    with refused(*EXPIRED):
        talk.answer(asked, "ada", **talk.claim(asked, PASSWORD))


def test_a_session_given_must_be_right(pool: LocalPool) -> None:
    """USER_SRP_AUTH gives no Session: whichever comes with the answer is made up."""
    talk = Talk(pool)
    asked = talk.srp_a("ada")
    with refused(*UNKNOWN):
        talk.respond("PASSWORD_VERIFIER", "x" * 40, USERNAME="ada", **talk.claim(asked, PASSWORD))


@pytest.mark.parametrize(
    "srp_a",
    [
        pytest.param("00", id="zero"),
        pytest.param("0", id="a single zero"),
        pytest.param(srp.to_hex(srp.N), id="N"),
        pytest.param(srp.to_hex(2 * srp.N), id="2N"),
        pytest.param("1" * 100_000, id="huge"),
        pytest.param("xyz", id="not hex"),
        pytest.param("-5", id="negative"),
    ],
)
def test_dangerous_srp_a_is_refused(pool: LocalPool, srp_a: str) -> None:
    """SRP_A that is 0 mod N, malformed or oversized begins nothing."""
    with refused("InvalidParameterException", "SRP_A is not the public value of an SRP client."):
        Talk(pool).initiate("USER_SRP_AUTH", USERNAME="ada", SRP_A=srp_a)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(
            lambda text: text.replace("UTC ", ""),
            (
                "InvalidParameterException",
                "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.",
            ),
            id="unreadable",
        ),
        pytest.param(lambda text: text.replace(" 5 ", " 05 "), WRONG, id="zero-padded day"),
        pytest.param(lambda text: text.replace("Tue", "Wed"), WRONG, id="wrong weekday"),
    ],
)
def test_timestamp_is_read_as_cognito_reads_it(
    signing_key: RSAKey, spoil: Callable[[str], str], expected: tuple[str, str]
) -> None:
    """What cannot be read is a wrong parameter; what Java would write otherwise is a wrong proof."""
    clock = ManualClock(datetime(2023, 9, 5, 7, 8, 9, tzinfo=timezone.utc))
    pool = LocalPool(key=signing_key, clock=clock)
    pool.add_user("ada", PASSWORD)
    talk = Talk(pool)
    asked = talk.srp_a("ada")
    with refused(*expected):
        talk.answer(asked, "ada", **talk.claim(asked, PASSWORD, spoil(srp.timestamp(clock()))))


class TestTheNameInTheAnswer:
    """amazon-cognito-identity-js, pycognito and warrant-lite name the user in three ways."""

    @pytest.fixture
    def pool(self, signing_key: RSAKey) -> LocalPool:
        """A pool whose users sign in with an e-mail address; its client has a secret."""
        pool = LocalPool(key=signing_key, username_attributes=["email"], client_secret=True)
        pool.add_user("ada@example.com", PASSWORD)
        return pool

    @pytest.mark.parametrize("which", ["USER_ID_FOR_SRP", "USERNAME", "typed"])
    def test_all_three_are_taken(self, pool: LocalPool, which: str) -> None:
        """The internal name and the alias are taken, SECRET_HASH being over whichever is sent."""
        talk = Talk(pool)
        asked = talk.srp_a("ada@example.com")
        named = {"typed": "ada@example.com", **asked["ChallengeParameters"]}[which]

        assert "AuthenticationResult" in talk.answer(asked, named, **talk.claim(asked, PASSWORD))

    def test_the_internal_name_is_the_sub(self, pool: LocalPool) -> None:
        """USER_ID_FOR_SRP is a UUID, not the address: the password is proved under it."""
        asked = Talk(pool).srp_a("ada@example.com")

        assert asked["ChallengeParameters"]["USER_ID_FOR_SRP"] == pool.user("ada@example.com").sub

    def test_the_hash_must_fit_the_name_of_the_same_request(self, pool: LocalPool) -> None:
        """A hash over the alias does not go with the internal name."""
        talk = Talk(pool)
        asked = talk.srp_a("ada@example.com")
        assert pool.client_secret is not None
        stale = srp.secret_hash("ada@example.com", pool.client_id, pool.client_secret.reveal())
        claim = {**talk.claim(asked, PASSWORD), "SECRET_HASH": stale}
        inner = asked["ChallengeParameters"]["USER_ID_FOR_SRP"]
        with refused(
            "NotAuthorizedException",
            f"Unable to verify secret hash for client {pool.client_id}",
        ):
            talk.answer(asked, inner, **claim)


class TestNobody:
    """A user who is not there: pretended (ENABLED) or told (LEGACY)."""

    def test_the_simulation_is_stable_and_fails(self, pool: LocalPool) -> None:
        """An unknown name gets a PASSWORD_VERIFIER like any other, with the same salt every time."""
        talk = Talk(pool)
        first, second = talk.srp_a("nobody"), talk.srp_a("nobody")
        salt, other = (each["ChallengeParameters"]["SALT"] for each in (first, second))

        assert salt == other
        assert first["ChallengeParameters"]["SRP_B"] != second["ChallengeParameters"]["SRP_B"]
        assert salt != talk.srp_a("noone")["ChallengeParameters"]["SALT"]
        assert set(first) == set(talk.srp_a("ada"))
        with refused(*WRONG):
            talk.answer(first, "nobody", **talk.claim(first, PASSWORD))

    def test_the_simulated_name_is_a_uuid_where_names_are(self, signing_key: RSAKey) -> None:
        """In a pool with username attributes nobody's USER_ID_FOR_SRP is a stable UUID."""
        talk = Talk(LocalPool(key=signing_key, username_attributes=["email"]))
        names = {
            talk.srp_a("nobody@example.com")["ChallengeParameters"]["USER_ID_FOR_SRP"]
            for _ in range(2)
        }

        assert [len(name) for name in names] == [36]

    def test_legacy_says_so_at_once(self, signing_key: RSAKey) -> None:
        """With LEGACY, InitiateAuth says that the user does not exist (measured)."""
        talk = Talk(LocalPool(key=signing_key, prevent_user_existence_errors="LEGACY"))
        with refused("UserNotFoundException", "User does not exist."):
            talk.srp_a("nobody")

    def test_a_sub_is_no_name(self, pool: LocalPool) -> None:
        """Signing in by the sub is refused where users have names (measured)."""
        talk = Talk(pool)
        asked = talk.srp_a(pool.user("ada").sub)
        with refused(*WRONG):
            talk.answer(
                asked,
                asked["ChallengeParameters"]["USERNAME"],
                **talk.claim(asked, PASSWORD),
            )


class TestPycognito:
    """pycognito, a client written for Cognito, is served unchanged."""

    def signed_in(self, pool: LocalPool, password: str) -> Any:
        """A sign-in by pycognito."""
        secret = pool.client_secret.reveal() if pool.client_secret else None
        return AWSSRP(
            "ada",
            password,
            pool.pool_id,
            pool.client_id,
            client=pool.client(),
            client_secret=secret,
        ).authenticate_user()

    @pytest.mark.parametrize("client_secret", [False, True])
    def test_right_and_wrong(self, signing_key: RSAKey, client_secret: bool) -> None:  # noqa: FBT001 - a case
        """The right password brings tokens, a wrong one NotAuthorizedException."""
        pool = LocalPool(key=signing_key, client_secret=client_secret)
        pool.add_user("ada", PASSWORD)

        assert "AuthenticationResult" in self.signed_in(pool, PASSWORD)
        with refused(*WRONG):
            self.signed_in(pool, "wrong")

    def test_new_password(self, signing_key: RSAKey) -> None:
        """Pycognito sends its proof along with the new password: it is ignored."""
        pool = LocalPool(key=signing_key)
        pool.add_user("ada", PASSWORD, temporary=True)
        client = AWSSRP("ada", PASSWORD, pool.pool_id, pool.client_id, client=pool.client())
        done = client.set_new_password_challenge("New-Passw0rd!")

        assert "AuthenticationResult" in done
        assert "AuthenticationResult" in self.signed_in(pool, "New-Passw0rd!")
