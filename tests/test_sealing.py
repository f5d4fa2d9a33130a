"""A sealed sign-in can continue anywhere; an altered, expired or foreign seal is refused."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
from botocore.exceptions import ConnectTimeoutError
from cryptography.fernet import Fernet
from joserfc.jwk import RSAKey

import authfsm
from authfsm import Flow, RecoveryAction, State
from authfsm.base.clock import ManualClock
from authfsm.core.encryption import BadKey, TooLongToSeal, new_key
from authfsm.core.sealing import snapshot_from_json, snapshot_to_json
from authfsm.local import DeviceConfiguration, LocalPool, Triggers
from authfsm.protocol import responses as r
from authfsm.protocol.errors import (
    BadField,
    ConnectionLost,
    InvalidOperation,
    SealBroken,
    SealError,
    SealExpired,
    SealTooNew,
    SealWrongClient,
    WrongResponse,
)

PASSWORD = "Correct-Horse-1"
SCHEMA = json.loads((Path(authfsm.__file__).parent / "core/snapshot.schema.json").read_text("utf-8"))


@pytest.fixture
def pool(signing_key: RSAKey) -> LocalPool:
    """A pool whose users receive a code by SMS."""
    local_pool = LocalPool(mfa="OPTIONAL", mfa_methods=["SMS_MFA"], key=signing_key, clock=ManualClock())
    local_pool.add_user("ada", PASSWORD, phone_number="+15555550143", mfa=["SMS_MFA"])
    return local_pool


def resume_elsewhere(pool: LocalPool, sealed: str, key: Any) -> Flow:
    """Return the sign-in, resumed by a new driver."""
    return pool.cognito().resume(sealed, key)


def form(flow: Flow) -> dict[str, Any]:
    """Return the content of a seal."""
    members: dict[str, Any] = json.loads(snapshot_to_json(flow._snapshot(), flow._clock()).reveal())
    return members


def all_data(flow: Flow) -> tuple[Any, ...]:
    """Return all data of a flow."""
    inner = flow.signin
    return (
        flow.sign_in_id, flow.state, flow.challenge, flow.history, flow.device, flow.accepts,
        flow._password, flow._ephemeral, flow.preferred_challenge, dict(flow._client_metadata), flow.walk,
        inner.username, inner.flow, inner.role, inner.password_proved, inner.admin,
        inner.session_received_at or flow._clock(),  # a sign-in that has not begun is as old as its seal
    )  # fmt: skip


def test_a_sign_in_continues_in_another_process(pool: LocalPool) -> None:
    """SMS_MFA is issued in one process and answered in another, with a wrong code and one more move."""
    key = new_key()
    flow = pool.cognito().sign_in("ada", PASSWORD)
    assert flow.state is State.SMS_MFA

    second = resume_elsewhere(pool, flow.seal(key), key)
    assert all_data(second) == all_data(flow)
    with pytest.raises(authfsm.UserError) as caught:
        second.answer(r.Code("000000"))
    assert (caught.value.action, caught.value.survives) == (RecoveryAction.TRY_AGAIN, True)

    third = resume_elsewhere(pool, second.seal(key), key)
    assert all_data(third) == all_data(second)
    assert third.answer(r.Code(pool.outbox.code_for("ada"))) is State.AUTHENTICATED
    assert [(step.number, step.source, step.error) for step in third.history] == [
        (1, State.START, None),
        (2, State.PASSWORD_VERIFIER, None),
        (3, State.SMS_MFA, "CodeMismatchException"),
        (4, State.SMS_MFA, None),
    ]


def _at_the_verifier(pool: LocalPool) -> Flow:
    return pool.cognito().sign_in("ada", PASSWORD, walk=False)


def _at_a_choice(pool: LocalPool) -> Flow:
    return pool.cognito().sign_in("ada", flow="USER_AUTH", client_metadata={"page": "login"})


def _at_the_code(pool: LocalPool) -> Flow:
    return pool.cognito().sign_in("ada", PASSWORD)


def _at_a_new_password(pool: LocalPool) -> Flow:
    pool.add_user("grace", PASSWORD, temporary=True)
    return pool.cognito().sign_in("grace", PASSWORD)


def _at_the_set_up(pool: LocalPool) -> Flow:
    flow = _required(pool).cognito().sign_in("ida", PASSWORD)
    flow.answer(r.AssociateSoftwareToken())
    return flow


def _at_the_start(pool: LocalPool) -> Flow:
    return pool.cognito().start(PASSWORD)


def _required(pool: LocalPool) -> LocalPool:
    local_pool = LocalPool(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"], key=pool._core.token_issuer.key.jwk)
    local_pool.add_user("ida", PASSWORD)
    return local_pool


STATES: list[Callable[[LocalPool], Flow]] = [
    _at_the_verifier, _at_a_choice, _at_the_code, _at_a_new_password, _at_the_set_up, _at_the_start,
]  # fmt: skip


@pytest.mark.parametrize("stand", STATES, ids=lambda each: each.__name__.strip("_"))
def test_nothing_is_lost_and_the_json_fits_its_schema(pool: LocalPool, stand: Callable[[LocalPool], Flow]) -> None:
    """In every state that can be sealed, the resumed sign-in has the same attributes."""
    key = new_key()
    flow = stand(pool)

    jsonschema.validate(form(flow), SCHEMA)
    resumed = flow.cognito.resume(flow.seal(key), key)

    assert all_data(resumed) == all_data(flow)


def test_the_resuming_process_makes_the_proof(pool: LocalPool) -> None:
    """Another process than that of SRP_A makes the proof, with exponent and password from the seal."""
    key = new_key()
    flow = resume_elsewhere(pool, _at_the_verifier(pool).seal(key), key)

    assert flow.step() is State.SMS_MFA


def test_password_and_exponent_are_gone_once_they_are_proved(pool: LocalPool) -> None:
    """A seal has password and exponent only while a proof is due."""
    flow = _at_the_verifier(pool)
    before = set(form(flow))
    flow.step()
    after = set(form(flow))

    assert before - after == {"password", "exponent", "due"}
    assert PASSWORD not in json.dumps(form(flow))


def test_a_sign_in_that_waits_for_a_user_fits_a_cookie(pool: LocalPool) -> None:
    """With a Session of 1,000 characters, as Cognito's are; a proof that is due does not fit."""
    key, sizes = new_key(), {}
    for stand in STATES:
        flow = stand(pool)
        challenge = flow.signin.challenge
        if challenge is not None and challenge.session is not None:
            longer = authfsm.Secret(challenge.session.reveal().ljust(1000, "x"))
            flow.signin.challenge = attrs.evolve(challenge, session=longer)
        sizes[stand.__name__] = len(flow.seal(key))

    assert {name: size for name, size in sizes.items() if size > 4096 - 300} == {}


