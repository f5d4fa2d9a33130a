"""The one door to an endpoint: boto3 speaks, and every byte that comes back is seen before botocore parses it.

An endpoint may answer with anything (HTML, nothing, JSON of another shape): what was heard is a `ApiReply`, never
an exception, and who does not answer in time is `Skipped`.
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
    ConnectionError,  # noqa: A004 - botocore's, which is no OSError
    ConnectTimeoutError,
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.httpsession import URLLib3Session

from authfsm.base.concurrency import OutOfTime, call_within
from authfsm.conformance.redaction import Redactor, code_of, message_of, parsed
from authfsm.conformance.verdicts import NotSupported, RecordedExchange, RuleFailed, Skipped

NO_REPLY_ERRORS: Final = (HTTPClientError, ConnectionError, OutOfTime)
"""Errors that say that no reply came, or not in time: botocore's, and ours."""

_SERVER_FAULT: Final = 500
_REFUSED: Final = 400
# Words that servers say where they have no such operation, flow or challenge.
_LACKING: Final = (
    "not supported", "unsupported", "not implemented", "notimplemented", "not yet implemented",
    "does not serve", "unknown operation", "unknownoperation", "enum value set",
    "is not a valid choice",
)  # fmt: skip


@frozen
class ApiReply:
    """What came back.

    Args:
        operation: the operation that was asked.
        status: the HTTP status.
        said: the JSON; None if it was none.
        words: it in one line, without secrets.
    """

    operation: str
    status: int
    said: Any = field(repr=False)
    words: str

    @property
    def body(self) -> Mapping[str, Any]:
        """The JSON object, or an empty one."""
        return self.said if isinstance(self.said, Mapping) else {}

    @property
    def code(self) -> str | None:
        """The error's code; None if it is no error."""
        if (code := code_of(self.body)) is not None:
            return code
        return f"HTTP {self.status}" if self.status >= _REFUSED else None

    @property
    def message(self) -> str:
        """The error's message."""
        return message_of(self.body)

    @property
    def challenge(self) -> str | None:
        """ChallengeName."""
        name = self.body.get("ChallengeName")
        return name if isinstance(name, str) else None

    @property
    def session(self) -> str | None:
        """Session."""
        session = self.body.get("Session")
        return session if isinstance(session, str) else None

    @property
    def parameters(self) -> Mapping[str, Any]:
        """ChallengeParameters."""
        parameters = self.body.get("ChallengeParameters")
        return parameters if isinstance(parameters, Mapping) else {}

    @property
    def tokens(self) -> Mapping[str, Any]:
        """AuthenticationResult; empty if there is none."""
        tokens = self.body.get("AuthenticationResult")
        return tokens if isinstance(tokens, Mapping) else {}

    @property
    def lacking(self) -> bool:
        """Does the endpoint say that it has no such thing?"""
        if self.code is None:
            return False
        said = f"{self.code} {self.message}".lower().replace("_", " ")
        return self.status >= _SERVER_FAULT or any(each in said for each in _LACKING)

    # ---- what it should have been --------------------------------------------------------------

    def granted(self) -> ApiReply:
        """It was no error.

        Raises:
            NotOffered: there is no such thing here.
            Fails: it was an error, or nothing.
        """
        if self.lacking:
            raise NotSupported(self.words)
        if self.code is not None:
            raise RuleFailed(f"{self.operation} was refused: {self.words}")
        return self

    def authenticates(self) -> ApiReply:
        """It was tokens.

        Raises:
            NotOffered: there is no such thing here.
            Fails: it was something else.
        """
        self.granted()
        if not self.tokens.get("AccessToken"):
            raise RuleFailed(f"tokens were to come: the request {self._led}")
        return self

    def refused(self, what: str, *codes: str) -> ApiReply:
        """It was an error.

        Args:
            what: what should have been refused.
            codes: the codes that Cognito gives; any, if left out.

        Raises:
            NotOffered: there is no such thing here.
            Fails: it was no error, or another one.
        """
        if self.lacking:
            raise NotSupported(self.words)
        if self.code is None:
            raise RuleFailed(f"{what} {self._led}")
        if codes and self.code not in codes:
            raise RuleFailed(f"{what} was refused with {self.code}, not {' or '.join(codes)}")
        return self

    @property
    def _led(self) -> str:
        if self.tokens:
            return "brought tokens"
        return f"led to {self.challenge}" if self.challenge else f"was answered with {self.words}"

    def asks(self, challenge: str) -> ApiReply:
        """It was this challenge.

        Raises:
            NotOffered: it was an error.
            Fails: it was something else.
        """
        if self.code is not None:
            raise NotSupported(self.words)
        if self.challenge != challenge:
            raise RuleFailed(f"{challenge} was to come: the request {self._led}")
        return self


