"""Finds CloudTrail events and recorded steps in any JSON value by their members, whatever wraps them.

    EventBridge           {"detail-type": "AWS API Call via CloudTrail", "detail": {event}}
    S3                    {"Records": [{event}, ...]}
    lookup-events         {"Events": [{"CloudTrailEvent": "{event}"}, ...]}
    subscription          {"awslogs": {"data": "<base64 of gzip>"}}
    CloudWatch Logs       {"logEvents": [{"message": "{event}"}, ...]}
    Logs Insights         {"results": [[{"field": "@message", "value": "{event}"}, ...], ...]}
    Athena                {"eventname": ..., "requestparameters": "{...}"}

The names of the wrappers do not matter. An object is an event if it has the members of an event. A string is searched
if it holds JSON, or base64 of JSON or of gzip.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from typing import Any, Final

from attrs import define, field

from authfsm.traces import cloudtrail
from authfsm.traces.sources import MAX_EVENT_LENGTH
from authfsm.traces.step_log import COLUMNS

DECODER: Final = json.JSONDecoder(parse_float=str, parse_constant=str)
"""Parses JSON. Numbers with a fraction or exponent stay text, so that they are written again unchanged."""

EVENT_START: Final = re.compile(r'\{\s*"(?:event(?:Version|ID|Time|Name|Source|Type)|userIdentity|EventId|sign_in)"')
"""How an event or a recorded step begins."""

_OBJECT_MEMBERS: Final = ("requestParameters", "responseElements", "additionalEventData")
_EVENT_MEMBERS: Final = frozenset(
    {"eventsource", "eventtime", "eventid", "eventversion", "eventtype", "requestparameters", "useragent"}
)  # fmt: skip
# Base64 of gzip begins with H4sI. Base64 of `{` or `[` before `{`, `"` or white space begins with ew, ey, W3, Ww or Wy.
_BASE64: Final = re.compile(r"(?:H4sI|e[wy]|W[3wy])[A-Za-z0-9+/\s]+=*\s*")
# The header of gzip: no reserved flag is set, and the bytes for compression and system have values of RFC 1952.
_GZIP_BASE64: Final = re.compile(r"H4sI[A-H].{5}[AEIMQUYcgkosw048][ACE][A-D/]")
_MIN_BASE64: Final = 40
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ESCAPED_NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # not the text `\u0000`, whose backslash JSON doubles
_MAX_DEPTH: Final = 64
_MAX_STRINGS: Final = 8
_MAX_DOTS: Final = 3


@define
class FoundRecords:
    """The events and steps in one value, as lines of JSON."""

    events: list[bytes] = field(factory=list)
    steps: list[bytes] = field(factory=list)
    broken: int = 0  # strings with an event that are not JSON, and damaged gzip data
    too_long: int = 0

    def __bool__(self) -> bool:
        return bool(self.events or self.steps)

    def add(self, lines: list[bytes], members: Mapping[str, Any]) -> None:
        """Add an event or a step to one of the lists, as a line that every JSON parser accepts."""
        text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
        line = _LONE_SURROGATE.sub("\ufffd", _ESCAPED_NUL.sub("\\1\ufffd", text)).encode()
        if len(line) < MAX_EVENT_LENGTH:
            lines.append(line)
        else:
            self.too_long += 1

    def extend(self, other: FoundRecords) -> None:
        """Add the records of another value, and the counts of what could not be read in it."""
        self.events += other.events
        self.steps += other.steps
        self.broken += other.broken
        self.too_long += other.too_long


def find_records(value: Any, carriers: int = 0) -> FoundRecords:
    """Return the events and steps in a parsed JSON value.

    `carriers` counts the records around the value that carry events, such as those that Lambda receives from a stream.
    """
    records = FoundRecords()
    # Depth first, in the order of the text.
    waiting: list[tuple[Any, int, int]] = [(value, 0, 0)]
    while waiting:
        each, depth, strings = waiting.pop()
        inner: tuple[Any, ...] = ()
        if isinstance(each, str):
            if strings < _MAX_STRINGS:
                inner, strings = tuple(_parse_string(each, records)), strings + 1
        elif isinstance(each, list):
            row = insights_row(each)
            inner = tuple(each) if row is None else (row,)
        elif isinstance(each, dict):
            inner = _parse_object(each, records, carriers)
        if depth < _MAX_DEPTH:
            waiting.extend((child, depth + 1, strings) for child in reversed(inner))
    return records


def _parse_object(each: dict[str, Any], records: FoundRecords, carriers: int) -> tuple[Any, ...]:
    """Add an object to `records` if it is a record; otherwise return its values, to search them."""
    may_search, message = carriers < _MAX_STRINGS, each.get("@message")
    has_message = may_search and isinstance(message, str)
    if has_message and (inner := find_records(message, carriers + 1)):
        records.extend(inner)
        return ()  # the other columns of this Logs Insights row are parts of the same event
    if is_step(each):
        records.add(records.steps, {name: _scalar(each.get(name)) for name in COLUMNS})
        return ()
    if "." in "".join(each):
        each = nest_dotted_names(each)
    if (event := _event(each)) is None:
        return tuple(each.values())
    if may_search and str(event.get("eventSource", "")).startswith("aws:"):
        # A record that Lambda receives from a stream or a topic.
        records.extend(inner := find_records(list(each.values()), carriers + 1))
        if inner or inner.broken or inner.too_long:
            return ()
    records.add(records.events, event)
    return ()


def is_step(value: Any) -> bool:
    """Return whether a parsed JSON value is a recorded step."""
    return isinstance(value, dict) and "sign_in" in value and "step" in value


def is_event(value: Any) -> bool:
    """Return whether a parsed JSON value is a CloudTrail event, with the member names that it has in S3."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("eventName"), str)
        and any(name.lower() in _EVENT_MEMBERS for name in value)
        and not any(isinstance(value.get(name), str) for name in _OBJECT_MEMBERS)
    )


