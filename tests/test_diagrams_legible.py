"""Labels can be read: none lies on another, and no line runs through one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import gallery
import pytest
from attrs import frozen

from authfsm.core.history import Step
from authfsm.diagrams import Diagram, diagram, render
from authfsm.protocol.responses import Code, SrpClaim, UserSrpAuth
from authfsm.protocol.states import State

SVG = "{http://www.w3.org/2000/svg}"
WIDE, HIGH, SPACE = (0.5, 0.72, 0.28)  # Helvetica's, in parts of its size: a letter, a capital, a blank
HISTORY = (
    Step(1, State.START, UserSrpAuth, State.PASSWORD_VERIFIER),
    Step(2, State.PASSWORD_VERIFIER, SrpClaim, State.SMS_MFA),
    Step(3, State.SMS_MFA, Code, State.SMS_MFA, error="CodeMismatchException"),
    Step(4, State.SMS_MFA, Code, State.AUTHENTICATED),
)
PICTURES = {name: drawn for name, drawn, _ in gallery.pictures()} | {
    "a walk": diagram(history=HISTORY),
    "a walk of one flow": diagram(history=HISTORY, flow="USER_SRP_AUTH"),
}


@frozen
class Box:
    """A label on the paper."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    def holds(self, x: float, y: float) -> bool:
        """Is a point on the label?"""
        return self.left < x < self.right and self.top < y < self.bottom

    def meets(self, other: Box) -> bool:
        """Do two labels overlap?"""
        beside = self.right <= other.left or other.right <= self.left
        above = self.bottom <= other.top + 1 or other.bottom <= self.top + 1
        return not (beside or above)


def edges(svg: str) -> Iterator[ET.Element]:
    """The drawn lines of a picture, each with its label."""
    for group in ET.fromstring(svg).iter(f"{SVG}g"):  # noqa: S314 -- we wrote it
        title = group.find(f"{SVG}title")
        if str(group.get("id")).startswith("edge") and title is not None:
            yield group


def boxes(edge: ET.Element) -> Iterator[Box]:
    """The rows of a line's label, about where a reader sees them."""
    for each in edge.iter(f"{SVG}text"):
        text = "".join(each.itertext())
        x, y, size = (float(str(each.get(name))) for name in ("x", "y", "font-size"))
        left = x + (len(text) - len(text.lstrip())) * size * SPACE
        yield Box(text.strip(), left, y - size * HIGH, left + len(text.strip()) * size * WIDE, y)


def points(edge: ET.Element) -> Iterator[tuple[float, float]]:
    """Points along a line: its Bezier curves, each in forty parts."""
    for path in edge.iter(f"{SVG}path"):
        numbers = [float(each) for each in re.findall(r"-?[\d.]+", str(path.get("d")))]
        knots = [complex(x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        for a, b, c, d in zip(knots[::3], knots[1::3], knots[2::3], knots[3::3], strict=False):
            for part in range(41):
                t = part / 40
                u = 1 - t
                at = u**3 * a + 3 * u * u * t * b + 3 * u * t * t * c + t**3 * d
                yield at.real, at.imag


@pytest.mark.parametrize("name", PICTURES)
def test_labels_are_free(name: str) -> None:
    """No label of a kept picture, or of a walk, lies on another label or has a line through it."""
    drawn: Diagram = PICTURES[name]
    if not Path(render.engine()).stem.startswith("graphviz-pure"):
        pytest.skip("another engine lays things out in its own way")
    lines = list(edges(drawn.svg()))
    labels = [box for line in lines for box in boxes(line)]
    places = [place for line in lines for place in points(line)]

    assert labels or drawn.model.overview
    assert [(a.text, b.text) for a, b in combinations(labels, 2) if a.meets(b)] == []
    assert [box.text for box in labels if any(box.holds(*place) for place in places)] == []
