"""Clients that use a region of pools until its server is killed, and record the acknowledged requests."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Iterable
from typing import Any

from attrs import define, field
from local_servers import PASSWORD, ServerProcess, wait_until

FLOWS = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
Replies = list[tuple[str, dict[str, Any], int]]


@define
class AcknowledgedRequests:
    """The requests that a server has acknowledged: after any restart each must have the same status.

    Args:
        replies: operation, members, status.
        pools: the ids of the pools, with an app client and a user `ada`.
        sign_ins: the number of sign-ins.
    """

    replies: Replies = field(factory=list)
    pools: list[tuple[str, str]] = field(factory=list)
    sign_ins: int = 0

    def check(self, web: ServerProcess, chance: random.Random | None = None, most: int = 150) -> None:
        """Send the acknowledged requests, or a random sample of them, and check their statuses."""
        sample = self.replies
        if chance is not None:
            sample = chance.sample(sample, min(most, len(sample)))
        for operation, members, expected in sample:
            status, _, reply = web.call(operation, **members)
            assert status == expected, (operation, members, reply)

    def add_pool(self, web: ServerProcess) -> str | None:
        """Create a pool, and return its id."""
        status, _, reply = web.call("CreateUserPool", PoolName="made")
        if status != 200:
            return None
        pool_id: str = reply["UserPool"]["Id"]
        pool = {"UserPoolId": pool_id}
        self.replies.append(("DescribeUserPool", pool, 200))
        client_reply = web.call("CreateUserPoolClient", **pool, ClientName="c", ExplicitAuthFlows=FLOWS)[2]
        client_id = client_reply["UserPoolClient"]["ClientId"]
        self.replies.append(("DescribeUserPoolClient", {**pool, "ClientId": client_id}, 200))
        ada = {**pool, "Username": "ada"}
        web.call("AdminCreateUser", **ada)
        assert web.call("AdminSetUserPassword", **ada, Password=PASSWORD, Permanent=True)[0] == 200
        self.replies.append(("AdminGetUser", ada, 200))
        self.pools.append((pool_id, client_id))
        return pool_id

    def work(self, web: ServerProcess, name: str, stop: threading.Event) -> None:
        """Sign in, create and delete users, groups and pools under the client's own names, until the server is killed."""
        chance = random.Random(name)  # noqa: S311 - the same work for the same name
        count = 0
        try:
            while not stop.is_set():
                count += 1
                self._step(web, f"{name}n{count}", chance, delete=count % 3 == 0)
        except (OSError, ValueError):
            return  # it was killed

    def _step(self, web: ServerProcess, new: str, chance: random.Random, *, delete: bool) -> None:
        pool_id, client_id = chance.choice(self.pools)
        client: dict[str, Any] = {"ClientId": client_id}
        parameters = {"USERNAME": "ada", "PASSWORD": PASSWORD}
        status, _, reply = web.call("InitiateAuth", **client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
        if status == 200:
            refresh = {"REFRESH_TOKEN": reply["AuthenticationResult"]["RefreshToken"]}
            flow = {**client, "AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": refresh}
            self.replies.append(("InitiateAuth", flow, 200))
            self.sign_ins += 1
        user = {"UserPoolId": pool_id, "Username": new}
        group = {"UserPoolId": pool_id, "GroupName": new}
        if web.call("AdminCreateUser", **user)[0] == 200 and not delete:
            self.replies.append(("AdminGetUser", user, 200))
        if web.call("CreateGroup", **group)[0] == 200 and not delete:
            self.replies.append(("GetGroup", group, 200))
        if delete:
            for undo, members, find in (("AdminDeleteUser", user, "AdminGetUser"), ("DeleteGroup", group, "GetGroup")):
                if web.call(undo, **members)[0] == 200:
                    self.replies.append((find, members, 400))
            new_id = web.call("CreateUserPool", PoolName=new)[2]["UserPool"]["Id"]
            if web.call("DeleteUserPool", UserPoolId=new_id)[0] == 200:
                self.replies.append(("DescribeUserPool", {"UserPoolId": new_id}, 400))


def kill_under_load(
    web: ServerProcess, work: Iterable[Callable[[ServerProcess, str, threading.Event], None]], name: str,
    enough: Callable[[], bool],
) -> None:  # fmt: skip
    """Run clients in threads, and kill the server as soon as `enough` returns true."""
    stop = threading.Event()
    threads = [threading.Thread(target=each, args=(web, f"{name}t{number}", stop)) for number, each in enumerate(work)]
    for thread in threads:
        thread.start()
    wait_until(enough, "enough work")
    status = web.end(signal.SIGKILL)
    stop.set()
    for thread in threads:
        thread.join()
    assert status == -signal.SIGKILL
