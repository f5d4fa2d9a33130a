"""The gate: no challenge and no token leaves the pool but along an arrow of the protocol's table.

The pool decides by its own rules and reads the table nowhere else; here the two are held against each
other. An answer off the table is a fault of the pool's, never of the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from authfsm.protocol import responses as r
from authfsm.protocol.classification import AFTER_SIGN_IN
from authfsm.protocol.states import NAMED, State
from authfsm.protocol.table import ON_THE_TABLE, Transition, move

_SETUP: Final = frozenset({r.AssociateSoftwareToken, r.VerifySoftwareToken})


class GateError(AssertionError):
    """The pool was about to give an answer that the protocol's table has no arrow for.

    Args:
        arrow: the arrow that is missing.
    """

    def __init__(self, arrow: Transition) -> None:
        super().__init__(
            f"the pool leads from {arrow.source} by {arrow.response.__name__} to {arrow.dest}, "
            "and the table has no such arrow"
        )
        self.arrow = arrow


def arrow(
    response: type[r.Response] | None, reply: Mapping[str, Any], stood: str | None
) -> Transition | None:
    """Return the arrow that a reply goes along; None for an operation that moves no sign-in.

    Args:
        response: the response that the request carries (`authfsm.protocol.classification`).
        reply: what the pool is about to answer.
        stood: the challenge that was answered, by the name it was asked by; None at the beginning.
    """
    if response is None or response in AFTER_SIGN_IN:
        return None
    source = State.START if stood is None else _state(stood)
    if source is State.OTHER_CHALLENGE:
        response = r.RawAnswer
    if "AuthenticationResult" in reply:
        return move(source, response, State.AUTHENTICATED)
    if response in _SETUP:
        return move(source, response, source)
    return move(source, response, _state(reply.get("ChallengeName", "")))


def check(response: type[r.Response] | None, reply: Mapping[str, Any], stood: str | None) -> None:
    """Let a reply pass.

    Raises:
        OffTheTable: it goes along no arrow of the table.
    """
    gone = arrow(response, reply, stood)
    if gone is not None and gone not in ON_THE_TABLE:
        raise GateError(gone)


def _state(challenge: str) -> State:
    return NAMED.get(challenge, State.OTHER_CHALLENGE)
