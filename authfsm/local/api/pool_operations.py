"""The API's operations on the pool and its settings.

A description is what DescribeUserPool and GetUserPoolMfaConfig return. Requests that create or update a pool are
converted to a description, from which `descriptions` reads the settings. Error messages are those of AWS that
moto's tests have, unless a comment says otherwise.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import evolve, fields

from authfsm.local.accounts.records import DOMAINS
from authfsm.local.config import descriptions, error_templates, settings_conflicts
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import PoolConfiguration
from authfsm.local.config.request_members import check_types
from authfsm.local.config.schema import STANDARD_ATTRIBUTES
from authfsm.local.state.codes import Entropy, random_text
from authfsm.local.state.core import Core, Reply, Request
from authfsm.settings.descriptions import Descriptions, Structure

# The members of a pool that CreateUserPool or UpdateUserPool leaves out (from replies of AWS).
_DEFAULTS: Final[dict[str, Any]] = {
    "DeletionProtection": "INACTIVE",
    "LambdaConfig": {},
    "MfaConfiguration": "OFF",
    "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE"},
    "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
    "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False, "UnusedAccountValidityDays": 7},
}
# The members that UpdateUserPool cannot change.
_KEPT: Final = (
    "Id", "Arn", "Name", "SchemaAttributes", "AliasAttributes", "UsernameAttributes",
    "UsernameConfiguration", "CreationDate", "UserPoolTags", "UserPoolTier", "DeletionProtection",
)  # fmt: skip
# Members of VerificationMessageTemplate, and the older members of the pool that repeat them.
_TEMPLATE_MEMBERS: Final = {
    "SmsMessage": "SmsVerificationMessage",
    "EmailMessage": "EmailVerificationMessage",
    "EmailSubject": "EmailVerificationSubject",
}


def refuse(why: str) -> PoolRefusal:
    """Return an InvalidParameterException with this message."""
    return error_templates.INVALID_PARAMETER.refusal(why=why)


def created_description(region: Core, request: Structure) -> dict[str, Any]:
    """Return the description of a pool that CreateUserPool creates."""
    rest = {n: each for n, each in request.items() if n not in {"PoolName", "Schema"}}
    pool = {"Name": request["PoolName"], "CreationDate": region.clock().timestamp(), **rest}
    pool["SchemaAttributes"] = [schema_attribute(each) for each in request.get("Schema", ())]
    return _description(region, pool, {})


_CONFLICTS: Final = "contradictory-settings"


def check_settings(core: Core, conflicts: Iterable[str]) -> None:
    """Refuse settings for the reasons in `conflicts`, unless the check "contradictory-settings" is disabled."""
    for why in conflicts:
        core.refuse_or_record(_CONFLICTS, refuse(why))


def check_arguments(core: Core, conflicts: Iterable[str]) -> None:
    """Do the same for settings in Python or in a configuration file; raise ValueError."""
    try:
        check_settings(core, conflicts)
    except PoolRefusal as refusal:
        advice = f'change them, or set accept=["{_CONFLICTS}"]'
        why = refusal.message.rstrip(".")
        raise ValueError(f"Cognito refuses these settings ({why}): {advice}") from None


def _description(core: Core, pool: dict[str, Any], mfa: Structure) -> dict[str, Any]:
    check_settings(core, settings_conflicts.request_conflicts(pool))
    mode = pool.get("MfaConfiguration", "OFF")
    template = pool.get("VerificationMessageTemplate", {})
    repeated = {ours: template[name] for name, ours in _TEMPLATE_MEMBERS.items() if name in template}
    factors = {name: each for name, each in mfa.items() if name != "MfaConfiguration"}
    if mode != "OFF" and "SmsConfiguration" in pool:
        factors["SmsMfaConfiguration"] = {"SmsConfiguration": pool["SmsConfiguration"]}
    if mode != "OFF" and not factors:
        raise refuse(
            "SMS configuration and Auto verification for phone_number are required when MFA is required/optional"
        )
    members = {**_DEFAULTS, **repeated, **pool, "LastModifiedDate": core.clock().timestamp()}
    return {"UserPool": members, "MfaConfig": {**factors, "MfaConfiguration": mode}}


def configured(configuration: PoolConfiguration, description: Mapping[str, Any]) -> PoolConfiguration:
    """Return a pool's settings, changed to those of a description; refuse settings that are not valid together."""
    try:
        settings = descriptions.pool_settings(Descriptions.parse(description))
        settings.pop("pool_id", None)
        return evolve(configuration, **settings)
    except (ValueError, TypeError, OverflowError) as error:
        raise refuse(str(error)) from None


