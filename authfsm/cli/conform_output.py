"""Run `authfsm conform` with a progress bar, and print or write its results."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
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
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from authfsm.cli.exit_status import USAGE_ERROR, Failed
from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.pool_providers import ApiPoolProvider, ExistingPoolProvider
from authfsm.conformance.pools import Inbox, PoolProvider, parse_inbox
from authfsm.conformance.report import as_json, as_markdown
from authfsm.conformance.rule import ConformanceRule
from authfsm.conformance.rules import RULES, select_rules
from authfsm.conformance.runner import (
    Endpoint,
    EndpointResult,
    Results,
    Unreachable,
    ensure_reachable,
    run_rules,
)
from authfsm.conformance.verdicts import Outcome, RuleVerdict

EMBEDDED: Final = "ours"
_SERVER: Final = ("cattrs", "starlette", "uvicorn")
_SUFFIXES: Final = (".md", ".json")
_LOCAL: Final = ("local", "local", None)


@frozen
class ConformOptions:
    """The values of the command's options."""

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


def list_rules(options: ConformOptions) -> bool:
    """Print the rules that --rule selects, and refuse options that have no effect with --list."""
    for name, given in asdict(options, recurse=False).items():
        if name not in {"rules", "timeout"} and given:
            option = {"codes": "codes", "outputs": "output"}.get(name, name).replace("_", "-")
            raise Failed(f"--{option} has no effect with --list: no rule runs", USAGE_ERROR)
    Console(highlight=False).print(rules_with_sources(_rules(options)))
    return True


def conform(options: ConformOptions) -> bool:
    """Run the rules against the endpoints.

    Returns:
        Whether no rule failed.

    Raises:
        Failed: usage error, an endpoint does not answer, or no rule could run at one.
    """
    rules = _rules(options)
    for path in options.outputs:
        if str(path) != "-" and path.suffix not in _SUFFIXES:
            raise Failed(f"{path} is neither .md nor .json", USAGE_ERROR)
    endpoints = _endpoints(options)
    results = _run(endpoints, rules, options.timeout)
    _write(results, options.outputs)
    if Path("-") not in options.outputs:
        console = Console(highlight=False)
        for each in rule_reports(results) if options.rules else table(results):
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


def _rules(options: ConformOptions) -> tuple[ConformanceRule, ...]:
    try:
        return select_rules(options.rules)
    except LookupError as error:
        raise Failed(
            f"unknown rule {error.args[0]}: authfsm conform --list lists all {len(RULES)} rules",
            USAGE_ERROR,
        ) from None


# ---- endpoints --------------------------------------------------------------------------------------


def _endpoints(options: ConformOptions) -> list[Endpoint]:
    if options.endpoint and options.compare:
        raise Failed("--endpoint and --compare exclude each other", USAGE_ERROR)
    if (options.pool_id or options.client_id) and not options.endpoint:
        raise Failed("--pool-id and --client-id require --endpoint", USAGE_ERROR)
    if options.client_id and not options.pool_id:
        raise Failed("--client-id requires --pool-id", USAGE_ERROR)
    columns = _columns(options)
    inboxes = _inboxes(options, [name for name, _ in columns])
    endpoints = []
    for name, url in columns:
        if url is None:
            endpoints.append(Endpoint(name, _embedded()))
            continue
        inbox, how = inboxes.get(name, (None, None))
        repeated = [f"--codes {how}"] if how else []
        repeated += [
            f"--{option.replace('_', '-')} {value}"
            for option in ("pool_id", "client_id", "region", "profile")
            if (value := getattr(options, option))
        ]
        endpoints.append(Endpoint(name, _pool_provider(options, url, inbox), url, tuple(repeated)))
    return endpoints


def _columns(options: ConformOptions) -> list[tuple[str, str | None]]:
    if options.endpoint:
        return [(options.endpoint, _url(options.endpoint))]
    if not options.compare:
        return [(f"authfsm {version('authfsm')}", None)]
    columns: list[tuple[str, str | None]] = []
    for each in options.compare:
        name, equals, url = each.partition("=")
        if not name or not equals:
            raise Failed(f"--compare {each!r} is not NAME=URL", USAGE_ERROR)
        columns.append((name, None if url == EMBEDDED else _url(url)))
    if len({name for name, _ in columns}) < len(columns):
        raise Failed("two --compare columns have the same name", USAGE_ERROR)
    return columns


def _url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise Failed(f"{url!r} is not an http or https URL", USAGE_ERROR)
    return url.rstrip("/")


def _inboxes(options: ConformOptions, names: list[str]) -> dict[str, tuple[Inbox, str]]:
    found = {}
    for each in options.codes:
        name, equals, how = each.partition("=")
        if not equals:
            name, how = names[0], each
            if len(names) > 1:
                raise Failed(f"--codes {each!r} names no column: use NAME={each}", USAGE_ERROR)
        if name not in names:
            raise Failed(f"--codes names {name!r}, which is not a --compare column", USAGE_ERROR)
        try:
            found[name] = parse_inbox(how), how
        except ValueError as error:
            raise Failed(f"--codes {each!r} {error}", USAGE_ERROR) from None
    return found


