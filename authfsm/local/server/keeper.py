"""Keeps a pool in a state file: puts back what was there, and writes what each operation touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.server.records import Absent, Records
from authfsm.local.server.state import StateFile, StateRow
from authfsm.local.state.codes import Message
from authfsm.local.state.core import Core
from authfsm.local.state.sessions import PendingChallenge
from authfsm.local.state.token_issuer import Family
from authfsm.local.state.users import User


@frozen
class RecordKind:
    """A sort of record.

    Args:
        of: its class.
        key: a record's key.
        there: is the record still the pool's?
        restore: puts a record back.
    """

    of: type
    key: Callable[[Any], str]
    there: Callable[[Core, Any], bool]
    restore: Callable[[Core, Any], None]


def _restore_client(core: Core, client: AppClient) -> None:
    core.clients[client.client_id] = client


# In the order in which they are read: whoever is referred to comes first.
KINDS: Final[dict[str, RecordKind]] = {
    "client": RecordKind(
        AppClient,
        lambda client: str(client.client_id),
        lambda core, client: core.clients.get(client.client_id) is client,
        _restore_client,
    ),
    "user": RecordKind(
        User,
        lambda user: str(user.username),
        lambda core, user: core.users.named(user.username) is user,
        lambda core, user: core.users.restore(user),
    ),
    "leg": RecordKind(
        PendingChallenge,
        lambda leg: str(leg.session),
        lambda core, leg: leg in core.sessions,
        lambda core, leg: core.sessions.restore(leg),
    ),
    "family": RecordKind(
        Family,
        lambda family: str(family.origin_jti),
        lambda core, family: family in core.mint,
        lambda core, family: core.mint.restore(family),
    ),
}
_MESSAGE: Final = "message"
_LATEST: Final = "latest"
"""The fact that says when the last record was written, by the clock that never goes back."""
_KIND_OF: Final = {kind.of: name for name, kind in KINDS.items()}


class Keeper:
    """Keeps a pool's records in a file.

    Args:
        core: the pool's parts.
        file: the file.
    """

    def __init__(self, core: Core, file: StateFile) -> None:
        self._core = core
        self._file = file
        # Not core.clients.get itself: once watched, that is another dictionary.
        self._records = Records(core.users.named, lambda key: core.clients.get(key))  # noqa: PLW0108
        self._message = 0

    def written(self, record: Any) -> str:
        """A record, as it is in the file."""
        return self._records.write(record)

    def restore(self, held: str | None = None) -> None:
        """Put back what is in the file.

        Args:
            held: an app client that stays as it is in the pool.

        Raises:
            Unreadable: the file has something else in it.
        """
        if latest := self._file.facts().get(_LATEST):
            self._core.elapsed.resume(datetime.fromisoformat(latest))
        for name, kind in KINDS.items():
            for key, body in self._file.read(name):
                if (name, key) == ("client", held):
                    continue
                with suppress(Absent):  # of a user or an app client that was taken away
                    kind.restore(self._core, self._records.read(body, kind.of))
        for key, body in self._file.read(_MESSAGE):
            self._core.outbox.put(self._records.read(body, Message))
            self._message = int(key)

    def reload(self) -> None:
        """Make the pool again what the file says: what could not be written did not happen."""
        self._core.forget_all()
        self._message = 0
        self.restore()

    def keep(self, touched: Iterable[Any]) -> None:
        """Write these records, and the users they are about.

        Raises:
            StateFileRefused: they cannot be written.
        """
        records = {id(record): record for record in touched}
        for record in tuple(records.values()):
            user = record.user if isinstance(record, Family) else None
            user = record.attempt.user if isinstance(record, PendingChallenge) else user
            if user is not None:
                records[id(user)] = user
        rows = [row for record in records.values() for row in self._rows(record)]
        if rows:
            self._file.write(rows, {_LATEST: self._core.elapsed().isoformat()})

    def _rows(self, record: Any) -> Iterable[StateRow]:
        if isinstance(record, Message):
            self._message += 1
            yield StateRow(_MESSAGE, str(self._message), self._records.write(record))
            # As many as the outbox keeps.
            yield StateRow(_MESSAGE, str(self._message - len(self._core.outbox)), None)
            return
        name = _KIND_OF[type(record)]
        kind = KINDS[name]
        there = kind.there(self._core, record)
        yield StateRow(name, kind.key(record), self._records.write(record) if there else None)
