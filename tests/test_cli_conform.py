"""The command `authfsm conform`: the table, the output for single rules, files, and usage errors."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from local_servers import CLIENT_ID, POOL_ID, serve_in_thread
from rich.console import Console

from authfsm.cli import app
from authfsm.cli import conform as conform_command
from authfsm.conformance.pool_providers import LocalPoolProvider
from authfsm.conformance.rules import RULES, select_rules
from authfsm.conformance.run import Endpoint

WIDE = {"COLUMNS": "300", "TERM": "dumb"}


def conform(*options: str) -> tuple[int, str, str]:
    """Run the command, and return the exit status, standard output and standard error."""
    result = CliRunner().invoke(app, ["conform", *options], env=WIDE)
    return result.exit_code, result.stdout, result.stderr


def test_a_single_rule_prints_its_requests_and_replies() -> None:
    """The output has the rule, its source, the verdict, and every request with its reply, without secrets."""
    code, stdout, _ = conform("--rule", "password.wrong")

    assert code == 0
    assert "password.wrong  Cognito refuses a wrong password in USER_PASSWORD_AUTH." in stdout
    assert "https://github.com/ministackorg/ministack/pull/1758" in stdout
    assert ": passed\n" in stdout
    assert "    > InitiateAuth AuthFlow=USER_PASSWORD_AUTH USERNAME=ada PASSWORD=****\n" in stdout
    assert "    < 400 NotAuthorizedException: Incorrect username or password.\n" in stdout
    assert "Horse" not in stdout


def test_list_prints_every_rule() -> None:
    """--list prints the ids, claims and sources of the rules, and runs nothing."""
    code, stdout, _ = conform("--list")

    assert code == 0
    assert [rule.id for rule in RULES if rule.id not in stdout] == []
    assert [rule.id for rule in RULES if rule.source.url not in stdout] == []


def test_output_files(tmp_path: Path) -> None:
    """The suffix selects Markdown or JSON; - prints only JSON to standard output."""
    markdown, as_json = tmp_path / "table.md", tmp_path / "table.json"
    ours = ("--compare", "one=local", "--rule", "reply.tokens-alone")

    code, stdout, _ = conform(*ours, "-o", str(markdown), "-o", str(as_json), "-o", "-")

    assert code == 0
    assert json.loads(stdout) == json.loads(as_json.read_text(encoding="utf-8"))
    assert "| one | 1 | 0 | 0 | 0 | 0 |" in markdown.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["[/x]", "a[b]c", "[red]", "http://[fe80::1]:9229"])
def test_a_column_may_have_any_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Brackets in the name of a column are printed, in the table and in the progress bar; they are not markup."""
    progress, output = (Console(file=StringIO(), force_terminal=True, width=200) for _ in range(2))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(conform_command, "Console", lambda **_: progress)
    endpoint = Endpoint(name, LocalPoolProvider())
    results = conform_command._run([endpoint], select_rules(("reply.tokens-alone",)), 30.0)
    for part in conform_command.table(results):
        output.print(part)
    bar, printed = (each.file.getvalue() for each in (progress, output) if isinstance(each.file, StringIO))

    assert name in bar
    assert re.sub(r"\x1b\[[0-9;]*m", "", printed).splitlines()[0].split() == ["rule", name]


def test_an_unwritable_file_does_not_lose_the_results(tmp_path: Path) -> None:
    """If a file cannot be written, the results are printed all the same, with exit status 2."""
    ours = ("--compare", "one=local", "--rule", "reply.tokens-alone")
    nowhere = str(tmp_path / "no" / "t.md")

    code, stdout, stderr = conform(*ours, "-o", nowhere)
    assert (code, "reply.tokens-alone" in stdout, "cannot be written" in stderr) == (2, True, True)
    code, stdout, stderr = conform(*ours, "-o", nowhere, "-o", "-")
    assert (code, "reply.tokens-alone" in stdout, "cannot be written" in stderr) == (2, True, True)


def test_an_existing_pool() -> None:
    """With --pool-id, rules that need another pool are skipped; users and app clients are deleted at the end."""
    rules = ("--rule", "password.*", "--rule", "totp.wrong", "--rule", "secret-hash.missing")
    with serve_in_thread(account_recovery=["verified_email"]) as served:
        before = {each["ClientId"] for each in clients(served.boto())}
        code, stdout, _ = conform(
            "--endpoint-url", served.url, "--pool-id", POOL_ID, *rules, "-o", "-", "--codes", "outbox"
        )
        boto = served.boto()
        users = boto.list_users(UserPoolId=POOL_ID)["Users"]
        after = {each["ClientId"] for each in clients(boto)}
    [endpoint] = json.loads(stdout)["endpoints"]
    outcomes = {name: each["outcome"] for name, each in endpoint["verdicts"].items()}

    assert code == 0
    assert set(outcomes.values()) == {"passed", "skipped"}
    assert [name for name, each in outcomes.items() if each == "skipped"] == ["totp.wrong"]
    assert endpoint["verdicts"]["totp.wrong"]["why"] == "the rule needs a pool with MfaConfiguration OPTIONAL"
    assert endpoint["verdicts"]["password.wrong"]["command"] == (
        f"authfsm conform --endpoint-url {served.url} --codes outbox --pool-id {POOL_ID} --rule password.wrong"
    )
    assert (users, after) == ([], before)


