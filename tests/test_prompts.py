"""The forms of challenges are complete by the table, and every user interface shows them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import attrs
import pytest
from apps.site import pages as site
from challenge_answers import ChallengeAnswers
from jinja2 import Environment, FileSystemLoader, select_autoescape
from joserfc.jwk import RSAKey
from rich.console import Console
from samples import signin_in_state

import authfsm
from authfsm import Flow, InvalidInput, Verifier, WrongResponse, new_key
from authfsm.base.secret import Secret
from authfsm.cli.signin.answers import AnswerPrompter, StartAgain
from authfsm.cli.signin.screen import Screen, SignInEnded
from authfsm.contrib.web_sign_in import WebSignIn
from authfsm.journeys import NextInput
from authfsm.local import LocalPool
from authfsm.notebook.answers import prompts_for
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
    """Return each challenge in each role and in each of its steps, with the samples' parameters."""
    for state in (*CHALLENGES, S.OTHER_CHALLENGE):
        challenge: Any = signin_in_state(state).challenge
        if state is S.MFA_SETUP:
            fresh = attrs.evolve(challenge, secret_code=None, verified=False)
            yield "MFA_SETUP", fresh, None
            yield "MFA_SETUP, app", attrs.evolve(fresh, secret_code=Secret(SECRET)), None
            yield "MFA_SETUP, verified", attrs.evolve(challenge, verified=True), None
        elif state is S.EMAIL_OTP:
            for role in Role:
                yield f"EMAIL_OTP, {role}", challenge, role
        else:
            yield str(state), challenge, None


ALL_CHALLENGES = list(challenges())
NAMES = [name for name, _, _ in ALL_CHALLENGES]
by_challenge = pytest.mark.parametrize(("challenge", "role"), [each[1:] for each in ALL_CHALLENGES], ids=NAMES)


def values(prompt: Prompt) -> dict[str, str]:
    """Return a valid value for each field."""
    good = {"code": "123 456", "email": "ada@example.com", "lines": "ANSWER=42", "credential": "{}"}
    return {each.name: each.choices[0][0] if each.choices else good.get(each.kind, "text") for each in prompt.fields}


# ---- completeness -------------------------------------------------------------------------------------------


@by_challenge
def test_every_challenge_has_prompts(challenge: Any, role: Role | None) -> None:
    """In every role a challenge has a title and prompts; only a device needs no user."""
    asks = form_for(challenge, role)

    assert asks.title
    assert (not asks.prompts) is (challenge.state in OF_DEVICE)
    for prompt in asks.prompts:
        assert prompt.explanation.endswith(".")
        assert prompt.label
        assert len({each.name for each in prompt.fields}) == len(prompt.fields)
        assert all(each.label for each in prompt.fields)


def test_every_response_of_a_user_can_be_made() -> None:
    """The prompts make exactly the responses of a user that the state accepts in this role."""
    responses: dict[tuple[State, Role | None], set[type[r.Response]]] = {}
    for _, challenge, role in ALL_CHALLENGES:
        response_classes = responses.setdefault((challenge.state, role), set())
        response_classes |= {each.response for each in form_for(challenge, role).prompts}

    for (state, role), response_classes in responses.items():
        takes = {
            each
            for each in PROTOCOL[state]
            if role is not Role.SECOND_FACTOR or PREREQUISITES.get((state, each)) is not Prerequisite.STILL_FIRST_FACTOR
        }
        if state in OF_DEVICE:
            takes = set()  # the device's own proof
        if state is not S.WEB_AUTHN:
            takes -= {r.Credential}  # only WEB_AUTHN has options for the browser to sign
        assert response_classes == takes, (state, role)


