"""`diagram(...)` draws the protocol; the `Diagram` it returns can be displayed, formatted and saved."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Final

from attrs import evolve, field, frozen

from authfsm.diagrams import render
from authfsm.diagrams.dot import dot, drawn_edges
from authfsm.diagrams.dot_labels import LOOP_SENTENCES, OVERVIEW, UNCERTAIN, notes
from authfsm.diagrams.exports import as_json, markdown, mermaid, scxml, xstate
from authfsm.diagrams.history_overlay import HistoryStep, add_history, add_traffic
from authfsm.diagrams.model import DiagramModel, own_parts
from authfsm.diagrams.model_builder import build_model
from authfsm.diagrams.themes import LIGHT, Theme, adaptive
from authfsm.diagrams.vertices import JUNCTIONS, OmissionReason, StateGroup, Vertex
from authfsm.protocol.auth_flows import FLOWS
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import CallerError
from authfsm.protocol.responses import RESPONSES
from authfsm.protocol.states import State
from authfsm.protocol.validators import frozen_texts
from authfsm.settings import PoolSettings


class _UnknownName(CallerError, ValueError):
    kind: str

    def __init__(self, name: str, names: Iterable[str]) -> None:
        super().__init__(f"no {self.kind} is named {name!r}; the {self.kind}s are {', '.join(names)}")
        self.name = name


class UnknownFlow(_UnknownName):
    """There is no flow of that name; the message lists the flows."""

    kind = "flow"


class UnknownState(_UnknownName):
    """There is no state of that name; the message lists the states."""

    kind = "state"


class UnknownFormat(_UnknownName):
    """A diagram has no format of that name; the message lists the formats."""

    kind = "format"


class UnknownLabel(CallerError, ValueError):
    """A label is for a text that is in no diagram; `name` is that text, and the message names the closest."""

    def __init__(self, name: str, names: Iterable[str]) -> None:
        closest = get_close_matches(name, names, 1, 0.5)
        hint = f"; the closest is {closest[0]!r}" if closest else ""
        super().__init__(f"no name or sentence of a diagram is {name!r}, so it has no label{hint}")
        self.name = name


class UnknownSuffix(CallerError, ValueError):
    """A diagram cannot be saved in a file with that `suffix`."""

    def __init__(self, suffix: str, suffixes: Iterable[str]) -> None:
        super().__init__(f"a diagram is saved as {', '.join(suffixes)}, not as {suffix!r}")
        self.suffix = suffix


class ConflictingOptions(CallerError, ValueError):
    """Two arguments, named `one` and `other`, exclude each other."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"a diagram is drawn with {one}, or with {other}, not with both")
        self.one = one
        self.other = other


@frozen
class Diagram:
    """A diagram of the protocol. `str(diagram)` is DOT; Jupyter displays it directly.

    `model` has its nodes and edges, `theme` the colours, and `labels` other texts for those that it has. `engine` is the
    layout engine; None is the first that is installed.
    """

    model: DiagramModel
    theme: Theme = LIGHT
    labels: Mapping[str, str] = field(factory=dict, converter=frozen_texts)
    engine: str | None = None

    def __str__(self) -> str:
        return dot(self.model, self.theme, self.labels)

    def __format__(self, spec: str) -> str:
        if spec not in FORMATS:
            raise UnknownFormat(spec, filter(None, FORMATS))
        if (self.model.own_states or self.model.own_transitions) and spec in _PROTOCOL_ONLY:
            raise ConflictingOptions("a machine", f"the format {spec}")
        return FORMATS[spec](self)

    def svg(self, *, animated: bool = False) -> str:
        """Return the diagram as SVG, with real text, tooltips, and links to AWS's pages; raises NoEngine.

        Args:
            animated: let the steps of a recorded sign-in appear one after another.
        """
        drawn = render.svg(str(self), self.engine)
        if animated:
            drawn = _animate(drawn, self.model)
        return _described(adaptive(drawn, self.theme), self.model)

    def png(self, dpi: int = 144) -> bytes:
        """Return the diagram as PNG, with so many pixels an inch; raises what `svg` raises, and MissingFont."""
        return render.png(str(self), dpi, self.engine)

    def pdf(self) -> bytes:
        """Return the diagram as PDF; raises NoPdf, NoEngine, and MissingFont."""
        return render.pdf(str(self), self.engine, self.model.title)

    def save(self, path: str | Path) -> Path:
        """Write the diagram to a file, in the format of the file's suffix in `SUFFIXES`, and return its path.

        Raises:
            UnknownSuffix: no format has this suffix.
            NoEngine: no layout engine is installed.
            NoPdf: nothing that writes PDF is installed.
        """
        file = Path(path)
        suffixes = [each for each in SUFFIXES if file.name.lower().endswith(each)]
        if not suffixes:
            raise UnknownSuffix(file.suffix, SUFFIXES)
        file.write_bytes(SUFFIXES[max(suffixes, key=len)](self))
        return file

    def _repr_svg_(self) -> str | None:
        """Return the SVG no wider than a notebook's cell; None where no layout engine is installed."""
        try:
            return _SIZE.sub(_no_wider, self.svg(), count=1)
        except render.NoEngine:
            return None

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        drawn = self._repr_svg_()
        if drawn is None:
            return {"text/plain": str(self)}
        bundle = {"image/svg+xml": drawn, "text/plain": str(self)}
        with suppress(render.MissingFont):
            bundle["image/png"] = b64encode(self.png()).decode()
        return bundle


