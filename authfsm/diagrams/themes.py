"""How things look: colours that colour-blind people can tell apart, and shapes that do without colour.

A group has its hue, its lightness and its outline: rounded for first factors, a leaf to fill in
for set-up, square for second factors, two plugs for the device, a double line for the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from attrs import evolve, field, frozen

from authfsm.diagrams.places import StateGroup
from authfsm.protocol.validators import frozen_mapping


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
        warning: refused answers, and what turns off.
        gained: what turns on.
        groups: how each group's places look.
        dark: how the SVG looks where people prefer dark; None is the same.
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
    gained: str
    groups: Mapping[StateGroup, Paint] = field(converter=frozen_mapping)
    dark: Theme | None = None

    def colours(self) -> Iterator[str]:
        """Every colour, in one order for all themes."""
        yield from (self.paper, self.ink, self.line, self.label, self.quiet, self.faded)
        yield from (self.lit, self.here, self.warning, self.gained)
        for group in StateGroup:
            yield from (self.groups[group].fill, self.groups[group].line)


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
    gained="#00714f",
    groups={
        StateGroup.BEGIN: Paint("#16202e", "#16202e", "circle"),
        StateGroup.FIRST_FACTOR: Paint("#e6f1fb", "#0068a8", style="rounded"),
        StateGroup.SET_UP: Paint("#fbf6d3", "#857300", "note"),
        StateGroup.SECOND_FACTOR: Paint("#ffedd9", "#b45400"),
        StateGroup.DEVICE: Paint("#f6e8f1", "#a2487c", "component"),
        StateGroup.END: Paint("#ddf3ea", "#007a58", style="rounded", peripheries=2),
        StateGroup.OUTSIDE: Paint("#f2f3f5", "#67748a", style="rounded,dashed"),
    },
)
"""For white paper."""

DARK: Final = Theme(
    paper="#0d1117",
    ink="#e8eef6",
    line="#8696ad",
    label="#c3cedd",
    quiet="#8d9bb0",
    faded="#3d4757",
    lit="#9cc4ff",
    here="#4a3a00",
    warning="#ff8f85",
    gained="#4fd3a4",
    groups={
        StateGroup.BEGIN: Paint("#e8eef6", "#e8eef6", "circle"),
        StateGroup.FIRST_FACTOR: Paint("#10273b", "#56b4e9", style="rounded"),
        StateGroup.SET_UP: Paint("#2c2806", "#d8c62a", "note"),
        StateGroup.SECOND_FACTOR: Paint("#36210a", "#e69f00"),
        StateGroup.DEVICE: Paint("#331c2b", "#d98bb8", "component"),
        StateGroup.END: Paint("#07301f", "#2fbf8f", style="rounded", peripheries=2),
        StateGroup.OUTSIDE: Paint("#1b222c", "#8d9bb0", style="rounded,dashed"),
    },
)
"""For dark screens: GitHub's own dark."""

PRINT: Final = Theme(
    paper="#ffffff",
    ink="#000000",
    line="#333333",
    label="#000000",
    quiet="#555555",
    faded="#bbbbbb",
    lit="#000000",
    here="#dddddd",
    warning="#222222",
    gained="#111111",
    groups={
        StateGroup.BEGIN: Paint("#000000", "#000000", "circle"),
        StateGroup.FIRST_FACTOR: Paint("#ffffff", "#000000", style="rounded"),
        StateGroup.SET_UP: Paint("#ffffff", "#000000", "note"),
        StateGroup.SECOND_FACTOR: Paint("#ffffff", "#000000"),
        StateGroup.DEVICE: Paint("#ffffff", "#000000", "component"),
        StateGroup.END: Paint("#ffffff", "#000000", style="rounded", peripheries=2),
        StateGroup.OUTSIDE: Paint("#ffffff", "#000000", style="rounded,dashed"),
    },
)
"""For paper: black on white, told by outlines alone."""

AUTO: Final = evolve(LIGHT, dark=DARK)
"""Light, and dark where people prefer dark: one SVG for both."""

THEMES: Final = MappingProxyType({"light": LIGHT, "dark": DARK, "print": PRINT, "auto": AUTO})
"""The themes by their names."""


def adaptive(svg: str, theme: Theme) -> str:
    """An SVG that shows itself in its theme's dark colours where people prefer dark.

    Each colour of a theme is its alone, so a rule for each colour turns the one theme into the other.

    Args:
        svg: the picture in the theme's own colours.
        theme: the theme.
    """
    if theme.dark is None:
        return svg
    pairs = dict(zip(theme.colours(), theme.dark.colours(), strict=True))
    rules = "".join(
        f'[{what}="{spelled}"]{{{what}:{dark}}}'
        for light, dark in pairs.items()
        for what in ("fill", "stroke")
        for spelled in (light, _SPELLED.get(light))
        if f'{what}="{spelled}"' in svg
    )
    style = f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>\n"
    begun = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:begun]}\n{style}{svg[begun:].lstrip()}"


_SPELLED: Final = {"#ffffff": "white", "#000000": "black"}
