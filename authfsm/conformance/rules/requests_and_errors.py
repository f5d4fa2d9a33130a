"""Rules about requests: their Session, AuthFlow and SECRET_HASH, errors and replies, and requests for unknown users."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import evolve

from authfsm.conformance import pools
from authfsm.conformance.pool_client import PoolUser
from authfsm.conformance.rule import (
    ADMIN_INITIATE,
    CRITICAL,
    FLOWS_PAGE,
    INITIATE,
    MAJOR,
    MINISTACK,
    MINOR,
    RESPOND,
    RuleCollector,
    RuleContext,
    RuleSource,
)
from authfsm.conformance.rules import proofs
from authfsm.conformance.verdicts import ApiReply, NotSupported, RuleFailed, Skipped, fail_if
from authfsm.protocol import links
from authfsm.protocol.evidence import Confidence

session_rule: Final = RuleCollector("Sessions")
client_rule: Final = RuleCollector("Settings of the app client")
existence_rule: Final = RuleCollector("Unknown users")
rule: Final = RuleCollector("Errors and replies")

_SESSION_ISSUE: Final = RuleSource.issue("aws-amplify/amplify-js", 13123)
_CHALLENGE_ISSUE: Final = RuleSource.issue("aws-amplify/amplify-js", 9734)
_SECRET_HASH: Final = RuleSource.guide("signing-up-users-in-your-app", "Signing up and confirming user accounts")
_EXISTENCE: Final = RuleSource.guide(links.USER_EXISTENCE_ERRORS, "Managing user existence error responses")
_CLI_PAGE: Final = RuleSource("AWS CLI reference, admin-initiate-auth", links.CLI_ADMIN_INITIATE_AUTH)

_LEGACY: Final = pools.ClientRequirements(pools.FLOWS_WITHOUT_USER_AUTH, existence="LEGACY")
_UNISSUED_SESSION: Final = "this-session-was-never-issued-by-anybody-0000000000000000"
_BAD_REQUEST: Final = 400
_WRONG_PASSWORD_MESSAGE: Final = "Incorrect username or password."  # noqa: S105 - Cognito's message


def _set_password(user: PoolUser, session: str | None) -> ApiReply:
    return user.respond("NEW_PASSWORD_REQUIRED", session, NEW_PASSWORD=pools.NEW_PASSWORD)


def _use_session_twice(context: RuleContext) -> ApiReply:
    challenge = context.new_password_challenge()
    challenge.answer(NEW_PASSWORD=pools.NEW_PASSWORD).expect_tokens()
    return challenge.answer(NEW_PASSWORD="Third-Horse-3")  # noqa: S106 - of a user for this rule


def _answer_as_other_user(context: RuleContext) -> ApiReply:
    challenge = context.new_password_challenge()
    eve = context.user(user=pools.TEMPORARY_USER, label="eve")
    return challenge.answer(eve, NEW_PASSWORD=pools.NEW_PASSWORD)


def _answer_at_other_client(context: RuleContext) -> ApiReply:
    challenge = context.new_password_challenge()
    user = evolve(challenge.user, client=context.client(client=pools.OTHER_CLIENT))
    return challenge.answer(user, NEW_PASSWORD=pools.NEW_PASSWORD)


def _send_secret_block(context: RuleContext) -> ApiReply:
    challenge = context.user().begin_srp()
    block = challenge.reply.parameters.get("SECRET_BLOCK")
    if not isinstance(block, str):
        raise RuleFailed("PASSWORD_VERIFIER came without SECRET_BLOCK")
    return _set_password(challenge.user, block)


session_rule.refused("session.made-up", RESPOND, CRITICAL, "a made-up Session",
    "Cognito refuses to set a password with a Session that it never issued.",
    lambda c: _set_password(c.new_password_challenge().user, _UNISSUED_SESSION))  # fmt: skip
session_rule.refused(
    "session.made-up-for-a-code", RESPOND, CRITICAL, "SMS_MFA with a made-up Session and no code",
    "Cognito refuses an answer to SMS_MFA that has no code and has a Session that Cognito never issued.",
    lambda c: c.user_with_working_password().respond("SMS_MFA", _UNISSUED_SESSION))  # fmt: skip
session_rule.refused("session.once", _SESSION_ISSUE, CRITICAL, "a Session that already led to tokens",
    "Cognito refuses a Session that already led to tokens.", _use_session_twice)  # fmt: skip
session_rule.refused("session.binds-user", _SESSION_ISSUE, CRITICAL, "ada's Session in the name of eve",
    "Cognito refuses one user's Session in the name of another user.", _answer_as_other_user)  # fmt: skip
session_rule.refused(
    "session.binds-client", RuleSource.reference("RespondToAuthChallenge", Confidence.INFERRED), MAJOR,
    "a Session of another app client",
    "Cognito refuses a Session of another app client.", _answer_at_other_client)  # fmt: skip
session_rule.refused("session.binds-challenge", _CHALLENGE_ISSUE, CRITICAL,
    "MFA_SETUP with the Session of NEW_PASSWORD_REQUIRED",
    "Cognito refuses an answer to MFA_SETUP with the Session of NEW_PASSWORD_REQUIRED.",
    lambda c: (issued := c.new_password_challenge()).user.respond("MFA_SETUP", issued.reply.session))  # fmt: skip
session_rule.refused("session.secret-block", RESPOND, CRITICAL, "SECRET_BLOCK in place of a Session",
    "Cognito refuses a SECRET_BLOCK in place of a Session.", _send_secret_block)  # fmt: skip


@session_rule("session.rotates", RESPOND, MINOR)
def _new_session(context: RuleContext) -> None:
    """The challenge after NEW_PASSWORD_REQUIRED has a new Session."""
    first = context.new_password_challenge(pools.TOTP_REQUIRED_POOL)
    second = first.answer(NEW_PASSWORD=pools.NEW_PASSWORD)
    if second.code is not None or second.challenge is None:
        raise NotSupported(f"no second challenge came: {second.summary}")
    how = "without a Session" if second.session is None else "with the Session of NEW_PASSWORD_REQUIRED"
    fail_if(second.session in {None, first.reply.session}, f"{second.challenge} came {how}")


session_rule.refused(
    "session.missing", RuleSource.issue("aws-amplify/amplify-js", 758), MINOR, "an answer without a Session",
    "Cognito replies with InvalidParameterException for an answer to NEW_PASSWORD_REQUIRED without a Session.",
    lambda c: _set_password(c.new_password_challenge().user, None), "InvalidParameterException")  # fmt: skip


session_rule.add("session.none-after-srp", MINISTACK, MINOR, "The reply to USER_SRP_AUTH has no Session.",
    lambda c: fail_if(c.user().begin_srp().reply.session is not None,
        "PASSWORD_VERIFIER came with a Session"))  # fmt: skip


@session_rule("session.survives-wrong-code", RuleSource.issue("aws-amplify/amplify-swift", 2615))
def _after_wrong_code(context: RuleContext) -> None:
    """After CodeMismatchException, Cognito accepts the right code with the same Session."""
    challenge = context.totp_challenge()
    challenge.answer(SOFTWARE_TOKEN_MFA_CODE=challenge.user.app.wrong_code()).expect_error("a wrong code")
    challenge.answer(SOFTWARE_TOKEN_MFA_CODE=challenge.user.app.code()).expect_tokens()


def _client_without(flow: str) -> pools.ClientRequirements:
    """Return the settings of an app client whose ExplicitAuthFlows do not allow a flow."""
    flows = tuple(each for each in pools.FLOWS_WITHOUT_USER_AUTH if each != f"ALLOW_{flow}")
    return pools.ClientRequirements(flows=flows)


def _add_forbidden_flow(
    flow: str, create: Callable[[RuleContext], PoolUser], sign_in: Callable[[PoolUser], ApiReply]
) -> None:
    """Add the rule that a flow is refused at an app client that does not allow it. The user can use it elsewhere."""

    def send(context: RuleContext) -> ApiReply:
        return sign_in(evolve(create(context), client=context.client(client=_client_without(flow))))

    statement = f"Cognito refuses {flow} if the app client's ExplicitAuthFlows do not allow it."
    source, attempt = RuleSource.reference("CreateUserPoolClient"), "a flow that is not allowed"
    client_rule.refused(f"flows.{flow}", source, CRITICAL, attempt, statement, send)


_add_forbidden_flow("USER_PASSWORD_AUTH", RuleContext.user_with_working_password, PoolUser.sign_in)
_add_forbidden_flow("USER_SRP_AUTH", RuleContext.srp_user, lambda user: user.initiate_srp("2"))
_add_forbidden_flow("ADMIN_USER_PASSWORD_AUTH", RuleContext.admin_user, PoolUser.sign_in_as_admin)


@client_rule("flows.administrators-only", INITIATE, CRITICAL)
def _admin_flow_in_public(context: RuleContext) -> None:
    """InitiateAuth refuses ADMIN_USER_PASSWORD_AUTH, which is for AdminInitiateAuth."""
    user = context.admin_user()
    password = {"USERNAME": user.username, "PASSWORD": pools.PASSWORD}
    reply = user.client.initiate("ADMIN_USER_PASSWORD_AUTH", **password)
    if reply.code is None:
        reply.expect_error("a flow for administrators")


client_rule.refused("secret-hash.missing", _SECRET_HASH, CRITICAL, "a request without SECRET_HASH",
    "Cognito refuses USER_PASSWORD_AUTH without SECRET_HASH if the app client has a secret.",
    lambda c: c.user_with_working_password(pools.CONFIDENTIAL_CLIENT).sign_in(SECRET_HASH=""))  # fmt: skip
client_rule.refused("secret-hash.wrong", _SECRET_HASH, CRITICAL, "a wrong SECRET_HASH",
    "Cognito refuses USER_PASSWORD_AUTH with a wrong SECRET_HASH if the app client has a secret.",
    lambda c: c.user_with_working_password(pools.CONFIDENTIAL_CLIENT).sign_in(SECRET_HASH=proofs.NO_PROOF))  # fmt: skip
client_rule.refused("secret-hash.srp", _SECRET_HASH, MAJOR, "a request without SECRET_HASH",
    "Cognito refuses USER_SRP_AUTH without SECRET_HASH if the app client has a secret.",
    lambda c: c.srp_user(pools.CONFIDENTIAL_CLIENT).initiate_srp("2", SECRET_HASH=""))  # fmt: skip
client_rule.add("secret-hash.right", _SECRET_HASH, MAJOR,
    "Cognito accepts USER_PASSWORD_AUTH with the right SECRET_HASH if the app client has a secret.",
    lambda c: c.user(client=pools.CONFIDENTIAL_CLIENT).sign_in().expect_tokens())  # fmt: skip


def _nobody(context: RuleContext, user: PoolUser) -> PoolUser:
    """Return a user who does not exist, at the app client of `user`."""
    user.client.pool.require(pools.NO_MIGRATION)
    return PoolUser(user.client, context.username("nobody"), user.password)


@existence_rule("existence.password", _EXISTENCE)
def _unknown_in_password_flow(context: RuleContext) -> None:
    """With PreventUserExistenceErrors ENABLED, USER_PASSWORD_AUTH gives the same error for an unknown user as for
    a wrong password.
    """
    user = context.user_with_working_password()
    errors = set[tuple[str | None, str]]()
    for each in (user, _nobody(context, user)):
        reply = each.sign_in(pools.WRONG_PASSWORD)
        reply.expect_error("a wrong password")
        errors.add((reply.code, reply.message))
    fail_if(len(errors) != 1, "the errors for an unknown user and for a wrong password differ")


@existence_rule("existence.srp", _EXISTENCE)
def _unknown_in_srp(context: RuleContext) -> None:
    """With PreventUserExistenceErrors ENABLED, USER_SRP_AUTH for an unknown user leads to PASSWORD_VERIFIER with the
    same SALT each time, or to NotAuthorizedException.
    """
    nobody = _nobody(context, context.srp_user())
    # AWS's page says in its summary that an error comes, and in its body that a challenge comes: both are accepted.
    salts: set[str] = set()
    for _ in range(2):
        reply = nobody.initiate_srp("2")
        salt = reply.parameters.get("SALT")
        is_error = reply.code == "NotAuthorizedException" and bool(reply.body)
        if not is_error and (reply.code is not None or not salt):
            raise RuleFailed(f"an unknown user was answered with {reply.summary}")
        salts.add(str(salt))
    fail_if(len(salts) != 1, "the second sign-in of an unknown user has another SALT")


@existence_rule("existence.forgot-password", _EXISTENCE)
def _unknown_in_forgot_password(context: RuleContext) -> None:
    """With PreventUserExistenceErrors ENABLED, ForgotPassword for an unknown user replies as if a code was sent."""
    user = context.user()
    user.client.pool.require(pools.RECOVERY)
    nobody, call = _nobody(context, user), user.client.call_with_client_id
    reply = call("ForgotPassword", Username=user.username).expect_success()
    fail_if(not reply.body.get("CodeDeliveryDetails"), f"ForgotPassword was answered with {reply.summary}")
    reply = call("ForgotPassword", Username=nobody.username)
    fail_if(not reply.body.get("CodeDeliveryDetails"), f"an unknown user was answered with {reply.summary}")


existence_rule.refused("existence.legacy", _EXISTENCE, MAJOR, "an unknown user",
    "With PreventUserExistenceErrors LEGACY, Cognito replies with UserNotFoundException for an unknown user.",
    lambda c: _nobody(c, c.user_with_working_password(_LEGACY)).sign_in(pools.WRONG_PASSWORD), "UserNotFoundException")  # fmt: skip


@rule("error.shape", RuleSource.issue("aws/aws-sdk-cpp", 1789))
def _shape(context: RuleContext) -> None:
    """An error has the HTTP status 400, and the members __type and message."""
    reply = proofs.sign_in_with_wrong_password(context)
    reply.expect_error("a wrong password")
    fail_if(reply.status != _BAD_REQUEST, f"the error has the HTTP status {reply.status}")
    fail_if(not (reply.body.get("__type") and reply.body.get("message")), "__type or message is missing")


@rule("error.wrong-password", MINISTACK)
def _wrong_password(context: RuleContext) -> None:
    """Cognito refuses a wrong password with NotAuthorizedException "Incorrect username or password."."""
    reply = proofs.sign_in_with_wrong_password(context)
    reply.expect_error("a wrong password", "NotAuthorizedException")
    fail_if(reply.message != _WRONG_PASSWORD_MESSAGE, f'the message is not "{_WRONG_PASSWORD_MESSAGE}"')


def _error_reply(reply: ApiReply, rule_id: str) -> ApiReply:
    """Return the reply if it is an error; otherwise skip the rule, because the rule `rule_id` reports this failure."""
    if reply.code is None:
        raise Skipped(f"{rule_id} fails, so there is no error to check")
    return reply


def _sign_in_at_unknown_client(context: RuleContext) -> ApiReply:
    user = context.user_with_working_password()
    unknown = evolve(user.client, app_client=pools.ConformanceClient("1234567890abcdefghijklmnop"))
    return evolve(user, client=unknown).sign_in(pools.WRONG_PASSWORD)


def _sign_in_after(context: RuleContext, operation: str) -> ApiReply:
    """Sign in a user after an administrator's operation on that user."""
    user = context.user_with_working_password()
    if operation == "AdminResetUserPassword":
        user.client.pool.require(pools.RECOVERY)
    user.client.call_with_pool_id(operation, Username=user.username).expect_success()
    return user.sign_in()


