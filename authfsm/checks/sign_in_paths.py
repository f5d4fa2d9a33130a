"""Paths through what was explored: listed one by one, counted without listing them, the shortest, the longest.

A *walk* is any path that comes to no position twice. A *way to sign in* is more than that: a path from START to
the tokens that comes to no place twice (a place is a state, in its role, and how far a set-up has come), with no
refusal on it, no challenge that nobody knows, and none that a function names of its own accord. Refreshing,
and what is done with tokens in hand, is no way to sign in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from attrs import define, field, frozen

from authfsm.checks.factor_exceptions import FOR_SECOND, exception_for
from authfsm.checks.model import Exploration, Model
from authfsm.checks.path import AT_START, Move, Path, Position
from authfsm.checks.proofs import Factor
from authfsm.checks.table import TABLE, Table
from authfsm.protocol.nodes import Node
from authfsm.protocol.responses import REFRESH_RESPONSES
from authfsm.protocol.states import State
from authfsm.settings import PoolSettings

_NO_WAY: Final = frozenset({State.FAILED, State.OTHER_CHALLENGE, State.START})

Place = tuple[Node, bool, bool]
"""A node, and whether an authenticator app has been associated and verified there."""

Counts = tuple[int, ...]
"""How many there are of each number of steps."""


def place(position: Position) -> Place:
    """Where a position is, whatever has been shown on the way."""
    proved = position.proved
    return position.node, proved.associated, proved.verified


def walks(found: Exploration, *, longest: int) -> Iterator[Path]:
    """Every path that comes to no position twice, the shortest first.

    Args:
        found: what was explored.
        longest: how many steps are looked at.
    """
    front = deque([(AT_START, Path())])
    while front:
        here, path = front.popleft()
        been = {AT_START, *(move.to for move in path)}
        moves = found.moves.get(here, ())
        # What the settings do not allow at all is refused, of course: that is no path of the pool's.
        heard = {move.arrow.response for move in moves if move.to.state is not State.FAILED}
        for move in moves:
            if move.to not in been and move.arrow.response in heard:
                on = path.then(move)
                yield on
                if len(on) < longest:
                    front.append((move.to, on))


@define(eq=False)
class SignInPaths:
    """The ways to sign in, for a table and a pool's settings. Going through them lists the shortest first.

    They are listed as they are asked for: there may be more than can be kept. Counting lists none.

    Args:
        settings: the pool's; None rules nothing out.
        table: the protocol; this package's, if left out.
        device: on a device that the pool remembers, too?
        doubted: also where sources contradict each other whether Cognito goes there?
    """

    settings: PoolSettings | None = None
    table: Table = field(default=TABLE, kw_only=True)
    device: bool = field(default=True, kw_only=True)
    doubted: bool = field(default=False, kw_only=True)
    _avoiding: frozenset[State] = field(default=frozenset(), init=False)
    _onward: dict[Position, tuple[Move, ...]] = field(factory=dict, init=False, repr=False)
    _counts: dict[tuple[Position, frozenset[Place]], Counts] = field(
        factory=dict, init=False, repr=False
    )

    # ---- the graph --------------------------------------------------------------------------------------

    @cached_property
    def _model(self) -> Model:
        return Model(
            self.table,
            self.settings,
            device=self.device,
            doubted=self.doubted,
            include_lambda_named=False,
        )

    def _moves(self, here: Position) -> tuple[Move, ...]:
        """The steps of a way out of a position."""
        if here not in self._onward:
            self._onward[here] = tuple(
                move
                for move in self._model.moves(here)
                if move.to.state not in _NO_WAY | self._avoiding
                if move.arrow.response not in REFRESH_RESPONSES
                if place(move.to) != place(here)
                if self._allowed(move)
            )
        return self._onward[here]

    def _allowed(self, move: Move) -> bool:
        """Is an arrow to the tokens not merely contradicted, where MFA is required?"""
        required = self.settings is not None and self.settings.mfa_configuration == "ON"
        proved = move.to.proved
        if move.to.state is not State.AUTHENTICATED or not required:
            return True
        if Factor.SECOND in proved.factors:
            return True
        reason = exception_for(FOR_SECOND, proved, move.arrow)
        return reason is not None and (self.doubted or not reason.confidence.thin)

    @cached_property
    def _beyond(self) -> dict[Position, frozenset[Place]]:
        """The places that can be come to from each position."""
        after: dict[Position, set[Position]] = {}
        front = [AT_START]
        while front:
            here = front.pop()
            if here not in after:
                after[here] = {m.to for m in self._moves(here)} if _goes_on(here) else set()
                front.extend(after[here])
        beyond = {here: {place(to) for to in tos} for here, tos in after.items()}
        grown = True
        while grown:
            grown = False
            for here, tos in after.items():
                more = set[Place]().union(*(beyond[to] for to in tos)) - beyond[here]
                beyond[here] |= more
                grown = grown or bool(more)
        return {here: frozenset(places) for here, places in beyond.items()}

    # ---- counting ---------------------------------------------------------------------------------------

    def _from(self, here: Position, been: frozenset[Place]) -> Counts:
        """How many ways go on from here, by the number of steps, where one has been in these places."""
        if not _goes_on(here):
            return (1,)
        # Only the places that can still be come to make a difference: so few cases are different.
        key = here, been & self._beyond[here]
        if key not in self._counts:
            total: list[int] = []
            for move in self._moves(here):
                if place(move.to) not in been:
                    for steps, ways in enumerate(
                        self._from(move.to, been | {place(move.to)}), start=1
                    ):
                        total.extend([0] * (steps + 1 - len(total)))
                        total[steps] += ways
            self._counts[key] = tuple(total)
        return self._counts[key]

    @property
    def by_length(self) -> dict[int, int]:
        """How many ways there are of each number of steps."""
        counts = self._from(AT_START, frozenset({place(AT_START)}))
        return {steps: ways for steps, ways in enumerate(counts) if ways}

    def count(self) -> int:
        """How many ways there are."""
        return sum(self.by_length.values())

    # ---- listing ----------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Path]:
        """Every way, the shortest first; those of one length in the table's order."""
        for steps in sorted(self.by_length):
            yield from self.of_length(steps)

    def of_length(self, steps: int) -> Iterator[Path]:
        """The ways of so many steps, in the table's order."""
        yield from self._listed(AT_START, (), frozenset({place(AT_START)}), steps)

    def _listed(
        self, here: Position, way: tuple[Move, ...], been: frozenset[Place], steps: int
    ) -> Iterator[Path]:
        counts = self._from(here, been)
        if steps >= len(counts) or not counts[steps]:
            return
        if steps == 0:
            yield Path(way)
            return
        for move in self._moves(here):
            there = place(move.to)
            if there not in been:
                yield from self._listed(move.to, (*way, move), been | {there}, steps - 1)

    def shortest(self) -> Path | None:
        """A way with the fewest steps; None if there is none."""
        return next(iter(self), None)

    def longest(self) -> Path | None:
        """A way with the most steps: exactly, for the counts say how many those are."""
        lengths = self.by_length
        return next(self.of_length(max(lengths)), None) if lengths else None

    def through(self, state: State) -> Iterator[Path]:
        """The ways that come through a state, the shortest first."""
        return (way for way in self if state in way.states)

    def count_through(self, state: State) -> int:
        """How many ways come through a state: all, less those that avoid it."""
        others = SignInPaths(
            self.settings, table=self.table, device=self.device, doubted=self.doubted
        )
        others._avoiding = frozenset({state})
        return self.count() - others.count()

    def __contains__(self, way: object) -> bool:
        """Is this path a way here too, whatever it has shown elsewhere?"""
        if not isinstance(way, Path) or not way.moves:
            return False
        here, been = AT_START, {place(AT_START)}
        for step in way:
            going = (step.arrow, place(step.to))
            onward = (m for m in self._moves(here) if (m.arrow, place(m.to)) == going)
            move = next(onward, None)
            if move is None or place(move.to) in been:
                return False
            here = move.to
            been.add(place(here))
        return not _goes_on(here)


def _goes_on(here: Position) -> bool:
    return here.state is not State.AUTHENTICATED


@frozen
class Change:
    """The ways that come and go from one pool's settings to another's; each is listed as it is asked for.

    Args:
        before: the ways of the first.
        after: the ways of the second.
    """

    before: SignInPaths
    after: SignInPaths

    def gained(self) -> Iterator[Path]:
        """The ways that only the second has, the shortest first."""
        return (way for way in self.after if way not in self.before)

    def lost(self) -> Iterator[Path]:
        """The ways that only the first has, the shortest first."""
        return (way for way in self.before if way not in self.after)
