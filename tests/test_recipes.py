"""Each recipe of `notebooks/recipes/` runs with a local pool, and README links to it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs
import boto3
import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey

from authfsm import AsyncCognito, PoolSettings, Verifier, new_key
from authfsm.checks import not_reviewed, review
from authfsm.contrib.web_sign_in import WebSignIn
from authfsm.local import LocalPool, ManualClock, RefreshTokenRotation

RECIPES: Final = Path(__file__).parent.parent / "notebooks" / "recipes"
PASSWORD: Final = "Correct-Horse-1"
ORIGIN: Final = "https://localhost"


def recipe(name: str) -> Any:
    """Return a newly loaded module of a recipe."""
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pool(signing_key: RSAKey, monkeypatch: pytest.MonkeyPatch) -> LocalPool:
    """Return a pool with a second factor, which the environment names and boto3 reaches."""
    rotation = RefreshTokenRotation()
    pool = LocalPool(mfa="OPTIONAL", key=signing_key, clock=ManualClock(), refresh_token_rotation=rotation)
    pool.add_user("ada", PASSWORD, phone_number="+15555550143", preferred_mfa="SMS_MFA")
    monkeypatch.setattr(boto3, "client", lambda *_, **__: pool.client())
    key = new_key().reveal()
    for name, value in {
        "COGNITO_POOL_ID": pool.pool_id, "COGNITO_CLIENT_ID": pool.client_id,
        "SITE_KEY": key, "SIGN_IN_KEY": key, "BOT_KEY": key, "SITE_ORIGIN": ORIGIN,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return pool


def test_flask(pool: LocalPool) -> None:
    """A browser signs in with a code, sees the user, and signs out; a form of another site is refused."""
    module = recipe("flask_app")
    assert module.site_of_environment().cognito.pool_id == pool.pool_id
    site = WebSignIn(
        cognito=pool.cognito(),
        verifier=Verifier(pool.pool_id, pool.client_id, jwks=pool.jwks(), clock=pool.clock),
        key=new_key(),
        origin=ORIGIN,
    )
    browser = module.create_app(site).test_client()

    def post(path: str, origin: str = ORIGIN, **values: Any) -> tuple[int, Any]:
        reply = browser.post(path, json=values, base_url=ORIGIN, headers={"Origin": origin})
        return reply.status_code, reply.get_json(silent=True)

    assert post("/sign-in", "https://evil.example", username="ada", password=PASSWORD)[0] == 403
    status, page = post("/sign-in", username="ada", password=PASSWORD)
    assert (status, page["state"]) == (200, "SMS_MFA")
    assert post("/challenge", response="code", code="000000")[0] == 422
    assert browser.get("/me", base_url=ORIGIN).status_code == 401
    code = pool.outbox.code_for("ada")
    assert post("/challenge", response="code", code=code, step="?")[0] == 409
    assert post("/challenge", response="code", code=code)[1]["signed_in"]
    assert browser.get("/me", base_url=ORIGIN).get_json() == {"username": "ada"}
    assert post("/sign-out")[0] == 200
    assert browser.get("/me", base_url=ORIGIN).status_code == 401


def test_lambda(pool: LocalPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each invocation is a cold start; a wrong code can be repeated, a foreign seal is refused."""

    def invoke(**values: Any) -> tuple[int, Any]:
        module = recipe("aws_lambda")
        monkeypatch.setattr(module, "cognito", pool.cognito)
        reply = module.handler({"body": json.dumps(values)}, None)
        return reply["statusCode"], json.loads(reply["body"])

    assert invoke(username="ada", password="wrong")[0] == 401
    status, page = invoke(username="ada", password=PASSWORD)
    assert (status, page["form"]["prompts"][0]["response"]) == (200, "code")
    status, wrong = invoke(sealed=page["sealed"], response="code", code="000000")
    assert (status, wrong["message"]) == (422, "That code is not right. Check it, and try again.")
    code = pool.outbox.code_for("ada")
    assert invoke(sealed="x", response="code", code=code)[0] == 401
    status, tokens = invoke(sealed=wrong["sealed"], response="code", code=code)
    assert (status, sorted(tokens)) == (200, ["access_token", "refresh_token"])
    assert recipe("aws_lambda").cognito().pool_id == pool.pool_id


