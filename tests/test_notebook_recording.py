"""A sign-in on a recording goes forward, back and again; what is shown of the wire hides its secrets."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc.jwk import RSAKey

from authfsm import Answer, Code, NewPassword, PoolSettings, State
from authfsm.local import LocalPool, ManualClock, Triggers
from authfsm.notebook.debug_secrets import srp_values
from authfsm.notebook.panels import next_steps, settings_of
from authfsm.notebook.recording import MAX_STEPS, SignInRecording
from authfsm.notebook.wire import MASK
from authfsm.protocol.errors import InvalidOperation, WrongResponse

PASSWORD = "Correct-Horse-1"


@pytest.fixture
def pool(signing_key: RSAKey) -> LocalPool:
    """A pool that asks for a code."""
    made = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key, clock=ManualClock())
    made.add_user("ada", PASSWORD, phone_number="+15555550143")
    return made


def stands(recording: SignInRecording) -> tuple[State, int, int]:
    """Where a recording stands."""
    return recording.flow.state, len(recording.steps), len(recording.flow.history)


def test_forward_to_the_tokens(pool: LocalPool) -> None:
    """What needs no person is stepped or run through; the code is offered, previewed and given."""
    recording = SignInRecording(pool, "ada", PASSWORD)
    assert stands(recording) == (State.START, 0, 0)
    assert recording.preview is not None
    assert recording.preview.operation == "InitiateAuth"
    assert recording.preview.request["AuthParameters"]["USERNAME"] == "ada"

    first = recording.step()
    assert stands(recording) == (State.PASSWORD_VERIFIER, 1, 1)
    assert first.exchanges[0].request == recording.steps[0].exchanges[0].request
    assert first.exchanges[0].reply["ChallengeParameters"]["SECRET_BLOCK"] == MASK

    assert recording.run() == 1
    assert stands(recording) == (State.SMS_MFA, 2, 2)
    assert recording.preview is None
    with pytest.raises(InvalidOperation, match="requires user input"):
        recording.step()

    assert recording.pool is not None
    recording.offer(Code(recording.pool.outbox.code_for("ada")))
    assert recording.preview.request["ChallengeResponses"] == {
        "USERNAME": "ada",
        "SMS_MFA_CODE": MASK,
    }
    last = recording.step()
    assert stands(recording) == (State.AUTHENTICATED, 3, 3)
    assert last.exchanges[0].reply["AuthenticationResult"]["AccessToken"] == MASK
    assert len(pool.outbox) == 0


def test_what_was_previewed_is_what_is_sent(pool: LocalPool) -> None:
    """The key pair is not drawn anew between the look and the step."""
    recording = SignInRecording(pool, "ada", PASSWORD)

    seen = recording.preview
    step = recording.step()

    assert seen is not None
    assert step.exchanges[0].request["AuthParameters"] == seen.request["AuthParameters"]


def test_back_undoes_what_was_done(pool: LocalPool) -> None:
    """A code that was spent is good again; a wrong one was never given."""
    recording = SignInRecording(pool, "ada", PASSWORD)
    recording.run()
    assert recording.pool is not None
    code = recording.pool.outbox.code_for("ada")
    recording.offer(Code("000000"))
    refused = recording.step()
    assert refused.error is not None
    assert stands(recording) == (State.SMS_MFA, 3, 3)

    recording.back()
    assert stands(recording) == (State.SMS_MFA, 2, 2)
    recording.offer(Code(code))
    recording.step()
    assert stands(recording) == (State.AUTHENTICATED, 3, 3)
    recording.back()
    recording.offer(Code(code))
    recording.step()
    assert stands(recording) == (State.AUTHENTICATED, 3, 3)


def test_back_to_the_beginning_and_forth(pool: LocalPool) -> None:
    """Every step can be taken back, and taken again."""
    recording = SignInRecording(pool, "ada", PASSWORD)
    for _ in range(2):
        recording.run()
        assert stands(recording) == (State.SMS_MFA, 2, 2)
        recording.back()
        recording.back()
        assert stands(recording) == (State.START, 0, 0)
    with pytest.raises(InvalidOperation, match="the beginning"):
        recording.back()


def asks_for_ever(event: Any) -> Any:
    """The three functions of a pool that takes every answer for wrong."""
    event["response"] |= {"issueTokens": False, "failAuthentication": False, "answerCorrect": False}
    event["response"] |= {"challengeName": "CUSTOM_CHALLENGE"}
    return event


def test_a_long_tape_has_an_end(signing_key: RSAKey) -> None:
    """As many steps as are kept can be taken back; then it is said why no more."""
    triggers = Triggers(define=asks_for_ever, create=asks_for_ever, verify=asks_for_ever)
    pool = LocalPool(triggers=triggers, key=signing_key, clock=ManualClock())
    pool.add_user("ada")
    recording = SignInRecording(pool, "ada", flow="CUSTOM_AUTH")
    recording.step()
    for _ in range(MAX_STEPS):
        recording.offer(Answer("a balloon"))
        recording.step()
    assert stands(recording) == (State.CUSTOM_CHALLENGE, MAX_STEPS, MAX_STEPS + 1)

    for _ in range(MAX_STEPS):
        recording.back()

    assert stands(recording) == (State.CUSTOM_CHALLENGE, 0, 1)
    with pytest.raises(InvalidOperation, match=f"only the last {MAX_STEPS} steps"):
        recording.back()


def test_restart_begins_on_the_pool_as_it_was(pool: LocalPool) -> None:
    """Whatever was done on the recording is not done to the pool that was given."""
    recording = SignInRecording(pool, "ada", PASSWORD)
    recording.run()
    for _ in range(5):
        recording.offer(Code("000000"))
        recording.step()

    recording.restart()
    recording.run()

    assert stands(recording) == (State.SMS_MFA, 2, 2)
    assert recording.pool is not None
    recording.offer(Code(recording.pool.outbox.code_for("ada")))
    assert recording.step().error is None


def test_a_real_pool_does_not_go_back(pool: LocalPool) -> None:
    """A driver may lead anywhere: it is said, and nothing changes."""
    recording = SignInRecording(pool.cognito(), "ada", PASSWORD)
    recording.run()

    assert recording.why_no_back is not None
    with pytest.raises(InvalidOperation, match="real pool"):
        recording.back()
    assert stands(recording) == (State.SMS_MFA, 2, 2)
    recording.restart()
    assert stands(recording) == (State.START, 0, 0)


def test_what_is_not_taken_is_not_offered(pool: LocalPool) -> None:
    """A typed error, and the recording stands where it stood."""
    recording = SignInRecording(pool, "ada", PASSWORD)
    recording.run()

    with pytest.raises(WrongResponse):
        recording.offer(NewPassword("x"))
    assert (recording.pending, *stands(recording)) == (None, State.SMS_MFA, 2, 2)


def test_the_values_of_a_proof(pool: LocalPool) -> None:
    """All of them while a proof is due, by the papers' names; none before, none after."""
    recording = SignInRecording(pool, "ada", PASSWORD)
    assert srp_values(recording.flow) == ()
    recording.step()
    assert [value.name for value in srp_values(recording.flow)] == [
        "a",
        "A",
        "s",
        "B",
        "x",
        "u",
        "S",
        "K",
    ]
    recording.step()
    assert srp_values(recording.flow) == ()


