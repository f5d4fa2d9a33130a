"""What nodes and lines look like, in Graphviz's attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from html import escape
from typing import Final

from attrs import field, frozen

from authfsm.diagrams.advice import advice
from authfsm.diagrams.caption import caption
from authfsm.diagrams.fold import Junction, Vertex
from authfsm.diagrams.links import link
from authfsm.diagrams.model import DiagramModel, Edge, EdgeKind, Mark, Shade, Tone
from authfsm.diagrams.places import StateGroup, group
from authfsm.diagrams.themes import Paint, Theme
from authfsm.protocol.nodes import Node
from authfsm.protocol.responses import Response, SetUpEmail
from authfsm.protocol.states import State

Labels = Mapping[str, str]
Attributes = dict[str, str]

INDENT: Final = "\u00a0\u00a0"  # keeps a label off its line
FONT: Final = (
    "Helvetica"  # the engines know its metrics; `render` names what a browser may take instead
)
MINUTE: Final = 60
THIN, WIDE = 0.8, 6.0  # a line that a few took, and one that all took, in points
SIGNS: Final = {Tone.GAINED: "+ ", Tone.LOST: "\u2212 "}


def _style(paint: Paint, *others: str) -> str:
    return ",".join(filter(None, (paint.style, "filled", *others)))


def _since(after: timedelta | None) -> str:
    """How long after the first step, for a reader."""
    if not after:
        return ""
    seconds = after.total_seconds()
    if seconds < MINUTE:
        return f"  {seconds:.1f} s"
    return f"  {int(seconds) // MINUTE}:{int(seconds) % MINUTE:02d} min"


_BLANK: Final = "\N{NO-BREAK SPACE}"

_ROOM: Final[Mapping[type[Response], int]] = {SetUpEmail: 6}
"""Blanks behind a label that the engine would otherwise lead another line through (`test_labels_are_free`)."""


@frozen
class DotStyle:
    """What draws a model.

    Args:
        model: what to draw.
        theme: how it looks.
        labels: other texts.
    """

    model: DiagramModel
    theme: Theme
    labels: Labels
    lit: frozenset[Vertex] = field(init=False)
    within: Mapping[Vertex, tuple[Edge, ...]] = field(init=False)

    @lit.default
    def _lit(self) -> frozenset[Vertex]:
        return self.model.lit

    @within.default
    def _within(self) -> Mapping[Vertex, tuple[Edge, ...]]:
        return self.model.within()

    def defaults(self) -> tuple[Attributes, Attributes, Attributes]:
        """How the whole, a node and an edge look unless it is said otherwise."""
        theme, paint = self.theme, self.theme.groups[StateGroup.FIRST_FACTOR]
        graph = {
            "rankdir": "TB", "bgcolor": theme.paper, "pad": "0.1", "nodesep": "0.22",
            "ranksep": "0.2", "splines": "spline", "fontname": FONT, "fontsize": "9",
            "fontcolor": theme.quiet, "labelloc": "b", "labeljust": "l", "tooltip": " ",
            "label": caption(self.model, theme, self.labels),
        }  # fmt: skip
        node = {
            "fontname": FONT, "fontsize": "11", "height": "0.3", "margin": "0.13,0.05",
            "penwidth": "1.2", "target": "_blank", "fontcolor": theme.ink, "peripheries": "1",
            "shape": paint.shape, "style": _style(paint), "fillcolor": paint.fill, "color": paint.line,
        }  # fmt: skip
        edge = {
            "fontname": FONT, "fontsize": "9", "arrowsize": "0.65", "penwidth": "1",
            "color": theme.faded if self.model.lights else theme.line,
            "fontcolor": theme.quiet if self.model.lights else theme.label,
        }  # fmt: skip
        return graph, node, edge

    def text(self, key: str) -> str:
        """A text as it is to be read."""
        return self.labels.get(key, key)

    def pale(self, node: Vertex) -> bool:
        """Is a node to be faded: passed by, or ruled out?"""
        passed_by = self.model.lights and node not in self.lit
        return passed_by or self.model.shade(node).tone is Tone.FADED

    def toned(self, shade: Shade) -> Attributes:
        """How an outline shows that something turns on or off."""
        if shade.tone is Tone.GAINED:
            return {"color": self.theme.gained, "penwidth": "3"}
        if shade.tone is Tone.LOST:
            return {"color": self.theme.warning, "penwidth": "1.6"}
        return {}

    def place(self, place: Node) -> Attributes:
        """How a place is drawn."""
        theme, paint = self.theme, self.theme.groups[group(place)]
        shade = self.model.shade(place)
        why = f" ({shade.why})" if shade.why else ""
        look = {
            "label": self.name(place),
            "shape": paint.shape,
            "style": _style(paint, "dotted" if shade.tone is Tone.LOST else ""),
            "peripheries": str(paint.peripheries),
            "fillcolor": paint.fill,
            "color": paint.line,
            "fontcolor": theme.ink,
            "tooltip": f"{place.name}: {place.state.meaning}{why}",
            "URL": link(place),
            "class": group(place).replace(" ", "-"),
            **self.toned(shade),
        }
        if group(place) is StateGroup.BEGIN:
            look |= {"label": "", "width": "0.2", "height": "0.2", "fixedsize": "true"}
        if self.pale(place):
            look |= {"fillcolor": theme.paper, "color": theme.faded, "fontcolor": theme.quiet}
            look |= {"style": _style(paint, "dashed")} if shade.tone is Tone.FADED else {}
        elif self.model.walked or place in self.model.focus:
            look |= {"penwidth": "2.2"}
        if place == self.model.here:
            look |= {"color": theme.lit, "penwidth": "3.6", "fillcolor": theme.here}
        return look

    def name(self, place: Node) -> str:
        """What is written in a place: its name, the steps within it, the answers refused there."""
        name = SIGNS.get(self.model.shade(place).tone, "") + escape(self.text(place.state))
        small = [row for edge in self.within.get(place, ()) for row in self.rows(edge)]
        if place.state is State.FAILED and self.model.actions:
            return advice(name, self.theme, self.labels)
        if not small:
            return name
        strong = place == self.model.here or place in self.model.focus
        title = f"<b>{name}</b>" if strong else name
        rows = "<br/>".join(small)
        return f'<{title}<br/><font point-size="9">{rows}</font>>'

    def junction(self, junction: Junction) -> Attributes:
        """How a junction is drawn: as a small dark pill."""
        theme = self.theme
        colour = theme.lit if self.model.lights else theme.line
        sign = SIGNS.get(self.model.shade(junction).tone, "")
        look = {
            "label": sign + escape(self.text(junction.name)),
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
            **self.toned(self.model.shade(junction)),
        }
        if self.pale(junction):
            look |= {"fillcolor": theme.paper, "color": theme.faded, "fontcolor": theme.quiet}
        return look

    def edge(self, edge: Edge) -> Attributes:
        """How a line is drawn."""
        look = {**self.line(edge), "class": edge.kind.replace(" ", "-")}
        at_start = isinstance(edge.source, Node) and group(edge.source) is StateGroup.BEGIN
        if edge.doubtful:
            look["style"] = "dashed"
        if edge.kind.refused:
            look["arrowsize"] = "0.5"
            if edge.kind is EdgeKind.RESTART:
                look["arrowhead"] = "empty"
            if at_start:
                look |= {"tailport": "n", "headport": "n"}
        elif edge.kind is EdgeKind.FAILURE and not (edge.marks or edge.counts):
            look |= {
                "color": self.theme.faded,
                "style": "dotted",
                "arrowsize": "0.5",
                "weight": "0",
            }
        if edge.source != edge.dest or at_start:  # else it is written in the place
            indent = INDENT if self.model.traffic is None else INDENT * 2
            rows = [f'{row}<br align="left"/>' for row in self.rows(edge, indent)]
            look |= {"label": f"<{''.join(rows)}>"} if rows else {}
        if edge.responses:
            names = ", ".join(self.text(each.trigger) for each in edge.responses)
            why = f" ({edge.shade.why})" if edge.shade.why else ""
            look["tooltip"] = f"{edge.source.name} to {edge.dest.name}: {names}{why}"
        return look

    def line(self, edge: Edge) -> Attributes:
        """Its colour, its width, its pattern."""
        theme, model = self.theme, self.model
        refused = any(mark.error for mark in edge.marks)
        look = {"color": theme.line, "penwidth": "1"}
        if model.walked:
            look = {"color": theme.faded, "penwidth": "1"}
            if edge.marks:
                look = {"color": theme.warning if refused else theme.lit, "penwidth": "2.6"}
        if model.traffic is not None:
            share = edge.taken / (model.traffic or 1)
            width = THIN + (WIDE - THIN) * min(share, 1)
            failed = edge.kind is EdgeKind.FAILURE or edge.kind.refused
            colour = theme.warning if failed else theme.lit
            look = {"color": colour if edge.taken else theme.faded, "penwidth": f"{width:.1f}"}
            look |= {"arrowsize": f"{0.65 - share * 0.2:.2f}"}  # it grows with the line's width
        if edge.shade.tone is Tone.FADED:
            look |= {"color": theme.faded, "fontcolor": theme.quiet}
        if edge.shade.tone is Tone.GAINED:
            look |= {"color": theme.gained, "penwidth": "2.8", "fontcolor": theme.gained}
        if edge.shade.tone is Tone.LOST:
            look |= {"color": theme.warning, "penwidth": "1.4", "fontcolor": theme.warning}
            look |= {"style": "dotted"}
        return look

    def rows(self, edge: Edge, indent: str = "") -> Iterator[str]:
        """The text of an edge, row by row, as HTML: what was walked first, and bold."""
        theme = self.theme
        for mark in edge.marks:
            if mark.error or mark.response in edge.responses:
                text = bold(indent + self.step(mark), theme.warning if mark.error else theme.lit)
                yield text + _BLANK * 5  # bold is wider than it is measured
        counts = {count.response: count for count in edge.counts}
        refused = edge.kind is EdgeKind.FAILURE or edge.kind.refused
        if edge.counts and (refused or not edge.responses):
            yield bold(f"{indent}{edge.altogether}", theme.warning if refused else theme.lit)
        if not refused:
            again = f" ({edge.kind})" if edge.kind is EdgeKind.NEW_CHALLENGE else ""
            sign = SIGNS.get(edge.shade.tone, "")
            walked = {mark.response for mark in edge.marks if not mark.error}
            for response in edge.responses:
                if response in walked:
                    continue
                doubt = " \u2020" if response in edge.thin else ""
                text = f"{indent}{sign}{self.text(response.trigger)}{again}{doubt}"
                if often := counts.get(response):
                    yield bold(f"{text} {often}", theme.lit)
                elif response in edge.faded:
                    yield f'{indent}<font color="{theme.quiet}"><s>{escape(text.strip())}</s></font>'
                else:
                    yield escape(text + _BLANK * _ROOM.get(response, 0))

    def step(self, mark: Mark) -> str:
        """A step that was walked, in words."""
        what = mark.error or self.text(mark.response.trigger)
        return f"{mark.number} \u00b7 {what}{_since(mark.after)}"


def bold(text: str, colour: str) -> str:
    """A bold text in a colour, as HTML."""
    return f'<b><font color="{colour}">{escape(text)}</font></b>'
