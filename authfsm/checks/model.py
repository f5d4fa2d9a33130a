"""What is checked, as a graph: where somebody stands, what has been shown so far, and where that may lead.

A position is a state, its role, and `ProofState`. The moves out of it are the table's arrows, less those that
the settings rule out, less those that what happened before rules out. There are a few hundred positions, so
all of them are visited, the nearest first: the first path that is found to one is a shortest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final

from attrs import evolve, field, frozen

from authfsm.checks.path import AT_START, Move, Path, Position
from authfsm.checks.proofs import NEXT_BY_FUNCTIONS, NOTHING, Factor, ProofState, asks_second, shown
from authfsm.checks.table import TABLE, Table
from authfsm.protocol import responses as r
from authfsm.protocol.nodes import EdgeRoles, Node
from authfsm.protocol.states import CHALLENGES, State
from authfsm.protocol.table import (
    ACKNOWLEDGEMENT,
    PROTOCOL,
    RESTART,
    RETRY,
    TRANSITION_SET,
    Prerequisite,
    Role,
    Transition,
)
from authfsm.settings import PoolSettings
from authfsm.settings.reach import reachability
from authfsm.settings.rules import (
    ANY_CHALLENGE_RESPONSES,
    CHALLENGE_RULES,
    RESPONSE_RULES,
    why_forbidden,
)

_NAMED: Final = ProofState(named=True)


class Left(Enum):
    """What settings leave of an arrow."""

    KEPT = "it can be taken"
    NAMED = "it can be taken only because a function may name any challenge"
    NOT = "nobody can take it"


@frozen
class Model:
    """A table, for a pool, for somebody who signs in.

    Args:
        table: the table.
        settings: the pool's; None rules nothing out.
        device: does the sign-in bear the key of a device that the pool remembers?
        doubted: go along arrows, too, that are there only because sources contradict each other?
        include_lambda_named: Include challenges that a Lambda function names although the settings would not lead there.
    """

    table: Table = TABLE
    settings: PoolSettings | None = None
    device: bool = True
    doubted: bool = True
    include_lambda_named: bool = True
    _leaves: dict[tuple[Transition, EdgeRoles], Left] = field(
        factory=dict, init=False, repr=False, eq=False
    )

    def moves(self, here: Position) -> Iterator[Move]:
        """Every step that can be taken from a position, in the table's order."""
        for arrow in self.table.arrows(here.state):
            if not self._taken(arrow, here):
                continue
            for ends in self.table.ends(arrow, here.role):
                left = self._left(arrow, ends)
                # Under CUSTOM_AUTH alone do functions name challenges.
                named = _named(arrow) or (left is Left.NAMED and here.proved.led)
                if left is Left.NOT or (left is Left.NAMED and not named):
                    continue
                if self.include_lambda_named or not named:
                    for proved in self._after(arrow, ends, here.proved, named=named):
                        yield Move(arrow, Position(Node(arrow.dest, ends.dest), proved))

    # ---- what happened before ---------------------------------------------------------------------------

    def _taken(self, arrow: Transition, here: Position) -> bool:  # noqa: PLR0911 - a list of reasons
        """Can this arrow be taken after what has happened?"""
        proved, dest = here.proved, arrow.dest
        if not self.doubted and arrow in self.table.doubted:
            return False
        match self.table.needs.get((arrow.source, arrow.response)):
            case Prerequisite.FIRST_FACTOR if here.role is Role.SECOND_FACTOR:
                return False
            case Prerequisite.ASSOCIATED if not proved.associated:
                return False
            case Prerequisite.VERIFIED if not proved.verified:
                return False
        if proved.named:  # a dead end
            return dest is State.FAILED or arrow.kind is not None
        if dest is State.CUSTOM_CHALLENGE and arrow.source is not State.START:
            # "Custom challenges ... in CUSTOM_AUTH"; after an administrator's password: contradicted.
            return proved.led or arrow.response in ANY_CHALLENGE_RESPONSES
        if dest is State.DEVICE_SRP_AUTH:
            # "when DEVICE_KEY was sent" -- AWS developer guide, "Working with user devices"; and once.
            return self.device and Factor.DEVICE not in proved.factors
        return True

    def _after(
        self, arrow: Transition, ends: EdgeRoles, before: ProofState, *, named: bool
    ) -> Iterator[ProofState]:
        """What has been shown, the arrow taken."""
        source, response, dest, kind = arrow
        if dest in {State.START, State.FAILED}:
            yield NOTHING
            return
        # Refused: nothing was shown. With tokens in hand an acknowledgement shows nothing new.
        if kind in {RETRY, RESTART} or (source is State.AUTHENTICATED and kind is ACKNOWLEDGEMENT):
            yield before
            return
        if before.named or named:
            yield _NAMED  # a dead end: what was shown before is of no use any more
            return
        if source in {State.AUTHENTICATED, State.OTHER_CHALLENGE}:
            before = (
                NOTHING  # what a refresh, or a challenge that nobody knows, leads to begins anew
            )
        after = evolve(
            before,
            factors=before.factors | shown(self.table.proofs, before, arrow, ends),
            led=before.led
            or response in r.CUSTOM_AUTH_RESPONSES
            or (self.doubted and response in r.ADMIN_RESPONSES),
            asked=before.asked or asks_second(dest, ends.dest),
        )
        if kind is ACKNOWLEDGEMENT:
            verified = response is r.VerifySoftwareToken and before.associated
            associated = before.associated or response is r.AssociateSoftwareToken
            yield evolve(after, associated=associated, verified=verified)
            return
        yield evolve(after, associated=False, verified=False)

    # ---- the settings -----------------------------------------------------------------------------------

    def _left(self, arrow: Transition, ends: EdgeRoles) -> Left:
        """What do the settings leave of this arrow?"""
        if self.settings is None:
            return Left.KEPT
        key = arrow, ends
        if key not in self._leaves:
            self._leaves[key] = _left(self.settings, arrow, ends)
        return self._leaves[key]


