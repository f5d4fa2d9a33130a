"""Which requests may be sent twice: what a client library may repeat when no reply came.

A reply can be lost after Cognito has acted. A request is repeatable if Cognito's acting on it twice does
the user no more than acting on it once: nothing is spent, no failure is counted twice, no message is sent
twice, and the second reply is as good as the first would have been. Any other request is sent once, and a
lost reply is an error that says so: the program, or the person, decides what comes next.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen

from authfsm.protocol import responses as r
from authfsm.protocol.responses import Response


@frozen
class Repetition:
    """What sending a request twice does.

    Args:
        harmless: may it be repeated when no reply came?
        why: the reason.
    """

    harmless: bool
    why: str


_NEW_SESSION: Final = Repetition(
    harmless=True, why="only a public value is sent: a second request begins another session"
)
_COUNTS: Final = Repetition(
    harmless=False, why="a wrong password counts twice towards the lock-out; a code is sent twice"
)
_SPENDS: Final = Repetition(
    harmless=False, why="the answer spends its session, and a wrong one counts as a failure"
)
_MESSAGES: Final = Repetition(
    harmless=False, why="a code may be sent, or the pool's functions may send one: twice"
)

# fmt: off
OF_RESPONSE: Final[Mapping[type[Response], Repetition]] = MappingProxyType({
    r.UserSrpAuth:                _NEW_SESSION,
    r.UserPasswordAuth:           _COUNTS,
    r.AdminUserPasswordAuth:      _COUNTS,
    r.AdminNoSrpAuth:             _COUNTS,
    r.CustomAuth:                 _MESSAGES,
    r.CustomSrpAuth:              Repetition(harmless=False, why="the pool's functions run, and what they do is theirs: twice"),
    r.UserAuth:                   _MESSAGES,
    r.UserAuthWithPassword:       _COUNTS,
    r.UserAuthWithSrp:            _NEW_SESSION,
    r.StepUp:                     _MESSAGES,
    r.SignedUp:                   Repetition(harmless=False, why="it spends the session that ConfirmSignUp gave"),
    r.RefreshTokenAuth:           Repetition(harmless=True, why="no app client with rotation takes it: the refresh token stays good"),
    r.RefreshToken:               Repetition(harmless=True, why="as REFRESH_TOKEN_AUTH"),
    r.GetTokensFromRefreshToken:  Repetition(harmless=False, why="under rotation it spends the refresh token"),
    r.Select:                     _SPENDS,
    r.Password:                   _SPENDS,
    r.SrpA:                       _SPENDS,
    r.SrpClaim:                   _SPENDS,
    r.Code:                       _SPENDS,
    r.Credential:                 _SPENDS,
    r.Answer:                     _SPENDS,
    r.RawAnswer:                  _SPENDS,
    r.NewPassword:                _SPENDS,
    r.AssociateSoftwareToken:     Repetition(harmless=False, why="it spends its session, and each secret takes the place of the last"),
    r.VerifySoftwareToken:        Repetition(harmless=False, why="it spends its session, and a code is good once"),
    r.CompleteMfaSetup:           _SPENDS,
    r.SetUpEmail:                 _SPENDS,
    r.ConfirmDevice:              Repetition(harmless=False, why="whether a confirmed device can be confirmed again is not documented"),
    r.UpdateDeviceStatus:         Repetition(harmless=True, why="it sets a value"),
    r.RevokeToken:                Repetition(harmless=True, why="a token that is revoked already is revoked again without an error"),
    r.GlobalSignOut:              Repetition(harmless=False, why="it revokes the very token it is asked with: the second is refused"),
})
"""For each response, what sending its request twice does."""

OF_OPERATION: Final[Mapping[str, Repetition]] = MappingProxyType({
    "GetUser":                    Repetition(harmless=True, why="it reads"),
    "AssociateSoftwareToken":     OF_RESPONSE[r.AssociateSoftwareToken],
    "VerifySoftwareToken":        OF_RESPONSE[r.VerifySoftwareToken],
    "SetUserMFAPreference":       Repetition(harmless=True, why="it sets a value"),
})
"""The same for the requests that an access token is sent with, beside a sign-in."""
# fmt: on
