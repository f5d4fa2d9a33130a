"""`diagram(...)` draws the protocol; the `Diagram` it returns can be displayed, formatted and saved."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from attrs import evolve, field, frozen

from authfsm.diagrams import render
from authfsm.diagrams.dot import dot, drawn_edges
from authfsm.diagrams.dot_labels import OUTLINES, SENTENCES, notes
from authfsm.diagrams.drawing import PICTURE_SUFFIXES, Drawing
from authfsm.diagrams.exports import as_json, markdown, mermaid, plantuml
from authfsm.diagrams.history_overlay import HistoryStep, add_history, add_traffic, checked_step
from authfsm.diagrams.model import DiagramModel, own_parts
from authfsm.diagrams.model_builder import build_model
from authfsm.diagrams.statecharts import scxml, xstate, xstate_module
from authfsm.diagrams.themes import LIGHT, Theme
from authfsm.diagrams.vertices import JUNCTIONS, OmissionReason, StateGroup, Vertex
from authfsm.protocol.auth_flows import FLOWS
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import BadField, CallerError
from authfsm.protocol.responses import RESPONSES
from authfsm.protocol.states import State
from authfsm.protocol.validators import frozen_texts
from authfsm.settings import PoolSettings


class UnknownFlow(render.UnknownName):
    """There is no flow with this name; the message lists the flows."""

    kind = "flow"


class UnknownState(render.UnknownName):
    """There is no state with this name; the message lists the states."""

    kind = "state"


_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0


class UnknownLabel(CallerError, ValueError):
    """No label can replace the text `name`; the message has the most similar text that a label can replace."""

    def __init__(self, name: str, names: Iterable[str]) -> None:
        closest = get_close_matches(name, names, 1, 0.5)
        hint = f"; the closest is {closest[0]!r}" if closest else ""
        super().__init__(f"this picture has no text {name!r} that a label can replace{hint}")
        self.name = name


class ConflictingOptions(CallerError, ValueError):
    """Two options exclude each other, or one of two is needed and both are missing; `one` and `other` are the names."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"a diagram is drawn with {one}, or with {other}: choose one of the two")
        self.one, self.other = one, other


def check_labels(labels: Mapping[str, str], known: Collection[str]) -> None:
    """Raise UnknownLabel for a label whose name is not in `known`; raise BadField if a label's text cannot be drawn."""
    for name, text in labels.items():
        if name not in known:
            raise UnknownLabel(name, known)
        if not isinstance(text, str) or not text.strip() or _NOT_IN_XML.search(text):
            why = f"has a text for {name!r} that is no string, is blank or has a character that XML does not allow"
            raise BadField(Diagram, "labels", why)


def check_arguments(drawing: type, theme: object, *pools: object, machine: object = None) -> None:
    """Raise BadField if an argument has a wrong type. The settings in `pools`, and the machine, may be None."""
    if machine is not None and not hasattr(machine, "events"):
        raise BadField(drawing, "machine", "must be a machine of authfsm.build; pass all other arguments by name")
    if not isinstance(theme, Theme):
        raise BadField(drawing, "theme", "must be a Theme, such as authfsm.diagrams.DARK")
    if not all(isinstance(each, PoolSettings | None) for each in pools):
        raise BadField(drawing, "settings", "must be PoolSettings, such as PoolSettings.from_descriptions(...) returns")


