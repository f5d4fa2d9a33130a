"""Clients that are slow or send without end: their connections are closed in time, and others are served."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from local_servers import PASSWORD, ThreadServer, serve_in_thread
from slow_clients import SLOW_REQUESTS, run_slow_clients, send_slowly

from authfsm.local.server import http_connection
from authfsm.local.server.http_connection import MAX_HEAD_BYTES

TIMEOUT = 1.0


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadServer]:
    """A server that waits one second for a request."""
    monkeypatch.setattr(http_connection, "REQUEST_SECONDS", TIMEOUT)
    with serve_in_thread(users=[{"username": "ada", "password": PASSWORD}]) as served:
        yield served


def address(web: ThreadServer) -> tuple[str, int]:
    """Return host and port."""
    host, port = web.address.split(":")
    return host, int(port)


@pytest.mark.parametrize("name", SLOW_REQUESTS)
def test_slow_client(web: ThreadServer, name: str) -> None:
    """The connection of a slow client is closed in time, whichever part of the request is slow."""
    durations = send_slowly(address(web), name, pause=0.1, most=20 * TIMEOUT)

    # The headers and the body may each take that long; then the client reads the error.
    assert 0.5 * TIMEOUT < durations < 10 * TIMEOUT
    assert web.password("ada")[0] == 200
    assert '"internal error"' not in web.log.getvalue()


def test_sixty_slow_clients(web: ThreadServer) -> None:
    """While sixty clients are slow, another client signs in."""

    def sign_in() -> None:
        assert web.password("ada")[0] == 200

    durations, took = run_slow_clients(address(web), 60, 0.1, 20 * TIMEOUT, sign_in)

    assert len(durations) == 60
    assert max(durations) < 15 * TIMEOUT
    assert len(took) > 3


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n", b"X-Header: " + b"y" * 1000 + b"\r\n"),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: ", b"y" * 1000),
        (b"GET /", b"y" * 1000),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: " + b"y" * 1000 + b"\r\n"),
    ],
    ids=["many headers", "one header", "a long path", "trailers"],
)  # fmt: skip
def test_endless_headers(web: ThreadServer, begin: bytes, again: bytes) -> None:
    """The server reads headers up to a limit."""
    bytes_sent = 0
    with socket.create_connection(address(web), timeout=10) as sock:
        try:
            sock.sendall(begin)
            while bytes_sent < 300_000_000:
                sock.sendall(again)
                bytes_sent += len(again)
        except OSError:  # it is not listened to any more
            pass
    # What lies in the buffers of both sides was sent, but not read.
    assert bytes_sent < 40 * MAX_HEAD_BYTES + 8_000_000
    assert web.password("ada")[0] == 200


@pytest.mark.parametrize("size", [MAX_HEAD_BYTES // 2, MAX_HEAD_BYTES + 1000])
def test_header_limit(web: ThreadServer, size: int) -> None:
    """Headers below the limit are accepted; larger ones are refused with 431, in JSON."""
    with socket.create_connection(address(web), timeout=10) as sock:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"y" * size + b"\r\n\r\n")
        reply = sock.recv(65536)

    assert reply.startswith(b"HTTP/1.1 200 " if size < MAX_HEAD_BYTES else b"HTTP/1.1 431 ")
    if size > MAX_HEAD_BYTES:
        assert b'{"message": "The URL and headers are larger than' in reply
