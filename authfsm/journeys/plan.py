"""Describes what a journey requires (user, pool, changes between steps), its next input, and the errors of an app.

`ObservedPool` is the local pool of a journey, which reports each transition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, Final

from attrs import NOTHING, define, field, fields, frozen

from authfsm import local
from authfsm.base.secret import Secret
from authfsm.local.api import operations
from authfsm.protocol import responses as r
from authfsm.protocol.api_requests import AFTER_SIGN_IN_RESPONSES
from authfsm.protocol.auth_flows import ALLOWED_FIRST_AUTH_FACTORS, BEGIN_OPERATIONS, current_values
from authfsm.protocol.error_policy import error_rule
from authfsm.protocol.errors import CallerError
from authfsm.protocol.forms import SRP_RESPONSES
from authfsm.protocol.replies import Refusal
from authfsm.protocol.states import MFA_SETTINGS, State
from authfsm.protocol.table import Transition, transition_for_reply
from authfsm.protocol.validators import frozen_mapping
from authfsm.settings import PoolSettings
from authfsm.settings.rules import MULTI_FACTOR_PASSKEY, enabled_second_factors

USERNAME: Final = "ada"
PASSWORD: Final = Secret(f"Correct-Horse-1{'-staple' * 12}")  # 99 characters: no pool requires more
PHONE: Final = "+15555550143"
EMAIL: Final = "ada@example.com"
ATTRIBUTES: Final = {"email": EMAIL, "phone_number": PHONE, "birthdate": "1815-12-10", "updated_at": "0"}
TOTP: Final = Secret("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
RIGHT_ANSWER: Final = Secret("42")
RELYING_PARTY: Final = "example.com"

VALUES: Final[Mapping[type[r.Response], tuple[Secret[str], Secret[str]]]] = {
    **dict.fromkeys(
        (
            r.UserSrpAuth, r.UserPasswordAuth, r.AdminUserPasswordAuth, r.CustomSrpAuth,
            r.UserAuthWithPassword, r.UserAuthWithSrp, r.Password, r.SrpA, r.SrpClaim,
        ),
        (PASSWORD, PASSWORD),
    ),
    r.Answer: (RIGHT_ANSWER, Secret("41")),
    r.NewPassword: (Secret(f"Another-Horse-2{'-staple' * 12}"), Secret("weak")),
    # HTML forms and the client accept the wrong address, Cognito does not.
    r.SetUpEmail: (Secret(EMAIL), Secret("ada@nowhere")),
}  # fmt: skip
"""The right and the wrong value of a response; they are the same if no journey needs a wrong one."""


@frozen
class Person:
    """The user of a journey.

    Args:
        password: does the user have a password?
        temporary: is the password temporary?
        email: does the user have an e-mail address for codes?
        phone: does the user have a phone number for codes?
        app: does the user have an authenticator app?
        mfa: the second factors that are enabled.
        preferred: PreferredMfaSetting, the second factor that Cognito asks for.
        passkey: does the user have a passkey?
        passkey_as_mfa: does the passkey satisfy MFA (WebAuthnMfaSettings)?
        remembered: does the pool remember a device of the user?
        newcomer: does the user sign up before the sign-in?
    """

    password: bool = True
    temporary: bool = False
    email: bool = False
    phone: bool = False
    app: bool = False
    mfa: tuple[State, ...] = ()
    preferred: State | None = None
    passkey: bool = False
    passkey_as_mfa: bool = False
    remembered: bool = False
    newcomer: bool = False

    @property
    def fields(self) -> dict[str, Any]:
        """The arguments of `LocalPool.add_user`."""
        return {
            "password": PASSWORD if self.password else None,
            "email": EMAIL if self.email else None,
            "phone_number": PHONE if self.phone else None,
            "totp_secret": TOTP if self.app else None,
            "mfa": [each.value for each in self.mfa],
            "preferred_mfa": self.preferred and self.preferred.value,
        }


@frozen
class BetweenSteps:
    """What an administrator does between two steps of the sign-in.

    Args:
        enable_mfa: the second factors to enable; a single one becomes the preferred one.
        expire_password: make the password a temporary one.
        forget_device: forget the device that signs in.
    """

    enable_mfa: tuple[State, ...] = ()
    expire_password: bool = False
    forget_device: bool = False

    def preference(self) -> dict[str, Any]:
        """Return the parameters of AdminSetUserMFAPreference."""
        enabled = {"Enabled": True, "PreferredMfa": len(self.enable_mfa) == 1}
        return {MFA_SETTINGS[each]: enabled for each in self.enable_mfa}


@frozen
class Plan:
    """What a journey requires.

    Args:
        person: the user.
        challenge_required_on_new_device: ChallengeRequiredOnNewDevice of the pool's DeviceConfiguration; None if it
            makes no difference.
        script: the state after each step. If DefineAuthChallenge is called, it decides for this state.
        between_steps: what the administrator does, by the number of steps after which it happens.
        contradictions: the fields of `authfsm.local.Contradictions` that are true.
    """

    person: Person = Person()
    challenge_required_on_new_device: bool | None = None
    script: tuple[State, ...] = ()
    between_steps: Mapping[int, BetweenSteps] = field(factory=dict, converter=frozen_mapping)
    contradictions: tuple[str, ...] = ()


@frozen
class NextInput:
    """What the user enters next.

    Args:
        state: the state of the sign-in; START to begin it.
        response: the class of the response.
        value: what the user types, chooses or signs: a password, a code, the name of a choice, a credential;
            None if nothing is needed.
        wrong: is the value wrong on purpose? The right one follows in the next step.
        leads_to: the state after the reply.
    """

    state: State
    response: type[r.Response]
    value: Secret[str] | None
    wrong: bool
    leads_to: State

    def __str__(self) -> str:
        return f"{self.response.__name__} in {self.state}"

    @property
    def field(self) -> str | None:
        """The form field for the value, which is never the user name; None if the form needs no value."""
        if VALUES.get(self.response) == (PASSWORD, PASSWORD):
            return "password"
        optional = self.state is State.START and self.value is not None
        names = (each.name for each in fields(self.response) if each.default is NOTHING or optional)
        return next((name for name in names if name not in {"client_metadata", "username"}), None)

    @property
    def automatic(self) -> bool:
        """Whether the client computes the response from the password or the device, as part of an SRP proof."""
        return self.response in SRP_RESPONSES


class UnexpectedPath(CallerError, AssertionError):
    """A sign-in did not follow the path of its `journey`: its `actual` transitions are not the `expected` ones."""

    def __init__(self, journey: str, expected: tuple[Transition, ...], actual: tuple[Transition, ...]) -> None:
        pairs = enumerate(zip_longest(expected, actual), 1)
        different = ((step, *pair) for step, pair in pairs if pair[0] != pair[1])
        step, due, other = next(different, (len(expected) + 1, None, None))
        super().__init__(f"{journey}: step {step} should be {_transition_text(due)}, but was {_transition_text(other)}")
        self.journey, self.expected, self.actual = journey, expected, actual


def _transition_text(each: Transition | None) -> str:
    return f"{each.source} -{each.response.trigger}-> {each.dest}" if each else "no step at all"


class NothingSent(CallerError, AssertionError):
    """The app of a `journey` asked for the same input (`next_input`) a third time, and sent no request in between."""

    def __init__(self, journey: str, next_input: NextInput) -> None:
        super().__init__(
            f"{journey}: next_input() has returned {next_input} twice, and the app has sent no request to the pool"
            " since. Check that the app enters the value, and that its client uses this pool"
            " (`stage.client()`, or the endpoint of `stage.serve()`)."
        )
        self.journey, self.next_input = journey, next_input


class NoProgress(CallerError, AssertionError):
    """The app of a `journey` has sent many `requests`, and none was a step of the sign-in (`next_input` is due)."""

    def __init__(self, journey: str, next_input: NextInput, requests: int) -> None:
        super().__init__(
            f"{journey}: {next_input} is still due after {requests} requests that were no step of the sign-in."
            " Check which request the app repeats."
        )
        self.journey, self.next_input, self.requests = journey, next_input, requests


Observer = Callable[[Transition, Mapping[str, Any]], None]
"""A function that is called with each transition and the reply (empty if the reply is a refusal)."""


class ObservedPool(local.LocalPool):
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
            except local.PoolRefusal as refusal:
                self._report(operation, {}, refusal)
                raise
            self._report(operation, reply)
            return reply

    def _report(self, operation: str, reply: Mapping[str, Any], refusal: local.PoolRefusal | None = None) -> None:
        response = self._core.response
        source = State.START if operation in BEGIN_OPERATIONS else self._state
        is_later = source is State.AUTHENTICATED or response in AFTER_SIGN_IN_RESPONSES
        if self._observer is None or response is None or is_later:
            return
        if refusal is not None:
            rule = error_rule(refusal.code, refusal.message, operation)
            refused = Refusal(refusal.code, refusal.message, action=rule.action, fault=rule.fault)
            transition = transition_for_reply(source, response, refused)
        else:
            challenge = None if source is State.START else source.value
            transition = operations.transition_of(response, reply, challenge)
        if transition is not None:
            self._state = State.START if transition.dest is State.FAILED else transition.dest
            self._observer(transition, reply)


@define(eq=False)
class ShiftedClock:
    """The real time plus an offset, so that no test has to wait."""

    _offset: timedelta = field(factory=timedelta, init=False)

    def __call__(self) -> datetime:
        """Return the pool's time."""
        return local.utc_now() + self._offset

    def advance(self, seconds: float) -> None:
        """Move the clock forward by a number of seconds."""
        self._offset += timedelta(seconds=seconds)


