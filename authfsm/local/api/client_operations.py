"""The API's operations on the pool's app clients and on their secrets."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from authfsm.base.secret import Secret
from authfsm.local.api.pool_operations import check_arguments, check_settings, refuse
from authfsm.local.config import descriptions, error_templates, settings_conflicts
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.state.codes import Entropy, random_text
from authfsm.local.state.core import Core, Reply, Request, paginate

_ALPHABET: Final = string.ascii_lowercase + string.digits


def new_client_id(entropy: Entropy) -> str:
    """Return a random app client id."""
    return random_text(entropy, 26, _ALPHABET)


def new_client_secret(entropy: Entropy) -> Secret[str]:
    """Return a random app client secret."""
    return Secret(random_text(entropy, 51, _ALPHABET))


def check_client(pool: Core, client: AppClient) -> None:
    """Raise ValueError if Cognito would refuse the settings of an app client that were made in Python."""
    configuration, described = pool.configuration, descriptions.user_pool_client(pool.configuration, client)
    # A description of a real app client may have attributes that the description of its pool lacks.
    for member in ("ReadAttributes", "WriteAttributes") if client.client_description else ():
        described.pop(member, None)
    conflicts = settings_conflicts.client_conflicts(described, configuration.attributes, "creating")
    check_arguments(pool, conflicts)


def describe_user_pool_client(pool: Core, request: Request) -> Reply:
    """Answer DescribeUserPoolClient: all settings, with the secret."""
    return _client_reply(pool, pool.client(request))


def list_user_pool_clients(pool: Core, request: Request) -> Reply:
    """Answer ListUserPoolClients: the ids and names."""

    def show(client: AppClient) -> Reply:
        names = {"ClientId": client.client_id, "ClientName": client.client_name}
        return {**names, "UserPoolId": request["UserPoolId"]}

    return paginate(pool.clients, show, request, "UserPoolClients", size_member="MaxResults")


def create_user_pool_client(pool: Core, request: Request) -> Reply:
    """Answer CreateUserPoolClient; the id is random."""
    secret = Secret(request["ClientSecret"]) if "ClientSecret" in request else None
    if request.get("GenerateSecret"):
        secret = new_client_secret(pool.entropy)
    new = {"ClientId": new_client_id(pool.entropy), "CreationDate": pool.clock().timestamp()}
    return _set_client(pool, {**request, **new}, {"client_secret": secret}, "creating")


def update_user_pool_client(pool: Core, request: Request) -> Reply:
    """Answer UpdateUserPoolClient: settings that the request leaves out get their defaults, except name and secrets."""
    client = pool.client(request)
    before = client.client_description
    kept = {name: before[name] for name in ("ClientSecretArn", "CreationDate") if name in before}
    kept["ClientName"] = client.client_name
    secrets = {name: getattr(client, name) for name in ("client_secret", "second_secret", "secret_dates")}
    return _set_client(pool, {**kept, **request}, secrets, "updating")


def _secrets(client: AppClient) -> dict[str, tuple[float, Secret[str]]]:
    """Return, for the id of each secret of an app client, when it was added and the secret."""
    dates = client.secret_dates or (client.client_description.get("CreationDate", 0.0),)
    dated = zip(dates, client.secrets, strict=False)
    return {f"{client.client_id}--{at:.6f}": (at, each) for at, each in dated}


def _set_secrets(pool: Core, client: AppClient, found: Mapping[str, tuple[float, Secret[str]]]) -> None:
    first, second = ([each for _, each in found.values()] + [None])[:2]
    dates = tuple(at for at, _ in found.values())
    changed = evolve(client, client_secret=first, second_secret=second, secret_dates=dates)
    pool.clients[client.client_id] = changed


def add_user_pool_client_secret(pool: Core, request: Request) -> Reply:
    """Answer AddUserPoolClientSecret: the reply has the secret only if the pool generated it (AWS API reference)."""
    client, at, custom = pool.client(request), pool.clock().timestamp(), request.get("ClientSecret")
    found, value = _secrets(client), Secret(custom) if custom else new_client_secret(pool.entropy)
    if not found:  # "for an existing confidential user pool app client"; the messages are ours
        raise refuse("A public app client has no secrets.")
    if len(found) > 1:  # "up to 2 active secrets"
        raise error_templates.TOO_MANY_SECRETS.refusal()
    while (secret_id := f"{client.client_id}--{at:.6f}") in found:
        at += 1e-6  # with a stopped clock both secrets would have the same id
    _set_secrets(pool, client, {**found, secret_id: (at, value)})
    generated = {} if custom else {"ClientSecretValue": value.reveal()}
    dated = {"ClientSecretId": secret_id, "ClientSecretCreateDate": at}
    return {"ClientSecretDescriptor": {**dated, **generated}}


def delete_user_pool_client_secret(pool: Core, request: Request) -> None:
    """Answer DeleteUserPoolClientSecret: "You cannot delete the last remaining secret" (AWS API reference)."""
    client = pool.client(request)
    found = _secrets(client)
    if found.pop(request["ClientSecretId"], None) is None:
        raise error_templates.NO_SUCH_RESOURCE.refusal()
    if not found:
        raise refuse("This is the app client's last secret.")
    _set_secrets(pool, client, found)


def list_user_pool_client_secrets(pool: Core, request: Request) -> Reply:
    """Answer ListUserPoolClientSecrets: the ids and dates of the secrets."""
    found = [(secret_id, at) for secret_id, (at, _) in _secrets(pool.client(request)).items()]
    return {"ClientSecrets": [{"ClientSecretId": name, "ClientSecretCreateDate": at} for name, at in found]}


def delete_user_pool_client(pool: Core, request: Request) -> None:
    """Answer DeleteUserPoolClient: delete the app client and its session configuration."""
    client_id = pool.client(request).client_id
    del pool.clients[client_id]
    if client_id in pool.session_configurations:
        del pool.session_configurations[client_id]


def _set_client(pool: Core, description: Mapping[str, Any], secrets: Mapping[str, Any], verb: str) -> Reply:
    schema = pool.configuration.attributes
    check_settings(pool, settings_conflicts.client_conflicts(description, schema, verb))
    try:
        settings = descriptions.client_settings({**description, "LastModifiedDate": pool.clock().timestamp()})
        client = AppClient(**{**settings, **secrets})
    except (ValueError, TypeError, OverflowError) as error:
        raise refuse(str(error)) from None
    pool.clients[client.client_id] = client
    return _client_reply(pool, client)


def _client_reply(pool: Core, client: AppClient) -> Reply:
    return {"UserPoolClient": descriptions.user_pool_client(pool.configuration, client)}
