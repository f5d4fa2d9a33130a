"""The rules at this package's own pool, at moto_server and at cognito-local; `diagrams/conformance.md` tells no other.

`python tests/test_conformance.py` writes that table anew.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, datetime, timezone
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import lacking
from typer.testing import CliRunner

from authfsm.cli import app
from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.embedded_pools import EmbeddedPoolProvider
from authfsm.conformance.pool_providers import ApiPoolProvider
from authfsm.conformance.pools import parse_inbox
from authfsm.conformance.report import as_json, as_markdown
from authfsm.conformance.rule import RuleGroup
from authfsm.conformance.rules import RULES, select_rules
from authfsm.conformance.rules.sign_in import UNTESTED_CHALLENGES
from authfsm.conformance.runner import (
    Endpoint,
    EndpointResult,
    Results,
    Unreachable,
    ensure_reachable,
    run_rules,
)
from authfsm.conformance.verdicts import Outcome
from authfsm.protocol.states import CHALLENGES

TABLE = Path(__file__).parents[1] / "diagrams" / "conformance.md"
JS = Path(__file__).parent / "js" / "node_modules"
MOTO = ("127.0.0.1", 5000)
LOCAL = ("127.0.0.1", 9229)
CODE = "123456"


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


@contextmanager
def running(command: list[str], port: int, **env: str) -> Iterator[str]:
    """A server in a process of its own, once it answers; its URL."""
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
            until = time.monotonic() + 60
            while True:
                with suppress(Unreachable):
                    ensure_reachable(ApiClient(url))
                    break
                assert process.poll() is None, command
                assert time.monotonic() < until, command
                time.sleep(0.05)  # between two looks
            yield url
        finally:
            process.terminate()
            process.wait(30)


def moto_server() -> str:
    """Its command."""
    found = shutil.which("moto_server", path=str(Path(sys.executable).parent))
    return found or lacking("moto_server (moto[server])")


def cognito_local() -> str:
    """Its command."""
    if shutil.which("node") is None:
        lacking("node")
    command = JS / ".bin" / "cognito-local"
    return str(command) if command.exists() else lacking("cognito-local (npm ci in tests/js)")


@contextmanager
def endpoints() -> Iterator[tuple[list[Endpoint], list[str]]]:
    """All three, told of where they usually are; and where the two others really are."""
    moto, local = moto_server(), cognito_local()
    package = json.loads((JS / "cognito-local" / "package.json").read_text(encoding="utf-8"))
    with ExitStack() as stack:
        ports = free_port(), free_port()
        urls = [
            stack.enter_context(
                running(
                    [moto, "-H", "127.0.0.1", "-p", str(ports[0])],
                    ports[0],
                    MOTO_COGNITO_IDP_USER_POOL_ENABLE_TOTP="true",
                )
            ),
            stack.enter_context(
                running([local], ports[1], PORT=str(ports[1]), HOST="127.0.0.1", CODE=CODE)
            ),
        ]
        yield (
            [
                Endpoint(f"authfsm {version('authfsm')}", EmbeddedPoolProvider()),
                Endpoint(
                    f"moto_server {version('moto')}",
                    ApiPoolProvider(ApiClient(urls[0])),
                    "http://{}:{}".format(*MOTO),
                ),
                Endpoint(
                    f"cognito-local {package['version']}",
                    ApiPoolProvider(ApiClient(urls[1]), parse_inbox(f"fixed:{CODE}")),
                    "http://{}:{}".format(*LOCAL),
                    (f"--codes fixed:{CODE}",),
                ),
            ],
            urls,
        )


def told(results: Results) -> str:
    """The table of the repository."""
    return as_markdown(results)


def verdicts_of(text: str) -> list[str]:
    """The lines of a table that hold verdicts: rows, and what failed and why."""
    return [line for line in text.splitlines() if line.startswith(("| ", "- **", "- ·", "- ?"))]


def test_the_table_is_what_is_seen() -> None:
    """All three today: the committed table has these verdicts, ours keeps every rule, and each failure of the
    others comes again by its command alone (if the table differs: `python tests/test_conformance.py`).
    """
    committed = TABLE.read_text(encoding="utf-8")
    with endpoints() as (several, urls):
        results = run_rules(several, RULES, day=date(2026, 1, 1))
        names = ", ".join(column.endpoint.name for column in results.endpoints)
        ours, *others = results.endpoints

        assert committed.splitlines()[2].startswith(f"{names}; tested on 20")
        assert verdicts_of(told(results)) == verdicts_of(committed)
        assert {n: v for n, v in ours.verdicts.items() if v.outcome is not Outcome.PASSED} == {}
        for column, url in zip(others, urls, strict=True):
            comes_again(column, url)


def test_no_exchange_is_shown_where_there_was_none() -> None:
    """What the table shows of a conversation is never empty."""
    committed = TABLE.read_text(encoding="utf-8")

    assert [line for line in committed.splitlines() if line.endswith(": ``")] == []


def comes_again(column: EndpointResult, url: str) -> None:
    """What failed at an endpoint fails by the command that the table shows, and for the same reason."""
    names = [name for name, each in column.verdicts.items() if each.outcome is Outcome.FAILED]
    options = [word for each in column.endpoint.options for word in each.split()]
    for rule in select_rules(tuple(names)):
        where = ["authfsm", "conform", "--endpoint", str(column.endpoint.url)]
        assert column.endpoint.command(rule) == " ".join([*where, *options, "--rule", rule.id])

    again = CliRunner().invoke(
        app,
        ["conform", "--endpoint", url, *options, *(w for name in names for w in ("--rule", name))],
        env={"COLUMNS": "1000", "TERM": "dumb"},
    )

    assert again.exit_code == 1
    for name in names:
        verdict = column.verdicts[name]
        assert f"failed: {verdict.why}" in again.stdout, name
        assert f"> {verdict.evidence.partition(' -> ')[0]}" in again.stdout, name


# ---- the rules themselves ------------------------------------------------------------------------------


def test_a_rule_is_a_sentence_with_a_source() -> None:
    """Names are unique; a claim is a sentence; a source has an address."""
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert [rule.id for rule in RULES if not rule.claim.endswith((".", '".'))] == []
    assert [rule.id for rule in RULES if not rule.source.url.startswith("https://")] == []
    assert [rule.id for rule in RULES if not rule.source.title] == []


def test_the_walks_go_through_every_challenge() -> None:
    """Each of Cognito's challenge names is asked or answered in some walk, or is left out for a reason."""
    walks = [rule for rule in RULES if rule.group is RuleGroup.SIGN_IN]
    words = {word.strip(",.") for rule in walks for word in rule.claim.split()}

    assert [
        each for each in CHALLENGES if each.value not in words and each not in UNTESTED_CHALLENGES
    ] == []
    assert [
        r.id for r in walks for each in UNTESTED_CHALLENGES if r.id.endswith(f".{each.value}")
    ] == []


def test_rules_by_name() -> None:
    """One by its name, many by their beginning, all by none; an unknown one is an error."""
    assert [rule.id for rule in select_rules(("srp.timestamp",))] == ["srp.timestamp"]
    assert {rule.id.split(".")[0] for rule in select_rules(("srp.*", "token.*"))} == {
        "srp",
        "token",
    }
    assert select_rules(()) == RULES
    with pytest.raises(LookupError, match=r"srp\.nothing"):
        select_rules(("srp.nothing",))


def test_json_has_everything() -> None:
    """Rules with their sources; by endpoint every verdict, its evidence, and its command."""
    ours = Endpoint("ours", EmbeddedPoolProvider())
    results = run_rules([ours], select_rules(("password.wrong",)), day=date(2026, 1, 1))

    assert as_json(results) == {
        "date": "2026-01-01",
        "rules": [
            {
                "id": "password.wrong",
                "claim": "Cognito refuses a wrong password in USER_PASSWORD_AUTH.",
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
    with endpoints() as (every, _):
        today = run_rules(every, RULES, day=datetime.now(timezone.utc).date())
    TABLE.write_text(told(today), encoding="utf-8")
    sys.stdout.write(f"{TABLE.name} is written\n")
