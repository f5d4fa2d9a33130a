"""Observers are called for every step once and in order, with both drivers, and get no secret."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from botocore.exceptions import EndpointConnectionError
from joserfc.jwk import RSAKey
from scenario_user import Scenario, ScenarioUser
from scenario_user_async import async_cognito, play
from scenarios import SCENARIOS

from authfsm import State
from authfsm.core.encryption import new_key
from authfsm.core.history import Step
from authfsm.drivers.boto import Cognito
from authfsm.local import LocalPool, ManualClock
from authfsm.observers import Observation, logging_observer
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import ConnectionLost, RefusedUser

PASSWORD = "Correct-Horse-1"


@pytest.fixture
def pool(signing_key: RSAKey) -> LocalPool:
    """A pool whose users receive a code by SMS."""
    local_pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key, clock=ManualClock())
    local_pool.add_user("ada", PASSWORD, phone_number="+15555550143")
    return local_pool


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_step_is_observed_once_and_in_order(scenario: Scenario, signing_key: RSAKey) -> None:
    """The observed steps of each sign-in are its history; lost and unreadable replies are marked, and not in it."""
    observations: list[Observation] = []
    scenario_user = ScenarioUser(signing_key, scenario.pool, scenario.user)
    scenario_user.cognito.observers = (observations.append,)

    play(scenario, scenario_user)

    for flow in scenario_user.flows:
        own = [each for each in observations if each.sign_in == flow.sign_in_id]
        assert tuple(each.step for each in own if each.lost is None) == flow.history
        unanswered = [each for each in own if each.lost is not None]
        assert {each.lost for each in unanswered} <= {"MalformedReply"}
        assert all(each.step not in flow.history for each in unanswered)
        numbers = [each.step.number for each in own]
        assert numbers == sorted(numbers)
    assert len({flow.sign_in_id for flow in scenario_user.flows}) == len(scenario_user.flows)
    assert all(0 < each.seconds < 60 for each in observations)


def lost(**_: object) -> None:
    """A handler of boto3's that loses the request before it is sent."""
    raise EndpointConnectionError(endpoint_url="https://nowhere.example")


def test_a_lost_step_is_marked(pool: LocalPool) -> None:
    """A step without a reply has its response, state and error class; its number is used again."""
    observations: list[Observation] = []
    cognito = pool.cognito(observers=[observations.append])
    flow = cognito.sign_in("ada", PASSWORD)
    code = r.Code(pool.outbox.code_for("ada"))
    event = "before-call.cognito-identity-provider.RespondToAuthChallenge"
    cognito.client.meta.events.register_first(event, lost)
    with pytest.raises(ConnectionLost):
        flow.answer(code)
    cognito.client.meta.events.unregister(event, lost)
    flow.answer(code)

    *_, missed, last = observations
    assert (missed.lost, missed.flow, missed.sign_in) == (
        "ConnectionLost", "USER_SRP_AUTH", flow.sign_in_id,
    )  # fmt: skip
    assert attrs.asdict(missed.step) == {
        "number": 3,
        "source": State.SMS_MFA,
        "response": r.Code,
        "dest": State.SMS_MFA,
        "role": flow.history[1].role,
        "action": RecoveryAction.WAIT,
        "error": None,
        "at": pool.clock(),
    }
    assert (last.lost, last.step) == (None, flow.history[2])


def test_a_sealed_sign_in_keeps_its_id(pool: LocalPool) -> None:
    """A sealed sign-in that another process continues keeps its `sign_in` and its step numbers."""
    observations: list[Observation] = []
    key = new_key()
    flow = pool.cognito(observers=[observations.append]).sign_in("ada", PASSWORD)
    again = pool.cognito(observers=[observations.append]).resume(flow.seal(key), key)
    again.answer(r.Code(pool.outbox.code_for("ada")))

    assert [each.step.number for each in observations] == [1, 2, 3]
    assert {each.sign_in for each in observations} == {flow.sign_in_id}


@pytest.mark.parametrize("driver", ["sync", "async"])
def test_an_observer_that_raises_breaks_nothing(pool: LocalPool, caplog: pytest.LogCaptureFixture, driver: str) -> None:
    """An error of an observer is logged, and the sign-in and other observers continue."""
    observations: list[Observation] = []

    def falls_over(_: Observation) -> None:
        raise RuntimeError("of the observer's own")

    observers = [falls_over, observations.append]
    with caplog.at_level(logging.ERROR, "authfsm"):
        if driver == "sync":
            state = pool.cognito(observers=observers).sign_in("ada", PASSWORD).state
        else:
            state = asyncio.run(async_cognito(pool, observers=observers).sign_in("ada", PASSWORD)).state

    assert state is State.SMS_MFA
    assert [each.step.number for each in observations] == [1, 2]
    assert [record.message for record in caplog.records] == ["an observer of a sign-in failed"] * 2
    assert [record.exc_info and record.exc_info[0] for record in caplog.records] == [RuntimeError] * 2


