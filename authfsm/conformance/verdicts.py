"""What was seen of a rule at an endpoint: the outcome, and the conversation that shows it. No secrets in it."""

from __future__ import annotations

from enum import Enum
from typing import Final

from attrs import field, frozen

from authfsm.base.mixins import DescribedName


class Outcome(DescribedName):
    """What came of a rule."""

    mark: str
    """One character for it."""

    def __init__(self, _: str, mark: str) -> None:
        self.mark = mark

    PASSED = "passed", "✓"  #: The endpoint does as the rule says.
    FAILED = "failed", "✗"  #: It does otherwise.
    NOT_SUPPORTED = (
        "not supported",
        "·",
    )  #: It says that it has no such operation, flow or challenge.
    SKIPPED = "skipped", "?"  #: What the rule needs could not be had here.


class RuleSeverity(str, Enum):
    """What it means for somebody who tests against an endpoint that a rule is not kept there."""

    CRITICAL = (
        "critical"  #: What Cognito refuses is let through there: a test passes that must not.
    )
    MAJOR = "major"  #: A client written for Cognito meets something else there.
    MINOR = "minor"  #: A detail of shape or wording, which a tolerant client passes over.

    __str__ = str.__str__


@frozen
class RecordedExchange:
    """A request and what came back, without secrets.

    Args:
        request: the operation and what it was given.
        heard: what came back.
        furnishing: was it only to make what the rule needs, as a pool or a user?
    """

    request: str
    reply: str
    is_setup: bool = False


@frozen
class RuleVerdict:
    """A rule's outcome at an endpoint.

    Args:
        outcome: what came of it.
        why: what was seen, in words; empty if it passes.
        conversation: what was said, in order.
        severity: how grave it is, if it fails.
        seconds: how long it took.
    """

    outcome: Outcome
    why: str = ""
    exchanges: tuple[RecordedExchange, ...] = field(default=(), repr=False)
    severity: RuleSeverity | None = None
    seconds: float = field(default=0.0, eq=False)

    @property
    def evidence(self) -> str:
        """The last thing said that was no furnishing."""
        told = [each for each in self.exchanges if not each.is_setup]
        return f"{told[-1].request} -> {told[-1].reply}" if told else ""


class RuleEnded(Exception):
    """What a rule saw, if it did not simply pass: the base of the three below.

    Args:
        why: in words, without secrets.
    """

    outcome: Outcome

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class RuleFailed(RuleEnded):
    """The endpoint does otherwise than the rule says.

    Args:
        why: in words, without secrets.
        severity: how grave that is; as the rule says, if left out.
    """

    outcome = Outcome.FAILED

    def __init__(self, why: str, severity: RuleSeverity | None = None) -> None:
        super().__init__(why)
        self.severity = severity


class NotSupported(RuleEnded):
    """The endpoint has no such operation, flow or challenge."""

    outcome = Outcome.NOT_SUPPORTED


class Skipped(RuleEnded):
    """What the rule needs could not be had."""

    outcome = Outcome.SKIPPED


WITHOUT_FAULT: Final = frozenset({Outcome.PASSED, Outcome.NOT_SUPPORTED, Outcome.SKIPPED})
"""The outcomes that say nothing against an endpoint."""
