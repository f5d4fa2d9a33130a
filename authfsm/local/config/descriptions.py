"""Reads and writes Cognito's descriptions of a pool: UserPool, UserPoolClient, GetUserPoolMfaConfig.

UserPool is in the replies of DescribeUserPool and CreateUserPool, and UserPoolClient is in those of
DescribeUserPoolClient and CreateUserPoolClient. Top-level members without a setting here are kept and returned
unchanged; `unsupported_settings` lists the members that have no effect here, with reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from authfsm.local.config import pool_configuration as c
from authfsm.local.config.lambda_functions import ACCOUNT, Triggers
from authfsm.local.config.schema import SchemaAttribute
from authfsm.local.config.settings_conflicts import MULTI_FACTOR
from authfsm.protocol.errors import BadField
from authfsm.protocol.states import MFA_METHODS, State
from authfsm.settings.descriptions import TOKEN_VALIDITIES, Descriptions, Structure, token_validity

_UNITS: Final = (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))

_DEFAULT_POLICY: Final = c.PasswordPolicy()
# For each field of a class: the name of Cognito's member, and the field's value if a description lacks the member.
_MEMBERS: Final[dict[type, dict[str, tuple[str, Any]]]] = {
    c.PasswordPolicy: {
        "minimum_length": ("MinimumLength", _DEFAULT_POLICY.minimum_length),
        "require_uppercase": ("RequireUppercase", False),
        "require_lowercase": ("RequireLowercase", False),
        "require_numbers": ("RequireNumbers", False),
        "require_symbols": ("RequireSymbols", False),
        "password_history_size": ("PasswordHistorySize", _DEFAULT_POLICY.password_history_size),
    },
    c.DeviceConfiguration: {
        "challenge_required_on_new_device": ("ChallengeRequiredOnNewDevice", False),
        "device_only_remembered_on_user_prompt": ("DeviceOnlyRememberedOnUserPrompt", False),
    },
    c.WebAuthnConfiguration: {
        "relying_party_id": ("RelyingPartyId", None), "user_verification": ("UserVerification", "preferred"),
        "factor_configuration": ("FactorConfiguration", "SINGLE_FACTOR"),
    },
    SchemaAttribute: {
        "name": ("Name", None), "data_type": ("AttributeDataType", "String"),
        "developer_only": ("DeveloperOnlyAttribute", False), "mutable": ("Mutable", True),
        "required": ("Required", False),
    },
    c.AppClient: {
        "client_name": ("ClientName", "local"),
        "auth_session_validity": ("AuthSessionValidity", None),
        "prevent_user_existence_errors": ("PreventUserExistenceErrors", "LEGACY"),
        "enable_token_revocation": ("EnableTokenRevocation", True),
    },
}  # fmt: skip
_CONSTRAINTS: Final = {
    "min_length": ("StringAttributeConstraints", "MinLength"),
    "max_length": ("StringAttributeConstraints", "MaxLength"),
    "min_value": ("NumberAttributeConstraints", "MinValue"),
    "max_value": ("NumberAttributeConstraints", "MaxValue"),
}
_VALIDITY_FIELDS: Final = {
    "AccessTokenValidity": "access_token_validity",
    "IdTokenValidity": "id_token_validity",
    "RefreshTokenValidity": "refresh_token_validity",
}


def pool_settings(descriptions: Descriptions) -> dict[str, Any]:
    """Return the fields of `PoolConfiguration` for descriptions; absent members mean the values Cognito then uses."""
    pool, mfa = descriptions.user_pool, descriptions.mfa_config
    admin = pool.get("AdminCreateUserConfig", {})
    updates = pool.get("UserAttributeUpdateSettings", {})
    factors = descriptions.second_factors
    schema = pool.get("SchemaAttributes", pool.get("Schema", ()))
    device, webauthn = pool.get("DeviceConfiguration"), (mfa or {}).get("WebAuthnConfiguration", {})
    device_members = _read_members(c.DeviceConfiguration, device or {})
    settings = {
        "name": pool.get("Name", pool.get("PoolName", "local")),
        "mfa": descriptions.mfa,
        # Without GetUserPoolMfaConfig's reply, all methods are enabled, and `unsupported_settings` says so.
        "mfa_methods": MFA_METHODS if factors is None else factors,
        "device": None if device is None else c.DeviceConfiguration(**device_members),
        "aliases": pool.get("AliasAttributes", ()),
        "username_attributes": pool.get("UsernameAttributes", ()),
        # "Absent field: case-sensitive" (measured).
        "case_sensitive": pool.get("UsernameConfiguration", {}).get("CaseSensitive", True),
        "schema": [_read_attribute(each) for each in schema],
        "account_recovery": descriptions.recovery,
        "password_policy": _read_policy(pool.get("Policies", {}).get("PasswordPolicy"), admin),
        "allowed_first_auth_factors": descriptions.first_factors,
        "tier": pool.get("UserPoolTier", "ESSENTIALS"),
        "webauthn": c.WebAuthnConfiguration(**_read_members(c.WebAuthnConfiguration, webauthn))
        if "RelyingPartyId" in webauthn
        else None,
        "acr_values": pool.get("AcrConfiguration", {}),
        "auto_verified_attributes": pool.get("AutoVerifiedAttributes", ()),
        "verified_before_update": updates.get("AttributesRequireVerificationBeforeUpdate", ()),
        "allow_admin_create_user_only": admin.get("AllowAdminCreateUserOnly", False),
        "pool_description": {"UserPool": pool, "MfaConfig": mfa, "unknown": list(descriptions.unknown)},
    }
    return {**settings, "pool_id": pool["Id"]} if "Id" in pool else settings


def _read_members(kind: type, members: Structure) -> dict[str, Any]:
    return {name: members.get(member, default) for name, (member, default) in _MEMBERS[kind].items()}


def _write_members(value: Any) -> dict[str, Any]:
    return {member: getattr(value, name) for name, (member, _) in _MEMBERS[type(value)].items()}


def _read_policy(policy: Structure | None, admin: Structure) -> c.PasswordPolicy:
    # "Defaults to 7. If you submit a value of 0, Amazon Cognito treats it as a null value" (AWS API reference). If
    # TemporaryPasswordValidityDays was never set, the older UnusedAccountValidityDays applies.
    days = (policy or {}).get("TemporaryPasswordValidityDays") or 0
    days = days or admin.get("UnusedAccountValidityDays") or _DEFAULT_POLICY.temporary_password_validity_days
    values = {} if policy is None else _read_members(c.PasswordPolicy, policy)
    return c.PasswordPolicy(temporary_password_validity_days=days, **values)


def _read_attribute(attribute: Structure) -> SchemaAttribute:
    path = "UserPool.SchemaAttributes"
    if "Name" not in attribute:
        raise BadField(Descriptions, path, "has an attribute without Name")
    fields = _read_members(SchemaAttribute, attribute)
    for name, (group, member) in _CONSTRAINTS.items():
        text = attribute.get(group, {}).get(member)
        try:
            fields[name] = None if text is None else int(text)
        except ValueError:
            path = f"{path}.{group}.{member}"
            raise BadField(Descriptions, path, "must be the digits of a number") from None
    return SchemaAttribute(**fields)


def client_settings(client: Structure) -> dict[str, Any]:
    """Return the fields of `AppClient` for a UserPoolClient, which must have no null members."""
    rotation = client.get("RefreshTokenRotation", {})
    grace = rotation.get("RetryGracePeriodSeconds", 0)
    enabled = rotation.get("Feature") == "ENABLED"
    settings = {
        # With ClientSecretArn, AWS Secrets Manager stores the secret. True lets the pool generate another one.
        "client_secret": client.get("ClientSecret") or bool(client.get("ClientSecretArn")),
        "explicit_auth_flows": client.get("ExplicitAuthFlows", ()),
        "refresh_token_rotation": c.RefreshTokenRotation(grace) if enabled else None,
        "read_attributes": client.get("ReadAttributes"),
        "write_attributes": client.get("WriteAttributes"),
        **_read_members(c.AppClient, client),
        "auth_session_validity": int(token_validity(client, "AuthSessionValidity").total_seconds()) // 60,
        **{name: int(token_validity(client, member).total_seconds()) for member, name in _VALIDITY_FIELDS.items()},
        "client_description": _without(client, {"ClientSecret", "GenerateSecret"}),
    }
    return {**settings, "client_id": client["ClientId"]} if "ClientId" in client else settings


def merged_settings(read: Descriptions, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `LocalPool` for a described pool; `settings` take precedence."""
    merged = {**pool_settings(read), **client_settings(read.user_pool_client or {}), **settings}
    if isinstance(triggers := settings.get("triggers"), Triggers):
        config = read.user_pool.get("LambdaConfig", {}).get("PreTokenGenerationConfig", {})
        version = triggers.pre_token_generation_version or config.get("LambdaVersion")
        merged["triggers"] = evolve(triggers, pre_token_generation_version=version)
    return merged


