"""The parameters that reference and diagrams show are those that requests and challenges have."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, Final

import pytest
from attrs import NOTHING, asdict, evolve, fields
from samples import PARAMETERS, RESPONSES, challenge

from authfsm.base.secret import Secret
from authfsm.core.device import Device
from authfsm.core.wire_replies import SESSION_OPTIONAL, read
from authfsm.core.wire_requests import RequestContext, write_request
from authfsm.diagrams.sequence import SequenceWriter
from authfsm.diagrams.sequence_formats import SequenceMessage
from authfsm.protocol import responses as r
from authfsm.protocol.replies import Tokens
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL
from authfsm.reference.request_shapes import (
    OTHER_SPELLING,
    Parameter,
    RequestShape,
    challenge_parameters,
    request_shape,
)

PAIRS: Final = [(state, kind) for state, kinds in PROTOCOL.items() for kind in kinds]
SECRET: Final = "if the app client has a secret"
DEVICE: Final = "on a remembered device"
SESSION: Final = "if the challenge had one"
OPTIONAL_MARK: Final = "optional"
MAPS: Final = ("client_metadata", "attributes")
OPTIONAL: Final[Mapping[str, Any]] = {
    "client_metadata": {"a": "b"},
    "max_age": 60,
    "preferred_challenge": "EMAIL_OTP",
    "direct": False,
    "remembered": True,
    "attributes": {"name": "Ada"},
}


class SituationContext(RequestContext):
    """A sign-in in a certain situation."""

    def __init__(self, state: State, facts: set[str], *, admin: bool) -> None:
        self.client_id, self.pool_id, self.admin = "client", "eu-west-1_Pool", admin
        self.username, self.challenge_name = "ada", str(state)
        self.client_secret = Secret("secret") if SECRET in facts else None
        proves_device = state in {State.DEVICE_SRP_AUTH, State.DEVICE_PASSWORD_VERIFIER}
        self.device = Device("key", "group", "pass") if proves_device or DEVICE in facts else None
        has_session = state not in SESSION_OPTIONAL or SESSION in facts
        self.session = Secret("session") if has_session else None
        tokens = Tokens(access_token=Secret("access"), refresh_token=Secret("refresh"))
        self.tokens = tokens if state is State.AUTHENTICATED else None


def response(state: State, kind: type[Response], facts: set[str]) -> Response:
    """Return a response with none of its optional fields, or with all of them."""
    optional = {each.name: each.default for each in fields(kind) if each.default is not NOTHING}
    arguments = {name: {} if name in MAPS else value for name, value in optional.items()}
    if state is State.START and "refresh_token" in optional:
        arguments["refresh_token"] = "a refresh token"
    if kind in {r.ConfirmDevice, r.UpdateDeviceStatus}:
        arguments["device_key"] = "device"
    if OPTIONAL_MARK in facts:
        arguments |= {name: OPTIONAL.get(name, "0abc") for name in optional}
    if not has_client_metadata(state, kind):
        arguments["client_metadata"] = {}
    return evolve(RESPONSES[kind], **arguments)


def has_client_metadata(state: State, kind: type[Response]) -> bool:
    """Return whether the request of this response has ClientMetadata."""
    return any(each.name == "ClientMetadata" for each in request_shape(state, kind).parameters)


def names(request: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the names of a request's parameters, each with its map."""
    pairs: set[tuple[str, str]] = set()
    for name, value in request.items():
        if isinstance(value, Mapping) and name != "ClientMetadata":
            inner = ("userAttributes.<name>" if each.startswith("userA") else each for each in value)
            pairs |= {(name, each) for each in inner}
        else:
            pairs.add(("", name))
    return pairs


def is_present(each: Parameter, facts: set[str], response_sent: Response) -> bool:
    """Return whether a parameter is present in a situation."""
    key = each.name.replace("_", "").lower()
    spelled = {name.replace("_", ""): value for name, value in asdict(response_sent).items()}
    return not each.when or each.when in facts or bool(spelled.get(key) if key == "devicekey" else 0)


