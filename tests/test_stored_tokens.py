"""Programs that start from stored tokens: a refresh token, a device, sealed tokens; with both drivers."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import pickle
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import product
from typing import Any

import boto3
import pytest
from cryptography.fernet import Fernet
from joserfc.jwk import RSAKey

from authfsm import AsyncCognito, Cognito, Device, RecoveryAction, Secret, State, Verifier, new_key
from authfsm.drivers.background import RUNNING
from authfsm.local import DeviceConfiguration, LocalPool, ManualClock, RefreshTokenRotation
from authfsm.protocol import responses as r
from authfsm.protocol.errors import (
    BadField,
    ConnectionLost,
    InvalidOperation,
    Refused,
    SealBroken,
    SealError,
    SealNotFound,
    SealTooNew,
    SealWrongClient,
)
from authfsm.protocol.replies import Tokens, unverified_claims
from authfsm.stores import (
    AsyncMemoryStore,
    AsyncPendingSignIns,
    AsyncSharedTokens,
    MemoryStore,
    NotStored,
    PendingSignIns,
    SharedTokens,
    StoreUnavailable,
    WrongStore,
)

PASSWORD = "Correct-Horse-1"
LIFETIME = 300
ROTATIONS = {"no rotation": None, "rotation": RefreshTokenRotation(0), "rotation with grace": RefreshTokenRotation(10)}

Do = Callable[[Any], Any]


@pytest.fixture(params=["sync", "async"])
def driver(request: pytest.FixtureRequest) -> Iterator[tuple[Callable[[LocalPool], Any], Do]]:
    """Return functions that create a driver of either kind, and that run its calls."""
    loop = asyncio.new_event_loop()

    def do(value: Any) -> Any:
        return loop.run_until_complete(value) if inspect.isawaitable(value) else value

    def awaited(pool: LocalPool) -> Any:
        arguments: dict[str, Any] = {"client_id": pool.client_id, "pool_id": pool.pool_id, "clock": pool.clock}
        return AsyncCognito(pool.client(), client_secret=pool.client_secret, **arguments)

    yield (awaited if request.param == "async" else LocalPool.cognito), do
    loop.close()


@pytest.fixture
def pool_of(signing_key: RSAKey) -> Callable[..., LocalPool]:
    """Return a function that creates a pool with the user ada and a clock that stands still."""

    def make(**settings: Any) -> LocalPool:
        settings = {"access_token_validity": LIFETIME, **settings}
        pool = LocalPool(clock=ManualClock(), key=signing_key, **settings)
        pool.add_user("ada", PASSWORD)
        return pool

    return make


PoolOf = Callable[..., LocalPool]
Driver = tuple[Callable[[LocalPool], Any], Do]


def device_settings(*, on: bool = True) -> DeviceConfiguration | None:
    """Return the settings of a pool with or without devices."""
    return DeviceConfiguration(challenge_required_on_new_device=True) if on else None


def advance(pool: LocalPool, seconds: float) -> None:
    """Let time pass."""
    assert isinstance(pool.clock, ManualClock)
    pool.clock.advance(seconds)


def signed_in(pool: LocalPool) -> Tokens:
    """Return ada's tokens."""
    return pool.cognito().sign_in("ada", PASSWORD).signed_in()


STARTS = ["a refresh token", "sealed tokens"]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("case", list(product(ROTATIONS, (False, True), (0, 1))), ids=str)
def test_a_program_continues_from_stored_tokens(
    pool_of: PoolOf, driver: Driver, start: str, case: tuple[str, bool, int]
) -> None:
    """Stored tokens are refreshed at five expiries, with and without rotation and devices."""
    (cognito_of, do), (rotation, devices, earlier) = driver, case
    pool = pool_of(refresh_token_rotation=ROTATIONS[rotation], device=device_settings(on=devices))
    key, first = new_key(), pool.cognito().sign_in("ada", PASSWORD)
    for _ in range(earlier):
        advance(pool, LIFETIME)
        first.fresh_tokens()
    stored, cognito = first.signed_in(), cognito_of(pool)
    assert stored.refresh_token is not None
    device_key = unverified_claims(stored.access_token).get("device_key")
    assert (device_key is not None) is devices

    if start == "sealed tokens":
        flow = cognito.resume_tokens(stored.seal(key), key)
        assert flow.signed_in() == stored
    else:
        flow = cognito.start()
        do(flow.refresh(stored.refresh_token.reveal(), device_key=device_key))
    access_tokens = [flow.signed_in().access_token]
    for _ in range(5):
        advance(pool, LIFETIME)
        access_tokens.append(do(flow.fresh_tokens()).access_token)

    assert len(set(access_tokens)) == 6
    tokens = flow.signed_in()
    assert (tokens.device_key, flow.state) == (device_key, State.AUTHENTICATED)
    assert (tokens.refresh_token == stored.refresh_token) is (ROTATIONS[rotation] is None)
    assert len(flow.history) == (5 if start == "sealed tokens" else 6)


