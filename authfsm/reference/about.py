"""A state: what it means, what its challenge carries, what it takes, and where that leads, how surely."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from attrs import fields, frozen

from authfsm.core.wire_replies import WITHOUT_SESSION
from authfsm.protocol.auth_flows import SIGN_IN_OPERATIONS
from authfsm.protocol.error_policy import (
    ERROR_POLICY,
    LISTED_OPERATIONS,
    ErrorRule,
    Fault,
    RecoveryAction,
    error_rule,
)
from authfsm.protocol.evidence import Confidence, confidence, evidence
from authfsm.protocol.nodes import TRANSITIONS_IN_ROLES, Node, accepts
from authfsm.protocol.replies import Refusal
from authfsm.protocol.responses import Response
from authfsm.protocol.states import CHALLENGES, NON_CHALLENGES, State
from authfsm.protocol.table import (
    CUSTOM,
    PREREQUISITES,
    PROTOCOL,
    LoopKind,
    Role,
    Transition,
    transition_for_reply,
)
from authfsm.reference.limits import limits_of_response, limits_of_state
from authfsm.reference.request_shapes import (
    Parameter,
    RequestShape,
    challenge_parameters,
    parse_docstring,
    request_shape,
)


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
    request: RequestShape
    targets: tuple[Target, ...]


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
    errors: tuple[PossibleError, ...]
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
        carries=challenge_parameters(state),
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
        if role is None or accepts(state, role, response):
            need = PREREQUISITES.get((state, response))
            # Whoever names the role knows already what the role decides.
            needs = "" if need is None or (role and state is State.EMAIL_OTP) else f"not {need}"
            request = request_shape(state, response)
            yield AcceptedResponse(response, needs, request, tuple(targets(state, response, role)))


def targets(state: State, response: type[Response], role: Role | None = None) -> Iterator[Target]:
    """Where a response to a state may lead, failure last.

    Args:
        state: the state.
        response: the response's class.
        role: which factor it is, for EMAIL_OTP; None is either.
    """
    met: dict[tuple[State, Role | None, LoopKind | None], Transition] = {}
    for arrow, ends in TRANSITIONS_IN_ROLES:
        if (arrow.source, arrow.response) == (state, response) and role in {None, ends.source}:
            met.setdefault((arrow.dest, ends.dest, arrow.kind), arrow)
    for (dest, factor, kind), arrow in met.items():
        known = tuple(Known(each.confidence, each.when, each.source) for each in evidence(arrow))
        yield Target(dest, factor, kind, confidence(arrow), known)


def _sources(state: State, role: Role | None) -> Iterator[Source]:
    if state is State.FAILED:
        return  # from everywhere
    for arrow, ends in TRANSITIONS_IN_ROLES:
        if arrow.dest is state and role in {None, ends.dest}:
            yield Source(arrow.source, ends.source, arrow.response, arrow.kind, confidence(arrow))


def operations_of(code: str) -> frozenset[str]:
    """The operations that AWS lists an error for."""
    return LISTED_OPERATIONS.get(code, SIGN_IN_OPERATIONS)


@frozen
class PossibleError:
    """An error that may be met in a state.

    Args:
        code: its code.
        part: the part of its message that tells; "" for any other message.
        row: what to do, and whose fault it is.
        leads: where the sign-in stands then.
    """

    code: str
    part: str
    row: ErrorRule
    leads: State


def met(
    state: State, responses: Iterable[type[Response]], operations: frozenset[str]
) -> Iterator[PossibleError]:
    """The errors that AWS lists for what a state sends, each with where it leads from there.

    Args:
        state: the state.
        responses: the responses it takes.
        operations: the operations that carry them.
    """
    given = tuple(responses)
    for code, operations_listed in LISTED_OPERATIONS.items():
        if operations & operations_listed:
            for part, row in ERROR_POLICY[code].items():
                if row.operation not in {None, *operations}:
                    continue
                refusal = Refusal(code, part, action=row.action, fault=row.fault)
                led = [transition_for_reply(state, each, refusal) or state for each in given]
                yield PossibleError(code, part, row, state if state in led else State.FAILED)


@frozen
class Effect:
    """What an error says by one of its messages.

    Args:
        part: the part of the message that tells; "" for any other message.
        action: what to do next.
        fault: whose fault it is.
        source: where this is known from.
    """

    part: str
    action: RecoveryAction
    fault: Fault
    source: str


@frozen
class AboutError:
    """What is known of an error.

    Args:
        code: its code.
        effects: what it says, message by message.
        operations: the operations that AWS lists it for.
        common: is it one that any operation of AWS's may give?
        message: the message that was asked about, if one was.
        said: which of its effects that message has.
    """

    code: str
    effects: tuple[Effect, ...]
    operations: tuple[str, ...]
    common: bool
    message: str = ""
    said: Effect | None = None

    @property
    def name(self) -> str:
        """Its code."""
        return self.code


def about_error(code: str, message: str = "") -> AboutError:
    """What is known of an error.

    Args:
        code: its code.
        message: its message.

    Raises:
        KeyError: no such error is ruled.
    """
    effects = {part: _effect(part, row) for part, row in ERROR_POLICY[code].items()}
    row = error_rule(code, message, operation_named(message))
    said = next(each for part, each in effects.items() if ERROR_POLICY[code][part] is row)
    return AboutError(
        code=code,
        effects=tuple(effects.values()),
        operations=tuple(sorted(operations_of(code))),
        common=code not in LISTED_OPERATIONS,
        message=message,
        said=said if message else None,
    )


def operation_named(text: str) -> str:
    """The operation that botocore's text of a ClientError names; "" where it names none."""
    named = re.search(r"when calling the (\w+) operation", text)
    return named[1] if named else ""


