"""Rules about pools, app clients and their secrets, groups, and operations on accounts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

from attrs import evolve

from authfsm.base.secret import Secret
from authfsm.conformance import pools
from authfsm.conformance.pool_client import PoolClient, PoolUser
from authfsm.conformance.rule import CRITICAL, MAJOR, RuleCollector, RuleContext, RuleSource
from authfsm.conformance.rules.tokens import claims_of
from authfsm.conformance.verdicts import ApiReply, fail_if

pool_rule: Final = RuleCollector("Pools and app clients")
secret_rule: Final = RuleCollector("Client secrets")
group_rule: Final = RuleCollector("Groups")
account_rule: Final = RuleCollector("Accounts")

_Call: TypeAlias = Callable[..., ApiReply]
_reference: Final = RuleSource.reference
_GROUPS_PAGE: Final = RuleSource.guide("cognito-user-pools-user-groups", "Adding groups to a user pool")
_NOT_FOUND: Final = "ResourceNotFoundException"
_ROLE: Final = "arn:aws:iam::123456789012:role/{}"


def _describe_deleted_pool(context: RuleContext) -> ApiReply:
    pool = context.own_pool()
    pool.call_with_pool_id("DeleteUserPool").expect_success()
    return pool.call_with_pool_id("DescribeUserPool")


def _delete_protected_pool(context: RuleContext) -> ApiReply:
    pool = context.own_pool(DeletionProtection="ACTIVE")
    try:
        return pool.call_with_pool_id("DeleteUserPool")
    finally:
        with pool.api.setup():
            pool.call_with_pool_id("UpdateUserPool", DeletionProtection="INACTIVE")


def _new_client(context: RuleContext, needs: pools.ClientRequirements) -> tuple[PoolUser, _Call]:
    """Return a user at a new app client, and a function that calls an operation on this app client."""
    user = context.user_with_working_password()
    client = PoolClient(user.client.pool, context.pool_provider.new_client(user.client.pool, needs))
    call = partial(client.call_with_pool_id, ClientId=client.app_client.client_id)
    return evolve(user, client=client), call


def _sign_in_at_deleted_client(context: RuleContext) -> ApiReply:
    user, call = _new_client(context, pools.OTHER_CLIENT)
    call("DeleteUserPoolClient").expect_success()
    return user.sign_in()


pool_rule.refused("pool.deleted", _reference("DeleteUserPool"), MAJOR, "DescribeUserPool for a deleted pool",
    "Cognito replies with ResourceNotFoundException for requests for a deleted pool.",
    _describe_deleted_pool, _NOT_FOUND)  # fmt: skip
pool_rule.refused("pool.deletion-protection", _reference("DeleteUserPool"), MAJOR, "the deletion of a protected pool",
    "Cognito replies with InvalidParameterException for the deletion of a pool whose DeletionProtection is ACTIVE.",
    _delete_protected_pool, "InvalidParameterException")  # fmt: skip
pool_rule.refused("client.deleted", _reference("DeleteUserPoolClient"), CRITICAL, "a deleted app client",
    "Cognito replies with ResourceNotFoundException for a sign-in at a deleted app client.",
    _sign_in_at_deleted_client, _NOT_FOUND)  # fmt: skip


def _add_secret(user: PoolUser, call: _Call) -> PoolUser:
    """Let the endpoint add a secret to the app client; return the user at this app client, with the new secret."""
    reply = call("AddUserPoolClientSecret").expect_success()
    secret = Secret(str(reply.body["ClientSecretDescriptor"]["ClientSecretValue"]))
    client = evolve(user.client, app_client=evolve(user.client.app_client, secret=secret))
    return evolve(user, client=client)


def _delete_secret(call: _Call) -> ApiReply:
    first, *_ = call("ListUserPoolClientSecrets").expect_success().body["ClientSecrets"]
    return call("DeleteUserPoolClientSecret", ClientSecretId=first["ClientSecretId"])


def _add_third_secret(context: RuleContext) -> ApiReply:
    user, call = _new_client(context, pools.CONFIDENTIAL_CLIENT)
    _add_secret(user, call)
    return call("AddUserPoolClientSecret")


secret_rule.refused("secret.two-at-most", _reference("AddUserPoolClientSecret"), MAJOR, "a third secret",
    "Cognito refuses to add a third secret to an app client.", _add_third_secret)  # fmt: skip
secret_rule.refused("secret.last", _reference("DeleteUserPoolClientSecret"), MAJOR, "the deletion of the last secret",
    "Cognito refuses to delete the last secret of an app client.",
    lambda c: _delete_secret(_new_client(c, pools.CONFIDENTIAL_CLIENT)[1]))  # fmt: skip


@secret_rule("secret.added", _reference("AddUserPoolClientSecret"))
def _added_secret(context: RuleContext) -> None:
    """After AddUserPoolClientSecret, Cognito accepts a SECRET_HASH made with the first secret or with the added one."""
    user, call = _new_client(context, pools.CONFIDENTIAL_CLIENT)
    for each in (_add_secret(user, call), user):
        each.sign_in().expect_tokens()


@secret_rule("secret.deleted", _reference("DeleteUserPoolClientSecret"), CRITICAL)
def _deleted_secret(context: RuleContext) -> None:
    """Cognito refuses a SECRET_HASH made with a deleted secret, and accepts one made with the remaining secret."""
    user, call = _new_client(context, pools.CONFIDENTIAL_CLIENT)
    added = _add_secret(user, call)
    _delete_secret(call).expect_success()
    accepted = sum(bool(each.sign_in().tokens) for each in (added, user))
    fail_if(accepted != 1, f"{accepted} of two secrets were accepted, instead of only the remaining one")


def _create_group(context: RuleContext, name: str, **members: Any) -> _Call:
    """Create a group in the default pool, and return a function that calls an operation on it."""
    call = partial(context.client().call_with_pool_id, GroupName=name)
    call("CreateGroup", **members).expect_success("GroupExistsException")
    context.pool_provider.delete_later("DeleteGroup", GroupName=name)
    return call


def _claims_of_member(user: PoolUser) -> list[dict[str, Any]]:
    tokens = user.sign_in().expect_tokens().tokens
    return [claims_of(user.client, tokens, name) for name in ("AccessToken", "IdToken")]


@group_rule("group.unknown", RuleSource.issue("aws-amplify/amplify-cli", 2214))
def _unknown_group(context: RuleContext) -> None:
    """Cognito replies with ResourceNotFoundException "Group not found." if a user is added to an unknown group."""
    user = context.user_with_working_password()
    names = {"Username": user.username, "GroupName": "nobodys"}
    reply = user.client.call_with_pool_id("AdminAddUserToGroup", **names)
    reply.expect_error("an unknown group", _NOT_FOUND)
    fail_if(reply.message != "Group not found.", 'the message is not "Group not found."')


group_rule.refused("group.exists", _reference("CreateGroup"), MAJOR, "a second group of the same name",
    "Cognito replies with GroupExistsException for a second group of the same name.",
    lambda c: _create_group(c, "conform-twice")("CreateGroup"), "GroupExistsException")  # fmt: skip


@group_rule("group.claim", _GROUPS_PAGE)
def _groups_in_tokens(context: RuleContext) -> None:
    """A member's tokens have the group in cognito:groups, until the user is removed from it."""
    user = context.user_with_working_password()
    member = {"Username": user.username}
    call = _create_group(context, "conform-claim")
    call("AdminAddUserToGroup", **member).expect_success()
    groups = [each.get("cognito:groups") for each in _claims_of_member(user)]
    call("AdminRemoveUserFromGroup", **member).expect_success()
    has_groups = ["cognito:groups" in each for each in _claims_of_member(user)]
    fail_if(groups != [["conform-claim"]] * 2, "cognito:groups of a member's tokens lacks the group")
    fail_if(any(has_groups), "cognito:groups has the group after the user was removed from it")


