"""Rules about sessions: for what, for whom and how often Cognito accepts a Session."""

from __future__ import annotations

from typing import Final

from authfsm.conformance.api_client import ApiReply
from authfsm.conformance.pool_client import NEW_PASSWORD, PoolClient, PoolUser
from authfsm.conformance.pools import (
    OTHER_CLIENT,
    SMS_OR_TOTP_POOL,
    TEMPORARY_USER,
    TOTP_REQUIRED_POOL,
    TOTP_USER,
)
from authfsm.conformance.rule import (
    MINISTACK,
    RESPOND,
    RuleCollector,
    RuleGroup,
    Trial,
    issue,
    reference,
)
from authfsm.conformance.verdicts import NotSupported, RuleFailed, RuleSeverity
from authfsm.protocol.evidence import Confidence

rule: Final = RuleCollector(RuleGroup.SESSIONS)
SESSIONS: Final = rule.rules

CRITICAL, MINOR = RuleSeverity.CRITICAL, RuleSeverity.MINOR
SESSION_ISSUE: Final = issue("aws-amplify/amplify-js", 13123, '"Invalid session for the user"')
_UNISSUED_SESSION: Final = "this-session-was-never-issued-by-anybody-0000000000000000"


def _challenge(client: PoolClient, user: PoolUser) -> ApiReply:
    """Sign in with a temporary password, which leads to NEW_PASSWORD_REQUIRED."""
    return client.sign_in(user).expect_challenge("NEW_PASSWORD_REQUIRED")


def _set_password(
    client: PoolClient, session: str | None, user: PoolUser, password: str = NEW_PASSWORD
) -> ApiReply:
    return client.respond("NEW_PASSWORD_REQUIRED", session, user, NEW_PASSWORD=password)


@rule("session.made-up", RESPOND, CRITICAL)
def _unissued(trial: Trial) -> None:
    """Cognito refuses to set a password with a Session that it never issued."""
    client, user = trial.client_and_user(user=TEMPORARY_USER)
    _challenge(client, user)
    _set_password(client, _UNISSUED_SESSION, user).expect_error("a made-up Session")


@rule("session.made-up-for-a-code", RESPOND, CRITICAL)
def _unissued_without_code(trial: Trial) -> None:
    """Cognito refuses an answer to SMS_MFA that has no code, and a Session that it never issued."""
    client, user = trial.client_and_user()
    client.tokens(user)
    reply = client.respond("SMS_MFA", _UNISSUED_SESSION, user)
    reply.expect_error("SMS_MFA with a made-up Session and no code")


@rule("session.once", SESSION_ISSUE, CRITICAL)
def _second_use(trial: Trial) -> None:
    """Cognito refuses a Session that already led to tokens."""
    client, user = trial.client_and_user(user=TEMPORARY_USER)
    session = _challenge(client, user).session
    _set_password(client, session, user).expect_tokens()
    reply = _set_password(client, session, user, "Third-Horse-3")
    reply.expect_error("a Session that already led to tokens")


@rule("session.binds-user", SESSION_ISSUE, CRITICAL)
def _other_user(trial: Trial) -> None:
    """Cognito refuses one user's Session in the name of another user."""
    client, ada = trial.client_and_user(user=TEMPORARY_USER)
    eve = trial.user(client, TEMPORARY_USER, "eve")
    session = _challenge(client, ada).session
    _set_password(client, session, eve).expect_error("ada's Session in the name of eve")


@rule("session.binds-client", reference("RespondToAuthChallenge", Confidence.INFERRED))
def _other_client(trial: Trial) -> None:
    """Cognito refuses a Session of another app client."""
    client, user = trial.client_and_user(user=TEMPORARY_USER)
    other = trial.client(client=OTHER_CLIENT)
    session = _challenge(client, user).session
    _set_password(other, session, user).expect_error("a Session of another app client")


@rule("session.binds-challenge", issue("aws-amplify/amplify-js", 9734), CRITICAL)
def _other_challenge(trial: Trial) -> None:
    """Cognito refuses an answer to MFA_SETUP with the Session of NEW_PASSWORD_REQUIRED."""
    client, user = trial.client_and_user(user=TEMPORARY_USER)
    reply = client.respond("MFA_SETUP", _challenge(client, user).session, user)
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
    client, user = trial.client_and_user(TOTP_REQUIRED_POOL, user=TEMPORARY_USER)
    first = _challenge(client, user)
    second = _set_password(client, first.session, user)
    if second.code is not None or second.challenge is None:
        raise NotSupported(f"no second challenge came: {second.summary}")
    if second.session == first.session:
        raise RuleFailed(f"{second.challenge} came with the Session of NEW_PASSWORD_REQUIRED")


@rule("session.missing", issue("aws-amplify/amplify-js", 758), MINOR)
def _missing(trial: Trial) -> None:
    """Cognito refuses an answer to NEW_PASSWORD_REQUIRED without a Session with InvalidParameterException."""
    client, user = trial.client_and_user(user=TEMPORARY_USER)
    _challenge(client, user)
    reply = _set_password(client, None, user)
    reply.expect_error("an answer without a Session", "InvalidParameterException")


@rule("session.none-after-srp", MINISTACK, MINOR)
def _none_after_srp(trial: Trial) -> None:
    """The reply to USER_SRP_AUTH has no Session."""
    client, user = trial.client_and_user()
    if client.begin_srp(user).reply.session is not None:
        raise RuleFailed("PASSWORD_VERIFIER came with a Session")


@rule("session.survives-wrong-code", issue("aws-amplify/amplify-swift", 2615))
def _after_wrong_code(trial: Trial) -> None:
    """After CodeMismatchException, Cognito accepts the right code with the same Session."""
    client, user = trial.client_and_user(SMS_OR_TOTP_POOL, user=TOTP_USER)
    challenge = client.sign_in(user).expect_challenge("SOFTWARE_TOKEN_MFA")
    client.answer(challenge, user, SOFTWARE_TOKEN_MFA_CODE=user.app.wrong_code())
    reply = client.answer(challenge, user, SOFTWARE_TOKEN_MFA_CODE=user.app.code())
    reply.expect_tokens()
