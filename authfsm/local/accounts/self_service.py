"""What users do with their own account: forgotten passwords, attributes, signing out; and the same for admins.

If PreventUserExistenceErrors is ENABLED, no reply reveals whether a user exists
-- developer guide, "Managing user existence error responses"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from authfsm.base.secret import Secret
from authfsm.local.accounts import enrolment
from authfsm.local.accounts.initiate_auth import check_client_secret
from authfsm.local.accounts.sign_up import client_of, migrate_at_forgot_password
from authfsm.local.accounts.user_sessions import check_associated_sessions
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.signin import passwords, triggers, verification
from authfsm.local.state import attributes
from authfsm.local.state.codes import Purpose
from authfsm.local.state.core import Core, Reply, Request
from authfsm.local.state.users import Status, User
from authfsm.protocol.states import State

_ADDRESSES: Final = ("email", "phone_number")
_RECOVERY_ATTRIBUTES: Final = {"verified_email": "email", "verified_phone_number": "phone_number"}
_DEFAULT_RECOVERY: Final = ("verified_phone_number", "verified_email")


def recovery_attribute(pool: Core, user: User) -> str | None:
    """Return the verified attribute to which a user's recovery code goes; None if there is none (AWS API reference)."""
    configured = pool.configuration.account_recovery
    for mechanism in configured or _DEFAULT_RECOVERY:
        attribute = _RECOVERY_ATTRIBUTES.get(mechanism)
        if attribute is None or user.attributes.get(f"{attribute}_verified") != "true":
            continue
        if configured and attribute == "phone_number" and State.SMS_MFA in user.mfa_enabled:
            continue
        if user.attributes.get(attribute):
            return attribute
    return None


def forgot_password(pool: Core, request: Request) -> Reply:
    """ForgotPassword."""
    client, name = client_of(pool, request), request["Username"]
    if pool.configuration.account_recovery == ("admin_only",):
        raise PoolRefusal(error_templates.ONLY_ADMINS_RESET)  # reveals nothing about a user
    user, hidden = pool.users.find(name), client.hides_user_existence
    if user is None:
        metadata = request.get("ClientMetadata")
        user = migrate_at_forgot_password(pool, client, name, metadata)
    if user is None and not hidden:
        raise PoolRefusal(error_templates.NO_SUCH_USERNAME)
    verification.count_call(pool, user, "ForgotPassword", name)
    attribute = recovery_attribute(pool, user) if user is not None else None
    # "isn't found, is deactivated, or doesn't have a verified delivery mechanism" (developer guide)
    if user is None or (hidden and (attribute is None or not user.enabled)):
        return {"CodeDeliveryDetails": verification.simulated_delivery(pool, name)}
    if not user.enabled:
        raise PoolRefusal(error_templates.DISABLED)
    if attribute is None:
        raise PoolRefusal(error_templates.NO_RECOVERY_ADDRESS)
    _check_resettable(user)
    return {"CodeDeliveryDetails": _send_reset_code(pool, user, attribute, client, request)}


def _check_resettable(user: User) -> None:
    if user.status not in {Status.CONFIRMED, Status.RESET_REQUIRED}:
        raise PoolRefusal(error_templates.RESET_NOT_POSSIBLE)


def _send_reset_code(
    pool: Core, user: User, attribute: str, client: AppClient | None, request: Request
) -> dict[str, str]:
    metadata, purpose = request.get("ClientMetadata"), Purpose.FORGOT_PASSWORD
    return verification.send_code(
        pool, user, purpose, attribute, client, metadata, code_key=verification.RESET
    )


