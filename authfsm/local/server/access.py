"""Decides which hosts a request may name in its Host header, and which web pages may send requests.

Any web page can make its visitor's browser send requests to a server on the visitor's machine. With DNS
rebinding (the attacker's host name later resolves to 127.0.0.1) the page can also read the replies. So a request must
name a loopback host, an allowed one or the server's address, and a page of another origin may call only operations that
Cognito lets browsers call without AWS credentials. The server decides before it executes the request, because a browser
sends a simple POST even if it does not let the page read the reply.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from attrs import evolve, field, frozen

from authfsm.local.api.aws_json import TARGET_PREFIX, HttpReply
from authfsm.local.api.operations import needs_credentials
from authfsm.local.server.http_connection import HttpRequest, json_reply

ANY_ORIGIN: Final = "*"

_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>\d{0,5}))?")
_ORIGIN: Final = re.compile(rf"(?P<scheme>[a-z][a-z0-9+.-]*)://{_HOST.pattern}")
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_READ_METHODS: Final = ("GET", "HEAD")
_EXPOSED_HEADERS: Final = "x-amzn-RequestId, x-amzn-ErrorType, x-amzn-ErrorMessage, Date, Content-Length"
_FORBIDDEN: Final = "ForbiddenException"
_SAME_ORIGIN_ONLY: Final = "Pages of other origins may not request this."
_NEEDS_CREDENTIALS: Final = (
    "needs AWS credentials, and pages of other origins may call only operations that need none."
    " Call it from a program, or start authfsm serve with --open."
)


@lru_cache(maxsize=256)
def is_loopback_name(name: str) -> bool:
    """Return whether a host name or address is a loopback one, without asking DNS (RFC 6761, 6.3)."""
    plain = name.lower().removesuffix(".")
    if plain == "localhost" or plain.endswith(".localhost"):
        return True
    try:
        address = ip_address(plain)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _host_name(host: re.Match[str]) -> str:
    return str(host["name"]).strip("[]").removesuffix(".")


def _parse_hosts(hosts: Iterable[str]) -> tuple[str, ...]:
    names = []
    for host in hosts:
        plain = host.lower().strip()
        is_ipv6 = plain.count(":") > 1 and "[" not in plain
        match = _HOST.fullmatch(f"[{plain}]" if is_ipv6 else plain)
        if match is None or match["port"] is not None:
            raise ValueError(f"a host must be a name (in punycode) or an address without scheme and port, not {host!r}")
        names.append(_host_name(match))
    return tuple(names)


def _parse_origins(origins: Iterable[str] | None) -> tuple[str, ...] | None:
    if origins is None:
        return None
    parsed = []
    for origin in origins:
        match = _ORIGIN.fullmatch(origin.lower().strip())
        if match is None and origin != ANY_ORIGIN:
            raise ValueError(f"an origin must be scheme://host or scheme://host:port, host in punycode, not {origin!r}")
        parsed.append(_without_default_port(match) if match else origin)
    return tuple(parsed)


def _without_default_port(origin: re.Match[str]) -> str:
    """Return an origin without the default port of its scheme, as browsers send it."""
    scheme, port = origin["scheme"], origin["port"]
    plain = f"{scheme}://{origin['name']}"
    return f"{plain}:{port}" if port and port != _DEFAULT_PORTS.get(scheme) else plain


@frozen
class AccessRules:
    """The hosts that requests may name beside loopback hosts and the server's address, and the allowed origins.

    Pages of `origins` may call the operations that need no credentials. If `origins` is None, these are the http and
    https pages of loopback hosts. With `open`, every host, origin and operation is allowed.
    """

    hosts: tuple[str, ...] = field(default=(), converter=_parse_hosts)
    origins: tuple[str, ...] | None = field(default=None, converter=_parse_origins)
    open: bool = False

    @property
    def any_origin(self) -> bool:
        """Whether pages of every origin may call the operations that need no credentials."""
        return self.open or (self.origins is not None and ANY_ORIGIN in self.origins)

    def allows_host(self, host: str, address: str | None = None) -> bool:
        """Return whether a request to this address of the server may have this Host header."""
        match = _HOST.fullmatch(host.lower())
        if self.open or match is None:
            return self.open
        name = _host_name(match)
        # The address itself is safe: DNS rebinding needs a name.
        return is_loopback_name(name) or name in self.hosts or name == address

    def allows_origin(self, origin: str) -> bool:
        """Return whether pages of this origin may call the operations that need no credentials."""
        if self.any_origin:
            return True
        match = _ORIGIN.fullmatch(origin.lower())
        if match is None:  # also `null`, which browsers send for sandboxed frames and local files
            return False
        if self.origins is None:
            return match["scheme"] in _DEFAULT_PORTS and is_loopback_name(_host_name(match))
        return _without_default_port(match) in self.origins


@frozen
class AccessCheck:
    """Refuses requests by the rules; allowed pages of other origins may POST to `/` and read `shared_paths`."""

    rules: AccessRules
    shared_paths: re.Pattern[str]
    on_refusal: Callable[..., None]  # is called with reason="host", "origin" or "operation"

    def decide(self, request: HttpRequest) -> HttpReply | dict[str, str]:
        """Return the CORS headers for the reply to an allowed request, or the reply that refuses the request."""
        host = request.headers.get("host", "")
        if not self.rules.allows_host(host, request.server_address):
            return self._refusal(request, "host", _host_refusal_text(host))
        return {} if _is_same_origin(request.headers, host) else self._decide_cross_origin(request)

    def _decide_cross_origin(self, request: HttpRequest) -> HttpReply | dict[str, str]:
        """Decide about a request that a page of another origin sent, or that follows a link on such a page."""
        method, path, headers, is_open = request.method, request.path, request.headers, self.rules.open
        shared = path == "/" or self.shared_paths.fullmatch(path) is not None
        if is_open and not shared:
            return {}  # Without CORS headers the page cannot read the reply.
        if "origin" not in headers:
            # Following a link to a shared path is allowed, because the page with the link cannot read the reply.
            fetch = [headers.get(f"sec-fetch-{name}") for name in ("mode", "dest")]
            reads = method in _READ_METHODS and (is_open or fetch == ["navigate", "document"])
            return {} if shared and reads else self._refusal(request, "origin", _SAME_ORIGIN_ONLY)
        origin = headers["origin"]
        preflight_method = headers.get("access-control-request-method")
        is_preflight = method == "OPTIONS" and preflight_method is not None
        reads = (preflight_method if is_preflight else method) in _READ_METHODS
        allowed = self.rules.allows_origin(origin)
        if not allowed or not shared or (path == "/" and reads and not is_open):
            return self._refusal(request, "origin", _SAME_ORIGIN_ONLY if allowed else _origin_refusal_text(origin))
        cors = {
            "access-control-allow-origin": ANY_ORIGIN if self.rules.any_origin else origin,
            "access-control-expose-headers": _EXPOSED_HEADERS,
            "vary": "Origin",
        }
        if is_preflight:
            return HttpReply(200, {**cors, **_preflight_headers(headers)}, b"")
        name = headers.get("x-amz-target", "").removeprefix(TARGET_PREFIX)
        if needs_credentials(name) and not is_open:
            refusal = self._refusal(request, "operation", f"{name} {_NEEDS_CREDENTIALS}")
            return evolve(refusal, headers={**refusal.headers, **cors})
        return cors

    def _refusal(self, request: HttpRequest, reason: str, message: str) -> HttpReply:
        self.on_refusal(reason=reason)
        error = {"message": message}
        headers = {"Connection": "close"}  # The server does not read the request's body.
        if request.method == "POST":  # AWS clients expect errors in this shape.
            error = {"__type": _FORBIDDEN, **error}
            headers["x-amzn-errortype"] = f"{_FORBIDDEN}:"
        return json_reply(error, 403, headers)


def _preflight_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that allow all that a preflight asks for; the request itself is checked when it arrives."""
    allowed = {"access-control-allow-methods": "GET, POST", "access-control-max-age": "600"}
    if (names := headers.get("access-control-request-headers")) is not None:
        allowed["access-control-allow-headers"] = names
    if headers.get("access-control-request-private-network") == "true":
        allowed["access-control-allow-private-network"] = "true"
    return allowed


