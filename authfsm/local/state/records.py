"""What a pool has beside users and app clients: groups, identity providers, resource servers, domains."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import define

from authfsm.local.state.change_tracking import ChangeTrackingDict, RecordListener
from authfsm.local.state.users import User

GROUP = "group"
"""The kind of the records of groups."""


@define(eq=False)
class Record:
    """A record: its name among those of its kind, and its members as the API spells them."""

    kind: str
    name: str
    members: Mapping[str, Any]
    created: datetime
    modified: datetime

    @property
    def key(self) -> str:
        """Its name among all records of the pool."""
        return f"{self.kind}/{self.name}"


class Records:
    """The records of a pool, found by kind and name."""

    def __init__(self) -> None:
        self._by_key: dict[str, Record] = {}

    def watch(self, listener: RecordListener) -> None:
        """Report each record that is found, added or removed from now on."""
        self._by_key = ChangeTrackingDict(listener, self._by_key)

    def clear_all(self) -> None:
        """Remove all without a report."""
        dict.clear(self._by_key)

    def restore(self, record: Record) -> None:
        """Put a record in; the oldest first."""
        self._by_key[record.key] = record

    def find(self, kind: str, name: str) -> Record | None:
        """Return a record; None if there is none."""
        return self._by_key.get(f"{kind}/{name}")

    def has(self, record: Record) -> bool:
        """Return whether the pool still has this record, without a report."""
        return dict.get(self._by_key, record.key) is record

    def of_kind(self, kind: str) -> dict[str, Record]:
        """Return the records of a kind by name, the oldest first."""
        return {each.name: each for each in self._by_key.values() if each.kind == kind}

    def remove(self, record: Record) -> None:
        """Remove a record."""
        del self._by_key[record.key]

    def groups_of(self, user: User) -> list[Record]:
        """Return the groups of a user, as the user joined them."""
        found = (dict.get(self._by_key, f"{GROUP}/{name}") for name in user.groups)
        return [each for each in found if each is not None]
