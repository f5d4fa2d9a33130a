"""RespondToAuthChallenge and AdminRespondToAuthChallenge: check an answer's session, then its content.

For every challenge, `respond_as_admin` checks the app client, SECRET_HASH, the session (it belongs to the client,
the user and the challenge, is unused and has not expired), and that the user may still sign in. The challenge's
handler in `HANDLERS` then checks the answer and records in the attempt what the answer proves.
`steps.next_challenge` decides which challenge follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from attrs import evolve

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.signin import choice, code_answers, devices, passwords, triggers
from authfsm.local.signin.steps import ChallengeAnswer, issue_challenge, next_challenge
from authfsm.local.state import attributes, srp_proofs
from authfsm.local.state.core import Core, Reply, Request, check_secret_hash, required_parameter
from authfsm.local.state.sessions import Attempt, PendingChallenge
from authfsm.local.state.srp_proofs import SrpProof
from authfsm.local.state.users import Status
from authfsm.protocol.states import CODE_FIELDS, PASSWORDLESS, State

Handler = Callable[[Core, ChallengeAnswer], Reply]

_SRP_CLAIM: Final = ("PASSWORD_CLAIM_SECRET_BLOCK", "PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP")


def respond(pool: Core, request: Request) -> Reply:
    """Answer RespondToAuthChallenge."""
    # "You can't respond to an ADMIN_NO_SRP_AUTH challenge with this operation" -- AWS API reference
    if request["ChallengeName"] == State.ADMIN_NO_SRP_AUTH:
        raise error_templates.NO_SUCH_CHALLENGE.refusal(name=request["ChallengeName"])
    return respond_as_admin(pool, request)


def respond_as_admin(pool: Core, request: Request) -> Reply:
    """Answer AdminRespondToAuthChallenge."""
    client, challenge = pool.client(request), request["ChallengeName"]
    responses: Mapping[str, str] = request.get("ChallengeResponses") or {}
    username = required_parameter(responses, "USERNAME")
    check_secret_hash(pool, client, username, responses)
    pending = _find_pending(pool, client, challenge, request.get("Session"), responses)
    with pool.sessions.answering(pending):
        attempt = pending.attempt
        _check_user(pool, attempt, username)
        pool.sessions.check_not_ended(pending)
        handler = _handler(pending, challenge)
        proves_password = challenge in {State.PASSWORD_VERIFIER, State.ADMIN_NO_SRP_AUTH}
        if not proves_password and not attempt.awaits_first_factor:
            # Checked before the answer: if an unknown device is refused, the client can send the same code
            # again without DEVICE_KEY, because the code is not used up.
            attempt = devices.with_device_key(pool, attempt, responses)
        return handler(pool, ChallengeAnswer(pending, attempt, responses, request.get("ClientMetadata")))


def _find_pending(
    pool: Core, client: AppClient, challenge: str, session: str | None, responses: Mapping[str, str]
) -> PendingChallenge:
    """Return the challenge of a session. Without one, as from pycognito, the secret block or device identifies it."""
    other_key = None
    if session is None and challenge in {State.PASSWORD_VERIFIER, State.DEVICE_PASSWORD_VERIFIER}:
        block = required_parameter(responses, "PASSWORD_CLAIM_SECRET_BLOCK")
        other_key = srp_proofs.secret_block_key(block)
    elif session is None and challenge == State.DEVICE_SRP_AUTH:
        user = pool.users.find(responses["USERNAME"])
        name = user.username if user is not None else responses["USERNAME"]
        device_key = required_parameter(responses, "DEVICE_KEY")
        other_key = devices.device_srp_key(client.client_id, name, device_key)
    elif session is None:
        raise error_templates.MISSING_PARAMETER.refusal(name="Session")
    try:
        return pool.sessions.find(client, session, other_key)
    except PoolRefusal as refusal:
        # Measured: a wrong secret block is refused with "Incorrect username or password."
        if other_key is not None and refusal.message == error_templates.SESSION_UNKNOWN.message:
            raise error_templates.WRONG_PASSWORD.refusal() from None
        raise


def _check_user(pool: Core, attempt: Attempt, username: str) -> None:
    """Check that USERNAME names the session's user, and that this user may still sign in."""
    user = attempt.user
    by_alias = pool.configuration.contradictions.aliases_accepted_in_answers
    found = pool.users.find(username) if by_alias else pool.users.by_username(username)
    if found is not user or (user is None and username not in {attempt.username, attempt.submitted_name}):
        raise error_templates.SESSION_OF_ANOTHER_USER.refusal()
    if user is not None and not user.enabled:
        raise error_templates.DISABLED.refusal()
    if user is not None and attempt.password_proved and user.status is Status.RESET_REQUIRED:
        # The proved password is no longer valid. The API lists PasswordResetRequiredException for these operations.
        raise error_templates.RESET_REQUIRED.refusal()


