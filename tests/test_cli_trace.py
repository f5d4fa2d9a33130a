"""`authfsm trace`: its output in each format, and its exit status."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlglot
from click.testing import CliRunner

from authfsm.cli import app, command
from authfsm.traces import sql

REDACTED = "HIDDEN_DUE_TO_SECURITY_REASONS"
SMS_CHALLENGE = {"challengeName": "SMS_MFA", "challengeParameters": REDACTED, "session": REDACTED}
TOKENS = {"authenticationResult": {"accessToken": REDACTED, "expiresIn": 3600}}


def run(*args: str, stdin: bytes | None = None) -> Any:
    """Run the command in a wide terminal."""
    return CliRunner().invoke(app, ["trace", *args], input=stdin, env={"COLUMNS": "200", "NO_COLOR": "1"})


def event(number: int, name: str, parameters: dict[str, str], reply: dict[str, Any]) -> str:
    """Return a line of a log, ten seconds after the one before."""
    return json.dumps(
        {
            "eventID": f"event-{number}",
            "eventTime": f"2026-03-01T10:00:{number * 10:02d}Z",
            "eventSource": "cognito-idp.amazonaws.com",
            "eventName": name,
            "sourceIPAddress": "198.18.0.1",
            "userAgent": "agent",
            "requestParameters": {**parameters, "clientId": "app"},
            "responseElements": reply,
            "additionalEventData": {"sub": "5a1f0c9e"},
        }
    )


FIRST_REQUEST = event(0, "InitiateAuth", {"authFlow": "USER_PASSWORD_AUTH"}, SMS_CHALLENGE)
LEGAL = event(1, "RespondToAuthChallenge", {"challengeName": "SMS_MFA"}, TOKENS)
ILLEGAL = event(1, "RespondToAuthChallenge", {"challengeName": "SOFTWARE_TOKEN_MFA"}, TOKENS)


@pytest.fixture
def legal(tmp_path: Path) -> Path:
    """A sign-in with a code by SMS, an event of another service, and a value that is no event."""
    path = tmp_path / "legal.jsonl"
    other = '{"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventID": "o"}'
    path.write_text(f"{FIRST_REQUEST}\n{LEGAL}\n{LEGAL}\n{other}\n{{}}\n", encoding="utf-8")
    return path


@pytest.fixture
def illegal(tmp_path: Path) -> Path:
    """The challenge is SMS_MFA, but SOFTWARE_TOKEN_MFA is answered."""
    path = tmp_path / "illegal.jsonl"
    path.write_text(f"{FIRST_REQUEST}\n{ILLEGAL}\n", encoding="utf-8")
    return path


def lines(text: str) -> list[str]:
    """Return the lines of a text, with runs of spaces as one."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_legal_log(legal: Path) -> None:
    """The output says where sign-ins ended, how long steps took and how often each transition was taken."""
    result = run(str(legal))

    assert result.exit_code == 0
    assert lines(result.stdout) == [
        "sign-ins: 1, unfinished: 0, steps: 2, 2026-03-01 10:00:00 to 2026-03-01 10:00:10 UTC",
        "events: 1 of other services or operations, 1 delivered again",
        f"1 JSON value is not an event, for example an object with no members in {legal}",
        "Where sign-ins ended",
        "place sign-ins share",
        "AUTHENTICATED 1 100.0%",
        "How long each step took",
        "in times median s p95 s",
        "SMS_MFA 1 10 10",
        "Every transition that was taken",
        "from response to times share",
        "START USER_PASSWORD_AUTH SMS_MFA 1 100.0%",
        "SMS_MFA SMS_MFA AUTHENTICATED 1 100.0%",
        "every step is legal",
    ]


def test_a_log_that_begins_in_the_middle(tmp_path: Path) -> None:
    """Steps that the log alone does not decide are not called legal."""
    (tmp_path / "log").write_text(LEGAL, encoding="utf-8")
    result = run(str(tmp_path / "log"))

    assert result.exit_code == 0
    assert lines(result.stdout)[-1] == "no step is illegal, 1 undecided"


def test_an_illegal_step(illegal: Path) -> None:
    """The output has its time, its id and what is allowed; the exit status is 1."""
    result = run(str(illegal))

    assert result.exit_code == 1
    assert lines(result.stdout)[-4:] == [
        "Illegal steps: 1",
        "at event what the protocol allows there",
        "2026-03-01 10:00:10 event-1 SMS_MFA accepts SMS_MFA; not SOFTWARE_TOKEN_MFA",
        "illegal steps: 1",
    ]


