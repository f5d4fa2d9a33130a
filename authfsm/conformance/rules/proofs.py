"""Rules about proofs: which passwords and SRP proofs Cognito accepts, of users and of remembered devices."""

from __future__ import annotations

import base64
import secrets
from typing import Any, Final

from authfsm import srp
from authfsm.conformance import pools
from authfsm.conformance.pool_client import PoolClient, PoolUser
from authfsm.conformance.rule import (
    DEVICES_PAGE,
    MINISTACK,
    RESPOND,
    RuleCollector,
    RuleSource,
    Trial,
)
from authfsm.conformance.sign_in_runner import SignInRunner
from authfsm.conformance.verdicts import ApiReply, NotSupported, RuleFailed, RuleSeverity
from authfsm.protocol import links
from authfsm.protocol.evidence import Confidence
from authfsm.protocol.states import State

rule: Final = RuleCollector("Passwords and SRP")
device_rule: Final = RuleCollector("Remembered devices")

CRITICAL, MINOR = RuleSeverity.CRITICAL, RuleSeverity.MINOR
_CREATING_USERS: Final = RuleSource.guide(
    "how-to-create-user-accounts", "Creating user accounts as administrator"
)
_NO_PROOF: Final = base64.b64encode(bytes(32)).decode()


@rule("srp.verifies-proof", RESPOND, CRITICAL)
def _no_proof(trial: Trial) -> None:
    """Cognito refuses an answer to PASSWORD_VERIFIER whose signature is not a proof of the password."""
    client, user = trial.client_and_user()
    reply = client.begin_srp(user).prove(PASSWORD_CLAIM_SIGNATURE=_NO_PROOF)
    reply.expect_error("a signature of 32 zero bytes")


@rule("srp.wrong-password", MINISTACK, CRITICAL)
def _proof_of_wrong_password(trial: Trial) -> None:
    """Cognito refuses an SRP proof of a wrong password."""
    client, user = trial.client_and_user()
    client.begin_srp(user).prove(pools.WRONG_PASSWORD).expect_error("a proof of a wrong password")


@rule("srp.binds-user", RuleSource.rfc(5054, "2.6"), CRITICAL)
def _proof_of_other_user(trial: Trial) -> None:
    """Cognito refuses an answer to one user's PASSWORD_VERIFIER in the name of another user."""
    client, ada = trial.client_and_user()
    eve = trial.user(client, label="eve")
    client.begin_srp(ada).prove(user=eve).expect_error("ada's proof in the name of eve")


@rule("srp.challenge-once", MINISTACK)
def _second_proof(trial: Trial) -> None:
    """After a wrong proof, Cognito refuses the right proof for the same PASSWORD_VERIFIER."""
    client, user = trial.client_and_user()
    challenge = client.begin_srp(user)
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
    client, user = trial.client_and_user()
    client.begin_srp(user)  # the flow itself must be supported
    reply = client.initiate("USER_SRP_AUTH", USERNAME=user.username, SRP_A=srp.to_hex(number))
    reply.expect_error(f"SRP_A = {name}")


@rule("srp.fresh-challenge", RuleSource.rfc(5054, "2.5.3"))
def _fresh_challenge(trial: Trial) -> None:
    """Each PASSWORD_VERIFIER has a new SRP_B and SECRET_BLOCK, and the same SALT."""
    client, user = trial.client_and_user()
    first, second = (client.begin_srp(user).reply.parameters for _ in range(2))
    for name in ("SRP_B", "SECRET_BLOCK"):
        if first.get(name) == second.get(name):
            raise RuleFailed(f"two sign-ins have the same {name}")
    if first.get("SALT") != second.get("SALT"):
        raise RuleFailed("the second sign-in has another SALT")


@rule("srp.timestamp", MINISTACK, MINOR)
def _timestamp(trial: Trial) -> None:
    """Cognito refuses a TIMESTAMP of another format with InvalidParameterException."""
    client, user = trial.client_and_user()
    reply = client.begin_srp(user).prove(timestamp="2026-01-01T00:00:00Z")
    reply.expect_error("a TIMESTAMP in ISO 8601", "InvalidParameterException")


@rule("srp.by-administrator", MINISTACK)
def _srp_as_admin(trial: Trial) -> None:
    """USER_SRP_AUTH also works through AdminInitiateAuth and AdminRespondToAuthChallenge."""
    SignInRunner(*trial.client_and_user()).run(
        lambda client, user: client.cognito(admin=True).sign_in(user.username, user.password),
        State.AUTHENTICATED,
    )


@rule("password.wrong", MINISTACK, CRITICAL)
def _wrong_password(trial: Trial) -> None:
    """Cognito refuses a wrong password in USER_PASSWORD_AUTH."""
    client, user = trial.client_and_checked_user()
    client.sign_in(user, pools.WRONG_PASSWORD).expect_error("a wrong password")


@rule("password.wrong-by-administrator", RuleSource.reference("AdminInitiateAuth"), CRITICAL)
def _wrong_password_as_admin(trial: Trial) -> None:
    """Cognito refuses a wrong password in ADMIN_USER_PASSWORD_AUTH."""
    client, user = trial.client_and_user()
    client.sign_in_as_admin(user).expect_tokens()
    client.sign_in_as_admin(user, pools.WRONG_PASSWORD).expect_error("a wrong password")


@rule("password.wrong-temporary", _CREATING_USERS, CRITICAL)
def _wrong_temporary_password(trial: Trial) -> None:
    """Cognito refuses a wrong temporary password, and does not issue NEW_PASSWORD_REQUIRED."""
    client, user = trial.client_and_user(user=pools.TEMPORARY_USER)
    client.sign_in(user, pools.WRONG_PASSWORD).expect_error("a wrong temporary password")
    client.sign_in(user).expect_challenge("NEW_PASSWORD_REQUIRED")


