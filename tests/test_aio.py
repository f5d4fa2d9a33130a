"""The async driver never blocks the loop, can be cancelled at any await, and takes one answer at a time."""

# A test looks at one state again and again: mypy believes that it cannot have changed.
# mypy: disable-error-code="comparison-overlap"

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

import pytest
from botocore.exceptions import EndpointConnectionError
from joserfc.jwk import RSAKey
from local_servers import CLIENT_ID, PASSWORD, POOL_ID, ThreadServer, serve_in_thread
from scenario_user_async import aio_client, async_cognito
from transitions.extensions.asyncio import AsyncMachine

from authfsm import State, srp
from authfsm.core.encryption import new_key
from authfsm.core.machine import build
from authfsm.drivers import aio, totp
from authfsm.drivers.aio import AsyncCognito, AsyncFlow
from authfsm.drivers.background import RUNNING
from authfsm.drivers.boto import Cognito, Flow
from authfsm.drivers.flow_steps import CpuTask
from authfsm.local import DeviceConfiguration, LocalPool
from authfsm.observers import Observation
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import ConnectionLost, InvalidOperation, RefusedCaller, RefusedUser, WrongResponse

T = TypeVar("T")
PHONE = "+15555550143"
CONCURRENT_USERS = 50
PROOF = [State.START, State.PASSWORD_VERIFIER]


def lost(**_: object) -> None:
    """A handler of boto3's that loses the request before it is sent."""
    raise EndpointConnectionError(endpoint_url="https://nowhere.example")


@pytest.fixture
def pool(signing_key: RSAKey) -> LocalPool:
    """A pool whose users receive a code by SMS."""
    device = DeviceConfiguration(challenge_required_on_new_device=True)
    local_pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key, device=device)
    local_pool.add_user("ada", PASSWORD, phone_number=PHONE)
    return local_pool


@pytest.fixture(scope="module")
def web() -> Iterator[ThreadServer]:
    """A pool behind HTTP, with ada and many other users."""
    users = [
        {"username": name, "password": PASSWORD, "phone_number": PHONE, "preferred_mfa": "SMS_MFA"}
        for name in ("ada", *(f"u{n}" for n in range(200)))
    ]
    with serve_in_thread(users=users, mfa="OPTIONAL") as web:
        yield web


@asynccontextmanager
async def cognito_over_http(web: ThreadServer, **config: Any) -> AsyncIterator[AsyncCognito]:
    """The async driver over HTTP."""
    async with aio_client(web.url, **config) as client:
        yield AsyncCognito(client, client_id=CLIENT_ID, pool_id=POOL_ID)


def wrong(code: str) -> r.Code:
    """Return a wrong code."""
    return r.Code(f"{(int(code) + 1) % 10**6:06d}")


@pytest.mark.parametrize("kind", ["plain", "async", "lambda"])
def test_a_rotated_client_secret(pool: LocalPool, kind: str) -> None:
    """A client_secret function, async or not, is called before each request, off the loop's thread."""
    current = ["one"]
    threads = set()

    def plain() -> str:
        threads.add(threading.current_thread())
        return current[0]

    async def awaited() -> str:
        return current[0]

    async def run() -> None:
        functions: dict[str, Any] = {"plain": plain, "async": awaited, "lambda": lambda: awaited()}  # noqa: PLW0108 - no coroutine function
        client_id = pool.client_id
        cognito = AsyncCognito(pool.client(), client_id=client_id, pool_id=pool.pool_id, client_secret=functions[kind])
        del pool._core.clients[client_id]
        pool.add_client(client_id=client_id, client_secret="one")
        flow, key = await cognito.sign_in("ada", PASSWORD), new_key()
        del pool._core.clients[client_id]
        pool.add_client(client_id=client_id, client_secret="two")
        current[0] = "two"
        flow = cognito.resume(flow.seal(key), key)
        assert await flow.answer(r.Code(pool.outbox.code_for("ada"))) is State.AUTHENTICATED
        assert "two" not in repr(vars(flow.cognito))

    asyncio.run(run())
    assert threading.current_thread() not in threads


# ---- the loop is not blocked ----------------------------------------------------------------------------


