"""The confidence of a transition in a pool: no picture claims more than the paths do."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from authfsm.checks import SignInPaths
from authfsm.core.history import History
from authfsm.diagrams.example_pools import EXAMPLE_POOLS
from authfsm.diagrams.exports import as_json
from authfsm.diagrams.model_builder import build_model
from authfsm.notebook.view_model import path_diagram
from authfsm.protocol import responses as r
from authfsm.protocol.evidence import Confidence, confidence
from authfsm.protocol.responses import REFRESH_RESPONSES
from authfsm.protocol.states import State
from authfsm.protocol.table import TRANSITIONS, Transition
from authfsm.settings import PoolSettings
from authfsm.settings.reach import best_confidence
from authfsm.settings.rules import MULTI_FACTOR_PASSKEY, skips_second_factor

S = State
FLOWS = ("USER_SRP_AUTH", "USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH", "CUSTOM_AUTH", "USER_AUTH")
INTO_TOKENS = [
    arrow
    for arrow in TRANSITIONS
    if arrow.dest is S.AUTHENTICATED and arrow.source is not S.AUTHENTICATED and arrow.response not in REFRESH_RESPONSES
]


def pool(mfa: str, flow: str, **more: Any) -> PoolSettings:
    """Return a pool with one flow, whose second factor is the authenticator app."""
    plain: dict[str, Any] = {
        "mfa_configuration": mfa,
        "explicit_auth_flows": {f"ALLOW_{flow}"},
        "sms_mfa": False,
        "software_token_mfa": True,
        "email_mfa": False,
        "web_authn_factor": MULTI_FACTOR_PASSKEY,
        "allowed_first_auth_factors": {"PASSWORD", "WEB_AUTHN"},
        "lambda_config": {"DefineAuthChallenge"} if flow == "CUSTOM_AUTH" else (),
        "user_pool_tier": "PLUS",
    }
    return PoolSettings(**{**plain, **more})


@pytest.mark.parametrize(("mfa", "flow", "device"), list(product(("OFF", "OPTIONAL", "ON"), FLOWS, (True, False))))  # fmt: skip
def test_a_certain_transition_is_on_a_path(mfa: str, flow: str, device: bool) -> None:  # noqa: FBT001 - a case
    """A transition to the tokens is certain in a pool only if a sign-in path there has it."""
    settings = pool(mfa, flow, device_configuration=device)
    gone_along = {arrow for way in SignInPaths(settings) for arrow in way.transitions}
    sure = {
        arrow
        for arrow in INTO_TOKENS
        if settings.ruled_out(arrow) is None and not settings.confidence(arrow).is_uncertain
        # No way comes through a state that only a function of the pool may name.
        if arrow.source in {each.source for each in gone_along}
    }
    model = build_model(settings=settings, unfolded=True)
    drawn_as_sure = {
        arrow.transition
        for edge in model.edges
        for arrow in model.arrows
        if edge.source == arrow.source
        and edge.dest == arrow.dest
        and arrow.response in edge.responses
        and arrow.response not in edge.uncertain
        and arrow.transition in INTO_TOKENS
    }

    assert sure - gone_along == set()
    assert {each for each in drawn_as_sure if each.source in {a.source for a in sure}} <= gone_along


def test_without_required_mfa_nothing_changes() -> None:
    """With OFF, OPTIONAL or an unknown mode every transition is as certain as in the table."""
    for mode in ("OFF", "OPTIONAL", None):
        settings = PoolSettings(mfa_configuration=mode)
        assert [settings.confidence(a) for a in TRANSITIONS] == [confidence(a) for a in TRANSITIONS]


def test_with_required_mfa_only_tokens_after_a_password_are_refuted() -> None:
    """Required MFA changes no confidence of devices, passkeys, codes and custom challenges."""
    settings = PoolSettings(mfa_configuration="ON")
    changed = [a for a in TRANSITIONS if settings.confidence(a) is not confidence(a)]

    assert {*changed} == {a for a in TRANSITIONS if skips_second_factor(a) and not confidence(a).is_uncertain}
    assert {settings.confidence(a) for a in changed} == {Confidence.REFUTED}
    for source, response in (
        (S.DEVICE_PASSWORD_VERIFIER, r.SrpClaim),
        (S.WEB_AUTHN, r.Credential),
        (S.SOFTWARE_TOKEN_MFA, r.Code),
        (S.CUSTOM_CHALLENGE, r.Answer),
        (S.MFA_SETUP, r.CompleteMfaSetup),
    ):
        assert Transition(source, response, S.AUTHENTICATED) not in changed


def test_of_two_pools_the_more_certain_counts() -> None:
    """In a picture of two pools, a transition is certain if it is certain in one of them."""
    on, off = (PoolSettings(mfa_configuration=each) for each in ("ON", "OFF"))
    arrow = Transition(S.PASSWORD_VERIFIER, r.SrpClaim, S.AUTHENTICATED)

    assert best_confidence(arrow, (off, on)) is Confidence.DOCUMENTED
    assert best_confidence(arrow, (on, on)) is Confidence.REFUTED
    assert best_confidence(arrow, ()) is Confidence.DOCUMENTED


ON = {
    "a typical pool": EXAMPLE_POOLS["mfa_required"][0],
    "any flow": PoolSettings(mfa_configuration="ON"),
    **{flow: pool("ON", flow) for flow in FLOWS},
}


@pytest.mark.parametrize("settings", list(ON.values()), ids=list(ON))
@pytest.mark.parametrize("look", [{}, {"faded": True}, {"unfolded": True}], ids=str)
def test_no_picture_draws_it_as_certain(settings: PoolSettings, look: dict[str, bool]) -> None:
    """A refuted transition is marked in every kind of picture, in JSON and in the notebook."""
    model = build_model(settings=settings, **look)
    marked = {
        (edge.source, response, place)
        for edge in model.edges
        for response in edge.uncertain
        for place in model.targets(edge.dest)
    }
    for arrow in model.arrows:
        if skips_second_factor(arrow.transition):
            assert (arrow.source, arrow.response, arrow.dest) in marked
    pool_settings = json.loads(as_json(build_model(settings=settings, **look)))
    for edge in pool_settings["edges"]:
        password = {r.SrpClaim.trigger, r.UserPasswordAuth.trigger, r.NewPassword.trigger}
        if edge["dest"] == "AUTHENTICATED" and edge["source"] in {"PASSWORD_VERIFIER", "START"}:
            for response in password & {*edge["responses"]}:
                assert response in edge["uncertain"]
    if not look:
        assert path_diagram("USER_SRP_AUTH", History(), settings).model.pools == (settings,)
