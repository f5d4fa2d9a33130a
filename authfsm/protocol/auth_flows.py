"""The `AuthFlow` names, and the `ExplicitAuthFlows` values of an app client that allow them.

A current `ExplicitAuthFlows` value starts with `ALLOW_` and allows one flow, under all of its names. An old app client
may have some of the three legacy values instead. Such an app client may use SRP, CUSTOM_AUTH and refreshing without a
value for them. The legacy values `USER_PASSWORD_AUTH` and `ADMIN_NO_SRP_AUTH` also allow the flow of the same name,
and the legacy value `CUSTOM_AUTH_FLOW_ONLY` switches SRP off.

Sources:
    - AWS API reference, CreateUserPoolClient and UserPoolClientType, ExplicitAuthFlows: the values, the default,
      and "You can't assign these legacy ExplicitAuthFlows values to user pool clients at the same time as values
      that begin with ALLOW_".
    - AWS API history, 2019-11-14: "adds support to enable or disable specific authentication flows for a user pool
      client"; until then only the three legacy values existed, and an app client needed none of them for SRP,
      CUSTOM_AUTH or refreshing.
    - The console of that time labelled `CUSTOM_AUTH_FLOW_ONLY` "Only allow Custom Authentication"; if an app client
      has several legacy values, each allows the flow that it names.
    - floci pull request 3974: "Refresh is only gated on clients that use ALLOW_* values, since legacy clients never
      had a refresh flow flag".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

FLOWS: Final = (
    "USER_SRP_AUTH", "USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH",
    "CUSTOM_AUTH", "USER_AUTH", "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN",
)  # fmt: skip
"""All `AuthFlow` values, in the order of the protocol table."""

FLOWS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "InitiateAuth": tuple(flow for flow in FLOWS if not flow.startswith("ADMIN_")),
    # ADMIN_USER_PASSWORD_AUTH takes the place of USER_PASSWORD_AUTH (AWS API reference, AdminInitiateAuth).
    "AdminInitiateAuth": tuple(flow for flow in FLOWS if flow != "USER_PASSWORD_AUTH"),
}
"""The `AuthFlow` values that each operation accepts."""

REFRESH_FLOWS: Final = frozenset({"REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"})
"""The two names of the flow that exchanges a refresh token for new tokens."""

SIGN_IN_FLOWS: Final = tuple(flow for flow in FLOWS if flow not in REFRESH_FLOWS)
"""The `AuthFlow` values that sign a user in."""

PASSWORD_FLOWS: Final = frozenset({"USER_SRP_AUTH", "USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH"})
"""The flows that a driver starts only with the password. (ADMIN_NO_SRP_AUTH may start without it.)"""

AUTH_SESSION_VALIDITY: Final = 3
"""The default lifetime of Cognito's session, in minutes (AWS API reference, CreateUserPoolClient)."""

BEGIN_OPERATIONS: Final = frozenset(FLOWS_OF)
"""The API operations that start a flow."""

ANSWER_OPERATIONS: Final = frozenset({"RespondToAuthChallenge", "AdminRespondToAuthChallenge"})
"""The API operations that answer a challenge."""

SIGN_IN_OPERATIONS: Final = (
    BEGIN_OPERATIONS
    | ANSWER_OPERATIONS
    | {"AssociateSoftwareToken", "VerifySoftwareToken", "ConfirmDevice", "UpdateDeviceStatus"}
    | {"GetTokensFromRefreshToken", "RevokeToken", "GlobalSignOut"}
)
"""The API operations of a sign-in, and those for its tokens and its device afterwards."""

ALLOWED_FIRST_AUTH_FACTORS: Final = ("PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN")
"""The values of a pool's `AllowedFirstAuthFactors`, in Cognito's order. PASSWORD includes PASSWORD_SRP.

"SOFTWARE_TOKEN is not currently supported" -- AWS API reference, SignInPolicyType
"""

PREFERRED_CHALLENGES: Final = ("PASSWORD_SRP", *ALLOWED_FIRST_AUTH_FACTORS)
"""The values of `PREFERRED_CHALLENGE`."""

_ADMIN: Final = "ALLOW_ADMIN_USER_PASSWORD_AUTH"
_PASSWORD: Final = "ALLOW_USER_PASSWORD_AUTH"  # noqa: S105 - the name of a setting
_SRP: Final = "ALLOW_USER_SRP_AUTH"
_CUSTOM: Final = "ALLOW_CUSTOM_AUTH"
_CHOICE: Final = "ALLOW_USER_AUTH"
_REFRESH: Final = "ALLOW_REFRESH_TOKEN_AUTH"

CURRENT_VALUES: Final = (_SRP, _PASSWORD, _ADMIN, _CUSTOM, _CHOICE, _REFRESH)
"""The current `ExplicitAuthFlows` values that concern a sign-in."""

DEFAULT_VALUES: Final = frozenset({_REFRESH, _SRP, _CUSTOM})
"""The values of an app client whose `ExplicitAuthFlows` is missing or empty (AWS API reference)."""

REQUIRED_VALUE: Final[Mapping[str, str]] = {
    "USER_SRP_AUTH": _SRP,
    "USER_PASSWORD_AUTH": _PASSWORD,
    # Two names of one flow: ALLOW_ADMIN_USER_PASSWORD_AUTH "replaces the ADMIN_NO_SRP_AUTH setting" (AWS API
    # reference), and pycognito still requests the older name.
    "ADMIN_USER_PASSWORD_AUTH": _ADMIN,
    "ADMIN_NO_SRP_AUTH": _ADMIN,
    "CUSTOM_AUTH": _CUSTOM,
    # "can do username-password and SRP authentication without other ExplicitAuthFlows permitting them ...
    # doesn't include CUSTOM_AUTH" -- AWS API reference
    "USER_AUTH": _CHOICE,
    "REFRESH_TOKEN_AUTH": _REFRESH,
    "REFRESH_TOKEN": _REFRESH,
}
"""For each `AuthFlow`, the current `ExplicitAuthFlows` value that allows it."""

_CUSTOM_ONLY: Final = "CUSTOM_AUTH_FLOW_ONLY"
_LEGACY: Final = {"ADMIN_NO_SRP_AUTH": _ADMIN, "USER_PASSWORD_AUTH": _PASSWORD, _CUSTOM_ONLY: _CUSTOM}

LEGACY_VALUES: Final = tuple(_LEGACY)
"""The `ExplicitAuthFlows` values from before November 2019."""


def current_values(values: Iterable[str]) -> frozenset[str]:
    """Return the current `ExplicitAuthFlows` values that allow the same flows; the default if there are no values."""
    names = frozenset(values)
    legacy = names & _LEGACY.keys()
    if not legacy:
        return names or DEFAULT_VALUES
    implied = DEFAULT_VALUES - ({_SRP} if _CUSTOM_ONLY in legacy else frozenset())
    return names - legacy | implied | {_LEGACY[name] for name in legacy}


def is_flow_allowed(values: Iterable[str], auth_flow: str) -> bool:
    """Return whether an app client allows a flow."""
    return REQUIRED_VALUE.get(auth_flow) in current_values(values)


def mixed_values_error(values: Iterable[str]) -> str | None:
    """Return why Cognito refuses to mix legacy and current values; None if they are not mixed."""
    names = frozenset(values)
    legacy, others = names & _LEGACY.keys(), names - _LEGACY.keys()
    if not legacy or not others:
        return None
    return (
        f"has the legacy values {', '.join(sorted(legacy))} next to {', '.join(sorted(others))}:"
        " Cognito refuses an app client with both kinds; replace the legacy values"
    )
