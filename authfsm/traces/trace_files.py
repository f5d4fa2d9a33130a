"""`TraceFiles`: log files, loaded into a temporary DuckDB database and checked against the protocol.

The files are read once. The database moves data that exceeds its memory limit to disk, so memory is bounded however
large the files are. `close` deletes the database.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb

from authfsm.protocol.errors import AuthfsmError, CallerError, ExplainedError, OperatorError
from authfsm.traces.duckdb_loader import Loader
from authfsm.traces.funnels import Funnel, InputSummary, StepDuration, TransitionCount
from authfsm.traces.log_symbols import FINISHED, NOT_LOGGED, CheckedStep, Verdict, sort_key
from authfsm.traces.query import VALIDITY, check_validity, preparation, prepared_query
from authfsm.traces.sources import find_files

MEMORY: Final = "550MB"
"""The memory limit of `TraceFiles` by default."""

_MOST_THREADS: Final = 1024
_ROWS: Final = 10_000


class OutOfResources(ExplainedError, OperatorError):
    """There is not enough memory or disk space: `why` is the message of DuckDB, or of the system."""

    _sentence = "there is not enough memory or disk space: {}"


class InvalidMemoryLimit(CallerError, ValueError):
    """The memory limit (`memory`) is not an amount of memory, or DuckDB does not accept it."""

    def __init__(self, memory: str) -> None:
        super().__init__(f"memory must be an amount like 700MB, not {memory!r}")
        self.memory = memory


@contextmanager
def _resource_errors() -> Iterator[None]:
    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        raise OutOfResources(str(error).partition("\n")[0]) from None


def _rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    with _resource_errors():
        while rows := cursor.fetchmany(_ROWS):
            yield from rows


class TraceFiles(AbstractContextManager["TraceFiles"]):
    """Log files with CloudTrail events or recorded steps; close it after use, or use it in a `with` block.

    Args:
        names: files, folders or patterns.
        memory: DuckDB's memory limit, for example "700MB".
        folder: the folder for temporary files; by default the system's.
        validity: AuthSessionValidity of the app clients, in minutes.
        threads: how many threads DuckDB uses; one for each core by default.

    Raises:
        UnreadableTraceFile: one of `names` matches no file.
        InvalidMemoryLimit: `memory` is not an amount of memory, or DuckDB does not accept it.
        ValueError: `threads` is not a number from 1 to 1024, or `validity` not one from 3 to 15.
        OSError: there is no such `folder`, or no file can be made there.
    """

    def __init__(
        self,
        names: str | Path | Iterable[str | Path],
        *,
        memory: str = MEMORY,
        folder: Path | None = None,
        validity: int = VALIDITY,
        threads: int | None = None,
    ) -> None:
        if threads is not None and not (type(threads) is int and 1 <= threads <= _MOST_THREADS):
            raise ValueError(f"threads must be an integer from 1 to {_MOST_THREADS}, not {threads!r}")
        # Without this check, DuckDB would accept "-1" and "none", which mean that there is no limit.
        if not isinstance(memory, str) or not memory.lstrip()[:1].isdigit():
            raise InvalidMemoryLimit(memory)
        self.paths = find_files(names)
        self.size = sum(path.stat().st_size for path in self.paths)
        """The bytes of all files."""
        self._validity = check_validity(validity)
        self._input: InputSummary | None = None
        self._failure: AuthfsmError | None = None
        self._prepared = False
        self._folder = tempfile.TemporaryDirectory(prefix="authfsm-", dir=folder)
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory,
            "temp_directory": str(Path(self._folder.name) / "spill"),
            "preserve_insertion_order": "false",
            **({} if threads is None else {"threads": str(threads)}),
        }
        try:
            self._connection = duckdb.connect(":memory:", config=config)
        except duckdb.Error:
            self._folder.cleanup()
            raise InvalidMemoryLimit(memory) from None
        self._cursor = _with_silent_progress(self._connection)
        self._loader = Loader(self._connection, Path(self._folder.name))

    def load(self) -> InputSummary:
        """Read the files, if they have not been read yet, and return what was read. `replay` and `funnel` call it.

        If it fails, later calls raise the same error, because a part of the files is in the database: create a new object.

        Raises:
            UnreadableTraceFile: a file cannot be read.
            OutOfResources: memory or disk space does not suffice.
        """
        if self._failure is not None:
            raise self._failure
        if self._input is None:
            try:
                with _resource_errors():
                    self._input = self._loader.load(self.paths)
            except AuthfsmError as error:
                self._failure = error
                raise
        return self._input

    @property
    def bytes_read(self) -> int:
        """About how many bytes have been read so far, for another thread to show while `load` runs."""
        if len(self.paths) > 1:
            return self._loader.bytes_read
        percent = max(self._cursor.query_progress(), 0)
        return max(self._loader.bytes_read, int(self.size * percent / 100))

    def replay(self, *verdicts: Verdict) -> Iterator[CheckedStep]:
        """Yield every step with its verdict, ordered by attempt, and by time within an attempt.

        Args:
            verdicts: yield only the steps with one of these.

        Raises:
            UnreadableTraceFile, OutOfResources: as for `load`.
        """
        only = ", ".join(f"'{each}'" for each in verdicts or Verdict)
        cursor = self._execute(
            f"SELECT * FROM ({prepared_query(funnel=False)}) WHERE verdict IN ({only})"  # noqa: S608 - our own words
            " ORDER BY sign_in, attempt, moment, ranked, id"
        )
        for id_, sign_in, attempt, at, source, symbol, dest, error, verdict, ended, _ in _rows(cursor):
            yield CheckedStep(
                id=id_ or "", sign_in=sign_in, attempt=int(attempt), at=at, source=source, symbol=symbol,
                dest=dest, verdict=Verdict[verdict.upper()], error=error,
                unfinished=ended is not None and ended not in {*FINISHED, NOT_LOGGED},
            )  # fmt: skip

    def funnel(self, limit: int = 1000) -> Funnel:
        """Return the counts over all steps.

        Args:
            limit: how many illegal steps are listed at most; all are counted.

        Raises:
            UnreadableTraceFile, OutOfResources: as for `load`.
        """
        cursor = self._execute(prepared_query(funnel=True))
        names = [each[0] for each in cursor.description or ()]
        return funnel_from_rows((dict(zip(names, row, strict=True)) for row in _rows(cursor)), self.load(), limit)

    def _execute(self, query: str) -> duckdb.DuckDBPyConnection:
        """Run a query over the prepared tables in a cursor of its own, so that several results can be read at once."""
        self.load()
        with _resource_errors():
            if not self._prepared:
                for statement in preparation(self._loader.kinds, self._validity):
                    self._connection.execute(statement)
                self._prepared = True
            self._cursor = _with_silent_progress(self._connection.cursor())
            return self._cursor.execute(query)

    def stop(self) -> None:
        """Interrupt a query that another thread runs, which raises an exception there."""
        self._cursor.interrupt()

    def close(self) -> None:
        """Close the database and remove its temporary files."""
        self._connection.close()
        self._folder.cleanup()

    def __exit__(self, *_: object) -> None:
        self.close()


def _with_silent_progress(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Have DuckDB count its progress, for `bytes_read`, without printing it."""
    connection.execute("SET enable_progress_bar = true")
    connection.execute("SET enable_progress_bar_print = false")
    return connection


