"""A ticket stands for one sign-in of one browser, with one turn at a time; errors say what to do."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from attrs import frozen
from joserfc.jwk import RSAKey
from redis_server import redis_server

from authfsm import Code, Flow, RecoveryAction, State, UserError
from authfsm.base.clock import ManualClock
from authfsm.base.secret import wrapped_keys
from authfsm.core.encryption import BadKey, new_key
from authfsm.drivers.aio import AsyncCognito, AsyncFlow
from authfsm.drivers.background import RUNNING
from authfsm.local import LocalPool
from authfsm.protocol.errors import (
    BadField,
    InvalidOperation,
    NotStored,
    SealBroken,
    SealError,
    SealExpired,
    SealNotFound,
    StoreUnavailable,
)
from authfsm.protocol.replies import PasswordVerifier
from authfsm.stores import (
    TAKEN,
    AsyncMemoryStore,
    AsyncPendingSignIns,
    AsyncSharedTokens,
    AsyncStore,
    MemoryStore,
    PendingSignIns,
    SharedTokens,
)
from authfsm.stores.pending import name_of
from authfsm.stores.redis import AsyncRedisStore, RedisStore

PASSWORD = "Correct-Horse-1"


@frozen
class Backend:
    """A pool, and a store with the same clock.

    Args:
        pool: the pool.
        clock: the clock of the pool and the store.
        store: the store.
        pending: the `PendingSignIns` under test.
    """

    pool: LocalPool
    clock: ManualClock
    store: MemoryStore
    pending: PendingSignIns[Flow]

    def sign_in(self) -> Flow:
        """Return a sign-in that waits for a code."""
        return self.pool.cognito().sign_in("ada", PASSWORD)

    @property
    def code(self) -> Code:
        """Return the right code."""
        return Code(self.pool.outbox.code_for("ada"))

    def other_worker(self, **settings: Any) -> PendingSignIns[Flow]:
        """Return the `PendingSignIns` of another worker."""
        settings.setdefault("key", self.pending._key)
        return PendingSignIns(self.pool.cognito(), self.store, **settings)


@pytest.fixture
def backend(signing_key: RSAKey) -> Backend:
    """A pool whose user receives a code by SMS."""
    clock = ManualClock()
    pool = LocalPool(mfa="OPTIONAL", mfa_methods=["SMS_MFA"], key=signing_key, clock=clock)
    pool.add_user("ada", PASSWORD, phone_number="+15555550143", mfa=["SMS_MFA"])
    start = clock()

    def seconds() -> float:
        return (clock() - start).total_seconds()

    store = MemoryStore(clock=seconds)
    return Backend(pool, clock, store, PendingSignIns(pool.cognito(), store, new_key()))


def error_for(pending: PendingSignIns[Flow], ticket: str | None) -> tuple[type, RecoveryAction | None]:
    """Return the error for a ticket."""
    with pytest.raises((InvalidOperation, SealError)) as caught, pending.turn(ticket):
        pass
    return type(caught.value), caught.value.action


NOT_FOUND = (SealNotFound, RecoveryAction.START_AGAIN)
WAIT = (InvalidOperation, RecoveryAction.WAIT)


def test_a_sign_in_continues_in_another_worker(backend: Backend) -> None:
    """Two workers answer one ticket, wrongly and rightly; after the tokens it is invalid."""
    ticket = backend.pending.put(backend.sign_in())
    assert (len(ticket), len(backend.store)) == (43, 1)

    with pytest.raises(UserError) as caught, backend.pending.turn(ticket) as flow:
        flow.answer(Code("000000"))
    assert (caught.value.action, caught.value.survives) == (RecoveryAction.TRY_AGAIN, True)

    with backend.other_worker().turn(ticket) as flow:
        assert [step.error for step in flow.history] == [None, None, "CodeMismatchException"]
        assert flow.answer(backend.code) is State.AUTHENTICATED

    assert flow.tokens is not None
    assert (error_for(backend.pending, ticket), len(backend.store)) == (NOT_FOUND, 0)


def test_a_concurrent_request_for_a_ticket_gets_wait(backend: Backend) -> None:
    """While one worker answers, another gets the action WAIT, and neither loses the sign-in."""
    ticket = backend.pending.put(backend.sign_in())

    with backend.pending.turn(ticket) as flow:
        assert [error_for(backend.other_worker(), ticket) for _ in range(3)] == [WAIT] * 3
    with backend.other_worker().turn(ticket) as flow:
        flow.answer(backend.code)

    assert flow.state is State.AUTHENTICATED


def test_a_turn_without_an_answer_changes_nothing(backend: Backend) -> None:
    """A page that only displays the challenge takes a turn and puts the sign-in back."""
    ticket = backend.pending.put(backend.sign_in())
    for _ in range(3):
        with backend.pending.turn(ticket) as flow:
            assert (flow.state, len(flow.history)) == (State.SMS_MFA, 2)

    with backend.pending.turn(ticket) as flow:
        assert flow.answer(backend.code) is State.AUTHENTICATED


def test_a_worker_that_dies_in_its_turn(backend: Backend) -> None:
    """Until a dead worker's turn times out others get WAIT; then they start again."""
    ticket = backend.pending.put(backend.sign_in())
    backend.store.take(name_of(ticket), 30)  # a worker that ends without an answer

    for _ in range(30):
        assert error_for(backend.pending, ticket) == WAIT
        backend.clock.advance(0.999)
    assert error_for(backend.pending, ticket) == WAIT
    backend.clock.advance(0.03)

    assert error_for(backend.pending, ticket) == NOT_FOUND
    ticket = backend.pending.put(backend.sign_in())
    with backend.pending.turn(ticket) as flow:
        assert flow.answer(backend.code) is State.AUTHENTICATED


