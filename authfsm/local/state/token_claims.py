"""The claims of tokens."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import define, field, frozen

from authfsm.local.config.pool_configuration import AppClient, PoolConfiguration
from authfsm.local.state.users import User
from authfsm.protocol.states import State

# How strongly somebody has signed in: the four fixed levels, and the claims that tell of them.
PASSWORD_METHOD: Final = "pwd"  # noqa: S105 - the method's name
PASSKEY_METHODS: Final = frozenset({"swk", "hwk"})
"""A passkey of a platform (software-bound key), and of a roaming authenticator (hardware-bound key)."""

AMR_METHODS: Final = {
    State.PASSWORD: PASSWORD_METHOD,
    State.PASSWORD_SRP: PASSWORD_METHOD,
    State.SMS_OTP: "sms",
    State.SMS_MFA: "sms",
    State.EMAIL_OTP: "email_otp",
    State.SOFTWARE_TOKEN_MFA: "otp",
    State.MFA_SETUP: "otp",  # its end is a verified TOTP: VerifySoftwareToken has taken a code of it
}
"""What `amr` calls the method of each challenge; a passkey's is its own."""

CODES: Final = frozenset({"sms", "email_otp"})

ACR_COMBINATIONS: Final = (
    # (level, the methods that satisfy it); "passkey" stands for either sort
    (1, frozenset({PASSWORD_METHOD})),
    (2, frozenset({"email_otp"})),
    (2, frozenset({"sms"})),
    (3, frozenset({"passkey"})),
    (3, frozenset({PASSWORD_METHOD, "email_otp"})),
    (3, frozenset({PASSWORD_METHOD, "sms"})),
    (4, frozenset({PASSWORD_METHOD, "otp"})),
)
"""The table of the developer guide, "ACR levels and satisfying factor combinations"."""


def merge_passkeys(methods: Iterable[str]) -> frozenset[str]:
    """The methods, a passkey of either sort being "passkey"."""
    return frozenset("passkey" if method in PASSKEY_METHODS else method for method in methods)


def acr_level(methods: Iterable[str]) -> int:
    """The highest level that these methods satisfy; 0 for none, as after a custom challenge."""
    done = merge_passkeys(methods)
    return max((number for number, needed in ACR_COMBINATIONS if needed <= done), default=0)


def amr_claim(methods: Collection[str]) -> tuple[str, ...]:
    """The `amr` claim: "mfa" is "added when the user completes two or more distinct factors"."""
    listed = tuple(dict.fromkeys(methods))
    return (*listed, "mfa") if len(listed) > 1 else listed


def acr_claim(methods: Iterable[str], names: Sequence[str]) -> str | None:
    """The `acr` claim: the name of the level reached; None for none."""
    reached = acr_level(methods)
    return names[reached - 1] if reached else None


# What comes of one sign-in, and the claims of its tokens.
_SCOPE: Final = "aws.cognito.signin.user.admin"


@define(eq=False)
class TokenFamily:
    """What came of one sign-in.

    Args:
        user: whose it is.
        client: the app client it was issued to.
        origin_jti: what its tokens have in common.
        auth_time: when the user signed in.
        device_key: the device it is bound to: a refresh must name it.
        sign_outs: how often the user had signed out everywhere when it began.
        expires: when its refresh tokens die; rotation does not prolong it (measured).
        refresh_tokens: all that were issued, the newest last.
        replaced: when the newest of the time gave way to the next.
        amr: the methods that were proved.
        acr: the name of the level that they reached, at the time.
    """

    user: User
    client: AppClient
    origin_jti: str
    auth_time: datetime
    device_key: str | None
    sign_outs: int
    expires: datetime
    refresh_tokens: list[str] = field(factory=list, repr=False)
    replaced: dict[str, datetime] = field(factory=dict, repr=False)
    revoked: bool = False
    amr: tuple[str, ...] = ()
    acr: str | None = None

    @property
    def alive(self) -> bool:
        """Has it not been revoked, by RevokeToken or GlobalSignOut?"""
        return not self.revoked and self.sign_outs == self.user.sign_outs


