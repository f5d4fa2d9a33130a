"""Stores a pool's records in a state file: as JSON, written after each operation and read at the start.

The attrs classes of the records define the JSON: no field is named here. A record that another one refers to
(a user, an app client) is represented by its key. A field annotated `Any` (the answer that a challenge
expects) carries the name of its class, and only classes of this package are read back.

The JSON holds secrets in clear. It goes into the state file and nowhere else.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from enum import Enum
from typing import Any, Final, TypeVar, get_args, get_origin

import attrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn
from cattrs.preconf.json import make_converter

from authfsm.base.secret import Secret
from authfsm.local.api.region import StateFileError
from authfsm.local.config import descriptions
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.server.state_file import RecordRow, StateFile, UnreadableRecord
from authfsm.local.state.codes import Message
from authfsm.local.state.core import Core, SessionConfiguration
from authfsm.local.state.records import Record
from authfsm.local.state.sessions import PendingChallenge
from authfsm.local.state.token_claims import TokenFamily
from authfsm.local.state.users import User

_CLASS: Final = "!"
_VALUE: Final = "="
_JSON_TYPES: Final = (str, int, float, bool, type(None))
_CONVERTED_TYPES: Final = (bytes, datetime)
_COLLECTIONS: Final = (tuple, set, frozenset)
_BY_NAME: Final = {each.__name__: each for each in (*_CONVERTED_TYPES, *_COLLECTIONS)}

T = TypeVar("T")


class MissingReference(LookupError):
    """A record refers to a user or an app client that no longer exists."""


class RecordSerializer:
    """Converts records to JSON text and back; users and app clients that they refer to are found by key in `core`.

    One is shared by all pools of a file, because making its functions takes long: each sets `core` before it uses it.
    """

    core: Core

    def __init__(self) -> None:
        converter = self._converter = make_converter()
        converter.register_unstructure_hook_func(_is_secret, self._secret_to_json)
        converter.register_structure_hook_func(_is_secret, self._secret_from_json)
        converter.register_unstructure_hook_func(_is_any, self._any_to_json)
        converter.register_structure_hook_func(_is_any, self._any_from_json)
        # Users and app clients: all fields in their own records, only the key in records that refer to them.
        referenced: tuple[type[Any], ...] = (User, AppClient)
        self._to_dict = {kind: make_dict_unstructure_fn(kind, converter) for kind in referenced}
        self._from_dict = {kind: make_dict_structure_fn(kind, converter) for kind in referenced}
        converter.register_unstructure_hook(User, lambda user: user.username)
        converter.register_structure_hook(User, lambda key, _: _existing(self.core.users.by_username(key)))
        converter.register_unstructure_hook(AppClient, lambda client: client.client_id)
        converter.register_structure_hook(AppClient, lambda key, _: _existing(self.core.clients.get(key)))

    def to_text(self, record: Any) -> str:
        """Return a record as JSON text."""
        kind = type(record)
        to_dict = self._to_dict.get(kind)
        value = to_dict(record) if to_dict else self._converter.unstructure(record, kind)
        return json.dumps(value, separators=(",", ":"))

    def from_text(self, text: str, kind: type[T], number: int) -> T:
        """Return the record of a JSON text; raise MissingReference, or UnreadableRecord with its number among its kind."""
        from_dict = self._from_dict.get(kind, self._converter.structure)
        try:
            record: T = from_dict(json.loads(text), kind)
        except Exception as error:  # noqa: BLE001 - cattrs raises errors of many classes
            if _is_missing_reference(error):
                raise MissingReference from None
            # Neither the text nor the error is shown: both contain secrets.
            raise UnreadableRecord(f"{kind.__name__} {number}") from None
        return record

    def _secret_to_json(self, secret: Secret[Any]) -> Any:
        return self._converter.unstructure(secret.reveal())

    def _secret_from_json(self, value: Any, kind: Any) -> Secret[Any]:
        return Secret(self._converter.structure(value, get_args(kind)[0]))

    def _any_to_json(self, value: Any) -> Any:  # noqa: PLR0911 - one line a kind
        kind = type(value)
        if isinstance(value, Enum) or attrs.has(kind):
            name = f"{kind.__module__}:{kind.__qualname__}"
            return {_CLASS: name, _VALUE: self._converter.unstructure(value, kind)}
        if isinstance(value, _JSON_TYPES):
            return value
        if isinstance(value, Mapping):
            converted = {key: self._any_to_json(each) for key, each in value.items()}
            return {_CLASS: "dict", _VALUE: converted} if _CLASS in converted else converted
        if isinstance(value, list):
            return [self._any_to_json(each) for each in value]
        if isinstance(value, _COLLECTIONS):
            return {_CLASS: kind.__name__, _VALUE: [self._any_to_json(each) for each in value]}
        if isinstance(value, _CONVERTED_TYPES):
            return {_CLASS: kind.__name__, _VALUE: self._converter.unstructure(value)}
        if isinstance(value, Secret):
            return {_CLASS: "Secret", _VALUE: self._any_to_json(value.reveal())}
        raise TypeError(f"a record cannot contain a {kind.__name__}")

    def _any_from_json(self, value: Any, _: Any) -> Any:
        if isinstance(value, list):
            return [self._any_from_json(each, None) for each in value]
        if not isinstance(value, dict):
            return value
        name = value.get(_CLASS)
        content = value if name is None else value[_VALUE]
        if name in {None, "dict"}:
            return {key: self._any_from_json(each, None) for key, each in content.items()}
        if name == "Secret":
            return Secret(self._any_from_json(content, None))
        kind = _BY_NAME.get(name)
        if kind in _COLLECTIONS:
            return kind(self._any_from_json(each, None) for each in content)
        return self._converter.structure(content, kind or _record_class(name))


def _is_secret(kind: Any) -> bool:
    return kind is Secret or get_origin(kind) is Secret


def _is_any(kind: Any) -> bool:
    return kind is Any


def _existing(found: T | None) -> T:
    if found is None:
        raise MissingReference
    return found


def _record_class(name: str) -> type:
    module, _, qualified = name.partition(":")
    if not module.startswith("authfsm."):
        raise UnreadableRecord("a record names a class of another package")
    found: Any = importlib.import_module(module)
    for part in qualified.split("."):
        found = getattr(found, part)
    if not isinstance(found, type) or not (attrs.has(found) or issubclass(found, Enum)):
        raise UnreadableRecord("a record names a class that no record contains")
    return found


def _is_missing_reference(error: BaseException) -> bool:
    """Return whether an error, perhaps one of cattrs' groups, is or contains a MissingReference."""
    inner = getattr(error, "exceptions", ())
    return isinstance(error, MissingReference) or any(map(_is_missing_reference, inner))


