"""The conformance suite at this package's pool, moto_server and cognito-local.

`python tests/test_conformance.py` writes that file again.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner
from conftest import lacking
from joserfc import jwt
from joserfc.jwk import KeySet
from local_servers import CLIENT_ID, POOL_ID, serve_in_thread

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.cli import app
from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.pool_client import AuthenticatorApp, PoolUser
from authfsm.conformance.pool_providers import ApiPoolProvider, ExistingPoolProvider, LocalPoolProvider
from authfsm.conformance.pools import (
    NO_MIGRATION,
    NO_REQUIRED_ATTRIBUTES,
    PHONE_NUMBERS,
    PLAIN_TOKENS,
    READABLE_EMAIL,
    RECOVERY,
    SELF_SIGN_UP,
    UPDATES_AT_ONCE,
    ConformancePool,
    PoolRequirements,
    parse_inbox,
)
from authfsm.conformance.report import as_json, as_markdown
from authfsm.conformance.rule import RuleContext
from authfsm.conformance.rules import RULES, select_rules
from authfsm.conformance.rules.sign_in import UNTESTED_CHALLENGES
from authfsm.conformance.run import Endpoint, EndpointResult, Results, ensure_reachable, run_rule, run_rules
from authfsm.conformance.verdicts import ApiReply, Outcome, RuleVerdict, Skipped
from authfsm.local.state import token_claims
from authfsm.local.state.token_issuer import TokenIssuer
from authfsm.protocol.states import CHALLENGES

REPORT = Path(__file__).parents[1] / "diagrams" / "conformance.md"
JS = Path(__file__).parent / "js" / "node_modules"
MOTO_URL = "http://127.0.0.1:5000"
COGNITO_LOCAL_URL = "http://127.0.0.1:9229"
CODE = "123456"


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


@contextmanager
def running_command(command: list[str], port: int, **env: str) -> Iterator[str]:
    """Run a server in its own process, and yield its URL once it answers."""
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": folder, **env},
        )
        try:
            deadline, client = time.monotonic() + 60, ApiClient(url)
            while True:
                with suppress(Skipped):
                    ensure_reachable(client)
                    break
                assert process.poll() is None, command
                assert time.monotonic() < deadline, command
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()
            process.wait(30)


def moto_server_command() -> str:
    """Return the path of moto_server; skip the test if it is not installed."""
    path = shutil.which("moto_server", path=str(Path(sys.executable).parent))
    return path or lacking("moto_server (moto[server])")


def cognito_local_command() -> str:
    """Return the path of cognito-local; skip the test if it is not installed."""
    if shutil.which("node") is None:
        lacking("node")
    command = JS / ".bin" / "cognito-local"
    return str(command) if command.exists() else lacking("cognito-local (npm ci in tests/js)")


@contextmanager
def running_endpoints() -> Iterator[tuple[list[Endpoint], list[str]]]:
    """Yield the three endpoints with their usual URLs, and the actual URLs of the two other servers."""
    moto, local = moto_server_command(), cognito_local_command()
    package = json.loads((JS / "cognito-local" / "package.json").read_text(encoding="utf-8"))
    moto_port, local_port = free_port(), free_port()
    moto_run = running_command(
        [moto, "-H", "127.0.0.1", "-p", str(moto_port)], moto_port, MOTO_COGNITO_IDP_USER_POOL_ENABLE_TOTP="true"
    )
    local_run = running_command([local], local_port, PORT=str(local_port), HOST="127.0.0.1", CODE=CODE)
    with moto_run as moto_url, local_run as local_url:
        yield (
            [
                Endpoint(f"authfsm {version('authfsm')}", LocalPoolProvider()),
                Endpoint(f"moto_server {version('moto')}", ApiPoolProvider(ApiClient(moto_url)), MOTO_URL),
                Endpoint(
                    f"cognito-local {package['version']}",
                    ApiPoolProvider(ApiClient(local_url), parse_inbox(f"fixed:{CODE}")),
                    COGNITO_LOCAL_URL,
                    (f"--codes fixed:{CODE}",),
                ),
            ],
            [moto_url, local_url],
        )


def verdict_lines(report: str) -> list[str]:
    """Return the lines of a report that contain verdicts: table rows, and failures with their reasons."""
    return [line for line in report.splitlines() if line.startswith(("| ", "- **", "- ·", "- ?"))]


def test_the_report_is_up_to_date() -> None:
    """The report has today's verdicts, and this package's own pool passes every rule."""
    report = REPORT.read_text(encoding="utf-8")
    with running_endpoints() as (endpoints, urls):
        results = run_rules(endpoints, RULES, day=date(2026, 1, 1))
        names = ", ".join(each.endpoint.name for each in results.endpoints)
        own_pool, *others = results.endpoints

        assert report.splitlines()[2].startswith(f"{names}; tested on 20")
        current, committed = verdict_lines(as_markdown(results)), verdict_lines(report)
        assert sorted(set(current) ^ set(committed)) == []  # so that a failure shows the lines that differ
        assert current == committed
        assert own_pool.count(Outcome.PASSED) == len(RULES)
        for result, url in zip(others, urls, strict=True):
            check_commands(result, url)


def test_the_report_shows_no_empty_request_or_reply() -> None:
    """A failure without a request has no line for a request or reply."""
    report = REPORT.read_text(encoding="utf-8")

    assert [line for line in report.splitlines() if line.endswith(": ``")] == []


def check_commands(result: EndpointResult, url: str) -> None:
    """The command of each failure reproduces it, with the same reason."""
    names = [name for name, each in result.verdicts.items() if each.outcome is Outcome.FAILED]
    options = [word for option in result.endpoint.options for word in option.split()]
    for rule in select_rules(tuple(names)):
        command = ["authfsm", "conform", "--endpoint-url", str(result.endpoint.url)]
        assert result.endpoint.command(rule) == " ".join([*command, *options, "--rule", rule.id])

    rules = [word for name in names for word in ("--rule", name)]
    again = CliRunner().invoke(
        app, ["conform", "--endpoint-url", url, *options, *rules], env={"COLUMNS": "1000", "TERM": "dumb"}
    )

    assert again.exit_code == 1
    for name in names:
        verdict = result.verdicts[name]
        assert f"failed: {verdict.why}" in again.stdout, name
        assert f"> {verdict.evidence.partition(' -> ')[0]}" in again.stdout, name


# ---- the rules -----------------------------------------------------------------------------------------


def test_a_code_is_not_about_to_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule waits for the next time step, because some endpoints accept the code of the current one only."""
    app, clock, waits = AuthenticatorApp(Secret("A" * 32)), [0.0], list[float]()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr("authfsm.conformance.pool_client.time.time", lambda: clock[0])
    monkeypatch.setattr("authfsm.conformance.pool_client.time.sleep", sleep)
    codes = []
    for clock[0] in (600.0, 624.9, 625.1, 629.999, 630.0):
        codes.append(app.code())
        assert clock[0] % 30 <= 25

    assert codes[0] == codes[1]
    assert codes[2] == codes[3] == codes[4] != codes[0]
    assert len(waits) == 2
    assert max(waits) < 5.1


