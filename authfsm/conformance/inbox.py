"""Where the codes can be read that an endpoint would have sent: it says so itself, or whoever started it knows.

`outbox` asks the endpoint's own `/outbox`, as `authfsm serve` has one; `fixed:CODE` is for a server that was told
to send the same code always, as cognito-local is by its variable CODE.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from attrs import field, frozen

from authfsm.base.secret import Secret, WrapsSecrets, secret
from authfsm.conformance.verdicts import Skipped

if TYPE_CHECKING:
    from authfsm.conformance.conversation import Conversation


class Inbox(Protocol):
    """Where codes can be read."""

    def code_for(self, username: str, conversation: Conversation) -> Secret[str]:
        """The last code that was sent to somebody.

        Raises:
            Untried: there is none.
        """


@frozen
class OutboxInbox:
    """The endpoint's own `GET /outbox?username=`."""

    def code_for(self, username: str, conversation: Conversation) -> Secret[str]:
        """The last code."""
        with conversation.setup():
            heard = conversation.get(f"{conversation.url}/outbox?username={quote(username)}")
        messages = heard.body.get("messages")
        last = messages[-1] if isinstance(messages, list) and messages else {}
        code = last.get("code") if isinstance(last, Mapping) else None
        if not isinstance(code, str):
            raise Skipped("no code was sent")
        return Secret(code)


@frozen
class Fixed(WrapsSecrets):
    """The one code that is always sent.

    Args:
        code: it.
    """

    code: Secret[str] = field(converter=secret)

    def code_for(self, username: str, conversation: Conversation) -> Secret[str]:
        """The code."""
        del username, conversation
        return self.code


def inbox(named: str) -> Inbox:
    """The inbox that an option names.

    Raises:
        ValueError: it names none.
    """
    kind, _, what = named.partition(":")
    if named == "outbox":
        return OutboxInbox()
    if kind == "fixed" and what:
        return Fixed(what)
    raise ValueError("is neither outbox nor fixed:CODE")
