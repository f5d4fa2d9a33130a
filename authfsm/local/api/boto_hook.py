"""The boto3 client of a local pool: a real client whose requests do not leave the process.

botocore emits `before-send` when a request is ready to be sent, and uses a handler's return value as the
response. Validation, serialisation and parsing are botocore's own, so code written for boto3 works unchanged.
`boto_client` registers the handler on one client; `answer_all` answers the other clients of the process.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache, partial
from typing import Any, Final
from weakref import WeakSet

import boto3.session
import botocore.endpoint
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import NoCredentialsError

from authfsm.base.concurrency import ForkSafeLock
from authfsm.local.api.aws_json import HttpReply

_ENDPOINT: Final[Any] = botocore.endpoint.Endpoint
_HOST: Final = re.compile(r"https?://cognito-idp(-fips)?\.([\w-]+)\.(amazonaws\.(com|eu)|api\.aws)")
_EVENT: Final = "before-send.cognito-identity-provider"
_DUMMY_CREDENTIAL: Final = "local"
_session_lock: Final = ForkSafeLock()  # boto3's guide: clients are thread-safe, sessions are not

Answer = Callable[[str, bytes, str, str], HttpReply]
"""Answers a request; the arguments are X-Amz-Target, body, Authorization (empty if absent) and the request's region."""


class _Body:
    """The body of a response, with the only method of urllib3's responses that botocore calls."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        """Yield the body in one piece."""
        yield self._body


def boto_client(answer: Answer, region: str, config: Any = None) -> Any:
    """Return a boto3 client whose requests `answer` answers; AWS's environment variables and files have no effect."""
    with _session_lock:
        client = _session(region).client("cognito-idp", config=config)
    events: Any = client.meta.events  # boto3-stubs types no handler with a return value
    events.register(_EVENT, partial(_respond, answer, region))
    _hooked.add(events)
    return client


_DEFAULTS: Final[Any] = botocore.session.Session.SESSION_VARIABLES
NO_ENVIRONMENT: Final[Any] = {
    **{name: (None, None, *rest) for name, (_, _, *rest) in _DEFAULTS.items()},
    **dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None)),
    "ignore_configured_endpoint_urls": (None, None, True, None),
}
"""Variables of a botocore session that ignores environment variables (AWS_PROFILE, AWS_RETRY_MODE) and files."""


@cache
def _session(region: str) -> boto3.session.Session:
    """Return a session that is shared by all pools of a region, because loading the service model is slow."""
    botocore_session = botocore.session.Session(session_vars=NO_ENVIRONMENT)
    return boto3.session.Session(
        aws_access_key_id=_DUMMY_CREDENTIAL,
        aws_secret_access_key=_DUMMY_CREDENTIAL,
        region_name=region,
        botocore_session=botocore_session,
    )


def _respond(answer: Answer, region: str, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
    found = (request.headers.get(name) or "" for name in ("X-Amz-Target", "Authorization"))
    target, authorization = (each.decode() if isinstance(each, bytes) else each for each in found)
    body: Any = request.body  # botocore serialises AWS JSON as bytes
    reply = answer(target, body, authorization, region)
    headers: Any = dict(reply.headers)
    return AWSResponse(request.url, reply.status, headers, _Body(reply.body))


_hooked: Final[WeakSet[Any]] = WeakSet()  # the events of the clients that `boto_client` made


def answer_all(answer: Answer, stack: ExitStack) -> None:
    """Until the stack closes, answer boto3 cognito-idp clients without endpoint_url, except those of `boto_client`."""
    original = _ENDPOINT.make_request

    def make_request(endpoint: Any, operation: Any, request: Any) -> Any:
        found = _HOST.match(endpoint.host)
        events = endpoint._event_emitter  # noqa: SLF001 - botocore has no public access to the events of a client
        if found and events not in _hooked:
            endpoint = copy.copy(endpoint)
            endpoint._event_emitter = _LocalEvents(events, answer, found[2])  # noqa: SLF001 - the same
        return original(endpoint, operation, request)

    _ENDPOINT.make_request = make_request
    stack.callback(setattr, _ENDPOINT, "make_request", original)


class _LocalEvents:
    """Replaces a client's events, so that its requests are answered in this process and need no credentials."""

    def __init__(self, events: Any, answer: Answer, region: str) -> None:
        self._events, self._answer, self._region = events, answer, region

    def emit(self, name: str, **facts: Any) -> Any:
        """Emit an event, and return what its handlers return."""
        if name.startswith("before-send."):
            return [(None, _respond(self._answer, self._region, facts["request"]))]
        try:
            return self._events.emit(name, **facts)
        except NoCredentialsError:
            scope = f"{_DUMMY_CREDENTIAL}/20000101/{self._region}/cognito-idp/aws4_request"
            facts["request"].headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}"
            return []
