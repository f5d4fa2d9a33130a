"""Sends messages into the outbox, with codes that confirm an account, reset a password or verify an address.

With CustomEmailSender or CustomSMSSender, "Amazon Cognito invokes a Lambda function instead of its default
behavior" (developer guide); that CustomMessage is then not called is inferred. The outbox has every message.

A code is checked against the one that was sent last for the same purpose. It expires, and the first right
answer uses it up. Cognito's hourly quotas per user are counted here too.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta
from typing import Any, Final

from attrs import field, frozen

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.signin import triggers
from authfsm.local.signin.triggers import Metadata, Subject, TriggerResponse
from authfsm.local.state.codes import Message, Purpose, masked_address
from authfsm.local.state.core import Core, Request
from authfsm.local.state.users import User, VerificationCode

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

    def call(self, pool: Core, name: str, request: dict[str, Any], *members: str) -> TriggerResponse | None:
        """Call a function, if the pool has it, with the user's attributes and these response members."""
        event = str(self.purpose) if isinstance(self.purpose, Purpose) else "Authentication"
        request |= triggers.user_facts(None, self.user)
        subject = Subject(self.user.username, self.client, self.metadata)
        return triggers.call(pool, f"{name}_{event}", subject, request, dict.fromkeys(members))


def send(pool: Core, delivery: Delivery) -> None:
    """Send a message into the outbox, and call the pool's functions for it; they get the code in base64."""
    subject = text = None
    kind = _SENDERS[delivery.medium]
    code = b64encode(delivery.code.reveal().encode()).decode()
    request = {"type": f"custom{kind}SenderRequestV1", "code": code}
    if delivery.call(pool, f"Custom{kind}Sender", request) is None:
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
    response = delivery.call(pool, "CustomMessage", request, *members)
    member = _TEXT_MEMBERS[delivery.medium]
    text = None if response is None else response.text(member)
    if response is None or text is None:
        return None, None
    if _CODE not in text and _LINK not in text:
        # "Must include the codeParameter value that you received in the request." (developer guide)
        raise response.invalid(f"{member} does not contain {_CODE}")
    filled = text.replace(_CODE, delivery.code.reveal()).replace(_USERNAME, delivery.user.username)
    return response.text("emailSubject") if delivery.medium == "EMAIL" else None, Secret(filled)


SIGN_UP: Final = "sign-up"
RESET: Final = "reset"
_CODE_KEYS: Final = {Purpose.SIGN_UP: SIGN_UP, Purpose.RESEND_CODE: SIGN_UP, Purpose.FORGOT_PASSWORD: RESET}
"""The keys of the codes that do not verify an attribute."""

# "Sign-up confirmation code validity period: 24 hours. User attribute verification code validity period:
# 24 hours. Forgot password code validity period: 1 hour" -- developer guide, "Quotas in Amazon Cognito"
_CODE_LIFETIME: Final = timedelta(hours=24)
_RESET_CODE_LIFETIME: Final = timedelta(hours=1)

# "Maximum number of ... requests per user per hour" -- the same page. For the two operations of a forgotten
# password it is "5-20", by a risk that Cognito estimates in a way that is not known: here it is 20.
_PER_HOUR: Final = {
    "ConfirmForgotPassword": 20,
    "ForgotPassword": 20,
    "ResendConfirmationCode": 5,
    "ConfirmSignUp": 15,
    "ChangePassword": 5,
    "GetUserAttributeVerificationCode": 5,
    "VerifyUserAttribute": 15,
}


def count_call(pool: Core, user: User | None, operation: str, submitted_name: str = "") -> None:
    """Count a call of an operation with an hourly quota, for a user or an unknown name alike, or refuse it."""
    if not pool.configuration.per_user_quotas:
        return
    account = user.account if user else pool.account_of_unknown_name(submitted_name)
    now, hour = pool.elapsed(), timedelta(hours=1)
    recent = [at for at in account.calls.get(operation, ()) if now - at < hour]
    # That a refused call does not count is inferred.
    if len(recent) >= _PER_HOUR[operation]:
        raise error_templates.LIMIT_EXCEEDED.refusal()
    account.calls[operation] = (*recent, now)


