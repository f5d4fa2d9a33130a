"""Tokens: Cognito's claims under the pool's own key; refreshed, rotated, revoked, read back."""

from __future__ import annotations

import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from local_talk import WRONG, Talk, refused

from authfsm import srp
from authfsm.local import LocalPool, ManualClock, RefreshTokenRotation

PASSWORD = "correct horse battery staple"


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still."""
    return ManualClock()


@pytest.fixture
def pool(signing_key: RSAKey, clock: ManualClock) -> LocalPool:
    """A pool with one user."""
    pool = LocalPool(key=signing_key, clock=clock)
    pool.add_user("ada", PASSWORD, email="ada@example.com", attributes={"custom:team": "engines"})
    return pool


@pytest.fixture
def talk(pool: LocalPool) -> Talk:
    """A conversation with the pool."""
    return Talk(pool)


def signed_in(talk: Talk) -> Any:
    """The tokens of a sign-in."""
    return talk.password("ada", PASSWORD)["AuthenticationResult"]


def read(pool: LocalPool, token: str) -> dict[str, Any]:
    """A token's claims, by the pool's JWKS."""
    keys = KeySet.import_key_set(pool.jwks())  # type: ignore[arg-type]
    return jwt.decode(token, keys, algorithms=["RS256"]).claims


class TestClaims:
    """What the tokens say."""

    def test_access_token(self, pool: LocalPool, talk: Talk, clock: ManualClock) -> None:
        """The access token has Cognito's claims and no others."""
        now = int(clock().timestamp())
        claims = read(pool, signed_in(talk)["AccessToken"])
        drawn = {claims.pop(name) for name in ("jti", "origin_jti", "event_id")}

        assert len(drawn) == 3
        assert claims == {
            "sub": pool.user("ada").sub,
            "iss": f"https://cognito-idp.eu-west-1.amazonaws.com/{pool.pool_id}",
            "client_id": pool.client_id,
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "auth_time": now,
            "iat": now,
            "exp": now + 3600,
            "username": "ada",
            "amr": ["pwd"],
            "acr": "urn:cognito:loa:1",
        }

    def test_id_token(self, pool: LocalPool, talk: Talk) -> None:
        """The id token has the attributes too, the marks of verification as booleans."""
        claims = read(pool, signed_in(talk)["IdToken"])

        assert claims["aud"] == pool.client_id
        assert claims["token_use"] == "id"
        assert claims["cognito:username"] == "ada"
        assert claims["email"] == "ada@example.com"
        assert claims["email_verified"] is True
        assert claims["custom:team"] == "engines"

    def test_groups(self, pool: LocalPool, talk: Talk) -> None:
        """Groups are in both, where there are any."""
        pool.user("ada").groups = ("admins",)
        tokens = signed_in(talk)

        for kind in ("AccessToken", "IdToken"):
            assert read(pool, tokens[kind])["cognito:groups"] == ["admins"]

    def test_attributes_do_not_forge_claims(self, pool: LocalPool, talk: Talk) -> None:
        """An attribute named like a claim does not replace it."""
        pool.user("ada").attributes.update(sub="eve", iss="eve", **{"cognito:username": "eve"})
        claims = read(pool, signed_in(talk)["IdToken"])

        assert pool.user("ada").sub == claims["sub"]
        assert pool.issuer == claims["iss"]
        assert claims["cognito:username"] == "ada"

    def test_issuer(self, signing_key: RSAKey) -> None:
        """The issuer is a setting."""
        pool = LocalPool(key=signing_key, issuer="http://localhost:9229/x")
        pool.add_user("ada", PASSWORD)

        assert read(pool, signed_in(Talk(pool))["IdToken"])["iss"] == "http://localhost:9229/x"

    def test_a_key_of_its_own(self) -> None:
        """Each pool has a key of its own, made when it is first wanted."""
        one, other = LocalPool(), LocalPool()

        assert one._core.token_issuer._key is None
        assert one.jwks()["keys"][0]["n"] != other.jwks()["keys"][0]["n"]
        assert "d" not in one.jwks()["keys"][0]

    def test_both_tokens_of_the_first_sign_in_bear_its_one_key(self) -> None:
        """The key is made when two tokens want it at once: it is one key, and jwks() has it."""
        for _ in range(8):
            pool = LocalPool()
            pool.add_user("ada", password="Correct-Horse-1")
            tokens = pool.cognito().sign_in("ada", "Correct-Horse-1").tokens
            assert tokens is not None
            assert tokens.id_token is not None

            for token in (tokens.access_token, tokens.id_token):
                assert read(pool, token.reveal())["iss"] == pool.issuer


