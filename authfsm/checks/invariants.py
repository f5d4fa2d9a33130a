"""What must be so of every protocol: each invariant looks at what was explored, and tells what breaks it.

Whoever has an invariant of their own makes an `Invariant`, or has `path_invariant` make one of a predicate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Final

from attrs import evolve, field, frozen

from authfsm.checks.factor_exceptions import FOR_FIRST, FOR_SECOND, exception_for
from authfsm.checks.loops import loops, unattended
from authfsm.checks.model import Exploration, explore
from authfsm.checks.path import AT_START, Move, Path, Position
from authfsm.checks.proofs import FIRST_FACTORS, Factor
from authfsm.checks.table import Table
from authfsm.core.wire_requests import WRITERS
from authfsm.protocol.nodes import Node
from authfsm.protocol.responses import Response
from authfsm.protocol.states import DEVICE_STATES, END_STATES, NON_CHALLENGES, State
from authfsm.reference.request_shapes import request_shape
from authfsm.settings import PoolSettings
from authfsm.settings.rules import ANY_CHALLENGE_RESPONSES

S = State
Fault = tuple[str, Path]
"""What is wrong, and a shortest path that shows it."""


@frozen
class Invariant:
    """Something that must be so.

    Args:
        name: what it is called.
        statement: what must be so, in a sentence.
        faults: tells what breaks it, the shortest path first.
        of_table: is it about a table alone, and not about what settings leave of one?
    """

    name: str
    statement: str
    faults: Callable[[Exploration], Iterator[Fault]] = field(repr=False)
    of_table: bool = False


# ---- where one may come, and how it ends -------------------------------------------------------------------


def _usual(here: Position, move: Move) -> bool:
    """Is this a step of the protocol's own: not what anything may be said to lead to?"""
    unknown = here.state is S.OTHER_CHALLENGE or move.to.state is S.OTHER_CHALLENGE
    return not (unknown or move.to.proved.named or move.arrow.response in ANY_CHALLENGE_RESPONSES)


def _reachable(found: Exploration) -> Iterator[Fault]:
    """Every state is come to, in each of its roles, and every response given, by the protocol's own steps."""
    table = found.model.table
    come_to, front = {AT_START}, [AT_START]
    while front:
        steps = ((here, move) for here in front for move in found.moves[here])
        front = list({move.to for here, move in steps if _usual(here, move)} - come_to)
        come_to |= set(front)
    # All that anything may lead to is what nobody knows: it is come to as it comes.
    come_to |= {each for each in found.before if each.state is S.OTHER_CHALLENGE}
    states, nodes = {each.state for each in come_to}, {each.node for each in come_to}
    for state in table.states:
        if state not in states:
            yield f"no path leads to {state}", Path()
    for node in dict.fromkeys(_in_roles(table)):
        if node.state in states and node not in nodes:
            yield f"no path leads to {node.name}", Path()
    given = {(move.arrow.source, move.arrow.response) for _, move in found.along()}
    for state in table.states:
        for response in table.rows.get(state, {}):
            if (state, response) not in given and state in states:
                nearest = next(each for each in found.before if each.state is state)
                yield f"{state} can never be given {response.trigger}", found.path(nearest)


def _in_roles(table: Table) -> Iterator[Node]:
    """The codes that the table speaks of, in their roles."""
    for state in table.states:
        for arrow in table.arrows(state):
            yield from (Node(arrow.dest, e.dest) for e in table.ends(arrow, None) if e.dest)


def _ends(found: Exploration) -> Iterator[Fault]:
    """From everywhere, but for a challenge that a function named, tokens can still be had.

    That holds for whoever has no device, too, and where none of the doubtful arrows is there. A challenge
    that nobody knows is no way on, and to begin anew is none either.
    """
    told = set[str]()
    for each in (explore(evolve(found.model, device=False, doubted=False)), found):
        for at in _dead(each):
            if at.name not in told:
                told.add(at.name)
                yield f"from {at.name} no answer leads to tokens any more", each.path(at)


def _dead(found: Exploration) -> Iterator[Position]:
    """The positions that no step leads to tokens from."""
    into: dict[Position, list[Position]] = {}
    for here, move in found.along():
        if move.to.state not in {S.OTHER_CHALLENGE, S.START}:
            into.setdefault(move.to, []).append(here)
    alive = {each for each in found.before if each.state is S.AUTHENTICATED}
    front = list(alive)
    while front:
        front = [each for to in front for each in into.get(to, ()) if each not in alive]
        alive |= set(front)
    for each in found.before:
        if each not in alive and each.state is not S.FAILED and not each.proved.named:
            yield each


