"""The page in a browser: what goes on is seen as it happens, by anybody, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import DisplayMixin, axe, chromium
from serving import PASSWORD, Here, here

USERS: list[dict[str, Any]] = [
    {"username": "ada", "password": PASSWORD, "email": "ada@example.com"},
    {"username": "sam", "password": PASSWORD, "phone_number": "+15555550143", "preferred_mfa": "SMS_MFA"},
    {"username": "<img src=x onerror=alert(1)>", "password": PASSWORD, "temporary": True},
]  # fmt: skip
EVIL = USERS[2]["username"]


@pytest.fixture
def web() -> Iterator[Here]:
    """A server."""
    with here(mfa="OPTIONAL", users=USERS) as served:
        yield served


@pytest.fixture
def shown(web: Here, tmp_path: Path) -> Iterator[DisplayMixin]:
    """Its page."""
    with chromium(tmp_path) as opened:
        opened.page.goto(web.url)
        opened.page.wait_for_selector("#status.live")
        opened.page.wait_for_selector("#picture svg")
        yield opened
        assert opened.said == []
        assert [url for url in opened.asked if not url.startswith((web.url, "data:"))] == []


def badge(shown: DisplayMixin, place: str) -> str | None:
    """The number on a place of the picture."""
    node = shown.page.locator("g.node", has=shown.page.locator(f"title:text-is('{place}')")).first
    return node.locator("g.badge text").text_content()


def test_it_happens_before_your_eyes(web: Here, shown: DisplayMixin) -> None:
    """A sign-in stands at its place, moves on, and its code can be read, without a reload."""
    _, _, asked = web.password("sam")
    shown.page.wait_for_selector("g.badge")
    assert badge(shown, "SMS_MFA") == "1"
    code = shown.page.locator("#outbox button.code").first.inner_text()
    assert code == web.code_for("sam")
    assert shown.page.locator("#running").inner_text() == "1 is running"

    web.answer(asked, USERNAME="sam", SMS_MFA_CODE=code)
    shown.page.wait_for_selector("#signins .AUTHENTICATED")
    assert shown.page.locator("g.badge").count() == 0


def test_a_way_is_lit(web: Here, shown: DisplayMixin) -> None:
    """Choosing a sign-in, by the keyboard too, shows its way; choosing again shows the whole."""
    web.password("sam")
    button = shown.page.locator("#signins button.who").first
    button.focus()
    shown.page.keyboard.press("Enter")
    shown.page.wait_for_selector("#back:not([hidden])")
    assert shown.page.locator("#h-picture").inner_text() == "Path of sam, sign-in 1"
    assert button.get_attribute("aria-pressed") == "true"
    shown.page.locator("#picture text", has_text="1 ·").first.wait_for()

    shown.page.locator("#back").click()
    shown.page.wait_for_selector("g.badge")


def test_names_are_text(web: Here, shown: DisplayMixin) -> None:
    """A name that looks like markup is a name."""
    web.password(EVIL)
    row = shown.page.locator("#signins button.who").first
    row.wait_for()

    assert row.inner_text() == EVIL
    assert shown.page.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1600, 380])
def test_anybody_can_use_it(web: Here, shown: DisplayMixin, scheme: Any, width: int) -> None:
    """The accessibility checker finds nothing, whatever the theme and the width."""
    shown.page.emulate_media(color_scheme=scheme)
    shown.page.set_viewport_size({"width": width, "height": 900})
    web.password("sam")
    web.password("ada")
    web.password("ada", "wrong")
    shown.page.wait_for_selector("#signins .FAILED")
    # Its own policy forbids strangers' scripts on the page; the checker comes in by the debugger.
    shown.page.evaluate(axe() + ";window.axe = axe")
    # The picture's own texts are the diagrams' to answer for.
    found = shown.page.evaluate("axe.run({exclude: ['#picture svg']})")
    faults = [
        (each["id"], [node["html"][:90] for node in each["nodes"]]) for each in found["violations"]
    ]

    assert faults == []
    assert len(found["passes"]) > 20
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert shown.page.evaluate(overflow) == 0
