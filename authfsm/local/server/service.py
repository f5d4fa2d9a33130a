"""The pool as the server has it: one operation at a time, kept before it is answered, followed and logged."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attrs import asdict, define

from authfsm.local.api.exchange import CONTENT_TYPE, Answered, exchange
from authfsm.local.api.operations import OPERATIONS
from authfsm.local.api.pool import LocalPool
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.server.access import Access
from authfsm.local.server.following import Follower
from authfsm.local.server.logs import Log
from authfsm.local.server.state import StateFileRefused
from authfsm.local.state.core import Core
from authfsm.protocol.states import State
from authfsm.protocol.vocabulary import FLOWS

if TYPE_CHECKING:
    from authfsm.local.server.keeper import Keeper


@define
class _SentNotice:
    """What the log is told of an exchange: names out of fixed lists, for a stranger may write anything."""

    operation: str | None = None
    flow: str | None = None
    answers: str | None = None
    leads_to: str | None = None
    error: str | None = None


class Service:
    """A pool that is served.

    Args:
        pool: the pool.
        log: told of each exchange.
        keeper: keeps it in a file; it lives in memory alone, if left out.
        access: who may use the server; programs and pages on this machine, if left out.
    """

    def __init__(
        self,
        pool: LocalPool,
        log: Log,
        keeper: Keeper | None = None,
        access: Access | None = None,
    ) -> None:
        self.pool = pool
        self.access = access or Access()
        self.core = parts(pool)
        self.log = log
        self.follower = Follower(self.core)
        self.version = 0
        """Grows with every operation."""
        self._keeper = keeper
        self._touched: list[Any] = []
        self.core.watch(self._touched.append)

    def exchange(self, target: str, body: bytes, signed: bool = False) -> Answered:  # noqa: FBT001, FBT002 - passed through an executor
        """Answer a request in Cognito's protocol. It takes its time: off the event loop.

        Args:
            target: the X-Amz-Target header.
            body: the request's body.
            signed: whether the request has an Authorization header.
        """
        begun, told, request_id = time.perf_counter(), _SentNotice(), self.pool.request_id()

        def answer(operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
            return self._answer(operation, request, told)

        try:
            signed = signed or self.access.open
            answered = exchange(answer, target, body, request_id, signed=signed)
        except StateFileRefused as full:
            self.log.write("state file", level="error", why=full.why, request_id=request_id)
            why = f"The state file {full.why}. Nothing was changed."
            answered = refused(500, "InternalErrorException", why, request_id)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the server
            self.log.fault("fault", error, operation=told.operation, request_id=request_id)
            answered = refused(500, "InternalErrorException", "The pool is at fault.", request_id)
        told.error = answered.headers.get("x-amzn-ErrorType", "").rstrip(":") or None
        took = round((time.perf_counter() - begun) * 1e3, 2)
        facts = asdict(told)
        self.log.write("exchange", **facts, status=answered.status, ms=took, request_id=request_id)
        return answered

    def _answer(
        self, operation: str, request: Mapping[str, Any], told: _SentNotice
    ) -> Mapping[str, Any]:
        told.operation = operation if operation in OPERATIONS else None
        outcome: Mapping[str, Any] | PoolRefusal
        with self.held():
            try:
                outcome = self.pool.answer(operation, request)
            except PoolRefusal as refusal:
                outcome = refusal
            finally:
                # Whatever came of it: a refusal changes records too (a failure is counted).
                touched = tuple(self._touched)
                self.keep()
            self.follower.answered(operation, request, outcome, touched)
        _tell(told, request, outcome)
        if isinstance(outcome, PoolRefusal):
            raise outcome
        return outcome

    def keep(self) -> None:
        """Write what was touched since the last time; nothing is acknowledged before.

        Raises:
            StateFileRefused: it cannot be written. The pool is again what the file says.
        """
        try:
            if self._keeper is not None:
                self._keep(self._keeper)
        finally:
            self._touched.clear()
            self.version += 1

    def _keep(self, keeper: Keeper) -> None:
        try:
            keeper.keep(self._touched)
        except StateFileRefused:
            keeper.reload()
            raise

    def make_key(self) -> None:
        """Have the signing key made, if it is not."""
        with self.held():
            _ = self.core.mint.key

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else changes the pool meanwhile."""
        with self.pool._lock:  # noqa: SLF001 - the server is of the pool's own house
            yield


def parts(pool: LocalPool) -> Core:
    """The parts of a pool."""
    return pool._core  # noqa: SLF001 - the server is of the pool's own house


def refused(status: int, code: str, message: str, request_id: str) -> Answered:
    """A refusal that the pool itself was not asked for, in Cognito's shape."""
    headers = {
        "Content-Type": CONTENT_TYPE,
        "x-amzn-RequestId": request_id,
        "x-amzn-ErrorType": f"{code}:",
        "x-amzn-ErrorMessage": message,
    }
    return Answered(status, headers, json.dumps({"__type": code, "message": message}).encode())


def _tell(
    told: _SentNotice, request: Mapping[str, Any], outcome: Mapping[str, Any] | PoolRefusal
) -> None:
    flow, answers = request.get("AuthFlow"), request.get("ChallengeName")
    told.flow = flow if isinstance(flow, str) and flow in FLOWS else None
    told.answers = answers if isinstance(answers, str) and answers in State.__members__ else None
    if isinstance(outcome, PoolRefusal):
        return
    led = (
        State.AUTHENTICATED.value
        if "AuthenticationResult" in outcome
        else outcome.get("ChallengeName")
    )
    told.leads_to = led if led in State.__members__ else None