# JupyterLab shows an SVG as an image of its natural size, and a cell is about 930 px wide.
_CELL_WIDTH: Final = 675  # points
_SIZE: Final = re.compile(r'width="([\d.]+)pt" height="([\d.]+)pt"')


def _no_wider(found: re.Match[str]) -> str:
    width, height = map(float, found.groups())
    scale = min(1, _CELL_WIDTH / width)
    return f'style="max-width:100%;height:auto" width="{width * scale:g}pt" height="{height * scale:g}pt"'


def _described(svg: str, model: DiagramModel) -> str:
    """Return an SVG with a title and a description, for those who do not see it."""
    about = f"{len(model.nodes)} states and junctions, {len(model.edges)} lines. {' '.join(notes(model))}"
    head = f"<title>{escape(model.title)}</title>\n<desc>{escape(about)}</desc>\n"
    inside = svg.index(">", svg.index("<svg")) + 1
    opened = svg[:inside].replace("<svg ", f'<svg role="img" aria-label="{escape(model.title)}" ', 1)
    return f"{opened}\n{head}{svg[inside:].lstrip()}"


_SECONDS_A_STEP, _SECONDS_AT_END = 1.2, 3.0
_GROUP: Final = re.compile(r'<g id="(edge|node)(\d+)" class="([^"]*)">')
_HIDDEN: Final = 0.12  # the opacity of what has not happened yet


def _animate(svg: str, model: DiagramModel) -> str:
    """Return the SVG of a recorded sign-in whose steps appear one after another, by CSS and without a script.

    Where animation is off, or the reader asks for reduced motion, the SVG shows the whole path.
    """
    edges = [edge for edge, _ in drawn_edges(model)]
    first = [min((step.number for step in edge.steps), default=0) for edge in edges]
    arrivals: dict[Vertex, int] = {}
    for edge, number in zip(edges, first, strict=True):
        if number:
            arrivals[edge.dest] = min(number, arrivals.get(edge.dest, number))
    last = max(first, default=0)

    def mark(found: re.Match[str]) -> str:
        kind, position, classes = found.groups()
        index = int(position) - 1
        number = first[index] if kind == "edge" else arrivals.get(model.nodes[index], 0)
        return found[0].replace(classes, f"{classes} step-{number}") if number else found[0]

    duration = last * _SECONDS_A_STEP + _SECONDS_AT_END
    rules = "".join(_step_rules(number, duration) for number in range(1, last + 1))
    style = f"<style>@media (prefers-reduced-motion:no-preference){{{rules}}}</style>\n"
    inside = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:inside]}\n{style}{_GROUP.sub(mark, svg[inside:].lstrip())}"


def _step_rules(number: int, duration: float) -> str:
    begin = 100 * (number - 0.5) * _SECONDS_A_STEP / duration
    frames = f"0%,{begin:.1f}%{{opacity:{_HIDDEN}}}{begin + 3:.1f}%,98%{{opacity:1}}100%{{opacity:{_HIDDEN}}}"
    return f"@keyframes s{number}{{{frames}}}.step-{number}{{animation:s{number} {duration:.1f}s infinite}}"


FORMATS: Final[Mapping[str, Callable[[Diagram], str]]] = {
    "": str,
    "dot": str,
    "svg": Diagram.svg,
    "mermaid": lambda drawn: mermaid(drawn.model, drawn.theme, drawn.labels),
    "markdown": lambda drawn: markdown(drawn.model, drawn.labels),
    "scxml": lambda drawn: scxml(drawn.model),
    "xstate": lambda drawn: xstate(drawn.model),
    "json": lambda drawn: as_json(drawn.model),
}
"""The formats of `format(diagram, name)`."""

