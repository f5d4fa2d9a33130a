"""The page for developers: its HTML, data, diagrams and headers. The page loads nothing from other hosts."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache, lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from attrs import asdict

from authfsm.local.config.leniency import CHECKS
from authfsm.local.server.service import Service
from authfsm.local.server.sign_in_tracker import TrackedSignIn, TrackedStep
from authfsm.local.state.codes import Message
from authfsm.local.state.users import User
from authfsm.protocol.nodes import node_of
from authfsm.protocol.states import State

_MAX_ROWS: Final = 100
_MAX_POOLS: Final = 8


class PictureUnavailable(Exception):
    """No Graphviz engine is installed; the message says how to install one."""


@cache
def html() -> bytes:
    """Return the page that shows the users, messages and sign-ins of `authfsm serve`, as UTF-8."""
    return Path(__file__).with_suffix(".html").read_bytes()


@cache
def _content_security_policy() -> str:
    """Return the policy that allows only the page's own script, style and icon, and requests to this server."""
    text = html().decode()

    def hashes(tag: str) -> str:
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digests = (b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in found)
        return " ".join(f"'sha256-{digest}'" for digest in digests)

    return (
        f"default-src 'none'; script-src {hashes('script')}; style-src {hashes('style')};"
        " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def headers() -> dict[str, str]:
    """Return the headers for the page, its diagrams and data; no cache may store them, because the data has codes."""
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": _content_security_policy(),
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
    }


def page_data(service: Service) -> dict[str, Any]:
    """Return the page's data: at most a hundred rows of each table, so that a large pool is no slower."""
    with service.locked():
        pools = service.cognito.pools.readable()
        cores = [each._core for each in pools]  # noqa: SLF001 - same package
        now = service.core.elapsed()
        messages = chain.from_iterable(each.outbox for each in cores)
        accepted = islice(reversed(service.cognito.accepted), _MAX_ROWS)
        newest = sorted(messages, key=lambda each: each.at, reverse=True)
        return {
            "pool": ", ".join(each.pool_id for each in pools[:_MAX_POOLS]) or "none",
            "poolCount": len(pools),
            "unreadable": len(service.cognito.pools) - len(pools),
            "client": pools[0].client_id if pools and cores[0].clients else "none",
            "users": [_user(user) for user in islice(chain(*(e.users for e in cores)), _MAX_ROWS)],
            "userCount": sum(len(each.users) for each in cores),
            "outbox": [_message(each) for each in newest[:_MAX_ROWS]],
            "signIns": [
                {**_sign_in(each), "live": each.expires is not None and now < each.expires}
                for each in islice(service.tracker, _MAX_ROWS)
            ],
            "checks": sorted(frozenset().union(*(each.configuration.accept for each in cores))),
            "accepted": [{**asdict(each), "accepts": CHECKS[each.check].accepts} for each in accepted],
        }


def outbox_data(service: Service, name: str | None) -> list[dict[str, Any]]:
    """Return the messages of all outboxes, the oldest first; with `name`, only those to this user or address."""
    with service.locked():
        cores = [each._core for each in service.cognito.pools.readable()]  # noqa: SLF001 - same package
        outboxes = (each.outbox if name is None else each.outbox.sent_to(name) for each in cores)
        return [_message(each) for each in sorted(chain.from_iterable(outboxes), key=lambda each: each.at)]


def _user(user: User) -> dict[str, Any]:
    return {
        "username": user.username,
        "status": user.status.value,
        "enabled": user.enabled,
        "mfa": [each.value for each in State if each in user.mfa_enabled],
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
        **({"subject": message.subject, "text": message.text.reveal()} if message.text else {}),
    }


def _sign_in(sign_in: TrackedSignIn) -> dict[str, Any]:
    last = sign_in.steps[-1]
    return {
        "number": sign_in.number,
        "username": sign_in.username,
        "flow": sign_in.flow,
        "state": str(last.dest),
        "node": node_of(last.dest, last.role).name,
        "error": last.error,
        "steps": last.number,
        "at": last.at.isoformat(),
    }


@lru_cache(maxsize=64)
def picture(steps: tuple[TrackedStep, ...] | None, dark: bool) -> str:  # noqa: FBT001 - a key of the cache
    """Return the diagram with the path of a sign-in as SVG; without steps, the diagram of the protocol."""
    from authfsm.diagrams import DARK, LIGHT, NoEngine, diagram  # noqa: PLC0415 - slow: loaded with the first picture

    try:
        return diagram(history=steps, theme=DARK if dark else LIGHT).svg()
    except NoEngine as error:
        raise PictureUnavailable(str(error)) from None
