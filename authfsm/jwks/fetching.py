"""One document over HTTPS, by the standard library: in the open never, within a time and a size."""

from __future__ import annotations

import http.client
import time
from ipaddress import ip_address
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

SECONDS: Final = 5.0
"""A document of a kilobyte that takes longer than this will not come."""
BYTES: Final = 65_536
"""A pool publishes two keys, about one kilobyte."""


class _NoRedirect(HTTPRedirectHandler):
    """A key set is where its issuer says, and nowhere else: not in the open, not on another host."""

    def redirect_request(self, *_: Any) -> None:
        """None: the redirection becomes an HTTPError."""


_OPENER: Final = build_opener(_NoRedirect)


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


def over_https(url: str, *, seconds: float = SECONDS, most: int = BYTES) -> bytes:
    """The document at a URL. Proxies are taken from the environment, as urllib does; redirections are not.

    Args:
        url: where; `http` on this machine only.
        seconds: how long the whole may take.
        most: its greatest size, in bytes.

    Raises:
        ValueError: the URL is not one that keys can be trusted from; the document is too large.
        OSError: it cannot be had, or not in time.
    """
    if not is_private(url):
        raise ValueError("keys come by https, or from this machine")
    deadline = time.monotonic() + seconds
    try:
        with _OPENER.open(url, timeout=seconds) as reply:
            document = b""
            while chunk := reply.read1(BYTES):
                document += chunk
                if len(document) > most:
                    raise ValueError(f"the document has more than {most} bytes")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the document took more than {seconds} s")
            return document
    except HTTPError as error:
        error.close()
        raise OSError(f"the answer was HTTP {error.code}") from None
    except http.client.HTTPException as error:
        raise OSError(f"the answer was no HTTP ({type(error).__name__})") from None
