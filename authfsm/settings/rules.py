"""What the settings of a pool and its app client rule out, and why: rules for responses and rules for challenges.

A rule removes only what is impossible for every user of such a pool. A transition stays if it depends on the user (a
phone number, a preference, a remembered device), or if sources contradict each other about it. So MfaConfiguration
OPTIONAL rules out no MFA challenge, OFF rules out no device challenge, and ON does not rule out the transition from the
password to the tokens. No rule reads AccountRecoverySetting or ChallengeRequiredOnNewDevice. All transitions to FAILED
stay.

Each function `require_...` is a rule or returns one. A rule returns None if it is met, otherwise the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from attrs import frozen

from authfsm.protocol import responses as r
from authfsm.protocol import table as t
from authfsm.protocol.auth_flows import REQUIRED_VALUE
from authfsm.protocol.nodes import EdgeRoles, Node, proves_password
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.settings.sign_in_settings import SignInSettings

Reason = str | None
"""Why something is impossible; None if it is possible."""
SettingRule = Callable[[SignInSettings], Reason]

MULTI_FACTOR_PASSKEY: Final = "MULTI_FACTOR_WITH_USER_VERIFICATION"
_WHY_MFA_REQUIRED: Final = "MfaConfiguration is ON"
_WHY_LITE: Final = "UserPoolTier is LITE"


def _forbidden_if(why: str, **setting: object) -> SettingRule:
    """Return the rule that returns `why` if a setting has this value."""
    ((name, value),) = setting.items()
    return lambda settings: why if getattr(settings, name) == value else None


def require_flow(auth_flow: str) -> SettingRule:
    """Return the rule that ExplicitAuthFlows must allow a flow."""
    why = f"{REQUIRED_VALUE[auth_flow]} is not in ExplicitAuthFlows"
    return lambda settings: None if settings.allows(auth_flow) else why


_USER_AUTH: Final = require_flow("USER_AUTH")
_ADMIN: Final = require_flow("ADMIN_USER_PASSWORD_AUTH")
_CUSTOM_AUTH: Final = require_flow("CUSTOM_AUTH")
_ROTATION_OFF: Final = _forbidden_if("RefreshTokenRotation is ENABLED", refresh_token_rotation="ENABLED")  # noqa: S106 - a setting
_REVOCATION_ON: Final = _forbidden_if("EnableTokenRevocation is false", enable_token_revocation=False)
_NOT_LITE: Final = _forbidden_if(_WHY_LITE, user_pool_tier="LITE")
# "users who sign in with a one-time password (OTP) first factor can't add an MFA factor to their
# session" -- AWS developer guide, "Adding MFA"
_MFA_NOT_REQUIRED: Final = _forbidden_if(_WHY_MFA_REQUIRED, mfa_configuration="ON")
_MFA_NOT_OFF: Final = _forbidden_if("MfaConfiguration is OFF", mfa_configuration="OFF")
_SMS_MFA_ON: Final = _forbidden_if("SmsMfaConfiguration is not set", sms_mfa=False)
_TOTP_MFA_ON: Final = _forbidden_if("SoftwareTokenMfaConfiguration is not enabled", software_token_mfa=False)
_DEVICES_REMEMBERED: Final = _forbidden_if("DeviceConfiguration is not set", device_configuration=False)


def require_define_auth_challenge(settings: SignInSettings) -> Reason:
    """Require a DefineAuthChallenge function, which chooses the challenges of CUSTOM_AUTH."""
    names = settings.lambda_config
    absent = names is not None and "DefineAuthChallenge" not in names
    return "LambdaConfig has no DefineAuthChallenge" if absent else None


def require_first_factor(name: str) -> SettingRule:
    """Return the rule that AllowedFirstAuthFactors must contain a factor, for example EMAIL_OTP."""

    def rule(settings: SignInSettings) -> Reason:
        names = settings.allowed_first_auth_factors
        if names is not None and name not in names:
            return f"AllowedFirstAuthFactors has no {name}"
        # AWS's pages contradict each other about the tier of USER_AUTH itself, but not about these factors.
        return None if name == "PASSWORD" else _NOT_LITE(settings)

    return rule


def require_passkey_as_mfa(settings: SignInSettings) -> Reason:
    """If the pool requires MFA, require that a passkey counts as MFA."""
    satisfies_mfa = settings.web_authn_factor in {None, MULTI_FACTOR_PASSKEY}
    if settings.mfa_configuration != "ON" or satisfies_mfa:
        return None
    return f"{_WHY_MFA_REQUIRED} and FactorConfiguration is not {MULTI_FACTOR_PASSKEY}"


def require_tokens_after_sign_up(settings: SignInSettings) -> Reason:
    """Require EMAIL_OTP or SMS_OTP as a first factor, for tokens after a sign-up; the reason names only SMS_OTP."""
    email_otp = require_first_factor("EMAIL_OTP")(settings)
    return email_otp and require_first_factor("SMS_OTP")(settings)


def require_email_mfa(settings: SignInSettings) -> Reason:
    """Require that the second factor may be a code by e-mail."""
    if settings.email_mfa is False:
        return "EmailMfaConfiguration is not set"
    if settings.user_pool_tier == "LITE" and settings.advanced_security_mode in {None, "OFF"}:
        return _WHY_LITE
    # "the user pool must be configured to use the Amazon SES email-sending configuration instead of
    # the default" -- AWS developer guide, "Email MFA". A CustomEmailSender function may send instead.
    has_sender = settings.lambda_config is None or "CustomEmailSender" in settings.lambda_config
    if settings.email_sending_account == "COGNITO_DEFAULT" and not has_sender:
        return "EmailSendingAccount is COGNITO_DEFAULT"
    return None


_SECOND_FACTOR_RULES: Final[Mapping[State, SettingRule]] = {
    State.SMS_MFA: _SMS_MFA_ON,
    State.EMAIL_OTP: require_email_mfa,
    State.SOFTWARE_TOKEN_MFA: _TOTP_MFA_ON,
}


def enabled_second_factors(settings: SignInSettings) -> list[State]:
    """Return the challenges of the second factors that the settings do not rule out."""
    return [state for state, rule in _SECOND_FACTOR_RULES.items() if rule(settings) is None]


def require_second_factor(settings: SignInSettings) -> Reason:
    """Require at least one second factor."""
    return None if enabled_second_factors(settings) else "no second factor is enabled"


def require_choice_of_factors(settings: SignInSettings) -> Reason:
    """Require at least two second factors, so that there is a choice."""
    states = enabled_second_factors(settings)
    if len(states) == 1:
        return f"{states[0]} is the only second factor enabled"
    return require_second_factor(settings)


def skips_second_factor(transition: t.Transition) -> bool:
    """Return whether a transition leads from the proof of a password straight to the tokens."""
    source, response, dest, _ = transition
    proved = response is r.NewPassword or proves_password(source, response, dest)
    return proved and dest is State.AUTHENTICATED


_REFRESH: Final = (require_flow("REFRESH_TOKEN_AUTH"), _ROTATION_OFF)
_PASSWORD: Final = (require_first_factor("PASSWORD"),)
_PASSKEY: Final = (require_first_factor("WEB_AUTHN"), require_passkey_as_mfa)

# fmt: off
RESPONSE_RULES: Final[Mapping[type[Response], tuple[SettingRule, ...]]] = {
    r.UserSrpAuth:            (require_flow("USER_SRP_AUTH"),),
    r.UserPasswordAuth:       (require_flow("USER_PASSWORD_AUTH"),),
    r.AdminUserPasswordAuth:  (_ADMIN,),
    r.AdminNoSrpAuth:         (_ADMIN,),
    r.CustomAuth:             (_CUSTOM_AUTH, require_define_auth_challenge),
    r.CustomSrpAuth:          (_CUSTOM_AUTH, require_define_auth_challenge),
    r.UserAuth:               (_USER_AUTH,),
    r.UserAuthWithPassword:   (_USER_AUTH,),
    r.UserAuthWithSrp:        (_USER_AUTH,),
    r.StepUp:                 (_USER_AUTH, _NOT_LITE),
    r.SignedUp:               (_USER_AUTH,),
    r.RefreshTokenAuth:       _REFRESH,
    r.RefreshToken:           _REFRESH,
    r.RevokeToken:            (_REVOCATION_ON,),
    r.ConfirmDevice:          (_DEVICES_REMEMBERED,),
    r.UpdateDeviceStatus:     (_DEVICES_REMEMBERED,),
    r.AssociateSoftwareToken: (_TOTP_MFA_ON,),
    r.VerifySoftwareToken:    (_TOTP_MFA_ON,),
    r.CompleteMfaSetup:       (_TOTP_MFA_ON,),
    r.SetUpEmail:             (require_email_mfa,),
}
"""The rules of each response, in every state."""

FIRST_FACTOR_RULES: Final[Mapping[type[Response], tuple[SettingRule, ...]]] = {
    r.UserAuthWithPassword: _PASSWORD,
    r.UserAuthWithSrp:      _PASSWORD,
    r.Password:             _PASSWORD,
    r.SrpA:                 _PASSWORD,
    r.Credential:           _PASSKEY,
}
"""The rules of the responses that are themselves the choice of a first factor.

