"""Rules about errors and replies: the codes and messages that clients depend on, and the shape of replies."""

from __future__ import annotations

from typing import Final

from authfsm.conformance.api_client import ApiReply
from authfsm.conformance.pool_client import NEW_PASSWORD, WRONG_PASSWORD
from authfsm.conformance.pools import TEMPORARY_USER
from authfsm.conformance.rule import (
    INITIATE,
    MINISTACK,
    RESPOND,
    RuleCollector,
    RuleGroup,
    RuleSource,
    Trial,
    guide,
    issue,
    reference,
)
from authfsm.conformance.rules.codes import answer_wrong_totp
from authfsm.conformance.rules.sessions import SESSION_ISSUE
from authfsm.conformance.rules.settings import client_without
from authfsm.conformance.verdicts import RuleFailed, RuleSeverity, Skipped
from authfsm.protocol import links

rule: Final = RuleCollector(RuleGroup.ERRORS)
ERRORS: Final = rule.rules

CRITICAL, MINOR = RuleSeverity.CRITICAL, RuleSeverity.MINOR
_BAD_REQUEST: Final = 400
_WRONG_PASSWORD_MESSAGE: Final = "Incorrect username or password."  # noqa: S105 - Cognito's message

# ---- errors --------------------------------------------------------------------------------------------


def _wrong_password_reply(trial: Trial) -> ApiReply:
    client, user = trial.client_and_user()
    client.tokens(user)
    return client.sign_in(user, WRONG_PASSWORD)


@rule("error.shape", issue("aws/aws-sdk-cpp", 1789))
def _shape(trial: Trial) -> None:
    """An error has the HTTP status 400, and the members __type and message."""
    reply = _wrong_password_reply(trial).expect_error("a wrong password")
    if reply.status != _BAD_REQUEST:
        raise RuleFailed(f"the error has the HTTP status {reply.status}")
    if "__type" not in reply.body or not reply.message:
        raise RuleFailed("__type or message is missing")


@rule("error.wrong-password", MINISTACK)
def _wrong_password(trial: Trial) -> None:
    """Cognito refuses a wrong password with NotAuthorizedException "Incorrect username or password."."""
    reply = _wrong_password_reply(trial)
    reply.expect_error("a wrong password", "NotAuthorizedException")
    if reply.message != _WRONG_PASSWORD_MESSAGE:
        raise RuleFailed(f'the message is not "{_WRONG_PASSWORD_MESSAGE}"')


@rule("error.wrong-password-by-administrator", reference("AdminInitiateAuth"))
def _wrong_password_as_admin(trial: Trial) -> None:
    """Cognito refuses a wrong password in ADMIN_USER_PASSWORD_AUTH with NotAuthorizedException."""
    client, user = trial.client_and_user()
    client.sign_in_as_admin(user).expect_tokens()
    reply = client.sign_in_as_admin(user, WRONG_PASSWORD)
    reply.expect_error("a wrong password", "NotAuthorizedException")


@rule("error.wrong-code", RESPOND)
def _wrong_code(trial: Trial) -> None:
    """Cognito refuses a wrong code with CodeMismatchException."""
    answer_wrong_totp(trial).expect_error("a wrong code", "CodeMismatchException")


@rule("error.used-session", SESSION_ISSUE)
def _used_session(trial: Trial) -> None:
    """Cognito refuses a used Session with NotAuthorizedException."""
    client, user = trial.client_and_user(user=TEMPORARY_USER)
    challenge = client.sign_in(user).expect_challenge("NEW_PASSWORD_REQUIRED")
    client.answer(challenge, user, NEW_PASSWORD=NEW_PASSWORD).expect_success()
    reply = client.answer(challenge, user, NEW_PASSWORD=NEW_PASSWORD)
    if reply.code is None:
        raise Skipped("session.once fails, so there is no error to check")
    reply.expect_error("a Session that already led to tokens", "NotAuthorizedException")


@rule("error.flow-not-enabled", issue("floci-io/floci", 3974))
def _flow_not_allowed(trial: Trial) -> None:
    """Cognito refuses a flow that the app client does not allow with InvalidParameterException."""
    client = client_without(trial, "USER_PASSWORD_AUTH")
    reply = client.sign_in(trial.user(client))
    if reply.code is None:
        raise Skipped("flows.USER_PASSWORD_AUTH fails, so there is no error to check")
    reply.expect_error("a flow that is not allowed", "InvalidParameterException")


