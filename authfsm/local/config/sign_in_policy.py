"""What a pool lets its users begin with, and how it names what they reach: plain frozen values.

In the words of CreateUserPool (Policies.SignInPolicy, UserPoolTier, AcrConfiguration) and of
SetUserPoolMfaConfig (WebAuthnConfiguration).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from attrs import Attribute, field, frozen

from authfsm.protocol.auth_flows import ALLOWED_FIRST_AUTH_FACTORS

TIERS: Final = ("LITE", "ESSENTIALS", "PLUS")
"""UserPoolTier."""

ACR_VALUES: Final = tuple(f"urn:cognito:loa:{level}" for level in (1, 2, 3, 4))
"""The names of the four levels, where AcrConfiguration gives no others."""

_LONGEST_ACR: Final = 64


@frozen
class WebAuthnConfiguration:
    """How the pool takes passkeys (GetUserPoolMfaConfig, WebAuthnConfiguration).

    Args:
        relying_party_id: RelyingPartyId: the domain that passkeys belong to.
        user_verification: UserVerification: "required", or "preferred" (the default, documented).
        factor_configuration: FactorConfiguration: with MULTI_FACTOR_WITH_USER_VERIFICATION a passkey
            "with user verification satisfies MFA requirements", of users who want it so.
    """

    relying_party_id: str
    user_verification: Literal["required", "preferred"] = field(default="preferred")
    factor_configuration: Literal["SINGLE_FACTOR", "MULTI_FACTOR_WITH_USER_VERIFICATION"] = field(
        default="SINGLE_FACTOR"
    )

    @user_verification.validator
    def _known_verification(self, _: Attribute[str], value: str) -> None:
        if value not in {"required", "preferred"}:
            raise ValueError("user_verification is required or preferred")

    @factor_configuration.validator
    def _known_factor(self, _: Attribute[str], value: str) -> None:
        if value not in {"SINGLE_FACTOR", "MULTI_FACTOR_WITH_USER_VERIFICATION"}:
            raise ValueError(
                "factor_configuration is SINGLE_FACTOR or MULTI_FACTOR_WITH_USER_VERIFICATION"
            )


def first_factors(names: Iterable[str]) -> tuple[str, ...]:
    """AllowedFirstAuthFactors, in the order of `ALLOWED_FIRST_AUTH_FACTORS`; Cognito's default, if empty.

    Raises:
        ValueError: one cannot be there, or WEB_AUTHN is there alone.
    """
    chosen = set(names) or {"PASSWORD"}  # "PASSWORD" alone: measured
    if unknown := chosen - set(ALLOWED_FIRST_AUTH_FACTORS):
        raise ValueError(f"not first factors: {', '.join(sorted(unknown))}")
    if chosen == {"WEB_AUTHN"}:
        # "The WEB_AUTHN option for passkey authentication must be accompanied by at least one other
        # option" -- developer guide, "Authentication flows"
        raise ValueError("WEB_AUTHN needs another first factor beside it")
    return tuple(name for name in ALLOWED_FIRST_AUTH_FACTORS if name in chosen)


def acr_values(names: Iterable[str] | Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the four levels.

    Args:
        names: all four, or AcrConfiguration as the API has it: `{"Level2": {"AcrValue": "..."}}`, where
            levels that are left out keep their defaults.

    Raises:
        ValueError: "Each AcrValue must be unique across all four levels ... 1 to 64 characters ...
            can't contain spaces, double quotation marks, or backslashes" (developer guide).
    """
    if isinstance(names, Mapping):
        given = {key: value["AcrValue"] for key, value in names.items() if "AcrValue" in value}
        if unknown := set(given) - {f"Level{number}" for number in (1, 2, 3, 4)}:
            raise ValueError(f"not levels: {', '.join(sorted(unknown))}")
        named = tuple(given.get(f"Level{n}", default) for n, default in enumerate(ACR_VALUES, 1))
    else:
        named = tuple(names)
    if len(named) != len(ACR_VALUES) or len(set(named)) != len(named):
        raise ValueError("there are four levels, each with a name of its own")
    for name in named:
        if not 1 <= len(name) <= _LONGEST_ACR or set(name) & set(' "\\'):
            raise ValueError(f"{name!r} cannot name a level")
    return named
