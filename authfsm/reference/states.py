"""A state: what it means, what its challenge carries, what it takes, and where that leads, how surely."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from attrs import frozen

from authfsm.core.wire_replies import WITHOUT_SESSION
from authfsm.protocol.evidence import Confidence, confidence, evidence
from authfsm.protocol.nodes import IN_ROLES, Node, taken
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import NEEDS, PROTOCOL, LoopKind, Role, Transition
from authfsm.reference.errors import Met, met
from authfsm.reference.limits import limits_of_state
from authfsm.reference.shapes import Parameter, Shape, carried, shape


class Known(NamedTuple):
    """One thing that is known of an arrow.

    Args:
        confidence: how surely.
        when: the condition under which the arrow is taken.
        source: where this is known from.
    """

    confidence: Confidence
    when: str
    source: str


@frozen
class Target:
    """Where a response may lead.

    Args:
        to: the state.
        role: which factor the code is there, for EMAIL_OTP.
        kind: what it is, where it stays in its state; None where it leaves it.
        confidence: how surely.
        known: what is known of it.
    """

    to: State
    role: Role | None
    kind: LoopKind | None
    confidence: Confidence
    known: tuple[Known, ...]

    @property
    def name(self) -> str:
        """The state's name, with its role."""
        return Node(self.to, self.role).name


@frozen
class AcceptedResponse:
    """A response that a state takes.

    Args:
        response: its class.
        needs: what must have happened before; "" for nothing.
        request: the request that carries it.
        ways: where it may lead.
    """

    response: type[Response]
    needs: str
    request: Shape
    ways: tuple[Target, ...]


class Source(NamedTuple):
    """A way into a state.

    Args:
        state: where it leaves.
        role: which factor the code is there.
        response: the class of the response that is given.
        kind: the kind of self-loop, where it stays in its state; None otherwise.
        confidence: how surely it leads here.
    """

    state: State
    role: Role | None
    response: type[Response]
    kind: LoopKind | None
    confidence: Confidence

    @property
    def name(self) -> str:
        """The state's name, with its role."""
        return Node(self.state, self.role).name


@frozen
class AboutState:
    """What is known of a state.

    Args:
        state: the state.
        role: which factor it is, where only one of EMAIL_OTP's roles is meant.
        carries: its challenge's parameters.
        session: does the challenge come with a Session?
        takes: the responses it takes.
        sources: what leads there.
        errors: the errors that may be met there, each with what it does.
        limits: the settings that rule it out.
    """

    state: State
    role: Role | None
    carries: tuple[Parameter, ...]
    session: bool
    takes: tuple[AcceptedResponse, ...]
    sources: tuple[Source, ...]
    errors: tuple[Met, ...]
    limits: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name, with its role."""
        return Node(self.state, self.role).name


def about_state(state: State, role: Role | None = None) -> AboutState:
    """What is known of a state.

    Args:
        state: the state.
        role: which factor it is, for EMAIL_OTP; None is either.
    """
    takes = tuple(_takes(state, role))
    operations = frozenset(each.request.operation for each in takes)
    return AboutState(
        state=state,
        role=role,
        carries=carried(state),
        session=state not in WITHOUT_SESSION,
        takes=takes,
        sources=tuple(dict.fromkeys(_sources(state, role))),
        errors=tuple(met(state, tuple(PROTOCOL[state]), operations)),
        limits=tuple(_limits(state, role)),
    )


def _limits(state: State, role: Role | None) -> Iterator[str]:
    if role or state is not State.EMAIL_OTP:
        yield from limits_of_state(state, role)
        return
    for each in Role:
        yield from (f"as {each}: {why}" for why in limits_of_state(state, each))


def _takes(state: State, role: Role | None) -> Iterator[AcceptedResponse]:
    for response in PROTOCOL[state]:
        if role is None or taken(state, role, response):
            need = NEEDS.get((state, response))
            # Whoever names the role knows already what the role decides.
            needs = "" if need is None or (role and state is State.EMAIL_OTP) else f"not {need}"
            request = shape(state, response)
            yield AcceptedResponse(response, needs, request, tuple(ways(state, response, role)))


def ways(state: State, response: type[Response], role: Role | None = None) -> Iterator[Target]:
    """Where a response to a state may lead, failure last.

    Args:
        state: the state.
        response: the response's class.
        role: which factor it is, for EMAIL_OTP; None is either.
    """
    met: dict[tuple[State, Role | None, LoopKind | None], Transition] = {}
    for arrow, ends in IN_ROLES:
        if (arrow.source, arrow.response) == (state, response) and role in {None, ends.source}:
            met.setdefault((arrow.dest, ends.dest, arrow.kind), arrow)
    for (dest, factor, kind), arrow in met.items():
        known = tuple(Known(each.confidence, each.when, each.source) for each in evidence(arrow))
        yield Target(dest, factor, kind, confidence(arrow), known)


def _sources(state: State, role: Role | None) -> Iterator[Source]:
    if state is State.FAILED:
        return  # from everywhere
    for arrow, ends in IN_ROLES:
        if arrow.dest is state and role in {None, ends.dest}:
            yield Source(arrow.source, ends.source, arrow.response, arrow.kind, confidence(arrow))
