"""Stores in Redis, shared by any number of workers. Redis 6.2 or later, or Valkey: for SET with XX, GET and KEEPTTL.

A text is taken and its place marked by one command, so exactly one taker has it. Where a replica takes over
from a Redis that failed, something taken may be there again: Cognito's session is still good for one answer.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from authfsm.stores.store import TAKEN

if TYPE_CHECKING:
    import redis
    import redis.asyncio

_SWAPPED: dict[str, Any] = {"xx": True, "get": True, "keepttl": True}
# "XX: only set the key if it already exists. GET: return the old string stored at key. KEEPTTL: retain the
# time to live associated with the key." -- Redis, SET; GET since 6.2.


class _Named:
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def _at(self, name: str) -> str:
        return f"{self.prefix}{name}"


class RedisStore(_Named):
    """A `Store` in Redis.

    Args:
        client: any client of redis-py, a cluster's too, with `decode_responses` or without.
        prefix: what its keys begin with.
    """

    def __init__(self, client: redis.Redis, *, prefix: str = "authfsm:") -> None:
        super().__init__(prefix)
        self.client: Any = client

    def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""
        self.client.set(self._at(name), sealed, px=_milliseconds(seconds))

    def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""
        text = _text(self.client.set(self._at(name), TAKEN, **_SWAPPED))
        if text:
            with suppress(RedisError):  # the mark would stay for as long as the text would have
                self.client.pexpire(self._at(name), _milliseconds(seconds))
        return text

    def drop(self, name: str) -> None:
        """As `Store.drop`."""
        self.client.delete(self._at(name))


class AsyncRedisStore(_Named):
    """An `AsyncStore` in Redis.

    Args:
        client: any client of `redis.asyncio`, a cluster's too, with `decode_responses` or without.
        prefix: what its keys begin with.
    """

    def __init__(self, client: redis.asyncio.Redis, *, prefix: str = "authfsm:") -> None:
        super().__init__(prefix)
        self.client: Any = client

    async def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""
        await self.client.set(self._at(name), sealed, px=_milliseconds(seconds))

    async def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""
        text = _text(await self.client.set(self._at(name), TAKEN, **_SWAPPED))
        if text:
            with suppress(RedisError):
                await self.client.pexpire(self._at(name), _milliseconds(seconds))
        return text

    async def drop(self, name: str) -> None:
        """As `Store.drop`."""
        await self.client.delete(self._at(name))


def _milliseconds(seconds: float) -> int:
    # Rounded down: nothing is kept for longer than asked. 0 would be refused.
    return max(1, int(seconds * 1000))


def _text(reply: str | bytes | None) -> str | None:
    return reply.decode("ascii") if isinstance(reply, bytes) else reply
