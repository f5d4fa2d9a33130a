"""What a user pool's own settings leave of the protocol, and why not the rest.

Settings only ever take arrows away, and only such as no user could take (`authfsm.settings.rules`).
Each arrow that is gone has a reason in AWS's own words: a field, and what it says.
"""

from __future__ import annotations

from attrs import frozen

from authfsm.base.mixins import DisplayMixin
from authfsm.protocol.evidence import Confidence
from authfsm.protocol.nodes import Node, edge_roles
from authfsm.protocol.states import State
from authfsm.protocol.table import TRANSITIONS, Role, Transition
from authfsm.settings.reach import (
    ChangedArrow,
    Difference,
    confidence_in_pool,
    difference,
    reachability,
)
from authfsm.settings.sign_in_settings import SignInSettings

__all__ = ["ChangedArrow", "Difference", "PoolSettings", "SignInSettings", "difference"]


@frozen(kw_only=True, cache_hash=True)
class PoolSettings(SignInSettings, DisplayMixin):
    """What a pool and its app client make of the protocol."""

    def ruled_out(self, arrow: Transition, role: Role | None = None) -> str | None:
        """Why an arrow cannot be taken by anybody; None if it can.

        Args:
            arrow: an arrow of the table.
            role: which factor the e-mailed code is that it leads to, or else leaves; None is any.

        Raises:
            KeyError: the arrow is not on the table, or not in this role.
        """
        return self._verdict(arrow, role, include_lambda_named=True)

    def named_only(self, arrow: Transition, role: Role | None = None) -> bool:
        """Is an arrow possible for the one reason that a Lambda function may name any challenge?

        Args:
            arrow: an arrow of the table.
            role: as for `ruled_out`.

        Raises:
            KeyError: the arrow is not on the table, or not in this role.
        """
        plain = self._verdict(arrow, role, include_lambda_named=False)
        return plain is not None and self.ruled_out(arrow, role) is None

    def _verdict(
        self, arrow: Transition, role: Role | None, *, include_lambda_named: bool
    ) -> str | None:
        found = reachability(self, include_lambda_named=include_lambda_named).arrows
        both = edge_roles(arrow)
        told = [found[arrow, each] for each in both if role in {None, each.role} or not each.role]
        if not told:
            raise KeyError((arrow, role))
        return None if None in told else "; ".join(dict.fromkeys(why for why in told if why))

    def unreachable(self, state: State, role: Role | None = None) -> str | None:
        """Why nobody comes to a state; None if somebody may.

        Args:
            state: the state.
            role: which factor it is there, for EMAIL_OTP; None is any.
        """
        cut = reachability(self, include_lambda_named=True).nodes
        roles = ((role,) if role else tuple(Role)) if state is State.EMAIL_OTP else (None,)
        told = [cut.get(Node(state, each)) for each in roles]
        return None if None in told else "; ".join(dict.fromkeys(why for why in told if why))

    def confidence(self, arrow: Transition) -> Confidence:
        """Return how surely an arrow is known in this pool.

        Args:
            arrow: an arrow of the table.

        Raises:
            KeyError: the arrow is not on the table.
        """
        return confidence_in_pool(self, arrow)

    def possible(self) -> frozenset[Transition]:
        """The arrows that somebody may take."""
        return frozenset(arrow for arrow in TRANSITIONS if self.ruled_out(arrow) is None)
