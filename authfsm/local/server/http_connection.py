"""Serves HTTP/1.1 on one connection, in one thread. httptools (llhttp) parses requests; times and sizes are limited.

The connection closes if the client sends too slowly, sends headers or a body without end, or does not read replies.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from attrs import define, field, frozen
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from authfsm.local.api.aws_json import HttpReply

MAX_HEAD_BYTES: Final = 64 << 10
"""The largest size of the URL, headers and trailers together, without separators."""

MAX_BODY_BYTES: Final = 1 << 20
"""The largest size of a body; Cognito's largest request is far smaller."""

REQUEST_SECONDS: Final = 20.0
"""How long each of these may take: a request's head, its body, sending the reply (or each part of a StreamedReply)."""

_KEEP_ALIVE_SECONDS: Final = 65.0  # between two requests
_LINGER_SECONDS: Final = 2.0  # how long a client can read the last reply before its connection closes
_LINGER_BYTES: Final = 4 << 20
_RECEIVE_BYTES: Final = 64 << 10
_CHUNKED_HEAD: Final = b"POST / HTTP/1.1\r\nTransfer-Encoding: %b\r\n\r\n"
_MAX_RECEIVED: Final = 2 * MAX_BODY_BYTES  # including the size lines of a chunked body


@define
class RequestRefused(Exception):
    """A request is malformed, too large or too slow; the connection closes after a reply with this status."""

    status: int
    why: str


@frozen
class StreamedReply(HttpReply):
    """A reply of which each part is sent as soon as the iterator yields it."""

    parts: Iterator[bytes] = field(repr=False)


