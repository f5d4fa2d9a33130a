"""What a person is asked in each challenge, as data: the fields of each answer, and the answer they make.

A terminal, a notebook, a web site and the tests all ask by `form(challenge, role)`: the texts, the choices,
the formats and the class of the response are written here, and nowhere else. No I/O, and no widgets.
`check_answer` holds an answer against its challenge before it is sent.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, Literal

from attrs import field, fields_dict, frozen

from authfsm.base.secret import Secret, secret
from authfsm.protocol import replies
from authfsm.protocol import responses as r
from authfsm.protocol.errors import InvalidInput
from authfsm.protocol.replies import (
    Challenge,
    EmailOtp,
    MfaSetup,
    SelectChallenge,
    SelectMfaType,
    SmsOtp,
    WebAuthn,
)
from authfsm.protocol.responses import (
    AssociateSoftwareToken,
    CompleteMfaSetup,
    Credential,
    Password,
    Response,
    SetUpEmail,
    SrpA,
    VerifySoftwareToken,
)
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL, Role
from authfsm.protocol.validators import MESSAGE_CODE, TOTP_CODE, CodeFormat, check_code, check_typed

S = State

FACTOR_LABELS: Final[Mapping[str, str]] = {
    S.PASSWORD_SRP: "Password, proved without sending it",
    S.PASSWORD: "Password, sent over TLS",
    S.EMAIL_OTP: "A code by e-mail",
    S.SMS_OTP: "A code by SMS",
    S.WEB_AUTHN: "A passkey",
    S.SMS_MFA: "A code by SMS",
    S.SOFTWARE_TOKEN_MFA: "A code of your authenticator app",
}
"""What can be chosen or set up, in plain words, by Cognito's name for it."""

CODE_FORMATS: Final[Mapping[tuple[State, type[Response]], CodeFormat]] = {
    (S.SMS_MFA, r.Code): MESSAGE_CODE,
    (S.SMS_OTP, r.Code): MESSAGE_CODE,
    (S.EMAIL_OTP, r.Code): MESSAGE_CODE,
    (S.SOFTWARE_TOKEN_MFA, r.Code): TOTP_CODE,
    (S.MFA_SETUP, r.VerifySoftwareToken): TOTP_CODE,
}
"""The form of each code that a sign-in takes, by its state and response."""

