"""Remembered devices: how the pool names them, comes to trust them, and when they are proved.

A sign-in without DEVICE_KEY brings NewDeviceMetadata; ConfirmDevice gives the device an SRP verifier of its
own; from then on, or from UpdateDeviceStatus on, DEVICE_KEY leads to DEVICE_SRP_AUTH.
-- developer guide, "Working with user devices in your user pool"
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any, Final

from attrs import evolve

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.state import token_claims
from authfsm.local.state.core import Core, Reply, Request, paginate
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.srp_proofs import PasswordRecord
from authfsm.local.state.users import DeviceRecord, User
from authfsm.protocol.states import State

_UNCONFIRMED_KEPT: Final = 32


def attempt_key(client_id: str, name: str, device_key: str) -> str:
    """The second key of a DEVICE_SRP_AUTH leg: the answer to it may have no session."""
    return f"device:{client_id}:{name}:{device_key}"


def confirmed_device(user: User, key: str) -> DeviceRecord:
    """A confirmed device of a user's.

    Raises:
        PoolRefusal: ResourceNotFoundException "Device does not exist."
    """
    device = user.devices.get(key)
    if device is None or device.credential is None:
        raise PoolRefusal(error_templates.NO_SUCH_DEVICE)
    return device


def with_device_key(pool: Core, attempt: Attempt, key: str | None) -> Attempt:
    """The attempt, with the DEVICE_KEY of a request; a pool that tracks no devices ignores it.

    Raises:
        PoolRefusal: the user has no such device; the session survives, for the same answer without it.
    """
    if not key or attempt.user is None or not _tracked(pool, attempt):
        return attempt
    return evolve(attempt, device_key=confirmed_device(attempt.user, key).key)


def with_known_device_key(pool: Core, attempt: Attempt, key: str | None) -> Attempt:
    """The same, for who has proved nothing yet: they are not told which devices there are.

    A stale key is dropped here, and refused when the answer that proves the user names it again.
    """
    try:
        return with_device_key(pool, attempt, key)
    except PoolRefusal:
        return attempt


def device_to_prove(pool: Core, attempt: Attempt) -> DeviceRecord | None:
    """The remembered device that this attempt has still to prove, if there is one.

    "A confirmed but not remembered device ... proceeds with non-device sign-in" (developer guide).
    """
    if attempt.device_proved or attempt.user is None or not _tracked(pool, attempt):
        return None
    if token_claims.PASSKEY_METHODS & set(attempt.methods):  # Nothing follows a passkey.
        return None
    device = attempt.user.devices.get(attempt.device_key or "")
    return device if device is not None and device.remembered else None


def replaces_second_factor(pool: Core, challenge: State) -> bool:
    """Will a remembered device stand for this second factor?

    Only where the pool challenges new devices; and not for MFA_SETUP: a user without a factor has still to
    enrol one (inferred).
    """
    configuration = pool.configuration
    if configuration.device is None or challenge is State.MFA_SETUP:
        return False
    if challenge is State.EMAIL_OTP and not configuration.contradictions.device_replaces_email_mfa:
        return False
    return configuration.device.challenge_required_on_new_device


def _tracked(pool: Core, attempt: Attempt) -> bool:
    if pool.configuration.device is None:
        return False
    ways = pool.configuration.contradictions
    if attempt.flow == "USER_AUTH":
        return ways.devices_tracked_in_user_auth
    return ways.devices_tracked_in_admin_flows or not attempt.flow.startswith("ADMIN_")


def new_device_metadata(pool: Core, attempt: Attempt, user: User) -> dict[str, str] | None:
    """NewDeviceMetadata for a sign-in that named no device; None where there is none to give."""
    now = pool.clock()
    if attempt.device_key is not None:
        if named := user.devices.get(attempt.device_key):
            named.last_authenticated = now
        return None
    if not _tracked(pool, attempt):
        return None
    # Devices that nobody confirmed are forgotten, the oldest first.
    waiting = [key for key, device in user.devices.items() if device.credential is None]
    for key in waiting[: max(0, len(waiting) - _UNCONFIRMED_KEPT + 1)]:
        del user.devices[key]
    key = f"{pool.configuration.region}_{pool.token_issuer.uuid()}"
    group_key = f"-{urlsafe_b64encode(pool.entropy(6)).decode()}"
    user.devices[key] = DeviceRecord(key, group_key, now, now)
    return {"DeviceKey": key, "DeviceGroupKey": group_key}


# ---- the operations -----------------------------------------------------------------------------


def confirm(pool: Core, user: User, request: Request) -> Reply:
    """ConfirmDevice: with the access token of this sign-in or an earlier one (asserted)."""
    device = user.devices.get(request["DeviceKey"])
    configuration = pool.configuration.device
    if device is None or configuration is None:
        raise PoolRefusal(error_templates.BAD_DEVICE_KEY)
    if device.credential is not None:
        raise PoolRefusal(error_templates.DEVICE_CONFIRMED)
    given = request.get("DeviceSecretVerifierConfig") or {}
    try:
        v, salt = srp.from_device_config(given.get("PasswordVerifier", ""), given.get("Salt", ""))
    except srp.SrpRefused:
        raise PoolRefusal(error_templates.BAD_DEVICE_VERIFIER) from None
    device.credential = PasswordRecord(salt, Secret(v))
    device.name = request.get("DeviceName", "")
    device.modified = device.last_authenticated = pool.clock()
    device.remembered = not configuration.device_only_remembered_on_user_prompt
    return {"UserConfirmationNecessary": not device.remembered}


def update_status(pool: Core, user: User, request: Request) -> Reply:
    """UpdateDeviceStatus and AdminUpdateDeviceStatus."""
    device = confirmed_device(user, request["DeviceKey"])
    status = request.get("DeviceRememberedStatus")
    if status not in {"remembered", "not_remembered"}:
        raise PoolRefusal(error_templates.MISSING_PARAMETER, name="DeviceRememberedStatus")
    device.remembered = status == "remembered"
    device.modified = pool.clock()
    return {}


def forget(_: Core, user: User, request: Request) -> Reply:
    """ForgetDevice and AdminForgetDevice."""
    del user.devices[confirmed_device(user, request["DeviceKey"]).key]
    return {}


def get(_: Core, user: User, request: Request) -> Reply:
    """GetDevice and AdminGetDevice."""
    return {"Device": device_for_api(confirmed_device(user, request["DeviceKey"]))}


def list_all(_: Core, user: User, request: Request) -> Reply:
    """ListDevices and AdminListDevices: the confirmed devices, all on one page or `Limit` at a time."""
    confirmed = {each.key: each for each in user.devices.values() if each.credential}
    page, token = paginate(confirmed, request.get("PaginationToken"), request.get("Limit", 60))
    reply: Reply = {"Devices": [device_for_api(device) for device in page]}
    return reply if token is None else {**reply, "PaginationToken": token}


def device_for_api(device: DeviceRecord) -> dict[str, Any]:
    """A device, as the API shows it."""
    remembered = "remembered" if device.remembered else "not_remembered"
    device_for_api: dict[str, Any] = {
        "DeviceKey": device.key,
        "DeviceAttributes": [
            {"Name": "device_status", "Value": "valid"},
            {"Name": "device_name", "Value": device.name},
            {"Name": "dev:device_remembered_status", "Value": remembered},
        ],
        "DeviceCreateDate": device.created.timestamp(),
        "DeviceLastModifiedDate": device.modified.timestamp(),
    }
    if device.last_authenticated is not None:
        device_for_api["DeviceLastAuthenticatedDate"] = device.last_authenticated.timestamp()
    return device_for_api