def test_cron(pool: LocalPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After one sign-in, the program works through five expiries with a rotating refresh token."""
    monkeypatch.chdir(tmp_path)
    inputs: list[Callable[[], str]] = [lambda: PASSWORD, lambda: pool.outbox.code_for("ada")]
    monkeypatch.setattr("getpass.getpass", lambda _="": inputs.pop(0)())
    module = recipe("cron_job")
    assert module.cognito().pool_id == pool.pool_id
    monkeypatch.setattr(module, "cognito", pool.cognito)
    module.sign_in("ada")
    texts = [module.STORED.read_text()]
    assert stat.S_IMODE(module.STORED.stat().st_mode) == 0o600
    assert "eyJraWQi" not in texts[0]
    for _ in range(5):
        assert module.run() == "ada"
        pool.clock.advance(3600)  # type: ignore[attr-defined]  # a ManualClock
        assert module.run() == "ada"
        texts.append(module.STORED.read_text())
    assert len(set(texts)) == len(texts)


def test_asyncio(pool: LocalPool) -> None:
    """Tasks share one sign-in: at each expiry one of them refreshes; at the end it is signed out."""
    calls: list[str] = []
    cognito = AsyncCognito(pool.client(), client_id=pool.client_id, pool_id=pool.pool_id, clock=pool.clock)
    events: Any = cognito.client.meta.events
    events.register("before-call.cognito-identity-provider", lambda model, **_: calls.append(model.name))
    service = recipe("asyncio_service")

    async def code() -> str:
        return pool.outbox.code_for("ada")

    async def main() -> list[str]:
        tokens = []
        async with service.signed_in(cognito, "ada", PASSWORD, code) as session:
            for _ in range(3):
                tokens += await asyncio.gather(*(session.access_token() for _ in range(9)))
                pool.clock.advance(3600)  # type: ignore[attr-defined]  # a ManualClock
        return tokens

    assert len(set(asyncio.run(main()))) == 3
    assert calls.count("GetTokensFromRefreshToken") == 2
    assert calls[-1] == "RevokeToken"


def test_readme_links_to_each() -> None:
    """README has a link to every recipe and to the page for users of pycognito."""
    readme = (RECIPES.parent.parent / "README.md").read_text("utf-8")
    names = [f"notebooks/recipes/{each.name}" for each in RECIPES.glob("*.py")]

    assert len(names) == 5
    missing = [each for each in (*names, "notebooks/from-pycognito.md") if f"]({each})" not in readme]
    assert missing == []


def test_the_fastapi_example_of_readme(signing_key: RSAKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """README's example of FastAPI runs, with the replies that README shows."""
    readme = (RECIPES.parent.parent / "README.md").read_text("utf-8")
    (block,) = [each for each in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "auth = CognitoAuth(" in each]
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key)
    pool.add_user("ada", PASSWORD, phone_number="+15555550143", groups=["staff"])
    verifier = Verifier(pool.pool_id, pool.client_id, jwks=pool.jwks(), clock=pool.clock)
    monkeypatch.setattr(Verifier, "of", lambda _: verifier)  # it would fetch the keys from AWS
    monkeypatch.setattr(boto3, "client", lambda _, **__: pool.client())
    monkeypatch.setenv("AUTHFSM_KEY", new_key().reveal())
    block = block.replace('"..."', repr(pool.client_id)).replace("eu-west-1_AbCdEfGhI", pool.pool_id)
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)  # noqa: S102 - README's own code
    origin = "https://example.com"
    browser = TestClient(names["app"], base_url=origin, headers={"Origin": origin})
    assert browser.get("/me").status_code == 401
    first_reply = browser.post("/auth/sign-in", json={"username": "ada", "password": PASSWORD})
    step = {"step": first_reply.json()["step"]}
    refused = browser.post("/auth/challenge", json={"response": "code", "code": "123456", **step})
    step = {"step": refused.json()["step"]}
    code = pool.outbox.code_for("ada")
    last_reply = browser.post("/auth/challenge", json={"response": "code", "code": code, **step})
    assert browser.get("/me").json() == "ada"

    (shown,) = re.findall(r"```text\n(POST /auth.*?)```", readme, re.DOTALL)
    replies = re.findall(r"^  (\d+) +(.*)$", shown, re.MULTILINE)
    assert [int(status) for status, _ in replies] == [
        first_reply.status_code,
        refused.status_code,
        last_reply.status_code,
    ]
    for reply, (_, text) in zip((first_reply, refused, last_reply), replies, strict=True):
        assert set(re.findall(r'[{ ]"(\w+)": ', text)) - {"title", "prompts"} <= set(reply.json())
        for name in ("state", "signed_in", "detail", "action"):
            assert name not in text or f'"{name}": {json.dumps(reply.json()[name])}' in text


