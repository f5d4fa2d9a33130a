"""What is known of each arrow, how surely, and from where.

A second table beside the protocol's, keyed by the same (state, response, destination, kind) and complete by
test: `evidence.csv`. One arrow has several rows where it has several causes. `*` stands for every state or
every response.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from enum import Enum
from functools import cache
from importlib import resources

from attrs import frozen

from authfsm.protocol.table import TRANSITIONS, Transition


class Confidence(str, Enum):
    """How surely something is known, the surest first."""

    MEASURED = "measured"  #: A reply of a real pool shows it; the capture is published.
    ASSERTED = "asserted"  #: A test that somebody runs against a real pool says so.
    DOCUMENTED = "documented"  #: AWS says so.
    CLIENT = "client"  #: A widely used client relies on it.
    ISSUE = "issue"  #: It was reported, traces included.
    INFERRED = "inferred"  #: It follows from something that is known; nobody has shown it.
    CONTRADICTORY = "contradictory"  #: Two sources contradict each other.
    REFUTED = (
        "refuted"  #: Real pools answer otherwise. The client tolerates it; nothing else expects it.
    )

    __str__ = str.__str__

    @property
    def thin(self) -> bool:
        """Is this too little to rely on?"""
        return self in {Confidence.INFERRED, Confidence.CONTRADICTORY, Confidence.REFUTED}


@frozen
class Evidence:
    """One reason to believe in an arrow.

    Args:
        confidence: how surely.
        when: the condition under which the arrow is taken, in Cognito's own terms.
        source: where this is known from.
    """

    confidence: Confidence
    when: str
    source: str


_Key = tuple[str, str, str, str]


def evidence_rows() -> Iterator[tuple[_Key, Evidence]]:
    """Yield every row of `evidence.csv`: its state, response, destination and kind, and what it says."""
    text = resources.files("authfsm.protocol").joinpath("evidence.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        evidence = Evidence(Confidence(row["confidence"]), row["when"], row["source"])
        yield (row["state"], row["response"], row["leads_to"], row["kind"]), evidence


def evidence_key(arrow: Transition) -> _Key:
    """Return the key of an arrow's rows in `evidence.csv`."""
    return arrow.source.name, arrow.response.__name__, arrow.dest.name, arrow.kind or ""


@cache
def _table() -> dict[Transition, tuple[Evidence, ...]]:
    named: dict[_Key, list[Evidence]] = {}
    for row, evidence in evidence_rows():
        named.setdefault(row, []).append(evidence)
    table = {}
    for arrow in TRANSITIONS:
        found = named.get(evidence_key(arrow)) or named.get(("*", "*", arrow.dest.name, ""), [])
        table[arrow] = tuple(
            sorted(found, key=lambda each: list(Confidence).index(each.confidence))
        )
    return table


def evidence(arrow: Transition) -> tuple[Evidence, ...]:
    """What is known of an arrow, the surest first.

    Raises:
        KeyError: the arrow is not on the table.
    """
    return _table()[arrow]


def confidence(arrow: Transition) -> Confidence:
    """How surely an arrow is known: by its best evidence; an arrow with none is no better than inferred.

    Raises:
        KeyError: the arrow is not on the table.
    """
    found = evidence(arrow)
    return found[0].confidence if found else Confidence.INFERRED
