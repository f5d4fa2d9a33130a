"""Reading the shapes in which Cognito describes a pool: what they set here, and what cannot be honoured.

UserPool (DescribeUserPool, CreateUserPool), UserPoolClient (DescribeUserPoolClient, CreateUserPoolClient)
and GetUserPoolMfaConfig's response. Nothing is dropped in silence: what has no setting here is kept, given
back, and said in `unsupported_settings`. `describing` writes the same shapes.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve

from authfsm.local.config.lambda_functions import Triggers
from authfsm.local.config.pool_configuration import (
    MFA_METHODS,
    DeviceConfiguration,
    PasswordPolicy,
    RefreshTokenRotation,
    WebAuthnConfiguration,
)
from authfsm.local.config.schema import SchemaAttribute
from authfsm.protocol.errors import BadField
from authfsm.settings.descriptions import Descriptions, Structure, token_validity

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
        "schema": [_attribute(e) for e in pool.get("SchemaAttributes", pool.get("Schema", ()))],
        "account_recovery": told.recovery,
        "password_policy": _policy(policies.get("PasswordPolicy"), admin),
        "allowed_first_auth_factors": told.first_factors,
        "tier": pool.get("UserPoolTier", "ESSENTIALS"),
        "webauthn": _webauthn((mfa or {}).get("WebAuthnConfiguration")),
        "acr_values": pool.get("AcrConfiguration", {}),
        "auto_verified_attributes": pool.get("AutoVerifiedAttributes", ()),
        "verified_before_update": updates.get("AttributesRequireVerificationBeforeUpdate", ()),
        "allow_admin_create_user_only": admin.get("AllowAdminCreateUserOnly", False),
        "pool_described": {"UserPool": pool, "MfaConfig": mfa, "unknown": list(told.unknown)},
    }
    return {**settings, "pool_id": pool["Id"]} if "Id" in pool else settings


def versioned(triggers: Triggers, pool: Structure) -> Triggers:
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


def _policy(shape: Structure | None, admin: Structure) -> PasswordPolicy:
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


def _attribute(shape: Structure) -> SchemaAttribute:
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
        "client_described": {name: each for name, each in client.items() if name not in _SECRET},
    }
    return {**settings, "client_id": client["ClientId"]} if "ClientId" in client else settings
