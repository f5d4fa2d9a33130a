"""What Cognito refuses in the settings of a pool or an app client although each member by itself is valid.

Rules and messages are those of the package cdk-preflight, whose maintainers try each on AWS. What depends on other services
(the keys, addresses and roles of KMS, SES, SNS and IAM; OAuth and federation) is not checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from authfsm.local.config.schema import VERIFIED_MARKS, Schema
from authfsm.protocol.auth_flows import mixed_values_error
from authfsm.settings.descriptions import Structure, token_validity

_LITE: Final = "The following features need to be disabled for the LITE pricing tier configured:"
_RANGES: Final = {
    **dict.fromkeys(("AccessTokenValidity", "IdTokenValidity"), (300, 86_400)),
    "RefreshTokenValidity": (3_600, 3_650 * 86_400),
}
"""The shortest and the longest lifetime of each token, in seconds (AWS API reference)."""


def of_pool(pool: Structure) -> Iterator[str]:  # noqa: C901 - one condition a rule
    """Yield why Cognito refuses a pool's settings: the members of a UserPool that the request and the pool have."""

    def get(group: str, name: str) -> Any:
        return pool.get(group, {}).get(name)

    if pool.get("AliasAttributes") and pool.get("UsernameAttributes"):
        yield "Only one of the aliasAttributes or usernameAttributes can be set in a User pool."
    mechanisms = get("AccountRecoverySetting", "RecoveryMechanisms") or []
    if len(mechanisms) > 1 and any(each["Name"] == "admin_only" for each in mechanisms):
        yield "Account Recovery Setting cannot use admin_only setting with any other recovery mechanisms."
    if any(len({each[name] for each in mechanisms}) < len(mechanisms) for name in ("Name", "Priority")):
        yield "Account Recovery Setting cannot have duplicate priorities or recovery mechanisms."
    names = [each["Name"].removeprefix("dev:") for each in pool.get("SchemaAttributes", ())]
    for name in {each for each in names if names.count(each) > 1}:
        yield f"Duplicate custom attribute names {name} are not allowed in a user pool schema."
    later = get("UserAttributeUpdateSettings", "AttributesRequireVerificationBeforeUpdate") or ()
    if not set(later) <= set(pool.get("AutoVerifiedAttributes", ())):
        yield "All attributes in AttributesRequireVerificationBeforeUpdate must exist in AutoVerifiedAttributes"
    factors = (get("Policies", "SignInPolicy") or {}).get("AllowedFirstAuthFactors") or ["PASSWORD"]
    if "PASSWORD" not in factors:
        yield "Password should be configured as one of the allowed first auth factors."
    function = get("LambdaConfig", "PreTokenGenerationConfig") or {}
    if pool.get("UserPoolTier") == "LITE" and {*factors} != {"PASSWORD"}:
        yield f"{_LITE} Passwordless Sign-In"
    if pool.get("UserPoolTier") == "LITE" and function.get("LambdaVersion", "V1_0") != "V1_0":
        yield f"{_LITE} Token Customization with Pre-Token Generation Lambda {function['LambdaVersion']}"
    days = (get("Policies", "PasswordPolicy") or {}).get("TemporaryPasswordValidityDays")
    if days and get("AdminCreateUserConfig", "UnusedAccountValidityDays"):
        yield "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays"


def of_client(client: Structure, schema: Schema, verb: str) -> Iterator[str]:
    """Yield why Cognito refuses an app client's settings, in a pool with this schema; `verb` is creating or updating."""
    if set(client.get("ReadAttributes") or ()) - schema.all.keys():
        yield f"Invalid read attributes specified while {verb} a client"
    written = set(client.get("WriteAttributes") or schema.required)
    # "all app clients can write user pool required attributes" -- developer guide
    if written - schema.all.keys() or written & {*VERIFIED_MARKS, "sub"} or {*schema.required} - written:
        yield f"Invalid write attributes specified while {verb} a client"
    if mixed_values_error(client.get("ExplicitAuthFlows") or ()):
        yield "Auth flow name with prefix 'ALLOW' cannot be used with legacy auth flow names."
    seconds = {name: token_validity(client, name).total_seconds() for name in _RANGES}
    if not all(low <= seconds[name] <= high for name, (low, high) in _RANGES.items()):
        yield "Invalid range for token validity."
    if max(seconds.values()) > seconds["RefreshTokenValidity"]:
        yield "Access and Id Token expiration times must be less than or equal to refresh token expiration times."
