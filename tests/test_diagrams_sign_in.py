"""A recorded sign-in is drawn as it happened: every step on its edges, in its order, to the current state."""

from __future__ import annotations

import re

from attrs import fields
from hypothesis import given, settings
from hypothesis import strategies as st

from authfsm.core.history import Step
from authfsm.diagrams import LIGHT, Diagram, DiagramModel, Edge, HistoryStep, Node, diagram
from authfsm.diagrams.vertices import Junction
from authfsm.protocol import responses as r
from authfsm.protocol.responses import (
    Code,
    NewPassword,
    Password,
    RawAnswer,
    Response,
    Select,
    SrpClaim,
    UserAuth,
    UserPasswordAuth,
    UserSrpAuth,
)
from authfsm.protocol.states import State
from authfsm.protocol.table import TRANSITIONS, Role, Transition

WRONG = "CodeMismatchException"


def steps(*walked: tuple[State, type[Response], State, Role | None, str | None]) -> list[Step]:
    """Return the steps of a history."""
    return [
        Step(number=number, source=source, response=response, dest=dest, role=role, error=error)
        for number, (source, response, dest, role, error) in enumerate(walked, start=1)
    ]


SRP = steps(
    (State.START, UserSrpAuth, State.PASSWORD_VERIFIER, None, None),
    (State.PASSWORD_VERIFIER, SrpClaim, State.SELECT_MFA_TYPE, None, None),
    (State.SELECT_MFA_TYPE, Select, State.SOFTWARE_TOKEN_MFA, None, None),
    (State.SOFTWARE_TOKEN_MFA, Code, State.SOFTWARE_TOKEN_MFA, None, WRONG),
    (State.SOFTWARE_TOKEN_MFA, Code, State.DEVICE_SRP_AUTH, None, None),
)


def edges_of(model: DiagramModel, number: int) -> list[tuple[str, str]]:
    """Return the edges that a step followed."""
    return [
        (edge.source.name, edge.dest.name) for edge in model.edges if any(mark.number == number for mark in edge.steps)
    ]


def test_a_step_passes_through_junctions() -> None:
    """A step highlights every edge on its path, also those from junctions."""
    model = diagram(history=SRP).model

    assert edges_of(model, 1) == [("START", "PASSWORD_VERIFIER")]
    assert {
        ("PASSWORD_VERIFIER", "password proved"),
        ("password proved", "permanent password proved"),
        ("permanent password proved", "second factor asked"),
        ("second factor asked", "SELECT_MFA_TYPE"),
    } == set(edges_of(model, 2))


def test_a_history_has_a_current_node() -> None:
    """The model knows the current node and the nodes that the history touched."""
    model = diagram(history=SRP).model
    touched = {node.state for node in model.highlighted if isinstance(node, Node)}

    assert Node(State.DEVICE_SRP_AUTH) == model.current
    assert {step.source for step in SRP} | {State.DEVICE_SRP_AUTH} == touched


def test_an_empty_history_is_at_start() -> None:
    """Without steps only START is highlighted."""
    model = diagram(history=[]).model

    assert Node(State.START) == model.current
    assert frozenset({Node(State.START)}) == model.highlighted


def test_a_wrong_answer_is_a_loop_with_its_code() -> None:
    """A refused code is numbered in its node, with Cognito's error code, in the colour of a warning."""
    model = diagram(history=SRP).model
    loop = next(e for e in model.edges if e.source == e.dest == Node(State.SOFTWARE_TOKEN_MFA))
    source = str(diagram(history=SRP))

    assert [(mark.number, mark.error) for mark in loop.steps] == [(4, WRONG)]
    assert f'<font color="{LIGHT.warning}">4 · {WRONG}</font>' in source


def test_a_refused_password_is_a_loop() -> None:
    """A refused new password has a separate loop, and does not reach the junction."""
    history = steps(
        (State.START, UserPasswordAuth, State.NEW_PASSWORD_REQUIRED, None, None),
        (State.NEW_PASSWORD_REQUIRED, NewPassword, State.NEW_PASSWORD_REQUIRED, None, "Invalid"),
    )

    assert edges_of(diagram(history=history).model, 2) == [("NEW_PASSWORD_REQUIRED",) * 2]


def test_email_otp_is_highlighted_in_its_role() -> None:
    """The step's role decides which EMAIL_OTP node is highlighted, and the next step leaves that node."""
    history = steps(
        (State.START, UserAuth, State.EMAIL_OTP, Role.FIRST_FACTOR, None),
        (State.EMAIL_OTP, Password, State.EMAIL_OTP, Role.SECOND_FACTOR, None),
        (State.EMAIL_OTP, Code, State.AUTHENTICATED, None, None),
    )
    model = diagram(history=history).model

    assert {("START", "first factor asked"), ("first factor asked", "EMAIL_OTP (first factor)")} == set(
        edges_of(model, 1)
    )
    assert edges_of(model, 2) == [("EMAIL_OTP (first factor)", "EMAIL_OTP (second factor)")]
    assert edges_of(model, 3)[0][0] == "EMAIL_OTP (second factor)"


