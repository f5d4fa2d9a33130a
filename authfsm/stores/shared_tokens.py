"""Tokens that several workers share: whichever needs fresh ones first refreshes them, once for all.

Under RefreshTokenRotation a refresh spends the refresh token. Two workers that refresh with the same one fork the
tokens: even within RetryGracePeriodSeconds only the newest of them can be refreshed on, so one worker signs its user out.
Here one worker at a time has its turn with the tokens, and the others wait for what it stores.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Final

from authfsm.base.secret import Secret, secret
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import InvalidOperation
from authfsm.protocol.replies import Tokens
from authfsm.protocol.states import State
from authfsm.stores.pending import AsyncPendingSignIns, FlowT, PendingSignIns, StoredFlows

if TYPE_CHECKING:
    from authfsm.drivers.aio import AsyncFlow  # noqa: F401 - in quotes below
    from authfsm.drivers.boto import Flow  # noqa: F401 - in quotes below

_MINUTE: Final = timedelta(minutes=1)
_PAUSE: Final = 0.05
"""Seconds between two attempts to get a turn."""


class _StoredTokens(StoredFlows[FlowT]):
    """Stores the tokens of a flow, instead of a flow that waits for an answer."""

    lifetime = timedelta(days=30)
    """How long the store keeps tokens that nobody asks for: RefreshTokenValidity, whose default this is."""

    def _seconds_left(self, flow: FlowT) -> float:  # noqa: ARG002 - all tokens are kept as long
        return self.lifetime.total_seconds()

    def _ended(self, flow: FlowT) -> bool:
        return flow.state is not State.AUTHENTICATED

    def _sealed(self, flow: FlowT, key: tuple[Secret[str], ...]) -> str:
        return flow.signed_in().seal(key)

    def _unsealed(self, sealed: str, key: tuple[Secret[str], ...]) -> FlowT:
        return self.cognito.resume_tokens(sealed, key)

    def _wait(self, error: InvalidOperation, attempt: int) -> None:
        """Raise the error, unless another worker has its turn, and not for too long."""
        too_long = attempt * _PAUSE > self.turn_lifetime.total_seconds()
        if too_long or error.action is not RecoveryAction.WAIT:
            raise error


class SharedTokens(_StoredTokens["Flow"], PendingSignIns["Flow"]):
    """Tokens in a store, for every worker that has their ticket: of all that need fresh ones, one refreshes.

        shared = SharedTokens(cognito, RedisStore(redis), key)
        ticket = shared.put(flow)             # after the sign-in, into a cookie; or into a cron job's settings
        tokens = shared.fresh_tokens(ticket)  # in any worker, at any time
        with shared.turn(ticket) as flow:     # to sign out, or to confirm the device
            flow.sign_out()

    The arguments, `put`, `turn` and `drop` are those of `PendingSignIns`, and so is what the store can see and do. If
    a worker dies in its turn, the tokens are lost, since the refresh token may be spent: the user signs in again.
    """

    def fresh_tokens(self, ticket: str | Secret[str] | None, within: timedelta = _MINUTE) -> Tokens:
        """Return the tokens, refreshed first if the access token would expire within that time.

        While another worker refreshes them, this waits for its tokens. Raises as `turn` and `Flow.refresh`, and:

        Raises:
            SealNotFound: the store does not have them: signed out, dropped, expired, or lost with their worker.
            Refused: Cognito refused the refresh (START_AGAIN): drop the ticket, and sign in again.
            InvalidOperation: another worker's turn takes too long (action WAIT).
        """
        ticket = secret(ticket)
        for attempt in count():
            try:
                with self.turn(ticket) as flow:
                    return flow.fresh_tokens(within)
            except InvalidOperation as error:
                self._wait(error, attempt)
            time.sleep(_PAUSE)
        raise AssertionError  # `count` does not end


class AsyncSharedTokens(_StoredTokens["AsyncFlow"], AsyncPendingSignIns["AsyncFlow"]):
    """`SharedTokens`, for an event loop: over an `AsyncStore`, for an `AsyncCognito`."""

    async def fresh_tokens(
        self, ticket: str | Secret[str] | None, within: timedelta = _MINUTE
    ) -> Tokens:
        """As `SharedTokens.fresh_tokens`."""
        ticket = secret(ticket)
        for attempt in count():
            try:
                async with self.turn(ticket) as flow:
                    return await flow.fresh_tokens(within)
            except InvalidOperation as error:
                self._wait(error, attempt)
            await asyncio.sleep(_PAUSE)
        raise AssertionError  # `count` does not end
