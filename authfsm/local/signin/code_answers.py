"""Answers with a code."""

from __future__ import annotations

from attrs import evolve, frozen

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import custom, devices
from authfsm.local.signin.steps import (
    ChallengeAnswer,
    MfaChoice,
    SecondFactorCode,
    issue_factor_challenge,
    next_challenge,
)
from authfsm.local.state import token_claims
from authfsm.local.state.codes import (
    Message,
    codes_match,
    delivery_address,
    masked_address,
    new_code,
    spend_totp,
)
from authfsm.local.state.core import Core, Reply, required_parameter
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.token_claims import AMR_METHODS
from authfsm.local.state.users import Status
from authfsm.protocol.states import State


# Answers with a second factor: which one, and its code. Wrong codes count towards the lock-out.
def select_mfa_type(pool: Core, answer: ChallengeAnswer) -> Reply:
    """SELECT_MFA_TYPE: one of those offered."""
    choice: MfaChoice = answer.pending.expected_answer
    chosen = required_parameter(answer.responses, "ANSWER")
    if chosen not in choice.factors:
        raise PoolRefusal(error_templates.MFA_METHOD_NOT_OFFERED, answer=chosen)
    return issue_factor_challenge(pool, answer.attempt, answer.user, State[chosen])


def sent_code(pool: Core, answer: ChallengeAnswer) -> Reply:
    """SMS_MFA and EMAIL_OTP: the right code also verifies the address it went to (developer guide)."""
    sent: SecondFactorCode = answer.pending.expected_answer
    user, factor = answer.user, State[answer.pending.challenge]
    code = required_parameter(answer.responses, f"{factor}_CODE")
    user.lock_out.check(pool.elapsed())
    if not codes_match(sent.code, code):
        user.lock_out.record_failure(pool.elapsed())
        raise PoolRefusal(error_templates.CODE_MISMATCH)
    if sent.enrols:
        if pool.users.is_taken(sent.attribute, sent.address, user):
            raise PoolRefusal(error_templates.ALIAS_TAKEN, name="email")
        pool.users.change(user, sent.attribute, sent.address)
        user.mfa_enabled |= {factor}
    if user.attributes.get(sent.attribute) == sent.address:
        user.attributes[f"{sent.attribute}_verified"] = "true"
        pool.users.index(user)
    attempt = second_factor_passed(pool, answer.attempt, factor)
    return next_challenge(pool, attempt, answer.metadata)


def software_token(pool: Core, answer: ChallengeAnswer) -> Reply:
    """SOFTWARE_TOKEN_MFA: a TOTP that was not used before."""
    user, code = answer.user, required_parameter(answer.responses, "SOFTWARE_TOKEN_MFA_CODE")
    user.lock_out.check(pool.elapsed())
    if user.software_token is None:
        raise PoolRefusal(error_templates.TOTP_NOT_SET_UP)
    if not spend_totp(user.software_token, code, pool.clock()):
        user.lock_out.record_failure(pool.elapsed())
        raise PoolRefusal(error_templates.TOTP_MISMATCH)
    attempt = second_factor_passed(pool, answer.attempt, State.SOFTWARE_TOKEN_MFA)
    return next_challenge(pool, attempt, answer.metadata)


def second_factor_passed(pool: Core, attempt: Attempt, challenge: State) -> Attempt:
    """The attempt with its second factor passed, and noted for DefineAuthChallenge in CUSTOM_AUTH."""
    methods = (*attempt.methods, AMR_METHODS[challenge])
    attempt = evolve(attempt, second_factor_passed=True, methods=methods)
    if attempt.flow != "CUSTOM_AUTH":
        return attempt
    if not pool.configuration.contradictions.custom_challenge_after_mfa:
        return evolve(attempt, custom_passed=True)
    return evolve(attempt, rounds=(*attempt.rounds, custom.passed_round(challenge)))


# One-time passwords as a first factor: a code of eight digits, by e-mail or SMS (EMAIL_OTP, SMS_OTP).
@frozen
class FirstFactorCode:
    """A code that is a first factor.

    Args:
        code: the code; of a user who is not there, one that nobody was sent.
        address: where it went.
    """

    code: Secret[str]
    address: str


def send_first_code(
    pool: Core, attempt: Attempt, factor: State
) -> tuple[dict[str, str], FirstFactorCode]:
    """Send the code of EMAIL_OTP or SMS_OTP.

    Returns:
        ChallengeParameters, which have no user name here (AWS API reference, an example), and what the
        answer is checked against.
    """
    code = new_code(pool.entropy, pool.configuration.contradictions.first_factor_digits)
    if attempt.user is not None:
        medium, address = delivery_address(attempt.user, factor)
        pool.outbox.put(Message(attempt.username, address, medium, factor, code, pool.clock()))
    else:
        medium, address = _pretended(pool, attempt.submitted_name, factor)
    parameters = {
        "CODE_DELIVERY_DELIVERY_MEDIUM": medium,
        "CODE_DELIVERY_DESTINATION": masked_address(medium, address),
    }
    return parameters, FirstFactorCode(code, address)


def _pretended(pool: Core, typed: str, factor: State) -> tuple[str, str]:
    """An address for a user who is not there, the same at every asking: what was typed, where it is one."""
    mark = pool.mark(factor, typed)
    if factor is State.SMS_OTP:
        made = f"+1555555{int.from_bytes(mark, 'big') % 10**4:04d}"
        return "SMS", typed if typed.startswith("+") else made
    made = f"{chr(97 + mark[0] % 26)}@{chr(97 + mark[1] % 26)}"
    return "EMAIL", typed if "@" in typed else made


def email_otp(pool: Core, answer: ChallengeAnswer) -> Reply:
    """EMAIL_OTP: one name with two roles; what was sent tells which."""
    return (
        first_code if isinstance(answer.pending.expected_answer, FirstFactorCode) else sent_code
    )(pool, answer)


def first_code(pool: Core, answer: ChallengeAnswer) -> Reply:
    """EMAIL_OTP and SMS_OTP as first factor: the code."""
    sent: FirstFactorCode = answer.pending.expected_answer
    factor, user = State[answer.pending.challenge], answer.attempt.user
    code = required_parameter(answer.responses, f"{factor}_CODE")
    if not codes_match(sent.code, code) or user is None:
        raise PoolRefusal(error_templates.CODE_MISMATCH)
    # After the code: who has none is told nothing of devices. The same code can be given again.
    attempt = devices.with_device_key(pool, answer.attempt, answer.responses.get("DEVICE_KEY"))
    address = "email" if factor is State.EMAIL_OTP else "phone_number"
    if user.attributes.get(address) == sent.address:
        user.attributes[f"{address}_verified"] = "true"
        pool.users.index(user)
    imported = user.status is Status.RESET_REQUIRED and user.credential is None
    if user.status is Status.UNCONFIRMED or imported:
        # Imported users "aren't required to set a password before sign-in" (developer guide).
        user.status, user.modified = Status.CONFIRMED, pool.clock()
    return next_challenge(pool, with_first_factor(attempt, factor), answer.metadata)


def with_first_factor(attempt: Attempt, factor: State) -> Attempt:
    """The attempt, with a code as its first factor."""
    return evolve(attempt, methods=(*attempt.methods, token_claims.AMR_METHODS[factor]))
