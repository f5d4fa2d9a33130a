"""Journeys: the ways to sign in to a pool, each ready to be gone along on an embedded one.

For every way that `authfsm.checks.SignInPaths` lists there is a journey, or a reason why no pool can be made to go
there. Beside the ways themselves there is one journey for each answer that is refused and given again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, cast, overload

from attrs import evolve, field, frozen

from authfsm.checks import Model, Move, Path, PoolDescription, SignInPaths
from authfsm.checks.path import AT_START, Position
from authfsm.journeys.observed import ObservedPool
from authfsm.journeys.person import Plan
from authfsm.journeys.planning import NoPlan, Told, plan
from authfsm.journeys.pools import Functions, ShiftedClock, obliging, wanted
from authfsm.journeys.stage import Stage
from authfsm.local import EVERY_FLOW
from authfsm.protocol import responses as r
from authfsm.protocol.errors import CallerError
from authfsm.protocol.responses import ADMIN_ONLY
from authfsm.protocol.states import State
from authfsm.protocol.table import ACKNOWLEDGEMENT, NEW_CHALLENGE, RESTART, RETRY, Role, Transition
from authfsm.settings import PoolSettings
from authfsm.settings.descriptions import Descriptions

if TYPE_CHECKING:
    from authfsm.drivers.boto import Flow

MOST: Final = 10_000
"""So many ways are made journeys of; of more, only as many as go along every arrow between them."""


_STANDS_IN: Final = "ChallengeRequiredOnNewDevice"


class TooMany(CallerError, ValueError):
    """There are more ways than anybody can go.

    Args:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        super().__init__(
            f"there are {count} ways to sign in: say what the pool is like, or cover='arrows'"
        )
        self.count = count


@frozen
class Journey:
    """A way to sign in, ready to be gone along. `str` of it is its id, for pytest.

    Args:
        path: the way.
        plan: what it takes.
        settings: the pool's.
        like: the pool's descriptions, if there are any.
    """

    path: Path
    plan: Plan = field(repr=False)
    settings: PoolSettings = field(repr=False)
    like: Mapping[str, Any] | None = field(default=None, repr=False)

    @cached_property
    def id(self) -> str:
        """Its name: what is given, and where that leads, step by step."""
        return "".join(self._named())

    def __str__(self) -> str:
        return self.id

    def _named(self) -> Iterator[str]:
        for step, move in enumerate(self.path):
            response, dest = move.arrow.response, move.to.state
            yield f"{'' if step == 0 else '-'}{response.trigger}"
            if self.refused(step):
                yield "(refused)"
            elif self.stale(step):
                yield "(stale device)"
            elif dest is not State.AUTHENTICATED:
                yield f"-{dest}" + ("(mfa)" if move.to.role is Role.SECOND_FACTOR else "")

    @property
    def admin(self) -> bool:
        """Does it begin by an administrator's operation?"""
        return self.path.arrows[0].response in ADMIN_ONLY

    def refused(self, step: int) -> bool:
        """Is the answer of a step wrong, on purpose?

        Args:
            step: 0 for the first.
        """
        arrow = self.path.moves[step].arrow
        # A wrong answer to a custom challenge is no refusal: it is asked anew.
        return arrow.kind is RETRY or (arrow.kind is NEW_CHALLENGE and arrow.response is r.Answer)

    def stale(self, step: int) -> bool:
        """Is the answer of a step refused for a device that the pool has forgotten?

        Args:
            step: 0 for the first.
        """
        return self.path.moves[step].arrow.kind is RESTART

    def begin(self, **pool: Any) -> Stage:
        """Make an embedded pool like these settings, and the user whom this takes.

        Args:
            pool: of `LocalPool`, in place of what is chosen here: `key`, so that not every pool makes its own.
        """
        clock, functions = ShiftedClock(), Functions(self.plan.script)
        common = {"clock": clock, "triggers": functions.triggers, **wanted(self.plan), **pool}
        made: ObservedPool
        if self.like is None:
            made = ObservedPool(**{**obliging(self.settings, self.plan), **common})
        else:
            if (
                Descriptions.read(self.like).user_pool_client is None
            ):  # what is not known is allowed
                common = {"explicit_auth_flows": EVERY_FLOW, **common}
            liked = ObservedPool.like(self.like, **common)
            made = cast("ObservedPool", liked)  # `like` makes one of its own class
        return Stage(self, made, functions, clock)

    def run(self, **pool: Any) -> Flow:
        """Go along it with this package's own driver.

        Args:
            pool: as for `begin`.

        Returns:
            The sign-in, its tokens in hand.

        Raises:
            Strayed: it led elsewhere.
        """
        from authfsm.journeys.driving import drive  # noqa: PLC0415 - who has an app of their own does without

        return drive(self.begin(**pool))


