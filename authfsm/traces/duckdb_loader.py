"""From files to the relations that the query reads: in DuckDB, on disk where they are larger than memory.

Files of one event a line go straight through DuckDB. Whatever it does not take, a file as a whole or a
single line, is read by `authfsm.traces.text_scanner`: nothing passes unread. What cannot be read at all is
counted and reported (`InputSummary.problems`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import duckdb
from attrs import frozen

from authfsm.traces import cloudtrail, step_log
from authfsm.traces.event_finder import is_event, is_step
from authfsm.traces.sources import MAX_EVENT_LENGTH, TraceSource, opened
from authfsm.traces.text_scanner import ScanCounts, read

# DuckDB would take such a name for a pattern.
_PATTERN: Final = re.compile(r"[*?\[{]")
_BATCH: Final = 256 * 1024 * 1024
_ROWS: Final = 1000


@frozen
class InputSummary:
    """What was read.

    Args:
        files: how many files.
        events: how many events of sign-ins, or steps.
        others: events of other services or operations, which are no part of a sign-in.
        unrecognised: JSON values that hold neither events nor steps.
        unrecognised_example: what the first of them looks like, without its content.
        broken: pieces that are no JSON.
        broken_example: where the first of them begins.
        too_long: pieces longer than `authfsm.traces.sources.MAX_EVENT_LENGTH`.
        cut_short: files that end in the middle; what was before is in.
        empty: files with nothing in them.
    """

    files: int = 0
    events: int = 0
    others: int = 0
    unrecognised: int = 0
    unrecognised_example: str = ""
    broken: int = 0
    broken_example: str = ""
    too_long: int = 0
    cut_short: tuple[Path, ...] = ()
    empty: tuple[Path, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read, in sentences; none where everything could, and a sign-in was in it."""
        said = [f"{path} is empty" for path in self.empty]
        said += [
            f"{path} ends in the middle: only what was before that was read"
            for path in self.cut_short
        ]
        if self.broken:
            pieces = "1 piece is" if self.broken == 1 else f"{self.broken:,} pieces are"
            where = f", the first at {self.broken_example}" if self.broken_example else ""
            said.append(f"{pieces} no JSON and could not be read{where}")
        if self.too_long:
            pieces = "1 piece is" if self.too_long == 1 else f"{self.too_long:,} pieces are"
            said.append(
                f"{pieces} longer than {MAX_EVENT_LENGTH:,} characters and could not be read"
            )
        if self.files and not self.events:
            there = (
                f"; there are {self.others:,} of other services or operations"
                if self.others
                else ""
            )
            if self.unrecognised:
                there += f"; {self.not_events}"
            said.append(f"no event of a Cognito sign-in was found{there}")
        return tuple(said)

    @property
    def not_events(self) -> str:
        """How many JSON values are no events, with an example; empty if there are none."""
        if not self.unrecognised:
            return ""
        values = (
            "1 JSON value is"
            if self.unrecognised == 1
            else f"{self.unrecognised:,} JSON values are"
        )
        return f"{values} no event, for example {self.unrecognised_example}"

    @property
    def complete(self) -> bool:
        """Could everything be read?"""
        return not self.problems