def verdict(rule_id: str) -> RuleVerdict:
    """Return the verdict on a rule at the local pool."""
    provider = LocalPoolProvider()
    try:
        return run_rule(select_rules((rule_id,))[0], provider)
    finally:
        provider.cleanup()


def test_an_endpoint_that_compares_only_key_ids_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """`token.forged` fails at an endpoint that accepts any signature if the token's `kid` is its own."""
    decode = jwt.decode

    def compare_key_ids(token: str, key: Any, **options: Any) -> jwt.Token:
        if isinstance(key, KeySet):  # the suite's own check of the signature
            return decode(token, key, **options)
        header, claims = (json.loads(urlsafe_b64decode(f"{part}==")) for part in token.split(".")[:2])
        if header.get("kid") != key.kid:
            raise ValueError("unknown key")
        return jwt.Token(header, claims)

    assert verdict("token.forged").outcome is Outcome.PASSED
    monkeypatch.setattr(jwt, "decode", compare_key_ids)
    assert verdict("token.forged").outcome is Outcome.FAILED


WRONG_TIMES: dict[str, dict[str, Any]] = {
    "text": {"iat": "a", "exp": "z"},
    "null": {"iat": None, "exp": None},
    "truth values": {"iat": False, "exp": True},
    "auth_time is text": {"auth_time": "now"},
    "expired": {"iat": 1, "exp": 2},
    "exp before iat": {"iat": 2**40, "exp": 2**39},
}


