"""A walk on a picture: the lines that its steps took, numbered in their order; and many walks, counted.

A step that the picture has no line for (it was left out, or folded away) gets a line of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from attrs import evolve, frozen

from authfsm.diagrams.edge_merging import START
from authfsm.diagrams.fold import Junction, Vertex
from authfsm.diagrams.model import Count, DiagramModel, Edge, EdgeKind, Mark, Trigger
from authfsm.diagrams.places import in_order
from authfsm.protocol.nodes import Node, accepts, node_of, target_roles
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import LoopKind, Role, Transition, destinations


class Walked(Protocol):
    """A step that was taken, as `authfsm.core.signin.Step` tells of it; no secret is in it."""

    @property
    def number(self) -> int:
        """Which step it was, from 1 on."""

    @property
    def source(self) -> State:
        """Where it left."""

    @property
    def response(self) -> type[Response]:
        """The class of the response that was given."""

    @property
    def dest(self) -> State:
        """Where the reply led."""

    @property
    def role(self) -> Role | None:
        """Which factor the code is, where it led to EMAIL_OTP."""

    @property
    def error(self) -> str | None:
        """Cognito's error code, where the reply was a refusal."""

    @property
    def kind(self) -> LoopKind | None:
        """What it was, where it stayed in its state; None where it left it, or moved nothing."""

    @property
    def at(self) -> datetime | None:
        """When the reply came, if that is known."""


@frozen
class WalkSegment:
    """A step on a picture: the way it took.

    Args:
        step: the step.
        source: the place it left.
        dest: the place it led to.
        path: the numbers of the lines it took.
    """

    step: Walked
    source: Node
    dest: Node
    path: tuple[int, ...]


class HistoryWalker:
    """Finds the ways of steps on a picture, and adds the lines that it lacks for them.

    Args:
        model: the picture.
    """

    def __init__(self, model: DiagramModel) -> None:
        self.edges = list(model.edges)
        self._known: dict[tuple[object, ...], tuple[int, ...]] = {}

    def walk(self, steps: Iterable[Walked]) -> Iterator[WalkSegment]:
        """The way of each step, in its order."""
        here = START
        for step in steps:
            source = here if here.state is step.source else _begins(step)
            here = _ends(source, step)
            key = (source, step.response, here, _loop(step), step.error is not None)
            if key not in self._known:
                self._known[key] = self._way(source, step, here)
            yield WalkSegment(step, source, here, self._known[key])

    def _way(self, source: Node, step: Walked, dest: Node) -> tuple[int, ...]:
        loop = _loop(step)
        path = _path(self.edges, source, step.response, dest, loop)
        if not path:
            path = [len(self.edges)]
            self.edges.append(Edge(source, dest, _kind(source, dest, loop), (step.response,)))
        return tuple(path)

    def nodes(self, model: DiagramModel, *others: Node) -> tuple[Vertex, ...]:
        """The nodes of the picture, and those that steps have added."""
        ends = {end for edge in self.edges for end in (edge.source, edge.dest)} | {*others}
        places = in_order(end for end in ends if isinstance(end, Node))
        return (*places, *(each for each in model.nodes if isinstance(each, Junction)))


def walk(model: DiagramModel, steps: Iterable[Walked]) -> DiagramModel:
    """A picture with a walk on it.

    Args:
        model: the picture.
        steps: the walk, in its order.
    """
    walker = HistoryWalker(model)
    legs = list(walker.walk(steps))
    edges = walker.edges
    began = next((leg.step.at for leg in legs if leg.step.at), None)
    for leg in legs:
        step = leg.step
        after = step.at - began if step.at and began else None
        mark = Mark(step.number, step.response, step.error, after)
        for number in leg.path:
            edges[number] = evolve(edges[number], marks=(*edges[number].marks, mark))
    here = legs[-1].dest if legs else START
    nodes = walker.nodes(model, here)
    return evolve(model, nodes=nodes, edges=tuple(edges), walked=True, here=here)


