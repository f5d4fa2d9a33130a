"""Pictures are legible with every set of fonts, or the missing font is named."""

from __future__ import annotations

import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from itertools import combinations, product
from pathlib import Path
from typing import Any, Final

import pytest
from browser import OpenedPage, chromium
from conftest import lacking
from gallery import pictures
from PIL import Image

from authfsm.diagrams import diagram, render
from authfsm.diagrams.account import AccountDiagram
from authfsm.diagrams.render import MissingFont
from authfsm.diagrams.sequence import sequence

FOLDERS: Final = Path("/usr/share/fonts/truetype")
JAPANESE: Final = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
SETS: Final = {
    "DejaVu": FOLDERS / "dejavu/DejaVuSans.ttf",
    "Liberation": FOLDERS / "liberation/LiberationSans-Regular.ttf",
    "Noto": FOLDERS / "noto/NotoSans-Regular.ttf",
}
SCRIPTS: Final = {
    "Latin": "Código de façade, Größe",
    "Greek": "Κωδικός επαλήθευσης",
    "Japanese": "確認コードを入力してください",
}
CONFIGURATION: Final = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>{folders}<include>/etc/fonts/conf.d</include><cachedir>{cache}</cachedir>
<cachedir>/var/cache/fontconfig</cachedir></fontconfig>
"""


@pytest.fixture(params=SETS)
def font_set(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Use a set of fonts as the machine's only ones, with a font for Japanese."""
    name = str(request.param)
    for file, package in ((SETS[name], f"fonts-{name.lower()}"), (JAPANESE, "fonts-noto-cjk")):
        if not file.exists():
            lacking(f"{file} (of a package such as {package})")
    folders = "".join(f"<dir>{each.parent}</dir>" for each in (SETS[name], JAPANESE))
    file = tmp_path / "fonts.conf"
    file.write_text(CONFIGURATION.format(folders=folders, cache=tmp_path / "cache"), encoding="utf-8")
    monkeypatch.setenv("FONTCONFIG_FILE", str(file))
    return name


# Of each text its ink, for blanks at its ends keep a label off its line; of a state also the shape around it.
MEASURE: Final = """() => {
  const brush = document.createElement("canvas").getContext("2d");
  const box = ({left, top, right, bottom}) => [left, top, right, bottom];
  return [...document.querySelectorAll("svg")].map(svg => ({
    picture: box(svg.getBoundingClientRect()),
    texts: [...svg.querySelectorAll("text")].filter(text => text.textContent.trim()).map(text => {
      const words = text.firstChild.data, outside = text.getBoundingClientRect(), matrix = text.getScreenCTM();
      const {fontFamily, fontWeight} = getComputedStyle(text), {x, y} = text, size = +text.getAttribute("font-size");
      brush.font = `${fontWeight} ${size * matrix.a}px ${fontFamily}`;
      const blanks = words.length - words.trimStart().length, natural = brush.measureText(words).width;
      const share = outside.width / natural, ink = brush.measureText(words.trim());
      const left = outside.left + share * brush.measureText(words.slice(0, blanks)).width;
      const line = matrix.f + matrix.d * y.baseVal[0].value, right = left + share * ink.width;
      const shape = text.closest(".node")?.querySelector("polygon, ellipse, path, polyline");
      return {
        text: words.trim(), share, shape: shape && box(shape.getBoundingClientRect()),
        box: [left, line - ink.actualBoundingBoxAscent, right, line + ink.actualBoundingBoxDescent],
      };
    }),
  }));
}"""
# What a browser draws for each character, as a number of pixels and their places.
DRAW: Final = """([family, characters]) => {
  const brush = new OffscreenCanvas(40, 40).getContext("2d", {willReadFrequently: true});
  brush.font = `24px ${family}`;
  return [...characters].map(each => {
    brush.clearRect(0, 0, 40, 40);
    brush.fillText(each, 5, 30);
    return brush.getImageData(0, 0, 40, 40).data.join();
  });
}"""
UNASSIGNED: Final = "\u0378"


@cache
def drawings() -> dict[str, str]:
    """Return pictures of every kind, and two with labels in three scripts, as SVG."""
    labels = dict(zip(("SMS_MFA", "code", "factors proved"), SCRIPTS.values(), strict=True))
    others = dict(zip(("SMS_MFA", "code", "factors proved"), reversed(SCRIPTS.values()), strict=True))
    kinds = ("sign_in", "protocol", "pool_mfa_off_to_required", "failures")
    texts = {name: drawn.svg() for name, drawn, _ in pictures() if name in kinds}
    texts["labels"] = diagram(state="SMS_MFA", labels=labels).svg()
    texts["other labels"] = diagram(flow="USER_SRP_AUTH", labels=others).svg()
    texts["account"] = AccountDiagram().svg()
    texts["messages"] = sequence(flow="USER_SRP_AUTH").svg()
    return {name: svg[svg.index("<svg") :] for name, svg in texts.items()}


def inside(box: list[float], outer: list[float]) -> bool:
    """Return whether a box is within another, allowing for a browser's rounding."""
    room = zip(box, outer, (1, 2, -1, -2), strict=True)
    left, top, right, bottom = (inner + rounding - edge for inner, edge, rounding in room)
    return left >= 0 and top >= 0 and right <= 0 and bottom <= 0


def overlap(one: list[float], other: list[float]) -> bool:
    """Return whether two boxes overlap by more than a pixel in width and two in height."""
    wide, high = (min(one[at + 2], other[at + 2]) - max(one[at], other[at]) for at in (0, 1))
    return wide > 1 and high > 2


