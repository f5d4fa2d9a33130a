"""Stores a pool's records as JSON in a state file: writes them after each operation, reads them before the first one.

The attrs classes of the records define the JSON: its members are their fields. If a record refers to a user or an
app client, the JSON contains only the key of the user or client. The value of a field annotated `Any` (the expected
answer of a challenge) is stored with the name of its class, unless JSON has the same type. The class must be one of
authfsm's own, `bytes`, `datetime` or a collection.

The JSON contains secrets in clear. It is written only to the state file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import datetime
from enum import Enum
from importlib import import_module
from operator import attrgetter
from typing import Any, Final, TypeVar, get_args, get_origin

import attrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn
from cattrs.preconf.json import make_converter

from authfsm.base.secret import Secret
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
    """A record refers to a user or an app client that was deleted."""


class RecordSerializer:
    """Converts records to JSON and back; looks up in `core` the users and app clients that the records refer to.

    All pools of a file share one serializer, because creating it is slow. `RecordStore.load` sets `core` first.
    """

    core: Core

    def __init__(self) -> None:
        # Sets are sorted, because their order differs from process to process, and the texts of records are compared.
        converter = self._converter = make_converter(unstruct_collection_overrides={AbstractSet: sorted})
        to_secret = lambda value, kind: Secret(converter.structure(value, get_args(kind)[0]))  # noqa: E731
        converter.register_unstructure_hook_func(_is_secret, lambda it: converter.unstructure(it.reveal()))
        converter.register_structure_hook_func(_is_secret, to_secret)
        converter.register_unstructure_hook_func(lambda kind: kind is Any, self._any_to_json)
        converter.register_structure_hook_func(lambda kind: kind is Any, self._any_from_json)
        # The record of a user or app client has all its fields. Records that refer to it have only its key.
        referenced: tuple[type[Any], ...] = (User, AppClient)
        self._to_dict = {kind: make_dict_unstructure_fn(kind, converter) for kind in referenced}
        self._from_dict = {kind: make_dict_structure_fn(kind, converter) for kind in referenced}
        converter.register_unstructure_hook(User, lambda user: user.username)
        converter.register_structure_hook(User, lambda key, _: _existing(self.core.users.by_username(key)))
        converter.register_unstructure_hook(AppClient, lambda client: client.client_id)
        converter.register_structure_hook(AppClient, lambda key, _: _existing(self.core.clients.get(key)))

    def to_text(self, record: Any) -> str:
        """Return a record as JSON, with the key in place of each user or app client that it refers to."""
        kind = type(record)
        to_dict = self._to_dict.get(kind)
        value = to_dict(record) if to_dict else self._converter.unstructure(record, kind)
        return json.dumps(value, separators=(",", ":"))

    def from_text(self, text: str, kind: type[T], number: int) -> T:
        """Return the record of some JSON; raise MissingReference, or UnreadableRecord with the record's `number`."""
        from_dict = self._from_dict.get(kind, self._converter.structure)
        try:
            record: T = from_dict(json.loads(text), kind)
        except Exception as error:  # noqa: BLE001 - cattrs raises errors of many classes
            if _is_missing_reference(error):
                raise MissingReference from None
            # The new exception contains neither the JSON nor cattrs' error: both contain secrets.
            raise UnreadableRecord(f"{kind.__name__} {number}") from None
        return record

    def _any_to_json(self, value: Any) -> Any:  # noqa: PLR0911 - a return for each type of value
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
            items = [self._any_to_json(each) for each in value]
            if isinstance(value, AbstractSet):
                items.sort(key=json.dumps)  # The values need not be comparable with each other.
            return {_CLASS: kind.__name__, _VALUE: items}
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


def _existing(found: T | None) -> T:
    if found is None:
        raise MissingReference
    return found


def _record_class(name: str) -> type:
    module, _, qualified = name.partition(":")
    found: Any = attrgetter(qualified)(import_module(module)) if module.startswith("authfsm.") else None
    if not isinstance(found, type) or not (attrs.has(found) or issubclass(found, Enum)):
        raise TypeError  # `from_text` reports the record instead
    return found


def _is_missing_reference(error: BaseException) -> bool:
    """Return whether an error is a MissingReference or a group that contains one (cattrs raises groups)."""
    inner = getattr(error, "exceptions", ())
    return isinstance(error, MissingReference) or any(map(_is_missing_reference, inner))


@attrs.frozen
class RecordType:
    """A type of record: its class, the field that is its key, and the attribute of `Core` that has these records."""

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
        """Put a record into its part of the pool. The oldest record must be put in first."""
        part = getattr(core, self.part)
        if isinstance(part, dict):
            part[getattr(record, self.key_field)] = record
        else:
            part.restore(record)


