"""The face of the diagrams: `diagram(...)` gives a picture that can be read, shown, drawn and saved."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from authfsm.diagrams import render
from authfsm.diagrams.dot import dot
from authfsm.diagrams.listing import as_json, markdown
from authfsm.diagrams.mermaid import mermaid
from authfsm.diagrams.model import DiagramModel
from authfsm.diagrams.model_builder import draft
from authfsm.diagrams.option_errors import (
    ConflictingOptions,
    UnknownFlow,
    UnknownFormat,
    UnknownState,
    UnknownSuffix,
)
from authfsm.diagrams.statecharts import scxml, xstate
from authfsm.diagrams.themes import LIGHT, Theme, adaptive
from authfsm.diagrams.walking import Walked, count, walk
from authfsm.protocol.auth_flows import FLOWS
from authfsm.protocol.states import State
from authfsm.protocol.validators import frozen_str_mapping
from authfsm.settings import PoolSettings


@frozen
class Diagram:
    """A picture of the protocol. `str(diagram)` is DOT; Jupyter shows it as it is.

    Args:
        model: what it shows.
        theme: how it looks.
        labels: other texts.
        engine: what lays it out; None is the first there is.
    """

    model: DiagramModel
    theme: Theme = LIGHT
    labels: Mapping[str, str] = field(factory=dict, converter=frozen_str_mapping)
    engine: str | None = None

    def __str__(self) -> str:
        return dot(self.model, self.theme, self.labels)

    def __format__(self, spec: str) -> str:
        if spec not in FORMATS:
            raise UnknownFormat(spec, filter(None, FORMATS))
        return FORMATS[spec](self)

    def svg(self) -> str:
        """The picture as SVG, with real text, tooltips, and links to AWS's pages.

        Raises:
            NoEngine: no program lays the graph out.
        """
        return adaptive(render.svg(str(self), self.engine), self.theme)

    def png(self, dpi: int = 144) -> bytes:
        """The picture as PNG.

        Args:
            dpi: pixels an inch.

        Raises:
            NoEngine: no program lays the graph out.
        """
        return render.png(str(self), dpi, self.engine)

    def pdf(self) -> bytes:
        """The picture as PDF.

        Raises:
            NoPdf: nothing here writes PDF.
            NoEngine: no program lays the graph out.
        """
        return render.pdf(str(self), self.engine)

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file; its suffix says how, as `SUFFIXES` lists.

        Args:
            path: the file.

        Returns:
            The file's path.

        Raises:
            UnknownSuffix: none of these.
            NoEngine: no program lays the graph out.
            NoPdf: nothing here writes PDF.
        """
        file = Path(path)
        suffixes = [each for each in SUFFIXES if file.name.lower().endswith(each)]
        if not suffixes:
            raise UnknownSuffix(file.suffix, SUFFIXES)
        file.write_bytes(SUFFIXES[max(suffixes, key=len)](self))
        return file

    def _repr_svg_(self) -> str | None:
        """What a notebook shows, no wider than its page: nothing where no engine is."""
        try:
            return self.svg().replace("<svg ", '<svg style="max-width:100%;height:auto" ', 1)
        except render.NoEngine:
            return None

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What a notebook may choose from: the picture, where an engine is, and DOT."""
        drawn = self._repr_svg_()
        if drawn is None:
            return {"text/plain": str(self)}
        return {
            "image/svg+xml": drawn,
            "image/png": b64encode(self.png()).decode(),
            "text/plain": str(self),
        }


FORMATS: Final[Mapping[str, Callable[[Diagram], str]]] = {
    "": str,
    "dot": str,
    "svg": Diagram.svg,
    "mermaid": lambda drawn: mermaid(drawn.model, drawn.theme, drawn.labels),
    "markdown": lambda drawn: markdown(drawn.model, drawn.labels),
    "scxml": lambda drawn: scxml(drawn.model),
    "xstate": lambda drawn: xstate(drawn.model),
    "json": lambda drawn: as_json(drawn.model),
}
"""What `format(diagram, name)` gives."""


def _text(name: str) -> Callable[[Diagram], bytes]:
    return lambda drawn: format(drawn, name).encode()


SUFFIXES: Final[Mapping[str, Callable[[Diagram], bytes]]] = {
    ".svg": _text("svg"),
    ".png": Diagram.png,
    ".pdf": Diagram.pdf,
    ".dot": _text("dot"),
    ".gv": _text("dot"),
    ".mmd": _text("mermaid"),
    ".mermaid": _text("mermaid"),
    ".md": _text("markdown"),
    ".scxml": _text("scxml"),
    ".xstate.json": _text("xstate"),
    ".json": _text("json"),
}
"""What `diagram.save(path)` writes, by the end of the file's name."""


def diagram(
    *,
    flow: str | None = None,
    state: State | str | None = None,
    settings: PoolSettings | None = None,
    faded: bool = False,
    difference: tuple[PoolSettings, PoolSettings] | None = None,
    history: Iterable[Walked] | None = None,
    traffic: Iterable[Iterable[Walked]] | None = None,
    unfolded: bool = False,
    failures: bool = False,
    actions: bool = False,
    theme: Theme = LIGHT,
    labels: Mapping[str, str] | None = None,
    engine: str | None = None,
) -> Diagram:
    """A picture of the protocol: of all of it, unless told otherwise.

    Args:
        flow: an `AuthFlow`, as "USER_SRP_AUTH": only what it reaches.
        state: a state: only what comes straight before it and after it.
        settings: a pool's: what they rule out is left away, with the reason below.
        faded: with `settings`: what they rule out is shown, but faded.
        difference: two pools' settings: what turns on, and off, from the first to the second.
        history: the steps of a sign-in: the way they took is lit, and where it stands.
        traffic: the histories of many sign-ins: how often each line was taken, and as wide.
        unfolded: every arrow by itself, and none left out that is not asked to be.
        failures: show where an attempt ends.
        actions: show that, and what is to be done then.
        theme: how it looks.
        labels: other texts, by those they replace: names of states, triggers, junctions, groups, captions.
        engine: what lays it out: "graphviz-pure", which comes along, or a system's "dot".

    Raises:
        UnknownFlow: there is no such flow.
        UnknownState: there is no such state.
        Together: two of these arguments exclude each other.
    """
    if flow is not None and flow not in FLOWS:
        raise UnknownFlow(flow, FLOWS)
    if settings is not None and difference is not None:
        raise ConflictingOptions("settings", "difference")
    if history is not None and traffic is not None:
        raise ConflictingOptions("history", "traffic")
    model = draft(
        flow=flow,
        state=None if state is None else _state(state),
        unfolded=unfolded,
        failures=failures,
        actions=actions,
        settings=settings,
        faded=faded,
        difference=difference,
    )
    if history is not None:
        model = walk(model, history)
    if traffic is not None:
        model = count(model, traffic)
    return Diagram(model, theme, labels or {}, engine)


def _state(name: str) -> State:
    if name not in State.__members__:
        raise UnknownState(name)
    return State[name]
