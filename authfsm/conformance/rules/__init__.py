"""Every rule, in the order of the table."""

from __future__ import annotations

from typing import Final

from authfsm.conformance.rule import ConformanceRule
from authfsm.conformance.rules.codes import CODES
from authfsm.conformance.rules.devices import DEVICES
from authfsm.conformance.rules.errors import ERRORS
from authfsm.conformance.rules.existence import EXISTENCE
from authfsm.conformance.rules.other_walks import OTHER_WALKS
from authfsm.conformance.rules.proofs import PROOFS
from authfsm.conformance.rules.renewals import RENEWALS
from authfsm.conformance.rules.sessions import SESSIONS
from authfsm.conformance.rules.settings import SETTINGS
from authfsm.conformance.rules.tokens import TOKENS
from authfsm.conformance.rules.walks import WALKS

RULES: Final[tuple[ConformanceRule, ...]] = (
    *WALKS,
    *OTHER_WALKS,
    *PROOFS,
    *SESSIONS,
    *CODES,
    *TOKENS,
    *RENEWALS,
    *SETTINGS,
    *DEVICES,
    *EXISTENCE,
    *ERRORS,
)
"""Every rule."""


def select_rules(wanted: tuple[str, ...]) -> tuple[ConformanceRule, ...]:
    """The rules of these names; a name with `*` at its end stands for all that begin so.

    Raises:
        LookupError: a name is no rule's.
    """
    if not wanted:
        return RULES
    found = [each for each in RULES if any(_is(each, name) for name in wanted)]
    for name in wanted:
        if not any(_is(each, name) for each in found):
            raise LookupError(name)
    return tuple(found)


def _is(rule: ConformanceRule, name: str) -> bool:
    return rule.id == name or (name.endswith("*") and rule.id.startswith(name[:-1]))