def json_reply(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpReply:
    """Return a reply with a JSON document."""
    # json.dumps escapes all but ASCII, so UTF-8 can encode even a username with a lone surrogate.
    all_headers = {"Content-Type": "application/json", **(headers or {})}
    return HttpReply(status, all_headers, json.dumps(document).encode())


@frozen(eq=False)
class HttpRequest:
    """A request whose head has arrived; `body` may raise RequestRefused or ConnectionError."""

    method: str
    path: str
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    server_address: str
    body: Callable[[], bytes]


@define
class _Message:
    """A request as far as the parser has read it."""

    # `repr` omits these fields, because they may contain passwords and tokens.
    url: bytes = field(default=b"", repr=False)
    method: str = ""
    headers: dict[str, str] = field(factory=dict, repr=False)
    body: bytearray = field(factory=bytearray, repr=False)
    version: str = ""
    keeps_alive: bool = False
    has_head: bool = False
    is_complete: bool = False
    received: int = 0
    """How many bytes were received while the request was incomplete, including bytes of other requests."""
    head_bytes: int = 0
    """The number of bytes of the URL, the headers and the trailers."""


class _MessageParser:
    """Parses the bytes of a connection; `messages` are the requests that have begun to arrive, the oldest first."""

    def __init__(self) -> None:
        self.messages: deque[_Message] = deque()
        self.is_malformed = False
        self._parser, self._body_bytes_left = HttpRequestParser(self), 0

    def feed(self, data: bytes) -> None:
        """Parse more bytes."""
        size = len(data)
        try:
            while data and not self.is_malformed:
                if self._body_bytes_left:
                    part, data = data[: self._body_bytes_left], data[self._body_bytes_left :]
                    self._body_bytes_left -= len(part)
                    self.messages[-1].body += part
                    self.messages[-1].is_complete = not self._body_bytes_left
                else:
                    data = self._parse(data)
        except HttpParserError:
            self.is_malformed = True
        for each in self.messages:
            each.received += 0 if each.is_complete else size

    def _parse(self, data: bytes) -> bytes:
        """Parse more bytes. If they end a request's head with an Upgrade header, return the bytes after the head.

        The header is ignored: "A server MAY ignore a received Upgrade header field" (RFC 9110, 7.8). Java's
        HttpClient sends it with every request over HTTP. For llhttp such a request ends before its body, so `feed`
        reads the body. A chunked body is parsed by a new parser, which first gets a head without Upgrade.
        """
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            message, rest = self.messages[-1], data[upgrade.args[0] :]
            if encoding := message.headers.get("transfer-encoding"):
                self._parser, message.is_complete = HttpRequestParser(self), False
                self._parser.feed_data(_CHUNKED_HEAD % encoding.encode("latin-1"))
                self.messages.pop()
                return rest
            self._body_bytes_left = int(message.headers.get("content-length", "0")[-20:])
            message.is_complete = not self._body_bytes_left
            return rest
        return b""

    # ---- httptools calls these ---------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self.messages.append(_Message())

    def on_url(self, part: bytes) -> None:
        self.messages[-1].url += part
        self.messages[-1].head_bytes += len(part)

    def on_header(self, raw_name: bytes, raw: bytes) -> None:
        message, name = self.messages[-1], raw_name.decode("latin-1").lower()
        message.head_bytes += len(raw_name) + len(raw)
        if not message.has_head:  # The headers after the head are trailers, which are ignored.
            value, known = raw.decode("latin-1").strip(" \t"), message.headers
            known[name] = f"{known[name]}, {value}" if name in known else value

    def on_headers_complete(self) -> None:
        message = self.messages[-1]
        message.has_head, message.method = True, self._parser.get_method().decode("latin-1")
        message.version = self._parser.get_http_version()
        message.keeps_alive = self._parser.should_keep_alive()

    def on_body(self, part: bytes) -> None:
        self.messages[-1].body += part

    def on_message_complete(self) -> None:
        self.messages[-1].is_complete = True


class HttpConnection:
    """A client's connection; `serve` answers its requests one after the other until either side closes it."""

    def __init__(
        self, sock: socket.socket, respond: Callable[[HttpRequest], HttpReply], is_closing: Callable[[], bool]
    ) -> None:
        self._sock, self._respond, self._is_closing = sock, respond, is_closing
        self._address: str = sock.getsockname()[0]
        self._parser, self._is_idle = _MessageParser(), True
        self._deadline = time.monotonic() + REQUEST_SECONDS

    def serve(self) -> None:
        """Answer the requests, then close the connection."""
        with self._sock, suppress(OSError):  # The client has gone, or does not read the reply.
            try:
                while self._answer(self._read_head()):
                    self._is_idle = not self._parser.messages
                    self._deadline = time.monotonic() + (_KEEP_ALIVE_SECONDS if self._is_idle else REQUEST_SECONDS)
            except RequestRefused as refused:
                self._send(json_reply({"message": refused.why}, refused.status), "close")
            self._linger()

    def close_if_idle(self) -> None:
        """Close the connection if no request has begun."""
        if self._is_idle:
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def _answer(self, message: _Message) -> bool:
        """Send the reply to a request; return whether the connection stays open."""
        path, _, query = _origin_form(message.url).partition("?")
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        body = partial(self._read_body, message)
        request = HttpRequest(message.method, unquote(path), parameters, message.headers, self._address, body)
        reply = self._respond(request)
        closes = not message.keeps_alive or reply.headers.get("Connection") == "close" or self._is_closing()
        closes = closes or (not message.is_complete and "expect" in message.headers)
        closes = closes or (isinstance(reply, StreamedReply) and message.version == "1.0")  # HTTP/1.0 has no chunks
        self._send(reply, "close" if closes else "keep-alive", with_body=message.method != "HEAD")
        if not (closes or message.is_complete):  # `respond` has not read the body.
            with suppress(RequestRefused):
                request.body()
        self._parser.messages.popleft()
        return message.is_complete and not closes

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
        """Let the client read the last reply, because closing the socket while bytes are unread may discard it."""
        self._sock.shutdown(socket.SHUT_WR)
        end, size = time.monotonic() + _LINGER_SECONDS, 0
        while size < _LINGER_BYTES and (left := end - time.monotonic()) > 0:
            self._sock.settimeout(left)
            size += len(self._sock.recv(_RECEIVE_BYTES)) or _LINGER_BYTES

    # ---- reading a request -------------------------------------------------------------------------------

    def _receive(self) -> None:
        """Receive more bytes; raise RequestRefused if they are late or malformed, ConnectionError if none come."""
        if self._parser.is_malformed:
            raise RequestRefused(400, "The request is not HTTP.")
        try:
            # A millisecond at least: with zero the socket would not block.
            self._sock.settimeout(max(self._deadline - time.monotonic(), 1e-3))
            data = self._sock.recv(_RECEIVE_BYTES)
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
            self._deadline = time.monotonic() + REQUEST_SECONDS
        self._parser.feed(data)

    def _read_head(self) -> _Message:
        """Wait for the head of the next request, and return the request."""
        messages, limit = self._parser.messages, MAX_HEAD_BYTES
        while not (messages and messages[0].has_head):
            if self._is_idle and self._is_closing():
                raise ConnectionResetError
            self._receive()
            if messages and messages[0].received > limit + _RECEIVE_BYTES:
                break
        if not messages[0].has_head or messages[0].head_bytes > limit:
            raise RequestRefused(431, f"The URL and headers are larger than {limit} bytes.")
        self._deadline = time.monotonic() + REQUEST_SECONDS
        return messages[0]

    def _read_body(self, message: _Message) -> bytes:
        declared = message.headers.get("content-length", "").lstrip("0") or "0"
        too_large = RequestRefused(413, f"The request is larger than {MAX_BODY_BYTES} bytes.")
        if len(declared) > len(str(MAX_BODY_BYTES)) or int(declared) > MAX_BODY_BYTES:
            raise too_large
        if not message.is_complete and message.headers.get("expect", "").lower() == "100-continue":
            with suppress(OSError):  # The next line notices that the client has gone.
                self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not message.is_complete:
            self._receive()
            if len(message.body) > MAX_BODY_BYTES or message.received > _MAX_RECEIVED:
                raise too_large
        if message.head_bytes > MAX_HEAD_BYTES:
            raise RequestRefused(431, f"The URL, headers and trailers are larger than {MAX_HEAD_BYTES} bytes.")
        return bytes(message.body)


def _origin_form(url: bytes) -> str:
    """Return the path and query of a request's target; clients of a proxy send an absolute URL (RFC 9112, 3.2)."""
    target = url.decode("latin-1").partition("#")[0]
    rest = re.sub("^https?://[^/?]*", "", target)
    return rest if rest == target or rest.startswith("/") else f"/{rest}"