@pytest.mark.parametrize("late", [False, True])
def test_a_sign_in_waits_for_the_session_lifetime(backend: Backend, *, late: bool) -> None:
    """A sign-in is stored for three minutes from Cognito's challenge, whatever its turns."""
    flow = backend.sign_in()
    backend.clock.advance(100)
    ticket = backend.pending.put(flow)
    backend.clock.advance(40)
    with backend.pending.turn(ticket):
        backend.clock.advance(20)

    backend.clock.advance(20 if late else 19.999)
    if late:
        assert error_for(backend.pending, ticket) == NOT_FOUND
    else:
        with backend.pending.turn(ticket) as flow:
            assert flow.answer(backend.code) is State.AUTHENTICATED


def test_an_expired_sign_in_is_not_stored(backend: Backend) -> None:
    """A sign-in that is expired, or expires during a turn, is not stored."""
    flow = backend.sign_in()
    ticket = backend.pending.put(flow)
    with backend.pending.turn(ticket):
        backend.clock.advance(180)
    assert (error_for(backend.pending, ticket), len(backend.store)) == (NOT_FOUND, 0)
    with pytest.raises(SealExpired):
        backend.pending.put(flow)
    flow.cancel()
    with pytest.raises(InvalidOperation):
        backend.pending.put(flow)


def test_a_sign_in_that_has_ended_is_not_put_back(backend: Backend) -> None:
    """A sign-in that was cancelled, restarted or dropped is not stored again."""
    first, second, third = (backend.pending.put(backend.sign_in()) for _ in range(3))
    with backend.pending.turn(first) as flow:
        flow.cancel()
    with backend.pending.turn(second) as flow:
        fourth = backend.pending.put(flow.restart(PASSWORD))
    backend.pending.drop(third)

    assert [error_for(backend.pending, each) for each in (first, second, third)] == [NOT_FOUND] * 3
    with backend.pending.turn(fourth) as flow:
        assert flow.answer(backend.code) is State.AUTHENTICATED


@pytest.mark.parametrize("sent", ["", "x", "..", "\0", "\ud800", "a" * 100_000, "authfsm:*", "Ω", None])
def test_an_invalid_ticket_is_not_found(backend: Backend, sent: str | None) -> None:
    """Any invalid ticket raises SealNotFound."""
    ticket = backend.pending.put(backend.sign_in())
    assert error_for(backend.pending, sent) == NOT_FOUND
    backend.pending.drop(sent)
    assert error_for(backend.pending, ticket[:-1]) == NOT_FOUND
    assert error_for(backend.pending, name_of(ticket)) == NOT_FOUND

    with backend.pending.turn(ticket) as flow:
        assert flow.state is State.SMS_MFA


