"""Only this module reads the time; everything else in the pool is handed a clock.

A clock is any callable that returns an aware `datetime`. `utc_now` is the real one; `ManualClock`
stands still until it is told to move, so that a test of an expiry never sleeps.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

Clock = Callable[[], datetime]
"""Returns the present moment, aware of its time zone."""


def utc_now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(timezone.utc)


class ManualClock:
    """A clock that stands still until it is moved.

    Args:
        now: where it begins, an aware datetime; the real present moment if left out, so that third
            parties who read their own clock (to check a token's expiry, say) still agree with it.
    """

    __slots__ = ("_now",)

    def __init__(self, now: datetime | None = None) -> None:
        if now is not None and now.tzinfo is None:
            raise ValueError("a ManualClock begins at an aware datetime")
        self._now = now or utc_now()

    def __call__(self) -> datetime:
        """The moment it stands at."""
        return self._now

    def advance(self, seconds: float) -> datetime:
        """Move the clock.

        Args:
            seconds: how far; negative moves back.

        Returns:
            The new present moment.
        """
        self._now += timedelta(seconds=seconds)
        return self._now

    def __repr__(self) -> str:
        return f"ManualClock({self._now.isoformat()})"
