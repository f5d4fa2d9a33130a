"""The explorer in a browser: clicks, switches, search, keys; what it rules out is what the settings rule out."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import OpenedPage, chromium, violations
from playwright.sync_api import Page

from authfsm.diagrams.dot import drawn_edges
from authfsm.diagrams.explorer import page, settings_of, values_of
from authfsm.diagrams.explorer.questions import EXAMPLES, SWITCHES, SwitchValue
from authfsm.diagrams.gallery import EXAMPLE_POOLS
from authfsm.diagrams.page_svg import page_svg
from authfsm.diagrams.picture import diagram
from authfsm.protocol.auth_flows import DEFAULT_VALUES
from authfsm.protocol.nodes import NODES, TRANSITIONS_IN_ROLES
from authfsm.protocol.states import State
from authfsm.settings import PoolSettings
from authfsm.settings.reach import reachability

MFA_OFF = "MfaConfiguration is OFF"


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as a file."""
    file = tmp_path_factory.mktemp("page") / "flow.html"
    file.write_text(page(), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenedPage]:
    """A browser with the page in it."""
    with chromium(tmp_path_factory.mktemp("profile")) as shown:
        yield shown


@pytest.fixture
def shown(browser: OpenedPage, html: Path) -> Iterator[OpenedPage]:
    """Open the page; at the end, the console must be empty and nothing else requested."""
    browser.said.clear()
    browser.asked.clear()
    browser.page.set_viewport_size({"width": 1440, "height": 900})
    browser.page.emulate_media(media="screen", color_scheme="light")
    browser.page.goto("about:blank")
    browser.page.goto(html.as_uri())
    yield browser
    assert browser.said == []
    assert [url for url in browser.asked if url not in {"about:blank", "data:,"}] == [html.as_uri()]


def node_element(page_: Page, name: str) -> Any:
    """Return a node of the picture."""
    number = [each.name for each in NODES].index(name)
    return page_.locator(f'#picture [data-node="{number}"]')


def is_ruled_out(locator: Any) -> bool:
    """Return whether an element is faded."""
    return "ruled-out" in locator.get_attribute("class").split()


def set_switch(page_: Page, key: str, value: SwitchValue) -> None:
    """Set one switch, as a person does."""
    if isinstance(value, bool):
        page_.set_checked(f'[name="{key}"]', value)
    elif key == "mfa_configuration":
        page_.check(f'[name="{key}"][value="{value}"]')
    else:
        page_.select_option(f'[name="{key}"]', value)


# ---- one file, drawn here ---------------------------------------------------------------------------------


def test_the_page_is_one_file(html: Path) -> None:
    """The page loads nothing: apart from links, it names no other address."""
    text = html.read_text(encoding="utf-8")

    assert "src=" not in text.split('id="data"')[0]
    assert "@import" not in text
    assert "url(" not in text
    assert '<link rel="icon" href="data:,">' in text
    assert "default-src 'none'" in text
    assert len(text) < 500_000


def test_lines_and_nodes_are_numbered() -> None:
    """The numbers of the page's lines are those of the model's edges, and every drawn node is a button."""
    drawn = diagram()
    svg, edges = page_svg(drawn)

    assert edges == [edge for edge, _ in drawn_edges(drawn.model)]
    for number, edge in enumerate(edges):
        comment = f"<!-- {edge.source.name}-&gt;{edge.dest.name} -->".replace("-&gt;", "&#45;&gt;")
        before = svg[: svg.index(f'data-line="{number}"')].rpartition("<!--")[2]
        assert comment.startswith(f"<!--{before.split('-->')[0]}")
    for each in NODES:
        is_drawn = each in drawn.model.nodes
        assert (f'aria-label="{each.name}: ' in svg) == is_drawn
    assert "<title>" not in svg
    assert "<a " not in svg
    assert "#0a0b" not in svg


# ---- what settings rule out ---------------------------------------------------------------------------------


def random_values(seed: int) -> dict[str, SwitchValue]:
    """Return a random position of the switches, with few or many of them changed."""
    rng = random.Random(seed)  # noqa: S311 -- a seed repeats its values, on purpose
    share = rng.choice((0.1, 0.3, 0.6))
    return {
        each.key: rng.choice(each.values[1:]) if rng.random() < share else each.values[0] for each in SWITCHES
    }


