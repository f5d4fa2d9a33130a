"""The other end of a stepper's comm, where a page would be: it hears what a kernel sends, and presses buttons.

It stands where Jupyter's own comm stands, below ipywidgets; nothing of authfsm is replaced.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import comm
from comm.base_comm import BaseComm

from authfsm.notebook import Stepper


class Wire(BaseComm):
    """A comm that keeps what goes over it."""

    opened: list[Wire] = []  # noqa: RUF012 - emptied by `wires`

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.state: list[str] = []
        self.told: list[dict[str, Any]] = []
        Wire.opened.append(self)
        super().__init__(*args, **kwargs)

    def publish_msg(
        self,
        msg_type: str,
        data: Any = None,
        metadata: Any = None,
        buffers: Any = None,
        **keys: Any,
    ) -> None:
        """What is state goes to one list, as the text that a notebook would save; what is told once to another."""
        del msg_type, metadata, buffers, keys
        if data and data.get("method") == "custom":
            self.told.append(data["content"])
        elif data:
            self.state.append(json.dumps(data, default=str))


@contextmanager
def wires() -> Iterator[None]:
    """While this lasts, widgets speak over wires that keep what they say."""
    before, comm.create_comm = comm.create_comm, Wire
    Wire.opened = []
    try:
        yield
    finally:
        comm.create_comm = before
        Wire.opened = []


class Page:
    """What a page shows of a stepper, and what it can do.

    Args:
        stepper: the stepper, made within `wires`.
    """

    def __init__(self, stepper: Stepper) -> None:
        self.stepper = stepper
        self.wire = next(each for each in Wire.opened if each.comm_id == stepper.widget.model_id)

    @property
    def scene(self) -> dict[str, Any]:
        """What is shown."""
        return dict(self.stepper.widget.scene)

    @property
    def forms(self) -> list[str]:
        """The forms there are, by their triggers."""
        return [each["trigger"] for each in self.scene["forms"]]

    @property
    def saved(self) -> str:
        """All that was ever state, as text: what a notebook may hold."""
        return "\n".join(self.wire.state)

    def says(self, message: Any) -> dict[str, Any]:
        """Send the kernel a message, as the page does, and hear what it is told.

        Args:
            message: the message.
        """
        self.wire.told.clear()
        data = {"method": "custom", "content": message}
        self.wire.handle_msg({"content": {"data": data}, "buffers": []})
        assert self.wire.told, "the page waits for ever"
        return self.wire.told[-1]

    def press(self, button: str) -> dict[str, Any]:
        """Press one of the buttons."""
        assert self.scene["buttons"][button]["on"], self.scene["buttons"][button]["why"]
        return self.says({"do": button})

    def give(self, trigger: str, **values: str) -> dict[str, Any]:
        """Fill in a form, and send it."""
        assert trigger in self.forms
        return self.says({"do": "give", "trigger": trigger, "values": values})

    def aside(self) -> Any:
        """What is told for one look."""
        return self.says({"do": "aside"})["aside"]