def schema_attribute(attribute: Structure) -> dict[str, Any]:
    """Return an attribute of Schema or CustomAttributes in the form of DescribeUserPool."""
    if "Name" not in attribute:
        raise refuse("A schema attribute has no Name.")
    name, kind = attribute["Name"], attribute.get("AttributeDataType")
    developer_only = attribute.get("DeveloperOnlyAttribute", False)
    standard = STANDARD_ATTRIBUTES.get(name)
    if standard is not None:
        if kind not in {None, standard.data_type} or developer_only:
            raise refuse(
                "You can not change AttributeDataType or set developerOnlyAttribute for standard schema"
                f" attribute {name}"
            )
        kind = standard.data_type
    else:
        if kind is None:
            raise refuse(
                "Invalid AttributeDataType input, consider using the provided AttributeDataType enum."
            )
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
    for why in settings_conflicts.attribute_conflicts({**described, "Name": attribute["Name"]}):
        raise refuse(why)
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
        new = schema_attribute(attribute)
        plain = new["Name"].removeprefix("dev:")
        if plain in schema:
            raise refuse(f"{plain}: Existing attribute already has name {schema[plain]['Name']}.")
        schema[plain] = new
    _change(core, {"SchemaAttributes": [*schema.values()], "LastModifiedDate": core.clock().timestamp()})


def set_user_pool_mfa_config(core: Core, request: Request) -> Reply:
    """Answer SetUserPoolMfaConfig: second factors that the request leaves out are disabled."""
    mode = request.get("MfaConfiguration", "OFF")
    factors = {n: e for n, e in request.items() if n not in {"UserPoolId", "MfaConfiguration"}}
    if mode not in {"ON", "OFF", "OPTIONAL"}:
        raise refuse("[MfaConfiguration] must be one of 'ON', 'OFF', or 'OPTIONAL'.")
    if mode != "OFF" and not factors:
        raise refuse(
            "At least one of [SmsMfaConfiguration] or [SoftwareTokenMfaConfiguration] must be provided."
        )
    if "SmsMfaConfiguration" in factors and "SmsConfiguration" not in factors["SmsMfaConfiguration"]:
        raise refuse("[SmsConfiguration] is a required member of [SoftwareTokenMfaConfiguration].")
    members = {"MfaConfiguration": mode, "LastModifiedDate": core.clock().timestamp()}
    _change(core, members, {**factors, "MfaConfiguration": mode})
    return descriptions.mfa_config(core.configuration)


def check_setting_names(settings: dict[str, Any], *classes: type) -> None:
    """Raise TypeError for a setting that is no field of these classes; the message has no values: they may be secret."""
    known = {each.name for kind in classes for each in fields(kind) if each.init}
    known -= {"second_secret", "secret_dates"}  # only AddUserPoolClientSecret sets these
    if unknown := sorted(set(settings) - known):
        settings.clear()  # a traceback with the frames' variables would show the values
        raise TypeError(f"no setting {', '.join(unknown)}; the settings are {', '.join(sorted(known))}")


def new_pool_id(region: str, entropy: Entropy) -> str:
    """Return a random pool id."""
    check_types("str", {"region": region})
    return f"{region}_{random_text(entropy, 9, string.ascii_letters + string.digits)}"


def describe_user_pool(pool: Core, _: Request) -> Reply:
    """Answer DescribeUserPool: all settings except those of second factors."""
    described = descriptions.user_pool(pool.configuration, len(pool.users))
    for record in pool.records.of_kind(DOMAINS.name).values():
        custom = "CustomDomainConfig" in record.members
        described["CustomDomain" if custom else "Domain"] = record.name
    return {"UserPool": described}


def get_user_pool_mfa_config(pool: Core, _: Request) -> Reply:
    """Answer GetUserPoolMfaConfig: the settings of second factors."""
    return descriptions.mfa_config(pool.configuration)


def update_user_pool(pool: Core, request: Request) -> None:
    """Answer UpdateUserPool: settings that the request leaves out get their defaults (AWS API reference)."""
    before = descriptions.user_pool(pool.configuration, 0)
    rest = {n: each for n, each in request.items() if n not in {"UserPoolId", "PoolName"}}
    kept: dict[str, Any] = {name: before[name] for name in _KEPT if name in before}
    if "PoolName" in request:
        kept["Name"] = request["PoolName"]
    description = _description(pool, {**kept, **rest}, descriptions.mfa_config(pool.configuration))
    pool.configure(configured(pool.configuration, description))


def _tags(pool: Core, request: Request) -> dict[str, str]:
    described = descriptions.user_pool(pool.configuration, 0)
    if request["ResourceArn"] != described["Arn"]:
        raise error_templates.NO_SUCH_RESOURCE.refusal()
    tags: dict[str, str] = described.get("UserPoolTags", {})
    return tags


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
    described = descriptions.user_pool(pool.configuration, 0)
    if described.get("DeletionProtection") == "ACTIVE":
        raise refuse(
            "The user pool cannot be deleted because deletion protection is activated."
            " Deletion protection must be inactivated first."
        )
