"""Placeholders: for each value a neutral one of the same shape and length, always the same for the same value."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Final

LOWER: Final = "xyzabcdefghijklmnopqrstuvw"
UPPER: Final = LOWER.upper()
DIGITS: Final = "0123456789"
LEADING: Final = "123456789"
HEX: Final = "abcdef0123456789"
BASE32: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
BASE64: Final = "A" + "BCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

FIRST_TIME: Final = datetime(2020, 1, 1, tzinfo=timezone.utc)
"""What the first time that is met becomes; all others keep their distance to it."""

_TRIES: Final = 2000
_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_ISO: Final = re.compile(
    r"(\d{4})(-?)(\d\d)\2(\d\d)([T ])(\d\d)(:?)(\d\d)\7(\d\d)(?:([.,])(\d{1,9}))?(Z|[+-]\d\d:?\d\d|)"
)
_HTTP: Final = re.compile(
    rf"({'|'.join(_DAYS)}), (\d\d) ({'|'.join(_MONTHS)}) (\d{{4}}) (\d\d):(\d\d):(\d\d) GMT"
)
_JAVA: Final = re.compile(
    rf"({'|'.join(_DAYS)}) ({'|'.join(_MONTHS)}) (\d\d?) (\d\d):(\d\d):(\d\d) (UTC|GMT) (\d{{4}})"
)
TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
    rf"|(?:{'|'.join(_DAYS)}), \d\d (?:{'|'.join(_MONTHS)}) \d{{4}} \d\d:\d\d:\d\d GMT"
    rf"|(?:{'|'.join(_DAYS)}) (?:{'|'.join(_MONTHS)}) \d\d? \d\d:\d\d:\d\d (?:UTC|GMT) \d{{4}})"
)
"""A time within a running text."""
_SECONDS: Final = (10**9, 10**10)
_MILLISECONDS: Final = (10**12, 10**13)


class Placeholders:
    """Makes placeholders and remembers them.

    Args:
        avoid: texts that no placeholder may be, in lower case: the values that are to be replaced.
    """

    def __init__(self, avoid: frozenset[str] = frozenset()) -> None:
        self._avoid = avoid
        self._made: dict[str, str] = {}
        self._used: set[str] = set()
        self._next: Counter[tuple[str, ...]] = Counter()
        self._shift: timedelta | None = None
        self.originals: set[str] = set()
        self.kinds: Counter[str] = Counter()

    def known(self, value: str) -> str | None:
        """The placeholder that a value has already."""
        return self._made.get(value)

    def make(self, kind: str, value: str, template: Sequence[str]) -> str:
        """The placeholder of a value.

        Args:
            kind: what the value is, for the summary.
            value: the value.
            template: for each character the characters that it may be.
        """
        if (made := self._made.get(value)) is not None:
            return made
        self.originals.add(value)
        bucket = tuple(template)
        room = 1
        for choices in template:
            room = min(room * len(choices), _TRIES)
        made = ""
        for _ in range(room):
            number = self._next[bucket]
            self._next[bucket] += 1
            made = _fill(template, number)
            folded = made.lower()
            if made not in self._used and folded != value.lower() and folded not in self._avoid:
                break
        else:
            # Too short for one of its own; the value itself it must not be.
            made = next(
                (
                    each
                    for n in range(room)
                    if (each := _fill(template, n)).lower() != value.lower()
                ),
                "x" * len(value) if value.lower() != "x" * len(value) else "y" * len(value),
            )
        return self.keep(kind, value, made)

    def unused(self, kind: str, value: str, of: Callable[[int], str]) -> str:
        """The first of numbered texts that is neither taken nor to be avoided."""
        made = ""
        for _ in range(_TRIES):
            made = of(self._next[(kind,)])
            self._next[(kind,)] += 1
            if made not in self._used and made != value and made not in self._avoid:
                break
        return made

    def keep(self, kind: str, value: str, made: str) -> str:
        """Remember the placeholder of a value, and count it."""
        self.originals.add(value)
        self._used.add(made)
        self._made[value] = made
        self.kinds[kind] += 1
        return made

    # ---- times --------------------------------------------------------------------------------------

    def _moved(self, moment: datetime) -> datetime:
        if self._shift is None:
            self._shift = FIRST_TIME - moment
        return moment + self._shift

    def time(self, text: str) -> str | None:
        """A time, moved; None if the text is none, or one that cannot be moved."""
        try:
            if found := _ISO.fullmatch(text):
                return self._iso(found)
            if found := _HTTP.fullmatch(text):
                _, day, month, year, *clock = found.groups()
                at = self._moved(_moment(year, _MONTHS.index(month) + 1, day, *clock))
                return f"{_DAYS[at.weekday()]}, {at.day:02d} {_MONTHS[at.month - 1]} {at:%Y %H:%M:%S} GMT"
            if found := _JAVA.fullmatch(text):
                _, month, day, *clock, zone, year = found.groups()
                at = self._moved(_moment(year, _MONTHS.index(month) + 1, day, *clock))
                return f"{_DAYS[at.weekday()]} {_MONTHS[at.month - 1]} {at.day} {at:%H:%M:%S} {zone} {at:%Y}"
        except (ValueError, OverflowError):
            return None
        return None

    def _iso(self, found: re.Match[str]) -> str:
        year, dash, month, day, between, hour, colon, minute, second, point, fraction, zone = (
            found.groups()
        )
        micro = int((fraction or "0")[:6].ljust(6, "0"))
        moment = _moment(year, month, day, hour, minute, second).replace(microsecond=micro)
        offset = timedelta(0)
        if zone[:1] in {"+", "-"}:
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
            offset = -offset if zone[0] == "-" else offset
        at = self._moved(moment - offset) + offset
        made = (
            f"{at.year:04d}{dash}{at:%m}{dash}{at:%d}{between}{at:%H}{colon}{at:%M}{colon}{at:%S}"
        )
        if point:
            made += point + f"{at.microsecond:06d}000"[: len(fraction)]
        return made + zone

    def epoch(self, text: str) -> str | None:
        """Seconds or milliseconds since 1970, moved; None if the number is neither."""
        whole, point, fraction = text.partition(".")
        if not whole.isdecimal():
            return None
        for (low, high), unit in ((_SECONDS, 1), (_MILLISECONDS, 1000)):
            if low <= int(whole) < high:
                at = self._moved(datetime.fromtimestamp(int(whole) / unit, timezone.utc))
                return f"{int(at.timestamp() * unit)}{point}{'0' * len(fraction)}"
        return None

    def date(self, number: int) -> str:
        """A day that is nobody's birthday: one of 336."""
        return f"2000-{number // 28 % 12 + 1:02d}-{number % 28 + 1:02d}"


