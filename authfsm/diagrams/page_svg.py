"""A diagram as part of a page: its colours are CSS variables, its nodes buttons, its edges numbered, its links gone."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Any, Final

from attrs import evolve

from authfsm.diagrams.dot import drawn_edges
from authfsm.diagrams.model import Edge
from authfsm.diagrams.picture import Diagram
from authfsm.diagrams.themes import COLOUR_NAMES, LIGHT, Theme
from authfsm.diagrams.vertices import ORDER
from authfsm.protocol.nodes import NODES

_PLACEHOLDERS: Final[dict[str, Any]] = {
    name: f"#0a0b{number:02x}" for number, name in enumerate(LIGHT.colours(), start=0x11)
}
"""A colour of its own for each variable, which no theme has."""

_PLACEHOLDER_THEME: Final = Theme(
    **{name: _PLACEHOLDERS[name] for name in COLOUR_NAMES},
    groups={
        group: evolve(
            paint,
            fill=_PLACEHOLDERS[f"{group.replace(' ', '-')}-fill"],
            line=_PLACEHOLDERS[f"{group.replace(' ', '-')}-line"],
        )
        for group, paint in LIGHT.groups.items()
    },
)

_SPACE_WIDTH: Final = 2.5  # points, in a label
_MARGIN: Final = 6.0  # points, below the picture


def css_variables(theme: Theme) -> str:
    """Return a theme's colours as declarations of CSS variables."""
    return " ".join(f"--{name}: {colour};" for name, colour in theme.colours().items())


def page_svg(drawn: Diagram) -> tuple[str, list[Edge]]:
    """Return a diagram as SVG for a page, and its edges in the order of their numbers."""
    text = evolve(drawn, theme=_PLACEHOLDER_THEME).svg()
    text = text[text.index("<svg") :]
    text = re.sub(r"<g id=\"a_[^\"]*\"><a [^>]*>\n?|</a>\n</g>\n?", "", text)
    for name, colour in _PLACEHOLDERS.items():
        text = text.replace(f'"{colour}"', f'"var(--{name})"')
    text = re.sub(r'<g id="(node|edge)(\d+)" class="([^"]*)">\n<title>(.*?)</title>', _group, text)
    text = re.sub(r"<title>.*?</title>\n?", "", text)
    text = re.sub(
        r'(<g id="graph0".*?)(?=<!--)',
        lambda found: found[1].partition(">")[0] + ">\n",
        text,
        count=1,
        flags=re.DOTALL,
    )
    triggers = {r.trigger for edge in drawn.model.edges for r in edge.responses}
    text = re.sub(r"<text([^>]*)>([^<]*)<", lambda found: _trigger(found, triggers), text)
    return _with_view_box(text), [edge for edge, _ in drawn_edges(drawn.model)]


_NODES_BY_NAME: Final = {node.name: node for node in NODES}


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


def _with_view_box(text: str) -> str:
    """Return the picture with a name, and as wide as the page lets it be, without its caption below."""
    size = re.search(r'viewBox="0\.00 0\.00 ([\d.]+) ([\d.]+)"', text)
    shift = re.search(r"translate\([\d.]+ ([\d.]+)\)", text)
    outlines = " ".join(re.findall(r' (?:d|points)="([^"]*)"', text))
    lowest = max(map(float, re.findall(r",(-?[\d.]+)", outlines)), default=0.0)
    width = size[1] if size else "0"
    height = f"{float(shift[1]) + lowest + _MARGIN:.2f}" if shift else "0"
    head = (
        f'<svg id="picture" viewBox="0 0 {width} {height}" role="group" '
        'aria-label="The protocol: its states, and what leads from one to another" '
        'xmlns="http://www.w3.org/2000/svg">'
    )
    return re.sub(r"<svg [^>]*>", head, text, count=1, flags=re.DOTALL)


def _trigger(found: re.Match[str], triggers: set[str]) -> str:
    """Return a text as it is, or with `data-response` if it is the trigger of a response."""
    words = found[2].strip()
    trigger = words.removesuffix("\u2020").strip()
    if trigger not in triggers:
        return found[0]
    indent = _SPACE_WIDTH * (len(found[2]) - len(found[2].lstrip()))
    position = re.sub(r' x="([\d.]+)"', lambda x: f' x="{float(x[1]) + indent}"', found[1])
    position = re.sub(r' textLength="[^"]*" lengthAdjust="[^"]*"', "", position)
    return f'<text data-response="{trigger}"{position}>{words}<'
