"""One-time codes: how they are normalized, which are refused before they are sent, and that the sign-in survives."""

from __future__ import annotations

import pickle
import re
import traceback
from collections.abc import Callable
from typing import Any

import attrs
import pyotp
import pytest
from botocore.exceptions import ClientError
from joserfc.jwk import RSAKey
from samples import signin_in_state

from authfsm import BadField, Fault, InvalidInput, RecoveryAction, UserError
from authfsm.base.secret import Secret
from authfsm.drivers import totp
from authfsm.local import LocalPool, ManualClock
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import error_rule
from authfsm.protocol.errors import RefusedUser
from authfsm.protocol.prompts import CODE_FORMATS
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL
from authfsm.protocol.validators import MESSAGE_CODE, TOTP_CODE, normalize_code

PASSWORD = "Correct-Horse-1"
SECRET_CODE = "pl4nted"


@pytest.mark.parametrize(
    "text",
    [
        "123456",
        " 123456\n",
        "123 456",
        "123-456",
        "1 2-3 4-5 6",
        "123\u00a0456",  # no-break space
        "123\u202f456",  # narrow no-break space
        "123\u3000456",  # ideographic space
        "123\t456\r\n",
        "123\u2010456",  # hyphen
        "123\u2011456",  # non-breaking hyphen
        "123\u2013456",  # en dash
        "123\u2014456",  # em dash
        "123\u2212456",  # minus sign
        "123\uff0d456",  # full-width hyphen
        "123\u00ad456",  # soft hyphen
        "123\u200b456",  # zero-width space
        "\ufeff123456",  # byte order mark
        "\u2068123456\u2069",  # bidirectional isolates
        "\uff11\uff12\uff13\uff14\uff15\uff16",  # full-width digits
        "\u0661\u0662\u0663 \u0664\u0665\u0666",  # Arabic-Indic digits
    ],
)
def test_separators_are_removed(text: str) -> None:
    """Spaces, hyphens and invisible characters are removed, and every decimal digit becomes ASCII."""
    assert normalize_code(text) == "123456"
    assert r.Code(text).code == r.VerifySoftwareToken(Secret(text)).code == Secret("123456")


@pytest.mark.parametrize(
    "text", ["", " ", "-", "abc", "12345a", "12.456", "123,456", "+123456", "\u00b2", "\u2460", "1\x1b[A", "\ud800"]
)
@pytest.mark.parametrize("response", [r.Code, r.VerifySoftwareToken])
def test_a_code_without_digits_is_the_users_error(response: Any, text: str) -> None:
    """A code without digits is refused when the response is created."""
    with pytest.raises(InvalidInput) as caught:
        response(text)

    error = caught.value
    assert isinstance(error, UserError)
    assert isinstance(error, BadField)
    assert (error.fault, error.action, error.survives) == (Fault.USER, RecoveryAction.TRY_AGAIN, True)
    assert (error.response, error.field) == (response, "code")
    assert "code" in str(error)
    form = "A code has only digits." if response is r.Code else "A code of the authenticator app is six digits."
    assert error.advice == (form if text.strip(" -") else "The code must not be empty.")


@pytest.mark.parametrize("value", [b"123456", 123456, None, ["123456"]])
@pytest.mark.parametrize("response", [r.Code, r.VerifySoftwareToken])
def test_a_code_that_is_not_text_is_the_programs_error(response: Any, value: Any) -> None:
    """A number as a code is a mistake in the program: asking the user again would not help."""
    with pytest.raises(BadField) as caught:
        response(value)

    assert not isinstance(caught.value, InvalidInput)
    assert caught.value.fault is Fault.CALLER


def test_each_code_has_a_format() -> None:
    """Each state and response with a code has a format: six digits for an app, any number for a message."""
    with_codes = {
        (state, response)
        for state, responses in PROTOCOL.items()
        for response in responses
        if "code" in {each.name for each in attrs.fields(response)}
    }

    assert set(CODE_FORMATS) == with_codes
    assert {pair for pair, rule_ in CODE_FORMATS.items() if rule_ is TOTP_CODE} == {
        (State.SOFTWARE_TOKEN_MFA, r.Code),
        (State.MFA_SETUP, r.VerifySoftwareToken),
    }
    assert all(rule_ in {TOTP_CODE, MESSAGE_CODE} and rule_.source for rule_ in CODE_FORMATS.values())


