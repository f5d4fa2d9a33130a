"""The rules of devices: how one comes to be remembered, and what it must prove."""

from __future__ import annotations

import base64
import secrets
from typing import Any, Final

from authfsm import srp
from authfsm.conformance.api_client import ApiReply
from authfsm.conformance.pools import DEVICES as POOL
from authfsm.conformance.pools import PASSWORD
from authfsm.conformance.rule import (
    Entry,
    RuleGroup,
    RuleSource,
    guide,
    issue,
    reference,
)
from authfsm.conformance.rules.proofs import claimed
from authfsm.conformance.trial import PoolClient, PoolUser, Trial, begun_srp
from authfsm.conformance.verdicts import NotSupported, RuleFailed, RuleSeverity
from authfsm.protocol import links
from authfsm.protocol.evidence import Confidence

rule: Final = Entry(RuleGroup.DEVICES)
DEVICES: Final = rule.rules

_PAGE: Final = guide(links.DEVICES, '"Working with user devices"')


def _by_srp(desk: PoolClient, person: PoolUser, **more: str) -> ApiReply:
    """USER_SRP_AUTH, the password proved."""
    mine, asked = begun_srp(desk, person.username)
    claim = claimed(desk, mine, asked, PASSWORD)
    return desk.respond(
        "PASSWORD_VERIFIER", asked.session, USERNAME=person.username, **claim, **more
    ).granted()


def _metadata(heard: ApiReply) -> dict[str, Any]:
    metadata = heard.tokens.get("NewDeviceMetadata")
    if not isinstance(metadata, dict) or not metadata.get("DeviceKey"):
        raise NotSupported("tokens came without NewDeviceMetadata")
    return metadata


def _confirmed(desk: PoolClient, person: PoolUser) -> tuple[ApiReply, dict[str, Any]]:
    """A device that is remembered.

    Raises:
        NotOffered: there is no such thing.
    """
    heard = _by_srp(desk, person)
    metadata = _metadata(heard)
    config = srp.device_verifier(
        metadata["DeviceGroupKey"], metadata["DeviceKey"], PASSWORD, secrets.token_bytes(16)
    )
    verifier = {"PasswordVerifier": config.password_verifier, "Salt": config.salt}
    desk.call(
        "ConfirmDevice",
        AccessToken=heard.tokens.get("AccessToken"),
        DeviceKey=metadata["DeviceKey"],
        DeviceSecretVerifierConfig=verifier,
    ).granted()
    return heard, metadata


@rule(
    "device.metadata",
    "In a pool that remembers devices, a sign-in without DEVICE_KEY brings NewDeviceMetadata.",
    _PAGE,
)
def _new(trial: Trial) -> None:
    desk = trial.desk(POOL)
    metadata = _metadata(_by_srp(desk, trial.person(desk)))
    if not metadata.get("DeviceGroupKey"):
        raise RuleFailed("NewDeviceMetadata has no DeviceGroupKey")


@rule(
    "device.verifies-proof",
    "DEVICE_PASSWORD_VERIFIER answered with a signature that is no proof is refused.",
    reference("RespondToAuthChallenge"),
    RuleSeverity.CRITICAL,
)
def _verifies(trial: Trial) -> None:
    desk = trial.desk(POOL)
    person = trial.person(desk)
    _, metadata = _confirmed(desk, person)
    key = {"DEVICE_KEY": metadata["DeviceKey"]}
    begun = _by_srp(desk, person, **key).asks("DEVICE_SRP_AUTH")
    mine = srp.ephemeral(secrets.token_bytes(32))
    asked = desk.respond(
        "DEVICE_SRP_AUTH", begun.session, USERNAME=person.username, SRP_A=mine.SRP_A, **key
    ).asks("DEVICE_PASSWORD_VERIFIER")
    claim = {
        "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(bytes(32)).decode(),
        "PASSWORD_CLAIM_SECRET_BLOCK": str(asked.parameters.get("SECRET_BLOCK")),
        "TIMESTAMP": "Thu Jan 1 00:00:00 UTC 2026",
    }
    heard = desk.respond(
        "DEVICE_PASSWORD_VERIFIER", asked.session, USERNAME=person.username, **key, **claim
    )
    heard.refused("a signature of 32 zero bytes")


@rule(
    "device.refresh-needs-key",
    "A refresh token of a session with a device is refused without its DEVICE_KEY.",
    issue("aws-amplify/amplify-js", 2962),
)
def _refresh(trial: Trial) -> None:
    desk = trial.desk(POOL)
    heard, metadata = _confirmed(desk, trial.person(desk))
    token = str(heard.tokens.get("RefreshToken"))
    given = {"REFRESH_TOKEN": token, "DEVICE_KEY": metadata["DeviceKey"]}
    desk.initiate("REFRESH_TOKEN_AUTH", **given).granted()
    desk.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token).refused("a refresh without DEVICE_KEY")


@rule(
    "device.stale-key",
    'A DEVICE_KEY that the pool does not know is ResourceNotFoundException "Device does not exist.".',
    RuleSource(
        "amplify-js, retryOnResourceNotFoundException; amplify-swift does likewise",
        "https://github.com/aws-amplify/amplify-js/tree/main/packages/auth/src/providers/cognito/utils",
        Confidence.CLIENT,
    ),
    RuleSeverity.MINOR,
)
def _stale(trial: Trial) -> None:
    desk = trial.desk(POOL)
    person = trial.person(desk)
    _metadata(_by_srp(desk, person))
    mine, asked = begun_srp(desk, person.username)
    claim = claimed(desk, mine, asked, PASSWORD)
    stale = "us-east-1_00000000-0000-4000-8000-000000000000"
    heard = desk.respond(
        "PASSWORD_VERIFIER", asked.session, USERNAME=person.username, DEVICE_KEY=stale, **claim
    )
    heard.refused("a DEVICE_KEY that is not known", "ResourceNotFoundException")
