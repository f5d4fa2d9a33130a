"""What a pool and an app client are told to be: plain frozen values, in Cognito's words.

A field is named after Cognito's (CreateUserPool, CreateUserPoolClient), in snake_case; what it means is
there. Defaults are Cognito's unless the field says otherwise. This is the settings' face: those of the app
client, of the triggers and of the contradictions have a room each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from attrs import Attribute, Factory, field, frozen

from authfsm.local.config.app_client import (
    COGNITO_DEFAULT_FLOWS,
    EVERY_FLOW,
    AppClient,
    RefreshTokenRotation,
)
from authfsm.local.config.contradictions import Contradictions
from authfsm.local.config.lambda_functions import Event, Trigger, Triggers
from authfsm.local.config.schema import Schema, SchemaAttribute
from authfsm.local.config.sign_in_policy import (
    ACR_VALUES,
    TIERS,
    WebAuthnConfiguration,
    acr_values,
    first_factors,
)
from authfsm.protocol.states import MFA_METHODS, State

__all__ = [
    "COGNITO_DEFAULT_FLOWS",
    "EVERY_FLOW",
    "MFA_METHODS",
    "AppClient",
    "Contradictions",
    "DeviceConfiguration",
    "Event",
    "PasswordPolicy",
    "PoolConfiguration",
    "RefreshTokenRotation",
    "SchemaAttribute",
    "Trigger",
    "Triggers",
    "WebAuthnConfiguration",
]


@frozen
class DeviceConfiguration:
    """How the pool remembers devices; a pool without one does not (UserPool.DeviceConfiguration).

    Args:
        challenge_required_on_new_device: a remembered device stands for the second factor. Otherwise
            the second factor is asked for all the same, and the device is proved after it.
        device_only_remembered_on_user_prompt: a confirmed device is remembered only once
            UpdateDeviceStatus says so; otherwise at once.
    """

    challenge_required_on_new_device: bool = False
    device_only_remembered_on_user_prompt: bool = False


@frozen
class PasswordPolicy:
    """What a new password must have (UserPool.Policies.PasswordPolicy).

    `password_history_size` is how many of a user's earlier passwords may not come back.
    """

    minimum_length: int = 8
    require_uppercase: bool = True
    require_lowercase: bool = True
    require_numbers: bool = True
    require_symbols: bool = True
    temporary_password_validity_days: int = 7
    password_history_size: int = 0

    def fault(self, password: str) -> str | None:
        """What a password lacks, in Cognito's words; None if it will do."""
        wanted = (
            (len(password) >= self.minimum_length, "Password not long enough"),
            (
                not self.require_uppercase or any(c.isupper() for c in password),
                "Password must have uppercase characters",
            ),
            (
                not self.require_lowercase or any(c.islower() for c in password),
                "Password must have lowercase characters",
            ),
            (
                not self.require_numbers or any(c.isdigit() for c in password),
                "Password must have numeric characters",
            ),
            (
                not self.require_symbols or any(not c.isalnum() for c in password),
                "Password must have symbol characters",
            ),
        )
        return next((why for fine, why in wanted if not fine), None)


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


def _methods(names: Iterable[str]) -> tuple[State, ...]:
    chosen = set(names)
    if unknown := chosen - set(MFA_METHODS):
        raise ValueError(f"not MFA methods: {', '.join(sorted(unknown))}")
    return tuple(method for method in MFA_METHODS if method in chosen)


