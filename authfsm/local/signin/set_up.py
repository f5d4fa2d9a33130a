"""Answers that set something up before the sign-in goes on: a new password, a second factor."""

from __future__ import annotations

import re
from typing import Final

from attrs import evolve

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import passwords
from authfsm.local.signin.second_factor import second_factor_passed
from authfsm.local.signin.steps import ChallengeAnswer, Setup, ask_factor, onward
from authfsm.local.state import attributes
from authfsm.local.state.core import Core, Reply, wanted
from authfsm.protocol.states import State

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def new_password(pool: Core, answer: ChallengeAnswer) -> Reply:
    """NEW_PASSWORD_REQUIRED: the new password, and the attributes that are required."""
    user, password = answer.user, Secret(wanted(answer.responses, "NEW_PASSWORD"))
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
    return onward(pool, attempt, answer.metadata)


def mfa_setup(pool: Core, answer: ChallengeAnswer) -> Reply:
    """MFA_SETUP: closed once VerifySoftwareToken has accepted a code, or answered with an e-mail address.

    The key is `EMAIL` in every client and `email` in the developer guide.
    """
    setup: Setup = answer.leg.matter
    address = answer.responses.get("EMAIL") or answer.responses.get("email")
    if address:
        return _set_up_email(pool, answer, setup, address)
    if not setup.verified:
        raise PoolRefusal(error_templates.SETUP_UNFINISHED)
    if pool.configuration.contradictions.software_token_asked_after_setup:
        return ask_factor(pool, answer.attempt, answer.user, State.SOFTWARE_TOKEN_MFA)
    attempt = second_factor_passed(pool, answer.attempt, State.MFA_SETUP)
    return onward(pool, attempt, answer.metadata)


def _set_up_email(pool: Core, answer: ChallengeAnswer, setup: Setup, address: str) -> Reply:
    in_session = pool.configuration.contradictions.email_set_up_in_session
    if State.EMAIL_OTP not in setup.offered or not in_session:
        raise PoolRefusal(error_templates.NOT_IN_SETUP)
    if not _EMAIL.fullmatch(address):
        raise PoolRefusal(error_templates.BAD_EMAIL)
    if pool.users.is_taken("email", address, answer.user):
        raise PoolRefusal(error_templates.ALIAS_TAKEN, name="email")
    return ask_factor(pool, answer.attempt, answer.user, State.EMAIL_OTP, address)
