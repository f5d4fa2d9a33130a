"""One user at one local pool: sign-ins through this package's driver and a real boto3 client, move by move.

A move is one action of a scenario user or an administrator; `tests/scenarios.py` has sequences of moves. The user
reads codes from the pool's outbox and an authenticator app, not from the pool's internal state.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import pyotp
import pytest
from attrs import evolve, field, frozen
from authenticator import Authenticator
from joserfc.jwk import RSAKey

from authfsm.core.device import Device
from authfsm.drivers.boto import Flow
from authfsm.local import LocalPool, ManualClock
from authfsm.protocol import responses as r
from authfsm.protocol.errors import MalformedReply, Refused
from authfsm.protocol.replies import MfaSetup, Tokens
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import Transition

USER = "ada"
NEW_USER = "bea"
PASSWORD = "Correct-Horse-1"
NEW_PASSWORD = "Another-Horse-2"
PHONE = "+15555550143"
EMAIL = "ada@example.com"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

STALE = Device("eu-west-1_00000000-0000-4000-8000-000000000000", "-stale", "no such device")


class ScenarioUser:
    """A pool with a clock that stands still, its user ada, and ada's sign-ins one after another.

    Args:
        signing_key: the pool's key.
        pool: the pool's settings.
        user: ada's attributes and factors.
    """

    def __init__(self, signing_key: RSAKey, pool: Mapping[str, Any], user: Mapping[str, Any]) -> None:
        self.clock = ManualClock()
        self.pool = LocalPool(clock=self.clock, key=signing_key, **pool)
        self.pool.add_user(USER, **{"password": PASSWORD, **user})
        self.client = self.pool.client()
        self.cognito = self.pool.cognito(client=self.client)  # creating one takes longer than most scenarios
        self.password = PASSWORD
        self.device: Device | None = None
        self.totp_secret = TOTP_SECRET
        self.passkeys = Authenticator()
        self.sign_up_session = ""
        self.flows: list[Flow] = []

    @property
    def flow(self) -> Flow:
        """The present sign-in."""
        return self.flows[-1]

    @property
    def transitions(self) -> frozenset[Transition]:
        """Every transition that a sign-in has taken."""
        return frozenset(
            Transition(step.source, step.response, step.dest, step.kind) for flow in self.flows for step in flow.history
        )

    @property
    def steps(self) -> list[list[Any]]:
        """The steps of each sign-in, with their times in seconds from the first one."""
        histories = [flow.history for flow in self.flows]
        first = next((step.at for history in histories for step in history), None)
        return [
            [(evolve(step, at=None), step.at and first and round((step.at - first).total_seconds(), 3))
             for step in history]
            for history in histories
        ]  # fmt: skip

    def begin(self) -> None:
        """Begin a new sign-in, on the present device."""
        self.flows.append(self.cognito.start(self.password, device=self.device, walk=False))

    def code(self) -> str:
        """The right code: the last one that was sent, or the authenticator app's present one."""
        if self.flow.state in {State.SOFTWARE_TOKEN_MFA, State.MFA_SETUP}:
            return pyotp.TOTP(self.totp_secret).at(self.clock())
        return self.pool.outbox[-1].code.reveal()

    def wrong_code(self) -> str:
        """A wrong code."""
        right = self.code()
        return f"{(int(right) + 1) % 10 ** len(right):0{len(right)}d}"


Move = Callable[[ScenarioUser], None]
"""One action of a scenario."""


def _now(scenario_user: ScenarioUser, value: Any) -> Any:
    return value(scenario_user) if callable(value) else value


def respond_with(response: type[Response], *args: Any, **kwargs: Any) -> Move:
    """Return a move that sends a response; an argument that is callable is called during the move for its value."""

    def move(scenario_user: ScenarioUser) -> None:
        scenario_user.flow.carry(
            response,
            *(_now(scenario_user, each) for each in args),
            **{name: _now(scenario_user, each) for name, each in kwargs.items()},
        )

    return move


def begin_with(response: type[Response], *args: Any, **kwargs: Any) -> Move:
    """Return a move that begins a new sign-in with this response."""
    response_move = respond_with(response, *args, **kwargs)

    def move(scenario_user: ScenarioUser) -> None:
        scenario_user.begin()
        response_move(scenario_user)

    return move


def expect_refusal(inner: Move) -> Move:
    """Return a move that Cognito refuses."""

    def move(scenario_user: ScenarioUser) -> None:
        with pytest.raises(Refused):
            inner(scenario_user)

    return move