def test_the_device_key_is_kept_though_the_token_lacks_the_claim() -> None:
    """If no access token names the device, the stored device key stays until a newer one replaces it."""
    result = {"AccessToken": "opaque", "ExpiresIn": 300}
    signin = pool_signin()
    signin.send(r.GetTokensFromRefreshToken("stored", "a device"))
    signin.receive({"AuthenticationResult": result})
    request = signin.send(r.GetTokensFromRefreshToken()).reveal()
    assert (request["RefreshToken"], request["DeviceKey"]) == ("stored", "a device")

    signin.receive({"AuthenticationResult": {**result, "RefreshToken": "newer"}})
    signin.send(r.RefreshTokenAuth("another user's", device_key="another device"))
    signin.receive({"AuthenticationResult": result})
    parameters = signin.send(r.RefreshTokenAuth()).reveal()["AuthParameters"]
    assert parameters == {"REFRESH_TOKEN": "another user's", "DEVICE_KEY": "another device"}


def pool_signin() -> Any:
    """Return a sign-in that has not begun."""
    from authfsm import SignIn  # noqa: PLC0415 - only here

    return SignIn("client")


def test_a_refusal_says_that_the_device_key_may_be_missing(pool_of: PoolOf, driver: Driver) -> None:
    """The error without a device key names the parameter and the claim."""
    cognito_of, do = driver
    pool = pool_of(device=device_settings(), refresh_token_rotation=RefreshTokenRotation(0))
    tokens, cognito = signed_in(pool), cognito_of(pool)
    refresh_token = tokens.refresh_token

    with pytest.raises(Refused, match="pass device_key: the claim device_key") as caught:
        do(cognito.refresh(refresh_token))
    assert caught.value.hint is not None
    with pytest.raises(Refused, match="Invalid Refresh Token") as caught:
        do(cognito.refresh(refresh_token, device_key="another"))
    assert caught.value.hint is None

    do(cognito.refresh(refresh_token, device_key=tokens.device_key))
    with pytest.raises(Refused, match=r"authfsm\.stores\.SharedTokens"):
        do(cognito.refresh(refresh_token, device_key=tokens.device_key))


# ---- without a flow -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("which", ["this session", "all sessions"])
def test_a_session_is_ended_with_its_refresh_token_alone(
    pool_of: PoolOf, driver: Driver, rotation: str, which: str
) -> None:
    """RevokeToken needs no device key; `everywhere` ends the user's other sessions too."""
    (cognito_of, do), everywhere = driver, which == "all sessions"
    pool = pool_of(refresh_token_rotation=ROTATIONS[rotation], device=device_settings(), client_secret=True)
    one, other = signed_in(pool), signed_in(pool)
    cognito = cognito_of(pool)
    arguments = {"device_key": one.device_key} if everywhere else {}

    do(cognito.sign_out(one.refresh_token, everywhere, **arguments))

    with pytest.raises(Refused, match="revoked"):
        do(cognito.refresh(one.refresh_token, device_key=one.device_key))
    if everywhere:
        with pytest.raises(Refused, match="revoked"):
            do(cognito.refresh(other.refresh_token, device_key=other.device_key))
    else:
        do(cognito.refresh(other.refresh_token, device_key=other.device_key))


