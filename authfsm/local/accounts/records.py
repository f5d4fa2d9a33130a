"""The operations on records: create, describe, list, update and delete, the same for each kind.

Nothing else in the pool reads identity providers, resource servers and domains: there is no federation, and
there are no pages. Groups are in the tokens; what users have to do with them is in `groups`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import ErrorTemplate, PoolRefusal
from authfsm.local.config.lambda_functions import ACCOUNT
from authfsm.local.state.core import Core, Reply, Request, paginate
from authfsm.local.state.records import GROUP, Record

_MAX_PAGE: Final = 60
Function = Callable[[Core, Request], Reply]


@frozen
class RecordKind:
    """A kind of record.

    Args:
        name: as `group`.
        key: the request's member with the name of a record.
        member: the reply's member with a record.
        exists: the refusal of a second record with the same name.
        missing: the refusal if there is no such record.
        dated: whether replies have CreationDate and LastModifiedDate.
        replaced: whether an update removes the members that it does not name.
    """

    name: str
    key: str
    member: str
    exists: ErrorTemplate
    missing: ErrorTemplate
    dated: bool = True
    replaced: bool = False

    def show(self, pool: Core, record: Record) -> dict[str, Any]:
        """Return a record as the API shows it."""
        shown = {"UserPoolId": pool.configuration.pool_id, **record.members}
        if self.dated:
            shown["CreationDate"] = record.created.timestamp()
            shown["LastModifiedDate"] = record.modified.timestamp()
        return shown

    def find(self, pool: Core, request: Request) -> Record:
        """Return the record of a request; refuse if there is none."""
        pool.check_pool(request)
        found = pool.records.find(self.name, request[self.key])
        if found is None:
            raise PoolRefusal(self.missing, name=request[self.key])
        return found

    def add(self, pool: Core, name: str, **members: Any) -> Record:
        """Add a record, which may replace one of the same name."""
        now = pool.clock()
        record = Record(self.name, name, {self.key: name, **members}, now, now)
        pool.records.restore(record)
        return record

    # ---- operations ---------------------------------------------------------------------------

    def create(self, pool: Core, request: Request) -> Reply:
        """Create."""
        pool.check_pool(request)
        name = request[self.key]
        if pool.records.find(self.name, name) is not None:
            pool_id = pool.configuration.pool_id
            raise PoolRefusal(self.exists, name=name, pool=pool_id)
        members = {n: e for n, e in request.items() if n not in {"UserPoolId", self.key}}
        return {self.member: self.show(pool, self.add(pool, name, **members))}

    def describe(self, pool: Core, request: Request) -> Reply:
        """Get or Describe."""
        return {self.member: self.show(pool, self.find(pool, request))}

    def update(self, pool: Core, request: Request) -> Reply:
        """Update."""
        record = self.find(pool, request)
        given = {name: each for name, each in request.items() if name != "UserPoolId"}
        record.members = given if self.replaced else {**record.members, **given}
        record.modified = pool.clock()
        return {self.member: self.show(pool, record)}

    def delete(self, pool: Core, request: Request) -> Reply:
        """Delete."""
        pool.records.remove(self.find(pool, request))
        return {}

    def lister(self, member: str, size: str, only: tuple[str, ...] = ()) -> Function:
        """Return the operation that lists all.

        Args:
            member: the reply's member.
            size: the request's member with the size of a page.
            only: the members of a record that the list shows; by default all.
        """

        def list_all(pool: Core, request: Request) -> Reply:
            pool.check_pool(request)
            page, token = paginate(
                pool.records.of_kind(self.name),
                request.get("NextToken"),
                request.get(size) or _MAX_PAGE,
            )
            shown = [self.show(pool, each) for each in page]
            if only:
                shown = [{n: each[n] for n in only if n in each} for each in shown]
            return {member: shown} if token is None else {member: shown, "NextToken": token}

        return list_all


GROUPS: Final = RecordKind(
    GROUP, "GroupName", "Group", error_templates.GROUP_EXISTS, error_templates.NO_SUCH_GROUP
)
IDENTITY_PROVIDERS: Final = RecordKind(
    "identity_provider",
    "ProviderName",
    "IdentityProvider",
    error_templates.PROVIDER_EXISTS,
    error_templates.NO_SUCH_PROVIDER,
)
RESOURCE_SERVERS: Final = RecordKind(
    "resource_server",
    "Identifier",
    "ResourceServer",
    error_templates.RESOURCE_SERVER_EXISTS,
    error_templates.NO_SUCH_RESOURCE_SERVER,
    dated=False,
    replaced=True,
)
DOMAINS: Final = RecordKind(
    "domain", "Domain", "DomainDescription", error_templates.DOMAIN_EXISTS,
    error_templates.NO_SUCH_DOMAIN, dated=False,
)  # fmt: skip


def get_identity_provider_by_identifier(pool: Core, request: Request) -> Reply:
    """GetIdentityProviderByIdentifier."""
    pool.check_pool(request)
    wanted = request["IdpIdentifier"]
    for record in pool.records.of_kind(IDENTITY_PROVIDERS.name).values():
        if wanted in record.members.get("IdpIdentifiers", ()):
            return {"IdentityProvider": IDENTITY_PROVIDERS.show(pool, record)}
    raise PoolRefusal(error_templates.NO_SUCH_PROVIDER, name=wanted)


# ---- domains --------------------------------------------------------------------------------------

_CLOUD_FRONT: Final = "{}.cloudfront.net"


def create_user_pool_domain(pool: Core, request: Request) -> Reply:
    """CreateUserPoolDomain."""
    domain = DOMAINS.create(pool, request)["DomainDescription"]
    return _domain_reply(pool, domain)


def update_user_pool_domain(pool: Core, request: Request) -> Reply:
    """UpdateUserPoolDomain."""
    return _domain_reply(pool, DOMAINS.update(pool, request)["DomainDescription"])


def _domain_reply(pool: Core, domain: dict[str, Any]) -> Reply:
    version = {"ManagedLoginVersion": domain.get("ManagedLoginVersion", 1)}
    if "CustomDomainConfig" not in domain:
        return version
    return {**version, "CloudFrontDomain": _cloud_front(pool, domain["Domain"])}


def _cloud_front(pool: Core, domain: str) -> str:
    """Return a name like those of CloudFront, always the same for a domain."""
    return _CLOUD_FRONT.format(f"d{pool.stable_bytes('domain', domain).hex()[:13]}")


def describe_domain(pool: Core, domain: str) -> dict[str, Any]:
    """Return DomainDescription; the pool has this domain."""
    record = DOMAINS.find(pool, {"UserPoolId": pool.configuration.pool_id, "Domain": domain})
    return {
        **DOMAINS.show(pool, record),
        "AWSAccountId": ACCOUNT,
        "CloudFrontDistribution": _cloud_front(pool, record.name),
        "Status": "ACTIVE",
        "Version": record.created.strftime("%Y%m%d%H%M%S"),
    }


# fmt: off
FUNCTIONS: Final[dict[str, Function]] = {
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
    "CreateUserPoolDomain": create_user_pool_domain,
    "UpdateUserPoolDomain": update_user_pool_domain,
    "DeleteUserPoolDomain": DOMAINS.delete,
}
# fmt: on
"""The operations on records, by name."""
