"""A page in headless Chromium, for tests: its console messages and its requests are recorded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from attrs import field, frozen
from conftest import lacking
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, sync_playwright

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Chromium logs this as information if a test types into a page before its element with `autofocus` has the focus.
TYPED_BEFORE_AUTOFOCUS = "Autofocus processing was blocked because a document already has a focused element."
AXE = Path(__file__).parent / "js" / "node_modules" / "axe-core" / "axe.min.js"


@frozen
class OpenedPage:
    """A page in the browser.

    Args:
        page: the page, as playwright has it.
        console: its console messages and errors.
        requests: the URLs that it requested from other hosts or the disk.
    """

    page: Page
    console: list[str] = field(factory=list)
    requests: list[str] = field(factory=list)

    def reset(self) -> None:
        """Reset the page's size, media and colours, and its recorded messages and requests."""
        self.page.goto("about:blank")
        self.page.set_viewport_size({"width": 1440, "height": 900})
        self.page.emulate_media(media="screen", color_scheme="light", reduced_motion="no-preference")
        self.console.clear()
        self.requests.clear()


def record_console(source: Page | BrowserContext, console: list[str]) -> None:
    """Record the messages and the uncaught errors of a page, or of all pages of a context.

    Args:
        source: the page or the context.
        console: where they are added, as text.
    """

    def record(message: ConsoleMessage) -> None:
        if message.text != TYPED_BEFORE_AUTOFOCUS:
            console.append(message.text)

    source.on("console", record)
    if isinstance(source, Page):
        source.on("pageerror", lambda error: console.append(str(error)))
    else:
        source.on("weberror", lambda error: console.append(str(error.error)))


def program() -> str:
    """The path of Chromium: the same engine without a desktop's window starts and draws in less time."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium") or lacking("chromium")


@contextmanager
def chromium(folder: Path, width: int = 1440, height: int = 900) -> Iterator[OpenedPage]:
    """Start the system's Chromium with an empty profile.

    Args:
        folder: where the profile goes.
        width: the window's width.
        height: its height.
    """
    with sync_playwright() as play:
        context = play.chromium.launch_persistent_context(
            folder,
            executable_path=program(),
            headless=True,
            args=ARGUMENTS,
            viewport={"width": width, "height": height},
        )
        try:
            opened_page = OpenedPage(context.new_page())
            record_console(opened_page.page, opened_page.console)
            opened_page.page.on("request", lambda request: opened_page.requests.append(request.url))
            yield opened_page
        finally:
            context.close()


def axe() -> str:
    """Return the script of the accessibility checker."""
    if not AXE.exists():
        lacking("axe-core (npm ci in tests/js)")
    return AXE.read_text(encoding="utf-8")


def violations(
    page: Page, within: str = "html", schemes: Sequence[Literal["light", "dark"]] = ("light", "dark")
) -> list[tuple[str, str, list[str]]]:
    """Return the findings of axe-core: the colour scheme, the rule, and the beginnings of the elements.

    Args:
        page: the page; a policy that forbids other scripts does not keep the checker out.
        within: a CSS selector of the part that is checked.
        schemes: the colour schemes in which it is checked; the page keeps the last one.
    """
    page.evaluate(axe() + ";window.axe = axe")
    findings: list[tuple[str, str, list[str]]] = []
    for number, scheme in enumerate(schemes):
        page.emulate_media(color_scheme=scheme)
        # A scheme changes colours alone.
        rules = {"runOnly": ["color-contrast"]} if number else {}
        options = {"resultTypes": ["violations"], **rules}
        report = page.evaluate("([within, options]) => axe.run(within, options)", [within, options])
        findings += [
            (scheme, each["id"], [node["html"][:120] for node in each["nodes"]]) for each in report["violations"]
        ]
        assert len(report["passes"]) > (0 if number else 5), "nothing was checked"
    return findings
