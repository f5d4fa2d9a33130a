"""The workshop of any endpoint: its own API makes the pools, and deletes them at the end."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from attrs import define, field

from authfsm.base.secret import Secret
from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.pools import (
    ClientRequirements,
    ConformanceClient,
    ConformancePool,
    Inbox,
    Lending,
    PoolRequirements,
    app_by_api,
    made,
    mfa_request,
    pool_request,
)
from authfsm.conformance.verdicts import Skipped


@define(eq=False)
class ApiPoolProvider:
    """CreateUserPool, SetUserPoolMfaConfig, CreateUserPoolClient.

    Args:
        conversation: with the endpoint.
        inbox: where what it sends can be read.
    """

    conversation: ApiClient
    inbox: Inbox | None = None
    _pools: Lending = field(init=False)
    _apps: Lending = field(init=False)
    _made: list[str] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._pools, self._apps = Lending(self._make), Lending(app_by_api)

    def pool(self, wanted: PoolRequirements) -> ConformancePool:
        """A pool like that."""
        pool: ConformancePool = self._pools(wanted)
        return pool

    def app(self, pool: ConformancePool, wanted: ClientRequirements) -> ConformanceClient:
        """An app client like that."""
        app: ConformanceClient = self._apps(pool, wanted)
        return app

    def keep(self, pool: ConformancePool, username: str) -> None:
        """People go with their pool."""

    def tidy(self) -> None:
        """Delete the pools."""
        with self.conversation.setup():
            for pool_id in self._made:
                with suppress(Skipped):
                    self.conversation.call("DeleteUserPool", UserPoolId=pool_id)
        self._made.clear()

    def _make(self, wanted: PoolRequirements) -> ConformancePool:
        if wanted.riddle:
            raise Skipped("Lambda functions cannot be made by Cognito's API")
        with self.conversation.setup():
            heard = self.conversation.call("CreateUserPool", **pool_request(wanted))
            pool_id = str(made(heard, "UserPool", "Id"))
            self._made.append(pool_id)
            if settings := mfa_request(wanted):
                made(self.conversation.call("SetUserPoolMfaConfig", UserPoolId=pool_id, **settings))
        return ConformancePool(self.conversation, pool_id, self.inbox)


@define(eq=False)
class ExistingPoolProvider:
    """A pool, and maybe an app client, that somebody else made.

    Args:
        conversation: with the endpoint.
        pool_id: the pool's id.
        client_id: the app client's id; app clients are made by the API, if left out.
        inbox: where what it sends can be read.
    """

    conversation: ApiClient
    pool_id: str
    client_id: str | None = None
    inbox: Inbox | None = None
    _apps: Lending = field(init=False)
    _described: Lending = field(init=False)
    _people: list[str] = field(factory=list, init=False)
    _clients: list[str] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._apps, self._described = Lending(self._app), Lending(self._describe)

    def pool(self, wanted: PoolRequirements) -> ConformancePool:
        """The pool, if it is like that.

        Raises:
            Untried: it is not.
        """
        is_so = self._described("DescribeUserPool")
        mfa = is_so.get("MfaConfiguration", "OFF")
        policies = is_so.get("Policies", {}).get("SignInPolicy", {})
        lambdas = is_so.get("LambdaConfig", {})
        differs = [
            name
            for name, same in (
                (f"MfaConfiguration {wanted.mfa}", mfa == wanted.mfa),
                (
                    "AllowedFirstAuthFactors",
                    set(wanted.first_factors)
                    <= set(policies.get("AllowedFirstAuthFactors", ["PASSWORD"])),
                ),
                ("DeviceConfiguration", bool(is_so.get("DeviceConfiguration")) == wanted.devices),
                # What they ask, nobody knows here.
                ("the riddle of this package's own", not wanted.riddle),
                (
                    "no triggers that lead",
                    not {"DefineAuthChallenge", "PreAuthentication"} & set(lambdas),
                ),
            )
            if not same
        ]
        if differs:
            raise Skipped(f"wants a pool with {', '.join(differs)}")
        return ConformancePool(self.conversation, self.pool_id, self.inbox)

    def app(self, pool: ConformancePool, wanted: ClientRequirements) -> ConformanceClient:
        """An app client like that."""
        app: ConformanceClient = self._apps(pool, wanted)
        return app

    def keep(self, pool: ConformancePool, username: str) -> None:
        """Somebody is to be put away."""
        del pool
        self._people.append(username)

    def tidy(self) -> None:
        """Delete the people and the app clients that were made."""
        with self.conversation.setup():
            for username in self._people:
                self._delete("AdminDeleteUser", Username=username)
            for client_id in self._clients:
                self._delete("DeleteUserPoolClient", ClientId=client_id)
        self._people.clear()
        self._clients.clear()

    def _delete(self, operation: str, **which: str) -> None:
        with suppress(Skipped):
            self.conversation.call(operation, UserPoolId=self.pool_id, **which)

    def _app(self, pool: ConformancePool, wanted: ClientRequirements) -> ConformanceClient:
        if self.client_id is None:
            app = app_by_api(pool, wanted)
            self._clients.append(app.client_id)
            return app
        is_so = self._described("DescribeUserPoolClient")
        secret = is_so.get("ClientSecret")
        flows = set(is_so.get("ExplicitAuthFlows", []))
        existence = is_so.get("PreventUserExistenceErrors", "LEGACY")
        rotates = is_so.get("RefreshTokenRotation", {}).get("Feature") == "ENABLED"
        same = (
            flows == set(wanted.flows)
            and bool(secret) == wanted.secret
            and existence == wanted.existence
            and rotates == wanted.rotation
        )
        if not same:
            raise Skipped("wants an app client of other settings")
        return ConformanceClient(
            self.client_id, Secret(secret) if isinstance(secret, str) else None
        )

    def _describe(self, operation: str) -> Any:
        of_client = operation == "DescribeUserPoolClient"
        which = {"ClientId": self.client_id} if of_client else {}
        with self.conversation.setup():
            heard = self.conversation.call(operation, UserPoolId=self.pool_id, **which)
        return made(heard, "UserPoolClient" if of_client else "UserPool")
