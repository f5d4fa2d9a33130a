"""Where the server listens."""

from __future__ import annotations

import socket
from ipaddress import ip_address


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
