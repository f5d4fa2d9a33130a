"""Session tracking: the token sessions of a user, one for each sign-in, and how many of them a user may have.

The pool has no managed login pages, and so no SSO sessions: RevokeAssociatedSessions has nothing to revoke.
"""

from __future__ import annotations

from typing import Any, Final

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.state.core import Core, Reply, Request, SessionConfiguration
from authfsm.local.state.token_claims import TokenFamily, TokenSession
from authfsm.local.state.users import User

# "If you have never called SetUserPoolClientSessionConfiguration ... 60 minutes" -- AWS API reference
_CLIENT_DEFAULT: Final = {"SSOSession": {"MaxValidityMinutes": 60}}


def check_associated_sessions(request: Request) -> None:
    """Refuse a RevokeAssociatedSessions that is neither NONE nor LINKED."""
    _check_enum(request, "RevokeAssociatedSessions", ("NONE", "LINKED"))


def _check_enum(request: Request, member: str, values: tuple[str, ...]) -> None:
    if request.get(member, values[0]) not in values:
        name = f"{member[0].lower()}{member[1:]}"
        raise PoolRefusal(error_templates.NOT_IN_ENUM, name=name, values=", ".join(values))


def _check_enabled(pool: Core) -> None:
    if pool.max_sessions_per_user is None:
        raise PoolRefusal(error_templates.NO_SESSION_TRACKING)


def list_user_sessions(pool: Core, request: Request) -> Reply:
    """ListUserSessions: of all app clients, in a single page."""
    current = pool.token_issuer.bearer(request["AccessToken"])
    return _sessions(pool, current.user, current)


def admin_list_user_sessions(pool: Core, user: User, _: Request) -> Reply:
    """AdminListUserSessions."""
    return _sessions(pool, user, None)


def _sessions(pool: Core, user: User, current: TokenFamily | None) -> Reply:
    _check_enabled(pool)
    sessions = pool.token_issuer.sessions_of(user)
    return {"Sessions": [_members(s, f, current=f is current) for s, f in sessions]}


def _members(session: TokenSession, family: TokenFamily, *, current: bool) -> dict[str, Any]:
    return {
        "SessionId": session.session_id,
        "SessionType": "TOKEN",
        "ClientId": family.client.client_id,
        "CreateDate": session.created.timestamp(),
        "LastActiveDate": session.last_active.timestamp(),
        "DeviceType": "unknown",
        "IsCurrentSession": current,
    }


def revoke_user_session(pool: Core, request: Request) -> Reply:
    """RevokeUserSession: "You can't revoke the session that the calling access token belongs to"."""
    current = pool.token_issuer.bearer(request["AccessToken"])
    return _revoke(pool, current.user, request, current)


def admin_revoke_user_session(pool: Core, user: User, request: Request) -> Reply:
    """AdminRevokeUserSession."""
    return _revoke(pool, user, request, None)


def _revoke(pool: Core, user: User, request: Request, current: TokenFamily | None) -> Reply:
    _check_enabled(pool)
    check_associated_sessions(request)
    by_id = {session.session_id: family for session, family in pool.token_issuer.sessions_of(user)}
    family = by_id.get(request["SessionId"])
    if family is None:
        raise PoolRefusal(error_templates.NO_SUCH_SESSION)
    if family is current:
        raise PoolRefusal(error_templates.SESSION_IS_CURRENT)
    pool.token_issuer.end_session(family)
    return {}


def get_user_pool_session_configuration(pool: Core, request: Request) -> Reply:
    """GetUserPoolSessionConfiguration."""
    return {"UserPoolId": request["UserPoolId"], **pool.session_settings}


def set_user_pool_session_configuration(pool: Core, request: Request) -> Reply:
    """SetUserPoolSessionConfiguration: sessions beyond a lower MaxPerUser end at the next sign-in."""
    _check_enum(request, "UserSessionTracking", ("ENABLED", "DISABLED"))
    _check_tier(pool)
    settings = {name: request[name] for name in ("UserSessionTracking", "TokenSession")}
    _set(pool, request["UserPoolId"], settings)
    return get_user_pool_session_configuration(pool, request)


def get_user_pool_client_session_configuration(pool: Core, request: Request) -> Reply:
    """GetUserPoolClientSessionConfiguration."""
    client_id = pool.client(request).client_id
    configuration = pool.session_configurations.get(client_id)
    settings = _CLIENT_DEFAULT if configuration is None else configuration.settings
    return {"UserPoolId": request["UserPoolId"], "ClientId": client_id, **settings}


def set_user_pool_client_session_configuration(pool: Core, request: Request) -> Reply:
    """SetUserPoolClientSessionConfiguration: kept and returned; it changes nothing without SSO sessions."""
    client_id = pool.client(request).client_id
    _check_tier(pool)
    _check_enabled(pool)
    _set(pool, client_id, {"SSOSession": request["SSOSession"]})
    return get_user_pool_client_session_configuration(pool, request)


def _check_tier(pool: Core) -> None:
    if pool.configuration.tier == "LITE":
        raise PoolRefusal(error_templates.NOT_IN_TIER, feature="Session tracking")


def _set(pool: Core, key: str, settings: dict[str, Any]) -> None:
    pool.session_configurations[key] = SessionConfiguration(key, settings)
