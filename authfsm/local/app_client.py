"""What an app client is told to be: a plain frozen value, in the words of CreateUserPoolClient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from attrs import Attribute, field, frozen
from attrs.converters import optional

from authfsm.secret import Secret

COGNITO_DEFAULT_FLOWS: Final = frozenset(
    {"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"}
)
"""What an app client may do whose ExplicitAuthFlows is not set (AWS API reference)."""

EVERY_FLOW: Final = COGNITO_DEFAULT_FLOWS | {
    "ALLOW_USER_PASSWORD_AUTH",
    "ALLOW_ADMIN_USER_PASSWORD_AUTH",
    "ALLOW_USER_AUTH",
}
"""Every flow this pool serves."""

_LEGACY_FLOWS: Final = frozenset(
    {"ADMIN_NO_SRP_AUTH", "CUSTOM_AUTH_FLOW_ONLY", "USER_PASSWORD_AUTH"}
)

KNOWN_FLOWS: Final = EVERY_FLOW | _LEGACY_FLOWS
"""What ExplicitAuthFlows may hold here."""

_ENABLED_BY: Final[dict[str, frozenset[str]]] = {
    "USER_SRP_AUTH": frozenset({"ALLOW_USER_SRP_AUTH"}),
    "USER_PASSWORD_AUTH": frozenset({"ALLOW_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH"}),
    # Two names of one flow: ALLOW_ADMIN_USER_PASSWORD_AUTH "replaces the ADMIN_NO_SRP_AUTH setting"
    # (AWS API reference, ExplicitAuthFlows), and pycognito still asks for the old one.
    "ADMIN_USER_PASSWORD_AUTH": frozenset({"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"}),
    "ADMIN_NO_SRP_AUTH": frozenset({"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"}),
    "CUSTOM_AUTH": frozenset({"ALLOW_CUSTOM_AUTH", "CUSTOM_AUTH_FLOW_ONLY"}),
    # "ALLOW_USER_AUTH alone" lets PASSWORD and PASSWORD_SRP in by choice (developer guide).
    "USER_AUTH": frozenset({"ALLOW_USER_AUTH"}),
    "REFRESH_TOKEN_AUTH": frozenset({"ALLOW_REFRESH_TOKEN_AUTH"}),
    "REFRESH_TOKEN": frozenset({"ALLOW_REFRESH_TOKEN_AUTH"}),
}


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
        unknown = value - KNOWN_FLOWS
        if unknown:
            raise ValueError(f"not among ExplicitAuthFlows: {', '.join(sorted(unknown))}")
        # "You can't assign these values ... at the same time as values ... that start with ALLOW_"
        # -- AWS API reference, CreateUserPoolClient
        if value & _LEGACY_FLOWS and value - _LEGACY_FLOWS:
            raise ValueError("the older values of ExplicitAuthFlows cannot stand with ALLOW_*")

    @auth_session_validity.validator
    def _three_to_fifteen(self, _: Attribute[int], value: int) -> None:
        if not 3 <= value <= 15:  # noqa: PLR2004 - AuthSessionValidity's own bounds
            raise ValueError("auth_session_validity is 3 to 15 minutes")

    @prevent_user_existence_errors.validator
    def _enabled_or_legacy(self, _: Attribute[str], value: str) -> None:
        if value not in {"ENABLED", "LEGACY"}:
            raise ValueError("prevent_user_existence_errors is ENABLED or LEGACY")

    def allows(self, flow: str) -> bool:
        """Is an AuthFlow among this client's ExplicitAuthFlows?"""
        return bool(_ENABLED_BY.get(flow, frozenset()) & self.explicit_auth_flows)
