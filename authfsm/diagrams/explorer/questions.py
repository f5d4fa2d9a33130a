"""The switches of the page, and the rules of `authfsm.settings` as trees of questions about them.

Each switch is a setting of a pool, or one name in a setting that lists names, so that each position of the
switches is a `PoolSettings`. Each rule runs on settings that answer one question at a time: where it reads a
setting, the tree forks. The leaves are the reasons it gives. The search of `authfsm.settings.reach` runs on such
trees too, so that the page only answers questions; a test compares its answers with the search on settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial, reduce
from operator import and_
from typing import Any, Final, cast

from attrs import asdict, frozen

from authfsm.diagrams.example_pools import EXAMPLE_POOLS
from authfsm.diagrams.vertices import ORDER
from authfsm.protocol.auth_flows import (
    ALLOWED_FIRST_AUTH_FACTORS,
    CURRENT_VALUES,
    current_values,
    is_flow_allowed,
)
from authfsm.protocol.nodes import NODES, TRANSITIONS_IN_ROLES, Node
from authfsm.protocol.table import Transition
from authfsm.settings import PoolSettings, SignInSettings
from authfsm.settings.reach import (
    TransitionInRoles,
    confidence_in_pool,
    reached,
    required_nodes,
    why_unreachable,
)
from authfsm.settings.rules import MULTI_FACTOR_PASSKEY, Reason, UnlessLambda, lambda_may_choose, rules_of

SwitchValue = str | bool
SwitchValues = Mapping[str, SwitchValue]


@frozen
class Switch:
    """A switch of the page: a field of `PoolSettings`, or a `member` of one that lists names.

    The first of its values rules nothing out.
    """

    field: str
    values: tuple[SwitchValue, ...]
    path: str  #: Where the descriptions of `authfsm.settings` have it.
    group: str
    help: str = ""
    member: str | None = None
    on: Any = None  #: What the descriptions have there if it is set; None where they have the value itself.

    @property
    def key(self) -> str:
        """A name that no other switch has."""
        return f"{self.field}:{self.member}" if self.member else self.field

    @property
    def label(self) -> str:
        """The setting's name in AWS's description."""
        return self.member or self.path.removesuffix(".Enabled").removesuffix(".Feature").rpartition(".")[2]

    def as_dict(self) -> dict[str, Any]:
        """Return the switch for the page."""
        path = self.path.split(".")
        listed = None if path[-1] == self.member else self.member
        return {**asdict(self), "key": self.key, "label": self.label, "path": path, "listed": listed}


_MFA, _FACTORS, _FLOWS = "Multi-factor authentication", "AllowedFirstAuthFactors", "ExplicitAuthFlows"
_POOL, _TRIGGERS = "User pool", "Triggers (LambdaConfig), devices"
_ON_OFF: Final = (True, False)
_FACTOR_HELP: Final = {
    "PASSWORD": "in plain text, or by SRP", "EMAIL_OTP": "a code by e-mail",
    "SMS_OTP": "a code by SMS", "WEB_AUTHN": "a passkey",
}  # fmt: skip
_FACTORS_PATH: Final = "UserPool.Policies.SignInPolicy.AllowedFirstAuthFactors"
_PASSKEY_PATH: Final = "MfaConfig.WebAuthnConfiguration.FactorConfiguration"
_ARN: Final = "arn:aws:lambda:us-east-1:123456789012:function:example"
_TRIGGERS_HELP: Final = {
    "DefineAuthChallenge": ("CUSTOM_AUTH", _ARN), "CustomEmailSender": ("sends e-mail", {"LambdaArn": _ARN}),
}  # fmt: skip

# fmt: off
SWITCHES: Final = (
    Switch("mfa_configuration", ("OPTIONAL", "ON", "OFF"), "UserPool.MfaConfiguration", _MFA),
    Switch("sms_mfa", _ON_OFF, "MfaConfig.SmsMfaConfiguration", _MFA, "SMS", on={}),
    Switch("software_token_mfa", _ON_OFF, "MfaConfig.SoftwareTokenMfaConfiguration.Enabled", _MFA, "TOTP"),
    Switch("email_mfa", _ON_OFF, "MfaConfig.EmailMfaConfiguration", _MFA, "e-mail", on={}),
    *(Switch("allowed_first_auth_factors", _ON_OFF, _FACTORS_PATH, _FACTORS, _FACTOR_HELP[name], name)
      for name in ALLOWED_FIRST_AUTH_FACTORS),
    Switch("web_authn_factor", (MULTI_FACTOR_PASSKEY, "SINGLE_FACTOR"), _PASSKEY_PATH, _FACTORS),
    *(Switch("explicit_auth_flows", _ON_OFF, "UserPoolClient.ExplicitAuthFlows", _FLOWS, "", name)
      for name in CURRENT_VALUES),
    Switch("user_pool_tier", ("PLUS", "ESSENTIALS", "LITE"), "UserPool.UserPoolTier", _POOL),
    Switch("device_configuration", _ON_OFF, "UserPool.DeviceConfiguration", _TRIGGERS, "devices", on={}),
    *(Switch("lambda_config", _ON_OFF, f"UserPool.LambdaConfig.{name}", _TRIGGERS, about, name, on)
      for name, (about, on) in _TRIGGERS_HELP.items()),
    Switch("email_sending_account", ("DEVELOPER", "COGNITO_DEFAULT"),
           "UserPool.EmailConfiguration.EmailSendingAccount", _POOL),
    Switch("advanced_security_mode", ("ENFORCED", "AUDIT", "OFF"),
           "UserPool.UserPoolAddOns.AdvancedSecurityMode", _POOL),
    Switch("enable_token_revocation", _ON_OFF, "UserPoolClient.EnableTokenRevocation", _TRIGGERS),
    Switch("refresh_token_rotation", ("DISABLED", "ENABLED"),
           "UserPoolClient.RefreshTokenRotation.Feature", _POOL),
)
# fmt: on
"""Every switch, in the order of the page; each setting that takes part in a sign-in has one."""


_SWITCHES_OF: Final = {each.field: [e for e in SWITCHES if e.field == each.field] for each in SWITCHES}


def _field(name: str, values: SwitchValues) -> Any:
    """Return a field of the settings at a position of the switches, by their keys."""
    known = {each.member: values.get(each.key, each.values[0]) for each in _SWITCHES_OF[name]}
    return known[None] if None in known else frozenset(member for member, is_on in known.items() if is_on)


def settings_of(values: SwitchValues) -> PoolSettings:
    """Return the settings at a position of the switches, by their keys; a missing one rules nothing out."""
    return PoolSettings(**{name: _field(name, values) for name in _SWITCHES_OF})


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

_Rule = Callable[[SignInSettings], Reason]


class _UnansweredQuestion(Exception):
    def __init__(self, switch: int) -> None:
        super().__init__(switch)
        self.switch = switch


_Answers = Mapping[int, int]
"""The positions of the switches that are decided, by the numbers of the switches."""


@frozen(eq=False)
class Tree:
    """A tree of questions about the switches, in their order, and only where the answer makes a difference.

    Equal trees are one object. `&` gives the first reason of two, `|` a reason only where both do.
    """

    reason: Reason  #: Of a leaf: why something is ruled out; None if it is possible.
    switch: int = -1  #: The number of the switch; -1 for a leaf.
    branches: tuple[Tree, ...] = ()  #: What follows each of its values.

    def __and__(self, other: Tree) -> Tree:
        return _combined(self, other, needs_both=True)

    def __or__(self, other: Tree) -> Tree:
        return _combined(self, other, needs_both=False)

    def branch(self, switch: int, value: int) -> Tree:
        """Return what follows a value of a switch that is asked first, or not at all."""
        return self.branches[value] if self.switch == switch else self

    def after(self, answers: _Answers) -> Tree:
        """Return what is left after the questions that are answered."""
        if self.switch in answers:
            return self.branches[answers[self.switch]].after(answers)
        return _ask(self.switch, [e.after(answers) for e in self.branches]) if self.branches else self

    def reason_after(self, answers: _Answers) -> Reason:
        """Return the reason after some answers; raises _UnansweredQuestion if it depends on another switch."""
        left = self.after(answers)
        if left.branches:
            raise _UnansweredQuestion(left.switch)
        return left.reason


_tree: Final = cache(Tree)


def _ask(switch: int, branches: Iterable[Tree]) -> Tree:
    """Return the tree that asks about a switch first, or later if its branches ask earlier ones."""
    found = [*branches]
    first = min([switch, *(each.switch for each in found if each.branches)])
    if first < switch:
        values = range(len(SWITCHES[first].values))
        return _ask(first, [_ask(switch, [e.branch(first, value) for e in found]) for value in values])
    found = [each.branch(switch, value) for value, each in enumerate(found)]
    return found[0] if len(set(found)) == 1 else _tree(None, switch, tuple(found))


@cache
def _combined(one: Tree, other: Tree, *, needs_both: bool) -> Tree:
    if not one.branches and not other.branches:
        return one if (one if needs_both else other).reason else other
    first = min(each.switch for each in (one, other) if each.branches)
    pairs = ((one.branch(first, n), other.branch(first, n)) for n in range(len(SWITCHES[first].values)))
    return _ask(first, [_combined(*pair, needs_both=needs_both) for pair in pairs])


class _RecordedSettings:
    """The settings at a position of the switches, and the fields that a rule reads."""

    def __init__(self, values: SwitchValues) -> None:
        self.__values = values
        self.read = set[str]()  # the names of fields

    def allows(self, auth_flow: str) -> bool:
        """See `SignInSettings.allows`."""
        return is_flow_allowed(self.explicit_auth_flows, auth_flow)

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return _field(name, self.__values)


@cache
def _tree_of(rule: _Rule) -> Tree:
    """Return the tree of a rule: it asks about the fields that the rule reads."""
    if isinstance(rule, UnlessLambda):
        return _tree_of(rule.rule) | _tree_of(lambda_may_choose)

    def build(values: SwitchValues) -> Tree:
        settings = _RecordedSettings(values)
        reason = rule(cast("SignInSettings", settings))
        for number, each in enumerate(SWITCHES):
            if each.field in settings.read and each.key not in values:
                return _ask(number, [build({**values, each.key: value}) for value in each.values])
        return _tree(reason)

    return build({})


def _tree_of_answers(reason: Callable[[_Answers], Reason], answers: _Answers) -> Tree:
    """Return the tree of the questions that are asked after some answers."""
    try:
        return _tree(reason(answers))
    except _UnansweredQuestion as question:
        switch = question.switch
    values = range(len(SWITCHES[switch].values))
    return _ask(switch, [_tree_of_answers(reason, {**answers, switch: n}) for n in values])


_ALWAYS: Final = _tree(None)


def _reached(*, include_lambda_named: bool) -> tuple[dict[TransitionInRoles, Tree], dict[Node, Tree]]:
    """Return why each transition is forbidden, and whether each node is reached."""
    why = {
        each: reduce(and_, map(_tree_of, rules_of(*each, include_lambda_named=include_lambda_named)), _ALWAYS)
        for each in TRANSITIONS_IN_ROLES
    }
    return why, reached(why, _tree("unreachable"), _ALWAYS)


def verdicts() -> Mapping[str, Any]:
    """Return what `authfsm.settings.reach` says about each node and arrow, as trees for the page.

    A tree is a number: negative for a leaf, whose reason is `reasons[-1 - number]`; otherwise that of a fork, which
    has the number of a switch and a tree for each of its values.
    """
    why, reachable = _reached(include_lambda_named=False)
    _, nameable = _reached(include_lambda_named=True)

    def why_not(node: Node, answers: _Answers) -> Reason:
        def ask(tree: Tree) -> Reason:
            return tree.reason_after(answers)

        if ask(reachable[node]) is None:
            return None
        whys = (lambda rule: ask(_tree_of(rule)), lambda each: ask(why[each]))
        return why_unreachable(node, *whys, lambda each: ask(reachable[each]) is None)

    nodes = {node: _tree_of_answers(partial(why_not, node), {}) for node in NODES}
    forks: list[list[int]] = []
    reasons: list[Reason] = []

    @cache
    def number(tree: Tree) -> int:
        found = [tree.switch, *map(number, tree.branches)] if tree.branches else tree.reason
        numbered: list[Any] = forks if tree.branches else reasons
        numbered.append(found)
        return len(forks) - 1 if tree.branches else -len(reasons)

    arrows = [
        {
            "from": ORDER[Node(arrow.source, roles.source)],
            "response": arrow.response.trigger,
            "to": ORDER[Node(arrow.dest, roles.dest)],
            "kind": arrow.kind,
            "ruledOut": number(reduce(and_, map(nodes.__getitem__, required_nodes((arrow, roles))), tree)),
            "confidence": number(_tree_of(partial(_confidence, arrow))),
        }
        for (arrow, roles), tree in why.items()
    ]
    return {
        "arrows": arrows,
        "nodeTrees": [number(tree) for tree in nodes.values()],
        "lambdaTrees": [number(nameable[node]) for node in nodes],
        "forks": forks,
        "reasons": reasons,
    }


def _confidence(transition: Transition, settings: SignInSettings) -> str:
    return str(confidence_in_pool(settings, transition))
