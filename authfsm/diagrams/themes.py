"""Themes: colours that colour-blind people can tell apart, and a shape for each group of nodes.

Each group has a hue, a lightness and an outline: rounded for first factors, a folded corner for set-up,
square for second factors, two plugs for the device, a double line for the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import evolve, field, frozen

from authfsm.diagrams.vertices import StateGroup
from authfsm.protocol.validators import frozen_mapping


@frozen
class Paint:
    """The look of a group's nodes: the colours of the inside (`fill`) and the outline (`line`), and Graphviz's attributes.

    The attributes are `shape`, `style` (of the outline; `filled` is added) and `peripheries` (the number of outlines).
    """

    fill: str
    line: str
    shape: str = "box"
    style: str = ""
    peripheries: int = 1


@frozen
class Theme:
    """The look of a diagram: its colours, the look of the nodes of each group (`groups`), and a `dark` theme.

    The colours are those of the `background`, the names of nodes (`text`), edges and junctions (`line`), the text on edges
    (`label`), captions and faded text (`muted`), `faded` outlines and edges, the path of a recorded sign-in (`highlight`)
    and its current node (`current`), refused answers and removed parts (`warning`), and added parts (`added`).
    An SVG has the `dark` theme for readers who prefer dark pages; if it is None, the SVG looks the same for all.
    If several colours of a theme are equal, all become the dark colour of the last one in `colours()`.
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
    added: str
    groups: Mapping[StateGroup, Paint] = field(converter=frozen_mapping)
    dark: Theme | None = None

    def colours(self) -> dict[str, str]:
        """Return all colours by name, for example `device-fill`; the names are the same in all themes."""
        found = {name: getattr(self, name) for name in COLOUR_NAMES}
        for group in StateGroup:
            name = group.replace(" ", "-")
            paint = self.groups[group]
            found |= {f"{name}-fill": paint.fill, f"{name}-line": paint.line}
        return found


# The hues are Okabe and Ito's, which people with any kind of colour blindness can tell apart,
# darkened for outlines and lightened for fills ("Color Universal Design", 2008).
_COLOURS: Final = {
    # for light, dark and print
    "background": ("#ffffff", "#0d1117", "#ffffff"),
    "text": ("#16202e", "#e8eef6", "#000000"),
    "line": ("#5b6b84", "#8696ad", "#333333"),
    "label": ("#2f3d52", "#c3cedd", "#000000"),
    "muted": ("#67748a", "#8d9bb0", "#555555"),
    "faded": ("#8893a4", "#667286", "#8c8c8c"),
    "highlight": ("#0f2a5c", "#9cc4ff", "#000000"),
    "current": ("#ffe9a8", "#4a3a00", "#dddddd"),
    "warning": ("#b3261e", "#ff8f85", "#222222"),
    "added": ("#00714f", "#4fd3a4", "#111111"),
}
COLOUR_NAMES: Final = tuple(_COLOURS)
"""The fields of `Theme` whose value is a colour."""

_LIGHT_PAINTS: Final = {
    StateGroup.BEGIN: Paint("#16202e", "#16202e", "circle"),
    StateGroup.FIRST_FACTOR: Paint("#e6f1fb", "#0068a8", style="rounded"),
    StateGroup.SET_UP: Paint("#fbf6d3", "#857300", "note"),
    StateGroup.SECOND_FACTOR: Paint("#ffedd9", "#b45400"),
    StateGroup.DEVICE: Paint("#f6e8f1", "#a2487c", "component"),
    StateGroup.END: Paint("#ddf3ea", "#007a58", style="rounded", peripheries=2),
    StateGroup.OTHER: Paint("#f2f3f5", "#67748a", style="rounded,dashed"),
}
_DARK_FILLS_AND_LINES: Final = {
    StateGroup.BEGIN: ("#e8eef6", "#e8eef6"),
    StateGroup.FIRST_FACTOR: ("#10273b", "#56b4e9"),
    StateGroup.SET_UP: ("#2c2806", "#d8c62a"),
    StateGroup.SECOND_FACTOR: ("#36210a", "#e69f00"),
    StateGroup.DEVICE: ("#331c2b", "#d98bb8"),
    StateGroup.END: ("#07301f", "#2fbf8f"),
    StateGroup.OTHER: ("#1b222c", "#8d9bb0"),
}


def _theme(column: int, fills_and_lines: Mapping[StateGroup, tuple[str, str]]) -> Theme:
    colours: dict[str, Any] = {name: values[column] for name, values in _COLOURS.items()}
    pairs = fills_and_lines.items()
    groups = {g: evolve(_LIGHT_PAINTS[g], fill=fill, line=line) for g, (fill, line) in pairs}
    return Theme(**colours, groups=groups)


LIGHT: Final = _theme(0, {group: (each.fill, each.line) for group, each in _LIGHT_PAINTS.items()})
"""For a white background."""

DARK: Final = _theme(1, _DARK_FILLS_AND_LINES)
"""For dark screens, in the colours of GitHub's dark theme."""

PRINT: Final = _theme(2, dict.fromkeys(StateGroup, ("#ffffff", "#000000")) | {StateGroup.BEGIN: ("#000000",) * 2})
"""For paper: black on white; only the outlines of groups differ."""

AUTO: Final = evolve(LIGHT, dark=DARK)
"""Light, or dark for readers who prefer dark pages, in one SVG."""

THEMES: Final = MappingProxyType({"light": LIGHT, "dark": DARK, "print": PRINT, "auto": AUTO})
"""The themes by name."""


def adaptive(svg: str, theme: Theme) -> str:
    """Return an SVG with CSS rules that replace its colours by those of `theme.dark`, for readers who prefer dark pages."""
    if theme.dark is None:
        return svg
    pairs = dict(zip(theme.colours().values(), theme.dark.colours().values(), strict=True))
    rules = "".join(
        f'[{attribute}="{spelling}"]{{{attribute}:{dark}}}'
        for light, dark in pairs.items()
        for attribute in ("fill", "stroke")
        for spelling in dict.fromkeys((light, light.lower(), _NAMED_COLOURS.get(light.lower())))
        if f'{attribute}="{spelling}"' in svg
    )
    style = f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>\n"
    inside = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:inside]}\n{style}{svg[inside:].lstrip()}"


_NAMED_COLOURS: Final = {"#ffffff": "white", "#000000": "black"}  # Graphviz writes these two as names
