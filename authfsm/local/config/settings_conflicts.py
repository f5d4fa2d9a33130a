"""Finds settings of a pool or an app client that Cognito refuses although botocore's model of the request allows them.

The rules are for requests (CreateUserPool, UpdateUserPoolClient) and for settings in Python and in configuration files.

Rules and messages, except those of `mfa_conflicts`, are from cdk-preflight, whose maintainers try each on AWS.
Settings for other services (keys, addresses and roles of KMS, SES, SNS and IAM), OAuth and federation are not checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from authfsm.local.config.schema import STANDARD_ATTRIBUTES, VERIFIED_FLAGS, Schema
from authfsm.protocol.auth_flows import mixed_values_error
from authfsm.settings.descriptions import Descriptions, Structure, token_validity

_LITE: Final = "The following features need to be disabled for the LITE pricing tier configured:"
_LONGEST: Final = 2048
CONSTRAINTS: Final = {
    # Type of attribute: (the member with its constraints, that member's two members, the quantity in messages)
    "String": ("StringAttributeConstraints", "MinLength", "MaxLength", "length"),
    "Number": ("NumberAttributeConstraints", "MinValue", "MaxValue", "value"),
}
_RANGES: Final = {
    **dict.fromkeys(("AccessTokenValidity", "IdTokenValidity"), (300, 86_400)),
    "RefreshTokenValidity": (3_600, 3_650 * 86_400),
}
"""The shortest and the longest lifetime of each token, in seconds (AWS API reference)."""
MULTI_FACTOR: Final = "MULTI_FACTOR_WITH_USER_VERIFICATION"
_PASSKEYS_NOT_MFA: Final = "WEB_AUTHN cannot be used as an auth factor when MFA is enabled if not configured for MFA."
_SINGLE_FACTOR: Final = (
    "Cannot set WebAuthn factor configuration to SINGLE_FACTOR if MFA is required and"
    " WebAuthn is an allowed first auth factor"
)


def pool_conflicts(described: Descriptions) -> Iterator[str]:  # noqa: C901 - one condition a rule
    """Yield why Cognito refuses a pool's settings; `described` has the settings after the request."""
    pool = described.user_pool

    def get(group: str, name: str) -> Any:
        return pool.get(group, {}).get(name)

    if pool.get("AliasAttributes") and pool.get("UsernameAttributes"):
        yield "Only one of the aliasAttributes or usernameAttributes can be set in a User pool."
    mechanisms = get("AccountRecoverySetting", "RecoveryMechanisms") or []
    if len(mechanisms) > 1 and any(each["Name"] == "admin_only" for each in mechanisms):
        yield "Account Recovery Setting cannot use admin_only setting with any other recovery mechanisms."
    if any(len({each[name] for each in mechanisms}) < len(mechanisms) for name in ("Name", "Priority")):
        yield "Account Recovery Setting cannot have duplicate priorities or recovery mechanisms."
    schema = pool.get("SchemaAttributes", ())
    for each in schema:
        yield from attribute_conflicts(each)
    names = [each["Name"].removeprefix("dev:") for each in schema]
    for name in {each for each in names if names.count(each) > 1}:
        yield f"Duplicate custom attribute names {name} are not allowed in a user pool schema."
    verified_before_update = get("UserAttributeUpdateSettings", "AttributesRequireVerificationBeforeUpdate")
    if not set(verified_before_update or ()) <= set(pool.get("AutoVerifiedAttributes", ())):
        yield "All attributes in AttributesRequireVerificationBeforeUpdate must exist in AutoVerifiedAttributes"
    factors = described.first_factors
    if "PASSWORD" not in factors:
        yield "Password should be configured as one of the allowed first auth factors."
    pre_token_generation = get("LambdaConfig", "PreTokenGenerationConfig") or {}
    if pool.get("UserPoolTier") == "LITE" and {*factors} != {"PASSWORD"}:
        yield f"{_LITE} Passwordless Sign-In"
    if pool.get("UserPoolTier") == "LITE" and pre_token_generation.get("LambdaVersion", "V1_0") != "V1_0":
        yield f"{_LITE} Token Customization with Pre-Token Generation Lambda {pre_token_generation['LambdaVersion']}"
    yield from mfa_conflicts(described, _PASSKEYS_NOT_MFA)


