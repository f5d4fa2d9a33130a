"""Getting back in: ForgotPassword and its confirmation, a reset by an administrator, ChangePassword.

Where PreventUserExistenceErrors is ENABLED, nothing here tells a user who is there from one who is not.
-- developer guide, "Managing user existence error responses"
"""

from __future__ import annotations

from typing import Final

from authfsm.base.secret import Secret
from authfsm.local.accounts import migration, sign_up
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import passwords
from authfsm.local.state import triggers, verification
from authfsm.local.state.codes import Purpose
from authfsm.local.state.core import Core, Reply, Request
from authfsm.local.state.users import Status, User
from authfsm.protocol.states import State

_RECOVERS: Final = {"verified_email": "email", "verified_phone_number": "phone_number"}
_LEGACY: Final = ("verified_phone_number", "verified_email")


def channel(pool: Core, user: User) -> str | None:
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
    client = sign_up.caller(pool, request)
    typed, metadata = request["Username"], request.get("ClientMetadata")
    if pool.configuration.account_recovery == ("admin_only",):
        raise PoolRefusal(
            error_templates.ONLY_ADMINS_RESET
        )  # before anything is looked up: of nobody in particular
    user = pool.users.find(typed)
    if user is None:
        user = migration.on_forgot_password(pool, client, typed, metadata)
    pretended: Reply = {"CodeDeliveryDetails": verification.pretended(pool, typed)}
    hidden = client.prevent_user_existence_errors == "ENABLED"
    if user is None and not hidden:
        raise PoolRefusal(error_templates.NO_SUCH_NAME)
    verification.count(pool, user, "ForgotPassword", typed)
    if user is None:
        return pretended
    way = channel(pool, user)
    # "isn't found, is deactivated, or doesn't have a verified delivery mechanism" (developer guide)
    if hidden and (way is None or not user.enabled):
        return pretended
    if not user.enabled:
        raise PoolRefusal(error_templates.DISABLED)
    if way is None:
        raise PoolRefusal(error_templates.NO_WAY_BACK)
    _check_resettable(user)
    details = verification.send(
        pool, user, Purpose.FORGOT_PASSWORD, way, wanted_for=verification.RESET
    )
    return {"CodeDeliveryDetails": details}


def _check_resettable(user: User) -> None:
    if user.status not in {Status.CONFIRMED, Status.RESET_REQUIRED}:
        raise PoolRefusal(error_templates.NO_RESET)


def confirm_forgot_password(pool: Core, request: Request) -> Reply:
    """ConfirmForgotPassword: the code and a new password; a refused password leaves the code good."""
    client = sign_up.caller(pool, request)
    typed, code = request["Username"], request["ConfirmationCode"]
    user, password = pool.users.find(typed), Secret(request["Password"])
    hidden = client.prevent_user_existence_errors == "ENABLED"
    if not hidden:
        _check_findable(user)
    verification.count(pool, user, "ConfirmForgotPassword", typed)
    # Whether the password or the code is looked at first is not known. The passwords of the past come
    # last: who has no code is not told them.
    passwords.check_policy(pool, password)
    # "for users that don't exist or are disabled" CodeMismatchException is returned, says the guide.
    if user is None or (hidden and not user.enabled):
        raise PoolRefusal(error_templates.CODE_WRONG)
    if user.status is Status.UNCONFIRMED and not hidden:
        raise PoolRefusal(error_templates.NOT_CONFIRMED)
    pending = verification.check(pool, user, verification.RESET, code, hidden=hidden)
    if user.status is Status.UNCONFIRMED:
        raise PoolRefusal(error_templates.NOT_CONFIRMED)
    passwords.check_history(pool, user, password)
    verification.spend(user, verification.RESET)
    passwords.set_password(pool, user, password, temporary=False)
    verification.verified(pool, user, pending)
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
        raise PoolRefusal(error_templates.NO_SUCH_NAME)
    if not user.enabled:
        raise PoolRefusal(error_templates.DISABLED)


def reset_as_admin(pool: Core, request: Request) -> Reply:
    """AdminResetUserPassword: the password signs in no more; a code is sent, as by ForgotPassword."""
    user = pool.named(request)
    _check_resettable(user)
    way = channel(pool, user)
    if way is None:
        raise PoolRefusal(error_templates.NO_WAY_BACK)
    user.status, user.modified = Status.RESET_REQUIRED, pool.clock()
    verification.send(pool, user, Purpose.FORGOT_PASSWORD, way, wanted_for=verification.RESET)
    return {}


def change_password(pool: Core, request: Request) -> Reply:
    """ChangePassword: with the present password, if the user has one."""
    user, password = pool.bearer(request), Secret(request["ProposedPassword"])
    verification.count(pool, user, "ChangePassword")
    user.lock_out.check(pool.elapsed())
    if user.credential is not None:
        previous = request.get("PreviousPassword")
        if not previous:
            raise PoolRefusal(error_templates.PREVIOUS_PASSWORD)
        passwords.check_present(pool, user, Secret(previous))
    passwords.check_policy(pool, password)
    passwords.check_history(pool, user, password)
    passwords.set_password(pool, user, password, temporary=False)
    return {}
