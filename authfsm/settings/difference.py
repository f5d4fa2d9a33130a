"""What turns on and what turns off between two pools, or between a pool now and as it might be."""

from __future__ import annotations

from typing import NamedTuple

from attrs import frozen

from authfsm.protocol.table import Role, Transition
from authfsm.settings.description import Description
from authfsm.settings.reach import verdicts


class ChangedArrow(NamedTuple):
    """An arrow that one of two descriptions rules out.

    Args:
        arrow: the arrow.
        role: the role of the e-mailed code it leads to, or else leaves; None where there is none.
        reason: what rules it out there.
    """

    arrow: Transition
    role: Role | None
    reason: str


@frozen
class Difference:
    """What one description has and another has not.

    Args:
        gained: what the second makes possible, with what ruled it out in the first.
        lost: what the second rules out, with its reason.
        mfa_before: MfaConfiguration in the first.
        mfa_after: the same in the second.
    """

    gained: tuple[ChangedArrow, ...]
    lost: tuple[ChangedArrow, ...]
    mfa_before: str | None
    mfa_after: str | None

    @property
    def mfa_becomes_required(self) -> bool:
        """Does a second factor become everybody's duty?"""
        return self.mfa_after == "ON" != self.mfa_before

    @property
    def mfa_ceases_to_be_required(self) -> bool:
        """Does it cease to be?"""
        return self.mfa_before == "ON" != self.mfa_after


def difference(before: Description, after: Description) -> Difference:
    """What turns on and off from one description to another.

    Args:
        before: the first.
        after: the second.
    """
    old, new = (
        verdicts(before, include_lambda_named=True).arrows,
        verdicts(after, include_lambda_named=True).arrows,
    )
    gained = [
        ChangedArrow(each[0], each[1].role, why)
        for each, why in old.items()
        if why and not new[each]
    ]
    lost = [
        ChangedArrow(each[0], each[1].role, why)
        for each, why in new.items()
        if why and not old[each]
    ]
    return Difference(tuple(gained), tuple(lost), before.mfa_configuration, after.mfa_configuration)