@rule("password.policy", RESPOND)
def _password_policy(trial: Trial) -> None:
    """Cognito refuses a NEW_PASSWORD that violates the password policy with InvalidPasswordException."""
    client, user, challenge = trial.new_password_challenge()
    reply = client.answer(challenge, user, NEW_PASSWORD="weak")  # noqa: S106 - on purpose
    reply.expect_error('the new password "weak"', "InvalidPasswordException")


@rule("password.replaced", _CREATING_USERS, CRITICAL)
def _replaced_password(trial: Trial) -> None:
    """After NEW_PASSWORD_REQUIRED, Cognito accepts the new password and refuses the temporary one."""
    client, user, challenge = trial.new_password_challenge()
    client.answer(challenge, user, NEW_PASSWORD=pools.NEW_PASSWORD).expect_success()
    client.sign_in(user).expect_error("the temporary password, after it was replaced,")
    client.sign_in(user, pools.NEW_PASSWORD).expect_tokens()


@rule(
    "password.lock-out",
    RuleSource(
        'developer guide, "Lockout behavior for failed sign-in attempts"',
        f"{links.AUTHENTICATION}#authentication-flow-lockout-behavior",
    ),
)
def _lockout(trial: Trial) -> None:
    """After five wrong passwords, Cognito refuses the right one too, for one second at first."""
    client, user = trial.client_and_checked_user()
    for _ in range(6):
        client.sign_in(user, pools.WRONG_PASSWORD).expect_error("a wrong password")
    client.sign_in(user).expect_error("the right password, right after six wrong ones,")


def _device_metadata(reply: ApiReply) -> dict[str, Any]:
    metadata = reply.tokens.get("NewDeviceMetadata")
    if not isinstance(metadata, dict) or not metadata.get("DeviceKey"):
        raise NotSupported("tokens came without NewDeviceMetadata")
    return metadata


def _confirm_device(client: PoolClient, user: PoolUser) -> tuple[ApiReply, str]:
    """Sign in, confirm the new device, and return the tokens and the device's key."""
    reply = client.begin_srp(user).prove().expect_success()
    metadata = _device_metadata(reply)
    config = srp.device_verifier(
        metadata["DeviceGroupKey"], metadata["DeviceKey"], pools.PASSWORD, secrets.token_bytes(16)
    )
    verifier = {"PasswordVerifier": config.password_verifier, "Salt": config.salt}
    client.call(
        "ConfirmDevice",
        AccessToken=reply.tokens.get("AccessToken"),
        DeviceKey=metadata["DeviceKey"],
        DeviceSecretVerifierConfig=verifier,
    ).expect_success()
    return reply, metadata["DeviceKey"]


@device_rule("device.metadata", DEVICES_PAGE)
def _new_device(trial: Trial) -> None:
    """In a pool that remembers devices, a sign-in without DEVICE_KEY returns NewDeviceMetadata."""
    client, user = trial.client_and_user(pools.DEVICE_POOL)
    metadata = _device_metadata(client.begin_srp(user).prove().expect_success())
    if not metadata.get("DeviceGroupKey"):
        raise RuleFailed("NewDeviceMetadata has no DeviceGroupKey")


@device_rule("device.verifies-proof", RESPOND, CRITICAL)
def _no_device_proof(trial: Trial) -> None:
    """Cognito refuses an answer to DEVICE_PASSWORD_VERIFIER whose signature is not a proof of the device password."""
    client, user = trial.client_and_user(pools.DEVICE_POOL)
    _, key = _confirm_device(client, user)
    challenge = client.begin_srp(user).prove(DEVICE_KEY=key).expect_success()
    challenge.expect_challenge("DEVICE_SRP_AUTH")
    public_key = srp.ephemeral(secrets.token_bytes(32)).SRP_A
    verifier = client.answer(challenge, user, SRP_A=public_key, DEVICE_KEY=key)
    verifier.expect_challenge("DEVICE_PASSWORD_VERIFIER")
    client.answer(
        verifier,
        user,
        DEVICE_KEY=key,
        PASSWORD_CLAIM_SIGNATURE=_NO_PROOF,
        PASSWORD_CLAIM_SECRET_BLOCK=str(verifier.parameters.get("SECRET_BLOCK")),
        TIMESTAMP="Thu Jan 1 00:00:00 UTC 2026",
    ).expect_error("a signature of 32 zero bytes")


@device_rule("device.refresh-needs-key", RuleSource.issue("aws-amplify/amplify-js", 2962))
def _refresh_without_device_key(trial: Trial) -> None:
    """Cognito refuses the refresh token of a sign-in on a device without the DEVICE_KEY."""
    client, user = trial.client_and_user(pools.DEVICE_POOL)
    reply, key = _confirm_device(client, user)
    token = {"REFRESH_TOKEN": str(reply.tokens.get("RefreshToken"))}
    client.initiate("REFRESH_TOKEN_AUTH", **token, DEVICE_KEY=key).expect_success()
    client.initiate("REFRESH_TOKEN_AUTH", **token).expect_error("a refresh without DEVICE_KEY")


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
    client, user = trial.client_and_user(pools.DEVICE_POOL)
    _device_metadata(client.begin_srp(user).prove().expect_success())
    key = "us-east-1_00000000-0000-4000-8000-000000000000"
    reply = client.begin_srp(user).prove(DEVICE_KEY=key)
    reply.expect_error("an unknown DEVICE_KEY", "ResourceNotFoundException")
