"""Runs the application on uvicorn: bounded requests, and a clean end at SIGTERM and SIGINT.

With httptools, uvicorn bounds neither the duration nor the size of a request: a client that sends one byte
now and then keeps its connection indefinitely, and headers may be of any length.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from authfsm.local.server.app import REQUEST_SECONDS, create_app
from authfsm.local.server.service import Service

MAX_HEAD_BYTES: Final = 64 << 10
"""The largest request line, headers and trailers together."""

MAX_REQUEST_BYTES: Final = 8 << 20
"""The largest request as sent; a body of `app.MAX_BODY_BYTES` fits into it even in small chunks."""

_SHUTDOWN_SECONDS: Final = 5  # for requests that are being answered
_THREAD_SECONDS: Final = 30.0  # for a server in a thread to start, and to end
_MAX_CONNECTIONS: Final = 2000
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_ABORT_SECONDS: Final = 5.0  # for a client to read why its connection is closed


class PoolServer(uvicorn.Server):
    """The uvicorn server of a pool; it calls `on_ready` once it answers requests."""

    def __init__(self, service: Service, on_ready: Callable[[], None]) -> None:
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
                limit_concurrency=_MAX_CONNECTIONS,
                timeout_keep_alive=65,
                timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start."""
        await super().startup(sockets)
        if not self.should_exit:
            self._on_ready()


@contextmanager
def serve_in_thread(service: Service, sock: socket.socket) -> Iterator[None]:
    """Serve until the end of the block; raise TimeoutError if the server does not start in time."""
    ready = threading.Event()
    server = PoolServer(service, ready.set)
    thread = threading.Thread(target=server.run, args=([sock],), daemon=True)
    thread.start()
    try:
        if not ready.wait(_THREAD_SECONDS):
            raise TimeoutError(f"the pool's server did not start within {_THREAD_SECONDS:.0f} seconds")
        yield
    finally:
        server.should_exit = True
        thread.join(_THREAD_SECONDS)
        sock.close()


def run(service: Service, sock: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until a signal arrives, then answer the requests that have begun and return."""
    service.log.replace_uvicorn_logs()
    with _ignored_signals():
        PoolServer(service, on_ready).run(sockets=[sock])
    service.log.write("server stopped")


@contextmanager
def _ignored_signals() -> Iterator[None]:
    # uvicorn handles the signals, ends, and raises them again for the handlers from before.
    handlers = {each: signal.signal(each, lambda *_: None) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol that closes connections of clients that are too slow or send too much."""

    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0  # of the request line, headers and trailers
    _request_bytes = 0
    _in_head = True
    _closing = False

    def connection_made(self, transport: Any) -> None:
        """Start the timer for the first request."""
        super().connection_made(transport)
        self._start_timer(REQUEST_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count and parse the bytes."""
        if self._closing:
            return
        if self._timer is None:  # the next request on a connection that was kept alive
            self._start_timer(REQUEST_SECONDS)
        self._request_bytes += len(data)
        super().data_received(data)
        # httptools reports a header when it is complete; count the bytes of an endless one here.
        limit = MAX_HEAD_BYTES if self._in_head else MAX_REQUEST_BYTES
        if self._request_bytes > limit and self._timer is not None:
            self._close(431 if self._in_head else 413)

    def on_message_begin(self) -> None:
        """Reset the counts for a new request."""
        super().on_message_begin()
        self._head_bytes, self._in_head = 0, True
        if self._timer is None:
            self._start_timer(REQUEST_SECONDS)

    def on_url(self, url: bytes) -> None:
        """Count a part of the request line."""
        super().on_url(url)
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, or a trailer after the body."""
        self._count_head(len(name) + len(value) + 4)
        if not self._closing and self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Restart the timer for the body."""
        self._in_head = False
        if not self._closing:
            # Longer than the application's own limit: its error, in Cognito's shape, comes first.
            self._start_timer(REQUEST_SECONDS * 1.25)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body on."""
        if not self._closing:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the timer: the request is complete."""
        if not self._closing:
            self._stop_timer()
            self._request_bytes, self._in_head = 0, True
            super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even if the client does not read what was sent to it."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(_ABORT_SECONDS, self.transport.abort)

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            self._close(431)

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self._close, 408)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self, status: int) -> None:
        """Send an error, unless a reply has begun, and close the connection."""
        if self._closing or self.transport.is_closing():
            return
        self._closing = True
        self._stop_timer()
        self._unset_keepalive_if_required()
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_error_response(status))
        else:
            self.cycle.disconnected = True
            if not self.cycle.response_started:
                self.transport.write(_error_response(status))
            self.cycle.message_event.set()
        self.transport.close()
        # `close` waits until the client has read everything, which it may never do.
        self.loop.call_later(_ABORT_SECONDS, self.transport.abort)


_ERRORS: Final = {
    408: ("Request Timeout", "The request did not arrive in time."),
    413: ("Content Too Large", f"The request is larger than {MAX_REQUEST_BYTES} bytes."),
    431: ("Request Header Fields Too Large", f"The headers are larger than {MAX_HEAD_BYTES} bytes."),
}


def _error_response(status: int) -> bytes:
    phrase, message = _ERRORS[status]
    body = json.dumps({"message": message}).encode()
    head = f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"{head}\r\nconnection: close\r\n\r\n".encode() + body
