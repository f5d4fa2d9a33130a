"""The form of each challenge (`form_for`), and the response that is made from a filled form (`response`).

The terminal, the notebook, web applications and the tests use these forms, so that only this module has the questions,
labels and choices. `check_answer` checks a response against its challenge before it is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from attrs import evolve

from authfsm.base.secret import Secret, secret_values
from authfsm.protocol import replies
from authfsm.protocol import responses as r
from authfsm.protocol.error_sentences import NOT_OFFERED, WRONG_INPUT
from authfsm.protocol.errors import InvalidInput
from authfsm.protocol.forms import Field, FieldKind, Form, Prompt, check_choice
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL, Role
from authfsm.protocol.validators import MESSAGE_CODE, TOTP_CODE, CodeFormat, check_code, not_text

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
"""The label of each factor that can be chosen or set up, by Cognito's name."""

CODE_FORMATS: Final[Mapping[tuple[State, type[Response]], CodeFormat]] = {
    (S.SMS_MFA, r.Code): MESSAGE_CODE,
    (S.SMS_OTP, r.Code): MESSAGE_CODE,
    (S.EMAIL_OTP, r.Code): MESSAGE_CODE,
    (S.SOFTWARE_TOKEN_MFA, r.Code): TOTP_CODE,
    (S.MFA_SETUP, r.VerifySoftwareToken): TOTP_CODE,
}
"""The format of each code in a sign-in, by its state and response."""


# ---- the factors that a challenge offers -----------------------------------------------------------------

_FACTOR_OF_RESPONSE: Final[Mapping[type[Response], str]] = {
    r.Password: "PASSWORD",
    r.SrpA: "PASSWORD_SRP",
    r.Credential: "WEB_AUTHN",
}
_APP_SET_UP: Final = (r.AssociateSoftwareToken, r.VerifySoftwareToken, r.CompleteMfaSetup)
_SETUP_FACTOR_OF_RESPONSE: Final[Mapping[type[Response], str]] = {
    **dict.fromkeys(_APP_SET_UP, "SOFTWARE_TOKEN_MFA"),
    r.SetUpEmail: "EMAIL_OTP",
}
_OTHER_NAMES: Final = {"EMAIL_MFA": "EMAIL_OTP"}
"""A page of the API reference says EMAIL_MFA where its own list of values, and all clients, say EMAIL_OTP."""


def offered_factors(challenge: replies.Challenge | None) -> tuple[str, ...]:
    """Return the names of the factors that a challenge offers; an empty tuple if its parameters set no limit.

    The parameters are MFAS_CAN_SETUP, MFAS_CAN_CHOOSE (one page of AWS spells it MFAS_CAN_SELECT) and
    AvailableChallenges.
    """
    match challenge:
        case replies.MfaSetup() | replies.SelectMfaType():
            return challenge.choices
        case replies.SelectChallenge() | replies.EmailOtp() | replies.SmsOtp() | replies.WebAuthn():
            return challenge.available
        case _:
            return ()


def _is_offered(challenge: replies.Challenge | None, factor: str) -> bool:
    names = offered_factors(challenge)
    return not names or _OTHER_NAMES.get(factor, factor) in {_OTHER_NAMES.get(each, each) for each in names}


def why_not_offered(challenge: replies.Challenge | None, response: type[Response]) -> str | None:
    """Return why a challenge does not accept a response that its state accepts; None if it accepts the response.

    For `Select` it returns None, because `check_answer` checks the chosen factor.
    """
    if isinstance(challenge, replies.MfaSetup):
        factor = _SETUP_FACTOR_OF_RESPONSE.get(response)
    elif isinstance(challenge, replies.WebAuthn) and response is r.Credential:
        return None  # it answers the challenge itself
    else:
        factor = _FACTOR_OF_RESPONSE.get(response)
    if factor is None or _is_offered(challenge, factor):
        return None
    return f"here: the challenge offers {', '.join(offered_factors(challenge))}"


