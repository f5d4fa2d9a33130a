"""Sends messages: into the outbox only, in the words of CustomMessage, or through a custom sender function.

With CustomEmailSender or CustomSMSSender, "Amazon Cognito invokes a Lambda function instead of its default
behavior" (developer guide); that CustomMessage is then not called is inferred. The outbox has every message.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final

from attrs import field, frozen

from authfsm.base.secret import Secret
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.signin import triggers
from authfsm.local.signin.triggers import Metadata, Subject, TriggerResponse
from authfsm.local.state.codes import Message, Purpose
from authfsm.local.state.core import Core
from authfsm.local.state.users import User

_CODE, _LINK, _USERNAME = "{####}", "{##Click Here##}", "{username}"
_SENDERS: Final = {"EMAIL": "Email", "SMS": "SMS"}
_TEXT_MEMBERS: Final = {"EMAIL": "emailMessage", "SMS": "smsMessage"}


@frozen
class Delivery:
    """A code or a temporary password to send; the client is None for an administrator."""

    user: User
    to: str
    medium: str
    purpose: str
    code: Secret[str] = field(repr=False)
    client: AppClient | None
    metadata: Metadata = None

    def call(
        self, pool: Core, trigger: str, name: str, request: dict[str, Any], *members: str
    ) -> TriggerResponse | None:
        """Call a function, if the pool has it, with the user's attributes and these response members."""
        event = str(self.purpose) if isinstance(self.purpose, Purpose) else "Authentication"
        request |= triggers.user_facts(None, self.user)
        subject = Subject(self.user.username, self.client, self.metadata)
        blank = dict.fromkeys(members)
        return triggers.call(pool, trigger, f"{name}_{event}", subject, request, blank)


def send(pool: Core, delivery: Delivery) -> None:
    """Send a message into the outbox, and call the pool's functions for it; they get the code in base64."""
    subject = text = None
    kind = _SENDERS[delivery.medium]
    code = b64encode(delivery.code.reveal().encode()).decode()
    request = {"type": f"custom{kind}SenderRequestV1", "code": code}
    sender = f"custom_{kind.lower()}_sender"
    if delivery.call(pool, sender, f"Custom{kind}Sender", request) is None:
        subject, text = _custom_text(pool, delivery)
    d, username = delivery, delivery.user.username
    message = Message(username, d.to, d.medium, d.purpose, d.code, pool.clock(), subject, text)
    pool.outbox.put(message)


def _custom_text(pool: Core, delivery: Delivery) -> tuple[str | None, Secret[str] | None]:
    """Return the subject and text that CustomMessage gives a message; None for Cognito's own."""
    invites = delivery.purpose == Purpose.ADMIN_CREATE_USER
    request = {
        "codeParameter": _CODE,
        "linkParameter": _LINK,
        "usernameParameter": _USERNAME if invites else None,
    }
    members = ("smsMessage", "emailMessage", "emailSubject")
    response = delivery.call(pool, "custom_message", "CustomMessage", request, *members)
    member = _TEXT_MEMBERS[delivery.medium]
    text = None if response is None else response.text(member)
    if response is None or text is None:
        return None, None
    if _CODE not in text and _LINK not in text:
        # "Must include the codeParameter value that you received in the request." (developer guide)
        raise response.invalid(f"{member} does not contain {_CODE}")
    filled = text.replace(_CODE, delivery.code.reveal()).replace(_USERNAME, delivery.user.username)
    return response.text("emailSubject") if delivery.medium == "EMAIL" else None, Secret(filled)
