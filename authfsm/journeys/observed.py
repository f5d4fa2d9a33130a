"""A pool that writes down the way a sign-in takes, from its own side: whatever client speaks to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from authfsm.local import LocalPool, PoolRefusal
from authfsm.local.gate import response_class
from authfsm.protocol.error_policy import rule
from authfsm.protocol.replies import Refusal
from authfsm.protocol.states import NAMED, State
from authfsm.protocol.table import Transition, destination

_BEGINS: Final = frozenset({"InitiateAuth", "AdminInitiateAuth"})

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
                self._refused(operation, request, refusal)
                raise
            self._led(operation, request, reply)
            return reply

    def _led(self, operation: str, request: Mapping[str, Any], reply: Mapping[str, Any]) -> None:
        if "AuthenticationResult" in reply:
            dest = State.AUTHENTICATED
        elif "ChallengeName" in reply:
            dest = NAMED.get(reply["ChallengeName"], State.OTHER_CHALLENGE)
        else:
            dest = self._stands  # a step within MFA_SETUP
        self._tell(operation, request, dest, reply)

    def _refused(self, operation: str, request: Mapping[str, Any], refusal: PoolRefusal) -> None:
        response, row = response_class(operation, request), rule(refusal.code, refusal.message)
        if response is None:
            return
        source = State.START if operation in _BEGINS else self._stands
        said = Refusal(refusal.code, refusal.message, ruling=row.ruling, fault=row.fault)
        dest = destination(source, response, said)
        if dest is not None:
            self._tell(operation, request, dest, {})

    def _tell(
        self, operation: str, request: Mapping[str, Any], dest: State, reply: Mapping[str, Any]
    ) -> None:
        response = response_class(operation, request)
        source = State.START if operation in _BEGINS else self._stands
        if self._told is None or response is None or source is State.AUTHENTICATED:
            return
        self._stands = State.START if dest is State.FAILED else dest
        self._told(Transition(source, response, dest), reply)
