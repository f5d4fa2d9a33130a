"""Accounts that users make themselves: SignUp, its confirmation, and taking the account away again.

Checked in this order: the app client, SECRET_HASH, may anybody sign up, the password, the attributes, the
name, PreSignUp. That Cognito asks in this order is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from authfsm.base.secret import Secret
from authfsm.local.accounts import enrolment
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.signin import choice, passwords, triggers
from authfsm.local.signin.triggers import Metadata
from authfsm.local.state import attributes, verification
from authfsm.local.state.codes import Purpose
from authfsm.local.state.core import Core, Reply, Request, check_secret_hash
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.users import Status, User
from authfsm.protocol.states import State

_SIGN_UP_SESSION: Final = "SIGN_UP"
"""What a session of SignUp is bound to; no challenge has this name, so none is answered with it."""


@frozen
class AwaitsConfirmSignUp:
    """What the session of a SignUp waits for: ConfirmSignUp."""


def client_of(pool: Core, request: Request) -> AppClient:
    """The app client of an operation that names a user, SECRET_HASH checked.

    Raises:
        PoolRefusal: ResourceNotFoundException, NotAuthorizedException.
    """
    client = pool.client(request)
    given = {"SECRET_HASH": request["SecretHash"]} if "SecretHash" in request else {}
    check_secret_hash(client, request["Username"], given)
    return client


def passwordless(pool: Core) -> bool:
    """May a user be without a password: is a code a first factor here?"""
    return bool({"EMAIL_OTP", "SMS_OTP"} & set(pool.configuration.allowed_first_auth_factors))


def unsaved_user(pool: Core, username: str, given: Mapping[str, str]) -> User:
    """A user who is not in the pool yet, under their internal name.

    Args:
        pool: the pool.
        username: the name; in a pool whose users sign in with an attribute, that attribute's value, and
            the internal name will be the sub.
        given: the attributes.

    Raises:
        PoolRefusal: InvalidParameterException: the name is no such attribute.
    """
    sub, now = pool.token_issuer.uuid(), pool.clock()
    name, own = username, dict(given)
    if wanted := pool.configuration.username_attributes:
        name = sub
        kind = "email" if "@" in username else "phone_number"
        if kind not in wanted:
            # Seen in issues, the first and the third; the second by analogy.
            words = {"email": "an email", "phone_number": "a phone number"}
            texts = [words[each] for each in wanted]
            many = "either an email or a phone number"
            text = many if len(texts) > 1 else texts[0]
            raise PoolRefusal(error_templates.INVALID_PARAMETER, why=f"Username should be {text}.")
        own = {kind: username, **own}
    elif "email" in pool.configuration.aliases and "@" in username:
        why = "Username cannot be of email format, since user pool is configured for email alias."
        raise PoolRefusal(error_templates.INVALID_PARAMETER, why=why)
    return User(name, sub, now, now, Status.UNCONFIRMED, attributes=own)


# ---- signing up ---------------------------------------------------------------------------------


def sign_up(pool: Core, request: Request) -> Reply:
    """SignUp."""
    client = client_of(pool, request)
    if pool.configuration.allow_admin_create_user_only:
        raise PoolRefusal(error_templates.NO_SIGN_UP)
    password = Secret(request["Password"]) if request.get("Password") else None
    if password is not None:
        passwords.check_policy(pool, password, error_templates.SIGN_UP_PASSWORD_POLICY)
    elif not passwordless(pool):
        raise PoolRefusal(error_templates.NO_PASSWORD)
    given = attributes.from_request(request.get("UserAttributes", ()))
    attributes.check_writable(pool, client, given)
    user = unsaved_user(pool, request["Username"], given)
    attributes.check(pool, {n: v for n, v in user.attributes.items() if n != "sub"})
    attributes.check_required(pool, user.attributes)
    _check_free(pool, request["Username"])
    metadata = request.get("ClientMetadata")
    approval = triggers.pre_sign_up(
        pool,
        "PreSignUp_SignUp",
        client,
        user,
        validation=attributes.from_request(request.get("ValidationData", ())),
        metadata=metadata,
    )
    marked = (("email", approval.verify_email), ("phone_number", approval.verify_phone))
    for attribute, on in marked:
        if attribute in user.attributes:
            user.attributes[f"{attribute}_verified"] = "true" if on else "false"
    if taken := pool.users.conflict(user):
        raise PoolRefusal(error_templates.ALIAS_TAKEN, name=taken)
    pool.users.add(user)
    user.account.never_signed_in = True
    if password is not None:
        passwords.set_password(pool, user, password, temporary=False)
        user.status = Status.UNCONFIRMED
    return _sign_up_reply(pool, client, user, metadata, confirmed=approval.confirm)


def _check_free(pool: Core, typed: str) -> None:
    if pool.users.find(typed) is None:
        return
    if pool.configuration.username_attributes:
        kind = "email" if "@" in typed else "phone_number"
        raise PoolRefusal(error_templates.ADDRESS_TAKEN, name=kind)
    raise PoolRefusal(error_templates.NAME_TAKEN)


def _sign_up_reply(
    pool: Core, client: AppClient, user: User, metadata: triggers.Metadata, *, confirmed: bool
) -> Reply:
    reply: Reply = {"UserConfirmed": confirmed, "UserSub": user.sub}
    if confirmed:
        confirm(pool, client, user, metadata)
        return reply
    if way := verification.confirmation_attribute(pool, user):
        reply["CodeDeliveryDetails"] = verification.send_code(
            pool, user, Purpose.SIGN_UP, way, wanted_for=verification.SIGN_UP
        )
    if passwordless(pool):
        # Absent in a pool without passwordless sign-in (a recorded reply).
        name = user.username
        attempt = Attempt(client, _SIGN_UP_SESSION, user, name, name, pool.clock())
        reply["Session"] = pool.sessions.open(
            attempt, _SIGN_UP_SESSION, AwaitsConfirmSignUp()
        ).session
    return reply


def confirm(pool: Core, client: AppClient | None, user: User, metadata: triggers.Metadata) -> None:
    """Take an account for confirmed, and tell PostConfirmation of it."""
    user.status, user.modified = Status.CONFIRMED, pool.clock()
    triggers.post_confirmation(pool, "PostConfirmation_ConfirmSignUp", client, user, metadata)


def confirm_sign_up(pool: Core, request: Request) -> Reply:
    """ConfirmSignUp: the code; its reply may have a session that signs in."""
    client = client_of(pool, request)
    user = pool.users.find(request["Username"])
    hidden = client.prevent_user_existence_errors == "ENABLED"
    if user is None and not hidden:
        raise PoolRefusal(error_templates.NO_SUCH_USERNAME)
    verification.count_call(pool, user, "ConfirmSignUp", request["Username"])
    if user is None:
        # As ConfirmForgotPassword, of which it is documented.
        raise PoolRefusal(error_templates.VERIFICATION_CODE_MISMATCH)
    check_unconfirmed(user)
    code = request["ConfirmationCode"]
    pending = verification.check_code(pool, user, verification.SIGN_UP, code, hidden=hidden)
    _settle_alias(pool, user, pending.attribute, force=bool(request.get("ForceAliasCreation")))
    verification.mark_verified(pool, user, pending)
    if request.get("ForceAliasCreation"):
        pool.users.take_over(user)
    verification.discard_code(user, verification.SIGN_UP)
    continued = _continues_session(pool, client, user, request.get("Session"))
    confirm(pool, client, user, request.get("ClientMetadata"))
    session = choice.sign_up_session(pool, client, user) if continued else None
    return {"Session": session} if session is not None else {}


def check_unconfirmed(user: User) -> None:
    """Is this account still to be confirmed?

    Raises:
        PoolRefusal: NotAuthorizedException; before the code is looked at (reports of users).
    """
    if not user.enabled:
        raise PoolRefusal(error_templates.DISABLED)
    if user.status is not Status.UNCONFIRMED:
        raise PoolRefusal(error_templates.CANNOT_CONFIRM, status=user.status.value)


def _settle_alias(pool: Core, user: User, attribute: str, *, force: bool) -> None:
    """Whose alias will the verified address be?

    "If false and an attribute belongs to an existing alias, this request returns an AliasExistsException"
    -- AWS API reference, ConfirmSignUp, ForceAliasCreation
    """
    address = user.attributes.get(attribute, "")
    if not force and pool.users.is_taken(attribute, address, user):
        raise PoolRefusal(error_templates.ALIAS_TAKEN, name=attribute)


def _continues_session(pool: Core, client: AppClient, user: User, session: str | None) -> bool:
    """Is this the session of the user's own SignUp? It is spent by being shown."""
    if session is None:
        return False
    pending = pool.sessions.find(client, session)
    with pool.sessions.answering(pending):
        if (
            not isinstance(pending.expected_answer, AwaitsConfirmSignUp)
            or pending.attempt.user is not user
        ):
            raise PoolRefusal(error_templates.SESSION_OF_ANOTHER_USER)
        pool.sessions.check_current(pending)
    return True


