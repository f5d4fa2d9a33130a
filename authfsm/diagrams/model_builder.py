"""Builds the model of a diagram from the protocol's table: omits and folds arrows (into junctions), merges edges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from attrs import evolve, frozen

from authfsm.diagrams import vertices as v
from authfsm.diagrams.model import AVAILABLE, Availability, DiagramModel, Edge, EdgeKind, OmittedArrows, SettingsEffect
from authfsm.diagrams.settings_overlay import SettingsOverlay, overlay
from authfsm.protocol.nodes import NODES, Node, accepts, target_roles
from authfsm.protocol.states import State
from authfsm.protocol.table import ANY_CHALLENGE, NEW_CHALLENGE, PROTOCOL, entry_transitions
from authfsm.settings import PoolSettings

TABLE_ROWS: Final = tuple(
    tuple(
        v.Arrow(node, response, Node(each.dest, role), each.kind)
        for each in entry_transitions(node.state, response, PROTOCOL[node.state][response])
        for role in target_roles(each, node.role)
    )
    for node in NODES
    for response in PROTOCOL[node.state]
    if accepts(node.state, node.role, response)
)
"""The arrows of each row of the table. They lead between nodes; EMAIL_OTP has two nodes, one for each role."""

ARROWS_THROUGH: Final = {
    (junction, node): tuple(
        arrow
        for arrows in TABLE_ROWS
        if junction.members <= {each.dest for each in arrows}
        if not PROTOCOL[arrows[0].source.state][arrows[0].response] >= ANY_CHALLENGE
        for arrow in arrows
        if arrow.dest == node
    )
    for junction in v.JUNCTIONS
    for node in junction.members
}
"""For each junction and each of its members, the arrows that lead to this member through the junction.

Rows that may lead to any challenge are left out."""

_NOT_DRAWN: Final = {
    SettingsEffect.RULED_OUT: v.OmissionReason.SETTINGS,
    SettingsEffect.LAMBDA_ONLY: v.OmissionReason.LAMBDA,
}
_CHANGES: Final = frozenset({SettingsEffect.ADDED, SettingsEffect.REMOVED})


@frozen(cache_hash=True)
class _RowEdge:
    """An edge with a single response, and the arrows that it stands for."""

    edge: Edge
    arrows: frozenset[v.Arrow]


@lru_cache(maxsize=64)
def build_model(
    *,
    flow: str | None = None,
    state: State | None = None,
    unfolded: bool = False,
    failures: bool = False,
    actions: bool = False,
    settings: PoolSettings | None = None,
    faded: bool = False,
    difference: tuple[PoolSettings, PoolSettings] | None = None,
) -> DiagramModel:
    """Build the model of a diagram from the table; the arguments are those of `authfsm.diagrams.diagram`."""
    effects = overlay(settings, difference, faded=faded, include_lambda_named=unfolded)
    failures = failures or actions
    junctions = () if unfolded else _available_junctions(effects)
    omitted: dict[v.OmissionReason, set[v.Arrow]] = defaultdict(set)
    row_edges: list[_RowEdge] = []
    for row in TABLE_ROWS:
        drawn = []
        for arrow in row:
            reason = _why_outside_selection(arrow, flow, state) or _NOT_DRAWN.get(effects.arrow(arrow).effect)
            if reason is None and v.is_refuted(arrow, effects.pools):
                reason = v.OmissionReason.REFUTED
            if reason is None and not unfolded:
                reason = _why_folded_away(arrow, effects, flow, failures=failures)
            if reason is None:
                drawn.append(arrow)
            else:
                omitted[reason].add(arrow)
        leads_to_state = state is not None and row[0].source.state is not state
        row_edges += _row_edges(drawn, () if leads_to_state else junctions, effects)
    if not unfolded and not state:
        row_edges, dropped = _drop(row_edges, frozenset(_redundant(row_edges)))
        omitted[v.OmissionReason.UNCERTAIN] |= dropped
    if not state and (flow or difference or (settings and not faded)):
        reached = _reachable(row_edges)
        row_edges, unreached = _drop(row_edges, {each for each in row_edges if each.edge.source not in reached})
        unreached |= {a for arrows in omitted.values() for a in arrows if a.source not in reached}
        unreached -= omitted[v.OmissionReason.SETTINGS]  # the settings rule these arrows out in every flow
        for arrows in omitted.values():
            arrows.difference_update(unreached)
        omitted[v.OmissionReason.OTHER_FLOW if flow else v.OmissionReason.SETTINGS] |= unreached
    edges = _merge(row_edge.edge for row_edge in row_edges)
    edges += _junction_edges(edges, junctions, effects)
    nodes = _ends(edges, junctions) or (v.START,)
    availabilities = {each: _vertex_availability(each, effects) for each in nodes}
    return DiagramModel(
        nodes=nodes,
        edges=edges,
        omitted=tuple(OmittedArrows(each, frozenset(omitted[each])) for each in v.OmissionReason if omitted[each]),
        flow=flow,
        availabilities={node: found for node, found in availabilities.items() if found != AVAILABLE},
        focus=frozenset(each for each in NODES if each.state is state),
        actions=actions and v.FAILED in nodes,
        notes=tuple(effects.notes()),
        pools=effects.pools,
    )


def _available_junctions(effects: SettingsOverlay) -> tuple[v.Junction, ...]:
    """Return the junctions; a member is left out if settings exclude it, or if only uncertain arrows lead to it."""

    def is_allowed(junction: v.Junction, node: Node) -> bool:
        arrows = ARROWS_THROUGH[junction, node]
        is_certain = not all(v.is_uncertain(arrow, effects.pools) for arrow in arrows)
        return is_certain and effects.node(node).effect not in _NOT_DRAWN

    return tuple(
        v.Junction(each.name, frozenset(node for node in each.members if is_allowed(each, node)))
        for each in v.JUNCTIONS
    )


def _why_outside_selection(arrow: v.Arrow, flow: str | None, state: State | None) -> v.OmissionReason | None:
    """Return why an arrow is outside of the diagram's flow or state; None if it is inside."""
    if state is not None and state not in {arrow.source.state, arrow.dest.state}:
        return v.OmissionReason.OTHER_STATE
    if flow is None:
        return None
    begins_another = arrow.source == v.START and arrow.response.auth_flow != flow
    is_other = begins_another or v.is_foreign(arrow.source, flow) or v.is_foreign(arrow.dest, flow)
    return v.OmissionReason.OTHER_FLOW if is_other else None


