"""The face of the diagrams: `diagram(...)` gives a picture that can be read, shown, drawn and saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from authfsm.diagrams import render
from authfsm.diagrams.dot import dot
from authfsm.diagrams.drafting import draft, flows
from authfsm.diagrams.model import Model
from authfsm.diagrams.themes import LIGHT, Theme
from authfsm.diagrams.walking import Walked, walk
from authfsm.errors import CallerError


class UnknownFlow(CallerError, ValueError):
    """There is no flow of that name.

    Args:
        flow: the name that was given.
    """

    def __init__(self, flow: str) -> None:
        super().__init__(f"no flow is named {flow!r}; the flows are {', '.join(flows())}")
        self.flow = flow


class UnknownSuffix(CallerError, ValueError):
    """No picture is saved under that suffix.

    Args:
        suffix: the suffix that was given.
    """

    def __init__(self, suffix: str) -> None:
        super().__init__(f"a picture is saved as .svg, .png, .dot or .gv, not as {suffix!r}")
        self.suffix = suffix


def _fixed(labels: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(labels))


@frozen
class Diagram:
    """A picture of the protocol. `str(diagram)` is DOT; Jupyter shows it as it is.

    Args:
        model: what it shows.
        theme: how it looks.
        labels: other texts.
    """

    model: Model
    theme: Theme = LIGHT
    labels: Mapping[str, str] = field(factory=dict, converter=_fixed)

    def __str__(self) -> str:
        return dot(self.model, self.theme, self.labels)

    def svg(self) -> str:
        """The picture as SVG, with real text, tooltips, and links to AWS's pages.

        Raises:
            NoEngine: no program lays the graph out.
        """
        return render.svg(str(self))

    def png(self, dpi: int = 144) -> bytes:
        """The picture as PNG.

        Args:
            dpi: pixels an inch.

        Raises:
            NoEngine: no program lays the graph out.
        """
        return render.png(str(self), dpi)

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file; its suffix says how: .svg, .png, .dot or .gv.

        Args:
            path: the file.

        Returns:
            The file's path.

        Raises:
            UnknownSuffix: none of these.
            NoEngine: no program lays the graph out.
        """
        file = Path(path)
        suffix = file.suffix.lower()
        if suffix == ".png":
            file.write_bytes(self.png())
        elif suffix == ".svg":
            file.write_bytes(self.svg().encode())
        elif suffix in {".dot", ".gv"}:
            file.write_bytes(str(self).encode())
        else:
            raise UnknownSuffix(file.suffix)
        return file

    def _repr_svg_(self) -> str | None:
        """What a notebook shows: nothing where no engine is."""
        try:
            return self.svg()
        except render.NoEngine:
            return None

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What a notebook may choose from: the picture, where an engine is, and DOT."""
        drawn = self._repr_svg_()
        return ({"image/svg+xml": drawn} if drawn else {}) | {"text/plain": str(self)}


def diagram(
    *,
    flow: str | None = None,
    history: Iterable[Walked] | None = None,
    unfolded: bool = False,
    failures: bool = False,
    theme: Theme = LIGHT,
    labels: Mapping[str, str] | None = None,
) -> Diagram:
    """A picture of the protocol: of all of it, unless told otherwise.

    Args:
        flow: an `AuthFlow`, as "USER_SRP_AUTH": only what it reaches.
        history: the steps of a sign-in: the way they took is lit, and where it stands.
        unfolded: every arrow by itself, and none left out.
        failures: show where an attempt ends.
        theme: how it looks.
        labels: other texts, by those they replace: names of states, triggers, junctions, groups, captions.

    Raises:
        UnknownFlow: there is no such flow.
    """
    if flow is not None and flow not in flows():
        raise UnknownFlow(flow)
    model = draft(flow=flow, unfolded=unfolded, failures=failures)
    return Diagram(model if history is None else walk(model, history), theme, labels or {})
