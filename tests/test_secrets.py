"""Secrets are never shown: planted secrets are searched for in all printed forms."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import RESPONSES, challenge, signin_in_state

from authfsm.base.secret import MASK, Secret, revealed, secret
from authfsm.core.device import Device
from authfsm.core.signin import SignIn
from authfsm.core.wire_replies import mask_secrets
from authfsm.core.wire_replies import read_refusal as wire_refusal
from authfsm.protocol import responses as r
from authfsm.protocol.errors import AuthfsmError, BadField, InvalidOperation, WrongResponse, refused
from authfsm.protocol.states import State

PLANTED = "pl4nted-s3cret"
DIGITS = "913579"  # planted where a code is required, because a code has digits only


def printed_forms(value: object) -> str:
    """Return every printed form of an object."""
    return (
        f"{value!r} {value!s} {value:}"
        if type(value).__format__ is object.__format__
        else f"{value!r} {value!s} {value}"
    )


@given(value=st.text(min_size=4) | st.binary(min_size=4) | st.integers(min_value=10**6))
def test_a_secret_shows_only_its_mask(value: str | bytes | int) -> None:
    """repr, str, format and f-strings show the mask; reveal() returns the content."""
    hidden: Secret[Any] = Secret(value)

    assert {repr(hidden), str(hidden), f"{hidden}", format(hidden), "%s" % hidden} == {MASK}  # noqa: UP031 - that way too
    assert hidden.reveal() == value
    assert bool(hidden) is bool(value)


def test_a_secret_equals_only_secrets() -> None:
    """A secret equals another one of the same content, and never a plain value."""
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("1") != Secret(1)
    assert Secret("1") != Secret(b"1")
    assert len({Secret("a"), Secret("a"), secret(Secret("a"))}) == 1


def test_any_value_can_be_wrapped_compared_and_revealed() -> None:
    """A reply or another value can be compared as a secret, and `revealed` reaches into mappings of every kind."""
    assert Secret({"a": 1}) == Secret({"a": 1}) != Secret({"a": 2})  # type: ignore[type-var]
    assert Secret(1.5) == Secret(1.5)  # type: ignore[type-var]
    assert revealed(MappingProxyType({"a": (Secret("b"), MappingProxyType({"c": Secret("d")}))})) == {
        "a": ["b", {"c": "d"}]
    }


def test_a_secret_cannot_be_changed_or_pickled() -> None:
    """A secret cannot be changed or pickled, and its copy is itself."""
    hidden = Secret(PLANTED)

    with pytest.raises(AttributeError):
        hidden._value = "x"
    with pytest.raises(AttributeError):
        del hidden._value
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(hidden)
    assert copy.copy(hidden) is copy.deepcopy(hidden) is hidden
    assert not hasattr(hidden, "__dict__")


def test_revealed_unwraps_only_secrets() -> None:
    """revealed() reveals nested secrets and leaves other values unchanged."""
    assert revealed({"a": Secret("x"), "b": [Secret("y"), 1], "c": {"d": Secret("z")}}) == {
        "a": "x",
        "b": ["y", 1],
        "c": {"d": "z"},
    }


def planted_responses() -> list[r.Response]:
    """Return every response with a secret, with a planted value."""
    return [
        r.UserPasswordAuth("ada", PLANTED),
        r.AdminUserPasswordAuth("ada", PLANTED),
        r.AdminNoSrpAuth("ada", PLANTED),
        r.UserAuthWithPassword("ada", PLANTED),
        r.StepUp("ada", ["loa"], PLANTED),
        r.SignedUp("ada", PLANTED),
        r.RefreshTokenAuth(PLANTED),
        r.GetTokensFromRefreshToken(PLANTED),
        r.Password(PLANTED),
        r.SrpClaim(PLANTED, PLANTED, "Tue Sep 5 07:08:09 UTC 2023"),
        r.Code(DIGITS),
        r.Credential(PLANTED),
        r.Answer(PLANTED),
        r.RawAnswer({"ANSWER": PLANTED}),
        r.NewPassword(PLANTED, {"secret_question": PLANTED}),
        r.VerifySoftwareToken(DIGITS),
        r.ConfirmDevice(PLANTED, PLANTED, "device"),
        r.SetUpEmail(f"{PLANTED}@example.com"),
    ]


@pytest.mark.parametrize("response", planted_responses(), ids=lambda each: each.trigger)
def test_responses_and_requests_hide_what_they_carry(response: r.Response) -> None:
    """No response and no request shows a secret; only reveal() does."""
    signin = signin_in_state(_takers(type(response))[0])
    signin.client_secret = Secret(PLANTED)
    signin.username = signin.username or "ada"

    request = signin.send(response)

    secret = DIGITS if hasattr(response, "code") else PLANTED
    assert secret not in printed_forms(response) + printed_forms(request) + printed_forms(signin)
    assert secret in str(request.reveal())


def _takers(kind: type[r.Response]) -> list[State]:
    return [state for state in State if kind in signin_in_state(state).accepts]


def test_nothing_of_a_sign_in_shows_a_secret() -> None:
    """No part of a sign-in shows a planted secret."""
    signin = SignIn(
        "client", pool_id="eu-west-1_Pool", client_secret=PLANTED, device=Device("device", "group", PLANTED)
    )
    things: list[object] = [signin.device]
    signin.send(r.UserPasswordAuth("ada", PLANTED))
    signin.receive({**challenge(State.MFA_SETUP), "Session": PLANTED})
    things += [signin.challenge, signin.session]
    signin.send(r.AssociateSoftwareToken())
    signin.receive({"SecretCode": PLANTED, "Session": PLANTED})
    things += [signin.challenge]
    signin.send(r.VerifySoftwareToken(DIGITS))
    signin.receive({"Error": {"Code": "EnableSoftwareTokenMFAException", "Message": f"not {DIGITS}"}})
    things += [signin.refusal, signin.history]
    signin.send(r.VerifySoftwareToken(DIGITS))
    signin.receive({"Status": "SUCCESS", "Session": PLANTED})
    signin.send(r.CompleteMfaSetup())
    tokens = {"AccessToken": PLANTED, "IdToken": PLANTED, "RefreshToken": PLANTED}
    signin.receive({"AuthenticationResult": tokens})
    things += [signin.tokens, signin]

    assert [thing for thing in things if PLANTED in printed_forms(thing) or DIGITS in printed_forms(thing)] == []


def test_an_echoed_secret_is_masked() -> None:
    """A refusal's message that quotes password, code or session is stored with a mask."""
    signin = signin_in_state(State.SMS_MFA)
    signin.send(r.Code(DIGITS))
    session = signin.session
    assert session is not None
    echo = f"code {DIGITS} in session {session.reveal()} is wrong"

    signin.receive({"Error": {"Code": "CodeMismatchException", "Message": echo}})

    assert signin.refusal is not None
    assert signin.refusal.message == f"code {MASK} in session {MASK} is wrong"


