"""`Stepper`: one sign-in on a page of a notebook, which a person steps forward and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from authfsm.base.secret import Secret, secret
from authfsm.core.device import Device
from authfsm.core.history import History
from authfsm.diagrams import DARK, LIGHT
from authfsm.diagrams.page_svg import css_variables
from authfsm.drivers.boto import Cognito
from authfsm.local import LocalPool
from authfsm.notebook.debug_secrets import debug_secrets, srp_values
from authfsm.notebook.moment import Moment
from authfsm.notebook.recording import SignInRecording
from authfsm.notebook.view_model import about_panel, prompts_for, settings_of, srp_panel, view_model
from authfsm.protocol.errors import AuthfsmError, InvalidOperation
from authfsm.protocol.nodes import NODES
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.settings import PoolSettings

_FOLDER: Final = Path(__file__).parent
_COLOURS: Final = (
    f".authfsm-stepper {{ {css_variables(LIGHT)} }}\n.authfsm-stepper.dark {{ {css_variables(DARK)} }}\n"
)


class StepperWidget(anywidget.AnyWidget):
    """The widget on the page.

    A notebook saves its view model, which contains no secrets. User input and secrets that the page shows on
    request are messages, which are not saved.
    """

    _esm = (_FOLDER / "stepper.js").read_text(encoding="utf-8")
    _css = _COLOURS + (_FOLDER / "stepper.css").read_text(encoding="utf-8")
    view_model = traitlets.Dict().tag(sync=True)


class Stepper:
    """A sign-in to step through in Jupyter; as the last expression of a cell it displays itself.

    The page has the diagram with the path so far, buttons, a form for the present challenge, requests and
    replies, SRP's values, the history, and what may come next. `step`, `run`, `back`, `restart` and `answer`
    do the same from code, and return the `Moment` they led to.

    A local pool is stepped on forks of it, and does not change.

    Args:
        source: a local pool, or the driver of a real one.
        username: who signs in.
        password: the password, if the flow needs one.
        flow: the AuthFlow.
        preferred_challenge: PREFERRED_CHALLENGE, for USER_AUTH.
        device: a remembered device.
        client_metadata: for the pool's Lambda triggers.
        settings: the pool's settings, for what may come next; those of a local pool are known.

    Raises:
        BadField: the source is neither.
        ValueError: there is no such flow, or it needs a password.
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
        settings: PoolSettings | None = None,
    ) -> None:
        password = secret(password)
        self.recording = SignInRecording(
            source,
            username,
            password,
            flow=flow,
            preferred_challenge=preferred_challenge,
            device=device,
            client_metadata=client_metadata,
        )
        if settings is None and isinstance(source, LocalPool):
            settings = settings_of(source)
        self.settings = settings
        self.widget = StepperWidget(view_model=view_model(self.recording, settings))
        self.widget.on_msg(self._on_message)

    @property
    def state(self) -> State:
        """The present state."""
        return self.recording.flow.state

    @property
    def history(self) -> History:
        """Every step so far."""
        return self.recording.flow.history

    @property
    def moment(self) -> Moment:
        """The present moment, which is a picture."""
        return Moment.of(self.recording, self.settings)

    def __repr__(self) -> str:
        return f"<Stepper {self.moment}>"

    def step(self) -> Moment:
        """Send the automatic or offered response. A refusal raises nothing: the moment has its error.

        Raises:
            InvalidOperation: user input is required, or the sign-in has ended.
        """
        self.recording.step()
        return self._update()

    def run(self) -> Moment:
        """Step until user input is required, a step is refused, or the sign-in has ended."""
        self.recording.run()
        return self._update()

    def answer(self, response: Response) -> Moment:
        """Send a person's answer. A refusal raises nothing: the moment has its error.

        Args:
            response: the answer.

        Raises:
            WrongResponse, BadField: this state does not accept it; nothing changed.
        """
        self.recording.offer(response)
        return self.step()

    def back(self) -> Moment:
        """Take one step back.

        Raises:
            InvalidOperation: that is impossible; the message says why.
        """
        self.recording.back()
        return self._update()

    def restart(self) -> Moment:
        """Begin again."""
        self.recording.restart()
        return self._update()

    def close(self) -> None:
        """Remove it from every page, and free what it holds."""
        self.widget.close()

    def _update(self) -> Moment:
        self.widget.view_model = view_model(self.recording, self.settings)
        return self.moment

    def _on_message(self, _: StepperWidget, message: Any, __: Any) -> None:
        """Do what the page asks, and reply whatever happens: also after an interrupt of the kernel."""
        reply: dict[str, Any] = {"error": "interrupted"}
        try:
            reply = self._do(message)
        except AuthfsmError as error:
            reply = {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - the page must say it, since nobody reads a kernel's log
            reply = {"error": f"{type(error).__name__}: {error}"}
        finally:
            done = message.get("do") if isinstance(message, dict) else None
            self.widget.send({**reply, "done": done})

    def _do(self, message: Mapping[str, Any]) -> dict[str, Any]:
        recording = self.recording
        match message:
            case {"do": "step" | "run" | "back" | "restart" as move}:
                getattr(self, move)()
            case {"do": "answer", "trigger": trigger, "values": dict(values)}:
                for prompt in prompts_for(recording.flow):
                    if prompt.trigger == trigger:
                        arguments = prompt.arguments(values)
                        self.answer(recording.flow.make_response(prompt.response, **arguments))
                        break
                else:
                    raise InvalidOperation(f"{self.state} has no form for {trigger}", state=self.state)
            case {"do": "debug_secrets"}:
                found = debug_secrets(recording)
                return {"debug_secrets": found and found.reveal()}
            case {"do": "srp"}:
                return {"srp": srp_panel(srp_values(recording.flow))}
            case {"do": "about", "node": int(number)} if 0 <= number < len(NODES):
                return {"about": about_panel(NODES[number])}
            case _:
                raise InvalidOperation("the stepper does not know this message of its page", state=self.state)
        return {}

    def _repr_mimebundle_(self, **_: Any) -> Any:
        """Return the widget, and the picture of the moment for front ends without widgets."""
        widget = self.widget._repr_mimebundle_()
        picture = self.moment._repr_mimebundle_()
        if widget is None:
            return picture
        bundle, metadata = widget
        return {**bundle, **picture}, metadata
