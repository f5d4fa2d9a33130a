"""Sends requests through a boto3 or aiobotocore client, and turns its exceptions into errors of this package.

If no reply came or the service failed, botocore sends a request again, by default up to four times (`retries`,
AWS_MAX_ATTEMPTS, AWS_RETRY_MODE). But an answer that Cognito accepted the first time has used up its session, and a
wrong answer counts twice if it is sent twice. So an event handler, which this module adds to each client, lets botocore
repeat only repeatable requests, whatever the configuration. It does nothing during the program's own calls. A wrapper
around a client must have the client's `meta.events`: otherwise botocore retries every request as configured.

A message of botocore that may quote the value of a parameter is never passed on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from traceback import walk_tb
from types import FrameType
from typing import Any, Final
from weakref import WeakSet

from attrs import define
from botocore import exceptions
from botocore.parsers import ResponseParserError

from authfsm.base.concurrency import OutOfTime
from authfsm.base.secret import Secret
from authfsm.core.wire_replies import wrapped_reply
from authfsm.core.wire_requests import Request
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import AuthfsmError, ConnectionLost, MalformedReply, NotSent
from authfsm.protocol.states import State


def send_request(client: Any, request: Request, state: State | None) -> Secret[Any]:
    """Return the reply to a request as botocore returns it, wrapped because it contains secrets; a refusal is a reply too.

    Raises:
        ConnectionLost: no reply came. NotSent: the request was not sent. MalformedReply: botocore could not parse the
            reply.
    """
    call = getattr(client, request.method)
    with _translating_errors(client, request, state) as outcome:
        outcome.reply = call(**request.reveal())
    return outcome.result()


async def send_request_async(client: Any, request: Request, state: State | None) -> Secret[Any]:
    """See `send_request`, for a client whose methods are coroutine functions."""
    call = getattr(client, request.method)
    with _translating_errors(client, request, state) as outcome:
        outcome.reply = await call(**request.reveal())
    return outcome.result()


@define
class _Outcome:
    """The reply to one call, or the error."""

    reply: Mapping[str, Any]
    error: AuthfsmError | None = None

    def result(self) -> Secret[Any]:
        # Called outside of exception handlers, so that botocore's error, whose frames hold the request, is freed.
        if self.error is not None:
            raise self.error
        return wrapped_reply(self.reply)


@contextmanager
def _translating_errors(client: Any, request: Request, state: State | None) -> Iterator[_Outcome]:
    outcome = _Outcome({})
    try:
        with nullcontext() if request.repeatable else _sent_once(client, request.operation):
            yield outcome
    except exceptions.ClientError as error:
        outcome.reply = error.response
    except BaseException as error:
        outcome.error = _translate(error, state)
        if outcome.error is None:
            raise


def _translate(error: BaseException, state: State | None) -> AuthfsmError | None:
    """Return this package's error for an error of botocore or the system; None for any other, such as a handler's."""
    match error:
        case OutOfTime():
            return ConnectionLost(str(error), state=state)
        case exceptions.HTTPClientError() | exceptions.ConnectionError() | OSError() if not _is_unsent(error):
            return ConnectionLost(type(error).__name__, state=state)
        case exceptions.ParamValidationError():
            # The message may quote the value, so only the parameter's name is taken from it.
            names = ", ".join(_REFUSED_PARAMETER.findall(str(error)))
            not_sent = NotSent(f"botocore refuses {names or 'a parameter'}", state=state)
            not_sent.action = RecoveryAction.TRY_AGAIN
            return not_sent
        case exceptions.BotoCoreError() | OSError():
            return NotSent(f"{type(error).__name__}: {error}", state=state)
        case Exception() if isinstance(error, ResponseParserError) or _raised_by_parser(error):
            # botocore fails on JSON that is no object, has another shape or too much depth, and on bad UTF-8.
            return MalformedReply(f"botocore cannot parse it ({type(error).__name__})", state=state)
        case _:
            return None


_REFUSED_PARAMETER: Final = re.compile(
    r"(?m)^(?:Missing required|Unknown|Invalid \w+ for(?: document)?) parameter(?: in [^:\n]+)?:? \"?([\w.]+)"
)
_UNSENT_EVENTS: Final = ("provide-client-params", "before-parameter-build", "request-created")
"""Events before a request is sent. Their handlers cannot reply to it. At the last one, signing reads credentials."""


def _frames(error: BaseException) -> list[tuple[str, FrameType]]:
    """Return each frame of an error's traceback with its module's name, in which "aiobotocore" becomes "botocore"."""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    return [(each.f_globals.get("__name__", "").removeprefix("aio"), each) for each in frames]


def _is_unsent(error: BaseException) -> bool:
    """Return whether nothing was sent because of an untrusted certificate or an OSError in one of `_UNSENT_EVENTS`."""
    if isinstance(error, exceptions.SSLError):
        return "CERTIFICATE_VERIFY_FAILED" in str(error)
    if not isinstance(error, OSError) or isinstance(error, (ConnectionError, TimeoutError)):
        return False
    emits = (f.f_locals for m, f in _frames(error) if (m, f.f_code.co_name) == ("botocore.hooks", "_emit"))
    return str(next(emits, {}).get("event_name", "")).startswith(_UNSENT_EVENTS)


def _raised_by_parser(error: BaseException) -> bool:
    """Return whether botocore raised the error while it parsed the reply, or because the parsed reply is no map."""
    frames = _frames(error)
    if any(m == "botocore.parsers" or f.f_code.co_name == "_add_modeled_error_fields" for m, f in frames):
        return True
    return isinstance(error, AttributeError) and frames[-1][0].startswith(("botocore.", __name__))


_EVENT: Final = "needs-retry.cognito-identity-provider.*"
_HANDLER_ID: Final = "authfsm-send-once"

# No connection was made, so nothing was sent: botocore may try again.
_NOT_SENT: Final = (exceptions.ConnectTimeoutError, exceptions.EndpointConnectionError, exceptions.ProxyConnectionError)

# The statuses and codes after which botocore sends a request again; a test compares them with botocore's own lists.
_RETRIED_STATUS: Final = 429
_SERVER_ERROR: Final = 500
_RETRIED_CODE: Final = re.compile(
    "throttl|toomanyrequests|limitexceeded|slowdown|requesttimeout|priorrequest|transactioninprogress"
    "|provisionedthroughput",
    re.IGNORECASE,
)

_operation_sent_once: ContextVar[str | None] = ContextVar("authfsm_send_once", default=None)
_clients_with_handler: Final[WeakSet[Any]] = WeakSet()


@contextmanager
def _sent_once(client: Any, operation: str) -> Iterator[None]:
    """Within the block, botocore sends this operation's request at most once. It may try again to connect."""
    _add_handler(client)
    token = _operation_sent_once.set(operation)
    try:
        yield
    finally:
        _operation_sent_once.reset(token)


