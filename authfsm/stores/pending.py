"""Sign-ins that wait for their person's next answer: a ticket for the browser, turns for the workers.

A ticket holds one sign-in, and one turn at a time: whoever comes during it is told to wait. A turn ends
with the sign-in back under the same ticket if it still waits, and gone if it is over, so a wrong code, a
lost reply or a click too many costs nobody the sign-in. If a worker dies in its turn the sign-in is gone,
since nobody can know whether Cognito heard the answer: wait until the turn is up, then start again.

A sign-in is sealed for its ticket. Whoever owns the store and not the key cannot read it or change it, and
one that is put in another's place does not open. They can delete it (the person starts again) and bring
back an older text of the same ticket: that is nobody else's sign-in, expires when it would have, and its
session is good at Cognito for as much as it was.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Generic, Protocol, TypeVar

from authfsm.base.secret import Secret, secret
from authfsm.core.sealing import Key, keys_for, wrapped_keys
from authfsm.drivers.base_flow import BaseFlow
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import BadField, InvalidOperation, SealError, SealExpired, SealNotFound
from authfsm.stores.store import TAKEN, AsyncStore, Store

TURN_LIFETIME: Final = timedelta(seconds=30)
"""How long a turn may last before its worker is taken for dead."""

_TICKET_BYTES: Final = 32

T = TypeVar("T")
FlowT = TypeVar("FlowT", bound=BaseFlow)
ResumedT_co = TypeVar("ResumedT_co", bound=BaseFlow, covariant=True)


class Resumes(Protocol[ResumedT_co]):
    """What these classes need of `Cognito`, or of its async twin."""

    clock: Callable[[], datetime]
    entropy: Callable[[int], bytes]
    session_lifetime: timedelta

    def resume(self, sealed: str | bytes | None, key: Key) -> ResumedT_co:
        """As `Cognito.resume`."""


class _PendingBase(Generic[FlowT]):
    """All but the store's own calls."""

    def __init__(self, cognito: Resumes[FlowT], key: Key, turn_lifetime: timedelta) -> None:
        key = wrapped_keys(key)
        if turn_lifetime <= timedelta(0):
            raise ValueError("a turn lasts longer than no time")
        self.cognito = cognito
        self.turn_lifetime = turn_lifetime
        self._key = key

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.cognito!r}>"

    @property
    def _turn_seconds(self) -> float:
        return self.turn_lifetime.total_seconds()

    def _new_ticket(self) -> Secret[str]:
        drawn = self.cognito.entropy(_TICKET_BYTES)
        return Secret(urlsafe_b64encode(drawn).rstrip(b"=").decode())

    def _ticket(self, ticket: str | Secret[str] | None) -> Secret[str]:
        """What a browser sent, wrapped; empty, where it sent nothing."""
        ticket = secret(ticket)
        if ticket is None:
            return Secret("")
        plain_type = type(ticket.reveal()) if isinstance(ticket, Secret) else type(ticket)
        if not issubclass(plain_type, str):
            kind = plain_type.__name__
            raise BadField(type(self), "ticket", f"must be text or None, not {kind}")
        return ticket

    def _seconds_left(self, flow: FlowT) -> float:
        now = self.cognito.clock()
        return (
            self.cognito.session_lifetime - (now - (flow.signin.session_received_at or now))
        ).total_seconds()

    def _sealed(self, flow: FlowT, ticket: Secret[str]) -> tuple[str, float]:
        sealed, left = flow.seal(keys_for(self._key, ticket)), self._seconds_left(flow)
        if left <= 0:
            raise SealExpired("its Cognito session has expired")
        return sealed, left

    def _resumed(self, sealed: str | None, ticket: Secret[str]) -> FlowT:
        if sealed is None:
            raise SealNotFound(
                "the store does not have it: it has ended, has expired, or its worker died"
            )
        if sealed == TAKEN:
            raise InvalidOperation(
                "another request is answering this sign-in", action=RecoveryAction.WAIT
            )
        return self.cognito.resume(sealed, keys_for(self._key, ticket))


