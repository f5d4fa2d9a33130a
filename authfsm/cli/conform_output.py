"""What `authfsm conform` shows in a terminal: the table, the rules, and what was said for one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from authfsm.conformance.rule import ConformanceRule
from authfsm.conformance.runner import EndpointResult, Results
from authfsm.conformance.verdicts import Outcome, RuleVerdict

_COLOURS: Final = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.NOT_SUPPORTED: "dim",
    Outcome.SKIPPED: "yellow",
}


def rules_told(rules: tuple[ConformanceRule, ...]) -> RenderableType:
    """The rules, with their sources."""
    told = Table.grid(padding=(0, 2))
    told.add_column(style="bold", no_wrap=True)
    told.add_column(overflow="fold")
    for rule in rules:
        source = f"{rule.source.title} ({rule.source.confidence})\n{rule.source.url}"
        told.add_row(rule.id, Text.assemble(rule.claim, "\n", (source, "dim")))
    return told


def table(results: Results) -> Iterator[RenderableType]:
    """The table, the numbers under it, and what failed."""
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
    """A line further in; it is never broken, so that a command can be copied."""
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


def rules_seen(results: Results) -> Iterator[RenderableType]:
    """Each rule with the whole conversation about it."""
    for rule in results.rules:
        yield Text.assemble((rule.id, "bold"), f"  {rule.claim}")
        source = f"{rule.source.title} ({rule.source.confidence})  {rule.source.url}"
        yield _in(Text(source, style="dim"), 2)
        for column in results.endpoints:
            yield from _seen(column, rule)


def _seen(column: EndpointResult, rule: ConformanceRule) -> Iterator[RenderableType]:
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
