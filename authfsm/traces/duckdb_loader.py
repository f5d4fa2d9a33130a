"""Loads log files into DuckDB's tables `events_read` and `steps`.

DuckDB itself reads files with one event or step on each line. `authfsm.traces.text_scanner` reads all other files, and
the files and lines that DuckDB cannot read. Text that neither can read is counted, so nothing is skipped silently.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

import duckdb

from authfsm.traces import cloudtrail
from authfsm.traces.event_finder import is_event, is_step
from authfsm.traces.funnels import InputSummary
from authfsm.traces.sources import MAX_EVENT_LENGTH, TraceSource, open_sources
from authfsm.traces.step_log import COLUMNS
from authfsm.traces.text_scanner import ScanCounts, scan

# DuckDB would treat a file name with these characters as a pattern.
_PATTERN: Final = re.compile(r"[*?\[{]")
_MAX_BATCH: Final = 256 * 1024 * 1024
_ROWS: Final = 1000


class Loader:
    """Loads files into the tables of a database, with a folder for temporary files."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._counts = ScanCounts()
        self._cut_short: dict[Path, None] = {}
        self._empty: list[Path] = []
        self.bytes_read = 0
        columns = ", ".join(f"{name} {type_}" for name, type_ in cloudtrail.COLUMN_TYPES.items())
        # `row_status` is 'read' for a step of a sign-in, 'other' for another event, 'unread' for a line to scan.
        connection.execute(f"CREATE TABLE events_read ({columns}, row_status VARCHAR, line VARCHAR)")
        connection.execute(
            "CREATE TABLE steps (sign_in VARCHAR, step BIGINT, source VARCHAR, response VARCHAR, challenge_name VARCHAR,"
            " dest VARCHAR, role VARCHAR, error VARCHAR, action VARCHAR, lost VARCHAR, moment TIMESTAMP,"
            " row_status VARCHAR, line VARCHAR)"
        )

    def load(self, paths: Sequence[Path]) -> InputSummary:
        """Load files; raise UnreadableTraceFile if one cannot be read at all."""
        batches = {kind: _Batch(kind, self._folder / f"lines of {kind}") for kind in _TABLES}
        for path in paths:
            size = path.stat().st_size if path.is_file() else 0
            with open_sources(path) as sources:
                for source in sources:
                    self._load_source(path, source, size, batches)
            self.bytes_read += size
        for batch in batches.values():
            self._flush(batch)
        return self._summary(len(paths))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of input that were found, for `authfsm.traces.query.preparation`."""
        queries = {kind: f"SELECT 1 FROM {table} WHERE row_status = 'read' LIMIT 1" for kind, table in _TABLES.items()}  # noqa: S608 - our own words
        found = (kind for kind, query in queries.items() if self._connection.execute(query).fetchall())
        return tuple(found) or ("cloudtrail",)

    def _load_source(self, path: Path, source: TraceSource, size: int, batches: dict[str, _Batch]) -> None:
        kind = _kind_of_lines(source)
        if kind is None or not path.is_file():  # a pipe cannot be opened again to retry
            self._scan(source)
            return
        batch = batches[kind]
        if not source.compressed and not _PATTERN.search(str(path)):
            batch.plain.append(path)
            batch.size += size
        else:
            batch.add_source(path, source)
            if source.cut_short:
                self._cut_short[Path(source.name)] = None
        if batch.size > _MAX_BATCH:
            self._flush(batch)

    def _flush(self, batch: _Batch) -> None:
        if batch.plain:
            self._insert_or_scan(batch.kind, batch.plain, [(path, str(path)) for path in batch.plain])
        if batch.copied:
            self._insert_or_scan(batch.kind, [batch.path], batch.copied)
        batch.clear()

    def _insert_or_scan(self, kind: str, files: Sequence[Path], sources: Sequence[tuple[Path, str]]) -> None:
        """Let DuckDB read files. If it cannot, let it read each source alone, and scan those that it cannot read."""
        try:
            self._insert(kind, files)
        except (duckdb.InterruptException, duckdb.OutOfMemoryException):
            raise
        except duckdb.Error:
            names, retry = set(sources), _Batch(kind, self._folder / "retry")
            for path in dict.fromkeys(path for path, _ in sources):
                with open_sources(path) as opened:
                    for source in opened:
                        if (path, source.name) not in names:
                            continue
                        if len(names) == 1:
                            self._scan(source)
                        else:
                            retry.add_source(path, source)
                            self._insert_or_scan(kind, [retry.path], [(path, source.name)])
                            retry.clear()
        else:
            first, *_, last = [name for _, name in sources] * 2
            name = first if len(sources) == 1 else f"one of the {len(sources):,} files from {first} to {last}"
            self._scan_remaining_lines(_TABLES[kind], name)

    def _scan_remaining_lines(self, table: str, name: str) -> None:
        """Scan the lines in which DuckDB found no event; `name` says where they are from."""
        cursor = self._connection.cursor().execute(f"SELECT line FROM {table} WHERE row_status = 'unread'")  # noqa: S608 - our own words
        if rows := cursor.fetchmany(_ROWS):
            counts = ScanCounts()
            self._insert_found(_scan_lines(rows, cursor, counts), counts, name)
            self._connection.execute(f"DELETE FROM {table} WHERE row_status = 'unread'")  # noqa: S608 - our own words

    def _scan(self, source: TraceSource) -> None:
        counts = ScanCounts()
        self._insert_found(scan(source.text(), counts), counts, source.name)
        if counts.cut_short or source.cut_short:
            self._cut_short[Path(source.name)] = None
        elif counts == ScanCounts():
            self._empty.append(Path(source.name))

    def _insert_found(self, found: Iterator[tuple[str, bytes]], counts: ScanCounts, name: str) -> None:
        batches = {kind: _Batch(kind, self._folder / f"found {kind}") for kind in _TABLES}
        for kind, line in found:
            batches[kind].write(line)
            if batches[kind].size > _MAX_BATCH:
                self._insert_lines(batches[kind])
        for batch in batches.values():
            self._insert_lines(batch)
        self._counts.merge(counts, name)

    def _insert_lines(self, batch: _Batch) -> None:
        batch.close()
        if batch.size:
            self._insert(batch.kind, [batch.path], final=True)
        batch.clear()

    def _insert(self, kind: str, files: Sequence[Path], *, final: bool = False) -> None:
        names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
        # JSON has no control characters, so with this delimiter a line is one column.
        lines = (
            f"read_csv([{names}], columns={{'line': 'VARCHAR'}}, delim=chr(1), quote='', escape='', header=false,"
            f" auto_detect=false, max_line_size={MAX_EVENT_LENGTH}, compression='none')"
        )
        insert = _insert_events if kind == "cloudtrail" else _insert_steps
        execute = self._connection.execute
        execute("BEGIN")
        try:
            execute(insert(lines, final=final))
        except duckdb.Error:
            with suppress(duckdb.Error):
                execute("ROLLBACK")
            raise
        execute("COMMIT")

    def _summary(self, files: int) -> InputSummary:
        rows = dict(
            self._connection.execute(
                "SELECT CASE WHEN row_status = 'read' AND moment IS NULL THEN 'undated' ELSE row_status END AS status,"
                " COUNT(*) FROM (SELECT row_status, moment FROM events_read"
                " UNION ALL SELECT row_status, moment FROM steps) GROUP BY status"
            ).fetchall()
        )
        undated = rows.get("undated", 0)
        for table in _TABLES.values():
            self._connection.execute(f"DELETE FROM {table} WHERE row_status <> 'read'")  # noqa: S608 - our own words
        counts = self._counts
        return InputSummary(
            files=files, events=rows.get("read", 0) + undated, undated=undated, others=rows.get("other", 0),
            unrecognised=counts.unrecognised, unrecognised_example=counts.unrecognised_example,
            broken=counts.broken, broken_rows=counts.broken_rows, broken_example=counts.broken_example,
            too_long=counts.too_long, cut_short=tuple(self._cut_short), empty=tuple(self._empty),
        )  # fmt: skip


class _Batch:
    """Input that DuckDB reads at once: whole files, and one file with the lines of other sources."""

    def __init__(self, kind: str, path: Path) -> None:
        self.kind = kind
        self.path = path
        self.plain: list[Path] = []
        self.copied: list[tuple[Path, str]] = []  # the files, with the names of the sources in them
        self.size = 0
        self._file: IO[bytes] | None = None

    def write(self, line: bytes) -> None:
        with _as_duckdb_error():
            self._file = self._file or self.path.open("ab")
            self._file.write(line)
            self._file.write(b"\n")
        self.size += len(line) + 1

    def add_source(self, path: Path, source: TraceSource) -> None:
        """Copy the lines of a source, without an incomplete last line if the source is cut short."""
        self.copied.append((path, source.name))
        rest = b""
        for piece in source.pieces():
            lines, end, rest = (rest + piece).rpartition(b"\n")
            if end:
                self.write(lines)
        if rest and not source.cut_short:
            self.write(rest)
        self.close()

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with _as_duckdb_error():
                file.close()

    def clear(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)
        self.plain, self.copied, self.size = [], [], 0


@contextmanager
def _as_duckdb_error() -> Iterator[None]:
    """Raise an OSError of a temporary file as an error of DuckDB, so that it is not taken for an error of the input."""
    try:
        yield
    except OSError as error:
        raise duckdb.IOException(f"a temporary file cannot be written: {error.strerror}") from None


def _kind_of_lines(source: TraceSource) -> str | None:
    """Return the kind of a source that seems to have one event or step on each line; None for any other source."""
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


def _scan_lines(rows: list[Any], cursor: duckdb.DuckDBPyConnection, counts: ScanCounts) -> Iterator[tuple[str, bytes]]:
    while rows:
        for (line,) in rows:
            yield from scan(iter([line]), counts)
            counts.broken_example = ""  # the number of the line in its file is not known
        rows = cursor.fetchmany(_ROWS)


_TABLES: Final = {"cloudtrail": "events_read", "steps": "steps"}


def _extract(paths: Iterable[str], lines: str) -> str:
    """Return the SQL that parses each line once and extracts the values at these paths."""
    listed = ", ".join(f"'$.{path}'" for path in paths)
    return f"(SELECT line, JSON_EXTRACT_STRING(line, [{listed}]) AS field FROM {lines} WHERE line IS NOT NULL)"  # noqa: S608 - our own words


def _insert_events(lines: str, *, final: bool) -> str:
    """Return the SQL that inserts events of sign-ins, and for other events only their `row_status`.

    A line in which no event is found is inserted as text, to be scanned later. If `final` is true, such a line counts
    as an event of another operation.
    """
    paths = [("eventSource",), *cloudtrail.FIELDS.values()]
    field = {path: f"field[{number}]" for number, path in enumerate(paths, start=1)}
    source, name = field["eventSource",], field["eventName",]
    has_parameters = " OR ".join(f"{field[path]} IS NOT NULL" for path in paths if path[0] == "requestParameters")
    is_event = (
        f"{name} IS NOT NULL AND COALESCE({source}, {field['eventTime',]}, {field['eventID',]}) IS NOT NULL"
        f" AND COALESCE({source}, '') NOT LIKE 'aws:%'"
    )
    is_ours = cloudtrail.is_sign_in_event(source, name)
    values = cloudtrail.field_values(field.__getitem__)
    columns = ", ".join(f"CASE WHEN row_status = 'read' THEN {value} END" for value in values.values())
    return (
        f"INSERT INTO events_read ({', '.join(values)}, row_status, line)"  # noqa: S608 - our own words
        f" SELECT {columns}, row_status, CASE WHEN row_status = 'unread' THEN line END"
        f" FROM (SELECT *, CASE WHEN ({is_ours}) AND ({has_parameters} OR {final}) THEN 'read'"
        f" WHEN {final} OR ({is_event} AND NOT ({is_ours})) THEN 'other' ELSE 'unread' END AS row_status"
        f" FROM {_extract(('.'.join(path) for path in paths), lines)})"
    )


def _insert_steps(lines: str, *, final: bool) -> str:
    """Return the SQL that inserts recorded steps; lines without one are treated as in `_insert_events`."""
    field = {name: f"field[{number}]" for number, name in enumerate(COLUMNS, start=1)}
    texts = ", ".join(
        f"NULLIF({field[name]}, '')"
        for name in ("from", "response", "challenge_name", "to", "role", "error", "action", "lost")
    )
    step = f"TRY_CAST({field['step']} AS BIGINT)"
    moment = cloudtrail.time_of(field["at"])
    return (
        f"INSERT INTO steps SELECT {field['sign_in']}, {step}, {texts}, {moment}, row_status,"  # noqa: S608 - our own words
        f" CASE WHEN row_status = 'unread' THEN line END FROM (SELECT *,"
        f" CASE WHEN {field['sign_in']} IS NOT NULL AND {step} IS NOT NULL THEN 'read'"
        f" WHEN {final} THEN 'other' ELSE 'unread' END AS row_status FROM {_extract(COLUMNS, lines)})"
    )
