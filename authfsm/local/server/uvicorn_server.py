"""Runs the server: uvicorn on a socket, a clean end at SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from authfsm.local.server.app import REQUEST_SECONDS, create_app
from authfsm.local.server.service import Service

_GRACE: Final = 5  # seconds for what is under way
_CONNECTIONS: Final = 2000
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class PoolServer(uvicorn.Server):
    """uvicorn's server for a pool; it says when requests are answered.

    Args:
        service: what is served.
        ready: is called then.
    """

    def __init__(self, service: Service, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                create_app(service, lambda: self.should_exit),
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
        PoolServer(service, ready).run(sockets=[sock])
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


MAX_HEAD_BYTES: Final = 64 << 10
"""The largest request line and headers that are read, in bytes; trailers count too."""

MAX_REQUEST_BYTES: Final = 8 << 20
"""The largest request as it is sent, in bytes: a body of `app.MAX_BODY_BYTES` in small chunks has room in it."""

_ABORT_SECONDS: Final = 5.0  # seconds for a peer to read why it is given up


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol over httptools, which gives up a peer that is too slow or sends too much."""

    _timer: asyncio.TimerHandle | None = None
    _head = 0  # bytes of the request line, headers and trailers
    _sent = 0  # bytes of the request in all
    _in_head = True
    _given_up = False

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._arm(REQUEST_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came in."""
        if self._given_up:
            return
        if self._timer is None:  # kept alive, and the next request begins
            self._arm(REQUEST_SECONDS)
        self._sent += len(data)
        super().data_received(data)
        # One header without end is no header yet: its bytes are counted as they come.
        too_much = self._sent > MAX_REQUEST_BYTES or (self._in_head and self._sent > MAX_HEAD_BYTES)
        if too_much and self._timer is not None:
            self._give_up(431 if self._in_head else 413)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head, self._in_head = 0, True
        if self._timer is None:
            self._arm(REQUEST_SECONDS)

    def on_url(self, url: bytes) -> None:
        """Count a part of the request line."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, or a trailer after the body."""
        self._count(len(name) + len(value) + 4)
        if not self._given_up and self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The headers are in: the body may take as long again."""
        self._in_head = False
        if not self._given_up:
            self._arm(REQUEST_SECONDS * 1.25)  # api's own answer, in Cognito's words, comes first
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Read a part of the body."""
        if not self._given_up:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is in."""
        if not self._given_up:
            self._disarm()
            self._sent, self._in_head = 0, True
            super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, also of a peer that does not read what it was sent."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(_ABORT_SECONDS, self.transport.abort)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > MAX_HEAD_BYTES:
            self._give_up(431)

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, self._give_up, 408)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self, status: int) -> None:
        """Say why, unless an answer is on its way already, and close the connection."""
        if self._given_up or self.transport.is_closing():
            return
        self._given_up = True
        self._disarm()
        self._unset_keepalive_if_required()
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_refusal(status))
        else:
            self.cycle.disconnected = True
            if not self.cycle.response_started:
                self.transport.write(_refusal(status))
            self.cycle.message_event.set()
        self.transport.close()
        # `close` waits for what is written to be read, which a peer may never do.
        self.loop.call_later(_ABORT_SECONDS, self.transport.abort)


_WHY: Final = {
    408: ("Request Timeout", "The request was not received in time."),
    413: ("Content Too Large", f"The request is larger than {MAX_REQUEST_BYTES} bytes."),
    431: (
        "Request Header Fields Too Large",
        f"The headers are larger than {MAX_HEAD_BYTES} bytes.",
    ),
}


def _refusal(status: int) -> bytes:
    phrase, why = _WHY[status]
    body = json.dumps({"message": why}).encode()
    head = f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"{head}\r\nconnection: close\r\n\r\n".encode() + body
