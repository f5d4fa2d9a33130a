"""The example site follows every journey that its pages offer."""

from __future__ import annotations

import re
import socket
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
import uvicorn
from apps.site.app import site
from joserfc.jwk import RSAKey
from serving import TIMEOUT, wait_until

from authfsm import PoolSettings, Verifier, new_key
from authfsm.journeys import Journey, NextInput, Stage, journeys
from authfsm.protocol import responses as r
from authfsm.protocol.states import State
from authfsm.protocol.table import Transition

S = State
_FIRST: Final = {S.EMAIL_OTP, S.SMS_OTP, S.WEB_AUTHN}


def _pool(mode: str, flow: str) -> PoolSettings:
    return PoolSettings(
        mfa_configuration=mode,
        explicit_auth_flows={f"ALLOW_{flow}"},
        sms_mfa=True,
        software_token_mfa=True,
        email_mfa=mode == "ON",
        allowed_first_auth_factors={"PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"},
        device_configuration=False,
        lambda_config=(),
        user_pool_tier="ESSENTIALS",
    )


_NOT_ITS_WAYS: Final = {r.SignedUp, r.UserAuthWithSrp, r.UserAuthWithPassword}


def offered(journey: Journey) -> bool:
    """Do the site's pages offer this path? They prove passwords by SRP, and do not switch the first factor."""
    given = {each.response for each in journey.path.transitions}
    if {r.AssociateSoftwareToken, r.SetUpEmail} <= given:
        return False  # once an app is being enrolled, its page asks for its code alone
    return not given & _NOT_ITS_WAYS and all(map(_offered, journey.path.transitions))


def _offered(transition: Transition) -> bool:
    source, response, dest, _ = transition
    if source is S.START:
        return response is r.UserSrpAuth or dest is S.SELECT_CHALLENGE
    if source is S.SELECT_CHALLENGE:
        by_choice = response not in {r.Password, r.Credential}
        return by_choice and dest not in {S.PASSWORD, S.PASSWORD_SRP}
    return not (source in _FIRST and response in {r.Select, r.Password, r.SrpA})


JOURNEYS: Final = [
    each
    for mode, flow in (("ON", "USER_SRP_AUTH"), ("OPTIONAL", "USER_SRP_AUTH"), ("OFF", "USER_AUTH"))
    for each in journeys(_pool(mode, flow))
    if offered(each)
]


class Browser:
    """A visitor without a browser: it fills in forms, sends them and keeps cookies.

    Args:
        url: where the site is.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        self.page = self._read("/sign-in")

    def begin(self, stage: Stage, next_input: NextInput) -> None:
        """Fill in the first page."""
        self._sends(
            "/sign-in",
            username=stage.username,
            password=stage.password.reveal(),
            flow=str(next_input.response.auth_flow),
        )

    def submit(self, next_input: NextInput) -> None:
        """Fill in the page of a challenge."""
        value = {} if next_input.value is None else {str(next_input.field): next_input.value.reveal()}
        self._sends("/challenge", response=next_input.response.trigger, **value)

    def _sends(self, path: str, **fields: str) -> None:
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', self.page)
        form = urllib.parse.urlencode({**dict(hidden), **fields}).encode()
        self.page = self._read(path, form)

    def _read(self, path: str, form: bytes | None = None) -> str:
        request = urllib.request.Request(self.url + path, form, {"Origin": self.url})  # noqa: S310 - its own
        with self.http.open(request, timeout=TIMEOUT) as reply:
            text: str = reply.read().decode()
            return text


@contextmanager
def visited(stage: Stage) -> Iterator[Browser]:
    """Serve the site on its own port until the end of the block; yield a visitor."""
    pool, flows = stage.pool, {"USER_SRP_AUTH": "Sign in", "USER_AUTH": "Without a password"}
    verifier = Verifier(pool.pool_id, pool.client_id, jwks=pool.jwks(), clock=stage.clock)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = site(stage.cognito(), verifier, key=new_key(), origin=url, flows=flows)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        wait_until(lambda: server.started, "the site")
        try:
            yield Browser(url)
        finally:
            server.should_exit = True
            thread.join(TIMEOUT)


def test_the_journeys_cover_the_pages() -> None:
    """The journeys contain passwords, codes, new passwords, set-ups, passkeys and refused answers."""
    met = {state for each in JOURNEYS for state in each.path.states}

    assert len(JOURNEYS) >= 30
    assert met >= {S.SMS_MFA, S.EMAIL_OTP, S.SOFTWARE_TOKEN_MFA, S.SELECT_MFA_TYPE, S.MFA_SETUP}
    assert met >= {S.NEW_PASSWORD_REQUIRED, S.SELECT_CHALLENGE, S.SMS_OTP, S.WEB_AUTHN}
    assert sum("(refused)" in each.id for each in JOURNEYS) >= 6


@pytest.mark.parametrize("journey", JOURNEYS, ids=str)
def test_the_site_follows_the_journey(journey: Journey, signing_key: RSAKey) -> None:
    """The site has a page for each challenge, accepts the answer, lets the user try again, and signs in."""
    stage = journey.begin(key=signing_key)
    with visited(stage) as browser:
        while (next_input := stage.next_input()) is not None:
            walked = len(stage.transitions)
            if next_input.state is S.START:
                browser.begin(stage, next_input)
            else:
                browser.submit(next_input)
            assert len(stage.transitions) > walked, browser.page
    stage.check()
    assert "Sign out" in browser.page
