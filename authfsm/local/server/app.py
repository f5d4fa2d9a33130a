"""The ASGI application: Cognito's protocol, the pools' discovery documents, and a page for developers.

POST /                                       Cognito's JSON protocol
GET  /<pool id>/.well-known/jwks.json        the keys that verify its tokens
GET  /<pool id>/.well-known/openid-configuration
GET  /                                       the page, with /events, /diagram.svg and /sign-ins/<n>.svg
GET  /outbox                                 the codes that Cognito would have sent
GET  /health

The pools work in one thread of their own, so that the event loop never waits. `access` decides which requests
get here.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import anyio
from attrs import frozen
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from authfsm.local.api.aws_json import error_reply
from authfsm.local.api.pool import LocalPool
from authfsm.local.api.region import StateFileError
from authfsm.local.server import page
from authfsm.local.server.access import AccessMiddleware
from authfsm.local.server.service import Service
from authfsm.local.server.sign_in_tracker import TrackedStep

MAX_BODY_BYTES: Final = 1 << 20
"""The largest body that the server reads; Cognito's largest request is far smaller."""

REQUEST_SECONDS: Final = 20.0
"""How long a body may take to arrive."""

_POLL_SECONDS: Final = 0.15  # between two checks for changes
_POLLS_PER_HEARTBEAT: Final = 100
_MAX_NUMBER_DIGITS: Final = 9

_SHARED: Final = re.compile(r"/health|/[^/]+/\.well-known/(jwks\.json|openid-configuration)")

T = TypeVar("T")


def create_app(service: Service, is_closing: Callable[[], bool] = lambda: False) -> ASGIApp:
    """Return the ASGI application of a pool; open event streams end when `is_closing` returns true."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="pool")
    endpoints = _Endpoints(service, is_closing, thread)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        thread.shutdown()

    routes = Starlette(
        routes=[
            Route("/", endpoints.page, methods=["GET"]),
            Route("/{pool}/.well-known/jwks.json", endpoints.jwks),
            Route("/{pool}/.well-known/openid-configuration", endpoints.openid_configuration),
            Route("/health", endpoints.health),
            Route("/outbox", endpoints.outbox),
            Route("/events", endpoints.events),
            Route("/diagram.svg", endpoints.diagram),
            Route("/sign-ins/{number}.svg", endpoints.sign_in_diagram),
        ],
        exception_handlers={HTTPException: _http_error},
        lifespan=lifespan,
    )
    # A redirect's URL contains the query, which starlette expects to be UTF-8.
    routes.router.redirect_slashes = False

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # Starlette's routing costs time that every sign-in would pay for.
        is_call = scope.get("method") == "POST" and scope["path"] == "/"
        await (endpoints.cognito if is_call else routes)(scope, receive, send)

    def log_refusal(reason: str) -> None:
        service.log.write("request refused", level="warning", reason=reason)

    return AccessMiddleware(service.access, app, _SHARED, log_refusal)


class _BodyTooLarge(Exception):
    """A request's body is larger than `MAX_BODY_BYTES`."""


class _Disconnected(Exception):
    """The client closed the connection before the request was complete."""


