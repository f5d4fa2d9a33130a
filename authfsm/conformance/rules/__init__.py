"""All rules, in the order of the report. Private: a folder of `authfsm.conformance`."""

from __future__ import annotations

from typing import Final

from authfsm.conformance.rule import ConformanceRule
from authfsm.conformance.rules import (
    error_replies,
    one_time_codes,
    proofs,
    request_checks,
    sign_in,
    tokens,
)

_COLLECTORS: Final = (
    sign_in.rule, proofs.rule, request_checks.rule, one_time_codes.rule, tokens.rule,
    request_checks.client_rule, proofs.device_rule, error_replies.existence_rule, error_replies.rule,
)  # fmt: skip
RULES: Final = tuple(rule for collector in _COLLECTORS for rule in collector.rules)


def select_rules(names: tuple[str, ...]) -> tuple[ConformanceRule, ...]:
    """Return the rules with these names; all rules, if there are no names."""
    if not names:
        return RULES
    for name in names:
        if not any(_matches(rule, name) for rule in RULES):
            raise LookupError(name)
    return tuple(rule for rule in RULES if any(_matches(rule, name) for name in names))


def _matches(rule: ConformanceRule, name: str) -> bool:
    return rule.id == name or (name.endswith("*") and rule.id.startswith(name[:-1]))
