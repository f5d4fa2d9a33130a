"""Sessions: opaque, bound to app client, user and challenge, new for each challenge, short-lived, used once.

A `PendingChallenge` is one challenge of one sign-in attempt, until it is answered. Its session is the key to
it; where clients send no session, the secret block or the device is a second key to it. It is used up by the
answer that moves on, and by a refusal that the session does not survive (`ErrorTemplate.survives`).
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, evolve, field, frozen

from authfsm.base.clock import Clock
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.state.records import TrackedDicts
from authfsm.local.state.token_claims import PASSWORD_METHOD
from authfsm.local.state.users import User
from authfsm.protocol.states import State

# Used and expired sessions are remembered, with these limits, so that they get their own error messages.
_REMEMBERED_FOR: Final = timedelta(hours=1)
_MAX_REMEMBERED: Final = 10_000
_PROOF_FAILED: Final = {"CodeMismatchException", "ExpiredCodeException"}


@frozen
class Attempt:
    """A sign-in attempt: the facts that decide what follows.

    The user is None if unknown and simulated, `username` is the internal name; `rounds` are DefineAuthChallenge's
    session, `methods` are `amr` without the password, and `target_level` is 0 without a step-up.
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
    challenge_results: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    first_factors: tuple[State, ...] = ()
    methods: tuple[str, ...] = ()
    target_level: int = 0

    @property
    def amr(self) -> tuple[str, ...]:
        """All proved methods, in the names of `amr`."""
        return (PASSWORD_METHOD, *self.methods) if self.password_proved else self.methods

    @property
    def awaits_first_factor(self) -> bool:
        """Whether USER_AUTH has no proved first factor yet, so that replies must not reveal the user."""
        return self.flow == "USER_AUTH" and not self.amr

    def with_challenge_result(self, result: Mapping[str, Any]) -> Attempt:
        """Return the attempt with one more challenge in event.request.session."""
        return evolve(self, challenge_results=(*self.challenge_results, result))

    @property
    def existing_user(self) -> User:
        """The user, after a proof that only an existing user can give."""
        if self.user is None:
            raise error_templates.WRONG_PASSWORD.refusal()
        return self.user


@define(eq=False)
class PendingChallenge:
    """One challenge of an attempt, until it is answered."""

    attempt: Attempt
    challenge: str
    expected_answer: Any = field(repr=False)
    session: str = field(repr=False)
    expires: datetime
    other_key: str | None = field(default=None, repr=False)
    session_required: bool = False
    used: bool = False
    session_generation: int = 0


class Sessions(TrackedDicts):
    """The pending challenges, and for a while those that were answered or have expired."""

    _dicts = ("_pending", "_by_other_key")

    def __init__(self, clock: Clock, entropy: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._entropy = entropy
        self._pending: dict[str, PendingChallenge] = {}
        self._by_other_key: dict[str, PendingChallenge] = {}
        self.last_answered: PendingChallenge | None = None
        """The challenge that was answered last, for the check of the transition (`check_transition`)."""

    def __len__(self) -> int:
        return len(self._pending)

    def __iter__(self) -> Iterator[PendingChallenge]:
        return iter(self._pending.values())

    def __contains__(self, pending: PendingChallenge) -> bool:
        return pending.session in self._pending

    def is_pending(self, session: str) -> bool:
        """Return whether a session is pending."""
        return session in self._pending

    def restore(self, pending: PendingChallenge) -> None:
        """Put back a challenge; the oldest first."""
        self._pending[pending.session] = pending
        if pending.other_key is not None:
            self._by_other_key[pending.other_key] = pending

    def open(
        self,
        attempt: Attempt,
        challenge: str,
        expected_answer: Any,
        *,
        other_key: str | None = None,
        session_required: bool = False,
    ) -> PendingChallenge:
        """Return a new pending challenge, with a new session."""
        now = self._clock()
        self._remove_old(now)
        pending = PendingChallenge(
            attempt,
            challenge,
            expected_answer,
            urlsafe_b64encode(self._entropy(48)).decode(),
            now + timedelta(minutes=attempt.client.auth_session_validity),
            other_key,
            session_required,
            session_generation=attempt.user.session_generation if attempt.user is not None else 0,
        )
        self.restore(pending)
        return pending

    def reissue(self, pending: PendingChallenge, expected_answer: Any) -> PendingChallenge:
        """Return the same challenge with a new session; the old session is used up."""
        pending.used, self.last_answered = True, pending
        return self.open(pending.attempt, pending.challenge, expected_answer)

    def find(
        self, client: AppClient | None, session: str | None, other_key: str | None = None
    ) -> PendingChallenge:
        """Return the usable challenge of a session or, without one, of the second key; some requests name no client."""
        if session is not None:
            pending = self._pending.get(session)
        else:
            pending = self._by_other_key.get(other_key) if other_key is not None else None
            if pending is not None and pending.session_required:
                raise error_templates.MISSING_PARAMETER.refusal(name="Session")
        if pending is None or (client and pending.attempt.client.client_id != client.client_id):
            raise error_templates.SESSION_UNKNOWN.refusal()
        if pending.used:
            raise error_templates.SESSION_USED.refusal()
        if self._clock() >= pending.expires:
            raise error_templates.SESSION_EXPIRED.refusal()
        return pending

    def check_not_ended(self, pending: PendingChallenge) -> None:
        """Refuse a session that was issued before the user's sessions were ended; call it after the checks of the user."""
        user = pending.attempt.user
        if user is not None and user.session_generation != pending.session_generation:
            raise error_templates.SESSION_EXPIRED.refusal()

    @contextmanager
    def answering(self, pending: PendingChallenge) -> Iterator[None]:
        """Use up the session, unless the answer is refused in a way that the session survives."""
        self.last_answered = pending
        try:
            yield
        except PoolRefusal as refusal:
            # "Step-up authentication is all-or-nothing ... fails any challenge, the step-up attempt
            # fails entirely" -- developer guide, "Step-up authentication with the USER_AUTH flow"
            failed = bool(pending.attempt.target_level) and refusal.code in _PROOF_FAILED
            pending.used = failed or not refusal.survives
            raise
        pending.used = True

    def _remove_old(self, now: datetime) -> None:
        # In the order of issue, so that the oldest come first; their lifetimes differ by minutes only.
        while self._pending:
            session, pending = next(iter(self._pending.items()))
            over = pending.used or now >= pending.expires
            remembered = now - pending.expires < _REMEMBERED_FOR
            if remembered and not (over and len(self._pending) > _MAX_REMEMBERED):
                return
            del self._pending[session]
            key = pending.other_key
            if key is not None and self._by_other_key.get(key) is pending:
                del self._by_other_key[key]
