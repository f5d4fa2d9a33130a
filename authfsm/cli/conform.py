"""`authfsm conform`: run the conformance suite with a progress bar, and print or write the results."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path
from shlex import quote
from threading import Lock
from typing import ClassVar, Final

import boto3
from attrs import fields_dict, frozen
from botocore.exceptions import BotoCoreError
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from authfsm.base.clock import utc_now
from authfsm.cli import command
from authfsm.conformance import pool_providers
from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.pools import Inbox, parse_inbox
from authfsm.conformance.report import as_json, as_markdown
from authfsm.conformance.rule import ConformanceRule
from authfsm.conformance.rules import RULES, select_rules
from authfsm.conformance.run import RULE_TIMEOUT, Endpoint, EndpointResult, Results, ensure_reachable, run_rules
from authfsm.conformance.verdicts import Outcome, RuleVerdict, Skipped

LOCAL: Final = "local"
_SUFFIXES: Final = (".md", ".json")

_endpoint: Final = partial(command.option, panel="Endpoint")
_rules: Final = partial(command.option, panel="Rules")


@frozen(kw_only=True)
class Conform:
    """Run the Cognito conformance suite against an endpoint.

    The suite creates the pools, app clients and users that it needs through Cognito's API, and deletes them at
    the end. Against AWS it creates user pools in your account.
    """

    epilog: ClassVar[str] = (
        "Exit status: 0 no rule failed (an unsupported feature is no failure); 1 a rule failed, or no rule passed at"
        " one of the endpoints; 2 usage error, an endpoint does not answer, or a file cannot be written."
    )

    endpoint_url: str | None = _endpoint("The endpoint's URL; by default the local pool.")
    compare: list[str] | None = _endpoint(
        "Compare several endpoints: give this option once for each, in place of --endpoint-url. NAME heads the"
        " endpoint's column in the results. The URL `local` stands for the local pool.",
        metavar="NAME=URL",
    )
    pool_id: str | None = _endpoint("An existing user pool; by default pools are created through the API.")
    client_id: str | None = _endpoint(
        "An existing app client of the pool; by default app clients are created through the API."
    )
    codes: list[str] | None = _endpoint(
        "How the suite gets verification codes. HOW is `outbox` (it reads them from GET /outbox of the endpoint) or"
        " `fixed:CODE` (every code is CODE). With --compare, give this option once for each endpoint, as NAME=HOW.",
        metavar="[NAME=]HOW",
    )
    region: str | None = _endpoint("The region for signing requests; by default the one in --pool-id, or us-east-1.")
    profile: str | None = _endpoint("The AWS profile for signing requests; by default dummy credentials are used.")
    rule: list[str] | None = _rules(
        "Run only this rule and print its requests and replies; srp.* selects all that begin with `srp.`. Repeatable."
    )
    list_: bool = _rules("List the rules and their sources, and run nothing.", "--list", default=False)
    timeout: float = _rules(
        "Time limit of a rule's requests, in seconds. The creation of shared pools and app clients does not count.",
        default=RULE_TIMEOUT,
        min=1,
        max=600,
    )
    output: list[Path] | None = command.option(
        "Write the results to this file; the suffix sets the format (.md or .json). - prints JSON to standard output."
        " Repeatable.",
        "--output",
        "-o",
        allow_dash=True,
        panel="Output",
    )

    def run(self) -> int:
        """Run the rules against the endpoints, or list them; `epilog` has the exit status."""
        rules = self._selected()
        if self.list_:
            command.refuse_unused(fields_dict(Conform).keys() - {"rule", "list_"}, "--list: no rule runs")
            Console(highlight=False).print(rules_with_sources(rules))
            return 0
        outputs = self.output or []
        for path in outputs:
            if path != command.STDOUT and path.suffix not in _SUFFIXES:
                raise command.WrongUsage(f"--output {path} must end in .md or .json")
        results = _run(self._endpoints(), rules, self.timeout)
        if command.STDOUT not in outputs:
            console = Console(highlight=False)
            for each in rule_reports(results) if self.rule else table(results):
                console.print(each, soft_wrap=isinstance(each, Text))  # not wrapped, so that commands can be copied
        for column in results.endpoints:
            for each in column.not_deleted:
                command.print_message(f"{column.endpoint.name}: created for the suite, not deleted: {each}")
        _write(results, outputs)
        for column in results.endpoints:
            if column.endpoint.name in results.endpoints_without_result:
                why = (each.why for each in column.verdicts.values() if each.why)
                raise command.Failed(
                    f"every rule was skipped or not supported at {column.endpoint.name}, perhaps because it is no Cognito"
                    f" endpoint. The first rule reports: {next(why, 'no rule was run')}"
                )
        return 0 if results.succeeded else command.FAILED

    def _selected(self) -> tuple[ConformanceRule, ...]:
        try:
            return select_rules(tuple(self.rule or ()))
        except LookupError as error:
            why = f"unknown rule {error.args[0]}: authfsm conform --list lists all {len(RULES)} rules"
            raise command.WrongUsage(why) from None

    def _endpoints(self) -> list[Endpoint]:
        command.refuse_exclusive(self, ("endpoint_url", "compare"))
        if (self.pool_id or self.client_id) and not self.endpoint_url:
            raise command.WrongUsage("--pool-id and --client-id require --endpoint-url")
        if self.client_id and not self.pool_id:
            raise command.WrongUsage("--client-id requires --pool-id")
        columns = self._columns()
        inboxes = self._inboxes([name for name, _ in columns])
        remote = {name for name, url in columns if url is not None}
        command.refuse_unused({"codes"} if inboxes.keys() - remote else (), "the local pool")
        command.refuse_unused(() if remote else {"region", "profile"}, "the local pool")
        command.refuse_region(self)
        endpoints = []
        for name, url in columns:
            if url is None:
                if why := command.missing_modules_text("server"):
                    raise command.WrongUsage(f"the local pool's server {why}")
                endpoints.append(Endpoint(name, pool_providers.LocalPoolProvider()))
                continue
            inbox, how = inboxes.get(name, (None, None))
            repeated = [f"--codes {quote(how)}"] if how else []
            repeated += [
                f"{command.flag(each)} {quote(value)}"
                for each in ("pool_id", "client_id", "region", "profile")
                if (value := getattr(self, each))
            ]
            endpoints.append(Endpoint(name, self._pool_provider(url, inbox), url, tuple(repeated)))
        return endpoints

    def _columns(self) -> list[tuple[str, str | None]]:
        if self.endpoint_url:
            return [(self.endpoint_url, command.http_url("the endpoint", self.endpoint_url))]
        if not self.compare:
            return [(f"authfsm {version('authfsm')}", None)]
        columns: list[tuple[str, str | None]] = []
        for each in self.compare:
            name, equals, url = each.partition("=")
            if not name or not equals:
                raise command.WrongUsage(f"--compare must be NAME=URL, not {each!r}")
            columns.append((name, None if url == LOCAL else command.http_url("the endpoint", url)))
        if len({name for name, _ in columns}) < len(columns):
            raise command.WrongUsage("each --compare must have a different NAME")
        return columns

    def _inboxes(self, names: list[str]) -> dict[str, tuple[Inbox, str]]:
        found = {}
        for each in self.codes or ():
            name, equals, how = each.partition("=")
            if not equals:
                name, how = names[0], each
                if len(names) > 1:
                    raise command.WrongUsage(f"--codes {each} needs an endpoint's name: --codes {names[0]}={each}")
            if name not in names:
                raise command.WrongUsage(f"--codes: no --compare endpoint is called {name!r}")
            if name in found:
                raise command.WrongUsage(f"--codes has {name} twice: say once how the suite gets its codes")
            try:
                found[name] = parse_inbox(how), how
            except ValueError as error:
                raise command.WrongUsage(f"--codes {each!r} {error}") from None
        return found

    def _pool_provider(self, url: str, inbox: Inbox | None) -> pool_providers.PoolProvider:
        region = self.region
        if region is None and self.pool_id and "-" in self.pool_id:
            region = self.pool_id.partition("_")[0]
        try:
            api = ApiClient(url, region or "us-east-1", _credentials(self.profile))
            ensure_reachable(api)
        except Skipped as error:
            raise command.WrongUsage(str(error)) from None
        except (BotoCoreError, ValueError) as error:
            raise command.WrongUsage(f"boto3 refuses the endpoint {url} or its region: {error}") from None
        if self.pool_id:
            return pool_providers.ExistingPoolProvider(api, self.pool_id, self.client_id, inbox)
        return pool_providers.ApiPoolProvider(api, inbox)


def _credentials(profile: str | None) -> tuple[str, str, str | None]:
    if profile is None:
        return "local", "local", None
    try:
        found = boto3.session.Session(profile_name=profile).get_credentials()
        keys = found and found.get_frozen_credentials()
    except BotoCoreError as error:
        raise command.WrongUsage(f"--profile {profile}: {error}") from None
    if not keys or not keys.access_key or not keys.secret_key:
        raise command.WrongUsage(f"--profile {profile} has no credentials")
    return keys.access_key, keys.secret_key, keys.token


def _run(endpoints: list[Endpoint], rules: tuple[ConformanceRule, ...], timeout: float) -> Results:
    console = Console(stderr=True)
    with ExitStack() as stack:
        bars: dict[str, TaskID] = {}
        columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
        last = TextColumn("{task.fields[rule]}", style="dim")
        progress = Progress(*columns, last, console=console, transient=True)
        if console.is_terminal:
            stack.enter_context(progress)
            bars = {e.name: progress.add_task(e.name, total=len(rules), rule="") for e in endpoints}
        lock = Lock()

        def on_verdict(name: str, rule: ConformanceRule, verdict: RuleVerdict) -> None:
            with lock:
                if name in bars:
                    progress.update(bars[name], advance=1, rule=f"{verdict.outcome.mark} {rule.id}")

        day = utc_now().date()
        return run_rules(endpoints, rules, day=day, seconds=timeout, on_verdict=on_verdict)


def _write(results: Results, outputs: Sequence[Path]) -> None:
    for path in sorted(outputs, key=lambda each: each != command.STDOUT):  # stdout first: a file may be unwritable
        text = as_markdown(results) if path.suffix == ".md" else command.as_json(as_json(results))
        if path == command.STDOUT:
            sys.stdout.write(text)
        else:
            with command.writing(path, command.USAGE_ERROR):
                path.write_text(text, encoding="utf-8")


_COLOURS: Final = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.NOT_SUPPORTED: "dim",
    Outcome.SKIPPED: "yellow",
}


def rules_with_sources(rules: tuple[ConformanceRule, ...]) -> RenderableType:
    """Return the rules with their statements and sources."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for rule in rules:
        source = f"{rule.source.title} ({rule.source.confidence})\n{rule.source.url}"
        grid.add_row(rule.id, Text.assemble(rule.statement, "\n", (source, "dim")))
    return grid


