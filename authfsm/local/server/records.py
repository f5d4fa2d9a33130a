"""The pool's records as JSON text and back, whatever fields they have.

The classes say themselves what is in them: nothing here names a field. A record that another one refers to
(a user, an app client) stands there by its key. A field whose type is open (what an answer is checked
against) carries the name of its class, and only classes of this package are taken back.

In this text secrets are in clear: it goes into the state file, and nowhere else.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from enum import Enum
from typing import Any, Final, TypeVar, get_args, get_origin

import attrs
from attrs import frozen
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn
from cattrs.preconf.json import make_converter

from authfsm.base.secret import Secret
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.server.state_file import RecordRow, StateFile
from authfsm.local.state.codes import Message
from authfsm.local.state.core import Core
from authfsm.local.state.sessions import PendingChallenge
from authfsm.local.state.token_issuer import TokenFamily
from authfsm.local.state.users import User

_CLASS: Final = "!"
_VALUE: Final = "="
_OURS: Final = "authfsm."
_PLAIN: Final = (str, int, float, bool, type(None))
_WRAPPED: Final = (bytes, datetime)
_COLLECTIONS: Final = (tuple, set, frozenset)
_BY_NAME: Final[dict[str, type]] = {each.__name__: each for each in (*_WRAPPED, *_COLLECTIONS)}

T = TypeVar("T")


class UnreadableRecord(ValueError):
    """A record is not one that this version could have written."""


class MissingReference(LookupError):
    """A record refers to one that is not there any more."""


class RecordSerializer:
    """Writes records, and reads them back.

    Args:
        user: the user of a username that a record refers to, or None.
        app_client: the app client of an id that a record refers to, or None.
    """

    def __init__(
        self,
        user: Callable[[str], User | None],
        app_client: Callable[[str], AppClient | None],
    ) -> None:
        converter = self._converter = make_converter()
        converter.register_unstructure_hook_func(_is_secret, self._write_secret)
        converter.register_structure_hook_func(_is_secret, self._read_secret)
        converter.register_unstructure_hook_func(_is_open, self._write_open)
        converter.register_structure_hook_func(_is_open, self._read_open)
        # Whole where they stand by themselves, by their keys where they are referred to.
        self._whole: dict[type, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
            kind: (
                make_dict_unstructure_fn(kind, converter),
                make_dict_structure_fn(kind, converter),
            )
            for kind in (User, AppClient)
        }
        converter.register_unstructure_hook(User, lambda it: it.username)
        converter.register_structure_hook(User, lambda key, _: _there(user(key)))
        converter.register_unstructure_hook(AppClient, lambda it: it.client_id)
        converter.register_structure_hook(AppClient, lambda key, _: _there(app_client(key)))

    def write(self, record: Any) -> str:
        """A record as JSON."""
        kind = type(record)
        whole = self._whole.get(kind)
        made = whole[0](record) if whole else self._converter.unstructure(record, kind)
        return json.dumps(made, separators=(",", ":"))

    def read(self, text: str, kind: type[T]) -> T:
        """A record of JSON.

        Raises:
            Absent: it refers to a record that is not there.
            Unreadable: it is none of this class's.
        """
        whole = self._whole.get(kind)
        try:
            given = json.loads(text)
            read: T = whole[1](given, kind) if whole else self._converter.structure(given, kind)
        except Exception as error:  # noqa: BLE001 - whatever it is: the text is not one of ours
            if _is_absent(error):
                raise MissingReference from None
            # Neither the text nor what is wrong with it: secrets are in both.
            raise UnreadableRecord(f"a {kind.__name__} cannot be read") from None
        return read

    # ---- secrets ------------------------------------------------------------------------------

    def _write_secret(self, secret: Secret[Any]) -> Any:
        return self._converter.unstructure(secret.reveal())

    def _read_secret(self, value: Any, kind: Any) -> Secret[Any]:
        return Secret(self._converter.structure(value, get_args(kind)[0]))

    # ---- fields whose type is open ------------------------------------------------------------

    def _write_open(self, value: Any) -> Any:  # noqa: PLR0911 - one line a kind
        kind = type(value)
        if isinstance(value, Enum) or attrs.has(kind):
            return {
                _CLASS: f"{kind.__module__}:{kind.__qualname__}",
                _VALUE: self._converter.unstructure(value, kind),
            }
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, Mapping):
            written = {key: self._write_open(each) for key, each in value.items()}
            return {_CLASS: "dict", _VALUE: written} if _CLASS in written else written
        if isinstance(value, list):
            return [self._write_open(each) for each in value]
        if isinstance(value, _COLLECTIONS):
            return {_CLASS: kind.__name__, _VALUE: [self._write_open(each) for each in value]}
        if isinstance(value, _WRAPPED):
            return {_CLASS: kind.__name__, _VALUE: self._converter.unstructure(value)}
        if isinstance(value, Secret):
            return {_CLASS: "Secret", _VALUE: self._write_open(value.reveal())}
        raise TypeError(f"a {kind.__name__} is nothing that a record is made of")

    def _read_open(self, value: Any, _: Any) -> Any:  # noqa: PLR0911 - one line a kind
        if isinstance(value, list):
            return [self._read_open(each, None) for each in value]
        if not isinstance(value, dict):
            return value
        name = value.get(_CLASS)
        if name is None:
            return {key: self._read_open(each, None) for key, each in value.items()}
        inside = value[_VALUE]
        if name == "dict":
            return {key: self._read_open(each, None) for key, each in inside.items()}
        if name == "Secret":
            return Secret(self._read_open(inside, None))
        kind = _BY_NAME.get(name)
        if kind in _COLLECTIONS:
            return kind(self._read_open(each, None) for each in inside)
        return self._converter.structure(inside, kind or _class(name))


def _is_secret(kind: Any) -> bool:
    return kind is Secret or get_origin(kind) is Secret


def _there(found: T | None) -> T:
    if found is None:
        raise MissingReference
    return found


def _is_open(kind: Any) -> bool:
    return kind is Any


def _class(name: str) -> type:
    module, _, qualified = name.partition(":")
    if not module.startswith(_OURS):
        raise UnreadableRecord("a record names a class that is not of this package")
    found: Any = importlib.import_module(module)
    for part in qualified.split("."):
        found = getattr(found, part)
    if not isinstance(found, type) or not (attrs.has(found) or issubclass(found, Enum)):
        raise UnreadableRecord("a record names something that is no record")
    return found


def _is_absent(error: BaseException) -> bool:
    """Is an error, perhaps one of cattrs' groups, that of a reference to what is not there?"""
    inner = getattr(error, "exceptions", ())
    return isinstance(error, MissingReference) or any(_is_absent(each) for each in inner)


