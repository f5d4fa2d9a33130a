"""Pending challenges and their sessions, and the attempts (sign-ins) that they belong to.

A session is an opaque string that identifies a `PendingChallenge`: it belongs to one app client, user and challenge,
expires soon and is used once. Without a session, `other_key` (made from the secret block or the device) identifies the
challenge. An accepted answer uses up the session. So does a refusal whose `ErrorTemplate.survives` is false.
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

# Up to this number of used and expired sessions are remembered, because Cognito has its own errors for them.
_MAX_REMEMBERED: Final = 10_000


@frozen
class Attempt:
    """A sign-in attempt: what it has proved until now, which decides the next challenge.

    `user` is None for an unknown, simulated user. `challenge_results` is event.request.session of DefineAuthChallenge,
    `methods` is `amr` without the password, and `target_level` is 0 without a step-up.
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
        """All proved methods, with the names that the claim `amr` uses."""
        return (PASSWORD_METHOD, *self.methods) if self.password_proved else self.methods

    @property
    def awaits_first_factor(self) -> bool:
        """Whether this is USER_AUTH without a proved factor; replies must not reveal whether the user exists."""
        return self.flow == "USER_AUTH" and not self.amr

    def with_challenge_result(self, result: Mapping[str, Any]) -> Attempt:
        """Return the attempt with one more challenge in event.request.session."""
        return evolve(self, challenge_results=(*self.challenge_results, result))

    @property
    def existing_user(self) -> User:
        """The user; refuse an unknown user, who cannot have proved a factor, with the error for a wrong password."""
        if self.user is None:
            raise error_templates.WRONG_PASSWORD.refusal()
        return self.user


@define(eq=False)
class PendingChallenge:
    """A challenge that waits for its answer."""

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
    """The pending challenges. Those that were answered or have expired are kept until an hour after their expiry."""

    _dicts = ("_by_session", "_by_other_key")

    def __init__(self, clock: Clock, entropy: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._entropy = entropy
        self._by_session: dict[str, PendingChallenge] = {}
        self._by_other_key: dict[str, PendingChallenge] = {}
        self.last_answered: PendingChallenge | None = None
        """The challenge that was answered last. `operations.answer` checks its transition against the table."""

    def __contains__(self, pending: PendingChallenge) -> bool:
        return pending.session in self._by_session

    def has_session(self, session: str) -> bool:
        """Return whether this pool has issued a session, and still remembers it."""
        return session in self._by_session

    def restore(self, pending: PendingChallenge) -> None:
        """Put a challenge in. The oldest challenge must be put in first, because it is removed first."""
        self._by_session[pending.session] = pending
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
        """Return a new pending challenge with a new session."""
        now = self._clock()
        self._remove_old(now)
        session = urlsafe_b64encode(self._entropy(48)).decode()
        expires = now + timedelta(minutes=attempt.client.auth_session_validity)
        pending = PendingChallenge(attempt, challenge, expected_answer, session, expires, other_key, session_required)
        if attempt.user is not None:
            pending.session_generation = attempt.user.session_generation
        self.restore(pending)
        return pending

    def reissue(self, pending: PendingChallenge, expected_answer: Any) -> PendingChallenge:
        """Return the same challenge with a new session; the old session is used up."""
        pending.used, self.last_answered = True, pending
        return self.open(pending.attempt, pending.challenge, expected_answer)

    def find(self, client: AppClient | None, session: str | None, other_key: str | None = None) -> PendingChallenge:
        """Return the challenge of `session` or else `other_key`; refuse one that is over or of another `client`."""
        if session is not None:
            pending = self._by_session.get(session)
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
        """Refuse a session that a new password or AdminDisableUser has ended; check the user's status before this."""
        user = pending.attempt.user
        if user is not None and user.session_generation != pending.session_generation:
            raise error_templates.SESSION_EXPIRED.refusal()

    @contextmanager
    def answering(self, pending: PendingChallenge) -> Iterator[None]:
        """Mark the session as used when the block ends, unless it ends with a refusal that the session survives."""
        self.last_answered = pending
        try:
            yield
        except PoolRefusal as refusal:
            # "Step-up authentication is all-or-nothing ... fails any challenge, the step-up attempt
            # fails entirely" -- developer guide, "Step-up authentication with the USER_AUTH flow"
            proof_failed = refusal.code in {"CodeMismatchException", "ExpiredCodeException"}
            pending.used = not refusal.survives or (bool(pending.attempt.target_level) and proof_failed)
            raise
        pending.used = True

    def _remove_old(self, now: datetime) -> None:
        # The dictionary has the oldest challenges first, so the first one that must stay ends the loop.
        while self._by_session:
            session, pending = next(iter(self._by_session.items()))
            is_over = pending.used or now >= pending.expires
            is_recent = now - pending.expires < timedelta(hours=1)
            if is_recent and not (is_over and len(self._by_session) > _MAX_REMEMBERED):
                return
            del self._by_session[session]
            key = pending.other_key
            if key is not None and self._by_other_key.get(key) is pending:
                del self._by_other_key[key]
