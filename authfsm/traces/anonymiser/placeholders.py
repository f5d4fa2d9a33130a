"""Placeholders: neutral values of the same shape as the originals; equal values get equal placeholders."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Final

LOWER: Final = "xyzabcdefghijklmnopqrstuvw"
UPPER: Final = LOWER.upper()
DIGITS: Final = "0123456789"
NOT_ZERO: Final = "123456789"
HEX: Final = "abcdef0123456789"
BASE32: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

FIRST_TIME: Final = datetime(2020, 1, 1, tzinfo=timezone.utc)
"""The placeholder of the first time. All times are shifted by the same amount, to within a second."""

_MAX_TRIES: Final = 2000
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY, _MONTH, _CLOCK = f"({'|'.join(_DAYS)})", f"({'|'.join(_MONTHS)})", r"(\d\d):(\d\d):(\d\d)"
_ISO: Final = re.compile(
    r"(\d{4})(-?)(\d\d)\2(\d\d)([T ])(\d\d)(:?)(\d\d)\7(\d\d)(?:([.,])(\d{1,9}))?(Z| UTC|[+-]\d\d:?\d\d|)"
)
_HTTP: Final = re.compile(rf"{_DAY}, (\d\d) {_MONTH} (\d{{4}}) {_CLOCK} GMT")
_JAVA: Final = re.compile(rf"{_DAY} {_MONTH} (\d\d?) {_CLOCK} (UTC|GMT) (\d{{4}})")
TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z| UTC\b|[+-]\d\d:?\d\d)?"
    rf"|{_HTTP.pattern.replace('(', '(?:')}|{_JAVA.pattern.replace('(', '(?:')})"
)
"""A time within running text."""
# For seconds and milliseconds since 1970: the least number that is a time, the least that is too large, the unit.
_EPOCHS: Final = ((10**9, 10**10, 1), (10**12, 10**13, 1000))
_SCIENTIFIC: Final = re.compile(r"(\d)\.(\d+)([eE]\+?9)")  # 1.700000000123E9, as Java prints seconds since 1970


class Placeholders:
    """Makes placeholders, and remembers them. Those in `avoid`, and used ones, are taken only if no other is left."""

    def __init__(self, avoid: frozenset[str] = frozenset()) -> None:
        self._avoid = avoid
        self._by_value: dict[str, str] = {}
        self._used: set[str] = set()
        self._next: Counter[tuple[str, ...]] = Counter()
        self._shift: timedelta | None = None
        self.originals: set[str] = set()
        self.kinds: Counter[str] = Counter()

    def get(self, value: str) -> str | None:
        """Return the placeholder of a value if it has one already."""
        return self._by_value.get(value)

    def make(self, kind: str, value: str, template: Sequence[str]) -> str:
        """Return the placeholder of a value; `template` has, for each character, the characters that may replace it."""
        if (known := self._by_value.get(value)) is not None:
            return known
        self.originals.add(value)
        counter = tuple(template)
        tries = 1
        for choices in template:
            tries = min(tries * len(choices), _MAX_TRIES)
        for _ in range(tries):
            placeholder = _fill(template, self._next[counter])
            self._next[counter] += 1
            is_other = placeholder.lower() != value.lower() and placeholder not in self._used
            if is_other and placeholder.lower() not in self._avoid:
                return self.remember(kind, value, placeholder)
        # The value is too short for an unused placeholder: take any but the value itself.
        others = (_fill(template, n) for n in range(tries))
        fallback = next((each for each in others if each.lower() != value.lower()), None)
        letter = "x" if value.lower() != "x" * len(value) else "y"
        return self.remember(kind, value, fallback or letter * len(value))

    def numbered(self, kind: str, value: str, text: Callable[[int], str]) -> str:
        """Return the placeholder of a value: the next `text(number)` that is unused and not in `avoid`, if there is one."""
        placeholder = ""
        for _ in range(_MAX_TRIES):
            placeholder = text(self._next[(kind,)])
            self._next[(kind,)] += 1
            is_other = placeholder != value and placeholder not in self._used
            if is_other and placeholder not in self._avoid:
                break
        return self.remember(kind, value, placeholder)

    def remember(self, kind: str, value: str, placeholder: str) -> str:
        """Remember the placeholder of a value, count each different value once, and return the placeholder."""
        self.originals.add(value)
        self._used.add(placeholder)
        self.kinds[kind] += value not in self._by_value
        self._by_value[value] = placeholder
        return placeholder

    def _shift_moment(self, moment: datetime) -> datetime:
        if self._shift is None:
            self._shift = FIRST_TIME - moment
        return moment + self._shift

    def shift_time(self, text: str) -> str | None:
        """Return a time, shifted; None if the text is not a time or cannot be shifted."""
        try:
            if match := _ISO.fullmatch(text):
                return self._shift_iso(match)
            if match := _HTTP.fullmatch(text):
                _, day, month, year, *clock = match.groups()
                at = self._shift_moment(_moment(year, _MONTHS.index(month) + 1, day, *clock))
                return f"{_DAYS[at.weekday()]}, {at.day:02d} {_MONTHS[at.month - 1]} {at:%Y %H:%M:%S} GMT"
            if match := _JAVA.fullmatch(text):
                _, month, day, *clock, zone, year = match.groups()
                at = self._shift_moment(_moment(year, _MONTHS.index(month) + 1, day, *clock))
                return f"{_DAYS[at.weekday()]} {_MONTHS[at.month - 1]} {at.day} {at:%H:%M:%S} {zone} {at:%Y}"
        except (ValueError, OverflowError):
            pass
        return None

    def _shift_iso(self, match: re.Match[str]) -> str:
        parts = match.groups()
        year, dash, month, day, between, hour, colon, minute, second, point, fraction, zone = parts
        moment = _moment(year, month, day, hour, minute, second)
        moment += timedelta(microseconds=int((fraction or "0")[:6].ljust(6, "0")))
        offset = timedelta(0)
        if zone[:1] in {"+", "-"}:
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
            offset = -offset if zone[0] == "-" else offset
        at = self._shift_moment(moment - offset) + offset
        clock = f"{between}{at:%H}{colon}{at:%M}{colon}{at:%S}"
        digits = f"{at.microsecond:06d}000"[: len(fraction)] if point else ""
        return f"{at.year:04d}{dash}{at:%m}{dash}{at:%d}{clock}{point or ''}{digits}{zone}"

    def shift_epoch(self, text: str) -> str | None:
        """Return seconds or milliseconds since 1970, shifted, in whole units; None if the text cannot be shifted."""
        if match := _SCIENTIFIC.fullmatch(text):
            digits = match[1] + match[2].ljust(9, "0")
            shifted = (self.shift_epoch(f"{digits[:10]}.{digits[10:]}") or "").replace(".", "")
            return f"{shifted[0]}.{shifted[1:]}{match[3]}" if len(shifted) == len(digits) else None
        whole, point, fraction = text.partition(".")
        if not whole.isdecimal():
            return None
        for low, high, unit in _EPOCHS:
            if low <= int(whole) < high:
                with suppress(OverflowError):
                    at = self._shift_moment(datetime.fromtimestamp(int(whole) / unit, timezone.utc))
                    return f"{int(at.timestamp() * unit)}{point}{'0' * len(fraction)}"
        return None


def _moment(year: str, month: str | int, day: str, *clock: str) -> datetime:
    hour, minute, second = map(int, clock)
    return datetime(int(year), int(month), int(day), hour, minute, second, tzinfo=timezone.utc)


def _fill(template: Sequence[str], number: int) -> str:
    """Return the text of a template for a number; the characters of the text count up like digits."""
    filled = []
    for choices in reversed(template):
        number, which = divmod(number, len(choices))
        filled.append(choices[which])
    return "".join(reversed(filled))


def text_template(text: str) -> list[str]:
    """Return a template that keeps the case of ASCII letters, the places of digits, and common punctuation."""
    return [
        LOWER if not each.isascii()
        else UPPER if each.isupper()
        else DIGITS if each.isdigit()
        else each if each in " \t\r\n._:/-@#+=,"
        else LOWER
        for each in text
    ]  # fmt: skip


def number_template(text: str) -> list[str]:
    """Return a template for a number as JSON or Python writes it, with a leading zero only where JSON allows it."""
    template, leading = [], True
    for n, each in enumerate(text):
        digits = NOT_ZERO if leading and text[n + 1 : n + 2].isdigit() else DIGITS
        template.append(digits if each.isdigit() else each)
        leading = leading and not each.isdigit()
    return template


def alphabet_template(text: str, alphabet: str) -> list[str]:
    """Return a template of the characters of an alphabet, with the same padding as the text."""
    body = text.rstrip("=")
    template = [alphabet] * len(body) + ["="] * (len(text) - len(body))
    if len(text) > len(body) and body:
        template[len(body) - 1] = "A"  # the bits before the padding are zero
    return template
