"""The operations that the pool serves, and the gate through which all its replies pass.

`answer` finds the operation, checks the request's members and their types, calls the operation's function, and
checks the reply against the protocol's table. The pool decides the next challenge by rules of its own and reads
the table nowhere else, so that a reply without an arrow reveals a bug: in the pool or in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from authfsm.local.accounts import (
    admin,
    auth_events,
    enrolment,
    groups,
    initiate_auth,
    records,
    self_service,
    sign_up,
    user_sessions,
)
from authfsm.local.api import not_served, pool_operations
from authfsm.local.api.account_gate import GateError, checked_status
from authfsm.local.config import error_templates, request_members
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import answers, devices
from authfsm.local.state.core import Core, Reply, Request
from authfsm.local.state.users import User
from authfsm.protocol import responses as r
from authfsm.protocol.api_requests import AFTER_SIGN_IN_RESPONSES, classify
from authfsm.protocol.states import STATE_BY_NAME, State
from authfsm.protocol.table import TRANSITION_SET, Transition, transition_between

_SETUP: Final = frozenset({r.AssociateSoftwareToken, r.VerifySoftwareToken})


@frozen
class Operation:
    """An operation: the function that answers it, and the members that a request must have.

    A public one needs no AWS credentials, so that a browser may call it: Cognito's API model marks it
    `smithy.api#noAuth` (botocore: `authtype: none`). Requests for all others are signed with SigV4.
    """

    function: Callable[[Core, Request], Reply]
    required: tuple[str, ...]
    public: bool = False


_UserFunction = Callable[[Core, User, Request], Reply]


def _by_token(function: _UserFunction) -> Callable[[Core, Request], Reply]:
    """Call the function with the user of the request's AccessToken."""

    def answer_bearer(pool: Core, request: Request) -> Reply:
        if "AccessToken" not in request:  # optional in the API model of some operations
            raise PoolRefusal(error_templates.MISSING_PARAMETER, name="AccessToken")
        return function(pool, pool.bearer(request), request)

    return answer_bearer


def _by_name(function: _UserFunction) -> Callable[[Core, Request], Reply]:
    """Call the function with the user of the request's Username."""
    return lambda pool, request: function(pool, pool.named(request), request)


