"""Cognito's names in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from authfsm.protocol.replies import CodeChallenge
from authfsm.protocol.states import State

WORDS: Final[Mapping[str, str]] = {
    State.PASSWORD_SRP: "Password, proved without sending it",
    State.PASSWORD: "Password, sent over TLS",
    State.EMAIL_OTP: "A code by e-mail",
    State.SMS_OTP: "A code by SMS",
    State.WEB_AUTHN: "A passkey",
    State.SMS_MFA: "A code by SMS",
    State.SOFTWARE_TOKEN_MFA: "A code of your authenticator app",
}
"""What can be chosen, in plain words."""

WIRE: Final = frozenset(
    {"USERNAME", "USER_ID_FOR_SRP", "DEVICE_KEY", "SALT", "SRP_B", "SECRET_BLOCK"}
)
"""Parameters that come with any challenge and tell a person nothing."""

_MEDIUM: Final = {"SMS": "by SMS", "EMAIL": "by e-mail"}
_MEDIUM_OF: Final = {
    State.SMS_MFA: "by SMS",
    State.SMS_OTP: "by SMS",
    State.EMAIL_OTP: "by e-mail",
}


def sent(asked: CodeChallenge) -> str:
    """How a code was sent, and where to: the address as Cognito masks it."""
    medium = _MEDIUM.get(asked.medium or "", asked.medium or _MEDIUM_OF.get(asked.state, ""))
    to = f"to {asked.destination}" if asked.destination else ""
    return " ".join(part for part in ("Code sent", medium, to) if part)


def of_attribute(attribute: str) -> str:
    """An attribute's name as a question: `custom:team` is "Team", `given_name` "Given name"."""
    return attribute.removeprefix("custom:").replace("_", " ").capitalize()