@pytest.mark.parametrize("rule_id", ["token.access-claims", "token.id-claims"])
@pytest.mark.parametrize("case", WRONG_TIMES)
def test_wrong_times_of_a_token_fail(monkeypatch: pytest.MonkeyPatch, rule_id: str, case: str) -> None:
    """The rules about claims fail, and are not skipped, if a time is not a number or the token has expired."""
    compose = token_claims.compose_claims

    def changed(*arguments: Any) -> list[dict[str, Any]]:
        return [claims | WRONG_TIMES[case] for claims in compose(*arguments)]

    assert verdict(rule_id).outcome is Outcome.PASSED
    monkeypatch.setattr(token_claims, "compose_claims", changed)
    failed = verdict(rule_id)
    assert failed.outcome is Outcome.FAILED
    assert ("is not a number" in failed.why) == (not case.startswith("exp")), failed.why


@pytest.mark.parametrize("rule_id", ["REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", "GetTokensFromRefreshToken"])
@pytest.mark.parametrize("name", ["AccessToken", "IdToken"])
def test_a_refresh_that_returns_an_old_token_fails(monkeypatch: pytest.MonkeyPatch, rule_id: str, name: str) -> None:
    """The rules about refreshing fail if a token of the reply is that of the sign-in."""
    issue, issued = TokenIssuer._access_and_id, dict[str, str]()

    def issue_again(*arguments: Any) -> dict[str, Any]:
        tokens = issue(*arguments)
        return {**tokens, name: issued.setdefault("first", tokens[name])}

    assert verdict(f"refresh.{rule_id}").outcome is Outcome.PASSED
    monkeypatch.setattr(TokenIssuer, "_access_and_id", issue_again)
    failed = verdict(f"refresh.{rule_id}")
    assert (failed.outcome, failed.why) == (Outcome.FAILED, f"no new {name} came")


def test_expires_in_must_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict on an ExpiresIn that is text says what is wrong."""
    issue = TokenIssuer._access_and_id
    monkeypatch.setattr(TokenIssuer, "_access_and_id", lambda *each: {**issue(*each), "ExpiresIn": "3600"})

    assert verdict("token.result-members").why == "ExpiresIn is not a whole number"


def test_what_cannot_be_deleted_is_named() -> None:
    """The suite names the pools that it created and could not delete; a deadline that is over keeps no pool."""
    with serve_in_thread() as served:
        provider = ApiPoolProvider(ApiClient(served.url, "eu-west-1"))
        pool = provider.own_pool(provider.api)
        provider.api.deadline = time.monotonic() - 1
        assert provider.cleanup() == []
        provider.api.deadline = float("inf")
        assert provider.api.call("DescribeUserPool", UserPoolId=pool.pool_id).code == "ResourceNotFoundException"
        pool_id = provider.own_pool(provider.api).pool_id

    provider._deletions.append(("DeleteUserPool", {"UserPoolId": "eu-west-1_Other"}))
    failed = provider.cleanup()
    assert failed[0].startswith(f"DeleteUserPool {pool_id}: no reply came")
    assert failed[1:] == ["DeleteUserPool eu-west-1_Other: not tried, because an earlier request got no reply"]


def test_a_rule_that_ran_out_of_time_does_not_end_the_others() -> None:
    """Pools and app clients are created within no rule's time, so the rules after a slow one get them all the same."""
    first, *others = select_rules(("password.wrong", "totp.wrong", "secret-hash.wrong"))
    with serve_in_thread() as served:
        provider = ApiPoolProvider(ApiClient(served.url, "eu-west-1"))
        assert run_rule(first, provider, seconds=-1).why == "the rule's time is over"
        assert {run_rule(each, provider).outcome for each in (first, *others)} == {Outcome.PASSED}
        provider.cleanup()


