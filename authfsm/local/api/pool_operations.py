"""The operations on the pool and its app clients."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, Final

from attrs import fields

from authfsm.base.secret import Secret
from authfsm.local.config import descriptions, error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.state.codes import Entropy, random_text
from authfsm.local.state.core import Core, Reply, Request, paginate

_CLIENT_ALPHABET: Final = string.ascii_lowercase + string.digits
_MAX_PAGE: Final = 60


def check_setting_names(settings: dict[str, Any], *classes: type) -> None:
    """Raise TypeError for a setting that is no field of these classes, without its value: perhaps a secret."""
    known = {each.name for kind in classes for each in fields(kind) if each.init}
    if unknown := sorted(set(settings) - known):
        settings.clear()  # a traceback with the frames' variables would show the values
        raise TypeError(f"there is no setting {', '.join(unknown)}")


def new_client_id(entropy: Entropy) -> str:
    """Return a random app client id."""
    return random_text(entropy, 26, _CLIENT_ALPHABET)


def new_client_secret(entropy: Entropy) -> Secret[str]:
    """Return a random app client secret."""
    return Secret(random_text(entropy, 51, _CLIENT_ALPHABET))


def describe_user_pool(pool: Core, request: Request) -> Reply:
    """DescribeUserPool."""
    pool.check_pool(request)
    return {"UserPool": descriptions.user_pool(pool.configuration, len(pool.users))}


def get_user_pool_mfa_config(pool: Core, request: Request) -> Reply:
    """GetUserPoolMfaConfig."""
    pool.check_pool(request)
    return descriptions.mfa_config(pool.configuration)


def describe_user_pool_client(pool: Core, request: Request) -> Reply:
    """DescribeUserPoolClient."""
    pool.check_pool(request)
    return _client_reply(pool, pool.client(request))


def list_user_pool_clients(pool: Core, request: Request) -> Reply:
    """ListUserPoolClients."""
    pool.check_pool(request)
    size, pool_id = request.get("MaxResults") or _MAX_PAGE, pool.configuration.pool_id
    page, token = paginate(pool.clients, request.get("NextToken"), size)
    clients = [
        {"ClientId": each.client_id, "UserPoolId": pool_id, "ClientName": each.client_name}
        for each in page
    ]
    reply: Reply = {"UserPoolClients": clients}
    return reply if token is None else {**reply, "NextToken": token}


def create_user_pool_client(pool: Core, request: Request) -> Reply:
    """CreateUserPoolClient."""
    pool.check_pool(request)
    secret = Secret(request["ClientSecret"]) if "ClientSecret" in request else None
    if request.get("GenerateSecret"):
        secret = new_client_secret(pool.entropy)
    return _set_client(pool, {**request, "ClientId": new_client_id(pool.entropy)}, secret)


def update_user_pool_client(pool: Core, request: Request) -> Reply:
    """UpdateUserPoolClient: "If you don't provide a value for an attribute, Amazon Cognito sets it to its
    default value." -- AWS API reference. The secret stays, and sign-ins under way keep the old settings.
    """
    pool.check_pool(request)
    client = pool.client(request)
    kept: dict[str, Any] = {"ClientName": client.client_name}
    if arn := client.client_description.get("ClientSecretArn"):
        kept["ClientSecretArn"] = arn
    return _set_client(pool, {**kept, **request}, client.client_secret)


def delete_user_pool_client(pool: Core, request: Request) -> Reply:
    """DeleteUserPoolClient."""
    pool.check_pool(request)
    client_id = pool.client(request).client_id
    del pool.clients[client_id]
    if client_id in pool.session_configurations:
        del pool.session_configurations[client_id]
    return {}


def _set_client(
    pool: Core, described: Mapping[str, Any], client_secret: Secret[str] | None
) -> Reply:
    try:
        settings = descriptions.client_settings(described)
        client = AppClient(**{**settings, "client_secret": client_secret})
    except (ValueError, TypeError, OverflowError) as error:
        raise PoolRefusal(error_templates.INVALID_PARAMETER, why=str(error)) from None
    pool.clients[client.client_id] = client
    return _client_reply(pool, client)


def _client_reply(pool: Core, client: AppClient) -> Reply:
    return {"UserPoolClient": descriptions.user_pool_client(pool.configuration, client)}
