"""Stores unfinished sign-ins: the browser gets a ticket, and one request at a time gets exclusive access, a turn.

A ticket identifies one sign-in. Only one worker at a time may use it; a concurrent request for the same
ticket gets the action WAIT. At the end of a turn an unfinished sign-in is stored again under the same ticket,
so a wrong code, a lost reply or a double click loses nothing. If a worker dies during its turn, the sign-in is
lost, because it is unknown whether Cognito evaluated the answer: when the turn has timed out, the user starts again.

A sign-in is sealed for its ticket. Whoever controls the store but has no key cannot read or change it, or use it for
another ticket. They can delete it, so that the user must start again. They can also put back an earlier seal of the
same ticket, but this does not extend its lifetime, and Cognito still accepts its session only once.

Tokens are stored in the same way (`SharedTokens`): the first worker that needs fresh tokens refreshes them for all.
Under RefreshTokenRotation a refresh token can be used once. If two workers use the same one, even within
RetryGracePeriodSeconds, only the refresh token of the later reply works afterwards, so one worker's session ends.
"""

from __future__ import annotations

import asyncio
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from inspect import isawaitable, iscoroutinefunction
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar

from authfsm.base.clock import positive
from authfsm.base.secret import Key, Secret, secret, wrapped_keys
from authfsm.core.encryption import BadKey, keys_for
from authfsm.drivers.background import in_background
from authfsm.drivers.base_flow import BaseCognito, BaseFlow
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import BadField, InvalidOperation, SealError, SealExpired, SealNotFound
from authfsm.protocol.replies import Tokens
from authfsm.protocol.states import State
from authfsm.protocol.validators import not_text
from authfsm.stores.store import PAUSE, TAKEN, AsyncStore, Store, WrongStore, pause_after

if TYPE_CHECKING:
    from authfsm.drivers.aio import AsyncFlow  # noqa: F401 - in quotes below
    from authfsm.drivers.boto import Flow  # noqa: F401 - in quotes below

TURN_LIFETIME: Final = timedelta(seconds=30)
"""How long a turn may last before its worker is considered dead."""

_TICKET_BYTES: Final = 32
_TICKET: Final = re.compile("[A-Za-z0-9_-]{43}")
_MINUTE: Final = timedelta(minutes=1)

T = TypeVar("T")
FlowT = TypeVar("FlowT", bound=BaseFlow)
StoreT = TypeVar("StoreT", bound="Store | AsyncStore")