class Loader:
    """Puts files into a database's `noted` (CloudTrail's events) and `steps`.

    Args:
        connection: the database.
        folder: for what must be unpacked.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._total = ScanCounts()
        self._cut: dict[Path, None] = {}
        self._empty: list[Path] = []
        self.done = 0
        """Bytes read so far."""
        columns = ", ".join(f"{name} {_TYPES.get(name, 'VARCHAR')}" for name in cloudtrail.FIELDS)
        connection.execute(f"CREATE TABLE noted ({columns}, fate VARCHAR, line VARCHAR)")
        connection.execute(
            "CREATE TABLE steps (sign_in VARCHAR, step BIGINT, source VARCHAR, given VARCHAR, under VARCHAR,"
            " dest VARCHAR, role VARCHAR, error VARCHAR, action VARCHAR, lost VARCHAR, moment TIMESTAMP,"
            " fate VARCHAR, line VARCHAR)"
        )

    def load(self, paths: Sequence[Path]) -> InputSummary:
        """Read files.

        Args:
            paths: the files.

        Raises:
            BadTrail: one cannot be read at all.
        """
        batches = {kind: _Batch(kind, self._folder / f"lines of {kind}") for kind in _INSERTS}
        for path in paths:
            size = path.stat().st_size if path.is_file() else 0
            with opened(path) as sources:
                for source in sources:
                    self._add(path, source, size, batches)
            self.done += size
        for batch in batches.values():
            self._flush(batch)
        return self._read(len(paths))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of what was read, of `authfsm.traces.query.KINDS`."""
        tables = {"cloudtrail": "noted", "steps": "steps"}
        return tuple(
            kind
            for kind, table in tables.items()
            if self._connection.execute(
                f"SELECT 1 FROM {table} WHERE fate = 'read' LIMIT 1"  # noqa: S608 - our own words
            ).fetchall()
        ) or ("cloudtrail",)

    def _add(self, path: Path, source: TraceSource, size: int, batches: dict[str, _Batch]) -> None:
        """Read a source by the fast way, if it seems to be made for that; else by the tolerant one."""
        kind = fast_kind(source)
        if kind is None:
            self._scan(path, source)
            return
        batch = batches[kind]
        if not source.compressed and path.is_file() and not _PATTERN.search(str(path)):
            batch.plain.append(path)
            batch.size += size
        else:
            batch.spool(path, source)
            if source.cut_short:
                self._cut[path] = None
        if batch.size > _BATCH:
            self._flush(batch)

    def _flush(self, batch: _Batch) -> None:
        """Have DuckDB read what has been collected; what it does not take is read by the tolerant way."""
        if batch.plain:
            self._try(batch.kind, batch.plain, batch.plain)
        if batch.spooled:
            self._try(batch.kind, [batch.path], batch.spooled)
        batch.clear()

    def _try(self, kind: str, read_from: Sequence[Path], paths: Sequence[Path]) -> None:
        try:
            self._insert(kind, read_from)
        except (duckdb.InterruptException, duckdb.OutOfMemoryException):
            raise
        except duckdb.Error:
            if len(paths) > 1:
                again = _Batch(kind, self._folder / "again")
                for path in dict.fromkeys(paths):
                    with opened(path) as sources:
                        for source in sources:
                            again.spool(path, source)
                            self._try(kind, [again.path], [path])
                            again.clear()
                return
            with opened(paths[0]) as sources:
                for source in sources:
                    self._scan(paths[0], source)
        else:
            self._left_over(kind, paths)

    def _left_over(self, kind: str, paths: Sequence[Path]) -> None:
        """Read the lines in which DuckDB found no event as such."""
        table = _INSERTS[kind][0]
        cursor = self._connection.cursor()
        cursor.execute(f"SELECT line FROM {table} WHERE fate = 'left'")  # noqa: S608 - our own words
        if first := cursor.fetchmany(_ROWS):
            tally = ScanCounts()
            self._put(_each_line(first, cursor, tally), tally, str(paths[0]))
            self._connection.execute(f"DELETE FROM {table} WHERE fate = 'left'")  # noqa: S608 - our own words

    def _scan(self, path: Path, source: TraceSource) -> None:
        """Read a source in the tolerant way."""
        tally = ScanCounts()
        self._put(read(source.text(), tally), tally, source.name)
        if tally.cut_short or source.cut_short:
            self._cut[path] = None
        elif tally == ScanCounts():
            self._empty.append(path)

    def _put(self, found: Iterator[tuple[str, bytes]], tally: ScanCounts, name: str) -> None:
        spools = {kind: _Batch(kind, self._folder / f"found {kind}") for kind in _INSERTS}
        for kind, line in found:
            spools[kind].write(line)
            if spools[kind].size > _BATCH:
                self._insert(kind, [spools[kind].path], final=True)
                spools[kind].clear()
        for kind, spool in spools.items():
            if spool.size:
                spool.close()
                self._insert(kind, [spool.path], final=True)
            spool.clear()
        self._total.merge(tally, name)

    def _insert(self, kind: str, batch: Sequence[Path], *, final: bool = False) -> None:
        names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in batch)
        # A JSON text has no control character in it, so that a line is one column.
        read_from = (
            f"read_csv([{names}], columns={{'line': 'VARCHAR'}}, delim=chr(1), quote='', escape='', header=false,"
            f" auto_detect=false, max_line_size={MAX_EVENT_LENGTH}, compression='none')"
        )
        execute = self._connection.execute
        execute("BEGIN")
        try:
            execute(_INSERTS[kind][1](read_from, final))
        except duckdb.Error:
            with suppress(duckdb.Error):
                execute("ROLLBACK")
            raise
        execute("COMMIT")

    def _read(self, number: int) -> InputSummary:
        fates = dict(
            self._connection.execute(
                "SELECT fate, SUM(times) FROM (SELECT fate, COUNT(*) AS times FROM noted GROUP BY fate"
                " UNION ALL SELECT fate, COUNT(*) FROM steps GROUP BY fate) GROUP BY fate"
            ).fetchall()
        )
        self._connection.execute("DELETE FROM noted WHERE fate <> 'read'")
        self._connection.execute("DELETE FROM steps WHERE fate <> 'read'")
        total = self._total
        return InputSummary(
            files=number,
            events=int(fates.get("read", 0)),
            others=int(fates.get("other", 0)),
            unrecognised=total.unrecognised,
            unrecognised_example=total.unrecognised_example,
            broken=total.broken,
            broken_example=total.broken_example,
            too_long=total.too_long,
            cut_short=tuple(self._cut),
            empty=tuple(self._empty),
        )


