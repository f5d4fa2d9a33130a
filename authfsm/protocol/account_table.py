"""The states of an account, and the operations that change them, as one table: `ACCOUNT_LIFE`.

States are Cognito's UserStatus values and NO_ACCOUNT; triggers are operations on an account. A refused operation
changes nothing and has no transition. The table leaves out operations that have nothing to do with the status: those
on attributes, devices, groups, factors and tokens, and AdminDisableUser and AdminEnableUser (they change `Enabled`).
`account_evidence.csv` has the sources of each transition, under the same status, operation and destination. Where
sources contradict each other, the table has the transitions of each source.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from authfsm.base.mixins import DescribedName
from authfsm.protocol import responses as r
from authfsm.protocol.auth_flows import ANSWER_OPERATIONS, BEGIN_OPERATIONS
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.responses import Response


class UserStatus(DescribedName):
    """The status of an account: Cognito's UserStatus (AWS API reference, UserType), or NO_ACCOUNT."""

    # fmt: off
    NO_ACCOUNT = "NO_ACCOUNT", "The pool has no user with this name. Cognito has no UserStatus for this."
    UNCONFIRMED = "UNCONFIRMED", "The user has signed up, and the account is not confirmed yet."
    CONFIRMED = "CONFIRMED", "The user is confirmed and can sign in."
    FORCE_CHANGE_PASSWORD = "FORCE_CHANGE_PASSWORD", "The user has a temporary password, and must replace it at the next sign-in."
    RESET_REQUIRED = "RESET_REQUIRED", "The user must set a new password, with a code, before signing in with a password."
    EXTERNAL_PROVIDER = "EXTERNAL_PROVIDER", "The user signed in with a third-party identity provider."
    ARCHIVED = "ARCHIVED", "No longer used by Cognito."
    COMPROMISED = "COMPROMISED", "No longer used by Cognito."
    UNKNOWN = "UNKNOWN", "No longer used by Cognito."
    # fmt: on


class Actor(DescribedName):
    """Who performs an operation on an account."""

    USER = "user", "The user, without a token."
    SIGNED_IN_USER = "signed-in user", "The user, with an access token."
    ADMINISTRATOR = "administrator", "A program with AWS credentials."
    SIGN_IN = "sign-in", "A step of a sign-in."


class AccountOperation(DescribedName):
    """An operation that changes the status of an account, or depends on it; `trigger` is its name in the machine."""

    actor: Actor
    """Who performs the operation."""
    page: str
    """The name of the AWS API reference's page about the operation: in most cases the operation's own name."""
    meaning: str
    """A sentence that says what the operation does."""

    def __init__(self, _: str, actor: Actor, page: str, meaning: str) -> None:
        self.actor, self.page, self.meaning = actor, page, meaning

    @property
    def trigger(self) -> str:
        """The name of the trigger in the machine, for example `confirm_sign_up`."""
        return self.name.lower()

    # fmt: off
    SIGN_UP = "SignUp", Actor.USER, "SignUp", "Creates an account, and sends a code to confirm it."
    CONFIRM_SIGN_UP = "ConfirmSignUp", Actor.USER, "ConfirmSignUp", "Confirms the account with the code."
    RESEND_CONFIRMATION_CODE = "ResendConfirmationCode", Actor.USER, "ResendConfirmationCode", "Sends another code to confirm the account."
    FORGOT_PASSWORD = "ForgotPassword", Actor.USER, "ForgotPassword", "Sends a code with which the user sets a new password."
    CONFIRM_FORGOT_PASSWORD = "ConfirmForgotPassword", Actor.USER, "ConfirmForgotPassword", "Sets a new password with the code."
    CHANGE_PASSWORD = "ChangePassword", Actor.SIGNED_IN_USER, "ChangePassword", "Replaces the password by another one."
    DELETE_USER = "DeleteUser", Actor.SIGNED_IN_USER, "DeleteUser", "Deletes the account."
    ADMIN_CREATE_USER = "AdminCreateUser", Actor.ADMINISTRATOR, "AdminCreateUser", "Creates an account and invites the user, or (RESEND) invites again."
    ADMIN_CONFIRM_SIGN_UP = "AdminConfirmSignUp", Actor.ADMINISTRATOR, "AdminConfirmSignUp", "Confirms the account without a code."
    ADMIN_SET_PERMANENT_PASSWORD = "AdminSetUserPassword Permanent", Actor.ADMINISTRATOR, "AdminSetUserPassword", "Sets a password with Permanent=true."
    ADMIN_SET_TEMPORARY_PASSWORD = "AdminSetUserPassword Temporary", Actor.ADMINISTRATOR, "AdminSetUserPassword", "Sets a password with Permanent=false."
    ADMIN_RESET_USER_PASSWORD = "AdminResetUserPassword", Actor.ADMINISTRATOR, "AdminResetUserPassword", "Invalidates the password, and sends a code with which the user sets a new one."
    ADMIN_DELETE_USER = "AdminDeleteUser", Actor.ADMINISTRATOR, "AdminDeleteUser", "Deletes the account."
    IMPORT_USER = "StartUserImportJob", Actor.ADMINISTRATOR, "StartUserImportJob", "Imports the account from a CSV file, without a password."
    MIGRATE_USER = "UserMigration", Actor.SIGN_IN, "InitiateAuth", "The UserMigration trigger imports the account at a sign-in with a password."
    NEW_PASSWORD = "sign-in with NEW_PASSWORD_REQUIRED", Actor.SIGN_IN, "RespondToAuthChallenge", "The user replaces the temporary password."
    FIRST_FACTOR_CODE = "sign-in with EMAIL_OTP or SMS_OTP", Actor.SIGN_IN, "RespondToAuthChallenge", "The user signs in with a code as the first factor."
    FIRST_FACTOR_PASSKEY = "sign-in with WEB_AUTHN", Actor.SIGN_IN, "RespondToAuthChallenge", "The user signs in with a passkey."
    FEDERATED_SIGN_IN = "federated sign-in", Actor.SIGN_IN, "CreateIdentityProvider", "The user signs in with a third-party identity provider."
    # fmt: on


