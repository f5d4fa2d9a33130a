"""The table as a log can see it: its arrows between places, by the words that a log has for what was given.

A log of steps says which response was given; CloudTrail says only the AuthFlow, the ChallengeName or the
operation that the request bore. Either is a word. What a log leaves out is `UNKNOWN`, and the relation is
closed under forgetting: whatever is on the table stays on it when a part of it is not known. So a step
that is not in the relation is illegal however the gaps are filled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import Final, NamedTuple

from authfsm.protocol.api_requests import names_for
from authfsm.protocol.nodes import edge_roles
from authfsm.protocol.responses import (
    AssociateSoftwareToken,
    Response,
)
from authfsm.protocol.states import State
from authfsm.protocol.table import (
    ACKNOWLEDGEMENT,
    PREREQUISITES,
    RESTART,
    RETRY,
    TRANSITIONS,
    Prerequisite,
    Role,
    Transition,
)

UNKNOWN: Final = "UNKNOWN"
"""What a log does not tell."""

APP_ASSOCIATED: Final = f"{State.MFA_SETUP}/associated"
"""MFA_SETUP, once AssociateSoftwareToken has given a secret."""

APP_VERIFIED: Final = f"{State.MFA_SETUP}/verified"
"""MFA_SETUP, once VerifySoftwareToken has accepted a code."""

EMAIL_FIRST_FACTOR: Final = f"{State.EMAIL_OTP}/first"
"""EMAIL_OTP as a first factor."""

EMAIL_SECOND_FACTOR: Final = f"{State.EMAIL_OTP}/mfa"
"""EMAIL_OTP as a second factor."""

_ROLES: Final[Mapping[Role | None, tuple[str, ...]]] = {
    # Without a role a place takes what either takes: the log did not tell which it was.
    Role.FIRST_FACTOR: (EMAIL_FIRST_FACTOR, State.EMAIL_OTP.value),
    Role.SECOND_FACTOR: (EMAIL_SECOND_FACTOR, State.EMAIL_OTP.value),
}
_SET_UP: Final[Mapping[Prerequisite | None, tuple[str, ...]]] = {
    None: (State.MFA_SETUP.value, APP_ASSOCIATED, APP_VERIFIED),
    Prerequisite.ASSOCIATED: (APP_ASSOCIATED, APP_VERIFIED),
    Prerequisite.VERIFIED: (APP_VERIFIED,),
}


class LoggedTransition(NamedTuple):
    """An arrow as a log sees it.

    Args:
        source: the place it leaves.
        symbol: what the log has for the response.
        dest: the place it leads to.
    """

    source: str
    symbol: str
    dest: str


def state_of(place: str) -> State | None:
    """The state of a place; None for what is not known."""
    return State.__members__.get(place.partition("/")[0])


def role_of(place: str) -> Role | None:
    """Which factor an e-mailed code is there, if the log tells."""
    return {EMAIL_FIRST_FACTOR: Role.FIRST_FACTOR, EMAIL_SECOND_FACTOR: Role.SECOND_FACTOR}.get(
        place
    )


def order(place: str) -> tuple[int, str]:
    """Where a place stands in a sign-in, to sort by; what is not known stands last."""
    state = state_of(place)
    return (len(State) if state is None else list(State).index(state)), place


def operation(response: type[Response]) -> str:
    """Return the operation of a response that has one of its own, as `AssociateSoftwareToken`."""
    return response.__name__


def _sources(arrow: Transition, role: Role | None) -> tuple[str, ...]:
    match arrow.source:
        case State.MFA_SETUP:
            return _SET_UP[PREREQUISITES.get((arrow.source, arrow.response))]
        case State.EMAIL_OTP:
            return _ROLES[role]
        case state:
            return (state.value,)


def _dests(arrow: Transition, role: Role | None) -> tuple[str, ...]:
    if arrow.kind is ACKNOWLEDGEMENT and arrow.source is State.MFA_SETUP:
        return (APP_ASSOCIATED if arrow.response is AssociateSoftwareToken else APP_VERIFIED,)
    return _ROLES[role] if arrow.dest is State.EMAIL_OTP else (arrow.dest.value,)


def _between(arrow: Transition, words: Iterable[str]) -> Iterator[LoggedTransition]:
    for each in edge_roles(arrow):
        if arrow.kind in REFUSAL_LOOPS:
            for place, word in product(_sources(arrow, each.source), words):
                yield LoggedTransition(place, word, place)
            continue
        for source, word, dest in product(
            _sources(arrow, each.source), words, _dests(arrow, each.dest)
        ):
            yield LoggedTransition(source, word, dest)


REFUSAL_LOOPS: Final = frozenset({RETRY, RESTART})
"""The kinds of self-loop that a refusal is: a log has the refusal, and no reply that leads anywhere."""


@cache
def cloudtrail_transitions(
    *, refused: bool = False
) -> Mapping[LoggedTransition, tuple[type[Response], ...]]:
    """Every arrow as CloudTrail sees it, with the responses that it may be of.

    Args:
        refused: the refusals that keep a sign-in in its state, too.
    """
    found: dict[LoggedTransition, tuple[type[Response], ...]] = {}
    for arrow in TRANSITIONS:
        if arrow.kind in REFUSAL_LOOPS and not refused:
            continue
        for seen in _between(arrow, names_for(arrow.source, arrow.response)):
            if arrow.response not in found.get(seen, ()):
                found[seen] = (*found.get(seen, ()), arrow.response)
    return MappingProxyType(found)


@cache
def recorded_transitions() -> Mapping[LoggedTransition, tuple[type[Response], ...]]:
    """Every arrow as a log of steps sees it, by the response's trigger."""
    return MappingProxyType(
        {
            seen: (arrow.response,)
            for arrow in TRANSITIONS
            if arrow.kind not in REFUSAL_LOOPS
            for seen in _between(arrow, (arrow.response.trigger,))
        }
    )


def closed(arrows: Iterable[LoggedTransition]) -> tuple[LoggedTransition, ...]:
    """The same, and each with any part of it not known; in an order that does not change."""
    found: dict[LoggedTransition, None] = {}
    for arrow in arrows:
        for parts in product(*((part, UNKNOWN) for part in arrow)):
            found[LoggedTransition(*parts)] = None
    return tuple(sorted(found))


def allowed(place: str, arrows: Iterable[LoggedTransition]) -> tuple[str, ...]:
    """The words that a place takes; all of them, if the place is not known."""
    words = (each.symbol for each in arrows if place in {each.source, UNKNOWN})
    return tuple(dict.fromkeys(words))
