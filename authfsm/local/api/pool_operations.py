"""The API's operations on the pool, its app clients and their secrets.

A description is what DescribeUserPool and GetUserPoolMfaConfig return. Requests that create or update a pool are
converted to a description, from which `descriptions` reads the settings. Error messages are those of AWS that
moto's tests have, unless a comment says otherwise.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final

from attrs import evolve, fields

from authfsm.base.secret import Secret
from authfsm.local.accounts.records import DOMAINS
from authfsm.local.config import descriptions, error_templates, settings_conflicts
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient, PoolConfiguration
from authfsm.local.config.request_members import check_types
from authfsm.local.config.schema import STANDARD_ATTRIBUTES
from authfsm.local.state.codes import Entropy, random_text
from authfsm.local.state.core import Core, Reply, Request, paginate
from authfsm.settings.descriptions import Descriptions, Structure

# The values of members that a CreateUserPool or UpdateUserPool request leaves out (from replies of AWS).
_DEFAULTS: Final[dict[str, Any]] = {
    "DeletionProtection": "INACTIVE",
    "LambdaConfig": {},
    "MfaConfiguration": "OFF",
    "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE"},
    "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
    "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False, "UnusedAccountValidityDays": 7},
}
# Members that UpdateUserPool keeps if omitted (MfaConfiguration and Policies: measured, go-to-k/cdkd pull 1982).
_KEPT: Final = (
    "Id", "Arn", "Name", "SchemaAttributes", "AliasAttributes", "UsernameAttributes",
    "UsernameConfiguration", "CreationDate", "UserPoolTags", "UserPoolTier", "DeletionProtection",
    "MfaConfiguration", "Policies",
)  # fmt: skip
# Members of VerificationMessageTemplate, and the older members of the pool that repeat them.
_TEMPLATE_MEMBERS: Final = {
    "SmsMessage": "SmsVerificationMessage",
    "EmailMessage": "EmailVerificationMessage",
    "EmailSubject": "EmailVerificationSubject",
}

_ALPHABET: Final = string.ascii_lowercase + string.digits


def refusal(why: str) -> PoolRefusal:
    """Return an InvalidParameterException with this message."""
    return error_templates.INVALID_PARAMETER.refusal(why=why)


def created_description(core: Core, request: Structure) -> dict[str, Any]:
    """Return the description of a pool that CreateUserPool creates."""
    rest = {n: each for n, each in request.items() if n not in {"PoolName", "Schema"}}
    pool = {"Name": request["PoolName"], "CreationDate": core.clock().timestamp(), **rest}
    pool["SchemaAttributes"] = [schema_attribute(each) for each in request.get("Schema", ())]
    return _description(core, pool, Descriptions({}, mfa_config={}), request)


SHARED_SETTINGS: Final = frozenset({"accept", "contradictions", "per_user_quotas", "triggers"})  # not in the API
_CONFLICTS: Final = "contradictory-settings"


def check_settings(core: Core, conflicts: Iterable[str]) -> None:
    """Refuse settings for the reasons in `conflicts`, unless the check "contradictory-settings" is disabled."""
    for why in conflicts:
        core.refuse_or_record(_CONFLICTS, refusal(why))


def check_arguments(core: Core, conflicts: Iterable[str]) -> None:
    """Do as `check_settings`, but raise ValueError, because the settings are from Python or a configuration file."""
    try:
        check_settings(core, conflicts)
    except PoolRefusal as error:
        why = f"Cognito refuses these settings ({error.message.rstrip('.')})"
        raise ValueError(f'{why}: change them, or set accept=["{_CONFLICTS}"]') from None


def _described(core: Core) -> Descriptions:
    return Descriptions.parse(descriptions.pool_description(core.configuration))


def _description(core: Core, pool: dict[str, Any], before: Descriptions, request: Structure) -> dict[str, Any]:
    mode = pool.get("MfaConfiguration", "OFF")
    template = pool.get("VerificationMessageTemplate", {})
    repeated = {ours: template[name] for name, ours in _TEMPLATE_MEMBERS.items() if name in template}
    factors = {name: each for name, each in (before.mfa_config or {}).items() if name != "MfaConfiguration"}
    check_settings(core, settings_conflicts.request_conflicts(before, Descriptions(pool, mfa_config=factors), request))
    sms: dict[str, Any] = {n: pool[n] for n in ("SmsConfiguration", "SmsAuthenticationMessage") if n in pool}
    if "SmsMfaConfiguration" in factors or (mode != "OFF" and "SmsConfiguration" in pool):
        sms = factors["SmsMfaConfiguration"] = factors.get("SmsMfaConfiguration", sms) | sms
    if mode not in {"OFF", before.mfa} and not factors:
        raise refusal(
            "SMS configuration and Auto verification for phone_number are required when MFA is required/optional"
        )
    members = {**_DEFAULTS, **repeated, **pool, **sms, "LastModifiedDate": core.clock().timestamp()}
    return {"UserPool": members, "MfaConfig": {**factors, "MfaConfiguration": mode}}


def configured(configuration: PoolConfiguration, description: Mapping[str, Any]) -> PoolConfiguration:
    """Return a pool's settings, changed to those of a description; refuse settings that are not valid."""
    try:
        settings = descriptions.pool_settings(Descriptions.parse(description))
        settings.pop("pool_id", None)
        return evolve(configuration, **settings)
    except (ValueError, TypeError, OverflowError) as error:
        raise refusal(str(error)) from None


