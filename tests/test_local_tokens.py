"""Tokens: Cognito's claims, signed by the pool's own key; refreshed, rotated, revoked, verified."""

from __future__ import annotations

import time
from typing import Any

import pytest
from api_client import WRONG, ApiClient, refused
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from authfsm import srp
from authfsm.local import LocalPool, ManualClock, RefreshTokenRotation

PASSWORD = "correct horse battery staple"


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture
def pool(signing_key: RSAKey, clock: ManualClock) -> LocalPool:
    """A pool with one user."""
    pool = LocalPool(key=signing_key, clock=clock)
    pool.add_user("ada", PASSWORD, email="ada@example.com", attributes={"custom:team": "engines"})
    return pool


@pytest.fixture
def api(pool: LocalPool) -> ApiClient:
    """A client of the pool."""
    return ApiClient(pool)


def sign_in(api: ApiClient) -> Any:
    """Return the tokens of a sign-in."""
    return api.password("ada", PASSWORD)["AuthenticationResult"]


def claims_of(pool: LocalPool, token: str) -> dict[str, Any]:
    """Return a token's claims, verified with the pool's JWKS."""
    keys = KeySet.import_key_set(pool.jwks())  # type: ignore[arg-type]
    return jwt.decode(token, keys, algorithms=["RS256"]).claims


class TestClaims:
    """The claims of the tokens."""

    def test_access_token(self, pool: LocalPool, api: ApiClient, clock: ManualClock) -> None:
        """The access token has Cognito's claims and no others."""
        now = int(clock().timestamp())
        claims = claims_of(pool, sign_in(api)["AccessToken"])
        random_claims = {claims.pop(name) for name in ("jti", "origin_jti", "event_id")}

        assert len(random_claims) == 3
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

    def test_id_token(self, pool: LocalPool, api: ApiClient) -> None:
        """The id token has the attributes too, with *_verified as booleans."""
        claims = claims_of(pool, sign_in(api)["IdToken"])

        assert claims["aud"] == pool.client_id
        assert claims["token_use"] == "id"
        assert claims["cognito:username"] == "ada"
        assert claims["email"] == "ada@example.com"
        assert claims["email_verified"] is True
        assert claims["custom:team"] == "engines"

    def test_custom_attributes_are_text(self, pool: LocalPool, api: ApiClient) -> None:
        """A custom attribute whose name ends in _verified is text in the id token, as in GetUser."""
        pool.user("ada").attributes["custom:kyc_verified"] = "2024-05-01"

        assert claims_of(pool, sign_in(api)["IdToken"])["custom:kyc_verified"] == "2024-05-01"

    def test_groups(self, pool: LocalPool, api: ApiClient) -> None:
        """Groups are in both tokens, if there are any."""
        pool.user("ada").groups = ("admins",)
        tokens = sign_in(api)

        for kind in ("AccessToken", "IdToken"):
            assert claims_of(pool, tokens[kind])["cognito:groups"] == ["admins"]

    def test_attributes_do_not_forge_claims(self, pool: LocalPool, api: ApiClient) -> None:
        """An attribute named like a claim does not replace it."""
        pool.user("ada").attributes.update(sub="eve", iss="eve", **{"cognito:username": "eve"})
        claims = claims_of(pool, sign_in(api)["IdToken"])

        assert pool.user("ada").sub == claims["sub"]
        assert pool.issuer == claims["iss"]
        assert claims["cognito:username"] == "ada"

    def test_issuer(self, signing_key: RSAKey) -> None:
        """The issuer can be set."""
        pool = LocalPool(key=signing_key, issuer="http://localhost:9229/x")
        pool.add_user("ada", PASSWORD)

        assert claims_of(pool, sign_in(ApiClient(pool))["IdToken"])["iss"] == "http://localhost:9229/x"

    def test_each_pool_has_its_own_key(self) -> None:
        """Each pool has a key of its own, generated at the first use."""
        one, other = LocalPool(), LocalPool()

        assert one._core.token_issuer._key is None
        assert one.jwks()["keys"][0]["n"] != other.jwks()["keys"][0]["n"]
        assert "d" not in one.jwks()["keys"][0]

    def test_both_first_tokens_have_the_same_key(self) -> None:
        """Two tokens that need the key at once get the same key, and jwks() has it."""
        for _ in range(8):
            pool = LocalPool()
            pool.add_user("ada", password="Correct-Horse-1")
            tokens = pool.cognito().sign_in("ada", "Correct-Horse-1").tokens
            assert tokens is not None
            assert tokens.id_token is not None

            for token in (tokens.access_token, tokens.id_token):
                assert claims_of(pool, token.reveal())["iss"] == pool.issuer


