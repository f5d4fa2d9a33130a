"""The result of checking a log: what was read, the counts over all steps, and the diagram with these counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from attrs import asdict, evolve, field, frozen

from authfsm.core.history import Step
from authfsm.diagrams.history_overlay import HistoryWalker, with_shares
from authfsm.diagrams.model import DiagramModel, Edge, EdgeCount, EdgeKind
from authfsm.diagrams.model_builder import build_model
from authfsm.diagrams.picture import Diagram
from authfsm.diagrams.themes import LIGHT, Theme
from authfsm.diagrams.vertices import START
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.responses import RESPONSES, Response
from authfsm.protocol.validators import frozen_mapping
from authfsm.traces import log_symbols as s
from authfsm.traces.sources import MAX_EVENT_LENGTH


@frozen
class InputSummary:
    """What was read from the files, and what could not be read.

    Args:
        files: the number of files.
        events: the number of events of sign-ins or of an authenticator app's enrolment, and of recorded steps.
        undated: how many of these have no time, or one that could not be read; their order is not known.
        others: the number of events of other services or operations.
        unrecognised: the number of JSON values that hold neither events nor steps.
        unrecognised_example: what kind of value the first of them is, without its content.
        broken: the number of pieces that are not JSON, or not valid in their format.
        broken_rows: how many of these are rows of CSV, a part of which may be lost.
        broken_example: the file and line where the first of them begins, as far as they are known.
        too_long: the number of pieces that are too long for an event.
        cut_short: files, or members of archives, that end in the middle of a value; the part before it was read.
        empty: files, or members of archives, without content.
    """

    files: int = 0
    events: int = 0
    undated: int = 0
    others: int = 0
    unrecognised: int = 0
    unrecognised_example: str = ""
    broken: int = 0
    broken_rows: int = 0
    broken_example: str = ""
    too_long: int = 0
    cut_short: tuple[Path, ...] = ()
    empty: tuple[Path, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about what could not be read, about events without a time, and about a log without a sign-in."""
        found = [f"{path} is empty" for path in self.empty]
        rest = "ends in the middle: only the part before that was read"
        found += [f"{path} {rest}" for path in self.cut_short]
        first = f", the first at {self.broken_example}" if self.broken_example else ""
        of_csv = "not CSV with as many cells as the header and may have been read in part only"
        reasons = {0: "not JSON and could not be read", self.broken: of_csv}
        broken = reasons.get(self.broken_rows, f"not JSON, or {of_csv}") + first
        too_long = f"longer than {MAX_EVENT_LENGTH:,} characters and could not be read"
        for number, why in (self.broken, broken), (self.too_long, too_long):
            if number:
                found.append(f"{_number(number, 'piece is', 'pieces are')} {why}")
        if self.undated:
            events = _number(self.undated, "event has", "events have")
            found.append(f"{events} no time that could be read, so the order of the steps is not known")
        if self.files and not self.events:
            others = f"; there are {self.others:,} of other services or operations"
            none = f"no event of a Cognito sign-in was found{others if self.others else ''}"
            found.append("; ".join(filter(None, (none, self.not_events))))
        return tuple(found)

    @property
    def not_events(self) -> str:
        """How many JSON values are not events, with an example; empty if there are none."""
        if not self.unrecognised:
            return ""
        one, many = "JSON value is not an event", "JSON values are not events"
        return f"{_number(self.unrecognised, one, many)}, for example {self.unrecognised_example}"

    @property
    def complete(self) -> bool:
        """Whether there are no `problems`."""
        return not self.problems


def _number(number: int, one: str, many: str) -> str:
    return f"1 {one}" if number == 1 else f"{number:,} {many}"


@frozen
class TransitionCount:
    """How often a transition was taken.

    Args:
        source: the node it leaves.
        symbol: the log's name for the response.
        dest: the node it leads to.
        verdict: whether the protocol allows it.
        times: how often it was taken.
        refused: how often it was a refusal, or got no reply.
        share: its share of all steps from the node, 0 to 1.
    """

    source: str
    symbol: str
    dest: str
    verdict: s.Verdict
    times: int
    refused: int
    share: float

    @property
    def responses(self) -> tuple[type[Response], ...]:
        """The responses that the log's name may stand for."""
        if self.symbol in RESPONSES:
            return (RESPONSES[self.symbol],)
        transition = s.LoggedTransition(self.source, self.symbol, self.dest)
        return s.cloudtrail_transitions(refusals=True).get(transition, ())


@frozen
class StepDuration:
    """How long sign-ins stayed at a node before each step from it.

    Args:
        node: the node.
        times: how many steps were taken from it, not counting those without a time.
        median: the median duration in seconds, rounded down to a tenth.
        p95: the 95th percentile of the duration, likewise.
    """

    node: str
    times: int
    median: float
    p95: float


