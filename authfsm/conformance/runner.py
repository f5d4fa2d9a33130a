"""Rules run at endpoints: one after another at each, side by side at several. Nothing that a server says ends a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Final

from attrs import field, frozen

from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.pools import PoolProvider
from authfsm.conformance.rule import ConformanceRule
from authfsm.conformance.trial import Trial
from authfsm.conformance.verdicts import Outcome, RuleEnded, RuleFailed, RuleSeverity, RuleVerdict

SECONDS: Final = 30.0
"""How long one rule may take."""

Told = Callable[[str, ConformanceRule, RuleVerdict], None]
"""Is told of each verdict: the endpoint's name, the rule, the verdict."""


@frozen
class Endpoint:
    """What is tried.

    Args:
        name: its name, with its version where that is known.
        workshop: where its pools come from.
        url: where it is; None for this package's own pool.
        options: what else the command needs to try it again, as `--inbox outbox`.
    """

    name: str
    pool_provider: PoolProvider = field(repr=False)
    url: str | None = None
    options: tuple[str, ...] = ()

    def command(self, rule: ConformanceRule) -> str:
        """The command that tries one rule again."""
        where = f"--endpoint {self.url} " if self.url else ""
        more = "".join(f"{each} " for each in self.options)
        return f"authfsm conform {where}{more}--rule {rule.id}"


@frozen
class EndpointResult:
    """What was seen at one endpoint.

    Args:
        endpoint: the endpoint.
        verdicts: by the rule's id.
    """

    endpoint: Endpoint
    verdicts: Mapping[str, RuleVerdict] = field(repr=False)

    def count(self, outcome: Outcome) -> int:
        """How many rules came to that."""
        return sum(each.outcome is outcome for each in self.verdicts.values())

    @property
    def critical_failures(self) -> int:
        """How many failures are grave."""
        return sum(each.severity is RuleSeverity.CRITICAL for each in self.verdicts.values())


@frozen
class Results:
    """What was seen.

    Args:
        rules: the rules, in their order.
        columns: an endpoint each.
        day: when.
    """

    rules: tuple[ConformanceRule, ...] = field(repr=False)
    endpoints: tuple[EndpointResult, ...]
    day: date

    @property
    def all_passed(self) -> bool:
        """Was something tried at every endpoint, and did no rule fail anywhere?"""
        return not self.endpoints_without_result and not any(
            column.count(Outcome.FAILED) for column in self.endpoints
        )

    @property
    def endpoints_without_result(self) -> tuple[str, ...]:
        """The names of the endpoints at which no rule passed or failed: nothing is known about them."""
        return tuple(
            column.endpoint.name
            for column in self.endpoints
            if not column.count(Outcome.PASSED) + column.count(Outcome.FAILED)
        )


class Unreachable(Exception):
    """Nobody answers at an endpoint."""


def ensure_reachable(conversation: ApiClient) -> None:
    """See that somebody answers there.

    Raises:
        Unreachable: nobody does.
    """
    try:
        conversation.get(conversation.url)
    except RuleEnded:
        raise Unreachable(f"nobody answers at {conversation.url}") from None


def run_rule(
    rule: ConformanceRule, workshop: PoolProvider, seconds: float = SECONDS
) -> RuleVerdict:
    """One rule at one endpoint.

    Args:
        rule: the rule.
        workshop: where its pools come from.
        seconds: how long it may take.
    """
    begun = time.monotonic()
    trial = Trial(workshop, rule.id, begun + seconds)
    outcome, why, severity = Outcome.PASSED, "", None
    try:
        rule.run(trial)
    except RuleFailed as fails:
        outcome, why, severity = fails.outcome, fails.why, fails.severity or rule.severity
    except RuleEnded as seen:
        outcome, why = seen.outcome, seen.why
    except Exception as error:  # noqa: BLE001 - a server may say anything, and the next rule is to run all the same
        outcome, why = Outcome.SKIPPED, f"what came could not be read ({type(error).__name__})"
    return RuleVerdict(outcome, why, trial.said, severity, time.monotonic() - begun)


def run_rules(
    endpoints: Iterable[Endpoint],
    rules: Iterable[ConformanceRule],
    *,
    day: date,
    seconds: float = SECONDS,
    on_verdict: Told = lambda *_: None,
) -> Results:
    """The rules at the endpoints; what was made there is put away at the end.

    Args:
        endpoints: the endpoints.
        rules: the rules.
        day: today.
        seconds: how long one rule may take.
        on_verdict: is told of each verdict, from several threads.
    """
    wanted = tuple(rules)

    def column(endpoint: Endpoint) -> EndpointResult:
        verdicts = {}
        try:
            for rule in wanted:
                verdicts[rule.id] = run_rule(rule, endpoint.pool_provider, seconds)
                on_verdict(endpoint.name, rule, verdicts[rule.id])
        finally:
            endpoint.pool_provider.tidy()
        return EndpointResult(endpoint, verdicts)

    several = tuple(endpoints)
    with ThreadPoolExecutor(max(len(several), 1), thread_name_prefix="conform") as threads:
        return Results(wanted, tuple(threads.map(column, several)), day)
