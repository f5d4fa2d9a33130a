"""The operations on a user's passwords, attributes, sessions and tokens, for users and for administrators.

With PreventUserExistenceErrors=ENABLED, ForgotPassword treats an unknown name like a user without a verified address,
and ConfirmForgotPassword refuses it like a wrong code -- developer guide, "Managing user existence error responses"

The pool has no managed login pages, and so no SSO sessions that RevokeAssociatedSessions could revoke.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from authfsm.base.secret import Secret
from authfsm.local.accounts import enrolment
from authfsm.local.accounts.initiate_auth import check_client_secret
from authfsm.local.accounts.sign_up import client_of, migrate_at_forgot_password
from authfsm.local.config import error_templates
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.config.request_members import lower_first
from authfsm.local.signin import messages, passwords, triggers
from authfsm.local.state import attributes
from authfsm.local.state.codes import ADDRESSES, MEDIA, Purpose
from authfsm.local.state.core import Core, Reply, Request, SessionConfiguration
from authfsm.local.state.token_claims import TokenFamily
from authfsm.local.state.users import Status, User


def recovery_attribute(pool: Core, user: User, *, strict: bool = True) -> str | None:
    """Return the attribute to which a recovery code is sent, or None. `strict=False` accepts any address."""
    configured = pool.configuration.account_recovery
    names = [each.removeprefix("verified_") for each in configured or ("verified_phone_number", "verified_email")]
    # With AccountRecoverySetting, a second factor's address "doesn't qualify" (AWS API reference, CreateUserPool).
    factors = {ADDRESSES.get(each) for each in user.mfa_enabled} if configured else set()
    for name in sorted(names, key=factors.__contains__):  # admin_only is skipped: users have no such attribute
        is_verified = user.attributes.get(f"{name}_verified") == "true"
        if strict and (name in factors or not is_verified):
            continue
        if user.attributes.get(name) or (is_verified and not strict):
            return name
    return None


def _accepted_recovery_attribute(pool: Core, user: User) -> str:
    """Return `recovery_attribute`, or refuse if it is None. With "unverified-recovery" disabled, any address counts."""
    found, refusal = recovery_attribute(pool, user), error_templates.NO_RECOVERY_ADDRESS.refusal()
    if found is None and (found := recovery_attribute(pool, user, strict=False)):
        pool.refuse_or_record("unverified-recovery", refusal)
    if found is None:
        raise refusal
    return found


def forgot_password(pool: Core, request: Request) -> Reply:
    """Answer ForgotPassword: send a code for a new password."""
    client, name = client_of(pool, request), request["Username"]
    if pool.configuration.account_recovery == ("admin_only",):
        raise error_templates.ONLY_ADMINS_RESET.refusal()  # the same for unknown users
    user, hidden = pool.users.find(name), client.hides_user_existence
    if user is None:
        user = migrate_at_forgot_password(pool, client, name, request.get("ClientMetadata"))
    if user is None and not hidden:
        pool.refuse_or_record("unverified-recovery", error_templates.NO_SUCH_USERNAME.refusal())
    messages.count_call(pool, user, "ForgotPassword", name)
    attribute = recovery_attribute(pool, user) if user is not None else None
    # For a user who "isn't found, is deactivated, or doesn't have a verified delivery mechanism" (developer guide)
    if user is None or (hidden and (attribute is None or not user.enabled)):
        return {"CodeDeliveryDetails": messages.simulated_delivery(pool, name)}
    if not user.enabled:
        raise error_templates.DISABLED.refusal()
    attribute = _accepted_recovery_attribute(pool, user)
    _check_resettable(pool, user, "invited-users")
    return {"CodeDeliveryDetails": messages.send_code(pool, user, Purpose.FORGOT_PASSWORD, attribute, client, request)}


def _check_resettable(pool: Core, user: User, check: str = "") -> None:
    if user.status not in {Status.CONFIRMED, Status.RESET_REQUIRED}:
        invited = user.status is Status.FORCE_CHANGE_PASSWORD
        pool.refuse_or_record(check if invited else "", error_templates.RESET_NOT_POSSIBLE.refusal())


def confirm_forgot_password(pool: Core, request: Request) -> None:
    """Answer ConfirmForgotPassword: set a new password with a code; the code stays valid if the password is refused."""
    client, name = client_of(pool, request), request["Username"]
    user, password = pool.users.find(name), Secret(request["Password"])
    hidden = client.hides_user_existence
    if not hidden:
        if user is None:
            raise error_templates.NO_SUCH_USERNAME.refusal()
        if not user.enabled:
            raise error_templates.DISABLED.refusal()
    messages.count_call(pool, user, "ConfirmForgotPassword", name)
    # Whether Cognito checks the password or the code first is unknown. The password history comes last,
    # because only a user with the code may learn about it.
    passwords.check_policy(pool, password, check="weak-passwords")
    # The developer guide documents CodeMismatchException "for users that don't exist or are disabled".
    if user is None or (hidden and not user.enabled):
        raise error_templates.VERIFICATION_CODE_MISMATCH.refusal()
    if user.status is Status.UNCONFIRMED and not hidden:
        raise error_templates.NOT_CONFIRMED.refusal()
    code = request["ConfirmationCode"]
    pending = messages.check_code(pool, user, messages.RESET, code, hidden=hidden)
    if user.status is Status.UNCONFIRMED:
        raise error_templates.NOT_CONFIRMED.refusal()
    passwords.check_history(pool, user, password)
    passwords.set_password(pool, user, password, temporary=False)
    user.account.codes.pop(messages.RESET, None)
    pool.users.mark_verified(user, pending.attribute, pending.address)
    source, metadata = "PostConfirmation_ConfirmForgotPassword", request.get("ClientMetadata")
    triggers.post_confirmation(pool, source, client, user, metadata)


def reset_user_password(pool: Core, user: User, request: Request) -> None:
    """Answer AdminResetUserPassword: refuse the password from now on, and send a code as ForgotPassword does."""
    if not user.enabled:  # moto's tests
        raise error_templates.DISABLED.refusal()
    _check_resettable(pool, user)
    attribute = _accepted_recovery_attribute(pool, user)
    user.status, user.modified = Status.RESET_REQUIRED, pool.clock()
    messages.send_code(pool, user, Purpose.FORGOT_PASSWORD, attribute, None, request)


def change_password(pool: Core, user: User, request: Request) -> None:
    """Answer ChangePassword: the request must have the current password if the user has one."""
    password = Secret(request["ProposedPassword"])
    messages.count_call(pool, user, "ChangePassword")
    user.lock_out.check(pool.elapsed())
    if user.credential is not None:
        previous = request.get("PreviousPassword")
        if not previous:
            raise error_templates.PREVIOUS_PASSWORD.refusal()
        passwords.check_current_password(pool, user, Secret(previous))
    passwords.check_policy(pool, password)
    passwords.check_history(pool, user, password)
    passwords.set_password(pool, user, password, temporary=False)


def get_user(pool: Core, request: Request) -> Reply:
    """Answer GetUser: return the attributes that the app client may read."""
    family = pool.confirmed_family(request)
    user, schema, allowed = family.user, pool.configuration.attributes, family.client.read_attributes
    readable = {n: v for n, v in user.all_attributes().items() if schema.may_read(n, allowed)}
    own = {"Username": user.username, "UserAttributes": attributes.to_api(readable)}
    return {**own, **enrolment.mfa_members(user)}


def update_user_attributes(pool: Core, request: Request) -> Reply:
    """Answer UpdateUserAttributes: change attributes; a new address among AutoVerifiedAttributes is sent a code."""
    family = pool.confirmed_family(request)
    values = attributes.from_request(request["UserAttributes"])
    attributes.check_writable(pool, family.client, values)
    attributes.check(pool, values, family.user)
    return {"CodeDeliveryDetailsList": _write_attributes(pool, family.user, values, family.client, request)}


def admin_update_user_attributes(pool: Core, user: User, request: Request) -> None:
    """Answer AdminUpdateUserAttributes, which can also set `email_verified` and `phone_number_verified`."""
    values = attributes.from_request(request["UserAttributes"])
    attributes.check(pool, values, user)
    _write_attributes(pool, user, values, None, request)


def _write_attributes(
    pool: Core, user: User, values: Mapping[str, str], client: AppClient | None, request: Request
) -> list[dict[str, str]]:
    settings = pool.configuration
    changed = [n for n in MEDIA if values.get(n) and values[n] != user.attributes.get(n)]
    unverified = [name for name in changed if values.get(f"{name}_verified") != "true"]
    to_verify = [name for name in unverified if name in settings.auto_verified_attributes]
    # "If your user pool requires verification before Amazon Cognito updates the attribute value, this
    # operation" (VerifyUserAttribute) "updates the affected attribute to its pending value"
    pending = [name for name in to_verify if name in settings.verified_before_update]
    attributes.write(pool, user, {n: v for n, v in values.items() if n not in pending})
    send = partial(messages.send_code, pool, user, Purpose.UPDATE_USER_ATTRIBUTE)
    return [send(name, client, request, values[name]) for name in to_verify]


def delete_user_attributes(pool: Core, request: Request) -> None:
    """Answer DeleteUserAttributes: delete attributes that the app client may write, if the user has them."""
    family, names = pool.confirmed_family(request), request["UserAttributeNames"]
    attributes.check_writable(pool, family.client, dict.fromkeys(names, ""))
    admin_delete_user_attributes(pool, family.user, request)


def admin_delete_user_attributes(pool: Core, user: User, request: Request) -> None:
    """Answer AdminDeleteUserAttributes: delete attributes; an address is deleted with its *_verified attribute."""
    names, schema = request["UserAttributeNames"], pool.configuration.attributes
    if unknown := [name for name in names if name not in schema.all]:
        why = "\n".join(f"user.{n}: Attribute does not exist in the schema." for n in unknown)
        raise error_templates.NO_SUCH_ATTRIBUTES.refusal(why=why)
    values = dict.fromkeys(names, "")
    attributes.check(pool, values, user)
    attributes.write(pool, user, values)


def get_user_attribute_verification_code(pool: Core, request: Request) -> Reply:
    """Answer GetUserAttributeVerificationCode: send a code to where the last code went, or to the user's address."""
    family, name = pool.confirmed_family(request), request["AttributeName"]
    user = family.user
    messages.count_call(pool, user, "GetUserAttributeVerificationCode")
    pending = user.account.codes.get(name)
    address = pending.address if pending is not None else user.attributes.get(name)
    if name not in MEDIA or not address:
        raise error_templates.NOTHING_TO_VERIFY.refusal(name=name)
    client, purpose = family.client, Purpose.VERIFY_USER_ATTRIBUTE
    return {"CodeDeliveryDetails": messages.send_code(pool, user, purpose, name, client, request, address)}


