"""What went over the wire, as it may be shown: the requests and replies of one client, their secrets masked.

It listens to botocore's own events, so that it shows what was sent and not what was meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from authfsm.secret import Secret

MASK: Final = "••••••"

# Every member, of requests, replies and their maps, that whoever looks over a shoulder must not read.
HIDDEN: Final = frozenset(
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
class Exchange:
    """One request and its reply, as they may be shown.

    Args:
        operation: as `InitiateAuth`.
        request: its members, masked and shortened.
        reply: the reply's, the same; empty where none came.
    """

    operation: str
    request: Mapping[str, Any]
    reply: Mapping[str, Any] = field(factory=dict)


def shown(told: Any, name: str = "") -> Any:
    """A request or a reply as it may be shown.

    Args:
        told: its members.
        name: the member this is, if it is one.
    """
    if isinstance(told, Secret):
        return MASK
    if isinstance(told, Mapping):
        return {key: shown(value, key) for key, value in told.items() if key != "ResponseMetadata"}
    if isinstance(told, (list, tuple)):
        return [shown(each) for each in told]
    if name in HIDDEN and told:
        return MASK
    if isinstance(told, str) and len(told) > LONGEST:
        return f"{told[:16]}…{told[-8:]} ({len(told)} characters)"
    return told


class Listener:
    """Listens to one boto3 client.

    Args:
        client: the client.
    """

    def __init__(self, client: Any) -> None:
        self.exchanges: list[Exchange] = []
        self._asked: dict[str, Any] = {}
        events, mine = client.meta.events, f"authfsm-{id(self)}"
        events.register("provide-client-params.cognito-idp", self._sent, unique_id=f"{mine}-sent")
        events.register("after-call.cognito-idp", self._came, unique_id=f"{mine}-came")

    def take(self) -> tuple[Exchange, ...]:
        """What was heard since the last time."""
        heard, self.exchanges = tuple(self.exchanges), []
        return heard

    def _sent(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        self._asked = shown(params)
        self.exchanges.append(Exchange(model.name, self._asked))

    def _came(self, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
        if self.exchanges:
            self.exchanges[-1] = Exchange(model.name, self._asked, shown(parsed))
