"""An ephemeral key serves one challenge, and automatic steps end: a false service gets one guess."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
from samples import challenge, error

from authfsm import AsyncCognito, Cognito, srp
from authfsm.core.device import Device
from authfsm.core.encryption import new_key
from authfsm.core.sealing import Snapshot, seal, unseal
from authfsm.core.signin import SignIn
from authfsm.drivers import flow_steps
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import Fault
from authfsm.protocol.errors import (
    AuthfsmError,
    BadField,
    MalformedReply,
    ProofRefused,
    ProtocolViolation,
    ServiceError,
    TooManySteps,
)
from authfsm.protocol.states import State
from authfsm.protocol.table import DEVICE_DROPPED, TRANSITIONS, is_automatic

NOON = datetime(2026, 11, 5, 12, 0, 0, tzinfo=timezone.utc)
POOL = "eu-west-1_AbCdEfGhI"
DEVICE = Device("eu-west-1_device", "-group", password="a device's password")
MINE, OTHER = srp.ephemeral(b"\x01" * 32), srp.ephemeral(b"\x02" * 32)
PROOFS = {State.PASSWORD_VERIFIER: "password", State.DEVICE_PASSWORD_VERIFIER: "device"}


def challenge_reply(state: State, number: int = 1, **parameters: str) -> dict[str, Any]:
    """Return a challenge that requires a proof, with a B of its own."""
    raw = challenge(state)
    members = {"SRP_B": f"{srp.verifier(number):x}", **parameters}
    return {**raw, "ChallengeParameters": {**raw["ChallengeParameters"], **members}}


class MaliciousService:
    """A service that answers every request with another challenge, each with a B of its own."""

    def __init__(self, first: State, *then: State) -> None:
        self.meta = SimpleNamespace(config=SimpleNamespace(max_pool_connections=1))
        self.script = [first]
        self.then = then
        self.count = 0
        self.proofs: list[tuple[str, str]] = []
        self.sent: list[str] = []

    def close(self) -> None:
        """Do nothing."""

    def initiate_auth(self, **request: Any) -> dict[str, Any]:
        """Return the first reply."""
        self.sent.append(request["AuthParameters"].get("SRP_A", ""))
        return self._next(self.script[0])

    def respond_to_auth_challenge(self, **request: Any) -> dict[str, Any]:
        """Return another challenge, whatever the answer."""
        responses = request["ChallengeResponses"]
        if "SRP_A" in responses:
            self.sent.append(responses["SRP_A"])
        if "PASSWORD_CLAIM_SIGNATURE" in responses:
            self.proofs.append((request["ChallengeName"], responses["PASSWORD_CLAIM_SECRET_BLOCK"]))
        return self._next(self.then[min(len(self.proofs) + len(self.sent) - 1, len(self.then)) - 1])

    def _next(self, state: State) -> dict[str, Any]:
        self.count += 1
        return challenge_reply(state, self.count)


def call_or_await(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return the result of a call, which is awaited if necessary."""

    async def awaited() -> Any:
        result = call(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    return asyncio.run(awaited())


SERVICES: dict[str, tuple[str, Device | None, Callable[[], MaliciousService]]] = {
    "password": ("USER_SRP_AUTH", None, lambda: MaliciousService(State.PASSWORD_VERIFIER, State.PASSWORD_VERIFIER)),
    "device": (
        "USER_PASSWORD_AUTH",
        DEVICE,
        lambda: MaliciousService(State.DEVICE_SRP_AUTH, State.DEVICE_PASSWORD_VERIFIER),
    ),
    "password, then device": (
        "USER_SRP_AUTH",
        DEVICE,
        lambda: MaliciousService(
            State.PASSWORD_VERIFIER,
            State.DEVICE_SRP_AUTH,
            State.DEVICE_PASSWORD_VERIFIER,
            State.DEVICE_PASSWORD_VERIFIER,
        ),
    ),
}


@pytest.mark.parametrize("kind", [Cognito, AsyncCognito])
@pytest.mark.parametrize("state", PROOFS)
def test_a_challenge_for_a_proof_lacks_a_value(state: State, kind: Any) -> None:
    """If a challenge for an SRP proof lacks a value, or has one that is no text or not valid, the error is a MalformedReply."""
    is_password = state is State.PASSWORD_VERIFIER
    wrong: list[Any] = [None, "", 5, b"ab", [], "g!"]
    for name, value in product(("SALT", "SRP_B", "SECRET_BLOCK", "USER_ID_FOR_SRP"), wrong):
        if name == "USER_ID_FOR_SRP" and (value == "g!" or not is_password):
            continue  # a valid name, or not used
        reply = challenge_reply(state)
        members = reply["ChallengeParameters"] = {**reply["ChallengeParameters"], name: value}
        if value is None:
            del members[name]
        script = [reply] if is_password else [challenge(State.DEVICE_SRP_AUTH), reply]
        service = MaliciousService(state, state)
        service._next = lambda _, script=script: script.pop(0)  # type: ignore[method-assign,misc]
        cognito = kind(service, client_id="c", pool_id=POOL, device=None if is_password else DEVICE)
        with pytest.raises(MalformedReply, match=name if isinstance(value, str | None) else "is not text"):
            call_or_await(
                cognito.sign_in, "ada", "a password", flow=f"USER_{'SRP' if is_password else 'PASSWORD'}_AUTH"
            )


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("kind", [Cognito, AsyncCognito])
def test_a_service_that_asks_again_gets_one_proof(service: str, kind: Any) -> None:
    """A service that repeats a challenge gets one proof of the password and one of the device."""
    flow, device, factory = SERVICES[service]
    hostile = factory()
    cognito = kind(hostile, client_id="c", pool_id=POOL, device=device)

    with pytest.raises(ProtocolViolation) as caught:
        call_or_await(cognito.sign_in, "ada", "a password", flow=flow)

    assert caught.value.fault is Fault.SERVICE
    names = [name for name, _ in hostile.proofs]
    assert len(names) == len(set(names)) == (2 if "then" in service else 1)
    srp_as = [each for each in hostile.sent if each]
    assert len(srp_as) == len(set(srp_as))


def at_proof(state: State) -> SignIn:
    """Return a sign-in that must prove the password, with the key pair `MINE`."""
    signin = SignIn("c", pool_id=POOL, device=DEVICE)
    if state is State.PASSWORD_VERIFIER:
        signin.send(r.CustomSrpAuth("ada", MINE.SRP_A))
    else:
        signin.send(r.CustomAuth("ada"))
        signin.receive(challenge(State.DEVICE_SRP_AUTH))
        signin.send(r.SrpA(MINE.SRP_A))
    signin.receive(challenge_reply(state), at=NOON)
    return signin


def prove(signin: SignIn, pair: srp.Ephemeral = MINE) -> r.SrpClaim:
    """Return the proof for a challenge."""
    return signin.prove(pair, NOON, "a password")


@pytest.mark.parametrize("state", PROOFS)
def test_a_challenges_proof_may_be_sent_again(state: State) -> None:
    """If a proof is throttled or its reply lost, the same challenge gets the same proof again."""
    signin = at_proof(state)
    first = prove(signin)
    signin.send(first)
    signin.receive(error("TooManyRequestsException"))
    signin.send(prove(signin))
    signin.send_failed()

    assert prove(signin) == first
    assert signin.send(first) is not None


@pytest.mark.parametrize("state", PROOFS)
@pytest.mark.parametrize("other", [{"SRP_B": "beef"}, {"SALT": "beef"}, {"SECRET_BLOCK": "b3RoZXI="}, {}], ids=str)
def test_another_challenge_gets_no_proof(state: State, other: dict[str, str]) -> None:
    """After a custom challenge the table allows a second challenge; without a new SRP_A it gets no proof."""
    signin = at_proof(state)
    signin.send(prove(signin))
    signin.receive(challenge(State.CUSTOM_CHALLENGE))
    signin.send(r.Answer("42"))
    signin.receive(challenge_reply(state, 1, **other))

    with pytest.raises(ProofRefused) as caught:
        prove(signin)
    assert isinstance(caught.value, ServiceError)
    assert caught.value.state is signin.state is state
    assert not caught.value.survives


@pytest.mark.parametrize("state", PROOFS)
def test_a_used_ephemeral_is_not_sent_again(state: State) -> None:
    """An SRP_A that a challenge has replied to is refused before anything is sent; a new one is accepted."""
    signin = at_proof(state)
    signin.send(prove(signin))
    signin.receive(challenge(State.CUSTOM_CHALLENGE))
    signin.send(r.Answer("42"))
    signin.receive(challenge(State.PASSWORD_SRP))

    for spelled in (MINE.SRP_A, f"00{MINE.SRP_A.upper()}"):
        with pytest.raises(BadField, match="srp_a"):
            signin.send(r.SrpA(spelled))
    assert signin.awaiting is None
    signin.send(r.SrpA(OTHER.SRP_A))
    signin.receive(challenge_reply(State.PASSWORD_VERIFIER, 2))
    with pytest.raises(BadField):
        prove(signin, MINE)
    assert prove(signin, OTHER).secret_block is not None


@pytest.mark.parametrize("state", PROOFS)
def test_a_sealed_sign_in_knows_its_challenge(state: State) -> None:
    """A sign-in that was sealed at its proof can prove that challenge, and no other with the same ephemeral."""
    key, signin = new_key(), at_proof(state)
    waits = seal(Snapshot("id", signin), key, NOON)

    resumed = SignIn("c", pool_id=POOL, device=DEVICE)
    unseal(waits, key, NOON, signin=resumed)
    assert prove(resumed) == prove(signin)
    with pytest.raises(BadField):
        prove(resumed, OTHER)

    resumed.send(prove(resumed))
    resumed.receive(challenge(State.CUSTOM_CHALLENGE), at=NOON)
    again = SignIn("c", pool_id=POOL, device=DEVICE)
    unseal(seal(Snapshot("id", resumed), key, NOON), key, NOON, signin=again)
    again.send(r.Answer("42"))
    again.receive(challenge_reply(state, 2), at=NOON)
    with pytest.raises(ProofRefused):
        prove(again)
    other_signin = SignIn("c", pool_id=POOL, device=DEVICE)
    unseal(seal(Snapshot("id", again), key, NOON), key, NOON, signin=other_signin)
    with pytest.raises(ProofRefused):
        prove(other_signin)


def longest() -> int:
    """Return the greatest number of consecutive automatic steps that the table allows."""
    onward: dict[State, set[State]] = {}
    for transition in TRANSITIONS:
        if is_automatic(transition) and transition.kind is not DEVICE_DROPPED:
            onward.setdefault(transition.source, set()).add(transition.dest)

    def steps(state: State) -> int:
        return 1 + max(map(steps, onward[state])) if state in onward else 0

    return max(map(steps, onward))


def test_no_path_exceeds_the_limit_of_automatic_steps() -> None:
    """No path of automatic steps is as long as the limit, and none is a cycle."""
    assert longest() <= flow_steps.MAX_AUTOMATIC_STEPS


@pytest.mark.parametrize("kind", [Cognito, AsyncCognito])
def test_steps_without_new_input_are_bounded(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """More consecutive steps than the limit raise TooManySteps, whatever the table allows."""
    monkeypatch.setattr(flow_steps, "MAX_AUTOMATIC_STEPS", 1)
    hostile = SERVICES["password, then device"][2]()
    cognito = kind(hostile, client_id="c", pool_id=POOL, device=DEVICE)

    with pytest.raises(TooManySteps) as caught:
        call_or_await(cognito.sign_in, "ada", "a password")

    assert (caught.value.limit, caught.value.fault) == (1, Fault.SERVICE)
    assert isinstance(caught.value, AuthfsmError)
    assert len(hostile.proofs) == 1
