"""Pictures can be read where people see them, are the same with every font, and say what they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from authfsm.core.history import Step
from authfsm.diagrams import UnknownLabel, diagram
from authfsm.diagrams.gallery import pictures
from authfsm.diagrams.picture import Diagram
from authfsm.diagrams.render import MissingFont
from authfsm.protocol.responses import SrpClaim, UserSrpAuth
from authfsm.protocol.states import State

ROOT = Path(__file__).parents[1]
README_WIDTH = 838  # pixels: GitHub's column
SMALLEST = 9  # pixels
SVG = "{http://www.w3.org/2000/svg}"
HISTORY = [
    Step(1, State.START, UserSrpAuth, State.PASSWORD_VERIFIER),
    Step(2, State.PASSWORD_VERIFIER, SrpClaim, State.SMS_MFA),
]


def smallest(svg: str) -> float:
    """Return the height of the smallest label in pixels, where the picture is no wider than README's column."""
    root = ET.fromstring(svg)  # noqa: S314 - our own drawing
    width = float(root.attrib["width"].removesuffix("pt"))
    scale = min(README_WIDTH, width * 96 / 72) / float(root.attrib["viewBox"].split()[2])
    sizes = [float(e.attrib["font-size"]) for e in root.iter(f"{SVG}text") if (e.text or "").strip()]
    return min(sizes) * scale


def shown() -> Iterator[str]:
    """Yield the pictures that README and the gallery show."""
    for name in ("README.md", "diagrams/README.md"):
        for found in re.findall(r"!\[[^\]]*\]\(([^)]*\.svg)\)", (ROOT / name).read_text("utf-8")):
            yield Path(found).stem


@pytest.mark.parametrize("name", sorted(set(shown())))
def test_what_is_shown_can_be_read(name: str) -> None:
    """No label of a picture that README or the gallery shows is under 9 pixels high in a column of 838."""
    assert smallest((ROOT / f"diagrams/{name}.svg").read_text("utf-8")) >= SMALLEST


def test_the_gallery_shows_every_picture_but_the_whole() -> None:
    """The whole protocol with all names is a link; every other picture is shown."""
    assert {name for name, _, _ in pictures()} - set(shown()) == {"protocol"}


@pytest.mark.parametrize("state", State, ids=str)
def test_a_state_and_its_neighbours_can_be_read(state: State) -> None:
    """No label of the picture of one state is under 9 pixels high in a column of 838."""
    assert smallest(diagram(state=state).svg()) >= SMALLEST


def test_the_font_does_not_matter() -> None:
    """Every text has the width that the layout left for it, whatever the script: no font leaves its box."""
    labels = {"SMS_MFA": "日本語のコード", "code": "κωδικός", "factors proved": "Ελληνικά"}
    for drawn in (diagram(), diagram(state="SMS_MFA", labels=labels), diagram(history=HISTORY)):
        root = ET.fromstring(drawn.svg())  # noqa: S314 - our own drawing
        texts = [each for each in root.iter(f"{SVG}text") if (each.text or "").strip()]
        assert len(texts) > 10
        for each in texts:
            size, text = float(each.attrib["font-size"]), unescape(each.text or "")
            assert 0.2 * size * len(text) < float(each.attrib["textLength"]) < size * len(text)
    lengths = {
        each.text: each.attrib["textLength"]
        for each in ET.fromstring(diagram(state="SMS_MFA").svg()).iter(f"{SVG}text")  # noqa: S314 - our own drawing
    }
    assert lengths["SMS_MFA"] == f"{13 * (667 + 833 + 667 + 556 + 833 + 611 + 667) / 1000:.1f}"