def _handler(pending: PendingChallenge, challenge: str) -> Handler:
    if isinstance(pending.expected_answer, triggers.UnanswerableChallenge):
        # "every code fails with CodeMismatchException" (amplify-js #12887, #9592). NEW_PASSWORD_REQUIRED fails
        # with NotAuthorizedException (amplify-flutter #4890). Inferred: so do all other challenges.
        if challenge in CODE_FIELDS:
            raise error_templates.CODE_MISMATCH.refusal()
        raise error_templates.CHALLENGE_UNANSWERABLE.refusal()
    handler = HANDLERS.get((pending.challenge, challenge))
    if handler is None:
        # Cognito returns the message of a wrong code for a wrong ChallengeName too, and for a factor that the
        # user has not selected yet (amplify-js #9734, #11069, #13962).
        raise error_templates.CODE_MISMATCH.refusal()
    return handler


def _password_verifier(pool: Core, answer: ChallengeAnswer) -> Reply:
    for name in _SRP_CLAIM:
        required_parameter(answer.responses, name)
    attempt, proof = answer.attempt, answer.pending.expected_answer
    passwords.check_srp_claim(pool, attempt, proof, answer.responses)
    # The device is checked after the proof, so that only a client with the password learns which devices exist.
    attempt = devices.with_device_key(pool, attempt, answer.responses)
    attempt = evolve(attempt, password_proved=True)
    if attempt.flow == "CUSTOM_AUTH":
        attempt = attempt.with_challenge_result(triggers.passed_challenge(State.PASSWORD_VERIFIER))
    return next_challenge(pool, attempt, answer.metadata)


def _admin_no_srp_auth(pool: Core, answer: ChallengeAnswer) -> Reply:
    # No source shows a custom challenge after ADMIN_NO_SRP_AUTH, even with `custom_challenge_in_admin_flows`.
    attempt = evolve(answer.attempt, custom_passed=True)
    return choice.sign_in_with_password(pool, attempt, answer.responses, answer.metadata)


def _new_password(pool: Core, answer: ChallengeAnswer) -> Reply:
    user = answer.user
    password = Secret(required_parameter(answer.responses, "NEW_PASSWORD"))
    members, prefix = answer.responses.items(), "userAttributes."
    new_attributes = {name.removeprefix(prefix): value for name, value in members if name.startswith(prefix)}
    passwords.check_policy(pool, password)
    passwords.check_history(pool, user, password)
    for name in pool.configuration.attributes.required:
        if not new_attributes.get(name) and name not in user.attributes:
            raise error_templates.ATTRIBUTE_MISSING.refusal(name=name)
        # "you can't modify a required attribute that already has a value" -- AWS API reference
        if name in new_attributes and name in user.attributes:
            raise error_templates.ALREADY_PROVIDED.refusal(name=name)
    # Inferred: the answer is refused if the app client may not write an attribute in it, even a required one.
    attributes.check_writable(pool, answer.attempt.client, new_attributes)
    attributes.check(pool, new_attributes, user)
    passwords.set_password(pool, user, password, temporary=False)
    attributes.write(pool, user, new_attributes)
    attempt = answer.attempt
    if not pool.configuration.contradictions.custom_challenge_after_new_password:
        attempt = evolve(attempt, custom_passed=True)
    return next_challenge(pool, attempt, answer.metadata)


