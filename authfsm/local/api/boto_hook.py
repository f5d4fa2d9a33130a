"""The boto3 client of a local pool: a real client whose requests do not leave the process.

botocore emits `before-send` when a request is ready to be sent, and uses a handler's return value as the
response. So botocore itself validates, serialises and parses, and code written for boto3 works unchanged. The
handler is registered on this one client; nothing global changes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, Final

import boto3.session
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from authfsm.base.concurrency import ForkSafeLock
from authfsm.local.api.aws_json import HttpReply

_EVENT: Final = "before-send.cognito-identity-provider"
_DUMMY_CREDENTIAL: Final = "local"
_session_lock: Final = ForkSafeLock()  # boto3's guide: clients are thread-safe, sessions are not


Answer = Callable[[str, bytes, str], HttpReply]
"""Answers a request with this X-Amz-Target, body and Authorization header (empty if it has none)."""


class _Body:
    """A response's body, as botocore reads it from urllib3."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        """Yield the body in one piece."""
        yield self._body


def boto_client(answer: Answer, region: str, config: Any = None) -> Any:
    """Return a boto3 cognito-idp client whose requests `answer` answers.

    It has dummy credentials; environment and configuration files have no effect.
    """
    with _session_lock:
        client = _session(region).client("cognito-idp", config=config)
    events: Any = client.meta.events  # boto3-stubs types no handler with a return value
    events.register(_EVENT, partial(_respond, answer))
    return client


@cache
def _session(region: str) -> boto3.session.Session:
    """Return a session that is shared by all pools of a region, because loading the service model is slow."""
    # Without these, a profile or a broken file in the environment would have an effect.
    botocore_session = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    return boto3.session.Session(
        aws_access_key_id=_DUMMY_CREDENTIAL,
        aws_secret_access_key=_DUMMY_CREDENTIAL,
        region_name=region,
        botocore_session=botocore_session,
    )


def _respond(answer: Answer, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
    target, authorization = (
        _text(request.headers.get(e)) for e in ("X-Amz-Target", "Authorization")
    )
    body = request.body
    if not isinstance(body, bytes):
        raise TypeError("botocore serialises AWS JSON as bytes")
    reply = answer(target, body, authorization)
    headers: Any = dict(reply.headers)
    return AWSResponse(request.url, reply.status, headers, _Body(reply.body))


def _text(header: str | bytes | None) -> str:
    return header.decode() if isinstance(header, bytes) else header or ""
