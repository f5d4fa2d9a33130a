"""A pool's diagram shows what its settings allow, and the reasons for omissions; so does a difference."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import product
from typing import Any

import pytest
from attrs import evolve
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
    sequence,
)
from authfsm.diagrams.dot import dot, drawn_edges, quoted
from authfsm.diagrams.dot_labels import codes, notes
from authfsm.diagrams.example_pools import EXAMPLE_POOLS
from authfsm.diagrams.model_builder import TABLE_ROWS, build_model
from authfsm.diagrams.vertices import OmissionReason
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import BadField
from authfsm.protocol.responses import Code, NewPassword, SrpClaim, UserSrpAuth
from authfsm.protocol.states import State
from authfsm.protocol.table import Role
from authfsm.settings.reach import reachability

S = State
OFF, REQUIRED, CUSTOM = (EXAMPLE_POOLS[name][0] for name in ("mfa_off", "mfa_required", "custom"))
ALL_ARROWS = frozenset(arrow for row in TABLE_ROWS for arrow in row)


def node_names(model: DiagramModel) -> set[str]:
    """Return the names of the nodes."""
    return {node.name for node in model.nodes if isinstance(node, Node)}


def is_complete(model: DiagramModel) -> bool:
    """Return whether drawn and omitted arrows are together the whole table."""
    omitted = frozenset(arrow for each in model.omitted for arrow in each.arrows)
    return model.arrows == ALL_ARROWS - omitted


@given(OPTIONS)
@settings(deadline=None, max_examples=40)
def test_a_pools_diagram_has_nothing_ruled_out(pool: PoolSettings) -> None:
    """For any settings, the diagram has no forbidden arrow, and each arrow is drawn or listed."""
    model = build_model(settings=pool)

    assert all(pool.ruled_out(a.transition, a.dest.role or a.source.role) is None for a in model.arrows)
    assert is_complete(model)
    assert dot(model, LIGHT, {})


@given(OPTIONS)
@settings(deadline=None, max_examples=40)
def test_a_faded_diagram_fades_what_is_ruled_out(pool: PoolSettings) -> None:
    """For any settings, the faded nodes are the unreachable ones, each with its reason."""
    model = build_model(settings=pool, faded=True)
    cut = reachability(pool, include_lambda_named=False).nodes
    faded = {
        (node.state, node.role): model.availability(node).reason
        for node in model.nodes
        if isinstance(node, Node) and model.availability(node).effect is SettingsEffect.FADED
    }

    assert is_complete(model)
    assert faded == {(p.state, p.role): cut[p] for p in model.nodes if isinstance(p, Node) and p in cut}


@given(OPTIONS, OPTIONS)
@settings(deadline=None, max_examples=40)
def test_a_difference_draws_both(before: PoolSettings, after: PoolSettings) -> None:
    """For any two settings, arrows that only one of them allows are marked as new or missing."""
    there, back = (build_model(difference=pair) for pair in ((before, after), (after, before)))
    turned = {
        SettingsEffect.ADDED: SettingsEffect.REMOVED,
        SettingsEffect.REMOVED: SettingsEffect.ADDED,
        SettingsEffect.AVAILABLE: SettingsEffect.AVAILABLE,
    }

    assert is_complete(there)
    assert node_names(there) == node_names(back)
    for node in there.nodes:
        if isinstance(node, Node):
            assert back.availability(node).effect is turned[there.availability(node).effect]


def test_a_pool_without_mfa_is_small() -> None:
    """A pool with MFA off and no devices has a password, a temporary password, and tokens."""
    model = diagram(settings=OFF).model

    assert node_names(model) == {"START", "PASSWORD_VERIFIER", "NEW_PASSWORD_REQUIRED", "AUTHENTICATED"}


def test_the_caption_says_what_is_ruled_out() -> None:
    """The caption has each reason with the nodes and responses that it forbids."""
    source = " ".join(str(diagram(settings=OFF)).replace('<br align="left"/>', " ").split())

    assert "DeviceConfiguration is not set: no DEVICE_SRP_AUTH, DEVICE_PASSWORD_VERIFIER." in source
    assert "AllowedFirstAuthFactors has no EMAIL_OTP, SMS_OTP, WEB_AUTHN." in source
    assert "MfaConfiguration is OFF: no EMAIL_OTP (second factor), MFA_SETUP," in source


def test_a_faded_node_has_its_reason() -> None:
    """A faded node has a dashed outline, and the setting that rules it out in its tooltip."""
    source = str(diagram(settings=OFF, faded=True))
    line = next(each for each in source.splitlines() if each.strip().startswith("SMS_MFA ["))

    assert "(MfaConfiguration is OFF)" in line
    assert "dashed" in line


def test_fading_moves_nothing() -> None:
    """A faded diagram has the nodes and edges of the whole protocol, in its order."""
    faded, full = diagram(settings=OFF, faded=True).model, diagram().model

    assert faded.nodes == full.nodes
    assert [(e.source, e.dest) for e in faded.edges] == [(e.source, e.dest) for e in full.edges]


def test_a_ruled_out_response_of_an_edge_is_struck_out() -> None:
    """A forbidden response on an edge with allowed ones is struck out."""
    model = diagram(settings=OFF, faded=True).model
    line = next(e for e in model.edges if e.dest == Node(S.PASSWORD_VERIFIER) and UserSrpAuth in e.responses)

    assert UserSrpAuth not in line.ruled_out
    assert "<s>custom_srp_auth</s>" in str(diagram(settings=OFF, faded=True))


def test_challenges_that_only_a_lambda_may_name_are_not_drawn() -> None:
    """A custom pool's diagram omits challenges that only a Lambda may name; unfolded, it has them."""
    assert "SMS_MFA" not in node_names(diagram(settings=CUSTOM).model)
    assert "SMS_MFA" in node_names(diagram(settings=CUSTOM, unfolded=True).model)
    assert "a Lambda may name any challenge" in str(diagram(settings=CUSTOM))


