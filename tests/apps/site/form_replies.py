"""Handles each form once: a user who clicks twice gets the reply to the first click."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from authfsm.contrib.fastapi import Values, body_of

MAX_STORED_REPLIES: Final = 1_000
"""The number of forms whose replies are stored."""


class FormReplies:
    """The replies to the last forms.

    Each form has a random number, so that equal bodies are one form sent twice. The replies are in this process
    only: with several processes, Cognito refuses the second answer to one session, and the user starts again.
    """

    def __init__(self) -> None:
        self._replies: OrderedDict[bytes, tuple[str, asyncio.Task[Response]]] = OrderedDict()

    def handle_once(self, page: Callable[[Request, Values], Response]) -> Callable[..., Awaitable[Response]]:
        """Return an endpoint for a form; the page answers the form in a thread."""

        async def endpoint(request: Request, values: Annotated[Values, Depends(body_of)]) -> Response:
            digest = sha256(await request.body()).digest()
            cookies = request.headers.get("cookie", "")
            if digest not in self._replies:
                answer = asyncio.ensure_future(run_in_threadpool(page, request, values))
                self._replies[digest] = cookies, answer
                while len(self._replies) > MAX_STORED_REPLIES:
                    self._replies.popitem(last=False)
            before, answer = self._replies[digest]
            try:
                reply = await asyncio.shield(answer)
            except BaseException:  # its frames contain the user's input: do not store it
                self._replies.pop(digest, None)
                raise
            if cookies != before:  # the first reply has arrived, and newer cookies perhaps
                return RedirectResponse(reply.headers["location"], 303)
            return reply

        return endpoint