U, O = UserStatus, AccountOperation  # noqa: E741 - as U, a short name for the table below

# fmt: off
_SET_PASSWORD: Final = {
    O.ADMIN_SET_PERMANENT_PASSWORD: {U.CONFIRMED}, O.ADMIN_SET_TEMPORARY_PASSWORD: {U.FORCE_CHANGE_PASSWORD},
}
_DELETE_BY_ADMIN: Final = {O.ADMIN_DELETE_USER: {U.NO_ACCOUNT}}
_DELETE: Final = {O.DELETE_USER: {U.NO_ACCOUNT}, **_DELETE_BY_ADMIN}

_LIFE: Final[Mapping[UserStatus, Mapping[AccountOperation, set[UserStatus]]]] = {
    # status: {operation: statuses to which it may lead}
    U.NO_ACCOUNT: {
        O.SIGN_UP:                   {U.UNCONFIRMED, U.CONFIRMED},
        O.ADMIN_CREATE_USER:         {U.FORCE_CHANGE_PASSWORD, U.CONFIRMED},
        O.IMPORT_USER:               {U.RESET_REQUIRED},
        O.MIGRATE_USER:              {U.CONFIRMED, U.RESET_REQUIRED},
        O.FORGOT_PASSWORD:           {U.RESET_REQUIRED},                  # by the UserMigration trigger
        O.FEDERATED_SIGN_IN:         {U.EXTERNAL_PROVIDER},
    },
    U.UNCONFIRMED: {
        O.CONFIRM_SIGN_UP:           {U.CONFIRMED},
        O.ADMIN_CONFIRM_SIGN_UP:     {U.CONFIRMED},
        O.RESEND_CONFIRMATION_CODE:  {U.UNCONFIRMED},
        O.FIRST_FACTOR_CODE:         {U.CONFIRMED},
        **_SET_PASSWORD, **_DELETE_BY_ADMIN,
    },
    U.CONFIRMED: {
        O.FORGOT_PASSWORD:           {U.CONFIRMED, U.RESET_REQUIRED},
        O.CONFIRM_FORGOT_PASSWORD:   {U.CONFIRMED},
        O.CHANGE_PASSWORD:           {U.CONFIRMED},
        O.ADMIN_RESET_USER_PASSWORD: {U.RESET_REQUIRED},
        **_SET_PASSWORD, **_DELETE,
    },
    U.FORCE_CHANGE_PASSWORD: {
        O.NEW_PASSWORD:              {U.CONFIRMED},
        O.ADMIN_CREATE_USER:         {U.FORCE_CHANGE_PASSWORD},           # MessageAction RESEND
        O.CHANGE_PASSWORD:           {U.CONFIRMED},                       # with a token issued before
        O.CONFIRM_FORGOT_PASSWORD:   {U.CONFIRMED},                       # with a code sent before
        **_SET_PASSWORD, **_DELETE,
    },
    U.RESET_REQUIRED: {
        O.FORGOT_PASSWORD:           {U.RESET_REQUIRED},
        O.CONFIRM_FORGOT_PASSWORD:   {U.CONFIRMED},
        O.ADMIN_RESET_USER_PASSWORD: {U.RESET_REQUIRED},
        O.FIRST_FACTOR_CODE:         {U.CONFIRMED},
        O.FIRST_FACTOR_PASSKEY:      {U.CONFIRMED},
        **_SET_PASSWORD, **_DELETE_BY_ADMIN,
    },
    U.EXTERNAL_PROVIDER: {
        O.FEDERATED_SIGN_IN:         {U.EXTERNAL_PROVIDER},
        **_SET_PASSWORD, **_DELETE,
    },
    U.ARCHIVED:    _DELETE_BY_ADMIN,
    U.COMPROMISED: _DELETE_BY_ADMIN,
    U.UNKNOWN:     _DELETE_BY_ADMIN,
}
# fmt: on

