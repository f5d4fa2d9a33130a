"""What stands in a diagram: nodes in groups, junctions, and the arrows of the table between nodes.

All of it is computed from the sets of `authfsm.protocol.table`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import cache
from typing import Final

from attrs import field, frozen

from authfsm.protocol import links
from authfsm.protocol.nodes import NODES, Node
from authfsm.protocol.responses import Response
from authfsm.protocol.states import DEVICE_STATES, SET_UP_STATES, State
from authfsm.protocol.table import (
    AFTER_LAST_FACTOR,
    AFTER_PASSWORD,
    FIRST_FACTOR,
    SECOND_FACTOR,
    UNKNOWN_CHALLENGE,
    LoopKind,
    Role,
    Transition,
)

START: Final = Node(State.START)
AUTHENTICATED: Final = Node(State.AUTHENTICATED)
FAILED: Final = Node(State.FAILED)


class StateGroup(str, Enum):
    """The purpose of a node: the parts of a sign-in, in their order."""

    BEGIN = "begin"
    FIRST_FACTOR = "first factor"
    SET_UP = "set-up"
    SECOND_FACTOR = "second factor"
    DEVICE = "device"
    END = "end"
    OUTSIDE = "outside"

    __str__ = str.__str__


_STATE_GROUPS: Final = {
    State.START: StateGroup.BEGIN,
    State.AUTHENTICATED: StateGroup.END,
    State.FAILED: StateGroup.OUTSIDE,
    State.OTHER_CHALLENGE: StateGroup.OUTSIDE,
}


@cache
def group_of(node: Node) -> StateGroup:
    """Return the group of a node."""
    if node.state in _STATE_GROUPS:
        return _STATE_GROUPS[node.state]
    if node.state in SET_UP_STATES:
        return StateGroup.SET_UP
    if node.state in DEVICE_STATES:
        return StateGroup.DEVICE
    if node.role is Role.SECOND_FACTOR or (node.role is None and node.state in SECOND_FACTOR):
        return StateGroup.SECOND_FACTOR
    return StateGroup.FIRST_FACTOR


_GROUP_PAGES: Final = {
    StateGroup.BEGIN: links.reference("InitiateAuth"),
    StateGroup.FIRST_FACTOR: links.AUTHENTICATION_FLOWS,
    StateGroup.SET_UP: links.reference("RespondToAuthChallenge"),
    StateGroup.SECOND_FACTOR: links.MFA,
    StateGroup.DEVICE: links.DEVICES,
    StateGroup.END: links.TOKENS,
    StateGroup.OUTSIDE: links.reference("RespondToAuthChallenge"),
}
_STATE_PAGES: Final = {
    State.CUSTOM_CHALLENGE: links.CUSTOM_CHALLENGES,
    State.MFA_SETUP: links.TOTP,
    State.SOFTWARE_TOKEN_MFA: links.TOTP,
    State.ADMIN_NO_SRP_AUTH: links.reference("AdminInitiateAuth"),
}


def documentation_link(node: Node) -> str:
    """Return the AWS page that explains a node best."""
    return _STATE_PAGES.get(node.state, _GROUP_PAGES[group_of(node)])


ORDER: Final = {node: number for number, node in enumerate(NODES)}
"""The number of each node in the order of a sign-in."""


def in_order(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Sort nodes in the order of a sign-in."""
    return tuple(sorted(nodes, key=ORDER.__getitem__))


@frozen(cache_hash=True)
class Arrow:
    """An arrow of the table between two nodes; `kind` is None unless it stays in its state."""

    source: Node
    response: type[Response]
    dest: Node
    kind: LoopKind | None = None
    transition: Transition = field(init=False, eq=False, repr=False)
    """The table's arrow, which does not tell the roles of EMAIL_OTP apart."""

    @transition.default
    def _transition(self) -> Transition:
        return Transition(self.source.state, self.response, self.dest.state, self.kind)


@frozen(cache_hash=True)
class Junction:
    """A point where arrows with the same destinations meet (a choice point in UML)."""

    name: str
    members: frozenset[Node]


Vertex = Node | Junction


def _members(states: Iterable[State], role: Role) -> frozenset[Node]:
    return frozenset(Node(s, role if s is State.EMAIL_OTP else None) for s in states)


_CODES = SECOND_FACTOR - {State.MFA_SETUP}
JUNCTIONS: Final = (
    Junction("password proved", _members(AFTER_PASSWORD - UNKNOWN_CHALLENGE, Role.SECOND_FACTOR)),
    Junction(
        "permanent password proved",
        _members(SECOND_FACTOR | AFTER_LAST_FACTOR - UNKNOWN_CHALLENGE, Role.SECOND_FACTOR),
    ),
    Junction("first factor asked", _members(FIRST_FACTOR - UNKNOWN_CHALLENGE, Role.FIRST_FACTOR)),
    Junction("second factor asked", _members(_CODES, Role.SECOND_FACTOR)),
    Junction("code asked", _members(_CODES - {State.SELECT_MFA_TYPE}, Role.SECOND_FACTOR)),
    Junction("factors proved", _members(AFTER_LAST_FACTOR - UNKNOWN_CHALLENGE, Role.SECOND_FACTOR)),
)
"""The named sets of the table as junctions, larger ones before those they contain."""


def fold(
    dests: Iterable[Node], junctions: Iterable[Junction], inside: Junction | None = None
) -> tuple[Vertex, ...]:
    """Return the junctions, perhaps only those inside one, and nodes that make up destinations."""
    whole = frozenset(dests)
    rest = whole
    folded: list[Vertex] = []
    for junction in junctions:
        smaller = inside is None or junction.members < inside.members
        if smaller and junction.members <= whole and len(junction.members & rest) > 1:
            folded.append(junction)
            rest -= junction.members
    return (*folded, *in_order(rest))
