"""A rule: one sentence that Cognito keeps, where that is known from, and how to see whether an endpoint keeps it.

A rule is a claim about Cognito, never about an endpoint: what an endpoint does is a `Verdict`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from attrs import field, frozen

from authfsm.conformance.verdicts import RuleSeverity
from authfsm.protocol import links
from authfsm.protocol.evidence import Confidence

if TYPE_CHECKING:
    from authfsm.conformance.trial import Trial


class RuleGroup(str, Enum):
    """What a rule is about, in the order of the table."""

    WALKS = "Walks through the challenges"
    PROOFS = "Proofs"
    SESSIONS = "Sessions"
    CODES = "Codes"
    TOKENS = "Tokens"
    SETTINGS = "Settings of pool and app client"
    DEVICES = "Devices"
    EXISTENCE = "Who exists"
    ERRORS = "Errors and replies"

    __str__ = str.__str__


@frozen
class RuleSource:
    """Where a rule is known from.

    Args:
        title: the page, the measurement or the issue.
        url: where to read it.
        confidence: how sure it is.
    """

    title: str
    url: str
    confidence: Confidence = Confidence.DOCUMENTED


@frozen
class ConformanceRule:
    """A rule.

    Args:
        id: short and stable: `srp.verifies-proof`.
        claim: what Cognito does, in one sentence.
        group: what it is about.
        source: where it is known from.
        severity: what it means if it is not kept.
        provoke: sees whether an endpoint keeps it; what it raises is the verdict (`authfsm.conformance.verdicts`).
    """

    id: str
    claim: str
    group: RuleGroup
    source: RuleSource
    severity: RuleSeverity
    run: Callable[[Trial], None] = field(repr=False, eq=False)


def guide(url: str, title: str, confidence: Confidence = Confidence.DOCUMENTED) -> RuleSource:
    """Return a page of the developer guide, by its address in `authfsm.protocol.links`."""
    return RuleSource(f"developer guide, {title}", url, confidence)


def reference(operation: str, confidence: Confidence = Confidence.DOCUMENTED) -> RuleSource:
    """An operation's page of the API reference."""
    return RuleSource(f"API reference, {operation}", links.reference(operation), confidence)


def standard(words: str, url: str, confidence: Confidence = Confidence.INFERRED) -> RuleSource:
    """A standard that Cognito's protocol is built on: that Cognito keeps it, follows, and is not said by AWS."""
    return RuleSource(words, f"https://www.rfc-editor.org/rfc/{url}", confidence)


def issue(thread: str, number: int, confidence: Confidence = Confidence.ISSUE) -> RuleSource:
    """A thread on GitHub, as `aws-amplify/amplify-js`."""
    return RuleSource(
        f"{thread} #{number}", f"https://github.com/{thread}/issues/{number}", confidence
    )


@frozen
class Entry:
    """Makes rules of one group out of the functions that provoke them.

    Args:
        group: theirs.
    """

    group: RuleGroup
    rules: list[ConformanceRule] = field(factory=list)

    def __call__(
        self, name: str, claim: str, source: RuleSource, severity: RuleSeverity = RuleSeverity.MAJOR
    ) -> Callable[[Callable[[Trial], None]], Callable[[Trial], None]]:
        """Enter a function as a rule."""

        def enter(run: Callable[[Trial], None]) -> Callable[[Trial], None]:
            self.rules.append(ConformanceRule(name, claim, self.group, source, severity, run))
            return run

        return enter
