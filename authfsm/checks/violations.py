"""Checking a table, with or without a pool's settings: which invariants are violated, and by which path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from attrs import frozen

from authfsm.checks.factors import (
    SECOND_FACTOR_EXCEPTIONS,
    Factor,
    FactorException,
    exception_for,
)
from authfsm.checks.invariants import INVARIANTS, Fault, Invariant
from authfsm.checks.model import Exploration, HasPath, Model, Path, explore
from authfsm.checks.sign_in_paths import walks
from authfsm.checks.table import TABLE, Table
from authfsm.protocol.states import State
from authfsm.settings import PoolSettings


@frozen
class Violation(HasPath):
    """An invariant that a protocol violates.

    Args:
        invariant: the invariant.
        why: what is wrong.
        path: a shortest path that shows it.
    """

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
    """Return the invariants that a protocol violates.

    Args:
        table: the protocol; this package's by default.
        settings: a pool's settings: the check leaves out what they rule out, and the invariants of whole tables.
        invariants: the invariants to check; the built-in ones by default.
        every: return every fault, and not only one with a shortest path for each invariant.
    """
    found = explore(Model(table, settings))
    return tuple(
        Violation(each, why, path)
        for each in invariants
        if settings is None or not each.of_table
        for why, path in islice(
            sorted(each.faults(found), key=lambda fault: len(fault[1])), None if every else 1
        )
    )


def factor_exceptions(
    table: Table = TABLE, *, settings: PoolSettings | None = None
) -> tuple[tuple[FactorException, Path], ...]:
    """Return what replaces a second factor where MFA is required, each with a shortest path that relies on it.

    Args:
        table: the protocol; this package's by default.
        settings: the settings of a pool that requires MFA; for others there are none.
    """
    settings = PoolSettings(mfa_configuration="ON") if settings is None else settings
    if settings.mfa_configuration != "ON":
        return ()
    paths: dict[FactorException, Path] = {}
    for doubted in (True, False):  # paths along certain arrows replace those along doubted ones
        paths |= _exceptions(Model(table, settings, doubted=doubted))
    return tuple((each, paths[each]) for each in SECOND_FACTOR_EXCEPTIONS if each in paths)


def _exceptions(model: Model) -> dict[FactorException, Path]:
    found = explore(model)
    nearest: dict[FactorException, Path] = {}
    for here, move in found.along():
        proved = move.to.proved
        # After an unknown challenge, other factors show nothing about other exceptions.
        conclusive = Factor.SECOND not in proved.factors and (
            Factor.UNKNOWN not in proved.factors or len(proved.factors) == 1
        )
        if move.to.state is State.AUTHENTICATED is not here.state and conclusive:
            reason = exception_for(SECOND_FACTOR_EXCEPTIONS, proved, move.arrow, model.settings)
            path = found.path(here).then(move)
            if reason is not None and len(path) < len(nearest.get(reason, (*path, move))):
                nearest[reason] = path
    return nearest


def path_invariant(
    name: str, statement: str, holds: Callable[[Path], bool], *, longest: int = 6, why: str = ""
) -> Invariant:
    """Return a custom invariant: a predicate that must be true of every path.

    The check applies it to every path from START that visits no position twice, after each step, the shortest
    paths first.

    Args:
        name: its name.
        statement: what must be true, in a sentence.
        holds: is it true of this path?
        longest: the number of steps after which the check stops.
        why: the message of a violation; made from the statement by default.
    """

    def faults(found: Exploration) -> Iterator[Fault]:
        broken = (path for path in walks(found, longest=longest) if not holds(path))
        yield from ((why or f"not true: {statement}", path) for path in islice(broken, 1))

    return Invariant(name, statement, faults)
