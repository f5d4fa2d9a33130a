"""Stores in Redis or Valkey, shared by any number of workers.

A text is taken, and its place marked, by one script that Redis runs as one step, so exactly one taker has
it. A take whose reply is lost has taken all the same: that person waits until the turn is up and starts
again. Where a replica takes over from a Redis that failed, something taken may be there again: Cognito's
session within is still good for one answer only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import redis
    import redis.asyncio

# GETDEL would take as surely, and leave no trace for those who come during the turn. What is taken already
# is left as it is: whoever asks again and again must not keep a dead worker's mark alive.
# "" is `authfsm.stores.store.TAKEN`.
_TAKE: Final = """
local text = redis.call("GET", KEYS[1])
if text and text ~= "" then
    redis.call("SET", KEYS[1], "", "PX", ARGV[1])
end
return text
"""


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

    def __init__(
        self, client: redis.Redis | redis.RedisCluster, *, prefix: str = "authfsm:"
    ) -> None:
        super().__init__(prefix)
        self.client: Any = client

    def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""
        self.client.set(self._at(name), sealed, px=_milliseconds(seconds))

    def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""
        return _text(self.client.eval(_TAKE, 1, self._at(name), _milliseconds(seconds)))

    def drop(self, name: str) -> None:
        """As `Store.drop`."""
        self.client.delete(self._at(name))


class AsyncRedisStore(_Named):
    """An `AsyncStore` in Redis.

    Args:
        client: any client of `redis.asyncio`, a cluster's too, with `decode_responses` or without.
        prefix: what its keys begin with.
    """

    def __init__(
        self, client: redis.asyncio.Redis | redis.asyncio.RedisCluster, *, prefix: str = "authfsm:"
    ) -> None:
        super().__init__(prefix)
        self.client: Any = client

    async def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""
        await self.client.set(self._at(name), sealed, px=_milliseconds(seconds))

    async def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""
        return _text(await self.client.eval(_TAKE, 1, self._at(name), _milliseconds(seconds)))

    async def drop(self, name: str) -> None:
        """As `Store.drop`."""
        await self.client.delete(self._at(name))


def _milliseconds(seconds: float) -> int:
    # Rounded down: nothing is kept for longer than asked. 0 would be refused.
    return max(1, int(seconds * 1000))


def _text(reply: str | bytes | None) -> str | None:
    return reply.decode("ascii") if isinstance(reply, bytes) else reply
