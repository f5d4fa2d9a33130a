"""What `authfsm conform` does: endpoints out of options, the run with its progress, and what is written."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from datetime import datetime, timezone
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Final

import boto3
from attrs import asdict, frozen
from botocore.exceptions import BotoCoreError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from authfsm.cli.conform_output import rules_seen, rules_told, table
from authfsm.cli.failing import MISUSED, Failed
from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.pool_providers import ApiPoolProvider, ExistingPoolProvider
from authfsm.conformance.pools import Inbox, PoolProvider, parse_inbox
from authfsm.conformance.report import as_json, as_markdown
from authfsm.conformance.rule import ConformanceRule
from authfsm.conformance.rules import RULES, select_rules
from authfsm.conformance.runner import Endpoint, Results, Unreachable, ensure_reachable, run_rules
from authfsm.conformance.verdicts import RuleVerdict

OURS: Final = "ours"
_SERVER: Final = ("cattrs", "starlette", "uvicorn")
_SUFFIXES: Final = (".md", ".json")
_LOCAL: Final = ("local", "local", None)


@frozen
class ConformOptions:
    """The options of the command, by their names there."""

    endpoint: str | None
    compare: list[str]
    pool_id: str | None
    client_id: str | None
    codes: list[str]
    region: str | None
    profile: str | None
    rules: tuple[str, ...]
    timeout: float
    outputs: list[Path]


def list_rules(wanted: ConformOptions) -> bool:
    """Tell the rules; other options than --rule would do nothing."""
    for name, given in asdict(wanted, recurse=False).items():
        if name not in {"rules", "timeout"} and given:
            option = {"codes": "codes", "outputs": "output"}.get(name, name).replace("_", "-")
            raise Failed(f"--{option} has no effect with --list: no rule runs", MISUSED)
    Console(highlight=False).print(rules_told(_rules(wanted)))
    return True


def conform(wanted: ConformOptions) -> bool:
    """Run the rules against the endpoints.

    Returns:
        Whether no rule failed.

    Raises:
        Failed: usage error, an endpoint does not answer, or no rule could run at one.
    """
    rules = _rules(wanted)
    for path in wanted.outputs:
        if str(path) != "-" and path.suffix not in _SUFFIXES:
            raise Failed(f"{path} is neither .md nor .json", MISUSED)
    endpoints = _endpoints(wanted)
    results = _run(endpoints, rules, wanted.timeout)
    _write(results, wanted.outputs)
    if Path("-") not in wanted.outputs:
        console = Console(highlight=False)
        for each in rules_seen(results) if wanted.rules else table(results):
            console.print(each, soft_wrap=isinstance(each, Text))
    for column in results.endpoints:
        if column.endpoint.name in results.endpoints_without_result:
            why = next(
                (each.why for each in column.verdicts.values() if each.why), "no rule was run"
            )
            raise Failed(
                f"no rule could run at {column.endpoint.name}: check that it is a Cognito endpoint."
                f" The first rule reports: {why}"
            )
    return results.all_passed


def _rules(wanted: ConformOptions) -> tuple[ConformanceRule, ...]:
    try:
        return select_rules(wanted.rules)
    except LookupError as error:
        raise Failed(
            f"unknown rule {error.args[0]}: authfsm conform --list lists all {len(RULES)} rules",
            MISUSED,
        ) from None


# ---- endpoints --------------------------------------------------------------------------------------


def _endpoints(wanted: ConformOptions) -> list[Endpoint]:
    if wanted.endpoint and wanted.compare:
        raise Failed("--endpoint and --compare exclude each other", MISUSED)
    if (wanted.pool_id or wanted.client_id) and not wanted.endpoint:
        raise Failed("--pool-id and --client-id require --endpoint", MISUSED)
    if wanted.client_id and not wanted.pool_id:
        raise Failed("--client-id requires --pool-id", MISUSED)
    columns = _columns(wanted)
    inboxes = _inboxes(wanted, [name for name, _ in columns])
    made = []
    for name, url in columns:
        if url is None:
            made.append(Endpoint(name, _ours()))
            continue
        box, how = inboxes.get(name, (None, None))
        options = [f"--codes {how}"] if how else []
        options += [f"--pool-id {wanted.pool_id}"] if wanted.pool_id else []
        options += [f"--client-id {wanted.client_id}"] if wanted.client_id else []
        options += [f"--region {wanted.region}"] if wanted.region else []
        options += [f"--profile {wanted.profile}"] if wanted.profile else []
        made.append(Endpoint(name, _workshop(wanted, url, box), url, tuple(options)))
    return made


def _columns(wanted: ConformOptions) -> list[tuple[str, str | None]]:
    if wanted.endpoint:
        return [(wanted.endpoint, _url(wanted.endpoint))]
    if not wanted.compare:
        return [(f"authfsm {version('authfsm')}", None)]
    columns: list[tuple[str, str | None]] = []
    for each in wanted.compare:
        name, equals, url = each.partition("=")
        if not name or not equals:
            raise Failed(f"--compare {each!r} is not NAME=URL", MISUSED)
        columns.append((name, None if url == OURS else _url(url)))
    if len({name for name, _ in columns}) < len(columns):
        raise Failed("two --compare columns have the same name", MISUSED)
    return columns


def _url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise Failed(f"{url!r} is not an http or https URL", MISUSED)
    return url.rstrip("/")


def _inboxes(wanted: ConformOptions, names: list[str]) -> dict[str, tuple[Inbox, str]]:
    found = {}
    for each in wanted.codes:
        name, equals, how = each.partition("=")
        if not equals:
            name, how = names[0], each
            if len(names) > 1:
                raise Failed(f"--codes {each!r} names no column: use NAME={each}", MISUSED)
        if name not in names:
            raise Failed(f"--codes names {name!r}, which is not a --compare column", MISUSED)
        try:
            found[name] = parse_inbox(how), how
        except ValueError as error:
            raise Failed(f"--codes {each!r} {error}", MISUSED) from None
    return found


def _ours() -> PoolProvider:
    if lacking := [name for name in _SERVER if find_spec(name) is None]:
        raise Failed(
            f"the embedded pool's server needs {', '.join(lacking)}: pip install 'authfsm[server]'",
            MISUSED,
        )
    from authfsm.conformance.embedded_pools import EmbeddedPoolProvider  # noqa: PLC0415 - what it needs is an extra

    return EmbeddedPoolProvider()


def _workshop(wanted: ConformOptions, url: str, box: Inbox | None) -> PoolProvider:
    region = wanted.region
    if region is None and wanted.pool_id and "-" in wanted.pool_id:
        region = wanted.pool_id.partition("_")[0]
    conversation = ApiClient(url, region or "us-east-1", _credentials(wanted.profile))
    try:
        ensure_reachable(conversation)
    except Unreachable as error:
        raise Failed(str(error), MISUSED) from None
    if wanted.pool_id:
        return ExistingPoolProvider(conversation, wanted.pool_id, wanted.client_id, box)
    return ApiPoolProvider(conversation, box)


def _credentials(profile: str | None) -> tuple[str, str, str | None]:
    if profile is None:
        return _LOCAL
    try:
        found = boto3.session.Session(profile_name=profile).get_credentials()
    except BotoCoreError as error:
        raise Failed(f"--profile {profile}: {error}", MISUSED) from None
    if found is None:
        raise Failed(f"--profile {profile} has no credentials", MISUSED)
    keys = found.get_frozen_credentials()
    if not keys.access_key or not keys.secret_key:
        raise Failed(f"--profile {profile} has no credentials", MISUSED)
    return keys.access_key, keys.secret_key, keys.token


# ---- the run, and what is written -------------------------------------------------------------------


def _run(endpoints: list[Endpoint], rules: tuple[ConformanceRule, ...], timeout: float) -> Results:
    console = Console(stderr=True)
    with ExitStack() as stack:
        bars: dict[str, TaskID] = {}
        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rule]}", style="dim"),
            console=console,
            transient=True,
        )
        if console.is_terminal:
            stack.enter_context(progress)
            bars = {e.name: progress.add_task(e.name, total=len(rules), rule="") for e in endpoints}
        lock = Lock()

        def on_verdict(name: str, rule: ConformanceRule, verdict: RuleVerdict) -> None:
            with lock:
                if name in bars:
                    progress.update(bars[name], advance=1, rule=f"{verdict.outcome.mark} {rule.id}")

        day = datetime.now(timezone.utc).date()
        return run_rules(endpoints, rules, day=day, seconds=timeout, on_verdict=on_verdict)


def _write(results: Results, outputs: list[Path]) -> None:
    for path in outputs:
        text = _text(results, path)
        if str(path) == "-":
            sys.stdout.write(text)
            continue
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Failed(f"{path} cannot be written: {error.strerror}", MISUSED) from None


def _text(results: Results, path: Path) -> str:
    if path.suffix == ".md":
        return as_markdown(results)
    told: dict[str, Any] = as_json(results)
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"
