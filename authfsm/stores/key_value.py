"""Any store of py-key-value-aio whose `delete` is decided by the database: who deleted a text has taken it.

That library has no "take". It has `get`, and a `delete` that says whether something was there; where the
database itself says so, as DynamoDB with ReturnValues=ALL_OLD, exactly one of many is told yes. Where the
library looks first and deletes after (S3, Firestore, Azure Tables, Vault) two can be told yes: refused.

Each text lies under a name used once, and the ticket's name points to it: a pointer whose text is gone
says that it is taken. Of a worker that dies between two of a take's three calls that stays said for as long
as the text would have been kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from secrets import token_hex
from typing import Any, Final

from key_value.aio.protocols import AsyncKeyValue

from authfsm.protocol.errors import CallerError
from authfsm.stores.store import SECONDS, TAKEN, bounded_async, checked_timeout

TAKES_ONCE: Final = {
    # module: why exactly one of those who delete a key is told that it was there (py-key-value-aio 0.5.0)
    "stores.aerospike": "remove fails with RecordNotFound for all but one",
    "stores.disk": "diskcache looks and deletes in one transaction of SQLite; one machine",
    "stores.duckdb": "DELETE ... RETURNING; one process, for DuckDB locks its file",
    "stores.dynamodb": "DeleteItem with ReturnValues=ALL_OLD",
    "stores.elasticsearch": "the shard's answer is `deleted` for one and `not_found` for all others",
    "stores.filetree": "unlink fails for all but one; one machine",
    "stores.memcached": "the server's answer is DELETED for one and NOT_FOUND for all others",
    "stores.memory": "a dict's pop; one event loop",
    "stores.mongodb": "delete_one counts what it deleted",
    "stores.opensearch": "as Elasticsearch",
    "stores.postgresql": "DELETE counts its rows",
    "stores.redis": "DEL counts its keys",
    "stores.simple": "a dict's pop; one event loop",
    "stores.valkey": "DEL counts its keys",
    # Wrappers that leave one delete one delete.
    "wrappers.compression": "",
    "wrappers.encryption": "",
    "wrappers.limit_size": "",
    "wrappers.logging": "",
    "wrappers.prefix_collections": "",
    "wrappers.prefix_keys": "",
    "wrappers.single_collection": "",
    "wrappers.statistics": "",
    "wrappers.timeout": "",
}
"""What holds "take once", by the library's own module names, as its source and the databases' manuals have it.

Memory, Redis and DynamoDB (moto's) are tested; the rest of the library is refused."""

_HOUSE: Final = "key_value.aio."


class UnfitStore(CallerError, TypeError):
    """Of this store it is not known that only one taker gets a text, or known that it is not so.

    Args:
        kind: the store's class, or its wrapper's.
    """

    def __init__(self, kind: type) -> None:
        super().__init__(
            f"{kind.__module__}.{kind.__qualname__} is not known to give what it deletes to one taker alone"
        )
        self.kind = kind


class KeyValueStore:
    """An `AsyncStore` over a store of py-key-value-aio.

    `DynamoDBStore` reads what may be a moment old, and lets go of things by whole seconds: an answer within
    a fraction of a second of `put` may be told to start again. The library warns that the form of what this
    store and some others keep may change with a version of it: nothing is kept here for longer than minutes.
    It has a collection in one partition, which DynamoDB limits to 1,000 write units a second: a turn takes
    about eight, so that a hundred turns a second are what one collection bears.

    Args:
        store: the library's store, or one of its wrappers around one.
        collection: the collection the texts lie in.
        timeout: seconds that one call may take.
        takes_once: vouch for a store that is not in `TAKES_ONCE`: of all who `delete` a key at the same
            time exactly one is told True.

    Raises:
        UnfitStore: nobody vouches for this store.
    """

    def __init__(
        self,
        store: AsyncKeyValue,
        *,
        collection: str = "authfsm",
        timeout: float = SECONDS,
        takes_once: bool = False,
    ) -> None:
        for layer in _layers(store):
            if not takes_once and _module_of(layer) not in TAKES_ONCE:
                raise UnfitStore(type(layer))
        self.timeout = checked_timeout(timeout)
        self.store = store
        self.collection = collection

    async def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""
        await bounded_async(self.timeout, self._kept(name, sealed, seconds))

    async def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""
        return await bounded_async(self.timeout, self._taken(name, seconds))

    async def drop(self, name: str) -> None:
        """As `Store.drop`."""
        await bounded_async(self.timeout, self._dropped(name))

    # ---- inside --------------------------------------------------------------------------------------

    async def _kept(self, name: str, sealed: str, seconds: float) -> None:
        once = token_hex(8)
        # The text first: a pointer to nothing would say that it is taken.
        await self._put(f"{name}.{once}", {"sealed": sealed}, seconds)
        await self._put(name, {"at": once}, seconds)

    async def _taken(self, name: str, seconds: float) -> str | None:
        pointer = await self._get(name)
        if pointer is None:
            return None
        at = f"{name}.{pointer['at']}"
        text = await self._get(at)
        if text is None or not await self.store.delete(at, collection=self.collection):
            return TAKEN
        with suppress(Exception):  # else what is taken would be lost; the pointer stays as it was
            await self._put(name, pointer, seconds)
        sealed: str = text["sealed"]
        return sealed

    async def _dropped(self, name: str) -> None:
        pointer = await self._get(name)
        if pointer is not None:
            await self.store.delete(f"{name}.{pointer['at']}", collection=self.collection)
            await self.store.delete(name, collection=self.collection)

    async def _get(self, name: str) -> dict[str, Any] | None:
        return await self.store.get(name, collection=self.collection)

    async def _put(self, name: str, value: dict[str, Any], seconds: float) -> None:
        await self.store.put(name, value, collection=self.collection, ttl=seconds)


def _layers(store: Any) -> Iterator[Any]:
    """A store, and what it wraps, down to the innermost."""
    while store is not None:
        yield store
        store = getattr(store, "key_value", None)


def _module_of(layer: Any) -> str:
    """`stores.redis` for a class of `key_value.aio.stores.redis.store`, or one derived from it."""
    for kind in type(layer).__mro__:
        if kind.__module__.startswith(_HOUSE):
            return ".".join(kind.__module__.removeprefix(_HOUSE).split(".")[:2])
    return ""
