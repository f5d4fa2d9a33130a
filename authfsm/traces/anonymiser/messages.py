"""The error texts that stay in a capture, and where they vary.

Most are those of the local pool's refusals; the rest are AWS's own beyond what the pool says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import ErrorTemplate
from authfsm.protocol.error_policy import ERROR_POLICY

CLIENT_ERROR: Final = re.compile(
    r"An error occurred \((\w+)\) when calling the (\w+) operation(?: \(reached max retries: \d+\))?: (.*)",
    re.DOTALL,
)
"""botocore's text of a ClientError: the code, the operation, the message."""

CLIENT_ERROR_WORDS: Final = frozenset(
    {"An", "error", "occurred", "when", "calling", "the", "operation", "reached", "max", "retries"}
)
"""The words that it begins with."""

# What AWS says besides the messages of `authfsm.local.config.error_templates`, with their variable parts.
_MESSAGES: Final = (
    "Exception migrating user in app client {client}: {why}",
    "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {why}",
    "1 validation error detected: Value at '{name}' failed to satisfy constraint: {why}",
    "{count} validation errors detected: {why}",
    "Exceeded daily email limit for the operation or the account. If a higher limit is required, please configure your user pool to use your own Amazon SES configuration for sending email.",
    "Invalid session due to a mismatched auth flow",
    "Invalid code or auth state for the user.",
    "Invalid Refresh Token",
    "User pool {pool} does not exist.",
    "Temporary password has expired and must be reset by an administrator.",
    "Group not found.",
    "{trigger} failed with error {why}",
    "{trigger} invocation failed due to error {why}",
    "Unrecognizable lambda output",
    "Rate exceeded",
    "Invalid username or missing email / phone_number / preferred_username attributes",
)  # fmt: skip
# The parts of a message that say what is wrong with a value.
_PHRASES: Final = (
    "Member must satisfy regular expression pattern: ^[0-9a-fA-F]+$", "Password not long enough", "Password must have uppercase characters",
    "Password must have lowercase characters", "Password must have numeric characters",
    "Password must have symbol characters", "Password did not conform with policy",
    "Password does not conform to policy", "Member must not be null", "Member must satisfy regular expression pattern:",
    "Member must have length less than or equal to", "Member must have length greater than or equal to",
    "Member must satisfy enum value set:", "failed to satisfy constraint:", "is missing", "required by",
    "does not exist", "is not authorized to perform", "The security token included in the request is invalid",
    "The security token included in the request is expired", "no identity-based policy allows the",
    *(message for message in _MESSAGES if "{" not in message),
    *(part for parts in ERROR_POLICY.values() for part in parts if part),
)  # fmt: skip


def _templates() -> Iterable[str]:
    known = [
        each.message for each in vars(error_templates).values() if isinstance(each, ErrorTemplate)
    ]
    return [each for each in (*known, *_MESSAGES) if len(re.sub(r"\{\w+\}", "", each)) >= 9]  # noqa: PLR2004 - less says nothing


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{\w+\}", template.rstrip("."))
    return re.compile("(.+?)".join(map(re.escape, parts)) + r"(?:\.?)", re.DOTALL)


TEMPLATES: Final = tuple(map(_pattern, sorted(_templates(), key=len, reverse=True)))
"""The whole messages, a group for each part that varies; the longest first."""

PHRASE: Final = re.compile(
    "(" + "|".join(map(re.escape, sorted(_PHRASES, key=len, reverse=True))) + ")", re.IGNORECASE
)
"""The parts of a message that stay by themselves."""