def user_pool(configuration: c.PoolConfiguration, users: int) -> dict[str, Any]:
    """Return the UserPool of DescribeUserPool's reply; `users` is the number of users."""
    description = configuration.pool_description.get("UserPool") or {}
    device, pool_id = configuration.device, configuration.pool_id
    first_factors = list(configuration.allowed_first_auth_factors)
    members: dict[str, Any] = {
        "Id": pool_id,
        "Arn": f"arn:aws:cognito-idp:{configuration.region}:{ACCOUNT}:userpool/{pool_id}",
        "Name": configuration.name,
        "Policies": {
            **description.get("Policies", {}),
            "PasswordPolicy": _write_policy(configuration.password_policy),
            "SignInPolicy": {"AllowedFirstAuthFactors": first_factors},
        },
        "MfaConfiguration": configuration.mfa,
        "SchemaAttributes": [_write_attribute(e) for e in configuration.attributes.all.values()],
        "AutoVerifiedAttributes": list(configuration.auto_verified_attributes),
        "AliasAttributes": list(configuration.aliases),
        "UsernameAttributes": list(configuration.username_attributes),
        "DeviceConfiguration": device and _write_members(device),
        "UsernameConfiguration": {"CaseSensitive": configuration.case_sensitive},
        "UserAttributeUpdateSettings": {
            "AttributesRequireVerificationBeforeUpdate": list(configuration.verified_before_update)
        },
        "AccountRecoverySetting": configuration.account_recovery
        and {
            "RecoveryMechanisms": [
                {"Priority": priority, "Name": name} for priority, name in enumerate(configuration.account_recovery, 1)
            ]
        },
        "AdminCreateUserConfig": {
            **description.get("AdminCreateUserConfig", {}),
            "AllowAdminCreateUserOnly": configuration.allow_admin_create_user_only,
        },
        "UserPoolTier": configuration.tier,
        "AcrConfiguration": {
            f"Level{level}": {"AcrValue": name} for level, name in enumerate(configuration.acr_values, 1)
        },
    }
    # Cognito leaves out members without a value.
    present = {name: value for name, value in members.items() if value not in (None, (), [])}
    if "Arn" in description:
        present["Arn"] = description["Arn"]
    return {**_without(description, members), **present, "EstimatedNumberOfUsers": users}


