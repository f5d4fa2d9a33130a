"""The explorer in a browser: clicks, switches, search and keys; its verdicts are those of the settings."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from browser import OpenedPage, chromium, violations
from playwright.sync_api import Page

from authfsm.diagrams.dot import drawn_edges
from authfsm.diagrams.example_pools import EXAMPLE_POOLS
from authfsm.diagrams.explorer import page, settings_of, values_of
from authfsm.diagrams.explorer.questions import EXAMPLES, SWITCHES, SwitchValue, verdicts
from authfsm.diagrams.page_svg import page_svg
from authfsm.diagrams.picture import diagram
from authfsm.protocol.auth_flows import DEFAULT_VALUES
from authfsm.protocol.error_policy import ERROR_POLICY
from authfsm.protocol.nodes import NODES, TRANSITIONS_IN_ROLES
from authfsm.protocol.states import State
from authfsm.settings import PoolSettings
from authfsm.settings.reach import TransitionInRoles, confidence_in_pool, reachability

MFA_OFF = "MfaConfiguration is OFF"


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's HTML."""
    file = tmp_path_factory.mktemp("page") / "flow.html"
    file.write_text(page(), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def chromium_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenedPage]:
    """A browser, started once for all tests of the module."""
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def browser(chromium_browser: OpenedPage) -> OpenedPage:
    """The browser, as if it was new: the order of the tests does not matter."""
    chromium_browser.reset()
    return chromium_browser


@pytest.fixture
def opened_page(browser: OpenedPage, html: Path) -> Iterator[OpenedPage]:
    """Open the page; at the end, the console must be empty and nothing else requested."""
    browser.page.goto(html.as_uri())
    yield browser
    assert browser.console == []
    assert [url for url in browser.requests if url not in {"about:blank", "data:,"}] == [html.as_uri()]


def node_element(page_: Page, name: str) -> Any:
    """Return the element of a node in the picture."""
    number = [each.name for each in NODES].index(name)
    return page_.locator(f'#picture [data-node="{number}"]')


def is_ruled_out(locator: Any) -> bool:
    """Return whether an element is faded."""
    return "ruled-out" in locator.get_attribute("class").split()


def open_all(page_: Page) -> None:
    """Open every part of the details."""
    page_.locator("#details details").evaluate_all("nodes => nodes.forEach(each => { each.open = true; })")


def set_switch(page_: Page, key: str, value: SwitchValue) -> None:
    """Set one switch by clicking."""
    if isinstance(value, bool):
        page_.set_checked(f'[name="{key}"]', value)
    elif key == "mfa_configuration":
        page_.check(f'[name="{key}"][value="{value}"]')
    else:
        page_.select_option(f'[name="{key}"]', value)


# ---- one file ---------------------------------------------------------------------------------------------


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
    picture = diagram()
    svg, edges = page_svg(picture)

    assert edges == [edge for edge, _ in drawn_edges(picture.model)]
    for number, edge in enumerate(edges):
        comment = f"<!-- {edge.source.name}-&gt;{edge.dest.name} -->".replace("-&gt;", "&#45;&gt;")
        before = svg[: svg.index(f'data-line="{number}"')].rpartition("<!--")[2]
        assert comment.startswith(f"<!--{before.split('-->')[0]}")
    for each in NODES:
        is_drawn = each in picture.model.nodes
        assert (f'aria-label="{each.name}: ' in svg) == is_drawn
    assert "<title>" not in svg
    assert "<a " not in svg
    assert "#0a0b" not in svg


# ---- effects of settings ------------------------------------------------------------------------------------


def random_values(seed: int) -> dict[str, SwitchValue]:
    """Return a random position of the switches, with few or many of them changed."""
    rng = random.Random(seed)  # noqa: S311 -- a seed repeats its values, on purpose
    share = rng.choice((0.1, 0.3, 0.6))
    return {each.key: rng.choice(each.values[1:]) if rng.random() < share else each.values[0] for each in SWITCHES}


