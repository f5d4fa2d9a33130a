"""An embedded pool as a journey needs it: like these settings, and otherwise as obliging as may be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from authfsm.journeys.person import RIGHT_ANSWER, Plan
from authfsm.local import (
    EVERY_FLOW,
    Contradictions,
    DeviceConfiguration,
    Triggers,
    WebAuthnConfiguration,
    utc_now,
)
from authfsm.protocol.auth_flows import current_values
from authfsm.protocol.states import State
from authfsm.protocol.vocabulary import FIRST_FACTORS
from authfsm.settings import PoolSettings
from authfsm.settings.rules import enabled

RELYING_PARTY: Final = "example.com"


class ShiftedClock:
    """The real time, and a little more whenever something has to wait: no test sleeps."""

    def __init__(self) -> None:
        self._shift = timedelta()

    def __call__(self) -> datetime:
        """The moment that it is in the pool."""
        return utc_now() + self._shift

    def advance(self, seconds: float) -> None:
        """Let time go by.

        Args:
            seconds: how much.
        """
        self._shift += timedelta(seconds=seconds)


class Functions:
    """The pool's own functions: they say what a script has; what goes before it, they let through.

    The right answer to a custom challenge is `RIGHT_ANSWER`.

    Args:
        script: the states that follow, one after each step of the sign-in.
    """

    def __init__(self, script: tuple[State, ...]) -> None:
        self._script = script
        self.step: int | None = None
        """The step that is being taken, 0 for the first; None while all is being prepared."""

    @property
    def triggers(self) -> Triggers:
        """For `LocalPool`."""
        return Triggers(define=self._define, create=self._create, verify=self._verify)

    def _define(self, event: Any) -> None:
        prepares = self.step is None or self.step >= len(self._script)
        says = State.AUTHENTICATED if prepares else self._script[self.step or 0]
        tokens = says in {State.AUTHENTICATED, State.DEVICE_SRP_AUTH}
        event["response"] |= {"issueTokens": True} if tokens else {"challengeName": says.value}

    def _create(self, event: Any) -> None:
        event["response"]["publicChallengeParameters"] = {"question": "6 times 7"}

    def _verify(self, event: Any) -> None:
        right = event["request"]["challengeAnswer"] == RIGHT_ANSWER.reveal()
        event["response"]["answerCorrect"] = right


def obliging(settings: PoolSettings, plan: Plan) -> dict[str, Any]:
    """The arguments of a `LocalPool` like these settings; what they leave open, the plan fills in.

    Args:
        settings: the pool's.
        plan: what the journey takes.
    """
    flows, factors = settings.explicit_auth_flows, settings.allowed_first_auth_factors
    wants_mfa = plan.person.mfa or plan.meanwhile
    passkeys: Any = settings.web_authn_factor or "SINGLE_FACTOR"  # its class checks it
    return {
        "mfa": settings.mfa_configuration or ("OPTIONAL" if wants_mfa else "OFF"),
        "mfa_methods": [each.value for each in enabled(settings)],
        "explicit_auth_flows": EVERY_FLOW
        & (EVERY_FLOW if flows is None else current_values(flows)),
        "allowed_first_auth_factors": [
            each for each in FIRST_FACTORS if factors is None or each in factors
        ],
        "webauthn": WebAuthnConfiguration(RELYING_PARTY, "preferred", passkeys),
        "tier": settings.user_pool_tier or "ESSENTIALS",
        "device": (
            None
            if settings.device_configuration is False
            else DeviceConfiguration(bool(plan.device_stands_in))
        ),
    }


def wanted(plan: Plan) -> Mapping[str, Any]:
    """What a plan wants of a pool that is like a described one."""
    ways: dict[str, Any] = dict.fromkeys(plan.contradictions, True)
    # A password that expires on the way must not end the sign-in that is to meet it.
    ways["sessions_outlive_passwords"] = any(
        each.expire_password for each in plan.meanwhile.values()
    )
    return {"contradictions": Contradictions(**ways)}
