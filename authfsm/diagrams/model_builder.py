"""From the table to a picture's nodes and edges: leave out, fold, merge; every arrow is accounted for.

What a draft draws and what it says it leaves out are together the whole table, by test.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import Final

from attrs import evolve

from authfsm.diagrams.edge_merging import (
    FAILED,
    START,
    Line,
    in_sequence,
    lines,
    merge,
    onward,
    parted,
    reach,
    shades,
    spare,
)
from authfsm.diagrams.fold import JUNCTIONS, Junction
from authfsm.diagrams.model import DiagramModel, OmittedArrows, Tone, Trigger
from authfsm.diagrams.omissions import Reason, foreign, reason, refuted, thin
from authfsm.diagrams.places import Arrow
from authfsm.diagrams.settings_overlay import SettingsOverlay, view
from authfsm.protocol.nodes import NODES, Node, accepts, target_roles
from authfsm.protocol.states import State
from authfsm.protocol.table import ANY_CHALLENGE, PROTOCOL
from authfsm.protocol.table import row_transitions as unfolded_row
from authfsm.settings import PoolSettings

_ABSENT = frozenset({Tone.GONE, Tone.NAMED})


def row(place: Node, response: Trigger) -> tuple[Arrow, ...]:
    """Every arrow of a response to a place, FAILED included, in the order of `State`."""
    return tuple(
        Arrow(place, response, Node(each.dest, role), each.kind)
        for each in unfolded_row(place.state, response, PROTOCOL[place.state][response])
        for role in target_roles(each, place.role)
    )


ROWS = tuple(
    row(place, response)
    for place in NODES
    for response in PROTOCOL[place.state]
    if accepts(place.state, place.role, response)
)
"""Every row of the table, its e-mailed codes told apart by role."""

THROUGH: Final = {
    (junction, place): tuple(
        arrow
        for arrows in ROWS
        if junction.members <= {each.dest for each in arrows}
        if not PROTOCOL[arrows[0].source.state][arrows[0].response] >= ANY_CHALLENGE
        for arrow in arrows
        if arrow.dest == place
    )
    for junction in JUNCTIONS
    for place in junction.members
}
"""The arrows that lead to each place of a junction through it; a row that may lead anywhere says nothing of it."""


@lru_cache(maxsize=64)
def draft(
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
    """A picture of the table.

    Args:
        flow: an `AuthFlow`: only what it reaches.
        state: only what comes straight before it and after it.
        unfolded: every arrow by itself, nothing left out but what the other arguments ask to leave out.
        failures: draw where an attempt ends.
        actions: and what is to be done then.
        settings: a pool's: without what they rule out.
        faded: with it, but faded.
        difference: two pools' settings: what turns on and off from the first to the second.
    """
    seen = view(settings, difference, faded=faded, include_lambda_named=unfolded)
    failures = failures or actions
    junctions = () if unfolded else _junctions(seen)
    left: dict[Reason, set[Arrow]] = defaultdict(set)
    drawn: list[Line] = []
    for arrows in ROWS:
        why = {a: _why(a, flow, state) or _ruled_out(a, seen) or _refuted(a, seen) for a in arrows}
        if not unfolded:
            why = {a: why[a] or _unsaid(a, seen, flow, failures=failures) for a in arrows}
        for arrow, because in why.items():
            if because:
                left[because].add(arrow)
        before = state is not None and arrows[0].source.state is not state
        kept = [arrow for arrow in arrows if not why[arrow]]
        drawn += lines(kept, () if before else junctions, seen)
    if not unfolded and not state:
        drawn, gone = parted(drawn, frozenset(spare(drawn)))
        left[Reason.THIN] |= gone
    if not state and (flow or difference or (settings and not faded)):
        reached = reach(drawn)
        drawn, gone = parted(drawn, {each for each in drawn if each.edge.source not in reached})
        gone |= {a for named in left.values() for a in named if a.source not in reached}
        for because, named in left.items():
            if because is not Reason.SETTINGS:
                named.difference_update(gone)
        gone -= left[Reason.SETTINGS]
        left[Reason.ELSEWHERE if flow else Reason.SETTINGS] |= gone
    edges = merge(line.edge for line in drawn)
    edges += onward(edges, junctions, seen)
    nodes = in_sequence(edges, junctions) or (START,)
    return DiagramModel(
        nodes=nodes,
        edges=edges,
        left_out=tuple(OmittedArrows(each, frozenset(left[each])) for each in Reason if left[each]),
        flow=flow,
        shades=shades(nodes, seen),
        focus=frozenset(each for each in NODES if each.state is state),
        actions=actions and FAILED in nodes,
        said=tuple(seen.said()),
        pools=seen.pools,
    )


def _junctions(seen: SettingsOverlay) -> tuple[Junction, ...]:
    """The junctions, each with the places that settings leave it."""
    return tuple(
        evolve(j, members=frozenset(p for p in j.members if _goes_through(p, j, seen)))
        for j in JUNCTIONS
    )


def _goes_through(place: Node, junction: Junction, seen: SettingsOverlay) -> bool:
    """Do settings leave a junction this place, by an arrow that is not unsure everywhere?"""
    if seen.place(place).tone in _ABSENT:
        return False
    return not all(thin(arrow, seen.pools) for arrow in THROUGH[junction, place])


def _why(arrow: Arrow, flow: str | None, state: State | None) -> Reason | None:
    """Why an arrow has no part in this picture, whatever it draws."""
    if state is not None and state not in {arrow.source.state, arrow.dest.state}:
        return Reason.BEYOND
    if flow is None:
        return None
    begins_another = arrow.source == START and arrow.response.auth_flow != flow
    out_of_reach = foreign(arrow.source, flow) or foreign(arrow.dest, flow)
    return Reason.ELSEWHERE if begins_another or out_of_reach else None


def _ruled_out(arrow: Arrow, seen: SettingsOverlay) -> Reason | None:
    """Why settings leave an arrow away."""
    tone = seen.arrow(arrow).tone
    if tone is Tone.NAMED:
        return Reason.LAMBDA
    return Reason.SETTINGS if tone is Tone.GONE else None


def _refuted(arrow: Arrow, seen: SettingsOverlay) -> Reason | None:
    return Reason.REFUTED if refuted(arrow, seen.pools) else None


def _unsaid(
    arrow: Arrow, seen: SettingsOverlay, flow: str | None, *, failures: bool
) -> Reason | None:
    """Why a folded picture does without an arrow."""
    because = reason(arrow, flow=flow, failures=failures)
    ruled_out = because and seen.arrow(arrow).tone is Tone.FADED
    return Reason.SETTINGS if ruled_out else because
