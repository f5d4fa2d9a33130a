"""Draws recorded sign-ins on a diagram: numbers the edges that one sign-in followed, or counts those of many sign-ins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Protocol

from attrs import evolve, frozen

from authfsm.diagrams.model import DiagramModel, Edge, EdgeCount, EdgeKind, EdgeStep, ResponseClass
from authfsm.diagrams.vertices import START, Junction, Vertex, in_order
from authfsm.protocol.nodes import Node, accepts, node_of, target_roles
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import LoopKind, Role, Transition, destinations


class HistoryStep(Protocol):
    """A recorded step, such as `authfsm.core.signin.Step`; it holds no secret."""

    @property
    def number(self) -> int:
        """The position of the step in its history, from 1 on."""

    @property
    def source(self) -> State:
        """The state before the step."""

    @property
    def response(self) -> type[Response]:
        """The class of the response that was sent."""

    @property
    def dest(self) -> State:
        """The state after the reply."""

    @property
    def role(self) -> Role | None:
        """The factor that the state after the reply asks for. Only EMAIL_OTP needs it; None means to infer it."""

    @property
    def error(self) -> str | None:
        """Cognito's error code, if the reply was a refusal."""

    @property
    def kind(self) -> LoopKind | None:
        """The kind of self-loop; None if the state changed, or if nothing happened because the request was throttled."""

    @property
    def at(self) -> datetime | None:
        """The time of the reply, with a time zone, if it is known."""


def checked_step(step: HistoryStep) -> HistoryStep:
    """Return the step; raise TypeError if it is something else, such as a line of JSON."""
    if not isinstance(getattr(step, "dest", None), State):
        raise TypeError(f"a history has steps, not a {type(step).__name__}: use history_from_json for JSON")
    return step


@frozen
class WalkSegment:
    """A step to a node of a diagram; `path` has the numbers of the edges that it followed."""

    step: HistoryStep
    dest: Node
    path: tuple[int, ...]


class HistoryWalker:
    """Finds the edges of a diagram that steps follow, and adds edges that the diagram omits."""

    def __init__(self, model: DiagramModel) -> None:
        self.edges = list(model.edges)
        self._junctions = [node for node in model.nodes if isinstance(node, Junction)]
        self._paths: dict[tuple[object, ...], tuple[int, ...]] = {}

    def walk(self, steps: Iterable[HistoryStep]) -> Iterator[WalkSegment]:
        """Yield the segment of each step of one sign-in."""
        current = START
        for step in steps:
            source = current if current.state is step.source else _source(step)
            current = _dest(source, step)
            key = (source, step.response, current, _loop_kind(step), step.error is not None)
            if key not in self._paths:
                self._paths[key] = self._path(source, step, current)
            yield WalkSegment(step, current, self._paths[key])

    def nodes(self, current: Node) -> tuple[Vertex, ...]:
        """Return the nodes of all edges and the current node, in the order of a sign-in, and then the junctions."""
        ends = {end for edge in self.edges for end in (edge.source, edge.dest)} | {current}
        return (*in_order(end for end in ends if isinstance(end, Node)), *self._junctions)

    def _path(self, source: Node, step: HistoryStep, dest: Node) -> tuple[int, ...]:
        """Return the numbers of the edges between two nodes. A self-loop uses junctions only for a new challenge."""
        loop = _loop_kind(step)
        paths: list[tuple[int, ...]] = [
            (number,)
            for number, edge in enumerate(self.edges)
            if edge.source == source and step.response in edge.responses
            if edge.kind.loop_kind is (loop if edge.dest == source == dest else None)
            if edge.dest == dest or loop in {None, LoopKind.NEW_CHALLENGE}
        ]
        while paths:
            path = paths.pop(0)
            end = self.edges[path[-1]].dest
            if end == dest:
                return path
            if isinstance(end, Junction):
                onward = (n for n, edge in enumerate(self.edges) if edge.source == end)
                paths += [(*path, number) for number in onward]
        self.edges.append(Edge(source, dest, EdgeKind.between(source, dest, loop), (step.response,)))
        return (len(self.edges) - 1,)


def add_history(model: DiagramModel, steps: Iterable[HistoryStep]) -> DiagramModel:
    """Return a diagram with the steps of one recorded sign-in."""
    walker = HistoryWalker(model)
    segments = list(walker.walk(steps))
    edges = walker.edges
    first = next((each.step.at for each in segments if each.step.at), None)
    for segment in segments:
        step = segment.step
        elapsed = step.at - first if step.at and first else None
        edge_step = EdgeStep(step.number, step.response, step.error, elapsed)
        for number in segment.path:
            edges[number] = evolve(edges[number], steps=(*edges[number].steps, edge_step))
    current = segments[-1].dest if segments else START
    return evolve(model, nodes=walker.nodes(current), edges=tuple(edges), has_history=True, current=current)


def add_traffic(model: DiagramModel, histories: Collection[Iterable[HistoryStep]]) -> DiagramModel:
    """Return a diagram with the counts of many recorded sign-ins."""
    walker, times = HistoryWalker(model), Counter[tuple[int, ResponseClass | None]]()
    for history in histories:
        for each in walker.walk(history):
            times.update((n, each.step.response if walker.edges[n].responses else None) for n in each.path)
    edges = []
    for n, edge in enumerate(walker.edges):
        counts = (EdgeCount(times[n, r], r) for r in edge.responses or (None,) if (n, r) in times)
        edges.append(evolve(edge, counts=tuple(counts)))
    return evolve(model, nodes=walker.nodes(START), edges=with_shares(edges), sign_ins=len(histories))


def with_shares(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """Return counted edges, each with its share of all steps that left the same node."""
    joined, leaving = _join_failures(edges), Counter[Vertex]()
    for edge in joined:
        leaving[edge.source] += edge.total.times
    return tuple(
        evolve(edge, counts=tuple(evolve(each, share=each.times / leaving[edge.source]) for each in edge.counts))
        for edge in joined
    )


def _join_failures(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """Return the edges. All edges with counts that lead from the same node to FAILED are joined into one."""
    joined: dict[object, Edge] = {}
    for number, edge in enumerate(edges):
        is_failure = edge.kind is EdgeKind.FAILURE and edge.counts
        key: object = (edge.source, edge.dest) if is_failure else number
        before = joined.get(key, evolve(edge, responses=(), counts=()))
        responses = tuple(dict.fromkeys((*before.responses, *edge.responses)))
        joined[key] = evolve(before, responses=responses, counts=before.counts + edge.counts)
    return tuple(joined.values())


def _source(step: HistoryStep) -> Node:
    """Return the source of a step that does not begin where the step before ended; the response decides the role."""
    second = node_of(step.source, None)
    fits = accepts(second.state, second.role, step.response)
    return second if fits else node_of(step.source, Role.FIRST_FACTOR)


def _dest(source: Node, step: HistoryStep) -> Node:
    if step.role is None and step.dest in destinations(source.state, step.response):
        arrow = Transition(source.state, step.response, step.dest, _loop_kind(step))
        return Node(step.dest, target_roles(arrow, source.role)[-1])
    return node_of(step.dest, step.role)


def _loop_kind(step: HistoryStep) -> LoopKind | None:
    """Return a step's kind of self-loop; a throttled step is drawn as a retry."""
    stays = step.dest is step.source and step.source is not State.FAILED
    return (step.kind or (LoopKind.RETRY if step.error else None)) if stays else None
