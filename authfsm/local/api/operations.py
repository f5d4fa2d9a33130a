"""The operations that the pool serves, and the check of each reply against the protocol's tables.

`read_members` finds the operation and checks the request's members. `answer` calls the operation's function, and
checks the reply and the status of the user against the tables. The pool's own code decides replies and statuses
without the tables, so a transition that a table lacks reveals a bug in the pool or in the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from attrs import frozen

from authfsm.local.accounts import admin, enrolment, initiate_auth, records, self_service, sign_up
from authfsm.local.api import pool_operations
from authfsm.local.config import error_templates, request_members
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import answers, devices
from authfsm.local.state.core import Core, OperationFunction, Reply, Request
from authfsm.local.state.users import User
from authfsm.protocol import account_table as a
from authfsm.protocol import responses as r
from authfsm.protocol.api_requests import AFTER_SIGN_IN_RESPONSES, classify
from authfsm.protocol.states import State, state_of_challenge_name
from authfsm.protocol.table import TRANSITION_SET, Transition, transition_between


@frozen
class Operation:
    """The function that answers an operation. A `public` operation needs no AWS credentials (`smithy.api#noAuth`)."""

    function: OperationFunction
    public: bool = False


_UserFunction = Callable[[Core, User, Request], Reply | None]


def _by_token(function: _UserFunction) -> OperationFunction:
    """Return an operation that calls the function with the user of the request's AccessToken."""
    return lambda pool, request: function(pool, pool.user_of_token(request), request)


def _by_name(function: _UserFunction) -> OperationFunction:
    """Return an operation that calls the function with the user of the request's Username."""
    return lambda pool, request: function(pool, pool.user_of(request), request)


