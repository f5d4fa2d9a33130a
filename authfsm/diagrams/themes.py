"""Themes: colours that colour-blind people can tell apart, and a shape for each group of nodes.

Each group has a hue, a lightness and an outline: rounded for first factors, a folded corner for set-up,
square for second factors, two plugs for the device, a double line for the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import evolve, field, frozen

from authfsm.diagrams.vertices import StateGroup
from authfsm.protocol.validators import frozen_mapping


@frozen
class Paint:
    """How the nodes of a group look.

    Args:
        fill: the colour inside.
        line: the colour of the outline.
        shape: Graphviz's name of the shape.
        style: Graphviz's style of the outline, besides `filled`.
        peripheries: the number of outlines.
    """

    fill: str
    line: str
    shape: str = "box"
    style: str = ""
    peripheries: int = 1


@frozen
class Theme:
    """How a diagram looks.

    Args:
        background: the background.
        text: names of nodes.
        line: edges and junctions.
        label: the text on edges.
        muted: captions, and the text of what is faded.
        faded: outlines and edges that are faded.
        highlight: edges and nodes that a recorded sign-in touched.
        current: the fill of the node where the sign-in stands.
        warning: refused answers, and what becomes impossible.
        gained: what becomes possible.
        groups: how the nodes of each group look.
        dark: how an SVG looks where the reader prefers dark; None is the same.
    """

    background: str
    text: str
    line: str
    label: str
    muted: str
    faded: str
    highlight: str
    current: str
    warning: str
    gained: str
    groups: Mapping[StateGroup, Paint] = field(converter=frozen_mapping)
    dark: Theme | None = None

    def colours(self) -> dict[str, str]:
        """Return every colour by a name that is the same in all themes, such as `device-fill`."""
        found = {name: getattr(self, name) for name in COLOUR_NAMES}
        for group in StateGroup:
            name = group.replace(" ", "-")
            found |= {
                f"{name}-fill": self.groups[group].fill,
                f"{name}-line": self.groups[group].line,
            }
        return found


COLOUR_NAMES: Final = (
    *("background", "text", "line", "label", "muted"),
    *("faded", "highlight", "current", "warning", "gained"),
)
"""The fields of `Theme` that are one colour."""


# The hues are Okabe and Ito's, which people with any kind of colour blindness can tell apart,
# darkened for outlines and lightened for fills ("Color Universal Design", 2008).
LIGHT: Final = Theme(
    background="#ffffff",
    text="#16202e",
    line="#5b6b84",
    label="#2f3d52",
    muted="#67748a",
    faded="#c3cad5",
    highlight="#0f2a5c",
    current="#ffe9a8",
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
"""For a white background."""

DARK: Final = Theme(
    background="#0d1117",
    text="#e8eef6",
    line="#8696ad",
    label="#c3cedd",
    muted="#8d9bb0",
    faded="#3d4757",
    highlight="#9cc4ff",
    current="#4a3a00",
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
"""For dark screens, in the colours of GitHub's dark theme."""

PRINT: Final = Theme(
    background="#ffffff",
    text="#000000",
    line="#333333",
    label="#000000",
    muted="#555555",
    faded="#bbbbbb",
    highlight="#000000",
    current="#dddddd",
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
"""For paper: black on white, groups differ by their outlines alone."""

AUTO: Final = evolve(LIGHT, dark=DARK)
"""Light, or dark where the reader prefers dark: one SVG for both."""

THEMES: Final = MappingProxyType({"light": LIGHT, "dark": DARK, "print": PRINT, "auto": AUTO})
"""The themes by their names."""


def adaptive(svg: str, theme: Theme) -> str:
    """Add the theme's dark colours to an SVG, for readers who prefer dark: a rule for each of its colours."""
    if theme.dark is None:
        return svg
    pairs = dict(zip(theme.colours().values(), theme.dark.colours().values(), strict=True))
    rules = "".join(
        f'[{attribute}="{spelling}"]{{{attribute}:{dark}}}'
        for light, dark in pairs.items()
        for attribute in ("fill", "stroke")
        for spelling in (light, _NAMED_COLOURS.get(light))
        if f'{attribute}="{spelling}"' in svg
    )
    style = f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>\n"
    inside = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:inside]}\n{style}{svg[inside:].lstrip()}"


_NAMED_COLOURS: Final = {"#ffffff": "white", "#000000": "black"}  # as Graphviz writes them
