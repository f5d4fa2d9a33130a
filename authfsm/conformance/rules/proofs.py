"""Rules about proofs: the passwords, SRP proofs and codes that Cognito accepts, and the proofs of remembered devices."""

from __future__ import annotations

import base64
import secrets
from typing import Any, Final

from authfsm import srp
from authfsm.base.clock import utc_now
from authfsm.base.secret import Secret
from authfsm.conformance import pools
from authfsm.conformance.api_client import parse_json
from authfsm.conformance.pool_client import AuthenticatorApp, IssuedChallenge, PoolUser
from authfsm.conformance.rule import (
    ADMIN_INITIATE,
    CRITICAL,
    DEVICES_PAGE,
    MAJOR,
    MINISTACK,
    MINOR,
    RESPOND,
    RuleCollector,
    RuleContext,
    RuleSource,
)
from authfsm.conformance.rules.sign_in import SignInRunner
from authfsm.conformance.verdicts import ApiReply, NotSupported, RuleFailed, fail_if
from authfsm.protocol import links
from authfsm.protocol.evidence import Confidence
from authfsm.protocol.states import State

rule: Final = RuleCollector("Passwords and SRP")
code_rule: Final = RuleCollector("Codes")
device_rule: Final = RuleCollector("Remembered devices")

_CREATING_USERS: Final = RuleSource.guide("how-to-create-user-accounts", "Creating user accounts as administrator")
_CONFIRM_SIGN_UP: Final = RuleSource.reference("ConfirmSignUp")
_CONFIRM_FORGOT: Final = RuleSource.reference("ConfirmForgotPassword")
NO_PROOF: Final = base64.b64encode(bytes(32)).decode()


def sign_in_with_wrong_password(context: RuleContext) -> ApiReply:
    """Sign in with a wrong password, after the right one was accepted."""
    return context.user_with_working_password().sign_in(pools.WRONG_PASSWORD)


def sign_in_with_wrong_password_as_admin(context: RuleContext) -> ApiReply:
    """Sign in with a wrong password in ADMIN_USER_PASSWORD_AUTH, after the right one was accepted."""
    return context.admin_user().sign_in_as_admin(pools.WRONG_PASSWORD)


def _prove_twice(context: RuleContext) -> ApiReply:
    challenge = context.user().begin_srp()
    challenge.prove(pools.WRONG_PASSWORD).expect_error("a proof of a wrong password")
    return challenge.prove()


rule.refused("srp.verifies-proof", RESPOND, CRITICAL, "a signature of 32 zero bytes",
    "Cognito refuses an answer to PASSWORD_VERIFIER whose signature is not a proof of the password.",
    lambda c: c.user().begin_srp().prove(PASSWORD_CLAIM_SIGNATURE=NO_PROOF))  # fmt: skip
rule.refused("srp.wrong-password", MINISTACK, CRITICAL, "a proof of a wrong password",
    "Cognito refuses an SRP proof of a wrong password.",
    lambda c: c.user().begin_srp().prove(pools.WRONG_PASSWORD))  # fmt: skip
rule.refused("srp.binds-user", RuleSource.rfc(5054, "2.6"), CRITICAL, "ada's proof in the name of eve",
    "Cognito refuses an answer to one user's PASSWORD_VERIFIER in the name of another user.",
    lambda c: c.user().begin_srp().prove(user=c.user(label="eve")))  # fmt: skip
rule.refused("srp.challenge-once", MINISTACK, MAJOR, "a second proof",
    "After a wrong proof, Cognito refuses the right proof for the same PASSWORD_VERIFIER.", _prove_twice)  # fmt: skip
rule.refused("srp.refuses-A-zero", RuleSource.rfc(5054, "2.5.4"), CRITICAL, "SRP_A = 0",
    "Cognito refuses an SRP_A of 0.", lambda c: c.srp_user().initiate_srp(srp.to_hex(0)))  # fmt: skip
rule.refused("srp.refuses-A-N", RuleSource.rfc(5054, "2.5.4"), CRITICAL, "SRP_A = N",
    "Cognito refuses an SRP_A that is 0 modulo N.", lambda c: c.srp_user().initiate_srp(srp.to_hex(srp.N)))  # fmt: skip