def test_10_000_flipped_bits_are_10_000_refusals(pool: LocalPool) -> None:
    """A seal with any flipped bit is refused, and the error shows none of its content."""
    key, rng = new_key(), random.Random(20260101)  # noqa: S311 - a seed repeats its choices, on purpose
    flow = pool.cognito().sign_in("ada", PASSWORD)
    cognito, refused = flow.cognito, 0
    texts = [flow.seal(key).encode() for _ in range(20)]

    for _ in range(10_000):
        text = bytearray(rng.choice(texts))
        place = rng.randrange(len(text) * 8)
        text[place // 8] ^= 1 << place % 8
        with pytest.raises(SealBroken) as caught:
            cognito.resume(bytes(text), key)
        refused += caught.value.action is RecoveryAction.START_AGAIN

    assert refused == 10_000


@pytest.mark.parametrize(
    "text",
    ["", "a", "gAAAA", "é", "gAAAAA" * 50_000, b"\xff\xfe", "{}", "\0", None, 7],
    ids=lambda text: repr(text)[:8],
)
def test_a_text_that_is_no_seal_is_refused(pool: LocalPool, text: Any) -> None:
    """Anything that a browser may send instead of a seal is refused, also nothing."""
    with pytest.raises(SealBroken):
        pool.cognito().resume(text, new_key())


def test_keys_are_rotated(pool: LocalPool) -> None:
    """The first of several keys seals, all of them unseal; a retired key unseals nothing."""
    old, new = new_key(), new_key()
    flow = pool.cognito().sign_in("ada", PASSWORD)
    before, after = flow.seal(old), flow.seal([new, old])

    assert resume_elsewhere(pool, before, [new, old]).state is State.SMS_MFA
    assert resume_elsewhere(pool, after, new).state is State.SMS_MFA
    with pytest.raises(SealBroken):
        resume_elsewhere(pool, before, [new])


@pytest.mark.parametrize("key", ["", "short", b"x" * 44, [], None, 7, ["short"]], ids=repr)
def test_an_invalid_key_is_refused(pool: LocalPool, key: Any) -> None:
    """An invalid key raises BadKey, for sealing and unsealing."""
    flow = pool.cognito().sign_in("ada", PASSWORD)

    with pytest.raises(BadKey):
        flow.seal(key)
    with pytest.raises(BadKey):
        flow.cognito.resume("x", key)


def test_it_expires_with_the_session(pool: LocalPool) -> None:
    """A seal is valid until one second before AuthSessionValidity ends."""
    key = new_key()
    sealed = pool.cognito().sign_in("ada", PASSWORD).seal(key)

    assert isinstance(pool.clock, ManualClock)
    pool.clock.advance(179)
    assert resume_elsewhere(pool, sealed, key).state is State.SMS_MFA
    pool.clock.advance(1)
    with pytest.raises(SealExpired) as caught:
        resume_elsewhere(pool, sealed, key)
    assert (caught.value.fault, caught.value.action) == (authfsm.Fault.TIME, RecoveryAction.START_AGAIN)


def test_a_longer_session_waits_longer(signing_key: RSAKey) -> None:
    """The driver of a local pool knows its app client's AuthSessionValidity."""
    clock, key = ManualClock(), new_key()
    pool = LocalPool(auth_session_validity=15, mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key, clock=clock)
    pool.add_user("ada", PASSWORD, phone_number="+15555550143")
    sealed = pool.cognito().sign_in("ada", PASSWORD).seal(key)

    clock.advance(899)
    flow = resume_elsewhere(pool, sealed, key)
    clock.advance(1)
    with pytest.raises(SealExpired):
        resume_elsewhere(pool, sealed, key)
    clock.advance(-1)
    assert flow.answer(r.Code(pool.outbox.code_for("ada"))) is State.AUTHENTICATED


def test_another_clients_seal_is_refused(pool: LocalPool, signing_key: RSAKey) -> None:
    """Pool and client are part of the seal: the same key is not enough."""
    key = new_key()
    sealed = pool.cognito().sign_in("ada", PASSWORD).seal(key)
    other = LocalPool(key=signing_key)

    with pytest.raises(SealWrongClient):
        resume_elsewhere(other, sealed, key)


def test_a_newer_version_is_named(pool: LocalPool) -> None:
    """A seal of a newer version raises SealTooNew."""
    key = new_key()
    flow = pool.cognito().sign_in("ada", PASSWORD)
    newer_form = json.dumps({**form(flow), "authfsm": 2, "state": "WHO_KNOWS"}).encode()

    with pytest.raises(SealTooNew):
        flow.cognito.resume(Fernet(key.reveal()).encrypt(newer_form), key)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "AUTHENTICATED"}, {"state": "PASSWORD"}, {"state": 7}, {"asked": None}, {"asked": []},
        {"asked": {"ChallengeName": "SMS_MFA"}}, {"steps": [["START"]]}, {"steps": 7}, {"at": "noon"},
        {"exponent": "xyz"}, {"device": {"key": "k"}}, {"role": "third factor"}, {"authfsm": "1"},
    ],
    ids=repr,
)  # fmt: skip
def test_a_valid_seal_of_nonsense_is_broken(pool: LocalPool, change: dict[str, Any]) -> None:
    """Other content that was sealed with the same key is a typed error."""
    key = new_key()
    flow = pool.cognito().sign_in("ada", PASSWORD)
    nonsense = json.dumps({**form(flow), **change}).encode()

    with pytest.raises(SealError):
        flow.cognito.resume(Fernet(key.reveal()).encrypt(nonsense), key)


