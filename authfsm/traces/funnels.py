"""Where sign-ins go and where they end: what a trail comes to, in figures, and on the diagram."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import evolve, field, frozen

from authfsm.diagrams.history_overlay import HistoryWalker, with_shares
from authfsm.diagrams.model import DiagramModel, Edge, EdgeCount, EdgeKind
from authfsm.diagrams.model_builder import build_model
from authfsm.diagrams.picture import Diagram
from authfsm.diagrams.themes import LIGHT, Theme
from authfsm.diagrams.vertices import START
from authfsm.protocol.responses import RESPONSES, Response
from authfsm.protocol.states import State
from authfsm.protocol.table import LoopKind, Role, loop_kind
from authfsm.protocol.validators import frozen_mapping
from authfsm.traces.duckdb_loader import InputSummary
from authfsm.traces.log_symbols import LoggedTransition, cloudtrail_transitions, role_of, state_of
from authfsm.traces.verdicts import FINAL_NODES, CheckedStep, Verdict


@frozen
class TransitionCount:
    """An arrow that was taken.

    Args:
        source: the place it leaves.
        symbol: what was given, in the log's words.
        dest: the place it leads to.
        verdict: is it on the table?
        times: how often.
        refused: how often that was a refusal.
        share: of all that was given in that place, 0 to 1.
    """

    source: str
    symbol: str
    dest: str
    verdict: Verdict
    times: int
    refused: int
    share: float

    @property
    def responses(self) -> tuple[type[Response], ...]:
        """The responses that this may have been."""
        if self.symbol in RESPONSES:
            return (RESPONSES[self.symbol],)
        return cloudtrail_transitions(refused=True).get(
            LoggedTransition(self.source, self.symbol, self.dest), ()
        )


@frozen
class StepDuration:
    """How long sign-ins stood in a place before the next step was over.

    Args:
        place: the place.
        times: how many did.
        median: seconds, to a tenth; half of them took no longer.
        p95: the same, of 95 in a hundred.
    """

    node: str
    times: int
    median: float
    p95: float


@frozen(kw_only=True)
class Funnel:
    """What a trail comes to.

    Args:
        read: what was read.
        steps: how many steps, each counted once.
        repeated: how many more times events were delivered.
        sign_ins: how many attempts began.
        ends: how many attempts were left in each place, the most first; UNKNOWN of those whose
            beginning the trail does not have.
        taken: every arrow that was taken, those of one place together.
        waits: how long each place took.
        illegal: the steps that the table does not have, the first ones.
        illegals: how many there are.
        since: the first event's time, UTC.
        until: the last one's.
    """

    input: InputSummary
    steps: int
    repeated: int
    sign_ins: int
    ends: Mapping[str, int] = field(converter=frozen_mapping)
    transitions: tuple[TransitionCount, ...]
    durations: tuple[StepDuration, ...]
    illegal: tuple[CheckedStep, ...]
    illegal_count: int
    since: datetime | None
    until: datetime | None

    @property
    def legal(self) -> bool:
        """Could everything be read, and is no step illegal?"""
        return not self.illegal_count and self.input.complete

    @property
    def unfinished(self) -> int:
        """How many attempts were left in the middle."""
        return sum(
            n for place, n in self.ends.items() if place not in FINAL_NODES and state_of(place)
        )

    def count(self, verdict: Verdict) -> int:
        """How many steps have this verdict."""
        return sum(each.times for each in self.transitions if each.verdict is verdict)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        return {
            "problems": list(self.input.problems),
            "read": {
                "files": self.input.files,
                "events": self.input.events,
                "others": self.input.others,
                "unrecognised": self.input.unrecognised,
                "unrecognised_example": self.input.unrecognised_example,
                "broken": self.input.broken,
                "broken_example": self.input.broken_example,
                "too_long": self.input.too_long,
                "cut_short": [str(path) for path in self.input.cut_short],
                "empty": [str(path) for path in self.input.empty],
            },
            "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
            "steps": self.steps,
            "repeated": self.repeated,
            "sign_ins": self.sign_ins,
            "unfinished": self.unfinished,
            "verdicts": {str(each): self.count(each) for each in Verdict},
            "ends": dict(self.ends),
            "taken": [
                {
                    "from": each.source, "given": each.symbol, "to": each.dest, "verdict": str(each.verdict),
                    "times": each.times, "refused": each.refused, "share": round(each.share, 4),
                }
                for each in self.transitions
            ],
            "waits": [
                {"place": each.node, "times": each.times, "median": each.median, "p95": each.p95}
                for each in self.durations
            ],
            "illegal": [
                {
                    "id": each.id, "sign_in": each.sign_in, "at": each.at and each.at.isoformat(),
                    "from": each.source, "given": each.symbol, "to": each.dest, "error": each.error,
                    "allowed": list(each.allowed), "leads": list(each.leads), "why": each.why,
                }
                for each in self.illegal
            ],
        }  # fmt: skip

    def diagram(
        self, *, theme: Theme = LIGHT, engine: str | None = None, **options: Any
    ) -> Diagram:
        """The protocol with this traffic on it: how often each line was taken, and as wide.

        Args:
            theme: how it looks.
            engine: what lays it out.
            options: of `authfsm.diagram`: `flow`, `settings`, `failures` and the like.
        """
        return Diagram(with_traffic(build_model(**options), self), theme, {}, engine)


# ---- on the diagram ---------------------------------------------------------------------------------------


@frozen
class _Step:
    """An arrow that was taken, as a walk of one step (`authfsm.diagrams.HistoryStep`)."""

    number: int
    source: State
    response: type[Response]
    dest: State
    role: Role | None
    error: str | None
    kind: LoopKind | None = None
    at: datetime | None = None


def with_traffic(model: DiagramModel, funnel: Funnel) -> DiagramModel:
    """A picture with a funnel on it.

    Args:
        model: the picture.
        funnel: the traffic.
    """
    walker, often = HistoryWalker(model), Counter[tuple[int, type[Response] | None]]()
    unsure: dict[str, None] = {}
    for taken in funnel.transitions:
        source, dest = state_of(taken.source), state_of(taken.dest)
        if source is None or dest is None or not taken.responses:
            continue
        if len(taken.responses) > 1:
            unsure[taken.symbol] = None
        error = "refused" if taken.refused == taken.times else None
        role = role_of(taken.dest)
        stays = error is None and dest is source
        kind = loop_kind(source, taken.responses[0]) if stays else None
        step = _Step(1, source, taken.responses[0], dest, role, error, kind)
        for leg in walker.walk([step]):
            for number in leg.path:
                often[number, step.response] += taken.times
    edges = tuple(
        evolve(edge, counts=_counts(edge, {r: n for (at, r), n in often.items() if at == number}))
        for number, edge in enumerate(walker.edges)
    )
    said = [*model.notes, *_said(funnel)]
    if unsure:
        said.append(
            f"The log does not tell the responses of {', '.join(unsure)} apart: they are counted as one of them."
        )
    nodes = walker.nodes(START)
    return evolve(
        model, nodes=nodes, edges=with_shares(edges), sign_ins=funnel.sign_ins, notes=tuple(said)
    )


def _counts(edge: Edge, often: Mapping[type[Response] | None, int]) -> tuple[EdgeCount, ...]:
    """How often a line was taken: response by response, or altogether where a junction leads on."""
    if not often:
        return ()
    if not edge.responses or edge.kind is EdgeKind.FAILURE or edge.kind.is_refusal:
        return (EdgeCount(sum(often.values()), edge.responses[0] if edge.responses else None),)
    return tuple(EdgeCount(often[each], each) for each in edge.responses if each in often)


_TOLD: Final = 6


def _said(funnel: Funnel) -> Iterable[str]:
    """What stands under the picture: where sign-ins ended, how long people took, what is wrong."""
    total = sum(funnel.ends.values()) or 1
    ends = [f"{place} {n / total:.1%}" for place, n in list(funnel.ends.items())[:_TOLD]]
    more = ", and elsewhere" if len(funnel.ends) > _TOLD else ""
    yield f"Where sign-ins ended: {', '.join(ends)}{more}."
    slow = sorted(funnel.durations, key=lambda each: -each.median)[:_TOLD]
    if slow:
        yield f"Seconds, median and 95th percentile: {', '.join(f'{w.node} {w.median:g} and {w.p95:g}' for w in slow)}."
    if funnel.illegal_count:
        yield f"{funnel.illegal_count:,} steps are not on the table."