@frozen
class Diagram(Drawing):
    """A diagram of the protocol. `str(diagram)` is DOT; Jupyter displays it directly.

    `model` has the nodes and edges, `theme` has the colours, and `labels` has replacements for texts. `engine` is the
    layout engine; None means the first one that is installed. An unfolded diagram has an `overview` and more `pages`.
    If `animated` is true, the steps of the recorded sign-in appear one after another in SVG.
    """

    model: DiagramModel
    theme: Theme = LIGHT
    labels: Mapping[str, str] = field(factory=dict, converter=frozen_texts)
    engine: str | None = None
    overview: DiagramModel | None = None
    animated: bool = False

    def __format__(self, spec: str) -> str:
        if (self.model.own_states or self.model.own_transitions) and spec in _PROTOCOL_ONLY:
            raise ConflictingOptions("a machine", f"the format {spec}")
        return super().__format__(spec)

    @property
    def title(self) -> str:
        """What the diagram shows, in a few words."""
        return self.model.title

    @property
    def description(self) -> str:
        """The number of nodes and lines, and the sentences of the caption."""
        return " ".join((f"{self.model.size(sum(1 for _ in drawn_edges(self.model)))}.", *notes(self.model)))

    def dot(self) -> str:
        """Return the diagram in Graphviz's language."""
        return dot(self.model, self.theme, self.labels)

    def pages(self, stem: str = "", suffix: str = "") -> dict[str, Diagram]:
        """Return the pages of an unfolded diagram by name: an overview, and the arrows that leave each state.

        The arrows that leave START have a page for each flow. A diagram that is not unfolded is one page.

        Args:
            stem: the name of the overview; the other names begin with it. If a stem is passed, each state links to its
                page, and on that page the state links to the next page.
            suffix: the end of each name.
        """
        if self.overview is None:
            return {stem + suffix: self}
        models = [self.overview, *self.model.pages()]
        nodes = [next(iter(each.focus), None) for each in models]
        names = (
            f"-{number} {node.name} {each.flow or ''}" if node else ""
            for number, (node, each) in enumerate(zip(nodes, models, strict=True))
        )
        files = [stem + re.sub(r"\W+", "-", name).rstrip("-") + suffix for name in names]
        links = {node: quote(file) for node, file in reversed([*zip(nodes, files, strict=True)]) if node and stem}
        found = {}
        for node, model, file, after in zip(nodes, models, files, (*files[1:], files[0]), strict=True):
            following = {node: quote(after)} if node and stem else {}
            found[file] = evolve(self, model=evolve(model, links=links | following), overview=None)
        return found

    def files(self, path: Path, suffix: str) -> Mapping[Path, Drawing]:
        """Return an unfolded diagram's pages by their paths for SVG and PNG, and the diagram itself for other formats."""
        if suffix not in {".svg", ".png"}:
            return super().files(path, suffix)
        return {path.with_name(name): page for name, page in self.pages(path.stem, path.suffix).items()}

    def pdf(self) -> bytes:
        """Return the diagram as PDF with all `pages`; raises NoPdf, NoEngine, UnknownEngine and MissingFont."""
        pages = {name: (page.dot(), page.title) for name, page in self.pages("page").items()}
        return render.pdf(pages, self.engine)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return super(Diagram, next(iter(self.pages().values())))._repr_mimebundle_()

    def finish_svg(self, svg: str) -> str:
        """Return the SVG with a title, a description and dark colours, and animated if the diagram is."""
        return super().finish_svg(_animate(svg, self.model) if self.animated else svg)


_SECONDS_A_STEP, _SECONDS_AT_END = 1.2, 3.0
_GROUP: Final = re.compile(r'<g id="(edge|node)(\d+)" class="([^"]*)">')
HIDDEN: Final = {".edge :is(path,polygon)": 0.6, ".node :is(path,polygon)": 0.8, "text": 0.9}
"""The opacity of steps that are still to come. Lines keep a contrast of 3 : 1, and text keeps one of 4.5 : 1."""


def _animate(svg: str, model: DiagramModel) -> str:
    """Return an SVG whose recorded steps appear one after another, by CSS; it begins with all steps visible."""
    edges = [edge for edge, _ in drawn_edges(model)]
    first = [min((step.number for step in edge.steps), default=0) for edge in edges]
    arrivals: dict[Vertex, int] = {}
    for edge, number in zip(edges, first, strict=True):
        if number:
            arrivals[edge.dest] = min(number, arrivals.get(edge.dest, number))
    numbers = {"edge": first, "node": [arrivals.get(each, 0) for each in model.nodes]}
    last = max(first, default=0)

    def mark(found: re.Match[str]) -> str:
        kind, position, classes = found.groups()
        # An application's own nodes and lines come after the protocol's, and have no steps.
        number = dict(enumerate(numbers[kind], 1)).get(int(position))
        return found[0].replace(classes, f"{classes} step-{number}") if number else found[0]

    duration = last * _SECONDS_A_STEP + _SECONDS_AT_END
    rules = ""
    for number in range(1, last + 1):
        begin = 100 * (number - 0.5) * _SECONDS_A_STEP / duration
        hidden = "opacity:var(--hidden)"
        frames = f"0%,{begin:.1f}%{{{hidden}}}{begin + 3:.1f}%,98%{{opacity:1}}100%{{{hidden}}}"
        animation = f"animation:s{number} {duration:.1f}s {2 - duration:.1f}s infinite"
        rules += f"@keyframes s{number}{{{frames}}}.step-{number} *{{{animation}}}"
    rules += "".join(f"{selector}{{--hidden:{opacity}}}" for selector, opacity in HIDDEN.items())
    style = f"<style>@media (prefers-reduced-motion:no-preference){{{rules}}}</style>\n"
    inside = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:inside]}\n{style}{_GROUP.sub(mark, svg[inside:].lstrip())}"


FORMATS: Final[Mapping[str, Callable[[Diagram], str]]] = {
    **Drawing.formats,
    "mermaid": lambda drawn: mermaid(drawn.model, drawn.theme, drawn.labels),
    "plantuml": lambda drawn: plantuml(drawn.model, drawn.theme, drawn.labels),
    "markdown": lambda drawn: markdown(drawn.model, drawn.labels),
    "scxml": lambda drawn: scxml(drawn.model),
    "xstate": lambda drawn: xstate(drawn.model),
    "xstate-module": lambda drawn: xstate_module(drawn.model),
    "json": lambda drawn: as_json(drawn.model),
}
"""The formats of `format(diagram, name)`."""
Diagram.formats = FORMATS

_PROTOCOL_ONLY: Final = frozenset({"markdown", "scxml", "xstate", "xstate-module", "json"})
"""The formats that cannot contain an application's own states and transitions."""


