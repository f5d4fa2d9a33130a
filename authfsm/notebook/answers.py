"""What is known about the answer to a challenge: its prompts, an example, the right code, the values of an SRP proof.

Secrets are sent to the page as messages and are part of no widget's state, so that a saved notebook does not
contain them. An answer is known if the local pool or this process has it: a code of the outbox or of the authenticator
app, the signature of the passkey in software, the password, a choice. "Play" gives these.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen
from pyotp import TOTP

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.core.enrolment import Enrolment
from authfsm.drivers.base_flow import BaseFlow
from authfsm.drivers.boto import Flow
from authfsm.notebook.recording import SignInRecording
from authfsm.protocol import replies
from authfsm.protocol.errors import AuthfsmError, WrongResponse
from authfsm.protocol.forms import SRP_RESPONSES, Field, Prompt
from authfsm.protocol.prompts import form_for
from authfsm.protocol.responses import Answer, Response
from authfsm.protocol.states import State

_ISSUER: Final = "authfsm"
_SHOWN_DIGITS: Final = 8


@frozen
class DebugSecrets:
    """What helps to answer a challenge: the right code or credential, or an authenticator app's secret."""

    explanation: str = ""
    code: Secret[str] | None = None
    qr_code: Secret[str] | None = None
    key: Secret[str] | None = None


def debug_secrets(recording: SignInRecording) -> DebugSecrets | None:
    """Return what helps with the present challenge; None where nothing is known."""
    match recording.flow.challenge:
        case replies.SmsMfa() | replies.SmsOtp() | replies.EmailOtp() as challenge:
            messages = [] if recording.pool is None else list(recording.pool.outbox)
            if messages and (last := messages[-1]).purpose == challenge.state:
                return DebugSecrets(f"The pool would have sent this code to {last.to}:", last.code)
        case replies.SoftwareTokenMfa() if (
            user := recording.user
        ) is not None and user.software_token is not None:
            return DebugSecrets(_APP, _totp(user.software_token.secret, recording))
        case replies.MfaSetup(secret_code=Secret() as secret, verified=False) as challenge:
            try:
                enrolment = Enrolment.of(challenge, issuer=_ISSUER, account=recording.username)
                qr_code = Secret(enrolment.svg(scale=3))
            except AuthfsmError:  # segno is not installed, or the key is invalid: show the text
                qr_code = None
            return DebugSecrets(_APP, _totp(secret, recording), qr_code, secret)
        case replies.WebAuthn() as challenge if recording.passkey is not None:
            options = challenge.parameters["CREDENTIAL_REQUEST_OPTIONS"]
            return DebugSecrets(_PASSKEY, Secret(recording.passkey.sign(options)))
    return None


_APP: Final = "The authenticator app would show:"
_PASSKEY: Final = "The passkey in software, registered here, signs:"


def _totp(secret: Secret[str], recording: SignInRecording) -> Secret[str]:
    return Secret(TOTP(secret.reveal()).at(recording.cognito.clock()))


# ---- answers ----------------------------------------------------------------------------------------

_EXAMPLES: Final = {
    "code": "000000", "email": "name@example.com", "tel": "+15555550100", "date": "1815-12-10",
}  # fmt: skip
_NEW_PASSWORD: Final = "Correct-Horse-2"  # noqa: S105 - an example


def prompts_for(flow: Flow) -> tuple[Prompt, ...]:
    """Return the prompts of the present challenge, those of its form."""
    return () if flow.challenge is None else form_for(flow.challenge, flow.signin.role).prompts


def sample_response(prompt: Prompt) -> Response | None:
    """Return an example of an answer, to show its request; None where that needs a proof or a passkey."""
    if prompt.response in SRP_RESPONSES or not prompt.by_person:
        return None
    return prompt.answer({each.name: _example(each) for each in prompt.fields})


def _example(field: Field) -> str:
    return field.choices[0][0] if field.choices else _EXAMPLES.get(field.kind, "NAME=value")


def known_answer(recording: SignInRecording) -> tuple[Prompt, dict[str, Any]] | None:
    """Return the prompt whose answer is known, and the response's arguments; None if a person must answer."""
    secrets = debug_secrets(recording)
    for prompt in prompts_for(recording.flow):
        required = [each for each in prompt.fields if each.required]
        values = ((each.name, _known_value(each, recording, secrets)) for each in required)
        known = {name: value for name, value in values if value is not None}
        if len(known) == len(required) and prompt.response is not Answer:
            return prompt, prompt.arguments(known)
    return None


def _known_value(
    field: Field, recording: SignInRecording, secrets: DebugSecrets | None
) -> str | Secret[str] | None:
    match field.kind:
        case "code" | "credential":
            return None if secrets is None else secrets.code
        case "password":
            return _NEW_PASSWORD if field.autocomplete == "new-password" else recording.password
        case "choice":
            return next((value for value, _ in field.choices if _has_factor(value, recording)), None)
        case "lines":
            return None
        case _:
            return _example(field)


def _has_factor(name: str, recording: SignInRecording) -> bool:
    if name in {State.PASSWORD, State.PASSWORD_SRP}:
        return recording.password is not None
    return name != State.WEB_AUTHN or recording.passkey is not None


# ---- SRP --------------------------------------------------------------------------------------


def srp_values(flow: BaseFlow) -> tuple[tuple[str, str, str], ...]:
    """Return name, first and last digits, and formula of each value of the proof that is due, as the papers have them."""
    pair = flow._ephemeral  # noqa: SLF001 - same package
    try:
        challenge, own = flow.signin.srp_identity(flow._password)  # noqa: SLF001 - same package
    except (WrongResponse, ValueError):
        return ()
    if pair is None:
        return ()
    x = Secret(srp.private_key(own.realm, own.name, own.password, challenge.salt))
    u = srp.scrambler(pair.A, challenge.B)
    S = srp.shared_secret(pair, challenge.B, x)  # noqa: N806 - the papers call it S
    key = srp.derived_key(S, u)
    return (
        _srp_value("a", "32 random bytes, kept by the client", pair.a.reveal()),
        _srp_value("A", "g^a mod N, sent as SRP_A", pair.A),
        _srp_value("s", "SALT of the challenge", challenge.salt),
        _srp_value("B", "k v + g^b mod N, SRP_B of the challenge", challenge.B),
        _srp_value("x", 'H(padHex(s) | H(realm | name | ":" | password))', x.reveal()),
        _srp_value("u", "H(padHex(A) | padHex(B))", u),
        _srp_value("S", "(B - k g^x)^(a + u x) mod N", S),
        ("K", f"{key.hex()[:_SHOWN_DIGITS]}…", "HKDF-SHA256(S, salt u), the signing key"),
    )


def _srp_value(name: str, formula: str, number: int) -> tuple[str, str, str]:
    digits = f"{number:x}"
    ends = f"{digits[:_SHOWN_DIGITS]}…{digits[-_SHOWN_DIGITS:]}"
    return name, f"{ends} ({number.bit_length()} bits)", formula