rule.refused("error.wrong-password-by-administrator", ADMIN_INITIATE, MAJOR, "a wrong password",
    "Cognito replies with NotAuthorizedException for a wrong password in ADMIN_USER_PASSWORD_AUTH.",
    proofs.sign_in_with_wrong_password_as_admin, "NotAuthorizedException")  # fmt: skip
rule.refused("error.wrong-code", RESPOND, MAJOR, "a wrong code",
    "Cognito replies with CodeMismatchException for a wrong code.",
    proofs.answer_wrong_totp, "CodeMismatchException")  # fmt: skip
rule.refused("error.used-session", _SESSION_ISSUE, MAJOR, "a Session that already led to tokens",
    "Cognito replies with NotAuthorizedException for a used Session.",
    lambda c: _error_reply(_use_session_twice(c), "session.once"), "NotAuthorizedException")  # fmt: skip
rule.refused(
    "error.flow-not-enabled", RuleSource.issue("floci-io/floci", 3974), MAJOR, "a flow that is not allowed",
    "Cognito replies with InvalidParameterException for a flow that the app client does not allow.",
    lambda c: _error_reply(c.user(client=_client_without("USER_PASSWORD_AUTH")).sign_in(), "flows.USER_PASSWORD_AUTH"),
    "InvalidParameterException")  # fmt: skip
