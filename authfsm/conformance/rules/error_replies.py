"""Rules about errors and the shape of replies, and about what replies tell of unknown users."""

from __future__ import annotations

from typing import Final

from authfsm.conformance import pools
from authfsm.conformance.pool_client import PoolUser
from authfsm.conformance.rule import (
    CRITICAL,
    INITIATE,
    MINISTACK,
    MINOR,
    RESPOND,
    RuleCollector,
    RuleSource,
    Trial,
)
from authfsm.conformance.rules.one_time_codes import answer_wrong_totp
from authfsm.conformance.rules.request_checks import SESSION_ISSUE, client_without
from authfsm.conformance.verdicts import ApiReply, RuleFailed, Skipped
from authfsm.protocol import links

rule: Final = RuleCollector("Errors and replies")
existence_rule: Final = RuleCollector("Unknown users")

_EXISTENCE: Final = RuleSource.guide(
    links.USER_EXISTENCE_ERRORS, "Managing user existence error responses"
)
_LEGACY: Final = pools.ClientRequirements(pools.FLOWS_BUT_USER_AUTH, existence="LEGACY")
_BAD_REQUEST: Final = 400
_WRONG_PASSWORD_MESSAGE: Final = "Incorrect username or password."  # noqa: S105 - Cognito's message


@rule("error.shape", RuleSource.issue("aws/aws-sdk-cpp", 1789))
def _shape(trial: Trial) -> None:
    """An error has the HTTP status 400, and the members __type and message."""
    reply = trial.checked_user().sign_in(pools.WRONG_PASSWORD)
    reply.expect_error("a wrong password")
    if reply.status != _BAD_REQUEST:
        raise RuleFailed(f"the error has the HTTP status {reply.status}")
    if "__type" not in reply.body or not reply.message:
        raise RuleFailed("__type or message is missing")


@rule("error.wrong-password", MINISTACK)
def _wrong_password(trial: Trial) -> None:
    """Cognito refuses a wrong password with NotAuthorizedException "Incorrect username or password."."""
    reply = trial.checked_user().sign_in(pools.WRONG_PASSWORD)
    reply.expect_error("a wrong password", "NotAuthorizedException")
    if reply.message != _WRONG_PASSWORD_MESSAGE:
        raise RuleFailed(f'the message is not "{_WRONG_PASSWORD_MESSAGE}"')


@rule("error.wrong-password-by-administrator", RuleSource.reference("AdminInitiateAuth"))
def _wrong_password_as_admin(trial: Trial) -> None:
    """Cognito refuses a wrong password in ADMIN_USER_PASSWORD_AUTH with NotAuthorizedException."""
    user = trial.user()
    user.sign_in_as_admin().expect_tokens()
    reply = user.sign_in_as_admin(pools.WRONG_PASSWORD)
    reply.expect_error("a wrong password", "NotAuthorizedException")


@rule("error.wrong-code", RESPOND)
def _wrong_code(trial: Trial) -> None:
    """Cognito refuses a wrong code with CodeMismatchException."""
    answer_wrong_totp(trial).expect_error("a wrong code", "CodeMismatchException")


@rule("error.used-session", SESSION_ISSUE)
def _used_session(trial: Trial) -> None:
    """Cognito refuses a used Session with NotAuthorizedException."""
    challenge = trial.new_password_challenge()
    challenge.answer(NEW_PASSWORD=pools.NEW_PASSWORD).expect_success()
    reply = challenge.answer(NEW_PASSWORD=pools.NEW_PASSWORD)
    if reply.code is None:
        raise Skipped("session.once fails, so there is no error to check")
    reply.expect_error("a Session that already led to tokens", "NotAuthorizedException")


@rule("error.flow-not-enabled", RuleSource.issue("floci-io/floci", 3974))
def _flow_not_allowed(trial: Trial) -> None:
    """Cognito refuses a flow that the app client does not allow with InvalidParameterException."""
    user = trial.user(client=client_without("USER_PASSWORD_AUTH"))
    reply = user.sign_in()
    if reply.code is None:
        raise Skipped("flows.USER_PASSWORD_AUTH fails, so there is no error to check")
    reply.expect_error("a flow that is not allowed", "InvalidParameterException")


@rule("error.unknown-client", INITIATE)
def _unknown_client(trial: Trial) -> None:
    """Cognito refuses an unknown app client with ResourceNotFoundException."""
    user = trial.checked_user()
    reply = user.client.call(
        "InitiateAuth",
        ClientId="1234567890abcdefghijklmnop",
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": user.username, "PASSWORD": pools.WRONG_PASSWORD},
    )
    reply.expect_error("an unknown app client", "ResourceNotFoundException")


@rule("error.unconfirmed", MINISTACK)
def _unconfirmed(trial: Trial) -> None:
    """Cognito refuses a user who signed up and is not confirmed with UserNotConfirmedException."""
    reply = trial.signed_up_user().sign_in()
    reply.expect_error("an unconfirmed user", "UserNotConfirmedException")


def _sign_in_after(trial: Trial, operation: str) -> ApiReply:
    """Sign in a user after an administrator's operation on that user."""
    user = trial.checked_user()
    user.client.call_with_pool_id(operation, Username=user.username).expect_success()
    return user.sign_in()


@rule("error.disabled", RuleSource.reference("AdminDisableUser"), CRITICAL)
def _disabled(trial: Trial) -> None:
    """Cognito refuses a disabled user with NotAuthorizedException."""
    reply = _sign_in_after(trial, "AdminDisableUser")
    reply.expect_error("a disabled user", "NotAuthorizedException")


