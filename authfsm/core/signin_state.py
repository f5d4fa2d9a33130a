"""What a sign-in holds: its client, user, state, challenge, tokens and history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from authfsm.base.mixins import DisplayMixin
from authfsm.base.secret import Secret, secret
from authfsm.core.device import Device
from authfsm.core.history import History, Step
from authfsm.core.wire_requests import Sender
from authfsm.protocol.errors import InvalidOperation
from authfsm.protocol.replies import AnyChallenge, Refusal, Tokens
from authfsm.protocol.responses import Response
from authfsm.protocol.states import END_STATES, State
from authfsm.protocol.table import Role


class SignInState(Sender, DisplayMixin):
    """The state of a sign-in, which `SignIn` changes."""

    __slots__ = (
        "_admin",
        "_awaiting",
        "_state",
        "_steps",
        "challenge",
        "client_id",
        "client_secret",
        "device",
        "flow",
        "password_proved",
        "pool_id",
        "refusal",
        "role",
        "session_received_at",
        "srp_answered",
        "srp_due",
        "tokens",
        "username",
    )

    challenge: AnyChallenge | None
    """The current challenge, its parameters parsed."""
    session_received_at: datetime | None
    """When the newest Session came, if the driver gave the time."""
    tokens: Tokens | None
    """The tokens, once Cognito has issued them."""
    refusal: Refusal | None
    """The last reply, if it was a refusal."""
    role: Role | None
    """Which factor the current state asks for. For EMAIL_OTP this depends on the steps before."""
    flow: str | None
    """The AuthFlow that began this sign-in."""
    password_proved: bool
    """Whether a password has been proved in this sign-in."""
    srp_answered: tuple[str, ...]
    """Fingerprints of the SRP_As that a challenge has replied to, the latest last; none may be sent again."""
    srp_due: bool
    """Whether the current challenge asks for a proof, in reply to the latest SRP_A."""

    def __init__(
        self,
        client_id: str,
        *,
        pool_id: str | None = None,
        client_secret: str | Secret[str] | None = None,
        device: Device | None = None,
        admin: bool = False,
    ) -> None:
        client_secret = secret(client_secret)
        self.client_id = client_id
        self.pool_id = pool_id
        self.client_secret = client_secret or None
        self.device = device
        self._admin = admin
        self._state = State.START
        self._awaiting: Response | None = None
        self._steps: list[Step] = []
        self.username: str | None = None
        self.session_received_at = None
        self.challenge = None
        self.tokens = None
        self.refusal = None
        self.role = None
        self.flow = None
        self.password_proved = False
        self.srp_answered = ()
        self.srp_due = False

    def __repr__(self) -> str:
        user = f" {self.username}" if self.username else ""
        awaiting = f", awaiting the reply to {self.awaiting.__name__}" if self.awaiting else ""
        return (
            f"<{type(self).__name__}{user}: {self._state} after {len(self._steps)} steps{awaiting}>"
        )

    @property
    def state(self) -> State:
        """The current state."""
        return self._state

    @property
    def done(self) -> bool:
        """Whether the sign-in has ended, with tokens or in failure."""
        return self._state in END_STATES

    @property
    def history(self) -> History:
        """Every step so far."""
        return History(self._steps)

    @property
    def awaiting(self) -> type[Response] | None:
        """The class of the response that awaits its reply."""
        return None if self._awaiting is None else type(self._awaiting)

    @property
    def admin(self) -> bool:  # type: ignore[override]  # a plain attribute of Sender
        """Whether this sign-in uses the administrators' operations."""
        return self._admin or bool(self.flow and self.flow.startswith("ADMIN_"))

    @property
    def session(self) -> Secret[str] | None:  # type: ignore[override]  # a plain attribute of Sender
        """The newest Session, to be sent back unchanged."""
        return None if self.challenge is None else self.challenge.session

    @property
    def challenge_name(self) -> str | None:  # type: ignore[override]  # a plain attribute of Sender
        """The challenge's name, unchanged."""
        return None if self.challenge is None else self.challenge.name

    def resume(
        self, state: State, challenge: AnyChallenge | None, steps: Iterable[Step], *, admin: bool
    ) -> None:
        """Take over another sign-in's state; `authfsm.core.snapshot` then sets the other attributes.

        Raises:
            InvalidOperation: this sign-in has already begun.
        """
        if self._steps or self._awaiting is not None:
            raise InvalidOperation(
                "this sign-in has already begun: resume another one with a new SignIn",
                state=self._state,
            )
        self._state, self.challenge, self._steps = state, challenge, list(steps)
        self._admin = admin
