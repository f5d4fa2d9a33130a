"""The server's face in HTTP: Cognito's protocol, its discovery documents, and a page for people.

POST /                                       Cognito's JSON protocol
GET  /<pool id>/.well-known/jwks.json        the keys that verify its tokens
GET  /<pool id>/.well-known/openid-configuration
GET  /                                       the page, with /events, /diagram.svg and /sign-ins/<n>.svg
GET  /outbox                                 the codes the pool would have sent
GET  /health

The pool works in one thread of its own, so that the event loop never waits. Which requests are taken at all,
`access` says: pages of other origins may use what Cognito lets them use, and not the outbox.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar

import anyio
from attrs import frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from authfsm.local.api.aws_json import HttpReply
from authfsm.local.server import page
from authfsm.local.server.access import AccessMiddleware
from authfsm.local.server.service import Service, error_reply

_LOOK: Final = 0.15  # seconds between two looks at whether there is news
_HEARTBEAT: Final = 100  # looks without news, until a sign of life
_MOST_DIGITS: Final = 9  # of a sign-in's number

T = TypeVar("T")


@frozen
class _Server:
    """What the endpoints share.

    Args:
        service: the pool as it is served.
        closing: is the server about to end?
        thread: the pool's.
    """

    service: Service
    closing: Callable[[], bool]
    thread: ThreadPoolExecutor

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do some work in the pool's thread."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, work, *arguments)

    # ---- what Cognito lets be found out --------------------------------------------------------

    async def jwks(self, _: Request) -> Response:
        """The keys."""
        return JSONResponse(await self.run(self.service.pool.jwks))

    async def openid_configuration(self, _: Request) -> Response:
        """What there is to discover."""
        issuer = self.service.pool.issuer
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
        """Is it there?"""
        return JSONResponse({"status": "ok", "pool": self.service.pool.pool_id})

    # ---- for people and their tests -------------------------------------------------------------

    async def page(self, _: Request) -> Response:
        """GET /."""
        return Response(page.html(), media_type="text/html", headers=page.headers())

    async def diagram(self, request: Request) -> Response:
        """The whole protocol as a picture."""
        dark = request.query_params.get("theme") == "dark"
        return await self._picture(page.protocol_picture, dark)

    async def walk(self, request: Request) -> Response:
        """One sign-in's way as a picture."""
        number = str(request.path_params["number"])
        # Not starlette's own `int`: Python converts 4,300 digits at most, and raises beyond.
        plain = number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS
        followed = self.service.follower.get(int(number)) if plain else None
        if followed is None:
            raise HTTPException(404, "no such sign-in is followed")
        dark = request.query_params.get("theme") == "dark"
        return await self._picture(page.sign_in_picture, tuple(followed.steps), dark)

    async def _picture(self, draw: Callable[..., str], *arguments: Any) -> Response:
        try:
            # Not in the pool's thread: who waits for a picture keeps nobody from signing in.
            drawn = await asyncio.to_thread(draw, *arguments)
        except page.PictureUnavailable as error:
            raise HTTPException(503, str(error)) from None
        return Response(drawn, media_type="image/svg+xml", headers=page.headers())

    async def outbox(self, request: Request) -> Response:
        """The codes the pool would have sent, the oldest first; `?username=` for one user's."""
        name = request.query_params.get("username")
        messages = await self.run(page.outbox_data, self.service, name)
        # ASCII, for a user's name may hold a lone surrogate, which UTF-8 cannot write.
        body = json.dumps({"messages": messages})
        return Response(body, media_type="application/json", headers=page.headers())

    async def events(self, _: Request) -> Response:
        """What the page shows, at once and whenever it changes (server-sent events)."""
        headers = {**page.headers(), "X-Accel-Buffering": "no"}
        return StreamingResponse(self._news(), media_type="text/event-stream", headers=headers)

    async def _news(self) -> AsyncIterator[str]:
        shown, quiet = -1, 0
        while not self.closing():
            if self.service.version != shown:
                shown, quiet = self.service.version, 0
                yield f"data: {json.dumps(await self.run(page.page_data, self.service))}\n\n"
            quiet += 1
            if quiet % _HEARTBEAT == 0:
                yield ": still here\n\n"
            await asyncio.sleep(_LOOK)