@frozen(kw_only=True)
class Funnel:
    """The counts over all steps of a log.

    Args:
        input: what was read.
        steps: the number of steps, each counted once.
        repeated: how often an event was delivered again.
        sign_ins: the number of attempts that began. A refresh of tokens, even a refused one, is a step from
            AUTHENTICATED to AUTHENTICATED, but no attempt.
        ends: how many attempts ended at each node, in descending order; UNKNOWN for attempts whose beginning is not
            in the log.
        transitions: every transition that was taken, by the node it leaves.
        durations: how long sign-ins stayed at each node.
        illegal: the earliest illegal steps, up to a limit.
        illegal_count: the number of all illegal steps.
        since: the time of the first event, in UTC.
        until: the time of the last event, in UTC.
    """

    input: InputSummary
    steps: int
    repeated: int
    sign_ins: int
    ends: Mapping[str, int] = field(converter=frozen_mapping)
    transitions: tuple[TransitionCount, ...]
    durations: tuple[StepDuration, ...]
    illegal: tuple[s.CheckedStep, ...]
    illegal_count: int
    since: datetime | None
    until: datetime | None

    @property
    def legal(self) -> bool:
        """Whether there are steps, none of them is illegal, and everything could be read."""
        return bool(self.steps) and not self.illegal_count and self.input.complete

    @property
    def unfinished(self) -> int:
        """How many attempts stopped between START and an end such as AUTHENTICATED or FAILED."""
        return sum(n for node, n in self.ends.items() if node not in s.FINISHED and s.state_of(node))

    def count(self, verdict: s.Verdict) -> int:
        """Return how many steps have this verdict."""
        return sum(each.times for each in self.transitions if each.verdict is verdict)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain values, for JSON."""
        return {
            "problems": list(self.input.problems),
            "read": asdict(self.input, value_serializer=lambda *of: str(of[-1]) if isinstance(of[-1], Path) else of[-1]),
            "since": self.since and self.since.isoformat(), "until": self.until and self.until.isoformat(),
            "steps": self.steps, "repeated": self.repeated, "sign_ins": self.sign_ins, "unfinished": self.unfinished,
            "verdicts": {str(each): self.count(each) for each in s.Verdict},
            "ends": dict(self.ends),
            "transitions": [
                {
                    "from": each.source, "response": each.symbol, "to": each.dest, "verdict": str(each.verdict),
                    "times": each.times, "refused": each.refused, "share": round(each.share, 4),
                }
                for each in self.transitions
            ],
            "durations": [asdict(each) for each in self.durations],
            "illegal": [
                {
                    "id": each.id, "sign_in": each.sign_in, "at": each.at and each.at.isoformat(),
                    "from": each.source, "response": each.symbol, "to": each.dest, "error": each.error,
                    "allowed_responses": list(each.allowed_symbols),
                    "allowed_destinations": list(each.allowed_dests), "why": each.why,
                }
                for each in self.illegal
            ],
        }  # fmt: skip

    def diagram(self, *, theme: Theme = LIGHT, engine: str | None = None, **options: Any) -> Diagram:
        """Return the diagram of the protocol with these counts: the more often an edge was taken, the wider it is.

        Args:
            theme: the colours and fonts.
            engine: the layout engine.
            options: options of `authfsm.diagram`, such as `flow`, `settings` or `failures`.
        """
        return Diagram(with_traffic(build_model(**options), self), theme, {}, engine)


_MAX_LISTED: Final = 6


def with_traffic(model: DiagramModel, funnel: Funnel) -> DiagramModel:
    """Return a diagram with the counts of a funnel."""
    walker, counts = HistoryWalker(model), Counter[tuple[int, type[Response] | None]]()
    ambiguous: dict[str, None] = {}
    for each in funnel.transitions:
        source, dest = s.state_of(each.source), s.state_of(each.dest)
        if source is None or dest is None or not each.responses:
            continue
        response, *others = each.responses
        if others:
            ambiguous[each.symbol] = None
        refusal: dict[str, Any] = {"error": "refused", "action": RecoveryAction.TRY_AGAIN}
        refusal = refusal if each.refused == each.times else {}
        step = Step(1, source, response, dest, s.role_of(each.dest), **refusal)
        for segment in walker.walk([step]):
            for number in segment.path:
                counts[number, response] += each.times
    by_edge = [{r: n for (at, r), n in counts.items() if at == e} for e in range(len(walker.edges))]
    edges = tuple(evolve(edge, counts=_edge_counts(edge, own)) for edge, own in zip(walker.edges, by_edge, strict=True))
    notes = [*model.notes, *_notes(funnel)]
    if ambiguous:
        notes.append(
            f"In the log, {', '.join(ambiguous)} may stand for several responses; the diagram shows them as one."
        )
    nodes = walker.nodes(START)
    return evolve(model, nodes=nodes, edges=with_shares(edges), sign_ins=funnel.sign_ins, notes=tuple(notes))


def _edge_counts(edge: Edge, counts: Mapping[type[Response] | None, int]) -> tuple[EdgeCount, ...]:
    """Return the counts of an edge by response; a failure or a refusal has one count for all responses."""
    if not counts:
        return ()
    if not edge.responses or edge.kind is EdgeKind.FAILURE or edge.kind.is_refusal:
        return (EdgeCount(sum(counts.values()), edge.responses[0] if edge.responses else None),)
    return tuple(EdgeCount(counts[each], each) for each in edge.responses if each in counts)


def _notes(funnel: Funnel) -> Iterator[str]:
    total = sum(funnel.ends.values()) or 1
    ends = [f"{node} {n / total:.1%}" for node, n in list(funnel.ends.items())[:_MAX_LISTED]]
    more = ", and elsewhere" if len(funnel.ends) > _MAX_LISTED else ""
    if ends:
        yield f"Where sign-ins ended: {', '.join(ends)}{more}."
    if slowest := sorted(funnel.durations, key=lambda each: -each.median)[:_MAX_LISTED]:
        durations = (f"{each.node} {each.median:g} and {each.p95:g}" for each in slowest)
        yield f"Seconds in a state, median and 95th percentile: {', '.join(durations)}."
    if funnel.illegal_count:
        yield f"{_number(funnel.illegal_count, 'step is', 'steps are')} not allowed by the protocol."