ODD_VALUES: list[Any] = [
    None, True, -1, 0, 7, 1e400, "", "x", "-5", "0", "f" * 65, "\ud800", "9999", "2026-01-01T00:00:00",
    [], [7], [None], [["START"]], {}, {"x": 7}, {"x": None}, {"device_key": "k", "device_group_key": "g", "password": 7},
]  # fmt: skip
"""Values that may be in place of valid ones."""


def oddities(members: dict[str, Any]) -> list[dict[str, Any]]:
    """Yield forms with one odd value in each place: at the top, in the challenge, and in a step."""
    every = [*members, "exponent", "password", "device", "metadata", "preferred", "begun", "asked", "steps"]
    odd_forms: list[dict[str, Any]] = [{**members, name: value} for name in every for value in ODD_VALUES]
    odd_forms += [{key: value for key, value in members.items() if key != name} for name in members]
    challenge = members.get("asked", {})
    inner = [*challenge, "SecretCode", "Verified"]
    odd_forms += [{**members, "asked": {**challenge, name: value}} for name in inner for value in ODD_VALUES]
    for place in range(7):
        for value in ODD_VALUES:
            row: list[Any] = ["START", "code", "SMS_MFA", None, None, None, None]
            row[place] = value
            odd_forms.append({**members, "steps": [row]})
    return odd_forms