@pytest.mark.parametrize("ticket", ["", "a", "a" * 42, "a" * 44, f"{'a' * 42}=", f"{'a' * 42}\n", "é" * 43])
def test_a_flow_is_put_only_under_a_ticket_that_cannot_be_guessed(backend: Backend, ticket: str) -> None:
    """`put(flow, ticket)` refuses what `put` never returned, such as the empty value of a missing cookie."""
    with pytest.raises(BadField, match=r"^PendingSignIns\.ticket must be one that `put` returned$"):
        backend.pending.put(backend.sign_in(), ticket)

    assert error_for(backend.pending, None) == NOT_FOUND


def test_the_store_reveals_nothing(backend: Backend) -> None:
    """Neither store nor repr has a ticket or anything of the sign-in."""
    flow = backend.pool.cognito().sign_in("ada", PASSWORD, walk=False)  # its password is still needed
    ticket = backend.pending.put(flow)
    content = str(backend.store._texts)
    assert isinstance(flow.challenge, PasswordVerifier)
    text = content + repr(backend.pending) + repr(backend.store)

    for secret in (ticket, PASSWORD, flow.challenge.secret_block.reveal(), "PASSWORD_VERIFIER"):
        assert secret not in text
    for name in backend.store._texts:
        assert error_for(backend.pending, name) == NOT_FOUND


def test_keys_can_be_rotated(backend: Backend) -> None:
    """A worker with both keys resumes a sign-in of the old one; a worker with neither drops it."""
    ticket, other = backend.pending.put(backend.sign_in()), backend.pending.put(backend.sign_in())

    rotated = backend.other_worker(key=iter([new_key(), *backend.pending._key]))
    for _ in range(2):
        with rotated.turn(ticket) as flow:
            assert flow.state is State.SMS_MFA
    assert error_for(backend.pending, ticket) == (SealBroken, RecoveryAction.START_AGAIN)
    assert error_for(backend.other_worker(key=new_key()), other) == (SealBroken, RecoveryAction.START_AGAIN)
    assert (error_for(rotated, ticket), error_for(backend.pending, other)) == (NOT_FOUND, NOT_FOUND)


def test_invalid_settings_are_refused(backend: Backend) -> None:
    """An invalid key, a turn lifetime of zero, other types and a driver of the other kind are refused."""
    with pytest.raises(BadKey):
        backend.other_worker(key="no key").put(backend.sign_in())
    with pytest.raises(ValueError, match="turn_lifetime must be more than 0"):
        backend.other_worker(turn_lifetime=timedelta(0))
    wrong: Any
    for wrong in (None, 5, "x"):
        with pytest.raises(TypeError, match="turn_lifetime must be of type timedelta, not"):
            backend.other_worker(turn_lifetime=wrong)
        with pytest.raises(TypeError, match="cognito must be a driver, and store must be a store, not"):
            PendingSignIns(backend.pool.cognito(), wrong, new_key())
        with pytest.raises(TypeError, match="cognito must be a driver, and store must be a store, not"):
            PendingSignIns(wrong, backend.store, new_key())
        for store in (backend.other_worker(), SharedTokens(backend.pool.cognito(), backend.store, new_key())):
            with pytest.raises(TypeError, match="flow must be a sign-in of `cognito`, not of type"):
                store.put(wrong)
    asynchronous = AsyncCognito(backend.pool.client(), client_id=backend.pool.client_id)
    mixed: list[tuple[Any, Any, Any]] = [
        *((each, asynchronous, backend.store) for each in (PendingSignIns, SharedTokens)),
        *((each, backend.pool.cognito(), AsyncMemoryStore()) for each in (AsyncPendingSignIns, AsyncSharedTokens)),
    ]
    for kind, driver, entries in mixed:
        named = f"{kind.__name__} cannot be used with {type(driver).__name__}: use the Async"
        with pytest.raises(TypeError, match=named):
            kind(driver, entries, new_key())
    for wrong, error in ((None, TypeError), ("1", TypeError), (0, ValueError), (-1.5, ValueError)):
        with pytest.raises(error, match=r"timeout must be (more than 0|of type)"):
            RedisStore(wrong, timeout=wrong)
    wrong = MemoryStore
    with pytest.raises(TypeError, match="cognito must be a driver, and store must be a store, not Cognito and type"):
        PendingSignIns(backend.pool.cognito(), wrong, new_key())