@define(eq=False)
class ApiClient:
    """What is said with one endpoint.

    Args:
        url: the endpoint.
        region: for the signature.
        credentials: access key, secret key and session token; the environment's own, if left out.
        patience: seconds that a reply may take.
    """

    url: str
    region: str = "us-east-1"
    credentials: tuple[str, str, str | None] | None = field(
        default=("local", "local", None), repr=False
    )
    patience: float = 10.0
    said: list[RecordedExchange] = field(factory=list, init=False, repr=False)
    furnishing: bool = field(default=False, init=False)
    deadline: float = field(default=float("inf"), init=False)
    masking: Redactor = field(factory=Redactor, init=False, repr=False)
    last: ApiReply | None = field(default=None, init=False, repr=False)
    client: Any = field(init=False, repr=False)
    _asked: tuple[str, Mapping[str, Any]] = field(default=("", {}), init=False, repr=False)
    _http: Any = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # As botocore's own endpoints do: head and body of a request do not wait for one another.
        at_once = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        session: Any = URLLib3Session
        self._http = session(timeout=(self.patience, self.patience), socket_options=at_once)
        named: dict[str, Any] = dict(
            zip(
                ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
                self.credentials or (),
                strict=False,
            )
        )
        self.client = boto3.session.Session(region_name=self.region, **named).client(
            "cognito-idp",
            endpoint_url=self.url,
            # Rules send what no careful client would: the endpoint is to refuse it, not botocore.
            config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
        )
        events = self.client.meta.events
        events.register("provide-client-params.cognito-identity-provider.*", self._notes)
        events.register("before-send.cognito-identity-provider.*", self._sends)

    def call(self, operation: str, /, **given: Any) -> ApiReply:
        """Ask, whatever comes of it.

        Args:
            operation: as the API spells it.
            given: its members; those that are None are left out.

        Raises:
            Untried: no reply came.
        """
        self.last = None
        method = getattr(self.client, _method(operation))
        given = {name: value for name, value in given.items() if value is not None}
        try:
            method(**given)
        except NO_REPLY_ERRORS as error:
            raise self._unheard(error) from None
        except (BotoCoreError, ClientError):
            pass
        except Skipped:
            raise
        except Exception:
            # botocore's parser, on a body that is none of Cognito's; it was heard all the same.
            if self.last is None:
                raise
        if self.last is None:
            raise Skipped(f"botocore would not send {operation}")
        return self.last

    def get(self, url: str) -> ApiReply:
        """A document beside the API, as the keys of a pool.

        Raises:
            Untried: no reply came.
        """
        headers: Any = {}
        path = "/" + url.split("://", 1)[-1].partition("/")[2]
        try:
            reply = self._asked_in_time(
                AWSPreparedRequest("GET", url, headers, b"", stream_output=False)
            )
        except NO_REPLY_ERRORS as error:
            raise self._unheard(error) from None
        body = reply.content
        words = f"{reply.status_code}, {len(body)} bytes"
        self._kept(f"GET {self.masking.text(path)}", words)
        return ApiReply("GET", reply.status_code, parsed(body), words)

    @contextmanager
    def setup(self) -> Iterator[None]:
        """What is said inside only makes what a rule needs."""
        before, self.furnishing = self.furnishing, True
        try:
            yield
        finally:
            self.furnishing = before

    # ---- inside --------------------------------------------------------------------------------------

    def _notes(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        self._asked = (model.name, params)

    def _sends(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        operation, given = self._asked
        try:
            reply = self._asked_in_time(request)
        except NO_REPLY_ERRORS as error:
            self._kept(self.masking.request(operation, given), "no reply")
            raise self._unheard(error) from None
        body = reply.content
        asked = self.masking.request(operation, given)
        words = self.masking.reply(reply.status_code, body)
        self._kept(asked, words)
        self.last = ApiReply(operation, reply.status_code, parsed(body), words)
        return reply

    def _kept(self, asked: str, heard: str) -> None:
        self.said.append(RecordedExchange(asked, heard, self.furnishing))

    def _asked_in_time(self, request: AWSPreparedRequest) -> AWSResponse:
        """Send a request, and wait for all of its reply: as long as a reply may take, and as the rule has left.

        urllib3's timeouts bound each `recv`: an endpoint that sends a byte now and then would never be late.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Skipped("it took too long")
        reply: AWSResponse = call_within(min(self.patience, left), self._whole, request)
        return reply

    def _whole(self, request: AWSPreparedRequest) -> AWSResponse:
        reply: AWSResponse = self._http.send(request)
        _ = reply.content  # read here: it is kept
        return reply

    def _unheard(self, error: Exception) -> Skipped:
        if isinstance(error, OutOfTime):
            return Skipped(f"no reply came within {error.seconds:g} s")
        if isinstance(error, (ReadTimeoutError, ConnectTimeoutError)):
            return Skipped(f"no reply came within {self.patience:g} s")
        return Skipped(f"no reply came ({type(error).__name__})")


def _method(operation: str) -> str:
    """initiate_auth of InitiateAuth."""
    return str(xform_name(operation))
