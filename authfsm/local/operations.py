"""The operations the pool serves: one table, one way in.

`answer` looks an operation up, sees that the request has the members and types the API gives it, has it
answered, and lets the answer out through the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from authfsm.local import (
    admin,
    answers,
    devices,
    enrolment,
    flows,
    gate,
    passkey_enrolment,
    refusals,
)
from authfsm.local.core import Core, Reply, Request
from authfsm.local.refusals import PoolRefusal


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
    # With tokens in hand.
    "ConfirmDevice":               Operation(devices.confirm, ("AccessToken", "DeviceKey")),
    "UpdateDeviceStatus":          Operation(devices.update_status, ("AccessToken", "DeviceKey")),
    "ForgetDevice":                Operation(devices.forget, ("DeviceKey",)),
    "GetDevice":                   Operation(devices.get, ("DeviceKey",)),
    "ListDevices":                 Operation(devices.list_all, ("AccessToken",)),
    "GetUser":                     Operation(admin.get_user, ("AccessToken",)),
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
    "AdminGetUser":                Operation(admin.get_user_as_admin, ("UserPoolId", "Username")),
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
    known = OPERATIONS.get(operation)
    if known is None:
        raise PoolRefusal(refusals.NOT_SERVED, operation=operation)
    given = members.read(operation, request)
    for name in known.required:
        if name not in given:
            raise PoolRefusal(refusals.NULL, name=f"{name[0].lower()}{name[1:]}")
    # A trigger may sign somebody in while it runs: what was answered out there is kept for then.
    outer, pool.sessions.answered = pool.sessions.answered, None
    try:
        reply = known.serve(pool, given)
        stood = pool.sessions.answered
        gate.check(operation, given, reply, stood.challenge if stood else None)
    finally:
        pool.sessions.answered = outer
    return reply