rule.refused("error.unknown-client", INITIATE, MAJOR, "an unknown app client",
    "Cognito replies with ResourceNotFoundException for an unknown app client.",
    _sign_in_at_unknown_client, "ResourceNotFoundException")  # fmt: skip
rule.refused("error.unconfirmed", MINISTACK, MAJOR, "an unconfirmed user",
    "Cognito replies with UserNotConfirmedException for a user who signed up and is not confirmed.",
    lambda c: c.signed_up_user().sign_in(), "UserNotConfirmedException")  # fmt: skip
rule.refused("error.disabled", RuleSource.reference("AdminDisableUser"), CRITICAL, "a disabled user",
    "Cognito replies with NotAuthorizedException for a disabled user.",
    lambda c: _sign_in_after(c, "AdminDisableUser"), "NotAuthorizedException")  # fmt: skip
rule.refused("error.reset-required", RuleSource.reference("AdminResetUserPassword"), CRITICAL,
    "the old password after AdminResetUserPassword",
    "After AdminResetUserPassword, Cognito replies with PasswordResetRequiredException to the old password.",
    lambda c: _sign_in_after(c, "AdminResetUserPassword"), "PasswordResetRequiredException")  # fmt: skip


@rule("reply.unknown-flow", INITIATE, CRITICAL)
def _unknown_flow(context: RuleContext) -> None:
    """Cognito refuses an unknown AuthFlow."""
    user = context.user_with_working_password()
    reply = user.client.initiate("TOMORROWS_AUTH", USERNAME=user.username)
    if reply.code is None:  # any error passes, also one that says that the flow is not supported
        reply.expect_error("an unknown flow")


