"""The picture as a part of a page: its colours are the page's, its places can be chosen, its lines are numbered.

What Graphviz drew is kept as it is, but for its links and tooltips: in the page a place is a button.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape, unescape
from itertools import count
from typing import Any, Final

from attrs import evolve

from authfsm.diagrams.dot import lines
from authfsm.diagrams.fold import Junction
from authfsm.diagrams.model import Edge
from authfsm.diagrams.picture import Diagram
from authfsm.diagrams.places import StateGroup
from authfsm.diagrams.themes import DARK, LIGHT, Paint, Theme
from authfsm.protocol.nodes import NODES, Node

NAMES: Final = (
    *("paper", "ink", "line", "label", "quiet", "faded", "lit", "here", "warning", "gained"),
    *(f"{group.replace(' ', '-')}-{part}" for group in StateGroup for part in ("fill", "line")),
)
"""The names of a theme's colours on the page, in the order of `Theme.colours`."""

_TOKENS: Final[dict[str, Any]] = {
    name: f"#0a0b{number:02x}" for name, number in zip(NAMES, count(0x11), strict=False)
}


def _paint(group: StateGroup, paint: Paint) -> Paint:
    name = group.replace(" ", "-")
    return evolve(paint, fill=_TOKENS[f"{name}-fill"], line=_TOKENS[f"{name}-line"])


INK: Final = Theme(
    **{name: _TOKENS[name] for name in NAMES[:10]},
    groups={group: _paint(group, paint) for group, paint in LIGHT.groups.items()},
)
"""A theme whose colours stand for names: a colour of their own each, which no picture shows."""


def variables(theme: Theme) -> str:
    """A theme's colours as the page's variables."""
    return " ".join(f"--{name}: {c};" for name, c in zip(NAMES, theme.colours(), strict=True))


def styles() -> dict[str, str]:
    """The page's colours, light and dark."""
    return {"light": variables(LIGHT), "dark": variables(DARK)}


def dressed(drawn: Diagram) -> tuple[str, list[Edge]]:
    """The picture as SVG for the page, and its lines in the order of their numbers.

    Args:
        drawn: the picture.

    Raises:
        NoEngine: no program lays the graph out.
    """
    plain = evolve(drawn, theme=INK).svg()
    text = plain[plain.index("<svg") :]
    text = re.sub(r"<g id=\"a_[^\"]*\"><a [^>]*>\n?|</a>\n</g>\n?", "", text)
    for name, token in _TOKENS.items():
        text = text.replace(f'"{token}"', f'"var(--{name})"')
    drawn_lines = [edge for edge, _ in lines(drawn.model)]
    places = {each.name: number for number, each in enumerate(NODES)}

    def begun(found: re.Match[str]) -> str:
        kind, number, classes, title = found.groups()
        classes, name = unescape(classes), unescape(title)
        if kind == "edge":
            return f'<g class="{classes}" data-line="{int(number) - 1}" aria-hidden="true">'
        if name in places:
            place = NODES[places[name]]
            return f'<g class="{classes}" {_button(place, places[name])}>'
        return f'<g class="{classes}" data-junction="{escape(name)}" aria-hidden="true">'

    text = re.sub(
        r'<g id="(node|edge)(\d+)" class="([^"]*)">\n<title>(.*?)</title>',
        begun,
        text,
    )
    text = re.sub(r"<title>.*?</title>\n?", "", text)
    triggers = {r.trigger for edge in drawn.model.edges for r in edge.responses}
    return _triggers(_sized(text), triggers), drawn_lines


_SPACE: Final = 2.5  # the width of a space in a label, in points


def _button(place: Node, number: int) -> str:
    about = escape(f"{place.name}: {place.state.meaning}")
    return f'data-place="{number}" tabindex="0" role="button" aria-label="{about}"'


def _sized(text: str) -> str:
    """The picture as wide as the page lets it be, with a name."""
    size = re.search(r'viewBox="0\.00 0\.00 ([\d.]+) ([\d.]+)"', text)
    width, height = (size[1], size[2]) if size else ("0", "0")
    head = (
        f'<svg id="picture" viewBox="0 0 {width} {height}" data-width="{width}" role="group" '
        'aria-label="The protocol: its states, and what leads from one to another" '
        'xmlns="http://www.w3.org/2000/svg">'
    )
    return re.sub(r"<svg [^>]*>", head, text, count=1, flags=re.DOTALL)


def _triggers(text: str, triggers: set[str]) -> str:
    """The names of responses, marked as such."""

    def marked(found: re.Match[str]) -> str:
        words = found[2].strip()
        given = words.removesuffix("\u2020").strip()
        if given not in triggers:
            return found[0]
        indent = _SPACE * (len(found[2]) - len(found[2].lstrip()))
        where = re.sub(r' x="([\d.]+)"', lambda x: f' x="{float(x[1]) + indent}"', found[1])
        return f'<text data-given="{given}"{where}>{words}<'

    return re.sub(r"<text([^>]*)>([^<]*)<", marked, text)


def places_of(edge: Edge) -> Iterator[Node]:
    """The places that a junction's line leads to."""
    if isinstance(edge.dest, Junction):
        yield from edge.dest.members
    else:
        yield edge.dest


def junctions(drawn: Diagram) -> Mapping[str, list[int]]:
    """The places that each junction leads to, by its name."""
    return {
        node.name: sorted(NODES.index(place) for place in node.members)
        for node in drawn.model.nodes
        if isinstance(node, Junction)
    }
