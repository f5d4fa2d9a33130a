"""Locks that a forked process finds free: the thread that held one in the parent is not in the child."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import Any, Final
from weakref import WeakSet

_BEFORE_FORK: Final = 1.0  # seconds that a fork waits for all locks together
_locks: Final[WeakSet[ForkSafeLock]] = WeakSet()
_taken: Final[list[ForkSafeLock]] = []


class ForkSafeLock:
    """A re-entrant lock for `with`, which is free in every process that is forked.

    A fork waits a moment for the lock, so that the child does not begin with a half-done operation. If the
    operation takes longer (a trigger function may), the process is forked all the same.
    """

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def __deepcopy__(self, _: Any) -> ForkSafeLock:
        """A copy of what the lock is for has a lock of its own."""
        return ForkSafeLock()

    __copy__ = __reduce__ = __deepcopy__


def _before() -> None:
    left = _BEFORE_FORK
    for each in tuple(_locks):
        begun = os.times().elapsed
        if each._lock.acquire(timeout=max(left, 0.0)):  # noqa: SLF001 - the same module
            _taken.append(each)
        left -= os.times().elapsed - begun


def _in_parent() -> None:
    while _taken:
        with suppress(RuntimeError):
            _taken.pop()._lock.release()  # noqa: SLF001 - the same module


def _in_child() -> None:
    _taken.clear()
    for each in tuple(_locks):
        each._lock = threading.RLock()  # noqa: SLF001 - the same module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
