"""Rules about codes: those of an authenticator app, and those that Cognito sends."""

from __future__ import annotations

from typing import Final

from authfsm.base.secret import Secret
from authfsm.conformance import pools
from authfsm.conformance.api_client import parse_json
from authfsm.conformance.pool_client import AuthenticatorApp, IssuedChallenge, PoolUser
from authfsm.conformance.rule import CRITICAL, MINOR, RESPOND, RuleCollector, RuleSource, Trial
from authfsm.conformance.verdicts import ApiReply, NotSupported, RuleFailed
from authfsm.protocol.evidence import Confidence

rule: Final = RuleCollector("Codes")

_KEY_BITS: Final = 128  # RFC 4226, section 4, R6


def answer_wrong_totp(trial: Trial) -> ApiReply:
    """Answer SOFTWARE_TOKEN_MFA with a wrong code."""
    challenge = trial.totp_challenge()
    return challenge.answer(SOFTWARE_TOKEN_MFA_CODE=challenge.user.app.wrong_code())


@rule("totp.wrong", RESPOND, CRITICAL)
def _wrong_totp(trial: Trial) -> None:
    """Cognito refuses a wrong code of an authenticator app."""
    answer_wrong_totp(trial).expect_error("a wrong code")


@rule(
    "totp.once",
    RuleSource(
        'RFC 6238, section 5.2; Cognito\'s "Your software token has already been used once."',
        "https://www.rfc-editor.org/rfc/rfc6238#section-5.2",
        Confidence.ISSUE,
    ),
)
def _second_use(trial: Trial) -> None:
    """Cognito refuses a code of an authenticator app that was used before."""
    challenge = trial.totp_challenge()
    code = challenge.user.app.code()
    challenge.answer(SOFTWARE_TOKEN_MFA_CODE=code).expect_tokens()
    challenge = challenge.user.challenge("SOFTWARE_TOKEN_MFA")
    reply = challenge.answer(SOFTWARE_TOKEN_MFA_CODE=code)
    reply.expect_error("a code that was used before")


@rule("totp.adjacent-step", RuleSource.rfc(6238, "5.2"), MINOR)
def _previous_step(trial: Trial) -> None:
    """Cognito accepts the code of the previous time step, because clocks differ."""
    if not trial.user(pools.SMS_OR_TOTP_POOL, pools.TOTP_USER).app.accepts_previous:
        raise RuleFailed("VerifySoftwareToken refused the code of the previous time step")


@rule("totp.secret-of-their-own", RuleSource.rfc(4226, "4"), CRITICAL)
def _own_secret(trial: Trial) -> None:
    """AssociateSoftwareToken returns a different SecretCode for each user."""
    first, second = _secret_codes(trial)
    if first == second:
        raise RuleFailed("two users received the same SecretCode")


@rule("totp.secret-128-bits", RuleSource.rfc(4226, "4"), MINOR)
def _secret_length(trial: Trial) -> None:
    """SecretCode has at least 128 bits."""
    bits = min(len(AuthenticatorApp(Secret(code)).key()) * 8 for code in _secret_codes(trial))
    if bits < _KEY_BITS:
        raise RuleFailed(f"SecretCode has {bits} bits")


def _secret_codes(trial: Trial) -> list[str]:
    users = (trial.user(pools.SMS_OR_TOTP_POOL, label=label) for label in ("ada", "eve"))
    return [_associate(user)[1] for user in users]


def _associate(user: PoolUser) -> tuple[str, str]:
    """Return the access token of a user, and the SecretCode."""
    token = user.access_token()
    reply = user.client.call("AssociateSoftwareToken", AccessToken=token).expect_success()
    return token, str(reply.body.get("SecretCode"))


@rule("totp.verified-by-a-right-code", RuleSource.reference("VerifySoftwareToken"), CRITICAL)
def _wrong_code_of_new_app(trial: Trial) -> None:
    """VerifySoftwareToken refuses a wrong code."""
    user = trial.user(pools.SMS_OR_TOTP_POOL)
    token, secret_code = _associate(user)
    code = AuthenticatorApp(Secret(secret_code)).wrong_code()
    reply = user.client.call("VerifySoftwareToken", AccessToken=token, UserCode=code)
    if reply.body.get("Status") != "ERROR":
        reply.expect_error("a wrong code")


@rule("mfa-setup.needs-a-verified-app", RuleSource.issue("aws-amplify/amplify-js", 6461), CRITICAL)
def _setup_without_app(trial: Trial) -> None:
    """Cognito refuses an answer to MFA_SETUP before VerifySoftwareToken accepted a code."""
    _mfa_setup(trial).answer().expect_error("MFA_SETUP without an authenticator app")


