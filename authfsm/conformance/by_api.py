"""The workshop of any endpoint: its own API makes the pools, and deletes them at the end."""

from __future__ import annotations

from contextlib import suppress

from attrs import define, field

from authfsm.conformance.conversation import Conversation
from authfsm.conformance.inbox import Inbox
from authfsm.conformance.pool_provider import (
    ConformanceClient,
    ConformancePool,
    Lending,
    app_by_api,
    made,
    mfa_request,
    pool_request,
)
from authfsm.conformance.requirements import ClientRequirements, PoolRequirements
from authfsm.conformance.verdicts import Skipped


@define(eq=False)
class ByApi:
    """CreateUserPool, SetUserPoolMfaConfig, CreateUserPoolClient.

    Args:
        conversation: with the endpoint.
        inbox: where what it sends can be read.
    """

    conversation: Conversation
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
