"""Lists the paths through a table, counts them without listing them, and finds the shortest and the longest.

A *walk* is any path that visits no position twice. A *sign-in path* leads from START to the tokens, where it ends, and
visits no place twice (a place is a state, its role and the progress of a set-up). It contains no refusal, no refresh and
no unknown challenge. In it, Lambda functions name only CUSTOM_CHALLENGE and, after SRP_A, PASSWORD_VERIFIER.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import Final

from attrs import evolve, field, frozen

from authfsm.checks.factors import SECOND_FACTOR_EXCEPTIONS, Factor, exception_for
from authfsm.checks.model import AT_START, Exploration, Model, Move, Path, Position, explore
from authfsm.checks.table import TABLE, Table
from authfsm.protocol.auth_flows import SIGN_IN_FLOWS
from authfsm.protocol.nodes import Node
from authfsm.protocol.responses import REFRESH_RESPONSES
from authfsm.protocol.states import NON_CHALLENGES, State
from authfsm.protocol.table import AUTOMATIC
from authfsm.settings import PoolSettings

S = State
NEVER_ENTERED: Final = frozenset({S.FAILED, S.OTHER_CHALLENGE, S.START})

Place = tuple[Node, bool, bool]
"""A node, whether an authenticator app has been associated, and whether it has been verified."""

Counts = tuple[int, ...]
"""The number of paths of 0, 1, 2 ... steps."""


def place(position: Position) -> Place:
    """Return the place of a position: its node, and the progress of a set-up."""
    return position.node, position.proved.associated, position.proved.verified


def walks(found: Exploration, *, longest: int) -> Iterator[Path]:
    """Yield every path of 1 to `longest` steps that visits no position twice, the shortest first."""
    queue = [Path()]
    for path in queue:  # the loop extends the queue
        visited = {AT_START, *(move.to for move in path)}
        moves = found.moves.get(path.end, ())
        # If a response leads only to FAILED, the settings or the earlier steps rule it out, so it is left out.
        accepted = {move.transition.response for move in moves if move.to.state is not S.FAILED}
        for move in moves:
            if move.to not in visited and move.transition.response in accepted:
                longer = path.then(move)
                yield longer
                if len(longer) < longest:
                    queue.append(longer)


@frozen(eq=False)
class SignInPaths:
    """The paths to sign in, for a table and a pool's settings. Iteration lists them, the shortest first.

    Paths are listed on demand, because there may be too many to store; they are counted without listing them.

    Args:
        settings: the pool's settings; None for all transitions of the table.
        table: the protocol; this package's by default.
        device: whether to include paths on a device that the pool remembers.
        contradictory: whether to include transitions about which sources contradict each other.
    """

    settings: PoolSettings | None = None
    table: Table = field(default=TABLE, kw_only=True)
    device: bool = field(default=True, kw_only=True)
    contradictory: bool = field(default=False, kw_only=True)
    _avoided: frozenset[State] = field(default=frozenset(), init=False)
    _known_moves: dict[Position, tuple[Move, ...]] = field(factory=dict, init=False, repr=False)
    _known_counts: dict[tuple[Position, frozenset[Place]], Counts] = field(factory=dict, init=False, repr=False)

    @cached_property
    def _model(self) -> Model:
        options = {"device": self.device, "contradictory": self.contradictory}
        return Model(self.table, self.settings, include_lambda_named=False, **options)

    def _moves(self, here: Position) -> tuple[Move, ...]:
        if here.state in {S.AUTHENTICATED, *self._avoided}:
            return ()
        if here not in self._known_moves:
            self._known_moves[here] = tuple(
                move
                for move in self._model.moves(here)
                if move.to.state not in NEVER_ENTERED | self._avoided
                if move.transition.response not in REFRESH_RESPONSES
                if place(move.to) != place(here)
                if self._allowed_by_mfa(move)
            )
        return self._known_moves[here]

    def _allowed_by_mfa(self, move: Move) -> bool:
        """Return whether MFA allows a move. Required MFA allows tokens only after a second factor or an exception."""
        required = self.settings is not None and self.settings.mfa_configuration == "ON"
        proved = move.to.proved
        if not required or move.to.state is not S.AUTHENTICATED or Factor.SECOND in proved.factors:
            return True
        reason = exception_for(SECOND_FACTOR_EXCEPTIONS, proved, move.transition)
        return reason is not None and (self.contradictory or not reason.confidence.is_uncertain)

    @cached_property
    def _reachable(self) -> dict[Position, frozenset[Place]]:
        """The places that can be reached from each position."""
        after: dict[Position, set[Position]] = {}
        queue = [AT_START]
        for here in queue:  # the loop extends the queue
            if here not in after:
                after[here] = {move.to for move in self._moves(here)}
                queue += after[here]
        reachable = {here: {place(to) for to in after[here]} for here in after}
        grown = True
        while grown:
            grown = False
            for here, places in reachable.items():
                size = len(places)
                places.update(*(reachable[to] for to in after[here]))
                grown = grown or len(places) > size
        return {here: frozenset(places) for here, places in reachable.items()}

    def _counts(self, here: Position, visited: frozenset[Place]) -> Counts:
        """Return how many paths lead from a position to the tokens without the visited places, by number of steps."""
        if here.state is S.AUTHENTICATED:
            return (1,)
        # Visited places that cannot be reached again make no difference; without them, there are few keys.
        key = here, visited & self._reachable[here]
        if key not in self._known_counts:
            total: list[int] = []
            for move in self._moves(here):
                there = place(move.to)
                if there not in visited:
                    counts = self._counts(move.to, visited | {there})
                    total += [0] * (len(counts) + 1 - len(total))
                    for steps, count in enumerate(counts, start=1):
                        total[steps] += count
            self._known_counts[key] = tuple(total)
        return self._known_counts[key]

    @property
    def by_length(self) -> dict[int, int]:
        """The number of paths by their number of steps."""
        counts = self._counts(AT_START, frozenset({place(AT_START)}))
        return {steps: count for steps, count in enumerate(counts) if count}

    def count(self) -> int:
        """Return how many paths there are, of all lengths."""
        return sum(self.by_length.values())

    def __iter__(self) -> Iterator[Path]:
        """Yield every path, the shortest first; those of one length in the table's order."""
        for steps in sorted(self.by_length):
            yield from self.of_length(steps)

    def of_length(self, steps: int) -> Iterator[Path]:
        """Return the paths with this number of steps, in the table's order."""
        return self._list(AT_START, (), frozenset({place(AT_START)}), steps)

    def _list(self, here: Position, moves: tuple[Move, ...], visited: frozenset[Place], steps: int) -> Iterator[Path]:
        counts = self._counts(here, visited)
        if not 0 <= steps < len(counts) or not counts[steps]:
            return
        if steps == 0:
            yield Path(moves)
            return
        for move in self._moves(here):
            there = place(move.to)
            if there not in visited:
                yield from self._list(move.to, (*moves, move), visited | {there}, steps - 1)

    def shortest(self) -> Path | None:
        """Return a path with the fewest steps; None if there is none."""
        return next(iter(self), None)

    def longest(self) -> Path | None:
        """Return a path with the most steps; None if there is none."""
        lengths = self.by_length
        return next(self.of_length(max(lengths)), None) if lengths else None

    def through(self, state: State) -> Iterator[Path]:
        """Return the paths through a state, the shortest first; raise ValueError if there is no such state."""
        wanted = State(state)
        return (path for path in self if wanted in path.states)

    def count_through(self, state: State) -> int:
        """Count the paths through a state without listing them; raise ValueError if there is no such state."""
        others = evolve(self)
        object.__setattr__(others, "_avoided", frozenset({State(state)}))  # no public argument sets it
        return self.count() - others.count()

    def __contains__(self, path: object) -> bool:
        """Return whether a path, which may be of another pool, is one of these paths."""
        if not isinstance(path, Path) or not path.moves:
            return False
        here, visited = AT_START, {place(AT_START)}
        for step in path:
            same = (
                move
                for move in self._moves(here)
                if (move.transition, place(move.to)) == (step.transition, place(step.to))
            )
            move = next(same, None)
            if move is None or place(move.to) in visited:
                return False
            here = move.to
            visited.add(place(here))
        return here.state is S.AUTHENTICATED


