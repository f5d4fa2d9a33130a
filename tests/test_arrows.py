"""The map is the territory: every arrow of the table is produced by a scenario, or there is a reason why none can.

`tests/scenarios.py` has the scenarios, `tests/unreachable.py` the reasons. The list is printed: `pytest -rA`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from typing import Final

import pytest
from joserfc.jwk import RSAKey
from samples import named
from scenario_user import Scenario
from scenarios import SCENARIOS
from unreachable import UNREACHABLE, Unreachable

from authfsm.protocol.table import TRANSITIONS, Transition

NOT_YET: Final[frozenset[Transition]] = frozenset()
"""Arrows that the pool does not produce yet and should."""

Arrows = frozenset[Transition]
_PLAYED: dict[str, Arrows] = {}


def played(scenario: Scenario, signing_key: RSAKey) -> Arrows:
    """The arrows of a scenario; it is played once in a run."""
    if scenario.name not in _PLAYED:
        scenario_user = scenario.play(signing_key)
        assert scenario_user.flow.state is scenario.ends, scenario
        _PLAYED[scenario.name] = scenario_user.arrows
    return _PLAYED[scenario.name]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_ends_where_it_says(scenario: Scenario, signing_key: RSAKey) -> None:
    """Each conversation leads where its author meant it to, and along arrows of the table alone."""
    assert played(scenario, signing_key) <= set(TRANSITIONS)


@pytest.fixture(scope="module")
def produced(signing_key: RSAKey) -> Arrows:
    """Every arrow that some scenario goes along."""
    return frozenset().union(*(played(each, signing_key) for each in SCENARIOS))


@cache
def excused() -> Mapping[Transition, tuple[str, ...]]:
    """The reasons there are for each arrow that has any."""
    found = {
        arrow: tuple(rule.reason for rule in UNREACHABLE if rule.applies_to(arrow)) for arrow in TRANSITIONS
    }
    return {arrow: reasons for arrow, reasons in found.items() if reasons}


def listed(arrows: Arrows) -> list[str]:
    """Their names, in the table's order."""
    return [named(arrow) for arrow in TRANSITIONS if arrow in arrows]


def test_every_arrow_is_produced_or_excused(produced: Arrows) -> None:
    """No arrow of the table is there for nothing: a pool goes along it, or a fact about Cognito says why none does."""
    missing = frozenset(TRANSITIONS) - produced - frozenset(excused()) - NOT_YET

    assert listed(missing) == []


def test_no_reason_is_belied(produced: Arrows) -> None:
    """What a scenario produces is not said to be out of reach; nor does one arrow have two reasons."""
    assert listed(produced & frozenset(excused())) == []
    assert [named(arrow) for arrow, reasons in excused().items() if len(reasons) > 1] == []


@pytest.mark.parametrize("rule", UNREACHABLE, ids=lambda rule: rule.reason[:40])
def test_no_reason_is_idle(rule: Unreachable) -> None:
    """Every reason speaks of some arrow."""
    assert any(rule.applies_to(arrow) for arrow in TRANSITIONS)


def test_nothing_is_still_to_do(produced: Arrows) -> None:
    """There are no holes that are merely ours."""
    assert listed(NOT_YET - produced - frozenset(excused())) == []


def test_scenarios_have_names_of_their_own() -> None:
    """A scenario's name is a test's name."""
    names = [each.name for each in SCENARIOS]

    assert len(set(names)) == len(names)


def test_the_list_is_printed(produced: Arrows) -> None:
    """How many arrows are produced, and those that none can produce, by reason."""
    lines = [f"{len(produced)} of {len(TRANSITIONS)} arrows, by {len(SCENARIOS)} scenarios. Not produced:"]
    for rule in UNREACHABLE:
        about = [named(arrow) for arrow in TRANSITIONS if rule.applies_to(arrow)]
        lines += ["", f"{len(about)}. {rule.reason}", *(f"    {name}" for name in about)]
    sys.stdout.write("\n".join([*lines, ""]))

    assert sum(line.startswith("    ") for line in lines) == len(TRANSITIONS) - len(produced)
