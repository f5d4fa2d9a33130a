"""The stepper in a real JupyterLab in a real browser.

A sign-in by clicks, its pictures, the saved notebook.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attrs import define, field
from browser import axe, chromium
from jupyter import jupyterlab, notebook, run_cell
from playwright.sync_api import Locator, Page, expect

expect.set_options(timeout=30_000)  # milliseconds: a kernel on a busy machine takes its time

TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PASSWORD = "Correct-Horse-1"

# What is planted stands beside the notebook, so that it would be in there only if the stepper put it there.
SETUP_MODULE = f"""
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
start = perf_counter()
from authfsm.notebook import Stepper
from planted import PASSWORD, bare, pool

stepper = Stepper(pool, "ada", PASSWORD)
display(stepper)
print(f"COLD {perf_counter() - start:.3f}")""",
    'other = Stepper(bare, "bob", PASSWORD)\nother',
)

OURS = ("http://127.0.0.1", "data:", "blob:")
AXE = """async (stepper) => {
    const found = [], { className, style } = stepper, background = style.getPropertyValue("--background");
    for (const [dark, colour] of [[false, "#ffffff"], [true, "#111111"]]) {
        stepper.classList.toggle("dark", dark);
        style.setProperty("--background", colour);
        const { violations, passes } = await axe.run(stepper, { resultTypes: ["violations"] });
        found.push(...violations.map((each) => [dark, each.id, each.nodes.map((node) => node.html.slice(0, 90))]));
        if (passes.length < 5) found.push("nothing was checked");
    }
    stepper.className = className;
    style.setProperty("--background", background);
    return found;
}"""
SIZES = """(stepper) => {
    const picture = stepper.querySelector(".picture > svg"), { width } = picture.getBoundingClientRect();
    const scale = picture.getScreenCTM().a, texts = [...picture.querySelectorAll("text")];
    return [Math.min(...texts.map((each) => scale * parseFloat(each.getAttribute("font-size")))), width - stepper.clientWidth];
}"""


def theme(page: Page, name: str) -> None:
    """Change JupyterLab's theme."""
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name)


def wait_for_state(stepper: Locator, state: str, steps: int) -> None:
    """Wait until the stepper shows this state after a number of steps, with enabled buttons."""
    expect(stepper).to_have_attribute("data-state", state)
    expect(stepper).to_have_attribute("data-steps", str(steps))
    expect(stepper).not_to_have_attribute("aria-busy", "true")
    expect(stepper.locator(".chip")).to_have_text(state)


def save_notebook(page: Page, file: Path) -> dict[str, Any]:
    """Save the notebook with the state of its widgets."""
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    for _ in range(100):
        notebook: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if "widgets" in notebook["metadata"]:
            return notebook
        page.wait_for_timeout(100)
    raise AssertionError("JupyterLab saved no state of widgets")


@define
class Visit:
    """A visit to a stepper's page, with the secrets that must not be saved.

    Args:
        page: the page.
        stepper: the stepper.
        pictures: the diagram at each moment.
        secrets: what must be in no file.
    """

    page: Page
    stepper: Locator
    pictures: list[str] = field(factory=list)
    secrets: dict[str, str] = field(factory=dict)

    def look(self) -> None:
        """Store the picture, and check accessibility in both palettes and the picture's size."""
        self.pictures.append(self.stepper.locator(".picture").inner_html())
        self.accessible()
        smallest, beyond = self.stepper.evaluate(SIZES)
        assert smallest >= 12, "pixels of the smallest label"
        assert beyond <= 0, "pixels that it is wider than the stepper"

    def accessible(self) -> None:
        """Check the stepper with axe-core, light and dark."""
        assert self.stepper.evaluate(AXE) == []
        assert self.stepper.locator("h1, h2, h3, h4, h5, h6").count() == 0

    def press(self, button: str) -> None:
        """Press one of the stepper's buttons."""
        self.stepper.locator(f"button.{button}").click()

    def open(self, tab: str) -> None:
        """Open a tab."""
        self.stepper.get_by_role("tab", name=tab).click()


def begin(visit: Visit) -> None:
    """Sign in from the beginning to the code, and show SRP's values."""
    stepper = visit.stepper
    wait_for_state(stepper, "START", 0)
    back = stepper.locator("button.back")
    expect(back).to_have_attribute("aria-disabled", "true")
    expect(back).to_have_attribute("title", "No step was taken yet")
    visit.page.evaluate(axe() + ";window.axe = axe")
    visit.look()

    visit.press("step")
    wait_for_state(stepper, "PASSWORD_VERIFIER", 1)
    visit.look()
    visit.open("SRP")
    expect(stepper.locator("td var")).to_have_count(0)
    stepper.locator(".switch input").check()
    expect(stepper.locator("td var")).to_have_text(["a", "A", "s", "B", "x", "u", "S", "K"])
    x = stepper.locator("tr", has=visit.page.locator("var", has_text="x")).locator("code")
    visit.secrets["x"] = x.inner_text()[:8]

    visit.press("run")
    wait_for_state(stepper, "SOFTWARE_TOKEN_MFA", 2)
    visit.look()


