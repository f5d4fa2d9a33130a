"""A trail replayed against the table: each step legal or not, and where each sign-in was left.

A `TraceFiles` reads its files once, into a database of its own that lies on disk and goes when it is closed, so
that memory is bounded however large they are.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import duckdb

from authfsm.protocol.errors import CallerError, OperatorError
from authfsm.traces.duckdb_loader import InputSummary, Loader
from authfsm.traces.funnels import Funnel, StepDuration, TransitionCount
from authfsm.traces.log_symbols import UNKNOWN, order
from authfsm.traces.query import VALIDITY, prepared, statements
from authfsm.traces.sources import files
from authfsm.traces.verdicts import FINAL_NODES, CheckedStep, Verdict

MEMORY: Final = "550MB"
"""What DuckDB may use; the rest goes to disk."""

_ROWS: Final = 10_000


class OutOfResources(OperatorError):
    """DuckDB has not the memory or the disk that a trail takes.

    Args:
        why: what it says.
    """

    def __init__(self, why: str) -> None:
        super().__init__(f"there is no room for the trail: {why}")
        self.why = why


class InvalidMemoryLimit(CallerError, ValueError):
    """No amount of memory.

    Args:
        memory: what was given.
    """

    def __init__(self, memory: str) -> None:
        super().__init__(f"memory is an amount as 700MB, not {memory!r}")
        self.memory = memory


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        raise OutOfResources(str(error).partition("\n")[0]) from None


class TraceFiles:
    """Files of a trail, read; to be closed, or used in a `with`.

    Args:
        names: files, folders or patterns: CloudTrail's events, or steps that a recorder wrote.
        memory: what DuckDB may use, as "700MB".
        folder: where what is larger than that goes; the system's for temporary files, if left out.
        validity: AuthSessionValidity of the app clients, minutes.
        threads: how many DuckDB may use; all there are, if left out.

    Raises:
        BadTrail: there is no such file.
        BadMemory: `memory` is none.
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
        self.paths = files(names)
        self.size = sum(path.stat().st_size for path in self.paths)
        """Bytes of all the files."""
        self._validity = validity
        self._read: InputSummary | None = None
        self._prepared = False
        self._folder = tempfile.TemporaryDirectory(prefix="authfsm-", dir=folder)
        room = Path(self._folder.name)
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory,
            "temp_directory": str(room / "spill"),
            "preserve_insertion_order": "false",
            **({} if threads is None else {"threads": str(threads)}),
        }
        try:
            self._connection = duckdb.connect(":memory:", config=config)
        except duckdb.Error:
            self._folder.cleanup()
            raise InvalidMemoryLimit(memory) from None
        self._running = _hushed(self._connection)
        self._loader = Loader(self._connection, room)

    def load(self) -> InputSummary:
        """Read the files; what else is asked of a trail does so by itself.

        Raises:
            BadTrail: one is not to be read.
            NoRoom: memory or disk do not suffice.
        """
        if self._read is None:
            with _room():
                self._read = self._loader.load(self.paths)
        return self._read

    def _prepare(self) -> InputSummary:
        """Read the files and put what is in them in order; once."""
        read = self.load()
        if not self._prepared:
            with _room():
                for statement in statements(self._loader.kinds, self._validity):
                    self._connection.execute(statement)
            self._prepared = True
        return read

    @property
    def read(self) -> InputSummary:
        """What was read; it is read now, if it was not yet."""
        return self.load()

    @property
    def done(self) -> int:
        """Bytes read so far: to be asked from another thread, while it reads."""
        running = self._connection.query_progress()
        return max(self._loader.done, int(self.size * max(running, 0) / 100) if self._one else 0)

    @property
    def _one(self) -> bool:
        return len(self.paths) == 1

    def replay(self, *verdicts: Verdict) -> Iterator[CheckedStep]:
        """Every step with its verdict, those of one attempt in their order, one attempt after the other.

        Args:
            verdicts: only steps with one of these.

        Raises:
            BadTrail, NoRoom: as for `load`.
        """
        self._prepare()
        written = prepared(funnel=False)
        only = ", ".join(f"'{each}'" for each in verdicts or Verdict)
        # A cursor of its own: whoever reads slowly does not stand in another's way.
        cursor = self._running = _hushed(self._connection.cursor())
        with _room():
            cursor.execute(
                f"SELECT * FROM ({written}) WHERE verdict IN ({only}) ORDER BY whose, attempt, moment, ranked, id"  # noqa: S608 - our own words
            )
        while rows := cursor.fetchmany(_ROWS):
            for id_, whose, attempt, at, source, word, dest, error, verdict, ended, _ in rows:
                yield CheckedStep(
                    id=id_ or "", sign_in=whose, attempt=int(attempt), at=at, source=source, symbol=word, dest=dest,
                    verdict=Verdict[verdict.upper()], error=error, left=ended is not None and ended not in {*FINAL_NODES, UNKNOWN},
                )  # fmt: skip

    def funnel(self, limit: int = 1000) -> Funnel:
        """What the trail comes to, by the one query.

        Args:
            limit: how many of the illegal steps are kept; all are counted.

        Raises:
            BadTrail, NoRoom: as for `load`.
        """
        read = self._prepare()
        cursor = self._running = _hushed(self._connection.cursor())
        with _room():
            cursor.execute(prepared(funnel=True))
            return funnel_from_rows(_named(cursor), read, limit)

    def stop(self) -> None:
        """Have what is going on in another thread end, with an error there."""
        self._running.interrupt()

    def close(self) -> None:
        """Let everything go that was put on disk."""
        self._connection.close()
        self._folder.cleanup()

    def __enter__(self) -> TraceFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _hushed(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Progress is counted, for `done`; but standard output is not its place."""
    connection.execute("SET enable_progress_bar = true")
    connection.execute("SET enable_progress_bar_print = false")
    return connection


def _named(cursor: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    names = [each[0] for each in cursor.description or ()]
    while rows := cursor.fetchmany(_ROWS):
        yield from (dict(zip(names, row, strict=True)) for row in rows)


def funnel_from_rows(
    rows: Iterable[dict[str, Any]], read: InputSummary | None = None, limit: int = 1000
) -> Funnel:
    """The funnel of the query's rows, of whichever engine.

    Args:
        rows: as mappings by the columns' names.
        read: what was read, if that is known.
        limit: how many of the illegal steps are kept.
    """
    taken: dict[tuple[str, ...], list[int]] = {}
    waits: dict[str, Counter[int]] = {}
    ends: Counter[str] = Counter()
    illegal: list[CheckedStep] = []
    illegal_count = 0
    total: dict[str, Any] = dict.fromkeys(("times", "repeated", "sign_ins", "first_at", "last_at"))
    for row in rows:
        if not row["no_edge"]:
            key = (row["source"], row["word"], row["dest"], row["verdict"])
            counted = taken.setdefault(key, [0, 0])
            counted[0] += row["times"]
            counted[1] += int(row["refused"])
            if row["verdict"] == Verdict.ILLEGAL:
                illegal_count += row["times"]
                illegal.append(_illegal(row))
                if len(illegal) > 2 * limit:
                    illegal = _first(illegal, limit)
        elif not row["no_wait"]:
            if row["tenths"] is not None:
                waits.setdefault(row["source"], Counter())[int(row["tenths"])] += row["times"]
        elif not row["no_end"]:
            if row["ended"] is not None:
                ends[row["ended"]] += row["times"]
        else:
            total = row
    given: Counter[str] = Counter()
    for (source, *_), (times, _) in taken.items():
        given[source] += times
    return Funnel(
        input=read or InputSummary(),
        steps=int(total["times"] or 0),
        repeated=int(total["repeated"] or 0),
        sign_ins=int(total["sign_ins"] or 0),
        ends=dict(sorted(ends.items(), key=lambda each: (-each[1], each[0]))),
        transitions=tuple(
            TransitionCount(
                source, word, dest, Verdict[verdict.upper()], times, refused, times / given[source]
            )
            for (source, word, dest, verdict), (times, refused) in sorted(
                taken.items(), key=lambda each: (order(each[0][0]), -each[1][0], each[0])
            )
        ),
        durations=tuple(_wait(place, waits[place]) for place in sorted(waits, key=order)),
        illegal=tuple(_first(illegal, limit)),
        illegal_count=illegal_count,
        since=total["first_at"],
        until=total["last_at"],
    )


def _illegal(row: dict[str, Any]) -> CheckedStep:
    return CheckedStep(
        id=row["suspect"] or "", sign_in=row["whose"], attempt=0, at=row["first_at"], source=row["source"],
        symbol=row["word"], dest=row["dest"], verdict=Verdict.ILLEGAL, error=row["error"],
    )  # fmt: skip


def _first(illegal: list[CheckedStep], limit: int) -> list[CheckedStep]:
    return sorted(illegal, key=lambda each: (str(each.at), each.id))[:limit]


def _wait(place: str, tenths: Counter[int]) -> StepDuration:
    ordered, times = sorted(tenths.items()), tenths.total()

    def at_most(share: float) -> float:
        """The nearest rank: so many took no longer."""
        seen = 0
        for value, count in ordered:
            seen += count
            if seen >= share * times:
                return value / 10
        raise AssertionError

    return StepDuration(place, times, at_most(0.5), at_most(0.95))
