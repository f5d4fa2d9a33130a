"""The nodes, junctions and arrows of diagrams, computed from the table and the evidence, and reasons to leave arrows out."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from attrs import field, frozen

from authfsm.base.mixins import DescribedName
from authfsm.protocol import links
from authfsm.protocol import table as t
from authfsm.protocol.evidence import Confidence, confidence
from authfsm.protocol.nodes import NODES, Node
from authfsm.protocol.responses import REFRESH_RESPONSES, Credential, Response
from authfsm.protocol.states import DEVICE_STATES, SET_UP_STATES, State
from authfsm.protocol.table import LoopKind, Role, Transition, loop_kinds
from authfsm.settings import PoolSettings
from authfsm.settings.reach import best_confidence

START: Final = Node(State.START)
AUTHENTICATED: Final = Node(State.AUTHENTICATED)
FAILED: Final = Node(State.FAILED)


class StateGroup(DescribedName):
    """The groups of nodes: the parts of a sign-in, in their order."""

    BEGIN = "begin"
    FIRST_FACTOR = "first factor"
    SET_UP = "set-up"
    SECOND_FACTOR = "second factor"
    DEVICE = "device"
    END = "end"
    OTHER = "other"


_STATE_GROUPS: Final = {
    State.START: StateGroup.BEGIN,
    State.AUTHENTICATED: StateGroup.END,
    State.FAILED: StateGroup.OTHER,
    State.OTHER_CHALLENGE: StateGroup.OTHER,
}


@cache
def group_of(node: Node) -> StateGroup:
    """Return the group that decides the colour of a node."""
    if node.state in _STATE_GROUPS:
        return _STATE_GROUPS[node.state]
    if node.state in SET_UP_STATES:
        return StateGroup.SET_UP
    if node.state in DEVICE_STATES:
        return StateGroup.DEVICE
    if node.role is Role.SECOND_FACTOR or (node.role is None and node.state in t.SECOND_FACTOR_STEPS):
        return StateGroup.SECOND_FACTOR
    return StateGroup.FIRST_FACTOR


_GROUP_PAGES: Final = {
    StateGroup.BEGIN: links.reference("InitiateAuth"),
    StateGroup.FIRST_FACTOR: links.AUTHENTICATION_FLOWS,
    StateGroup.SET_UP: links.reference("RespondToAuthChallenge"),
    StateGroup.SECOND_FACTOR: links.MFA,
    StateGroup.DEVICE: links.DEVICES,
    StateGroup.END: links.TOKENS,
    StateGroup.OTHER: links.reference("RespondToAuthChallenge"),
}
_STATE_PAGES: Final = {
    State.CUSTOM_CHALLENGE: links.CUSTOM_CHALLENGES,
    State.MFA_SETUP: links.TOTP,
    State.SOFTWARE_TOKEN_MFA: links.TOTP,
    State.ADMIN_NO_SRP_AUTH: links.reference("AdminInitiateAuth"),
}


def documentation_link(node: Node) -> str:
    """Return the address of the AWS page about a node."""
    return _STATE_PAGES.get(node.state, _GROUP_PAGES[group_of(node)])


ORDER: Final = {node: number for number, node in enumerate(NODES)}
"""The number of each node in the order of a sign-in."""


def in_order(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Sort nodes in the order of a sign-in."""
    return tuple(sorted(nodes, key=ORDER.__getitem__))


@frozen(cache_hash=True)
class Arrow:
    """An arrow of the table between two nodes. Only an arrow that leads back to its own state has a `kind`."""

    source: Node
    response: type[Response]
    dest: Node
    kind: LoopKind | None = None
    transition: Transition = field(init=False, eq=False, repr=False)
    """The transition of the table. It has states instead of nodes, so EMAIL_OTP has no role in it."""

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


JUNCTIONS: Final = (
    Junction("password proved", _members(t.AFTER_PASSWORD - t.OTHER, Role.SECOND_FACTOR)),
    Junction(
        "permanent password proved", _members(t.SECOND_FACTOR_STEPS | t.AFTER_LAST_FACTOR - t.OTHER, Role.SECOND_FACTOR)
    ),
    Junction("first factor asked", _members(t.FIRST_FACTORS, Role.FIRST_FACTOR)),
    Junction("second factor asked", _members(t.ENROLLED_FACTOR_STEPS, Role.SECOND_FACTOR)),
    Junction("code asked", _members(t.ENROLLED_FACTOR_STEPS - {State.SELECT_MFA_TYPE}, Role.SECOND_FACTOR)),
    Junction("factors proved", _members(t.AFTER_LAST_FACTOR - t.OTHER, Role.SECOND_FACTOR)),
)
"""Sets of nodes to which several rows of the table may lead. A set precedes the sets that it contains."""


