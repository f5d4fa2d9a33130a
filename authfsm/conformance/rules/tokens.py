"""The rules of tokens: who signed them, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from authfsm.conformance.pools import ANY_MFA, PLAIN
from authfsm.conformance.rule import Entry, RuleGroup, guide, reference
from authfsm.conformance.trial import PoolClient, Trial
from authfsm.conformance.verdicts import NotSupported, RuleFailed, RuleSeverity, Skipped
from authfsm.protocol import links

rule: Final = Entry(RuleGroup.TOKENS)
TOKENS: Final = rule.rules

_JWT_PAGE: Final = guide(
    links.guide("amazon-cognito-user-pools-using-tokens-verifying-a-jwt"),
    '"Verifying JSON web tokens"',
)
_ACCESS_PAGE: Final = guide(
    links.guide("amazon-cognito-user-pools-using-the-access-token"),
    '"Understanding the access token"',
)
_ID_PAGE: Final = guide(
    links.guide("amazon-cognito-user-pools-using-the-id-token"),
    '"Understanding the identity (ID) token"',
)


def _keys(desk: PoolClient) -> KeySet:
    heard = desk.conversation.get(desk.pool.keys)
    try:
        return KeySet.import_key_set(dict(heard.body))  # type: ignore[arg-type]  # it says so if it is none
    except (JoseError, KeyError, TypeError, ValueError):
        raise RuleFailed(f"there is no key set: {heard.words}") from None


def _claims(desk: PoolClient, token: Any, what: str) -> dict[str, Any]:
    """The claims of a token that the pool's keys verify.

    Raises:
        Fails: they do not.
    """
    try:
        claims = jwt.decode(str(token), _keys(desk), algorithms=["RS256"]).claims
    except (JoseError, ValueError) as error:
        why = f"{what} is not signed by the keys at .well-known/jwks.json ({type(error).__name__})"
        raise RuleFailed(why) from None
    return dict(claims)


def tokens_of(trial: Trial, desk: PoolClient) -> Mapping[str, Any]:
    """The tokens of somebody new, by their password.

    Raises:
        NotOffered, Fails: there are none.
    """
    heard = desk.password(trial.person(desk)).granted()
    if not heard.tokens:
        raise NotSupported(heard.words)
    return heard.tokens


@rule(
    "token.signed",
    "Access and ID token are signed by RS256, with a key from the pool's /.well-known/jwks.json.",
    _JWT_PAGE,
    RuleSeverity.CRITICAL,
)
def _signed(trial: Trial) -> None:
    desk = trial.desk()
    tokens = tokens_of(trial, desk)
    _claims(desk, tokens.get("AccessToken"), "AccessToken")
    _claims(desk, tokens.get("IdToken"), "IdToken")


@rule(
    "token.key-of-the-pool",
    "Each user pool signs with keys of its own.",
    _JWT_PAGE,
)
def _own_keys(trial: Trial) -> None:
    pools = [trial.desk(wanted) for wanted in (PLAIN, ANY_MFA)]
    first, second = ({each.thumbprint() for each in _keys(desk).keys} for desk in pools)
    if first & second:
        raise RuleFailed("two pools share a key")


@rule(
    "token.access-claims",
    "The access token names its issuer, user, app client, use and times.",
    _ACCESS_PAGE,
)
def _access(trial: Trial) -> None:
    desk = trial.desk()
    claims = _claims(desk, tokens_of(trial, desk).get("AccessToken"), "AccessToken")
    wanted = ("sub", "iss", "client_id", "token_use", "scope", "auth_time", "exp", "iat", "jti")
    _said(claims, (*wanted, "username"), token_use="access", client_id=desk.app.client_id)  # noqa: S106 - what it is used for
    _from_the_pool(desk, claims)


@rule(
    "token.id-claims",
    "The ID token names its issuer, user, audience, use and times.",
    _ID_PAGE,
)
def _identity(trial: Trial) -> None:
    desk = trial.desk()
    claims = _claims(desk, tokens_of(trial, desk).get("IdToken"), "IdToken")
    wanted = ("sub", "iss", "aud", "token_use", "auth_time", "exp", "iat", "cognito:username")
    _said(claims, wanted, token_use="id", aud=desk.app.client_id)  # noqa: S106 - what it is used for
    _from_the_pool(desk, claims)


@rule(
    "token.id-attributes",
    "The ID token has the user's attributes that the app client may read, as email.",
    _ID_PAGE,
)
def _attributes(trial: Trial) -> None:
    desk = trial.desk()
    claims = _claims(desk, tokens_of(trial, desk).get("IdToken"), "IdToken")
    _said(claims, ("email", "email_verified"))


def _said(claims: Mapping[str, Any], names: tuple[str, ...], **values: str) -> None:
    if missing := [name for name in names if name not in claims]:
        raise RuleFailed(f"there is no claim {', '.join(missing)}")
    if wrong := [name for name, value in values.items() if claims[name] != value]:
        raise RuleFailed(f"the claim {', '.join(wrong)} is another one")


def _from_the_pool(desk: PoolClient, claims: Mapping[str, Any]) -> None:
    if not str(claims["iss"]).endswith(f"/{desk.pool.pool_id}"):
        raise RuleFailed("iss does not end with the pool's id")
    if not claims["iat"] < claims["exp"]:
        raise RuleFailed("exp is not after iat")


@rule(
    "token.result-members",
    "AuthenticationResult says ExpiresIn, in seconds, and TokenType Bearer.",
    reference("AuthenticationResultType"),
    RuleSeverity.MINOR,
)
def _members(trial: Trial) -> None:
    desk = trial.desk()
    tokens = tokens_of(trial, desk)
    if not isinstance(tokens.get("ExpiresIn"), int):
        raise RuleFailed("there is no ExpiresIn")
    if tokens.get("TokenType") != "Bearer":
        raise RuleFailed("TokenType is not Bearer")


@rule(
    "token.forged",
    "An access token that another key signed is refused by GetUser.",
    reference("GetUser"),
    RuleSeverity.CRITICAL,
)
def _forged(trial: Trial) -> None:
    desk = trial.desk()
    token = str(tokens_of(trial, desk).get("AccessToken"))
    desk.call("GetUser", AccessToken=token).granted()
    try:
        claims = _claims(desk, token, "AccessToken")
    except RuleFailed as fails:
        raise Skipped(fails.why) from None
    key = RSAKey.generate_key(2048)
    forged = jwt.encode({"alg": "RS256", "kid": "forged"}, claims, key)
    desk.call("GetUser", AccessToken=forged).refused("a forged access token")
