"""The switches of the page, and the rules of `authfsm.settings` as trees of questions about them.

Each switch is a setting of a pool, or one name in a setting that lists names, so that each position of the
switches is a `PoolSettings`. Each rule runs on settings that answer one question at a time: where it reads a
setting, the tree forks. The leaves are the reasons it gives. Equal trees are one. Which nodes are cut off,
and why, the page works out as `authfsm.settings.reach` does; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, cast

from attrs import field, frozen

from authfsm.diagrams.gallery import EXAMPLE_POOLS
from authfsm.protocol.auth_flows import (
    ALLOWED_FIRST_AUTH_FACTORS,
    CURRENT_VALUES,
    DEFAULT_VALUES,
    REQUIRED_VALUE,
    current_values,
)
from authfsm.protocol.nodes import TRANSITIONS_IN_ROLES, Node
from authfsm.settings import PoolSettings, SignInSettings
from authfsm.settings.reach import TransitionInRoles, confidence_in_pool
from authfsm.settings.rules import CHALLENGE_RULES, MULTI_FACTOR_PASSKEY, Reason, why_forbidden

SwitchValue = str | bool
SwitchValues = Mapping[str, SwitchValue]


@frozen
class Switch:
    """A switch of the page: a field of `PoolSettings`, or a `member` of one that lists names.

    The first of its values rules nothing out.
    """

    field: str
    member: str | None
    values: tuple[SwitchValue, ...]
    label: str
    group: str
    help: str = ""

    @property
    def key(self) -> str:
        """A name that no other switch has."""
        return f"{self.field}:{self.member}" if self.member else self.field


_MFA, _FACTORS, _FLOWS, _POOL, _TRIGGERS = (
    "Multi-factor authentication",
    "AllowedFirstAuthFactors",
    "ExplicitAuthFlows",
    "User pool",
    "Triggers (LambdaConfig), devices",
)
_FACTOR_HELP: Final = {
    "PASSWORD": "in plain text, or by SRP",
    "EMAIL_OTP": "a code by e-mail",
    "SMS_OTP": "a code by SMS",
    "WEB_AUTHN": "a passkey",
}


def _on_off(name: str, label: str, group: str, about: str = "") -> Switch:
    return Switch(name, None, (True, False), label, group, about)


def _listed(name: str, member: str, group: str, about: str = "") -> Switch:
    return Switch(name, member, (True, False), member, group, about)


def _choice(name: str, label: str, group: str, *values: str) -> Switch:
    return Switch(name, None, values, label, group)


SWITCHES: Final = (
    _choice("mfa_configuration", "MfaConfiguration", _MFA, "OPTIONAL", "ON", "OFF"),
    _on_off("sms_mfa", "SmsMfaConfiguration", _MFA, "a code by SMS"),
    _on_off("software_token_mfa", "SoftwareTokenMfaConfiguration", _MFA, "an authenticator app"),
    _on_off("email_mfa", "EmailMfaConfiguration", _MFA, "a code by e-mail"),
    *(
        _listed("allowed_first_auth_factors", name, _FACTORS, _FACTOR_HELP[name])
        for name in ALLOWED_FIRST_AUTH_FACTORS
    ),
    _choice("web_authn_factor", "FactorConfiguration", _FACTORS, MULTI_FACTOR_PASSKEY, "SINGLE_FACTOR"),
    *(_listed("explicit_auth_flows", name, _FLOWS) for name in CURRENT_VALUES),
    _choice("user_pool_tier", "UserPoolTier", _POOL, "PLUS", "ESSENTIALS", "LITE"),
    _on_off("device_configuration", "DeviceConfiguration", _TRIGGERS, "remembered devices"),
    _listed("lambda_config", "DefineAuthChallenge", _TRIGGERS, "controls CUSTOM_AUTH"),
    _listed("lambda_config", "CustomEmailSender", _TRIGGERS, "sends e-mail"),
    _choice("email_sending_account", "EmailSendingAccount", _POOL, "DEVELOPER", "COGNITO_DEFAULT"),
    _choice("advanced_security_mode", "AdvancedSecurityMode", _POOL, "ENFORCED", "AUDIT", "OFF"),
    _on_off("enable_token_revocation", "EnableTokenRevocation", _TRIGGERS),
    _choice("refresh_token_rotation", "RefreshTokenRotation", _POOL, "DISABLED", "ENABLED"),
)
"""Every switch, in the order of the page; each setting that takes part in a sign-in has one."""

_NUMBERS: Final = {(each.field, each.member): number for number, each in enumerate(SWITCHES)}


def settings_of(values: SwitchValues) -> PoolSettings:
    """Return the settings at a position of the switches, by their keys; a missing one rules nothing out."""
    fields: dict[str, Any] = {}
    for switch in SWITCHES:
        value = values.get(switch.key, switch.values[0])
        if switch.member is None:
            fields[switch.field] = value
        else:
            fields.setdefault(switch.field, set()).update({switch.member} if value else ())
    return PoolSettings(**fields)


def values_of(settings: PoolSettings) -> dict[str, SwitchValue]:
    """Return the position of the switches for settings, by their keys; what is unknown rules nothing out."""
    return {each.key: _value(each, settings) for each in SWITCHES}


def _value(switch: Switch, settings: PoolSettings) -> SwitchValue:
    value = getattr(settings, switch.field)
    if value is None:
        is_off = switch.field == "advanced_security_mode" and settings.user_pool_tier
        return "OFF" if is_off else switch.values[0]
    if switch.field == "explicit_auth_flows":
        return switch.member in current_values(value)
    if switch.member is not None:
        return switch.member in value
    return value if value in switch.values else switch.values[0]


EXAMPLES: Final[Mapping[str, SwitchValues]] = {
    "everything": {},
    **{name: values_of(settings) for name, (settings, _) in EXAMPLE_POOLS.items()},
}
"""Positions of the switches for typical pools, by name."""


# ---- the trees --------------------------------------------------------------------------------

_Answers = Mapping[int, SwitchValue]
_Rule = Callable[[SignInSettings], Reason]


class _UnansweredQuestion(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _answer(answers: _Answers, name: str, member: str | None) -> SwitchValue:
    number = _NUMBERS[name, member]
    if number not in answers:
        raise _UnansweredQuestion(number)
    return answers[number]


@frozen
class _ListedNames:
    """A setting that lists names, each of them a switch."""

    name: str
    answers: _Answers

    def __contains__(self, member: str | None) -> bool:
        return (self.name, member) in _NUMBERS and bool(_answer(self.answers, self.name, member))

    def __and__(self, names: frozenset[str]) -> frozenset[str]:
        return frozenset(each for each in names if each in self)


class _PartialSettings:
    """Settings of which only some switches are decided; it reads like a `SignInSettings`."""

    def __init__(self, answers: _Answers) -> None:
        self.__answers = answers

    def allows(self, auth_flow: str) -> bool:
        """As `SignInSettings.allows`: read the flow's value, and all others where it may be the default."""
        value = REQUIRED_VALUE[auth_flow]
        if self.__is_listed(value):
            return True
        return value in DEFAULT_VALUES and not any(
            self.__is_listed(each) for each in CURRENT_VALUES if each != value
        )

    def __is_listed(self, value: str) -> bool:
        return bool(_answer(self.__answers, "explicit_auth_flows", value))

    def __getattr__(self, name: str) -> Any:
        if (name, None) in _NUMBERS:
            return _answer(self.__answers, name, None)
        return _ListedNames(name, self.__answers)


