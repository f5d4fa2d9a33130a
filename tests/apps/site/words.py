"""The messages of errors for the user: `error.action` selects the message, and none contains a secret."""

from __future__ import annotations

from math import ceil
from typing import Final

from authfsm import (
    AuthfsmError,
    ConnectionLost,
    Fault,
    InvalidInput,
    NotSent,
    RecoveryAction,
    Refused,
)

EARLIER: Final = "That page was of an earlier step. This is where your sign-in stands."
EMPTY: Final = "Please fill in your user name and your password."
SIGNED_OUT: Final = "You have signed out."
NOT_ADDED: Final = "That passkey could not be added. Please try again."
ADDED: Final = "Your passkey was added. Next time you can sign in with it."

_REFUSALS: Final = {
    "CodeMismatchException": "That code is not right. Look again, and try once more.",
    "EnableSoftwareTokenMFAException": "That code is not right. Wait for the app's next one.",
    "ExpiredCodeException": "That code was used already. Wait for the next one.",
}


def said(error: AuthfsmError) -> str:  # noqa: C901, PLR0911 - one case an action
    """The message for a person: what happened, and what to do next."""
    match error.action, error.fault:
        case _ if isinstance(error, InvalidInput):
            return error.advice
        case _ if isinstance(error, NotSent):  # botocore knows what Cognito's fields can hold
            return "That cannot be right. Please check what you typed."
        case RecoveryAction.TRY_AGAIN, _ if isinstance(error, Refused):
            return _REFUSALS.get(error.refusal.code) or str(error.refusal.message)
        case RecoveryAction.WAIT, _ if isinstance(error, ConnectionLost):
            return "The connection was lost. Please try again."
        case RecoveryAction.WAIT, _:
            return f"We are very busy. Wait {ceil(error.retry_after or 1)} s, then try again."
        case RecoveryAction.WAIT_OUT, _:
            return f"Too many attempts. Wait {ceil(error.retry_after or 1)} s at least, then start again."
        case RecoveryAction.START_AGAIN, Fault.USER if isinstance(error, Refused):
            return "We could not sign you in with that. Please check it, and start again."
        case RecoveryAction.START_AGAIN, _:
            return "Your sign-in has ended: it took too long, or was answered already. Start again."
        case RecoveryAction.RESET_PASSWORD, _:
            return "Your password must be reset before you can sign in."
        case RecoveryAction.CONFIRM_USER, _:
            return "Your account is not confirmed yet: follow the message we sent you."
        case _:
            return "We cannot sign you in now. It is not your fault, and we have taken note."
