"""The page's end of a stepper's comm: it receives the messages of the kernel, and presses buttons.

It replaces Jupyter's own comm, below ipywidgets; nothing of authfsm is replaced.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import comm
from comm.base_comm import BaseComm

from authfsm.notebook import Stepper


class RecordingComm(BaseComm):
    """A comm that records its messages."""

    opened: list[RecordingComm] = []  # noqa: RUF012 - emptied by `recording_comms`

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.states: list[str] = []
        self.messages: list[dict[str, Any]] = []
        RecordingComm.opened.append(self)
        super().__init__(*args, **kwargs)

    def publish_msg(
        self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **keys: Any
    ) -> None:
        """Record a state as the text that a notebook would save, or a message."""
        del msg_type, metadata, buffers, keys
        if data and data.get("method") == "custom":
            self.messages.append(data["content"])
        elif data:
            self.states.append(json.dumps(data, default=str))


@contextmanager
def recording_comms() -> Iterator[None]:
    """While the context is open, widgets use comms that record."""
    before, comm.create_comm = comm.create_comm, RecordingComm
    RecordingComm.opened = []
    try:
        yield
    finally:
        comm.create_comm = before
        RecordingComm.opened = []


class Page:
    """A page's view of a stepper, and the messages that it can send.

    Args:
        stepper: the stepper, created within `recording_comms`.
    """

    def __init__(self, stepper: Stepper) -> None:
        self.stepper = stepper
        model_id = stepper.widget.model_id
        self.comm = next(each for each in RecordingComm.opened if each.comm_id == model_id)

    @property
    def view(self) -> dict[str, Any]:
        """The view model."""
        return dict(self.stepper.widget.view_model)

    @property
    def forms(self) -> list[str]:
        """The triggers of the forms."""
        return [each["response"] for each in self.view["forms"]]

    @property
    def saved(self) -> str:
        """Every state so far as text: a notebook may save it."""
        return "\n".join(self.comm.states)

    def send(self, message: Any) -> dict[str, Any]:
        """Send the kernel a message, as the page does, and return its reply.

        Args:
            message: the message.
        """
        self.comm.messages.clear()
        data = {"method": "custom", "content": message}
        self.comm.handle_msg({"content": {"data": data}, "buffers": []})
        assert self.comm.messages, "the page waits for ever"
        return self.comm.messages[-1]

    def press(self, button: str) -> dict[str, Any]:
        """Press one of the buttons."""
        assert self.view["buttons"][button]["enabled"], self.view["buttons"][button]["hint"]
        return self.send({"do": button})

    def submit(self, trigger: str, **values: str) -> dict[str, Any]:
        """Fill in a form, and send it."""
        assert trigger in self.forms
        return self.send({"do": "answer", "trigger": trigger, "values": values})

    def debug_secrets(self) -> Any:
        """Return the debug secrets."""
        return self.send({"do": "debug_secrets"})["debug_secrets"]
