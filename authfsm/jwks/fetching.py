"""One document over HTTPS, by the standard library: in the open never, within a time and a size."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
    build_opener,
)

from authfsm.base.concurrency import call_within

SECONDS: Final = 5.0
"""A document of a kilobyte that takes longer than this will not come."""
BYTES: Final = 65_536
"""A pool publishes two keys, about one kilobyte."""


class _NoRedirect(HTTPRedirectHandler):
    """A key set is where its issuer says, and nowhere else: not in the open, not on another host."""

    def redirect_request(self, *_: Any) -> None:
        """None: the redirection becomes an HTTPError."""


def is_private(url: str) -> bool:
    """Can nobody on the way change what comes from there: is it HTTPS, or this machine itself?"""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def fetch_https(url: str, *, seconds: float = SECONDS, most: int = BYTES) -> bytes:
    """Return the document at a URL. Proxies are taken from the environment, as urllib does; redirections are not.

    Args:
        url: where; `http` on this machine only.
        seconds: how long the whole may take: looking the name up, connecting, headers and body.
        most: its greatest size, in bytes.

    Raises:
        ValueError: the URL is not one that keys can be trusted from; the document is too large.
        TimeoutError: it did not come within `seconds`.
        OSError: it cannot be had.
    """
    if not is_private(url):
        raise ValueError("keys come by https, or from this machine")
    sockets = _Sockets(seconds)
    return call_within(seconds, _document, url, most, sockets, give_up=sockets.shut)


class _Sockets:
    """The sockets that one fetch has opened, to be shut when its time is up.

    The standard library's timeout bounds each `recv`, so that a peer that sends a byte now and then is
    never late. A socket that is shut ends the thread that reads from it.

    Args:
        seconds: how long each step at a socket may take.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._opened: list[socket.socket] = []
        self._late = False

    def shut(self) -> None:
        """Shut them all, and each that is opened from now on."""
        with self._lock:
            self._late = True
            for each in self._opened:
                with suppress(OSError):
                    # Of an SSLSocket, too, by the plain socket's method: its own takes away what another
                    # thread is reading with.
                    socket.socket.shutdown(each, socket.SHUT_RDWR)

    def opened(self, each: socket.socket) -> None:
        with self._lock:
            self._opened.append(each)
        if self._late:
            self.shut()

    def opener(self) -> OpenerDirector:
        """An opener whose connections are of this kind."""
        opened = self.opened

        class Plain(http.client.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                opened(self.sock)

        class Secure(http.client.HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                opened(self.sock)

        class PlainHandler(HTTPHandler):
            def http_open(self, req: Request) -> http.client.HTTPResponse:
                return self.do_open(Plain, req)

        class SecureHandler(HTTPSHandler):
            def https_open(self, req: Request) -> http.client.HTTPResponse:
                return self.do_open(Secure, req)

        return build_opener(_NoRedirect, PlainHandler, SecureHandler)


def _document(url: str, most: int, sockets: _Sockets) -> bytes:
    try:
        with sockets.opener().open(url, timeout=sockets.seconds) as reply:
            document: bytes = reply.read(most + 1)
    except HTTPError as error:
        error.close()
        raise OSError(f"the answer was HTTP {error.code}") from None
    except http.client.HTTPException as error:
        raise OSError(f"the answer was no HTTP ({type(error).__name__})") from None
    if len(document) > most:
        raise ValueError(f"the document has more than {most} bytes")
    return document
