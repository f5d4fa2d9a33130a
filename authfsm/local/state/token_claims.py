"""Composes the claims of tokens, and applies the changes of PreTokenGeneration.

The claim `amr` lists the completed methods; `acr` names "the highest authentication level that the user's
completed factors fully satisfy" -- developer guide, "Authentication levels with ACR and AMR claims".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import define, field, frozen

from authfsm.local.config.pool_configuration import AppClient, PoolConfiguration
from authfsm.local.config.schema import VERIFIED_FLAGS
from authfsm.local.state.records import Record
from authfsm.local.state.users import User
from authfsm.protocol.states import State

PASSWORD_METHOD: Final = "pwd"  # noqa: S105 - the method's name
PASSKEY_METHODS: Final = frozenset({"swk", "hwk"})
"""swk: a passkey of a platform authenticator (software-bound key); hwk: of a roaming one (hardware-bound key)."""

AMR_METHODS: Final = {
    State.PASSWORD: PASSWORD_METHOD,
    State.PASSWORD_SRP: PASSWORD_METHOD,
    State.SMS_OTP: "sms",
    State.SMS_MFA: "sms",
    State.EMAIL_OTP: "email_otp",
    State.SOFTWARE_TOKEN_MFA: "otp",
    State.MFA_SETUP: "otp",  # for an authenticator app; for an e-mail address, EMAIL_OTP follows and proves its method
}
"""The method in `amr` that each challenge proves; a passkey's is `Passkey.method`."""

