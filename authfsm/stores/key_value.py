"""A store over py-key-value-aio. It accepts backends in which exactly one of several concurrent deletes succeeds.

py-key-value-aio has no "take". It has `get`, and a `delete` that returns whether the key existed. If the
database itself decides this, as DynamoDB does with ReturnValues=ALL_OLD, exactly one of several callers gets
True, and this caller has taken the entry. If the library checks first and deletes afterwards (S3, Firestore,
Azure Tables, Vault), two callers can get True: such backends are refused.

Each seal is stored under a new random name. A pointer to it is stored under the ticket's name; a pointer whose
seal is gone means that the entry is taken. If a worker dies in a take, after it has deleted the seal, the pointer
stays until the seal would have expired.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from secrets import token_hex
from typing import Any, Final

from key_value.aio.protocols import AsyncKeyValue

from authfsm.base.clock import positive
from authfsm.protocol.errors import CallerError
from authfsm.stores.store import DEFAULT_TIMEOUT, TAKEN, bounded_async

_WRAPPERS: Final = """
    compression encryption limit_size logging prefix_collections prefix_keys single_collection statistics timeout
"""

TAKES_ONCE: Final = {
    # module: why exactly one of several deletes of a key returns True (py-key-value-aio 0.5.0)
    "stores.aerospike": "remove fails with RecordNotFound for all but one",
    "stores.disk": "diskcache reads and deletes in one transaction of SQLite; one machine",
    "stores.duckdb": "DELETE ... RETURNING; one process, because DuckDB locks its file",
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
    # Wrappers that pass one delete on as one delete.
    **dict.fromkeys((f"wrappers.{name}" for name in _WRAPPERS.split()), ""),
}
"""The stores that give an entry to one caller only, by module name. The reasons come from the library's source and the
databases' manuals; tests cover memory, Redis and DynamoDB (as moto simulates it). A store that is not listed is
refused."""

_PACKAGE: Final = "key_value.aio."


class UnsupportedStore(CallerError, TypeError):
    """The store is not known to give an entry to one caller only."""

    def __init__(self, kind: type) -> None:
        super().__init__(
            f"{kind.__module__}.{kind.__qualname__} is not known to let exactly one of several deletes"
            " succeed: use another store, or takes_once=True if you know that it does"
        )
        self.kind = kind


class KeyValueStore:
    """An `AsyncStore` over a store of py-key-value-aio.

    `DynamoDBStore` may return stale data, and expires items by whole seconds. So a `take` within a fraction of a second
    after `put` may find nothing, and that user must start again. A collection is one partition, which DynamoDB limits
    to 1,000 write units a second. A turn needs about eight, so one collection allows about a hundred turns a second.
    The library warns that a new version may change the stored format of some stores, including this one. Entries of
    `SharedTokens`, which are stored for 30 days, may then become unreadable; sign-ins are stored for minutes only.

    Args:
        store: a store of the library, or one of its wrappers around a store.
        collection: the collection to store the entries in.
        timeout: seconds that one call may take.
        takes_once: accept a store that is not in `TAKES_ONCE`, because you know that of all concurrent
            deletes of a key exactly one returns True.

    Raises:
        UnsupportedStore: the store is not in `TAKES_ONCE`.
    """

    def __init__(
        self,
        store: AsyncKeyValue,
        *,
        collection: str = "authfsm",
        timeout: float = DEFAULT_TIMEOUT,
        takes_once: bool = False,
    ) -> None:
        for layer in _layers(store):
            if not takes_once and _module_of(layer) not in TAKES_ONCE:
                raise UnsupportedStore(type(layer))
        self.timeout = positive("timeout", timeout)
        self.store = store
        self.collection = collection

    async def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""
        await bounded_async(self.timeout, self._put_text(name, sealed, seconds))

    async def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""
        return await bounded_async(self.timeout, self._take_text(name, seconds))

    async def drop(self, name: str) -> None:
        """As `Store.drop`."""
        await bounded_async(self.timeout, self._drop_text(name))

    async def _put_text(self, name: str, sealed: str, seconds: float) -> None:
        suffix = token_hex(8)
        # The seal first: a pointer without its seal means that the entry is taken.
        await self._put(f"{name}.{suffix}", {"sealed": sealed}, seconds)
        await self._put(name, {"at": suffix}, seconds)

    async def _take_text(self, name: str, seconds: float) -> str | None:
        pointer = await self._get(name)
        if pointer is None:
            return None
        key = f"{name}.{pointer['at']}"
        entry = await self._get(key)
        if entry is None or not await self.store.delete(key, collection=self.collection):
            return TAKEN
        with suppress(Exception):  # if this fails, return the seal all the same; the pointer then stays longer
            await self._put(name, pointer, seconds)
        sealed: str = entry["sealed"]
        return sealed

    async def _drop_text(self, name: str) -> None:
        pointer = await self._get(name)
        if pointer is not None:
            await self.store.delete(f"{name}.{pointer['at']}", collection=self.collection)
            await self.store.delete(name, collection=self.collection)

    async def _get(self, name: str) -> dict[str, Any] | None:
        return await self.store.get(name, collection=self.collection)

    async def _put(self, name: str, value: dict[str, Any], seconds: float) -> None:
        await self.store.put(name, value, collection=self.collection, ttl=seconds)


def _layers(store: Any) -> Iterator[Any]:
    """Yield a store and the stores that it wraps, down to the innermost."""
    while store is not None:
        yield store
        store = getattr(store, "key_value", None)


def _module_of(layer: Any) -> str:
    """Return the library's module that defines the layer's class or its base class, for example `stores.redis`."""
    for kind in type(layer).__mro__:
        if kind.__module__.startswith(_PACKAGE):
            return ".".join(kind.__module__.removeprefix(_PACKAGE).split(".")[:2])
    return ""