@rule("srp.fresh-challenge", RuleSource.rfc(5054, "2.5.3"))
def _fresh_challenge(context: RuleContext) -> None:
    """Each PASSWORD_VERIFIER has a new SRP_B and SECRET_BLOCK, and the same SALT."""
    user = context.user()
    first, second = (user.begin_srp().reply.parameters for _ in range(2))
    for name in ("SRP_B", "SECRET_BLOCK"):
        fail_if(first.get(name) == second.get(name), f"two sign-ins have the same {name}")
    fail_if(first.get("SALT") != second.get("SALT"), "the second sign-in has another SALT")


rule.refused("srp.timestamp", MINISTACK, MINOR, "a TIMESTAMP in ISO 8601",
    "Cognito replies with InvalidParameterException for a TIMESTAMP of a wrong format.",
    lambda c: c.user().begin_srp().prove(timestamp="2026-01-01T00:00:00Z"), "InvalidParameterException")  # fmt: skip


rule.add("srp.by-administrator", MINISTACK, MAJOR,
    "USER_SRP_AUTH also works through AdminInitiateAuth and AdminRespondToAuthChallenge.",
    lambda c: SignInRunner(c.user()).run(
        lambda user: user.client.cognito(admin=True).sign_in(user.username, user.password), State.AUTHENTICATED))  # fmt: skip
rule.refused("password.wrong", MINISTACK, CRITICAL, "a wrong password",
    "Cognito refuses a wrong password in USER_PASSWORD_AUTH.", sign_in_with_wrong_password)  # fmt: skip
rule.refused("password.wrong-by-administrator", ADMIN_INITIATE, CRITICAL, "a wrong password",
    "Cognito refuses a wrong password in ADMIN_USER_PASSWORD_AUTH.", sign_in_with_wrong_password_as_admin)  # fmt: skip


@rule("password.wrong-temporary", _CREATING_USERS, CRITICAL)
def _wrong_temporary_password(context: RuleContext) -> None:
    """Cognito refuses a wrong temporary password, and does not issue NEW_PASSWORD_REQUIRED."""
    user = context.user(user=pools.TEMPORARY_USER)
    user.sign_in(pools.WRONG_PASSWORD).expect_error("a wrong temporary password")
    user.challenge("NEW_PASSWORD_REQUIRED")


rule.refused("password.policy", RESPOND, MAJOR, 'the new password "weak"',
    "Cognito replies with InvalidPasswordException to a NEW_PASSWORD that violates the password policy.",
    lambda c: c.new_password_challenge().answer(NEW_PASSWORD="weak"),  # noqa: S106 - on purpose
    "InvalidPasswordException")  # fmt: skip


@rule("password.replaced", _CREATING_USERS, CRITICAL)
def _replaced_password(context: RuleContext) -> None:
    """After NEW_PASSWORD_REQUIRED, Cognito accepts the new password and refuses the temporary one."""
    challenge = context.new_password_challenge()
    challenge.answer(NEW_PASSWORD=pools.NEW_PASSWORD).expect_success()
    challenge.user.sign_in().expect_error("the temporary password, after it was replaced,")
    challenge.user.sign_in(pools.NEW_PASSWORD).expect_tokens()


_LOCK_OUT_PAGE: Final = RuleSource(
    'developer guide, "Lockout behavior for failed sign-in attempts"',
    f"{links.AUTHENTICATION}#authentication-flow-lockout-behavior",
)


@rule("password.lock-out", _LOCK_OUT_PAGE)
def _lockout(context: RuleContext) -> None:
    """After five wrong passwords, Cognito refuses the right one too, for one second at first."""
    user = context.user_with_working_password()
    for _ in range(6):
        user.sign_in(pools.WRONG_PASSWORD).expect_error("a wrong password")
    user.sign_in().expect_error("the right password, right after six wrong ones,")


def answer_wrong_totp(context: RuleContext) -> ApiReply:
    """Answer SOFTWARE_TOKEN_MFA with a wrong code."""
    challenge = context.totp_challenge()
    return challenge.answer(SOFTWARE_TOKEN_MFA_CODE=challenge.user.app.wrong_code())


def _use_code_twice(context: RuleContext) -> ApiReply:
    challenge = context.totp_challenge()
    code = challenge.user.app.code()
    challenge.answer(SOFTWARE_TOKEN_MFA_CODE=code).expect_tokens()
    return challenge.user.challenge("SOFTWARE_TOKEN_MFA").answer(SOFTWARE_TOKEN_MFA_CODE=code)


