"""The operations on groups, identity providers, resource servers and domains, which are all records.

Records of each kind are created, described, listed (except domains), updated and deleted in the same way. Only groups
have an effect: tokens contain the names and roles of the user's groups. There is no federation, and no login page.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from attrs import frozen

from authfsm.local.accounts.admin import user_to_api
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import ErrorTemplate
from authfsm.local.config.lambda_functions import ACCOUNT
from authfsm.local.state.core import Core, OperationFunction, Reply, Request, paginate
from authfsm.local.state.records import GROUP, Record
from authfsm.local.state.users import User


@frozen
class RecordKind:
    """A kind of record, with the members of its requests and replies, and its errors."""

    name: str  # in the pool's state
    key: str  # the request member with a record's name
    member: str  # the reply member with a record
    exists: ErrorTemplate  # the error if a new record's name is taken
    missing: ErrorTemplate  # the error if no record has the name
    dated: bool = True  # whether records have CreationDate and LastModifiedDate
    replaced: bool = False  # whether an update removes the members that its request leaves out

    def show(self, pool: Core, record: Record) -> dict[str, Any]:
        """Return the members of a record in a reply."""
        members = {"UserPoolId": pool.configuration.pool_id, **record.members}
        if self.dated:
            members["CreationDate"] = record.created.timestamp()
            members["LastModifiedDate"] = record.modified.timestamp()
        return members

    def find(self, pool: Core, request: Request) -> Record:
        """Return the record that a request names; refuse the request if there is none."""
        found = pool.records.find(self.name, request[self.key])
        if found is None:
            raise self.missing.refusal(name=request[self.key])
        return found

    def add(self, pool: Core, name: str, **members: Any) -> Record:
        """Add a record, or replace the record of the same name."""
        now = pool.clock()
        record = Record(self.name, name, {self.key: name, **members}, now, now)
        pool.records.restore(record)
        return record

    def create(self, pool: Core, request: Request) -> Reply:
        """Answer the operation that creates a record; refuse a name that is taken."""
        name = request[self.key]
        if pool.records.find(self.name, name) is not None:
            raise self.exists.refusal(name=name, pool=pool.configuration.pool_id)
        members = {n: e for n, e in request.items() if n not in {"UserPoolId", self.key}}
        return {self.member: self.show(pool, self.add(pool, name, **members))}

    def describe(self, pool: Core, request: Request) -> Reply:
        """Answer the operation that returns a record."""
        return {self.member: self.show(pool, self.find(pool, request))}

    def update(self, pool: Core, request: Request) -> Reply:
        """Answer the operation that changes a record."""
        record = self.find(pool, request)
        members = {name: each for name, each in request.items() if name != "UserPoolId"}
        record.members = members if self.replaced else {**record.members, **members}
        record.modified = pool.clock()
        return {self.member: self.show(pool, record)}

    def delete(self, pool: Core, request: Request) -> None:
        """Answer the operation that deletes a record."""
        pool.records.remove(self.find(pool, request))

    def lister(self, member: str, size: str, only: tuple[str, ...] = ()) -> OperationFunction:
        """Return a listing operation: `member` of the reply has the records, `size` of the request the page size."""

        def list_all(pool: Core, request: Request) -> Reply:
            def show(record: Record) -> dict[str, Any]:
                members = self.show(pool, record)
                return {name: members[name] for name in only or members if name in members}

            return paginate(pool.records.of_kind(self.name), show, request, member, size_member=size)

        return list_all


GROUPS: Final = RecordKind(GROUP, "GroupName", "Group", error_templates.GROUP_EXISTS, error_templates.NO_SUCH_GROUP)
IDENTITY_PROVIDERS: Final = RecordKind(
    "identity_provider", "ProviderName", "IdentityProvider", error_templates.PROVIDER_EXISTS,
    error_templates.NO_SUCH_PROVIDER,
)  # fmt: skip
RESOURCE_SERVERS: Final = RecordKind(
    "resource_server", "Identifier", "ResourceServer", error_templates.RESOURCE_SERVER_EXISTS,
    error_templates.NO_SUCH_RESOURCE_SERVER, dated=False, replaced=True,
)  # fmt: skip
DOMAINS: Final = RecordKind(
    "domain", "Domain", "DomainDescription", error_templates.DOMAIN_EXISTS,
    error_templates.NO_SUCH_DOMAIN, dated=False,
)  # fmt: skip


def get_identity_provider_by_identifier(pool: Core, request: Request) -> Reply:
    """Answer GetIdentityProviderByIdentifier: return the provider whose `IdpIdentifiers` contain the identifier."""
    identifier = request["IdpIdentifier"]
    for record in pool.records.of_kind(IDENTITY_PROVIDERS.name).values():
        if identifier in record.members.get("IdpIdentifiers", ()):
            return {"IdentityProvider": IDENTITY_PROVIDERS.show(pool, record)}
    raise error_templates.NO_SUCH_PROVIDER.refusal(name=identifier)


# The name that moto returns, because suites written for moto compare it.
_CLOUD_FRONT: Final = "e2c343b3293ee505.cloudfront.net"


def _set_domain(change: Callable[[Core, Request], Reply], pool: Core, request: Request) -> Reply:
    """Answer CreateUserPoolDomain or UpdateUserPoolDomain, whose replies do not describe the domain."""
    domain = change(pool, request)["DomainDescription"]
    version = {"ManagedLoginVersion": domain.get("ManagedLoginVersion", 1)}
    return {**version, "CloudFrontDomain": _CLOUD_FRONT} if "CustomDomainConfig" in domain else version


def describe_domain(pool: Core, domain: str) -> dict[str, Any]:
    """Return the DomainDescription of one of the pool's domains."""
    record = DOMAINS.find(pool, {"UserPoolId": pool.configuration.pool_id, "Domain": domain})
    return {
        **DOMAINS.show(pool, record),
        "AWSAccountId": ACCOUNT,
        "CloudFrontDistribution": _CLOUD_FRONT,
        "Status": "ACTIVE",
        "Version": record.created.strftime("%Y%m%d%H%M%S"),
    }


