"""The example site when something fails: the sign-in stays in its state, and the page says what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from apps.site import form_replies
from apps.site.local import PASSWORD
from apps.site_visits import Visit, begin, enter_text, press, title, title_and_notice
from local_servers import ServerClient
from playwright.sync_api import Page

pytest_plugins = ["apps.fixtures"]
VisitOf = Callable[..., Visit]
EXPIRED = "The sign-in has taken too long. Start again."
CANNOT_CONTINUE = "This sign-in cannot be continued. Start again."
OTHER_STEP = "This sign-in is at another step by now. Continue there."
NO_RESPONSE = "The service does not respond at the moment. Wait a little, then try again."


@pytest.fixture
def page(v: Visit) -> Page:
    """A page that asks ada for the code she was sent."""
    page = v.open_page()
    begin(page, "ada")
    assert title_and_notice(page) == ("Enter the code", None)
    v.path()
    return page


# ---- actions of users ------------------------------------------------------------------------------------


def test_reload(v: Visit, page: Page) -> None:
    """Reloading a page shows the same page and sends nothing."""
    message_count = len(v.pool.outbox)
    for _ in range(3):
        page.reload()
        assert title_and_notice(page) == ("Enter the code", None)
    enter_text(page, "Code", "000000")
    page.reload()
    assert title_and_notice(page) == ("Enter the code", None)
    assert v.path() == ["SMS_MFA"]
    assert len(v.pool.outbox) == message_count

    enter_text(page, "Code", v.code("ada"))
    page.reload()
    assert title_and_notice(page) == ("Welcome, ada", None)


def test_back_button(v: Visit, page: Page) -> None:
    """Back leads to the first page, and forward to the current state; after the sign-in, the home page is the only one."""
    page.go_back()
    assert title_and_notice(page) == ("Sign in", None)
    assert page.get_by_label("User name").input_value() == "ada"
    assert page.get_by_label("Password").input_value() == ""
    page.go_forward()
    assert title_and_notice(page) == ("Enter the code", None)

    enter_text(page, "Code", v.code("ada"))
    assert title_and_notice(page) == ("Welcome, ada", None)
    page.go_back()
    assert title_and_notice(page) == ("Welcome, ada", None)
    assert v.path() == ["AUTHENTICATED"]


def test_two_tabs_with_one_sign_in(v: Visit, page: Page) -> None:
    """The second tab cannot answer again; it shows the current state."""
    other, third = page.context.new_page(), page.context.new_page()
    for tab in (other, third):
        tab.goto("/challenge")
        assert title_and_notice(tab) == ("Enter the code", None)
    enter_text(page, "Code", "000000")
    assert title(page) == "Enter the code"

    enter_text(other, "Code", v.code("ada"))
    assert title_and_notice(other) == ("Enter the code", OTHER_STEP)
    assert v.path() == ["SMS_MFA"]
    enter_text(other, "Code", v.code("ada"))
    assert title_and_notice(other) == ("Welcome, ada", None)
    enter_text(third, "Code", v.code("ada"))
    assert title_and_notice(third) == ("Welcome, ada", None)
    assert v.path() == ["AUTHENTICATED"]


def test_two_tabs_with_two_sign_ins(v: Visit, page: Page) -> None:
    """The later sign-in counts, and no answer goes to the other one."""
    other = page.context.new_page()
    other.goto("/sign-in")
    begin(other, "sol")
    assert title_and_notice(other) == ("Choose how to sign in", None)
    v.path()

    enter_text(page, "Code", v.code("ada"))
    assert title_and_notice(page) == ("Choose how to sign in", OTHER_STEP)
    assert "Signing in as sol" in page.inner_text("main")
    assert v.path() == []


@pytest.mark.parametrize("delay", [0, 0.3])
def test_double_click(v: Visit, delay: float) -> None:
    """Two clicks are one answer, however long it takes: one code is sent, and it is valid."""
    page = v.open_page()
    v.wire.delay = delay
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).dblclick()
    page.get_by_label("Code").wait_for()  # the second click aborts the navigation of the first
    page.get_by_label("Code").fill(v.code("ada"))
    page.get_by_role("button", name="Continue").dblclick()
    page.get_by_role("button", name="Sign out").wait_for()

    assert title_and_notice(page) == ("Welcome, ada", None)
    assert v.path() == ["PASSWORD_VERIFIER", "SMS_MFA", "AUTHENTICATED"]
    assert len(v.pool.outbox) == 1


def test_resubmitted_form(v: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resubmitted form gets the first reply; its cookies do not overwrite newer ones."""
    monkeypatch.setattr(form_replies, "MAX_STORED_REPLIES", 2)
    web = ServerClient(v.url)
    kind = {"Content_Type": "application/x-www-form-urlencoded", "Origin": v.url}

    def send(form: str, **more: str) -> tuple[str, bool]:
        body = f"flow=USER_AUTH&username=eve&form={form}".encode()
        status, headers, _ = web.ask("POST", "/sign-in", body, **kind, **more)
        assert status == 303
        return headers["location"], "set-cookie" in headers

    assert [send("1"), send("1")] == [("/challenge", True)] * 2
    assert send("1", Cookie="signin-0=newer") == ("/challenge", False)
    assert v.wire.received == ["InitiateAuth"]
    send("2")
    send("3")  # the first is forgotten
    send("1")
    assert v.wire.received == ["InitiateAuth"] * 4


