"""Stores in Redis or Valkey, shared by any number of workers.

A text is taken, and its place marked, by one script that Redis runs as one step, so exactly one taker has
it. A take whose reply is lost has taken all the same: that person waits until the turn is up and starts
again. Where a replica takes over from a Redis that failed, something taken may be there again: Cognito's
session within is still good for one answer only.

Every call has `timeout` seconds in all, whatever timeouts and retries the client has: connecting, sending
and the whole reply. A Redis that is down, fails or hangs is a `StoreUnavailable`.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from authfsm.stores.store import SECONDS, bounded, bounded_async, checked_timeout

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
    def __init__(self, prefix: str, timeout: float) -> None:
        self.prefix = prefix
        self.timeout = checked_timeout(timeout)

    def _at(self, name: str) -> str:
        return f"{self.prefix}{name}"


class RedisStore(_Named):
    """A `Store` in Redis.

    Args:
        client: any client of redis-py, a cluster's too, with `decode_responses` or without.
        prefix: what its keys begin with.
        timeout: seconds that one call may take.
    """

    def __init__(
        self,
        client: redis.Redis | redis.RedisCluster,
        *,
        prefix: str = "authfsm:",
        timeout: float = SECONDS,
    ) -> None:
        super().__init__(prefix, timeout)
        self.client: Any = _with_timeout(client, timeout)

    def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""
        call = partial(self.client.set, self._at(name), sealed, px=_milliseconds(seconds))
        bounded(self.timeout, call)

    def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""
        reply = bounded(
            self.timeout, self.client.eval, _TAKE, 1, self._at(name), _milliseconds(seconds)
        )
        return _text(reply)

    def drop(self, name: str) -> None:
        """As `Store.drop`."""
        bounded(self.timeout, self.client.delete, self._at(name))


class AsyncRedisStore(_Named):
    """An `AsyncStore` in Redis.

    Args:
        client: any client of `redis.asyncio`, a cluster's too, with `decode_responses` or without.
        prefix: what its keys begin with.
        timeout: seconds that one call may take.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis | redis.asyncio.RedisCluster,
        *,
        prefix: str = "authfsm:",
        timeout: float = SECONDS,
    ) -> None:
        super().__init__(prefix, timeout)
        self.client: Any = client

    async def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""
        call = self.client.set(self._at(name), sealed, px=_milliseconds(seconds))
        await bounded_async(self.timeout, call)

    async def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""
        call = self.client.eval(_TAKE, 1, self._at(name), _milliseconds(seconds))
        return _text(await bounded_async(self.timeout, call))

    async def drop(self, name: str) -> None:
        """As `Store.drop`."""
        await bounded_async(self.timeout, self.client.delete(self._at(name)))


def _with_timeout(client: Any, seconds: float) -> Any:
    """Return a client whose sockets do not wait for ever: the same, if it has a timeout; else a copy.

    The copy has connections of its own: the application may wait for long on its own client, on purpose.
    Of a cluster's client the sockets stay as they are, and the calls are bounded all the same.
    """
    pool = getattr(client, "connection_pool", None)
    settings = getattr(pool, "connection_kwargs", None)
    if not isinstance(settings, dict) or settings.get("socket_timeout") is not None:
        return client
    own_pool: Any = copy.copy(pool)
    own_pool.connection_kwargs = {**settings, "socket_timeout": seconds}
    own_pool.reset()  # a lock and connections of its own
    own = copy.copy(client)
    own.connection_pool = own_pool
    own.connection = None  # of a client of one connection: that is the application's
    return own


def _milliseconds(seconds: float) -> int:
    # Rounded down: nothing is kept for longer than asked. 0 would be refused.
    return max(1, int(seconds * 1000))


def _text(reply: str | bytes | None) -> str | None:
    # Any byte can be read so: what is no sealed text does not open, and is dropped as such.
    return reply.decode("latin-1") if isinstance(reply, bytes) else reply