@attrs.frozen
class RecordType:
    """A type of record: its class, the field with its key, and the part of the pool that has these records."""

    record_class: type
    key_field: str
    part: str

    def exists(self, core: Core, record: Any) -> bool:
        """Return whether the pool still has a record."""
        part = getattr(core, self.part)
        if isinstance(part, dict):
            return part.get(getattr(record, self.key_field)) is record
        return record in part

    def restore(self, core: Core, record: Any) -> None:
        """Put a record back; the oldest first."""
        part = getattr(core, self.part)
        if isinstance(part, dict):
            part[getattr(record, self.key_field)] = record
        else:
            part.restore(record)


# In the order of reading: users and app clients come before the records that refer to them.
_RECORD_TYPES: Final = {
    "client": RecordType(AppClient, "client_id", "clients"),
    "user": RecordType(User, "username", "users"),
    "pending_challenge": RecordType(PendingChallenge, "session", "sessions"),
    "token_family": RecordType(TokenFamily, "origin_jti", "token_issuer"),
    "record": RecordType(Record, "key", "records"),
    "session_configuration": RecordType(SessionConfiguration, "key", "session_configurations"),
}
_KINDS: Final = {each.record_class: name for name, each in _RECORD_TYPES.items()}
_MESSAGE: Final = "message"
FACT: Final = "fact"
"""The kind of the single values: the pool's description, key and seed, and the time of the last write (`_LATEST`)."""
KEY: Final = "key"
DESCRIPTION: Final = "description"
_SEED: Final = "seed"
_LATEST: Final = "latest"


def facts_of(file: StateFile, pool_id: str) -> dict[str, str]:
    """Return the single values that a file has of a pool."""
    return dict(file.read(pool_id, FACT))