@pytest.mark.parametrize("stand", STATES, ids=lambda each: each.__name__.strip("_"))
def test_a_valid_seal_of_odd_values_is_broken_or_works(pool: LocalPool, stand: Callable[[LocalPool], Flow]) -> None:
    """A seal with an odd value is refused, or its sign-in can be displayed, sealed and continued."""
    key, flow = new_key(), stand(pool)
    lock, refused = Fernet(key.reveal()), 0
    for members in oddities(form(flow)):
        try:
            resumed = flow.cognito.resume(lock.encrypt(json.dumps(members).encode()), key)
        except SealError:
            refused += 1
            continue
        jsonschema.validate(form(resumed), SCHEMA)
        resumed.cognito.resume(resumed.seal(key), key)
        repr(resumed)
        resumed.accepts  # noqa: B018 - reads the resumed state
        with suppress(authfsm.AuthfsmError):
            resumed.next_response()

    assert refused > 300


def test_a_lone_surrogate_survives_sealing(pool: LocalPool) -> None:
    """A character that UTF-8 cannot encode is sealed, and shown in no error."""
    metadata = {"page": "\ud83d", "\udc00": "日本\0"}
    key, flow = new_key(), pool.cognito().start(PASSWORD, client_metadata=metadata)

    assert resume_elsewhere(pool, flow.seal(key), key)._client_metadata == metadata


def test_a_text_that_was_sealed_can_be_unsealed(pool: LocalPool) -> None:
    """A long text can be unsealed; one that is too long to unseal is not sealed."""
    key = new_key()
    long = pool.cognito().start(client_metadata={"page": "x" * 150_000})
    longer = pool.cognito().start(client_metadata={"page": "x" * 200_000})

    assert all_data(resume_elsewhere(pool, long.seal(key), key)) == all_data(long)
    with pytest.raises(TooLongToSeal):
        longer.seal(key)


