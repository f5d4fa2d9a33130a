"""Finds log files by name, recognises their compression and encoding by content, and reads them as text in pieces."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import IO, Final, cast

from attrs import define, field

from authfsm.protocol.errors import CallerError

MAX_EVENT_LENGTH: Final = 2 * 1024 * 1024
"""The most characters that an event may have. CloudTrail's own limit is 256 kB, or 1 MB if so configured."""

_PIECE: Final = 1024 * 1024
_HEAD: Final = 64 * 1024
_MAX_LAYERS: Final = 4
_DAMAGED: Final = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError)
_MAGIC: Final[tuple[tuple[bytes, Callable[[IO[bytes]], IO[bytes]]], ...]] = (
    (b"\x1f\x8b", lambda file: cast("IO[bytes]", gzip.GzipFile(fileobj=file))),
    (b"BZh", lambda file: cast("IO[bytes]", bz2.BZ2File(file))),
    (b"\xfd7zXZ\x00", lambda file: cast("IO[bytes]", lzma.LZMAFile(file))),  # noqa: SIM115 - open_sources closes the file beneath
)
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")  # the second one begins an empty archive
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
# The encoding of a text without a byte order mark, by which of the first four bytes are zero.
_ENCODING_BY_ZEROS: Final[Mapping[tuple[bool, ...], str]] = {
    (False, True, False, True): "utf-16-le", (True, False, True, False): "utf-16-be",
    (False, True, True, True): "utf-32-le", (True, True, True, False): "utf-32-be",
}  # fmt: skip


class UnreadableTraceFile(CallerError, ValueError):
    """The file or folder `path` cannot be read, or there is none; `why` is the reason."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be read: {why}")
        self.path = path
        self.why = why


def find_files(names: str | Path | Iterable[str | Path]) -> tuple[Path, ...]:
    """Return the files that names of files, folders or patterns (`logs/**/*.json.gz`) stand for, each file once.

    A folder, also one that a pattern matches, stands for all files in it and in the folders inside it. Names in it that
    begin with a dot are left out, and so are symbolic links to folders.

    Raises:
        UnreadableTraceFile: there is no file for one of the names, or the system rejects the name or a folder inside.
    """
    found: dict[tuple[int, int], Path] = {}  # by device and inode: one file may have several paths
    for name in [names] if isinstance(names, str | Path) else names:
        path = Path(name)
        if name == "":  # which `Path` takes for the current folder
            raise UnreadableTraceFile(path, "the name is empty")
        try:
            matches = [path] if path.exists() else map(Path, sorted(glob(str(name), recursive=True)))  # noqa: PTH207 - the pattern may be absolute
            candidates = (file for each in matches for file in _files_in(each))
            inside = [each for each in candidates if each.is_file() or each is path]  # a pipe only if it is named
            for each in inside:
                found.setdefault(((status := each.stat()).st_dev, status.st_ino), each)
        except OSError as error:
            raise UnreadableTraceFile(path, error.strerror or type(error).__name__) from None
        except ValueError:
            raise UnreadableTraceFile(path, "this is not a file name") from None
        if not inside:
            raise UnreadableTraceFile(path, "the folder has no file" if path.is_dir() else "there is no such file")
    return tuple(found.values())


def _files_in(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for each in sorted(path.iterdir()):
            if not (each.name.startswith(".") or (each.is_symlink() and each.is_dir())):
                yield from _files_in(each)
    else:
        yield path


@define
class TraceSource:
    """A stream of bytes that is being read: a file, or a member of an archive."""

    name: str
    stream: IO[bytes] = field(repr=False)
    head: bytes = field(default=b"", repr=False)  # the first bytes, already read from the stream
    compressed: bool = False
    cut_short: bool = False  # compressed data, at any layer, ends early or is damaged

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes up to the first that cannot be read."""
        if self.head:
            yield self.head
        try:
            while piece := _read_piece(self.stream):
                yield piece
        except _DAMAGED:
            self.cut_short = True

    @property
    def encoding(self) -> str:
        """Python's name of the encoding, by the byte order mark or by which of the first four bytes are zero."""
        by_zeros = _ENCODING_BY_ZEROS.get(tuple(byte == 0 for byte in self.head[:4]), "utf-8")
        return next((name for mark, name in _BYTE_ORDER_MARKS if self.head.startswith(mark)), by_zeros)

    def text(self) -> Iterator[str]:
        """Yield the text in pieces, with U+FFFD in place of bytes that are invalid in the encoding."""
        decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        for piece in self.pieces():
            yield decoder.decode(piece)
        yield decoder.decode(b"", final=True)


@contextmanager
def open_sources(path: Path) -> Iterator[Iterator[TraceSource]]:
    """Open a file and yield its sources; only a ZIP archive has several. An OSError becomes UnreadableTraceFile."""
    try:
        with path.open("rb") as file:
            yield _sources(path, str(path), file, 0)
    except OSError as error:
        raise UnreadableTraceFile(path, error.strerror or type(error).__name__) from None


def _sources(path: Path, name: str, stream: IO[bytes], layers: int, *, damaged: bool = False) -> Iterator[TraceSource]:
    source = TraceSource(name, stream, compressed=layers > 0, cut_short=damaged)
    try:
        while len(source.head) < _HEAD and (piece := _read_piece(stream)):
            source.head += piece
    except _DAMAGED:
        source.cut_short = True
        source.stream = io.BytesIO()
    if layers < _MAX_LAYERS:
        for magic, decompress in _MAGIC:
            if source.head.startswith(magic):
                from_start = cast("IO[bytes]", io.BufferedReader(_FromStart(source), _PIECE))
                yield from _sources(path, name, decompress(from_start), layers + 1, damaged=source.cut_short)
                return
        if source.head.startswith(_ZIP):
            yield from _members(path, name, stream, layers)
            return
    yield source


def _read_piece(stream: IO[bytes]) -> bytes:
    """Return the result of a single read, so that content before a damaged part of compressed data is not lost."""
    try:
        piece: bytes = stream.read1(_PIECE)  # type: ignore[attr-defined]  # every kind of stream here has it
    except OSError as error:
        if error.errno is None:  # not an error of the system: gzip and bz2 raise it for damaged data
            raise EOFError from None
        raise
    return piece


class _FromStart(io.RawIOBase):
    """The whole stream of a source, whose head was read already."""

    def __init__(self, source: TraceSource) -> None:
        self._head = source.head
        self._stream = source.stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io always passes a memoryview
        piece = self._head[: len(buffer)] or self._stream.read(len(buffer))
        self._head = self._head[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


def _members(path: Path, name: str, stream: IO[bytes], layers: int) -> Iterator[TraceSource]:
    """Yield the members of a ZIP archive."""
    if not stream.seekable() or layers:  # the archive's directory is read first, and is at its end
        inner = f"{name} has a ZIP archive within another compression: unpack it"
        raise UnreadableTraceFile(path, inner if layers else "a ZIP archive cannot be read from a pipe: name the file")
    try:
        with zipfile.ZipFile(stream) as archive:
            files = [each for each in archive.infolist() if not each.is_dir()]
            if not files:
                yield TraceSource(name, io.BytesIO(), compressed=True)
            for each in files:
                if each.flag_bits & 1:
                    raise UnreadableTraceFile(path, f"{each.filename!r} in the archive is encrypted")
                with archive.open(each) as member:
                    yield from _sources(path, f"{name}!{each.filename}", member, layers + 1)
    except (*_DAMAGED, RuntimeError):
        yield TraceSource(name, io.BytesIO(), compressed=True, cut_short=True)
