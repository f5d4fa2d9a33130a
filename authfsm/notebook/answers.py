"""What the user can send at the present moment: the answer to a challenge, and requests after the sign-in.

Secrets are sent to the page as messages and are not in the widget's state, so that a saved notebook does not contain
them. An answer is known if this process has it or can make it: a code of the outbox or of the authenticator app, a
signature of the software passkey, the password, a new password, or a choice. "Play" sends known answers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from attrs import frozen
from pyotp import TOTP

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.core.enrolment import Enrolment
from authfsm.drivers.base_flow import BaseFlow
from authfsm.drivers.boto import Flow
from authfsm.local.config.pool_configuration import ACR_VALUES
from authfsm.notebook.recording import SignInRecording
from authfsm.protocol import replies
from authfsm.protocol import responses as r
from authfsm.protocol.errors import AuthfsmError, InvalidOperation, WrongResponse
from authfsm.protocol.forms import SRP_RESPONSES, Field, Prompt
from authfsm.protocol.prompts import form_for
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State

_SHOWN_DIGITS: Final = 8
_APP: Final = "The authenticator app's next code that was not used yet:"
_PASSKEY: Final = "The software passkey that this page registered signs:"


@frozen
class DebugSecrets:
    """Secrets that help to answer a challenge: the right code or credential, or the secret of an authenticator app."""

    explanation: str = ""
    code: Secret[str] | None = None
    qr_code: Secret[str] | None = None
    key: Secret[str] | None = None


def debug_secrets(recording: SignInRecording) -> DebugSecrets | None:
    """Return the secrets for the present challenge; None if there are none, or they are not known."""
    match recording.flow.challenge:
        case replies.SmsMfa() | replies.SmsOtp() | replies.EmailOtp() as challenge:
            messages = [] if recording.pool is None else list(recording.pool.outbox)
            if messages and (last := messages[-1]).purpose == challenge.state:
                return DebugSecrets(f"The pool would have sent this code to {last.to}:", last.code)
        case replies.SoftwareTokenMfa() if (user := recording.user) and user.software_token:
            return DebugSecrets(_APP, _totp(user.software_token.secret, recording, user.software_token.used_steps))
        case replies.MfaSetup(secret_code=Secret() as secret, verified=False) as challenge:
            try:
                enrolment = Enrolment.of(challenge, issuer="authfsm", account=recording.username)
                qr_code = Secret(enrolment.svg(scale=3))
            except AuthfsmError:  # segno is not installed, or the key is invalid: the page shows it as text
                qr_code = None
            return DebugSecrets(_APP, _totp(secret, recording), qr_code, secret)
        case replies.WebAuthn() as challenge if recording.passkey is not None:
            options = challenge.parameters["CREDENTIAL_REQUEST_OPTIONS"]
            return DebugSecrets(_PASSKEY, Secret(recording.passkey.sign(options)))
    return None


def _totp(secret: Secret[str], recording: SignInRecording, used: Collection[int] = ()) -> Secret[str]:
    totp, now = TOTP(secret.reveal()), int(recording.cognito.clock().timestamp()) // 30
    # Cognito accepts a code only once, and accepts the codes of the next and the previous half minute too.
    return Secret(totp.generate_otp(next((step for step in (now, now + 1, now - 1) if step not in used), now)))


_EXAMPLES: Final = {"code": "000000", "email": "name@example.com", "tel": "+15555550100", "date": "1815-12-10"}
_NEW_PASSWORD: Final = f"Correct-Horse-2{'-staple' * 12}"  # 99 characters: no pool requires more


def prompts_for(flow: Flow) -> tuple[Prompt, ...]:
    """Return the prompts in the form of the present challenge."""
    return () if flow.challenge is None else form_for(flow.challenge, flow.signin.role).prompts


def sample_response(prompt: Prompt) -> Response | None:
    """Return an example of an answer, to show its request; None if an answer needs an SRP proof or a passkey."""
    if prompt.response in SRP_RESPONSES or not prompt.can_be_typed:
        return None
    return prompt.make_response({each.name: _example(each) for each in prompt.fields})


def _example(field: Field) -> str:
    return field.choices[0][0] if field.choices else _EXAMPLES.get(field.kind, "NAME=value")


def known_answer(recording: SignInRecording) -> tuple[Prompt, dict[str, Any]] | None:
    """Return the prompt whose answer is known, and the response's arguments; None if only the user can answer."""
    secrets = debug_secrets(recording)
    for prompt in prompts_for(recording.flow):
        required = [each for each in prompt.fields if each.required]
        values = ((each.name, _known_value(each, recording, secrets)) for each in required)
        known = {name: value for name, value in values if value is not None}
        if len(known) == len(required) and prompt.response is not r.Answer:
            return prompt, prompt.arguments(known)
    return None


