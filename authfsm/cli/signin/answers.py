"""Asks the user for the fields of a challenge, and makes a response of the input.

`authfsm.protocol.prompts` says which fields each challenge needs; this module asks for them at a terminal. It sends
nothing, and shows no input that was typed without echo. It shows one secret, that of an authenticator app, because
the user must copy it into the app.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, field

from authfsm.base.secret import Secret
from authfsm.cli.signin.screen import ExitStatus, Screen, SignInEnded, printable
from authfsm.cli.signin.user_input import UserInput, choose
from authfsm.core.enrolment import Enrolment, NoQrCode
from authfsm.drivers.boto import Flow
from authfsm.protocol import responses as r
from authfsm.protocol.errors import BadField, InvalidInput
from authfsm.protocol.forms import Field, Prompt
from authfsm.protocol.prompts import FACTOR_LABELS, check_answer, form_for
from authfsm.protocol.replies import MfaSetup
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State

_SECOND: Final = {State.SELECT_MFA_TYPE, State.MFA_SETUP}
_NOTES: Final = {
    State.WEB_AUTHN: "Cognito asks for a passkey, which a terminal does not have: use a browser.",
    State.MFA_SETUP: "A second factor must be set up: the pool requires one.",
}


class StartAgain(Exception):
    """The sign-in must start again. If `preferred` is not None, the new sign-in prefers this first factor."""

    def __init__(self, preferred: str | None = None) -> None:
        super().__init__()
        self.preferred = preferred


@define
class AnswerPrompter:
    """Asks for answers. `_issuer` names the pool in authenticator apps; `password` answers the next hidden prompt."""

    _screen: Screen
    _user_input: UserInput
    _issuer: str
    _displayed_secret: Secret[str] | None = field(default=None, init=False)
    _previous_input: dict[str, str] = field(factory=dict, init=False)
    password: Secret[str] | None = field(default=None, init=False)

    def answer(self, flow: Flow) -> Response:
        """Return the response to the current challenge, or raise StartAgain or SignInEnded."""
        challenge, prompts = flow.challenge, self._prompts(flow)
        if challenge is None or not prompts:
            # This is a device challenge without a device, or a choice among factors that are all unknown.
            raise SignInEnded(ExitStatus.NOT_IN_TERMINAL, f"{flow.state} cannot be answered in a terminal.")
        first = prompts[0]
        if first.response is r.SrpClaim:
            # The pool asks for an SRP proof, but no SRP_A was sent; a sign-in that prefers PASSWORD_SRP sends SRP_A.
            raise StartAgain(State.PASSWORD_SRP)
        self._introduce(flow, first)
        if first.response is r.RawAnswer:
            return self._raw_answer()
        several = len(prompts) > 1 and first.response is not r.Code
        if several or any(each.kind == "choice" for each in first.fields) or not first.can_be_typed:
            return self._choose(flow, prompts)
        return self._fill_in(flow, first, {})

    def choose_other_factor(self, flow: Flow) -> Response:
        """Let the user choose another first factor, and return the response for it."""
        return self._choose(flow, self._prompts(flow)[1:])

    def secret(self, question: str) -> Secret[str]:
        """Return `password`, and forget it; if it is None, ask the question."""
        known, self.password = self.password, None
        return known or self._user_input.hidden(question)

    def _prompts(self, flow: Flow) -> list[Prompt]:
        if flow.challenge is None:
            return []
        every = form_for(flow.challenge, flow.signin.role).prompts
        return [each for each in every if each.response in flow.accepts]

    def _introduce(self, flow: Flow, first: Prompt) -> None:
        challenge = flow.challenge
        if first.response in {r.RawAnswer, r.NewPassword}:
            self._screen.note(first.explanation)
        elif isinstance(challenge, MfaSetup) and challenge.secret_code is not None:
            if not challenge.verified and self._displayed_secret != challenge.secret_code:
                self._show_enrolment(challenge, flow.signin.username or "")
                self._displayed_secret = challenge.secret_code
        elif flow.state in _NOTES:
            self._screen.note(_NOTES[flow.state])
        if challenge is not None and (facts := form_for(challenge).facts):
            self._screen.facts(facts)

    def _choose(self, flow: Flow, prompts: Sequence[Prompt]) -> Response:
        """Let the user choose one of several ways to answer, then ask for its fields."""
        ways: dict[str, tuple[Prompt, dict[str, str]]] = {}
        for prompt in prompts:
            for each in prompt.fields:
                ways |= {name: (prompt, {each.name: name}) for name, _ in each.choices}
            if prompt.factor is not None:  # replaces the choice of this factor, to ask for the password too
                ways[prompt.factor] = prompt, {}
        here = [each for each in ways if each != State.WEB_AUTHN]
        if not here:
            why = "There is no other way to sign in here: use a browser."
            raise SignInEnded(ExitStatus.NOT_IN_TERMINAL, why)
        if len(here) < len(ways) and flow.state is not State.WEB_AUTHN:
            self._screen.plain("A passkey can also be used, in a browser.")
        question = "Second factor" if flow.state in _SECOND else "How to sign in"
        return self._fill_in(flow, *ways[self._choice(question, here)])

    def _choice(self, question: str, names: Sequence[str]) -> str:
        choices = [(FACTOR_LABELS.get(each, each), str(each)) for each in names]
        if len(names) == 1:
            self._screen.plain(f"{choices[0][0]}: the only choice.")
            return names[0]
        return choose(self._user_input, self._screen, question, choices)

    def _fill_in(self, flow: Flow, prompt: Prompt, known: Mapping[str, str]) -> Response:
        while True:
            values: dict[str, str | Secret[str]] = dict(known)
            for each in prompt.fields:
                if each.required and each.name not in values:
                    values[each.name] = self._ask(each, prompt, flow)
            try:
                value = flow.make_response(prompt.response, **prompt.arguments(values))
                check_answer(flow.challenge, value)
            except InvalidInput as error:
                self._screen.bad(error.for_person())
            else:
                return value

    def _ask(self, form_field: Field, prompt: Prompt, flow: Flow) -> str | Secret[str]:
        question = form_field.question or form_field.label
        if form_field.kind == "code":
            return self._code(question, flow)
        if form_field.secret:
            new = prompt.response is r.NewPassword
            return self._new_password(question) if new else self.secret(question)
        if prompt.response is r.Answer:
            return self._visible_or_hidden(question)
        default = self._previous_input.get(form_field.name, "")
        while not (value := self._user_input.line(question, default=default)):
            self._screen.bad("The answer must not be empty.")
        self._previous_input[form_field.name] = value
        return value

    def _code(self, question: str, flow: Flow) -> str:
        hint = "Enter: other ways" if self._user_input.is_interactive else ""
        while True:
            line = self._user_input.line(question, hint=hint)
            if line or not self._user_input.is_interactive:
                return line
            alternative = self._alternative(flow)
            if alternative is not None:
                raise alternative

    def _alternative(self, flow: Flow) -> Exception | None:
        """Ask what to do instead of typing a code. Return the exception that does it, or None to type the code."""
        cancelled = SignInEnded(ExitStatus.INTERRUPTED, "Cancelled.")
        ways: dict[str, tuple[str, Exception | None]] = {"here": ("Type the code", None)}
        if r.Select in flow.accepts:
            ways[State.SELECT_CHALLENGE.value] = "Sign in with another factor", OtherFactor()
        is_sent = flow.state not in {State.SOFTWARE_TOKEN_MFA, State.MFA_SETUP}
        ways["again"] = f"Start again{', to get a new code' if is_sent else ''}", StartAgain()
        ways["leave"] = "Cancel the sign-in", cancelled
        choices = [(label, name) for name, (label, _) in ways.items()]
        return ways[choose(self._user_input, self._screen, "What now", choices)][1]

    def _new_password(self, question: str) -> Secret[str]:
        while True:
            password = self._user_input.hidden(question)
            if not self._user_input.is_interactive or password == self._user_input.hidden("Repeat it"):
                return password
            self._screen.bad("The two entries differ.")

    def _visible_or_hidden(self, question: str) -> Secret[str]:
        if not self._user_input.is_interactive:
            return self._user_input.hidden(question)
        line = self._user_input.line(question, hint="Enter: type it hidden")
        return Secret(line) if line else self._user_input.hidden(f"{question}, hidden")

    def _raw_answer(self) -> Response:
        fields: dict[str, Secret[str]] = {}
        name = self._user_input.line("Field of the answer", default="ANSWER")
        while name:
            fields[name] = self._visible_or_hidden(name)
            if not self._user_input.is_interactive:
                break
            name = self._user_input.line("Another field", hint="Enter: send")
        return r.RawAnswer(fields)

    def _show_enrolment(self, setup: MfaSetup, account: str) -> None:
        try:
            enrolment = Enrolment.of(setup, issuer=self._issuer, account=printable(account) or "user")
        except BadField:
            why = "The pool returned a secret that authenticator apps cannot use."
            raise SignInEnded(ExitStatus.SERVICE_FAILED, why) from None
        screen, plain = self._screen, enrolment.secret_code.reveal()
        screen.note(
            "Keep the following secret: anyone who sees it can generate your codes. Clear this screen afterwards."
        )
        picture = self._picture(enrolment)
        with_picture = "Scan this with the authenticator app, or type it there:"
        screen.plain(with_picture if picture else "Type this in the authenticator app:")
        screen.facts({"key": " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))})
        if picture:
            screen.print_picture(picture)  # last, right above the prompt: it may fill a terminal of 24 lines
        else:
            screen.facts({"address": enrolment.uri.reveal()})

    def _picture(self, enrolment: Enrolment) -> str:
        """Return the QR code; an empty string if it cannot be made or shown."""
        if not self._screen.shows_unicode:
            return ""
        try:
            return enrolment.terminal(colour=self._screen.coloured)
        except NoQrCode:
            self._screen.plain("For a QR code: pip install 'authfsm[qr]'.")
        except BadField:  # the names are too long for a QR code
            pass
        return ""


class OtherFactor(Exception):
    """The user wants to sign in with another first factor."""
