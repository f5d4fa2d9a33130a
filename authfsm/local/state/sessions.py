"""Sessions: opaque, bound to app client, user and challenge, new on every leg, single-use, short-lived.

A `PendingChallenge` is one challenge of one attempt, waiting for its answer. Its session is the key to it; where
Cognito gives or wants no session, the secret block (or the device) is a second key to the same leg. A leg
is spent by the answer that moves on, and by a refusal that does not survive (`refusals`).
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, field, frozen

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.state.change_tracking import ChangeTrackingDict, RecordListener
from authfsm.local.state.token_claims import PASSWORD_METHOD
from authfsm.local.state.users import User
from authfsm.protocol.states import State

# That a session was used, or has expired, is told for an hour, and of so many at most.
_REMEMBERED: Final = timedelta(hours=1)
_MANY: Final = 10_000
_PROOF_FAILED: Final = {"CodeMismatchException", "ExpiredCodeException"}


@frozen
class Attempt:
    """How far a sign-in has come: the facts that decide what is asked next.

    Args:
        client: the app client that began it.
        flow: its AuthFlow.
        user: who signs in; None where nobody is and the pool pretends (PreventUserExistenceErrors).
        username: the internal name; for nobody, the one pretended.
        submitted_name: the USERNAME that began it, perhaps an alias.
        started_at: when, for `auth_time`.
        device_key: the DEVICE_KEY last sent, if the user has that device.
        password_proved: by SRP or in clear.
        second_factor_passed: a second factor, or a set-up that counts as one.
        custom_passed: DefineAuthChallenge has issued tokens, or is out of it.
        device_proved: the device has proved itself.
        rounds: what DefineAuthChallenge sees in event.request.session.
        first_factors: the first factors to choose from (USER_AUTH).
        methods: what was proved beside the password, in the words of `amr`; an access token's credit
            is among it.
        target_level: the level that a step-up is to reach; 0 for none.
    """

    client: AppClient
    flow: str
    user: User | None
    username: str
    submitted_name: str
    started_at: datetime
    device_key: str | None = None
    password_proved: bool = False
    second_factor_passed: bool = False
    custom_passed: bool = False
    device_proved: bool = False
    rounds: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    first_factors: tuple[State, ...] = ()
    methods: tuple[str, ...] = ()
    target_level: int = 0

    @property
    def amr(self) -> tuple[str, ...]:
        """All that was proved, in the words of `amr`."""
        return (PASSWORD_METHOD, *self.methods) if self.password_proved else self.methods

    @property
    def awaits_first_factor(self) -> bool:
        """Is a first factor still being chosen, or proved? Then nothing may be told of the user."""
        return self.flow == "USER_AUTH" and not self.amr

    @property
    def existing_user(self) -> User:
        """The user, where the attempt has come too far for there to be none."""
        if self.user is None:
            raise PoolRefusal(error_templates.WRONG_PASSWORD)
        return self.user


@define(eq=False)
class PendingChallenge:
    """One challenge of an attempt, waiting for its answer.

    Args:
        attempt: the attempt so far.
        challenge: the challenge's name, as on the wire.
        expected_answer: what the answer is checked against.
        session: the session.
        expires: when it dies.
        other_key: the second key, if there is one.
        session_wanted: the second key alone will not do.
        spent: has it been used?
        sign_ins_ended: the user's count of that name when the leg was opened.
    """

    attempt: Attempt
    challenge: str
    expected_answer: Any = field(repr=False)
    session: str = field(repr=False)
    expires: datetime
    other_key: str | None = field(default=None, repr=False)
    session_required: bool = False
    spent: bool = False
    session_generation: int = 0


class Sessions:
    """The legs that wait for an answer, and for a while those that do no more.

    Args:
        clock: measures lengths of time (`clock.SteadyClock`).
        entropy: the pool's.
    """

    def __init__(self, clock: Callable[[], datetime], entropy: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._entropy = entropy
        self._pending: dict[str, PendingChallenge] = {}
        self._other: dict[str, PendingChallenge] = {}
        self.answered: PendingChallenge | None = None
        """The leg that was last answered, for the gate."""

    def __len__(self) -> int:
        return len(self._pending)

    def __iter__(self) -> Iterator[PendingChallenge]:
        return iter(self._pending.values())

    def __contains__(self, pending: PendingChallenge) -> bool:
        return pending.session in self._pending

    def watch(self, seen: RecordListener) -> None:
        """Tell of each leg that is found, opened or forgotten, from now on."""
        self._pending, self._other = (
            ChangeTrackingDict(seen, self._pending),
            ChangeTrackingDict(seen, self._other),
        )

    def clear_all(self) -> None:
        """Forget all, and tell nobody."""
        dict.clear(self._pending)  # `Watched` would tell of each record
        dict.clear(self._other)

    def restore(self, pending: PendingChallenge) -> None:
        """Take in a leg that was open before; the oldest first."""
        self._pending[pending.session] = pending
        if pending.other_key is not None:
            self._other[pending.other_key] = pending

    def open(
        self,
        attempt: Attempt,
        challenge: str,
        expected_answer: Any,
        *,
        other_key: str | None = None,
        session_required: bool = False,
    ) -> PendingChallenge:
        """A new leg, under a new session."""
        now = self._clock()
        self._forget(now)
        expires = now + timedelta(minutes=attempt.client.auth_session_validity)
        session = urlsafe_b64encode(self._entropy(48)).decode()
        pending = PendingChallenge(
            attempt, challenge, expected_answer, session, expires, other_key, session_required
        )
        pending.session_generation = (
            attempt.user.session_generation if attempt.user is not None else 0
        )
        self.restore(pending)
        return pending

    def move(
        self, pending: PendingChallenge, challenge: str, expected_answer: Any
    ) -> PendingChallenge:
        """The same attempt, on a new leg: the old session is spent."""
        pending.spent, self.answered = True, pending
        return self.open(pending.attempt, challenge, expected_answer)

    def find(
        self, client: AppClient, session: str | None, other_key: str | None = None
    ) -> PendingChallenge:
        """The leg of a session; or, where none is given, of the other key.

        Raises:
            PoolRefusal: there is none, it is another client's, it is spent, or it has expired.
        """
        if session is not None:
            pending = self._pending.get(session)
        else:
            pending = self._other.get(other_key) if other_key is not None else None
            if pending is not None and pending.session_required:
                raise PoolRefusal(error_templates.MISSING_PARAMETER, name="Session")
        if pending is None or pending.attempt.client.client_id != client.client_id:
            raise PoolRefusal(error_templates.SESSION_UNKNOWN)
        return self._waiting(pending)

    def of(self, session: str) -> PendingChallenge:
        """The leg of a session, for the operations that name no app client.

        Raises:
            PoolRefusal: there is none, it is spent, or it has expired.
        """
        pending = self._pending.get(session)
        if pending is None:
            raise PoolRefusal(error_templates.SESSION_UNKNOWN)
        return self._waiting(pending)

    def _waiting(self, pending: PendingChallenge) -> PendingChallenge:
        if pending.spent:
            raise PoolRefusal(error_templates.SESSION_SPENT)
        if self._clock() >= pending.expires:
            raise PoolRefusal(error_templates.SESSION_EXPIRED)
        return pending

    def check_current(self, pending: PendingChallenge) -> None:
        """Check that the user's sign-ins were not ended since the leg was opened (`passwords.end_sessions`).

        Asked after what is said of the user: who is disabled, or must reset the password, is told so.

        Raises:
            PoolRefusal: they were.
        """
        user = pending.attempt.user
        if user is not None and user.session_generation != pending.session_generation:
            raise PoolRefusal(error_templates.SESSION_EXPIRED)

    @contextmanager
    def answering(self, pending: PendingChallenge) -> Iterator[None]:
        """Spend the leg, unless the answer is refused in a way that the session survives."""
        self.answered = pending
        try:
            yield
        except PoolRefusal as refusal:
            # "Step-up authentication is all-or-nothing ... fails any challenge, the step-up attempt
            # fails entirely" -- developer guide, "Step-up authentication with the USER_AUTH flow"
            failed = bool(pending.attempt.target_level) and refusal.code in _PROOF_FAILED
            pending.spent = failed or not refusal.survives
            raise
        pending.spent = True

    def _forget(self, now: datetime) -> None:
        # In the order of opening, so that the oldest come first; their lives differ by minutes only.
        while self._pending:
            session, pending = next(iter(self._pending.items()))
            over = pending.spent or now >= pending.expires
            remembered = now - pending.expires < _REMEMBERED
            if remembered and not (over and len(self._pending) > _MANY):
                return
            del self._pending[session]
            if pending.other_key is not None and self._other.get(pending.other_key) is pending:
                del self._other[pending.other_key]
