"""The gate for accounts: no request moves a user's status but along the table of an account's life.

The pool sets the status by rules of its own and reads the table nowhere else, so that a missing transition reveals a
bug: in the pool or in the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.state.core import Core
from authfsm.local.state.users import User
from authfsm.protocol import account_table as a
from authfsm.protocol.responses import Response
from authfsm.protocol.table import Transition

_TRANSITIONS: Final = frozenset(a.ACCOUNT_TRANSITIONS)


class GateError(AssertionError):
    """What the pool did is not in a table of the protocol; a bug of the pool, never of the caller.

    Args:
        arrow: the missing transition, of a sign-in or of an account's life.
    """

    def __init__(self, arrow: Transition | a.AccountTransition) -> None:
        source, trigger, dest = arrow[:3]
        name = trigger if isinstance(trigger, str) else trigger.__name__
        why = "and the protocol's table has no such transition"
        super().__init__(f"the pool leads from {source} by {name} to {dest}, {why}")
        self.arrow = arrow


@contextmanager
def checked_status(
    pool: Core, operation: str, members: Mapping[str, Any], response: type[Response] | None
) -> Iterator[None]:
    """Raise GateError if the block moves the user of a request off the table; requests of triggers are checked apart."""
    permanent = bool(members.get("Permanent"))
    found = a.account_operation(operation, permanent=permanent, response=response)
    user, number = _user_of(pool, members, found) if found else None, pool.requests
    before, refused = _status(user), True
    try:
        yield
        refused = False
    finally:
        if found and number == pool.requests:
            after = _status(user or _user_of(pool, members, found))
            may_stay = refused or found in a.SIMULATED_OPERATIONS or found.actor is a.Actor.SIGN_IN
            arrow = a.AccountTransition(before, found, after)
            if arrow not in _TRANSITIONS and not (after is before and may_stay):
                raise GateError(arrow)
        pool.requests += 1


def _status(user: User | None) -> a.UserStatus:
    if user is None or user.deleted:
        return a.UserStatus.NO_ACCOUNT
    return a.UserStatus[user.status.name]


def _user_of(pool: Core, members: Mapping[str, Any], operation: a.AccountOperation) -> User | None:
    if operation.actor is a.Actor.SIGNED_IN_USER:
        with suppress(PoolRefusal):
            return pool.token_issuer.bearer(members.get("AccessToken", "")).user
        return None
    parameters = members.get("AuthParameters") or members.get("ChallengeResponses") or {}
    name = members.get("Username") or parameters.get("USERNAME")
    return pool.users.find(name) if name else None
