"""A diagram as DOT, Graphviz's language: the attributes of nodes and edges. Graphviz computes the positions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import lru_cache
from html import escape
from typing import Final

from attrs import evolve, frozen

from authfsm.diagrams.dot_labels import BOLD_ROOM, caption, heading, with_rows
from authfsm.diagrams.model import MANY_NODES, DiagramModel, Edge, EdgeKind, EdgeStep, SettingsEffect
from authfsm.diagrams.themes import Paint, Theme
from authfsm.diagrams.vertices import START, Junction, StateGroup, documentation_link, group_of
from authfsm.protocol.nodes import Node
from authfsm.protocol.responses import SetUpEmail, SrpA, SrpClaim

Attributes = dict[str, str]

FONT: Final = "Helvetica"  # the layout engines know its metrics
# Points. GitHub shows pictures in a column of 838 px. With these sizes, the widest picture has labels of at least 9 px.
_NAME_SIZE, _LABEL_SIZE = 13, 12
_MOST_ROWS: Final = 3  # in a label
_MANY_SOURCES: Final = 5  # a diagram about a state with more sources is drawn in columns
_NBSP: Final = "\N{NO-BREAK SPACE}"
_INDENT: Final = _NBSP * 2  # the space between an edge and its label
_ROOM: Final = dict.fromkeys((SetUpEmail, SrpA, SrpClaim), _NBSP * 9)  # so that no line crosses these labels
_NARROWEST, _WIDEST = 0.8, 6.0  # points: an edge's width if no sign-in, or each sign-in, followed it
_SIGNS: Final = {SettingsEffect.ADDED: "+ ", SettingsEffect.REMOVED: "\u2212 "}


# ---- DOT's grammar: https://graphviz.org/doc/info/lang.html -------------------------------------

_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*|-?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)")
_KEYWORDS: Final = frozenset({"node", "edge", "graph", "digraph", "subgraph", "strict"})


@lru_cache(maxsize=4096)
def quoted(text: str, *, html: bool = False) -> str:
    """Return a name or a value in DOT's syntax: bare, in quotes, or with `html` as an HTML-like label."""
    if _BARE.fullmatch(text) and text.lower() not in _KEYWORDS:
        return text
    if html and text.startswith("<") and text.endswith(">"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def statement(subject: str, attributes: Attributes, defaults: Attributes | None = None) -> str:
    """Return a statement with the attributes that differ from the defaults, the label first."""
    names = [name for name, value in attributes.items() if (defaults or {}).get(name) != value]
    names.sort(key=lambda name: (name != "label", name))
    pairs = " ".join([f"{name}={quoted(attributes[name], html=name == 'label')}" for name in names])
    return f"\t{subject} [{pairs}]" if pairs else f"\t{subject}"


def dot(model: DiagramModel, theme: Theme, labels: Mapping[str, str], *, captioned: bool = True) -> str:
    """Return a diagram as DOT; `labels` has replacements for names, triggers and sentences of the caption."""
    style = DotStyle(model, theme, labels)
    graph, *defaults = style.defaults()
    arguments = model, theme, labels, int(style.label_size)
    title, below = (each(*arguments) if captioned else "" for each in (heading, caption))
    body = framed(below, _statements(model, style, *defaults))
    return "\n".join(("digraph authfsm {", statement("graph", {**graph, "label": title}), *body, "}", ""))


def framed(caption: str, statements: Iterable[str]) -> Iterator[str]:
    """Yield the statements of a graph, and its caption unless that is empty."""
    look = {"label": caption, "labelloc": "b", "peripheries": "0", "margin": "0"}
    yield from ("subgraph cluster_drawing {", statement("graph", look)) if caption else ()
    yield from statements
    yield from "}" if caption else ()


def _statements(model: DiagramModel, style: DotStyle, nodes: Attributes, edges: Attributes) -> Iterator[str]:
    yield statement("node", nodes)
    yield statement("edge", edges)
    for vertex in model.nodes:
        attributes = style.junction(vertex) if isinstance(vertex, Junction) else style.node(vertex)
        if attributes["label"] == vertex.name:
            del attributes["label"]  # Graphviz's default
        yield statement(quoted(vertex.name), attributes, nodes)
    for row in model.same_rank():
        yield "\t{"
        yield statement("graph", {"rank": "same"})
        yield from (statement(quoted(vertex.name), {}) for vertex in row)
        yield "\t}"
    for edge, both_ways in drawn_edges(model):
        attributes = style.edge(edge) | ({"dir": "both"} if both_ways else {})
        yield statement(f"{quoted(edge.source.name)} -> {quoted(edge.dest.name)}", attributes, edges)
    for name in model.own_names():
        look = style.own(name, shape="box", style="filled", fillcolor=style.theme.background)
        yield statement(quoted(name), look)
    for own in model.own_transitions:
        look = style.own(own.trigger, _INDENT, arrowhead="vee")
        yield from (statement(f"{quoted(source)} -> {quoted(dest)}", look) for source, dest in own.ends())
    for row in model.same_rank():
        if isinstance(row[0], Node) and group_of(row[0]) is StateGroup.FIRST_FACTOR:  # no line crosses this row
            yield statement(" -> ".join(quoted(each.name) for each in row), {"style": "invis"})


def drawn_edges(model: DiagramModel) -> Iterator[tuple[Edge, bool]]:
    """Yield each edge that is a line (an acknowledgement is a row of its node), and whether it has two arrow heads."""
    by_ends = {(edge.source, edge.dest): edge for edge in model.edges}
    for edge in model.edges:
        back = by_ends.get((edge.dest, edge.source))
        if back is not None and back.availability.effect is not edge.availability.effect:
            back = None
        if edge.kind is EdgeKind.ACKNOWLEDGEMENT or (back and back.kind is EdgeKind.FOLD):
            continue
        if edge.kind is EdgeKind.FOLD and back:
            steps = sorted(dict.fromkeys(edge.steps + back.steps), key=lambda each: each.number)
            yield evolve(back, source=edge.source, dest=edge.dest, steps=tuple(steps)), True
        else:
            yield edge, False


def _style(paint: Paint, extra: str = "") -> str:
    return ",".join(filter(None, (paint.style, "filled", extra)))


def _dotted(colour: str) -> Attributes:
    return {"color": colour, "fontcolor": colour, "style": "dotted", "penwidth": "1.6"}


def _bold(text: str, colour: str) -> str:
    return f'<b><font color="{colour}">{escape(text)}</font></b>'


def _duration(elapsed: timedelta | None) -> str:
    seconds = elapsed.total_seconds() if elapsed else 0  # negative if the recording's clock was set back
    text = f"{int(seconds // 60)}:{int(seconds % 60):02d} min" if int(seconds) // 60 > 0 else f"{seconds:.1f} s"
    return f"  {text}" if seconds else ""


@frozen
class DotStyle:
    """The Graphviz attributes of nodes and edges."""

    model: DiagramModel
    theme: Theme
    labels: Mapping[str, str]

    def defaults(self) -> tuple[Attributes, Attributes, Attributes]:
        """Return the attributes of the graph, and the defaults of nodes and edges."""
        theme, paint = self.theme, self.theme.groups[StateGroup.FIRST_FACTOR]
        faded = self.model.has_highlights
        graph = {
            "rankdir": "LR" if self._in_columns else "TB", "bgcolor": theme.background, "pad": "0.05",
            "nodesep": "0.14", "ranksep": "0.2" if self._in_columns else "0.24", "splines": "spline", "fontname": FONT,
            "fontsize": self.label_size, "fontcolor": theme.muted, "labelloc": "t", "labeljust": "l", "tooltip": " ",
        }  # fmt: skip
        node = {
            "fontname": FONT, "fontsize": str(max(_NAME_SIZE, int(self.label_size))), "height": "0.3", "margin": "0.13,0.05",
            "penwidth": "1.2", "target": "_blank", "fontcolor": theme.text, "peripheries": "1",
            "shape": paint.shape, "style": _style(paint), "fillcolor": paint.fill, "color": paint.line,
        }  # fmt: skip
        edge = {
            "fontname": FONT, "fontsize": self.label_size, "arrowsize": "0.65", "penwidth": "1",
            "color": theme.faded if faded else theme.line,
            "fontcolor": theme.muted if faded else theme.label,
        }  # fmt: skip
        return graph, node, edge

    @property
    def _in_columns(self) -> bool:
        focus = self.model.focus
        sources = {edge.source for edge in self.model.edges if edge.dest in focus} - focus
        return len(sources) > _MANY_SOURCES or START in focus or self.model.is_page

    @property
    def label_size(self) -> str:
        """The size of labels in points: larger in diagrams with many nodes, which web pages scale down."""
        if len(self.model.nodes) <= MANY_NODES or self.model.overview:
            return str(_LABEL_SIZE)
        return str(_LABEL_SIZE + (1 if self.model.focus else 3 if self.model.flow else 2))

    def own(self, text: str, indent: str = "", **look: str) -> Attributes:
        """Return the attributes of a state or transition that the application added."""
        label = {"label": indent + escape(text), "class": "own", "tooltip": escape(text)}
        return {"color": self.theme.text, "fontcolor": self.theme.text, **label, **look}

    def text(self, key: str) -> str:
        """Return a text, or its replacement in `labels`."""
        return self.labels.get(key, key)

    def _outline(self, effect: SettingsEffect) -> Attributes:
        if effect is SettingsEffect.ADDED:
            return {"color": self.theme.added, "penwidth": "3"}
        if effect is SettingsEffect.REMOVED:
            return {"color": self.theme.warning, "penwidth": "1.6"}
        return {}

    def node(self, node: Node) -> Attributes:
        """Return the attributes of a node."""
        theme, group = self.theme, group_of(node)
        paint, availability = theme.groups[group], self.model.availability(node)
        reason = f" ({availability.reason})" if availability.reason else ""
        found = {
            "label": self._node_label(node), "shape": paint.shape, "peripheries": str(paint.peripheries),
            "style": _style(paint, "dotted" if availability.effect is SettingsEffect.REMOVED else ""),
            "fillcolor": paint.fill, "color": paint.line, "fontcolor": theme.text, "class": group.replace(" ", "-"),
            "tooltip": f"{node.name}: {node.state.meaning}{reason}",
            "URL": self.model.links.get(node) or documentation_link(node), **self._outline(availability.effect),
        }  # fmt: skip
        if group is StateGroup.BEGIN:
            found |= {"label": "", "width": "0.2", "height": "0.2", "fixedsize": "true"}
        if self.model.is_faded(node):
            found |= self._faded()
            if availability.effect is SettingsEffect.FADED:
                found["style"] = _style(paint, "dashed")
        elif self.model.has_history or node in self.model.focus:
            found["penwidth"] = "2.2"
        if node == self.model.current:
            found |= {"color": theme.highlight, "penwidth": "3.6", "fillcolor": theme.current}
        return found

    def _faded(self) -> Attributes:
        theme = self.theme
        return {"fillcolor": theme.background, "color": theme.faded, "fontcolor": theme.muted}

    def _node_label(self, node: Node) -> str:
        """Return the label of a node: its name, and the responses that leave the state unchanged."""
        sign = _SIGNS.get(self.model.availability(node).effect, "")
        role = escape(self.model.role_of(node))
        name = sign + escape(self.text(node.state)) + ("" if self.model.focus else role)
        rows = [role.strip()] if role and self.model.focus else []
        loops = (edge for edge in self.model.edges if edge.source == edge.dest == node)
        rows += [row for edge in loops for row in self._rows(edge)]
        if not rows:
            return name
        is_bold = node == self.model.current or node in self.model.focus
        return with_rows(f"<b>{name}</b>" if is_bold else name, rows, self.label_size)

    def junction(self, junction: Junction) -> Attributes:
        """Return the attributes of a junction: a small dark pill."""
        theme = self.theme
        colour = theme.highlight if self.model.has_highlights else theme.line
        effect = self.model.availability(junction).effect
        name = self.text(junction.name)
        found = {
            "label": _SIGNS.get(effect, "") + escape(name), "class": "junction",
            "tooltip": f"{name}: the reply says which state is next",
            "shape": "box", "style": "rounded,filled", "fillcolor": colour, "color": colour,
            "fontcolor": theme.background, "fontsize": self.label_size, "height": "0.22",
            "margin": "0.12,0.03", **self._outline(effect),
        }  # fmt: skip
        return found | self._faded() if self.model.is_faded(junction) else found

    def edge(self, edge: Edge) -> Attributes:
        """Return the attributes of an edge."""
        found = {**self._line(edge), "class": edge.kind.replace(" ", "-")}
        at_start = isinstance(edge.source, Node) and group_of(edge.source) is StateGroup.BEGIN
        if edge.is_uncertain:
            found.setdefault("style", "dashed")
        if edge.kind.is_refusal:
            found["arrowsize"] = "0.5"
            if edge.kind is EdgeKind.DEVICE_DROPPED:
                found["arrowhead"] = "empty"
            if at_start:
                found |= {"tailport": "n", "headport": "n"}
        elif edge.kind is EdgeKind.FOLD:
            found["weight"] = "2"  # so that members are placed below their junction
        elif edge.kind is EdgeKind.FAILURE and not (edge.steps or edge.counts):
            found |= {"arrowsize": "0.5", "weight": "0", **_dotted(self.theme.muted)}
        if edge.source != edge.dest or at_start:  # other self-loops are listed in their node
            indent = _INDENT if self.model.sign_ins is None else _INDENT * 2
            rows = [f'{row}<br align="left"/>' for row in self._pairs(edge, indent)]
            found |= {"label": f"<{''.join(rows)}>"} if rows else {}
        if edge.responses:
            names = ", ".join(self.text(each.trigger) for each in edge.responses)
            reason = f" ({edge.availability.reason})" if edge.availability.reason else ""
            found["tooltip"] = f"{edge.source.name} to {edge.dest.name}: {names}{reason}"
        return found

    def _pairs(self, edge: Edge, indent: str) -> list[str]:
        """Return the rows of an edge's label; in a flow's diagram, a long label has two names in each row."""
        rows = list(self._rows(edge, indent))
        if not self.model.flow or len(rows) <= _MOST_ROWS:
            return rows
        return [",".join(rows[at : at + 2]) for at in range(0, len(rows), 2)]

    def _line(self, edge: Edge) -> Attributes:
        theme, model = self.theme, self.model
        thick = "1.4" if edge.kind.is_refusal else "2.6"  # the head of a loop would hide a thicker line
        found = {"color": theme.faded if model.has_history else theme.line, "penwidth": "1"}
        if edge.steps:
            refused = any(step.error for step in edge.steps)
            found = {"color": theme.warning if refused else theme.highlight, "penwidth": thick}
        if model.sign_ins is not None:
            times = edge.total.times
            share = times / (model.sign_ins or 1)
            width = _NARROWEST + (_WIDEST - _NARROWEST) * min(share, 1)
            failed = edge.kind is EdgeKind.FAILURE or edge.kind.is_refusal
            colour = theme.warning if failed else theme.highlight
            found = {"color": colour if times else theme.faded, "penwidth": f"{width:.1f}"}
            found["arrowsize"] = f"{0.65 - share * 0.2:.2f}"  # arrow heads also grow with the line's width
        match edge.availability.effect:
            case SettingsEffect.FADED:
                found |= _dotted(theme.muted)
            case SettingsEffect.ADDED:
                found |= {"color": theme.added, "penwidth": thick, "fontcolor": theme.added}
            case SettingsEffect.REMOVED:
                found |= _dotted(theme.warning)
        return found

    def _rows(self, edge: Edge, indent: str = "") -> Iterator[str]:
        """Yield the rows of an edge's label as HTML; recorded steps are first and bold."""
        theme, room = self.theme, {} if self.model.focus else _ROOM
        for step in edge.steps:
            if step.error or step.response in edge.responses:
                colour = theme.warning if step.error else theme.highlight
                yield _bold(indent + self._step(step), colour) + BOLD_ROOM + room.get(step.response, "")
        refused = edge.kind is EdgeKind.FAILURE or edge.kind.is_refusal
        if edge.counts and (refused or not edge.responses):
            yield _bold(f"{indent}{edge.total}", theme.warning if refused else theme.highlight)
        if refused or self.model.overview:
            return
        again = f" ({edge.kind})" if edge.kind is EdgeKind.NEW_CHALLENGE else ""
        sign = _SIGNS.get(edge.availability.effect, "")
        counts = {count.response: count for count in edge.counts}
        numbered = {step.response for step in edge.steps if not step.error}
        for response in edge.responses:
            if response in numbered:
                continue
            doubt = " \u2020" if response in edge.uncertain else ""
            text = f"{sign}{self.text(response.trigger)}{again}{doubt}"
            if count := counts.get(response):
                yield _bold(f"{indent}{text} {count}", theme.highlight)
            elif response in edge.ruled_out:
                yield f'{indent}<font color="{theme.muted}"><s>{escape(text)}</s></font>'
            else:
                yield indent + escape(text) + room.get(response, "")

    def _step(self, step: EdgeStep) -> str:
        text = step.error or self.text(step.response.trigger)
        return f"{step.number} \u00b7 {text}{_duration(step.elapsed)}"