_PROTOCOL_ONLY: Final = frozenset({"markdown", "scxml", "xstate", "json"})
"""The formats without the states that an application added."""


def _encoded(name: str) -> Callable[[Diagram], bytes]:
    return lambda drawn: format(drawn, name).encode()


SUFFIXES: Final[Mapping[str, Callable[[Diagram], bytes]]] = {
    ".svg": _encoded("svg"),
    ".png": Diagram.png,
    ".pdf": Diagram.pdf,
    ".dot": _encoded("dot"),
    ".gv": _encoded("dot"),
    ".mmd": _encoded("mermaid"),
    ".mermaid": _encoded("mermaid"),
    ".md": _encoded("markdown"),
    ".scxml": _encoded("scxml"),
    ".xstate.json": _encoded("xstate"),
    ".json": _encoded("json"),
}
"""The formats of `diagram.save(path)`, by suffix."""


@cache
def _label_names() -> frozenset[str]:
    """Return every text of a diagram that a label can replace, without what only some settings say."""
    sentences = {*LOOP_SENTENCES.values(), UNCERTAIN, OVERVIEW}
    sentences |= {each.caption for each in OmissionReason}
    sentences |= {action.advice for action in RecoveryAction}
    junctions = {each.name for each in JUNCTIONS}
    return frozenset(map(str, {*State, *RESPONSES, *StateGroup, *junctions, *sentences}))


def diagram(
    machine: Any = None,
    /,
    *,
    flow: str | None = None,
    state: State | str | None = None,
    settings: PoolSettings | None = None,
    faded: bool = False,
    difference: tuple[PoolSettings, PoolSettings] | None = None,
    history: Iterable[HistoryStep] | None = None,
    traffic: Iterable[Iterable[HistoryStep]] | None = None,
    unfolded: bool = False,
    failures: bool = False,
    actions: bool = False,
    overview: bool = False,
    theme: Theme = LIGHT,
    labels: Mapping[str, str] | None = None,
    engine: str | None = None,
) -> Diagram:
    """Draw the protocol, or a part of it.

    Args:
        machine: a machine of `authfsm.build`, whose own states and transitions are drawn beside the protocol's.
        flow: an `AuthFlow`, such as "USER_SRP_AUTH": only what it reaches.
        state: a state: only what comes directly before and after it.
        settings: a pool's settings: what they rule out is left out, and the caption says why.
        faded: with `settings`: what they rule out is faded instead.
        difference: the settings of two pools: what the second gains and loses against the first.
        history: the steps of a sign-in: its path is highlighted, and the current state. Without another argument
            that says what to draw, it is drawn on what the sign-in's own flow reaches.
        traffic: the histories of many sign-ins: edges show how often they were followed.
        unfolded: draw each arrow by itself, and all that the other arguments do not leave out.
        failures: draw where an attempt ends.
        actions: draw that, and what to do then.
        overview: leave the names of responses out of the drawing, so that the whole can be read on a page.
        theme: how it looks.
        labels: other texts for names of states, triggers, junctions and groups, and for sentences of the caption.
        engine: the layout engine: "graphviz-pure", which is a dependency, or a system's "dot".

    Raises:
        UnknownFlow: there is no such flow.
        UnknownState: there is no such state.
        UnknownLabel: a label is for a text that is in no diagram.
        ConflictingOptions: two of these arguments exclude each other.
    """
    if flow is not None and flow not in FLOWS:
        raise UnknownFlow(flow, FLOWS)
    if state is not None and state not in State.__members__:
        raise UnknownState(state, State)
    if settings is not None and difference is not None:
        raise ConflictingOptions("settings", "difference")
    if history is not None and traffic is not None:
        raise ConflictingOptions("history", "traffic")
    history = None if history is None else tuple(history)
    chosen = flow or state or settings or difference or unfolded or overview or machine is not None
    if history and not chosen:
        flow = history[0].response.auth_flow
    model = build_model(
        flow=flow,
        state=None if state is None else State[state],
        unfolded=unfolded,
        failures=failures,
        actions=actions,
        settings=settings,
        faded=faded,
        difference=difference,
    )
    states, transitions = ((), ()) if machine is None else own_parts(machine)
    model = evolve(model, overview=overview, own_states=states, own_transitions=transitions)
    known = _label_names() | set(notes(model))
    for name in labels or {}:
        if name not in known:
            raise UnknownLabel(name, known)
    if history is not None:
        model = add_history(model, history)
    if traffic is not None:
        model = add_traffic(model, traffic)
    return Diagram(model, theme, labels or {}, engine)
