"""What stands on the paper: the protocol's nodes in groups, and the arrows between them.

Everything here is computed from the sets of `authfsm.protocol.table`; nothing about layout or colour.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

from attrs import frozen

from authfsm.protocol.nodes import NODES, Node
from authfsm.protocol.responses import Response
from authfsm.protocol.states import DEVICE_STATES, SET_UP_STATES, State
from authfsm.protocol.table import SECOND_FACTOR, LoopKind, Role, Transition


class StateGroup(str, Enum):
    """What a place is for: the parts of a sign-in, in their order."""

    BEGIN = "begin"
    FIRST_FACTOR = "first factor"
    SET_UP = "set-up"
    SECOND_FACTOR = "second factor"
    DEVICE = "device"
    END = "end"
    OUTSIDE = "outside"

    __str__ = str.__str__


_OURS: Final = {
    State.START: StateGroup.BEGIN,
    State.AUTHENTICATED: StateGroup.END,
    State.FAILED: StateGroup.OUTSIDE,
    State.OTHER_CHALLENGE: StateGroup.OUTSIDE,
}


def group(node: Node) -> StateGroup:
    """Return what a node is for."""
    if node.state in _OURS:
        return _OURS[node.state]
    if node.state in SET_UP_STATES:
        return StateGroup.SET_UP
    if node.state in DEVICE_STATES:
        return StateGroup.DEVICE
    if node.role is Role.SECOND_FACTOR or (node.role is None and node.state in SECOND_FACTOR):
        return StateGroup.SECOND_FACTOR
    return StateGroup.FIRST_FACTOR


ORDER: Final = {node: number for number, node in enumerate(NODES)}
"""The number of each node in the order of a sign-in."""

Members = frozenset[Node]


def in_order(places: Iterable[Node]) -> tuple[Node, ...]:
    """Places in the order of a sign-in."""
    return tuple(sorted(places, key=ORDER.__getitem__))


@frozen
class Arrow:
    """An arrow of the table between two places.

    Args:
        source: where it leaves.
        response: the class of the response that is given.
        dest: where it leads.
        kind: what it is, where it stays in its state; None where it leaves it.
    """

    source: Node
    response: type[Response]
    dest: Node
    kind: LoopKind | None = None

    @property
    def transition(self) -> Transition:
        """The arrow of the table that this is."""
        return Transition(self.source.state, self.response, self.dest.state, self.kind)