def compose_claims(
    configuration: PoolConfiguration, family: TokenFamily, iat: int, uuid: Callable[[], str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The claims of an access token and of an id token.

    Args:
        configuration: the pool's.
        family: the sign-in they come of.
        iat: the present moment.
        uuid: makes a UUID.
    """
    user, client = family.user, family.client
    revocable = client.enable_token_revocation
    common: dict[str, Any] = {
        "sub": user.sub,
        "iss": configuration.issuer,
        # Without EnableTokenRevocation there is no origin_jti (developer guide, "Ending user sessions");
        # the pool then knows its tokens again by their event.
        **({"origin_jti": family.origin_jti} if revocable else {}),
        "event_id": uuid() if revocable else family.origin_jti,
        "auth_time": int(family.auth_time.timestamp()),
        "iat": iat,
    }
    # "The values carry over without modification" when tokens are refreshed (developer guide).
    told = {"amr": list(family.amr), "acr": family.acr}
    common.update({name: value for name, value in told.items() if value})
    if user.groups:
        common["cognito:groups"] = list(user.groups)
    access = {
        **common,
        "client_id": client.client_id,
        "token_use": "access",
        "scope": _SCOPE,
        "exp": iat + client.access_token_validity,
        "jti": uuid(),
        "username": user.username,
    }
    if family.device_key is not None:
        access["device_key"] = family.device_key
    identity = {
        **{
            name: _claim(name, value)
            for name, value in user.attributes.items()
            if configuration.attributes.may_read(name, client.read_attributes)
        },
        **common,
        "cognito:username": user.username,
        "aud": client.client_id,
        "token_use": "id",
        "exp": iat + client.id_token_validity,
        "jti": uuid(),
    }
    return access, identity


def _claim(name: str, value: str) -> str | bool:
    return value == "true" if name.endswith("_verified") else value


# What PreTokenGeneration changes in the claims of the two tokens, and what it cannot.
# "Excluded claims and scopes" -- developer guide, "Pre token generation Lambda trigger". That a change to one
# of them is passed over, and is no error, is inferred.
_EXCLUDED: Final = frozenset(
    {
        "acr",
        "amr",
        "at_hash",
        "auth_time",
        "azp",
        "exp",
        "iat",
        "identities",
        "iss",
        "jti",
        "nbf",
        "nonce",
        "origin_jti",
        "sub",
        "token_use",
    }
)
_EXCLUDED_IN_ID: Final = _EXCLUDED | {"aud"}
_EXCLUDED_IN_ACCESS: Final = _EXCLUDED | {
    "client_id",
    "device_key",
    "event_id",
    "scope",
    "username",
    "version",
}
_RESERVED: Final = ("cognito:", "dev:")


@frozen
class TokenChanges:
    """The changes to one token.

    Args:
        add: claimsToAddOrOverride.
        suppress: claimsToSuppress.
        add_scopes: scopesToAdd.
        suppress_scopes: scopesToSuppress.
    """

    add: Mapping[str, Any] = field(factory=dict)
    suppress: tuple[str, ...] = ()
    add_scopes: tuple[str, ...] = ()
    suppress_scopes: tuple[str, ...] = ()


@frozen
class ClaimOverrides:
    """The changes to both tokens of a sign-in.

    Args:
        id_token: to the id token.
        access_token: to the access token; in a V1_0 event there are none.
        groups: groupsToOverride; None leaves them as they are.
        roles: iamRolesToOverride.
        preferred_role: preferredRole.
    """

    id_token: TokenChanges = TokenChanges()
    access_token: TokenChanges = TokenChanges()
    groups: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    preferred_role: str | None = None

    def on_id(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        """The claims of the id token, changed."""
        grouped = self._grouped(claims)
        if self.roles is not None:
            grouped["cognito:roles"] = list(self.roles)
        if self.preferred_role is not None:
            grouped["cognito:preferred_role"] = self.preferred_role
        return _changed(grouped, self.id_token, _EXCLUDED_IN_ID)

    def on_access(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        """The claims of the access token, changed."""
        changed = _changed(self._grouped(claims), self.access_token, _EXCLUDED_IN_ACCESS)
        scopes = [s for s in changed["scope"].split() if s not in self.access_token.suppress_scopes]
        new = [s for s in self.access_token.add_scopes if s not in scopes]
        return {**changed, "scope": " ".join([*scopes, *new])}

    def _grouped(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        if self.groups is None:
            return dict(claims)
        rest = {name: value for name, value in claims.items() if name != "cognito:groups"}
        return {**rest, "cognito:groups": list(self.groups)} if self.groups else rest


def _changed(
    claims: dict[str, Any], changes: TokenChanges, excluded: frozenset[str]
) -> dict[str, Any]:
    def free(name: str) -> bool:
        return name not in excluded and not name.startswith(_RESERVED)

    kept = {n: v for n, v in claims.items() if n not in changes.suppress or not free(n)}
    return {**kept, **{name: value for name, value in changes.add.items() if free(name)}}


NO_OVERRIDES: Final = ClaimOverrides()
"""What a pool without PreTokenGeneration does."""
