"""The example site is accessible, works on small screens, and starts with one command."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apps.site.local import PASSWORD
from apps.site_visits import Visit, authenticator, begin, begin_without_password, enter_text, notice, press, title
from browser import axe
from local_servers import ServerClient, wait_until
from playwright.sync_api import Page

pytest_plugins = ["apps.fixtures"]
VisitOf = Callable[..., Visit]
SITE = Path(__file__).parent / "apps" / "site"


def accessibility_faults(page: Page) -> list[Any]:
    """Return the accessibility checker's findings on a page, in light and dark, and by how much it is too wide."""
    page.evaluate(axe() + ";window.axe = axe")
    findings = []
    for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its two words
        report = page.evaluate("rules => axe.run(rules)", rules)
        findings += [
            (scheme, each["id"], [node["html"][:90] for node in each["nodes"]])
            for each in report["violations"] + report["incomplete"]
        ]
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    if (overflow := page.evaluate(wide)) != 0:
        findings.append(("both", "too wide", overflow))
    return findings


def test_accessibility(visit_of: VisitOf) -> None:
    """All pages pass the accessibility checker in light and dark, and fit a telephone."""
    v, findings = visit_of(), []
    page = v.open_page(viewport={"width": 320, "height": 700})

    def look() -> None:
        findings.append(title(page))
        assert (findings[-1], accessibility_faults(page)) == (findings[-1], [])

    begin(page, "ada", "wrong")
    assert notice(page) is not None
    look()
    begin(page, "ada")
    look()
    enter_text(page, "Code", v.code("ada"))
    look()
    page.goto("/passkeys")
    look()
    page.goto("/")
    press(page, "Sign out")
    look()
    begin(page, "nia")
    look()
    page.goto("/sign-in")
    authenticator(page)
    begin(page, "eve")
    page.goto("/passkeys")
    press(page, "Add a passkey")
    page.goto("/sign-in")
    begin_without_password(page, "eve")
    look()
    press(page, "A passkey")
    look()
    page.goto("/sign-in")
    page.get_by_label("User name").fill("eve")
    press(page, "Answer a question")
    look()

    strict = visit_of(mfa="ON", mfa_methods=["EMAIL_OTP", "SOFTWARE_TOKEN_MFA"])
    page = strict.open_page(viewport={"width": 320, "height": 700})
    begin(page, "zoe")
    look()
    press(page, "Use an authenticator app")
    look()
    assert findings == [
        "Sign in", "Enter the code", "Welcome, ada", "Your passkeys", "Sign in", "Choose a new password",
        "Choose how to sign in", "Use your passkey", "One question", "Add a second step",
        "Add your authenticator app",
    ]  # fmt: skip


# ---- the command -----------------------------------------------------------------------------------------


def test_start_command(unused_port: int) -> None:
    """`python tests/apps/site --local` prints its URL and its users, and serves."""
    command = [sys.executable, str(SITE), "--local", "--port", str(unused_port)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output: list[str] = []
    try:
        assert running.stdout is not None
        for line in running.stdout:
            output.append(line)
            if "printed below" in line:
                break
        web = ServerClient(f"http://localhost:{unused_port}")
        assert f"  {web.url}\n" in output
        assert f"The password of all is {PASSWORD}; after it comes\n" in output
        wait_until(lambda: is_served(web), "the site")
        form = f"username=ada&password={PASSWORD}&flow=USER_SRP_AUTH".encode()
        kind = {"Content_Type": "application/x-www-form-urlencoded", "Origin": web.url}
        _, headers, _ = web.ask("POST", "/sign-in", form, **kind)
        assert headers["location"] == "/challenge"
        assert re.fullmatch(r"to \+15555550143: \d{6}\n", running.stdout.readlines(1)[-1])
    finally:
        running.kill()
        running.wait()
        if running.stdout is not None:
            running.stdout.close()


def is_served(web: ServerClient) -> bool:
    """Return whether the first page is served."""
    try:
        return web.ask("GET", "/sign-in")[0] == 200
    except OSError:
        return False


@pytest.fixture
def unused_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
