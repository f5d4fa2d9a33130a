"""A diagram shows the table's arrows, except those it says it omits."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations, permutations

import pytest

from authfsm.diagrams import Node, UnknownFlow, diagram
from authfsm.diagrams.example_pools import EXAMPLE_POOLS
from authfsm.diagrams.model import DiagramModel, EdgeKind
from authfsm.diagrams.model_builder import TABLE_ROWS, build_model
from authfsm.diagrams.vertices import JUNCTIONS, Arrow, Junction, OmissionReason, StateGroup, fold, group_of
from authfsm.protocol.auth_flows import FLOWS
from authfsm.protocol.evidence import Confidence, confidence
from authfsm.protocol.nodes import NODES, target_roles
from authfsm.protocol.responses import AdminNoSrpAuth, Code, CompleteMfaSetup, Select, SrpClaim, StepUp, UserSrpAuth
from authfsm.protocol.states import CHALLENGES, State
from authfsm.protocol.table import FIRST_FACTOR_CHOICE, TRANSITIONS, Role, Transition

ALL_ARROWS = frozenset(arrow for row in TABLE_ROWS for arrow in row)
DRAFTS = {
    "whole": build_model(),
    "unfolded": build_model(unfolded=True),
    "failures": build_model(failures=True),
    **{flow: build_model(flow=flow) for flow in FLOWS},
    **{f"{flow}, unfolded": build_model(flow=flow, unfolded=True) for flow in FLOWS},
    **{state: build_model(state=state) for state in State},
    **{f"{state}, unfolded": build_model(state=state, unfolded=True) for state in State},
    **{f"pool {name}": build_model(settings=settings) for name, (settings, _) in EXAMPLE_POOLS.items()},
    **{f"{name}, faded": build_model(settings=settings, faded=True) for name, (settings, _) in EXAMPLE_POOLS.items()},
    **{
        f"{name}, unfolded": build_model(settings=settings, unfolded=True)
        for name, (settings, _) in EXAMPLE_POOLS.items()
    },
    **{
        f"from {one} to {other}": build_model(difference=(EXAMPLE_POOLS[one][0], EXAMPLE_POOLS[other][0]))
        for one, other in permutations(EXAMPLE_POOLS, 2)
    },
}


def omitted_arrows(model: DiagramModel) -> dict[OmissionReason, frozenset[Arrow]]:
    """Return the arrows that a diagram omits, by reason."""
    return {each.reason: each.arrows for each in model.omitted}


def test_arrows_between_nodes_are_the_table() -> None:
    """The arrows between nodes are the table's; EMAIL_OTP has a node for each of its roles."""
    assert set(TRANSITIONS) == {arrow.transition for arrow in ALL_ARROWS}


@pytest.mark.parametrize("name", DRAFTS)
def test_drawn_and_omitted_arrows_are_the_table(name: str) -> None:
    """The arrows that a diagram shows, through its junctions, are the table's without those it omits."""
    model = DRAFTS[name]
    omitted = frozenset(arrow for each in model.omitted for arrow in each.arrows)

    assert ALL_ARROWS - omitted == model.arrows
    assert sum(len(each.arrows) for each in model.omitted) == len(omitted)


def test_unfolded_omits_only_refuted_arrows() -> None:
    """Unfolded, a diagram has a separate edge for every transition of the table that is not refuted."""
    model = DRAFTS["unfolded"]
    refuted = {arrow for arrow in TRANSITIONS if confidence(arrow) is Confidence.REFUTED}

    assert {each.reason for each in model.omitted} == {OmissionReason.REFUTED}
    assert set(TRANSITIONS) - refuted == {arrow.transition for arrow in model.arrows}
    assert not any(isinstance(node, Junction) for node in model.nodes)


def test_the_whole_has_every_challenge() -> None:
    """The folded diagram of the whole protocol has every challenge, and at most 60 edges."""
    model = DRAFTS["whole"]
    states = {node.state for node in model.nodes if isinstance(node, Node)}

    assert {*CHALLENGES, State.START, State.AUTHENTICATED} == states
    # An acknowledgement is written in its state, and is no line.
    assert sum(edge.kind is not EdgeKind.ACKNOWLEDGEMENT for edge in model.edges) <= 60


def test_email_otp_has_two_nodes() -> None:
    """EMAIL_OTP has a node among the first factors and one among the second; no other state has two."""
    doubled = [a.state for a, b in combinations(NODES, 2) if a.state == b.state]

    assert doubled == [State.EMAIL_OTP]
    assert StateGroup.FIRST_FACTOR is group_of(Node(State.EMAIL_OTP, Role.FIRST_FACTOR))
    assert StateGroup.SECOND_FACTOR is group_of(Node(State.EMAIL_OTP, Role.SECOND_FACTOR))


def test_the_set_of_destinations_determines_the_role() -> None:
    """EMAIL_OTP is a first factor among first factors, a second one after a password, and either in a step-up."""
    chosen = Transition(State.SELECT_CHALLENGE, Select, State.EMAIL_OTP)
    proved = Transition(State.PASSWORD_VERIFIER, SrpClaim, State.EMAIL_OTP)
    stepped = Transition(State.START, StepUp, State.EMAIL_OTP)
    assert target_roles(chosen, None) == (Role.FIRST_FACTOR,)
    assert target_roles(proved, None) == (Role.SECOND_FACTOR,)
    assert target_roles(stepped, None) == tuple(Role)


