"""Requests and replies in one line each, without secrets: names are shown, and values only if they are harmless."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field

from authfsm.protocol.states import CHALLENGES

MASK: Final = "****"
USER_DOMAIN: Final = ".example.com"
"""The end of the addresses that rules use as user names."""

_LONGEST_MESSAGE: Final = 200
_SHORTEST_SECRET: Final = 6
_EXCERPT: Final = 60
# Members whose values are words of Cognito's API, never secrets.
_HARMLESS: Final = frozenset({
    "AuthFlow", "ChallengeName", "CHALLENGE_NAME", "PREFERRED_CHALLENGE",
    "AttributeName", "MessageAction", "Permanent", "MfaConfiguration",
    "PreventUserExistenceErrors", "GenerateSecret", "ExplicitAuthFlows", "CODE_DELIVERY_DELIVERY_MEDIUM",
    "requiredAttributes", "MFAS_CAN_SETUP", "MFAS_CAN_CHOOSE", "AvailableChallenges", "Status",
    "UserConfirmationNecessary", "TokenType", "ExpiresIn",
})  # fmt: skip
_USERNAMES: Final = frozenset({"USERNAME", "Username"})
_NESTED: Final = frozenset({"AuthParameters", "ChallengeResponses"})
_OMITTED: Final = frozenset({"ClientId", "UserPoolId"})
_GENERATED: Final = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{20,}|(?=[A-Za-z0-9+/_=.-]*\d)[A-Za-z0-9+/_=.-]{24,}"
)
_CHALLENGE_NAMES: Final = frozenset({each.value for each in CHALLENGES})


@define
class Redactor:
    """Describes the requests and replies of one endpoint.

    It remembers their values, and masks them in messages that quote them.

    Args:
        labels: the label of the user to show for a user name that the endpoint generated.
    """

    labels: dict[str, str] = field(factory=dict, repr=False)
    _secrets: set[str] = field(factory=set, repr=False)

    def request(self, operation: str, members: Mapping[str, Any]) -> str:
        """Describe a request."""
        self._remember(members)
        parts = [operation]
        for name, value in members.items():
            if name in _NESTED and isinstance(value, Mapping):
                parts += [self._pair(key, each) for key, each in value.items()]
            elif name not in _OMITTED:
                parts.append(self._pair(name, value))
        return " ".join(parts)

    def reply(self, status: int, body: bytes) -> str:
        """Describe a reply."""
        content = parse_json(body)
        if not body.strip():
            return f"{status}, an empty body"
        if not isinstance(content, Mapping):
            return f"{status}, no JSON object but {self._excerpt(body)}"
        self._remember({k: v for k, v in content.items() if k not in {"message", "Message"}})
        return f"{status}{self._content(content)}"

    def text(self, message: str) -> str:
        """Mask every value in a message that was sent or received before, or that looks generated."""
        message = " ".join(message.split())
        for each in sorted(self._secrets, key=len, reverse=True):
            message = message.replace(each, MASK)
        message = _GENERATED.sub(MASK, message)
        too_long = len(message) > _LONGEST_MESSAGE
        return f"{message[: _LONGEST_MESSAGE - 3]}..." if too_long else message

    def _content(self, content: Mapping[str, Any]) -> str:
        if (code := error_code(content)) is not None:
            return f" {code}: {self.text(error_message(content))}"
        if isinstance(result := content.get("AuthenticationResult"), Mapping):
            tokens = sorted(key for key, value in result.items() if value is not None)
            return f", tokens: {', '.join(tokens)}"
        if name := content.get("ChallengeName"):
            parameters = content.get("ChallengeParameters")
            pairs = parameters.items() if isinstance(parameters, Mapping) else ()
            session = [f"Session={MASK}"] if content.get("Session") else []
            return " ".join(["", str(name), *session, *(self._pair(str(k), v) for k, v in pairs)])
        if not content:
            return ", an empty object"
        return " " + " ".join(self._pair(str(key), value) for key, value in content.items())

    def _excerpt(self, body: bytes) -> str:
        if b"<html" in body[:200].lower():
            return "HTML"
        return repr(self.text(body[:_EXCERPT].decode("utf-8", "replace")))

    def _pair(self, name: str, value: Any) -> str:
        if name in _USERNAMES:
            return f"{name}={self._user(str(value))}"
        if name in _HARMLESS or (isinstance(value, str) and value in _CHALLENGE_NAMES):
            return f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        return f"{name}={MASK if isinstance(value, str) else '...'}"

    def _user(self, username: str) -> str:
        if username.endswith(USER_DOMAIN):
            return username.partition("@")[0]
        return self.labels.get(username, MASK)

    def _remember(self, value: Any, name: str = "") -> None:
        if isinstance(value, Mapping):
            for key, each in value.items():
                self._remember(each, str(key))
        elif isinstance(value, list):
            for each in value:
                self._remember(each, name)
        elif (
            isinstance(value, str)
            and name not in _HARMLESS
            and not value.endswith(USER_DOMAIN)
            and value not in self.labels
            and value not in _CHALLENGE_NAMES
            and len(value) >= _SHORTEST_SECRET
            and not value.isalpha()
        ):
            self._secrets.add(value)


def parse_json(body: bytes) -> Any:
    """Return the JSON value of a body; None if it is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def error_code(content: Mapping[str, Any]) -> str | None:
    """Return the code of an error reply, without its namespace; None if it is not an error."""
    code = content.get("__type") or content.get("code")
    return str(code).rpartition("#")[2] if code else None


def error_message(content: Mapping[str, Any]) -> str:
    """Return the message of an error reply."""
    return str(content.get("message") or content.get("Message") or "")