@frozen
class QuestionTrees:
    """Trees of questions, each a number: negative for a leaf, else the number of a fork.

    Args:
        forks: each fork: the number of the switch, and the tree for each of its values.
        reasons: the reasons of the leaves -1, -2, ...; the first is None.
    """

    forks: list[tuple[int, ...]] = field(factory=list)
    reasons: list[str | None] = field(factory=lambda: [None])
    _known: dict[tuple[int, ...], int] = field(factory=dict, init=False)

    def add(self, rule: _Rule, answers: _Answers | None = None) -> int:
        """Return the number of the tree of the questions that a rule asks after some answers."""
        known = answers or {}
        try:
            reason = rule(cast("SignInSettings", _PartialSettings(known)))
        except _UnansweredQuestion as question:
            number = question.number
        else:
            if reason not in self.reasons:
                self.reasons.append(reason)
            return -1 - self.reasons.index(reason)
        branches = [self.add(rule, {**known, number: v}) for v in SWITCHES[number].values]
        if len(set(branches)) == 1:
            return branches[0]
        fork = (number, *branches)
        if fork not in self._known:
            self._known[fork] = len(self.forks)
            self.forks.append(fork)
        return self._known[fork]


@frozen
class ArrowTrees:
    """The trees of an arrow: why it is ruled out, with and without what a Lambda may name, and its confidence."""

    with_lambda: int
    without_lambda: int
    confidence: int


def build_trees() -> tuple[QuestionTrees, tuple[ArrowTrees, ...], dict[Node, int]]:
    """Return all trees; those of each arrow in `TRANSITIONS_IN_ROLES`; and those of the nodes that have rules of their own."""
    trees = QuestionTrees()
    arrows = tuple(
        ArrowTrees(
            trees.add(partial(_ruled_out, arrow, include_lambda_named=True)),
            trees.add(partial(_ruled_out, arrow, include_lambda_named=False)),
            trees.add(partial(_confidence, arrow)),
        )
        for arrow in TRANSITIONS_IN_ROLES
    )
    nodes = {node: trees.add(partial(_first_reason, rules)) for node, rules in CHALLENGE_RULES.items()}
    return trees, arrows, nodes


def _ruled_out(arrow: TransitionInRoles, settings: SignInSettings, *, include_lambda_named: bool) -> Reason:
    return why_forbidden(settings, *arrow, include_lambda_named=include_lambda_named)


def _confidence(arrow: TransitionInRoles, settings: SignInSettings) -> str:
    return str(confidence_in_pool(settings, arrow[0]))


def _first_reason(rules: Iterable[_Rule], settings: SignInSettings) -> Reason:
    return next((reason for rule in rules if (reason := rule(settings))), None)