If a rule forbids the factor, the reply to `UserAuthWithPassword` and `UserAuthWithSrp` is SELECT_CHALLENGE.
Cognito refuses the other three responses.
"""

CHALLENGE_RULES: Final[Mapping[Node, tuple[SettingRule, ...]]] = {
    Node(State.PASSWORD):           _PASSWORD,
    Node(State.PASSWORD_SRP):       _PASSWORD,
    Node(State.EMAIL_OTP, t.Role.FIRST_FACTOR): (require_first_factor("EMAIL_OTP"), _MFA_NOT_REQUIRED),
    Node(State.SMS_OTP):            (require_first_factor("SMS_OTP"), _MFA_NOT_REQUIRED),
    Node(State.WEB_AUTHN):          _PASSKEY,
    Node(State.CUSTOM_CHALLENGE):   (require_define_auth_challenge, _CUSTOM_AUTH),
    Node(State.MFA_SETUP):          (_MFA_NOT_OFF, require_second_factor),
    Node(State.SELECT_MFA_TYPE):    (_MFA_NOT_OFF, require_choice_of_factors),
    Node(State.SMS_MFA):            (_MFA_NOT_OFF, _SMS_MFA_ON),
    Node(State.EMAIL_OTP, t.Role.SECOND_FACTOR): (_MFA_NOT_OFF, require_email_mfa),
    Node(State.SOFTWARE_TOKEN_MFA): (_MFA_NOT_OFF, _TOTP_MFA_ON),
    Node(State.DEVICE_SRP_AUTH):    (_DEVICES_REMEMBERED,),
    Node(State.DEVICE_PASSWORD_VERIFIER): (_DEVICES_REMEMBERED,),
}
"""The rules of each challenge, after any response."""
# fmt: on

_FIRST_FACTOR_CHOICE_STATES: Final = t.FIRST_FACTORS | {State.START, State.SELECT_CHALLENGE}

ANY_CHALLENGE_RESPONSES: Final = frozenset({r.RefreshTokenAuth, r.RefreshToken, r.RawAnswer})
"""The responses after which Cognito may issue any challenge that the settings allow, without a Lambda function."""


def require_lambda_choice(settings: SignInSettings) -> Reason:
    """Require that a Lambda function may choose challenges; the reason names one of the two flows in which it can."""
    # Sources contradict each other about whether DefineAuthChallenge also runs in an administrator's password flow.
    return require_define_auth_challenge(settings) or (_CUSTOM_AUTH(settings) and _ADMIN(settings))


@frozen
class UnlessLambda:
    """A challenge's rule, which applies only if no DefineAuthChallenge function may name the challenge."""

    rule: SettingRule

    def __call__(self, settings: SignInSettings) -> Reason:
        """Return the reason if neither the settings nor a Lambda function allow the challenge."""
        return require_lambda_choice(settings) and self.rule(settings)


