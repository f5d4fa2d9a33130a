"""The path so far on the diagram of this flow: as a part of the widget, and as a picture that stands alone.

Within the widget its colours are variables and its states are buttons; alone it is light or dark as people prefer.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import evolve

from authfsm.core.history import History
from authfsm.diagrams import AUTO, Diagram, NoEngine, UnknownFlow, diagram
from authfsm.diagrams.page_svg import page_svg
from authfsm.protocol.nodes import NODES, Node
from authfsm.settings import PoolSettings

_MARGIN: Final = 14
"""Points that are cropped on each side: of 21.6 that are drawn."""


def drawn(flow: str, history: History, settings: PoolSettings | None) -> Diagram:
    """The diagram of a flow, with a path on it.

    Args:
        flow: the AuthFlow.
        history: the steps so far.
        settings: the pool's, if they are known: what they rule out is left away.
    """
    try:
        picture = diagram(flow=flow, history=history, settings=settings, theme=AUTO)
    except UnknownFlow:
        picture = diagram(history=history, settings=settings, theme=AUTO)
    # What is left out, and why, is told beside it.
    return evolve(picture, model=evolve(picture.model, omitted=(), notes=()))


def within(picture: Diagram) -> str | None:
    """The picture as a part of the widget; None where no program lays it out.

    Args:
        picture: the diagram.
    """
    try:
        text, _ = page_svg(picture)
    except NoEngine:
        return None
    # The margins are the page's.
    text = re.sub(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', _cropped, text, count=1)
    # A page may have several steppers, and an id stands once.
    return text.replace('id="picture" ', "", 1).replace('id="graph0" ', "", 1)


def _cropped(found: re.Match[str]) -> str:
    width, height = float(found[1]) - 2 * _MARGIN, float(found[2]) - 2 * _MARGIN
    return f'viewBox="{_MARGIN} {_MARGIN} {width:.2f} {height:.2f}"'


def place(number: int) -> Node | None:
    """The place that has this number in the picture; None where there is none.

    Args:
        number: its `data-place`.
    """
    return NODES[number] if 0 <= number < len(NODES) else None
