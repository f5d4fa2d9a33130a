"""What a person is asked: one specification, complete by the table, and what each front end shows is that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import attrs
import pytest
from answering import Answering
from apps.site import challenges as site
from jinja2 import Environment, FileSystemLoader, select_autoescape
from joserfc.jwk import RSAKey
from rich.console import Console
from samples import standing

from authfsm import Flow, InvalidInput
from authfsm.base.secret import Secret
from authfsm.cli.signin.answers import Answers, StartAgain
from authfsm.cli.signin.exits import Ended
from authfsm.cli.signin.screen import Screen
from authfsm.journeys import NextInput
from authfsm.local import LocalPool
from authfsm.notebook.view_model import _form, prompts_for
from authfsm.protocol import replies
from authfsm.protocol import responses as r
from authfsm.protocol.forms import SRP_RESPONSES, Field, Form, Prompt
from authfsm.protocol.prompts import FACTOR_LABELS, check_answer, form_for
from authfsm.protocol.states import CHALLENGES, State
from authfsm.protocol.table import PREREQUISITES, PROTOCOL, Prerequisite, Role, destinations

S = State
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
TEMPLATES = Path(site.__file__).parent / "templates"
OF_DEVICE = {S.DEVICE_SRP_AUTH, S.DEVICE_PASSWORD_VERIFIER}


def challenges() -> Iterator[tuple[str, Any, Role | None]]:
    """Each challenge in each role and at each of its steps, its parameters as samples have them."""
    for state in (*CHALLENGES, S.OTHER_CHALLENGE):
        asked: Any = standing(state).challenge
        if state is S.MFA_SETUP:
            fresh = attrs.evolve(asked, secret_code=None, verified=False)
            yield "MFA_SETUP", fresh, None
            yield "MFA_SETUP, app", attrs.evolve(fresh, secret_code=Secret(SECRET)), None
            yield "MFA_SETUP, verified", attrs.evolve(asked, verified=True), None
        elif state is S.EMAIL_OTP:
            for role in Role:
                yield f"EMAIL_OTP, {role}", asked, role
        else:
            yield str(state), asked, None


EVERY = list(challenges())
NAMES = [name for name, _, _ in EVERY]
by_challenge = pytest.mark.parametrize(("asked", "role"), [each[1:] for each in EVERY], ids=NAMES)


def values(prompt: Prompt) -> dict[str, str]:
    """Something good for each field."""
    good = {"code": "123 456", "email": "ada@example.com", "lines": "ANSWER=42", "credential": "{}"}
    return {
        each.name: each.choices[0][0] if each.choices else good.get(each.kind, "text")
        for each in prompt.fields
    }


# ---- complete by the table ----------------------------------------------------------------------------------


@by_challenge
def test_every_challenge_has_prompts(asked: Any, role: Role | None) -> None:
    """In every role: a title, and prompts with a sentence each; only a device is asked without a person."""
    asks = form_for(asked, role)

    assert asks.title
    assert (not asks.prompts) is (asked.state in OF_DEVICE)
    for prompt in asks.prompts:
        assert prompt.explanation.endswith(".")
        assert prompt.label
        assert len({each.name for each in prompt.fields}) == len(prompt.fields)
        assert all(each.label for each in prompt.fields)


def test_every_response_of_a_person_can_be_made() -> None:
    """What a state takes from a person in a role is what its prompts make, no more and no less."""
    made: dict[tuple[State, Role | None], set[type[r.Response]]] = {}
    for _, asked, role in EVERY:
        found = made.setdefault((asked.state, role), set())
        found |= {each.response for each in form_for(asked, role).prompts}

    for (state, role), found in made.items():
        takes = {
            each
            for each in PROTOCOL[state]
            if role is not Role.SECOND_FACTOR
            or PREREQUISITES.get((state, each)) is not Prerequisite.FIRST_FACTOR
        }
        if state in OF_DEVICE:
            takes = set()  # the device's own proof
        if state is not S.WEB_AUTHN:
            takes -= {r.Credential}  # only WEB_AUTHN brings what the browser signs
        assert found == takes, (state, role)


@by_challenge
def test_the_fields_are_the_arguments_of_the_response(asked: Any, role: Role | None) -> None:
    """Each required argument has a field, each field is an argument, and what is filled in makes the response."""
    for prompt in form_for(asked, role).prompts:
        if prompt.response in SRP_RESPONSES:
            assert [each.name for each in prompt.fields] == ["password"]
            assert prompt.arguments(values(prompt)) == {"password": Secret("text")}
            continue
        taken = {each.name: each for each in attrs.fields(prompt.response)}
        assert {each.within or each.name for each in prompt.fields} <= set(taken)
        needed = {name for name, each in taken.items() if each.default is attrs.NOTHING}
        assert needed <= {each.name for each in prompt.fields if each.required}
        given = prompt.answer(values(prompt))
        assert type(given) is prompt.response
        assert not any(
            isinstance(getattr(given, each.name), Secret)
            for each in taken.values()
            if str(each.type).startswith("str")
        )
        check_answer(asked, given)


@by_challenge
def test_a_field_left_empty_is_named(asked: Any, role: Role | None) -> None:
    """Each required field, one at a time: the person's error, and no value of another field in it."""
    for prompt in form_for(asked, role).prompts:
        for each in prompt.fields:
            given = {**values(prompt), each.name: ""}
            if not each.required:
                prompt.arguments(given)
                continue
            with pytest.raises(InvalidInput) as caught:
                prompt.arguments(given)
            assert caught.value.field == each.name