class _Batch:
    """What DuckDB is to read at once: files as they are, and a file of lines that is made of others.

    Args:
        kind: of `authfsm.traces.query.KINDS`.
        path: where the lines are put.
    """

    def __init__(self, kind: str, path: Path) -> None:
        self.kind = kind
        self.path = path
        self.plain: list[Path] = []
        self.spooled: list[Path] = []
        self.size = 0
        self._sink: IO[bytes] | None = None

    def write(self, data: bytes) -> None:
        """Add a line."""
        if self._sink is None:
            self._sink = self.path.open("wb")
        self._sink.write(data)
        self._sink.write(b"\n")
        self.size += len(data) + 1

    def spool(self, path: Path, source: TraceSource) -> None:
        """Add the lines of a source; of one that is cut short, those that are whole."""
        self.spooled.append(path)
        rest = b""
        for piece in source.pieces():
            whole, end, rest = (rest + piece).rpartition(b"\n")
            if end:
                self.write(whole)
        if rest and not source.cut_short:
            self.write(rest)
        self.close()
        if self.path.exists():
            self._sink = self.path.open("ab")

    def close(self) -> None:
        """Have everything on disk."""
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    def clear(self) -> None:
        """Begin anew."""
        self.close()
        self.path.unlink(missing_ok=True)
        self.plain, self.spooled, self.size = [], [], 0


def fast_kind(source: TraceSource) -> str | None:
    """Return the kind of a source that has one event, or step, a line as it seems; None of any other.

    Args:
        source: the source, of which the head was read.
    """
    if source.encoding != "utf-8":
        return None
    first, end, _ = source.head.lstrip().partition(b"\n")
    with suppress(ValueError, RecursionError):
        value = json.loads(first)
        if is_step(value):
            return "steps"
        if is_event(value) and end:
            return "cloudtrail"
    return None


