"""A store in this process's memory: for one worker, for tests. Bounded and expiring, with no thread of its own.

What has expired goes when the next text comes. When it is full, what would expire first makes room: that
person is told to start again.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable

from authfsm.base.concurrency import ForkSafeLock
from authfsm.stores.store import TAKEN


class MemoryStore:
    """A `Store` in memory, for any number of threads.

    Args:
        capacity: how many texts it keeps at most; one takes about 3 KB.
        clock: gives seconds that never go backwards.
    """

    def __init__(
        self, capacity: int = 100_000, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if capacity < 1:
            raise ValueError("a store keeps at least one text")
        self.capacity = capacity
        self._clock = clock
        self._lock = ForkSafeLock()
        self._kept: dict[str, tuple[str, float]] = {}
        # (when, name), the first to expire on top. Entries of names that have changed since stay until
        # they come up or are too many: nothing is searched for.
        self._expiries: list[tuple[float, str]] = []

    def __repr__(self) -> str:
        return f"<MemoryStore of {len(self)}>"

    def __len__(self) -> int:
        """How many texts wait, or are taken."""
        with self._lock:
            self._expire(self._clock())
            return len(self._kept)

    def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""
        with self._lock:
            now = self._clock()
            self._expire(now)
            while name not in self._kept and len(self._kept) >= self.capacity:
                self._expire(self._expiries[0][0])
            self._keep(name, sealed, now + seconds)

    def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""
        with self._lock:
            now = self._clock()
            text, expires = self._kept.get(name, (TAKEN, now))
            if now >= expires:
                return None
            if text != TAKEN:
                self._keep(name, TAKEN, now + seconds)
            return text

    def drop(self, name: str) -> None:
        """As `Store.drop`."""
        with self._lock:
            self._kept.pop(name, None)

    # ---- inside --------------------------------------------------------------------------------------

    def _keep(self, name: str, text: str, expires: float) -> None:
        self._kept[name] = text, expires
        heapq.heappush(self._expiries, (expires, name))
        if len(self._expiries) > 2 * len(self._kept) + 100:
            self._expiries = [(when, each) for each, (_, when) in self._kept.items()]
            heapq.heapify(self._expiries)

    def _expire(self, now: float) -> None:
        """Let go of what expires up to now; entries that are out of date go with it."""
        while self._expiries and self._expiries[0][0] <= now:
            when, name = heapq.heappop(self._expiries)
            if self._kept.get(name, ("", None))[1] == when:
                del self._kept[name]


class AsyncMemoryStore:
    """An `AsyncStore` in memory.

    Args:
        store: the store behind it, if others use it too; one of its own, if left out.
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