def test_the_setup_of_a_shared_pool_is_not_the_time_of_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the creation of a shared pool takes, the rule for which it is created keeps its own time."""
    create = LocalPoolProvider._create_pool

    def create_slowly(provider: LocalPoolProvider, requirements: PoolRequirements) -> ConformancePool:
        time.sleep(2)
        return create(provider, requirements)

    monkeypatch.setattr(LocalPoolProvider, "_create_pool", create_slowly)
    provider = LocalPoolProvider()
    context = RuleContext(provider, "password.wrong", time.monotonic() + 2)
    try:
        context.client()
        assert provider.api.deadline - time.monotonic() > 1
    finally:
        provider.cleanup()


EXISTING_POOLS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "only administrators create users": ({"allow_admin_create_user_only": True}, {"sign-up.right-code": SELF_SIGN_UP}),
    "no recovery": (
        {"account_recovery": ["admin_only"]},
        dict.fromkeys(("forgot-password.right-code", "existence.forgot-password", "error.reset-required"), RECOVERY),
    ),
    "required attributes": (
        {"required_attributes": ["family_name"]},
        {"sign-up.right-code": SELF_SIGN_UP}
        | dict.fromkeys(("password.replaced", "session.once"), NO_REQUIRED_ATTRIBUTES),
    ),
    "verification before update": (
        {"verified_before_update": ["phone_number"], "auto_verified_attributes": ["email", "phone_number"]},
        {"account.changed-address": UPDATES_AT_ONCE},
    ),
    "a required phone number": (
        {"required_attributes": ["phone_number"]},
        dict.fromkeys(("account.changed-address", "account.deleted-attributes"), PHONE_NUMBERS),
    ),
    "a phone number that cannot be changed": (
        {"schema": [{"name": "phone_number", "mutable": False}]},
        dict.fromkeys(("account.changed-address", "account.deleted-attributes"), PHONE_NUMBERS),
    ),
    "aliases": ({"aliases": ["email"]}, {"error.unconfirmed": "no AliasAttributes"}),
    "phone numbers": (
        {"username_attributes": ["phone_number"]}, {"error.unconfirmed": "no UsernameAttributes but email"}
    ),
    "e-mail addresses": ({"username_attributes": ["email"]}, {"account.exists": ""}),
    "devices": ({"device": {"challenge_required_on_new_device": False}}, {"account.filter": "no DeviceConfiguration"}),
    "no devices": ({}, {"device.metadata": "a DeviceConfiguration"}),
    "the password alone": (
        {},
        {"sign-in.USER_AUTH.EMAIL_OTP": "AllowedFirstAuthFactors PASSWORD and EMAIL_OTP and SMS_OTP and WEB_AUTHN"},
    ),
}  # fmt: skip


def test_a_user_who_was_there_before_is_not_deleted() -> None:
    """If the existing pool has a user of the name that a rule needs already, the rule is skipped, and the user stays."""
    with serve_in_thread() as served:
        api = ApiClient(served.url, "eu-west-1")
        name = "ada@group.claim.example.com"
        user = {"UserPoolId": POOL_ID, "Username": name, "TemporaryPassword": "Correct-Horse-1"}
        assert api.call("AdminCreateUser", MessageAction="SUPPRESS", **user).code is None
        provider = ExistingPoolProvider(api, POOL_ID, inbox=parse_inbox("outbox"))
        (rule,) = select_rules(("group.claim",))
        verdict = run_rule(rule, provider)
        assert (verdict.outcome, "UsernameExistsException" in verdict.why) == (Outcome.SKIPPED, True)
        assert provider.cleanup() == []
        assert api.call("AdminGetUser", UserPoolId=POOL_ID, Username=name).code is None


@pytest.mark.parametrize(
    ("rule_id", "operation", "members", "code"),
    [
        *(
            (rule_id, "CreateGroup", {"GroupName": f"conform-{name}"}, "GroupExistsException")
            for rule_id, name in (
                ("group.exists", "twice"), ("group.claim", "claim"), ("group.members", "members"),
                ("group.preferred-role", "9"), ("group.preferred-role", "1"),
            )
        ),
        ("sign-up.right-code", "AdminCreateUser", {"Username": "ada@sign-up.right-code.example.com",
            "TemporaryPassword": "Correct-Horse-1", "MessageAction": "SUPPRESS"}, "UsernameExistsException"),
    ],
)  # fmt: skip
def test_a_name_that_is_taken_is_no_failure(rule_id: str, operation: str, members: dict[str, Any], code: str) -> None:
    """If the existing pool has a group or a user of the name that a rule creates, the rule is skipped, and nothing is lost."""
    with serve_in_thread() as served:
        api = ApiClient(served.url, "eu-west-1")
        assert api.call(operation, UserPoolId=POOL_ID, **members).code is None
        provider = ExistingPoolProvider(api, POOL_ID, inbox=parse_inbox("outbox"))
        verdict = run_rule(select_rules((rule_id,))[0], provider)
        assert (verdict.outcome, code in verdict.why) == (Outcome.SKIPPED, True)
        assert provider.cleanup() == []
        assert api.call(operation, UserPoolId=POOL_ID, **members).code == code


@pytest.mark.parametrize("case", EXISTING_POOLS)
def test_a_setting_of_an_existing_pool_is_no_failure(case: str) -> None:
    """Rules that need other settings than those of the existing pool are skipped with the reason; others pass."""
    settings, expected = EXISTING_POOLS[case]
    with serve_in_thread(**settings) as served:
        api = ApiClient(served.url, "eu-west-1")
        provider = ExistingPoolProvider(api, POOL_ID, inbox=parse_inbox("outbox"))
        for rule in select_rules((*expected, "sign-up.wrong-code", "account.exists")):
            verdict = run_rule(rule, provider)
            if needed := expected.get(rule.id):
                assert (verdict.outcome, verdict.why) == (Outcome.SKIPPED, f"the rule needs a pool with {needed}")
            assert verdict.outcome is not Outcome.FAILED, verdict.why
        assert provider.cleanup() == []


ATTRIBUTE_RULES: dict[str, str] = {
    **dict.fromkeys(("sign-up.wrong-code", "sign-up.right-code", "error.unconfirmed"), SELF_SIGN_UP),
    **dict.fromkeys(("account.changed-address", "account.deleted-attributes"), PHONE_NUMBERS),
    "token.id-attributes": READABLE_EMAIL,
}


@pytest.mark.parametrize(
    ("readable", "writable", "missing"),
    [
        (["nickname"], ["nickname"], {READABLE_EMAIL, SELF_SIGN_UP, PHONE_NUMBERS}),
        (["email"], ["email"], {READABLE_EMAIL, PHONE_NUMBERS}),
        (["email", "email_verified"], ["phone_number"], {SELF_SIGN_UP}),
        (None, None, set()),
    ],
)
def test_the_attributes_of_an_existing_app_client_are_no_failure(
    readable: list[str] | None, writable: list[str] | None, missing: set[str]
) -> None:
    """Rules that need attributes that the app client may not read or write are skipped with the reason; others pass."""
    given = {"read_attributes": readable, "write_attributes": writable}
    with serve_in_thread(**{name: value for name, value in given.items() if value}) as served:
        api = ApiClient(served.url, "eu-west-1")
        provider = ExistingPoolProvider(api, POOL_ID, CLIENT_ID, parse_inbox("outbox"))
        for rule in select_rules((*ATTRIBUTE_RULES, "token.id-claims")):
            verdict = run_rule(rule, provider)
            needed = {ATTRIBUTE_RULES.get(rule.id)} & missing
            expected = (Outcome.SKIPPED, *(f"the rule needs a pool with {each}" for each in needed))
            assert (verdict.outcome, verdict.why) == (expected if needed else (Outcome.PASSED, "")), rule.id
        assert provider.cleanup() == []


@pytest.mark.parametrize(
    ("trigger", "rule_id", "needed"),
    [
        ("PreSignUp", "sign-up.right-code", SELF_SIGN_UP),
        ("UserMigration", "existence.password", NO_MIGRATION),
        ("PreTokenGeneration", "token.id-attributes", PLAIN_TOKENS),
        ("PreAuthentication", "password.wrong", "no Lambda trigger DefineAuthChallenge or PreAuthentication"),
    ],
)
def test_lambda_functions_of_an_existing_pool_are_no_failure(
    monkeypatch: pytest.MonkeyPatch, trigger: str, rule_id: str, needed: str
) -> None:
    """Rules whose replies a Lambda function of the existing pool may change are skipped with the reason."""
    describe = ExistingPoolProvider._describe

    def described(provider: ExistingPoolProvider, *kind: str, **identifier: str) -> dict[str, Any]:
        return describe(provider, *kind, **identifier) | {"LambdaConfig": {trigger: "arn:aws:lambda:::function:f"}}

    monkeypatch.setattr(ExistingPoolProvider, "_describe", described)
    with serve_in_thread() as served:
        provider = ExistingPoolProvider(ApiClient(served.url, "eu-west-1"), POOL_ID)
        verdict = run_rule(select_rules((rule_id,))[0], provider)
        provider.cleanup()

    assert (verdict.outcome, verdict.why) == (Outcome.SKIPPED, f"the rule needs a pool with {needed}")


def test_what_rules_create_in_an_existing_pool_is_named() -> None:
    """Users, groups and app clients that remain in an existing pool are named, also those of a single rule."""
    with serve_in_thread() as served:
        provider = ExistingPoolProvider(ApiClient(served.url, "eu-west-1"), POOL_ID)
        for rule in select_rules(("group.claim", "secret.last")):
            assert run_rule(rule, provider).outcome is Outcome.PASSED

    operations = Counter(each.partition(" ")[0] for each in provider.cleanup())
    assert operations == {"AdminDeleteUser": 2, "DeleteUserPoolClient": 2, "DeleteGroup": 1}


def test_a_profile_of_the_environment_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite signs with the credentials that it was given, whatever AWS_PROFILE names."""
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")

    assert verdict("password.wrong").outcome is Outcome.PASSED


