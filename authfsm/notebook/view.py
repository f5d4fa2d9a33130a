"""What the page and the kernel share: one scene, drawn anew after each step, and messages that leave no trace.

What is saved with a notebook is the scene, and no secret is ever in it. What is typed comes as a message, and
what is told for one look goes as one: messages are not state, and nobody saves them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from authfsm.diagrams.page_svg import css_variables
from authfsm.diagrams.themes import DARK, LIGHT

_HERE: Final = Path(__file__).parent
_COLOURS: Final = f".authfsm-stepper {{ {css_variables(LIGHT)} }}\n.authfsm-stepper.dark {{ {css_variables(DARK)} }}\n"


class StepperView(anywidget.AnyWidget):
    """The stepper's place on the page."""

    _esm = (_HERE / "stepper.js").read_text(encoding="utf-8")
    _css = _COLOURS + (_HERE / "stepper.css").read_text(encoding="utf-8")
    scene = traitlets.Dict().tag(sync=True)
    """All that is shown, but for what is told for one look."""

    def tell(self, **message: Any) -> None:
        """Send the page what is no state.

        Args:
            message: its parts.
        """
        self.send(message)
