"""Cognito's tokens, verified: by the pool's own keys, for the clients they are for, while they last.

    from authfsm.jwks import Verifier

    verifier = Verifier("eu-west-1_AbCdEfGhI", "1example23456789")
    claims = verifier.verify(token)  # or: await verifier.verify_async(token)

The rules are those of "Verifying JSON web tokens" (Amazon Cognito developer guide), RFC 7515 and
RFC 7519. What is refused raises a `TokenRefused` (answer 401); keys that cannot be had raise
`KeysUnreachable` (answer 503).

A signature says who issued a token, not whether it was revoked since: after GlobalSignOut or
RevokeToken an access token verifies here until it expires. Where that matters, ask GetUser.
"""

from authfsm.jwks.claims import Claims
from authfsm.jwks.fetching import fetch_https
from authfsm.jwks.keys import Keys
from authfsm.jwks.refusals import (
    BadSignature,
    Expired,
    KeysUnreachable,
    MalformedToken,
    NotForThisClient,
    NotYetValid,
    TokenRefused,
    WrongIssuer,
    WrongUse,
)
from authfsm.jwks.verifier import Verifier

__all__ = [
    "BadSignature",
    "Claims",
    "Expired",
    "Keys",
    "KeysUnreachable",
    "MalformedToken",
    "NotForThisClient",
    "NotYetValid",
    "TokenRefused",
    "Verifier",
    "WrongIssuer",
    "WrongUse",
    "fetch_https",
]
