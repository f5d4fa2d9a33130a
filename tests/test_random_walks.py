"""Random walks through random pools: no transition off the table, no crash, no tokens without the required proofs.

`tests/random_walker.py` takes the walks, and `tests/oracle.py` derives what each answer proves; `MFA_EXCEPTIONS` are the
documented ways to tokens without a second factor. Each run repeats the same walks; `AUTHFSM_WALKS=5000` takes that many
new ones.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey
from oracle import KnownUser, OpenChallenge
from password_scenarios import FACTOR_ACTIVATIONS, FACTORS, triggers_naming
from random_walker import Walker
from scenario_user import (
    NEW_USER,
    PASSWORD,
    USER,
    Scenario,
    admin_call,
    begin_with,
    register_passkey,
    remember_device,
    respond_with,
    sign_up,
    signature,
)
from token_checks import MfaException, TokenChecks
from user_auth_scenarios import EVERY_FIRST_FACTOR, MFA_AND_PASSKEYS

from authfsm.local import Contradictions, DeviceConfiguration
from authfsm.protocol import responses as r
from authfsm.protocol.states import State

STEPS: Final = 30
LONGER: Final = int(os.environ.get("AUTHFSM_WALKS", "0"))
WALKS: Final = settings(
    max_examples=LONGER or 60,
    phases=[Phase.generate],  # the seeds have no order: what shrinks is the walk
    derandomize=not LONGER,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def _remembered_device(walker: TokenChecks, before: OpenChallenge) -> bool:
    configured = walker.pool.configuration.device
    return "device" in before.proofs and bool(configured and configured.challenge_required_on_new_device)


def _passkey(walker: TokenChecks, before: OpenChallenge) -> bool:
    configuration = walker.pool.configuration
    multi = "MULTI_FACTOR_WITH_USER_VERIFICATION"
    return (
        {"swk", "verified"} <= before.proofs
        and configuration.webauthn is not None
        and configuration.webauthn.factor_configuration == multi
    )


def _passwordless(walker: TokenChecks, before: OpenChallenge) -> bool:
    optional = walker.pool.configuration.mfa == "OPTIONAL"
    return optional and "first" in before.proofs and "pwd" not in before.proofs


def _functions_alone(_: TokenChecks, before: OpenChallenge) -> bool:
    return before.flow == "CUSTOM_AUTH" and "pwd" not in before.proofs


def _newcomer(walker: TokenChecks, before: OpenChallenge) -> bool:
    person: KnownUser | None = before.person
    options = walker.pool.configuration.contradictions
    return options.first_sign_in_without_mfa and person is not None and person.never_signed_in


MFA_EXCEPTIONS: Final = (
    MfaException(
        "a remembered device stands for the second factor",
        "developer guide, 'Working with user devices': with ChallengeRequiredOnNewDevice=true the device is "
        "authenticated instead of the MFA (protocol.md 2.2, 5.1)",
        _remembered_device,
    ),
    MfaException(
        "a passkey with user verification is both factors",
        "AWS API reference, WebAuthnMfaSettingsType: FactorConfiguration=MULTI_FACTOR_WITH_USER_VERIFICATION "
        "(protocol.md 2.3)",
        _passkey,
    ),
    MfaException(
        "a passwordless first factor, where MFA is optional",
        "developer guide, 'Authentication with user pools': who signs in with a one-time password can't add an MFA "
        "factor to that session; MFA switched on in between makes no difference to it (protocol.md 2.3)",
        _passwordless,
    ),
    MfaException(
        "the pool's own functions issued the tokens, and no password was asked for",
        "'MFA is not supported in passwordless custom flows', the Cognito team in amplify-js #12887 (protocol.md 2.5)",
        _functions_alone,
    ),
    MfaException(
        "the first sign-in after self sign-up",
        "developer guide, MFA decision tree; contradicted by tests of aws-sdk-net-extensions-cognito, and off unless "
        "Contradictions.first_sign_in_without_mfa (protocol.md 2.2)",
        _newcomer,
    ),
)


def walk(seed: int, signing_key: RSAKey, steps: Sequence[int]) -> Walker:
    """Take a walk with a seed for the pool and the users; each step's number is the seed of that step.

    Raises:
        PoolViolation: the pool did what it must never do.
    """
    walker = Walker(seed, signing_key, MFA_EXCEPTIONS)
    acts = (
        *(walker.sign_in,) * 8,
        *(
            walker.begin_sign_in,
            walker.begin_sign_in,
            walker.answer_correctly,
            walker.answer_correctly,
            walker.answer_wrongly,
            walker.answer_wrongly,
        ),
        *(walker.use_tokens, walker.use_tokens, walker.refresh, walker.refresh),
        *(walker.administer, walker.administer, walker.wait, walker.wait, walker.sign_up),
    )
    for step in steps:
        dice = random.Random(f"{seed} {step}")  # noqa: S311 - it repeats itself, on purpose
        dice.choice(acts)(dice.choice)
    return walker


def shortest_error(seed: int, signing_key: RSAKey) -> Exception:
    """Return the error of a failing walk without the steps that are not needed for it."""
    steps = list(range(STEPS))
    failure: Exception = AssertionError("it does not fail again")
    for step in [None, *reversed(range(STEPS))]:
        fewer = [each for each in steps if each != step]
        try:
            walk(seed, signing_key, fewer)
        except Exception as error:  # noqa: BLE001 - any error is to be reported
            steps, failure = fewer, error
    return failure


@pytest.fixture(scope="module")
def walkers(signing_key: RSAKey) -> list[Walker]:
    """Return the walkers after their walks."""
    finished: list[Walker] = []

    @WALKS
    @given(seed=st.integers(0, 2**64 - 1))
    def walks(seed: int) -> None:
        try:
            finished.append(walk(seed, signing_key, range(STEPS)))
        except Exception:  # noqa: BLE001 - the same error after fewer steps
            raise shortest_error(seed, signing_key) from None

    walks()
    return finished


def test_no_walk_breaks_the_rules(walkers: list[Walker]) -> None:
    """No walk causes a crash, a transition off the table, or tokens without the required proofs."""
    assert walkers


def test_the_walks_cover_many_transitions(walkers: list[Walker]) -> None:
    """Many walks end with tokens, along many transitions."""
    transitions = frozenset().union(*(walker.transitions for walker in walkers))
    tokens = sum(len(walker.tokens) for walker in walkers)

    assert len(transitions) >= 80
    assert tokens >= len(walkers)


_SIGNS_IN: Final = begin_with(r.UserPasswordAuth, USER, PASSWORD)
_PASSKEY_FOR_MFA: Final = admin_call(
    "set_user_mfa_preference", SMSMfaSettings={"Enabled": True}, WebAuthnMfaSettings={"Enabled": True}
)
EXCEPTION_SCENARIOS: Final = (
    Scenario(
        MFA_EXCEPTIONS[0].name,
        (remember_device, _SIGNS_IN, respond_with(r.SrpA), respond_with(r.SrpClaim)),
        State.AUTHENTICATED,
        {"mfa": "ON", "device": DeviceConfiguration(challenge_required_on_new_device=True)},
        FACTORS,
    ),
    Scenario(
        MFA_EXCEPTIONS[1].name,
        (
            register_passkey,
            _PASSKEY_FOR_MFA,
            begin_with(r.UserAuth, USER, "WEB_AUTHN"),
            respond_with(r.Credential, signature),
        ),
        State.AUTHENTICATED,
        MFA_AND_PASSKEYS,
        FACTORS,
    ),
    Scenario(
        MFA_EXCEPTIONS[2].name,
        (
            begin_with(r.UserAuth, USER, "EMAIL_OTP"),
            FACTOR_ACTIVATIONS[State.SMS_MFA],
            respond_with(r.Code, lambda scenario_user: scenario_user.code()),
        ),
        State.AUTHENTICATED,
        {**EVERY_FIRST_FACTOR, "mfa": "OPTIONAL"},
        FACTORS,
    ),
    Scenario(
        MFA_EXCEPTIONS[3].name,
        (begin_with(r.CustomAuth, USER),),
        State.AUTHENTICATED,
        {"mfa": "ON", "triggers": triggers_naming("TOKENS")},
        FACTORS,
    ),
    Scenario(
        MFA_EXCEPTIONS[4].name,
        (sign_up, begin_with(r.UserPasswordAuth, NEW_USER, PASSWORD)),
        State.AUTHENTICATED,
        {"mfa": "ON", "contradictions": Contradictions(first_sign_in_without_mfa=True)},
    ),
)


def test_every_exception_has_a_scenario() -> None:
    """Each exception has a sign-in that needs it."""
    assert [scenario.name for scenario in EXCEPTION_SCENARIOS] == [exception.name for exception in MFA_EXCEPTIONS]


@pytest.mark.parametrize("scenario", EXCEPTION_SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_pool_makes_the_exception(scenario: Scenario, signing_key: RSAKey) -> None:
    """In a known exception the pool issues tokens without a second factor."""
    scenario_user = scenario.play(signing_key)
    last = scenario_user.flow.history

    assert scenario_user.flow.state is State.AUTHENTICATED
    assert not {step.source for step in last} & {State.SMS_MFA, State.SOFTWARE_TOKEN_MFA}
