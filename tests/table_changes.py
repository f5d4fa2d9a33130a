"""Tables of the protocol with one change, for tests of the findings of the checks."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from authfsm.checks import Table
from authfsm.protocol.error_policy import ErrorRule
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import Destination

Row = Mapping[type[Response], frozenset[Destination]]


def _with_row(table: Table, source: State, row: Row) -> Table:
    return evolve(table, rows={**table.rows, source: row})


def with_transition(table: Table, source: State, response: type[Response], *dests: Destination) -> Table:
    """Return the table with more destinations; the state itself stands for a new challenge."""
    row = table.rows.get(source, {})
    return _with_row(table, source, {**row, response: row.get(response, frozenset()) | frozenset(dests)})


def without_transition(table: Table, source: State, response: type[Response], *dests: Destination) -> Table:
    """Return the table without these destinations; a response without any is removed."""
    row = {**table.rows[source], response: table.rows[source][response] - frozenset(dests)}
    return _with_row(table, source, {each: left for each, left in row.items() if left})


def without_response(table: Table, source: State, response: type[Response]) -> Table:
    """Return the table in which a state does not accept a response."""
    row = table.rows[source].items()
    return _with_row(table, source, {each: left for each, left in row if each is not response})


def without_need(table: Table, source: State, response: type[Response]) -> Table:
    """Return the table in which a response has no prerequisite."""
    return evolve(table, needs={k: need for k, need in table.needs.items() if k != (source, response)})


def without_action(table: Table, code: str, part: str = "") -> Table:
    """Return the table without the action for an error, or for one of its messages."""
    rows = {each: row for each, row in table.actions.get(code, {}).items() if each != part}
    others = {each: row for each, row in table.actions.items() if each != code}
    return evolve(table, actions={**others, code: rows} if rows else others)


def with_action(table: Table, code: str, part: str, row: ErrorRule) -> Table:
    """Return the table with another action for an error."""
    rows = {**table.actions.get(code, {}), part: row}
    return evolve(table, actions={**table.actions, code: rows})
