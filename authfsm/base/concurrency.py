"""Calls that end in time, and locks that a fork cannot leave locked.

Nothing here knows of Cognito. `call_within` bounds a blocking call as a whole: the timeouts of sockets
bound one `recv`, so a peer that sends a byte every half second is never late. `ForkSafeLock` and
`after_fork_in_child` keep a worker that is forked at an unlucky moment from waiting for a thread that
exists in its parent only.
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

_FORK_PATIENCE: Final = 1.0
"""Seconds that a fork waits for all locks together before it goes on without those it has not got."""


class OutOfTime(TimeoutError):
    """A call did not end within its time.

    Args:
        seconds: how long it was allowed to take.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no complete answer within {seconds:g} s")
        self.seconds = seconds


def call_within(
    seconds: float, work: Callable[..., T], *args: Any, give_up: Callable[[], object] | None = None
) -> T:
    """Call a function that blocks, and return or raise what it does, within a time.

    The call runs in a daemon thread, in a copy of the caller's context. When its time is up the caller
    goes on; the thread is left to end by itself, and does not keep the process alive.

    Args:
        seconds: how long the call may take.
        work: the function.
        args: its arguments.
        give_up: is called when the time is up, to end what the thread waits for (to shut its socket
            down, say).

    Raises:
        OutOfTime: it did not end in time.
    """
    done = threading.Event()
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work(*args))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            failure.append(error)
        finally:
            done.set()

    threading.Thread(
        target=copy_context().run, args=(run,), name="authfsm call", daemon=True
    ).start()
    if not done.wait(seconds):
        if give_up is not None:
            give_up()
        raise OutOfTime(seconds)
    try:
        if failure:
            raise failure[0]
        return outcome[0]
    finally:
        failure.clear()  # an error whose frames refer to it would keep itself, and its frames, alive


class ForkSafeLock:
    """A reentrant lock that a fork waits for, so that the child has what it guards whole, and unlocked.

    A thread that holds it for longer than a second does not hold the fork up: the child then begins with
    a new lock, and with what was half done.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        with _registry:
            _LOCKS.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def __deepcopy__(self, _: Any) -> ForkSafeLock:
        """A copy of what the lock guards has a lock of its own."""
        return ForkSafeLock()


class ForksInChild(Protocol):
    """Something with state that a forked child must not inherit."""

    def reset_after_fork(self) -> None:
        """Drop what only the parent's threads could have finished. The child has one thread now."""


def after_fork_in_child(owner: ForksInChild) -> None:
    """Have `owner.reset_after_fork()` called in every child that is forked while it exists.

    Args:
        owner: it is referred to weakly.
    """
    with _registry:
        _OWNERS.add(owner)


_LOCKS: Final[WeakSet[ForkSafeLock]] = WeakSet()
_OWNERS: Final[WeakSet[Any]] = WeakSet()
_registry: Final = threading.RLock()
_held: list[ForkSafeLock] = []
_missed: list[ForkSafeLock] = []


def _before_fork() -> None:
    _registry.acquire()  # until the fork is done: the two lists are this thread's
    until = time.monotonic() + _FORK_PATIENCE
    for each in list(_LOCKS):
        got = each._lock.acquire(timeout=max(0.0, until - time.monotonic()))  # noqa: SLF001 - of this module
        (_held if got else _missed).append(each)


def _after_fork_in_parent() -> None:
    _release()


def _after_fork_in_child() -> None:
    for each in _missed:
        each._lock = threading.RLock()  # noqa: SLF001 - of this module
    owners = list(_OWNERS)
    _release()
    for owner in owners:
        with suppress(Exception):  # one that fails must not keep the others from their turn
            owner.reset_after_fork()


def _release() -> None:
    for each in _held:
        each._lock.release()  # noqa: SLF001 - of this module
    _held.clear()
    _missed.clear()
    _registry.release()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