def create_app(service: Service, closing: Callable[[], bool] = lambda: False) -> ASGIApp:
    """The ASGI application.

    Args:
        service: the pool as it is served.
        closing: is the server about to end? Open streams are then ended too.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="pool")
    server = _Server(service, closing, thread)
    known = f"/{service.pool.pool_id}/.well-known"

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        yield
        thread.shutdown()

    made = Starlette(
        routes=[
            Route("/", server.page, methods=["GET"]),
            Route(f"{known}/jwks.json", server.jwks),
            Route(f"{known}/openid-configuration", server.openid_configuration),
            Route("/health", server.health),
            Route("/outbox", server.outbox),
            Route("/events", server.events),
            Route("/diagram.svg", server.diagram),
            Route("/sign-ins/{number}.svg", server.walk),
        ],
        exception_handlers={HTTPException: _refused},
        lifespan=life,
    )
    # The URL that it would lead to is made of the query, which starlette expects to be UTF-8.
    made.router.redirect_slashes = False
    api = CognitoEndpoint(service, partial(server.run, service.exchange))

    async def bare(scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope.get("method") == "POST" and scope["path"] == "/"
        await (api if asked else made)(scope, receive, send)

    def refused(reason: str) -> None:
        service.log.write("refused", level="warning", reason=reason)

    readable = frozenset({"/health", f"{known}/jwks.json", f"{known}/openid-configuration"})
    return AccessMiddleware(service.access, bare, readable, refused)


async def _refused(_: Request, error: Exception) -> Response:
    status, headers = 500, None
    if isinstance(error, HTTPException):
        status, headers = error.status_code, error.headers
        return JSONResponse({"message": error.detail}, status, headers)
    return JSONResponse({"message": "the server is at fault"}, status, headers)


MAX_BODY_BYTES: Final = 1 << 20
"""The largest body that is read, in bytes: the largest request of Cognito's is far smaller."""

REQUEST_SECONDS: Final = 20.0
"""Seconds for a body to come in."""


class _TooLarge(Exception):
    """A body is larger than any that is read."""


class _Gone(Exception):
    """Who asked does not wait for an answer."""


@frozen
class CognitoEndpoint:
    """POST /, whatever the path: `app.py` knows which requests are for it.

    Args:
        service: the pool as it is served.
        exchange: `service.exchange`, off the event loop.
    """

    service: Service
    exchange: Callable[[str, bytes, bool], Awaitable[HttpReply]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers = dict(scope["headers"])
        try:
            with anyio.fail_after(REQUEST_SECONDS):
                body = await _body(headers.get(b"content-length", b""), receive)
        except _Gone:
            return
        except _TooLarge:
            why = f"larger than {MAX_BODY_BYTES} bytes"
            await self._unread(send, 413, "RequestEntityTooLargeException", why)
        except TimeoutError:
            await self._unread(send, 408, "RequestTimeoutException", "not received in time")
        else:
            # As `access` reads them: two of them together name no operation.
            targets = [value for name, value in scope["headers"] if name == b"x-amz-target"]
            target = b", ".join(targets).decode("latin-1")
            signed = bool(headers.get(b"authorization"))
            await _send_reply(send, await self.exchange(target, body, signed))

    async def _unread(self, send: Send, status: int, code: str, why: str) -> None:
        self.service.log.write("unread", status=status, error=code)
        request_id = self.service.pool.request_id()
        answered = error_reply(status, code, f"The request is {why}.", request_id)
        # The rest of the body is not waited for.
        await _send_reply(send, answered, (b"connection", b"close"))


async def _body(declared: bytes, receive: Receive) -> bytes:
    if declared.isdigit() and int(declared[:20]) > MAX_BODY_BYTES:
        raise _TooLarge
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            raise _TooLarge
    return body


async def _send_reply(send: Send, answered: HttpReply, *more: tuple[bytes, bytes]) -> None:
    headers = [
        (name.lower().encode(), value.encode("latin-1")) for name, value in answered.headers.items()
    ]
    length = (b"content-length", str(len(answered.body)).encode())
    start = {
        "type": "http.response.start",
        "status": answered.status,
        "headers": [*headers, length, *more],
    }
    await send(start)
    await send({"type": "http.response.body", "body": answered.body})
