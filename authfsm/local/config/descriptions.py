"""Reading and writing the shapes in which Cognito describes a user pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from authfsm.local.config.pool_configuration import (
    MFA_METHODS,
    AppClient,
    DeviceConfiguration,
    PasswordPolicy,
    PoolConfiguration,
    RefreshTokenRotation,
    Triggers,
    WebAuthnConfiguration,
)
from authfsm.local.config.schema import SchemaAttribute
from authfsm.protocol.errors import BadField
from authfsm.protocol.states import State
from authfsm.settings.descriptions import TOKEN_VALIDITIES, Descriptions, Structure, token_validity

# Reading the shapes in which Cognito describes a pool: what they set here, and what cannot be honoured.
SCHEMA_FIELDS: Final = {
    "shortest": ("StringAttributeConstraints", "MinLength"),
    "longest": ("StringAttributeConstraints", "MaxLength"),
    "least": ("NumberAttributeConstraints", "MinValue"),
    "greatest": ("NumberAttributeConstraints", "MaxValue"),
}

_SECRET: Final = {"ClientSecret", "GenerateSecret"}

VALIDITY_FIELDS: Final = {
    "AccessTokenValidity": "access_token_validity",
    "IdTokenValidity": "id_token_validity",
    "RefreshTokenValidity": "refresh_token_validity",
}


# ---- the pool -----------------------------------------------------------------------------------


def pool_settings(told: Descriptions) -> dict[str, Any]:
    """The fields of `PoolConfiguration` that descriptions say.

    Args:
        told: the descriptions.

    Raises:
        BadField: a member is what the API never says.
    """
    pool, mfa = told.user_pool, told.mfa_config
    policies, admin = pool.get("Policies", {}), pool.get("AdminCreateUserConfig", {})
    updates = pool.get("UserAttributeUpdateSettings", {})
    settings = {
        "name": pool.get("Name", pool.get("PoolName", "local")),
        "mfa": told.mfa,
        # Where nobody asked which are enabled: all that the pool could have. `unsupported_settings` says so.
        "mfa_methods": MFA_METHODS if told.second_factors is None else told.second_factors,
        "device": _device(pool.get("DeviceConfiguration")),
        "aliases": pool.get("AliasAttributes", ()),
        "username_attributes": pool.get("UsernameAttributes", ()),
        # "Absent field: case-sensitive" (measured).
        "case_sensitive": pool.get("UsernameConfiguration", {}).get("CaseSensitive", True),
        "schema": [
            _read_attribute(e) for e in pool.get("SchemaAttributes", pool.get("Schema", ()))
        ],
        "account_recovery": told.recovery,
        "password_policy": _read_policy(policies.get("PasswordPolicy"), admin),
        "allowed_first_auth_factors": told.first_factors,
        "tier": pool.get("UserPoolTier", "ESSENTIALS"),
        "webauthn": _webauthn((mfa or {}).get("WebAuthnConfiguration")),
        "acr_values": pool.get("AcrConfiguration", {}),
        "auto_verified_attributes": pool.get("AutoVerifiedAttributes", ()),
        "verified_before_update": updates.get("AttributesRequireVerificationBeforeUpdate", ()),
        "allow_admin_create_user_only": admin.get("AllowAdminCreateUserOnly", False),
        "pool_description": {"UserPool": pool, "MfaConfig": mfa, "unknown": list(told.unknown)},
    }
    return {**settings, "pool_id": pool["Id"]} if "Id" in pool else settings


def with_described_version(triggers: Triggers, pool: Structure) -> Triggers:
    """The functions, PreTokenGeneration's event in the version that LambdaConfig says, if they say none."""
    config = pool.get("LambdaConfig", {}).get("PreTokenGenerationConfig", {})
    version = triggers.pre_token_generation_version or config.get("LambdaVersion")
    return evolve(triggers, pre_token_generation_version=version)


def _device(shape: Structure | None) -> DeviceConfiguration | None:
    if shape is None:
        return None
    return DeviceConfiguration(
        shape.get("ChallengeRequiredOnNewDevice", False),
        shape.get("DeviceOnlyRememberedOnUserPrompt", False),
    )


