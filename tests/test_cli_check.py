"""`authfsm check` and `authfsm paths`: their output in every format, and their exit status."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from example_descriptions import EVERYTHING_WRONG, GALLERY, Descriptions
from table_changes import with_transition

from authfsm import checks
from authfsm.checks import TABLE, Invariant, review
from authfsm.cli import app
from authfsm.journeys import NoPaths, journeys
from authfsm.local import LocalPool
from authfsm.protocol.responses import UserPasswordAuth, UserSrpAuth
from authfsm.protocol.states import State


def run(*options: object, columns: int = 200) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, list(map(str, options)), env={"COLUMNS": str(columns)})


@pytest.fixture
def saved_descriptions(tmp_path: Path) -> Mapping[str, Path]:
    """Return a file with the descriptions."""
    paths = {}
    for name, descriptions in {**GALLERY, "wrong": EVERYTHING_WRONG}.items():
        paths[name] = tmp_path / f"{name}.json"
        paths[name].write_text(json.dumps(descriptions, indent=2), encoding="utf-8")
    return paths


# ---- check ------------------------------------------------------------------------------------------------


def test_the_table_is_checked() -> None:
    """Without a pool, every invariant is listed as fulfilled, with the number of paths."""
    result = run("check")

    assert result.exit_code == 0
    assert [line.split()[1] for line in result.stdout.splitlines() if line.startswith("holds")] == [
        each.name for each in checks.INVARIANTS
    ]
    assert "except first sign-in (refuted):" in result.stdout
    assert "374 positions and 5553 transitions between them were checked." in result.stdout


def test_a_named_pipe_is_read_once(tmp_path: Path) -> None:
    """SARIF about settings from a pipe needs no second reading, which would wait for ever."""
    pipe, command = tmp_path / "settings", [sys.executable, "-m", "authfsm", "check", "-f", "sarif", "--settings"]
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_text, args=[json.dumps(GALLERY["mfa_off"])], daemon=True).start()
    result = subprocess.run([*command, str(pipe)], capture_output=True, check=False, timeout=60)

    assert result.returncode == 1
    assert json.loads(result.stdout)["runs"][0]["results"]


def test_a_broken_table_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A violated invariant is printed and drawn with its path, and the exit status is 1."""
    broken = with_transition(TABLE, State.START, UserSrpAuth, State.AUTHENTICATED)
    (fault,) = [each for each in checks.check(broken) if each.invariant.name == "first-factor"]
    monkeypatch.setattr(checks, "check", lambda: (fault,))

    result = run("check", "--diagram", tmp_path / "drawn")
    assert result.exit_code == 1
    assert "broken first-factor" in result.stdout
    assert "START -user_srp_auth-> AUTHENTICATED" in result.stdout
    assert [each.name for each in (tmp_path / "drawn").iterdir()] == ["first-factor.svg"]
    assert isinstance(fault.invariant, Invariant)


def test_the_finding_of_a_broken_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The title and the message say that an invariant is violated, and which one."""
    statement = "No path sends the password in clear."
    rule = checks.path_invariant("no-clear", statement, lambda path: UserPasswordAuth not in path.responses)
    faults = checks.check(invariants=[rule])
    monkeypatch.setattr(checks, "check", lambda: faults)
    log = json.loads(run("check", "--format", "sarif").stdout)
    assert log["runs"][0]["results"][0]["message"]["text"] == (
        "The protocol violates an invariant. no-clear: not true: No path sends the password in clear."
    )


def test_links_are_not_wrapped(saved_descriptions: Mapping[str, Path]) -> None:
    """In a narrow terminal, each finding's link is on one line; the other lines are wrapped."""
    lines = run("check", "--settings", saved_descriptions["wrong"], columns=60).stdout.splitlines()
    assert [each.source for each in review(EVERYTHING_WRONG)] == [
        line.strip() for line in lines if line.lstrip().startswith("https://")
    ]
    assert max(len(line) for line in lines if "https://" not in line) <= 60


