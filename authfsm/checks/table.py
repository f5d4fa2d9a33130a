"""The protocol as a value for the checks, and the bounds of its loops.

A `Table` (this package's, or a custom one) has all data that the checks need: the transitions, the prerequisites of
responses, the factors that they prove, the bounds of loops, and the recovery action of each error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from attrs import field, frozen

from authfsm.checks.factors import PROOFS, Factor, StateResponse
from authfsm.protocol import responses as r
from authfsm.protocol import table as p
from authfsm.protocol.error_policy import ERROR_POLICY, LISTED_OPERATIONS, ErrorRule, RecoveryAction
from authfsm.protocol.evidence import Confidence, confidence
from authfsm.protocol.nodes import EdgeRoles, target_roles
from authfsm.protocol.states import CHALLENGES, State
from authfsm.protocol.table import Destination, Prerequisite, Role, Transition, entry_transitions
from authfsm.protocol.validators import frozen_mapping

S = State

Rows = Mapping[State, Mapping[type[r.Response], frozenset[Destination]]]


@frozen
class Bound:
    """A bound of loops: an error that Cognito returns eventually, and whose recovery action ends the loop."""

    name: str
    limit: str  # how long, or how often
    code: str  # the error that ends the loop
    part: str  # the part of the error's message that identifies it
    actions: frozenset[RecoveryAction]  # the recovery actions that end the loop
    source: str  # where this is documented
    applies_to: Callable[[Transition], bool] = field(repr=False)  # whether it ends loops with this transition

    def holds(self, actions: Mapping[str, Mapping[str, ErrorRule]]) -> bool:
        """Return whether the recovery action of the error in `actions` ends the loop."""
        row = actions.get(self.code, {}).get(self.part)
        return row is not None and row.action in self.actions


_CONTINUES_SIGN_IN: Final = {RecoveryAction.TRY_AGAIN, RecoveryAction.DROP_DEVICE, RecoveryAction.WAIT}
_ENDS_SIGN_IN: Final = frozenset(RecoveryAction) - _CONTINUES_SIGN_IN

# fmt: off
BOUNDS: Final = (
    Bound(
        "AuthSessionValidity", "3 to 15 minutes; a refused answer does not prolong the session",
        "NotAuthorizedException", "session is expired", _ENDS_SIGN_IN, "AWS API reference, UserPoolClientType",
        lambda t: t.kind is p.RETRY or (t.kind is p.ACKNOWLEDGEMENT and t.source is S.MFA_SETUP)),
    Bound(
        "device key", "once: the client does not send again a key that Cognito has forgotten",
        "ResourceNotFoundException", "Device does not exist", frozenset({RecoveryAction.DROP_DEVICE}),
        "amplify-js retryOnResourceNotFoundException, amplify-swift retryRespondPasswordVerifier",
        lambda t: t.kind is p.DEVICE_DROPPED),
    Bound(
        "DefineAuthChallenge", "as many rounds as the Lambda function allows: it receives the list of all rounds",
        "NotAuthorizedException", "", _ENDS_SIGN_IN,
        "AWS developer guide, Define auth challenge Lambda trigger: failAuthentication",
        lambda t: t.source is S.CUSTOM_CHALLENGE),
    Bound(
        "request rate", "RespondToAuthChallenge may be sent at three times the rate of UserAuthentication",
        "TooManyRequestsException", "", frozenset({RecoveryAction.WAIT, RecoveryAction.WAIT_OUT}),
        "AWS developer guide, Quotas in Amazon Cognito",
        lambda t: t.response is r.Select and {t.source, t.dest} <= p.FIRST_FACTORS | p.OTHER),
    Bound(
        "device proof", "once: Cognito does not ask again for a device that was proved",
        "NotAuthorizedException", "session can only be used once", _ENDS_SIGN_IN,
        "AWS developer guide, Working with user devices: 'the final challenge'",
        lambda t: t.source is S.DEVICE_PASSWORD_VERIFIER),
    Bound(
        "session of an unknown challenge", "each answer uses up its session",
        "NotAuthorizedException", "session can only be used once", _ENDS_SIGN_IN, "inferred from the known challenges",
        lambda t: t.source is S.OTHER_CHALLENGE),
    Bound(
        "RefreshTokenValidity", "60 minutes to 10 years, 30 days by default",
        "NotAuthorizedException", "Refresh Token has", _ENDS_SIGN_IN, "AWS API reference, UserPoolClientType",
        lambda t: t.response in r.REFRESH_RESPONSES),
    Bound(
        "AccessTokenValidity", "5 minutes to a day, one hour by default; operations on a device require an access token",
        "NotAuthorizedException", "Access Token has", _ENDS_SIGN_IN, "AWS API reference, UserPoolClientType, ConfirmDevice",
        lambda t: t.response in {r.ConfirmDevice, r.UpdateDeviceStatus}),
    Bound(
        "lock-out", "2^(n-5) seconds after n failures from the fifth on, up to about 15 minutes, for each new sign-in",
        "NotAuthorizedException", "Password attempts exceeded", frozenset({RecoveryAction.WAIT_OUT}),
        "AWS developer guide, Authentication: lockout behavior for failed sign-in attempts",
        lambda t: t.response in {r.RevokeToken, r.GlobalSignOut} and t.dest is S.START),
)
# fmt: on


def _read_only(rows: Rows) -> Rows:
    return MappingProxyType({each: MappingProxyType(dict(row)) for each, row in rows.items()})


def _transitions(transitions: Iterable[Transition]) -> frozenset[Transition]:
    return frozenset(transitions)


@frozen(eq=False)
class Table:
    """A protocol, with all data that the checks need.

    Args:
        rows: for each state and response, where the reply may lead, as in `PROTOCOL`. FAILED is left out.
        needs: the condition on which a state accepts a response; without a condition, the state always accepts it.
        proofs: the factor that a response in a state proves if Cognito accepts it.
        actions: the recovery action of each error, by its code and a part of its message.
        errors: the operations that may return each error.
        bounds: the bounds of loops; without any, the invariant `bounded` reports every loop.
        contradictory: the transitions about which sources contradict each other, and those that are refuted.
    """

    rows: Rows = field(converter=_read_only)
    needs: Mapping[StateResponse, Prerequisite] = field(converter=frozen_mapping)
    proofs: Mapping[StateResponse, Factor] = field(converter=frozen_mapping)
    actions: Mapping[str, Mapping[str, ErrorRule]] = field(converter=frozen_mapping)
    errors: Mapping[str, frozenset[str]] = field(converter=frozen_mapping)
    bounds: tuple[Bound, ...] = ()
    contradictory: frozenset[Transition] = field(default=(), converter=_transitions)

    @property
    def states(self) -> tuple[State, ...]:
        """Every state of the table, in the order of a sign-in."""
        dests = {dest for row in self.rows.values() for found in row.values() for dest in found}
        return tuple(state for state in State if state in dests or state in self.rows)

    def transitions(self, source: State) -> Iterator[Transition]:
        """Yield the transitions from a state, loops and the transition to FAILED included."""
        for response, dests in self.rows.get(source, {}).items():
            yield from entry_transitions(source, response, dests)

    def ends(self, transition: Transition, source: Role | None) -> Iterator[EdgeRoles]:
        """Yield the possible roles of a transition's source and destination if the source has this role."""
        dests = self.rows[transition.source][transition.response]
        yield from (EdgeRoles(source, role) for role in target_roles(transition, source, dests))


def _contradictory() -> Iterator[Transition]:
    """Yield the contradictory and refuted transitions to challenges."""
    for source, row in p.PROTOCOL.items():
        for response, dests in row.items():
            known = {
                transition: confidence(transition) in {Confidence.CONTRADICTORY, Confidence.REFUTED}
                for transition in entry_transitions(source, response, dests)
                if transition.dest in CHALLENGES
            }
            yield from (transition for transition in known if known[transition])
            # If all are contradictory or refuted, the transition to an unknown challenge counts as such too.
            if known and all(known.values()) and State.OTHER_CHALLENGE in dests:
                yield Transition(source, response, State.OTHER_CHALLENGE)


TABLE: Final = Table(p.PROTOCOL, p.PREREQUISITES, PROOFS, ERROR_POLICY, LISTED_OPERATIONS, BOUNDS, _contradictory())
"""The protocol of this package."""
