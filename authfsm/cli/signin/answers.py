"""Each challenge has its prompt: what is asked is put in plain words, what is typed becomes a response.

Nothing is sent here, and nothing is shown of what was typed hidden. One secret must be shown to the
person: that of an authenticator app, which is the very thing they are to carry over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from authfsm.cli.signin.exits import Ended, Exit
from authfsm.cli.signin.person import Person, chosen
from authfsm.cli.signin.screen import Screen, shown
from authfsm.cli.signin.words import WIRE, WORDS, of_attribute, sent
from authfsm.drivers.boto import Flow
from authfsm.enrolment import Enrolment, NoQrCode
from authfsm.errors import BadField
from authfsm.protocol import responses as r
from authfsm.protocol.replies import (
    AdminPasswordAsked,
    CodeChallenge,
    CustomChallenge,
    MfaSetup,
    NewPasswordRequired,
    OtherChallenge,
    PasswordAsked,
    PasswordSrpAsked,
    PasswordVerifier,
    SelectChallenge,
    SelectMfaType,
    SoftwareTokenMfa,
    WebAuthn,
)
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.secret import Secret

_AGAIN, _LEAVE, _HERE = "again", "leave", "here"
_FIRST: Final = (State.PASSWORD_SRP, State.PASSWORD, State.EMAIL_OTP, State.SMS_OTP)


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

    def __init__(self, screen: Screen, person: Person, issuer: str) -> None:
        self._screen = screen
        self._person = person
        self._issuer = issuer
        self._shown: Secret[str] | None = None
        self._given: dict[str, str] = {}
        self.password: Secret[str] | None = None
        """A password known beforehand; good for one answer."""

    def to(self, flow: Flow) -> Response:  # noqa: C901, PLR0911, PLR0912 - one line a challenge
        """The response to what is asked.

        Args:
            flow: the sign-in; nothing is sent.

        Raises:
            StartAgain: the person wants that instead.
            Ended: the person gives up, or a terminal cannot give what is asked for.
        """
        match flow.challenge:
            case CodeChallenge() as asked:
                return r.Code(self._code(sent(asked), flow))
            case SoftwareTokenMfa(friendly_device_name=name):
                return r.Code(
                    self._code(f"Code of the authenticator app {name or ''}".strip(), flow)
                )
            case SelectChallenge() as asked:
                return self._first_factor(flow, asked.available or _FIRST)
            case PasswordAsked() | AdminPasswordAsked():
                return r.Password(self.secret("Password"))
            case PasswordSrpAsked():
                return flow.filled(r.SrpA, password=self.secret("Password"))
            case PasswordVerifier():
                # The pool asks for a proof that was not begun: with a preferred PASSWORD_SRP it is.
                raise StartAgain(State.PASSWORD_SRP)
            case WebAuthn() as asked:
                self._screen.note("A passkey is asked for, and a terminal has none: a browser has.")
                others = [each for each in asked.available if each != State.WEB_AUTHN]
                return self._first_factor(flow, others)
            case SelectMfaType() as asked:
                return r.Select(self._choice("Second factor", asked.choices))
            case MfaSetup() as asked:
                return self._set_up(asked, flow)
            case NewPasswordRequired() as asked:
                return self._new_password(asked)
            case CustomChallenge() as asked:
                self._public(asked.parameters)
                return r.Answer(self._free("Answer"))
            case OtherChallenge() as asked:
                return self._raw(asked)
            case _:
                # DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER, where no device was named.
                raise Ended(
                    Exit.NOT_HERE, f"{flow.state} is asked for, and this machine is no such device."
                )

    def secret(self, question: str) -> Secret[str]:
        """A password: the one known beforehand, if there is one; it is asked for otherwise."""
        known, self.password = self.password, None
        return known or self._person.hidden(question)

    # ---- codes ---------------------------------------------------------------------------------------

    def _code(self, question: str, flow: Flow) -> str:
        aside = "Enter: other ways" if self._person.present else ""
        while True:
            typed = self._person.line(question, aside=aside)
            # Messages and apps show codes in groups.
            digits = typed.replace(" ", "").replace("-", "")
            if digits.isascii() and digits.isdigit():
                return digits
            if typed or not self._person.present:
                self._screen.bad("A code is digits alone.")
            else:
                other = self._other_way(flow)
                if other is not None:
                    raise other

    def _other_way(self, flow: Flow) -> Exception | None:
        """What to do instead of typing a code."""
        ways = [("Type the code after all", _HERE)]
        if r.Select in flow.accepts:
            ways.append(("Prove who you are in another way", State.SELECT_CHALLENGE.value))
        ways += [("Start again; Cognito sends a code only then", _AGAIN), ("Give up", _LEAVE)]
        match chosen(self._person, self._screen, "What now", ways):
            case State.SELECT_CHALLENGE:
                return Elsewhere()
            case "again":
                return StartAgain()
            case "leave":
                return Ended(Exit.INTERRUPTED, "Given up.")
            case _:
                return None

    # ---- choices -------------------------------------------------------------------------------------

    def _choice(self, question: str, names: Sequence[str]) -> str:
        if len(names) == 1:
            self._screen.plain(f"{WORDS.get(names[0], names[0])}: the only choice.")
            return names[0]
        return chosen(
            self._person, self._screen, question, [(WORDS.get(each, each), each) for each in names]
        )

    def elsewhere(self, flow: Flow) -> Response:
        """Another first factor than the one that is asked for now."""
        available = () if flow.challenge is None else flow.challenge.available
        return self._first_factor(
            flow, [each for each in available if each != flow.state] or _FIRST
        )

    def _first_factor(self, flow: Flow, names: Sequence[str]) -> Response:
        here = [each for each in names if each != State.WEB_AUTHN]
        if not here:
            raise Ended(Exit.NOT_HERE, "There is no other way to sign in here: use a browser.")
        if len(here) < len(names):
            self._screen.plain("A passkey would do too, in a browser.")
        match self._choice("How to sign in", here):
            case State.PASSWORD:
                return r.Password(self.secret("Password"))
            case State.PASSWORD_SRP:
                return flow.filled(r.SrpA, password=self.secret("Password"))
            case other:
                return r.Select(other)

    # ---- what is set up on the way ---------------------------------------------------------------------

    def _set_up(self, asked: MfaSetup, flow: Flow) -> Response:
        if asked.verified:
            return r.CompleteMfaSetup()
        if asked.secret_code is not None:
            if self._shown != asked.secret_code:
                self._carry_over(asked, flow.signin.username or "")
                self._shown = asked.secret_code
            return r.VerifySoftwareToken(self._code("Code that the app shows now", flow))
        can = [State.SOFTWARE_TOKEN_MFA, State.EMAIL_OTP]
        offered = [each for each in can if not asked.choices or each in asked.choices]
        if not offered:
            raise Ended(
                Exit.NOT_HERE,
                f"A second factor must be set up first ({', '.join(asked.choices)}), and not in a sign-in.",
            )
        self._screen.note("A second factor must be set up: the pool requires one.")
        if self._choice("Second factor", offered) == State.EMAIL_OTP:
            return r.SetUpEmail(self._asked("E-mail address for the codes"))
        return r.AssociateSoftwareToken()

    def _carry_over(self, asked: MfaSetup, account: str) -> None:
        try:
            enrolment = Enrolment.of(asked, issuer=self._issuer, account=shown(account) or "user")
        except BadField:
            raise Ended(Exit.NO_ANSWER, "The pool gave a secret that no app can use.") from None
        screen, plain = self._screen, enrolment.secret_code.reveal()
        screen.note(
            "What follows is a secret: whoever sees it can make your codes. Clear this screen later."
        )
        screen.plain("For the authenticator app, to be scanned or typed:")
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

    def _new_password(self, asked: NewPasswordRequired) -> Response:
        self._screen.note("The password is a temporary one: choose your own.")
        while True:
            password = self._person.hidden("New password")
            if not self._person.present or password == self._person.hidden("The same again"):
                break
            self._screen.bad("They are not the same.")
        # "you can't modify a required attribute that already has a value" -- AWS API reference
        missing = [
            each for each in asked.required_attributes if not asked.user_attributes.get(each)
        ]
        self._given = {
            name: self._asked(of_attribute(name), self._given.get(name, "")) for name in missing
        }
        return r.NewPassword(password, self._given)

    # ---- the pool's own ------------------------------------------------------------------------------

    def _public(self, parameters: Mapping[str, str]) -> None:
        public = {name: value for name, value in parameters.items() if name not in WIRE}
        if public:
            self._screen.facts(public)

    def _free(self, question: str) -> Secret[str]:
        if not self._person.present:
            return self._person.hidden(question)
        typed = self._person.line(question, aside="Enter: type it hidden")
        return Secret(typed) if typed else self._person.hidden(f"{question}, hidden")

    def _raw(self, asked: OtherChallenge) -> Response:
        self._screen.note(f"{asked.name} is a challenge that this version does not know.")
        self._public(asked.parameters)
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
            self._screen.bad("Something must be typed.")
        return typed


class Elsewhere(Exception):
    """The person wants to prove who they are by another first factor."""
