"""A client of one endpoint: boto3 sends each request, and each reply is recorded before botocore parses it.

An endpoint may reply with anything, such as HTML, an empty body or JSON of another shape. Whatever arrives is an
`ApiReply`; if nothing arrives in time, the call raises `Skipped`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import boto3
from attrs import define, field, frozen
from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own, which is not an OSError
    ConnectTimeoutError,
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.httpsession import URLLib3Session

from authfsm.base.concurrency import OutOfTime, call_within
from authfsm.conformance.redaction import Redactor, error_code, error_message, parse_json
from authfsm.conformance.verdicts import NotSupported, RecordedExchange, RuleFailed, Skipped

_NO_REPLY_ERRORS: Final = (HTTPClientError, ConnectionError, OutOfTime)
_BAD_REQUEST: Final = 400
_SERVER_ERROR: Final = 500
# Phrases in the errors of servers that lack an operation, flow or challenge.
_UNSUPPORTED: Final = (
    "not supported", "unsupported", "not implemented", "notimplemented", "not yet implemented",
    "does not serve", "unknown operation", "unknownoperation", "enum value set",
    "is not a valid choice",
)  # fmt: skip


@frozen
class ApiReply:
    """A reply of the endpoint.

    Args:
        operation: the operation that was called.
        status: the HTTP status.
        content: the JSON value of the body; None if it is not JSON.
        summary: the reply in one line, without secrets.
    """

    operation: str
    status: int
    content: Any = field(repr=False)
    summary: str

    @property
    def body(self) -> Mapping[str, Any]:
        """The JSON object of the body; empty if it is not an object."""
        return self.content if isinstance(self.content, Mapping) else {}

    @property
    def code(self) -> str | None:
        """The code of the error; None if the reply is not an error."""
        if (code := error_code(self.body)) is not None:
            return code
        return f"HTTP {self.status}" if self.status >= _BAD_REQUEST else None

    @property
    def message(self) -> str:
        """The message of the error."""
        return error_message(self.body)

    @property
    def challenge(self) -> str | None:
        """The ChallengeName."""
        name = self.body.get("ChallengeName")
        return name if isinstance(name, str) else None

    @property
    def session(self) -> str | None:
        """The Session."""
        session = self.body.get("Session")
        return session if isinstance(session, str) else None

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The ChallengeParameters; empty if there are none."""
        parameters = self.body.get("ChallengeParameters")
        return parameters if isinstance(parameters, Mapping) else {}

    @property
    def tokens(self) -> Mapping[str, Any]:
        """The AuthenticationResult; empty if there is none."""
        tokens = self.body.get("AuthenticationResult")
        return tokens if isinstance(tokens, Mapping) else {}

    @property
    def unsupported(self) -> bool:
        """Whether the endpoint says that it lacks the operation, flow or challenge."""
        if self.code is None:
            return False
        error = f"{self.code} {self.message}".lower().replace("_", " ")
        return self.status >= _SERVER_ERROR or any(phrase in error for phrase in _UNSUPPORTED)

    # ---- what a rule expects ---------------------------------------------------------------------------

    def ensure_supported(self) -> ApiReply:
        """Return the reply itself.

        Raises:
            NotSupported: the endpoint lacks the operation, flow or challenge.
        """
        if self.unsupported:
            raise NotSupported(self.summary)
        return self

    def expect_success(self) -> ApiReply:
        """Return the reply, which must not be an error.

        Raises:
            NotSupported: the endpoint lacks the operation, flow or challenge.
            RuleFailed: it is an error.
        """
        self.ensure_supported()
        if self.code is not None:
            raise RuleFailed(f"{self.operation} was refused: {self.summary}")
        return self

    def expect_tokens(self) -> ApiReply:
        """Return the reply, which must have an access token.

        Raises:
            NotSupported: the endpoint lacks the operation, flow or challenge.
            RuleFailed: it has none.
        """
        self.expect_success()
        if not self.tokens.get("AccessToken"):
            raise RuleFailed(f"{self.operation} returned no access token: it {self._result}")
        return self

    def expect_error(self, attempt: str, *codes: str) -> ApiReply:
        """Return the reply, which must be an error.

        Args:
            attempt: what Cognito refuses, for the message.
            codes: the codes that Cognito gives; any code, if left out.

        Raises:
            NotSupported: the endpoint lacks the operation, flow or challenge.
            RuleFailed: it is not an error, or has another code.
        """
        self.ensure_supported()
        if self.code is None:
            raise RuleFailed(f"{attempt} {self._result}")
        if codes and self.code not in codes:
            raise RuleFailed(f"{attempt} was refused with {self.code}, not {' or '.join(codes)}")
        return self

    def expect_challenge(self, challenge: str) -> ApiReply:
        """Return the reply, which must be this challenge.

        Raises:
            NotSupported: it is an error.
            RuleFailed: it is another challenge, or tokens.
        """
        if self.code is not None:
            raise NotSupported(self.summary)
        if self.challenge != challenge:
            raise RuleFailed(f"{self.operation} did not lead to {challenge}: it {self._result}")
        return self

    def setup_value(self, *path: str) -> Any:
        """Return a value from the reply to a request that creates what a rule needs.

        Args:
            path: the names that lead to the value; without any, the whole reply.

        Raises:
            Skipped: the reply is an error, or lacks the value.
        """
        value: Any = self.body
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if self.code is not None or (path and value is None):
            raise Skipped(f"{self.operation}: {self.summary}")
        return value

    @property
    def _result(self) -> str:
        if self.tokens:
            return "returned tokens"
        if self.challenge:
            return f"led to {self.challenge}"
        return f"was answered with {self.summary}"