def test_the_page_rules_out_what_settings_rule_out(shown: OpenedPage) -> None:
    """For 150 random pools and the examples, the page gives `PoolSettings`' own verdict on every arrow and node."""
    nothing = {each.key: False for each in SWITCHES if each.field == "explicit_auth_flows"}
    pools = [random_values(seed) for seed in range(150)] + [nothing, *EXAMPLES.values()]
    told = shown.page.evaluate(
        "pools => pools.map(values => { explorer.set(values); return explorer.verdicts(); })", pools
    )

    for values, said in zip(pools, told, strict=True):
        settings = settings_of(values)
        for include_lambda_named, name in ((True, "withLambda"), (False, "withoutLambda")):
            known = reachability(settings, include_lambda_named=include_lambda_named)
            assert said[name]["arrows"] == [known.arrows[each] for each in TRANSITIONS_IN_ROLES]
            assert said[name]["nodes"] == [known.nodes.get(each) for each in NODES]
        for arrow, ends in TRANSITIONS_IN_ROLES:
            among = [n for n, each in enumerate(TRANSITIONS_IN_ROLES) if each[0] == arrow and each[1] == ends]
            if ends.role:
                assert said["withLambda"]["arrows"][among[0]] in {settings.ruled_out(arrow, ends.role), None}


def test_the_page_has_the_settings_confidence(shown: OpenedPage) -> None:
    """For pools of every kind, the page gives the confidence of each arrow that `PoolSettings` gives."""
    pools = [random_values(seed) for seed in range(20)] + list(EXAMPLES.values())
    told = shown.page.evaluate(
        "pools => pools.map(values => { explorer.set(values); return explorer.confidences(); })", pools
    )
    for values, said in zip(pools, told, strict=True):
        settings = settings_of(values)
        assert said == [str(settings.confidence(arrow)) for arrow, _ in TRANSITIONS_IN_ROLES]

    shown.page.evaluate("values => explorer.set(values)", {})
    set_switch(shown.page, "mfa_configuration", "ON")
    set_switch(shown.page, "device_configuration", value=False)
    node_element(shown.page, "PASSWORD_VERIFIER").click()
    ways = shown.page.locator("#details li", has=shown.page.locator("button:text-is('AUTHENTICATED')"))
    assert "refuted" in ways.first.inner_text()
    lines_ = shown.page.evaluate("data.lines.map(line => line.to && line.through)")
    tokens = [n for n, each in enumerate(NODES) if each.state is State.AUTHENTICATED]
    uncertain = shown.page.locator("[data-line].uncertain").evaluate_all(
        "nodes => nodes.map(node => Number(node.dataset.line))"
    )
    to_tokens = [
        n
        for n, to in enumerate(shown.page.evaluate("data.lines.map(line => line.to)"))
        if to and {*tokens} <= {*to} and lines_[n]
    ]
    drawn = diagram()
    _, edges = page_svg(drawn)
    proved = [n for n in to_tokens if edges[n].source.name == "permanent password proved"]
    assert proved
    assert {*proved} <= {*uncertain}


def test_no_kind_of_self_loop_is_lost(shown: OpenedPage) -> None:
    """Each arrow of the table has a number of its own on the page, also where two differ only in their kind."""
    numbers = shown.page.evaluate(
        """() => {
            const index = Object.fromEntries(data.nodes.map((each, n) => [each.name, n]));
            return data.nodes.flatMap((each, n) => each.takes.flatMap(taken => taken.leads_to.map(
                way => explorer.arrowNumber(n, taken.given, index[way.state], way.kind))));
        }"""
    )
    assert sorted(numbers) == list(range(len(TRANSITIONS_IN_ROLES)))