@frozen
class _Endpoints:
    """The endpoints of a pool that works in its own thread."""

    service: Service
    is_closing: Callable[[], bool]
    thread: ThreadPoolExecutor

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function in the pool's thread."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, function, *arguments)

    async def cognito(self, scope: Scope, receive: Receive, send: Send) -> None:
        """POST /: one operation."""
        headers = Headers(scope=scope)
        try:
            with anyio.fail_after(REQUEST_SECONDS):
                body = await _read_body(headers.get("content-length", ""), receive)
        except _Disconnected:
            return
        except _BodyTooLarge:
            why = f"larger than {MAX_BODY_BYTES} bytes"
            response = self._unread(413, "RequestEntityTooLargeException", why)
        except TimeoutError:
            why = f"not received within {REQUEST_SECONDS:g} seconds"
            response = self._unread(408, "RequestTimeoutException", why)
        else:
            # Repeated headers are joined, as in `access`, so that both see the same operation.
            target = ", ".join(headers.getlist("x-amz-target"))
            authorization = headers.get("authorization", "")
            reply = await self.run(self.service.exchange, target, body, authorization)
            response = Response(reply.body, reply.status, reply.headers)
        await response(scope, receive, send)

    def _unread(self, status: int, code: str, why: str) -> Response:
        self.service.log.write("request not read", status=status, error=code)
        request_id = self.service.pool.request_id()
        reply = error_reply(code, f"The request is {why}.", request_id, status=status)
        # The connection closes because the rest of the body stays unread.
        return Response(reply.body, status, {**reply.headers, "Connection": "close"})

    async def jwks(self, request: Request) -> Response:
        """The keys that verify the tokens of a pool."""
        return JSONResponse(await self.run(self.service.jwks, await self._pool_of(request)))

    async def _pool_of(self, request: Request) -> LocalPool:
        pool_id = request.path_params["pool"]
        try:
            pool = await self.run(self.service.cognito.pools.get, pool_id)
        except StateFileError as error:
            raise HTTPException(500, str(error)) from None
        if pool is None:
            raise HTTPException(404, f"There is no user pool {pool_id[:60]}.")
        return pool

    async def openid_configuration(self, request: Request) -> Response:
        """The OpenID Connect discovery document of a pool."""
        issuer = (await self._pool_of(request)).issuer
        return JSONResponse(
            {
                "issuer": issuer,
                "jwks_uri": f"{issuer}/.well-known/jwks.json",
                "id_token_signing_alg_values_supported": ["RS256"],
                "subject_types_supported": ["public"],
                "response_types_supported": ["code", "token"],
                "scopes_supported": ["openid", "email", "phone", "profile"],
            }
        )

    async def health(self, _: Request) -> Response:
        """The pool's id, if the server is up."""
        return JSONResponse({"status": "ok", "pool": self.service.pool.pool_id})

    async def page(self, _: Request) -> Response:
        """The page."""
        return Response(page.html(), media_type="text/html", headers=page.headers())

    async def diagram(self, request: Request) -> Response:
        """The whole protocol as a picture."""
        return await self._picture(request, None)

    async def sign_in_diagram(self, request: Request) -> Response:
        """The path of one sign-in as a picture."""
        number = str(request.path_params["number"])
        # Not starlette's `int` convertor: int() raises for more than 4,300 digits.
        valid = number.isascii() and number.isdigit() and len(number) <= _MAX_NUMBER_DIGITS
        sign_in = self.service.tracker.get(int(number)) if valid else None
        if sign_in is None:
            raise HTTPException(404, f"The server remembers no sign-in {number[:20]}.")
        return await self._picture(request, tuple(sign_in.steps))

    async def _picture(self, request: Request, steps: tuple[TrackedStep, ...] | None) -> Response:
        dark = request.query_params.get("theme") == "dark"
        try:
            # Not in the pool's thread: drawing must not delay sign-ins.
            svg = await asyncio.to_thread(page.picture, steps, dark)
        except page.PictureUnavailable as error:
            raise HTTPException(503, str(error)) from None
        return Response(svg, media_type="image/svg+xml", headers=page.headers())

    async def outbox(self, request: Request) -> Response:
        """The messages, the oldest first; `?username=` for those of one user or address."""
        name = request.query_params.get("username")
        messages = await self.run(page.outbox_data, self.service, name)
        # ASCII: a username may contain a lone surrogate, which UTF-8 cannot encode.
        body = json.dumps({"messages": messages})
        return Response(body, media_type="application/json", headers=page.headers())

    async def events(self, _: Request) -> Response:
        """The page's data, now and after every change, as server-sent events."""
        headers = {**page.headers(), "X-Accel-Buffering": "no"}
        return StreamingResponse(self._changes(), media_type="text/event-stream", headers=headers)

    async def _changes(self) -> AsyncIterator[str]:
        sent_version, polls = -1, 0
        while not self.is_closing():
            if self.service.version != sent_version:
                sent_version, polls = self.service.version, 0
                yield f"data: {json.dumps(await self.run(page.page_data, self.service))}\n\n"
            polls += 1
            if polls % _POLLS_PER_HEARTBEAT == 0:
                yield ": heartbeat\n\n"
            await asyncio.sleep(_POLL_SECONDS)


async def _http_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"message": error.detail}, error.status_code, error.headers)


async def _read_body(declared: str, receive: Receive) -> bytes:
    if declared.isdecimal() and int(declared[:20]) > MAX_BODY_BYTES:
        raise _BodyTooLarge
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            raise _BodyTooLarge
    return body
