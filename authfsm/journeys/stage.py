"""A journey in progress: the local pool with its user, the next input, and the transitions so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from io import StringIO
from typing import TYPE_CHECKING, Any, Final, cast

import pyotp
from attrs import define, field

from authfsm.base.secret import Secret
from authfsm.checks import Move, Path
from authfsm.core.device import Device
from authfsm.journeys import plan as p
from authfsm.local.signin.passwords import set_password
from authfsm.protocol import responses as r
from authfsm.protocol.errors import Refused
from authfsm.protocol.states import State
from authfsm.protocol.table import DEVICE_DROPPED, NEW_CHALLENGE, RETRY, Transition
from authfsm.srp import secret_hash

if TYPE_CHECKING:
    from authfsm.conformance.passkey import VirtualPasskey
    from authfsm.drivers.boto import Cognito, Flow
    from authfsm.protocol.replies import Tokens

_HAS_ONLY_USERNAME: Final = {r.UserSrpAuth, r.CustomSrpAuth, r.CustomAuth, r.UserAuthWithSrp}
_MAX_REPEATS: Final = 2
"""How often an input is returned without a request in between: once for the app to look at, and once to enter."""
_MAX_REQUESTS: Final = 100
"""How many requests the app may send in one step; a page that polls sends a few."""


def is_wrong(move: Move) -> bool:
    """Return whether the answer of a step is wrong on purpose."""
    # A wrong answer to a custom challenge is not refused: the challenge is issued again.
    kind, response = move.transition.kind, move.transition.response
    return kind is RETRY or (kind is NEW_CHALLENGE and response is r.Answer)


@define(eq=False, repr=False, slots=False)
class Stage:
    """A journey in progress. `Journey.begin` makes it.

    `journey` is the journey's id, `path` its path, and `plan` what it requires; `pool` is the local pool, and `clock`
    the pool's clock.

    Attributes:
        username: the name of the user who signs in.
        password: the user's password.
        device: the device to sign in on, if any. The pool remembers it, or forgets it during the journey.
        sign_up_session: the session of ConfirmSignUp, if the user has just signed up.
    """

    journey: str
    path: Path
    plan: p.Plan
    pool: p.ObservedPool = field(kw_only=True)
    _functions: p.ScriptedTriggers = field(kw_only=True)
    clock: p.ShiftedClock = field(kw_only=True)
    username: str = field(init=False)
    password: Secret[str] = field(default=p.PASSWORD, init=False)
    device: Device | None = field(default=None, init=False)
    sign_up_session: Secret[str] | None = field(default=None, init=False)
    _reply_members: dict[str, Any] = field(factory=dict, init=False)
    _transitions: list[Transition] = field(factory=list, init=False)
    _values: dict[int, Secret[str] | None] = field(factory=dict, init=False)
    _due: tuple[int, int] = field(default=(-1, 0), init=False)
    """The number of the due step, and how many requests had arrived when it became due."""
    _returned: tuple[int, int] = field(default=(0, 0), init=False)
    """How many requests have arrived, and how often an input was returned since the last one."""

    def __attrs_post_init__(self) -> None:
        by_address = {"email": p.EMAIL, "phone_number": p.PHONE}
        names = [by_address[each] for each in sorted(self.pool.configuration.username_attributes)]
        self.username = [*names, p.USERNAME][0]
        self._prepare_user()
        self._functions.step = 0
        self._act_between_steps(0)
        self.pool.observe(self._on_transition)

    def __repr__(self) -> str:
        return f"<Stage of {self.journey}, after {len(self._transitions)} steps>"

    def client(self) -> Any:
        """Return a real boto3 client that the pool answers; no request leaves the process."""
        return self.pool.client()

    def cognito(self, **settings: Any) -> Cognito:
        """Return this package's own driver for the pool."""
        settings.setdefault("admin", self.path.responses[0] in r.ADMIN_RESPONSES)
        return self.pool.cognito(**settings)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve the pool over HTTP until the end of the block, for an app in any language; yield the endpoint's URL."""
        from authfsm.local.server.http_server import listen, serve_in_thread  # noqa: PLC0415 - slow to load
        from authfsm.local.server.service import Log, Service  # noqa: PLC0415 - the same

        sock, url = listen("127.0.0.1", 0)
        with serve_in_thread(Service(self.pool, Log(StringIO())), sock):
            yield url

    @property
    def transitions(self) -> tuple[Transition, ...]:
        """The transitions so far, as the pool saw them."""
        return tuple(self._transitions)

    def check(self) -> None:
        """Raise UnexpectedPath unless the sign-in followed the whole path of the journey and nothing else."""
        if self.transitions != self.path.transitions:
            raise p.UnexpectedPath(self.journey, self.path.transitions, self.transitions)

    def next_input(self) -> p.NextInput | None:
        """Return what the user enters next; None once the tokens are issued.

        Raises:
            UnexpectedPath: the sign-in has left the path of the journey.
            NothingSent: the app calls a third time for the same input, and has sent no request in between.
            NoProgress: the app has sent many requests, and none was a step of the sign-in.
        """
        transitions, step = self.path.transitions, len(self._transitions)
        if transitions[:step] != self.transitions:
            raise p.UnexpectedPath(self.journey, transitions, self.transitions)
        if step == len(transitions):
            return None
        source, response, dest, kind = transitions[step]
        wrong = is_wrong(self.path.moves[step])
        if step not in self._values:
            # After DEVICE_DROPPED the same input is sent again.
            leads_to = transitions[min(step + (kind is DEVICE_DROPPED), len(transitions) - 1)].dest
            self._values[step] = self._value(transitions[step], leads_to, wrong=wrong)
        next_input = p.NextInput(source, response, self._values[step], wrong, dest)
        self._check_progress(step, next_input)
        return next_input

    def _check_progress(self, step: int, next_input: p.NextInput) -> None:
        """Raise an error if the app never sends the right request, so that a test does not loop for ever."""
        requests = self.pool.requests
        if self._due[0] != step:
            self._due = step, requests
        last, times = self._returned
        self._returned = requests, times + 1 if requests == last else 1
        if self._returned[1] > _MAX_REPEATS:
            raise p.NothingSent(self.journey, next_input)
        if requests - self._due[1] > _MAX_REQUESTS:
            raise p.NoProgress(self.journey, next_input, requests - self._due[1])

    def _value(self, transition: Transition, leads_to: State, *, wrong: bool) -> Secret[str] | None:
        response = transition.response
        if response in p.VALUES:
            return p.VALUES[response][wrong]
        if response in {r.Code, r.VerifySoftwareToken}:
            by_message = response is r.Code and transition.source is not State.SOFTWARE_TOKEN_MFA
            code = self.pool.outbox[-1].code if by_message else self._app_code()
            number, digits = int(code.reveal()), len(code.reveal())
            return Secret(f"{(number + 1) % 10**digits:0{digits}d}") if wrong else code
        value: Secret[str] | None = None
        if response is r.AdminNoSrpAuth:
            value = None if leads_to is State.ADMIN_NO_SRP_AUTH else p.PASSWORD
        elif response in {r.UserAuth, r.Select}:
            value = None if leads_to is State.SELECT_CHALLENGE else Secret(leads_to.value)
        elif response is r.SignedUp:
            value = self.sign_up_session
        elif response is r.Credential:
            value = Secret(self._passkey.sign(self._reply_members["CREDENTIAL_REQUEST_OPTIONS"]))
        return value

    def _app_code(self) -> Secret[str]:
        """Return a new code of the authenticator app; the clock is advanced, because a code can be used only once."""
        associated = self._reply_members.get("SecretCode")
        secret = p.TOTP if associated is None else Secret(associated)
        self.clock.advance(30)  # the period of TOTP, in seconds
        return Secret(pyotp.TOTP(secret.reveal()).at(self.clock()))

    @cached_property
    def _passkey(self) -> VirtualPasskey:
        from authfsm.conformance.passkey import VirtualPasskey  # noqa: PLC0415 - its library is an extra

        webauthn = self.pool.configuration.webauthn
        return VirtualPasskey("example.com" if webauthn is None else webauthn.relying_party_id)

    def _on_transition(self, transition: Transition, reply: Mapping[str, Any]) -> None:
        self._transitions.append(transition)
        self._functions.step = len(self._transitions)
        self._reply_members |= {**reply.get("ChallengeParameters", {}), **reply}
        self._act_between_steps(len(self._transitions))

    def _act_between_steps(self, steps: int) -> None:
        """Do what the administrator does after this number of steps, according to the plan."""
        action = self.plan.between_steps.get(steps)
        if action is None:
            return
        if action.enable_mfa:
            self._administer("AdminSetUserMFAPreference", **action.preference())
        if action.expire_password:
            self._expire_password()
        if action.forget_device and self.device is not None:
            self._administer("AdminForgetDevice", DeviceKey=self.device.device_key)

    def _administer(self, operation: str, **members: Any) -> None:
        self.pool.answer(operation, {"UserPoolId": self.pool.pool_id, "Username": self.username, **members})

    def _expire_password(self) -> None:
        # AdminSetUserPassword would refuse the same password if the pool has a PasswordHistorySize.
        set_password(self.pool._core, self.pool.user(self.username), p.PASSWORD, temporary=True)  # noqa: SLF001 - same package

    def _prepare_user(self) -> None:
        person = self.plan.person
        if person.newcomer:
            self._sign_up()
            return
        known = {*self.pool.configuration.username_attributes, *(name for name, each in person.fields.items() if each)}
        attributes = {name: text for name, text in self._required_attributes.items() if name not in known}
        unverified = {f"{name}_verified": "false" for name in attributes if name in {"email", "phone_number"}}
        self.pool.add_user(self.username, attributes={**attributes, **unverified}, **person.fields)
        if person.remembered or person.passkey:
            self._enrol()
        if person.passkey_as_mfa:
            self._administer("AdminSetUserMFAPreference", WebAuthnMfaSettings={"Enabled": True})
        if person.temporary:
            self._expire_password()

    @property
    def _required_attributes(self) -> dict[str, str]:
        return {name: p.ATTRIBUTES.get(name, "Ada") for name in self.pool.configuration.attributes.required}

    def _enrol(self) -> None:
        """Sign in by CUSTOM_AUTH, whose Lambda functions issue tokens at once; enrol the device and the passkey."""
        client = self.pool.add_client(explicit_auth_flows=["ALLOW_CUSTOM_AUTH"])
        cognito = self.pool.cognito(client_id=client.client_id, client_secret=None)
        flow = cognito.sign_in(self.username, flow="CUSTOM_AUTH")
        tokens = cast("Tokens", flow.tokens)  # the functions have issued them at once
        if self.plan.person.remembered:
            self.device = flow.confirm_device("laptop")
        if self.plan.person.passkey:
            token = {"AccessToken": tokens.access_token.reveal()}
            reply = self.pool.answer("StartWebAuthnRegistration", token)
            credential = self._passkey.create(reply["CredentialCreationOptions"])
            self.pool.answer("CompleteWebAuthnRegistration", {**token, "Credential": credential})

    def _sign_up(self) -> None:
        app = self.pool.app_client
        user: dict[str, Any] = {"ClientId": app.client_id, "Username": self.username}
        if app.client_secret is not None:
            user["SecretHash"] = secret_hash(self.username, app.client_id, app.client_secret)
        attributes = [{"Name": n, "Value": v} for n, v in {"email": p.EMAIL, **self._required_attributes}.items()]
        members = {"Password": p.PASSWORD.reveal(), "UserAttributes": attributes}
        reply = self.pool.answer("SignUp", {**user, **members})
        session = {"Session": reply["Session"]} if "Session" in reply else {}
        code = self.pool.outbox[-1].code.reveal()
        reply = self.pool.answer("ConfirmSignUp", {**user, "ConfirmationCode": code, **session})
        self.sign_up_session = Secret(reply["Session"])


def drive(stage: Stage) -> Flow:
    """Sign in with this package's own driver."""
    flow = stage.cognito().start(stage.password, device=stage.device, walk=False)
    while (next_input := stage.next_input()) is not None:
        steps, value, response = len(stage.transitions), next_input.value, next_input.response
        arguments = [stage.username] if next_input.state is State.START else []
        if value is not None and not next_input.automatic and response not in _HAS_ONLY_USERNAME:
            arguments.append(value.reveal())
        try:
            flow.carry(response, *arguments)
        except Refused:
            if len(stage.transitions) == steps:
                raise
        if len(stage.transitions) == steps:
            raise p.UnexpectedPath(stage.journey, stage.path.transitions, stage.transitions)
    stage.check()
    return flow
