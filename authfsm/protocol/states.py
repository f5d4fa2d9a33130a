"""The states of a sign-in (Cognito's sixteen challenge names, and four of this package), and sets of states.

The value of a challenge's state is its `ChallengeName` in the API (AWS API reference, RespondToAuthChallenge).
Public, from `authfsm`: `State`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from authfsm.base.mixins import DescribedName


class State(DescribedName):
    """A state of a sign-in: a challenge that Cognito may issue, the start, or an end."""

    # fmt: off
    START = "START", "No request has been sent yet."

    # First factors: the user proves who they are.
    SELECT_CHALLENGE = "SELECT_CHALLENGE", "Choose a first factor."
    PASSWORD = "PASSWORD", "Send the password in plain text."
    PASSWORD_SRP = "PASSWORD_SRP", "Start the SRP proof of the password: send SRP_A."
    PASSWORD_VERIFIER = "PASSWORD_VERIFIER", "Finish the SRP proof of the password: sign the secret block."
    ADMIN_NO_SRP_AUTH = "ADMIN_NO_SRP_AUTH", "Send the password to an administrator's flow that started without it."
    EMAIL_OTP = "EMAIL_OTP", "Send the code from the e-mail, as a first or a second factor."
    SMS_OTP = "SMS_OTP", "Send the code from the SMS, as a first factor."
    WEB_AUTHN = "WEB_AUTHN", "Sign with a passkey."
    CUSTOM_CHALLENGE = "CUSTOM_CHALLENGE", "Answer the challenge of the pool's Lambda functions."

    # Set-up: the user must set something before the sign-in can continue.
    NEW_PASSWORD_REQUIRED = "NEW_PASSWORD_REQUIRED", "Replace the temporary password, and send the required attributes."
    MFA_SETUP = "MFA_SETUP", "Enrol a second factor: the pool requires one and the user has none."

    # Second factors.
    SELECT_MFA_TYPE = "SELECT_MFA_TYPE", "Choose a second factor."
    SMS_MFA = "SMS_MFA", "Send the code from the SMS, as a second factor."
    SOFTWARE_TOKEN_MFA = "SOFTWARE_TOKEN_MFA", "Send the code of the authenticator app."

    # The remembered device.
    DEVICE_SRP_AUTH = "DEVICE_SRP_AUTH", "Start the SRP proof of the remembered device: send SRP_A."
    DEVICE_PASSWORD_VERIFIER = "DEVICE_PASSWORD_VERIFIER", "Finish the SRP proof of the device: sign the secret block."

    # States that are not challenge names of Cognito.
    OTHER_CHALLENGE = "OTHER_CHALLENGE", "Answer a challenge with a name that this package does not know."
    AUTHENTICATED = "AUTHENTICATED", "The sign-in is complete: the tokens have arrived."
    FAILED = "FAILED", "This attempt has failed: start a new one."
    # fmt: on


NON_CHALLENGES: Final = frozenset({State.START, State.OTHER_CHALLENGE, State.AUTHENTICATED, State.FAILED})
"""The states that are not challenge names of Cognito."""

END_STATES: Final = frozenset({State.AUTHENTICATED, State.FAILED})
"""The states in which a sign-in has ended."""

CHALLENGES: Final = tuple(state for state in State if state not in NON_CHALLENGES)
"""The states of Cognito's sixteen challenges, in the order of a sign-in."""

STATE_BY_CHALLENGE_NAME: Final = {state.value: state for state in CHALLENGES}
"""The state of each challenge name."""


def state_of_challenge_name(challenge: str) -> State:
    """Return the state of a ChallengeName; OTHER_CHALLENGE for a name that this package does not know."""
    return STATE_BY_CHALLENGE_NAME.get(challenge, State.OTHER_CHALLENGE)


PASSWORDLESS: Final = frozenset({State.EMAIL_OTP, State.SMS_OTP, State.WEB_AUTHN})
"""USER_AUTH's first factors without a password. In place of one of them the user may choose another first factor."""

MFA_METHODS: Final = (State.SMS_MFA, State.SOFTWARE_TOKEN_MFA, State.EMAIL_OTP)
"""The second factors, in the order in which Cognito lists them."""

SET_UP_STATES: Final = frozenset({State.NEW_PASSWORD_REQUIRED, State.MFA_SETUP})
"""The states in which something must be set before the sign-in can continue."""

DEVICE_STATES: Final = frozenset({State.DEVICE_SRP_AUTH, State.DEVICE_PASSWORD_VERIFIER})
"""The states in which a remembered device proves itself."""

CODE_FIELDS: Final[Mapping[State, str]] = {
    State.EMAIL_OTP: "EMAIL_OTP_CODE",
    State.SMS_OTP: "SMS_OTP_CODE",
    State.SMS_MFA: "SMS_MFA_CODE",
    State.SOFTWARE_TOKEN_MFA: "SOFTWARE_TOKEN_MFA_CODE",
}
"""The member of `ChallengeResponses` that carries the code (AWS API reference, RespondToAuthChallenge)."""

MFA_SETTINGS: Final[Mapping[State, str]] = {
    State.SMS_MFA: "SMSMfaSettings",
    State.SOFTWARE_TOKEN_MFA: "SoftwareTokenMfaSettings",
    State.EMAIL_OTP: "EmailMfaSettings",
}
"""The member of SetUserMFAPreference in which a user enables and prefers a second factor."""

RECOVERY_MECHANISMS: Final[Mapping[State, str]] = MappingProxyType(
    {State.SMS_MFA: "verified_phone_number", State.EMAIL_OTP: "verified_email"}
)
"""The `AccountRecoverySetting` mechanism that uses the same channel as a second factor.

Cognito sends no MFA code over a channel that is the only one for account recovery (AWS developer guide, "Adding MFA").
"""
