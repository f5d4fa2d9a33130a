"""A picture's lines: what stands for which arrows, folded where they go together, merged where they run alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from attrs import evolve, frozen

from authfsm.diagrams.fold import Junction, Vertex, fold
from authfsm.diagrams.model import KEPT, Edge, EdgeKind, Shade, Tone, Trigger
from authfsm.diagrams.omissions import thin
from authfsm.diagrams.places import Arrow, in_order
from authfsm.diagrams.settings_overlay import SettingsOverlay
from authfsm.protocol.nodes import Node
from authfsm.protocol.states import State
from authfsm.protocol.table import NEW_CHALLENGE

START = Node(State.START)
FAILED = Node(State.FAILED)


@frozen
class Line:
    """A line with a single response, and the arrows it stands for."""

    edge: Edge
    arrows: frozenset[Arrow]

    @property
    def row(self) -> tuple[Vertex, Trigger]:
        """The row of the table it comes from."""
        return self.edge.source, self.edge.responses[0]


def parted(drawn: Iterable[Line], drop: Collection[Line]) -> tuple[list[Line], frozenset[Arrow]]:
    """The lines without some, and the arrows of those."""
    gone = frozenset(arrow for line in drop for arrow in line.arrows)
    return [line for line in drawn if line not in drop], gone


def kind(arrow: Arrow) -> EdgeKind:
    """What kind of line an arrow is."""
    if arrow.dest == FAILED:
        return EdgeKind.FAILURE
    stays = arrow.kind is not None and arrow.dest == arrow.source
    return EdgeKind(str(arrow.kind)) if stays else EdgeKind.ANSWER


def lines(
    arrows: Sequence[Arrow], junctions: Iterable[Junction], seen: SettingsOverlay
) -> Iterator[Line]:
    """The lines that stand for a row's arrows, folded where they go together.

    They go together where settings leave them alike, or each as they leave the place it leads to.
    """
    # What stays in its challenge goes together with nothing: it leads through no junction.
    within = [arrow for arrow in arrows if arrow.kind not in {None, NEW_CHALLENGE}]
    shades = {arrow.dest: seen.arrow(arrow) for arrow in arrows if arrow not in within}
    by_dest = {arrow.dest: arrow for arrow in arrows if arrow not in within}
    inner = {dest: arrow for dest, arrow in by_dest.items() if dest != FAILED}
    alike = len({shades[dest].tone for dest in inner}) <= 1
    # What settings make less sure than the table has it is drawn by itself.
    unsure = {d for d, a in inner.items() if thin(a, seen.pools) and not thin(a)}
    kept = inner.keys() - unsure
    together = [d for d in inner if d in kept and (alike or shades[d].tone is seen.place(d).tone)]
    alone = in_order(by_dest.keys() - set(together))
    for node in (*fold(together, junctions), *alone):
        members = node.members if isinstance(node, Junction) else {node}
        held = frozenset(by_dest[each] for each in members)
        one = next(iter(held))
        what = EdgeKind.ANSWER if isinstance(node, Junction) else kind(one)
        doubtful = (one.response,) if all(thin(each, seen.pools) for each in held) else ()
        shade = common(shades[each] for each in in_order(members))
        yield Line(Edge(one.source, node, what, (one.response,), doubtful, shade=shade), held)
    for one in within:
        doubtful = (one.response,) if thin(one) else ()
        edge = Edge(
            one.source, one.dest, kind(one), (one.response,), doubtful, shade=seen.arrow(one)
        )
        yield Line(edge, frozenset({one}))


def common(shades: Iterable[Shade]) -> Shade:
    """One shade for many: theirs, where all have one tone, their reasons together; else they are kept."""
    every = tuple(shades)
    if len({each.tone for each in every}) > 1 or not every:
        return KEPT
    return Shade(every[0].tone, "; ".join(dict.fromkeys(each.why for each in every if each.why)))


def spare(drawn: Iterable[Line]) -> Iterator[Line]:
    """Lines known only by inference, or contradicted, that a picture can do without.

    It can't where the row has no surer line, or where no surer line reaches a place.
    """
    every = tuple(line for line in drawn if line.edge.kind is not EdgeKind.FAILURE)
    sure = tuple(line for line in every if not line.edge.doubtful)
    rows = {line.row for line in sure}
    reached = {START} | {arrow.dest for line in sure for arrow in line.arrows}
    for line in every:
        if line.edge.doubtful and line.row in rows and all(a.dest in reached for a in line.arrows):
            yield line


def reach(drawn: Iterable[Line]) -> frozenset[Node]:
    """The places that lines lead to, from START on."""
    steps: dict[Vertex, set[Node]] = defaultdict(set)
    for line in drawn:
        steps[line.edge.source] |= {arrow.dest for arrow in line.arrows}
    found, front = set[Node](), {START}
    while front:
        found |= front
        front = {dest for place in front for dest in steps[place]} - found
    return frozenset(found)


def merge(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """One edge for all that lead alike from one node to another."""
    merged: dict[tuple[object, ...], Edge] = {}
    for edge in edges:
        changes = edge.shade.tone if edge.shade.tone in {Tone.GAINED, Tone.LOST} else None
        key = (edge.source, edge.dest, edge.kind, changes)
        merged[key] = _joined(merged[key], edge) if key in merged else edge
    return tuple(merged.values())


def _joined(one: Edge, other: Edge) -> Edge:
    """One edge for two; of what only one of them has, it tells."""
    apart = one.shade.tone is not other.shade.tone
    pale = (e for e in (one, other) if apart and e.shade.tone is Tone.FADED)
    return evolve(
        one,
        responses=one.responses + other.responses,
        thin=one.thin + other.thin,
        shade=common((one.shade, other.shade)),
        faded=one.faded + other.faded + tuple(each for e in pale for each in e.responses),
    )


def onward(
    edges: Iterable[Edge], junctions: Sequence[Junction], seen: SettingsOverlay
) -> tuple[Edge, ...]:
    """How the junctions that these edges lead to lead on."""
    front: set[Vertex] = {edge.dest for edge in edges}
    found: dict[Junction, tuple[Edge, ...]] = {}
    while front:
        junction = front.pop()
        if isinstance(junction, Junction) and junction not in found:
            on = fold(junction.members, junctions, below=junction)
            found[junction] = tuple(
                Edge(junction, node, EdgeKind.FOLD, shade=of_node(node, seen)) for node in on
            )
            front |= set(on)
    return tuple(edge for each in junctions for edge in found.get(each, ()))


def of_node(node: Vertex, seen: SettingsOverlay) -> Shade:
    """How far settings leave a place, or all the places of a junction."""
    members = node.members if isinstance(node, Junction) else (node,)
    return common(seen.place(each) for each in in_order(members))


def in_sequence(edges: Iterable[Edge], junctions: Iterable[Junction]) -> tuple[Vertex, ...]:
    """The nodes that edges touch: places in the order of a sign-in, then junctions."""
    ends = {end for edge in edges for end in (edge.source, edge.dest)}
    places = in_order(end for end in ends if isinstance(end, Node))
    return (*places, *(each for each in junctions if each in ends))


def shades(nodes: Iterable[Vertex], seen: SettingsOverlay) -> Mapping[Vertex, Shade]:
    """The nodes that settings do not simply leave as they are."""
    return {node: shade for node in nodes if (shade := of_node(node, seen)) != KEPT}
