"""A walk is drawn as it was walked: every step on its line, in its order, to where it stands."""

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
    """A history."""
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


def taken(model: DiagramModel, number: int) -> list[tuple[str, str]]:
    """The lines that a step took."""
    return [
        (edge.source.name, edge.dest.name)
        for edge in model.edges
        if any(mark.number == number for mark in edge.steps)
    ]


def test_a_walk_passes_through_junctions() -> None:
    """A step lights every line on its way, the junctions' own included."""
    model = diagram(history=SRP).model

    assert taken(model, 1) == [("START", "PASSWORD_VERIFIER")]
    assert {
        ("PASSWORD_VERIFIER", "password proved"),
        ("password proved", "permanent password proved"),
        ("permanent password proved", "second factor asked"),
        ("second factor asked", "SELECT_MFA_TYPE"),
    } == set(taken(model, 2))


def test_a_walk_stands_somewhere() -> None:
    """The place where a walk stands is known, and what it touched; the rest is to be faded."""
    model = diagram(history=SRP).model
    touched = {node.state for node in model.highlighted if isinstance(node, Node)}

    assert Node(State.DEVICE_SRP_AUTH) == model.current
    assert {step.source for step in SRP} | {State.DEVICE_SRP_AUTH} == touched


def test_a_walk_that_has_not_begun_stands_at_the_start() -> None:
    """No steps yet: nothing is lit but START."""
    model = diagram(history=[]).model

    assert Node(State.START) == model.current
    assert frozenset({Node(State.START)}) == model.highlighted


def test_a_wrong_answer_is_a_loop_with_its_code() -> None:
    """A refused code is numbered in its place, with Cognito's code, in the colour of a warning."""
    model = diagram(history=SRP).model
    loop = next(e for e in model.edges if e.source == e.dest == Node(State.SOFTWARE_TOKEN_MFA))
    source = str(diagram(history=SRP))

    assert [(mark.number, mark.error) for mark in loop.steps] == [(4, WRONG)]
    assert f'<font color="{LIGHT.warning}">4 · {WRONG}</font>' in source


def test_a_refused_password_stays_where_it_is() -> None:
    """A new password that is refused has a loop of its own: it did not get as far as the junction."""
    history = steps(
        (State.START, UserPasswordAuth, State.NEW_PASSWORD_REQUIRED, None, None),
        (State.NEW_PASSWORD_REQUIRED, NewPassword, State.NEW_PASSWORD_REQUIRED, None, "Invalid"),
    )

    assert taken(diagram(history=history).model, 2) == [("NEW_PASSWORD_REQUIRED",) * 2]


def test_an_emailed_code_is_lit_in_its_role() -> None:
    """The step's role tells which of the two EMAIL_OTP was walked to, and the next step leaves from there."""
    history = steps(
        (State.START, UserAuth, State.EMAIL_OTP, Role.FIRST_FACTOR, None),
        (State.EMAIL_OTP, Password, State.EMAIL_OTP, Role.SECOND_FACTOR, None),
        (State.EMAIL_OTP, Code, State.AUTHENTICATED, None, None),
    )
    model = diagram(history=history).model

    assert {
        ("START", "first factor asked"),
        ("first factor asked", "EMAIL_OTP (first factor)"),
    } == set(taken(model, 1))
    assert taken(model, 2) == [("EMAIL_OTP (first factor)", "EMAIL_OTP (second factor)")]
    assert taken(model, 3)[0][0] == "EMAIL_OTP (second factor)"


def test_what_was_left_out_is_drawn_when_walked() -> None:
    """A challenge of tomorrow, and the end of an attempt, get their places and lines."""
    history = steps(
        (State.START, UserAuth, State.OTHER_CHALLENGE, None, None),
        (State.OTHER_CHALLENGE, RawAnswer, State.FAILED, None, "NotAuthorizedException"),
    )
    drawn = diagram(history=history)

    assert taken(drawn.model, 1) == [("START", "OTHER_CHALLENGE")]
    assert taken(drawn.model, 2) == [("OTHER_CHALLENGE", "FAILED")]
    assert "2 · NotAuthorizedException" in str(drawn)


@st.composite
def walks(draw: st.DrawFn) -> list[Step]:
    """Any walk on the table."""
    here, walked = State.START, list[Step]()
    for number in range(1, draw(st.integers(1, 12)) + 1):
        onward = [arrow for arrow in TRANSITIONS if arrow.source is here]
        if not onward:
            break
        arrow: Transition = draw(st.sampled_from(onward))
        role = draw(st.sampled_from(Role)) if arrow.dest is State.EMAIL_OTP else None
        error = draw(st.sampled_from([None, WRONG])) if arrow.dest is here else None
        walked.append(Step(number, arrow.source, arrow.response, arrow.dest, role, None, error))
        here = arrow.dest
    return walked


def chained(edges: list[Edge]) -> bool:
    """Do lines lead one into the next, through junctions alone?"""
    starts = [edge for edge in edges if isinstance(edge.source, Node)]
    inner = [edge.source for edge in edges if isinstance(edge.source, Junction)]
    ends = [edge.dest for edge in edges if isinstance(edge.dest, Junction)]
    return len(starts) == 1 and sorted(map(repr, inner)) == sorted(map(repr, ends))


@given(walks(), st.booleans())
@settings(deadline=None)  # a machine may be busy
def test_every_walk_can_be_drawn(history: list[Step], unfolded: bool) -> None:  # noqa: FBT001 -- hypothesis gives it
    """Whatever is walked on the table: each step takes one way, of lines that lead one into the next."""
    drawn: Diagram = diagram(history=history, unfolded=unfolded)

    for step in history:
        way = [e for e in drawn.model.edges if step.number in {mark.number for mark in e.steps}]
        assert chained(way)
        assert [step.source] == [e.source.state for e in way if isinstance(e.source, Node)]
        assert [step.dest] == [e.dest.state for e in way if isinstance(e.dest, Node)]
    numbers = {int(found) for found in re.findall(r">\s*(\d+) · ", str(drawn))}
    assert numbers == {step.number for step in history}


def test_a_picture_asks_little_of_a_step() -> None:
    """Anything with a step's number, source, response, dest, role, error, kind and time can be drawn."""
    asked = {name for name in vars(HistoryStep) if not name.startswith("_")}

    assert asked == {"number", "source", "response", "dest", "role", "error", "kind", "at"}
    assert asked <= {each.name for each in fields(Step)} | {"kind"}
    assert isinstance(Step.kind, property)


def test_traffic_has_its_shares_and_one_line_to_each_failure() -> None:
    """Each line bears its share of all that left where it leaves; failures of several flows are one line."""
    began, failed = State.START, State.FAILED
    ways = [
        (r.UserSrpAuth, State.PASSWORD_VERIFIER), (r.UserSrpAuth, State.PASSWORD_VERIFIER),
        (r.UserPasswordAuth, failed), (r.CustomAuth, failed),
    ]  # fmt: skip
    drawn = diagram(
        traffic=[
            [Step(1, began, given, dest, error="x" if dest is failed else None)]
            for given, dest in ways
        ],
        failures=True,
    )

    lines = [(edge.dest, edge.total) for edge in drawn.model.edges if edge.counts]
    assert sorted(f"{dest.state}: {often}" for dest, often in lines if isinstance(dest, Node)) == [
        "FAILED: \u00d72 (50%)",
        "PASSWORD_VERIFIER: \u00d72 (50%)",
    ]
    assert "\u00d72 (50%)" in drawn.svg()