class PendingSignIns(_PendingBase[FlowT]):
    """Sign-ins that wait in a store, each for the browser that has its ticket.

    The ticket is as good as the browser's part in this sign-in, so it goes into a cookie that is `Secure`,
    `HttpOnly` and `SameSite`; it cannot be guessed, and the store does not know it. After AUTHENTICATED
    it is worth nothing: give the browser a session of the application's own, and look for that one first.

    Args:
        cognito: the pool and its client; its `session_lifetime` is how long a sign-in waits.
        store: where they wait.
        key: of `authfsm.core.sealing.new_key`; of several the first seals and all open.
        turn_lifetime: how long a turn may last before its worker is taken for dead. Others who come later
            than that are told to start again, though a turn that lasts even longer still ends as it should.
    """

    def __init__(
        self,
        cognito: Resumes[FlowT],
        store: Store,
        key: Key,
        *,
        turn_lifetime: timedelta = TURN_LIFETIME,
    ) -> None:
        key = wrapped_keys(key)
        super().__init__(cognito, key, turn_lifetime)
        self.store = store

    def put(self, flow: FlowT) -> str:
        """Have a sign-in wait.

        Returns:
            Its ticket: 43 letters, digits and `-_`, good until the sign-in ends or Cognito's session expires.

        Raises:
            InvalidOperation: it has ended already, or an answer is under way.
            SealExpired: its session has expired.
            StoreUnavailable: the store failed, or did not answer in time (action WAIT).
            BadKey: the key is none.
        """
        ticket = self._new_ticket()
        sealed, left = self._sealed(flow, ticket)
        self.store.put(name_of(ticket), sealed, left)
        return ticket.reveal()

    @contextmanager
    def turn(self, ticket: str | Secret[str] | None) -> Iterator[FlowT]:
        """The sign-in of a ticket, for nobody else until the block ends.

        However the block ends, by an error too: a sign-in that still waits is put back under the same
        ticket, one that is over (in tokens, in failure, cancelled) is not.

        Args:
            ticket: what `put` gave; whatever a browser may send instead, None too, is simply not there.

        Raises:
            InvalidOperation: another turn is under way (action WAIT): a second click, a reload.
            StoreUnavailable: the store failed, or did not answer in time (action WAIT).
            BadField: the ticket is neither text nor None.
            SealError: as `Cognito.resume`; the person starts again. SealNotFound: it is not there, for it has
                ended, has expired, was dropped, or was lost with its worker.
        """
        ticket = secret(ticket)
        ticket = self._ticket(ticket)
        name = name_of(ticket)
        sealed = self.store.take(name, self._turn_seconds)
        try:
            flow = self._resumed(sealed, ticket)
        except SealError:
            self.store.drop(name)  # it can never be taken up: nobody is to wait for it
            raise
        try:
            yield flow
        finally:
            self._end(name, flow, ticket)

    def drop(self, ticket: str | Secret[str] | None) -> None:
        """Give up a sign-in that waits. One in a turn is ended there, by `flow.cancel()`.

        Args:
            ticket: what `put` gave.
        """
        ticket = secret(ticket)
        ticket = self._ticket(ticket)
        self.store.drop(name_of(ticket))

    def _end(self, name: str, flow: FlowT, ticket: Secret[str]) -> None:
        if flow.done or self._seconds_left(flow) <= 0:
            # A store that fails here must not cost anybody the tokens; what it keeps is no sign-in any
            # more, and expires with the turn.
            with suppress(Exception):
                self.store.drop(name)
        else:
            self.store.put(name, *self._sealed(flow, ticket))


class AsyncPendingSignIns(_PendingBase[FlowT]):
    """`PendingSignIns`, for an event loop: over an `AsyncStore`, for an `AsyncCognito`.

    Args:
        cognito: the pool and its client; its `session_lifetime` is how long a sign-in waits.
        store: where they wait.
        key: of `authfsm.core.sealing.new_key`; of several the first seals and all open.
        turn_lifetime: how long a turn may last before its worker is taken for dead.
    """

    def __init__(
        self,
        cognito: Resumes[FlowT],
        store: AsyncStore,
        key: Key,
        *,
        turn_lifetime: timedelta = TURN_LIFETIME,
    ) -> None:
        key = wrapped_keys(key)
        super().__init__(cognito, key, turn_lifetime)
        self.store = store
        self._ending: set[asyncio.Future[Any]] = set()

    async def put(self, flow: FlowT) -> str:
        """As `PendingSignIns.put`."""
        ticket = self._new_ticket()
        sealed, left = self._sealed(flow, ticket)
        await self.store.put(name_of(ticket), sealed, left)
        return ticket.reveal()

    @asynccontextmanager
    async def turn(self, ticket: str | Secret[str] | None) -> AsyncIterator[FlowT]:
        """As `PendingSignIns.turn`. Cancelled at any moment, it puts the sign-in back all the same."""
        ticket = secret(ticket)
        ticket = self._ticket(ticket)
        name = name_of(ticket)
        # Whoever is cancelled, as by a browser that hung up, may be cancelled at each await: the beginning
        # and the end of a turn are tasks of their own.
        beginning = self._task(self._begun(name, ticket))
        try:
            flow = await asyncio.shield(beginning)
        except asyncio.CancelledError:
            self._task(self._given_back(name, beginning, ticket))
            raise
        try:
            yield flow
        finally:
            await asyncio.shield(self._task(self._end(name, flow, ticket)))

    async def drop(self, ticket: str | Secret[str] | None) -> None:
        """As `PendingSignIns.drop`."""
        ticket = secret(ticket)
        ticket = self._ticket(ticket)
        await self.store.drop(name_of(ticket))

    def _task(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.ensure_future(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def _begun(self, name: str, ticket: Secret[str]) -> FlowT:
        sealed = await self.store.take(name, self._turn_seconds)
        try:
            return self._resumed(sealed, ticket)
        except SealError:
            await self.store.drop(name)
            raise

    async def _given_back(
        self, name: str, beginning: asyncio.Task[FlowT], ticket: Secret[str]
    ) -> None:
        """Nobody is there for what was taken, if it was."""
        await asyncio.wait([beginning])
        if beginning.exception() is None:
            await self._end(name, beginning.result(), ticket)

    async def _end(self, name: str, flow: FlowT, ticket: Secret[str]) -> None:
        if flow.done or self._seconds_left(flow) <= 0:
            with suppress(Exception):  # as in PendingSignIns
                await self.store.drop(name)
        else:
            await self.store.put(name, *self._sealed(flow, ticket))


def name_of(ticket: str | Secret[str] | None) -> str:
    """Return what a store knows a ticket by: its SHA-256, in hex. 256 random bits need no salt.

    Args:
        ticket: whatever a browser sent; None, where it sent nothing.
    """
    ticket = secret(ticket)
    return sha256((ticket or Secret("")).reveal().encode("utf-8", "surrogatepass")).hexdigest()