def test_other_scripts_are_drawn_or_the_font_is_named() -> None:
    """SVG has any script; PNG has Greek; where a font lacks a letter, PNG and PDF are an error, never boxes."""
    greek, japanese = (diagram(state="SMS_MFA", labels={"SMS_MFA": text}) for text in ("Κωδικός", "日本語"))
    assert "Κωδικός" in greek.svg()
    assert "日本語" in japanese.svg()
    assert greek.png().startswith(b"\x89PNG")
    assert greek._repr_mimebundle_().keys() >= {"image/svg+xml", "image/png"}
    assert "image/png" not in japanese._repr_mimebundle_()
    with pytest.raises(MissingFont, match=r"the fonts of this PNG do not have 日本語: .*fonts-noto-cjk"):
        japanese.png()
    with pytest.raises(MissingFont, match="the fonts of this PDF do not have "):
        greek.pdf()


@pytest.mark.parametrize(
    ("drawn", "title"),
    [
        (diagram(), "all flows"),
        (diagram(flow="CUSTOM_AUTH"), "CUSTOM_AUTH"),
        (diagram(state="EMAIL_OTP"), "the states next to EMAIL_OTP"),
        (diagram(history=HISTORY), "all flows, a recorded sign-in"),
        (diagram(traffic=[HISTORY, HISTORY]), "all flows, the paths of 2 sign-ins"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_picture_says_what_it_shows(drawn: Diagram, title: str) -> None:
    """The title is in the caption, and with a description it is what a screen reader reads; in Mermaid too."""
    svg = drawn.svg()
    whole = f"Amazon Cognito sign-in: {title}"
    root = ET.fromstring(svg)  # noqa: S314 - our own drawing
    assert (root.attrib["role"], root.attrib["aria-label"]) == ("img", whole)
    assert [root.findtext(f"{SVG}title"), whole in str(drawn)] == [whole, True]
    assert "Not drawn" in (root.findtext(f"{SVG}desc") or "")
    assert f"accTitle: {whole}".replace(":", "#58;").replace("accTitle#58;", "accTitle:") in format(
        drawn, "mermaid"
    )


def test_an_unknown_label_is_an_error() -> None:
    """A misspelt name is an error that names the closest; names, junctions, groups and sentences are known."""
    with pytest.raises(UnknownLabel, match=r"'SMS_MAF', so it has no label; the closest is 'SMS_MFA'"):
        diagram(labels={"SMS_MAF": "Code"})
    known = [
        "SMS_MFA",
        "code",
        "factors proved",
        "second factor",
        "Not drawn: arrows that replies of real pools refute.",
    ]
    assert diagram(labels=dict.fromkeys(known, "x")).labels.keys() == set(known)


def test_a_sign_in_that_moves() -> None:
    """Each step has a moment of its own, in order; without animation, or with reduced motion, all is visible."""
    drawn = diagram(flow="USER_SRP_AUTH", history=HISTORY)
    still, moving = drawn.svg(), drawn.svg(animated=True)
    style = re.findall(r"<style>(@media \(prefers-reduced-motion:no-preference\).*?)</style>", moving)
    assert len(style) == 1
    begins = [float(x) for x in re.findall(r"@keyframes s\d+\{0%,([\d.]+)%", style[0])]
    assert begins == sorted(begins)
    assert len(begins) == len(HISTORY)
    groups = re.findall(r'<g id="\w+" class="[^"]* step-(\d+)">\s*<title>([^<]*)', moving)
    arrived = {unescape(title): number for number, title in groups}
    assert (arrived["PASSWORD_VERIFIER"], arrived["SMS_MFA"]) == ("1", "2")
    assert re.sub(r" step-\d+|<style>@media \(prefers-reduced.*?</style>\n", "", moving) == still
    assert "script" not in moving
    assert diagram().svg(animated=True).count("@keyframes") == 0


def test_jupyter_shows_no_picture_wider_than_its_cell() -> None:
    """In a notebook the natural width is at most 900 pixels; a smaller picture keeps its own."""

    def width(drawn: Diagram) -> float:
        return float(re.findall(r'width="([\d.]+)pt"', drawn._repr_svg_() or "")[0]) * 96 / 72

    assert width(diagram()) == 900
    small = diagram(flow="REFRESH_TOKEN")
    assert width(small) == pytest.approx(float(re.findall(r'width="([\d.]+)pt"', small.svg())[0]) * 96 / 72)
