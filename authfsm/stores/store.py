"""What a store does: put with a time to live, take once, drop. Three methods, and no more is asked of it.

What is put is sealed text (`authfsm.sealing`), and the name it is put under a hash of the ticket: whoever
reads a store learns neither a sign-in nor a valid ticket.
"""

from __future__ import annotations

from typing import Final, Protocol

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
