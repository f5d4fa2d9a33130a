"""A picture before it is drawn: nodes and edges, frozen, with no word on how they look.

Renderers are pure functions of a `DiagramModel`; a `DiagramModel` is a pure function of the table and its options
(`authfsm.diagrams.model_builder`) and of the steps that a sign-in has written down
(`authfsm.diagrams.walking`). No live sign-in is ever looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from typing import Final

from attrs import field, frozen

from authfsm.diagrams.fold import Junction, Vertex
from authfsm.diagrams.omissions import Reason
from authfsm.diagrams.places import Arrow, group
from authfsm.protocol.nodes import Node
from authfsm.protocol.responses import Response
from authfsm.protocol.table import NEW_CHALLENGE, LoopKind
from authfsm.protocol.validators import frozen_mapping
from authfsm.settings import PoolSettings

Trigger = type[Response]


class EdgeKind(str, Enum):
    """What a line of the picture is."""

    ANSWER = "answer"  #: A response leads on.
    FOLD = "fold"  #: A junction leads on.
    RETRY = "retry"  #: The answer was refused, and another may be given.
    NEW_CHALLENGE = "new challenge"  #: Another challenge of the same name came.
    ACKNOWLEDGEMENT = "acknowledgement"  #: A step within the state was accepted.
    RESTART = "restart"  #: The same answer is sent again without the device key.
    FAILURE = "failure"  #: The attempt ends.

    __str__ = str.__str__

    @property
    def loop(self) -> LoopKind | None:
        """The table's kind of self-loop that the line is; None for all other lines."""
        return _LOOPS.get(self)

    @property
    def refused(self) -> bool:
        """Does the line stay where it is because of a refusal?"""
        return self in {EdgeKind.RETRY, EdgeKind.RESTART}


_LOOPS: Final = {EdgeKind(str(each)): each for each in LoopKind}


class Tone(str, Enum):
    """How far a pool's settings leave something."""

    KEPT = "kept"  #: It is possible.
    FADED = "faded"  #: It is ruled out, and shown all the same.
    GONE = "gone"  #: It is ruled out.
    NAMED = "named"  #: It is possible only because a Lambda function may name any challenge.
    GAINED = "gained"  #: It turns on.
    LOST = "lost"  #: It turns off.

    __str__ = str.__str__


@frozen
class Shade:
    """A tone, and the reason for it.

    Args:
        tone: how far settings leave it.
        why: the setting that rules it out, or did so before.
    """

    tone: Tone = Tone.KEPT
    why: str = ""


KEPT = Shade()


@frozen
class Mark:
    """A step of a walk, on a line that it took.

    Args:
        number: which step it was.
        response: the class of the response that was given.
        error: Cognito's error code, where the reply was a refusal.
        after: how long after the first step, if the steps tell.
    """

    number: int
    response: Trigger
    error: str | None = None
    after: timedelta | None = None


@frozen
class Count:
    """How often a line was taken.

    Args:
        times: how often.
        response: by which response; None where a junction led on.
        share: of all that left the line's beginning, 0 to 1; None where that is not reckoned.
    """

    times: int
    response: Trigger | None = None
    share: float | None = None

    def __str__(self) -> str:
        share = "" if self.share is None else f" ({self.share:.0%})"
        return f"\u00d7{self.times:,}{share}"


@frozen
class Edge:
    """A line of the picture.

    Args:
        source: where it leaves.
        dest: where it leads.
        kind: what it is.
        responses: the responses it stands for, in the table's order; none where a junction leads on.
        thin: those of them that are known here only by inference, or contradicted.
        marks: the steps of a walk that took it.
        shade: how far settings leave it.
        faded: the responses that settings rule out, where they leave others.
        counts: how often it was taken, response by response.
    """

    source: Vertex
    dest: Vertex
    kind: EdgeKind
    responses: tuple[Trigger, ...] = ()
    thin: tuple[Trigger, ...] = ()
    marks: tuple[Mark, ...] = ()
    shade: Shade = KEPT
    faded: tuple[Trigger, ...] = ()
    counts: tuple[Count, ...] = ()

    def tone(self, response: Trigger) -> Tone:
        """How far settings leave a response of it."""
        return Tone.FADED if response in self.faded else self.shade.tone

    @property
    def taken(self) -> int:
        """How often it was taken."""
        return sum(each.times for each in self.counts)

    @property
    def altogether(self) -> Count:
        """How often it was taken, by whichever response."""
        shares = [each.share for each in self.counts if each.share is not None]
        return Count(self.taken, None, sum(shares) if shares else None)

    @property
    def doubtful(self) -> bool:
        """Is all of it known only by inference, or contradicted?"""
        return bool(self.thin) and self.thin == self.responses


