"""The embedded pool of a journey: it reports each transition, and can be served over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import StringIO
from typing import Any, Final

from authfsm.journeys.plan import RIGHT_ANSWER, Plan
from authfsm.local import (
    EVERY_FLOW,
    Contradictions,
    DeviceConfiguration,
    LocalPool,
    PoolRefusal,
    Triggers,
    WebAuthnConfiguration,
    utc_now,
)
from authfsm.protocol.api_requests import AFTER_SIGN_IN_RESPONSES
from authfsm.protocol.auth_flows import ALLOWED_FIRST_AUTH_FACTORS, BEGIN_OPERATIONS, current_values
from authfsm.protocol.error_policy import error_rule
from authfsm.protocol.replies import Refusal
from authfsm.protocol.states import STATE_BY_NAME, State
from authfsm.protocol.table import Transition, transition_between, transition_for_reply
from authfsm.settings import PoolSettings
from authfsm.settings.rules import enabled_second_factors

RELYING_PARTY: Final = "example.com"
_TIMEOUT: Final = 30.0

Observer = Callable[[Transition, Mapping[str, Any]], None]
"""Called with each transition and the reply; the reply is empty if it was a refusal."""


class ObservedPool(LocalPool):
    """A `LocalPool` that reports every transition of a sign-in, whatever client sends the requests."""

    _observer: Observer | None = None
    _state: State = State.START
    requests: int = 0
    """How many requests have arrived."""

    def observe(self, observer: Observer) -> None:
        """Report each transition from now on."""
        self._observer, self._state = observer, State.START

    def answer_members(self, operation: str, members: dict[str, Any]) -> dict[str, Any]:
        """Answer a request of the API and report the transition."""
        with self._lock:
            self.requests += 1
            try:
                reply = super().answer_members(operation, members)
            except PoolRefusal as refusal:
                self._report(operation, {}, refusal)
                raise
            self._report(operation, reply)
            return reply

    def _report(
        self, operation: str, reply: Mapping[str, Any], refusal: PoolRefusal | None = None
    ) -> None:
        response = self._core.response
        source = State.START if operation in BEGIN_OPERATIONS else self._state
        if self._observer is None or response is None or response in AFTER_SIGN_IN_RESPONSES:
            return
        if refusal is not None:
            row = error_rule(refusal.code, refusal.message, operation)
            refused = Refusal(refusal.code, refusal.message, action=row.action, fault=row.fault)
            transition = transition_for_reply(source, response, refused)
        else:
            transition = transition_between(source, response, _next_state(source, reply))
        if transition is not None and transition.source is not State.AUTHENTICATED:
            self._state = State.START if transition.dest is State.FAILED else transition.dest
            self._observer(transition, reply)


def _next_state(source: State, reply: Mapping[str, Any]) -> State:
    if "AuthenticationResult" in reply:
        return State.AUTHENTICATED
    if "ChallengeName" in reply:
        return STATE_BY_NAME.get(reply["ChallengeName"], State.OTHER_CHALLENGE)
    return source  # a step within MFA_SETUP


class ShiftedClock:
    """The real time plus an offset, so that no test has to wait."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def __call__(self) -> datetime:
        """Return the pool's time."""
        return utc_now() + self._offset

    def advance(self, seconds: float) -> None:
        """Move the clock forward by seconds."""
        self._offset += timedelta(seconds=seconds)


class ScriptedTriggers:
    """Lambda functions that follow a script: the state after each step. Before the sign-in they let everybody through.

    The right answer to a custom challenge is `RIGHT_ANSWER`.
    """

    def __init__(self, script: tuple[State, ...]) -> None:
        self._script = script
        self.step: int | None = None  # from 0; None before the sign-in

    @property
    def triggers(self) -> Triggers:
        """The argument of `LocalPool`."""
        return Triggers(define=self._define, create=self._create, verify=self._verify)

    def _define(self, event: Any) -> None:
        scripted = self.step is not None and self.step < len(self._script)
        state = self._script[self.step or 0] if scripted else State.AUTHENTICATED
        issues_tokens = state in {State.AUTHENTICATED, State.DEVICE_SRP_AUTH}
        named = {"challengeName": state.value}
        event["response"] |= {"issueTokens": True} if issues_tokens else named

    def _create(self, event: Any) -> None:
        event["response"]["publicChallengeParameters"] = {"question": "6 times 7"}

    def _verify(self, event: Any) -> None:
        answer = event["request"]["challengeAnswer"]
        event["response"]["answerCorrect"] = answer == RIGHT_ANSWER.reveal()


def pool_arguments(settings: PoolSettings, plan: Plan) -> dict[str, Any]:
    """Return the arguments of a `LocalPool` with these settings; the plan fills in what they leave open."""
    flows, factors = settings.explicit_auth_flows, settings.allowed_first_auth_factors
    needs_mfa = plan.person.mfa or plan.between_steps
    passkeys: Any = settings.web_authn_factor or "SINGLE_FACTOR"  # a Literal that its class checks
    remembers_devices = settings.device_configuration is not False
    return {
        "mfa": settings.mfa_configuration or ("OPTIONAL" if needs_mfa else "OFF"),
        "mfa_methods": [each.value for each in enabled_second_factors(settings)],
        "explicit_auth_flows": EVERY_FLOW
        & (EVERY_FLOW if flows is None else current_values(flows)),
        "allowed_first_auth_factors": [
            each for each in ALLOWED_FIRST_AUTH_FACTORS if factors is None or each in factors
        ],
        "webauthn": WebAuthnConfiguration(RELYING_PARTY, "preferred", passkeys),
        "tier": settings.user_pool_tier or "ESSENTIALS",
        "device": DeviceConfiguration(bool(plan.device_stands_in)) if remembers_devices else None,
    }


def contradictions(plan: Plan) -> Contradictions:
    """Return what the pool does where sources contradict each other."""
    chosen: dict[str, Any] = dict.fromkeys(plan.contradictions, True)
    # A password that expires between steps must not end the sign-in.
    expires = any(each.expire_password for each in plan.between_steps.values())
    return Contradictions(**chosen, sessions_survive_password_change=expires)


@contextmanager
def serve(pool: LocalPool) -> Iterator[str]:
    """Serve a pool on a free loopback port, in a thread, until the end of the block; yield its URL."""
    from authfsm.local.server.access import listen, url_of  # noqa: PLC0415 - an extra
    from authfsm.local.server.service import Log, Service  # noqa: PLC0415 - an extra
    from authfsm.local.server.uvicorn_server import PoolServer  # noqa: PLC0415 - an extra

    listening = listen("127.0.0.1", 0)
    ready = threading.Event()
    server = PoolServer(Service(pool, Log(StringIO())), ready.set)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        if not ready.wait(_TIMEOUT):
            raise RuntimeError(f"the pool's server did not start within {_TIMEOUT:.0f} seconds")
        yield url_of("127.0.0.1", listening)
    finally:
        server.should_exit = True
        thread.join(_TIMEOUT)
        listening.close()
