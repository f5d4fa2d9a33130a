"""What a person answers: the prompts of each challenge, asked at a terminal, become a response.

What is asked is in `authfsm.protocol.prompts`; how a terminal asks it is here. Nothing is sent, and nothing
is shown of what was typed hidden. One secret must be shown to the person: that of an authenticator app,
which is the very thing they are to carry over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from authfsm.base.secret import Secret
from authfsm.cli.signin.exits import Ended, Exit
from authfsm.cli.signin.screen import Screen, shown
from authfsm.cli.signin.user_input import UserInput, chosen
from authfsm.core.enrolment import Enrolment, NoQrCode
from authfsm.drivers.boto import Flow
from authfsm.protocol import responses as r
from authfsm.protocol.errors import BadField, InvalidInput
from authfsm.protocol.forms import Field, Prompt
from authfsm.protocol.prompts import FACTOR_LABELS, check_answer, form_for
from authfsm.protocol.replies import MfaSetup
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State

_AGAIN, _LEAVE, _HERE = "again", "leave", "here"
_SECOND: Final = {State.SELECT_MFA_TYPE, State.MFA_SETUP}
_NOTES: Final = {
    State.WEB_AUTHN: "Cognito asks for a passkey, which a terminal does not have: use a browser.",
    State.NEW_PASSWORD_REQUIRED: "The password is temporary: choose a new one.",
    State.MFA_SETUP: "A second factor must be set up: the pool requires one.",
}


class StartAgain(Exception):
    """The person wants to begin anew, or must.

    Args:
        preferred: the first factor to prefer then.
    """

    def __init__(self, preferred: str | None = None) -> None:
        super().__init__()
        self.preferred = preferred


class Answers:
    """What a person answers to each challenge.

    Args:
        screen: where it is shown what is asked.
        person: who answers.
        issuer: what an authenticator app shall call the pool.
    """

    def __init__(self, screen: Screen, person: UserInput, issuer: str) -> None:
        self._screen = screen
        self._person = person
        self._issuer = issuer
        self._shown: Secret[str] | None = None
        self._given: dict[str, str] = {}
        self.password: Secret[str] | None = None
        """A password known beforehand; good for one answer."""

    def to(self, flow: Flow) -> Response:
        """The response to what is asked.

        Args:
            flow: the sign-in; nothing is sent.

        Raises:
            StartAgain: the person wants that instead, or must.
            Ended: the person gives up, or a terminal cannot give what is asked for.
        """
        asked, prompts = flow.challenge, self._prompts(flow)
        if asked is None or not prompts:
            # DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER, where no device was named; a factor of no kind we know.
            raise Ended(Exit.NOT_HERE, f"{flow.state} cannot be answered in a terminal.")
        first = prompts[0]
        if first.response is r.SrpClaim:
            # The pool asks for a proof that was not begun: with a preferred PASSWORD_SRP it is.
            raise StartAgain(State.PASSWORD_SRP)
        self._introduce(flow, first)
        if first.response is r.RawAnswer:
            return self._raw()
        several = len(prompts) > 1 and first.response is not r.Code
        if several or any(each.kind == "choice" for each in first.fields) or not first.by_person:
            return self._one_of(flow, prompts)
        return self._filled(flow, first, {})

    def elsewhere(self, flow: Flow) -> Response:
        """Another first factor than the one that is asked for now."""
        return self._one_of(flow, self._prompts(flow)[1:])

    def secret(self, question: str) -> Secret[str]:
        """A password: the one known beforehand, if there is one; it is asked for otherwise."""
        known, self.password = self.password, None
        return known or self._person.hidden(question)

    # ---- what is asked -------------------------------------------------------------------------------

    def _prompts(self, flow: Flow) -> list[Prompt]:
        if flow.challenge is None:
            return []
        every = form_for(flow.challenge, flow.signin.role).prompts
        return [each for each in every if each.response in flow.accepts]

    def _introduce(self, flow: Flow, first: Prompt) -> None:
        asked = flow.challenge
        if first.response is r.RawAnswer:
            self._screen.note(first.explanation)
        elif isinstance(asked, MfaSetup) and asked.secret_code is not None:
            if not asked.verified and self._shown != asked.secret_code:
                self._carry_over(asked, flow.signin.username or "")
                self._shown = asked.secret_code
        elif flow.state in _NOTES:
            self._screen.note(_NOTES[flow.state])
        if asked is not None and (facts := form_for(asked).facts):
            self._screen.facts(facts)

    def _one_of(self, flow: Flow, prompts: Sequence[Prompt]) -> Response:
        """One of several ways to answer: by what it is called, then by its fields."""
        ways: dict[str, tuple[Prompt, dict[str, str]]] = {}
        for prompt in prompts:
            for each in prompt.fields:
                ways |= {name: (prompt, {each.name: name}) for name, _ in each.choices}
            if prompt.factor is not None:  # it takes the place of a bare choice of the same name
                ways[prompt.factor] = prompt, {}
        here = [each for each in ways if each != State.WEB_AUTHN]
        if not here:
            raise Ended(Exit.NOT_HERE, "There is no other way to sign in here: use a browser.")
        if len(here) < len(ways) and flow.state is not State.WEB_AUTHN:
            self._screen.plain("A passkey can also be used, in a browser.")
        question = "Second factor" if flow.state in _SECOND else "How to sign in"
        return self._filled(flow, *ways[self._choice(question, here)])

    def _choice(self, question: str, names: Sequence[str]) -> str:
        words = [(FACTOR_LABELS.get(each, each), str(each)) for each in names]
        if len(names) == 1:
            self._screen.plain(f"{words[0][0]}: the only choice.")
            return names[0]
        return chosen(self._person, self._screen, question, words)

    def _filled(self, flow: Flow, prompt: Prompt, known: Mapping[str, str]) -> Response:
        """What the fields of a prompt make; what cannot be an answer is asked for again."""
        while True:
            values: dict[str, str | Secret[str]] = dict(known)
            for each in prompt.fields:
                if each.required and each.name not in values:
                    values[each.name] = self._ask(each, prompt, flow)
            try:
                given = flow.make_response(prompt.response, **prompt.arguments(values))
                check_answer(flow.challenge, given)
            except InvalidInput as error:
                self._screen.bad(error.advice)
            else:
                return given

    def _ask(self, asked: Field, prompt: Prompt, flow: Flow) -> str | Secret[str]:
        question = asked.question or asked.label
        if asked.kind == "code":
            return self._code(question, flow)
        if asked.secret:
            new = prompt.response is r.NewPassword
            return self._new_password(question) if new else self.secret(question)
        if prompt.response is r.Answer:
            return self._free(question)
        typed = self._given[asked.name] = self._asked(question, self._given.get(asked.name, ""))
        return typed

    def _code(self, question: str, flow: Flow) -> str:
        aside = "Enter: other ways" if self._person.present else ""
        while True:
            typed = self._person.line(question, aside=aside)
            if typed or not self._person.present:
                return typed
            other = self._other_way(flow)
            if other is not None:
                raise other

    def _other_way(self, flow: Flow) -> Exception | None:
        """What to do instead of typing a code."""
        ways = [("Type the code", _HERE)]
        if r.Select in flow.accepts:
            ways.append(("Sign in with another factor", State.SELECT_CHALLENGE.value))
        ways += [("Start again, to get a new code", _AGAIN), ("Give up", _LEAVE)]
        match chosen(self._person, self._screen, "What now", ways):
            case State.SELECT_CHALLENGE:
                return Elsewhere()
            case "again":
                return StartAgain()
            case "leave":
                return Ended(Exit.INTERRUPTED, "Given up.")
            case _:
                return None

    def _new_password(self, question: str) -> Secret[str]:
        while True:
            password = self._person.hidden(question)
            if not self._person.present or password == self._person.hidden("Repeat it"):
                return password
            self._screen.bad("The two entries differ.")

    def _free(self, question: str) -> Secret[str]:
        if not self._person.present:
            return self._person.hidden(question)
        typed = self._person.line(question, aside="Enter: type it hidden")
        return Secret(typed) if typed else self._person.hidden(f"{question}, hidden")

    def _raw(self) -> Response:
        fields: dict[str, Secret[str]] = {}
        name = self._person.line("Field of the answer", default="ANSWER")
        while name:
            fields[name] = self._free(name)
            if not self._person.present:
                break
            name = self._person.line("Another field", aside="Enter: send")
        return r.RawAnswer(fields)

    def _asked(self, question: str, default: str = "") -> str:
        while not (typed := self._person.line(question, default=default)):
            self._screen.bad("The answer must not be empty.")
        return typed

    # ---- the authenticator app -------------------------------------------------------------------------

    def _carry_over(self, asked: MfaSetup, account: str) -> None:
        try:
            enrolment = Enrolment.of(asked, issuer=self._issuer, account=shown(account) or "user")
        except BadField:
            raise Ended(
                Exit.NO_ANSWER, "The pool returned a secret that authenticator apps cannot use."
            ) from None
        screen, plain = self._screen, enrolment.secret_code.reveal()
        screen.note(
            "Keep the following secret: anyone who sees it can generate your codes. Clear this screen afterwards."
        )
        screen.plain("Scan this with the authenticator app, or type it there:")
        screen.facts({"key": " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))})
        picture = self._picture(enrolment)
        if picture:
            # Last of all, and right above the prompt: it just fits a terminal of 24 lines.
            screen.drawn(picture)
        else:
            screen.facts({"address": enrolment.uri.reveal()})

    def _picture(self, enrolment: Enrolment) -> str:
        """The QR code; nothing where none can be made, or shown."""
        if not self._screen.draws:
            return ""
        try:
            return enrolment.terminal(colour=self._screen.coloured)
        except NoQrCode:
            self._screen.plain("For a QR code: pip install 'authfsm[qr]'.")
        except BadField:  # the names are too long for one
            pass
        return ""


class Elsewhere(Exception):
    """The person wants to prove who they are by another first factor."""
