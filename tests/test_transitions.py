"""Every transition of the table is produced by a scenario, or there is a reason why none can.

`tests/scenarios.py` has the scenarios, `tests/unreachable.py` the reasons. The list is printed: `pytest -rA`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from typing import Final

import pytest
from joserfc.jwk import RSAKey
from samples import transition_id
from scenario_user import Scenario, outcome
from scenarios import SCENARIOS
from unreachable import UNREACHABLE, Unreachable

from authfsm.protocol.table import TRANSITIONS, Transition

MISSING: Final[frozenset[Transition]] = frozenset()
"""Transitions that the pool should produce and does not."""

Transitions = frozenset[Transition]


def transitions_of(scenario: Scenario, signing_key: RSAKey) -> Transitions:
    """Return the transitions of a scenario, which ends where it says."""
    result = outcome(scenario, signing_key)
    assert result.state is scenario.ends, scenario
    return result.transitions


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_ends_where_it_says(scenario: Scenario, signing_key: RSAKey) -> None:
    """Each scenario has its declared end, and takes only transitions of the table."""
    assert transitions_of(scenario, signing_key) <= set(TRANSITIONS)


@pytest.fixture(scope="module")
def produced_transitions(signing_key: RSAKey) -> Transitions:
    """Return every transition that a scenario takes."""
    return frozenset().union(*(transitions_of(each, signing_key) for each in SCENARIOS))


@cache
def unreachable_reasons() -> Mapping[Transition, tuple[str, ...]]:
    """Return the reasons of each transition that has one."""
    reasons_by_transition = {
        transition: tuple(rule.reason for rule in UNREACHABLE if rule.applies_to(transition))
        for transition in TRANSITIONS
    }
    return {transition: reasons for transition, reasons in reasons_by_transition.items() if reasons}


def names_of(transitions: Transitions) -> list[str]:
    """Return the names of transitions, in the table's order."""
    return [transition_id(transition) for transition in TRANSITIONS if transition in transitions]


def test_every_transition_is_produced_or_unreachable(produced_transitions: Transitions) -> None:
    """Each transition of the table is taken by a pool, or a fact about Cognito says why none can."""
    missing = frozenset(TRANSITIONS) - produced_transitions - frozenset(unreachable_reasons()) - MISSING

    assert names_of(missing) == []


def test_no_reason_contradicts_a_scenario(produced_transitions: Transitions) -> None:
    """No transition that a scenario takes has a reason against it, and none has two."""
    assert names_of(produced_transitions & frozenset(unreachable_reasons())) == []
    assert [
        transition_id(transition) for transition, reasons in unreachable_reasons().items() if len(reasons) > 1
    ] == []


@pytest.mark.parametrize("rule", UNREACHABLE, ids=lambda rule: rule.reason[:40])
def test_every_reason_applies_to_a_transition(rule: Unreachable) -> None:
    """Every reason applies to a transition."""
    assert any(rule.applies_to(transition) for transition in TRANSITIONS)


def test_no_transition_is_missing_in_the_pool(produced_transitions: Transitions) -> None:
    """No transition is listed as missing in the pool."""
    assert names_of(MISSING - produced_transitions - frozenset(unreachable_reasons())) == []


def test_scenario_names_are_unique() -> None:
    """The names of scenarios are unique."""
    names = [each.name for each in SCENARIOS]

    assert len(set(names)) == len(names)


def test_the_list_is_printed(produced_transitions: Transitions) -> None:
    """How many transitions are produced, and those that none can produce, by reason."""
    lines = [
        f"{len(produced_transitions)} of {len(TRANSITIONS)} transitions, by {len(SCENARIOS)} scenarios. Not produced:"
    ]
    for rule in UNREACHABLE:
        about = [transition_id(transition) for transition in TRANSITIONS if rule.applies_to(transition)]
        lines += ["", f"{len(about)}. {rule.reason}", *(f"    {name}" for name in about)]
    sys.stdout.write("\n".join([*lines, ""]))

    assert sum(line.startswith("    ") for line in lines) == len(TRANSITIONS) - len(produced_transitions)
