"""The replies of an endpoint, checks of them, and the verdicts on rules. Verdicts contain no secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from authfsm.base.mixins import DescribedName

_BAD_REQUEST: Final = 400
_SERVER_ERROR: Final = 500
# Phrases in the errors of servers that lack an operation, flow or challenge.
_UNSUPPORTED: Final = (
    "not supported", "unsupported", "not implemented", "notimplemented", "not yet implemented", "does not serve",
    "unknown operation", "unknownoperation", "enum value set", "is not a valid choice",
)  # fmt: skip


class Outcome(DescribedName):
    """The outcome of a rule at an endpoint, with its mark in tables and its meaning."""

    mark: str
    meaning: str

    def __init__(self, _: str, mark: str, meaning: str) -> None:
        self.mark, self.meaning = mark, meaning

    # fmt: off
    PASSED = "passed", "✓", "The endpoint behaves as the rule says."
    FAILED = "failed", "✗", "The endpoint behaves differently."
    NOT_SUPPORTED = "not supported", "·", "The endpoint seems to lack the feature. This is no failure."
    SKIPPED = "skipped", "?", "The rule could not be tested, for example because no reply came."
    # fmt: on


class RuleSeverity(DescribedName):
    """How much the failure of a rule matters to a test that uses the endpoint."""

    CRITICAL = "critical", "The endpoint accepts or issues what Cognito does not: a test passes that should fail."  # fmt: skip
    MAJOR = "major", "A client written for Cognito gets a different reply."
    MINOR = "minor", "A detail differs, which a tolerant client ignores."


@frozen
class RecordedExchange:
    """A request and its reply, each in one line without secrets; `is_setup` if it only prepared or cleaned up."""

    request: str
    reply: str
    is_setup: bool = False


@frozen
class RuleVerdict:
    """The verdict on a rule at an endpoint; `why` is the reason for an outcome other than PASSED."""

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


def one_line(text: str) -> str:
    """Return a text as one line of printable characters, because a line end would break the tables of a report."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


class RuleNotPassed(Exception):
    """Ends a rule with an outcome other than PASSED; `why` is the reason, without secrets."""

    outcome: Outcome

    def __init__(self, why: str) -> None:
        self.why = one_line(why)
        super().__init__(self.why)


class RuleFailed(RuleNotPassed):
    """The endpoint behaves differently from Cognito. `severity` replaces the rule's severity if it is not None."""

    outcome = Outcome.FAILED

    def __init__(self, why: str, severity: RuleSeverity | None = None) -> None:
        super().__init__(why)
        self.severity = severity


def fail_if(condition: object, why: str) -> None:
    """Raise RuleFailed if the condition is true."""
    if condition:
        raise RuleFailed(why)


class NotSupported(RuleNotPassed):
    """The endpoint seems to lack the operation, flow or challenge: its error says so, or the reply does not have it."""

    outcome = Outcome.NOT_SUPPORTED


class Skipped(RuleNotPassed):
    """The rule could not be tested: the endpoint or the installation lacks what it needs, or no reply came in time."""

    outcome = Outcome.SKIPPED


@frozen
class ApiReply:
    """A reply of the endpoint: the JSON value of its body, if it is JSON, and a summary without secrets."""

    operation: str
    status: int
    content: Any = field(repr=False)
    summary: str

    @property
    def body(self) -> Mapping[str, Any]:
        """The JSON object of the body; empty if it is not an object."""
        return self.content if isinstance(self.content, Mapping) else {}

    @property
    def code(self) -> str | None:
        """The code of the error; None if the reply is not an error."""
        if (code := error_code(self.body)) is not None:
            return code
        return f"HTTP {self.status}" if self.status >= _BAD_REQUEST else None

    @property
    def message(self) -> str:
        """The message of the error; empty if there is none."""
        return error_message(self.body)

    def _text(self, name: str) -> str | None:
        return value if isinstance(value := self.body.get(name), str) else None

    def _mapping(self, name: str) -> Mapping[str, Any]:
        return value if isinstance(value := self.body.get(name), Mapping) else {}

    @property
    def challenge(self) -> str | None:
        """The ChallengeName; None if the reply has none."""
        return self._text("ChallengeName")

    @property
    def session(self) -> str | None:
        """The Session; None if the reply has none."""
        return self._text("Session")

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The ChallengeParameters; empty if there are none."""
        return self._mapping("ChallengeParameters")

    @property
    def tokens(self) -> Mapping[str, Any]:
        """The AuthenticationResult; empty if there is none."""
        return self._mapping("AuthenticationResult")

    @property
    def unsupported(self) -> bool:
        """Whether the reply is an error with one of the phrases of `_UNSUPPORTED`, or has an HTTP status of 500 or more."""
        if self.code is None:
            return False
        error = f"{self.code} {self.message}".lower().replace("_", " ")
        return self.status >= _SERVER_ERROR or any(phrase in error for phrase in _UNSUPPORTED)

    def ensure_supported(self) -> ApiReply:
        """Return the reply; raise NotSupported if it is `unsupported`."""
        if self.unsupported:
            raise NotSupported(self.summary)
        return self

    def expect_success(self, skip_code: str | None = None) -> ApiReply:
        """Return the reply, which must not be an error; the error code `skip_code` skips the rule."""
        if self.code is not None and self.code == skip_code:
            raise Skipped(f"{self.operation}: {self.summary}")
        self.ensure_supported()
        fail_if(self.code is not None, f"{self.operation} was refused: {self.summary}")
        return self

    def expect_tokens(self) -> ApiReply:
        """Return the reply, which must have an access token."""
        self.expect_success()
        fail_if(not self.tokens.get("AccessToken"), f"{self.operation} returned no access token: it {self._result}")
        return self

    def expect_error(self, attempt: str, code: str | None = None) -> None:
        """Check that the request was refused, with the error `code` if set; messages call the request `attempt`."""
        self.ensure_supported()
        fail_if(self.code is None, f"{attempt} {self._result}")
        fail_if(code not in {None, self.code}, f"{attempt} was refused with {self.code}, not {code}")

    def expect_challenge(self, challenge: str) -> ApiReply:
        """Return the reply, which must have this challenge; any error is taken to mean that the endpoint lacks it."""
        if self.code is not None:
            raise NotSupported(self.summary)
        fail_if(self.challenge != challenge, f"{self.operation} did not lead to {challenge}: it {self._result}")
        return self

    def setup_value(self, *path: str) -> Any:
        """Return a value of the reply to a setup request, by its path; raise Skipped if there is none."""
        value: Any = self.body
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if self.code is not None or (path and value is None):
            raise Skipped(f"{self.operation}: {self.summary}")
        return value

    @property
    def _result(self) -> str:
        if self.tokens:
            return "returned tokens"
        if self.challenge:
            return f"led to {self.challenge}"
        return f"was answered with {self.summary}"


def error_code(content: Mapping[str, Any]) -> str | None:
    """Return the code of an error reply, without its namespace; None if it is not an error."""
    code = content.get("__type") or content.get("code")
    return str(code).rpartition("#")[2] if code else None


def error_message(content: Mapping[str, Any]) -> str:
    """Return the message of an error reply."""
    return str(content.get("message") or content.get("Message") or "")