def clients(boto: object) -> list[dict[str, str]]:
    """Return the app clients of the pool."""
    reply = boto.list_user_pool_clients(UserPoolId=POOL_ID)  # type: ignore[attr-defined]  # a boto3 client
    app_clients: list[dict[str, str]] = reply["UserPoolClients"]
    return app_clients


def test_an_existing_app_client() -> None:
    """With --client-id, rules that need another app client are skipped."""
    where = ("--pool-id", POOL_ID, "--client-id", CLIENT_ID)
    rules = ("--rule", "password.wrong", "--rule", "secret-hash.missing")
    with serve_in_thread(account_recovery=["verified_email"]) as served:
        code, stdout, _ = conform("--endpoint-url", served.url, *where, *rules, "-o", "-")
    verdicts = json.loads(stdout)["endpoints"][0]["verdicts"]

    assert code == 0
    assert verdicts["password.wrong"]["outcome"] == "passed"
    assert verdicts["secret-hash.missing"]["why"] == "the rule needs an app client with other settings"


USAGE_ERRORS = {
    ("--rule", "srp.nothing"): f"unknown rule srp.nothing: authfsm conform --list lists all {len(RULES)} rules",
    ("--endpoint-url", "ftp://here"): "the endpoint must be an http or https URL, not 'ftp://here'",
    ("--compare", "moto"): "--compare must be NAME=URL, not 'moto'",
    ("--compare", "a=local", "--compare", "a=local"): "each --compare must have a different NAME",
    ("--endpoint-url", "http://here", "--compare", "a=local"): "--endpoint-url and --compare cannot be used together",
    ("--pool-id", "eu-west-1_a"): "--pool-id and --client-id require --endpoint-url",
    ("--endpoint-url", "http://here", "--client-id", "a"): "--client-id requires --pool-id",
    ("--compare", "a=local", "--codes", "b=outbox"): "--codes: no --compare endpoint is called 'b'",
    ("--codes", "fixed:1"): "--codes has no effect with the local pool",
    ("--compare", "a=http://here", "--codes", "a=outbox", "--codes", "fixed:1"): (
        "--codes has a twice: say once how the suite gets its codes"
    ),
    ("--list", "--timeout", "5"): "--timeout has no effect with --list: no rule runs",
    ("--region", "nowhere"): "--region has no effect with the local pool",
    ("--profile", "nobody"): "--profile has no effect with the local pool",
    ("--compare", "a=local", "--codes", "pigeon"): "--codes 'pigeon' is neither outbox nor fixed:CODE",
    ("--compare", "a=local", "--codes", "a=outbox"): "--codes has no effect with the local pool",
    ("--compare", "a=local", "--compare", "b=local", "--region", "nowhere"): "--region has no effect with the local pool",
    ("--compare", "a=local", "--profile", "nobody"): "--profile has no effect with the local pool",
    ("--compare", "a=local", "--compare", "b=http://127.0.0.1:1", "--codes", "a=outbox"): (
        "--codes has no effect with the local pool"
    ),
    ("-o", "table.pdf"): "--output table.pdf must end in .md or .json",
    ("--endpoint-url", "http://127.0.0.1:1"): "http://127.0.0.1:1 does not answer: start it, or correct the URL",
    ("--endpoint-url", "http://127.0.0.1:1", "--profile", "nobody-has-this"): (
        "--profile nobody-has-this: The config profile (nobody-has-this) could not be found"
    ),
    ("--endpoint-url", "http://127.0.0.1:1", "--region", "a b"): (
        "--region must be the name of a region, such as eu-west-1, not 'a b'"
    ),
    ("--compare", "a=http://127.0.0.1:1", "--region", "c d"): (
        "--region must be the name of a region, such as eu-west-1, not 'c d'"
    ),
    ("--endpoint-url", "http://127.0.0.1:1", "--pool-id", "a-b c_d"): (
        "boto3 refuses the endpoint http://127.0.0.1:1 or its region:"
        " Provided region_name 'a-b c' doesn't match a supported format."
    ),
    ("--endpoint-url", "http://[::1"): "boto3 refuses the endpoint http://[::1 or its region: Invalid IPv6 URL",
}  # fmt: skip


@pytest.mark.parametrize("options", USAGE_ERRORS, ids=" ".join)
def test_usage_errors(options: tuple[str, ...]) -> None:
    """A usage error prints one line, and the exit status is 2."""
    code, stdout, stderr = conform(*options)

    assert (code, stdout, stderr) == (2, "", f"authfsm conform: {USAGE_ERRORS[options]}\n")


def test_a_profile_that_needs_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile whose login has expired, or is missing, is a usage error that names the profile."""
    settings = ("sso_start_url = https://example.com/start", "sso_region = eu-west-1", "sso_account_id = 123456789012")
    (tmp_path / "config").write_text("\n".join(["[profile sso]", *settings, "sso_role_name = x"]), encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    code, stdout, stderr = conform("--endpoint-url", "http://127.0.0.1:1", "--profile", "sso")

    assert (code, stdout) == (2, "")
    assert stderr.startswith("authfsm conform: --profile sso: Error loading SSO Token: ")