def pool_description(configuration: c.PoolConfiguration) -> dict[str, Any]:
    """Return a pool's description: its UserPool, and as MfaConfig the reply of GetUserPoolMfaConfig."""
    return {"UserPool": user_pool(configuration, 0), "MfaConfig": mfa_config(configuration)}


def _without(description: Structure, names: Any) -> dict[str, Any]:
    return {name: value for name, value in description.items() if name not in names}


def _write_policy(policy: c.PasswordPolicy) -> dict[str, Any]:
    values = _write_members(policy)
    if not policy.password_history_size:
        del values["PasswordHistorySize"]
    return {**values, "TemporaryPasswordValidityDays": policy.temporary_password_validity_days}


def _write_attribute(attribute: SchemaAttribute) -> dict[str, Any]:
    members = _write_members(attribute)
    for name, (group, member) in _CONSTRAINTS.items():
        if (limit := getattr(attribute, name)) is not None:
            members.setdefault(group, {})[member] = str(limit)
    return members


def mfa_config(configuration: c.PoolConfiguration) -> dict[str, Any]:
    """Return GetUserPoolMfaConfig's reply."""
    description = configuration.pool_description.get("MfaConfig", {})
    if description is None:  # unknown: assume that passkeys satisfy MFA, as `pool_settings` assumes all methods
        description = {"WebAuthnConfiguration": {"FactorConfiguration": MULTI_FACTOR}}
    methods, webauthn = configuration.mfa_methods, configuration.webauthn
    members: dict[str, Any] = {"MfaConfiguration": configuration.mfa}
    enabled = State.SOFTWARE_TOKEN_MFA in methods
    if enabled or "SoftwareTokenMfaConfiguration" in description:
        members["SoftwareTokenMfaConfiguration"] = {"Enabled": enabled}
    if State.SMS_MFA in methods:
        role = {"SmsConfiguration": {"SnsCallerArn": f"arn:aws:iam::{ACCOUNT}:role/local"}}
        members["SmsMfaConfiguration"] = description.get("SmsMfaConfiguration", role)
    if State.EMAIL_OTP in methods:
        members["EmailMfaConfiguration"] = description.get("EmailMfaConfiguration", {})
    described = description.get("WebAuthnConfiguration", {})
    if webauthn is not None or (described and "RelyingPartyId" not in described):
        members["WebAuthnConfiguration"] = described if webauthn is None else _write_members(webauthn)
    optional = ("SmsMfaConfiguration", "EmailMfaConfiguration", "WebAuthnConfiguration")
    return {**_without(description, {*members, *optional}), **members}


