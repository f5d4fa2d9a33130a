"""Invariants of a table (this package's or a custom one) and of the paths that settings allow; `check` verifies them.

A custom invariant is an `Invariant`; `path_invariant` creates one from a predicate over paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Final

from attrs import evolve, field, frozen

from authfsm.base.clock import positive
from authfsm.checks import factors
from authfsm.checks.factors import SECOND_FACTOR_EXCEPTIONS, Factor, FactorException, exception_for
from authfsm.checks.model import AT_START, Exploration, HasPath, Model, Move, Path, Position, explore
from authfsm.checks.sign_in_paths import walks
from authfsm.checks.table import TABLE, Table
from authfsm.protocol.nodes import Node
from authfsm.protocol.responses import Response
from authfsm.protocol.states import DEVICE_STATES, END_STATES, NON_CHALLENGES, State
from authfsm.protocol.table import DEVICE_DROPPED, Transition, is_automatic
from authfsm.settings import PoolSettings
from authfsm.settings.rules import ANY_CHALLENGE_RESPONSES

S = State
Fault = tuple[str, Path]
"""The description of a fault, and a shortest path that shows it."""


@frozen
class Invariant:
    """A statement that must be true of a table (this package's or a custom one) and of the paths that settings allow.

    Args:
        name: a short name.
        statement: what must be true, in a sentence.
        faults: yields the faults that break it.
        of_table: whether it is checked only for a whole table, and not with a pool's settings.
    """

    name: str
    statement: str
    faults: Callable[[Exploration], Iterator[Fault]] = field(repr=False)
    of_table: bool = False


def _is_usual(here: Position, move: Move) -> bool:
    """Return whether a move avoids unknown and Lambda-named challenges, and responses that any challenge may follow."""
    unknown = S.OTHER_CHALLENGE in {here.state, move.to.state}
    leads_anywhere = move.transition.response in ANY_CHALLENGE_RESPONSES
    return not (unknown or leads_anywhere or move.to.proved.lambda_named)


def _unreachable(found: Exploration) -> Iterator[Fault]:
    """Yield the nodes that no path of usual moves reaches, and the responses that a reached state never accepts."""
    table = found.model.table
    reached, queue = {AT_START}, [AT_START]
    for here in queue:  # the loop extends the queue
        new = {move.to for move in found.moves[here] if _is_usual(here, move)} - reached
        reached |= new
        queue += new
    states = {each.state for each in reached}
    states |= {S.OTHER_CHALLENGE} & {each.state for each in found.before}
    nodes = {each.node for each in reached}
    unreached = [state.value for state in table.states if state not in states]
    in_roles = (
        Node(transition.dest, ends.dest)
        for state in table.states
        for transition in table.transitions(state)
        for ends in table.ends(transition, None)
        if ends.dest
    )
    unreached += [each.name for each in dict.fromkeys(in_roles) if each.state in states and each not in nodes]
    for name in unreached:
        yield f"no path leads to {name}, except through a refresh, a Lambda function or an unknown challenge", Path()
    accepted = {(move.transition.source, move.transition.response) for _, move in found.along()}
    for state in table.states:
        for response in table.rows.get(state, {}):
            if (state, response) not in accepted and state in states:
                nearest = next(each for each in found.before if each.state is state)
                yield f"{state} never accepts {response.trigger}", found.path(nearest)


def _without_tokens(found: Exploration) -> Iterator[Fault]:
    """Yield the positions without a path to tokens in the model or in its copy with `device=contradictory=False`."""
    names = set[str]()
    for each in (explore(evolve(found.model, device=False, contradictory=False)), found):
        for at in _dead_ends(each):
            if at.name not in names:
                names.add(at.name)
                yield f"from {at.name} no answer leads to tokens", each.path(at)


def _dead_ends(found: Exploration) -> Iterator[Position]:
    sources: dict[Position, list[Position]] = {}
    for here, move in found.along():
        # An unknown challenge, or a new sign-in, does not count as a way to the tokens.
        if move.to.state not in {S.OTHER_CHALLENGE, S.START}:
            sources.setdefault(move.to, []).append(here)
    alive = {each for each in found.before if each.state is S.AUTHENTICATED}
    queue = list(alive)
    for to in queue:  # the loop extends the queue
        new = set(sources.get(to, ())) - alive
        alive |= new
        queue += new
    for each in found.before:
        if each not in alive and each.state is not S.FAILED and not each.proved.lambda_named:
            yield each


def _unanswerable(found: Exploration) -> Iterator[Fault]:
    """Yield the challenges from which no response leads to a known challenge or to tokens."""
    challenges = frozenset(State) - {*NON_CHALLENGES} | {S.OTHER_CHALLENGE}
    names = set[str]()
    for here, moves in found.moves.items():
        if here.state not in challenges or here.proved.lambda_named or here.name in names:
            continue
        nowhere = {S.FAILED} if here.state is S.OTHER_CHALLENGE else {S.FAILED, S.OTHER_CHALLENGE}
        if all(move.to.state in nowhere or move.to == here for move in moves):
            names.add(here.name)
            yield f"no response to {here.name} leads to a known challenge or to tokens", found.path(here)


def _to_tokens(found: Exploration) -> Iterator[Path]:
    """Yield a shortest path for each transition to the tokens, from each position."""
    for here, move in found.along():
        if move.to.state is S.AUTHENTICATED and here.state is not S.AUTHENTICATED:
            yield found.path(here).then(move)


def _without_first_factor(found: Exploration) -> Iterator[Fault]:
    for path in _to_tokens(found):
        exception = exception_for(factors.FIRST_FACTOR_EXCEPTIONS, path.proved, path.transitions[-1])
        if not path.proved.factors & factors.FIRST_FACTORS and not exception:
            yield "tokens are issued, and no first factor was proved", path


def _without_second_factor(found: Exploration) -> Iterator[Fault]:
    settings = found.model.settings or PoolSettings(mfa_configuration="ON")
    if settings.mfa_configuration != "ON":
        return
    if found.model.settings is None:
        found = explore(evolve(found.model, settings=settings))
    for path in _to_tokens(found):
        exception = exception_for(SECOND_FACTOR_EXCEPTIONS, path.proved, path.transitions[-1], settings)
        if Factor.SECOND not in path.proved.factors and not exception:
            yield "MFA is required: tokens are issued, and no second factor was proved", path


def _unbounded(found: Exploration) -> Iterator[Fault]:
    """Yield the loops that none of the table's bounds ends, each with a shortest path to it and once through it."""
    table = found.model.table
    bounds = [each for each in table.bounds if each.holds(table.actions)]
    return _loops(found, lambda t: not any(each.applies_to(t) for each in bounds), "without end")


def _loops(found: Exploration, repeats: Callable[[Transition], bool], how: str) -> Iterator[Fault]:
    free = {here: [m for m in moves if repeats(m.transition)] for here, moves in found.moves.items()}
    known: list[frozenset[str]] = []
    for here in found.before:
        loop = _loop(here, free)
        names = frozenset(move.to.name for move in loop)
        if loop and not any(each <= names for each in known):
            known.append(names)
            yield f"{here.name} can be repeated {how}", Path(found.path(here).moves + loop)


def _loop(here: Position, free: Mapping[Position, list[Move]]) -> tuple[Move, ...]:
    """Return the moves of the shortest loop from a position back to it; empty if there is none."""
    ways: dict[Position, tuple[Move, ...]] = {}
    queue = [here]
    for at in queue:  # the loop extends the queue
        for move in free.get(at, ()):
            if move.to not in ways:
                ways[move.to] = (*ways.get(at, ()), move)
                queue.append(move.to)
        if here in ways:
            return ways[here]
    return ()


def _without_action(found: Exploration) -> Iterator[Fault]:
    """Yield the errors that have no action in the table although an operation may return them."""
    table = found.model.table
    nearest: dict[str, Path] = {}
    for here, move in found.along():
        operation = _operations().get((move.transition.source, move.transition.response))
        refused = move.to.state is S.FAILED or here.state is S.AUTHENTICATED
        if refused and operation and operation not in nearest:
            nearest[operation] = found.path(here).then(move)
    for code, operations in table.errors.items():
        if "" not in table.actions.get(code, {}):
            paths = sorted((path for each, path in nearest.items() if each in operations), key=len)
            if paths:
                yield f"there is no action for {code}", paths[0]


@cache
def _operations() -> Mapping[tuple[State, type[Response]], str]:
    from authfsm.core.wire_requests import WRITERS  # noqa: PLC0415 - loaded only for whole tables
    from authfsm.reference.request_shapes import request_shape  # noqa: PLC0415 - loaded only for whole tables

    return {pair: request_shape(*pair).operation for pair in WRITERS}


def _without_device(found: Exploration) -> Iterator[Fault]:
    """Yield the device challenges on paths without a device that no Lambda function or unknown challenge explains."""
    without_device = explore(evolve(found.model, device=False, contradictory=False))
    states = set[State]()
    for at in without_device.before:
        explained = at.proved.lambda_named or Factor.UNKNOWN in at.proved.factors
        if at.state in DEVICE_STATES and not explained and at.state not in states:
            states.add(at.state)
            yield f"{at.state} is asked for without a device", without_device.path(at)


def _refresh_challenged(found: Exploration) -> Iterator[Fault]:
    """Yield the challenges after a refresh, except where sources contradict each other."""
    for here, move in found.along():
        challenge = move.to.state not in END_STATES | {S.START}
        refreshes = "refresh" in move.transition.response.trigger
        if refreshes and challenge and move.transition not in found.model.table.contradictory:
            yield f"a refresh is answered with {move.to.name}", found.path(here).then(move)


# fmt: off
INVARIANTS: Final = (
    Invariant("reachable", "Every state can be reached, and accepts each response of its row.", _unreachable, of_table=True),
    Invariant("ends", "From every challenge that Cognito itself issues, some answers lead to tokens.", _without_tokens),
    Invariant("first-factor", "No tokens are issued without a first factor or a known exception: "
              f"{', '.join(each.name for each in factors.FIRST_FACTOR_EXCEPTIONS)}.", _without_first_factor),
    Invariant("second-factor", "If MFA is required, no tokens are issued without a second factor or a known exception.", _without_second_factor),
    Invariant("bounded", "Every loop is ended by a lifetime, a lock-out, a rate limit, a value that can be used only "
              "once, or a Lambda function.", _unbounded),
    Invariant("unattended", "Drivers follow no loop without new input from the caller.",
              # DEVICE_DROPPED is not repeated: the client drops the device key, and does not send it again.
              lambda found: _loops(found, lambda t: is_automatic(t) and t.kind is not DEVICE_DROPPED,
                                   "without new input from the caller")),
    Invariant("answerable", "Every challenge accepts a response that leads to a known challenge or to tokens.", _unanswerable),
    Invariant("error-actions", "There is an action for every error.", _without_action, of_table=True),
    Invariant("device", "Cognito asks for a device only if there is one.", _without_device),
    Invariant("refresh", "Cognito answers no refresh with a challenge, except where sources contradict each other.", _refresh_challenged),
)
# fmt: on
"""The invariants that `check` verifies by default."""


@frozen
class Violation(HasPath):
    """An `invariant` that a protocol violates, the reason in `why`, and a shortest `path` that shows it."""

    invariant: Invariant
    why: str
    path: Path

    def __str__(self) -> str:
        return f"{self.invariant.name}: {self.why}\n    {self.path}"


def check(
    table: Table = TABLE,
    *,
    settings: PoolSettings | None = None,
    invariants: Iterable[Invariant] = INVARIANTS,
    every: bool = False,
) -> tuple[Violation, ...]:
    """Return violations of invariants by a protocol, in the order of `invariants`; an empty tuple if there are none.

    Args:
        table: the protocol; this package's by default.
        settings: a pool's settings. The check then omits transitions that they rule out, and invariants of whole tables.
        invariants: the invariants to check; the built-in ones by default.
        every: whether to return every fault of an invariant, not only one with a shortest path.
    """
    found, most = explore(Model(table, settings)), None if every else 1
    return tuple(
        Violation(each, why, path)
        for each in invariants
        if settings is None or not each.of_table
        for why, path in sorted(each.faults(found), key=lambda fault: len(fault[1]))[:most]
    )


def factor_exceptions(
    table: Table = TABLE, *, settings: PoolSettings | None = None
) -> tuple[tuple[FactorException, Path], ...]:
    """Return the exceptions from a required second factor, each with a shortest path.

    The path has no contradictory transitions if there is one without them.

    Args:
        table: the protocol; this package's by default.
        settings: a pool's settings; by default, MFA is ON. If they do not require MFA, there are no exceptions.
    """
    settings = PoolSettings(mfa_configuration="ON") if settings is None else settings
    if settings.mfa_configuration != "ON":
        return ()
    paths: dict[FactorException, Path] = {}
    for contradictory in (True, False):  # paths without contradictory transitions replace the others
        paths |= _exceptions(Model(table, settings, contradictory=contradictory))
    return tuple((each, paths[each]) for each in SECOND_FACTOR_EXCEPTIONS if each in paths)


def _exceptions(model: Model) -> dict[FactorException, Path]:
    nearest: dict[FactorException, Path] = {}
    for path in sorted(_to_tokens(explore(model)), key=len):
        proved = path.proved.factors
        # A path that passes an unknown challenge and also proves a factor is not a clear example, so it is left out.
        if Factor.SECOND not in proved and (Factor.UNKNOWN not in proved or len(proved) == 1):
            last = path.transitions[-1]
            reason = exception_for(SECOND_FACTOR_EXCEPTIONS, path.proved, last, model.settings)
            if reason is not None:
                nearest.setdefault(reason, path)
    return nearest


def path_invariant(
    name: str, statement: str, holds: Callable[[Path], bool], *, longest: int = 6, why: str = ""
) -> Invariant:
    """Return a custom invariant: a predicate that must be true of every path.

    The check applies it to every path of 1 to `longest` steps from START that visits no position twice, the shortest
    first. The paths may end in any state. Even `check(every=True)` reports only the first violation.

    Args:
        name: a short name.
        statement: what must be true, in a sentence.
        holds: returns whether the statement is true of a path.
        longest: the number of steps of the longest paths that are checked; ValueError if it is less than 1.
        why: the message of a violation; by default it contains the statement.
    """
    positive("longest", longest, int)

    def faults(found: Exploration) -> Iterator[Fault]:
        broken = (path for path in walks(found, longest=longest) if not holds(path))
        yield from ((why or f"not true: {statement}", path) for path in islice(broken, 1))

    return Invariant(name, statement, faults)