def test_an_illegal_step_with_an_error(tmp_path: Path) -> None:
    """An illegal step names its error without the claim that Cognito refused it: after a lost reply, nobody did."""
    failed = {**json.loads(ILLEGAL), "responseElements": None, "errorCode": "CodeMismatchException"}
    (tmp_path / "log").write_text(f"{FIRST_REQUEST}\n{json.dumps(failed)}\n", encoding="utf-8")
    result = run(str(tmp_path / "log"))

    assert result.exit_code == 1
    assert "SMS_MFA accepts SMS_MFA; not SOFTWARE_TOKEN_MFA (error: CodeMismatchException)" in result.stdout


def test_standard_input(legal: Path, illegal: Path) -> None:
    """`-` is standard input, in each format and compression that files may have, also beside files."""
    text = legal.read_bytes()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("events.jsonl", text)
    content = json.dumps({"Records": [json.loads(FIRST_REQUEST), json.loads(LEGAL)]}, indent=2).encode("utf-16")

    for each in (text, gzip.compress(text), archive.getvalue(), content):
        result = run("-", "--json", stdin=each)
        assert (result.exit_code, json.loads(result.stdout)["steps"]) == (0, 2), result.output
    both_inputs = run("-", str(illegal), "-", "--json", stdin=text)
    assert json.loads(both_inputs.stdout)["read"]["files"] == 2


