"""What a verified token says, parsed; every claim as it came is in `raw`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from attrs import field, frozen

from authfsm.jwks.refusals import MalformedToken


@frozen(kw_only=True)
class Claims:
    """The claims of an access token or an id token that was verified.

    Source: "Understanding the access token" and "Understanding the identity (ID) token", Amazon Cognito
    developer guide. A PreTokenGeneration trigger may have added others, and taken some away.

    Args:
        subject: `sub`, the user's id, which never changes; of a client-credentials token, the client's.
        username: `username` of an access token, `cognito:username` of an id token; None where a
            machine, not a person, has the token.
        client_id: the app client: `client_id` of an access token, `aud` of an id token.
        token_use: `access` or `id`.
        issuer: `iss`, the pool.
        issued_at: `iat`.
        expires: `exp`.
        auth_time: when the person signed in; refreshing does not change it.
        groups: `cognito:groups`, in Cognito's order.
        scopes: `scope`, split; an id token has none.
        amr: the methods that were proved (`pwd`, `otp`, `mfa` ...), where the pool says so.
        acr: the level that they reached, where the pool says so.
        jti: this token's id.
        origin_jti: what all tokens of one sign-in have in common; it is there where revocation is on.
        event_id: the sign-in's id in Cognito's logs.
        device_key: the remembered device, where there is one.
        raw: every claim as it came, read-only.
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


def parsed(raw: Mapping[str, Any]) -> Claims:
    """The claims of a token whose signature was right.

    Args:
        raw: its payload.

    Raises:
        MalformedToken: a claim that every token of Cognito's has is missing, or one is misshapen.
    """
    use = _needed_text(raw, "token_use")
    # An access token may have an `aud` too: the resource it is bound to (RFC 8707), not the client.
    identity = use == "id"
    return Claims(
        subject=_needed_text(raw, "sub"),
        username=_text(raw, "cognito:username" if identity else "username"),
        client_id=_needed_text(raw, "aud" if identity else "client_id"),
        token_use=use,
        issuer=_needed_text(raw, "iss"),
        issued_at=_needed_moment(raw, "iat"),
        expires=_needed_moment(raw, "exp"),
        auth_time=moment(raw, "auth_time"),
        groups=_texts(raw, "cognito:groups"),
        scopes=tuple((_text(raw, "scope") or "").split()),
        amr=_texts(raw, "amr"),
        acr=_text(raw, "acr"),
        jti=_text(raw, "jti"),
        origin_jti=_text(raw, "origin_jti"),
        event_id=_text(raw, "event_id"),
        device_key=_text(raw, "device_key"),
        raw=raw,
    )


def moment(raw: Mapping[str, Any], name: str) -> datetime | None:
    """A NumericDate (RFC 7519, 2): seconds since 1970 began, UTC; they may have a fraction.

    Raises:
        MalformedToken: it is none.
    """
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise MalformedToken(f"{name} is not a number of seconds")
    try:
        return datetime.fromtimestamp(value, timezone.utc)
    except (OverflowError, ValueError, OSError):
        found = None
    if found is None:
        raise MalformedToken(f"{name} is beyond the calendar")
    return found


def _needed_moment(raw: Mapping[str, Any], name: str) -> datetime:
    value = moment(raw, name)
    if value is None:
        raise MalformedToken(f"{name} is missing")
    return value


def _text(raw: Mapping[str, Any], name: str) -> str | None:
    value = raw.get(name)
    if value is not None and not isinstance(value, str):
        raise MalformedToken(f"{name} is {type(value).__name__}, not text")
    return value


def _needed_text(raw: Mapping[str, Any], name: str) -> str:
    value = _text(raw, name)
    if not value:
        raise MalformedToken(f"{name} is missing")
    return value


def _texts(raw: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = raw.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise MalformedToken(f"{name} is not a list of texts")
    return tuple(value)
