"""The states and transitions that an application added to a machine of `authfsm.build`, for `diagram(machine)`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from attrs import frozen

from authfsm.core.machine import LeadsTo
from authfsm.protocol.nodes import NODES
from authfsm.protocol.states import State

ANY_STATE: Final = "any state"


@frozen(cache_hash=True)
class OwnTransition:
    """A transition of the application's, between states of its own or of the protocol.

    Args:
        source: the name of a state; `ANY_STATE` for a trigger that every state of the protocol accepts.
        trigger: the name of its trigger.
        dest: the name of a state.
    """

    source: str
    trigger: str
    dest: str

    def ends(self) -> Iterator[tuple[str, str]]:
        """Yield the names of its ends in a drawing: a state with two roles is two nodes."""
        nodes = {name: _nodes(name) for name in (self.source, self.dest)}
        for source in nodes[self.source]:
            yield from ((source, dest) for dest in nodes[self.dest])


def _nodes(name: str) -> tuple[str, ...]:
    return tuple(each.name for each in NODES if each.state.name == name) or (name,)


def own_transitions(machine: Any) -> tuple[OwnTransition, ...]:
    """Return the transitions of a machine that are not the protocol's, in its order.

    Args:
        machine: a machine of `authfsm.build`.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for trigger, event in machine.events.items():
        for source, transitions in event.transitions.items():
            for each in transitions:
                if not any(isinstance(one.func, LeadsTo) for one in each.conditions):
                    found.setdefault((trigger, each.dest or source), []).append(source)
    return tuple(
        OwnTransition(source, trigger, dest)
        for (trigger, dest), sources in found.items()
        for source in ([ANY_STATE] if set(State.__members__) <= {*sources} else sources)
    )


def own_states(machine: Any) -> tuple[str, ...]:
    """Return the names of the states that are not the protocol's."""
    return tuple(name for name in machine.states if name not in State.__members__)
