"""What a description rules out, and why: rules of responses, and rules of destinations.

Every rule is sound: it removes what *no* user of such a pool could meet. What hangs on the user (a
phone number, a preference, a remembered device) and what AWS's pages contradict each other about
stays. So OPTIONAL keeps every MFA challenge, OFF keeps the device's, ON keeps tokens straight after
the password, AccountRecoverySetting and ChallengeRequiredOnNewDevice remove nothing, and an attempt
may fail wherever it may stand: a refusal is what comes of a request that the pool does not take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from authfsm.protocol.auth_flows import REQUIRED_VALUE
from authfsm.protocol.nodes import EdgeRoles, Node
from authfsm.protocol.responses import (
    AdminNoSrpAuth,
    AdminUserPasswordAuth,
    AssociateSoftwareToken,
    CompleteMfaSetup,
    ConfirmDevice,
    Credential,
    CustomAuth,
    CustomSrpAuth,
    NewPassword,
    Password,
    RawAnswer,
    RefreshToken,
    RefreshTokenAuth,
    Response,
    RevokeToken,
    SetUpEmail,
    SignedUp,
    SrpA,
    SrpClaim,
    StepUp,
    UpdateDeviceStatus,
    UserAuth,
    UserAuthWithPassword,
    UserAuthWithSrp,
    UserPasswordAuth,
    UserSrpAuth,
    VerifySoftwareToken,
)  # fmt: skip
from authfsm.protocol.states import State
from authfsm.protocol.table import (
    CUSTOM,
    FIRST_FACTOR,
    PROTOCOL,
    RESTART,
    UNKNOWN_CHALLENGE,
    Role,
    Transition,
)
from authfsm.settings.sign_in_settings import SignInSettings

Reason = str | None
Rule = Callable[[SignInSettings], Reason]

MULTI_FACTOR_PASSKEY: Final = "MULTI_FACTOR_WITH_USER_VERIFICATION"
_OFF: Final = "MfaConfiguration is OFF"
_ON: Final = "MfaConfiguration is ON"
_LITE: Final = "UserPoolTier is LITE"


# ---- what the app client may do -----------------------------------------------------------------------


def allowed(auth_flow: str) -> Rule:
    """Return the rule that ExplicitAuthFlows must allow a flow.

    Args:
        auth_flow: the AuthFlow.
    """

    def rule(told: SignInSettings) -> Reason:
        if told.allows(auth_flow):
            return None
        return f"{REQUIRED_VALUE[auth_flow]} is not in ExplicitAuthFlows"

    return rule


def triggered(told: SignInSettings) -> Reason:
    """Is there a Lambda function that leads?"""
    names = told.lambda_config
    absent = names is not None and "DefineAuthChallenge" not in names
    return "LambdaConfig has no DefineAuthChallenge" if absent else None


def unrotated(told: SignInSettings) -> Reason:
    """Are refresh tokens left as they are?"""
    feature = told.refresh_token_rotation
    return "RefreshTokenRotation is ENABLED" if feature == "ENABLED" else None


def revocable(told: SignInSettings) -> Reason:
    """Can tokens be revoked?"""
    return "EnableTokenRevocation is false" if told.enable_token_revocation is False else None


# ---- first factors --------------------------------------------------------------------------------------


def factor(name: str) -> Rule:
    """Is a first factor to be had?"""

    def rule(told: SignInSettings) -> Reason:
        names = told.allowed_first_auth_factors
        if names is not None and name not in names:
            return f"AllowedFirstAuthFactors has no {name}"
        # Whether USER_AUTH as such needs a higher tier, AWS's pages disagree; these do.
        return _LITE if name != "PASSWORD" and told.user_pool_tier == "LITE" else None

    return rule


def single(told: SignInSettings) -> Reason:
    """May the first factor be the only one, and so a one-time password?"""
    # "users who sign in with a one-time password (OTP) first factor can't add an MFA factor to their
    # session" -- AWS developer guide, "Adding MFA"
    return _ON if told.mfa_configuration == "ON" else None


def passkey_allowed_with_mfa(told: SignInSettings) -> Reason:
    """May a passkey stand where MFA is required?"""
    if told.mfa_configuration != "ON" or told.web_authn_factor in {None, MULTI_FACTOR_PASSKEY}:
        return None
    return f"{_ON} and FactorConfiguration is not {MULTI_FACTOR_PASSKEY}"


# ---- second factors -------------------------------------------------------------------------------------


def mfa(told: SignInSettings) -> Reason:
    """May a second factor be asked for?"""
    return _OFF if told.mfa_configuration == "OFF" else None


def sms(told: SignInSettings) -> Reason:
    """May it be a code by SMS?"""
    return "SmsMfaConfiguration is not set" if told.sms_mfa is False else None


def totp(told: SignInSettings) -> Reason:
    """May it be an authenticator app's code?"""
    off = told.software_token_mfa is False
    return "SoftwareTokenMfaConfiguration is not enabled" if off else None