def mfa_conflicts(described: Descriptions, passkey_message: str = _SINGLE_FACTOR) -> Iterator[str]:
    """Yield why Cognito refuses to require MFA in a pool with these first factors.

    go-to-k/cdkd measured the rules (issues 1975, 2064); the messages of CreateUserPool are inferred. Also measured:
    SetUserPoolMfaConfig without WebAuthnConfiguration sets SINGLE_FACTOR, even if the pool had another value.
    """
    factors = {*described.first_factors} if described.mfa == "ON" else set()
    if factors & {"EMAIL_OTP", "SMS_OTP"}:
        yield "Only PASSWORD and WEB_AUTHN (if configured) can be enabled as an auth factor if MFA is enabled"
    passkeys = (described.mfa_config or {}).get("WebAuthnConfiguration", {})
    if "WEB_AUTHN" in factors and passkeys.get("FactorConfiguration") != MULTI_FACTOR:
        yield passkey_message


def attribute_conflicts(attribute: Structure) -> Iterator[str]:
    """Yield why Cognito refuses an attribute of a schema; `attribute` is as in SchemaAttributes of DescribeUserPool."""
    name, kind = attribute["Name"], attribute["AttributeDataType"]
    if attribute.get("Required") and name not in STANDARD_ATTRIBUTES:
        yield "Required custom attributes are not supported currently."
    group, low, high, unit = CONSTRAINTS.get(kind, ("", "", "", ""))
    limits = attribute.get(group, {})
    if not all(re.fullmatch(r"[+-]?[0-9]{1,40}", each) for each in limits.values()):
        yield f"Invalid {group} for schema attribute {name}"
    elif kind == "String" and any(int(each) > _LONGEST for each in limits.values()):
        yield f"user.{name}: String attributes cannot have a length of more than {_LONGEST}"
    elif low in limits and high in limits and int(limits[low]) > int(limits[high]):
        yield f"user.{name}: Max {unit} cannot be less than min {unit}."


def new_conflicts(find: Callable[[Any], Iterator[str]], before: Any, after: Any) -> Iterator[str]:
    """Yield the conflicts that a request adds; Cognito refuses no request because of conflicts from before it."""
    had = {*find(before)}
    return (why for why in find(after) if why not in had)


def request_conflicts(before: Descriptions, after: Descriptions, request: Structure) -> Iterator[str]:
    """Yield why Cognito refuses a request that changes a pool's settings."""
    yield from new_conflicts(pool_conflicts, before, after)
    # This rule is for the request alone, because a description may have both members.
    days = request.get("Policies", {}).get("PasswordPolicy", {}).get("TemporaryPasswordValidityDays")
    if days and request.get("AdminCreateUserConfig", {}).get("UnusedAccountValidityDays"):
        yield "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays"


def client_conflicts(client: Structure, schema: Schema, verb: str) -> Iterator[str]:
    """Yield why Cognito refuses an app client's settings in a pool with this schema; `verb` is "creating" or "updating"."""
    if set(client.get("ReadAttributes") or ()) - schema.all.keys():
        yield f"Invalid read attributes specified while {verb} a client"
    writable = set(client.get("WriteAttributes") or schema.required)
    # "all app clients can write user pool required attributes" -- developer guide
    if writable - schema.all.keys() or writable & {*VERIFIED_FLAGS, "sub"} or {*schema.required} - writable:
        yield f"Invalid write attributes specified while {verb} a client"
    if mixed_values_error(client.get("ExplicitAuthFlows") or ()):
        yield "Auth flow name with prefix 'ALLOW' cannot be used with legacy auth flow names."
    seconds = {name: token_validity(client, name).total_seconds() for name in _RANGES}
    if not all(low <= seconds[name] <= high for name, (low, high) in _RANGES.items()):
        yield "Invalid range for token validity."
    if max(seconds.values()) > seconds["RefreshTokenValidity"]:
        yield "Access and Id Token expiration times must be less than or equal to refresh token expiration times."