def test_switches_and_settings_convert_both_ways() -> None:
    """Any position of the switches converts to settings and back; older names of flows are understood."""
    flows = [each.key for each in SWITCHES if each.field == "explicit_auth_flows"]
    for seed in range(50):
        values = random_values(seed)
        if not any(values[key] for key in flows):  # an empty list means the default
            values |= {key: key.partition(":")[2] in DEFAULT_VALUES for key in flows}
        assert values_of(settings_of(values)) == values
    assert values_of(PoolSettings()) == {each.key: each.values[0] for each in SWITCHES}
    old = values_of(PoolSettings(explicit_auth_flows=("ADMIN_NO_SRP_AUTH",)))
    assert old["explicit_auth_flows:ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    assert old["explicit_auth_flows:ALLOW_USER_SRP_AUTH"]
    assert not old["explicit_auth_flows:ALLOW_USER_PASSWORD_AUTH"]


@pytest.mark.parametrize("settings", [each for each, _ in EXAMPLE_POOLS.values()], ids=list(EXAMPLE_POOLS))
def test_a_pool_on_the_switches_has_its_verdicts(settings: PoolSettings) -> None:
    """The switches of a pool rule out what the pool rules out, for the same reasons."""
    moved = settings_of(values_of(settings))

    for include_lambda_named in (True, False):
        assert reachability(moved, include_lambda_named=include_lambda_named) == reachability(
            settings, include_lambda_named=include_lambda_named
        )


def test_a_switch_fades_what_it_rules_out(shown: OpenedPage) -> None:
    """With MFA off the second factors fade, the reason is shown, and switching back undoes it."""
    told = shown.page.locator("#reasons")
    assert "Nothing" in told.inner_text()
    assert not is_ruled_out(node_element(shown.page, "SMS_MFA"))
    set_switch(shown.page, "lambda_config:DefineAuthChallenge", value=False)
    set_switch(shown.page, "mfa_configuration", "OFF")

    for name in ("SMS_MFA", "SOFTWARE_TOKEN_MFA", "MFA_SETUP", "EMAIL_OTP (second factor)"):
        assert is_ruled_out(node_element(shown.page, name))
        assert MFA_OFF in node_element(shown.page, name).get_attribute("aria-label")
    assert not is_ruled_out(node_element(shown.page, "EMAIL_OTP (first factor)"))
    assert not is_ruled_out(node_element(shown.page, "DEVICE_SRP_AUTH"))
    assert is_ruled_out(shown.page.locator('[data-junction="second factor asked"]'))
    assert f"{MFA_OFF}: EMAIL_OTP (second factor)" in told.inner_text()
    assert "states ruled out" in shown.page.inner_text("#ruled-out-count")

    set_switch(shown.page, "mfa_configuration", "ON")
    assert not is_ruled_out(node_element(shown.page, "SMS_MFA"))
    assert is_ruled_out(node_element(shown.page, "SMS_OTP"))


def test_every_switch_has_an_effect(shown: OpenedPage) -> None:
    """Each switch changes the verdicts, from some position of the others."""
    bases = [{}, *EXAMPLES.values(), {"user_pool_tier": "LITE"}]
    bases.append({"email_sending_account": "COGNITO_DEFAULT", "lambda_config:CustomEmailSender": False})
    bases.append({"user_pool_tier": "LITE", "advanced_security_mode": "OFF"})
    bases.append({"mfa_configuration": "ON"})
    bases.append({"email_sending_account": "COGNITO_DEFAULT"})
    unmoved = []
    for each in SWITCHES:
        moved = False
        for base in bases:
            if moved:
                break
            shown.page.evaluate("values => explorer.set(values)", base)
            before = shown.page.evaluate("JSON.stringify(explorer.verdicts())")
            values = [v for v in each.values if v != base.get(each.key, each.values[0])]
            for value in values:
                set_switch(shown.page, each.key, value)
                moved = moved or before != shown.page.evaluate("JSON.stringify(explorer.verdicts())")
        if not moved:
            unmoved.append(each.key)

    assert unmoved == []


def test_one_of_several_responses_on_a_line_is_struck_out(shown: OpenedPage) -> None:
    """A flow that is not allowed is struck out on its line, and the line's other responses stay."""
    set_switch(shown.page, "explicit_auth_flows:ALLOW_USER_AUTH", value=False)
    label = shown.page.locator('[data-line] text[data-response="user_srp_auth"]')
    other = shown.page.locator('[data-line]:not(.ruled-out) text[data-response="user_auth"]')

    assert "ruled-out" not in (label.get_attribute("class") or "")
    assert "ruled-out" in (other.first.get_attribute("class") or "")


def test_the_page_begins_with_given_settings(browser: OpenedPage, tmp_path: Path) -> None:
    """The switches begin at the position of the settings that were given."""
    settings = PoolSettings(mfa_configuration="OFF", lambda_config=(), device_configuration=False)
    file = tmp_path / "mine.html"
    file.write_text(page(settings), encoding="utf-8")
    browser.page.goto(file.as_uri())

    assert browser.page.is_checked('[name="mfa_configuration"][value="OFF"]')
    assert not browser.page.is_checked('[name="device_configuration"]')
    assert browser.page.is_checked('[name="sms_mfa"]')
    assert is_ruled_out(node_element(browser.page, "DEVICE_SRP_AUTH"))


# ---- places ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [each.name for each in NODES])
def test_details_of_a_state(shown: OpenedPage, name: str) -> None:
    """The details say what a state means, carries and accepts, where it leads, its errors, with AWS's page."""
    told = next(each for each in NODES if each.name == name)
    if node_element(shown.page, name).count():
        node_element(shown.page, name).click()
    else:
        shown.page.fill("#search", name)
        shown.page.click(f"#found button:has-text('{name}')")
    details = shown.page.locator("#details")
    text = details.inner_text()

    assert details.locator("h2").inner_text() == name
    assert told.state.meaning in text
    link = details.locator("a").first.get_attribute("href") or ""
    assert link.startswith("https://docs.aws.amazon.com/cognito")
    if told.state is not State.FAILED:
        assert "Accepts" in text
        assert "leads to" in text
        assert "Errors" in text
    if told.state not in {State.START, State.FAILED}:
        assert "Comes from" in text


def test_details_of_sms_mfa(shown: OpenedPage) -> None:
    """SMS_MFA as an example: its parameters, its request, its evidence, its errors."""
    node_element(shown.page, "SMS_MFA").click()
    for summary in shown.page.locator("#details summary").all():
        if summary.evaluate("each => !each.parentElement.open"):
            summary.click()
    text = shown.page.inner_text("#details")

    for words in (
        "CODE_DELIVERY_DESTINATION",
        "SMS_MFA_CODE",
        "RespondToAuthChallenge",
        "SECRET_HASH",
        "CodeMismatchException",
        "documented",
        "TRY_AGAIN",
    ):
        assert words in text
    assert shown.page.locator("#details .errors").count() > 5


def test_next_states_can_be_followed(shown: OpenedPage) -> None:
    """A next state is a button that opens it, and the address has the state's name."""
    node_element(shown.page, "PASSWORD_VERIFIER").click()
    shown.page.locator("#details .targets .go", has_text="NEW_PASSWORD_REQUIRED").first.click()

    assert shown.page.inner_text("#details h2") == "NEW_PASSWORD_REQUIRED"
    assert shown.page.url.endswith("#NEW_PASSWORD_REQUIRED")
    assert "selected" in node_element(shown.page, "NEW_PASSWORD_REQUIRED").get_attribute("class")
    shown.page.reload()
    assert shown.page.inner_text("#details h2") == "NEW_PASSWORD_REQUIRED"
    shown.asked.pop()


def test_a_state_that_is_ruled_out_says_why(shown: OpenedPage) -> None:
    """The details have the reason, as long as the switch rules the state out."""
    shown.page.select_option("#example", "mfa_off")
    node_element(shown.page, "SMS_MFA").click()
    assert f"Ruled out: {MFA_OFF}" in shown.page.inner_text("#details")

    shown.page.select_option("#example", "everything")
    assert "Ruled out" not in shown.page.inner_text("#details")


# ---- search and keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "name", "opens"),
    [
        ("sms_mfa", "SMS_MFA", "SMS_MFA"),
        ("srp_claim", "srp_claim", "PASSWORD_VERIFIER"),
        ("codemis", "CodeMismatchException", "CodeMismatchException"),
        ("lock-out", None, None),
        ("DEVICE_KEY", "DEVICE_KEY", None),
        ("CREDENTIAL_REQUEST", "CREDENTIAL_REQUEST_OPTIONS", "WEB_AUTHN"),
        ("USER_AUTH", "USER_AUTH", "START"),
        ("session is expired", "NotAuthorizedException", "NotAuthorizedException"),
        ("passkey", "WEB_AUTHN", "WEB_AUTHN"),
    ],
)
def test_search(shown: OpenedPage, words: str, name: str | None, opens: str | None) -> None:
    """States, responses, parameters, flows, errors and their messages are found by their names, or by words."""
    shown.page.fill("#search", words)
    found = shown.page.locator("#found button")
    if name is None:
        assert "Nothing of that name" in shown.page.inner_text("#found")
        return
    assert name in found.first.inner_text()
    if opens:
        found.first.click()
        assert shown.page.inner_text("#details h2") == opens
        assert shown.page.input_value("#search") == ""


