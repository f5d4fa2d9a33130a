"""A model as DOT: where things go is Graphviz's business, what they look like is the theme's."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from authfsm.diagrams import quoting
from authfsm.diagrams.dot_style import Attributes, DotStyle, Labels
from authfsm.diagrams.fold import Junction
from authfsm.diagrams.model import DiagramModel, Edge, EdgeKind
from authfsm.diagrams.themes import Theme


def dot(model: DiagramModel, theme: Theme, labels: Labels) -> str:
    """The picture in Graphviz's language.

    Args:
        model: what to draw.
        theme: how it looks.
        labels: other texts for names of places, triggers, junctions and captions.
    """
    return "\n".join((*_statements(model, DotStyle(model, theme, labels)), ""))


def _statements(model: DiagramModel, pen: DotStyle) -> Iterator[str]:
    usual = dict(zip(("graph", "node", "edge"), pen.defaults(), strict=True))
    yield "digraph authfsm {"
    yield from (quoting.attribute_statement(name, look) for name, look in usual.items())
    for node in model.nodes:
        look = pen.junction(node) if isinstance(node, Junction) else pen.place(node)
        if look["label"] == node.name:
            del look["label"]  # which is what is written in a node anyway
        yield quoting.node(node.name, beyond(usual["node"], look))
    for places in model.abreast():
        yield "\t{"
        yield quoting.attribute_statement("graph", {"rank": "same"})
        yield from (quoting.node(place.name, {}) for place in places)
        yield "\t}"
    for edge, heads in lines(model):
        look = beyond(usual["edge"], pen.edge(edge)) | heads
        yield quoting.edge(edge.source.name, edge.dest.name, look)
    yield "}"


def lines(model: DiagramModel) -> Iterator[tuple[Edge, Attributes]]:
    """The lines to draw, each with its heads.

    A place's way back to the junction it came from is one line with the way there, with two heads.
    A step within a place has no line: it is written in the place.
    """
    between = {(edge.source, edge.dest): edge for edge in model.edges}
    for edge in model.edges:
        back = between.get((edge.dest, edge.source))
        joined = back is not None and back.shade.tone is edge.shade.tone
        if edge.kind is EdgeKind.ACKNOWLEDGEMENT or (
            joined and back and back.kind is EdgeKind.FOLD
        ):
            continue
        if edge.kind is EdgeKind.FOLD and back and joined:
            both = dict.fromkeys(edge.marks + back.marks)
            marks = tuple(sorted(both, key=lambda mark: mark.number))
            yield evolve(back, source=edge.source, dest=edge.dest, marks=marks), {"dir": "both"}
        else:
            yield edge, {}


def beyond(usual: Attributes, look: Attributes) -> Attributes:
    """What is special about a look."""
    return {name: value for name, value in look.items() if usual.get(name) != value}