class StoredFlows(Generic[FlowT, StoreT]):
    """The base class of the classes that keep flows in a store. The subclasses make or await the calls to the store."""

    _IS_ASYNC: ClassVar[bool] = False
    """Whether the methods of the store are coroutine functions."""

    def __init__(
        self, cognito: BaseCognito[Any, FlowT], store: StoreT, key: Key, *, turn_lifetime: timedelta = TURN_LIFETIME
    ) -> None:
        key = wrapped_keys(key)
        if isinstance(store, type) or not (isinstance(cognito, BaseCognito) and callable(getattr(store, "take", 0))):
            kinds = f"{type(cognito).__name__} and {type(store).__name__}"
            raise TypeError(f"cognito must be a driver, and store must be a store, not {kinds}")
        if not keys_for(key, Secret("")):  # checked here, because a turn takes the entry before it uses the key
            raise BadKey
        if iscoroutinefunction(store.take) and not self._IS_ASYNC:
            raise WrongStore(type(store), awaited=True)
        if cognito._ACCEPTS_ASYNC is not self._IS_ASYNC:  # noqa: SLF001 - same package
            mine, theirs = type(self).__name__, type(cognito).__name__
            raise TypeError(f"{mine} cannot be used with {theirs}: use the Async class of both, or of neither")
        self.cognito = cognito
        self.store = store
        self.turn_lifetime = positive("turn_lifetime", turn_lifetime, timedelta)
        self._key = key

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {getattr(self, 'cognito', None)!r}>"

    def _ticket_to_put(self, ticket: str | Secret[str] | None) -> Secret[str]:
        """Return the ticket, or a new one for None; raise BadField if `put` did not make it, as it may be guessable."""
        ticket = secret(ticket)
        if ticket is None:
            entropy = self.cognito.random_bytes(_TICKET_BYTES)
            return Secret(urlsafe_b64encode(entropy).rstrip(b"=").decode())
        if not _TICKET.fullmatch(self._ticket(ticket).reveal()):
            raise BadField(type(self), "ticket", "must be one that `put` returned")
        return ticket

    def _ticket(self, ticket: str | Secret[str] | None) -> Secret[str]:
        """Return as a `Secret` the ticket that a browser sent; an empty one if it sent none."""
        ticket = secret(ticket)
        if ticket is None:
            return Secret("")
        if why := not_text(ticket):
            raise BadField(type(self), "ticket", why.replace("text", "text or None"))
        return ticket

    def _seconds_left(self, flow: FlowT) -> float:
        now = self.cognito.clock()
        age = now - (flow.signin.session_received_at or now)
        return (self.cognito.session_lifetime - age).total_seconds()

    def _ended(self, flow: FlowT) -> bool:
        return flow.done or self._seconds_left(flow) <= 0

    def _seal(self, flow: FlowT, ticket: Secret[str]) -> tuple[str, float]:
        """Return the sealed sign-in, and the seconds until it expires."""
        if not isinstance(flow, BaseFlow):
            raise TypeError(f"flow must be a sign-in of `cognito`, not of type {type(flow).__name__}")
        if flow.signin.client_id != self.cognito.client_id:
            raise BadField(type(self), "flow", "belongs to another app client than `cognito`")
        sealed, left = self._seal_with(flow, keys_for(self._key, ticket)), self._seconds_left(flow)
        if left <= 0:
            raise SealExpired("the time limit of this sign-in has passed")
        return sealed, left

    def _resume(self, sealed: str | None, ticket: Secret[str]) -> FlowT:
        if sealed is None:
            raise SealNotFound("nothing is stored for this ticket: the sign-in ended or expired, or its worker died")
        if sealed == TAKEN:
            why = "another request is using this ticket: wait until it is done"
            raise InvalidOperation(why, action=RecoveryAction.WAIT)
        return self._resume_with(sealed, keys_for(self._key, ticket))

    def _seal_with(self, flow: FlowT, key: tuple[Secret[str], ...]) -> str:
        return flow.seal(key)

    def _resume_with(self, sealed: str, key: tuple[Secret[str], ...]) -> FlowT:
        return self.cognito.resume(sealed, key)


class PendingSignIns(StoredFlows[FlowT, Store]):
    """Unfinished sign-ins in a store, each for the browser that has its ticket.

    Whoever has the ticket can continue the sign-in: put it into a cookie that is `Secure`,
    `HttpOnly` and `SameSite`. It cannot be guessed, and the store does not contain it. After AUTHENTICATED it
    is no longer valid: create your application's own session, and look for that session before the ticket.

    Args:
        cognito: the driver of the pool and app client; its `session_lifetime` is how long a sign-in is stored.
        store: the store.
        key: a key from `authfsm.new_key`, or several: the first one seals, and each of them can unseal.
        turn_lifetime: how long a turn may last before its worker is considered dead. After that, requests raise
            SealNotFound. If the worker ends its turn after all, the sign-in is stored again.

    Raises:
        TypeError: `cognito` is no driver, or `store` is no store. WrongStore: its methods are coroutine functions.
        ValueError: `turn_lifetime` is not more than 0. BadKey: the key is not valid.
    """

    def put(self, flow: FlowT, ticket: str | Secret[str] | None = None) -> str:
        """Store a sign-in, and return its ticket: 43 letters, digits and `-_`.

        Args:
            flow: the sign-in; the ticket is valid until it ends, at most `session_lifetime` after its last challenge.
            ticket: the ticket of a flow that could not be put back (NotStored); a new one by default.

        Raises:
            InvalidOperation: the sign-in has ended already, or an answer is in progress.
            BadField: the sign-in is of another app client, or `put` has never returned this ticket.
            SealExpired: `session_lifetime` has passed. TooLongToSeal: as `Flow.seal`.
            StoreUnavailable: the store failed, or did not answer in time (action WAIT).
        """
        ticket = secret(ticket)
        ticket = self._ticket_to_put(ticket)
        self.store.put(name_of(ticket), *self._seal(flow, ticket))
        return ticket.reveal()

    @contextmanager
    def turn(self, ticket: str | Secret[str] | None) -> Iterator[FlowT]:
        """Return a context manager for exclusive access to the sign-in of a ticket.

        When the block ends, even with an exception, an unfinished sign-in is stored again under the same ticket; if the
        store fails, this is tried again for a second. A sign-in that has ended or was cancelled is deleted.

        Args:
            ticket: the ticket; any other string, or None, raises SealNotFound.

        Raises:
            InvalidOperation: another turn is in progress (action WAIT): a double click, a reload.
            StoreUnavailable: the store failed, or did not answer in time (action WAIT).
            NotStored: the store failed at the end of the block; the error's `flow` is the sign-in.
            BadField: the ticket is neither text nor None.
            SealError: as `Cognito.resume`; the user starts again. SealNotFound: the sign-in has ended, has
                expired, was dropped, or was lost with its worker.
        """
        ticket = secret(ticket)
        ticket = self._ticket(ticket)
        name = name_of(ticket)
        sealed = self.store.take(name, self.turn_lifetime.total_seconds())
        try:
            flow = self._resume(sealed, ticket)
        except SealError:
            self.store.drop(name)  # this turn will put nothing back, so no other request should wait for its end
            raise
        try:
            yield flow
        finally:
            self._end(name, flow, ticket)

    def drop(self, ticket: str | Secret[str] | None) -> None:
        """Delete an unfinished sign-in. To end one during its turn, call `flow.cancel()`."""
        ticket = secret(ticket)
        self.store.drop(name_of(self._ticket(ticket)))

    def _end(self, name: str, flow: FlowT, ticket: Secret[str]) -> None:
        if self._ended(flow):
            # An error of the store must not lose the caller's tokens; the entry expires when the turn times out.
            with suppress(Exception):
                self.store.drop(name)
            return None
        entry, begun = self._seal(flow, ticket), time.monotonic()
        while True:
            try:
                return self.store.put(name, *entry)
            except Exception as error:  # noqa: BLE001, PERF203 - each store has its own errors
                time.sleep(pause_after(error, flow, begun))  # `pause_after` ends the attempts after a second