def test_a_second_factor_is_not_chosen_again() -> None:
    """EMAIL_OTP as a second factor accepts only the code, and no choice of another first factor."""
    second = Node(State.EMAIL_OTP, Role.SECOND_FACTOR)

    assert {Code} == {arrow.response for arrow in ALL_ARROWS if arrow.source == second}


def test_junctions_are_sets_of_the_table() -> None:
    """A junction leads to exactly its members, directly or through smaller ones."""
    model = DRAFTS["whole"]

    for junction in JUNCTIONS:
        assert junction.members == frozenset(model.targets(junction))


def test_a_fold_is_exact() -> None:
    """Folding neither loses nor adds a destination, and a set that lacks one member is not folded."""
    password = JUNCTIONS[0]
    short = password.members - {Node(State.SMS_MFA)}

    assert (password,) == fold(password.members, JUNCTIONS)
    assert short == {
        each for node in fold(short, JUNCTIONS) for each in (node.members if isinstance(node, Junction) else {node})
    }


def test_each_reason_has_its_own_arrows() -> None:
    """Each reason for an omission has the arrows that it describes."""
    omitted = omitted_arrows(DRAFTS["whole"])
    again = {(arrow.source.state, arrow.response) for arrow in omitted[OmissionReason.ANOTHER_FACTOR]}

    assert set(OmissionReason) - {
        OmissionReason.OTHER_FLOW,
        OmissionReason.OTHER_STATE,
        OmissionReason.SETTINGS,
    } == set(omitted)
    assert {(s, r) for s in (State.EMAIL_OTP, State.SMS_OTP) for r in FIRST_FACTOR_CHOICE} <= again
    assert {State.FAILED} == {arrow.dest.state for arrow in omitted[OmissionReason.FAILURE]}


def test_uncertain_arrows_are_drawn_where_no_other_leads() -> None:
    """An uncertain arrow is marked, and drawn only if no more certain arrow leads to the same node."""
    thin = {
        (edge.source.name, response)
        for edge in DRAFTS["whole"].edges
        for response in edge.uncertain
        if not edge.kind.is_refusal
    }

    assert {StepUp, AdminNoSrpAuth} == {r for source, r in thin if source == "START"}
    assert ("MFA_SETUP", CompleteMfaSetup) not in thin


def test_a_flow_begins_with_its_own_responses() -> None:
    """A flow's diagram has only the states that the flow reaches: USER_SRP_AUTH has no choice."""
    model = build_model(flow="USER_SRP_AUTH")
    states = {node.state for node in model.nodes if isinstance(node, Node)}
    first_responses = {r for edge in model.edges if edge.source == Node(State.START) for r in edge.responses}

    assert {UserSrpAuth} == first_responses
    assert not states & {State.SELECT_CHALLENGE, State.CUSTOM_CHALLENGE, State.SMS_OTP}
    assert {State.PASSWORD_VERIFIER, State.SELECT_MFA_TYPE, State.AUTHENTICATED} <= states


def test_custom_challenge_belongs_to_custom_auth() -> None:
    """CUSTOM_CHALLENGE is drawn under CUSTOM_AUTH, and in no other flow."""
    custom = Node(State.CUSTOM_CHALLENGE)

    assert {"CUSTOM_AUTH"} == {flow for flow in FLOWS if custom in build_model(flow=flow).nodes}


def test_failures_on_request() -> None:
    """With failures=True, every node that can fail has one edge to FAILED."""
    edges = [edge for edge in DRAFTS["failures"].edges if edge.kind is EdgeKind.FAILURE]
    places = {node for node in DRAFTS["whole"].nodes if isinstance(node, Node)}

    assert {Node(State.FAILED)} == {edge.dest for edge in edges}
    assert places - {Node(State.AUTHENTICATED)} == {edge.source for edge in edges}
    assert len({edge.source for edge in edges}) == len(edges)


def test_an_acknowledgement_is_no_retry() -> None:
    """AssociateSoftwareToken leads only to MFA_SETUP: an acknowledgement, not a refusal."""
    kinds = {
        edge.kind: [each.trigger for each in edge.responses]
        for edge in DRAFTS["whole"].edges
        if edge.source == edge.dest == Node(State.MFA_SETUP)
    }

    assert kinds == {
        EdgeKind.ACKNOWLEDGEMENT: ["associate_software_token", "verify_software_token"],
        EdgeKind.RETRY: ["verify_software_token"],
    }


def test_a_choice_is_made_at_one_point() -> None:
    """The choice of a first factor and the challenges of START meet in one junction."""
    model = DRAFTS["whole"]
    (first,) = (each for each in JUNCTIONS if each.name == "first factor asked")
    into = {(edge.source.name, r) for edge in model.edges if edge.dest == first for r in edge.responses}

    assert ("SELECT_CHALLENGE", Select) in into
    assert {"START", "SELECT_CHALLENGE"} == {source for source, _ in into}


def test_an_unknown_flow_is_named() -> None:
    """An unknown flow raises an error that lists the flows."""
    with pytest.raises(UnknownFlow, match=r"no flow is named 'SRP'; .*USER_SRP_AUTH"):
        diagram(flow="SRP")


def test_only_drawing_imports_graphviz() -> None:
    """Importing the diagrams, computing one and writing it as DOT does not import graphviz; drawing does."""
    program = (
        "import sys, authfsm.diagrams as d; str(d.diagram()); assert 'graphviz' not in sys.modules;"
        "d.diagram().svg(); assert 'graphviz' in sys.modules"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