def faults_of(name: str, picture: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the faults of a picture: texts outside it or their shape, and texts that overlap."""
    texts = picture["texts"]
    assert len(texts) > 10
    faults = [(name, "outside", each["text"]) for each in texts if not inside(each["box"], picture["picture"])]
    shaped = [each for each in texts if each["shape"]]
    faults += [(name, "off its shape", each["text"]) for each in shaped if not inside(each["box"], each["shape"])]
    pairs = combinations(texts, 2)
    return faults + [(name, a["text"], b["text"]) for a, b in pairs if overlap(a["box"], b["box"])]


def fonts_used(opened: OpenedPage) -> set[str]:
    """Return the families of the fonts with which a browser draws the three scripts."""
    session = opened.page.context.new_cdp_session(opened.page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
    node = session.send("DOM.querySelector", {"nodeId": root, "selector": "#scripts"})["nodeId"]
    fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    return {each["familyName"] for each in fonts}


def test_svg_in_a_browser(font_set: str, tmp_path: Path) -> None:
    """With each set of fonts every text is inside its shape, on no other text, and no letter is missing."""
    characters = sorted({each for text in SCRIPTS.values() for each in text if each.strip()})
    with chromium(tmp_path / "profile") as opened:
        html = "".join(f'<div id="{name}">{svg}</div>' for name, svg in drawings().items())
        scripts = f'<p id="scripts" style="font-family:{render._FONTS}">{" ".join(SCRIPTS.values())}</p>'
        opened.page.set_content(html + scripts)
        measured = opened.page.evaluate(MEASURE)
        used = fonts_used(opened)
        box, *boxes = opened.page.evaluate(DRAW, [render._FONTS, [UNASSIGNED, *characters]])

    assert {family.split()[0] for family in used} == {font_set, "Noto"}, "the browser uses other fonts"
    assert any("CJK" in family for family in used)
    faults = [each for name, picture in zip(drawings(), measured, strict=True) for each in faults_of(name, picture)]
    assert faults == []
    blank = ",".join(["0"] * 40 * 40 * 4)
    assert [each for each, pixels in zip(characters, boxes, strict=True) if pixels in {box, blank}] == []


def dot(texts: Sequence[str], width: float = 0.5) -> str:
    """Return a drawing of texts, each in a cell of 40 points, 30 in a row."""
    style = f"node [shape=box fixedsize=true width={width} height=0.5 penwidth=0 fontname=Helvetica]"
    nodes = (
        f'n{number} [label="&#{ord(text)};" pos="{number % 30 * 40},{number // 30 * -40}"]'
        if len(text) == 1
        else f'n{number} [label="{text}" pos="0,0"]'
        for number, text in enumerate(texts)
    )
    return f"graph {{ layout=nop pad=0 {style} {' '.join(nodes)} }}"


def cells(picture: Image.Image, count: int) -> list[bytes]:
    """Return the pixels of the cells."""
    corners = [(number % 30 * 40, number // 30 * 40) for number in range(count)]
    return [picture.crop((x, y, x + 36, y + 36)).tobytes() for x, y in corners]


def test_png_and_pdf(font_set: str, tmp_path: Path) -> None:
    """With each set of fonts every letter is drawn, or the missing font is named."""
    if not shutil.which("pdftoppm"):
        lacking("pdftoppm (of poppler-utils)")

    def read(program: str, write: bytes, *options: str) -> bytes:
        """Return the text that a PDF reader without fonts of its own finds in a file."""
        file = tmp_path / "written.pdf"
        file.write_bytes(write)
        return subprocess.run([program, file, *options], capture_output=True, check=True).stdout

    writers: dict[str, Callable[[str], bytes]] = {
        "PNG": lambda source: render.png(source, 72),
        "PDF": lambda source: read("pdftoppm", render.pdf({"": (source, "")}), "-r", "72", "-png", "-singlefile"),
    }
    for (script, text), (output_format, write) in product(SCRIPTS.items(), writers.items()):
        letters = sorted(set(text) - {" "})
        if (script, output_format) in {("Latin", "PNG"), ("Latin", "PDF"), ("Greek", "PNG")}:
            pixels = cells(Image.open(BytesIO(write(dot([*letters, " "])))), len(letters) + 1)
            assert len(set(pixels)) == len(letters) + 1, (font_set, script, output_format)
            continue
        package = "fonts-noto-cjk" if script == "Japanese" else "fonts-noto-core"
        message = f"this {output_format} do not have {''.join(letters)}: .*{package}"
        with pytest.raises(MissingFont, match=message):
            write(dot([text], 4))
    words = read("pdftotext", render.pdf({"": (dot([SCRIPTS["Latin"]], 4), "")}), "-").decode()
    assert SCRIPTS["Latin"] in words


def test_png_has_every_character_that_it_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    """PNG draws every character that it accepts, and names a letter that it lacks."""
    for each in ("\u2713", "\u21d2", "\u2460", UNASSIGNED, "\u0531", "\U0001f511"):
        with pytest.raises(MissingFont, match=f"the fonts of this PNG do not have {each}: .*fonts-noto-core"):
            render.png(dot([each]))
    blank = {"Zs", "Zl", "Zp", "Cf", "Cn", "Cc"}
    every = [chr(each) for each in range(0x21, 0x2C00) if unicodedata.category(chr(each)) not in blank]
    accepted = [each for each in every if render._PNG_CHARACTERS.match(each)]
    assert len(accepted) > 1900
    monkeypatch.setattr(render, "_check_characters", lambda *_: None)
    chosen = [UNASSIGNED, *accepted[::3], *accepted[-40:]]
    box, *images = cells(Image.open(BytesIO(render.png(dot(chosen), 72))), len(chosen))
    assert len(set(images)) > 600
    assert [each for each, image in zip(chosen[1:], images, strict=True) if image == box] == []
