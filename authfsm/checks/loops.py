"""Every loop has a bound: without the arrows that a bound speaks of, nothing goes round."""

from __future__ import annotations

from collections.abc import Iterator

from authfsm.checks.model import Explored
from authfsm.checks.path import Move, Path, Position


def loops(found: Explored) -> Iterator[tuple[str, Path]]:
    """The loops that no bound ends, each with a shortest path into it and once round.

    Args:
        found: what was explored.
    """
    table = found.model.table
    bounds = [each for each in table.bounds if each.holds(table.rulings)]
    free = {
        here: [move for move in moves if not any(each.speaks_of(move.arrow) for each in bounds)]
        for here, moves in found.moves.items()
    }
    told = set[frozenset[str]]()
    for here in found.before:
        if not _comes_back(here, free):
            continue
        round_ = _round(here, free)
        names = frozenset(move.to.name for move in round_)
        if not any(known <= names for known in told):
            told.add(names)
            way = found.path(here)
            yield f"{here.name} comes round again, and nothing ends it", Path(way.moves + round_)


def _comes_back(here: Position, free: dict[Position, list[Move]]) -> bool:
    seen, front = set[Position](), [here]
    while front:
        front = list({move.to for each in front for move in free.get(each, ())} - seen)
        if here in front:
            return True
        seen |= set(front)
    return False


def _round(here: Position, free: dict[Position, list[Move]]) -> tuple[Move, ...]:
    """The shortest way from a position back to it."""
    ways: dict[Position, tuple[Move, ...]] = {}
    front: list[tuple[Position, tuple[Move, ...]]] = [(here, ())]
    while here not in ways:
        onward = []
        for at, way in front:
            for move in free.get(at, ()):
                if move.to not in ways:
                    ways[move.to] = (*way, move)
                    onward.append((move.to, ways[move.to]))
        front = onward
    return ways[here]