def test_an_operation_that_boto3_lacks_is_named() -> None:
    """A rule whose operation the installed boto3 does not have is skipped, and says so."""
    with pytest.raises(Skipped, match="the installed boto3 has no TomorrowsOperation: update boto3"):
        ApiClient("http://127.0.0.1:1").call("TomorrowsOperation")


def test_an_app_that_was_not_verified_is_not_enrolled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Status ERROR of VerifySoftwareToken refuses the code: `totp.adjacent-step` fails, and no rule uses the app."""
    call, refused = ApiClient.call, [1]

    def refuse(api: ApiClient, operation: str, /, **members: Any) -> ApiReply:
        if operation == "VerifySoftwareToken" and refused[0] > 0:
            refused[0] -= 1
            return ApiReply(operation, 200, {"Status": "ERROR"}, "200 Status=ERROR")
        return call(api, operation, **members)

    monkeypatch.setattr(ApiClient, "call", refuse)
    assert verdict("totp.adjacent-step").outcome is Outcome.FAILED
    refused[0] = 2
    skipped = verdict("totp.wrong")
    assert (skipped.outcome, skipped.why) == (Outcome.SKIPPED, "VerifySoftwareToken: 200 Status=ERROR")


def test_a_device_proof_is_refused_for_its_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """`device.verifies-proof` sends a TIMESTAMP of the present, so no endpoint refuses the answer for its age."""
    times = list[str]()
    respond = PoolUser.respond

    def record(user: PoolUser, *names: Any, **responses: str) -> ApiReply:
        times.extend(value for name, value in responses.items() if name == "TIMESTAMP")
        return respond(user, *names, **responses)

    monkeypatch.setattr(PoolUser, "respond", record)
    assert verdict("device.verifies-proof").outcome is Outcome.PASSED
    assert len(times) == 3
    for each in times:
        age = datetime.now(timezone.utc) - srp.parse_timestamp(each)
        assert abs(age.total_seconds()) < 60


@pytest.mark.parametrize("rule_id", ["sign-out.refresh-token", "refresh.binds-client", "revoke.refresh-token"])
def test_a_missing_refresh_token_is_not_a_refused_one(monkeypatch: pytest.MonkeyPatch, rule_id: str) -> None:
    """A rule about a refresh token fails if the sign-in returns none: a request without a token shows nothing."""
    assert verdict(rule_id).outcome is Outcome.PASSED
    tokens = property(lambda reply: dict(reply._mapping("AuthenticationResult")) | {"RefreshToken": None})
    monkeypatch.setattr(ApiReply, "tokens", tokens)
    failed = verdict(rule_id)
    assert (failed.outcome, failed.why) == (Outcome.FAILED, "the sign-in returned no RefreshToken")


def test_a_wrong_code_must_be_refused_before_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """`session.survives-wrong-code` fails at an endpoint that accepts every code in every session."""
    assert verdict("session.survives-wrong-code").outcome is Outcome.PASSED
    accepted = ApiReply("RespondToAuthChallenge", 200, {"AuthenticationResult": {"AccessToken": "a"}}, "200")
    monkeypatch.setattr(PoolUser, "respond", lambda *_, **__: accepted)
    assert verdict("session.survives-wrong-code").why == "a wrong code returned tokens"


@pytest.mark.parametrize(
    ("rule_id", "name", "new", "why"),
    [
        ("session.rotates", "Session", "Sitzung", "MFA_SETUP came without a Session"),
        ("error.shape", "message", "Message", "__type or message is missing"),
    ],
)
def test_a_member_under_another_name_fails(
    monkeypatch: pytest.MonkeyPatch, rule_id: str, name: str, new: str, why: str
) -> None:
    """A rule about a member fails if the reply lacks it, also if the reply before had it or a similar one is there."""
    send = ApiClient._send

    def renamed(api: ApiClient, label: str, request: Any) -> Any:
        response: Any = send(api, label, request)
        content = json.loads(response.content)
        if content.get("ChallengeName") == "MFA_SETUP" or "__type" in content:
            content[new] = content.pop(name, None)
            response._content = json.dumps(content).encode()
        return response

    monkeypatch.setattr(ApiClient, "_send", renamed)
    failed = verdict(rule_id)
    assert (failed.outcome, failed.why) == (Outcome.FAILED, why)


def test_a_protected_pool_is_deleted_after_a_lost_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pool.deletion-protection` ends the protection of its pool also if the reply to DeleteUserPool is lost."""
    send, lost = ApiClient._send, [True]

    def losing(api: ApiClient, label: str, request: Any) -> Any:
        if label.startswith("DeleteUserPool") and lost:
            lost.clear()
            raise Skipped("no reply came")
        return send(api, label, request)

    monkeypatch.setattr(ApiClient, "_send", losing)
    with serve_in_thread() as served:
        provider = ApiPoolProvider(ApiClient(served.url, "eu-west-1"))
        assert run_rule(select_rules(("pool.deletion-protection",))[0], provider).why == "no reply came"
        assert provider.cleanup() == []