def test_a_log_line_of_a_lost_step(caplog: pytest.LogCaptureFixture) -> None:
    """The line of a lost step names the error, and its recovery action only if the error has one."""
    observer, step = logging_observer(), Step(1, State.START, r.UserSrpAuth, State.START)
    with caplog.at_level(logging.INFO, "authfsm"):
        observer(Observation("x", step, 1, lost="CancelledError"))
        observer(Observation("x", attrs.evolve(step, action=RecoveryAction.WAIT), 1, lost="ConnectionLost"))

    lines = [record.message for record in caplog.records]
    assert lines == [
        "sign-in x: START, user_srp_auth -> START (CancelledError) in 1000 ms",
        "sign-in x: START, user_srp_auth -> START (ConnectionLost: WAIT) in 1000 ms",
    ]


def test_a_log_line_for_each_step(pool: LocalPool, caplog: pytest.LogCaptureFixture) -> None:
    """Moves are logged at INFO, refusals and lost replies as warnings, with the observation in the record."""
    cognito = pool.cognito(observers=[logging_observer()])
    with caplog.at_level(logging.INFO, "authfsm"):
        flow = cognito.sign_in("ada", PASSWORD)
        with pytest.raises(RefusedUser):
            flow.answer(r.Code("40932177"))

    lines = [record.message.partition(": ")[2].rpartition(" in ")[0] for record in caplog.records]
    assert lines == [
        "START, user_srp_auth -> PASSWORD_VERIFIER",
        "PASSWORD_VERIFIER, srp_claim -> SMS_MFA",
        "SMS_MFA, code -> SMS_MFA (CodeMismatchException: TRY_AGAIN)",
    ]
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO", "WARNING"]
    assert [vars(record)["authfsm"].step for record in caplog.records] == list(flow.history)


# ---- secrets --------------------------------------------------------------------------------------------


def words(value: Any) -> set[str]:
    """Return the texts of a request or reply that are distinctive enough to search for."""
    if isinstance(value, Mapping):
        return set().union(*map(words, value.values()))
    if isinstance(value, (list, tuple)):
        return set().union(*map(words, value))
    plain = {str(each) for each in State} | {"USER_SRP_AUTH", "CODE"}
    return {value} - plain if isinstance(value, str) and len(value) >= 6 else set()


@pytest.mark.parametrize("driver", ["sync", "async"])
def test_no_secret_reaches_an_observer(pool: LocalPool, caplog: pytest.LogCaptureFixture, driver: str) -> None:
    """No secret of a sign-in, nor the password or the name, is observed or logged."""
    observations: list[Observation] = []
    wire: set[str] = {PASSWORD, "ada"}
    client = pool.client()
    client.meta.events.register("provide-client-params.*", lambda params, **_: wire.update(words(params)))
    client.meta.events.register("after-call.*", lambda parsed, **_: wire.update(words(parsed)))
    observers = [observations.append, logging_observer()]

    with caplog.at_level(logging.INFO, "authfsm"):
        if driver == "sync":
            cognito = Cognito(
                client, client_id=pool.client_id, pool_id=pool.pool_id, clock=pool.clock, observers=observers
            )
            flow = cognito.sign_in("ada", PASSWORD)
            with pytest.raises(RefusedUser):
                flow.answer(r.Code("40932177"))
            flow.answer(r.Code(pool.outbox.code_for("ada")))
            flow.refresh()
        else:
            asyncio.run(converses(pool, client, observers))

    assert len(observations) == 5
    assert len(wire) > 15
    timeless = [attrs.evolve(each, seconds=0.0) for each in observations]  # digits may be anything's
    text = f"{timeless!r} {[attrs.asdict(each) for each in timeless]} {caplog.text}"
    for each in observations:  # nor are the digits of an id
        text = text.replace(each.sign_in, "")
    # The refusal's code is no secret; the wire has it in a header too.
    assert {each.rstrip(":") for each in wire if each in text} == {"CodeMismatchException"}


async def converses(pool: LocalPool, client: Any, observers: list[Any]) -> None:
    """Have the conversation with the async driver."""
    flow = await async_cognito(pool, client, observers=observers).sign_in("ada", PASSWORD)
    with pytest.raises(RefusedUser):
        await flow.answer(r.Code("40932177"))
    await flow.answer(r.Code(pool.outbox.code_for("ada")))
    await flow.refresh()
