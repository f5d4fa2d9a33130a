"""What a person is asked in each challenge, as data: the fields of each answer, and the answer they make.

A terminal, a notebook, a web site and the tests all ask by `form(challenge, role)`: the texts, the choices,
the formats and the class of the response are written here, and nowhere else. No I/O, and no widgets.
`check_answer` holds an answer against its challenge before it is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from authfsm.protocol import replies
from authfsm.protocol import responses as r
from authfsm.protocol.codes import MESSAGE, TOTP, CodeFormat, check_code
from authfsm.protocol.forms import Field, Form, Kind, Prompt, check_choice
from authfsm.protocol.offers import is_offered, offered, withheld
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL, Role

S = State

FACTORS: Final[Mapping[str, str]] = {
    S.PASSWORD_SRP: "Password, proved without sending it",
    S.PASSWORD: "Password, sent over TLS",
    S.EMAIL_OTP: "A code by e-mail",
    S.SMS_OTP: "A code by SMS",
    S.WEB_AUTHN: "A passkey",
    S.SMS_MFA: "A code by SMS",
    S.SOFTWARE_TOKEN_MFA: "A code of your authenticator app",
}
"""What can be chosen or set up, in plain words, by Cognito's name for it."""

CODES: Final[Mapping[tuple[State, type[Response]], CodeFormat]] = {
    (S.SMS_MFA, r.Code): MESSAGE,
    (S.SMS_OTP, r.Code): MESSAGE,
    (S.EMAIL_OTP, r.Code): MESSAGE,
    (S.SOFTWARE_TOKEN_MFA, r.Code): TOTP,
    (S.MFA_SETUP, r.VerifySoftwareToken): TOTP,
}
"""The form of each code that a sign-in takes, by its state and response."""

_WIRE: Final = frozenset(
    {"USERNAME", "USER_ID_FOR_SRP", "DEVICE_KEY", "SALT", "SRP_B", "SECRET_BLOCK"}
)
_MEDIUM: Final = {"SMS": "by SMS", "EMAIL": "by e-mail"}
_USUAL_MEDIUM: Final = {S.SMS_MFA: "SMS", S.SMS_OTP: "SMS", S.EMAIL_OTP: "EMAIL"}
# Kind and `autocomplete` (HTML, 4.10.18.7.1) of the standard attributes that have their own.
_ATTRIBUTES: Final[Mapping[str, tuple[str, Kind, str]]] = {
    "email": ("E-mail address", "email", "email"),
    "phone_number": ("Phone number, as +15551234567", "tel", "tel"),
    "birthdate": ("Date of birth, as 1815-12-10", "date", "bday"),
    "name": ("Name", "text", "name"),
    "given_name": ("Given name", "text", "given-name"),
    "family_name": ("Family name", "text", "family-name"),
    "nickname": ("Nickname", "text", "nickname"),
}


_TITLES: Final[Mapping[State, str]] = {
    S.SELECT_CHALLENGE: "Choose how to sign in",
    S.SELECT_MFA_TYPE: "Choose how to sign in",
    S.PASSWORD: "Your password",
    S.PASSWORD_SRP: "Your password",
    S.ADMIN_NO_SRP_AUTH: "Your password",
    S.PASSWORD_VERIFIER: "Your password",
    S.EMAIL_OTP: "Enter the code",
    S.SMS_OTP: "Enter the code",
    S.SMS_MFA: "Enter the code",
    S.SOFTWARE_TOKEN_MFA: "Enter the code",
    S.WEB_AUTHN: "Use your passkey",
    S.CUSTOM_CHALLENGE: "One question",
    S.NEW_PASSWORD_REQUIRED: "Choose a new password",
    S.MFA_SETUP: "Add a second step",
    S.DEVICE_SRP_AUTH: "One moment",
    S.DEVICE_PASSWORD_VERIFIER: "One moment",
    S.OTHER_CHALLENGE: "This is new to us",
}


