"""The example site against attacks: cookies, forms, headers, pages."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from apps.site.local import PASSWORD
from apps.site_visits import Visit, authenticator, begin, begin_without_password, enter_text, press, title_and_notice
from local_servers import ServerClient
from playwright.sync_api import Page
from starlette.responses import Response

from authfsm import new_key
from authfsm.contrib.cookies import LONGEST, Cookies
from authfsm.local import Triggers

pytest_plugins = ["apps.fixtures"]
VisitOf = Callable[..., Visit]
FAILED = "The sign-in has failed. Start again."
MISSING = "You are not signed in. Sign in, then try again."


@pytest.fixture
def page(v: Visit) -> Page:
    """A page that asks ada for the code she was sent."""
    page = v.open_page()
    begin(page, "ada")
    assert title_and_notice(page) == ("Enter the code", None)
    v.path()
    return page


# ---- cookies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["changed", "gone", "another site's"])
def test_foreign_cookie(visit_of: VisitOf, v: Visit, page: Page, how: str) -> None:
    """A sign-in that was tampered with or belongs to another pool is discarded."""
    (cookie,) = [each for each in page.context.cookies() if each["name"] == "signin-0"]
    value = cookie["value"]
    if how == "another site's":
        other = visit_of()
        stranger = other.open_page()
        begin(stranger, "ada")
        (theirs,) = [e for e in stranger.context.cookies() if e["name"] == "signin-0"]
        value = theirs["value"]
    page.context.clear_cookies(name="signin-0")
    if how != "gone":
        middle = value[:500] + ("A" if value[500] != "A" else "B") + value[501:]
        value_kept = value if how == "another site's" else middle
        page.context.add_cookies([{"name": "signin-0", "value": value_kept, "url": v.url}])
    enter_text(page, "Code", v.code("ada"))

    assert title_and_notice(page) == ("Sign in", MISSING if how == "gone" else FAILED)
    assert v.path() == []


@pytest.mark.parametrize("over", ["first-input", "notice", "tokens"])
def test_swapped_cookies(v: Visit, page: Page, over: str) -> None:
    """A cookie that was copied over another is ignored."""
    (cookie,) = [each for each in page.context.cookies() if each["name"] == "signin-0"]
    page.context.clear_cookies(name=f"{over}-0")
    page.context.add_cookies([{"name": f"{over}-0", "value": cookie["value"], "url": v.url}])

    for path, heading in (("/", "Sign in"), ("/challenge", "Enter the code")):
        reply = page.goto(v.url + path)
        assert reply is not None
        assert (reply.status, title_and_notice(page)) == (200, (heading, None))


def test_long_seal(visit_of: VisitOf) -> None:
    """A seal that is too long for one cookie is split into several; a shorter one after it is read alone."""
    question = {"question": "What do you see?", "picture": "x" * 6_000}

    def define(event: Any, _: Any = None) -> Any:
        rounds = len(event["request"]["session"])
        event["response"] |= {"challengeName": "CUSTOM_CHALLENGE", "failAuthentication": False}
        event["response"]["issueTokens"] = rounds == 2
        return event

    def create(event: Any, _: Any = None) -> Any:
        first = not event["request"]["session"]
        event["response"]["publicChallengeParameters"] = question if first else {"question": "And now?"}
        return event

    def verify(event: Any, _: Any = None) -> Any:
        event["response"]["answerCorrect"] = True
        return event

    v = visit_of(triggers=Triggers(define=define, create=create, verify=verify))
    page = v.open_page()
    page.get_by_label("User name").fill("eve")
    press(page, "Answer a question")
    cookies = [each for each in page.context.cookies() if each["name"].startswith("signin-")]
    assert sorted(each["name"] for each in cookies) == ["signin-0", "signin-1", "signin-2"]
    assert all(len(each["name"]) + len(each["value"]) < 4_000 for each in cookies)

    enter_text(page, "What do you see?", "a horse")
    assert "signin-1" not in {each["name"] for each in page.context.cookies()}
    enter_text(page, "And now?", "a battery")
    assert title_and_notice(page) == ("Welcome, eve", None)


def test_cookie_attributes(v: Visit, page: Page) -> None:
    """No script and no other site can read a cookie; over HTTPS they are Secure and bound to the host."""
    cookies = page.context.cookies()
    assert {(each["httpOnly"], each["sameSite"], each["path"]) for each in cookies} == {(True, "Lax", "/")}
    life = next(each["expires"] for each in cookies if each["name"] == "signin-0")
    # The browser counts from its own time, which goes on while the pool's clock stands.
    assert life - v.clock().timestamp() > 0
    assert life - time.time() <= 181

    response = Response()
    changed = Cookies({}, new_key(), secure=True)
    changed.put("signin", "x" * (LONGEST + 1), 180)
    changed.write(response)
    said = response.headers.getlist("set-cookie")
    assert [each.partition("=")[0] for each in said] == [
        "__Host-signin-0", "__Host-signin-1", "__Host-signin-2",
    ]  # fmt: skip
    assert all(each.endswith("HttpOnly; Max-Age=180; Path=/; SameSite=lax; Secure") for each in said[:2])
    assert "Max-Age=0" in said[2]


# ---- requests --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [None, "null", "http://localhost:1", "https://evil.example"])
def test_forms_of_other_sites(v: Visit, page: Page, origin: str | None) -> None:
    """A form of another site has no effect."""
    more = {} if origin is None else {"Origin": origin}
    for path in ("/sign-in", "/challenge", "/passkeys", "/sign-out"):
        status, _, _ = ServerClient(v.url).ask("POST", path, b"username=ada", **more)
        assert (path, status) == (path, 403)
    assert v.path() == []
    assert page.url == f"{v.url}/challenge"


def test_invalid_bodies(v: Visit) -> None:
    """A body that is too large or has no declared size is not read; other methods are refused."""
    web, own = ServerClient(v.url), {"Origin": v.url}

    assert web.ask("POST", "/sign-in", b"x" * 65_537, **own)[0] == 413
    assert web.ask("PUT", "/sign-in", b"x", **own)[0] == 405
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    for body in (b"", b"flow=USER_AUTH", b"flow=ADMIN_NO_SRP_AUTH&username=ada", b"%ff=%00&&&"):
        status, headers, _ = web.ask("POST", "/sign-in", body or b"&", **own, **form)
        assert (status, headers["location"]) == (303, "/sign-in")
    status, headers, _ = web.ask("POST", "/challenge", b"code=1", **own, **form)
    assert (status, headers["location"]) == (303, "/sign-in")
    assert v.wire.received == []


def test_headers(v: Visit) -> None:
    """Pages are not cached or framed, and run only the site's scripts."""
    _, headers, body = ServerClient(v.url).ask("GET", "/sign-in")

    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert b"<script" not in body
    assert b" style=" not in body