def test_findings_of_the_gallery(saved_descriptions: Mapping[str, Path]) -> None:
    """The example pools have their findings; the strict one has none, and exit status 0."""
    results = {name: run("check", "--settings", path) for name, path in saved_descriptions.items()}

    assert {name: result.exit_code for name, result in results.items()} == {
        "mfa_off": 1,
        "mfa_optional": 1,
        "mfa_required": 0,
        "passwordless": 1,
        "custom": 1,
        "wrong": 1,
    }
    assert results["mfa_required"].stdout == "No findings.\n"
    assert results["mfa_off"].stdout.splitlines() == [
        "",
        "medium mfa-off",
        "       A password alone is enough for tokens: MFA is off." + " " * 143,
        "       MfaConfiguration is OFF" + " " * 170,
        "       START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> AUTHENTICATED" + " " * 126,
        "       fix  SetUserPoolMfaConfig: MfaConfiguration = ON, SoftwareTokenMfaConfiguration.Enabled = true" + " " * 99,
        "       https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa.html",
        "",
        "1 finding: 1 medium.",
    ]  # fmt: skip
    assert "11 findings: 2 high, 7 medium, 1 low, 1 note." in results["wrong"].stdout


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_settings_in_any_unicode_encoding(
    encoding: str, form: str, saved_descriptions: Mapping[str, Path], tmp_path: Path
) -> None:
    """A file in UTF-16, as Windows PowerShell writes it, has the same findings as in UTF-8."""
    text = saved_descriptions["mfa_off"].read_text(encoding="utf-8")
    file = tmp_path / saved_descriptions["mfa_off"].name
    file.write_bytes(text.encode(encoding))
    result = run("check", "--settings", file, "--format", form)

    assert result.exit_code == 1
    assert "mfa-off" in result.stdout


@pytest.mark.parametrize(
    ("name", "fail_on", "code"),
    [
        ("mfa_off", "high", 0),
        ("mfa_off", "medium", 1),
        ("mfa_required", "note", 0),
        ("wrong", "high", 1),
        ("wrong", "never", 0),
    ],
)
def test_fail_on_decides_the_exit_status(
    saved_descriptions: Mapping[str, Path], name: str, fail_on: str, code: int
) -> None:
    """Findings of the --fail-on severity or worse fail the command; others are only printed."""
    result = run("check", "--settings", saved_descriptions[name], "--fail-on", fail_on)

    assert result.exit_code == code
    assert ("finding" in result.stdout) is True


def test_json_and_sarif(saved_descriptions: Mapping[str, Path], tmp_path: Path) -> None:
    """The findings can be written as JSON, or as a SARIF log with their lines in the saved file."""
    findings: list[Descriptions] = json.loads(
        run("check", "--settings", saved_descriptions["mfa_off"], "-f", "json").stdout
    )
    (finding,) = findings
    assert finding == {
        "id": "mfa-off",
        "severity": "medium",
        "title": "A password alone is enough for tokens: MFA is off.",
        "why": "MfaConfiguration is OFF",
        "source": "https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa.html",
        "path": [
            {"from": "START", "response": "user_srp_auth", "to": "PASSWORD_VERIFIER"},
            {"from": "PASSWORD_VERIFIER", "response": "srp_claim", "to": "AUTHENTICATED"},
        ],
        "remediations": [
            {
                "operation": "SetUserPoolMfaConfig",
                "settings": {"MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration.Enabled": True},
                "complete": True,
            }
        ],
    }
    out = tmp_path / "log.sarif"
    result = run("check", "--settings", saved_descriptions["mfa_off"], "--format", "sarif", "-o", out)
    assert (result.exit_code, result.stdout) == (1, "")
    (found,) = json.loads(out.read_text(encoding="utf-8"))["runs"][0]["results"]
    place = found["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": saved_descriptions["mfa_off"].as_uri()}
    assert place["region"] == {"startLine": 4}
    assert '"MfaConfiguration": "OFF"' in saved_descriptions["mfa_off"].read_text(encoding="utf-8").splitlines()[3]


