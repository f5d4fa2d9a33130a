"""Rules about the Session, the flow and the SECRET_HASH of a request."""

from __future__ import annotations

import base64
from typing import Final

from authfsm.conformance import pools
from authfsm.conformance.pool_client import PoolClient, PoolUser
from authfsm.conformance.rule import INITIATE, MINISTACK, RESPOND, RuleCollector, RuleSource, Trial
from authfsm.conformance.verdicts import ApiReply, NotSupported, RuleFailed, RuleSeverity
from authfsm.protocol.evidence import Confidence

rule: Final = RuleCollector("Sessions")
client_rule: Final = RuleCollector("Settings of the app client")

CRITICAL, MINOR = RuleSeverity.CRITICAL, RuleSeverity.MINOR
SESSION_ISSUE: Final = RuleSource.issue("aws-amplify/amplify-js", 13123)
_FLOWS: Final = RuleSource.reference("CreateUserPoolClient")
_SECRET_HASH: Final = RuleSource.guide(
    "signing-up-users-in-your-app", "Signing up and confirming user accounts"
)
_WRONG_HASH: Final = base64.b64encode(bytes(32)).decode()
_WITH_SECRET: Final = pools.ClientRequirements(flows=pools.FLOWS_BUT_USER_AUTH, secret=True)
_UNISSUED_SESSION: Final = "this-session-was-never-issued-by-anybody-0000000000000000"


def _set_password(
    client: PoolClient, session: str | None, user: PoolUser, password: str = pools.NEW_PASSWORD
) -> ApiReply:
    return client.respond("NEW_PASSWORD_REQUIRED", session, user, NEW_PASSWORD=password)


@rule("session.made-up", RESPOND, CRITICAL)
def _unissued(trial: Trial) -> None:
    """Cognito refuses to set a password with a Session that it never issued."""
    client, user, _ = trial.new_password_challenge()
    _set_password(client, _UNISSUED_SESSION, user).expect_error("a made-up Session")


@rule("session.made-up-for-a-code", RESPOND, CRITICAL)
def _unissued_without_code(trial: Trial) -> None:
    """Cognito refuses an answer to SMS_MFA that has no code, and a Session that it never issued."""
    client, user = trial.client_and_checked_user()
    reply = client.respond("SMS_MFA", _UNISSUED_SESSION, user)
    reply.expect_error("SMS_MFA with a made-up Session and no code")


@rule("session.once", SESSION_ISSUE, CRITICAL)
def _second_use(trial: Trial) -> None:
    """Cognito refuses a Session that already led to tokens."""
    client, user, challenge = trial.new_password_challenge()
    _set_password(client, challenge.session, user).expect_tokens()
    reply = _set_password(client, challenge.session, user, "Third-Horse-3")
    reply.expect_error("a Session that already led to tokens")


@rule("session.binds-user", SESSION_ISSUE, CRITICAL)
def _other_user(trial: Trial) -> None:
    """Cognito refuses one user's Session in the name of another user."""
    client, _, challenge = trial.new_password_challenge()
    eve = trial.user(client, pools.TEMPORARY_USER, "eve")
    reply = _set_password(client, challenge.session, eve)
    reply.expect_error("ada's Session in the name of eve")


@rule("session.binds-client", RuleSource.reference("RespondToAuthChallenge", Confidence.INFERRED))
def _other_client(trial: Trial) -> None:
    """Cognito refuses a Session of another app client."""
    _, user, challenge = trial.new_password_challenge()
    other = trial.client(client=pools.OTHER_CLIENT)
    reply = _set_password(other, challenge.session, user)
    reply.expect_error("a Session of another app client")


@rule("session.binds-challenge", RuleSource.issue("aws-amplify/amplify-js", 9734), CRITICAL)
def _other_challenge(trial: Trial) -> None:
    """Cognito refuses an answer to MFA_SETUP with the Session of NEW_PASSWORD_REQUIRED."""
    client, user, challenge = trial.new_password_challenge()
    reply = client.respond("MFA_SETUP", challenge.session, user)
    reply.expect_error("MFA_SETUP with the Session of NEW_PASSWORD_REQUIRED")


@rule("session.secret-block", RESPOND, CRITICAL)
def _secret_block(trial: Trial) -> None:
    """Cognito refuses a SECRET_BLOCK in place of a Session."""
    client, user = trial.client_and_user()
    block = client.begin_srp(user).reply.parameters.get("SECRET_BLOCK")
    if not isinstance(block, str):
        raise RuleFailed("PASSWORD_VERIFIER came without SECRET_BLOCK")
    _set_password(client, block, user).expect_error("SECRET_BLOCK in place of a Session")


@rule("session.rotates", RESPOND, MINOR)
def _new_session(trial: Trial) -> None:
    """Each reply has a new Session."""
    client, user, first = trial.new_password_challenge(pools.TOTP_REQUIRED_POOL)
    second = _set_password(client, first.session, user)
    if second.code is not None or second.challenge is None:
        raise NotSupported(f"no second challenge came: {second.summary}")
    if second.session == first.session:
        raise RuleFailed(f"{second.challenge} came with the Session of NEW_PASSWORD_REQUIRED")


@rule("session.missing", RuleSource.issue("aws-amplify/amplify-js", 758), MINOR)
def _missing(trial: Trial) -> None:
    """Cognito refuses an answer to NEW_PASSWORD_REQUIRED without a Session with InvalidParameterException."""
    client, user, _ = trial.new_password_challenge()
    reply = _set_password(client, None, user)
    reply.expect_error("an answer without a Session", "InvalidParameterException")


