"""A model as DOT: where things go is Graphviz's business, what they look like is the theme's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from attrs import evolve, field, frozen

from authfsm.diagrams.caption import caption
from authfsm.diagrams.fold import Junction, Node
from authfsm.diagrams.links import link
from authfsm.diagrams.model import Edge, Kind, Model
from authfsm.diagrams.places import Group, Place
from authfsm.diagrams.themes import Paint, Theme

Labels = Mapping[str, str]
Attributes = dict[str, str]

INDENT = "\u00a0\u00a0"  # keeps a label off its line
FONT = "Helvetica"  # the engines know its metrics; `render` names what a browser may take instead


def dot(model: Model, theme: Theme, labels: Labels) -> str:
    """The picture in Graphviz's language.

    Args:
        model: what to draw.
        theme: how it looks.
        labels: other texts for names of places, triggers, junctions and captions.
    """
    from graphviz import Digraph  # noqa: PLC0415 -- who draws nothing does not pay for it

    pen = Pen(model, theme, labels)
    graph_attr, node_attr, edge_attr = pen.defaults()
    graph = Digraph("authfsm", graph_attr=graph_attr, node_attr=node_attr, edge_attr=edge_attr)
    for node in model.nodes:
        look = pen.junction(node) if isinstance(node, Junction) else pen.place(node)
        if look["label"] == node.name:
            del look["label"]  # which is what is written in a node anyway
        graph.node(node.name, **beyond(node_attr, look))
    for places in model.abreast():
        with graph.subgraph(graph_attr={"rank": "same"}) as side_by_side:
            for place in places:
                side_by_side.node(place.name)
    for edge, heads in lines(model):
        graph.edge(edge.source.name, edge.dest.name, **beyond(edge_attr, pen.edge(edge)), **heads)
    return str(graph.source)


def lines(model: Model) -> Iterator[tuple[Edge, Attributes]]:
    """The lines to draw, each with its heads.

    A place's way back to the junction it came from is one line with the way there, with two heads.
    A step within a place has no line: it is written in the place.
    """
    between = {(edge.source, edge.dest): edge for edge in model.edges}
    for edge in model.edges:
        back = between.get((edge.dest, edge.source))
        if edge.kind is Kind.LOOP or (back and back.kind is Kind.FOLD):
            continue
        if edge.kind is Kind.FOLD and back:
            both = dict.fromkeys(edge.marks + back.marks)
            marks = tuple(sorted(both, key=lambda mark: mark.number))
            yield evolve(back, source=edge.source, dest=edge.dest, marks=marks), {"dir": "both"}
        else:
            yield edge, {}


def _style(paint: Paint) -> str:
    return f"{paint.style},filled" if paint.style else "filled"


def beyond(usual: Attributes, look: Attributes) -> Attributes:
    """What is special about a look."""
    return {name: value for name, value in look.items() if usual.get(name) != value}


@frozen
class Pen:
    """What draws a model.

    Args:
        model: what to draw.
        theme: how it looks.
        labels: other texts.
    """

    model: Model
    theme: Theme
    labels: Labels
    lit: frozenset[Node] = field(init=False)
    within: Mapping[Node, tuple[Edge, ...]] = field(init=False)

    @lit.default
    def _lit(self) -> frozenset[Node]:
        return self.model.lit

    @within.default
    def _within(self) -> Mapping[Node, tuple[Edge, ...]]:
        return self.model.within()

    def defaults(self) -> tuple[Attributes, Attributes, Attributes]:
        """How the whole, a node and an edge look unless it is said otherwise."""
        theme, paint = self.theme, self.theme.groups[Group.FIRST_FACTOR]
        graph = {
            "rankdir": "TB", "bgcolor": theme.paper, "pad": "0.3", "nodesep": "0.22",
            "ranksep": "0.24", "splines": "spline", "fontname": FONT, "fontsize": "9",
            "fontcolor": theme.quiet, "labelloc": "b", "labeljust": "l", "tooltip": " ",
            "label": caption(self.model, theme, self.labels),
        }  # fmt: skip
        node = {
            "fontname": FONT, "fontsize": "11", "height": "0.34", "margin": "0.13,0.05",
            "penwidth": "1.2", "target": "_blank", "fontcolor": theme.ink, "peripheries": "1",
            "shape": paint.shape, "style": _style(paint), "fillcolor": paint.fill, "color": paint.line,
        }  # fmt: skip
        edge = {
            "fontname": FONT, "fontsize": "9", "arrowsize": "0.65", "penwidth": "1",
            "color": theme.faded if self.model.walked else theme.line,
            "fontcolor": theme.quiet if self.model.walked else theme.label,
        }  # fmt: skip
        return graph, node, edge

    def text(self, key: str) -> str:
        """A text as it is to be read."""
        return self.labels.get(key, key)

    def passed_by(self, node: Node) -> bool:
        """Did the walk pass this node by?"""
        return self.model.walked and node not in self.lit

    def place(self, place: Place) -> Attributes:
        """How a place is drawn."""
        theme, paint = self.theme, self.theme.groups[place.group]
        look = {
            "label": self.name(place),
            "shape": paint.shape,
            "style": _style(paint),
            "peripheries": str(paint.peripheries),
            "fillcolor": paint.fill,
            "color": paint.line,
            "fontcolor": theme.ink,
            "tooltip": f"{place.name}: {place.state.meaning}",
            "URL": link(place),
            "class": place.group.replace(" ", "-"),
        }
        if place.group is Group.BEGIN:
            look |= {"label": "", "width": "0.2", "height": "0.2", "fixedsize": "true"}
        if self.passed_by(place):
            look |= {"fillcolor": theme.paper, "color": theme.faded, "fontcolor": theme.quiet}
        elif self.model.walked:
            look |= {"penwidth": "2.2"}
        if place == self.model.here:
            look |= {"color": theme.lit, "penwidth": "3.6", "fillcolor": theme.here}
        return look

    def name(self, place: Place) -> str:
        """What is written in a place: its name, the steps within it, the answers refused there."""
        name = escape(self.text(place.state))
        small = [row for edge in self.within.get(place, ()) for row in self.rows(edge)]
        if not small:
            return name
        bold = f"<b>{name}</b>" if place == self.model.here else name
        rows = "<br/>".join(small)
        return f'<{bold}<br/><font point-size="9">{rows}</font>>'

    def junction(self, junction: Junction) -> Attributes:
        """How a junction is drawn: as a small dark pill."""
        theme = self.theme
        colour = theme.lit if self.model.walked else theme.line
        look = {
            "label": self.text(junction.name),
            "shape": "box",
            "style": "rounded,filled",
            "fillcolor": colour,
            "color": colour,
            "fontcolor": theme.paper,
            "fontsize": "9",
            "height": "0.22",
            "margin": "0.12,0.03",
            "tooltip": f"{self.text(junction.name)}: the reply says which of these is next",
            "class": "junction",
        }
        if self.passed_by(junction):
            look |= {"fillcolor": theme.paper, "color": theme.faded, "fontcolor": theme.quiet}
        return look

    def edge(self, edge: Edge) -> Attributes:
        """How a line is drawn."""
        theme = self.theme
        colour, width = theme.line, "1"
        if self.model.walked:
            colour, width = (theme.lit, "2.6") if edge.marks else (theme.faded, "1")
        refused = any(mark.error for mark in edge.marks)
        look = {
            "color": theme.warning if refused else colour,
            "penwidth": width,
            "class": str(edge.kind),
        }
        if edge.doubtful:
            look["style"] = "dashed"
        at_start = isinstance(edge.source, Place) and edge.source.group is Group.BEGIN
        if edge.kind is Kind.RETRY:
            look["arrowsize"] = "0.5"
            if at_start:
                look |= {"tailport": "n", "headport": "n"}
        elif edge.kind is Kind.FAILURE and not edge.marks:
            look |= {"color": theme.faded, "style": "dotted", "arrowsize": "0.5", "weight": "0"}
        if edge.source != edge.dest or at_start:  # else it is written in the place
            rows = [f'{row}<br align="left"/>' for row in self.rows(edge, INDENT)]
            look |= {"label": f"<{''.join(rows)}>"} if rows else {}
        if edge.responses:
            names = ", ".join(self.text(each.trigger) for each in edge.responses)
            look["tooltip"] = f"{edge.source.name} to {edge.dest.name}: {names}"
        return look

    def rows(self, edge: Edge, indent: str = "") -> Iterator[str]:
        """The text of an edge, row by row, as HTML: what was walked first, and bold."""
        theme = self.theme
        for mark in edge.marks:
            if mark.error:
                yield bold(f"{indent}{mark.number} \u00b7 {mark.error}", theme.warning)
            elif mark.response in edge.responses:
                trigger = self.text(mark.response.trigger)
                yield bold(f"{indent}{mark.number} \u00b7 {trigger}", theme.lit)
        if edge.kind not in {Kind.RETRY, Kind.FAILURE}:
            walked = {mark.response for mark in edge.marks if not mark.error}
            for response in edge.responses:
                if response not in walked:
                    doubt = " \u2020" if response in edge.thin else ""
                    yield indent + escape(self.text(response.trigger)) + doubt


def bold(text: str, colour: str) -> str:
    """A bold text in a colour, as HTML."""
    return f'<b><font color="{colour}">{escape(text)}</font></b>'