def test_omitted_arrows_are_drawn_when_followed() -> None:
    """An omitted challenge or failure that was recorded gets its node and edge."""
    history = steps(
        (State.START, UserAuth, State.OTHER_CHALLENGE, None, None),
        (State.OTHER_CHALLENGE, RawAnswer, State.FAILED, None, "NotAuthorizedException"),
    )
    picture = diagram(history=history)

    assert edges_of(picture.model, 1) == [("START", "OTHER_CHALLENGE")]
    assert edges_of(picture.model, 2) == [("OTHER_CHALLENGE", "FAILED")]
    assert "2 · NotAuthorizedException" in str(picture)


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Generate any history on the table."""
    state, steps = State.START, list[Step]()
    for number in range(1, draw(st.integers(1, 12)) + 1):
        onward = [arrow for arrow in TRANSITIONS if arrow.source is state]
        if not onward:
            break
        arrow: Transition = draw(st.sampled_from(onward))
        role = draw(st.sampled_from(Role)) if arrow.dest is State.EMAIL_OTP else None
        error = draw(st.sampled_from([None, WRONG])) if arrow.dest is state else None
        steps.append(Step(number, arrow.source, arrow.response, arrow.dest, role, None, error))
        state = arrow.dest
    return steps


def is_chain(edges: list[Edge]) -> bool:
    """Return whether edges form a path through junctions only."""
    starts = [edge for edge in edges if isinstance(edge.source, Node)]
    inner = [edge.source for edge in edges if isinstance(edge.source, Junction)]
    ends = [edge.dest for edge in edges if isinstance(edge.dest, Junction)]
    return len(starts) == 1 and sorted(map(repr, inner)) == sorted(map(repr, ends))


@given(histories(), st.booleans())
@settings(deadline=None)  # a machine may be busy
def test_every_history_can_be_drawn(history: list[Step], unfolded: bool) -> None:  # noqa: FBT001 -- hypothesis gives it
    """For any history on the table, each step follows one path of connected edges."""
    picture: Diagram = diagram(history=history, unfolded=unfolded)

    for step in history:
        way = [e for e in picture.model.edges if step.number in {mark.number for mark in e.steps}]
        assert is_chain(way)
        assert [step.source] == [e.source.state for e in way if isinstance(e.source, Node)]
        assert [step.dest] == [e.dest.state for e in way if isinstance(e.dest, Node)]
    numbers = {int(found) for found in re.findall(r">\s*(\d+) · ", str(picture))}
    assert numbers == {step.number for step in history}


def test_any_object_with_the_attributes_of_a_step_can_be_drawn() -> None:
    """Any object with the attributes of a step can be drawn."""
    attributes = {name for name in vars(HistoryStep) if not name.startswith("_")}

    assert attributes == {"number", "source", "response", "dest", "role", "error", "kind", "at"}
    assert attributes <= {each.name for each in fields(Step)} | {"kind"}
    assert isinstance(Step.kind, property)


def test_traffic_has_shares_and_one_edge_to_failed() -> None:
    """Each edge has its share of the steps that left its node; failures of several flows are one edge."""
    start, failed = State.START, State.FAILED
    ways = [
        (r.UserSrpAuth, State.PASSWORD_VERIFIER), (r.UserSrpAuth, State.PASSWORD_VERIFIER),
        (r.UserPasswordAuth, failed), (r.CustomAuth, failed),
    ]  # fmt: skip
    picture = diagram(
        traffic=[[Step(1, start, response, dest, error="x" if dest is failed else None)] for response, dest in ways],
        failures=True,
    )

    lines = [(edge.dest, edge.total) for edge in picture.model.edges if edge.counts]
    assert sorted(f"{dest.state}: {often}" for dest, often in lines if isinstance(dest, Node)) == [
        "FAILED: \u00d72 (50%)",
        "PASSWORD_VERIFIER: \u00d72 (50%)",
    ]
    assert "\u00d72 (50%)" in picture.svg()


def test_each_response_has_its_own_count() -> None:
    """If sign-ins of several flows fail, the edge to FAILED has the count of each response, not the sum at the first."""
    failures = [
        Step(1, State.START, each, State.FAILED, error="x") for each in (r.UserPasswordAuth, *[r.CustomAuth] * 2)
    ]

    text = format(diagram(traffic=[[step] for step in failures]), "mermaid")
    assert "START --> FAILED : user_password_auth \u00d71<br/>custom_auth \u00d72\n" in text