@pytest.mark.parametrize(
    ("rule_id", "name"),
    [
        ("USER_PASSWORD_AUTH.SMS_MFA", "SMS_MFA"),
        ("USER_AUTH.EMAIL_OTP", "EMAIL_OTP"),
        ("CUSTOM_AUTH.CUSTOM_CHALLENGE", "CUSTOM_CHALLENGE"),
    ],
)
def test_a_malformed_challenge_fails(monkeypatch: pytest.MonkeyPatch, rule_id: str, name: str) -> None:
    """A rule fails if the client cannot read the expected challenge, also when it is the first reply."""
    send = ApiClient._send

    def without_session(api: ApiClient, label: str, request: Any) -> Any:
        response: Any = send(api, label, request)
        content = json.loads(response.content)
        if content.get("ChallengeName") == name:
            response._content = json.dumps(content | {"Session": None}).encode()
        return response

    monkeypatch.setattr(ApiClient, "_send", without_session)
    failed = verdict(f"sign-in.{rule_id}")
    assert (failed.outcome, failed.why) == (Outcome.FAILED, "malformed reply: Session is missing")


def test_names_and_options_in_the_report_are_quoted() -> None:
    """The name of an endpoint breaks no table, and the command that tests all endpoints has each of their options."""
    endpoints = [
        Endpoint("moto_server | 'x'", LocalPoolProvider(), MOTO_URL, ("--codes 'fixed:a b'", "--region eu-west-2")),
        Endpoint("moto_server <y>", LocalPoolProvider(), MOTO_URL, ("--region eu-west-2",)),
    ]
    report = as_markdown(run_rules(endpoints, select_rules(("srp.timestamp",)), day=date(2026, 1, 1)))
    [command] = [line for line in report.splitlines() if line.startswith("authfsm conform --compare")]
    rows = [line for line in report.splitlines() if line.startswith("| ")]

    assert shlex.split(command)[2:] == [
        "--compare", f"moto_server | 'x'={MOTO_URL}", "--codes", "moto_server | 'x'=fixed:a b",
        "--region", "eu-west-2", "--compare", f"moto_server <y>={MOTO_URL}", "-o", "diagrams/conformance.md",
    ]  # fmt: skip
    assert any(line.startswith(r"| moto_server \| 'x' | 1 |") for line in rows)
    assert "<y>" not in re.sub(r"\\<|```sh.*?```", "", report, flags=re.DOTALL)


