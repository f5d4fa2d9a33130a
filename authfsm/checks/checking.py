"""Checking a table, with or without a pool's settings: which invariants are broken, and by which path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from attrs import frozen

from authfsm.checks.factor_exceptions import FOR_SECOND, FactorException, exception_for
from authfsm.checks.invariants import INVARIANTS, Fault, Invariant
from authfsm.checks.model import Exploration, Model, explore
from authfsm.checks.path import Path
from authfsm.checks.proofs import Factor
from authfsm.checks.sign_in_paths import walks
from authfsm.checks.table import TABLE, Table
from authfsm.protocol.states import State
from authfsm.settings import PoolSettings

if TYPE_CHECKING:
    from authfsm.diagrams import Diagram


@frozen
class Violation:
    """An invariant that is broken.

    Args:
        invariant: which.
        why: what is wrong.
        path: a shortest path that shows it.
    """

    invariant: Invariant
    why: str
    path: Path

    def __str__(self) -> str:
        return f"{self.invariant.name}: {self.why}\n    {self.path}"

    def diagram(self, **options: Any) -> Diagram:
        """The path on the protocol's picture.

        Args:
            options: of `authfsm.diagram`.
        """
        return self.path.diagram(**options)


def check(
    table: Table = TABLE,
    *,
    settings: PoolSettings | None = None,
    invariants: Iterable[Invariant] = INVARIANTS,
    every: bool = False,
) -> tuple[Violation, ...]:
    """Which invariants a protocol breaks.

    Args:
        table: the protocol; this package's, if left out.
        settings: a pool's: what they rule out is not gone along, and what is about tables alone not asked.
        invariants: what must be so; all that are built in, if left out.
        every: every fault there is, and not the one with the shortest path for each invariant.
    """
    found = explore(Model(table, settings))
    return tuple(
        Violation(each, why, path)
        for each in invariants
        if settings is None or not each.of_table
        for why, path in _first(each.faults(found), every=every)
    )


def factor_exceptions(
    table: Table = TABLE, *, settings: PoolSettings | None = None
) -> tuple[tuple[FactorException, Path], ...]:
    """What stands for a second factor where MFA is required, each with a shortest path that rests on it.

    Args:
        table: the protocol; this package's, if left out.
        settings: a pool's that requires MFA; of a pool that does not there are none.
    """
    settings = PoolSettings(mfa_configuration="ON") if settings is None else settings
    if settings.mfa_configuration != "ON":
        return ()
    # Along arrows that are sure, where there are some; along those in doubt, else.
    sure, every = (_exceptions(Model(table, settings, doubted=each)) for each in (False, True))
    nearest = {**every, **sure}
    return tuple((each, nearest[each]) for each in FOR_SECOND if each in nearest)


def _exceptions(model: Model) -> dict[FactorException, Path]:
    found = explore(model)
    nearest: dict[FactorException, Path] = {}
    for here, move in found.along():
        factors = move.to.proved.factors
        # What else was shown after a challenge that nobody knows shows no other exception.
        bare = Factor.SECOND not in factors and (
            Factor.UNHEARD_OF not in factors or len(factors) == 1
        )
        if move.to.state is State.AUTHENTICATED is not here.state and bare:
            reason = exception_for(FOR_SECOND, move.to.proved, move.arrow, model.settings)
            path = found.path(here).then(move)
            if reason is not None and len(path) < len(nearest.get(reason, (*path, move))):
                nearest[reason] = path
    return nearest


def _first(faults: Iterator[Fault], *, every: bool) -> Iterator[Fault]:
    in_order = sorted(faults, key=lambda fault: len(fault[1]))
    return islice(in_order, None if every else 1)


def path_invariant(
    name: str, statement: str, holds: Callable[[Path], bool], *, longest: int = 6, why: str = ""
) -> Invariant:
    """An invariant of your own: a predicate that is true of every path.

    It is asked of every path from START that comes to no position twice, the shortest first, and of each
    path's beginnings before it. There are many paths: those up to `longest` steps are looked at.

    Args:
        name: what it is called.
        statement: what must be so, in a sentence.
        holds: is it so of this path? It is asked after each step.
        longest: how many steps are looked at.
        why: what to say where it is not; the statement, if left out.
    """

    def faults(found: Exploration) -> Iterator[Fault]:
        broken = (path for path in walks(found, longest=longest) if not holds(path))
        first = next(broken, None)
        if first is not None:
            yield why or f"not so: {statement}", first

    return Invariant(name, statement, faults)
