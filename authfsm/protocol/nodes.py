"""Nodes: one for each state, but two for EMAIL_OTP, whose code may be a first or a second factor (the node's role).

`email_otp_role` decides which factor EMAIL_OTP is in one sign-in, from the path of that sign-in so far. The
client, the page of `authfsm serve` and the recordings use it. `target_roles` applies the same rule to all paths at
once; diagrams, settings and checks use it.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from authfsm.protocol import table as t
from authfsm.protocol.responses import REFRESH_RESPONSES, Response, SrpA, SrpClaim
from authfsm.protocol.states import DEVICE_STATES, State


class Node(NamedTuple):
    """A state with its role, which is None for every state but EMAIL_OTP."""

    state: State
    role: t.Role | None = None

    @property
    def name(self) -> str:
        """The state's name, and for EMAIL_OTP its role; no two nodes have the same name."""
        return f"{self.state} ({self.role})" if self.role else str(self.state)


def node_of(state: State, role: t.Role | None) -> Node:
    """Return the node of a state; EMAIL_OTP without a role counts as a second factor, other states have no role."""
    return Node(state, role or t.Role.SECOND_FACTOR) if state is State.EMAIL_OTP else Node(state)


NODES: Final = tuple(
    Node(state, role) for state in State for role in (tuple(t.Role) if state is State.EMAIL_OTP else (None,))
)
"""All nodes, in the order of a sign-in."""


def proves_password(source: State, response: type[Response], dest: State) -> bool:
    """Return whether a transition proves that the user knows the password.

    A refusal proves nothing. Nor does a transition to SELECT_CHALLENGE (the preferred password is not available), to
    ADMIN_NO_SRP_AUTH (the password was missing) or to the same state. The exception is a password that leads from
    EMAIL_OTP to EMAIL_OTP: it is proved, because the code is then the second factor.
    """
    carries_proof = response.may_carry_password or (response is SrpClaim and source is State.PASSWORD_VERIFIER)
    unproved = {State.SELECT_CHALLENGE, State.ADMIN_NO_SRP_AUTH, State.FAILED, source}
    return carries_proof and (dest not in unproved or dest is State.EMAIL_OTP)


def has_credentials(source: State, response: type[Response]) -> bool:
    """Return whether a response has the user's name, or has or proves the password: then one of these may be wrong."""
    begins = response.auth_flow is not None and response not in REFRESH_RESPONSES
    return begins or response.may_carry_password or (response in {SrpA, SrpClaim} and source not in DEVICE_STATES)


_BEFORE_FIRST_FACTOR: Final = {State.PASSWORD_VERIFIER, State.ADMIN_NO_SRP_AUTH, State.SELECT_CHALLENGE}
_ROLE_OF_STATE: Final[dict[t.Destination, t.Role]] = {
    **dict.fromkeys(t.FIRST_FACTORS | _BEFORE_FIRST_FACTOR, t.Role.FIRST_FACTOR),
    **dict.fromkeys(t.ENROLLED_FACTOR_STEPS, t.Role.SECOND_FACTOR),
}


def challenge_role(
    source: State, response: type[Response], dest: State,
    *, flow: str | None, password_proved: bool, has_access_token: bool = False,
) -> t.Role | None:  # fmt: skip
    """Return which factor a challenge is; None if it is neither.

    The challenge, of state `dest`, is the reply to `response` in `source`; `flow` is the sign-in's AuthFlow.
    `password_proved` is also true if `response` has proved the password. `has_access_token` is
    true for a StepUp with an access token, whose factors count as proved.
    """
    if dest is not State.EMAIL_OTP:
        return _ROLE_OF_STATE.get(dest)
    return email_otp_role(
        source, response, flow=flow, password_proved=password_proved, has_access_token=has_access_token
    )


def email_otp_role(
    source: State, response: type[Response],
    *, flow: str | None, password_proved: bool, has_access_token: bool = False,
) -> t.Role:  # fmt: skip
    """Return which factor an EMAIL_OTP challenge is; the arguments are those of `challenge_role`.

    After most states and responses the table allows only one role. If it allows both, the code is a first factor in
    USER_AUTH as long as no factor is proved (by the password or the access token), because only USER_AUTH has a choice
    of first factors. In all other cases it is a second factor.
    """
    dests = t.PROTOCOL[source].get(response, frozenset())
    roles = _email_otp_roles(source, response, dests)
    if len(roles) == 1:
        return roles[0]
    # A refresh is a flow of its own, whatever the sign-in's flow is.
    is_first = (response.auth_flow or flow) == "USER_AUTH" and not (password_proved or has_access_token)
    return t.Role.FIRST_FACTOR if is_first else t.Role.SECOND_FACTOR


def target_roles(
    transition: t.Transition, source_role: t.Role | None, dests: t.RowEntry | None = None
) -> tuple[t.Role | None, ...]:
    """Return the roles that the destination of a transition may have, on any path to it.

    `source_role` is the role of the state where the transition starts. `dests` is its row, by default that of PROTOCOL.
    """
    if transition.dest is not State.EMAIL_OTP:
        return (None,)
    if transition.kind not in {None, t.NEW_CHALLENGE}:
        return (source_role,)  # after a refusal or an acknowledgement the challenge is the same
    if dests is None:
        dests = t.PROTOCOL[transition.source].get(transition.response, frozenset())
    return _email_otp_roles(transition.source, transition.response, dests)


def _email_otp_roles(source: State, response: type[Response], dests: t.RowEntry) -> tuple[t.Role, ...]:
    """Return the roles of EMAIL_OTP after a response; the row's other factors and the AuthFlow determine them."""
    if not dests & (t.FIRST_FACTORS - {State.EMAIL_OTP}):
        return (t.Role.SECOND_FACTOR,)
    if not dests & (t.ENROLLED_FACTOR_STEPS - {State.EMAIL_OTP}):
        return (t.Role.FIRST_FACTOR,)
    is_custom_auth = source is State.CUSTOM_CHALLENGE
    if is_custom_auth or response.auth_flow not in {None, "USER_AUTH"}:
        return (t.Role.SECOND_FACTOR,)
    return tuple(t.Role)


class EdgeRoles(NamedTuple):
    """The roles of the two states of a transition; None for a state other than EMAIL_OTP."""

    source: t.Role | None
    dest: t.Role | None

    @property
    def role(self) -> t.Role | None:
        """The role of the destination, or of the source if the destination has none."""
        return self.dest or self.source


def accepts(state: State, role: t.Role | None, response: type[Response]) -> bool:
    """Return whether a state with this role accepts a response."""
    needs_first_factor = t.PREREQUISITES.get((state, response)) is t.Prerequisite.STILL_FIRST_FACTOR
    return response in t.PROTOCOL[state] and not (needs_first_factor and role is t.Role.SECOND_FACTOR)


@cache
def edge_roles(transition: t.Transition) -> tuple[EdgeRoles, ...]:
    """Return the roles that the two states of a transition may have together, in the order of `Role`."""
    sources = tuple(t.Role) if transition.source is State.EMAIL_OTP else (None,)
    return tuple(
        EdgeRoles(source, dest)
        for source in sources
        if accepts(transition.source, source, transition.response)
        for dest in target_roles(transition, source)
    )


TRANSITIONS_IN_ROLES: Final = tuple((each, roles) for each in t.TRANSITIONS for roles in edge_roles(each))
"""All transitions of the table, with each pair of roles that their states may have."""
