"""Stores in Redis or Valkey, shared by any number of workers.

A Lua script, which Redis runs atomically, returns an entry and marks it as taken, so exactly one caller gets
it. If the reply is lost, the entry stays taken, so that user must wait until the turn has timed out, and start
again. If a replica replaces a failed server, an entry that was taken may reappear; Cognito still accepts
only one answer for the session in it.

Every call has `timeout` seconds in total for connecting, sending and the whole reply, whatever timeouts and
retries the client has. If Redis is down, fails or hangs, the call raises `StoreUnavailable`.
"""

from __future__ import annotations

import copy
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from authfsm.base.clock import positive
from authfsm.stores.store import DEFAULT_TIMEOUT, bounded, bounded_async

if TYPE_CHECKING:
    import redis
    import redis.asyncio

__all__ = ["AsyncRedisStore", "RedisStore"]

_TAKE: Final = files(__package__).joinpath("redis_take.lua").read_text("utf-8")


class RedisStore:
    """A `Store` in Redis.

    Args:
        client: a synchronous client of redis-py for one server or a cluster, with or without `decode_responses`.
        prefix: the prefix of the keys in Redis.
        timeout: seconds that one call may take.
    """

    def __init__(
        self, client: redis.Redis | redis.RedisCluster, *, prefix: str = "authfsm:", timeout: float = DEFAULT_TIMEOUT
    ) -> None:
        self.prefix = prefix
        self.timeout = positive("timeout", timeout)
        self.client: Any = _with_timeout(_checked(client, awaited=False), timeout)

    def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""
        call = partial(self.client.set, self.prefix + name, sealed, px=_milliseconds(seconds))
        bounded(self.timeout, call)

    def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""
        args = _TAKE, 1, self.prefix + name, _milliseconds(seconds)
        return _text(bounded(self.timeout, self.client.eval, *args))

    def drop(self, name: str) -> None:
        """As `Store.drop`."""
        bounded(self.timeout, self.client.delete, self.prefix + name)


class AsyncRedisStore:
    """An `AsyncStore` in Redis: as `RedisStore`, with any client of `redis.asyncio`."""

    def __init__(
        self,
        client: redis.asyncio.Redis | redis.asyncio.RedisCluster,
        *,
        prefix: str = "authfsm:",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self.prefix = prefix
        self.timeout = positive("timeout", timeout)
        self.client: Any = _checked(client, awaited=True)

    async def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""
        call = self.client.set(self.prefix + name, sealed, px=_milliseconds(seconds))
        await bounded_async(self.timeout, call)

    async def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""
        call = self.client.eval(_TAKE, 1, self.prefix + name, _milliseconds(seconds))
        return _text(await bounded_async(self.timeout, call))

    async def drop(self, name: str) -> None:
        """As `Store.drop`."""
        await bounded_async(self.timeout, self.client.delete(self.prefix + name))


def _checked(client: Any, *, awaited: bool) -> Any:
    modules = (kind.__module__ for kind in type(client).__mro__)
    own = next((each for each in modules if each.startswith("redis.")), None)  # None for a wrapper
    has_methods = all(callable(getattr(client, each, None)) for each in ("set", "eval", "delete"))
    if not has_methods or (own is not None and own.startswith("redis.asyncio") is not awaited):
        raise TypeError(f"RedisStore needs a client of redis, AsyncRedisStore one of redis.asyncio, not {type(client)}")
    return client


def _with_timeout(client: Any, seconds: float) -> Any:
    """Return the client if its sockets have a timeout, else a copy of it whose sockets have one.

    The copy has its own connections, because the application may use long waits on its client on purpose. The
    client of a cluster is returned unchanged; `bounded` limits its calls too.
    """
    pool = getattr(client, "connection_pool", None)
    settings = getattr(pool, "connection_kwargs", None)
    if not isinstance(settings, dict) or settings.get("socket_timeout") is not None:
        return client
    own_pool: Any = copy.copy(pool)
    own_pool.connection_kwargs = {**settings, "socket_timeout": seconds}
    own_pool.reset()  # gives the copy its own lock and connections
    own = copy.copy(client)
    own.connection_pool = own_pool
    own.connection = None  # if the original has a single connection, the copy does not use it
    return own


def _milliseconds(seconds: float) -> int:
    # Rounded down, so that nothing is stored for longer than `seconds`. Redis refuses 0.
    return max(1, int(seconds * 1000))


def _text(reply: str | bytes | None) -> str | None:
    # Latin-1 decodes every byte. A value that is not a seal raises SealError later, and is dropped then.
    return reply.decode("latin-1") if isinstance(reply, bytes) else reply
