"""Answers with a second factor: which one, and its code. Wrong codes count towards the lock-out."""

from __future__ import annotations

from attrs import evolve

from authfsm.local.config import error_templates
from authfsm.local.config.acr_levels import METHODS
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import custom
from authfsm.local.signin.steps import ChallengeAnswer, Choice, SentCode, ask_factor, onward
from authfsm.local.state.codes import same, spend_totp
from authfsm.local.state.core import Core, Reply, wanted
from authfsm.local.state.sessions import Attempt
from authfsm.protocol.states import State


def select_mfa_type(pool: Core, answer: ChallengeAnswer) -> Reply:
    """SELECT_MFA_TYPE: one of those offered."""
    choice: Choice = answer.leg.matter
    chosen = wanted(answer.responses, "ANSWER")
    if chosen not in choice.offered:
        raise PoolRefusal(error_templates.NOT_OFFERED, answer=chosen)
    return ask_factor(pool, answer.attempt, answer.user, State[chosen])


def sent_code(pool: Core, answer: ChallengeAnswer) -> Reply:
    """SMS_MFA and EMAIL_OTP: the right code also verifies the address it went to (developer guide)."""
    sent: SentCode = answer.leg.matter
    user, factor = answer.user, State[answer.leg.challenge]
    code = wanted(answer.responses, f"{factor}_CODE")
    user.lock_out.check(pool.elapsed())
    if not same(sent.code, code):
        user.lock_out.failed(pool.elapsed())
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
    return onward(pool, attempt, answer.metadata)


def software_token(pool: Core, answer: ChallengeAnswer) -> Reply:
    """SOFTWARE_TOKEN_MFA: a TOTP that was not used before."""
    user, code = answer.user, wanted(answer.responses, "SOFTWARE_TOKEN_MFA_CODE")
    user.lock_out.check(pool.elapsed())
    if user.software_token is None:
        raise PoolRefusal(error_templates.NO_TOTP)
    if not spend_totp(user.software_token, code, pool.clock()):
        user.lock_out.failed(pool.elapsed())
        raise PoolRefusal(error_templates.TOTP_MISMATCH)
    attempt = second_factor_passed(pool, answer.attempt, State.SOFTWARE_TOKEN_MFA)
    return onward(pool, attempt, answer.metadata)


def second_factor_passed(pool: Core, attempt: Attempt, challenge: State) -> Attempt:
    """The attempt with its second factor passed, and noted for DefineAuthChallenge in CUSTOM_AUTH."""
    methods = (*attempt.methods, METHODS[challenge])
    attempt = evolve(attempt, second_factor_passed=True, methods=methods)
    if attempt.flow != "CUSTOM_AUTH":
        return attempt
    if not pool.configuration.contradictions.custom_challenge_after_mfa:
        return evolve(attempt, custom_passed=True)
    return evolve(attempt, rounds=(*attempt.rounds, custom.passed(challenge)))
