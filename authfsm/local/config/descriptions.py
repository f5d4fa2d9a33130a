"""Writing the shapes in which Cognito describes a pool: UserPool, UserPoolClient, GetUserPoolMfaConfig.

What a pool was likened to and has no setting for here is given back as it came. `shapes` reads the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from authfsm.local.config.description_shapes import SCHEMA_FIELDS, VALIDITY_FIELDS
from authfsm.local.config.pool_configuration import AppClient, PoolConfiguration
from authfsm.local.config.schema import SchemaAttribute
from authfsm.protocol.states import State
from authfsm.settings.descriptions import TOKEN_VALIDITIES, token_validity

_ACCOUNT: Final = "000000000000"
_ROLE: Final = f"arn:aws:iam::{_ACCOUNT}:role/local"
_UNITS: Final = (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))


def user_pool(configuration: PoolConfiguration, users: int) -> dict[str, Any]:
    """UserPool.

    Args:
        configuration: the pool's settings.
        users: how many there are.
    """
    before = configuration.pool_described.get("UserPool") or {}
    device, pool_id = configuration.device, configuration.pool_id
    policies = before.get("Policies", {})
    ours: dict[str, Any] = {
        "Id": pool_id,
        "Arn": f"arn:aws:cognito-idp:{configuration.region}:{_ACCOUNT}:userpool/{pool_id}",
        "Name": configuration.name,
        "Policies": {
            **policies,
            "PasswordPolicy": _policy(configuration),
            "SignInPolicy": {
                "AllowedFirstAuthFactors": list(configuration.allowed_first_auth_factors)
            },
        },
        "MfaConfiguration": configuration.mfa,
        "SchemaAttributes": [_attribute(each) for each in configuration.attributes.all.values()],
        "AutoVerifiedAttributes": list(configuration.auto_verified_attributes),
        "AliasAttributes": list(configuration.aliases),
        "UsernameAttributes": list(configuration.username_attributes),
        "DeviceConfiguration": device
        and {
            "ChallengeRequiredOnNewDevice": device.challenge_required_on_new_device,
            "DeviceOnlyRememberedOnUserPrompt": device.device_only_remembered_on_user_prompt,
        },
        "UsernameConfiguration": {"CaseSensitive": configuration.case_sensitive},
        "UserAttributeUpdateSettings": {
            "AttributesRequireVerificationBeforeUpdate": list(configuration.verified_before_update)
        },
        "AccountRecoverySetting": configuration.account_recovery
        and {
            "RecoveryMechanisms": [
                {"Priority": priority, "Name": name}
                for priority, name in enumerate(configuration.account_recovery, 1)
            ]
        },
        "AdminCreateUserConfig": {
            **before.get("AdminCreateUserConfig", {}),
            "AllowAdminCreateUserOnly": configuration.allow_admin_create_user_only,
        },
        "UserPoolTier": configuration.tier,
        "AcrConfiguration": {
            f"Level{level}": {"AcrValue": name}
            for level, name in enumerate(configuration.acr_values, 1)
        },
    }
    # Cognito leaves out what is empty.
    present = {name: value for name, value in ours.items() if value not in (None, (), [])}
    if "Arn" in before:
        present["Arn"] = before["Arn"]
    kept = {name: value for name, value in before.items() if name not in ours}
    return {**kept, **present, "EstimatedNumberOfUsers": users}


def _policy(configuration: PoolConfiguration) -> dict[str, Any]:
    policy = configuration.password_policy
    described = {
        "MinimumLength": policy.minimum_length,
        "RequireUppercase": policy.require_uppercase,
        "RequireLowercase": policy.require_lowercase,
        "RequireNumbers": policy.require_numbers,
        "RequireSymbols": policy.require_symbols,
        "TemporaryPasswordValidityDays": policy.temporary_password_validity_days,
    }
    if policy.password_history_size:
        described["PasswordHistorySize"] = policy.password_history_size
    return described


def _attribute(attribute: SchemaAttribute) -> dict[str, Any]:
    described: dict[str, Any] = {
        "Name": attribute.name,
        "AttributeDataType": attribute.data_type,
        "DeveloperOnlyAttribute": attribute.developer_only,
        "Mutable": attribute.mutable,
        "Required": attribute.required,
    }
    for field, (group, member) in SCHEMA_FIELDS.items():
        if (limit := getattr(attribute, field)) is not None:
            described.setdefault(group, {})[member] = str(limit)
    return described


def mfa_config(configuration: PoolConfiguration) -> dict[str, Any]:
    """GetUserPoolMfaConfig's response."""
    before = configuration.pool_described.get("MfaConfig") or {}
    methods, webauthn = configuration.mfa_methods, configuration.webauthn
    described: dict[str, Any] = {
        "SoftwareTokenMfaConfiguration": {"Enabled": State.SOFTWARE_TOKEN_MFA in methods},
        "MfaConfiguration": configuration.mfa,
    }
    if State.SMS_MFA in methods:
        described["SmsMfaConfiguration"] = before.get(
            "SmsMfaConfiguration", {"SmsConfiguration": {"SnsCallerArn": _ROLE}}
        )
    if State.EMAIL_OTP in methods:
        described["EmailMfaConfiguration"] = before.get("EmailMfaConfiguration", {})
    if webauthn is not None:
        described["WebAuthnConfiguration"] = {
            "RelyingPartyId": webauthn.relying_party_id,
            "UserVerification": webauthn.user_verification,
            "FactorConfiguration": webauthn.factor_configuration,
        }
    known = {*described, "SmsMfaConfiguration", "EmailMfaConfiguration", "WebAuthnConfiguration"}
    return {**{name: each for name, each in before.items() if name not in known}, **described}


def user_pool_client(configuration: PoolConfiguration, client: AppClient) -> dict[str, Any]:
    """UserPoolClient."""
    before = client.client_described
    rotation, secret = client.refresh_token_rotation, client.client_secret
    ours: dict[str, Any] = {
        "UserPoolId": configuration.pool_id,
        "ClientName": client.client_name,
        "ClientId": client.client_id,
        "ClientSecret": secret.reveal() if secret is not None else None,
        "ReadAttributes": _sorted(client.read_attributes),
        "WriteAttributes": _sorted(client.write_attributes),
        "ExplicitAuthFlows": sorted(client.explicit_auth_flows),
        "PreventUserExistenceErrors": client.prevent_user_existence_errors,
        "EnableTokenRevocation": client.enable_token_revocation,
        "AuthSessionValidity": client.auth_session_validity,
        "RefreshTokenRotation": rotation
        and {
            "Feature": "ENABLED",
            "RetryGracePeriodSeconds": rotation.retry_grace_period_seconds,
        },
        **_validities(client, before),
    }
    present = {name: value for name, value in ours.items() if value is not None}
    known = set(ours)
    if rotation is None and before.get("RefreshTokenRotation", {}).get("Feature") != "ENABLED":
        known.remove("RefreshTokenRotation")
    return {**{name: each for name, each in before.items() if name not in known}, **present}


def _sorted(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _validities(client: AppClient, before: Mapping[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"TokenValidityUnits": {}}
    for name, (member, default_unit, _) in TOKEN_VALIDITIES.items():
        seconds = getattr(client, VALIDITY_FIELDS[name])
        if name in before and token_validity(before, name).total_seconds() == seconds:
            number = before[name]
            unit = before.get("TokenValidityUnits", {}).get(member, default_unit)
        else:
            unit, size = next(each for each in _UNITS if seconds % each[1] == 0)
            number = seconds // size
        described[name], described["TokenValidityUnits"][member] = number, unit
    return described