@by_challenge
def test_the_fields_are_the_arguments_of_the_response(challenge: Any, role: Role | None) -> None:
    """Each required argument has a field, each field is an argument, and their values make the response."""
    for prompt in form_for(challenge, role).prompts:
        if prompt.response in SRP_RESPONSES:
            assert [each.name for each in prompt.fields] == ["password"]
            assert prompt.arguments(values(prompt)) == {"password": Secret("text")}
            continue
        fields = {each.name: each for each in attrs.fields(prompt.response)}
        assert {each.within or each.name for each in prompt.fields} <= set(fields)
        needed = {name for name, each in fields.items() if each.default is attrs.NOTHING}
        assert needed <= {each.name for each in prompt.fields if each.required}
        response = prompt.make_response(values(prompt))
        assert type(response) is prompt.response
        assert not any(
            isinstance(getattr(response, each.name), Secret)
            for each in fields.values()
            if str(each.type).startswith("str")
        )
        check_answer(challenge, response)


@by_challenge
def test_an_empty_field_is_named(challenge: Any, role: Role | None) -> None:
    """For each empty required field, the user's error names it and has no value of another field."""
    for prompt in form_for(challenge, role).prompts:
        for each in prompt.fields:
            inputs = {**values(prompt), each.name: ""}
            if not each.required:
                prompt.arguments(inputs)
                continue
            with pytest.raises(InvalidInput) as caught:
                prompt.arguments(inputs)
            assert caught.value.field == each.name


@by_challenge
def test_a_form_is_data(challenge: Any, role: Role | None) -> None:
    """`challenge.form()` is JSON with the prompts of the specification, and has no secret of the challenge."""
    form = challenge.form(role and role.value)
    text = json.dumps(form)
    asks = form_for(challenge, role)

    assert json.loads(text) == form
    assert SECRET not in text
    assert challenge.session is None or challenge.session.reveal() not in text
    assert (form["challenge"], form["title"]) == (challenge.state.value, asks.title)
    assert {each["response"]: [one["name"] for one in each["fields"]] for each in form["prompts"]} == {
        trigger: [each.name for each in fields] for trigger, fields in fields_of(asks).items()
    }
    for shown, field in zip(
        (each for one in form["prompts"] for each in one["fields"]),
        (each for one in asks.prompts for each in one.fields),
        strict=True,
    ):
        assert shown["question"]
        assert [(each["value"], each["label"]) for each in shown["choices"]] == list(field.choices)
        assert all(shown[name] == getattr(field, name) for name in HTML)
        assert ("request_options" in shown) is (field.kind == "credential")


HTML = ("label", "kind", "required", "pattern", "autocomplete", "inputmode")


@by_challenge
def test_a_browsers_values_make_the_response(challenge: Any, role: Role | None) -> None:
    """`response` makes the prompt's response of a browser's values.

    Errors name a missing or unknown field.
    """
    for prompt in form_for(challenge, role).prompts:
        inputs = values(prompt)
        assert authfsm.response(prompt.trigger, **inputs) == prompt.make_response(inputs)
        for each in prompt.fields:
            for empty in ("", None):
                if each.required and not (each.within and empty is None):
                    with pytest.raises(InvalidInput) as caught:
                        authfsm.response(prompt.trigger, **{**inputs, each.name: empty})
                    assert (caught.value.field, caught.value.http_status) == (each.name, 422)
                else:
                    authfsm.response(prompt.trigger, **{**inputs, each.name: empty})
            with pytest.raises(InvalidInput, match="must be text, not int") as caught:
                authfsm.response(prompt.trigger, **{**inputs, each.name: 5})  # type: ignore[arg-type]
            assert caught.value.field == each.name
        if prompt.response is not r.NewPassword:
            with pytest.raises(InvalidInput, match="is not a field of") as caught:
                authfsm.response(prompt.trigger, **inputs, direct="x")
            assert caught.value.field == "direct"