def confirm_forgot_password(pool: Core, request: Request) -> Reply:
    """ConfirmForgotPassword: the code stays valid if the password is refused."""
    client, name = client_of(pool, request), request["Username"]
    user, password = pool.users.find(name), Secret(request["Password"])
    hidden = client.hides_user_existence
    if not hidden:
        if user is None:
            raise PoolRefusal(error_templates.NO_SUCH_USERNAME)
        if not user.enabled:
            raise PoolRefusal(error_templates.DISABLED)
    verification.count_call(pool, user, "ConfirmForgotPassword", name)
    # Whether Cognito checks the password or the code first is unknown. The password history comes last,
    # because only a user with the code may learn about it.
    passwords.check_policy(pool, password)
    # The developer guide documents CodeMismatchException "for users that don't exist or are disabled".
    if user is None or (hidden and not user.enabled):
        raise PoolRefusal(error_templates.VERIFICATION_CODE_MISMATCH)
    if user.status is Status.UNCONFIRMED and not hidden:
        raise PoolRefusal(error_templates.NOT_CONFIRMED)
    code = request["ConfirmationCode"]
    pending = verification.check_code(pool, user, verification.RESET, code, hidden=hidden)
    if user.status is Status.UNCONFIRMED:
        raise PoolRefusal(error_templates.NOT_CONFIRMED)
    passwords.check_history(pool, user, password)
    verification.discard_code(user, verification.RESET)
    passwords.set_password(pool, user, password, temporary=False)
    verification.mark_verified(pool, user, pending)
    source, metadata = "PostConfirmation_ConfirmForgotPassword", request.get("ClientMetadata")
    triggers.post_confirmation(pool, source, client, user, metadata)
    return {}


def reset_user_password(pool: Core, user: User, request: Request) -> Reply:
    """AdminResetUserPassword: disables the password, and sends a code as ForgotPassword does."""
    _check_resettable(user)
    attribute = recovery_attribute(pool, user)
    if attribute is None:
        raise PoolRefusal(error_templates.NO_RECOVERY_ADDRESS)
    user.status, user.modified = Status.RESET_REQUIRED, pool.clock()
    _send_reset_code(pool, user, attribute, None, request)
    return {}


def change_password(pool: Core, user: User, request: Request) -> Reply:
    """ChangePassword: needs the current password if the user has one."""
    password = Secret(request["ProposedPassword"])
    verification.count_call(pool, user, "ChangePassword")
    user.lock_out.check(pool.elapsed())
    if user.credential is not None:
        previous = request.get("PreviousPassword")
        if not previous:
            raise PoolRefusal(error_templates.PREVIOUS_PASSWORD)
        passwords.check_current_password(pool, user, Secret(previous))
    passwords.check_policy(pool, password)
    passwords.check_history(pool, user, password)
    passwords.set_password(pool, user, password, temporary=False)
    return {}


def get_user(pool: Core, request: Request) -> Reply:
    """GetUser: the attributes that the app client may read."""
    family = pool.token_issuer.bearer(request["AccessToken"])
    family.user.ensure_confirmed()
    readable = attributes.readable_by(pool, family.client, family.user)
    return {
        "Username": family.user.username,
        "UserAttributes": attributes.to_api(readable),
        **enrolment.mfa_members(family.user),
    }


def update_user_attributes(pool: Core, request: Request) -> Reply:
    """UpdateUserAttributes: sends a code to a new address if the pool verifies such addresses."""
    family = pool.token_issuer.bearer(request["AccessToken"])
    family.user.ensure_confirmed()
    values = attributes.from_request(request["UserAttributes"])
    attributes.check_writable(pool, family.client, values)
    attributes.check(pool, values, family.user)
    details = _write_attributes(pool, family.user, values, family.client, request)
    return {"CodeDeliveryDetailsList": details}


def admin_update_user_attributes(pool: Core, user: User, request: Request) -> Reply:
    """AdminUpdateUserAttributes: may also mark an address as verified."""
    values = attributes.from_request(request["UserAttributes"])
    attributes.check(pool, values, user)
    _write_attributes(pool, user, values, None, request)
    return {}


def _write_attributes(
    pool: Core, user: User, values: Mapping[str, str], client: AppClient | None, request: Request
) -> list[dict[str, str]]:
    settings, metadata = pool.configuration, request.get("ClientMetadata")
    changed = [n for n in _ADDRESSES if values.get(n) and values[n] != user.attributes.get(n)]
    to_verify = [
        name
        for name in changed
        if name in settings.auto_verified_attributes and values.get(f"{name}_verified") != "true"
    ]
    # "If your user pool requires verification before Amazon Cognito updates the attribute value, this
    # operation" (VerifyUserAttribute) "updates the affected attribute to its pending value"
    later = [name for name in to_verify if name in settings.verified_before_update]
    attributes.write(pool, user, {n: v for n, v in values.items() if n not in later})
    purpose = Purpose.UPDATE_USER_ATTRIBUTE
    return [
        verification.send_code(
            pool, user, purpose, name, client, metadata, code_key=name, address=values[name]
        )
        for name in to_verify
    ]