def _event(each: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return `eventSource` and the members of an event in `cloudtrail.FIELDS`; None if the object is not an event."""
    members = {name.lower(): value for name, value in each.items()}
    if not isinstance(members.get("eventname"), str) or not (_EVENT_MEMBERS & members.keys()):
        return None
    if isinstance(members.get("cloudtrailevent"), str):
        return None  # `lookup-events` repeats parts of the event beside its text
    event: dict[str, Any] = {}
    for path in cloudtrail.FIELDS.values():
        value, target = members.get(path[0].lower()), event
        if len(path) > 1 and isinstance(value, str):
            # Athena returns JSON as text. CloudTrail Lake returns maps that are not JSON, so they are not read.
            text, value = value, None
            with suppress(ValueError, RecursionError):
                value = DECODER.decode(text)
            members[path[0].lower()] = value
        for outer, inner in pairwise(path):
            value = value.get(inner) if isinstance(value, dict) else None
            target = target.setdefault(outer, {}) if value is not None else target
        if value is not None:
            target[path[-1]] = _scalar(value)
    if members.get("eventsource") is not None:
        event["eventSource"] = _scalar(members["eventsource"])
    return event


def _scalar(value: Any) -> Any:
    """Return a value. An object or list loses its content, and an integer of more than 64 bits becomes text."""
    if isinstance(value, dict | list):
        return type(value)()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return str(value)
    return value


def insights_row(each: list[Any]) -> dict[str, Any] | None:
    """Return a Logs Insights row, `[{"field": name, "value": value}, ...]`, as an object; None for another list."""
    if each and all(isinstance(one, dict) and {"field", "value"} <= one.keys() for one in each):
        return {str(one["field"]): one["value"] for one in each}
    return None


def nest_dotted_names(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with names like `requestParameters.authFlow` as nested objects, without empty cells."""
    result: dict[str, Any] = {}
    for name, value in row.items():
        if value in ("", None):
            continue
        *outer, last = name.split(".", _MAX_DOTS)
        target = result
        for part in outer:
            inner = target.setdefault(part, {})
            if not isinstance(inner, dict):
                inner = target[part] = {}
            target = inner
        target[last] = value
    return result


def _parse_string(text: str, records: FoundRecords) -> Iterator[Any]:
    """Yield the JSON values in a string, or in the data that the string holds as base64."""
    start = text.lstrip()[:2]
    if start[:1] in {"{", "["} or start == '"{':
        yield from _parse_values(text, records)
    elif len(text) > _MIN_BASE64 and _BASE64.fullmatch(text):
        data = _decode_base64(text, records)
        if len(data) > MAX_EVENT_LENGTH:
            records.too_long += 1
        else:
            yield from _parse_values(data.decode("utf-8", "replace"), records)


def _decode_base64(text: str, records: FoundRecords) -> bytes:
    """Return the decoded bytes, at most `MAX_EVENT_LENGTH + 1` of them for gzip; count gzip that is damaged."""
    unpacked = data = b""
    is_gzip = _GZIP_BASE64.match(text) is not None
    try:
        data = base64.b64decode(text + "==")  # in case the padding was cut off
        while data.startswith(b"\x1f\x8b") and len(unpacked) <= MAX_EVENT_LENGTH:
            stream = zlib.decompressobj(wbits=31)
            unpacked += stream.decompress(data, MAX_EVENT_LENGTH + 1 - len(unpacked))
            data = stream.unused_data
            records.broken += is_gzip and not stream.eof and len(unpacked) <= MAX_EVENT_LENGTH
    except (ValueError, zlib.error):
        records.broken += is_gzip
    return unpacked or data


def _parse_values(text: str, records: FoundRecords) -> Iterator[Any]:
    """Yield the JSON values at the start of a string, one after the other."""
    position = 0
    while position < len(text):
        try:
            value, position = DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            records.broken += EVENT_START.search(text, position) is not None
            return
        yield value
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1


def describe(value: Any) -> str:
    """Return the kind of a value in words. It has the names in an object, but no values, which may be secret."""
    if isinstance(value, dict):
        names = [repr(name[:40]) for name in list(value)[:6]]
        more = ", ..." if len(value) > len(names) else ""
        return f"an object with {', '.join(names) or 'no members'}{more}"
    kinds = {list: "a list", str: "a string", type(None): "null", bool: "a boolean"}
    return kinds.get(type(value), "a number")
