"""What the page and the tests are shown of a pool: bounded, however large the pool is."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from authfsm.local.server.following import Followed
from authfsm.local.server.service import Service
from authfsm.local.state.codes import Message
from authfsm.local.state.users import User
from authfsm.protocol.nodes import node
from authfsm.protocol.states import State

_SHOWN: Final = 100


def snapshot(service: Service) -> dict[str, Any]:
    """All that the page shows, at one moment."""
    with service.held():
        pool, core = service.pool, service.core
        now = core.elapsed()
        return {
            "pool": pool.pool_id,
            "client": pool.client_id,
            "users": [_user(user) for user in islice(core.users, _SHOWN)],
            "usersInAll": len(core.users),
            "outbox": [_message(each) for each in islice(reversed(core.outbox), _SHOWN)],
            "signIns": [
                {**_sign_in(each), "live": each.expires is not None and now < each.expires}
                for each in islice(service.follower, _SHOWN)
            ],
        }


def outbox(service: Service, name: str | None) -> list[dict[str, Any]]:
    """The messages the pool would have sent, the oldest first; those of one user or address, if named."""
    with service.held():
        return [
            _message(each)
            for each in service.core.outbox
            if name is None or name in (each.username, each.to)
        ]


def _user(user: User) -> dict[str, Any]:
    return {
        "username": user.username,
        "status": user.status.value,
        "enabled": user.enabled,
        "mfa": [each.value for each in State if each in user.mfa_enabled],
        "preferred": user.preferred_mfa.value if user.preferred_mfa else None,
        "devices": sum(each.credential is not None for each in user.devices.values()),
        "email": user.attributes.get("email"),
        "phone": user.attributes.get("phone_number"),
    }


def _message(message: Message) -> dict[str, Any]:
    return {
        "username": message.username,
        "to": message.to,
        "medium": message.medium,
        "purpose": str(message.purpose),
        "code": message.code.reveal(),
        "at": message.at.isoformat(),
    }


def _sign_in(followed: Followed) -> dict[str, Any]:
    last = followed.steps[-1]
    place = node(last.dest, last.role).name
    return {
        "number": followed.number,
        "username": followed.username,
        "flow": followed.flow,
        "state": str(last.dest),
        "place": place,
        "error": last.error,
        "steps": len(followed.steps),
        "at": last.at.isoformat(),
    }