def _is_same_origin(headers: Mapping[str, str], host: str) -> bool:
    """Return whether the request comes from a program, the server's own page or the address bar."""
    if "origin" not in headers:
        # Current browsers send Sec-Fetch-Site to loopback hosts and over HTTPS (W3C, Fetch Metadata); programs do not.
        return headers.get("sec-fetch-site", "none") in {"none", "same-origin"}
    page, here = (_ORIGIN.fullmatch(headers["origin"].lower()), _HOST.fullmatch(host.lower()))
    if page is None or here is None or page["name"] != here["name"]:
        return False
    default = _DEFAULT_PORTS.get(page["scheme"])
    return (page["port"] or default) == (here["port"] or default)


def _host_refusal_text(host: str) -> str:
    match = _HOST.fullmatch(host.lower())
    if match is None:
        return "The Host header is missing or is not a host."
    name = _host_name(match)
    return (
        f"This server refuses requests to the host {name}. Start authfsm serve with --allow-host {name}"
        " to allow it, or with --open to allow every host."
    )


def _origin_refusal_text(origin: str) -> str:
    if _ORIGIN.fullmatch(origin.lower()) is None:
        return "This server refuses requests from pages whose origin is not a scheme and a host."
    return (
        f"This server refuses requests from pages of {origin}. Start authfsm serve with"
        f" --cors {origin} to allow the operations that need no AWS credentials, or with --open to"
        " allow everything."
    )