@frozen
class PoolConfiguration:
    """A user pool's settings.

    Args:
        pool_id: `<region>_<letters and digits>`.
        issuer: the `iss` of the tokens; AWS's own verifiers take only Cognito's.
        mfa: MfaConfiguration.
        mfa_methods: the second factors that are enabled.
        device: DeviceConfiguration, or None.
        triggers: the pool's Lambda functions, or None.
        aliases: AliasAttributes: what else a user may sign in with, once verified.
        username_attributes: UsernameAttributes: what users sign in with *instead* of a username; the
            internal username is then the sub, a UUID.
        case_sensitive: UsernameConfiguration.CaseSensitive; absent means sensitive.
        required_attributes: attributes a user must have, beside those that `schema` says are Required.
        account_recovery: AccountRecoverySetting, most wanted first, of `verified_email` and
            `verified_phone_number`, or `admin_only`. A channel that recovers the account is not a second
            factor. Empty means that there is no such setting: the number, then the address, recovers the
            account ("the legacy behavior ... where SMS is preferred through email": AWS API reference).
        password_policy: what new passwords must have.
        allowed_first_auth_factors: AllowedFirstAuthFactors: what USER_AUTH may begin with.
        tier: UserPoolTier; passwordless factors and step-up need ESSENTIALS or PLUS.
        webauthn: WebAuthnConfiguration; None for a pool without a relying party.
        acr_values: the names of the levels 1 to 4 (AcrConfiguration).
        contradictions: which way to go where sources disagree.
        name: Name.
        schema: SchemaAttributes: the custom ones, and standard ones that are not as usual.
        auto_verified_attributes: AutoVerifiedAttributes: where a code goes at sign-up. The address here, as
            the console proposes; the API's own default is nothing.
        verified_before_update: UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate.
        allow_admin_create_user_only: AdminCreateUserConfig.AllowAdminCreateUserOnly: nobody signs up.
        per_user_quotas: are the calls counted that Cognito allows a user only so often an hour?
        pool_described: what DescribeUserPool and GetUserPoolMfaConfig said of the pool that this one is like:
            what has no field here is given back from there.
    """

    pool_id: str
    issuer: str
    mfa: Literal["OFF", "OPTIONAL", "ON"] = field(default="OFF")
    mfa_methods: tuple[State, ...] = field(default=MFA_METHODS, converter=_methods)
    device: DeviceConfiguration | None = None
    triggers: Triggers | None = None
    aliases: tuple[str, ...] = field(default=(), converter=_names)
    username_attributes: tuple[str, ...] = field(default=(), converter=_names)
    case_sensitive: bool = True
    required_attributes: tuple[str, ...] = field(default=(), converter=_names, eq=False)
    account_recovery: tuple[str, ...] = field(default=(), converter=_names)
    password_policy: PasswordPolicy = PasswordPolicy()
    allowed_first_auth_factors: tuple[str, ...] = field(
        default=("PASSWORD",), converter=first_factors
    )
    tier: str = field(default="ESSENTIALS")
    webauthn: WebAuthnConfiguration | None = None
    acr_values: tuple[str, ...] = field(default=ACR_VALUES, converter=acr_values)
    contradictions: Contradictions = field(factory=Contradictions)
    name: str = "local"
    schema: tuple[SchemaAttribute, ...] = field(default=(), converter=tuple, eq=False)
    auto_verified_attributes: tuple[str, ...] = field(default=("email",), converter=_names)
    verified_before_update: tuple[str, ...] = field(default=(), converter=_names)
    allow_admin_create_user_only: bool = False
    per_user_quotas: bool = True
    pool_described: Mapping[str, Any] = field(factory=dict, eq=False, repr=False)
    attributes: Schema = field(
        init=False,
        repr=False,
        default=Factory(
            lambda self: Schema(self.schema, self.required_attributes), takes_self=True
        ),
    )

    @mfa.validator
    def _known_mfa(self, _: Attribute[str], value: str) -> None:
        if value not in {"OFF", "OPTIONAL", "ON"}:
            raise ValueError("mfa is OFF, OPTIONAL or ON")

    @tier.validator
    def _known_tier(self, _: Attribute[str], value: str) -> None:
        if value not in TIERS:
            raise ValueError(f"tier is one of {', '.join(TIERS)}")

    @mfa_methods.validator
    def _known_methods(self, _: Attribute[Any], value: tuple[State, ...]) -> None:
        if self.mfa == "ON" and not value:
            raise ValueError("a pool that requires MFA needs a method")

    @property
    def region(self) -> str:
        """The AWS region in the pool id."""
        return self.pool_id.partition("_")[0]
