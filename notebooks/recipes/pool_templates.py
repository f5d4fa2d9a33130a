"""Reads the settings of a user pool from saved replies, a CloudFormation template or a Terraform plan.

    python pool_templates.py template.json > pool.json
    authfsm check --settings pool.json

The template must be JSON, and the plan the output of `terraform show -json`. Both have the settings that somebody
wrote; for what they leave out, Cognito's defaults hold, and a reply has them all. So review the pool itself, too, once
it exists. Standard error says what of the file is not in the result: further pools and app clients after the first,
the app client's secret, and values that are not known yet where the API has no text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from authfsm import BadField
from authfsm.checks import PoolDescription

FACTORS = {
    "SMS_MFA": ("SmsMfaConfiguration", {"SmsConfiguration": {"SnsCallerArn": "unknown"}}),
    "SOFTWARE_TOKEN_MFA": ("SoftwareTokenMfaConfiguration", {"Enabled": True}),
    "EMAIL_OTP": ("EmailMfaConfiguration", {"Message": "{####}"}),
}
"""How a reply says that a second factor is switched on, by its name in a CloudFormation template."""

WEB_AUTHN = {
    "WebAuthnRelyingPartyID": "RelyingPartyId",
    "WebAuthnUserVerification": "UserVerification",
    "WebAuthnFactorConfiguration": "FactorConfiguration",
}
"""The settings of passkeys in a CloudFormation template, and their names in WebAuthnConfiguration."""

NAMES = {
    "name": "Name",
    "tags": "UserPoolTags",
    "recovery_mechanism": "RecoveryMechanisms",
    "custom_sms_sender": "CustomSMSSender",
    "kms_key_id": "KMSKeyID",
    "allowed_oauth_flows": "AllowedOAuthFlows",
    "allowed_oauth_flows_user_pool_client": "AllowedOAuthFlowsUserPoolClient",
    "allowed_oauth_scopes": "AllowedOAuthScopes",
    "callback_urls": "CallbackURLs",
    "logout_urls": "LogoutURLs",
    "default_redirect_uri": "DefaultRedirectURI",
}
"""Terraform's names whose words do not make the API's name, and the API's name."""

LISTS = {"schema", "recovery_mechanism"}
"""Terraform's blocks that the API has as a list; all others are structures."""

UNKNOWN = "(known after apply)"
"""Stands for a text that Terraform does not know before it applies the plan."""


class UnreadableFile(ValueError):
    """The file describes no pool, or is no template, plan, state or reply; the message says why."""


def description(path: Path) -> dict[str, Any]:
    """Return a pool, its app client and its MFA settings, as `PoolSettings.from_descriptions` and `review` take them.

    Args:
        path: a file; or a folder with the replies of DescribeUserPool, DescribeUserPoolClient and GetUserPoolMfaConfig.

    Raises:
        UnreadableFile: the file describes no pool, or cannot be read as a template or plan.
    """
    try:
        found = described(path)
    except (AttributeError, KeyError, TypeError):
        raise UnreadableFile("its JSON has not the structure of a template, a plan, a state or a reply") from None
    if found["UserPool"] is None:
        raise UnreadableFile("it describes no user pool")
    return with_types_of_the_api({name: each for name, each in found.items() if each is not None})


def described(path: Path) -> dict[str, Any]:
    """Return the description in a file or a folder; None for each part that it lacks."""
    if path.is_dir():
        replies = [read(each) for each in sorted(path.glob("*.json"))]
        found = {name: first(name, [e[name] for e in replies if name in e]) for name in ("UserPool", "UserPoolClient")}
        found["MfaConfig"] = first("MfaConfiguration", [e for e in replies if "MfaConfiguration" in e])
        return found
    whole = read(path)
    if "Resources" in whole:
        return from_cloudformation(whole)
    if "planned_values" in whole or "values" in whole:
        return from_terraform(whole)
    raise UnreadableFile("it has no Resources (a template) and no planned_values or values (a plan, a state)")


