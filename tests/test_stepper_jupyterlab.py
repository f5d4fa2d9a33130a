"""The stepper in a real JupyterLab, in a real browser: clicked through, looked at, saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import axe, chromium
from jupyter import Lab, jupyterlab, notebook, run_cell
from playwright.sync_api import Locator, Page, expect

TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PASSWORD = "Correct-Horse-1"

# What is planted stands beside the notebook, so that it would be in there only if the stepper put it there.
PLANTED = f"""
from authfsm.local import LocalPool

pool = LocalPool(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"])
pool.add_user("ada", {PASSWORD!r}, totp_secret={TOTP!r})
bare = LocalPool(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"])
bare.add_user("bob", {PASSWORD!r})
PASSWORD = {PASSWORD!r}
"""
CELLS = (
    """\
from time import perf_counter
begun = perf_counter()
from authfsm.notebook import Stepper
from planted import PASSWORD, bare, pool

stepper = Stepper(pool, "ada", PASSWORD)
display(stepper)
print(f"COLD {perf_counter() - begun:.3f}")""",
    'other = Stepper(bare, "bob", PASSWORD)\nother',
)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A JupyterLab of its own."""
    with jupyterlab(tmp_path / "lab") as running:
        (running.folder / "planted.py").write_text(PLANTED, encoding="utf-8")
        yield running


def theme(page: Page, name: str) -> None:
    """Change JupyterLab's theme."""
    page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name
    )


def stands(stepper: Locator, state: str, steps: int) -> None:
    """Wait until the stepper shows this state after so many steps, and wants to be pressed again."""
    expect(stepper).to_have_attribute("data-state", state)
    expect(stepper).to_have_attribute("data-steps", str(steps))
    expect(stepper).not_to_have_attribute("aria-busy", "true")
    expect(stepper.locator(".chip")).to_have_text(state)


def picture(stepper: Locator) -> str:
    """The diagram as it is drawn."""
    return stepper.locator(".picture").inner_html()


def saved(page: Page, file: Path) -> dict[str, Any]:
    """Save the notebook, its widgets' state with it, as JupyterLab writes it."""
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    for _ in range(100):
        told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if "widgets" in told["metadata"]:
            return told
        page.wait_for_timeout(100)
    raise AssertionError("JupyterLab saved no state of widgets")


def test_a_sign_in_by_clicks(lab: Lab, tmp_path: Path) -> None:
    """SRP and TOTP with a wrong code and a step back: each moment is seen, nothing errs, nothing secret is saved."""
    looks = tmp_path / "looks"
    with chromium(tmp_path / "profile", width=1200, height=1400) as shown:
        page = shown.page
        with notebook(lab, page, "signin.ipynb", CELLS) as said:
            run_cell(page, 0)
            stepper = page.locator(".authfsm-stepper").first
            stands(stepper, "START", 0)
            button = {
                name: stepper.locator(f"button.{name}")
                for name in ("back", "step", "run", "restart")
            }
            expect(button["back"]).to_have_attribute("aria-disabled", "true")
            expect(button["back"]).to_have_attribute("title", "This is the beginning")
            page.screenshot(path=looks / "start.png")
            pictures = [picture(stepper)]

            button["step"].click()
            stands(stepper, "PASSWORD_VERIFIER", 1)
            pictures.append(picture(stepper))
            stepper.get_by_role("tab", name="SRP").click()
            expect(stepper.locator("td var")).to_have_count(0)
            stepper.locator(".switch input").check()
            expect(stepper.locator("td var")).to_have_text(["a", "A", "s", "B", "x", "u", "S", "K"])
            x = stepper.locator("tr", has=page.locator("var", has_text="x")).locator("code")
            planted = {"x": x.inner_text()[:8], "password": PASSWORD, "key": TOTP}

            button["run"].click()
            stands(stepper, "SOFTWARE_TOKEN_MFA", 2)
            pictures.append(picture(stepper))
            code = stepper.locator("input.code")
            expect(code).to_be_focused()
            page.keyboard.type("000000")
            page.keyboard.press("Enter")
            stands(stepper, "SOFTWARE_TOKEN_MFA", 3)
            expect(stepper.get_by_role("alert")).to_contain_text(
                "CodeMismatchException Invalid code received for userAnswer again: the session is still good."
            )
            expect(code).to_have_value("")
            stepper.get_by_role("tab", name="On the wire").click()
            expect(stepper.locator(".exchange.latest")).to_contain_text("CodeMismatchException")
            page.wait_for_timeout(600)  # the line is drawn
            page.screenshot(path=looks / "refused.png")
            pictures.append(picture(stepper))

            button["back"].click()
            stands(stepper, "SOFTWARE_TOKEN_MFA", 2)
            expect(stepper.get_by_role("alert")).to_be_empty()
            stepper.get_by_role("button", name="Fill it in").click()
            expect(code).to_have_value(stepper.locator(".sent").inner_text())
            planted["code"] = code.input_value()
            half = saved(page, lab.folder / "signin.ipynb")  # typed, and not given
            stepper.locator("form[data-trigger=code] button[type=submit]").click()
            stands(stepper, "AUTHENTICATED", 3)
            pictures.append(picture(stepper))
            stepper.get_by_role("tab", name="History").click()
            expect(stepper.locator(".panel tbody tr")).to_have_count(3)

            stepper.locator('[data-place="4"]').click()
            expect(stepper.locator(".about h3")).to_have_text("PASSWORD_VERIFIER")
            stepper.locator(".about .close").click()

            theme(page, "JupyterLab Dark")
            expect(stepper).to_have_class("authfsm-stepper dark")
            page.wait_for_timeout(600)
            page.screenshot(path=looks / "tokens.png")

            # Another one below, on another pool: what is done there is not done here.
            run_cell(page, 1)
            second = page.locator(".authfsm-stepper").nth(1)
            stands(second, "START", 0)
            second.locator("button.run").click()
            stands(second, "MFA_SETUP", 2)
            second.locator("form[data-trigger=associate_software_token] button").click()
            stands(second, "MFA_SETUP", 3)
            expect(second.locator(".qr svg")).to_be_visible()
            planted["new key"] = second.locator(".key").inner_text().replace(" ", "")
            second.scroll_into_view_if_needed()
            page.screenshot(path=looks / "set_up.png")
            stands(stepper, "AUTHENTICATED", 3)

            whole = saved(page, lab.folder / "signin.ipynb")
            page.evaluate(axe())
            violations = page.evaluate(
                "() => axe.run('.authfsm-stepper').then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 90))]))"
            )
            elsewhere = [
                each
                for each in shown.asked
                if not each.startswith(("http://127.0.0.1", "data:", "blob:"))
            ]
            output = page.locator(".jp-OutputArea-output", has_text="COLD").last.inner_text()

    assert len(set(pictures)) == len(pictures)
    assert said == []
    assert elsewhere == []
    assert violations == []
    assert len(planted["new key"]) >= 32
    for text in (json.dumps(half, ensure_ascii=False), json.dumps(whole, ensure_ascii=False)):
        assert "SOFTWARE_TOKEN_MFA" in text
        assert [name for name, secret in planted.items() if secret in text] == []
    # A notebook that is looked at where no kernel is has the picture.
    assert "image/svg+xml" in whole["cells"][0]["outputs"][0]["data"]
    assert sorted(each.name for each in looks.iterdir()) == [
        "refused.png", "set_up.png", "start.png", "tokens.png",
    ]  # fmt: skip
    assert float(output.partition("COLD ")[2]) < 10, (
        "two seconds are measured where nothing else runs"
    )