def test_a_rule_is_a_sentence_with_a_source() -> None:
    """Ids are unique; a statement is a sentence; a source has a title and an address."""
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert [rule.id for rule in RULES if not rule.statement.endswith((".", '".'))] == []
    assert [rule.id for rule in RULES if not rule.statement[0].isupper()] == []
    assert [rule.id for rule in RULES if not rule.source.url.startswith("https://")] == []
    assert [rule.id for rule in RULES if not rule.source.title] == []


def test_the_sign_in_rules_cover_every_challenge() -> None:
    """The statement of some sign-in rule names each challenge of Cognito, unless it is listed as untested."""
    rules = [rule for rule in RULES if rule.group == "Sign-in"]
    words = {word.strip(",.") for rule in rules for word in rule.statement.split()}
    untested = set(UNTESTED_CHALLENGES)

    assert [each for each in CHALLENGES if each.value not in words and each not in untested] == []
    assert [rule.id for rule in rules for each in untested if rule.id.endswith(each.value)] == []


def test_groups_collect_rules_that_are_not_adjacent() -> None:
    """Every rule is in the group of its name, in whatever order the rules are."""
    first, other = RULES[0], RULES[-1]
    results = Results((first, other, RULES[1]), (), date(2026, 1, 1))
    assert results.groups == {first.group: [first, RULES[1]], other.group: [other]}