def err_and_go_back(visit: Visit) -> None:
    """Enter a wrong code with the keyboard, see its refusal, and go back one step."""
    stepper = visit.stepper
    code = stepper.locator("input.code")
    expect(code).to_be_focused()
    visit.page.keyboard.type("000000")
    visit.page.keyboard.press("Enter")
    wait_for_state(stepper, "SOFTWARE_TOKEN_MFA", 3)
    expect(stepper.get_by_role("alert")).to_contain_text(
        "CodeMismatchException Invalid code received for userAnswer again: the session is still valid."
    )
    expect(code).to_have_value("")
    visit.open("What may come next")
    visit.accessible()
    visit.open("On the wire")
    expect(stepper.locator(".exchange.latest")).to_contain_text("CodeMismatchException")
    visit.look()

    visit.press("back")
    wait_for_state(stepper, "SOFTWARE_TOKEN_MFA", 2)
    expect(stepper.get_by_role("alert")).to_be_empty()


def end(visit: Visit) -> None:
    """Enter the right code; look at tokens, history, a state and the dark theme."""
    stepper = visit.stepper
    stepper.locator("form[data-trigger=code] button[type=submit]").click()
    wait_for_state(stepper, "AUTHENTICATED", 3)
    visit.open("History")
    expect(stepper.locator(".panel tbody tr")).to_have_count(3)
    stepper.locator('[data-node="4"]').click()
    expect(stepper.locator(".about .name")).to_have_text("PASSWORD_VERIFIER")
    visit.accessible()
    stepper.locator(".about .close").click()
    theme(visit.page, "JupyterLab Dark")
    expect(stepper).to_have_class("authfsm-stepper dark")
    visit.look()


def enrol(visit: Visit) -> None:
    """On another pool, go to the QR code of an authenticator app."""
    stepper = visit.stepper
    wait_for_state(stepper, "START", 0)
    visit.press("run")
    wait_for_state(stepper, "MFA_SETUP", 2)
    stepper.locator("form[data-trigger=associate_software_token] button").click()
    wait_for_state(stepper, "MFA_SETUP", 3)
    expect(stepper.locator(".qr svg")).to_be_visible()
    visit.secrets["new key"] = stepper.locator(".key").inner_text().replace(" ", "")
    visit.accessible()


def lose_the_kernel(visit: Visit) -> None:
    """Without its kernel the page shows the last state, and says that there is no answer."""
    visit.page.evaluate("window.jupyterapp.commands.execute('kernelmenu:shutdown')")
    visit.page.get_by_text("No Kernel | ").or_(visit.page.get_by_text("| Unknown")).first.wait_for()
    visit.press("restart")
    expect(visit.stepper.get_by_role("alert")).to_contain_text("run the cell again", timeout=15_000)
    expect(visit.stepper.locator(".chip")).to_have_text("AUTHENTICATED")


def test_a_sign_in_by_clicks(tmp_path: Path) -> None:
    """A sign-in with a wrong code and a step back works by clicks, without errors or saved secrets.

    axe-core finds nothing at any moment, in the light palette and in the dark one. Without a kernel the page says so.
    """
    with jupyterlab(tmp_path / "lab") as lab, chromium(tmp_path / "profile", width=1200, height=1400) as shown:
        (lab.folder / "planted.py").write_text(SETUP_MODULE, encoding="utf-8")
        page = shown.page
        with notebook(lab, page, "signin.ipynb", CELLS) as said:
            run_cell(page, 0)
            visit = Visit(page, page.locator(".authfsm-stepper").first)
            begin(visit)
            err_and_go_back(visit)
            visit.stepper.get_by_role("button", name="Fill it in").click()
            code = visit.stepper.locator("input.code")
            expect(code).to_have_value(visit.stepper.locator(".sent").inner_text())
            visit.secrets["code"] = code.input_value()
            half = save_notebook(page, lab.folder / "signin.ipynb")  # typed, and not given
            end(visit)

            run_cell(page, 1)
            other = Visit(page, page.locator(".authfsm-stepper").nth(1))
            enrol(other)
            wait_for_state(visit.stepper, "AUTHENTICATED", 3)  # this stepper is not affected by the other one
            saved_text = save_notebook(page, lab.folder / "signin.ipynb")
            cold = page.locator(".jp-OutputArea-output", has_text="COLD").last.inner_text()
            messages = list(said)
            lose_the_kernel(visit)

    assert len(set(visit.pictures)) == len(visit.pictures) == 5
    assert messages == []
    assert [each for each in shown.requests if not each.startswith(OURS)] == []
    secrets = {**visit.secrets, **other.secrets, "password": PASSWORD, "key": TOTP}
    assert len(secrets["new key"]) >= 32
    assert '"username": "bob"' in json.dumps(saved_text)
    for text in (json.dumps(half, ensure_ascii=False), json.dumps(saved_text, ensure_ascii=False)):
        assert "SOFTWARE_TOKEN_MFA" in text
        assert [name for name, secret in secrets.items() if secret in text] == []
    # Whoever looks at the file where no kernel is has the picture of the last step.
    shown_data = (each.get("data", {}) for each in saved_text["cells"][0]["outputs"])
    (still,) = (data for data in shown_data if "image/svg+xml" in data)
    assert "AUTHENTICATED" in "".join(still["text/plain"])
    assert float(cold.partition("COLD ")[2]) < 10, "the bar is measured where nothing else runs"