def test_the_outlook_says_what_each_way_depends_on(pool: LocalPool) -> None:
    """From PASSWORD_VERIFIER this pool leads to SMS_MFA, and never to SELECT_MFA_TYPE, with the reason."""
    recording = SignInRecording(pool, "ada", PASSWORD)
    recording.step()
    settings = PoolSettings.describe(pool.client(), pool.pool_id, pool.client_id)

    seen = {each.dest: each for each in next_steps(recording.flow.signin, settings)}

    assert seen[State.SMS_MFA].ruled_out is None
    assert seen[State.SELECT_MFA_TYPE].ruled_out is not None
    assert all(each.conditions for each in seen.values())
    assert State.FAILED not in seen


def test_the_outlook_tells_an_e_mailed_codes_roles_apart(signing_key: RSAKey) -> None:
    """As a first factor it is allowed here, as a second it is not: each has its own verdict."""
    pool = LocalPool(
        allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP"], key=signing_key, clock=ManualClock()
    )
    pool.add_user("ada", PASSWORD, email="ada@example.com")
    recording = SignInRecording(pool, "ada", flow="USER_AUTH")
    recording.run()
    assert recording.flow.state is State.SELECT_CHALLENGE

    seen = {
        (each.response.trigger, each.name): each.ruled_out
        for each in next_steps(recording.flow.signin, settings_of(pool))
    }

    assert seen["select", "EMAIL_OTP (first factor)"] is None
    assert seen["password", "EMAIL_OTP (second factor)"] is not None


def test_the_outlook_knows_what_only_a_function_names(signing_key: RSAKey) -> None:
    """An embedded pool's functions are known; what only they may name is told from what follows by itself."""
    triggers = Triggers(define=asks_for_ever, create=asks_for_ever, verify=asks_for_ever)
    pool = LocalPool(triggers=triggers, key=signing_key, clock=ManualClock())
    pool.add_user("ada")
    recording = SignInRecording(pool, "ada", flow="CUSTOM_AUTH")
    recording.run()

    seen = {each.dest: each for each in next_steps(recording.flow.signin, settings_of(pool))}

    assert settings_of(pool).lambda_config == frozenset(
        {"DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"}
    )
    assert {each.ruled_out for each in seen.values()} == {None}
    assert not seen[State.AUTHENTICATED].lambda_only
    assert not seen[State.CUSTOM_CHALLENGE].lambda_only
    assert seen[State.SMS_MFA].lambda_only
