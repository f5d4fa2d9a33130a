"""Answers that prove who the user is, or which device: the password, the pool's own question, the device."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import custom, devices, passwords
from authfsm.local.signin.steps import ChallengeAnswer, ask, onward
from authfsm.local.state import proofs
from authfsm.local.state.core import Core, Reply, wanted
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.triggers import Metadata
from authfsm.protocol.states import State


def password_verifier(pool: Core, answer: ChallengeAnswer) -> Reply:
    """PASSWORD_VERIFIER: the claim of SRP."""
    for name in ("PASSWORD_CLAIM_SECRET_BLOCK", "PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP"):
        wanted(answer.responses, name)
    attempt, proof = answer.attempt, answer.leg.matter
    passwords.prove_by_srp(pool, attempt.client, attempt.user, proof, answer.responses)
    # After the proof: only who knows the password is told that a device is not known.
    attempt = devices.presented(pool, attempt, answer.responses.get("DEVICE_KEY"))
    attempt = evolve(attempt, password_proved=True)
    if attempt.flow == "CUSTOM_AUTH":
        attempt = evolve(attempt, rounds=(*attempt.rounds, custom.passed(State.PASSWORD_VERIFIER)))
    return onward(pool, attempt, answer.metadata)


def password(pool: Core, attempt: Attempt, given: Mapping[str, str], metadata: Metadata) -> Reply:
    """The password in clear, of a sign-in that began without it; only after it are devices told of."""
    clear = Secret(wanted(given, "PASSWORD"))
    passwords.prove(pool, attempt.client, attempt.user, attempt.typed, clear)
    attempt = devices.presented(pool, attempt, given.get("DEVICE_KEY"))
    return onward(pool, evolve(attempt, password_proved=True), metadata)


def admin_no_srp_auth(pool: Core, answer: ChallengeAnswer) -> Reply:
    """ADMIN_NO_SRP_AUTH: the password that the flow of that name began without."""
    return password(pool, answer.attempt, answer.responses, None)


def custom_challenge(pool: Core, answer: ChallengeAnswer) -> Reply:
    """CUSTOM_CHALLENGE: VerifyAuthChallengeResponse judges; a wrong answer is no exception."""
    attempt, text = answer.attempt, wanted(answer.responses, "ANSWER")
    judged = custom.verify(pool, attempt, answer.leg.matter, text, answer.metadata)
    # Right or wrong, DefineAuthChallenge decides what it means.
    return onward(pool, evolve(attempt, rounds=(*attempt.rounds, judged)), answer.metadata)


def device_srp_auth(pool: Core, answer: ChallengeAnswer) -> Reply:
    """DEVICE_SRP_AUTH: the device's SRP_A."""
    attempt, key = answer.attempt, wanted(answer.responses, "DEVICE_KEY")
    device = devices.confirmed(answer.user, key)
    if key != answer.leg.attempt.device_key or device.credential is None:
        raise PoolRefusal(error_templates.NO_SUCH_DEVICE)
    srp_a = wanted(answer.responses, "SRP_A")
    proof = proofs.begin(device.group_key, device.key, device.credential, srp_a, pool.entropy)
    parameters = {**proof.parameters(), "USERNAME": attempt.name, "DEVICE_KEY": device.key}
    other_key = proofs.block_key(proof.secret_block.reveal())
    return ask(
        pool,
        attempt,
        State.DEVICE_PASSWORD_VERIFIER,
        parameters,
        proof,
        other_key=other_key,
        session_wanted=False,
    )


def device_password_verifier(pool: Core, answer: ChallengeAnswer) -> Reply:
    """DEVICE_PASSWORD_VERIFIER: the device's claim of SRP."""
    for name in (
        "DEVICE_KEY",
        "PASSWORD_CLAIM_SECRET_BLOCK",
        "PASSWORD_CLAIM_SIGNATURE",
        "TIMESTAMP",
    ):
        wanted(answer.responses, name)
    proof: proofs.Proof = answer.leg.matter
    if answer.responses["DEVICE_KEY"] != proof.name:
        raise PoolRefusal(error_templates.NO_SUCH_DEVICE)
    devices.confirmed(answer.user, proof.name)
    # Issues: a bad device signature is told in the same words as a bad password.
    if not proof.check(answer.responses):
        raise PoolRefusal(error_templates.WRONG_PASSWORD)
    return onward(pool, evolve(answer.attempt, device_proved=True), answer.metadata)