def _encoded(name: str) -> Callable[[Diagram], bytes]:
    return lambda drawn: format(drawn, name).encode()


SUFFIXES: Final[Mapping[str, Callable[[Diagram], bytes]]] = {
    **PICTURE_SUFFIXES,
    ".mmd": _encoded("mermaid"), ".mermaid": _encoded("mermaid"), ".puml": _encoded("plantuml"),
    ".md": _encoded("markdown"), ".scxml": _encoded("scxml"), ".json": _encoded("json"),
    ".xstate.json": _encoded("xstate"), ".xstate.js": _encoded("xstate-module"),
}  # fmt: skip
"""The formats of `diagram.save(path)`, by suffix."""
Diagram.suffixes = SUFFIXES


@cache
def _label_names() -> frozenset[str]:
    """Return every text that a label can replace, except sentences that only some captions have."""
    sentences = {*SENTENCES.values(), *OUTLINES.values(), *(each.caption for each in OmissionReason)}
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
    animated: bool = False,
    theme: Theme = LIGHT,
    labels: Mapping[str, str] | None = None,
    engine: str | None = None,
) -> Diagram:
    """Draw the protocol, or a part of it.

    Args:
        machine: a machine of `authfsm.build`; states and transitions that were added to it are drawn as well.
        flow: an `AuthFlow`, such as "USER_SRP_AUTH": draw only what it reaches.
        state: draw only this state, and the states directly before and after it.
        settings: the settings of a pool. The diagram omits what they rule out, and the caption says why.
        faded: draw what `settings` rule out faded, instead of leaving it out.
        difference: the settings of two pools: draw what the second one adds and removes, compared with the first.
        history: the steps of a sign-in: highlight its path and the current state. Unless another argument selects
            what to draw, the diagram is that of the sign-in's flow.
        traffic: the histories of many sign-ins: draw how often each edge was followed.
        unfolded: draw each arrow as a line of its own, without junctions, and omit only arrows that are refuted or that
            other arguments exclude. The diagram is saved as `Diagram.pages`: SVG and PNG as several files, PDF as one.
        failures: draw the arrows to FAILED, as `unfolded` does too.
        actions: draw the arrows to FAILED, and the recovery actions.
        overview: leave out the names of responses, so that the whole diagram can be read on a page.
        animated: let the steps of `history` appear one after another in SVG.
        theme: the colours and outlines.
        labels: the text to show in place of a text of the diagram: of the name of a state, trigger, junction or group,
            of an outline in the legend, or of a sentence of the caption.
        engine: the layout engine: "graphviz-pure", which is a dependency, or "dot" of an installed Graphviz.

    Raises:
        UnknownFlow: there is no such flow.
        UnknownState: there is no such state.
        UnknownLabel: a key of `labels` is no text that a label can replace.
        BadField: the text of a label is no string, is blank or has a character that XML does not allow; or the machine,
            the theme or the settings have a wrong type.
        ConflictingOptions: two of these arguments exclude each other.
        TypeError: an item of `history` or of `traffic` is no step.
    """
    if flow is not None and flow not in FLOWS:
        raise UnknownFlow(flow, FLOWS)
    if state is not None and state not in State.__members__:
        raise UnknownState(state, State)
    if settings is not None and difference is not None:
        raise ConflictingOptions("settings", "difference")
    if difference is not None and [each is None for each in difference] != [False, False]:
        raise BadField(Diagram, "difference", "must be the settings of two pools")
    difference = None if difference is None else (difference[0], difference[1])  # a list would not be hashable
    check_arguments(Diagram, theme, settings, *(difference or ()), machine=machine)
    if history is not None and traffic is not None:
        raise ConflictingOptions("history", "traffic")
    history = None if history is None else tuple(map(checked_step, history))
    chosen = flow or state or settings or difference or unfolded or overview or machine is not None
    if history and not chosen:
        flow = history[0].response.auth_flow
    model = build_model(
        flow=flow, state=None if state is None else State[state], unfolded=unfolded, failures=failures, actions=actions,
        settings=settings, faded=faded, difference=difference,
    )  # fmt: skip
    states, transitions = ((), ()) if machine is None else own_parts(machine)
    model = evolve(model, overview=overview, own_states=states, own_transitions=transitions)
    if history is not None:
        model = add_history(model, history)
    traffic = None if traffic is None else tuple(tuple(map(checked_step, each)) for each in traffic)
    if traffic is not None:
        model = add_traffic(model, traffic)
    check_labels(labels or {}, _label_names() | set(notes(model)))
    summary = None
    if unfolded and state is None:
        summary = diagram(
            machine, flow=flow, settings=settings, faded=faded, difference=difference, history=history, traffic=traffic,
            failures=failures, actions=actions, overview=True,
        ).model  # fmt: skip
        rest = tuple(each for each in model.nodes if each not in summary.nodes)
        summary = evolve(summary, nodes=(*summary.nodes, *rest), omitted=model.omitted)
    return Diagram(model, theme, labels or {}, engine, summary, animated)
