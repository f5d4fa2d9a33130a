"""The base classes of both drivers: a user pool with its client, and the state of one sign-in. No I/O.

`BaseCognito` starts and resumes flows. `BaseFlow` is one sign-in with the secrets for its automatic steps: the
password and the SRP exponent, each only while a later step may need it. A flow accepts one answer at a time; a
concurrent answer raises InvalidOperation with the action WAIT.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from inspect import iscoroutinefunction
from threading import Lock, RLock
from typing import Any, ClassVar, Final, Generic, TypeAlias, TypeVar

from authfsm import srp
from authfsm.base.clock import Clock, checked_clock, positive, utc_now
from authfsm.base.mixins import DisplayMixin
from authfsm.base.secret import Key, Secret, secret, wrapped_keys
from authfsm.core.device import Device
from authfsm.core.history import History, Step
from authfsm.core.sealing import SESSION_LIFETIME, Snapshot, seal, unseal, unseal_tokens
from authfsm.core.signin import SignIn
from authfsm.core.wire_requests import Request
from authfsm.observers import Observation, Observer, notify
from authfsm.protocol import responses as r
from authfsm.protocol.api_requests import OPERATION_REPETITION
from authfsm.protocol.auth_flows import SIGN_IN_OPERATIONS
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import AuthfsmError, InvalidOperation
from authfsm.protocol.replies import AnyChallenge, Refusal, Tokens
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.validators import not_text

ClientT = TypeVar("ClientT")
FlowT = TypeVar("FlowT", bound="BaseFlow")

SecretProvider: TypeAlias = Callable[[], str | Secret[str] | Awaitable[str | Secret[str]]]
"""Returns the app client's current secret, or (for `AsyncCognito`) an awaitable of it."""

_MAY_NEED_PASSWORD: Final = frozenset(
    {State.START, State.SELECT_CHALLENGE, State.PASSWORD_SRP, State.PASSWORD_VERIFIER}
)
_MAY_NEED_EXPONENT: Final = frozenset({State.START, State.PASSWORD_VERIFIER, State.DEVICE_PASSWORD_VERIFIER})


def is_async(client: Any) -> bool:
    """Return whether a client's methods are coroutine functions; raise TypeError if it is no client of Cognito."""
    service = getattr(getattr(getattr(client, "meta", None), "service_model", None), "service_name", None)
    methods = (Request(each, {}).method for each in (*SIGN_IN_OPERATIONS, *OPERATION_REPETITION))
    if service != "cognito-idp" and not any(hasattr(client, each) for each in methods):
        kind, how = type(client).__name__, "`async with session.create_client(...) as client`"
        raise TypeError(f'a {kind} is not a client of Cognito: use boto3.client("cognito-idp"), or with asyncio {how}')
    return iscoroutinefunction(getattr(client, "close", None))


def key_pair(exponent: Secret[int], pair: srp.Ephemeral | None) -> srp.Ephemeral:
    """Return the SRP key pair of an exponent: `pair` unless it is None, else compute it, which takes milliseconds."""
    return pair or srp.ephemeral(exponent.reveal().to_bytes(32, "big"))


