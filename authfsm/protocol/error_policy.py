"""The error policy: what to do after each error of Cognito, and who is at fault.

The table has every error that the AWS API reference lists for the operations of a sign-in, by its code and, if one
code has several meanings, by a part of its message. `NotAuthorizedException`, for example, means a wrong password, a
lockout, an expired or used session, a disabled user or a wrong secret hash: only the message tells them apart. AWS
documents few of the messages; the others come from recorded replies and issues, and some are inferred.
Public, from `authfsm`: `RecoveryAction` and `Fault`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from attrs import frozen

from authfsm.base.mixins import DescribedName
from authfsm.protocol.auth_flows import ANSWER_OPERATIONS, BEGIN_OPERATIONS, SIGN_IN_OPERATIONS

T = TypeVar("T")


class Fault(DescribedName):
    """Who is at fault if Cognito refuses a request."""

    CALLER = "caller", "The program that makes the request."
    USER = "user", "The user who signs in."
    TIME = "time", "Nobody: too late, too soon, or too many requests."
    SERVICE = "service", "Cognito, a Lambda trigger or the network."
    OPERATOR = "operator", "Whoever configures the user pool, the app client or IAM."


class RecoveryAction(DescribedName):
    """What to do next after a refusal."""

    advice: str
    """A sentence that tells the program or the user what to do."""

    def __init__(self, _: str, advice: str) -> None:
        self.advice = self.meaning = advice

    # fmt: off
    # The session survives. The sign-in survives WAIT, and TRY_AGAIN and DROP_DEVICE if the row has a loop for them.
    TRY_AGAIN = "TRY_AGAIN", "Answer again: the session is still valid."
    DROP_DEVICE = "DROP_DEVICE", "Delete the stored device key, and send the same answer again without it."
    WAIT = "WAIT", "Wait, then send the same request again: it was probably not evaluated."

    # The session does not survive: the attempt is over.
    WAIT_OUT = "WAIT_OUT", "Too many attempts: wait (1 second to 15 minutes; for codes up to an hour), then start again."
    START_AGAIN = "START_AGAIN", "Start again from the beginning."
    RESET_PASSWORD = "RESET_PASSWORD", "Reset the password (ForgotPassword), then start again."
    CONFIRM_USER = "CONFIRM_USER", "Confirm the user (ConfirmSignUp), then start again."
    FIX_CONFIGURATION = "FIX_CONFIGURATION", "Fix the configuration of the user pool, the app client or the caller, then start again."
    GIVE_UP = "GIVE_UP", "Do not retry: only an administrator or a developer can resolve this error."
    # fmt: on

    @property
    def survives(self) -> bool:
        """Whether the session survives. The table decides whether the sign-in does (`transition_for_reply`)."""
        return self in {RecoveryAction.TRY_AGAIN, RecoveryAction.DROP_DEVICE, RecoveryAction.WAIT}


@frozen
class ErrorRule:
    """One row of the error policy."""

    action: RecoveryAction
    fault: Fault
    source: str = "AWS API reference"
    operation: str | None = None  # if given, the row is only for refusals of this operation

    @property
    def is_only_listed(self) -> bool:
        """Whether nothing is known about the error except that AWS lists it for an operation."""
        return self.source.startswith("AWS API reference") and {":", ";"}.isdisjoint(self.source)


_R, _F = RecoveryAction, Fault

# fmt: off
ERROR_POLICY: Final[dict[str, dict[str, ErrorRule]]] = {
    # error code: {part of the message: rule}. If several parts occur in a message (in any case), the longest decides.

    # ---- the user ------------------------------------------------------------------------------
    "NotAuthorizedException": {
        "Incorrect username or password":  ErrorRule(_R.START_AGAIN, _F.USER,     "measured: SRP starts over after a wrong proof"),
        "Password attempts exceeded":      ErrorRule(_R.WAIT_OUT,    _F.TIME,     "AWS developer guide (2^(n-5) seconds after n >= 5 failures); class and message from issues"),
        "session is expired":              ErrorRule(_R.START_AGAIN, _F.TIME,     "measured: AuthSessionValidity, 3 min by default"),
        "session can only be used once":   ErrorRule(_R.START_AGAIN, _F.CALLER,   "measured: a session was answered twice"),
        "Invalid session":                 ErrorRule(_R.START_AGAIN, _F.CALLER,   "issues: an older session, or a challenge that a Lambda function named"),
        "write unauthorized attribute":    ErrorRule(_R.FIX_CONFIGURATION,        _F.OPERATOR, "issues: not in the app client's WriteAttributes"),
        "User is disabled":                ErrorRule(_R.GIVE_UP,     _F.OPERATOR, "issues"),
        "Temporary password has expired":  ErrorRule(_R.GIVE_UP,     _F.OPERATOR, "amplify-js #1182: an administrator invites the user again (AdminCreateUser, RESEND) or sets a password (AdminSetUserPassword)"),
        "SECRET_HASH was not received":    ErrorRule(_R.FIX_CONFIGURATION,        _F.CALLER,   "issues: the app client has a secret"),
        "Unable to verify secret hash":    ErrorRule(_R.FIX_CONFIGURATION,        _F.CALLER,   "issues: SECRET_HASH and USERNAME of one request must agree"),
        "SecretHash does not match":       ErrorRule(_R.FIX_CONFIGURATION,        _F.CALLER,   "issues"),
        "Invalid Refresh Token":           ErrorRule(_R.START_AGAIN, _F.TIME,     "issues: also a missing DEVICE_KEY, or SECRET_HASH over an alias"),
        "Refresh Token has":               ErrorRule(_R.START_AGAIN, _F.TIME,     "issues: has expired, has been revoked"),
        "Access Token has":                ErrorRule(_R.START_AGAIN, _F.TIME,     "issues: has expired, has been revoked"),
        "Invalid Access Token":            ErrorRule(_R.START_AGAIN, _F.CALLER,   "issues"),
        "Invalid device key given":        ErrorRule(_R.GIVE_UP,     _F.CALLER,   "issues (amplify-js #2087, aws-aspnet-cognito-identity-provider #206): the MFA answer contained an alias"),
        "":                                ErrorRule(_R.START_AGAIN, _F.USER,     "AWS API reference; also if a Lambda function sets failAuthentication, without a fixed message"),
    },
    "CodeMismatchException": {
        # Cognito also replies so ("Invalid code or auth state for the user.") to every code in a built-in challenge
        # that a Lambda function named. The attempt then ends when the session expires.
        "":                                ErrorRule(_R.TRY_AGAIN,   _F.USER,     "measured for EMAIL_OTP: six wrong codes on one session; elsewhere from clients"),
    },
    "ExpiredCodeException": {
        "already been used":               ErrorRule(_R.TRY_AGAIN,   _F.USER,     "issues: a TOTP code works once; the next time step has another"),
        "":                                ErrorRule(_R.START_AGAIN, _F.TIME,     "inferred: a code lives as long as its session"),
    },
    "EnableSoftwareTokenMFAException": {"": ErrorRule(_R.TRY_AGAIN,   _F.USER,     "AWS API reference, VerifySoftwareToken: the code was wrong")},
    "InvalidPasswordException": {"": ErrorRule(_R.TRY_AGAIN,   _F.USER,     "inferred: the session survives")},
    "PasswordHistoryPolicyViolationException": {"": ErrorRule(_R.TRY_AGAIN,   _F.USER,     "inferred: the session survives")},
    "AliasExistsException": {"": ErrorRule(_R.TRY_AGAIN,   _F.USER,     "inferred: the user can give another address")},
    "UserNotFoundException": {
        "Exception migrating user":        ErrorRule(_R.START_AGAIN, _F.SERVICE,  "measured: UserMigration returned a user without the alias that signs in"),
        "User does not exist.":            ErrorRule(_R.START_AGAIN, _F.TIME,     "inferred: the user of the token was deleted", "GetTokensFromRefreshToken"),
        "":                                ErrorRule(_R.START_AGAIN, _F.USER,     "measured: PreventUserExistenceErrors is LEGACY"),
    },
    "UserNotConfirmedException": {"": ErrorRule(_R.CONFIRM_USER, _F.USER,    "measured: raised before the password is checked")},
    "PasswordResetRequiredException": {"": ErrorRule(_R.RESET_PASSWORD, _F.OPERATOR)},
    "UsernameExistsException": {"": ErrorRule(_R.GIVE_UP,     _F.SERVICE,  "AWS API reference, listed for ConfirmDevice")},

    # ---- the device ----------------------------------------------------------------------------
    "ResourceNotFoundException": {
        "Device does not exist":           ErrorRule(_R.DROP_DEVICE, _F.TIME,     "clients: the device was deleted at Cognito"),
        "":                                ErrorRule(_R.FIX_CONFIGURATION,        _F.OPERATOR, "AWS API reference: no such pool or app client"),
    },
    "DeviceKeyExistsException": {"": ErrorRule(_R.GIVE_UP,     _F.CALLER,   "AWS API reference: the device is already confirmed")},

    # ---- the request ---------------------------------------------------------------------------
    "InvalidParameterException": {
        "flow not enabled":                ErrorRule(_R.FIX_CONFIGURATION,        _F.OPERATOR, "issues: the flow is not in the app client's ExplicitAuthFlows"),
        "trigger is not configured":       ErrorRule(_R.FIX_CONFIGURATION,        _F.OPERATOR, "issues: CUSTOM_AUTH needs three Lambda functions"),
        "Invalid attributes given":        ErrorRule(_R.TRY_AGAIN,   _F.USER,     "issues (the message); inferred: the session survives"),
        "Invalid email address":           ErrorRule(_R.TRY_AGAIN,   _F.USER,     "inferred: the session survives"),
        "Invalid phone number":            ErrorRule(_R.TRY_AGAIN,   _F.USER,     "inferred (the message, too): the session survives"),
        # The only member of VerifySoftwareToken that a user fills in is UserCode.
        "failed to satisfy":               ErrorRule(_R.TRY_AGAIN,   _F.USER,     "asserted (amplify-swift), VerifySoftwareToken: a code that is not six digits; the right one is accepted next", "VerifySoftwareToken"),
        "Missing required parameter":      ErrorRule(_R.TRY_AGAIN,   _F.CALLER,   "issues: nothing was consumed"),
        "TIMESTAMP format":                ErrorRule(_R.START_AGAIN, _F.CALLER,   "measured"),
        "":                                ErrorRule(_R.GIVE_UP,     _F.CALLER),
    },
    "MFAMethodNotFoundException":          {"": ErrorRule(_R.GIVE_UP, _F.OPERATOR)},
    "SoftwareTokenMFANotFoundException":   {"": ErrorRule(_R.GIVE_UP, _F.OPERATOR)},
    "UnauthorizedException":               {"": ErrorRule(_R.GIVE_UP, _F.CALLER, "AWS API reference, RevokeToken")},
    "UnsupportedTokenTypeException":       {"": ErrorRule(_R.GIVE_UP, _F.CALLER, "AWS API reference, RevokeToken")},
    "RefreshTokenReuseException":          {"": ErrorRule(_R.START_AGAIN, _F.CALLER, "measured: a rotated token was used again; the newest one still works")},

    # ---- the configuration ---------------------------------------------------------------------
    "FeatureUnavailableInTierException":         {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR)},
    "InvalidEmailRoleAccessPolicyException":     {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR)},
    "InvalidSmsRoleAccessPolicyException":       {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR)},
    "InvalidSmsRoleTrustRelationshipException":  {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR)},
    "InvalidUserPoolConfigurationException":     {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR)},
    "OperationNotEnabledException":              {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR)},
    "UnsupportedOperationException":             {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR)},
    "ForbiddenException":                        {"": ErrorRule(_R.GIVE_UP, _F.OPERATOR, "AWS API reference: AWS WAF refused the request")},

    # ---- the triggers --------------------------------------------------------------------------
    "InvalidLambdaResponseException":      {"": ErrorRule(_R.START_AGAIN, _F.SERVICE, "issues: the attempt is over")},
    "UnexpectedLambdaException":           {"": ErrorRule(_R.START_AGAIN, _F.SERVICE, "issues: the attempt is over")},
    "UserLambdaValidationException": {
        "PreAuthentication failed":        ErrorRule(_R.START_AGAIN, _F.OPERATOR, "AWS developer guide: the function may deny the sign-in"),
        "PreTokenGeneration failed":       ErrorRule(_R.START_AGAIN, _F.OPERATOR, "inferred: the function denies the user tokens"),
        "":                                ErrorRule(_R.START_AGAIN, _F.SERVICE, "issues: '<Trigger> failed with error <text>.'; the attempt is over"),
    },

    # ---- transient failures --------------------------------------------------------------------
    "TooManyRequestsException":            {"": ErrorRule(_R.WAIT, _F.TIME,    "inferred: throttled before evaluation, nothing consumed")},
    "InternalErrorException":              {"": ErrorRule(_R.WAIT, _F.SERVICE, "inferred: nothing consumed")},
    "ConcurrentModificationException":     {"": ErrorRule(_R.WAIT, _F.SERVICE, "AWS API reference, AssociateSoftwareToken")},

    # ---- AWS's common errors, which any operation may return ----------------------------------------
    "AccessDeniedException":               {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR, "AWS common errors: the IAM identity may not call this (Admin*)")},
    "ExpiredTokenException":               {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR, "AWS common errors: the IAM credentials have expired")},
    "IncompleteSignature":                 {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR, "AWS common errors")},
    "InternalFailure":                     {"": ErrorRule(_R.WAIT, _F.SERVICE,  "AWS common errors")},
    "LimitExceededException": {
        "Exceeded daily email limit":      ErrorRule(_R.FIX_CONFIGURATION,     _F.OPERATOR, "issues: COGNITO_DEFAULT sends few e-mails a day; configuring Amazon SES raises the limit"),
        "":                                ErrorRule(_R.WAIT_OUT, _F.TIME,     "AWS common errors"),
    },
    "MissingAuthenticationTokenException": {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR, "issues: what AWS's JSON services send for MissingAuthenticationToken")},
    "MissingAuthenticationToken":          {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR, "AWS common errors: Admin* needs credentials")},
    "RequestExpired":                      {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR, "AWS common errors: this machine's clock is wrong")},
    "ServiceUnavailable":                  {"": ErrorRule(_R.WAIT, _F.SERVICE,  "AWS common errors")},
    "ThrottlingException":                 {"": ErrorRule(_R.WAIT, _F.TIME,     "AWS common errors")},
    "UnrecognizedClientException":         {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR, "AWS common errors: the IAM access key is not known")},
    "ValidationException":                 {"": ErrorRule(_R.GIVE_UP, _F.CALLER, "AWS common errors")},
}
# fmt: on

UNKNOWN_ERROR: Final = ErrorRule(
    _R.GIVE_UP, _F.SERVICE, "an error that the AWS API reference did not list when this was written"
)


def by_message(rows: Mapping[str, T], message: str) -> T | None:
    """Return the row with the longest key that is a part of the message; None if no key is."""
    parts = [part for part in rows if part.lower() in message.lower()]
    return rows[max(parts, key=len)] if parts else None


def error_rule(code: str, message: str = "", operation: str = "") -> ErrorRule:
    """Return the rule with the longest matching part of the message; `UNKNOWN_ERROR` for an unknown code.

    Without an operation, the rules for a single operation do not match.
    """
    rules = ERROR_POLICY.get(code, {})
    rules = {part: rule for part, rule in rules.items() if rule.operation in {None, operation}}
    return by_message(rules, message) or UNKNOWN_ERROR


# ---- which operations return an error -----------------------------------------------------------------

_AUTH: Final = BEGIN_OPERATIONS | ANSWER_OPERATIONS
_ASSOCIATE: Final = "AssociateSoftwareToken"
_VERIFY: Final = "VerifySoftwareToken"
_CONFIRM: Final = "ConfirmDevice"
_REFRESH: Final = "GetTokensFromRefreshToken"
_REVOKE: Final = "RevokeToken"
_OUT: Final = frozenset({_REVOKE, "GlobalSignOut"})

# fmt: off
LISTED_OPERATIONS: Final[dict[str, frozenset[str]]] = {
    "NotAuthorizedException":                  SIGN_IN_OPERATIONS - {_REVOKE},
    "CodeMismatchException":                   ANSWER_OPERATIONS | {_VERIFY},
    "ExpiredCodeException":                    ANSWER_OPERATIONS,
    "EnableSoftwareTokenMFAException":         frozenset({_VERIFY}),
    "InvalidPasswordException":                ANSWER_OPERATIONS | {_CONFIRM},
    "PasswordHistoryPolicyViolationException": ANSWER_OPERATIONS,
    "AliasExistsException":                    ANSWER_OPERATIONS,
    "UserNotFoundException":                   SIGN_IN_OPERATIONS - _OUT - {_ASSOCIATE},
    "UserNotConfirmedException":               SIGN_IN_OPERATIONS - {_ASSOCIATE, _REFRESH, _REVOKE},
    "PasswordResetRequiredException":          SIGN_IN_OPERATIONS - {_ASSOCIATE, _REFRESH, _REVOKE},
    "UsernameExistsException":                 frozenset({_CONFIRM}),
    "ResourceNotFoundException":               SIGN_IN_OPERATIONS - {_REVOKE},
    "DeviceKeyExistsException":                frozenset({_CONFIRM}),
    "InvalidParameterException":               SIGN_IN_OPERATIONS,
    "MFAMethodNotFoundException":              ANSWER_OPERATIONS | {"AdminInitiateAuth"},
    "SoftwareTokenMFANotFoundException":       ANSWER_OPERATIONS | {_ASSOCIATE, _VERIFY},
    "UnauthorizedException":                   frozenset({_REVOKE}),
    "UnsupportedTokenTypeException":           frozenset({_REVOKE}),
    "RefreshTokenReuseException":              frozenset({_REFRESH}),
    "FeatureUnavailableInTierException":       BEGIN_OPERATIONS,
    "InvalidEmailRoleAccessPolicyException":   _AUTH,
    "InvalidSmsRoleAccessPolicyException":     _AUTH,
    "InvalidSmsRoleTrustRelationshipException": _AUTH,
    "InvalidUserPoolConfigurationException":   SIGN_IN_OPERATIONS - _OUT - {_ASSOCIATE, _REFRESH},
    "OperationNotEnabledException":            SIGN_IN_OPERATIONS,
    "UnsupportedOperationException":           BEGIN_OPERATIONS | {_REVOKE},
    "ForbiddenException":                      SIGN_IN_OPERATIONS - {"AdminInitiateAuth", "AdminRespondToAuthChallenge"},
    "InvalidLambdaResponseException":          _AUTH | {_REFRESH, _CONFIRM},
    "UnexpectedLambdaException":               _AUTH | {_REFRESH},
    "UserLambdaValidationException":           _AUTH | {_REFRESH},
    "TooManyRequestsException":                SIGN_IN_OPERATIONS - {_ASSOCIATE},
    "InternalErrorException":                  SIGN_IN_OPERATIONS,
    "ConcurrentModificationException":         frozenset({_ASSOCIATE}),
}
"""For each error, the operations for which the AWS API reference lists it; any operation may return any other error."""
# fmt: on


# ---- the requests about accounts ----------------------------------------------------------------------

_TEXTS: Final = "AWS API reference (the code); issues and clients' dictionaries (the message)"

# fmt: off
ACCOUNT_ERROR_POLICY: Final[dict[str, dict[str, ErrorRule]]] = {
    "ExpiredCodeException":           {"": ErrorRule(_R.START_AGAIN, _F.TIME, _TEXTS)},
    "TooManyFailedAttemptsException": {"": ErrorRule(_R.WAIT_OUT, _F.TIME)},
    "CodeDeliveryFailureException":   {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR, "AWS API reference: a code could not be sent; SignUp has created the account")},
    "UsernameExistsException":        {"": ErrorRule(_R.TRY_AGAIN, _F.USER, "AWS API reference, SignUp: another name")},
    "UserLambdaValidationException":  {"PreSignUp failed": ErrorRule(_R.START_AGAIN, _F.OPERATOR, "AWS developer guide: the function may deny the sign-up")},
    "UserNotFoundException":          {"": ErrorRule(_R.TRY_AGAIN, _F.USER, "AWS API reference: PreventUserExistenceErrors is LEGACY")},
    "NotAuthorizedException": {
        "Incorrect username or password": ErrorRule(_R.TRY_AGAIN, _F.USER, "AWS API reference, ChangePassword: PreviousPassword is wrong"),
        "cannot be confirmed":            ErrorRule(_R.START_AGAIN, _F.USER, "amplify-js #6711: the account is confirmed already, or has another status"),
        "cannot be reset":                ErrorRule(_R.GIVE_UP, _F.OPERATOR, "amplify-js #1340, #2955: FORCE_CHANGE_PASSWORD; an administrator invites the user again (AdminCreateUser, RESEND)"),
        "not permitted":                  ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR, _TEXTS + ": only administrators create users"),
        "Auto verification not turned on": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR, "seen in a recorded reply"),
    },
    "WebAuthnNotEnabledException":           {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR)},
    "WebAuthnConfigurationMissingException": {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR)},
    "WebAuthnRelyingPartyMismatchException": {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR)},
    "WebAuthnOriginNotAllowedException":     {"": ErrorRule(_R.FIX_CONFIGURATION, _F.OPERATOR)},
    "WebAuthnChallengeNotFoundException":    {"": ErrorRule(_R.START_AGAIN, _F.TIME)},
    "WebAuthnClientMismatchException":       {"": ErrorRule(_R.START_AGAIN, _F.CALLER)},
    "WebAuthnCredentialNotSupportedException": {"": ErrorRule(_R.TRY_AGAIN, _F.USER)},
    "InvalidParameterException": {
        "already confirmed":              ErrorRule(_R.START_AGAIN, _F.USER, _TEXTS),
        "no registered/verified":         ErrorRule(_R.GIVE_UP, _F.OPERATOR, "frsechet/cognito-user-pool #2: the user has no verified address"),
        "Username":                       ErrorRule(_R.TRY_AGAIN, _F.USER, _TEXTS),
        "did not conform":                ErrorRule(_R.TRY_AGAIN, _F.USER, _TEXTS),
    },
}
# fmt: on
"""The rules of requests about accounts, for errors that a sign-in does not have or for which it has another rule.