def _custom_challenge(pool: Core, answer: ChallengeAnswer) -> Reply:
    attempt, text = answer.attempt, required_parameter(answer.responses, "ANSWER")
    result = triggers.verify_answer(pool, attempt, answer.pending.expected_answer, text, answer.metadata)
    # A wrong answer is not an error: DefineAuthChallenge decides what follows.
    return next_challenge(pool, attempt.with_challenge_result(result), answer.metadata)


def _device_srp_auth(pool: Core, answer: ChallengeAnswer) -> Reply:
    attempt, key = answer.attempt, required_parameter(answer.responses, "DEVICE_KEY")
    device = devices.confirmed_device(answer.user, key)
    if key != answer.pending.attempt.device_key or device.credential is None:
        raise error_templates.NO_SUCH_DEVICE.refusal()
    srp_a = required_parameter(answer.responses, "SRP_A")
    proof = srp_proofs.begin_proof(device.group_key, device.key, device.credential, srp_a, pool.entropy)
    parameters = {**proof.parameters(), "USERNAME": attempt.username, "DEVICE_KEY": device.key}
    challenge = State.DEVICE_PASSWORD_VERIFIER
    return issue_challenge(pool, attempt, challenge, parameters, proof, other_key=proof.key)


def _device_password_verifier(pool: Core, answer: ChallengeAnswer) -> Reply:
    for name in ("DEVICE_KEY", *_SRP_CLAIM):
        required_parameter(answer.responses, name)
    proof: SrpProof = answer.pending.expected_answer
    if answer.responses["DEVICE_KEY"] != proof.name:
        raise error_templates.NO_SUCH_DEVICE.refusal()
    devices.confirmed_device(answer.user, proof.name)
    # Reports of users: a wrong signature of a device gets the message of a wrong password.
    if not passwords.is_valid_srp_claim(pool, proof, answer.responses):
        raise error_templates.WRONG_PASSWORD.refusal()
    attempt = evolve(answer.attempt, device_proved=True)
    custom_follows = pool.configuration.contradictions.custom_challenge_after_device
    if custom_follows and attempt.flow == "CUSTOM_AUTH":
        attempt = attempt.with_challenge_result(triggers.passed_challenge(State.DEVICE_PASSWORD_VERIFIER))
        attempt = evolve(attempt, custom_passed=False)
    return next_challenge(pool, attempt, answer.metadata)


_CHOICES: Final[dict[str, Handler]] = {
    State.SELECT_CHALLENGE: choice.select_challenge,
    State.PASSWORD: partial(choice.password_factor, factor=State.PASSWORD, parameter="PASSWORD"),
    State.PASSWORD_SRP: partial(choice.password_factor, factor=State.PASSWORD_SRP, parameter="SRP_A"),
}

HANDLERS: Final[dict[tuple[str, str], Handler]] = {
    **{
        (challenge, challenge): handler
        for challenge, handler in {
            State.PASSWORD_VERIFIER: _password_verifier,
            State.ADMIN_NO_SRP_AUTH: _admin_no_srp_auth,
            State.CUSTOM_CHALLENGE: _custom_challenge,
            State.NEW_PASSWORD_REQUIRED: _new_password,
            State.MFA_SETUP: code_answers.mfa_setup,
            State.SELECT_MFA_TYPE: code_answers.select_mfa_type,
            State.SMS_MFA: code_answers.second_factor_code,
            State.SOFTWARE_TOKEN_MFA: code_answers.software_token,
            State.EMAIL_OTP: code_answers.email_otp,
            State.SMS_OTP: code_answers.first_factor_code,
            State.WEB_AUTHN: choice.web_authn,
            **{factor: _CHOICES[factor] for factor in (State.PASSWORD, State.PASSWORD_SRP)},
            State.DEVICE_SRP_AUTH: _device_srp_auth,
            State.DEVICE_PASSWORD_VERIFIER: _device_password_verifier,
        }.items()
    },
    # The user may choose another first factor than the requested one.
    **{
        (challenge, name): handler
        for challenge in (State.SELECT_CHALLENGE, *sorted(PASSWORDLESS))
        for name, handler in _CHOICES.items()
    },
}
"""The handler of an answer, by the pending challenge and the answer's ChallengeName."""
