"""Anonymises whole texts: JSON, objects as Python and JavaScript print them, HTTP messages, CSV and logs.

The order of values, white space, the form of numbers and repeated keys stay, so the result has the form of the
original. But strings are escaped anew, and each cell of CSV is quoted. Text between values is replaced word by word.
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
_CLOSING: Final = {"{": "}", "[": "]", "(": ")"}
_REQUEST: Final = re.compile(r"([<>] )?([A-Z]+) (\S+)( HTTP/[\d.]+)?\r?")
_STATUS: Final = re.compile(r"([<>] )?(HTTP/[\d.]+) (\d{3})(?: (.*?))?\r?")
_HEADER: Final = re.compile(r"([<>*] )?(:?[A-Za-z][A-Za-z0-9-]*):([ \t]*)(.*?)(\r?)")
_DATE_CALL: Final = re.compile(r"datetime\.datetime\(([\d, ]+)(.*)\)", re.DOTALL)
_ZONE: Final = re.compile(r"(?:tzinfo=)?(?:tzutc\(\)|tzlocal\(\)|datetime\.timezone\.utc)?")
_CSV_HEADER: Final = re.compile(r'(?=[^\n]*\beventname\b)"?\w+"?(?:,"?\w+"?)+\r?\n', re.IGNORECASE)
_QUOTED: Final = re.compile(r"""[bu]?(["'])(?:\\.|(?!\1)[^\n\\])*\1(?=\s|$)""")
_LITERALS: Final = frozenset({"None", "True", "False", "null", "true", "false", "undefined"})
# After this many unclosed brackets, only a `{` that begins a line is paired, because each search may read all text.
_MAX_UNCLOSED: Final = 50


class UnreadableDocument(CallerError, ValueError):
    """Captured traffic cannot be read, so nothing of it is returned."""


def rewrite(text: str, anonymiser: ValueAnonymiser) -> str:
    """Return a whole text, anonymised.

    It may be JSON values, an object printed by Python or JavaScript, HTTP messages, Athena's CSV or a log.

    Raises:
        UnreadableDocument: the text is empty, ends in the middle of a value, or contains no name of Cognito's API (JSON
            and CSV need no such name).
    """
    if not text.strip():
        raise UnreadableDocument("it is empty")
    if _CSV_HEADER.match(text):
        return _rewrite_csv(text, anonymiser)
    start = text.lstrip()[0]
    if start in '{["':
        problem, surely_broken = _json_problem(text)
        if not problem:
            return rewrite_json(text, anonymiser)
        if start == '"' or surely_broken or _closing_bracket(text, text.index(start)) is None:
            raise UnreadableDocument(f"it begins like JSON but {problem}")
    result = _rewrite_mixed(text, anonymiser)
    if not anonymiser.cognito_names:
        raise UnreadableDocument(
            "it contains no name of Cognito's API: give JSON, JSON lines, HTTP messages with their headers, a HAR"
            " file, a botocore log, or an object as Python or JavaScript prints it"
        )
    return result


def _json_problem(text: str) -> tuple[str, bool]:
    """Return why a text is not a sequence of JSON values ("" if it is one), and whether it is surely broken JSON."""
    decoder, position = json.JSONDecoder(strict=False), 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        try:
            value, position = decoder.raw_decode(text, position)
        except RecursionError:
            return "is nested too deeply: give only the part inside that you need", True
        except ValueError as error:
            failed_at = getattr(error, "pos", 0)
            line = text.count("\n", 0, failed_at) + 1
            column = failed_at - text.rfind("\n", 0, failed_at)
            # A broken line among good ones is not an object printed by another language.
            surely_broken = position > 0 and text.startswith('{"', position)
            advice = "give the whole text, or cut it where a value ends"
            return f"is not JSON from line {line}, column {column} on: {advice}", surely_broken
        if not isinstance(value, (dict, list, str)):
            return "has a number, true, false or null outside of an object or list: leave it out", False
    return "", False


# ---- JSON, and objects of Python and JavaScript --------------------------------------------------------


@define
class _Frame:
    """An open bracket, and the key of the next value in it."""

    mark: str
    key: str  # "" before it is read
    outer_key: str = ""  # the key of the whole object or list
    name: str = ""  # "email" in {"Name": "email", "Value": ...}, where it is the key of the value
    is_custom: bool = False  # inside a map whose keys the customer chooses

    @property
    def value_key(self) -> str:
        """The key of the next value; "" where keys mean nothing."""
        if self.is_custom:
            return ""
        in_map = self.mark == "{" and self.outer_key.lower() in v.MAPS
        if in_map and self.key not in v.PARAMETERS:
            return ""
        if self.key.lower() == "value" and self.name:
            return self.name
        return self.key if self.mark in {"{", "("} or self.key else self.outer_key


def rewrite_json(text: str, anonymiser: ValueAnonymiser, key: str = "", *, strict: bool = True) -> str:
    """Return the value of `key`, anonymised: JSON or, if not `strict`, an object as Python or JavaScript prints it."""
    tokens = list(_TOKEN.finditer(text))
    frames = [_Frame("", key)]
    parts = []
    for n, token in enumerate(tokens):
        frame, part = frames[-1], token.group()
        if token.lastgroup == "mark":
            _open_or_close(frames, part)
        elif token.lastgroup == "other":
            part = part if part.isascii() and not part.isalnum() else "x"
        elif token.lastgroup != "space":
            quoted = token.lastgroup == "text"
            if _is_key(tokens, n, frame):
                frame.key = _unquote(token, strict=strict) if quoted else part
                part = anonymiser.key(frame.key)
                part = _quote(token, part, strict=strict) if quoted else part
            else:
                part = _rewrite_value(token, frame, anonymiser, strict=strict)
        parts.append(part)
    return "".join(parts)


def _rewrite_value(token: re.Match[str], frame: _Frame, anonymiser: ValueAnonymiser, *, strict: bool) -> str:
    text, key = token.group(), frame.value_key
    match token.lastgroup:
        case "text":
            value = _unquote(token, strict=strict)
            if frame.key.lower() == "name":
                frame.name = value
            return _quote(token, anonymiser.value(frame.value_key, value), strict=strict)
        case "number":
            return anonymiser.number(key, text)
        case "date":
            return _shift_date_call(text, anonymiser)
    if text in _LITERALS:
        return text
    return anonymiser.value(key, text) if key else anonymiser.prose(text, v.LOG)


def _open_or_close(frames: list[_Frame], mark: str) -> None:
    frame = frames[-1]
    if mark in _CLOSING:
        key = frame.value_key
        is_custom = frame.is_custom or key.lower() in v.CUSTOMER_MAPS
        frames.append(_Frame(mark, "", key, is_custom=is_custom))
    elif mark in _CLOSING.values() and len(frames) > 1:
        frames.pop()
    elif mark == "," and frame.mark:
        frame.key = ""


def _is_key(tokens: list[re.Match[str]], n: int, frame: _Frame) -> bool:
    if frame.key or frame.mark == "[" or tokens[n].lastgroup == "date":
        return False
    following = next((each for each in tokens[n + 1 : n + 3] if each.lastgroup != "space"), None)
    return following is not None and following.group() in {":", "="}


def _quote_position(token: re.Match[str]) -> int:
    return next(n for n, each in enumerate(token.group()) if each in "\"'`")


def _unquote(token: re.Match[str], *, strict: bool) -> str:
    if strict:
        with suppress(ValueError):
            return str(json.loads(token.group(), strict=False))
    with suppress(ValueError, SyntaxError, MemoryError):
        value = ast.literal_eval(token.group())
        if isinstance(value, bytes):
            return value.decode("utf-8", "surrogateescape")
        if isinstance(value, str):
            return value
    return token.group()[_quote_position(token) + 1 : -1]


def _quote(token: re.Match[str], text: str, *, strict: bool) -> str:
    """Return a text in the quotes of a token."""
    if strict:
        return json.dumps(text)
    position = _quote_position(token)
    prefix, quote = token.group()[:position], token.group()[position]
    if "r" in prefix.lower():
        return f"{prefix}{quote}{text}{quote}"
    escaped = text.replace("\\", "\\\\") if text.isascii() else text.encode("ascii", "backslashreplace").decode()
    for each, escape in ((quote, f"\\{quote}"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        escaped = escaped.replace(each, escape)
    return f"{prefix}{quote}{escaped}{quote}"


def _shift_date_call(text: str, anonymiser: ValueAnonymiser) -> str:
    """Return Python's `datetime.datetime(...)`, shifted."""
    match = _DATE_CALL.fullmatch(text)
    arguments = match.group(1).replace(" ", "").split(",") if match else []
    numbers = [int(each) for each in arguments if each]
    if match is None or not 3 <= len(numbers) <= 7:  # noqa: PLR2004 - year, month, day to microseconds
        return "datetime.datetime(2020, 1, 1)"
    year, month, day, hour, minute, second, micro = [*numbers, 0, 0, 0, 0][:7]
    iso = f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{micro:06d}"
    at = anonymiser.placeholders.shift_time(iso) or "2020-01-01T00:00:00.000000"
    parts = [str(int(each)) for each in re.findall(r"\d+", at)][: len(numbers)]
    zone = match.group(2).strip()
    if _ZONE.fullmatch(zone) and zone:
        parts.append(zone)
    return f"datetime.datetime({', '.join(parts)})"


def _closing_bracket(text: str, start: int) -> int | None:
    """Return the position after the bracket that closes the one at `start`; None if there is none."""
    expected: list[str] = []
    for token in _TOKEN.finditer(text, start):
        mark = token.group()
        if token.lastgroup != "mark":
            continue
        if mark in _CLOSING:
            expected.append(_CLOSING[mark])
        elif mark in _CLOSING.values():
            if not expected or expected.pop() != mark:
                return None
            if not expected:
                return token.end()
    return None


def _rewrite_csv(text: str, anonymiser: ValueAnonymiser) -> str:
    """Return the result of an Athena query over CloudTrail events, with each cell anonymised and quoted."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    # The limit belongs to the whole process, so it is never lowered.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    try:
        columns, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    except csv.Error:
        raise UnreadableDocument("it begins like CSV but is not valid CSV: give the whole text") from None
    writer.writerow(map(anonymiser.key, columns))
    for row in rows:
        if len(row) != len(columns):
            raise UnreadableDocument("a row has more or fewer columns than the first line: give the whole text")
        writer.writerow(_rewrite_cell(*each, anonymiser) for each in zip(columns, row, strict=True))
    return out.getvalue()


def _rewrite_cell(column: str, text: str, anonymiser: ValueAnonymiser) -> str:
    # Athena prints structures as {type=Unknown, principalId=Anonymous}.
    if text[:1] == "{" and not is_json(text) and _closing_bracket(text, 0) == len(text):
        return rewrite_json(text, anonymiser, strict=False)
    return anonymiser.value(column, text)


# ---- HTTP messages and logs ----------------------------------------------------------------------------


def _rewrite_mixed(text: str, anonymiser: ValueAnonymiser) -> str:
    """Return a text of HTTP messages, log lines, and objects between words, anonymised."""
    parts, position, unclosed = [], 0, 0
    while position < len(text):
        line_starts = position == 0 or text[position - 1] == "\n"
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        if line_starts and (http := _rewrite_http(text[position:end], anonymiser)) is not None:
            rewritten, length = http
            parts.append(rewritten)
            position += length
        elif text[position] in "{[":
            is_object = line_starts and text[position] == "{"
            may_close = is_object or unclosed < _MAX_UNCLOSED
            rewritten_object = _rewrite_object(text, position, anonymiser) if may_close else None
            unclosed += rewritten_object is None
            if rewritten_object is None and is_object:
                begins = f"the object that begins in line {text.count(chr(10), 0, position) + 1}"
                raise UnreadableDocument(f"{begins} ends in the middle: give the whole text")
            rewritten, position = rewritten_object or (text[position], position + 1)
            parts.append(rewritten)
        elif line_starts and (quoted := _QUOTED.match(text, position)) is not None:
            parts.append(rewrite_json(quoted.group(), anonymiser, strict=False))
            position = quoted.end()
        else:
            brackets = (text.find(each, position) for each in "{[")
            stop = min((n for n in brackets if n >= 0), default=end)
            stop = max(min(stop, end + 1), position + 1)
            parts.append(anonymiser.log(text[position:stop]))
            position = stop
    return "".join(parts)


def _rewrite_object(text: str, start: int, anonymiser: ValueAnonymiser) -> tuple[str, int] | None:
    """Return an object that starts here, anonymised, and its end; None if it is not closed."""
    with suppress(ValueError, RecursionError):
        _, end = json.JSONDecoder(strict=False).raw_decode(text, start)
        return rewrite_json(text[start:end], anonymiser), end
    closing = _closing_bracket(text, start)
    if closing is None:
        return None
    return rewrite_json(text[start:closing], anonymiser, strict=False), closing


def _rewrite_http(line: str, anonymiser: ValueAnonymiser) -> tuple[str, int] | None:
    """Return a line of an HTTP message, anonymised, and its length; None for another line.

    The length does not include JSON in the value of a header, which the caller anonymises.
    """
    if match := _REQUEST.fullmatch(line):
        mark, method, target, version = match.groups()
        if method in v.WORDS["method"]:
            is_path = target.startswith("/")
            target = anonymiser.path(target) if is_path else anonymiser.replace(target)
            ending = line[match.end(4) if version else match.end(3) :]
            return f"{mark or ''}{method} {target}{version or ''}{ending}", len(line)
    if match := _STATUS.fullmatch(line):
        mark, version, code, reason = match.groups()
        if reason is not None:
            reason = f" {reason if reason in v.REASONS else anonymiser.prose(reason)}"
        ending = "\r" if line.endswith("\r") else ""
        return f"{mark or ''}{version} {code}{reason or ''}{ending}", len(line)
    if match := _HEADER.fullmatch(line):
        mark, name, space, value, ending = match.groups()
        start = f"{mark or ''}{anonymiser.key(name)}:{space}"
        if value[:1] in {"{", "["}:
            return start, match.start(4)
        return start + anonymiser.value(name, value) + ending, len(line)
    return None
