"""The example sites on FastAPI and on Django follow every journey that their pages offer."""

from __future__ import annotations

from typing import Final

import pytest
from apps.in_process import VISITORS, Visitor
from joserfc.jwk import RSAKey

from authfsm import PoolSettings, Verifier
from authfsm.journeys import Journey, journeys
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


def is_offered(journey: Journey) -> bool:
    """Return whether the site's pages offer this path: they use SRP, and do not switch the first factor."""
    responses = {each.response for each in journey.path.transitions}
    if {r.AssociateSoftwareToken, r.SetUpEmail} <= responses:
        return False  # once an app is being enrolled, its page asks for its code alone
    return not responses & _NOT_ITS_WAYS and all(map(_transition_is_offered, journey.path.transitions))


def _transition_is_offered(transition: Transition) -> bool:
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
    if is_offered(each)
]


def test_the_journeys_cover_the_pages() -> None:
    """The journeys contain passwords, codes, new passwords, set-ups, passkeys and refused answers."""
    met = {state for each in JOURNEYS for state in each.path.states}

    assert len(JOURNEYS) >= 30
    assert met >= {S.SMS_MFA, S.EMAIL_OTP, S.SOFTWARE_TOKEN_MFA, S.SELECT_MFA_TYPE, S.MFA_SETUP}
    assert met >= {S.NEW_PASSWORD_REQUIRED, S.SELECT_CHALLENGE, S.SMS_OTP, S.WEB_AUTHN}
    assert sum("(refused)" in each.id for each in JOURNEYS) >= 6


@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.parametrize("journey", JOURNEYS, ids=str)
def test_the_site_follows_the_journey(journey: Journey, visitor: type[Visitor], signing_key: RSAKey) -> None:
    """The site has a page for each challenge, accepts the answer, lets the user try again, and signs in."""
    stage = journey.begin(key=signing_key)
    pool = stage.pool
    verifier = Verifier(pool.pool_id, pool.client_id, jwks=pool.jwks(), clock=stage.clock)
    browser = visitor(stage.cognito(), verifier)
    browser.get(browser.SIGN_IN)
    while (next_input := stage.next_input()) is not None:
        step_count, response = len(stage.transitions), next_input.response
        if next_input.state is S.START:
            password = stage.password.reveal()
            flow = str(response.auth_flow)
            browser.send(browser.SIGN_IN, username=stage.username, password=password, flow=flow)
        else:
            value = next_input.value
            fields = {} if value is None else {str(next_input.field): value.reveal()}
            browser.send(browser.CHALLENGE, response=response.trigger, **fields)
        assert len(stage.transitions) > step_count, browser.page
    stage.check()
    assert "Sign out" in browser.page