def add_missing_groups(pool: Core, names: tuple[str, ...]) -> None:
    """Add the groups that the pool does not have yet."""
    for name in names:
        if pool.records.find(GROUP, name) is None:
            GROUPS.add(pool, name)


def add_user_to_group(pool: Core, user: User, request: Request) -> None:
    """Answer AdminAddUserToGroup; new tokens name the group."""
    name = GROUPS.find(pool, request).name
    if name not in user.groups:
        user.groups = (*user.groups, name)


def remove_user_from_group(pool: Core, user: User, request: Request) -> None:
    """Answer AdminRemoveUserFromGroup; earlier tokens still name the group."""
    name = GROUPS.find(pool, request).name
    user.groups = tuple(group for group in user.groups if group != name)


def list_groups_for_user(pool: Core, user: User, request: Request) -> Reply:
    """Answer AdminListGroupsForUser: return a user's groups."""
    groups = {each.name: each for each in pool.records.groups_of(user)}
    return paginate(groups, partial(GROUPS.show, pool), request, "Groups")


def list_users_in_group(pool: Core, request: Request) -> Reply:
    """Answer ListUsersInGroup: return a group's users in the form of ListUsers."""
    name = GROUPS.find(pool, request).name
    members = {each.username: each for each in pool.users if name in each.groups}
    return paginate(members, user_to_api, request, "Users")


def delete_group(pool: Core, request: Request) -> None:
    """Answer DeleteGroup: remove the group, also from its users."""
    record = GROUPS.find(pool, request)
    for username in [each.username for each in pool.users if record.name in each.groups]:
        # `user_of` notes that the user may change: other users are not written to the state file again.
        remove_user_from_group(pool, pool.user_of({"Username": username}), request)
    pool.records.remove(record)


# fmt: off
FUNCTIONS: Final[dict[str, OperationFunction]] = {
    "CreateGroup": GROUPS.create,
    "GetGroup": GROUPS.describe,
    "UpdateGroup": GROUPS.update,
    "ListGroups": GROUPS.lister("Groups", "Limit"),
    "CreateIdentityProvider": IDENTITY_PROVIDERS.create,
    "DescribeIdentityProvider": IDENTITY_PROVIDERS.describe,
    "GetIdentityProviderByIdentifier": get_identity_provider_by_identifier,
    "UpdateIdentityProvider": IDENTITY_PROVIDERS.update,
    "DeleteIdentityProvider": IDENTITY_PROVIDERS.delete,
    "ListIdentityProviders": IDENTITY_PROVIDERS.lister(
        "Providers", "MaxResults", ("ProviderName", "ProviderType", "CreationDate", "LastModifiedDate")
    ),
    "CreateResourceServer": RESOURCE_SERVERS.create,
    "DescribeResourceServer": RESOURCE_SERVERS.describe,
    "UpdateResourceServer": RESOURCE_SERVERS.update,
    "DeleteResourceServer": RESOURCE_SERVERS.delete,
    "ListResourceServers": RESOURCE_SERVERS.lister("ResourceServers", "MaxResults"),
    "CreateUserPoolDomain": partial(_set_domain, DOMAINS.create),
    "UpdateUserPoolDomain": partial(_set_domain, DOMAINS.update),
    "DeleteUserPoolDomain": DOMAINS.delete,
}
# fmt: on
"""The functions of most operations on records, by the operation's name."""
