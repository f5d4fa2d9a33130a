"""Runs the application: a thread for each connection, and a clean end at SIGTERM and SIGINT."""

from __future__ import annotations

import gc
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

from authfsm.local.server.app import App
from authfsm.local.server.http_connection import HttpConnection
from authfsm.local.server.service import Service

_SHUTDOWN_SECONDS: Final = 5.0  # for requests that are being answered
_MAX_CONNECTIONS: Final = 2000
_OTHER_FILES: Final = 64  # file descriptors for the state file, modules and the like
_POLL_SECONDS: Final = 0.1


def run(service: Service, sock: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until a signal arrives, then answer the requests that have begun and return."""
    closing = Event()
    handlers = {
        each: signal.signal(each, lambda *_: closing.set()) for each in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        on_ready()  # clients may connect: the socket listens
        gc.freeze()  # what the start has made stays: the garbage collector need not visit it at each turn
        _accept(service, sock, closing)
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
    service.log.write("server stopped")


@contextmanager
def serve_in_thread(service: Service, sock: socket.socket) -> Iterator[None]:
    """Serve in a thread until the end of the block."""
    closing = Event()
    thread = Thread(target=_accept, args=(service, sock, closing), daemon=True)
    thread.start()
    try:
        yield
    finally:
        closing.set()
        thread.join()


def _accept(service: Service, sock: socket.socket, closing: Event) -> None:
    """Serve the connections of a listening socket, then answer the requests that have begun and return."""
    app, connections = App(service, closing.is_set), set[HttpConnection]()

    def serve(connection: HttpConnection) -> None:
        try:
            connection.serve()
        finally:
            connections.discard(connection)

    sock.settimeout(_POLL_SECONDS)
    limit, is_full = _connection_limit(), False
    while not closing.is_set():
        try:
            accepted, _ = sock.accept()
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = HttpConnection(accepted, app.respond, closing.is_set)
        except OSError as error:  # nobody has come, or has gone already; or there is no file descriptor left
            # Without a free file descriptor `accept` fails at once: this keeps the loop from spinning.
            time.sleep(0 if isinstance(error, TimeoutError) else _POLL_SECONDS)
            continue
        was_full, is_full = is_full, len(connections) >= limit
        if is_full:
            accepted.close()
            if not was_full:
                service.log.write("too many connections: new ones are closed", level="warning")
            continue
        connections.add(connection)
        try:
            Thread(target=serve, args=(connection,), name="connection", daemon=True).start()
        except RuntimeError:  # the system has no thread left
            connections.discard(connection)
            accepted.close()
    sock.close()
    until = time.monotonic() + _SHUTDOWN_SECONDS
    while connections and time.monotonic() < until:
        for each in tuple(connections):
            each.close_if_idle()
        time.sleep(_POLL_SECONDS / 10)  # for the requests that are being answered; `until` bounds it


def _connection_limit() -> int:
    """Return how many connections may be open at once; each needs a file descriptor of the process."""
    try:
        from resource import RLIMIT_NOFILE, getrlimit  # noqa: PLC0415 - Windows has no such module
    except ImportError:
        return _MAX_CONNECTIONS
    files, _ = getrlimit(RLIMIT_NOFILE)
    return min(_MAX_CONNECTIONS, max(1, files - _OTHER_FILES)) if files > 0 else _MAX_CONNECTIONS
