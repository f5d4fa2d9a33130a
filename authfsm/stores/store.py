"""The interface of a store (put with a lifetime, take once, drop), and a store in memory.

A store keeps sealed strings (`authfsm.core.sealing`), each under the hash of a ticket, so whoever reads the store
learns no sign-in and no valid ticket. A store that fails, or does not answer in time, raises
`StoreUnavailable`; stores over a network use `bounded` and `bounded_async` for this.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

from authfsm.base.concurrency import ForkSafeLock, OutOfTime, call_within
from authfsm.protocol.errors import CallerError, FlowInProgress, NotStored, StoreUnavailable

T = TypeVar("T")

PAUSE: Final = 0.05
"""Seconds between two attempts to get a turn, and before the second attempt to put a flow back."""

DEFAULT_TIMEOUT: Final = 5.0
"""Seconds that one call of a store may take, by default."""

TAKEN: Final = ""
"""The result of `take` if another caller has taken the entry. No seal is equal to it, since a seal is never empty."""


class Store(Protocol):
    """Stores sealed strings, and gives each to one caller; safe to use from several threads."""

    def put(self, name: str, sealed: str, seconds: float) -> None:
        """Store a seal under a name for some seconds (more than 0), in place of an earlier seal of this name."""

    def take(self, name: str, seconds: float) -> str | None:
        """Return the seal of a name to exactly one of all concurrent callers; None if there is nothing under the name.

        All other callers then get `TAKEN`, until this caller puts or drops the name. If it does not do so within
        `seconds`, there is nothing under the name afterwards.
        """

    def drop(self, name: str) -> None:
        """Delete the entry of this name, if there is one."""


class AsyncStore(Protocol):
    """A `Store` whose methods are coroutines."""

    async def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""

    async def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""

    async def drop(self, name: str) -> None:
        """As `Store.drop`."""


class WrongStore(CallerError, TypeError):
    """The store's methods are coroutine functions although they must not be, or the reverse."""

    def __init__(self, store: type, *, awaited: bool) -> None:
        todo = "use AsyncPendingSignIns or AsyncSharedTokens, with an AsyncCognito"
        if not awaited:
            todo = "use an AsyncStore (AsyncMemoryStore, AsyncRedisStore), or the class whose name has no Async"
        not_ = "" if awaited else "not "
        super().__init__(f"the methods of {store.__name__} are {not_}coroutine functions: {todo}")


def pause_after(error: Exception, flow: FlowInProgress, begun: float) -> float:
    """Return the seconds until the next attempt to put a flow back; raise NotStored if a second has passed by then.

    The limit is short because a store may carry out an attempt late, and so replace newer tokens of another worker.
    """
    pause = PAUSE + (elapsed := time.monotonic() - begun)
    if elapsed + pause < 1:
        return pause
    failure = NotStored(error.why if isinstance(error, StoreUnavailable) else type(error).__name__)
    failure.flow = flow
    raise failure from error


class MemoryStore:
    """A `Store` in this process's memory, for one worker or for tests. Its size is bounded, and it starts no thread.

    Expired entries are deleted at the next `put`. If the store is full, the entry that would expire
    first is deleted, and that user starts again.

    Args:
        capacity: the greatest number of entries; a sign-in needs about 2 kB, tokens 4 kB or more.
        clock: returns seconds that never go backwards.
    """

    def __init__(self, capacity: int = 100_000, *, clock: Callable[[], float] = time.monotonic) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity}")
        self.capacity = capacity
        self._clock = clock
        self._lock = ForkSafeLock()
        self._texts: dict[str, tuple[str, float]] = {}
        # A heap of (expiry, name). If an entry is replaced or dropped, its pair stays until it expires, or until there
        # are too many pairs.
        self._expiries: list[tuple[float, str]] = []

    def __repr__(self) -> str:
        return f"<MemoryStore of {len(self) if hasattr(self, '_expiries') else 0}>"

    def __len__(self) -> int:
        """The number of entries, including those that are taken."""
        with self._lock:
            self._expire(self._clock())
            return len(self._texts)

    def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""
        with self._lock:
            now = self._clock()
            self._expire(now)
            while name not in self._texts and len(self._texts) >= self.capacity:
                self._expire(self._expiries[0][0])
            self._keep(name, sealed, now + seconds)

    def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""
        with self._lock:
            now = self._clock()
            text, expires = self._texts.get(name, (TAKEN, now))
            if now >= expires:
                return None
            if text != TAKEN:
                self._keep(name, TAKEN, now + seconds)
            return text

    def drop(self, name: str) -> None:
        """As `Store.drop`."""
        with self._lock:
            self._texts.pop(name, None)

    def _keep(self, name: str, text: str, expires: float) -> None:
        self._texts[name] = text, expires
        heapq.heappush(self._expiries, (expires, name))
        if len(self._expiries) > 2 * len(self._texts) + 100:
            self._expiries = [(when, each) for each, (_, when) in self._texts.items()]
            heapq.heapify(self._expiries)

    def _expire(self, now: float) -> None:
        while self._expiries and self._expiries[0][0] <= now:
            when, name = heapq.heappop(self._expiries)
            if self._texts.get(name, ("", None))[1] == when:
                del self._texts[name]


class AsyncMemoryStore:
    """An `AsyncStore` in memory.

    Args:
        store: the `MemoryStore` to use, for example one that synchronous code uses too; by default a new one.
    """

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = MemoryStore() if store is None else store

    async def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""
        self.store.put(name, sealed, seconds)

    async def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""
        return self.store.take(name, seconds)

    async def drop(self, name: str) -> None:
        """As `Store.drop`."""
        self.store.drop(name)


def bounded(seconds: float, call: Callable[..., T], *args: Any) -> T:
    """Return the result of a call; raise StoreUnavailable if it fails, or needs more than `seconds`."""
    try:
        return call_within(seconds, call, *args)
    except Exception as error:  # noqa: BLE001 - each client library has its own errors
        why = _why(error, seconds)
    # Raised outside the handler, so that the client's frames, which may hold its password, are freed.
    raise StoreUnavailable(why)


async def bounded_async(seconds: float, work: Awaitable[T]) -> T:
    """As `bounded`, for an awaitable."""
    try:
        return await asyncio.wait_for(work, seconds)
    except Exception as error:  # noqa: BLE001 - each client library has its own errors
        why = _why(error, seconds)
    raise StoreUnavailable(why)


def _why(error: Exception, seconds: float) -> str:
    name = type(error).__name__
    if isinstance(error, (OutOfTime, asyncio.TimeoutError)):
        return f"no answer within {seconds:g} s"
    # Other errors may quote the command, and with it the stored value.
    harmless = isinstance(error, OSError) or name.endswith(("ConnectionError", "TimeoutError"))
    return f"{name}: {error}" if harmless else name