def test_a_device_is_confirmed_after_the_sign_in(pool_of: PoolOf, driver: Driver) -> None:
    """A device can be confirmed with sealed tokens, also after a lost reply."""
    cognito_of, do = driver
    pool, key = pool_of(device=device_settings()), new_key()
    sealed, cognito = signed_in(pool).seal(key), cognito_of(pool)
    tokens = cognito.resume_tokens(sealed, key).signed_in()

    failures = [True]

    def lose(**_: Any) -> Any:
        if failures.pop() if failures else False:
            raise ConnectionError

    cognito.client.meta.events.register("after-call.*.ConfirmDevice", lose)
    with pytest.raises(ConnectionLost) as caught:
        do(cognito.confirm_device(tokens, "laptop"))
    flow: Any = caught.value.flow
    device = do(flow.confirm_device("laptop"))

    unsealed = Device.unseal(device.seal(key), key)
    assert unsealed == device
    assert device.device_key == tokens.device_key
    again = pool.cognito().sign_in("ada", PASSWORD, device=unsealed)
    assert r.SrpA in [step.response for step in again.history]  # it proved itself
    with pytest.raises(InvalidOperation, match="no new device"):
        do(cognito.confirm_device(again.signed_in()))
    with pytest.raises(BadField, match="must be Tokens, not str"):
        do(cognito.confirm_device("text"))


def test_signed_in_returns_tokens_or_says_what_is_missing(pool_of: PoolOf) -> None:
    """Without tokens, the error of signed_in() names the state."""
    pool = pool_of(mfa="ON", mfa_methods=["SMS_MFA"])
    pool.add_user("eve", PASSWORD, phone_number="+15555550143")
    cognito = pool.cognito()

    with pytest.raises(InvalidOperation, match="START: sign in first"):
        cognito.start().signed_in()
    assert not cognito.start().tokens_valid_for(timedelta(0))
    flow = cognito.sign_in("eve", PASSWORD)
    with pytest.raises(InvalidOperation, match="SMS_MFA: answer the challenge"):
        flow.signed_in()
    flow.answer(r.Code(pool.outbox.code_for("eve")))
    assert flow.signed_in() is flow.tokens
    flow.sign_out()
    with pytest.raises(InvalidOperation, match="START"):
        flow.signed_in()


# ---- seals ----------------------------------------------------------------------------------------------


def test_a_seal_is_of_one_kind_pool_client_and_version(pool_of: PoolOf) -> None:
    """Seals of tokens, devices and sign-ins are distinct.

    Foreign, newer and empty ones raise typed errors.
    """
    pool, key = pool_of(device=device_settings()), new_key()
    cognito, tokens = pool.cognito(), signed_in(pool)
    device = cognito.confirm_device(tokens)
    sealed = {
        cognito.resume_tokens: tokens.seal(key),
        Device.unseal: device.seal(key),
        cognito.resume: cognito.start().seal(key),
    }
    for unseal, own in product(sealed, sealed):
        if unseal == own:
            unseal(sealed[own], key)
        else:
            with pytest.raises(SealError):
                unseal(sealed[own], key)
    for unseal, text in sealed.items():
        with pytest.raises(SealBroken, match="there is no s"):
            unseal(None, key)
        with pytest.raises(SealBroken, match="tampered with, or sealed with another key"):
            unseal(text, new_key())
        form = json.loads(Fernet(key.reveal()).decrypt(text))
        newer = Fernet(key.reveal()).encrypt(json.dumps({**form, "authfsm": 2}).encode())
        with pytest.raises(SealTooNew):
            unseal(newer, key)

    with pytest.raises(SealWrongClient):
        pool_of().cognito().resume_tokens(tokens.seal(key), key)
    with pytest.raises(BadField, match="client_id"):
        Tokens(access_token=Secret("opaque")).seal(key)


ISSUERS = ["https://id.example.com", "http://localhost:9229/pools/{}/v1", "http://localhost:9229/{}"]


@pytest.mark.parametrize("issuer", ISSUERS)
def test_a_pool_with_an_issuer_of_its_own(pool_of: PoolOf, driver: Driver, issuer: str) -> None:
    """Tokens are sealed and resumed whatever the pool's issuer; a `Cognito` of another pool with this issuer cannot."""
    (cognito_of, do), key, pool_id = driver, new_key(), "eu-west-1_AbCdEfGhI"
    pool = pool_of(pool_id=pool_id, issuer=issuer.format(pool_id))
    flow = cognito_of(pool).resume_tokens(signed_in(pool).seal(key), key)
    advance(pool, LIFETIME)
    do(flow.fresh_tokens())
    sealed = flow.signed_in().seal(key)
    assert cognito_of(pool).resume_tokens(sealed, key).signed_in() == flow.signed_in()

    other = pool_of(pool_id="eu-west-1_OtherPool", issuer=pool.issuer)
    app: Any = {"client_id": pool.client_id, "clock": pool.clock}
    with pytest.raises(SealWrongClient):
        Cognito(other.client(), pool_id=other.pool_id, **app).resume_tokens(sealed, key)
    with pytest.raises(SealWrongClient):
        cognito_of(other).resume_tokens(sealed, key)