def form(challenge: replies.Challenge, role: Role | None = None) -> Form:
    """What a challenge asks a person.

    Args:
        challenge: the challenge, with its parameters.
        role: which factor it is (`SignIn.role`). A code by e-mail that is a first factor can be left for
            another first factor; a second factor cannot.
    """
    title = _TITLES[challenge.state]
    match challenge:
        case replies.MfaSetup(verified=True):
            title = "One moment"
        case replies.MfaSetup(secret_code=code) if code is not None:
            title = "Add your authenticator app"
        case replies.CustomChallenge() | replies.OtherChallenge():
            public = {k: v for k, v in challenge.parameters.items() if k not in _WIRE}
            return Form(challenge.state, role, title, tuple(_prompts(challenge, role)), public)
    return Form(challenge.state, role, title, tuple(_prompts(challenge, role)))


def _prompts(asked: replies.Challenge, role: Role | None) -> Iterator[Prompt]:  # noqa: C901, PLR0912 - one case a challenge
    match asked:
        case replies.CodeChallenge():
            yield _sent_code(asked)
            if asked.state is not S.SMS_MFA and (
                asked.state is S.SMS_OTP or role is Role.FIRST_FACTOR
            ):
                yield from _first_factors(asked)
        case replies.SoftwareTokenMfa(friendly_device_name=name):
            yield _code_of_app(asked.state, r.Code, name)
        case replies.PasswordAsked() | replies.AdminPasswordAsked():
            yield _password(r.Password, "The password is asked for, in clear.")
        case replies.PasswordSrpAsked():
            yield _password(r.SrpA, _UNSENT)
        case replies.PasswordVerifier():
            yield _password(r.SrpClaim, _UNSENT)
        case replies.SelectChallenge():
            yield from _first_factors(asked)
        case replies.WebAuthn():
            yield Prompt(
                r.Credential,
                "Use the passkey",
                "A passkey signs for the web site that it was made for: the browser asks for it there.",
                (Field("credential", "AuthenticationResponseJSON", "credential"),),
                S.WEB_AUTHN,
            )
            yield from _first_factors(asked)
        case replies.SelectMfaType():
            yield _select("Choose a second factor.", _choices(asked))
        case replies.NewPasswordRequired():
            yield _new_password(asked)
        case replies.MfaSetup():
            yield from _set_up(asked)
        case replies.CustomChallenge():
            answer = Field("answer", "Answer", "text")
            yield Prompt(r.Answer, "Answer", "The pool's own functions ask a question.", (answer,))
        case replies.OtherChallenge():
            lines = Field("fields", "ChallengeResponses, as NAME=value, one a line", "lines")
            says = f"{asked.name} is a challenge that this version does not know."
            yield Prompt(r.RawAnswer, "Answer", says, (lines,))


_UNSENT: Final = "The password is proved by SRP, and is not sent."


def _choices(asked: replies.Challenge) -> tuple[str, ...]:
    """The names that a choice may be made of: as the challenge says, else all that the table has."""
    dests = PROTOCOL[asked.state].get(r.Select, frozenset())
    return offered(asked) or tuple(each for each in FACTORS if each in dests)


def _sent_code(asked: replies.CodeChallenge) -> Prompt:
    medium = asked.medium or _USUAL_MEDIUM.get(asked.state, "")
    to = f"to {asked.destination}" if asked.destination else ""
    how = " ".join(part for part in (_MEDIUM.get(medium, medium), to) if part)
    code = Field(
        "code",
        "Code",
        "code",
        question=f"Code sent {how}",
        format=CODES[asked.state, r.Code],
        autocomplete="one-time-code",
    )
    return Prompt(r.Code, "Go on", f"A code was sent {how}.", (code,))


def _code_of_app(state: State, response: type[Response], name: str | None) -> Prompt:
    new = response is r.VerifySoftwareToken
    code = Field(
        "code",
        "Code",
        "code",
        question="Code that the app shows now"
        if new
        else f"Code of the authenticator app {name or ''}".strip(),
        format=CODES[state, response],
        autocomplete="one-time-code",
    )
    if not new:
        says = f"Open {name or 'your authenticator app'} and type the code it shows."
        return Prompt(response, "Go on", says, (code,))
    called = Field("friendly_device_name", "A name for the app", "text", required=False)
    says = "Scan the QR code with an authenticator app, then type the code it shows."
    return Prompt(response, "Go on", says, (code, called), S.SOFTWARE_TOKEN_MFA)


