"""The operations the pool serves: one table, one way in.

`answer` looks an operation up, sees that the request has the members and types the API gives it, has it
answered, and lets the answer out through the gate. What response the request carries is asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from authfsm.local.accounts import (
    admin,
    admin_users,
    enrolment,
    flows,
    passkey_enrolment,
    profile,
    recovery,
    sign_up,
)
from authfsm.local.api import gate, pool_operations
from authfsm.local.config import error_templates, request_members
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import answers, devices
from authfsm.local.state.core import Core, Reply, Request
from authfsm.protocol.classification import classify


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
    "InitiateAuth":                Operation(flows.initiate, ("AuthFlow", "ClientId"), public=True),
    "AdminInitiateAuth":           Operation(flows.initiate_as_admin, ("UserPoolId", "AuthFlow", "ClientId")),
    "RespondToAuthChallenge":      Operation(answers.respond, ("ClientId", "ChallengeName"), public=True),
    "AdminRespondToAuthChallenge": Operation(answers.respond_as_admin, ("UserPoolId", "ClientId", "ChallengeName")),
    "AssociateSoftwareToken":      Operation(enrolment.associate, (), public=True),
    "VerifySoftwareToken":         Operation(enrolment.verify, ("UserCode",), public=True),
    "GetTokensFromRefreshToken":   Operation(flows.get_tokens_from_refresh_token, ("RefreshToken", "ClientId"), public=True),
    # Having an account.
    "SignUp":                      Operation(sign_up.sign_up, ("ClientId", "Username"), public=True),
    "ConfirmSignUp":               Operation(sign_up.confirm_sign_up, ("ClientId", "Username", "ConfirmationCode"), public=True),
    "ResendConfirmationCode":      Operation(sign_up.resend_confirmation_code, ("ClientId", "Username"), public=True),
    "ForgotPassword":              Operation(recovery.forgot_password, ("ClientId", "Username"), public=True),
    "ConfirmForgotPassword":       Operation(recovery.confirm_forgot_password, ("ClientId", "Username", "ConfirmationCode", "Password"), public=True),
    # With tokens in hand.
    "ConfirmDevice":               Operation(devices.confirm, ("AccessToken", "DeviceKey"), public=True),
    "UpdateDeviceStatus":          Operation(devices.update_status, ("AccessToken", "DeviceKey"), public=True),
    "ForgetDevice":                Operation(devices.forget, ("DeviceKey",), public=True),
    "GetDevice":                   Operation(devices.get, ("DeviceKey",), public=True),
    "ListDevices":                 Operation(devices.list_all, ("AccessToken",), public=True),
    "GetUser":                     Operation(sign_up.get_user, ("AccessToken",), public=True),
    "UpdateUserAttributes":        Operation(profile.update, ("UserAttributes", "AccessToken"), public=True),
    "GetUserAttributeVerificationCode": Operation(profile.send_verification_code, ("AccessToken", "AttributeName"), public=True),
    "VerifyUserAttribute":         Operation(profile.verify, ("AccessToken", "AttributeName", "Code"), public=True),
    "ChangePassword":              Operation(recovery.change_password, ("ProposedPassword", "AccessToken"), public=True),
    "DeleteUser":                  Operation(sign_up.delete_user, ("AccessToken",), public=True),
    "SetUserMFAPreference":        Operation(enrolment.set_preference, ("AccessToken",), public=True),
    "GetUserAuthFactors":          Operation(passkey_enrolment.get_user_auth_factors, ("AccessToken",), public=True),
    "StartWebAuthnRegistration":   Operation(passkey_enrolment.start, ("AccessToken",), public=True),
    "CompleteWebAuthnRegistration": Operation(passkey_enrolment.complete, ("AccessToken", "Credential"), public=True),
    "ListWebAuthnCredentials":     Operation(passkey_enrolment.list_all, ("AccessToken",), public=True),
    "DeleteWebAuthnCredential":    Operation(passkey_enrolment.delete, ("AccessToken", "CredentialId"), public=True),
    "RevokeToken":                 Operation(admin.revoke_token, ("Token", "ClientId"), public=True),
    "GlobalSignOut":               Operation(admin.global_sign_out, ("AccessToken",), public=True),
    # As an administrator.
    "AdminCreateUser":             Operation(admin.create_user, ("UserPoolId", "Username")),
    "AdminGetUser":                Operation(admin_users.get, ("UserPoolId", "Username")),
    "AdminConfirmSignUp":          Operation(admin.confirm_sign_up, ("UserPoolId", "Username")),
    "AdminUpdateUserAttributes":   Operation(profile.update_as_admin, ("UserPoolId", "Username", "UserAttributes")),
    "AdminResetUserPassword":      Operation(recovery.reset_as_admin, ("UserPoolId", "Username")),
    "AdminDeleteUser":             Operation(admin_users.delete, ("UserPoolId", "Username")),
    "AdminDisableUser":            Operation(admin_users.disable, ("UserPoolId", "Username")),
    "AdminEnableUser":             Operation(admin_users.enable, ("UserPoolId", "Username")),
    "AdminUserGlobalSignOut":      Operation(admin_users.sign_out, ("UserPoolId", "Username")),
    "AdminAddUserToGroup":         Operation(admin_users.add_to_group, ("UserPoolId", "Username", "GroupName")),
    "AdminRemoveUserFromGroup":    Operation(admin_users.remove_from_group, ("UserPoolId", "Username", "GroupName")),
    "AdminListGroupsForUser":      Operation(admin_users.groups_of, ("UserPoolId", "Username")),
    "AdminListDevices":            Operation(admin_users.list_devices, ("UserPoolId", "Username")),
    "AdminGetDevice":              Operation(admin_users.get_device, ("UserPoolId", "Username", "DeviceKey")),
    "AdminForgetDevice":           Operation(admin_users.forget_device, ("UserPoolId", "Username", "DeviceKey")),
    "AdminUpdateDeviceStatus":     Operation(admin_users.update_device_status, ("UserPoolId", "Username", "DeviceKey")),
    "DescribeUserPool":            Operation(pool_operations.describe, ("UserPoolId",)),
    "GetUserPoolMfaConfig":        Operation(pool_operations.describe_mfa, ("UserPoolId",)),
    "DescribeUserPoolClient":      Operation(pool_operations.describe_client, ("UserPoolId", "ClientId")),
    "ListUserPoolClients":         Operation(pool_operations.list_clients, ("UserPoolId",)),
    "CreateUserPoolClient":        Operation(pool_operations.create_client, ("UserPoolId", "ClientName")),
    "UpdateUserPoolClient":        Operation(pool_operations.update_client, ("UserPoolId", "ClientId")),
    "DeleteUserPoolClient":        Operation(pool_operations.delete_client, ("UserPoolId", "ClientId")),
    "ListUsers":                   Operation(admin_users.list_all, ("UserPoolId",)),
    "AdminSetUserMFAPreference":   Operation(enrolment.set_preference_as_admin, ("UserPoolId", "Username")),
    "AdminSetUserPassword":        Operation(admin.set_user_password, ("UserPoolId", "Username", "Password")),
}
# fmt: on


def check_signed(operation: str, *, signed: bool) -> None:
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
        raise PoolRefusal(error_templates.UNSIGNED)


def answer(pool: Core, operation: str, request: Mapping[str, Any]) -> Reply:
    """Answer a request.

    Raises:
        PoolRefusal: what Cognito would say.
        OffTheTable: the pool is at fault.
    """
    pool.response = None
    known = OPERATIONS.get(operation)
    if known is None:
        raise PoolRefusal(error_templates.NOT_SERVED, operation=operation)
    given = request_members.read(operation, request)
    for name in known.required:
        if name not in given:
            raise PoolRefusal(error_templates.NULL, name=f"{name[0].lower()}{name[1:]}")
    response = classify(operation, given)
    # A trigger may sign somebody in while it runs: what was answered out there is kept for then.
    outer, pool.sessions.answered = pool.sessions.answered, None
    try:
        reply = known.serve(pool, given)
        stood = pool.sessions.answered
        gate.check(response, reply, stood.challenge if stood else None)
    finally:
        pool.sessions.answered = outer
        pool.response = response
    return reply
