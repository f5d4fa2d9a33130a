"""Users, as administrators make them; and the tokens of users, taken back."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Any, Final

from authfsm.base.secret import Secret
from authfsm.local.accounts import enrolment, sign_up
from authfsm.local.accounts.initiate_auth import check_client_secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import devices, passwords, triggers
from authfsm.local.state import attributes, verification
from authfsm.local.state.codes import Message, Purpose
from authfsm.local.state.core import Core, Reply, Request
from authfsm.local.state.users import Status, User

_ALPHABETS: Final = (string.ascii_uppercase, string.ascii_lowercase, string.digits, "!@#$%^*-_+")


def add_user(pool: Core, username: str, given: dict[str, str], *, verified: bool = False) -> User:
    """A new user of the pool, without a password, put in by hand: the schema is not asked.

    Args:
        pool: the pool.
        username: the name; in a pool whose users sign in with an attribute, that attribute's value, and
            the internal name will be the sub.
        given: the attributes.
        verified: take address and number for verified, unless an attribute says not.

    Raises:
        PoolRefusal: the name is taken, or is no such attribute.
    """
    user = sign_up.unsaved_user(pool, username, given)
    user.status = Status.CONFIRMED
    if verified:
        marks = {f"{n}_verified": "true" for n in ("email", "phone_number") if n in user.attributes}
        user.attributes.update({n: v for n, v in marks.items() if n not in user.attributes})
    pool.users.add(user)
    return user


def admin_create_user(pool: Core, request: Request) -> Reply:
    """AdminCreateUser: with a temporary password, which the invitation brings; or with none.

    "To create a user with no password, omit this parameter ... You can only create a passwordless user when
    passwordless sign-in is available. ... If you don't specify a value, Amazon Cognito generates one for
    you unless you have passwordless options active" -- AWS API reference, TemporaryPassword. It generates
    none either where the message that would bring it is suppressed, or where WEB_AUTHN is allowed: then it
    refuses (measured, and reports of users).
    """
    pool.check_pool(request)
    action = request.get("MessageAction")
    if action == "RESEND":
        return _invite_again(pool, request)
    given = attributes.from_request(request.get("UserAttributes", ()))
    password = _temporary_password(pool, request)
    user = sign_up.unsaved_user(pool, request["Username"], given)
    attributes.check(pool, {n: v for n, v in user.attributes.items() if n != "sub"})
    user.attributes.pop("sub", None)
    if pool.users.find(request["Username"]) is not None:
        raise PoolRefusal(error_templates.USER_EXISTS)
    taken = pool.users.conflict(user)
    if taken and not request.get("ForceAliasCreation"):
        raise PoolRefusal(error_templates.ALIAS_TAKEN, name=taken)
    # Its response is not looked at: "the user is created by an administrator" and is confirmed already.
    triggers.pre_sign_up(
        pool,
        "PreSignUp_AdminCreateUser",
        None,
        user,
        validation=attributes.from_request(request.get("ValidationData", ())),
        metadata=request.get("ClientMetadata"),
    )
    pool.users.add(user, force=bool(taken))
    user.status = Status.CONFIRMED
    if password is not None:
        passwords.set_password(pool, user, password, temporary=True)
        _invite(pool, user, password, request)
    return {"User": user_members(user, "Attributes")}


def _temporary_password(pool: Core, request: Request) -> Secret[str] | None:
    if given := request.get("TemporaryPassword"):
        password = Secret(given)
        passwords.check_policy(pool, password)
        return password
    if sign_up.passwordless(pool):
        return None
    factors = pool.configuration.allowed_first_auth_factors
    if request.get("MessageAction") == "SUPPRESS" or "WEB_AUTHN" in factors:
        raise PoolRefusal(error_templates.NO_PASSWORD)
    return Secret(_random_password(pool))


def _invite(pool: Core, user: User, password: Secret[str], request: Request) -> None:
    """The invitation brings the temporary password; it goes nowhere where there is no address for it."""
    if request.get("MessageAction") == "SUPPRESS":
        return
    wanted = request.get("DesiredDeliveryMediums") or ["SMS"]  # "The default value is SMS"
    for medium, attribute in (("SMS", "phone_number"), ("EMAIL", "email")):
        address = user.attributes.get(attribute)
        if medium in wanted and address:
            purpose = Purpose.ADMIN_CREATE_USER
            message = Message(user.username, address, medium, purpose, password, pool.clock())
            pool.outbox.put(message)


def _invite_again(pool: Core, request: Request) -> Reply:
    user = pool.named(request)
    if user.status is not Status.FORCE_CHANGE_PASSWORD:
        raise PoolRefusal(error_templates.RESEND_NOT_POSSIBLE, username=user.username)
    password = _temporary_password(pool, request) or Secret(_random_password(pool))
    passwords.set_password(pool, user, password, temporary=True)
    _invite(pool, user, password, request)
    return {"User": user_members(user, "Attributes")}


def admin_confirm_sign_up(pool: Core, request: Request) -> Reply:
    """AdminConfirmSignUp: without a code, so that no address is verified by it."""
    user = pool.named(request)
    sign_up.check_unconfirmed(user)
    verification.discard_code(user, verification.SIGN_UP)
    sign_up.confirm(pool, None, user, request.get("ClientMetadata"))
    return {}


def admin_set_user_password(pool: Core, request: Request) -> Reply:
    """AdminSetUserPassword: permanent, or to be changed at the next sign-in."""
    user, password = pool.named(request), Secret(request["Password"])
    passwords.check_policy(pool, password)
    passwords.check_history(pool, user, password)
    passwords.set_password(pool, user, password, temporary=not request.get("Permanent", False))
    return {}


def global_sign_out(pool: Core, request: Request) -> Reply:
    """GlobalSignOut: every token of the user's is revoked."""
    pool.bearer(request).sign_outs += 1
    return {}


