"""From files to the relation that the query reads: in DuckDB, on disk where it is larger than memory.

What cannot be read is counted and told, never passed over in silence and never a crash: lines that are no
JSON, lines too long, files cut short. Events of other services and operations are counted too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from glob import glob
from itertools import groupby
from pathlib import Path
from typing import Final

import duckdb
from attrs import frozen

from authfsm.traces import cloudtrail, lines
from authfsm.traces.cloudtrail import OPERATIONS, SOURCE
from authfsm.traces.unpacking import LONGEST, BadTrail, Layout, layout, unpack

SUFFIXES: Final = (".json", ".jsonl", ".ndjson", ".csv", ".gz", ".log")
"""What is read of a folder."""

# DuckDB would take such a name for a pattern.
# DuckDB before 2.0 reads a gzip that ends in the middle without a word of it.
_SILENT: Final = int(duckdb.__version__.partition(".")[0]) < 2  # noqa: PLR2004 - that version
_PATTERN: Final = re.compile(r"[*?\[{]")

_BATCH: Final = 256 * 1024 * 1024


@frozen
class Read:
    """What was read.

    Args:
        files: how many files.
        events: how many events of sign-ins, or steps.
        others: events of other services or operations, which are no part of a sign-in.
        broken: pieces that are no JSON, or JSON of something else.
        too_long: pieces longer than `authfsm.traces.unpacking.LONGEST`.
        cut_short: files that end in the middle; what was before is in.
    """

    files: int = 0
    events: int = 0
    others: int = 0
    broken: int = 0
    too_long: int = 0
    cut_short: tuple[Path, ...] = ()

    @property
    def whole(self) -> bool:
        """Could everything be read?"""
        return not (self.broken or self.too_long or self.cut_short)


def files(names: str | Path | Iterable[str | Path]) -> tuple[Path, ...]:
    """The files that names stand for: files, folders, patterns (`logs/**/*.json.gz`).

    Args:
        names: one or several.

    Raises:
        BadTrail: there is no such file.
    """
    wanted = [names] if isinstance(names, str | Path) else list(names)
    found: dict[Path, None] = {}
    for name in wanted:
        path = Path(name)
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES)
        elif path.exists():
            inside = [path]
        else:
            inside = [
                Path(each)
                for each in sorted(glob(str(name), recursive=True))  # noqa: PTH207 - an absolute one, too
                if Path(each).is_file()
            ]
        if not inside:
            raise BadTrail(path, "there is no such file")
        found |= dict.fromkeys(inside)
    return tuple(found)


class Loader:
    """Puts files into a database's `events` and `steps`.

    Args:
        connection: the database.
        folder: for what must be unpacked.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._cut: list[Path] = []
        self._broken = self._too_long = 0
        self.kinds: tuple[str, ...] = ()
        self.done = 0
        """Bytes read so far."""
        columns = ", ".join(f"{name.lower()} VARCHAR" for name in cloudtrail.COLUMNS)
        connection.execute(f"CREATE TABLE events ({columns}, fate VARCHAR)")
        connection.execute(
            "CREATE TABLE steps (sign_in VARCHAR, step BIGINT, source VARCHAR, given VARCHAR, under VARCHAR,"
            " dest VARCHAR, role VARCHAR, error VARCHAR, ruling VARCHAR, lost VARCHAR, moment TIMESTAMP, fate VARCHAR)"
        )

    def load(self, paths: Sequence[Path]) -> Read:
        """Read files.

        Args:
            paths: the files.

        Raises:
            BadTrail: one is not to be read.
        """
        laid = sorted(((layout(path), path) for path in paths), key=lambda each: str(each[0]))
        for made, group in groupby(laid, key=lambda each: each[0]):
            for batch in _batches([path for _, path in group]):
                if made.form == "lines" and not any(_PATTERN.search(str(path)) for path in batch):
                    self._lines(made, batch)
                else:
                    self._unpacked(made, batch)
        self.kinds = tuple(
            kind for kind in ("cloudtrail", "steps") if any(kind == m.kind for m, _ in laid)
        )
        return self._read(len(paths))

    def _lines(self, made: Layout, batch: Sequence[Path]) -> None:
        if made.gzipped and _SILENT:
            self._unpacked(made, batch)
            return
        try:
            self._insert(made, batch)
        except (duckdb.InterruptException, duckdb.OutOfMemoryException):
            raise
        except duckdb.Error:
            # One of them ends in the middle: what there is of it is had by unpacking.
            self._unpacked(made, batch)
        else:
            self.done += sum(path.stat().st_size for path in batch)

    def _unpacked(self, made: Layout, batch: Sequence[Path]) -> None:
        spool = self._folder / "lines"
        with spool.open("wb") as sink:
            for path in batch:
                told = unpack(path, made.form, sink)
                self._broken += told.broken
                self._too_long += told.too_long
                if told.cut_short:
                    self._cut.append(path)
                self.done += path.stat().st_size
        if spool.stat().st_size:
            self._insert(Layout("lines", made.kind, gzipped=False, lower=made.lower), [spool])
        spool.unlink()

    def _insert(self, made: Layout, batch: Sequence[Path]) -> None:
        names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in batch)
        # A JSON text has no control character in it, so that a line is one column.
        read = (
            f"read_csv([{names}], columns={{'line': 'VARCHAR'}}, delim=chr(1), quote='', escape='', header=false,"
            f" auto_detect=false, max_line_size={LONGEST}, ignore_errors=true, store_rejects=true,"
            f" rejects_limit=0, compression='{'gzip' if made.gzipped else 'none'}')"
        )
        execute = self._connection.execute
        execute("BEGIN")
        try:
            execute(_events(read, lower=made.lower) if made.kind == "cloudtrail" else _steps(read))
        except duckdb.Error:
            execute("ROLLBACK")
            raise
        execute("COMMIT")
        rejected = execute(
            "SELECT COUNT(*) FILTER (error_type = 'LINE SIZE OVER MAXIMUM'), COUNT(DISTINCT line) FROM reject_errors"
        ).fetchall()
        if rejected:
            (long, every), *_ = rejected
            self._too_long += long
            self._broken += every - long
        execute("DROP TABLE IF EXISTS reject_errors")
        execute("DROP TABLE IF EXISTS reject_scans")

    def _read(self, number: int) -> Read:
        fates = dict(
            self._connection.execute(
                "SELECT fate, SUM(times) FROM (SELECT fate, COUNT(*) AS times FROM events GROUP BY fate"
                " UNION ALL SELECT fate, COUNT(*) FROM steps GROUP BY fate) GROUP BY fate"
            ).fetchall()
        )
        return Read(
            files=number,
            events=int(fates.get("read", 0)),
            others=int(fates.get("other", 0)),
            broken=int(fates.get("broken", 0)) + self._broken,
            too_long=self._too_long,
            cut_short=tuple(self._cut),
        )


