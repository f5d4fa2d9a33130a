"""The settings of a user pool and of its app clients, as frozen values.

Most fields have the names of members of CreateUserPool and CreateUserPoolClient, in snake_case. For other fields, the
docstring names the member or the effect in a local pool. Defaults are Cognito's unless the docstring says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from string import ascii_lowercase, ascii_uppercase, digits, punctuation
from typing import Any, Final, Literal

from attrs import Factory, field, frozen
from attrs.converters import optional

from authfsm.base.secret import Secret, WrapsSecrets, secret
from authfsm.local.config.contradictions import Contradictions
from authfsm.local.config.lambda_functions import Triggers
from authfsm.local.config.leniency import accepted_checks
from authfsm.local.config.request_members import fits, typed, validator, violations, within
from authfsm.local.config.schema import STANDARD_ATTRIBUTES, Schema, SchemaAttribute, check_names
from authfsm.protocol import auth_flows
from authfsm.protocol.states import MFA_METHODS, State
from authfsm.protocol.validators import to_tuple

DEFAULT_FLOW_VALUES: Final = auth_flows.DEFAULT_VALUES
"""The ExplicitAuthFlows of an app client that sets none (AWS API reference)."""

CURRENT_FLOW_VALUES: Final = frozenset(auth_flows.CURRENT_VALUES)
"""The values of ExplicitAuthFlows that local pools support, without the older values."""

ALL_FLOW_VALUES: Final = CURRENT_FLOW_VALUES | frozenset(auth_flows.LEGACY_VALUES)
"""The values of ExplicitAuthFlows that local pools support, with the older values."""

ACR_VALUES: Final = tuple(f"urn:cognito:loa:{level}" for level in (1, 2, 3, 4))
"""The default names of the four authentication levels (`acr`), where AcrConfiguration sets no others."""

_LIFETIME_VALIDATOR: Final = within("RefreshTokenValidityType", "seconds", least=1)
_DOMAIN_VALIDATOR: Final = validator(
    lambda value: re.fullmatch(r"[^\s/:@]+", value) is not None,
    "a domain, for example example.com, without a scheme and a port",
)


@frozen(field_transformer=typed)
class RefreshTokenRotation:
    """RefreshTokenRotation of an app client, if it is ENABLED: each refresh returns a new refresh token.

    Args:
        retry_grace_period_seconds: for how many seconds the replaced token is still accepted, 0 to 60.
    """

    retry_grace_period_seconds: int = field(default=0, validator=within("RetryGracePeriodSecondsType", "seconds"))


def _names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(to_tuple(names))


def _flows(names: Iterable[str]) -> frozenset[str]:
    return _names(names) or DEFAULT_FLOW_VALUES


@frozen(field_transformer=typed)
class AppClient(WrapsSecrets):
    """An app client of the pool.

    Args:
        client_id: ClientId.
        client_secret: the app client's secret, or None; an app client with a secret requires SECRET_HASH.
        second_secret: the secret that AddUserPoolClientSecret has added; both secrets are valid.
        secret_dates: the times at which the secrets were added, in seconds since 1970. It is empty until a
            secret is added or deleted; until then, the only secret is as old as the app client (CreationDate).
        explicit_auth_flows: ExplicitAuthFlows, by default all `ALLOW_*` values; empty means Cognito's default of three.
        auth_session_validity: the lifetime of a session in minutes, 3 to 15.
        prevent_user_existence_errors: ENABLED or LEGACY. The default is ENABLED, as in the console; the
            API's own default is LEGACY.
        access_token_validity: in seconds.
        id_token_validity: in seconds.
        refresh_token_validity: in seconds.
        refresh_token_rotation: RefreshTokenRotation, or None.
        client_name: ClientName.
        read_attributes: ReadAttributes; None means the standard ones.
        write_attributes: WriteAttributes; None means the standard ones.
        enable_token_revocation: EnableTokenRevocation: if true, tokens have `origin_jti` and can be revoked.
        client_description: the UserPoolClient that was last described or requested, also its members without a field.
    """

    client_id: str = field(validator=fits("ClientIdType"))
    client_secret: Secret[str] | None = field(
        default=None, converter=secret, validator=validator(bool, "text that is not empty")
    )
    explicit_auth_flows: frozenset[str] = field(default=CURRENT_FLOW_VALUES, converter=_flows)
    auth_session_validity: int = field(
        default=auth_flows.AUTH_SESSION_VALIDITY, validator=within("AuthSessionValidityType", "minutes")
    )
    prevent_user_existence_errors: Literal["ENABLED", "LEGACY"] = "ENABLED"
    access_token_validity: int = field(default=3600, validator=_LIFETIME_VALIDATOR)
    id_token_validity: int = field(default=3600, validator=_LIFETIME_VALIDATOR)
    refresh_token_validity: int = field(default=30 * 24 * 3600, validator=_LIFETIME_VALIDATOR)
    refresh_token_rotation: RefreshTokenRotation | None = None
    client_name: str = "local"
    read_attributes: frozenset[str] | None = field(default=None, converter=optional(_names))
    write_attributes: frozenset[str] | None = field(default=None, converter=optional(_names))
    enable_token_revocation: bool = True
    client_description: Mapping[str, Any] = field(factory=dict, eq=False, repr=False)
    second_secret: Secret[str] | None = None
    secret_dates: tuple[float, ...] = ()

    def __attrs_post_init__(self) -> None:
        """Check the classes of settings, and the flows."""
        _check_classes(self)
        # A real app client may allow flows that local pools do not support. Their values are kept, and have no effect.
        described = self.client_description.get("ExplicitAuthFlows", ())
        check_names("explicit_auth_flows", self.explicit_auth_flows, sorted({*ALL_FLOW_VALUES, *described}))
        if error := auth_flows.mixed_values_error(self.explicit_auth_flows):
            raise ValueError(f"explicit_auth_flows {error}")

    @property
    def hides_user_existence(self) -> bool:
        """Whether replies must hide which users exist."""
        return self.prevent_user_existence_errors == "ENABLED"

    @property
    def secrets(self) -> tuple[Secret[str], ...]:
        """The valid secrets; a public client has none."""
        return tuple(each for each in (self.client_secret, self.second_secret) if each is not None)

    def allows(self, auth_flow: str) -> bool:
        """Return whether ExplicitAuthFlows allow an AuthFlow."""
        return auth_flows.is_flow_allowed(self.explicit_auth_flows, auth_flow)


@frozen(field_transformer=typed)
class WebAuthnConfiguration:
    """How the pool accepts passkeys (GetUserPoolMfaConfig, WebAuthnConfiguration).

    Args:
        relying_party_id: RelyingPartyId: the domain that passkeys belong to.
        user_verification: UserVerification: "required", or "preferred" (the default, documented).
        factor_configuration: FactorConfiguration: with MULTI_FACTOR_WITH_USER_VERIFICATION a passkey
            "with user verification satisfies MFA requirements", for users with WebAuthnMfaSettings.Enabled (SetUserMFAPreference).
    """

    relying_party_id: str = field(validator=_DOMAIN_VALIDATOR)
    user_verification: Literal["required", "preferred"] = "preferred"
    factor_configuration: Literal["SINGLE_FACTOR", "MULTI_FACTOR_WITH_USER_VERIFICATION"] = "SINGLE_FACTOR"

    @property
    def is_multi_factor(self) -> bool:
        """Whether a passkey with user verification can satisfy MFA."""
        return self.factor_configuration == "MULTI_FACTOR_WITH_USER_VERIFICATION"


@frozen(field_transformer=typed)
class DeviceConfiguration:
    """How the pool remembers devices (UserPool.DeviceConfiguration); a pool without this setting remembers none.

    Args:
        challenge_required_on_new_device: True: a remembered device replaces the second factor. False: the
            second factor is asked for as well, and the device is proved after it.
        device_only_remembered_on_user_prompt: True: a confirmed device is remembered only after
            UpdateDeviceStatus. False: it is remembered at once.
    """

    challenge_required_on_new_device: bool = False
    device_only_remembered_on_user_prompt: bool = False


@frozen(field_transformer=typed)
class PasswordPolicy:
    """The requirements on a new password (UserPool.Policies.PasswordPolicy).

    Args:
        minimum_length: the number of characters.
        require_uppercase: it must contain an upper-case letter from A to Z.
        require_lowercase: it must contain a lower-case letter from a to z.
        require_numbers: it must contain a digit.
        require_symbols: it must contain a special character.
        temporary_password_validity_days: for how many days a temporary password can be used.
        password_history_size: how many earlier passwords a user cannot set again.
    """

    minimum_length: int = field(default=8, validator=within("PasswordPolicyMinLengthType", "characters"))
    require_uppercase: bool = True
    require_lowercase: bool = True
    require_numbers: bool = True
    require_symbols: bool = True
    temporary_password_validity_days: int = field(
        default=7, validator=within("TemporaryPasswordValidityDaysType", "days")
    )
    password_history_size: int = field(default=0, validator=within("PasswordHistorySizeType", "passwords"))

    def violation(self, password: str) -> str | None:
        """Return Cognito's message for the first requirement that a password misses; None if it misses none."""
        if len(password) < self.minimum_length:
            return "Password not long enough"
        # "Basic Latin letter"; "a non-leading, non-trailing space character is also treated as a special character"
        # (developer guide, "Adding user pool password requirements").
        for required, characters, kind in (
            (self.require_uppercase, ascii_uppercase, "uppercase"),
            (self.require_lowercase, ascii_lowercase, "lowercase"),
            (self.require_numbers, digits, "numeric"),
            (self.require_symbols, f"{punctuation} ", "symbol"),
        ):
            if required and set(characters).isdisjoint(password.strip(" ")):
                return f"Password must have {kind} characters"
        return None


