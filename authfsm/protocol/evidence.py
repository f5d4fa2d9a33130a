"""What is known about each transition, how certainly, and from which source: `evidence.csv`.

The CSV file is a second table next to `PROTOCOL`, under the same (state, response, destination, kind); a test
holds it complete. A transition has several rows if it has several causes. `*` stands for every state or response.
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
    """How certain something is, the most certain first."""

    MEASURED = "measured"  #: A reply of a real pool shows it; the capture is published.
    ASSERTED = "asserted"  #: A test that somebody runs against a real pool says so.
    DOCUMENTED = "documented"  #: AWS says so.
    CLIENT = "client"  #: A widely used client relies on it.
    ISSUE = "issue"  #: An issue reports it, with the requests and replies.
    INFERRED = "inferred"  #: It follows from something that is known; no source shows it.
    CONTRADICTORY = "contradictory"  #: Two sources contradict each other.
    REFUTED = (
        "refuted"  #: Real pools answer otherwise. The client accepts it; nothing else expects it.
    )

    __str__ = str.__str__

    @property
    def is_uncertain(self) -> bool:
        """Return whether this is too little to rely on."""
        return self in {Confidence.INFERRED, Confidence.CONTRADICTORY, Confidence.REFUTED}


@frozen
class Evidence:
    """One piece of evidence for a transition."""

    confidence: Confidence
    when: str  # the condition under which Cognito makes it, in Cognito's terms
    source: str


_Key = tuple[str, str, str, str]


def evidence_rows() -> Iterator[tuple[_Key, Evidence]]:
    """Yield every row of `evidence.csv`: its state, response, destination and kind, and its evidence."""
    text = resources.files("authfsm.protocol").joinpath("evidence.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        evidence = Evidence(Confidence(row["confidence"]), row["when"], row["source"])
        yield (row["state"], row["response"], row["leads_to"], row["kind"]), evidence


def evidence_key(transition: Transition) -> _Key:
    """Return the state, response, destination and kind of a transition as `evidence.csv` writes them."""
    source, response, dest, kind = transition
    return source.name, response.__name__, dest.name, kind or ""


@cache
def _evidence() -> dict[Transition, tuple[Evidence, ...]]:
    rows: dict[_Key, list[Evidence]] = {}
    for key, each in evidence_rows():
        rows.setdefault(key, []).append(each)
    order = list(Confidence)
    return {
        transition: tuple(
            sorted(
                rows.get(
                    evidence_key(transition), rows.get(("*", "*", transition.dest.name, ""), [])
                ),
                key=lambda each: order.index(each.confidence),
            )
        )
        for transition in TRANSITIONS
    }


def evidence(transition: Transition) -> tuple[Evidence, ...]:
    """Return what is known about a transition, the most certain first."""
    return _evidence()[transition]


def confidence(transition: Transition) -> Confidence:
    """Return how certain a transition is: the confidence of its best evidence, INFERRED if it has none."""
    found = evidence(transition)
    return found[0].confidence if found else Confidence.INFERRED
