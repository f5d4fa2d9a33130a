"""What comes of one sign-in, and the claims of its tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from attrs import define, field

from authfsm.local.config.pool_configuration import AppClient, PoolConfiguration
from authfsm.local.state.users import User

_SCOPE: Final = "aws.cognito.signin.user.admin"


@define(eq=False)
class Family:
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


def composed(
    configuration: PoolConfiguration, family: Family, iat: int, uuid: Callable[[], str]
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
