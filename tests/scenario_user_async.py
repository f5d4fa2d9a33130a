"""Scenario users whose sign-ins use the async driver, on an event loop in a thread of its own.

The moves of `tests/scenario_user.py` are those of a program that blocking; `BlockingFlow` lets it wait for a flow that
is awaited. Everything between is the async driver itself, over threads or over HTTP.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from typing import Any, cast

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from joserfc.jwk import RSAKey
from local_servers import TIMEOUT
from scenario_user import Scenario, ScenarioUser

from authfsm.drivers.aio import AsyncCognito, AsyncFlow
from authfsm.drivers.boto import Cognito, Flow
from authfsm.local import LocalPool
from authfsm.local.api.aws_json import HttpReply, answer_http
from authfsm.local.server.config import parse_config
from authfsm.local.server.http_server import listen, serve_in_thread
from authfsm.local.server.service import Log, Service, open_service

_SESSION = get_session()  # one for all clients, because it reads the model of the service only once
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@contextmanager
def event_loop_thread() -> Iterator[Run]:
    """Run an event loop in a thread until the end of the block.

    Yield a function that runs a coroutine in it.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="event loop", daemon=True)
    thread.start()
    try:
        yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(TIMEOUT)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(TIMEOUT)
        loop.close()


class PoolServer(Service):
    """Serves the pool of the current scenario."""

    current_pool: LocalPool

    def exchange(self, target: str, body: bytes, authorization: str = "") -> HttpReply:
        """Answer a request."""
        request_id = self.current_pool.request_id()
        return answer_http(self.current_pool.answer, target, body, request_id, signed=bool(authorization))


@contextmanager
def pool_server() -> Iterator[tuple[PoolServer, str]]:
    """Yield a server for one pool of this process after another, and its address."""
    sock, url = listen("127.0.0.1", 0)
    bare = open_service(parse_config({}), url, Log(StringIO()))
    server = PoolServer(bare.pool, bare.log)
    with serve_in_thread(server, sock):
        yield server, url


def aio_client(url: str, **config: Any) -> Any:
    """Return an async context manager for an aiobotocore client."""
    return _SESSION.create_client(
        "cognito-idp",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=AioConfig(retries={"total_max_attempts": 1}, **config),
    )


class BlockingFlow:
    """An async flow with blocking methods: it runs each coroutine, and returns its result.

    Args:
        flow: the flow.
        run: runs a coroutine on the loop.
    """

    def __init__(self, flow: AsyncFlow, run: Run) -> None:
        self._flow = flow
        self._run = run

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._flow, name)
        if not asyncio.iscoroutinefunction(value):
            return value
        return lambda *args, **kwargs: self._run(value(*args, **kwargs))


class BlockingCognito:
    """`AsyncCognito` with blocking methods."""

    def __init__(self, cognito: AsyncCognito, run: Run) -> None:
        self._cognito = cognito
        self._run = run
        self.client = cognito.client

    def start(self, *args: Any, **kwargs: Any) -> Flow:
        """Return a flow that has not begun."""
        flow = self._cognito.start(*args, **kwargs)
        assert flow.walk is kwargs["walk"]
        return cast("Flow", BlockingFlow(flow, self._run))


class AsyncScenarioUser(ScenarioUser):
    """A scenario user with the async driver.

    Args:
        signing_key: the pool's key.
        pool: the pool's settings.
        user: ada's attributes and factors.
        run: runs a coroutine on the loop.
        server: serves the pool to `client`; without it, calls of the pool's own boto3 client run in threads.
        client: an aiobotocore client.
        **more: arguments of `AsyncCognito`.
    """

    def __init__(
        self,
        signing_key: RSAKey,
        pool: Mapping[str, Any],
        user: Mapping[str, Any],
        *,
        run: Run,
        server: PoolServer | None = None,
        client: Any = None,
        **more: Any,
    ) -> None:
        super().__init__(signing_key, pool, user)
        if server is not None:
            server.current_pool = self.pool
        blocking = BlockingCognito(async_cognito(self.pool, client or self.cognito.client, **more), run)
        self.cognito = cast("Cognito", blocking)


def async_cognito(pool: LocalPool, client: Any = None, **more: Any) -> AsyncCognito:
    """Return the async driver for a pool, with this client or with the pool's own client in threads."""
    return AsyncCognito(
        client or pool.client(),
        client_id=pool.client_id,
        pool_id=pool.pool_id,
        client_secret=pool.client_secret,
        clock=pool.clock,
        **more,
    )


def play(scenario: Scenario, scenario_user: ScenarioUser) -> ScenarioUser:
    """Play a scenario with this user."""
    for move in scenario.moves:
        move(scenario_user)
    return scenario_user