def _named(arrow: Transition) -> bool:
    """Is this a challenge that a function names of its own accord?"""
    if arrow.response not in NEXT_BY_FUNCTIONS or arrow.kind is not None:
        return False
    if arrow.response is r.CustomSrpAuth and arrow.dest is State.PASSWORD_VERIFIER:
        return False
    # A device is asked for once the functions have issued tokens: no dead end.
    led = {State.CUSTOM_CHALLENGE, State.DEVICE_SRP_AUTH}
    return arrow.dest in {*CHALLENGES, State.OTHER_CHALLENGE} and arrow.dest not in led


def _left(settings: PoolSettings, arrow: Transition, ends: EdgeRoles) -> Left:
    source, response, dest, _ = arrow
    if (
        response in ANY_CHALLENGE_RESPONSES and arrow in TRANSITION_SET
    ):  # to whatever this pool asks for otherwise
        why = reachability(settings, include_lambda_named=True).arrows.get((arrow, ends))
        return Left.NOT if why else Left.KEPT
    if response not in PROTOCOL.get(source, {}):
        # A row of one's own: its response and its destination may be ruled out, as anywhere.
        rules = (*RESPONSE_RULES.get(response, ()), *CHALLENGE_RULES.get(Node(dest, ends.dest), ()))
        return Left.NOT if any(rule(settings) for rule in rules) else Left.KEPT
    if why_forbidden(settings, arrow, ends, include_lambda_named=True):
        return Left.NOT
    return (
        Left.NAMED
        if why_forbidden(settings, arrow, ends, include_lambda_named=False)
        else Left.KEPT
    )


@frozen(eq=False)
class Exploration:
    """Every position that can be come to, and how.

    Args:
        model: what was explored.
        before: the position before each, and the move that led on from it; None at START. The nearest first.
        moves: the moves out of each.
    """

    model: Model
    before: Mapping[Position, tuple[Position, Move] | None]
    moves: Mapping[Position, tuple[Move, ...]]

    def path(self, to: Position) -> Path:
        """A shortest path to a position."""
        back: list[Move] = []
        came = self.before[to]
        while came is not None:
            back.append(came[1])
            came = self.before[came[0]]
        return Path(tuple(reversed(back)))

    def along(self) -> Iterator[tuple[Position, Move]]:
        """Every move there is, those of the nearest positions first."""
        for here, moves in self.moves.items():
            yield from ((here, move) for move in moves)


def explore(model: Model) -> Exploration:
    """Visit every position that can be come to, the nearest first.

    Args:
        model: what is explored.
    """
    before: dict[Position, tuple[Position, Move] | None] = {AT_START: None}
    moves: dict[Position, tuple[Move, ...]] = {}
    front = [AT_START]
    while front:
        onward: list[Position] = []
        for here in front:
            moves[here] = tuple(model.moves(here))
            for move in moves[here]:
                if move.to not in before:
                    before[move.to] = here, move
                    onward.append(move.to)
        front = onward
    return Exploration(model, before, moves)