def check_answer(challenge: replies.Challenge | None, response: Response) -> None:
    """Raise InvalidInput if a code or a choice cannot be an answer to the challenge."""
    if challenge is None:
        return
    response_type = type(response)
    if isinstance(response, (r.Code, r.VerifySoftwareToken)):
        rule = CODE_FORMATS[challenge.state, response_type]
        check_code(response_type, "code", response.code, rule, challenge.state)
    if isinstance(response, r.Select) and not _is_offered(challenge, response.answer):
        names = offered_factors(challenge)
        check_choice(response_type, "answer", response.answer, names, challenge.state)


# ---- the form of each challenge --------------------------------------------------------------------------

_PROTOCOL_PARAMETERS: Final = frozenset({"USERNAME", "USER_ID_FOR_SRP", "DEVICE_KEY", "SALT", "SRP_B", "SECRET_BLOCK"})
_SRP_EXPLANATION: Final = "The password is proved by SRP, and is not sent."
_MEDIUM: Final = {"SMS": "by SMS", "EMAIL": "by e-mail"}
_USUAL_MEDIUM: Final = {S.SMS_MFA: "SMS", S.SMS_OTP: "SMS", S.EMAIL_OTP: "EMAIL"}
# Label, kind and `autocomplete` (HTML, 4.10.18.7.1) of standard attributes.
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
    **dict.fromkeys((S.SELECT_CHALLENGE, S.SELECT_MFA_TYPE), "Choose how to sign in"),
    **dict.fromkeys((S.PASSWORD, S.PASSWORD_SRP, S.PASSWORD_VERIFIER), "Your password"),
    S.ADMIN_NO_SRP_AUTH: "Your password",
    **dict.fromkeys((S.EMAIL_OTP, S.SMS_OTP, S.SMS_MFA, S.SOFTWARE_TOKEN_MFA), "Enter the code"),
    S.WEB_AUTHN: "Use your passkey",
    S.CUSTOM_CHALLENGE: "One question",
    S.NEW_PASSWORD_REQUIRED: "Choose a new password",
    S.MFA_SETUP: "Add a second step",
    **dict.fromkeys((S.DEVICE_SRP_AUTH, S.DEVICE_PASSWORD_VERIFIER), "One moment"),
    S.OTHER_CHALLENGE: "Unknown challenge",
}


def form_for(challenge: replies.Challenge, role: str | None = None) -> Form:
    """Return the form of a challenge; EMAIL_OTP in the role of a first factor has prompts for the other ones, too."""
    role = None if role is None else Role(role)
    title, facts = _TITLES[challenge.state], {}
    match challenge:
        case replies.MfaSetup(verified=True):
            title = "One moment"
        case replies.MfaSetup(secret_code=code) if code is not None:
            title = "Add your authenticator app"
        case replies.CustomChallenge() | replies.OtherChallenge():
            parameters = challenge.parameters.items()
            facts = {k: v for k, v in parameters if k not in _PROTOCOL_PARAMETERS}
    return Form(challenge.state, role, title, tuple(_prompts(challenge, role)), facts)


def _prompts(challenge: replies.Challenge, role: Role | None) -> Iterator[Prompt]:  # noqa: C901, PLR0912 - many cases
    match challenge:
        case replies.CodeChallenge():
            yield _sent_code(challenge)
            is_first_factor = challenge.state is S.SMS_OTP or role is Role.FIRST_FACTOR
            if challenge.state is not S.SMS_MFA and is_first_factor:
                yield from _first_factors(challenge)
        case replies.SoftwareTokenMfa(friendly_device_name=name):
            app = name or "your authenticator app"
            question = f"Code of the authenticator app {name or ''}".strip()
            explanation = f"Open {app} and type the code it shows."
            yield Prompt(r.Code, "Continue", explanation, (_code(challenge.state, r.Code, question),))
        case replies.PasswordChallenge() | replies.AdminPasswordChallenge():
            yield _password(r.Password, "The password is sent in plain text, over TLS.")
        case replies.PasswordSrpChallenge():
            yield _password(r.SrpA, _SRP_EXPLANATION)
        case replies.PasswordVerifier():
            yield _password(r.SrpClaim, _SRP_EXPLANATION)
        case replies.SelectChallenge():
            yield from _first_factors(challenge)
        case replies.WebAuthn():
            name, label = "credential", "AuthenticationResponseJSON"
            credential = Field(name, label, "credential", request_options=challenge.request_options)
            explanation = "A passkey signs for the web site for which it was created: use the browser there."
            yield Prompt(r.Credential, "Use the passkey", explanation, (credential,), S.WEB_AUTHN)
            yield from _first_factors(challenge)
        case replies.SelectMfaType():
            yield _select("Choose a second factor.", _choices(challenge))
        case replies.NewPasswordRequired():
            yield _new_password(challenge)
        case replies.MfaSetup():
            yield from _set_up(challenge)
        case replies.CustomChallenge():
            answer = Field("answer", "Answer", "text")
            yield Prompt(r.Answer, "Answer", "Answer the question of the user pool.", (answer,))
        case replies.OtherChallenge():
            lines = Field("fields", "ChallengeResponses, as NAME=value, one on each line", "lines")
            explanation = f"This version does not know the challenge {challenge.name}."
            yield Prompt(r.RawAnswer, "Answer", explanation, (lines,))