ODD_VALUES: list[Any] = [None, 7, "", "noon", [], {"device_key": 7}]


def test_a_seal_of_nonsense_is_broken(pool_of: PoolOf) -> None:
    """Other content sealed with the same key is a typed error, or tokens of the right types."""
    pool, key = pool_of(device=device_settings()), Fernet.generate_key()
    tokens, cognito = signed_in(pool), pool.cognito()
    form = json.loads(Fernet(key).decrypt(tokens.seal(key)))
    device = json.loads(Fernet(key).decrypt(cognito.confirm_device(tokens).seal(key)))
    wrong = 0
    for whole, member, unseal in ((form, "tokens", cognito.resume_tokens), (device, "device", Device.unseal)):
        forms = [{**whole, member: {**whole[member], n: v}} for n in whole[member] for v in ODD_VALUES]
        for each in (*forms, *({**whole, member: value} for value in ODD_VALUES), {}, [], 7):
            try:
                unseal(Fernet(key).encrypt(json.dumps(each).encode()), key)
            except SealBroken:
                wrong += 1
    assert wrong >= 50


# ---- errors -------------------------------------------------------------------------------------------


def test_the_error_for_an_id_token_says_how_to_verify_it(pool_of: PoolOf) -> None:
    """The error for the wrong use of a token names the right argument."""
    pool = pool_of()
    tokens = signed_in(pool)
    verifier = Verifier(pool.pool_id, pool.client_id, jwks=pool.jwks(), clock=pool.clock)
    assert tokens.id_token is not None

    with pytest.raises(Exception, match='use="id"'):
        verifier.verify(tokens.id_token)
    assert verifier.verify(tokens.id_token, use="id").token_use == "id"


# ---- tokens that workers share --------------------------------------------------------------------------


def test_ten_workers_refresh_once(pool_of: PoolOf) -> None:
    """Ten threads with one store send one request at each of three expiries."""
    pool, store, key = (pool_of(refresh_token_rotation=RefreshTokenRotation(0)), MemoryStore(), new_key())
    flow = pool.cognito().sign_in("ada", PASSWORD)
    ticket = SharedTokens(pool.cognito(), store, key).put(flow)
    workers = [SharedTokens(pool.cognito(), store, key) for _ in range(10)]
    refreshes: list[Any] = []
    for each in workers:
        events = each.cognito.client.meta.events
        events.register("before-call.*.GetTokensFromRefreshToken", lambda **_: refreshes.append(1))

    with ThreadPoolExecutor(len(workers)) as threads:
        for expiry in range(1, 4):
            advance(pool, LIFETIME)
            results = list(threads.map(lambda each: each.fresh_tokens(ticket), workers))
            assert len({each.access_token for each in results}) == 1
            assert len(refreshes) == expiry

    with workers[0].turn(ticket) as flow:
        flow.sign_out()
    with pytest.raises(SealNotFound):
        workers[1].fresh_tokens(ticket)


def test_ten_tasks_refresh_once(pool_of: PoolOf) -> None:
    """Ten tasks on an event loop send one request at each expiry."""
    pool = pool_of(refresh_token_rotation=RefreshTokenRotation(0), device=device_settings())
    cognito = AsyncCognito(pool.client(), client_id=pool.client_id, pool_id=pool.pool_id, clock=pool.clock)
    shared = AsyncSharedTokens(cognito, AsyncMemoryStore(), new_key())

    async def run() -> None:
        flow = await cognito.sign_in("ada", PASSWORD)
        ticket = await shared.put(flow)
        for _ in range(3):
            advance(pool, LIFETIME)
            results = await asyncio.gather(*(shared.fresh_tokens(ticket) for _ in range(10)))
            assert len({each.access_token for each in results}) == 1
        async with shared.turn(ticket) as flow:
            assert len(flow.history) == 0
            await flow.sign_out()
        with pytest.raises(SealNotFound):
            await shared.fresh_tokens(ticket)

    asyncio.run(run())