POOL: Final = {
    "MfaConfiguration": "ON",
    "UserPoolTier": "ESSENTIALS",
    "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True},
}
CLIENT: Final = {"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH"], "EnableTokenRevocation": True}
FIRST: Final = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}}
SOFTWARE_TOKEN: Final = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
TERRAFORM: Final = {
    "aws_cognito_user_pool": {
        "name": "users", "mfa_configuration": "ON", "user_pool_tier": "ESSENTIALS", "sms_configuration": [],
        "device_configuration": [{"challenge_required_on_new_device": True}], "tags": None,
        "lambda_config": [{"define_auth_challenge": "arn:aws:lambda:eu-west-1:1:function:define", "pre_sign_up": ""}],
        "sign_in_policy": [{"allowed_first_auth_factors": ["PASSWORD", "WEB_AUTHN"]}],
        "software_token_mfa_configuration": [{"enabled": True}], "schema": [{"name": "email", "required": True}],
    },
    "aws_cognito_user_pool_client": {
        "explicit_auth_flows": ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH"], "enable_token_revocation": True,
    },
}  # fmt: skip


def test_a_pool_before_it_exists(tmp_path: Path) -> None:
    """Saved replies, a CloudFormation template and a Terraform plan of one pool give the same settings."""
    module = recipe("pool_templates")
    reply = POOL | {
        "Policies": FIRST,
        "LambdaConfig": {"DefineAuthChallenge": "arn:aws:lambda:eu-west-1:1:function:define"},
    }
    template = POOL | {"Policies": FIRST, "EnabledMfas": ["SOFTWARE_TOKEN_MFA"], "UserPoolName": {"Ref": "Name"},
                       "LambdaConfig": {"DefineAuthChallenge": {"Fn::GetAtt": ["Define", "Arn"]}}}  # fmt: skip
    replies = {
        "pool": {"UserPool": reply},
        "client": {"UserPoolClient": CLIENT},
        "mfa": {"MfaConfiguration": "ON", **SOFTWARE_TOKEN},
    }
    for name, each in replies.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(each), encoding="utf-8")
    kinds = {"AWS::Cognito::UserPool": template, "AWS::Cognito::UserPoolClient": CLIENT}
    resources = {kind: {"Type": kind, "Properties": each} for kind, each in kinds.items()}
    (tmp_path / "template").write_text(json.dumps({"Resources": resources}), encoding="utf-8")
    planned = [{"resources": [{"type": kind, "values": each}]} for kind, each in TERRAFORM.items()]
    plan = {"planned_values": {"root_module": {"child_modules": planned}}}
    (tmp_path / "plan").write_text(json.dumps(plan), encoding="utf-8")

    paths = (tmp_path, tmp_path / "template", tmp_path / "plan")
    saved, *others = (PoolSettings.from_descriptions(module.description(each)) for each in paths)

    for each in others:
        assert attrs.evolve(each, unknown_members=()) == attrs.evolve(saved, unknown_members=())
    assert saved.software_token_mfa
    assert saved.lambda_config == frozenset({"DefineAuthChallenge"})


APP: Final = {
    "aws_cognito_user_pool_client": {
        "explicit_auth_flows": ["ALLOW_USER_SRP_AUTH"],
        "prevent_user_existence_errors": "ENABLED",
    }
}


def described(tmp_path: Path, content: Any) -> dict[str, Any]:
    """Return what the recipe reads from a file with this content."""
    (tmp_path / "file.json").write_text(json.dumps(content), encoding="utf-8")
    found: dict[str, Any] = recipe("pool_templates").description(tmp_path / "file.json")
    return found


