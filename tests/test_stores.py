"""Every store gives an entry to one caller only, for its lifetime."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, SupportsFloat

import pytest
import redis.asyncio
from joserfc.jwk import RSAKey
from key_value.aio.stores.dynamodb import DynamoDBStore
from key_value.aio.stores.memory import MemoryStore as TheirMemory
from key_value.aio.stores.null import NullStore
from key_value.aio.stores.redis import RedisStore as TheirRedis
from key_value.aio.wrappers.base import BaseWrapper
from key_value.aio.wrappers.passthrough_cache import PassthroughCacheWrapper
from key_value.aio.wrappers.prefix_keys import PrefixKeysWrapper
from moto.server import ThreadedMotoServer
from redis_server import RedisServer, redis_server

from authfsm import Code
from authfsm.core.encryption import new_key
from authfsm.drivers.aio import AsyncCognito, AsyncFlow
from authfsm.local import LocalPool
from authfsm.protocol.errors import InvalidOperation, SealNotFound
from authfsm.stores import TAKEN, AsyncMemoryStore, AsyncPendingSignIns, AsyncStore, MemoryStore, Store
from authfsm.stores.key_value import TAKES_ONCE, KeyValueStore, UnsupportedStore
from authfsm.stores.redis import AsyncRedisStore, RedisStore

Opened = Callable[[], AbstractAsyncContextManager[AsyncStore]]
CONCURRENT_TAKES = 40
PASSWORD = "Correct-Horse-1"

# py-key-value-aio says of each store whose form on disk may change, DynamoDB's among them, that it may.
pytestmark = pytest.mark.filterwarnings("ignore:A configured store is unstable:UserWarning")


class InThreads:
    """A `Store` as an `AsyncStore`, with each call in a thread."""

    def __init__(self, store: Store, threads: ThreadPoolExecutor) -> None:
        self.store = store
        self._threads = threads

    async def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""
        await self._run(self.store.put, name, sealed, seconds)

    async def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""
        text: str | None = await self._run(self.store.take, name, seconds)
        return text

    async def drop(self, name: str) -> None:
        """As `Store.drop`."""
        await self._run(self.store.drop, name)

    async def _run(self, call: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)


@pytest.fixture(scope="module")
def a_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis for all tests of this file; each uses its own names."""
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def a_dynamodb() -> Iterator[str]:
    """The address at which moto serves DynamoDB."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 - what moto binds to by itself
    server.stop()


def in_dynamodb(url: str) -> DynamoDBStore:
    """Return the library's DynamoDB store, in moto."""
    return DynamoDBStore(
        table_name="waiting",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


KINDS = [
    "memory", "async memory", "redis", "redis that decodes", "async redis",
    "key-value memory", "key-value redis", "key-value dynamodb",
]  # fmt: skip


@pytest.fixture(params=KINDS)
def open_store(request: pytest.FixtureRequest) -> Opened:
    """Open a store of each kind, within the event loop that uses it."""
    kind: str = request.param
    port = request.getfixturevalue("a_redis").port if "redis" in kind else 0
    url = request.getfixturevalue("a_dynamodb") if "dynamodb" in kind else ""

    @asynccontextmanager
    async def opening() -> AsyncIterator[AsyncStore]:
        if kind == "async memory":
            yield AsyncMemoryStore()
        elif kind == "async redis":
            async with redis.asyncio.Redis(port=port) as client:
                yield AsyncRedisStore(client)
        elif kind == "key-value memory":
            yield KeyValueStore(TheirMemory())
        elif kind == "key-value redis":
            async with TheirRedis(port=port) as theirs:
                yield KeyValueStore(PrefixKeysWrapper(theirs, "site"))
        elif kind == "key-value dynamodb":
            async with in_dynamodb(url) as theirs:
                yield KeyValueStore(theirs)
        else:
            decode = kind.endswith("decodes")
            with (
                redis.Redis(port=port, decode_responses=decode) as client,
                ThreadPoolExecutor(CONCURRENT_TAKES) as threads,
            ):
                yield InThreads(MemoryStore() if kind == "memory" else RedisStore(client), threads)

    return opening


def test_a_text_can_be_taken_once(open_store: Opened) -> None:
    """An entry is taken once; others get TAKEN until it is put back or dropped."""

    async def conversation() -> list[str | None]:
        async with open_store() as store:
            results = [await store.take("a", 30)]
            await store.put("a", "first", 30)
            results += [await store.take("b", 30), await store.take("a", 30)]
            results += [await store.take("a", 30), await store.take("a", 30)]
            await store.put("a", "second", 30)
            results += [await store.take("a", 30), await store.take("a", 30)]
            await store.drop("a")
            results += [await store.take("a", 30)]
            await store.put("a", "third", 30)
            await store.put("a", "fourth", 30)
            results += [await store.take("a", 30)]
            await store.drop("a")
            await store.drop("a")
            await store.put("a", "fifth", 30)
            await store.drop("a")
            return [*results, await store.take("a", 30)]

    assert asyncio.run(conversation()) == [
        None,
        None, "first",
        TAKEN, TAKEN,
        "second", TAKEN,
        None,
        "fourth",
        None,
    ]  # fmt: skip


def test_exactly_one_of_many_takes_succeeds(open_store: Opened) -> None:
    """Of forty concurrent callers exactly one gets the entry, in five rounds."""

    async def rush(store: AsyncStore, name: str) -> list[str | None]:
        await store.put(name, "text", 30)
        return sorted(await asyncio.gather(*(store.take(name, 30) for _ in range(CONCURRENT_TAKES))), key=str)

    async def rushes() -> list[list[str | None]]:
        async with open_store() as store:
            return [await rush(store, f"rush {number}") for number in range(5)]

    assert asyncio.run(rushes()) == [[*[TAKEN] * (CONCURRENT_TAKES - 1), "text"]] * 5


def test_texts_and_marks_expire(open_store: Opened) -> None:
    """A text expires, and so does the mark that it is taken."""

    async def conversation() -> list[str | None]:
        async with open_store() as store:
            await store.put("short", "text", 1)
            await store.put("long", "text", 60)
            await store.put("turn", "text", 60)
            results = [await store.take("turn", 1)]
            await asyncio.sleep(1.05)
            return [*results, *[await store.take(each, 60) for each in ("short", "long", "turn")]]

    assert asyncio.run(conversation()) == ["text", None, "text", None]


# ---- MemoryStore ---------------------------------------------------------------------------------------


def test_memory_is_bounded() -> None:
    """A full store deletes the entry that would expire first; replacing an entry needs no more room."""
    now = [0.0]
    store = MemoryStore(3, clock=lambda: now[0])
    for name, seconds in (("a", 30), ("b", 10), ("c", 20), ("b", 40)):
        store.put(name, name, seconds)
    assert len(store) == 3

    store.put("d", "d", 5)
    assert [store.take(each, 1) for each in "abcd"] == ["a", "b", None, "d"]
    with pytest.raises(ValueError, match="at least 1"):
        MemoryStore(0)


def test_memory_deletes_expired_texts() -> None:
    """Entries that expire or are dropped do not stay in memory."""
    now = [0.0]
    store = MemoryStore(clock=lambda: now[0])
    for number in range(10_000):
        now[0] = number / 1000
        store.put(f"{number}", "text", 1)
        store.put(f"dropped {number}", "text", 3600)
        store.drop(f"dropped {number}")
        assert len(store._texts) <= 1001
        assert len(store._expiries) <= 2 * 1001 + 101

    now[0] += 1
    assert (len(store), repr(store)) == (0, "<MemoryStore of 0>")


# ---- py-key-value-aio ------------------------------------------------------------------------------------


class Paused(BaseWrapper):
    """A store that pauses after reading."""

    def __init__(self, store: Any) -> None:
        self.key_value = store
        self.read = asyncio.Event()
        self.go_on = asyncio.Event()

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        """Delete an entry after the pause."""
        self.read.set()
        await self.go_on.wait()
        deleted: bool = await super().delete(key, collection=collection)
        return deleted


def test_a_slow_take_gets_no_newer_text() -> None:
    """A delayed caller does not get an entry that was put back meanwhile."""

    async def conversation() -> list[str | None]:
        theirs = TheirMemory()
        paused = Paused(theirs)
        slow, quick = KeyValueStore(paused, takes_once=True), KeyValueStore(theirs)
        await quick.put("a", "first", 30)
        late = asyncio.create_task(slow.take("a", 30))
        await paused.read.wait()
        results = [await quick.take("a", 30)]
        await quick.put("a", "second", 30)
        paused.go_on.set()
        return [*results, await late, await quick.take("a", 30)]

    assert asyncio.run(conversation()) == ["first", TAKEN, "second"]


class ForeignStore:
    """A store that is not the library's but has its methods."""

    async def get(self, key: str, *, collection: str | None = None) -> dict[str, Any] | None:
        """Return nothing."""

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        """Store nothing."""


@pytest.mark.parametrize(
    ("factory", "class_name"),
    [
        (NullStore, "key_value.aio.stores.null.store.NullStore"),
        (ForeignStore, "test_stores.ForeignStore"),
        (lambda: PassthroughCacheWrapper(TheirMemory(), TheirMemory()),
         "key_value.aio.wrappers.passthrough_cache.wrapper.PassthroughCacheWrapper"),
        (lambda: PrefixKeysWrapper(NullStore(), "site"), "key_value.aio.stores.null.store.NullStore"),
    ],
)  # fmt: skip
def test_a_store_that_is_not_in_the_list_is_refused(factory: Callable[[], Any], class_name: str) -> None:
    """A store that is not listed is refused, also inside a wrapper, unless takes_once=True."""
    with pytest.raises(UnsupportedStore) as caught:
        KeyValueStore(factory())

    assert str(caught.value).startswith(f"{class_name} is not known to let exactly one of several deletes")
    assert KeyValueStore(factory(), takes_once=True).collection == "authfsm"


def test_the_listed_stores_exist() -> None:
    """Each row of TAKES_ONCE is a module of py-key-value-aio."""
    assert [name for name in TAKES_ONCE if find_spec(f"key_value.aio.{name}") is None] == []


def test_two_workers_over_dynamodb(a_dynamodb: str, signing_key: RSAKey) -> None:
    """Twenty sign-ins are answered at two workers at once, and each gets its tokens once."""
    pool = LocalPool(mfa="OPTIONAL", mfa_methods=["SMS_MFA"], key=signing_key)
    for number in range(20):
        pool.add_user(f"u{number}", PASSWORD, phone_number=f"+1555{number:07}", mfa=["SMS_MFA"])
    key = new_key()

    async def answered(pending: AsyncPendingSignIns[AsyncFlow], name: str, ticket: str) -> str:
        try:
            async with pending.turn(ticket) as flow:
                return await flow.answer(Code(pool.outbox.code_for(name)))
        except (InvalidOperation, SealNotFound) as error:
            return str(error.action)

    async def conversation() -> list[list[str]]:
        async with in_dynamodb(a_dynamodb) as here, in_dynamodb(a_dynamodb) as there:
            workers = []
            for theirs in (here, there):
                client: Any = pool.client()
                cognito = AsyncCognito(client, client_id=pool.client_id, pool_id=pool.pool_id)
                workers.append(AsyncPendingSignIns(cognito, KeyValueStore(theirs), key))
            results = []
            for number in range(20):
                name = f"u{number}"
                flow = await cognito.sign_in(name, PASSWORD)
                ticket = await workers[0].put(flow)
                outcomes = [answered(each, name, ticket) for each in workers]
                results.append(sorted(await asyncio.gather(*outcomes)))
            return results

    results = asyncio.run(conversation())

    assert len(results) == 20
    assert [each for each in results if each[0] != "AUTHENTICATED"] == []
    assert {each[1] for each in results} <= {"START_AGAIN", "WAIT"}


def test_redis_keys_have_the_prefix_and_expire(tmp_path: Path) -> None:
    """Every key in Redis has the prefix and a time to live."""
    with redis_server(tmp_path) as running, running.client(decode_responses=True) as client:
        RedisStore(client, prefix="site:").put("a", "text", 1.5)
        RedisStore(client).put("a", "text", 0.0001)

        assert 0 < int(client.pttl("site:a")) <= 1500
        assert [*client.keys("site:*")] == ["site:a"]
