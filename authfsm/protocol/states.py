"""The states of a sign-in: Cognito's sixteen challenge names, and four words of our own.

A member is the name as Cognito spells it on the wire (`ChallengeName`, AWS API reference,
RespondToAuthChallenge), with one line that says where somebody in that state stands.
"""

from __future__ import annotations

from typing import Final

from authfsm.base.enums import DescribedName


class State(DescribedName):
    """Where a sign-in stands."""

    meaning: str
    """One line: where somebody in this state stands."""

    def __init__(self, _: str, meaning: str) -> None:
        self.meaning = meaning

    # fmt: off
    START = "START", "Nothing has been asked yet."

    # First factors: somebody proves who they are.
    SELECT_CHALLENGE = "SELECT_CHALLENGE", "Choose how to prove who you are."
    PASSWORD = "PASSWORD", "Give the password, in clear."
    PASSWORD_SRP = "PASSWORD_SRP", "Begin to prove the password by SRP: give SRP_A."
    PASSWORD_VERIFIER = "PASSWORD_VERIFIER", "Prove the password by SRP: sign the secret block."
    ADMIN_NO_SRP_AUTH = "ADMIN_NO_SRP_AUTH", "Give the password to an administrator's flow that began without it."
    EMAIL_OTP = "EMAIL_OTP", "Give the code sent by e-mail: a first factor, or a second one."
    SMS_OTP = "SMS_OTP", "Give the code sent by SMS, as a first factor."
    WEB_AUTHN = "WEB_AUTHN", "Sign with a passkey."
    CUSTOM_CHALLENGE = "CUSTOM_CHALLENGE", "Answer what the pool's own Lambda functions ask."

    # Set-up: something must be set before the sign-in can go on.
    NEW_PASSWORD_REQUIRED = "NEW_PASSWORD_REQUIRED", "Replace the temporary password; give the required attributes."
    MFA_SETUP = "MFA_SETUP", "Enrol a second factor: the pool requires one and there is none."

    # Second factors.
    SELECT_MFA_TYPE = "SELECT_MFA_TYPE", "Choose a second factor."
    SMS_MFA = "SMS_MFA", "Give the code sent by SMS, as a second factor."
    SOFTWARE_TOKEN_MFA = "SOFTWARE_TOKEN_MFA", "Give the code of the authenticator app."

    # The device.
    DEVICE_SRP_AUTH = "DEVICE_SRP_AUTH", "Begin to prove a remembered device by SRP: give SRP_A."
    DEVICE_PASSWORD_VERIFIER = "DEVICE_PASSWORD_VERIFIER", "Prove the device by SRP: sign the secret block."

    # Beyond Cognito's sixteen.
    OTHER_CHALLENGE = "OTHER_CHALLENGE", "A challenge of another name: a Lambda's own, or new at Cognito."
    AUTHENTICATED = "AUTHENTICATED", "The tokens are here."
    FAILED = "FAILED", "This attempt is over; begin a new one."
    # fmt: on


OURS: Final = frozenset({State.START, State.OTHER_CHALLENGE, State.AUTHENTICATED, State.FAILED})
"""The states that are not challenge names of Cognito's."""

ENDS: Final = frozenset({State.AUTHENTICATED, State.FAILED})
"""Where a sign-in has ended: with tokens, or without."""

CHALLENGES: Final = tuple(state for state in State if state not in OURS)
"""Cognito's sixteen challenge names, in the order of a sign-in."""

NAMED: Final = {state.value: state for state in CHALLENGES}
"""Each challenge's state by the name that comes over the wire."""
