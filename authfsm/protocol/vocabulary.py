"""Names of Cognito's that several parts of this package use: flows, factors, response fields, recovery.

States (challenge names) are in `authfsm.protocol.states`; `ExplicitAuthFlows` and its older values are
settings of an app client and are not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from authfsm.protocol.states import State

FLOWS: Final = (
    "USER_SRP_AUTH",
    "USER_PASSWORD_AUTH",
    "ADMIN_USER_PASSWORD_AUTH",
    "ADMIN_NO_SRP_AUTH",
    "CUSTOM_AUTH",
    "USER_AUTH",
    "REFRESH_TOKEN_AUTH",
    "REFRESH_TOKEN",
)
"""Every `AuthFlow` value, in the order of the protocol's table."""

FLOWS_OF: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "InitiateAuth": tuple(flow for flow in FLOWS if not flow.startswith("ADMIN_")),
        # USER_PASSWORD_AUTH is not described here: ADMIN_USER_PASSWORD_AUTH is its counterpart
        # (AWS API reference, AdminInitiateAuth).
        "AdminInitiateAuth": tuple(flow for flow in FLOWS if flow != "USER_PASSWORD_AUTH"),
    }
)
"""The `AuthFlow` values that each operation accepts."""

REFRESH_FLOWS: Final = frozenset({"REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"})
"""The two names of the flow that exchanges a refresh token for new tokens."""

SIGN_IN_FLOWS: Final = tuple(flow for flow in FLOWS if flow not in REFRESH_FLOWS)
"""The `AuthFlow` values with which a user signs in."""

PASSWORD_FLOWS: Final = frozenset(
    {"USER_SRP_AUTH", "USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH"}
)
"""The flows that cannot begin, or cannot go on, without the password."""

BEGIN_OPERATIONS: Final = frozenset(FLOWS_OF)
"""The operations that begin a flow."""

ANSWER_OPERATIONS: Final = frozenset({"RespondToAuthChallenge", "AdminRespondToAuthChallenge"})
"""The operations that answer a challenge."""

CODE_FIELDS: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.EMAIL_OTP: "EMAIL_OTP_CODE",
        State.SMS_OTP: "SMS_OTP_CODE",
        State.SMS_MFA: "SMS_MFA_CODE",
        State.SOFTWARE_TOKEN_MFA: "SOFTWARE_TOKEN_MFA_CODE",
    }
)
"""The member of `ChallengeResponses` that carries the code of each challenge (AWS API reference,
RespondToAuthChallenge)."""

FIRST_FACTORS: Final = ("PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN")
"""What `AllowedFirstAuthFactors` may hold, in Cognito's order; "SOFTWARE_TOKEN is not currently supported"
there (AWS API reference, SignInPolicyType). PASSWORD allows PASSWORD_SRP too."""

PASSWORDLESS: Final = frozenset({State.EMAIL_OTP, State.SMS_OTP, State.WEB_AUTHN})
"""The first factors that are no password. Each may be left for another by SELECT_CHALLENGE."""

MFA_METHODS: Final = (State.SMS_MFA, State.SOFTWARE_TOKEN_MFA, State.EMAIL_OTP)
"""The second factors, in the order in which Cognito lists them."""

SET_UP_STATES: Final = frozenset({State.NEW_PASSWORD_REQUIRED, State.MFA_SETUP})
"""Where something must be set before the sign-in can go on."""

DEVICE_STATES: Final = frozenset({State.DEVICE_SRP_AUTH, State.DEVICE_PASSWORD_VERIFIER})
"""Where a remembered device proves itself."""

RECOVERY_MECHANISMS: Final[Mapping[State, str]] = MappingProxyType(
    {State.SMS_MFA: "verified_phone_number", State.EMAIL_OTP: "verified_email"}
)
"""The `AccountRecoverySetting` mechanism that uses the same channel as a second factor. Cognito does not
offer a channel for MFA that alone recovers the account (AWS developer guide, "Adding MFA")."""