@by_challenge
def test_it_is_data(asked: Any, role: Role | None) -> None:
    """A form can be written as JSON, and holds no secret of the challenge."""

    def plain(_: Any, __: Any, value: Any) -> Any:
        return str(value) if isinstance(value, type) else value

    written = json.dumps(attrs.asdict(form_for(asked, role), value_serializer=plain))

    assert SECRET not in written
    assert asked.session is None or asked.session.reveal() not in written


# ---- by the challenge's parameters ----------------------------------------------------------------------------


def prompts(asked: Any, role: Role | None = None) -> dict[str, Prompt]:
    """The prompts by their triggers."""
    return {each.trigger: each for each in form_for(asked, role).prompts}


def test_where_a_code_was_sent() -> None:
    """The medium and the masked address are said; the medium that is usual, where the challenge names none."""
    asked = replies.SmsMfa(name="SMS_MFA", medium="SMS", destination="+***0143")
    assert prompts(asked)["code"].explanation == "A code was sent by SMS to +***0143."
    bare = replies.EmailOtp(name="EMAIL_OTP")
    assert prompts(bare)["code"].explanation == "A code was sent by e-mail."
    [code] = prompts(asked)["code"].fields
    assert (code.inputmode, code.autocomplete, code.secret) == ("numeric", "one-time-code", False)
    assert code.pattern is not None


@pytest.mark.parametrize(
    ("choices", "triggers"),
    [
        (("SOFTWARE_TOKEN_MFA",), ["associate_software_token"]),
        (("EMAIL_OTP",), ["set_up_email"]),
        (("SOFTWARE_TOKEN_MFA", "EMAIL_OTP"), ["associate_software_token", "set_up_email"]),
        ((), ["associate_software_token", "set_up_email"]),
        (("SMS_MFA",), []),
    ],
)
def test_what_can_be_set_up(choices: tuple[str, ...], triggers: list[str]) -> None:
    """MFAS_CAN_SETUP decides; where it says nothing, both are asked for."""
    assert list(prompts(replies.MfaSetup(name="MFA_SETUP", choices=choices))) == triggers


def test_the_choices_are_the_challenges_own() -> None:
    """As they are offered, an unknown name included; all that the table has, where none is said."""
    asked = replies.SelectMfaType(name="SELECT_MFA_TYPE", choices=("SMS_MFA", "TELEPATHY"))
    [choice] = prompts(asked)["select"].fields
    assert choice.choices == (("SMS_MFA", "A code by SMS"), ("TELEPATHY", "TELEPATHY"))
    with pytest.raises(InvalidInput):
        prompts(asked)["select"].answer({"answer": "EMAIL_OTP"})

    bare = replies.SelectChallenge(name="SELECT_CHALLENGE")
    [choice] = prompts(bare)["select"].fields
    assert {name for name, _ in choice.choices} == destinations(S.SELECT_CHALLENGE, r.Select) - {
        S.SELECT_CHALLENGE, S.OTHER_CHALLENGE,
    }  # fmt: skip
    assert set(FACTOR_LABELS) >= {name for name, _ in choice.choices}


