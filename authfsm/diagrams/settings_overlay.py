"""What settings make of a picture: which arrows and places are kept, ruled out, turned on or off, and why.

The verdicts are those of `authfsm.settings`. What is possible only because a Lambda function may name
any challenge has a tone of its own, so that a picture can say so once instead of drawing it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from attrs import field, frozen

from authfsm.diagrams.model import KEPT, Shade, Tone
from authfsm.diagrams.places import Arrow
from authfsm.protocol.nodes import NODES, EdgeRoles, Node
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL, row_transitions
from authfsm.settings import PoolSettings
from authfsm.settings.reach import Reachability, reachability


class SettingsOverlay(Protocol):
    """What settings make of the table."""

    @property
    def pools(self) -> tuple[PoolSettings, ...]:
        """The settings."""

    def arrow(self, arrow: Arrow) -> Shade:
        """How far they leave an arrow."""

    def place(self, place: Node) -> Shade:
        """How far they leave a place."""

    def said(self) -> Iterator[str]:
        """What is to be said under the picture."""


@frozen
class Everything:
    """No settings: everything is kept."""

    pools: tuple[PoolSettings, ...] = ()

    def arrow(self, _: Arrow) -> Shade:
        """It is kept."""
        return KEPT

    def place(self, _: Node) -> Shade:
        """It is kept."""
        return KEPT

    def said(self) -> Iterator[str]:
        """Nothing."""
        yield from ()


@frozen
class ArrowVerdict:
    """What one description says of the table.

    Args:
        told: the description.
        include_lambda_named: count what a Lambda function may name as possible.
    """

    told: PoolSettings
    include_lambda_named: bool
    _found: Reachability = field(init=False, eq=False, repr=False)

    @_found.default
    def _verdicts(self) -> Reachability:
        return reachability(self.told, include_lambda_named=self.include_lambda_named)

    def arrow(self, arrow: Arrow) -> str | None:
        """Why an arrow is ruled out."""
        ends = EdgeRoles(arrow.source.role, arrow.dest.role)
        return self._found.arrows[arrow.transition, ends]

    def place(self, place: Node) -> str | None:
        """Why a place is not reached."""
        return self._found.nodes.get(place)

    def response(self, response: type[Response]) -> str | None:
        """Why nothing can begin so."""
        arrows = row_transitions(State.START, response, PROTOCOL[State.START][response])
        onward = (
            arrow for arrow in arrows if arrow.kind is None and arrow.dest is not State.FAILED
        )
        told = [self.told.ruled_out(each) for each in onward]
        return None if None in told else told[0]

    def reasons(self) -> Iterator[tuple[str, str]]:
        """Each reason with what it takes: responses that begin nothing, places that are not reached."""
        for response in PROTOCOL[State.START]:
            if why := self.response(response):
                yield why, response.trigger
        for place in NODES:
            if why := self.place(place):
                yield why, place.name


def _grouped(reasons: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Each reason with all that it takes; reasons that differ in that alone are one."""
    taken: dict[str, list[str]] = {}
    for why, name in reasons:
        taken.setdefault(why, []).append(name)
    alike: dict[str, list[str]] = {}
    for why in taken:
        head, _, last = why.rpartition(" ")
        alike.setdefault(head, []).append(last)
    for why, names in taken.items():
        head, _, last = why.rpartition(" ")
        if alike[head] == [last]:
            yield f"{why}: no {', '.join(dict.fromkeys(names))}."
        elif alike[head][0] == last:
            yield f"{head} {', '.join(alike[head])}."