# fmt: off
OPERATIONS: Final[dict[str, Operation]] = {
    # Sign-in.
    "InitiateAuth":                Operation(initiate_auth.initiate_auth, public=True),
    "AdminInitiateAuth":           Operation(initiate_auth.admin_initiate_auth),
    "RespondToAuthChallenge":      Operation(answers.respond, public=True),
    "AdminRespondToAuthChallenge": Operation(answers.respond_as_admin),
    "AssociateSoftwareToken":      Operation(enrolment.associate_software_token, public=True),
    "VerifySoftwareToken":         Operation(enrolment.verify_software_token, public=True),
    "GetTokensFromRefreshToken":   Operation(initiate_auth.get_tokens_from_refresh_token, public=True),
    # Sign-up and recovery.
    "SignUp":                      Operation(sign_up.sign_up, public=True),
    "ConfirmSignUp":               Operation(sign_up.confirm_sign_up, public=True),
    "ResendConfirmationCode":      Operation(sign_up.resend_confirmation_code, public=True),
    "ForgotPassword":              Operation(self_service.forgot_password, public=True),
    "ConfirmForgotPassword":       Operation(self_service.confirm_forgot_password, public=True),
    # With an access or refresh token.
    "ConfirmDevice":               Operation(_by_token(devices.confirm), public=True),
    "UpdateDeviceStatus":          Operation(_by_token(devices.update_status), public=True),
    "ForgetDevice":                Operation(_by_token(devices.forget), public=True),
    "GetDevice":                   Operation(_by_token(devices.get), public=True),
    "ListDevices":                 Operation(_by_token(devices.list_all), public=True),
    "GetUser":                     Operation(self_service.get_user, public=True),
    "UpdateUserAttributes":        Operation(self_service.update_user_attributes, public=True),
    "DeleteUserAttributes":        Operation(self_service.delete_user_attributes, public=True),
    "GetUserAttributeVerificationCode": Operation(self_service.get_user_attribute_verification_code, public=True),
    "VerifyUserAttribute":         Operation(_by_token(self_service.verify_user_attribute), public=True),
    "ChangePassword":              Operation(_by_token(self_service.change_password), public=True),
    "DeleteUser":                  Operation(_by_token(self_service.delete_user), public=True),
    "SetUserMFAPreference":        Operation(_by_token(enrolment.set_mfa_preference), public=True),
    "SetUserSettings":             Operation(_by_token(enrolment.set_user_settings), public=True),
    "GetUserAuthFactors":          Operation(_by_token(enrolment.get_user_auth_factors), public=True),
    "StartWebAuthnRegistration":   Operation(enrolment.start_web_authn_registration, public=True),
    "CompleteWebAuthnRegistration": Operation(enrolment.complete_web_authn_registration, public=True),
    "ListWebAuthnCredentials":     Operation(_by_token(enrolment.list_web_authn_credentials), public=True),
    "DeleteWebAuthnCredential":    Operation(_by_token(enrolment.delete_web_authn_credential), public=True),
    "RevokeToken":                 Operation(self_service.revoke_token, public=True),
    "GlobalSignOut":               Operation(_by_token(self_service.global_sign_out), public=True),
    "ListUserSessions":            Operation(self_service.list_user_sessions, public=True),
    "RevokeUserSession":           Operation(self_service.revoke_user_session, public=True),
    # For administrators.
    "AdminCreateUser":             Operation(admin.create_user),
    "AdminGetUser":                Operation(_by_name(admin.get_user)),
    "AdminConfirmSignUp":          Operation(_by_name(admin.confirm_user)),
    "AdminUpdateUserAttributes":   Operation(_by_name(self_service.admin_update_user_attributes)),
    "AdminDeleteUserAttributes":   Operation(_by_name(self_service.admin_delete_user_attributes)),
    "AdminResetUserPassword":      Operation(_by_name(self_service.reset_user_password)),
    "AdminDeleteUser":             Operation(_by_name(self_service.delete_user)),
    "AdminDisableUser":            Operation(_by_name(admin.disable_user)),
    "AdminEnableUser":             Operation(_by_name(admin.enable_user)),
    "AdminUserGlobalSignOut":      Operation(_by_name(self_service.global_sign_out)),
    "AdminAddUserToGroup":         Operation(_by_name(records.add_user_to_group)),
    "AdminRemoveUserFromGroup":    Operation(_by_name(records.remove_user_from_group)),
    "AdminListGroupsForUser":      Operation(_by_name(records.list_groups_for_user)),
    "AdminListDevices":            Operation(_by_name(devices.list_all)),
    "AdminGetDevice":              Operation(_by_name(devices.get)),
    "AdminForgetDevice":           Operation(_by_name(devices.forget)),
    "AdminUpdateDeviceStatus":     Operation(_by_name(devices.update_status)),
    "AdminListUserSessions":       Operation(self_service.list_user_sessions),
    "AdminRevokeUserSession":      Operation(self_service.revoke_user_session),
    "GetUserPoolSessionConfiguration": Operation(self_service.get_user_pool_session_configuration),
    "SetUserPoolSessionConfiguration": Operation(self_service.set_user_pool_session_configuration),
    "GetUserPoolClientSessionConfiguration": Operation(self_service.get_user_pool_client_session_configuration),
    "SetUserPoolClientSessionConfiguration": Operation(self_service.set_user_pool_client_session_configuration),
    "DescribeUserPool":            Operation(pool_operations.describe_user_pool),
    "GetUserPoolMfaConfig":        Operation(pool_operations.get_user_pool_mfa_config),
    "DescribeUserPoolClient":      Operation(pool_operations.describe_user_pool_client),
    "ListUserPoolClients":         Operation(pool_operations.list_user_pool_clients),
    "CreateUserPoolClient":        Operation(pool_operations.create_user_pool_client),
    "UpdateUserPoolClient":        Operation(pool_operations.update_user_pool_client),
    "DeleteUserPoolClient":        Operation(pool_operations.delete_user_pool_client),
    "AddUserPoolClientSecret":     Operation(pool_operations.add_user_pool_client_secret),
    "DeleteUserPoolClientSecret":  Operation(pool_operations.delete_user_pool_client_secret),
    "ListUserPoolClientSecrets":   Operation(pool_operations.list_user_pool_client_secrets),
    "DeleteGroup":                 Operation(records.delete_group),
    "ListUsersInGroup":            Operation(records.list_users_in_group),
    **{name: Operation(function) for name, function in records.FUNCTIONS.items()},
    "UpdateUserPool":              Operation(pool_operations.update_user_pool),
    "SetUserPoolMfaConfig":        Operation(pool_operations.set_user_pool_mfa_config),
    "TagResource":                 Operation(pool_operations.tag_resource),
    "UntagResource":               Operation(pool_operations.untag_resource),
    "ListTagsForResource":         Operation(pool_operations.list_tags_for_resource),
    "AddCustomAttributes":         Operation(pool_operations.add_custom_attributes),
    "ListUsers":                   Operation(admin.list_users),
    "AdminSetUserSettings":        Operation(_by_name(enrolment.set_user_settings)),
    "AdminGetUserAuthFactors":     Operation(_by_name(enrolment.get_user_auth_factors)),
    "AdminDeleteSoftwareToken":    Operation(_by_name(enrolment.delete_software_token)),
    "AdminListUserAuthEvents":     Operation(_by_name(admin.list_auth_events)),
    "AdminSetUserMFAPreference":   Operation(_by_name(enrolment.set_mfa_preference)),
    "AdminSetUserPassword":        Operation(_by_name(admin.set_user_password)),
}
# fmt: on