def _embedded() -> PoolProvider:
    if missing := [name for name in _SERVER if find_spec(name) is None]:
        raise Failed(
            f"the embedded pool's server needs {', '.join(missing)}: pip install 'authfsm[server]'",
            USAGE_ERROR,
        )
    from authfsm.conformance.embedded_pools import EmbeddedPoolProvider  # noqa: PLC0415 - what it needs is an extra

    return EmbeddedPoolProvider()


def _pool_provider(options: ConformOptions, url: str, inbox: Inbox | None) -> PoolProvider:
    region = options.region
    if region is None and options.pool_id and "-" in options.pool_id:
        region = options.pool_id.partition("_")[0]
    api = ApiClient(url, region or "us-east-1", _credentials(options.profile))
    try:
        ensure_reachable(api)
    except Unreachable as error:
        raise Failed(str(error), USAGE_ERROR) from None
    if options.pool_id:
        return ExistingPoolProvider(api, options.pool_id, options.client_id, inbox)
    return ApiPoolProvider(api, inbox)


def _credentials(profile: str | None) -> tuple[str, str, str | None]:
    if profile is None:
        return _LOCAL
    try:
        found = boto3.session.Session(profile_name=profile).get_credentials()
    except BotoCoreError as error:
        raise Failed(f"--profile {profile}: {error}", USAGE_ERROR) from None
    if found is None:
        raise Failed(f"--profile {profile} has no credentials", USAGE_ERROR)
    keys = found.get_frozen_credentials()
    if not keys.access_key or not keys.secret_key:
        raise Failed(f"--profile {profile} has no credentials", USAGE_ERROR)
    return keys.access_key, keys.secret_key, keys.token


# ---- the run and its output -------------------------------------------------------------------


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
            raise Failed(f"{path} cannot be written: {error.strerror}", USAGE_ERROR) from None


def _text(results: Results, path: Path) -> str:
    if path.suffix == ".md":
        return as_markdown(results)
    document: dict[str, Any] = as_json(results)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


_COLOURS: Final = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.NOT_SUPPORTED: "dim",
    Outcome.SKIPPED: "yellow",
}


def rules_with_sources(rules: tuple[ConformanceRule, ...]) -> RenderableType:
    """Return the rules with their claims and sources."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for rule in rules:
        source = f"{rule.source.title} ({rule.source.confidence})\n{rule.source.url}"
        grid.add_row(rule.id, Text.assemble(rule.claim, "\n", (source, "dim")))
    return grid


def table(results: Results) -> Iterator[RenderableType]:
    """Yield the comparison table, the failures of each endpoint and the counts."""
    shown = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    shown.add_column("rule", no_wrap=True)
    for column in results.endpoints:
        shown.add_column(column.endpoint.name, justify="center")
    for group, rules in results.groups.items():
        shown.add_row(Text(f"\n{group}", style="bold"))
        for rule in rules:
            shown.add_row(
                rule.id, *(_mark(column.verdicts[rule.id]) for column in results.endpoints)
            )
    yield shown
    for column in results.endpoints:
        yield from _failed(results, column)
    yield Text()
    for column in results.endpoints:
        yield _counts(column)
    yield Text(", ".join(f"{each.mark} {each}" for each in Outcome), style="dim")


def _in(line: Text, by: int) -> Text:
    """Indent a line; it is never wrapped, so that a command can be copied."""
    return Text(" " * by).append_text(line)


def _mark(verdict: RuleVerdict) -> Text:
    return Text(verdict.outcome.mark, style=_COLOURS[verdict.outcome])


def _counts(column: EndpointResult) -> Text:
    counts = ", ".join(f"{column.count(each)} {each}" for each in Outcome)
    return Text.assemble((column.endpoint.name, "bold"), f": {counts}")


def _failed(results: Results, column: EndpointResult) -> Iterator[RenderableType]:
    failed = [rule for rule in results.rules if column.verdicts[rule.id].outcome is Outcome.FAILED]
    if failed:
        yield Text(f"\nFailed at {column.endpoint.name}", style="bold")
    for rule in failed:
        verdict = column.verdicts[rule.id]
        yield Text.assemble((rule.id, "red"), f" ({verdict.severity})  {verdict.why}")
        yield _in(Text(column.endpoint.command(rule), style="dim"), 2)


def rule_reports(results: Results) -> Iterator[RenderableType]:
    """Yield each rule with the requests and replies that decided its outcome."""
    for rule in results.rules:
        yield Text.assemble((rule.id, "bold"), f"  {rule.claim}")
        source = f"{rule.source.title} ({rule.source.confidence})  {rule.source.url}"
        yield _in(Text(source, style="dim"), 2)
        for column in results.endpoints:
            yield from _rule_report(column, rule)


def _rule_report(column: EndpointResult, rule: ConformanceRule) -> Iterator[RenderableType]:
    verdict = column.verdicts[rule.id]
    outcome = Text.assemble(
        f"{column.endpoint.name}: ", (verdict.outcome.value, _COLOURS[verdict.outcome])
    )
    if verdict.why:
        outcome.append(f": {verdict.why}")
    yield _in(outcome, 2)
    for exchange in verdict.exchanges:
        style = "dim" if exchange.is_setup else ""
        yield _in(Text(f"> {exchange.request}", style=style), 4)
        yield _in(Text(f"< {exchange.reply}", style=style), 4)
    yield Text()
