"""What comes in which order in a flow: always, perhaps, or one of several; computed from its picture's arrows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from authfsm.diagrams.edge_merging import FAILED, START
from authfsm.diagrams.model import DiagramModel, Trigger
from authfsm.diagrams.places import ORDER, StateGroup, group
from authfsm.protocol.nodes import Node
from authfsm.protocol.states import State

END: Final = Node(State.AUTHENTICATED)
_GROUPS: Final = tuple(StateGroup)


class Script:
    """What comes in which order in a flow.

    Args:
        model: the flow's picture.
    """

    def __init__(self, model: DiagramModel) -> None:
        arrows = [each for each in model.arrows if FAILED != each.dest != each.source]
        self.onward: dict[Node, set[Node]] = {}
        self.takes: dict[Node, dict[Trigger, None]] = {}
        for arrow in arrows:
            self.onward.setdefault(arrow.source, set()).add(arrow.dest)
        for edge in model.edges:
            if isinstance(edge.source, Node):
                self.takes.setdefault(edge.source, {}).update(dict.fromkeys(edge.responses))
        met = self.onward.keys() | {dest for dests in self.onward.values() for dest in dests}
        places = [place for place in met if place not in {START, END}]
        self.places = sorted(places, key=self.rank)

    def rank(self, place: Node) -> tuple[int, bool, int]:
        """Where a place comes: group by group, in each the choice before what is chosen."""
        chosen = [d for d in self.onward.get(place, ()) if group(d) is group(place)]
        return _GROUPS.index(group(place)), len(chosen) <= 1, ORDER[place]

    def needed(self, without: Iterable[Node]) -> bool:
        """Does nobody get through without these places?"""
        barred = set(without)
        found, front = set[Node](), {START}
        while front:
            found |= front
            front = {d for place in front for d in self.onward.get(place, ())} - found - barred
        return END not in found

    def strands(self) -> Iterator[tuple[Node, ...]]:
        """Places of which each leads to the next, and nowhere else."""
        strand: tuple[Node, ...] = ()
        for place in self.places:
            if strand and self.onward.get(strand[-1]) != {place}:
                yield strand
                strand = ()
            strand += (place,)
        if strand:
            yield strand

    def choices(self) -> Iterator[list[tuple[Node, ...]]]:
        """Strands of one group between which no arrow leads: one of them is met, or none."""
        for _, of_group in groupby(self.strands(), key=lambda strand: group(strand[0])):
            together: list[tuple[Node, ...]] = []
            for strand in of_group:
                if any(self.joined(strand, other) for other in together):
                    yield together
                    together = []
                together.append(strand)
            yield together

    def joined(self, one: Sequence[Node], other: Sequence[Node]) -> bool:
        """Does an arrow lead between two strands?"""
        ahead = any(dest in other for place in one for dest in self.onward.get(place, ()))
        return ahead or any(dest in one for place in other for dest in self.onward.get(place, ()))

    def skipped(self, strand: Sequence[Node], place: Node) -> bool:
        """May a place of a strand be missing, because others lead to what comes after it?"""
        after = strand[strand.index(place) + 1 :]
        outside = (p for p in (START, *self.places) if p not in strand)
        return any(dest in after for p in outside for dest in self.onward.get(p, ()))
