"""botocore's automatic retries, for the driver's own calls: only what is repeatable is repeated.

botocore sends a request again when no reply came or the service failed, up to five times, unseen, whatever
the configuration says (`retries`, AWS_MAX_ATTEMPTS, AWS_RETRY_MODE). An answer that was heard the first time
has spent its session. The client is the application's: its configuration is left as it is, and its other
calls are retried as they always were. Each client gets one handler, which does nothing outside `once`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final
from weakref import WeakSet

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
)

_EVENT: Final = "needs-retry.cognito-identity-provider.*"
_NAME: Final = "authfsm-send-once"

# No connection was made, so nothing was sent: botocore may try again.
_NOT_SENT: Final = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)

# What botocore's retry modes repeat, by status and by code; a test compares them with botocore's own lists.
_RETRIED_STATUS: Final = 429
_SERVER_ERROR: Final = 500
_RETRIED_CODE: Final = re.compile(
    "throttl|toomanyrequests|limitexceeded|slowdown|requesttimeout|priorrequest|transactioninprogress"
    "|provisionedthroughput",
    re.IGNORECASE,
)

_once: ContextVar[str | None] = ContextVar("authfsm_once", default=None)
_guarded: Final[WeakSet[Any]] = WeakSet()


@contextmanager
def once(client: Any, operation: str) -> Iterator[None]:
    """Within the block, botocore sends this operation's request once.

    Args:
        client: a boto3 or aiobotocore client; anything else passes.
        operation: as `RespondToAuthChallenge`.
    """
    _guard(client)
    token = _once.set(operation)
    try:
        yield
    finally:
        _once.reset(token)


def _guard(client: Any) -> None:
    """Register the handler on a client, if it is a client and has none."""
    with suppress(
        TypeError
    ):  # what cannot be referred to weakly is registered each time, to no effect
        if client in _guarded:
            return
    events = getattr(getattr(client, "meta", None), "events", None)
    if events is None:
        return  # a client of the application's own making: it has no retries of botocore's
    # First of all, before botocore's own handler sleeps or takes from its quota of retries.
    events.register_first(_EVENT, _refuse, unique_id=_NAME)
    with suppress(TypeError):
        _guarded.add(client)


def _refuse(
    *, operation: Any, response: Any = None, caught_exception: BaseException | None = None, **_: Any
) -> None:
    """Raise what botocore would raise after its last attempt.

    A handler cannot say "no": what it returns is how long to wait, and others are asked all the same.
    """
    if _once.get() != operation.name:
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
        raise ClientError(parsed, operation.name)
