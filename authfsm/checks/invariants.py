"""What must be so of every protocol: each invariant looks at what was explored, and tells what breaks it.

Whoever has an invariant of their own makes an `Invariant`, or has `of_paths` make one of a predicate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Final

from attrs import evolve, field, frozen

from authfsm.checks.loops import loops
from authfsm.checks.model import Explored, explore
from authfsm.checks.path import Path, Position
from authfsm.checks.proofs import FIRST_FACTORS, Factor
from authfsm.checks.stand_ins import FOR_FIRST, FOR_SECOND, excused
from authfsm.facts.shapes import shape
from authfsm.responses import Response
from authfsm.settings import PoolSettings
from authfsm.states import OURS, State
from authfsm.wire import WRITERS

S = State
Fault = tuple[str, Path]
"""What is wrong, and a shortest path that shows it."""


@frozen
class Invariant:
    """Something that must be so.

    Args:
        name: what it is called.
        law: what must be so, in a sentence.
        faults: tells what breaks it, the shortest path first.
        of_table: is it about a table alone, and not about what settings leave of one?
    """

    name: str
    law: str
    faults: Callable[[Explored], Iterator[Fault]] = field(repr=False)
    of_table: bool = False


# ---- where one may come, and how it ends -------------------------------------------------------------------


def _reachable(found: Explored) -> Iterator[Fault]:
    """Every state is come to by somebody."""
    come_to = {each.state for each in found.before}
    for state in found.model.table.states:
        if state not in come_to:
            yield f"no path leads to {state}", Path()


def _ends(found: Explored) -> Iterator[Fault]:
    """From everywhere, but for a challenge that a function named, tokens can still be had."""
    into: dict[Position, list[Position]] = {}
    for here, move in found.along():
        into.setdefault(move.to, []).append(here)
    alive = {each for each in found.before if each.state is S.AUTHENTICATED}
    front = list(alive)
    while front:
        front = [each for to in front for each in into.get(to, ()) if each not in alive]
        alive |= set(front)
    told = set[str]()
    for each in found.before:
        if each in alive or each.state is S.FAILED or each.proved.named or each.name in told:
            continue
        told.add(each.name)
        yield f"from {each.name} no answer leads to tokens any more", found.path(each)


def _answerable(found: Explored) -> Iterator[Fault]:
    """Each challenge takes a response that leads on."""
    told = set[str]()
    for here, moves in found.moves.items():
        if here.state in {*OURS} - {S.OTHER_CHALLENGE} or here.proved.named or here.name in told:
            continue
        if all(move.to.state is S.FAILED or move.to == here for move in moves):
            told.add(here.name)
            yield f"no response to {here.name} leads on", found.path(here)


# ---- factors ----------------------------------------------------------------------------------------------


def _to_tokens(found: Explored) -> Iterator[tuple[Path, Explored]]:
    """A shortest path for each arrow to the tokens, from each position."""
    for here, move in found.along():
        if move.to.state is S.AUTHENTICATED and here.state is not S.AUTHENTICATED:
            yield found.path(here).then(move), found


def _first_factor(found: Explored) -> Iterator[Fault]:
    """No tokens without a first factor, or what stands for one."""
    for path, _ in _to_tokens(found):
        if path.proved.factors & FIRST_FACTORS:
            continue
        if excused(FOR_FIRST, path.proved, path.arrows[-1]) is None:
            yield "tokens, and no first factor was proved", path


def _second_factor(found: Explored) -> Iterator[Fault]:
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
        if excused(FOR_SECOND, path.proved, path.arrows[-1]) is None:
            yield "MFA is required: tokens, and no second factor was proved", path


# ---- errors, devices, refreshing ----------------------------------------------------------------------------


def _rulings(found: Explored) -> Iterator[Fault]:
    """Every error that an operation may give has a ruling, whatever its message."""
    table = found.model.table
    nearest: dict[str, Path] = {}
    for here, move in found.along():
        operation = operation_of(move.arrow.source, move.arrow.response)
        refused = move.to.state is S.FAILED or here.state is S.AUTHENTICATED
        if refused and operation and operation not in nearest:
            nearest[operation] = found.path(here).then(move)
    for code, operations in table.errors.items():
        if "" not in table.rulings.get(code, {}):
            met = sorted((nearest[each] for each in operations if each in nearest), key=len)
            if met:
                yield f"nothing is ruled about {code}", met[0]


@cache
def _operations() -> Mapping[tuple[State, type[Response]], str]:
    return {pair: shape(*pair).operation for pair in WRITERS}


def operation_of(source: State, response: type[Response]) -> str | None:
    """The operation that carries a response; None for one of somebody's own: what it sends, they know."""
    return _operations().get((source, response))


_DEVICE: Final = frozenset({S.DEVICE_SRP_AUTH, S.DEVICE_PASSWORD_VERIFIER})


def _device(found: Explored) -> Iterator[Fault]:
    """Nobody without a device is asked for one, but by a function's whim, or where all is unknown or in doubt."""
    alone = explore(evolve(found.model, device=False, doubted=False))
    told = set[State]()
    for each in alone.before:
        whim = each.proved.named or Factor.UNHEARD_OF in each.proved.factors
        if each.state in _DEVICE and not whim and each.state not in told:
            told.add(each.state)
            yield f"{each.state} without a device", alone.path(each)


def _refresh(found: Explored) -> Iterator[Fault]:
    """A refresh brings tokens, and no challenge, but for what sources contradict each other about."""
    for here, move in found.along():
        asked = move.to.state not in {S.AUTHENTICATED, S.FAILED, S.START}
        refreshes = "refresh" in move.arrow.response.trigger
        if refreshes and asked and move.arrow not in found.model.table.doubted:
            yield f"a refresh is answered with {move.to.name}", found.path(here).then(move)


INVARIANTS: Final = (
    Invariant("reachable", "Every state can be reached.", _reachable, of_table=True),
    Invariant("ends", "From every state there is a way to the tokens.", _ends),
    Invariant("first-factor", "No tokens without a first factor.", _first_factor),
    Invariant(
        "second-factor",
        "Where MFA is required, no tokens without a second factor or a documented exception.",
        _second_factor,
    ),
    Invariant("bounded", "Every loop has a bound that a ruling or a lifetime gives.", loops),
    Invariant("answerable", "Every challenge takes a response that leads on.", _answerable),
    Invariant("ruled", "Every error has a ruling.", _rulings, of_table=True),
    Invariant("device", "A device is asked for only where there is one.", _device),
    Invariant("refresh", "A refresh asks no challenge.", _refresh),
)
"""What is checked, unless other invariants are given."""