@frozen
class Change:
    """The difference between the paths before and after a change of settings, listed on demand."""

    before: SignInPaths
    after: SignInPaths

    def added(self) -> Iterator[Path]:
        """Return the paths that only `after` has, the shortest first."""
        return (path for path in self.after if path not in self.before)

    def removed(self) -> Iterator[Path]:
        """Return the paths that only `before` has, the shortest first."""
        return (path for path in self.before if path not in self.after)


@lru_cache(maxsize=16)
def _paths(settings: PoolSettings, *, contradictory: bool) -> SignInPaths:
    return SignInPaths(settings, contradictory=contradictory)


def example_path(settings: PoolSettings, shows: Callable[[Path], bool]) -> Path | None:
    """Return a shortest path that `shows` accepts, or None. One without contradictory transitions is preferred."""
    for contradictory in (False, True):
        found = (path for path in _paths(settings, contradictory=contradictory) if shows(path))
        if (first := next(found, None)) is not None:
            return first
    return None


def why_no_path(settings: PoolSettings) -> str | None:
    """Return why settings allow no path to sign in, as a sentence; None if there is a path."""
    if example_path(settings, lambda _: True) is not None:
        return None
    why = settings.unreachable(S.AUTHENTICATED) or "no user can prove the second factor that MfaConfiguration requires"
    if not any(map(settings.allows, SIGN_IN_FLOWS)):
        why = f"ExplicitAuthFlows allows none of {', '.join(SIGN_IN_FLOWS)}"
    return f"these settings allow no path to sign in: {why}"


def path_to_refusal(settings: PoolSettings, *, of_password: bool) -> Path | None:
    """Return a shortest path to a refusal: of the first response or, if `of_password`, of a proof of the password."""
    found = explore(Model(settings=settings, include_lambda_named=False, device=False))
    for here, move in found.along():
        if move.to.state is not S.FAILED or here.proved.factors:
            continue
        response = move.transition.response
        others = [m.to for m in found.moves[here] if m.transition.response is response]
        proves = any(Factor.PASSWORD in to.proved.factors for to in others)
        begins = here == AT_START and response.auth_flow is not None
        accepted = any(to.state is not S.FAILED for to in others)
        if accepted and (proves if of_password else begins):
            return found.path(here).then(move)
    return None


def path_to_challenge(settings: PoolSettings) -> Path | None:
    """Return a shortest path to a challenge that requires user input, or else to tokens; None if there is neither."""
    found = explore(Model(settings=settings, include_lambda_named=False))
    waiting = (found.path(at) for at in found.before if at.state not in {*NON_CHALLENGES, *AUTOMATIC})
    return next(waiting, None) or example_path(settings, lambda _: True)


def path_to_refresh(settings: PoolSettings) -> Path | None:
    """Return a shortest path to tokens, with a refresh after it if one is possible; None if no path leads to tokens."""
    path = example_path(settings, lambda _: True)
    if path is None:
        return None
    moves = Model(settings=settings, include_lambda_named=False).moves(path.end)
    again = (m for m in moves if m.transition.response in REFRESH_RESPONSES and m.to.state is S.AUTHENTICATED)
    return next((path.then(move) for move in again), path)