def _password(response: type[Response], says: str, factor: str | None = None) -> Prompt:
    asked = Field("password", "Password", "password", autocomplete="current-password")
    return Prompt(response, "Use the password", says, (asked,), factor)


def _select(says: str, names: tuple[str, ...]) -> Prompt:
    choices = tuple((str(name), FACTORS.get(name, name)) for name in names)
    return Prompt(r.Select, "Choose", says, (Field("answer", "Choice", "choice", choices=choices),))


def _first_factors(asked: replies.Challenge) -> Iterator[Prompt]:
    """The ways of a state in which a first factor can be chosen, for another than the present one."""
    others = tuple(name for name in _choices(asked) if name != asked.state)
    if others:
        another = "" if asked.state is S.SELECT_CHALLENGE else "other"
        yield _select(f"Choose a{f'n{another}' if another else ''} first factor.", others)
    if S.PASSWORD in others:
        yield _password(r.Password, "Or give the password at once, in clear.", S.PASSWORD)
    if S.PASSWORD_SRP in others:
        yield _password(r.SrpA, _UNSENT, S.PASSWORD_SRP)


def _new_password(asked: replies.NewPasswordRequired) -> Prompt:
    password = Field("password", "New password", "password", autocomplete="new-password")
    # "you can't modify a required attribute that already has a value" -- AWS API reference
    missing = [each for each in asked.required_attributes if not asked.user_attributes.get(each)]
    return Prompt(
        r.NewPassword,
        "Go on",
        "The temporary password must be replaced.",
        (password, *map(_attribute, missing)),
    )


def _attribute(name: str) -> Field:
    plain = name.removeprefix("custom:").replace("_", " ").capitalize()
    label, kind, complete = _ATTRIBUTES.get(name, (plain, "text", "off"))
    return Field(name, label, kind, autocomplete=complete, within="attributes")


def _set_up(asked: replies.MfaSetup) -> Iterator[Prompt]:
    """The steps of enrolling a factor, as far as each is due."""
    if asked.verified:
        yield Prompt(r.CompleteMfaSetup, "Go on", "The authenticator app is enrolled.")
        return
    if asked.secret_code is not None:
        yield _code_of_app(asked.state, r.VerifySoftwareToken, None)
        return
    if withheld(asked, r.AssociateSoftwareToken) is None:
        yield Prompt(
            r.AssociateSoftwareToken,
            "Use an authenticator app",
            "A second factor must be set up: an authenticator app.",
            factor=S.SOFTWARE_TOKEN_MFA,
        )
    if withheld(asked, r.SetUpEmail) is None:
        email = Field(
            "email", "E-mail address", "email",
            question="E-mail address for the codes", autocomplete="email",
        )  # fmt: skip
        says = "A second factor must be set up: an e-mail address."
        yield Prompt(r.SetUpEmail, "Send codes by e-mail", says, (email,), S.EMAIL_OTP)


# ---- an answer beside its challenge --------------------------------------------------------------------


def check_answer(asked: replies.Challenge | None, response: Response) -> None:
    """Check what a person gave against the challenge that it answers; what holds anywhere is checked already.

    Args:
        asked: the challenge; None at START.
        response: the answer.

    Raises:
        InvalidInput: a code has another form than this challenge's codes, or a choice is not offered.
    """
    if asked is None:
        return
    kind = type(response)
    if isinstance(response, (r.Code, r.VerifySoftwareToken)):
        check_code(kind, "code", response.code, CODES[asked.state, kind], asked.state)
    if isinstance(response, r.Select) and not is_offered(asked, response.answer):
        check_choice(kind, "answer", response.answer, offered(asked), asked.state)