class ExecutorOnTheLoop(ThreadPoolExecutor):
    """An executor that runs computations at once in the loop's thread, as a driver must not do."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a computation at once, and anything else in a thread."""
        if not isinstance(args[0], CpuTask):
            return super().submit(fn, *args, **kwargs)
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


async def greatest_gap(work: Awaitable[Any]) -> float:
    """Return the greatest CPU time of this thread between two ticks of the loop while work runs.

    Its own time, not the clock's: what other threads and other programs take is not the loop's fault.
    """
    gaps: list[float] = []

    async def ticks() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            gaps.append(now - last)
            last = now

    ticker = asyncio.ensure_future(ticks())
    await asyncio.sleep(0)
    gc.disable()  # a garbage collection is no computation
    try:
        await work
    finally:
        gc.enable()
        ticker.cancel()
    return max(gaps)


async def sign_in_many(cognito: AsyncCognito) -> None:
    """Sign in many users at once by SRP, and confirm the device of each."""

    async def one(number: int) -> None:
        flow = await cognito.sign_in(f"u{number}", PASSWORD)
        assert flow.state is State.AUTHENTICATED
        await flow.confirm_device()

    await asyncio.gather(*(one(number) for number in range(CONCURRENT_USERS)))


@pytest.fixture
def without_mfa(signing_key: RSAKey) -> LocalPool:
    """A pool in which a password suffices."""
    local_pool = LocalPool(key=signing_key, device=DeviceConfiguration())
    for number in range(CONCURRENT_USERS):
        local_pool.add_user(f"u{number}", PASSWORD)
    return local_pool


def srp_a_cpu_time() -> float:
    """Return the CPU time of SRP_A on this machine: the least of several measurements."""
    took = []
    for _ in range(9):
        start = time.thread_time()
        srp.ephemeral(b"\x07" * 32)
        took.append(time.thread_time() - start)
    return min(took)


def test_computations_and_calls_do_not_block_the_loop(without_mfa: LocalPool) -> None:
    """Fifty sign-ins at once never block the loop for half as long as their SRP_A computations take.

    The watchdog is shown to bite: with the same arithmetic done on the loop the gap is above the bound.
    """

    async def gap(executor: Executor | None) -> float:
        cognito = async_cognito(without_mfa)
        await cognito.sign_in("u0", PASSWORD)  # imports and caches happen at the first sign-in
        cognito._threads = executor or cognito._threads
        return await greatest_gap(sign_in_many(cognito))

    bound = CONCURRENT_USERS * srp_a_cpu_time() / 2

    assert asyncio.run(gap(ExecutorOnTheLoop())) > bound
    assert asyncio.run(gap(None)) < bound


def test_computations_do_not_block_the_loop_over_http(web: ThreadServer) -> None:
    """Over aiobotocore too, every SRP computation runs in another thread than the loop's."""
    threads: set[str] = set()
    loops: set[str] = set()

    async def signs_in() -> None:
        loops.add(threading.current_thread().name)
        async with cognito_over_http(web) as cognito:
            reckons = cognito._in_thread

            async def noted(function: Callable[..., T], *args: Any) -> T:
                def here() -> T:
                    threads.add(threading.current_thread().name)
                    return function(*args)

                return await reckons(here)

            cognito._in_thread = noted  # type: ignore[method-assign]  # it looks on
            flow = await cognito.sign_in("ada", PASSWORD)
            assert [step.source for step in flow.history] == PROOF

    asyncio.run(signs_in())

    assert threads
    assert not threads & loops
    assert {name.rpartition("_")[0] for name in threads} == {"authfsm"}


def test_threads_run_in_the_callers_context(pool: LocalPool) -> None:
    """boto3 hooks that trace or log see the context of the request."""
    request: ContextVar[str] = ContextVar("request", default="none")
    names: set[str] = set()
    cognito = async_cognito(pool)
    cognito.client.meta.events.register("before-call.*", lambda **_: names.add(request.get()))

    async def signs_in() -> None:
        request.set("the request")
        await cognito.sign_in("ada", PASSWORD)

    asyncio.run(signs_in())

    assert names == {"the request"}