@rule("error.unknown-client", INITIATE)
def _unknown_client(trial: Trial) -> None:
    """Cognito refuses an unknown app client with ResourceNotFoundException."""
    client, user = trial.client_and_user()
    client.tokens(user)
    reply = client.call(
        "InitiateAuth",
        ClientId="1234567890abcdefghijklmnop",
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": user.username, "PASSWORD": WRONG_PASSWORD},
    )
    reply.expect_error("an unknown app client", "ResourceNotFoundException")


@rule("error.unconfirmed", MINISTACK)
def _unconfirmed(trial: Trial) -> None:
    """Cognito refuses a user who signed up and is not confirmed with UserNotConfirmedException."""
    client = trial.client()
    reply = client.sign_in(trial.signed_up_user(client))
    reply.expect_error("an unconfirmed user", "UserNotConfirmedException")


def _sign_in_after(trial: Trial, operation: str) -> ApiReply:
    """Sign in a user after an administrator's operation on that user."""
    client, user = trial.client_and_user()
    client.tokens(user)
    client.call_with_pool_id(operation, Username=user.username).expect_success()
    return client.sign_in(user)


@rule("error.disabled", reference("AdminDisableUser"), CRITICAL)
def _disabled(trial: Trial) -> None:
    """Cognito refuses a disabled user with NotAuthorizedException."""
    reply = _sign_in_after(trial, "AdminDisableUser")
    reply.expect_error("a disabled user", "NotAuthorizedException")


@rule("error.reset-required", reference("AdminResetUserPassword"), CRITICAL)
def _reset_required(trial: Trial) -> None:
    """After AdminResetUserPassword, Cognito refuses the password with PasswordResetRequiredException."""
    reply = _sign_in_after(trial, "AdminResetUserPassword")
    reply.expect_error("the password after its reset", "PasswordResetRequiredException")


# ---- the shape of replies ------------------------------------------------------------------------------


@rule("reply.unknown-flow", INITIATE, CRITICAL)
def _unknown_flow(trial: Trial) -> None:
    """Cognito refuses an unknown AuthFlow."""
    client, user = trial.client_and_user()
    client.tokens(user)
    reply = client.initiate("TOMORROWS_AUTH", USERNAME=user.username)
    if reply.code is None:  # any error is right, including that the flow is not supported
        reply.expect_error("an unknown flow")


def _expect_challenge_tokens_or_error(reply: ApiReply, request: str) -> None:
    if reply.code is None and reply.challenge is None and not reply.tokens:
        raise RuleFailed(f"{request} was answered with {reply.summary}")


@rule("reply.one-of-three", INITIATE)
def _initiate_reply(trial: Trial) -> None:
    """InitiateAuth replies with a challenge, tokens or an error, even to CUSTOM_AUTH in a pool without triggers."""
    client, user = trial.client_and_user()
    client.tokens(user)
    for flow in ("CUSTOM_AUTH", "USER_AUTH"):
        _expect_challenge_tokens_or_error(client.initiate(flow, USERNAME=user.username), flow)


@rule("reply.unknown-challenge", issue("aws-amplify/amplify-js", 9734))
def _respond_reply(trial: Trial) -> None:
    """RespondToAuthChallenge replies with a challenge, tokens or an error, even to the name of another challenge."""
    client, user = trial.client_and_user(user=TEMPORARY_USER)
    session = client.sign_in(user).expect_challenge("NEW_PASSWORD_REQUIRED").session
    reply = client.respond("EMAIL_OTP", session, user, EMAIL_OTP_CODE="12345678")
    _expect_challenge_tokens_or_error(reply, "EMAIL_OTP with the Session of another challenge")


@rule("reply.tokens-alone", guide(links.AUTHENTICATION_FLOWS, "Authentication flows"), MINOR)
def _tokens_without_challenge(trial: Trial) -> None:
    """A reply with tokens has no ChallengeName."""
    client, user = trial.client_and_user()
    reply = client.sign_in(user).expect_tokens()
    if reply.challenge is not None:
        raise RuleFailed(f"tokens came with {reply.challenge}")


@rule(
    "reply.new-password-parameters",
    RuleSource("AWS CLI reference, admin-initiate-auth", links.CLI_ADMIN_INITIATE_AUTH),
    MINOR,
)
def _new_password_parameters(trial: Trial) -> None:
    """NEW_PASSWORD_REQUIRED has userAttributes and requiredAttributes, both JSON in strings."""
    client, user = trial.client_and_user(user=TEMPORARY_USER)
    parameters = client.sign_in(user).expect_challenge("NEW_PASSWORD_REQUIRED").parameters
    for name in ("userAttributes", "requiredAttributes"):
        if not isinstance(parameters.get(name), str):
            raise RuleFailed(f"{name} is missing, or not a string")
