"""Puts messages into the outbox; checks the codes that confirm accounts, reset passwords and verify addresses.

With CustomEmailSender or CustomSMSSender, "Amazon Cognito invokes a Lambda function instead of its default
behavior" (developer guide). Inferred: CustomMessage is then not called. The outbox gets every message.

For the sign-up, for a forgotten password and for each attribute only the last code is valid. A code expires. It can
be used once, because the caller of `check_code` removes it. This module also applies Cognito's hourly quotas per user.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta
from typing import Any, Final

from attrs import field, frozen

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.lambda_functions import TriggerResponse
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.signin import triggers
from authfsm.local.signin.triggers import Metadata, Subject
from authfsm.local.state.codes import MEDIA, Message, Purpose, masked_address
from authfsm.local.state.core import Core, Request
from authfsm.local.state.users import User, VerificationCode

_CODE, _LINK, _USERNAME = "{####}", "{##Click Here##}", "{username}"


@frozen
class Delivery:
    """A code or a temporary password to send; `client` is None if an administrator made the request."""

    user: User
    to: str
    medium: str
    purpose: str
    code: Secret[str] = field(repr=False)
    client: AppClient | None
    metadata: Metadata = None

    def call(self, pool: Core, name: str, request: dict[str, Any], *members: str) -> TriggerResponse | None:
        """Call a Lambda function, if the pool has it, with the user's attributes and empty response members."""
        event = str(self.purpose) if isinstance(self.purpose, Purpose) else "Authentication"
        request |= triggers.user_members(None, self.user)
        subject = Subject(self.user.username, self.client, self.metadata)
        return triggers.call(pool, f"{name}_{event}", subject, request, dict.fromkeys(members))


def send(pool: Core, delivery: Delivery) -> None:
    """Put a message into the outbox, and call the pool's Lambda functions for it: a custom sender or CustomMessage."""
    subject = text = None
    sender = {"EMAIL": "Email", "SMS": "SMS"}[delivery.medium]
    plain = b64encode(delivery.code.reveal().encode()).decode()  # not encrypted: a local pool has no AWS KMS
    request = {"type": f"custom{sender}SenderRequestV1", "code": plain}
    if delivery.call(pool, f"Custom{sender}Sender", request) is None:
        subject, text = _custom_text(pool, delivery)
    to, medium, purpose, code = delivery.to, delivery.medium, delivery.purpose, delivery.code
    pool.outbox.put(Message(delivery.user.username, to, medium, purpose, code, pool.clock(), subject, text))


def _custom_text(pool: Core, delivery: Delivery) -> tuple[str | None, Secret[str] | None]:
    """Return the subject and the text from CustomMessage; None stands for Cognito's default."""
    is_invitation = delivery.purpose == Purpose.ADMIN_CREATE_USER
    name = _USERNAME if is_invitation else None
    request = {"codeParameter": _CODE, "linkParameter": _LINK, "usernameParameter": name}
    members = ("smsMessage", "emailMessage", "emailSubject")
    response = delivery.call(pool, "CustomMessage", request, *members)
    member = {"EMAIL": "emailMessage", "SMS": "smsMessage"}[delivery.medium]
    texts = {each: response.text(each) for each in members if response}
    if response is None or (text := texts[member]) is None:
        return None, None
    if _CODE not in text and _LINK not in text:
        # "Must include the codeParameter value that you received in the request." (developer guide)
        raise response.invalid(f"{member} does not contain {_CODE}")
    filled = text.replace(_CODE, delivery.code.reveal()).replace(_USERNAME, delivery.user.username)
    return texts["emailSubject"] if delivery.medium == "EMAIL" else None, Secret(filled)


SIGN_UP: Final = "sign-up"
RESET: Final = "reset"
_CODE_KEYS: Final = {Purpose.SIGN_UP: SIGN_UP, Purpose.RESEND_CODE: SIGN_UP, Purpose.FORGOT_PASSWORD: RESET}
"""The keys in `Account.codes` of the codes that do not verify an attribute."""

# "Sign-up confirmation code validity period: 24 hours. User attribute verification code validity period:
# 24 hours. Forgot password code validity period: 1 hour" -- developer guide, "Quotas in Amazon Cognito"
_CODE_LIFETIME: Final = timedelta(hours=24)

# "Maximum number of ... requests per user per hour" -- the same page. For the two operations of a forgotten
# password the page says "5-20", depending on a risk estimate that AWS does not document; this pool allows 20.
_MAX_CALLS_PER_HOUR: Final = {
    "ConfirmForgotPassword": 20,
    "ForgotPassword": 20,
    "ResendConfirmationCode": 5,
    "ConfirmSignUp": 15,
    "ChangePassword": 5,
    "GetUserAttributeVerificationCode": 5,
    "VerifyUserAttribute": 15,
}


