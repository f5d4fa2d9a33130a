"""What was said, made fit to be shown: names stay, values go, but for the few that are no secrets.

What a request carried and what a reply brought is remembered, so that a message that quotes it is blotted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field

from authfsm.protocol.states import CHALLENGES

MASK: Final = "****"
_LONGEST: Final = 200
_SHORTEST: Final = 6
_GLIMPSE: Final = 60
# Whose values may be seen: Cognito's own words, and the names that the rules give their people.
_SHOWN: Final = frozenset({
    "AuthFlow", "ChallengeName", "CHALLENGE_NAME", "PREFERRED_CHALLENGE",
    "AttributeName", "MessageAction", "Permanent", "MfaConfiguration",
    "PreventUserExistenceErrors", "GenerateSecret", "ExplicitAuthFlows", "CODE_DELIVERY_DELIVERY_MEDIUM",
    "requiredAttributes", "MFAS_CAN_SETUP", "MFAS_CAN_CHOOSE", "AvailableChallenges", "Status",
    "UserConfirmationNecessary", "TokenType", "ExpiresIn",
})  # fmt: skip
_NAMES: Final = frozenset({"USERNAME", "Username"})
DOMAIN: Final = ".example.com"
_INSIDE: Final = frozenset({"AuthParameters", "ChallengeResponses"})
_UNSAID: Final = frozenset({"ClientId", "UserPoolId"})
_DRAWN: Final = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{20,}|(?=[A-Za-z0-9+/_=.-]*\d)[A-Za-z0-9+/_=.-]{24,}"
)
_WORDS: Final = frozenset({each.value for each in CHALLENGES})


@define
class Redactor:
    """Shows what was said at one endpoint, and remembers it.

    Args:
        people: who a user name stands for, where it is an internal one.
    """

    people: dict[str, str] = field(factory=dict, repr=False)

    _seen: set[str] = field(factory=set, repr=False)

    def request(self, operation: str, given: Mapping[str, Any]) -> str:
        """A request in one line."""
        self._remember(given)
        parts = [operation]
        for name, value in given.items():
            if name in _INSIDE and isinstance(value, Mapping):
                parts += [self._pair(key, each) for key, each in value.items()]
            elif name not in _UNSAID:
                parts.append(self._pair(name, value))
        return " ".join(parts)

    def reply(self, status: int, body: bytes) -> str:
        """A reply in one line."""
        said = parsed(body)
        if not body.strip():
            return f"{status}, an empty body"
        if not isinstance(said, Mapping):
            return f"{status}, no JSON object but {self._glimpse(body)}"
        self._remember({key: said[key] for key in said if key not in {"message", "Message"}})
        return f"{status}{self._said(said)}"

    def _said(self, said: Mapping[str, Any]) -> str:
        if (code := code_of(said)) is not None:
            return f" {code}: {self.text(message_of(said))}"
        if isinstance(result := said.get("AuthenticationResult"), Mapping):
            got = sorted(key for key, value in result.items() if value is not None)
            return f", tokens: {', '.join(got)}"
        if name := said.get("ChallengeName"):
            asked = said.get("ChallengeParameters")
            pairs = asked.items() if isinstance(asked, Mapping) else ()
            more = [self._pair(str(key), value) for key, value in pairs]
            session = ["Session=****"] if said.get("Session") else []
            return f" {' '.join([str(name), *session, *more])}"
        if not said:
            return ", an empty object"
        return " " + " ".join(self._pair(str(key), each) for key, each in said.items())

    def _glimpse(self, body: bytes) -> str:
        """The beginning of what is none of Cognito's replies."""
        if b"<html" in body[:200].lower():
            return "HTML"
        return repr(self.text(body[:_GLIMPSE].decode("utf-8", "replace")))

    def text(self, words: str) -> str:
        """A message, with whatever it quotes blotted."""
        words = " ".join(words.split())
        for each in sorted(self._seen, key=len, reverse=True):
            words = words.replace(each, MASK)
        words = _DRAWN.sub(MASK, words)
        return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 3]}..."

    def _pair(self, name: str, value: Any) -> str:
        if name in _NAMES:
            return f"{name}={self._who(str(value))}"
        if name in _SHOWN or (isinstance(value, str) and value in _WORDS):
            said = value if isinstance(value, str) else json.dumps(value)
            return f"{name}={said}"
        return f"{name}={MASK if isinstance(value, str) else '...'}"

    def _who(self, username: str) -> str:
        """The name that a rule gave somebody."""
        if username.endswith(DOMAIN):
            return username.partition("@")[0]
        return self.people.get(username, MASK)

    def _remember(self, value: Any, name: str = "") -> None:
        if isinstance(value, Mapping):
            for key, each in value.items():
                self._remember(each, str(key))
        elif isinstance(value, list):
            for each in value:
                self._remember(each, name)
        elif (
            isinstance(value, str)
            and name not in _SHOWN
            and not value.endswith(DOMAIN)
            and value not in self.people
            and value not in _WORDS
            and len(value) >= _SHORTEST
            and not value.isalpha()
        ):
            self._seen.add(value)


def parsed(body: bytes) -> Any:
    """The JSON of a body; None if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def code_of(said: Mapping[str, Any]) -> str | None:
    """The error's code, without a namespace; None if it is no error."""
    code = said.get("__type") or said.get("code")
    return str(code).rpartition("#")[2] if code else None


def message_of(said: Mapping[str, Any]) -> str:
    """The error's message."""
    return str(said.get("message") or said.get("Message") or "")
