"""Names of Cognito's that several parts of this package use: flows, factors, response fields, recovery.

States (challenge names) are in `authfsm.protocol.states`; `ExplicitAuthFlows` and its older values are
settings of an app client and are not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from authfsm.protocol.states import State

_BOTH: Final = ("CUSTOM_AUTH", "USER_AUTH", "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN")

FLOWS_OF: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "InitiateAuth": ("USER_SRP_AUTH", "USER_PASSWORD_AUTH", *_BOTH),
        # USER_PASSWORD_AUTH is not described here: ADMIN_USER_PASSWORD_AUTH is its counterpart
        # (AWS API reference, AdminInitiateAuth).
        "AdminInitiateAuth": (
            "USER_SRP_AUTH",
            "ADMIN_USER_PASSWORD_AUTH",
            "ADMIN_NO_SRP_AUTH",
            *_BOTH,
        ),
    }
)
"""The `AuthFlow` values that each operation accepts."""

FLOWS: Final = tuple(dict.fromkeys(flow for flows in FLOWS_OF.values() for flow in flows))
"""Every `AuthFlow` value."""

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

RECOVERY_MECHANISMS: Final[Mapping[State, str]] = MappingProxyType(
    {State.SMS_MFA: "verified_phone_number", State.EMAIL_OTP: "verified_email"}
)
"""The `AccountRecoverySetting` mechanism that uses the same channel as a second factor. Cognito does not
offer a channel for MFA that alone recovers the account (AWS developer guide, "Adding MFA")."""