@rule("session.none-after-srp", MINISTACK, MINOR)
def _none_after_srp(trial: Trial) -> None:
    """The reply to USER_SRP_AUTH has no Session."""
    client, user = trial.client_and_user()
    if client.begin_srp(user).reply.session is not None:
        raise RuleFailed("PASSWORD_VERIFIER came with a Session")


@rule("session.survives-wrong-code", RuleSource.issue("aws-amplify/amplify-swift", 2615))
def _after_wrong_code(trial: Trial) -> None:
    """After CodeMismatchException, Cognito accepts the right code with the same Session."""
    client, user = trial.client_and_user(pools.SMS_OR_TOTP_POOL, user=pools.TOTP_USER)
    challenge = client.sign_in(user).expect_challenge("SOFTWARE_TOKEN_MFA")
    client.answer(challenge, user, SOFTWARE_TOKEN_MFA_CODE=user.app.wrong_code())
    reply = client.answer(challenge, user, SOFTWARE_TOKEN_MFA_CODE=user.app.code())
    reply.expect_tokens()


def client_without(trial: Trial, flow: str) -> PoolClient:
    """Return an app client whose ExplicitAuthFlows do not allow a flow."""
    flows = tuple(each for each in pools.FLOWS_BUT_USER_AUTH if each != f"ALLOW_{flow}")
    return trial.client(client=pools.ClientRequirements(flows=flows))


@client_rule("flows.USER_PASSWORD_AUTH", _FLOWS, CRITICAL)
def _password_not_allowed(trial: Trial) -> None:
    """Cognito refuses USER_PASSWORD_AUTH if the app client's ExplicitAuthFlows do not allow it."""
    _, user = trial.client_and_checked_user()
    reply = client_without(trial, "USER_PASSWORD_AUTH").sign_in(user)
    reply.expect_error("a flow that is not allowed")


@client_rule("flows.USER_SRP_AUTH", _FLOWS, CRITICAL)
def _srp_not_allowed(trial: Trial) -> None:
    """Cognito refuses USER_SRP_AUTH if the app client's ExplicitAuthFlows do not allow it."""
    client, user = trial.client_and_user()
    client.begin_srp(user)
    other = client_without(trial, "USER_SRP_AUTH")
    reply = other.initiate("USER_SRP_AUTH", USERNAME=user.username, SRP_A="2")
    reply.expect_error("a flow that is not allowed")


@client_rule("flows.ADMIN_USER_PASSWORD_AUTH", _FLOWS, CRITICAL)
def _admin_password_not_allowed(trial: Trial) -> None:
    """Cognito refuses ADMIN_USER_PASSWORD_AUTH if the app client's ExplicitAuthFlows do not allow it."""
    client, user = trial.client_and_user()
    client.sign_in_as_admin(user).expect_tokens()
    reply = client_without(trial, "ADMIN_USER_PASSWORD_AUTH").sign_in_as_admin(user)
    reply.expect_error("a flow that is not allowed")


@client_rule("flows.administrators-only", INITIATE, CRITICAL)
def _admin_flow_in_public(trial: Trial) -> None:
    """InitiateAuth refuses ADMIN_USER_PASSWORD_AUTH, which is for AdminInitiateAuth."""
    client, user = trial.client_and_user()
    client.sign_in_as_admin(user).expect_tokens()
    password = {"USERNAME": user.username, "PASSWORD": pools.PASSWORD}
    reply = client.initiate("ADMIN_USER_PASSWORD_AUTH", **password)
    if reply.code is None:
        reply.expect_error("a flow for administrators")


@client_rule("secret-hash.missing", _SECRET_HASH, CRITICAL)
def _missing_hash(trial: Trial) -> None:
    """Cognito refuses USER_PASSWORD_AUTH without SECRET_HASH if the app client has a secret."""
    client, user = trial.client_and_checked_user(client=_WITH_SECRET)
    client.sign_in(user, SECRET_HASH="").expect_error("a request without SECRET_HASH")


@client_rule("secret-hash.wrong", _SECRET_HASH, CRITICAL)
def _wrong_hash(trial: Trial) -> None:
    """Cognito refuses USER_PASSWORD_AUTH with a wrong SECRET_HASH if the app client has a secret."""
    client, user = trial.client_and_checked_user(client=_WITH_SECRET)
    client.sign_in(user, SECRET_HASH=_WRONG_HASH).expect_error("a wrong SECRET_HASH")


@client_rule("secret-hash.srp", _SECRET_HASH)
def _missing_hash_in_srp(trial: Trial) -> None:
    """Cognito refuses USER_SRP_AUTH without SECRET_HASH if the app client has a secret."""
    client, user = trial.client_and_user(client=_WITH_SECRET)
    client.begin_srp(user)
    username = {"USERNAME": user.username}
    reply = client.initiate("USER_SRP_AUTH", **username, SRP_A="2", SECRET_HASH="")
    reply.expect_error("a request without SECRET_HASH")


@client_rule("secret-hash.right", _SECRET_HASH)
def _right_hash(trial: Trial) -> None:
    """Cognito accepts USER_PASSWORD_AUTH with the right SECRET_HASH if the app client has a secret."""
    client, user = trial.client_and_user(client=_WITH_SECRET)
    client.sign_in(user).expect_tokens()
