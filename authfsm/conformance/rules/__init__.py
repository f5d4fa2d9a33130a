"""All rules, in the order of the report. Private: a folder of `authfsm.conformance`."""

from __future__ import annotations

from typing import Final

from authfsm.conformance.rule import ConformanceRule
from authfsm.conformance.rules import accounts, proofs, requests_and_errors, sign_in, tokens

_COLLECTORS: Final = (
    sign_in.rule, proofs.rule, requests_and_errors.session_rule, proofs.code_rule, tokens.rule,
    requests_and_errors.client_rule, accounts.secret_rule, proofs.device_rule, requests_and_errors.existence_rule,
    requests_and_errors.rule, accounts.pool_rule, accounts.group_rule, accounts.account_rule,
)  # fmt: skip
RULES: Final = tuple(rule for collector in _COLLECTORS for rule in collector.rules)


def select_rules(names: tuple[str, ...]) -> tuple[ConformanceRule, ...]:
    """Return the rules with these ids, which may end with `*`; without ids, all. Unknown ids raise LookupError."""
    if not names:
        return RULES
    for name in names:
        if not any(_matches(rule, name) for rule in RULES):
            raise LookupError(name)
    return tuple(rule for rule in RULES if any(_matches(rule, name) for name in names))


def _matches(rule: ConformanceRule, name: str) -> bool:
    return rule.id == name or (name.endswith("*") and rule.id.startswith(name[:-1]))
