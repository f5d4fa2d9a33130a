"""Tracked devices: issues their keys, decides when a sign-in must prove one, and answers the API's device operations.

A sign-in without DEVICE_KEY returns NewDeviceMetadata. ConfirmDevice gives the device its own SRP verifier. The
device is remembered after ConfirmDevice or after UpdateDeviceStatus, as the pool is configured; a sign-in with its
DEVICE_KEY then has to pass DEVICE_SRP_AUTH. -- developer guide, "Working with user devices in your user pool"
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.state.core import Core, Reply, Request, paginate, required_parameter
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.srp_proofs import PasswordRecord
from authfsm.local.state.token_claims import PASSKEY_METHODS
from authfsm.local.state.users import DeviceRecord, User
from authfsm.protocol.states import State

_MAX_UNCONFIRMED: Final = 32


def device_srp_key(client_id: str, name: str, device_key: str) -> str:
    """Return the key that identifies a DEVICE_SRP_AUTH challenge if its answer has no session."""
    return f"device:{client_id}:{name}:{device_key}"


def confirmed_device(user: User, key: str) -> DeviceRecord:
    """Return the confirmed device with a key; refuse an unknown or unconfirmed one: "Device does not exist."."""
    device = user.devices.get(key)
    if device is None or device.credential is None:
        raise error_templates.NO_SUCH_DEVICE.refusal()
    return device


def with_device_key(pool: Core, attempt: Attempt, parameters: Mapping[str, str]) -> Attempt:
    """Return the attempt with the request's DEVICE_KEY, if the flow tracks devices; refuse an unconfirmed device."""
    key = parameters.get("DEVICE_KEY")
    if not key or attempt.user is None or not _is_tracking(pool, attempt):
        return attempt
    return evolve(attempt, device_key=confirmed_device(attempt.user, key).key)


def with_known_device_key(pool: Core, attempt: Attempt, parameters: Mapping[str, str]) -> Attempt:
    """Return the attempt with a confirmed DEVICE_KEY; ignore others, so that no error reveals which devices exist."""
    try:
        return with_device_key(pool, attempt, parameters)
    except PoolRefusal:
        return attempt


def device_to_prove(pool: Core, attempt: Attempt) -> DeviceRecord | None:
    """Return the remembered device that this attempt must still prove; None if there is none."""
    if attempt.device_proved or attempt.user is None or not _is_tracking(pool, attempt):
        return None
    if PASSKEY_METHODS & set(attempt.methods):  # No further challenge follows a passkey.
        return None
    device = attempt.user.devices.get(attempt.device_key or "")
    return device if device is not None and device.remembered else None


def replaces_second_factor(pool: Core, attempt: Attempt, challenge: State) -> bool:
    """Return whether a remembered device replaces this challenge of a second factor; never MFA_SETUP (inferred)."""
    configuration = pool.configuration
    if configuration.device is None or challenge is State.MFA_SETUP:
        return False
    contradictions = configuration.contradictions
    if challenge is State.EMAIL_OTP and not contradictions.device_replaces_email_mfa:
        return False
    device = attempt.existing_user.devices.get(attempt.device_key or "")
    if not (device and (device.second_factor_passed or contradictions.device_replaces_mfa_enabled_later)):
        return False
    return configuration.device.challenge_required_on_new_device


def _is_tracking(pool: Core, attempt: Attempt) -> bool:
    if pool.configuration.device is None:
        return False
    contradictions = pool.configuration.contradictions
    if attempt.flow == "USER_AUTH":
        return contradictions.devices_tracked_in_user_auth
    return contradictions.devices_tracked_in_admin_flows or not attempt.flow.startswith("ADMIN_")


def adds_device(pool: Core, attempt: Attempt) -> bool:
    """Return whether the tokens come with NewDeviceMetadata: the flow tracks devices, and no DEVICE_KEY was sent."""
    return attempt.device_key is None and _is_tracking(pool, attempt)


def add_or_update_device(pool: Core, attempt: Attempt, user: User) -> dict[str, str] | None:
    """Add a device and return its NewDeviceMetadata, or note the use of the attempt's own device and return None."""
    now = pool.clock()
    if not adds_device(pool, attempt):
        if device := user.devices.get(attempt.device_key or ""):
            device.last_authenticated = now
        return None
    # Every sign-in without DEVICE_KEY adds a device, so the oldest unconfirmed ones above the limit are removed.
    unconfirmed = [key for key, device in user.devices.items() if device.credential is None]
    for key in unconfirmed[: max(0, len(unconfirmed) - _MAX_UNCONFIRMED + 1)]:
        del user.devices[key]
    key = f"{pool.configuration.region}_{pool.token_issuer.uuid()}"
    group_key = f"-{urlsafe_b64encode(pool.entropy(6)).decode()}"
    user.devices[key] = DeviceRecord(key, group_key, now, now)
    return {"DeviceKey": key, "DeviceGroupKey": group_key}


def confirm(pool: Core, user: User, request: Request) -> Reply:
    """Answer ConfirmDevice; its access token may be that of an earlier sign-in (a client's tests against AWS)."""
    device = user.devices.get(request["DeviceKey"])
    configuration = pool.configuration.device
    if device is None or configuration is None:
        raise error_templates.BAD_DEVICE_KEY.refusal()
    if device.credential is not None:
        raise error_templates.DEVICE_CONFIRMED.refusal()
    config = request.get("DeviceSecretVerifierConfig") or {}
    try:
        v, salt = srp.from_device_config(config.get("PasswordVerifier", ""), config.get("Salt", ""))
    except srp.SrpRefused:
        raise error_templates.BAD_DEVICE_VERIFIER.refusal() from None
    device.credential = PasswordRecord(salt, Secret(v))
    device.name = request.get("DeviceName", "")
    device.modified = device.last_authenticated = pool.clock()
    device.remembered = not configuration.device_only_remembered_on_user_prompt
    return {"UserConfirmationNecessary": not device.remembered}


def update_status(pool: Core, user: User, request: Request) -> None:
    """Answer UpdateDeviceStatus and AdminUpdateDeviceStatus: remember a device or not."""
    device = confirmed_device(user, request["DeviceKey"])
    device.remembered = required_parameter(request, "DeviceRememberedStatus") == "remembered"
    device.modified = pool.clock()


def forget(_: Core, user: User, request: Request) -> None:
    """Answer ForgetDevice and AdminForgetDevice: remove a device."""
    del user.devices[confirmed_device(user, request["DeviceKey"]).key]


def get(_: Core, user: User, request: Request) -> Reply:
    """Answer GetDevice and AdminGetDevice."""
    return {"Device": device_for_api(confirmed_device(user, request["DeviceKey"]))}


def list_all(_: Core, user: User, request: Request) -> Reply:
    """Answer ListDevices and AdminListDevices, with pages of `Limit` (by default 60) confirmed devices."""
    confirmed = {each.key: each for each in user.devices.values() if each.credential}
    return paginate(confirmed, device_for_api, request, "Devices", position_member="PaginationToken")


def device_for_api(device: DeviceRecord) -> dict[str, Any]:
    """Return a device as the API's DeviceType."""
    remembered = "remembered" if device.remembered else "not_remembered"
    result: dict[str, Any] = {
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
        result["DeviceLastAuthenticatedDate"] = device.last_authenticated.timestamp()
    return result
