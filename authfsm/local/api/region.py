"""`LocalCognito`: user pools inside this process that share an endpoint, like those of an AWS region."""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from authfsm.base.clock import Clock, utc_now
from authfsm.base.concurrency import ForkSafeLock
from authfsm.base.mixins import DisplayMixin
from authfsm.local.accounts import records
from authfsm.local.api import operations, pool_operations
from authfsm.local.api.aws_json import HttpReply, answer_http
from authfsm.local.api.pool import LocalPool
from authfsm.local.config import descriptions, error_templates
from authfsm.local.config.leniency import MAX_RECORDED, Accepted
from authfsm.local.config.pool_configuration import PoolConfiguration
from authfsm.local.config.request_members import check_types
from authfsm.local.state.codes import Entropy
from authfsm.local.state.core import Core, Reply, Request, paginate
from authfsm.protocol import api_requests

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey


class StateFileError(Exception):
    """The state file cannot be used; `why` completes a sentence that begins with its path."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} {why}")
        self.path = path
        self.why = why


class Pools(Mapping[str, LocalPool]):
    """The pools of a `LocalCognito` by id, the oldest first; those in a state file are read at their first use."""

    def __init__(self, lock: ForkSafeLock) -> None:
        self._lock = lock
        self._known: dict[str, LocalPool | None] = {}
        self._read: Callable[[str], LocalPool]
        self._index: Callable[[str], Mapping[str, str]] = lambda _: {}
        self._by_client: dict[str, str] = {}

    def __getitem__(self, pool_id: str) -> LocalPool:
        with self._lock:
            pool = self._known[pool_id]
            if pool is None:
                pool = self._known[pool_id] = self._read(pool_id)
            return pool

    def readable(self, pool_ids: Iterable[str] | None = None) -> list[LocalPool]:
        """Return all pools, or those with these ids. A pool whose state cannot be read is left out (and logged)."""
        found = []
        for pool_id in self.copy() if pool_ids is None else pool_ids:
            with suppress(StateFileError):
                found.append(self[pool_id])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, pool_id: object) -> bool:
        return pool_id in self._known

    def add(self, pool: LocalPool) -> None:
        """Add a pool, and let it use the shared lock; raise ValueError if its id or that of an app client is taken."""
        with self._lock:
            if pool.pool_id in self._known:
                raise ValueError(f"there is a pool {pool.pool_id} already")
            for client_id in pool._core.clients:  # noqa: SLF001 - same package
                if (other := self.of_client(client_id)) is not None:
                    raise ValueError(f"the pool {other.pool_id} has an app client {client_id} already")
            pool._lock = self._lock  # noqa: SLF001 - same package
            self._known[pool.pool_id] = pool

    def copy(self) -> dict[str, LocalPool | None]:
        """Return the pools by id, with None for pools that are not read yet."""
        return dict(self._known)

    def replace(self, pools: Mapping[str, LocalPool | None]) -> None:
        """Replace all pools by these."""
        self._known = dict(pools)
        self._by_client.clear()  # It may name pools that `pools` lacks.

    def read_later(
        self, pool_ids: Iterable[str], read: Callable[[str], LocalPool], index: Callable[[str], Mapping[str, str]]
    ) -> None:
        """Add pools that `read` reads at their first use; `index(kind)` maps the keys of such records to pool ids."""
        self._known.update(dict.fromkeys(pool_ids))
        self._read, self._index = read, cache(index)

    def of_client(self, client_id: str) -> LocalPool | None:
        """Return the pool that has an app client with this id; None if no pool has one."""
        found = self.get(self._by_client.get(client_id, ""))
        if found is None or client_id not in found._core.clients:  # noqa: SLF001 - same package
            found = self.find(lambda core: client_id in core.clients, "client", client_id)
            if found is not None:
                self._by_client[client_id] = found.pool_id
        return found

    def find(self, matches: Callable[[Core], bool], kind: str = "", key: str = "") -> LocalPool | None:
        """Return the newest pool in memory that matches, or else the unread pool with a record of this kind and key."""
        read = (each for each in reversed(self._known.values()) if each is not None)
        found = next((each for each in read if matches(each._core)), None)  # noqa: SLF001 - same package
        if found is not None:
            return found
        pool_id = self._index(kind).get(key, "")
        return self[pool_id] if pool_id in self._known and self._known[pool_id] is None else None


class LocalCognito(DisplayMixin):
    """A local Cognito inside this process: user pools that code creates through a real boto3 client.

    `LocalPool` is a single pool with an app client. Each pool has its own `outbox`. All pools share a lock.

    Args:
        region: the AWS region of `client()`, and of pools that are created without a region.
        issuer: the part of the tokens' `iss` before `/` and the pool's id; by default Cognito's URL.
        clock, entropy: as for `LocalPool`.
        key: the RSA key that signs the tokens of all pools; by default each pool creates its own.
        settings: fields of `PoolConfiguration`: the defaults of `pool` and `like`. Those that the API lacks (`triggers`,
            `contradictions`, `per_user_quotas`, `accept`) apply to pools that clients create, too.

    Raises:
        ValueError, TypeError: there is no such setting, or its value is invalid.
    """

    def __init__(
        self,
        *,
        region: str = "eu-west-1",
        issuer: str | None = None,
        clock: Clock = utc_now,
        entropy: Entropy = secrets.token_bytes,
        key: RSAKey | None = None,
        **settings: Any,
    ) -> None:
        pool_operations.check_setting_names(settings, PoolConfiguration)
        check_types("str", {"region": region})
        self.region: Final = region
        """The AWS region of `client()`."""
        self.clock, self._entropy, self._lock = clock, entropy, ForkSafeLock()
        self._issuer, self._key, self._settings = issuer, key, settings
        self._accepted: deque[Accepted] = deque(maxlen=MAX_RECORDED)
        self.pools: Final = Pools(self._lock)
        """The pools by id, the oldest first."""
        # Requests about pools that do not exist go to this pool, which refuses them: it has no users and app clients.
        self._empty_pool = self.restore(f"{region}_nowhere", {})

    def __repr__(self) -> str:
        count = len(getattr(self, "pools", ()))
        return f"LocalCognito({getattr(self, 'region', None)}, {count} pool{'' if count == 1 else 's'})"

    @property
    def accepted(self) -> tuple[Accepted, ...]:
        """The requests that succeeded because of `accept`: the last thousand, the oldest first."""
        return tuple(self._accepted)

    def pool(self, **settings: Any) -> LocalPool:
        """Add a pool with an app client, and return it; the arguments and errors are those of `LocalPool`.

        It also raises ValueError if there is already a pool or an app client with this id.
        """
        return self._create_and_add(LocalPool, settings)

    def like(
        self,
        user_pool: Mapping[str, Any],
        user_pool_client: Mapping[str, Any] | None = None,
        mfa_config: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> LocalPool:
        """Add a pool with a real pool's settings, and return it; arguments and errors are those of `LocalPool.like`.

        It also raises ValueError if there is already a pool or an app client with this id.
        """
        make = partial(LocalPool.like, user_pool, user_pool_client, mfa_config)
        return self._create_and_add(make, settings)

    def _create_and_add(self, make: Callable[..., LocalPool], settings: dict[str, Any]) -> LocalPool:
        shared = {"region": self.region, "clock": self.clock, "entropy": self._entropy, "key": self._key}
        pool = make(**{**shared, **self._settings, **settings})
        if self._issuer is not None and "issuer" not in settings:
            core = pool._core  # noqa: SLF001 - same package
            core.configure(evolve(pool.configuration, issuer=f"{self._issuer}/{pool.pool_id}"))
        self.add(pool)
        return pool

    def add(self, pool: LocalPool) -> None:
        """Add an existing pool, and let it use the shared lock; raise ValueError as `pool` does."""
        self.pools.add(pool)
        pool._core.accepted = self._accepted  # noqa: SLF001 - same package

    def client(self, config: Any = None, *, region: str | None = None) -> Any:
        """Return a real boto3 cognito-idp client whose requests are answered here, without a network.

        Args:
            config: a `botocore.config.Config`, as for `LocalPool.client`.
            region: the AWS region of the client, in which it creates pools; by default the region of this object.
        """
        from authfsm.local.api.boto_hook import boto_client  # noqa: PLC0415 - boto3 takes 0.3 s to load

        return boto_client(self.exchange, region or self.region, config)

    def exchange(self, target: str, body: bytes, authorization: str, region: str) -> HttpReply:
        """Answer an HTTP request to a region, with this X-Amz-Target, body and Authorization (empty if unsigned)."""
        answer = partial(self.answer, region=region)
        return answer_http(answer, target, body, self.request_id(), signed=bool(authorization))

    def request_id(self) -> str:
        """Return a UUID for a response's `x-amzn-RequestId`."""
        return self._empty_pool.request_id()

    def answer(self, operation: str, request: Mapping[str, Any], region: str | None = None) -> dict[str, Any]:
        """Answer a request of the API; the reply and the errors are those of `LocalPool.answer`.

        Args:
            operation: the name, for example `CreateUserPool`.
            request: the members.
            region: the AWS region to which the request is sent: pools of other regions do not exist there. With None,
                all pools exist, and pools are created and listed in the region of this object.
        """
        with self._lock:
            members = self.read_members(operation, request)
            found = REGION_OPERATIONS.get(operation)
            if found is not None:
                return found(self, members, region)
            self.check_domain(operation, members)
            return self.pool_of(members, region).answer_members(operation, members)

    def read_members(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members of a request, after checking them against the API's model."""
        return operations.read_members(self._empty_pool._core, operation, request, REGION_OPERATIONS)  # noqa: SLF001 - same package

    def check_domain(self, operation: str, members: Mapping[str, Any]) -> None:
        """Refuse CreateUserPoolDomain with the domain of another pool."""
        if operation == "CreateUserPoolDomain" and _pool_of_domain(self, members["Domain"]):
            raise error_templates.DOMAIN_EXISTS.refusal()

    def pool_of(self, members: Mapping[str, Any], region: str | None = None) -> LocalPool:
        """Return the pool that a request is about; if the region has no such pool, an empty pool, which refuses the request."""
        if (pool_id := members.get("UserPoolId")) is not None:
            found = self.pools.get(pool_id)
        elif (client_id := members.get("ClientId")) is not None:
            found = self.pools.of_client(client_id)
        elif (token := members.get("AccessToken")) is not None:
            issuer = _issuer_of(token)
            found = self.pools.get(issuer.rpartition("/")[2])
            if found is None or found.issuer != issuer:
                found = self.pools.find(lambda core: core.configuration.issuer == issuer)
            if found is None:
                raise self._empty_pool._core.reword(error_templates.INVALID_ACCESS_TOKEN.refusal())  # noqa: SLF001 - same package
        elif (arn := members.get("ResourceArn")) is not None:
            found = self.pools.get(arn.rpartition("/")[2])
        else:
            session = members.get("Session", "")
            has_session = lambda core: core.sessions.has_session(session)  # noqa: E731
            found = self.pools.find(has_session, "pending_challenge", session)
        return found if found is not None and region in {None, found.region} else self._empty_pool

    def restore(self, pool_id: str, description: Mapping[str, Any], key: RSAKey | None = None) -> LocalPool:
        """Return a pool with the settings of a description. It has no app client, and is not added to `pools`."""
        issuer = f"{self._issuer}/{pool_id}" if self._issuer else None
        issuer = issuer or api_requests.issuer(pool_id)
        configuration = evolve(PoolConfiguration(pool_id, issuer, **self._settings), required_attributes=())
        configuration = pool_operations.configured(configuration, description)
        pool = LocalPool.__new__(LocalPool)  # without the app client that __init__ adds
        pool._start(configuration, self.clock, self._entropy, key or self._key)  # noqa: SLF001 - same package
        pool._lock, pool._core.accepted = self._lock, self._accepted  # noqa: SLF001 - same package
        return pool


def _issuer_of(token: str) -> str:
    """Return the `iss` of a JWT that is not verified yet; "" if there is none."""
    try:
        payload = token.split(".")[1]
        issuer = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["iss"]
    except (IndexError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    return issuer if isinstance(issuer, str) else ""


def _create_user_pool(cognito: LocalCognito, request: Request, region: str | None) -> Reply:
    empty = cognito._empty_pool._core  # noqa: SLF001 - same module
    pool_id = pool_operations.new_pool_id(region or cognito.region, empty.entropy)
    pool = cognito.restore(pool_id, pool_operations.created_description(empty, request))
    cognito.add(pool)
    return pool.answer("DescribeUserPool", {"UserPoolId": pool.pool_id})


def _delete_user_pool(cognito: LocalCognito, request: Request, region: str | None) -> Reply:
    pool = cognito.pool_of(request, region)
    pool_operations.check_deletable(pool._core, request)  # noqa: SLF001 - same package
    cognito.pools.replace({k: each for k, each in cognito.pools.copy().items() if each is not pool})
    return {}


def _list_user_pools(cognito: LocalCognito, request: Request, region: str | None) -> Reply:
    prefix = f"{region or cognito.region}_"
    pool_ids = {each: each for each in cognito.pools if each.startswith(prefix)}
    reply = paginate(pool_ids, str, request, "UserPools", size_member="MaxResults")
    pools = [descriptions.user_pool(e.configuration, 0) for e in cognito.pools.readable(reply["UserPools"])]
    names = ("Id", "Name", "LambdaConfig", "LastModifiedDate", "CreationDate")
    return {**reply, "UserPools": [{name: e[name] for name in names if name in e} for e in pools]}


def _pool_of_domain(cognito: LocalCognito, domain: str) -> LocalPool | None:
    kind = records.DOMAINS.name
    has_domain = lambda core: core.records.find(kind, domain) is not None  # noqa: E731
    return cognito.pools.find(has_domain, "record", f"{kind}/{domain}")


def _describe_user_pool_domain(cognito: LocalCognito, request: Request, region: str | None) -> Reply:
    pool = _pool_of_domain(cognito, request["Domain"])
    if pool is not None and region not in {None, pool.region}:
        pool = None
    # The description of a domain that does not exist is {} (moto's tests, and reports of users).
    found = {} if pool is None else records.describe_domain(pool._core, request["Domain"])  # noqa: SLF001 - same package
    return {"DomainDescription": found}


REGION_OPERATIONS: Final[dict[str, Callable[[LocalCognito, Request, str | None], Reply]]] = {
    "CreateUserPool": _create_user_pool,
    "DeleteUserPool": _delete_user_pool,
    "DescribeUserPoolDomain": _describe_user_pool_domain,
    "ListUserPools": _list_user_pools,
}
"""The operations that are not about one pool."""
