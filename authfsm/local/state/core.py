"""The state of a pool, which every operation reads and changes, and checks that many operations share.

`Core` has no socket, clock or source of randomness of its own: clock and entropy are arguments.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from collections.abc import Callable, Mapping
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
from authfsm.local.state.records import Directory, RecordListener, Records, TrackedDicts
from authfsm.local.state.sessions import Sessions
from authfsm.local.state.srp_proofs import PasswordRecord
from authfsm.local.state.token_claims import TokenFamily
from authfsm.local.state.token_issuer import TokenIssuer
from authfsm.local.state.users import Account, User
from authfsm.protocol.responses import Response

Item = TypeVar("Item")

_MAX_UNKNOWN_NAMES: Final = 10_000

Request = Mapping[str, Any]
"""An operation's request, with the API's names of members."""

Reply = dict[str, Any]
"""An operation's reply, with the API's names of members."""


@frozen
class SessionConfiguration:
    """The session settings of the pool or app client with the id `key`, with the API's names of members."""

    key: str
    settings: Mapping[str, Any]


class Core(TrackedDicts):
    """A user pool: its configuration, app clients, users, sessions, tokens, messages and other records."""

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
        """The class of the last request's response; None if the request was malformed or not a step of a sign-in."""
        self.operation = ""
        """The name of the present request's operation."""
        self.accepted: deque[Accepted] = deque(maxlen=MAX_RECORDED)
        self.requests = 0
        """The number of requests that were answered or refused, including those that Lambda functions made."""
        self.seed = Secret(entropy(32))
        self._simulated_verifier: Secret[int] | None = None
        self._unknown_name_accounts: dict[str, Account] = {}

    def configure(self, configuration: PoolConfiguration) -> None:
        """Change the settings, also for pending sign-ins."""
        self.configuration = self.token_issuer.configuration = configuration

    @property
    def _parts(self) -> tuple[TrackedDicts | Outbox, ...]:
        return self.users, self.sessions, self.token_issuer, self.outbox, self.records

    def watch(self, listener: RecordListener) -> None:
        """Report each record of any part that is looked up, set or removed from now on."""
        super().watch(listener)
        for part in self._parts:
            part.watch(listener)

    def clear_all(self) -> None:
        """Remove all records without reporting them, before they are restored from the state file."""
        super().clear_all()
        for part in self._parts:
            part.clear_all()

    def refuse_or_record(self, check: str, refusal: PoolRefusal) -> None:
        """Raise a refusal; if `accept` names the check, record the refusal instead."""
        if check not in self.configuration.accept:
            raise refusal
        self.accepted.append(Accepted(check, self.operation, str(refusal)))

    def reword(self, refusal: PoolRefusal) -> PoolRefusal:
        """Return a refusal; if `accept` names moto-messages, give it moto's message, and record Cognito's."""
        check = "moto-messages"
        if check in self.configuration.accept and (message := moto_message(self.operation, refusal)):
            self.refuse_or_record(check, refusal)
            refusal.message = message
        return refusal

    def new_code(self, digits: int = len(FIXED_CODE)) -> Secret[str]:
        """Return a random code to send; if `accept` names code-123456, the fixed code of `digits` digits."""
        is_fixed = "code-123456" in self.configuration.accept
        return Secret("12345678"[:digits]) if is_fixed else new_code(self.entropy, digits)

    def is_code(self, expected: Secret[str], code: str) -> bool:
        """Return whether a code is the expected one; record the use of the fixed code, if `accept` names it."""
        is_correct, check = codes_match(expected.reveal(), code), "code-123456"
        if is_correct and check in self.configuration.accept:
            self.refuse_or_record(check, error_templates.VERIFICATION_CODE_MISMATCH.refusal())
        return is_correct

    def client(self, request: Request) -> AppClient:
        """Return the app client of a request; refuse an unknown ClientId with ResourceNotFoundException."""
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
        if "AccessToken" not in request:  # optional in the API model of some operations that need it
            raise error_templates.MISSING_PARAMETER.refusal(name="AccessToken")
        return self.token_issuer.family_of_access_token(request["AccessToken"])

    def confirmed_family(self, request: Request) -> TokenFamily:
        """Return the token family of a request's AccessToken, whose user must be confirmed."""
        family = self.token_family(request)
        family.user.ensure_confirmed()
        return family

    def user_of_token(self, request: Request) -> User:
        """Return the user of a request's AccessToken, who must be confirmed."""
        return self.confirmed_family(request).user

    def user_of(self, request: Request) -> User:
        """Return the user with a request's Username (or alias); refuse an unknown one with UserNotFoundException."""
        user = self.users.find(request["Username"])
        if user is None:
            raise error_templates.NO_SUCH_USER.refusal()
        return user

    @property
    def session_settings(self) -> Mapping[str, Any]:
        """The pool's session settings; without any, Cognito's default, which tracks no sessions."""
        found = self.session_configurations.get(self.configuration.pool_id)
        default = {"UserSessionTracking": "DISABLED", "TokenSession": {"MaxPerUser": 20}}
        return default if found is None else found.settings

    @property
    def max_sessions_per_user(self) -> int | None:
        """TokenSession.MaxPerUser; None if the pool does not track sessions."""
        settings = self.session_settings
        enabled = settings["UserSessionTracking"] == "ENABLED"
        return settings["TokenSession"]["MaxPerUser"] if enabled else None

    def simulated_username(self, submitted_name: str) -> str:
        """Return an unknown user's simulated internal name; a submitted name always gets the same (developer guide)."""
        if not self.configuration.username_attributes:
            return submitted_name
        return str(UUID(bytes=self.stable_bytes("name", submitted_name), version=4))

    def simulated_credential(self, submitted_name: str) -> PasswordRecord:
        """Return a simulated password record for an unknown user; a submitted name always gets the same salt."""
        if self._simulated_verifier is None:
            # All unknown users share one verifier, because the time to compute one would reveal an unknown user.
            self._simulated_verifier = Secret(srp.verifier(int.from_bytes(self.entropy(32), "big")))
        salt = int.from_bytes(self.stable_bytes("salt", submitted_name), "big")
        return PasswordRecord(salt, self._simulated_verifier)

    def account_of_unknown_name(self, submitted_name: str) -> Account:
        """Return an account that counts the calls for an unknown name, so that quotas do not reveal users."""
        key = submitted_name if self.configuration.case_sensitive else submitted_name.casefold()
        account = self._unknown_name_accounts.pop(key, None) or Account()
        self._unknown_name_accounts[key] = account
        if len(self._unknown_name_accounts) > _MAX_UNKNOWN_NAMES:
            del self._unknown_name_accounts[next(iter(self._unknown_name_accounts))]
        return account

    def stable_bytes(self, purpose: str, submitted_name: str) -> bytes:
        """Return 16 pseudorandom bytes, always the same for a purpose and a name."""
        message = f"{purpose}:{submitted_name}".encode("utf-8", "surrogatepass")
        return hmac.new(self.seed.reveal(), message, hashlib.sha256).digest()[:16]