def settings_on_paths(data: Mapping[str, Any], share: int) -> Iterator[tuple[int, ...]]:
    """Yield positions of the switches for each `share`th path through the trees of the nodes, the rest at random."""
    rng = random.Random(16)  # noqa: S311 -- a seed repeats its values, on purpose

    def paths(tree: int, answers: dict[int, int]) -> Iterator[dict[int, int]]:
        if tree < 0:
            yield answers
            return
        switch, *branches = data["forks"][tree]
        for position, branch in enumerate(branches):
            yield from paths(branch, {**answers, switch: position})

    every = (path for tree in sorted({*data["nodeTrees"], *data["lambdaTrees"]}) for path in paths(tree, {}))
    for answers in islice(every, 0, None, share):
        yield tuple(answers.get(n, rng.randrange(len(each.values))) for n, each in enumerate(SWITCHES))


def test_the_trees_give_the_verdicts_of_settings() -> None:
    """On sampled paths through the decision trees, each verdict is that of `reachability`."""
    data = verdicts()

    def answer(tree: int, positions: tuple[int, ...]) -> str | None:
        while tree >= 0:
            switch, *branches = data["forks"][tree]
            tree = branches[positions[switch]]
        reason: str | None = data["reasons"][-1 - tree]
        return reason

    count = 0
    for positions in settings_on_paths(data, 31):
        count += 1
        settings = settings_of({each.key: each.values[n] for each, n in zip(SWITCHES, positions, strict=True)})
        expected = reachability(settings, include_lambda_named=False)
        by_lambda = reachability(settings, include_lambda_named=True).nodes
        assert [answer(each["ruledOut"], positions) for each in data["arrows"]] == [
            expected.transitions[each] for each in TRANSITIONS_IN_ROLES
        ]
        assert [answer(tree, positions) for tree in data["nodeTrees"]] == [expected.nodes.get(n) for n in NODES]
        assert [answer(tree, positions) is None for tree in data["lambdaTrees"]] == [n not in by_lambda for n in NODES]
    assert count > 120


def test_the_page_has_the_effects_of_the_settings(opened_page: OpenedPage) -> None:
    """For 40 random pools and the examples, the page has the verdicts of `PoolSettings`."""
    nothing = {each.key: False for each in SWITCHES if each.field == "explicit_auth_flows"}
    pools = [random_values(seed) for seed in range(40)] + [nothing, *EXAMPLES.values()]
    answers = opened_page.page.evaluate(
        "pools => pools.map(values => { explorer.set(values); return explorer.verdicts(); })", pools
    )

    for values, answer in zip(pools, answers, strict=True):
        expected = reachability(settings_of(values), include_lambda_named=False)
        by_lambda = reachability(settings_of(values), include_lambda_named=True).nodes
        assert answer["arrows"] == [expected.transitions[each] for each in TRANSITIONS_IN_ROLES]
        assert answer["nodes"] == [expected.nodes.get(each) for each in NODES]
        assert answer["lambda"] == [each not in by_lambda for each in NODES]


@pytest.mark.parametrize(
    ("one", "other"), [("everything", "mfa_off"), ("mfa_off", "passwordless"), ("mfa_required", "mfa_optional")]
)
def test_the_difference_of_two_settings(opened_page: OpenedPage, one: str, other: str) -> None:
    """Arrows that become possible, impossible or less certain are marked in words and picture."""
    opened_page.page.evaluate("values => explorer.set(values)", EXAMPLES[other])
    opened_page.page.select_option("#compare", one)
    before, after = settings_of(EXAMPLES[one]), settings_of(EXAMPLES[other])
    old, new = (reachability(each, include_lambda_named=False).transitions for each in (before, after))

    def change(arrow: TransitionInRoles) -> str:
        if bool(old[arrow]) != bool(new[arrow]):
            return "added" if old[arrow] else "removed"
        same = confidence_in_pool(before, arrow[0]) == confidence_in_pool(after, arrow[0])
        return "" if new[arrow] or same else "changed"

    expected = [change(each) for each in TRANSITIONS_IN_ROLES]
    assert opened_page.page.evaluate("explorer.changes()") == expected
    words = opened_page.page.inner_text("#difference")
    assert "thick: becomes possible" in opened_page.page.inner_text("#legend")
    for kind, meaning in (("added", "becomes possible"), ("removed", "becomes impossible"), ("changed", "changes")):
        count = expected.count(kind)
        assert f"{meaning}: {count or 'no'} arrow" in words
    marked = "[data-line]:is(.added, .removed, .changed)"
    assert (opened_page.page.locator(marked).count() > 0) == any(expected)
    opened_page.page.select_option("#compare", "")
    assert not opened_page.page.is_visible("#difference")
    assert not opened_page.page.is_visible("#legend")
    assert opened_page.page.locator(marked).count() == 0


