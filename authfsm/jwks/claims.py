"""The claims of a verified token, and the errors that say why a token is refused.

No message contains the token, or any part of it before the signature is verified.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, TypeVar

from attrs import field, frozen

from authfsm.protocol.error_sentences import NOT_SIGNED_IN, UNAVAILABLE
from authfsm.protocol.errors import AuthfsmError, CallerError, ExplainedError, ServiceError, TimeError

T = TypeVar("T")


@frozen(kw_only=True)
class Claims:
    """The claims of an access token or an ID token that was verified.

    Source: "Understanding the access token" and "Understanding the identity (ID) token", Amazon Cognito
    developer guide. A PreTokenGeneration trigger may have added claims, and removed some.

    Args:
        subject: `sub`, the user's id, which never changes; in a client-credentials token, the app client's id.
        username: `username` of an access token, `cognito:username` of an ID token; None in a
            client-credentials token.
        client_id: the app client: `client_id` of an access token, `aud` of an ID token.
        token_use: `access` or `id`.
        issuer: `iss`, the pool.
        issued_at: `iat`.
        expires: `exp`.
        auth_time: when the user signed in; a refresh does not change it.
        groups: `cognito:groups`, in Cognito's order.
        scopes: the scopes in `scope`; an ID token has none.
        amr: the authentication methods that were used (`pwd`, `otp`, `mfa` ...), if the token names them.
        acr: the authentication level, if the token names it.
        jti: this token's id.
        origin_jti: the id that all tokens of one sign-in share, if token revocation is on.
        event_id: the sign-in's id in Cognito's logs.
        device_key: the key of the remembered device, if there is one.
        raw: every claim unchanged, read-only.
    """

    subject: str
    username: str | None
    client_id: str
    token_use: str
    issuer: str
    issued_at: datetime
    expires: datetime
    auth_time: datetime | None
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()
    acr: str | None = None
    jti: str | None = None
    origin_jti: str | None = None
    event_id: str | None = None
    device_key: str | None = None
    raw: Mapping[str, Any] = field(repr=False, hash=False)


def parse_claims(raw: Mapping[str, Any]) -> Claims:
    """Return the claims of a token's payload; raises MalformedToken."""
    use = _required(_text, raw, "token_use")
    # An access token may have an `aud` too: the resource it is bound to (RFC 8707), not the client.
    is_id_token = use == "id"
    return Claims(
        subject=_required(_text, raw, "sub"),
        username=_text(raw, "cognito:username" if is_id_token else "username"),
        client_id=_required(_text, raw, "aud" if is_id_token else "client_id"),
        token_use=use,
        issuer=_required(_text, raw, "iss"),
        issued_at=_required(moment, raw, "iat"),
        expires=_required(moment, raw, "exp"),
        auth_time=moment(raw, "auth_time"),
        groups=_texts(raw, "cognito:groups"),
        scopes=tuple((_text(raw, "scope") or "").split()),
        amr=_texts(raw, "amr"),
        **{name: _text(raw, name) for name in ("acr", "jti", "origin_jti", "event_id", "device_key")},
        raw=raw,
    )


def moment(raw: Mapping[str, Any], name: str) -> datetime | None:
    """Return a NumericDate (RFC 7519, 2: seconds since 1970-01-01 UTC, with or without a fraction) as a datetime in UTC."""
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MalformedToken(f"{name} is not a number of seconds")
    with suppress(OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(value, timezone.utc)
    raise MalformedToken(f"{name} is outside the years 1 to 9999")


def _text(raw: Mapping[str, Any], name: str) -> str | None:
    value = raw.get(name)
    if value is not None and not isinstance(value, str):
        raise MalformedToken(f"{name} is {type(value).__name__}, not text")
    return value


def _texts(raw: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = [] if raw.get(name) is None else raw[name]
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise MalformedToken(f"{name} is not a list of strings")
    return tuple(value)


def _required(read: Callable[[Mapping[str, Any], str], T | None], raw: Mapping[str, Any], name: str) -> T:
    value = read(raw, name)
    if not value:
        raise MalformedToken(f"{name} is missing")
    return value


class TokenRefused(AuthfsmError):
    """The token is not accepted; the subclass says why."""

    _fixed_presentation = NOT_SIGNED_IN


class MalformedToken(ExplainedError, TokenRefused, CallerError):
    """The token is no JWT of Cognito's: its form or algorithm is wrong, or a claim is missing or invalid (`why`)."""

    _sentence = "this is not a token of Cognito's: {}"


class BadSignature(TokenRefused, CallerError):
    """No key of the pool signed the token: it was changed, or another issuer made it.

    `known` is whether the token names a key of the pool.
    """

    def __init__(self, *, known: bool) -> None:
        super().__init__("the signature is wrong" if known else "the token names a key that is not one of this pool's")
        self.known = known


class WrongIssuer(TokenRefused, CallerError):
    """A key of the pool signed the token, but the token's `iss` is not this pool (`expected`)."""

    def __init__(self, expected: str) -> None:
        super().__init__(f"the token was not issued by {expected}")
        self.expected = expected


class NotForThisClient(TokenRefused, CallerError):
    """The token is for another app client (`client_id`)."""

    def __init__(self, client_id: str) -> None:
        super().__init__(f"the token is for the app client {client_id!r}, which is not accepted here")
        self.client_id = client_id


class WrongUse(TokenRefused, CallerError):
    """The token is an ID token instead of an access token, or the reverse: `token_use` is `found`, not `expected`."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(
            f"the token's token_use is {found!r}, and {expected!r} is required:"
            f' to accept {found!r} here, call verify(token, use="{found}")'
        )
        self.expected, self.found = expected, found


class Expired(TokenRefused, TimeError):
    """The token has expired (`at`): refresh it."""

    def __init__(self, at: datetime) -> None:
        super().__init__(f"the token expired at {at.isoformat()}")
        self.at = at


class NotYetValid(TokenRefused, TimeError):
    """The token is valid only from a later time (`since`): this machine's clock is slow by more than the leeway."""

    def __init__(self, since: datetime) -> None:
        super().__init__(f"the token is valid from {since.isoformat()}, in the future: is this machine's clock slow?")
        self.since = since


class KeysUnreachable(ServiceError):
    """The keys at `url` could not be fetched (`why`), so the token could not be verified."""

    _fixed_presentation = UNAVAILABLE

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"the keys at {url} could not be fetched ({why})")
        self.url, self.why = url, why
