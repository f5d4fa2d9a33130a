"""Handles answers with the choice, the set-up or the code of a second factor; sends and checks codes of first factors.

A wrong code for a second factor counts towards the lock-out; a wrong code for a first factor does not (measured
with six in a row). A correct code for a first factor also confirms the user: "your user pool marks the user's
unverified email address or phone number attribute as verified. The user status also changed from UNCONFIRMED to
CONFIRMED" -- developer guide, "Authentication flows".
"""

from __future__ import annotations

from attrs import evolve, frozen

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.signin import devices, messages, required_factors, steps, triggers
from authfsm.local.signin.messages import Delivery
from authfsm.local.signin.required_factors import RequiredMfa
from authfsm.local.signin.steps import ChallengeAnswer, next_challenge
from authfsm.local.state import codes
from authfsm.local.state.attributes import EMAIL
from authfsm.local.state.core import Core, Reply, required_parameter
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.token_claims import AMR_METHODS
from authfsm.local.state.users import Status
from authfsm.protocol.states import State


def select_mfa_type(pool: Core, answer: ChallengeAnswer) -> Reply:
    """Handle SELECT_MFA_TYPE: issue the challenge of the chosen second factor."""
    required_mfa: RequiredMfa = answer.pending.expected_answer
    factor = required_parameter(answer.responses, "ANSWER")
    # The user may have lost the factor since it was offered.
    if factor not in required_mfa.factors or not required_factors.has_factor(answer.user, State[factor]):
        raise error_templates.MFA_METHOD_NOT_OFFERED.refusal(answer=factor)
    return steps.issue_second_factor_challenge(pool, answer.attempt, answer.user, State[factor])


def second_factor_code(pool: Core, answer: ChallengeAnswer) -> Reply:
    """Handle SMS_MFA and EMAIL_OTP as second factors; the correct code also verifies its address (developer guide)."""
    expected: steps.SecondFactorCode = answer.pending.expected_answer
    user, factor = answer.user, State[answer.pending.challenge]
    code = required_parameter(answer.responses, f"{factor}_CODE")
    user.lock_out.check(pool.elapsed())
    if not pool.is_code(expected.code, code):
        user.lock_out.record_failure(pool.elapsed())
        raise error_templates.CODE_MISMATCH.refusal()
    if expected.enrols:
        if pool.users.is_taken(expected.attribute, expected.address, user):
            raise error_templates.ALIAS_TAKEN.refusal(name="email")
        pool.users.set_attribute(user, expected.attribute, expected.address)
        user.mfa_enabled, user.modified = user.mfa_enabled | {factor}, pool.clock()
    pool.users.mark_verified(user, expected.attribute, expected.address)
    return next_challenge(pool, _with_second_factor(pool, answer.attempt, factor), answer.metadata)


def software_token(pool: Core, answer: ChallengeAnswer) -> Reply:
    """Handle SOFTWARE_TOKEN_MFA; a TOTP can be used once."""
    user, code = answer.user, required_parameter(answer.responses, "SOFTWARE_TOKEN_MFA_CODE")
    user.lock_out.check(pool.elapsed())
    if user.software_token is None:
        raise error_templates.TOTP_NOT_SET_UP.refusal()
    if not codes.use_totp(user.software_token, code, pool.clock()):
        user.lock_out.record_failure(pool.elapsed())
        raise error_templates.TOTP_MISMATCH.refusal()
    attempt = _with_second_factor(pool, answer.attempt, State.SOFTWARE_TOKEN_MFA)
    return next_challenge(pool, attempt, answer.metadata)


