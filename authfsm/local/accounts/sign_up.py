"""The operations SignUp, ConfirmSignUp and ResendConfirmationCode, and the import of users by UserMigration.

The order of SignUp's checks: the app client, SECRET_HASH, whether users may sign up, the password, which attributes
the app client may write, the form of the name, the attributes, whether the name is free, PreSignUp, whether the
aliases are free. Cognito's own order is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.signin import choice, messages, passwords, triggers
from authfsm.local.signin.triggers import Metadata, Subject
from authfsm.local.state import attributes
from authfsm.local.state.codes import Purpose
from authfsm.local.state.core import Core, Reply, Request, check_secret_hash
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.users import Status, User
from authfsm.protocol.states import State

_SIGN_UP: Final = "SIGN_UP"
"""The flow and challenge of SignUp's session. Only ConfirmSignUp accepts it: the API has no such ChallengeName."""


def client_of(pool: Core, request: Request) -> AppClient:
    """Return the app client of a request with a Username, after checking its SecretHash."""
    client = pool.client(request)
    parameters = {"SECRET_HASH": request["SecretHash"]} if "SecretHash" in request else {}
    check_secret_hash(pool, client, request["Username"], parameters)
    return client


def allows_passwordless_users(pool: Core) -> bool:
    """Return whether a user may have no password, because a code can be the first factor."""
    return bool({"EMAIL_OTP", "SMS_OTP"} & set(pool.configuration.allowed_first_auth_factors))


def unsaved_user(pool: Core, username: str, values: Mapping[str, str], *, migrated: bool = False) -> User:
    """Return a new user who is not in the pool yet; with UsernameAttributes, the internal username is the sub."""
    sub, now = pool.token_issuer.uuid(), pool.clock()
    name, own = username, dict(values)
    kind = "email" if "@" in username else "phone_number" if re.fullmatch(r"\+[0-9]+", username) else ""
    # The messages are from reports of users, except those for phone numbers alone, which are inferred.
    if required := pool.configuration.username_attributes:
        name, text = sub, {"email": "an email", "phone_number": "a phone number"}[required[0]]
        if kind not in required:
            text = "either an email or a phone number" if len(required) > 1 else text
            raise error_templates.INVALID_PARAMETER.refusal(why=f"Username should be {text}.")
        own = {kind: own.pop(kind, "") or username, **own}
        key = str if pool.configuration.case_sensitive else str.casefold
        if key(own[kind]) != key(username) and not migrated:  # no source says what UserMigration may return
            why = f"User {kind} should be empty or same as username, since username attribute is {kind}."
            pool.refuse_or_record("invalid-attribute-values", error_templates.INVALID_PARAMETER.refusal(why=why))
    elif kind in pool.configuration.aliases:
        text = kind.replace("_", " ")
        why = f"Username cannot be of {text} format, since user pool is configured for {text} alias."
        pool.refuse_or_record("invalid-attribute-values", error_templates.INVALID_PARAMETER.refusal(why=why))
    return User(name, sub, now, now, Status.UNCONFIRMED, attributes=own)


def confirmed_user(pool: Core, username: str, values: Mapping[str, str], *, verified: bool) -> User:
    """Return an `unsaved_user` who is confirmed; if `verified`, the addresses are verified unless `values` says otherwise."""
    user = unsaved_user(pool, username, values)
    user.status = Status.CONFIRMED
    for name in ("email", "phone_number"):
        if verified and name in user.attributes:
            user.attributes.setdefault(f"{name}_verified", "true")
    return user


def check_new_attributes(pool: Core, user: User) -> None:
    """Check the attributes of a user who is not in the pool yet, except `sub`, which the pool sets."""
    attributes.check(pool, {n: v for n, v in user.attributes.items() if n != "sub"})


