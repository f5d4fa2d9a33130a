"""`authfsm capture`: anonymise a captured reply, request, error, description, event or log for publication."""

from __future__ import annotations

import gzip
import sys
import zlib
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import ClassVar, Final

from attrs import frozen

from authfsm.cli.command import STDOUT, Failed, argument, binary_stdin, option, print_message, refuse_overwriting
from authfsm.traces.anonymiser import UnreadableDocument, anonymise

_LARGEST: Final = 64 * 1024 * 1024
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


@frozen(kw_only=True)
class Capture:
    """Anonymise captured Cognito traffic: personal data and secrets become placeholders of the same shape.

    Replaces names of users, ids, addresses, tokens, secrets and other unrecognised strings; equal values get equal
    placeholders. Keeps the field names and values that Cognito documents. Shifts all times by the same amount, so that the
    first one in the text becomes 2020-01-01.
    """

    epilog: ClassVar[str] = "Exit status: 0 success; 1 the file could not be read or written; 2 usage error."

    name: str = argument(
        "JSON, JSON lines, HTTP messages with headers, a HAR file, Athena's CSV, a botocore log, or an object as"
        " Python or JavaScript prints it. Use - for standard input.",
        metavar="FILE",
    )
    output: Path | None = option(
        "Write to this file; - is standard output, the default.", "--output", "-o", dir_okay=False
    )
    keep: list[str] | None = option(
        "Do not replace this word, for example the name of a new challenge. Repeatable.", metavar="WORD"
    )

    def run(self) -> int:
        """Write the anonymised text, and report what was replaced."""
        source = "standard input" if self.name == "-" else self.name
        try:
            out = None if self.output == STDOUT else self.output
            refuse_overwriting(out, None if self.name == "-" else Path(self.name))
            result = anonymise(_read(self.name, source), keep=self.keep or ())
            if out is not None:
                out.write_text(result.text, encoding="utf-8", newline="")
        except UnreadableDocument as error:
            raise Failed(f"{source} cannot be read: {error}") from None
        except OSError as error:
            raise Failed(f"{error.filename or source}: {error.strerror or type(error).__name__}") from None
        if out is None:
            sys.stdout.buffer.write(result.text.encode())
            sys.stdout.flush()
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(result.replaced.items()))
        print_message(f"Number of distinct values replaced: {counts or 'none'}.")
        for key in sorted(result.unknown):
            print_message(f"An unknown value of {key} was replaced: if AWS documents this value, keep it with --keep.")
        print_message("Read the result before you publish it.")
        return 0


def _read(name: str, source: str) -> str:
    with nullcontext(binary_stdin()) if name == "-" else Path(name).open("rb") as file:
        data = file.read(_LARGEST + 1)
    if data.startswith(b"\x1f\x8b"):
        unpacked, stream = bytearray(), gzip.GzipFile(fileobj=BytesIO(data))
        try:
            while len(unpacked) <= _LARGEST and (piece := stream.read1()):
                unpacked += piece
        except (zlib.error, gzip.BadGzipFile, EOFError) as error:
            # "Not a gzipped file" means that the gzip data is complete, and that the bytes after it are no gzip data.
            if not str(error).startswith("Not a gzipped file"):
                raise UnreadableDocument("its gzip data is damaged") from None
            print_message(f"{source}: the bytes after its gzip data are not gzip data, and were left out.")
        data = bytes(unpacked)
    if len(data) > _LARGEST:
        raise UnreadableDocument("it is larger than 64 MiB; split it")
    try:
        text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableDocument("it is not UTF-8 or UTF-16 text") from None
    if "\0" in text:
        raise UnreadableDocument("it is a binary file")
    return text
