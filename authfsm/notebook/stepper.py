"""`Stepper`: one sign-in on a page, that a person moves forward and back.

It is the tape, what is shown of it, and what the page's buttons do. Whatever goes wrong is said on the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authfsm.base.secret import Secret, secret
from authfsm.core.device import Device
from authfsm.core.history import History
from authfsm.drivers.boto import Cognito
from authfsm.local import LocalPool
from authfsm.notebook import panels
from authfsm.notebook.arithmetic import srp_values
from authfsm.notebook.debug_secrets import aside
from authfsm.notebook.forms import forms, response
from authfsm.notebook.moment import Moment
from authfsm.notebook.next_steps import settings_of
from authfsm.notebook.picture import place
from authfsm.notebook.recording import SignInRecording
from authfsm.notebook.view import StepperView
from authfsm.notebook.view_model import view_model
from authfsm.protocol.errors import AuthfsmError, InvalidOperation
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.settings import PoolSettings


class Stepper:
    """A sign-in to step through in Jupyter: the last expression of a cell, and it shows itself.

    On the page: the diagram with the path lit, buttons, a form for the present challenge, what goes over the
    wire, SRP's values, the history, and what may come next. From code: `step`, `run`, `back`, `restart` and
    `answer` do the same, with or without a page, and give the moment they led to, which is a picture.

    An embedded pool is stepped on forks of it, and stays as it was given.

    Args:
        source: an embedded pool, or the driver of a real one.
        username: who signs in.
        password: the password, where the flow wants one.
        flow: the AuthFlow.
        preferred_challenge: PREFERRED_CHALLENGE, for USER_AUTH.
        device: a remembered device.
        client_metadata: for the pool's Lambda triggers.
        settings: the pool's, for what may come next; an embedded pool is asked.

    Raises:
        BadField: the source is neither.
        ValueError: there is no such flow, or it lacks its password.
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
        self.tape = SignInRecording(
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
        self.widget = StepperView(view_model=view_model(self.tape, settings))
        self.widget.on_msg(self._asked)

    # ---- where it stands -----------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the sign-in stands."""
        return self.tape.flow.state

    @property
    def history(self) -> History:
        """Every step so far."""
        return self.tape.flow.history

    @property
    def moment(self) -> Moment:
        """The present moment, which is a picture."""
        return Moment.of(self.tape, self.settings)

    def __repr__(self) -> str:
        return f"<Stepper {self.moment}>"

    # ---- moving --------------------------------------------------------------------------------------

    def step(self) -> Moment:
        """Take the step that needs no person, or give what was offered. A refusal is no exception: the moment has it.

        Raises:
            InvalidOperation: a person is needed, or the sign-in has ended.
        """
        self.tape.step()
        return self._redrawn()

    def run(self) -> Moment:
        """Step on until a person is needed, a step is refused, or the sign-in has ended."""
        self.tape.run()
        return self._redrawn()

    def answer(self, response: Response) -> Moment:
        """Give what a person answers. A refusal is no exception: the moment has it.

        Args:
            response: the response.

        Raises:
            WrongResponse, BadField: this state does not take it; nothing changed.
        """
        self.tape.offer(response)
        return self.step()

    def back(self) -> Moment:
        """One step back.

        Raises:
            InvalidOperation: there is no way back; the message says why.
        """
        self.tape.back()
        return self._redrawn()

    def restart(self) -> Moment:
        """From the beginning."""
        self.tape.restart()
        return self._redrawn()

    def close(self) -> None:
        """Take it off every page; what it holds is let go."""
        self.widget.close()

    # ---- the page ------------------------------------------------------------------------------------

    def _redrawn(self) -> Moment:
        self.widget.view_model = view_model(self.tape, self.settings)
        return self.moment

    def _asked(self, _: StepperView, asked: Any, __: Any) -> None:
        """A message from the page: done, and said to be done, whatever happens."""
        told: dict[str, Any] = {"wrong": "interrupted"}
        try:
            told = self._done(asked)
        except AuthfsmError as error:
            told = {"wrong": str(error)}
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must say so: nobody reads a kernel's log
            told = {"wrong": f"{type(error).__name__}: {error}"}
        finally:  # an interrupted kernel, too, lets the page go on
            settled = asked.get("do") if isinstance(asked, dict) else None
            self.widget.tell(**told, settled=settled)

    def _done(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        match asked:
            case {"do": "step" | "run" | "back" | "restart" as move}:
                getattr(self, move)()
            case {"do": "give", "trigger": trigger, "values": dict(given)}:
                chosen = [each for each in forms(self.tape.flow) if each.trigger == trigger]
                if not chosen:
                    raise InvalidOperation(
                        f"{self.state} does not ask for {trigger}", state=self.state
                    )
                self.answer(response(self.tape.flow, chosen[0], given))
            case {"do": "aside"}:
                return {"aside": aside(self.tape, "authfsm").told()}
            case {"do": "srp"}:
                return {"srp": panels.srp(srp_values(self.tape.flow))}
            case {"do": "about", "place": int(number)} if (found := place(number)) is not None:
                return {"about": panels.about(found)}
            case _:
                raise InvalidOperation(
                    "the page asks for what the stepper does not do", state=self.state
                )
        return {}

    def _repr_mimebundle_(self, **_: Any) -> Any:
        """The widget; and, where no widget can be, the picture of the moment."""
        shown = self.widget._repr_mimebundle_()
        still = self.moment._repr_mimebundle_()
        if shown is None:
            return still
        live, metadata = shown
        return {**live, **still}, metadata
