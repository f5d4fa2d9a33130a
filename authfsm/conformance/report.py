"""Formats the results as JSON or as Markdown. JSON has the evidence for every verdict, Markdown only for failures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from shlex import quote, split
from typing import Any, Final

from authfsm.conformance.rule import ConformanceRule
from authfsm.conformance.rules import sign_in
from authfsm.conformance.run import EndpointResult, Results
from authfsm.conformance.verdicts import Outcome, RuleSeverity
from authfsm.protocol.states import State

_NOTES: Final = files(__package__).joinpath("report_notes.md").read_text("utf-8").splitlines()
"""How to start well-known endpoints, and the features that their authors exclude: a line for each endpoint."""


def as_json(results: Results) -> dict[str, Any]:
    """Return the results for programs."""
    rules = [
        {
            "id": rule.id, "statement": rule.statement, "group": rule.group,
            "severity": rule.severity.value, "source": rule.source.title, "url": rule.source.url,
            "confidence": rule.source.confidence.value,
        }
        for rule in results.rules
    ]  # fmt: skip
    endpoints = [_endpoint_as_json(each, results.rules) for each in results.endpoints]
    return {"date": results.day.isoformat(), "rules": rules, "endpoints": endpoints}


def _endpoint_as_json(result: EndpointResult, rules: tuple[ConformanceRule, ...]) -> dict[str, Any]:
    verdicts = {
        rule.id: {
            "outcome": verdict.outcome.value, "why": verdict.why,
            "severity": verdict.severity.value if verdict.severity else None,
            "evidence": verdict.evidence, "command": result.endpoint.command(rule),
        }
        for rule in rules
        for verdict in (result.verdicts[rule.id],)
    }  # fmt: skip
    counts = {each.value: result.count(each) for each in Outcome}
    return {"name": result.endpoint.name, "url": result.endpoint.url, "counts": counts, "verdicts": verdicts}


def as_markdown(results: Results) -> str:
    """Return the results for people."""
    parts = (_introduction, _summary, _notes, _groups, _failures, _not_tested)
    return "\n".join(line for part in parts for line in part(results)).rstrip() + "\n"


def _introduction(results: Results) -> Iterator[str]:
    names = ", ".join(_text(each.endpoint.name) for each in results.endpoints)
    yield from _paragraphs(
        "# Conformance with Amazon Cognito",
        f"{names}; tested on {results.day.isoformat()} by `authfsm conform`.",
        "Each rule is a sentence about Amazon Cognito, with its source. The suite tries each rule at each endpoint"
        " through boto3. The rules are about sign-ins and tokens, and about the users, groups, app clients and pools that"
        " they need; other features are not tested. This project has not run the rules at AWS: the word in brackets after a"
        " source says how certain it is, in the terms of `authfsm/protocol/evidence.csv`.",
    )
    for outcome in Outcome:
        yield f"- {outcome.mark} {outcome}: {outcome.meaning}"
    yield ""


def _summary(results: Results) -> Iterator[str]:
    yield from _paragraphs("## Summary")
    yield from _header(["", *Outcome, "critical failures"], "---:")
    for result in results.endpoints:
        counts = [result.count(each) for each in Outcome]
        critical = sum(each.severity is RuleSeverity.CRITICAL for each in result.verdicts.values())
        yield _row([_text(result.endpoint.name), *counts, critical])
    yield ""
    yield from _paragraphs("The severity of a failure:")
    for severity in RuleSeverity:
        yield f"- {severity}: {severity.meaning}"
    yield ""


def _notes(results: Results) -> Iterator[str]:
    names = [result.endpoint.name for result in results.endpoints]
    notes = [note for name in names for note in _NOTES if name.startswith(note.split("**")[1])]
    if notes:
        yield from _paragraphs("## How to reproduce the results", "\n".join(notes))
        command = f"authfsm conform {' '.join(dict.fromkeys(_compare_options(results)))} -o diagrams/conformance.md"
        yield from _paragraphs("The command that tests all of them:", f"```sh\n{command}\n```")


def _compare_options(results: Results) -> Iterator[str]:
    for result in results.endpoints:
        endpoint = result.endpoint
        yield "--compare " + quote(f"{endpoint.name}={endpoint.url or 'local'}")
        for option in endpoint.options:
            name, value = split(option)
            yield f"--codes {quote(f'{endpoint.name}={value}')}" if name == "--codes" else option


def _groups(results: Results) -> Iterator[str]:
    for group, rules in results.groups.items():
        yield from _paragraphs(f"## {group}")
        if group == sign_in.rule.group:
            yield from _sign_in(results)
        yield from _rules([rule for rule in rules if rule.id not in _MATRIX], results)


def _sign_in(results: Results) -> Iterator[str]:
    yield (
        "Sign-ins from the first request to the tokens. Each column is a way to prove the password, each row the"
        " challenge that follows. A combination is tested if the protocol's table has good evidence for it. The suite"
        " answers all challenges with this package's client, which rejects replies that the table does not have."
    )
    for state, why in sign_in.UNTESTED_CHALLENGES.items():
        yield f"Not tested: {state.value} ({why})."
    yield ""
    for result in results.endpoints:
        yield from _paragraphs(f"### {_text(result.endpoint.name)}")
        yield from _header(["challenge", *(f"`{each}`" for each in sign_in.SIGN_IN_METHODS)], ":---:")
        for challenge in sign_in.USER_SITUATIONS:
            marks = (_mark(result, sign_in.rule_id(each, challenge)) for each in sign_in.SIGN_IN_METHODS)
            none = challenge is State.AUTHENTICATED
            yield _row(["none: tokens" if none else f"`{challenge.value}`", *marks])
        yield ""


_MATRIX: Final = {
    sign_in.rule_id(method, state) for method in sign_in.SIGN_IN_METHODS for state in sign_in.USER_SITUATIONS
}


def _rules(rules: list[ConformanceRule], results: Results) -> Iterator[str]:
    if not rules:
        return
    names = (_text(result.endpoint.name) for result in results.endpoints)
    columns = ["rule", "what Cognito does", "source", "severity"]
    yield _row([*columns, *names])
    yield f"|{'---|' * len(columns)}{':---:|' * len(results.endpoints)}"
    for rule in rules:
        source = f"[{_text(rule.source.title)}]({rule.source.url}) ({rule.source.confidence})"
        marks = (_mark(result, rule.id) for result in results.endpoints)
        yield _row([f"`{rule.id}`", _text(rule.statement), source, rule.severity, *marks])
    yield ""


def _mark(result: EndpointResult, rule_id: str) -> str:
    verdict = result.verdicts.get(rule_id)
    return verdict.outcome.mark if verdict else ""


def _header(cells: list[str], alignment: str) -> Iterator[str]:
    yield _row(cells)
    yield f"|---|{f'{alignment}|' * (len(cells) - 1)}"


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _failures(results: Results) -> Iterator[str]:
    for result in results.endpoints:
        verdicts = [(rule, result.verdicts[rule.id]) for rule in results.rules]
        failures = [each for each in verdicts if each[1].outcome is Outcome.FAILED]
        if not failures:
            continue
        yield from _paragraphs(
            f"## Failures of {_text(result.endpoint.name)}",
            "The command runs the rule again and prints its requests and replies.",
        )
        for rule, verdict in failures:
            yield f"- **{rule.id}** ({verdict.severity}): {_text(verdict.why)}"
            # Without an exchange, the rule failed during the setup, which only the command prints.
            if last := verdict.last_exchange:
                yield f"  - request: `{_code(last.request)}`"
                yield f"  - reply: `{_code(last.reply)}`"
            yield f"  - command: `{result.endpoint.command(rule)}`"
        yield ""


def _not_tested(results: Results) -> Iterator[str]:
    """Yield the rules that the endpoint does not support, or that were skipped, grouped by the reason."""
    for result in results.endpoints:
        reasons: dict[tuple[Outcome, str], list[str]] = {}
        for rule in results.rules:
            verdict = result.verdicts[rule.id]
            if verdict.outcome in {Outcome.NOT_SUPPORTED, Outcome.SKIPPED}:
                reasons.setdefault((verdict.outcome, verdict.why), []).append(f"`{rule.id}`")
        if reasons:
            yield from _paragraphs(f"## Not supported by {_text(result.endpoint.name)}, or skipped")
            for (outcome, why), rule_ids in sorted(reasons.items()):
                yield f"- {outcome.mark} `{_code(why)}`: {', '.join(rule_ids)}"
            yield ""


def _paragraphs(*texts: str) -> Iterator[str]:
    for text in texts:
        yield from (text, "")


def _text(text: str) -> str:
    """Escape what would end a cell of a table, or what Markdown would format."""
    return re.sub(r"([\\`|\[\]*<])", r"\\\1", text)


def _code(text: str) -> str:
    return text.replace("`", "'")
