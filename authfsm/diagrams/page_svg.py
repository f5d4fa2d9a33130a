"""A diagram as SVG for a web page: colours are CSS variables, nodes are buttons, edges have numbers, links are removed."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Any, Final

from attrs import evolve

from authfsm.diagrams import render
from authfsm.diagrams.dot import dot, drawn_edges
from authfsm.diagrams.model import Edge
from authfsm.diagrams.picture import Diagram
from authfsm.diagrams.themes import COLOUR_NAMES, LIGHT, Theme
from authfsm.diagrams.vertices import ORDER
from authfsm.protocol.nodes import NODES

_PLACEHOLDERS: Final[dict[str, Any]] = {
    name: f"#0a0b{number:02x}" for number, name in enumerate(LIGHT.colours(), start=0x11)
}
"""A colour for each CSS variable; no theme has one of these colours."""

_PLACEHOLDER_THEME: Final = Theme(
    **{name: _PLACEHOLDERS[name] for name in COLOUR_NAMES},
    groups={
        group: evolve(paint, **{part: _PLACEHOLDERS[f"{group.replace(' ', '-')}-{part}"] for part in ("fill", "line")})
        for group, paint in LIGHT.groups.items()
    },
)

_SPACE_WIDTH: Final = 2.5  # points, in a label
_NODES_BY_NAME: Final = {node.name: node for node in NODES}


def css_variables(theme: Theme) -> str:
    """Return a theme's colours as declarations of CSS variables."""
    return " ".join(f"--{name}: {colour};" for name, colour in theme.colours().items())


def page_svg(drawn: Diagram) -> tuple[str, list[Edge]]:
    """Return a diagram as SVG for a page, and its edges in the order of their numbers."""
    source = dot(drawn.model, _PLACEHOLDER_THEME, drawn.labels, captioned=False)
    text = render.svg(source, drawn.engine).partition("<svg")[2]
    text = re.sub(r"<g id=\"a_[^\"]*\"><a [^>]*>\n?|</a>\n</g>\n?", "", text)
    for name, colour in _PLACEHOLDERS.items():
        text = text.replace(f'"{colour}"', f'"var(--{name})"')
    text = re.sub(r'<g id="(node|edge)(\d+)" class="([^"]*)">\n<title>(.*?)</title>', _group, text)
    text = re.sub(r"<title>.*?</title>\n?", "", text)
    triggers = {r.trigger for edge in drawn.model.edges for r in edge.responses}
    text = re.sub(r"<text([^>]*)>([^<]*)<", lambda found: _trigger(found, triggers), text)
    view_box = re.search(r'viewBox="[^"]*"', text)  # without a width, the picture fills the page
    about = 'role="group" aria-label="The protocol: its states, and what leads from one to another"'
    head = f'<svg id="picture" {view_box and view_box[0]} {about}{text[text.index(">") :]}'
    return head, [edge for edge, _ in drawn_edges(drawn.model)]


def _group(found: re.Match[str]) -> str:
    """Return the opening tag of a node, a junction or an edge."""
    kind, number, classes, title = found.groups()
    name = unescape(title)
    if kind == "edge":
        attributes = f'data-line="{int(number) - 1}" aria-hidden="true"'
    elif name in _NODES_BY_NAME:
        node = _NODES_BY_NAME[name]
        about = escape(f"{name}: {node.state.meaning}")
        attributes = f'data-node="{ORDER[node]}" tabindex="0" role="button" aria-label="{about}"'
    else:
        attributes = f'data-junction="{escape(name)}" aria-hidden="true"'
    return f'<g class="{unescape(classes)}" {attributes}>'


def _trigger(found: re.Match[str], triggers: set[str]) -> str:
    """Return a text unchanged, or with `data-response` if it is the trigger of a response."""
    words = found[2].strip()
    trigger = words.removesuffix("\u2020").strip()
    if trigger not in triggers:
        return found[0]
    indent = _SPACE_WIDTH * (len(found[2]) - len(found[2].lstrip()))
    position = re.sub(r' x="([\d.]+)"', lambda x: f' x="{float(x[1]) + indent}"', found[1])
    position = re.sub(r' textLength="[^"]*" lengthAdjust="[^"]*"', "", position)
    return f'<text data-response="{trigger}"{position}>{words}<'
