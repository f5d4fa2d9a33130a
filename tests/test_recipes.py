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
    (block,) = [
        each
        for each in re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
        if "auth = CognitoAuth(" in each
    ]
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
CLIENT: Final = {
    "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH"],
    "EnableTokenRevocation": True,
}
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
