"""What an app client is told to be: a plain frozen value, in the words of CreateUserPoolClient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from attrs import Attribute, field, frozen
from attrs.converters import optional

from authfsm.base.secret import Secret
from authfsm.protocol.auth_flows import (
    CURRENT_VALUES,
    DEFAULT_VALUES,
    LEGACY_VALUES,
    is_flow_allowed,
    mixed_values_error,
)

COGNITO_DEFAULT_FLOWS: Final = DEFAULT_VALUES
"""What an app client may do whose ExplicitAuthFlows is not set (AWS API reference)."""

EVERY_FLOW: Final = frozenset(CURRENT_VALUES)
"""Every flow this pool serves."""

KNOWN_FLOWS: Final = EVERY_FLOW | frozenset(LEGACY_VALUES)
"""What ExplicitAuthFlows may hold here."""


@frozen
class RefreshTokenRotation:
    """Each refresh brings a new refresh token (UserPoolClient.RefreshTokenRotation, ENABLED).

    Args:
        retry_grace_period_seconds: how long the replaced one still works, 0 to 60.
    """

    retry_grace_period_seconds: int = 0


def _flows(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names) or COGNITO_DEFAULT_FLOWS


@frozen
class AppClient:
    """An app client of the pool.

    Args:
        client_id: its id.
        client_secret: its secret, if it has one; SECRET_HASH is then required.
        explicit_auth_flows: ExplicitAuthFlows; empty means Cognito's default of three.
        auth_session_validity: how long a session lives, minutes, 3 to 15.
        prevent_user_existence_errors: ENABLED or LEGACY. ENABLED here, as in the console; the API's
            own default is LEGACY.
        access_token_validity: seconds.
        id_token_validity: seconds.
        refresh_token_validity: seconds.
        refresh_token_rotation: rotation, or None.
        client_name: ClientName.
        read_attributes: ReadAttributes; None means the standard ones.
        write_attributes: WriteAttributes; None means the standard ones.
        enable_token_revocation: EnableTokenRevocation: tokens have `origin_jti`, and can be revoked.
        client_described: what DescribeUserPoolClient said of the app client that this one is like: what has no
            field here is given back from there.
    """

    client_id: str
    client_secret: Secret[str] | None = None
    explicit_auth_flows: frozenset[str] = field(default=EVERY_FLOW, converter=_flows)
    auth_session_validity: int = field(default=3)
    prevent_user_existence_errors: Literal["ENABLED", "LEGACY"] = field(default="ENABLED")
    access_token_validity: int = 3600
    id_token_validity: int = 3600
    refresh_token_validity: int = 30 * 24 * 3600
    refresh_token_rotation: RefreshTokenRotation | None = None
    client_name: str = "local"
    read_attributes: frozenset[str] | None = field(default=None, converter=optional(frozenset))
    write_attributes: frozenset[str] | None = field(default=None, converter=optional(frozenset))
    enable_token_revocation: bool = True
    client_described: Mapping[str, Any] = field(factory=dict, eq=False, repr=False)

    @explicit_auth_flows.validator
    def _known_flows(self, _: Attribute[Any], value: frozenset[str]) -> None:
        # A real app client may allow what is not served here: that is kept, and allows nothing.
        unknown = value - KNOWN_FLOWS - {*self.client_described.get("ExplicitAuthFlows", ())}
        if unknown:
            raise ValueError(f"not among ExplicitAuthFlows: {', '.join(sorted(unknown))}")
        if wrong := mixed_values_error(value):
            raise ValueError(f"explicit_auth_flows {wrong}")

    @auth_session_validity.validator
    def _three_to_fifteen(self, _: Attribute[int], value: int) -> None:
        if not 3 <= value <= 15:  # noqa: PLR2004 - AuthSessionValidity's own bounds
            raise ValueError("auth_session_validity is 3 to 15 minutes")

    @prevent_user_existence_errors.validator
    def _enabled_or_legacy(self, _: Attribute[str], value: str) -> None:
        if value not in {"ENABLED", "LEGACY"}:
            raise ValueError("prevent_user_existence_errors is ENABLED or LEGACY")

    def allows(self, auth_flow: str) -> bool:
        """Return whether an AuthFlow is among what this client's ExplicitAuthFlows allow.

        Args:
            auth_flow: the AuthFlow.
        """
        return is_flow_allowed(self.explicit_auth_flows, auth_flow)
