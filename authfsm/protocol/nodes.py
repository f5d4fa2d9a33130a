"""Which factor an e-mailed code is: EMAIL_OTP is one name on the wire with two roles.

The sets of `authfsm.protocol.table` tell: a code among all first factors is a first one, a code among all
second factors is a second one. What draws, prunes or checks the table reads the roles here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import (
    FIRST,
    NEEDS,
    PROTOCOL,
    SECOND,
    TRANSITIONS,
    UNKNOWN,
    Need,
    Role,
    Transition,
)

_FIRST = FIRST - UNKNOWN
_SECOND = SECOND - {State.MFA_SETUP}


class Ends(NamedTuple):
    """The roles that an arrow's two ends play; None where an end is no e-mailed code.

    Args:
        source: the role of the code it leaves.
        dest: the role of the code it leads to.
    """

    source: Role | None
    dest: Role | None

    @property
    def role(self) -> Role | None:
        """The role of the code it leads to; where it leads to none, of the one it leaves."""
        return self.dest or self.source


def roles(dests: Iterable[State]) -> tuple[Role, ...]:
    """Which factor an e-mailed code is, where a reply may lead to one of these states.

    Among all first factors it is a first one, among all second factors a second one; where a
    Lambda may name anything it may be both; after a factor (SMS_OTP, MFA_SETUP) it is a second one.
    """
    among = frozenset(dests)
    first = (Role.FIRST_FACTOR,) if among >= _FIRST else ()
    second = (Role.SECOND_FACTOR,) if among >= _SECOND or not first else ()
    return first + second


def taken(state: State, role: Role | None, response: type[Response]) -> bool:
    """Does a state take this response in this role?"""
    if role is Role.SECOND_FACTOR and NEEDS.get((state, response)) is Need.FIRST_FACTOR:
        return False
    return response in PROTOCOL[state]


def landings(arrow: Transition, source: Role | None) -> tuple[Role | None, ...]:
    """The roles in which an arrow that leaves in one role may arrive."""
    if arrow.dest is not State.EMAIL_OTP:
        return (None,)
    dests = PROTOCOL[arrow.source][arrow.response]
    if arrow.dest is arrow.source and not (dests >= _FIRST or dests >= _SECOND):
        return (source,)  # asked again
    return roles(dests)


@cache
def ends(arrow: Transition) -> tuple[Ends, ...]:
    """The roles that an arrow's ends may play together, in the order of `Role`."""
    return tuple(_ends(arrow))


def _ends(arrow: Transition) -> Iterator[Ends]:
    sources = tuple(Role) if arrow.source is State.EMAIL_OTP else (None,)
    for source in sources:
        if taken(arrow.source, source, arrow.response):
            yield from (Ends(source, dest) for dest in landings(arrow, source))


IN_ROLES = tuple((arrow, each) for arrow in TRANSITIONS for each in ends(arrow))
"""Every arrow of the table in every role that its ends may play, in the table's order."""
