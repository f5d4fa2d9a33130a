"""What is to be known of some endpoints before their column is read: how they are started, and what they leave out.

What they leave out is what their own authors say, with the place where they say it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from attrs import frozen

from authfsm.conformance.rule import ConformanceRule, RuleGroup
from authfsm.conformance.rules.other_walks import LEFT_OUT
from authfsm.conformance.rules.walks import STANDINGS, WAYS
from authfsm.conformance.runner import EndpointResult, Results
from authfsm.conformance.verdicts import Outcome, RuleSeverity, RuleVerdict


@frozen
class Note:
    """What is to be known of an endpoint.

    Args:
        name: whose name begins so.
        started: how it is started.
        words: what its authors say that it does not mean to do, as Markdown.
    """

    name: str
    started: str
    words: str


NOTES: Final = (
    Note(
        "authfsm",
        "authfsm conform",
        "Without an endpoint, this package's own pools are served over HTTP, one for each setting that a rule"
        " wants. They were written beside the rules: their column shows that the rules can be kept, and no more.",
    ),
    Note(
        "moto_server",
        "MOTO_COGNITO_IDP_USER_POOL_ENABLE_TOTP=true moto_server -H 127.0.0.1 -p 5000",
        "A mock of a great many AWS services. TOTP codes are verified with that variable only, so it is set."
        ' Of verifying proofs by SRP its maintainer wrote: "without any official documentation, I\'m hesitant"'
        " ([moto #7562](https://github.com/getmoto/moto/issues/7562)). It sends no codes; a code of ForgotPassword"
        " is verified where the client opts in with the one from its"
        " `x-moto-forgot-password-confirmation-code` header, and any other is taken, as"
        " [its code](https://github.com/getmoto/moto/blob/5.2.5/moto/cognitoidp/models.py) says.",
    ),
    Note(
        "cognito-local",
        "PORT=9229 HOST=127.0.0.1 CODE=123456 npx cognito-local",
        "An offline emulator for development. [Its README](https://github.com/jagregory/cognito-local#known-limitations)"
        ' says: "Many features are missing", "Users can\'t be disabled", "Only `USER_PASSWORD_AUTH` flow is'
        ' supported", and that its support for MFA is limited. It writes codes on its console; with that variable, they are always the same.',
    ),
)
"""Of those that are known here."""


def notes_of(names: Iterable[str]) -> tuple[Note, ...]:
    """The notes of these endpoints."""
    return tuple(note for name in names for note in NOTES if name.startswith(note.name))


_ARROW: Final = " -> "


def as_json(results: Results) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        "date": results.day.isoformat(),
        "rules": [_rule_as_json(rule) for rule in results.rules],
        "endpoints": [_column_as_json(column, results.rules) for column in results.endpoints],
    }


def _rule_as_json(rule: ConformanceRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "claim": rule.claim,
        "group": rule.group.value,
        "severity": rule.severity.value,
        "source": rule.source.title,
        "url": rule.source.url,
        "confidence": rule.source.confidence.value,
    }


def _column_as_json(column: EndpointResult, rules: tuple[ConformanceRule, ...]) -> dict[str, Any]:
    verdicts = {}
    for rule in rules:
        verdict = column.verdicts[rule.id]
        verdicts[rule.id] = {
            "outcome": verdict.outcome.value,
            "why": verdict.why,
            "severity": verdict.severity.value if verdict.severity else None,
            "evidence": verdict.evidence,
            "command": column.endpoint.command(rule),
        }
    return {
        "name": column.endpoint.name,
        "url": column.endpoint.url,
        "counts": {each.value: column.count(each) for each in Outcome},
        "verdicts": verdicts,
    }


def as_markdown(results: Results) -> str:
    """Everything, for people.

    Args:
        results: what was seen.
    """
    parts = [
        *_head(results),
        *_summary(results),
        *_notes(results, notes_of(each.endpoint.name for each in results.endpoints)),
        *_walks(results),
        *_groups(results),
        *_seen(results),
        *_not_tried(results),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _head(results: Results) -> Iterator[str]:
    names = ", ".join(column.endpoint.name for column in results.endpoints)
    yield "# Conformance of local Cognito servers"
    yield ""
    yield f"{names}; seen on {results.day.isoformat()} by `authfsm conform`."
    yield ""
    yield (
        "Each rule is a sentence about Amazon Cognito, with its source. It is provoked at the endpoint through boto3,"
        " and what comes back decides. The rules are about signing in, and about nothing else that a server may be"
        " good for. Nothing here was seen at AWS: where a source is weaker than AWS's own documents, it says so."
    )
    yield ""
    for outcome, meaning in _MEANINGS.items():
        yield f"- {outcome.mark} {outcome}: {meaning}"
    yield ""
    yield "How sure a source is, stands after it in the words of the `evidence.csv` of this package."
    yield ""


_MEANINGS: Final = {
    Outcome.PASSED: "the endpoint does as the rule says.",
    Outcome.FAILED: "it does otherwise; what came is told below, with the command that shows it again.",
    Outcome.NOT_SUPPORTED: "it says, in its own words, that it has no such operation, flow or challenge. That is no fault.",
    Outcome.SKIPPED: "what the rule needs could not be had there. That says nothing.",
}
_SEVERITIES: Final = {
    RuleSeverity.CRITICAL: "what Cognito refuses is let through there: a test passes that must not",
    RuleSeverity.MAJOR: "a client written for Cognito meets something else there",
    RuleSeverity.MINOR: "a detail, which a tolerant client passes over",
}


def _summary(results: Results) -> Iterator[str]:
    yield "## In numbers"
    yield ""
    yield f"| | {' | '.join(str(each) for each in Outcome)} | of the failures grave |"
    yield f"|---|{'---:|' * (len(Outcome) + 1)}"
    for column in results.endpoints:
        counts = " | ".join(str(column.count(each)) for each in Outcome)
        yield f"| {column.endpoint.name} | {counts} | {column.critical_failures} |"
    yield ""
    told = "; ".join(f"*{each}*: {words}" for each, words in _SEVERITIES.items())
    yield f"A failure is one of three: {told}."
    yield ""


def _notes(results: Results, notes: tuple[Note, ...]) -> Iterator[str]:
    if not notes:
        return
    yield "## How to see it again, and what they do not mean to do"
    yield ""
    for note in notes:
        yield f"- **{note.name}**: `{note.started}`. {note.words}"
    yield ""
    yield "The whole table:"
    yield ""
    yield "```sh"
    yield f"authfsm conform {' '.join(_compared(results))} -o diagrams/conformance.md"
    yield "```"
    yield ""


def _compared(results: Results) -> Iterator[str]:
    for column in results.endpoints:
        endpoint = column.endpoint
        yield f"--compare '{endpoint.name}={endpoint.url or 'ours'}'"
        for option in endpoint.options:
            name, _, value = option.partition(" ")
            if name == "--codes":
                yield f"--codes '{endpoint.name}={value}'"


# ---- the walks --------------------------------------------------------------------------------------


def _walks(results: Results) -> Iterator[str]:
    """A matrix for each endpoint: what is asked, by the way that the password was proved."""
    rules = {rule.id: rule for rule in results.rules if rule.group is RuleGroup.WALKS}
    if not rules:
        return
    ways = [way.name for way in WAYS]
    asked = [standing.asked.value for standing in STANDINGS]
    in_matrix = {f"walk.{way}.{each}" for way in ways for each in asked}
    yield f"## {RuleGroup.WALKS}"
    yield ""
    yield (
        "Every challenge of Cognito's, by every way to it that the table has on good evidence; each is answered right,"
        " down to the tokens, by a client that refuses whatever the table does not have. In the columns, how the"
        " password was proved; in the rows, what is asked then."
    )
    for state, why in LEFT_OUT.items():
        yield f"Left out: {state.value} ({why})."
    yield ""
    for column in results.endpoints:
        yield f"### {column.endpoint.name}"
        yield ""
        yield f"| asked | {' | '.join(f'`{way}`' for way in ways)} |"
        yield f"|---|{':---:|' * len(ways)}"
        for each in asked:
            marks = (_mark(column, f"walk.{way}.{each}") for way in ways)
            what = "nothing more: tokens" if each == "AUTHENTICATED" else f"`{each}`"
            yield f"| {what} | {' | '.join(marks)} |"
        yield ""
    yield from _rows([rule for name, rule in rules.items() if name not in in_matrix], results)


def _mark(column: EndpointResult, rule: str) -> str:
    verdict = column.verdicts.get(rule)
    return verdict.outcome.mark if verdict else ""


# ---- the other rules --------------------------------------------------------------------------------


def _groups(results: Results) -> Iterator[str]:
    for group in RuleGroup:
        rules = [rule for rule in results.rules if rule.group is group]
        if group is RuleGroup.WALKS or not rules:
            continue
        yield f"## {group}"
        yield ""
        yield from _rows(rules, results)


def _rows(rules: list[ConformanceRule], results: Results) -> Iterator[str]:
    if not rules:
        return
    names = " | ".join(column.endpoint.name for column in results.endpoints)
    yield f"| rule | what Cognito does | source | if not | {names} |"
    yield f"|---|---|---|---|{':---:|' * len(results.endpoints)}"
    for rule in rules:
        marks = " | ".join(_mark(column, rule.id) for column in results.endpoints)
        yield f"| `{rule.id}` | {_cell(rule.claim)} | {_source(rule)} | {rule.severity} | {marks} |"
    yield ""


def _source(rule: ConformanceRule) -> str:
    return f"[{_cell(rule.source.title)}]({rule.source.url}) ({rule.source.confidence})"


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("[", "\\[").replace("]", "\\]").replace("*", "\\*")


# ---- what was seen ----------------------------------------------------------------------------------


def _seen(results: Results) -> Iterator[str]:
    for column in results.endpoints:
        failed = [
            rule for rule in results.rules if column.verdicts[rule.id].outcome is Outcome.FAILED
        ]
        if not failed:
            continue
        yield f"## What came from {column.endpoint.name}"
        yield ""
        yield "Each line can be seen again by its command, which prints the whole conversation."
        yield ""
        for rule in failed:
            verdict = column.verdicts[rule.id]
            yield f"- **{rule.id}** ({verdict.severity}): {_cell(verdict.why)}"
            # What came while a person was being made ready is told by the conversation alone.
            if verdict.evidence:
                yield f"  - asked: `{_code(_asked(verdict))}`"
                yield f"  - came: `{_code(_came(verdict))}`"
            yield f"  - again: `{column.endpoint.command(rule)}`"
        yield ""


def _asked(verdict: RuleVerdict) -> str:
    return verdict.evidence.partition(_ARROW)[0]


def _came(verdict: RuleVerdict) -> str:
    return verdict.evidence.partition(_ARROW)[2]


def _code(words: str) -> str:
    return words.replace("`", "'")


def _not_tried(results: Results) -> Iterator[str]:
    """What is not offered, and what could not be tried, gathered by the words that say so."""
    for column in results.endpoints:
        told: dict[tuple[Outcome, str], list[str]] = {}
        for rule in results.rules:
            verdict = column.verdicts[rule.id]
            if verdict.outcome in {Outcome.NOT_SUPPORTED, Outcome.SKIPPED}:
                told.setdefault((verdict.outcome, verdict.why), []).append(rule.id)
        if not told:
            continue
        yield f"## Not offered by {column.endpoint.name}, or not tried there"
        yield ""
        for (outcome, why), names in sorted(told.items()):
            yield f"- {outcome.mark} `{_code(why)}`: {', '.join(f'`{each}`' for each in names)}"
        yield ""
