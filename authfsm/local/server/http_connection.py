"""HTTP/1.1 on one connection, served by one thread: strict parsing, with bounds on time and size (RFC 9112).

A client that sends one byte now and then, headers or a body without end, or does not read the replies, is cut off.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from attrs import define, field, frozen

from authfsm.local.api.aws_json import HttpReply

MAX_HEAD_BYTES: Final = 64 << 10
"""The largest request line and headers together, and the largest trailers."""

MAX_BODY_BYTES: Final = 1 << 20
"""The largest body that the server reads; Cognito's largest request is far smaller."""

REQUEST_SECONDS: Final = 20.0
"""How long the head of a request may take to arrive, and then its body, and the reply to be read."""

_KEEP_ALIVE_SECONDS: Final = 65.0  # between two requests
_LINGER_SECONDS: Final = 1.0  # for a client to read why its connection is closed
_LINGER_CHUNKS: Final = 16
_CHUNK: Final = 64 << 10
_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE: Final = re.compile(rf"({_NAME}) (?:https?://[^/?# ]*)?([^?# ]*)(?:\?([^ ]*))? HTTP/1\.([01])")
_HEADER: Final = re.compile(rf"({_NAME}):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")  # int() raises for more than 4,300 digits
_CHUNK_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;.{0,99})?")


@define
class RequestRefused(Exception):
    """A request is malformed, too large or too slow: the connection closes after a reply with this status."""

    status: int
    why: str


@frozen
class StreamedReply(HttpReply):
    """A reply whose parts are sent as they come."""

    parts: Iterator[bytes] = field(repr=False)