@frozen
class LeftOut:
    """A way that no pool can be made to go along.

    Args:
        path: the way.
        reason: why not.
    """

    path: Path
    reason: str


@frozen
class Journeys(Sequence[Journey]):
    """The journeys of a pool, the shortest first.

    Args:
        every: the journeys.
        left_out: the ways that there is none for, each with the reason.
    """

    every: tuple[Journey, ...]
    left_out: tuple[LeftOut, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.every)

    @overload
    def __getitem__(self, index: int) -> Journey: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Journey]: ...
    def __getitem__(self, index: int | slice) -> Journey | Sequence[Journey]:
        """A journey, or several."""
        return self.every[index]

    @property
    def arrows(self) -> frozenset[Transition]:
        """Every arrow that some journey goes along."""
        return frozenset(arrow for journey in self.every for arrow in journey.path.arrows)


def journeys(
    settings: PoolSettings | Mapping[str, Any],
    *,
    cover: Literal["ways", "arrows"] = "ways",
    doubted: bool = False,
) -> Journeys:
    """Every way in which Cognito may challenge an app's users, ready to be tried on an embedded pool.

    Args:
        settings: the pool's; or its descriptions, as `{"UserPool": ..., "UserPoolClient": ..., "MfaConfig": ...}`:
            then the embedded pool is like them in all that it can honour.
        cover: "ways" makes a journey of each way; "arrows", of as few as go along every arrow between them.
        doubted: also where sources contradict each other whether Cognito goes there.

    Raises:
        TooMany: there are more ways than anybody can go.
        BadField: a description says what AWS never says.
    """
    like = None if isinstance(settings, PoolSettings) else settings
    told, of = _told(settings)
    ways = SignInPaths(of, doubted=doubted)
    if cover == "ways" and ways.count() > MOST:
        raise TooMany(ways.count())
    made: list[Journey] = []
    left_out: list[LeftOut] = []
    seen: set[object] = set()
    for way in ways:
        marks = _marks(way)
        if cover == "arrows" and seen >= marks:
            continue
        try:
            made.append(Journey(way, plan(way, told), of, like))
            seen |= marks
        except NoPlan as none:
            left_out.append(LeftOut(way, none.reason))
    made += _given_again(made, told, Model(settings=of, doubted=doubted, named=False), left_out)
    if cover == "arrows":
        left_out = _uncovered(left_out, seen | {m for each in made for m in _marks(each.path)})
    return Journeys(tuple(made), tuple(left_out))


def _uncovered(left_out: list[LeftOut], seen: set[object]) -> list[LeftOut]:
    """Of the ways that there is no journey for, those with an arrow that none goes along."""
    kept = []
    for each in left_out:
        if not _marks(each.path) <= seen:
            seen |= _marks(each.path)
            kept.append(each)
    return kept


def _marks(way: Path) -> set[object]:
    return {(move.arrow, move.to.role) for move in way}


def _told(settings: PoolSettings | Mapping[str, Any]) -> tuple[Told, PoolSettings]:
    if isinstance(settings, PoolSettings):
        return Told(settings), settings
    read = Descriptions.read(settings)
    pool, mfa = read.user_pool, read.mfa_config or {}
    posture = PoolDescription.from_read(read)
    devices = pool.get("DeviceConfiguration")
    by_admin = pool.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly", False)
    told = Told(
        posture.settings,
        device_stands_in=None if devices is None else bool(devices.get(_STANDS_IN)),
        recovery=read.recovery,
        addressed=bool(pool.get("UsernameAttributes")),
        relying_party="RelyingPartyId" in mfa.get("WebAuthnConfiguration", {}),
        signs_up="email" in pool.get("AutoVerifiedAttributes", ()) and not by_admin,
    )
    return told, posture.settings


def _given_again(
    made: list[Journey], told: Told, model: Model, left_out: list[LeftOut]
) -> Iterator[Journey]:
    """For each answer that is refused and can be given again, the shortest journey that can have it so."""
    done: set[object] = set()
    why: dict[object, LeftOut] = {}
    for journey in list(made):
        here: Position = AT_START
        for step, move in enumerate(journey.path):
            for again in _loops(model, here, move):
                mark = again.arrow, again.to.role
                path = Path((*journey.path.moves[:step], again, *journey.path.moves[step:]))
                if mark in done:
                    continue
                try:
                    planned = plan(path, told)
                except NoPlan as none:
                    why[mark] = LeftOut(path, none.reason)
                    continue
                done.add(mark)
                yield evolve(journey, path=path, plan=planned)
            here = move.to
    left_out += [each for mark, each in why.items() if mark not in done]


def _loops(model: Model, here: Position, move: Move) -> Iterator[Move]:
    """The steps by which the answer that is to be given is refused first."""
    for each in model.moves(here):
        same = each.arrow.response is move.arrow.response
        if same and each.to == here and each.arrow.kind is not ACKNOWLEDGEMENT:
            yield each
