"""Files of trails as text: found by names, decompressed and decoded by their content, piece by piece."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import IO, Final, cast

from attrs import define, field

from authfsm.protocol.errors import CallerError

SUFFIXES: Final = (
    ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".yaml", ".yml", ".log", ".gz", ".bz2", ".xz", ".zip",
)  # fmt: skip
"""What is read of a folder; a file that is named itself may have any suffix."""

MAX_EVENT_LENGTH: Final = 2 * 1024 * 1024
"""Characters of an event at most; CloudTrail's own limit is 256 kB, or 1 MB by choice."""

_PIECE: Final = 1024 * 1024
_HEAD: Final = 64 * 1024
_NESTED: Final = 4
_BROKEN: Final = (
    EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError,
)  # fmt: skip
_MAGIC: Final[tuple[tuple[bytes, Callable[[IO[bytes]], IO[bytes]]], ...]] = (
    (b"\x1f\x8b", lambda file: cast("IO[bytes]", gzip.GzipFile(fileobj=file))),
    (b"BZh", lambda file: cast("IO[bytes]", bz2.BZ2File(file))),
    (b"\xfd7zXZ\x00", lambda file: cast("IO[bytes]", lzma.LZMAFile(file))),  # noqa: SIM115 - the file beneath is closed
)
_ZIP: Final = b"PK\x03\x04"
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


class UnreadableTraceFile(CallerError, ValueError):
    """A file cannot be read at all.

    Args:
        path: the file.
        why: what is wrong with it.
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be read: {why}")
        self.path = path
        self.why = why


def files(names: str | Path | Iterable[str | Path]) -> tuple[Path, ...]:
    """Return the files that names stand for: files, folders, patterns (`logs/**/*.json.gz`).

    Args:
        names: one or several.

    Raises:
        BadTrail: there is no such file, or a folder that is named has none in it.
    """
    wanted = [names] if isinstance(names, str | Path) else list(names)
    found: dict[Path, None] = {}
    for name in wanted:
        path = Path(name)
        why = "there is no such file"
        try:
            if path.is_dir():
                inside = sorted(
                    each
                    for each in path.rglob("*")
                    if each.suffix.lower() in SUFFIXES and each.is_file()
                )
                why = f"the folder has no file that ends in one of {', '.join(SUFFIXES)}"
            elif path.exists():
                inside = [path]
            else:
                inside = [
                    Path(each)
                    for each in sorted(glob(str(name), recursive=True))  # noqa: PTH207 - an absolute one, too
                    if Path(each).is_file()
                ]
        except OSError as error:
            raise UnreadableTraceFile(path, error.strerror or type(error).__name__) from None
        except ValueError:
            raise UnreadableTraceFile(path, "this is no name of a file") from None
        if not inside:
            raise UnreadableTraceFile(path, why)
        found |= dict.fromkeys(inside)
    return tuple(found)


@define
class TraceSource:
    """A stream of bytes that is being read.

    Args:
        name: what it is called in messages: the file's path, and the member of an archive.
        stream: the bytes, decompressed.
        head: the first of them, which have been read from the stream already.
        compressed: was it decompressed?
        cut_short: did it end in the middle, or stop making sense, where it is compressed?
    """

    name: str
    stream: IO[bytes] = field(repr=False)
    head: bytes = field(default=b"", repr=False)
    compressed: bool = False
    cut_short: bool = False

    def pieces(self) -> Iterator[bytes]:
        """Return the bytes, as far as they can be read."""
        if self.head:
            yield self.head
        try:
            while piece := _read(self.stream):
                yield piece
        except _BROKEN:
            self.cut_short = True

    @property
    def encoding(self) -> str:
        """The encoding, by the byte order mark or by where the first characters have their zeros."""
        for mark, name in _MARKS:
            if self.head.startswith(mark):
                return name
        zeros: tuple[bool, ...] = tuple(byte == 0 for byte in self.head[:4])
        encodings: dict[tuple[bool, ...], str] = {
            (False, True, False, True): "utf-16-le",
            (True, False, True, False): "utf-16-be",
            (False, True, True, True): "utf-32-le",
            (True, True, True, False): "utf-32-be",
        }
        return encodings.get(zeros, "utf-8")

    def text(self) -> Iterator[str]:
        """Return the text, piece by piece; what is no text in this encoding becomes U+FFFD."""
        decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        for piece in self.pieces():
            yield decoder.decode(piece)
        yield decoder.decode(b"", final=True)


@contextmanager
def opened(path: Path) -> Iterator[Iterator[TraceSource]]:
    """Open a file and give its sources: one, or each member of a ZIP archive.

    Args:
        path: the file.

    Raises:
        BadTrail: it is not there, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            yield _sources(path, str(path), file, 0, compressed=False)
    except OSError as error:
        raise UnreadableTraceFile(path, error.strerror or type(error).__name__) from None


def _sources(
    path: Path, name: str, stream: IO[bytes], depth: int, *, compressed: bool
) -> Iterator[TraceSource]:
    source = TraceSource(name, stream, compressed=compressed)
    try:
        while len(source.head) < _HEAD and (piece := _read(stream)):
            source.head += piece
    except _BROKEN:
        source.cut_short = True
        source.stream = io.BytesIO()
    again = cast("IO[bytes]", io.BufferedReader(_Rejoined(source), _PIECE))
    for magic, reader in _MAGIC:
        if source.head.startswith(magic) and depth < _NESTED:
            yield from _sources(path, name, reader(again), depth + 1, compressed=True)
            return
    if source.head.startswith(_ZIP) and depth < _NESTED:
        yield from _members(path, name, stream, depth)
        return
    yield source


def _read(stream: IO[bytes]) -> bytes:
    """Some bytes; so few at a time that those before a break in a compressed file are not lost."""
    piece: bytes = stream.read1(_PIECE)  # type: ignore[attr-defined]  # every kind of stream here has it
    return piece


class _Rejoined(io.RawIOBase):
    """A stream whose head was read already, from its beginning."""

    def __init__(self, source: TraceSource) -> None:
        self._rest = source.head
        self._stream = source.stream

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]  # the buffer is io's own
        piece = self._rest[: len(into)] or self._stream.read(len(into))
        self._rest = self._rest[len(piece) :]
        into[: len(piece)] = piece
        return len(piece)


def _members(path: Path, name: str, stream: IO[bytes], depth: int) -> Iterator[TraceSource]:
    """The members of a ZIP archive; they can only be found in a file that can be read from its end."""
    if not stream.seekable() or depth:
        raise UnreadableTraceFile(
            path, f"{name} has a ZIP archive within another compression: unpack it"
        )
    try:
        with zipfile.ZipFile(stream) as archive:
            for each in archive.infolist():
                if each.is_dir():
                    continue
                if each.flag_bits & 1:
                    raise UnreadableTraceFile(
                        path, f"{each.filename!r} in the archive is encrypted"
                    )
                with archive.open(each) as member:
                    yield from _sources(
                        path, f"{name}!{each.filename}", member, depth + 1, compressed=True
                    )
    except (*_BROKEN, RuntimeError):
        yield TraceSource(name, io.BytesIO(), compressed=True, cut_short=True)
