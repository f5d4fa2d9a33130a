"""botocore's failures in this package's words, for every driver that rides on it.

No message of botocore's is passed on where it may quote a parameter's value.
"""

from __future__ import annotations

import re

from botocore.exceptions import BotoCoreError, HTTPClientError, ParamValidationError
from botocore.exceptions import ConnectionError as EndpointError
from botocore.parsers import ResponseParserError

from authfsm.errors import AuthfsmError, ConnectionLost, MalformedReply, NotSent
from authfsm.states import State


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