class TestGetUser:
    """GetUser verifies access tokens."""

    def test_a_valid_token(self, api: ApiClient) -> None:
        """A valid token returns the user."""
        user_reply = api.boto.get_user(AccessToken=sign_in(api)["AccessToken"])

        assert user_reply["Username"] == "ada"
        assert {"sub", "email", "email_verified", "custom:team"} == {
            each["Name"] for each in user_reply["UserAttributes"]
        }

    def test_expired(self, api: ApiClient, clock: ManualClock) -> None:
        """An access token expires after an hour."""
        token = sign_in(api)["AccessToken"]
        clock.advance(3600)
        with refused("NotAuthorizedException", "Access Token has expired"):
            api.boto.get_user(AccessToken=token)

    def test_invalid_tokens(self, pool: LocalPool, api: ApiClient) -> None:
        """An id token, a foreign, altered or unsigned token, and a word are refused."""
        tokens = sign_in(api)
        head, body, signature = tokens["AccessToken"].split(".")
        other = LocalPool(pool_id=pool.pool_id, client_id=pool.client_id)
        other.add_user("ada", PASSWORD)
        unsigned = jwt.encode({"alg": "RS256"}, {"token_use": "access"}, RSAKey.generate_key(2048))
        for token in (
            tokens["IdToken"],
            sign_in(ApiClient(other))["AccessToken"],
            f"{head}.{body[:-4]}AAAA.{signature}",
            f"eyJhbGciOiJub25lIn0.{body}.",
            unsigned,
            "word",
            tokens["RefreshToken"],
        ):
            with refused("NotAuthorizedException", "Invalid Access Token"):
                api.boto.get_user(AccessToken=token)

    def test_a_disabled_user(self, pool: LocalPool, api: ApiClient) -> None:
        """A disabled user is refused."""
        token = sign_in(api)["AccessToken"]
        pool.user("ada").enabled = False
        with refused("NotAuthorizedException", "User is disabled."):
            api.boto.get_user(AccessToken=token)


