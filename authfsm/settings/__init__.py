"""Public: what the settings of a user pool and its app client leave of the protocol, and why the rest is impossible.

Settings only remove transitions, and only those that are impossible for every user. Each removed transition has a
reason: the field of AWS's description, and its value. Only the names in `__all__` are public; all modules are private.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from authfsm.base.mixins import DisplayMixin
from authfsm.protocol.evidence import Confidence
from authfsm.protocol.nodes import Node, edge_roles
from authfsm.protocol.states import State
from authfsm.protocol.table import TRANSITIONS, Role, Transition
from authfsm.settings.reach import (
    ChangedTransition,
    Difference,
    confidence_in_pool,
    difference,
    reachability,
)
from authfsm.settings.sign_in_settings import SignInSettings

__all__ = ["ChangedTransition", "Difference", "PoolSettings", "SignInSettings", "difference"]


@frozen(kw_only=True, cache_hash=True)
class PoolSettings(SignInSettings, DisplayMixin):
    """The settings of a pool and its app client, and what they rule out of the protocol."""

    def ruled_out(self, transition: Transition, role: Role | None = None) -> str | None:
        """Return why a transition is impossible for every user; None if it is possible.

        Args:
            transition: a transition of the table.
            role: which factor EMAIL_OTP is, where it leads there or leaves there; None for either.

        Raises:
            KeyError: the table does not have the transition, or not in this role.
        """
        return self._reason(transition, role, include_lambda_named=True)

    def named_only(self, transition: Transition, role: Role | None = None) -> bool:
        """Return whether a transition is possible only because a Lambda function may name any challenge.

        Args:
            transition: a transition of the table.
            role: as for `ruled_out`.

        Raises:
            KeyError: the table does not have the transition, or not in this role.
        """
        reason = self._reason(transition, role, include_lambda_named=False)
        return reason is not None and self.ruled_out(transition, role) is None

    def _reason(
        self, transition: Transition, role: Role | None, *, include_lambda_named: bool
    ) -> str | None:
        found = reachability(self, include_lambda_named=include_lambda_named).arrows
        reasons = [
            found[transition, roles]
            for roles in edge_roles(transition)
            if role in {None, roles.role} or not roles.role
        ]
        if not reasons:
            raise KeyError((transition, role))
        return _joined(reasons)

    def unreachable(self, state: State, role: Role | None = None) -> str | None:
        """Return why no user reaches a state; None if some user can.

        Args:
            state: the state.
            role: which factor it is, for EMAIL_OTP; None for either.
        """
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
    """Return the different reasons as one; None if one of them is None."""
    different = dict.fromkeys(reasons)
    return None if None in different else "; ".join(why for why in different if why)
