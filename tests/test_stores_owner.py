"""What the owner of the store can do, and what a failing store does to the application."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
from attrs import frozen
from joserfc.jwk import RSAKey
from key_value.aio.stores.memory import MemoryStore as TheirMemory
from key_value.aio.stores.redis import RedisStore as TheirRedis
from redis_server import RedisServer, redis_server
from test_no_hangs import SLOW_SERVERS, drip, server_with_handler

from authfsm import Code, Flow, State
from authfsm.base.secret import Secret
from authfsm.core.encryption import BadKey, keys_for, new_key
from authfsm.drivers.aio import AsyncCognito
from authfsm.local import LocalPool
from authfsm.protocol.error_policy import Fault, RecoveryAction
from authfsm.protocol.errors import BadField, RefusedCaller, SealBroken, SealNotFound, ServiceError, StoreUnavailable
from authfsm.stores import AsyncMemoryStore, AsyncPendingSignIns, MemoryStore, PendingSignIns
from authfsm.stores.key_value import KeyValueStore
from authfsm.stores.pending import name_of
from authfsm.stores.redis import AsyncRedisStore, RedisStore

PASSWORD = "Correct-Horse-1"
SECONDS, SLACK = 0.2, 15.0


@frozen
class Backend:
    """A pool with two users who receive a code, and a key.

    Args:
        pool: the pool.
        key: the application's.
    """

    pool: LocalPool
    key: Secret[str]

    def sign_in(self, username: str = "ada") -> Flow:
        """Return a sign-in that waits for a code."""
        return self.pool.cognito().sign_in(username, PASSWORD)

    def pending_with(self, store: Any) -> PendingSignIns[Flow]:
        """Return the `PendingSignIns` with a store."""
        return PendingSignIns(self.pool.cognito(), store, self.key)


@pytest.fixture
def backend(signing_key: RSAKey) -> Backend:
    """A pool with two users."""
    pool = LocalPool(mfa="OPTIONAL", mfa_methods=["SMS_MFA"], key=signing_key)
    for number, name in enumerate(("ada", "eve")):
        pool.add_user(name, PASSWORD, phone_number=f"+1555555014{number}", mfa=["SMS_MFA"])
    return Backend(pool, new_key())


@pytest.fixture(scope="module")
def a_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis for all tests of this file."""
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


# ---- texts are bound to tickets ----------------------------------------------------------------------


def test_texts_swapped_in_redis_are_refused(backend: Backend, a_redis: RedisServer) -> None:
    """If two entries in Redis are exchanged, neither is accepted, and both users start again."""
    with a_redis.client() as client:
        pending = backend.pending_with(RedisStore(client))
        tickets = [pending.put(backend.sign_in(name)) for name in ("ada", "eve")]
        names = [f"authfsm:{name_of(ticket)}" for ticket in tickets]
        texts: Any = client.mget(names)
        client.mset(dict(zip(names, reversed(texts), strict=True)))
        for ticket in tickets:
            with pytest.raises(SealBroken) as caught, pending.turn(ticket):
                pass
            assert caught.value.action is RecoveryAction.START_AGAIN
            with pytest.raises(SealNotFound), pending.turn(ticket):
                pass


@pytest.mark.parametrize("bytes_", [b"\xff\xfe", "gAAAA\xe9".encode(), b"5", b"\x00"])
def test_foreign_bytes_are_refused(backend: Backend, a_redis: RedisServer, bytes_: bytes) -> None:
    """Any bytes instead of an entry are refused, with both kinds of client."""
    with a_redis.client() as client:
        pending = backend.pending_with(RedisStore(client))
        ticket = pending.put(backend.sign_in())
        client.set(f"authfsm:{name_of(ticket)}", bytes_)
        with pytest.raises(SealBroken), pending.turn(ticket):
            pass
        with pytest.raises(SealNotFound), pending.turn(ticket):
            pass
        client.set(f"authfsm:{name_of(ticket)}", bytes_)

    async def turn() -> None:
        cognito = AsyncCognito(backend.pool.client(), client_id=backend.pool.client_id, pool_id=backend.pool.pool_id)
        async with redis.asyncio.Redis(port=a_redis.port) as client:
            store = AsyncRedisStore(client)
            async with AsyncPendingSignIns(cognito, store, backend.key).turn(ticket):
                pass

    with pytest.raises(SealBroken):
        asyncio.run(turn())
    with pytest.raises(SealNotFound):
        asyncio.run(turn())


