"""RespondToAuthChallenge."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from attrs import evolve

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.signin import choice, code_answers, custom, devices, passwords
from authfsm.local.signin.code_answers import second_factor_passed
from authfsm.local.signin.steps import (
    ChallengeAnswer,
    MfaSetupProgress,
    issue_challenge,
    issue_factor_challenge,
    next_challenge,
)
from authfsm.local.state import attributes, srp_proofs
from authfsm.local.state.core import Core, Reply, Request, check_secret_hash, required_parameter
from authfsm.local.state.sessions import Attempt, PendingChallenge
from authfsm.local.state.users import Status
from authfsm.protocol.states import CODE_FIELDS, PASSWORDLESS, State


# Answers that prove who the user is, or which device: the password, the pool's own question, the device.
def password_verifier(pool: Core, answer: ChallengeAnswer) -> Reply:
    """PASSWORD_VERIFIER: the claim of SRP."""
    for name in ("PASSWORD_CLAIM_SECRET_BLOCK", "PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP"):
        required_parameter(answer.responses, name)
    attempt, proof = answer.attempt, answer.pending.expected_answer
    passwords.check_srp_claim(pool, attempt.client, attempt.user, proof, answer.responses)
    # After the proof: only who knows the password is told that a device is not known.
    attempt = devices.with_device_key(pool, attempt, answer.responses.get("DEVICE_KEY"))
    attempt = evolve(attempt, password_proved=True)
    if attempt.flow == "CUSTOM_AUTH":
        attempt = evolve(
            attempt, rounds=(*attempt.rounds, custom.passed_round(State.PASSWORD_VERIFIER))
        )
    return next_challenge(pool, attempt, answer.metadata)


def admin_no_srp_auth(pool: Core, answer: ChallengeAnswer) -> Reply:
    """ADMIN_NO_SRP_AUTH: the password that the flow of that name began without."""
    return choice.sign_in_with_password(pool, answer.attempt, answer.responses, None)


def custom_challenge(pool: Core, answer: ChallengeAnswer) -> Reply:
    """CUSTOM_CHALLENGE: VerifyAuthChallengeResponse judges; a wrong answer is no exception."""
    attempt, text = answer.attempt, required_parameter(answer.responses, "ANSWER")
    judged = custom.verify(pool, attempt, answer.pending.expected_answer, text, answer.metadata)
    # Right or wrong, DefineAuthChallenge decides what it means.
    return next_challenge(pool, evolve(attempt, rounds=(*attempt.rounds, judged)), answer.metadata)


def device_srp_auth(pool: Core, answer: ChallengeAnswer) -> Reply:
    """DEVICE_SRP_AUTH: the device's SRP_A."""
    attempt, key = answer.attempt, required_parameter(answer.responses, "DEVICE_KEY")
    device = devices.confirmed_device(answer.user, key)
    if key != answer.pending.attempt.device_key or device.credential is None:
        raise PoolRefusal(error_templates.NO_SUCH_DEVICE)
    srp_a = required_parameter(answer.responses, "SRP_A")
    proof = srp_proofs.begin_proof(
        device.group_key, device.key, device.credential, srp_a, pool.entropy
    )
    parameters = {**proof.parameters(), "USERNAME": attempt.username, "DEVICE_KEY": device.key}
    other_key = srp_proofs.secret_block_key(proof.secret_block.reveal())
    return issue_challenge(
        pool,
        attempt,
        State.DEVICE_PASSWORD_VERIFIER,
        parameters,
        proof,
        other_key=other_key,
        session_required=False,
    )


def device_password_verifier(pool: Core, answer: ChallengeAnswer) -> Reply:
    """DEVICE_PASSWORD_VERIFIER: the device's claim of SRP."""
    for name in (
        "DEVICE_KEY",
        "PASSWORD_CLAIM_SECRET_BLOCK",
        "PASSWORD_CLAIM_SIGNATURE",
        "TIMESTAMP",
    ):
        required_parameter(answer.responses, name)
    proof: srp_proofs.SrpProof = answer.pending.expected_answer
    if answer.responses["DEVICE_KEY"] != proof.name:
        raise PoolRefusal(error_templates.NO_SUCH_DEVICE)
    devices.confirmed_device(answer.user, proof.name)
    # Issues: a bad device signature is told in the same words as a bad password.
    if not proof.is_proved_by(answer.responses):
        raise PoolRefusal(error_templates.WRONG_PASSWORD)
    return next_challenge(pool, evolve(answer.attempt, device_proved=True), answer.metadata)


