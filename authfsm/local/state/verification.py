"""Codes that belong to no sign-in: they confirm an account, bring it back, or verify an address.

A code is checked against the one that was sent last for the same thing; it dies with its life, and is spent
by the first right answer. How often a user may ask and answer is counted, for the hour behind.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.state.codes import Message, Purpose, codes_match, masked_address, new_code
from authfsm.local.state.core import Core
from authfsm.local.state.users import User, VerificationCode

SIGN_UP: Final = "sign-up"
RESET: Final = "reset"

# "Sign-up confirmation code validity period: 24 hours. User attribute verification code validity period:
# 24 hours. Forgot password code validity period: 1 hour" -- developer guide, "Quotas in Amazon Cognito"
_DAY: Final = timedelta(hours=24)
_HOUR: Final = timedelta(hours=1)

# "Maximum number of ... requests per user per hour" -- the same. For the two of a forgotten password it is
# "5-20", by the risk that Cognito sees; what it sees is not known, so that here there is none.
_PER_HOUR: Final = {
    "ConfirmForgotPassword": 20,
    "ForgotPassword": 20,
    "ResendConfirmationCode": 5,
    "ConfirmSignUp": 15,
    "ChangePassword": 5,
    "GetUserAttributeVerificationCode": 5,
    "VerifyUserAttribute": 15,
}


def count_call(pool: Core, user: User | None, operation: str, typed: str = "") -> None:
    """Count a call of an operation that a user may call only so often.

    Args:
        pool: the pool.
        user: the user; None for a name that nobody has, whose calls count alike.
        operation: as `ForgotPassword`.
        typed: that name.

    Raises:
        PoolRefusal: LimitExceededException.
    """
    if not pool.configuration.per_user_quotas:
        return
    now, account = (
        pool.elapsed(),
        pool.account_of_unknown_name(typed) if user is None else user.account,
    )
    lately = [at for at in account.calls.get(operation, ()) if now - at < _HOUR]
    # That a refused call does not count is inferred.
    if len(lately) >= _PER_HOUR[operation]:
        raise PoolRefusal(error_templates.LIMIT_EXCEEDED)
    account.calls[operation] = (*lately, now)


def send_code(
    pool: Core,
    user: User,
    purpose: Purpose,
    attribute: str,
    *,
    wanted_for: str,
    address: str | None = None,
) -> dict[str, str]:
    """Send a code.

    Args:
        pool: the pool.
        user: who gets it.
        purpose: what the message says it is for.
        attribute: `email` or `phone_number`.
        wanted_for: `SIGN_UP`, `RESET`, or the attribute to verify.
        address: another address than the user has.

    Returns:
        CodeDeliveryDetails.
    """
    address = address or user.attributes[attribute]
    code = new_code(pool.entropy)
    life = _HOUR if wanted_for == RESET else _DAY
    user.account.codes[wanted_for] = VerificationCode(
        code, attribute, address, pool.elapsed() + life
    )
    details = delivery_details(attribute, address)
    medium = details["DeliveryMedium"]
    pool.outbox.put(Message(user.username, address, medium, purpose, code, pool.clock()))
    return details


def delivery_details(attribute: str, address: str) -> dict[str, str]:
    """CodeDeliveryDetails of an address."""
    medium = "SMS" if attribute == "phone_number" else "EMAIL"
    return {
        "Destination": masked_address(medium, address),
        "DeliveryMedium": medium,
        "AttributeName": attribute,
    }


def check_code(
    pool: Core, user: User, wanted_for: str, code: str, *, hidden: bool = False
) -> VerificationCode:
    """Check a code; it is not spent yet.

    Args:
        pool: the pool.
        user: who was sent it.
        wanted_for: `SIGN_UP`, `RESET`, or the attribute to verify.
        code: the code that came back.
        hidden: whether only who has the right code may learn that there is such a user
            (PreventUserExistenceErrors=ENABLED): all others get CodeMismatchException, as for a user
            who is not there.

    Raises:
        PoolRefusal: CodeMismatchException; ExpiredCodeException also where none was sent, unless hidden.
    """
    pending = user.account.codes.get(wanted_for)
    right = pending is not None and codes_match(pending.code, code)
    if hidden and not right:
        raise PoolRefusal(error_templates.VERIFICATION_CODE_MISMATCH)
    if pending is None or pool.elapsed() >= pending.expires:
        raise PoolRefusal(error_templates.VERIFICATION_CODE_EXPIRED)
    if not right:
        raise PoolRefusal(error_templates.VERIFICATION_CODE_MISMATCH)
    return pending


def discard_code(user: User, wanted_for: str) -> None:
    """Forget a code."""
    user.account.codes.pop(wanted_for, None)


def mark_verified(pool: Core, user: User, pending: VerificationCode) -> None:
    """Take the address that a code went to for verified, if it is still the user's."""
    if user.attributes.get(pending.attribute) == pending.address:
        user.attributes[f"{pending.attribute}_verified"] = "true"
        pool.users.index(user)


def confirmation_attribute(pool: Core, user: User) -> str | None:
    """The attribute that a sign-up is confirmed by; None if there is none.

    "If your user pool requires verification of both, it sends a code to the phone number" (developer guide,
    "Verifying contact information at sign-up").
    """
    asked = pool.configuration.auto_verified_attributes
    ways = [n for n in ("phone_number", "email") if n in asked and user.attributes.get(n)]
    return ways[0] if ways else None


def simulated_delivery(pool: Core, typed: str) -> dict[str, Any]:
    """CodeDeliveryDetails of a user who is not there: the same at every asking.

    "The simulated delivery medium is determined by the input username format and verification settings of
    the user pool" -- developer guide, "Managing user existence error responses"
    """
    asked = pool.configuration.auto_verified_attributes
    number = typed.startswith("+") or ("email" not in asked and "phone_number" in asked)
    mark = pool.mark("delivery", typed)
    if "@" in typed or typed.startswith("+"):
        return delivery_details("phone_number" if number else "email", typed)
    if number:
        return delivery_details(
            "phone_number", f"+1555{int.from_bytes(mark[:4], 'big') % 10**7:07d}"
        )
    letters = [chr(ord("a") + byte % 26) for byte in mark[:2]]
    return delivery_details("email", f"{letters[0]}@{letters[1]}")
