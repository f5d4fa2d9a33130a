"""A recorded sign-in as an SVG that moves: its steps appear one after another, by CSS and without a script.

Where animation is off, or the reader asks for reduced motion, the SVG shows the whole path.
"""

from __future__ import annotations

import re
from typing import Final

from authfsm.diagrams.dot import drawn_edges
from authfsm.diagrams.model import DiagramModel
from authfsm.diagrams.vertices import Vertex

_SECONDS_A_STEP, _SECONDS_AT_END = 1.2, 3.0
_GROUP: Final = re.compile(r'<g id="(edge|node)(\d+)" class="([^"]*)">')
_HIDDEN: Final = 0.12  # the opacity of what has not happened yet


def animate(svg: str, model: DiagramModel) -> str:
    """Return the SVG of a recorded sign-in whose steps appear one after another, repeatedly."""
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
    rules = "".join(_rules(number, duration) for number in range(1, last + 1))
    style = f"<style>@media (prefers-reduced-motion:no-preference){{{rules}}}</style>\n"
    inside = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:inside]}\n{style}{_GROUP.sub(mark, svg[inside:].lstrip())}"


def _rules(number: int, duration: float) -> str:
    """Return the CSS by which the step of this number appears at its time."""
    begin = 100 * (number - 0.5) * _SECONDS_A_STEP / duration
    frames = f"0%,{begin:.1f}%{{opacity:{_HIDDEN}}}{begin + 3:.1f}%,98%{{opacity:1}}100%{{opacity:{_HIDDEN}}}"
    return f"@keyframes s{number}{{{frames}}}.step-{number}{{animation:s{number} {duration:.1f}s infinite}}"