ACCOUNT_LIFE: Final[Mapping[UserStatus, Mapping[AccountOperation, frozenset[UserStatus]]]] = MappingProxyType(
    {status: MappingProxyType({op: frozenset(dests) for op, dests in row.items()}) for status, row in _LIFE.items()}
)
"""For each status its operations, and the statuses to which each of these may lead."""


class AccountTransition(NamedTuple):
    """One transition of an account's life: the status before, the operation and the status after."""

    source: UserStatus
    operation: AccountOperation
    dest: UserStatus


ACCOUNT_TRANSITIONS: Final = tuple(
    AccountTransition(status, operation, dest)
    for status, row in ACCOUNT_LIFE.items()
    for operation, dests in row.items()
    for dest in UserStatus
    if dest in dests
)
"""All transitions, in the table's order."""

UNUSED_STATUSES: Final = frozenset({U.ARCHIVED, U.COMPROMISED, U.UNKNOWN})
"""The statuses that "are no longer used" (AWS API reference, UserType): no operation leads to them."""

SIMULATED_OPERATIONS: Final = frozenset({O.FORGOT_PASSWORD, O.RESEND_CONFIRMATION_CODE})
"""The operations whose reply Cognito simulates if PreventUserExistenceErrors is ENABLED; they then change nothing.

Cognito simulates the reply for a user who does not exist, is disabled, or has no address for a code -- AWS developer
guide, "Managing user existence error responses".
"""

RECOVERIES: Final[Mapping[RecoveryAction, tuple[UserStatus, AccountOperation]]] = {
    RecoveryAction.RESET_PASSWORD: (U.RESET_REQUIRED, O.FORGOT_PASSWORD),
    RecoveryAction.CONFIRM_USER: (U.UNCONFIRMED, O.CONFIRM_SIGN_UP),
}
"""For a recovery action, the account's status that caused the refusal of a sign-in, and the operation to call first."""


_BY_NAME: Final = {each.value: each for each in AccountOperation}
_BY_RESPONSE: Final[Mapping[type[Response] | None, AccountOperation]] = {
    r.NewPassword: O.NEW_PASSWORD,
    r.Code: O.FIRST_FACTOR_CODE,
    r.Credential: O.FIRST_FACTOR_PASSKEY,
}


def account_operation(
    name: str, *, permanent: bool = False, response: type[Response] | None = None
) -> AccountOperation | None:
    """Return the operation of an API call, or None; a sign-in step that is no other operation is MIGRATE_USER."""
    if name == "AdminSetUserPassword":
        return O.ADMIN_SET_PERMANENT_PASSWORD if permanent else O.ADMIN_SET_TEMPORARY_PASSWORD
    if name in BEGIN_OPERATIONS | ANSWER_OPERATIONS:
        return _BY_RESPONSE.get(response, O.MIGRATE_USER)
    return _BY_NAME.get(name)