def _read_policy(shape: Structure | None, admin: Structure) -> PasswordPolicy:
    # "Defaults to 7. If you submit a value of 0, Amazon Cognito treats it as a null value"; the older
    # UnusedAccountValidityDays is what there is where the newer was never set (AWS API reference).
    days = (shape or {}).get("TemporaryPasswordValidityDays") or 0
    days = days or admin.get("UnusedAccountValidityDays") or 7
    if shape is None:
        return PasswordPolicy(temporary_password_validity_days=days)
    return PasswordPolicy(
        minimum_length=shape.get("MinimumLength", 8),
        require_uppercase=shape.get("RequireUppercase", False),
        require_lowercase=shape.get("RequireLowercase", False),
        require_numbers=shape.get("RequireNumbers", False),
        require_symbols=shape.get("RequireSymbols", False),
        temporary_password_validity_days=days,
        password_history_size=shape.get("PasswordHistorySize", 0),
    )


def _read_attribute(shape: Structure) -> SchemaAttribute:
    if "Name" not in shape:
        raise BadField(Descriptions, "UserPool.SchemaAttributes", "has an attribute without Name")
    limits = {
        field: _number(found, f"{group}.{member}")
        for field, (group, member) in SCHEMA_FIELDS.items()
        if (found := shape.get(group, {}).get(member)) is not None
    }
    return SchemaAttribute(
        shape["Name"],
        shape.get("AttributeDataType", "String"),
        mutable=shape.get("Mutable", True),
        required=shape.get("Required", False),
        developer_only=shape.get("DeveloperOnlyAttribute", False),
        **limits,
    )


def _number(found: str, path: str) -> int:
    try:
        return int(found)
    except ValueError:
        whole = f"UserPool.SchemaAttributes.{path}"
        raise BadField(Descriptions, whole, "must be the digits of a number") from None


def _webauthn(shape: Structure | None) -> WebAuthnConfiguration | None:
    if not shape or "RelyingPartyId" not in shape:
        return None
    return WebAuthnConfiguration(
        shape["RelyingPartyId"],
        shape.get("UserVerification", "preferred"),
        shape.get("FactorConfiguration", "SINGLE_FACTOR"),
    )


def merged_settings(read: Descriptions, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `LocalPool` for a described pool; `settings` take precedence."""
    client = client_settings(read.user_pool_client or {})
    merged = {**pool_settings(read), **client, **settings}
    if isinstance(triggers := settings.get("triggers"), Triggers):
        merged["triggers"] = with_described_version(triggers, read.user_pool)
    return merged


# ---- the app client -----------------------------------------------------------------------------


def client_settings(client: Structure) -> dict[str, Any]:
    """The fields of `AppClient` that a UserPoolClient says.

    Args:
        client: UserPoolClient without null members, as `Descriptions` and requests have it.

    Raises:
        BadField: a member is what the API never says.
    """
    rotation = client.get("RefreshTokenRotation", {})
    settings = {
        "client_secret": client.get("ClientSecret", False),
        "client_name": client.get("ClientName", "local"),
        "explicit_auth_flows": client.get("ExplicitAuthFlows", ()),
        "auth_session_validity": client.get("AuthSessionValidity", 3),
        "prevent_user_existence_errors": client.get("PreventUserExistenceErrors", "LEGACY"),
        "refresh_token_rotation": (
            RefreshTokenRotation(rotation.get("RetryGracePeriodSeconds", 0))
            if rotation.get("Feature") == "ENABLED"
            else None
        ),
        "read_attributes": client.get("ReadAttributes"),
        "write_attributes": client.get("WriteAttributes"),
        "enable_token_revocation": client.get("EnableTokenRevocation", True),
        **{
            ours: int(token_validity(client, name).total_seconds())
            for name, ours in VALIDITY_FIELDS.items()
        },
        "client_description": {name: each for name, each in client.items() if name not in _SECRET},
    }
    return {**settings, "client_id": client["ClientId"]} if "ClientId" in client else settings


# Writing the shapes in which Cognito describes a pool: UserPool, UserPoolClient, GetUserPoolMfaConfig.
_ACCOUNT: Final = "000000000000"
_ROLE: Final = f"arn:aws:iam::{_ACCOUNT}:role/local"
_UNITS: Final = (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))


def user_pool(configuration: PoolConfiguration, users: int) -> dict[str, Any]:
    """UserPool.

    Args:
        configuration: the pool's settings.
        users: how many there are.
    """
    before = configuration.pool_description.get("UserPool") or {}
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
    before = configuration.pool_description.get("MfaConfig") or {}
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
    before = client.client_description
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
