"""Clients that send one byte now and then, and other clients that are served meanwhile."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AWSCognitoIdentityProviderService.InitiateAuth\r\n"
WAYS: dict[str, tuple[bytes, bytes]] = {
    # how it begins, and what comes again and again, a byte at a time
    "says nothing": (b"", b""),
    "a request line without end": (b"", b"GET /aaaaaaaa"),
    "headers without end": (HEAD, b"X-Header: y\r\n"),
    "a header without end": (HEAD + b"X-Long: ", b"y"),
    "empty lines": (b"", b"\r\n"),
    "a body that is declared": (HEAD + b"Content-Length: 1000\r\n\r\n", b"{"),
    "a body in chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n{\r\n"),
    "a body of no use": (
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
        b"x",
    ),
    "trailers without end": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
        b"X-Trailer: y\r\n",
    ),
    "a second request": (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /health"),
}


def trickle(address: tuple[str, int], way: str, pause: float, most: float) -> float:
    """Send one byte at a time until the server closes the connection, and return the seconds until then.

    Args:
        address: the server's.
        way: one of `WAYS`.
        pause: seconds between two bytes.
        most: seconds after which this client gives up itself.

    Returns:
        The seconds that it was borne.
    """
    begin, again = WAYS[way]
    begun = time.monotonic()
    with socket.create_connection(address, timeout=10) as sock:
        sock.settimeout(pause)
        with contextlib.suppress(OSError):
            sock.sendall(begin)
        for byte in _endless(again):
            if time.monotonic() - begun > most:
                break
            try:
                if byte:
                    sock.sendall(byte)
                while sock.recv(65536):  # until there is no more for now, or the end
                    pass
                break
            except TimeoutError:
                continue
            except OSError:  # it was closed on the other side
                break
    return time.monotonic() - begun


def _endless(again: bytes) -> Iterator[bytes]:
    while True:
        yield from (bytes([each]) for each in again) if again else (b"",)


def many(
    address: tuple[str, int], number: int, pause: float, most: float, serve: Callable[[], None]
) -> tuple[list[float], list[float]]:
    """Run many slow clients, and measure other requests meanwhile.

    Args:
        address: the server's.
        number: how many clients.
        pause: seconds between two of their bytes.
        most: seconds after which a client gives up itself.
        serve: a request of somebody else's, which raises if it is not served.

    Returns:
        How long each slow client was borne, and how long each other request took, in seconds.
    """
    borne: list[float] = []
    ways = list(WAYS)

    def run(way: str) -> None:
        borne.append(trickle(address, way, pause, most))

    threads = [threading.Thread(target=run, args=(ways[n % len(ways)],)) for n in range(number)]
    for thread in threads:
        thread.start()
    took = []
    while any(thread.is_alive() for thread in threads):
        begun = time.monotonic()
        serve()
        took.append(time.monotonic() - begun)
        time.sleep(0.05)  # somebody else, from time to time
    return borne, took