def json_reply(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpReply:
    """Return a reply with a JSON document."""
    # ASCII: a username may contain a lone surrogate, which UTF-8 cannot encode.
    named = {"Content-Type": "application/json", **(headers or {})}
    return HttpReply(status, named, json.dumps(document).encode())


@frozen(eq=False)
class HttpRequest:
    """A request whose head has arrived, repeated headers joined (RFC 9110, 5.2); `body` may raise RequestRefused."""

    method: str
    path: str
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    server_address: str
    body: Callable[[], bytes]
    keeps_alive: bool = False


class HttpConnection:
    """A client's connection: `serve` answers its requests one by one until either side closes it."""

    def __init__(
        self, sock: socket.socket, respond: Callable[[HttpRequest], HttpReply], is_closing: Callable[[], bool]
    ) -> None:
        self._sock, self._respond, self._is_closing = sock, respond, is_closing
        self._address: str = sock.getsockname()[0]
        self._buffer, self._is_idle, self._has_body = b"", True, False
        self._deadline = time.monotonic() + REQUEST_SECONDS

    def serve(self) -> None:
        """Answer the requests, then close the connection."""
        with self._sock, suppress(OSError):  # the client has gone, or does not read
            try:
                while self._answer(self._read_head()):
                    self._is_idle = not self._buffer
                    self._allow(_KEEP_ALIVE_SECONDS if self._is_idle else REQUEST_SECONDS)
            except RequestRefused as refused:
                self._send(json_reply({"message": refused.why}, refused.status), "close")
            self._linger()

    def close_if_idle(self) -> None:
        """Close the connection if no request has begun."""
        if self._is_idle:
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def _answer(self, request: HttpRequest) -> bool:
        """Send the reply to a request; return whether the connection stays open."""
        reply = self._respond(request)
        closes = not request.keeps_alive or reply.headers.get("Connection") == "close" or self._is_closing()
        closes = closes or (self._has_body and "expect" in request.headers)
        self._send(reply, "close" if closes else "keep-alive", with_body=request.method != "HEAD")
        if self._has_body and not closes:  # nobody has read it
            with suppress(RequestRefused):
                request.body()
        return not (closes or self._has_body)

    def _send(self, reply: HttpReply, connection: str, *, with_body: bool = True) -> None:
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
        headers = {**reply.headers, "Date": date, "Connection": connection}
        parts = reply.parts if isinstance(reply, StreamedReply) else None
        is_chunked = parts is not None and connection != "close"
        if parts is None:
            headers["Content-Length"] = str(len(reply.body))
        elif is_chunked:
            headers["Transfer-Encoding"] = "chunked"
        lines = (f"{name}: {value}" for name, value in headers.items())
        head = "\r\n".join((f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}", *lines, "\r\n"))
        self._sock.settimeout(REQUEST_SECONDS)
        self._sock.sendall(head.encode("latin-1", "replace") + reply.body * with_body)
        for part in (parts or ()) if with_body else ():
            self._sock.sendall(b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part)
        if is_chunked and with_body:
            self._sock.sendall(b"0\r\n\r\n")

    def _linger(self) -> None:
        """Let the client read why the connection closes: closing it with unread bytes would reset it."""
        self._sock.shutdown(socket.SHUT_WR)
        self._sock.settimeout(_LINGER_SECONDS)
        any(not self._sock.recv(_CHUNK) for _ in range(_LINGER_CHUNKS))

    # ---- reading a request -------------------------------------------------------------------------------

    def _allow(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def _receive(self) -> None:
        """Receive more bytes; raise RequestRefused if they come too late, ConnectionError if none come."""
        try:
            # At least a moment: with zero the socket would not block.
            self._sock.settimeout(max(self._deadline - time.monotonic(), 1e-3))
            data = self._sock.recv(_CHUNK)
        except TimeoutError:
            data = b""
        except OSError:
            raise ConnectionResetError from None
        if time.monotonic() >= self._deadline and not self._is_idle:
            raise RequestRefused(408, "The request did not arrive in time.")
        if not data:
            raise ConnectionResetError
        if self._is_idle:
            self._is_idle = False
            self._allow(REQUEST_SECONDS)
        self._buffer += data

    def _until(self, separator: bytes) -> bytes:
        """Return the bytes before a separator, at most as many as a head may have."""
        while (end := self._buffer.find(separator)) < 0 and len(self._buffer) <= MAX_HEAD_BYTES:
            self._receive()
        if not 0 <= end <= MAX_HEAD_BYTES:
            raise RequestRefused(431, f"The headers are larger than {MAX_HEAD_BYTES} bytes.")
        found, self._buffer = self._buffer[:end], self._buffer[end + len(separator) :]
        return found

    def _read_head(self) -> HttpRequest:
        while not self._buffer.lstrip(b"\r\n"):  # "SHOULD ignore at least one empty line" -- RFC 9112, 2.2
            if self._is_idle and self._is_closing():
                raise ConnectionResetError
            self._buffer = b""
            self._receive()
        self._buffer = self._buffer.lstrip(b"\r\n")
        first, *rest = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        line, headers = _REQUEST_LINE.fullmatch(first), dict[str, str]()
        fields = [_HEADER.fullmatch(each) for each in rest]
        for each in filter(None, fields):
            name, value = each[1].lower(), each[2].rstrip(" \t")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        encoding, size = headers.get("transfer-encoding"), headers.get("content-length", "0")
        is_clear = encoding is None or (encoding.lower() == "chunked" and "content-length" not in headers)
        if line is None or None in fields or not is_clear or not _LENGTH.fullmatch(size):
            raise RequestRefused(400, "The request is not HTTP.")
        method, path, query, version = line.groups()
        self._has_body = encoding is not None or size.strip("0") != ""
        self._allow(REQUEST_SECONDS)
        read = partial(self._read_body, headers)
        named = dict(parse_qsl(query or "", keep_blank_values=True))
        keeps_alive = version == "1" and "close" not in headers.get("connection", "").lower()
        return HttpRequest(method, unquote(path), named, headers, self._address, read, keeps_alive)

    def _read_body(self, headers: Mapping[str, str]) -> bytes:
        if self._has_body and headers.get("expect", "").lower() == "100-continue":
            with suppress(OSError):  # the next line notices that the client has gone
                self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        is_chunked, size = "transfer-encoding" in headers, int(headers.get("content-length", "0"))
        body = b"".join(self._chunks()) if is_chunked else self._exactly(size)
        self._has_body = False
        return body

    def _exactly(self, size: int, limit: int = MAX_BODY_BYTES) -> bytes:
        """Return so many bytes."""
        if size > limit:
            raise RequestRefused(413, f"The request is larger than {MAX_BODY_BYTES} bytes.")
        while len(self._buffer) < size:
            self._receive()
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _chunks(self) -> Iterator[bytes]:
        """Yield the chunks of a body, and pass over the trailers (RFC 9112, 7.1)."""
        left, rest, size = MAX_BODY_BYTES, b"", 1
        while size:
            line = _CHUNK_SIZE.fullmatch(self._until(b"\r\n"))
            if line is None or rest:
                raise RequestRefused(400, "The request is not HTTP.")
            size = int(line[1], 16)
            yield self._exactly(size, left)
            left -= size
            rest = self._until(b"\r\n") if size else b""
        self._buffer = b"\r\n" + self._buffer  # with it, trailers end like a head
        self._until(b"\r\n\r\n")
