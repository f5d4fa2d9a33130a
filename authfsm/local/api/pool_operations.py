"""The operations on the pool and its app clients."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import fields

from authfsm.base.secret import Secret
from authfsm.local.accounts.records import DOMAINS
from authfsm.local.config import descriptions, error_templates, pool_requests
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.state.codes import Entropy, random_text
from authfsm.local.state.core import Core, Reply, Request, paginate

_CLIENT_ALPHABET: Final = string.ascii_lowercase + string.digits
_POOL_ID_ALPHABET: Final = string.ascii_letters + string.digits


def check_setting_names(settings: dict[str, Any], *classes: type) -> None:
    """Raise TypeError for a setting that is no field of these classes, without its value: perhaps a secret."""
    known = {each.name for kind in classes for each in fields(kind) if each.init}
    if unknown := sorted(set(settings) - known):
        settings.clear()  # a traceback with the frames' variables would show the values
        raise TypeError(f"there is no setting {', '.join(unknown)}")


def new_pool_id(region: str, entropy: Entropy) -> str:
    """Return a random pool id."""
    return f"{region}_{random_text(entropy, 9, _POOL_ID_ALPHABET)}"


def cognito_issuer(pool_id: str) -> str:
    """Return the issuer that Cognito gives a pool."""
    return f"https://cognito-idp.{pool_id.partition('_')[0]}.amazonaws.com/{pool_id}"


def new_client_id(entropy: Entropy) -> str:
    """Return a random app client id."""
    return random_text(entropy, 26, _CLIENT_ALPHABET)


def new_client_secret(entropy: Entropy) -> Secret[str]:
    """Return a random app client secret."""
    return Secret(random_text(entropy, 51, _CLIENT_ALPHABET))


def describe_user_pool(pool: Core, _: Request) -> Reply:
    """DescribeUserPool."""
    described = descriptions.user_pool(pool.configuration, len(pool.users))
    for record in pool.records.of_kind(DOMAINS.name).values():
        custom = "CustomDomainConfig" in record.members
        described["CustomDomain" if custom else "Domain"] = record.name
    return {"UserPool": described}


def get_user_pool_mfa_config(pool: Core, _: Request) -> Reply:
    """GetUserPoolMfaConfig."""
    return descriptions.mfa_config(pool.configuration)


def _configure(pool: Core, change: Callable[..., dict[str, Any]], request: Request) -> None:
    description = change(pool.configuration, request, pool.clock())
    pool.configure(pool_requests.configured(pool.configuration, description))


def update_user_pool(pool: Core, request: Request) -> Reply:
    """UpdateUserPool."""
    _configure(pool, pool_requests.updated, request)
    return {}


def set_user_pool_mfa_config(pool: Core, request: Request) -> Reply:
    """SetUserPoolMfaConfig."""
    _configure(pool, pool_requests.with_mfa_config, request)
    return descriptions.mfa_config(pool.configuration)


def add_custom_attributes(pool: Core, request: Request) -> Reply:
    """AddCustomAttributes."""
    _configure(pool, pool_requests.with_custom_attributes, request)
    return {}


def _tags(pool: Core, request: Request) -> dict[str, str]:
    described = descriptions.user_pool(pool.configuration, 0)
    if request["ResourceArn"] != described["Arn"]:
        raise PoolRefusal(error_templates.NO_SUCH_RESOURCE)
    tags: dict[str, str] = described.get("UserPoolTags", {})
    return tags


def _set_tags(pool: Core, tags: Mapping[str, str]) -> Reply:
    description = pool_requests.tagged(pool.configuration, tags)
    pool.configure(pool_requests.configured(pool.configuration, description))
    return {}


def tag_resource(pool: Core, request: Request) -> Reply:
    """TagResource."""
    return _set_tags(pool, {**_tags(pool, request), **request["Tags"]})


def untag_resource(pool: Core, request: Request) -> Reply:
    """UntagResource."""
    gone = request["TagKeys"]
    return _set_tags(pool, {n: e for n, e in _tags(pool, request).items() if n not in gone})


def list_tags_for_resource(pool: Core, request: Request) -> Reply:
    """ListTagsForResource."""
    return {"Tags": _tags(pool, request)}


def check_deletable(pool: Core, request: Request) -> None:
    """Refuse to delete a pool that is not there, or whose deletion protection is active."""
    pool.check_pool(request)
    described = descriptions.user_pool(pool.configuration, 0)
    if described.get("DeletionProtection") == "ACTIVE":
        why = "The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first."
        raise PoolRefusal(error_templates.INVALID_PARAMETER, why=why)


def describe_user_pool_client(pool: Core, request: Request) -> Reply:
    """DescribeUserPoolClient."""
    return _client_reply(pool, pool.client(request))


def list_user_pool_clients(pool: Core, request: Request) -> Reply:
    """ListUserPoolClients."""

    def show(client: AppClient) -> Reply:
        own = {"ClientId": client.client_id, "ClientName": client.client_name}
        return {**own, "UserPoolId": request["UserPoolId"]}

    return paginate(pool.clients, show, request, "UserPoolClients", size="MaxResults")


def create_user_pool_client(pool: Core, request: Request) -> Reply:
    """CreateUserPoolClient."""
    secret = Secret(request["ClientSecret"]) if "ClientSecret" in request else None
    if request.get("GenerateSecret"):
        secret = new_client_secret(pool.entropy)
    own = {"ClientId": new_client_id(pool.entropy), "CreationDate": pool.clock().timestamp()}
    return _set_client(pool, {**request, **own}, secret)


def update_user_pool_client(pool: Core, request: Request) -> Reply:
    """UpdateUserPoolClient: resets what it leaves out, but not the secret; sign-ins under way keep the old settings."""
    client = pool.client(request)
    before = client.client_description
    kept = {name: before[name] for name in ("ClientSecretArn", "CreationDate") if name in before}
    kept["ClientName"] = client.client_name
    return _set_client(pool, {**kept, **request}, client.client_secret)


def delete_user_pool_client(pool: Core, request: Request) -> Reply:
    """DeleteUserPoolClient."""
    client_id = pool.client(request).client_id
    del pool.clients[client_id]
    if client_id in pool.session_configurations:
        del pool.session_configurations[client_id]
    return {}


def _set_client(
    pool: Core, described: Mapping[str, Any], client_secret: Secret[str] | None
) -> Reply:
    try:
        dated = {**described, "LastModifiedDate": pool.clock().timestamp()}
        settings = descriptions.client_settings(dated)
        client = AppClient(**{**settings, "client_secret": client_secret})
    except (ValueError, TypeError, OverflowError) as error:
        raise PoolRefusal(error_templates.INVALID_PARAMETER, why=str(error)) from None
    pool.clients[client.client_id] = client
    return _client_reply(pool, client)


def _client_reply(pool: Core, client: AppClient) -> Reply:
    return {"UserPoolClient": descriptions.user_pool_client(pool.configuration, client)}