def funnel_from_rows(rows: Iterable[dict[str, Any]], summary: InputSummary | None = None, limit: int = 1000) -> Funnel:
    """Return the funnel from the rows of the query that `authfsm.traces.sql` writes; any engine may have run it.

    Args:
        rows: the rows, as mappings of column names to values.
        summary: what was read, if it is known.
        limit: how many illegal steps are listed at most.
    """
    counts: dict[tuple[str, ...], list[int]] = {}
    by_source: Counter[str] = Counter()
    durations: dict[str, Counter[int]] = {}
    ends: Counter[str] = Counter()
    illegal: list[CheckedStep] = []
    total: dict[str, Any] = dict.fromkeys(("times", "repeated", "sign_ins", "first_at", "last_at"))
    for row in rows:
        source, n = row["source"], row["times"]
        if row["kind"] == "transition":
            key = (source, row["symbol"], row["dest"], row["verdict"])
            count = counts.setdefault(key, [0, 0])
            count[0] += n
            count[1] += int(row["refused"])
            by_source[source] += n
            if row["verdict"] == Verdict.ILLEGAL:
                id_, at = row["illegal_id"] or "", row["first_at"]
                illegal.append(CheckedStep(id_, row["sign_in"], 0, at, *key[:3], Verdict.ILLEGAL, row["error"]))
                if len(illegal) > 2 * limit:
                    illegal = _earliest(illegal, limit)
        elif row["kind"] == "duration":
            if row["tenths"] is not None:
                durations.setdefault(source, Counter())[int(row["tenths"])] += n
        elif row["kind"] == "end":
            if row["ended"] is not None:
                ends[row["ended"]] += n
        else:
            total = row
    in_order = sorted(counts.items(), key=lambda each: (sort_key(each[0][0]), -each[1][0], each[0]))
    return Funnel(
        input=summary or InputSummary(), steps=int(total["times"] or 0),
        repeated=int(total["repeated"] or 0), sign_ins=int(total["sign_ins"] or 0),
        ends=dict(sorted(ends.items(), key=lambda each: (-each[1], each[0]))),
        transitions=tuple(
            TransitionCount(source, symbol, dest, Verdict[verdict.upper()], n, refused, n / by_source[source])
            for (source, symbol, dest, verdict), (n, refused) in in_order
        ),
        durations=tuple(_duration(node, durations[node]) for node in sorted(durations, key=sort_key)),
        illegal=tuple(_earliest(illegal, limit)),
        illegal_count=sum(n for (*_, verdict), (n, _) in in_order if verdict == Verdict.ILLEGAL),
        since=total["first_at"], until=total["last_at"],
    )  # fmt: skip


def _earliest(illegal: list[CheckedStep], limit: int) -> list[CheckedStep]:
    return sorted(illegal, key=lambda each: (str(each.at), each.id))[:limit]


def _duration(node: str, tenths: Counter[int]) -> StepDuration:
    """Return the median and the 95th percentile by the nearest rank; `tenths` maps durations in 0.1 s to their counts."""
    total = tenths.total()
    ranked = sorted(tenths.items())

    def percentile(share: float) -> float:
        counted = 0
        for value, count in ranked:
            counted += count
            if counted >= share * total:
                return value / 10
        raise AssertionError

    return StepDuration(node, total, percentile(0.5), percentile(0.95))
