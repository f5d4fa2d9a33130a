"""Which response begins a flow, by what there is to begin it with; what is missing is said before anything moves."""

from __future__ import annotations

from typing import Final

from authfsm.base.secret import Secret
from authfsm.protocol import responses as r
from authfsm.protocol.auth_flows import PASSWORD_FLOWS
from authfsm.protocol.responses import Response
from authfsm.protocol.validators import check_typed

BY_SRP: Final[dict[str, type[Response]]] = {
    "USER_SRP_AUTH": r.UserSrpAuth,
    "CUSTOM_AUTH": r.CustomSrpAuth,
    "USER_AUTH": r.UserAuthWithSrp,
}
"""What begins a flow together with a proof of the password."""

_OTHERS: Final[dict[str, type[Response]]] = {
    "USER_PASSWORD_AUTH": r.UserPasswordAuth,
    "ADMIN_USER_PASSWORD_AUTH": r.AdminUserPasswordAuth,
    "ADMIN_NO_SRP_AUTH": r.AdminNoSrpAuth,
    "CUSTOM_AUTH": r.CustomAuth,
    "USER_AUTH": r.UserAuth,
}


def initial_response(
    flow: str, preferred: str | None, password: Secret[str] | None, pool_id: str | None
) -> type[Response]:
    """The class of the response that begins a flow.

    Args:
        flow: the AuthFlow.
        preferred: PREFERRED_CHALLENGE, for USER_AUTH.
        password: the password, if there is one.
        pool_id: the pool's id, if it is known.

    Raises:
        ValueError: no flow with a user name has this name, or it lacks its password or the pool's id.
        InvalidInput, BadField: such a password cannot be proved.
    """
    if password is None and flow in PASSWORD_FLOWS:
        raise ValueError(f"{flow} needs the password")
    if flow == "USER_SRP_AUTH" and pool_id is None:
        raise ValueError(f"{flow} needs the pool_id: the proof is made with it")
    if flow == "USER_AUTH" and password is not None and preferred == "PASSWORD":
        return r.UserAuthWithPassword
    by_srp = flow != "USER_AUTH" or preferred in {None, "PASSWORD_SRP"}
    if password is not None and by_srp and (kind := BY_SRP.get(flow)) is not None:
        check_typed(kind, "password", password)
        return kind
    if flow not in _OTHERS:
        raise ValueError(f"no flow with a user name is named {flow!r}")
    return _OTHERS[flow]
