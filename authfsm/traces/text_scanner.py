"""Finds events and steps in text of unknown format: JSON values separated in any way, CSV, or YAML that holds JSON.

There may be one JSON value on each line, several on one line, or one over many lines. Other text on the same lines is
skipped, for example the prefix of a log line, and so is the frame of a table. A value longer than
`MAX_EVENT_LENGTH` is not parsed as a whole, but the values inside it are. After a broken value the scan continues
at the next text that begins like an event or, outside of another value, at a line that begins like a value.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final

from attrs import define

from authfsm.traces import event_finder as e
from authfsm.traces.sources import MAX_EVENT_LENGTH

_VALUE_START: Final = re.compile(r"""[\[{]|^"(?=\s*[\[{])""", re.MULTILINE)
_RESUME_AT: Final = re.compile(rf"{e.EVENT_START.pattern}|\n[ \t]*[\[{{]")
# The text that tools print between values: commas and brackets; the frame of `--output table`; the lines that
# `--output text` prints beside an event. A table row with quotation marks is part of an event.
_FRAME: Final = re.compile(r"""[\s,\]}|+\-=]*|[|+][^"{}]*|(?:EVENTS|RESOURCES|NEXTTOKEN)(?:\t.*)?""")
_YAML: Final = re.compile(r"---$|- \w+:(?: |$)|\w+:$")
_YAML_STRING: Final = re.compile(r"""(?:^|\n)[ \t-]*\w+:\s*('(?:[^']|'')*'(?!')|"(?:[^"\\]|\\.)*")""", re.DOTALL)
_YAML_UNCLOSED: Final = re.compile(r"""\n[ \t-]*\w+:\s*['"][{\[]""")
# A backslash at the end of a line continues it in the next line, where `\ ` stands for a leading space.
_YAML_CONTINUATION: Final = re.compile(r"\\\n[ \t]*(?:\\(?= ))?")
_YAML_FOLD: Final = re.compile(r"[ \t]*\n[ \t]*")
_CSV_COLUMNS: Final = frozenset({"eventname", "eventtime", "@message", "message", "cloudtrailevent", "event", "detail"})
_LISTS: Final = frozenset({"Records", "Events", "events", "logEvents", "results"})
_NEAR_END: Final = 16
_OVERLAP: Final = 240


@define
class ScanCounts:
    """How much was found in a source, and how much could not be read."""

    events: int = 0
    steps: int = 0
    broken: int = 0
    too_long: int = 0
    unrecognised: int = 0  # JSON values that hold neither events nor steps
    empty: int = 0  # values that hold nothing, for example an empty list of events
    cut_short: bool = False  # the source ends in the middle of a value
    broken_example: str = ""
    unrecognised_example: str = ""

    def add_broken(self, line: int) -> None:
        """Count a broken piece that begins in this line."""
        self.broken += 1
        self.broken_example = self.broken_example or f"line {line:,}"

    def merge(self, other: ScanCounts, name: str) -> None:
        """Add the counts of a source with this name."""
        self.broken += other.broken
        self.too_long += other.too_long
        self.unrecognised += other.unrecognised
        if other.broken and not self.broken_example:
            self.broken_example = f"{name}, {other.broken_example}".removesuffix(", ")
        if other.unrecognised and not self.unrecognised_example:
            self.unrecognised_example = f"{other.unrecognised_example} in {name}"

    def add_other(self, value: Any) -> None:
        """Count a parsed JSON value that holds neither events nor steps."""
        inner = next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else value
        if inner == []:
            self.empty += 1
        else:
            self.unrecognised += 1
            self.unrecognised_example = self.unrecognised_example or e.describe(value)


def scan(pieces: Iterator[str], counts: ScanCounts) -> Iterator[tuple[str, bytes]]:
    """Yield the events ("cloudtrail") and steps ("steps") in the pieces as lines of JSON, and count them."""
    head = ""
    for piece in pieces:
        head += piece
        if (len(head) > _NEAR_END and "\n" in head.strip()) or len(head) > MAX_EVENT_LENGTH:
            break
    text = chain([head], pieces)
    layout = _layout(head)
    readers = {"yaml": _yaml_values, "json": _json_values}
    values = readers[layout](text, counts) if layout in readers else _csv_rows(text, layout, counts)
    for each in chain.from_iterable(map(_items, values)):
        records = e.find_records(each)
        counts.too_long += records.too_long
        counts.broken += records.broken
        counts.events += len(records.events)
        counts.steps += len(records.steps)
        yield from (("cloudtrail", line) for line in records.events)
        yield from (("steps", line) for line in records.steps)
        if not (records or records.broken or records.too_long):
            counts.add_other(each)


def _layout(head: str) -> str:
    """Return "json", "yaml", or the delimiter of a CSV's columns."""
    first = head.lstrip("\ufeff \t\r\n").partition("\n")[0].rstrip("\r")
    if _YAML.match(first):
        return "yaml"
    if first[:1] not in {"{", "["}:
        for delimiter in ",;\t":
            names = [name.strip().strip('"').lower() for name in first.split(delimiter)]
            if len(set(names)) == len(names) and not _CSV_COLUMNS.isdisjoint(names):
                return delimiter
    return "json"


def _items(value: Any) -> Iterable[Any]:
    """Return the members of a wrapper such as {"Records": [...]}, which are counted separately; else the value."""
    if isinstance(value, dict) and not e.is_event(value):
        for name in _LISTS & value.keys():
            if isinstance(value[name], list) and value[name]:
                rest = {key: each for key, each in value.items() if key != name}
                return [*value[name], *([rest] if e.find_records(rest) else [])]
    if isinstance(value, list) and value and isinstance(value[0], dict | list):
        return value if e.insights_row(value) is None else [value]
    return [value]


@define
class _Window:
    """The part of the text that is in memory."""

    pieces: Iterator[str]
    text: str = ""
    ended: bool = False

    def advance(self, keep: int) -> None:
        """Drop the text before `keep`, and read the next piece."""
        self.text = self.text[keep:]
        piece = next(self.pieces, None)
        if piece is None:
            self.ended = True
        else:
            self.text += piece


def _json_values(pieces: Iterator[str], counts: ScanCounts) -> Iterator[Any]:  # noqa: C901, PLR0912 - one loop over one position
    """Yield the JSON values in a text, and count what is broken, too long or cut short."""
    window, position, in_broken_value = _Window(pieces), 0, False
    window.advance(0)
    gap = _TextBetweenValues(counts)
    while True:
        start = _VALUE_START.search(window.text, position)
        gap.add(window.text[position : start.start() if start else None], in_broken_value=in_broken_value)
        if start is None:
            if window.ended:
                gap.finish(in_broken_value=in_broken_value)
                return
            window.advance(len(window.text))
            position = 0
            continue
        position = start.start()
        if position > MAX_EVENT_LENGTH // 2:
            window.text, position = window.text[position:], 0
        begin = position
        try:
            value, position = e.DECODER.raw_decode(window.text, begin)
        except RecursionError:
            counts.add_broken(gap.number)
            brackets = re.compile(r"[\[{\s]*").match(window.text, begin)
            position = max(begin + 1, brackets.end() if brackets else 0)
            position = gap.skip_broken(window, position, in_broken_value=in_broken_value)
        except ValueError as error:
            failed_at = error.pos if isinstance(error, json.JSONDecodeError) else begin
            unfinished = failed_at >= len(window.text) - _NEAR_END or "Unterminated" in str(error)
            if unfinished and not window.ended and len(window.text) - begin <= MAX_EVENT_LENGTH:
                window.advance(begin)
                position = 0
                continue
            inner = _first_inner_value(window.text, begin, failed_at)
            if inner is not None:
                counts.cut_short |= unfinished and window.ended
                position, in_broken_value = inner, True
                continue
            if unfinished and window.ended:
                counts.cut_short = True
            elif unfinished:
                counts.too_long += 1
            else:
                counts.add_broken(gap.number)
            position = gap.skip_broken(window, begin + 1, in_broken_value=in_broken_value)
        else:
            gap.add_value(window.text.count("\n", begin, position))
            if position - begin > MAX_EVENT_LENGTH and e.EVENT_START.match(window.text, begin):
                counts.too_long += 1
            else:
                yield value


def _first_inner_value(text: str, begin: int, failed_at: int) -> int | None:
    """Return the position of the first value inside a value that is incomplete or too long.

    Return None if the outer value is an event, or is broken before its first inner value.
    """
    inner = _VALUE_START.search(text, begin + 1)
    if e.EVENT_START.match(text, begin) or inner is None or inner.start() >= failed_at:
        return None
    return inner.start()


@define
class _TextBetweenValues:
    """The text between values, line by line: either a tool printed it (commas, table borders), or it is unreadable."""

    counts: ScanCounts
    line: str = ""
    number: int = 1
    has_value: bool = False
    skipping: bool = False
    has_frame: bool = False
    found_any: bool = False

    def add_value(self, newlines: int = 0) -> None:
        """Record that the line has a value, which contains this number of newlines."""
        self.has_value, self.line, self.found_any = True, "", True
        self.number += newlines

    def skip_broken(self, window: _Window, position: int, *, in_broken_value: bool) -> int:
        """Skip a broken value, and return where the next one may begin."""
        self.add_value()
        while True:
            match = (e.EVENT_START if in_broken_value else _RESUME_AT).search(window.text, position)
            if match is not None:
                resume = match.start() if match.group()[0] == "{" else match.end() - 1
                self.number += window.text.count("\n", position, resume)
                return resume
            keep = len(window.text) if window.ended else max(position, len(window.text) - _OVERLAP)
            self.number += window.text.count("\n", position, keep)
            if window.ended:
                return keep
            window.advance(keep)
            position = 0

    def add(self, text: str, *, in_broken_value: bool) -> None:
        """Add a piece of the text between values."""
        for number, part in enumerate(text.split("\n")):
            if number > 0:
                self._end_line(in_broken_value=in_broken_value)
            self._extend_line(part, in_broken_value=in_broken_value)

    def _extend_line(self, part: str, *, in_broken_value: bool) -> None:
        if self.has_value or in_broken_value or self.skipping:
            return
        self.line += part
        if len(self.line) > MAX_EVENT_LENGTH:
            self.counts.too_long += 1
            self.line, self.skipping, self.found_any = "", True, True

    def _end_line(self, *, in_broken_value: bool) -> None:
        if not (in_broken_value or self.has_value or self.skipping):
            line = self.line.strip("\r\ufeff ")
            if _FRAME.fullmatch(line):
                self.has_frame |= bool(line.strip())
            else:
                self.found_any = True
                try:
                    self.counts.add_other(e.DECODER.decode(self.line.strip()))
                except (ValueError, RecursionError):
                    self.counts.add_broken(self.number)
        self.line, self.has_value, self.skipping = "", False, False
        self.number += 1

    def finish(self, *, in_broken_value: bool) -> None:
        """End the text. A frame without any value counts as broken, because its content is missing."""
        self._end_line(in_broken_value=in_broken_value)
        if self.has_frame and not self.found_any:
            self.counts.add_broken(1)


def _csv_rows(pieces: Iterator[str], delimiter: str, counts: ScanCounts) -> Iterator[Any]:
    """Yield the rows of a CSV with a header line as objects."""
    # The limit applies to the whole process, so it is only raised. It may be higher, so cells are checked below too.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_EVENT_LENGTH))
    reader = csv.DictReader(_csv_lines(pieces, counts), delimiter=delimiter)
    is_empty = True
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            if "field limit" in str(error) or "field larger" in str(error):
                counts.too_long += 1
            else:
                counts.add_broken(reader.line_num)
            continue
        if row is None:
            counts.empty += is_empty
            return
        is_empty = False
        cells = {name: value for name, value in row.items() if name and isinstance(value, str)}
        # More cells with text, or fewer cells than the header has: it is not clear which is which.
        if any(row.get(None, ())) or None in row.values():
            counts.add_broken(reader.line_num)
        elif any(len(value) > MAX_EVENT_LENGTH for value in cells.values()):
            counts.too_long += 1
        else:
            yield e.nest_dotted_names(cells)


def _csv_lines(pieces: Iterable[str], counts: ScanCounts) -> Iterator[str]:
    """Yield lines with their line ends. Cut a line that is too long, but leave it longer than MAX_EVENT_LENGTH."""
    rest, quotes = "", 0
    for piece in pieces:
        quotes += piece.count('"')
        *lines, rest = (rest + piece).split("\n")
        yield from (line + "\n" for line in lines)
        if len(rest) > 2 * MAX_EVENT_LENGTH:
            rest = rest[: MAX_EVENT_LENGTH + 1]
    counts.cut_short |= quotes % 2 == 1  # the closing quotation mark is missing
    if rest:
        yield rest


def _yaml_values(pieces: Iterator[str], counts: ScanCounts) -> Iterator[str]:
    """Yield the quoted strings of YAML that hold JSON, as `lookup-events` prints them; count other events as broken."""
    text, ended, has_json = "", False, False
    while not ended:
        piece = next(pieces, None)
        ended = piece is None
        text += piece or ""
        position = 0
        for quoted in _YAML_STRING.finditer(text):
            if quoted.end() == len(text) and not ended:
                break  # this quotation mark may be the first half of an escaped one
            counts.broken += len(e.EVENT_START.findall(text, position, quoted.start()))
            position = quoted.end()
            value = _unquote_yaml(quoted.group(1))
            if value.lstrip()[:1] in {"{", "["}:
                has_json = True
                yield value
        text = text[position:]
        if len(text) > 2 * MAX_EVENT_LENGTH:
            counts.too_long += 1
            text = ""
    counts.broken += len(e.EVENT_START.findall(text))
    counts.cut_short |= _YAML_UNCLOSED.search(text) is not None
    if not (has_json or counts.cut_short or counts.too_long or counts.broken):
        counts.unrecognised += 1
        counts.unrecognised_example = "YAML with no JSON in it"


def _unquote_yaml(quoted: str) -> str:
    """Return the value of a quoted YAML string; "" if its escapes are invalid."""
    if quoted[0] == "'":
        return _YAML_FOLD.sub(" ", quoted[1:-1]).replace("''", "'")
    inner = _YAML_FOLD.sub(" ", _YAML_CONTINUATION.sub("", quoted[1:-1]))
    try:
        return str(json.loads(f'"{inner}"', strict=False))
    except ValueError:
        return ""