def test_standard_input_that_cannot_be_read(legal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input that is empty, or not text of any kind, is named in the output; if it is closed, an error says so."""
    empty = run("-", stdin=b"")
    assert (empty.exit_code, "standard input is empty" in empty.stdout) == (1, True)
    cut = run("-", stdin=gzip.compress(legal.read_bytes())[:-20])
    assert (cut.exit_code, "standard input ends in the middle" in cut.stdout) == (1, True)

    monkeypatch.setattr(command, "sys", SimpleNamespace(stdin=None))
    with pytest.raises(command.Failed, match="standard input is closed"):
        command.binary_stdin()


def test_messages_name_standard_input(legal: Path, tmp_path: Path) -> None:
    """Each message about standard input has its name and the line, as of a file, and not the name of a copy."""
    text = legal.read_text(encoding="utf-8")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("events.jsonl", f"{text}nonsense\n{text}")
    (tmp_path / "empty").touch()
    cases = {
        "an object with no members in standard input": text.encode(),
        "the first at standard input, line 6": f"{text}nonsense\n{text}".encode(),
        "the first at standard input!events.jsonl, line 6": archive.getvalue(),
        "standard input is empty": b"",
        "standard input ends in the middle": f"{text}{{".encode(),
        "standard input cannot be read: standard input has a ZIP archive": gzip.compress(archive.getvalue()),
    }
    for message, each in cases.items():
        for options in ((), ("--json",)):
            result = run("-", str(tmp_path / "empty"), *options, stdin=each)
            output = result.output.replace(f"{tmp_path}/", "")
            assert (message in output, "empty is empty" in output or "ZIP" in message) == (True, True), output
            assert "/standard input" not in output


def test_a_limit(illegal: Path) -> None:
    """Illegal steps beyond the limit are counted."""
    result = run(str(illegal), "--limit", "0")

    assert result.exit_code == 1
    assert lines(result.stdout)[-1] == "illegal steps: 1"
    assert "event-1" not in result.stdout


def test_as_json(illegal: Path) -> None:
    """`--json` prints the result as JSON, and nothing else, on standard output."""
    result = run(str(illegal), "--json")
    printed = json.loads(result.stdout)

    assert result.exit_code == 1
    assert printed["verdicts"] == {"legal": 1, "illegal": 1, "unknown": 0, "ambiguous": 0}
    assert printed["ends"] == {"AUTHENTICATED": 1}
    assert printed["illegal"] == [
        {
            "id": "event-1",
            "sign_in": "5a1f0c9e app 198.18.0.1 agent",
            "at": "2026-03-01T10:00:10",
            "from": "SMS_MFA",
            "response": "SOFTWARE_TOKEN_MFA",
            "to": "AUTHENTICATED",
            "error": None,
            "allowed_responses": ["SMS_MFA"],
            "allowed_destinations": [],
            "why": "SMS_MFA accepts SMS_MFA; not SOFTWARE_TOKEN_MFA",
        }
    ]


def test_a_file_cut_short(legal: Path, tmp_path: Path) -> None:
    """The first line names it, the events before the end are counted, and the exit status is 1."""
    path = tmp_path / "cut.json"
    path.write_text(f'{{"Records": [{FIRST_REQUEST}, {LEGAL}, {{"event', encoding="utf-8")
    result = run(str(legal), str(path))

    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == f"{path} ends in the middle: only the part before that was read"
    assert "sign-ins: 1," in result.stdout


def test_the_diagram(legal: Path, tmp_path: Path) -> None:
    """The diagram has the format of the suffix; an unknown suffix is a usage error."""
    svg, text = tmp_path / "funnel.svg", tmp_path / "funnel.mmd"

    assert run(str(legal), "--diagram", str(svg)).exit_code == 0
    assert "user_password_auth \u00d71" in svg.read_text(encoding="utf-8")
    assert run(str(legal), "--diagram", str(text)).exit_code == 0
    assert text.read_text(encoding="utf-8").startswith(("---", "stateDiagram", "%%"))
    wrong = run(str(legal), "--diagram", str(tmp_path / "funnel.txt"))
    assert wrong.exit_code == 2
    assert "must end in one of .svg" in wrong.stderr
    nowhere = run(str(legal), "--diagram", str(tmp_path / "none" / "funnel.svg"))
    assert nowhere.exit_code == 1
    assert "cannot be written: No such file" in nowhere.stderr


@pytest.mark.parametrize("dialect", ["athena", "spark", "duckdb"])
def test_the_query(dialect: str) -> None:
    """`--sql` prints only the query, over the named table, in the dialect."""
    result = run("--sql", dialect, "--table", "logs.trail", "--validity", "5")

    assert result.exit_code == 0
    assert result.stdout == sql(dialect, "logs.trail", validity=5) + "\n"
    assert len(sqlglot.parse(result.stdout, read=dialect)) == 1


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        ((), 2, "authfsm trace: no input: name files, folders or a pattern"),
        (("nowhere.json",), 1, "authfsm trace: nowhere.json cannot be read: there is no such file"),
        (("--sql", "oracle"), 2, "authfsm trace: the dialect must be one of duckdb, athena, spark, not 'oracle'"),
        (("--sql", "athena", "a.json"), 2, "authfsm trace: --sql prints the query and reads nothing: omit the files"),
        (("--sql", "athena", "--json"), 2, "authfsm trace: --json has no effect with --sql, which prints the query and reads nothing"),
        (("--sql", "athena", "--limit", "3"), 2, "authfsm trace: --limit has no effect with --sql, which prints the query and reads nothing"),
        (("--sql", "athena", "--memory", "1GB"), 2, "authfsm trace: --memory has no effect with --sql, which prints the query and reads nothing"),
        (("--sql", "athena", "--diagram", "a.svg"), 2, "authfsm trace: --diagram has no effect with --sql, which prints the query and reads nothing"),
        (("a.json", "--table", "t"), 2, "authfsm trace: --table requires --sql: files have no table name"),
        (("--sql", "athena", "--table", "t; DROP TABLE t"), 2,
         "authfsm trace: --table must be a table's name, for example cloudtrail_logs or '\"a-b\"', not 't; DROP TABLE t'"),
        *[
            (("--sql", "athena", "--table", name), 2,
             f"authfsm trace: --table must be a table's name, for example cloudtrail_logs or '\"a-b\"', not {name!r}")
            for name in ('a"', "a-b", "a.", ".a", '"', 'a."b')
        ],
    ],
)  # fmt: skip
def test_usage_errors(args: tuple[str, ...], code: int, message: str) -> None:
    """The error is one line that says what to do."""
    result = run(*args)

    assert (result.exit_code, result.stderr.strip()) == (code, message)


def test_memory(legal: Path) -> None:
    """Text that is not an amount of memory is a usage error; too little memory is an error."""
    wrong, little = run(str(legal), "--memory", "lots"), run(str(legal), "--memory", "1MB")

    assert (wrong.exit_code, wrong.stderr.strip()) == (
        2,
        "authfsm trace: memory must be an amount like 700MB, not 'lots'",
    )
    assert little.exit_code == 1
    assert little.stderr.strip().startswith("authfsm trace: there is not enough memory or disk space: ")
