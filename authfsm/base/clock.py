"""Clocks: drivers, recorders and the local pool read the time only through a clock that they get as an argument.

A clock is any callable that returns an aware `datetime`. The local pool reads its clock for times that others see (a
token's `iat`, a user's creation date). For durations (the lifetime of a session, a lock-out) it uses a `SteadyClock`
that follows its clock, so that durations do not grow when the clock is set back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

if sys.version_info >= (3, 11):
    time_from_iso = datetime.fromisoformat
else:  # Python 3.10 itself reads neither Z nor +0200
    from backports.datetime_fromisoformat import datetime_fromisoformat as time_from_iso  # noqa: F401 - for others
"""Returns the `datetime` of a text in ISO 8601, whose UTC offset may have seconds; raises ValueError for other text."""

T = TypeVar("T")
Clock = Callable[[], datetime]
"""Returns the present moment, with its time zone."""


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(timezone.utc)


def checked_clock(clock: Clock) -> Clock:
    """Return a clock; raise TypeError if it is not callable, and ValueError if it returns no aware datetime."""
    if not callable(clock):
        kind = type(clock).__name__
        raise TypeError(f"clock must be a function that returns a datetime, not of type {kind}")
    aware("clock", clock())
    return clock


def positive(name: str, value: T, kind: Any = int | float, *, or_zero: bool = False) -> T:
    """Return a positive number or timedelta, or 0 if `or_zero`; raise TypeError if it is no `kind`, else ValueError."""
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{name} must be of type {getattr(kind, '__name__', kind)}, not {value!r}")
    if not (value > type(value)() or (or_zero and not value)):
        raise ValueError(f"{name} must be {'at least' if or_zero else 'more than'} 0, not {value!r}")
    return value


def aware(name: str, now: Any) -> datetime:
    """Return a moment; raise ValueError if it is no aware datetime."""
    if not isinstance(now, datetime) or now.utcoffset() is None:
        raise ValueError(f"{name} needs an aware datetime (with a zone), such as datetime.now(timezone.utc)")
    return now


class ManualClock:
    """A clock that moves only by `advance`, so that a test of an expiry need not sleep.

    Args:
        now: the first moment, an aware datetime; by default the present moment. Until this clock is moved, it then
            agrees with libraries that check the expiry of a token by the system's clock.
    """

    __slots__ = ("_now",)

    def __init__(self, now: datetime | None = None) -> None:
        self._now = utc_now() if now is None else aware("ManualClock", now)

    def __call__(self) -> datetime:
        """Return the present moment of this clock."""
        return self._now

    def advance(self, seconds: float | timedelta) -> datetime:
        """Move the clock by seconds or a timedelta, backwards if negative, and return its new present moment."""
        self._now += seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
        return self._now

    def __repr__(self) -> str:
        return f"ManualClock({self._now.isoformat() if hasattr(self, '_now') else ''})"


class SteadyClock:
    """A clock that never goes back: if the clock that it follows does, this clock continues from its latest moment."""

    __slots__ = ("_ahead", "_clock", "_latest")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = timedelta(0)
        self._latest: datetime | None = None

    def __call__(self) -> datetime:
        """Return the present moment, which is never before an earlier one."""
        now = self._clock() + self._ahead
        if self._latest is not None and now < self._latest:
            self._ahead += self._latest - now
            now = self._latest
        self._latest = now
        return now

    def resume(self, latest: datetime) -> None:
        """Continue from the latest moment of an earlier process, if the clock is behind that moment now."""
        self._latest = latest if self._latest is None else max(latest, self._latest)