def _answerable(found: Exploration) -> Iterator[Fault]:
    """Each challenge takes a response that leads on, and not only to a challenge that nobody knows."""
    told = set[str]()
    for here, moves in found.moves.items():
        if (
            here.state in {*NON_CHALLENGES} - {S.OTHER_CHALLENGE}
            or here.proved.named
            or here.name in told
        ):
            continue
        nowhere = {S.FAILED} if here.state is S.OTHER_CHALLENGE else {S.FAILED, S.OTHER_CHALLENGE}
        if all(move.to.state in nowhere or move.to == here for move in moves):
            told.add(here.name)
            yield f"no response to {here.name} leads on", found.path(here)


# ---- factors ----------------------------------------------------------------------------------------------


def _to_tokens(found: Exploration) -> Iterator[tuple[Path, Exploration]]:
    """A shortest path for each arrow to the tokens, from each position."""
    for here, move in found.along():
        if move.to.state is S.AUTHENTICATED and here.state is not S.AUTHENTICATED:
            yield found.path(here).then(move), found


def _first_factor(found: Exploration) -> Iterator[Fault]:
    """No tokens without a first factor, or what stands for one."""
    for path, _ in _to_tokens(found):
        if path.proved.factors & FIRST_FACTORS:
            continue
        if exception_for(FOR_FIRST, path.proved, path.arrows[-1]) is None:
            yield "tokens, and no first factor was proved", path


def _second_factor(found: Exploration) -> Iterator[Fault]:
    """Where MFA is required, no tokens without a second factor, or what stands for one."""
    settings = found.model.settings
    if settings is None:
        required = PoolSettings(mfa_configuration="ON")
        found = explore(evolve(found.model, settings=required))
    elif settings.mfa_configuration != "ON":
        return
    for path, _ in _to_tokens(found):
        if Factor.SECOND in path.proved.factors:
            continue
        if exception_for(FOR_SECOND, path.proved, path.arrows[-1], found.model.settings) is None:
            yield "MFA is required: tokens, and no second factor was proved", path


# ---- errors, devices, refreshing ----------------------------------------------------------------------------


def _rulings(found: Exploration) -> Iterator[Fault]:
    """Every error that an operation may give has an action, whatever its message."""
    table = found.model.table
    nearest: dict[str, Path] = {}
    for here, move in found.along():
        operation = operation_of(move.arrow.source, move.arrow.response)
        refused = move.to.state is S.FAILED or here.state is S.AUTHENTICATED
        if refused and operation and operation not in nearest:
            nearest[operation] = found.path(here).then(move)
    for code, operations in table.errors.items():
        if "" not in table.actions.get(code, {}):
            met = sorted((nearest[each] for each in operations if each in nearest), key=len)
            if met:
                yield f"nothing is ruled about {code}", met[0]


@cache
def _operations() -> Mapping[tuple[State, type[Response]], str]:
    return {pair: request_shape(*pair).operation for pair in WRITERS}


def operation_of(source: State, response: type[Response]) -> str | None:
    """The operation that carries a response; None for one of somebody's own: what it sends, they know."""
    return _operations().get((source, response))


def _device(found: Exploration) -> Iterator[Fault]:
    """Nobody without a device is asked for one, but by a function's whim, or where all is unknown or in doubt."""
    alone = explore(evolve(found.model, device=False, doubted=False))
    told = set[State]()
    for each in alone.before:
        whim = each.proved.named or Factor.UNHEARD_OF in each.proved.factors
        if each.state in DEVICE_STATES and not whim and each.state not in told:
            told.add(each.state)
            yield f"{each.state} without a device", alone.path(each)


def _refresh(found: Exploration) -> Iterator[Fault]:
    """A refresh brings tokens, and no challenge, but for what sources contradict each other about."""
    for here, move in found.along():
        asked = move.to.state not in END_STATES | {S.START}
        refreshes = "refresh" in move.arrow.response.trigger
        if refreshes and asked and move.arrow not in found.model.table.doubted:
            yield f"a refresh is answered with {move.to.name}", found.path(here).then(move)


INVARIANTS: Final = (
    Invariant(
        "reachable",
        "Every state can be reached, and every response given.",
        _reachable,
        of_table=True,
    ),
    Invariant("ends", "From every state there is a way to the tokens.", _ends),
    Invariant("first-factor", "No tokens without a first factor.", _first_factor),
    Invariant(
        "second-factor",
        "Where MFA is required, no tokens without a second factor or a documented exception.",
        _second_factor,
    ),
    Invariant("bounded", "Every loop has a bound that an action or a lifetime gives.", loops),
    Invariant(
        "unattended",
        "No loop is taken without new input from the caller.",
        unattended,
    ),
    Invariant("answerable", "Every challenge takes a response that leads on.", _answerable),
    Invariant("ruled", "Every error has an action.", _rulings, of_table=True),
    Invariant("device", "A device is asked for only where there is one.", _device),
    Invariant("refresh", "A refresh asks no challenge.", _refresh),
)
"""What is checked, unless other invariants are given."""
