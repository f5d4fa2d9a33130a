"""The switches of the page, and the rules of `authfsm.settings` as trees of questions about them.

Each switch is a setting of a pool, or one name in a setting that is a list of names, so that the values of all switches
make a `PoolSettings`. A rule is called with settings that record which fields it reads: for each such field the tree
has a fork, and the leaves are the reasons that the rule returns. The search of `authfsm.settings.reach` is done
with trees, too, so that the page only looks up results; a test compares these with the results of `reach` itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial, reduce
from operator import and_
from typing import Any, Final, cast

from attrs import asdict, frozen

from authfsm.diagrams.example_pools import EXAMPLE_POOLS
from authfsm.diagrams.vertices import ORDER
from authfsm.protocol.auth_flows import ALLOWED_FIRST_AUTH_FACTORS, CURRENT_VALUES, current_values, is_flow_allowed
from authfsm.protocol.nodes import NODES, TRANSITIONS_IN_ROLES, Node
from authfsm.protocol.table import Transition
from authfsm.settings import PoolSettings, SignInSettings, reach
from authfsm.settings.rules import MULTI_FACTOR_PASSKEY, Reason, UnlessLambda, require_lambda_choice, rules_of

SwitchValue = str | bool
SwitchValues = Mapping[str, SwitchValue]


@frozen
class Switch:
    """A switch of the page: a field of `PoolSettings`, or one name (`member`) in a field that is a list of names.

    The first value rules nothing out.
    """

    field: str
    values: tuple[SwitchValue, ...]
    path: str  #: The path of the setting in a pool's descriptions.
    group: str
    help: str = ""
    member: str | None = None
    on: Any = None  #: If it is not None, descriptions have it instead of true, and null instead of false.

    @property
    def key(self) -> str:
        """The unique name of the switch."""
        return f"{self.field}:{self.member}" if self.member else self.field

    @property
    def label(self) -> str:
        """The name of the setting, or of the member, in AWS's descriptions."""
        return self.member or self.path.removesuffix(".Enabled").removesuffix(".Feature").rpartition(".")[2]

    def as_dict(self) -> dict[str, Any]:
        """Return the switch as JSON for the page."""
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
"""The switches, in the order of the page: one or more for each setting that affects sign-ins."""


_SWITCHES_OF: Final = {each.field: [e for e in SWITCHES if e.field == each.field] for each in SWITCHES}


def _field(name: str, values: SwitchValues) -> Any:
    """Return a field of the settings; `values` has the values of switches by key."""
    known = {each.member: values.get(each.key, each.values[0]) for each in _SWITCHES_OF[name]}
    return known[None] if None in known else frozenset(member for member, is_on in known.items() if is_on)


def settings_of(values: SwitchValues) -> PoolSettings:
    """Return the settings with these values of switches, by key; a missing switch rules nothing out."""
    return PoolSettings(**{name: _field(name, values) for name in _SWITCHES_OF})


def values_of(settings: PoolSettings) -> dict[str, SwitchValue]:
    """Return the values of the switches for settings, by key; a setting that is None rules nothing out."""
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
"""The values of the switches for typical pools, by the pool's name."""


_Rule = Callable[[SignInSettings], Reason]


class _UnansweredQuestion(Exception):
    def __init__(self, switch: int) -> None:
        super().__init__(switch)
        self.switch = switch


_Answers = Mapping[int, int]
"""For the number of each answered switch, the number of its value."""


@frozen(eq=False)
class Tree:
    """A tree of questions about the switches, in the order of the switches, without questions that make no difference.

    Equal trees are one object. `one & other` has the first reason of the two; `one | other` has a reason if both do.
    """

    reason: Reason  #: In a leaf, why a rule forbids something (None if it is possible), or the name of a confidence.
    switch: int = -1  #: The number of the switch; -1 for a leaf.
    branches: tuple[Tree, ...] = ()  #: The tree for each value of the switch.

    def __and__(self, other: Tree) -> Tree:
        return _combined(self, other, needs_both=True)

    def __or__(self, other: Tree) -> Tree:
        return _combined(self, other, needs_both=False)

    def branch(self, switch: int, value: int) -> Tree:
        """Return the tree for a value of a switch. The tree must ask about this switch first, or not at all."""
        return self.branches[value] if self.switch == switch else self

    def after(self, answers: _Answers) -> Tree:
        """Return the tree of the remaining questions."""
        if self.switch in answers:
            return self.branches[answers[self.switch]].after(answers)
        return _ask(self.switch, [e.after(answers) for e in self.branches]) if self.branches else self

    def reason_after(self, answers: _Answers) -> Reason:
        """Return the reason that these answers decide; raises _UnansweredQuestion if another switch is needed."""
        rest = self.after(answers)
        if rest.branches:
            raise _UnansweredQuestion(rest.switch)
        return rest.reason