def _why_folded_away(
    arrow: v.Arrow, effects: SettingsOverlay, flow: str | None, *, failures: bool
) -> v.OmissionReason | None:
    """Return why a folded diagram leaves an arrow out; None if it draws the arrow."""
    reason = v.omission_reason(arrow, flow=flow, failures=failures)
    is_faded = reason and effects.arrow(arrow).effect is SettingsEffect.FADED
    return v.OmissionReason.SETTINGS if is_faded else reason


def _row_edges(
    arrows: Sequence[v.Arrow], junctions: Iterable[v.Junction], effects: SettingsOverlay
) -> Iterator[_RowEdge]:
    """Yield the edges that draw a row's arrows.

    They are one edge to each junction, in place of the arrows to its members, and one edge for each other arrow.
    """

    def is_foldable(arrow: v.Arrow) -> bool:
        # The settings may have different effects on the arrows of a row. Then an arrow is folded only if the settings
        # have the same effect on the arrow and on its destination.
        shows_effect = one_effect or found[arrow.dest].effect is effects.node(arrow.dest).effect
        # An arrow that is certain in general but uncertain in these pools is not folded, so that its doubt shows.
        shows_certainty = v.is_uncertain(arrow) or not v.is_uncertain(arrow, effects.pools)
        return arrow.dest != v.FAILED and shows_effect and shows_certainty

    loops = [arrow for arrow in arrows if arrow.kind not in {None, NEW_CHALLENGE}]
    by_dest = {arrow.dest: arrow for arrow in arrows if arrow not in loops}
    found = {dest: effects.arrow(arrow) for dest, arrow in by_dest.items()}
    one_effect = len({each.effect for dest, each in found.items() if dest != v.FAILED}) <= 1
    foldable = [dest for dest, arrow in by_dest.items() if is_foldable(arrow)]
    for vertex in (*v.fold(foldable, junctions), *v.in_order(by_dest.keys() - set(foldable))):
        members = v.in_order(vertex.members) if isinstance(vertex, v.Junction) else (vertex,)
        folded = [by_dest[each] for each in members]
        uncertain = all(v.is_uncertain(each, effects.pools) for each in folded)
        yield _row_edge(folded, vertex, _common(found[each] for each in members), uncertain=uncertain)
    for loop in loops:
        yield _row_edge([loop], loop.dest, effects.arrow(loop), uncertain=v.is_uncertain(loop))


def _row_edge(arrows: Sequence[v.Arrow], dest: v.Vertex, availability: Availability, *, uncertain: bool) -> _RowEdge:
    first = arrows[0]
    kind, response = EdgeKind.between(first.source, dest, first.kind), (first.response,)
    edge = Edge(first.source, dest, kind, response, response if uncertain else (), availability=availability)
    return _RowEdge(edge, frozenset(arrows))