def revoke_token(pool: Core, request: Request) -> Reply:
    """RevokeToken: a refresh token, and the access tokens of its sign-in."""
    client = pool.client(request)
    check_client_secret(client, request)
    if not client.enable_token_revocation:
        raise PoolRefusal(error_templates.NOT_REVOCABLE)
    pool.token_issuer.revoke(request["Token"], client)
    return {}


def _random_password(pool: Core) -> str:
    entropy = pool.entropy(20)
    return "".join(
        alphabet[byte % len(alphabet)]
        for alphabet, byte in zip(_ALPHABETS * 5, entropy, strict=True)
    )


_PAGE: Final = 60
_FILTER: Final = re.compile(r'\s*([\w:]+)\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*')
_OF_THE_USER: Final = {"username": "Username", "cognito:user_status": "UserStatus"}


def user_members(user: User, listed: str) -> dict[str, Any]:
    """A user, as ListUsers and AdminGetUser show them.

    Args:
        user: the user.
        listed: the member that lists the attributes.
    """
    return {
        "Username": user.username,
        listed: attributes.to_api(user.all_attributes()),
        "UserCreateDate": user.created.timestamp(),
        "UserLastModifiedDate": user.modified.timestamp(),
        "Enabled": user.enabled,
        "UserStatus": user.status.value,
    }


def admin_get_user(pool: Core, request: Request) -> Reply:
    """AdminGetUser."""
    user = pool.named(request)
    return {**user_members(user, "UserAttributes"), **enrolment.mfa_members(user)}


def list_users(pool: Core, request: Request) -> Reply:
    """ListUsers: a page at a time, in the order in which they came; perhaps only those of a Filter."""
    pool.check_pool(request)
    wanted = _filter(request.get("Filter"))
    found = [user for user in pool.users if wanted(user)]
    names = [user.username for user in found]
    token = request.get("PaginationToken")
    start = names.index(token) if token in names else 0
    end = start + max(request.get("Limit") or _PAGE, 1)
    reply: Reply = {"Users": [user_members(user, "Attributes") for user in found[start:end]]}
    if (only := request.get("AttributesToGet")) is not None:
        for shown in reply["Users"]:
            shown["Attributes"] = [each for each in shown["Attributes"] if each["Name"] in only]
    if end < len(found):
        reply["PaginationToken"] = names[end]
    return reply


