"""Labels are large enough wherever people see pictures, in every font; pictures have a title."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import browser
import gallery
import pytest
from browser import chromium
from playwright.sync_api import Page

from authfsm.core.history import Step
from authfsm.core.machine import build
from authfsm.diagrams import UnknownLabel, diagram, render
from authfsm.diagrams.picture import Diagram
from authfsm.diagrams.render import MissingFont
from authfsm.protocol.responses import SrpClaim, UserSrpAuth
from authfsm.protocol.states import State

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"
HISTORY = [
    Step(1, State.START, UserSrpAuth, State.PASSWORD_VERIFIER),
    Step(2, State.PASSWORD_VERIFIER, SrpClaim, State.SMS_MFA),
]


SMALLEST = {"README": 9, "A4": 8, "slide": 12}  # pixels, points, pixels


def smallest(svg: str) -> dict[str, float]:
    """Return the height of the smallest label in each place where people see pictures.

    README is GitHub's column of 838 pixels. On A4, upright or across with margins of 10 mm, and in the column no
    picture is enlarged. A slide has 1,920 x 1,080 pixels, and the picture fills it.
    """
    root = ET.fromstring(svg)  # noqa: S314 - our own drawing
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    size = min(float(e.attrib["font-size"]) for e in root.iter(f"{SVG}text") if (e.text or "").strip())
    short, long = ((millimetres - 20) * 72 / 25.4 for millimetres in (210, 297))
    paper = max(min(short / width, long / height), min(long / width, short / height))
    column = min(838 / width, 96 / 72)
    return {"README": size * column, "A4": size * min(1, paper), "slide": size * min(1920 / width, 1080 / height)}


SMALLEST_LABELS = {name: smallest(svg) for name, svg in gallery.published_pictures()}


@pytest.mark.parametrize("name", SMALLEST_LABELS)
def test_labels_of_published_pictures_can_be_read(name: str) -> None:
    """No label of a published picture is under 9 px in README, 8 pt on A4 or 12 px on a slide."""
    sizes = SMALLEST_LABELS[name]
    assert {place: size for place, size in sizes.items() if size < SMALLEST[place]} == {}


def table() -> str:
    """Return the smallest label of each picture in each place, as a table: `python tests/test_legibility.py`."""
    rows = [
        f"| {name} | {' | '.join(f'{size:.1f}' for size in sizes.values())} |"
        for name, sizes in SMALLEST_LABELS.items()
    ]
    return "\n".join(("| picture | README, px | A4, pt | slide, px |", "|---|---|---|---|", *rows))


def test_the_gallery_shows_every_picture_but_the_whole() -> None:
    """The gallery shows every picture; the whole protocol with all names is a link."""
    assert {name for name in gallery.files() if name.endswith(".svg")} - SMALLEST_LABELS.keys() == {"protocol.svg"}
    assert gallery.moving_picture("diagrams/") in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("state", State, ids=str)
def test_a_state_and_its_neighbours_can_be_read(state: State) -> None:
    """No label of the picture of one state is under 9 pixels high in a column of 838."""
    assert smallest(diagram(state=state).svg())["README"] >= SMALLEST["README"]


def test_every_page_of_the_unfolded_whole_can_be_read() -> None:
    """Each transition is on one page; no label of a page is too small anywhere; links lead to pages that exist."""
    full_diagram = diagram(unfolded=True)
    pages = full_diagram.pages("whole", ".svg")
    arrows = [arrow for page in [*pages.values()][1:] for arrow in page.model.arrows]
    assert len(arrows) == len(set(arrows))
    assert set(arrows) == full_diagram.model.arrows
    targets: set[str] = set()
    for name, page in pages.items():
        svg = page.svg()
        assert {k: v for k, v in smallest(svg).items() if v < SMALLEST[k]} == {}, name
        targets |= {each for each in re.findall(r'xlink:href="([^"]+)"', svg) if "//" not in each}
    assert targets == pages.keys()
    assert "whole-24-SOFTWARE_TOKEN_MFA.svg" in pages
    assert diagram(state="SMS_MFA", unfolded=True).pages().keys() == {""}


def test_an_unfolded_picture_is_saved_as_pages(tmp_path: Path) -> None:
    """SVG and PNG are a file for each page, PDF is one file with links between its pages, DOT is the whole."""
    picture = diagram(unfolded=True, flow="REFRESH_TOKEN", history=HISTORY[:0])
    names = [*picture.pages("a b", ".svg")]
    assert picture.save(tmp_path / "a b.svg") == tmp_path / "a b.svg"
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(names)
    assert f'href="{names[1].replace(" ", "%20")}"' in (tmp_path / names[0]).read_text("utf-8")
    pdf = picture.save(tmp_path / "a.pdf").read_bytes()
    assert len(re.findall(rb"/Type /Page\b", pdf)) == len(names)
    assert pdf.count(b"/Dest [") > len(names)
    assert "href" not in picture._repr_mimebundle_()["image/svg+xml"].replace('href="https://', "")
    dot = picture.save(tmp_path / "a.dot").read_text("utf-8")
    assert dot == picture.dot()
    assert sorted(each.name for each in tmp_path.glob("*.dot")) == ["a.dot"]


@pytest.mark.parametrize("margin", [0, 36])
@pytest.mark.parametrize("shape", ["box", "ellipse", "note"])
def test_a_link_of_a_pdf_lies_on_its_shape(shape: str, margin: int) -> None:
    """The area of a link in a PDF is that of the shape, with any margin of the page."""
    node = f'"" [URL="https://example.com" shape={shape} fixedsize=true width=1 height=0.5]'
    pdf = render.pdf({"": (f"digraph {{ pad={margin / 72}; {node} }}", "")})
    (area,) = re.findall(rb"/Rect \[ (.*?) \]", pdf)
    assert [*map(float, area.split())] == [margin, margin, margin + 72, margin + 36]


def test_a_pdf_has_every_link_of_the_svg() -> None:
    """The links of START and of the advice after FAILED, which have no outline of lines, are in the PDF too."""
    picture = diagram(actions=True)
    targets = [unescape(each) for each in re.findall(r'xlink:href="([^"]*)"', picture.svg())]
    assert [each.decode() for each in re.findall(rb"/URI \(([^)]*)\)", picture.pdf())] == targets


def test_the_font_does_not_matter() -> None:
    """Every text has the width that the layout reserved for it, in every script and font."""
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
    """SVG draws any script, PNG Greek; for a letter without a font PNG and PDF raise an error."""
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
        (diagram(history=HISTORY), "USER_SRP_AUTH, a recorded sign-in"),
        (diagram(traffic=[HISTORY, HISTORY]), "all flows, the paths of 2 sign-ins"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_picture_says_what_it_shows(drawn: Diagram, title: str) -> None:
    """The title is in the caption; a screen reader reads the title and the description."""
    svg = drawn.svg()
    full_title = f"Amazon Cognito sign-in: {title}"
    root = ET.fromstring(svg)  # noqa: S314 - our own drawing
    assert (root.attrib["role"], root.attrib["aria-label"]) == ("img", full_title)
    assert [root.findtext(f"{SVG}title"), full_title in str(drawn)] == [full_title, True]
    assert "Not drawn" in (root.findtext(f"{SVG}desc") or "")
    assert f"accTitle: {full_title}".replace(":", "#58;").replace("accTitle#58;", "accTitle:") in format(
        drawn, "mermaid"
    )


def test_an_unknown_label_is_an_error() -> None:
    """A misspelt name is an error that suggests the closest name."""
    with pytest.raises(UnknownLabel, match=r"no text 'SMS_MAF' that a label can replace; the closest is 'SMS_MFA'"):
        diagram(labels={"SMS_MAF": "Code"})
    known_labels = [
        "SMS_MFA",
        "code",
        "factors proved",
        "second factor",
        "Not drawn: arrows that replies of real pools refute.",
    ]
    assert diagram(labels=dict.fromkeys(known_labels, "x")).labels.keys() == set(known_labels)
    numbered = "Numbered: the recorded steps. Filled and framed: the current state."
    assert "Numeriert" in str(diagram(history=HISTORY, labels={numbered: "Numeriert"}))


def test_an_animated_sign_in() -> None:
    """Each step is animated in its order; without animation all steps are visible."""
    still, moving = (
        diagram(flow="USER_SRP_AUTH", history=HISTORY, animated=animated).svg() for animated in (False, True)
    )
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
    assert diagram(animated=True).svg().count("@keyframes") == 0


def test_an_animated_sign_in_beside_an_applications_states() -> None:
    """An animated diagram of a machine with states and transitions of its own marks only the recorded steps."""
    machine = build(states=["TERMS"], transitions=[["show_terms", "AUTHENTICATED", "TERMS"]])
    groups = re.findall(
        r'<g id="\w+" class="([^"]*)">\s*<title>([^<]*)', diagram(machine, history=HISTORY, animated=True).svg()
    )
    classes = {unescape(title): each for each, title in groups}

    assert classes["SMS_MFA"].endswith(" step-2")
    assert "step" not in classes["TERMS"] + classes["AUTHENTICATED->TERMS"]


def test_reduced_motion_is_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In Chromium reduced motion stops the animation, and README shows the still image."""
    still, moving = (diagram(flow="USER_SRP_AUTH", history=HISTORY, animated=each).svg() for each in (False, True))
    css = re.sub(r"s -?[\d.]+s infinite", "s 0s infinite", moving)  # at once, what comes later is not yet visible
    for name, text in {"still.svg": still, "moving.svg": css}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def is_still(page: Page) -> bool:
        shots = []
        for name in ("still", "moving"):
            (tmp_path / f"{name}.html").write_text(f'<img src="{name}.svg">', encoding="utf-8")
            page.goto((tmp_path / f"{name}.html").as_uri())
            shots.append(page.locator("img").screenshot())
        return shots[0] == shots[1]

    with chromium(tmp_path / "profile") as opened:
        page = opened.page
        assert not is_still(page)
        (tmp_path / "page.html").write_text(gallery.moving_picture(f"{ROOT.as_uri()}/diagrams/"), encoding="utf-8")
        page.goto((tmp_path / "page.html").as_uri())
        for motion, scheme, name in (
            ("reduce", "light", "still"), ("reduce", "dark", "still"),
            ("no-preference", "light", "light"), ("no-preference", "dark", "dark"),
        ):  # fmt: skip
            page.emulate_media(reduced_motion=motion, color_scheme=scheme)  # type: ignore[arg-type]  # two of its words
            page.wait_for_function("name => document.images[0].currentSrc.endsWith(`sign_in-${name}.svg`)", arg=name)
    # The preference of the system, because emulation for a page does not reach its images.
    monkeypatch.setattr(browser, "ARGUMENTS", (*browser.ARGUMENTS, "--force-prefers-reduced-motion"))
    with chromium(tmp_path / "other profile") as opened:
        assert is_still(opened.page)


def test_jupyter_shows_no_picture_wider_than_its_cell() -> None:
    """In a notebook a picture is at most 867 pixels wide."""

    def width(drawn: Diagram) -> float:
        return float(re.findall(r'width="([\d.]+)pt"', drawn._repr_svg_() or "")[0]) * 96 / 72

    assert width(diagram()) == pytest.approx(867, abs=0.5)
    small = diagram(flow="REFRESH_TOKEN")
    assert width(small) == pytest.approx(float(re.findall(r'width="([\d.]+)pt"', small.svg())[0]) * 96 / 72)


if __name__ == "__main__":
    print(table())  # noqa: T201 - the output of the script