def test_a_flow_of_another_app_client_is_refused(backend: Backend) -> None:
    """`put` refuses a flow of another app client, which no turn could resume, and stores nothing."""
    other = LocalPool()
    other.add_user("ada", PASSWORD)

    for store in (backend.pending, SharedTokens(backend.pool.cognito(), backend.store, new_key())):
        for flow in (other.cognito().sign_in("ada", PASSWORD), other.cognito().start(PASSWORD)):
            with pytest.raises(BadField, match="flow belongs to another app client than `cognito`"):
                store.put(flow)
    assert len(backend.store) == 0


def test_a_worker_with_an_invalid_key_takes_no_sign_in(backend: Backend) -> None:
    """An invalid key is refused before a turn: the sign-in stays available to the other workers."""
    ticket = backend.pending.put(backend.sign_in())
    wrong: Any
    for wrong in ("no key", "", [], ["no key"]):
        with pytest.raises(BadKey), backend.other_worker(key=wrong).turn(ticket):
            pass
    with backend.pending.turn(ticket) as flow:
        assert flow.state is State.SMS_MFA


def test_a_redis_client_of_the_other_kind_is_refused() -> None:
    """An asyncio client in RedisStore would store nothing, and a synchronous one would block the event loop."""
    wrong: Any = redis.asyncio.Redis()
    with pytest.raises(TypeError, match=r"RedisStore needs a client of redis, .* not <class .redis\.asyncio"):
        RedisStore(wrong)
    for wrong in (redis.Redis(), None):
        with pytest.raises(TypeError, match=r"AsyncRedisStore one of redis\.asyncio, not <class"):
            AsyncRedisStore(wrong)


def test_a_failing_store_does_not_lose_tokens(backend: Backend, tmp_path: Path) -> None:
    """If Redis fails during a turn, issued tokens are not lost."""
    with redis_server(tmp_path) as server, server.client() as client:
        pending = PendingSignIns(backend.pool.cognito(), RedisStore(client), new_key())
        answered, code = pending.put(backend.sign_in()), backend.code
        looked_at = pending.put(backend.sign_in())
        turn = pending.turn(looked_at)
        waiting = turn.__enter__()
        with pending.turn(answered) as flow:
            server.end()
            flow.answer(code)
        with pytest.raises(StoreUnavailable):
            turn.__exit__(None, None, None)

    assert (flow.state, waiting.state) == (State.AUTHENTICATED, State.SMS_MFA)


