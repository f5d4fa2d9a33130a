"""Which requests the server takes: the hosts that they may name, and the web pages that may send them.

Any web page can make its visitor's browser send requests to a server on the visitor's own machine, and DNS
rebinding (a name of the attacker's that comes to resolve to 127.0.0.1) lets it read the replies too. So a
request must name a host that is this machine's or was allowed, and a page of another origin may call only
the operations that Cognito lets browsers call without AWS credentials. All is decided before anything is
read or done: a simple cross-origin POST has its effect even where the page cannot read the reply.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Any, Final

from attrs import field, frozen
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from authfsm.local.api.aws_json import TARGET_PREFIX
from authfsm.local.api.operations import OPERATIONS

ANY_ORIGIN: Final = "*"

_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>\d{0,5}))?")
_ORIGIN: Final = re.compile(rf"(?P<scheme>[a-z][a-z0-9+.-]*)://{_HOST.pattern}")
_PORTS: Final = {"http": "80", "https": "443"}
# What Cognito's replies have beyond the headers that every page may read.
_EXPOSED: Final = "x-amzn-RequestId, x-amzn-ErrorType, x-amzn-ErrorMessage, Date, Content-Length"
_FORBIDDEN: Final = "ForbiddenException"

Headers = list[tuple[bytes, bytes]]


def is_loopback_name(name: str) -> bool:
    """Whether a name or address is this machine's own, whatever a name server says.

    "Users may assume that IPv4 and IPv6 address queries for localhost names will always resolve to the
    respective IP loopback address", those that end in `.localhost` among them -- RFC 6761, 6.3
    """
    plain = name.lower().removesuffix(".")
    if plain == "localhost" or plain.endswith(".localhost"):
        return True
    try:
        address = ip_address(plain)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _bare(name: str) -> str:
    return name.strip("[]").removesuffix(".")


def _hosts(given: Iterable[str]) -> tuple[str, ...]:
    hosts = []
    for each in given:
        plain = each.lower().strip()
        found = _HOST.fullmatch(
            f"[{plain}]" if plain.count(":") > 1 and "[" not in plain else plain
        )
        if found is None or found["port"] is not None:
            raise ValueError(
                f"a host is a name or an address without scheme and port, not {each!r}"
            )
        hosts.append(_bare(found["name"]))
    return tuple(hosts)


def _origins(given: Iterable[str] | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    origins = []
    for each in given:
        found = _ORIGIN.fullmatch(each.lower().strip())
        if found is None and each != ANY_ORIGIN:
            raise ValueError(f"an origin is scheme://host or scheme://host:port, not {each!r}")
        origins.append(_normal(found) if found else each)
    return tuple(origins)


def _normal(origin: re.Match[str]) -> str:
    """An origin as browsers write it: without the port that its scheme implies."""
    scheme, port = origin["scheme"], origin["port"]
    plain = f"{scheme}://{origin['name']}"
    return f"{plain}:{port}" if port and port != _PORTS.get(scheme) else plain


@frozen
class AccessRules:
    """Who may use the server.

    Args:
        hosts: names or addresses, beside those of loopback, that a request's Host header may have, with
            any port.
        origins: the origins of web pages that may call the operations without credentials, as
            `https://app.example`; `*` for any. None: every http or https origin on a loopback host.
        open: every host, every origin and every operation, without an Authorization header.

    Raises:
        ValueError: a host or an origin is not written as one.
    """

    hosts: tuple[str, ...] = field(default=(), converter=_hosts)
    origins: tuple[str, ...] | None = field(default=None, converter=_origins)
    open: bool = False

    def allows_host(self, host: str, address: str | None = None) -> bool:
        """Whether a request may have this Host header.

        Args:
            host: the header: a name or an address, perhaps with a port.
            address: the address of this machine that the request came to. It may be named: DNS
                rebinding needs a name.
        """
        found = _HOST.fullmatch(host.lower())
        if self.open or found is None:
            return self.open
        name = _bare(found["name"])
        return is_loopback_name(name) or name in self.hosts or name == address

    def allows_origin(self, origin: str) -> bool:
        """Whether pages of this origin may call the operations that need no credentials."""
        if self.open or (self.origins is not None and ANY_ORIGIN in self.origins):
            return True
        found = _ORIGIN.fullmatch(origin.lower())
        if found is None:  # `null` too: sandboxed frames and files of any site have it
            return False
        if self.origins is None:
            return found["scheme"] in _PORTS and is_loopback_name(_bare(found["name"]))
        return _normal(found) in self.origins


@frozen
class AccessMiddleware:
    """The ASGI application that takes or refuses each request before `app` sees it.

    Args:
        access: who may use the server.
        app: answers what is taken.
        readable: the paths that pages of an allowed origin may GET.
        refused: is called with `host`, `origin` or `operation` for each request that is refused.
    """

    access: AccessRules
    app: ASGIApp
    readable: frozenset[str]
    refused: Callable[[str], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take or refuse one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = _joined_headers(scope["headers"])
        host, origin = headers.get("host", ""), headers.get("origin")
        address = (scope.get("server") or (None,))[0]
        if not self.access.allows_host(host, address):
            await self._refuse(scope, send, "host", _no_such_host(host))
        elif _is_own(headers, host):
            await self.app(scope, receive, send)
        else:
            await self._from_elsewhere(scope, receive, send, headers, origin)

    async def _from_elsewhere(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: Mapping[str, str],
        origin: str | None,
    ) -> None:
        """Answer a request that a page of another origin sent, or a link on it."""
        method, path = scope["method"], scope["path"]
        shared = path == "/" or path in self.readable
        if self.access.open and not shared:
            await self.app(scope, receive, send)  # no page of another origin can read the reply
            return
        if origin is None:
            if (
                shared
                and method in {"GET", "HEAD"}
                and (self.access.open or _is_navigation(headers))
            ):
                await self.app(scope, receive, send)
            else:
                await self._refuse(scope, send, "origin", _NOT_FOR_OTHERS)
            return
        if not self.access.allows_origin(origin):
            await self._refuse(scope, send, "origin", _no_such_origin(origin))
            return
        asked = headers.get("access-control-request-method")
        preflight = method == "OPTIONS" and asked is not None
        reads = (asked if preflight else method) in {"GET", "HEAD"}
        if not shared or (path == "/" and reads and not self.access.open):
            await self._refuse(scope, send, "origin", _NOT_FOR_OTHERS)
            return
        cors = self._cors(origin)
        if preflight:
            await _send(send, 200, b"", [*cors, *_preflight(headers)])
            return
        operation = headers.get("x-amz-target", "").removeprefix(TARGET_PREFIX)
        known = OPERATIONS.get(operation)
        if known is not None and not known.public and not self.access.open:
            await self._refuse(scope, send, "operation", _needs_credentials(operation), cors)
            return

        async def with_cors(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *cors]}
            await send(message)

        await self.app(scope, receive, with_cors)

    def _cors(self, origin: str) -> Headers:
        origins = self.access.origins
        any_origin = self.access.open or (origins is not None and ANY_ORIGIN in origins)
        allowed = ANY_ORIGIN if any_origin else origin
        return [
            (b"access-control-allow-origin", allowed.encode("latin-1")),
            (b"access-control-expose-headers", _EXPOSED.encode()),
            (b"vary", b"Origin"),
        ]

    async def _refuse(
        self, scope: Scope, send: Send, reason: str, why: str, cors: Iterable[Any] = ()
    ) -> None:
        self.refused(reason)
        said = {"message": why}
        headers: Headers = [(b"content-type", b"application/json"), *cors]
        if scope["method"] == "POST":  # as AWS clients read errors
            said = {"__type": _FORBIDDEN, **said}
            headers.append((b"x-amzn-errortype", f"{_FORBIDDEN}:".encode()))
        # The body of the request is not waited for.
        headers.append((b"connection", b"close"))
        await _send(send, 403, json.dumps(said).encode(), headers)


async def _send(send: Send, status: int, body: bytes, headers: Headers) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def _preflight(headers: Mapping[str, str]) -> Headers:
    """What a preflight asked for. Whether the request itself is taken is decided when it comes."""
    allowed = [(b"access-control-allow-methods", b"GET, POST"), (b"access-control-max-age", b"600")]
    if (named := headers.get("access-control-request-headers")) is not None:
        allowed.append((b"access-control-allow-headers", named.encode("latin-1")))
    if headers.get("access-control-request-private-network") == "true":
        allowed.append((b"access-control-allow-private-network", b"true"))
    return allowed


def _joined_headers(given: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers; of one that is there twice, both values, which is no host and no origin."""
    read: dict[str, str] = {}
    for name, value in given:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        read[key] = f"{read[key]}, {text}" if key in read else text
    return read


