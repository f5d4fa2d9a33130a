"""A pool's settings forbid nothing that the pool does, in sign-ins of every user with every flow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pyotp
import pytest
from attrs import evolve
from joserfc.jwk import RSAKey

from authfsm import PoolSettings, Transition
from authfsm.drivers.boto import Flow
from authfsm.local import DeviceConfiguration, LocalPool, ManualClock, Triggers
from authfsm.protocol import responses as r
from authfsm.protocol.errors import AuthfsmError
from authfsm.protocol.states import State

PASSWORD = "Correct-Horse-1"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
USERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "new": {"temporary": True},
    "phone": {"phone_number": "+15555550143", "preferred_mfa": "SMS_MFA"},
    "mail": {"email": "ada@example.com", "preferred_mfa": "EMAIL_OTP"},
    "both": {"phone_number": "+15555550143", "email": "ada@example.com"},
    "totp": {"totp_secret": SECRET},
}
FLOWS = ("USER_SRP_AUTH", "USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH", "CUSTOM_AUTH", "USER_AUTH")


def define(event: Any) -> Any:
    """Issue one custom challenge, then tokens."""
    session = event["request"]["session"]
    challenge_answered = bool(session) and session[-1]["challengeName"] == "CUSTOM_CHALLENGE"
    event["response"] |= {"issueTokens": True} if challenge_answered else {"challengeName": "CUSTOM_CHALLENGE"}
    return event


def create(event: Any) -> Any:
    """Create a question."""
    event["response"]["publicChallengeParameters"] = {"question": "6 x 7"}
    return event


def verify(event: Any) -> Any:
    """Accept every answer."""
    event["response"]["answerCorrect"] = True
    return event


CUSTOM_AUTH_TRIGGERS = Triggers(define=define, create=create, verify=verify)
POOLS: dict[str, dict[str, Any]] = {
    "off": {"mfa": "OFF"},
    "off, with devices and a Lambda": {"mfa": "OFF", "device": DeviceConfiguration(), "triggers": CUSTOM_AUTH_TRIGGERS},
    "optional": {"mfa": "OPTIONAL", "device": DeviceConfiguration()},
    "required, by app": {"mfa": "ON", "mfa_methods": ["SOFTWARE_TOKEN_MFA"]},
    "required, by SMS": {"mfa": "ON", "mfa_methods": ["SMS_MFA"]},
    "required, with a Lambda": {"mfa": "ON", "triggers": CUSTOM_AUTH_TRIGGERS},
    "passwordless": {"mfa": "OFF", "allowed_first_auth_factors": ["PASSWORD", "EMAIL_OTP", "SMS_OTP"]},
}


def answer_of(flow: Flow, pool: LocalPool, user: str) -> r.Response | None:
    """Return the answer of a user."""
    challenge: Any = flow.challenge
    answers: dict[State, Callable[[], r.Response | None]] = {
        State.NEW_PASSWORD_REQUIRED: lambda: r.NewPassword("Another-Horse-2"),
        State.SMS_MFA: lambda: r.Code(pool.outbox.code_for(user)),
        State.EMAIL_OTP: lambda: r.Code(pool.outbox.code_for(user)),
        State.SMS_OTP: lambda: r.Code(pool.outbox.code_for(user)),
        State.SOFTWARE_TOKEN_MFA: lambda: r.Code(pyotp.TOTP(SECRET).at(pool.clock())),
        State.CUSTOM_CHALLENGE: lambda: r.Answer("42"),
        State.SELECT_MFA_TYPE: lambda: r.Select(challenge.choices[0]),
        State.SELECT_CHALLENGE: lambda: r.Select(
            min(challenge.available, key=lambda name: name.startswith("PASSWORD"))
        ),
        State.PASSWORD: lambda: r.Password(PASSWORD),
        State.MFA_SETUP: lambda: enrolment_step(flow, pool),
    }
    return answers[flow.state]() if flow.state in answers else None


def enrolment_step(flow: Flow, pool: LocalPool) -> r.Response | None:
    """Return the next step of enrolling an authenticator app."""
    challenge: Any = flow.challenge
    if "SOFTWARE_TOKEN_MFA" not in challenge.choices:
        return None
    match flow.history[-1].response:
        case r.AssociateSoftwareToken:
            secret = challenge.secret_code
            return r.VerifySoftwareToken(pyotp.TOTP(secret.reveal()).at(pool.clock()))
        case r.VerifySoftwareToken:
            return r.CompleteMfaSetup()
        case _:
            return r.AssociateSoftwareToken()


def walks(pool: LocalPool) -> Iterator[Flow]:
    """Yield a sign-in of every user with every flow, up to its end."""
    cognito = pool.cognito()
    for (user, pool_settings), name, password in product(USERS.items(), FLOWS, (PASSWORD, None)):
        if password is None and name not in {"CUSTOM_AUTH", "USER_AUTH"}:
            continue
        username = f"{user} {name} {password}"
        pool.add_user(username, password=PASSWORD, **pool_settings)
        try:
            flow = cognito.sign_in(username, password, flow=name)
            while not flow.done and (answer := answer_of(flow, pool, username)):
                flow.answer(answer)
        except (AuthfsmError, StopIteration) as error:
            flow = getattr(error, "flow", None) or flow
        yield flow


@pytest.mark.parametrize("name", POOLS)
def test_no_transition_that_happens_is_ruled_out(name: str, signing_key: RSAKey) -> None:
    """Every transition that a pool takes is possible under the settings of its own description."""
    pool = LocalPool(clock=ManualClock(), key=signing_key, **POOLS[name])
    pool_settings = PoolSettings.describe(pool.client(), pool.pool_id, pool.client_id)
    if "triggers" in POOLS[name]:
        pool_settings = evolve(pool_settings, lambda_config={"DefineAuthChallenge"})  # a function of ours has no ARN
    wrong, count = [], 0
    for flow in walks(pool):
        for step in flow.history:
            count += 1
            role = step.role if step.dest is State.EMAIL_OTP else None
            transition = Transition(step.source, step.response, step.dest, step.kind)
            if why := pool_settings.ruled_out(transition, role):
                wrong.append((transition, role, why))

    assert wrong == []
    assert count > len(USERS) * 3
