"""Converts DOT to SVG, PNG or PDF by a layout engine: `graphviz-pure` (the same result on every system) or `dot`."""

from __future__ import annotations

import re
import shutil
import sysconfig
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from html import unescape
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from authfsm.protocol.errors import CallerError, OperatorError

ENGINES: Final = ("graphviz-pure", "dot")
"""The programs that can draw, in order of preference."""
_FONTS: Final = "Helvetica,Arial,sans-serif"
# Adobe's metrics of Helvetica, with which the engines compute the size of labels: thousandths of the font size, for
# the characters from space to tilde and a few signs.
_ASCII_WIDTHS: Final = (
    *(278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278),
    *(556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556),
    *(1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778),
    *(667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556),
    *(333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556),
    *(556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584),
)
_SIGN_WIDTHS: Final = {"\u00a0": 278, "\u00b7": 278, "\u00d7": 584, "\u2020": 556, "\u2212": 584}
_WIDTHS: Final = {chr(n): width for n, width in enumerate(_ASCII_WIDTHS, ord(" "))} | _SIGN_WIDTHS
_NARROW_WIDTH, _WIDE_WIDTH = 556, 834  # what the engines assume for other characters: up to U+2000, above U+2000
# The characters in graphviz-pure's fonts, and unassigned ones, which `_check_characters` excludes.
_PNG_CHARACTERS: Final = re.compile(
    "[\t\n -~\u00a0-\u04ff\u1e00-\u20be\u2100-\u214f\u2190-\u2195\u2212∂∆∏∑√∞∩∫≈≠≡≤≥■□▪▫▲►▼◄◊○●◦☺♀♂♠♣♥♦♪]"
)
_EAST_ASIAN: Final = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")  # how the names of such characters begin
_ELLIPSE: Final = re.compile(r'cx="(.+?)" cy="(.+?)" rx="(.+?)" ry="(.+?)"')
_CELL_TEXT: Final = re.compile(r'"start" x="(.+?)" y="(.+?)".*? font-size="(.+?)".*? textLength="(.+?)"')
_TEXT: Final = re.compile(r'<text ([^>]*font-size="([\d.]+)"[^>]*)>([^<]+)</text>')


class UnknownName(CallerError, ValueError):
    """There is no flow, state, format or engine with this `name`; the message lists those that exist."""

    kind: str

    def __init__(self, name: str, names: Iterable[str]) -> None:
        super().__init__(f"no {self.kind} is named {name!r}; the {self.kind}s are {', '.join(names)}")
        self.name = name


class UnknownEngine(UnknownName):
    """There is no layout engine with this name; the message lists the engines."""

    kind = "engine"


class NoEngine(OperatorError):
    """A layout engine is not installed; `name` is the engine's, or None if no engine is installed."""

    def __init__(self, name: str | None = None) -> None:
        missing = f"{name} is not installed" if name else "no layout engine is installed"
        wheel = "" if name == "dot" else "`pip install graphviz-pure`, or "
        super().__init__(
            f"{missing}: {wheel}install Graphviz so that `dot` is on the PATH"
            " (DOT, Mermaid, PlantUML, Markdown, SCXML, XState and JSON need no layout engine)"
        )
        self.name = name


class NoPdf(OperatorError):
    """No program or library that writes PDF is installed."""

    def __init__(self, pages: int = 1) -> None:
        other = ", or install Graphviz so that `dot` is on the PATH" if pages == 1 else ""
        what = "PDF" if pages == 1 else "PDF of several pages"
        super().__init__(f"nothing that writes {what} is installed: `pip install 'authfsm[pdf]'`{other}")


class MissingFont(OperatorError):
    """A text has `characters` that the fonts of PNG or PDF do not have."""

    def __init__(self, characters: str, output_format: str, pages: int = 1) -> None:
        east_asian = any(unicodedata.name(each, "").startswith(_EAST_ASIAN) for each in characters)
        font = "fonts-noto-cjk" if east_asian else "fonts-noto-core"
        dot = f'; or install Graphviz and a font with these characters (such as {font}), and draw with the engine "dot"'
        super().__init__(
            f"the fonts of this {output_format} do not have {characters}: save the diagram as SVG, which is"
            f" shown with the viewer's own fonts{dot if pages == 1 else ''}"
        )
        self.characters = characters


def engine(name: str | None = None) -> str:
    """Return the path of this layout engine, or of the first that is installed; raises NoEngine or UnknownEngine."""
    if name not in {None, *ENGINES}:
        raise UnknownEngine(str(name), ENGINES)
    scripts = sysconfig.get_path("scripts")
    for each in (name,) if name else ENGINES:
        found = shutil.which(each, path=scripts) or shutil.which(each)
        if found:
            return found
    raise NoEngine(name)


def svg(source: str, name: str | None = None) -> str:
    """Return DOT as SVG with selectable text; raises what `engine` raises, or CalledProcessError if the engine failed."""
    drawn = re.sub(r"<!-- Generated by.*?-->\n", "", _run(source, "svg", name).decode(), flags=re.DOTALL)
    drawn = re.sub(r'font-family="Helvetica[^"]*"', f'font-family="{_FONTS}"', drawn)
    return _TEXT.sub(_with_length, drawn)