# fmt: off
OPERATIONS: Final[dict[str, Operation]] = {
    # Sign-in.
    "InitiateAuth":                Operation(initiate_auth.initiate_auth, ("AuthFlow", "ClientId"), public=True),
    "AdminInitiateAuth":           Operation(initiate_auth.admin_initiate_auth, ("UserPoolId", "AuthFlow", "ClientId")),
    "RespondToAuthChallenge":      Operation(answers.respond, ("ClientId", "ChallengeName"), public=True),
    "AdminRespondToAuthChallenge": Operation(answers.respond_as_admin, ("UserPoolId", "ClientId", "ChallengeName")),
    "AssociateSoftwareToken":      Operation(enrolment.associate_software_token, (), public=True),
    "VerifySoftwareToken":         Operation(enrolment.verify_software_token, ("UserCode",), public=True),
    "GetTokensFromRefreshToken":   Operation(initiate_auth.get_tokens_from_refresh_token, ("RefreshToken", "ClientId"), public=True),
    # Sign-up and recovery.
    "SignUp":                      Operation(sign_up.sign_up, ("ClientId", "Username"), public=True),
    "ConfirmSignUp":               Operation(sign_up.confirm_sign_up, ("ClientId", "Username", "ConfirmationCode"), public=True),
    "ResendConfirmationCode":      Operation(sign_up.resend_confirmation_code, ("ClientId", "Username"), public=True),
    "ForgotPassword":              Operation(self_service.forgot_password, ("ClientId", "Username"), public=True),
    "ConfirmForgotPassword":       Operation(self_service.confirm_forgot_password, ("ClientId", "Username", "ConfirmationCode", "Password"), public=True),
    # With an access or refresh token.
    "ConfirmDevice":               Operation(_by_token(devices.confirm), ("AccessToken", "DeviceKey"), public=True),
    "UpdateDeviceStatus":          Operation(_by_token(devices.update_status), ("AccessToken", "DeviceKey"), public=True),
    "ForgetDevice":                Operation(_by_token(devices.forget), ("DeviceKey",), public=True),
    "GetDevice":                   Operation(_by_token(devices.get), ("DeviceKey",), public=True),
    "ListDevices":                 Operation(_by_token(devices.list_all), ("AccessToken",), public=True),
    "GetUser":                     Operation(self_service.get_user, ("AccessToken",), public=True),
    "UpdateUserAttributes":        Operation(self_service.update_user_attributes, ("UserAttributes", "AccessToken"), public=True),
    "DeleteUserAttributes":        Operation(self_service.delete_user_attributes, ("UserAttributeNames", "AccessToken"), public=True),
    "GetUserAttributeVerificationCode": Operation(self_service.get_user_attribute_verification_code, ("AccessToken", "AttributeName"), public=True),
    "VerifyUserAttribute":         Operation(_by_token(self_service.verify_user_attribute), ("AccessToken", "AttributeName", "Code"), public=True),
    "ChangePassword":              Operation(_by_token(self_service.change_password), ("ProposedPassword", "AccessToken"), public=True),
    "DeleteUser":                  Operation(_by_token(self_service.delete_user), ("AccessToken",), public=True),
    "SetUserMFAPreference":        Operation(_by_token(enrolment.set_mfa_preference), ("AccessToken",), public=True),
    "SetUserSettings":             Operation(_by_token(enrolment.set_user_settings), ("AccessToken", "MFAOptions"), public=True),
    "GetUserAuthFactors":          Operation(_by_token(enrolment.get_user_auth_factors), ("AccessToken",), public=True),
    "StartWebAuthnRegistration":   Operation(enrolment.start_web_authn_registration, ("AccessToken",), public=True),
    "CompleteWebAuthnRegistration": Operation(enrolment.complete_web_authn_registration, ("AccessToken", "Credential"), public=True),
    "ListWebAuthnCredentials":     Operation(_by_token(enrolment.list_web_authn_credentials), ("AccessToken",), public=True),
    "DeleteWebAuthnCredential":    Operation(_by_token(enrolment.delete_web_authn_credential), ("AccessToken", "CredentialId"), public=True),
    "RevokeToken":                 Operation(self_service.revoke_token, ("Token", "ClientId"), public=True),
    "GlobalSignOut":               Operation(_by_token(self_service.global_sign_out), ("AccessToken",), public=True),
    "ListUserSessions":            Operation(user_sessions.list_user_sessions, ("AccessToken",), public=True),
    "RevokeUserSession":           Operation(user_sessions.revoke_user_session, ("AccessToken", "SessionId"), public=True),
    # For administrators.
    "AdminCreateUser":             Operation(admin.create_user, ("UserPoolId", "Username")),
    "AdminGetUser":                Operation(_by_name(admin.get_user), ("UserPoolId", "Username")),
    "AdminConfirmSignUp":          Operation(_by_name(admin.confirm_user), ("UserPoolId", "Username")),
    "AdminUpdateUserAttributes":   Operation(_by_name(self_service.admin_update_user_attributes), ("UserPoolId", "Username", "UserAttributes")),
    "AdminDeleteUserAttributes":   Operation(_by_name(self_service.admin_delete_user_attributes), ("UserPoolId", "Username", "UserAttributeNames")),
    "AdminResetUserPassword":      Operation(_by_name(self_service.reset_user_password), ("UserPoolId", "Username")),
    "AdminDeleteUser":             Operation(_by_name(self_service.delete_user), ("UserPoolId", "Username")),
    "AdminDisableUser":            Operation(_by_name(admin.disable_user), ("UserPoolId", "Username")),
    "AdminEnableUser":             Operation(_by_name(admin.enable_user), ("UserPoolId", "Username")),
    "AdminUserGlobalSignOut":      Operation(_by_name(self_service.global_sign_out), ("UserPoolId", "Username")),
    "AdminAddUserToGroup":         Operation(_by_name(groups.add_user_to_group), ("UserPoolId", "Username", "GroupName")),
    "AdminRemoveUserFromGroup":    Operation(_by_name(groups.remove_user_from_group), ("UserPoolId", "Username", "GroupName")),
    "AdminListGroupsForUser":      Operation(_by_name(groups.list_groups_for_user), ("UserPoolId", "Username")),
    "AdminListDevices":            Operation(_by_name(devices.list_all), ("UserPoolId", "Username")),
    "AdminGetDevice":              Operation(_by_name(devices.get), ("UserPoolId", "Username", "DeviceKey")),
    "AdminForgetDevice":           Operation(_by_name(devices.forget), ("UserPoolId", "Username", "DeviceKey")),
    "AdminUpdateDeviceStatus":     Operation(_by_name(devices.update_status), ("UserPoolId", "Username", "DeviceKey")),
    "AdminListUserSessions":       Operation(_by_name(user_sessions.admin_list_user_sessions), ("UserPoolId", "Username")),
    "AdminRevokeUserSession":      Operation(_by_name(user_sessions.admin_revoke_user_session), ("UserPoolId", "Username", "SessionId")),
    "GetUserPoolSessionConfiguration": Operation(user_sessions.get_user_pool_session_configuration, ("UserPoolId",)),
    "SetUserPoolSessionConfiguration": Operation(user_sessions.set_user_pool_session_configuration, ("UserPoolId", "UserSessionTracking", "TokenSession")),
    "GetUserPoolClientSessionConfiguration": Operation(user_sessions.get_user_pool_client_session_configuration, ("UserPoolId", "ClientId")),
    "SetUserPoolClientSessionConfiguration": Operation(user_sessions.set_user_pool_client_session_configuration, ("UserPoolId", "ClientId", "SSOSession")),
    "DescribeUserPool":            Operation(pool_operations.describe_user_pool, ("UserPoolId",)),
    "GetUserPoolMfaConfig":        Operation(pool_operations.get_user_pool_mfa_config, ("UserPoolId",)),
    "DescribeUserPoolClient":      Operation(pool_operations.describe_user_pool_client, ("UserPoolId", "ClientId")),
    "ListUserPoolClients":         Operation(pool_operations.list_user_pool_clients, ("UserPoolId",)),
    "CreateUserPoolClient":        Operation(pool_operations.create_user_pool_client, ("UserPoolId", "ClientName")),
    "UpdateUserPoolClient":        Operation(pool_operations.update_user_pool_client, ("UserPoolId", "ClientId")),
    "DeleteUserPoolClient":        Operation(pool_operations.delete_user_pool_client, ("UserPoolId", "ClientId")),
    "DeleteGroup":                 Operation(groups.delete_group, ("UserPoolId", "GroupName")),
    "ListUsersInGroup":            Operation(groups.list_users_in_group, ("UserPoolId", "GroupName")),
    **{name: Operation(function, ()) for name, function in records.FUNCTIONS.items()},
    "UpdateUserPool":              Operation(pool_operations.update_user_pool, ("UserPoolId",)),
    "SetUserPoolMfaConfig":        Operation(pool_operations.set_user_pool_mfa_config, ("UserPoolId",)),
    "TagResource":                 Operation(pool_operations.tag_resource, ("ResourceArn", "Tags")),
    "UntagResource":               Operation(pool_operations.untag_resource, ("ResourceArn", "TagKeys")),
    "ListTagsForResource":         Operation(pool_operations.list_tags_for_resource, ("ResourceArn",)),
    "AddCustomAttributes":         Operation(pool_operations.add_custom_attributes, ("UserPoolId", "CustomAttributes")),
    "ListUsers":                   Operation(admin.list_users, ("UserPoolId",)),
    "AdminSetUserSettings":        Operation(_by_name(enrolment.set_user_settings), ("UserPoolId", "Username", "MFAOptions")),
    "AdminGetUserAuthFactors":     Operation(_by_name(enrolment.get_user_auth_factors), ("UserPoolId", "Username")),
    "AdminDeleteSoftwareToken":    Operation(_by_name(enrolment.delete_software_token), ("UserPoolId", "Username")),
    "AdminListUserAuthEvents":     Operation(_by_name(auth_events.list_auth_events), ("UserPoolId", "Username")),
    "AdminSetUserMFAPreference":   Operation(_by_name(enrolment.set_mfa_preference), ("UserPoolId", "Username")),
    "AdminSetUserPassword":        Operation(_by_name(admin.set_user_password), ("UserPoolId", "Username", "Password")),
}
# fmt: on


