"""Visits to the example site.

Real browsers, a real site, and a pool behind a connection that fails when a test sets a fault.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final

import boto3
import uvicorn
from attrs import define, field
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from browser import ARGUMENTS, program, record_console
from joserfc.jwk import RSAKey
from local_servers import TIMEOUT, wait_until
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from urllib3 import HTTPResponse

from apps.site import local
from apps.site.__main__ import ONE_TRY
from apps.site.app import FLOWS, site
from authfsm import Cognito, Verifier, new_key
from authfsm.local import LocalPool, ManualClock, PoolRefusal
from authfsm.local.api.aws_json import answer_http
from authfsm.local.config.error_templates import ErrorTemplate
from authfsm.observers import Observation

PASSWORD: Final = local.PASSWORD
BUSY: Final = ErrorTemplate("TooManyRequestsException", "Rate exceeded")
_SESSION: Final = boto3.session.Session(
    aws_access_key_id="local", aws_secret_access_key="local", region_name="eu-west-1"
)


@contextmanager
def launched_chromium() -> Iterator[Browser]:
    """The system's Chromium, until the end of the block."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program(), headless=True, args=list(ARGUMENTS))
        yield browser
        browser.close()


@define
class Wire:
    """The connection between the site and the pool, which can fail or delay requests.

    Args:
        pool: the pool at its other end.
        faults: what happens to the next requests: `busy`, `unsent` or `reply_lost`; the others succeed.
        delay: seconds that each request takes.
        received: the operations that the pool has received.
    """

    pool: LocalPool
    faults: list[str] = field(factory=list)
    delay: float = 0
    received: list[str] = field(factory=list)

    def __call__(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Forward a request of botocore's, and its reply."""
        time.sleep(self.delay)  # a slow network
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "unsent":
            raise EndpointConnectionError(endpoint_url=request.url)
        target: Any = request.headers["X-Amz-Target"]
        body: Any = request.body
        answer = self._refuse_busy if fault == "busy" else self._answer
        signed = bool(request.headers.get("Authorization"))
        request_id = self.pool.request_id()
        http_reply = answer_http(answer, target.decode(), body, request_id, signed=signed)
        if fault == "reply_lost":
            raise ReadTimeoutError(endpoint_url=request.url)
        more = {"Retry-After": "7"} if fault == "busy" else {}
        headers: Any = {**http_reply.headers, **more}
        raw: Any = HTTPResponse(BytesIO(http_reply.body), preload_content=False)
        return AWSResponse(request.url, http_reply.status, headers, raw)

    def _answer(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self.received.append(operation)
        return self.pool.answer(operation, request)

    def _refuse_busy(self, *_: Any) -> dict[str, Any]:
        raise PoolRefusal(BUSY)

    def client(self) -> Any:
        """Return a boto3 client at the site's end."""
        client = _SESSION.client("cognito-idp", config=ONE_TRY)
        events: Any = client.meta.events  # its types have no handler that returns a reply
        events.register("before-send.cognito-identity-provider", self)
        return client


@define
class Visit:
    """A site, its pool, and the browsers that visit it.

    Args:
        url: the site's URL.
        pool: the pool.
        clock: the clock of site and pool, which tests advance.
        wire: the connection between site and pool.
        steps: the response and the next state of each step of each sign-in.
        browser: the browser program.
    """

    url: str
    pool: LocalPool
    clock: ManualClock
    wire: Wire
    steps: list[Observation]
    browser: Browser
    console: list[str] = field(factory=list)
    traffic: list[bytes] = field(factory=list)
    _contexts: list[BrowserContext] = field(factory=list)

    def open_page(self, **settings: Any) -> Page:
        """Open a new browser without cookies at the first page."""
        context = self.browser.new_context(base_url=self.url, **settings)
        context.set_default_timeout(30_000)
        self._contexts.append(context)
        page = context.new_page()
        record_console(context, self.console)
        page.goto("/")
        return page

    def code(self, username: str) -> str:
        """Return the last code that was sent to a user."""
        return self.pool.outbox.code_for(username)

    def path(self) -> list[str]:
        """Return the states to which the sign-ins led since the last call."""
        states = [str(each.step.dest) for each in self.steps]
        self.steps.clear()
        return states

    def close(self) -> None:
        """Close the browsers.

        Check that no page logged an error and no password or token was shown or requested.
        """
        console = list(self.console)  # closing a page that still loads makes the browser complain
        for context in self._contexts:
            context.close()
        assert not console, console
        for secret in (PASSWORD.encode(), b"eyJraWQi", b"eyJhbGci"):
            assert [part[:80] for part in self.traffic if secret in part] == []


def _recording(app: ASGIApp, traffic: list[bytes]) -> ASGIApp:
    """Return the site as an ASGI application that records every request and response."""

    async def recording_app(scope: Scope, receive: Receive, send: Send) -> None:
        async def record_and_send(message: Message) -> None:
            traffic.append(message.get("body", b"") + repr(message.get("headers")).encode())
            await send(message)

        traffic.append(f"{scope.get('path')}?{scope.get('query_string')}".encode())
        await app(scope, receive, record_and_send)

    return recording_app


@contextmanager
def visit(browser: Browser, key: RSAKey, **settings: Any) -> Iterator[Visit]:
    """Serve a site with a pool of its own until the end of the block.

    Args:
        browser: the browser program.
        key: signs the pool's tokens.
        settings: of the pool.
    """
    clock = ManualClock()
    pool = local.pool(key=key, clock=clock, **settings)
    wire, steps = Wire(pool), list[Observation]()
    cognito = Cognito(
        wire.client(), client_id=pool.client_id, pool_id=pool.pool_id, clock=clock, observers=[steps.append]
    )
    verifier = Verifier(pool.pool_id, pool.client_id, jwks=pool.jwks(), clock=clock)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://localhost:{listening.getsockname()[1]}"
        flows = {**FLOWS, "CUSTOM_AUTH": "Answer a question"}
        app = site(cognito, verifier, key=new_key(), origin=url, flows=flows)
        traffic: list[bytes] = []
        config = uvicorn.Config(_recording(app, traffic), log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        wait_until(lambda: server.started, "the site")
        site_visit = Visit(url, pool, clock, wire, steps, browser, traffic=traffic)
        try:
            yield site_visit
            site_visit.close()
        finally:
            server.should_exit = True
            thread.join(TIMEOUT)


# ---- actions of users ------------------------------------------------------------------------------------


def begin(page: Page, username: str, password: str = PASSWORD, *, remember: bool = False) -> None:
    """Sign in with a password."""
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_label("Remember this device").set_checked(remember)
    press(page, "Sign in")


def begin_without_password(page: Page, username: str) -> None:
    """Begin a sign-in without a password."""
    page.get_by_label("User name").fill(username)
    press(page, "Sign in without a password")


def press(page: Page, button: str) -> None:
    """Press a button, and wait for the next page."""
    with page.expect_navigation():
        page.get_by_role("button", name=button, exact=True).click()


def enter_text(page: Page, label: str, text: str) -> None:
    """Enter a text, and press Enter."""
    page.get_by_label(label, exact=True).fill(text)
    with page.expect_navigation():
        page.get_by_label(label, exact=True).press("Enter")


def authenticator(page: Page, **options: Any) -> None:
    """Add Chromium's virtual authenticator, which answers without asking the user."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    usual = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": {**usual, **options}})


def title_and_notice(page: Page) -> tuple[str, str | None]:
    """Return the title and the notice of the page."""
    return title(page), notice(page)


def title(page: Page) -> str:
    """Return the title of the page."""
    return page.get_by_role("heading").inner_text()


def notice(page: Page) -> str | None:
    """Return the notice about the last request; None if there is none."""
    messages = page.locator("[role=alert]:visible, [role=status]:visible")
    return messages.inner_text() if messages.count() else None
