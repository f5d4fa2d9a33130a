"""botocore's failures in this package's words, for every driver that rides on it.

No message of botocore's is passed on where it may quote a parameter's value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ParamValidationError
from botocore.exceptions import ConnectionError as EndpointError
from botocore.parsers import ResponseParserError

from authfsm.errors import AuthfsmError, ConnectionLost, MalformedReply, NotSent
from authfsm.protocol.states import State
from authfsm.wire import Request


def translated(error: BaseException, state: State | None) -> AuthfsmError | None:
    """A failure to send, to be answered or to be parsed; None for anything else.

    Args:
        error: what the client library raised.
        state: where the sign-in stands.
    """
    match error:
        case HTTPClientError() | EndpointError() | OSError():
            return ConnectionLost(type(error).__name__, state=state)
        case ParamValidationError():
            # Its text may quote the parameter's value: only the names are taken from it.
            names = ", ".join(re.findall(r"parameter:? ([\w.]+)", str(error)))
            return NotSent(f"botocore refuses {names or 'a parameter'}", state=state)
        case BotoCoreError():
            return NotSent(f"{type(error).__name__}: {error}", state=state)
        case ResponseParserError() | UnicodeDecodeError() | AttributeError():
            # botocore's parser trips over a body that is JSON but no object, or no UTF-8.
            return MalformedReply(f"botocore cannot parse it ({type(error).__name__})", state=state)
        case _:
            return None


def carried(call: Callable[..., Any], request: Request, state: State | None) -> Mapping[str, Any]:
    """What came back on a request, a refusal included.

    Args:
        call: the client's method.
        request: what it is called with.
        state: where the sign-in stands.

    Raises:
        AuthfsmError: as `translated` has it.
    """
    heard: Mapping[str, Any] = {}
    failed: AuthfsmError | None = None
    try:
        heard = call(**request.reveal())
    except ClientError as error:
        heard = error.response
    except BaseException as error:
        failed = translated(error, state)
        if failed is None:
            raise
    if failed is not None:
        # Outside the handler: the library's error, its frames and the request in them, is let go.
        raise failed
    return heard


async def awaited(
    call: Callable[..., Any], request: Request, state: State | None
) -> Mapping[str, Any]:
    """The same, of a client whose methods are awaited.

    Args:
        call: the client's method.
        request: what it is called with.
        state: where the sign-in stands.

    Raises:
        AuthfsmError: as `translated` has it.
    """
    heard: Mapping[str, Any] = {}
    failed: AuthfsmError | None = None
    try:
        heard = await call(**request.reveal())
    except ClientError as error:
        heard = error.response
    except BaseException as error:
        failed = translated(error, state)
        if failed is None:
            raise
    if failed is not None:
        raise failed  # outside the handler, as above
    return heard