def schema_attribute(attribute: Structure, *, is_custom: bool = False) -> dict[str, Any]:
    """Return an attribute of Schema (with `is_custom`: of CustomAttributes) in the form of DescribeUserPool."""
    if "Name" not in attribute:
        raise refusal("A schema attribute has no Name.")  # the message is ours
    name, kind = attribute["Name"], attribute.get("AttributeDataType")
    developer_only = attribute.get("DeveloperOnlyAttribute", False)
    standard = None if is_custom else STANDARD_ATTRIBUTES.get(name)
    if standard is not None:
        if kind not in {None, standard.data_type} or developer_only:
            why = "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute"
            raise refusal(f"{why} {name}")
        kind = standard.data_type
    else:
        if kind is None:
            raise refusal("Invalid AttributeDataType input, consider using the provided AttributeDataType enum.")
        name = f"{'dev:' if developer_only else ''}custom:{name}"
    described = {
        "Name": name,
        "AttributeDataType": kind,
        "DeveloperOnlyAttribute": developer_only,
        "Mutable": attribute.get("Mutable", True),
        "Required": attribute.get("Required", False),
    }
    group, low, high, _ = settings_conflicts.CONSTRAINTS.get(kind, ("", "", "", ""))
    limits = {n: e for n, e in attribute.get(group, {}).items() if n in {low, high}}
    if limits or (kind == "String" and standard is None):
        described[group] = limits
    shown = name if attribute["Name"] in STANDARD_ATTRIBUTES else attribute["Name"]
    for why in settings_conflicts.attribute_conflicts({**described, "Name": shown}):
        raise refusal(why)
    return described


def _change(core: Core, members: Structure, mfa: Structure | None = None) -> None:
    """Change these members of the pool's UserPool, and its MFA configuration if `mfa` is not None."""
    before = descriptions.pool_description(core.configuration)
    described = {"UserPool": {**before["UserPool"], **members}, "MfaConfig": mfa or before["MfaConfig"]}
    core.configure(configured(core.configuration, described))


def add_custom_attributes(core: Core, request: Request) -> None:
    """Answer AddCustomAttributes: add attributes to the schema, with the prefix `custom:` in their names."""
    before = descriptions.user_pool(core.configuration, 0)["SchemaAttributes"]
    schema = {each["Name"].removeprefix("dev:"): each for each in before}
    for attribute in request["CustomAttributes"]:
        new = schema_attribute(attribute, is_custom=True)
        plain = new["Name"].removeprefix("dev:")
        if plain in schema:
            raise refusal(f"{plain}: Existing attribute already has name {schema[plain]['Name']}.")
        schema[plain] = new
    _change(core, {"SchemaAttributes": [*schema.values()], "LastModifiedDate": core.clock().timestamp()})


