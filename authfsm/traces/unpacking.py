"""Files of trails as lines, one event each: what is not lines already is unpacked, piece by piece.

CloudTrail's own files (gzip, `{"Records": [...]}`), what `aws cloudtrail lookup-events` prints, a JSON
array, and the CSV of an Athena query become lines; a file that ends in the middle gives what it has.
Nothing is read whole: one event at a time is in memory, and none that is larger than `LONGEST`.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, cast

from attrs import define, frozen

from authfsm.errors import CallerError

LONGEST: Final = 2 * 1024 * 1024
"""Bytes of an event at most; CloudTrail's own limit is 256 kB, or 1 MB by choice."""

_PIECE: Final = 1024 * 1024
_HEAD: Final = 64 * 1024
_BROKEN_GZIP: Final = (EOFError, gzip.BadGzipFile, zlib.error)
_LISTED: Final = re.compile(r'\s*(\{\s*"(?:Records|Events|events)"\s*:\s*)?\[')
_AGAIN: Final = re.compile(r'\{\s*"(?:eventVersion|EventId)"')
_HEADER: Final = re.compile(r'^"?[\w"]*(?:,"?[\w.]+"?)*,?"?event(?:name|time)"?', re.IGNORECASE)


class BadTrail(CallerError, ValueError):
    """A file cannot be read at all.

    Args:
        path: the file.
        why: what is wrong with it.
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be read: {why}")
        self.path = path
        self.why = why


@frozen
class Layout:
    """How a file is made.

    Args:
        form: "lines", "list" or "csv".
        kind: "cloudtrail" or "steps".
        gzipped: is it compressed?
        lower: are the names in lower case, as Athena has them?
    """

    form: str
    kind: str
    gzipped: bool
    lower: bool


@define
class Unpacked:
    """What came of unpacking a file.

    Args:
        broken: pieces that are no JSON.
        too_long: pieces that are longer than `LONGEST`.
        cut_short: did the file end in the middle?
    """

    broken: int = 0
    too_long: int = 0
    cut_short: bool = False


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path)) if zipped else path.open("rb")


def layout(path: Path) -> Layout:
    """How a file is made, by its first bytes.

    Args:
        path: the file.

    Raises:
        BadTrail: it is not there, or not to be read.
    """
    head, zipped = b"", False
    try:
        with _opened(path) as file:
            zipped = isinstance(file, gzip.GzipFile)
            with suppress(*_BROKEN_GZIP):
                while len(head) < _HEAD and (piece := file.read1(_HEAD)):  # type: ignore[attr-defined]  # both have it
                    head += piece
    except OSError as error:
        raise BadTrail(path, error.strerror or type(error).__name__) from None
    text = head.decode("utf-8-sig", "replace").lstrip()
    first = text.partition("\n")[0]
    if _LISTED.match(text):
        form = "list"
    elif not text.startswith("{") and _HEADER.match(first):
        form = "csv"
    else:
        form = "lines"
    kind = (
        "steps"
        if re.search(r'"sign_in"\s*:', text) and '"eventSource"' not in text
        else "cloudtrail"
    )
    lower = form == "csv" or ('"eventname"' in text and '"eventName"' not in text)
    return Layout(form, kind, zipped, lower)


def unpack(path: Path, form: str, sink: IO[bytes]) -> Unpacked:
    """Write a file's events as lines.

    Args:
        path: the file.
        form: its layout's.
        sink: where the lines go.
    """
    done = Unpacked()
    forms = {"list": _listed, "csv": _rows, "lines": _lines}
    try:
        with _opened(path) as file:
            for event in forms[form](_pieces(file, done), done):
                sink.write(event)
                sink.write(b"\n")
    except OSError as error:
        raise BadTrail(path, error.strerror or type(error).__name__) from None
    return done


def _pieces(file: IO[bytes], done: Unpacked) -> Iterator[bytes]:
    """The file's bytes, as far as they go."""
    try:
        while piece := file.read1(_PIECE):  # type: ignore[attr-defined]  # both kinds of file have it
            yield piece
    except _BROKEN_GZIP:
        done.cut_short = True


def _text(pieces: Iterator[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    for piece in pieces:
        yield decoder.decode(piece)


def _lines(pieces: Iterator[bytes], done: Unpacked) -> Iterator[bytes]:
    """Lines as they are; of one that is too long nothing is kept."""
    rest, skipping = b"", False
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if not skipping:
                yield line
            skipping = False
        if len(rest) > LONGEST:
            done.too_long += not skipping
            rest, skipping = b"", True
    if rest and not skipping:
        yield rest


def _listed(pieces: Iterator[bytes], done: Unpacked) -> Iterator[bytes]:
    """The events of a list, one by one; where one is broken, on from the next that begins as one does."""
    texts = _text(pieces)
    held = ""
    while (begun := _LISTED.match(held)) is None:
        piece = next(texts, None)
        if piece is None:
            done.broken += 1
            return
        held += piece
    decoder, where = json.JSONDecoder(), begun.end()
    while True:
        where = _past(held, where)
        if held[where : where + 1] == "]":
            return
        found: Any = None
        with suppress(ValueError, RecursionError):
            found, end = decoder.raw_decode(held, where)
        if found is not None:
            yield _printed(found, held[where:end])
            where = end
            continue
        held, where = held[where:], 0
        piece = next(texts, None) if len(held) <= LONGEST else None
        if piece is not None:
            held += piece
            continue
        if not held.strip():
            done.cut_short = True
            return
        if len(held) > LONGEST:
            done.too_long += 1
        else:
            done.broken += 1
        again = _AGAIN.search(held, 1)
        if again is None:
            done.cut_short = True
            return
        where = again.start()


def _past(text: str, where: int) -> int:
    while where < len(text) and text[where] in " \t\r\n,":
        where += 1
    return where


def _printed(found: Any, text: str) -> bytes:
    """An event on one line; `lookup-events` has it as text within."""
    if isinstance(found, dict) and isinstance(inner := found.get("CloudTrailEvent"), str):
        text = inner
    return text.replace("\r", " ").replace("\n", " ").encode("utf-8", "replace")


def _rows(pieces: Iterator[bytes], done: Unpacked) -> Iterator[bytes]:
    """The rows of a CSV whose first names its columns."""
    csv.field_size_limit(LONGEST)
    reader = csv.DictReader(_whole(_text(pieces)))
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            done.broken += 1
            continue
        if row is None:
            return
        told = {name.lower(): value for name, value in row.items() if name and value}
        yield json.dumps(told).encode()


def _whole(texts: Iterator[str]) -> Iterator[str]:
    """Text line by line, ends kept."""
    rest = ""
    for text in texts:
        *whole, rest = (rest + text).splitlines(keepends=True) or [""]
        yield from whole
    if rest:
        yield rest