@frozen
class RecordType:
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
RECORD_TYPES: Final[dict[str, RecordType]] = {
    "client": RecordType(
        AppClient,
        lambda client: str(client.client_id),
        lambda core, client: core.clients.get(client.client_id) is client,
        _restore_client,
    ),
    "user": RecordType(
        User,
        lambda user: str(user.username),
        lambda core, user: core.users.named(user.username) is user,
        lambda core, user: core.users.restore(user),
    ),
    "leg": RecordType(
        PendingChallenge,
        lambda pending: str(pending.session),
        lambda core, pending: pending in core.sessions,
        lambda core, pending: core.sessions.restore(pending),
    ),
    "family": RecordType(
        TokenFamily,
        lambda family: str(family.origin_jti),
        lambda core, family: family in core.token_issuer,
        lambda core, family: core.token_issuer.restore(family),
    ),
}
_MESSAGE: Final = "message"
_LATEST: Final = "latest"
"""The fact that says when the last record was written, by the clock that never goes back."""
_NAME_OF: Final = {kind.of: name for name, kind in RECORD_TYPES.items()}


class RecordStore:
    """Keeps a pool's records in a file.

    Args:
        core: the pool's parts.
        file: the file.
    """

    def __init__(self, core: Core, file: StateFile) -> None:
        self._core = core
        self._file = file
        # Not core.clients.get itself: once watched, that is another dictionary.
        self._records = RecordSerializer(core.users.named, lambda key: core.clients.get(key))  # noqa: PLW0108
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
        for name, kind in RECORD_TYPES.items():
            for key, body in self._file.read(name):
                if (name, key) == ("client", held):
                    continue
                with suppress(MissingReference):  # of a user or an app client that was taken away
                    kind.restore(self._core, self._records.read(body, kind.of))
        for key, body in self._file.read(_MESSAGE):
            self._core.outbox.put(self._records.read(body, Message))
            self._message = int(key)

    def reload(self) -> None:
        """Make the pool again what the file says: what could not be written did not happen."""
        self._core.clear_all()
        self._message = 0
        self.restore()

    def keep(self, touched: Iterable[Any]) -> None:
        """Write these records, and the users they are about.

        Raises:
            StateFileError: they cannot be written.
        """
        records = {id(record): record for record in touched}
        for record in tuple(records.values()):
            user = record.user if isinstance(record, TokenFamily) else None
            user = record.attempt.user if isinstance(record, PendingChallenge) else user
            if user is not None:
                records[id(user)] = user
        rows = [row for record in records.values() for row in self._rows(record)]
        if rows:
            self._file.write(rows, {_LATEST: self._core.elapsed().isoformat()})

    def _rows(self, record: Any) -> Iterable[RecordRow]:
        if isinstance(record, Message):
            self._message += 1
            yield RecordRow(_MESSAGE, str(self._message), self._records.write(record))
            # As many as the outbox keeps.
            yield RecordRow(_MESSAGE, str(self._message - len(self._core.outbox)), None)
            return
        name = _NAME_OF[type(record)]
        kind = RECORD_TYPES[name]
        there = kind.there(self._core, record)
        yield RecordRow(name, kind.key(record), self._records.write(record) if there else None)