# The order in which records are read: users and app clients come before the records that refer to them.
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
PROPERTY: Final = "property"
"""The kind of the records with properties of the pool; their keys are the next four, and two of `_open_from_file`."""
SIGNING_KEY: Final = "key"
DESCRIPTION: Final = "description"
_SEED: Final = "seed"
_LAST_WRITE: Final = "last_write"


class RecordStore:
    """Writes a pool's records to a state file, and reads them."""

    def __init__(self, core: Core, file: StateFile, serializer: RecordSerializer | None = None) -> None:
        self._core = core
        self.file = file
        self._pool_id = core.configuration.pool_id
        self._written_configuration = core.configuration
        self._signing_key_written = False
        self._serializer = serializer or RecordSerializer()
        self._last_message = 0

    def text_of(self, record: Any) -> str:
        """Return a record as it is written to the file, in JSON."""
        return self._serializer.to_text(record)

    def load(self, except_client: str | None = None) -> None:
        """Put the file's records into the pool, except that of the app client with the id `except_client`."""
        self._serializer.core = self._core
        properties = dict(self.file.read(self._pool_id, PROPERTY))
        if last_write := properties.get(_LAST_WRITE):
            self._core.elapsed.resume(datetime.fromisoformat(last_write))
        if seed := properties.get(_SEED):
            self._core.seed = Secret(bytes.fromhex(seed))
        self._signing_key_written = SIGNING_KEY in properties
        for name, record_type in _RECORD_TYPES.items():
            for number, (key, body) in enumerate(self.file.read(self._pool_id, name), 1):
                if (name, key) == ("client", except_client):
                    continue
                with suppress(MissingReference):
                    record: Any = self._serializer.from_text(body, record_type.record_class, number)
                    record_type.restore(self._core, record)
        for key, body in self.file.read(self._pool_id, _MESSAGE):
            self._core.outbox.put(self._serializer.from_text(body, Message, int(key)))
            self._last_message = int(key)

    def reload(self) -> None:
        """Discard the changes that could not be written, by reading the file again."""
        self._core.clear_all()
        self._core.configure(self._written_configuration)
        self._last_message = 0
        self.load()

    def save(self, changed: Iterable[Any]) -> None:
        """Write the changed records and their users; after a StateFileError, `reload` undoes the changes."""
        records = {id(record): record for record in changed}
        for record in tuple(records.values()):
            user = record.user if isinstance(record, TokenFamily) else None
            user = record.attempt.user if isinstance(record, PendingChallenge) else user
            if user is not None:
                records[id(user)] = user
        rows = [row for record in records.values() for row in self._rows(record)]
        configuration, properties = self._core.configuration, self._changed_properties()
        rows.extend((PROPERTY, name, text) for name, text in properties.items())
        if rows:
            now = self._core.elapsed().isoformat()
            self.file.write(self._pool_id, rows, if_changed=[(PROPERTY, _LAST_WRITE, now)])
            # The signing key may have been generated during the write: then the next call writes it.
            self._signing_key_written |= SIGNING_KEY in properties
            self._written_configuration = configuration

    def of_pool(self, core: Core) -> RecordStore:
        """Return a store for another pool in the same file."""
        return RecordStore(core, self.file, self._serializer)

    def save_all(self, **properties: str) -> None:
        """Write a pool that may be new in the file: its app clients, its own properties and the given ones."""
        core = self._core
        properties |= {_SEED: core.seed.reveal().hex(), DESCRIPTION: self._description()}
        rows: list[RecordRow] = [(PROPERTY, name, text) for name, text in properties.items()]
        rows.extend(row for each in core.clients.values() for row in self._rows(each))
        self.file.write(self._pool_id, rows)
        self.save(())

    def _changed_properties(self) -> dict[str, str]:
        core = self._core
        properties = {}
        if core.configuration is not self._written_configuration:
            properties[DESCRIPTION] = self._description()
        if core.token_issuer.has_key and not self._signing_key_written:
            properties[SIGNING_KEY] = json.dumps(core.token_issuer.key.jwk.as_dict(private=True))
        return properties

    def _description(self) -> str:
        return json.dumps(descriptions.pool_description(self._core.configuration))

    def _rows(self, record: Any) -> Iterable[RecordRow]:
        if isinstance(record, Message):
            self._last_message += 1
            yield _MESSAGE, str(self._last_message), self.text_of(record)
            # Delete the message that the outbox has dropped.
            oldest = self._last_message - len(self._core.outbox)
            yield _MESSAGE, str(oldest), None
            return
        name = _KINDS[type(record)]
        record_type = _RECORD_TYPES[name]
        body = self.text_of(record) if record_type.exists(self._core, record) else None
        yield name, str(getattr(record, record_type.key_field)), body
