"""One exchange in Cognito's own HTTP protocol, AWS JSON 1.1: a body in, a status, headers and a body out.

Nothing here opens a socket or knows botocore; each door into the pool brings its bytes here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from attrs import field, frozen

from authfsm.local.api.operations import check_credentials
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal

TARGET_PREFIX: Final = "AWSCognitoIdentityProviderService."
"""What stands before the operation's name in X-Amz-Target."""

CONTENT_TYPE: Final = "application/x-amz-json-1.1"


@frozen
class HttpReply:
    """An HTTP response.

    Args:
        status: 200, or 400 with an error.
        headers: its headers.
        body: JSON.
    """

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
    """Answer one HTTP request.

    Args:
        answer: the pool's: operation and request to reply, or PoolRefusal.
        target: the X-Amz-Target header.
        body: the request's body.
        request_id: a UUID for this exchange.
        signed: whether the request has an Authorization header, which operations for administrators
            need (`operations.check_signed`).
    """
    headers = {"Content-Type": CONTENT_TYPE, "x-amzn-RequestId": request_id}
    try:
        operation = _operation(target)
        check_credentials(operation, signed=signed)
        reply = answer(operation, _read(body))
    except PoolRefusal as refusal:
        headers["x-amzn-ErrorType"] = f"{refusal.code}:"
        # A header is one line of ASCII; the body has the message in full.
        line = " ".join(refusal.message.split())
        headers["x-amzn-ErrorMessage"] = line.encode("ascii", "replace").decode()
        error = {"__type": refusal.code, "message": refusal.message}
        return HttpReply(400, headers, json.dumps(error).encode())
    return HttpReply(200, headers, json.dumps(reply).encode())


def _operation(target: str) -> str:
    if not target.startswith(TARGET_PREFIX):
        raise PoolRefusal(error_templates.UNKNOWN_OPERATION)
    return target.removeprefix(TARGET_PREFIX)


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        # Decoded here: json would take other encodings too. It refuses what is nested too deeply by a
        # RecursionError.
        request = json.loads(body.decode() or "{}", parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise PoolRefusal(error_templates.WRONG_TYPE, name="The request") from None
    if not isinstance(request, dict):
        raise PoolRefusal(error_templates.WRONG_TYPE, name="The request")
    return request


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
