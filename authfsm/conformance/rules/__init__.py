"""All rules, in the order of the report. Private: a folder of `authfsm.conformance`."""

from __future__ import annotations

from typing import Final

from authfsm.conformance.rule import ConformanceRule
from authfsm.conformance.rules.codes import CODES
from authfsm.conformance.rules.errors import ERRORS
from authfsm.conformance.rules.proofs import DEVICES, PROOFS
from authfsm.conformance.rules.sessions import SESSIONS
from authfsm.conformance.rules.settings import EXISTENCE, SETTINGS
from authfsm.conformance.rules.sign_in import SIGN_IN
from authfsm.conformance.rules.tokens import TOKENS

RULES: Final[tuple[ConformanceRule, ...]] = (
    *SIGN_IN,
    *PROOFS,
    *SESSIONS,
    *CODES,
    *TOKENS,
    *SETTINGS,
    *DEVICES,
    *EXISTENCE,
    *ERRORS,
)


def select_rules(names: tuple[str, ...]) -> tuple[ConformanceRule, ...]:
    """Return the rules with these names; all rules, if there are no names.

    Args:
        names: ids of rules; a name with `*` at its end stands for all ids that begin like it.

    Raises:
        LookupError: a name matches no rule.
    """
    if not names:
        return RULES
    for name in names:
        if not any(_matches(rule, name) for rule in RULES):
            raise LookupError(name)
    return tuple(rule for rule in RULES if any(_matches(rule, name) for name in names))


def _matches(rule: ConformanceRule, name: str) -> bool:
    return rule.id == name or (name.endswith("*") and rule.id.startswith(name[:-1]))