def delete_user_attributes(pool: Core, request: Request) -> Reply:
    """DeleteUserAttributes: those that the app client may write; one that the user lacks is no error."""
    family, names = pool.token_issuer.bearer(request["AccessToken"]), request["UserAttributeNames"]
    attributes.check_writable(pool, family.client, dict.fromkeys(names, ""))
    return admin_delete_user_attributes(pool, family.user, request)


def admin_delete_user_attributes(pool: Core, user: User, request: Request) -> Reply:
    """AdminDeleteUserAttributes: a verified address loses its mark as well."""
    names, schema = request["UserAttributeNames"], pool.configuration.attributes
    if unknown := [name for name in names if schema.find(name) is None]:
        why = "\n".join(f"user.{n}: Attribute does not exist in the schema." for n in unknown)
        raise PoolRefusal(error_templates.NO_SUCH_ATTRIBUTES, why=why)
    for name in names:
        # Users sign in with these, or must have them.
        if name in (*schema.required, *pool.configuration.username_attributes):
            raise PoolRefusal(error_templates.ATTRIBUTE_REQUIRED, name=name)
    values = dict.fromkeys(names, "")
    attributes.check(pool, values, user)
    attributes.write(pool, user, values)
    return {}


def get_user_attribute_verification_code(pool: Core, request: Request) -> Reply:
    """GetUserAttributeVerificationCode: sends a code to the current address, or to one that waits for its code."""
    family, name = pool.token_issuer.bearer(request["AccessToken"]), request["AttributeName"]
    user, metadata = family.user, request.get("ClientMetadata")
    verification.count_call(pool, user, "GetUserAttributeVerificationCode")
    pending = user.account.codes.get(name)
    address = pending.address if pending is not None else user.attributes.get(name)
    if name not in _ADDRESSES or not address:
        raise PoolRefusal(error_templates.NOTHING_TO_VERIFY, name=name)
    purpose = Purpose.VERIFY_USER_ATTRIBUTE
    details = verification.send_code(
        pool, user, purpose, name, family.client, metadata, code_key=name, address=address
    )
    return {"CodeDeliveryDetails": details}


def verify_user_attribute(pool: Core, user: User, request: Request) -> Reply:
    """VerifyUserAttribute."""
    name = request["AttributeName"]
    verification.count_call(pool, user, "VerifyUserAttribute")
    if name not in _ADDRESSES:
        raise PoolRefusal(error_templates.NOTHING_TO_VERIFY, name=name)
    pending = verification.check_code(pool, user, name, request["Code"])
    if pool.users.is_taken(name, pending.address, user):
        raise PoolRefusal(error_templates.ALIAS_TAKEN, name=name)
    verification.discard_code(user, name)
    if name in pool.configuration.verified_before_update:
        pool.users.set_attribute(user, name, pending.address)
    verification.mark_verified(pool, user, pending)
    user.modified = pool.clock()
    return {}


def global_sign_out(_: Core, user: User, __: Request) -> Reply:
    """GlobalSignOut and AdminUserGlobalSignOut: revoke all tokens of the user."""
    user.sign_outs += 1
    return {}


def revoke_token(pool: Core, request: Request) -> Reply:
    """RevokeToken: a refresh token, and the access tokens of its sign-in."""
    client = pool.client(request)
    check_client_secret(client, request)
    check_associated_sessions(request)
    if not client.enable_token_revocation:
        raise PoolRefusal(error_templates.NOT_REVOCABLE)
    pool.token_issuer.revoke(request["Token"], client)
    return {}


def delete_user(pool: Core, user: User, _: Request) -> Reply:
    """DeleteUser and AdminDeleteUser."""
    pool.users.remove(user)
    return {}