def test_names_are_text(v: Visit) -> None:
    """A name that looks like markup is shown as text."""
    name = "<img src=x onerror=alert(1)>\"'"
    v.pool.add_user(name, PASSWORD, email="x@example.com")
    page = v.open_page()
    begin_without_password(page, name)
    assert f"Signing in as {name}" in page.inner_text("main")
    enter_text(page, "Password", PASSWORD)

    assert title_and_notice(page) == (f"Welcome, {name}", None)
    assert page.locator("main img").count() == 0


def test_invalid_passkey_answer(v: Visit) -> None:
    """An answer that the page's script would never send ends the attempt, but not the site."""
    v.pool.user("eve").attributes.pop("email")
    page = v.open_page()
    authenticator(page)
    begin(page, "eve")
    page.goto("/passkeys")
    forge = "form = document.forms[0]; form.elements.credential.value = '{\"id\": 1}'; form.submit()"
    with page.expect_navigation():
        page.evaluate(forge)
    assert title_and_notice(page) == ("Your passkeys", "That passkey could not be added. Please try again.")
    press(page, "Add a passkey")
    page.goto("/sign-in")
    begin_without_password(page, "eve")
    press(page, "A passkey")
    with page.expect_navigation():
        page.evaluate(forge)
    assert title_and_notice(page) == ("Sign in", FAILED)


def test_unknown_challenge(visit_of: VisitOf) -> None:
    """An unknown challenge has a page, which says so and leads back."""

    def define(event: Any, _: Any = None) -> Any:
        event["response"] |= {"challengeName": "TELEPATHY", "issueTokens": False}
        event["response"]["failAuthentication"] = False
        return event

    v = visit_of(triggers=Triggers(define=define))
    page = v.open_page()
    page.get_by_label("User name").fill("eve")
    press(page, "Answer a question")
    assert title_and_notice(page) == ("Unknown challenge", None)
    page.get_by_role("link", name="Start again").click()
    assert title_and_notice(page) == ("Sign in", None)
