"""The table as Markdown, for the README: a row for each response that a state accepts.

A set of next states that occurs in several rows is written by a name. Marks show what is only inferred (†),
contradicted by another source (‡) or refuted (✗). Two next states are in no row: FAILED, which every refusal
may lead to, and OTHER_CHALLENGE, which is possible wherever Cognito may issue a challenge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen

from authfsm.protocol.errors import CallerError
from authfsm.protocol.evidence import Confidence, confidence
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import (
    AFTER_LAST_FACTOR,
    AFTER_PASSWORD,
    ANY_CHALLENGE,
    FIRST_FACTOR,
    PROTOCOL,
    SECOND_FACTOR,
    UNKNOWN_CHALLENGE,
    LoopKind,
    Transition,
    loop_kinds,
)

BEGIN: Final = "<!-- table -->"
END: Final = "<!-- /table -->"
CONFIDENCE_MARKS: Final = {Confidence.INFERRED: "†", Confidence.CONTRADICTORY: "‡", Confidence.REFUTED: "✗"}


class NoTableMarkers(CallerError, ValueError):
    """The file `path` has no markers for the table."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} has no lines {BEGIN!r} and {END!r} to write the table between")
        self.path = path


@frozen
class NamedStates:
    """A set of next states with a name."""

    name: str
    members: frozenset[State]


_NAMED_SETS: Final = (
    NamedStates("any challenge", ANY_CHALLENGE - UNKNOWN_CHALLENGE),
    NamedStates("what follows a password", AFTER_PASSWORD - UNKNOWN_CHALLENGE),
    NamedStates("a first factor", FIRST_FACTOR - UNKNOWN_CHALLENGE),
    NamedStates("a second factor", SECOND_FACTOR - {State.MFA_SETUP}),
    NamedStates("what follows the last factor", AFTER_LAST_FACTOR - UNKNOWN_CHALLENGE),
)
"""Larger sets before those they contain."""


@frozen
class TableRow:
    """A response that a state accepts, and its next states: named sets, other states, and kinds of self-loop."""

    source: State
    response: type[Response]
    sets: tuple[NamedStates, ...]
    dests: tuple[State, ...]
    loops: tuple[LoopKind, ...]

    def mark(self, dest: State, loop: LoopKind | None = None) -> str:
        """Return the mark for the evidence of an arrow."""
        if dest is self.source and loop is None:
            loop = LoopKind.NEW_CHALLENGE
        arrow = Transition(self.source, self.response, dest, loop)
        return CONFIDENCE_MARKS.get(confidence(arrow), "")

    def __str__(self) -> str:
        cells = [self._named(each) for each in self.sets]
        cells += [_code(each) + self.mark(each) for each in self.dests]
        cells += [f"*{each}*{self.mark(self.source, each)}" for each in self.loops]
        return f"| {_code(self.source)} | {_code(self.response.trigger)} | {', '.join(cells)} |"

    def _named(self, named: NamedStates) -> str:
        """Return a set's name with its most frequent mark, then the members with other marks."""
        marks = {dest: self.mark(dest) for dest in State if dest in named.members}
        counts = Counter(marks.values())
        usual = max(("", *CONFIDENCE_MARKS.values()), key=lambda mark: counts[mark])
        certain = [_code(dest) for dest, mark in marks.items() if mark != usual and not mark]
        others = [_code(dest) + mark for dest, mark in marks.items() if mark not in {usual, ""}]
        exceptions = [f"more certain: {', '.join(certain)}"] * bool(certain) + others
        return f"*{named.name}*{usual}" + (f" ({', '.join(exceptions)})" if exceptions else "")


def _code(name: str) -> str:
    return f"`{name}`"


def rows() -> Iterator[TableRow]:
    """Yield the rows in the table's own order."""
    for source, responses in PROTOCOL.items():
        for response, dests in responses.items():
            whole = frozenset(each for each in State if each in dests - UNKNOWN_CHALLENGE)
            rest, sets = whole, []
            for each in _NAMED_SETS:
                if each.members <= whole and len(each.members & rest) > 1:
                    sets.append(each)
                    rest -= each.members
            in_set = any(source in each.members for each in sets)
            loops = loop_kinds(source, dests)
            loops = tuple(k for k in loops if not (in_set and k is LoopKind.NEW_CHALLENGE))
            others = tuple(d for d in State if d in rest - {source})
            yield TableRow(source, response, tuple(sets), others, loops)


def readme_table() -> str:
    """Return the protocol as a Markdown table, with the meaning of its names and marks."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "| state | response | next states |"
    yield "|---|---|---|"
    yield from map(str, rows())
    yield ""
    for each in _NAMED_SETS[1:]:
        states = (_code(state) for state in State if state in each.members)
        yield f"*{each.name}*: {', '.join(states)}.  "
    yield "*any challenge*: any of Cognito's sixteen.  "
    kinds = " ".join(f"*{each}*: {each.meaning}" for each in LoopKind)
    yield f"The state does not change: {kinds}  "
    open_rows = sum(bool(UNKNOWN_CHALLENGE & d) for row in PROTOCOL.values() for d in row.values())
    yield f"Not shown: `FAILED`, to which a refusal that ends the attempt leads, and `OTHER_CHALLENGE`, to which {open_rows} of these rows may lead.  "
    yield "† only inferred; ‡ contradicted by another source; ✗ refuted by replies of real pools, and kept only so that the client tolerates it. `authfsm explain STATE` shows the sources of each transition."


def with_table(text: str) -> str | None:
    """Return a text with the present table between its markers; None if it has no markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        return None
    return f"{before}{BEGIN}\n{readme_table()}\n{END}{after}"


def update_readme(path: str | Path) -> bool:
    """Write the table between its markers in a file (else NoTableMarkers); return whether it changed."""
    file = Path(path)
    old = file.read_text(encoding="utf-8")
    new = with_table(old)
    if new is None:
        raise NoTableMarkers(file)
    if new != old:
        file.write_text(new, encoding="utf-8")
    return new != old
