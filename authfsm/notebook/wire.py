"""What went over the wire, as it may be shown: the requests and replies of one client, their secrets masked.

It listens to botocore's own events, so that it shows what was sent and not what was meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from attrs import evolve, field, frozen

from authfsm.base.secret import Secret
from authfsm.protocol.states import STATE_BY_NAME

MASK: Final = "••••••"

# Every member, of requests, replies and their maps, that whoever looks over a shoulder must not read.
SECRET_MEMBERS: Final = frozenset(
    {
        "Session", "AccessToken", "IdToken", "RefreshToken", "Token", "SecretCode", "UserCode", "ClientSecret",
        "PasswordVerifier", "PASSWORD", "NEW_PASSWORD", "REFRESH_TOKEN", "SECRET_HASH", "ANSWER", "CREDENTIAL",
        "SMS_MFA_CODE", "SMS_OTP_CODE", "EMAIL_OTP_CODE", "SOFTWARE_TOKEN_MFA_CODE",
        "PASSWORD_CLAIM_SIGNATURE", "PASSWORD_CLAIM_SECRET_BLOCK", "SECRET_BLOCK",
    }
)  # fmt: skip

LONGEST: Final = 40
"""Characters of a value that are shown; of a longer one both ends, and how long it is."""


@frozen
class WireExchange:
    """One request and its reply, as they may be shown.

    Args:
        operation: as `InitiateAuth`.
        request: its members, masked and shortened.
        reply: the reply's, the same; empty where none came.
    """

    operation: str
    request: Mapping[str, Any]
    reply: Mapping[str, Any] = field(factory=dict)


def masked(
    told: Any, name: str = "", hidden: frozenset[str] = frozenset(), longest: int = LONGEST
) -> Any:
    """A request or a reply as it may be shown.

    Args:
        told: its members.
        name: the member this is, if it is one.
        hidden: texts that are secret wherever they stand.
        longest: characters of a value that are shown.
    """
    if isinstance(told, Secret):
        return MASK
    if isinstance(told, Mapping):
        return {
            k: masked(v, k, hidden, longest) for k, v in told.items() if k != "ResponseMetadata"
        }
    if isinstance(told, (list, tuple)):
        return [masked(each, "", hidden, longest) for each in told]
    # An ANSWER may be a choice, which is the protocol's own word and nobody's secret.
    chosen = name == "ANSWER" and told in STATE_BY_NAME
    if told and not chosen and (name in SECRET_MEMBERS or _holds(told, hidden)):
        return MASK
    if isinstance(told, str) and len(told) > longest:
        return f"{told[:16]}…{told[-8:]} ({len(told)} characters)"
    return told


_TELLING: Final = 4
"""Characters of a secret from which on it is looked for inside other texts: a shorter one is in many by chance."""


def _holds(told: Any, hidden: frozenset[str]) -> bool:
    return isinstance(told, str) and any(
        each == told or (len(each) >= _TELLING and each in told) for each in hidden
    )


def secrets_of(told: Any) -> frozenset[str]:
    """Every secret text in a request, in clear.

    Args:
        told: its members.
    """
    if isinstance(told, Secret):
        plain = told.reveal()
        return frozenset({plain}) if isinstance(plain, str) and plain else frozenset()
    inner = told.values() if isinstance(told, Mapping) else told
    if isinstance(inner, (str, bytes)) or not isinstance(inner, Iterable):
        return frozenset()
    return frozenset().union(*map(secrets_of, inner))


@contextmanager
def record_exchanges(
    client: Any, hidden: frozenset[str] = frozenset()
) -> Iterator[list[WireExchange]]:
    """Listen to one boto3 client for a while.

    Args:
        client: the client.
        hidden: texts that are secret wherever they stand.

    Yields:
        What is heard, in its order.
    """
    heard: list[WireExchange] = []

    def sent(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        heard.append(WireExchange(model.name, masked(params, "", hidden)))

    def came(parsed: Mapping[str, Any], **_: Any) -> None:
        if heard:
            heard[-1] = evolve(heard[-1], reply=masked(parsed, "", hidden))

    events, mine = client.meta.events, f"authfsm-{id(heard)}"
    listeners = {"provide-client-params.cognito-idp": sent, "after-call.cognito-idp": came}
    for event, listener in listeners.items():
        events.register(event, listener, unique_id=f"{mine}-{event}")
    try:
        yield heard
    finally:
        for event, listener in listeners.items():
            events.unregister(event, listener, unique_id=f"{mine}-{event}")