def send_code(  # noqa: PLR0917 - the parts of one message
    pool: Core,
    user: User,
    purpose: Purpose,
    attribute: str,
    client: AppClient | None,
    request: Request,
    address: str | None = None,
) -> dict[str, str]:
    """Send a code, perhaps to an address that is not the user's yet; return CodeDeliveryDetails."""
    address = address or user.attributes.get(attribute, "")
    code, code_key = pool.new_code(), _CODE_KEYS.get(purpose, attribute)
    expires = pool.elapsed() + (_RESET_CODE_LIFETIME if code_key == RESET else _CODE_LIFETIME)
    user.account.codes[code_key] = VerificationCode(code, attribute, address, expires)
    details = _delivery_details(attribute, address)
    medium, metadata = details["DeliveryMedium"], request.get("ClientMetadata")
    send(pool, Delivery(user, address, medium, purpose, code, client, metadata))
    return details


def _delivery_details(attribute: str, address: str) -> dict[str, str]:
    medium = "SMS" if attribute == "phone_number" else "EMAIL"
    return {
        "Destination": masked_address(medium, address),
        "DeliveryMedium": medium,
        "AttributeName": attribute,
    }


def check_code(pool: Core, user: User, code_key: str, code: str, *, hidden: bool = False) -> VerificationCode:
    """Return the code that was sent, if this is the right one; with `hidden`, wrong codes do not reveal the user."""
    sent = user.account.codes.get(code_key)
    if sent is None and code_key == SIGN_UP and "code-123456" in pool.configuration.accept:
        sent = VerificationCode(pool.new_code(), "", "", pool.elapsed() + _CODE_LIFETIME)
    right = sent is not None and pool.is_code(sent.code, code)
    if hidden and not right:
        raise error_templates.VERIFICATION_CODE_MISMATCH.refusal()
    if sent is None or pool.elapsed() >= sent.expires:
        raise error_templates.VERIFICATION_CODE_EXPIRED.refusal()
    if not right:
        raise error_templates.VERIFICATION_CODE_MISMATCH.refusal()
    return sent


def confirmation_attribute(pool: Core, user: User) -> str | None:
    """Return the attribute whose verification confirms a sign-up, the number first (developer guide); None if none."""
    required = pool.configuration.auto_verified_attributes
    names = (n for n in ("phone_number", "email") if n in required and user.attributes.get(n))
    return next(names, None)


def simulated_address(pool: Core, medium: str, submitted_name: str) -> str:
    """Return an unknown user's address, always the same for a name: the name itself if it is such an address."""
    random = pool.stable_bytes(medium, submitted_name)
    if medium == "SMS":
        number = f"+1555{int.from_bytes(random[:4], 'big') % 10**7:07d}"
        return submitted_name if submitted_name.startswith("+") else number
    letters = "@".join(chr(ord("a") + byte % 26) for byte in random[:2])
    return submitted_name if "@" in submitted_name else letters


def simulated_delivery(pool: Core, submitted_name: str) -> dict[str, Any]:
    """Return CodeDeliveryDetails for an unknown user, always the same for a name (developer guide)."""
    settings = pool.configuration
    # "determined by the input username format and verification settings of the user pool" (developer guide); by
    # recovery settings if nothing is verified (inferred).
    attributes = settings.auto_verified_attributes or settings.account_recovery[:1] or ("phone_number",)
    by_email = "@" in submitted_name or bool({"email", "verified_email"} & set(attributes))
    by_sms = submitted_name.startswith("+") or not by_email
    address = simulated_address(pool, "SMS" if by_sms else "EMAIL", submitted_name)
    return _delivery_details("phone_number" if by_sms else "email", address)
