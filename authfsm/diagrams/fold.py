"""Arrows that always go together fold into junctions (UML choice points), by the sets of the table.

A junction is one of `authfsm.protocol.table`'s sets with a name; a row of the table whose destinations
hold the whole set goes through it. Unfolding a picture gives back the very arrows it was made of.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import frozen

from authfsm.diagrams.places import Members, in_order
from authfsm.protocol.nodes import Node
from authfsm.protocol.states import State
from authfsm.protocol.table import (
    AFTER_LAST_FACTOR,
    AFTER_PASSWORD,
    FIRST_FACTOR,
    SECOND_FACTOR,
    UNKNOWN_CHALLENGE,
    Role,
)


@frozen
class Junction:
    """A point where arrows meet that go on together.

    Args:
        name: what has happened when it is reached.
        members: the places it leads to.
    """

    name: str
    members: Members


Vertex = Node | Junction


def _members(states: Iterable[State], role: Role) -> Members:
    return frozenset(Node(s, role if s is State.EMAIL_OTP else None) for s in states)


JUNCTIONS: Final = (
    Junction("password proved", _members(AFTER_PASSWORD - UNKNOWN_CHALLENGE, Role.SECOND_FACTOR)),
    Junction(
        "permanent password proved",
        _members(SECOND_FACTOR | AFTER_LAST_FACTOR - UNKNOWN_CHALLENGE, Role.SECOND_FACTOR),
    ),
    Junction("first factor asked", _members(FIRST_FACTOR - UNKNOWN_CHALLENGE, Role.FIRST_FACTOR)),
    Junction(
        "second factor asked", _members(SECOND_FACTOR - {State.MFA_SETUP}, Role.SECOND_FACTOR)
    ),
    Junction(
        "code asked",
        _members(SECOND_FACTOR - {State.MFA_SETUP, State.SELECT_MFA_TYPE}, Role.SECOND_FACTOR),
    ),
    Junction("factors proved", _members(AFTER_LAST_FACTOR - UNKNOWN_CHALLENGE, Role.SECOND_FACTOR)),
)
"""The junctions, the larger before those it holds."""


def fold(
    dests: Iterable[Node], junctions: Iterable[Junction], below: Junction | None = None
) -> tuple[Vertex, ...]:
    """The junctions and places that together are exactly these destinations.

    Args:
        dests: where a row of the table leads.
        junctions: the junctions to go through, the larger before those they hold.
        below: use junctions that are smaller than this one alone.
    """
    whole = frozenset(dests)
    rest = whole
    through: list[Vertex] = []
    for junction in junctions:
        smaller = below is None or junction.members < below.members
        if smaller and junction.members <= whole and len(junction.members & rest) > 1:
            through.append(junction)
            rest -= junction.members
    return (*through, *in_order(rest))
