"""How things look: colours that colour-blind people can tell apart, and shapes that do without colour.

A group has its hue, its lightness and its outline: rounded for first factors, a leaf to fill in
for set-up, square for second factors, two plugs for the device, a double line for the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import field, frozen

from authfsm.diagrams.places import Group


@frozen
class Paint:
    """How the places of a group look.

    Args:
        fill: the colour within.
        line: the colour of the outline.
        shape: Graphviz's name of the shape.
        style: Graphviz's style of the outline, besides `filled`.
        peripheries: how many outlines.
    """

    fill: str
    line: str
    shape: str = "box"
    style: str = ""
    peripheries: int = 1


def _fixed(groups: Mapping[Group, Paint]) -> Mapping[Group, Paint]:
    return MappingProxyType(dict(groups))


@frozen
class Theme:
    """How a picture looks.

    Args:
        paper: the background.
        ink: names of places.
        line: arrows and junctions.
        label: the text on arrows.
        quiet: captions, and what a walk did not touch.
        faded: outlines and arrows that a walk did not touch.
        lit: what a walk did touch.
        here: the fill of the place where it stands.
        warning: refused answers.
        groups: how each group's places look.
    """

    paper: str
    ink: str
    line: str
    label: str
    quiet: str
    faded: str
    lit: str
    here: str
    warning: str
    groups: Mapping[Group, Paint] = field(converter=_fixed)


# The hues are Okabe and Ito's, which people with any kind of colour blindness can tell apart,
# darkened for outlines and lightened for fills ("Color Universal Design", 2008).
LIGHT: Final = Theme(
    paper="#ffffff",
    ink="#16202e",
    line="#5b6b84",
    label="#2f3d52",
    quiet="#67748a",
    faded="#c3cad5",
    lit="#0f2a5c",
    here="#ffe9a8",
    warning="#b3261e",
    groups={
        Group.BEGIN: Paint("#16202e", "#16202e", "circle"),
        Group.FIRST_FACTOR: Paint("#e6f1fb", "#0068a8", style="rounded"),
        Group.SET_UP: Paint("#fbf6d3", "#857300", "note"),
        Group.SECOND_FACTOR: Paint("#ffedd9", "#b45400"),
        Group.DEVICE: Paint("#f6e8f1", "#a2487c", "component"),
        Group.END: Paint("#ddf3ea", "#007a58", style="rounded", peripheries=2),
        Group.OUTSIDE: Paint("#f2f3f5", "#67748a", style="rounded,dashed"),
    },
)
"""For white paper."""