# ---- cancellation ---------------------------------------------------------------------------------------


class CancelledAwait:
    """Awaits a coroutine, and cancels its own task at the coroutine's nth await.

    Args:
        inner: the coroutine.
        nth: at which; 1 for the first.
    """

    def __init__(self, inner: Coroutine[Any, Any, T], nth: int) -> None:
        self._inner = inner
        self._nth = nth

    def __await__(self) -> Generator[Any, Any, Any]:
        """Iterate over the coroutine's awaits."""
        inner, count = self._inner.__await__(), 0
        resume: Callable[[], Any] = partial(inner.send, None)
        while True:
            try:
                waited = resume()
            except StopIteration as end:
                return end.value
            count += 1
            if count == self._nth:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                resume = partial(inner.send, (yield waited))
            except BaseException as error:  # noqa: BLE001 - the coroutine decides
                resume = partial(inner.throw, error)


async def cancelled_at(work: Coroutine[Any, Any, Any], nth: int) -> bool:
    """Return whether the coroutine was cancelled at its nth await; False if it ended before."""

    async def whole() -> None:
        await CancelledAwait(work, nth)

    task = asyncio.ensure_future(whole())
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


class Gate:
    """Holds the requests of a boto3 client back until it is opened, and loses them then."""

    def __init__(self, client: Any) -> None:
        self.open = True
        self._end = threading.Event()
        client.meta.events.register_first("before-send.*", self)

    def __call__(self, **named: Any) -> None:
        """Hold a request back before it is sent."""
        if not self.open:
            assert self._end.wait(30)
            lost(**named)

    def end(self) -> None:
        """Lose the requests that were held back."""
        self._end.set()


async def wait_for_background_tasks() -> None:
    """Wait until no task is in the background."""
    while RUNNING:
        await asyncio.wait(RUNNING)


def data_of(flow: AsyncFlow) -> tuple[Any, ...]:
    """Return the state of a flow, and everything with which it can continue."""
    return (
        flow.state, flow.challenge, flow.history, flow.accepts, flow.device, flow.tokens, flow.signin.session,
        flow.signin.awaiting, flow.signin.username,
    )  # fmt: skip


@pytest.mark.parametrize("nth", range(1, 4))
def test_a_sign_in_cancelled_at_any_await_can_continue(pool: LocalPool, nth: int) -> None:
    """A flow that is cancelled at SRP_A, its request or the proof is unchanged, and continues from there."""
    observations: list[Observation] = []

    async def converse() -> None:
        cognito = async_cognito(pool, observers=[observations.append])
        flow = cognito.start(PASSWORD)
        assert await cancelled_at(flow.begin("USER_SRP_AUTH", "ada"), nth)

        stood = PROOF[nth > 2]
        assert (flow.state, flow.signin.awaiting) == (stood, None)
        assert len(flow.history) == PROOF.index(stood)
        if flow.state is State.START:
            await flow.begin("USER_SRP_AUTH", "ada")
        else:
            await flow.step()
        assert flow.state is State.SMS_MFA
        assert await flow.answer(r.Code(pool.outbox.code_for("ada"))) is State.AUTHENTICATED

    asyncio.run(converse())

    reported = [(each.step.response.trigger, each.lost) for each in observations]
    cut = [("user_srp_auth", "CancelledError")] if nth == 2 else []
    assert reported == [*cut, ("user_srp_auth", None), ("srp_claim", None), ("code", None)]