@group_rule("group.preferred-role", _GROUPS_PAGE)
def _role_of_lowest_precedence(context: RuleContext) -> None:
    """The claim cognito:preferred_role is the role of the user's group with the lowest Precedence."""
    user = context.user_with_working_password()
    for precedence, name in (9, "nine"), (1, "one"):
        call = _create_group(context, f"conform-{precedence}", Precedence=precedence, RoleArn=_ROLE.format(name))
        call("AdminAddUserToGroup", Username=user.username).expect_success()
    role = _claims_of_member(user)[1].get("cognito:preferred_role")
    fail_if(role != _ROLE.format("one"), "cognito:preferred_role is not the role of the group with Precedence 1")


@group_rule("group.members", _reference("ListUsersInGroup"))
def _members(context: RuleContext) -> None:
    """ListUsersInGroup lists the members of a group."""
    user = context.user_with_working_password()
    call = _create_group(context, "conform-members")
    call("AdminAddUserToGroup", Username=user.username).expect_success()
    listed = call("ListUsersInGroup").expect_success().body.get("Users", [])
    fail_if([each.get("Username") for each in listed] != [user.username], "the member is not listed")


def _attributes(user: PoolUser) -> dict[str, str]:
    reply = user.client.call_with_pool_id("AdminGetUser", Username=user.username).expect_success()
    return {each["Name"]: each.get("Value", "") for each in reply.body.get("UserAttributes", [])}