def test_a_difference_shows_without_colour() -> None:
    """New arrows are thick with a plus, missing ones dotted with a minus."""
    there, back = str(diagram(difference=(OFF, REQUIRED))), str(diagram(difference=(REQUIRED, OFF)))

    assert "+ SOFTWARE_TOKEN_MFA" in there
    assert "MFA becomes required." in there
    assert "\u2212 SOFTWARE_TOKEN_MFA" in back
    assert "MFA ceases to be required." in back
    assert "style=dotted" in back
    assert "penwidth=2.6" in there


POOLS = {name: pool for name, (pool, _) in EXAMPLE_POOLS.items()} | {"everything": PoolSettings()}


@pytest.mark.parametrize(("one", "other"), [*product(POOLS, POOLS)])
def test_the_legend_of_a_difference_is_what_is_drawn(one: str, other: str) -> None:
    """For any two pools the caption explains exactly the signs that are drawn."""
    picture = diagram(difference=(POOLS[one], POOLS[other]))
    vertices = {vertex: picture.model.availability(vertex).effect for vertex in picture.model.nodes}
    effects = [each.availability.effect for each in picture.model.edges]
    source = str(picture)
    signs = {
        SettingsEffect.ADDED: ("Thick and +: becomes possible.", "+ "),
        SettingsEffect.REMOVED: ("Dotted and \u2212: becomes impossible.", "\u2212 "),
    }
    assert {*vertices.values(), *effects} <= {*signs, SettingsEffect.AVAILABLE}
    for effect, (sentence, sign) in signs.items():
        is_drawn = effect in {*vertices.values(), *effects}
        assert (sentence in source) == is_drawn
        assert (f'label="{sign}' in source or f">{sign}" in source) == is_drawn
    assert ("Nothing becomes possible or impossible." in source) == (not {*vertices.values(), *effects} & {*signs})
    lines = [line for line in source.splitlines() if " -> " in line and "style=invis" not in line]
    for (edge, _), line in zip(drawn_edges(picture.model), lines, strict=True):
        effect = edge.availability.effect
        assert ("style=dotted" in line) == (effect is SettingsEffect.REMOVED)
        assert ("penwidth=2.6" in line) == (effect is SettingsEffect.ADDED and not edge.kind.is_refusal)
        assert ("style=dashed" in line) == (edge.is_uncertain and effect is not SettingsEffect.REMOVED)
    for vertex, effect in vertices.items():
        (line,) = [each for each in source.splitlines() if each.startswith(f"\t{quoted(vertex.name)} [")]
        assert ("penwidth=3" in line) == (effect is SettingsEffect.ADDED)
        assert ("dotted" in line) == (effect is SettingsEffect.REMOVED and isinstance(vertex, Node))
    if one == other:
        assert node_names(picture.model) == node_names(diagram(settings=POOLS[one]).model)
    ruled_out_by_both = any(each.reason is OmissionReason.SETTINGS for each in picture.model.omitted)
    assert (
        "what the settings of both pools rule out" in source.replace('<br align="left"/>', " ")
    ) == ruled_out_by_both


