"""`authfsm capture`: a captured reply, request, error, description, event or log, made fit to be published.

Exit codes: 0, the neutral text was written; 1, it could not be read or written; 2, the command was called
in a way it does not know.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.failing import MISUSED, Failed, end

EPILOG: Final = "Exit codes: 0 written; 1 not to be read or written; 2 called wrongly."

_LARGEST: Final = 64 * 1024 * 1024
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


def capture(
    *,
    name: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="JSON, JSON lines, HTTP messages with their headers, a HAR file, Athena's CSV, a log of botocore's, or an"
            " object as Python or JavaScript prints it; - for standard input.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", dir_okay=False, help="Write to this file, not standard output."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            help="A word that stays as it is, such as the name of a new challenge; repeatable."
        ),
    ] = None,
) -> None:
    """Make a capture of Cognito neutral: the same shape and lengths, and nobody's data.

    Names, ids, addresses, tokens, secrets and unknown texts are replaced, the same value always by the same
    placeholder; Cognito's own words stay. Times are moved: the first becomes 2020-01-01.
    """
    from authfsm.traces.neutral import Unreadable, neutralise  # noqa: PLC0415 - only this command needs it

    try:
        _check_other(name, output)
        made = neutralise(_read(name), keep=keep or ())
        if output is None:
            sys.stdout.buffer.write(made.text.encode())
            sys.stdout.flush()
        else:
            output.write_text(made.text, encoding="utf-8", newline="")
    except Unreadable as error:
        end("capture", Failed(f"{name} cannot be read: {error}"))
    except OSError as error:
        end(
            "capture", Failed(f"{error.filename or name}: {error.strerror or type(error).__name__}")
        )
    except Failed as failed:
        end("capture", failed)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(made.replaced.items()))
    typer.echo(f"Replaced (different values): {counts or 'nothing'}.", err=True)
    for key in sorted(made.unknown):
        typer.echo(
            f"{key} had a value that is not one of those known: if AWS has published it, keep it with --keep.",
            err=True,
        )
    typer.echo("Read the result before you publish it.", err=True)


def _check_other(name: str, output: Path | None) -> None:
    """The capture is evidence: it is not overwritten."""
    if output is not None and name != "-" and output.exists() and output.samefile(name):
        raise Failed(f"{output} is the capture itself: name another file", MISUSED)


def _read(name: str) -> str:
    """The text of a file or of standard input."""
    if name == "-":
        data = sys.stdin.buffer.read(_LARGEST + 1)
    else:
        with Path(name).open("rb") as file:
            data = file.read(_LARGEST + 1)
    if data.startswith(b"\x1f\x8b"):
        try:
            data = zlib.decompressobj(wbits=31).decompress(data, _LARGEST + 1)
        except (zlib.error, gzip.BadGzipFile):
            raise Failed(f"{name} cannot be read: its gzip is broken") from None
    if len(data) > _LARGEST:
        raise Failed(f"{name} cannot be read: it has more than 64 MiB; give a part of it")
    try:
        text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError:
        raise Failed(f"{name} cannot be read: it is no text in UTF-8 or UTF-16") from None
    if "\0" in text:
        raise Failed(f"{name} cannot be read: it is binary")
    return text