@define(eq=False)
class ScriptedTriggers:
    """Lambda functions that issue the challenges of a script, which has the state after each step.

    While the journey enrols the user's device and passkey, for which it signs in, they issue tokens at once.
    """

    _script: tuple[State, ...]
    step: int | None = None  # from 0; None while the journey enrols a device or passkey

    @property
    def triggers(self) -> local.Triggers:
        """The argument of `LocalPool`."""
        return local.Triggers(define=self._define, create=self._create, verify=self._verify)

    def _define(self, event: Any) -> Any:
        scripted = self.step is not None and self.step < len(self._script)
        state = self._script[self.step or 0] if scripted else State.AUTHENTICATED
        issues_tokens = state in {State.AUTHENTICATED, State.DEVICE_SRP_AUTH}
        event["response"] |= {"issueTokens": True} if issues_tokens else {"challengeName": state.value}
        return event

    def _create(self, event: Any) -> Any:
        event["response"]["publicChallengeParameters"] = {"question": "6 times 7"}
        return event

    def _verify(self, event: Any) -> Any:
        event["response"]["answerCorrect"] = event["request"]["challengeAnswer"] == RIGHT_ANSWER.reveal()
        return event


def pool_arguments(settings: PoolSettings, plan: Plan) -> dict[str, Any]:
    """Return the arguments of a `LocalPool` with these settings; the plan decides those that are not known."""
    flows, factors = settings.explicit_auth_flows, settings.allowed_first_auth_factors
    known_flows, needs_mfa = local.CURRENT_FLOW_VALUES, plan.person.mfa or plan.between_steps
    default = MULTI_FACTOR_PASSKEY if plan.person.passkey_as_mfa else "SINGLE_FACTOR"
    passkeys: Any = settings.web_authn_factor or default  # WebAuthnConfiguration checks that it is one of its Literals
    device = local.DeviceConfiguration(bool(plan.challenge_required_on_new_device))
    return {
        "mfa": settings.mfa_configuration or ("OPTIONAL" if needs_mfa else "OFF"),
        "mfa_methods": [each.value for each in enabled_second_factors(settings)],
        "explicit_auth_flows": known_flows if flows is None else known_flows & current_values(flows),
        "allowed_first_auth_factors": [
            each for each in ALLOWED_FIRST_AUTH_FACTORS if factors is None or each in factors
        ],
        "webauthn": local.WebAuthnConfiguration(RELYING_PARTY, "preferred", passkeys),
        "tier": settings.user_pool_tier or "ESSENTIALS",
        "device": None if settings.device_configuration is False else device,
    }


def contradictions(plan: Plan) -> local.Contradictions:
    """Return the settings of the local pool for points on which the sources contradict each other."""
    chosen: dict[str, Any] = dict.fromkeys(plan.contradictions, True)
    # A password that expires between steps must not end the sign-in.
    expires = any(each.expire_password for each in plan.between_steps.values())
    return local.Contradictions(**chosen, sessions_survive_password_change=expires)
