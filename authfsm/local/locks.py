"""Locks that a forked process finds free: the thread that held one in the parent is not in the child."""

from __future__ import annotations

import os
import threading
from typing import Any, Final
from weakref import WeakSet

_PATIENCE: Final = 1.0  # seconds that a fork waits for a lock that is in use
_locks: Final[WeakSet[ForkSafeLock]] = WeakSet()
_forking: Final = threading.local()


class ForkSafeLock:
    """A re-entrant lock for `with`, which no other thread holds in a process that was forked.

    A fork waits a moment for the lock, so that the child does not begin within a half-done operation. If the
    operation takes longer (a trigger function may), the process is forked all the same.
    """

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


def _before() -> None:
    _forking.taken = [each for each in tuple(_locks) if each._lock.acquire(timeout=_PATIENCE)]  # noqa: SLF001 - the same module


def _in_parent() -> None:
    for each in _forking.taken:
        each._lock.release()  # noqa: SLF001 - the same module


def _in_child() -> None:
    for each in tuple(_locks):
        if each in _forking.taken:  # also what this very thread was within when it forked
            each._lock.release()  # noqa: SLF001 - the same module
        else:
            each._lock = threading.RLock()  # noqa: SLF001 - the same module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
