"""What PreTokenGeneration changes in the claims of the two tokens, and what it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

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
class Changes:
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
class Overrides:
    """The changes to both tokens of a sign-in.

    Args:
        id_token: to the id token.
        access_token: to the access token; in a V1_0 event there are none.
        groups: groupsToOverride; None leaves them as they are.
        roles: iamRolesToOverride.
        preferred_role: preferredRole.
    """

    id_token: Changes = Changes()
    access_token: Changes = Changes()
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


def _changed(claims: dict[str, Any], changes: Changes, excluded: frozenset[str]) -> dict[str, Any]:
    def free(name: str) -> bool:
        return name not in excluded and not name.startswith(_RESERVED)

    kept = {n: v for n, v in claims.items() if n not in changes.suppress or not free(n)}
    return {**kept, **{name: value for name, value in changes.add.items() if free(name)}}


UNCHANGED: Final = Overrides()
"""What a pool without PreTokenGeneration does."""
