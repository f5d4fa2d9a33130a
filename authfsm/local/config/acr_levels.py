"""How strongly somebody has signed in: the four fixed levels, and the claims that tell of them.

`amr` lists the methods that were completed, `acr` names "the highest authentication level that the user's
completed factors fully satisfy" -- developer guide, "Authentication levels with ACR and AMR claims".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from authfsm.protocol.states import State

PASSWORD: Final = "pwd"  # noqa: S105 - the method's name
PASSKEYS: Final = frozenset({"swk", "hwk"})
"""A passkey of a platform (software-bound key), and of a roaming authenticator (hardware-bound key)."""

METHODS: Final = {
    State.PASSWORD: PASSWORD,
    State.PASSWORD_SRP: PASSWORD,
    State.SMS_OTP: "sms",
    State.SMS_MFA: "sms",
    State.EMAIL_OTP: "email_otp",
    State.SOFTWARE_TOKEN_MFA: "otp",
    State.MFA_SETUP: "otp",  # its end is a verified TOTP: VerifySoftwareToken has taken a code of it
}
"""What `amr` calls the method of each challenge; a passkey's is its own."""

CODES: Final = frozenset({"sms", "email_otp"})

COMBINATIONS: Final = (
    # (level, the methods that satisfy it); "passkey" stands for either sort
    (1, frozenset({PASSWORD})),
    (2, frozenset({"email_otp"})),
    (2, frozenset({"sms"})),
    (3, frozenset({"passkey"})),
    (3, frozenset({PASSWORD, "email_otp"})),
    (3, frozenset({PASSWORD, "sms"})),
    (4, frozenset({PASSWORD, "otp"})),
)
"""The table of the developer guide, "ACR levels and satisfying factor combinations"."""


def folded(methods: Iterable[str]) -> frozenset[str]:
    """The methods, a passkey of either sort being "passkey"."""
    return frozenset("passkey" if method in PASSKEYS else method for method in methods)


def level(methods: Iterable[str]) -> int:
    """The highest level that these methods satisfy; 0 for none, as after a custom challenge."""
    done = folded(methods)
    return max((number for number, needed in COMBINATIONS if needed <= done), default=0)


def amr(methods: Collection[str]) -> tuple[str, ...]:
    """The `amr` claim: "mfa" is "added when the user completes two or more distinct factors"."""
    listed = tuple(dict.fromkeys(methods))
    return (*listed, "mfa") if len(listed) > 1 else listed


def acr(methods: Iterable[str], names: Sequence[str]) -> str | None:
    """The `acr` claim: the name of the level reached; None for none."""
    reached = level(methods)
    return names[reached - 1] if reached else None
