"""The page for people, and its pictures. Everything comes from here: no other host is asked for anything."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from attrs import evolve

from authfsm.local.server.following import ObservedStep

if TYPE_CHECKING:
    from authfsm.diagrams import Theme


class NoPicture(Exception):
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
def overview(dark: bool) -> str:  # noqa: FBT001 - the key of the cache
    """The whole protocol, as SVG.

    Raises:
        NoPicture: there is no engine.
    """
    return _drawn(None, dark=dark)


@lru_cache(maxsize=64)
def walk(steps: tuple[ObservedStep, ...], dark: bool) -> str:  # noqa: FBT001 - the key of the cache
    """The way of a sign-in, as SVG.

    Raises:
        NoPicture: there is no engine.
    """
    return _drawn(steps, dark=dark)


@cache
def _dark() -> Theme:
    """For a dark page."""
    from authfsm.diagrams import LIGHT, Paint, StateGroup  # noqa: PLC0415 - as below

    return evolve(
        LIGHT,
        paper="#12161d",
        ink="#eef2f8",
        line="#8d9db8",
        label="#c6d0e0",
        quiet="#93a0b6",
        faded="#3a4454",
        lit="#8ab4ff",
        here="#5c4a00",
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


def _drawn(steps: tuple[ObservedStep, ...] | None, *, dark: bool) -> str:
    from authfsm.diagrams import LIGHT, NoEngine, diagram  # noqa: PLC0415 - for who looks at the page

    try:
        return diagram(history=steps, theme=_dark() if dark else LIGHT).svg()
    except NoEngine as error:
        raise NoPicture(str(error)) from None