# Answers that set something up before the sign-in goes on: a new password, a second factor.
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def new_password(pool: Core, answer: ChallengeAnswer) -> Reply:
    """NEW_PASSWORD_REQUIRED: the new password, and the attributes that are required."""
    user, password = answer.user, Secret(required_parameter(answer.responses, "NEW_PASSWORD"))
    prefix = "userAttributes."
    given = {
        key.removeprefix(prefix): value
        for key, value in answer.responses.items()
        if key.startswith(prefix)
    }
    passwords.check_policy(pool, password)
    passwords.check_history(pool, user, password)
    for name in pool.configuration.attributes.required:
        if not given.get(name) and name not in user.attributes:
            raise PoolRefusal(error_templates.ATTRIBUTE_MISSING, name=name)
        # "you can't modify a required attribute that already has a value" -- AWS API reference
        if name in given and name in user.attributes:
            raise PoolRefusal(error_templates.ALREADY_PROVIDED, name=name)
    # "On a client without WriteAttributes for a required attribute the write fails" is inferred.
    attributes.check_writable(pool, answer.attempt.client, given)
    attributes.check(pool, given, user)
    passwords.set_password(pool, user, password, temporary=False)
    attributes.write(pool, user, given)
    attempt = answer.attempt
    if not pool.configuration.contradictions.custom_challenge_after_new_password:
        attempt = evolve(attempt, custom_passed=True)
    return next_challenge(pool, attempt, answer.metadata)


def mfa_setup(pool: Core, answer: ChallengeAnswer) -> Reply:
    """MFA_SETUP: closed once VerifySoftwareToken has accepted a code, or answered with an e-mail address.

    The key is `EMAIL` in every client and `email` in the developer guide.
    """
    setup: MfaSetupProgress = answer.pending.expected_answer
    address = answer.responses.get("EMAIL") or answer.responses.get("email")
    if address:
        return _set_up_email(pool, answer, setup, address)
    if not setup.verified:
        raise PoolRefusal(error_templates.MFA_SETUP_UNFINISHED)
    if pool.configuration.contradictions.totp_required_after_setup:
        return issue_factor_challenge(pool, answer.attempt, answer.user, State.SOFTWARE_TOKEN_MFA)
    attempt = second_factor_passed(pool, answer.attempt, State.MFA_SETUP)
    return next_challenge(pool, attempt, answer.metadata)


def _set_up_email(
    pool: Core, answer: ChallengeAnswer, setup: MfaSetupProgress, address: str
) -> Reply:
    in_session = pool.configuration.contradictions.email_mfa_setup_in_session
    if State.EMAIL_OTP not in setup.factors or not in_session:
        raise PoolRefusal(error_templates.MFA_SETUP_NOT_OFFERED)
    if not _EMAIL.fullmatch(address):
        raise PoolRefusal(error_templates.BAD_EMAIL)
    if pool.users.is_taken("email", address, answer.user):
        raise PoolRefusal(error_templates.ALIAS_TAKEN, name="email")
    return issue_factor_challenge(pool, answer.attempt, answer.user, State.EMAIL_OTP, address)


# How challenges are answered: one small function for each ChallengeName, and what comes before them all.
Handler = Callable[[Core, ChallengeAnswer], Reply]

_PASSWORDS: Final = {State.PASSWORD_VERIFIER, State.ADMIN_NO_SRP_AUTH}


def respond(pool: Core, request: Request) -> Reply:
    """RespondToAuthChallenge."""
    # "You can't respond to an ADMIN_NO_SRP_AUTH challenge with this operation" -- AWS API reference
    if request["ChallengeName"] == State.ADMIN_NO_SRP_AUTH:
        raise PoolRefusal(error_templates.NO_SUCH_CHALLENGE, name=request["ChallengeName"])
    return _respond(pool, request)


def respond_as_admin(pool: Core, request: Request) -> Reply:
    """AdminRespondToAuthChallenge."""
    pool.check_pool(request)
    return _respond(pool, request)


def _respond(pool: Core, request: Request) -> Reply:
    client, challenge = pool.client(request), request["ChallengeName"]
    responses: Mapping[str, str] = request.get("ChallengeResponses") or {}
    username = required_parameter(responses, "USERNAME")
    check_secret_hash(client, username, responses)
    pending = _find(pool, client, challenge, request.get("Session"), responses)
    with pool.sessions.answering(pending):
        _check_user(pool, pending.attempt, username)
        pool.sessions.check_current(pending)
        handler = _handler_of(pending, challenge)
        attempt = pending.attempt
        if challenge not in _PASSWORDS and not attempt.awaits_first_factor:
            # Before the answer is looked at: a code that is spent could not be sent again without it.
            attempt = devices.with_device_key(pool, attempt, responses.get("DEVICE_KEY"))
        return handler(
            pool, ChallengeAnswer(pending, attempt, responses, request.get("ClientMetadata"))
        )


