"""The parts of a pool, and the directory that finds its users by name or alias.

`Core` is what every step of a sign-in may read. It has no socket, clock or randomness of its own: they are
arguments.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

from attrs import frozen

from authfsm import srp
from authfsm.base.clock import Clock
from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.leniency import FIXED_CODE, MAX_RECORDED, Accepted, moto_message
from authfsm.local.config.pool_configuration import AppClient, PoolConfiguration
from authfsm.local.state.codes import Entropy, Outbox, codes_match, new_code
from authfsm.local.state.records import RecordListener, Records, TrackedDicts
from authfsm.local.state.sessions import Sessions
from authfsm.local.state.srp_proofs import PasswordRecord
from authfsm.local.state.token_claims import TokenFamily
from authfsm.local.state.token_issuer import TokenIssuer
from authfsm.local.state.users import Account, User
from authfsm.protocol.responses import Response

Item = TypeVar("Item")

_MAX_UNKNOWN_NAMES: Final = 10_000

Request = Mapping[str, Any]
"""An operation's request, as the API spells it."""

Reply = dict[str, Any]
"""An operation's reply, as the API spells it."""


_SESSION_DEFAULT: Final = {"UserSessionTracking": "DISABLED", "TokenSession": {"MaxPerUser": 20}}


@frozen
class SessionConfiguration:
    """What Set...SessionConfiguration has set for the pool or app client with the id `key`, as the API spells it."""

    key: str
    settings: Mapping[str, Any]


class Directory(TrackedDicts):
    """The pool's users, found by name or alias in one step, however many there are."""

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
        """Return the user of a name or alias."""
        key = self._key(name)
        return self._by_name.get(key) or self._by_alias.get(key)

    def by_username(self, name: str) -> User | None:
        """Return the user of an internal name; aliases do not count."""
        return self._by_name.get(self._key(name))

    def add(self, user: User, *, force: bool = False) -> None:
        """Add a new user; with `force` their aliases are taken from the users who have them."""
        aliases = () if force else self._aliases_of(user)
        if self.find(user.username) or any(self.find(alias) for alias in aliases):
            raise error_templates.USER_EXISTS.refusal(name=user.username)
        if force:
            self.take_over_aliases(user)
        self.restore(user)

    def restore(self, user: User) -> None:
        """Put back a user; the oldest first."""
        self._by_name[self._key(user.username)] = user
        self.index(user)

    def index(self, user: User) -> None:
        """Make a user found by the aliases that their attributes are now."""
        for alias in self._aliases_of(user):
            self._by_alias.setdefault(self._key(alias), user)

    def remove(self, user: User) -> None:
        """Remove a user, and mark the record as deleted for those who still have it."""
        user.deleted = True
        self._by_name.pop(self._key(user.username))
        for alias in user.attributes.values():
            self._forget_alias(user, alias)

    def is_taken(self, attribute: str, value: str, user: User) -> bool:
        """Return whether a value of this attribute signs in another user."""
        if attribute not in (*self._aliases, *self._username_attributes):
            return False
        other = self.find(value)
        return other is not None and other is not user

    def conflict(self, user: User) -> str | None:
        """Return an attribute of a user whose value signs in another user; None if there is none."""
        names = (*self._aliases, *self._username_attributes)
        aliases = set(self._aliases_of(user))
        own = [name for name in names if user.attributes.get(name) in aliases]
        return next((n for n in own if self.is_taken(n, user.attributes[n], user)), None)

    def set_attribute(self, user: User, attribute: str, value: str) -> None:
        """Set an attribute; its old value does not sign in any more, a new address is not verified."""
        old = user.attributes.get(attribute)
        if old is not None and old != value:
            self._forget_alias(user, old)
        user.attributes[attribute] = value
        if attribute in {"email", "phone_number"} and old != value:
            user.attributes[f"{attribute}_verified"] = "false"
        self.index(user)

    def remove_attribute(self, user: User, attribute: str) -> None:
        """Remove an attribute, its verified mark and its alias."""
        old = user.attributes.pop(attribute, None)
        user.attributes.pop(f"{attribute}_verified", None)
        if old is not None:
            self._forget_alias(user, old)

    def mark_verified(self, user: User, attribute: str, address: str) -> None:
        """Mark an address as verified, if it is still the user's."""
        if user.attributes.get(attribute) == address:
            user.attributes[f"{attribute}_verified"] = "true"
            self.index(user)

    def take_over_aliases(self, user: User) -> None:
        """Give a user the aliases of their attributes, even those of other users (ForceAliasCreation)."""
        for alias in self._aliases_of(user):
            key = self._key(alias)
            before = self._by_alias.get(key)
            if before is not None and before is not user:
                # "the existing user can no longer" sign in with it (AWS API reference).
                for name in ("email", "phone_number"):
                    if self._key(before.attributes.get(name, "")) == key:
                        before.attributes[f"{name}_verified"] = "false"
            self._by_alias[key] = user

    def _forget_alias(self, user: User, alias: str) -> None:
        # An address that was never verified may be another user's alias.
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


