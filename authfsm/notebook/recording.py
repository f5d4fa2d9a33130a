"""A sign-in on a tape: one step forward, on to where a person is needed, back, and again from its start.

No widgets here. On an embedded pool, going back is true: each step is taken on a fork of the pool as it was
before, so that what was undone there is undone. A real pool does not go back, and that is said. A tape has
an end: of a long one the last steps are kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from attrs import frozen

from authfsm.base.secret import Secret, secret
from authfsm.core.device import Device
from authfsm.core.sealing import new_key
from authfsm.drivers.boto import Cognito, Flow
from authfsm.local import LocalPool
from authfsm.notebook.wire import WireExchange, masked, record_exchanges, secrets_of
from authfsm.protocol.errors import AuthfsmError, BadField, InvalidOperation
from authfsm.protocol.responses import Response

_FOR_LONG: Final = timedelta(days=365)
MAX_STEPS: Final = 100
"""Steps that can be taken back, and pools that are held for it."""

_NO_WAY_BACK: Final = (
    "a real pool does not go back: what Cognito has heard it has heard; restart instead"
)
_NO_MORE: Final = f"the last {MAX_STEPS} steps can be taken back, and no more; restart instead"


@frozen
class RecordedStep:
    """Where the tape stood before a step, and what that step brought.

    Args:
        number: the step's, as in the history.
        sealed: the sign-in before the step.
        pool: a fork of the pool before the step; None for a real one.
        exchanges: what went over the wire.
        error: how the step was refused, if it was.
        hidden: the secrets that its request held: what its reply tells may be shown without them.
    """

    number: int
    sealed: str
    pool: LocalPool | None
    exchanges: tuple[WireExchange, ...] = ()
    error: AuthfsmError | None = None
    hidden: tuple[Secret[str], ...] = ()


class SignInRecording:
    """One sign-in, step by step.

    Args:
        source: an embedded pool, or the driver of a real one.
        username: who signs in.
        password: the password, where the flow wants one.
        flow: the AuthFlow.
        preferred_challenge: PREFERRED_CHALLENGE, for USER_AUTH.
        device: a remembered device.
        client_metadata: for the pool's Lambda triggers.

    Raises:
        BadField: the source is neither.
    """

    def __init__(
        self,
        source: LocalPool | Cognito,
        username: str,
        password: str | Secret[str] | None = None,
        *,
        flow: str = "USER_SRP_AUTH",
        preferred_challenge: str | None = None,
        device: Device | None = None,
        client_metadata: Mapping[str, str] | None = None,
    ) -> None:
        password = secret(password)
        self.username = username
        self.auth_flow = flow
        self.preferred_challenge = preferred_challenge
        self._password = None if password is None else secret(password)
        self._device = device
        self._client_metadata = client_metadata
        self._key = new_key()
        self._source = source
        self.pool: LocalPool | None = None
        self.frames: deque[RecordedStep] = deque(maxlen=MAX_STEPS)
        self._begin(source)

    def _begin(self, source: LocalPool | Cognito) -> None:
        if not isinstance(source, (LocalPool, Cognito)):
            raise BadField(
                type(self),
                "source",
                f"must be a LocalPool or a Cognito, not {type(source).__name__}",
            )
        if isinstance(source, LocalPool):
            # The first fork is the tape's own: the pool that was given stays as it is.
            self.pool = source.fork()
            self.cognito = self.pool.cognito(session_lifetime=_FOR_LONG)
        else:
            self.cognito = source
        self.flow: Flow = self.cognito.start(
            self._password, device=self._device, client_metadata=self._client_metadata, walk=False
        )
        self.frames.clear()
        self._pending: Response | None = None

    # ---- what comes next ---------------------------------------------------------------------------

    @property
    def pending(self) -> Response | None:
        """The response that `step` gives: what needs no person, or what was offered; None where one is needed."""
        if self._pending is None and not self.flow.done:
            self._pending = (
                self.flow.initial_response(self.auth_flow, self.username, self.preferred_challenge)
                if not self.flow.history
                else self.flow.next_response()
            )
        return self._pending

    def offer(self, response: Response) -> None:
        """Make ready what a person answers: `preview` shows it, `step` gives it.

        Raises:
            WrongResponse, BadField: this state does not take it; nothing changed.
        """
        self.request_of(response)
        self._pending = response

    @property
    def preview(self) -> WireExchange | None:
        """The request that `step` would send, as it may be shown."""
        return None if self.pending is None else self.request_of(self.pending)

    def request_of(self, response: Response) -> WireExchange:
        """The request that would carry a response, as it may be shown; nothing is sent.

        Raises:
            WrongResponse, BadField: this state does not take it.
        """
        request = self.flow.signin.send(response)
        self.flow.signin.send_failed()  # it was only to be looked at
        return WireExchange(request.operation, masked(request.parameters))

    def _hidden(self, response: Response) -> frozenset[str]:
        """The secrets of the request that carries it, in clear: what is heard is shown without them."""
        request = self.flow.signin.send(response)
        self.flow.signin.send_failed()
        return secrets_of(request.parameters)

    # ---- moving -------------------------------------------------------------------------------------

    def step(self) -> RecordedStep:
        """Give what is pending, and hear the reply.

        A refusal is no exception here: the frame has it.

        Raises:
            InvalidOperation: a person is needed, or the sign-in has ended.
        """
        given = self.pending
        if given is None:
            raise InvalidOperation(
                f"{self.flow.state} needs a person: offer a response", state=self.flow.state
            )
        number, sealed = len(self.flow.history) + 1, self.flow.seal(self._key)
        fork = None if self.pool is None else self.pool.fork()
        hidden = self._hidden(given)
        self._pending, refused = None, None
        with record_exchanges(self.cognito.client, hidden) as heard:
            try:
                self.flow.answer(given)
            except AuthfsmError as error:
                refused = _alone(error)
        kept = tuple(map(Secret, hidden))
        frame = RecordedStep(number, sealed, fork, tuple(heard), refused, kept)
        self.frames.append(frame)
        return frame

    def run(self) -> int:
        """Step on until a person is needed, a step is refused, or the sign-in has ended.

        Returns:
            How many steps that were.
        """
        taken = 0
        while self.pending is not None:
            taken += 1
            if self.step().error is not None:
                break
        return taken

    @property
    def no_way_back(self) -> str | None:
        """Why the tape does not go back; None where it does."""
        if self.pool is None:
            return _NO_WAY_BACK
        if self.frames:
            return None
        return _NO_MORE if self.flow.history else "this is the beginning"

    def back(self) -> None:
        """One step back, to the pool and the sign-in as they were.

        Raises:
            InvalidOperation: there is no way back; the message says why.
        """
        if (why := self.no_way_back) is not None:
            raise InvalidOperation(why, state=self.flow.state)
        frame = self.frames.pop()
        assert frame.pool is not None  # noqa: S101 - a tape with a way back has one in each frame
        self.pool = frame.pool
        self.cognito = self.pool.cognito(session_lifetime=_FOR_LONG)
        self.flow = self.cognito.resume(frame.sealed, self._key)
        self._pending = None

    def restart(self) -> None:
        """From the beginning: on the pool as it was given, or once more with a real one."""
        self._begin(self._source)


def _alone(error: AuthfsmError) -> AuthfsmError:
    """The error without the frames it came through, which hold clients and secrets: it is kept for long."""
    error.flow = error.__context__ = error.__cause__ = None
    return error.with_traceback(None)