These requests have no session, so two actions have other advice: see `ACCOUNT_ADVICE`.
"""

ACCOUNT_ADVICE: Final = {
    RecoveryAction.TRY_AGAIN: "Send the request again with another value.",
    RecoveryAction.START_AGAIN: "Start again: request a new code, or repeat the sign-up or sign-in.",
}
"""The advice for requests about accounts, in place of a `RecoveryAction.advice` that is about a session or sign-in."""


def account_error_rule(code: str, message: str, *, has_token: bool = False) -> ErrorRule | None:
    """Return the rule for an error of a request about an account; None if the rule for a sign-in applies.

    `has_token`: whether the request names the user by an access token.
    """
    if has_token and code == "UserNotFoundException":
        return ErrorRule(_R.START_AGAIN, _F.TIME, "measured: the user of the access token was deleted")
    return by_message(ACCOUNT_ERROR_POLICY.get(code, {}), message)


def administration_error_rule(code: str, message: str, operation: str) -> ErrorRule:
    """Return the rule for an error of an administrator's request: GIVE_UP replaces actions of a user or a sign-in."""
    rule = account_error_rule(code, message) or error_rule(code, message)
    if rule.action in {_R.WAIT, _R.WAIT_OUT, _R.FIX_CONFIGURATION, _R.GIVE_UP}:
        return rule
    fault = rule.fault if rule.fault in {_F.OPERATOR, _F.SERVICE} else _F.CALLER
    return ErrorRule(_R.GIVE_UP, fault, f"AWS API reference, {operation}")
