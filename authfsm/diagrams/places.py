"""Where things stand on the paper: a place is a state, and for EMAIL_OTP the role it plays there.

Everything here is computed from the sets of `authfsm.protocol.table`; nothing about layout or colour.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

from attrs import frozen

from authfsm.protocol.nodes import landings, taken
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import SECOND, Role, Transition
from authfsm.protocol.vocabulary import DEVICE_STATES, SET_UP_STATES


class Group(str, Enum):
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
    State.START: Group.BEGIN,
    State.AUTHENTICATED: Group.END,
    State.FAILED: Group.OUTSIDE,
    State.OTHER_CHALLENGE: Group.OUTSIDE,
}


@frozen
class Place:
    """A state where it is drawn.

    Args:
        state: the state.
        role: which factor it is there, for EMAIL_OTP alone, which is drawn twice.
    """

    state: State
    role: Role | None = None

    @property
    def name(self) -> str:
        """A name that no other place has."""
        return f"{self.state} ({self.role})" if self.role else str(self.state)

    @property
    def group(self) -> Group:
        """What the place is for."""
        if self.state in _OURS:
            return _OURS[self.state]
        if self.state in SET_UP_STATES:
            return Group.SET_UP
        if self.state in DEVICE_STATES:
            return Group.DEVICE
        if self.role is Role.SECOND_FACTOR or (self.role is None and self.state in SECOND):
            return Group.SECOND_FACTOR
        return Group.FIRST_FACTOR


_ROLES: Final = {State.EMAIL_OTP: tuple(Role)}

PLACES: Final = tuple(Place(state, role) for state in State for role in _ROLES.get(state, (None,)))
"""Every place, in the order of a sign-in."""

ORDER: Final = {place: number for number, place in enumerate(PLACES)}
"""The number of each place in that order."""

Members = frozenset[Place]


def takes(place: Place, response: type[Response]) -> bool:
    """Does a state take this response in the role it plays here?"""
    return taken(place.state, place.role, response)


def landing(place: Place, response: type[Response], dest: State) -> tuple[Place, ...]:
    """The places that an arrow from this place leads to: two, where an e-mailed code may be either factor."""
    arrow = Transition(place.state, response, dest)
    return tuple(Place(dest, role) for role in landings(arrow, place.role))


def place_of(state: State, role: Role | None) -> Place:
    """The place of a state; without a role an e-mailed code is a second factor."""
    if state not in _ROLES:
        return Place(state)
    return Place(state, role or Role.SECOND_FACTOR)


def in_order(places: Iterable[Place]) -> tuple[Place, ...]:
    """Places in the order of a sign-in."""
    return tuple(sorted(places, key=ORDER.__getitem__))


@frozen
class Arrow:
    """An arrow of the table between two places.

    Args:
        source: where it leaves.
        response: the class of the response that is given.
        dest: where it leads.
    """

    source: Place
    response: type[Response]
    dest: Place

    @property
    def transition(self) -> Transition:
        """The arrow of the table that this is."""
        return Transition(self.source.state, self.response, self.dest.state)