def test_an_interrupt_ends_the_run_after_the_rule_in_progress() -> None:
    """After Ctrl-C no further rule begins, what was created is deleted, and the KeyboardInterrupt is raised."""
    begun, cleanups = [], []

    class Provider(LocalPoolProvider):
        def cleanup(self) -> list[str]:
            cleanups.append(self)
            return super().cleanup()

    def interrupt(rule: Any) -> None:
        begun.append(rule)
        ident = threading.main_thread().ident
        assert ident is not None
        time.sleep(0.5)  # until the main thread waits for the results
        signal.pthread_kill(ident, signal.SIGINT)
        time.sleep(1)  # until the main thread has raised KeyboardInterrupt

    rules = [attrs.evolve(each, run=interrupt) for each in RULES[:3]]
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # workers of pytest-xdist ignore SIGINT
    try:
        with pytest.raises(KeyboardInterrupt):
            run_rules([Endpoint("local", Provider())], rules, day=date(2026, 1, 1))
    finally:
        signal.signal(signal.SIGINT, handler)
    assert (len(begun), len(cleanups)) == (1, 1)


def test_rules_are_selected_by_their_names() -> None:
    """A name selects a rule by id or several by prefix; no name selects all; an unknown one is an error."""
    assert [rule.id for rule in select_rules(("srp.timestamp",))] == ["srp.timestamp"]
    assert {rule.id.split(".")[0] for rule in select_rules(("srp.*", "token.*"))} == {"srp", "token"}
    assert select_rules(()) == RULES
    with pytest.raises(LookupError, match=r"srp\.nothing"):
        select_rules(("srp.nothing",))


def test_json_contains_rules_and_verdicts() -> None:
    """The JSON has the rules with their sources, and each verdict with evidence and command."""
    endpoint = Endpoint("ours", LocalPoolProvider())
    results = run_rules([endpoint], select_rules(("password.wrong",)), day=date(2026, 1, 1))

    assert as_json(results) == {
        "date": "2026-01-01",
        "rules": [
            {
                "id": "password.wrong",
                "statement": "Cognito refuses a wrong password in USER_PASSWORD_AUTH.",
                "group": "Passwords and SRP",
                "severity": "critical",
                "source": "ministackorg/ministack #1758, measured on a real pool",
                "url": "https://github.com/ministackorg/ministack/pull/1758",
                "confidence": "measured",
            }
        ],
        "endpoints": [
            {
                "name": "ours",
                "url": None,
                "counts": {"passed": 1, "failed": 0, "not supported": 0, "skipped": 0},
                "verdicts": {
                    "password.wrong": {
                        "outcome": "passed",
                        "why": "",
                        "severity": None,
                        "evidence": "InitiateAuth AuthFlow=USER_PASSWORD_AUTH USERNAME=ada PASSWORD=****"
                        " -> 400 NotAuthorizedException: Incorrect username or password.",
                        "command": "authfsm conform --rule password.wrong",
                    }
                },
            }
        ],
    }


if __name__ == "__main__":
    with running_endpoints() as (every_endpoint, _):
        today = datetime.now(timezone.utc).date()
        REPORT.write_text(as_markdown(run_rules(every_endpoint, RULES, day=today)), encoding="utf-8")
    sys.stdout.write(f"wrote {REPORT.name}\n")
