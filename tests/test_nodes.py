"""The role of EMAIL_OTP: the sign-in, its recording and the table's nodes agree."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import product
from types import SimpleNamespace
from typing import Any, cast

import attrs
import pytest
from samples import RESPONSES, reply

from authfsm.core.signin import SignIn
from authfsm.diagrams.model_builder import TABLE_ROWS
from authfsm.protocol import responses as r
from authfsm.protocol.nodes import NODES, TRANSITIONS_IN_ROLES, EdgeRoles, Node, email_otp_role, target_roles
from authfsm.protocol.states import State
from authfsm.protocol.table import NEW_CHALLENGE, TRANSITIONS, Role, Transition
from authfsm.traces import Recording

NOON = datetime(2026, 11, 5, 12, 0, 0, tzinfo=timezone.utc)
FLOWS = sorted({each.auth_flow for each in RESPONSES if each.auth_flow} | {"USER_AUTH"})
TO_A_CODE = [
    transition
    for transition in TRANSITIONS
    if transition.dest is State.EMAIL_OTP and transition.kind in {None, NEW_CHALLENGE}
]


@pytest.mark.parametrize("transition", TO_A_CODE, ids=lambda a: f"{a.source}-{a.response.trigger}")
def test_the_table_has_the_roles_of_all_paths(transition: Transition) -> None:
    """Over all flows, with and without a password, the rule gives the roles of the table's nodes."""
    flows = [transition.response.auth_flow] if transition.response.auth_flow else FLOWS
    roles = {
        email_otp_role(
            transition.source, transition.response, flow=flow, password_proved=proved, has_access_token=credit
        )
        for flow, proved, credit in product(flows, (False, True), (False, True))
    }

    assert roles == set(target_roles(transition, None))


def test_the_rows_in_which_a_code_can_be_a_first_factor() -> None:
    """The first requests and the choices of USER_AUTH lead to a first factor; StepUp and a raw answer to either."""
    roles = {(transition.source, transition.response): target_roles(transition, None) for transition in TO_A_CODE}
    either = {pair for pair, found in roles.items() if len(found) > 1}
    first = {pair for pair, found in roles.items() if found == (Role.FIRST_FACTOR,)}
    choices = (State.SELECT_CHALLENGE, State.EMAIL_OTP, State.SMS_OTP, State.WEB_AUTHN)

    assert first == {(State.START, r.UserAuth), *((state, r.Select) for state in choices)}
    assert either == {(State.START, r.StepUp), (State.OTHER_CHALLENGE, r.RawAnswer)}


def test_the_path_decides_the_role() -> None:
    """A first factor in USER_AUTH without a password so far; a second one after a password, a choice of MFA or a set-up."""
    first, second = Role.FIRST_FACTOR, Role.SECOND_FACTOR
    cases = [
        (State.START, r.UserAuth, "USER_AUTH", False, first),
        (State.SELECT_CHALLENGE, r.Select, "USER_AUTH", False, first),
        (State.WEB_AUTHN, r.Select, "USER_AUTH", False, first),
        (State.SELECT_CHALLENGE, r.Password, "USER_AUTH", True, second),
        (State.START, r.UserAuthWithPassword, "USER_AUTH", True, second),
        (State.START, r.StepUp, "USER_AUTH", False, first),
        (State.PASSWORD_VERIFIER, r.SrpClaim, "USER_SRP_AUTH", True, second),
        (State.SELECT_MFA_TYPE, r.Select, "USER_SRP_AUTH", True, second),
        (State.SELECT_MFA_TYPE, r.Select, "USER_AUTH", False, second),
        (State.MFA_SETUP, r.SetUpEmail, "USER_PASSWORD_AUTH", True, second),
        (State.START, r.CustomAuth, "CUSTOM_AUTH", False, second),
        (State.CUSTOM_CHALLENGE, r.Answer, "CUSTOM_AUTH", False, second),
        (State.PASSWORD_VERIFIER, r.SrpClaim, "CUSTOM_AUTH", True, second),
        (State.OTHER_CHALLENGE, r.RawAnswer, "USER_AUTH", False, first),
        (State.OTHER_CHALLENGE, r.RawAnswer, "USER_AUTH", True, second),
    ]

    for source, response, flow, proved, role in cases:
        assert email_otp_role(source, response, flow=flow, password_proved=proved) is role


def paths(longest: int) -> Iterator[tuple[Transition, ...]]:
    """Yield every path from START to EMAIL_OTP, up to a length, that visits no state twice."""
    front: list[tuple[Transition, ...]] = [()]
    for _ in range(longest):
        onward = []
        for path in front:
            here = path[-1].dest if path else State.START
            been = {State.START, *(transition.dest for transition in path)}
            for transition in TRANSITIONS:
                if transition.source is not here or transition.dest in {*been, State.FAILED}:
                    continue
                if transition.dest is State.EMAIL_OTP:
                    yield (*path, transition)
                elif transition.dest is not State.AUTHENTICATED:
                    onward.append((*path, transition))
        front = onward


class _SilentEvents:
    """An event system without events."""

    def register_last(self, *_: Any, **__: Any) -> None:
        """Accept a hook, and never call it."""


def test_signin_recording_and_nodes_agree() -> None:
    """Along every path to a code, up to three steps, sign-in, recording and nodes give the same role."""
    sink = io.StringIO()
    client = SimpleNamespace(meta=SimpleNamespace(events=_SilentEvents()))
    count = 0
    for path in paths(3):
        signin = SignIn("client", pool_id="eu-west-1_Pool")
        recording = Recording(client, cast("Any", _Lines(sink)), lambda: NOON)
        if any(transition.response in {r.VerifySoftwareToken, r.CompleteMfaSetup} for transition in path):
            continue  # steps within MFA_SETUP come before
        if not all(_step(signin, recording, transition, n) for n, transition in enumerate(path, 1)):
            continue
        line = json.loads(sink.getvalue().splitlines()[-1])
        ends = EdgeRoles(None, signin.role)

        assert line["role"] == str(signin.role), path
        assert (path[-1], ends) in TRANSITIONS_IN_ROLES, path
        assert Node(State.EMAIL_OTP, signin.role) in NODES
        assert signin.history[-1].role is signin.role
        count += 1

    assert count > 300


class _Lines:
    """A recorder that writes JSON lines."""

    def __init__(self, sink: io.StringIO) -> None:
        self._sink = sink

    def write(self, line: dict[str, Any]) -> None:
        """Write a line."""
        self._sink.write(json.dumps(line) + "\n")


def _step(signin: SignIn, recording: Recording, transition: Transition, number: int) -> bool:
    """Make a transition; return False if this sign-in does not accept its response."""
    if transition.response not in signin.accepts:
        return False
    response = RESPONSES[transition.response]
    if hasattr(response, "srp_a"):
        response = attrs.evolve(cast("r.SrpA", response), srp_a=f"{number:x}")
    request, raw, context = signin.send(response), reply(*transition), dict[str, Any]()
    raw = {**raw, "Session": f"session-{number}-{'s' * 20}"}
    model = SimpleNamespace(name=request.operation)
    recording._before_request(request.reveal(), model, context)
    recording._after_reply(raw, context)
    signin.receive(raw, at=NOON)
    return True


def test_the_diagrams_have_the_same_nodes() -> None:
    """The transitions of the diagrams, with their roles, are those of the table."""
    transitions = {
        (transition.transition, EdgeRoles(transition.source.role, transition.dest.role))
        for row in TABLE_ROWS
        for transition in row
    }

    assert transitions == set(TRANSITIONS_IN_ROLES)