@pytest.mark.parametrize("version", [0, -1, True, 1.0, "1", None], ids=repr)
def test_an_invalid_version_is_broken(pool: LocalPool, version: Any) -> None:
    """An invalid version does not count as a newer one."""
    key = new_key()
    flow = pool.cognito().sign_in("ada", PASSWORD)
    text = json.dumps({**form(flow), "authfsm": version}).encode()

    with pytest.raises(SealBroken):
        flow.cognito.resume(Fernet(key.reveal()).encrypt(text), key)


def test_another_purpose_of_the_same_key_is_broken(pool: LocalPool) -> None:
    """A Fernet token that is not a snapshot is refused."""
    key = new_key()
    for text in (b"", b"7", b"[]", b"{}", b"\xff", b"null", b"[" * 60_000):
        with pytest.raises(SealBroken):
            pool.cognito().resume(Fernet(key.reveal()).encrypt(text), key)


def test_a_sign_in_that_has_ended_is_not_sealed(pool: LocalPool) -> None:
    """A sign-in with tokens or in FAILED is not sealed."""
    flow = pool.cognito().sign_in("ada", PASSWORD)
    flow.answer(r.Code(pool.outbox.code_for("ada")))

    with pytest.raises(InvalidOperation):
        flow.seal(new_key())


def test_a_sign_in_that_awaits_a_reply_is_not_sealed(pool: LocalPool) -> None:
    """A sign-in whose reply is pending is not sealed."""
    flow = pool.cognito().sign_in("ada", PASSWORD)
    flow.signin.send(r.Code("123456"))

    with pytest.raises(InvalidOperation) as caught:
        flow.seal(new_key())
    assert caught.value.action is RecoveryAction.WAIT


def test_a_sign_in_that_has_begun_cannot_resume_another(pool: LocalPool) -> None:
    """Only a new sign-in can resume a snapshot."""
    flow = pool.cognito().sign_in("ada", PASSWORD)
    text = snapshot_to_json(flow._snapshot(), flow._clock())

    with pytest.raises(SealBroken):
        snapshot_from_json(text, signin=flow.signin)
    assert flow.state is State.SMS_MFA


def test_a_seal_answered_twice_is_refused_by_the_session(pool: LocalPool) -> None:
    """A second answer from the same seal is refused with START_AGAIN."""
    key = new_key()
    sealed = pool.cognito().sign_in("ada", PASSWORD).seal(key)
    code = r.Code(pool.outbox.code_for("ada"))

    assert resume_elsewhere(pool, sealed, key).answer(code) is State.AUTHENTICATED
    with pytest.raises(authfsm.CallerError) as caught:
        resume_elsewhere(pool, sealed, key).answer(code)
    assert caught.value.action is RecoveryAction.START_AGAIN


def test_the_device_and_the_metadata_are_sealed(signing_key: RSAKey) -> None:
    """A remembered device can be proved after the sign-in was resumed."""
    pool = LocalPool(key=signing_key, device=DeviceConfiguration())
    pool.add_user("ada", PASSWORD)
    first = pool.cognito().sign_in("ada", PASSWORD)
    device = first.confirm_device()
    key = new_key()
    waiting = pool.cognito().sign_in("ada", PASSWORD, device=device, walk=False)
    resumed = resume_elsewhere(pool, waiting.seal(key), key)

    assert resumed.device == device
    resumed.walk = True
    while not resumed.done:
        resumed.step()
    assert State.DEVICE_SRP_AUTH in {step.source for step in resumed.history}
    assert resumed.tokens is not None
    assert resumed.tokens.new_device is None


# ---- concurrency, cancellation and restart ---------------------------------------------------------------


def test_a_concurrent_answer_gets_wait(pool: LocalPool) -> None:
    """A second answer during the first one gets WAIT, and uses nothing up."""
    flow = pool.cognito().sign_in("ada", PASSWORD)
    code = r.Code(pool.outbox.code_for("ada"))
    errors: list[InvalidOperation] = []

    def meanwhile(**_: Any) -> None:
        with pytest.raises(InvalidOperation) as caught:
            flow.answer(code)
        errors.append(caught.value)

    flow.cognito.client.meta.events.register("before-call.cognito-idp", meanwhile)

    assert flow.answer(code) is State.AUTHENTICATED
    assert [(error.action, error.state) for error in errors] == [(RecoveryAction.WAIT, State.SMS_MFA)]


