"""The model of a diagram: its nodes and edges, without colours and shapes. Each format is a function of the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import product
from typing import Any, Final

from attrs import evolve, field, frozen

from authfsm.base.mixins import DescribedName
from authfsm.core.machine import LeadsTo
from authfsm.diagrams.vertices import FAILED, START, Arrow, Junction, OmissionReason, Vertex, group_of
from authfsm.protocol.nodes import NODES, Node
from authfsm.protocol.responses import Response
from authfsm.protocol.states import DEVICE_STATES, State
from authfsm.protocol.table import LOOP_KINDS_AFTER_REFUSAL, NEW_CHALLENGE, LoopKind
from authfsm.protocol.validators import frozen_mapping
from authfsm.settings import PoolSettings

ResponseClass = type[Response]


class EdgeKind(DescribedName):
    """What an edge stands for. The kind decides the edge's line, its label and the sentence about it in the caption."""

    ANSWER = "answer", "A response leads to another node."
    FOLD = "fold", "A junction leads to one of its members."
    RETRY = "retry", "The answer was refused, and another may be sent."
    NEW_CHALLENGE = "new challenge", "Cognito issued another challenge of the same state."
    ACKNOWLEDGEMENT = "acknowledgement", "A response was accepted, and the state stays the same."
    DEVICE_DROPPED = "device dropped", "The same answer is sent again without the device key."
    FAILURE = "failure", "The attempt ends."

    @classmethod
    def between(cls, source: Node, dest: Vertex, loop: LoopKind | None) -> EdgeKind:
        """Return the kind of an edge from a node; `loop` is the kind of a self-loop."""
        if dest == FAILED:
            return cls.FAILURE
        return cls(str(loop or NEW_CHALLENGE)) if dest == source else cls.ANSWER

    @property
    def loop_kind(self) -> LoopKind | None:
        """The table's kind of self-loop; None for all other edges."""
        return _LOOP_KINDS.get(self)

    @property
    def is_refusal(self) -> bool:
        """Whether the state stays the same because Cognito refused the answer."""
        return self.loop_kind in LOOP_KINDS_AFTER_REFUSAL


_LOOP_KINDS: Final = {EdgeKind(str(each)): each for each in LoopKind}


class SettingsEffect(DescribedName):
    """The effects of a pool's settings on a node or an edge."""

    AVAILABLE = "available", "The settings allow it."
    FADED = "faded", "The settings rule it out, and the diagram shows it faded."
    RULED_OUT = "ruled out", "The settings rule it out, and the diagram omits it."
    LAMBDA_ONLY = "lambda only", "The settings allow it only if a Lambda function names the challenge."
    ADDED = "added", "The second of two pools allows it, and the first does not."
    REMOVED = "removed", "The first of two pools allows it, and the second does not."


@frozen(cache_hash=True)
class Availability:
    """The effect of settings on a node or an edge. `reason` is why they (for ADDED, the first pool's) rule it out."""

    effect: SettingsEffect = SettingsEffect.AVAILABLE
    reason: str = ""


AVAILABLE: Final = Availability()


@frozen
class EdgeStep:
    """A recorded step that followed an edge: its `number`, and the class of its `response`.

    `error` is the code of a refusal, otherwise None. `elapsed` is the time since the first step whose time is known.
    """

    number: int
    response: ResponseClass
    error: str | None = None
    elapsed: timedelta | None = None


@frozen
class EdgeCount:
    """How often sign-ins followed an edge."""

    times: int  #: The number of steps.
    response: ResponseClass | None = None  #: Their response; None for an edge from a junction.
    share: float | None = None  #: The share of all steps that left the same node, 0 to 1.

    def __str__(self) -> str:
        share = "" if self.share is None else f" ({self.share:.0%})"
        return f"\u00d7{self.times:,}{share}"


