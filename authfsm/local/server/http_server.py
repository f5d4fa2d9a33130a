"""The HTTP server: its routes, and a thread for each connection until SIGTERM or SIGINT.

POST /                                       Cognito's JSON protocol
GET  /<pool id>/.well-known/jwks.json        the keys that verify the pool's tokens
GET  /<pool id>/.well-known/openid-configuration
GET  /                                       the page for developers, with /events, /diagram.svg and /sign-ins/<n>.svg
GET  /outbox                                 the messages that Cognito would have sent
GET  /health

The thread of a connection answers its requests; the module `access` decides which requests are allowed.
"""

from __future__ import annotations

import gc
import json
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from threading import Event, Thread
from typing import Final

from attrs import evolve

from authfsm.local.api.aws_json import HttpReply, error_reply
from authfsm.local.api.region import StateFileError
from authfsm.local.server import http_connection as http
from authfsm.local.server import page
from authfsm.local.server.access import AccessCheck
from authfsm.local.server.http_connection import HttpRequest, RequestRefused, json_reply
from authfsm.local.server.service import Service
from authfsm.local.server.sign_in_tracker import TrackedStep

_SHUTDOWN_SECONDS: Final = 5.0  # how long the server waits at its end for requests that it is answering
_MAX_CONNECTIONS: Final = 2000
_OTHER_FILES: Final = 64  # file descriptors that are not connections: the state file, modules and others
_ACCEPT_POLL_SECONDS: Final = 0.1  # between two checks whether the server is to close
_CHANGE_POLL_SECONDS: Final = 0.15  # between two checks whether the page's data has changed
_POLLS_PER_HEARTBEAT: Final = 30

_DOCUMENTS: Final = r"jwks\.json|openid-configuration"
_SHARED_PATHS: Final = re.compile(rf"/health|/[^/]+/\.well-known/({_DOCUMENTS})")
_UNREAD_ERRORS: Final = {408: "RequestTimeoutException", 413: "RequestEntityTooLargeException"}


class ListenError(Exception):
    """The server cannot listen at an address; the message says why."""