def test_the_page_has_the_settings_confidence(opened_page: OpenedPage) -> None:
    """For pools of every kind, the page has the confidence that `PoolSettings` gives each arrow."""
    pools = [random_values(seed) for seed in range(20)] + list(EXAMPLES.values())
    answers = opened_page.page.evaluate(
        "pools => pools.map(values => { explorer.set(values); return explorer.confidences(); })", pools
    )
    for values, answer in zip(pools, answers, strict=True):
        settings = settings_of(values)
        assert answer == [str(settings.confidence(arrow)) for arrow, _ in TRANSITIONS_IN_ROLES]

    opened_page.page.evaluate("values => explorer.set(values)", {})
    set_switch(opened_page.page, "mfa_configuration", "ON")
    set_switch(opened_page.page, "device_configuration", value=False)
    node_element(opened_page.page, "PASSWORD_VERIFIER").click()
    arrows = opened_page.page.locator("#details li", has=opened_page.page.locator("button:text-is('AUTHENTICATED')"))
    assert "refuted" in arrows.first.inner_text()
    lines_ = opened_page.page.evaluate("data.lines.map(line => line.to && line.through)")
    tokens = [n for n, each in enumerate(NODES) if each.state is State.AUTHENTICATED]
    uncertain = opened_page.page.locator("[data-line].uncertain").evaluate_all(
        "nodes => nodes.map(node => Number(node.dataset.line))"
    )
    to_tokens = [
        n
        for n, to in enumerate(opened_page.page.evaluate("data.lines.map(line => line.to)"))
        if to and {*tokens} <= {*to} and lines_[n]
    ]
    picture = diagram()
    _, edges = page_svg(picture)
    proved = [n for n in to_tokens if edges[n].source.name == "permanent password proved"]
    assert proved
    assert {*proved} <= {*uncertain}