def mfa_setup(pool: Core, answer: ChallengeAnswer) -> Reply:
    """Handle MFA_SETUP: set up the authenticator app that VerifySoftwareToken accepted, or the answer's address."""
    progress: steps.MfaSetupProgress = answer.pending.expected_answer
    contradictions = pool.configuration.contradictions
    address = answer.responses.get("EMAIL") or answer.responses.get("email")  # clients send EMAIL, the guide has email
    if address:
        if State.EMAIL_OTP not in progress.factors or not contradictions.email_mfa_setup_in_session:
            raise error_templates.MFA_SETUP_NOT_OFFERED.refusal()
        if not EMAIL.fullmatch(address):
            raise error_templates.BAD_EMAIL.refusal()
        if pool.users.is_taken("email", address, answer.user):
            raise error_templates.ALIAS_TAKEN.refusal(name="email")
        return steps.issue_second_factor_challenge(pool, answer.attempt, answer.user, State.EMAIL_OTP, address)
    if not progress.verified:
        raise error_templates.MFA_SETUP_UNFINISHED.refusal()
    if contradictions.totp_required_after_setup:
        factor = State.SOFTWARE_TOKEN_MFA
        return steps.issue_second_factor_challenge(pool, answer.attempt, answer.user, factor)
    return next_challenge(pool, _with_second_factor(pool, answer.attempt, State.MFA_SETUP), answer.metadata)


def _with_second_factor(pool: Core, attempt: Attempt, challenge: State) -> Attempt:
    methods = (*attempt.methods, AMR_METHODS[challenge])
    attempt = evolve(attempt, second_factor_passed=True, methods=methods)
    if attempt.flow != "CUSTOM_AUTH":
        return attempt
    if not pool.configuration.contradictions.custom_challenge_after_mfa:
        return evolve(attempt, custom_passed=True)
    return attempt.with_challenge_result(triggers.passed_challenge(challenge))


@frozen
class FirstFactorCode:
    """The code of a first factor and its address; the code for an unknown user is not sent."""

    code: Secret[str]
    address: str


def send_first_factor_code(pool: Core, attempt: Attempt, factor: State) -> tuple[dict[str, str], FirstFactorCode]:
    """Send the code of EMAIL_OTP or SMS_OTP; return the ChallengeParameters and the expected code."""
    code = pool.new_code(pool.configuration.contradictions.first_factor_digits)
    if attempt.user is not None:
        user, client = attempt.user, attempt.client
        medium, address = codes.delivery_address(user, factor)
        messages.send(pool, Delivery(user, address, medium, factor, code, client))
    else:
        medium = codes.MEDIA[codes.ADDRESSES[factor]]
        address = messages.simulated_address(pool, medium, attempt.submitted_name)
    return codes.delivery_parameters(medium, address), FirstFactorCode(code, address)


def email_otp(pool: Core, answer: ChallengeAnswer) -> Reply:
    """Handle EMAIL_OTP, as the first or as the second factor."""
    is_first = isinstance(answer.pending.expected_answer, FirstFactorCode)
    return (first_factor_code if is_first else second_factor_code)(pool, answer)


def first_factor_code(pool: Core, answer: ChallengeAnswer) -> Reply:
    """Handle EMAIL_OTP and SMS_OTP as first factors."""
    expected: FirstFactorCode = answer.pending.expected_answer
    factor, user = State[answer.pending.challenge], answer.attempt.user
    code = required_parameter(answer.responses, f"{factor}_CODE")
    if not pool.is_code(expected.code, code) or user is None:
        raise error_templates.CODE_MISMATCH.refusal()
    # The device is checked last: only a client with the code may learn of devices. A refusal leaves the code valid.
    attempt = devices.with_device_key(pool, answer.attempt, answer.responses)
    pool.users.mark_verified(user, codes.ADDRESSES[factor], expected.address)
    if user.status is Status.UNCONFIRMED or user.is_imported:
        # Imported users "aren't required to set a password before sign-in" (developer guide).
        user.status, user.modified = Status.CONFIRMED, pool.clock()
    return next_challenge(pool, with_first_factor(attempt, factor), answer.metadata)


def with_first_factor(attempt: Attempt, factor: State) -> Attempt:
    """Return the attempt with one more proved method: a code as the first factor."""
    return evolve(attempt, methods=(*attempt.methods, AMR_METHODS[factor]))