_REASONS: Final = (
    (
        "Branding|Terms|UICustomization|CIMD|ClientMetadataURL|ClientToken|DerivedToken",
        "there are no managed login pages and no OAuth endpoints",
    ),
    ("ProviderForUser", "there is no federation"),
    ("SigningCertificate", "there is no SAML federation"),
    ("ImportJob|CSVHeader", "add users with AdminCreateUser, or in the configuration file"),
    ("Replica", "a local pool is in one region"),
    ("PointInTime", "copy the state file"),
    ("RiskConfiguration|EventFeedback", "there is no threat protection"),
    ("LogDelivery", "logs are not delivered; `authfsm serve` writes a log of its own"),
    ("ProvisionedLimit", "there are no limits to provision"),
    ("UserPool", "a LocalPool is a single pool; use LocalCognito"),
)


def reason_not_served(operation: str) -> str:
    """Return why an operation of the API is not served."""
    return next((why for names, why in _REASONS if re.search(names, operation)), "it is not implemented")


def needs_credentials(operation: str) -> bool:
    """Return whether the API has this operation and only signed requests may call it."""
    if (found := OPERATIONS.get(operation)) is not None:
        return not found.public
    return request_members.is_known(operation) and operation != "UpdateAuthEventFeedback"  # it has a FeedbackToken


def check_credentials(operation: str, *, signed: bool) -> None:
    """Refuse an unsigned request for an operation that needs AWS credentials. Signatures are not verified."""
    if not signed and needs_credentials(operation):
        raise error_templates.REQUEST_UNSIGNED.refusal()


def read_members(pool: Core, operation: str, request: Request, more: Container[str] = ()) -> dict[str, Any]:
    """Return the members of a request, after checking them; refuse operations that are not in `OPERATIONS` or `more`."""
    pool.operation = operation
    if operation not in OPERATIONS and operation not in more:
        if not request_members.is_known(operation):
            raise error_templates.UNKNOWN_OPERATION.refusal()
        why = reason_not_served(operation)
        raise error_templates.OPERATION_NOT_SERVED.refusal(operation=operation, why=why)
    try:
        members = request_members.read(operation, request)
        request_members.check_constraints(operation, members, pool.refuse_or_record)
    except PoolRefusal as refusal:
        raise pool.reword(refusal) from None
    return members


