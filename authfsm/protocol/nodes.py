"""A node is a state with its role: EMAIL_OTP is one name on the wire that plays two.

`email_otp_role` is the one function that tells which. The client asks it step by step, as do the local pool's page
and the recordings; what draws, prunes or checks the table asks `target_roles`, which is the same rule over all
that may have come before.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from authfsm.protocol.responses import Response, SrpClaim
from authfsm.protocol.states import State
from authfsm.protocol.table import (
    FIRST_FACTOR,
    NEW_CHALLENGE,
    PREREQUISITES,
    PROTOCOL,
    SECOND_FACTOR,
    TRANSITIONS,
    UNKNOWN_CHALLENGE,
    Destination,
    Prerequisite,
    Role,
    Transition,
)

_FIRST: Final = FIRST_FACTOR - UNKNOWN_CHALLENGE
_SECOND: Final = SECOND_FACTOR - {State.MFA_SETUP}


class Node(NamedTuple):
    """A state with its role.

    Args:
        state: the state.
        role: which factor the code is, for EMAIL_OTP, which has a node for each; None for all others.
    """

    state: State
    role: Role | None = None

    @property
    def name(self) -> str:
        """The state's name; of EMAIL_OTP, the role too. No other node has it."""
        return f"{self.state} ({self.role})" if self.role else str(self.state)


def node_of(state: State, role: Role | None) -> Node:
    """Return a state's node.

    Args:
        state: the state.
        role: which factor it asks for, if that is known; an e-mailed code without a role is a second one.
    """
    return Node(state, role or Role.SECOND_FACTOR) if state is State.EMAIL_OTP else Node(state)


NODES: Final = tuple(
    Node(state, role)
    for state in State
    for role in (tuple(Role) if state is State.EMAIL_OTP else (None,))
)
"""Every node, in the order of a sign-in."""

# ---- which factor is asked for -------------------------------------------------------------------------

_ASKED: Final = {
    State.SELECT_CHALLENGE: Role.FIRST_FACTOR,
    State.PASSWORD: Role.FIRST_FACTOR,
    State.PASSWORD_SRP: Role.FIRST_FACTOR,
    State.PASSWORD_VERIFIER: Role.FIRST_FACTOR,
    State.ADMIN_NO_SRP_AUTH: Role.FIRST_FACTOR,
    State.SMS_OTP: Role.FIRST_FACTOR,
    State.WEB_AUTHN: Role.FIRST_FACTOR,
    State.SELECT_MFA_TYPE: Role.SECOND_FACTOR,
    State.SMS_MFA: Role.SECOND_FACTOR,
    State.SOFTWARE_TOKEN_MFA: Role.SECOND_FACTOR,
}


def proves_password(source: State, response: type[Response], dest: State) -> bool:
    """Has this step proved a password?

    A preferred password that is not available is answered with a choice, an administrator's that was left
    out with ADMIN_NO_SRP_AUTH: neither has proved anything. Nor has a refusal, or a self-loop.

    Args:
        source: the state that was left.
        response: the class of the response that was given.
        dest: where the reply led.
    """
    proof = response.proves_password or (response is SrpClaim and source is State.PASSWORD_VERIFIER)
    nowhere = {State.SELECT_CHALLENGE, State.ADMIN_NO_SRP_AUTH, State.FAILED, source}
    return proof and (dest not in nowhere or dest is State.EMAIL_OTP)


def challenge_role(
    source: State,
    response: type[Response],
    dest: State,
    *,
    flow: str | None,
    password_proved: bool,
    credited: bool = False,
) -> Role | None:
    """Which factor a challenge asks for; None if it is neither.

    Args:
        source: the state that was left.
        response: the class of the response that was given.
        dest: the challenge's state.
        flow: the AuthFlow that began the sign-in.
        password_proved: has a password been proved on the way, this step included?
        credited: did the response bear an access token, which gets credit for its factors?
    """
    if dest is not State.EMAIL_OTP:
        return _ASKED.get(dest)
    return email_otp_role(
        source, response, flow=flow, password_proved=password_proved, credited=credited
    )


def email_otp_role(
    source: State,
    response: type[Response],
    *,
    flow: str | None,
    password_proved: bool,
    credited: bool = False,
) -> Role:
    """Which factor an EMAIL_OTP challenge asks for: by the path only.

    What chooses a first factor is answered with one. Where anything may be asked for, a code is a first
    factor in USER_AUTH with no password so far; in every other flow (CUSTOM_AUTH included: no first
    factor can be chosen there) it is a second one. After a factor it is a second one.

    Args: as `challenge_role`.
    """
    dests = PROTOCOL[source].get(response, frozenset())
    if not dests >= _FIRST:
        return Role.SECOND_FACTOR
    if not dests >= _SECOND:
        return Role.FIRST_FACTOR
    led = source is State.CUSTOM_CHALLENGE  # CUSTOM_AUTH, whatever a challenge before it was called
    begun = (
        response.auth_flow or flow
    ) == "USER_AUTH" and not led  # a refresh is a flow of its own
    return Role.FIRST_FACTOR if begun and not (password_proved or credited) else Role.SECOND_FACTOR


# ---- the table, in roles -------------------------------------------------------------------------------


class EdgeRoles(NamedTuple):
    """The roles that an arrow's two ends play; None where an end is no e-mailed code.

    Args:
        source: the role of the code it leaves.
        dest: the role of the code it leads to.
    """

    source: Role | None
    dest: Role | None

    @property
    def role(self) -> Role | None:
        """The role of the code it leads to; where it leads to none, of the one it leaves."""
        return self.dest or self.source


def accepts(state: State, role: Role | None, response: type[Response]) -> bool:
    """Does a state take this response in this role?"""
    if (
        role is Role.SECOND_FACTOR
        and PREREQUISITES.get((state, response)) is Prerequisite.FIRST_FACTOR
    ):
        return False
    return response in PROTOCOL[state]


def target_roles(
    arrow: Transition, source: Role | None, dests: frozenset[Destination] | None = None
) -> tuple[Role | None, ...]:
    """The roles in which an arrow that leaves in one role may arrive, whatever came before it.

    Args:
        arrow: the arrow.
        source: the role of its source.
        dests: the destinations of its row; left out, those of `PROTOCOL`.
    """
    if arrow.dest is not State.EMAIL_OTP:
        return (None,)
    if arrow.kind not in {None, NEW_CHALLENGE}:
        return (source,)  # the same challenge
    row = PROTOCOL[arrow.source].get(arrow.response, frozenset()) if dests is None else dests
    if not row >= _FIRST:
        return (Role.SECOND_FACTOR,)
    if not row >= _SECOND:
        return (Role.FIRST_FACTOR,)
    other = arrow.response.auth_flow not in {None, "USER_AUTH"}
    led = arrow.source is State.CUSTOM_CHALLENGE
    return (Role.SECOND_FACTOR,) if other or led else tuple(Role)


@cache
def edge_roles(arrow: Transition) -> tuple[EdgeRoles, ...]:
    """The roles that an arrow's ends may play together, in the order of `Role`."""
    return tuple(_ends(arrow))


def _ends(arrow: Transition) -> Iterator[EdgeRoles]:
    sources = tuple(Role) if arrow.source is State.EMAIL_OTP else (None,)
    for source in sources:
        if accepts(arrow.source, source, arrow.response):
            yield from (EdgeRoles(source, dest) for dest in target_roles(arrow, source))


TRANSITIONS_IN_ROLES: Final = tuple(
    (arrow, each) for arrow in TRANSITIONS for each in edge_roles(arrow)
)
"""Every arrow of the table in every role that its ends may play, in the table's order."""
