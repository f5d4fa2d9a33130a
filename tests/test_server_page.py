"""The page in a browser: it updates itself, is accessible, and has a light and a dark theme."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browser import OpenedPage, chromium, violations
from local_servers import PASSWORD, ThreadServer, serve_in_thread

USERS: list[dict[str, Any]] = [
    {"username": "ada", "password": PASSWORD, "email": "ada@example.com"},
    {"username": "sam", "password": PASSWORD, "phone_number": "+15555550143", "preferred_mfa": "SMS_MFA"},
    {"username": "<img src=x onerror=alert(1)>", "password": PASSWORD, "temporary": True},
]  # fmt: skip
MARKUP_NAME = USERS[2]["username"]


@pytest.fixture
def web() -> Iterator[ThreadServer]:
    """A server."""
    with serve_in_thread(mfa="OPTIONAL", users=USERS) as served:
        yield served


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenedPage]:
    """A browser for the servers of all tests; each server has a port of its own."""
    with chromium(tmp_path_factory.mktemp("profile")) as shown:
        yield shown


@pytest.fixture
def server_page(web: ThreadServer, browser: OpenedPage) -> Iterator[OpenedPage]:
    """The server's page."""
    browser.reset()
    browser.page.goto(web.url)
    browser.page.wait_for_selector("#status.live")
    browser.page.wait_for_selector("#picture svg")
    yield browser
    assert browser.console == []
    assert [url for url in browser.requests if not url.startswith((web.url, "data:"))] == []
    browser.page.goto("about:blank")  # before the server ends, which the page would report


def badge(server_page: OpenedPage, place: str) -> str | None:
    """Return the number on a node of the picture."""
    node = server_page.page.locator("g.node", has=server_page.page.locator(f"title:text-is('{place}')")).first
    return node.locator("g.badge text").text_content()


def test_page_updates_itself(web: ThreadServer, server_page: OpenedPage) -> None:
    """A sign-in appears at its node and moves on, and its code can be read, without a reload."""
    _, _, reply = web.password("sam")
    server_page.page.wait_for_selector("g.badge")
    assert badge(server_page, "SMS_MFA") == "1"
    code = server_page.page.locator("#outbox button.code").first.inner_text()
    assert code == web.code_for("sam")
    assert server_page.page.locator("#running").inner_text() == "1 is running"

    web.answer(reply, USERNAME="sam", SMS_MFA_CODE=code)
    server_page.page.wait_for_selector("#signins .AUTHENTICATED")
    assert server_page.page.locator("g.badge").count() == 0


def test_path_of_a_sign_in(web: ThreadServer, server_page: OpenedPage) -> None:
    """Selecting a sign-in, also by keyboard, shows its path; the button shows the whole protocol again."""
    web.password("sam")
    button = server_page.page.locator("#signins button.who").first
    button.focus()
    server_page.page.keyboard.press("Enter")
    server_page.page.wait_for_selector("#back:not([hidden])")
    assert server_page.page.locator("#h-picture").inner_text() == "Path of sam, sign-in 1"
    assert button.get_attribute("aria-pressed") == "true"
    server_page.page.locator("#picture text", has_text="1 ·").first.wait_for()

    server_page.page.locator("#back").click()
    server_page.page.wait_for_selector("g.badge")


def test_names_are_text(web: ThreadServer, server_page: OpenedPage) -> None:
    """A username that looks like markup is shown as text."""
    web.password(MARKUP_NAME)
    row = server_page.page.locator("#signins button.who").first
    row.wait_for()

    assert row.inner_text() == MARKUP_NAME
    assert server_page.page.locator("img").count() == 0


@pytest.mark.parametrize("width", [1600, 380])
def test_accessibility(web: ThreadServer, server_page: OpenedPage, width: int) -> None:
    """axe-core finds nothing in any theme and at any width, and nothing is wider than the window."""
    server_page.page.set_viewport_size({"width": width, "height": 900})
    web.password("sam")
    web.password("ada")
    web.password("ada", "wrong")
    server_page.page.wait_for_selector("#signins .FAILED")

    assert violations(server_page.page) == []
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert server_page.page.evaluate(overflow) == 0