class RecordStore:
    """Writes a pool's records to a file and reads them back."""

    def __init__(self, core: Core, file: StateFile, serializer: RecordSerializer | None = None) -> None:
        self._core = core
        self._file = file
        self._pool_id = core.configuration.pool_id
        self._written = core.configuration
        self._key_written = False
        self._serializer = serializer or RecordSerializer()
        self._last_message = 0

    def text_of(self, record: Any) -> str:
        """Return a record as the file contains it."""
        return self._serializer.to_text(record)

    def load(self, except_client: str | None = None) -> None:
        """Put the file's records into the pool, except an app client that stays as the pool has it."""
        self._serializer.core = self._core
        facts = facts_of(self._file, self._pool_id)
        if latest := facts.get(_LATEST):
            self._core.elapsed.resume(datetime.fromisoformat(latest))
        if seed := facts.get(_SEED):
            self._core.seed = Secret(bytes.fromhex(seed))
        self._key_written = KEY in facts
        for name, record_type in _RECORD_TYPES.items():
            for number, (key, body) in enumerate(self._file.read(self._pool_id, name), 1):
                if (name, key) == ("client", except_client):
                    continue
                with suppress(MissingReference):  # its user or app client was deleted
                    record: Any = self._serializer.from_text(body, record_type.record_class, number)
                    record_type.restore(self._core, record)
        for key, body in self._file.read(self._pool_id, _MESSAGE):
            self._core.outbox.put(self._serializer.from_text(body, Message, int(key)))
            self._last_message = int(key)

    def _reload(self) -> None:
        """Discard the changes that could not be written: make the pool equal to the file again."""
        self._core.clear_all()
        self._core.configure(self._written)
        self._last_message = 0
        self.load()

    def save(self, changed: Iterable[Any]) -> None:
        """Write the changed records, and the users whom they belong to; or undo the changes and raise StateFileError."""
        records = {id(record): record for record in changed}
        for record in tuple(records.values()):
            user = record.user if isinstance(record, TokenFamily) else None
            user = record.attempt.user if isinstance(record, PendingChallenge) else user
            if user is not None:
                records[id(user)] = user
        rows = [row for record in records.values() for row in self._rows(record)]
        configuration, facts = self._core.configuration, self._changed_facts()
        rows.extend((FACT, name, text) for name, text in facts.items())
        if rows:
            now = self._core.elapsed().isoformat()
            try:
                self._file.write(self._pool_id, rows, if_changed=[(FACT, _LATEST, now)])
            except StateFileError:
                self._reload()
                raise
            # Only what was written: a key that is made meanwhile is saved the next time.
            self._written, self._key_written = configuration, self._key_written or KEY in facts

    def of_pool(self, core: Core) -> RecordStore:
        """Return a store for another pool in the same file."""
        return RecordStore(core, self._file, self._serializer)

    def delete_pool(self, pool_id: str) -> None:
        """Delete all records of a pool."""
        self._file.delete(pool_id)

    def save_all(self, **facts: str) -> None:
        """Write a pool that may be new in the file, with its app clients and these facts."""
        core = self._core
        own = {_SEED: core.seed.reveal().hex(), DESCRIPTION: self._description(), **facts}
        rows = [*(row for each in core.clients.values() for row in self._rows(each))]
        self._file.write(self._pool_id, [*((FACT, n, e) for n, e in own.items()), *rows])
        self.save(())

    def _changed_facts(self) -> dict[str, str]:
        core = self._core
        facts = {}
        if core.configuration is not self._written:
            facts[DESCRIPTION] = self._description()
        if core.token_issuer.has_key and not self._key_written:
            facts[KEY] = json.dumps(core.token_issuer.key.jwk.as_dict(private=True))
        return facts

    def _description(self) -> str:
        return json.dumps(descriptions.described(self._core.configuration))

    def _rows(self, record: Any) -> Iterable[RecordRow]:
        if isinstance(record, Message):
            self._last_message += 1
            yield _MESSAGE, str(self._last_message), self.text_of(record)
            # Keep as many messages as the outbox does.
            oldest = self._last_message - len(self._core.outbox)
            yield _MESSAGE, str(oldest), None
            return
        name = _KINDS[type(record)]
        record_type = _RECORD_TYPES[name]
        body = self.text_of(record) if record_type.exists(self._core, record) else None
        yield name, str(getattr(record, record_type.key_field)), body