def test_no_kind_of_self_loop_is_lost(opened_page: OpenedPage) -> None:
    """Each arrow of the table has its own number, also if two differ only in kind."""
    numbers = opened_page.page.evaluate(
        """() => {
            const index = Object.fromEntries(data.nodes.map((each, n) => [each.name, n]));
            return data.nodes.flatMap((each, n) => each.accepts.flatMap(accepted => accepted.leads_to.map(
                way => explorer.arrowNumber(n, accepted.response, index[way.state], way.kind))));
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
def test_the_switches_of_a_pool_have_its_verdicts(settings: PoolSettings) -> None:
    """The switches of a pool forbid what the pool's settings forbid, for the same reasons."""
    moved = settings_of(values_of(settings))

    for include_lambda_named in (True, False):
        assert reachability(moved, include_lambda_named=include_lambda_named) == reachability(
            settings, include_lambda_named=include_lambda_named
        )


def test_a_switch_fades_what_it_rules_out(opened_page: OpenedPage) -> None:
    """With MFA off, second factors fade and the reason is shown; switching back undoes it."""
    reasons = opened_page.page.locator("#reasons")
    assert "Nothing" in reasons.inner_text()
    assert not is_ruled_out(node_element(opened_page.page, "SMS_MFA"))
    set_switch(opened_page.page, "lambda_config:DefineAuthChallenge", value=False)
    set_switch(opened_page.page, "mfa_configuration", "OFF")

    for name in ("SMS_MFA", "SOFTWARE_TOKEN_MFA", "MFA_SETUP", "EMAIL_OTP (second factor)"):
        assert is_ruled_out(node_element(opened_page.page, name))
        assert MFA_OFF in node_element(opened_page.page, name).get_attribute("aria-label")
    assert not is_ruled_out(node_element(opened_page.page, "EMAIL_OTP (first factor)"))
    assert not is_ruled_out(node_element(opened_page.page, "DEVICE_SRP_AUTH"))
    assert is_ruled_out(opened_page.page.locator('[data-junction="second factor asked"]'))
    assert f"{MFA_OFF}: EMAIL_OTP (second factor)" in reasons.inner_text()
    assert "states ruled out" in opened_page.page.inner_text("#ruled-out-count")

    set_switch(opened_page.page, "mfa_configuration", "ON")
    assert not is_ruled_out(node_element(opened_page.page, "SMS_MFA"))
    assert is_ruled_out(node_element(opened_page.page, "SMS_OTP"))


def test_a_single_response_that_is_ruled_out_is_not_denied(opened_page: OpenedPage) -> None:
    """If settings rule out single responses but no state, the page does not say that nothing is ruled out."""
    assert opened_page.page.inner_text("#ruled-out-count") == "nothing ruled out"
    set_switch(opened_page.page, "enable_token_revocation", value=False)

    assert opened_page.page.inner_text("#ruled-out-count") == "no state ruled out"
    reasons = opened_page.page.inner_text("#reasons")
    assert "single responses that are ruled out" in reasons
    assert "Nothing" not in reasons


def test_every_switch_has_an_effect(opened_page: OpenedPage) -> None:
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
            opened_page.page.evaluate("values => explorer.set(values)", base)
            before = opened_page.page.evaluate("JSON.stringify(explorer.verdicts())")
            values = [v for v in each.values if v != base.get(each.key, each.values[0])]
            for value in values:
                set_switch(opened_page.page, each.key, value)
                moved = moved or before != opened_page.page.evaluate("JSON.stringify(explorer.verdicts())")
        if not moved:
            unmoved.append(each.key)

    assert unmoved == []


def test_one_of_several_responses_on_a_line_is_struck_out(opened_page: OpenedPage) -> None:
    """A forbidden flow is struck out on its line; the line's other responses stay."""
    set_switch(opened_page.page, "explicit_auth_flows:ALLOW_USER_AUTH", value=False)
    label = opened_page.page.locator('[data-line] text[data-response="user_srp_auth"]')
    other = opened_page.page.locator('[data-line]:not(.ruled-out) text[data-response="user_auth"]')

    assert "ruled-out" not in (label.get_attribute("class") or "")
    assert "ruled-out" in (other.first.get_attribute("class") or "")


def test_the_page_begins_with_given_settings(browser: OpenedPage, tmp_path: Path) -> None:
    """The switches begin with the settings passed to the page, compared with the earlier ones."""
    settings = PoolSettings(mfa_configuration="OFF", lambda_config=(), device_configuration=False)
    file = tmp_path / "mine.html"
    file.write_text(page(settings, before=PoolSettings()), encoding="utf-8")
    browser.page.goto(file.as_uri())

    assert browser.page.is_checked('[name="mfa_configuration"][value="OFF"]')
    assert not browser.page.is_checked('[name="device_configuration"]')
    assert browser.page.is_checked('[name="sms_mfa"]')
    assert is_ruled_out(node_element(browser.page, "DEVICE_SRP_AUTH"))
    assert browser.page.input_value("#compare") == "everything"
    assert "becomes impossible: no arrow" not in browser.page.inner_text("#difference")
    browser.page.select_option("#compare", "")
    browser.page.reload()
    assert not browser.page.is_visible("#difference")


# ---- positions ------------------------------------------------------------------------------------------------


def test_details_of_each_state(opened_page: OpenedPage) -> None:
    """The details say what a state means, carries and accepts, where it leads, its errors, with AWS's page."""
    for node in NODES:
        if node_element(opened_page.page, node.name).count():
            node_element(opened_page.page, node.name).click()
        else:
            opened_page.page.fill("#search", node.name)
            opened_page.page.click(f"#found button:has-text('{node.name}')")
        details = opened_page.page.locator("#details")
        text = details.inner_text()

        assert details.locator("h2").inner_text() == node.name
        assert node.state.meaning in text
        link = details.locator("a").first.get_attribute("href") or ""
        assert link.startswith("https://docs.aws.amazon.com/cognito")
        expected = set() if node.state is State.FAILED else {"Accepts", "leads to", "Errors"}
        expected |= set() if node.state in {State.START, State.FAILED} else {"Comes from"}
        assert {each for each in expected if each not in text} == set()


def test_details_of_sms_mfa(opened_page: OpenedPage) -> None:
    """The details of SMS_MFA have its parameters, its request, its evidence and its errors."""
    node_element(opened_page.page, "SMS_MFA").click()
    open_all(opened_page.page)
    text = opened_page.page.inner_text("#details")

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
    assert opened_page.page.locator("#details .errors").count() > 5


def test_next_states_can_be_followed(opened_page: OpenedPage) -> None:
    """A next state is a button that opens it, and the address has the state's name."""
    node_element(opened_page.page, "PASSWORD_VERIFIER").click()
    opened_page.page.locator("#details .targets .go", has_text="NEW_PASSWORD_REQUIRED").first.click()

    assert opened_page.page.inner_text("#details h2") == "NEW_PASSWORD_REQUIRED"
    assert opened_page.page.url.endswith("#state=NEW_PASSWORD_REQUIRED")
    assert "selected" in node_element(opened_page.page, "NEW_PASSWORD_REQUIRED").get_attribute("class")
    opened_page.page.reload()
    assert opened_page.page.inner_text("#details h2") == "NEW_PASSWORD_REQUIRED"
    opened_page.requests.pop()


def test_a_state_that_is_ruled_out_says_why(opened_page: OpenedPage) -> None:
    """The details of a forbidden state have the reason."""
    opened_page.page.select_option("#example", "mfa_off")
    node_element(opened_page.page, "SMS_MFA").click()
    assert f"Ruled out: {MFA_OFF}" in opened_page.page.inner_text("#details")

    opened_page.page.select_option("#example", "everything")
    assert "Ruled out" not in opened_page.page.inner_text("#details")


# ---- search and keys --------------------------------------------------------------------------------------------


def test_search(opened_page: OpenedPage) -> None:
    """States, responses, parameters, flows, errors and their messages are found by their names, or by words."""
    for words, name, opens in (
        ("sms_mfa", "SMS_MFA", "SMS_MFA"),
        ("srp_claim", "srp_claim", "PASSWORD_VERIFIER"),
        ("codemis", "CodeMismatchException", "CodeMismatchException"),
        ("lock-out", None, None),
        ("DEVICE_KEY", "DEVICE_KEY", None),
        ("CREDENTIAL_REQUEST", "CREDENTIAL_REQUEST_OPTIONS", "WEB_AUTHN"),
        ("USER_AUTH", "USER_AUTH", "START"),
        ("session is expired", "NotAuthorizedException", "NotAuthorizedException"),
        ("passkey", "WEB_AUTHN", "WEB_AUTHN"),
    ):
        opened_page.page.fill("#search", words)
        results = opened_page.page.locator("#found button")
        if name is None:
            assert "Nothing has this name" in opened_page.page.inner_text("#found")
            continue
        assert name in results.first.inner_text()
        if opens:
            results.first.click()
            assert opened_page.page.inner_text("#details h2") == opens
            assert opened_page.page.input_value("#search") == ""


def test_search_results_are_highlighted(opened_page: OpenedPage) -> None:
    """During a search the states that match stand out."""
    opened_page.page.fill("#search", "DEVICE_SRP")
    assert "found" in node_element(opened_page.page, "DEVICE_SRP_AUTH").get_attribute("class")
    assert "found" not in node_element(opened_page.page, "SMS_MFA").get_attribute("class")

    opened_page.page.keyboard.press("Escape")
    assert "found" not in node_element(opened_page.page, "DEVICE_SRP_AUTH").get_attribute("class")


@pytest.mark.parametrize("key", ["Enter", " "])
def test_a_focused_state_opens_by_key(opened_page: OpenedPage, key: str) -> None:
    """Enter and Space open the focused state; Escape goes back to it."""
    node_element(opened_page.page, "MFA_SETUP").focus()
    opened_page.page.keyboard.press(key)
    assert opened_page.page.inner_text("#details h2") == "MFA_SETUP"
    assert opened_page.page.evaluate("document.activeElement.id") == "details"
    assert node_element(opened_page.page, "MFA_SETUP").get_attribute("aria-pressed") == "true"

    opened_page.page.keyboard.press("Escape")
    assert opened_page.page.inner_text("#details h2") == "Choose a state"
    assert opened_page.page.evaluate("document.activeElement.dataset.node") is not None


def test_everything_can_be_done_by_keys(opened_page: OpenedPage) -> None:
    """Tab reaches the search, every switch and every node; / begins a search, arrow keys move in the results."""
    count = opened_page.page.locator("#picture [data-node], [data-switch]:not([type=radio]), #search").count()
    met = set()
    for _ in range(count + 40):
        opened_page.page.keyboard.press("Tab")
        met.add(
            opened_page.page.evaluate(
                "(each => each.dataset.node ? 'place ' + each.dataset.node : each.name || each.id)(document.activeElement)"
            )
        )
    places = {f"place {n}" for n, each in enumerate(NODES) if node_element(opened_page.page, each.name).count()}
    assert places <= met
    assert {each.key for each in SWITCHES} | {"search", "example", "theme"} <= met

    opened_page.page.locator("body").click(position={"x": 3, "y": 300})
    opened_page.page.keyboard.press("/")
    opened_page.page.keyboard.type("otp")
    opened_page.page.keyboard.press("ArrowDown")
    opened_page.page.keyboard.press("ArrowDown")
    opened_page.page.keyboard.press("ArrowUp")
    opened_page.page.keyboard.press("Enter")
    assert "OTP" in opened_page.page.inner_text("#details h2")


def test_the_picture_grows_and_shrinks(opened_page: OpenedPage) -> None:
    """Buttons make the picture larger, smaller, or fit the window."""

    def width() -> float:
        return float(opened_page.page.evaluate("picture.getBoundingClientRect().width"))

    first = width()
    opened_page.page.click("#larger")
    assert width() > first
    opened_page.page.click("#fit")
    assert width() == first
    opened_page.page.click("#smaller")
    assert width() < first


# ---- appearance ---------------------------------------------------------------------------------------------------


def background(page_: Page) -> str:
    """Return the page's background colour."""
    colour: str = page_.evaluate("getComputedStyle(document.querySelector('header')).backgroundColor")
    return colour


def test_light_dark_and_print(opened_page: OpenedPage) -> None:
    """The page is dark if the reader prefers it; in print it is light and shows the switches' positions."""
    light = background(opened_page.page)
    opened_page.page.emulate_media(color_scheme="dark")
    dark = background(opened_page.page)
    assert dark != light
    opened_page.page.select_option("#theme", "light")
    assert background(opened_page.page) == light
    opened_page.page.emulate_media(color_scheme="light")
    opened_page.page.select_option("#theme", "dark")
    assert background(opened_page.page) == dark
    opened_page.page.emulate_media(media="print")
    assert background(opened_page.page) == light
    assert not opened_page.page.is_visible("#settings")
    assert opened_page.page.is_visible("#summary")
    assert "MfaConfiguration: OPTIONAL" in opened_page.page.inner_text("#summary")


def test_it_prints_on_two_pages(opened_page: OpenedPage) -> None:
    """With nothing ruled out or opened, the picture and its list print on at most two A4 pages."""
    opened_page.page.emulate_media(media="print")
    printed = opened_page.page.pdf(prefer_css_page_size=True)

    assert printed.count(b"/Type /Page\n") <= 2
    assert printed.startswith(b"%PDF")


@pytest.mark.parametrize("width", [1440, 390])
def test_accessibility(opened_page: OpenedPage, width: int) -> None:
    """axe-core finds nothing, light or dark: at first, and with a difference, a state open and a search; on a phone too."""
    opened_page.page.set_viewport_size({"width": width, "height": 900})
    opened_page.page.reload()
    opened_page.requests.pop()
    if width > 390:
        assert violations(opened_page.page) == []
    opened_page.page.evaluate("explorer.compare(data.examples.mfa_off)")
    opened_page.page.evaluate("explorer.set({'explicit_auth_flows:ALLOW_USER_AUTH': false})")
    node_element(opened_page.page, "SMS_MFA").click()
    open_all(opened_page.page)
    opened_page.page.fill("#search", "code")
    assert violations(opened_page.page) == []


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080), (390, 844)], ids=str)
def test_the_whole_picture_is_visible(opened_page: OpenedPage, size: tuple[int, int]) -> None:
    """On a phone after "Fit", each node is inside the window; a tap shows the details."""
    width, height = size
    opened_page.page.set_viewport_size({"width": width, "height": height})
    opened_page.page.reload()
    opened_page.requests.pop()
    assert opened_page.page.is_visible("#switches") == (width > 390)
    opened_page.page.click("#fit")
    edges = "nodes => nodes.map(each => { const { x, y, right, bottom } = each.getBoundingClientRect(); return [x, y, right, bottom]; })"
    boxes = opened_page.page.locator("#picture [data-node]").evaluate_all(edges)

    assert len(boxes) >= len(NODES) - 2
    for left, top, right, bottom in boxes:
        assert min(left, top) >= 0
        assert right <= width
        assert bottom <= height
    left, _, right, bottom = node_element(opened_page.page, "SMS_MFA").evaluate_all(edges)[0]
    opened_page.page.mouse.click((left + right) / 2, bottom + 6)  # a finger is not exact
    title = opened_page.page.locator("#details h2")
    assert title.inner_text() == "SMS_MFA"
    assert 0 < title.evaluate("title => title.getBoundingClientRect().y") < height - 100
    assert opened_page.page.evaluate("document.documentElement.scrollWidth") <= width