def expect_malformed_reply(inner: Move) -> Move:
    """Return a move whose reply lacks a member that the client requires."""

    def move(scenario_user: ScenarioUser) -> None:
        with pytest.raises(MalformedReply):
            inner(scenario_user)

    return move


def with_parameters(operation: str, **parameters: Any) -> Callable[[Move], Move]:
    """Return a function that wraps a move: a boto3 handler adds parameters for which the response has no field.

    Args:
        operation: as `InitiateAuth`.
        parameters: what is added to AuthParameters or ChallengeResponses; None adds nothing.
    """

    def wrapped(inner: Move) -> Move:
        def move(scenario_user: ScenarioUser) -> None:
            def add(params: dict[str, Any], **_: Any) -> None:
                added = {name: _now(scenario_user, value) for name, value in parameters.items()}
                where = params["AuthParameters" if "AuthFlow" in params else "ChallengeResponses"]
                where.update({name: value for name, value in added.items() if value is not None})

            event = f"provide-client-params.cognito-identity-provider.{operation}"
            events = scenario_user.cognito.client.meta.events
            events.register(event, add)
            inner(scenario_user)
            events.unregister(event, add)

        return move

    return wrapped


def wait(seconds: float) -> Move:
    """Return a move that advances the clock."""

    def move(scenario_user: ScenarioUser) -> None:
        scenario_user.clock.advance(seconds)

    return move


wait_past_expiry = wait(16 * 60)
"""A move that advances the clock by more time than any session is valid."""


def admin_call(operation: str, **parameters: Any) -> Move:
    """Return a move that calls an administrator's operation on ada's account."""

    def move(scenario_user: ScenarioUser) -> None:
        call = getattr(scenario_user.client, f"admin_{operation}")
        call(UserPoolId=scenario_user.pool.pool_id, Username=USER, **parameters)

    return move


temporary_password = admin_call("set_user_password", Password=PASSWORD, Permanent=False)


def use_device(device: Device) -> Move:
    """Return a move after which ada signs in on this device."""

    def move(scenario_user: ScenarioUser) -> None:
        scenario_user.device = device

    return move


def complete_sign_in(scenario_user: ScenarioUser) -> None:
    """Answer each challenge correctly until the tokens are issued."""
    while scenario_user.flow.state is not State.AUTHENTICATED:
        scenario_user.clock.advance(30)  # a code of an authenticator app is accepted once
        answer_challenge(scenario_user)


def answer_challenge(scenario_user: ScenarioUser) -> None:
    """Answer one challenge correctly."""
    flow = scenario_user.flow
    match flow.state:
        case State.SMS_MFA | State.EMAIL_OTP | State.SOFTWARE_TOKEN_MFA | State.SMS_OTP:
            flow.carry(r.Code, scenario_user.code())
        case State.SELECT_MFA_TYPE:
            flow.carry(r.Select, flow.challenge.choices[0])  # type: ignore[union-attr]  # as the state is
        case State.CUSTOM_CHALLENGE:
            flow.carry(r.Answer, "42")
        case State.NEW_PASSWORD_REQUIRED:
            flow.carry(r.NewPassword, NEW_PASSWORD)
            scenario_user.password = NEW_PASSWORD
        case State.MFA_SETUP:
            enrol_totp(scenario_user)
            flow.carry(r.CompleteMfaSetup)
        case _:
            flow.step()


def register_passkey(scenario_user: ScenarioUser) -> None:
    """Sign ada in, and register a passkey."""
    sign_in(scenario_user)
    token = access_token(scenario_user)
    started = scenario_user.client.start_web_authn_registration(AccessToken=token)
    scenario_user.client.complete_web_authn_registration(
        AccessToken=token, Credential=scenario_user.passkeys.create(started["CredentialCreationOptions"])
    )


def signature(scenario_user: ScenarioUser) -> str:
    """Return the passkey's signature for the present challenge."""
    challenge = scenario_user.flow.challenge
    assert challenge is not None
    return json.dumps(scenario_user.passkeys.get(challenge.parameters["CREDENTIAL_REQUEST_OPTIONS"]))


def sign_up(scenario_user: ScenarioUser) -> None:
    """Sign up a user under the name of `NEW_USER`, and confirm the address."""
    app, client = ({"ClientId": scenario_user.pool.client_id, "Username": NEW_USER}, scenario_user.client)
    sign_up_reply = client.sign_up(
        **app, Password=PASSWORD, UserAttributes=[{"Name": "email", "Value": f"{NEW_USER}@example.com"}]
    )
    code = scenario_user.pool.outbox[-1].code.reveal()
    # Without one-time passwords as first factor there are no sessions.
    session = {name: each for name, each in sign_up_reply.items() if name == "Session"}
    confirmed = client.confirm_sign_up(**app, ConfirmationCode=code, **session)
    scenario_user.sign_up_session = confirmed.get("Session", "")