_WIRE: Final = frozenset(
    {"USERNAME", "USER_ID_FOR_SRP", "DEVICE_KEY", "SALT", "SRP_B", "SECRET_BLOCK"}
)
_MEDIUM: Final = {"SMS": "by SMS", "EMAIL": "by e-mail"}
_USUAL_MEDIUM: Final = {S.SMS_MFA: "SMS", S.SMS_OTP: "SMS", S.EMAIL_OTP: "EMAIL"}
# Kind and `autocomplete` (HTML, 4.10.18.7.1) of the standard attributes that have their own.
_ATTRIBUTES: Final[Mapping[str, tuple[str, FieldKind, str]]] = {
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


def form_for(challenge: replies.Challenge, role: Role | None = None) -> Form:
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
        case replies.PasswordChallenge() | replies.AdminPasswordChallenge():
            yield _password(r.Password, "The password is asked for, in clear.")
        case replies.PasswordSrpChallenge():
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
    return offered_factors(asked) or tuple(each for each in FACTOR_LABELS if each in dests)


def _sent_code(asked: replies.CodeChallenge) -> Prompt:
    medium = asked.medium or _USUAL_MEDIUM.get(asked.state, "")
    to = f"to {asked.destination}" if asked.destination else ""
    how = " ".join(part for part in (_MEDIUM.get(medium, medium), to) if part)
    code = Field(
        "code",
        "Code",
        "code",
        question=f"Code sent {how}",
        format=CODE_FORMATS[asked.state, r.Code],
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
        format=CODE_FORMATS[state, response],
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
    choices = tuple((str(name), FACTOR_LABELS.get(name, name)) for name in names)
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
    if why_not_offered(asked, r.AssociateSoftwareToken) is None:
        yield Prompt(
            r.AssociateSoftwareToken,
            "Use an authenticator app",
            "A second factor must be set up: an authenticator app.",
            factor=S.SOFTWARE_TOKEN_MFA,
        )
    if why_not_offered(asked, r.SetUpEmail) is None:
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
        check_code(kind, "code", response.code, CODE_FORMATS[asked.state, kind], asked.state)
    if isinstance(response, r.Select) and not is_offered(asked, response.answer):
        check_choice(kind, "answer", response.answer, offered_factors(asked), asked.state)


_SET_UP: Final[Mapping[type[Response], str]] = {
    AssociateSoftwareToken: "SOFTWARE_TOKEN_MFA",
    VerifySoftwareToken: "SOFTWARE_TOKEN_MFA",
    CompleteMfaSetup: "SOFTWARE_TOKEN_MFA",
    SetUpEmail: "EMAIL_OTP",
}
_CHOSEN: Final[Mapping[type[Response], str]] = {
    Password: "PASSWORD",
    SrpA: "PASSWORD_SRP",
    Credential: "WEB_AUTHN",
}
_SAME: Final = {"EMAIL_MFA": "EMAIL_OTP"}
"""The API reference writes EMAIL_MFA where the enumeration, and every client, has EMAIL_OTP."""


def offered_factors(challenge: Challenge | None) -> tuple[str, ...]:
    """Return the names of the factors that a challenge offers; none where its parameters limit nothing."""
    match challenge:
        case MfaSetup() | SelectMfaType():
            return challenge.choices
        case SelectChallenge() | EmailOtp() | SmsOtp() | WebAuthn():
            return challenge.available
        case _:
            return ()


def is_offered(challenge: Challenge | None, name: str) -> bool:
    """Return whether a factor can be chosen or set up, by either of its names.

    Args:
        challenge: what is asked.
        name: the factor's name.
    """
    names = offered_factors(challenge)
    return not names or _SAME.get(name, name) in {_SAME.get(each, each) for each in names}


def why_not_offered(challenge: Challenge | None, kind: type[Response]) -> str | None:
    """Return why a challenge does not take a response that its state takes; None if it does.

    What `Select` chooses is a person's to say: `authfsm.protocol.prompts.check_answer` judges it.

    Args:
        challenge: what is asked.
        kind: the class of the response.
    """
    name = _named(challenge, kind)
    if name is None or is_offered(challenge, name):
        return None
    return f"here: the challenge offers {', '.join(offered_factors(challenge))}"


def _named(challenge: Challenge | None, kind: type[Response]) -> str | None:
    """The name that a class of responses stands for among what is offered."""
    if isinstance(challenge, MfaSetup):
        return _SET_UP.get(kind)
    if isinstance(challenge, WebAuthn) and kind is Credential:
        return None  # it signs with the passkey that is asked for
    return _CHOSEN.get(kind)


FieldKind = Literal[
    "code", "password", "text", "email", "tel", "date", "choice", "lines", "credential"
]

SRP_RESPONSES: Final = frozenset({r.SrpA, r.SrpClaim})
"""Responses that a driver makes of a password: `flow.make_response(prompt.response, **prompt.arguments(values))`."""


@frozen
class Field:
    """One thing that is asked for.

    Args:
        name: the argument of the response class that it fills; of a required attribute, the attribute's name.
        label: what a person reads beside it in a form.
        kind: how it is entered. A `password` is not shown while it is typed, `lines` has several lines, and
            a `credential` is what the browser's `navigator.credentials.get` gives: no person types it.
        question: a longer label, for a prompt that stands alone.
        required: whether it must be filled in.
        choices: of a `choice`: each value and its meaning.
        format: of a `code`: its form.
        autocomplete: the hint of HTML's `autocomplete`.
        within: the argument that holds it, where that is a mapping (`attributes`).
    """

    name: str
    label: str
    kind: FieldKind
    question: str = field(kw_only=True, default="")
    required: bool = field(kw_only=True, default=True)
    choices: tuple[tuple[str, str], ...] = field(kw_only=True, default=())
    format: CodeFormat | None = field(kw_only=True, default=None)
    autocomplete: str = field(kw_only=True, default="off")
    within: str | None = field(kw_only=True, default=None)

    @property
    def secret(self) -> bool:
        """Whether it is hidden while it is typed."""
        return self.kind == "password"

    @property
    def inputmode(self) -> str:
        """The hint of HTML's `inputmode`: which keyboard helps."""
        return {"code": "numeric", "email": "email", "tel": "tel"}.get(self.kind, "text")

    @property
    def pattern(self) -> str | None:
        """The regular expression of HTML's `pattern`, separators accepted; None where anything may be typed."""
        return None if self.format is None else self.format.pattern


@frozen
class Prompt:
    """One way to answer a challenge.

    Args:
        response: the class of the response that its fields make.
        label: what a button or a menu calls it.
        explanation: what is asked for, in a sentence.
        fields: what is to be filled in; none, where choosing it is all.
        factor: Cognito's name of the factor that it stands for, where there is a choice.
    """

    response: type[Response]
    label: str
    explanation: str
    fields: tuple[Field, ...] = ()
    factor: str | None = None

    @property
    def trigger(self) -> str:
        """The response's name in the machine and the diagrams."""
        return self.response.trigger

    @property
    def by_person(self) -> bool:
        """Whether a person can fill it in; a credential comes of the browser."""
        return all(each.kind != "credential" for each in self.fields)

    def arguments(self, values: Mapping[str, str | Secret[str]]) -> dict[str, Any]:
        """The response's arguments, from what was filled in; each text is wrapped as it is read.

        Args:
            values: the fields' values, by their names. A field that is not required may be empty or left out.

        Raises:
            InvalidInput: a required field is empty, a choice is none of those offered, or text is not what
                its field takes. The form of codes and addresses is the response's own to check.
        """
        values = _wrapped(values)
        filled = {each: values.get(each.name, Secret("")) for each in self.fields}
        filled = {each: value for each, value in filled.items() if value or each.required}
        for each, value in filled.items():
            self._check(each, value)
        found: dict[str, Any] = {}
        for each, value in filled.items():
            if each.within is not None:
                found.setdefault(each.within, {})[each.name] = value.reveal()
            elif each.kind == "lines":
                found[each.name] = _pairs(value)
            else:
                found[each.name] = value.reveal() if self._is_plain(each.name) else value
        return found

    def _is_plain(self, name: str) -> bool:
        """Whether the response takes an argument as it is, and not as a secret."""
        argument = fields_dict(self.response).get(name)
        return argument is not None and str(argument.type).startswith("str")

    def _check(self, asked: Field, value: Secret[str]) -> None:
        check_typed(self.response, asked.name, value)
        if asked.kind == "choice":
            names = [name for name, _ in asked.choices]
            check_choice(self.response, asked.name, value.reveal(), names)
        if asked.kind == "credential" and not _is_json(value):
            raise InvalidInput(self.response, asked.name, "must be JSON")
        if asked.kind == "lines" and _pairs(value) is None:
            raise InvalidInput(self.response, asked.name, "must be NAME=value, one a line")

    def answer(self, values: Mapping[str, str | Secret[str]]) -> Response:
        """The response that was filled in; one of `SRP_RESPONSES` is a driver's to make.

        Raises:
            InvalidInput: as `arguments`, and where a code or an address has the wrong form.
        """
        values = _wrapped(values)
        return self.response(**self.arguments(values))


@frozen
class Form:
    """What a challenge asks.

    Args:
        state: the challenge's state.
        role: which factor it is, where that is known.
        title: what a page about it is called.
        prompts: the ways to answer it, the one that is meant first; none where no person is needed.
        facts: what the pool's functions made public, for a challenge of their own.
    """

    state: State
    role: Role | None
    title: str
    prompts: tuple[Prompt, ...]
    facts: Mapping[str, str] = field(factory=dict, repr=False)


def check_choice(
    response: type[Response],
    name: str,
    chosen: str,
    names: Collection[str],
    state: State | None = None,
) -> None:
    """Check that a choice is one of those offered.

    Raises:
        InvalidInput: it is not; the error names those that are.
    """
    if chosen not in names:
        among = ", ".join(map(str, names))
        advice = f"This can be chosen: {among}."
        raise InvalidInput(response, name, f"must be one of {among}", advice, state=state)


def _wrapped(values: Mapping[str, str | Secret[str]]) -> dict[str, Secret[str]]:
    return {name: secret(value) for name, value in values.items()}


def _is_json(value: Secret[str]) -> bool:
    try:
        json.loads(value.reveal())
    except (ValueError, RecursionError):
        return False
    return True


def _pairs(value: Secret[str]) -> dict[str, Secret[str]] | None:
    """NAME=value, one a line; None where a line is anything else."""
    lines = [line.partition("=") for line in value.reveal().splitlines() if line.strip()]
    if not lines or not all(name.strip() and equals for name, equals, _ in lines):
        return None
    return {name.strip(): Secret(text) for name, _, text in lines}
