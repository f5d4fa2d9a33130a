"""What a pool and an app client are told to be: plain frozen values, in Cognito's words.

A field is named after Cognito's (CreateUserPool, CreateUserPoolClient), in snake_case; what it means is
there. Defaults are Cognito's unless the field says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

from attrs import Attribute, field, frozen

from authfsm.secret import Secret
from authfsm.states import State

Event = dict[str, Any]
"""The event of a Lambda trigger, in the shape AWS documents."""

Trigger = Callable[[Event], Any]
"""A trigger: changes the event it is given, or returns it, as a Lambda function would."""

MFA_METHODS: Final = (State.SMS_MFA, State.SOFTWARE_TOKEN_MFA, State.EMAIL_OTP)
"""The second factors Cognito knows, in the order in which it lists them."""

COGNITO_DEFAULT_FLOWS: Final = frozenset(
    {"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"}
)
"""What an app client may do whose ExplicitAuthFlows is not set (AWS API reference)."""

EVERY_FLOW: Final = COGNITO_DEFAULT_FLOWS | {
    "ALLOW_USER_PASSWORD_AUTH",
    "ALLOW_ADMIN_USER_PASSWORD_AUTH",
}
"""Every flow this pool serves."""

_LEGACY_FLOWS: Final = frozenset(
    {"ADMIN_NO_SRP_AUTH", "CUSTOM_AUTH_FLOW_ONLY", "USER_PASSWORD_AUTH"}
)

_ENABLED_BY: Final[dict[str, frozenset[str]]] = {
    "USER_SRP_AUTH": frozenset({"ALLOW_USER_SRP_AUTH"}),
    "USER_PASSWORD_AUTH": frozenset({"ALLOW_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH"}),
    # Two names of one flow: ALLOW_ADMIN_USER_PASSWORD_AUTH "replaces the ADMIN_NO_SRP_AUTH setting"
    # (AWS API reference, ExplicitAuthFlows), and pycognito still asks for the old one.
    "ADMIN_USER_PASSWORD_AUTH": frozenset({"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"}),
    "ADMIN_NO_SRP_AUTH": frozenset({"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"}),
    "CUSTOM_AUTH": frozenset({"ALLOW_CUSTOM_AUTH", "CUSTOM_AUTH_FLOW_ONLY"}),
    "REFRESH_TOKEN_AUTH": frozenset({"ALLOW_REFRESH_TOKEN_AUTH"}),
    "REFRESH_TOKEN": frozenset({"ALLOW_REFRESH_TOKEN_AUTH"}),
}


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
    """What a new password must have (UserPool.Policies.PasswordPolicy)."""

    minimum_length: int = 8
    require_uppercase: bool = True
    require_lowercase: bool = True
    require_numbers: bool = True
    require_symbols: bool = True
    temporary_password_validity_days: int = 7

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


@frozen
class Triggers:
    """The pool's Lambda functions of CUSTOM_AUTH, as plain callables on the Lambda event.

    Args:
        define: DefineAuthChallenge; reads request.session, sets response.challengeName, issueTokens
            or failAuthentication.
        create: CreateAuthChallenge; sets response.publicChallengeParameters,
            privateChallengeParameters, challengeMetadata.
        verify: VerifyAuthChallengeResponse; reads request.challengeAnswer, sets
            response.answerCorrect.
    """

    define: Trigger
    create: Trigger
    verify: Trigger


@frozen
class RefreshTokenRotation:
    """Each refresh brings a new refresh token (UserPoolClient.RefreshTokenRotation, ENABLED).

    Args:
        retry_grace_period_seconds: how long the replaced one still works, 0 to 60.
    """

    retry_grace_period_seconds: int = 0


@frozen
class Contradictions:
    """Where sources contradict each other about Cognito: what this pool does, and the other way.

    Args:
        software_token_asked_after_setup: once TOTP is set up in MFA_SETUP, tokens follow (AWS API
            reference, clients: the default), or SOFTWARE_TOKEN_MFA is asked for (developer guide,
            MFA decision tree).
        email_set_up_in_session: MFA_SETUP takes an e-mail address as its answer (developer guide,
            clients: the default), or the address must be set elsewhere first (AWS API reference).
        custom_challenge_after_mfa: in CUSTOM_AUTH with SRP, DefineAuthChallenge runs again after the
            second factor (amplify-js #4888, a trace; #9592: the default), or tokens follow at once
            (amplify-js #3876).
        custom_challenge_after_new_password: the same after NEW_PASSWORD_REQUIRED: DefineAuthChallenge
            runs again (the default: no challenge is skipped), or it does not (#341 of
            amazon-cognito-identity-js, 2017).
        device_stands_for_email: a remembered device stands for the second factor whichever it is
            (developer guide: the default), or for SMS and TOTP only (AWS API reference).
        devices_in_admin_flows: devices are tracked in ADMIN_USER_PASSWORD_AUTH and ADMIN_NO_SRP_AUTH
            (AWS API reference, an awscli sample: the default), or not (an older developer guide).
        admin_no_srp_auth_asks: the flow ADMIN_NO_SRP_AUTH without a password is refused (AWS API
            reference: the default), or answered with a challenge of that name (an older reference).
        aliases_in_answers: later answers may name the user by an alias (asserted by tests that run
            against Cognito: the default), or by the internal name only (AWS API reference).
        mfas_parameter: the parameter of SELECT_MFA_TYPE; MFAS_CAN_CHOOSE (every client: the default)
            or MFAS_CAN_SELECT (one page of the developer guide).
    """

    software_token_asked_after_setup: bool = False
    email_set_up_in_session: bool = True
    custom_challenge_after_mfa: bool = True
    custom_challenge_after_new_password: bool = True
    device_stands_for_email: bool = True
    devices_in_admin_flows: bool = True
    admin_no_srp_auth_asks: bool = False
    aliases_in_answers: bool = True
    mfas_parameter: Literal["MFAS_CAN_CHOOSE", "MFAS_CAN_SELECT"] = "MFAS_CAN_CHOOSE"


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
        triggers: the functions of CUSTOM_AUTH, or None.
        aliases: AliasAttributes: what else a user may sign in with, once verified.
        username_attributes: UsernameAttributes: what users sign in with *instead* of a username; the
            internal username is then the sub, a UUID.
        case_sensitive: UsernameConfiguration.CaseSensitive; absent means sensitive.
        required_attributes: SchemaAttributes that are Required.
        account_recovery: AccountRecoverySetting, most wanted first, of `verified_email` and
            `verified_phone_number`; empty means by administrators only. A channel that recovers the
            account is not a second factor.
        password_policy: what new passwords must have.
        contradictions: which way to go where sources disagree.
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
    required_attributes: tuple[str, ...] = field(default=(), converter=_names)
    account_recovery: tuple[str, ...] = field(default=(), converter=_names)
    password_policy: PasswordPolicy = PasswordPolicy()
    contradictions: Contradictions = Contradictions()

    @mfa.validator
    def _known_mfa(self, _: Attribute[str], value: str) -> None:
        if value not in {"OFF", "OPTIONAL", "ON"}:
            raise ValueError("mfa is OFF, OPTIONAL or ON")

    @mfa_methods.validator
    def _known_methods(self, _: Attribute[Any], value: tuple[State, ...]) -> None:
        if self.mfa == "ON" and not value:
            raise ValueError("a pool that requires MFA needs a method")

    @property
    def region(self) -> str:
        """The AWS region in the pool id."""
        return self.pool_id.partition("_")[0]


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

    @explicit_auth_flows.validator
    def _known_flows(self, _: Attribute[Any], value: frozenset[str]) -> None:
        unknown = value - EVERY_FLOW - _LEGACY_FLOWS - {"ALLOW_USER_AUTH"}
        if unknown:
            raise ValueError(f"not among ExplicitAuthFlows: {', '.join(sorted(unknown))}")
        # "You can't assign these values ... at the same time as values ... that start with ALLOW_"
        # -- AWS API reference, CreateUserPoolClient
        if value & _LEGACY_FLOWS and value - _LEGACY_FLOWS:
            raise ValueError("the older values of ExplicitAuthFlows cannot stand with ALLOW_*")

    @auth_session_validity.validator
    def _three_to_fifteen(self, _: Attribute[int], value: int) -> None:
        if not 3 <= value <= 15:  # noqa: PLR2004 - AuthSessionValidity's own bounds
            raise ValueError("auth_session_validity is 3 to 15 minutes")

    @prevent_user_existence_errors.validator
    def _enabled_or_legacy(self, _: Attribute[str], value: str) -> None:
        if value not in {"ENABLED", "LEGACY"}:
            raise ValueError("prevent_user_existence_errors is ENABLED or LEGACY")

    def allows(self, flow: str) -> bool:
        """Is an AuthFlow among this client's ExplicitAuthFlows?"""
        return bool(_ENABLED_BY.get(flow, frozenset()) & self.explicit_auth_flows)
