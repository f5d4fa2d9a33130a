"""A client of one endpoint: boto3 makes and signs each request, and each reply is recorded before botocore parses it.

An endpoint may reply with anything, such as HTML, an empty body or JSON of another shape. Each complete reply is an
`ApiReply`; if none arrives in time, the call raises `Skipped`.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import boto3
from attrs import define, field
from botocore import exceptions, xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from botocore.session import Session as BotocoreSession

from authfsm.base.concurrency import OutOfTime, call_within
from authfsm.conformance.verdicts import ApiReply, RecordedExchange, Skipped, error_code, error_message, one_line
from authfsm.local.api.boto_hook import NO_ENVIRONMENT
from authfsm.protocol.states import CHALLENGES

MASK: Final = "****"
USER_DOMAIN: Final = ".example.com"  # the end of the addresses that rules use as user names
_LONGEST_MESSAGE: Final = 200
# What matches is no secret: up to 5 characters, or a word. A word of over 15 capitals may be a SecretCode (base32).
_NO_SECRET: Final = re.compile(r"(?s).{0,5}|[^\W\d_]{0,15}|[A-Z]*[^\W\d_A-Z][^\W\d_]*")
# The values of these members are shown, because they are words of Cognito's API and never secrets.
_UNMASKED_MEMBERS: Final = frozenset({
    "AuthFlow", "ChallengeName", "CHALLENGE_NAME", "PREFERRED_CHALLENGE", "Name", "AttributeName", "UserAttributeNames",
    "MessageAction", "Permanent", "MfaConfiguration", "PreventUserExistenceErrors", "GenerateSecret", "ExplicitAuthFlows",
    "CODE_DELIVERY_DELIVERY_MEDIUM", "requiredAttributes", "MFAS_CAN_SETUP", "MFAS_CAN_CHOOSE", "AvailableChallenges",
    "Status", "UserConfirmationNecessary", "TokenType", "ExpiresIn",
})  # fmt: skip
_GENERATED_VALUE: Final = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{20,}|(?=[A-Za-z0-9+/_=.-]*\d)[A-Za-z0-9+/_=.-]{24,}")
_CHALLENGE_NAMES: Final = frozenset({each.value for each in CHALLENGES})


@define
class Redactor:
    """Describes the requests and replies of one endpoint. It remembers their values, and masks them in messages.

    `labels` maps each user name that the endpoint returned to the rule's name for this user, such as ada. That name is
    shown instead.
    """

    labels: dict[str, str] = field(factory=dict, repr=False)
    _secrets: set[str] = field(factory=set, repr=False)

    def describe_request(self, operation: str, members: Mapping[str, Any]) -> str:
        """Return a request in one line, without secrets."""
        self._remember(members)
        parts = [operation]
        for name, value in members.items():
            if name in {"AuthParameters", "ChallengeResponses"} and isinstance(value, Mapping):
                parts += [self._pair(key, each) for key, each in value.items()]
            elif name not in {"ClientId", "UserPoolId"}:
                parts.append(self._pair(name, value))
        return " ".join(parts)

    def describe_reply(self, status: int, body: bytes) -> str:
        """Return a reply in one line, without secrets."""
        content = parse_json(body)
        if not body.strip():
            return f"{status}, an empty body"
        if not isinstance(content, Mapping):
            excerpt = repr(self.mask(body.decode("utf-8", "replace"))[:60])
            html = b"<html" in body[:200].lower()
            return f"{status}, no JSON object but {'HTML' if html else excerpt}"
        self._remember({k: v for k, v in content.items() if k not in {"message", "Message"}})
        return one_line(f"{status}{self._content(content)}")

    def mask(self, message: str) -> str:
        """Return a message as a line of at most 200 characters; **** replaces `_secrets` and generated values."""
        message = one_line(message[:10_000])  # far more than is shown
        for each in sorted(self._secrets, key=len, reverse=True):
            message = message.replace(each, MASK)
        message = _GENERATED_VALUE.sub(MASK, message)
        return message if len(message) <= _LONGEST_MESSAGE else f"{message[: _LONGEST_MESSAGE - 3]}..."

    def _content(self, content: Mapping[str, Any]) -> str:
        if (code := error_code(content)) is not None:
            return f" {self.mask(code)}: {self.mask(error_message(content))}"
        if isinstance(result := content.get("AuthenticationResult"), Mapping):
            tokens = sorted(key for key, value in result.items() if value is not None)
            return f", tokens: {', '.join(tokens)}"
        if name := content.get("ChallengeName"):
            parameters = content.get("ChallengeParameters")
            pairs = parameters.items() if isinstance(parameters, Mapping) else ()
            session = [f"Session={MASK}"] if content.get("Session") else []
            return " ".join(["", self.mask(str(name)), *session, *(self._pair(str(k), v) for k, v in pairs)])
        if not content:
            return ", an empty object"
        return " " + " ".join(self._pair(str(key), value) for key, value in content.items())

    def _pair(self, name: str, value: Any) -> str:
        if name in {"USERNAME", "Username"}:
            is_from_rule = str(value).endswith(USER_DOMAIN)
            label = value.partition("@")[0] if is_from_rule else self.labels.get(str(value), MASK)
            return f"{name}={label}"
        if name in _UNMASKED_MEMBERS or (isinstance(value, str) and value in _CHALLENGE_NAMES):
            return f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        return f"{name}={MASK if isinstance(value, str) else '...'}"

    def _remember(self, value: Any, name: str = "") -> None:
        """Add the texts in a value to `_secrets`, except user names, words of the API and what `_NO_SECRET` matches."""
        if isinstance(value, Mapping):
            for key, each in value.items():
                self._remember(each, str(key))
        elif isinstance(value, list):
            for each in value:
                self._remember(each, name)
        elif (
            isinstance(value, str)
            and name not in _UNMASKED_MEMBERS
            and not value.endswith(USER_DOMAIN)
            and value not in self.labels
            and value not in _CHALLENGE_NAMES
            and not _NO_SECRET.fullmatch(value)
        ):
            self._secrets.add(value)


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text; None if it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@define(eq=False)
class ApiClient:
    """Sends requests to one endpoint and records them with their replies.

    `credentials` are access key, secret key and session token. A reply may take `timeout` seconds.
    """

    url: str
    region: str = "us-east-1"
    credentials: tuple[str, str, str | None] = field(default=("local", "local", None), repr=False)
    timeout: float = 10.0
    deadline: float = field(default=float("inf"), init=False)  # by `time.monotonic()`
    exchanges: list[RecordedExchange] = field(factory=list, init=False, repr=False)
    redactor: Redactor = field(factory=Redactor, init=False, repr=False)
    last_reply: ApiReply | None = field(default=None, init=False, repr=False)
    boto3_client: Any = field(init=False, repr=False)
    _http: Any = field(init=False, repr=False)
    _in_setup: bool = field(default=False, init=False)
    _call: tuple[str, Mapping[str, Any]] = field(default=("", {}), init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # botocore sets this option too, so that the body of a request does not wait for the ACK of the headers.
        no_delay = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        http: Any = URLLib3Session
        self._http = http(timeout=(self.timeout, self.timeout), socket_options=no_delay)
        session = boto3.session.Session(*self.credentials, self.region, BotocoreSession(session_vars=NO_ENVIRONMENT))
        self.boto3_client = session.client(
            "cognito-idp",
            endpoint_url=self.url,
            # Rules send invalid requests on purpose: the endpoint must refuse them, not botocore.
            config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
        )
        events = self.boto3_client.meta.events
        events.register("provide-client-params.cognito-identity-provider.*", self._on_call)
        events.register("before-send.cognito-identity-provider.*", self._on_send)

    def call(self, operation: str, /, **members: Any) -> ApiReply:
        """Call an operation and return its reply, whatever it is; raise Skipped if there is none."""
        self.last_reply = None
        method = getattr(self.boto3_client, xform_name(operation), None)
        if method is None:
            raise Skipped(f"the installed boto3 has no {operation}: update boto3")
        try:
            method(**{name: value for name, value in members.items() if value is not None})
        except Exception as error:
            # If a reply came, `_on_send` has recorded it; `error` means only that the reply is an error or unreadable.
            if self.last_reply is None:
                if isinstance(error, exceptions.BotoCoreError):
                    raise Skipped(f"botocore could not send {operation}: {error}") from None
                raise  # Skipped, or a bug
        return self.last_reply  # type: ignore[return-value]  # `_on_send` has set it

    def get(self, url: str) -> ApiReply:
        """Fetch a document that is not part of the API, such as the pool's JWKS."""
        path = "/" + url.split("://", 1)[-1].partition("/")[2]
        label = f"GET {self.redactor.mask(path)}"
        headers: Any = {}
        request = AWSPreparedRequest("GET", url, headers, b"", stream_output=False)
        response = self._send(label, request)
        summary = f"{response.status_code}, {len(response.content)} bytes"
        self._record(label, summary)
        return ApiReply(label.partition("?")[0], response.status_code, parse_json(response.content), summary)

    @contextmanager
    def setup(self) -> Iterator[None]:
        """Mark the requests of the block as setup: they only prepare what a rule needs, or clean up."""
        before, self._in_setup = self._in_setup, True
        try:
            yield
        finally:
            self._in_setup = before

    def _on_call(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        self._call = (model.name, params)

    def _on_send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Send the request in place of botocore, and record it with its reply."""
        label = self.redactor.describe_request(*self._call)
        response = self._send(label, request)
        summary = self.redactor.describe_reply(response.status_code, response.content)
        self._record(label, summary)
        self.last_reply = ApiReply(self._call[0], response.status_code, parse_json(response.content), summary)
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
        except (exceptions.HTTPClientError, exceptions.ConnectionError, OutOfTime) as error:
            self._record(label, "no reply")
            seconds = error.seconds if isinstance(error, OutOfTime) else self.timeout
            timeouts = (OutOfTime, exceptions.ReadTimeoutError, exceptions.ConnectTimeoutError)
            why = f"within {seconds:g} s" if isinstance(error, timeouts) else f"({type(error).__name__})"
            raise Skipped(f"no reply came {why}") from None

    def _read(self, request: AWSPreparedRequest) -> AWSResponse:
        response: AWSResponse = self._http.send(request)
        _ = response.content  # reads the body here, inside the time limit
        return response
