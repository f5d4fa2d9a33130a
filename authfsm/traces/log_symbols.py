"""The protocol as a log shows it, and the verdict on a step of a log.

The symbol of a step says what was sent: for a recorded step, it is the trigger of the response; for a CloudTrail event,
it is the AuthFlow, the ChallengeName or the operation of the request. A node is the name of a state with its role
(`authfsm.protocol.nodes`); two more nodes show how far MFA_SETUP has come. A part that the log leaves out is
`NOT_LOGGED`. The query also has copies of each transition with `NOT_LOGGED` in place of one or more parts, so that a
step with such parts can match. A step that matches nothing is illegal, unless the order of the events is uncertain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import Final, NamedTuple

from attrs import frozen

from authfsm.base.mixins import DescribedName
from authfsm.protocol import table as t
from authfsm.protocol.api_requests import names_for
from authfsm.protocol.nodes import Node, edge_roles
from authfsm.protocol.responses import AssociateSoftwareToken, Response
from authfsm.protocol.states import END_STATES, State

NOT_LOGGED: Final = "UNKNOWN"
"""Stands for a node or a symbol that the log does not show."""

# After AssociateSoftwareToken has returned a secret, and after VerifySoftwareToken has accepted a code.
APP_ASSOCIATED: Final = f"{State.MFA_SETUP} (app associated)"
APP_VERIFIED: Final = f"{State.MFA_SETUP} (app verified)"

EMAIL_FIRST_FACTOR: Final = Node(State.EMAIL_OTP, t.Role.FIRST_FACTOR).name
EMAIL_SECOND_FACTOR: Final = Node(State.EMAIL_OTP, t.Role.SECOND_FACTOR).name

FINISHED: Final = frozenset(state.value for state in (*END_STATES, State.START))
"""The nodes of sign-ins that have ended, or not begun; at any other node a sign-in is unfinished."""

_EMAIL_NODES: Final[Mapping[t.Role | None, tuple[str, ...]]] = {
    # The second of each pair is for logs that do not show the role.
    t.Role.FIRST_FACTOR: (EMAIL_FIRST_FACTOR, State.EMAIL_OTP.value),
    t.Role.SECOND_FACTOR: (EMAIL_SECOND_FACTOR, State.EMAIL_OTP.value),
}
_SETUP_NODES: Final[Mapping[t.Prerequisite | None, tuple[str, ...]]] = {
    None: (State.MFA_SETUP.value, APP_ASSOCIATED, APP_VERIFIED),
    t.Prerequisite.ASSOCIATED: (APP_ASSOCIATED, APP_VERIFIED),
    t.Prerequisite.VERIFIED: (APP_VERIFIED,),
}


class LoggedTransition(NamedTuple):
    """A transition as a log shows it: the node it leaves, the symbol of its response, the node it leads to."""

    source: str
    symbol: str
    dest: str


def state_of(node: str) -> State | None:
    """Return the state of a node; None for `NOT_LOGGED` or an unknown name."""
    return State.__members__.get(node.partition(" ")[0])


def role_of(node: str) -> t.Role | None:
    """Return the role of EMAIL_OTP in the name of a node; None for other nodes."""
    roles = {EMAIL_FIRST_FACTOR: t.Role.FIRST_FACTOR, EMAIL_SECOND_FACTOR: t.Role.SECOND_FACTOR}
    return roles.get(node)


def sort_key(node: str) -> tuple[int, str]:
    """Return the key that sorts nodes in the order of a sign-in, with `NOT_LOGGED` last."""
    state = state_of(node)
    return (len(State) if state is None else list(State).index(state)), node


@cache
def cloudtrail_transitions(*, refusals: bool = False) -> Mapping[LoggedTransition, tuple[type[Response], ...]]:
    """Return every transition as CloudTrail shows it, with the responses that may have caused it.

    With `refusals`, include the transitions of refusals that keep a sign-in in its state.
    """
    found: dict[LoggedTransition, tuple[type[Response], ...]] = {}
    for transition in t.TRANSITIONS:
        if transition.kind in t.LOOP_KINDS_AFTER_REFUSAL and not refusals:
            continue
        response = transition.response
        for each in _as_logged(transition, names_for(transition.source, response)):
            if response not in found.get(each, ()):
                found[each] = (*found.get(each, ()), response)
    return MappingProxyType(found)


@cache
def recorded_transitions() -> Mapping[LoggedTransition, tuple[type[Response], ...]]:
    """Return every transition as recorded steps show it, with its response, whose trigger is the symbol."""
    return MappingProxyType(
        {
            each: (transition.response,)
            for transition in t.TRANSITIONS
            if transition.kind not in t.LOOP_KINDS_AFTER_REFUSAL
            for each in _as_logged(transition, (transition.response.trigger,))
        }
    )


def with_unknown_parts(transitions: Iterable[LoggedTransition]) -> tuple[LoggedTransition, ...]:
    """Return the transitions, and all copies of each in which parts are `NOT_LOGGED`, sorted."""
    variants = (product(*((part, NOT_LOGGED) for part in each)) for each in transitions)
    return tuple(sorted({LoggedTransition(*parts) for each in variants for parts in each}))


def _as_logged(transition: t.Transition, symbols: Iterable[str]) -> Iterator[LoggedTransition]:
    for roles in edge_roles(transition):
        sources = _sources(transition, roles.source)
        if transition.kind in t.LOOP_KINDS_AFTER_REFUSAL:
            for source, symbol in product(sources, symbols):
                yield LoggedTransition(source, symbol, source)
        else:
            for parts in product(sources, symbols, _dests(transition, roles.dest)):
                yield LoggedTransition(*parts)


def _sources(transition: t.Transition, role: t.Role | None) -> tuple[str, ...]:
    if transition.source is State.MFA_SETUP:
        return _SETUP_NODES[t.PREREQUISITES.get((transition.source, transition.response))]
    return _EMAIL_NODES[role] if transition.source is State.EMAIL_OTP else (transition.source.value,)


def _dests(transition: t.Transition, role: t.Role | None) -> tuple[str, ...]:
    if transition.kind is t.ACKNOWLEDGEMENT and transition.source is State.MFA_SETUP:
        associated = transition.response is AssociateSoftwareToken
        return (APP_ASSOCIATED if associated else APP_VERIFIED,)
    if transition.dest is State.EMAIL_OTP:
        return _EMAIL_NODES[role]
    return (transition.dest.value,)


class Verdict(DescribedName):
    """Whether the protocol allows a step of a log."""

    # fmt: off
    LEGAL = "legal", "The protocol allows it."
    ILLEGAL = "illegal", "The protocol does not allow it, whatever the log has left out."
    UNKNOWN = "unknown", "The log leaves out a part of the step; the protocol allows the part that the log shows."
    AMBIGUOUS = "ambiguous", "The protocol does not allow it in this order, but the order is not certain: the events came within one second, or two sign-ins ran at once."
    # fmt: on


@frozen
class CheckedStep:
    """A step of a log with its verdict.

    Args:
        id: the event's id, or ""; for a recorded step, the id of its sign-in and its number.
        sign_in: the recorder's id of the sign-in, or the values by which events were grouped.
        attempt: the number of the attempt within `sign_in`; 0 in `Funnel.illegal`.
        at: the time, UTC; CloudTrail logs whole seconds.
        source: the node it left, UNKNOWN if the log does not show it.
        symbol: in a recorded step, the response's trigger, or the challenge of a request that the state does not
            accept; in an event, the flow, challenge or operation of the request; UNKNOWN if the log does not show it.
        dest: the node it led to, or UNKNOWN.
        verdict: whether the protocol allows it.
        error: Cognito's error code if it refused the request; the class of the error if no reply came.
        unfinished: whether the log of this sign-in ends here, before the sign-in did.
    """

    id: str
    sign_in: str
    attempt: int
    at: datetime | None
    source: str
    symbol: str
    dest: str
    verdict: Verdict
    error: str | None = None
    unfinished: bool = False

    @property
    def allowed_symbols(self) -> tuple[str, ...]:
        """The symbols of all responses that the protocol allows at `source`; at UNKNOWN, those of any node."""
        return tuple(dict.fromkeys(each.symbol for each in self._allowed()))

    @property
    def allowed_dests(self) -> tuple[str, ...]:
        """The nodes to which this response (any, if it is UNKNOWN) may lead; empty if `source` does not accept it."""
        same = (each for each in self._allowed() if self.symbol in {each.symbol, NOT_LOGGED})
        return tuple(dict.fromkeys(each.dest for each in same))

    @property
    def why(self) -> str:
        """A sentence that says what is wrong or uncertain about the step; empty if it is legal."""
        if self.verdict is Verdict.LEGAL:
            return ""
        if self.verdict is not Verdict.ILLEGAL:
            return self.verdict.meaning
        if dests := ", ".join(self.allowed_dests):
            symbol = "any response" if self.symbol == NOT_LOGGED else self.symbol
            return f"from {self.source}, {symbol} leads to {dests}; not to {self.dest}"
        accepted = ", ".join(self.allowed_symbols) or "nothing"
        return f"{self.source} accepts {accepted}; not {self.symbol}"

    def _allowed(self) -> list[LoggedTransition]:
        transitions = recorded_transitions() if self.symbol.islower() else cloudtrail_transitions()
        return [each for each in transitions if self.source in {each.source, NOT_LOGGED}]
