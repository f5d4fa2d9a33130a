"""A pool's picture shows what is left of the protocol, and says why not the rest; so does a difference."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from test_settings import OPTIONS

from authfsm import PoolSettings
from authfsm.core.history import Step
from authfsm.diagrams import (
    LIGHT,
    ConflictingOptions,
    Diagram,
    DiagramModel,
    EdgeKind,
    Node,
    SettingsEffect,
    UnknownState,
    diagram,
)
from authfsm.diagrams.dot import dot
from authfsm.diagrams.dot_labels import codes
from authfsm.diagrams.gallery import EXAMPLE_POOLS
from authfsm.diagrams.model_builder import TABLE_ROWS, build_model
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.responses import Code, NewPassword, SrpClaim, UserSrpAuth
from authfsm.protocol.states import State
from authfsm.protocol.table import Role
from authfsm.settings.reach import reachability

S = State
OFF, REQUIRED, CUSTOM = (EXAMPLE_POOLS[name][0] for name in ("mfa_off", "mfa_required", "custom"))
EVERY = frozenset(arrow for row in TABLE_ROWS for arrow in row)


def places(model: DiagramModel) -> set[str]:
    """The names of the places that are drawn."""
    return {node.name for node in model.nodes if isinstance(node, Node)}


def accounted(model: DiagramModel) -> bool:
    """Are what is drawn and what is left out the whole table?"""
    left = frozenset(arrow for each in model.omitted for arrow in each.arrows)
    return model.arrows == EVERY - left


@given(OPTIONS)
@settings(deadline=None, max_examples=40)
def test_a_pools_picture_holds_what_the_pool_can_do(told: PoolSettings) -> None:
    """Whatever the settings: nothing is drawn that they rule out, and nothing is lost unsaid."""
    model = build_model(settings=told)

    assert all(
        told.ruled_out(a.transition, a.dest.role or a.source.role) is None for a in model.arrows
    )
    assert accounted(model)
    assert dot(model, LIGHT, {})


@given(OPTIONS)
@settings(deadline=None, max_examples=40)
def test_a_faded_picture_fades_what_is_ruled_out(told: PoolSettings) -> None:
    """Whatever the settings: the faded places are those that nobody comes to, each with its reason."""
    model = build_model(settings=told, faded=True)
    cut = reachability(told, include_lambda_named=False).nodes
    faded = {
        (node.state, node.role): model.availability(node).reason
        for node in model.nodes
        if isinstance(node, Node) and model.availability(node).effect is SettingsEffect.FADED
    }

    assert accounted(model)
    assert faded == {
        (p.state, p.role): cut[p] for p in model.nodes if isinstance(p, Node) and p in cut
    }


@given(OPTIONS, OPTIONS)
@settings(deadline=None, max_examples=40)
def test_a_difference_draws_both(before: PoolSettings, after: PoolSettings) -> None:
    """Whatever two settings: what turns on is green where the second alone has it, and the other way round."""
    there, back = (build_model(difference=pair) for pair in ((before, after), (after, before)))
    turned = {
        SettingsEffect.GAINED: SettingsEffect.LOST,
        SettingsEffect.LOST: SettingsEffect.GAINED,
        SettingsEffect.AVAILABLE: SettingsEffect.AVAILABLE,
    }

    assert accounted(there)
    assert places(there) == places(back)
    for node in there.nodes:
        if isinstance(node, Node):
            assert back.availability(node).effect is turned[there.availability(node).effect]


def test_a_pool_without_mfa_is_small() -> None:
    """A pool with MFA off and no devices has a password, a temporary one, and tokens."""
    model = diagram(settings=OFF).model

    assert places(model) == {"START", "PASSWORD_VERIFIER", "NEW_PASSWORD_REQUIRED", "AUTHENTICATED"}


def test_a_picture_says_why_not() -> None:
    """Under a pool's picture stands each reason, with all that it takes."""
    source = " ".join(str(diagram(settings=OFF)).replace('<br align="left"/>', " ").split())

    assert "DeviceConfiguration is not set: no DEVICE_SRP_AUTH, DEVICE_PASSWORD_VERIFIER." in source
    assert "AllowedFirstAuthFactors has no EMAIL_OTP, SMS_OTP, WEB_AUTHN." in source
    assert "MfaConfiguration is OFF: no EMAIL_OTP (second factor), MFA_SETUP," in source


def test_a_faded_place_tells_its_reason() -> None:
    """What is faded has the setting that rules it out in its tooltip, and a dashed outline."""
    source = str(diagram(settings=OFF, faded=True))
    line = next(each for each in source.splitlines() if each.strip().startswith("SMS_MFA ["))

    assert "(MfaConfiguration is OFF)" in line
    assert "dashed" in line


def test_a_faded_picture_lies_as_the_whole() -> None:
    """Fading moves nothing: nodes and lines are the whole protocol's, in its order."""
    faded, whole = diagram(settings=OFF, faded=True).model, diagram().model

    assert faded.nodes == whole.nodes
    assert [(e.source, e.dest) for e in faded.edges] == [(e.source, e.dest) for e in whole.edges]


def test_what_one_line_keeps_and_fades() -> None:
    """Where a line keeps one response and loses another, the lost one is struck out."""
    model = diagram(settings=OFF, faded=True).model
    line = next(
        e for e in model.edges if e.dest == Node(S.PASSWORD_VERIFIER) and UserSrpAuth in e.responses
    )

    assert UserSrpAuth not in line.ruled_out
    assert "<s>custom_srp_auth</s>" in str(diagram(settings=OFF, faded=True))