def _with_length(found: re.Match[str]) -> str:
    """Return a text element with the width that the layout computed, so that the text fits in any font."""
    attributes, size, text = found.groups()
    length = f'textLength="{text_width(unescape(text), float(size)):.1f}" lengthAdjust="spacingAndGlyphs"'
    return f"<text {attributes} {length}>{text}</text>"


def text_width(text: str, size: float) -> float:
    """Return the width in points that the layout engines compute for a text; `size` is the font size in points."""
    widths = (_WIDTHS.get(each, _WIDE_WIDTH if each > "\u2000" else _NARROW_WIDTH) for each in text)
    return size * sum(widths) / 1000


def png(source: str, dpi: int = 144, name: str | None = None) -> bytes:
    """Return DOT as PNG, with `dpi` pixels per inch; raises what `svg` raises, and MissingFont."""
    if Path(engine(name)).stem != "dot":  # on Windows the file is dot.exe
        _check_characters(source, "PNG")
    return _run(source, "png", name, f"-Gdpi={dpi}")


def pdf(pages: Mapping[str, tuple[str, str]], name: str | None = None) -> bytes:
    """Return a PDF. `pages` has the DOT and title of each page, by page name. Raises NoPdf and what `png` raises."""
    if (name != "dot" or len(pages) > 1) and find_spec("svglib") and find_spec("reportlab"):
        return _pdf_by_svglib(pages, name)
    if len(pages) > 1:
        raise NoPdf(len(pages))
    try:
        return _run(next(iter(pages.values()))[0], "pdf", "dot")
    except NoEngine:
        if name == "dot":
            raise
        raise NoPdf from None


def _check_characters(source: str, output_format: str, pages: int = 1) -> None:
    """Raise MissingFont for characters that the fonts of graphviz-pure (PNG) or of PDF readers do not have."""
    text = unescape(source).replace("\u2212", "")
    if output_format == "PDF":  # the encoding of the fonts that every PDF reader has
        missing = {each for each in text if not each.encode("cp1252", errors="ignore")}
    else:
        known = set(_PNG_CHARACTERS.findall(text))
        missing = {each for each in text if each not in known or unicodedata.category(each) == "Cn"}
    if missing:
        raise MissingFont("".join(sorted(missing)), output_format, pages)


def _pdf_by_svglib(pages: Mapping[str, tuple[str, str]], name: str | None) -> bytes:
    from reportlab.graphics import renderPDF  # noqa: PLC0415 -- an extra
    from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415 -- an extra
    from svglib.svglib import svg2rlg  # noqa: PLC0415 -- an extra

    written = BytesIO()
    canvas: Any = Canvas(written)
    canvas.setTitle(next(iter(pages.values()))[1])
    for key, (source, title) in pages.items():
        _check_characters(source, "PDF", len(pages))
        # Helvetica has no minus sign
        drawn = svg(source.replace("\u2212", "\u2013"), name).replace(f'"{_FONTS}"', '"Helvetica"')
        page: Any = svg2rlg(BytesIO(drawn.encode()))
        canvas.setPageSize((page.width, page.height))
        renderPDF.draw(page, canvas, 0, 0)
        if key:
            canvas.bookmarkPage(key)
            canvas.addOutlineEntry(title, key)
        for target, area in _links(drawn, page.height):
            if target in pages:
                canvas.linkRect(title, target, area)
            else:
                canvas.linkURL(target, area)
        canvas.showPage()
    canvas.save()
    return written.getvalue()


def _links(drawn: str, height: float) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    """Yield the address of each link in an SVG, and its box: left, bottom, right, top, in points from the lower left."""
    left, down = map(float, re.findall(r"translate\((-?[\d.]+) (-?[\d.]+)\)", drawn)[0])
    for target, inside in re.findall(r'<a xlink:href="([^"]*)"[^>]*>(.*?)</a>', drawn, re.DOTALL):
        outlines = " ".join(re.findall(r' (?:d|points)="([^"]*)"', inside))
        points = [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", outlines)]
        for x, y, rx, ry in (map(float, each) for each in _ELLIPSE.findall(inside)):
            points += (x - rx, y - ry), (x + rx, y + ry)
        for x, y, size, length in (map(float, each) for each in _CELL_TEXT.findall(inside)):
            points += (x, y - size), (x + length, y)
        if points:
            xs, ys = zip(*points, strict=True)
            yield unescape(target), (left + min(xs), height - down - max(ys), left + max(xs), height - down - min(ys))


def _run(source: str, output_format: str, name: str | None, *options: str) -> bytes:
    from graphviz.backend import dot_command, execute  # noqa: PLC0415 -- only drawing needs it

    program = engine(name)
    _, *arguments = dot_command.command("dot", output_format)
    completed = execute.run_check(
        [program, *arguments, *options], input=source.encode(), capture_output=True, quiet=True
    )
    return bytes(completed.stdout)
