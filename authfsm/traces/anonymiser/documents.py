"""Whole texts: JSON, objects as Python and JavaScript print them, HTTP messages and logs.

A text is rewritten in place: order, white space, the way numbers are written and doubled keys stay, so that
the neutral text has the shape of the original. Whatever is between the values is replaced word by word.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from contextlib import suppress
from typing import Final

from attrs import define

from authfsm.protocol.errors import CallerError
from authfsm.traces.anonymiser import vocabulary as v
from authfsm.traces.anonymiser.value_anonymiser import ValueAnonymiser
from authfsm.traces.anonymiser.value_shapes import is_json

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
    |(?P<date>datetime\.datetime\([^()]*(?:\([^()]*\))?[^()]*\))
    |(?P<text>[bBuUrR]{0,2}(?:"[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*'|`[^`\\]*(?:\\.[^`\\]*)*`))
    |(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.@:/+-]))
    |(?P<mark>[{}\[\]():,=<>;])
    |(?P<word>(?:[^\s{}\[\]()<>,:;="'`]|:(?=[^\s"'`{\[]))+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_OPEN: Final = {"{": "}", "[": "]", "(": ")"}
_REQUEST: Final = re.compile(r"([<>] )?([A-Z]+) (\S+)( HTTP/[\d.]+)?\r?")
_STATUS: Final = re.compile(r"([<>] )?(HTTP/[\d.]+) (\d{3})(?: (.*?))?\r?")
_HEADER: Final = re.compile(r"([<>*] )?(:?[A-Za-z][A-Za-z0-9-]*):([ \t]*)(.*?)(\r?)")
_DATE_CALL: Final = re.compile(r"datetime\.datetime\(([\d, ]+)(.*)\)", re.DOTALL)
_COLUMNS: Final = re.compile(r'(?=[^\n]*\beventname\b)"?\w+"?(?:,"?\w+"?)+\r?\n', re.IGNORECASE)
_QUOTED: Final = re.compile(r"""[bu]?(["'])(?:\\.|(?!\1)[^\n\\])*\1(?=\s|$)""")
# So many brackets that nothing closes are tried; all others are words. Each costs a look at the whole text.
_MOST_FAILURES: Final = 50
_LITERALS: Final = frozenset({"None", "True", "False", "null", "true", "false", "undefined"})


class UnreadableDocument(CallerError, ValueError):
    """A capture cannot be read, so nothing of it is given; the message says what is wrong and what to do."""


@define
class _NotJson:
    """Why a text is not JSON.

    Args:
        why: the rest of a sentence.
        surely: can it be nothing else either?
    """

    why: str
    surely: bool = False


@define
class _Frame:
    """Where in a document a value stands.

    Args:
        mark: the bracket that opened it.
        key: the key that the next value is of.
        above: the key of the whole.
        name: the value of its key Name, which says what its Value is.
        foreign: is it within a map of the customer's own?
    """

    mark: str
    key: str
    above: str = ""
    name: str = ""
    foreign: bool = False

    def of(self) -> str:
        """The key that the next value is of; none where keys mean nothing."""
        if self.foreign:
            return ""
        if self.mark == "{" and self.above.lower() in v.MAPS and self.key not in v.PARAMETERS:
            return ""
        if self.key.lower() == "value" and self.name:
            return self.name
        return self.key if self.mark in {"{", "("} or self.key else self.above


def rewrite_json(text: str, neutral: ValueAnonymiser, key: str = "") -> str:
    """A text of JSON, rewritten.

    Args:
        text: the JSON.
        neutral: what replaces.
        key: the key whose value the text is.
    """
    return _rewrite(text, neutral, key, strict=True)


def rewrite_literal(text: str, neutral: ValueAnonymiser) -> str:
    """An object as Python or JavaScript prints it, rewritten."""
    return _rewrite(text, neutral, "", strict=False)


def _rewrite(text: str, neutral: ValueAnonymiser, key: str, *, strict: bool) -> str:
    tokens = list(_TOKEN.finditer(text))
    frames = [_Frame("", key)]
    out = []
    for n, token in enumerate(tokens):
        frame, said = frames[-1], token.group()
        if token.lastgroup == "mark":
            _step(frames, said)
            out.append(said)
        elif token.lastgroup == "space":
            out.append(said)
        elif token.lastgroup == "other":
            out.append(said if said.isascii() and not said.isalnum() else "x")
        elif _is_key(tokens, n, frame):
            quoted = token.lastgroup == "text"
            frame.key = _decoded(token, strict=strict) if quoted else said
            made = neutral.key(frame.key)
            out.append(_encoded(token, made, strict=strict) if quoted else made)
        else:
            out.append(_value(token, frame, neutral, strict=strict))
    return "".join(out)


def _value(token: re.Match[str], frame: _Frame, neutral: ValueAnonymiser, *, strict: bool) -> str:
    """What becomes of a value."""
    kind, said = token.lastgroup, token.group()
    if kind == "text":
        value = _decoded(token, strict=strict)
        if frame.key.lower() == "name":
            frame.name = value
        return _encoded(token, neutral.value(frame.of(), value), strict=strict)
    if kind == "number":
        return neutral.number(frame.of(), said)
    if kind == "date":
        return _moved(said, neutral)
    if said in _LITERALS:
        return said
    return neutral.value(frame.of(), said) if frame.of() else neutral.prose(said, v.LOG)


def _step(frames: list[_Frame], mark: str) -> None:
    frame = frames[-1]
    if mark in _OPEN:
        above = frame.of()
        foreign = frame.foreign or above.lower() in v.FOREIGN
        # A list has its key's values; of an object the key only says whose keys it has.
        frames.append(_Frame(mark, "", above, foreign=foreign))
    elif mark in _OPEN.values() and len(frames) > 1:
        frames.pop()
    elif mark == "," and frame.mark:
        frame.key = ""


def _is_key(tokens: list[re.Match[str]], n: int, frame: _Frame) -> bool:
    if frame.key or tokens[n].lastgroup == "date":
        return False
    following = next((each for each in tokens[n + 1 : n + 3] if each.lastgroup != "space"), None)
    return following is not None and following.group() in {":", "="} and frame.mark != "["


def _decoded(token: re.Match[str], *, strict: bool) -> str:
    if strict:
        with suppress(ValueError):
            return str(json.loads(token.group(), strict=False))
    with suppress(ValueError, SyntaxError, MemoryError):
        found = ast.literal_eval(token.group())
        if isinstance(found, bytes):
            return found.decode("utf-8", "surrogateescape")
        if isinstance(found, str):
            return found
    return token.group()[_prefix(token) + 1 : -1]


def _prefix(token: re.Match[str]) -> int:
    """How many letters stand before a text's quote."""
    return next(n for n, each in enumerate(token.group()) if each in "\"'`")


def _encoded(token: re.Match[str], made: str, *, strict: bool) -> str:
    if strict:
        return json.dumps(made)
    where = _prefix(token)
    prefix, quote = token.group()[:where], token.group()[where]
    if "r" in prefix.lower():
        return f"{prefix}{quote}{made}{quote}"
    escaped = made.encode("ascii", "backslashreplace").decode() if not made.isascii() else made
    for each, by in (
        ("\\", "\\\\"),
        (quote, f"\\{quote}"),
        ("\n", "\\n"),
        ("\r", "\\r"),
        ("\t", "\\t"),
    ):
        if made.isascii() or each != "\\":
            escaped = escaped.replace(each, by)
    return f"{prefix}{quote}{escaped}{quote}"


def _moved(said: str, neutral: ValueAnonymiser) -> str:
    """Python's `datetime.datetime(...)`, moved."""
    found = _DATE_CALL.fullmatch(said)
    numbers = (
        [int(each) for each in found.group(1).replace(" ", "").split(",") if each] if found else []
    )
    if found is None or not 3 <= len(numbers) <= 7:  # noqa: PLR2004 - year, month, day to microseconds
        return "datetime.datetime(2020, 1, 1)"
    year, month, day, hour, minute, second, micro = [*numbers, 0, 0, 0, 0][:7]
    iso = f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{micro:06d}"
    at = neutral.placeholders.time(iso) or "2020-01-01T00:00:00.000000"
    parts = [str(int(each)) for each in re.findall(r"\d+", at)][: len(numbers)]
    zone = found.group(2).strip()
    known = (
        zone
        if re.fullmatch(r"(?:tzinfo=)?(?:tzutc\(\)|tzlocal\(\)|datetime\.timezone\.utc)?", zone)
        else ""
    )
    return f"datetime.datetime({', '.join(parts)}{', ' if known else ''}{known})"


# ---- which kind of text ---------------------------------------------------------------------------------


def rewrite(text: str, neutral: ValueAnonymiser) -> str:
    """A whole text, rewritten.

    Args:
        text: JSON, one value or several; an object printed by Python or JavaScript; HTTP messages; a log.
        neutral: what replaces.

    Raises:
        Unreadable: the text is empty, ends in the middle, or has nothing of Cognito's in it.
    """
    if not text.strip():
        raise UnreadableDocument("it is empty")
    if _COLUMNS.match(text):
        return _rewrite_csv(text, neutral)
    begins = text.lstrip()[0]
    if begins in '{["':
        values = _values(text)
        if isinstance(values, str):
            return rewrite_json(values, neutral)
        end = _balanced(text, text.index(begins))
        if end is None or begins == '"' or values.surely:
            raise UnreadableDocument(
                f"it begins like JSON but {values.why}: give the whole of it, or cut it where a value ends"
            )
    made = _lines(text, neutral)
    if not neutral.recognized:
        raise UnreadableDocument(
            "nothing in it is known as Cognito's: give JSON, JSON lines, HTTP messages with their headers, a HAR"
            " file, a log of botocore's, or an object as Python or JavaScript prints it"
        )
    return made


def _rewrite_csv(text: str, neutral: ValueAnonymiser) -> str:
    """The table of an Athena query over CloudTrail's events, rewritten cell by cell; each cell is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    columns: list[str] | None = None
    csv.field_size_limit(max(len(text), 1))
    try:
        for row in csv.reader(io.StringIO(text, newline=""), strict=True):
            if columns is None:
                columns = row
                writer.writerow([neutral.key(each) for each in row])
                continue
            if len(row) != len(columns):
                raise UnreadableDocument("its rows have not the columns that its first line names")
            writer.writerow(
                [_cell(name, each, neutral) for name, each in zip(columns, row, strict=True)]
            )
    except csv.Error:
        raise UnreadableDocument("it begins like CSV but is none: give the whole of it") from None
    return out.getvalue()


def _cell(column: str, text: str, neutral: ValueAnonymiser) -> str:
    # Athena prints what is structured as {type=Unknown, principalId=Anonymous}.
    if text[:1] == "{" and not is_json(text) and _balanced(text, 0) == len(text):
        return rewrite_literal(text, neutral)
    return neutral.value(column, text)


def _values(text: str) -> str | _NotJson:
    """The text, if it is JSON values one after the other; otherwise what is wrong."""
    decoder, at = json.JSONDecoder(strict=False), 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            found, at = decoder.raw_decode(text, at)
        except RecursionError:
            return _NotJson("is nested too deeply", surely=True)
        except ValueError as error:
            where = getattr(error, "pos", 0)
            line, column = text.count("\n", 0, where) + 1, where - text.rfind("\n", 0, where)
            why = f"is none from line {line}, column {column} on"
            # A broken line among good ones is no object of another language's.
            return _NotJson(why, surely=at > 0 and text.startswith('{"', at))
        if not isinstance(found, (dict, list, str)):
            return _NotJson(f"has a bare {type(found).__name__} among its values")
    return text


def _balanced(text: str, start: int) -> int | None:
    """Where the brackets that open here are closed; None if they are not."""
    open_: list[str] = []
    for token in _TOKEN.finditer(text, start):
        said = token.group()
        if token.lastgroup != "mark":
            continue
        if said in _OPEN:
            open_.append(_OPEN[said])
        elif said in _OPEN.values():
            if not open_ or open_.pop() != said:
                return None
            if not open_:
                return token.end()
    return None


def _lines(text: str, neutral: ValueAnonymiser) -> str:
    """HTTP messages, logs, and objects among words."""
    out, at, failed = [], 0, 0
    while at < len(text):
        begins = at == 0 or text[at - 1] == "\n"
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if begins and (made := _http(text[at:end], neutral)) is not None:
            out.append(made[0])
            at += made[1]
            continue
        if text[at] in "{[":
            found = _object(text, at, neutral) if failed < _MOST_FAILURES else None
            failed += found is None
            if found is not None:
                out.append(found[0])
                at = found[1]
                continue
            if begins and text[at] == "{":
                line = text.count("\n", 0, at) + 1
                raise UnreadableDocument(
                    f"what begins in line {line} ends in the middle: give the whole of it"
                )
            out.append(text[at])
            at += 1
            continue
        if begins and (quoted := _QUOTED.match(text, at)) is not None:
            out.append(rewrite_literal(quoted.group(), neutral))
            at = quoted.end()
            continue
        stop = min((n for n in (text.find(each, at) for each in "{[") if n >= 0), default=end)
        stop = max(min(stop, end + 1), at + 1)
        out.append(neutral.log(text[at:stop]))
        at = min(stop, len(text))
    return "".join(out)


def _object(text: str, at: int, neutral: ValueAnonymiser) -> tuple[str, int] | None:
    with suppress(ValueError, RecursionError):
        _, end = json.JSONDecoder(strict=False).raw_decode(text, at)
        return rewrite_json(text[at:end], neutral), end
    end = _balanced(text, at) or 0
    return (rewrite_literal(text[at:end], neutral), end) if end else None


def _http(line: str, neutral: ValueAnonymiser) -> tuple[str, int] | None:
    """A line of an HTTP message, and how much of it was read; a body in a header's line is left."""
    if found := _REQUEST.fullmatch(line):
        mark, method, target, version = found.groups()
        if method in v.WORDS["method"]:
            made = neutral.path(target) if target.startswith("/") else neutral.replace(target)
            ending = line[found.end(4) if version else found.end(3) :]
            return f"{mark or ''}{method} {made}{version or ''}{ending}", len(line)
    if found := _STATUS.fullmatch(line):
        mark, version, code, reason = found.groups()
        said = (
            ""
            if reason is None
            else " " + (reason if reason in v.REASONS else neutral.prose(reason))
        )
        return (
            f"{mark or ''}{version} {code}{said}{chr(13) if line.endswith(chr(13)) else ''}",
            len(line),
        )
    if found := _HEADER.fullmatch(line):
        mark, name, space, value, ending = found.groups()
        made = f"{mark or ''}{neutral.key(name)}:{space}"
        if value[:1] in {"{", "["}:
            return made, found.start(4)
        return made + neutral.value(name, value) + ending, len(line)
    return None