def set_user_pool_mfa_config(core: Core, request: Request) -> Reply:
    """Answer SetUserPoolMfaConfig: second factors that the request leaves out are disabled."""
    mode = request.get("MfaConfiguration", "OFF")
    if mode not in {"ON", "OFF", "OPTIONAL"}:
        raise refusal("[MfaConfiguration] must be one of 'ON', 'OFF', or 'OPTIONAL'.")
    factors = {n: e for n, e in request.items() if n not in {"UserPoolId", "MfaConfiguration"}}
    before, new = _described(core), {**factors, "MfaConfiguration": mode}
    if new == before.mfa_config:
        return new  # a request that changes nothing is not refused
    pool = evolve(before, mfa_config=new)
    if mode != "OFF" and not factors:
        raise refusal("At least one of [SmsMfaConfiguration] or [SoftwareTokenMfaConfiguration] must be provided.")
    # go-to-k/cdkd measured these two refusals at Cognito (issue 1923), and users of
    # lgallard/terraform-aws-cognito-user-pool (74) and anomalyco/sst (5177) report them.
    invalid = "Invalid MFA configuration given, can't"
    if request.get("MfaConfiguration") == "OFF" and not {*factors} <= {"WebAuthnConfiguration"}:
        check_settings(core, [f"{invalid} turn off MFA and configure an MFA together."])
    if mode != "OFF" and not pool.second_factors and "WebAuthnConfiguration" not in request:
        raise refusal(f"{invalid} disable all MFAs with a required or optional configuration.")
    check_settings(core, settings_conflicts.new_conflicts(settings_conflicts.mfa_conflicts, before, pool))
    if "SmsMfaConfiguration" in factors and "SmsConfiguration" not in factors["SmsMfaConfiguration"]:
        raise refusal("[SmsConfiguration] is a required member of [SoftwareTokenMfaConfiguration].")
    sms = {"SmsAuthenticationMessage": None, **factors.get("SmsMfaConfiguration", {})}
    _change(core, {"MfaConfiguration": mode, "LastModifiedDate": core.clock().timestamp(), **sms}, new)
    return descriptions.mfa_config(core.configuration)


def check_setting_names(settings: dict[str, Any], *classes: type, names: Iterable[str] = ()) -> None:
    """Raise TypeError for a setting that is neither in `names` nor a field of these classes."""
    known = {*names, *(each.name for kind in classes for each in fields(kind) if each.init)}
    known -= {"second_secret", "secret_dates"}  # only AddUserPoolClientSecret sets these
    if unknown := sorted(set(settings) - known):
        settings.clear()  # Values may be secret, and a traceback with the frames' variables would show them.
        raise TypeError(f"no setting {', '.join(unknown)}; the settings are {', '.join(sorted(known))}")


def new_pool_id(region: str, entropy: Entropy) -> str:
    """Return a random pool id of a region: its name, an underscore and nine letters or digits."""
    check_types("str", {"region": region})
    return f"{region}_{random_text(entropy, 9, string.ascii_letters + string.digits)}"


def describe_user_pool(pool: Core, _: Request) -> Reply:
    """Answer DescribeUserPool: all settings except those of second factors."""
    described = descriptions.user_pool(pool.configuration, len(pool.users))
    for record in pool.records.of_kind(DOMAINS.name).values():
        described["CustomDomain" if "CustomDomainConfig" in record.members else "Domain"] = record.name
    return {"UserPool": described}


def get_user_pool_mfa_config(pool: Core, _: Request) -> Reply:
    """Answer GetUserPoolMfaConfig: the settings of second factors."""
    return descriptions.mfa_config(pool.configuration)


def update_user_pool(pool: Core, request: Request) -> None:
    """Answer UpdateUserPool: settings that the request omits, except `_KEPT`, get defaults (AWS API reference)."""
    before = _described(pool)
    rest = {"Name" if n == "PoolName" else n: each for n, each in request.items() if n != "UserPoolId"}
    members: dict[str, Any] = {name: before.user_pool[name] for name in _KEPT if name in before.user_pool}
    if "Policies" in rest:
        rest["Policies"] = {**members.get("Policies", {}), **rest["Policies"]}
    description = _description(pool, {**members, **rest}, before, request)
    pool.configure(configured(pool.configuration, description))


def _tags(pool: Core, request: Request) -> dict[str, str]:
    described = descriptions.user_pool(pool.configuration, 0)
    if request["ResourceArn"] != described["Arn"]:
        raise error_templates.NO_SUCH_RESOURCE.refusal()
    return dict(described.get("UserPoolTags", {}))


def tag_resource(pool: Core, request: Request) -> None:
    """Answer TagResource: add tags to the pool, or change their values."""
    _change(pool, {"UserPoolTags": {**_tags(pool, request), **request["Tags"]}})


