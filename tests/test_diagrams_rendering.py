"""Drawings are readable, are the same on every machine, and the committed ones are up to date."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import gallery
import pytest
from attrs import evolve

from authfsm.diagrams import AUTO, DARK, LIGHT, PRINT, THEMES, NoEngine, StateGroup, UnknownSuffix, diagram, render
from authfsm.diagrams.picture import HIDDEN
from authfsm.diagrams.vertices import documentation_link
from authfsm.protocol.errors import BadField
from authfsm.protocol.nodes import NODES
from authfsm.protocol.states import CHALLENGES

GALLERY = Path(__file__).parent.parent / "diagrams"
SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}"


@pytest.fixture(scope="module")
def svg() -> ET.Element:
    """The whole protocol as SVG."""
    return ET.fromstring(diagram().svg())  # noqa: S314 -- we wrote it


def test_the_gallery_is_up_to_date() -> None:
    """The committed pictures are up to date; `python tests/gallery.py` regenerates them."""
    picture = gallery.files()
    if not Path(render.engine()).stem.startswith("graphviz-pure"):
        picture = {name: text for name, text in picture.items() if not name.endswith(".svg")}

    assert picture == {name: (GALLERY / name).read_text(encoding="utf-8") for name in picture}
    pictures = {path.name for path in GALLERY.iterdir() if path.suffix != ".md"}
    assert {name for name in gallery.files() if not name.endswith(".md")} == pictures


def test_drawing_is_repeatable() -> None:
    """Drawing twice gives the same bytes."""
    assert str(diagram()) == str(diagram())
    assert diagram().svg() == diagram().svg()


def test_text_is_text(svg: ET.Element) -> None:
    """The names of challenges, triggers and junctions are text, which can be searched and read aloud."""
    texts = {"".join(each.itertext()).strip() for each in svg.iter(f"{SVG}text")}

    assert set(CHALLENGES) - {"EMAIL_OTP"} <= texts
    assert {"EMAIL_OTP (first factor)", "EMAIL_OTP (second factor)"} <= texts
    assert {"user_srp_auth", "password proved", "AUTHENTICATED"} <= texts


def test_nodes_have_tooltips_and_links(svg: ET.Element) -> None:
    """Each node has its state's meaning as tooltip, and a link to AWS's documentation."""
    links = {each.get(f"{HREF}title"): each.get(f"{HREF}href") for each in svg.iter(f"{SVG}a")}
    nodes = [node for node in NODES if node.state in CHALLENGES]

    for node in nodes:
        assert documentation_link(node) == links[f"{node.name}: {node.state.meaning}"]
        assert documentation_link(node).startswith("https://docs.aws.amazon.com/cognito")


def test_the_overview_fits_one_screen() -> None:
    """The whole protocol at a glance is at most 1,200 points wide and 920 high, its caption included."""
    svg = ET.fromstring(diagram(overview=True).svg())  # noqa: S314 -- we wrote it
    width, height = (float(str(svg.get(side)).removesuffix("pt")) for side in ("width", "height"))

    assert width <= 1200
    assert height <= 920


def test_fonts_have_fallbacks(svg: ET.Element) -> None:
    """Every text names fallback fonts."""
    assert {render._FONTS} == {each.get("font-family") for each in svg.iter(f"{SVG}text")}


@pytest.mark.parametrize("name", THEMES)
def test_groups_differ_without_colour(name: str) -> None:
    """Without colour, groups differ by their outlines."""
    groups = THEMES[name].groups
    outlines = {(paint.shape, paint.style, paint.peripheries) for paint in groups.values()}

    assert groups.keys() == set(StateGroup)
    assert len(StateGroup) == len(outlines)


def test_the_print_theme_is_black_and_white() -> None:
    """The print theme is black and white; the legend of each theme describes the outlines in words."""
    assert {paint.fill for group, paint in PRINT.groups.items() if group is not StateGroup.BEGIN} == {"#ffffff"}
    for theme in THEMES.values():
        legend = str(diagram(theme=theme))
        for each in ("first factor: rounded", "set-up: folded corner", "second factor: square", "device: plugs"):
            assert f"&#160;{each}&#160;" in legend


def test_one_file_is_light_and_dark() -> None:
    """The adaptive theme is the light one, with a CSS rule for each of its colours for readers who prefer dark."""
    light, auto = diagram().svg(), diagram(theme=AUTO).svg()
    style = auto[auto.index("<style>") : auto.index("</style>") + len("</style>\n")]
    used = {colour for colour in LIGHT.colours().values() if f'"{colour}"' in light}
    rules = dict(re.findall(r'fill="(#\w+)"\]\{fill:(#\w+)\}', style))

    assert auto.replace(style, "") == light
    assert {c for c in used if f'fill="{c}"' in light} == rules.keys()
    assert set(rules.values()) <= set(DARK.colours().values())
    assert "prefers-color-scheme:dark" in style


def test_colours_in_any_spelling_have_a_dark_counterpart() -> None:
    """A colour of a theme that is written in capitals also has its dark colour in the SVG."""
    theme = evolve(AUTO, background="#FFFDF0", text="#16202E")
    style = diagram(theme=theme).svg().partition("<style>")[2].partition("</style>")[0]

    assert f'[fill="#fffdf0"]{{fill:{DARK.background}}}' in style
    assert f'[fill="#16202e"]{{fill:{DARK.text}}}' in style


def test_a_colour_has_one_dark_counterpart() -> None:
    """Where the light theme uses a colour twice, so does the dark one."""
    pairs = set(zip(LIGHT.colours().values(), DARK.colours().values(), strict=True))

    assert len(pairs) == len({light for light, _ in pairs})


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio (WCAG 2.2)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", THEMES)
def test_text_has_contrast(name: str) -> None:
    """All text, faded text too, has a contrast of 4.5 : 1 to its background (WCAG AA)."""
    theme = THEMES[name]
    fills = [p.fill for g, p in theme.groups.items() if g is not StateGroup.BEGIN] + [theme.current]
    signs = (theme.highlight, theme.warning, theme.added)
    pairs = [(text, theme.background) for text in (theme.label, theme.muted, *signs)]
    pairs += [(text, fill) for fill in fills for text in (theme.text, *signs)]
    pairs += [(theme.background, theme.line), (theme.background, theme.highlight)]

    assert [pair for pair in pairs if contrast(*pair) < 4.5] == []


@pytest.mark.parametrize("name", THEMES)
def test_lines_have_contrast(name: str) -> None:
    """All lines, faded ones and failures too, have a contrast of 3 : 1 to their background (WCAG AA)."""
    theme = THEMES[name]
    text = str(diagram(failures=True, theme=theme))
    failing = re.findall(r'-> FAILED \[.*?class=failure color="(#\w+)"', text)
    assert len(failing) > 10
    colours = {*failing, theme.line, theme.faded, theme.muted, theme.highlight, theme.warning, theme.added}
    pairs = [(colour, theme.background) for colour in colours]
    paints = [paint for group, paint in theme.groups.items() if group is not StateGroup.BEGIN]
    pairs += [(each.line, each.fill) for each in paints] + [(each.line, theme.background) for each in paints]
    assert [pair for pair in pairs if contrast(*pair) < 3] == []


@pytest.mark.parametrize("name", THEMES)
def test_future_steps_have_contrast(name: str) -> None:
    """In an animated picture, future steps have the same contrast, with their opacity."""
    theme = THEMES[name]
    lines, shapes, text = HIDDEN.values()

    def blended(colour: str, opacity: float, under: str = theme.background) -> str:
        channels = ((int(each[at : at + 2], 16) for each in (colour, under)) for at in (1, 3, 5))
        return "#" + "".join(f"{round(above * opacity + below * (1 - opacity)):02x}" for above, below in channels)

    fills = [paint.fill for group, paint in theme.groups.items() if group is not StateGroup.BEGIN]
    colour_pairs = [(blended(colour, lines), theme.background) for colour in (theme.highlight, theme.warning)]
    colour_pairs += [(blended(paint.line, shapes), theme.background) for paint in theme.groups.values()]
    assert [pair for pair in colour_pairs if contrast(*pair) < 3] == []
    under = [theme.background, *(blended(fill, shapes) for fill in (*fills, theme.current))]
    pairs = [(colour, each) for each in under for colour in (theme.text, theme.highlight, theme.warning)]
    assert [pair for pair in pairs if contrast(blended(pair[0], text, pair[1]), pair[1]) < 4.5] == []


@pytest.mark.parametrize("name", THEMES)
def test_plantuml_has_contrast(name: str) -> None:
    """In PlantUML, which has one colour for all text, it has a contrast of 4.5 : 1 on each state."""
    text = format(diagram(theme=THEMES[name]), "plantuml")
    (font,), (paper,) = (
        re.findall(rf"skinparam {each} (#\w+)", text) for each in ("defaultFontColor", "backgroundColor")
    )
    fills = re.findall(r"^state .* (#\w+) ##\w+$", text, re.MULTILINE)
    assert len(fills) > 20
    assert [each for each in (*fills, paper) if contrast(font, each) < 4.5] == []


def test_labels_replace_texts() -> None:
    """The argument `labels` replaces names of states, triggers, junctions and sentences of the caption."""
    words = {"SMS_MFA": "Code per SMS", "code": "<Code & mehr>", "password proved": "Passwort stimmt"}
    source = str(diagram(labels=words))

    assert 'SMS_MFA [label="Code per SMS"' in source
    assert '"password proved" [label="Passwort stimmt"' in source
    assert "&lt;Code &amp; mehr&gt;" in source
    assert diagram(labels=words).svg()


def test_labels_that_a_format_cannot_show() -> None:
    """A newline or | does not break the Markdown table; a blank text or a control character is refused."""
    rows = format(diagram(state="SMS_MFA", labels={"SMS_MFA": "a\n|b"}), "markdown").splitlines()
    table = [row for row in rows if row.startswith("|")]
    assert any(r"`a \|b`" in row for row in table)
    assert {row.replace(r"\|", "").count("|") for row in table} == {4}
    for text in ("", " ", "a\x07", 5, None):
        with pytest.raises(BadField, match="SMS_MFA"):
            diagram(labels={"SMS_MFA": text})  # type: ignore[dict-item]


@pytest.mark.parametrize("suffix", [".svg", ".png", ".dot", ".gv"])
def test_the_suffix_decides_the_format(suffix: str, tmp_path: Path) -> None:
    """SVG, PNG and DOT are saved by the file's suffix."""
    path = diagram(flow="REFRESH_TOKEN_AUTH").save(tmp_path / f"refresh{suffix}")
    starts = {".svg": b"<?xml", ".png": b"\x89PNG", ".dot": b"digraph", ".gv": b"digraph"}

    assert path.read_bytes().startswith(starts[suffix])