def test_another_first_factor_is_another() -> None:
    """The factor that is asked for now is not among those it can be left for; a second factor is not left."""
    asked = replies.EmailOtp(name="EMAIL_OTP", available=("EMAIL_OTP", "PASSWORD"))
    assert list(prompts(asked, Role.FIRST_FACTOR)) == ["code", "select", "password"]
    [choice] = prompts(asked, Role.FIRST_FACTOR)["select"].fields
    assert [name for name, _ in choice.choices] == ["PASSWORD"]
    assert list(prompts(asked, Role.SECOND_FACTOR)) == ["code"]


def test_only_attributes_without_a_value_are_asked_for() -> None:
    """A required attribute that has a value cannot be changed here; the others go into `attributes`."""
    asked = replies.NewPasswordRequired(
        name="NEW_PASSWORD_REQUIRED",
        required_attributes=("email", "name", "custom:team"),
        user_attributes={"email": "ada@example.com", "name": ""},
    )
    prompt = prompts(asked)["new_password"]
    assert [each.name for each in prompt.fields] == ["password", "name", "custom:team"]
    assert [each.label for each in prompt.fields] == ["New password", "Name", "Team"]
    given = prompt.answer({"password": "a b ", "name": "Ada", "custom:team": "x"})
    assert given == r.NewPassword("a b ", {"name": "Ada", "custom:team": "x"})


def test_what_the_functions_made_public() -> None:
    """Their parameters are facts of the form; what the wire alone needs is not."""
    asked = replies.CustomChallenge(
        name="CUSTOM_CHALLENGE", parameters={"USERNAME": "ada", "question": "Up?"}
    )
    assert form_for(asked).facts == {"question": "Up?"}


# ---- what each front end shows ---------------------------------------------------------------------------------


@pytest.fixture
def flow(signing_key: RSAKey) -> Flow:
    """A flow, to stand anywhere."""
    pool = LocalPool(key=signing_key)
    pool.add_user("ada", "Correct-Horse-1")
    return pool.cognito().start()


def at(flow: Flow, asked: Any, role: Role | None) -> Flow:
    """The flow, standing at that challenge."""
    flow.signin = standing(asked.state, role)
    flow.signin.challenge = asked
    return flow


def fields_of(asks: Form) -> dict[str, list[Field]]:
    """The fields of each prompt, by its trigger."""
    return {each.trigger: list(each.fields) for each in asks.prompts}


@by_challenge
def test_the_notebook_shows_these(flow: Flow, asked: Any, role: Role | None) -> None:
    """Each prompt is a form of the page, with these fields in this order."""
    told = {each["trigger"]: each for each in map(_form, prompts_for(at(flow, asked, role)))}
    wanted = fields_of(form_for(asked, role))

    assert {name: [each["name"] for each in one["fields"]] for name, one in told.items()} == {
        name: [each.name for each in fields] for name, fields in wanted.items()
    }
    for name, fields in wanted.items():
        for shown, each in zip(told[name]["fields"], fields, strict=True):
            assert (shown["kind"] == "secret") is each.secret
            assert [tuple(one) for one in shown["choices"]] == list(each.choices)


