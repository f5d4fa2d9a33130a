"""Rules about tokens: their signatures and claims, refreshing and revoking them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from authfsm.conformance import pools
from authfsm.conformance.pool_client import PoolClient
from authfsm.conformance.rule import CRITICAL, INITIATE, MAJOR, MINOR, RuleCollector, RuleContext, RuleSource
from authfsm.conformance.verdicts import ApiReply, NotSupported, RuleFailed, Skipped, fail_if
from authfsm.protocol import links

rule: Final = RuleCollector("Tokens")

_guide: Final = RuleSource.guide
_JWT_PAGE: Final = _guide("amazon-cognito-user-pools-using-tokens-verifying-a-jwt", "Verifying JSON web tokens")
_ACCESS_PAGE: Final = _guide("amazon-cognito-user-pools-using-the-access-token", "Understanding the access token")
_ID_PAGE: Final = _guide("amazon-cognito-user-pools-using-the-id-token", "Understanding the identity (ID) token")
_REFRESH_PAGE: Final = _guide(links.REFRESH_TOKENS, "Refresh tokens")
_REVOCATION_PAGE: Final = _guide(links.TOKEN_REVOCATION, "Ending user sessions with token revocation")
_SIGN_OUT: Final = RuleSource.reference("GlobalSignOut")


def _tokens(
    context: RuleContext, client: pools.ClientRequirements = pools.DEFAULT_CLIENT
) -> tuple[PoolClient, dict[str, str]]:
    """Sign in a new user; return the app client, and the AuthenticationResult with all values as text."""
    user = context.user(client=client)
    reply = user.sign_in().expect_success()
    if not reply.tokens:
        raise NotSupported(reply.summary)
    return user.client, {name: str(value) for name, value in reply.tokens.items() if value is not None}


def _key_set(client: PoolClient) -> KeySet:
    reply = client.api.get(f"{client.api.url.rstrip('/')}/{client.pool.pool_id}/.well-known/jwks.json")
    try:
        return KeySet.import_key_set(dict(reply.body))  # type: ignore[arg-type]  # it raises if this is no key set
    except (JoseError, KeyError, TypeError, ValueError):
        raise RuleFailed(f"there is no key set: {reply.summary}") from None


def claims_of(client: PoolClient, tokens: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the claims of a token; raise RuleFailed if the pool's keys do not verify its signature."""
    client.pool.require(pools.PLAIN_TOKENS)
    try:
        token = jwt.decode(tokens.get(name, ""), _key_set(client), algorithms=["RS256"])
    except (JoseError, ValueError) as error:
        why = f"{name} is not signed by the keys at .well-known/jwks.json"
        raise RuleFailed(f"{why} ({type(error).__name__})") from None
    return dict(token.claims)


def _expect_claims(claims: Mapping[str, Any], names: str, **values: str) -> None:
    missing = [name for name in names.split() if name not in claims]
    fail_if(missing, f"missing claims: {', '.join(missing)}")
    wrong = [name for name, value in values.items() if claims[name] != value]
    fail_if(wrong, f"wrong claims: {', '.join(wrong)}")


def _expect_token(context: RuleContext, token: str, use: str, client_claim: str, names: str) -> None:
    """Check a token's claims: those in `names`, its use, its app client, the end of its issuer, and its times."""
    client, tokens = _tokens(context)
    claims = claims_of(client, tokens, token)
    values = {"token_use": use, client_claim: client.app_client.client_id}
    names = f"sub iss token_use auth_time exp iat {client_claim} {names}"
    _expect_claims(claims, names, **values)
    fail_if(not str(claims["iss"]).endswith(f"/{client.pool.pool_id}"), "iss does not end with the pool's id")
    for name in ("auth_time", "iat", "exp"):
        fail_if(type(claims[name]) not in {int, float}, f"{name} is not a number")
    fail_if(not max(claims["iat"], time.time()) < claims["exp"], "exp is not later than iat and the present")


@rule("token.signed", _JWT_PAGE, CRITICAL)
def _signature(context: RuleContext) -> None:
    """The access token and the ID token are signed with RS256 and a key from the pool's /.well-known/jwks.json."""
    client, tokens = _tokens(context)
    claims_of(client, tokens, "AccessToken")
    claims_of(client, tokens, "IdToken")