class TestGetUser:
    """Access tokens are verified when they come back."""

    def test_right(self, talk: Talk) -> None:
        """A good one shows the user."""
        seen = talk.boto.get_user(AccessToken=signed_in(talk)["AccessToken"])

        assert seen["Username"] == "ada"
        assert {"sub", "email", "email_verified", "custom:team"} == {
            each["Name"] for each in seen["UserAttributes"]
        }

    def test_expired(self, talk: Talk, clock: ManualClock) -> None:
        """An hour later it has expired."""
        token = signed_in(talk)["AccessToken"]
        clock.advance(3600)
        with refused("NotAuthorizedException", "Access Token has expired"):
            talk.boto.get_user(AccessToken=token)

    def test_what_is_no_access_token(self, pool: LocalPool, talk: Talk) -> None:
        """An id token, a token of another key, an altered one, an unsigned one, a word."""
        tokens = signed_in(talk)
        head, body, signature = tokens["AccessToken"].split(".")
        other = LocalPool(pool_id=pool.pool_id, client_id=pool.client_id)
        other.add_user("ada", PASSWORD)
        unsigned = jwt.encode({"alg": "RS256"}, {"token_use": "access"}, RSAKey.generate_key(2048))
        for token in (
            tokens["IdToken"],
            signed_in(Talk(other))["AccessToken"],
            f"{head}.{body[:-4]}AAAA.{signature}",
            f"eyJhbGciOiJub25lIn0.{body}.",
            unsigned,
            "word",
            tokens["RefreshToken"],
        ):
            with refused("NotAuthorizedException", "Invalid Access Token"):
                talk.boto.get_user(AccessToken=token)

    def test_a_disabled_user(self, pool: LocalPool, talk: Talk) -> None:
        """Who is disabled is told so."""
        token = signed_in(talk)["AccessToken"]
        pool.user("ada").enabled = False
        with refused("NotAuthorizedException", "User is disabled."):
            talk.boto.get_user(AccessToken=token)


class TestRefresh:
    """REFRESH_TOKEN_AUTH, REFRESH_TOKEN, GetTokensFromRefreshToken."""

    @pytest.mark.parametrize("flow", ["REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"])
    def test_new_tokens(self, pool: LocalPool, talk: Talk, clock: ManualClock, flow: str) -> None:
        """New access and id tokens, no new refresh token; auth_time and origin_jti stay."""
        first = signed_in(talk)
        clock.advance(600)
        again = talk.initiate(flow, REFRESH_TOKEN=first["RefreshToken"])["AuthenticationResult"]
        old, new = read(pool, first["AccessToken"]), read(pool, again["AccessToken"])

        assert "RefreshToken" not in again
        assert (old["auth_time"], old["origin_jti"]) == (new["auth_time"], new["origin_jti"])
        assert old["iat"] + 600 == new["iat"]
        assert old["jti"] != new["jti"]

    def test_the_refresh_token_of_a_challenge_is_good(self, signing_key: RSAKey) -> None:
        """Tokens that came of a challenge's answer are refreshed like any others."""
        pool = LocalPool(key=signing_key)
        pool.add_user("ada", PASSWORD, temporary=True)
        talk = Talk(pool)
        asked = talk.srp("ada", PASSWORD)
        tokens = talk.answer(asked, "ada", NEW_PASSWORD="New-Passw0rd!")["AuthenticationResult"]

        assert "AuthenticationResult" in talk.initiate(
            "REFRESH_TOKEN_AUTH", REFRESH_TOKEN=tokens["RefreshToken"]
        )

    def test_as_an_administrator(self, talk: Talk) -> None:
        """AdminInitiateAuth refreshes too."""
        token = signed_in(talk)["RefreshToken"]

        assert "AuthenticationResult" in talk.initiate_as_admin(
            "REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token
        )

    def test_expired(self, talk: Talk, clock: ManualClock) -> None:
        """After thirty days it has expired."""
        token = signed_in(talk)["RefreshToken"]
        clock.advance(30 * 24 * 3600)
        with refused("NotAuthorizedException", "Refresh Token has expired"):
            talk.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token)

    def test_made_up_or_another_clients(self, pool: LocalPool, talk: Talk) -> None:
        """A token of nobody's, or of another app client's, is invalid."""
        other = Talk(pool, pool.add_client())
        token = signed_in(talk)["RefreshToken"]
        for who, what in ((talk, "nonsense"), (other, token)):
            with refused("NotAuthorizedException", "Invalid Refresh Token."):
                who.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=what)

    def test_secret(self, signing_key: RSAKey) -> None:
        """The hash is over the user's real name; GetTokensFromRefreshToken wants the secret itself."""
        pool = LocalPool(key=signing_key, client_secret=True, username_attributes=["email"])
        pool.add_user("ada@example.com", PASSWORD)
        talk = Talk(pool)
        token = talk.password("ada@example.com", PASSWORD)["AuthenticationResult"]["RefreshToken"]
        assert pool.client_secret is not None
        secret = pool.client_secret.reveal()
        right = srp.secret_hash(pool.user("ada@example.com").sub, pool.client_id, secret)
        wrong = srp.secret_hash("ada@example.com", pool.client_id, secret)

        assert "AuthenticationResult" in talk.initiate(
            "REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token, SECRET_HASH=right
        )
        with refused(
            "NotAuthorizedException", f"Unable to verify secret hash for client {pool.client_id}"
        ):
            talk.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token, SECRET_HASH=wrong)
        with refused(
            "NotAuthorizedException",
            f"Client {pool.client_id} is configured with secret but "
            "ClientSecret was not received, or is wrong",
        ):
            talk.boto.get_tokens_from_refresh_token(RefreshToken=token, ClientId=pool.client_id)
        assert "AuthenticationResult" in talk.boto.get_tokens_from_refresh_token(
            RefreshToken=token, ClientId=pool.client_id, ClientSecret=secret
        )


