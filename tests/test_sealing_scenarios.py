"""A sign-in that is sealed and resumed after every step takes the same steps, in every scenario."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from joserfc.jwk import RSAKey
from scenario_user import Scenario, ScenarioUser, facts, outcome
from scenarios import SCENARIOS

from authfsm import Flow, new_key
from authfsm.drivers.boto import Cognito


class Hopping:
    """A flow that is sealed and resumed before each call, as long as it can be sealed.

    Args:
        scenario_user: gives a driver that has never seen this sign-in.
        flow: the flow.
    """

    def __init__(self, scenario_user: ScenarioUser, flow: Flow) -> None:
        self._sitting, self._flow = scenario_user, flow
        self._hop()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._flow, name)
        return self._then_hops(value) if callable(value) else value

    def _then_hops(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            try:
                return call(*args, **kwargs)
            finally:
                self._hop()

        return called

    def _hop(self) -> None:
        if self._flow.done:
            return
        key = new_key()
        for driver in (self._sitting.pool.cognito(client=self._sitting.client), self._sitting.cognito):
            self._flow = driver.resume(self._flow.seal(key), key)


class HoppingUser(ScenarioUser):
    """A scenario user whose every sign-in is a `Hopping` flow."""

    def begin(self) -> None:
        """Begin a sign-in, as `ScenarioUser.begin`."""
        super().begin()
        self.flows[-1] = cast("Flow", Hopping(self, self.flows[-1]))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_scenario_ends_as_without_sealing(scenario: Scenario, signing_key: RSAKey) -> None:
    """A sign-in that is sealed and resumed after each step has the same states, steps and end."""
    there = outcome(scenario, signing_key)
    scenario_user = HoppingUser(signing_key, scenario.pool, scenario.user)
    assert isinstance(scenario_user.cognito, Cognito)

    for move in scenario.moves:
        move(scenario_user)

    assert scenario_user.flow.state is scenario.ends
    assert (facts(scenario_user), scenario_user.steps) == (there.facts, there.steps)
