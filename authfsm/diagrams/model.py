"""The model of a diagram: its nodes and edges, with nothing about how they look.

`authfsm.diagrams.model_builder` builds a `DiagramModel` from the protocol's table, and
`authfsm.diagrams.history_overlay` adds recorded steps. Each format is a pure function of a `DiagramModel`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from typing import Final

from attrs import field, frozen

from authfsm.diagrams.omissions import OmissionReason
from authfsm.diagrams.own_states import OwnTransition
from authfsm.diagrams.vertices import Arrow, Junction, Vertex, group_of
from authfsm.protocol.nodes import Node
from authfsm.protocol.responses import Response
from authfsm.protocol.table import NEW_CHALLENGE, LoopKind
from authfsm.protocol.validators import frozen_mapping
from authfsm.settings import PoolSettings

ResponseClass = type[Response]


class EdgeKind(str, Enum):
    """The meaning of an edge."""

    ANSWER = "answer"  #: A response leads to another node.
    FOLD = "fold"  #: A junction leads to one of its members.
    RETRY = "retry"  #: The answer was refused, and another may be sent.
    NEW_CHALLENGE = "new challenge"  #: Cognito issued another challenge of the same name.
    ACKNOWLEDGEMENT = "acknowledgement"  #: A response was accepted, and the state stays the same.
    RESTART = "restart"  #: The same answer is sent again without the device key.
    FAILURE = "failure"  #: The attempt ends.

    __str__ = str.__str__

    @property
    def loop_kind(self) -> LoopKind | None:
        """The table's kind of self-loop; None for all other edges."""
        return _LOOP_KINDS.get(self)

    @property
    def is_refusal(self) -> bool:
        """Whether the state stays the same because Cognito refused the answer."""
        return self in {EdgeKind.RETRY, EdgeKind.RESTART}


_LOOP_KINDS: Final = {EdgeKind(str(each)): each for each in LoopKind}


class SettingsEffect(str, Enum):
    """What a pool's settings do to a node or an edge."""

    AVAILABLE = "available"  #: They allow it.
    FADED = "faded"  #: They rule it out, and the diagram shows it faded.
    RULED_OUT = "ruled out"  #: They rule it out.
    LAMBDA_ONLY = "lambda only"  #: They allow it only because a Lambda may name any challenge.
    GAINED = "gained"  #: The second of two pools allows it, and the first does not.
    LOST = "lost"  #: The first of two pools allows it, and the second does not.

    __str__ = str.__str__


@frozen(cache_hash=True)
class Availability:
    """What settings do to a node or an edge, and why.

    Args:
        effect: what they do to it.
        reason: the setting that rules it out, or did so before.
    """

    effect: SettingsEffect = SettingsEffect.AVAILABLE
    reason: str = ""


AVAILABLE: Final = Availability()


@frozen
class EdgeStep:
    """A recorded step that followed an edge.

    Args:
        number: the step's number.
        response: the class of the response.
        error: Cognito's error code, where the reply was a refusal.
        elapsed: the time since the first step, where the steps have times.
    """

    number: int
    response: ResponseClass
    error: str | None = None
    elapsed: timedelta | None = None


@frozen
class EdgeCount:
    """How often sign-ins followed an edge.

    Args:
        times: how often.
        response: by which response; None after a junction.
        share: the share of all steps that left the same node, 0 to 1; None if unknown.
    """

    times: int
    response: ResponseClass | None = None
    share: float | None = None

    def __str__(self) -> str:
        share = "" if self.share is None else f" ({self.share:.0%})"
        return f"\u00d7{self.times:,}{share}"


