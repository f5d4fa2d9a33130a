"""`authfsm conform` from the shell: a table, a conversation, files, and one line where it was called wrongly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from serving import CLIENT_ID, POOL_ID, here
from typer.testing import CliRunner

from authfsm.cli import app
from authfsm.conformance.rules import RULES

WIDE = {"COLUMNS": "300", "TERM": "dumb"}


def conform(*options: str) -> tuple[int, str, str]:
    """The exit code, and what was printed on either stream."""
    result = CliRunner().invoke(app, ["conform", *options], env=WIDE)
    return result.exit_code, result.stdout, result.stderr


def test_one_rule_tells_its_whole_conversation() -> None:
    """The rule, its source, the verdict, and every request with its reply, without secrets."""
    code, said, _ = conform("--rule", "password.wrong")

    assert code == 0
    assert "password.wrong  Cognito refuses a wrong password in USER_PASSWORD_AUTH." in said
    assert "https://github.com/ministackorg/ministack/pull/1758" in said
    assert ": passed\n" in said
    assert "    > InitiateAuth AuthFlow=USER_PASSWORD_AUTH USERNAME=ada PASSWORD=****\n" in said
    assert "    < 400 NotAuthorizedException: Incorrect username or password.\n" in said
    assert "Horse" not in said


def test_every_rule_can_be_listed() -> None:
    """Their names, claims and sources; nothing is tried."""
    code, said, _ = conform("--list")

    assert code == 0
    assert [rule.id for rule in RULES if rule.id not in said] == []
    assert [rule.id for rule in RULES if rule.source.url not in said] == []


def test_files_and_the_numbers(tmp_path: Path) -> None:
    """By its suffix a file is Markdown or JSON; - is JSON on standard output, and nothing else is there then."""
    markdown, told = tmp_path / "table.md", tmp_path / "table.json"
    ours = ("--compare", "one=ours", "--rule", "reply.tokens-alone")

    code, said, _ = conform(*ours, "-o", str(markdown), "-o", str(told), "-o", "-")

    assert code == 0
    assert json.loads(said) == json.loads(told.read_text(encoding="utf-8"))
    assert "| one | 1 | 0 | 0 | 0 | 0 |" in markdown.read_text(encoding="utf-8")
    assert conform(*ours, "-o", str(tmp_path / "no" / "t.md"))[0] == 2


def test_a_pool_that_is_there() -> None:
    """With --pool-id, rules that want another pool could not be tried; people and app clients are put away after."""
    rules = ("--rule", "password.*", "--rule", "totp.wrong", "--rule", "secret-hash.missing")
    with here(account_recovery=["verified_email"]) as served:
        before = {each["ClientId"] for each in clients(served.boto())}
        code, said, _ = conform(
            "--endpoint", served.url, "--pool-id", POOL_ID, *rules, "-o", "-", "--codes", "outbox"
        )
        boto = served.boto()
        left = boto.list_users(UserPoolId=POOL_ID)["Users"]
        after = {each["ClientId"] for each in clients(boto)}
    [endpoint] = json.loads(said)["endpoints"]
    outcomes = {name: each["outcome"] for name, each in endpoint["verdicts"].items()}

    assert code == 0
    assert set(outcomes.values()) == {"passed", "skipped"}
    assert [name for name, each in outcomes.items() if each == "skipped"] == ["totp.wrong"]
    assert (
        endpoint["verdicts"]["totp.wrong"]["why"]
        == "the rule needs a pool with MfaConfiguration OPTIONAL"
    )
    assert endpoint["verdicts"]["password.wrong"]["command"] == (
        f"authfsm conform --endpoint {served.url} --codes outbox --pool-id {POOL_ID} --rule password.wrong"
    )
    assert (left, after) == ([], before)


def clients(boto: object) -> list[dict[str, str]]:
    """The pool's app clients."""
    listed = boto.list_user_pool_clients(UserPoolId=POOL_ID)  # type: ignore[attr-defined]  # a boto3 client
    found: list[dict[str, str]] = listed["UserPoolClients"]
    return found


def test_an_app_client_that_is_there() -> None:
    """With --client-id, rules that want another app client could not be tried."""
    where = ("--pool-id", POOL_ID, "--client-id", CLIENT_ID)
    rules = ("--rule", "password.wrong", "--rule", "secret-hash.missing")
    with here(account_recovery=["verified_email"]) as served:
        code, said, _ = conform("--endpoint", served.url, *where, *rules, "-o", "-")
    verdicts = json.loads(said)["endpoints"][0]["verdicts"]

    assert code == 0
    assert verdicts["password.wrong"]["outcome"] == "passed"
    assert (
        verdicts["secret-hash.missing"]["why"] == "the rule needs an app client with other settings"
    )


WRONG = {
    ("--rule", "srp.nothing"): f"unknown rule srp.nothing: authfsm conform --list lists all {len(RULES)} rules",
    ("--endpoint", "ftp://here"): "'ftp://here' is not an http or https URL",
    ("--compare", "moto"): "--compare 'moto' is not NAME=URL",
    ("--compare", "a=ours", "--compare", "a=ours"): "two --compare columns have the same name",
    ("--endpoint", "http://here", "--compare", "a=ours"): "--endpoint and --compare exclude each other",
    ("--pool-id", "eu-west-1_a"): "--pool-id and --client-id require --endpoint",
    ("--endpoint", "http://here", "--client-id", "a"): "--client-id requires --pool-id",
    ("--compare", "a=ours", "--codes", "b=outbox"): "--codes names 'b', which is not a --compare column",
    ("--compare", "a=ours", "--codes", "pigeon"): "--codes 'pigeon' is neither outbox nor fixed:CODE",
    ("-o", "table.pdf"): "table.pdf is neither .md nor .json",
    ("--endpoint", "http://127.0.0.1:1"): "nobody answers at http://127.0.0.1:1",
    ("--endpoint", "http://127.0.0.1:1", "--profile", "nobody-has-this"): (
        "--profile nobody-has-this: The config profile (nobody-has-this) could not be found"
    ),
}  # fmt: skip


@pytest.mark.parametrize("options", WRONG, ids=" ".join)
def test_called_wrongly(options: tuple[str, ...]) -> None:
    """One line says what was wrong, and the exit code is 2."""
    code, said, why = conform(*options)

    assert (code, said, why) == (2, "", f"authfsm conform: {WRONG[options]}\n")