def plan_of(values: dict[str, dict[str, Any]], after_unknown: Any = ()) -> dict[str, Any]:
    """Return a Terraform plan; `after_unknown` is that of the pool."""
    resources = [{"type": kind, "address": kind, "values": each} for kind, each in values.items()]
    change = {"address": "aws_cognito_user_pool", "change": {"after_unknown": dict(after_unknown)}}
    return {"planned_values": {"root_module": {"resources": resources}}, "resource_changes": [change]}


def template_of(pool: Any, client: Any = None, **resources: Any) -> dict[str, Any]:
    """Return a CloudFormation template."""
    found = {"P": {"Type": "AWS::Cognito::UserPool", "Properties": pool}, **resources}
    if client is not None:
        found["C"] = {"Type": "AWS::Cognito::UserPoolClient", "Properties": client}
    return {"Resources": found}


@pytest.mark.parametrize(
    ("mechanisms", "expected"),
    [
        ([("verified_email", 1)], {"recovery-same-as-mfa"}),
        ([("verified_email", 2), ("verified_phone_number", 1)], set()),
        ([], set()),
    ],
)
def test_recovery_in_a_plan(tmp_path: Path, mechanisms: Any, expected: set[str]) -> None:
    """The recovery mechanisms of a Terraform plan, one or several, are reviewed."""
    blocks = [{"name": name, "priority": priority} for name, priority in mechanisms]
    pool = {
        "mfa_configuration": "ON",
        "email_mfa_configuration": [{"message": "{####}"}],
        "account_recovery_setting": [{"recovery_mechanism": blocks}] if blocks else [],
    }
    found = described(tmp_path, plan_of({"aws_cognito_user_pool": pool} | APP))
    setting = found["UserPool"].get("AccountRecoverySetting", {"RecoveryMechanisms": []})
    assert [(each["Name"], each["Priority"]) for each in setting["RecoveryMechanisms"]] == mechanisms
    assert {each.id for each in review(found) if "recovery" in each.id} == expected
    assert not_reviewed(found) == ()


def test_names_in_a_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each argument of Terraform gets the name that the API has for it; the app client's secret is left out and named."""
    lambda_config = {
        "kms_key_id": "arn", "custom_sms_sender": [{"lambda_arn": "arn", "lambda_version": "V1_0"}],
        "pre_token_generation_config": [{"lambda_arn": "arn", "lambda_version": "V2_0"}],
    }  # fmt: skip
    schema = [
        {"name": each, "attribute_data_type": "String", "string_attribute_constraints": [{"max_length": "9"}]}
        for each in ("email", "colour")
    ]
    pool = {
        "name": "users", "mfa_configuration": "OPTIONAL", "tags": {"a": "b"}, "schema": schema, "lambda_config": [lambda_config],
        "web_authn_configuration": [{"relying_party_id": "example.com", "user_verification": "required"}],
        "email_mfa_configuration": [{"message": "{####}", "subject": "Code"}],
        "user_attribute_update_settings": [{"attributes_require_verification_before_update": ["email"]}],
    }  # fmt: skip
    client = {
        "name": "web", "id": "abc", "client_secret": "s3cret", "allowed_oauth_flows": ["implicit"], "logout_urls": ["https://a"],
        "allowed_oauth_flows_user_pool_client": True, "allowed_oauth_scopes": ["openid"], "callback_urls": ["https://a"],
        "default_redirect_uri": "https://a", "token_validity_units": [{"refresh_token": "days"}],
    }  # fmt: skip
    found = described(tmp_path, plan_of({"aws_cognito_user_pool": pool, "aws_cognito_user_pool_client": client}))
    assert PoolSettings.from_descriptions(found).unknown_members == ()
    assert "implicit-flow" in {each.id for each in review(found)}
    assert [each["Name"] for each in found["UserPool"]["Schema"]] == ["email", "colour"]
    assert {"EmailMfaConfiguration", "WebAuthnConfiguration"} < found["MfaConfig"].keys()
    assert "s3cret" not in json.dumps(found)
    assert capsys.readouterr().err == "not in the result: ClientSecret, which no review needs\n"


