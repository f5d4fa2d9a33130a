"""The sentence that a user reads about an error, and its HTTP status, by recovery action and fault or by error code.

The sentences have no codes and no names of states or operations. The key of a translation is the English sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from authfsm.protocol.error_policy import Fault, RecoveryAction, by_message

DIGITS_ONLY: Final = "A code has only digits."
SIX_DIGITS: Final = "A code of the authenticator app is six digits."
EMAIL_EXAMPLE: Final = "An e-mail address looks like name@example.com."
WRONG_INPUT: Final = "That is not right. Check what you typed, and try again."
NOT_OFFERED: Final = "Choose one of the offered possibilities."
FIELD_SENTENCES: Final = (
    *("The {field} must not be empty.", "The {field} is too long."),
    "The {field} must be text that UTF-8 can encode.",
    "The {field} must be JSON.",
    "The {field} must be NAME=value, one on each line, each NAME once.",
)
"""The sentences about one field; `{field}` stands for its name, which is translated too."""

_WRONG_CODE: Final = "That code is not right. Check it, and try again."
_WRONG_LOGIN: Final = "The user name or the password is wrong."
_ENDED: Final = "This sign-in cannot be continued. Start again."
_SESSION_ENDED: Final = "Your session has ended. Sign in again."
_CONFIRMED: Final = "This account is confirmed already. Sign in."
_BUSY: Final = "The service does not respond at the moment. Wait a little, then try again."
_IMPOSSIBLE: Final = "Signing in is not possible at the moment. Contact the operator of this service."  # fmt: skip
OTHER_STEP: Final = 409, "This sign-in is at another step by now. Continue there."
NOT_SIGNED_IN: Final = 401, "You are not signed in. Sign in, then try again."
UNAVAILABLE: Final = 503, _BUSY

_A, _F = RecoveryAction, Fault
_BY_ACTION: Final[Mapping[tuple[RecoveryAction | None, Fault | None], tuple[int, str]]] = {
    # RFC 9110: 401 the user is not authenticated; 403 signing in again does not help; 409 the state of the sign-in
    # conflicts; 422 the input is wrong; 502 the service failed; 503 it fails at the moment. RFC 6585: 429 too many requests.
    (_A.TRY_AGAIN, None): (422, WRONG_INPUT),
    (_A.DROP_DEVICE, None): (409, "This device is no longer remembered. Try again."),
    (_A.WAIT, _F.TIME): (429, "There are too many requests at the moment. Wait a little, then try again."),
    (_A.WAIT, _F.CALLER): (409, "Your last answer is still being processed. Wait a little."),
    (_A.WAIT, None): UNAVAILABLE,
    (_A.WAIT_OUT, None): (429, "Too many attempts have failed. Wait up to 15 minutes, then start again."),
    (_A.START_AGAIN, _F.USER): (401, "The sign-in has failed. Start again."),
    (_A.START_AGAIN, _F.TIME): (401, "The sign-in has taken too long. Start again."),
    (_A.START_AGAIN, _F.CALLER): (401, _ENDED),
    (_A.START_AGAIN, _F.OPERATOR): (403, "The rules of this service do not allow this. Contact the operator of this service."),
    (_A.START_AGAIN, None): (502, _ENDED),
    (_A.RESET_PASSWORD, None): (403, "The password must be reset before you can sign in."),
    (_A.CONFIRM_USER, None): (403, "The account must be confirmed before you can sign in."),
    (_A.GIVE_UP, _F.OPERATOR): (403, _IMPOSSIBLE),
    (None, _F.USER): (401, "The sign-in has failed. Start again."),
    (None, _F.TIME): (401, "The sign-in has taken too long. Start again."),
    (None, _F.SERVICE): (502, _IMPOSSIBLE),
    (None, None): (500, _IMPOSSIBLE),
}  # fmt: skip
"""HTTP status and sentence. None as an action or a fault stands for all that have no row of their own."""

_BY_CODE: Final[Mapping[str, Mapping[str, str]]] = {
    # error code: {part of the message: sentence}; "" is for other messages, unless the service or operator is at fault
    "NotAuthorizedException": {
        "Incorrect username or password": _WRONG_LOGIN,
        "User is disabled": "This account is disabled. Contact the operator of this service.",
        "Temporary password has expired": "The temporary password has expired. Ask an administrator of this service for another one.",
        "Refresh Token": _SESSION_ENDED,
        "Access Token": _SESSION_ENDED,
        "cannot be confirmed": _CONFIRMED,
    },
    "UsernameExistsException": {"": "This user name is taken. Choose another one."},
    "RefreshTokenReuseException": {"": _SESSION_ENDED},
    "UserNotFoundException": {"": _WRONG_LOGIN},
    "LimitExceededException": {"": "There were too many attempts. Wait up to an hour, then try again."},
    "CodeMismatchException": {"": _WRONG_CODE},
    "EnableSoftwareTokenMFAException": {"": _WRONG_CODE},
    "ExpiredCodeException": {
        "already been used": "That code was used before. Wait for the next one, and try again.",
        "": "That code has expired. Start again to get a new one.",
    },
    "InvalidPasswordException": {
        "long enough": "The password is too short. Choose a longer one.",
        "uppercase": "The password needs an upper-case letter. Choose another one.",
        "lowercase": "The password needs a lower-case letter. Choose another one.",
        "numeric": "The password needs a digit. Choose another one.",
        "symbol": "The password needs a symbol. Choose another one.",
        "": "The password does not meet the requirements. Choose another one.",
    },
    "PasswordHistoryPolicyViolationException": {"": "This password was used before. Choose another one."},
    "AliasExistsException": {"": "This address belongs to another account. Enter another one."},
    "InvalidParameterException": {
        "Invalid email address": EMAIL_EXAMPLE,
        "already confirmed": _CONFIRMED,
        "Invalid phone number": "A phone number looks like +15551234567.",
    },
}

_ALL: Final = (
    *(sentence for _, sentence in (*_BY_ACTION.values(), OTHER_STEP, NOT_SIGNED_IN)),
    *(sentence for parts in _BY_CODE.values() for sentence in parts.values()),
    *(*FIELD_SENTENCES, DIGITS_ONLY, SIX_DIGITS, EMAIL_EXAMPLE, NOT_OFFERED),
)
ERROR_SENTENCES: Final = tuple(dict.fromkeys(_ALL))
"""Every sentence of `error.for_person`: the keys of a translation, which may also have the names of fields as keys."""


def status_and_sentence(action: RecoveryAction | None, fault: Fault) -> tuple[int, str]:
    """Return the HTTP status and the sentence of an error with this recovery action and fault."""
    keys = (action, fault), (action, None), (None, fault), (None, None)
    return next(_BY_ACTION[key] for key in keys if key in _BY_ACTION)


def sentence_of_code(code: str, message: str, fault: Fault, *, credentials: bool) -> str | None:
    """Return the sentence for an error code of Cognito; None if the sentence of the recovery action applies."""
    if (code, fault) == ("UserNotFoundException", Fault.TIME):  # the user of a token, who typed no name
        return _SESSION_ENDED
    allows_default = fault not in {Fault.SERVICE, Fault.OPERATOR}
    rows = {p: each for p, each in _BY_CODE.get(code, {}).items() if credentials or each != _WRONG_LOGIN}
    return by_message({p: each for p, each in rows.items() if p or allows_default}, message)
