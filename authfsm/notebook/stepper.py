"""`Stepper`: a sign-in in a notebook that the reader steps forward and back."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any, Final, NoReturn

import anywidget
import traitlets
from attrs import asdict
from IPython import display as ipython

from authfsm.base.secret import Secret, revealed, secret, wrap_text
from authfsm.core.device import Device
from authfsm.core.history import History
from authfsm.diagrams import DARK, LIGHT
from authfsm.diagrams.page_svg import css_variables
from authfsm.drivers.boto import Cognito
from authfsm.local import LocalPool, Outbox
from authfsm.notebook.answers import debug_secrets, known_answer, prompts_for, srp_values, take_action
from authfsm.notebook.recording import SignInRecording
from authfsm.notebook.view_model import Moment, settings_of, view_model
from authfsm.protocol.errors import AuthfsmError, BadField, InvalidInput, InvalidOperation
from authfsm.protocol.nodes import NODES
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.reference import about_state, as_dict
from authfsm.settings import PoolSettings

_publish: Any = ipython.publish_display_data  # IPython has no types
_FOLDER: Final = Path(__file__).parent
_COLOURS: Final = f".authfsm-stepper {{ {css_variables(LIGHT)} }}\n.authfsm-stepper.dark {{ {css_variables(DARK)} }}\n"


class StepperWidget(anywidget.AnyWidget):
    """The widget on the page. A notebook saves its view model, which has no secrets. It does not save its messages."""

    _esm = (_FOLDER / "stepper.js").read_text(encoding="utf-8")
    _css = _COLOURS + (_FOLDER / "stepper.css").read_text(encoding="utf-8")
    view_model = traitlets.Dict().tag(sync=True)


class Stepper:
    """A sign-in to step through in Jupyter; as the last expression of a cell it displays itself.

    The page has the diagram with the path so far, buttons, a form for the present challenge, requests and replies,
    SRP's values, the history, and the states that may come next. After the sign-in it offers requests with the tokens,
    a software passkey, and further sign-ins. "Play" takes steps without the reader. The methods `step`, `run`,
    `advance`, `back`, `restart`, `answer` and `act` do what the buttons do; each returns the `Moment` after it. A
    refusal by Cognito or a lost connection raises no exception: it is the `error` of the moment.

    The steps run on a fork of a local pool, so that the pool does not change; `outbox` has the fork's messages.

    Below the widget, the moment is displayed as a picture, which live pages hide and saved notebooks show. Steps update
    the picture only while the page on which the cell ran is open. After a reload, run the cell again.

    Args:
        source: a local pool, or `Cognito` for a real pool.
        username: the name or alias of the user who signs in.
        password: the password, if the flow needs one.
        flow: the AuthFlow.
        preferred_challenge: PREFERRED_CHALLENGE, for USER_AUTH.
        device: a remembered device.
        client_metadata: ClientMetadata, for the pool's Lambda functions.
        settings: the settings of a real pool, to show what may come next. Those of a local pool are known.

    Raises:
        TypeError: an argument has an unknown name; the message lists the names.
        BadField: an argument has an invalid value; the message says which values are valid.
        ValueError: the flow is unknown, needs a password or the pool's id, or takes no `preferred_challenge`.
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
        **unknown: NoReturn,
    ) -> None:
        password = secret(password)
        names = list(unknown)
        unknown.clear()  # a value may be the password, under a misspelt name
        if names:
            *allowed, _ = signature(type(self)).parameters
            raise TypeError(f"no argument is named {names[0]}; the arguments are {', '.join(allowed)}")
        for name, value, types, must in (
            ("source", source, LocalPool | Cognito, "a LocalPool, or for a real pool Cognito(client, client_id=..., pool_id=...)"),
            ("device", device, Device | None, "a Device, as flow.confirm_device() returns it"),
            ("settings", settings, PoolSettings | None, "PoolSettings, as PoolSettings.describe(...) returns them"),
        ):  # fmt: skip
            if not isinstance(value, types):
                raise BadField(type(self), name, f"must be {must}, not {type(value).__name__}")
        self.recording = SignInRecording(source, username, password, flow, preferred_challenge, device, client_metadata)
        if settings is None and isinstance(source, LocalPool):
            settings = settings_of(source)
        self.settings = settings
        try:
            self.widget = StepperWidget(view_model=view_model(self.recording, settings))
        except BadField as error:  # it names the class of the first response, which the caller does not know
            raise BadField(type(self), error.field, error.why) from None
        self.widget.on_msg(self._on_message)
        self._displayed = False

    @property
    def state(self) -> State:
        """The state of the sign-in now."""
        return self.recording.flow.state

    @property
    def history(self) -> History:
        """Every step of the present sign-in so far."""
        return self.recording.flow.history

    @property
    def moment(self) -> Moment:
        """The present moment, which a notebook shows as a picture."""
        return Moment.of(self.recording, self.settings)

    @property
    def outbox(self) -> Outbox:
        """The local pool's messages, also those before this sign-in; raise InvalidOperation at a real pool."""
        if self.recording.pool is None:
            why = "a real pool has no outbox: it sends its messages to the user; type the code that the user received"
            raise InvalidOperation(why, state=self.state)
        return self.recording.pool.outbox

    def __repr__(self) -> str:
        return f"<Stepper {getattr(self, 'moment', None)}>"

    def step(self) -> Moment:
        """Send the pending response; raise InvalidOperation if user input is required, or the sign-in has ended."""
        self.recording.step()
        return self._update()

    def run(self) -> Moment:
        """Step until user input is required, a step is refused, or the sign-in has ended."""
        self.recording.run()
        return self._update()

    def advance(self) -> Moment:
        """Take one step as "Play" does: if user input is required and the answer is known, send the answer.

        Raises:
            InvalidOperation: only the user knows the answer, or the sign-in has ended.
        """
        recording = self.recording
        if recording.pending is None:
            if (known := known_answer(recording)) is None:
                raise recording.no_step_error()
            prompt, arguments = known
            recording.offer(recording.flow.make_response(prompt.response, **arguments))
        return self.step()

    def act(self, action: str) -> Moment:
        """Do what one of the buttons after a sign-in does.

        Args:
            action: `refresh`, `refresh_token_auth`, `refresh_token`, `confirm_device`, `remember_device`,
                `forget_device`, `sign_out`, `sign_out_everywhere`, `register_passkey`, `step_up`, `passkey` (sign in
                with it) or `again` (sign in again).

        Raises:
            InvalidOperation: the action is not offered now; the message lists the offered actions.
        """
        take_action(self.recording, action)
        return self._update()

    def answer(self, response: Response) -> Moment:
        """Send the user's answer. If the state does not accept it, only raise WrongResponse or BadField."""
        response = wrap_text(response)
        self.recording.answer(response)
        return self._update()

    def back(self) -> Moment:
        """Take one step back, or raise InvalidOperation with the reason why that is impossible."""
        self.recording.back()
        return self._update()

    def restart(self) -> Moment:
        """Begin again."""
        self.recording.restart()
        return self._update()

    def close(self) -> None:
        """Remove the widget from every page, and free its resources."""
        self.widget.close()

    def _update(self) -> Moment:
        self.widget.view_model = view_model(self.recording, self.settings)
        if self._displayed:
            self._display_picture(update=True)
        return self.moment

    def _on_message(self, _: StepperWidget, message: Any, __: Any) -> None:
        """Do what the page requests, and reply in any case, even if the user interrupts the kernel."""
        reply: dict[str, Any] = {"error": "the kernel was interrupted: press the button again"}
        try:
            reply = self._do(message)
        except Exception as error:  # noqa: BLE001 - the page must show it, since nobody reads a kernel's log
            text = error.advice if isinstance(error, InvalidInput) else str(error)
            reply = {"error": text if isinstance(error, AuthfsmError) else f"{type(error).__name__}: {text}"}
        finally:
            done = message.get("do") if isinstance(message, dict) else None
            self.widget.send({**reply, "done": done})

    def _do(self, message: Mapping[str, Any]) -> dict[str, Any]:
        recording = self.recording
        prompts = {each.trigger: each for each in prompts_for(recording.flow)}
        match message:
            case {"do": "step" | "run" | "advance" | "back" | "restart" as move}:
                getattr(self, move)()
            case {"do": "act", "name": str(name)}:
                self.act(name)
            case {"do": "answer", "trigger": str(name), "values": dict(values)} if name in prompts:
                prompt = prompts[name]
                self.answer(recording.flow.make_response(prompt.response, **prompt.arguments(values)))
            case {"do": "debug_secrets"}:
                found = debug_secrets(recording)
                return {"debug_secrets": found and revealed(asdict(found, recurse=False))}
            case {"do": "srp"}:
                return {"srp": srp_values(recording.flow)}
            case {"do": "about", "node": int(number)} if 0 <= number < len(NODES):
                return {"about": as_dict(about_state(*NODES[number]))}
            case _:
                why = "the kernel does not know this button: reload the page, and run the cell again"
                raise InvalidOperation(why, state=self.state)
        return {}

    def _ipython_display_(self) -> None:
        """Display the widget, and below it the picture that saved notebooks show."""
        widget = self.widget._repr_mimebundle_()
        if widget is not None:
            bundle, metadata = widget
            about = f"{self.recording.username}: the buttons need a running notebook."
            _publish({**bundle, "text/plain": about}, metadata)
        self._display_picture(update=False)
        self._displayed = True

    def _display_picture(self, *, update: bool) -> None:
        """Display the moment as a picture. Its mark lets the style sheet of live pages hide it."""
        bundle = self._repr_mimebundle_()
        if (svg := bundle.get("image/svg+xml")) is not None:
            bundle["image/svg+xml"] = svg.replace("<svg ", '<svg data-authfsm="still" ', 1)
        _publish(bundle, transient={"display_id": f"{self.widget.model_id}-still"}, update=update)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Return the picture of the moment, for front ends that display a bundle and no widgets."""
        return self.moment._repr_mimebundle_()

    def _display_(self) -> StepperWidget:
        """Return the widget, which marimo displays."""
        return self.widget