def test_a_lambdas_whims_are_said_not_drawn() -> None:
    """A custom pool's picture has no MFA, though a Lambda may name it; unfolded, it has."""
    assert "SMS_MFA" not in places(diagram(settings=CUSTOM).model)
    assert "SMS_MFA" in places(diagram(settings=CUSTOM, unfolded=True).model)
    assert "a Lambda may name any challenge" in str(diagram(settings=CUSTOM))


def test_a_difference_is_told_without_colour() -> None:
    """What turns on is thick and has a plus, what turns off is dotted and has a minus; MFA's turn is said."""
    there, back = str(diagram(difference=(OFF, REQUIRED))), str(diagram(difference=(REQUIRED, OFF)))

    assert "+ SOFTWARE_TOKEN_MFA" in there
    assert "MFA becomes required." in there
    assert "\u2212 SOFTWARE_TOKEN_MFA" in back
    assert "MFA ceases to be required." in back
    assert "style=dotted" in back
    assert "penwidth=2.8" in there


def test_a_difference_of_nothing() -> None:
    """Between a pool and itself nothing turns."""
    model = diagram(difference=(OFF, OFF)).model

    assert {edge.availability.effect for edge in model.edges} == {SettingsEffect.AVAILABLE}
    assert places(model) == places(diagram(settings=OFF).model)


@pytest.mark.parametrize("state", State)
def test_a_states_picture_is_its_neighbourhood(state: State) -> None:
    """A state's picture has what comes straight before and after it, and no other arrow."""
    model = diagram(state=state).model

    assert all(state in {arrow.source.state, arrow.dest.state} for arrow in model.arrows)
    assert {place.state for place in model.focus} == {state}


def test_an_unknown_state_is_named() -> None:
    """A state that is none is an error that lists those that are."""
    with pytest.raises(UnknownState, match=r"no state is named 'SMS'; .*SMS_MFA"):
        diagram(state="SMS")


def test_a_picture_is_of_one_thing() -> None:
    """Settings and a difference exclude each other, and so do a history and traffic."""
    with pytest.raises(ConflictingOptions):
        diagram(settings=OFF, difference=(OFF, REQUIRED))
    with pytest.raises(ConflictingOptions):
        diagram(history=[], traffic=[])


def test_rulings_say_what_to_do() -> None:
    """With actions, FAILED tells what to do next, with the error codes that bring it there."""
    source = str(diagram(flow="USER_SRP_AUTH", actions=True))

    for action in RecoveryAction:
        assert (action.advice.replace("'", "&#x27;") in source) is not action.survives
    assert "PasswordResetRequiredException" in source
    assert codes(RecoveryAction.CONFIRM_USER) == ("UserNotConfirmedException",)


BEGUN = datetime(2026, 11, 2, 9, tzinfo=timezone.utc)
RIGHT = (
    Step(1, S.START, UserSrpAuth, S.PASSWORD_VERIFIER, at=BEGUN),
    Step(
        2,
        S.PASSWORD_VERIFIER,
        SrpClaim,
        S.SMS_MFA,
        Role.SECOND_FACTOR,
        at=BEGUN + timedelta(seconds=1.25),
    ),
    Step(
        3,
        S.SMS_MFA,
        Code,
        S.SMS_MFA,
        error="CodeMismatchException",
        at=BEGUN + timedelta(seconds=40),
    ),
    Step(4, S.SMS_MFA, Code, S.AUTHENTICATED, at=BEGUN + timedelta(seconds=75)),
)
NEW = (
    RIGHT[0],
    Step(2, S.PASSWORD_VERIFIER, SrpClaim, S.NEW_PASSWORD_REQUIRED),
    Step(3, S.NEW_PASSWORD_REQUIRED, NewPassword, S.AUTHENTICATED),
)


def test_a_walk_tells_its_times() -> None:
    """A walk's steps have the time since the first, where the driver wrote times down."""
    source = str(diagram(history=RIGHT))

    assert "2 · srp_claim  1.2 s" in source
    assert "4 · code  1:15 min" in source
    assert " s</font>" not in str(diagram(history=NEW))


def test_traffic_is_counted() -> None:
    """Many sign-ins on one picture: each line has its count, retries and refusals included, and its width."""
    drawn: Diagram = diagram(traffic=[RIGHT] * 30 + [NEW] * 10, flow="USER_SRP_AUTH")
    counts = {
        (e.source.name, e.dest.name, e.kind): e.total.times for e in drawn.model.edges if e.counts
    }
    source = str(drawn)

    assert drawn.model.sign_ins == 40
    assert counts["START", "PASSWORD_VERIFIER", EdgeKind.ANSWER] == 40
    assert counts["password proved", "NEW_PASSWORD_REQUIRED", EdgeKind.FOLD] == 10
    assert counts["SMS_MFA", "SMS_MFA", EdgeKind.RETRY] == 30
    assert "user_srp_auth \u00d740" in source
    assert "in 40 sign-ins" in source
    assert "penwidth=6.0" in source


def test_no_traffic_is_a_picture() -> None:
    """With no sign-ins to count, the picture is faded, and says so."""
    drawn = diagram(traffic=[])

    assert drawn.model.sign_ins == 0
    assert drawn.svg()


def test_a_pools_walk() -> None:
    """A history is drawn on a pool's own picture, a step included that its settings rule out."""
    drawn = diagram(settings=OFF, history=RIGHT)

    assert "SMS_MFA" in places(drawn.model)
    assert drawn.svg()