class Core(TrackedDicts):
    """The parts of a user pool."""

    _dicts = ("clients", "session_configurations")

    def __init__(
        self, configuration: PoolConfiguration, token_issuer: TokenIssuer, clock: Clock, entropy: Entropy
    ) -> None:
        self.configuration = configuration
        self.token_issuer = token_issuer
        self.clock = clock
        self.elapsed = token_issuer.elapsed
        self.entropy = entropy
        self.realm = srp.pool_name(configuration.pool_id)
        self.clients: dict[str, AppClient] = {}
        self.session_configurations: dict[str, SessionConfiguration] = {}
        self.users = Directory(configuration)
        self.sessions = Sessions(self.elapsed, entropy)
        self.outbox = Outbox(self.users.find)
        self.records = token_issuer.records = Records()
        self.response: type[Response] | None = None
        """The response of the last request; None if it was malformed or not a step of a sign-in."""
        self.operation = ""
        """The operation under way."""
        self.accepted: deque[Accepted] = deque(maxlen=MAX_RECORDED)
        self.requests = 0
        """The number of requests that were answered or refused, those of triggers included."""
        self.seed = Secret(entropy(32))
        self._simulated_verifier: Secret[int] | None = None
        self._unknown_name_accounts: dict[str, Account] = {}

    def configure(self, configuration: PoolConfiguration) -> None:
        """Change the settings; sign-ins under way continue with the new ones."""
        self.configuration = self.token_issuer.configuration = configuration

    def watch(self, listener: RecordListener) -> None:
        """Report each touched record: users, challenges, token families, messages, app clients."""
        super().watch(listener)
        for part in (self.users, self.sessions, self.token_issuer, self.outbox, self.records):
            part.watch(listener)

    def clear_all(self) -> None:
        """Remove all records without a report, before they are restored."""
        super().clear_all()
        for part in (self.users, self.sessions, self.token_issuer, self.outbox, self.records):
            part.clear_all()

    def refuse_or_record(self, check: str, refusal: PoolRefusal) -> None:
        """Raise a refusal; if `accept` names this check, record it instead."""
        if check not in self.configuration.accept:
            raise refusal
        self.accepted.append(Accepted(check, self.operation, str(refusal)))

    def reword(self, refusal: PoolRefusal) -> PoolRefusal:
        """Return a refusal in moto's words, if `accept` says so; Cognito's are recorded."""
        check = "moto-messages"
        if check in self.configuration.accept and (words := moto_message(self.operation, refusal)):
            self.refuse_or_record(check, refusal)
            refusal.message = words
        return refusal

    def new_code(self, digits: int = len(FIXED_CODE)) -> Secret[str]:
        """Return a random code to send, or the one that `accept` fixes."""
        fixed = "code-123456" in self.configuration.accept
        return Secret("12345678"[:digits]) if fixed else new_code(self.entropy, digits)

    def is_code(self, expected: Secret[str], code: str) -> bool:
        """Return whether a code is the expected one; that `accept` fixes it is recorded."""
        right, check = codes_match(expected.reveal(), code), "code-123456"
        if right and check in self.configuration.accept:
            self.refuse_or_record(check, error_templates.VERIFICATION_CODE_MISMATCH.refusal())
        return right

    def client(self, request: Request) -> AppClient:
        """Return the app client of a request; refuse with ResourceNotFoundException without one."""
        client = self.clients.get(request["ClientId"])
        if client is None:
            raise error_templates.NO_SUCH_CLIENT.refusal(client=request["ClientId"])
        return client

    def check_pool(self, request: Request) -> None:
        """Refuse a request for another pool, with ResourceNotFoundException."""
        if request.get("UserPoolId", self.configuration.pool_id) != self.configuration.pool_id:
            raise error_templates.NO_SUCH_POOL.refusal(pool=request["UserPoolId"])

    def token_family(self, request: Request) -> TokenFamily:
        """Return the token family of a request's AccessToken; refuse an invalid token with NotAuthorizedException."""
        if "AccessToken" not in request:  # optional in the API model of some operations
            raise error_templates.MISSING_PARAMETER.refusal(name="AccessToken")
        return self.token_issuer.family_of_access_token(request["AccessToken"])

    def user_of_token(self, request: Request) -> User:
        """Return the user of a request's AccessToken, who must be confirmed."""
        user = self.token_family(request).user
        user.ensure_confirmed()
        return user

    def user_of(self, request: Request) -> User:
        """Return the user of an administrator's request."""
        user = self.users.find(request["Username"])
        if user is None:
            raise error_templates.NO_SUCH_USER.refusal()
        return user

    @property
    def session_settings(self) -> Mapping[str, Any]:
        """The pool's session configuration, as the API spells it; by default nothing is tracked."""
        found = self.session_configurations.get(self.configuration.pool_id)
        return _SESSION_DEFAULT if found is None else found.settings

    @property
    def max_sessions_per_user(self) -> int | None:
        """TokenSession.MaxPerUser; None if the pool does not track sessions."""
        settings = self.session_settings
        enabled = settings["UserSessionTracking"] == "ENABLED"
        return settings["TokenSession"]["MaxPerUser"] if enabled else None

    def simulated_username(self, submitted_name: str) -> str:
        """Return the internal name of an unknown user, always the same for a name (developer guide)."""
        if not self.configuration.username_attributes:
            return submitted_name
        return str(UUID(bytes=self.stable_bytes("name", submitted_name), version=4))

    def simulated_credential(self, submitted_name: str) -> PasswordRecord:
        """Return the password record of an unknown user, with a salt that is always the same."""
        if self._simulated_verifier is None:
            # One for all unknown users, because computing one takes a time that would reveal them.
            self._simulated_verifier = Secret(srp.verifier(int.from_bytes(self.entropy(32), "big")))
        salt = int.from_bytes(self.stable_bytes("salt", submitted_name), "big")
        return PasswordRecord(salt, self._simulated_verifier)

    def account_of_unknown_name(self, submitted_name: str) -> Account:
        """Return the account that counts calls for an unknown name, so that quotas do not reveal users."""
        key = submitted_name if self.configuration.case_sensitive else submitted_name.casefold()
        account = self._unknown_name_accounts.pop(key, None) or Account()
        self._unknown_name_accounts[key] = account
        if len(self._unknown_name_accounts) > _MAX_UNKNOWN_NAMES:
            del self._unknown_name_accounts[next(iter(self._unknown_name_accounts))]
        return account

    def stable_bytes(self, purpose: str, submitted_name: str) -> bytes:
        """Return sixteen bytes that look random and are always the same for a purpose and a name."""
        message = f"{purpose}:{submitted_name}".encode("utf-8", "surrogatepass")
        return hmac.new(self.seed.reveal(), message, hashlib.sha256).digest()[:16]