def _effect(part: str, row: ErrorRule) -> Effect:
    return Effect(part, row.action, row.fault, row.source)


@frozen
class AboutResponse:
    """What is known of a response.

    Args:
        response: its class.
        meaning: what it is.
        flow: the `AuthFlow` that it begins; None for what answers a challenge.
        fields: what it holds: names, and what they are.
        taken: the states that take it, each with its request and where it leads.
        limits: the settings that rule it out.
    """

    response: type[Response]
    meaning: str
    flow: str | None
    fields: tuple[tuple[str, str], ...]
    taken: tuple[tuple[State, AcceptedResponse], ...]
    limits: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its trigger."""
        return self.response.trigger


def about_response(response: type[Response]) -> AboutResponse:
    """What is known of a response."""
    said = parse_docstring(response)
    return AboutResponse(
        response=response,
        meaning=said.summary,
        flow=response.auth_flow,
        fields=tuple((each.name, said.fields[each.name]) for each in fields(response)),
        taken=tuple(
            (state, each)
            for state, answers in PROTOCOL.items()
            if response in answers
            for each in about_state(state).takes
            if each.response is response
        ),
        limits=limits_of_response(response),
    )


@frozen
class AboutFlow:
    """What is known of a flow.

    Args:
        name: its `AuthFlow`.
        begins: the responses that begin it.
        reaches: the challenges that may come in it.
        limits: the settings that rule it out.
    """

    name: str
    begins: tuple[AboutResponse, ...]
    reaches: tuple[State, ...]
    limits: tuple[str, ...]


def about_flow(name: str) -> AboutFlow:
    """What is known of a flow.

    Raises:
        KeyError: there is no such flow.
    """
    begins = [each for each in PROTOCOL[State.START] if each.auth_flow == name]
    if not begins:
        raise KeyError(name)
    found = _reached(begins, name)
    limits = [limits_of_response(each) for each in begins]
    return AboutFlow(
        name=name,
        begins=tuple(about_response(each) for each in begins),
        reaches=tuple(state for state in CHALLENGES if state in found),
        limits=tuple(why for why in limits[0] if all(why in each for each in limits)),
    )


"""What comes after these is another matter: another sign-in, a challenge that nobody knows, tokens."""


def _reached(begins: Iterable[type[Response]], flow: str) -> frozenset[State]:
    # Lambda functions lead under CUSTOM_AUTH, and in this flow alone.
    led = frozenset() if flow == "CUSTOM_AUTH" else CUSTOM
    found: set[Node] = set()
    front = {
        Node(a.dest, each.dest)
        for a, each in TRANSITIONS_IN_ROLES
        if a.source is State.START and a.response in begins
    }
    while front:
        found |= front
        onward = {node for node in front if node.state not in NON_CHALLENGES | led}
        front = {
            Node(arrow.dest, each.dest)
            for arrow, each in TRANSITIONS_IN_ROLES
            if Node(arrow.source, each.source) in onward and arrow.dest not in led
        } - found
    return frozenset(node.state for node in found) - led