class TestRotation:
    """RefreshTokenRotation."""

    @pytest.fixture
    def pool(self, signing_key: RSAKey, clock: ManualClock) -> LocalPool:
        """A pool whose app client rotates refresh tokens, with ten seconds of grace."""
        pool = LocalPool(
            key=signing_key,
            clock=clock,
            refresh_token_rotation=RefreshTokenRotation(retry_grace_period_seconds=10),
        )
        pool.add_user("ada", PASSWORD)
        return pool

    @staticmethod
    def rotated(talk: Talk, token: str) -> str:
        """The next refresh token."""
        reply = talk.boto.get_tokens_from_refresh_token(
            RefreshToken=token, ClientId=talk.app.client_id
        )
        return str(reply["AuthenticationResult"]["RefreshToken"])

    def test_a_new_one_each_time(self, talk: Talk, clock: ManualClock) -> None:
        """Each refresh brings the next; the old one, after the grace, is reuse; the newest lives on."""
        first = signed_in(talk)["RefreshToken"]
        second = self.rotated(talk, first)
        clock.advance(10)
        with refused("RefreshTokenReuseException", "Refresh token reuse detected"):
            self.rotated(talk, first)

        assert second != self.rotated(talk, second)

    def test_within_the_grace(self, talk: Talk, clock: ManualClock) -> None:
        """A replay within the grace forks; only the newest child is refreshed on (measured)."""
        first = signed_in(talk)["RefreshToken"]
        second = self.rotated(talk, first)
        clock.advance(9)
        third = self.rotated(talk, first)
        with refused("RefreshTokenReuseException", "Refresh token reuse detected"):
            self.rotated(talk, second)

        assert third != self.rotated(talk, third)

    def test_the_life_is_not_prolonged(self, talk: Talk, clock: ManualClock) -> None:
        """The next token keeps what is left of the first one's life (measured)."""
        first = signed_in(talk)["RefreshToken"]
        clock.advance(29 * 24 * 3600)
        second = self.rotated(talk, first)
        clock.advance(24 * 3600)
        with refused("NotAuthorizedException", "Refresh Token has expired"):
            self.rotated(talk, second)

    def test_no_other_way(self, talk: Talk) -> None:
        """With rotation InitiateAuth refreshes nothing."""
        token = signed_in(talk)["RefreshToken"]
        with refused(
            "InvalidParameterException", "REFRESH_TOKEN_AUTH flow not enabled for this client"
        ):
            talk.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token)


