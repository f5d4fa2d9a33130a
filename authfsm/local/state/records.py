"""Keeps a pool's records in dictionaries that report changes: users, groups, identity providers and others.

After an operation, only the reported records and their users are written to the state file. Lookups are reported too,
because an operation looks up a record before changing it. (To change a user, it may look up a pending challenge or
tokens of the user instead.) Iteration is not reported, because operations iterate over records only to read them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, NoReturn, TypeVar

from attrs import define

from authfsm.local.config import error_templates
from authfsm.local.config.pool_configuration import PoolConfiguration
from authfsm.local.state.users import User

V = TypeVar("V")

RecordListener = Callable[[Any], None]
"""A function that is called with each record that was looked up, set or removed."""


class ChangeTrackingDict(dict[str, V]):
    """A dictionary that reports each value when it is looked up, set or removed; initial values are not reported."""

    __slots__ = ("_listener",)

    def __init__(self, listener: RecordListener, records: Mapping[str, V]) -> None:
        super().__init__(records)
        self._listener = listener

    def __getitem__(self, key: str) -> V:
        value = super().__getitem__(key)
        self._listener(value)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, and report it."""
        if key not in self:
            return default
        return self[key]

    def __setitem__(self, key: str, value: V) -> None:
        super().__setitem__(key, value)
        self._listener(value)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, after setting it to the default if absent, and report it."""
        if key not in self:
            self[key] = default
        return self[key]

    def __delitem__(self, key: str) -> None:
        self._listener(super().pop(key))

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a value, and report it; if the key is absent, report and return the default, or raise KeyError."""
        value = super().pop(key, *default)
        self._listener(value)
        return value

    def _unsupported(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("set or remove records by their keys: this dictionary reports no other changes")

    update = clear = popitem = __ior__ = _unsupported


class TrackedDicts:
    """A part of the pool; its records are in dictionaries, and `_dicts` has the names of these attributes."""

    _dicts: ClassVar[tuple[str, ...]] = ()

    def watch(self, listener: RecordListener) -> None:
        """Report each record that is looked up, set or removed from now on."""
        for name in self._dicts:
            setattr(self, name, ChangeTrackingDict(listener, getattr(self, name)))

    def clear_all(self) -> None:
        """Remove all records without reporting them, before they are restored from the state file."""
        for name in self._dicts:
            dict.clear(getattr(self, name))


GROUP = "group"
"""The `kind` of the records of groups."""


@define(eq=False)
class Record:
    """A group, identity provider, resource server or domain; `members` are named as in the API."""

    kind: str
    name: str
    members: Mapping[str, Any]
    created: datetime
    modified: datetime

    @property
    def key(self) -> str:
        """The key of the record in its pool."""
        return f"{self.kind}/{self.name}"


class Records(TrackedDicts):
    """The records that are not users, by kind and name: groups, identity providers, resource servers and domains."""

    _dicts = ("_by_key",)

    def __init__(self) -> None:
        self._by_key: dict[str, Record] = {}

    def restore(self, record: Record) -> None:
        """Put a record in. The oldest record must be put in first."""
        self._by_key[record.key] = record

    def find(self, kind: str, name: str) -> Record | None:
        """Return a record; None if it does not exist."""
        return self._by_key.get(f"{kind}/{name}")

    def __contains__(self, record: Record) -> bool:
        return dict.get(self._by_key, record.key) is record

    def of_kind(self, kind: str) -> dict[str, Record]:
        """Return the records of a kind by their names, the oldest first."""
        return {each.name: each for each in self._by_key.values() if each.kind == kind}

    def remove(self, record: Record) -> None:
        """Remove a record."""
        del self._by_key[record.key]

    def groups_of(self, user: User) -> list[Record]:
        """Return the groups of a user, in the order in which the user joined them."""
        found = (dict.get(self._by_key, f"{GROUP}/{name}") for name in user.groups)
        return [each for each in found if each is not None]


class Directory(TrackedDicts):
    """The users of a pool, found by name or alias in constant time."""

    _dicts = ("_by_name", "_by_alias")

    def __init__(self, configuration: PoolConfiguration) -> None:
        self._case_sensitive = configuration.case_sensitive
        self._aliases = configuration.aliases
        self._username_attributes = configuration.username_attributes
        self._by_name: dict[str, User] = {}
        self._by_alias: dict[str, User] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, user: User) -> bool:
        return self.by_username(user.username) is user

    def __iter__(self) -> Iterator[User]:
        return iter(self._by_name.values())

    def _key(self, name: str) -> str:
        return name if self._case_sensitive else name.casefold()

    def find(self, name: str) -> User | None:
        """Return the user with this `username` or alias; None if there is none."""
        key = self._key(name)
        return self._by_name.get(key) or self._by_alias.get(key)

    def by_username(self, name: str) -> User | None:
        """Return the user with this `username`, not an alias; None if there is none."""
        return self._by_name.get(self._key(name))

    def name_of_sub(self, sub: str) -> str:
        """Return the name of the user with this `sub`; the argument itself if it is a name or alias, or unknown."""
        return sub if self.find(sub) else next((each.username for each in self if each.sub == sub), sub)

    def add(self, user: User, *, force: bool = False) -> None:
        """Add a new user; with `force`, other users lose the aliases that the new user has (ForceAliasCreation)."""
        aliases = () if force else self._aliases_of(user)
        if self.find(user.username) or any(self.find(alias) for alias in aliases):
            raise error_templates.USER_EXISTS.refusal(name=user.username)
        if force:
            self.take_over_aliases(user)
        self.restore(user)

    def restore(self, user: User) -> None:
        """Put a user in. The oldest user must be put in first."""
        self._by_name[self._key(user.username)] = user
        self.index(user)

    def index(self, user: User) -> None:
        """Let a user be found by the aliases that the user's attributes now contain."""
        for alias in self._aliases_of(user):
            self._by_alias.setdefault(self._key(alias), user)

    def remove(self, user: User) -> None:
        """Remove a user, and mark the record as deleted for pending sign-ins and tokens that still refer to it."""
        user.deleted = True
        self._by_name.pop(self._key(user.username))
        self._forget_aliases(user)

    def is_taken(self, attribute: str, value: str, user: User) -> bool:
        """Return whether another user can sign in with this value of an attribute."""
        if attribute not in (*self._aliases, *self._username_attributes):
            return False
        other = self.find(value)
        return other is not None and other is not user

    def conflicting_attribute(self, user: User) -> str | None:
        """Return the name of an attribute whose value another user can sign in with; None if there is none."""
        names = (*self._aliases, *self._username_attributes)
        aliases = set(self._aliases_of(user))
        own = (name for name in names if user.attributes.get(name) in aliases)
        return next((name for name in own if self.is_taken(name, user.attributes[name], user)), None)

    def set_attribute(self, user: User, attribute: str, value: str) -> None:
        """Set an attribute: the user can no longer sign in with its old value, and a new address is not verified."""
        self._forget_aliases(user)
        if user.attributes.get(attribute) != value:
            self._forget_code(user, attribute)
            user.attributes[attribute] = value
            if attribute in {"email", "phone_number"}:
                user.attributes[f"{attribute}_verified"] = "false"
        self.index(user)

    def remove_attribute(self, user: User, attribute: str) -> None:
        """Remove an attribute and its *_verified attribute; the user can no longer sign in with its old value."""
        self._forget_aliases(user)
        self._forget_code(user, attribute)
        for name in (attribute, f"{attribute}_verified"):
            user.attributes.pop(name, None)
        self.index(user)

    def mark_verified(self, user: User, attribute: str, address: str) -> None:
        """Mark an address as verified, if the user still has it."""
        if user.attributes.get(attribute) == address:
            user.attributes[f"{attribute}_verified"] = "true"
            self.index(user)

    def take_over_aliases(self, user: User) -> None:
        """Give a user all aliases in the user's attributes, even those of other users (ForceAliasCreation)."""
        for alias in self._aliases_of(user):
            key = self._key(alias)
            owner = self._by_alias.get(key)
            if owner is not None and owner is not user:
                # An unverified address is no alias: "the existing user can no longer" sign in with it (API reference).
                for name in ("email", "phone_number"):
                    if self._key(owner.attributes.get(name, "")) == key:
                        owner.attributes[f"{name}_verified"] = "false"
            self._by_alias[key] = user

    def _forget_code(self, user: User, attribute: str) -> None:
        sent = user.account.codes.get(attribute)
        if sent is not None and sent.address == user.attributes.get(attribute):  # The code verifies only this address.
            del user.account.codes[attribute]

    def _forget_aliases(self, user: User) -> None:
        for key in map(self._key, user.attributes.values()):
            # Several users may have the same address, which is an alias of at most one of them.
            if self._by_alias.get(key) is user:
                self._by_alias.pop(key)

    def _aliases_of(self, user: User) -> Iterator[str]:
        for attribute in self._username_attributes:
            if value := user.attributes.get(attribute):
                yield value
        for attribute in self._aliases:
            # Users can sign in with an address after it is verified (developer guide, "Customizing sign-in
            # attributes"); a preferred_username needs no verification.
            mark = user.attributes.get(f"{attribute}_verified")
            is_verified = attribute == "preferred_username" or mark == "true"
            if (value := user.attributes.get(attribute)) and is_verified:
                yield value