class AsyncPendingSignIns(StoredFlows[FlowT, AsyncStore]):
    """`PendingSignIns` for asyncio, with the same arguments: an `AsyncStore` and an `AsyncCognito`."""

    _IS_ASYNC = True

    async def put(self, flow: FlowT, ticket: str | Secret[str] | None = None) -> str:
        """As `PendingSignIns.put`; WrongStore: the methods of the store are not coroutine functions."""
        ticket = secret(ticket)
        ticket = self._ticket_to_put(ticket)
        await self._await_store(self.store.put(name_of(ticket), *self._seal(flow, ticket)))
        return ticket.reveal()

    @asynccontextmanager
    async def turn(self, ticket: str | Secret[str] | None) -> AsyncIterator[FlowT]:
        """As `PendingSignIns.turn`. Whenever it is cancelled, the sign-in is still stored again.

        A request in progress is completed first (`authfsm.drivers.aio`); the turn waits at most `turn_lifetime` for it.
        """
        ticket = secret(ticket)
        ticket = self._ticket(ticket)
        name = name_of(ticket)
        # A request may be cancelled at each await, for example when the browser closes the connection. So the
        # beginning and the end of a turn are separate tasks.
        beginning = in_background(self._begin(name, ticket))
        try:
            flow = await asyncio.shield(beginning)
        except asyncio.CancelledError:
            in_background(self._give_back(name, beginning, ticket))
            raise
        try:
            yield flow
        finally:
            await asyncio.shield(in_background(self._end(name, flow, ticket)))

    async def drop(self, ticket: str | Secret[str] | None) -> None:
        """As `PendingSignIns.drop`."""
        ticket = secret(ticket)
        await self._await_store(self.store.drop(name_of(self._ticket(ticket))))

    async def _await_store(self, result: Awaitable[T]) -> T:
        if not isawaitable(result):
            raise WrongStore(type(self.store), awaited=False)
        return await result

    async def _begin(self, name: str, ticket: Secret[str]) -> FlowT:
        sealed = await self._await_store(self.store.take(name, self.turn_lifetime.total_seconds()))
        try:
            return self._resume(sealed, ticket)
        except SealError:
            await self.store.drop(name)
            raise

    async def _give_back(self, name: str, beginning: asyncio.Task[FlowT], ticket: Secret[str]) -> None:
        await asyncio.wait([beginning])
        if beginning.exception() is None:
            await self._end(name, beginning.result(), ticket)

    async def _end(self, name: str, flow: FlowT, ticket: Secret[str]) -> None:
        for _ in range(int(self.turn_lifetime.total_seconds() / PAUSE)):
            if not flow.busy:  # busy: a request goes on after its call was cancelled
                break
            await asyncio.sleep(PAUSE)
        if self._ended(flow):
            with suppress(Exception):  # as in PendingSignIns
                await self.store.drop(name)
            return None
        entry, begun = self._seal(flow, ticket), time.monotonic()
        while True:
            try:
                return await self.store.put(name, *entry)
            except Exception as error:  # noqa: BLE001, PERF203 - each store has its own errors
                await asyncio.sleep(pause_after(error, flow, begun))  # as in PendingSignIns


