"""The evidence for each transition: when Cognito makes it, how certain that is, and the source.

`evidence.csv` has one or more rows for each transition of `PROTOCOL`, and `account_evidence.csv` has them for those of
`ACCOUNT_LIFE`. A row with `*` as state and response is for all transitions to its destination that have no other row.
The column `leads_to` has the destination; `source` is a citation, not a state.
"""

from __future__ import annotations

import csv
from collections.abc import Hashable, Iterable, Iterator
from functools import cache
from importlib import resources
from typing import TypeVar

from attrs import frozen

from authfsm.base.mixins import DescribedName
from authfsm.protocol.account_table import AccountOperation, AccountTransition, UserStatus
from authfsm.protocol.table import TRANSITIONS, Transition

Key = TypeVar("Key", bound=Hashable)


class Confidence(DescribedName):
    """How certain something is, the most certain first."""

    MEASURED = "measured", "A reply of a real pool shows it; the capture is published."
    ASSERTED = "asserted", "A test that somebody runs against a real pool says so."
    DOCUMENTED = "documented", "AWS says so."
    CLIENT = "client", "A widely used client relies on it."
    ISSUE = "issue", "A user reports it in a public issue, with the requests and replies."
    INFERRED = "inferred", "It follows from something that is known; no source shows it."
    CONTRADICTORY = "contradictory", "Two sources contradict each other."
    REFUTED = "refuted", "Replies of real pools contradict it. Only the client still accepts it."

    @property
    def is_uncertain(self) -> bool:
        """Whether evidence of this confidence is too weak to rely on."""
        return self in {Confidence.INFERRED, Confidence.CONTRADICTORY, Confidence.REFUTED}


@frozen
class Evidence:
    """One piece of evidence for a transition."""

    confidence: Confidence
    when: str  # the condition under which Cognito makes the transition, in Cognito's terms
    source: str


_Key = tuple[str, str, str, str]


def _rows(file: str) -> Iterator[tuple[dict[str, str], Evidence]]:
    text = resources.files("authfsm.protocol").joinpath(file).read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        yield row, Evidence(Confidence(row["confidence"]), row["when"], row["source"])


def _most_certain_first(rows: Iterable[tuple[Key, Evidence]]) -> dict[Key, tuple[Evidence, ...]]:
    rank, found = list(Confidence).index, dict[Key, list[Evidence]]()
    for key, each in sorted(rows, key=lambda row: rank(row[1].confidence)):
        found.setdefault(key, []).append(each)
    return {key: tuple(pieces) for key, pieces in found.items()}


def evidence_rows() -> Iterator[tuple[_Key, Evidence]]:
    """Yield every row of `evidence.csv`: its state, response, destination and kind, and its evidence."""
    for row, each in _rows("evidence.csv"):
        yield (row["state"], row["response"], row["leads_to"], row["kind"]), each


def evidence_key(transition: Transition) -> _Key:
    """Return the state, response, destination and kind of a transition as `evidence.csv` writes them."""
    source, response, dest, kind = transition
    return source.name, response.__name__, dest.name, kind or ""


@cache
def _evidence() -> dict[Transition, tuple[Evidence, ...]]:
    rows = _most_certain_first(evidence_rows())
    return {t: rows.get(evidence_key(t), rows.get(("*", "*", t.dest.name, ""), ())) for t in TRANSITIONS}


def evidence(transition: Transition) -> tuple[Evidence, ...]:
    """Return the evidence for a transition, the most certain first; raises KeyError if the table does not have it."""
    return _evidence()[transition]


def confidence(transition: Transition) -> Confidence:
    """Return how certain a transition is: the confidence of its best evidence, INFERRED if it has none."""
    found = evidence(transition)
    return found[0].confidence if found else Confidence.INFERRED


@cache
def all_account_evidence() -> dict[AccountTransition, tuple[Evidence, ...]]:
    """Return the evidence in `account_evidence.csv` for each transition, the most certain first."""

    def transition(status: str, operation: str, leads_to: str, **_: str) -> AccountTransition:
        return AccountTransition(UserStatus[status], AccountOperation[operation], UserStatus[leads_to])

    return _most_certain_first((transition(**row), each) for row, each in _rows("account_evidence.csv"))


def account_evidence(transition: AccountTransition) -> tuple[Evidence, ...]:
    """Return the evidence for a transition of `ACCOUNT_LIFE`, the most certain first; KeyError if there is none."""
    return all_account_evidence()[transition]
