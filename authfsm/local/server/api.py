"""POST /: Cognito's JSON protocol as a bare ASGI application, for it is what every sign-in waits for.

A body is read whole, bounded in size and in time, and handed to the pool; routes, streams and pages are
the business of `app.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from attrs import frozen
from starlette.types import Receive, Scope, Send

from authfsm.local.api.exchange import Answered
from authfsm.local.server.service import Service, refused

LARGEST: Final = 1 << 20
"""The largest body that is read, in bytes: the largest request of Cognito's is far smaller."""

PATIENCE: Final = 20.0
"""Seconds for a body to come in."""


class _TooLarge(Exception):
    """A body is larger than any that is read."""


class _Gone(Exception):
    """Who asked does not wait for an answer."""


@frozen
class Api:
    """POST /, whatever the path: `app.py` knows which requests are for it.

    Args:
        service: the pool as it is served.
        exchange: `service.exchange`, off the event loop.
    """

    service: Service
    exchange: Callable[[str, bytes, bool], Awaitable[Answered]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers = dict(scope["headers"])
        try:
            with anyio.fail_after(PATIENCE):
                body = await _body(headers.get(b"content-length", b""), receive)
        except _Gone:
            return
        except _TooLarge:
            why = f"larger than {LARGEST} bytes"
            await self._unread(send, 413, "RequestEntityTooLargeException", why)
        except TimeoutError:
            await self._unread(send, 408, "RequestTimeoutException", "not received in time")
        else:
            # As `access` reads them: two of them together name no operation.
            targets = [value for name, value in scope["headers"] if name == b"x-amz-target"]
            target = b", ".join(targets).decode("latin-1")
            signed = bool(headers.get(b"authorization"))
            await _answer(send, await self.exchange(target, body, signed))

    async def _unread(self, send: Send, status: int, code: str, why: str) -> None:
        self.service.log.write("unread", status=status, error=code)
        request_id = self.service.pool.request_id()
        answered = refused(status, code, f"The request is {why}.", request_id)
        # The rest of the body is not waited for.
        await _answer(send, answered, (b"connection", b"close"))


async def _body(declared: bytes, receive: Receive) -> bytes:
    if declared.isdigit() and int(declared[:20]) > LARGEST:
        raise _TooLarge
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST:
            raise _TooLarge
    return body


async def _answer(send: Send, answered: Answered, *more: tuple[bytes, bytes]) -> None:
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
