"""The verdict on a rule at an endpoint, with the requests and replies that led to it. It contains no secrets."""

from __future__ import annotations

from attrs import field, frozen

from authfsm.base.mixins import DescribedName


class Outcome(DescribedName):
    """The outcome of a rule at an endpoint."""

    mark: str
    """The character that stands for it in tables."""
    meaning: str
    """What it says about the endpoint, as a sentence."""

    def __init__(self, _: str, mark: str, meaning: str) -> None:
        self.mark, self.meaning = mark, meaning

    PASSED = "passed", "✓", "The endpoint behaves as the rule says."
    FAILED = "failed", "✗", "The endpoint behaves differently."
    NOT_SUPPORTED = (
        "not supported",
        "·",
        "The endpoint replied that it lacks the operation, flow or challenge. This is not a failure.",
    )
    SKIPPED = (
        "skipped",
        "?",
        "The endpoint could not provide what the rule needs, so nothing is known.",
    )


class RuleSeverity(DescribedName):
    """How much the failure of a rule matters to somebody who tests against the endpoint."""

    meaning: str
    """What such a failure means, as a sentence."""

    def __init__(self, _: str, meaning: str) -> None:
        self.meaning = meaning

    CRITICAL = (
        "critical",
        "The endpoint accepts what Cognito refuses, so a test passes that should fail.",
    )
    MAJOR = "major", "A client written for Cognito gets a different reply."
    MINOR = "minor", "A detail differs, which a tolerant client ignores."


@frozen
class RecordedExchange:
    """A request and its reply, each in one line without secrets.

    Args:
        request: the operation and its members.
        reply: the reply.
        is_setup: whether it only created what the rule needs, such as a pool or a user.
    """

    request: str
    reply: str
    is_setup: bool = False


@frozen
class RuleVerdict:
    """The verdict on a rule at an endpoint.

    Args:
        outcome: the outcome.
        why: the reason for it; empty if the rule passed.
        exchanges: all requests and replies, in order.
        severity: the severity of the failure, if the rule failed.
        seconds: how long the rule took.
    """

    outcome: Outcome
    why: str = ""
    exchanges: tuple[RecordedExchange, ...] = field(default=(), repr=False)
    severity: RuleSeverity | None = None
    seconds: float = field(default=0.0, eq=False)

    @property
    def last_exchange(self) -> RecordedExchange | None:
        """The last request that was not part of the setup, with its reply."""
        return next((each for each in reversed(self.exchanges) if not each.is_setup), None)

    @property
    def evidence(self) -> str:
        """The last exchange in one line; empty if there was none."""
        last = self.last_exchange
        return f"{last.request} -> {last.reply}" if last else ""


class RuleEnded(Exception):
    """Ends a rule with another outcome than PASSED; the base of the three errors below.

    Args:
        why: the reason, without secrets.
    """

    outcome: Outcome

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class RuleFailed(RuleEnded):
    """The endpoint behaves differently from Cognito.

    Args:
        why: the difference, without secrets.
        severity: how much it matters, if not as much as the rule says.
    """

    outcome = Outcome.FAILED

    def __init__(self, why: str, severity: RuleSeverity | None = None) -> None:
        super().__init__(why)
        self.severity = severity


class NotSupported(RuleEnded):
    """The endpoint lacks the operation, flow or challenge."""

    outcome = Outcome.NOT_SUPPORTED


class Skipped(RuleEnded):
    """The endpoint could not provide what the rule needs, or did not reply in time."""

    outcome = Outcome.SKIPPED
