"""The pool's parts, gathered: what every step of a sign-in may look at. It decides nothing itself.

No socket, clock or randomness of its own: they were handed in.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient, PoolConfiguration
from authfsm.local.state.account_records import Account
from authfsm.local.state.change_tracking import ChangeTrackingDict, Seen
from authfsm.local.state.codes import Entropy, Outbox
from authfsm.local.state.directory import Directory
from authfsm.local.state.sessions import Sessions
from authfsm.local.state.token_issuer import TokenIssuer
from authfsm.local.state.users import PasswordRecord, User
from authfsm.protocol.responses import Response

_STRANGERS: Final = 10_000

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
        mint: TokenIssuer,
        clock: Callable[[], datetime],
        entropy: Entropy,
    ) -> None:
        self.configuration = configuration
        self.mint = mint
        self.clock = clock
        self.elapsed = mint.elapsed
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
        self._nobodys_verifier: Secret[int] | None = None
        self._strangers: dict[str, Account] = {}

    def watch(self, seen: Seen) -> None:
        """Tell of each record that is touched, from now on: users, legs, families, messages, app clients."""
        self.clients = ChangeTrackingDict(seen, self.clients)
        for part in (self.users, self.sessions, self.mint, self.outbox):
            part.watch(seen)

    def forget_all(self) -> None:
        """Forget all records, and tell nobody: they are about to be put back."""
        dict.clear(self.clients)
        for part in (self.users, self.sessions, self.mint, self.outbox):
            part.forget_all()

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
        return self.mint.bearer(request["AccessToken"]).user

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

    def nobody(self, typed: str) -> PasswordRecord:
        """The credential of a user who is not there: a salt that is the same at every asking."""
        if self._nobodys_verifier is None:
            # One for all: no proof is ever accepted of it, and its own cost would tell.
            self._nobodys_verifier = Secret(srp.verifier(int.from_bytes(self.entropy(32), "big")))
        salt = int.from_bytes(self.mark("salt", typed), "big")
        return PasswordRecord(salt, self._nobodys_verifier)

    def stranger(self, typed: str) -> Account:
        """The account that counts the calls for a name nobody has, so that limits do not tell who is there."""
        key = typed if self.configuration.case_sensitive else typed.casefold()
        account = self._strangers.pop(key, None) or Account()
        self._strangers[key] = account
        if len(self._strangers) > _STRANGERS:
            del self._strangers[next(iter(self._strangers))]
        return account

    def mark(self, what: str, typed: str) -> bytes:
        """Sixteen bytes that are the same for a name at every asking."""
        message = f"{what}:{typed}".encode("utf-8", "surrogatepass")
        return hmac.new(self.seed.reveal(), message, hashlib.sha256).digest()[:16]


def wanted(parameters: Mapping[str, str], name: str) -> str:
    """A parameter that must be there.

    Raises:
        PoolRefusal: InvalidParameterException "Missing required parameter <name>".
    """
    value = parameters.get(name)
    if not value:
        raise PoolRefusal(error_templates.ABSENT, name=name)
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
        raise PoolRefusal(error_templates.HASH_ABSENT, client=client.client_id)
    ours = srp.secret_hash(username, client.client_id, client.client_secret.reveal())
    if not hmac.compare_digest(ours.encode(), given.encode("utf-8", "replace")):
        raise PoolRefusal(error_templates.HASH_WRONG, client=client.client_id)