# ---- the address and files ----------------------------------------------------------------------------------------


def test_the_url_contains_the_settings(opened_page: OpenedPage) -> None:
    """Reload, Back and Forward keep the settings, the comparison and the open state; a link shows the same."""

    def look() -> list[Any]:
        return [
            opened_page.page.evaluate("explorer.values()"),
            opened_page.page.evaluate("explorer.changes()"),
            opened_page.page.inner_text("#details"),
        ]

    page_ = opened_page.page
    looks = [look()]
    for act in (
        lambda: set_switch(page_, "mfa_configuration", "ON"),
        lambda: set_switch(page_, "explicit_auth_flows:ALLOW_USER_AUTH", value=False),
        lambda: node_element(page_, "SMS_MFA").click(),
        lambda: page_.select_option("#compare", "mfa_off"),
        page_.locator("#details .errors .go").first.click,
    ):
        act()
        looks.append(look())
    page_.reload()
    assert look() == looks[-1]
    link = page_.url
    for before in reversed(looks[:-1]):
        page_.go_back()
        assert look() == before
    for after in looks[1:]:
        page_.go_forward()
        assert look() == after
    page_.goto("about:blank")
    page_.goto(link)
    assert look() == looks[-1]
    opened_page.requests[:] = opened_page.requests[:1]