def _is_own(headers: Mapping[str, str], host: str) -> bool:
    """Whether the request comes from no web page, from this server's own, or from the address bar."""
    origin = headers.get("origin")
    if origin is None:
        # Every browser of today sends this header (Fetch Metadata Request Headers, W3C).
        return headers.get("sec-fetch-site", "none") in {"none", "same-origin"}
    page, here = _ORIGIN.fullmatch(origin.lower()), _HOST.fullmatch(host.lower())
    if page is None or here is None or page["name"] != here["name"]:
        return False
    implied = _PORTS.get(page["scheme"])
    return (page["port"] or implied) == (here["port"] or implied)


def _is_navigation(headers: Mapping[str, str]) -> bool:
    """Whether a person followed a link; the page that it is on cannot read what comes."""
    return (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == (
        "navigate",
        "document",
    )


_NOT_FOR_OTHERS: Final = "This is not for pages of other origins."


def _no_such_host(host: str) -> str:
    found = _HOST.fullmatch(host.lower())
    if found is None:
        return "The Host header is missing or is not a host."
    name = _bare(found["name"])
    return (
        f"This server does not answer to the host {name}. Start authfsm serve with --allow-host {name}"
        " to allow it, or with --open to allow every host."
    )


def _no_such_origin(origin: str) -> str:
    if _ORIGIN.fullmatch(origin.lower()) is None:
        return "This server takes no requests from pages without an origin of their own."
    return (
        f"This server takes no requests from pages of {origin}. Start authfsm serve with --cors {origin}"
        " to allow the operations that need no AWS credentials, or with --open to allow everything."
    )


def _needs_credentials(operation: str) -> str:
    return (
        f"{operation} needs AWS credentials, and pages of other origins may call only the operations that"
        " need none. Call it from a program, or start authfsm serve with --open."
    )


class ListenError(Exception):
    """The address cannot be listened at, and why."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: a name or address.
        port: 0 for any that is free.

    Raises:
        ListenError: it cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=1024)
    except OSError as error:
        raise ListenError(f"cannot listen at {host}:{port}: {error.strerror or error}") from None


def url_of(host: str, sock: socket.socket) -> str:
    """The URL of what listens there, for clients on this machine."""
    port = sock.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared only
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(sock: socket.socket) -> bool:
    """Can only this machine reach it?"""
    return ip_address(sock.getsockname()[0].partition("%")[0]).is_loopback
