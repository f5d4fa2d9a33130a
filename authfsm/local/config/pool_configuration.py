"""The settings of a user pool and of its app clients, named after Cognito's own in snake_case."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

from attrs import Attribute, Factory, field, frozen
from attrs.converters import optional

from authfsm.base.secret import Secret
from authfsm.local.config.contradictions import Contradictions
from authfsm.local.config.schema import Schema, SchemaAttribute
from authfsm.protocol.auth_flows import (
    ALLOWED_FIRST_AUTH_FACTORS,
    CURRENT_VALUES,
    DEFAULT_VALUES,
    LEGACY_VALUES,
    is_flow_allowed,
    mixed_values_error,
)
from authfsm.protocol.states import MFA_METHODS, State

# What an app client is told to be: a plain frozen value, in the words of CreateUserPoolClient.
COGNITO_DEFAULT_FLOWS: Final = DEFAULT_VALUES
"""What an app client may do whose ExplicitAuthFlows is not set (AWS API reference)."""

EVERY_FLOW: Final = frozenset(CURRENT_VALUES)
"""Every flow this pool serves."""

KNOWN_FLOWS: Final = EVERY_FLOW | frozenset(LEGACY_VALUES)
"""What ExplicitAuthFlows may hold here."""


@frozen
class RefreshTokenRotation:
    """Each refresh brings a new refresh token (UserPoolClient.RefreshTokenRotation, ENABLED).

    Args:
        retry_grace_period_seconds: how long the replaced one still works, 0 to 60.
    """

    retry_grace_period_seconds: int = 0


def _flows(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names) or COGNITO_DEFAULT_FLOWS


@frozen
class AppClient:
    """An app client of the pool.

    Args:
        client_id: its id.
        client_secret: its secret, if it has one; SECRET_HASH is then required.
        explicit_auth_flows: ExplicitAuthFlows; empty means Cognito's default of three.
        auth_session_validity: how long a session lives, minutes, 3 to 15.
        prevent_user_existence_errors: ENABLED or LEGACY. ENABLED here, as in the console; the API's
            own default is LEGACY.
        access_token_validity: seconds.
        id_token_validity: seconds.
        refresh_token_validity: seconds.
        refresh_token_rotation: rotation, or None.
        client_name: ClientName.
        read_attributes: ReadAttributes; None means the standard ones.
        write_attributes: WriteAttributes; None means the standard ones.
        enable_token_revocation: EnableTokenRevocation: tokens have `origin_jti`, and can be revoked.
        client_described: what DescribeUserPoolClient said of the app client that this one is like: what has no
            field here is given back from there.
    """

    client_id: str
    client_secret: Secret[str] | None = None
    explicit_auth_flows: frozenset[str] = field(default=EVERY_FLOW, converter=_flows)
    auth_session_validity: int = field(default=3)
    prevent_user_existence_errors: Literal["ENABLED", "LEGACY"] = field(default="ENABLED")
    access_token_validity: int = 3600
    id_token_validity: int = 3600
    refresh_token_validity: int = 30 * 24 * 3600
    refresh_token_rotation: RefreshTokenRotation | None = None
    client_name: str = "local"
    read_attributes: frozenset[str] | None = field(default=None, converter=optional(frozenset))
    write_attributes: frozenset[str] | None = field(default=None, converter=optional(frozenset))
    enable_token_revocation: bool = True
    client_description: Mapping[str, Any] = field(factory=dict, eq=False, repr=False)

    @explicit_auth_flows.validator
    def _known_flows(self, _: Attribute[Any], value: frozenset[str]) -> None:
        # A real app client may allow what is not served here: that is kept, and allows nothing.
        unknown = value - KNOWN_FLOWS - {*self.client_description.get("ExplicitAuthFlows", ())}
        if unknown:
            raise ValueError(f"not among ExplicitAuthFlows: {', '.join(sorted(unknown))}")
        if wrong := mixed_values_error(value):
            raise ValueError(f"explicit_auth_flows {wrong}")

    @auth_session_validity.validator
    def _three_to_fifteen(self, _: Attribute[int], value: int) -> None:
        if not 3 <= value <= 15:  # noqa: PLR2004 - AuthSessionValidity's own bounds
            raise ValueError("auth_session_validity is 3 to 15 minutes")

    @prevent_user_existence_errors.validator
    def _enabled_or_legacy(self, _: Attribute[str], value: str) -> None:
        if value not in {"ENABLED", "LEGACY"}:
            raise ValueError("prevent_user_existence_errors is ENABLED or LEGACY")

    @property
    def hides_user_existence(self) -> bool:
        """Whether replies must not reveal whether a user exists."""
        return self.prevent_user_existence_errors == "ENABLED"

    def allows(self, auth_flow: str) -> bool:
        """Return whether an AuthFlow is among what this client's ExplicitAuthFlows allow.

        Args:
            auth_flow: the AuthFlow.
        """
        return is_flow_allowed(self.explicit_auth_flows, auth_flow)


# The pool's Lambda functions, as plain callables: what `triggers` calls.
Event = dict[str, Any]
"""The event of a Lambda trigger, in the shape AWS documents."""

Trigger = Callable[[Event], Any]
"""A trigger: changes the event it is given, or returns it, as a Lambda function would."""


@frozen
class Triggers:
    """The pool's Lambda functions, as plain callables on the Lambda event. All are optional.

    Args:
        define: DefineAuthChallenge; reads request.session, sets response.challengeName, issueTokens
            or failAuthentication.
        create: CreateAuthChallenge; sets response.publicChallengeParameters,
            privateChallengeParameters, challengeMetadata.
        verify: VerifyAuthChallengeResponse; reads request.challengeAnswer, sets
            response.answerCorrect.
        pre_sign_up: PreSignUp; sets response.autoConfirmUser, autoVerifyEmail, autoVerifyPhone, or raises.
        post_confirmation: PostConfirmation.
        pre_authentication: PreAuthentication; raises to refuse a sign-in with a password.
        post_authentication: PostAuthentication.
        pre_token_generation: PreTokenGeneration; sets response.claimsOverrideDetails, or in versions 2 and
            3 response.claimsAndScopeOverrideDetails.
        user_migration: UserMigration; sets response.userAttributes for a user the pool does not know yet.
        pre_token_generation_version: the event it gets (PreTokenGenerationConfig.LambdaVersion); V1_0 if
            left out. From V2_0 on it may change the access token too.
    """

    define: Trigger | None = None
    create: Trigger | None = None
    verify: Trigger | None = None
    pre_sign_up: Trigger | None = None
    post_confirmation: Trigger | None = None
    pre_authentication: Trigger | None = None
    post_authentication: Trigger | None = None
    pre_token_generation: Trigger | None = None
    user_migration: Trigger | None = None
    pre_token_generation_version: Literal["V1_0", "V2_0", "V3_0"] | None = None


# What a pool lets its users begin with, and how it names what they reach: plain frozen values.
TIERS: Final = ("LITE", "ESSENTIALS", "PLUS")
"""UserPoolTier."""

ACR_VALUES: Final = tuple(f"urn:cognito:loa:{level}" for level in (1, 2, 3, 4))
"""The names of the four levels, where AcrConfiguration gives no others."""

_LONGEST_ACR: Final = 64


@frozen
class WebAuthnConfiguration:
    """How the pool takes passkeys (GetUserPoolMfaConfig, WebAuthnConfiguration).

    Args:
        relying_party_id: RelyingPartyId: the domain that passkeys belong to.
        user_verification: UserVerification: "required", or "preferred" (the default, documented).
        factor_configuration: FactorConfiguration: with MULTI_FACTOR_WITH_USER_VERIFICATION a passkey
            "with user verification satisfies MFA requirements", of users who want it so.
    """

    relying_party_id: str
    user_verification: Literal["required", "preferred"] = field(default="preferred")
    factor_configuration: Literal["SINGLE_FACTOR", "MULTI_FACTOR_WITH_USER_VERIFICATION"] = field(
        default="SINGLE_FACTOR"
    )

    @user_verification.validator
    def _known_verification(self, _: Attribute[str], value: str) -> None:
        if value not in {"required", "preferred"}:
            raise ValueError("user_verification is required or preferred")

    @factor_configuration.validator
    def _known_factor(self, _: Attribute[str], value: str) -> None:
        if value not in {"SINGLE_FACTOR", "MULTI_FACTOR_WITH_USER_VERIFICATION"}:
            raise ValueError(
                "factor_configuration is SINGLE_FACTOR or MULTI_FACTOR_WITH_USER_VERIFICATION"
            )


def first_factors(names: Iterable[str]) -> tuple[str, ...]:
    """AllowedFirstAuthFactors, in the order of `ALLOWED_FIRST_AUTH_FACTORS`; Cognito's default, if empty.

    Raises:
        ValueError: one cannot be there, or WEB_AUTHN is there alone.
    """
    chosen = set(names) or {"PASSWORD"}  # "PASSWORD" alone: measured
    if unknown := chosen - set(ALLOWED_FIRST_AUTH_FACTORS):
        raise ValueError(f"not first factors: {', '.join(sorted(unknown))}")
    if chosen == {"WEB_AUTHN"}:
        # "The WEB_AUTHN option for passkey authentication must be accompanied by at least one other
        # option" -- developer guide, "Authentication flows"
        raise ValueError("WEB_AUTHN needs another first factor beside it")
    return tuple(name for name in ALLOWED_FIRST_AUTH_FACTORS if name in chosen)


def acr_values(names: Iterable[str] | Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the four levels.

    Args:
        names: all four, or AcrConfiguration as the API has it: `{"Level2": {"AcrValue": "..."}}`, where
            levels that are left out keep their defaults.

    Raises:
        ValueError: "Each AcrValue must be unique across all four levels ... 1 to 64 characters ...
            can't contain spaces, double quotation marks, or backslashes" (developer guide).
    """
    if isinstance(names, Mapping):
        given = {key: value["AcrValue"] for key, value in names.items() if "AcrValue" in value}
        if unknown := set(given) - {f"Level{number}" for number in (1, 2, 3, 4)}:
            raise ValueError(f"not levels: {', '.join(sorted(unknown))}")
        named = tuple(given.get(f"Level{n}", default) for n, default in enumerate(ACR_VALUES, 1))
    else:
        named = tuple(names)
    if len(named) != len(ACR_VALUES) or len(set(named)) != len(named):
        raise ValueError("there are four levels, each with a name of its own")
    for name in named:
        if not 1 <= len(name) <= _LONGEST_ACR or set(name) & set(' "\\'):
            raise ValueError(f"{name!r} cannot name a level")
    return named


# What a pool and an app client are told to be: plain frozen values, in Cognito's words.
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
    pool_description: Mapping[str, Any] = field(factory=dict, eq=False, repr=False)
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