@cache
def rules_of(transition: t.Transition, roles: EdgeRoles, *, include_lambda_named: bool) -> tuple[SettingRule, ...]:
    """Return the rules for a transition from a reachable state.

    With `include_lambda_named`, a challenge is also possible if a Lambda function may name it.
    """
    source, response, dest, kind = transition
    if dest is State.FAILED:
        return ()
    rules = RESPONSE_RULES.get(response, ())
    factor_is_accepted = source in _FIRST_FACTOR_CHOICE_STATES and dest is not State.SELECT_CHALLENGE
    if factor_is_accepted and kind is not t.DEVICE_DROPPED:
        rules += FIRST_FACTOR_RULES.get(response, ())
    if response is r.SignedUp and dest is State.AUTHENTICATED:
        rules += (_MFA_NOT_REQUIRED, require_tokens_after_sign_up)
    challenge_rules = CHALLENGE_RULES.get(Node(dest, roles.dest), ())
    may_be_named = response not in ANY_CHALLENGE_RESPONSES and t.PROTOCOL[source][response] & t.CUSTOM
    if include_lambda_named and may_be_named:
        challenge_rules = tuple(map(UnlessLambda, challenge_rules))
    return rules + challenge_rules


def why_forbidden(
    settings: SignInSettings, transition: t.Transition, roles: EdgeRoles, *, include_lambda_named: bool
) -> Reason:
    """Return why a transition from a reachable state is impossible; None if it is possible."""
    rules = rules_of(transition, roles, include_lambda_named=include_lambda_named)
    return next((why for rule in rules if (why := rule(settings))), None)
