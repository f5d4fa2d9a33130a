"""The server's HTTP: Cognito's protocol to the letter, discovery, CORS, limits, the page and its news."""

from __future__ import annotations

import http.client
import json
import re
import socket
import struct
import time
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from serving import CLIENT_ID, PASSWORD, POOL_ID, TARGET, Here, here, until

USERS = [
    {"username": "ada", "password": PASSWORD},
    {"username": "sam", "password": PASSWORD, "phone_number": "+15555550143", "preferred_mfa": "SMS_MFA"},
    {"username": "<b>ev'\"il", "password": PASSWORD, "email": "eve@example.com", "preferred_mfa": "EMAIL_OTP"},
]  # fmt: skip
SMALL = {"ClientId": CLIENT_ID, "AuthFlow": "USER_PASSWORD_AUTH"}


@pytest.fixture(scope="module")
def web() -> Iterator[Here]:
    """A server for this file."""
    with here(mfa="OPTIONAL", users=USERS) as served:
        yield served


class TestTheProtocol:
    def test_a_reply(self, web: Here) -> None:
        """Tokens come as AWS JSON 1.1, with a request id."""
        status, headers, reply = web.password("ada")

        assert (status, headers["content-type"]) == (200, "application/x-amz-json-1.1")
        assert re.fullmatch(
            r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["x-amzn-requestid"]
        )
        assert reply["ChallengeParameters"] == {}
        assert set(reply["AuthenticationResult"]) == {
            "AccessToken", "IdToken", "RefreshToken", "ExpiresIn", "TokenType",
        }  # fmt: skip

    def test_a_refusal(self, web: Here) -> None:
        """An error is HTTP 400, told in the body and in the headers."""
        status, headers, reply = web.password("ada", "wrong")

        assert status == 400
        assert reply == {
            "__type": "NotAuthorizedException",
            "message": "Incorrect username or password.",
        }
        assert headers["x-amzn-errortype"] == "NotAuthorizedException:"
        assert headers["x-amzn-errormessage"] == "Incorrect username or password."

    def test_tokens_are_verified_by_what_is_discovered(self, web: Here) -> None:
        """The issuer is the endpoint and the pool's id; from there on everything is found."""
        _, _, reply = web.password("ada")
        _, _, discovered = web.ask("GET", f"/{POOL_ID}/.well-known/openid-configuration")
        found = json.loads(discovered)
        path = found["jwks_uri"].removeprefix(web.url)
        _, _, keys = web.ask("GET", path)
        token = jwt.decode(
            reply["AuthenticationResult"]["IdToken"], KeySet.import_key_set(json.loads(keys))
        )

        assert found["issuer"] == token.claims["iss"] == f"{web.url}/{POOL_ID}"
        assert path == f"/{POOL_ID}/.well-known/jwks.json"

    def test_health(self, web: Here) -> None:
        """Whoever starts it can ask whether it is there."""
        status, _, body = web.ask("GET", "/health")

        assert (status, json.loads(body)) == (200, {"status": "ok", "pool": POOL_ID})

    def test_two_requests_on_one_connection(self, web: Here) -> None:
        """Connections are kept alive, after refusals too."""
        connection = http.client.HTTPConnection(web.address, timeout=10)
        statuses = []
        for body in (
            "{",
            json.dumps({**SMALL, "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD}}),
        ):
            connection.request("POST", "/", body, {"X-Amz-Target": f"{TARGET}InitiateAuth"})
            reply = connection.getresponse()
            reply.read()
            statuses.append(reply.status)
        connection.close()

        assert statuses == [400, 200]


class TestLimits:
    def test_ten_megabytes(self, web: Here) -> None:
        """A body too large is refused by its declared length, before it is read."""
        sock = socket.create_connection(("127.0.0.1", int(web.address.split(":")[1])), timeout=10)
        sock.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10485760\r\n\r\n{")
        reply = sock.recv(65536)
        sock.close()

        assert reply.startswith(b"HTTP/1.1 413 ")
        assert b"RequestEntityTooLargeException" in reply
        assert b"connection: close" in reply.lower()

    def test_ten_megabytes_undeclared(self, web: Here) -> None:
        """A body that does not say how long it is, is read up to the limit."""
        sock = socket.create_connection(("127.0.0.1", int(web.address.split(":")[1])), timeout=10)
        sock.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
        sent = 0
        try:
            for sent in range(160):  # noqa: B007 - how far it came is of interest
                sock.sendall(piece)
        except OSError:  # it is not listened to any more
            pass
        assert sent >= 15
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
    def test_wrong_methods_and_paths(self, web: Here, method: str, path: str, status: int) -> None:
        """They are HTTP's own errors, in JSON."""
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
            (TARGET, "UnsupportedOperationException"),
            (f"{TARGET}Nothing", "UnsupportedOperationException"),
            (f"{TARGET}initiateauth", "UnsupportedOperationException"),
        ],
    )
    def test_unknown_targets(self, web: Here, target: str, code: str) -> None:
        """No operation, another service's, or one that there is not."""
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
    def test_garbage(self, web: Here, body: bytes) -> None:
        """What is no JSON object in UTF-8, or nested without end, is refused, and quickly."""
        begun = time.monotonic()
        status, _, answered = web.ask("POST", "/", body, X_Amz_Target=f"{TARGET}InitiateAuth")

        assert (status, json.loads(answered)["__type"]) == (400, "SerializationException")
        assert time.monotonic() - begun < 5

    def test_srp_a_of_a_megabyte(self, web: Here) -> None:
        """Its length alone refuses it: no power is taken of it."""
        begun = time.monotonic()
        status, _, reply = web.call(
            "InitiateAuth",
            ClientId=CLIENT_ID,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={"USERNAME": "ada", "SRP_A": "f" * 1_000_000},
        )

        assert (status, reply["__type"]) == (400, "InvalidParameterException")
        assert time.monotonic() - begun < 5


class TestForPeople:
    def news(self, web: Here, number: int = 1) -> list[dict[str, object]]:
        """What the page is told, that many times."""
        connection = http.client.HTTPConnection(web.address, timeout=10)
        connection.request("GET", "/events")
        reply = connection.getresponse()
        told: list[dict[str, object]] = []
        while len(told) < number:
            line = reply.readline()
            assert line
            if line.startswith(b"data: "):
                told.append(json.loads(line.removeprefix(b"data: ")))
        reply.close()
        connection.close()
        return told

    def test_the_page_asks_nobody_else(self, web: Here) -> None:
        """It is one file, and its own policy forbids any other origin, and any other script."""
        status, headers, body = web.ask("GET", "/")
        text = body.decode()
        policy = headers["content-security-policy"]

        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert re.findall(r'(?:src|href)="(?!data:)[^"]*"', text) == []
        assert re.findall(r"https?://(?!www\.w3\.org)", text) == []
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert policy.count("'sha256-") == 2

    def test_a_sign_in_is_seen_on_its_way(self, web: Here) -> None:
        """The news tells where it stands, what lies in the outbox, and where it ended."""
        _, _, reply = web.password("sam")
        asked = self.news(web)[0]
        web.answer(reply, USERNAME="sam", SMS_MFA_CODE=web.code_for("sam"))
        ended = self.news(web)[0]

        def newest(news: dict[str, object]) -> object:
            signs: list[dict[str, object]] = news["signIns"]  # type: ignore[assignment]
            sign_in = signs[0]
            return (sign_in["username"], sign_in["node"], sign_in["steps"])

        assert newest(asked) == ("sam", "SMS_MFA", 1)
        assert newest(ended) == ("sam", "AUTHENTICATED", 2)
        assert asked["userCount"] == len(USERS)

    def test_news_comes_when_there_is_some(self, web: Here) -> None:
        """An open page is told of the next operation without asking."""
        connection = http.client.HTTPConnection(web.address, timeout=10)
        connection.request("GET", "/events")
        reply = connection.getresponse()
        assert reply.readline().startswith(b"data: ")
        reply.readline()
        web.password("ada")

        assert reply.readline().startswith(b"data: ")
        reply.close()
        connection.close()

    def test_pictures(self, web: Here) -> None:
        """The protocol, and the way of a sign-in, in both themes, as SVG whose places have their names."""
        web.password("sam")
        number = self.news(web)[0]["signIns"][0]["number"]  # type: ignore[index]
        titles = []
        for path in ("/diagram.svg", f"/sign-ins/{number}.svg"):
            for theme in ("light", "dark"):
                status, headers, body = web.ask("GET", f"{path}?theme={theme}")
                drawn = ET.fromstring(body)  # noqa: S314 - our own
                titles.append(
                    {each.text for each in drawn.iter("{http://www.w3.org/2000/svg}title")}
                )
                assert (status, headers["content-type"]) == (200, "image/svg+xml")

        for each in titles:
            assert {"SMS_MFA", "EMAIL_OTP (second factor)", "AUTHENTICATED"} <= each

    def test_the_outbox(self, web: Here) -> None:
        """A test finds the code of its user."""
        web.password("<b>ev'\"il")
        _, _, all_of_it = web.ask("GET", "/outbox")
        _, headers, hers = web.ask("GET", "/outbox?username=eve@example.com")
        _, _, nobodys = web.ask("GET", "/outbox?username=nobody")
        message = json.loads(hers)["messages"][-1]

        assert message["purpose"] == "EMAIL_OTP"
        assert message in json.loads(all_of_it)["messages"]
        assert json.loads(nobodys) == {"messages": []}
        assert headers["cache-control"] == "no-store"


def test_a_fault_of_ours_is_an_error_of_cognitos(
    web: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault is HTTP 500, is logged without what it said, and the server goes on."""

    def fail(*_: object) -> None:
        raise RuntimeError("the password is hunter2")

    with monkeypatch.context() as patched:
        patched.setattr(web.service.pool, "answer", fail)
        status, headers, reply = web.password("ada")

    assert status == 500
    assert reply["__type"] == "InternalErrorException"
    assert headers["x-amzn-errortype"] == "InternalErrorException:"
    until(lambda: '"internal error"' in web.log.getvalue(), "the log")
    assert "RuntimeError" in web.log.getvalue()
    assert "hunter2" not in web.log.getvalue()
    assert web.password("ada")[0] == 200
