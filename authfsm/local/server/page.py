"""The page for people, and its pictures. Everything comes from here: no other host is asked for anything."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from authfsm.local.server.service import Service
from authfsm.local.server.sign_in_tracker import TrackedSignIn, TrackedStep
from authfsm.local.state.codes import Message
from authfsm.local.state.users import User
from authfsm.protocol.nodes import node_of
from authfsm.protocol.states import State

if TYPE_CHECKING:
    from authfsm.diagrams import Theme


class PictureUnavailable(Exception):
    """There is nothing here that draws."""


@cache
def html() -> bytes:
    """The page."""
    return files(__package__).joinpath("page.html").read_bytes()


@cache
def _policy() -> str:
    """The page's own script and style may run, and nothing else."""
    text = html().decode()

    def inline(tag: str) -> str:
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digests = (b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in found)
        return " ".join(f"'sha256-{digest}'" for digest in digests)

    return (
        f"default-src 'none'; script-src {inline('script')}; style-src {inline('style')};"
        " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def headers() -> dict[str, str]:
    """What goes with the page, its pictures and its news: codes are in them."""
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": _policy(),
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
    }


@lru_cache(maxsize=2)
def protocol_picture(dark: bool) -> str:  # noqa: FBT001 - the key of the cache
    """The whole protocol, as SVG.

    Raises:
        PictureUnavailable: there is no engine.
    """
    return _drawn(None, dark=dark)


@lru_cache(maxsize=64)
def sign_in_picture(steps: tuple[TrackedStep, ...], dark: bool) -> str:  # noqa: FBT001 - the key of the cache
    """The way of a sign-in, as SVG.

    Raises:
        PictureUnavailable: there is no engine.
    """
    return _drawn(steps, dark=dark)


@cache
def _dark() -> Theme:
    """For a dark page."""
    from authfsm.diagrams import LIGHT, Paint, StateGroup  # noqa: PLC0415 - as below

    return evolve(
        LIGHT,
        background="#12161d",
        text="#eef2f8",
        line="#8d9db8",
        label="#c6d0e0",
        muted="#93a0b6",
        faded="#3a4454",
        highlight="#8ab4ff",
        current="#5c4a00",
        warning="#ff8a80",
        groups={
            StateGroup.BEGIN: Paint("#eef2f8", "#eef2f8", "circle"),
            StateGroup.FIRST_FACTOR: Paint("#10293d", "#5ab0ec", style="rounded"),
            StateGroup.SET_UP: Paint("#2f2a0c", "#e0cc4a", "note"),
            StateGroup.SECOND_FACTOR: Paint("#3a230b", "#f0a050"),
            StateGroup.DEVICE: Paint("#351e2c", "#e08ab8", "component"),
            StateGroup.END: Paint("#0d3026", "#3fc79a", style="rounded", peripheries=2),
            StateGroup.OUTSIDE: Paint("#20252e", "#93a0b6", style="rounded,dashed"),
        },
    )


def _drawn(steps: tuple[TrackedStep, ...] | None, *, dark: bool) -> str:
    from authfsm.diagrams import LIGHT, NoEngine, diagram  # noqa: PLC0415 - for who looks at the page

    try:
        return diagram(history=steps, theme=_dark() if dark else LIGHT).svg()
    except NoEngine as error:
        raise PictureUnavailable(str(error)) from None


_SHOWN: Final = 100


def page_data(service: Service) -> dict[str, Any]:
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


def outbox_data(service: Service, name: str | None) -> list[dict[str, Any]]:
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


def _sign_in(followed: TrackedSignIn) -> dict[str, Any]:
    last = followed.steps[-1]
    place = node_of(last.dest, last.role).name
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