def read(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file."""
    try:
        whole = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UnreadableFile(f"it cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UnreadableFile(f"{path.name} is not JSON ({error}): convert a template in YAML first") from None
    if not isinstance(whole, dict):
        raise UnreadableFile(f"{path.name} is not a JSON object")
    return whole


def left_out(what: str) -> None:
    """Say on standard error what the result lacks."""
    print(f"not in the result: {what}", file=sys.stderr)


def first(kind: str, found: list[Any]) -> Any:
    """Return the first of several, or None if there is none."""
    if len(found) > 1:
        left_out(f"{kind}: the file has {len(found)}, and only the first is read")
    return found[0] if found else None


def from_cloudformation(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description in a template; its functions (`Ref`, `Fn::...`) stand for texts that are not known yet."""
    found: dict[str, list[dict[str, Any]]] = {"AWS::Cognito::UserPool": [], "AWS::Cognito::UserPoolClient": []}
    for name, resource in template["Resources"].items():
        if not isinstance(resource, dict):
            left_out(f"Resources.{name}, which is not a resource")
        elif resource.get("Type") in found:
            properties = without_functions(resource.get("Properties", {}))
            if not isinstance(properties, dict):
                raise UnreadableFile(f"the Properties of {name} are not an object, or are a function")
            found[resource["Type"]].append(properties)
    pool, client = (first(kind, each) for kind, each in found.items())
    return {"UserPool": pool, "UserPoolClient": client, "MfaConfig": mfa_of_template(pool or {})}


def mfa_of_template(pool: dict[str, Any]) -> dict[str, Any] | None:
    """Return the MFA settings of a template, which this removes from its pool; None if its factors are not known yet."""
    if "UserPoolName" in pool:
        pool["Name"] = pool.pop("UserPoolName")
    passkeys = {ours: pool.pop(name) for name, ours in WEB_AUTHN.items() if name in pool}
    email = {
        n: pool.pop(f"EmailAuthentication{n}") for n in ("Message", "Subject") if f"EmailAuthentication{n}" in pool
    }
    factors = pool.pop("EnabledMfas", ["SMS_MFA"] if "SmsConfiguration" in pool else [])
    if not isinstance(factors, list) or not all(isinstance(each, str) and each in FACTORS for each in factors):
        left_out(f"EnabledMfas, which is not a list of {', '.join(FACTORS)}: {json.dumps(factors)}")
        return None
    mfa = mfa_of(pool, factors)
    if email and "EMAIL_OTP" in factors:
        mfa["EmailMfaConfiguration"] = email
    elif email:
        left_out("EmailAuthenticationMessage and EmailAuthenticationSubject, because EnabledMfas has no EMAIL_OTP")
    return {**mfa, "WebAuthnConfiguration": passkeys} if passkeys else mfa


def mfa_of(pool: Mapping[str, Any], factors: Iterable[str]) -> dict[str, Any]:
    """Return the MFA settings of a pool with these second factors, as in the reply of GetUserPoolMfaConfig."""
    return {"MfaConfiguration": pool.get("MfaConfiguration", "OFF"), **dict(FACTORS[each] for each in factors)}


def without_functions(value: Any) -> Any:
    """Return a value of a template with a text in place of each function."""
    if isinstance(value, list):
        return [without_functions(each) for each in value if each is not None]
    if not isinstance(value, dict):
        return value
    if any(name == "Ref" or name.startswith("Fn::") for name in value):
        return json.dumps(value)
    return {name: without_functions(each) for name, each in value.items()}


def from_terraform(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description in a plan, or in a state."""
    root = plan.get("planned_values", plan.get("values")) or {}
    later = {
        each.get("address"): each.get("change", {}).get("after_unknown", {})
        for each in plan.get("resource_changes", [])
    }
    found: dict[str, list[dict[str, Any]]] = {"aws_cognito_user_pool": [], "aws_cognito_user_pool_client": []}
    for each in resources(root.get("root_module", {})):
        if each.get("type") in found:
            values = with_unknown(each.get("values", {}), later.get(each.get("address"), {}))
            found[each["type"]].append(values)
    pool, client = (
        None if values is None else in_words_of_the_api(values)
        for values in (first(kind, each) for kind, each in found.items())
    )
    if pool is None:
        return {"UserPool": None}
    if client is not None:
        names = {"Name": "ClientName", "Id": "ClientId"}
        client = {names.get(name, name): each for name, each in client.items()}
        if client.pop("ClientSecret", None):
            left_out("ClientSecret, which no review needs")
    policies = {name: pool.pop(name) for name in ("PasswordPolicy", "SignInPolicy") if name in pool}
    has_app = pool.pop("SoftwareTokenMfaConfiguration", {}).get("Enabled", False)
    email, passkeys = pool.pop("EmailMfaConfiguration", None), pool.pop("WebAuthnConfiguration", None)
    switched_on = zip(FACTORS, ("SmsConfiguration" in pool, has_app, email is not None), strict=True)
    mfa = mfa_of(pool, [name for name, is_on in switched_on if is_on])
    mfa |= {"EmailMfaConfiguration": email} if email else {}
    mfa |= {"WebAuthnConfiguration": passkeys} if passkeys else {}
    return {"UserPool": {**pool, "Policies": policies}, "UserPoolClient": client, "MfaConfig": mfa}


def resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the resources of a module and of the modules in it."""
    yield from module.get("resources", [])
    for each in module.get("child_modules", []):
        yield from resources(each)


def with_unknown(values: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resource's values with a text for each unknown one inside a block.

    An unknown argument outside of a block is either not set, and Cognito chooses its value, or an expression: a plan
    does not say which, so it is left out and named.
    """
    if names := sorted(name for name, each in later.items() if each is True):
        left_out(f"what is known only after apply, for which Cognito's defaults are assumed: {', '.join(names)}")
    nested = {name: each for name, each in later.items() if each is not True}
    merged: dict[str, Any] = merge_unknown(dict(values), nested)
    return merged


def merge_unknown(value: Any, later: Any) -> Any:
    """Return a value with a text wherever `later`, which has its structure, is true."""
    if later is True:
        return UNKNOWN
    if isinstance(later, dict) and isinstance(value, dict):
        return value | {name: merge_unknown(value.get(name), each) for name, each in later.items() if each}
    if isinstance(later, list) and isinstance(value, list):
        padded = value + [None] * (len(later) - len(value))
        return [merge_unknown(*pair) for pair in zip(padded, later, strict=False)] + value[len(later) :]
    return value


def in_words_of_the_api(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values under the API's names; a block, which is a list of one, as a structure; what is not set is left out."""
    found = {}
    for name, value in values.items():
        if value in (None, "", [], {}):
            continue
        key = NAMES.get(name, "".join(part.capitalize() for part in name.split("_")))
        if isinstance(value, list) and all(isinstance(each, dict) for each in value):
            blocks = [in_words_of_the_api(each) for each in value]
            if name not in LISTS and len(blocks) > 1:
                left_out(f"{name}: the file has {len(blocks)}, and only the first is read")
            found[key] = blocks if name in LISTS else blocks[0]
        else:
            found[key] = value
    return found


def with_types_of_the_api(found: dict[str, Any]) -> dict[str, Any]:
    """Return a description without texts where the API has none.

    A number or a Boolean that is written as text is converted; a function or an unknown value is left out and named.
    """
    while (error := refusal(found)) is not None:
        if error.field == "mfa_configuration":  # a value that the API does not have
            left_out(f"MfaConfig, because MfaConfiguration {error.why}")
            found.pop("MfaConfig", None)
            found["UserPool"].pop("MfaConfiguration")
            continue
        *parents, last = error.field.split(".")
        holder: Any = found
        try:
            for name in parents:
                holder = holder[int(name) - 1 if isinstance(holder, list) else name]
            key: Any = int(last) - 1 if isinstance(holder, list) else last
            value = holder.pop(key)
        except (LookupError, ValueError):
            raise UnreadableFile(f"{error.field} {error.why}") from None
        if (plain := plain_value(value, error.why)) is None:
            left_out(f"{error.field}, which {error.why}: {json.dumps(value)}")
        elif isinstance(holder, list):
            holder.insert(key, plain)
        else:
            holder[key] = plain
    return found


def refusal(found: Mapping[str, Any]) -> BadField | None:
    """Return the error for the first member that has not the API's type; None if there is none."""
    try:
        PoolDescription.from_descriptions(found)
    except BadField as error:
        return error
    return None


def plain_value(value: Any, why: str) -> Any:
    """Return a value with the type that an error asks for; None if it cannot be converted."""
    if "type string" in why and isinstance(value, int):
        return json.dumps(value)
    if "type boolean" in why and str(value).lower() in {"true", "false"}:
        return str(value).lower() == "true"
    if "type integer" in why and str(value).isdecimal():
        return int(value)
    return None


if __name__ == "__main__":
    file = Path(sys.argv[1])
    try:
        print(json.dumps(description(file), indent=2))
    except UnreadableFile as error:
        sys.exit(f"{file} cannot be converted: {error}")