def sign_up(pool: Core, request: Request) -> Reply:
    """Answer SignUp: add a user. If PreSignUp does not confirm the user, send the code for ConfirmSignUp."""
    client = client_of(pool, request)
    if pool.configuration.allow_admin_create_user_only:
        raise error_templates.NO_SIGN_UP.refusal()
    password = Secret(request["Password"]) if request.get("Password") else None
    if password is not None:
        passwords.check_policy(pool, password, error_templates.SIGN_UP_PASSWORD_POLICY)
    elif not allows_passwordless_users(pool):
        raise error_templates.NO_PASSWORD.refusal()
    values = attributes.from_request(request.get("UserAttributes", ()))
    attributes.check_writable(pool, client, values)
    user = unsaved_user(pool, request["Username"], values)
    check_new_attributes(pool, user)
    attributes.check_required(pool, user.attributes)
    _check_name_is_free(pool, request["Username"])
    decisions = triggers.pre_sign_up(pool, "PreSignUp_SignUp", client, user, request)
    for attribute, member in triggers.AUTO_VERIFY.items():
        if attribute in user.attributes:
            user.attributes[f"{attribute}_verified"] = "true" if member in decisions else "false"
    if conflict := pool.users.conflicting_attribute(user):
        raise error_templates.ALIAS_TAKEN.refusal(name=conflict)
    user.account.never_signed_in = True
    if password is not None:
        passwords.set_password(pool, user, password, temporary=False)
        user.status = Status.UNCONFIRMED
    pool.users.add(user)
    if "autoConfirmUser" in decisions:
        confirm(pool, client, user, request.get("ClientMetadata"))
        return {"UserConfirmed": True, "UserSub": user.sub}
    reply = _begin_confirmation(pool, client, user, request)
    return {"UserConfirmed": False, "UserSub": user.sub, **reply}


def _begin_confirmation(pool: Core, client: AppClient, user: User, request: Request) -> Reply:
    """Send the code for ConfirmSignUp if the pool verifies an address; if a code can be the first factor, open a session."""
    reply: Reply = {}
    if attribute := messages.confirmation_attribute(pool, user):
        details = messages.send_code(pool, user, Purpose.SIGN_UP, attribute, client, request)
        reply["CodeDeliveryDetails"] = details
    if allows_passwordless_users(pool):
        # A recorded reply of a pool with passwords as the only first factor has no Session.
        name = user.username
        attempt = Attempt(client, _SIGN_UP, user, name, name, pool.clock())
        reply["Session"] = pool.sessions.open(attempt, _SIGN_UP, None).session
    return reply


def _check_name_is_free(pool: Core, name: str) -> None:
    if pool.users.find(name) is None:
        return
    if pool.configuration.username_attributes:
        raise error_templates.ADDRESS_TAKEN.refusal(name="email" if "@" in name else "phone_number")
    raise error_templates.NAME_TAKEN.refusal()


def confirm(pool: Core, client: AppClient | None, user: User, metadata: Metadata) -> None:
    """Confirm a user, and call PostConfirmation."""
    user.status, user.modified = Status.CONFIRMED, pool.clock()
    triggers.post_confirmation(pool, "PostConfirmation_ConfirmSignUp", client, user, metadata)


def _count_and_identify(pool: Core, request: Request, operation: str) -> tuple[AppClient, User | None]:
    """Count a call for the quotas, and return its app client and user; refuse an unknown user if existence may be revealed."""
    client, user = client_of(pool, request), pool.users.find(request["Username"])
    if user is None and not client.hides_user_existence:
        raise error_templates.NO_SUCH_USERNAME.refusal()
    messages.count_call(pool, user, operation, request["Username"])
    return client, user


def confirm_sign_up(pool: Core, request: Request) -> Reply:
    """Answer ConfirmSignUp: confirm a user; if a code can be the first factor, the reply has a Session for USER_AUTH."""
    client, user = _count_and_identify(pool, request, "ConfirmSignUp")
    if user is None:
        # AWS documents this error for ConfirmForgotPassword only.
        raise error_templates.VERIFICATION_CODE_MISMATCH.refusal()
    check_unconfirmed(pool, user)
    code, force = request["ConfirmationCode"], bool(request.get("ForceAliasCreation"))
    pending = messages.check_code(pool, user, messages.SIGN_UP, code, hidden=client.hides_user_existence)
    # "If false and an attribute belongs to an existing alias, this request returns an
    # AliasExistsException" -- AWS API reference, ForceAliasCreation
    address = user.attributes.get(pending.attribute, "")
    if not force and pool.users.is_taken(pending.attribute, address, user):
        raise error_templates.ALIAS_TAKEN.refusal(name=pending.attribute)
    has_session = request.get("Session") is not None
    if has_session:
        _use_sign_up_session(pool, client, user, request["Session"])
    pool.users.mark_verified(user, pending.attribute, pending.address)
    if force:
        pool.users.take_over_aliases(user)
    user.account.codes.pop(messages.SIGN_UP, None)
    confirm(pool, client, user, request.get("ClientMetadata"))
    always = pool.configuration.contradictions.confirm_sign_up_always_has_session
    if has_session or (always and allows_passwordless_users(pool)):
        return {"Session": choice.sign_up_session(pool, client, user)}
    return {}


def check_unconfirmed(pool: Core, user: User) -> None:
    """Refuse to confirm a user who is disabled or not UNCONFIRMED; the code is checked later (reports of users)."""
    if not user.enabled:
        raise error_templates.DISABLED.refusal()
    if user.status is not Status.UNCONFIRMED:
        invited = user.status is Status.FORCE_CHANGE_PASSWORD
        refusal = error_templates.CANNOT_CONFIRM.refusal(status=user.status.value)
        pool.refuse_or_record("invited-users" if invited else "", refusal)