def test_a_difference_that_is_not_drawn_is_not_denied() -> None:
    """If what two pools differ in is not drawn, the caption says that it speaks of what is drawn."""
    client = {"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]}
    revocable, kept = (
        PoolSettings.from_descriptions({"MfaConfiguration": "OFF"}, {**client, "EnableTokenRevocation": value}, {})
        for value in (True, False)
    )

    assert "Nothing that is drawn becomes possible or impossible." in notes(diagram(difference=(revocable, kept)).model)
    assert "Nothing becomes possible or impossible." in notes(diagram(difference=(kept, kept)).model)


@pytest.mark.parametrize("state", State)
def test_a_states_diagram_has_its_neighbours(state: State) -> None:
    """A state's diagram has only the arrows to it and from it."""
    model = diagram(state=state).model

    assert all(state in {arrow.source.state, arrow.dest.state} for arrow in model.arrows)
    assert {node.state for node in model.focus} == {state}


def test_an_unknown_state_is_named() -> None:
    """An unknown state raises an error that lists the states."""
    with pytest.raises(UnknownState, match=r"no state is named 'SMS'; .*SMS_MFA"):
        diagram(state="SMS")


def test_conflicting_options() -> None:
    """Settings and a difference exclude each other, and so do a history and traffic."""
    with pytest.raises(ConflictingOptions):
        diagram(settings=OFF, difference=(OFF, REQUIRED))
    with pytest.raises(ConflictingOptions):
        diagram(history=[], traffic=[])


@pytest.mark.parametrize("wrong", [(), (OFF,), (OFF, None), (OFF, REQUIRED, OFF)])
def test_a_difference_needs_two_pools(wrong: Any) -> None:
    """The settings of one pool or of three, and None in the place of settings, are refused."""
    with pytest.raises(BadField, match=r"difference must be the settings of two pools"):
        diagram(difference=wrong)


def test_arguments_of_another_type_are_refused() -> None:
    """Settings by position, a description in place of settings and the name of a theme are errors that say what to pass."""
    described: Any = {"UserPool": {}}
    name: Any = "dark"
    with pytest.raises(BadField, match=r"machine must be a machine of authfsm.build; pass all other arguments by name"):
        diagram(OFF)
    for draw in (partial(diagram), partial(sequence, flow="USER_SRP_AUTH")):
        with pytest.raises(BadField, match=r"theme must be a Theme, such as authfsm\.diagrams\.DARK"):
            draw(theme=name)
        with pytest.raises(BadField, match=r"settings must be PoolSettings"):
            draw(settings=described)
    with pytest.raises(BadField, match=r"settings must be PoolSettings"):
        diagram(difference=(OFF, described))
    lines: Any = ['{"step": 1}', described]
    for options in ({"history": lines[:1]}, {"history": lines[1:]}, {"traffic": [lines]}):
        with pytest.raises(TypeError, match=r"a history has steps, not a (str|dict): use history_from_json for JSON"):
            diagram(**options)
    with pytest.raises(TypeError, match=r"a history has steps, not a str"):
        sequence(history=lines)


def test_unknown_mfa_does_not_become_required() -> None:
    """If the MFA of one of two pools is unknown, the caption does not say that it changes."""
    for pools in ((PoolSettings(), REQUIRED), (REQUIRED, PoolSettings())):
        assert not any(note.startswith("MFA") for note in notes(diagram(difference=pools).model))


def test_every_format_names_both_pools() -> None:
    """In Markdown and JSON, as in the caption, what is not drawn of two pools is what the settings of both rule out."""
    picture = diagram(difference=(OFF, REQUIRED))
    for form in ("markdown", "json"):
        text = format(picture, form)
        assert "Not drawn: what the settings of both pools rule out." in text
        assert "the pool's settings" not in text


def test_one_sign_in_is_counted() -> None:
    """The title and the caption count one sign-in in the singular."""
    model = diagram(traffic=[RIGHT]).model
    assert model.title.endswith("the paths of 1 sign-in")
    assert any("how often, in 1 sign-in;" in note for note in notes(model))


def test_a_list_of_two_pools_is_a_difference() -> None:
    """The settings of two pools may also be passed as a list."""
    pools: Any = [OFF, REQUIRED]
    assert str(diagram(difference=pools)) == str(diagram(difference=(OFF, REQUIRED)))


def test_failed_says_what_to_do() -> None:
    """With actions=True, FAILED lists the recovery actions with the error codes that lead there."""
    source = str(diagram(flow="USER_SRP_AUTH", actions=True)).replace('&#160;<br align="left"/>', " ")

    for action in RecoveryAction:
        assert (action.advice.replace("'", "&#x27;") in source) is not action.survives
    assert "PasswordResetRequiredException" in source
    assert codes(RecoveryAction.CONFIRM_USER) == ("UserNotConfirmedException",)


START_TIME = datetime(2026, 11, 2, 9, tzinfo=timezone.utc)
RIGHT = (
    Step(1, S.START, UserSrpAuth, S.PASSWORD_VERIFIER, at=START_TIME),
    Step(2, S.PASSWORD_VERIFIER, SrpClaim, S.SMS_MFA, Role.SECOND_FACTOR, at=START_TIME + timedelta(seconds=1.25)),
    Step(3, S.SMS_MFA, Code, S.SMS_MFA, error="CodeMismatchException", at=START_TIME + timedelta(seconds=40)),
    Step(4, S.SMS_MFA, Code, S.AUTHENTICATED, at=START_TIME + timedelta(seconds=75)),
)
NEW = (
    RIGHT[0],
    Step(2, S.PASSWORD_VERIFIER, SrpClaim, S.NEW_PASSWORD_REQUIRED),
    Step(3, S.NEW_PASSWORD_REQUIRED, NewPassword, S.AUTHENTICATED),
)


def test_a_history_shows_its_times() -> None:
    """Recorded steps show the time since the first, if they have times."""
    source = str(diagram(history=RIGHT))

    assert "2 · srp_claim  1.2 s" in source
    assert "4 · code  1:15 min" in source
    assert " s</font>" not in str(diagram(history=NEW))
    set_back = (RIGHT[0], evolve(RIGHT[1], at=START_TIME - timedelta(seconds=1.5)))
    assert "2 · srp_claim  -1.5 s" in str(diagram(history=set_back))


def test_traffic_is_counted() -> None:
    """With the histories of many sign-ins, each edge has its count and width, retries and refusals included."""
    picture: Diagram = diagram(traffic=[RIGHT] * 30 + [NEW] * 10, flow="USER_SRP_AUTH")
    counts = {(e.source.name, e.dest.name, e.kind): e.total.times for e in picture.model.edges if e.counts}
    source = str(picture)

    assert picture.model.sign_ins == 40
    assert counts["START", "PASSWORD_VERIFIER", EdgeKind.ANSWER] == 40
    assert counts["password proved", "NEW_PASSWORD_REQUIRED", EdgeKind.FOLD] == 10
    assert counts["SMS_MFA", "SMS_MFA", EdgeKind.RETRY] == 30
    assert "user_srp_auth \u00d740" in source
    assert "in 40 sign-ins" in source
    assert "penwidth=6.0" in source


def test_no_traffic_can_be_drawn() -> None:
    """Without sign-ins to count, the diagram is faded, and says so."""
    picture = diagram(traffic=[])

    assert picture.model.sign_ins == 0
    assert picture.svg()


def test_a_history_on_a_pools_diagram() -> None:
    """A pool's diagram shows a recorded step even if the settings rule it out."""
    picture = diagram(settings=OFF, history=RIGHT)

    assert "SMS_MFA" in node_names(picture.model)
    assert picture.svg()
