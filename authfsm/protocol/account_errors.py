"""The error policy of the requests about accounts, where it differs from that of a sign-in, or the error is their own.

Rows have the form of `error_policy`, which has every other error. These requests have no session: TRY_AGAIN means the
same request with another value, START_AGAIN a new code or a new sign-in.
"""

from __future__ import annotations

from typing import Final

from authfsm.protocol.error_policy import ErrorRule, Fault, RecoveryAction

_R, _F = RecoveryAction, Fault
_TEXTS = "AWS API reference (the code); issues and clients' dictionaries (the message)"

# fmt: off
ACCOUNT_ERROR_POLICY: Final[dict[str, dict[str, ErrorRule]]] = {
    "ExpiredCodeException":           {"": ErrorRule(_R.START_AGAIN, _F.TIME, _TEXTS)},
    "TooManyFailedAttemptsException": {"": ErrorRule(_R.WAIT_OUT, _F.TIME)},
    "CodeDeliveryFailureException":   {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR, "AWS API reference: a code could not be sent; SignUp has created the account")},
    "UsernameExistsException":        {"": ErrorRule(_R.TRY_AGAIN, _F.USER, "AWS API reference, SignUp: another name")},
    "UserNotFoundException":          {"": ErrorRule(_R.TRY_AGAIN, _F.USER, "AWS API reference: PreventUserExistenceErrors is LEGACY")},
    "NotAuthorizedException": {
        "Incorrect username or password": ErrorRule(_R.TRY_AGAIN, _F.USER, "AWS API reference, ChangePassword: PreviousPassword is wrong"),
        "cannot be confirmed":            ErrorRule(_R.START_AGAIN, _F.USER, "amplify-js #6711: the account is confirmed already, or has another status"),
        "cannot be reset":                ErrorRule(_R.GIVE_UP, _F.OPERATOR, "amplify-js #1340, #2955: FORCE_CHANGE_PASSWORD; an administrator invites the user again (AdminCreateUser, RESEND)"),
        "not permitted":                  ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR, _TEXTS + ": only administrators create users"),
        "Auto verification not turned on": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR, "a trace"),
    },
    "InvalidParameterException": {
        "already confirmed":              ErrorRule(_R.START_AGAIN, _F.USER, _TEXTS),
        "no registered/verified":         ErrorRule(_R.GIVE_UP, _F.OPERATOR, "frsechet/cognito-user-pool #2: the user has no verified address"),
        "Username":                       ErrorRule(_R.TRY_AGAIN, _F.USER, _TEXTS),
        "did not conform":                ErrorRule(_R.TRY_AGAIN, _F.USER, _TEXTS),
    },
}
# fmt: on


def account_error_rule(code: str, message: str) -> ErrorRule | None:
    """Return what to do about an error of a request about an account; None if it is as in a sign-in."""
    own = ACCOUNT_ERROR_POLICY.get(code, {})
    found = [part for part in own if part.lower() in message.lower()]
    return own[max(found, key=len)] if found else None