@frozen
class Edge:
    """An edge of a diagram, from `source` to `dest`; `kind` is its meaning.

    `responses` are in the table's order; an edge from a junction has none. `uncertain` are the responses that are
    inferred or contradicted. `ruled_out` are those that settings rule out if they allow the others; `availability` is
    the effect of settings on the whole edge. `steps` are the steps of one recorded sign-in that followed the edge;
    `counts` says for each response how many steps of many sign-ins followed the edge.
    """

    source: Vertex
    dest: Vertex
    kind: EdgeKind
    responses: tuple[ResponseClass, ...] = ()
    uncertain: tuple[ResponseClass, ...] = ()
    steps: tuple[EdgeStep, ...] = ()
    availability: Availability = AVAILABLE
    ruled_out: tuple[ResponseClass, ...] = ()
    counts: tuple[EdgeCount, ...] = ()

    def effect_on(self, response: ResponseClass) -> SettingsEffect:
        """Return the effect of settings on one of the responses."""
        return SettingsEffect.FADED if response in self.ruled_out else self.availability.effect

    @property
    def total(self) -> EdgeCount:
        """How often the edge was followed, with all responses together."""
        shares = [each.share for each in self.counts if each.share is not None]
        return EdgeCount(sum(each.times for each in self.counts), None, sum(shares) if shares else None)

    def of_flow(self, flow: str | None) -> Edge:
        """Return the edge with only the responses that begin this flow. With None, keep those that begin no flow."""
        responses = tuple(each for each in self.responses if each.auth_flow == flow)
        return evolve(
            self,
            responses=responses,
            uncertain=tuple(each for each in self.uncertain if each in responses),
            ruled_out=tuple(each for each in self.ruled_out if each in responses),
            steps=tuple(each for each in self.steps if each.response in responses),
            counts=tuple(each for each in self.counts if each.response in responses),
        )

    @property
    def is_uncertain(self) -> bool:
        """Whether all responses of the edge are inferred or contradicted."""
        return bool(self.uncertain) and self.uncertain == self.responses


MANY_NODES: Final = 20
"""A diagram with more nodes is large: it has larger labels, wider captions, and a flow's device states in a row."""
ANY_STATE: Final = "any state"


@frozen(cache_hash=True)
class OwnTransition:
    """A transition that the application added, between its own states or states of the protocol."""

    source: str  #: A state; `ANY_STATE` if every state of the protocol accepts the trigger.
    trigger: str  #: The name of the trigger.
    dest: str  #: A state.

    def ends(self) -> Iterator[tuple[str, str]]:
        """Yield the names of both ends of each line. EMAIL_OTP has two nodes; a self-loop stays at its node."""
        pairs = product(_nodes(self.source), _nodes(self.dest))
        yield from ((source, dest) for source, dest in pairs if self.source != self.dest or source == dest)


def _nodes(name: str) -> tuple[str, ...]:
    return tuple(each.name for each in NODES if each.state.name == name) or (name,)


@frozen
class OmittedArrows:
    """The arrows that are not drawn for one reason; `reason.caption` is the sentence about them."""

    reason: OmissionReason
    arrows: frozenset[Arrow]


