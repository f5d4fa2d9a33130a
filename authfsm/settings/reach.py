"""Which states and transitions are reachable with given settings, and which settings rule out the others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from attrs import frozen

from authfsm.base.mixins import DisplayMixin
from authfsm.protocol.auth_flows import ALLOWED_FIRST_AUTH_FACTORS, CURRENT_VALUES
from authfsm.protocol.evidence import Confidence, confidence
from authfsm.protocol.nodes import TRANSITIONS_IN_ROLES, EdgeRoles, Node, edge_roles
from authfsm.protocol.responses import Response
from authfsm.protocol.states import CHALLENGES, State
from authfsm.protocol.table import ANY_CHALLENGE, PROTOCOL, TRANSITIONS, Role, Transition
from authfsm.settings import rules
from authfsm.settings.rules import Reason, SettingRule
from authfsm.settings.sign_in_settings import SignInSettings

TransitionInRoles = tuple[Transition, EdgeRoles]
_Reasons = Mapping[TransitionInRoles, Reason]
_Why = Callable[[TransitionInRoles], Reason]

START: Final = Node(State.START)

# A refresh may lead to these states even if no other response does. A page of AWS says so about DEVICE_SRP_AUTH.
_OWN_DESTINATIONS: Final = frozenset(State) - frozenset(CHALLENGES) | {State.DEVICE_SRP_AUTH}


class Reachability(NamedTuple):
    """Which transitions and states of the table are impossible with one pool's settings, and why."""

    transitions: _Reasons  # for every transition in each pair of roles, why it is impossible, or None
    nodes: Mapping[Node, str]  # for each unreachable node, why it is unreachable


def nodes_of(each: TransitionInRoles) -> tuple[Node, Node]:
    """Return the nodes at which a transition starts and ends."""
    transition, roles = each
    return Node(transition.source, roles.source), Node(transition.dest, roles.dest)


def _needs_reachable_dest(each: TransitionInRoles) -> bool:
    """Return whether a transition is possible only if a transition of another response reaches its destination."""
    return each[0].response in rules.ANY_CHALLENGE_RESPONSES and each[0].dest not in _OWN_DESTINATIONS


def _is_specific(each: TransitionInRoles) -> bool:
    """Return whether a transition belongs to a row that does not lead to every challenge."""
    return not PROTOCOL[each[0].source][each[0].response] >= ANY_CHALLENGE


_INCOMING: Final[defaultdict[Node, list[tuple[Node, TransitionInRoles]]]] = defaultdict(list)
_OUTGOING: Final[defaultdict[Node, list[tuple[Node, TransitionInRoles]]]] = defaultdict(list)
for _each in TRANSITIONS_IN_ROLES:
    if not _needs_reachable_dest(_each):
        _source, _dest = nodes_of(_each)
        _INCOMING[_dest].append((_source, _each))
        _OUTGOING[_source].append((_dest, _each))
# A Lambda function may name any challenge, so the reasons of specific transitions are more informative.
for _pairs in _INCOMING.values():
    _pairs[:] = [_pair for _pair in _pairs if _is_specific(_pair[1])] or _pairs


@lru_cache(maxsize=256)
def reachability(settings: SignInSettings, *, include_lambda_named: bool) -> Reachability:
    """Return what is impossible with settings; with `include_lambda_named`, Lambda functions may name any challenge."""
    why = {
        each: rules.why_forbidden(settings, *each, include_lambda_named=include_lambda_named)
        for each in TRANSITIONS_IN_ROLES
    }
    found = reached({each: reason is None for each, reason in why.items()})
    unreachable = {
        node: why_unreachable(node, lambda rule: rule(settings), why.__getitem__, found.__getitem__)
        for node, is_reached in found.items()
        if not is_reached
    }
    for each, reason in why.items():
        why[each] = reason or next(filter(None, map(unreachable.get, required_nodes(each))), None)
    return Reachability(MappingProxyType(why), MappingProxyType(unreachable))


def reached(possible: Mapping[TransitionInRoles, Any], *, false: Any = False, true: Any = True) -> dict[Node, Any]:
    """Return for each node whether a sign-in reaches it.

    Args:
        possible: for each transition whether it is possible, as a bool or as a condition that supports `&` and `|`.
        false: False, or the condition that is never fulfilled.
        true: True, or the condition that is always fulfilled.
    """
    found = dict.fromkeys((node for each in TRANSITIONS_IN_ROLES for node in nodes_of(each)), false)
    found[START] = true
    frontier = {START: None}
    while frontier:
        leaving = [(node, *each) for node in frontier for each in _OUTGOING[node]]
        frontier = {}
        for source, dest, each in leaving:
            value = found[dest] | found[source] & possible[each]
            if value != found[dest]:
                found[dest] = value
                frontier[dest] = None
    return found