def listen(host: str, port: int) -> tuple[socket.socket, str]:
    """Return a listening socket and its URL for clients on this machine; port 0 selects a free port."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.create_server(address[:2], family=family, backlog=1024)
    except (OSError, UnicodeError) as error:  # UnicodeError: the host cannot be a name in DNS
        why = getattr(error, "strerror", None) or error
        raise ListenError(f"cannot listen at {host}:{port}: {why}") from None
    port = sock.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - only compared
    return sock, f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(sock: socket.socket) -> bool:
    """Return whether only this machine can reach a listening socket."""
    return ip_address(sock.getsockname()[0].partition("%")[0]).is_loopback


def run(service: Service, sock: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM arrives, then answer the requests that have begun, and return."""
    closing = Event()
    handlers = {each: signal.signal(each, lambda *_: closing.set()) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        on_ready()  # The socket listens, so clients can connect already.
        gc.freeze()  # The garbage collector need not visit the objects that exist now, because they live until the end.
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
    """Serve the connections of a listening socket until `closing` is set, then finish the requests that have begun."""
    app, connections = App(service, closing.is_set), set[http.HttpConnection]()

    def serve(connection: http.HttpConnection) -> None:
        try:
            connection.serve()
        finally:
            connections.discard(connection)

    sock.settimeout(_ACCEPT_POLL_SECONDS)
    limit, is_full = _connection_limit(), False
    while not closing.is_set():
        try:
            accepted, _ = sock.accept()
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = http.HttpConnection(accepted, app.respond, closing.is_set)
        except OSError as error:  # no client came, the client has gone, or no file descriptor is free
            # Without a free file descriptor `accept` fails at once, so a pause is needed to prevent a busy loop.
            time.sleep(0 if isinstance(error, TimeoutError) else _ACCEPT_POLL_SECONDS)  # `closing` ends the loop
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
        except RuntimeError:  # the system cannot start another thread
            connections.discard(connection)
            accepted.close()
    sock.close()
    until = time.monotonic() + _SHUTDOWN_SECONDS
    while connections and time.monotonic() < until:
        for each in tuple(connections):
            each.close_if_idle()
        time.sleep(_ACCEPT_POLL_SECONDS / 10)  # Requests are still being answered; `until` limits the wait.


def _connection_limit() -> int:
    """Return how many connections may be open at once; each needs one of the process's file descriptors."""
    try:
        from resource import RLIMIT_NOFILE, getrlimit  # noqa: PLC0415 - Windows has no such module
    except ImportError:
        return _MAX_CONNECTIONS
    files, _ = getrlimit(RLIMIT_NOFILE)
    return min(_MAX_CONNECTIONS, max(1, files - _OTHER_FILES)) if files > 0 else _MAX_CONNECTIONS


class App:
    """Answers the requests for a service; its event streams end when `is_closing` returns true."""

    def __init__(self, service: Service, is_closing: Callable[[], bool] = lambda: False) -> None:
        self.service, self._is_closing = service, is_closing
        log_refusal = partial(service.log.write, "request refused", level="warning")
        self._access = AccessCheck(service.access, _SHARED_PATHS, log_refusal)

    def respond(self, request: HttpRequest) -> HttpReply:
        """Return the reply to a request; an unexpected exception is logged and answered with status 500."""
        try:
            cors = self._access.decide(request)
            if isinstance(cors, HttpReply):
                return cors
            is_call = request.method == "POST" and request.path == "/"
            reply = self._answer_operation(request) if is_call else self._answer_route(request)
        except (ConnectionError, RequestRefused):
            raise  # The client has gone, or the connection refuses the request.
        except Exception as error:  # noqa: BLE001 - the client gets a reply even if the server has a bug
            self.service.log.write_error("internal error", error)
            return json_reply({"message": "The server failed; its log says where."}, 500)
        return evolve(reply, headers={**reply.headers, **cors}) if cors else reply

    def _answer_operation(self, request: HttpRequest) -> HttpReply:
        """Answer POST /, which calls an operation of Cognito's API."""
        headers = request.headers
        try:
            body = request.body()
        except RequestRefused as refused:
            if refused.status not in _UNREAD_ERRORS:
                raise
            code, request_id = _UNREAD_ERRORS[refused.status], self.service.pool.request_id()
            self.service.log.write("request not read", status=refused.status, error=code)
            reply = error_reply(code, refused.why, request_id, status=refused.status)
            # The connection closes, because the server does not read the rest of the body.
            return evolve(reply, headers={**reply.headers, "Connection": "close"})
        return self.service.exchange(headers.get("x-amz-target", ""), body, headers.get("authorization", ""))

    def _answer_route(self, request: HttpRequest) -> HttpReply:
        """Answer a request by the route of its path, which allows only GET and HEAD."""
        for pattern, answer in _ROUTES.items():
            if found := re.fullmatch(pattern, request.path):
                if request.method not in {"GET", "HEAD"}:
                    return json_reply({"message": "Method Not Allowed"}, 405, {"Allow": "GET, HEAD"})
                return answer(self, request, **found.groupdict())
        return json_reply({"message": "Not Found"}, 404)

    def well_known(self, _: HttpRequest, pool: str, document: str) -> HttpReply:
        """Return the keys that verify a pool's tokens, or the pool's OpenID Connect discovery document."""
        try:
            found = self.service.cognito.pools.get(pool)
        except StateFileError as error:
            return json_reply({"message": str(error)}, 500)
        if found is None:
            return json_reply({"message": f"There is no user pool {pool[:60]}."}, 404)
        if document == "jwks.json":
            return json_reply(self.service.jwks(found))
        return json_reply(
            {
                "issuer": found.issuer,
                "jwks_uri": f"{found.issuer}/.well-known/jwks.json",
                "id_token_signing_alg_values_supported": ["RS256"],
                "subject_types_supported": ["public"],
                "response_types_supported": ["code", "token"],
                "scopes_supported": ["openid", "email", "phone", "profile"],
            }
        )

    def sign_in_diagram(self, request: HttpRequest, number: str) -> HttpReply:
        """Return the diagram with the path of one sign-in."""
        sign_in = self.service.tracker.get(int(number))
        if sign_in is None:
            return json_reply({"message": f"The server has no sign-in with the number {number}."}, 404)
        return _picture_reply(request, tuple(sign_in.steps))

    def outbox(self, request: HttpRequest) -> HttpReply:
        """Return the messages in the outbox, the oldest first; `?username=` selects those to a user or an address."""
        messages = page.outbox_data(self.service, request.query.get("username"))
        return json_reply({"messages": messages}, headers=page.headers())

    def events(self, _: HttpRequest) -> HttpReply:
        """Send the page's data, at once and after each change, as server-sent events."""
        media_type = "text/event-stream; charset=utf-8"
        headers = {"Content-Type": media_type, **page.headers(), "X-Accel-Buffering": "no"}
        return http.StreamedReply(200, headers, b"", self._changes())

    def _changes(self) -> Iterator[bytes]:
        sent_version, polls = -1, 0
        while not self._is_closing():
            if self.service.version != sent_version:
                sent_version, polls = self.service.version, 0
                try:
                    data = json.dumps(page.page_data(self.service))
                except Exception as error:  # noqa: BLE001 - a bug: it is logged, and the stream ends
                    self.service.log.write_error("internal error", error)
                    return
                yield f"data: {data}\n\n".encode()
            polls += 1
            if polls % _POLLS_PER_HEARTBEAT == 0:
                yield b": heartbeat\n\n"  # Sending it fails if the client has gone.
            time.sleep(_CHANGE_POLL_SECONDS)  # The loop ends when the server closes.


_ROUTES: Final[Mapping[str, Callable[..., HttpReply]]] = {
    r"/": lambda *_: _page_reply(page.html(), "text/html; charset=utf-8"),
    rf"/(?P<pool>[^/]+)/\.well-known/(?P<document>{_DOCUMENTS})": App.well_known,
    r"/health": lambda app, _: json_reply({"status": "ok", "pool": next(iter(app.service.cognito.pools), None)}),
    r"/outbox": App.outbox,
    r"/events": App.events,
    r"/diagram\.svg": lambda _, request: _picture_reply(request, None),
    r"/sign-ins/(?P<number>[0-9]{1,9})\.svg": App.sign_in_diagram,
}


def _page_reply(body: bytes, media_type: str) -> HttpReply:
    return HttpReply(200, {"Content-Type": media_type, **page.headers()}, body)


def _picture_reply(request: HttpRequest, steps: tuple[TrackedStep, ...] | None) -> HttpReply:
    try:
        svg = page.picture(steps, request.query.get("theme") == "dark")
    except page.PictureUnavailable as error:
        return json_reply({"message": str(error)}, 503)
    return _page_reply(svg.encode(), "image/svg+xml")
