"""The base class of all pictures: converts DOT to SVG, PNG and PDF, adds a title and a description, and writes files."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any, ClassVar, Final

from authfsm.diagrams import render
from authfsm.diagrams.themes import Theme, adaptive
from authfsm.protocol.errors import CallerError


class UnknownFormat(render.UnknownName):
    """There is no format with this name; the message lists the formats."""

    kind = "format"


class UnknownSuffix(CallerError, ValueError):
    """A diagram cannot be saved in a file with this `suffix`; an empty `suffix` means that the file has none."""

    def __init__(self, suffix: str, suffixes: Iterable[str]) -> None:
        unknown = repr(suffix) if suffix else "a file without a suffix"
        super().__init__(f"a diagram is saved as {', '.join(suffixes)}, not as {unknown}")
        self.suffix = suffix


class Drawing:
    """A picture that a layout engine draws from DOT; Jupyter displays it directly."""

    __slots__ = ()
    suffixes: ClassVar[Mapping[str, Callable[[Any], bytes]]]
    """The formats of `save`, by the suffix of the file."""
    formats: ClassVar[Mapping[str, Callable[[Any], str]]]
    """The formats of `format(drawing, name)`."""
    theme: Theme
    """The colours and outlines."""
    engine: str | None
    """The layout engine; None for the first one that is installed."""

    def __str__(self) -> str:
        return self.dot()

    def __format__(self, spec: str) -> str:
        if spec not in self.formats:
            raise UnknownFormat(spec, filter(None, self.formats))
        return self.formats[spec](self)

    @property
    def title(self) -> str:
        """What the picture shows, in a few words."""
        raise NotImplementedError

    @property
    def description(self) -> str:
        """What the picture shows, in sentences, for readers who cannot see it."""
        raise NotImplementedError

    def dot(self) -> str:
        """Return the picture in Graphviz's language."""
        raise NotImplementedError

    def svg(self) -> str:
        """Return the picture as SVG, with selectable text and tooltips; raises NoEngine and UnknownEngine."""
        return self.finish_svg(render.svg(self.dot(), self.engine))

    def finish_svg(self, svg: str) -> str:
        """Return the SVG with the theme's dark colours, a title and a description."""
        adapted, title = adaptive(svg, self.theme), escape(self.title)
        inside = adapted.index(">", adapted.index("<svg")) + 1
        opened = adapted[:inside].replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
        head = f"<title>{title}</title>\n<desc>{escape(self.description)}</desc>\n"
        return f"{opened}\n{head}{adapted[inside:].lstrip()}"

    def png(self, dpi: int = 144) -> bytes:
        """Return the picture as PNG, with `dpi` pixels per inch; raises NoEngine, UnknownEngine and MissingFont."""
        return render.png(self.dot(), dpi, self.engine)

    def pdf(self) -> bytes:
        """Return the picture as PDF; raises NoPdf, NoEngine, UnknownEngine and MissingFont."""
        return render.pdf({"": (self.dot(), self.title)}, self.engine)

    def files(self, path: Path, suffix: str) -> Mapping[Path, Drawing]:  # noqa: ARG002 -- for subclasses
        """Return the drawings that `save` writes, by file: this drawing alone. A subclass may return several."""
        return {path: self}

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file, in the format of the file's suffix, and return the path.

        An unfolded diagram is several SVG or PNG files, whose names begin with the stem of `path`.

        Raises:
            UnknownSuffix: no format has this suffix.
            NoEngine, UnknownEngine: the layout engine is not installed, or has an unknown name.
            NoPdf: no program or library that writes PDF is installed.
            MissingFont: a text has characters that the fonts of PNG or PDF do not have.
        """
        file = Path(path)
        suffixes = [each for each in self.suffixes if file.name.lower().endswith(each)]
        if not suffixes:
            raise UnknownSuffix(file.suffix, self.suffixes)
        suffix = max(suffixes, key=len)
        for each, drawn in self.files(file, suffix).items():
            each.write_bytes(self.suffixes[suffix](drawn))
        return file

    def _repr_svg_(self) -> str | None:
        """Return the SVG no wider than a notebook's cell; None if its layout engine is not installed."""
        try:
            return _SIZE.sub(_no_wider, self.svg(), count=1)
        except render.NoEngine:
            return None

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        drawn = self._repr_svg_()
        if drawn is None:
            return {"text/plain": str(self)}
        bundle = {"image/svg+xml": drawn, "text/plain": str(self)}
        with suppress(render.MissingFont):
            bundle["image/png"] = b64encode(self.png()).decode()
        return bundle


PICTURE_SUFFIXES: Final[Mapping[str, Callable[[Drawing], bytes]]] = {
    ".svg": lambda drawn: drawn.svg().encode(),
    ".png": lambda drawn: drawn.png(),
    ".pdf": lambda drawn: drawn.pdf(),  # a subclass may have several pages
    ".dot": lambda drawn: drawn.dot().encode(),
    ".gv": lambda drawn: drawn.dot().encode(),
}
"""The formats of every picture, by the suffix of a file."""
Drawing.suffixes = PICTURE_SUFFIXES
Drawing.formats = {"": str, "dot": lambda drawn: drawn.dot(), "svg": lambda drawn: drawn.svg()}

# JupyterLab and nbconvert show an SVG as an image of its natural size; in a window of 1,000 px a cell has 878 px.
_CELL_WIDTH: Final = 650  # points
_SIZE: Final = re.compile(r'width="([\d.]+)pt" height="([\d.]+)pt"')


def _no_wider(found: re.Match[str]) -> str:
    width, height = map(float, found.groups())
    scale = min(1, _CELL_WIDTH / width)
    return f'style="max-width:100%;height:auto" width="{width * scale:g}pt" height="{height * scale:g}pt"'


def picture_tag(light: str, dark: str, title: str, still: str | None = None) -> str:
    """Return the HTML that shows one picture on GitHub's light pages and the other on its dark ones.

    Args:
        light: the address of the picture for light pages.
        dark: the address of the picture for dark pages.
        title: what the picture shows, for readers who cannot see it.
        still: the address of a picture for readers who prefer reduced motion, if the other pictures are animated.
    """
    files = {"prefers-reduced-motion: reduce": still, "prefers-color-scheme: dark": dark}
    rows = [f'  <source media="({query})" srcset="{escape(file)}">' for query, file in files.items() if file]
    return "\n".join(("<picture>", *rows, f'  <img alt="{escape(title)}" src="{escape(light)}">', "</picture>\n"))
