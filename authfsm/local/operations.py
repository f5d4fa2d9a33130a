"""The operations the pool serves: one table, one way in.

`answer` looks an operation up, sees that the request has the members and types the API gives it, has it
answered, and lets the answer out through the gate. What response the request carries is asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from authfsm.local import (
    accounts,
    admin,
    admin_users,
    answers,
    devices,
    enrolment,
    flows,
    gate,
    members,
    passkey_enrolment,
    pool_operations,
    profile,
    recovery,
    refusals,
)
from authfsm.local.core import Core, Reply, Request
from authfsm.local.refusals import PoolRefusal
from authfsm.protocol.classification import classify


@frozen
class Operation:
    """An operation.

    Args:
        serve: answers a request.
        required: the members a request must have.
    """

    serve: Callable[[Core, Request], Reply]
    required: tuple[str, ...]


# fmt: off
OPERATIONS: Final[dict[str, Operation]] = {
    # Signing in.
    "InitiateAuth":                Operation(flows.initiate, ("AuthFlow", "ClientId")),
    "AdminInitiateAuth":           Operation(flows.initiate_as_admin, ("UserPoolId", "AuthFlow", "ClientId")),
    "RespondToAuthChallenge":      Operation(answers.respond, ("ClientId", "ChallengeName")),
    "AdminRespondToAuthChallenge": Operation(answers.respond_as_admin, ("UserPoolId", "ClientId", "ChallengeName")),
    "AssociateSoftwareToken":      Operation(enrolment.associate, ()),
    "VerifySoftwareToken":         Operation(enrolment.verify, ("UserCode",)),
    "GetTokensFromRefreshToken":   Operation(flows.get_tokens_from_refresh_token, ("RefreshToken", "ClientId")),
    # Having an account.
    "SignUp":                      Operation(accounts.sign_up, ("ClientId", "Username")),
    "ConfirmSignUp":               Operation(accounts.confirm_sign_up, ("ClientId", "Username", "ConfirmationCode")),
    "ResendConfirmationCode":      Operation(accounts.resend_confirmation_code, ("ClientId", "Username")),
    "ForgotPassword":              Operation(recovery.forgot_password, ("ClientId", "Username")),
    "ConfirmForgotPassword":       Operation(recovery.confirm_forgot_password, ("ClientId", "Username", "ConfirmationCode", "Password")),
    # With tokens in hand.
    "ConfirmDevice":               Operation(devices.confirm, ("AccessToken", "DeviceKey")),
    "UpdateDeviceStatus":          Operation(devices.update_status, ("AccessToken", "DeviceKey")),
    "ForgetDevice":                Operation(devices.forget, ("DeviceKey",)),
    "GetDevice":                   Operation(devices.get, ("DeviceKey",)),
    "ListDevices":                 Operation(devices.list_all, ("AccessToken",)),
    "GetUser":                     Operation(accounts.get_user, ("AccessToken",)),
    "UpdateUserAttributes":        Operation(profile.update, ("UserAttributes", "AccessToken")),
    "GetUserAttributeVerificationCode": Operation(profile.send_verification_code, ("AccessToken", "AttributeName")),
    "VerifyUserAttribute":         Operation(profile.verify, ("AccessToken", "AttributeName", "Code")),
    "ChangePassword":              Operation(recovery.change_password, ("ProposedPassword", "AccessToken")),
    "DeleteUser":                  Operation(accounts.delete_user, ("AccessToken",)),
    "SetUserMFAPreference":        Operation(enrolment.set_preference, ("AccessToken",)),
    "GetUserAuthFactors":          Operation(passkey_enrolment.get_user_auth_factors, ("AccessToken",)),
    "StartWebAuthnRegistration":   Operation(passkey_enrolment.start, ("AccessToken",)),
    "CompleteWebAuthnRegistration": Operation(passkey_enrolment.complete, ("AccessToken", "Credential")),
    "ListWebAuthnCredentials":     Operation(passkey_enrolment.list_all, ("AccessToken",)),
    "DeleteWebAuthnCredential":    Operation(passkey_enrolment.delete, ("AccessToken", "CredentialId")),
    "RevokeToken":                 Operation(admin.revoke_token, ("Token", "ClientId")),
    "GlobalSignOut":               Operation(admin.global_sign_out, ("AccessToken",)),
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


def answer(pool: Core, operation: str, request: Mapping[str, Any]) -> Reply:
    """Answer a request.

    Raises:
        PoolRefusal: what Cognito would say.
        OffTheTable: the pool is at fault.
    """
    pool.response = None
    known = OPERATIONS.get(operation)
    if known is None:
        raise PoolRefusal(refusals.NOT_SERVED, operation=operation)
    given = members.read(operation, request)
    for name in known.required:
        if name not in given:
            raise PoolRefusal(refusals.NULL, name=f"{name[0].lower()}{name[1:]}")
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
