"""The example sites in Chromium before a served pool: FastAPI on two worker processes, Django on its own server."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyotp
import pytest
import zxingcpp
from apps.site_visits import (
    PASSWORD,
    authenticator,
    begin,
    begin_without_password,
    enter_text,
    launched_chromium,
    press,
    title_and_notice,
)
from attrs import frozen
from browser import record_console
from local_servers import ServerClient, ThreadServer, serve_in_thread, wait_until
from PIL import Image
from playwright.sync_api import Browser, Page

from authfsm import new_key

APPS: Final = Path(__file__).parent / "apps"
NEW_PASSWORD: Final = f"{PASSWORD}-new"
USERS: Final = [
    {"username": "nia", "password": PASSWORD, "temporary": True, "phone_number": "+15555550143"},
    {"username": "zoe", "password": PASSWORD},
    {"username": "eve", "password": PASSWORD, "email": "eve@example.com", "totp_secret": "JBSWY3DPEHPK3PXP" * 2},
]
POOL: Final[dict[str, Any]] = {
    "mfa": "ON",
    "mfa_methods": ["SMS_MFA", "SOFTWARE_TOKEN_MFA"],
    "allowed_first_auth_factors": ["PASSWORD", "WEB_AUTHN"],
    "webauthn": {
        "relying_party_id": "localhost",
        "user_verification": "required",
        "factor_configuration": "MULTI_FACTOR_WITH_USER_VERIFICATION",
    },
    "device": {"challenge_required_on_new_device": True, "device_only_remembered_on_user_prompt": True},
    "users": USERS,
}
WORKER_LOG: Final = {
    "version": 1,
    "handlers": {"out": {"class": "logging.StreamHandler"}},
    "loggers": {"uvicorn.error": {"handlers": ["out"], "level": "INFO"}},
}


@frozen
class RunningSite:
    """A site in processes of its own, and its pool.

    Args:
        url: where the site is.
        pool: the served pool.
        log: what its processes wrote.
    """

    url: str
    pool: ThreadServer
    log: Path

    def shown_by_each_worker(self, page: Page, text: str) -> None:
        """Check that each worker has a page with this text for the browser, while the others are stopped."""
        cookies = "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies())
        workers = re.findall(r"Started server process \[(\d+)\]", self.log.read_text())
        for worker in map(int, workers):
            os.kill(worker, signal.SIGSTOP)
            try:
                web = ServerClient(self.url.replace("localhost", "127.0.0.1"))
                path = page.url.removeprefix(self.url)
                body = web.ask("GET", path, Host=self.url.removeprefix("http://"), Cookie=cookies)[2]
            finally:
                os.kill(worker, signal.SIGCONT)
            assert text in body.decode()
        assert len(workers) in {0, 2}  # Django's server has no workers


def _fastapi(port: int, folder: Path) -> list[str]:
    (folder / "log.json").write_text(json.dumps(WORKER_LOG), encoding="utf-8")
    options = ["--workers", "2", "--port", str(port), "--log-config", str(folder / "log.json")]
    factory = ["--app-dir", str(APPS.parent), "--factory", "apps.site.__main__:from_environment"]
    return ["-m", "uvicorn", *options, *factory, "--timeout-worker-healthcheck", "60"]


def _django(port: int, _: Path) -> list[str]:
    return [str(APPS / "django_site.py"), "runserver", "--noreload", "--insecure", f"127.0.0.1:{port}"]


@contextmanager
def _run_site(command: Callable[[int, Path], list[str]], folder: Path) -> Iterator[RunningSite]:
    with serve_in_thread(**POOL) as pool, socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        taken.close()
        url, log = f"http://localhost:{port}", folder / "log"
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": pool.url,
            "COGNITO_POOL_ID": pool.service.pool.pool_id,
            "COGNITO_CLIENT_ID": pool.service.pool.client_id,
            "SITE_ORIGIN": url,
            "SITE_KEY": new_key().reveal(),
            "SITE_DATABASE": str(folder / "db.sqlite3"),
        }
        with log.open("w") as out:
            site = subprocess.Popen([sys.executable, *command(port, folder)], env=environment, stdout=out, stderr=out)
        try:
            wait_until(lambda: site.poll() is not None or _is_answering(f"127.0.0.1:{port}"), "the site")
            assert site.poll() is None, log.read_text()
            yield RunningSite(url, pool, log)
        finally:
            site.terminate()
            site.wait(30)


def _is_answering(address: str) -> bool:
    try:
        return ServerClient(f"http://{address}").ask("GET", "/", Host=address)[0] > 0
    except OSError:
        return False


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser program."""
    with launched_chromium() as program:
        yield program


