"""One moment of a sign-in on a tape, to be looked at later: the picture, and where it stood. No secrets.

It needs no widgets: GitHub, nbviewer and nbconvert show it as they show any picture.
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from authfsm.core.history import History
from authfsm.notebook.picture import drawn
from authfsm.notebook.recording import SignInRecording
from authfsm.notebook.wire import WireExchange
from authfsm.protocol.errors import AuthfsmError
from authfsm.protocol.states import State
from authfsm.settings import PoolSettings


@frozen
class Moment:
    """Where a sign-in stood. It shows itself as the picture of its path.

    Args:
        state: its state.
        history: the steps so far.
        exchanges: what the last step sent and heard, as it may be shown.
        error: how the last step was refused, if it was.
        username: who signs in.
        flow: the AuthFlow.
        settings: the pool's, if they are known.
    """

    state: State
    history: History = field(repr=False)
    exchanges: tuple[WireExchange, ...] = field(repr=False)
    error: AuthfsmError | None
    username: str
    flow: str
    settings: PoolSettings | None = field(default=None, repr=False)

    @classmethod
    def of(cls, tape: SignInRecording, settings: PoolSettings | None) -> Moment:
        """The present moment of a tape.

        Args:
            tape: the tape.
            settings: the pool's, if they are known.
        """
        last = tape.frames[-1] if tape.frames else None
        return cls(
            state=tape.flow.state,
            history=tape.flow.history,
            exchanges=last.exchanges if last else (),
            error=last.error if last else None,
            username=tape.username,
            flow=tape.auth_flow,
            settings=settings,
        )

    def __str__(self) -> str:
        steps = f"{len(self.history)} step{'' if len(self.history) == 1 else 's'}"
        stands = f"{self.username} by {self.flow}: {self.state} after {steps}."
        lines = [f"{stands} {self.state.meaning}"]
        if self.error is not None:
            lines.append(f"Refused: {self.error}")
        return "\n".join(lines)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """The picture, where an engine is, and where it stands in words."""
        svg = drawn(self.flow, self.history, self.settings)._repr_svg_()
        shown = {"text/plain": str(self)}
        return shown if svg is None else {"image/svg+xml": svg, **shown}
