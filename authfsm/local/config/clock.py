"""Only this module reads the time; everything else in the pool is handed a clock.

A clock is any callable that returns an aware `datetime`. `utc_now` is the real one; `ManualClock`
stands still until it is told to move, so that a test of an expiry never sleeps.

Moments that others read (a token's `iat`, a user's creation date) are the clock's. Lengths of time (a
session's life, a lock-out) are measured by a `SteadyClock` over it, so that they do not grow when the clock
is set back.
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


class SteadyClock:
    """The time of a clock, except that it never goes back: for measuring lengths of time.

    When the clock is set back, this one goes on from the latest moment that it has read. What passed
    between that moment and the setting is not counted.

    Args:
        clock: the clock that it follows.
    """

    __slots__ = ("_ahead", "_clock", "_latest")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = timedelta(0)
        self._latest: datetime | None = None

    def __call__(self) -> datetime:
        """The present moment; never before one that was read earlier."""
        now = self._clock() + self._ahead
        if self._latest is not None and now < self._latest:
            self._ahead += self._latest - now
            now = self._latest
        self._latest = now
        return now

    def resume(self, latest: datetime) -> None:
        """Go on from a moment that was read in an earlier process, if the clock is behind it now."""
        self._latest = latest if self._latest is None else max(latest, self._latest)