def untag_resource(pool: Core, request: Request) -> None:
    """Answer UntagResource: remove tags of the pool."""
    tags = {name: each for name, each in _tags(pool, request).items() if name not in request["TagKeys"]}
    _change(pool, {"UserPoolTags": tags})


def list_tags_for_resource(pool: Core, request: Request) -> Reply:
    """Answer ListTagsForResource: the pool's tags."""
    return {"Tags": _tags(pool, request)}


def check_deletable(pool: Core, request: Request) -> None:
    """Refuse to delete a pool that does not exist, or whose deletion protection is active."""
    pool.check_pool(request)
    if descriptions.user_pool(pool.configuration, 0).get("DeletionProtection") == "ACTIVE":
        why = "The user pool cannot be deleted because deletion protection is activated."
        raise refusal(f"{why} Deletion protection must be inactivated first.")


def new_client_id(entropy: Entropy) -> str:
    """Return a random app client id."""
    return random_text(entropy, 26, _ALPHABET)


def new_client_secret(entropy: Entropy) -> Secret[str]:
    """Return a random app client secret."""
    return Secret(random_text(entropy, 51, _ALPHABET))


def check_client(pool: Core, client: AppClient) -> None:
    """Raise ValueError if Cognito would refuse the settings of an app client that is created in Python."""
    described = {**descriptions.user_pool_client(pool.configuration, client), "ClientSecret": None}  # not in tracebacks
    # A description of a real app client may have attributes that the description of its pool lacks.
    for member in ("ReadAttributes", "WriteAttributes") if client.client_description else ():
        described.pop(member, None)
    check_arguments(pool, settings_conflicts.client_conflicts(described, pool.configuration.attributes, "creating"))


def describe_user_pool_client(pool: Core, request: Request) -> Reply:
    """Answer DescribeUserPoolClient: all settings, with the secret."""
    return _client_reply(pool, pool.client(request))


def list_user_pool_clients(pool: Core, request: Request) -> Reply:
    """Answer ListUserPoolClients: the ids and names."""

    def show(client: AppClient) -> Reply:
        return {"ClientId": client.client_id, "ClientName": client.client_name, "UserPoolId": request["UserPoolId"]}

    return paginate(pool.clients, show, request, "UserPoolClients", size_member="MaxResults")


def create_user_pool_client(pool: Core, request: Request) -> Reply:
    """Answer CreateUserPoolClient; the id is random."""
    secret = Secret(request["ClientSecret"]) if "ClientSecret" in request else None
    if request.get("GenerateSecret"):
        secret = new_client_secret(pool.entropy)
    new = {"ClientId": new_client_id(pool.entropy), "CreationDate": pool.clock().timestamp()}
    return _set_client(pool, {}, {**request, **new}, {"client_secret": secret}, "creating")


def update_user_pool_client(pool: Core, request: Request) -> Reply:
    """Answer UpdateUserPoolClient: settings that the request leaves out get their defaults, except name and secrets."""
    client = pool.client(request)
    before = {**descriptions.user_pool_client(pool.configuration, client), "ClientSecret": None}  # not in tracebacks
    members: dict[str, Any] = {n: before[n] for n in ("ClientName", "ClientSecretArn", "CreationDate") if n in before}
    secrets = {name: getattr(client, name) for name in ("client_secret", "second_secret", "secret_dates")}
    return _set_client(pool, before, {**members, **request}, secrets, "updating")


def _secrets(client: AppClient) -> dict[str, tuple[float, Secret[str]]]:
    """Return the secrets of an app client by their ids, each with the time at which it was added."""
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
        raise refusal("A public app client has no secrets.")
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
        raise refusal("This is the app client's last secret.")
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


def _set_client(pool: Core, before: Structure, description: Structure, secrets: Structure, verb: str) -> Reply:
    find = partial(settings_conflicts.client_conflicts, schema=pool.configuration.attributes, verb=verb)
    check_settings(pool, settings_conflicts.new_conflicts(find, before, description))
    try:
        settings = descriptions.client_settings({**description, "LastModifiedDate": pool.clock().timestamp()})
        client = AppClient(**{**settings, **secrets})
    except (ValueError, TypeError, OverflowError) as error:
        raise refusal(str(error)) from None
    pool.clients[client.client_id] = client
    return _client_reply(pool, client)


def _client_reply(pool: Core, client: AppClient) -> Reply:
    return {"UserPoolClient": descriptions.user_pool_client(pool.configuration, client)}