@pytest.mark.parametrize(
    ("part", "member", "value", "words"),
    [
        ("UserPool", "UserPoolTier", "GOLD", "UserPool.UserPoolTier = 'GOLD'"),
        ("UserPool", "MfaConfiguration", "SOMETIMES", "UserPool.MfaConfiguration = 'SOMETIMES'"),
        ("UserPoolClient", "PreventUserExistenceErrors", "MAYBE", "PreventUserExistenceErrors = 'MAYBE'"),
        ("UserPoolClient", "TokenValidityUnits", {"IdToken": "fortnights"}, "IdToken = 'fortnights'"),
        ("UserPoolClient", "RefreshTokenRotation", {"Feature": "PERHAPS"}, "Feature = 'PERHAPS'"),
        ("UserPoolClient", "ExplicitAuthFlows", ["ALLOW_NEW_AUTH"], "ExplicitAuthFlows.1 = 'ALLOW_NEW_AUTH'"),
        ("UserPoolClient", "ExplicitAuthFlows", ["ALLOW_NEW_AUTH"], "allow no path to sign in: Explicit"),
        ("UserPool", "Policies", {"PasswordPolicy": {"MinimumLength": -5}}, "MinimumLength = -5"),
        ("UserPoolClient", "RefreshTokenValidity", -3, "RefreshTokenValidity = -3"),
        ("UserPoolClient", "AuthSessionValidity", 16, "AuthSessionValidity = 16"),
        ("UserPoolClient", "UserPoolId", "eu-west-1_Other", "UserPoolId is eu-west-1_Other, but UserPool.Id"),
    ],
)
def test_incomplete_reviews_fail(tmp_path: Path, part: str, member: str, value: object, words: str) -> None:
    """Unknown values, another pool's app client and settings without a path fail the check, whatever --fail-on is."""
    strict = copy.deepcopy(GALLERY["mfa_required"])
    strict[part][member] = value
    file = tmp_path / "pool.json"
    file.write_text(json.dumps(strict))
    result = run("check", "--settings", file, "--fail-on", "never", "-f", "sarif")

    assert result.exit_code == 1
    assert words in result.stderr
    if result.stdout:  # not if the description is refused
        (invocation,) = json.loads(result.stdout)["runs"][0]["invocations"]
        assert words in str([each["message"]["text"] for each in invocation["toolExecutionNotifications"]])
    if "no path" in words:
        paths = run("paths", "--settings", file)
        assert (paths.exit_code, words in paths.stderr) == (1, True)
        with pytest.raises(NoPaths, match=words):
            journeys(strict)


def test_text_to_a_file_and_pictures(saved_descriptions: Mapping[str, Path], tmp_path: Path) -> None:
    """The text can also be written to a file, and each path drawn; a finding that no path shows has no picture."""
    out, folder = tmp_path / "review.txt", tmp_path / "deep" / "drawn"
    result = run("check", "--settings", saved_descriptions["wrong"], "-o", out, "--diagram", folder)

    assert result.stdout == ""
    lines = [line.strip() for line in out.read_text(encoding="utf-8").splitlines()]
    assert "long-session" in " ".join(lines)
    assert "START" not in lines
    assert "AllowedOAuthFlows has implicit" in lines
    assert len(list(folder.glob("*.svg"))) == 10
    assert (folder / "user-existence.svg").read_text(encoding="utf-8").lstrip().startswith("<")


