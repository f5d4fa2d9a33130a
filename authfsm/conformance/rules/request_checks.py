"""Rules about the Session, the flow and the SECRET_HASH of a request."""

from __future__ import annotations

import base64
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
from authfsm.conformance.verdicts import ApiReply, NotSupported, RuleFailed
from authfsm.protocol.evidence import Confidence

rule: Final = RuleCollector("Sessions")
client_rule: Final = RuleCollector("Settings of the app client")

SESSION_ISSUE: Final = RuleSource.issue("aws-amplify/amplify-js", 13123)
_FLOWS: Final = RuleSource.reference("CreateUserPoolClient")
_SECRET_HASH: Final = RuleSource.guide(
    "signing-up-users-in-your-app", "Signing up and confirming user accounts"
)
_WRONG_HASH: Final = base64.b64encode(bytes(32)).decode()
_WITH_SECRET: Final = pools.ClientRequirements(flows=pools.FLOWS_BUT_USER_AUTH, secret=True)
_UNISSUED_SESSION: Final = "this-session-was-never-issued-by-anybody-0000000000000000"


def _set_password(
    user: PoolUser, session: str | None, password: str = pools.NEW_PASSWORD
) -> ApiReply:
    return user.respond("NEW_PASSWORD_REQUIRED", session, NEW_PASSWORD=password)


@rule("session.made-up", RESPOND, CRITICAL)
def _unissued(trial: Trial) -> None:
    """Cognito refuses to set a password with a Session that it never issued."""
    user = trial.new_password_challenge().user
    _set_password(user, _UNISSUED_SESSION).expect_error("a made-up Session")


@rule("session.made-up-for-a-code", RESPOND, CRITICAL)
def _unissued_without_code(trial: Trial) -> None:
    """Cognito refuses an answer to SMS_MFA that has no code, and a Session that it never issued."""
    reply = trial.checked_user().respond("SMS_MFA", _UNISSUED_SESSION)
    reply.expect_error("SMS_MFA with a made-up Session and no code")


@rule("session.once", SESSION_ISSUE, CRITICAL)
def _second_use(trial: Trial) -> None:
    """Cognito refuses a Session that already led to tokens."""
    challenge = trial.new_password_challenge()
    challenge.answer(NEW_PASSWORD=pools.NEW_PASSWORD).expect_tokens()
    reply = challenge.answer(NEW_PASSWORD="Third-Horse-3")  # noqa: S106 - of a user for this rule
    reply.expect_error("a Session that already led to tokens")


@rule("session.binds-user", SESSION_ISSUE, CRITICAL)
def _other_user(trial: Trial) -> None:
    """Cognito refuses one user's Session in the name of another user."""
    challenge = trial.new_password_challenge()
    eve = trial.user(user=pools.TEMPORARY_USER, label="eve")
    reply = challenge.answer(eve, NEW_PASSWORD=pools.NEW_PASSWORD)
    reply.expect_error("ada's Session in the name of eve")


@rule("session.binds-client", RuleSource.reference("RespondToAuthChallenge", Confidence.INFERRED))
def _other_client(trial: Trial) -> None:
    """Cognito refuses a Session of another app client."""
    challenge = trial.new_password_challenge()
    user = challenge.user.through(trial.client(client=pools.OTHER_CLIENT))
    reply = challenge.answer(user, NEW_PASSWORD=pools.NEW_PASSWORD)
    reply.expect_error("a Session of another app client")


@rule("session.binds-challenge", RuleSource.issue("aws-amplify/amplify-js", 9734), CRITICAL)
def _other_challenge(trial: Trial) -> None:
    """Cognito refuses an answer to MFA_SETUP with the Session of NEW_PASSWORD_REQUIRED."""
    challenge = trial.new_password_challenge()
    reply = challenge.user.respond("MFA_SETUP", challenge.reply.session)
    reply.expect_error("MFA_SETUP with the Session of NEW_PASSWORD_REQUIRED")


@rule("session.secret-block", RESPOND, CRITICAL)
def _secret_block(trial: Trial) -> None:
    """Cognito refuses a SECRET_BLOCK in place of a Session."""
    challenge = trial.user().begin_srp()
    block = challenge.reply.parameters.get("SECRET_BLOCK")
    if not isinstance(block, str):
        raise RuleFailed("PASSWORD_VERIFIER came without SECRET_BLOCK")
    _set_password(challenge.user, block).expect_error("SECRET_BLOCK in place of a Session")


@rule("session.rotates", RESPOND, MINOR)
def _new_session(trial: Trial) -> None:
    """Each reply has a new Session."""
    first = trial.new_password_challenge(pools.TOTP_REQUIRED_POOL)
    second = first.answer(NEW_PASSWORD=pools.NEW_PASSWORD)
    if second.code is not None or second.challenge is None:
        raise NotSupported(f"no second challenge came: {second.summary}")
    if second.session == first.reply.session:
        raise RuleFailed(f"{second.challenge} came with the Session of NEW_PASSWORD_REQUIRED")


