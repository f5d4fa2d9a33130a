"""What is known about each transition of an account's life, and from which source: `account_evidence.csv`.

A test holds the file complete. Several sources of one transition are several rows.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

from authfsm.protocol.account_table import ACCOUNT_TRANSITIONS, AccountTransition
from authfsm.protocol.evidence import Confidence, Evidence

_Key = tuple[str, str, str]


def account_evidence_rows() -> tuple[tuple[_Key, Evidence], ...]:
    """Return every row of `account_evidence.csv`: its status, operation and destination, and its evidence."""
    file = resources.files("authfsm.protocol").joinpath("account_evidence.csv")
    return tuple(
        (
            (row["status"], row["operation"], row["leads_to"]),
            Evidence(Confidence(row["confidence"]), row["when"], row["source"]),
        )
        for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    )


@cache
def _account_evidence() -> dict[AccountTransition, tuple[Evidence, ...]]:
    rows, order = account_evidence_rows(), list(Confidence)
    return {
        each: tuple(
            sorted(
                (found for key, found in rows if key == tuple(part.name for part in each)),
                key=lambda found: order.index(found.confidence),
            )
        )
        for each in ACCOUNT_TRANSITIONS
    }


def account_evidence(transition: AccountTransition) -> tuple[Evidence, ...]:
    """Return what is known about a transition, the most certain first.

    Raises:
        KeyError: the transition is not in the table.
    """
    return _account_evidence()[transition]
