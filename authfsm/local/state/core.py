"""The parts of a pool."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient, PoolConfiguration
from authfsm.local.state.change_tracking import ChangeTrackingDict, RecordListener
from authfsm.local.state.codes import Entropy, Outbox
from authfsm.local.state.sessions import Sessions
from authfsm.local.state.srp_proofs import PasswordRecord
from authfsm.local.state.token_issuer import TokenIssuer
from authfsm.local.state.users import Account, User
from authfsm.protocol.responses import Response


# How users are found: by name or alias, in one step however many there are.
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

    def watch(self, seen: RecordListener) -> None:
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

    def clear_all(self) -> None:
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


# The pool's parts, gathered: what every step of a sign-in may look at. It decides nothing itself.
_STRANGERS: Final = 10_000

Item = TypeVar("Item")

Request = Mapping[str, Any]
"""An operation's request, as the API spells it."""

Reply = dict[str, Any]
"""An operation's reply, as the API spells it."""


class Core:
    """A user pool's parts.

    Args:
        configuration: the pool's settings.
        mint: its tokens.
        clock: returns the present moment.
        entropy: returns that many random bytes.
    """

    def __init__(
        self,
        configuration: PoolConfiguration,
        token_issuer: TokenIssuer,
        clock: Callable[[], datetime],
        entropy: Entropy,
    ) -> None:
        self.configuration = configuration
        self.token_issuer = token_issuer
        self.clock = clock
        self.elapsed = token_issuer.elapsed
        self.entropy = entropy
        self.realm = srp.pool_name(configuration.pool_id)
        self.clients: dict[str, AppClient] = {}
        self.users = Directory(
            case_sensitive=configuration.case_sensitive,
            aliases=configuration.aliases,
            username_attributes=configuration.username_attributes,
        )
        self.sessions = Sessions(self.elapsed, entropy)
        self.outbox = Outbox()
        self.response: type[Response] | None = None
        """The response that the last request carried; None if it was malformed or no step of a sign-in."""
        self.seed = Secret(entropy(32))
        self._simulated_verifier: Secret[int] | None = None
        self._unknown_name_accounts: dict[str, Account] = {}

    def watch(self, seen: RecordListener) -> None:
        """Tell of each record that is touched, from now on: users, legs, families, messages, app clients."""
        self.clients = ChangeTrackingDict(seen, self.clients)
        for part in (self.users, self.sessions, self.token_issuer, self.outbox):
            part.watch(seen)

    def clear_all(self) -> None:
        """Forget all records, and tell nobody: they are about to be put back."""
        dict.clear(self.clients)
        for part in (self.users, self.sessions, self.token_issuer, self.outbox):
            part.clear_all()

    # ---- lookups ------------------------------------------------------------------------------

    def client(self, request: Request) -> AppClient:
        """The app client that a request names.

        Raises:
            PoolRefusal: ResourceNotFoundException.
        """
        client = self.clients.get(request["ClientId"])
        if client is None:
            raise PoolRefusal(error_templates.NO_SUCH_CLIENT, client=request["ClientId"])
        return client

    def check_pool(self, request: Request) -> None:
        """Does an administrator's request name this pool?

        Raises:
            PoolRefusal: ResourceNotFoundException.
        """
        if request["UserPoolId"] != self.configuration.pool_id:
            raise PoolRefusal(error_templates.NO_SUCH_POOL, pool=request["UserPoolId"])

    def bearer(self, request: Request) -> User:
        """The user of the AccessToken in a request.

        Raises:
            PoolRefusal: NotAuthorizedException.
        """
        return self.token_issuer.bearer(request["AccessToken"]).user

    def named(self, request: Request) -> User:
        """The user that an administrator's request names.

        Raises:
            PoolRefusal: ResourceNotFoundException, UserNotFoundException.
        """
        self.check_pool(request)
        user = self.users.find(request["Username"])
        if user is None:
            raise PoolRefusal(error_templates.NO_SUCH_USER)
        return user

    # ---- nobody ---------------------------------------------------------------------------------

    def simulated_username(self, typed: str) -> str:
        """The internal name that a user who is not there would have: the same at every asking.

        "a simulated response ... with a salt and an internal user ID in UUID format"
        -- developer guide, "Managing user existence error responses"
        """
        if not self.configuration.username_attributes:
            return typed
        return str(UUID(bytes=self.mark("name", typed), version=4))

    def simulated_credential(self, typed: str) -> PasswordRecord:
        """The credential of a user who is not there: a salt that is the same at every asking."""
        if self._simulated_verifier is None:
            # One for all: no proof is ever accepted of it, and its own cost would tell.
            self._simulated_verifier = Secret(srp.verifier(int.from_bytes(self.entropy(32), "big")))
        salt = int.from_bytes(self.mark("salt", typed), "big")
        return PasswordRecord(salt, self._simulated_verifier)

    def account_of_unknown_name(self, typed: str) -> Account:
        """The account that counts the calls for a name nobody has, so that limits do not tell who is there."""
        key = typed if self.configuration.case_sensitive else typed.casefold()
        account = self._unknown_name_accounts.pop(key, None) or Account()
        self._unknown_name_accounts[key] = account
        if len(self._unknown_name_accounts) > _STRANGERS:
            del self._unknown_name_accounts[next(iter(self._unknown_name_accounts))]
        return account

    def mark(self, what: str, typed: str) -> bytes:
        """Sixteen bytes that are the same for a name at every asking."""
        message = f"{what}:{typed}".encode("utf-8", "surrogatepass")
        return hmac.new(self.seed.reveal(), message, hashlib.sha256).digest()[:16]


def required_parameter(parameters: Mapping[str, str], name: str) -> str:
    """A parameter that must be there.

    Raises:
        PoolRefusal: InvalidParameterException "Missing required parameter <name>".
    """
    value = parameters.get(name)
    if not value:
        raise PoolRefusal(error_templates.MISSING_PARAMETER, name=name)
    return value


def check_secret_hash(client: AppClient, username: str, parameters: Mapping[str, str]) -> None:
    """Does SECRET_HASH fit the USERNAME of the very request? Asked of clients that have a secret.

    Raises:
        PoolRefusal: NotAuthorizedException; nothing was looked at yet, so the session survives.
    """
    if client.client_secret is None:
        return
    given = parameters.get("SECRET_HASH")
    if not given:
        raise PoolRefusal(error_templates.SECRET_HASH_MISSING, client=client.client_id)
    ours = srp.secret_hash(username, client.client_id, client.client_secret.reveal())
    if not hmac.compare_digest(ours.encode(), given.encode("utf-8", "replace")):
        raise PoolRefusal(error_templates.SECRET_HASH_WRONG, client=client.client_id)


def paginate(
    items: Mapping[str, Item], token: str | None, size: int
) -> tuple[list[Item], str | None]:
    """Return a page of items and the token of the next page: the key of its first item; None after the last.

    Args:
        items: the items of all pages.
        token: the token of this page; the first page without a token, or if its item was deleted.
        size: the number of items on a page, at least one.
    """
    keys = list(items)
    start = keys.index(token) if token in keys else 0
    end = start + max(size, 1)
    page = [items[key] for key in keys[start:end]]
    return page, keys[end] if end < len(keys) else None