@define(eq=False)
class ApiClient:
    """Sends requests to one endpoint and records them with their replies.

    Args:
        url: the endpoint.
        region: the region for signing requests.
        credentials: access key, secret key and session token; None for those of the environment.
        timeout: the seconds that a reply may take.
    """

    url: str
    region: str = "us-east-1"
    credentials: tuple[str, str, str | None] | None = field(
        default=("local", "local", None), repr=False
    )
    timeout: float = 10.0
    deadline: float = field(default=float("inf"), init=False)
    """The value of `time.monotonic()` after which no request is sent."""
    exchanges: list[RecordedExchange] = field(factory=list, init=False, repr=False)
    redactor: Redactor = field(factory=Redactor, init=False, repr=False)
    last_reply: ApiReply | None = field(default=None, init=False, repr=False)
    boto3_client: Any = field(init=False, repr=False)
    _http: Any = field(init=False, repr=False)
    _in_setup: bool = field(default=False, init=False)
    _call: tuple[str, Mapping[str, Any]] = field(default=("", {}), init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # As botocore's own endpoints do: the body of a request is sent without waiting for an ACK of the head.
        no_delay = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        session: Any = URLLib3Session
        self._http = session(timeout=(self.timeout, self.timeout), socket_options=no_delay)
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        keys: dict[str, Any] = dict(zip(names, self.credentials or (), strict=False))
        self.boto3_client = boto3.session.Session(region_name=self.region, **keys).client(
            "cognito-idp",
            endpoint_url=self.url,
            # Rules send invalid requests on purpose: the endpoint must refuse them, not botocore.
            config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
        )
        events = self.boto3_client.meta.events
        events.register("provide-client-params.cognito-identity-provider.*", self._on_call)
        events.register("before-send.cognito-identity-provider.*", self._on_send)

    def call(self, operation: str, /, **members: Any) -> ApiReply:
        """Call an operation and return its reply, whatever it is.

        Args:
            operation: the operation, as the API spells it.
            members: the request; members that are None are left out.

        Raises:
            Skipped: no reply came.
        """
        self.last_reply = None
        method = getattr(self.boto3_client, xform_name(operation))
        try:
            method(**{name: value for name, value in members.items() if value is not None})
        except (BotoCoreError, ClientError):
            pass  # an error reply, which was recorded before
        except Exception:
            # With a reply, botocore failed to parse it; without one, the error is `Skipped` or a bug.
            if self.last_reply is None:
                raise
        if self.last_reply is None:
            raise Skipped(f"botocore could not send {operation}")
        return self.last_reply

    def get(self, url: str) -> ApiReply:
        """Fetch a document that is not part of the API, such as the pool's JWKS.

        Raises:
            Skipped: no reply came.
        """
        path = "/" + url.split("://", 1)[-1].partition("/")[2]
        label = f"GET {self.redactor.text(path)}"
        headers: Any = {}
        response = self._send(
            label, AWSPreparedRequest("GET", url, headers, b"", stream_output=False)
        )
        summary = f"{response.status_code}, {len(response.content)} bytes"
        self._record(label, summary)
        return ApiReply("GET", response.status_code, parse_json(response.content), summary)

    @contextmanager
    def setup(self) -> Iterator[None]:
        """Mark the requests of the block as setup: they create what a rule needs."""
        before, self._in_setup = self._in_setup, True
        try:
            yield
        finally:
            self._in_setup = before

    def _on_call(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        self._call = (model.name, params)

    def _on_send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Send the request in place of botocore, and record it with its reply."""
        operation, members = self._call
        label = self.redactor.request(operation, members)
        response = self._send(label, request)
        summary = self.redactor.reply(response.status_code, response.content)
        self._record(label, summary)
        content = parse_json(response.content)
        self.last_reply = ApiReply(operation, response.status_code, content, summary)
        return response

    def _record(self, request: str, reply: str) -> None:
        self.exchanges.append(RecordedExchange(request, reply, self._in_setup))

    def _send(self, label: str, request: AWSPreparedRequest) -> AWSResponse:
        """Send a request and read the whole response, within the timeout and before the deadline.

        urllib3's timeouts bound each `recv`, so an endpoint that sends a byte now and then would never time out.
        """
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise Skipped("the rule's time is over")
        try:
            return call_within(min(self.timeout, remaining), self._read, request)
        except _NO_REPLY_ERRORS as error:
            self._record(label, "no reply")
            if isinstance(error, OutOfTime):
                raise Skipped(f"no reply came within {error.seconds:g} s") from None
            if isinstance(error, (ReadTimeoutError, ConnectTimeoutError)):
                raise Skipped(f"no reply came within {self.timeout:g} s") from None
            raise Skipped(f"no reply came ({type(error).__name__})") from None

    def _read(self, request: AWSPreparedRequest) -> AWSResponse:
        response: AWSResponse = self._http.send(request)
        _ = response.content  # reads the body here, inside the time limit
        return response