@pytest.mark.parametrize("name", ["user_srp_auth", "revoke_token", "", None, ["code"]])
def test_no_form_has_this_response(name: Any) -> None:
    """A name that no form has is the user's error, also that of a response that begins a sign-in."""
    with pytest.raises(InvalidInput, match="must be one of code") as caught:
        authfsm.response(name, code="123456")
    assert caught.value.field == "response"


@pytest.mark.parametrize("state", [S.SELECT_CHALLENGE, S.PASSWORD_SRP])
def test_a_password_from_a_browser_is_proved(signing_key: RSAKey, state: State) -> None:
    """The password for `srp_a` signs in by SRP, and is not sent."""
    pool = LocalPool(key=signing_key, allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP"])
    pool.add_user("ada", "Correct-Horse-1", email="ada@example.com")
    preferred = None if state is S.SELECT_CHALLENGE else "PASSWORD_SRP"
    flow = pool.cognito().sign_in("ada", flow="USER_AUTH", preferred_challenge=preferred)
    form = flow.form()
    assert form is not None
    assert "srp_a" in {each["response"] for each in form["prompts"]}

    flow.answer(authfsm.response("srp_a", password="Correct-Horse-1"))

    assert [each.response for each in flow.history][-2:] == [r.SrpA, r.SrpClaim]
    assert flow.state is S.AUTHENTICATED
    with pytest.raises(WrongResponse):
        flow.answer(authfsm.response("srp_a", password="Correct-Horse-1"))


# ---- by the challenge's parameters ----------------------------------------------------------------------------


def prompts(challenge: Any, role: Role | None = None) -> dict[str, Prompt]:
    """Return the prompts by their triggers."""
    return {each.trigger: each for each in form_for(challenge, role).prompts}


def test_the_destination_of_a_code_is_shown() -> None:
    """The medium and the masked address of a code are shown."""
    challenge = replies.SmsMfa(name="SMS_MFA", medium="SMS", destination="+***0143")
    assert prompts(challenge)["code"].explanation == "A code was sent by SMS to +***0143."
    bare = replies.EmailOtp(name="EMAIL_OTP")
    assert prompts(bare)["code"].explanation == "A code was sent by e-mail."
    [code] = prompts(challenge)["code"].fields
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
def test_the_offered_factors_can_be_set_up(choices: tuple[str, ...], triggers: list[str]) -> None:
    """MFAS_CAN_SETUP limits the factors; without it both are offered."""
    assert list(prompts(replies.MfaSetup(name="MFA_SETUP", choices=choices))) == triggers


def test_the_choices_come_from_the_challenge() -> None:
    """The choices are the offered ones, unknown names too; all of the table's, if none are offered."""
    challenge = replies.SelectMfaType(name="SELECT_MFA_TYPE", choices=("SMS_MFA", "TELEPATHY"))
    [choice] = prompts(challenge)["select"].fields
    assert choice.choices == (("SMS_MFA", "A code by SMS"), ("TELEPATHY", "TELEPATHY"))
    with pytest.raises(InvalidInput):
        prompts(challenge)["select"].make_response({"answer": "EMAIL_OTP"})

    bare = replies.SelectChallenge(name="SELECT_CHALLENGE")
    [choice] = prompts(bare)["select"].fields
    assert {name for name, _ in choice.choices} == destinations(S.SELECT_CHALLENGE, r.Select) - {
        S.SELECT_CHALLENGE, S.OTHER_CHALLENGE,
    }  # fmt: skip
    assert set(FACTOR_LABELS) >= {name for name, _ in choice.choices}


def test_another_first_factor_can_be_chosen() -> None:
    """The other first factors can be chosen; a second factor has no such choice."""
    challenge = replies.EmailOtp(name="EMAIL_OTP", available=("EMAIL_OTP", "PASSWORD"))
    assert list(prompts(challenge, Role.FIRST_FACTOR)) == ["code", "select", "password"]
    [choice] = prompts(challenge, Role.FIRST_FACTOR)["select"].fields
    assert [name for name, _ in choice.choices] == ["PASSWORD"]
    assert list(prompts(challenge, Role.SECOND_FACTOR)) == ["code"]


def test_only_attributes_without_a_value_are_asked_for() -> None:
    """Required attributes without a value are asked for, and become `attributes`."""
    challenge = replies.NewPasswordRequired(
        name="NEW_PASSWORD_REQUIRED",
        required_attributes=("email", "name", "custom:team"),
        user_attributes={"email": "ada@example.com", "name": ""},
    )
    prompt = prompts(challenge)["new_password"]
    assert [each.name for each in prompt.fields] == ["password", "name", "custom:team"]
    assert [each.label for each in prompt.fields] == ["New password", "Name", "Team"]
    response = prompt.make_response({"password": "a b ", "name": "Ada", "custom:team": "x"})
    assert response == r.NewPassword("a b ", {"name": "Ada", "custom:team": "x"})


def test_public_parameters_are_facts() -> None:
    """The parameters of the pool's Lambda functions are facts of the form; those of the protocol are not."""
    challenge = replies.CustomChallenge(name="CUSTOM_CHALLENGE", parameters={"USERNAME": "ada", "question": "Up?"})
    assert form_for(challenge).facts == {"question": "Up?"}


# ---- user interfaces -------------------------------------------------------------------------------------------


@pytest.fixture
def flow(signing_key: RSAKey) -> Flow:
    """A flow that can be put into any state."""
    pool = LocalPool(key=signing_key)
    pool.add_user("ada", "Correct-Horse-1")
    return pool.cognito().start()


def flow_at(flow: Flow, challenge: Any, role: Role | None) -> Flow:
    """Return the flow in the state of a challenge."""
    flow.signin = signin_in_state(challenge.state, role)
    flow.signin.challenge = challenge
    return flow


def fields_of(asks: Form) -> dict[str, list[Field]]:
    """Return the fields of each prompt by its trigger."""
    return {each.trigger: list(each.fields) for each in asks.prompts}


@by_challenge
def test_the_notebook_shows_these_fields(flow: Flow, challenge: Any, role: Role | None) -> None:
    """Each prompt is a form of the notebook's page, with its fields in order."""
    shown_forms = {each.trigger: each.to_json() for each in prompts_for(flow_at(flow, challenge, role))}
    expected = fields_of(form_for(challenge, role))

    assert {name: [each["name"] for each in one["fields"]] for name, one in shown_forms.items()} == {
        name: [each.name for each in fields] for name, fields in expected.items()
    }
    for name, fields in expected.items():
        for shown, each in zip(shown_forms[name]["fields"], fields, strict=True):
            assert (shown["kind"] == "password") is each.secret
            assert [(one["value"], one["label"]) for one in shown["choices"]] == list(each.choices)


@by_challenge
def test_the_site_shows_these_fields(flow: Flow, challenge: Any, role: Role | None) -> None:
    """Each prompt that the site offers is a form of its page, with its fields and choices."""
    flow_at(flow, challenge, role)
    cognito: Any = flow.cognito
    verifier = Verifier("eu-west-1_AbC", cognito.client_id)
    web = WebSignIn(cognito=cognito, verifier=verifier, key=new_key(), origin="http://localhost")
    description = web.browser({}).describe(flow)
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=select_autoescape())
    html = environment.get_template("challenge.html").render({"notice": {}, **description})
    if not description["form"]["prompts"]:
        assert challenge.state in {S.PASSWORD_VERIFIER, *OF_DEVICE}
        return
    expected = fields_of(form_for(challenge, role))
    expected.pop(r.RawAnswer.trigger, None)
    if r.SrpA.trigger in expected:
        expected.pop(r.Password.trigger, None)
    pages = re.findall(r"<form.*?</form>", html, re.DOTALL)
    triggers = [re.findall('name="response" value="([^"]+)"', each)[0] for each in pages]

    assert triggers == list(expected)
    for page, fields in zip(pages, expected.values(), strict=True):
        names = [n for n in re.findall('name="([^"]+)"', page) if n not in {"form", "step", "response"}]
        assert list(dict.fromkeys(names)) == [each.name for each in fields]
        assert ('type="password"' in page) is any(each.secret for each in fields)