def fold(dests: Iterable[Node], junctions: Iterable[Junction], inside: Junction | None = None) -> tuple[Vertex, ...]:
    """Return junctions and nodes that stand for these destinations; with `inside`, only junctions within it."""
    every_dest = frozenset(dests)
    rest = every_dest
    folded: list[Vertex] = []
    for junction in junctions:
        smaller = inside is None or junction.members < inside.members
        if smaller and junction.members <= every_dest and len(junction.members & rest) > 1:
            folded.append(junction)
            rest -= junction.members
    return (*folded, *in_order(rest))


# ---- the arrows that a diagram leaves out, so that the rest can be read ------------------------


class OmissionReason(DescribedName):
    """The reason why an arrow is not drawn; `caption` is the sentence about it below the diagram."""

    caption: str

    def __init__(self, _: str, caption: str) -> None:
        self.caption = caption

    FAILURE = "FAILURE", "Not drawn: refusals that cannot be retried (they lead to FAILED)."
    UNKNOWN = "UNKNOWN", "Not drawn: OTHER_CHALLENGE (what Cognito may add later)."
    LAMBDA = ("LAMBDA", "In CUSTOM_AUTH a Lambda may name any challenge; only well-sourced ones are drawn.")
    ANOTHER_FACTOR = (
        "ANOTHER_FACTOR",
        "Not drawn: the choice of another first factor at EMAIL_OTP, SMS_OTP, WEB_AUTHN.",
    )
    TOKENS = "TOKENS", "Not drawn: refreshing tokens, confirming the device, signing out."
    DEVICE = (
        "DEVICE",
        "Not drawn: answers sent again without the device key, where the same response has another loop.",
    )
    UNCERTAIN = ("UNCERTAIN", "Not drawn: arrows less certain than another that is drawn.")
    REFUTED = "REFUTED", "Not drawn: arrows that replies of real pools refute."
    OTHER_STATE = "OTHER_STATE", "Drawn: one state, and those directly before and after it."
    SETTINGS = "SETTINGS", "Not drawn: what the pool's settings rule out."
    OTHER_FLOW = "OTHER_FLOW", "Not drawn: what only other flows reach."


_ANOTHER_FACTOR: Final = {
    (state, response)
    for state in t.FIRST_FACTORS
    if t.PROTOCOL[state].keys() >= t.FIRST_FACTOR_CHOICE.keys()
    for response in t.FIRST_FACTOR_CHOICE
} - {(State.WEB_AUTHN, Credential)}  # this response answers WEB_AUTHN, and chooses no other factor
CONFIDENCE_MARKS: Final = {Confidence.INFERRED: "†", Confidence.CONTRADICTORY: "‡", Confidence.REFUTED: "✗"}
"""The mark of a transition whose evidence is weak."""
_STRONG: Final = frozenset({Confidence.MEASURED, Confidence.ASSERTED, Confidence.DOCUMENTED})


def is_uncertain(arrow: Arrow, pools: tuple[PoolSettings, ...] = ()) -> bool:
    """Return whether an arrow is inferred, contradictory or refuted: in each of these pools, or in general."""
    return best_confidence(arrow.transition, pools).is_uncertain


def is_refuted(arrow: Arrow, pools: tuple[PoolSettings, ...] = ()) -> bool:
    """Return whether replies of real pools refute an arrow: in each of these pools, or in general."""
    return best_confidence(arrow.transition, pools) is Confidence.REFUTED


def omission_reason(arrow: Arrow, *, flow: str | None = None, failures: bool = False) -> OmissionReason | None:
    """Return why a diagram that is not unfolded leaves an arrow out; None if it draws the arrow."""
    source, response, dest, _ = arrow.transition
    if State.OTHER_CHALLENGE in {source, dest}:
        return OmissionReason.UNKNOWN
    if dest is State.FAILED:
        return None if failures else OmissionReason.FAILURE
    is_the_flow = flow is not None and response.auth_flow == flow
    if source is State.AUTHENTICATED or (response in REFRESH_RESPONSES and not is_the_flow):
        return OmissionReason.TOKENS
    if (source, response) in _ANOTHER_FACTOR:
        return OmissionReason.ANOTHER_FACTOR
    return _omitted_beside_others(arrow)


def _omitted_beside_others(arrow: Arrow) -> OmissionReason | None:
    """Return why an arrow is left out: its response has another loop, or its evidence is weak; None if it is drawn."""
    source, response, dest, loop = arrow.transition
    if loop is t.DEVICE_DROPPED and len(loop_kinds(source, t.PROTOCOL[source][response])) > 1:
        return OmissionReason.DEVICE
    leads_anywhere = t.PROTOCOL[source][response] >= t.ANY_CHALLENGE and loop is None
    if (leads_anywhere or dest in t.CUSTOM) and confidence(arrow.transition) not in _STRONG:
        return OmissionReason.UNCERTAIN if response in REFRESH_RESPONSES else OmissionReason.LAMBDA
    return None


def is_foreign(node: Node, flow: str | None) -> bool:
    """Return whether the diagram shows one flow other than CUSTOM_AUTH, and the node is CUSTOM_CHALLENGE."""
    return flow not in {None, "CUSTOM_AUTH"} and node.state in t.CUSTOM