@pytest.mark.parametrize("admin", [False, True])
@pytest.mark.parametrize(("state", "kind"), PAIRS, ids=lambda each: getattr(each, "__name__", each))
def test_request_shapes(state: State, kind: type[Response], *, admin: bool) -> None:
    """For each response in each state and situation, the shape has the parameters that are written."""
    shape: RequestShape = request_shape(state, kind, admin=admin)
    raw = state is State.OTHER_CHALLENGE
    admin = admin or state is State.ADMIN_NO_SRP_AUTH  # which only administrators' flows reach
    for chosen in product([False, True], repeat=4):
        facts = {fact for fact, true in zip((SECRET, DEVICE, SESSION, OPTIONAL_MARK), chosen, strict=True) if true}
        response_sent = response(state, kind, facts)
        request = write_request(state, response_sent, SituationContext(state, facts, admin=admin))
        expected = {(each.within, each.name) for each in shape.parameters if is_present(each, facts, response_sent)}
        if raw:
            expected = {(within, "ANSWER" if name == "<fields>" else name) for within, name in expected}

        assert request.operation == shape.operation
        assert names(request.reveal()) == expected
        if shape.flow_or_challenge:
            assert shape.flow_or_challenge in {
                request.parameters.get("AuthFlow"),
                request.parameters.get("ChallengeName"),
            }
    plain = names(
        write_request(state, response(state, kind, set()), SituationContext(state, set(), admin=admin)).reveal()
    )
    always = {"ANSWER" if raw and name == "<fields>" else name for name in shape.always_sent}
    assert always == {name for _, name in plain} - {"AuthFlow", "ChallengeName", "ClientId", "UserPoolId"}


def test_parameters_are_described_as_they_are_sent() -> None:
    """A description is of the parameter in the reply, not of the parsed value, and is not the end of a sentence."""
    about = {each.name: each.about for state in State for each in challenge_parameters(state)}
    assert all(text[0].isalnum() or text[0] == "(" for text in about.values() if text)
    assert "(hex)" in about["SALT"]
    assert "(hex)" in about["SRP_B"]
    assert "(JSON)" in about["requiredAttributes"]
    assert "(JSON)" in about["CREDENTIAL_REQUEST_OPTIONS"]


@pytest.mark.parametrize("state", sorted(PARAMETERS), ids=str)
def test_challenge_parameters(state: State) -> None:
    """Each parameter that is shown is parsed; one that is always present is required."""
    for each in challenge_parameters(state):
        without = {key: value for key, value in PARAMETERS[state].items() if key != each.name}
        raw = {**challenge(state), "ChallengeParameters": without}
        if each.when:
            read(raw, r.Code)
        else:
            with pytest.raises(Exception, match=f"{each.name} is missing"):
                read(raw, r.Code)
    spelled = {each.name for each in challenge_parameters(state) if each.when == OTHER_SPELLING}
    assert spelled == ({"MFAS_CAN_SELECT"} if state is State.SELECT_MFA_TYPE else set())


@pytest.mark.parametrize(("state", "kind"), PAIRS, ids=lambda each: getattr(each, "__name__", each))
def test_sequence_diagrams(state: State, kind: type[Response]) -> None:
    """A sequence diagram shows exactly the parameters that a request always has."""
    *_, message = SequenceWriter({}).request(state, kind)
    shape = request_shape(state, kind)

    assert isinstance(message, SequenceMessage)
    assert message.text.startswith(shape.operation)
    assert message.parameters == tuple(shape.always_sent)


def test_an_administrators_challenge_is_answered_by_an_administrator() -> None:
    """ADMIN_NO_SRP_AUTH is answered by AdminRespondToAuthChallenge, as only administrators' flows lead there."""
    assert request_shape(State.ADMIN_NO_SRP_AUTH, r.Password).operation == "AdminRespondToAuthChallenge"
    assert request_shape(State.PASSWORD, r.Password).operation == "RespondToAuthChallenge"
