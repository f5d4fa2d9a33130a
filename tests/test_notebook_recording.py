"""A recorded sign-in can go forward and back; requests and replies are shown without secrets."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc.jwk import RSAKey

from authfsm import Answer, Code, NewPassword, PoolSettings, State
from authfsm.local import LocalPool, ManualClock, Triggers, WebAuthnConfiguration
from authfsm.notebook.answers import offered_actions, srp_values
from authfsm.notebook.recording import MASK, MAX_STEPS, SignInRecording
from authfsm.notebook.view_model import next_steps, settings_of
from authfsm.protocol.errors import InvalidOperation, WrongResponse

PASSWORD = "Correct-Horse-1"


@pytest.fixture
def pool(signing_key: RSAKey) -> LocalPool:
    """A pool whose users receive a code."""
    local_pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key, clock=ManualClock())
    local_pool.add_user("ada", PASSWORD, phone_number="+15555550143")
    return local_pool


def position(recording: SignInRecording) -> tuple[State, int, int]:
    """Return the state of a recording, and the numbers of kept and of all steps."""
    return recording.flow.state, len(recording.steps), len(recording.flow.history)


def test_forward_to_the_tokens(pool: LocalPool) -> None:
    """Automatic steps can be taken one by one or together; the code is offered, previewed and sent."""
    recording = SignInRecording(pool, "ada", PASSWORD)
    assert position(recording) == (State.START, 0, 0)
    assert recording.preview is not None
    assert recording.preview.operation == "InitiateAuth"
    assert recording.preview.request["AuthParameters"]["USERNAME"] == "ada"

    first = recording.step()
    assert position(recording) == (State.PASSWORD_VERIFIER, 1, 1)
    assert first.exchanges[0].request == recording.steps[0].exchanges[0].request
    assert first.exchanges[0].reply["ChallengeParameters"]["SECRET_BLOCK"] == MASK

    assert recording.run() == 1
    assert position(recording) == (State.SMS_MFA, 2, 2)
    assert recording.preview is None
    with pytest.raises(InvalidOperation, match="requires user input"):
        recording.step()

    assert recording.pool is not None
    recording.offer(Code(recording.pool.outbox.code_for("ada")))
    assert recording.preview.request["ChallengeResponses"] == {"USERNAME": "ada", "SMS_MFA_CODE": MASK}
    last = recording.step()
    assert position(recording) == (State.AUTHENTICATED, 3, 3)
    assert last.exchanges[0].reply["AuthenticationResult"]["AccessToken"] == MASK
    assert len(pool.outbox) == 0


def test_the_preview_is_what_is_sent(pool: LocalPool) -> None:
    """The request that is sent has the key pair of the preview."""
    recording = SignInRecording(pool, "ada", PASSWORD)

    preview = recording.preview
    step = recording.step()

    assert preview is not None
    assert step.exchanges[0].request["AuthParameters"] == preview.request["AuthParameters"]


def test_going_back_undoes_steps(pool: LocalPool) -> None:
    """After going back, a used code is valid again, and a wrong one was never sent."""
    recording = SignInRecording(pool, "ada", PASSWORD)
    recording.run()
    assert recording.pool is not None
    code = recording.pool.outbox.code_for("ada")
    recording.offer(Code("000000"))
    refused = recording.step()
    assert refused.error is not None
    assert position(recording) == (State.SMS_MFA, 3, 3)

    recording.back()
    assert position(recording) == (State.SMS_MFA, 2, 2)
    recording.offer(Code(code))
    recording.step()
    assert position(recording) == (State.AUTHENTICATED, 3, 3)
    recording.back()
    recording.offer(Code(code))
    recording.step()
    assert position(recording) == (State.AUTHENTICATED, 3, 3)


def test_every_step_can_be_taken_back_and_again(pool: LocalPool) -> None:
    """Every step can be taken back and taken again."""
    recording = SignInRecording(pool, "ada", PASSWORD)
    for _ in range(2):
        recording.run()
        assert position(recording) == (State.SMS_MFA, 2, 2)
        recording.back()
        recording.back()
        assert position(recording) == (State.START, 0, 0)
    with pytest.raises(InvalidOperation, match="no step was taken yet"):
        recording.back()


def asks_for_ever(event: Any) -> Any:
    """Return Lambda functions that refuse every answer and issue the challenge again."""
    event["response"] |= {"issueTokens": False, "failAuthentication": False, "answerCorrect": False}
    event["response"] |= {"challengeName": "CUSTOM_CHALLENGE"}
    return event


def test_only_the_last_steps_are_kept(signing_key: RSAKey) -> None:
    """Only the kept steps can be taken back; then the error says why."""
    triggers = Triggers(define=asks_for_ever, create=asks_for_ever, verify=asks_for_ever)
    pool = LocalPool(triggers=triggers, key=signing_key, clock=ManualClock())
    pool.add_user("ada")
    recording = SignInRecording(pool, "ada", flow="CUSTOM_AUTH")
    recording.step()
    for _ in range(MAX_STEPS):
        recording.offer(Answer("a balloon"))
        recording.step()
    assert position(recording) == (State.CUSTOM_CHALLENGE, MAX_STEPS, MAX_STEPS + 1)

    for _ in range(MAX_STEPS):
        recording.back()

    assert position(recording) == (State.CUSTOM_CHALLENGE, 0, 1)
    with pytest.raises(InvalidOperation, match=f"only the last {MAX_STEPS} steps"):
        recording.back()


def passkey_pool(signing_key: RSAKey, **settings: Any) -> LocalPool:
    """Return a pool whose user may register passkeys."""
    factors, webauthn = ["PASSWORD", "WEB_AUTHN"], WebAuthnConfiguration("example.com")
    pool = LocalPool(allowed_first_auth_factors=factors, webauthn=webauthn, key=signing_key, **settings)
    pool.add_user("ada", PASSWORD, phone_number="+15555550143", mfa=settings.get("mfa_methods", []))
    return pool


def test_back_undoes_the_registration_of_a_passkey(signing_key: RSAKey) -> None:
    """After going back, the passkey that the pool does not have any more is not offered, and can be registered again."""
    recording = SignInRecording(passkey_pool(signing_key), "ada", PASSWORD)
    recording.run()
    for _ in range(2):
        recording.register_passkey()
        assert recording.passkey is not None
        assert "passkey" in offered_actions(recording)
        recording.back()
        assert recording.passkey is None
        assert "passkey" not in offered_actions(recording)


def test_a_passkey_that_may_not_satisfy_mfa_is_kept(signing_key: RSAKey) -> None:
    """If the MFA preference is refused, the registered passkey is kept, but no sign-in with it is offered."""
    recording = SignInRecording(passkey_pool(signing_key, mfa="OPTIONAL", mfa_methods=["SMS_MFA"]), "ada", PASSWORD)
    recording.run()
    assert recording.pool is not None
    recording.answer(Code(recording.pool.outbox.code_for("ada")))
    recording.register_passkey()

    assert recording.steps[-1].error is not None
    assert recording.user is not None
    assert (len(recording.user.passkeys.by_id), recording.passkey is not None) == (1, True)
    assert "passkey" not in offered_actions(recording)


def test_restart_begins_on_the_pool_as_it_was(pool: LocalPool) -> None:
    """A recording does not change the pool that was passed to it."""
    recording = SignInRecording(pool, "ada", PASSWORD)
    recording.run()
    for _ in range(5):
        recording.offer(Code("000000"))
        recording.step()

    recording.restart()
    recording.run()

    assert position(recording) == (State.SMS_MFA, 2, 2)
    assert recording.pool is not None
    recording.offer(Code(recording.pool.outbox.code_for("ada")))
    assert recording.step().error is None


def test_a_real_pool_cannot_go_back(pool: LocalPool) -> None:
    """With a driver, going back is an error, and nothing changes."""
    recording = SignInRecording(pool.cognito(), "ada", PASSWORD)
    recording.run()

    assert recording.why_back_impossible is not None
    with pytest.raises(InvalidOperation, match="real pool"):
        recording.back()
    assert position(recording) == (State.SMS_MFA, 2, 2)
    recording.restart()
    assert position(recording) == (State.START, 0, 0)


def test_an_unaccepted_response_cannot_be_offered(pool: LocalPool) -> None:
    """An unaccepted response is a typed error, and the recording does not change."""
    recording = SignInRecording(pool, "ada", PASSWORD)
    recording.run()

    with pytest.raises(WrongResponse):
        recording.offer(NewPassword("x"))
    assert (recording.pending, *position(recording)) == (None, State.SMS_MFA, 2, 2)


def test_the_values_of_a_proof(pool: LocalPool) -> None:
    """While a proof is due, its values are shown by the names of the papers."""
    recording = SignInRecording(pool, "ada", PASSWORD)
    assert srp_values(recording.flow) == ()
    recording.step()
    assert [name for name, *_ in srp_values(recording.flow)] == ["a", "A", "s", "B", "x", "u", "S", "K"]
    recording.step()
    assert srp_values(recording.flow) == ()


def test_next_steps_have_conditions(pool: LocalPool) -> None:
    """The next steps have conditions: this pool leads to SMS_MFA, and never to SELECT_MFA_TYPE."""
    recording = SignInRecording(pool, "ada", PASSWORD)
    recording.step()
    settings = PoolSettings.describe(pool.client(), pool.pool_id, pool.client_id)

    steps = {each["name"]: each for each in next_steps(recording.flow.signin, settings)}

    assert steps["SMS_MFA"]["ruled_out"] is None
    assert steps["SELECT_MFA_TYPE"]["ruled_out"] is not None
    assert all(each["conditions"] for each in steps.values())
    assert "FAILED" not in steps


def test_next_steps_distinguish_the_roles_of_email_otp(signing_key: RSAKey) -> None:
    """EMAIL_OTP as a first and as a second factor have separate verdicts."""
    pool = LocalPool(allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP"], key=signing_key, clock=ManualClock())
    pool.add_user("ada", PASSWORD, email="ada@example.com")
    recording = SignInRecording(pool, "ada", flow="USER_AUTH")
    recording.run()
    assert recording.flow.state is State.SELECT_CHALLENGE

    steps = {
        (each["response"], each["name"]): each["ruled_out"]
        for each in next_steps(recording.flow.signin, settings_of(pool))
    }

    assert steps["select", "EMAIL_OTP (first factor)"] is None
    assert steps["password", "EMAIL_OTP (second factor)"] is not None


def test_next_steps_that_only_a_lambda_names(signing_key: RSAKey) -> None:
    """Challenges that only a local pool's Lambda functions issue are marked."""
    triggers = Triggers(define=asks_for_ever, create=asks_for_ever, verify=asks_for_ever)
    pool = LocalPool(triggers=triggers, key=signing_key, clock=ManualClock())
    pool.add_user("ada")
    recording = SignInRecording(pool, "ada", flow="CUSTOM_AUTH")
    recording.run()

    steps = {each["name"]: each for each in next_steps(recording.flow.signin, settings_of(pool))}

    assert settings_of(pool).lambda_config == frozenset(
        {"DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"}
    )
    assert {each["ruled_out"] for each in steps.values()} == {None}
    assert not steps["AUTHENTICATED"]["lambda_only"]
    assert not steps["CUSTOM_CHALLENGE"]["lambda_only"]
    assert steps["SMS_MFA"]["lambda_only"]