def verify_user_attribute(pool: Core, user: User, request: Request) -> None:
    """Answer VerifyUserAttribute: mark an address as verified if the code is right."""
    name = request["AttributeName"]
    messages.count_call(pool, user, "VerifyUserAttribute")
    if name not in MEDIA:
        raise error_templates.NOTHING_TO_VERIFY.refusal(name=name)
    pending = messages.check_code(pool, user, name, request["Code"])
    if pool.users.is_taken(name, pending.address, user):
        raise error_templates.ALIAS_TAKEN.refusal(name=name)
    user.account.codes.pop(name, None)
    if name in pool.configuration.verified_before_update:
        pool.users.set_attribute(user, name, pending.address)
    pool.users.mark_verified(user, pending.attribute, pending.address)
    user.modified = pool.clock()


def global_sign_out(_: Core, user: User, __: Request) -> None:
    """Answer GlobalSignOut and AdminUserGlobalSignOut: revoke all tokens of the user."""
    user.sign_outs += 1


def revoke_token(pool: Core, request: Request) -> None:
    """Answer RevokeToken: revoke a refresh token, and the access tokens of its sign-in."""
    client = pool.client(request)
    check_client_secret(client, request)
    _check_enum(request, "RevokeAssociatedSessions", ("NONE", "LINKED"))
    if not client.enable_token_revocation:
        raise error_templates.NOT_REVOCABLE.refusal()
    pool.token_issuer.revoke(request["Token"], client)