def test_texts_swapped_in_memory_are_refused(backend: Backend) -> None:
    """Exchanged entries of a store in memory are refused."""
    store = MemoryStore()
    pending = backend.pending_with(store)
    tickets = [pending.put(backend.sign_in(name)) for name in ("ada", "eve")]
    one, other = (name_of(ticket) for ticket in tickets)
    store._texts[one], store._texts[other] = store._texts[other], store._texts[one]
    for ticket in tickets:
        with pytest.raises(SealBroken), pending.turn(ticket):
            pass


@pytest.mark.parametrize("kind", ["async memory", "key-value"])
def test_texts_swapped_are_refused_on_an_event_loop(backend: Backend, kind: str) -> None:
    """Exchanged entries are refused by the async class, with each kind of store."""

    async def conversation() -> int:
        store: Any = AsyncMemoryStore() if kind == "async memory" else KeyValueStore(TheirMemory())
        pool = backend.pool
        cognito = AsyncCognito(pool.client(), client_id=pool.client_id, pool_id=pool.pool_id)
        pending = AsyncPendingSignIns(cognito, store, backend.key)
        tickets = [await pending.put(await cognito.sign_in(name, PASSWORD)) for name in ("ada", "eve")]
        names = [name_of(each) for each in tickets]
        texts = [await store.take(each, 30) for each in names]
        for name, text in zip(names, reversed(texts), strict=True):
            await store.put(name, text, 30)
        broken = 0
        for ticket in tickets:
            try:
                async with pending.turn(ticket):
                    pass
            except SealBroken:
                broken += 1
        return broken

    assert asyncio.run(conversation()) == 2


def test_a_text_for_a_cookie_does_not_fit_a_store(backend: Backend) -> None:
    """A seal for a cookie is refused from a store, and the reverse."""
    store, flow = MemoryStore(), backend.sign_in()
    pending = backend.pending_with(store)
    ticket = pending.put(flow)
    sealed = store.take(name_of(ticket), 30)
    with pytest.raises(SealBroken):
        backend.pool.cognito().resume(sealed, backend.key)
    store.put(name_of(ticket), flow.seal(backend.key), 30)
    with pytest.raises(SealBroken), pending.turn(ticket):
        pass


def test_an_older_text_of_the_same_ticket_is_harmless(backend: Backend) -> None:
    """An older entry of the same ticket is accepted, but Cognito refuses its used session."""
    store = MemoryStore()
    pending = backend.pending_with(store)
    ticket = pending.put(backend.sign_in())
    name = name_of(ticket)
    older = store._texts[name]
    with pending.turn(ticket) as flow:
        flow.answer(Code(backend.pool.outbox.code_for("ada")))
    assert flow.state is State.AUTHENTICATED
    store._texts[name] = older
    with pytest.raises(RefusedCaller, match="session"), pending.turn(ticket) as again:
        again.answer(Code(backend.pool.outbox.code_for("ada")))


def test_keys_for_a_ticket() -> None:
    """Each ticket and each key has its own derived key; an invalid key is a BadKey."""
    key, other = new_key(), new_key()
    one, two = Secret("one"), Secret("two")
    assert keys_for(key, one) == keys_for(key.reveal(), one) == keys_for(key.reveal().encode(), one)
    keys = {each.reveal() for k in (key, other) for t in (one, two) for each in keys_for(k, t)}
    assert len(keys | {key.reveal(), other.reveal()}) == 6
    assert keys_for([key, other], one) == keys_for(key, one) + keys_for(other, one)
    for wrong in ("", "no key", key.reveal()[:-5], 5, None, [5], [None], object()):
        with pytest.raises(BadKey):
            keys_for(wrong, one)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("ticket", [b"x" * 43, 5, 1.5, ["x"], {"x": 1}, object()])
def test_a_ticket_that_is_no_text(backend: Backend, ticket: Any) -> None:
    """A ticket that is not text is an error that names the type."""
    pending = backend.pending_with(MemoryStore())
    with pytest.raises(BadField, match=r"PendingSignIns.ticket must be text or None, not "):
        pending.drop(ticket)
    with pytest.raises(BadField) as caught, pending.turn(ticket):
        pass
    assert caught.value.field == "ticket"


# ---- failing stores -----------------------------------------------------------------------------------


Call = Callable[[Any], Any]
CALLS: dict[str, Call] = {
    "put": lambda store: store.put("name", "text", 30),
    "take": lambda store: store.take("name", 30),
    "drop": lambda store: store.drop("name"),
}


def of_redis(url: str, **more: Any) -> redis.Redis:
    """Return a client for an address, with the library's retries and timeouts."""
    return redis.Redis(host="127.0.0.1", port=int(url.rpartition(":")[2]), **more)


