"""Telling which records an operation touched: whoever changes a record has looked it up first.

The pool's parts keep their records in plain dictionaries. Watched, they tell of each record that is looked
up, put in or taken out, so that a keeper need look at these alone and not at the whole pool. Going through
all of them tells nothing: it is for reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

V = TypeVar("V")

RecordListener = Callable[[Any], None]
"""Is told of each record that was touched."""


class ChangeTrackingDict(dict[str, V]):
    """A dictionary that tells of each value that is looked up, put in or taken out.

    Args:
        seen: is told.
        records: what it begins with; of these nothing is told.
    """

    __slots__ = ("_seen",)

    def __init__(self, seen: RecordListener, records: Mapping[str, V]) -> None:
        super().__init__(records)
        self._seen = seen

    def __getitem__(self, key: str) -> V:
        value = super().__getitem__(key)
        self._seen(value)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, and it is told."""
        if key not in self:
            return default
        return self[key]

    def __setitem__(self, key: str, value: V) -> None:
        super().__setitem__(key, value)
        self._seen(value)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, put in if there is none; it is told."""
        if key not in self:
            self[key] = default
        return self[key]

    def __delitem__(self, key: str) -> None:
        self._seen(super().pop(key))

    def pop(self, key: str, *default: Any) -> Any:
        """Take a value out; it is told."""
        value = super().pop(key, *default)
        self._seen(value)
        return value

    def _closed(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("one record at a time: the others would go untold")

    update = clear = popitem = __ior__ = _closed