@rule("token.key-of-the-pool", _JWT_PAGE)
def _keys_of_pool(context: RuleContext) -> None:
    """Each user pool signs with its own keys."""
    clients = [context.client(pool) for pool in (pools.DEFAULT_POOL, pools.ALL_MFA_POOL)]
    first, second = ({key.thumbprint() for key in _key_set(each).keys} for each in clients)
    fail_if(first & second, "two pools have the same key")


rule.add("token.access-claims", _ACCESS_PAGE, MAJOR,
    "The access token has the claims for its issuer, user, app client, use and times.",
    lambda c: _expect_token(c, "AccessToken", "access", "client_id", "scope jti username"))  # fmt: skip
rule.add("token.id-claims", _ID_PAGE, MAJOR,
    "The ID token has the claims for its issuer, user, audience, use and times.",
    lambda c: _expect_token(c, "IdToken", "id", "aud", "cognito:username"))  # fmt: skip


@rule("token.id-attributes", _ID_PAGE)
def _id_token_attributes(context: RuleContext) -> None:
    """The ID token has the user attributes that the app client can read, such as email."""
    client, tokens = _tokens(context)
    client.pool.require(pools.READABLE_EMAIL)
    _expect_claims(claims_of(client, tokens, "IdToken"), "email email_verified")


@rule("token.result-members", RuleSource.reference("AuthenticationResultType"), MINOR)
def _result(context: RuleContext) -> None:
    """AuthenticationResult has a whole number as ExpiresIn, and the TokenType Bearer."""
    tokens = context.user().sign_in().expect_tokens().tokens
    fail_if(type(tokens.get("ExpiresIn")) is not int, "ExpiresIn is not a whole number")
    fail_if(tokens.get("TokenType") != "Bearer", "TokenType is not Bearer")


def _get_user(client: PoolClient, tokens: Mapping[str, str]) -> ApiReply:
    return client.api.call("GetUser", AccessToken=tokens.get("AccessToken"))


def _refresh_token(tokens: Mapping[str, str]) -> str:
    fail_if(not tokens.get("RefreshToken"), "the sign-in returned no RefreshToken")
    return tokens["RefreshToken"]


def _refresh(client: PoolClient, tokens: Mapping[str, str], flow: str = "REFRESH_TOKEN_AUTH") -> ApiReply:
    return client.initiate(flow, REFRESH_TOKEN=_refresh_token(tokens))


def _refresh_by_operation(client: PoolClient, tokens: Mapping[str, str]) -> ApiReply:
    return client.call_with_client_id("GetTokensFromRefreshToken", RefreshToken=_refresh_token(tokens))


def _forge_token(context: RuleContext) -> ApiReply:
    client, tokens = _tokens(context)
    _get_user(client, tokens).expect_success()
    try:
        claims = claims_of(client, tokens, "AccessToken")
    except RuleFailed as failed:
        raise Skipped(failed.why) from None
    header = jws.extract_compact(tokens["AccessToken"].encode()).headers()  # with the endpoint's own `kid`
    forged = jwt.encode(header, claims, RSAKey.generate_key(2048))
    return client.api.call("GetUser", AccessToken=forged)


rule.refused("token.forged", RuleSource.reference("GetUser"), CRITICAL, "a forged access token",
    "GetUser refuses an access token that was signed with another key.", _forge_token)  # fmt: skip


def _refreshed(context: RuleContext, refresh: Callable[..., ApiReply]) -> Mapping[str, Any]:
    """Return the AuthenticationResult of a refresh, which must have a new access token and a new ID token."""
    client, old = _tokens(context)
    tokens = refresh(client, old).expect_success().tokens
    for name in ("AccessToken", "IdToken"):
        fail_if(not tokens.get(name) or tokens[name] == old.get(name), f"no new {name} came")
    return tokens


def _expect_no_rotation(tokens: Mapping[str, Any]) -> None:
    fail_if(tokens.get("RefreshToken"), "a new RefreshToken came, although rotation is not enabled")


rule.add("refresh.REFRESH_TOKEN_AUTH", _REFRESH_PAGE, MAJOR,
    "REFRESH_TOKEN_AUTH returns a new access token and a new ID token, but no new refresh token.",
    lambda c: _expect_no_rotation(_refreshed(c, _refresh)))  # fmt: skip