@pytest.mark.parametrize("failures", [1, 2, 100])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_sign_in_that_moved_on_is_not_lost(
    backend: Backend, kind: str, failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it cannot be put back at once, it is tried again; the last error has it, also beside the block's own error."""
    ticket = backend.pending.put(backend.sign_in())
    remaining_failures, put = [failures], backend.store.put

    def failing(*args: Any) -> None:
        if remaining_failures[0] > 0:
            remaining_failures[0] -= 1
            raise StoreUnavailable("reset by the peer")
        put(*args)

    monkeypatch.setattr(backend.store, "put", failing)

    def answer_wrongly() -> None:
        with backend.pending.turn(ticket) as flow:
            flow.answer(Code("000000"))

    async def answer_wrongly_on_a_loop() -> None:
        async with over_the_loop(backend, AsyncMemoryStore(backend.store)).turn(ticket) as flow:
            await flow.answer(Code("000000"))

    with pytest.raises((UserError, NotStored)) as caught:
        answer_wrongly() if kind == "sync" else asyncio.run(answer_wrongly_on_a_loop())
    error: Any = caught.value
    assert isinstance(error, NotStored) is (failures == 100)
    if failures == 100:
        assert isinstance(error.__cause__, StoreUnavailable)
        assert error_for(backend.pending, ticket) == WAIT
        assert str(error).startswith("the sign-in or its new tokens could not be stored (reset by the peer): ")
        remaining_failures[0] = 0
        assert backend.pending.put(error.flow, ticket) == ticket

    with backend.other_worker().turn(ticket) as flow:
        assert [step.error for step in flow.history] == [None, None, "CodeMismatchException"]
        assert flow.answer(backend.code) is State.AUTHENTICATED
    assert error_for(backend.pending, ticket) == NOT_FOUND


# ---- on an event loop --------------------------------------------------------------------------------------


def over_the_loop(backend: Backend, store: AsyncStore) -> AsyncPendingSignIns[AsyncFlow]:
    """Return the same pool and key for an event loop."""
    pool = backend.pool
    cognito = AsyncCognito(
        pool.client(),
        client_id=pool.client_id,
        pool_id=pool.pool_id,
        client_secret=pool.client_secret,
        clock=backend.clock,
    )
    return AsyncPendingSignIns(cognito, store, backend.pending._key)


def test_the_same_on_an_event_loop(backend: Backend) -> None:
    """The async class behaves alike, and both classes accept each other's tickets."""

    async def conversation() -> list[str]:
        pending = over_the_loop(backend, AsyncMemoryStore(backend.store))
        ticket = await pending.put(await pending_sign_in(pending))
        with pytest.raises(UserError):
            async with pending.turn(ticket) as flow:
                await flow.answer(Code("000000"))
        async with pending.turn(ticket):
            assert error_for(backend.pending, ticket) == WAIT
            with pytest.raises(InvalidOperation):
                async with pending.turn(ticket):
                    pass
        with backend.pending.turn(ticket) as resumed:
            assert len(resumed.history) == 3
        async with pending.turn(ticket) as flow:
            assert await flow.answer(backend.code) is State.AUTHENTICATED
        other = await pending.put(await pending_sign_in(pending))
        await pending.drop(other)
        with pytest.raises(SealNotFound):
            async with pending.turn(other):
                pass
        broken = await pending.put(await pending_sign_in(pending))
        pending._key = wrapped_keys(new_key())
        with pytest.raises(SealBroken):
            async with pending.turn(broken):
                pass
        return [ticket, other, broken]

    tickets = asyncio.run(conversation())

    assert [error_for(backend.pending, each) for each in tickets] == [NOT_FOUND] * 3
    assert len(backend.store) == 0


async def pending_sign_in(pending: AsyncPendingSignIns[AsyncFlow]) -> AsyncFlow:
    """Return a sign-in that waits for a code."""
    assert isinstance(pending.cognito, AsyncCognito)
    return await pending.cognito.sign_in("ada", PASSWORD)


@pytest.mark.parametrize("calls", range(6))
def test_a_browser_that_hangs_up_at_once_loses_nothing(backend: Backend, calls: int) -> None:
    """A turn that is cancelled at its beginning puts the sign-in back."""

    class SlowStore(AsyncMemoryStore):
        async def take(self, name: str, seconds: float) -> str | None:
            """Take an entry slowly."""
            await asyncio.sleep(0)
            sealed = await super().take(name, seconds)
            await asyncio.sleep(0)
            return sealed

    async def conversation() -> str:
        pending = over_the_loop(backend, SlowStore(backend.store))
        ticket = await pending.put(await pending_sign_in(pending))

        async def request() -> None:
            async with pending.turn(ticket):
                await asyncio.sleep(60)

        task = asyncio.create_task(request())
        for _ in range(calls):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        while RUNNING:
            await asyncio.wait(RUNNING)
        return ticket

    ticket = asyncio.run(conversation())

    with backend.pending.turn(ticket) as flow:
        assert flow.answer(backend.code) is State.AUTHENTICATED


def test_a_browser_that_hangs_up_loses_nothing(backend: Backend) -> None:
    """A turn that is cancelled repeatedly at its end puts the sign-in back."""

    class Slow(AsyncMemoryStore):
        async def put(self, name: str, sealed: str, seconds: float) -> None:
            """Put an entry slowly."""
            await asyncio.sleep(0.01)
            await super().put(name, sealed, seconds)

    async def conversation() -> str:
        pending = over_the_loop(backend, Slow(backend.store))
        ticket = await pending.put(await pending_sign_in(pending))

        async def request() -> None:
            async with pending.turn(ticket):
                await asyncio.sleep(60)

        task = asyncio.create_task(request())
        while not task.done():
            await asyncio.sleep(0)
            task.cancel()
        assert backend.store.take(name_of(ticket), 60) == TAKEN
        await asyncio.gather(*RUNNING)
        return ticket

    ticket = asyncio.run(conversation())

    with backend.pending.turn(ticket) as flow:
        assert flow.answer(backend.code) is State.AUTHENTICATED
