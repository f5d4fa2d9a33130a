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
from authfsm.local.config.acr_levels import PASSWORD
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.state.change_tracking import ChangeTrackingDict, Seen
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
        name: the internal name; for nobody, the one pretended.
        typed: the USERNAME that began it, perhaps an alias.
        began: when, for `auth_time`.
        device_key: the DEVICE_KEY last sent, if the user has that device.
        password_proved: by SRP or in clear.
        second_factor_passed: a second factor, or a set-up that counts as one.
        custom_passed: DefineAuthChallenge has issued tokens, or is out of it.
        device_proved: the device has proved itself.
        rounds: what DefineAuthChallenge sees in event.request.session.
        offered: the first factors to choose from (USER_AUTH).
        methods: what was proved beside the password, in the words of `amr`; an access token's credit
            is among it.
        target: the level that a step-up is to reach; 0 for none.
    """

    client: AppClient
    flow: str
    user: User | None
    name: str
    typed: str
    began: datetime
    device_key: str | None = None
    password_proved: bool = False
    second_factor_passed: bool = False
    custom_passed: bool = False
    device_proved: bool = False
    rounds: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    offered: tuple[State, ...] = ()
    methods: tuple[str, ...] = ()
    target: int = 0

    @property
    def amr(self) -> tuple[str, ...]:
        """All that was proved, in the words of `amr`."""
        return (PASSWORD, *self.methods) if self.password_proved else self.methods

    @property
    def unproved(self) -> bool:
        """Is a first factor still being chosen, or proved? Then nothing may be told of the user."""
        return self.flow == "USER_AUTH" and not self.amr

    @property
    def known(self) -> User:
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
        matter: what the answer is checked against.
        session: the session.
        expires: when it dies.
        other_key: the second key, if there is one.
        session_wanted: the second key alone will not do.
        spent: has it been used?
        sign_ins_ended: the user's count of that name when the leg was opened.
    """

    attempt: Attempt
    challenge: str
    matter: Any = field(repr=False)
    session: str = field(repr=False)
    expires: datetime
    other_key: str | None = field(default=None, repr=False)
    session_wanted: bool = False
    spent: bool = False
    sign_ins_ended: int = 0


class Sessions:
    """The legs that wait for an answer, and for a while those that do no more.

    Args:
        clock: measures lengths of time (`clock.SteadyClock`).
        entropy: the pool's.
    """

    def __init__(self, clock: Callable[[], datetime], entropy: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._entropy = entropy
        self._legs: dict[str, PendingChallenge] = {}
        self._other: dict[str, PendingChallenge] = {}
        self.answered: PendingChallenge | None = None
        """The leg that was last answered, for the gate."""

    def __len__(self) -> int:
        return len(self._legs)

    def __iter__(self) -> Iterator[PendingChallenge]:
        return iter(self._legs.values())

    def __contains__(self, leg: PendingChallenge) -> bool:
        return leg.session in self._legs

    def watch(self, seen: Seen) -> None:
        """Tell of each leg that is found, opened or forgotten, from now on."""
        self._legs, self._other = (
            ChangeTrackingDict(seen, self._legs),
            ChangeTrackingDict(seen, self._other),
        )

    def forget_all(self) -> None:
        """Forget all, and tell nobody."""
        dict.clear(self._legs)  # `Watched` would tell of each record
        dict.clear(self._other)

    def restore(self, leg: PendingChallenge) -> None:
        """Take in a leg that was open before; the oldest first."""
        self._legs[leg.session] = leg
        if leg.other_key is not None:
            self._other[leg.other_key] = leg

    def open(
        self,
        attempt: Attempt,
        challenge: str,
        matter: Any,
        *,
        other_key: str | None = None,
        session_wanted: bool = False,
    ) -> PendingChallenge:
        """A new leg, under a new session."""
        now = self._clock()
        self._forget(now)
        expires = now + timedelta(minutes=attempt.client.auth_session_validity)
        session = urlsafe_b64encode(self._entropy(48)).decode()
        leg = PendingChallenge(
            attempt, challenge, matter, session, expires, other_key, session_wanted
        )
        leg.sign_ins_ended = attempt.user.sign_ins_ended if attempt.user is not None else 0
        self.restore(leg)
        return leg

    def move(self, leg: PendingChallenge, challenge: str, matter: Any) -> PendingChallenge:
        """The same attempt, on a new leg: the old session is spent."""
        leg.spent, self.answered = True, leg
        return self.open(leg.attempt, challenge, matter)

    def find(
        self, client: AppClient, session: str | None, other_key: str | None = None
    ) -> PendingChallenge:
        """The leg of a session; or, where none is given, of the other key.

        Raises:
            PoolRefusal: there is none, it is another client's, it is spent, or it has expired.
        """
        if session is not None:
            leg = self._legs.get(session)
        else:
            leg = self._other.get(other_key) if other_key is not None else None
            if leg is not None and leg.session_wanted:
                raise PoolRefusal(error_templates.ABSENT, name="Session")
        if leg is None or leg.attempt.client.client_id != client.client_id:
            raise PoolRefusal(error_templates.SESSION_UNKNOWN)
        return self._waiting(leg)

    def of(self, session: str) -> PendingChallenge:
        """The leg of a session, for the operations that name no app client.

        Raises:
            PoolRefusal: there is none, it is spent, or it has expired.
        """
        leg = self._legs.get(session)
        if leg is None:
            raise PoolRefusal(error_templates.SESSION_UNKNOWN)
        return self._waiting(leg)

    def _waiting(self, leg: PendingChallenge) -> PendingChallenge:
        if leg.spent:
            raise PoolRefusal(error_templates.SESSION_SPENT)
        if self._clock() >= leg.expires:
            raise PoolRefusal(error_templates.SESSION_EXPIRED)
        return leg

    def check_current(self, leg: PendingChallenge) -> None:
        """Check that the user's sign-ins were not ended since the leg was opened (`passwords.end_sessions`).

        Asked after what is said of the user: who is disabled, or must reset the password, is told so.

        Raises:
            PoolRefusal: they were.
        """
        user = leg.attempt.user
        if user is not None and user.sign_ins_ended != leg.sign_ins_ended:
            raise PoolRefusal(error_templates.SESSION_EXPIRED)

    @contextmanager
    def answering(self, leg: PendingChallenge) -> Iterator[None]:
        """Spend the leg, unless the answer is refused in a way that the session survives."""
        self.answered = leg
        try:
            yield
        except PoolRefusal as refusal:
            # "Step-up authentication is all-or-nothing ... fails any challenge, the step-up attempt
            # fails entirely" -- developer guide, "Step-up authentication with the USER_AUTH flow"
            failed = bool(leg.attempt.target) and refusal.code in _PROOF_FAILED
            leg.spent = failed or not refusal.survives
            raise
        leg.spent = True

    def _forget(self, now: datetime) -> None:
        # In the order of opening, so that the oldest come first; their lives differ by minutes only.
        while self._legs:
            session, leg = next(iter(self._legs.items()))
            over = leg.spent or now >= leg.expires
            remembered = now - leg.expires < _REMEMBERED
            if remembered and not (over and len(self._legs) > _MANY):
                return
            del self._legs[session]
            if leg.other_key is not None and self._other.get(leg.other_key) is leg:
                del self._other[leg.other_key]