def count_call(pool: Core, user: User | None, operation: str, submitted_name: str = "") -> None:
    """Count a call of an operation with an hourly quota; refuse a call above it. Unknown names have the same quotas."""
    if not pool.configuration.per_user_quotas:
        return
    account = user.account if user else pool.account_of_unknown_name(submitted_name)
    now, hour = pool.elapsed(), timedelta(hours=1)
    recent = [at for at in account.calls.get(operation, ()) if now - at < hour]
    # Inferred: a refused call does not count.
    if len(recent) >= _MAX_CALLS_PER_HOUR[operation]:
        raise error_templates.LIMIT_EXCEEDED.refusal()
    account.calls[operation] = (*recent, now)


def send_code(  # noqa: PLR0917 - the parts of one message
    pool: Core, user: User, purpose: Purpose, attribute: str, client: AppClient | None, request: Request,
    address: str | None = None,
) -> dict[str, str]:  # fmt: skip
    """Send a code to the user's attribute, or to a new `address` for it; return CodeDeliveryDetails."""
    address = address or user.attributes.get(attribute, "")
    code, code_key = pool.new_code(), _CODE_KEYS.get(purpose, attribute)
    expires = pool.elapsed() + (timedelta(hours=1) if code_key == RESET else _CODE_LIFETIME)
    user.account.codes[code_key] = VerificationCode(code, attribute, address, expires)
    details = _delivery_details(attribute, address)
    medium, metadata = details["DeliveryMedium"], request.get("ClientMetadata")
    send(pool, Delivery(user, address, medium, purpose, code, client, metadata))
    return details


def _delivery_details(attribute: str, address: str) -> dict[str, str]:
    medium = MEDIA[attribute]
    return {"Destination": masked_address(medium, address), "DeliveryMedium": medium, "AttributeName": attribute}


def check_code(pool: Core, user: User, code_key: str, code: str, *, hidden: bool = False) -> VerificationCode:
    """Return the sent code's record if `code` is correct; if `hidden`, refuse a wrong code as for an unknown user."""
    sent = user.account.codes.get(code_key)
    if sent is None and code_key == SIGN_UP and "code-123456" in pool.configuration.accept:
        sent = VerificationCode(pool.new_code(), "", "", pool.elapsed() + _CODE_LIFETIME)
    is_correct = sent is not None and pool.is_code(sent.code, code)
    if hidden and not is_correct:
        raise error_templates.VERIFICATION_CODE_MISMATCH.refusal()
    if sent is None or pool.elapsed() >= sent.expires:
        raise error_templates.VERIFICATION_CODE_EXPIRED.refusal()
    if not is_correct:
        raise error_templates.VERIFICATION_CODE_MISMATCH.refusal()
    return sent


def confirmation_attribute(pool: Core, user: User) -> str | None:
    """Return the attribute whose code confirms a sign-up: phone number, else e-mail (developer guide), else None."""
    verified = pool.configuration.auto_verified_attributes
    return next((n for n in ("phone_number", "email") if n in verified and user.attributes.get(n)), None)


def simulated_address(pool: Core, medium: str, submitted_name: str) -> str:
    """Return a simulated address for an unknown user: the name if it is an address, else one computed from the name."""
    random = pool.stable_bytes(medium, submitted_name)
    if medium == "SMS":
        number = f"+1555{int.from_bytes(random[:4], 'big') % 10**7:07d}"
        return submitted_name if submitted_name.startswith("+") else number
    letters = "@".join(chr(ord("a") + byte % 26) for byte in random[:2])
    return submitted_name if "@" in submitted_name else letters


def simulated_delivery(pool: Core, submitted_name: str) -> dict[str, Any]:
    """Return simulated CodeDeliveryDetails for an unknown user; a name always gets the same ones (developer guide)."""
    settings = pool.configuration
    # "determined by the input username format and verification settings of the user pool" (developer guide). If
    # the pool verifies no attribute, AccountRecoverySetting determines it (inferred).
    attributes = settings.auto_verified_attributes or settings.account_recovery[:1] or ("phone_number",)
    by_email = "@" in submitted_name or bool({"email", "verified_email"} & set(attributes))
    by_sms = submitted_name.startswith("+") or not by_email
    address = simulated_address(pool, "SMS" if by_sms else "EMAIL", submitted_name)
    return _delivery_details("phone_number" if by_sms else "email", address)
