"""The stepper without a browser: its page in every challenge, and no secret in a saved notebook."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from jupyter_page import Page, recording_comms

from authfsm import PROTOCOL, Code, PoolSettings, State, Stepper, UserSrpAuth
from authfsm.diagrams import render
from authfsm.local import DeviceConfiguration, LocalPool, ManualClock, PasswordPolicy, Triggers, WebAuthnConfiguration
from authfsm.notebook import stepper as stepper_module
from authfsm.notebook.answers import ACTIONS
from authfsm.notebook.recording import MAX_STEPS
from authfsm.notebook.stepper import StepperWidget
from authfsm.protocol.errors import BadField, InvalidOperation, WrongResponse
from authfsm.protocol.replies import unverified_claims

PASSWORD = "Correct-Horse-1"
TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PHONE = "+15555550143"
STEPPER_JS = Path(stepper_module.__file__).with_name("stepper.js")


DRAW_CACHED = cache(render.svg)  # the same picture is drawn once


@pytest.fixture(autouse=True)
def recorded_comms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every widget use a comm that records; close them at the end."""
    monkeypatch.setattr(render, "svg", DRAW_CACHED)
    with recording_comms():
        yield
        StepperWidget.close_all()


@pytest.fixture
def pools(signing_key: RSAKey) -> Any:
    """Create pools."""

    def create(**settings: Any) -> LocalPool:
        return LocalPool(key=signing_key, clock=ManualClock(), **settings)

    return create