class Typist:
    """A user at a terminal who enters valid values, and records the questions."""

    is_interactive = True

    def __init__(self, factor: str) -> None:
        self.factor = factor
        self.questions: list[str] = []
        self.hidden_questions: list[str] = []

    def line(self, question: str, *, default: str = "", hint: str = "") -> str:
        """Enter a line: a chosen factor, an address or a code."""
        del hint
        if "[1-" in question:
            return self.factor
        if question == "Another field":
            return ""
        self.questions.append(question)
        good = {"E-mail": "ada@example.com", "Code": "123456"}
        return next((text for start, text in good.items() if question.startswith(start)), default or "text")

    def hidden(self, question: str, *, hint: str = "") -> Secret[str]:
        """Enter a hidden value."""
        del hint
        self.hidden_questions.append(question)
        return Secret("Another-Horse-2")


@by_challenge
def test_the_command_asks_for_these_fields(flow: Flow, challenge: Any, role: Role | None) -> None:
    """For each prompt the command asks for the required fields and makes the response."""
    screen = Screen(Console(file=StringIO()))
    for prompt in form_for(challenge, role).prompts:
        if prompt.response is r.Credential:
            continue  # a terminal has no passkey
        flow_at(flow, challenge, role)
        choices = [name for each in prompt.fields for name, _ in each.choices]
        factor = prompt.factor or next(
            (each for each in choices if each not in {"PASSWORD", "PASSWORD_SRP", "WEB_AUTHN"}), ""
        )
        if choices and not factor:
            continue
        typist = Typist(str(factor).lower())
        answers = AnswerPrompter(screen, typist, "Example")
        first = form_for(challenge, role).prompts[0]
        ask = answers.answer if prompt == first or first.response is not r.Code else answers.choose_other_factor
        if prompt.response is r.SrpClaim:
            with pytest.raises(StartAgain):
                ask(flow)
            continue
        response = ask(flow)
        assert type(response) is prompt.response
        if prompt.response is r.RawAnswer:
            continue
        asked_for = [each for each in prompt.fields if each.required and each.kind != "choice"]
        assert typist.questions == [each.question or each.label for each in asked_for if not each.secret]
        hidden_questions = [each.question or each.label for each in asked_for if each.secret]
        assert [each for each in typist.hidden_questions if each != "Repeat it"] == hidden_questions


def test_the_command_stops_at_a_device(flow: Flow) -> None:
    """At a challenge that no user can answer, the command stops and says so."""
    screen = Screen(Console(file=StringIO()))
    for state in sorted(OF_DEVICE):
        with pytest.raises(SignInEnded, match=str(state)):
            AnswerPrompter(screen, Typist(""), "Example").answer(flow_at(flow, signin_in_state(state).challenge, None))


@by_challenge
def test_a_journey_names_these_fields(challenge: Any, role: Role | None) -> None:
    """The next input of a journey names the field for its value."""
    for prompt in form_for(challenge, role).prompts:
        next_input = NextInput(challenge.state, prompt.response, None, wrong=False, leads_to=S.AUTHENTICATED)
        assert next_input.field == (prompt.fields[0].name if prompt.fields else None)


def test_the_random_walker_answers_these_forms() -> None:
    """The random walker answers every challenge that needs a user or an SRP proof."""
    by_its_own_way = {S.MFA_SETUP, S.SELECT_CHALLENGE}
    makers: Mapping[str, Any] = ChallengeAnswers.RESPONSE_MAKERS

    assert {State[name] for name in makers} | by_its_own_way == set(CHALLENGES)
