"""Runs the server: a socket, uvicorn on it, a clean end at SIGTERM and SIGINT."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Final

import uvicorn

from authfsm.local.server.app import app
from authfsm.local.server.service import Service

_GRACE: Final = 5  # seconds for what is under way
_CONNECTIONS: Final = 2000
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class NoSocket(Exception):
    """The address cannot be listened at, and why."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: a name or address.
        port: 0 for any that is free.

    Raises:
        NoSocket: it cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=1024)
    except OSError as error:
        raise NoSocket(f"cannot listen at {host}:{port}: {error.strerror or error}") from None


def url_of(host: str, sock: socket.socket) -> str:
    """The URL of what listens there, for clients on this machine."""
    port = sock.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared only
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(sock: socket.socket) -> bool:
    """Can only this machine reach it?"""
    return ip_address(sock.getsockname()[0].partition("%")[0]).is_loopback


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
                lifespan="on",
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