code_rule.refused("totp.wrong", RESPOND, CRITICAL, "a wrong code",
    "Cognito refuses a wrong code of an authenticator app.", answer_wrong_totp)  # fmt: skip
code_rule.refused("totp.once",
    RuleSource('RFC 6238, section 5.2; Cognito\'s "Your software token has already been used once."',
    "https://www.rfc-editor.org/rfc/rfc6238#section-5.2", Confidence.ISSUE),
    MAJOR, "a code that was used before",
    "Cognito refuses a code of an authenticator app that was used before.", _use_code_twice)  # fmt: skip
code_rule.add("totp.adjacent-step", RuleSource.rfc(6238, "5.2"), MINOR,
    "Cognito accepts the code of the previous time step, because clocks differ.",
    lambda c: fail_if(not c.user(pools.SMS_OR_TOTP_POOL, pools.TOTP_USER).app.accepts_previous,
        "VerifySoftwareToken refused the code of the previous time step"))  # fmt: skip


def _associate(user: PoolUser) -> tuple[str, str]:
    """Return the access token of a user, and the SecretCode."""
    token = user.access_token()
    reply = user.client.api.call("AssociateSoftwareToken", AccessToken=token).expect_success()
    return token, str(reply.body.get("SecretCode"))


def _secret_codes(context: RuleContext) -> list[str]:
    users = (context.user(pools.SMS_OR_TOTP_POOL, label=label) for label in ("ada", "eve"))
    return [_associate(user)[1] for user in users]


@code_rule("totp.secret-of-their-own", RuleSource.rfc(4226, "4"), CRITICAL)
def _own_secret(context: RuleContext) -> None:
    """AssociateSoftwareToken returns a different SecretCode for each user."""
    first, second = _secret_codes(context)
    fail_if(first == second, "two users received the same SecretCode")


@code_rule("totp.secret-128-bits", RuleSource.rfc(4226, "4"), MINOR)
def _secret_length(context: RuleContext) -> None:
    """SecretCode has at least 128 bits."""
    bits = min(len(AuthenticatorApp(Secret(code)).key()) * 8 for code in _secret_codes(context))
    fail_if(bits < 128, f"SecretCode has {bits} bits")  # noqa: PLR2004 - RFC 4226, section 4, R6


@code_rule("totp.verified-by-a-right-code", RuleSource.reference("VerifySoftwareToken"), CRITICAL)
def _wrong_code_of_new_app(context: RuleContext) -> None:
    """VerifySoftwareToken refuses a wrong code."""
    user = context.user(pools.SMS_OR_TOTP_POOL)
    token, secret_code = _associate(user)
    code = AuthenticatorApp(Secret(secret_code)).wrong_code()
    reply = user.client.api.call("VerifySoftwareToken", AccessToken=token, UserCode=code)
    if reply.body.get("Status") != "ERROR":
        reply.expect_error("a wrong code")


def _mfa_setup(context: RuleContext) -> IssuedChallenge:
    """Sign in a user who must set up a second factor, which leads to MFA_SETUP."""
    challenge = context.new_password_challenge(pools.TOTP_REQUIRED_POOL)
    reply = challenge.answer(NEW_PASSWORD=pools.NEW_PASSWORD)
    if reply.challenge != "MFA_SETUP":  # the rule sign-in.NEW_PASSWORD_REQUIRED.MFA_SETUP reports it
        raise NotSupported(f"MFA_SETUP did not come: {reply.summary}")
    return IssuedChallenge(challenge.user, reply)


code_rule.refused(
    "mfa-setup.needs-a-verified-app", RuleSource.issue("aws-amplify/amplify-js", 6461), CRITICAL,
    "MFA_SETUP without an authenticator app",
    "Cognito refuses an answer to MFA_SETUP before VerifySoftwareToken accepted a code.",
    lambda c: _mfa_setup(c).answer())  # fmt: skip