def resend_confirmation_code(pool: Core, request: Request) -> Reply:
    """ResendConfirmationCode: a new code, and the old one dies."""
    client = client_of(pool, request)
    user = pool.users.find(request["Username"])
    hidden = client.prevent_user_existence_errors == "ENABLED"
    if user is None and not hidden:
        raise PoolRefusal(error_templates.NO_SUCH_USERNAME)
    verification.count_call(pool, user, "ResendConfirmationCode", request["Username"])
    if user is None or (hidden and not user.enabled):
        # "returns CodeDeliveryDetails for a disabled user or a user that doesn't exist" (developer guide)
        return {"CodeDeliveryDetails": verification.simulated_delivery(pool, request["Username"])}
    if user.status is not Status.UNCONFIRMED:
        raise PoolRefusal(error_templates.ALREADY_CONFIRMED)
    way = verification.confirmation_attribute(pool, user)
    if way is None:
        raise PoolRefusal(error_templates.AUTO_VERIFICATION_OFF)
    details = verification.send_code(
        pool, user, Purpose.RESEND_CODE, way, wanted_for=verification.SIGN_UP
    )
    return {"CodeDeliveryDetails": details}


# ---- with an access token -----------------------------------------------------------------------


def get_user(pool: Core, request: Request) -> Reply:
    """GetUser: what the app client may read."""
    family = pool.token_issuer.bearer(request["AccessToken"])
    listed = attributes.to_api(attributes.readable_by(pool, family.client, family.user))
    return {
        "Username": family.user.username,
        "UserAttributes": listed,
        **enrolment.mfa_members(family.user),
    }


