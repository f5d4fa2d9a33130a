"""Journeys: the paths to sign in to a pool, each ready for a test on a local pool.

For every path of `authfsm.checks.SignInPaths` there is a journey, or the reason why the pool cannot follow it. In
addition, for each answer that may be repeated, there is a journey in which it is wrong or refused at first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, cast, overload

from attrs import evolve, field, frozen

from authfsm.checks import Model, Move, Path, Position, SignInPaths
from authfsm.checks.model import AT_START
from authfsm.checks.sign_in_paths import why_no_path
from authfsm.journeys import plan as p
from authfsm.journeys.planning import ImpossiblePath, PoolFacts, plan_for
from authfsm.journeys.stage import Stage, drive, is_wrong
from authfsm.local import CURRENT_FLOW_VALUES
from authfsm.protocol.errors import CallerError, ExplainedError
from authfsm.protocol.states import State
from authfsm.protocol.table import ACKNOWLEDGEMENT, DEVICE_DROPPED, Role, Transition
from authfsm.settings import PoolSettings
from authfsm.settings.descriptions import Descriptions

if TYPE_CHECKING:
    from authfsm.drivers.boto import Flow

MAX_PATHS: Final = 10_000
"""The largest number of paths for which `journeys` makes one journey each."""


class TooManyPaths(CallerError, ValueError):
    """A pool has too many paths (`count`) to make a journey of each."""

    def __init__(self, count: int) -> None:
        super().__init__(
            f"there are {count} paths to sign in, and journeys() takes at most {MAX_PATHS}:"
            " describe the pool's settings, or use cover='transitions'"
        )
        self.count = count


class NoPaths(ExplainedError, CallerError, ValueError):
    """The settings allow no path to sign in (`why`), so there is nothing to test."""

    _sentence = "{}"


@frozen
class Journey:
    """A `path` to sign in, ready for a test. Its `str` is its id, for pytest.

    `plan` is what the path requires; `settings` are the pool's settings, and `descriptions` its descriptions, if any.
    """

    path: Path
    plan: p.Plan = field(repr=False)
    settings: PoolSettings = field(repr=False)
    descriptions: Mapping[str, Any] | None = field(default=None, repr=False)

    @cached_property
    def id(self) -> str:
        """The responses and the states to which they lead, step by step."""
        steps = []
        for step, move in enumerate(self.path):
            name = move.transition.response.trigger
            if self.refused(step):
                name += "(refused)"
            elif self.stale(step):
                name += "(stale device)"
            elif move.to.state is not State.AUTHENTICATED:
                name += f"-{move.to.state}{'(mfa)' if move.to.role is Role.SECOND_FACTOR else ''}"
            steps.append(name)
        return "-".join(steps)

    def __str__(self) -> str:
        return self.id

    def refused(self, step: int) -> bool:
        """Return whether the answer of a step, counted from 0, is wrong on purpose."""
        return is_wrong(self.path.moves[step])

    def stale(self, step: int) -> bool:
        """Return whether the pool refuses a step, counted from 0, because it has forgotten the device."""
        return self.path.moves[step].transition.kind is DEVICE_DROPPED

    def begin(self, **pool: Any) -> Stage:
        """Create the local pool and its user.

        Args:
            pool: arguments of `LocalPool` that replace those of the journey. For example, with the same `key` the
                pools of several journeys share one signing key.
        """
        clock, functions = p.ShiftedClock(), p.ScriptedTriggers(self.plan.script)
        arguments = {
            "clock": clock,
            "triggers": functions.triggers,
            "contradictions": p.contradictions(self.plan),
            "accept": "contradictory-settings",  # unknown settings count as on, and may contradict known ones
            **pool,
        }
        if self.descriptions is None:
            observed = p.ObservedPool(**{**p.pool_arguments(self.settings, self.plan), **arguments})
        else:
            if Descriptions.parse(self.descriptions).user_pool_client is None:
                # The app client is not described, so it allows every flow.
                arguments = {"explicit_auth_flows": CURRENT_FLOW_VALUES, **arguments}
            observed = cast("p.ObservedPool", p.ObservedPool.like(self.descriptions, **arguments))
        return Stage(self.id, self.path, self.plan, pool=observed, functions=functions, clock=clock)

    def run(self, **pool: Any) -> Flow:
        """Follow the path with this package's own driver, and return the sign-in, with its tokens.

        The arguments are those of `begin`. Raises UnexpectedPath if the sign-in did not follow the path.
        """
        return drive(self.begin(**pool))


@frozen
class OmittedPath:
    """A `path` that the pool cannot follow, and the `reason`."""

    path: Path
    reason: str


@frozen
class Journeys(Sequence[Journey]):
    """Journeys (`every`: the shortest first, then those that repeat an answer), and `omitted` paths with reasons."""

    every: tuple[Journey, ...]
    omitted: tuple[OmittedPath, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.every)

    @overload
    def __getitem__(self, index: int) -> Journey: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Journey]: ...
    def __getitem__(self, index: int | slice) -> Journey | Sequence[Journey]:
        return self.every[index]

    @property
    def transitions(self) -> frozenset[Transition]:
        """Every transition that at least one journey takes."""
        return frozenset(each for journey in self.every for each in journey.path.transitions)


def journeys(
    settings: PoolSettings | Mapping[str, Any],
    *,
    cover: Literal["paths", "transitions"] = "paths",
    contradictory: bool = False,
) -> Journeys:
    """Return every sequence of challenges that Cognito may issue to an app's users, ready for tests.

    Args:
        settings: the pool's settings, or its descriptions as `{"UserPool": ..., "UserPoolClient": ...,
            "MfaConfig": ...}`. From descriptions, the local pool copies all settings that it supports.
        cover: "paths" makes a journey of each path; "transitions" only of paths with a transition not yet covered.
        contradictory: include transitions about which the sources contradict each other.

    Raises:
        NoPaths: the settings allow no path to sign in.
        TooManyPaths: there are too many paths to make a journey of each.
        ValueError: `cover` is unknown, or (as BadField) a description has a value that AWS does not return.
    """
    if cover not in {"paths", "transitions"}:
        raise ValueError(f"cover must be 'paths' or 'transitions', not {cover!r}")
    descriptions = None if isinstance(settings, PoolSettings) else settings
    pool = _facts(settings)
    if why := why_no_path(pool.settings):
        raise NoPaths(why)
    paths = SignInPaths(pool.settings, contradictory=contradictory)
    if cover == "paths" and paths.count() > MAX_PATHS:
        raise TooManyPaths(paths.count())
    every: list[Journey] = []
    omitted: list[OmittedPath] = []
    covered: set[object] = set()
    for path in paths:
        if cover == "transitions" and _transitions_in_roles(path) <= covered:
            continue
        try:
            every.append(Journey(path, plan_for(path, pool), pool.settings, descriptions))
            covered |= _transitions_in_roles(path)
        except ImpossiblePath as error:
            omitted.append(OmittedPath(path, str(error)))
    model = Model(settings=pool.settings, contradictory=contradictory, include_lambda_named=False)
    every += _with_refused_answers(every, pool, model, omitted)
    if cover == "transitions":
        # Of the omitted paths, keep those with a transition that is in no journey and in no earlier omitted path.
        covered = {each for journey in every for each in _transitions_in_roles(journey.path)}
        found, omitted = omitted, []
        for each in found:
            if not _transitions_in_roles(each.path) <= covered:
                covered |= _transitions_in_roles(each.path)
                omitted.append(each)
    return Journeys(tuple(every), tuple(omitted))


def _transitions_in_roles(path: Path) -> set[object]:
    return {(move.transition, move.to.role) for move in path}


def _facts(settings: PoolSettings | Mapping[str, Any]) -> PoolFacts:
    if isinstance(settings, PoolSettings):
        return PoolFacts(settings)
    parsed = Descriptions.parse(settings)
    pool, mfa = parsed.user_pool, parsed.mfa_config or {}
    devices = pool.get("DeviceConfiguration")
    required = None if devices is None else bool(devices.get("ChallengeRequiredOnNewDevice"))
    admin_only = pool.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly", False)
    has_email = "email" in ((parsed.user_pool_client or {}).get("WriteAttributes") or ["email"])
    return PoolFacts(
        PoolSettings.from_parsed(parsed),
        challenge_required_on_new_device=required,
        recovery=parsed.recovery,
        email_as_username=pool.get("UsernameAttributes") == ["email"],
        relying_party="RelyingPartyId" in mfa.get("WebAuthnConfiguration", {}),
        sign_up_by_email="email" in pool.get("AutoVerifiedAttributes", ()) and has_email and not admin_only,
    )


def _with_refused_answers(
    every: list[Journey], pool: PoolFacts, model: Model, omitted: list[OmittedPath]
) -> list[Journey]:
    """Return, for each answer that may be repeated, the shortest journey in which it is wrong or refused at first."""
    found: dict[object, Journey] = {}
    impossible: dict[object, OmittedPath] = {}
    for journey in every:
        position: Position = AT_START
        moves = journey.path.moves
        for step, move in enumerate(moves):
            for refused in _refusals(model, position, move):
                key = refused.transition, refused.to.role
                if key in found:
                    continue
                path = Path((*moves[:step], refused, *moves[step:]))
                try:
                    found[key] = evolve(journey, path=path, plan=plan_for(path, pool))
                except ImpossiblePath as error:
                    impossible[key] = OmittedPath(path, str(error))
            position = move.to
    omitted += [each for key, each in impossible.items() if key not in found]
    return list(found.values())


def _refusals(model: Model, position: Position, move: Move) -> Iterator[Move]:
    """Yield the moves that stay at the position because Cognito refuses the response of `move`."""
    for each in model.moves(position):
        same_response = each.transition.response is move.transition.response
        if same_response and each.to == position and each.transition.kind is not ACKNOWLEDGEMENT:
            yield each
