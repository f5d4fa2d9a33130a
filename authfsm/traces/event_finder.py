"""Events and steps, found by their shape in any JSON value, whatever wraps them.

    EventBridge           {"detail-type": "AWS API Call via CloudTrail", "detail": {event}}
    S3                    {"Records": [{event}, ...]}
    lookup-events         {"Events": [{"CloudTrailEvent": "{event}"}, ...]}
    subscription          {"awslogs": {"data": "<base64 of gzip>"}}
    CloudWatch Logs       {"logEvents": [{"message": "{event}"}, ...]}
    Logs Insights         {"results": [[{"field": "@message", "value": "{event}"}, ...], ...]}
    Athena                {"eventname": ..., "requestparameters": "{...}"}

None of these is looked for by name: an object is an event if it has an event's members, and a string that
holds JSON, or base64 of it, is opened.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from attrs import define, field

from authfsm.traces import cloudtrail, step_log
from authfsm.traces.sources import MAX_EVENT_LENGTH

_OBJECTS: Final = ("requestParameters", "responseElements", "additionalEventData")
_BESIDE: Final = frozenset(
    {"eventsource", "eventtime", "eventid", "eventversion", "eventtype", "requestparameters", "useragent"}
)  # fmt: skip
# "H4sI" is how base64 of gzip begins, "eyJ" and "ey" how that of an object does.
_BASE64: Final = re.compile(r"(?:H4sI|ey[AIJ])[A-Za-z0-9+/\s]+=*\s*")
EVENT: Final = re.compile(
    r'\{\s*"(?:event(?:Version|ID|Time|Name|Source|Type)|userIdentity|EventId|sign_in)"'
)
"""How an event begins, in a text."""

_SURROGATES: Final = re.compile("[\ud800-\udfff\x00]")
_DEEPEST: Final = 64
_STRINGS: Final = 8
_PARTS: Final = 3

DECODER: Final = json.JSONDecoder(parse_float=str, parse_constant=str)
"""Reads JSON; numbers that are no whole ones stay text, so that what was read can be written again."""


@define
class FoundRecords:
    """What was found in one value.

    Args:
        events: CloudTrail's events, by `COLUMNS`, as lines of JSON.
        steps: a recorder's lines, likewise.
        broken: strings that begin as an event does, and are no JSON.
        too_long: strings that were not opened because they are larger than `MAX_EVENT_LENGTH` when unpacked.
    """

    events: list[bytes] = field(factory=list)
    steps: list[bytes] = field(factory=list)
    broken: int = 0
    too_long: int = 0

    def __bool__(self) -> bool:
        return bool(self.events or self.steps)


def find(value: Any, within: int = 0) -> FoundRecords:
    """Return the events and steps in a value.

    Args:
        value: JSON, parsed.
        within: in how many events, or rows, this stands that may themselves be what is looked for.
    """
    found = FoundRecords()
    # Depth first, in the order in which things stand there.
    waiting: list[tuple[Any, int, int]] = [(value, 0, 0)]
    while waiting:
        each, depth, opened = waiting.pop()
        inner: Iterator[Any] | tuple[Any, ...]
        if isinstance(each, str):
            inner, opened = tuple(_opened(each, found)) if opened < _STRINGS else (), opened + 1
        elif isinstance(each, list):
            made = row(each)
            inner = tuple(each) if made is None else (made,)
        elif isinstance(each, dict):
            if (inside := _taken(each, found, within)) is None:
                continue
            inner = inside
        else:
            continue
        if depth < _DEEPEST:
            waiting.extend((child, depth + 1, opened) for child in reversed(inner))
    return found


def _taken(each: dict[str, Any], found: FoundRecords, within: int) -> tuple[Any, ...] | None:
    """Take an object as what it is; return what may hold more, or None where nothing does."""
    look = within < _STRINGS
    if (
        look
        and isinstance(each.get("@message"), str)
        and (inner := find(each["@message"], within + 1))
    ):
        # A row of Logs Insights: its other columns are parts of the same event.
        found.events += inner.events
        found.steps += inner.steps
        return None
    if is_step(each):
        _keep(found, found.steps, {name: _leaf(each.get(name)) for name in step_log.COLUMNS})
        return None
    if "." in "".join(each):
        each = nested(each)
    if (event := _event(each)) is None:
        return tuple(each.values())
    carrier = str(event.get("eventSource", "")).startswith("aws:")
    if look and carrier and (inner := find(list(each.values()), within + 1)):
        # A record of a stream or a topic, as Lambda gets them: what it carries counts.
        found.events += inner.events
        found.steps += inner.steps
        return None
    _keep(found, found.events, event)
    return None


def is_step(value: Any) -> bool:
    """Is this a line of a recorder's?

    Args:
        value: JSON, parsed.
    """
    return isinstance(value, dict) and "sign_in" in value and "step" in value


def is_event(value: Any) -> bool:
    """Is this an event of CloudTrail's as such, with its names as they are in S3?

    Args:
        value: JSON, parsed.
    """
    return (
        isinstance(value, dict)
        and isinstance(value.get("eventName"), str)
        and any(name.lower() in _BESIDE for name in value)
        and not any(isinstance(value.get(name), str) for name in _OBJECTS)
    )


def _event(each: Mapping[str, Any]) -> dict[str, Any] | None:
    """The members of an event that are used; None if it is none."""
    named = {name.lower(): value for name, value in each.items()}
    if not isinstance(named.get("eventname"), str) or not (_BESIDE & named.keys()):
        return None
    if isinstance(named.get("cloudtrailevent"), str):
        return None  # what `lookup-events` says of an event that it has as text, too
    event: dict[str, Any] = {}
    for path in cloudtrail.FIELDS.values():
        value, place = named.get(path[0].lower()), event
        if len(path) > 1 and isinstance(value, str):
            # Athena has JSON as text; Lake's maps are no JSON, and tell nothing.
            value = named[path[0].lower()] = _parsed(value)
        for outer, inner in pairwise(path):
            value = value.get(inner) if isinstance(value, dict) else None
            place = place.setdefault(outer, {}) if value is not None else place
        if value is not None:
            place[path[-1]] = _leaf(value)
    if named.get("eventsource") is not None:
        event["eventSource"] = _leaf(named["eventsource"])
    return event


def _leaf(value: Any) -> Any:
    """A value that stands for itself: of what holds others, only that it is one."""
    if isinstance(value, dict | list):
        return type(value)()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return str(value)
    return value


def _parsed(text: str) -> Any:
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def row(each: list[Any]) -> dict[str, Any] | None:
    """Return a row of Logs Insights, `[{"field": name, "value": value}, ...]`, as an object; None of another list.

    Args:
        each: a list.
    """
    if not each or not all(
        isinstance(one, dict) and {"field", "value"} <= one.keys() for one in each
    ):
        return None  # fmt: skip
    return {str(one["field"]): one["value"] for one in each}


def nested(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row whose names are paths, `requestParameters.authFlow`, as objects within each other.

    Args:
        row: values by their names.
    """
    made: dict[str, Any] = {}
    for name, value in row.items():
        if value in ("", None):
            continue
        *outer, last = name.split(".", _PARTS)
        place = made
        for part in outer:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                inner = place[part] = {}
            place = inner
        place[last] = value
    return made