def _each_line(
    rows: list[Any], cursor: duckdb.DuckDBPyConnection, tally: ScanCounts
) -> Iterator[tuple[str, bytes]]:
    while rows:
        for (line,) in rows:
            yield from read(iter([line]), tally)
        rows = cursor.fetchmany(_ROWS)


# ---- DuckDB's part -------------------------------------------------------------------------------------

_TYPES: Final = {
    "moment": "TIMESTAMP", "in_session": "BOOLEAN", "with_token": "BOOLEAN", "tokens": "BOOLEAN",
}  # fmt: skip


def _fields(paths: Iterable[str], read_from: str) -> str:
    """A line's values by their paths, in one pass over it."""
    listed = ", ".join(f"'$.{path}'" for path in paths)
    return f"(SELECT line, JSON_EXTRACT_STRING(line, [{listed}]) AS field FROM {read_from} WHERE line IS NOT NULL)"  # noqa: S608 - our own words


def _events(read_from: str, final: bool) -> str:  # noqa: FBT001 - one of two of a kind
    """What puts CloudTrail's events into `noted`: of others nothing but that they were there.

    Without `final` a line in which no event is found as such is kept as it is, to be looked at more closely.
    """
    paths = [("eventSource",), *cloudtrail.FIELDS.values()]
    field = {path: f"field[{number}]" for number, path in enumerate(paths, start=1)}
    source, name = field["eventSource",], field["eventName",]
    told = " OR ".join(
        f"{field[path]} IS NOT NULL" for path in paths if path[0] == "requestParameters"
    )
    shaped = (
        f"{name} IS NOT NULL AND COALESCE({source}, {field['eventTime',]}, {field['eventID',]}) IS NOT NULL"
        f" AND COALESCE({source}, '') NOT LIKE 'aws:%'"
    )
    columns = ", ".join(
        f"CASE WHEN fate = 'read' THEN {text} END"
        for text in cloudtrail.noted(field.__getitem__).values()
    )
    order = ", ".join(cloudtrail.noted(field.__getitem__))
    return (
        f"INSERT INTO noted ({order}, fate, line) SELECT {columns}, fate, CASE WHEN fate = 'left' THEN line END"  # noqa: S608 - our own words
        f" FROM (SELECT *, CASE WHEN ({cloudtrail.is_ours(source, name)}) AND ({told} OR {final}) THEN 'read'"
        f" WHEN {final} OR ({shaped} AND NOT ({cloudtrail.is_ours(source, name)})) THEN 'other' ELSE 'left' END AS fate"
        f" FROM {_fields(('.'.join(path) for path in paths), read_from)})"
    )


def _steps(read_from: str, final: bool) -> str:  # noqa: FBT001 - one of two of a kind
    """What puts lines of steps into `steps`."""
    n = {name: f"field[{number}]" for number, name in enumerate(step_log.COLUMNS, start=1)}
    texts = ", ".join(
        f"NULLIF({n[name]}, '')"
        for name in ("from", "given", "under", "to", "role", "error", "action", "lost")
    )
    return (
        f"INSERT INTO steps SELECT {n['sign_in']}, TRY_CAST({n['step']} AS BIGINT),"  # noqa: S608 - our own words
        f" {texts}, TRY_CAST(TRY_CAST({n['at']} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP),"
        f" fate, CASE WHEN fate = 'left' THEN line END FROM (SELECT *, CASE WHEN {n['sign_in']} IS NOT NULL"
        f" AND TRY_CAST({n['step']} AS BIGINT) IS NOT NULL THEN 'read' WHEN {final} THEN 'other' ELSE 'left' END AS fate"
        f" FROM {_fields(step_log.COLUMNS, read_from)})"
    )


_INSERTS: Final[dict[str, tuple[str, Callable[[str, bool], str]]]] = {
    "cloudtrail": ("noted", _events),
    "steps": ("steps", _steps),
}