@pytest.mark.parametrize("waited", ["the arithmetic", "the reply"])
@pytest.mark.parametrize("steps", range(5))
def test_the_result_of_a_cancelled_thread_changes_nothing(
    pool: LocalPool, monkeypatch: pytest.MonkeyPatch, steps: int, waited: str
) -> None:
    """If a step is cancelled while its thread runs, and its request is then lost, the flow is as it was.

    A thread cannot be stopped. The calls are held back and then lost, so that the pool has not received them; the
    flow goes on to its end. A request that must not be repeated is in progress until it is lost.
    """
    monkeypatch.setattr(aio, "CANCELLATION_DELAY", 0.01)

    async def converse() -> None:
        cognito = async_cognito(pool)
        gate = Gate(cognito.client)
        first = await cognito.sign_in("ada", PASSWORD)
        await first.answer(r.Code(pool.outbox.code_for("ada")))
        flow = cognito.start(PASSWORD, walk=False)
        if steps < 4:
            flow = cognito.start(PASSWORD, walk=False, device=await first.confirm_device())

        async def step() -> None:
            if flow.state is State.START:
                await flow.begin("USER_SRP_AUTH", "ada")
            elif flow.state is State.SMS_MFA:
                await flow.answer(r.Code(pool.outbox.code_for("ada")))
            elif flow.state is State.AUTHENTICATED:
                await flow.confirm_device()
            else:
                await flow.step()

        while len(flow.history) < min(steps, 3) or (steps == 4 and not flow.done):
            await step()
        before = data_of(flow)
        gate.open = waited == "the arithmetic"
        assert await cancelled_at(step(), 1 if waited == "the arithmetic" else 2)
        assert flow.busy == (waited == "the reply" and steps > 0)  # USER_SRP_AUTH may be repeated
        if flow.busy:
            with pytest.raises(InvalidOperation, match="in progress"):
                await step()
        gate.end()
        await wait_for_background_tasks()
        assert data_of(flow) == before

        gate.open = True
        while not flow.done or (steps == 4 and flow.device is None):
            await step()
        assert flow.state is State.AUTHENTICATED

    asyncio.run(converse())


@pytest.mark.parametrize("right", [True, False])
def test_an_answer_cancelled_over_http_is_completed(web: ThreadServer, right: bool) -> None:  # noqa: FBT001 - a test's case
    """An answer that is cancelled at any await still gets its reply: the tokens, or the refusal."""

    async def converse() -> int:
        nth = 0
        async with cognito_over_http(web) as cognito:
            while True:
                nth += 1
                flow = await cognito.sign_in("ada", PASSWORD)
                code = r.Code(web.code_for("ada"))
                with suppress(RefusedUser):
                    if not await cancelled_at(flow.answer(code if right else wrong(code.code.reveal())), nth):
                        return nth
                assert (flow.state, flow.busy) == (State.AUTHENTICATED if right else State.SMS_MFA, False)
                assert (flow.tokens is not None, flow.refusal is None) == (right, right)
                if not right and nth > 1:
                    return nth

    assert asyncio.run(converse()) >= 2


def test_a_proof_cancelled_over_http(web: ThreadServer) -> None:
    """A sign-in cancelled at any await over HTTP is in START, at the proof or after it, and continues from there."""

    async def converse() -> set[State]:
        stood = set()
        async with cognito_over_http(web) as cognito:
            await cognito.sign_in("ada", PASSWORD)
            for nth in range(1, 100):
                flow = cognito.start(PASSWORD)
                if not await cancelled_at(flow.begin("USER_SRP_AUTH", "ada"), nth):
                    break
                stood.add(flow.state)
                assert (flow.signin.awaiting, flow.busy) == (None, False)
                if flow.state is State.START:
                    await flow.begin("USER_SRP_AUTH", "ada")
                elif flow.state is State.PASSWORD_VERIFIER:
                    await flow.step()
                assert flow.state is State.SMS_MFA
        return stood

    assert asyncio.run(converse()) == {*PROOF, State.SMS_MFA}


