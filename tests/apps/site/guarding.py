"""What stands before every handler: forms come from this site, are small, and are answered once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

Handler = Callable[[Request, Mapping[str, str]], Response]

LARGEST: Final = 65_536
"""Bytes of a form: a passkey's answer takes two thousand."""

KEPT: Final = 1_000
"""Forms whose replies are remembered."""

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Not no-referrer: with it a browser says "Origin: null" of its own forms too (Fetch, 3.1).
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """Refuses forms of other sites, and adds the headers that keep pages to themselves.

    Args:
        origin: this site's own, as `https://example.com`.
    """

    def __init__(self, origin: str) -> None:
        self.origin = origin

    async def __call__(
        self, request: Request, go_on: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """The middleware."""
        size = request.headers.get("content-length", "")
        if request.method not in {"GET", "HEAD", "POST"}:
            response: Response = PlainTextResponse("no such method", 405)
        elif request.method == "POST" and request.headers.get("origin") != self.origin:
            response = PlainTextResponse("this form is not from this site", 403)
        elif request.method == "POST" and not (size.isdecimal() and int(size) <= LARGEST):
            response = PlainTextResponse("this form is too large", 413)
        else:
            response = await go_on(request)
        response.headers.update(HEADERS)
        static = request.url.path.startswith("/static/")
        # What Back shows is asked for anew: it may be of an earlier step.
        response.headers["Cache-Control"] = "max-age=3600" if static else "no-store"
        if self.origin.startswith("https:"):
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response


class Once:
    """A form is answered once: whoever clicks twice gets the reply to the first click.

    Each form has a number of its own that nobody can guess, so that equal bodies are one form sent
    twice. This process alone remembers: between several, Cognito refuses the second answer to one session,
    and the person starts again.
    """

    def __init__(self) -> None:
        self._replies: OrderedDict[bytes, tuple[str, asyncio.Task[Response]]] = OrderedDict()

    def answered(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint for a form.

        Args:
            handler: answers it, off the event loop.
        """

        async def endpoint(request: Request) -> Response:
            digest = sha256(await request.body()).digest()
            fields = (await request.form()).items()
            form = {name: text for name, text in fields if isinstance(text, str)}
            cookies = request.headers.get("cookie", "")
            if digest not in self._replies:
                answer = asyncio.ensure_future(run_in_threadpool(handler, request, form))
                self._replies[digest] = cookies, answer
                while len(self._replies) > KEPT:
                    self._replies.popitem(last=False)
            before, answer = self._replies[digest]
            try:
                reply = await asyncio.shield(answer)
            except BaseException:  # its frames hold what was typed: it is not kept
                self._replies.pop(digest, None)
                raise
            if cookies != before:  # the first reply has arrived, and newer cookies perhaps
                return RedirectResponse(reply.headers["location"], 303)
            return reply

        return endpoint