def test_settings_are_saved_and_loaded(opened_page: OpenedPage, tmp_path: Path) -> None:
    """A saved file is a description that `PoolSettings` reads to the same settings, and the page to the same switches."""
    file = tmp_path / "pool.json"
    for seed in range(12):
        values = random_values(seed)
        if not any(values[each.key] for each in SWITCHES if each.field == "explicit_auth_flows"):
            continue  # an empty list means the default
        if not any(values[each.key] for each in SWITCHES if each.field == "allowed_first_auth_factors"):
            continue
        opened_page.page.evaluate("values => explorer.set(values)", values)
        file.write_text(json.dumps(opened_page.page.evaluate("explorer.description()")), encoding="utf-8")
        settings = PoolSettings.from_descriptions(json.loads(file.read_text(encoding="utf-8")))
        assert settings == settings_of(values)
        assert settings.unknown_members == ()
        opened_page.page.evaluate("explorer.set({})")
        with opened_page.page.expect_file_chooser() as chooser:
            opened_page.page.click("#load")
        chooser.value.set_files(file)
        opened_page.page.locator("#message", has_text="Read pool.json").wait_for()
        assert opened_page.page.evaluate("explorer.values()") == values

    with opened_page.page.expect_download() as download:
        opened_page.page.click("#save")
    assert json.loads(download.value.path().read_text(encoding="utf-8")) == json.loads(file.read_text("utf-8"))
    opened_page.requests[:] = [each for each in opened_page.requests if not each.startswith("blob:")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ('{"UserPool": {"MfaConfiguration": "ON"}}', "UserPool.UserPoolTier"),
        ('{"UserPool": {"MfaConfiguration": "SOMETIMES"}}', "UserPool.MfaConfiguration"),
    ],
)
def test_a_file_that_leaves_something_out(opened_page: OpenedPage, tmp_path: Path, text: str, reason: str) -> None:
    """For a file that only a command can read, the page names the command and changes nothing."""
    file = tmp_path / "mine.json"
    file.write_text(text, encoding="utf-8")
    with opened_page.page.expect_file_chooser() as chooser:
        opened_page.page.click("#load")
    chooser.value.set_files(file)
    opened_page.page.locator("#message", has_text="This command reads every description").wait_for()
    message = opened_page.page.inner_text("#message")

    assert reason in message
    assert "authfsm draw --html page.html --settings mine.json" in message
    assert opened_page.page.evaluate("explorer.values()") == {each.key: each.values[0] for each in SWITCHES}


