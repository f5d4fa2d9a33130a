"""The operations the pool serves: one table, one way in.

`answer` looks an operation up, sees that the request has the members and types the API gives it, has it
answered, and lets the answer out through the gate. What response the request carries is asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from authfsm.local.accounts import admin, enrolment, initiate_auth, self_service, sign_up
from authfsm.local.api import pool_operations
from authfsm.local.config import error_templates, request_members
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import answers, devices
from authfsm.local.state.core import Core, Reply, Request
from authfsm.protocol import responses as r
from authfsm.protocol.api_requests import AFTER_SIGN_IN_RESPONSES, classify
from authfsm.protocol.states import STATE_BY_NAME, State
from authfsm.protocol.table import TRANSITION_SET, Transition, transition_between


@frozen
class Operation:
    """An operation.

    Args:
        serve: answers a request.
        required: the members a request must have.
        public: needs no AWS credentials, so that a browser may call it: Cognito's API model marks it
            `smithy.api#noAuth` (botocore: `authtype: none`). All others are signed with SigV4.
    """

    serve: Callable[[Core, Request], Reply]
    required: tuple[str, ...]
    public: bool = False


# fmt: off
OPERATIONS: Final[dict[str, Operation]] = {
    # Signing in.
    "InitiateAuth":                Operation(initiate_auth.initiate_auth, ("AuthFlow", "ClientId"), public=True),
    "AdminInitiateAuth":           Operation(initiate_auth.admin_initiate_auth, ("UserPoolId", "AuthFlow", "ClientId")),
    "RespondToAuthChallenge":      Operation(answers.respond, ("ClientId", "ChallengeName"), public=True),
    "AdminRespondToAuthChallenge": Operation(answers.respond_as_admin, ("UserPoolId", "ClientId", "ChallengeName")),
    "AssociateSoftwareToken":      Operation(enrolment.associate_software_token, (), public=True),
    "VerifySoftwareToken":         Operation(enrolment.verify_software_token, ("UserCode",), public=True),
    "GetTokensFromRefreshToken":   Operation(initiate_auth.get_tokens_from_refresh_token, ("RefreshToken", "ClientId"), public=True),
    # Having an account.
    "SignUp":                      Operation(sign_up.sign_up, ("ClientId", "Username"), public=True),
    "ConfirmSignUp":               Operation(sign_up.confirm_sign_up, ("ClientId", "Username", "ConfirmationCode"), public=True),
    "ResendConfirmationCode":      Operation(sign_up.resend_confirmation_code, ("ClientId", "Username"), public=True),
    "ForgotPassword":              Operation(self_service.forgot_password, ("ClientId", "Username"), public=True),
    "ConfirmForgotPassword":       Operation(self_service.confirm_forgot_password, ("ClientId", "Username", "ConfirmationCode", "Password"), public=True),
    # With tokens in hand.
    "ConfirmDevice":               Operation(devices.confirm, ("AccessToken", "DeviceKey"), public=True),
    "UpdateDeviceStatus":          Operation(devices.update_status, ("AccessToken", "DeviceKey"), public=True),
    "ForgetDevice":                Operation(devices.forget, ("DeviceKey",), public=True),
    "GetDevice":                   Operation(devices.get, ("DeviceKey",), public=True),
    "ListDevices":                 Operation(devices.list_all, ("AccessToken",), public=True),
    "GetUser":                     Operation(sign_up.get_user, ("AccessToken",), public=True),
    "UpdateUserAttributes":        Operation(self_service.update_user_attributes, ("UserAttributes", "AccessToken"), public=True),
    "GetUserAttributeVerificationCode": Operation(self_service.get_user_attribute_verification_code, ("AccessToken", "AttributeName"), public=True),
    "VerifyUserAttribute":         Operation(self_service.verify_user_attribute, ("AccessToken", "AttributeName", "Code"), public=True),
    "ChangePassword":              Operation(self_service.change_password, ("ProposedPassword", "AccessToken"), public=True),
    "DeleteUser":                  Operation(sign_up.delete_user, ("AccessToken",), public=True),
    "SetUserMFAPreference":        Operation(enrolment.set_user_mfa_preference, ("AccessToken",), public=True),
    "GetUserAuthFactors":          Operation(enrolment.get_user_auth_factors, ("AccessToken",), public=True),
    "StartWebAuthnRegistration":   Operation(enrolment.start_web_authn_registration, ("AccessToken",), public=True),
    "CompleteWebAuthnRegistration": Operation(enrolment.complete_web_authn_registration, ("AccessToken", "Credential"), public=True),
    "ListWebAuthnCredentials":     Operation(enrolment.list_web_authn_credentials, ("AccessToken",), public=True),
    "DeleteWebAuthnCredential":    Operation(enrolment.delete_web_authn_credential, ("AccessToken", "CredentialId"), public=True),
    "RevokeToken":                 Operation(admin.revoke_token, ("Token", "ClientId"), public=True),
    "GlobalSignOut":               Operation(admin.global_sign_out, ("AccessToken",), public=True),
    # As an administrator.
    "AdminCreateUser":             Operation(admin.admin_create_user, ("UserPoolId", "Username")),
    "AdminGetUser":                Operation(admin.admin_get_user, ("UserPoolId", "Username")),
    "AdminConfirmSignUp":          Operation(admin.admin_confirm_sign_up, ("UserPoolId", "Username")),
    "AdminUpdateUserAttributes":   Operation(self_service.admin_update_user_attributes, ("UserPoolId", "Username", "UserAttributes")),
    "AdminResetUserPassword":      Operation(self_service.admin_reset_user_password, ("UserPoolId", "Username")),
    "AdminDeleteUser":             Operation(admin.admin_delete_user, ("UserPoolId", "Username")),
    "AdminDisableUser":            Operation(admin.admin_disable_user, ("UserPoolId", "Username")),
    "AdminEnableUser":             Operation(admin.admin_enable_user, ("UserPoolId", "Username")),
    "AdminUserGlobalSignOut":      Operation(admin.admin_user_global_sign_out, ("UserPoolId", "Username")),
    "AdminAddUserToGroup":         Operation(admin.admin_add_user_to_group, ("UserPoolId", "Username", "GroupName")),
    "AdminRemoveUserFromGroup":    Operation(admin.admin_remove_user_from_group, ("UserPoolId", "Username", "GroupName")),
    "AdminListGroupsForUser":      Operation(admin.admin_list_groups_for_user, ("UserPoolId", "Username")),
    "AdminListDevices":            Operation(admin.admin_list_devices, ("UserPoolId", "Username")),
    "AdminGetDevice":              Operation(admin.admin_get_device, ("UserPoolId", "Username", "DeviceKey")),
    "AdminForgetDevice":           Operation(admin.admin_forget_device, ("UserPoolId", "Username", "DeviceKey")),
    "AdminUpdateDeviceStatus":     Operation(admin.admin_update_device_status, ("UserPoolId", "Username", "DeviceKey")),
    "DescribeUserPool":            Operation(pool_operations.describe_user_pool, ("UserPoolId",)),
    "GetUserPoolMfaConfig":        Operation(pool_operations.get_user_pool_mfa_config, ("UserPoolId",)),
    "DescribeUserPoolClient":      Operation(pool_operations.describe_user_pool_client, ("UserPoolId", "ClientId")),
    "ListUserPoolClients":         Operation(pool_operations.list_user_pool_clients, ("UserPoolId",)),
    "CreateUserPoolClient":        Operation(pool_operations.create_user_pool_client, ("UserPoolId", "ClientName")),
    "UpdateUserPoolClient":        Operation(pool_operations.update_user_pool_client, ("UserPoolId", "ClientId")),
    "DeleteUserPoolClient":        Operation(pool_operations.delete_user_pool_client, ("UserPoolId", "ClientId")),
    "ListUsers":                   Operation(admin.list_users, ("UserPoolId",)),
    "AdminSetUserMFAPreference":   Operation(enrolment.admin_set_user_mfa_preference, ("UserPoolId", "Username")),
    "AdminSetUserPassword":        Operation(admin.admin_set_user_password, ("UserPoolId", "Username", "Password")),
}
# fmt: on


def check_credentials(operation: str, *, signed: bool) -> None:
    """Refuse an operation that needs AWS credentials when the request brings none, as Cognito does.

    Which credentials they are is not checked: the pool is local, and knows no IAM. An operation that
    the pool does not serve is refused later, by its name.

    Args:
        operation: as `ListUsers`.
        signed: whether the request has an Authorization header.

    Raises:
        PoolRefusal: MissingAuthenticationTokenException.
    """
    known = OPERATIONS.get(operation)
    if known is not None and not known.public and not signed:
        raise PoolRefusal(error_templates.REQUEST_UNSIGNED)


def answer(pool: Core, operation: str, request: Mapping[str, Any]) -> Reply:
    """Answer a request.

    Raises:
        PoolRefusal: what Cognito would say.
        GateError: the pool is at fault.
    """
    pool.response = None
    known = OPERATIONS.get(operation)
    if known is None:
        raise PoolRefusal(error_templates.OPERATION_NOT_SERVED, operation=operation)
    given = request_members.read(operation, request)
    for name in known.required:
        if name not in given:
            raise PoolRefusal(error_templates.NULL_MEMBER, name=f"{name[0].lower()}{name[1:]}")
    response = classify(operation, given)
    # A trigger may sign somebody in while it runs: what was answered out there is kept for then.
    outer, pool.sessions.answered = pool.sessions.answered, None
    try:
        reply = known.serve(pool, given)
        stood = pool.sessions.answered
        check_arrow(response, reply, stood.challenge if stood else None)
    finally:
        pool.sessions.answered = outer
        pool.response = response
    return reply


_SETUP: Final = frozenset({r.AssociateSoftwareToken, r.VerifySoftwareToken})


class GateError(AssertionError):
    """The pool was about to give an answer that the protocol's table has no arrow for.

    Args:
        arrow: the arrow that is missing.
    """

    def __init__(self, arrow: Transition) -> None:
        super().__init__(
            f"the pool leads from {arrow.source} by {arrow.response.__name__} to {arrow.dest}, "
            "and the table has no such arrow"
        )
        self.arrow = arrow


def arrow_of(
    response: type[r.Response] | None, reply: Mapping[str, Any], stood: str | None
) -> Transition | None:
    """Return the arrow that a reply goes along; None for an operation that moves no sign-in.

    Args:
        response: the response that the request carries (`authfsm.protocol.api_requests`).
        reply: what the pool is about to answer.
        stood: the challenge that was answered, by the name it was asked by; None at the beginning.
    """
    if response is None or response in AFTER_SIGN_IN_RESPONSES:
        return None
    source = State.START if stood is None else _state_named(stood)
    if source is State.OTHER_CHALLENGE:
        response = r.RawAnswer
    if "AuthenticationResult" in reply:
        return transition_between(source, response, State.AUTHENTICATED)
    if response in _SETUP:
        return transition_between(source, response, source)
    return transition_between(source, response, _state_named(reply.get("ChallengeName", "")))


def check_arrow(
    response: type[r.Response] | None, reply: Mapping[str, Any], stood: str | None
) -> None:
    """Let a reply pass.

    Raises:
        GateError: it goes along no arrow of the table.
    """
    gone = arrow_of(response, reply, stood)
    if gone is not None and gone not in TRANSITION_SET:
        raise GateError(gone)


def _state_named(challenge: str) -> State:
    return STATE_BY_NAME.get(challenge, State.OTHER_CHALLENGE)