class TestRefresh:
    """REFRESH_TOKEN_AUTH, REFRESH_TOKEN, GetTokensFromRefreshToken."""

    @pytest.mark.parametrize("flow", ["REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"])
    def test_new_tokens(self, pool: LocalPool, api: ApiClient, clock: ManualClock, flow: str) -> None:
        """New access and id tokens, no new refresh token; auth_time and origin_jti stay."""
        first = sign_in(api)
        clock.advance(600)
        again = api.initiate(flow, REFRESH_TOKEN=first["RefreshToken"])["AuthenticationResult"]
        old, new = claims_of(pool, first["AccessToken"]), claims_of(pool, again["AccessToken"])

        assert "RefreshToken" not in again
        assert (old["auth_time"], old["origin_jti"]) == (new["auth_time"], new["origin_jti"])
        assert old["iat"] + 600 == new["iat"]
        assert old["jti"] != new["jti"]

    def test_a_refresh_token_after_a_challenge(self, signing_key: RSAKey) -> None:
        """Tokens from the answer to a challenge are refreshed like any others."""
        pool = LocalPool(key=signing_key)
        pool.add_user("ada", PASSWORD, temporary=True)
        api = ApiClient(pool)
        challenge_reply = api.srp("ada", PASSWORD)
        tokens = api.answer(challenge_reply, "ada", NEW_PASSWORD="New-Passw0rd!")["AuthenticationResult"]

        assert "AuthenticationResult" in api.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=tokens["RefreshToken"])

    def test_as_an_administrator(self, api: ApiClient) -> None:
        """AdminInitiateAuth refreshes too."""
        token = sign_in(api)["RefreshToken"]

        assert "AuthenticationResult" in api.initiate_as_admin("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token)

    def test_expired(self, api: ApiClient, clock: ManualClock) -> None:
        """A refresh token expires after thirty days."""
        token = sign_in(api)["RefreshToken"]
        clock.advance(30 * 24 * 3600)
        with refused("NotAuthorizedException", "Refresh Token has expired"):
            api.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token)

    def test_invented_or_of_another_client(self, pool: LocalPool, api: ApiClient) -> None:
        """An invented token, or one of another app client, is invalid."""
        other = ApiClient(pool, pool.add_client())
        token = sign_in(api)["RefreshToken"]
        for who, what in ((api, "nonsense"), (other, token)):
            with refused("NotAuthorizedException", "Invalid Refresh Token."):
                who.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=what)

    def test_secret(self, signing_key: RSAKey) -> None:
        """SECRET_HASH is over the user's real name; GetTokensFromRefreshToken needs the secret itself."""
        pool = LocalPool(key=signing_key, client_secret=True, username_attributes=["email"])
        pool.add_user("ada@example.com", PASSWORD)
        api = ApiClient(pool)
        token = api.password("ada@example.com", PASSWORD)["AuthenticationResult"]["RefreshToken"]
        assert pool.client_secret is not None
        secret = pool.client_secret.reveal()
        right = srp.secret_hash(pool.user("ada@example.com").sub, pool.client_id, secret)
        wrong = srp.secret_hash("ada@example.com", pool.client_id, secret)

        assert "AuthenticationResult" in api.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token, SECRET_HASH=right)
        with refused("NotAuthorizedException", f"Unable to verify secret hash for client {pool.client_id}"):
            api.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token, SECRET_HASH=wrong)
        with refused(
            "NotAuthorizedException",
            f"Client {pool.client_id} is configured with secret but ClientSecret was not received, or is wrong",
        ):
            api.boto.get_tokens_from_refresh_token(RefreshToken=token, ClientId=pool.client_id)
        assert "AuthenticationResult" in api.boto.get_tokens_from_refresh_token(
            RefreshToken=token, ClientId=pool.client_id, ClientSecret=secret
        )


class TestRotation:
    """RefreshTokenRotation."""

    @pytest.fixture
    def pool(self, signing_key: RSAKey, clock: ManualClock) -> LocalPool:
        """A pool whose app client rotates refresh tokens, with ten seconds of grace."""
        pool = LocalPool(
            key=signing_key, clock=clock, refresh_token_rotation=RefreshTokenRotation(retry_grace_period_seconds=10)
        )
        pool.add_user("ada", PASSWORD)
        return pool

    @staticmethod
    def rotate(api: ApiClient, token: str) -> str:
        """Return the next refresh token."""
        reply = api.boto.get_tokens_from_refresh_token(RefreshToken=token, ClientId=api.app.client_id)
        return str(reply["AuthenticationResult"]["RefreshToken"])

    def test_a_new_token_each_time(self, api: ApiClient, clock: ManualClock) -> None:
        """Each refresh returns a new token; after the grace period the old one is refused."""
        first = sign_in(api)["RefreshToken"]
        second = self.rotate(api, first)
        clock.advance(10)
        with refused("RefreshTokenReuseException", "Refresh token reuse detected"):
            self.rotate(api, first)

        assert second != self.rotate(api, second)

    def test_within_the_grace_period(self, api: ApiClient, clock: ManualClock) -> None:
        """A token may be used again within the grace period; only its newest successor is refreshed (measured)."""
        first = sign_in(api)["RefreshToken"]
        second = self.rotate(api, first)
        clock.advance(9)
        third = self.rotate(api, first)
        with refused("RefreshTokenReuseException", "Refresh token reuse detected"):
            self.rotate(api, second)

        assert third != self.rotate(api, third)

    def test_rotation_does_not_prolong(self, api: ApiClient, clock: ManualClock) -> None:
        """The next token expires when the first one would have (measured)."""
        first = sign_in(api)["RefreshToken"]
        clock.advance(29 * 24 * 3600)
        second = self.rotate(api, first)
        clock.advance(24 * 3600)
        with refused("NotAuthorizedException", "Refresh Token has expired"):
            self.rotate(api, second)

    def test_no_other_operation(self, api: ApiClient) -> None:
        """With rotation InitiateAuth refuses to refresh."""
        token = sign_in(api)["RefreshToken"]
        with refused("InvalidParameterException", "REFRESH_TOKEN_AUTH flow not enabled for this client"):
            api.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token)


