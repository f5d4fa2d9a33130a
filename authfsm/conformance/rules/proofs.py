"""Rules about proofs: which passwords and SRP proofs Cognito accepts, of users and of remembered devices."""

from __future__ import annotations

import base64
import secrets
from typing import Any, Final

from authfsm import srp
from authfsm.conformance import pools
from authfsm.conformance.pool_client import IssuedChallenge, PoolUser
from authfsm.conformance.rule import (
    CRITICAL,
    DEVICES_PAGE,
    MINISTACK,
    MINOR,
    RESPOND,
    RuleCollector,
    RuleSource,
    Trial,
)
from authfsm.conformance.rules.sign_in import SignInRunner
from authfsm.conformance.verdicts import ApiReply, NotSupported, RuleFailed
from authfsm.protocol import links
from authfsm.protocol.evidence import Confidence
from authfsm.protocol.states import State

rule: Final = RuleCollector("Passwords and SRP")
device_rule: Final = RuleCollector("Remembered devices")

_CREATING_USERS: Final = RuleSource.guide(
    "how-to-create-user-accounts", "Creating user accounts as administrator"
)
_NO_PROOF: Final = base64.b64encode(bytes(32)).decode()


@rule("srp.verifies-proof", RESPOND, CRITICAL)
def _no_proof(trial: Trial) -> None:
    """Cognito refuses an answer to PASSWORD_VERIFIER whose signature is not a proof of the password."""
    reply = trial.user().begin_srp().prove(PASSWORD_CLAIM_SIGNATURE=_NO_PROOF)
    reply.expect_error("a signature of 32 zero bytes")


@rule("srp.wrong-password", MINISTACK, CRITICAL)
def _proof_of_wrong_password(trial: Trial) -> None:
    """Cognito refuses an SRP proof of a wrong password."""
    reply = trial.user().begin_srp().prove(pools.WRONG_PASSWORD)
    reply.expect_error("a proof of a wrong password")


@rule("srp.binds-user", RuleSource.rfc(5054, "2.6"), CRITICAL)
def _proof_of_other_user(trial: Trial) -> None:
    """Cognito refuses an answer to one user's PASSWORD_VERIFIER in the name of another user."""
    ada, eve = trial.user(), trial.user(label="eve")
    ada.begin_srp().prove(user=eve).expect_error("ada's proof in the name of eve")


@rule("srp.challenge-once", MINISTACK)
def _second_proof(trial: Trial) -> None:
    """After a wrong proof, Cognito refuses the right proof for the same PASSWORD_VERIFIER."""
    challenge = trial.user().begin_srp()
    challenge.prove(pools.WRONG_PASSWORD).expect_error("a proof of a wrong password")
    challenge.prove().expect_error("a second proof")


@rule("srp.refuses-A-zero", RuleSource.rfc(5054, "2.5.4"), CRITICAL)
def _zero(trial: Trial) -> None:
    """Cognito refuses an SRP_A of 0."""
    _refuses_public_key(trial, 0, "0")


@rule("srp.refuses-A-N", RuleSource.rfc(5054, "2.5.4"), CRITICAL)
def _modulus(trial: Trial) -> None:
    """Cognito refuses an SRP_A that is 0 modulo N."""
    _refuses_public_key(trial, srp.N, "N")


def _refuses_public_key(trial: Trial, number: int, name: str) -> None:
    user = trial.user()
    user.begin_srp()  # the flow itself must be supported
    user.initiate_srp(srp.to_hex(number)).expect_error(f"SRP_A = {name}")


@rule("srp.fresh-challenge", RuleSource.rfc(5054, "2.5.3"))
def _fresh_challenge(trial: Trial) -> None:
    """Each PASSWORD_VERIFIER has a new SRP_B and SECRET_BLOCK, and the same SALT."""
    user = trial.user()
    first, second = (user.begin_srp().reply.parameters for _ in range(2))
    for name in ("SRP_B", "SECRET_BLOCK"):
        if first.get(name) == second.get(name):
            raise RuleFailed(f"two sign-ins have the same {name}")
    if first.get("SALT") != second.get("SALT"):
        raise RuleFailed("the second sign-in has another SALT")