class TestSigningOut:
    """RevokeToken and GlobalSignOut."""

    def gone(self, talk: Talk, tokens: Any) -> None:
        """These tokens are good for nothing."""
        with refused("NotAuthorizedException", "Access Token has been revoked"):
            talk.boto.get_user(AccessToken=tokens["AccessToken"])
        with refused("NotAuthorizedException", "Refresh Token has been revoked"):
            talk.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=tokens["RefreshToken"])

    def test_revoke(self, talk: Talk) -> None:
        """A revoked refresh token takes its access tokens with it, and no other sign-in's."""
        tokens, others = signed_in(talk), signed_in(talk)
        talk.boto.revoke_token(Token=tokens["RefreshToken"], ClientId=talk.app.client_id)
        self.gone(talk, tokens)

        assert talk.boto.get_user(AccessToken=others["AccessToken"])["Username"] == "ada"

    def test_everywhere(self, talk: Talk) -> None:
        """GlobalSignOut ends every sign-in, and the next one is good."""
        tokens, others = signed_in(talk), signed_in(talk)
        talk.boto.global_sign_out(AccessToken=tokens["AccessToken"])
        self.gone(talk, tokens)
        self.gone(talk, others)

        assert talk.boto.get_user(AccessToken=signed_in(talk)["AccessToken"])["Username"] == "ada"

    def test_what_cannot_be_revoked(self, pool: LocalPool, talk: Talk) -> None:
        """An access token is of the wrong type; another client's is unauthorised; nonsense is let pass."""
        tokens = signed_in(talk)
        other = pool.add_client()
        with refused("UnsupportedTokenTypeException", "Unsupported token type"):
            talk.boto.revoke_token(Token=tokens["AccessToken"], ClientId=pool.client_id)
        with refused("UnauthorizedException", "Unauthorized"):
            talk.boto.revoke_token(Token=tokens["RefreshToken"], ClientId=other.client_id)
        talk.boto.revoke_token(Token="nonsense", ClientId=pool.client_id)


class TestAdministrators:
    """AdminCreateUser, AdminSetUserPassword, AdminGetUser."""

    def test_from_invitation_to_tokens(self, pool: LocalPool, talk: Talk) -> None:
        """A user is made, signs in with the temporary password, and is then CONFIRMED."""
        made = talk.boto.admin_create_user(
            UserPoolId=pool.pool_id,
            Username="eve",
            TemporaryPassword="Temp-Passw0rd!",
            UserAttributes=[{"Name": "email", "Value": "eve@example.com"}],
        )["User"]

        assert made["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        asked = talk.srp("eve", "Temp-Passw0rd!")
        talk.answer(asked, "eve", NEW_PASSWORD="New-Passw0rd!")
        seen = talk.boto.admin_get_user(UserPoolId=pool.pool_id, Username="eve")
        assert (
            seen["Username"],
            seen["UserStatus"],
            seen["Enabled"],
        ) == ("eve", "CONFIRMED", True)

    def test_a_password_nobody_is_told(self, pool: LocalPool, talk: Talk) -> None:
        """Without a temporary password there is one all the same, and it is not the empty one."""
        talk.boto.admin_create_user(UserPoolId=pool.pool_id, Username="eve")
        with refused(*WRONG):
            talk.srp("eve", "x")
        talk.boto.admin_set_user_password(
            UserPoolId=pool.pool_id, Username="eve", Password="New-Passw0rd!", Permanent=True
        )

        assert "AuthenticationResult" in talk.srp("eve", "New-Passw0rd!")

    def test_refusals(self, pool: LocalPool, talk: Talk) -> None:
        """A name that is taken, a weak password, nobody."""
        with refused("UsernameExistsException", "User account already exists"):
            talk.boto.admin_create_user(UserPoolId=pool.pool_id, Username="ada")
        with refused(
            "InvalidPasswordException",
            "Password does not conform to policy: Password not long enough",
        ):
            talk.boto.admin_create_user(
                UserPoolId=pool.pool_id, Username="eve", TemporaryPassword="Ab1!"
            )
        with refused("UserNotFoundException", "User does not exist."):
            talk.boto.admin_get_user(UserPoolId=pool.pool_id, Username="nobody")


def test_forgotten_families_take_no_room(pool: LocalPool, talk: Talk, clock: ManualClock) -> None:
    """A day after they expired, tokens are forgotten."""
    for _ in range(3):
        signed_in(talk)
    clock.advance(31 * 24 * 3600)
    signed_in(talk)

    assert len(pool._core.token_issuer._families) == 1
    assert len(pool._core.token_issuer._by_refresh_token) == 1


def test_many_users_slow_nothing(signing_key: RSAKey) -> None:
    """Finding one of 20,000 users is no search."""
    pool = LocalPool(key=signing_key, aliases=["email"])
    for number in range(20_000):
        pool.add_user(f"user{number}", email=f"user{number}@example.com")
    begun = time.perf_counter()
    for number in range(0, 20_000, 2):
        pool.user(f"user{number}@example.com")

    assert time.perf_counter() - begun < 1