def test_errors_that_are_only_listed(opened_page: OpenedPage) -> None:
    """An error that AWS only lists for an operation is marked as such."""
    assert ERROR_POLICY["MFAMethodNotFoundException"][""].is_only_listed
    assert not ERROR_POLICY["CodeMismatchException"][""].is_only_listed
    node_element(opened_page.page, "SMS_MFA").click()
    open_all(opened_page.page)
    item = opened_page.page.locator("#details .errors li")

    assert "AWS lists these errors for the operation." in opened_page.page.inner_text("#details")
    assert "only listed" in item.filter(has_text="MFAMethodNotFoundException").first.inner_text()
    assert "only listed" not in item.filter(has_text="CodeMismatchException").first.inner_text()


def test_an_error_of_no_state(opened_page: OpenedPage) -> None:
    """The page does not say of an error such as LimitExceededException that every operation returns it."""
    opened_page.page.fill("#search", "LimitExceededException")
    opened_page.page.press("#search", "Enter")

    text = opened_page.page.inner_text("#details")
    assert "No state lists this error" in text
    assert "Every AWS operation" not in text


def test_a_narrow_window_has_no_sideways_scroll(opened_page: OpenedPage) -> None:
    """On a phone only the picture scrolls sideways, not the page."""
    opened_page.page.set_viewport_size({"width": 390, "height": 800})
    node_element(opened_page.page, "SMS_MFA").click()

    assert opened_page.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_data_cannot_close_the_script_element(html: Path) -> None:
    """The data cannot close their script element."""
    text = html.read_text(encoding="utf-8")
    data = text.split('<script type="application/json" id="data">')[1].split("</script>")[0]

    assert "<" not in data
    assert len(json.loads(data)["arrows"]) == len(TRANSITIONS_IN_ROLES)
