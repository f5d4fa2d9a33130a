"""What a store does: put with a time to live, take once, drop. Three methods, and no more is asked of it.

What is put is sealed text (`authfsm.core.sealing`), and the name it is put under a hash of the ticket: whoever
reads a store learns neither a sign-in nor a valid ticket.

A store that fails, or does not answer in time, raises `StoreUnavailable`; `bounded` and `bounded_async` are
how the stores over a network see to that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

from authfsm.base.concurrency import OutOfTime, call_within
from authfsm.protocol.errors import StoreUnavailable

T = TypeVar("T")

SECONDS: Final = 5.0
"""How long one call of a store may take, if nothing else is said."""

TAKEN: Final = ""
"""What `take` gives while somebody else has what was put. A sealed text is never empty."""


class Store(Protocol):
    """Keeps sealed texts, each for one taker; safe to use from several threads."""

    def put(self, name: str, sealed: str, seconds: float) -> None:
        """Keep a text, in place of whatever the name had.

        Args:
            name: what it is taken by.
            sealed: the text.
            seconds: how long it is kept; more than 0.
        """

    def take(self, name: str, seconds: float) -> str | None:
        """The text, to one taker alone: of all who ask at the same time exactly one gets it.

        Args:
            name: what it was put under.
            seconds: how long everybody else is told that it is taken, unless the taker puts or drops the
                name before; if the taker dies, it is gone after that.

        Returns:
            The text; `TAKEN`, while another taker has it; None, if nothing is there.
        """

    def drop(self, name: str) -> None:
        """Keep nothing under this name any more; if there is nothing, do nothing."""


class AsyncStore(Protocol):
    """`Store`, for an event loop."""

    async def put(self, name: str, sealed: str, seconds: float) -> None:
        """As `Store.put`."""

    async def take(self, name: str, seconds: float) -> str | None:
        """As `Store.take`."""

    async def drop(self, name: str) -> None:
        """As `Store.drop`."""


def checked_timeout(timeout: float) -> float:
    """Return a timeout in seconds, if it is one.

    Args:
        timeout: how long one call may take.

    Raises:
        ValueError: it is not more than 0.
    """
    if not timeout > 0:  # NaN is not, either
        raise ValueError(f"timeout must be more than 0 seconds, not {timeout}")
    return timeout


def bounded(seconds: float, call: Callable[..., T], *args: Any) -> T:
    """Return what a store's client returns, within a time.

    Args:
        seconds: how long it may take.
        call: the client's method.
        args: its arguments.

    Raises:
        StoreUnavailable: it failed, or did not answer in time.
    """
    try:
        return call_within(seconds, call, *args)
    except Exception as error:  # noqa: BLE001 - each client has errors of its own; what we give it is right
        why = _why(error, seconds)
    # Outside the handler: the frames of the client, and its password in them, are let go.
    raise StoreUnavailable(why)


async def bounded_async(seconds: float, work: Awaitable[T]) -> T:
    """Return what a store's client returns, within a time, for an event loop.

    Args:
        seconds: how long it may take.
        work: the client's call.

    Raises:
        StoreUnavailable: it failed, or did not answer in time.
    """
    try:
        return await asyncio.wait_for(work, seconds)
    except Exception as error:  # noqa: BLE001 - as above
        why = _why(error, seconds)
    raise StoreUnavailable(why)


def _why(error: Exception, seconds: float) -> str:
    name = type(error).__name__
    if isinstance(error, (OutOfTime, asyncio.TimeoutError)):
        return f"no answer within {seconds:g} s"
    # Other errors may quote the command, and with it what was stored.
    tells = isinstance(error, OSError) or name.endswith(("ConnectionError", "TimeoutError"))
    return f"{name}: {error}" if tells else name