rule.add("refresh.REFRESH_TOKEN", INITIATE, MAJOR, "REFRESH_TOKEN is another name for REFRESH_TOKEN_AUTH.",
    lambda c: _expect_no_rotation(_refreshed(c, lambda client, old: _refresh(client, old, "REFRESH_TOKEN"))))  # fmt: skip


@rule("refresh.after-a-challenge", _REFRESH_PAGE)
def _refresh_after_challenge(context: RuleContext) -> None:
    """Cognito also accepts the refresh token of a sign-in in which a challenge was answered."""
    challenge = context.new_password_challenge()
    reply = challenge.answer(NEW_PASSWORD=pools.NEW_PASSWORD).expect_success()
    _refresh(challenge.user.client, reply.tokens).expect_success()


def _refresh_with_made_up_token(context: RuleContext) -> ApiReply:
    client, tokens = _tokens(context)
    _refresh(client, tokens).expect_tokens()
    return _refresh(client, {"RefreshToken": "made.up.refresh.token"})


rule.refused("refresh.made-up", INITIATE, CRITICAL, "a made-up refresh token",
    "Cognito replies with NotAuthorizedException to a refresh token that it never issued.",
    _refresh_with_made_up_token, "NotAuthorizedException")  # fmt: skip
rule.refused("refresh.binds-client", RuleSource.rfc(6749, "10.4"), CRITICAL, "a refresh token of another app client",
    "Cognito refuses a refresh token that was issued to another app client.",
    lambda c: _refresh(c.client(client=pools.OTHER_CLIENT), _tokens(c)[1]))  # fmt: skip
rule.add("refresh.GetTokensFromRefreshToken", RuleSource.reference("GetTokensFromRefreshToken"), MAJOR,
    "GetTokensFromRefreshToken returns a new access token and a new ID token.",
    lambda c: _refreshed(c, _refresh_by_operation))  # fmt: skip


@rule("refresh.rotation", _REFRESH_PAGE)
def _rotation(context: RuleContext) -> None:
    """With RefreshTokenRotation, a refresh returns a new refresh token. The old one ends after the grace period."""
    client, tokens = _tokens(context, pools.ClientRequirements(rotation=True))
    new = _refresh_by_operation(client, tokens).expect_success().tokens.get("RefreshToken")
    fail_if(not new or new == tokens.get("RefreshToken"), "no new RefreshToken came")
    time.sleep(0.01)  # the grace period is 0 s, but a clock may count in milliseconds
    _refresh_by_operation(client, tokens).expect_error("the old refresh token")


def _revoke(context: RuleContext) -> tuple[PoolClient, dict[str, str]]:
    client, tokens = _tokens(context)
    client.call_with_client_id("RevokeToken", Token=_refresh_token(tokens)).expect_success()
    return client, tokens


def _sign_out(context: RuleContext) -> tuple[PoolClient, dict[str, str]]:
    client, tokens = _tokens(context)
    client.api.call("GlobalSignOut", AccessToken=tokens.get("AccessToken")).expect_success()
    return client, tokens


rule.refused("revoke.refresh-token", _REVOCATION_PAGE, CRITICAL, "a revoked refresh token",
    "After RevokeToken, Cognito refuses the refresh token.", lambda c: _refresh(*_revoke(c)))  # fmt: skip
rule.refused("revoke.access-token", _REVOCATION_PAGE, MAJOR, "a revoked access token",
    "After RevokeToken, GetUser refuses the access token of the same sign-in.", lambda c: _get_user(*_revoke(c)))  # fmt: skip
rule.refused("sign-out.refresh-token", _SIGN_OUT, CRITICAL, "a refresh token after GlobalSignOut",
    "After GlobalSignOut, Cognito refuses the refresh token.", lambda c: _refresh(*_sign_out(c)))  # fmt: skip
rule.refused("sign-out.access-token", _SIGN_OUT, MAJOR, "an access token after GlobalSignOut",
    "After GlobalSignOut, GetUser refuses the access token.", lambda c: _get_user(*_sign_out(c)))  # fmt: skip