@rule("session.missing", RuleSource.issue("aws-amplify/amplify-js", 758), MINOR)
def _missing(trial: Trial) -> None:
    """Cognito refuses an answer to NEW_PASSWORD_REQUIRED without a Session with InvalidParameterException."""
    reply = _set_password(trial.new_password_challenge().user, None)
    reply.expect_error("an answer without a Session", "InvalidParameterException")


@rule("session.none-after-srp", MINISTACK, MINOR)
def _none_after_srp(trial: Trial) -> None:
    """The reply to USER_SRP_AUTH has no Session."""
    if trial.user().begin_srp().reply.session is not None:
        raise RuleFailed("PASSWORD_VERIFIER came with a Session")


@rule("session.survives-wrong-code", RuleSource.issue("aws-amplify/amplify-swift", 2615))
def _after_wrong_code(trial: Trial) -> None:
    """After CodeMismatchException, Cognito accepts the right code with the same Session."""
    challenge = trial.totp_challenge()
    challenge.answer(SOFTWARE_TOKEN_MFA_CODE=challenge.user.app.wrong_code())
    challenge.answer(SOFTWARE_TOKEN_MFA_CODE=challenge.user.app.code()).expect_tokens()


def client_without(flow: str) -> pools.ClientRequirements:
    """Return an app client whose ExplicitAuthFlows do not allow a flow."""
    flows = tuple(each for each in pools.FLOWS_BUT_USER_AUTH if each != f"ALLOW_{flow}")
    return pools.ClientRequirements(flows=flows)


def _where_forbidden(trial: Trial, user: PoolUser, flow: str) -> PoolUser:
    return user.through(trial.client(client=client_without(flow)))


@client_rule("flows.USER_PASSWORD_AUTH", _FLOWS, CRITICAL)
def _password_not_allowed(trial: Trial) -> None:
    """Cognito refuses USER_PASSWORD_AUTH if the app client's ExplicitAuthFlows do not allow it."""
    user = _where_forbidden(trial, trial.checked_user(), "USER_PASSWORD_AUTH")
    user.sign_in().expect_error("a flow that is not allowed")


@client_rule("flows.USER_SRP_AUTH", _FLOWS, CRITICAL)
def _srp_not_allowed(trial: Trial) -> None:
    """Cognito refuses USER_SRP_AUTH if the app client's ExplicitAuthFlows do not allow it."""
    user = trial.user()
    user.begin_srp()
    reply = _where_forbidden(trial, user, "USER_SRP_AUTH").initiate_srp("2")
    reply.expect_error("a flow that is not allowed")


@client_rule("flows.ADMIN_USER_PASSWORD_AUTH", _FLOWS, CRITICAL)
def _admin_password_not_allowed(trial: Trial) -> None:
    """Cognito refuses ADMIN_USER_PASSWORD_AUTH if the app client's ExplicitAuthFlows do not allow it."""
    user = trial.user()
    user.sign_in_as_admin().expect_tokens()
    reply = _where_forbidden(trial, user, "ADMIN_USER_PASSWORD_AUTH").sign_in_as_admin()
    reply.expect_error("a flow that is not allowed")


@client_rule("flows.administrators-only", INITIATE, CRITICAL)
def _admin_flow_in_public(trial: Trial) -> None:
    """InitiateAuth refuses ADMIN_USER_PASSWORD_AUTH, which is for AdminInitiateAuth."""
    user = trial.user()
    user.sign_in_as_admin().expect_tokens()
    password = {"USERNAME": user.username, "PASSWORD": pools.PASSWORD}
    reply = user.client.initiate("ADMIN_USER_PASSWORD_AUTH", **password)
    if reply.code is None:
        reply.expect_error("a flow for administrators")


@client_rule("secret-hash.missing", _SECRET_HASH, CRITICAL)
def _missing_hash(trial: Trial) -> None:
    """Cognito refuses USER_PASSWORD_AUTH without SECRET_HASH if the app client has a secret."""
    reply = trial.checked_user(_WITH_SECRET).sign_in(SECRET_HASH="")
    reply.expect_error("a request without SECRET_HASH")


@client_rule("secret-hash.wrong", _SECRET_HASH, CRITICAL)
def _wrong_hash(trial: Trial) -> None:
    """Cognito refuses USER_PASSWORD_AUTH with a wrong SECRET_HASH if the app client has a secret."""
    reply = trial.checked_user(_WITH_SECRET).sign_in(SECRET_HASH=_WRONG_HASH)
    reply.expect_error("a wrong SECRET_HASH")


@client_rule("secret-hash.srp", _SECRET_HASH)
def _missing_hash_in_srp(trial: Trial) -> None:
    """Cognito refuses USER_SRP_AUTH without SECRET_HASH if the app client has a secret."""
    user = trial.user(client=_WITH_SECRET)
    user.begin_srp()
    user.initiate_srp("2", SECRET_HASH="").expect_error("a request without SECRET_HASH")


@client_rule("secret-hash.right", _SECRET_HASH)
def _right_hash(trial: Trial) -> None:
    """Cognito accepts USER_PASSWORD_AUTH with the right SECRET_HASH if the app client has a secret."""
    trial.user(client=_WITH_SECRET).sign_in().expect_tokens()