def name_of(ticket: str | Secret[str] | None) -> str:
    """Return a ticket's name in the store: its SHA-256, in hex. No salt is needed: a ticket has 256 random bits."""
    ticket = secret(ticket)
    return sha256((ticket or Secret("")).reveal().encode("utf-8", "surrogatepass")).hexdigest()


class _StoredTokens(StoredFlows[FlowT, StoreT]):
    """Stores the tokens of a flow, instead of an unfinished sign-in."""

    lifetime = timedelta(days=30)
    """How long the store keeps tokens after their last use: the default of RefreshTokenValidity."""

    def _seconds_left(self, flow: FlowT) -> float:  # noqa: ARG002 - the lifetime of all tokens is the same
        return self.lifetime.total_seconds()

    def _ended(self, flow: FlowT) -> bool:
        return flow.state is not State.AUTHENTICATED

    def _seal_with(self, flow: FlowT, key: tuple[Secret[str], ...]) -> str:
        return flow.signed_in().seal(key)

    def _resume_with(self, sealed: str, key: tuple[Secret[str], ...]) -> FlowT:
        return self.cognito.resume_tokens(sealed, key)

    def _ensure_may_wait(self, error: InvalidOperation, begun: float) -> None:
        """Raise the error if this call has waited longer than `turn_lifetime`, or if waiting is no remedy."""
        too_long = time.monotonic() - begun > self.turn_lifetime.total_seconds()
        if too_long or error.action is not RecoveryAction.WAIT:
            raise error


class SharedTokens(_StoredTokens["Flow", Store], PendingSignIns["Flow"]):
    """Tokens in a store. Of all workers that need fresh tokens of a ticket, only one refreshes them.

        shared = SharedTokens(cognito, RedisStore(redis), key)
        ticket = shared.put(flow)             # after the sign-in; put it into a cookie or a job's settings
        tokens = shared.fresh_tokens(ticket)  # in any worker, at any time
        with shared.turn(ticket) as flow:     # to sign out, or to confirm the device
            flow.sign_out()

    The arguments, `put`, `turn`, `drop` and the security properties are those of `PendingSignIns`, but a ticket is
    valid until the sign-out, or for `lifetime` after its last use. If a worker dies during its turn, the tokens are
    lost, since the refresh token may have been used: the user signs in again.
    """

    def fresh_tokens(self, ticket: str | Secret[str] | None, within: timedelta = _MINUTE) -> Tokens:
        """Return the tokens, refreshed first if the access token would expire within that time.

        If another worker is refreshing them, this call waits for its result. The errors of `turn` and `Flow.refresh`
        are raised too.

        Raises:
            SealNotFound: the store does not have the tokens: the user has signed out, or they were dropped, have
                expired, or were lost with their worker.
            Refused: Cognito refused the refresh (START_AGAIN): drop the ticket, and sign in again.
            InvalidOperation: this call has waited for other turns for longer than `turn_lifetime` (action WAIT).
        """
        ticket = secret(ticket)
        begun = time.monotonic()
        while True:
            try:
                with self.turn(ticket) as flow:
                    return flow.fresh_tokens(within)
            except InvalidOperation as error:
                self._ensure_may_wait(error, begun)
            time.sleep(PAUSE)  # `_ensure_may_wait` bounds the attempts


class AsyncSharedTokens(_StoredTokens["AsyncFlow", AsyncStore], AsyncPendingSignIns["AsyncFlow"]):
    """`SharedTokens` for asyncio: with an `AsyncStore` and an `AsyncCognito`."""

    async def fresh_tokens(self, ticket: str | Secret[str] | None, within: timedelta = _MINUTE) -> Tokens:
        """As `SharedTokens.fresh_tokens`."""
        ticket = secret(ticket)
        begun = time.monotonic()
        while True:
            try:
                async with self.turn(ticket) as flow:
                    return await flow.fresh_tokens(within)
            except InvalidOperation as error:
                self._ensure_may_wait(error, begun)
            await asyncio.sleep(PAUSE)
