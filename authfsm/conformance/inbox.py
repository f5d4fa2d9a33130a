"""Where the codes can be read that an endpoint would have sent: it says so itself, or whoever runs it does.

`outbox` asks the endpoint's own `/outbox`, as `authfsm serve` has one; `console:FILE` reads the messages that
a server writes to its console, as cognito-local does ("Destination: ...", "Code: ..."), out of a file.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote

from attrs import field, frozen

from authfsm.conformance.verdicts import Untried
from authfsm.secret import Secret

if TYPE_CHECKING:
    from authfsm.conformance.conversation import Conversation

_PATIENCE: Final = 2.0
_CODE: Final = re.compile(r"Code:\s+(\d+)")
_ESCAPE: Final = re.compile(r"\x1b\[[0-9;]*m")


class Inbox(Protocol):
    """Where codes can be read."""

    def code_for(self, username: str, conversation: Conversation) -> Secret[str]:
        """The last code that was sent to somebody.

        Raises:
            Untried: there is none.
        """


@frozen
class Outbox:
    """The endpoint's own `GET /outbox?username=`."""

    def code_for(self, username: str, conversation: Conversation) -> Secret[str]:
        """The last code."""
        with conversation.to_furnish():
            heard = conversation.get(f"{conversation.url}/outbox?username={quote(username)}")
        messages = heard.body.get("messages")
        last = messages[-1] if isinstance(messages, list) and messages else {}
        code = last.get("code") if isinstance(last, Mapping) else None
        if not isinstance(code, str):
            raise Untried("no code was sent")
        return Secret(code)


@frozen
class Console:
    """What a server writes to its console, in a file.

    Args:
        file: the file.
        begun: how long it was before; what was written then is of other people, of the same names.
    """

    file: Path
    begun: int = field(init=False)

    @begun.default
    def _length(self) -> int:
        try:
            return self.file.stat().st_size
        except OSError:
            return 0

    def code_for(self, username: str, conversation: Conversation) -> Secret[str]:
        """The last code in a box that names the user or the address."""
        del conversation
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                new = self.file.read_bytes()[self.begun :].decode("utf-8", "replace")
            except OSError as error:
                why = f"{self.file.name} cannot be read: {error.strerror}"
                raise Untried(why) from None
            boxes = _ESCAPE.sub("", new).split("Delivery")
            boxes = [each for each in boxes if f"{username} " in each]
            if boxes and (found := _CODE.search(boxes[-1])):
                return Secret(found[1])
            if time.monotonic() > until:
                raise Untried("no code was sent")
            time.sleep(0.05)


def inbox(named: str) -> Inbox:
    """The inbox that an option names.

    Raises:
        ValueError: it names none.
    """
    kind, _, where = named.partition(":")
    if named == "outbox":
        return Outbox()
    if kind == "console" and where:
        return Console(Path(where))
    raise ValueError(f"{named!r} is no inbox: outbox, or console:FILE")