@frozen
class Edge:
    """An edge of a diagram.

    Args:
        source: where it leaves.
        dest: where it leads.
        kind: its meaning.
        responses: the classes of response it stands for, in the table's order; none after a junction.
        uncertain: those of them that are known only by inference, or contradicted by another source.
        steps: the recorded steps that followed it.
        availability: what settings do to all of it.
        ruled_out: the responses that settings rule out, where they allow others.
        counts: how often it was followed, by response.
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
        """Return what settings do to one of its responses."""
        return SettingsEffect.FADED if response in self.ruled_out else self.availability.effect

    @property
    def total(self) -> EdgeCount:
        """How often it was followed, by whichever response."""
        shares = [each.share for each in self.counts if each.share is not None]
        times = sum(each.times for each in self.counts)
        return EdgeCount(times, None, sum(shares) if shares else None)

    @property
    def is_uncertain(self) -> bool:
        """Whether all of it is known only by inference, or contradicted."""
        return bool(self.uncertain) and self.uncertain == self.responses


@frozen
class OmittedArrows:
    """Arrows that are not drawn.

    Args:
        reason: why, with the sentence that the caption has about them.
        arrows: the arrows.
    """

    reason: OmissionReason
    arrows: frozenset[Arrow]


@frozen
class DiagramModel:
    """The nodes and edges of a diagram.

    Args:
        nodes: nodes and junctions, in the order of a sign-in.
        edges: the edges between them.
        omitted: the arrows that are not drawn, by reason.
        flow: the `AuthFlow` it shows; None for all of them.
        has_history: whether it shows a recorded sign-in, and fades all that it did not touch.
        current: the node where the recorded sign-in stands.
        availabilities: what settings do to each node; nodes that they simply allow are left out.
        focus: the nodes that the diagram is about, unless it is about all of them.
        sign_ins: the number of sign-ins that are counted on it; None if none are.
        actions: whether it says what to do after a failure.
        notes: further sentences for the caption.
        overview: whether the drawing leaves out the names of responses.
        pools: the settings of the pool, or of the two pools, that it shows.
        own_states: the states that an application added to its machine.
        own_transitions: the transitions that it added.
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

    @property
    def title(self) -> str:
        """What the diagram shows, in a few words."""
        subject = {1: "what one pool's settings allow", 2: "two pools compared"}.get(
            len(self.pools)
        )
        parts = [self.flow or subject or ("" if self.focus else "all flows")]
        parts += sorted({f"the states next to {node.state}" for node in self.focus})
        parts += [subject] if self.flow and subject else []
        parts += ["a recorded sign-in"] if self.has_history else []
        parts += [] if self.sign_ins is None else [f"the paths of {self.sign_ins:,} sign-ins"]
        return f"Amazon Cognito sign-in: {', '.join(filter(None, parts))}"

    @property
    def has_highlights(self) -> bool:
        """Whether some edges are highlighted and the others faded."""
        return self.has_history or self.sign_ins is not None

    def availability(self, node: Vertex) -> Availability:
        """Return what settings do to a node."""
        return self.availabilities.get(node, AVAILABLE)

    @property
    def highlighted(self) -> frozenset[Vertex]:
        """The nodes that recorded steps touched."""
        followed = (edge for edge in self.edges if edge.steps or edge.counts)
        ends = {end for edge in followed for end in (edge.source, edge.dest)}
        return frozenset(ends | ({self.current} if self.current else set()))

    def own_names(self) -> tuple[str, ...]:
        """Return the names that the application's states and transitions add to the nodes."""
        known = {each.name for each in self.nodes}
        ends = [name for each in self.own_transitions for pair in each.ends() for name in pair]
        return tuple(each for each in dict.fromkeys((*self.own_states, *ends)) if each not in known)

    def same_rank(self) -> Iterator[tuple[Vertex, ...]]:
        """Yield nodes that are drawn side by side.

        A member whose answers only lead to a smaller junction of the same junction is drawn beside the
        junction. The other members are drawn in one row if they belong to one group.
        """
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

    def self_loops(self) -> dict[Vertex, tuple[Edge, ...]]:
        """Return the edges that lead from a node back to it, by node."""
        found: dict[Vertex, tuple[Edge, ...]] = {}
        for edge in self.edges:
            if edge.source == edge.dest:
                found[edge.source] = (*found.get(edge.source, ()), edge)
        return found

    def targets(self, vertex: Vertex) -> Iterator[Node]:
        """Yield the nodes that a junction leads to, through smaller junctions too; a node leads to itself."""
        if isinstance(vertex, Node):
            yield vertex
        else:
            for edge in self.edges:
                if edge.source == vertex:
                    yield from self.targets(edge.dest)

    @property
    def arrows(self) -> frozenset[Arrow]:
        """Every arrow of the table that the diagram shows, through junctions or not."""
        return frozenset(arrow for edge in self.edges for arrow in self.arrows_along(edge))

    def arrows_along(self, edge: Edge) -> Iterator[Arrow]:
        """Yield the arrows of the table that begin with an edge; none for an edge from a junction."""
        if not isinstance(edge.source, Node):
            return
        for dest in self.targets(edge.dest):
            # Between the two nodes of one state, and through a junction, a challenge is a new one.
            again = NEW_CHALLENGE if dest.state is edge.source.state else None
            for response in edge.responses:
                yield Arrow(edge.source, response, dest, edge.kind.loop_kind or again)
