"""Checks of tokens in the random walks: whether they may be issued, and what they may be used for."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from attrs import frozen
from authenticator import Authenticator
from challenge_answers import ChallengeAnswers
from joserfc.jwk import RSAKey
from oracle import Device, IssuedTokens, KnownUser, OpenChallenge, Proofs, Reply, TokenFamily
from random_pools import MFA, STALE_KEY, Choose

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
class MfaException:
    """A documented way to get tokens without a second factor although one is expected.

    Args:
        name: a short name.
        source: where it is documented.
        applies: returns whether it applies to a walker and the challenge before the tokens.
    """

    name: str
    source: str
    applies: Callable[[TokenChecks, OpenChallenge], bool]


class TokenChecks(ChallengeAnswers):
    """Stores tokens, and detects tokens that must not have been issued.

    Args:
        seed: decides the pool and its users.
        signing_key: the pool's key.
        mfa_exceptions: the documented ways to tokens without a second factor.
    """

    def __init__(self, seed: int, signing_key: RSAKey, mfa_exceptions: Sequence[MfaException]) -> None:
        super().__init__(seed, signing_key)
        self.mfa_exceptions = mfa_exceptions
        self.used_exceptions: set[str] = set()

    # ---- issuing tokens ------------------------------------------------------------------------------------

    def second_factor_required(self, person: KnownUser) -> bool:
        """Return whether Cognito must ask a user for a second factor, by the settings of pool and user."""
        configuration = self.pool.configuration
        active = {
            f for f in person.active_factors if f in configuration.mfa_methods and MFA[f] in person.factor_attributes
        }
        return configuration.mfa == "ON" or (configuration.mfa == "OPTIONAL" and bool(active))

    def _check_issued_tokens(self, before: OpenChallenge, result: Reply) -> None:
        """Check, when tokens are issued, that all required proofs were given."""
        person, proofs = before.person, before.proofs
        if person is None:
            raise self._violation("tokens for an unknown user")
        claims = self._claims(result["AccessToken"])
        first = bool(proofs & {"pwd", "first"})
        if before.flow == "CUSTOM_AUTH":
            first = first or "issued" in proofs
        mfa = "second" in proofs or not self.second_factor_required(person) or self._has_exception(before)
        violations = {
            "tokens of another user": claims["username"] != person.name,
            "tokens without a first factor": not first,
            "tokens without a second factor": not mfa,
            "tokens for a temporary password": person.temporary and "pwd" in proofs,
            "tokens for a disabled user": not person.enabled,
            "tokens for a user who is not confirmed": person.status == "UNCONFIRMED",
            # Who begins with a code or a passkey needs no password, and so no new one.
            "tokens for a password that must be reset": person.status == "RESET_REQUIRED" and "pwd" in proofs,
            "tokens of a flow that is not enabled": not before.client.allows(before.flow),
            "tokens below the level": _level(proofs) < before.target,
            "methods that were not proved": not set(claims.get("amr", ())) <= proofs | {"mfa", "hwk"},
        }
        for violation, violated in violations.items():
            if violated:
                raise self._violation(f"{violation}: {sorted(proofs)}")
        person.never_signed_in = False
        new, device = result.get("NewDeviceMetadata"), before.device
        key = new["DeviceKey"] if new else None
        family = TokenFamily(person, before.client, self.clock(), proofs, key)
        if device is not None and "device" in proofs:
            family.device_key = device.key
        self.tokens.append(IssuedTokens(family, result["AccessToken"], result["RefreshToken"], self.clock(), new))

    def _has_exception(self, before: OpenChallenge) -> bool:
        exceptions = [each.name for each in self.mfa_exceptions if each.applies(self, before)]
        self.used_exceptions.update(exceptions[:1])
        return bool(exceptions)

    @staticmethod
    def _claims(token: str) -> dict[str, Any]:
        body = token.split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return claims

    # ---- using tokens ----------------------------------------------------------------------------------------

    def refresh(self, choose: Choose[Any]) -> None:
        """Refresh tokens, perhaps with an old refresh token, one of another client, or without its device."""
        if not self.tokens:
            return
        tokens, method = choose(self.tokens[-6:][::-1]), choose(list(REFRESHES))
        family = tokens.family
        client = choose([family.client, family.client, *self.clients])
        key = choose([family.device_key, family.device_key, None, STALE_KEY])
        if method == "GetTokensFromRefreshToken":
            secret = client.client_secret
            reply = self._call(
                "get_tokens_from_refresh_token",
                RefreshToken=tokens.refresh,
                ClientId=client.client_id,
                **({"ClientSecret": secret.reveal()} if secret else {}),
                **({"DeviceKey": key} if key else {}),
            )
        else:
            parameters = self._with_secret_hash(
                client, {"USERNAME": family.person.name, "REFRESH_TOKEN": tokens.refresh}
            )
            reply = self._call(
                "initiate_auth",
                AuthFlow=method,
                ClientId=client.client_id,
                AuthParameters={**parameters, **({"DEVICE_KEY": key} if key else {})},
            )
        if reply is None:
            return
        now, rotation = self.clock(), client.refresh_token_rotation
        replaced = family.replaced.get(tokens.refresh)
        violations = {
            "refreshed by another app client": client is not family.client,
            "refreshed a token that was revoked": family.revoked,
            "refreshed a token that has expired": now
            >= family.started + timedelta(seconds=client.refresh_token_validity),
            "refreshed without the device": family.device_key not in {None, key},
            "refreshed for a disabled user": not family.person.enabled,
            "refreshed a token that was replaced": rotation is not None
            and replaced is not None
            and now - replaced > timedelta(seconds=rotation.retry_grace_period_seconds),
        }  # fmt: skip
        for violation, violated in violations.items():
            if violated:
                raise self._violation(violation)
        start = OpenChallenge(family.person, client, method, "", "START", {}, now)
        self._check_transition(start, REFRESHES[method], State.AUTHENTICATED)
        result = reply["AuthenticationResult"]
        if self._claims(result["AccessToken"])["username"] != family.person.name:
            raise self._violation("refreshed for another user")
        new = result.get("RefreshToken", tokens.refresh)
        if new != tokens.refresh:
            family.replaced.setdefault(tokens.refresh, now)
        self.tokens.append(IssuedTokens(family, result["AccessToken"], new, now))

    def use_tokens(self, choose: Choose[Any]) -> None:
        """Use an access token: for a device, a passkey, a preference, or to sign out."""
        if not self.tokens:
            return
        tokens = choose(self.tokens[-6:][::-1])
        uses = (self._confirm_device, self._confirm_device, self._register_passkey, self._register_passkey, self._set_preference,
                self._sign_out, self._get_user)  # fmt: skip
        choose(uses)(choose, tokens)

    def _check_token_accepted(self, tokens: IssuedTokens, reply: Reply | None) -> bool:
        if reply is None:
            return False
        if tokens.family.revoked:
            raise self._violation("a revoked access token was accepted")
        if self.clock() >= tokens.issued_at + timedelta(seconds=tokens.family.client.access_token_validity):
            raise self._violation("an expired access token was accepted")
        return True

    def _get_user(self, _: Choose[Any], tokens: IssuedTokens) -> None:
        reply = self._call("get_user", AccessToken=tokens.access)
        if self._check_token_accepted(tokens, reply) and reply and reply["Username"] != tokens.family.person.name:
            raise self._violation("the attributes of another user were returned")

    def _confirm_device(self, choose: Choose[Any], tokens: IssuedTokens) -> None:
        person = tokens.family.person
        new = choose([tokens, tokens, *self.tokens[-6:]]).new_device
        if new is None:
            return
        device = Device(new["DeviceKey"], new["DeviceGroupKey"], self.random.randbytes(20).hex())
        proof = srp.device_verifier(device.group_key, device.key, device.password, self.random.randbytes(16))
        reply = self._call(
            "confirm_device",
            AccessToken=tokens.access,
            DeviceKey=device.key,
            DeviceSecretVerifierConfig={"PasswordVerifier": proof.password_verifier, "Salt": proof.salt},
        )
        if self._check_token_accepted(tokens, reply):
            person.devices.append(device)
            status = choose(["remembered", "remembered", "not_remembered"])
            self._call("update_device_status", AccessToken=tokens.access, DeviceKey=device.key,
                       DeviceRememberedStatus=status)  # fmt: skip

    def _register_passkey(self, choose: Choose[Any], tokens: IssuedTokens) -> None:
        registration = self._call("start_web_authn_registration", AccessToken=tokens.access)
        if not self._check_token_accepted(tokens, registration) or registration is None:
            return
        provider = self.passkeys.setdefault(tokens.family.person.name, Authenticator())
        provider.verifies = True
        credential = provider.create(registration["CredentialCreationOptions"])
        self._call("complete_web_authn_registration", AccessToken=tokens.access, Credential=credential)
        if choose([True, True, False]):
            settings = {"WebAuthnMfaSettings": {"Enabled": True}}
            if self._call("set_user_mfa_preference", AccessToken=tokens.access, **settings) is not None:
                tokens.family.person.passkeys_for_mfa = True

    def _set_preference(self, choose: Choose[Any], tokens: IssuedTokens) -> None:
        settings = self._random_preference(choose)
        reply = self._call("set_user_mfa_preference", AccessToken=tokens.access, **settings)
        if self._check_token_accepted(tokens, reply):
            self._record_preference(tokens.family.person, settings)

    def _random_preference(self, choose: Choose[Any]) -> dict[str, dict[str, bool]]:
        key = choose([*PREFERENCES, "WebAuthnMfaSettings"])
        on = choose([True, True, False])
        return {key: {"Enabled": on}}

    def _record_preference(self, person: KnownUser, settings: Mapping[str, Mapping[str, bool]]) -> None:
        for key, value in settings.items():
            if key == "WebAuthnMfaSettings":
                person.passkeys_for_mfa = value["Enabled"]
            elif value["Enabled"]:
                person.active_factors.add(PREFERENCES[key])
            else:
                person.active_factors.discard(PREFERENCES[key])

    def _sign_out(self, choose: Choose[Any], tokens: IssuedTokens) -> None:
        family = tokens.family
        if choose([True, False, False]):
            if self._call("global_sign_out", AccessToken=tokens.access) is not None:
                for each in self.tokens:
                    each.family.revoked |= each.family.person is family.person
            return
        secret = family.client.client_secret
        reply = self._call(
            "revoke_token",
            Token=tokens.refresh,
            ClientId=family.client.client_id,
            **({"ClientSecret": secret.reveal()} if secret else {}),
        )
        family.revoked |= reply is not None


def _level(proofs: Proofs) -> int:
    """Return the level that methods reach.

    The table of the guide, "ACR levels and satisfying factor combinations".
    """
    code = bool(proofs & {"sms", "email_otp"})
    if {"pwd", "otp"} <= proofs:
        return 4
    if "swk" in proofs or ("pwd" in proofs and code):
        return 3
    return 2 if code else int("pwd" in proofs)