@pytest.mark.parametrize("command", [_fastapi, _django], ids=["fastapi", "django"])
def test_the_site_in_chromium(command: Any, browser: Browser, tmp_path: Path) -> None:
    """Every way into the site, from a temporary password to a forgotten one, and out again."""
    with _run_site(command, tmp_path) as site:
        context = browser.new_context(base_url=site.url)
        context.set_default_timeout(30_000)
        page = context.new_page()
        console: list[str] = []
        record_console(page, console)
        for visit in (_temporary_password, _authenticator_app, _passkey, _forgotten_password):
            page.goto("/")
            visit(page, site)
            press(page, "Sign out")
            assert title_and_notice(page)[0] == "Sign in"
            page.goto("/")
            assert title_and_notice(page) == ("Sign in", None)
        assert console == []
        context.close()


def _temporary_password(page: Page, site: RunningSite) -> None:
    """A new password, a code by SMS after a wrong one, and a device that replaces the code the next time."""
    outbox = site.pool.service.pool.outbox
    begin(page, "nia")
    assert title_and_notice(page) == ("Choose a new password", None)
    enter_text(page, "New password", NEW_PASSWORD)
    assert title_and_notice(page) == ("Enter the code", None)
    page.goto("/")
    begin(page, "nia", NEW_PASSWORD, remember=True)
    site.shown_by_each_worker(page, "Enter the code")
    enter_text(page, "Code", "000000" if outbox.code_for("nia") != "000000" else "111111")
    assert title_and_notice(page) == ("Enter the code", "That code is not right. Check it, and try again.")
    enter_text(page, "Code", outbox.code_for("nia"))
    assert title_and_notice(page) == ("Welcome, nia", None)
    site.shown_by_each_worker(page, "Welcome, nia")
    press(page, "Sign out")
    messages = len(outbox)
    begin(page, "nia", NEW_PASSWORD)
    assert (title_and_notice(page), len(outbox)) == (("Welcome, nia", None), messages)


def _authenticator_app(page: Page, _: RunningSite) -> None:
    """The QR code on the page is all that the app needs."""
    begin(page, "zoe")
    assert title_and_notice(page) == ("Add a second step", None)
    press(page, "Use an authenticator app")
    assert title_and_notice(page) == ("Add your authenticator app", None)
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(page.screenshot(full_page=True))))
    app = pyotp.parse_uri(code.text)
    assert isinstance(app, pyotp.TOTP)
    assert (app.issuer, app.name) == ("Example", "zoe")
    enter_text(page, "Code", app.now())
    assert title_and_notice(page) == ("Welcome, zoe", None)


def _passkey(page: Page, site: RunningSite) -> None:
    """A passkey is made, and then replaces the password."""
    site.pool.boto().set_user_pool_mfa_config(
        UserPoolId=site.pool.service.pool.pool_id,
        MfaConfiguration="OFF",
        WebAuthnConfiguration={"RelyingPartyId": "localhost"},
    )
    authenticator(page)
    begin(page, "eve")
    page.get_by_role("link", name="Your passkeys").click()
    assert "You have none yet" in page.inner_text("main")
    press(page, "Add a passkey")
    assert page.locator("li").count() == 1
    page.goto("/")
    press(page, "Sign out")
    begin_without_password(page, "eve")
    press(page, "A passkey")
    assert title_and_notice(page) == ("Use your passkey", None)
    press(page, "Use the passkey")
    assert title_and_notice(page) == ("Welcome, eve", None)


def _forgotten_password(page: Page, site: RunningSite) -> None:
    """A code by e-mail, once wrong, sets a new password and signs in; the old password is refused."""
    outbox = site.pool.service.pool.outbox
    page.get_by_label("User name").fill("eve")
    press(page, "Forgot your password?")
    assert title_and_notice(page) == ("Choose a new password", None)
    assert "by e-mail to e***@e***" in page.inner_text("main")
    for code, text in ((f"{int(outbox.code_for('eve')) ^ 1:06d}", "Choose a new password"), ("", "Welcome, eve")):
        page.get_by_label("Code", exact=True).fill(code or outbox.code_for("eve"))
        enter_text(page, "New password", NEW_PASSWORD)
        assert title_and_notice(page)[0] == text
    press(page, "Sign out")
    begin(page, "eve")
    assert title_and_notice(page) == ("Sign in", "The user name or the password is wrong.")
    begin(page, "eve", NEW_PASSWORD)
    assert title_and_notice(page) == ("Welcome, eve", None)