def _expect_challenge_tokens_or_error(reply: ApiReply, request: str) -> None:
    empty = reply.code is None and reply.challenge is None and not reply.tokens
    fail_if(empty, f"{request} was answered with {reply.summary}")


@rule("reply.one-of-three", INITIATE)
def _initiate_reply(context: RuleContext) -> None:
    """InitiateAuth replies with a challenge, tokens or an error, even to CUSTOM_AUTH in a pool without triggers."""
    user = context.user_with_working_password()
    for flow in ("CUSTOM_AUTH", "USER_AUTH"):
        _expect_challenge_tokens_or_error(user.client.initiate(flow, USERNAME=user.username), flow)


@rule("reply.unknown-challenge", _CHALLENGE_ISSUE)
def _respond_reply(context: RuleContext) -> None:
    """RespondToAuthChallenge replies with a challenge, tokens or an error, also for a challenge that was not issued."""
    challenge = context.new_password_challenge()
    reply = challenge.user.respond("EMAIL_OTP", challenge.reply.session, EMAIL_OTP_CODE="12345678")
    _expect_challenge_tokens_or_error(reply, "EMAIL_OTP with the Session of another challenge")


@rule("reply.tokens-alone", FLOWS_PAGE, MINOR)
def _tokens_without_challenge(context: RuleContext) -> None:
    """A reply with tokens has no ChallengeName."""
    reply = context.user().sign_in().expect_tokens()
    fail_if(reply.challenge is not None, f"tokens came with {reply.challenge}")


@rule("reply.new-password-parameters", _CLI_PAGE, MINOR)
def _new_password_parameters(context: RuleContext) -> None:
    """NEW_PASSWORD_REQUIRED has userAttributes and requiredAttributes, both JSON in strings."""
    parameters = context.new_password_challenge().reply.parameters
    for name in ("userAttributes", "requiredAttributes"):
        fail_if(not isinstance(parameters.get(name), str), f"{name} is missing, or not a string")
