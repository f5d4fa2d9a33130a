"""The JSON values in a text, however they are spread over it: one a line, many on one, each over many lines.

Text around them is passed over where it is what a tool puts there: the prefix of a log's line, the frame
of a table. Values larger than `MAX_EVENT_LENGTH` are not read whole: what is in them is read one by one. After a
broken one it goes on from the next that begins as an event does.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from attrs import define

from authfsm.traces.event_finder import DECODER, EVENT, described, find, is_event, nested, row
from authfsm.traces.sources import MAX_EVENT_LENGTH

_BRACKET: Final = re.compile(r"""[\[{]|^"(?=\s*[\[{])""", re.MULTILINE)
_AGAIN: Final = re.compile(rf"{EVENT.pattern}|\n[ \t]*[\[{{]")
_OPENING: Final = re.compile(r"[\[{\s]*")
# What stands between values as such: commas and brackets; the frame of `--output table`, the lines that
# `--output text` has beside the event itself. A row of a table with quotation marks holds a piece of an event.
_FRAME: Final = re.compile(
    r"""[\s,\]}|+\-=]*|[|+][^"{}]*|(?:EVENTS|RESOURCES|NEXTTOKEN)(?:\t.*)?"""
)
_YAML: Final = re.compile(r"---$|- \w+:(?: |$)|\w+:$")
_SCALAR: Final = re.compile(
    r"""(?:^|\n)[ \t-]*\w+:\s*('(?:[^']|'')*'(?!')|"(?:[^"\\]|\\.)*")""", re.DOTALL
)
_OPEN_SCALAR: Final = re.compile(r"""\n[ \t-]*\w+:\s*['"][{\[]""")
_JOINED: Final = re.compile(r"\\\n[ \t]*(?:\\(?= ))?")
_FOLD: Final = re.compile(r"[ \t]*\n[ \t]*")
_NEAR: Final = 16
_LISTS: Final = frozenset({"Records", "Events", "events", "logEvents", "results"})
_EXAMPLE: Final = 60


@define
class ScanCounts:
    """What was found in a source, and what was not.

    Args:
        events: CloudTrail's events.
        steps: steps of a recorder.
        broken: pieces that are no JSON.
        too_long: pieces larger than `MAX_EVENT_LENGTH`.
        unrecognised: JSON that holds neither events nor steps.
        empty: JSON that holds nothing at all, as a list of no events.
        cut_short: does the source end in the middle of a value?
        broken_example: where the first of them begins.
        unrecognised_example: what the first of them looks like.
    """

    events: int = 0
    steps: int = 0
    broken: int = 0
    too_long: int = 0
    unrecognised: int = 0
    empty: int = 0
    cut_short: bool = False
    broken_example: str = ""
    unrecognised_example: str = ""

    def break_at(self, line: int) -> None:
        """Count a broken piece.

        Args:
            line: the number of the line in which it begins.
        """
        self.broken += 1
        self.broken_example = self.broken_example or f"line {line:,}"

    def merge(self, other: ScanCounts, name: str) -> None:
        """Add what another has counted.

        Args:
            other: the other, of one source.
            name: the source's.
        """
        self.broken += other.broken
        self.too_long += other.too_long
        self.unrecognised += other.unrecognised
        if other.broken and not self.broken_example:
            self.broken_example = f"{name}, {other.broken_example}".removesuffix(", ")
        if other.unrecognised and not self.unrecognised_example:
            self.unrecognised_example = f"{other.unrecognised_example} in {name}"

    def add(self, value: Any) -> None:
        """Count a value that holds neither events nor steps.

        Args:
            value: JSON, parsed.
        """
        inner = next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else value
        if inner == []:
            self.empty += 1
            return
        self.unrecognised += 1
        self.unrecognised_example = self.unrecognised_example or described(value)


@define
class _Text:
    """The part of a text that is looked at."""

    pieces: Iterator[str]
    held: str = ""
    ended: bool = False

    def more(self, keep: int) -> None:
        """Drop what stands before `keep`, and read on."""
        self.held = self.held[keep:]
        piece = next(self.pieces, None)
        if piece is None:
            self.ended = True
        else:
            self.held += piece


def values(pieces: Iterator[str], tally: ScanCounts) -> Iterator[Any]:  # noqa: C901 - one loop over one position
    """Return the JSON values in a text.

    Args:
        pieces: the text.
        tally: where it is counted what could not be read.
    """
    text, where, inside = _Text(pieces), 0, False
    text.more(0)
    gap = _Gap(tally)
    while True:
        begins = _BRACKET.search(text.held, where)
        gap.add(text.held[where : begins.start() if begins else None], inside=inside)
        if begins is None:
            if text.ended:
                gap.finish(inside=inside)
                return
            text.more(len(text.held))
            where = 0
            continue
        where = begins.start()
        if where > MAX_EVENT_LENGTH // 2:
            text.held, where = text.held[where:], 0
        begun = where
        try:
            value, where = DECODER.raw_decode(text.held, begun)
        except RecursionError:
            tally.break_at(gap.number)
            where = gap.onward(text, _opening(text.held, begun), inside=inside)
        except ValueError as error:
            at = error.pos if isinstance(error, json.JSONDecodeError) else begun
            unfinished = at >= len(text.held) - _NEAR or "Unterminated" in str(error)
            if unfinished and not text.ended and len(text.held) - begun <= MAX_EVENT_LENGTH:
                text.more(begun)
                where = 0
                continue
            inner = _within(text.held, begun, at)
            where = begun + 1 if inner is None else inner
            if inner is None:
                _count_broken(tally, gap, unfinished=unfinished, ended=text.ended)
                where = gap.onward(text, where, inside=inside)
            else:
                tally.cut_short |= unfinished and text.ended
                inside = True
        else:
            gap.value(text.held.count("\n", begun, where))
            if where - begun > MAX_EVENT_LENGTH and EVENT.match(text.held, begun):
                tally.too_long += 1
            else:
                yield value


def _within(text: str, begun: int, at: int) -> int | None:
    """Where the first value begins within one that wraps others and is not whole, or too large.

    None if it is an event itself, or is broken before that.
    """
    inner = _BRACKET.search(text, begun + 1)
    own = EVENT.match(text, begun) is not None
    return None if own or inner is None or inner.start() >= at else inner.start()


def _count_broken(tally: ScanCounts, gap: _Gap, *, unfinished: bool, ended: bool) -> None:
    if unfinished and ended:
        tally.cut_short = True
    elif unfinished:
        tally.too_long += 1
    else:
        tally.break_at(gap.number)


def _opening(text: str, where: int) -> int:
    matched = _OPENING.match(text, where)
    return max(where + 1, matched.end() if matched else 0)


@define
class _Gap:
    """What stands between values: line by line, whether it is a frame, or something that could not be read."""

    tally: ScanCounts
    line: str = ""
    number: int = 1
    has_value: bool = False
    skipping: bool = False
    framed: bool = False
    found: bool = False

    def value(self, ends: int = 0) -> None:
        """A value stands in this line, and has so many ends of lines within."""
        self.has_value, self.line, self.found = True, "", True
        self.number += ends

    def onward(self, text: _Text, where: int, *, inside: bool) -> int:
        """Pass over what is broken: return where the next value may begin."""
        self.value()
        while True:
            again = (EVENT if inside else _AGAIN).search(text.held, where)
            if again is not None:
                found = again.start() if again.group()[0] == "{" else again.end() - 1
                self.number += text.held.count("\n", where, found)
                return found
            keep = len(text.held) if text.ended else max(where, len(text.held) - 4 * _EXAMPLE)
            self.number += text.held.count("\n", where, keep)
            if text.ended:
                return keep
            text.more(keep)
            where = 0

    def add(self, text: str, *, inside: bool) -> None:
        """Take a piece of the text between."""
        first, *others = text.split("\n")
        self._grow(first, inside=inside)
        for each in others:
            self.end(inside=inside)
            self._grow(each, inside=inside)

    def _grow(self, part: str, *, inside: bool) -> None:
        if self.has_value or inside or self.skipping:
            return
        self.line += part
        if len(self.line) > MAX_EVENT_LENGTH:
            self.tally.too_long += 1
            self.line, self.skipping, self.found = "", True, True

    def end(self, *, inside: bool = False) -> None:
        """The line is over."""
        if not (inside or self.has_value or self.skipping):
            line = self.line.strip("\r\ufeff ")
            if _FRAME.fullmatch(line):
                self.framed |= bool(line.strip())
            else:
                self._line(self.line)
        self.line, self.has_value, self.skipping = "", False, False
        self.number += 1

    def finish(self, *, inside: bool) -> None:
        """The text is over: a frame with nothing in it has lost what it was around."""
        self.end(inside=inside)
        if self.framed and not self.found:
            self.tally.break_at(1)

    def _line(self, line: str) -> None:
        self.found = True
        try:
            found = DECODER.decode(line.strip())
        except (ValueError, RecursionError):
            self.tally.break_at(self.number)
            return
        self.tally.add(found)


# ---- other layouts -----------------------------------------------------------------------------------------


def rows(pieces: Iterator[str], delimiter: str, tally: ScanCounts) -> Iterator[Any]:
    """Return the rows of a CSV whose first names its columns, as objects.

    Args:
        pieces: the text.
        delimiter: what stands between columns.
        tally: where it is counted what could not be read.
    """
    csv.field_size_limit(MAX_EVENT_LENGTH)
    reader = csv.DictReader(_lines(pieces, tally), delimiter=delimiter)
    none = True
    while True:
        try:
            each = next(reader, None)
        except csv.Error as error:
            if "field limit" in str(error) or "field larger" in str(error):
                tally.too_long += 1
            else:
                tally.break_at(reader.line_num)
            continue
        if each is None:
            tally.empty += none
            return
        none = False
        yield nested(
            {name: value for name, value in each.items() if name and isinstance(value, str)}
        )


def _lines(pieces: Iterable[str], tally: ScanCounts) -> Iterator[str]:
    """Text line by line, ends kept; of a line that is too long, as much as shows that it is."""
    rest, quotes = "", 0
    for piece in pieces:
        quotes += piece.count('"')
        *whole, rest = (rest + piece).split("\n")
        for line in whole:
            yield line + "\n"
        if len(rest) > 2 * MAX_EVENT_LENGTH:
            rest = rest[: MAX_EVENT_LENGTH + 1]
    tally.cut_short |= quotes % 2 == 1  # the last column's quotation mark is missing
    if rest:
        yield rest


def documents(pieces: Iterator[str], tally: ScanCounts) -> Iterator[Any]:
    """Return the strings of a YAML document that hold JSON, as `lookup-events --output yaml` prints them.

    Args:
        pieces: the text.
        tally: where it is counted what could not be read.
    """
    held, ended, found = "", False, False
    while not ended:
        piece = next(pieces, None)
        ended = piece is None
        held += piece or ""
        where = 0
        for scalar in _SCALAR.finditer(held):
            if scalar.end() == len(held) and not ended:
                break  # a quotation mark that may be half of two
            where = scalar.end()
            if (text := _scalar(scalar.group(1))) is not None:
                found = True
                yield text
        held = held[where:]
        if len(held) > 2 * MAX_EVENT_LENGTH:
            tally.too_long += 1
            held = ""
    tally.cut_short |= _OPEN_SCALAR.search(held) is not None
    if not (found or tally.cut_short or tally.too_long):
        tally.unrecognised += 1
        tally.unrecognised_example = "YAML with no JSON in it"


def _scalar(quoted: str) -> str | None:
    """A quoted string of YAML, if it holds JSON."""
    # A line may end in a backslash, so that a word goes on in the next; `\ ` begins one with a space.
    inner = quoted[1:-1] if quoted[0] == "'" else _JOINED.sub("", quoted[1:-1])
    inner = _FOLD.sub(" ", inner)
    if quoted[0] == "'":
        text = inner.replace("''", "'")
    else:
        try:
            text = json.loads(f'"{inner}"', strict=False)
        except ValueError:
            return None
    return text if text.lstrip()[:1] in {"{", "["} else None


def layout(head: str) -> tuple[str, str]:
    """Return how a text is made, "json", "csv" or "yaml", and the delimiter of its columns.

    Args:
        head: its beginning.
    """
    first = head.lstrip("\ufeff \t\r\n").partition("\n")[0].rstrip("\r")
    if _YAML.match(first):
        return "yaml", ""
    if first[:1] not in {"{", "["}:
        for delimiter in ",;\t":
            names = [name.strip().strip('"').lower() for name in first.split(delimiter)]
            if len(set(names)) == len(names) and any(
                name in {"eventname", "eventtime", "@message", "message", "cloudtrailevent", "event", "detail"}
                for name in names
            ):  # fmt: skip
                return "csv", delimiter
    return "json", ""


def read(pieces: Iterator[str], tally: ScanCounts) -> Iterator[tuple[str, bytes]]:
    """Return the events ("cloudtrail") and steps ("steps") in a text, as lines of JSON.

    Args:
        pieces: the text.
        tally: where it is counted what could not be read.
    """
    head = ""
    for piece in pieces:
        head += piece
        if len(head) > _NEAR and "\n" in head.strip():
            break
        if len(head) > MAX_EVENT_LENGTH:
            break
    form, delimiter = layout(head)
    text = _joined(head, pieces)
    found_in = {
        "csv": lambda: rows(text, delimiter, tally),
        "yaml": lambda: documents(text, tally),
        "json": lambda: values(text, tally),
    }[form]()
    for value in found_in:
        for each in _items(value):
            found = find(each)
            tally.too_long += found.too_long
            tally.broken += found.broken
            tally.events += len(found.events)
            tally.steps += len(found.steps)
            for event in found.events:
                yield "cloudtrail", event
            for step in found.steps:
                yield "steps", step
            if not (found or found.broken or found.too_long):
                tally.add(each)


def _items(value: Any) -> Iterable[Any]:
    """What is counted one by one: the members of a list that is all that a value is about."""
    if isinstance(value, dict) and not is_event(value):
        for name in _LISTS & value.keys():
            if isinstance(value[name], list) and value[name]:
                rest = {key: each for key, each in value.items() if key != name}
                return [*value[name], *([rest] if find(rest) else [])]
    if (
        isinstance(value, list)
        and value
        and isinstance(value[0], dict | list)
        and row(value) is None
    ):
        return value
    return [value]


def _joined(head: str, pieces: Iterator[str]) -> Iterator[str]:
    yield head
    yield from pieces
