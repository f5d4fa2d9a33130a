"""The shortest path that shows something about a pool."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from authfsm.checks.model import Model, explore
from authfsm.checks.path import AT_START, Path
from authfsm.checks.proofs import Factor
from authfsm.checks.sign_in_paths import SignInPaths
from authfsm.protocol.responses import REFRESH_RESPONSES
from authfsm.protocol.states import State
from authfsm.settings import PoolSettings

S = State


@lru_cache(maxsize=16)
def _ways(settings: PoolSettings, *, doubted: bool) -> SignInPaths:
    """The ways to sign in: every rule asks for them anew."""
    return SignInPaths(settings, doubted=doubted)


def way(settings: PoolSettings, shows: Callable[[Path], bool]) -> Path | None:
    """The shortest way to sign in that shows something; along sure arrows, where there is one."""
    for doubted in (False, True):
        found = (way for way in _ways(settings, doubted=doubted) if shows(way))
        if (first := next(found, None)) is not None:
            return first
    return None


def refusal(settings: PoolSettings, *, proved: bool) -> Path | None:
    """The shortest path to a refusal: at once, or once a password has been given that may be right."""
    found = explore(Model(settings=settings, include_lambda_named=False, device=False))
    for here, move in found.along():
        if move.to.state is not S.FAILED or here.proved.factors:
            continue
        dests = {m.to.state for m in found.moves[here] if m.arrow.response is move.arrow.response}
        proves = any(
            Factor.PASSWORD in m.to.proved.factors
            for m in found.moves[here]
            if m.arrow.response is move.arrow.response
        )
        begins = here == AT_START and move.arrow.response.auth_flow is not None
        if dests != {S.FAILED} and (proves if proved else begins):
            return found.path(here).then(move)
    return None


def waits(settings: PoolSettings) -> Path | None:
    """The shortest path to a challenge that waits for a person."""
    found = explore(Model(settings=settings, include_lambda_named=False))
    waiting = (at for at in found.before if at.state not in _BY_ITSELF)
    return next((found.path(at) for at in waiting), way(settings, lambda _: True))


_BY_ITSELF: Final = frozenset(
    {S.START, S.PASSWORD_VERIFIER, S.OTHER_CHALLENGE, S.AUTHENTICATED, S.FAILED}
)


def refreshed(settings: PoolSettings) -> Path | None:
    """The shortest way to tokens, and to new ones for them."""
    there = way(settings, lambda _: True)
    if there is None:
        return None
    moves = Model(settings=settings, include_lambda_named=False).moves(there.end)
    again = (
        m for m in moves if m.arrow.response in REFRESH_RESPONSES and m.to.state is S.AUTHENTICATED
    )
    return next((there.then(move) for move in again), there)
