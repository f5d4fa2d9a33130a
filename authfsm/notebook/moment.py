"""A moment of a recorded sign-in, as a picture that needs no widgets, and its diagram inside the widget."""

from __future__ import annotations

from typing import Any

from attrs import evolve, field, frozen

from authfsm.core.history import History
from authfsm.diagrams import AUTO, Diagram, NoEngine, diagram
from authfsm.diagrams.page_svg import page_svg
from authfsm.notebook.recording import SignInRecording, WireExchange
from authfsm.notebook.value_repr import picture_bundle
from authfsm.protocol.errors import AuthfsmError
from authfsm.protocol.states import State
from authfsm.settings import PoolSettings


@frozen
class Moment:
    """The state of a sign-in at one moment; a notebook shows it as the diagram of its path.

    It contains no secrets, and GitHub, nbviewer and nbconvert show it as they show any picture. `state` and `history`
    are the sign-in's, `exchanges` the requests and replies of the last step with secrets masked, `error` its error if it
    was refused; `username`, `flow` (the AuthFlow), and `settings`, the pool's if they are known.
    """

    state: State
    history: History = field(repr=False)
    exchanges: tuple[WireExchange, ...] = field(repr=False)
    error: AuthfsmError | None
    username: str
    flow: str
    settings: PoolSettings | None = field(default=None, repr=False)

    @classmethod
    def of(cls, recording: SignInRecording, settings: PoolSettings | None) -> Moment:
        """Return the present moment of a recorded sign-in."""
        flow, last = recording.flow, recording.steps[-1] if recording.steps else None
        exchanges, error = (last.exchanges, last.error) if last else ((), None)
        name = flow.signin.flow or recording.auth_flow
        return cls(flow.state, flow.history, exchanges, error, recording.username, name, settings)

    def __str__(self) -> str:
        steps = f"{len(self.history)} step{'' if len(self.history) == 1 else 's'}"
        position = f"{self.username} by {self.flow}: {self.state} after {steps}."
        refusal = "" if self.error is None else f"\nRefused: {self.error}"
        return f"{position} {self.state.meaning}{refusal}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return picture_bundle(path_diagram(self.flow, self.history, self.settings), str(self))


def path_diagram(flow: str, history: History, settings: PoolSettings | None) -> Diagram:
    """Return the diagram of a flow with the path so far, without what the pool's settings rule out."""
    drawn = diagram(flow=flow, history=history, settings=settings, theme=AUTO)
    # The panels beside it say what may come next, so it needs no notes.
    return evolve(drawn, model=evolve(drawn.model, omitted=(), notes=()))


def widget_svg(drawn: Diagram) -> str | None:
    """Return a diagram as part of the widget; None where no layout engine is installed."""
    try:
        text, _ = page_svg(drawn)
    except NoEngine:
        return None
    # A page may have several steppers, but each id only once.
    return text.replace('id="picture" ', "", 1).replace('id="graph0" ', "", 1)
