"""botocore's failures in this package's words, for every driver that rides on it.

No message of botocore's is passed on where it may quote a parameter's value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Final

from attrs import define
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ParamValidationError
from botocore.exceptions import ConnectionError as EndpointError
from botocore.parsers import ResponseParserError

from authfsm.base.concurrency import OutOfTime
from authfsm.core.wire_requests import Request
from authfsm.drivers.retries import once
from authfsm.protocol.errors import AuthfsmError, ConnectionLost, MalformedReply, NotSent
from authfsm.protocol.states import State

_UNPARSED: Final = (ResponseParserError, UnicodeDecodeError, AttributeError)


def translated(error: BaseException, state: State | None) -> AuthfsmError | None:
    """Return a failure to send, to be answered or to be parsed as one of ours; None for anything else.

    Args:
        error: what the client library raised.
        state: where the sign-in stands.
    """
    match error:
        case OutOfTime():
            return ConnectionLost(str(error), state=state)
        case HTTPClientError() | EndpointError() | OSError():
            return ConnectionLost(type(error).__name__, state=state)
        case ParamValidationError():
            # Its text may quote the parameter's value: only the names are taken from it.
            names = ", ".join(re.findall(r"parameter:? ([\w.]+)", str(error)))
            return NotSent(f"botocore refuses {names or 'a parameter'}", state=state)
        case BotoCoreError():
            return NotSent(f"{type(error).__name__}: {error}", state=state)
        case Exception() if isinstance(error, _UNPARSED) or _in_parser(error):
            # botocore trips over a body that is JSON but no object, too deep, of another shape, or no UTF-8.
            return MalformedReply(f"botocore cannot parse it ({type(error).__name__})", state=state)
        case _:
            return None


def _in_parser(error: BaseException) -> bool:
    """Did botocore raise this in its parser, or in what looks an error's code up?"""
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_globals.get("__name__") in {"botocore.parsers", "aiobotocore.parsers"}:
            return True
        if frame.f_code.co_name == "_add_modeled_error_fields":
            return True
        trace = trace.tb_next
    return False


@define
class _Outcome:
    """What came of one call.

    Args:
        reply: what was answered, a refusal included.
        failed: what went wrong instead.
    """

    reply: Mapping[str, Any]
    failed: AuthfsmError | None = None

    def heard(self) -> Mapping[str, Any]:
        """Return the reply, or raise what failed.

        Called outside every handler: the library's error, its frames and the request in them, is let go.
        """
        if self.failed is not None:
            raise self.failed
        return self.reply


@contextmanager
def _calling(
    call: Callable[..., Any], operation: str, state: State | None, *, repeatable: bool
) -> Iterator[_Outcome]:
    outcome = _Outcome({})
    try:
        with nullcontext() if repeatable else once(getattr(call, "__self__", None), operation):
            yield outcome
    except ClientError as error:
        outcome.reply = error.response
    except BaseException as error:
        outcome.failed = translated(error, state)
        if outcome.failed is None:
            raise


def send_request(
    call: Callable[..., Any], request: Request, state: State | None
) -> Mapping[str, Any]:
    """Return what came back on a request, a refusal included.

    Args:
        call: the client's method.
        request: what it is called with.
        state: where the sign-in stands.

    Raises:
        AuthfsmError: as `translated` has it.
    """
    with _calling(call, request.operation, state, repeatable=request.repeatable) as outcome:
        outcome.reply = call(**request.reveal())
    return outcome.heard()


async def send_request_async(
    call: Callable[..., Any], request: Request, state: State | None
) -> Mapping[str, Any]:
    """Do the same with a client whose methods are awaited.

    Args:
        call: the client's method.
        request: what it is called with.
        state: where the sign-in stands.

    Raises:
        AuthfsmError: as `translated` has it.
    """
    with _calling(call, request.operation, state, repeatable=request.repeatable) as outcome:
        outcome.reply = await call(**request.reveal())
    return outcome.heard()
