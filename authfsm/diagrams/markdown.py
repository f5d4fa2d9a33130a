"""The table as Markdown, for the README: one row for each response that a state accepts.

A set of next states that occurs in several rows is written by its name in `authfsm.protocol.table`. Marks show
what is only inferred (†), contradicted by another source (‡) or refuted (✗). Two next states are in no row: FAILED, which
every refusal may lead to, and OTHER_CHALLENGE, which is possible wherever Cognito may issue a challenge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
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
MARKS: Final = {
    Confidence.INFERRED: "†",
    Confidence.CONTRADICTORY: "‡",
    Confidence.REFUTED: "✗",
}


@frozen
class Named:
    """A set of destinations with a name.

    Args:
        name: the name.
        members: the destinations, OTHER_CHALLENGE aside.
    """

    name: str
    members: frozenset[State]


SETS: Final = (
    Named("any challenge", ANY_CHALLENGE - UNKNOWN_CHALLENGE),
    Named("what follows a password", AFTER_PASSWORD - UNKNOWN_CHALLENGE),
    Named("a first factor", FIRST_FACTOR - UNKNOWN_CHALLENGE),
    Named("a second factor", SECOND_FACTOR - {State.MFA_SETUP}),
    Named("what follows the last factor", AFTER_LAST_FACTOR - UNKNOWN_CHALLENGE),
)
"""The sets that the table names, the larger before those they hold."""


class NoPlace(CallerError, ValueError):
    """A file has no place for the table.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} has no lines {BEGIN!r} and {END!r} to write between")
        self.path = path


@frozen
class TableRow:
    """One row: a response that a state takes.

    Args:
        source: the state.
        response: the response's class.
        sets: the sets of destinations that it leads to.
        dests: the destinations besides.
        loops: the kinds in which the state is not left.
    """

    source: State
    response: type[Response]
    sets: tuple[Named, ...]
    dests: tuple[State, ...]
    loops: tuple[LoopKind, ...]

    def mark(self, dest: State, loop: LoopKind | None = None) -> str:
        """What is to be said of an arrow's evidence."""
        if dest is self.source and loop is None:
            loop = LoopKind.NEW_CHALLENGE
        return MARKS.get(confidence(Transition(self.source, self.response, dest, loop)), "")

    def __str__(self) -> str:
        cells = [self._named(each) for each in self.sets]
        cells += [_code(each) + self.mark(each) for each in self.dests]
        cells += [f"*{each}*{self.mark(self.source, each)}" for each in self.loops]
        return f"| {_code(self.source)} | {_code(self.response.trigger)} | {', '.join(cells)} |"

    def _named(self, named: Named) -> str:
        marks = {dest: self.mark(dest) for dest in State if dest in named.members}
        counts = Counter(marks.values())
        usual = max(("", *MARKS.values()), key=lambda mark: counts[mark])
        sure = [_code(dest) for dest, mark in marks.items() if mark != usual and not mark]
        odd = [_code(dest) + mark for dest, mark in marks.items() if mark not in {usual, ""}]
        beside = [f"more certain: {', '.join(sure)}"] * bool(sure) + odd
        return f"*{named.name}*{usual}" + (f" ({', '.join(beside)})" if beside else "")


def _code(name: str) -> str:
    return f"`{name}`"


def rows() -> Iterator[TableRow]:
    """The table's rows, in its own order."""
    for source, answers in PROTOCOL.items():
        for response, dests in answers.items():
            loops = loop_kinds(source, dests)
            whole = frozenset(each for each in State if each in dests - UNKNOWN_CHALLENGE)
            rest, sets = whole, []
            for each in SETS:
                if each.members <= whole and len(each.members & rest) > 1:
                    sets.append(each)
                    rest -= each.members
            held = any(source in each.members for each in sets)
            told = tuple(k for k in loops if not (held and k is LoopKind.NEW_CHALLENGE))
            others = tuple(d for d in State if d in rest - {source})
            yield TableRow(source, response, tuple(sets), others, told)


def readme_table() -> str:
    """The protocol as a Markdown table, with what its words mean."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "| state | response | next states |"
    yield "|---|---|---|"
    yield from map(str, rows())
    yield ""
    yield from (f"*{each.name}*: {_listed(each.members)}.  " for each in SETS[1:])
    yield "*any challenge*: any of Cognito's sixteen.  "
    yield (
        "The state does not change: "
        + " ".join(f"*{each}*: {each.meaning}" for each in LoopKind)
        + "  "
    )
    open_rows = sum(
        bool(UNKNOWN_CHALLENGE & d) for answers in PROTOCOL.values() for d in answers.values()
    )
    yield f"Not shown: `FAILED`, to which a refusal that ends the attempt leads, and `OTHER_CHALLENGE`, to which {open_rows} of these rows may lead.  "
    yield "† only inferred; ‡ contradicted by another source; ✗ refuted by replies of real pools, and kept only so that the client tolerates it (`authfsm.protocol.evidence` has the sources of each transition)."


def _listed(states: Iterable[State]) -> str:
    among = frozenset(states)
    return ", ".join(_code(state) for state in State if state in among)


def written(text: str) -> str | None:
    """A text with the table between its marks as it is now; None if it has no marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        return None
    return f"{before}{BEGIN}\n{readme_table()}\n{END}{after}"


def write(path: str | Path) -> bool:
    """Write the table between its marks in a file.

    Args:
        path: the file.

    Returns:
        Whether that changed anything.

    Raises:
        NoPlace: the file has no marks.
    """
    file = Path(path)
    old = file.read_text(encoding="utf-8")
    new = written(old)
    if new is None:
        raise NoPlace(file)
    if new != old:
        file.write_text(new, encoding="utf-8")
    return new != old
