"""The facts about a state, from the tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from attrs import frozen

from authfsm.core.wire_replies import SESSION_OPTIONAL
from authfsm.protocol.error_policy import ERROR_POLICY, LISTED_OPERATIONS, ErrorRule
from authfsm.protocol.evidence import Confidence, Evidence, confidence, evidence
from authfsm.protocol.nodes import TRANSITIONS_IN_ROLES, Node, accepts
from authfsm.protocol.replies import Refusal
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import PREREQUISITES, PROTOCOL, LoopKind, Role, transition_for_reply
from authfsm.reference.request_shapes import Parameter, RequestShape, challenge_parameters, request_shape
from authfsm.settings.reach import exclusions_of_node


@frozen
class Target:
    """A state to which a response may lead."""

    node: Node
    kind: LoopKind | None  # the kind of a transition that stays in its state
    confidence: Confidence
    evidence: tuple[Evidence, ...]


@frozen
class AcceptedResponse:
    """A response that a state accepts, and the request that carries it."""

    response: type[Response]
    condition: str  # for example "not before AssociateSoftwareToken"; "" if it is always accepted
    request: RequestShape
    targets: tuple[Target, ...]


class IncomingTransition(NamedTuple):
    """A transition that leads to the state of an `AboutState`. Its destination is this state, so it is not repeated."""

    node: Node  # where the transition starts
    response: type[Response]
    kind: LoopKind | None
    confidence: Confidence


@frozen
class PossibleError:
    """An error that Cognito may return in a state."""

    code: str
    part: str  # the part of its message that selects the rule; "" for any other message
    rule: ErrorRule
    leads_to: State  # the state itself if a sign-in survives the error after at least one response; else FAILED


@frozen
class AboutState:
    """What `authfsm explain` shows about a state."""

    node: Node  # EMAIL_OTP has a role if the facts are about this role only
    carries: tuple[Parameter, ...]  # the parameters of its challenge
    session: bool  # false if Cognito may issue its challenge without a Session
    accepts: tuple[AcceptedResponse, ...]
    incoming: tuple[IncomingTransition, ...]
    errors: tuple[PossibleError, ...]
    exclusions: tuple[str, ...]  # settings, each of which keeps all users from the state, or from one of its roles


def about_state(state: State, role: Role | None = None) -> AboutState:
    """Return the facts about a state. Only EMAIL_OTP has roles; without `role`, the facts are about both of them."""
    accepted = tuple(accepted_responses(state, role))
    return AboutState(
        node=Node(state, role),
        carries=challenge_parameters(state),
        session=state not in SESSION_OPTIONAL,
        accepts=accepted,
        incoming=tuple(dict.fromkeys(_incoming(state, role))),
        errors=tuple(_possible_errors(state, {each.request.operation for each in accepted})),
        exclusions=tuple(_exclusions(state, role)),
    )


def targets(state: State, response: type[Response], role: Role | None = None) -> Iterator[Target]:
    """Yield the states to which a response may lead, FAILED last."""
    transitions = {
        (transition.dest, roles.dest, transition.kind): transition
        for transition, roles in TRANSITIONS_IN_ROLES
        if (transition.source, transition.response) == (state, response) and role in {None, roles.source}
    }
    for (dest, dest_role, kind), transition in transitions.items():
        yield Target(Node(dest, dest_role), kind, confidence(transition), evidence(transition))


def accepted_responses(state: State, role: Role | None = None) -> Iterator[AcceptedResponse]:
    """Yield the responses that a state accepts; with a role, only those that it accepts in this role."""
    for response in PROTOCOL[state]:
        if role is None or accepts(state, role, response):
            need = PREREQUISITES.get((state, response))
            # The only prerequisite of EMAIL_OTP is its role.
            condition = "" if need is None or (role and state is State.EMAIL_OTP) else f"not {need}"
            request = request_shape(state, response)
            yield AcceptedResponse(response, condition, request, tuple(targets(state, response, role)))


def _incoming(state: State, role: Role | None) -> Iterator[IncomingTransition]:
    if state is State.FAILED:
        return  # every state in which the sign-in has not ended leads there
    for transition, roles in TRANSITIONS_IN_ROLES:
        source, response, dest, kind = transition
        if dest is state and role in {None, roles.dest}:
            yield IncomingTransition(Node(source, roles.source), response, kind, confidence(transition))


def _possible_errors(state: State, operations: set[str]) -> Iterator[PossibleError]:
    """Yield the errors that AWS lists for the operations of a state."""
    for code, listed in LISTED_OPERATIONS.items():
        for part, rule in ERROR_POLICY[code].items():
            if operations & listed and rule.operation in {None, *operations}:
                refusal = Refusal(code, part, action=rule.action, fault=rule.fault)
                after = [transition_for_reply(state, each, refusal) for each in PROTOCOL[state]]
                stays = any(each is None or each.dest is state for each in after)
                yield PossibleError(code, part, rule, state if stays else State.FAILED)


def _exclusions(state: State, role: Role | None) -> Iterator[str]:
    if role or state is not State.EMAIL_OTP:
        yield from exclusions_of_node(Node(state, role))
        return
    for each in Role:
        yield from (f"as {each}: {why}" for why in exclusions_of_node(Node(state, each)))
