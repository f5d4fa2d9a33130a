"""ExplicitAuthFlows: which AuthFlow each value of an app client's setting allows.

The values of today begin with `ALLOW_`; each allows one flow, under every name that the flow has. Three older
values remain in old app clients. They were added to what every app client could do before November 2019: SRP,
CUSTOM_AUTH and refreshing needed no setting, and only `CUSTOM_AUTH_FLOW_ONLY` took SRP away.

Sources:
    - AWS API reference, CreateUserPoolClient and UserPoolClientType, ExplicitAuthFlows: the values, the default,
      and "You can't assign these legacy ExplicitAuthFlows values to user pool clients at the same time as values
      that begin with ALLOW_".
    - AWS API history, 2019-11-14: "adds support to enable or disable specific authentication flows for a user pool
      client"; until then ExplicitAuthFlows had only the three older values, so that no value could allow or refuse
      SRP, CUSTOM_AUTH or refreshing.
    - The console of that time labelled `CUSTOM_AUTH_FLOW_ONLY` "Only allow Custom Authentication"; beside the other
      older values each allows what it names.
    - floci pull request 3974: "Refresh is only gated on clients that use ALLOW_* values, since legacy clients never
      gated it".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

_ADMIN: Final = "ALLOW_ADMIN_USER_PASSWORD_AUTH"
_PASSWORD: Final = "ALLOW_USER_PASSWORD_AUTH"  # noqa: S105 - the name of a setting
_SRP: Final = "ALLOW_USER_SRP_AUTH"
_CUSTOM: Final = "ALLOW_CUSTOM_AUTH"
_CHOICE: Final = "ALLOW_USER_AUTH"
_REFRESH: Final = "ALLOW_REFRESH_TOKEN_AUTH"

CURRENT_VALUES: Final = (_SRP, _PASSWORD, _ADMIN, _CUSTOM, _CHOICE, _REFRESH)
"""The values of ExplicitAuthFlows of today that concern a sign-in."""

DEFAULT_VALUES: Final = frozenset({_REFRESH, _SRP, _CUSTOM})
"""What an app client allows whose ExplicitAuthFlows is not set, or is empty (AWS API reference)."""

REQUIRED_VALUE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "USER_SRP_AUTH": _SRP,
        "USER_PASSWORD_AUTH": _PASSWORD,
        # Two names of one flow: ALLOW_ADMIN_USER_PASSWORD_AUTH "replaces the ADMIN_NO_SRP_AUTH setting" (AWS API
        # reference), and pycognito still asks for the older flow.
        "ADMIN_USER_PASSWORD_AUTH": _ADMIN,
        "ADMIN_NO_SRP_AUTH": _ADMIN,
        "CUSTOM_AUTH": _CUSTOM,
        # "can do username-password and SRP authentication without other ExplicitAuthFlows permitting them ...
        # doesn't include CUSTOM_AUTH" -- AWS API reference
        "USER_AUTH": _CHOICE,
        "REFRESH_TOKEN_AUTH": _REFRESH,
        "REFRESH_TOKEN": _REFRESH,
    }
)
"""Each AuthFlow, and the current value that allows it."""

_ONLY_CUSTOM: Final = "CUSTOM_AUTH_FLOW_ONLY"
_NAMED_BY_OLDER: Final = {
    "ADMIN_NO_SRP_AUTH": _ADMIN,
    "USER_PASSWORD_AUTH": _PASSWORD,
    _ONLY_CUSTOM: _CUSTOM,
}

OLDER_VALUES: Final = tuple(_NAMED_BY_OLDER)
"""The values of ExplicitAuthFlows from before November 2019."""


def current_values(values: Iterable[str]) -> frozenset[str]:
    """Return the current values that a setting of ExplicitAuthFlows amounts to.

    Args:
        values: ExplicitAuthFlows, of older or current values. Names that are neither are kept.
    """
    given = frozenset(values)
    older = given & _NAMED_BY_OLDER.keys()
    if not older:
        return given or DEFAULT_VALUES
    implied = DEFAULT_VALUES - ({_SRP} if _ONLY_CUSTOM in older else frozenset())
    return given - older | implied | {_NAMED_BY_OLDER[each] for each in older}


def allows(values: Iterable[str], auth_flow: str) -> bool:
    """Return whether an app client with these ExplicitAuthFlows allows an AuthFlow.

    Args:
        values: ExplicitAuthFlows.
        auth_flow: the AuthFlow; one that does not exist is not allowed.
    """
    return REQUIRED_VALUE.get(auth_flow) in current_values(values)


def conflict(values: Iterable[str]) -> str | None:
    """Return what is wrong with a setting of ExplicitAuthFlows that Cognito would refuse; None if nothing is.

    Args:
        values: ExplicitAuthFlows.
    """
    given = frozenset(values)
    older, others = given & _NAMED_BY_OLDER.keys(), given - _NAMED_BY_OLDER.keys()
    if not older or not others:
        return None
    return (
        f"has the older values {', '.join(sorted(older))} beside {', '.join(sorted(others))}:"
        " Cognito refuses an app client with both kinds; replace the older values"
    )