def test_a_real_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool can be described by AWS; here a local pool answers."""
    pool = LocalPool.like(*EVERYTHING_WRONG.values())
    requests: list[Any] = []
    client = pool.client()  # it is made by a session, too: before that is another

    class Session:
        def __init__(self, **_: Any) -> None: ...

        def client(self, name: str, **named: Any) -> Any:
            requests.append((name, named))
            return client

    monkeypatch.setattr("boto3.session.Session", Session)
    result = run("check", "--pool-id", pool.pool_id, "--client-id", pool.client_id, "-f", "json")

    assert result.exit_code == 1
    assert len(json.loads(result.stdout)) == 11
    assert requests == [("cognito-idp", {"region_name": "eu-west-1", "endpoint_url": None})]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--pool-id", "x", "--settings", "y"], "--pool-id and --settings cannot be used together"),
        (["--client-id", "x"], "--client-id requires --pool-id"),
        (["--format", "xml"], "--format must be one of text, json, sarif, not 'xml'"),
        (["--fail-on", "bad"], "--fail-on must be one of high, medium, low, note, never, not 'bad'"),
    ],
)
def test_called_wrongly(options: list[str], words: str) -> None:
    """Wrong usage is one line that says what is wrong, and exit status 2."""
    result = run("check", *options)

    assert (result.exit_code, result.stderr) == (2, f"authfsm check: {words}\n")


def test_files_that_cannot_be_read_or_written(tmp_path: Path, saved_descriptions: Mapping[str, Path]) -> None:
    """A missing, invalid or unwritable file is reported in one line."""
    none = run("check", "--settings", tmp_path / "none.json")
    assert (none.exit_code, len(none.stderr.splitlines())) == (1, 1)
    invalid_file = tmp_path / "odd.json"
    invalid_file.write_text('{"UserPool": {"MfaConfiguration": "MAYBE"}}', encoding="utf-8")
    assert "it can have OFF, ON, OPTIONAL" in run("check", "--settings", invalid_file).stderr
    nowhere = tmp_path / "no" / "where"
    assert "cannot be written" in run("check", "--settings", saved_descriptions["custom"], "-o", nowhere).stderr
    assert "cannot be written" in run("check", "--settings", saved_descriptions["custom"], "--diagram", invalid_file / "x").stderr  # fmt: skip


# ---- paths ------------------------------------------------------------------------------------------------


def test_the_paths_of_a_pool(saved_descriptions: Mapping[str, Path]) -> None:
    """Every path is a line, and the paths are counted."""
    result = run("paths", "--settings", saved_descriptions["mfa_off"])

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> AUTHENTICATED",
        "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> NEW_PASSWORD_REQUIRED -new_password-> AUTHENTICATED",
        "",
        "2 paths to sign in.",
    ]


def test_path_options(saved_descriptions: Mapping[str, Path]) -> None:
    """Options select the shortest or longest paths, those through a state or uncertain ones, and a number."""
    optional = ("paths", "--settings", saved_descriptions["mfa_optional"])
    sms = run(*optional, "--through", "sms_mfa", "--limit", 2).stdout.splitlines()
    assert [*sms[:1], sms[-1]] == [
        "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> SMS_MFA -code-> AUTHENTICATED",
        "28 paths to sign in through SMS_MFA; --limit 0 lists 26 more.",
    ]
    shortest = run(*optional, "--shortest").stdout.splitlines()
    assert shortest[0] == "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> AUTHENTICATED"
    longest = run(*optional, "--longest", "--through", "SMS_MFA", "--json")
    (way,) = json.loads(longest.stdout)["paths"]
    assert len(way) == 10
    assert len(run(*optional, "--limit", 0).stdout.splitlines()) == 52 + 2
    assert "58093 paths" in run("paths", "--limit", 1).stdout
    assert "no way" not in run(*optional, "--contradictory", "--no-device", "--limit", 1).stdout


@pytest.mark.parametrize(
    "options", [("paths", "--limit", 1, "--settings"), ("paths", "--diff", "whole"), ("draw", "-f", "dot", "-o", "-", "--settings")]
)  # fmt: skip
def test_missing_replies_are_named(
    saved_descriptions: Mapping[str, Path], tmp_path: Path, options: tuple[Any, ...]
) -> None:
    """`paths`, `paths --diff` and `draw` say which replies a file lacks, as `check` does, and for a complete file nothing."""
    whole, part = saved_descriptions["mfa_required"], tmp_path / "part.json"
    part.write_text(json.dumps({"UserPool": GALLERY["mfa_required"]["UserPool"]}), encoding="utf-8")
    arguments = [whole if each == "whole" else each for each in options]
    assert run(*arguments, whole).stderr == ""
    result = run(*arguments, part)
    replies = ("UserPoolClient (the reply of DescribeUserPoolClient)", "MfaConfig (the reply of GetUserPoolMfaConfig)")
    for each in replies:
        assert f"{part}: {each} is missing, so no path is excluded" in " ".join(result.stderr.split())
    assert result.exit_code == 0


def test_the_settings_are_not_overwritten(saved_descriptions: Mapping[str, Path]) -> None:
    """`check -o` must name another file than --settings."""
    file = saved_descriptions["mfa_off"]
    before = file.read_bytes()
    result = run("check", "--settings", file, "-o", file)

    assert (result.exit_code, "is the input file: choose another output file" in result.stderr) == (2, True)
    assert file.read_bytes() == before


def test_new_and_missing_paths(saved_descriptions: Mapping[str, Path]) -> None:
    """Between two descriptions, the new and the missing paths are listed."""
    diff = ("paths", "--diff", saved_descriptions["mfa_off"], saved_descriptions["mfa_required"])

    assert run(*diff).stdout.splitlines()[-1] == "4 added, 2 removed."
    difference = json.loads(run(*diff, "--json").stdout)
    assert (len(difference["added"]), len(difference["removed"])) == (4, 2)
    assert run(*diff, "--through", "NEW_PASSWORD_REQUIRED").stdout.splitlines()[-1] == "2 added, 1 removed."  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--shortest", "--longest"], "--shortest and --longest cannot be used together"),
        (["--region", "x"], "--region requires --pool-id"),
        (["--pool-id", "x", "--diff", "a", "b"], "--pool-id and --diff cannot be used together"),
    ],
)
def test_paths_called_wrongly(options: list[str], words: str) -> None:
    """Wrong usage of `paths` is one line that says what is wrong, and exit status 2."""
    result = run("paths", *options)

    assert (result.exit_code, result.stderr) == (2, f"authfsm paths: {words}\n")


@pytest.mark.parametrize("name", ["NOWHERE", "START", "FAILED", "other_challenge"])
def test_paths_through_what_no_path_visits(name: str) -> None:
    """--through refuses a name that no path can visit, instead of reporting 0 paths; it accepts every other state."""
    nowhere = run("paths", "--through", name)
    assert (nowhere.exit_code, "--through must be one of SELECT_CHALLENGE, " in nowhere.stderr) == (2, True)
    assert f", not {name.upper()!r}" in nowhere.stderr
    assert f" {name.upper()}," not in nowhere.stderr


def test_a_comparison_with_a_pool_without_paths(tmp_path: Path) -> None:
    """`paths --diff` names each description whose settings allow no path, and says that not all paths are listed."""
    files = {name: tmp_path / f"{name}.json" for name in ("open", "closed")}
    for (name, file), flows in zip(files.items(), (["ALLOW_USER_SRP_AUTH"], ["ALLOW_REFRESH_TOKEN_AUTH"]), strict=True):
        client = {"ClientId": "c", "ExplicitAuthFlows": flows}
        pool = {"Id": "eu-west-1_a", "Name": name, "MfaConfiguration": "OFF"}
        content = {"UserPool": pool, "UserPoolClient": client, "MfaConfig": {"MfaConfiguration": "OFF"}}
        file.write_text(json.dumps(content), encoding="utf-8")

    result = run("paths", "--diff", files["open"], files["closed"], "--limit", 1)

    assert result.stderr.startswith(f"{files['closed']}: these settings allow no path to sign in: ")
    assert str(files["open"]) not in result.stderr
    assert result.stdout.splitlines()[-1] == "0 added, 2 removed; --limit 0 lists all."
