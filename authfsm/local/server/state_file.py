"""The SQLite file with the state of all pools; it contains an operation's changes before the reply is sent.

After each operation, one transaction writes the records that the operation changed. So a process that is killed
loses no operation that it has replied to and leaves no operation half written; a write that fails, for example on
a full disk, leaves the file unchanged. The journal is a write-ahead log that is not flushed at each commit: it
survives the end of the process, but if the machine loses power, the last transactions may be lost. The cost of a
write does not depend on the number of users.

One process uses the file at a time. The file contains secrets in clear (the signing key, refresh tokens, codes), so
only its owner may read it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from authfsm.local.api.region import StateFileError

APPLICATION_ID: Final = 0x61757468  # "auth"
VERSION: Final = 6
"""The version of the file's format: increase it when a class or a field in a record gets another name or meaning."""

_SCHEMA: Final = """
CREATE TABLE records (
    number INTEGER PRIMARY KEY,  -- the order of creation
    pool TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (pool, kind, key)
);
"""
_WRITE: Final = (
    "INSERT INTO records (pool, kind, key, body) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (pool, kind, key) DO UPDATE SET body = excluded.body WHERE body IS NOT excluded.body"
)
_DELETE: Final = "DELETE FROM records WHERE pool = ? AND kind = ? AND key = ?"
_DELETE_ALL: Final = "DELETE FROM records WHERE pool = ? AND number > (SELECT min(number) FROM records)"

RecordRow = tuple[str, str, str | None]
"""A record's kind, its key among the pool's records of this kind, and its JSON; None deletes the record."""


class UnreadableRecord(ValueError):
    """A record cannot be read; the message names it by class and number ("User 3"), or as "the signing key"."""


class StateFile:
    """A file with the state of pools, locked for this process until `close`; all methods may raise StateFileError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            _create_private(path)
            self._sql = sqlite3.connect(path, isolation_level=None, timeout=0.2, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise StateFileError(path, f"cannot be opened: {_reason(error)}") from None
        try:
            self._open()
        except (sqlite3.Error, StateFileError) as error:
            self._sql.close()
            raise error if isinstance(error, StateFileError) else StateFileError(path, _reason(error)) from None

    def _open(self) -> None:
        # In this mode the first access takes a lock, which lasts until the file is closed.
        self._sql.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._sql.execute("BEGIN EXCLUSIVE")
        application, version = self._pragma("application_id"), self._pragma("user_version")
        if not self._sql.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in _SCHEMA.split(";"):
                self._sql.execute(statement)
            self._sql.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._sql.execute(f"PRAGMA user_version = {VERSION}")
        elif application != APPLICATION_ID:
            raise StateFileError(self.path, "is another program's database")
        elif version > VERSION:
            raise StateFileError(self.path, "was written by a newer version of authfsm; update authfsm")
        elif version < VERSION:
            why = "was written by an older version of authfsm, in a format that this one does not read"
            raise StateFileError(self.path, f"{why}; delete the file to begin with a new pool")
        self._sql.execute("COMMIT")
        self._sql.execute("PRAGMA journal_mode = WAL")
        self._sql.execute("PRAGMA synchronous = NORMAL")

    def _pragma(self, name: str) -> int:
        return int(self._sql.execute(f"PRAGMA {name}").fetchone()[0])

    def close(self) -> None:
        """Close the file and release its lock."""
        self._sql.close()

    def pools(self) -> list[str]:
        """Return the ids of the pools that have records, the oldest first."""
        query = "SELECT pool FROM records GROUP BY pool ORDER BY min(number)"
        return [pool for (pool,) in self._select(query)]

    def index(self, kind: str) -> dict[str, str]:
        """Return the ids of the pools that have records of a kind, by the records' keys."""
        return dict(self._select("SELECT key, pool FROM records WHERE kind = ?", kind))

    def read(self, pool: str, kind: str) -> Iterator[tuple[str, str]]:
        """Return the key and the JSON of each of a pool's records of a kind, the oldest first."""
        query = "SELECT key, body FROM records WHERE pool = ? AND kind = ? ORDER BY number"
        return self._select(query, pool, kind)

    def _select(self, query: str, *parameters: str) -> Iterator[Any]:
        try:
            with closing(self._sql.execute(query, parameters)) as rows:
                yield from rows
        except sqlite3.DatabaseError as error:
            raise StateFileError(self.path, f"cannot be read: {_reason(error)}") from None

    def delete(self, pool: str) -> None:
        """Delete all records of a pool."""
        with self._transaction() as sql:
            # The file's first row only loses its content: its pool id says which configuration the file belongs to.
            sql.execute(_DELETE_ALL, (pool,))
            sql.execute("UPDATE records SET kind = 'deleted', key = '', body = '' WHERE pool = ?", (pool,))

    def write(self, pool: str, rows: Iterable[RecordRow], if_changed: Iterable[RecordRow] = ()) -> None:
        """Write all rows or none. Write `if_changed` only if a row changes, so that reading a record writes nothing."""
        with self._transaction() as sql:
            before = sql.total_changes
            _execute(sql, pool, rows)
            if sql.total_changes != before:
                _execute(sql, pool, if_changed)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._sql.execute("BEGIN")
            yield self._sql
            self._sql.execute("COMMIT")
        except sqlite3.Error as error:
            raise StateFileError(self.path, f"cannot be written: {_reason(error)}") from None
        finally:
            if self._sql.in_transaction:
                self._sql.execute("ROLLBACK")


def _execute(sql: sqlite3.Connection, pool: str, rows: Iterable[RecordRow]) -> None:
    for kind, key, body in rows:
        encodable = key.encode("utf-8", "backslashreplace").decode()  # Names may contain lone surrogates.
        if body is None:
            sql.execute(_DELETE, (pool, kind, encodable))
        else:
            sql.execute(_WRITE, (pool, kind, encodable, body))


def _create_private(path: Path) -> None:
    """Create the file if it does not exist, and let only its owner read and write it."""
    # SQLite creates its log with the permissions of the file.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return "is in use by another process"
    if isinstance(error, sqlite3.DatabaseError) and "not a database" in str(error):
        return "is not a state file"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