def required_nodes(each: TransitionInRoles) -> tuple[Node, ...]:
    """Return the nodes that a sign-in must reach for a transition to be possible."""
    return nodes_of(each) if _needs_reachable_dest(each) else nodes_of(each)[:1]


def why_unreachable(
    node: Node, reason_of: Callable[[SettingRule], Reason], why: _Why, is_reached: Callable[[Node], bool]
) -> str:
    """Return why a rule forbids a state; if no rule does, the reasons why no path leads to it."""
    own = next(filter(None, map(reason_of, rules.CHALLENGE_RULES.get(node, ()))), None)
    return own or "; ".join(dict.fromkeys(_blocking_reasons(node, why, is_reached)))


def _blocking_reasons(node: Node, why: _Why, is_reached: Callable[[Node], bool]) -> Iterator[str]:
    """Yield why the transitions from reachable states towards this state are forbidden."""
    visited, frontier = {node}, [node]
    while frontier:
        for source, each in _INCOMING[frontier.pop(0)]:
            if is_reached(source):
                yield why(each) or ""
            elif source not in visited:
                visited.add(source)
                frontier.append(source)


def confidence_in_pool(settings: SignInSettings, transition: Transition) -> Confidence:
    """Return how certain a transition is in a pool with these settings.

    The evidence for tokens directly after a password is for sign-ins without MFA, so it does not apply to a pool that
    requires MFA. AWS's developer guide says that a first sign-in is exempt ("Adding MFA": "The first time that a new
    user signs in to your app, Amazon Cognito issues tokens, even if your user pool requires MFA"); tests that run
    against AWS show that it is not (moto, test_user_authentication_flow_mfa_on; amplify-swift,
    TOTPSetupWhenUnauthenticatedTests; amplify-android, EmailMFATests; amplify-flutter, mfa_sms_email_required_test).
    So the transition is refuted in such a pool. A remembered device and a passkey with user verification replace the
    second factor; their transitions are as certain as in other pools.
    """
    known, required = confidence(transition), settings.mfa_configuration == "ON"
    refuted = required and rules.skips_second_factor(transition) and not known.is_uncertain
    return Confidence.REFUTED if refuted else known


def best_confidence(transition: Transition, pools: Iterable[SignInSettings]) -> Confidence:
    """Return how certain a transition is in the pool where it is most certain; if there are no pools, in general."""
    known = [confidence_in_pool(pool, transition) for pool in pools] or [confidence(transition)]
    return min(known, key=list(Confidence).index)


@frozen(kw_only=True, cache_hash=True)
class PoolSettings(SignInSettings, DisplayMixin):
    """The settings of a pool and its app client, and what they rule out of the protocol."""

    def ruled_out(self, transition: Transition, role: Role | None = None) -> str | None:
        """Return why a transition is impossible for every user; None if it is possible.

        Args:
            transition: a transition of the table.
            role: which factor EMAIL_OTP is, if the transition starts or ends there; None if it may be either factor.

        Raises:
            KeyError: the table does not have the transition, or not in this role.
        """
        return self._reason(transition, role, include_lambda_named=True)

    def lambda_only(self, transition: Transition, role: Role | None = None) -> bool:
        """Return whether a transition is possible only because a Lambda function may name any challenge.

        Args:
            transition: a transition of the table.
            role: as for `ruled_out`.

        Raises:
            KeyError: the table does not have the transition, or not in this role.
        """
        reason = self._reason(transition, role, include_lambda_named=False)
        return reason is not None and self.ruled_out(transition, role) is None

    def _reason(self, transition: Transition, role: Role | None, *, include_lambda_named: bool) -> str | None:
        found = reachability(self, include_lambda_named=include_lambda_named).transitions
        reasons = [
            found[transition, roles] for roles in edge_roles(transition) if role in {None, roles.role} or not roles.role
        ]
        if not reasons:
            raise KeyError((transition, role))
        return _joined(reasons)

    def unreachable(self, state: State, role: Role | None = None) -> str | None:
        """Return why no user reaches a state; None if some user can. An unknown state or role raises ValueError.

        Args:
            state: the state.
            role: which factor EMAIL_OTP is, if it is the state; None if it may be either factor.
        """
        state, role = State(state), role and Role(role)
        unreachable = reachability(self, include_lambda_named=True).nodes
        roles = ((role,) if role else tuple(Role)) if state is State.EMAIL_OTP else (None,)
        return _joined([unreachable.get(Node(state, each)) for each in roles])

    def confidence(self, transition: Transition) -> Confidence:
        """Return how certain a transition is in this pool.

        Args:
            transition: a transition of the table.

        Raises:
            KeyError: the transition is not in the table.
        """
        return confidence_in_pool(self, transition)

    def possible(self) -> frozenset[Transition]:
        """Return the transitions that are possible for some user."""
        return frozenset(each for each in TRANSITIONS if self.ruled_out(each) is None)


