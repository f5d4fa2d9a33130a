"""A pool that writes down the way a sign-in takes, from its own side: whatever client speaks to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from authfsm.local import LocalPool, PoolRefusal
from authfsm.protocol.classification import AFTER_SIGN_IN
from authfsm.protocol.error_policy import rule
from authfsm.protocol.replies import Refusal
from authfsm.protocol.states import NAMED, State
from authfsm.protocol.table import Transition, destination, move
from authfsm.protocol.vocabulary import BEGIN_OPERATIONS

Told = Callable[[Transition, Mapping[str, Any]], None]
"""Is told of an arrow that was gone along, and of the reply; of an empty one, where it was a refusal."""


class ObservedPool(LocalPool):
    """A `LocalPool` that tells of every arrow of a sign-in."""

    _told: Told | None = None
    _stands: State = State.START
    requests: int = 0
    """How many requests have come, whatever they were."""

    def observe(self, told: Told) -> None:
        """From now on, tell of each arrow.

        Args:
            told: is told.
        """
        self._told, self._stands = told, State.START

    def answer(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request of the API, and tell where it led.

        Args:
            operation: as `InitiateAuth`.
            request: its members, as the API spells them.

        Raises:
            PoolRefusal: the pool says no, with Cognito's error code and message.
        """
        with self._lock:
            self.requests += 1
            try:
                reply = super().answer(operation, request)
            except PoolRefusal as refusal:
                self._refused(operation, refusal)
                raise
            self._led(operation, reply)
            return reply

    def _led(self, operation: str, reply: Mapping[str, Any]) -> None:
        response = self._core.response
        if response is None or response in AFTER_SIGN_IN:
            return
        source = State.START if operation in BEGIN_OPERATIONS else self._stands
        if "AuthenticationResult" in reply:
            dest = State.AUTHENTICATED
        elif "ChallengeName" in reply:
            dest = NAMED.get(reply["ChallengeName"], State.OTHER_CHALLENGE)
        else:
            dest = source  # a step within MFA_SETUP
        self._tell(move(source, response, dest), reply)

    def _refused(self, operation: str, refusal: PoolRefusal) -> None:
        response = self._core.response
        row = rule(refusal.code, refusal.message, operation)
        if response is None or response in AFTER_SIGN_IN:
            return
        source = State.START if operation in BEGIN_OPERATIONS else self._stands
        said = Refusal(refusal.code, refusal.message, action=row.action, fault=row.fault)
        arrow = destination(source, response, said)
        if arrow is not None:
            self._tell(arrow, {})

    def _tell(self, arrow: Transition, reply: Mapping[str, Any]) -> None:
        if self._told is None or arrow.source is State.AUTHENTICATED:
            return
        self._stands = State.START if arrow.dest is State.FAILED else arrow.dest
        self._told(arrow, reply)
