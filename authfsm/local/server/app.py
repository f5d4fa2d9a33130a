"""The application: Cognito's protocol, the pools' discovery documents, and a page for developers.

POST /                                       Cognito's JSON protocol
GET  /<pool id>/.well-known/jwks.json        the keys that verify its tokens
GET  /<pool id>/.well-known/openid-configuration
GET  /                                       the page, with /events, /diagram.svg and /sign-ins/<n>.svg
GET  /outbox                                 the codes that Cognito would have sent
GET  /health

A request is answered in the thread of its connection; `access` decides which requests get here.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from attrs import evolve

from authfsm.local.api.aws_json import HttpReply, error_reply
from authfsm.local.api.region import StateFileError
from authfsm.local.server import page
from authfsm.local.server.access import AccessCheck
from authfsm.local.server.http_connection import HttpRequest, RequestRefused, StreamedReply, json_reply
from authfsm.local.server.service import Service
from authfsm.local.server.sign_in_tracker import TrackedStep

_POLL_SECONDS: Final = 0.15  # between two checks for changes
_POLLS_PER_HEARTBEAT: Final = 30

_DOCUMENTS: Final = r"jwks\.json|openid-configuration"
_SHARED: Final = re.compile(rf"/health|/[^/]+/\.well-known/({_DOCUMENTS})")
_UNREAD: Final = {408: "RequestTimeoutException", 413: "RequestEntityTooLargeException"}


class App:
    """Answers the requests for a service; its event streams end when `is_closing` returns true."""

    def __init__(self, service: Service, is_closing: Callable[[], bool] = lambda: False) -> None:
        self.service, self._is_closing = service, is_closing
        log_refusal = partial(service.log.write, "request refused", level="warning")
        self._access = AccessCheck(service.access, _SHARED, log_refusal)

    def respond(self, request: HttpRequest) -> HttpReply:
        """Return the reply to a request; a bug is logged and answered with status 500."""
        try:
            cors = self._access.decide(request)
            if isinstance(cors, HttpReply):
                return cors
            is_call = request.method == "POST" and request.path == "/"
            reply = self._cognito(request) if is_call else self._read(request)
        except (ConnectionError, RequestRefused):  # the client has gone, or is refused
            raise
        except Exception as error:  # noqa: BLE001 - the client gets a reply all the same
            self.service.log.write_error("internal error", error)
            return json_reply({"message": "The server failed; its log says where."}, 500)
        return evolve(reply, headers={**reply.headers, **cors}) if cors else reply

    def _cognito(self, request: HttpRequest) -> HttpReply:
        """POST /: one operation."""
        headers = request.headers
        try:
            body = request.body()
        except RequestRefused as refused:
            if refused.status not in _UNREAD:
                raise
            code, request_id = _UNREAD[refused.status], self.service.pool.request_id()
            self.service.log.write("request not read", status=refused.status, error=code)
            reply = error_reply(code, refused.why, request_id, status=refused.status)
            # The connection closes because the rest of the body stays unread.
            return evolve(reply, headers={**reply.headers, "Connection": "close"})
        return self.service.exchange(headers.get("x-amz-target", ""), body, headers.get("authorization", ""))

    def _read(self, request: HttpRequest) -> HttpReply:
        """Answer a GET or HEAD."""
        for pattern, answer in _ROUTES:
            if found := pattern.fullmatch(request.path):
                if request.method not in {"GET", "HEAD"}:
                    return json_reply({"message": "Method Not Allowed"}, 405, {"Allow": "GET, HEAD"})
                return answer(self, request, **found.groupdict())
        return json_reply({"message": "Not Found"}, 404)

    def well_known(self, _: HttpRequest, pool: str, document: str) -> HttpReply:
        """Return the keys that verify the tokens of a pool, or its OpenID Connect discovery document."""
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
        """Return the path of one sign-in as a picture."""
        sign_in = self.service.tracker.get(int(number))
        if sign_in is None:
            return json_reply({"message": f"The server remembers no sign-in {number}."}, 404)
        return _picture(request, tuple(sign_in.steps))

    def outbox(self, request: HttpRequest) -> HttpReply:
        """Return the messages, the oldest first; `?username=` for those of one user or address."""
        messages = page.outbox_data(self.service, request.query.get("username"))
        return json_reply({"messages": messages}, headers=page.headers())

    def events(self, _: HttpRequest) -> HttpReply:
        """Return the page's data, now and after every change, as server-sent events."""
        media_type = "text/event-stream; charset=utf-8"
        headers = {"Content-Type": media_type, **page.headers(), "X-Accel-Buffering": "no"}
        return StreamedReply(200, headers, b"", self._changes())

    def _changes(self) -> Iterator[bytes]:
        sent_version, polls = -1, 0
        while not self._is_closing():
            if self.service.version != sent_version:
                sent_version, polls = self.service.version, 0
                try:
                    data = json.dumps(page.page_data(self.service))
                except Exception as error:  # noqa: BLE001 - a bug, which the log reports; the stream ends
                    self.service.log.write_error("internal error", error)
                    return
                yield f"data: {data}\n\n".encode()
            polls += 1
            if polls % _POLLS_PER_HEARTBEAT == 0:
                yield b": heartbeat\n\n"  # fails if the client has gone
            time.sleep(_POLL_SECONDS)  # until the next check for changes; ends when the server closes


_ROUTES: Final[tuple[tuple[re.Pattern[str], Callable[..., HttpReply]], ...]] = tuple(
    (re.compile(pattern), answer)
    for pattern, answer in (
        (r"/", lambda *_: _part(page.html(), "text/html; charset=utf-8")),
        (rf"/(?P<pool>[^/]+)/\.well-known/(?P<document>{_DOCUMENTS})", App.well_known),
        (
            r"/health",
            lambda app, _: json_reply({"status": "ok", "pool": next(iter(app.service.cognito.pools), None)}),
        ),
        (r"/outbox", App.outbox),
        (r"/events", App.events),
        (r"/diagram\.svg", lambda _, request: _picture(request, None)),
        (r"/sign-ins/(?P<number>[0-9]{1,9})\.svg", App.sign_in_diagram),
    )
)


def _part(body: bytes, media_type: str) -> HttpReply:
    """Return a part of the page."""
    return HttpReply(200, {"Content-Type": media_type, **page.headers()}, body)


def _picture(request: HttpRequest, steps: tuple[TrackedStep, ...] | None) -> HttpReply:
    try:
        svg = page.picture(steps, request.query.get("theme") == "dark")
    except page.PictureUnavailable as error:
        return json_reply({"message": str(error)}, 503)
    return _part(svg.encode(), "image/svg+xml")
