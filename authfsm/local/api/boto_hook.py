"""The door in process: a real boto3 client whose requests never leave. The only importer of botocore here.

botocore emits `before-send` when a request is ready for the wire, and takes what a handler returns for the
response. So a call is validated, serialised, parsed and refused by botocore itself, and code that was
written for boto3 works unchanged. The handler is registered on this one client: nothing global changes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final, Protocol

import boto3.session
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from authfsm.base.concurrency import ForkSafeLock
from authfsm.local.api.aws_json import answer_http

_EVENT: Final = "before-send.cognito-identity-provider"
_DUMMY: Final = "local"
_making: Final = ForkSafeLock()  # Sessions are not thread-safe (boto3's guide); clients are.


class Pool(Protocol):
    """What the hook needs of a `LocalPool`."""

    @property
    def region(self) -> str:
        """The AWS region that the client is made for."""

    def answer(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the reply to a request."""

    def request_id(self) -> str:
        """Return a new x-amzn-RequestId."""


class _Body:
    """A response's body as botocore reads it from urllib3: in pieces, here one."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        """The pieces."""
        yield self._body


def client(pool: Pool, config: Any = None) -> Any:
    """A boto3 cognito-idp client that talks to the pool.

    Its credentials are dummies and its region is the pool's: neither the environment nor a configuration
    file is asked.

    Args:
        pool: the pool.
        config: a `botocore.config.Config`.
    """
    with _making:
        made = _session(pool.region).client("cognito-idp", config=config)
    events: Any = made.meta.events  # its types know no handler that answers
    events.register(_EVENT, _handler(pool))
    return made


@cache
def _session(region: str) -> boto3.session.Session:
    """A boto3 session of this module's own: the service's model is read once, not at every pool."""
    # A profile or a broken file in the environment must not reach in here.
    alone = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    return boto3.session.Session(
        aws_access_key_id=_DUMMY,
        aws_secret_access_key=_DUMMY,
        region_name=region,
        botocore_session=alone,
    )


def _handler(pool: Pool) -> Callable[..., AWSResponse]:
    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        target, body = request.headers["X-Amz-Target"], request.body
        if isinstance(target, bytes):
            target = target.decode()
        if not isinstance(body, bytes):
            raise TypeError("botocore serialises AWS JSON as bytes")
        signed = bool(request.headers.get("Authorization"))
        answered = answer_http(pool.answer, target, body, pool.request_id(), signed=signed)
        headers: Any = dict(answered.headers)  # what AWSResponse reads them into is its own affair
        return AWSResponse(request.url, answered.status, headers, _Body(answered.body))

    return answer