def associate_software_token(scenario_user: ScenarioUser) -> None:
    """Call AssociateSoftwareToken, and give the secret to the authenticator app."""
    scenario_user.flow.carry(r.AssociateSoftwareToken)
    challenge = scenario_user.flow.challenge
    assert isinstance(challenge, MfaSetup)
    assert challenge.secret_code is not None
    scenario_user.totp_secret = challenge.secret_code.reveal()


def enrol_totp(scenario_user: ScenarioUser) -> None:
    """Associate and verify an authenticator app."""
    associate_software_token(scenario_user)
    scenario_user.flow.carry(r.VerifySoftwareToken, scenario_user.code())
    scenario_user.clock.advance(30)


def confirm_device(scenario_user: ScenarioUser) -> None:
    """Confirm the device whose key came with the tokens."""
    scenario_user.device = scenario_user.flow.confirm_device("laptop")


def remember_device(scenario_user: ScenarioUser) -> None:
    """Sign ada in on a new device, and confirm it."""
    begin_with(r.UserSrpAuth, USER)(scenario_user)
    complete_sign_in(scenario_user)
    confirm_device(scenario_user)


def use_forgotten_device(scenario_user: ScenarioUser) -> None:
    """Replace the sign-in's device by one that the pool does not know."""
    scenario_user.flow.signin.device = STALE


def sign_in(scenario_user: ScenarioUser) -> None:
    """Sign ada in."""
    begin_with(r.UserPasswordAuth, USER, lambda s: s.password)(scenario_user)
    complete_sign_in(scenario_user)


def _tokens(scenario_user: ScenarioUser) -> Tokens:
    return next(flow.tokens for flow in reversed(scenario_user.flows) if flow.tokens is not None)


def access_token(scenario_user: ScenarioUser) -> str:
    """The last access token."""
    return _tokens(scenario_user).access_token.reveal()


def refresh_token(scenario_user: ScenarioUser) -> str:
    """The last refresh token."""
    token = _tokens(scenario_user).refresh_token
    assert token is not None
    return token.reveal()


@frozen
class Scenario:
    """A sequence of moves at one pool.

    Args:
        name: its name.
        moves: the moves, in order.
        ends: the final state of the last sign-in.
        pool: the pool's settings.
        user: ada's attributes and factors.
    """

    name: str
    moves: tuple[Move, ...] = field(repr=False)
    ends: State
    pool: Mapping[str, Any] = field(factory=dict, repr=False)
    user: Mapping[str, Any] = field(factory=dict, repr=False)

    def play(self, signing_key: RSAKey) -> ScenarioUser:
        """Make the moves."""
        scenario_user = ScenarioUser(signing_key, self.pool, self.user)
        for move in self.moves:
            move(scenario_user)
        return scenario_user


def facts(scenario_user: ScenarioUser) -> list[Any]:
    """Return the state and data of each sign-in, except random values."""
    return [
        (
            flow.state, flow.accepts, flow.signin.username, flow.signin.flow, flow.signin.role, flow.signin.admin,
            flow.signin.password_proved, flow.device is None, flow.challenge and flow.challenge.available,
            flow.tokens and flow.tokens.username,
        )
        for flow in scenario_user.flows
    ]  # fmt: skip


@frozen
class Outcome:
    """The result of a scenario with the sync driver.

    Args:
        state: the state of the last sign-in.
        transitions: every transition that a sign-in took.
        steps: the steps of each sign-in, with their times.
        facts: the state and data of each sign-in.
    """

    state: State
    transitions: frozenset[Transition]
    steps: list[list[Any]]
    facts: list[Any]


_OUTCOMES: Final[dict[str, Outcome]] = {}


def outcome(scenario: Scenario, signing_key: RSAKey) -> Outcome:
    """Return the result of a scenario, which is played once per process for all test files that compare with it."""
    if scenario.name not in _OUTCOMES:
        scenario_user = scenario.play(signing_key)
        _OUTCOMES[scenario.name] = Outcome(
            scenario_user.flow.state, scenario_user.transitions, scenario_user.steps, facts(scenario_user)
        )
    return _OUTCOMES[scenario.name]
