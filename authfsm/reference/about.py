"""What is known about a state, a response, a flow, an error or an account, read from the tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from attrs import fields, frozen

from authfsm.core.wire_replies import WITHOUT_SESSION
from authfsm.protocol.account_table import (
    ACCOUNT_TRANSITIONS,
    AccountOperation,
    AccountTransition,
    UserStatus,
)
from authfsm.protocol.auth_flows import SIGN_IN_OPERATIONS
from authfsm.protocol.error_policy import ERROR_POLICY, LISTED_OPERATIONS, ErrorRule, error_rule
from authfsm.protocol.evidence import Confidence, Evidence, confidence, evidence
from authfsm.protocol.nodes import TRANSITIONS_IN_ROLES, Node, accepts
from authfsm.protocol.replies import Refusal
from authfsm.protocol.responses import Response
from authfsm.protocol.states import CHALLENGES, NON_CHALLENGES, State
from authfsm.protocol.table import CUSTOM, PREREQUISITES, PROTOCOL, LoopKind, Role, transition_for_reply
from authfsm.reference.request_shapes import (
    Parameter,
    RequestShape,
    challenge_parameters,
    parse_docstring,
    request_shape,
)
from authfsm.settings.reach import limits_of_node, limits_of_response


@frozen
class Target:
    """A state to which a response may lead."""

    to: State
    role: Role | None  # which factor it is, for EMAIL_OTP
    kind: LoopKind | None  # of a transition that stays in its state
    confidence: Confidence
    known: tuple[Evidence, ...]

    @property
    def name(self) -> str:
        """The state's name, with its role."""
        return Node(self.to, self.role).name


@frozen
class AcceptedResponse:
    """A response that a state accepts, and the request that carries it."""

    response: type[Response]
    needs: str  # when it is not accepted; "" if it always is
    request: RequestShape
    targets: tuple[Target, ...]


class Source(NamedTuple):
    """A transition into a state."""

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
class PossibleError:
    """An error that Cognito may return in a state."""

    code: str
    part: str  # the part of its message that selects the rule; "" for any other message
    rule: ErrorRule
    leads: State  # the state after it


@frozen
class AboutState:
    """What is known about a state."""

    state: State
    role: Role | None  # which factor it is, if only one role of EMAIL_OTP is meant
    carries: tuple[Parameter, ...]  # of its challenge
    session: bool  # does the challenge come with a Session?
    takes: tuple[AcceptedResponse, ...]
    sources: tuple[Source, ...]
    errors: tuple[PossibleError, ...]
    limits: tuple[str, ...]  # the settings under which no user reaches it

    @property
    def name(self) -> str:
        """The state's name, with its role."""
        return Node(self.state, self.role).name


def about_state(state: State, role: Role | None = None) -> AboutState:
    """Return what is known about a state, for EMAIL_OTP in one role or, without one, in both."""
    takes = tuple(_accepted_responses(state, role))
    return AboutState(
        state=state,
        role=role,
        carries=challenge_parameters(state),
        session=state not in WITHOUT_SESSION,
        takes=takes,
        sources=tuple(dict.fromkeys(_sources(state, role))),
        errors=tuple(_possible_errors(state, {each.request.operation for each in takes})),
        limits=tuple(_limits(state, role)),
    )


def targets(state: State, response: type[Response], role: Role | None = None) -> Iterator[Target]:
    """Yield the states to which a response may lead, FAILED last."""
    transitions = {
        (transition.dest, roles.dest, transition.kind): transition
        for transition, roles in TRANSITIONS_IN_ROLES
        if (transition.source, transition.response) == (state, response) and role in {None, roles.source}
    }
    for (dest, dest_role, kind), transition in transitions.items():
        yield Target(dest, dest_role, kind, confidence(transition), evidence(transition))


def _accepted_responses(state: State, role: Role | None) -> Iterator[AcceptedResponse]:
    for response in PROTOCOL[state]:
        if role is None or accepts(state, role, response):
            need = PREREQUISITES.get((state, response))
            # Where the role is given, EMAIL_OTP needs nothing else.
            needs = "" if need is None or (role and state is State.EMAIL_OTP) else f"not {need}"
            request = request_shape(state, response)
            yield AcceptedResponse(response, needs, request, tuple(targets(state, response, role)))


def _sources(state: State, role: Role | None) -> Iterator[Source]:
    if state is State.FAILED:
        return  # every state leads there
    for transition, roles in TRANSITIONS_IN_ROLES:
        source, response, dest, kind = transition
        if dest is state and role in {None, roles.dest}:
            yield Source(source, roles.source, response, kind, confidence(transition))


def _possible_errors(state: State, operations: set[str]) -> Iterator[PossibleError]:
    """Yield the errors that AWS lists for the operations of a state."""
    for code, listed in LISTED_OPERATIONS.items():
        for part, rule in ERROR_POLICY[code].items():
            if operations & listed and rule.operation in {None, *operations}:
                refusal = Refusal(code, part, action=rule.action, fault=rule.fault)
                after = [transition_for_reply(state, each, refusal) for each in PROTOCOL[state]]
                stays = any(each is None or each.dest is state for each in after)
                yield PossibleError(code, part, rule, state if stays else State.FAILED)


