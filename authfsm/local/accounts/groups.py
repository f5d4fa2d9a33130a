"""Users and their groups."""

from __future__ import annotations

from typing import Final

from authfsm.local.accounts.admin import user_members
from authfsm.local.accounts.records import GROUPS
from authfsm.local.state.core import Core, Reply, Request, paginate
from authfsm.local.state.records import GROUP
from authfsm.local.state.users import User

_MAX_PAGE: Final = 60


def add_missing(pool: Core, names: tuple[str, ...]) -> None:
    """Add the groups that the pool does not have yet."""
    for name in names:
        if pool.records.find(GROUP, name) is None:
            GROUPS.add(pool, name)


def add_user_to_group(pool: Core, user: User, request: Request) -> Reply:
    """AdminAddUserToGroup."""
    name = GROUPS.find(pool, request).name
    if name not in user.groups:
        user.groups = (*user.groups, name)
    return {}


def remove_user_from_group(pool: Core, user: User, request: Request) -> Reply:
    """AdminRemoveUserFromGroup."""
    name = GROUPS.find(pool, request).name
    user.groups = tuple(group for group in user.groups if group != name)
    return {}


def list_groups_for_user(pool: Core, user: User, request: Request) -> Reply:
    """AdminListGroupsForUser."""
    own = {each.name: each for each in pool.records.groups_of(user)}
    page, token = paginate(own, request.get("NextToken"), request.get("Limit") or _MAX_PAGE)
    groups = [GROUPS.show(pool, each) for each in page]
    return {"Groups": groups} if token is None else {"Groups": groups, "NextToken": token}


def list_users_in_group(pool: Core, request: Request) -> Reply:
    """ListUsersInGroup."""
    name = GROUPS.find(pool, request).name
    members = {each.username: each for each in pool.users if name in each.groups}
    page, token = paginate(members, request.get("NextToken"), request.get("Limit") or _MAX_PAGE)
    users = [user_members(each, "Attributes") for each in page]
    return {"Users": users} if token is None else {"Users": users, "NextToken": token}


def delete_group(pool: Core, request: Request) -> Reply:
    """DeleteGroup: its users leave it."""
    record = GROUPS.find(pool, request)
    for username in [each.username for each in pool.users if record.name in each.groups]:
        user = pool.users.named(username)  # reports the change
        if user is not None:
            user.groups = tuple(group for group in user.groups if group != record.name)
    pool.records.remove(record)
    return {}