@pytest.mark.parametrize("times", [1, 3])
def test_a_cancelled_refresh_loses_no_token(pool_of: PoolOf, times: int) -> None:
    """If one of two requests is cancelled, even repeatedly, during the refresh, both can use the rotated tokens.

    A device that is confirmed meanwhile, and a sign-out, are completed too.
    """
    pool, log = pool_of(refresh_token_rotation=RefreshTokenRotation(0), device=device_settings()), []
    cognito = AsyncCognito(pool.client(), client_id=pool.client_id, pool_id=pool.pool_id, clock=pool.clock)
    shared = AsyncSharedTokens(cognito, AsyncMemoryStore(), new_key())
    request_sent, release = threading.Event(), threading.Event()

    def hold(**_: object) -> None:
        request_sent.set()
        release.wait(10)

    cognito.client.meta.events.register("after-call.*", hold)

    async def cancelled(work: Coroutine[Any, Any, Any]) -> None:
        request_sent.clear()
        release.clear()
        task = asyncio.create_task(work)
        for _ in range(1000):  # at most ten seconds
            if request_sent.is_set():
                break
            await asyncio.sleep(0.01)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        while RUNNING:
            await asyncio.wait(RUNNING)

    async def other(ticket: str) -> Tokens:
        await asyncio.sleep(0.005)  # after the request that is cancelled
        return await shared.fresh_tokens(ticket)

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: log.append(context))
        release.set()
        flow = await cognito.sign_in("ada", PASSWORD)
        await cancelled(flow.confirm_device())
        device = flow.device
        await cancelled(flow.refresh())
        assert device is not None
        assert await flow.refresh() is flow.tokens
        ticket = await shared.put(flow)
        advance(pool, LIFETIME)
        first, _ = await asyncio.gather(other(ticket), cancelled(shared.fresh_tokens(ticket)))
        advance(pool, LIFETIME)
        assert await shared.fresh_tokens(ticket) != first
        async with shared.turn(ticket) as flow:
            await cancelled(flow.sign_out(everywhere=True))
            assert flow.state is State.START
        gc.collect()

    asyncio.run(run())
    assert log == []


class FailingStore(MemoryStore):
    """A store whose `put` fails so often, each time after so many seconds."""

    failures = 0
    takes = 0.0

    def put(self, name: str, sealed: str, seconds: float) -> None:
        """Fail, or store the seal."""
        if self.failures > 0:
            self.failures -= 1
            time.sleep(self.takes)
            raise ConnectionError("reset by the peer")
        super().put(name, sealed, seconds)


def shared_tokens(pool: LocalPool, store: FailingStore, kind: str) -> Any:
    """Return a `SharedTokens` of either kind over the store."""
    if kind == "sync":
        return SharedTokens(pool.cognito(), store, KEY)
    cognito = AsyncCognito(pool.client(), client_id=pool.client_id, pool_id=pool.pool_id, clock=pool.clock)
    return AsyncSharedTokens(cognito, AsyncMemoryStore(store), KEY)


KEY = new_key()
KINDS = ["sync", "async"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("failures", [1, 2, 3])
def test_a_store_that_fails_for_a_moment_loses_no_token(pool_of: PoolOf, kind: str, failures: int) -> None:
    """If refreshed tokens cannot be put back at once, it is tried again: all workers get the rotated tokens."""
    pool, store = pool_of(refresh_token_rotation=RefreshTokenRotation(0)), FailingStore()
    one, other = shared_tokens(pool, store, kind), shared_tokens(pool, store, kind)

    async def run() -> None:
        first = pool.cognito().sign_in("ada", PASSWORD)
        ticket = SharedTokens(pool.cognito(), store, KEY).put(first)
        advance(pool, LIFETIME)
        store.failures = failures
        result = await done(one.fresh_tokens(ticket))
        assert store.failures == 0
        assert result.refresh_token != first.signed_in().refresh_token
        assert await done(other.fresh_tokens(ticket)) == result

    asyncio.run(run())


async def done(value: Any) -> Any:
    """Return a value, or the result of an awaitable."""
    return await value if inspect.isawaitable(value) else value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("failures", "takes"), [(100, 0), (1, 1.1)], ids=["always", "once, late"])
