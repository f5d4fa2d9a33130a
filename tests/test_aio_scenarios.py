"""The async driver, over HTTP and in threads, takes every scenario in the same steps as the sync driver."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from scenario_user import Scenario, outcome
from scenario_user_async import AsyncScenarioUser, Run, aio_client, event_loop_thread, play, pool_server
from scenarios import SCENARIOS

from authfsm.observers import Observation


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """A function that runs a coroutine on an event loop of the module."""
    with event_loop_thread() as run:
        yield run


@pytest.fixture(scope="module")
def over_http(run: Run) -> Iterator[dict[str, Any]]:
    """A served pool, and an aiobotocore client for it."""
    with ExitStack() as stack:
        server, url = stack.enter_context(pool_server())
        context = aio_client(url)
        client = run(context.__aenter__())
        stack.callback(lambda: run(context.__aexit__(None, None, None)))
        yield {"server": server, "client": client}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
@pytest.mark.parametrize("way", ["threads", "HTTP"])
def test_every_scenario_takes_the_same_steps(
    scenario: Scenario, way: str, signing_key: RSAKey, run: Run, request: pytest.FixtureRequest
) -> None:
    """State, history, actions and observations are those of the sync driver."""
    observations: list[Observation] = []
    threads: set[str] = set()

    def observer(observation: Observation) -> None:
        observations.append(observation)
        threads.add(threading.current_thread().name)

    more = request.getfixturevalue("over_http") if way == "HTTP" else {}
    scenario_user = AsyncScenarioUser(signing_key, scenario.pool, scenario.user, run=run, observers=[observer], **more)
    play(scenario, scenario_user)

    assert scenario_user.flow.state is scenario.ends
    assert [each.walk for each in scenario_user.flows] == [False] * len(scenario_user.flows)
    assert scenario_user.steps == outcome(scenario, signing_key).steps
    assert [each.step for each in observations if each.lost is None] == [
        step for flow in scenario_user.flows for step in flow.history
    ]
    assert threads <= {"event loop"}
