"""Checks of tokens in the random walks: whether they may be issued, and what they may be used for."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from answering import Answering
from attrs import frozen
from authenticator import Authenticator
from joserfc.jwk import RSAKey
from oracle import Device, HeldTokens, KnownUser, OpenChallenge, Proofs, Reply, TokenFamily
from worlds import MFA, STALE_KEY, Choose

from authfsm import srp
from authfsm.protocol import responses as r
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State

REFRESHES: Final[Mapping[str, type[Response]]] = {
    "REFRESH_TOKEN_AUTH": r.RefreshTokenAuth,
    "REFRESH_TOKEN": r.RefreshToken,
    "GetTokensFromRefreshToken": r.GetTokensFromRefreshToken,
}
PREFERENCES: Final = {
    "SMSMfaSettings": "SMS_MFA",
    "SoftwareTokenMfaSettings": "SOFTWARE_TOKEN_MFA",
    "EmailMfaSettings": "EMAIL_OTP",
}


@frozen
class Excuse:
    """A documented way to get tokens without a second factor although one is expected.

    Args:
        name: a short name.
        source: where it is documented.
        holds: returns whether it applies to a walker and the challenge before the tokens.
    """

    name: str
    source: str
    holds: Callable[[Holding, OpenChallenge], bool]


class Holding(Answering):
    """Stores tokens, and detects tokens that must not have been issued.

    Args:
        seed: decides the pool and its users.
        signing_key: the pool's key.
        excuses: the documented ways to tokens without a second factor.
    """

    def __init__(self, seed: int, signing_key: RSAKey, excuses: Sequence[Excuse]) -> None:
        super().__init__(seed, signing_key)
        self.excuses = excuses
        self.excused: set[str] = set()

    # ---- should there be any? ------------------------------------------------------------------------------

    def second_factor_wanted(self, person: KnownUser) -> bool:
        """Return whether Cognito must ask a user for a second factor, by the settings of pool and user."""
        configuration = self.pool.configuration
        active = {f for f in person.switched_on if f in configuration.mfa_methods and MFA[f] in person.has}
        return configuration.mfa == "ON" or (configuration.mfa == "OPTIONAL" and bool(active))

    def _granted(self, before: OpenChallenge, result: Reply) -> None:
        """Check, when tokens are issued, that everything was proved that must be."""
        person, proved = before.person, before.proved
        if person is None:
            raise self._never("tokens for nobody")
        claims = self._claims(result["AccessToken"])
        first = bool(proved & {"pwd", "first"})
        if before.flow == "CUSTOM_AUTH":
            first = first or "issued" in proved
        mfa = "second" in proved or not self.second_factor_wanted(person) or self._excused(before)
        faults = {
            "tokens of somebody else": claims["username"] != person.name,
            "tokens without a first factor": not first,
            "tokens without a second factor": not mfa,
            "tokens for a temporary password": person.temporary and "pwd" in proved,
            "tokens for a disabled user": not person.enabled,
            "tokens for a user who is not confirmed": person.status == "UNCONFIRMED",
            # Who begins with a code or a passkey needs no password, and so no new one.
            "tokens for a password that must be reset": person.status == "RESET_REQUIRED" and "pwd" in proved,
            "tokens of a flow that is not enabled": not before.client.allows(before.flow),
            "tokens below the level": _level(proved) < before.target,
            "methods that were not proved": not set(claims.get("amr", ())) <= proved | {"mfa", "hwk"},
        }
        for fault, found in faults.items():
            if found:
                raise self._never(f"{fault}: {sorted(proved)}")
        person.newcomer = False
        new, device = result.get("NewDeviceMetadata"), before.device
        key = new["DeviceKey"] if new else None
        family = TokenFamily(person, before.client, self.clock(), proved, key)
        if device is not None and "device" in proved:
            family.device_key = device.key
        self.held.append(HeldTokens(family, result["AccessToken"], result["RefreshToken"], self.clock(), new))

    def _excused(self, before: OpenChallenge) -> bool:
        found = [each.name for each in self.excuses if each.holds(self, before)]
        self.excused.update(found[:1])
        return bool(found)

    @staticmethod
    def _claims(token: str) -> dict[str, Any]:
        body = token.split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return claims

    # ---- what they are good for ------------------------------------------------------------------------------

    def refreshes(self, choose: Choose[Any]) -> None:
        """Refresh tokens, perhaps with an old refresh token, one of another client, or without its device."""
        if not self.held:
            return
        held, how = choose(self.held[-6:][::-1]), choose(list(REFRESHES))
        family = held.family
        client = choose([family.client, family.client, *self.clients])
        key = choose([family.device_key, family.device_key, None, STALE_KEY])
        if how == "GetTokensFromRefreshToken":
            secret = client.client_secret
            reply = self._call(
                "get_tokens_from_refresh_token",
                RefreshToken=held.refresh,
                ClientId=client.client_id,
                **({"ClientSecret": secret.reveal()} if secret else {}),
                **({"DeviceKey": key} if key else {}),
            )
        else:
            parameters = self._hashed(client, {"USERNAME": family.person.name, "REFRESH_TOKEN": held.refresh})
            reply = self._call(
                "initiate_auth",
                AuthFlow=how,
                ClientId=client.client_id,
                AuthParameters={**parameters, **({"DEVICE_KEY": key} if key else {})},
            )
        if reply is None:
            return
        now, rotation = self.clock(), client.refresh_token_rotation
        replaced = family.replaced.get(held.refresh)
        faults = {
            "refreshed by another app client": client is not family.client,
            "refreshed what was revoked": family.over,
            "refreshed what has expired": now
            >= family.began + timedelta(seconds=client.refresh_token_validity),
            "refreshed without the device": family.device_key not in {None, key},
            "refreshed for a disabled user": not family.person.enabled,
            "refreshed a token that was replaced": rotation is not None
            and replaced is not None
            and now - replaced > timedelta(seconds=rotation.retry_grace_period_seconds),
        }  # fmt: skip
        for fault, found in faults.items():
            if found:
                raise self._never(fault)
        start = OpenChallenge(family.person, client, how, "", "START", {}, now)
        self._along(start, REFRESHES[how], State.AUTHENTICATED)
        result = reply["AuthenticationResult"]
        if self._claims(result["AccessToken"])["username"] != family.person.name:
            raise self._never("refreshed for somebody else")
        new = result.get("RefreshToken", held.refresh)
        if new != held.refresh:
            family.replaced.setdefault(held.refresh, now)
        self.held.append(HeldTokens(family, result["AccessToken"], new, now))

    def uses_tokens(self, choose: Choose[Any]) -> None:
        """Use an access token: for a device, a passkey, a preference, or to sign out."""
        if not self.held:
            return
        held = choose(self.held[-6:][::-1])
        uses = (self._confirms, self._confirms, self._registers, self._registers, self._prefers,
                self._signs_out, self._looks)  # fmt: skip
        choose(uses)(choose, held)

    def _accepted(self, held: HeldTokens, reply: Reply | None) -> bool:
        if reply is None:
            return False
        if held.family.over:
            raise self._never("an access token that was revoked still serves")
        if self.clock() >= held.at + timedelta(seconds=held.family.client.access_token_validity):
            raise self._never("an access token outlived its time")
        return True

    def _looks(self, _: Choose[Any], held: HeldTokens) -> None:
        reply = self._call("get_user", AccessToken=held.access)
        if self._accepted(held, reply) and reply and reply["Username"] != held.family.person.name:
            raise self._never("somebody else was shown")

    def _confirms(self, choose: Choose[Any], held: HeldTokens) -> None:
        person = held.family.person
        new = choose([held, held, *self.held[-6:]]).new_device
        if new is None:
            return
        device = Device(new["DeviceKey"], new["DeviceGroupKey"], self.random.randbytes(20).hex())
        proof = srp.device_verifier(device.group_key, device.key, device.password, self.random.randbytes(16))
        reply = self._call(
            "confirm_device",
            AccessToken=held.access,
            DeviceKey=device.key,
            DeviceSecretVerifierConfig={"PasswordVerifier": proof.password_verifier, "Salt": proof.salt},
        )
        if self._accepted(held, reply):
            person.devices.append(device)
            status = choose(["remembered", "remembered", "not_remembered"])
            self._call("update_device_status", AccessToken=held.access, DeviceKey=device.key,
                       DeviceRememberedStatus=status)  # fmt: skip

    def _registers(self, choose: Choose[Any], held: HeldTokens) -> None:
        begun = self._call("start_web_authn_registration", AccessToken=held.access)
        if not self._accepted(held, begun) or begun is None:
            return
        provider = self.passkeys.setdefault(held.family.person.name, Authenticator())
        provider.verifies = True
        credential = provider.create(begun["CredentialCreationOptions"])
        self._call("complete_web_authn_registration", AccessToken=held.access, Credential=credential)
        if choose([True, True, False]):
            settings = {"WebAuthnMfaSettings": {"Enabled": True}}
            if self._call("set_user_mfa_preference", AccessToken=held.access, **settings) is not None:
                held.family.person.passkeys_for_mfa = True

    def _prefers(self, choose: Choose[Any], held: HeldTokens) -> None:
        settings = self._preference(choose)
        reply = self._call("set_user_mfa_preference", AccessToken=held.access, **settings)
        if self._accepted(held, reply):
            self._preferred(held.family.person, settings)

    def _preference(self, choose: Choose[Any]) -> dict[str, dict[str, bool]]:
        key = choose([*PREFERENCES, "WebAuthnMfaSettings"])
        on = choose([True, True, False])
        return {key: {"Enabled": on}}

    def _preferred(self, person: KnownUser, settings: Mapping[str, Mapping[str, bool]]) -> None:
        for key, value in settings.items():
            if key == "WebAuthnMfaSettings":
                person.passkeys_for_mfa = value["Enabled"]
            elif value["Enabled"]:
                person.switched_on.add(PREFERENCES[key])
            else:
                person.switched_on.discard(PREFERENCES[key])

    def _signs_out(self, choose: Choose[Any], held: HeldTokens) -> None:
        family = held.family
        if choose([True, False, False]):
            if self._call("global_sign_out", AccessToken=held.access) is not None:
                for each in self.held:
                    each.family.over |= each.family.person is family.person
            return
        secret = family.client.client_secret
        reply = self._call(
            "revoke_token",
            Token=held.refresh,
            ClientId=family.client.client_id,
            **({"ClientSecret": secret.reveal()} if secret else {}),
        )
        family.over |= reply is not None


def _level(proved: Proofs) -> int:
    """Return the level that methods reach.

    The table of the guide, "ACR levels and satisfying factor combinations".
    """
    code = bool(proved & {"sms", "email_otp"})
    if {"pwd", "otp"} <= proved:
        return 4
    if "swk" in proved or ("pwd" in proved and code):
        return 3
    return 2 if code else int("pwd" in proved)