@pytest.mark.parametrize("state", [state for state, response in CODE_FORMATS if response is r.Code])
@pytest.mark.parametrize("length", [1, 5, 6, 7, 8, 9, 20])
def test_the_challenge_decides_the_number_of_digits(state: State, length: int) -> None:
    """A code of an app is sent only with six digits; a code of a message with any number."""
    signin = signin_in_state(state)
    if state is not State.SOFTWARE_TOKEN_MFA or length == 6:
        request = signin.send(r.Code("7" * length)).reveal()
        assert "7" * length in request["ChallengeResponses"].values()
        return
    with pytest.raises(InvalidInput) as caught:
        signin.send(r.Code("7" * length))

    assert caught.value.state is signin.state is state
    assert caught.value.survives
    assert signin.awaiting is None
    assert "77" not in str(caught.value)
    signin.send(r.Code("777777"))


@pytest.mark.parametrize("length", [1, 5, 7, 8])
def test_an_app_is_enrolled_with_six_digits(length: int) -> None:
    """VerifySoftwareToken refuses any other number of digits."""
    with pytest.raises(InvalidInput, match="must be 6 digits"):
        r.VerifySoftwareToken("7" * length)


@pytest.mark.parametrize("rule_", [TOTP_CODE, MESSAGE_CODE])
def test_the_html_pattern_accepts_the_same_codes(rule_: Any) -> None:
    """The pattern accepts exactly the codes that fit once they are normalized, with the usual separators."""
    for text in ("123456", "123 456", " 12-34-56 ", "1234567", "12345678", "1", "", "12345a"):
        assert bool(re.fullmatch(rule_.pattern, text)) is rule_.fits(normalize_code(text)), text


# ---- other inputs -------------------------------------------------------------------------------------------


CALLS: list[tuple[str, Callable[[], Any]]] = [
    ("username", lambda: r.UserSrpAuth("", "beef")),
    ("username", lambda: r.UserAuth("  ")),
    ("password", lambda: r.UserPasswordAuth("ada", "")),
    ("password", lambda: r.AdminNoSrpAuth("ada", "")),
    ("password", lambda: r.Password("")),
    ("password", lambda: r.NewPassword("")),
    ("password", lambda: r.Password("\ud800")),
    ("answer", lambda: r.Answer("")),
    ("answer", lambda: r.Select("")),
    ("credential", lambda: r.Credential("")),
    ("email", lambda: r.SetUpEmail("")),
    ("email", lambda: r.SetUpEmail("nowhere")),
    ("email", lambda: r.SetUpEmail("ada@")),
    ("email", lambda: r.SetUpEmail("@example.com")),
    ("email", lambda: r.SetUpEmail("ada lovelace@example.com")),
    ("email", lambda: r.SetUpEmail("a@b@example.com")),
    ("friendly_device_name", lambda: r.VerifySoftwareToken("123456", "")),
]


@pytest.mark.parametrize(("field", "make"), CALLS)
def test_empty_input_is_the_users_error(field: str, make: Callable[[], Any]) -> None:
    """Input that is empty, cannot be encoded or is not an address raises UserError."""
    with pytest.raises(InvalidInput) as caught:
        make()

    assert caught.value.field == field
    assert caught.value.survives


def test_passwords_are_not_changed() -> None:
    """Spaces stay in a password and in an answer; they are removed from an address."""
    assert r.Password(" ").password == Secret(" ")
    assert r.NewPassword(" a-b ").password == Secret(" a-b ")
    assert r.Answer(" ").answer == Secret(" ")
    assert r.SetUpEmail(" ada@example.com\n").email == "ada@example.com"


@pytest.mark.parametrize("state", [State.SELECT_CHALLENGE, State.SELECT_MFA_TYPE])
def test_a_choice_that_is_not_offered(state: State) -> None:
    """A choice that is not offered is not sent, and the error names the offered ones."""
    signin = signin_in_state(state)
    challenge: Any = signin.challenge
    if state is State.SELECT_CHALLENGE:
        challenge = signin.challenge = attrs.evolve(challenge, available=("PASSWORD", "EMAIL_OTP"))
    with pytest.raises(InvalidInput) as caught:
        signin.send(r.Select("TELEPATHY"))
    assert caught.value.state is state
    offered = challenge.available or challenge.choices
    assert all(each in str(caught.value) for each in offered)
    signin.send(r.Select(offered[0]))
    signin.send_failed()

    signin.challenge = attrs.evolve(challenge, available=(), parameters={})
    if state is State.SELECT_MFA_TYPE:
        signin.challenge = attrs.evolve(signin.challenge, choices=())
    signin.send(r.Select("TELEPATHY"))


def test_an_empty_password_at_the_start(signing_key: RSAKey) -> None:
    """An empty password is refused in every flow, with SRP too."""
    cognito = LocalPool(key=signing_key).cognito()
    for flow in ("USER_SRP_AUTH", "USER_PASSWORD_AUTH"):
        with pytest.raises(InvalidInput) as caught:
            cognito.sign_in("ada", "", flow=flow)
        assert caught.value.field == "password"