def _choices(challenge: replies.Challenge) -> tuple[str, ...]:
    """Return the factors to choose from: those that the challenge offers, otherwise those of the table."""
    dests = PROTOCOL[challenge.state].get(r.Select, frozenset())
    return offered_factors(challenge) or tuple(each for each in FACTOR_LABELS if each in dests)


def _code(state: State, response: type[Response], question: str) -> Field:
    rule, complete = CODE_FORMATS[state, response], "one-time-code"
    return Field("code", "Code", "code", question=question, format=rule, autocomplete=complete)


def _sent_code(challenge: replies.CodeChallenge) -> Prompt:
    medium = challenge.medium or _USUAL_MEDIUM.get(challenge.state, "")
    to = f"to {challenge.destination}" if challenge.destination else ""
    how = " ".join(part for part in (_MEDIUM.get(medium, medium), to) if part)
    code = _code(challenge.state, r.Code, f"Code sent {how}")
    return Prompt(r.Code, "Continue", f"A code was sent {how}.", (code,))


def _password(response: type[Response], explanation: str, factor: str | None = None) -> Prompt:
    password = Field("password", "Password", "password", autocomplete="current-password")
    return Prompt(response, "Use the password", explanation, (password,), factor)


def _select(explanation: str, names: tuple[str, ...]) -> Prompt:
    choices = tuple((str(name), FACTOR_LABELS.get(name, name)) for name in names)
    return Prompt(r.Select, "Choose", explanation, (Field("answer", "Choice", "choice", choices=choices),))


def _first_factors(challenge: replies.Challenge) -> Iterator[Prompt]:
    """Yield the prompts that choose a first factor other than the present one."""
    others = tuple(name for name in _choices(challenge) if name != challenge.state)
    if others:
        article = "a" if challenge.state is S.SELECT_CHALLENGE else "another"
        yield _select(f"Choose {article} first factor.", others)
    if S.PASSWORD in others:
        yield _password(r.Password, "Or enter the password now; it is sent in plain text, over TLS.", S.PASSWORD)
    if S.PASSWORD_SRP in others:
        yield _password(r.SrpA, _SRP_EXPLANATION, S.PASSWORD_SRP)


def _new_password(challenge: replies.NewPasswordRequired) -> Prompt:
    password = Field("password", "New password", "password", autocomplete="new-password")
    # "you can't modify a required attribute that already has a value" -- AWS API reference
    missing = [each for each in challenge.required_attributes if not challenge.user_attributes.get(each)]
    fields = (password, *map(_attribute, missing))
    return Prompt(r.NewPassword, "Continue", "The temporary password must be replaced.", fields)


def _attribute(name: str) -> Field:
    plain = name.removeprefix("custom:").replace("_", " ").capitalize()
    label, kind, complete = _ATTRIBUTES.get(name, (plain, "text", "off"))
    return Field(name, label, kind, autocomplete=complete, within="attributes")