def answer(pool: Core, operation: str, members: dict[str, Any]) -> Reply:
    """Answer a request whose members `read_members` returned; GateError means that the pool or a table has a bug."""
    pool.response, pool.operation = None, operation
    response = classify(operation, members)
    if operation.startswith("Admin") and operation != "AdminCreateUser" and "Username" in members:
        members = {**members, "Username": pool.users.name_of_sub(members["Username"])}
    # A Lambda function may itself sign a user in, so `last_answered` of the outer request is restored at the end.
    outer, pool.sessions.last_answered = pool.sessions.last_answered, None
    try:
        with checked_status(pool, operation, members, response):
            pool.check_pool(members)
            reply = OPERATIONS[operation].function(pool, members) or {}
        admin.record_event(pool, operation, members, reply, None)
        answered = pool.sessions.last_answered
        check_transition(response, reply, answered.challenge if answered else None)
    except PoolRefusal as refusal:
        admin.record_event(pool, operation, members, None, refusal)
        raise pool.reword(refusal) from None
    finally:
        pool.sessions.last_answered = outer
        pool.response = response
    return reply


def transition_of(
    response: type[r.Response] | None, reply: Mapping[str, Any], challenge: str | None
) -> Transition | None:
    """Return the transition of a reply; None outside of a sign-in. `challenge` is None if the response begins a sign-in."""
    if response is None or response in AFTER_SIGN_IN_RESPONSES:
        return None
    source = State.START if challenge is None else state_of_challenge_name(challenge)
    if source is State.OTHER_CHALLENGE:
        response = r.RawAnswer
    if "AuthenticationResult" in reply:
        return transition_between(source, response, State.AUTHENTICATED)
    if response in {r.AssociateSoftwareToken, r.VerifySoftwareToken}:
        return transition_between(source, response, source)
    return transition_between(source, response, state_of_challenge_name(reply.get("ChallengeName", "")))


def check_transition(response: type[r.Response] | None, reply: Mapping[str, Any], challenge: str | None) -> None:
    """Raise GateError if the table lacks the transition of a reply; the arguments are those of `transition_of`."""
    transition = transition_of(response, reply, challenge)
    if transition is not None and transition not in TRANSITION_SET:
        raise GateError(transition)


_TRANSITIONS: Final = frozenset(a.ACCOUNT_TRANSITIONS)


class GateError(AssertionError):
    """The pool made a `transition` that a protocol table lacks: the pool or the table has a bug, not the caller."""

    def __init__(self, transition: Transition | a.AccountTransition) -> None:
        source, trigger, dest = transition[:3]
        name = trigger if isinstance(trigger, str) else trigger.__name__
        why = "which the protocol's table does not have: the pool or the table has a bug, please report it"
        super().__init__(f"the pool made the transition from {source} by {name} to {dest}, {why}")
        self.transition = transition


@contextmanager
def checked_status(
    pool: Core, operation: str, members: Mapping[str, Any], response: type[r.Response] | None
) -> Iterator[None]:
    """Raise GateError if the account's table lacks the transition to the user's status after the block."""
    found = a.account_operation(operation, permanent=bool(members.get("Permanent")), response=response)
    if "invited-users" in pool.configuration.accept:  # the table lacks the transitions of these requests
        found = None
    user, number = admin.named_user(pool, members) if found else None, pool.requests
    before, refused = _status(user), True
    try:
        yield
        refused = False
    finally:
        if found and number == pool.requests:  # otherwise a Lambda function made requests, which were checked
            after = _status(user or admin.named_user(pool, members))
            may_stay = refused or found in a.SIMULATED_OPERATIONS or found.actor is a.Actor.SIGN_IN
            transition = a.AccountTransition(before, found, after)
            if transition not in _TRANSITIONS and not (after is before and may_stay):
                raise GateError(transition)
        pool.requests += 1


def _status(user: User | None) -> a.UserStatus:
    if user is None or user.deleted:
        return a.UserStatus.NO_ACCOUNT
    return a.UserStatus[user.status.name]
