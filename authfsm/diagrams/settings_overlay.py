"""The effect of a pool's settings on a diagram: which nodes and arrows they allow or rule out, and why.

The verdicts are those of `authfsm.settings`. What is possible only because a Lambda function may name any
challenge has an effect of its own, so that a caption can say so once instead of drawing it.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import field, frozen

from authfsm.diagrams.model import AVAILABLE, Availability, SettingsEffect
from authfsm.diagrams.vertices import Arrow
from authfsm.protocol.nodes import NODES, EdgeRoles, Node
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL, row_transitions
from authfsm.settings import PoolSettings
from authfsm.settings.reach import Reachability, reachability

_Reason = str | None


class SettingsOverlay:
    """The effect of settings on the table; without settings, all of it is available."""

    pools: tuple[PoolSettings, ...] = ()

    def arrow(self, _: Arrow) -> Availability:
        """Return the effect on an arrow."""
        return AVAILABLE

    def node(self, _: Node) -> Availability:
        """Return the effect on a node."""
        return AVAILABLE

    def notes(self) -> Iterator[str]:
        """Yield the sentences about the settings for the caption."""
        yield from ()


@frozen
class _PoolVerdicts:
    """The reasons why one pool's settings rule things out; None where they allow them."""

    settings: PoolSettings
    include_lambda_named: bool
    _verdicts: Reachability = field(init=False, eq=False, repr=False)

    @_verdicts.default
    def _find_verdicts(self) -> Reachability:
        return reachability(self.settings, include_lambda_named=self.include_lambda_named)

    def arrow(self, arrow: Arrow) -> _Reason:
        roles = EdgeRoles(arrow.source.role, arrow.dest.role)
        return self._verdicts.arrows[arrow.transition, roles]

    def node(self, node: Node) -> _Reason:
        return self._verdicts.nodes.get(node)

    def first_response(self, response: type[Response]) -> _Reason:
        """Return why no sign-in can begin with a response."""
        reasons = [
            self.settings.ruled_out(each)
            for each in row_transitions(State.START, response, PROTOCOL[State.START][response])
            if each.kind is None and each.dest is not State.FAILED
        ]
        return None if None in reasons else reasons[0]

    def by_name(self) -> dict[str, str]:
        """Return the first responses and the nodes that are ruled out, each with the reason."""
        reasons = {each.trigger: self.first_response(each) for each in PROTOCOL[State.START]}
        reasons |= {node.name: self.node(node) for node in NODES}
        return {name: reason for name, reason in reasons.items() if reason}


def _by_reason(reasons: dict[str, str]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    return names


def _sentences(reasons: dict[str, str]) -> Iterator[str]:
    """Yield a sentence for each reason; reasons that differ only in their last word share one."""
    names = _by_reason(reasons)
    last_words: dict[str, list[str]] = {}
    for reason in names:
        beginning, _, last = reason.rpartition(" ")
        last_words.setdefault(beginning, []).append(last)
    for reason in names:
        beginning, _, last = reason.rpartition(" ")
        if last_words[beginning] == [last]:
            yield f"{reason}: no {', '.join(dict.fromkeys(names[reason]))}."
        elif last_words[beginning][0] == last:
            yield f"{beginning} {', '.join(last_words[beginning])}."


class PoolOverlay(SettingsOverlay):
    """The effect of one pool's settings.

    Args:
        settings: the pool's settings.
        faded: whether to show what they rule out, faded.
        include_lambda_named: whether what a Lambda function may name counts as possible.
    """

    def __init__(self, settings: PoolSettings, *, faded: bool, include_lambda_named: bool) -> None:
        self.pools = (settings,)
        self._faded = faded
        self._with_lambda = _PoolVerdicts(settings, include_lambda_named=True)
        self._drawn = _PoolVerdicts(settings, include_lambda_named)

    def _ruled_out(self, reason: str, with_lambda: _Reason) -> Availability:
        if self._faded:
            return Availability(SettingsEffect.FADED, reason)
        by_lambda = with_lambda is None
        effect = SettingsEffect.LAMBDA_ONLY if by_lambda else SettingsEffect.RULED_OUT
        return Availability(effect, reason)

    def arrow(self, arrow: Arrow) -> Availability:
        """Return the effect on an arrow."""
        reason = self._drawn.arrow(arrow)
        return self._ruled_out(reason, self._with_lambda.arrow(arrow)) if reason else AVAILABLE

    def node(self, node: Node) -> Availability:
        """Return the effect on a node."""
        reason = self._drawn.node(node)
        return self._ruled_out(reason, self._with_lambda.node(node)) if reason else AVAILABLE

    def notes(self) -> Iterator[str]:
        """Yield what the settings rule out, by reason."""
        if self._faded:
            yield "Faded, or struck out: ruled out by the pool's settings."
        yield from _sentences(self._drawn.by_name())


class DifferenceOverlay(SettingsOverlay):
    """The changes from one pool's settings to another's.

    Args:
        before: the first pool's settings.
        after: the second's.
        include_lambda_named: whether what a Lambda function may name counts as possible.
    """

    def __init__(
        self, before: PoolSettings, after: PoolSettings, *, include_lambda_named: bool
    ) -> None:
        self.pools = (before, after)
        self._before = _PoolVerdicts(before, include_lambda_named)
        self._after = _PoolVerdicts(after, include_lambda_named)
        self._with_lambda = [_PoolVerdicts(each, include_lambda_named=True) for each in self.pools]

    @staticmethod
    def _availability(before: _Reason, after: _Reason) -> Availability:
        if before and after:
            return Availability(SettingsEffect.RULED_OUT, after)
        if before:
            return Availability(SettingsEffect.GAINED, before)
        return Availability(SettingsEffect.LOST, after) if after else AVAILABLE

    def arrow(self, arrow: Arrow) -> Availability:
        """Return whether an arrow becomes possible or impossible."""
        found = self._availability(self._before.arrow(arrow), self._after.arrow(arrow))
        if found.effect is SettingsEffect.RULED_OUT and not all(
            each.arrow(arrow) for each in self._with_lambda
        ):
            return Availability(SettingsEffect.LAMBDA_ONLY, found.reason)
        return found

    def node(self, node: Node) -> Availability:
        """Return whether a node becomes reachable or unreachable."""
        return self._availability(self._before.node(node), self._after.node(node))

    def notes(self) -> Iterator[str]:
        """Yield what becomes possible and impossible, by reason, and whether MFA becomes required."""
        before, after = (each.mfa_configuration for each in self.pools)
        if "ON" in {before, after} and before != after:
            yield f"MFA {'becomes' if after == 'ON' else 'ceases to be'} required."
        yield "Thick and +: becomes possible. Dotted and \u2212: becomes impossible."
        old, new = self._before.by_name(), self._after.by_name()
        gained = {name: reason for name, reason in old.items() if name not in new}
        lost = {name: reason for name, reason in new.items() if name not in old}
        for reason, names in _by_reason(gained).items():
            yield f"+ {', '.join(names)}; before, {reason}."
        for reason, names in _by_reason(lost).items():
            yield f"\u2212 {', '.join(names)}: {reason}."


def overlay(
    settings: PoolSettings | None,
    difference: tuple[PoolSettings, PoolSettings] | None,
    *,
    faded: bool,
    include_lambda_named: bool,
) -> SettingsOverlay:
    """Return the overlay of one pool's settings, of the difference between two, or of none."""
    if difference is not None:
        return DifferenceOverlay(*difference, include_lambda_named=include_lambda_named)
    if settings is not None:
        return PoolOverlay(settings, faded=faded, include_lambda_named=include_lambda_named)
    return SettingsOverlay()
