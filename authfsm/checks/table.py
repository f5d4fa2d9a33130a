"""The table as a value: what is checked is handed in, ours or one of your own.

A `Table` holds all that the checks read of a protocol: its arrows, what a response needs and proves, what
ends a loop, and what is done about each error. Nothing here looks at `authfsm.protocol.table` but to make `TABLE`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from attrs import evolve, field, frozen

from authfsm.checks.bounds import BOUNDS, Bound
from authfsm.checks.proofs import PROOFS, Factor
from authfsm.protocol.error_policy import ERROR_POLICY, LISTED_OPERATIONS, ErrorRule
from authfsm.protocol.evidence import Confidence, confidence
from authfsm.protocol.nodes import EdgeRoles, target_roles
from authfsm.protocol.responses import Response
from authfsm.protocol.states import CHALLENGES, State
from authfsm.protocol.table import (
    PREREQUISITES,
    PROTOCOL,
    Destination,
    Prerequisite,
    Role,
    Transition,
    row_transitions,
)
from authfsm.protocol.validators import frozen_mapping

Trigger = type[Response]
Rows = Mapping[State, Mapping[Trigger, frozenset[Destination]]]


def _deep(rows: Rows) -> Rows:
    return MappingProxyType({each: MappingProxyType(dict(row)) for each, row in rows.items()})


@frozen(eq=False)
class Table:
    """A protocol, as much of it as can be checked.

    Args:
        rows: where we are: what is given: where the reply may lead, as in `PROTOCOL`. FAILED need not be named.
        needs: the responses that a state takes only after something else.
        proofs: what a response proves, once it has led on.
        actions: what is done about each error: by its code, and by a part of its message.
        errors: the operations that may give each error.
        bounds: what ends a loop.
        doubted: the arrows that are there only because sources contradict each other, or as tolerance: refuted.
    """

    rows: Rows = field(converter=_deep)
    needs: Mapping[tuple[State, Trigger], Prerequisite] = field(converter=frozen_mapping)
    proofs: Mapping[tuple[State, Trigger], Factor] = field(converter=frozen_mapping)
    actions: Mapping[str, Mapping[str, ErrorRule]] = field(converter=frozen_mapping)
    errors: Mapping[str, frozenset[str]] = field(converter=frozen_mapping)
    bounds: tuple[Bound, ...] = ()
    doubted: frozenset[Transition] = frozenset()

    @property
    def states(self) -> tuple[State, ...]:
        """Every state that the table speaks of, in the order of a sign-in."""
        named = {dest for row in self.rows.values() for dests in row.values() for dest in dests}
        return tuple(state for state in State if state in named or state in self.rows)

    def arrows(self, source: State) -> Iterator[Transition]:
        """The arrows that leave a state, or stay in it; that to FAILED wherever an attempt may fail."""
        for response, dests in self.rows.get(source, {}).items():
            yield from row_transitions(source, response, dests)

    def ends(self, arrow: Transition, source: Role | None) -> Iterator[EdgeRoles]:
        """The roles of an arrow's ends, its source standing in this role."""
        dests = self.rows[arrow.source][arrow.response]
        yield from (EdgeRoles(source, role) for role in target_roles(arrow, source, dests))

    # ---- a table a little different ---------------------------------------------------------------------

    def with_arrow(self, source: State, response: Trigger, *dests: Destination) -> Table:
        """The same table, with these destinations too; a state to itself is a new challenge."""
        row = dict(self.rows.get(source, {}))
        row[response] = row.get(response, frozenset()) | frozenset(dests)
        return evolve(self, rows={**self.rows, source: row})

    def without_arrow(self, source: State, response: Trigger, *dests: Destination) -> Table:
        """The same table, without these destinations; without the response, if it leads nowhere then."""
        row = dict(self.rows[source])
        row[response] -= frozenset(dests)
        row = {each: led for each, led in row.items() if led}
        return evolve(self, rows={**self.rows, source: row})

    def without_response(self, source: State, response: Trigger) -> Table:
        """The same table, in which a state does not take a response."""
        row = {each: led for each, led in self.rows[source].items() if each is not response}
        return evolve(self, rows={**self.rows, source: row})

    def without_need(self, source: State, response: Trigger) -> Table:
        """The same table, in which a response needs nothing."""
        kept = {each: need for each, need in self.needs.items() if each != (source, response)}
        return evolve(self, needs=kept)

    def without_ruling(self, code: str, part: str = "") -> Table:
        """The same table, in which nothing is said about an error, or one of its messages."""
        rows = {each: row for each, row in self.actions.get(code, {}).items() if each != part}
        kept = {each: rest for each, rest in self.actions.items() if each != code}
        return evolve(self, actions={**kept, code: rows} if rows else kept)

    def with_ruling(self, code: str, part: str, row: ErrorRule) -> Table:
        """The same table, in which something else is said about an error."""
        return evolve(
            self, actions={**self.actions, code: {**self.actions.get(code, {}), part: row}}
        )


def _doubted() -> Iterator[Transition]:
    """Yield what is contradicted or refuted, and OTHER_CHALLENGE where every known challenge is."""
    for source, row in PROTOCOL.items():
        for response, dests in row.items():
            known = {
                arrow: confidence(arrow) in {Confidence.CONTRADICTORY, Confidence.REFUTED}
                for arrow in row_transitions(source, response, dests)
                if arrow.dest in CHALLENGES
            }
            yield from (arrow for arrow in known if known[arrow])
            if known and all(known.values()) and State.OTHER_CHALLENGE in dests:
                yield Transition(source, response, State.OTHER_CHALLENGE)


TABLE: Final = Table(
    rows=PROTOCOL,
    needs=PREREQUISITES,
    proofs=PROOFS,
    actions=ERROR_POLICY,
    errors=LISTED_OPERATIONS,
    bounds=BOUNDS,
    doubted=frozenset(_doubted()),
)
"""The protocol of this package, as a value."""