def delete_user(pool: Core, user: User, _: Request) -> None:
    """Answer DeleteUser and AdminDeleteUser: delete the user with all sessions and tokens."""
    pool.users.remove(user)


def _check_enum(request: Request, member: str, values: tuple[str, ...]) -> None:
    if request.get(member, values[0]) not in values:
        value, name = request[member], lower_first(member)
        raise error_templates.NOT_IN_ENUM.refusal(value=value, name=name, values=", ".join(values))


def _check_tracking_enabled(pool: Core) -> None:
    if pool.max_sessions_per_user is None:
        raise error_templates.NO_SESSION_TRACKING.refusal()


def _session_owner(pool: Core, request: Request) -> tuple[User, TokenFamily | None]:
    """Return the user whose sessions a request is about, and the AccessToken's token family (None without a token)."""
    if "AccessToken" not in request:
        return pool.user_of(request), None
    current = pool.token_family(request)
    return current.user, current


def list_user_sessions(pool: Core, request: Request) -> Reply:
    """Answer ListUserSessions and AdminListUserSessions: return the sessions at all app clients, in a single page."""
    user, current = _session_owner(pool, request)
    _check_tracking_enabled(pool)
    sessions = [
        {
            "SessionId": session.session_id,
            "SessionType": "TOKEN",
            "ClientId": family.client.client_id,
            "CreateDate": session.created.timestamp(),
            "LastActiveDate": session.last_active.timestamp(),
            "DeviceType": "unknown",
            "IsCurrentSession": family is current,
        }
        for session, family in pool.token_issuer.sessions_of(user)
    ]
    return {"Sessions": sessions}