# ---- secrets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: r.Code(f"12-{SECRET_CODE}"),
        lambda: r.VerifySoftwareToken(code=f"12{SECRET_CODE}"),
        lambda: r.Password(f"{SECRET_CODE}\ud800"),
        lambda: r.NewPassword(f"{SECRET_CODE}\ud800"),
        lambda: r.Code(SECRET_CODE.encode()),  # type: ignore[arg-type]
    ],
)
def test_no_error_contains_the_input(make: Callable[[], Any]) -> None:
    """No error contains the input: not in its text, attributes, pickle or traceback's frames."""
    with pytest.raises(BadField) as caught:
        make()

    error = caught.value
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert str(again) == str(error)
    frames = [
        frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename != __file__
    ]
    assert frames
    assert SECRET_CODE not in f"{error!r}{vars(error)}{frames}{pickle.dumps(error)!r}"
    assert error.__context__ is error.__cause__ is None


# ---- at a local pool -------------------------------------------------------------------------------------


def test_the_loop_of_the_readme(signing_key: RSAKey) -> None:
    """An empty line and letters are caught by `except UserError`, are not sent, and cost no attempt."""
    pool = LocalPool(key=signing_key, mfa="ON", mfa_methods=["SMS_MFA"])
    pool.add_user("ada", password=PASSWORD, phone_number="+15555550143")
    flow = pool.cognito().sign_in("ada", PASSWORD)
    right = pool.outbox.code_for("ada")
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    lines = iter(["", "abc", wrong, f" {right[:3]} {right[3:]}"])
    caught = []
    while not flow.done:
        try:
            flow.answer(r.Code(next(lines)))
        except UserError as error:
            caught.append((type(error), error.survives))

    assert flow.tokens is not None
    assert caught == [(InvalidInput, True), (InvalidInput, True), (RefusedUser, True)]
    assert [step.error for step in flow.history] == [None, None, "CodeMismatchException", None]


def test_the_pool_refuses_like_cognito(signing_key: RSAKey) -> None:
    """A malformed UserCode is an InvalidParameterException; the session stays valid, and the right code is accepted."""
    clock = ManualClock()
    pool = LocalPool(key=signing_key, clock=clock, mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"])
    pool.add_user("ada", PASSWORD)
    flow = pool.cognito().sign_in("ada", PASSWORD)
    flow.answer(r.AssociateSoftwareToken())
    challenge: Any = flow.challenge
    client, session = pool.client(), challenge.session.reveal()
    right = pyotp.TOTP(challenge.secret_code.reveal()).at(clock())
    for wrong in ("12345a", "abcdef", "1 2345"):  # botocore itself refuses shorter codes
        with pytest.raises(ClientError) as caught:
            client.verify_software_token(Session=session, UserCode=wrong)
        error = caught.value.response["Error"]
        assert error["Code"] == "InvalidParameterException"
        assert "failed to satisfy constraint" in error["Message"]
        assert wrong not in error["Message"]
        row = error_rule(error["Code"], error["Message"], "VerifySoftwareToken")
        assert (row.action, row.fault) == (RecoveryAction.TRY_AGAIN, Fault.USER)

    flow.answer(r.VerifySoftwareToken(right))
    flow.answer(r.CompleteMfaSetup())
    assert flow.tokens is not None


@pytest.mark.parametrize(
    "message",
    [
        "Value at 'userCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9]+",
        "Value '1234567' at 'userCode' failed to satisfy constraint: Member must have length less than or equal to 6",
        "Value failed to satisfy constraint",
    ],
)
def test_cognitos_refusal_of_a_malformed_code(message: str) -> None:
    """After Cognito refuses a malformed code, the user is asked again."""
    refusal = {"Error": {"Code": "InvalidParameterException", "Message": message}}
    signin = signin_in_state(State.MFA_SETUP)
    signin.send(r.AssociateSoftwareToken())
    signin.receive({"SecretCode": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "Session": "a session of some length"})
    signin.send(r.VerifySoftwareToken("123456"))

    assert signin.receive(refusal) is State.MFA_SETUP
    assert signin.refusal is not None
    assert signin.refusal.action is RecoveryAction.TRY_AGAIN
    signin.send(r.VerifySoftwareToken("654321"))

    other = signin_in_state(State.NEW_PASSWORD_REQUIRED)
    other.send(r.NewPassword("Another-Horse-2"))
    assert other.receive(refusal) is State.FAILED


def test_an_app_of_a_signed_in_user(signing_key: RSAKey) -> None:
    """`totp.verify` also sends only codes of six digits."""
    pool = LocalPool(key=signing_key)
    for wrong in ("", "12345", "abcdef"):
        with pytest.raises(InvalidInput):
            totp.verify(pool.client(), "a token", wrong)