def _user_call(user: PoolUser, operation: str, **members: Any) -> ApiReply:
    """Call an operation of a user who is signed in."""
    return user.client.api.call(operation, AccessToken=user.access_token(), **members)


def _sign_in_after_deletion(context: RuleContext) -> ApiReply:
    user = context.user_with_working_password()
    _user_call(user, "DeleteUser").expect_success()
    return user.sign_in()


account_rule.refused("account.deleted", _reference("DeleteUser"), CRITICAL, "a user who deleted the account",
    "Cognito refuses the sign-in of a user who called DeleteUser.", _sign_in_after_deletion)  # fmt: skip
account_rule.refused(
    "account.previous-password", _reference("ChangePassword"), MAJOR, "ChangePassword with a wrong password",
    "Cognito replies with NotAuthorizedException for ChangePassword with a wrong PreviousPassword.",
    lambda c: _user_call(c.user_with_working_password(), "ChangePassword",
        PreviousPassword=pools.WRONG_PASSWORD, ProposedPassword=pools.NEW_PASSWORD),
    "NotAuthorizedException")  # fmt: skip
account_rule.refused(
    "account.unknown-user", _reference("AdminGetUser"), MAJOR, "AdminGetUser for an unknown user",
    "Cognito replies with UserNotFoundException for an administrator's request for an unknown user.",
    lambda c: c.client().call_with_pool_id("AdminGetUser", Username=c.username()),
    "UserNotFoundException")  # fmt: skip
account_rule.refused(
    "account.exists", _reference("AdminCreateUser"), MAJOR, "a second user of the same name",
    "Cognito replies with UsernameExistsException for a second user of the same name.",
    lambda c: c.user_with_working_password().client.call_with_pool_id("AdminCreateUser", Username=c.username("ada")),
    "UsernameExistsException")  # fmt: skip


@account_rule("account.changed-address", _reference("UpdateUserAttributes"))
def _changed_address(context: RuleContext) -> None:
    """After UpdateUserAttributes, the new phone number is not verified."""
    user = context.user_with_working_password()
    user.client.pool.require(pools.PHONE_NUMBERS)
    user.client.pool.require(pools.UPDATES_AT_ONCE)
    changed = [{"Name": "phone_number", "Value": "+15555550199"}]
    _user_call(user, "UpdateUserAttributes", UserAttributes=changed).expect_success()
    fail_if(_attributes(user).get("phone_number_verified") == "true", "the new phone number is verified")


@account_rule("account.deleted-attributes", _reference("DeleteUserAttributes"))
def _deleted_attributes(context: RuleContext) -> None:
    """DeleteUserAttributes deletes attributes of the user who is signed in."""
    user = context.user_with_working_password()
    user.client.pool.require(pools.PHONE_NUMBERS)
    _user_call(user, "DeleteUserAttributes", UserAttributeNames=["phone_number"]).expect_success()
    fail_if("phone_number" in _attributes(user), "the user still has the attribute")


@account_rule("account.filter", _reference("ListUsers"))
def _filtered_users(context: RuleContext) -> None:
    """ListUsers with a Filter by email returns the user with this address, and nobody else."""
    user, _ = context.user(), context.user(label="eve")
    by_email = f'email = "{context.username("ada")}"'
    reply = user.client.call_with_pool_id("ListUsers", Filter=by_email).expect_success()
    found = [each.get("Username") for each in reply.body.get("Users", [])]
    fail_if(found != [user.username], f"ListUsers returned {len(found)} users, not exactly the one with this address")
