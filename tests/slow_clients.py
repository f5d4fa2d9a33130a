"""Clients that send one byte now and then, and other clients that are served meanwhile."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AWSCognitoIdentityProviderService.InitiateAuth\r\n"
SLOW_REQUESTS: dict[str, tuple[bytes, bytes]] = {
    # the beginning, and what follows repeatedly, one byte at a time
    "says nothing": (b"", b""),
    "a request line without end": (b"", b"GET /aaaaaaaa"),
    "headers without end": (HEAD, b"X-Header: y\r\n"),
    "a header without end": (HEAD + b"X-Long: ", b"y"),
    "empty lines": (b"", b"\r\n"),
    "a body that is declared": (HEAD + b"Content-Length: 1000\r\n\r\n", b"{"),
    "a body in chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n{\r\n"),
    "a body of no use": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", b"x"),
    "trailers without end": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"X-Trailer: y\r\n"),
    "a second request": (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /health"),
}


def send_slowly(address: tuple[str, int], name: str, pause: float, most: float) -> float:
    """Send one byte at a time until the server closes the connection, and return the seconds until then.

    Args:
        address: the server's.
        name: one of `SLOW_REQUESTS`.
        pause: seconds between two bytes.
        most: seconds after which the client closes the connection itself.
    """
    begin, again = SLOW_REQUESTS[name]
    start = time.monotonic()
    with socket.create_connection(address, timeout=10) as sock:
        sock.settimeout(pause)
        with contextlib.suppress(OSError):
            sock.sendall(begin)
        for byte in _endless(again):
            if time.monotonic() - start > most:
                break
            try:
                if byte:
                    sock.sendall(byte)
                while sock.recv(65536):  # until no more arrives for now, or the connection ends
                    pass
                break
            except TimeoutError:
                continue
            except OSError:  # the server closed the connection
                break
    return time.monotonic() - start


def _endless(again: bytes) -> Iterator[bytes]:
    while True:
        yield from (bytes([each]) for each in again) if again else (b"",)


def run_slow_clients(
    address: tuple[str, int], number: int, pause: float, most: float, serve: Callable[[], None]
) -> tuple[list[float], list[float]]:
    """Run many slow clients, and measure other requests meanwhile.

    Args:
        address: the server's.
        number: how many clients.
        pause: seconds between two of their bytes.
        most: seconds after which a client closes its connection itself.
        serve: sends a request of another client, and raises if it is refused.

    Returns:
        The seconds until each slow connection was closed, and the duration of each other request.
    """
    durations: list[float] = []
    names = list(SLOW_REQUESTS)

    def run(name: str) -> None:
        durations.append(send_slowly(address, name, pause, most))

    threads = [threading.Thread(target=run, args=(names[n % len(names)],)) for n in range(number)]
    for thread in threads:
        thread.start()
    took = []
    while any(thread.is_alive() for thread in threads):
        start = time.monotonic()
        serve()
        took.append(time.monotonic() - start)
        time.sleep(0.05)  # between two looks; each slow client ends within its own bound
    return durations, took
