"""Makes a response of what a browser sent: the inverse of a challenge's form."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from authfsm.base.secret import Secret, secret_values
from authfsm.protocol import replies
from authfsm.protocol.error_sentences import NOT_OFFERED, WRONG_INPUT
from authfsm.protocol.errors import InvalidInput
from authfsm.protocol.forms import Field
from authfsm.protocol.prompts import form_for
from authfsm.protocol.responses import NewPassword, Response
from authfsm.protocol.validators import not_text

_PROOF: Final = Secret("-")
_EXAMPLES: Final = (
    replies.SmsMfa(name="SMS_MFA"),
    replies.SelectChallenge(name="SELECT_CHALLENGE"),
    replies.PasswordVerifier(name="PASSWORD_VERIFIER", salt=0, B=0, secret_block=_PROOF, user_id_for_srp="-"),
    replies.WebAuthn(name="WEB_AUTHN", request_options={}),
    replies.CustomChallenge(name="CUSTOM_CHALLENGE"),
    replies.NewPasswordRequired(name="NEW_PASSWORD_REQUIRED"),
    replies.MfaSetup(name="MFA_SETUP"),
    replies.MfaSetup(name="MFA_SETUP", secret_code=_PROOF),
    replies.MfaSetup(name="MFA_SETUP", verified=True),
    replies.OtherChallenge(name="-"),
)
"""Challenges whose forms have every response that a person can give; a test compares."""


def _any_text(each: Field) -> Field:
    return evolve(each, kind="text", choices=()) if each.kind == "choice" else each


_FORMS: Final = [prompt for challenge in _EXAMPLES for prompt in form_for(challenge).prompts]
_PROMPTS: Final = {each.trigger: evolve(each, fields=tuple(map(_any_text, each.fields))) for each in _FORMS}


def response(name: str, /, **fields: str | Secret[str] | None) -> Response:
    """Return the response that the values of a form make: `response("code", code="123456")`.

    The password for `srp_a` and `srp_claim` makes a response that `flow.answer` completes with the SRP proof. The
    format of a code and the offered choices are checked when it is sent.

    Args:
        name: the prompt's `response` in `challenge.form()`.
        **fields: the values of its fields, as a browser sends them; None is an empty field. For `new_password`,
            every field but `password` is an attribute of the user; pass those that the form asks for.

    Raises:
        InvalidInput: `error.field` names what is wrong: a field is missing, empty, unknown or not text, or no form
            has this response (`response`).
    """
    fields = secret_values(fields)
    prompt = _PROMPTS.get(name) if isinstance(name, str) else None
    if prompt is None:
        why = f"must be one of {', '.join(_PROMPTS)}"
        raise InvalidInput(Response, "response", why, NOT_OFFERED)
    values = {key: value for key, value in fields.items() if value is not None}
    for key in sorted(values.keys() - {each.name for each in prompt.fields}):
        if prompt.response is not NewPassword:
            raise InvalidInput(prompt.response, key, f"is not a field of {name}", WRONG_INPUT)
        own = Field(key, key, "text", within="attributes")
        prompt = evolve(prompt, fields=(*prompt.fields, own))
    for key, value in values.items():
        if (problem := not_text(value)) is not None:
            raise InvalidInput(prompt.response, key, problem, WRONG_INPUT)
    return prompt.answer(values)