ACR_COMBINATIONS: Final = (
    # (a level, the methods that satisfy it together); "passkey" stands for swk or hwk
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
    """Return the methods with "passkey" in place of swk and hwk."""
    return frozenset("passkey" if method in PASSKEY_METHODS else method for method in methods)


def acr_level(methods: Iterable[str]) -> int:
    """Return the highest level that these methods satisfy; 0 if they satisfy none, as after custom challenges only."""
    proved = merge_passkeys(methods)
    return max((number for number, needed in ACR_COMBINATIONS if needed <= proved), default=0)


def amr_claim(methods: Collection[str]) -> tuple[str, ...]:
    """Return the claim `amr`: "mfa" is "added when the user completes two or more distinct factors"."""
    distinct = tuple(dict.fromkeys(methods))
    return (*distinct, "mfa") if len(distinct) > 1 else distinct


@define(eq=False)
class TokenSession:
    """The token session of a sign-in, in a pool that tracks sessions (UserSessionTracking)."""

    session_id: str
    created: datetime
    last_active: datetime


@define(eq=False)
class TokenFamily:
    """All tokens of one sign-in, refreshed ones included; with EnableTokenRevocation they share the claim `origin_jti`.

    The newest refresh token is the last; `replaced_at` has the times when older ones were replaced. `sign_outs` is
    how often all tokens of the user had been revoked before the sign-in.
    """

    user: User
    client: AppClient
    origin_jti: str
    auth_time: datetime
    device_key: str | None
    sign_outs: int
    expires: datetime
    refresh_tokens: list[str] = field(factory=list, repr=False)
    replaced_at: dict[str, datetime] = field(factory=dict, repr=False)
    revoked: bool = False
    amr: tuple[str, ...] = ()
    acr: str | None = None
    session: TokenSession | None = None

    @property
    def is_active(self) -> bool:
        """Whether the tokens have not been revoked."""
        return not self.revoked and self.sign_outs == self.user.sign_outs


def compose_claims(
    configuration: PoolConfiguration, family: TokenFamily, iat: int, uuid: Callable[[], str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the claims of an access token and of an id token."""
    user, client = family.user, family.client
    revocable = client.enable_token_revocation
    common: dict[str, Any] = {
        "sub": user.sub,
        "iss": configuration.issuer,
        # Without EnableTokenRevocation tokens have no origin_jti (developer guide, "Ending user sessions"). The
        # pool then finds the family of an access token by its event_id.
        **({"origin_jti": family.origin_jti} if revocable else {}),
        "event_id": uuid() if revocable else family.origin_jti,
        "auth_time": int(family.auth_time.timestamp()),
        "iat": iat,
    }
    # amr and acr: "The values carry over without modification" when tokens are refreshed (developer guide).
    if family.amr:
        common["amr"] = list(family.amr)
    if family.acr:
        common["acr"] = family.acr
    if user.groups:
        common["cognito:groups"] = list(user.groups)
    access = {
        **common,
        "client_id": client.client_id,
        "token_use": "access",
        "scope": "aws.cognito.signin.user.admin",
        "exp": iat + client.access_token_validity,
        "jti": uuid(),
        "username": user.username,
    }
    if family.device_key is not None:
        access["device_key"] = family.device_key
    identity = {
        **{
            name: value == "true" if name in VERIFIED_FLAGS else value
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


def role_claims(groups: Iterable[Record]) -> dict[str, Any]:
    """Return `cognito:roles` and, if one role takes precedence, `cognito:preferred_role` (API reference, GroupType)."""
    ranks: dict[str, int] = {}
    for members in (each.members for each in groups if "RoleArn" in each.members):
        rank = members.get("Precedence", 2**31)  # "The default Precedence value is null": it comes last
        ranks[members["RoleArn"]] = min(rank, ranks.get(members["RoleArn"], rank))
    if not ranks:
        return {}
    claims: dict[str, Any] = {"cognito:roles": list(ranks)}
    preferred = [role for role, rank in ranks.items() if rank == min(ranks.values())]
    return {**claims, "cognito:preferred_role": preferred[0]} if len(preferred) == 1 else claims


# Excluded claims ("Excluded claims and scopes" -- developer guide, "Pre token generation Lambda trigger"). Inferred:
# a change to one of them is ignored, and is not an error.
_EXCLUDED: Final = frozenset({
    "acr", "amr", "at_hash", "auth_time", "azp", "exp", "iat", "identities", "iss", "jti", "nbf", "nonce", "origin_jti",
    "sub", "token_use",
})  # fmt: skip
_EXCLUDED_IN_ACCESS: Final = _EXCLUDED | {"client_id", "device_key", "event_id", "scope", "username", "version"}  # fmt: skip


@frozen
class TokenChanges:
    """The changes to one token: claimsToAddOrOverride, claimsToSuppress, scopesToAdd and scopesToSuppress."""

    add: Mapping[str, Any] = field(factory=dict)
    suppress: tuple[str, ...] = ()
    add_scopes: tuple[str, ...] = ()
    suppress_scopes: tuple[str, ...] = ()

    def apply(self, claims: dict[str, Any], excluded: frozenset[str]) -> dict[str, Any]:
        """Return the claims with `add` and `suppress` applied; ignore changes to `excluded` and reserved claims."""

        def changeable(name: str) -> bool:
            return name not in excluded and not name.startswith(("cognito:", "dev:"))

        # If a function both "suppresses and replaces a claim value", Cognito "suppresses the claim" (developer guide).
        changed = {**claims, **{name: value for name, value in self.add.items() if changeable(name)}}
        return {n: v for n, v in changed.items() if n not in self.suppress or not changeable(n)}


@frozen
class ClaimOverrides:
    """The changes to both tokens of a sign-in; `groups` is groupsToOverride, and None leaves the groups unchanged."""

    id_token: TokenChanges = TokenChanges()
    access_token: TokenChanges = TokenChanges()
    groups: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    preferred_role: str | None = None

    def apply_to_id(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        """Return the claims of the id token, with the changes."""
        changed = self._with_groups(claims)
        if self.roles is not None:
            changed["cognito:roles"] = list(self.roles)
        if self.preferred_role is not None:
            changed["cognito:preferred_role"] = self.preferred_role
        return self.id_token.apply(changed, _EXCLUDED | {"aud"})

    def apply_to_access(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        """Return the claims of the access token, with the changes."""
        changed = self.access_token.apply(self._with_groups(claims), _EXCLUDED_IN_ACCESS)
        scopes = [s for s in changed["scope"].split() if s not in self.access_token.suppress_scopes]
        new = [s for s in self.access_token.add_scopes if s not in scopes]
        return {**changed, "scope": " ".join([*scopes, *new])}

    def _with_groups(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        if self.groups is None:
            return dict(claims)
        rest = {name: value for name, value in claims.items() if name != "cognito:groups"}
        return {**rest, "cognito:groups": list(self.groups)} if self.groups else rest


NO_OVERRIDES: Final = ClaimOverrides()