def test_a_timeout_leaves_the_sign_in_usable(pool: LocalPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncio.wait_for over an answer that takes too long: TimeoutError; when it is lost, the same answer succeeds."""
    monkeypatch.setattr(aio, "CANCELLATION_DELAY", 0.01)

    async def converse() -> None:
        cognito = async_cognito(pool)
        flow = await cognito.sign_in("ada", PASSWORD)
        code, before = r.Code(pool.outbox.code_for("ada")), data_of(flow)
        gate = Gate(cognito.client)
        gate.open = False
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(flow.answer(code), 0.05)
        gate.end()
        await wait_for_background_tasks()
        assert data_of(flow) == before
        gate.open = True

        assert await flow.answer(code) is State.AUTHENTICATED

    asyncio.run(converse())


def test_cancel_while_a_reply_is_awaited(pool: LocalPool) -> None:
    """After flow.cancel() during an answer, the reply is ignored, and the flow accepts no answer."""

    async def converse() -> None:
        cognito = async_cognito(pool)
        flow = await cognito.sign_in("ada", PASSWORD)
        answer = asyncio.ensure_future(flow.answer(r.Code(pool.outbox.code_for("ada"))))
        await asyncio.sleep(0)
        flow.cancel()
        with pytest.raises(InvalidOperation, match="no request to which"):
            await answer

        assert (flow.state, flow.challenge, flow.tokens) == (State.FAILED, None, None)
        with pytest.raises(WrongResponse):
            await flow.answer(r.Code("123456"))

    asyncio.run(converse())


# ---- concurrent answers ---------------------------------------------------------------------------------


def test_a_concurrent_answer_gets_wait(pool: LocalPool) -> None:
    """A second answer at the same time gets WAIT and is not sent; the first one continues."""

    async def converse() -> None:
        cognito = async_cognito(pool)
        flow = await cognito.sign_in("ada", PASSWORD)
        right = pool.outbox.code_for("ada")
        first, second = await asyncio.gather(
            flow.answer(r.Code(right)), flow.answer(wrong(right)), return_exceptions=True
        )

        assert first is State.AUTHENTICATED
        assert isinstance(second, InvalidOperation)
        assert (second.action, second.state) == (RecoveryAction.WAIT, State.SMS_MFA)
        assert [step.error for step in flow.history] == [None, None, None]

    asyncio.run(converse())


def test_two_hundred_sign_ins_at_once(web: ThreadServer) -> None:
    """Of two hundred users on one client and one loop, each gets their own tokens."""

    async def one(cognito: AsyncCognito, name: str) -> str | None:
        flow = await cognito.sign_in(name, PASSWORD)
        assert flow.state is State.SMS_MFA
        code = await asyncio.to_thread(web.code_for, name)
        await flow.answer(r.Code(code))
        assert flow.tokens is not None
        return flow.tokens.username

    async def all_of_them() -> list[str | None]:
        async with cognito_over_http(web, max_pool_connections=20) as cognito:
            return list(await asyncio.gather(*(one(cognito, f"u{n}") for n in range(200))))

    assert asyncio.run(all_of_them()) == [f"u{n}" for n in range(200)]


# ---- errors ---------------------------------------------------------------------------------------------


def test_a_lost_connection_leaves_the_sign_in_usable(web: ThreadServer) -> None:
    """A lost connection over HTTP raises ConnectionLost with WAIT, and the same answer then succeeds."""
    observations: list[Observation] = []

    async def converse() -> None:
        async with aio_client(web.url) as client:
            cognito = AsyncCognito(client, client_id=CLIENT_ID, pool_id=POOL_ID, observers=[observations.append])
            flow = await cognito.sign_in("ada", PASSWORD)
            code, before = r.Code(web.code_for("ada")), data_of(flow)

            client.meta.events.register_first("before-send.*", lost)
            with pytest.raises(ConnectionLost) as caught:
                await flow.answer(code)
            client.meta.events.unregister("before-send.*", lost)
            assert (caught.value.action, caught.value.state) == (RecoveryAction.WAIT, State.SMS_MFA)
            assert caught.value.__context__ is None
            assert data_of(flow) == before

            assert await flow.answer(code) is State.AUTHENTICATED

    asyncio.run(converse())

    assert [(each.step.number, each.lost) for each in observations] == [
        (1, None), (2, None), (3, "ConnectionLost"), (3, None),
    ]  # fmt: skip


def test_nothing_listens() -> None:
    """If nothing listens at the address, ConnectionLost has the flow to continue with."""

    async def converse() -> None:
        async with aio_client("http://127.0.0.1:9", connect_timeout=2) as client:
            cognito = AsyncCognito(client, client_id=CLIENT_ID, pool_id=POOL_ID)
            with pytest.raises(ConnectionLost) as caught:
                await cognito.sign_in("ada", PASSWORD)
        assert caught.value.flow is not None
        assert caught.value.flow.state is State.START

    asyncio.run(converse())


def test_refusals_are_the_same(web: ThreadServer) -> None:
    """A wrong password raises RefusedUser and ends the attempt.

    A wrong client id is the caller's or operator's fault.
    """

    async def converse() -> None:
        async with cognito_over_http(web) as cognito:
            with pytest.raises(RefusedUser) as caught:
                await cognito.sign_in("ada", "Wrong-Horse-1")
            assert (caught.value.survives, caught.value.refusal.code) == (False, "NotAuthorizedException")
            assert caught.value.flow is not None
            assert caught.value.flow.state is State.FAILED

    asyncio.run(converse())


def test_a_client_that_is_not_one_yet() -> None:
    """The driver tells apart an async client, a sync client and the context manager of create_client."""

    async def converse() -> None:
        not_yet = aio_client("http://127.0.0.1:9")
        with pytest.raises(TypeError, match="async with"):
            AsyncCognito(not_yet, client_id=CLIENT_ID)
        async with not_yet as client:
            with pytest.raises(TypeError, match="AsyncCognito"):
                Cognito(client, client_id=CLIENT_ID)
            for work in (
                lambda: totp.associate(client, "token", issuer="Example"),
                lambda: totp.verify(client, "token", "123456"),
                lambda: totp.switch_on(client, "token"),
            ):
                with pytest.raises(TypeError, match="coroutine function"):
                    work()

    asyncio.run(converse())


# ---- the rest of the interface --------------------------------------------------------------------------


def test_a_sealed_sign_in_moves_between_the_drivers(pool: LocalPool) -> None:
    """A sealed sign-in continues in the other driver, at a challenge and before the SRP proof."""
    key = new_key()

    async def begins() -> str:
        flow = await async_cognito(pool).sign_in("ada", PASSWORD, walk=False)
        assert flow.state is State.PASSWORD_VERIFIER
        return flow.seal(key)

    def answers(sealed: str) -> str:
        flow = pool.cognito().resume(sealed, key)
        assert flow.step() is State.SMS_MFA
        with pytest.raises(RefusedUser):
            flow.answer(wrong(pool.outbox.code_for("ada")))
        return flow.seal(key)

    async def ends(sealed: str) -> AsyncFlow:
        flow = async_cognito(pool).resume(sealed, key)
        await flow.answer(r.Code(pool.outbox.code_for("ada")))
        return flow

    flow = asyncio.run(ends(answers(asyncio.run(begins()))))

    assert [(step.response.trigger, str(step.dest)) for step in flow.history] == [
        ("user_srp_auth", "PASSWORD_VERIFIER"),
        ("srp_claim", "SMS_MFA"),
        ("code", "SMS_MFA"),
        ("code", "AUTHENTICATED"),
    ]

    async def resumed_at_the_proof() -> State:
        flow = async_cognito(pool).resume(await begins(), key)
        assert flow._pair is None
        return await flow.step()

    assert asyncio.run(resumed_at_the_proof()) is State.SMS_MFA


@pytest.mark.parametrize(("sync", "awaited"), [(Flow, AsyncFlow), (Cognito, AsyncCognito)])
def test_both_drivers_have_the_same_methods(sync: type, awaited: type) -> None:
    """Both drivers have the same methods, with the same arguments in the same order."""

    def taken(kind: type) -> dict[str, list[tuple[str, Any, Any]]]:
        every = inspect.getmembers(kind, inspect.isfunction)
        return {
            name: [(each.name, each.kind, each.default) for each in inspect.signature(call).parameters.values()]
            for name, call in every
            if not name.startswith("_")
        }

    assert taken(awaited) == taken(sync)


def test_prepared_responses_can_be_sent(pool: LocalPool) -> None:
    """An initial response, or a late password, is prepared off the loop and then sent."""

    async def converse() -> None:
        flow = async_cognito(pool).start(PASSWORD)
        assert await flow.answer(await flow.initial_response("USER_SRP_AUTH", "ada")) is State.SMS_MFA

        flow = await async_cognito(pool).sign_in("ada", flow="USER_AUTH")
        assert flow.state is State.SELECT_CHALLENGE
        proof = await flow.make_response(r.SrpA, password=PASSWORD)
        assert await flow.answer(proof) is State.SMS_MFA

    asyncio.run(converse())


def test_cancel_during_a_computation_keeps_nothing(pool: LocalPool) -> None:
    """If a flow is cancelled during a computation, the result is dropped and nothing is sent."""

    async def converse() -> None:
        flow = async_cognito(pool).start(PASSWORD)
        begins = asyncio.create_task(flow.begin("USER_SRP_AUTH", "ada"))
        await asyncio.sleep(0)
        flow.cancel()

        with pytest.raises(WrongResponse):
            await begins
        assert (flow.state, flow.history) == (State.FAILED, ())
        assert (flow._password, flow._exponent, flow._pair) == (None, None, None)

    asyncio.run(converse())


def test_every_method_of_a_flow(pool: LocalPool) -> None:
    """Each method of an async flow works: next_response, restart, confirm_device, refresh, sign_out."""

    async def converse() -> None:
        cognito = async_cognito(pool)
        flow = await cognito.sign_in("ada", PASSWORD, walk=False)
        assert isinstance(await flow.next_response(), r.SrpClaim)
        assert await flow.step() is State.SMS_MFA
        with pytest.raises(InvalidOperation, match="needs user input"):
            await flow.step()

        again = await flow.restart(PASSWORD)
        assert (flow.state, again.state) == (State.FAILED, State.PASSWORD_VERIFIER)
        assert await again.carry(r.SrpClaim) is State.SMS_MFA
        assert await again.carry(r.Code, pool.outbox.code_for("ada")) is State.AUTHENTICATED

        device = await again.confirm_device("laptop")
        assert again.device is device
        flow_on_device = await cognito.sign_in("ada", PASSWORD, device=device)
        assert [step.response.trigger for step in flow_on_device.history][2:] == ["srp_a", "srp_claim"]

        assert flow_on_device.tokens is not None
        token = flow_on_device.tokens.refresh_token
        assert token is not None
        fresh = await cognito.refresh(token, device_key=device.device_key)
        assert fresh.access_token != flow_on_device.tokens.access_token
        await flow_on_device.sign_out()
        assert (flow_on_device.state, flow_on_device.tokens) == (State.START, None)

    asyncio.run(converse())


def test_an_async_machine_with_a_driver(pool: LocalPool) -> None:
    """build(machine_cls=AsyncMachine, driver=flow.carry): the triggers of a transitions machine are awaited."""

    async def converse() -> None:
        flow = async_cognito(pool).start(walk=False)
        machine: Any = build(driver=flow.carry, machine_cls=AsyncMachine)
        await machine.user_srp_auth("ada", PASSWORD)
        await machine.srp_claim()
        assert machine.state is flow.state is State.SMS_MFA
        with pytest.raises(RefusedUser):
            await machine.code("000000")
        await machine.code(pool.outbox.code_for("ada"))
        assert machine.state is flow.state is State.AUTHENTICATED

    asyncio.run(converse())


def test_one_object_serves_many_loops(pool: LocalPool) -> None:
    """An AsyncCognito over a boto3 client can be used in one asyncio.run after another."""
    cognito = async_cognito(pool)

    states = [asyncio.run(cognito.sign_in("ada", PASSWORD)).state for _ in range(3)]

    assert states == [State.SMS_MFA] * 3


def test_a_repeated_answer_is_refused_as_used(web: ThreadServer) -> None:
    """A code that is repeated after a lost reply is refused: "session can only be used once"."""

    async def converse() -> None:
        async with aio_client(web.url) as client:
            cognito = AsyncCognito(client, client_id=CLIENT_ID, pool_id=POOL_ID)
            flow = await cognito.sign_in("ada", PASSWORD)
            code = r.Code(web.code_for("ada"))
            client.meta.events.register("needs-retry.*", lost)
            with pytest.raises(ConnectionLost):
                await flow.answer(code)
            client.meta.events.unregister("needs-retry.*", lost)
            with pytest.raises(RefusedCaller, match="only be used once"):
                await flow.answer(code)

    asyncio.run(converse())
