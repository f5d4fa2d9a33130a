"""Cognito's HTTP protocol, AWS JSON 1.1: parses the body of a request, and serialises the reply.

This module opens no socket and does not import botocore; the server and the boto3 hook both use it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from attrs import field, frozen

from authfsm.local.api.operations import check_credentials
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal

TARGET_PREFIX: Final = "AWSCognitoIdentityProviderService."
"""The header X-Amz-Target consists of this prefix and the operation's name."""

_CONTENT_TYPE: Final = "application/x-amz-json-1.1"


@frozen
class HttpReply:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def answer_http(
    answer: Callable[[str, Mapping[str, Any]], Mapping[str, Any]],
    target: str,
    body: bytes,
    request_id: str,
    *,
    signed: bool,
) -> HttpReply:
    """Return the HTTP response with the reply of `answer`; `signed` means that the request has an Authorization header."""
    try:
        if not target.startswith(TARGET_PREFIX):
            raise error_templates.UNKNOWN_OPERATION.refusal()
        operation = target.removeprefix(TARGET_PREFIX)
        check_credentials(operation, signed=signed)
        reply = answer(operation, _parse(body))
    except PoolRefusal as refusal:
        return error_reply(refusal.code, refusal.message, request_id)
    headers = {"Content-Type": _CONTENT_TYPE, "x-amzn-RequestId": request_id}
    return HttpReply(200, headers, json.dumps(reply).encode())


def signing_region(authorization: str) -> str | None:
    """Return the AWS region in an Authorization header of Signature Version 4; None if it has none."""
    found = re.search(r"Credential=[^/,]*/\d+/([\w-]+)/", authorization)
    return found[1] if found else None


def error_reply(code: str, message: str, request_id: str, *, status: int = 400) -> HttpReply:
    """Return an error response with Cognito's headers and body."""
    headers = {
        "Content-Type": _CONTENT_TYPE,
        "x-amzn-RequestId": request_id,
        "x-amzn-ErrorType": f"{code}:",
        # A header is one line of ASCII, and clients read at most 8 KiB of it; the body has the whole message.
        "x-amzn-ErrorMessage": " ".join(message.split()).encode("ascii", "replace").decode()[:4096],
    }
    return HttpReply(status, headers, json.dumps({"__type": code, "message": message}).encode())


def _parse(body: bytes) -> Mapping[str, Any]:
    try:
        # json.loads would also accept bytes in other encodings. It raises RecursionError for deep nesting.
        request = json.loads(body.decode() or "{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        raise error_templates.WRONG_TYPE.refusal(name="The request")
    return request


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