def user_pool_client(configuration: c.PoolConfiguration, client: c.AppClient) -> dict[str, Any]:
    """Return the UserPoolClient of an app client."""
    description, rotation = client.client_description, client.refresh_token_rotation
    # "ClientSecretArn instead of ClientSecret" -- AWS API reference, UserPoolClientType
    secret = None if description.get("ClientSecretArn") else client.client_secret
    members: dict[str, Any] = {
        "UserPoolId": configuration.pool_id,
        "ClientId": client.client_id,
        "ClientSecret": secret.reveal() if secret is not None else None,
        "ReadAttributes": _sorted(client.read_attributes),
        "WriteAttributes": _sorted(client.write_attributes),
        "ExplicitAuthFlows": sorted(client.explicit_auth_flows),
        **_write_members(client),
        "RefreshTokenRotation": rotation
        and {"Feature": "ENABLED", "RetryGracePeriodSeconds": rotation.retry_grace_period_seconds},
        **_write_validities(client, description),
    }
    present = {name: value for name, value in members.items() if value is not None}
    known = set(members)
    if rotation is None and description.get("RefreshTokenRotation", {}).get("Feature") != "ENABLED":
        known.remove("RefreshTokenRotation")
    return {**_without(description, known), **present}


def _sorted(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _write_validities(client: c.AppClient, description: Mapping[str, Any]) -> dict[str, Any]:
    members: dict[str, Any] = {"TokenValidityUnits": {}}
    for name, (member, default_unit, _) in TOKEN_VALIDITIES.items():
        seconds = getattr(client, _VALIDITY_FIELDS[name])
        if description.get(name) and token_validity(description, name).total_seconds() == seconds:
            number = description[name]
            unit = description.get("TokenValidityUnits", {}).get(member, default_unit)
        else:
            unit, size = next(each for each in _UNITS if seconds % each[1] == 0)
            number = seconds // size
        members[name], members["TokenValidityUnits"][member] = number, unit
    return members
