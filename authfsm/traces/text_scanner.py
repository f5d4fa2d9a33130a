"""Finds events and steps in text of unknown format: JSON values separated in any way, CSV, or YAML that holds JSON.

There may be one JSON value on each line, several on one line, or one over many lines. Other text on the same lines is
skipped, for example the prefix of a log line, and so is the frame of a table. A value longer than `MAX_EVENT_LENGTH`
is not parsed as a whole, but the values inside it are. After a broken value, the scan continues at the next text that
begins like an event. If the broken value was not inside another one, a line that begins like any value is enough.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final

from attrs import define, field

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
_CSV_FOOTER: Final = re.compile(r"\(?[\d,]+ (?:rows?|records?)\b[^{}]*")  # `(2 rows)`, as database clients print it
_LIST_MEMBERS: Final = frozenset({"Records", "Events", "events", "logEvents", "results"})
_NEAR_END: Final = 16
_OVERLAP: Final = 240


@define
class ScanCounts:
    """How much was found in a source, and how much could not be read."""

    events: int = 0
    steps: int = 0
    broken: int = 0
    broken_rows: int = 0  # those of `broken` that are rows of CSV
    too_long: int = 0
    unrecognised: int = 0  # JSON values that hold neither events nor steps
    empty: int = 0  # values that hold nothing, for example an empty list of events
    cut_short: bool = False  # the source ends in the middle of a value
    broken_example: str = ""
    unrecognised_example: str = ""
    line: int = field(default=1, eq=False)  # the first line of the value that is being read
    no_line_end: bool = field(default=False, eq=False)  # the last line that was read has no line end

    def add_broken(self, line: int, number: int = 1, *, is_row: bool = False) -> None:
        """Count broken pieces; the first begins in this line. `is_row`: it is a CSV row that may have lost a part."""
        self.broken += number
        self.broken_rows += is_row
        if number and not self.broken_example:
            self.broken_example = f"line {line:,}"

    def merge(self, other: ScanCounts, name: str) -> None:
        """Add the counts of a source with this name."""
        for each in ("broken", "broken_rows", "too_long", "unrecognised"):
            setattr(self, each, getattr(self, each) + getattr(other, each))
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
        counts.add_broken(counts.line, records.broken)
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
    """Return the values to count: the members of a wrapper such as {"Records": [...]}, or else the value alone."""
    if isinstance(value, dict) and not e.is_event(value):
        for name in _LIST_MEMBERS & value.keys():
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

    def advance(self, keep_from: int) -> None:
        """Drop the text before this position, and read the next piece."""
        self.text = self.text[keep_from:]
        piece = next(self.pieces, None)
        if piece is None:
            self.ended = True
        else:
            self.text += piece


def _json_values(pieces: Iterator[str], counts: ScanCounts) -> Iterator[Any]:  # noqa: C901, PLR0912, PLR0915 - one loop over one position
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
            counts.add_broken(gap.line_number)
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
            inner = _VALUE_START.search(window.text, begin + 1)
            if inner is not None and inner.start() < failed_at and not e.EVENT_START.match(window.text, begin):
                counts.cut_short |= unfinished and window.ended
                position, in_broken_value = inner.start(), True
                gap.line_number += window.text.count("\n", begin, position)
                continue
            if unfinished and window.ended:
                counts.cut_short = True
            elif unfinished:
                counts.too_long += 1
            else:
                counts.add_broken(gap.line_number)
            position = gap.skip_broken(window, begin + 1, in_broken_value=in_broken_value)
        else:
            gap.add_value(window.text.count("\n", begin, position))
            if position - begin > MAX_EVENT_LENGTH and e.EVENT_START.match(window.text, begin):
                counts.too_long += 1
            else:
                yield value


@define
class _TextBetweenValues:
    """The text between values, line by line: either a tool printed it (commas, table borders), or it is unreadable."""

    counts: ScanCounts
    line: str = ""
    line_number: int = 1
    has_value: bool = False
    skipping: bool = False
    has_frame: bool = False
    found_any: bool = False

    def add_value(self, newlines: int = 0) -> None:
        """Record that the line has a value, which contains this number of newlines."""
        self.has_value, self.line, self.found_any = True, "", True
        self.counts.line = self.line_number
        self.line_number += newlines

    def skip_broken(self, window: _Window, position: int, *, in_broken_value: bool) -> int:
        """Skip a broken value, and return where the next one may begin."""
        self.add_value()
        while True:
            match = (e.EVENT_START if in_broken_value else _RESUME_AT).search(window.text, position)
            if match is not None:
                resume = match.start() if match.group()[0] == "{" else match.end() - 1
                self.line_number += window.text.count("\n", position, resume)
                return resume
            keep = len(window.text) if window.ended else max(position, len(window.text) - _OVERLAP)
            self.line_number += window.text.count("\n", position, keep)
            if window.ended:
                return keep
            window.advance(keep)
            position = 0

    def add(self, text: str, *, in_broken_value: bool) -> None:
        """Add a piece of the text between values."""
        for number, part in enumerate(text.split("\n")):
            if number > 0:
                self._end_line(in_broken_value=in_broken_value)
            if not (self.has_value or in_broken_value or self.skipping):
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
                    self.counts.add_broken(self.line_number)
        self.line, self.has_value, self.skipping = "", False, False
        self.line_number += 1

    def finish(self, *, in_broken_value: bool) -> None:
        """End the text. A frame without any value counts as broken, because its content is missing."""
        self._end_line(in_broken_value=in_broken_value)
        if self.has_frame and not self.found_any:
            self.counts.add_broken(1)


def _csv_rows(pieces: Iterator[str], delimiter: str, counts: ScanCounts) -> Iterator[Any]:
    """Yield the rows of a CSV with a header line as objects; the cells without a name are a list under the name ""."""
    # The limit applies to the whole process, so a higher one is kept, and the length of each cell is checked too.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_EVENT_LENGTH))
    reader = csv.reader(_csv_lines(pieces, counts), delimiter=delimiter)
    names: list[str] = []
    while True:
        counts.line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            if "field limit" in str(error):
                counts.too_long += 1
            else:
                counts.add_broken(counts.line, is_row=True)
            continue
        if row is None:
            return
        if not any(map(str.strip, row)) or _CSV_FOOTER.fullmatch(delimiter.join(row)):
            continue
        if not names:
            names = row
            counts.empty += 1  # the header alone holds nothing
        elif any(len(cell) > MAX_EVENT_LENGTH for cell in row):
            counts.too_long += 1
        else:
            yield from _csv_row(names, row, counts)


def _csv_row(names: list[str], row: list[str], counts: ScanCounts) -> Iterator[Any]:
    """Yield a row as an object. A row with more or fewer cells than the header is left out if it has no event."""
    surplus = [cell for cell in row[len(names) :] if cell.strip()]
    cells = dict(zip(names, row, strict=False))
    value = e.nest_dotted_names({**cells, "": [*filter(None, [cells.get("")]), *surplus] or None})
    # An event within one cell is complete. If the cells are the members of an event, missing cells count as empty. The
    # row is broken if the text ends in it, or if a surplus cell shows that cells may be in wrong columns.
    if (surplus or len(row) < len(names)) and not e.find_records(row):
        has_event = bool(e.find_records(value))
        if surplus or not has_event or counts.no_line_end:
            counts.add_broken(counts.line, is_row=True)
        if not has_event:
            return
    yield value


def _csv_lines(pieces: Iterable[str], counts: ScanCounts) -> Iterator[str]:
    """Yield lines with their line ends. To save memory, cut a very long line; it stays too long for an event."""
    rest, quotes = "", 0
    for piece in pieces:
        quotes += piece.count('"')
        *lines, rest = (rest + piece).split("\n")
        yield from (line + "\n" for line in lines)
        if len(rest) > 2 * MAX_EVENT_LENGTH:
            rest = rest[: MAX_EVENT_LENGTH + 1]
    counts.cut_short |= quotes % 2 == 1  # the closing quotation mark is missing
    if rest:
        counts.no_line_end = True
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
            counts.line += text.count("\n", position, quoted.start(1))
            position = quoted.end()
            value = _unquote_yaml(quoted.group(1))
            if value.lstrip()[:1] in {"{", "["}:
                has_json = True
                yield value
            counts.line += quoted.group(1).count("\n")
        text = text[position:]
        if len(text) > 2 * MAX_EVENT_LENGTH:
            counts.too_long += 1
            counts.line += text.count("\n")
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