def required_parameter(parameters: Mapping[str, str], name: str) -> str:
    """Return a parameter; refuse with "Missing required parameter <name>" without it."""
    value = parameters.get(name)
    if not value:
        raise error_templates.MISSING_PARAMETER.refusal(name=name)
    return value


def check_secret_hash(pool: Core, client: AppClient, username: str, parameters: Mapping[str, str]) -> None:
    """Check that SECRET_HASH fits the request's USERNAME, for an app client that has a secret."""
    if not client.secrets:
        return
    secret_hash = parameters.get("SECRET_HASH")
    if not secret_hash:
        refusal = error_templates.SECRET_HASH_MISSING.refusal(client=client.client_id)
        pool.refuse_or_record("missing-secret-hash", refusal)
        return
    given = secret_hash.encode("utf-8", "replace")
    expected = [srp.secret_hash(username, client.client_id, each.reveal()) for each in client.secrets]
    if not any(hmac.compare_digest(each.encode(), given) for each in expected):
        raise error_templates.SECRET_HASH_WRONG.refusal(client=client.client_id)


OperationFunction = Callable[[Core, Request], Reply | None]
"""Answers an operation's request; None stands for a reply without members."""


def paginate(
    items: Mapping[str, Item],
    show: Callable[[Item], Any],
    request: Request,
    member: str,
    *,
    size: str = "Limit",
    position: str = "NextToken",
    most: int = 60,
) -> Reply:
    """Return the reply with a page of items; the token of the next page is the key of its first item."""
    keys, begin = list(items), request.get(position)
    if begin is not None and begin not in keys:
        raise error_templates.INVALID_PARAMETER.refusal(why="Invalid pagination token given.")
    start = 0 if begin is None else keys.index(begin)
    end = start + (request.get(size) or most)
    reply: Reply = {member: [show(items[key]) for key in keys[start:end]]}
    return {**reply, position: keys[end]} if end < len(keys) else reply