@rule("error.reset-required", RuleSource.reference("AdminResetUserPassword"), CRITICAL)
def _reset_required(trial: Trial) -> None:
    """After AdminResetUserPassword, Cognito refuses the password with PasswordResetRequiredException."""
    reply = _sign_in_after(trial, "AdminResetUserPassword")
    reply.expect_error("the password after its reset", "PasswordResetRequiredException")


@rule("reply.unknown-flow", INITIATE, CRITICAL)
def _unknown_flow(trial: Trial) -> None:
    """Cognito refuses an unknown AuthFlow."""
    user = trial.checked_user()
    reply = user.client.initiate("TOMORROWS_AUTH", USERNAME=user.username)
    if reply.code is None:  # any error is right, including that the flow is not supported
        reply.expect_error("an unknown flow")


def _expect_challenge_tokens_or_error(reply: ApiReply, request: str) -> None:
    if reply.code is None and reply.challenge is None and not reply.tokens:
        raise RuleFailed(f"{request} was answered with {reply.summary}")


@rule("reply.one-of-three", INITIATE)
def _initiate_reply(trial: Trial) -> None:
    """InitiateAuth replies with a challenge, tokens or an error, even to CUSTOM_AUTH in a pool without triggers."""
    user = trial.checked_user()
    for flow in ("CUSTOM_AUTH", "USER_AUTH"):
        reply = user.client.initiate(flow, USERNAME=user.username)
        _expect_challenge_tokens_or_error(reply, flow)


@rule("reply.unknown-challenge", RuleSource.issue("aws-amplify/amplify-js", 9734))
def _respond_reply(trial: Trial) -> None:
    """RespondToAuthChallenge replies with a challenge, tokens or an error, even to the name of another challenge."""
    challenge = trial.new_password_challenge()
    session = challenge.reply.session
    reply = challenge.user.respond("EMAIL_OTP", session, EMAIL_OTP_CODE="12345678")
    _expect_challenge_tokens_or_error(reply, "EMAIL_OTP with the Session of another challenge")


@rule(
    "reply.tokens-alone",
    RuleSource.guide(links.AUTHENTICATION_FLOWS, "Authentication flows"),
    MINOR,
)
def _tokens_without_challenge(trial: Trial) -> None:
    """A reply with tokens has no ChallengeName."""
    reply = trial.user().sign_in().expect_tokens()
    if reply.challenge is not None:
        raise RuleFailed(f"tokens came with {reply.challenge}")


@rule(
    "reply.new-password-parameters",
    RuleSource("AWS CLI reference, admin-initiate-auth", links.CLI_ADMIN_INITIATE_AUTH),
    MINOR,
)
def _new_password_parameters(trial: Trial) -> None:
    """NEW_PASSWORD_REQUIRED has userAttributes and requiredAttributes, both JSON in strings."""
    parameters = trial.new_password_challenge().reply.parameters
    for name in ("userAttributes", "requiredAttributes"):
        if not isinstance(parameters.get(name), str):
            raise RuleFailed(f"{name} is missing, or not a string")


def _nobody(trial: Trial, user: PoolUser) -> PoolUser:
    """Return a user who does not exist, at the app client of one who does."""
    return PoolUser(user.client, trial.username("nobody"), user.password)


@existence_rule("existence.password", _EXISTENCE)
def _unknown_in_password_flow(trial: Trial) -> None:
    """With PreventUserExistenceErrors ENABLED, USER_PASSWORD_AUTH gives the same error for an unknown user as for
    a wrong password.
    """
    user = trial.checked_user()
    errors = set[tuple[str | None, str]]()
    for each in (user, _nobody(trial, user)):
        reply = each.sign_in(pools.WRONG_PASSWORD)
        reply.expect_error("a wrong password")
        errors.add((reply.code, reply.message))
    if len(errors) != 1:
        raise RuleFailed("the errors for an unknown user and for a wrong password differ")


@existence_rule("existence.srp", _EXISTENCE)
def _unknown_in_srp(trial: Trial) -> None:
    """With PreventUserExistenceErrors ENABLED, USER_SRP_AUTH for an unknown user leads to PASSWORD_VERIFIER with the
    same SALT each time, or to NotAuthorizedException.
    """
    user = trial.user()
    user.begin_srp()
    # The summary of AWS's page says error, its body says challenge: both are accepted.
    salts: set[str] = set()
    for _ in range(2):
        reply = _nobody(trial, user).initiate_srp("2")
        salt = reply.parameters.get("SALT")
        is_error = reply.code == "NotAuthorizedException" and bool(reply.body)
        if not is_error and (reply.code is not None or not salt):
            raise RuleFailed(f"an unknown user was answered with {reply.summary}")
        salts.add(str(salt))
    if len(salts) != 1:
        raise RuleFailed("the second sign-in of an unknown user has another SALT")


@existence_rule("existence.forgot-password", _EXISTENCE)
def _unknown_in_forgot_password(trial: Trial) -> None:
    """With PreventUserExistenceErrors ENABLED, ForgotPassword for an unknown user replies as if a code was sent."""
    user = trial.user()
    call = user.client.call_with_client_id
    reply = call("ForgotPassword", Username=user.username).expect_success()
    if not reply.body.get("CodeDeliveryDetails"):
        raise RuleFailed(f"ForgotPassword was answered with {reply.summary}")
    reply = call("ForgotPassword", Username=trial.username("nobody"))
    if not reply.body.get("CodeDeliveryDetails"):
        raise RuleFailed(f"an unknown user was answered with {reply.summary}")


@existence_rule("existence.legacy", _EXISTENCE)
def _legacy(trial: Trial) -> None:
    """With PreventUserExistenceErrors LEGACY, Cognito refuses an unknown user with UserNotFoundException."""
    reply = _nobody(trial, trial.checked_user(_LEGACY)).sign_in(pools.WRONG_PASSWORD)
    reply.expect_error("an unknown user", "UserNotFoundException")