def _limits(state: State, role: Role | None) -> Iterator[str]:
    if role or state is not State.EMAIL_OTP:
        yield from limits_of_node(Node(state, role))
        return
    for each in Role:
        yield from (f"as {each}: {why}" for why in limits_of_node(Node(state, each)))


@frozen
class AboutResponse:
    """What is known about a response."""

    response: type[Response]
    meaning: str
    flow: str | None  # the `AuthFlow` that it starts; None if it answers a challenge
    fields: tuple[tuple[str, str], ...]  # names and descriptions
    accepted: tuple[tuple[State, AcceptedResponse], ...]  # the states that accept it
    limits: tuple[str, ...]  # the settings under which it is always refused

    @property
    def name(self) -> str:
        """The response's trigger."""
        return self.response.trigger


def about_response(response: type[Response]) -> AboutResponse:
    """Return what is known about a response."""
    doc = parse_docstring(response)
    return AboutResponse(
        response=response,
        meaning=doc.summary,
        flow=response.auth_flow,
        fields=tuple((each.name, doc.fields[each.name]) for each in fields(response)),
        accepted=tuple(
            (state, each)
            for state, row in PROTOCOL.items()
            if response in row
            for each in _accepted_responses(state, None)
            if each.response is response
        ),
        limits=limits_of_response(response),
    )


@frozen
class AboutFlow:
    """What is known about a flow."""

    name: str  # its `AuthFlow`
    begins: tuple[AboutResponse, ...]  # the responses that start it
    reaches: tuple[State, ...]  # the challenges that may come in it
    limits: tuple[str, ...]  # the settings that rule it out


def about_flow(name: str) -> AboutFlow:
    """Return what is known about a flow; an unknown one raises KeyError."""
    starts = [each for each in PROTOCOL[State.START] if each.auth_flow == name]
    if not starts:
        raise KeyError(name)
    reached = _reached(starts, name)
    limits = [limits_of_response(each) for each in starts]
    return AboutFlow(
        name=name,
        begins=tuple(about_response(each) for each in starts),
        reaches=tuple(state for state in CHALLENGES if state in reached),
        limits=tuple(why for why in limits[0] if all(why in each for each in limits)),
    )


def _reached(starts: Iterable[type[Response]], flow: str) -> frozenset[State]:
    # Only in CUSTOM_AUTH do the pool's Lambda functions choose the challenges.
    excluded = frozenset() if flow == "CUSTOM_AUTH" else CUSTOM
    moves = [
        (Node(transition.source, roles.source), Node(transition.dest, roles.dest), transition)
        for transition, roles in TRANSITIONS_IN_ROLES
    ]
    found: set[Node] = set()
    front = {
        dest
        for source, dest, transition in moves
        if source.state is State.START and transition.response in starts
    }
    while front:
        found |= front
        challenges = {node for node in front if node.state not in NON_CHALLENGES | excluded}
        following = {dest for source, dest, _ in moves if source in challenges}
        front = {node for node in following - found if node.state not in excluded}
    return frozenset(node.state for node in found) - excluded


@frozen
class AboutError:
    """What is known about an error."""

    code: str
    rules: tuple[tuple[str, ErrorRule], ...]  # by part of the message; "" is any other message
    operations: tuple[str, ...]  # for which AWS lists it
    common: bool  # may any operation of AWS return it?
    part: str | None = None  # whose rule applies to the message in question, if there is one

    @property
    def name(self) -> str:
        """The error's code."""
        return self.code


def about_error(code: str, message: str = "") -> AboutError:
    """Return what is known about an error; an unknown one raises KeyError."""
    operation = re.search(r"when calling the (\w+) operation", message)
    applied = error_rule(code, message, operation[1] if operation else "")
    parts = [part for part, rule in ERROR_POLICY[code].items() if rule is applied]
    return AboutError(
        code=code,
        rules=tuple(ERROR_POLICY[code].items()),
        operations=tuple(sorted(LISTED_OPERATIONS.get(code, SIGN_IN_OPERATIONS))),
        common=code not in LISTED_OPERATIONS,
        part=parts[0] if message else None,
    )


@frozen
class AboutAccount:
    """What is known about a status or an operation of an account's life."""

    subject: UserStatus | AccountOperation
    transitions: tuple[AccountTransition, ...]  # that leave or reach the status, or of the operation

    @property
    def name(self) -> str:
        """The status, or the operation's name."""
        return str(self.subject)


def about_account(subject: UserStatus | AccountOperation) -> AboutAccount:
    """Return what is known about a status or an operation."""
    return AboutAccount(subject, tuple(each for each in ACCOUNT_TRANSITIONS if subject in each))
