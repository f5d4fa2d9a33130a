"""What ends a loop: a lifetime, a lock-out, a single use. Each bound rests on an action that must be there.

A bound speaks of arrows: going round along one of them, sooner or later, is answered with the error that the
bound names, and that error's action says that it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attrs import field, frozen

from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import ErrorRule, RecoveryAction
from authfsm.protocol.responses import REFRESH_RESPONSES
from authfsm.protocol.states import State
from authfsm.protocol.table import ACKNOWLEDGEMENT, FIRST_FACTOR, RESTART, RETRY, Transition

S = State


@frozen
class Bound:
    """What ends a loop.

    Args:
        name: what it is called.
        limit: how long, or how often.
        code: the error that ends it.
        part: the part of that error's message that tells.
        actions: what must be done about it then.
        source: where this is known from.
        speaks_of: is it about this arrow?
    """

    name: str
    limit: str
    code: str
    part: str
    actions: frozenset[RecoveryAction]
    source: str
    speaks_of: Callable[[Transition], bool] = field(repr=False)

    def holds(self, actions: Mapping[str, Mapping[str, ErrorRule]]) -> bool:
        """Is its error ruled as it must be, for the loop to end?

        Args:
            actions: what is done about each error.
        """
        row = actions.get(self.code, {}).get(self.part)
        return row is not None and row.action in self.actions


_OVER: Final = frozenset(RecoveryAction) - {
    RecoveryAction.TRY_AGAIN,
    RecoveryAction.DROP_DEVICE,
    RecoveryAction.WAIT,
}
_SIGNS_OUT: Final = frozenset({r.RevokeToken, r.GlobalSignOut})


BOUNDS: Final = (
    Bound(
        "AuthSessionValidity",
        "3 to 15 minutes: an answer that was refused does not prolong its session",
        "NotAuthorizedException",
        "session is expired",
        _OVER,
        "measured; AWS API reference, UserPoolClientType",
        lambda arrow: (
            arrow.kind is RETRY or (arrow.kind is ACKNOWLEDGEMENT and arrow.source is S.MFA_SETUP)
        ),
    ),
    Bound(
        "device key",
        "once: the key that Cognito has forgotten is dropped, and not sent again",
        "ResourceNotFoundException",
        "Device does not exist",
        frozenset({RecoveryAction.DROP_DEVICE}),
        "amplify-js retryOnResourceNotFoundException, amplify-swift retryRespondPasswordVerifier",
        lambda arrow: arrow.kind is RESTART,
    ),
    Bound(
        "DefineAuthChallenge",
        "as many rounds as the pool's own function allows: it is shown every one, and ends them",
        "NotAuthorizedException",
        "",
        _OVER,
        "AWS developer guide, Define auth challenge Lambda trigger: failAuthentication",
        lambda arrow: arrow.source is S.CUSTOM_CHALLENGE,
    ),
    Bound(
        "request rate",
        "each choice is a request: RespondToAuthChallenge may be sent at three times the rate of UserAuthentication",
        "TooManyRequestsException",
        "",
        frozenset({RecoveryAction.WAIT, RecoveryAction.WAIT_OUT}),
        "AWS developer guide, Quotas in Amazon Cognito",
        lambda arrow: arrow.response is r.Select and {arrow.source, arrow.dest} <= FIRST_FACTOR,
    ),
    Bound(
        "device proof",
        "once: a device that has been proved is not asked for again",
        "NotAuthorizedException",
        "session can only be used once",
        _OVER,
        "AWS developer guide, Working with user devices: 'the final challenge'",
        lambda arrow: arrow.source is S.DEVICE_PASSWORD_VERIFIER,
    ),
    Bound(
        "session of an unknown challenge",
        "each answer spends its session; how many there are, nobody knows",
        "NotAuthorizedException",
        "session can only be used once",
        _OVER,
        "measured for the challenges that are known",
        lambda arrow: arrow.source is S.OTHER_CHALLENGE,
    ),
    Bound(
        "RefreshTokenValidity",
        "60 minutes to 10 years, 30 days by default",
        "NotAuthorizedException",
        "Refresh Token has",
        _OVER,
        "AWS API reference, UserPoolClientType",
        lambda arrow: arrow.response in REFRESH_RESPONSES,
    ),
    Bound(
        "AccessTokenValidity",
        "5 minutes to a day, one hour by default: what is done with a device takes an access token",
        "NotAuthorizedException",
        "Access Token has",
        _OVER,
        "AWS API reference, UserPoolClientType, ConfirmDevice",
        lambda arrow: arrow.response in {r.ConfirmDevice, r.UpdateDeviceStatus},
    ),
    Bound(
        "lock-out",
        "2^(n-5) seconds after n failures from the fifth on, up to about 15 minutes: each sign-in is a new attempt",
        "NotAuthorizedException",
        "Password attempts exceeded",
        frozenset({RecoveryAction.WAIT_OUT}),
        "AWS developer guide, Authentication: lockout behavior for failed sign-in attempts",
        lambda arrow: arrow.response in _SIGNS_OUT and arrow.dest is S.START,
    ),
)
"""Every bound there is, and the arrows it speaks of."""