def email(told: SignInSettings) -> Reason:
    """May it be an e-mailed code?"""
    if told.email_mfa is False:
        return "EmailMfaConfiguration is not set"
    if told.user_pool_tier == "LITE" and told.advanced_security_mode in {None, "OFF"}:
        return _LITE
    # "the user pool must be configured to use the Amazon SES email-sending configuration instead of
    # the default" -- AWS developer guide, "Email MFA"; a function may send instead.
    sends = told.lambda_config is None or "CustomEmailSender" in told.lambda_config
    if told.email_sending_account == "COGNITO_DEFAULT" and not sends:
        return "EmailSendingAccount is COGNITO_DEFAULT"
    return None


METHODS: Final[Mapping[State, Rule]] = {
    State.SMS_MFA: sms,
    State.EMAIL_OTP: email,
    State.SOFTWARE_TOKEN_MFA: totp,
}
"""The second factors, each with what it needs."""


def enabled_second_factors(told: SignInSettings) -> list[State]:
    """The second factors that the pool may ask for."""
    return [method for method, rule in METHODS.items() if rule(told) is None]


def some(told: SignInSettings) -> Reason:
    """Is there a second factor at all?"""
    return None if enabled_second_factors(told) else "no second factor is enabled"


def several(told: SignInSettings) -> Reason:
    """Is there a second factor to choose?"""
    methods = enabled_second_factors(told)
    return f"{methods[0]} is the only second factor enabled" if len(methods) == 1 else some(told)


_PROVES_PASSWORD: Final = frozenset(
    {(State.PASSWORD_VERIFIER, SrpClaim), (State.NEW_PASSWORD_REQUIRED, NewPassword)}
)


def skips_second_factor(arrow: Transition) -> bool:
    """Return whether an arrow leads from the proof of a password straight to the tokens.

    Args:
        arrow: an arrow.
    """
    source, response, dest = arrow.source, arrow.response, arrow.dest
    proves = response.proves_password or (source, response) in _PROVES_PASSWORD
    return proves and dest is State.AUTHENTICATED


def devices(told: SignInSettings) -> Reason:
    """Does the pool remember devices?"""
    return "DeviceConfiguration is not set" if told.device_configuration is False else None


# ---- the two tables of rules --------------------------------------------------------------------------

_CHOICE: Final = allowed("USER_AUTH")
_ADMIN: Final = allowed("ADMIN_USER_PASSWORD_AUTH")
_LAMBDA: Final = allowed("CUSTOM_AUTH")
_REFRESH: Final = (allowed("REFRESH_TOKEN_AUTH"), unrotated)


def acceptable(told: SignInSettings) -> Reason:
    """Can an AUTHENTICATED come straight after sign-up? One-time passwords must be allowed."""
    email_otp, sms_otp = factor("EMAIL_OTP")(told), factor("SMS_OTP")(told)
    return email_otp and sms_otp


# fmt: off
RESPONSE_RULES: Final[Mapping[type[Response], tuple[Rule, ...]]] = {
    UserSrpAuth:            (allowed("USER_SRP_AUTH"),),
    UserPasswordAuth:       (allowed("USER_PASSWORD_AUTH"),),
    AdminUserPasswordAuth:  (_ADMIN,),
    AdminNoSrpAuth:         (_ADMIN,),
    CustomAuth:             (_LAMBDA, triggered),
    CustomSrpAuth:          (_LAMBDA, triggered),
    UserAuth:               (_CHOICE,),
    UserAuthWithPassword:   (_CHOICE,),
    UserAuthWithSrp:        (_CHOICE,),
    StepUp:                 (_CHOICE, lambda told: _LITE if told.user_pool_tier == "LITE" else None),
    SignedUp:               (_CHOICE,),
    RefreshTokenAuth:       _REFRESH,
    RefreshToken:           _REFRESH,
    RevokeToken:            (revocable,),
    ConfirmDevice:          (devices,),
    UpdateDeviceStatus:     (devices,),
    AssociateSoftwareToken: (totp,),
    VerifySoftwareToken:    (totp,),
    CompleteMfaSetup:       (totp,),
    SetUpEmail:             (email,),
}
"""What a response needs, wherever it is given."""