def _known_value(field: Field, recording: SignInRecording, secrets: DebugSecrets | None) -> str | Secret[str] | None:
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


def srp_values(flow: BaseFlow) -> tuple[tuple[str, str, str], ...]:
    """Return the name, the first and last digits and the formula of each value of the SRP proof that is sent next."""
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


@frozen
class Action:
    """A button after a sign-in, offered if its response can be sent now and `is_offered` returns something true."""

    label: str
    response: type[Response] | None = None
    is_offered: Callable[[SignInRecording], object] = lambda _: True
    act: Callable[[SignInRecording], object] | None = None  # None: send the response without arguments


def _higher_levels(recording: SignInRecording) -> tuple[str, ...]:
    """Return the levels of authentication above that of the tokens, the highest first."""
    if recording.flow.tokens is None:
        return ()
    names = ACR_VALUES if recording.pool is None else recording.pool.configuration.acr_values
    reached = replies.unverified_claims(recording.flow.tokens.access_token).get("acr")
    return names[: names.index(reached) if reached in names else None : -1]


def _step_up(recording: SignInRecording) -> object:
    access_token = recording.flow.signed_in().access_token
    return recording.begin(r.StepUp(recording.username, _higher_levels(recording), access_token))


# fmt: off
ACTIONS: Final[Mapping[str, Action]] = {
    "refresh":             Action("Refresh", r.GetTokensFromRefreshToken),
    "refresh_token_auth":  Action("Refresh by REFRESH_TOKEN_AUTH", r.RefreshTokenAuth),
    "refresh_token":       Action("Refresh by REFRESH_TOKEN", r.RefreshToken),
    "confirm_device":      Action("Confirm the device", r.ConfirmDevice,
                                  lambda rec: rec.flow.tokens and rec.flow.tokens.new_device and not rec.flow.device,
                                  SignInRecording.confirm_device),
    "remember_device":     Action("Remember the device", r.UpdateDeviceStatus, lambda rec: rec.flow.device),
    "forget_device":       Action("Forget the device", r.UpdateDeviceStatus, lambda rec: rec.flow.device,
                                  lambda rec: rec.answer(r.UpdateDeviceStatus(remembered=False))),
    "sign_out":            Action("Sign out", r.RevokeToken),
    "sign_out_everywhere": Action("Sign out everywhere", r.GlobalSignOut),
    "register_passkey":    Action("Register a passkey", None,
                                  lambda rec: rec.flow.tokens and rec.pool and rec.pool.configuration.webauthn,
                                  SignInRecording.register_passkey),
    "step_up":             Action("Step up", r.StepUp, _higher_levels, _step_up),
    "passkey":             Action("Sign in with the passkey", r.UserAuth,  # with MFA, the passkey must satisfy it
                                  lambda rec: rec.passkey and not (
                                      rec.user and rec.user.mfa_enabled and not rec.user.passkeys.satisfy_mfa),
                                  lambda rec: rec.begin(r.UserAuth(rec.username, State.WEB_AUTHN))),
    "again":               Action("Sign in again", act=SignInRecording.begin),
}
# fmt: on
"""Every button by its name, in the order of the page; each response that AUTHENTICATED accepts has one."""


def offered_actions(recording: SignInRecording) -> dict[str, Action]:
    """Return the buttons that are offered now, by name; none before the sign-in has ended."""
    flow = recording.flow
    if not flow.history or not (flow.done or flow.state is State.START):
        return {}
    accepted = {None, r.StepUp, r.UserAuth, *(flow.accepts if flow.done else ())}
    buttons = ((name, each) for name, each in ACTIONS.items() if each.response in accepted)
    return {name: each for name, each in buttons if each.is_offered(recording)}


def take_action(recording: SignInRecording, name: str) -> None:
    """Do what a button does; raise InvalidOperation if the button is not offered."""
    actions = offered_actions(recording)
    if name not in actions:
        now = ", ".join(actions) or "none before a sign-in has ended: call step(), run() or answer(...)"
        why = f"{recording.flow.state} does not offer the action {name!r}; it offers {now}"
        raise InvalidOperation(why, state=recording.flow.state)
    action = actions[name]
    if action.act is not None:
        action.act(recording)
    elif action.response is not None:
        recording.answer(action.response())
