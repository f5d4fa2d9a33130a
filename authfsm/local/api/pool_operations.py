"""The pool and its app clients, described and changed in Cognito's own shapes."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, Final

from authfsm.base.secret import Secret
from authfsm.local.config import descriptions, error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.state.codes import random_text
from authfsm.local.state.core import Core, Reply, Request

_LOWER: Final = string.ascii_lowercase + string.digits
_PAGE: Final = 60


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
    return _described(pool, pool.client(request))


def list_user_pool_clients(pool: Core, request: Request) -> Reply:
    """ListUserPoolClients."""
    pool.check_pool(request)
    clients = list(pool.clients.values())
    ids = [client.client_id for client in clients]
    token = request.get("NextToken")
    start = ids.index(token) if token in ids else 0
    end = start + max(request.get("MaxResults") or _PAGE, 1)
    pool_id = pool.configuration.pool_id
    reply: Reply = {
        "UserPoolClients": [
            {"ClientId": each.client_id, "UserPoolId": pool_id, "ClientName": each.client_name}
            for each in clients[start:end]
        ]
    }
    return {**reply, "NextToken": ids[end]} if end < len(ids) else reply


def create_user_pool_client(pool: Core, request: Request) -> Reply:
    """CreateUserPoolClient: one more app client."""
    pool.check_pool(request)
    asked: dict[str, Any] = {**request, "ClientId": random_text(pool.entropy, 26, _LOWER)}
    if request.get("GenerateSecret"):
        asked["ClientSecret"] = random_text(pool.entropy, 51, _LOWER)
    return _kept(pool, asked)


def update_user_pool_client(pool: Core, request: Request) -> Reply:
    """UpdateUserPoolClient: "If you don't provide a value for an attribute, Amazon Cognito sets it to its
    default value." -- AWS API reference. Its secret stays; sign-ins under way go on as they began.
    """
    pool.check_pool(request)
    client = pool.client(request)
    asked: dict[str, Any] = {"ClientName": client.client_name, **request}
    if client.client_secret is not None:
        asked["ClientSecret"] = client.client_secret.reveal()
    return _kept(pool, asked)


def delete_user_pool_client(pool: Core, request: Request) -> Reply:
    """DeleteUserPoolClient."""
    pool.check_pool(request)
    del pool.clients[pool.client(request).client_id]
    return {}


def _kept(pool: Core, asked: Mapping[str, Any]) -> Reply:
    try:
        settings = descriptions.client_settings(asked)
        settings["client_secret"] = (
            Secret(asked["ClientSecret"]) if "ClientSecret" in asked else None
        )
        client = AppClient(**settings)
    except (ValueError, TypeError, OverflowError) as error:
        raise PoolRefusal(error_templates.INVALID_PARAMETER, why=str(error)) from None
    pool.clients[client.client_id] = client
    return _described(pool, client)


def _described(pool: Core, client: AppClient) -> Reply:
    return {"UserPoolClient": descriptions.user_pool_client(pool.configuration, client)}