FIRST_FACTOR_RULES: Final[Mapping[type[Response], tuple[Rule, ...]]] = {
    UserAuthWithPassword: (factor("PASSWORD"),),
    UserAuthWithSrp:      (factor("PASSWORD"),),
    Password:             (factor("PASSWORD"),),
    SrpA:                 (factor("PASSWORD"),),
    Credential:           (factor("WEB_AUTHN"), passkey_allowed_with_mfa),
}
"""What a first factor needs that is chosen along with its proof; without it the choice comes back."""

CHALLENGE_RULES: Final[Mapping[Node, tuple[Rule, ...]]] = {
    Node(State.PASSWORD):           (factor("PASSWORD"),),
    Node(State.PASSWORD_SRP):       (factor("PASSWORD"),),
    Node(State.EMAIL_OTP, Role.FIRST_FACTOR): (factor("EMAIL_OTP"), single),
    Node(State.SMS_OTP):            (factor("SMS_OTP"), single),
    Node(State.WEB_AUTHN):          (factor("WEB_AUTHN"), passkey_allowed_with_mfa),
    Node(State.CUSTOM_CHALLENGE):   (triggered, _LAMBDA),
    Node(State.MFA_SETUP):          (mfa, some),
    Node(State.SELECT_MFA_TYPE):    (mfa, several),
    Node(State.SMS_MFA):            (mfa, sms),
    Node(State.EMAIL_OTP, Role.SECOND_FACTOR): (mfa, email),
    Node(State.SOFTWARE_TOKEN_MFA): (mfa, totp),
    Node(State.DEVICE_SRP_AUTH):    (devices,),
    Node(State.DEVICE_PASSWORD_VERIFIER): (devices,),
}
"""What a challenge needs, whatever led to it."""
# fmt: on

CHOSEN_FROM: Final = (
    frozenset({State.START, State.SELECT_CHALLENGE}) | FIRST_FACTOR - UNKNOWN_CHALLENGE
)
"""Where a first factor is chosen."""

ANY_CHALLENGE_RESPONSES: Final = frozenset({RefreshTokenAuth, RefreshToken, RawAnswer})
"""Responses that are said, or feared, to lead to any challenge: to any that this pool asks for otherwise."""


def led(told: SignInSettings, arrow: Transition) -> bool:
    """May a Lambda function decide where this leads? Then it may name any challenge, and Cognito echoes it."""
    dests = PROTOCOL[arrow.source][arrow.response]
    if arrow.response in ANY_CHALLENGE_RESPONSES or not dests & CUSTOM or triggered(told):
        return False
    # That it runs after an administrator's password flow too is contradicted, and so stays possible.
    return _LAMBDA(told) is None or _ADMIN(told) is None


def why_forbidden(
    told: SignInSettings, arrow: Transition, ends: EdgeRoles, *, include_lambda_named: bool
) -> Reason:
    """Why an arrow cannot be taken, its source being reached; None if it can.

    Args:
        told: the description.
        arrow: the arrow.
        ends: the roles of its ends.
        include_lambda_named: count what a Lambda function may name as possible.
    """
    source, response, dest, kind = arrow
    if dest is State.FAILED:
        return None
    rules = RESPONSE_RULES.get(response, ())
    if source in CHOSEN_FROM and dest is not State.SELECT_CHALLENGE and kind is not RESTART:
        rules += FIRST_FACTOR_RULES.get(response, ())
    if response is SignedUp and dest is State.AUTHENTICATED:
        rules += (single, acceptable)
    if not (include_lambda_named and led(told, arrow)):
        rules += CHALLENGE_RULES.get(Node(dest, ends.dest), ())
    return next((why for rule in rules if (why := rule(told))), None)