def test_a_cancelled_sign_in_has_no_session_or_password(pool: LocalPool) -> None:
    """A cancelled sign-in is FAILED, with its history, but without session and password."""
    flow = _at_the_verifier(pool)
    before = flow.history

    flow.cancel()

    assert (flow.state, flow.challenge, flow.accepts, flow.history) == (
        State.FAILED, None, (), before,
    )  # fmt: skip
    assert (flow._password, flow._ephemeral, flow.signin.session) == (None, None, None)
    with pytest.raises(WrongResponse):
        flow.answer(r.Code("123456"))


def test_tokens_are_not_cancelled(pool: LocalPool) -> None:
    """Cancelling a sign-in that has succeeded changes nothing."""
    flow = pool.cognito().sign_in("ada", PASSWORD)
    flow.answer(r.Code(pool.outbox.code_for("ada")))
    tokens = flow.tokens

    flow.cancel()

    assert (flow.state, flow.tokens) == (State.AUTHENTICATED, tokens)


def test_a_reply_after_cancel_is_ignored(pool: LocalPool) -> None:
    """If a sign-in is cancelled during an answer, the reply changes nothing."""
    flow = pool.cognito().sign_in("ada", PASSWORD)
    flow.cognito.client.meta.events.register("before-call.cognito-idp", lambda **_: flow.cancel(), unique_id="cancel")

    with pytest.raises(InvalidOperation):
        flow.answer(r.Code(pool.outbox.code_for("ada")))
    assert (flow.state, flow.tokens) == (State.FAILED, None)


