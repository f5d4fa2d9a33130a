"""What the table makes of a step in a log: a verdict, and what would have been allowed there."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from authfsm.base.mixins import DescribedName
from authfsm.protocol.states import END_STATES, State
from authfsm.traces.log_symbols import (
    UNKNOWN,
    allowed,
    cloudtrail_transitions,
    recorded_transitions,
)

FINAL_NODES = frozenset(state.value for state in (*END_STATES, State.START))
"""Where a sign-in ends that was not left in the middle."""


class Verdict(DescribedName):
    """Is a step of a log on the table?"""

    meaning: str
    """What that says."""

    def __init__(self, _: str, meaning: str) -> None:
        self.meaning = meaning

    # fmt: off
    LEGAL = "legal", "The table has it."
    ILLEGAL = "illegal", "The table does not have it, however the gaps of the log are filled."
    UNKNOWN = "unknown", "The log does not tell all of it; what it tells is on the table."
    AMBIGUOUS = "ambiguous", "The table does not have it in this order, but the log does not tell the order: within one second, or by two sign-ins at once."
    # fmt: on


@frozen
class CheckedStep:
    """A step of a log.

    Args:
        id: the event's id; of a step its sign-in's with its number.
        sign_in: whose it is: the recorder's id, or what events were put together by.
        attempt: which attempt of that one's.
        at: when, UTC; of CloudTrail whole seconds.
        source: the place it left, UNKNOWN if the log does not tell.
        symbol: the response's trigger; of CloudTrail the flow, the challenge or the operation of the request.
        dest: the place it led to.
        verdict: is it on the table?
        error: Cognito's code, if it was refused.
        left: does the log end here for this sign-in, in the middle of it?
    """

    id: str
    sign_in: str
    attempt: int
    at: datetime | None
    source: str
    symbol: str
    dest: str
    verdict: Verdict
    error: str | None = None
    left: bool = False

    @property
    def allowed(self) -> tuple[str, ...]:
        """What the table has for that place, in the log's words."""
        arrows = recorded_transitions() if self.symbol.islower() else cloudtrail_transitions()
        return allowed(self.source, arrows)

    @property
    def leads(self) -> tuple[str, ...]:
        """Where the table lets this lead from that place; nowhere, if it does not take it."""
        arrows = recorded_transitions() if self.symbol.islower() else cloudtrail_transitions()
        ways = (
            each.dest
            for each in arrows
            if self.source in {each.source, UNKNOWN} and self.symbol == each.symbol
        )
        return tuple(dict.fromkeys(ways))

    @property
    def why(self) -> str:
        """What is wrong with it, in a sentence, if something is."""
        if self.verdict is Verdict.LEGAL:
            return ""
        if self.verdict is not Verdict.ILLEGAL:
            return self.verdict.meaning
        if leads := self.leads:
            return (
                f"from {self.source}, {self.symbol} leads to {_listed(leads)}; not to {self.dest}"
            )
        return f"{self.source} takes {_listed(self.allowed)}; not {self.symbol}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"
