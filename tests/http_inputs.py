"""HTTP requests for the server, drawn from a seed: well formed except for random faults.

The bodies are made from botocore's model of the API, the heads from what browsers, clients and attackers
send. `send_request` hands one to the server's application, without a socket.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from attrs import field, frozen
from generate_members import known_members
from local_servers import CLIENT_ID, CREDENTIALS, PASSWORD, POOL_ID, TARGET

from authfsm.local.api.operations import OPERATIONS
from authfsm.local.server.http_connection import HttpRequest, RequestRefused, StreamedReply
from authfsm.local.server.http_server import App

T = TypeVar("T")

MODEL: Final = known_members()
KEYS: Final = (
    "USERNAME", "PASSWORD", "SRP_A", "SECRET_HASH", "DEVICE_KEY", "REFRESH_TOKEN", "CHALLENGE_NAME", "ANSWER",
    "SMS_MFA_CODE", "EMAIL_OTP_CODE", "SOFTWARE_TOKEN_MFA_CODE", "NEW_PASSWORD", "TIMESTAMP", "CREDENTIAL",
    "PASSWORD_CLAIM_SIGNATURE", "PASSWORD_CLAIM_SECRET_BLOCK", "PREFERRED_CHALLENGE", "TARGET_ACR_VALUES",
    "ACCESS_TOKEN", "MAX_AGE", "EMAIL", "SMS_OTP_CODE", "userAttributes.email", "userAttributes.",
)  # fmt: skip
TEXTS: Final = (
    "", "ada", "sam", "new", "nobody", PASSWORD, "SRP_A", "SMS_MFA", "123456", "\ud800", "\x00", "0", "-1", "é" * 30,
    "A" * 5000, "{}", "null", "f" * 768, "f" * 2000, "../..", "Thu Jan 1 00:00:00 UTC 1970", "a.b.c", "=", "AAAA",
    "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJSUzI1NiIsImNyaXQiOls3XX0.e30.AA", "{0}", "%s", "email", "\u202e", "9" * 5000,
    "1e999", "+15555550143", "ada@example.com", "eu-west-1_" + "0" * 36, "true", "\r\nX: y",
)  # fmt: skip
KNOWN: Final[dict[str, Sequence[str]]] = {
    "ClientIdType": (CLIENT_ID,),
    "UserPoolIdType": (POOL_ID,),
    "AuthFlowType": ("USER_SRP_AUTH", "USER_PASSWORD_AUTH", "CUSTOM_AUTH", "USER_AUTH", "REFRESH_TOKEN_AUTH",
                     "ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH", "REFRESH_TOKEN"),
    "ChallengeNameType": ("SMS_MFA", "PASSWORD_VERIFIER", "NEW_PASSWORD_REQUIRED", "MFA_SETUP", "DEVICE_SRP_AUTH",
                          "SELECT_CHALLENGE", "SELECT_MFA_TYPE", "EMAIL_OTP", "WEB_AUTHN", "CUSTOM_CHALLENGE",
                          "DEVICE_PASSWORD_VERIFIER", "SOFTWARE_TOKEN_MFA", "PASSWORD", "PASSWORD_SRP", "SMS_OTP"),
}  # fmt: skip
NUMBERS: Final = (0, 1, -1, 7, 60, 2**31, 2**63, -(2**70), 10**13, 10**400, 0.5, 1e308, -0.0)
METHODS: Final = ("POST",) * 12 + ("GET",) * 8 + ("OPTIONS",) * 3 + ("HEAD", "PUT", "DELETE", "PATCH", "TRACE", "X")
PATHS: Final = (
    "/", "/outbox", "/health", "/diagram.svg", "/sign-ins/1.svg", "/events", f"/{POOL_ID}/.well-known/jwks.json",
    f"/{POOL_ID}/.well-known/openid-configuration", "/eu-west-1_Other/.well-known/jwks.json", "//", "/outbox/", "",
    "/sign-ins/" + "9" * 6000 + ".svg", "/sign-ins/-1.svg", "/sign-ins/².svg", "/sign-ins/٣.svg", "/sign-ins/1e9.svg",
    "/sign-ins/0x1.svg", "/sign-ins/.svg", "/sign-ins/1.svg/../2.svg", "/sign-ins/\x00.svg", "/\ud800", "/" + "a" * 9000,
    "/../../etc/passwd", "/%2e%2e/outbox", "/outbox;x", "*", "http://evil.example/outbox",
)  # fmt: skip
QUERIES: Final = (
    b"", b"username=ada", b"username=", b"username=%ff", b"username=%ed%a0%80", b"username=a&username=b", b"theme=dark",
    b"theme=%00", b"&&&=", b"%", b"x" * 9000, b"username=" + b"9" * 6000, b"a=1;b=2", b"theme=dark&theme=light", b"\xff",
)  # fmt: skip
HEADERS: Final[dict[bytes, Sequence[bytes]]] = {
    b"host": (b"127.0.0.1:9229", b"localhost", b"[::1]:9229", b"evil.example", b"", b"\xff", b"localhost:99999999",
              b"a" * 5000, b"[", b"[::1", b"localhost, evil.example"),
    b"origin": (b"http://127.0.0.1:9229", b"http://localhost:3000", b"null", b"http://evil.example", b"", b"\xff\xfe",
                b"http://", b"://", b"http://[::1", b"a" * 5000),
    b"sec-fetch-site": (b"none", b"same-origin", b"same-site", b"cross-site", b"", b"\xff"),
    b"sec-fetch-mode": (b"navigate", b"cors", b"no-cors", b"\xff"),
    b"sec-fetch-dest": (b"document", b"iframe", b"empty"),
    b"content-type": (b"application/x-amz-json-1.1", b"text/plain", b"", b"\xff", b"multipart/form-data"),
    b"content-length": (b"0", b"-1", b"9" * 30, b"1e3", b"\xb2", b"\xff", b"", b"99999999999"),
    b"access-control-request-method": (b"POST", b"GET", b"", b"\xff"),
    b"access-control-request-headers": (b"x-amz-target", b"\xff", b"a" * 5000, b""),
    b"access-control-request-private-network": (b"true", b"x"),
    b"authorization": (CREDENTIALS["Authorization"].encode(), b"", b"\xff", b"Bearer x"),
    b"connection": (b"close", b"upgrade", b"\xff"),
    b"upgrade": (b"websocket", b"h2c"),
}  # fmt: skip


@frozen
class FuzzRequest:
    """A request.

    Args:
        method: its method.
        path: its path, decoded.
        query: its query.
        headers: its headers, names in small letters.
        body: its body.
    """

    method: str
    path: str
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = field(repr=lambda body: repr(body[:300]))


class FuzzRequests:
    """Random requests; sessions and tokens of replies appear in later requests.

    Args:
        seed: of the random numbers.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - the same requests for the same seed
        self._seen: dict[str, list[str]] = {}

    def learn(self, body: bytes) -> None:
        """Remember the sessions and tokens of a reply."""
        try:
            reply = json.loads(body)
        except ValueError:
            return
        if not isinstance(reply, dict):
            return
        values = {"SessionType": reply.get("Session")}
        result = reply.get("AuthenticationResult") or {}
        values["TokenModelType"] = result.get("AccessToken")
        values["refresh"] = result.get("RefreshToken")
        values["parameters"] = (reply.get("ChallengeParameters") or {}).get("SECRET_BLOCK")
        for name, value in values.items():
            if isinstance(value, str):
                self._seen.setdefault(name, []).append(value)
                del self._seen[name][:-20]

    def request(self) -> FuzzRequest:
        """Return the next request."""
        method = self._of(METHODS)
        likely = self._chance(0.7)
        path = "/" if method == "POST" and likely else self._of(PATHS)
        headers = [] if self._chance(0.05) else [(b"host", self._of(HEADERS[b"host"][: 3 if likely else None]))]
        for name, values in HEADERS.items():
            if name != b"host" and self._chance(0.06):
                headers.extend((name, self._of(values)) for _ in range(self._of((1, 1, 1, 2))))
        if likely:
            headers.append((b"authorization", CREDENTIALS["Authorization"].encode()))
        operation = self._of(tuple(OPERATIONS))
        if self._chance(0.95):
            target = TARGET + (operation if self._chance(0.95) else self._text())
            headers.append((b"x-amz-target", target.encode("latin-1", "replace")))
        self._random.shuffle(headers)
        body = self._body(operation) if method == "POST" or self._chance(0.1) else b""
        return FuzzRequest(method, path, self._of(QUERIES) if self._chance(0.3) else b"", tuple(headers), body)

    def _body(self, operation: str) -> bytes:
        if self._chance(0.03):
            return self._random.randbytes(self._random.randrange(200))
        if self._chance(0.02):
            return self._of(
                (b"[" * 60_000, b'{"a":' * 60_000, b'{"Limit":' + b"9" * 6000 + b"}", b"{}", b"null", b'"x"')
            )
        body = json.dumps(self._value(MODEL["operations"][operation], 0)).encode()
        if self._chance(0.03):
            at = self._random.randrange(len(body) + 1)
            return body[:at] + self._random.randbytes(1) + body[at + self._random.randrange(3) :]
        return body

    def _value(self, name: str, depth: int) -> Any:  # noqa: PLR0911 - a kind each
        shape = MODEL["shapes"][name]
        if depth and self._chance(0.02):
            return self._junk(0)
        match shape["type"]:
            case "structure":
                return {
                    key: self._value(each, depth + 1)
                    for key, each in shape["members"].items()
                    if self._chance(0.97 if key in shape["required"] else 0.3)
                }
            case "list":
                return [self._value(shape["member"], depth + 1) for _ in range(self._random.randrange(3))]
            case "map":
                return {
                    self._of(KEYS) if self._chance(0.9) else self._text(): self._text()
                    for _ in range(self._random.randrange(7))
                }
            case "integer" | "long" | "timestamp":
                return self._random.randrange(-5, 100) if self._chance(0.9) else self._of(NUMBERS)
            case "boolean":
                return self._chance(0.5)
            case "document":
                return {self._text(): self._junk(0) for _ in range(self._random.randrange(3))}
            case _:
                values = self._seen.get(name) or KNOWN.get(name)
                return self._of(values) if values and self._chance(0.95) else self._text()

    def _text(self) -> str:
        if self._chance(0.15):
            values_so_far = [each for values in self._seen.values() for each in values]
            if values_so_far:
                return self._of(values_so_far)
        if self._chance(0.1):
            return "".join(chr(self._random.randrange(0x11000)) for _ in range(self._random.randrange(12)))
        return self._of(TEXTS)

    def _junk(self, depth: int) -> Any:
        kinds: tuple[Any, ...] = (None, True, self._of(NUMBERS), self._text(), [], {})
        chosen = self._of(kinds)
        if depth < 3 and chosen == []:
            return [self._junk(depth + 1) for _ in range(self._random.randrange(3))]
        if depth < 3 and chosen == {}:
            return {self._text(): self._junk(depth + 1) for _ in range(self._random.randrange(3))}
        return chosen

    def _of(self, values: Sequence[T]) -> T:
        return self._random.choice(values)

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability


def send_request(app: App, fuzz_request: FuzzRequest) -> tuple[int, bytes]:
    """Return the status and body of the reply to a request; of a stream, the first piece."""
    headers: dict[str, str] = {}
    for raw_name, raw in fuzz_request.headers:
        key, text = raw_name.decode(), raw.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    query = dict(parse_qsl(fuzz_request.query.decode("latin-1"), keep_blank_values=True))
    request = HttpRequest(
        fuzz_request.method, fuzz_request.path, query, headers, "127.0.0.1", lambda: fuzz_request.body
    )
    try:
        response = app.respond(request)
    except RequestRefused as refused:
        return refused.status, b""
    for value in response.headers.values():
        assert "\r" not in value
        assert "\n" not in value
    return response.status, next(response.parts) if isinstance(response, StreamedReply) else response.body


def fuzz(app: App, seed: int, number: int) -> dict[int, int]:
    """Send a number of requests, and count the statuses.

    Raises:
        AssertionError: one was answered by a fault of ours, or by none; it is named.
    """
    inputs, statuses = FuzzRequests(seed), dict[int, int]()
    for count in range(number):
        fuzz_request = inputs.request()
        try:
            status, body = send_request(app, fuzz_request)
        except Exception as error:
            raise AssertionError(f"seed {seed}, request {count}: {fuzz_request}") from error
        # 503 is that no engine draws pictures here.
        assert status < 500 or status == 503, f"seed {seed}, request {count}: {status} to {fuzz_request}"
        statuses[status] = statuses.get(status, 0) + 1
        inputs.learn(body)
    return statuses