def _batches(paths: Sequence[Path]) -> Iterable[list[Path]]:
    batch: list[Path] = []
    size = 0
    for path in paths:
        batch.append(path)
        size += path.stat().st_size
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _fields(names: Iterable[str]) -> str:
    """A line's values by their names, and whether it can be read, in one pass over it."""
    paths = ", ".join(f"'$.{name}'" for name in names)
    return (
        f"SELECT COALESCE(json_type(text) = 'OBJECT', FALSE) AS fine, JSON_EXTRACT_STRING(text, [{paths}]) AS field"  # noqa: S608 - our own words
        " FROM (SELECT CASE WHEN json_valid(line) THEN line END AS text, line FROM {read}) WHERE TRIM(line) <> ''"
    )


def _events(read: str, *, lower: bool) -> str:
    """What puts CloudTrail's events into `events`: of others nothing but that they were there."""
    names = [name.lower() if lower else name for name in cloudtrail.COLUMNS]
    operations = ", ".join(f"'{each}'" for each in OPERATIONS)
    source, name = (cloudtrail.COLUMNS.index(each) + 1 for each in ("eventSource", "eventName"))
    json = range(len(cloudtrail.COLUMNS) - 2, len(cloudtrail.COLUMNS) + 1)
    columns = ", ".join(
        # What is no JSON tells nothing: Lake writes maps in a way of its own.
        f"CASE WHEN ours AND json_valid(field[{n}]) THEN field[{n}] END"
        if n in json
        else f"CASE WHEN ours THEN field[{n}] END"
        for n in range(1, len(names) + 1)
    )
    fields = _fields(names).format(read=read)
    return (
        f"INSERT INTO events SELECT {columns}, CASE WHEN ours THEN 'read' WHEN fine THEN 'other' ELSE 'broken' END"  # noqa: S608 - our own words
        f" FROM (SELECT *, fine AND COALESCE(COALESCE(field[{source}], '{SOURCE}') = '{SOURCE}'"
        f" AND field[{name}] IN ({operations}), FALSE) AS ours FROM ({fields}))"
    )


def _steps(read: str) -> str:
    """What puts lines of steps into `steps`."""
    n = {name: f"field[{number}]" for number, name in enumerate(lines.COLUMNS, start=1)}
    texts = ", ".join(
        f"CASE WHEN ours THEN {n[name]} END"
        for name in ("from", "given", "under", "to", "role", "error", "ruling", "lost")
    )
    fields = _fields(lines.COLUMNS).format(read=read)
    return (
        f"INSERT INTO steps SELECT CASE WHEN ours THEN {n['sign_in']} END, CASE WHEN ours THEN TRY_CAST({n['step']} AS BIGINT) END,"  # noqa: S608 - our own words
        f" {texts}, CASE WHEN ours THEN TRY_CAST(TRY_CAST({n['at']} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP) END,"
        " CASE WHEN ours THEN 'read' WHEN fine THEN 'other' ELSE 'broken' END"
        f" FROM (SELECT *, fine AND COALESCE({n['sign_in']} IS NOT NULL AND TRY_CAST({n['step']} AS BIGINT) IS NOT NULL, FALSE)"
        f" AS ours FROM ({fields}))"
    )
