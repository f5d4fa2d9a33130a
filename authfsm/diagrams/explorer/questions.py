"""The rules of `authfsm.settings` as questions that a page can ask by itself, without being told twice.

Each rule is run on settings that answer one question at a time: where it asks, the answer forks. What
comes of it is a tree of the very questions the rule asks, its leaves the very reasons it gives; equal
trees are one. Which places are cut off, and why, the page works out from there as `authfsm.settings`
does (`reach`); a test holds the two to each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from attrs import field, frozen

from authfsm.diagrams.explorer.switches import NUMBER, SWITCHES, Value
from authfsm.protocol.auth_flows import CURRENT_VALUES, DEFAULT_VALUES, REQUIRED_VALUE
from authfsm.protocol.nodes import TRANSITIONS_IN_ROLES
from authfsm.settings import SignInSettings
from authfsm.settings.reach import TransitionInRoles, confidence_in_pool
from authfsm.settings.rules import CHALLENGE_RULES, Reason, why_forbidden

Answers = Mapping[int, Value]
Rule = Callable[[SignInSettings], Reason]


class _Asks(Exception):
    """A rule asks for a switch that is not answered yet."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _answer(answers: Answers, name: str, member: str | None) -> Value:
    number = NUMBER[name, member]
    if number not in answers:
        raise _Asks(number)
    return answers[number]


@frozen
class _Names:
    """A setting that lists names, of which some are known to be in it or not."""

    name: str
    answers: Answers

    def __contains__(self, member: str | None) -> bool:
        return (self.name, member) in NUMBER and bool(_answer(self.answers, self.name, member))

    def __and__(self, names: frozenset[str]) -> frozenset[str]:
        return frozenset(each for each in names if each in self)


class _AnswerContext:
    """Settings that know some answers, and ask for the others."""

    def __init__(self, answers: Answers) -> None:
        self.__answers = answers

    def allows(self, auth_flow: str) -> bool:
        """As `SignInSettings.allows`: it asks for the flow's value, and for all the others where it may be the default."""
        value = REQUIRED_VALUE[auth_flow]
        if self.__answered(value):
            return True
        return value in DEFAULT_VALUES and not any(
            self.__answered(each) for each in CURRENT_VALUES if each != value
        )

    def __answered(self, value: str) -> bool:
        return bool(_answer(self.__answers, "explicit_auth_flows", value))

    def __getattr__(self, name: str) -> Any:
        if (name, None) in NUMBER:
            return _answer(self.__answers, name, None)
        return _Names(name, self.__answers)


@frozen
class Questions:
    """Trees of questions, each a number: below zero a leaf, else a fork.

    Args:
        forks: each fork: the switch that is asked for, and the tree for each of its values.
        reasons: the leaves' reasons; the first is none at all.
    """

    forks: list[tuple[int, ...]] = field(factory=list)
    reasons: list[str | None] = field(factory=lambda: [None])
    _known: dict[tuple[int, ...], int] = field(factory=dict, init=False)

    def tree(self, rule: Rule, answers: Answers | None = None) -> int:
        """The tree of the questions that a rule asks.

        Args:
            rule: the rule.
            answers: what is answered already.
        """
        known = answers or {}
        try:
            return self._leaf(rule(cast("SignInSettings", _AnswerContext(known))))
        except _Asks as asks:
            number = asks.number
        values = SWITCHES[number].values
        below = [self.tree(rule, {**known, number: value}) for value in values]
        if len(set(below)) == 1:
            return below[0]
        fork = (number, *below)
        if fork not in self._known:
            self._known[fork] = len(self.forks)
            self.forks.append(fork)
        return self._known[fork]

    def _leaf(self, reason: str | None) -> int:
        if reason not in self.reasons:
            self.reasons.append(reason)
        return -1 - self.reasons.index(reason)


ARROWS: Final = TRANSITIONS_IN_ROLES
"""Every arrow of the table in every role, in the order of the page."""


def questions() -> tuple[Questions, list[tuple[int, int]], dict[Any, int], list[int]]:
    """The questions that decide about every arrow and every place.

    Returns:
        The trees; for each arrow its tree with what a Lambda function may name counted as possible, and
        without; for each place that has rules of its own, their tree; for each arrow the tree of how surely
        it is known.
    """
    asked = Questions()
    arrows = [
        (
            asked.tree(_of(each, include_lambda_named=True)),
            asked.tree(_of(each, include_lambda_named=False)),
        )
        for each in ARROWS
    ]
    own = {node: asked.tree(_first(rules)) for node, rules in CHALLENGE_RULES.items()}
    known = [asked.tree(_known(each)) for each in ARROWS]
    return asked, arrows, own, known


def _of(each: TransitionInRoles, *, include_lambda_named: bool) -> Rule:
    return lambda told: why_forbidden(told, *each, include_lambda_named=include_lambda_named)


def _known(each: TransitionInRoles) -> Rule:
    return lambda told: str(confidence_in_pool(told, each[0]))


def _first(rules: tuple[Rule, ...]) -> Rule:
    return lambda told: next((why for rule in rules if (why := rule(told))), None)