class TestSigningOut:
    """RevokeToken and GlobalSignOut."""

    def check_revoked(self, api: ApiClient, tokens: Any) -> None:
        """Check that these tokens are refused."""
        with refused("NotAuthorizedException", "Access Token has been revoked"):
            api.boto.get_user(AccessToken=tokens["AccessToken"])
        with refused("NotAuthorizedException", "Refresh Token has been revoked"):
            api.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=tokens["RefreshToken"])

    def test_revoke(self, api: ApiClient) -> None:
        """Revoking a refresh token revokes its access tokens, and those of no other sign-in."""
        tokens, others = sign_in(api), sign_in(api)
        api.boto.revoke_token(Token=tokens["RefreshToken"], ClientId=api.app.client_id)
        self.check_revoked(api, tokens)

        assert api.boto.get_user(AccessToken=others["AccessToken"])["Username"] == "ada"

    def test_global_sign_out(self, api: ApiClient) -> None:
        """GlobalSignOut ends every sign-in, and the next one works."""
        tokens, others = sign_in(api), sign_in(api)
        api.boto.global_sign_out(AccessToken=tokens["AccessToken"])
        self.check_revoked(api, tokens)
        self.check_revoked(api, others)

        assert api.boto.get_user(AccessToken=sign_in(api)["AccessToken"])["Username"] == "ada"

    def test_invalid_revocations(self, pool: LocalPool, api: ApiClient) -> None:
        """An access token is of the wrong type; another client's is unauthorised; an unknown one is accepted."""
        tokens = sign_in(api)
        other = pool.add_client()
        with refused("UnsupportedTokenTypeException", "Unsupported token type"):
            api.boto.revoke_token(Token=tokens["AccessToken"], ClientId=pool.client_id)
        with refused("UnauthorizedException", "Unauthorized"):
            api.boto.revoke_token(Token=tokens["RefreshToken"], ClientId=other.client_id)
        api.boto.revoke_token(Token="nonsense", ClientId=pool.client_id)


