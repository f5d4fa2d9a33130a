"""A table as a graph for the checks: positions, the moves between them, and paths.

A position is a state, its role, and the user's proofs on the way (`ProofState`). Its moves are those
transitions of the table that the settings and the earlier steps allow. `explore` visits all
positions (a few hundred), the nearest first, so the first path to a position is a shortest one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from authfsm.checks import factors
from authfsm.checks.table import TABLE, Table
from authfsm.core.history import Step
from authfsm.protocol import responses as r
from authfsm.protocol import table as t
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import BadField
from authfsm.protocol.nodes import EdgeRoles, Node
from authfsm.protocol.states import CHALLENGES, State
from authfsm.settings import PoolSettings
from authfsm.settings.reach import reachability
from authfsm.settings.rules import ANY_CHALLENGE_RESPONSES, CHALLENGE_RULES, RESPONSE_RULES, why_forbidden

if TYPE_CHECKING:
    from authfsm.diagrams import Diagram


@frozen(cache_hash=True)
class Position:
    """A point on a path: its `node`, and what was `proved` on the way (`ProofState`)."""

    node: Node
    proved: factors.ProofState = factors.NOTHING_PROVED

    @property
    def state(self) -> State:
        """The state of the node, a challenge name or START, AUTHENTICATED or FAILED."""
        return self.node.state

    @property
    def role(self) -> t.Role | None:
        """Whether the code of EMAIL_OTP is the first or the second factor; None for other states."""
        return self.node.role

    @property
    def name(self) -> str:
        """The state's name, and the role of EMAIL_OTP."""
        return self.node.name


AT_START: Final = Position(Node(State.START))
_ACTIONS: Final[dict[t.LoopKind | None, RecoveryAction]] = {
    kind: action for action, kind in t.LOOP_KIND_OF_ACTION.items()
}


@frozen
class Move:
    """One step of a path: the `transition` that it follows, and the position that it leads `to`."""

    transition: t.Transition
    to: Position


@frozen
class Path:
    """A path from START along the transitions of a table: its steps (`moves`) in order."""

    moves: tuple[Move, ...] = ()

    def __len__(self) -> int:
        return len(self.moves)

    def __iter__(self) -> Iterator[Move]:
        return iter(self.moves)

    def __str__(self) -> str:
        steps = (f" -{move.transition.response.trigger}-> {move.to.name}" for move in self.moves)
        return "".join([str(State.START), *steps])

    def then(self, move: Move) -> Path:
        """Return the path with one more step."""
        return Path((*self.moves, move))

    @property
    def end(self) -> Position:
        """The last position."""
        return self.moves[-1].to if self.moves else AT_START

    @property
    def proved(self) -> factors.ProofState:
        """The proof state at the end of the path."""
        return self.end.proved

    @property
    def states(self) -> tuple[State, ...]:
        """The states of the path, START included."""
        return (State.START, *(move.to.state for move in self.moves))

    @property
    def transitions(self) -> tuple[t.Transition, ...]:
        """The transitions of the table that the path takes, in order."""
        return tuple(move.transition for move in self.moves)

    @property
    def responses(self) -> tuple[type[r.Response], ...]:
        """The class of the response of each step, in order."""
        return tuple(move.transition.response for move in self.moves)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The path as the history of a sign-in, for `authfsm.diagram(history=...)`."""
        return tuple(
            Step(number, source, response, dest, role=move.to.role, action=_ACTIONS.get(kind))
            for number, move in enumerate(self.moves, 1)
            for source, response, dest, kind in (move.transition,)
        )

    def diagram(self, **options: Any) -> Diagram:
        """Return the path on the protocol's diagram, with options of `authfsm.diagram`."""
        from authfsm.diagrams import diagram  # noqa: PLC0415 - loaded only to draw

        return diagram(history=self.steps, **options)


class HasPath:
    """A base class of results that have a path."""

    __slots__ = ()
    path: Path

    def diagram(self, **options: Any) -> Diagram:
        """Return the path on the protocol's diagram, with options of `authfsm.diagram`."""
        return self.path.diagram(**options)