def test_what_a_plan_does_not_know(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A Lambda function that the plan creates is configured; other unknown arguments are left out and named."""
    unknown = {"arn": True, "user_pool_tier": True, "lambda_config": [{"define_auth_challenge": True}]}
    pool = {"mfa_configuration": "OFF", "lambda_config": [{}]}
    found = described(tmp_path, plan_of({"aws_cognito_user_pool": pool} | APP, unknown))
    assert PoolSettings.from_descriptions(found).lambda_config == frozenset({"DefineAuthChallenge"})
    assert capsys.readouterr().err.endswith("defaults are assumed: arn, user_pool_tier\n")


def test_functions_and_texts_in_a_template(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers as text are read; a function in the place of a number or a list is left out and named; others are ignored."""
    ref, priorities = {"Ref": "Parameter"}, [{"Name": "verified_email", "Priority": "1"}]
    pool = {
        "UserPoolName": ref,
        "Policies": {"PasswordPolicy": {"MinimumLength": "6", "RequireNumbers": "true", "PasswordHistorySize": ref}},
        "AccountRecoverySetting": {"RecoveryMechanisms": priorities},
        "EnabledMfas": ["SOFTWARE_TOKEN_MFA"], "MfaConfiguration": "OPTIONAL", "WebAuthnRelyingPartyID": "example.com",
    }  # fmt: skip
    client = {"ExplicitAuthFlows": ref, "PreventUserExistenceErrors": ref}
    found = described(tmp_path, template_of(pool, client, Queue={"Type": "AWS::SQS::Queue"}))
    assert found["UserPool"]["Policies"] == {"PasswordPolicy": {"MinimumLength": 6, "RequireNumbers": True}}
    assert found["MfaConfig"]["WebAuthnConfiguration"] == {"RelyingPartyId": "example.com"}
    assert "short-passwords" in {each.id for each in review(found)}
    assert PoolSettings.from_descriptions(found).unknown_members == ()
    assert [each for each in not_reviewed(found) if "PreventUserExistenceErrors" in each]
    named = [each.split(",")[0] for each in capsys.readouterr().err.splitlines()]
    prefix = "not in the result: "
    assert named == [
        f"{prefix}UserPool.Policies.PasswordPolicy.PasswordHistorySize",
        f"{prefix}UserPoolClient.ExplicitAuthFlows",
    ]


@pytest.mark.parametrize(
    "pool",
    [
        {"MfaConfiguration": "ON", "EnabledMfas": {"Fn::If": ["HasMfa", ["SMS_MFA"], []]}},
        {"MfaConfiguration": "ON", "EnabledMfas": [{"Ref": "Factor"}]},
        {"MfaConfiguration": {"Ref": "Mode"}, "EnabledMfas": ["SMS_MFA"]},
    ],
)
def test_unknown_factors_in_a_template(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pool: dict[str, Any]
) -> None:
    """If the second factors are a function, the review says that it is incomplete; so it does without an app client."""
    found = described(tmp_path, template_of(pool))
    assert {each.split()[0] for each in not_reviewed(found)} == {"UserPoolClient", "MfaConfig"}
    assert capsys.readouterr().err.startswith("not in the result: ")


def test_several_app_clients_in_a_template(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first app client of a file is read, and the others are named."""
    second = {"Type": "AWS::Cognito::UserPoolClient", "Properties": {"ClientName": "second"}}
    found = described(tmp_path, template_of({}, {"ClientName": "first"}, Second=second))
    assert found["UserPoolClient"]["ClientName"] == "second"  # `template_of` puts it before the other
    assert capsys.readouterr().err == (
        "not in the result: AWS::Cognito::UserPoolClient: the file has 2, and only the first is read\n"
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}, "describes no user pool"),
        ({"values": {"root_module": {}}}, "describes no user pool"),
        ({"Resources": []}, "has not the structure"),
        (template_of({"Fn::Transform": {}}), "the Properties of P are not an object"),
        ({"UserPool": {}}, "no Resources"),
        ([], "is not a JSON object"),
    ],
)
def test_what_is_no_template(tmp_path: Path, content: Any, why: str) -> None:
    """A file that describes no pool is an error of one sentence."""
    with pytest.raises(ValueError, match=why):
        described(tmp_path, content)