@code_rule("mfa-setup.is-json", RESPOND)
def _setup_parameters(context: RuleContext) -> None:
    """MFAS_CAN_SETUP is a JSON array in a string, because all ChallengeParameters are strings."""
    methods = _mfa_setup(context).reply.parameters.get("MFAS_CAN_SETUP")
    if not isinstance(methods, str):
        raise RuleFailed("MFAS_CAN_SETUP is not a string")
    fail_if(not isinstance(parse_json(methods), list), "MFAS_CAN_SETUP is not a JSON array")


def _wrong_code(user: PoolUser) -> str:
    """Return a wrong code; if the sent code cannot be read, the returned one is right once in a million cases."""
    code, other = "000000", "999999"
    return other if user.client.pool.inbox and user.code().reveal() == code else code


def _sms_challenge(context: RuleContext) -> IssuedChallenge:
    return context.user(pools.SMS_OR_TOTP_POOL, pools.SMS_USER).challenge("SMS_MFA")


_AMPLIFY_SIGN_IN: Final = RuleSource(
    "amplify-js, signInHelpers; amplify-swift and amplify-android do the same",
    "https://github.com/aws-amplify/amplify-js/blob/main/packages/auth/src/providers/cognito/utils/signInHelpers.ts",
    Confidence.CLIENT,
)
code_rule.refused("sms.wrong", RESPOND, CRITICAL, "a wrong code",
    "Cognito refuses a wrong code for SMS_MFA.",
    lambda c: (sent := _sms_challenge(c)).answer(SMS_MFA_CODE=_wrong_code(sent.user)))  # fmt: skip


@code_rule("sms.says-where", _AMPLIFY_SIGN_IN, MINOR)
def _delivery(context: RuleContext) -> None:
    """SMS_MFA names the delivery medium, and the destination in masked form."""
    parameters = _sms_challenge(context).reply.parameters
    is_sms = parameters.get("CODE_DELIVERY_DELIVERY_MEDIUM") == "SMS"
    fail_if(not is_sms, "CODE_DELIVERY_DELIVERY_MEDIUM is not SMS")
    destination = parameters.get("CODE_DELIVERY_DESTINATION")
    is_masked = isinstance(destination, str) and "*" in destination
    fail_if(not is_masked, "CODE_DELIVERY_DESTINATION is not a masked number")


def _confirm(user: PoolUser, operation: str, code: str | None = None, **more: str) -> ApiReply:
    """Call an operation with a code, by default a wrong one."""
    members = {"Username": user.username, "ConfirmationCode": code or _wrong_code(user), **more}
    return user.client.call_with_client_id(operation, **members)


code_rule.refused("sign-up.wrong-code", _CONFIRM_SIGN_UP, CRITICAL, "a wrong code",
    "ConfirmSignUp refuses a wrong code.", lambda c: _confirm(c.signed_up_user(), "ConfirmSignUp"))  # fmt: skip


@code_rule("sign-up.right-code", _CONFIRM_SIGN_UP)
def _right_sign_up_code(context: RuleContext) -> None:
    """ConfirmSignUp with the code that was sent confirms the user, who can then sign in."""
    user = context.signed_up_user()
    user.sign_in().expect_error("an unconfirmed user", "UserNotConfirmedException")
    _confirm(user, "ConfirmSignUp", user.code().reveal()).expect_success()
    user.sign_in().expect_tokens()


def _forgot_password(context: RuleContext) -> PoolUser:
    user = context.user()
    user.client.pool.require(pools.RECOVERY)
    user.client.call_with_client_id("ForgotPassword", Username=user.username).expect_success()
    return user


def _reset_password(user: PoolUser, code: str | None = None) -> ApiReply:
    return _confirm(user, "ConfirmForgotPassword", code, Password=pools.NEW_PASSWORD)


code_rule.refused("forgot-password.wrong-code", _CONFIRM_FORGOT, CRITICAL, "a wrong code",
    "ConfirmForgotPassword refuses a wrong code.", lambda c: _reset_password(_forgot_password(c)))  # fmt: skip


@code_rule("forgot-password.right-code", _CONFIRM_FORGOT)
def _right_reset_code(context: RuleContext) -> None:
    """ConfirmForgotPassword with the code that was sent sets the new password."""
    user = _forgot_password(context)
    _reset_password(user, user.code().reveal()).expect_success()
    user.sign_in().expect_error("the old password")
    user.sign_in(pools.NEW_PASSWORD).expect_tokens()


