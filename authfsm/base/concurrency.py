"""Blocking calls with a time limit, and locks that survive a fork.

`call_within` limits a blocking call as a whole. A socket's timeout limits one `recv` only, so a peer that sends one
byte every half second never exceeds it. `ForkSafeLock` and `after_fork_in_child` keep a forked child from waiting for
a thread that exists only in its parent.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar
from weakref import WeakSet

T = TypeVar("T")

_FORK_TIMEOUT: Final = 1.0
"""Seconds that a fork waits for all locks together; it then continues without those that are still held."""


class OutOfTime(TimeoutError):
    """A call did not finish within its time limit."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no complete answer within {seconds:g} s")
        self.seconds = seconds


def call_within(seconds: float, work: Callable[..., T], *args: Any, give_up: Callable[[], object] | None = None) -> T:
    """Call a blocking function with a time limit; return its result, or raise its exception, or OutOfTime.

    The function runs in a daemon thread, in a copy of the caller's context. When the time is up, `give_up` is
    called, and OutOfTime is raised. `give_up` can end what the thread waits for, for example by closing its socket. The
    thread ends by itself later and does not keep the process alive.
    """
    done = threading.Event()
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work(*args))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failure.append(error)
        finally:
            done.set()

    threading.Thread(target=copy_context().run, args=(run,), name="authfsm call", daemon=True).start()
    if not done.wait(seconds):
        if give_up is not None:
            give_up()
        raise OutOfTime(seconds)
    try:
        if failure:
            raise failure[0]
        return outcome[0]
    finally:
        failure.clear()  # breaks the reference cycle of the error and its frames


class ForkSafeLock:
    """A reentrant lock that a fork waits for, so that the child gets the guarded data complete and unlocked.

    A fork waits a second for all these locks together. If a lock is still held then, the child gets a new lock in its
    place, and the data that the lock guards may be half changed.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        with _registry:
            _LOCKS.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def __deepcopy__(self, _: Any) -> ForkSafeLock:
        return ForkSafeLock()


class ResetsAfterFork(Protocol):
    """An object with state that a forked child must not inherit."""

    def reset_after_fork(self) -> None:
        """Drop work that only threads of the parent could have finished; the child has a single thread."""


def after_fork_in_child(owner: ResetsAfterFork) -> None:
    """Call `owner.reset_after_fork()` in every forked child, while `owner` exists (a weak reference)."""
    with _registry:
        _OWNERS.add(owner)


_LOCKS: Final[WeakSet[ForkSafeLock]] = WeakSet()
_OWNERS: Final[WeakSet[Any]] = WeakSet()
_registry: Final = threading.RLock()
_held: list[ForkSafeLock] = []
_missed: list[ForkSafeLock] = []


def _before_fork() -> None:
    _registry.acquire()  # held until the fork is done, because only this thread may use the two lists
    until = time.monotonic() + _FORK_TIMEOUT
    for each in list(_LOCKS):
        got = each._lock.acquire(timeout=max(0.0, until - time.monotonic()))  # noqa: SLF001 - same module
        (_held if got else _missed).append(each)


def _after_fork_in_child() -> None:
    for each in _missed:
        each._lock = threading.RLock()  # noqa: SLF001 - same module
    owners = list(_OWNERS)
    _release()
    for owner in owners:
        with suppress(Exception):  # a failing owner must not prevent the reset of the others
            owner.reset_after_fork()


def _release() -> None:
    for each in _held:
        each._lock.release()  # noqa: SLF001 - same module
    _held.clear()
    _missed.clear()
    _registry.release()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(before=_before_fork, after_in_parent=_release, after_in_child=_after_fork_in_child)