def test_another_suffix_is_an_error(tmp_path: Path) -> None:
    """An unknown suffix raises an error that names it, and nothing is written."""
    with pytest.raises(UnknownSuffix, match=r"not as '\.gif'"):
        diagram().save(tmp_path / "protocol.gif")
    with pytest.raises(UnknownSuffix, match="not as a file without a suffix"):
        diagram().save(tmp_path / "protocol")

    assert list(tmp_path.iterdir()) == []


def test_without_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a layout engine, DOT and the notebook's text work, and the error says what to install."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    full_diagram = diagram()

    with pytest.raises(NoEngine, match="pip install graphviz-pure"):
        full_diagram.svg()
    assert {"text/plain": str(full_diagram)} == full_diagram._repr_mimebundle_()
    assert full_diagram._repr_svg_() is None


def test_a_notebook_shows_it() -> None:
    """Jupyter gets SVG, PNG and text, and IPython is not imported."""
    bundle = diagram(flow="USER_SRP_AUTH")._repr_mimebundle_(include=None, exclude=None)

    assert {"image/svg+xml", "image/png", "text/plain"} == set(bundle)


def test_captions_describe_this_diagram() -> None:
    """The caption has a note on an omission only if something was omitted."""
    refresh, custom = str(diagram(flow="REFRESH_TOKEN_AUTH")), str(diagram(flow="CUSTOM_AUTH"))

    assert "a Lambda may name" not in refresh
    assert "a Lambda may name" in custom
    assert "Loop with" not in refresh


def test_dot_is_readable() -> None:
    """DOT states common attributes once, and at each node only those of that node."""
    line = next(x for x in str(diagram()).splitlines() if x.strip().startswith("SMS_OTP ["))

    assert {"URL", "class", "tooltip"} == set(re.findall(r"(\w+)=", line))


def test_drawing_is_fast() -> None:
    """The whole protocol takes few milliseconds as DOT, and seconds at most as SVG, even on a busy machine."""
    str(diagram())
    start = time.process_time()
    source = str(diagram())
    dot_time = time.process_time()
    started = time.perf_counter()
    render.svg(source)

    assert dot_time - start < 0.1
    assert time.perf_counter() - started < 10  # in a separate process