def _set_up(challenge: replies.MfaSetup) -> Iterator[Prompt]:
    """Yield the prompts for the next step of the set-up."""
    if challenge.verified:
        yield Prompt(r.CompleteMfaSetup, "Continue", "The authenticator app is enrolled.")
        return
    if challenge.secret_code is not None:
        code = _code(challenge.state, r.VerifySoftwareToken, "Code that the app shows now")
        name = Field("friendly_device_name", "A name for the app", "text", required=False)
        explanation = "Scan the QR code with an authenticator app, then type the code it shows."
        factor = S.SOFTWARE_TOKEN_MFA
        yield Prompt(r.VerifySoftwareToken, "Continue", explanation, (code, name), factor)
        return
    if why_not_offered(challenge, r.AssociateSoftwareToken) is None:
        label, factor = "Use an authenticator app", S.SOFTWARE_TOKEN_MFA
        explanation = "A second factor must be set up: an authenticator app."
        yield Prompt(r.AssociateSoftwareToken, label, explanation, factor=factor)
    if why_not_offered(challenge, r.SetUpEmail) is None:
        question = "E-mail address for the codes"
        email = Field("email", "E-mail address", "email", question=question, autocomplete="email")
        explanation = "A second factor must be set up: an e-mail address."
        yield Prompt(r.SetUpEmail, "Send codes by e-mail", explanation, (email,), S.EMAIL_OTP)


# ---- from the values of a form to a response --------------------------------------------------------------

_PLACEHOLDER: Final = Secret("-")
_EXAMPLES: Final = (
    replies.SmsMfa(name="SMS_MFA"),
    replies.SelectChallenge(name="SELECT_CHALLENGE"),
    replies.PasswordVerifier(name="PASSWORD_VERIFIER", salt=0, B=0, secret_block=_PLACEHOLDER, user_id_for_srp="-"),
    replies.WebAuthn(name="WEB_AUTHN", request_options={}),
    replies.CustomChallenge(name="CUSTOM_CHALLENGE"),
    replies.NewPasswordRequired(name="NEW_PASSWORD_REQUIRED"),
    replies.MfaSetup(name="MFA_SETUP"),
    replies.MfaSetup(name="MFA_SETUP", secret_code=_PLACEHOLDER),
    replies.MfaSetup(name="MFA_SETUP", verified=True),
    replies.OtherChallenge(name="-"),
)
"""Challenges whose forms together have every response that a user can make; a test checks that none is missing."""


@cache
def _prompts_by_trigger() -> Mapping[str, Prompt]:
    """Return the prompts of all forms by their triggers, with a text field in place of each choice."""
    found: dict[str, Prompt] = {}
    for prompt in (each for challenge in _EXAMPLES for each in form_for(challenge).prompts):
        texts = (evolve(f, kind="text", choices=()) if f.kind == "choice" else f for f in prompt.fields)
        found[prompt.trigger] = evolve(prompt, fields=tuple(texts))
    return found


def response(name: str, /, **fields: str | Secret[str] | None) -> Response:
    """Return the response from the values of a form: `response("code", code="123456")`.

    `srp_a` and `srp_claim` take the password, and return a response that `flow.answer` completes with the SRP proof.
    Whether a `code` has the right number of digits, and whether a choice is offered, is checked only when it is sent.

    Args:
        name: the prompt's `response` in `challenge.form()`.
        **fields: the values of the prompt's fields, as a browser sends them; None is an empty field. For
            `new_password`, every field but `password` is an attribute of the user; pass those that the form asks for.

    Raises:
        InvalidInput: a field is missing, empty, unknown, not text or not valid (`error.field` is its name), or no form
            has this response (`error.field` is `response`).
    """
    fields = secret_values(fields)
    prompts = _prompts_by_trigger()
    prompt = prompts.get(name) if isinstance(name, str) else None
    if prompt is None:
        raise InvalidInput(Response, "response", f"must be one of {', '.join(prompts)}", NOT_OFFERED)
    values = {key: value for key, value in fields.items() if value is not None}
    for key in sorted(values.keys() - {each.name for each in prompt.fields}):
        if prompt.response is not r.NewPassword:
            raise InvalidInput(prompt.response, key, f"is not a field of {name}", WRONG_INPUT)
        attribute = Field(key, key, "text", within="attributes")
        prompt = evolve(prompt, fields=(*prompt.fields, attribute))
    for key, value in values.items():
        if (problem := not_text(value)) is not None:
            raise InvalidInput(prompt.response, key, problem, WRONG_INPUT)
    return prompt.make_response(values)
