"""Runs rules, at each endpoint one rule after another but several endpoints in parallel, and collects the results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from shlex import quote
from threading import Event
from typing import Final

from attrs import field, frozen

from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.pool_providers import PoolProvider
from authfsm.conformance.rule import ConformanceRule, RuleContext
from authfsm.conformance.verdicts import Outcome, RuleFailed, RuleNotPassed, RuleVerdict, Skipped

RULE_TIMEOUT: Final = 30.0  # seconds


@frozen
class Endpoint:
    """An endpoint to test: the one at `url`, or local pools if `url` is None."""

    name: str
    pool_provider: PoolProvider = field(repr=False)
    url: str | None = None
    options: tuple[str, ...] = ()  # options that `command` adds to the command line

    def command(self, rule: ConformanceRule) -> str:
        """Return the command that runs one rule again."""
        url = (f"--endpoint-url {quote(self.url)}",) if self.url else ()
        return " ".join(["authfsm conform", *url, *self.options, f"--rule {rule.id}"])


@frozen
class EndpointResult:
    """The verdicts at an endpoint, by rule id, and what the suite created there and could not delete."""

    endpoint: Endpoint
    verdicts: Mapping[str, RuleVerdict] = field(repr=False)
    not_deleted: tuple[str, ...] = ()

    def count(self, outcome: Outcome) -> int:
        """Return how many rules have an outcome."""
        return sum(each.outcome is outcome for each in self.verdicts.values())


@frozen
class Results:
    """The results of a run, for each endpoint."""

    rules: tuple[ConformanceRule, ...] = field(repr=False)
    endpoints: tuple[EndpointResult, ...]
    day: date

    @property
    def groups(self) -> dict[str, list[ConformanceRule]]:
        """The rules by their groups."""
        groups: dict[str, list[ConformanceRule]] = {}
        for rule in self.rules:
            groups.setdefault(rule.group, []).append(rule)
        return groups

    @property
    def succeeded(self) -> bool:
        """Whether no rule failed, and at every endpoint at least one rule passed."""
        failures = any(each.count(Outcome.FAILED) for each in self.endpoints)
        return not self.endpoints_without_result and not failures

    @property
    def endpoints_without_result(self) -> tuple[str, ...]:
        """The names of the endpoints at which every rule was skipped or is not supported."""
        return tuple(
            each.endpoint.name for each in self.endpoints if not each.count(Outcome.PASSED) + each.count(Outcome.FAILED)
        )


def ensure_reachable(api: ApiClient) -> None:
    """Raise Skipped if an endpoint does not answer."""
    try:
        api.get(api.url)
    except RuleNotPassed:  # which `ApiClient` raises outside of rules too
        raise Skipped(f"{api.url} does not answer: start it, or correct the URL") from None


def run_rule(rule: ConformanceRule, pool_provider: PoolProvider, seconds: float = RULE_TIMEOUT) -> RuleVerdict:
    """Run one rule at one endpoint and return the verdict, whatever the endpoint replies."""
    begin = time.monotonic()
    context = RuleContext(pool_provider, rule.id, begin + seconds)
    outcome, why, severity = Outcome.PASSED, "", None
    try:
        rule.run(context)
    except RuleFailed as failed:
        outcome, why, severity = failed.outcome, failed.why, failed.severity or rule.severity
    except RuleNotPassed as ended:
        outcome, why = ended.outcome, ended.why
    except Exception as error:  # noqa: BLE001 - an unexpected reply must not stop the other rules
        outcome = Outcome.SKIPPED
        why = f"the rule ended with {type(error).__name__}, perhaps because of an unexpected reply"
    return RuleVerdict(outcome, why, context.exchanges, severity, time.monotonic() - begin)


def run_rules(
    endpoints: Iterable[Endpoint],
    rules: Iterable[ConformanceRule],
    *,
    day: date,
    seconds: float = RULE_TIMEOUT,
    on_verdict: Callable[[str, ConformanceRule, RuleVerdict], None] = lambda *_: None,
) -> Results:
    """Run rules at endpoints, and delete the pools, app clients and users that they created.

    `on_verdict` is called with the endpoint's name, the rule and its verdict, from several threads. After a
    KeyboardInterrupt the rules in progress are completed, and no other begins; then what they created is deleted, and
    the KeyboardInterrupt is raised again.
    """
    all_rules, interrupted = tuple(rules), Event()

    def run_at(endpoint: Endpoint) -> EndpointResult:
        verdicts = {}
        try:
            for rule in all_rules:
                if interrupted.is_set():
                    break
                verdicts[rule.id] = run_rule(rule, endpoint.pool_provider, seconds)
                on_verdict(endpoint.name, rule, verdicts[rule.id])
        finally:
            not_deleted = endpoint.pool_provider.cleanup()
        return EndpointResult(endpoint, verdicts, tuple(not_deleted))

    targets = tuple(endpoints)
    with ThreadPoolExecutor(max(len(targets), 1), thread_name_prefix="conform") as threads:
        try:
            return Results(all_rules, tuple(threads.map(run_at, targets)), day)
        except KeyboardInterrupt:
            interrupted.set()
            raise