def test_found_states_stand_out(shown: OpenedPage) -> None:
    """During a search the states that match stand out."""
    shown.page.fill("#search", "DEVICE_SRP")
    assert "found" in node_element(shown.page, "DEVICE_SRP_AUTH").get_attribute("class")
    assert "found" not in node_element(shown.page, "SMS_MFA").get_attribute("class")

    shown.page.keyboard.press("Escape")
    assert "found" not in node_element(shown.page, "DEVICE_SRP_AUTH").get_attribute("class")


@pytest.mark.parametrize("key", ["Enter", " "])
def test_a_focused_state_opens_by_key(shown: OpenedPage, key: str) -> None:
    """Enter and Space open the focused state; Escape goes back to it."""
    node_element(shown.page, "MFA_SETUP").focus()
    shown.page.keyboard.press(key)
    assert shown.page.inner_text("#details h2") == "MFA_SETUP"
    assert shown.page.evaluate("document.activeElement.id") == "details"
    assert node_element(shown.page, "MFA_SETUP").get_attribute("aria-pressed") == "true"

    shown.page.keyboard.press("Escape")
    assert shown.page.inner_text("#details h2") == "Choose a state"
    assert shown.page.evaluate("document.activeElement.dataset.node") is not None


def test_everything_can_be_done_by_keys(shown: OpenedPage) -> None:
    """Tab reaches the search, every switch and every node; / begins a search, arrows move in what is found."""
    wanted = shown.page.locator("#picture [data-node], [data-switch]:not([type=radio]), #search").count()
    met = set()
    for _ in range(wanted + 40):
        shown.page.keyboard.press("Tab")
        met.add(
            shown.page.evaluate(
                "(each => each.dataset.node ? 'place ' + each.dataset.node : each.name || each.id)(document.activeElement)"
            )
        )
    places = {f"place {n}" for n, each in enumerate(NODES) if node_element(shown.page, each.name).count()}
    assert places <= met
    assert {each.key for each in SWITCHES} | {"search", "example", "theme"} <= met

    shown.page.locator("body").click(position={"x": 3, "y": 300})
    shown.page.keyboard.press("/")
    shown.page.keyboard.type("otp")
    shown.page.keyboard.press("ArrowDown")
    shown.page.keyboard.press("ArrowDown")
    shown.page.keyboard.press("ArrowUp")
    shown.page.keyboard.press("Enter")
    assert "OTP" in shown.page.inner_text("#details h2")