@pytest.mark.parametrize(
    ("state", "response", "sent"),
    [
        (State.AUTHENTICATED, r.GlobalSignOut(), ["AccessToken"]),
        (State.AUTHENTICATED, r.RefreshTokenAuth(), ["AuthParameters", "REFRESH_TOKEN"]),
        (State.NEW_PASSWORD_REQUIRED, r.NewPassword(PLANTED, {"name": "Ada-King"}), ["ChallengeResponses", "userAttributes.name"]),
        (State.SMS_MFA, r.Code(DIGITS), ["ChallengeResponses", "SECRET_HASH"]),
    ],
    ids=str,
)  # fmt: skip
def test_every_secret_of_the_request_is_masked(state: State, response: Any, sent: list[str]) -> None:
    """A refusal's message masks each secret of the request, also those that the response itself does not have."""
    signin = signin_in_state(state)
    signin.client_secret = Secret("s3cret-of-the-client")
    value: Any = signin.send(response).parameters
    for name in sent:
        value = value[name]

    signin.receive({"Error": {"Code": "InvalidParameterException", "Message": f"bad {value.reveal()}"}})

    assert signin.refusal is not None
    assert signin.refusal.message == f"bad {MASK}"


@pytest.mark.parametrize(
    ("secret", "message", "masked"),
    [
        ("e", "Invalid code e received.", f"Invalid code {MASK} received."),
        ("!", "Invalid code (!)", f"Invalid code ({MASK})"),
        ("abcd", "xabcdx", f"x{MASK}x"),
    ],
)
def test_a_short_secret_is_masked_as_a_whole_word(secret: str, message: str, masked: str) -> None:
    """A secret of less than four characters is masked only as a whole word."""
    refusal = mask_secrets(wire_refusal("CodeMismatchException", message), [Secret(secret)])

    assert refusal.message == masked


