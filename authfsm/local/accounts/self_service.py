"""Getting back in: ForgotPassword and its confirmation, a reset by an administrator, ChangePassword.

Where PreventUserExistenceErrors is ENABLED, nothing here tells a user who is there from one who is not.
-- developer guide, "Managing user existence error responses"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from authfsm.base.secret import Secret
from authfsm.local.accounts import sign_up
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import passwords, triggers
from authfsm.local.state import attributes, verification
from authfsm.local.state.codes import Purpose
from authfsm.local.state.core import Core, Reply, Request
from authfsm.local.state.users import Status, User
from authfsm.protocol.states import State

_RECOVERS: Final = {"verified_email": "email", "verified_phone_number": "phone_number"}
_LEGACY: Final = ("verified_phone_number", "verified_email")


def recovery_attribute(pool: Core, user: User) -> str | None:
    """The verified address by which a user gets back in; None if there is none.

    "In the absence of this setting, Amazon Cognito uses the legacy behavior ... where SMS is preferred
    through email. ... With this setting, SMS doesn't qualify for a valid password recovery mechanism if the
    user also has SMS multi-factor authentication (MFA) activated." -- AWS API reference
    """
    ways = pool.configuration.account_recovery or _LEGACY
    for way in ways:
        attribute = _RECOVERS.get(way)
        if attribute is None or user.attributes.get(f"{attribute}_verified") != "true":
            continue
        by_sms = attribute == "phone_number" and bool(pool.configuration.account_recovery)
        if by_sms and State.SMS_MFA in user.mfa_enabled:
            continue
        if user.attributes.get(attribute):
            return attribute
    return None


def forgot_password(pool: Core, request: Request) -> Reply:
    """ForgotPassword: a code to a verified address."""
    client = sign_up.client_of(pool, request)
    typed, metadata = request["Username"], request.get("ClientMetadata")
    if pool.configuration.account_recovery == ("admin_only",):
        raise PoolRefusal(
            error_templates.ONLY_ADMINS_RESET
        )  # before anything is looked up: of nobody in particular
    user = pool.users.find(typed)
    if user is None:
        user = sign_up.migrate_at_forgot_password(pool, client, typed, metadata)
    pretended: Reply = {"CodeDeliveryDetails": verification.simulated_delivery(pool, typed)}
    hidden = client.prevent_user_existence_errors == "ENABLED"
    if user is None and not hidden:
        raise PoolRefusal(error_templates.NO_SUCH_USERNAME)
    verification.count_call(pool, user, "ForgotPassword", typed)
    if user is None:
        return pretended
    way = recovery_attribute(pool, user)
    # "isn't found, is deactivated, or doesn't have a verified delivery mechanism" (developer guide)
    if hidden and (way is None or not user.enabled):
        return pretended
    if not user.enabled:
        raise PoolRefusal(error_templates.DISABLED)
    if way is None:
        raise PoolRefusal(error_templates.NO_RECOVERY_ADDRESS)
    _check_resettable(user)
    details = verification.send_code(
        pool, user, Purpose.FORGOT_PASSWORD, way, wanted_for=verification.RESET
    )
    return {"CodeDeliveryDetails": details}


def _check_resettable(user: User) -> None:
    if user.status not in {Status.CONFIRMED, Status.RESET_REQUIRED}:
        raise PoolRefusal(error_templates.RESET_NOT_POSSIBLE)


def confirm_forgot_password(pool: Core, request: Request) -> Reply:
    """ConfirmForgotPassword: the code and a new password; a refused password leaves the code good."""
    client = sign_up.client_of(pool, request)
    typed, code = request["Username"], request["ConfirmationCode"]
    user, password = pool.users.find(typed), Secret(request["Password"])
    hidden = client.prevent_user_existence_errors == "ENABLED"
    if not hidden:
        _check_findable(user)
    verification.count_call(pool, user, "ConfirmForgotPassword", typed)
    # Whether the password or the code is looked at first is not known. The passwords of the past come
    # last: who has no code is not told them.
    passwords.check_policy(pool, password)
    # "for users that don't exist or are disabled" CodeMismatchException is returned, says the guide.
    if user is None or (hidden and not user.enabled):
        raise PoolRefusal(error_templates.VERIFICATION_CODE_MISMATCH)
    if user.status is Status.UNCONFIRMED and not hidden:
        raise PoolRefusal(error_templates.NOT_CONFIRMED)
    pending = verification.check_code(pool, user, verification.RESET, code, hidden=hidden)
    if user.status is Status.UNCONFIRMED:
        raise PoolRefusal(error_templates.NOT_CONFIRMED)
    passwords.check_history(pool, user, password)
    verification.discard_code(user, verification.RESET)
    passwords.set_password(pool, user, password, temporary=False)
    verification.mark_verified(pool, user, pending)
    triggers.post_confirmation(
        pool,
        "PostConfirmation_ConfirmForgotPassword",
        client,
        user,
        request.get("ClientMetadata"),
    )
    return {}


def _check_findable(user: User | None) -> None:
    if user is None:
        raise PoolRefusal(error_templates.NO_SUCH_USERNAME)
    if not user.enabled:
        raise PoolRefusal(error_templates.DISABLED)


def admin_reset_user_password(pool: Core, request: Request) -> Reply:
    """AdminResetUserPassword: the password signs in no more; a code is sent, as by ForgotPassword."""
    user = pool.named(request)
    _check_resettable(user)
    way = recovery_attribute(pool, user)
    if way is None:
        raise PoolRefusal(error_templates.NO_RECOVERY_ADDRESS)
    user.status, user.modified = Status.RESET_REQUIRED, pool.clock()
    verification.send_code(pool, user, Purpose.FORGOT_PASSWORD, way, wanted_for=verification.RESET)
    return {}


def change_password(pool: Core, request: Request) -> Reply:
    """ChangePassword: with the present password, if the user has one."""
    user, password = pool.bearer(request), Secret(request["ProposedPassword"])
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


_ADDRESSES: Final = ("email", "phone_number")


def update_user_attributes(pool: Core, request: Request) -> Reply:
    """UpdateUserAttributes: a new address is verified by a code, if the pool verifies such addresses."""
    family = pool.token_issuer.bearer(request["AccessToken"])
    given = attributes.from_request(request["UserAttributes"])
    attributes.check_writable(pool, family.client, given)
    attributes.check(pool, given, family.user)
    return {"CodeDeliveryDetailsList": _write_attributes(pool, family.user, given)}


def admin_update_user_attributes(pool: Core, request: Request) -> Reply:
    """AdminUpdateUserAttributes: also what says that an address is verified."""
    user, given = pool.named(request), attributes.from_request(request["UserAttributes"])
    attributes.check(pool, given, user)
    _write_attributes(pool, user, given)
    return {}


def _write_attributes(pool: Core, user: User, given: Mapping[str, str]) -> list[dict[str, str]]:
    settings = pool.configuration
    changed = [n for n in _ADDRESSES if given.get(n) and given[n] != user.attributes.get(n)]
    to_verify = [
        name
        for name in changed
        if name in settings.auto_verified_attributes and given.get(f"{name}_verified") != "true"
    ]
    # "If your user pool requires verification before Amazon Cognito updates the attribute value, this
    # operation" (VerifyUserAttribute) "updates the affected attribute to its pending value"
    later = [name for name in to_verify if name in settings.verified_before_update]
    attributes.write(pool, user, {n: v for n, v in given.items() if n not in later})
    return [
        verification.send_code(
            pool,
            user,
            Purpose.UPDATE_USER_ATTRIBUTE,
            name,
            wanted_for=name,
            address=given[name],
        )
        for name in to_verify
    ]


def get_user_attribute_verification_code(pool: Core, request: Request) -> Reply:
    """GetUserAttributeVerificationCode: a code to the address the user has, or is about to have."""
    user, name = pool.bearer(request), request["AttributeName"]
    verification.count_call(pool, user, "GetUserAttributeVerificationCode")
    waiting = user.account.codes.get(name)
    address = waiting.address if waiting is not None else user.attributes.get(name)
    if name not in _ADDRESSES or not address:
        raise PoolRefusal(error_templates.NOTHING_TO_VERIFY, name=name)
    details = verification.send_code(
        pool,
        user,
        Purpose.VERIFY_USER_ATTRIBUTE,
        name,
        wanted_for=name,
        address=address,
    )
    return {"CodeDeliveryDetails": details}


def verify_user_attribute(pool: Core, request: Request) -> Reply:
    """VerifyUserAttribute: the right code verifies the address it went to."""
    user, name = pool.bearer(request), request["AttributeName"]
    verification.count_call(pool, user, "VerifyUserAttribute")
    if name not in _ADDRESSES:
        raise PoolRefusal(error_templates.NOTHING_TO_VERIFY, name=name)
    pending = verification.check_code(pool, user, name, request["Code"])
    if pool.users.is_taken(name, pending.address, user):
        raise PoolRefusal(error_templates.ALIAS_TAKEN, name=name)
    verification.discard_code(user, name)
    if name in pool.configuration.verified_before_update:
        pool.users.change(user, name, pending.address)
    verification.mark_verified(pool, user, pending)
    user.modified = pool.clock()
    return {}
