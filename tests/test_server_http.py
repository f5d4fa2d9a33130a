"""The server's HTTP: Cognito's protocol, discovery, limits, the page and its events."""

from __future__ import annotations

import http.client
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from xml.etree import ElementTree as ET

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from local_servers import CLIENT_ID, PASSWORD, POOL_ID, TARGET, ThreadServer, serve_in_thread, wait_until

from authfsm.local.api.aws_json import HttpReply
from authfsm.local.server import http_connection, http_server, page

USERS = [
    {"username": "ada", "password": PASSWORD},
    {"username": "sam", "password": PASSWORD, "phone_number": "+15555550143", "preferred_mfa": "SMS_MFA"},
    {"username": "<b>ev'\"il", "password": PASSWORD, "email": "eve@example.com", "preferred_mfa": "EMAIL_OTP"},
]  # fmt: skip
REQUEST = {"ClientId": CLIENT_ID, "AuthFlow": "USER_PASSWORD_AUTH"}


@pytest.fixture(scope="module")
def web() -> Iterator[ThreadServer]:
    """A server for the tests here."""
    with serve_in_thread(mfa="OPTIONAL", users=USERS) as served:
        yield served


class TestProtocol:
    def test_reply(self, web: ThreadServer) -> None:
        """Tokens arrive as AWS JSON 1.1, with a request id."""
        status, headers, reply = web.password("ada")

        assert (status, headers["content-type"]) == (200, "application/x-amz-json-1.1")
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["x-amzn-requestid"])
        assert reply["ChallengeParameters"] == {}
        assert set(reply["AuthenticationResult"]) == {
            "AccessToken", "IdToken", "RefreshToken", "ExpiresIn", "TokenType",
        }  # fmt: skip

    def test_refusal(self, web: ThreadServer) -> None:
        """An error is HTTP 400, with code and message in the body and the headers."""
        status, headers, reply = web.password("ada", "wrong")

        assert status == 400
        assert reply == {"__type": "NotAuthorizedException", "message": "Incorrect username or password."}
        assert headers["x-amzn-errortype"] == "NotAuthorizedException:"
        assert headers["x-amzn-errormessage"] == "Incorrect username or password."

    def test_discovery(self, web: ThreadServer) -> None:
        """The issuer is the pool's URL; the documents below it verify the tokens."""
        _, _, reply = web.password("ada")
        _, _, discovered = web.ask("GET", f"/{POOL_ID}/.well-known/openid-configuration")
        document = json.loads(discovered)
        path = document["jwks_uri"].removeprefix(web.url)
        _, _, keys = web.ask("GET", path)
        token = jwt.decode(reply["AuthenticationResult"]["IdToken"], KeySet.import_key_set(json.loads(keys)))

        assert document["issuer"] == token.claims["iss"] == f"{web.url}/{POOL_ID}"
        assert path == f"/{POOL_ID}/.well-known/jwks.json"

    def test_health(self, web: ThreadServer) -> None:
        """/health returns success when the server runs."""
        status, _, body = web.ask("GET", "/health")

        assert (status, json.loads(body)) == (200, {"status": "ok", "pool": POOL_ID})

    def test_two_requests_on_one_connection(self, web: ThreadServer) -> None:
        """Connections are kept alive, after refusals too."""
        connection = http.client.HTTPConnection(web.address, timeout=10)
        statuses = []
        for body in ("{", json.dumps({**REQUEST, "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD}})):
            connection.request("POST", "/", body, {"X-Amz-Target": f"{TARGET}InitiateAuth"})
            reply = connection.getresponse()
            reply.read()
            statuses.append(reply.status)
        connection.close()

        assert statuses == [400, 200]


class TestLimits:
    def test_ten_megabytes(self, web: ThreadServer) -> None:
        """A body with too large a Content-Length is refused before it is read."""
        sock = socket.create_connection(("127.0.0.1", int(web.address.split(":")[1])), timeout=10)
        sock.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10485760\r\n\r\n{")
        reply = sock.recv(65536)
        sock.close()

        assert reply.startswith(b"HTTP/1.1 413 ")
        assert b"RequestEntityTooLargeException" in reply
        assert b"connection: close" in reply.lower()

    def test_ten_megabytes_undeclared(self, web: ThreadServer) -> None:
        """A body without Content-Length is read up to the limit."""
        sock = socket.create_connection(("127.0.0.1", int(web.address.split(":")[1])), timeout=10)
        sock.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
        pieces = 0
        try:
            for pieces in range(160):  # noqa: B007 - how far it came is of interest
                sock.sendall(piece)
        except OSError:  # it is not listened to any more
            pass
        assert pieces >= 15
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
        sock.close()

        assert web.password("ada")[0] == 200

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("PUT", "/", 405),
            ("DELETE", "/", 405),
            ("POST", "/outbox", 405),
            ("POST", "/nowhere", 404),
            ("GET", "/nowhere", 404),
            ("GET", "/eu-west-1_Other/.well-known/jwks.json", 404),
            ("GET", "/sign-ins/999999.svg", 404),
            ("GET", "/sign-ins/-1.svg", 404),
            ("GET", "/../../etc/passwd", 404),
        ],
    )
    def test_wrong_methods_and_paths(self, web: ThreadServer, method: str, path: str, status: int) -> None:
        """Wrong methods and paths are HTTP errors, in JSON."""
        answered, headers, body = web.ask(method, path, b"{}" if method != "GET" else b"")

        assert answered == status
        assert headers["content-type"] == "application/json"
        assert set(json.loads(body)) == {"message"}

    @pytest.mark.parametrize(
        ("target", "code"),
        [
            ("", "UnknownOperationException"),
            ("InitiateAuth", "UnknownOperationException"),
            ("AmazonSSM.InitiateAuth", "UnknownOperationException"),
            (TARGET, "UnknownOperationException"),
            (f"{TARGET}Nothing", "UnknownOperationException"),
            (f"{TARGET}initiateauth", "UnknownOperationException"),
        ],
    )
    def test_unknown_targets(self, web: ThreadServer, target: str, code: str) -> None:
        """Targets without an operation, of another service, or with an unknown operation are refused."""
        status, headers, body = web.ask("POST", "/", b"{}", X_Amz_Target=target)

        assert (status, json.loads(body)["__type"]) == (400, code)
        assert headers["x-amzn-errortype"] == f"{code}:"

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"[]",
            b"null",
            b'"text"',
            b"7",
            b"\xff\xfe{}",
            '{"a": 1}'.encode("utf-16"),
            b'{"Limit": NaN}',
            b'{"Limit": Infinity}',
            b"[" * 500_000,
            b'{"a":' * 100_000,
            b'{"Limit": ' + b"9" * 900_000 + b"}",
        ],
        ids=lambda body: repr(body[:12]),
    )
    def test_garbage(self, web: ThreadServer, body: bytes) -> None:
        """A body that is not a JSON object in UTF-8, or is nested too deeply, is refused quickly."""
        start = time.monotonic()
        status, _, answered = web.ask("POST", "/", body, X_Amz_Target=f"{TARGET}InitiateAuth")

        assert (status, json.loads(answered)["__type"]) == (400, "SerializationException")
        assert time.monotonic() - start < 20

    def test_srp_a_of_a_megabyte(self, web: ThreadServer) -> None:
        """An SRP_A that is too long is refused without computing a power."""
        start = time.monotonic()
        status, _, reply = web.call(
            "InitiateAuth",
            ClientId=CLIENT_ID,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={"USERNAME": "ada", "SRP_A": "f" * 1_000_000},
        )

        assert (status, reply["__type"]) == (400, "InvalidParameterException")
        assert time.monotonic() - start < 20


