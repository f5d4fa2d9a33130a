"""Dictionaries of records that report changes; and groups, identity providers, resource servers, domains.

Only the records that an operation touched are written to the state file. An operation that changes a record has
looked it up first, so a lookup is reported as well. Iterating is not reported: it is for reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, NoReturn, TypeVar

from attrs import define

from authfsm.local.state.users import User

V = TypeVar("V")

RecordListener = Callable[[Any], None]
"""Is called with each record that was touched."""


class ChangeTrackingDict(dict[str, V]):
    """A dictionary that reports each value that is looked up, set or removed; not its initial values."""

    __slots__ = ("_listener",)

    def __init__(self, listener: RecordListener, records: Mapping[str, V]) -> None:
        super().__init__(records)
        self._listener = listener

    def __getitem__(self, key: str) -> V:
        value = super().__getitem__(key)
        self._listener(value)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, and report it."""
        if key not in self:
            return default
        return self[key]

    def __setitem__(self, key: str, value: V) -> None:
        super().__setitem__(key, value)
        self._listener(value)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, which is set if absent, and report it."""
        if key not in self:
            self[key] = default
        return self[key]

    def __delitem__(self, key: str) -> None:
        self._listener(super().pop(key))

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a value, and report it."""
        value = super().pop(key, *default)
        self._listener(value)
        return value

    def _unsupported(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("change records one at a time: a change of several would not be reported")

    update = clear = popitem = __ior__ = _unsupported


class TrackedDicts:
    """A part of the pool that keeps its records in the dictionaries that `_dicts` names."""

    _dicts: ClassVar[tuple[str, ...]] = ()

    def watch(self, listener: RecordListener) -> None:
        """Report each record that is found, added or removed from now on."""
        for name in self._dicts:
            setattr(self, name, ChangeTrackingDict(listener, getattr(self, name)))

    def clear_all(self) -> None:
        """Remove all records without a report, before they are restored."""
        for name in self._dicts:
            dict.clear(getattr(self, name))


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


class Records(TrackedDicts):
    """The records of a pool, found by kind and name."""

    _dicts = ("_by_key",)

    def __init__(self) -> None:
        self._by_key: dict[str, Record] = {}

    def restore(self, record: Record) -> None:
        """Put a record in; the oldest first."""
        self._by_key[record.key] = record

    def find(self, kind: str, name: str) -> Record | None:
        """Return a record; None if there is none."""
        return self._by_key.get(f"{kind}/{name}")

    def __contains__(self, record: Record) -> bool:
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