def test_empty_fields(v: Visit) -> None:
    """The browser asks for missing fields, and so does the site."""
    page = v.open_page()
    off = "document.querySelectorAll('form').forEach(form => form.noValidate = true)"
    page.evaluate(off)
    press(page, "Sign in")
    assert title_and_notice(page) == ("Sign in", "The username must not be empty.")
    begin(page, "ada")
    page.evaluate(off)
    press(page, "Continue")

    assert title_and_notice(page) == ("Enter the code", "The code must not be empty.")
    assert v.wire.received == ["InitiateAuth", "RespondToAuthChallenge"]


# ---- expiry ----------------------------------------------------------------------------------------------


def test_expired_session(v: Visit, page: Page) -> None:
    """After three minutes the sign-in has expired, whether the page is reloaded or answered."""
    v.clock.advance(181)
    enter_text(page, "Code", v.code("ada"))
    assert title_and_notice(page) == ("Sign in", EXPIRED)
    assert v.wire.received == ["InitiateAuth", "RespondToAuthChallenge"]

    begin(page, "ada")
    v.clock.advance(181)
    page.reload()
    assert title_and_notice(page) == ("Sign in", EXPIRED)
    begin(page, "ada")
    enter_text(page, "Code", v.code("ada"))
    assert title_and_notice(page) == ("Welcome, ada", None)

    v.clock.advance(3600 + 10)  # the access token expires, and is refreshed
    page.reload()
    assert title_and_notice(page) == ("Welcome, ada", None)
    v.clock.advance(31 * 86_400)  # and so does the refresh token
    page.reload()
    assert title_and_notice(page) == ("Sign in", None)


def test_lock_out(v: Visit) -> None:
    """After too many wrong passwords the right one must wait, and the page says how long."""
    page = v.open_page()
    for _ in range(5):
        begin(page, "zoe", "Wrong-Horse-1")
        assert title_and_notice(page) == ("Sign in", "The user name or the password is wrong.")
    begin(page, "zoe")
    assert title_and_notice(page) == (
        "Sign in",
        "Too many attempts have failed. Wait up to 15 minutes, then start again.",
    )

    v.clock.advance(1)
    begin(page, "zoe")
    assert title_and_notice(page) == ("Welcome, zoe", None)


# ---- connection faults -----------------------------------------------------------------------------------


def test_throttling(v: Visit, page: Page) -> None:
    """The page says how long to wait; the same answer is then accepted."""
    v.wire.faults = ["busy"]
    enter_text(page, "Code", v.code("ada"))
    assert title_and_notice(page) == (
        "Enter the code",
        "There are too many requests at the moment. Wait a little, then try again.",
    )
    enter_text(page, "Code", v.code("ada"))
    assert title_and_notice(page) == ("Welcome, ada", None)


def test_request_not_sent(v: Visit, page: Page) -> None:
    """The same answer is accepted after a request that was not sent."""
    v.wire.faults = ["unsent"]
    enter_text(page, "Code", v.code("ada"))
    assert title_and_notice(page) == ("Enter the code", NO_RESPONSE)
    enter_text(page, "Code", v.code("ada"))
    assert title_and_notice(page) == ("Welcome, ada", None)


def test_lost_reply(v: Visit, page: Page) -> None:
    """After a reply that was lost the session is spent, and the user starts again."""
    v.wire.faults = ["reply_lost"]
    enter_text(page, "Code", v.code("ada"))
    assert title_and_notice(page) == ("Enter the code", NO_RESPONSE)
    enter_text(page, "Code", v.code("ada"))
    assert title_and_notice(page) == ("Sign in", CANNOT_CONTINUE)
    begin(page, "ada")
    enter_text(page, "Code", v.code("ada"))
    assert title_and_notice(page) == ("Welcome, ada", None)


def test_connection_lost_between_steps(v: Visit) -> None:
    """The proof of the password waits, sealed, until the connection returns."""
    page = v.open_page()
    v.wire.faults = ["", "unsent"]
    begin(page, "zoe")
    assert title_and_notice(page) == ("One moment", NO_RESPONSE)
    v.wire.faults = ["unsent"]
    press(page, "Continue")
    assert title_and_notice(page) == ("One moment", NO_RESPONSE)
    press(page, "Continue")
    assert title_and_notice(page) == ("Welcome, zoe", None)


def test_no_connection(v: Visit) -> None:
    """The first page reports it and keeps the name."""
    page = v.open_page()
    v.wire.faults = ["unsent"]
    begin(page, "zoe")
    assert title_and_notice(page) == ("Sign in", NO_RESPONSE)
    assert page.get_by_label("User name").input_value() == "zoe"


def test_misconfigured_pool(visit_of: VisitOf) -> None:
    """An error of the configuration is logged, and the page does not blame the user."""
    v = visit_of(explicit_auth_flows=["ALLOW_USER_AUTH"])
    page = v.open_page()
    begin(page, "zoe")

    assert title_and_notice(page) == (
        "Sign in",
        "Signing in is not possible at the moment. Contact the operator of this service.",
    )