def _moment(year: str, month: str | int, day: str, *clock: str) -> datetime:
    hour, minute, second = map(int, clock)
    return datetime(int(year), int(month), int(day), hour, minute, second, tzinfo=timezone.utc)


def _fill(template: Sequence[str], number: int) -> str:
    """A template's text of this number: its characters count as the digits of a number do."""
    filled = []
    for choices in reversed(template):
        number, which = divmod(number, len(choices))
        filled.append(choices[which])
    return "".join(reversed(filled))


# ---- templates --------------------------------------------------------------------------------------


def of_classes(text: str) -> list[str]:
    """Letters stay letters, digits digits, and common punctuation itself."""
    return [_class(each) for each in text]


def _class(character: str) -> str:
    if character.isascii():
        if character.isupper():
            return UPPER
        if character.isdigit():
            return DIGITS
        if character in " \t\r\n._:/-@#+=,":
            return character
    return LOWER


def of_digits(text: str) -> list[str]:
    """Digits of the same count, the first no 0 unless it was one."""
    return [
        LEADING if each != "0" and n == 0 and len(text) > 1 else DIGITS
        for n, each in enumerate(text)
    ]


def of_number(text: str) -> list[str]:
    """A number of JSON's or Python's with other digits."""
    template, leading = [], True
    for n, each in enumerate(text):
        if each.isdigit():
            # A zero in front is followed by nothing but a point.
            following = text[n + 1 : n + 2]
            template.append(LEADING if leading and following.isdigit() else DIGITS)
            leading = False
        else:
            template.append(each)
    return template


def of_fill(text: str, alphabet: str) -> list[str]:
    """Nothing but characters of this alphabet; padding stays."""
    body = text.rstrip("=")
    template = [alphabet] * len(body) + ["="] * (len(text) - len(body))
    if len(text) > len(body) and body:
        template[len(body) - 1] = "A"  # the bits that padding leaves over are zero
    return template