@pytest.fixture
def pool(pools: Any) -> LocalPool:
    """A pool whose user has an authenticator app."""
    local_pool: LocalPool = pools(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"])
    local_pool.add_user("ada", PASSWORD, totp_secret=TOTP)
    return local_pool


def test_a_sign_in_is_clicked_through(pool: LocalPool) -> None:
    """After each click (step, run, a wrong code, back, the right code) the page shows the state."""
    page = Page(Stepper(pool, "ada", PASSWORD))

    def page_state() -> tuple[Any, ...]:
        view = page.view
        on = "".join(name[0] for name, each in view["buttons"].items() if each["enabled"] and name != "play")
        return view["state"], view["steps"], on, page.forms, bool(view["refusal"])

    assert page_state() == ("START", 0, "sr", [], False)
    assert page.view["buttons"]["back"]["hint"] == "No step was taken yet"
    assert page.press("step") == {"done": "step"}
    assert page_state() == ("PASSWORD_VERIFIER", 1, "bsrr", [], False)
    page.press("run")
    assert page_state() == ("SOFTWARE_TOKEN_MFA", 2, "br", ["code"], False)
    assert page.view["buttons"]["step"]["hint"] == "User input is required: answer below"
    page.submit("code", code="000000")
    assert page_state() == ("SOFTWARE_TOKEN_MFA", 3, "br", ["code"], True)
    assert page.view["refusal"] == {
        "code": "CodeMismatchException",
        "message": "Invalid code received for user",
        "advice": "Answer again: the session is still valid.",
        "fault": "user",
    }
    page.press("back")
    assert page_state() == ("SOFTWARE_TOKEN_MFA", 2, "br", ["code"], False)
    page.submit("code", code=page.debug_secrets()["code"])
    assert page_state() == ("AUTHENTICATED", 3, "br", [], False)
    assert page.view["buttons"]["step"]["hint"] == "The sign-in has ended"
    page.press("restart")
    assert page_state() == ("START", 0, "sr", [], False)


def test_the_picture_highlights_each_step(pool: LocalPool) -> None:
    """Each step highlights its edges, and back removes that; states are buttons."""
    page = Page(Stepper(pool, "ada", PASSWORD))
    lit = [page.view["picture"].count("var(--highlight)")]

    for button in ("step", "step", "back"):
        page.press(button)
        lit.append(page.view["picture"].count("var(--highlight)"))

    assert lit[0] < lit[1] < lit[2]
    assert lit[3] == lit[1]
    assert "2 · srp_claim" not in page.view["picture"]
    assert 'data-node="4" tabindex="0" role="button"' in page.view["picture"]
    assert " id=" not in page.view["picture"]
    assert re.search(r'viewBox="0(\.00)? 0(\.00)? ', page.view["picture"])  # nothing is cropped


def test_facts_about_a_state(pool: LocalPool) -> None:
    """A click on a node shows the facts about it; an unknown node is an error on the page."""
    page = Page(Stepper(pool, "ada", PASSWORD))

    reply = page.send({"do": "about", "node": 4})
    assert reply["done"] == "about"
    assert reply["about"]["name"] == "PASSWORD_VERIFIER"
    assert "SECRET_BLOCK" in str(reply["about"]["carries"])
    assert "error" in page.send({"do": "about", "node": 4000})


def test_the_panels(pool: LocalPool) -> None:
    """The panels show the next request, earlier ones, the history, and the next states with conditions."""
    page = Page(Stepper(pool, "ada", PASSWORD))
    panels = page.view["panels"]
    assert panels["wire"][0]["title"] == "about to be sent"
    assert "USER_SRP_AUTH" in str(panels["wire"])
    assert {each["response"] for each in panels["what_if"]} == {"user_srp_auth"}

    page.press("run")
    panels = page.view["panels"]
    assert panels["wire"][0]["title"] == "sent with your answer"
    assert '"SOFTWARE_TOKEN_MFA_CODE": "••••••' in str(panels["wire"])
    assert '"PASSWORD_CLAIM_SIGNATURE": "••••••' in str(panels["wire"])
    assert len(panels["history"]) == 2
    assert "LambdaConfig has no DefineAuthChallenge" in str(panels["what_if"])

    page.submit("code", code="000000")
    assert page.view["panels"]["history"][-1][5:] == list(page.view["refusal"].values())[:3:2]


def test_srp_values_on_request(pool: LocalPool) -> None:
    """While a proof is due, its shortened values are sent as a message, and never saved."""
    page = Page(Stepper(pool, "ada", PASSWORD))
    assert page.send({"do": "srp"})["srp"] == ()
    page.press("step")

    reply = page.send({"do": "srp"})["srp"]

    values = {name: value for name, value, _ in reply}
    assert list(values) == ["a", "A", "s", "B", "x", "u", "S", "K"]
    assert values["x"][:8] not in page.saved


def test_no_secret_is_saved(pools: Any) -> None:
    """Passwords, codes, keys, tokens and sessions are in no saved state."""
    pool = pools(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"], required_attributes=["name"])
    pool.add_user("ada", PASSWORD, temporary=True)
    stepper = Stepper(pool, "ada", PASSWORD)
    page = Page(stepper)
    page.press("run")
    page.submit("new_password", password="Analytical-Engine-1843", name="Ada")
    assert page.view["state"] == "MFA_SETUP"
    page.submit("associate_software_token")
    reply = page.debug_secrets()
    assert reply["qr_code"].startswith("<svg")
    page.submit("verify_software_token", code="000000", name="")
    page.submit("verify_software_token", code=reply["code"], name="phone")
    challenge = stepper.recording.flow.challenge
    assert challenge is not None
    assert challenge.session is not None
    session = challenge.session.reveal()
    page.submit("complete_mfa_setup")
    tokens = stepper.recording.flow.tokens
    assert tokens is not None
    assert tokens.id_token is not None
    assert tokens.refresh_token is not None

    secrets = {
        "temporary password": PASSWORD,
        "password": "Analytical-Engine-1843",
        "key": reply["key"],
        "code": f'"{reply["code"]}"',
        "session": session[:40],
        "access": tokens.access_token.reveal()[:60],
        "id": tokens.id_token.reveal()[-60:],
        "refresh": tokens.refresh_token.reveal()[:40],
    }
    assert len(page.comm.states) > 5
    assert [name for name, secret in secrets.items() if secret in page.saved] == []
    bundle = str(stepper._repr_mimebundle_())
    assert [name for name, secret in secrets.items() if secret in bundle + repr(stepper)] == []


def test_the_temporary_password_and_the_attributes(pools: Any) -> None:
    """The form has a hidden field for the new password, and one for each required attribute."""
    pool = pools(required_attributes=["name", "email"])
    pool.add_user("ada", PASSWORD, temporary=True)
    page = Page(Stepper(pool, "ada", PASSWORD))
    page.press("run")

    [form] = page.view["forms"]
    assert [(each["name"], each["kind"]) for each in form["fields"]] == [
        ("password", "password"),
        ("name", "text"),
        ("email", "email"),
    ]
    reply = page.submit("new_password", password="", name="Ada", email="a@example.com")
    assert reply["error"] == "The password must not be empty."
    assert page.view["steps"] == 2
    page.submit("new_password", password="short", name="Ada", email="ada@example.com")
    assert page.view["refusal"]["code"] == "InvalidPasswordException"
    page.submit("new_password", password="Engine-1843-x", name="Ada", email="a@example.com")
    assert page.view["state"] == "AUTHENTICATED"


def test_a_choice_among_second_factors(pools: Any) -> None:
    """The choices are the offered ones, and the page can show the code that would have been sent."""
    pool = pools(mfa="OPTIONAL")
    pool.add_user("ada", PASSWORD, phone_number=PHONE, totp_secret=TOTP, mfa=["SMS_MFA", "SOFTWARE_TOKEN_MFA"])
    page = Page(Stepper(pool, "ada", PASSWORD))
    page.press("run")
    [form] = page.view["forms"]
    assert {each["value"] for each in form["fields"][0]["choices"]} == {"SMS_MFA", "SOFTWARE_TOKEN_MFA"}

    page.submit("select", answer="SMS_MFA")

    assert page.view["state"] == "SMS_MFA"
    assert "0143" in page.view["forms"][0]["explanation"]
    reply = page.debug_secrets()
    assert reply["explanation"] == f"The pool would have sent this code to {PHONE}:"
    page.submit("code", code=f" {reply['code']} ")
    assert page.view["state"] == "AUTHENTICATED"


def test_play_chooses_a_password_that_every_policy_allows(pools: Any) -> None:
    """The new password that "Play" sends is as long as a policy can require, and has each kind of character."""
    pool = pools(password_policy=PasswordPolicy(minimum_length=99))
    pool.add_user("ada", PASSWORD, temporary=True)
    stepper = Stepper(pool, "ada", PASSWORD)
    stepper.run()
    assert stepper.state is State.NEW_PASSWORD_REQUIRED
    assert stepper.advance().error is None


@pytest.mark.parametrize("set_up", [False, True])
def test_each_code_of_the_app_is_used_once(pools: Any, set_up: bool) -> None:  # noqa: FBT001 - a parameter
    """A second sign-in in the same half minute is answered with the app's next code, because Cognito refuses a used one."""
    pool = pools(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"])
    pool.add_user("ada", PASSWORD, totp_secret=None if set_up else TOTP)
    stepper = Stepper(pool, "ada", PASSWORD)
    for _ in range(2):
        while not stepper.recording.flow.done:
            assert stepper.advance().error is None
        stepper.act("again")


def test_a_choice_among_first_factors(pools: Any) -> None:
    """At SELECT_CHALLENGE and later, another factor or the password can be chosen."""
    pool = pools(allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP", "SMS_OTP"])
    pool.add_user("ada", PASSWORD, email="ada@example.com", phone_number=PHONE)
    page = Page(Stepper(pool, "ada", flow="USER_AUTH"))
    page.press("run")
    assert page.view["state"] == "SELECT_CHALLENGE"
    assert page.forms == ["select", "password", "srp_a"]

    page.submit("select", answer="EMAIL_OTP")
    assert page.view["state"] == "EMAIL_OTP"
    assert page.forms[:2] == ["code", "select"]
    choices = page.view["forms"][1]["fields"][0]["choices"]
    assert "EMAIL_OTP" not in {each["value"] for each in choices}
    page.submit("code", code=page.debug_secrets()["code"])
    assert page.view["state"] == "AUTHENTICATED"

    page.press("restart")
    page.press("run")
    page.submit("srp_a", password=PASSWORD)
    assert page.view["state"] == "PASSWORD_VERIFIER"
    page.press("run")
    assert page.view["state"] == "AUTHENTICATED"

    page.press("restart")
    page.press("run")
    assert "error" in page.submit("srp_a", password="")
    page.submit("password", password=PASSWORD)
    assert page.view["state"] == "AUTHENTICATED"
    assert PASSWORD not in page.saved


def custom_challenge_triggers() -> Triggers:
    """Return Lambda functions with a custom challenge; one of them can fail."""

    def define(event: Any) -> Any:
        passed = bool(event["request"]["session"]) and event["request"]["session"][-1]["challengeResult"]
        event["response"] |= {"issueTokens": passed, "failAuthentication": False, "challengeName": "CUSTOM_CHALLENGE"}
        return event

    def create(event: Any) -> Any:
        event["response"]["publicChallengeParameters"] = {
            "riddle": "<b>Up</b>, but never down, whatever you do, and whoever you are: what is it?"
        }
        event["response"]["privateChallengeParameters"] = {"answer": "age"}
        return event

    def verify(event: Any) -> Any:
        event["response"]["answerCorrect"] = event["request"]["challengeAnswer"] == "age"
        return event

    return Triggers(define=define, create=create, verify=verify)


def test_a_custom_challenge_question(pools: Any) -> None:
    """The public parameters are shown, and the answer is neither shown nor saved."""
    pool = pools(triggers=custom_challenge_triggers())
    pool.add_user("ada")
    page = Page(Stepper(pool, "ada", flow="CUSTOM_AUTH"))
    page.press("run")
    assert ["riddle", "<b>Up</b>, but never down, whatever you do, and whoever you are: what is it?"] in page.view[
        "facts"
    ]

    panel = str(page.view["panels"]["what_if"])
    assert "DefineAuthChallenge returns issueTokens=true" in panel
    assert "no DefineAuthChallenge" not in panel

    page.submit("answer", answer="a-balloon")
    assert page.view["state"] == "CUSTOM_CHALLENGE"
    page.submit("answer", answer="age")

    assert page.view["state"] == "AUTHENTICATED"
    assert "a-balloon" not in page.saved


def test_a_remembered_device_needs_no_input(pools: Any) -> None:
    """DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER need no user input; their SRP values can be shown."""
    pool = pools(mfa="ON", mfa_methods=["SMS_MFA"], device=DeviceConfiguration(challenge_required_on_new_device=True))
    pool.add_user("ada", PASSWORD, phone_number=PHONE)
    flow = pool.cognito().sign_in("ada", PASSWORD)
    flow.answer(Code(pool.outbox.code_for("ada")))
    device = flow.confirm_device("laptop")
    stepper = Stepper(pool, "ada", PASSWORD, device=device)
    page = Page(stepper)

    states = []
    while page.view["buttons"]["step"]["enabled"]:
        page.press("step")
        states.append(page.view["state"])
        if states[-1] == "DEVICE_PASSWORD_VERIFIER":
            assert "x" in {name for name, *_ in page.send({"do": "srp"})["srp"]}

    assert states == ["PASSWORD_VERIFIER", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER", "AUTHENTICATED"]


@pytest.mark.parametrize("flow", ["USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH", "USER_AUTH"])
def test_other_flows_run_to_their_end(pools: Any, flow: str) -> None:
    """Flows that need only a password run to tokens, and no state has the password."""
    pool = pools()
    pool.add_user("ada", PASSWORD)
    page = Page(Stepper(pool, "ada", PASSWORD, flow=flow))
    assert page.view["picture"]

    page.press("run")

    assert page.view["state"] == "AUTHENTICATED"
    assert PASSWORD not in page.saved


@pytest.fixture
def rich_pool(pools: Any) -> LocalPool:
    """A pool with devices and passkeys, whose user has an e-mail address."""
    local_pool: LocalPool = pools(
        mfa="OPTIONAL",
        allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP", "WEB_AUTHN"],
        webauthn=WebAuthnConfiguration("example.com"),
        device=DeviceConfiguration(device_only_remembered_on_user_prompt=True),
    )
    local_pool.add_user("ada", PASSWORD, email="ada@example.com")
    return local_pool


def signed_parts(credential: str) -> list[list[str]]:
    """Return the parts of a credential that the page shows."""
    script = f"import {{ signedParts }} from {json.dumps(str(STEPPER_JS))};"
    script += f"console.log(JSON.stringify(signedParts({json.dumps(credential)})))"
    command = ["node", "--input-type=module", "--no-warnings", "-e", script]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    rows: list[list[str]] = json.loads(result.stdout)
    return rows


def test_after_the_sign_in(rich_pool: LocalPool) -> None:
    """Each response for tokens has a button, which makes a real call and can be undone."""
    assert {each.response for each in ACTIONS.values()} >= set(PROTOCOL[State.AUTHENTICATED])
    page = Page(Stepper(rich_pool, "ada", PASSWORD))
    page.press("run")
    tokens = page.stepper.recording.flow.signed_in()

    states = {}
    for action in (
        "refresh", "refresh_token_auth", "refresh_token", "confirm_device", "remember_device",
        "forget_device", "register_passkey", "sign_out", "passkey",
    ):  # fmt: skip
        assert action in [each["name"] for each in page.view["actions"]]
        assert page.send({"do": "act", "name": action}) == {"done": "act"}
        exchanges = page.stepper.recording.steps[-1].exchanges
        states[action] = (page.view["state"], *(each.operation for each in exchanges))
        assert page.view["refusal"] is None

    assert states == {
        "refresh": ("AUTHENTICATED", "GetTokensFromRefreshToken"),
        "refresh_token_auth": ("AUTHENTICATED", "InitiateAuth"),
        "refresh_token": ("AUTHENTICATED", "InitiateAuth"),
        "confirm_device": ("AUTHENTICATED", "ConfirmDevice", "UpdateDeviceStatus"),
        "remember_device": ("AUTHENTICATED", "UpdateDeviceStatus"),
        "forget_device": ("AUTHENTICATED", "UpdateDeviceStatus"),
        "register_passkey": ("AUTHENTICATED", "StartWebAuthnRegistration", "CompleteWebAuthnRegistration"),
        "sign_out": ("START", "RevokeToken"),
        "passkey": ("WEB_AUTHN", "InitiateAuth"),
    }
    assert "it offers none before" in page.send({"do": "act", "name": "refresh"})["error"]
    credential = page.debug_secrets()["code"]
    assert signed_parts(credential)[0][1].startswith('{"type":"webauthn.get"')
    assert "flags: user present, user verified; counter: 0" in signed_parts(credential)[1][1]
    page.submit("credential", credential=credential)
    assert page.view["state"] == "AUTHENTICATED"
    assert tokens.access_token.reveal()[:60] not in page.saved
    for _ in range(11):
        page.press("back")
    assert (page.view["state"], page.view["steps"]) == ("PASSWORD_VERIFIER", 1)


def test_step_up_and_sign_in_again(rich_pool: LocalPool) -> None:
    """A step-up signs in for a higher level; a further sign-in uses the confirmed device."""
    stepper = Stepper(rich_pool, "ada", PASSWORD)
    stepper.run()
    acr = unverified_claims(stepper.recording.flow.signed_in().access_token)["acr"]

    assert stepper.act("step_up").flow == "USER_AUTH"
    assert stepper.answer(Code(stepper.outbox.code_for("ada"))).state is State.AUTHENTICATED
    assert unverified_claims(stepper.recording.flow.signed_in().access_token)["acr"] > acr

    stepper.act("again")
    stepper.run()
    stepper.act("confirm_device")
    stepper.act("again")
    stepper.run()
    assert [step.dest for step in stepper.history][-2:] == ["DEVICE_PASSWORD_VERIFIER", "AUTHENTICATED"]


def test_play_answers_codes_automatically(pools: Any) -> None:
    """Play answers codes by itself; at a custom challenge it waits for the user."""
    pool = pools(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"], required_attributes=["name"])
    pool.add_user("ada", PASSWORD, temporary=True)
    chosen = pools(allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP"])
    chosen.add_user("ada", PASSWORD, email="ada@example.com")
    asking = pools(triggers=custom_challenge_triggers())
    asking.add_user("ada")

    ends = []
    for stepper in (
        Stepper(pool, "ada", PASSWORD),
        Stepper(chosen, "ada", flow="USER_AUTH"),
        Stepper(asking, "ada", flow="CUSTOM_AUTH"),
    ):
        page = Page(stepper)
        while page.view["buttons"]["play"]["enabled"]:
            assert page.send({"do": "advance"}) == {"done": "advance"}
            assert page.view["refusal"] is None
        ends.append((page.view["state"], page.view["buttons"]["play"]["hint"]))
    assert ends == [
        ("AUTHENTICATED", "The sign-in has ended"),
        ("AUTHENTICATED", "The sign-in has ended"),
        ("CUSTOM_CHALLENGE", "Only a person knows this answer"),
    ]
    with pytest.raises(InvalidOperation, match=r"requires user input: call answer\(\) with Answer\(...\)"):
        stepper.advance()


def test_the_picture_below_is_up_to_date(pool: LocalPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The widget has no picture of its own; each step updates the picture below it."""
    published: list[tuple[dict[str, str], dict[str, Any]]] = []
    monkeypatch.setattr(stepper_module, "_publish", lambda bundle, *_, **how: published.append((bundle, how)))
    stepper = Stepper(pool, "ada", PASSWORD)
    stepper.step()
    assert published == []

    stepper._ipython_display_()
    Page(stepper).press("run")

    (widget, _), (first, how), (last, again) = published
    assert sorted(widget) == ["application/vnd.jupyter.widget-view+json", "text/plain"]
    assert how == {"transient": again["transient"], "update": False}
    assert again["update"]
    assert "after 1 step." in first["text/plain"]
    assert "after 2 steps" in last["text/plain"]
    assert 'data-authfsm="still"' in last["image/svg+xml"]


def test_the_end_of_an_attempt(pool: LocalPool) -> None:
    """After a wrong password the advice is shown, and only back and restart are enabled."""
    page = Page(Stepper(pool, "ada", "error"))

    page.press("run")

    assert page.view["state"] == "FAILED"
    assert page.view["refusal"]["advice"] == "Start again from the beginning."
    assert {name: each["enabled"] for name, each in page.view["buttons"].items()} == {
        "back": True,
        "step": False,
        "run": False,
        "play": False,
        "restart": True,
    }
    assert page.view["panels"]["what_if"] == []


def test_a_real_pool_cannot_go_back(pool: LocalPool) -> None:
    """With a real pool the back button is disabled and says why."""
    page = Page(Stepper(pool.cognito(), "ada", PASSWORD))
    page.press("run")
    back = page.view["buttons"]["back"]
    assert back["enabled"] is False
    assert back["hint"].startswith("A real pool cannot undo")
    assert not page.view["panels"]["settings_known"]
    assert page.view["has_debug_secrets"] is False
    assert "real pool" in page.send({"do": "back"})["error"]
    assert page.view["steps"] == 2

    settings = PoolSettings.describe(pool.client(), pool.pool_id, pool.client_id)
    page = Page(Stepper(pool.cognito(), "ada", PASSWORD, settings=settings))
    assert page.view["panels"]["settings_known"]


@pytest.mark.parametrize(
    "message",
    [None, 7, {}, {"do": "fly"}, {"do": "about", "node": "4"}, {"do": "answer"}, {"do": "answer", "trigger": "x", "values": {}}],
)  # fmt: skip
def test_invalid_messages(pool: LocalPool, message: Any) -> None:
    """An invalid message is an error on the page, and nothing changes."""
    page = Page(Stepper(pool, "ada", PASSWORD))

    assert "error" in page.send(message)
    assert page.view["steps"] == 0


def test_any_exception_is_shown_on_the_page(pool: LocalPool) -> None:
    """An exception of other code, here a broken client, is shown on the page."""
    cognito = pool.cognito()
    page = Page(Stepper(cognito, "ada", PASSWORD))

    def breaks(**_: Any) -> None:
        raise ZeroDivisionError("the floor gave way")

    cognito.client.meta.events.register("provide-client-params.cognito-idp", breaks)
    reply = page.press("step")

    assert reply == {"error": "ZeroDivisionError: the floor gave way", "done": "step"}
    cognito.client.meta.events.unregister("provide-client-params.cognito-idp", breaks)
    page.press("step")
    assert page.view["state"] == "PASSWORD_VERIFIER"


def test_an_interrupt_releases_the_page(pool: LocalPool) -> None:
    """An interrupt passes through, and the page does not wait without end."""
    cognito = pool.cognito()
    page = Page(Stepper(cognito, "ada", PASSWORD))

    def interrupts(**_: Any) -> None:
        raise KeyboardInterrupt

    cognito.client.meta.events.register("provide-client-params.cognito-idp", interrupts)
    with pytest.raises(KeyboardInterrupt):
        page.press("step")
    cognito.client.meta.events.unregister("provide-client-params.cognito-idp", interrupts)

    message = "the kernel was interrupted: press the button again"
    assert page.comm.messages == [{"error": message, "done": "step"}]
    page.press("run")
    assert page.view["state"] == "SOFTWARE_TOKEN_MFA"


def test_stepping_from_code(pool: LocalPool) -> None:
    """Each call of the stepper returns a picture of the resulting state, without widgets."""
    stepper = Stepper(pool, "ada", PASSWORD)

    first = stepper.step()
    assert (first.state, first.error) == (State.PASSWORD_VERIFIER, None)
    assert stepper.run().state is State.SOFTWARE_TOKEN_MFA
    with pytest.raises(InvalidOperation, match="requires user input"):
        stepper.step()
    refused = stepper.answer(Code("000000"))
    assert refused.error is not None
    assert str(refused).splitlines()[1].startswith("Refused: CodeMismatchException")
    assert stepper.back().error is None
    assert stepper.state is State.SOFTWARE_TOKEN_MFA
    with pytest.raises(WrongResponse):
        stepper.answer(UserSrpAuth("ada", "ff"))
    last = stepper.answer(Code(Page(stepper).debug_secrets()["code"]))
    assert len(stepper.history) == len(last.history) == 3
    bundle = last._repr_mimebundle_()
    assert list(bundle) == ["image/svg+xml", "text/plain"]
    assert bundle["text/plain"] == (
        "ada by USER_SRP_AUTH: AUTHENTICATED after 3 steps. The sign-in is complete: the tokens have arrived."
    )
    assert "4a3a00" in bundle["image/svg+xml"]
    assert first._repr_mimebundle_()["image/svg+xml"] != bundle["image/svg+xml"]
    assert stepper.restart().state is State.START


def test_two_steppers_are_independent(pool: LocalPool) -> None:
    """On one pool, or on one driver's client, each records only its own requests."""
    one, other = Page(Stepper(pool, "ada", PASSWORD)), Page(Stepper(pool, "ada", PASSWORD))
    one.press("run")
    assert (one.view["steps"], other.view["steps"]) == (2, 0)
    other.press("step")
    assert (one.view["steps"], other.view["steps"]) == (2, 1)

    cognito = pool.cognito()
    left, right = Page(Stepper(cognito, "ada", PASSWORD)), Page(Stepper(cognito, "ada", PASSWORD))
    left.press("run")
    right.press("step")
    assert [len(each.exchanges) for each in left.stepper.recording.steps] == [1, 1]
    assert [len(each.exchanges) for each in right.stepper.recording.steps] == [1]


def test_memory_is_bounded(pools: Any) -> None:
    """After many wrong codes only the last steps are kept."""
    pool = pools(triggers=custom_challenge_triggers())
    pool.add_user("ada")
    stepper = Stepper(pool, "ada", flow="CUSTOM_AUTH")
    page = Page(stepper)
    page.press("run")
    sizes, counts = [], []
    for _ in range(3):
        for _ in range(6):
            stepper.back()
            page.submit("answer", answer="no") if page.forms else page.press("run")
        gc.collect()
        sizes.append(len(page.view["panels"]["wire"]))
        counts.append(len(gc.get_objects()))

    assert sizes[0] == sizes[1] == sizes[2]
    assert counts[2] - counts[1] < 500
    assert stepper.recording.steps.maxlen == MAX_STEPS


INVALID: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "a pool id": ({"source": "eu-west-1_AbCdEfGhI"}, BadField, "Stepper.source must be a LocalPool, or for a real pool"),
    "no name": ({"username": ""}, BadField, "Stepper.username must not be empty"),
    "a number": ({"password": 7}, BadField, "Stepper.password must be text, not int"),
    "no password": ({"password": None}, ValueError, "USER_SRP_AUTH needs the password: pass it as `password`"),
    "an unknown flow": ({"flow": "SRP"}, ValueError, "the flows are USER_SRP_AUTH, USER_PASSWORD_AUTH, "),
    "a refresh": ({"flow": "REFRESH_TOKEN_AUTH"}, ValueError, "the flows are USER_SRP_AUTH, "),
    "an unknown argument": ({"pasword": PASSWORD}, TypeError, "no argument is named pasword; the arguments are source, "),
    "a device key": ({"device": "eu-west-1_x"}, BadField, "Stepper.device must be a Device, "),
    "a description": ({"settings": {"MfaConfiguration": "ON"}}, BadField, "Stepper.settings must be PoolSettings, "),
    "metadata": ({"client_metadata": {"a": 1}}, BadField, "Stepper.client_metadata must hold text, not int"),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_argument(pool: LocalPool, case: str) -> None:
    """The error names the invalid argument, and the allowed values."""
    wrong, kind, message = INVALID[case]
    arguments: Any = {"source": pool, "username": "ada", "password": PASSWORD, **wrong}
    with pytest.raises(kind, match=re.escape(message)):
        Stepper(**arguments)


def test_a_step_that_is_not_possible(pool: LocalPool) -> None:
    """The error names what to call instead."""
    stepper = Stepper(pool, "ada", PASSWORD)
    with pytest.raises(WrongResponse, match=r"does not accept Code yet: .* call step\(\) or run\(\)"):
        stepper.answer(Code("000000"))
    stepper.run()
    with pytest.raises(InvalidOperation, match=r"requires user input: call answer\(\) with Code\(...\)"):
        stepper.step()
    stepper.advance()
    for move in (stepper.step, stepper.advance):
        with pytest.raises(InvalidOperation, match=r"has ended, in AUTHENTICATED: call act\(...\) or restart"):
            move()
    with pytest.raises(InvalidOperation, match="does not offer the action 'fly'; it offers refresh, "):
        stepper.act("fly")
    with pytest.raises(InvalidOperation, match="a real pool has no outbox: it sends its messages to the user"):
        _ = Stepper(pool.cognito(), "ada", PASSWORD).outbox


def test_a_passkey_of_a_user_with_mfa(pools: Any) -> None:
    """If the pool lets a passkey satisfy MFA it signs in; otherwise the refusal says why."""
    states = []
    # Cognito refuses to require MFA where passkeys are a single factor.
    multi = WebAuthnConfiguration("example.com", factor_configuration="MULTI_FACTOR_WITH_USER_VERIFICATION")
    for mfa, configured in (("OPTIONAL", WebAuthnConfiguration("example.com")), ("ON", multi)):
        factors = ["PASSWORD", "WEB_AUTHN"]
        pool = pools(mfa=mfa, allowed_first_auth_factors=factors, webauthn=configured)
        pool.add_user("ada", PASSWORD, phone_number=PHONE, mfa=["SMS_MFA"])
        page = Page(Stepper(pool, "ada", PASSWORD))
        while not page.view["actions"]:
            page.send({"do": "advance"})
        page.send({"do": "act", "name": "register_passkey"})
        page.send({"do": "act", "name": "passkey"})
        states.append((page.view["state"], (page.view["refusal"] or {}).get("message")))

    assert states == [
        ("AUTHENTICATED", "Passkeys can satisfy MFA only if the user pool's FactorConfiguration allows it."),
        ("WEB_AUTHN", None),
    ]


def test_it_says_what_to_install() -> None:
    """Without anywidget the import error names the extra."""
    code = """
import sys
sys.modules["anywidget"] = None
import authfsm
from authfsm.protocol.errors import OperatorError
try:
    from authfsm import Stepper
except OperatorError as error:
    print(isinstance(error, ImportError), error)
"""
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert result.stdout.strip() == (
        'True the stepper needs anywidget, which is not installed: pip install "authfsm[notebook]"'
    )


def test_the_import_is_light() -> None:
    """`authfsm.notebook` itself imports no widgets."""
    code = "import authfsm.notebook, sys; print({'ipywidgets', 'anywidget', 'IPython'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert result.stdout.strip() == "set()"