HOST = b"HTTP/1.1\r\nHost: localhost\r\n"
GET, NEXT = b"GET /health " + HOST, b"GET /nowhere " + HOST + b"\r\n"
POST, CHUNKED = b"POST / " + HOST, b"Transfer-Encoding: chunked\r\n\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"


class TestParsing:
    """The statuses of the replies to what a client sends, and whether its connection stays open (RFC 9112)."""

    @pytest.mark.parametrize(
        ("raw", "statuses", "is_open"),
        [
            pytest.param(GET + b"\r\n" + NEXT, [200, 404], True, id="pipelined"),
            pytest.param(b"\r\n\r\n" + GET + b"\r\n", [200], True, id="empty lines first"),
            pytest.param(b"GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n", [200], True, id="absolute form"),
            pytest.param(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n", [200], False, id="HTTP/1.0"),
            pytest.param(b"GET /health HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n", [200], True, id="kept alive"),
            pytest.param(GET + b"Content-Length: 3\r\n\r\nabc" + NEXT, [200, 404], True, id="a body that nobody reads"),
            pytest.param(POST + CHUNKED + b"2;a=b\r\n{}\r\n0\r\nX-T: 1\r\n\r\n" + NEXT, [400, 404], True, id="trailers"),
            pytest.param(GET + H2C + b"\r\n" + NEXT, [200, 404], True, id="upgrade"),
            pytest.param(POST + H2C + b"Content-Length: 2\r\n\r\n{}" + NEXT, [400, 404], True, id="upgrade with a body"),
            pytest.param(POST + H2C + CHUNKED + b"2\r\n{}\r\n0\r\nX-T: 1\r\n\r\n" + NEXT, [400, 404], True, id="upgrade in chunks"),
            pytest.param(POST + H2C + CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", [400], False, id="upgrade in wrong chunks"),
            pytest.param(POST + H2C + CHUNKED.replace(b"chunked", b"gzip"), [400], False, id="upgrade without an end"),
            pytest.param(b"GET http://localhost?a=/health HTTP/1.1\r\nHost: localhost\r\n\r\n", [200], True, id="no path"),
            pytest.param(b"CONNECT localhost:443 " + HOST + b"\r\n", [404], True, id="CONNECT"),
            pytest.param(POST + b"Expect: 100-continue\r\nContent-Length: 20000000\r\n\r\n", [413], False, id="expects too much"),
            pytest.param(GET + b"Connection: close\r\n\r\n" + NEXT, [200], False, id="closed by the client"),
            pytest.param(GET + b"\r\n\x16\x03\x01", [200, 400], False, id="garbage after a request"),
            pytest.param(bytes.fromhex("16030100c8010000c40303"), [400], False, id="TLS"),
            pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400], False, id="HTTP/2"),
            pytest.param(b"X / " + HOST + b"\r\n", [400], False, id="unknown method"),
            pytest.param(POST + b"Content-Length: 3\r\n" + CHUNKED + b"0\r\n\r\n", [400], False, id="two lengths"),
            pytest.param(POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", [400], False, id="length twice"),
            pytest.param(POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", [400], False, id="length of thirty digits"),
            pytest.param(POST + b"Content-Length: " + b"0" * 5000 + b"\r\n\r\n", [400], True, id="length of zeros"),
            pytest.param(POST + CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", [400], False, id="length of a chunk"),
            pytest.param(GET + b"X: a\r\n b\r\n\r\n", [400], False, id="folded header"),
            pytest.param(GET + b"X : a\r\n\r\n", [400], False, id="space in a name"),
            pytest.param(GET + b"X: a\0b\r\n\r\n", [400], False, id="NUL in a header"),
        ],
    )  # fmt: skip
    def test_requests(self, web: ThreadServer, raw: bytes, statuses: list[int], is_open: bool) -> None:  # noqa: FBT001 - of the table above
        """A request that llhttp refuses gets 400 and closes the connection, after the earlier replies."""
        received = data = b"-"
        with socket.create_connection(("127.0.0.1", int(web.address.split(":")[1])), timeout=10) as sock:
            sock.sendall(raw)
            while received.count(b"HTTP/1.1 ") < len(statuses) or not (is_open or data == b""):
                received += (data := sock.recv(65536))
                assert data or not is_open

        assert [int(each) for each in re.findall(rb"HTTP/1.1 (\d+)", received)] == statuses
        assert (b"Connection: close" in received) is not is_open


class TestPage:
    def news(self, web: ThreadServer, number: int = 1) -> list[dict[str, object]]:
        """Return a number of events."""
        connection = http.client.HTTPConnection(web.address, timeout=10)
        connection.request("GET", "/events")
        reply = connection.getresponse()
        events: list[dict[str, object]] = []
        while len(events) < number:
            line = reply.readline()
            assert line
            if line.startswith(b"data: "):
                events.append(json.loads(line.removeprefix(b"data: ")))
        reply.close()
        connection.close()
        return events

    def test_page_loads_nothing_else(self, web: ThreadServer) -> None:
        """The page is one file, and its policy forbids other origins and other scripts."""
        status, headers, body = web.ask("GET", "/")
        text = body.decode()
        policy = headers["content-security-policy"]

        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert re.findall(r'(?:src|href)="(?!data:)[^"]*"', text) == []
        assert re.findall(r"https?://(?!www\.w3\.org)", text) == []
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert policy.count("'sha256-") == 2

    def test_events_show_a_sign_in(self, web: ThreadServer) -> None:
        """The events show the state of a sign-in, the outbox, and the final state."""
        _, _, reply = web.password("sam")
        event = self.news(web)[0]
        web.answer(reply, USERNAME="sam", SMS_MFA_CODE=web.code_for("sam"))
        last_event = self.news(web)[0]

        def newest(news: dict[str, object]) -> object:
            signs: list[dict[str, object]] = news["signIns"]  # type: ignore[assignment]
            sign_in = signs[0]
            return (sign_in["username"], sign_in["node"], sign_in["steps"])

        assert newest(event) == ("sam", "SMS_MFA", 1)
        assert newest(last_event) == ("sam", "AUTHENTICATED", 2)
        assert event["userCount"] == len(USERS)

    def test_events_follow_operations(self, web: ThreadServer) -> None:
        """An open page gets an event after the next operation."""
        connection = http.client.HTTPConnection(web.address, timeout=10)
        connection.request("GET", "/events")
        reply = connection.getresponse()
        assert reply.readline().startswith(b"data: ")
        reply.readline()
        web.password("ada")

        assert reply.readline().startswith(b"data: ")
        reply.close()
        connection.close()

    def test_pictures(self, web: ThreadServer) -> None:
        """The protocol and the path of a sign-in are SVG pictures in both themes, with named nodes."""
        web.password("sam")
        number = self.news(web)[0]["signIns"][0]["number"]  # type: ignore[index]
        titles = []
        for path in ("/diagram.svg", f"/sign-ins/{number}.svg"):
            for theme in ("light", "dark"):
                status, headers, body = web.ask("GET", f"{path}?theme={theme}")
                svg = ET.fromstring(body)  # noqa: S314 - our own
                titles.append({each.text for each in svg.iter("{http://www.w3.org/2000/svg}title")})
                assert (status, headers["content-type"]) == (200, "image/svg+xml")

        for each in titles:
            assert {"SMS_MFA", "EMAIL_OTP (second factor)", "AUTHENTICATED"} <= each

    def test_outbox(self, web: ThreadServer) -> None:
        """A test finds its user's code in /outbox."""
        web.password("<b>ev'\"il")
        _, _, all_of_it = web.ask("GET", "/outbox")
        _, headers, hers = web.ask("GET", "/outbox?username=eve@example.com")
        _, _, nobodys = web.ask("GET", "/outbox?username=nobody")
        message = json.loads(hers)["messages"][-1]

        assert message["purpose"] == "EMAIL_OTP"
        assert message in json.loads(all_of_it)["messages"]
        assert json.loads(nobodys) == {"messages": []}
        assert headers["cache-control"] == "no-store"


def test_internal_error(web: ThreadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug is HTTP 500, is logged without its message, and does not end the server."""

    def fail(*_: object) -> None:
        raise RuntimeError("the password is hunter2")

    with monkeypatch.context() as patched:
        patched.setattr(web.service.pool, "answer_members", fail)
        status, headers, reply = web.password("ada")

    assert status == 500
    assert reply["__type"] == "InternalErrorException"
    assert headers["x-amzn-errortype"] == "InternalErrorException:"
    wait_until(lambda: '"internal error"' in web.log.getvalue(), "the log")
    assert "RuntimeError" in web.log.getvalue()
    assert "hunter2" not in web.log.getvalue()
    assert web.password("ada")[0] == 200


def test_a_fault_in_the_events(web: ThreadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault ends the stream of events, and the log has its place but not its message."""
    monkeypatch.setattr(page, "page_data", lambda _: 1 / 0)
    status, _, body = web.ask("GET", "/events")

    assert (status, body) == (200, b"")
    assert '"exception": "ZeroDivisionError"' in web.log.getvalue()


def test_a_full_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full server closes further connections, logs this once, and recovers."""
    monkeypatch.setattr(http_server, "_connection_limit", lambda: 1)
    with serve_in_thread() as served:
        address = ("127.0.0.1", int(served.address.split(":")[1]))
        with socket.create_connection(address, timeout=10) as first:
            first.sendall(GET)
            for _ in range(2):
                with socket.create_connection(address, timeout=10) as second:
                    assert second.recv(1) == b""
        wait_until(lambda: _is_healthy(served), "an answer")
        assert served.log.getvalue().count("too many connections") == 1


def _is_healthy(served: ThreadServer) -> bool:
    try:
        return served.ask("GET", "/health")[0] == 200
    except (ConnectionError, http.client.HTTPException):
        return False


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_chunked_body_after_an_upgrade_is_read(size: int) -> None:
    """The body of a request with Upgrade, as Java's HttpClient sends, is complete, however its bytes arrive."""
    parser = http_connection._MessageParser()
    sent = POST + H2C + CHUNKED + b"2\r\n{}\r\n3\r\nabc\r\n0\r\n\r\n" + NEXT
    end = sent.index(b"0\r\n\r\n") + 5
    for at in range(0, len(sent), size):
        assert at >= end or not any(each.is_complete for each in parser.messages)
        parser.feed(sent[at : at + size])
    first, second = parser.messages
    assert (first.method, first.url, bytes(first.body), first.is_complete) == ("POST", b"/", b"{}abc", True)
    assert (second.method, second.url, second.is_complete) == ("GET", b"/nowhere", True)
    assert first.headers["upgrade"] == "h2c"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"http://host?a=1", "/?a=1"), (b"http://host?next=/x", "/?next=/x"), (b"http://host", "/"), (b"/a?b=/c", "/a?b=/c"),
        (b"https://host:1/a/b?c#d", "/a/b?c"), (b"*", "*"), (b"host:443", "host:443"),
    ],
)  # fmt: skip
def test_the_path_of_a_target(target: bytes, path: str) -> None:
    """An absolute target has its path and query, also if the path is empty."""
    assert http_connection._origin_form(target) == path


def _answered(sent: bytes, reply: Callable[[], HttpReply]) -> socket.socket:
    """Return the client's end of a connection on which bytes were sent, and every request gets this reply."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname(), timeout=10)
        ours, _ = listener.accept()
    connection = http_connection.HttpConnection(ours, lambda _: reply(), lambda: False)
    threading.Thread(target=connection.serve, daemon=True).start()
    theirs.sendall(sent)
    return theirs


def test_a_streamed_reply_over_http_1_0_is_not_chunked() -> None:
    """HTTP/1.0 has no chunks: the reply ends with the connection, also if the client wants to keep it."""
    parts = [b"hello ", b"world"]
    reply = http_connection.StreamedReply(200, {}, b"", iter(parts))
    with _answered(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", lambda: reply) as sock:
        received = b"".join(iter(lambda: sock.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    assert body == b"hello world"
    assert b"Connection: close" in head
    assert b"Transfer-Encoding" not in head


def test_a_closed_connection_lingers_for_a_limited_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that goes on sending does not keep the thread, however slowly it sends."""
    monkeypatch.setattr(http_connection, "_LINGER_SECONDS", 0.3)
    reply = http_connection.json_reply({})
    with _answered(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", lambda: reply) as sock:
        begun = time.monotonic()
        with pytest.raises(OSError, match=r"Broken pipe|reset"):  # noqa: PT012 - until the server closes
            while time.monotonic() - begun < 5:
                sock.sendall(b"x")
                time.sleep(0.2)
        assert time.monotonic() - begun < 2


def test_a_large_body_is_refused_with_a_reply(web: ThreadServer) -> None:
    """A client that sends 5 MB before it reads gets 413, not a broken connection."""
    for _ in range(3):
        connection = http.client.HTTPConnection(web.address, timeout=10)
        connection.request("POST", "/", b"x" * 5_000_000)
        assert connection.getresponse().status == 413
        connection.close()


def test_a_request_that_arrives_shows_no_secret() -> None:
    """A traceback shows no body, header or URL of a request that the parser holds."""
    parser = http_connection._MessageParser()
    parser.feed(b"POST /?password=in-url HTTP/1.1\r\nAuthorization: in-header\r\nContent-Length: 7\r\n\r\nin-body")
    (message,) = parser.messages

    assert (bytes(message.body), message.headers["authorization"]) == (b"in-body", "in-header")
    assert not re.search("in-url|in-header|in-body", f"{message!r} {parser!r}")
