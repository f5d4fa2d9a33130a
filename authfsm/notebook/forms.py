"""What a person is asked in each challenge, as forms. No widgets here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import singledispatch
from typing import Final

from authfsm.drivers.boto import Flow
from authfsm.errors import BadField
from authfsm.notebook.form import Field, Form
from authfsm.protocol import replies
from authfsm.protocol import responses as r
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL

_FACTORS: Final[Mapping[str, str]] = {
    "PASSWORD": "the password, in clear",
    "PASSWORD_SRP": "the password, proved by SRP",
    "EMAIL_OTP": "a code by e-mail",
    "SMS_OTP": "a code by SMS",
    "WEB_AUTHN": "a passkey",
    "SMS_MFA": "a code by SMS",
    "SOFTWARE_TOKEN_MFA": "a code of the authenticator app",
}


def forms(flow: Flow) -> tuple[Form, ...]:
    """The ways in which a person can answer here, the one that is meant first; none where nobody is asked.

    Args:
        flow: the sign-in.
    """
    return tuple(form for form in _asks(flow.challenge, flow) if _kind(form) in flow.accepts)


def _kind(form: Form) -> type[Response]:
    return r.RESPONSES[form.trigger]


@singledispatch
def _asks(_: object, __: Flow) -> Iterator[Form]:
    """The forms of a challenge; none where no person is asked."""
    yield from ()


@_asks.register(replies.SmsMfa)
@_asks.register(replies.SmsOtp)
@_asks.register(replies.EmailOtp)
def _(asked: replies.CodeChallenge, flow: Flow) -> Iterator[Form]:
    where = f"to {asked.destination}" if asked.destination else ""
    by = {"SMS": "by SMS", "EMAIL": "by e-mail"}.get(asked.medium or "", "")
    yield _code(" ".join(f"A code was sent {where} {by}".split()) + ".")
    yield from _first_factors(flow)


@_asks.register
def _(asked: replies.SoftwareTokenMfa, _: Flow) -> Iterator[Form]:
    named = f' "{asked.friendly_device_name}"' if asked.friendly_device_name else ""
    yield _code(f"The authenticator app{named} shows a code.")


@_asks.register(replies.PasswordAsked)
@_asks.register(replies.AdminPasswordAsked)
def _(_: replies.Challenge, __: Flow) -> Iterator[Form]:
    yield _password("The password is asked for, in clear.")


@_asks.register
def _(_: replies.PasswordSrpAsked, flow: Flow) -> Iterator[Form]:
    yield _srp_a(flow)


@_asks.register
def _(_: replies.PasswordVerifier, flow: Flow) -> Iterator[Form]:
    yield _claim(flow)


@_asks.register
def _(asked: replies.NewPasswordRequired, _: Flow) -> Iterator[Form]:
    yield _new_password(asked.required_attributes)


@_asks.register
def _(asked: replies.MfaSetup, _: Flow) -> Iterator[Form]:
    yield from _set_up(asked)


@_asks.register
def _(asked: replies.SelectMfaType, flow: Flow) -> Iterator[Form]:
    yield _select("Choose a second factor.", asked.choices or _takes(flow))


@_asks.register(replies.SelectChallenge)
@_asks.register(replies.WebAuthn)
def _(_: replies.Challenge, flow: Flow) -> Iterator[Form]:
    yield from _first_factors(flow)


@_asks.register
def _(_: replies.CustomChallenge, __: Flow) -> Iterator[Form]:
    says = "The pool's own functions ask; what they made public is above."
    yield Form(says, "Answer", "answer", (Field("answer", "Answer", "text"),), _answer)


@_asks.register
def _(asked: replies.OtherChallenge, _: Flow) -> Iterator[Form]:
    says = f"This package does not know {asked.name}: give its ChallengeResponses as NAME=value, one a line."
    answer = Field("fields", "ChallengeResponses", "lines")
    yield Form(says, "Answer", "raw_answer", (answer,), _raw)


def _takes(flow: Flow) -> tuple[str, ...]:
    """What may be chosen by the table, where the challenge does not say."""
    return tuple(each for each in State if each in PROTOCOL[flow.state].get(r.Select, ()))


def _code(says: str) -> Form:
    code = Field("code", "Code", "code")
    return Form(says, "Give the code", "code", (code,), lambda given: r.Code(given["code"].strip()))


def _password(says: str, *, direct: bool = False) -> Form:
    def make(given: Mapping[str, str]) -> Response:
        return r.Password(given["password"], direct=direct)

    asked = Field("password", "Password", "secret")
    return Form(says, "Give the password", "password", (asked,), make)


def _srp_a(flow: Flow) -> Form:
    held = flow._password is not None  # noqa: SLF001 - one of our own house

    def make(given: Mapping[str, str]) -> Response:
        if given.get("password"):
            return flow.filled(r.SrpA, password=given["password"])
        if not held:
            raise BadField(r.SrpA, "password", "must not be empty")
        return flow.filled(r.SrpA)

    asked = () if held else (Field("password", "Password", "secret"),)
    return Form(
        "The password can be proved by SRP, and is not sent.",
        "Begin the proof",
        "srp_a",
        asked,
        make,
    )


def _claim(flow: Flow) -> Form:
    def make(given: Mapping[str, str]) -> Response:
        if not given["password"]:
            raise BadField(r.SrpClaim, "password", "must not be empty")
        return flow.filled(r.SrpClaim, password=given["password"])

    asked = Field("password", "Password", "secret")
    return Form(
        "The proof needs the password, which is not sent.", "Prove it", "srp_claim", (asked,), make
    )


def _select(says: str, names: tuple[str, ...]) -> Form:
    choices = tuple((name, _FACTORS.get(name, name)) for name in names)
    asked = Field("answer", "Choice", "choice", choices)
    return Form(says, "Choose", "select", (asked,), lambda given: r.Select(given["answer"]))


def _first_factors(flow: Flow) -> Iterator[Form]:
    """The forms of a state where a first factor can be chosen."""
    asked = flow.challenge
    open_to = (asked.available if asked else ()) or _takes(flow)
    others = tuple(name for name in open_to if name != flow.state)
    if others:
        choosing = flow.state is State.SELECT_CHALLENGE
        yield _select(
            "Choose a first factor." if choosing else "Or choose another first factor.", others
        )
    if "PASSWORD" in others:
        yield _password("Or give the password at once, in clear.")
    if "PASSWORD_SRP" in others:
        yield _srp_a(flow)
    if isinstance(asked, replies.WebAuthn):
        signed = Field("credential", "AuthenticationResponseJSON", "lines")
        says = (
            "A passkey signs only for the web site it was made for, and this page is another: sign there, "
            "and paste what navigator.credentials.get gave, as JSON."
        )
        yield Form(says, "Give the signature", "credential", (signed,), _credential)


def _credential(given: Mapping[str, str]) -> Response:
    readable = True
    try:
        json.loads(given["credential"])
    except ValueError:
        readable = False
    if not readable:  # outside the handler, which holds the text
        raise BadField(r.Credential, "credential", "must be JSON")
    return r.Credential(given["credential"])


def _new_password(required: tuple[str, ...]) -> Form:
    def make(given: Mapping[str, str]) -> Response:
        return r.NewPassword(given["password"], {name: given[f"of {name}"] for name in required})

    asked = (
        Field("password", "New password", "secret"),
        *(Field(f"of {name}", name, "text") for name in required),
    )
    return Form(
        "The temporary password must be replaced.", "Set the password", "new_password", asked, make
    )


def _set_up(asked: replies.MfaSetup) -> Iterator[Form]:
    """The steps of enrolling a factor, as far as each is due."""
    if asked.verified:
        says = "The authenticator app is enrolled."
        yield Form(says, "Go on", "complete_mfa_setup", (), lambda _: r.CompleteMfaSetup())
        return
    if asked.secret_code is not None:
        says = "Let an authenticator app scan the code, and give what it shows."
        code = Field("code", "Code", "code")
        name = Field("name", "The app's name", "text", needed=False)
        yield Form(says, "Verify", "verify_software_token", (code, name), _verified)
        return
    if not asked.choices or State.SOFTWARE_TOKEN_MFA in asked.choices:
        says = "A second factor must be enrolled: an authenticator app."
        make = r.AssociateSoftwareToken
        yield Form(says, "Ask for its secret", make.trigger, (), lambda _: make())
    if not asked.choices or State.EMAIL_OTP in asked.choices:
        email = Field("email", "E-mail address", "text")
        says = "A second factor must be enrolled: an e-mail address."
        yield Form(
            says, "Enrol it", "set_up_email", (email,), lambda given: r.SetUpEmail(given["email"])
        )


def _verified(given: Mapping[str, str]) -> Response:
    return r.VerifySoftwareToken(given["code"].strip(), given["name"] or None)


def _answer(given: Mapping[str, str]) -> Response:
    return r.Answer(given["answer"])


def _raw(given: Mapping[str, str]) -> Response:
    lines = [line.partition("=") for line in given["fields"].splitlines() if line.strip()]
    if not lines or not all(name.strip() and equals for name, equals, _ in lines):
        raise BadField(r.RawAnswer, "fields", "must be NAME=value, one a line")
    return r.RawAnswer({name.strip(): value for name, _, value in lines})