def required_parameter(parameters: Mapping[str, str], name: str) -> str:
    """Return a parameter; refuse a request without it: "Missing required parameter <name>"."""
    value = parameters.get(name)
    if not value:
        raise error_templates.MISSING_PARAMETER.refusal(name=name)
    return value


def check_secret_hash(pool: Core, client: AppClient, username: str, parameters: Mapping[str, str]) -> None:
    """Refuse a request whose SECRET_HASH does not match its USERNAME, if the app client has a secret."""
    if not client.secrets:
        return
    secret_hash = parameters.get("SECRET_HASH")
    if not secret_hash:
        refusal = error_templates.SECRET_HASH_MISSING.refusal(client=client.client_id)
        pool.refuse_or_record("missing-secret-hash", refusal)
        return
    received = secret_hash.encode("utf-8", "replace")
    expected = [srp.secret_hash(username, client.client_id, each.reveal()) for each in client.secrets]
    if not any(hmac.compare_digest(each.encode(), received) for each in expected):
        raise error_templates.SECRET_HASH_WRONG.refusal(client=client.client_id)


OperationFunction = Callable[[Core, Request], Reply | None]
"""A function that answers an operation's request; it returns None for a reply without members."""


def paginate(
    items: Mapping[str, Item],
    to_api: Callable[[Item], Any],
    request: Request,
    member: str,
    *,
    size_member: str = "Limit",
    position_member: str = "NextToken",
    default_size: int = 60,
) -> Reply:
    """Return a reply whose `member` is a page of items; the next page's position is the key of its first item."""
    keys, position = list(items), request.get(position_member)
    if position is not None and position not in keys:
        raise error_templates.INVALID_PARAMETER.refusal(why="Invalid pagination token given.")
    start = 0 if position is None else keys.index(position)
    end = start + (request.get(size_member) or default_size)
    reply: Reply = {member: [to_api(items[key]) for key in keys[start:end]]}
    return {**reply, position_member: keys[end]} if end < len(keys) else reply
