"""A walk on a picture: the lines that its steps took, numbered in their order.

A step that the picture has no line for (it was left out, or folded away) gets a line of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from attrs import evolve

from authfsm.diagrams.fold import Junction
from authfsm.diagrams.model import Edge, Kind, Mark, Model
from authfsm.diagrams.places import Place, in_order, landing, place_of, takes
from authfsm.protocol import Role, leads
from authfsm.responses import Response
from authfsm.states import State


class Walked(Protocol):
    """A step that was taken, as `authfsm.signin.Step` tells of it; no secret is in it."""

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


def walk(model: Model, steps: Iterable[Walked]) -> Model:
    """A picture with a walk on it.

    Args:
        model: the picture.
        steps: the walk, in its order.
    """
    here = Place(State.START)
    edges = list(model.edges)
    for step in steps:
        source = here if here.state is step.source else _begins(step)
        here = _ends(source, step)
        refused = step.error is not None and here == source
        path = _path(edges, source, step.response, here, within=refused)
        if not path:
            path = [len(edges)]
            edges.append(Edge(source, here, _kind(source, here, step.error), (step.response,)))
        for number in path:
            mark = Mark(step.number, step.response, step.error)
            edges[number] = evolve(edges[number], marks=(*edges[number].marks, mark))
    ends = {end for edge in edges for end in (edge.source, edge.dest)} | {here}
    places = in_order(end for end in ends if isinstance(end, Place))
    junctions = (node for node in model.nodes if isinstance(node, Junction))
    return evolve(model, nodes=(*places, *junctions), edges=tuple(edges), walked=True, here=here)


def _begins(step: Walked) -> Place:
    """Where a step left that follows on none."""
    place = place_of(step.source, None)
    return place if takes(place, step.response) else place_of(step.source, Role.FIRST_FACTOR)


def _ends(source: Place, step: Walked) -> Place:
    """Where a step led."""
    if step.role is None and step.dest in leads(source.state, step.response):
        return landing(source, step.response, step.dest)[-1]
    return place_of(step.dest, step.role)


def _kind(source: Place, dest: Place, error: str | None) -> Kind:
    """What a line is that the picture did not have."""
    if dest.state is State.FAILED:
        return Kind.FAILURE
    if dest != source:
        return Kind.ANSWER
    return Kind.RETRY if error or dest.state is State.START else Kind.LOOP


def _path(
    edges: Sequence[Edge], source: Place, response: type[Response], dest: Place, *, within: bool
) -> list[int]:
    """The numbers of the lines from one place to another by a response; none if there is no way.

    The way leads through junctions, unless it is to stay `within` the place.
    """
    front = [
        [number]
        for number, edge in enumerate(edges)
        if edge.source == source and response in edge.responses
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
                if edge.source == end and edge.kind is Kind.FOLD
            ]
    return []