def _first_factors(names: Iterable[str]) -> tuple[str, ...]:
    chosen = set(to_tuple(names)) or {"PASSWORD"}  # measured: "PASSWORD" is the default
    check_names("allowed_first_auth_factors", chosen, auth_flows.ALLOWED_FIRST_AUTH_FACTORS)
    return tuple(name for name in auth_flows.ALLOWED_FIRST_AUTH_FACTORS if name in chosen)


def _acr_values(names: Iterable[str] | Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the four levels, from four names or from an AcrConfiguration (rules: developer guide)."""
    if isinstance(names, Mapping):
        levels = {f"Level{n}": {"AcrValue": default} for n, default in enumerate(ACR_VALUES, 1)}
        check_names("acr_values", names, levels)
        if not all(isinstance(each, Mapping) and "AcrValue" in each for each in names.values()):
            raise ValueError('each level of acr_values must be a map, for example "Level1": {"AcrValue": "urn:mine:1"}')
        values = tuple(each["AcrValue"] for each in {**levels, **names}.values())
    else:
        values = to_tuple(names)
    if len(values) != len(ACR_VALUES) or len(set(values)) != len(values):
        raise ValueError("acr_values must have four different names, one for each level")
    for name in values:
        if not isinstance(name, str) or any(violations("AcrValueType", name, "")):
            rule = "a name has 1 to 64 characters of ASCII, without spaces, quotation marks and backslashes"
            raise ValueError(f"acr_values cannot have {name!r}: {rule}")
    return values


def _schema(attributes: Iterable[SchemaAttribute]) -> tuple[SchemaAttribute, ...]:
    for each in (found := tuple(attributes)):
        if not isinstance(each, SchemaAttribute):
            raise TypeError(f"schema must be a list of SchemaAttribute, not of {type(each).__name__}")
    return found


def _mfa_methods(names: Iterable[str]) -> tuple[State, ...]:
    chosen = set(to_tuple(names))
    check_names("mfa_methods", chosen, MFA_METHODS)
    return tuple(method for method in MFA_METHODS if method in chosen)


STRUCTURED: Final[dict[str, type]] = {
    "device": DeviceConfiguration,
    "password_policy": PasswordPolicy,
    "refresh_token_rotation": RefreshTokenRotation,
    "contradictions": Contradictions,
    "triggers": Triggers,
    "webauthn": WebAuthnConfiguration,
}
"""The classes of the settings that consist of several fields."""


def _check_classes(settings: PoolConfiguration | AppClient) -> None:
    for name, kind in STRUCTURED.items():
        if not isinstance(value := getattr(settings, name, None), (kind, type(None))):
            raise TypeError(f"{name} must be a {kind.__name__}, not of type {type(value).__name__}")


_ADDRESSES: Final = ("email", "phone_number")
_ALLOWED_NAMES: Final = {
    "aliases": (*_ADDRESSES, "preferred_username"),
    **dict.fromkeys(("username_attributes", "auto_verified_attributes", "verified_before_update"), _ADDRESSES),
    "account_recovery": ("verified_email", "verified_phone_number", "admin_only"),
}


@frozen(field_transformer=typed)
class PoolConfiguration:
    """The settings of a user pool.

    Args:
        pool_id: `<region>_<letters and digits>`.
        issuer: the `iss` of the tokens; AWS's own verifiers accept only an issuer with Cognito's URL.
        mfa: MfaConfiguration.
        mfa_methods: the second factors that are enabled; by default all, which is not Cognito's default.
        device: DeviceConfiguration, or None.
        triggers: the pool's Lambda functions, or None.
        aliases: AliasAttributes: attributes with which a user may also sign in; addresses must be verified.
        username_attributes: UsernameAttributes: attributes with which users sign in *instead* of a username; the
            internal username is then the sub, a UUID.
        case_sensitive: UsernameConfiguration.CaseSensitive; absent means sensitive.
        required_attributes: attributes that a user must have, in addition to those that `schema` marks as Required.
        account_recovery: AccountRecoverySetting by priority: `verified_email` and `verified_phone_number`,
            or `admin_only`. The channel of the first mechanism is avoided as second factor (the rules:
            `signin/required_factors.py`). If empty, a user's phone number comes before the e-mail address ("the
            legacy behavior ... where SMS is preferred through email": AWS API reference).
        password_policy: the requirements on new passwords.
        allowed_first_auth_factors: AllowedFirstAuthFactors: the first factors of USER_AUTH. With MFA ON,
            Cognito allows only PASSWORD and, if passkeys satisfy MFA, WEB_AUTHN.
        tier: UserPoolTier; passwordless factors and step-up need ESSENTIALS or PLUS.
        webauthn: WebAuthnConfiguration; None for a pool without a relying party.
        acr_values: the names of the levels 1 to 4, or an AcrConfiguration.
        contradictions: what the pool does where sources contradict each other.
        name: Name.
        schema: SchemaAttributes: custom attributes, and standard ones with unusual settings.
        auto_verified_attributes: AutoVerifiedAttributes: where a code is sent at sign-up. The default is
            `email`, as in the console; the API's own default is nothing.
        verified_before_update: UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate.
        allow_admin_create_user_only: AdminCreateUserConfig.AllowAdminCreateUserOnly: if true, SignUp is refused.
        per_user_quotas: whether Cognito's hourly quotas per user apply.
        accept: the checks of `leniency.CHECKS` to disable, or `all`: requests that Cognito refuses then succeed.
        pool_description: the UserPool and MfaConfig last described or requested, also their members without a field.
    """

    pool_id: str
    issuer: str
    mfa: Literal["OFF", "OPTIONAL", "ON"] = "OFF"
    mfa_methods: tuple[State, ...] = field(default=MFA_METHODS, converter=_mfa_methods)
    device: DeviceConfiguration | None = None
    triggers: Triggers | None = None
    aliases: tuple[str, ...] = field(default=(), converter=to_tuple)
    username_attributes: tuple[str, ...] = field(default=(), converter=to_tuple)
    case_sensitive: bool = True
    required_attributes: tuple[str, ...] = field(default=(), converter=to_tuple, eq=False)
    account_recovery: tuple[str, ...] = field(default=(), converter=to_tuple)
    password_policy: PasswordPolicy = PasswordPolicy()
    allowed_first_auth_factors: tuple[str, ...] = field(default=("PASSWORD",), converter=_first_factors)
    tier: Literal["LITE", "ESSENTIALS", "PLUS"] = "ESSENTIALS"
    webauthn: WebAuthnConfiguration | None = None
    acr_values: tuple[str, ...] = field(default=ACR_VALUES, converter=_acr_values)
    contradictions: Contradictions = field(factory=Contradictions)
    name: str = "local"
    schema: tuple[SchemaAttribute, ...] = field(default=(), converter=_schema, eq=False)
    auto_verified_attributes: tuple[str, ...] = field(default=("email",), converter=to_tuple)
    verified_before_update: tuple[str, ...] = field(default=(), converter=to_tuple)
    allow_admin_create_user_only: bool = False
    per_user_quotas: bool = True
    accept: frozenset[str] = field(default=(), converter=accepted_checks)
    pool_description: Mapping[str, Any] = field(factory=dict, eq=False, repr=False)
    attributes: Schema = field(
        init=False,
        repr=False,
        default=Factory(lambda self: Schema(self.schema, self.required_attributes), takes_self=True),
    )

    def __attrs_post_init__(self) -> None:
        """Check the classes of settings, the names in lists, and that no name is repeated."""
        _check_classes(self)
        for name, allowed in _ALLOWED_NAMES.items():
            check_names(name, getattr(self, name), allowed)
        own = [each.name for each in self.schema]
        # The description of a real pool may have standard attributes that are newer than this package.
        known = [each for each in own if self.pool_description or each.startswith(("custom:", "dev:custom:"))]
        check_names("schema", own, [*STANDARD_ATTRIBUTES, "custom:NAME", *known])
        if self.mfa == "ON" and not self.mfa_methods:
            raise ValueError("mfa_methods is empty, but mfa='ON' requires at least one method")

    @property
    def region(self) -> str:
        """The AWS region in the pool id."""
        return self.pool_id.partition("_")[0]