_tree: Final = cache(Tree)


def _ask(switch: int, branches: Iterable[Tree]) -> Tree:
    """Return the tree of a question and its branches; questions about earlier switches are moved before it."""
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
    """Settings with these values of switches; they record which fields a rule reads."""

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
    """Return the tree of a rule: its questions are about the fields that the rule reads."""
    if isinstance(rule, UnlessLambda):
        return _tree_of(rule.rule) | _tree_of(require_lambda_choice)

    def build(values: SwitchValues) -> Tree:
        settings = _RecordedSettings(values)
        reason = rule(cast("SignInSettings", settings))
        for number, each in enumerate(SWITCHES):
            if each.field in settings.read and each.key not in values:
                return _ask(number, [build({**values, each.key: value}) for value in each.values])
        return _tree(reason)

    return build({})


def _tree_of_answers(reason: Callable[[_Answers], Reason], answers: _Answers) -> Tree:
    """Return the tree of a function of answers. It asks for the answers that the function needs besides `answers`."""
    try:
        return _tree(reason(answers))
    except _UnansweredQuestion as question:
        switch = question.switch
    values = range(len(SWITCHES[switch].values))
    return _ask(switch, [_tree_of_answers(reason, {**answers, switch: n}) for n in values])


_ALWAYS: Final = _tree(None)


def _reached(*, include_lambda_named: bool) -> tuple[dict[reach.TransitionInRoles, Tree], dict[Node, Tree]]:
    """Return, as trees, why each transition is forbidden and why each node is unreachable."""
    why = {
        each: reduce(and_, map(_tree_of, rules_of(*each, include_lambda_named=include_lambda_named)), _ALWAYS)
        for each in TRANSITIONS_IN_ROLES
    }
    return why, reach.reached(why, false=_tree("unreachable"), true=_ALWAYS)


def verdicts() -> Mapping[str, Any]:
    """Return the results of `authfsm.settings.reach` for each node and arrow, as trees for the page.

    A tree is a number. A negative number is a leaf with the reason `reasons[-1 - number]`. Any other number is an index
    of `forks`; each fork has the number of a switch, and a tree for each value of this switch.
    """
    why, reachable = _reached(include_lambda_named=False)
    _, nameable = _reached(include_lambda_named=True)

    def why_not(node: Node, answers: _Answers) -> Reason:
        def ask(tree: Tree) -> Reason:
            return tree.reason_after(answers)

        if ask(reachable[node]) is None:
            return None
        whys = (lambda rule: ask(_tree_of(rule)), lambda each: ask(why[each]))
        return reach.why_unreachable(node, *whys, lambda each: ask(reachable[each]) is None)

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
            "from": ORDER[Node(arrow.source, roles.source)], "to": ORDER[Node(arrow.dest, roles.dest)],
            "response": arrow.response.trigger, "kind": arrow.kind,
            "ruledOut": number(reduce(and_, map(nodes.__getitem__, reach.required_nodes((arrow, roles))), tree)),
            "confidence": number(_tree_of(partial(_confidence, arrow))),
        }
        for (arrow, roles), tree in why.items()
    ]  # fmt: skip
    return {
        "arrows": arrows, "forks": forks, "reasons": reasons,
        "nodeTrees": [number(tree) for tree in nodes.values()],
        "lambdaTrees": [number(nameable[node]) for node in nodes],
    }  # fmt: skip


def _confidence(transition: Transition, settings: SignInSettings) -> str:
    return str(reach.confidence_in_pool(settings, transition))