@by_challenge
def test_the_site_shows_these(flow: Flow, asked: Any, role: Role | None) -> None:
    """Each prompt that the site offers is a form of its page: the fields, the choices, hidden or not."""
    at(flow, asked, role)
    template, facts = site.page(flow, issuer="Example", account="ada")
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=select_autoescape())
    html = environment.get_template(f"{template}.html").render(
        {"notice": {}, "account": "ada", **facts}, step="1"
    )
    if asked.state in site.BY_ITSELF:
        assert template == "go_on"
        return
    wanted = fields_of(form_for(asked, role))
    wanted.pop(r.RawAnswer.trigger, None)
    if r.SrpA.trigger in wanted:
        wanted.pop(r.Password.trigger, None)
    pages = re.findall(r"<form.*?</form>", html, re.DOTALL)
    triggers = [re.findall('name="response" value="([^"]+)"', each)[0] for each in pages]

    assert triggers == list(wanted)
    for page, fields in zip(pages, wanted.values(), strict=True):
        names = [
            n for n in re.findall('name="([^"]+)"', page) if n not in {"form", "step", "response"}
        ]
        assert list(dict.fromkeys(names)) == [each.name for each in fields]
        assert ('type="password"' in page) is any(each.secret for each in fields)


class Typist:
    """Somebody at a terminal who fills in something good, and remembers what was asked."""

    present = True

    def __init__(self, factor: str) -> None:
        self.factor = factor
        self.lines: list[str] = []
        self.hid: list[str] = []

    def line(self, question: str, *, default: str = "", aside: str = "") -> str:
        """Type a line: the factor where one is chosen, an address, a code."""
        del aside
        if "[1-" in question:
            return self.factor
        if question == "Another field":
            return ""
        self.lines.append(question)
        good = {"E-mail": "ada@example.com", "Code": "123456"}
        return next(
            (text for start, text in good.items() if question.startswith(start)), default or "text"
        )

    def hidden(self, question: str, *, aside: str = "") -> Secret[str]:
        """Type something that is not shown."""
        del aside
        self.hid.append(question)
        return Secret("Another-Horse-2")


@by_challenge
def test_the_command_asks_these(flow: Flow, asked: Any, role: Role | None) -> None:
    """Each prompt, where it can be chosen: its required fields are asked for, hidden or not, and make the response."""
    screen = Screen(Console(file=StringIO()))
    for prompt in form_for(asked, role).prompts:
        if prompt.response is r.Credential:
            continue  # a terminal has no passkey
        at(flow, asked, role)
        choices = [name for each in prompt.fields for name, _ in each.choices]
        factor = prompt.factor or next(
            (each for each in choices if each not in {"PASSWORD", "PASSWORD_SRP", "WEB_AUTHN"}), ""
        )
        if choices and not factor:
            continue
        typist = Typist(str(factor).lower())
        answers = Answers(screen, typist, "Example")
        first = form_for(asked, role).prompts[0]
        ask = answers.to if prompt == first or first.response is not r.Code else answers.elsewhere
        if prompt.response is r.SrpClaim:
            with pytest.raises(StartAgain):
                ask(flow)
            continue
        given = ask(flow)
        assert type(given) is prompt.response
        if prompt.response is r.RawAnswer:
            continue
        asked_for = [each for each in prompt.fields if each.required and each.kind != "choice"]
        assert typist.lines == [
            each.question or each.label for each in asked_for if not each.secret
        ]
        hid = [each.question or each.label for each in asked_for if each.secret]
        assert [each for each in typist.hid if each != "Repeat it"] == hid


def test_the_command_has_nothing_to_ask_of_a_device(flow: Flow) -> None:
    """Where no person can answer, it ends and says so."""
    screen = Screen(Console(file=StringIO()))
    for state in sorted(OF_DEVICE):
        with pytest.raises(Ended, match=str(state)):
            Answers(screen, Typist(""), "Example").to(at(flow, standing(state).challenge, None))


@by_challenge
def test_a_journey_names_these(asked: Any, role: Role | None) -> None:
    """A next_input names the field that takes its value."""
    for prompt in form_for(asked, role).prompts:
        next_input = NextInput(
            asked.state, prompt.response, None, wrong=False, leads_to=S.AUTHENTICATED
        )
        assert next_input.field == (prompt.fields[0].name if prompt.fields else None)


def test_the_walker_answers_these() -> None:
    """The walker at random makes an answer wherever a person, or a proof, is asked for."""
    by_its_own_way = {S.MFA_SETUP, S.SELECT_CHALLENGE}
    made: Mapping[str, Any] = Answering.MAKERS

    assert {State[name] for name in made} | by_its_own_way == set(CHALLENGES)
