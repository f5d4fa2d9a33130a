"""The requests and replies of one client as the page may show them: secrets masked, long values shortened.

It listens to botocore's events, and so shows what was really sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from attrs import evolve, field, frozen

from authfsm.base.secret import Secret
from authfsm.protocol.states import STATE_BY_NAME

MASK: Final = "••••••"

SECRET_MEMBERS: Final = frozenset(
    {
        "Session", "AccessToken", "IdToken", "RefreshToken", "Token", "SecretCode", "UserCode", "ClientSecret",
        "PasswordVerifier", "PASSWORD", "NEW_PASSWORD", "REFRESH_TOKEN", "SECRET_HASH", "ANSWER", "CREDENTIAL",
        "SMS_MFA_CODE", "SMS_OTP_CODE", "EMAIL_OTP_CODE", "SOFTWARE_TOKEN_MFA_CODE",
        "PASSWORD_CLAIM_SIGNATURE", "PASSWORD_CLAIM_SECRET_BLOCK", "SECRET_BLOCK",
    }
)  # fmt: skip
"""Every member of requests, replies and their maps that is secret."""

_LONGEST: Final = 40  # characters of a value; of a longer one both ends are shown
_SHORTEST_PART: Final = 4  # characters; a shorter secret is in many texts by chance


@frozen
class WireExchange:
    """A request and its reply, secrets masked; the reply is empty if none came."""

    operation: str
    request: Mapping[str, Any]
    reply: Mapping[str, Any] = field(factory=dict)


def masked(
    value: Any, name: str = "", secrets: frozenset[str] = frozenset(), longest: int = _LONGEST
) -> Any:
    """Return a request, a reply, or a value of a member as it may be shown."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Mapping):
        members = {key: each for key, each in value.items() if key != "ResponseMetadata"}
        return {key: masked(each, key, secrets, longest) for key, each in members.items()}
    if isinstance(value, (list, tuple)):
        return [masked(each, "", secrets, longest) for each in value]
    # An ANSWER may be the choice of a challenge, which is no secret.
    is_choice = name == "ANSWER" and value in STATE_BY_NAME
    if value and not is_choice and (name in SECRET_MEMBERS or _contains_secret(value, secrets)):
        return MASK
    if isinstance(value, str) and len(value) > longest:
        return f"{value[:16]}…{value[-8:]} ({len(value)} characters)"
    return value


def _contains_secret(value: Any, secrets: frozenset[str]) -> bool:
    return isinstance(value, str) and any(
        each == value or (len(each) >= _SHORTEST_PART and each in value) for each in secrets
    )


def secrets_of(request: Any) -> frozenset[str]:
    """Return every secret text in a request, in plain text."""
    if isinstance(request, Secret):
        plain = request.reveal()
        return frozenset({plain}) if isinstance(plain, str) and plain else frozenset()
    values = request.values() if isinstance(request, Mapping) else request
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        return frozenset()
    return frozenset().union(*map(secrets_of, values))


@contextmanager
def record_exchanges(client: Any, secrets: frozenset[str]) -> Iterator[list[WireExchange]]:
    """Record what one boto3 client sends and receives while the context is open."""
    exchanges: list[WireExchange] = []

    def on_request(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        exchanges.append(WireExchange(model.name, masked(params, "", secrets)))

    def on_reply(parsed: Mapping[str, Any], **_: Any) -> None:
        if exchanges:
            exchanges[-1] = evolve(exchanges[-1], reply=masked(parsed, "", secrets))

    events, unique = client.meta.events, f"authfsm-{id(exchanges)}"
    handlers = {
        "provide-client-params.cognito-idp": on_request,
        "after-call.cognito-idp": on_reply,
    }
    for event, handler in handlers.items():
        events.register(event, handler, unique_id=f"{unique}-{event}")
    try:
        yield exchanges
    finally:
        for event, handler in handlers.items():
            events.unregister(event, handler, unique_id=f"{unique}-{event}")
