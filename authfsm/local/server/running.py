"""Runs the server: uvicorn on a socket, a clean end at SIGTERM and SIGINT."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from authfsm.local.server.app import app
from authfsm.local.server.connection import BoundedProtocol
from authfsm.local.server.service import Service

_GRACE: Final = 5  # seconds for what is under way
_CONNECTIONS: Final = 2000
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Server(uvicorn.Server):
    """uvicorn's server for a pool; it says when requests are answered.

    Args:
        service: what is served.
        ready: is called then.
    """

    def __init__(self, service: Service, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app(service, lambda: self.should_exit),
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="on",
                http=BoundedProtocol,
                ws="none",
                limit_concurrency=_CONNECTIONS,
                timeout_keep_alive=65,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()


def run(service: Service, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until a signal says to stop; what is under way is finished.

    Args:
        service: what is served.
        sock: listens.
        ready: is called once requests are answered.
    """
    service.log.take_over_uvicorn()
    with _signals_end_quietly():
        Server(service, ready).run(sockets=[sock])
    service.log.write("stopped")


@contextmanager
def _signals_end_quietly() -> Iterator[None]:
    # uvicorn takes the signals, ends, and raises them again for whoever had them before.
    before = {each: signal.signal(each, lambda *_: None) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
