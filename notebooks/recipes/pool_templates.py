"""Reads the settings of a user pool from saved replies, a CloudFormation template or a Terraform plan.

    python pool_templates.py template.json > pool.json
    authfsm check --settings pool.json

The template must be JSON, and the plan the output of `terraform show -json`. Both have the settings that somebody
wrote; for what they leave out, Cognito's defaults hold, and a reply has them all. So review the pool itself, too, once
it exists. Of several pools or app clients in a file, the first is read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FACTORS = {
    "SMS_MFA": ("SmsMfaConfiguration", {"SmsConfiguration": {"SnsCallerArn": "unknown"}}),
    "SOFTWARE_TOKEN_MFA": ("SoftwareTokenMfaConfiguration", {"Enabled": True}),
    "EMAIL_OTP": ("EmailMfaConfiguration", {"Message": "{####}"}),
}
"""How a reply says that a second factor is switched on, by its name in a CloudFormation template."""


def description(path: Path) -> dict[str, Any]:
    """Return a pool, its app client and its MFA settings, as `PoolSettings.from_descriptions` and `review` take them.

    Args:
        path: a file; or a folder with the replies of DescribeUserPool, DescribeUserPoolClient and GetUserPoolMfaConfig.
    """
    if path.is_dir():
        replies = [json.loads(each.read_text("utf-8")) for each in sorted(path.glob("*.json"))]
        return {
            "UserPool": next(each["UserPool"] for each in replies if "UserPool" in each),
            "UserPoolClient": next(each["UserPoolClient"] for each in replies if "UserPoolClient" in each),
            "MfaConfig": next(each for each in replies if "MfaConfiguration" in each),
        }
    whole = json.loads(path.read_text("utf-8"))
    return from_cloudformation(whole) if "Resources" in whole else from_terraform(whole)


def from_cloudformation(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description in a template; its functions (`Ref`, `Fn::...`) stand for texts that are not known yet."""
    properties = {
        each["Type"]: without_functions(each["Properties"])
        for each in reversed(template["Resources"].values())
    }
    pool, client = properties["AWS::Cognito::UserPool"], properties["AWS::Cognito::UserPoolClient"]
    return {
        "UserPool": pool,
        "UserPoolClient": client,
        "MfaConfig": mfa_of(pool, pool.get("EnabledMfas", [])),
    }


def mfa_of(pool: Mapping[str, Any], factors: list[str]) -> dict[str, Any]:
    """Return the MFA settings of a pool with these second factors, as in the reply of GetUserPoolMfaConfig."""
    return {
        "MfaConfiguration": pool.get("MfaConfiguration", "OFF"),
        **dict(FACTORS[each] for each in factors),
    }


def without_functions(value: Any) -> Any:
    """Return a value of a template with a text in place of each function."""
    if isinstance(value, list):
        return [without_functions(each) for each in value]
    if not isinstance(value, dict):
        return value
    if any(name == "Ref" or name.startswith("Fn::") for name in value):
        return json.dumps(value)
    return {name: without_functions(each) for name, each in value.items()}


def from_terraform(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description in a plan, or in a state."""
    root = plan.get("planned_values", plan.get("values"))["root_module"]
    values = {each["type"]: in_words_of_the_api(each["values"]) for each in reversed([*resources(root)])}
    pool, client = values["aws_cognito_user_pool"], values["aws_cognito_user_pool_client"]
    policies = {name: pool.pop(name) for name in ("PasswordPolicy", "SignInPolicy") if name in pool}
    has_sms, has_email = "SmsConfiguration" in pool, "EmailMfaConfiguration" in pool
    has_app = pool.get("SoftwareTokenMfaConfiguration", {}).get("Enabled", False)
    switched_on = zip(FACTORS, (has_sms, has_app, has_email), strict=True)
    mfa = mfa_of(pool, [name for name, is_on in switched_on if is_on])
    if "WebAuthnConfiguration" in pool:
        mfa["WebAuthnConfiguration"] = pool["WebAuthnConfiguration"]
    return {"UserPool": {**pool, "Policies": policies}, "UserPoolClient": client, "MfaConfig": mfa}


def resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the resources of a module and of the modules in it."""
    yield from module.get("resources", [])
    for each in module.get("child_modules", []):
        yield from resources(each)


def in_words_of_the_api(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values under the API's names; a block, which is a list of one, as a structure; what is not set is left out."""
    found = {}
    for name, value in values.items():
        is_block = isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict)
        several = isinstance(value, list) and any(isinstance(each, dict) for each in value) and not is_block
        if (
            value not in (None, "", [], {})
            and not several
            and name not in {"schema", "account_recovery_setting"}
        ):
            key = "".join(part.capitalize() for part in name.split("_"))
            found[key] = in_words_of_the_api(value[0]) if is_block else value
    return found


if __name__ == "__main__":
    print(json.dumps(description(Path(sys.argv[1])), indent=2))