def table(results: Results) -> Iterator[RenderableType]:
    """Yield the comparison table, the failures of each endpoint and the counts."""
    comparison = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    comparison.add_column("rule", no_wrap=True)
    for column in results.endpoints:
        comparison.add_column(Text(column.endpoint.name), justify="center")
    for group, rules in results.groups.items():
        comparison.add_row(Text(f"\n{group}", style="bold"))
        for rule in rules:
            outcomes = (column.verdicts[rule.id].outcome for column in results.endpoints)
            comparison.add_row(rule.id, *(Text(each.mark, style=_COLOURS[each]) for each in outcomes))
    yield comparison
    for column in results.endpoints:
        yield from _failures(results, column)
    yield Text()
    for column in results.endpoints:
        counts = ", ".join(f"{column.count(each)} {each}" for each in Outcome)
        yield Text.assemble((column.endpoint.name, "bold"), f": {counts}")
    yield Text(", ".join(f"{each.mark} {each}" for each in Outcome), style="dim")


def _indented(line: Text, by: int) -> Text:
    """Return a line, indented by `by` spaces."""
    return Text(" " * by).append_text(line)


def _failures(results: Results, column: EndpointResult) -> Iterator[RenderableType]:
    failed = [rule for rule in results.rules if column.verdicts[rule.id].outcome is Outcome.FAILED]
    if failed:
        yield Text(f"\nFailed at {column.endpoint.name}", style="bold")
    for rule in failed:
        verdict = column.verdicts[rule.id]
        yield Text.assemble((rule.id, "red"), f" ({verdict.severity})  {verdict.why}")
        yield _indented(Text(column.endpoint.command(rule), style="dim"), 2)


def rule_reports(results: Results) -> Iterator[RenderableType]:
    """Yield each rule with its outcome and its requests and replies."""
    for rule in results.rules:
        yield Text.assemble((rule.id, "bold"), f"  {rule.statement}")
        source = f"{rule.source.title} ({rule.source.confidence})  {rule.source.url}"
        yield _indented(Text(source, style="dim"), 2)
        for column in results.endpoints:
            yield from _rule_report(column, rule)


def _rule_report(column: EndpointResult, rule: ConformanceRule) -> Iterator[RenderableType]:
    verdict = column.verdicts[rule.id]
    outcome = Text.assemble(f"{column.endpoint.name}: ", (verdict.outcome.value, _COLOURS[verdict.outcome]))
    if verdict.why:
        outcome.append(f": {verdict.why}")
    yield _indented(outcome, 2)
    for exchange in verdict.exchanges:
        style = "dim" if exchange.is_setup else ""
        yield _indented(Text(f"> {exchange.request}", style=style), 4)
        yield _indented(Text(f"< {exchange.reply}", style=style), 4)
    yield Text()
