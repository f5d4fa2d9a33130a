"""How users are found: by name or alias, in one step however many there are."""

from __future__ import annotations

from collections.abc import Iterator

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.state.change_tracking import ChangeTrackingDict, Seen
from authfsm.local.state.users import User


class Directory:
    """The pool's users, found by name or alias.

    Args:
        case_sensitive: UsernameConfiguration.CaseSensitive.
        aliases: the attributes that are aliases once verified.
        username_attributes: the attributes that users sign in with instead of a name.
    """

    def __init__(
        self,
        *,
        case_sensitive: bool,
        aliases: tuple[str, ...],
        username_attributes: tuple[str, ...],
    ) -> None:
        self._case_sensitive = case_sensitive
        self._aliases = aliases
        self._username_attributes = username_attributes
        self._by_name: dict[str, User] = {}
        self._by_alias: dict[str, User] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[User]:
        return iter(self._by_name.values())

    def watch(self, seen: Seen) -> None:
        """Tell of each user that is found, added or taken out, from now on."""
        self._by_name = ChangeTrackingDict(seen, self._by_name)
        self._by_alias = ChangeTrackingDict(seen, self._by_alias)

    def _key(self, name: str) -> str:
        return name if self._case_sensitive else name.casefold()

    def find(self, name: str) -> User | None:
        """The user of a name or alias."""
        key = self._key(name)
        return self._by_name.get(key) or self._by_alias.get(key)

    def named(self, name: str) -> User | None:
        """The user of an internal name; no alias."""
        return self._by_name.get(self._key(name))

    def add(self, user: User, *, force: bool = False) -> None:
        """Take in a new user.

        Args:
            user: the user.
            force: their aliases are theirs from now on, whoever had them.

        Raises:
            PoolRefusal: UsernameExistsException.
        """
        aliases = () if force else self._aliases_of(user)
        if self.find(user.username) or any(self.find(alias) for alias in aliases):
            raise PoolRefusal(error_templates.USER_EXISTS)
        if force:
            self.take_over(user)
        self.restore(user)

    def forget_all(self) -> None:
        """Forget all, and tell nobody."""
        dict.clear(self._by_name)  # `Watched` would tell of each record
        dict.clear(self._by_alias)

    def restore(self, user: User) -> None:
        """Take in a user who was here before; the oldest first."""
        self._by_name[self._key(user.username)] = user
        self.index(user)

    def index(self, user: User) -> None:
        """Find a user by the aliases their attributes make, from now on."""
        for alias in self._aliases_of(user):
            self._by_alias.setdefault(self._key(alias), user)

    def is_taken(self, attribute: str, value: str, user: User) -> bool:
        """Would this attribute's value sign in somebody else?"""
        if attribute not in (*self._aliases, *self._username_attributes):
            return False
        other = self.find(value)
        return other is not None and other is not user

    def change(self, user: User, attribute: str, value: str) -> None:
        """Set an attribute; the old value signs in no more, a new address is not verified."""
        old = user.attributes.get(attribute)
        if old is not None and old != value:
            self._forget_alias(user, old)
        user.attributes[attribute] = value
        if attribute in {"email", "phone_number"} and old != value:
            user.attributes[f"{attribute}_verified"] = "false"
        self.index(user)

    def remove(self, user: User) -> None:
        """Take a user out, for good: whatever still knows of them sees that they are deleted."""
        user.deleted = True
        self._by_name.pop(self._key(user.username))
        for alias in user.attributes.values():
            self._forget_alias(user, alias)

    def conflict(self, user: User) -> str | None:
        """The attribute of a user's whose value signs in somebody else; None if there is none."""
        names = (*self._aliases, *self._username_attributes)
        aliases = set(self._aliases_of(user))
        mine = [name for name in names if user.attributes.get(name) in aliases]
        return next((n for n in mine if self.is_taken(n, user.attributes[n], user)), None)

    def take_over(self, user: User) -> None:
        """Give a user the aliases their attributes make, whoever had them (ForceAliasCreation)."""
        for alias in self._aliases_of(user):
            key = self._key(alias)
            before = self._by_alias.get(key)
            if before is not None and before is not user:
                # "the existing user can no longer" sign in with it (AWS API reference).
                for name in ("email", "phone_number"):
                    if self._key(before.attributes.get(name, "")) == key:
                        before.attributes[f"{name}_verified"] = "false"
            self._by_alias[key] = user

    def clear(self, user: User, attribute: str) -> None:
        """Take an attribute away, and what it signed in by."""
        old = user.attributes.pop(attribute, None)
        user.attributes.pop(f"{attribute}_verified", None)
        if old is not None:
            self._forget_alias(user, old)

    def _forget_alias(self, user: User, alias: str) -> None:
        # An address that was never verified may be somebody else's alias.
        if self._by_alias.get(self._key(alias)) is user:
            self._by_alias.pop(self._key(alias))

    def _aliases_of(self, user: User) -> Iterator[str]:
        for attribute in self._username_attributes:
            if value := user.attributes.get(attribute):
                yield value
        for attribute in self._aliases:
            # Users sign in with an address only once it is verified (developer guide, "Customizing
            # sign-in attributes"); a preferred_username has nothing to verify.
            mark = user.attributes.get(f"{attribute}_verified")
            verified = attribute == "preferred_username" or mark == "true"
            if (value := user.attributes.get(attribute)) and verified:
                yield value