def test_a_secret_that_contains_another_is_masked_as_a_whole() -> None:
    """No rest of a long secret is shown if a shorter one is a part of it."""
    secrets = [Secret("abcd"), [{"Value": Secret("xx-abcd-yy")}]]

    assert mask_secrets(wire_refusal("Other", "bad xx-abcd-yy"), secrets).message == f"bad {MASK}"


def errors() -> list[AuthfsmError]:
    """Return one of each error that may contain a secret."""
    error_list: list[AuthfsmError] = []
    for run in (
        lambda: r.Code(PLANTED.encode()),  # type: ignore[arg-type]
        lambda: r.UserSrpAuth("ada", PLANTED),
        lambda: signin_in_state(State.SMS_MFA).send(r.Password(PLANTED)),
        lambda: signin_in_state(State.SMS_MFA).receive({"Session": PLANTED}),
    ):
        try:
            run()
        except AuthfsmError as error:
            error_list.append(error)
    for raw in ({"ChallengeName": PLANTED}, {"Session": PLANTED, "ChallengeName": 5}, {PLANTED: PLANTED}):
        signin = signin_in_state(State.SMS_MFA)
        signin.send(r.Code(DIGITS))
        try:
            signin.receive(raw)
        except AuthfsmError as error:
            error_list.append(error)
    return error_list


def test_errors_and_their_tracebacks_show_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Text, repr, pickle, traceback and log of each error have no secret."""
    caplog.set_level(logging.DEBUG)
    all_errors = errors()
    text = "".join(
        f"{error!r}{error}{traceback.format_exception(error)}{pickle.dumps(error)!r}" for error in all_errors
    )

    assert [type(error) for error in all_errors[:4]] == [BadField, BadField, WrongResponse, InvalidOperation]
    assert len(all_errors) == 7
    # The lines of this file are in the tracebacks: they have the secret's name, not its value.
    assert PLANTED not in text
    assert PLANTED not in caplog.text


def test_errors_can_be_pickled() -> None:
    """Errors can be pickled with their attributes."""
    from authfsm.core.wire_replies import read_refusal as refusal  # noqa: PLC0415 - only here

    error = refused(refusal("NotAuthorizedException", "Password attempts exceeded"), state=State.FAILED)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own

    assert (type(again), str(again), again.state, again.action) == (type(error), str(error), State.FAILED, error.action)
    assert again.refusal == error.refusal
    assert not again.survives


def test_every_secret_field_is_a_secret() -> None:
    """Every password, code, token, session or credential of a response is a Secret."""
    open_names = {
        (kind.__name__, name)
        for kind, sample in RESPONSES.items()
        for name in ("password", "code", "session", "refresh_token", "access_token", "credential", "answer")
        if isinstance(getattr(sample, name, None), str) and kind is not r.Select
    }

    assert open_names == set()