@frozen
class OfPool:
    """What one pool makes of the table.

    Args:
        told: its settings.
        faded: show what they rule out, too.
        include_lambda_named: count what a Lambda function may name as possible.
    """

    told: PoolSettings
    faded: bool
    include_lambda_named: bool
    _full: ArrowVerdict = field(init=False, eq=False, repr=False)
    _seen: ArrowVerdict = field(init=False, eq=False, repr=False)

    @_full.default
    def _in_full(self) -> ArrowVerdict:
        return ArrowVerdict(self.told, include_lambda_named=True)

    @_seen.default
    def _as_seen(self) -> ArrowVerdict:
        return ArrowVerdict(self.told, self.include_lambda_named)

    @property
    def pools(self) -> tuple[PoolSettings, ...]:
        """The pool's."""
        return (self.told,)

    def _shade(self, plain: str | None, full: str | None) -> Shade:
        if plain is None:
            return KEPT
        if self.faded:
            return Shade(Tone.FADED, plain)
        return Shade(Tone.NAMED if full is None else Tone.GONE, plain)

    def arrow(self, arrow: Arrow) -> Shade:
        """How far the pool leaves it."""
        return self._shade(self._seen.arrow(arrow), self._full.arrow(arrow))

    def place(self, place: Node) -> Shade:
        """How far the pool leaves it."""
        return self._shade(self._seen.place(place), self._full.place(place))

    def said(self) -> Iterator[str]:
        """What the settings take, reason by reason."""
        if self.faded:
            yield "Faded, or struck out: ruled out by the pool's settings."
        yield from _grouped(self._seen.reasons())


@frozen
class OfDifference:
    """What changes from one pool's settings to another's.

    Args:
        before: the first.
        after: the second.
        include_lambda_named: count what a Lambda function may name as possible.
    """

    before: PoolSettings
    after: PoolSettings
    include_lambda_named: bool
    _old: ArrowVerdict = field(init=False, eq=False, repr=False)
    _new: ArrowVerdict = field(init=False, eq=False, repr=False)

    @_old.default
    def _first(self) -> ArrowVerdict:
        return ArrowVerdict(self.before, self.include_lambda_named)

    @_new.default
    def _second(self) -> ArrowVerdict:
        return ArrowVerdict(self.after, self.include_lambda_named)

    @property
    def pools(self) -> tuple[PoolSettings, ...]:
        """Both."""
        return (self.before, self.after)

    def _shade(self, before: str | None, after: str | None) -> Shade:
        if before and after:
            return Shade(Tone.GONE, after)
        if before:
            return Shade(Tone.GAINED, before)
        return Shade(Tone.LOST, after) if after else KEPT

    def arrow(self, arrow: Arrow) -> Shade:
        """Whether it turns on or off."""
        shade = self._shade(self._old.arrow(arrow), self._new.arrow(arrow))
        either = (self.before, self.after)
        if shade.tone is Tone.GONE and not all(
            ArrowVerdict(each, include_lambda_named=True).arrow(arrow) for each in either
        ):
            return Shade(Tone.NAMED, shade.why)
        return shade

    def place(self, place: Node) -> Shade:
        """Whether it turns on or off."""
        return self._shade(self._old.place(place), self._new.place(place))

    def said(self) -> Iterator[str]:
        """What turns on and off, reason by reason, and when MFA becomes required."""
        modes = self.before.mfa_configuration, self.after.mfa_configuration
        if "ON" in modes and modes[0] != modes[1]:
            yield f"MFA {'becomes' if modes[1] == 'ON' else 'ceases to be'} required."
        yield "Thick and +: turns on. Dotted and \u2212: turns off."
        old = dict(_turned(self._old))
        new = dict(_turned(self._new))
        for why, names in _by_reason(old, new).items():
            yield f"+ {', '.join(names)}; before, {why}."
        for why, names in _by_reason(new, old).items():
            yield f"\u2212 {', '.join(names)}: {why}."


def _turned(verdict: ArrowVerdict) -> Iterator[tuple[str, str]]:
    for why, name in verdict.reasons():
        yield name, why


def _by_reason(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, list[str]]:
    """What one has and the other has not, by its reason."""
    found: dict[str, list[str]] = {}
    for name, why in one.items():
        if name not in other:
            found.setdefault(why, []).append(name)
    return found


def view(
    settings: PoolSettings | None,
    difference: tuple[PoolSettings, PoolSettings] | None,
    *,
    faded: bool,
    include_lambda_named: bool,
) -> SettingsOverlay:
    """What is to be made of the table.

    Args:
        settings: one pool's settings.
        difference: two pools' settings, before and after.
        faded: show what one pool's settings rule out, too.
        include_lambda_named: count what a Lambda function may name as possible.
    """
    if difference is not None:
        return OfDifference(*difference, include_lambda_named=include_lambda_named)
    return Everything() if settings is None else OfPool(settings, faded, include_lambda_named)
