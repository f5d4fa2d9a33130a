"""Labels are legible: no label lies on another, and no line runs through a label or along a state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import gallery
import pytest
from attrs import evolve, frozen

from authfsm.core.history import Step
from authfsm.diagrams import diagram
from authfsm.protocol.responses import Code, SrpClaim, UserSrpAuth
from authfsm.protocol.states import State

SVG = "{http://www.w3.org/2000/svg}"
HIGH, LOW, SPACE = (0.72, 0.2, 0.278)  # Helvetica's, in parts of its size: above and below the line, a blank
NEAR, LONGEST = 2.5, 30  # points: a line so close to a state's box, for longer than this, runs along it
HISTORY = (
    Step(1, State.START, UserSrpAuth, State.PASSWORD_VERIFIER),
    Step(2, State.PASSWORD_VERIFIER, SrpClaim, State.SMS_MFA),
    Step(3, State.SMS_MFA, Code, State.SMS_MFA, error="CodeMismatchException"),
    Step(4, State.SMS_MFA, Code, State.AUTHENTICATED),
)


@frozen
class Box:
    """The box of a label or a state in the picture."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    def holds(self, point: complex, room: float = 0) -> bool:
        """Return whether a point is in the box, or within a distance of it."""
        beside = self.left - room < point.real < self.right + room
        return beside and self.top - room < point.imag < self.bottom + room

    def meets(self, other: Box) -> bool:
        """Return whether two boxes overlap; the rows of one label touch each other."""
        beside = self.right <= other.left or other.right <= self.left
        above = self.bottom <= other.top + 3 or other.bottom <= self.top + 3
        return not (beside or above)


def points(shape: ET.Element) -> Iterator[complex]:
    """Yield the corners of a shape."""
    numbers = re.findall(r"(-?[\d.]+),(-?[\d.]+)", shape.get("points") or shape.get("d") or "")
    yield from (complex(float(x), float(y)) for x, y in numbers)


def points_along(path: ET.Element) -> Iterator[complex]:
    """Yield points along a line: its Bezier curves, each in forty parts."""
    knots = list(points(path))
    for a, b, c, d in zip(knots[::3], knots[1::3], knots[2::3], knots[3::3], strict=False):
        for part in range(41):
            t = part / 40
            u = 1 - t
            yield u**3 * a + 3 * u * u * t * b + 3 * u * t * t * c + t**3 * d


@frozen
class Picture:
    """The content of a picture: `states`, `lines` by name, and `labels` outside of shapes."""

    states: tuple[Box, ...]
    lines: tuple[tuple[str, tuple[complex, ...]], ...]
    labels: tuple[Box, ...]

    @classmethod
    def read(cls, svg: str) -> Picture:
        """Return the content of an SVG of Graphviz's."""
        states, lines, labels = [], [], []
        for group in ET.fromstring(svg).iter(f"{SVG}g"):  # noqa: S314 -- we wrote it
            name, kind = group.findtext(f"{SVG}title") or "", str(group.get("id"))
            shapes = [e for tag in ("polygon", "polyline", "path") for e in group.iter(f"{SVG}{tag}")]
            if kind.startswith("node") and shapes:
                corners = [each for shape in shapes for each in points(shape)]
                xs, ys = [each.real for each in corners], [each.imag for each in corners]
                states.append(Box(name, min(xs), min(ys), max(xs), max(ys)))
            elif kind.startswith(("node", "edge")):
                labels += [label(text) for text in group.iter(f"{SVG}text") if (text.text or "").strip()]
            if kind.startswith("edge"):
                lines.append((name, tuple(p for path in group.iter(f"{SVG}path") for p in points_along(path))))
        return cls(tuple(states), tuple(lines), tuple(labels))

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield the names of labels and lines that overlap."""
        yield from ((one.text, two.text) for one, two in combinations(self.labels, 2) if one.meets(two))
        for name, line in self.lines:
            yield from ((name, box.text) for box in self.labels if any(map(box.holds, line)))
            for state in self.states:  # of a sequence, notes and frames lie over lines
                near = sum(abs(b - a) for a, b in pairwise(line) if state.holds(a, NEAR))
                if (
                    near > LONGEST
                    and state.text not in name.split("->")
                    and not state.text.startswith(("text ", "frame "))
                ):
                    yield name, state.text


def label(text: ET.Element) -> Box:
    """Return the approximate box of a text."""
    words = text.text or ""
    x, y, size, width = (float(text.attrib[key]) for key in ("x", "y", "font-size", "textLength"))
    left = x - width / 2 if text.get("text-anchor") == "middle" else x
    begin, end = (len(words) - len(each) for each in (words.lstrip(), words.rstrip()))
    right = left + width - end * size * SPACE
    return Box(words.strip(), left + begin * size * SPACE, y - size * HIGH, right, y + size * LOW)


PUBLISHED = dict(gallery.published_pictures())
PROTOCOL = Path(__file__).parents[1] / "diagrams" / "protocol.svg"


@pytest.mark.parametrize("name", [*PUBLISHED, "protocol.svg", "a walk"])
def test_labels_and_lines_do_not_overlap(name: str) -> None:
    """In each picture of README, gallery and notebooks no label lies on a label or line, and no line along a state.

    In the whole protocol with all names, which no page shows, lines are close to states.
    """
    svg = PUBLISHED.get(name) or (diagram(history=HISTORY).svg() if name == "a walk" else PROTOCOL.read_text("utf-8"))
    picture = Picture.read(svg)
    assert picture.lines
    assert list((evolve(picture, states=()) if name == "protocol.svg" else picture).faults()) == []