def test_tokens_that_cannot_be_put_back_are_in_the_error(
    pool_of: PoolOf, kind: str, failures: int, takes: float
) -> None:
    """The error has the new tokens; put under the same ticket, other workers get them. A late failure is the last."""
    pool, store = pool_of(refresh_token_rotation=RefreshTokenRotation(0)), FailingStore()
    one, other = shared_tokens(pool, store, kind), shared_tokens(pool, store, kind)

    async def run() -> None:
        first = pool.cognito().sign_in("ada", PASSWORD)
        ticket = SharedTokens(pool.cognito(), store, KEY).put(first)
        advance(pool, LIFETIME)
        store.failures, store.takes = failures, takes
        start = time.monotonic()
        with pytest.raises(NotStored, match=r"tokens could not be stored \(ConnectionError\)") as caught:
            await done(one.fresh_tokens(ticket))
        assert time.monotonic() - start < 5
        assert 100 - store.failures < 10 if failures == 100 else store.failures == 0
        error = caught.value
        assert isinstance(error, StoreUnavailable)
        assert error.action is RecoveryAction.WAIT
        tokens = error.flow.signed_in()
        assert tokens.refresh_token != first.signed_in().refresh_token
        assert pickle.loads(pickle.dumps(error)).flow is None  # noqa: S301 - our own

        store.failures = 0
        assert await done(one.put(error.flow, ticket)) == ticket
        assert await done(other.fresh_tokens(ticket)) == tokens
        advance(pool, LIFETIME)
        assert (await done(other.fresh_tokens(ticket))).access_token != tokens.access_token

    asyncio.run(run())


def test_a_long_turn_is_awaited_for_a_limited_time(pool_of: PoolOf) -> None:
    """WAIT is raised if another worker's turn lasts longer than its lifetime; other errors at once."""
    pool, seconds = pool_of(), [0.0]
    store = MemoryStore(clock=lambda: seconds[0])
    shared = SharedTokens(pool.cognito(), store, new_key(), turn_lifetime=timedelta(milliseconds=100))
    with pytest.raises(InvalidOperation, match="START"):
        shared.put(pool.cognito().start())
    ticket = shared.put(pool.cognito().sign_in("ada", PASSWORD))

    with shared.turn(ticket), pytest.raises(InvalidOperation) as caught:
        shared.fresh_tokens(ticket)
    assert caught.value.action is RecoveryAction.WAIT
    assert shared.fresh_tokens(ticket).refresh_token is not None
    seconds[0] += timedelta(days=30).total_seconds()
    with pytest.raises(SealNotFound):
        shared.fresh_tokens(ticket)


@pytest.mark.parametrize("kind", [PendingSignIns, SharedTokens])
def test_a_store_of_the_wrong_kind_is_named(pool_of: PoolOf, kind: Any) -> None:
    """A sync store for an event loop, and an async one for threads, are typed errors."""
    pool, key = pool_of(), new_key()
    wrong: Any = AsyncMemoryStore()
    with pytest.raises(WrongStore, match="AsyncMemoryStore are coroutine functions"):
        kind(pool.cognito(), wrong, key)

    awaited: Any = {PendingSignIns: AsyncPendingSignIns, SharedTokens: AsyncSharedTokens}[kind]
    cognito = AsyncCognito(pool.client(), client_id=pool.client_id, pool_id=pool.pool_id)
    pending = awaited(cognito, MemoryStore(), key)

    async def used(method: str) -> None:
        if method == "turn":
            async with pending.turn("ticket"):
                pass
        else:
            await getattr(pending, method)(cognito.start() if method == "put" else "ticket")

    for method in ("put", "turn", "drop") if kind is PendingSignIns else ("turn", "drop"):
        with pytest.raises(WrongStore, match="MemoryStore are not coroutine functions"):
            asyncio.run(used(method))


def test_a_verifier_is_made_of_a_cognito(pool_of: PoolOf, driver: Driver) -> None:
    """One call makes the verifier for a pool at AWS, in this process or served."""
    cognito_of, _ = driver
    pool = pool_of()
    tokens, cognito = signed_in(pool), cognito_of(pool)
    assert Verifier.of(cognito, jwks=pool.jwks()).verify(tokens.access_token).username == "ada"
    assert Verifier.of(cognito).issuer == pool.issuer

    client = boto3.client("cognito-idp", "eu-west-1", endpoint_url="http://127.0.0.1:9229/")
    served = type(cognito)(client, client_id="client", pool_id=pool.pool_id)
    assert Verifier.of(served).keys.url == (f"http://127.0.0.1:9229/{pool.pool_id}/.well-known/jwks.json")
    with pytest.raises(ValueError, match="pool_id is required"):
        Verifier.of(type(cognito)(client, client_id="client"))