def _use_sign_up_session(pool: Core, client: AppClient, user: User, session: str) -> None:
    """Use up the session of the user's SignUp; refuse other sessions, which stay valid."""
    pending = pool.sessions.find(client, session)
    if pending.challenge != _SIGN_UP or pending.attempt.user is not user:
        raise error_templates.SESSION_OF_ANOTHER_USER.refusal()
    pool.sessions.check_not_ended(pending)
    pending.used, pool.sessions.last_answered = True, pending


def resend_confirmation_code(pool: Core, request: Request) -> Reply:
    """Answer ResendConfirmationCode: send a new code, which replaces the old one."""
    client, user = _count_and_identify(pool, request, "ResendConfirmationCode")
    if user is None or (client.hides_user_existence and not user.enabled):
        # "returns CodeDeliveryDetails for a disabled user or a user that doesn't exist" (developer guide)
        return {"CodeDeliveryDetails": messages.simulated_delivery(pool, request["Username"])}
    if user.status is not Status.UNCONFIRMED:
        raise error_templates.ALREADY_CONFIRMED.refusal()
    attribute = messages.confirmation_attribute(pool, user)
    if attribute is None:
        raise error_templates.AUTO_VERIFICATION_OFF.refusal()
    details = messages.send_code(pool, user, Purpose.RESEND_CODE, attribute, client, request)
    return {"CodeDeliveryDetails": details}


# "When a user doesn't exist in the user pool at sign-in with a password, or in the forgot-password flow,
# Amazon Cognito invokes this trigger. After the Lambda function returns successfully, Amazon Cognito creates
# the user in the user pool." -- developer guide, "Migrate user Lambda trigger". Here only USER_PASSWORD_AUTH and the
# ADMIN_* flows invoke it. No source says whether USER_AUTH with a PASSWORD invokes it, too.


def migrate_at_sign_in(pool: Core, attempt: Attempt, password: Secret[str], metadata: Metadata) -> User | None:
    """Return the user whom UserMigration imports for an unknown name and a password; None if it imports none."""
    # InitiateAuth's ClientMetadata arrives as validationData (developer guide).
    members = {"password": password.reveal(), "validationData": dict(metadata) if metadata else None}
    subject = Subject(attempt.submitted_name, attempt.client)
    return _migrate(pool, "UserMigration_Authentication", subject, members, password)


def migrate_at_forgot_password(pool: Core, client: AppClient, name: str, metadata: Metadata) -> User | None:
    """Return the user whom UserMigration imports for an unknown name in ForgotPassword; None if it imports none."""
    return _migrate(pool, "UserMigration_ForgotPassword", Subject(name, client, metadata), {})


def _migrate(
    pool: Core, source: str, subject: Subject, members: Mapping[str, Any], password: Secret[str] | None = None
) -> User | None:
    response_members = (
        "userAttributes", "finalUserStatus", "messageAction", "desiredDeliveryMediums",
        "forceAliasCreation", "enableSMSMFA",
    )  # fmt: skip
    response = triggers.call(pool, source, subject, members, dict.fromkeys(response_members))
    if response is None:
        return None
    values, status = response.text_map("userAttributes"), response.text("finalUserStatus")
    force, sms_mfa = response.flag("forceAliasCreation"), response.flag("enableSMSMFA")
    response.text("messageAction"), response.texts("desiredDeliveryMediums")  # only their types are checked
    if not values:
        # AWS: "This field is required." But AWS's example omits it for a user whom the function does not know. Cognito
        # then treats the user as unknown ("Setting just the Response field ... seems to work", re:Post).
        return None
    if status not in {None, "CONFIRMED", "RESET_REQUIRED"}:
        raise response.invalid("finalUserStatus is neither CONFIRMED nor RESET_REQUIRED")
    # A user who signs in with an alias gets their name from "username".
    user = unsaved_user(pool, values.pop("username", "") or subject.user_name, values, migrated=True)
    user.attributes.pop("sub", None)
    if password is not None:
        # "Amazon Cognito doesn't enforce the password strength policy ... during migration"
        passwords.set_password(pool, user, password, temporary=False)
    # Without a password, the request is ForgotPassword, and the user then sets a password.
    user.status = Status.RESET_REQUIRED if password is None else Status(status or "CONFIRMED")
    if sms_mfa:
        user.mfa_enabled = frozenset({State.SMS_MFA})
    pool.users.add(user, force=force)
    return user
