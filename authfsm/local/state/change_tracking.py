"""Reports which records an operation touched, so that only these are written to the state file.

The pool's parts keep their records in plain dictionaries. An operation that changes a record has looked it
up first, so a lookup is reported as well. Iterating is not reported: it is for reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

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
