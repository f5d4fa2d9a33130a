"""Loops: each has a bound, and none is a driver's own: without bounded arrows, nothing goes round."""

from __future__ import annotations

from collections.abc import Iterator

from authfsm.checks.model import Exploration
from authfsm.checks.path import Move, Path, Position
from authfsm.protocol.table import RESTART, is_automatic


def loops(found: Exploration) -> Iterator[tuple[str, Path]]:
    """The loops that no bound ends, each with a shortest path into it and once round.

    Args:
        found: what was explored.
    """
    table = found.model.table
    bounds = [each for each in table.bounds if each.holds(table.actions)]
    free = {
        here: [move for move in moves if not any(each.speaks_of(move.arrow) for each in bounds)]
        for here, moves in found.moves.items()
    }
    yield from _rounds(found, free, "comes round again, and nothing ends it")


def unattended(found: Exploration) -> Iterator[tuple[str, Path]]:
    """The loops that a driver takes without new input from its caller, each with a path into it and once round.

    A server that answers as it likes goes round such a loop for ever: no lifetime and no lock-out ends it. A
    restart without the device key is no such loop: the key is dropped, and not sent again.

    Args:
        found: what was explored.
    """
    free = {
        here: [m for m in moves if is_automatic(m.arrow) and m.arrow.kind is not RESTART]
        for here, moves in found.moves.items()
    }
    yield from _rounds(found, free, "comes round again without new input from the caller")


def _rounds(
    found: Exploration, free: dict[Position, list[Move]], what: str
) -> Iterator[tuple[str, Path]]:
    told = set[frozenset[str]]()
    for here in found.before:
        if not _comes_back(here, free):
            continue
        round_ = _round(here, free)
        names = frozenset(move.to.name for move in round_)
        if not any(known <= names for known in told):
            told.add(names)
            way = found.path(here)
            yield f"{here.name} {what}", Path(way.moves + round_)


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
