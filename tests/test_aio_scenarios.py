"""The async driver goes every way that the other goes, over HTTP and over threads, step for step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import attrs
import pytest
from joserfc.jwk import RSAKey
from scenario_user import Scenario, ScenarioUser
from scenario_user_async import AsyncScenarioUser, Run, a_loop, a_stage, aio_client, played
from scenarios import SCENARIOS

from authfsm.core.history import Step
from authfsm.observers import Observation


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs a coroutine on an event loop that lasts as long as the module."""
    with a_loop() as run:
        yield run


@pytest.fixture(scope="module")
def over_http(run: Run) -> Iterator[dict[str, Any]]:
    """A served stage, and an aiobotocore client of it."""
    with ExitStack() as stack:
        stage, url = stack.enter_context(a_stage())
        made = aio_client(url)
        client = run(made.__aenter__())
        stack.callback(lambda: run(made.__aexit__(None, None, None)))
        yield {"stage": stage, "client": client}


def histories(scenario_user: ScenarioUser) -> list[list[Step]]:
    """Every step of every sign-in; when it was is told from where that scenario_user's clock began."""
    return [[attrs.evolve(step, at=None) for step in flow.history] for flow in scenario_user.flows]


def moments(scenario_user: ScenarioUser) -> list[float]:
    """When each step was, in seconds from the first."""
    at = [step.at.timestamp() for flow in scenario_user.flows for step in flow.history if step.at]
    return [round(each - at[0], 3) for each in at]


_IN_THE_SYNC_DRIVER: dict[str, tuple[Any, Any]] = {}


def in_the_sync_driver(scenario: Scenario, signing_key: RSAKey) -> tuple[Any, Any]:
    """The steps of a scenario with the sync driver, and their moments; it is played once for both ways."""
    if scenario.name not in _IN_THE_SYNC_DRIVER:
        scenario_user = scenario.play(signing_key)
        _IN_THE_SYNC_DRIVER[scenario.name] = histories(scenario_user), moments(scenario_user)
    return _IN_THE_SYNC_DRIVER[scenario.name]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
@pytest.mark.parametrize("way", ["threads", "HTTP"])
def test_every_scenario_goes_the_same_way(
    scenario: Scenario, way: str, signing_key: RSAKey, run: Run, request: pytest.FixtureRequest
) -> None:
    """State, history and actions are those of the sync driver; observers are told each step, in the loop's thread."""
    seen: list[Observation] = []
    threads: set[str] = set()

    def observer(observation: Observation) -> None:
        seen.append(observation)
        threads.add(threading.current_thread().name)

    more = request.getfixturevalue("over_http") if way == "HTTP" else {}
    scenario_user = AsyncScenarioUser(
        signing_key, scenario.pool, scenario.user, run=run, observers=[observer], **more
    )
    played(scenario, scenario_user)

    assert scenario_user.flow.state is scenario.ends
    assert [each.walk for each in scenario_user.flows] == [False] * len(scenario_user.flows)
    assert (histories(scenario_user), moments(scenario_user)) == in_the_sync_driver(scenario, signing_key)
    assert [each.step for each in seen if each.lost is None] == [
        step for flow in scenario_user.flows for step in flow.history
    ]
    assert threads <= {"the loop"}