def test_the_picture_grows_and_shrinks(shown: OpenedPage) -> None:
    """Larger, smaller and fit."""

    def width() -> float:
        return float(shown.page.evaluate("picture.getBoundingClientRect().width"))

    first = width()
    shown.page.click("#larger")
    assert width() > first
    shown.page.click("#fit")
    assert width() == first
    shown.page.click("#smaller")
    assert width() < first


# ---- looks --------------------------------------------------------------------------------------------------------


def background(page_: Page) -> str:
    """The page's background."""
    colour: str = page_.evaluate("getComputedStyle(document.querySelector('header')).backgroundColor")
    return colour


def test_light_dark_and_print(shown: OpenedPage) -> None:
    """Dark where the reader prefers or chooses it; in print always light, without switches, with their positions."""
    light = background(shown.page)
    shown.page.emulate_media(color_scheme="dark")
    dark = background(shown.page)
    assert dark != light
    shown.page.select_option("#theme", "light")
    assert background(shown.page) == light
    shown.page.emulate_media(color_scheme="light")
    shown.page.select_option("#theme", "dark")
    assert background(shown.page) == dark
    shown.page.emulate_media(media="print")
    assert background(shown.page) == light
    assert not shown.page.is_visible("#settings")
    assert shown.page.is_visible("#summary")
    assert "MfaConfiguration: OPTIONAL" in shown.page.inner_text("#summary")


def test_it_prints_on_a_page(shown: OpenedPage) -> None:
    """With nothing ruled out or opened, the picture and its list print on at most two A4 pages."""
    shown.page.emulate_media(media="print")
    printed = shown.page.pdf(prefer_css_page_size=True)

    assert printed.count(b"/Type /Page\n") <= 2
    assert printed.startswith(b"%PDF")


@pytest.mark.parametrize("width", [1440, 390])
def test_accessibility(shown: OpenedPage, width: int) -> None:
    """axe-core finds nothing, light or dark: at first, with a state open, with settings that rule out, during a search."""
    shown.page.set_viewport_size({"width": width, "height": 900})
    for act in (
        lambda: None,
        lambda: node_element(shown.page, "SMS_MFA").click(),
        lambda: shown.page.select_option("#example", "mfa_off"),
        lambda: shown.page.fill("#search", "code"),
    ):
        act()
        assert violations(shown.page) == []


def test_a_narrow_window_has_no_sideways_scroll(shown: OpenedPage) -> None:
    """On a phone only the picture scrolls sideways, not the page."""
    shown.page.set_viewport_size({"width": 390, "height": 800})
    node_element(shown.page, "SMS_MFA").click()

    assert shown.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_data_are_not_code(html: Path) -> None:
    """The data cannot end their script element."""
    text = html.read_text(encoding="utf-8")
    data = text.split('<script type="application/json" id="data">')[1].split("</script>")[0]

    assert "<" not in data
    assert len(json.loads(data)["arrows"]) == len(TRANSITIONS_IN_ROLES)