def revoke_user_session(pool: Core, request: Request) -> None:
    """Answer RevokeUserSession and AdminRevokeUserSession; refuse the AccessToken's own session (API reference)."""
    user, current = _session_owner(pool, request)
    _check_tracking_enabled(pool)
    _check_enum(request, "RevokeAssociatedSessions", ("NONE", "LINKED"))
    by_id = {session.session_id: family for session, family in pool.token_issuer.sessions_of(user)}
    family = by_id.get(request["SessionId"])
    if family is None:
        raise error_templates.NO_SUCH_SESSION.refusal()
    if family is current:
        raise error_templates.SESSION_IS_CURRENT.refusal()
    pool.token_issuer.end_session(family)


def get_user_pool_session_configuration(pool: Core, request: Request) -> Reply:
    """Answer GetUserPoolSessionConfiguration: return how many sessions a user may have."""
    return {"UserPoolId": request["UserPoolId"], **pool.session_settings}


def set_user_pool_session_configuration(pool: Core, request: Request) -> Reply:
    """Answer SetUserPoolSessionConfiguration: if it lowers MaxPerUser, surplus sessions end at the next sign-in."""
    _check_enum(request, "UserSessionTracking", ("ENABLED", "DISABLED"))
    _check_tier(pool)
    key, settings = request["UserPoolId"], {n: request[n] for n in ("UserSessionTracking", "TokenSession")}
    pool.session_configurations[key] = SessionConfiguration(key, settings)
    return get_user_pool_session_configuration(pool, request)


def get_user_pool_client_session_configuration(pool: Core, request: Request) -> Reply:
    """Answer GetUserPoolClientSessionConfiguration: return the app client's setting."""
    client_id = pool.client(request).client_id
    configuration = pool.session_configurations.get(client_id)
    # "If you have never called SetUserPoolClientSessionConfiguration ... 60 minutes" -- AWS API reference
    settings = configuration.settings if configuration else {"SSOSession": {"MaxValidityMinutes": 60}}
    return {"UserPoolId": request["UserPoolId"], "ClientId": client_id, **settings}


def set_user_pool_client_session_configuration(pool: Core, request: Request) -> Reply:
    """Answer SetUserPoolClientSessionConfiguration: store the setting, which has no effect without SSO sessions."""
    client_id = pool.client(request).client_id
    _check_tier(pool)
    _check_tracking_enabled(pool)
    settings = {"SSOSession": request["SSOSession"]}
    pool.session_configurations[client_id] = SessionConfiguration(client_id, settings)
    return get_user_pool_client_session_configuration(pool, request)


def _check_tier(pool: Core) -> None:
    if pool.configuration.tier == "LITE":
        raise error_templates.NOT_IN_TIER.refusal(feature="Session tracking")
