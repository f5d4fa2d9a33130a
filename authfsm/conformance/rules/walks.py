"""The rules of the walks, made from the table: each way to prove who one is, times what may be asked after it.

A pair is a rule where the table has the arrow and its evidence is good: what is only inferred, and what sources
contradict each other about, is nobody's fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from attrs import frozen

from authfsm.conformance.pools import (
    ANY_MFA,
    APP_REQUIRED,
    PHONE_OR_APP,
    PLAIN,
    PoolRequirements,
    UserRequirements,
)
from authfsm.conformance.rule import ConformanceRule, RuleGroup, RuleSource
from authfsm.conformance.sign_in_runner import Opening, SignInRunner
from authfsm.conformance.trial import SOMEBODY, Trial
from authfsm.conformance.verdicts import RuleSeverity
from authfsm.protocol import links
from authfsm.protocol import responses as r
from authfsm.protocol.evidence import confidence, evidence
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import TRANSITION_SET, Transition

S = State


@frozen
class SignInMethod:
    """A way to prove a password.

    Args:
        name: its flow, and by which operation where it is not the usual one.
        opening: begins it, and proves the password.
        proved: the state and the response that the proof is given by.
        operation: that begins it.
    """

    name: str
    opening: Opening
    proved: tuple[State, type[Response]]
    operation: str = "InitiateAuth"


@frozen
class Standing:
    """What is asked of somebody whose password is proved.

    Args:
        asked: the challenge; AUTHENTICATED for none.
        pool: in which pool.
        person: of whom.
        words: who that is.
    """

    asked: State
    pool: PoolRequirements
    person: UserRequirements
    words: str


def by_srp(*, admin: bool = False) -> Opening:
    """By USER_SRP_AUTH."""
    return lambda desk, person: desk.cognito(admin=admin).sign_in(person.username, person.password)


def by_password(flow: str, *, admin: bool = False) -> Opening:
    """By a flow that sends the password."""
    return lambda desk, person: desk.cognito(admin=admin).sign_in(
        person.username, person.password, flow=flow
    )


def _preferring(challenge: str) -> Opening:
    return lambda desk, person: desk.cognito().sign_in(
        person.username, person.password, flow="USER_AUTH", preferred_challenge=challenge
    )


_ADMIN: Final = "AdminInitiateAuth"
WAYS: Final = (
    SignInMethod("USER_SRP_AUTH", by_srp(), (S.PASSWORD_VERIFIER, r.SrpClaim)),
    SignInMethod(
        "USER_PASSWORD_AUTH", by_password("USER_PASSWORD_AUTH"), (S.START, r.UserPasswordAuth)
    ),
    SignInMethod(
        "ADMIN_USER_PASSWORD_AUTH",
        by_password("ADMIN_USER_PASSWORD_AUTH", admin=True),
        (S.START, r.AdminUserPasswordAuth),
        _ADMIN,
    ),
    SignInMethod(
        "ADMIN_NO_SRP_AUTH",
        by_password("ADMIN_NO_SRP_AUTH", admin=True),
        (S.START, r.AdminNoSrpAuth),
        _ADMIN,
    ),
    SignInMethod("USER_AUTH.PASSWORD", _preferring("PASSWORD"), (S.START, r.UserAuthWithPassword)),
    SignInMethod(
        "USER_AUTH.PASSWORD_SRP", _preferring("PASSWORD_SRP"), (S.PASSWORD_VERIFIER, r.SrpClaim)
    ),
)
"""The ways to prove a password."""

STANDINGS: Final = (
    Standing(S.AUTHENTICATED, PLAIN, SOMEBODY, "somebody with a password alone"),
    Standing(
        S.NEW_PASSWORD_REQUIRED,
        PLAIN,
        UserRequirements(temporary=True),
        "somebody with a temporary password",
    ),
    Standing(
        S.SMS_MFA,
        ANY_MFA,
        UserRequirements(factors=("SMS_MFA",), preferred="SMS_MFA"),
        "somebody whose second factor is SMS",
    ),
    Standing(
        S.EMAIL_OTP,
        ANY_MFA,
        UserRequirements(factors=("EMAIL_OTP",), preferred="EMAIL_OTP"),
        "somebody whose second factor is e-mail",
    ),
    Standing(
        S.SOFTWARE_TOKEN_MFA,
        PHONE_OR_APP,
        UserRequirements(factors=("SOFTWARE_TOKEN_MFA",), preferred="SOFTWARE_TOKEN_MFA"),
        "somebody whose second factor is an authenticator app",
    ),
    Standing(
        S.SELECT_MFA_TYPE,
        PHONE_OR_APP,
        UserRequirements(factors=("SMS_MFA", "SOFTWARE_TOKEN_MFA")),
        "somebody with two second factors, neither preferred",
    ),
    Standing(
        S.MFA_SETUP,
        APP_REQUIRED,
        SOMEBODY,
        "somebody without a second factor, in a pool that requires one",
    ),
)
"""Who is asked what, once the password is proved."""


def source_of(arrow: Transition, operation: str) -> RuleSource:
    """The best that is known of an arrow, and AWS's page about the operation."""
    known = evidence(arrow)[0]
    return RuleSource(known.source, links.reference(operation), known.confidence)


def _good(arrow: Transition) -> bool:
    return arrow in TRANSITION_SET and not confidence(arrow).thin


def after_a_password() -> Iterator[ConformanceRule]:
    """Each way to prove a password, times each standing."""
    for way in WAYS:
        for standing in STANDINGS:
            arrow = Transition(*way.proved, standing.asked)
            if not _good(arrow):
                continue
            asked = standing.asked
            then = (
                "gets tokens"
                if asked is S.AUTHENTICATED
                else f"is asked {asked}, answers it and gets tokens"
            )
            yield ConformanceRule(
                f"walk.{way.name}.{asked.value}",
                f"By {way.name}, {standing.words} {then}.",
                RuleGroup.WALKS,
                source_of(arrow, way.operation),
                RuleSeverity.MAJOR,
                _walks(way, standing),
            )


def _walks(way: SignInMethod, standing: Standing) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        desk = trial.desk(standing.pool)
        walker = SignInRunner(desk, trial.person(desk, standing.person))
        walker.walk(way.opening, standing.asked)

    return run


WALKS: Final = tuple(after_a_password())
"""Each way to prove a password, times each standing."""
