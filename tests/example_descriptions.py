"""Descriptions of the example pools as AWS returns them, and one with everything wrong."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from authfsm.checks import Remediation

Descriptions = dict[str, Any]

TRIGGERS: Final = dict.fromkeys(("DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"), "arn")
TOTP: Final[Descriptions] = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
SMS: Final[Descriptions] = {"SmsMfaConfiguration": {"SmsConfiguration": {"SnsCallerArn": "arn"}}}


def pool_descriptions(
    mode: str, flow: str, mfa: Descriptions | None = None, pool: Descriptions | None = None, **client: Any
) -> Descriptions:
    """Return a pool's descriptions, as `authfsm draw --save-settings` writes them."""
    flows = [f"ALLOW_{flow}", "ALLOW_REFRESH_TOKEN_AUTH"]
    return {
        "UserPool": {
            "Id": "eu-west-1_AbCdEfGhI",
            "MfaConfiguration": mode,
            "UserPoolTier": "ESSENTIALS",
            **(pool or {}),
        },
        "UserPoolClient": {
            "ClientId": "1example23456789",
            "ExplicitAuthFlows": flows,
            "PreventUserExistenceErrors": "ENABLED",
            "EnableTokenRevocation": True,
            "AuthSessionValidity": 3,
            "RefreshTokenValidity": 30,
            **client,
        },
        "MfaConfig": {"MfaConfiguration": mode, **(mfa or {})},
    }


def _factors(*names: str) -> Descriptions:
    return {"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": [*names]}}}


GALLERY: Final[Mapping[str, Descriptions]] = {
    "mfa_off": pool_descriptions("OFF", "USER_SRP_AUTH"),
    "mfa_optional": pool_descriptions(
        "OPTIONAL", "USER_SRP_AUTH", {**TOTP, **SMS}, {"DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True}}
    ),
    "mfa_required": pool_descriptions("ON", "USER_SRP_AUTH", TOTP),
    "passwordless": pool_descriptions("OFF", "USER_AUTH", pool=_factors("PASSWORD", "EMAIL_OTP", "WEB_AUTHN")),
    "custom": pool_descriptions("OFF", "CUSTOM_AUTH", pool={"LambdaConfig": TRIGGERS}),
}
"""The full descriptions of the pools of `authfsm.diagrams.example_pools`."""

EVERYTHING_WRONG: Final = pool_descriptions(
    "ON",
    "USER_SRP_AUTH",
    SMS,
    {
        "Policies": {"PasswordPolicy": {"MinimumLength": 6}},
        "LambdaConfig": TRIGGERS,
        "AccountRecoverySetting": {
            "RecoveryMechanisms": [
                {"Priority": 2, "Name": "verified_email"},
                {"Priority": 1, "Name": "verified_phone_number"},
            ]
        },
    },
    AllowedOAuthFlowsUserPoolClient=True,
    AllowedOAuthFlows=["code", "implicit"],
    ExplicitAuthFlows=[
        "ALLOW_USER_SRP_AUTH",
        "ALLOW_USER_PASSWORD_AUTH",
        "ALLOW_CUSTOM_AUTH",
        "ALLOW_REFRESH_TOKEN_AUTH",
    ],
    PreventUserExistenceErrors="LEGACY",
    EnableTokenRevocation=False,
    AuthSessionValidity=15,
    RefreshTokenValidity=3650,
)
"""A pool in which a reviewer finds every kind of problem."""


def with_remediation(descriptions: Descriptions, remediation: Remediation) -> Descriptions:
    """Return the pool's descriptions after a remediation."""
    after = copy.deepcopy(descriptions)
    for name, value in remediation.settings.items():
        top, *within = name.split(".")
        for part in _parts(remediation.operation, top):
            where = after[part]
            if within:
                where = where.setdefault(top, {})
                for step in within[:-1]:
                    where = where.setdefault(step, {})
            key = within[-1] if within else top
            where[key] = value
            if value is None:
                del where[key]
    return after


def _parts(operation: str, field: str) -> tuple[str, ...]:
    """Return the descriptions that contain a field of an operation."""
    if operation == "UpdateUserPoolClient":
        return ("UserPoolClient",)
    if field == "MfaConfiguration":
        return ("UserPool", "MfaConfig")
    return ("MfaConfig",) if "Mfa" in field or field == "WebAuthnConfiguration" else ("UserPool",)
