"""The effect of a pool's settings on a diagram: which nodes and arrows they allow or rule out, and why.

`authfsm.settings` decides what the settings allow. If a transition is possible only because a Lambda function may name
any challenge, its effect is LAMBDA_ONLY: it is not drawn, and the caption says so. With `faded`, such a transition is
faded instead. An unfolded diagram draws it like the transitions that the settings allow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from authfsm.diagrams.model import AVAILABLE, Availability, SettingsEffect
from authfsm.diagrams.vertices import Arrow
from authfsm.protocol.nodes import NODES, EdgeRoles, Node
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL, entry_transitions
from authfsm.settings import PoolSettings
from authfsm.settings.reach import Reachability, reachability

_ReasonIn = Callable[[Reachability], str | None]
"""Returns why settings rule out a node or an arrow; None if they allow it."""


class SettingsOverlay:
    """The effect of settings on nodes and arrows. This base class is for no settings: everything is available."""

    pools: tuple[PoolSettings, ...] = ()

    def _effect(self, _: _ReasonIn) -> Availability:
        return AVAILABLE

    def arrow(self, arrow: Arrow) -> Availability:
        """Return the effect of the settings on an arrow, with its reason."""
        roles = EdgeRoles(arrow.source.role, arrow.dest.role)
        return self._effect(lambda found: found.transitions[arrow.transition, roles])

    def node(self, node: Node) -> Availability:
        """Return the effect of the settings on a node, with its reason."""
        return self._effect(lambda found: found.nodes.get(node))

    def notes(self) -> Iterator[str]:
        """Yield the sentences about the settings for the caption."""
        yield from ()


def _first_response_reason(settings: PoolSettings, response: type[Response]) -> str | None:
    """Return why no sign-in can begin with a response; None if one can."""
    reasons = [
        settings.ruled_out(each)
        for each in entry_transitions(State.START, response, PROTOCOL[State.START][response])
        if each.kind is None and each.dest is not State.FAILED
    ]
    return None if None in reasons else reasons[0]


def _reasons_by_name(settings: PoolSettings, found: Reachability) -> dict[str, str]:
    """Return the first responses and the nodes that are ruled out, each with the reason."""
    reasons = {e.trigger: _first_response_reason(settings, e) for e in PROTOCOL[State.START]}
    reasons |= {node.name: found.nodes.get(node) for node in NODES}
    return {name: reason for name, reason in reasons.items() if reason}


def _by_reason(reasons: dict[str, str]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    return names


def _sentences(reasons: dict[str, str]) -> Iterator[str]:
    """Yield a sentence for each reason; reasons that differ only in their last word have one sentence."""
    names, alike = _by_reason(reasons), dict[str, list[str]]()
    for reason in names:
        alike.setdefault(reason.rpartition(" ")[0], []).append(reason)
    for beginning, group in alike.items():
        if len(group) == 1:
            yield f"{group[0]}: no {', '.join(names[group[0]])}."
        else:
            yield f"{beginning} {', '.join(each.rpartition(' ')[2] for each in group)}."


class PoolOverlay(SettingsOverlay):
    """The effect of one pool's settings: nodes and arrows that they rule out are omitted or faded."""

    def __init__(self, settings: PoolSettings, *, faded: bool, include_lambda_named: bool) -> None:
        self.pools = (settings,)
        self._faded = faded
        self._with_lambda = reachability(settings, include_lambda_named=True)
        self._drawn = reachability(settings, include_lambda_named=include_lambda_named)

    def _effect(self, reason_in: _ReasonIn) -> Availability:
        reason = reason_in(self._drawn)
        if reason is None:
            return AVAILABLE
        if self._faded:
            return Availability(SettingsEffect.FADED, reason)
        by_lambda = reason_in(self._with_lambda) is None
        return Availability(SettingsEffect.LAMBDA_ONLY if by_lambda else SettingsEffect.RULED_OUT, reason)

    def notes(self) -> Iterator[str]:
        """Yield what the settings rule out, by reason."""
        if self._faded:
            yield "Dotted, struck out, or with a dashed outline: the pool's settings rule it out."
        yield from _sentences(_reasons_by_name(self.pools[0], self._drawn))


class DifferenceOverlay(SettingsOverlay):
    """The difference between the settings of two pools."""

    def __init__(self, before: PoolSettings, after: PoolSettings, *, include_lambda_named: bool) -> None:
        self.pools = (before, after)
        self._before, self._after = (
            reachability(each, include_lambda_named=include_lambda_named) for each in self.pools
        )
        self._with_lambda = [reachability(each, include_lambda_named=True) for each in self.pools]

    def _effect(self, reason_in: _ReasonIn) -> Availability:
        before, after = reason_in(self._before), reason_in(self._after)
        if before and after:
            by_lambda = not all(map(reason_in, self._with_lambda))
            return Availability(SettingsEffect.LAMBDA_ONLY if by_lambda else SettingsEffect.RULED_OUT, after)
        if before:
            return Availability(SettingsEffect.ADDED, before)
        return Availability(SettingsEffect.REMOVED, after) if after else AVAILABLE

    def notes(self) -> Iterator[str]:
        """Yield whether MFA becomes or ceases to be required, and, by reason, what becomes possible or impossible."""
        before, after = self.pools
        modes = before.mfa_configuration, after.mfa_configuration
        if "ON" in modes and None not in modes and modes[0] != modes[1]:
            yield f"MFA {'becomes' if modes[1] == 'ON' else 'ceases to be'} required."
        old, new = _reasons_by_name(before, self._before), _reasons_by_name(after, self._after)
        for reason, names in _by_reason({n: why for n, why in old.items() if n not in new}).items():
            yield f"+ {', '.join(names)}; before, {reason}."
        for reason, names in _by_reason({n: why for n, why in new.items() if n not in old}).items():
            yield f"\u2212 {', '.join(names)}: {reason}."


def overlay(
    settings: PoolSettings | None,
    difference: tuple[PoolSettings, PoolSettings] | None,
    *,
    faded: bool,
    include_lambda_named: bool,
) -> SettingsOverlay:
    """Return the overlay of one pool's settings, of the difference between two pools, or of no settings."""
    if difference is not None:
        return DifferenceOverlay(*difference, include_lambda_named=include_lambda_named)
    if settings is not None:
        return PoolOverlay(settings, faded=faded, include_lambda_named=include_lambda_named)
    return SettingsOverlay()