@pytest.mark.parametrize("call", CALLS)
def test_a_redis_that_is_down(call: str) -> None:
    """If Redis is down, StoreUnavailable has the action WAIT, with and without retries."""
    with pytest.raises(StoreUnavailable, match=r"ConnectionError|no answer within") as caught:
        CALLS[call](RedisStore(of_redis("x:9"), timeout=SECONDS))
    assert isinstance(caught.value, ServiceError)
    assert (caught.value.action, caught.value.fault) == (RecoveryAction.WAIT, Fault.SERVICE)
    assert caught.value.__context__ is None  # no frame of the client's, which has its password

    async def on_a_loop() -> Any:
        async with redis.asyncio.Redis(port=9) as client:
            return await CALLS[call](AsyncRedisStore(client, timeout=SECONDS))

    with pytest.raises(StoreUnavailable):
        asyncio.run(on_a_loop())


HANGS = {
    "says nothing": SLOW_SERVERS["says nothing"],
    "drips a reply": drip(b"$60000\r\n", b"x"),
    "drips lines": drip(b"+", b"O"),
}


@pytest.mark.parametrize("timeouts", [{}, {"socket_timeout": None, "socket_connect_timeout": None}])
@pytest.mark.parametrize("hangs", HANGS)
@pytest.mark.parametrize("call", CALLS)
def test_a_redis_that_hangs(call: str, hangs: str, timeouts: dict[str, Any]) -> None:
    """A call to a Redis that hangs ends in time; the application's client is unchanged."""
    with server_with_handler(HANGS[hangs]) as (url, _), of_redis(url, **timeouts) as client:
        store = RedisStore(client, timeout=SECONDS)
        start = time.monotonic()
        with pytest.raises(StoreUnavailable, match=r"no answer within 0\.2 s|TimeoutError"):
            CALLS[call](store)
        assert time.monotonic() - start < SECONDS + SLACK
        if timeouts:
            assert client.connection_pool.connection_kwargs["socket_timeout"] is None
            assert store.client.connection_pool is not client.connection_pool
        else:
            assert store.client is client


@pytest.mark.parametrize("hangs", HANGS)
@pytest.mark.parametrize("call", CALLS)
def test_a_redis_that_hangs_on_a_loop(call: str, hangs: str) -> None:
    """On an event loop too, a call to a Redis that hangs ends in time."""

    async def on_a_loop(port: int) -> list[float]:
        took = []
        for theirs in (False, True):
            start = time.monotonic()
            client = redis.asyncio.Redis(port=port, socket_timeout=None)
            async with TheirRedis(client=client) as inner, client:
                store: Any = (
                    KeyValueStore(inner, timeout=SECONDS) if theirs else AsyncRedisStore(client, timeout=SECONDS)
                )
                with pytest.raises(StoreUnavailable):
                    await CALLS[call](store)
            took.append(time.monotonic() - start)
        return took

    with server_with_handler(HANGS[hangs]) as (_, port):
        assert max(asyncio.run(on_a_loop(port))) < SECONDS + SLACK


@pytest.mark.parametrize("call", ["take"])
def test_an_error_of_redis_quotes_nothing(a_redis: RedisServer, call: str) -> None:
    """Of an error that quotes the command only the kind is passed on."""
    with a_redis.client() as client:
        client.delete("authfsm:name")
        client.rpush("authfsm:name", "not a text")
        with pytest.raises(StoreUnavailable) as caught:
            CALLS[call](RedisStore(client))
        client.delete("authfsm:name")
    assert str(caught.value) == "the store of pending sign-ins is unavailable (ResponseError); try again later"


@pytest.mark.parametrize("timeouts", [{}, {"socket_timeout": None}])
@pytest.mark.parametrize("blocking", [False, True])
def test_a_client_without_a_timeout_works(
    backend: Backend, a_redis: RedisServer, timeouts: dict[str, Any], *, blocking: bool
) -> None:
    """The copy of a client without a timeout keeps its pool, database and decoding."""
    kind = redis.BlockingConnectionPool if blocking else redis.ConnectionPool
    pool = kind(port=a_redis.port, db=3, decode_responses=True, **timeouts)
    with redis.Redis(connection_pool=pool) as client:
        pending = backend.pending_with(RedisStore(client, prefix="p:"))
        ticket = pending.put(backend.sign_in())
        assert client.exists(f"p:{name_of(ticket)}")
        with pending.turn(ticket) as flow:
            assert flow.answer(Code(backend.pool.outbox.code_for("ada"))) is State.AUTHENTICATED
        assert not client.exists(f"p:{name_of(ticket)}")


def test_a_timeout_must_be_positive() -> None:
    """A timeout of zero, a negative one and NaN are refused."""
    for wrong in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="timeout"):
            RedisStore(redis.Redis(), timeout=wrong)
        with pytest.raises(ValueError, match="timeout"):
            KeyValueStore(TheirMemory(), timeout=wrong)
