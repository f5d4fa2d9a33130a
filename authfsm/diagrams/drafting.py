"""From the table to a picture's nodes and edges: leave out, fold, merge; every arrow is accounted for.

What a draft draws and what it says it leaves out are together the whole table, by test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cache

from attrs import evolve, frozen

from authfsm.diagrams.fold import JUNCTIONS, Junction, Node, fold
from authfsm.diagrams.leaving import Reason, foreign, reason, thin
from authfsm.diagrams.model import Edge, Kind, LeftOut, Model, Trigger
from authfsm.diagrams.places import PLACES, Arrow, Place, in_order, landing, takes
from authfsm.protocol import PROTOCOL, may_fail
from authfsm.states import State

START = Place(State.START)
FAILED = Place(State.FAILED)


@frozen
class Line:
    """A line with a single response, and the arrows it stands for."""

    edge: Edge
    arrows: frozenset[Arrow]

    @property
    def row(self) -> tuple[Node, Trigger]:
        """The row of the table it comes from."""
        return self.edge.source, self.edge.responses[0]


def flows() -> tuple[str, ...]:
    """The names of the flows that begin a sign-in, in the table's order."""
    return tuple(dict.fromkeys(r.auth_flow for r in PROTOCOL[State.START] if r.auth_flow))


def row(place: Place, response: Trigger) -> tuple[Arrow, ...]:
    """Every arrow of a response to a place, FAILED included, in the order of `State`."""
    dests = PROTOCOL[place.state][response]
    return tuple(
        Arrow(place, response, each)
        for dest in State
        if dest in dests or (dest is State.FAILED and may_fail(place.state))
        for each in landing(place, response, dest)
    )


ROWS = tuple(
    row(place, response)
    for place in PLACES
    for response in PROTOCOL[place.state]
    if takes(place, response)
)
"""Every row of the table, its e-mailed codes told apart by role."""


@cache
def draft(*, flow: str | None = None, unfolded: bool = False, failures: bool = False) -> Model:
    """A picture of the table.

    Args:
        flow: an `AuthFlow`: only what it reaches.
        unfolded: every arrow by itself, nothing left out.
        failures: draw where an attempt ends.
    """
    left: dict[Reason, set[Arrow]] = defaultdict(set)
    drawn: list[Line] = []
    for arrows in ROWS:
        why = {arrow: _why(arrow, flow) for arrow in arrows}
        if not unfolded:
            why = {a: why[a] or reason(a, flow=flow, failures=failures) for a in arrows}
        for arrow, because in why.items():
            if because:
                left[because].add(arrow)
        kept = [arrow for arrow in arrows if not why[arrow]]
        drawn += lines(kept, () if unfolded else JUNCTIONS)
    if not unfolded:
        drawn, gone = parted(drawn, frozenset(spare(drawn)))
        left[Reason.THIN] |= gone
    if flow is not None:
        reached = reach(drawn)
        drawn, gone = parted(drawn, {each for each in drawn if each.edge.source not in reached})
        gone |= {a for named in left.values() for a in named if a.source not in reached}
        for named in left.values():
            named.difference_update(gone)
        left[Reason.ELSEWHERE] |= gone
    edges = merge(line.edge for line in drawn)
    edges += onward(edges)
    return Model(
        nodes=in_sequence(edges),
        edges=edges,
        left_out=tuple(LeftOut(each, frozenset(left[each])) for each in Reason if left[each]),
        flow=flow,
    )


def _why(arrow: Arrow, flow: str | None) -> Reason | None:
    """Why an arrow is not this flow's, whatever the picture."""
    if flow is None:
        return None
    begins_another = arrow.source == START and arrow.response.auth_flow != flow
    out_of_reach = foreign(arrow.source, flow) or foreign(arrow.dest, flow)
    return Reason.ELSEWHERE if begins_another or out_of_reach else None


def parted(drawn: Iterable[Line], drop: Collection[Line]) -> tuple[list[Line], frozenset[Arrow]]:
    """The lines without some, and the arrows of those."""
    gone = frozenset(arrow for line in drop for arrow in line.arrows)
    return [line for line in drawn if line not in drop], gone


def kind(arrow: Arrow, arrows: Iterable[Arrow]) -> Kind:
    """What an arrow is among the arrows of its row."""
    if arrow.dest == FAILED:
        return Kind.FAILURE
    if arrow.dest != arrow.source:
        return Kind.ANSWER
    elsewhere = {each.dest for each in arrows} - {arrow.source, FAILED}
    return Kind.RETRY if elsewhere else Kind.LOOP


def lines(arrows: Iterable[Arrow], junctions: Iterable[Junction]) -> Iterator[Line]:
    """The lines that stand for a row's arrows, folded where they go together."""
    by_dest = {arrow.dest: arrow for arrow in arrows}
    failure = {FAILED: by_dest.pop(FAILED)} if FAILED in by_dest else {}
    for node in (*fold(by_dest, junctions), *failure):
        members = node.members if isinstance(node, Junction) else {node}
        held = frozenset((by_dest | failure)[each] for each in members)
        one = next(iter(held))
        what = Kind.ANSWER if isinstance(node, Junction) else kind(one, by_dest.values())
        doubtful = (one.response,) if all(map(thin, held)) else ()
        yield Line(Edge(one.source, node, what, (one.response,), doubtful), held)


def spare(drawn: Iterable[Line]) -> Iterator[Line]:
    """Lines known only by inference, or contradicted, that a picture can do without.

    It can't where the row has no surer line, or where no surer line reaches a place.
    """
    every = tuple(line for line in drawn if line.edge.kind is not Kind.FAILURE)
    sure = tuple(line for line in every if not line.edge.doubtful)
    rows = {line.row for line in sure}
    reached = {START} | {arrow.dest for line in sure for arrow in line.arrows}
    for line in every:
        if line.edge.doubtful and line.row in rows and all(a.dest in reached for a in line.arrows):
            yield line


def reach(drawn: Iterable[Line]) -> frozenset[Place]:
    """The places that lines lead to, from START on."""
    steps: dict[Node, set[Place]] = defaultdict(set)
    for line in drawn:
        steps[line.edge.source] |= {arrow.dest for arrow in line.arrows}
    found, front = set[Place](), {START}
    while front:
        found |= front
        front = {dest for place in front for dest in steps[place]} - found
    return frozenset(found)


def merge(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """One edge for all that lead alike from one node to another."""
    merged: dict[tuple[Node, Node, Kind], Edge] = {}
    for edge in edges:
        key = (edge.source, edge.dest, edge.kind)
        known = merged.get(key)
        merged[key] = (
            evolve(known, responses=known.responses + edge.responses, thin=known.thin + edge.thin)
            if known
            else edge
        )
    return tuple(merged.values())


def onward(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """How the junctions that these edges lead to lead on."""
    front: set[Node] = {edge.dest for edge in edges}
    found: dict[Junction, tuple[Edge, ...]] = {}
    while front:
        junction = front.pop()
        if isinstance(junction, Junction) and junction not in found:
            on = fold(junction.members, JUNCTIONS, below=junction)
            found[junction] = tuple(Edge(junction, node, Kind.FOLD) for node in on)
            front |= set(on)
    return tuple(edge for each in JUNCTIONS for edge in found.get(each, ()))


def in_sequence(edges: Iterable[Edge]) -> tuple[Node, ...]:
    """The nodes that edges touch: places in the order of a sign-in, then junctions."""
    ends = {end for edge in edges for end in (edge.source, edge.dest)} | {START}
    places = in_order(end for end in ends if isinstance(end, Place))
    return (*places, *(each for each in JUNCTIONS if each in ends))