@frozen
class DiagramModel:
    """The nodes and edges of a diagram.

    `nodes` are in the order of a sign-in, and the junctions follow; `edges` connect them. `omitted` are the arrows that
    are not drawn, by reason. `flow` is the `AuthFlow` of the diagram (None for all flows). `focus` has the nodes of a
    diagram about one state. `pools` are the settings that the diagram shows, and `availabilities` are their effects on
    nodes; a node without one is available. If `has_history` is true, the diagram shows a recorded sign-in and fades the
    rest; `current` is the node that the sign-in reached. `sign_ins` is the number of counted sign-ins, or None. If
    `actions` is true, the recovery actions are shown; if `overview` is true, the names of responses are left out.
    `notes` are further sentences of the caption. `own_states` and `own_transitions` are what the application added to
    its machine. `links` are the addresses of the pages about some nodes; the other nodes link to AWS's pages.
    """

    nodes: tuple[Vertex, ...]
    edges: tuple[Edge, ...]
    omitted: tuple[OmittedArrows, ...] = ()
    flow: str | None = None
    has_history: bool = False
    current: Node | None = None
    availabilities: Mapping[Vertex, Availability] = field(factory=dict, converter=frozen_mapping)
    focus: frozenset[Node] = frozenset()
    sign_ins: int | None = None
    actions: bool = False
    notes: tuple[str, ...] = ()
    overview: bool = False
    pools: tuple[PoolSettings, ...] = field(default=(), repr=False)
    own_states: tuple[str, ...] = ()
    own_transitions: tuple[OwnTransition, ...] = ()
    links: Mapping[Vertex, str] = field(factory=dict, converter=frozen_mapping)

    def pages(self) -> Iterator[DiagramModel]:
        """Yield a diagram of the edges that leave each node; for START, a diagram for each flow."""
        parts: dict[tuple[Node, str | None], list[Edge]] = {}
        for edge in self.edges:
            if edge.source == START:
                for flow in dict.fromkeys(each.auth_flow for each in edge.responses):
                    parts.setdefault((START, flow), []).append(edge.of_flow(flow))
            elif isinstance(edge.source, Node):
                parts.setdefault((edge.source, None), []).append(edge)
        for (node, flow), edges in parts.items():
            ends, sources = {node, *(edge.dest for edge in edges)}, {node.state.name, ANY_STATE}
            yield evolve(
                self, nodes=tuple(each for each in self.nodes if each in ends), edges=tuple(edges), omitted=(),
                flow=flow or self.flow, focus=frozenset({node}), own_states=(),
                own_transitions=tuple(evolve(e, source=node.name) for e in self.own_transitions if e.source in sources),
            )  # fmt: skip

    @property
    def is_page(self) -> bool:
        """Whether the diagram has only the edges that leave the nodes in focus."""
        return bool(self.focus and self.edges) and all(each.source in self.focus for each in self.edges)

    @property
    def title(self) -> str:
        """What the diagram shows, in a few words."""
        subject = {1: "what one pool's settings allow", 2: "two pools compared"}.get(len(self.pools))
        about = "what leads out of" if self.is_page else "the states next to"
        parts = [self.flow or subject or ("" if self.focus else "all flows")]
        parts += sorted({f"{about} {node.name if self.is_page else node.state}" for node in self.focus})
        parts += [subject] if self.flow and subject else []
        parts += ["a recorded sign-in"] if self.has_history else []
        plural = "s" * (self.sign_ins != 1)
        parts += [] if self.sign_ins is None else [f"the paths of {self.sign_ins:,} sign-in{plural}"]
        return f"Amazon Cognito sign-in: {', '.join(filter(None, parts))}"

    def role_of(self, vertex: Vertex) -> str:
        """Return a blank and the role of a node in parentheses if the diagram has both nodes of its state; otherwise ""."""
        if isinstance(vertex, Junction):
            return ""
        states = [each.state for each in self.nodes if isinstance(each, Node)]
        return f" ({vertex.role})" if states.count(vertex.state) > 1 else ""

    @property
    def has_highlights(self) -> bool:
        """Whether some edges are highlighted and the others faded."""
        return self.has_history or self.sign_ins is not None

    def availability(self, node: Vertex) -> Availability:
        """Return the effect of settings on a node."""
        return self.availabilities.get(node, AVAILABLE)

    def is_faded(self, node: Vertex) -> bool:
        """Return whether a node is faded, because only other nodes are highlighted or because settings rule it out."""
        untouched = self.has_highlights and node not in self.highlighted
        return untouched or self.availability(node).effect is SettingsEffect.FADED

    @property
    def highlighted(self) -> frozenset[Vertex]:
        """The nodes on the paths of recorded steps."""
        followed = (edge for edge in self.edges if edge.steps or edge.counts)
        ends = {end for edge in followed for end in (edge.source, edge.dest)}
        return frozenset(ends | ({self.current} if self.current else set()))

    def size(self, lines: int) -> str:
        """Return in words how many nodes and lines there are: `lines` of the protocol and all of the application."""
        lines += sum(len(tuple(each.ends())) for each in self.own_transitions)
        return f"{len(self.nodes) + len(self.own_names())} states and junctions, {lines} line{'s' * (lines != 1)}"

    def own_names(self) -> tuple[str, ...]:
        """Return the names that the application's states and transitions add to the nodes."""
        known = {each.name for each in self.nodes}
        ends = [name for each in self.own_transitions for pair in each.ends() for name in pair]
        return tuple(each for each in dict.fromkeys((*self.own_states, *ends)) if each not in known)

    def same_rank(self) -> Iterator[tuple[Vertex, ...]]:
        """Yield each row of nodes: members of a junction, a junction and a member, or a large flow's device states."""
        members: dict[Vertex, list[Vertex]] = {}
        answers: dict[Vertex, set[Vertex]] = {}
        for edge in self.edges:
            if edge.kind is EdgeKind.FOLD:
                members.setdefault(edge.source, []).append(edge.dest)
            elif edge.kind is EdgeKind.ANSWER:
                answers.setdefault(edge.source, set()).add(edge.dest)
        for junction, dests in members.items():
            smaller = {each for each in dests if isinstance(each, Junction)}
            beside = [each for each in dests if each in answers and answers[each] <= smaller]
            yield from ((junction, each) for each in beside)
            row = [each for each in dests if isinstance(each, Node) and each not in beside]
            if len(row) > 1 and len({group_of(each) for each in row}) == 1:
                yield tuple(row)
        device = tuple(each for each in self.nodes if isinstance(each, Node) and each.state in DEVICE_STATES)
        if self.flow and len(self.nodes) > MANY_NODES and len(device) > 1:
            yield device

    def targets(self, vertex: Vertex) -> Iterator[Node]:
        """Yield the nodes that a junction leads to, also through smaller junctions; for a node, the node itself."""
        if isinstance(vertex, Node):
            yield vertex
        else:
            for edge in self.edges:
                if edge.source == vertex:
                    yield from self.targets(edge.dest)

    @property
    def arrows(self) -> frozenset[Arrow]:
        """Every arrow that the diagram shows, directly or through junctions."""
        return frozenset(arrow for edge in self.edges for arrow in self.arrows_along(edge))

    def arrows_along(self, edge: Edge) -> Iterator[Arrow]:
        """Yield the arrows that begin with an edge; none for an edge from a junction."""
        if not isinstance(edge.source, Node):
            return
        for dest in self.targets(edge.dest):
            # Between the two nodes of EMAIL_OTP, and through a junction, the same state means a new challenge.
            again = NEW_CHALLENGE if dest.state is edge.source.state else None
            for response in edge.responses:
                yield Arrow(edge.source, response, dest, edge.kind.loop_kind or again)


def own_parts(machine: Any) -> tuple[tuple[str, ...], tuple[OwnTransition, ...]]:
    """Return the states and transitions of a machine of `authfsm.build` that are not the protocol's."""
    found: dict[tuple[str, str], list[str]] = {}
    for trigger, event in machine.events.items():
        for source, transitions in event.transitions.items():
            for each in transitions:
                if not any(isinstance(one.func, LeadsTo) for one in each.conditions):
                    found.setdefault((trigger, each.dest or source), []).append(source)
    states = tuple(name for name in machine.states if name not in State.__members__)
    return states, tuple(
        OwnTransition(source, trigger, dest)
        for (trigger, dest), sources in found.items()
        for source in ([ANY_STATE] if set(State.__members__) <= {*sources} else sources)
    )