def _filter(text: str | None) -> Any:
    """A Filter: `email = "..."` or `email ^= "..."` (begins with), on one attribute.

    Raises:
        PoolRefusal: InvalidParameterException: it is no such thing.
    """
    if not text:
        return lambda _: True
    read = _FILTER.fullmatch(text)
    if read is None:
        raise PoolRefusal(error_templates.BAD_FILTER)
    name, how, value = read[1], read[2], re.sub(r"\\(.)", r"\1", read[3])

    def fits(user: User) -> bool:
        has = _value(user, name)
        return has is not None and (has == value if how == "=" else has.startswith(value))

    return fits


def _value(user: User, name: str) -> str | None:
    if name == "status":
        return "Enabled" if user.enabled else "Disabled"
    if name in _OF_THE_USER:
        shown: str = user_members(user, "Attributes")[_OF_THE_USER[name]]
        return shown
    return user.all_attributes().get(name)


def admin_delete_user(pool: Core, request: Request) -> Reply:
    """AdminDeleteUser."""
    pool.users.remove(pool.named(request))
    return {}


def admin_disable_user(pool: Core, request: Request) -> Reply:
    """AdminDisableUser: "revokes all access tokens for the user" (AWS API reference)."""
    user = pool.named(request)
    user.enabled, user.modified = False, pool.clock()
    user.sign_outs += 1
    return {}


def admin_enable_user(pool: Core, request: Request) -> Reply:
    """AdminEnableUser. The sign-ins that were under way before the user was disabled do not go on."""
    user = pool.named(request)
    if not user.enabled:
        passwords.end_sessions(pool, user)
    user.enabled, user.modified = True, pool.clock()
    return {}


def admin_user_global_sign_out(pool: Core, request: Request) -> Reply:
    """AdminUserGlobalSignOut: every token of the user's is revoked."""
    pool.named(request).sign_outs += 1
    return {}


def admin_add_user_to_group(pool: Core, request: Request) -> Reply:
    """AdminAddUserToGroup. The pool keeps no list of groups: any name is one."""
    user = pool.named(request)
    user.groups = (*(g for g in user.groups if g != request["GroupName"]), request["GroupName"])
    return {}


def admin_remove_user_from_group(pool: Core, request: Request) -> Reply:
    """AdminRemoveUserFromGroup."""
    user = pool.named(request)
    user.groups = tuple(group for group in user.groups if group != request["GroupName"])
    return {}


def admin_list_groups_for_user(pool: Core, request: Request) -> Reply:
    """AdminListGroupsForUser."""
    user, pool_id = pool.named(request), pool.configuration.pool_id
    return {"Groups": [{"GroupName": name, "UserPoolId": pool_id} for name in user.groups]}


# ---- their devices ------------------------------------------------------------------------------


def admin_list_devices(pool: Core, request: Request) -> Reply:
    """AdminListDevices."""
    return devices.list_page(pool.named(request), request)


def admin_get_device(pool: Core, request: Request) -> Reply:
    """AdminGetDevice."""
    return {
        "Device": devices.device_for_api(
            devices.confirmed_device(pool.named(request), _key(request))
        )
    }


def admin_forget_device(pool: Core, request: Request) -> Reply:
    """AdminForgetDevice."""
    user = pool.named(request)
    del user.devices[devices.confirmed_device(user, _key(request)).key]
    return {}


def admin_update_device_status(pool: Core, request: Request) -> Reply:
    """AdminUpdateDeviceStatus."""
    return devices.set_remembered(pool, pool.named(request), request)


def _key(request: Mapping[str, Any]) -> str:
    key: str = request["DeviceKey"]
    return key