def count(model: DiagramModel, histories: Iterable[Iterable[Walked]]) -> DiagramModel:
    """A picture with the traffic of many sign-ins on it.

    Args:
        model: the picture.
        histories: the steps of each.
    """
    walker, visits, total = HistoryWalker(model), Counter[tuple[int, Trigger]](), 0
    for history in histories:
        total += 1
        visits.update((n, leg.step.response) for leg in walker.walk(history) for n in leg.path)
    counts: dict[int, list[Count]] = {}
    for (number, response), times in visits.items():
        counts.setdefault(number, []).append(Count(times, response))
    edges = tuple(
        evolve(edge, counts=_counted(edge, counts.get(number, [])))
        for number, edge in enumerate(walker.edges)
    )
    return evolve(model, nodes=walker.nodes(model, START), edges=shared(edges), traffic=total)


def shared(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """Lines that were counted, each with its share of all that left where it leaves.

    Args:
        edges: every line of a picture.
    """
    every, left = _failures_joined(edges), Counter[Vertex]()
    for edge in every:
        left[edge.source] += edge.taken
    return tuple(
        evolve(
            edge, counts=tuple(evolve(n, share=n.times / left[edge.source]) for n in edge.counts)
        )
        for edge in every
    )


def _failures_joined(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """One line from a place to its failures, whatever the responses were."""
    joined: dict[Any, Edge] = {}
    for number, edge in enumerate(edges):
        failed = edge.kind is EdgeKind.FAILURE and edge.counts
        line = (edge.source, edge.dest) if failed else number
        before = joined.get(line)
        if before is None:
            joined[line] = edge
        else:
            responses = tuple(dict.fromkeys((*before.responses, *edge.responses)))
            altogether = Count(before.taken + edge.taken, before.counts[0].response)
            joined[line] = evolve(before, responses=responses, counts=(altogether,))
    return tuple(joined.values())


def _counted(edge: Edge, counts: list[Count]) -> tuple[Count, ...]:
    """How often a line was taken: response by response, or altogether where a junction leads on."""
    if not edge.responses:
        return (Count(sum(each.times for each in counts)),) if counts else ()
    return tuple(
        sorted(counts, key=lambda each: edge.responses.index(each.response or edge.responses[0]))
    )


def _begins(step: Walked) -> Node:
    """Where a step left that follows on none."""
    place = node_of(step.source, None)
    fits = accepts(place.state, place.role, step.response)
    return place if fits else node_of(step.source, Role.FIRST_FACTOR)


def _ends(source: Node, step: Walked) -> Node:
    """Where a step led."""
    if step.role is None and step.dest in destinations(source.state, step.response):
        arrow = Transition(source.state, step.response, step.dest, _loop(step))
        return Node(step.dest, target_roles(arrow, source.role)[-1])
    return node_of(step.dest, step.role)


def _loop(step: Walked) -> LoopKind | None:
    """What kind of self-loop a step was; a step that throttling kept in its state is drawn as a retry."""
    stays = step.dest is step.source and step.source is not State.FAILED
    return (step.kind or (LoopKind.RETRY if step.error else None)) if stays else None


def _kind(source: Node, dest: Node, loop: LoopKind | None) -> EdgeKind:
    """What a line is that the picture did not have."""
    if dest.state is State.FAILED:
        return EdgeKind.FAILURE
    if dest != source:
        return EdgeKind.ANSWER
    return EdgeKind(str(loop or LoopKind.NEW_CHALLENGE))


def _path(
    edges: Sequence[Edge],
    source: Node,
    response: type[Response],
    dest: Node,
    loop: LoopKind | None,
) -> list[int]:
    """The numbers of the lines from one place to another by a response; none if there is no way.

    The way leads through junctions, unless it is a self-loop that stays in its challenge.
    """
    within = loop not in {None, LoopKind.NEW_CHALLENGE}
    front = [
        [number]
        for number, edge in enumerate(edges)
        if edge.source == source and response in edge.responses
        if edge.kind.loop is (loop if edge.dest == source == dest else None)
        if edge.dest == dest or not within
    ]
    while front:
        path = front.pop(0)
        end = edges[path[-1]].dest
        if end == dest:
            return path
        if isinstance(end, Junction):
            front += [
                [*path, number]
                for number, edge in enumerate(edges)
                if edge.source == end and edge.kind is EdgeKind.FOLD
            ]
    return []