def _find(
    pool: Core,
    client: AppClient,
    challenge: str,
    session: str | None,
    responses: Mapping[str, str],
) -> PendingChallenge:
    """The leg that is answered: by its session or, where clients send none, by what stands for it.

    pycognito sends no session with PASSWORD_VERIFIER, DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER. The
    secret block, which is as unguessable, or the device of this user identifies the attempt there.
    """
    other_key = None
    if session is None and challenge in {
        State.PASSWORD_VERIFIER,
        State.DEVICE_PASSWORD_VERIFIER,
    }:
        other_key = srp_proofs.secret_block_key(
            required_parameter(responses, "PASSWORD_CLAIM_SECRET_BLOCK")
        )
    elif session is None and challenge == State.DEVICE_SRP_AUTH:
        user = pool.users.find(responses["USERNAME"])
        name = user.username if user is not None else responses["USERNAME"]
        key = required_parameter(responses, "DEVICE_KEY")
        other_key = devices.attempt_key(client.client_id, name, key)
    elif session is None:
        raise PoolRefusal(error_templates.MISSING_PARAMETER, name="Session")
    try:
        return pool.sessions.find(client, session, other_key)
    except PoolRefusal as refusal:
        # Measured: a wrong secret block is "Incorrect username or password."
        if other_key is not None and refusal.message == error_templates.SESSION_UNKNOWN.message:
            raise PoolRefusal(error_templates.WRONG_PASSWORD) from None
        raise


def _check_user(pool: Core, attempt: Attempt, username: str) -> None:
    """Is the USERNAME of an answer the user whose session it is, and are they still let in?

    USER_ID_FOR_SRP (amazon-cognito-identity-js), the challenge's USERNAME (pycognito) or what was typed
    (warrant-lite) are all taken.
    """
    user = attempt.user
    aliases = pool.configuration.contradictions.aliases_accepted_in_answers
    found = pool.users.find(username) if aliases else pool.users.named(username)
    if user is None:
        if found is not None or username not in {attempt.username, attempt.submitted_name}:
            raise PoolRefusal(error_templates.SESSION_OF_ANOTHER_USER)
    elif found is not user:
        raise PoolRefusal(error_templates.SESSION_OF_ANOTHER_USER)
    elif not user.enabled:
        raise PoolRefusal(error_templates.DISABLED)
    elif attempt.password_proved and user.status is Status.RESET_REQUIRED:
        # The password that was proved does not count any more: the API lists the exception here too.
        raise PoolRefusal(error_templates.RESET_REQUIRED)


def _handler_of(pending: PendingChallenge, challenge: str) -> Handler:
    if isinstance(pending.expected_answer, custom.UnanswerableChallenge):
        # "every code fails with CodeMismatchException" (amplify-js #12887, #9592); NEW_PASSWORD_REQUIRED
        # fails otherwise (amplify-flutter #4890), and the rest by analogy with it.
        dead = (
            error_templates.CODE_MISMATCH
            if challenge in CODE_FIELDS
            else error_templates.SESSION_DEAD_END
        )
        raise PoolRefusal(dead)
    handler = ANSWERS.get((pending.challenge, challenge))
    if handler is None:
        # "Invalid code or auth state for the user." also answers a wrong ChallengeName, and a factor that
        # is not selected yet (amplify-js #9734, #11069, #13962).
        raise PoolRefusal(error_templates.CODE_MISMATCH)
    return handler


ANSWERS: Final[dict[tuple[str, str], Handler]] = {
    # (the challenge that was asked, the ChallengeName of the answer): they may differ where Cognito
    # lets a first factor be chosen anew.
    (State.PASSWORD_VERIFIER, State.PASSWORD_VERIFIER): password_verifier,
    (State.ADMIN_NO_SRP_AUTH, State.ADMIN_NO_SRP_AUTH): admin_no_srp_auth,
    (State.CUSTOM_CHALLENGE, State.CUSTOM_CHALLENGE): custom_challenge,
    (State.NEW_PASSWORD_REQUIRED, State.NEW_PASSWORD_REQUIRED): new_password,
    (State.MFA_SETUP, State.MFA_SETUP): mfa_setup,
    (State.SELECT_MFA_TYPE, State.SELECT_MFA_TYPE): code_answers.select_mfa_type,
    (State.SMS_MFA, State.SMS_MFA): code_answers.sent_code,
    (State.EMAIL_OTP, State.EMAIL_OTP): code_answers.email_otp,
    (State.SMS_OTP, State.SMS_OTP): code_answers.first_code,
    (State.WEB_AUTHN, State.WEB_AUTHN): choice.web_authn,
    (State.PASSWORD, State.PASSWORD): choice.password,
    (State.PASSWORD_SRP, State.PASSWORD_SRP): choice.password_srp,
    **{
        (asked, name): handler
        for asked in (State.SELECT_CHALLENGE, *sorted(PASSWORDLESS))
        for name, handler in (
            (State.SELECT_CHALLENGE, choice.select_challenge),
            (State.PASSWORD, choice.password),
            (State.PASSWORD_SRP, choice.password_srp),
        )
    },
    (State.SOFTWARE_TOKEN_MFA, State.SOFTWARE_TOKEN_MFA): code_answers.software_token,
    (State.DEVICE_SRP_AUTH, State.DEVICE_SRP_AUTH): device_srp_auth,
    (
        State.DEVICE_PASSWORD_VERIFIER,
        State.DEVICE_PASSWORD_VERIFIER,
    ): device_password_verifier,
}
"""Which function takes which answer."""
