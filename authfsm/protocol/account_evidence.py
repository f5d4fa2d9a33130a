"""What is known about each transition of an account's life, and from which source: `account_evidence.csv`.

A test holds the file complete. Several sources of one transition are several rows.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

from authfsm.protocol.account_table import AccountOperation, AccountTransition, UserStatus
from authfsm.protocol.evidence import Confidence, Evidence


@cache
def account_evidence_rows() -> dict[AccountTransition, tuple[Evidence, ...]]:
    """Return what `account_evidence.csv` has about each transition, the most certain first."""
    file = resources.files("authfsm.protocol").joinpath("account_evidence.csv")
    found: dict[AccountTransition, list[Evidence]] = {}
    for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()):
        source, dest = UserStatus[row["status"]], UserStatus[row["leads_to"]]
        transition = AccountTransition(source, AccountOperation[row["operation"]], dest)
        evidence = Evidence(Confidence(row["confidence"]), row["when"], row["source"])
        found.setdefault(transition, []).append(evidence)
    order = list(Confidence).index
    return {
        each: tuple(sorted(every, key=lambda known: order(known.confidence)))
        for each, every in found.items()
    }


def account_evidence(transition: AccountTransition) -> tuple[Evidence, ...]:
    """Return what is known about a transition, the most certain first.

    Raises:
        KeyError: the transition is not in the table.
    """
    return account_evidence_rows()[transition]