REGION_OPERATION_NAMES: Final = frozenset(
    {"CreateUserPool", "DeleteUserPool", "DescribeUserPoolDomain", "ListUserPools"}
)
"""The operations that are not about one pool; `region` answers them."""


def needs_credentials(operation: str) -> bool:
    """Return whether the API has this operation and only signed requests may call it."""
    found = OPERATIONS.get(operation)
    return request_members.is_known(operation) if found is None else not found.public


def check_credentials(operation: str, *, signed: bool) -> None:
    """Refuse an unsigned request for an operation that needs AWS credentials; any credentials will do."""
    if not signed and needs_credentials(operation):
        raise PoolRefusal(error_templates.REQUEST_UNSIGNED)


def read_members(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a request, after checking them; refuse an operation that is not served."""
    if operation not in OPERATIONS and operation not in REGION_OPERATION_NAMES:
        if not request_members.is_known(operation):
            raise PoolRefusal(error_templates.UNKNOWN_OPERATION)
        why = not_served.reason(operation)
        raise PoolRefusal(error_templates.OPERATION_NOT_SERVED, operation=operation, why=why)
    members = request_members.read(operation, request)
    request_members.check_constraints(operation, members)
    return members


def answer(pool: Core, operation: str, members: dict[str, Any]) -> Reply:
    """Answer a request whose members `read_members` has returned.

    Raises:
        PoolRefusal: Cognito's error.
        GateError: the pool has a bug.
    """
    pool.response = None
    found = OPERATIONS.get(operation)
    if found is None:
        why = "a single pool has no others beside it; use LocalCognito"
        raise PoolRefusal(error_templates.OPERATION_NOT_SERVED, operation=operation, why=why)
    for name in found.required:
        if name not in members:
            raise PoolRefusal(error_templates.NULL_MEMBER, name=f"{name[0].lower()}{name[1:]}")
    response = classify(operation, members)
    # A trigger may itself sign a user in: restore the challenge that the outer request answers.
    outer, pool.sessions.last_answered = pool.sessions.last_answered, None
    try:
        with checked_status(pool, operation, members, response):
            reply = found.function(pool, members)
        auth_events.record(pool, operation, members, reply, None)
        answered = pool.sessions.last_answered
        check_arrow(response, reply, answered.challenge if answered else None)
    except PoolRefusal as refusal:
        auth_events.record(pool, operation, members, None, refusal)
        raise
    finally:
        pool.sessions.last_answered = outer
        pool.response = response
    return reply


# ---- the gate -----------------------------------------------------------------------------------


def arrow_of(
    response: type[r.Response] | None, reply: Mapping[str, Any], challenge: str | None
) -> Transition | None:
    """Return the arrow of the reply to a response; None if its operation is no step of a sign-in.

    `challenge` is the name of the challenge that the response answers; None if it begins a sign-in.
    """
    if response is None or response in AFTER_SIGN_IN_RESPONSES:
        return None
    source = State.START if challenge is None else _state_named(challenge)
    if source is State.OTHER_CHALLENGE:
        response = r.RawAnswer
    if "AuthenticationResult" in reply:
        return transition_between(source, response, State.AUTHENTICATED)
    if response in _SETUP:
        return transition_between(source, response, source)
    return transition_between(source, response, _state_named(reply.get("ChallengeName", "")))


def check_arrow(
    response: type[r.Response] | None, reply: Mapping[str, Any], challenge: str | None
) -> None:
    """Raise GateError for a reply without an arrow; the arguments are those of `arrow_of`."""
    arrow = arrow_of(response, reply, challenge)
    if arrow is not None and arrow not in TRANSITION_SET:
        raise GateError(arrow)


def _state_named(challenge: str) -> State:
    return STATE_BY_NAME.get(challenge, State.OTHER_CHALLENGE)