class TestAdministrators:
    """AdminCreateUser, AdminSetUserPassword, AdminGetUser."""

    def test_from_invitation_to_tokens(self, pool: LocalPool, api: ApiClient) -> None:
        """A user is created, signs in with the temporary password, and is then CONFIRMED."""
        create_reply = api.boto.admin_create_user(
            UserPoolId=pool.pool_id,
            Username="eve",
            TemporaryPassword="Temp-Passw0rd!",
            UserAttributes=[{"Name": "email", "Value": "eve@example.com"}],
        )["User"]

        assert create_reply["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        challenge_reply = api.srp("eve", "Temp-Passw0rd!")
        api.answer(challenge_reply, "eve", NEW_PASSWORD="New-Passw0rd!")
        user_reply = api.boto.admin_get_user(UserPoolId=pool.pool_id, Username="eve")
        assert (user_reply["Username"], user_reply["UserStatus"], user_reply["Enabled"]) == ("eve", "CONFIRMED", True)

    def test_a_generated_password(self, pool: LocalPool, api: ApiClient) -> None:
        """Without a temporary password, the pool generates one that is not empty."""
        api.boto.admin_create_user(UserPoolId=pool.pool_id, Username="eve")
        with refused(*WRONG):
            api.srp("eve", "x")
        api.boto.admin_set_user_password(
            UserPoolId=pool.pool_id, Username="eve", Password="New-Passw0rd!", Permanent=True
        )

        assert "AuthenticationResult" in api.srp("eve", "New-Passw0rd!")

    def test_refusals(self, pool: LocalPool, api: ApiClient) -> None:
        """An existing name, a weak password and an unknown user are refused."""
        with refused("UsernameExistsException", "User account already exists"):
            api.boto.admin_create_user(UserPoolId=pool.pool_id, Username="ada")
        with refused("InvalidPasswordException", "Password does not conform to policy: Password not long enough"):
            api.boto.admin_create_user(UserPoolId=pool.pool_id, Username="eve", TemporaryPassword="Ab1!")
        with refused("UserNotFoundException", "User does not exist."):
            api.boto.admin_get_user(UserPoolId=pool.pool_id, Username="nobody")


def test_old_families_are_removed(pool: LocalPool, api: ApiClient, clock: ManualClock) -> None:
    """A day after they expired, tokens are removed."""
    for _ in range(3):
        sign_in(api)
    clock.advance(31 * 24 * 3600)
    sign_in(api)

    assert len(pool._core.token_issuer._families) == 1
    assert len(pool._core.token_issuer._by_refresh_token) == 1


def test_many_users(signing_key: RSAKey) -> None:
    """Finding one of 20,000 users needs no search."""
    pool = LocalPool(key=signing_key, aliases=["email"])
    for number in range(20_000):
        pool.add_user(f"user{number}", email=f"user{number}@example.com")
    start = time.process_time()
    for number in range(0, 20_000, 2):
        pool.user(f"user{number}@example.com")

    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "key",
    [ECKey.generate_key(), OctKey.generate_key(), OKPKey.generate_key(), "a PEM", {}, None],
    ids=["EC", "octets", "Ed25519", "text", "dict", "public"],
)
def test_a_key_that_cannot_sign(key: Any, signing_key: RSAKey) -> None:
    """A key that is not a private RSA key is refused at once."""
    key = RSAKey.import_key(signing_key.as_dict(private=False)) if key is None else key
    with pytest.raises(ValueError, match=r"cannot sign with RS256: pass a private joserfc\.jwk\.RSAKey"):
        LocalPool(key=key)


@pytest.mark.filterwarnings("ignore:Key size")
def test_a_short_key() -> None:
    """A key that RFC 7518, 3.3, forbids for RS256 is refused at once: `Verifier` would refuse every token."""
    with pytest.raises(ValueError, match="of 2048 bits or more"):
        LocalPool(key=RSAKey.generate_key(1024))


@pytest.mark.parametrize("wrong", ["exp", "event_id", "origin_jti"])
@pytest.mark.parametrize("value", [None, "soon", ["x"], 1e20])
def test_a_token_that_the_key_signed_elsewhere(signing_key: RSAKey, wrong: str, value: Any) -> None:
    """A token of a test's own, signed with the pool's key, is refused as invalid or revoked, whatever its claims are."""
    pool = LocalPool(key=signing_key)
    claims = {"token_use": "access", "iss": pool.issuer, "exp": 2**40, "event_id": "x", wrong: value}
    token = jwt.encode({"alg": "RS256"}, {n: v for n, v in claims.items() if v is not None}, signing_key)

    with pytest.raises(pool.client().exceptions.NotAuthorizedException, match=r"Invalid Access Token|been revoked"):
        pool.client().get_user(AccessToken=token)