def _srp_tokens(user: PoolUser) -> tuple[ApiReply, dict[str, Any]]:
    """Sign in by SRP, and return the reply and its NewDeviceMetadata."""
    reply = user.begin_srp().prove().expect_success()
    metadata = reply.tokens.get("NewDeviceMetadata")
    if not isinstance(metadata, dict) or not metadata.get("DeviceKey"):
        raise NotSupported("tokens came without NewDeviceMetadata")
    return reply, metadata


def _user_with_device(context: RuleContext) -> tuple[PoolUser, ApiReply, str]:
    """Sign in a user, confirm the new device, and return the user, the tokens and the device's key."""
    user = context.user(pools.DEVICE_POOL)
    reply, metadata = _srp_tokens(user)
    group, key = metadata["DeviceGroupKey"], metadata["DeviceKey"]
    config = srp.device_verifier(group, key, pools.PASSWORD, secrets.token_bytes(16))
    verifier = {"PasswordVerifier": config.password_verifier, "Salt": config.salt}
    device = {"DeviceKey": key, "DeviceSecretVerifierConfig": verifier}
    token = reply.tokens.get("AccessToken")
    user.client.api.call("ConfirmDevice", AccessToken=token, **device).expect_success()
    return user, reply, key


@device_rule("device.metadata", DEVICES_PAGE)
def _new_device(context: RuleContext) -> None:
    """In a pool that remembers devices, a sign-in without DEVICE_KEY returns NewDeviceMetadata."""
    _, metadata = _srp_tokens(context.user(pools.DEVICE_POOL))
    fail_if(not metadata.get("DeviceGroupKey"), "NewDeviceMetadata has no DeviceGroupKey")


@device_rule("device.verifies-proof", RESPOND, CRITICAL)
def _no_device_proof(context: RuleContext) -> None:
    """Cognito refuses an answer to DEVICE_PASSWORD_VERIFIER whose signature is not a proof of the device password."""
    user, _, key = _user_with_device(context)
    reply = user.begin_srp().prove(DEVICE_KEY=key).expect_success()
    reply.expect_challenge("DEVICE_SRP_AUTH")
    public_key = srp.ephemeral(secrets.token_bytes(32)).SRP_A
    verifier = IssuedChallenge(user, reply).answer(SRP_A=public_key, DEVICE_KEY=key)
    verifier.expect_challenge("DEVICE_PASSWORD_VERIFIER")
    IssuedChallenge(user, verifier).answer(
        DEVICE_KEY=key,
        PASSWORD_CLAIM_SIGNATURE=NO_PROOF,
        PASSWORD_CLAIM_SECRET_BLOCK=str(verifier.parameters.get("SECRET_BLOCK")),
        TIMESTAMP=srp.timestamp(utc_now()),
    ).expect_error("a signature of 32 zero bytes")


@device_rule("device.refresh-needs-key", RuleSource.issue("aws-amplify/amplify-js", 2962))
def _refresh_without_device_key(context: RuleContext) -> None:
    """Cognito refuses the refresh token of a sign-in on a remembered device if the request has no DEVICE_KEY."""
    user, reply, key = _user_with_device(context)
    token = {"REFRESH_TOKEN": str(reply.tokens.get("RefreshToken"))}
    initiate = user.client.initiate
    initiate("REFRESH_TOKEN_AUTH", **token, DEVICE_KEY=key).expect_success()
    initiate("REFRESH_TOKEN_AUTH", **token).expect_error("a refresh without DEVICE_KEY")


_AMPLIFY_DEVICES: Final = RuleSource(
    "amplify-js, retryOnResourceNotFoundException; amplify-swift does the same",
    "https://github.com/aws-amplify/amplify-js/tree/main/packages/auth/src/providers/cognito/utils",
    Confidence.CLIENT,
)


@device_rule("device.stale-key", _AMPLIFY_DEVICES, MINOR)
def _unknown_device_key(context: RuleContext) -> None:
    """Cognito replies with ResourceNotFoundException for an unknown DEVICE_KEY."""
    user = context.user(pools.DEVICE_POOL)
    _srp_tokens(user)
    reply = user.begin_srp().prove(DEVICE_KEY="us-east-1_00000000-0000-4000-8000-000000000000")
    reply.expect_error("an unknown DEVICE_KEY", "ResourceNotFoundException")