_Edge = tuple[t.Transition, EdgeRoles, bool]
"""A transition, its roles, and whether it exists only because a Lambda function may name any challenge."""


@frozen
class Model:
    """A table, for one pool and one kind of sign-in.

    Args:
        table: the protocol.
        settings: the pool's settings; None for all transitions of the table.
        device: whether the sign-in sends the key of a device that the pool remembers.
        contradictory: whether to include transitions about which sources contradict each other.
        include_lambda_named: whether Lambda functions may also name challenges other than CUSTOM_CHALLENGE and, after
            SRP_A, PASSWORD_VERIFIER.
    """

    table: Table = TABLE
    settings: PoolSettings | None = None
    device: bool = True
    contradictory: bool = True
    include_lambda_named: bool = True
    _edges: dict[Node, list[_Edge]] = field(factory=dict, init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        """Check the types of the table and the settings."""
        for name, kind, other in (("table", Table, Table), ("settings", PoolSettings, type(None))):
            if not isinstance(value := getattr(self, name), (kind, other)):
                raise BadField(Model, name, f"must be of type {kind.__name__}, not {type(value).__name__}")

    def moves(self, here: Position) -> Iterator[Move]:
        """Yield every move from a position, in the table's order."""
        if here.node not in self._edges:
            self._edges[here.node] = list(self._edges_of(here.node))
        for transition, ends, lambda_only in self._edges[here.node]:
            lambda_named = (lambda_only and here.proved.lambda_may_choose) or _is_lambda_named(transition)
            if (lambda_only and not lambda_named) or not self._possible_after(transition, here):
                continue
            if self.include_lambda_named or not lambda_named:
                proved = self._proved_after(transition, ends, here.proved, lambda_named=lambda_named)
                yield Move(transition, Position(Node(transition.dest, ends.dest), proved))

    def _edges_of(self, node: Node) -> Iterator[_Edge]:
        for transition in self.table.transitions(node.state):
            if self.contradictory or transition not in self.table.contradictory:
                for ends in self.table.ends(transition, node.role):
                    lambda_only = _is_lambda_only(self.settings, transition, ends)
                    if lambda_only is not None:
                        yield transition, ends, lambda_only

    def _possible_after(self, transition: t.Transition, here: Position) -> bool:
        """Return whether the earlier steps allow a transition."""
        proved, dest = here.proved, transition.dest
        need = self.table.needs.get((transition.source, transition.response))
        if (
            (need is t.Prerequisite.STILL_FIRST_FACTOR and here.role is t.Role.SECOND_FACTOR)
            or (need is t.Prerequisite.ASSOCIATED and not proved.associated)
            or (need is t.Prerequisite.VERIFIED and not proved.verified)
        ):
            return False
        if proved.lambda_named:  # Cognito refuses every answer to such a challenge
            return dest is State.FAILED or transition.kind is not None
        if dest is State.CUSTOM_CHALLENGE and transition.source is not State.START:
            # "Custom challenges ... in CUSTOM_AUTH"; sources contradict each other on an administrator's password flow.
            return proved.lambda_may_choose or transition.response in ANY_CHALLENGE_RESPONSES
        if dest is State.DEVICE_SRP_AUTH:
            # "when DEVICE_KEY was sent" -- AWS developer guide, "Working with user devices". Cognito asks only once.
            return self.device and factors.Factor.DEVICE not in proved.factors
        return True

    def _proved_after(
        self, transition: t.Transition, ends: EdgeRoles, before: factors.ProofState, *, lambda_named: bool
    ) -> factors.ProofState:
        source, response, dest, kind = transition
        if dest in {State.START, State.FAILED}:
            return factors.NOTHING_PROVED
        # A refusal proves nothing. Once the tokens are issued, an acknowledgement proves nothing new.
        if kind in t.LOOP_KINDS_AFTER_REFUSAL or (source is State.AUTHENTICATED and kind is t.ACKNOWLEDGEMENT):
            return before
        if before.lambda_named or lambda_named:
            return _LAMBDA_NAMED
        if source in {State.AUTHENTICATED, State.OTHER_CHALLENGE}:
            before = factors.NOTHING_PROVED  # a refresh or an unknown challenge replaces earlier proofs
        by_admin = self.contradictory and response in r.ADMIN_RESPONSES
        acknowledged = kind is t.ACKNOWLEDGEMENT
        custom = response in r.CUSTOM_AUTH_RESPONSES
        return factors.ProofState(
            factors=before.factors | factors.proved_by(self.table.proofs, before, transition, ends),
            lambda_may_choose=before.lambda_may_choose or custom or by_admin,
            second_factor_asked=before.second_factor_asked or factors.asks_second_factor(dest, ends.dest),
            associated=acknowledged and (before.associated or response is r.AssociateSoftwareToken),
            verified=acknowledged and response is r.VerifySoftwareToken and before.associated,
        )


_LAMBDA_NAMED: Final = factors.ProofState(lambda_named=True)
_NAMED_BY_LAMBDA: Final = frozenset({*CHALLENGES, State.OTHER_CHALLENGE}) - {
    State.CUSTOM_CHALLENGE,
    State.DEVICE_SRP_AUTH,  # Cognito itself issues it, after the functions have issued tokens
}


def _is_lambda_named(transition: t.Transition) -> bool:
    """Return whether a Lambda function names a transition's challenge, so that it needs `include_lambda_named`."""
    _, response, dest, kind = transition
    by_function = response in factors.NEXT_BY_FUNCTIONS and kind is None and dest in _NAMED_BY_LAMBDA
    return by_function and (response, dest) != (r.CustomSrpAuth, State.PASSWORD_VERIFIER)


def _is_lambda_only(settings: PoolSettings | None, transition: t.Transition, ends: EdgeRoles) -> bool | None:
    """Return whether settings allow a transition only if a Lambda names its challenge; None if they forbid it."""
    source, response, dest, _ = transition
    if settings is None:
        return False
    if response in ANY_CHALLENGE_RESPONSES and transition in t.TRANSITION_SET:
        # The response may lead to any challenge that other transitions of this pool reach.
        reasons = reachability(settings, include_lambda_named=True).transitions
        return None if reasons.get((transition, ends)) else False
    if response not in t.PROTOCOL.get(source, {}):
        # Only a custom table has this row, so only the rules of its response and its destination apply.
        rules = (*RESPONSE_RULES.get(response, ()), *CHALLENGE_RULES.get(Node(dest, ends.dest), ()))
        return None if any(rule(settings) for rule in rules) else False
    if not why_forbidden(settings, transition, ends, include_lambda_named=False):
        return False
    return None if why_forbidden(settings, transition, ends, include_lambda_named=True) else True


@frozen(eq=False)
class Exploration:
    """Every position that can be reached, with a shortest path to it.

    Args:
        model: the model that was explored.
        before: for each position, the one before it and the move from there; None for START. The nearest come first.
        moves: the moves from each position.
    """

    model: Model
    before: Mapping[Position, tuple[Position, Move] | None]
    moves: Mapping[Position, tuple[Move, ...]]

    def path(self, to: Position) -> Path:
        """Return a shortest path to a position; raise KeyError if the position cannot be reached."""
        back: list[Move] = []
        step = self.before[to]
        while step is not None:
            back.append(step[1])
            step = self.before[step[0]]
        return Path(tuple(reversed(back)))

    def along(self) -> Iterator[tuple[Position, Move]]:
        """Yield the position before each move, and the move, beginning with the nearest positions."""
        for here, moves in self.moves.items():
            yield from ((here, move) for move in moves)


def explore(model: Model) -> Exploration:
    """Visit every position that can be reached, the nearest first."""
    before: dict[Position, tuple[Position, Move] | None] = {AT_START: None}
    moves: dict[Position, tuple[Move, ...]] = {}
    queue = [AT_START]
    for here in queue:  # the loop extends the queue
        moves[here] = tuple(model.moves(here))
        for move in moves[here]:
            if move.to not in before:
                before[move.to] = here, move
                queue.append(move.to)
    return Exploration(model, before, moves)