def check_type(name: str, value: object, kind: Any) -> None:
    """Raise TypeError if the argument of this name is not of this type."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be of type {getattr(kind, '__name__', kind)}, not {type(value).__name__}")


class BaseCognito(Generic[ClientT, FlowT]):
    """A user pool and one of its app clients: the base of `Cognito` and `AsyncCognito`."""

    _ACCEPTS_ASYNC: ClassVar[bool] = False
    """Whether this driver can use a client whose methods are coroutine functions."""

    def __init__(
        self,
        client: ClientT,
        *,
        client_id: str,
        pool_id: str | None = None,
        client_secret: str | Secret[str] | SecretProvider | None = None,
        device: Device | None = None,
        admin: bool = False,
        clock: Clock = utc_now,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
        observers: Iterable[Observer] = (),
        session_lifetime: timedelta = SESSION_LIFETIME,
    ) -> None:
        client_secret = secret(client_secret)
        if pool_id is not None:
            srp.pool_name(pool_id)  # raises an error before any request is sent, not at the first proof
        for each in (("client_id", client_id, str), ("device", device, Device | None), ("admin", admin, bool)):
            check_type(*each)
        if not (client_secret is None or callable(client_secret)) and (why := not_text(client_secret)):
            raise TypeError(f"client_secret {why}")
        if not isinstance(observers, Iterable) or not all(map(callable, observers := tuple(observers))):
            raise TypeError("observers must be a list of functions, each of which takes an Observation")
        # An object may have an async `__call__`.
        functions = (*observers, *(vars(type(each)).get("__call__") for each in observers))
        if any(map(iscoroutinefunction, functions)):
            raise TypeError("observers must be functions that are not async: nothing awaits what they return")
        if not callable(entropy):
            raise TypeError(f"entropy must be a function that returns bytes, not {type(entropy).__name__}")
        self._client_is_async = is_async(client)
        if self._client_is_async and not self._ACCEPTS_ASYNC:
            raise TypeError("the methods of this client are coroutine functions: use AsyncCognito")
        if iscoroutinefunction(client_secret) and not self._ACCEPTS_ASYNC:
            raise TypeError("this client_secret is a coroutine function: use AsyncCognito")
        self.client = client
        self.client_id = client_id
        self.pool_id = pool_id
        self.client_secret: Secret[str] | SecretProvider | None = client_secret
        self.device = device
        self.admin = admin
        self.clock = checked_clock(clock)
        self.entropy = entropy
        self.observers = observers
        self.session_lifetime = positive("session_lifetime", session_lifetime, timedelta)

    def __repr__(self) -> str:
        pool_id, client_id = getattr(self, "pool_id", None), getattr(self, "client_id", None)
        return f"<{type(self).__name__} pool {pool_id}, client {client_id}>"

    def random_bytes(self, count: int) -> bytes:
        """Return this many random bytes from `entropy`; raise TypeError if it returns anything else."""
        found = self.entropy(count)
        if not isinstance(found, bytes) or len(found) != count:
            raise TypeError(f"entropy must return {count} bytes if it is called with {count}")
        return found

    def start(
        self,
        password: str | Secret[str] | None = None,
        *,
        device: Device | None = None,
        client_metadata: Mapping[str, str] | None = None,
        walk: bool = True,
    ) -> FlowT:
        """Return a flow that has not begun; its `begin` or `answer` begins it. Not a coroutine function in either driver.

        Args:
            password: the password, for `begin` and the automatic steps after it.
            device: the remembered device, instead of the one passed to the constructor.
            client_metadata: ClientMetadata for the pool's Lambda triggers. The flow adds it to the responses that it
                creates itself (the first one and SRP proofs). A response that you create has its own `client_metadata`.
            walk: take the steps that need no user input automatically.
        """
        password = secret(password)
        return self._new_flow(self._new_signin(device), password, client_metadata or {}, walk=walk)

    def resume(self, sealed: str | bytes | None, key: Key) -> FlowT:
        """Return a flow that continues a sealed sign-in. Not a coroutine function.

        Either driver may have sealed it, in any process that has the key.

        Args:
            sealed: the sealed sign-in; None if the browser sent nothing.
            key: the key, or several, each of which is tried.

        Raises:
            SealError: the sign-in cannot be resumed; the user starts again. The class says why. SealMissing: None or
                empty. SealBroken: tampered with, or sealed with another key. SealExpired: its session is older
                than `session_lifetime`. SealWrongClient: of another pool or app client. SealTooNew: of a newer version.
            BadKey: the key is not valid.
        """
        key = wrapped_keys(key)
        snapshot = unseal(
            sealed, key, self.clock(), signin=self._new_signin(None), session_lifetime=self.session_lifetime
        )
        flow = self._new_flow(snapshot.signin, None, {}, walk=snapshot.walk)
        flow._restore(snapshot)  # noqa: SLF001 - same module. After `_new_flow`: this replaces the new flow's id and secrets
        return flow

    def resume_tokens(self, sealed: str | bytes | None, key: Key) -> FlowT:
        """Return an authenticated flow with the tokens that `Tokens.seal` sealed. Not a coroutine function.

        Arguments and errors are those of `resume`, except SealExpired: sealed tokens have no time limit. If Cognito
        refuses the refresh token, `refresh` raises Refused.
        """
        key = wrapped_keys(key)
        tokens = unseal_tokens(sealed, key, pool_id=self.pool_id, client_id=self.client_id)
        flow = self.start()
        flow._adopt_tokens(tokens)  # noqa: SLF001 - same module
        return flow

    def _new_signin(self, device: Device | None) -> SignIn:
        client_secret = self.client_secret
        check_type("device", device, Device | None)
        return SignIn(
            self.client_id,
            pool_id=self.pool_id,
            client_secret=None if callable(client_secret) else client_secret,
            device=device or self.device,
            admin=self.admin,
        )

    def _new_flow(
        self, signin: SignIn, password: Secret[str] | None, client_metadata: Mapping[str, str], *, walk: bool
    ) -> FlowT:
        flow_class: Callable[..., FlowT] = self._flow_class()
        return flow_class(self, signin, password, client_metadata=client_metadata, walk=walk)

    def _flow_class(self) -> type[FlowT]:
        raise NotImplementedError


class BaseFlow(DisplayMixin):
    """One sign-in, with the secrets for its automatic steps: the base of every driver's flow."""

    def __init__(
        self,
        cognito: BaseCognito[Any, Any],
        signin: SignIn,
        password: str | Secret[str] | None,
        *,
        client_metadata: Mapping[str, str],
        walk: bool,
    ) -> None:
        password = secret(password)
        self.cognito = cognito
        self.signin = signin
        self.walk = walk
        self.sign_in_id = cognito.random_bytes(8).hex()
        self.preferred_challenge: str | None = None
        self._requested_start: tuple[str, str] | None = None
        """The user name and the AuthFlow of `begin`, kept for `restart` even if Cognito refused the request."""
        self._client_metadata = client_metadata
        self._clock = cognito.clock
        self._entropy = cognito.random_bytes
        self._observers = cognito.observers
        self._answer_lock = Lock()
        self._state_lock = RLock()  # reentrant: a signal handler may call `cancel` while a reply is processed
        self._password = password
        self._exponent: Secret[int] | None = None
        self._pair: srp.Ephemeral | None = None
        self._unconfirmed_device: tuple[Device, r.ConfirmDevice] | None = None
        self._unreplied_start: Response | None = None
        """The response of the first request, kept for `step` to send it again, until a reply leads out of START."""

    def __repr__(self) -> str:
        return repr(self.signin).replace("SignIn", type(self).__name__, 1)

    # ---- the state of the sign-in --------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The state now: START, the challenge that waits for an answer, or how the sign-in ended."""
        return self.signin.state

    @property
    def challenge(self) -> AnyChallenge | None:
        """The current challenge, its parameters parsed; None if there is none."""
        return self.signin.challenge

    @property
    def tokens(self) -> Tokens | None:
        """The tokens, once Cognito has issued them."""
        return self.signin.tokens

    @property
    def refusal(self) -> Refusal | None:
        """The last reply, if it was a refusal."""
        return self.signin.refusal

    @property
    def accepts(self) -> tuple[type[Response], ...]:
        """The responses that the state accepts now, in the table's order (`SignIn.accepts`)."""
        return self.signin.accepts

    @property
    def history(self) -> History:
        """Every step so far, without secrets."""
        return self.signin.history

    @property
    def done(self) -> bool:
        """Whether the sign-in has ended, with tokens or in failure."""
        return self.signin.done

    @property
    def device(self) -> Device | None:
        """The remembered device that was passed or confirmed; None if there is none, or Cognito has forgotten it."""
        return self.signin.device

    @property
    def busy(self) -> bool:
        """Whether a call is in progress. Until it ends, others, such as `answer`, raise InvalidOperation (WAIT)."""
        return self._answer_lock.locked()

    def form(self) -> dict[str, Any] | None:
        """Return the form of the current challenge (for EMAIL_OTP it depends on the role); None without a challenge."""
        return None if self.challenge is None else self.challenge.form(self.signin.role)

    def signed_in(self) -> Tokens:
        """Return the tokens of a complete sign-in; otherwise raise InvalidOperation, which names the state."""
        if self.tokens is None or self.state is not State.AUTHENTICATED:
            has_challenge = self.challenge is not None
            advice = "answer the challenge" if has_challenge else "sign in first, or begin a new sign-in"
            raise InvalidOperation(f"there are no tokens in {self.state}: {advice}", state=self.state)
        return self.tokens

    def tokens_valid_for(self, duration: timedelta) -> bool:
        """Return whether the access token is valid for that long from now; true if its lifetime is unknown."""
        check_type("the duration", duration, timedelta)
        expires = None if self.tokens is None else self.tokens.expires_at
        return self.tokens is not None and (expires is None or duration < expires - self._clock())

    # ---- sealing and cancelling ------------------------------------------------------------------------

    def seal(self, key: Key) -> str:
        """Return this sign-in as a string that only holders of the key can read or change, to store anywhere.

        `Cognito.resume` continues it, in another request, process or machine. The string never contains the app
        client's secret, and contains the password only while a later step may need it. Like the Cognito session in
        it, the sealed sign-in can be answered only once.

        A cookie holds 4,096 bytes. With a Session of 1,000 characters, a sign-in that waits for a code, a
        choice, a new password or MFA enrolment takes about 2,300 bytes, and 160 more for each wrong code. A sign-in in
        PASSWORD_VERIFIER or DEVICE_PASSWORD_VERIFIER, or with many passkeys in WEB_AUTHN, may not fit into a cookie.

        Args:
            key: a key from `authfsm.new_key`, or several, the first of which seals.

        Raises:
            InvalidOperation: the sign-in has ended, or an answer is in progress.
            TooLongToSeal: metadata, history or challenge parameters are too long.
            BadKey: the key is not valid.
        """
        key = wrapped_keys(key)
        with self._exclusive():  # an answer in progress would change the sign-in while it is read
            return seal(self._snapshot(), key, self._clock())

    def cancel(self) -> None:
        """Abandon a sign-in that has no tokens yet: drop password, exponent and session, and send nothing more. No I/O.

        A request in progress is not interrupted; its reply is ignored. In AUTHENTICATED nothing changes.
        """
        with self._state_lock:  # another thread's reply is processed completely, or not at all
            self.signin.abandon()
            self._drop_unneeded_secrets()

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            self.sign_in_id, self.signin, self._needed_password, self._needed_exponent,
            self.preferred_challenge, self._client_metadata, self.walk, self._requested_start,
        )  # fmt: skip

    def _restore(self, snapshot: Snapshot) -> None:
        self.sign_in_id, self.walk = snapshot.sign_in_id, snapshot.walk
        self._password, self.preferred_challenge = snapshot.password, snapshot.preferred_challenge
        self._client_metadata = snapshot.client_metadata
        self._requested_start = snapshot.first_request
        self._exponent = snapshot.exponent  # the key pair is computed again when a proof needs it

    # ---- for the drivers -------------------------------------------------------------------------------

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Allow one answer at a time, because Cognito would refuse one of two answers with the same Session."""
        if not self._answer_lock.acquire(blocking=False):
            raise InvalidOperation(
                "another answer to this sign-in is in progress: wait until it is done",
                state=self.state,
                action=RecoveryAction.WAIT,
            )
        try:
            yield
        finally:
            self._answer_lock.release()

    def _on_reply(self, reply: Secret[Any], source: State, response: Response, seconds: float) -> None:
        """Process the reply to a request, and notify the observers."""
        at = self._clock()  # read before waiting for the lock, so that the wait does not count
        try:
            with self._state_lock:
                self.signin.receive(reply, at=at)
        except AuthfsmError as error:
            self._on_no_reply(error, source, response, seconds)
            raise
        self._notify(self.history[-1], seconds)  # without the lock: an observer may take long, or cancel

    def _on_no_reply(self, error: BaseException, source: State, response: Response, seconds: float) -> None:
        """Notify the observers of a request to which no valid reply came."""
        step = Step(
            number=len(self.history) + 1, source=source, response=type(response), dest=self.state,
            role=self.signin.role, action=getattr(error, "action", None), at=self._clock(),
        )  # fmt: skip
        self._notify(step, seconds, type(error).__name__)

    def _notify(self, step: Step, seconds: float, error_name: str | None = None) -> None:
        auth_flow = self.signin.flow
        notify(self._observers, Observation(self.sign_in_id, step, seconds, auth_flow, error_name))

    def _adopt_tokens(self, tokens: Tokens) -> None:
        """Continue from tokens that were issued earlier."""
        self.signin.resume(State.AUTHENTICATED, None, (), admin=self.signin.admin)
        self.signin.tokens, self.signin.username = tokens, tokens.username

    def _drop_unneeded_secrets(self) -> None:
        self._password, self._exponent = self._needed_password, self._needed_exponent
        if self.state is not State.START:
            self._unreplied_start = None
        if self._exponent is None:  # the key pair is kept as long as its exponent
            self._pair = None

    @property
    def _ephemeral(self) -> srp.Ephemeral | None:
        """The key pair for the proof that the current challenge asks for."""
        return None if self._exponent is None else key_pair(self._exponent, self._pair)

    @property
    def _needed_password(self) -> Secret[str] | None:
        is_proved = self.signin.password_proved and self.state not in _MAY_NEED_PASSWORD
        return None if self.done or is_proved else self._password

    @property
    def _needed_exponent(self) -> Secret[int] | None:
        return self._exponent if self.state in _MAY_NEED_EXPONENT else None