def test_a_reply_is_processed_completely_or_not_at_all(pool: LocalPool) -> None:
    """If another thread cancels during a reply, the reply is processed first."""
    flow = pool.cognito().sign_in("ada", PASSWORD, walk=False)
    threads: list[threading.Thread] = []

    class SlowReply(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            """Cancel the sign-in while the reply is read."""
            if not threads:
                threads.append(threading.Thread(target=flow.cancel))
                threads[0].start()
                threads[0].join(0.2)
            return super().get(key, default)

    client: Any = flow.cognito.client
    call = client.respond_to_auth_challenge
    client.respond_to_auth_challenge = lambda **members: SlowReply(call(**members))
    flow.step()
    threads[0].join()

    assert [(step.source, step.dest) for step in flow.history[1:]] == [(State.PASSWORD_VERIFIER, State.SMS_MFA)]
    assert (flow.state, flow.challenge, flow.signin.session) == (State.FAILED, None, None)
    assert (flow._password, flow._exponent, flow._pair) == (None, None, None)


def test_restart_begins_the_same_sign_in_again(pool: LocalPool) -> None:
    """A restart has the same user and flow; a dropped password must be passed again."""
    flow = pool.cognito().sign_in("ada", PASSWORD)

    again = flow.restart(PASSWORD)

    assert (flow.state, again.state) == (State.FAILED, State.SMS_MFA)
    assert again.answer(r.Code(pool.outbox.code_for("ada"))) is State.AUTHENTICATED
    with pytest.raises(ValueError, match="needs the password"):
        again.restart()


def test_a_refused_first_request_can_be_restarted(signing_key: RSAKey) -> None:
    """After a refused first request, a restart needs neither user nor flow nor password."""
    pool = LocalPool(key=signing_key)
    with pytest.raises(authfsm.UserError) as caught:
        pool.cognito().sign_in("ada", PASSWORD, flow="USER_PASSWORD_AUTH")
    pool.add_user("ada", PASSWORD)

    assert isinstance(caught.value.flow, Flow)
    assert caught.value.flow.restart(PASSWORD).state is State.AUTHENTICATED


def test_a_lost_first_request_can_be_restarted_elsewhere(signing_key: RSAKey) -> None:
    """After a lost first request, a seal has the user and the flow."""
    pool = LocalPool(key=signing_key)
    pool.add_user("ada", PASSWORD)
    flow, key = pool.cognito().start(PASSWORD), new_key()
    flow.cognito.client.meta.events.register("before-call.cognito-idp", lost, unique_id="lost")
    with pytest.raises(ConnectionLost):
        flow.begin("USER_PASSWORD_AUTH", "ada")

    jsonschema.validate(form(flow), SCHEMA)
    assert resume_elsewhere(pool, flow.seal(key), key).restart().state is State.AUTHENTICATED
    assert "begun" not in form(_at_the_code(_with_a_code(signing_key)))


def lost(**_: object) -> None:
    """Lose the reply."""
    raise ConnectTimeoutError(endpoint_url="https://x")


def _with_a_code(signing_key: RSAKey) -> LocalPool:
    local_pool = LocalPool(mfa="OPTIONAL", mfa_methods=["SMS_MFA"], key=signing_key)
    local_pool.add_user("ada", PASSWORD, phone_number="+15555550143", mfa=["SMS_MFA"])
    return local_pool


@pytest.mark.parametrize("auth_flow", ["USER_SRP_AUTH", "USER_AUTH"])
def test_a_failed_restart_does_not_abandon_the_sign_in(pool: LocalPool, auth_flow: str) -> None:
    """A restart without the dropped password is a ValueError in every flow that proved it, and the sign-in continues."""
    flow = pool.cognito().sign_in("ada", PASSWORD, flow=auth_flow)
    assert flow.signin.password_proved

    with pytest.raises(ValueError, match="needs the password"):
        flow.restart()
    assert flow.answer(r.Code(pool.outbox.code_for("ada"))) is State.AUTHENTICATED


def test_a_custom_sign_in_with_a_password_is_not_restarted_without_it(signing_key: RSAKey) -> None:
    """CUSTOM_AUTH that began with SRP is not begun again without the proof of the password."""

    def define(event: Any) -> Any:
        proved = event["request"]["session"][-1]["challengeName"] != "SRP_A"
        name = "CUSTOM_CHALLENGE" if proved else "PASSWORD_VERIFIER"
        return {**event, "response": {"challengeName": name, "issueTokens": False, "failAuthentication": False}}

    def create(event: Any) -> Any:
        return {**event, "response": {"publicChallengeParameters": {}, "privateChallengeParameters": {}}}

    def verify(event: Any) -> Any:
        return {**event, "response": {"answerCorrect": True}}

    triggers = Triggers(define=define, create=create, verify=verify)
    pool = LocalPool(key=signing_key, triggers=triggers)
    pool.add_user("ada", PASSWORD)
    flow = pool.cognito().sign_in("ada", PASSWORD, flow="CUSTOM_AUTH")
    assert (flow.state, flow.signin.password_proved) == (State.CUSTOM_CHALLENGE, True)

    with pytest.raises(ValueError, match="needs the password again"):
        flow.restart()
    assert flow.state is State.CUSTOM_CHALLENGE
    assert flow.restart(PASSWORD).signin.password_proved


def test_a_device_that_was_forgotten_is_not_tried_again(signing_key: RSAKey) -> None:
    """A restart sends no device that Cognito had forgotten in the attempt before."""
    pool = LocalPool(key=signing_key, device=DeviceConfiguration())
    pool.add_user("ada", PASSWORD)
    stale = authfsm.Device("eu-west-1_00000000-0000-4000-8000-000000000000", "-stale", "none")
    flow = pool.cognito(device=stale).sign_in("ada", PASSWORD)
    assert [step.error for step in flow.history if step.error] == ["ResourceNotFoundException"]

    again = flow.restart(PASSWORD)

    assert [step.error for step in again.history if step.error] == []


def test_begin_is_refused_in_the_middle(pool: LocalPool) -> None:
    """Beginning while a proof is due is refused, and the proof can still be made."""
    flow = _at_the_verifier(pool)
    before = all_data(flow)

    for begins in (
        lambda: flow.begin("USER_SRP_AUTH", "bob", "EMAIL_OTP"),
        lambda: flow.carry(r.UserSrpAuth, "bob", "Other-Horse-1"),
        lambda: flow.carry(r.SrpA, password="Other-Horse-1"),
        lambda: flow.make_response(r.SrpA, password="Other-Horse-1"),
        lambda: flow.initial_response("USER_AUTH", "bob"),
    ):
        with pytest.raises(WrongResponse):
            begins()
        assert all_data(flow) == before

    assert flow.step() is State.SMS_MFA


def test_an_unexpected_password_is_not_stored(pool: LocalPool) -> None:
    """A password that the flow does not need is neither kept nor sealed."""
    flow = pool.cognito().sign_in("ada", PASSWORD)

    with pytest.raises(WrongResponse):
        flow.carry(r.SrpA, password="Other-Horse-1")
    assert (flow._password, flow._exponent) == (None, None)
    assert {"password", "exponent"} & set(form(flow)) == set()


@pytest.mark.parametrize("password", ["", "\ud800", b"bytes", 7], ids=repr)
@pytest.mark.parametrize("flow", ["USER_SRP_AUTH", "USER_AUTH", "CUSTOM_AUTH", "USER_PASSWORD_AUTH"])
def test_an_invalid_password_is_not_sent(pool: LocalPool, flow: str, password: Any) -> None:
    """A password that cannot be encoded is refused before anything is sent, in any flow."""
    with pytest.raises(BadField) as caught:
        pool.cognito().sign_in("ada", password, flow=flow)

    assert caught.value.field == "password"
    flow_at_start = caught.value.flow
    assert flow_at_start is None or (isinstance(flow_at_start, Flow) and flow_at_start.history == ())


def test_a_refused_code_that_renews_the_session_renews_its_time(pool: LocalPool) -> None:
    """A new Session in VerifySoftwareToken's ERROR has a full lifetime."""
    key, flow = new_key(), _at_the_set_up(pool)
    late = flow._clock() + timedelta(minutes=2)
    flow.signin.send(r.VerifySoftwareToken("000000"))
    flow.signin.receive({"Status": "ERROR", "Session": "s" * 30}, at=late)
    flow._clock = lambda: late + timedelta(seconds=179)
    flow.cognito.clock = flow._clock

    assert flow.signin.session == authfsm.Secret("s" * 30)
    assert all_data(flow.cognito.resume(flow.seal(key), key)) == all_data(flow)


def test_after_sign_out_no_session_expires(pool: LocalPool) -> None:
    """After a sign-out the flow is in START, and does not expire."""
    key, flow = new_key(), pool.cognito().sign_in("ada", PASSWORD)
    flow.answer(r.Code(pool.outbox.code_for("ada")))
    flow.sign_out()
    assert isinstance(pool.clock, ManualClock)
    pool.clock.advance(3600)

    assert all_data(resume_elsewhere(pool, flow.seal(key), key)) == all_data(flow)


def test_a_refresh_in_progress_is_not_cancelled(pool: LocalPool) -> None:
    """A refresh in progress is not cancelled, because its reply has the only valid refresh token."""
    flow = pool.cognito().sign_in("ada", PASSWORD)
    flow.answer(r.Code(pool.outbox.code_for("ada")))
    before = flow.tokens
    flow.cognito.client.meta.events.register("before-call.cognito-idp", lambda **_: flow.cancel(), unique_id="cancel")

    assert flow.refresh() == flow.tokens
    assert flow.tokens != before


def test_a_sign_in_that_has_not_begun_cannot_restart(pool: LocalPool) -> None:
    """A sign-in that has not begun cannot be restarted, as it has no user."""
    with pytest.raises(InvalidOperation):
        pool.cognito().start(PASSWORD).restart()