def _joined(reasons: Iterable[str | None]) -> str | None:
    """Return the different reasons as one text; None if one of them is None."""
    different = dict.fromkeys(reasons)
    return None if None in different else "; ".join(why for why in different if why)


class ChangedTransition(NamedTuple):
    """A transition that one of two settings rules out.

    Args:
        transition: the transition.
        role: which factor EMAIL_OTP is, if the transition starts or ends there; otherwise None.
        reason: why it is ruled out.
    """

    transition: Transition
    role: Role | None
    reason: str


@frozen
class Difference:
    """The difference between two settings.

    Args:
        added: the transitions that only the second settings allow, each with the reason why the first do not.
        removed: the transitions that only the first settings allow, each with the reason why the second do not.
    """

    added: tuple[ChangedTransition, ...]
    removed: tuple[ChangedTransition, ...]


def difference(before: SignInSettings, after: SignInSettings) -> Difference:
    """Return which transitions a change of settings makes possible and impossible.

    Args:
        before: the settings before the change.
        after: the settings after it.
    """
    old = reachability(before, include_lambda_named=True).transitions
    new = reachability(after, include_lambda_named=True).transitions

    def only_in(allowing: _Reasons, other: _Reasons) -> tuple[ChangedTransition, ...]:
        return tuple(
            ChangedTransition(transition, roles.role, why)
            for (transition, roles), why in other.items()
            if why and not allowing[transition, roles]
        )

    return Difference(only_in(new, old), only_in(old, new))


def _single_settings() -> Iterator[dict[str, Any]]:
    """Yield settings of which one is known, or two that work together. Settings that are not known rule nothing out."""
    yield from ({"mfa_configuration": mode} for mode in ("OFF", "ON"))
    yield from ({name: False} for name in ("sms_mfa", "software_token_mfa", "email_mfa"))
    yield {"mfa_configuration": "ON", "web_authn_factor": "SINGLE_FACTOR"}
    for name in ALLOWED_FIRST_AUTH_FACTORS:
        yield {"allowed_first_auth_factors": set(ALLOWED_FIRST_AUTH_FACTORS) - {name}}
    yield {"device_configuration": False}
    yield {"user_pool_tier": "LITE"}
    yield {"email_sending_account": "COGNITO_DEFAULT"}
    for name in CURRENT_VALUES:
        yield {"explicit_auth_flows": set(CURRENT_VALUES) - {name}}
    yield {"enable_token_revocation": False}
    yield {"refresh_token_rotation": "ENABLED"}


def _exclusions(why: Callable[[Reachability], Reason]) -> tuple[str, ...]:
    """Return the reasons of `why` in the pools of `_single_settings`, with any Lambda functions and without them.

    A DefineAuthChallenge function may name any challenge, so other settings rule out most challenges only in a pool
    without this function. If the lack of the function is a reason by itself, no other setting is tried in such a pool.
    """

    def reason(**settings: Any) -> Reason:
        return why(reachability(SignInSettings(**settings), include_lambda_named=True))

    without = reason(lambda_config=())
    each_alone = [reason(**settings) for settings in _single_settings()]
    each_without = [reason(**settings, lambda_config=()) for settings in _single_settings()]
    reasons = [without, *each_alone] if without else [*each_alone, *each_without]
    return tuple(dict.fromkeys(each for each in reasons if each))


@cache
def exclusions_of_node(node: Node) -> tuple[str, ...]:
    """Return the settings with which no user reaches a state, unless a Lambda function names the challenge."""
    return _exclusions(lambda found: found.nodes.get(node))


def exclusions_of_response(response: type[Response]) -> tuple[str, ...]:
    """Return the settings with which Cognito always refuses a response."""
    rows = defaultdict[Transition, list[TransitionInRoles]](list)
    for each in TRANSITIONS_IN_ROLES:
        if each[0].response is response and each[0].dest is not State.FAILED:
            rows[each[0]].append(each)

    def why(found: Reachability) -> Reason:
        reasons = [_joined(found.transitions[each] for each in row) for row in rows.values()]
        return None if None in reasons else Counter(reasons).most_common(1)[0][0]

    return _exclusions(why)