def _drop(row_edges: list[_RowEdge], drop: Collection[_RowEdge]) -> tuple[list[_RowEdge], set[v.Arrow]]:
    """Return the edges without those in `drop`, and the arrows of the dropped edges."""
    return [each for each in row_edges if each not in drop], {a for each in drop for a in each.arrows}


def _redundant(row_edges: Iterable[_RowEdge]) -> Iterator[_RowEdge]:
    """Yield the uncertain edges that a diagram can leave out.

    Their row also has an edge that is not uncertain, and such edges, of any row, also lead to their destinations.
    """
    not_failures = [row_edge for row_edge in row_edges if row_edge.edge.kind is not EdgeKind.FAILURE]
    certain = [row_edge for row_edge in not_failures if not row_edge.edge.is_uncertain]
    rows = {(row_edge.edge.source, row_edge.edge.responses) for row_edge in certain}
    reached = {v.START} | {arrow.dest for row_edge in certain for arrow in row_edge.arrows}
    for row_edge in not_failures:
        in_certain_row = (row_edge.edge.source, row_edge.edge.responses) in rows
        reachable = all(arrow.dest in reached for arrow in row_edge.arrows)
        if row_edge.edge.is_uncertain and in_certain_row and reachable:
            yield row_edge


def _reachable(row_edges: Iterable[_RowEdge]) -> set[Node]:
    dests: dict[v.Vertex, set[Node]] = defaultdict(set)
    for row_edge in row_edges:
        dests[row_edge.edge.source] |= {arrow.dest for arrow in row_edge.arrows}
    found, front = set[Node](), {v.START}
    while front:
        found |= front
        front = {dest for node in front for dest in dests[node]} - found
    return found


def _common(availabilities: Iterable[Availability]) -> Availability:
    """Return the effect that these have in common, with all reasons; AVAILABLE if the effects differ."""
    found = tuple(availabilities)
    if len({each.effect for each in found}) != 1:
        return AVAILABLE
    reasons = dict.fromkeys(each.reason for each in found if each.reason)
    return Availability(found[0].effect, "; ".join(reasons))


def _merge(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    merged: dict[tuple[object, ...], Edge] = {}
    for edge in edges:
        effect = edge.availability.effect
        key = (edge.source, edge.dest, edge.kind, effect if effect in _CHANGES else None)
        merged[key] = _join(merged[key], edge) if key in merged else edge
    return tuple(merged.values())


def _join(one: Edge, other: Edge) -> Edge:
    ruled_out = one.ruled_out + other.ruled_out
    if one.availability.effect is not other.availability.effect:
        for each in (one, other):
            if each.availability.effect is SettingsEffect.FADED:
                ruled_out += each.responses
    return evolve(
        one,
        responses=one.responses + other.responses,
        uncertain=one.uncertain + other.uncertain,
        availability=_common((one.availability, other.availability)),
        ruled_out=ruled_out,
    )


def _junction_edges(
    edges: Iterable[Edge], junctions: Sequence[v.Junction], effects: SettingsOverlay
) -> tuple[Edge, ...]:
    """Return the edges that leave each junction to which the given edges lead, directly or through other junctions."""
    front: set[v.Vertex] = {edge.dest for edge in edges}
    found: dict[v.Junction, tuple[v.Vertex, ...]] = {}
    while front:
        vertex = front.pop()
        if isinstance(vertex, v.Junction) and vertex not in found:
            found[vertex] = v.fold(vertex.members, junctions, inside=vertex)
            front |= set(found[vertex])
    return tuple(
        Edge(junction, dest, EdgeKind.FOLD, availability=_vertex_availability(dest, effects))
        for junction in junctions
        for dest in found.get(junction, ())
    )


def _vertex_availability(vertex: v.Vertex, effects: SettingsOverlay) -> Availability:
    """Return the effect of settings on a node, or on all members of a junction."""
    members = v.in_order(vertex.members) if isinstance(vertex, v.Junction) else (vertex,)
    return _common(effects.node(each) for each in members)


def _ends(edges: Iterable[Edge], junctions: Iterable[v.Junction]) -> tuple[v.Vertex, ...]:
    """Return the ends of edges: nodes in the order of a sign-in, and then the junctions."""
    ends = {end for edge in edges for end in (edge.source, edge.dest)}
    nodes = v.in_order(end for end in ends if isinstance(end, Node))
    return (*nodes, *(each for each in junctions if each in ends))
