"""The rarer forms: passkeys, unknown challenges, e-mail as a second factor, and invalid input."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from authfsm import Credential, RawAnswer, SetUpEmail, State
from authfsm.base.secret import Secret
from authfsm.core.signin import SignIn
from authfsm.local import LocalPool, ManualClock, Triggers
from authfsm.notebook.answers import prompts_for, sample_response
from authfsm.notebook.recording import MASK, SignInRecording, masked, secrets_of
from authfsm.notebook.view_model import view_model
from authfsm.protocol.errors import InvalidInput
from authfsm.protocol.replies import CHALLENGE_OF, MfaSetup, OtherChallenge, WebAuthn

PASSWORD = "Correct-Horse-1"


@pytest.fixture
def recording(signing_key: RSAKey) -> SignInRecording:
    """Return a recording without steps."""
    pool = LocalPool(key=signing_key, clock=ManualClock())
    pool.add_user("ada", PASSWORD)
    return SignInRecording(pool, "ada", PASSWORD)


def at_challenge(recording: SignInRecording, challenge: Any) -> SignInRecording:
    """Return the recording with its sign-in at a challenge."""
    signin = SignIn("client", pool_id="eu-west-1_AbCdEfGhI")
    signin.resume(challenge.state, challenge, (), admin=False)
    signin.flow, signin.username = "USER_AUTH", "ada"
    recording.flow.signin = signin
    return recording


def test_a_passkey(recording: SignInRecording) -> None:
    """The form says that a notebook has no passkey; a credential can be pasted, or another factor chosen."""
    challenge = WebAuthn(name="WEB_AUTHN", session=Secret("s"), available=("PASSWORD",), request_options={})
    at_challenge(recording, challenge)

    forms = {form.trigger: form for form in prompts_for(recording.flow)}

    assert list(forms) == ["credential", "select", "password"]
    assert "was created" in forms["credential"].explanation
    with pytest.raises(InvalidInput, match="must be JSON") as caught:
        forms["credential"].make_response({"credential": "{not"})
    assert caught.value.__context__ is None
    signed = json.dumps({"id": "x"})
    assert forms["credential"].make_response({"credential": signed}) == Credential(signed)
    assert sample_response(forms["credential"]) is None


def test_a_challenge_of_another_name(recording: SignInRecording) -> None:
    """The form of an unknown challenge takes one NAME=value on each line, and masks each value."""
    at_challenge(recording, OtherChallenge(name="RIDDLE", session=Secret("s")))
    [form] = prompts_for(recording.flow)
    assert "RIDDLE" in form.explanation

    response = form.make_response({"fields": "RIDDLE_ANSWER=a=b\n\n HINT=no\n"})

    assert response == RawAnswer({"RIDDLE_ANSWER": "a=b", "HINT": "no"})
    assert recording.request_of(response).request["ChallengeResponses"] == {
        "RIDDLE_ANSWER": MASK,
        "HINT": MASK,
        "USERNAME": "ada",
    }
    for junk in ("", "RIDDLE_ANSWER", "=x"):
        with pytest.raises(InvalidInput):
            form.make_response({"fields": junk})


@pytest.mark.parametrize("lines", ["HINT=no\nHINT=yes", "HINT=no\n HINT =no", "A=1\nHINT=\nHINT="])
def test_a_name_that_occurs_twice(recording: SignInRecording, lines: str) -> None:
    """A NAME on two lines is an error for the user, instead of the second value; the message has no value."""
    at_challenge(recording, OtherChallenge(name="RIDDLE", session=Secret("s")))
    [form] = prompts_for(recording.flow)

    with pytest.raises(InvalidInput) as refused:
        form.make_response({"fields": lines})
    assert refused.value.for_person() == "The fields must be NAME=value, one on each line, each NAME once."


def test_an_address_as_second_factor(recording: SignInRecording) -> None:
    """If e-mail can be set up, the form offers it after the authenticator app."""
    at_challenge(
        recording, MfaSetup(name="MFA_SETUP", session=Secret("s"), choices=("SOFTWARE_TOKEN_MFA", "EMAIL_OTP"))
    )
    app, email = prompts_for(recording.flow)
    assert (app.trigger, email.trigger) == ("associate_software_token", "set_up_email")
    assert email.make_response({"email": "ada@example.com"}) == SetUpEmail("ada@example.com")

    at_challenge(recording, MfaSetup(name="MFA_SETUP", session=Secret("s"), choices=("SOFTWARE_TOKEN_MFA",)))
    assert [form.trigger for form in prompts_for(recording.flow)] == ["associate_software_token"]


def test_every_challenge_that_asks_a_person_has_a_form(recording: SignInRecording) -> None:
    """Every challenge has a form, except those of devices, which no user can answer."""
    parts: dict[str, Any] = {"session": Secret("s"), "salt": 1, "B": 1, "secret_block": Secret("b")}
    parts |= {"user_id_for_srp": "ada", "request_options": {}}
    without = set()
    for state, kind in CHALLENGE_OF.items():
        names = {each.name for each in kind.__attrs_attrs__}
        at_challenge(recording, kind(name=str(state), **{k: v for k, v in parts.items() if k in names}))
        if not prompts_for(recording.flow):
            without.add(state)

    assert without == {State.DEVICE_SRP_AUTH, State.DEVICE_PASSWORD_VERIFIER}


def test_secrets_are_masked() -> None:
    """Secret members and texts that contain a secret of the request are masked; a choice is not."""
    hidden = secrets_of({"a": Secret("hunter2"), "b": [{"c": Secret("no")}], "d": Secret(5)})
    assert hidden == {"hunter2", "no"}
    request = {
        "Session": "x",
        "echo": "you said hunter2",
        "word": "no",
        "words": "nothing",
        "ANSWER": "EMAIL_OTP",
        "inner": {"ANSWER": "an answer"},
        "ResponseMetadata": {"HTTPStatusCode": 200},
    }

    assert masked(request, "", hidden) == {
        "Session": MASK,
        "echo": MASK,
        "word": MASK,
        "words": "nothing",
        "ANSWER": "EMAIL_OTP",
        "inner": {"ANSWER": MASK},
    }


def test_an_answer_that_the_functions_repeat_is_masked(signing_key: RSAKey) -> None:
    """An answer that a Lambda function repeats in public is masked on the page."""
    answers: list[str] = []

    def define(event: Any) -> Any:
        event["response"] |= {"issueTokens": False, "failAuthentication": False}
        event["response"]["challengeName"] = "CUSTOM_CHALLENGE"
        return event

    def create(event: Any) -> Any:
        event["response"]["publicChallengeParameters"] = {"not": answers[-1] if answers else "-"}
        event["response"]["privateChallengeParameters"] = {}
        return event

    def verify(event: Any) -> Any:
        answers.append(event["request"]["challengeAnswer"])
        event["response"]["answerCorrect"] = False
        return event

    triggers = Triggers(define=define, create=create, verify=verify)
    pool = LocalPool(key=signing_key, clock=ManualClock(), triggers=triggers)
    pool.add_user("ada")
    recording = SignInRecording(pool, "ada", flow="CUSTOM_AUTH")
    recording.run()
    [form] = prompts_for(recording.flow)
    recording.offer(form.make_response({"answer": "a-balloon"}))

    step = recording.step()

    assert answers == ["a-balloon"]
    assert step.exchanges[0].request["ChallengeResponses"]["ANSWER"] == MASK
    assert step.exchanges[0].reply["ChallengeParameters"]["not"] == MASK
    assert view_model(recording, None)["facts"] == [["not", MASK]]
    recording.offer(form.make_response({"answer": "a-mast"}))
    recording.step()
    assert "a-balloon" not in json.dumps(view_model(recording, None))