@rule("srp.timestamp", MINISTACK, MINOR)
def _timestamp(trial: Trial) -> None:
    """Cognito refuses a TIMESTAMP of another format with InvalidParameterException."""
    reply = trial.user().begin_srp().prove(timestamp="2026-01-01T00:00:00Z")
    reply.expect_error("a TIMESTAMP in ISO 8601", "InvalidParameterException")


@rule("srp.by-administrator", MINISTACK)
def _srp_as_admin(trial: Trial) -> None:
    """USER_SRP_AUTH also works through AdminInitiateAuth and AdminRespondToAuthChallenge."""
    SignInRunner(trial.user()).run(
        lambda user: user.client.cognito(admin=True).sign_in(user.username, user.password),
        State.AUTHENTICATED,
    )


@rule("password.wrong", MINISTACK, CRITICAL)
def _wrong_password(trial: Trial) -> None:
    """Cognito refuses a wrong password in USER_PASSWORD_AUTH."""
    trial.checked_user().sign_in(pools.WRONG_PASSWORD).expect_error("a wrong password")


@rule("password.wrong-by-administrator", RuleSource.reference("AdminInitiateAuth"), CRITICAL)
def _wrong_password_as_admin(trial: Trial) -> None:
    """Cognito refuses a wrong password in ADMIN_USER_PASSWORD_AUTH."""
    user = trial.user()
    user.sign_in_as_admin().expect_tokens()
    user.sign_in_as_admin(pools.WRONG_PASSWORD).expect_error("a wrong password")


@rule("password.wrong-temporary", _CREATING_USERS, CRITICAL)
def _wrong_temporary_password(trial: Trial) -> None:
    """Cognito refuses a wrong temporary password, and does not issue NEW_PASSWORD_REQUIRED."""
    user = trial.user(user=pools.TEMPORARY_USER)
    user.sign_in(pools.WRONG_PASSWORD).expect_error("a wrong temporary password")
    user.challenge("NEW_PASSWORD_REQUIRED")


@rule("password.policy", RESPOND)
def _password_policy(trial: Trial) -> None:
    """Cognito refuses a NEW_PASSWORD that violates the password policy with InvalidPasswordException."""
    reply = trial.new_password_challenge().answer(NEW_PASSWORD="weak")  # noqa: S106 - on purpose
    reply.expect_error('the new password "weak"', "InvalidPasswordException")


@rule("password.replaced", _CREATING_USERS, CRITICAL)
def _replaced_password(trial: Trial) -> None:
    """After NEW_PASSWORD_REQUIRED, Cognito accepts the new password and refuses the temporary one."""
    challenge = trial.new_password_challenge()
    challenge.answer(NEW_PASSWORD=pools.NEW_PASSWORD).expect_success()
    challenge.user.sign_in().expect_error("the temporary password, after it was replaced,")
    challenge.user.sign_in(pools.NEW_PASSWORD).expect_tokens()


@rule(
    "password.lock-out",
    RuleSource(
        'developer guide, "Lockout behavior for failed sign-in attempts"',
        f"{links.AUTHENTICATION}#authentication-flow-lockout-behavior",
    ),
)
def _lockout(trial: Trial) -> None:
    """After five wrong passwords, Cognito refuses the right one too, for one second at first."""
    user = trial.checked_user()
    for _ in range(6):
        user.sign_in(pools.WRONG_PASSWORD).expect_error("a wrong password")
    user.sign_in().expect_error("the right password, right after six wrong ones,")


def _srp_tokens(user: PoolUser) -> tuple[ApiReply, dict[str, Any]]:
    """Sign in by SRP, and return the reply with its NewDeviceMetadata."""
    reply = user.begin_srp().prove().expect_success()
    metadata = reply.tokens.get("NewDeviceMetadata")
    if not isinstance(metadata, dict) or not metadata.get("DeviceKey"):
        raise NotSupported("tokens came without NewDeviceMetadata")
    return reply, metadata


