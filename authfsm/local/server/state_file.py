"""The pool's state in a file: what has been acknowledged is on disk before the answer leaves.

One SQLite file, one process. After each operation the records it touched are written in one transaction,
so that a process that is killed loses nothing it has answered for, and never half an operation. A write
that fails (a full disk) leaves the file as it was. (The
journal is a write-ahead log without a flush at each commit: it survives the process, whatever ends it; a
machine that loses its power may lose the last moments.) What an operation costs does not grow with the
number of users.

The file holds secrets in clear (the signing key, refresh tokens, codes), and only its owner may read it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

APPLICATION: Final = 0x61757468  # "auth"
VERSION: Final = 1

_SCHEMA: Final = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE records (
    number INTEGER PRIMARY KEY,  -- the order in which they were made
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, key)
);
"""
_NOTE: Final = "INSERT OR REPLACE INTO facts VALUES (?, ?)"
_WRITE: Final = (
    "INSERT INTO records (kind, key, body) VALUES (?, ?, ?)"
    " ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body WHERE body IS NOT excluded.body"
)


class StateFileError(Exception):
    """The file cannot be used for the pool's state, and why.

    Args:
        path: the file.
        why: the reason, in words for whoever named the file.
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} {why}")
        self.path = path
        self.why = why


@frozen
class RecordRow:
    """A record as it is written.

    Args:
        kind: which sort of record.
        key: its key among these.
        body: its text; None if it is no more.
    """

    kind: str
    key: str
    body: str | None


class StateFile:
    """A file with a pool's state, locked for this process until it is closed.

    Args:
        path: the file; made, for its owner alone, if it is not there.

    Raises:
        StateFileError: another process has it, or it is none of ours, or a newer version's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            _for_its_owner(path)
            self._sql = sqlite3.connect(
                path, isolation_level=None, timeout=0.2, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise StateFileError(path, f"cannot be opened: {_why(error)}") from None
        try:
            self._take()
        except sqlite3.Error as error:
            self._sql.close()
            raise StateFileError(path, _why(error)) from None
        except StateFileError:
            self._sql.close()
            raise

    def _take(self) -> None:
        # Before the first read, so that the lock is taken with it, and held.
        self._sql.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._sql.execute("BEGIN EXCLUSIVE")
        application, version = self._pragma("application_id"), self._pragma("user_version")
        tables = self._sql.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application != APPLICATION and tables:
            raise StateFileError(self.path, "is another program's database")
        if version > VERSION:
            raise StateFileError(self.path, "was written by a newer version of authfsm")
        if not tables:
            for statement in _SCHEMA.split(";"):
                self._sql.execute(statement)
            self._sql.execute(f"PRAGMA application_id = {APPLICATION}")
            self._sql.execute(f"PRAGMA user_version = {VERSION}")
        self._sql.execute("COMMIT")
        self._sql.execute("PRAGMA journal_mode = WAL")
        self._sql.execute("PRAGMA synchronous = NORMAL")

    def _pragma(self, name: str) -> int:
        return int(self._sql.execute(f"PRAGMA {name}").fetchone()[0])

    def close(self) -> None:
        """Give the file back."""
        self._sql.close()

    # ---- facts: one of each -------------------------------------------------------------------

    def facts(self) -> dict[str, str]:
        """What there is one of: the pool's id, its key."""
        return dict(self._sql.execute("SELECT name, value FROM facts"))

    def note(self, facts: dict[str, str]) -> None:
        """Write facts."""
        with self._transaction() as sql:
            sql.executemany(_NOTE, facts.items())

    # ---- records ------------------------------------------------------------------------------

    def read(self, kind: str) -> Iterator[tuple[str, str]]:
        """The keys and texts of all records of a kind, in the order in which they were made."""
        query = "SELECT key, body FROM records WHERE kind = ? ORDER BY number"
        with closing(self._sql.execute(query, (kind,))) as rows:
            yield from rows

    def write(self, rows: Iterable[RecordRow], facts: dict[str, str] | None = None) -> None:
        """Write records, all or none.

        Args:
            rows: the records.
            facts: facts that are written with them, if any record is another than it was: nothing is
                written otherwise, so that reading goes on when the disk is full.

        Raises:
            StateFileError: they cannot be written; the file is as it was.
        """
        with self._transaction() as sql:
            before = sql.total_changes
            for row in rows:
                if row.body is None:
                    sql.execute(
                        "DELETE FROM records WHERE kind = ? AND key = ?", (row.kind, row.key)
                    )
                else:
                    sql.execute(_WRITE, (row.kind, row.key, row.body))
            if facts and sql.total_changes != before:
                sql.executemany(_NOTE, facts.items())

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._sql.execute("BEGIN")
            yield self._sql
            self._sql.execute("COMMIT")
        except sqlite3.Error as error:
            raise StateFileError(self.path, f"cannot be written: {_why(error)}") from None
        finally:
            if self._sql.in_transaction:
                self._sql.execute("ROLLBACK")


def _for_its_owner(path: Path) -> None:
    """Make the file if it is not there, and shut it to everybody but its owner."""
    # SQLite gives its log the mode of the file.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _why(error: Exception) -> str:
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return "is in use by another process"
    if isinstance(error, sqlite3.DatabaseError) and "not a database" in str(error):
        return "is not a state file"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