@rule("mfa-setup.is-json", RESPOND)
def _setup_parameters(trial: Trial) -> None:
    """MFAS_CAN_SETUP is a JSON array in a string, because all ChallengeParameters are strings."""
    methods = _mfa_setup(trial).reply.parameters.get("MFAS_CAN_SETUP")
    if not isinstance(methods, str):
        raise RuleFailed("MFAS_CAN_SETUP is not a string")
    if not isinstance(parse_json(methods), list):
        raise RuleFailed("MFAS_CAN_SETUP is not a JSON array")


def _mfa_setup(trial: Trial) -> IssuedChallenge:
    """Sign in a user who must set up a second factor, which leads to MFA_SETUP."""
    challenge = trial.new_password_challenge(pools.TOTP_REQUIRED_POOL)
    reply = challenge.answer(NEW_PASSWORD=pools.NEW_PASSWORD)
    if reply.challenge != "MFA_SETUP":  # a rule of its own reports that
        raise NotSupported(f"MFA_SETUP did not come: {reply.summary}")
    return IssuedChallenge(challenge.user, reply)


def _wrong_code(user: PoolUser) -> str:
    """Return a code that was not sent; if it cannot be read, one that is wrong but for one time in a million."""
    code, other = "000000", "999999"
    return other if user.client.pool.inbox and user.code().reveal() == code else code


def _sms_challenge(trial: Trial) -> IssuedChallenge:
    return trial.user(pools.SMS_OR_TOTP_POOL, pools.SMS_USER).challenge("SMS_MFA")


@rule("sms.wrong", RESPOND, CRITICAL)
def _wrong_sms_code(trial: Trial) -> None:
    """Cognito refuses a wrong code for SMS_MFA."""
    challenge = _sms_challenge(trial)
    challenge.answer(SMS_MFA_CODE=_wrong_code(challenge.user)).expect_error("a wrong code")


@rule(
    "sms.says-where",
    RuleSource(
        "amplify-js, signInHelpers; amplify-swift and amplify-android do likewise",
        "https://github.com/aws-amplify/amplify-js/blob/main/packages/auth/src/providers/cognito/utils/signInHelpers.ts",
        Confidence.CLIENT,
    ),
    MINOR,
)
def _delivery(trial: Trial) -> None:
    """SMS_MFA names the delivery medium, and the destination in masked form."""
    parameters = _sms_challenge(trial).reply.parameters
    if parameters.get("CODE_DELIVERY_DELIVERY_MEDIUM") != "SMS":
        raise RuleFailed("CODE_DELIVERY_DELIVERY_MEDIUM is not SMS")
    destination = parameters.get("CODE_DELIVERY_DESTINATION")
    if not isinstance(destination, str) or "*" not in destination:
        raise RuleFailed("CODE_DELIVERY_DESTINATION is not a masked number")


def _confirm(user: PoolUser, operation: str, code: str, **more: str) -> ApiReply:
    members = {"Username": user.username, "ConfirmationCode": code, **more}
    return user.client.call_with_client_id(operation, **members)


@rule("sign-up.wrong-code", RuleSource.reference("ConfirmSignUp"), CRITICAL)
def _wrong_sign_up_code(trial: Trial) -> None:
    """ConfirmSignUp refuses a wrong code."""
    user = trial.signed_up_user()
    _confirm(user, "ConfirmSignUp", _wrong_code(user)).expect_error("a wrong code")


@rule("sign-up.right-code", RuleSource.reference("ConfirmSignUp"))
def _right_sign_up_code(trial: Trial) -> None:
    """ConfirmSignUp with the code that was sent confirms the user, who can sign in then."""
    user = trial.signed_up_user()
    user.sign_in().expect_error("an unconfirmed user", "UserNotConfirmedException")
    _confirm(user, "ConfirmSignUp", user.code().reveal()).expect_success()
    user.sign_in().expect_tokens()


def _forgot_password(trial: Trial) -> PoolUser:
    user = trial.user()
    user.client.call_with_client_id("ForgotPassword", Username=user.username).expect_success()
    return user


def _reset_password(user: PoolUser, code: str) -> ApiReply:
    return _confirm(user, "ConfirmForgotPassword", code, Password=pools.NEW_PASSWORD)


@rule("forgot-password.wrong-code", RuleSource.reference("ConfirmForgotPassword"), CRITICAL)
def _wrong_reset_code(trial: Trial) -> None:
    """ConfirmForgotPassword refuses a wrong code."""
    user = _forgot_password(trial)
    _reset_password(user, _wrong_code(user)).expect_error("a wrong code")


@rule("forgot-password.right-code", RuleSource.reference("ConfirmForgotPassword"))
def _right_reset_code(trial: Trial) -> None:
    """ConfirmForgotPassword with the code that was sent sets the new password."""
    user = _forgot_password(trial)
    _reset_password(user, user.code().reveal()).expect_success()
    user.sign_in().expect_error("the old password")
    user.sign_in(pools.NEW_PASSWORD).expect_tokens()