def delete_user(pool: Core, request: Request) -> Reply:
    """DeleteUser: the user is gone, and with them whatever their tokens opened."""
    pool.users.remove(pool.bearer(request))
    return {}


_SIGN_IN: Final = "UserMigration_Authentication"
_FORGOT: Final = "UserMigration_ForgotPassword"


def migrate_at_sign_in(
    pool: Core, client: AppClient, typed: str, password: Secret[str], metadata: Metadata
) -> User | None:
    """The user of a name that the pool does not know and a password; None if there is none."""
    # InitiateAuth's ClientMetadata comes as validationData (developer guide).
    asked = {
        "password": password.reveal(),
        "validationData": dict(metadata) if metadata else None,
    }
    return _migrate(pool, client, _SIGN_IN, typed, asked, password=password)


def migrate_at_forgot_password(
    pool: Core, client: AppClient, typed: str, metadata: Metadata
) -> User | None:
    """The user of a name that the pool does not know; None if there is none."""
    return _migrate(pool, client, _FORGOT, typed, {}, metadata=metadata)


def _migrate(
    pool: Core,
    client: AppClient,
    source: str,
    typed: str,
    asked: Mapping[str, Any],
    *,
    password: Secret[str] | None = None,
    metadata: Metadata = None,
) -> User | None:
    function = triggers.configured_triggers(pool).user_migration
    if function is None:
        return None
    blank = dict.fromkeys(
        (
            "userAttributes",
            "finalUserStatus",
            "messageAction",
            "desiredDeliveryMediums",
            "forceAliasCreation",
            "enableSMSMFA",
        )
    )
    response = triggers.call(
        pool,
        function,
        source,
        user_name=typed,
        client=client,
        asked=asked,
        blank=blank,
        metadata=metadata,
    )
    given = triggers.text_map_field(source, response, "userAttributes")
    if not given:
        # "This field is required." AWS's own example leaves it out for a user it does not know either;
        # what Cognito then says is "Exception migrating user in app client <id>" (one report, without a
        # class). Here the user is as unknown as before.
        return None
    status = response.get("finalUserStatus")
    if status not in {None, "CONFIRMED", "RESET_REQUIRED"}:
        raise triggers.invalid_response(
            source, "finalUserStatus is neither CONFIRMED nor RESET_REQUIRED"
        )
    # "username" may name the user where they came by an alias.
    user = unsaved_user(pool, given.pop("username", typed), given)
    user.attributes.pop("sub", None)
    pool.users.add(user, force=triggers.bool_field(source, response, "forceAliasCreation"))
    if password is not None:
        # "Amazon Cognito doesn't enforce the password strength policy ... during migration"
        passwords.set_password(pool, user, password, temporary=False)
    user.status = Status(status or "CONFIRMED")
    if password is None:
        # A forgotten password is to be set anew, and that is what the user has come for.
        user.status = Status.RESET_REQUIRED
    if triggers.bool_field(source, response, "enableSMSMFA"):
        user.mfa_enabled = frozenset({State.SMS_MFA})
    return user
