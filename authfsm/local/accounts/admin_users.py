"""Users, as administrators see and manage them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from authfsm.local.accounts import enrolment
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import devices, passwords
from authfsm.local.state import attributes
from authfsm.local.state.core import Core, Reply, Request
from authfsm.local.state.users import User

_PAGE: Final = 60
_FILTER: Final = re.compile(r'\s*([\w:]+)\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*')
_OF_THE_USER: Final = {"username": "Username", "cognito:user_status": "UserStatus"}


def described(user: User, listed: str) -> dict[str, Any]:
    """A user, as ListUsers and AdminGetUser show them.

    Args:
        user: the user.
        listed: the member that lists the attributes.
    """
    return {
        "Username": user.username,
        listed: attributes.shown(user.described()),
        "UserCreateDate": user.created.timestamp(),
        "UserLastModifiedDate": user.modified.timestamp(),
        "Enabled": user.enabled,
        "UserStatus": user.status.value,
    }


def get(pool: Core, request: Request) -> Reply:
    """AdminGetUser."""
    user = pool.named(request)
    return {**described(user, "UserAttributes"), **enrolment.described(user)}


def list_all(pool: Core, request: Request) -> Reply:
    """ListUsers: a page at a time, in the order in which they came; perhaps only those of a Filter."""
    pool.check_pool(request)
    wanted = _filter(request.get("Filter"))
    found = [user for user in pool.users if wanted(user)]
    names = [user.username for user in found]
    token = request.get("PaginationToken")
    start = names.index(token) if token in names else 0
    end = start + max(request.get("Limit") or _PAGE, 1)
    reply: Reply = {"Users": [described(user, "Attributes") for user in found[start:end]]}
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
        shown: str = described(user, "Attributes")[_OF_THE_USER[name]]
        return shown
    return user.described().get(name)


def delete(pool: Core, request: Request) -> Reply:
    """AdminDeleteUser."""
    pool.users.remove(pool.named(request))
    return {}


def disable(pool: Core, request: Request) -> Reply:
    """AdminDisableUser: "revokes all access tokens for the user" (AWS API reference)."""
    user = pool.named(request)
    user.enabled, user.modified = False, pool.clock()
    user.sign_outs += 1
    return {}


def enable(pool: Core, request: Request) -> Reply:
    """AdminEnableUser. The sign-ins that were under way before the user was disabled do not go on."""
    user = pool.named(request)
    if not user.enabled:
        passwords.end_sessions(pool, user)
    user.enabled, user.modified = True, pool.clock()
    return {}


def sign_out(pool: Core, request: Request) -> Reply:
    """AdminUserGlobalSignOut: every token of the user's is revoked."""
    pool.named(request).sign_outs += 1
    return {}


def add_to_group(pool: Core, request: Request) -> Reply:
    """AdminAddUserToGroup. The pool keeps no list of groups: any name is one."""
    user = pool.named(request)
    user.groups = (*(g for g in user.groups if g != request["GroupName"]), request["GroupName"])
    return {}


def remove_from_group(pool: Core, request: Request) -> Reply:
    """AdminRemoveUserFromGroup."""
    user = pool.named(request)
    user.groups = tuple(group for group in user.groups if group != request["GroupName"])
    return {}


def groups_of(pool: Core, request: Request) -> Reply:
    """AdminListGroupsForUser."""
    user, pool_id = pool.named(request), pool.configuration.pool_id
    return {"Groups": [{"GroupName": name, "UserPoolId": pool_id} for name in user.groups]}


# ---- their devices ------------------------------------------------------------------------------


def list_devices(pool: Core, request: Request) -> Reply:
    """AdminListDevices."""
    return devices.page(pool.named(request), request)


def get_device(pool: Core, request: Request) -> Reply:
    """AdminGetDevice."""
    return {"Device": devices.described(devices.confirmed(pool.named(request), _key(request)))}


def forget_device(pool: Core, request: Request) -> Reply:
    """AdminForgetDevice."""
    user = pool.named(request)
    del user.devices[devices.confirmed(user, _key(request)).key]
    return {}


def update_device_status(pool: Core, request: Request) -> Reply:
    """AdminUpdateDeviceStatus."""
    return devices.mark(pool, pool.named(request), request)


def _key(request: Mapping[str, Any]) -> str:
    key: str = request["DeviceKey"]
    return key