def _opened(text: str, found: FoundRecords) -> Iterator[Any]:
    """The values that a string holds."""
    begins = text.lstrip()[:1]
    if begins in {"{", "["} or text.lstrip()[:2] == '"{':
        yield from _all_in(text, found)
    elif len(text) > 40 and _BASE64.fullmatch(text):  # noqa: PLR2004 - no event is shorter
        data = _unpacked(text)
        if data is None:
            return
        if len(data) > MAX_EVENT_LENGTH:
            found.too_long += 1
            return
        yield from _all_in(data.decode("utf-8", "replace"), found)


def _unpacked(text: str) -> bytes | None:
    """What base64 stands for, decompressed: not much more of it than may be."""
    try:
        data = base64.b64decode(text)
        if data.startswith(b"\x1f\x8b"):
            return zlib.decompressobj(wbits=31).decompress(data, MAX_EVENT_LENGTH + 1)
    except (ValueError, zlib.error):
        return None
    return data


def _all_in(text: str, found: FoundRecords) -> Iterator[Any]:
    """The JSON values in a text, one after the other, as far as there are any."""
    where = 0
    while where < len(text):
        try:
            value, where = DECODER.raw_decode(text, where)
        except (ValueError, RecursionError):
            found.broken += EVENT.match(text, where) is not None
            return
        yield value
        while where < len(text) and text[where] in " \t\r\n,":
            where += 1


def _keep(found: FoundRecords, kept: list[bytes], members: Mapping[str, Any]) -> None:
    """Keep an event as a line that every reader of JSON takes."""
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    line = _SURROGATES.sub("\ufffd", text.replace("\\u0000", "\ufffd")).encode()
    if len(line) < MAX_EVENT_LENGTH:
        kept.append(line)
    else:
        found.too_long += 1


def described(value: Any) -> str:
    """Return what a value looks like, its content left out, as it may be secret.

    Args:
        value: JSON, parsed.
    """
    if isinstance(value, dict):
        names = [repr(name[:40]) for name in list(value)[:6]]
        more = ", ..." if len(value) > len(names) else ""
        return f"an object with {', '.join(names) or 'no members'}{more}"
    kinds = {list: "a list", str: "a string", type(None): "null", bool: "a boolean"}
    return kinds.get(type(value), "a number")