def _add_handler(client: Any) -> None:
    with suppress(TypeError):  # an object that cannot be weakly referenced gets the handler each time
        if client in _clients_with_handler:
            return
    events = getattr(getattr(client, "meta", None), "events", None)
    if events is None:
        return  # not a botocore client, or a wrapper that hides its events
    # Registered before botocore's handler, which would sleep and use up part of its retry quota.
    events.register_first(_EVENT, _raise_instead_of_retry, unique_id=_HANDLER_ID)
    with suppress(TypeError):
        _clients_with_handler.add(client)


def _raise_instead_of_retry(
    *, operation: Any, response: Any = None, caught_exception: BaseException | None = None, **_: Any
) -> None:
    """Raise what botocore would raise after its last attempt.

    Returning a value could not prevent a retry, because botocore calls all handlers and takes the first delay returned.
    """
    if _operation_sent_once.get() != operation.name:
        return
    if caught_exception is not None:
        if isinstance(caught_exception, _NOT_SENT):
            return
        raise caught_exception
    if response is None:
        return
    http, parsed = response
    status, code = http.status_code, str(parsed.get("Error", {}).get("Code", ""))
    if status >= _SERVER_ERROR or status == _RETRIED_STATUS or _RETRIED_CODE.search(code):
        raise exceptions.ClientError(parsed, operation.name)