def _confirm_device(user: PoolUser) -> tuple[ApiReply, str]:
    """Sign in, confirm the new device, and return the tokens and the device's key."""
    reply, metadata = _srp_tokens(user)
    config = srp.device_verifier(
        metadata["DeviceGroupKey"], metadata["DeviceKey"], pools.PASSWORD, secrets.token_bytes(16)
    )
    verifier = {"PasswordVerifier": config.password_verifier, "Salt": config.salt}
    user.client.call(
        "ConfirmDevice",
        AccessToken=reply.tokens.get("AccessToken"),
        DeviceKey=metadata["DeviceKey"],
        DeviceSecretVerifierConfig=verifier,
    ).expect_success()
    return reply, metadata["DeviceKey"]


@device_rule("device.metadata", DEVICES_PAGE)
def _new_device(trial: Trial) -> None:
    """In a pool that remembers devices, a sign-in without DEVICE_KEY returns NewDeviceMetadata."""
    _, metadata = _srp_tokens(trial.user(pools.DEVICE_POOL))
    if not metadata.get("DeviceGroupKey"):
        raise RuleFailed("NewDeviceMetadata has no DeviceGroupKey")


@device_rule("device.verifies-proof", RESPOND, CRITICAL)
def _no_device_proof(trial: Trial) -> None:
    """Cognito refuses an answer to DEVICE_PASSWORD_VERIFIER whose signature is not a proof of the device password."""
    user = trial.user(pools.DEVICE_POOL)
    _, key = _confirm_device(user)
    reply = (
        user.begin_srp().prove(DEVICE_KEY=key).expect_success().expect_challenge("DEVICE_SRP_AUTH")
    )
    public_key = srp.ephemeral(secrets.token_bytes(32)).SRP_A
    verifier = IssuedChallenge(user, reply).answer(SRP_A=public_key, DEVICE_KEY=key)
    verifier.expect_challenge("DEVICE_PASSWORD_VERIFIER")
    IssuedChallenge(user, verifier).answer(
        DEVICE_KEY=key,
        PASSWORD_CLAIM_SIGNATURE=_NO_PROOF,
        PASSWORD_CLAIM_SECRET_BLOCK=str(verifier.parameters.get("SECRET_BLOCK")),
        TIMESTAMP="Thu Jan 1 00:00:00 UTC 2026",
    ).expect_error("a signature of 32 zero bytes")


@device_rule("device.refresh-needs-key", RuleSource.issue("aws-amplify/amplify-js", 2962))
def _refresh_without_device_key(trial: Trial) -> None:
    """Cognito refuses the refresh token of a sign-in on a device without the DEVICE_KEY."""
    user = trial.user(pools.DEVICE_POOL)
    reply, key = _confirm_device(user)
    token = {"REFRESH_TOKEN": str(reply.tokens.get("RefreshToken"))}
    initiate = user.client.initiate
    initiate("REFRESH_TOKEN_AUTH", **token, DEVICE_KEY=key).expect_success()
    initiate("REFRESH_TOKEN_AUTH", **token).expect_error("a refresh without DEVICE_KEY")


@device_rule(
    "device.stale-key",
    RuleSource(
        "amplify-js, retryOnResourceNotFoundException; amplify-swift does likewise",
        "https://github.com/aws-amplify/amplify-js/tree/main/packages/auth/src/providers/cognito/utils",
        Confidence.CLIENT,
    ),
    MINOR,
)
def _unknown_device_key(trial: Trial) -> None:
    """Cognito refuses an unknown DEVICE_KEY with ResourceNotFoundException."""
    user = trial.user(pools.DEVICE_POOL)
    _srp_tokens(user)
    reply = user.begin_srp().prove(DEVICE_KEY="us-east-1_00000000-0000-4000-8000-000000000000")
    reply.expect_error("an unknown DEVICE_KEY", "ResourceNotFoundException")