@frozen
class OmittedArrows:
    """Arrows that are not drawn, and why.

    Args:
        reason: why, with the caption that stands for them.
        arrows: the arrows.
    """

    reason: Reason
    arrows: frozenset[Arrow]


@frozen
class DiagramModel:
    """A picture before it is drawn.

    Args:
        nodes: places and junctions, in the order of a sign-in.
        edges: the lines between them.
        left_out: the arrows that are not drawn, by reason.
        flow: the `AuthFlow` it is of; None for all of them.
        walked: does it show a walk? Then all that the walk did not touch is faded.
        here: where the walk stands.
        shades: the nodes that settings do not simply leave as they are.
        focus: the places that the picture is about, if it is not about all of them.
        traffic: how many sign-ins its counts are of; None if it counts none.
        actions: does it tell what to do after a failure?
        said: what else stands under it.
        pools: the settings of the pool, or of the two, that it is of.
    """

    nodes: tuple[Vertex, ...]
    edges: tuple[Edge, ...]
    left_out: tuple[OmittedArrows, ...] = ()
    flow: str | None = None
    walked: bool = False
    here: Node | None = None
    shades: Mapping[Vertex, Shade] = field(factory=dict, converter=frozen_mapping)
    focus: frozenset[Node] = frozenset()
    traffic: int | None = None
    actions: bool = False
    said: tuple[str, ...] = ()
    pools: tuple[PoolSettings, ...] = field(default=(), repr=False)

    @property
    def lights(self) -> bool:
        """Are some of its lines lit, and the others not?"""
        return self.walked or self.traffic is not None

    def shade(self, node: Vertex) -> Shade:
        """How far settings leave a node."""
        return self.shades.get(node, KEPT)

    @property
    def lit(self) -> frozenset[Vertex]:
        """The nodes that the walk touched."""
        taken = (edge for edge in self.edges if edge.marks or edge.counts)
        ends = {end for edge in taken for end in (edge.source, edge.dest)}
        return frozenset(ends | ({self.here} if self.here else set()))

    def abreast(self) -> Iterator[tuple[Vertex, ...]]:
        """Nodes that stand side by side.

        A place that leads only on to a junction that its own junction leads to as well is a detour,
        beside its junction. The other places of a junction stand in one row, if they are of one group.
        """
        on: dict[Vertex, list[Vertex]] = {}
        leads: dict[Vertex, set[Vertex]] = {}
        for edge in self.edges:
            if edge.kind is EdgeKind.FOLD:
                on.setdefault(edge.source, []).append(edge.dest)
            elif edge.kind is EdgeKind.ANSWER:
                leads.setdefault(edge.source, set()).add(edge.dest)
        for junction, dests in on.items():
            joined = {each for each in dests if isinstance(each, Junction)}
            detours = [each for each in dests if each in leads and leads[each] <= joined]
            yield from ((junction, each) for each in detours)
            rest = [each for each in dests if isinstance(each, Node) and each not in detours]
            if len(rest) > 1 and len({group(each) for each in rest}) == 1:
                yield tuple(rest)

    def within(self) -> dict[Vertex, tuple[Edge, ...]]:
        """The lines that lead from a place back to it, by place."""
        found: dict[Vertex, tuple[Edge, ...]] = {}
        for edge in self.edges:
            if edge.source == edge.dest:
                found[edge.source] = (*found.get(edge.source, ()), edge)
        return found

    def onward(self, node: Vertex) -> Iterator[Vertex]:
        """Where a junction leads on; a place leads to itself."""
        if isinstance(node, Junction):
            for edge in self.edges:
                if edge.source == node:
                    yield from self.onward(edge.dest)
        else:
            yield node

    @property
    def arrows(self) -> frozenset[Arrow]:
        """What the picture says: every arrow that can be followed in it, through junctions or not."""
        return frozenset(arrow for edge in self.edges for arrow in self.followed(edge))

    def followed(self, edge: Edge) -> Iterator[Arrow]:
        """The arrows that can be followed along an edge from a node, through junctions or not."""
        if not isinstance(edge.source, Node):
            return
        for dest in self.onward(edge.dest):
            if isinstance(dest, Node):
                # Between the two nodes of one state, and through a junction, a challenge is a new one.
                again = NEW_CHALLENGE if dest.state is edge.source.state else None
                for response in edge.responses:
                    yield Arrow(edge.source, response, dest, edge.kind.loop or again)
