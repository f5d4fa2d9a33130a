"""Verifies Cognito's tokens: signed by the pool's keys, issued for the given app clients, and not expired.

    from authfsm.jwks import Verifier

    verifier = Verifier("eu-west-1_AbCdEfGhI", "1example23456789")
    claims = verifier.verify(token)  # or: await verifier.verify_async(token)

The rules are those of "Verifying JSON web tokens" (Amazon Cognito developer guide), RFC 7515 and RFC 7519. A
token that is not accepted raises a `TokenRefused` (respond with 401); keys that cannot be fetched raise
`KeysUnreachable` (respond with 503).

A signature proves who issued a token, not that it is still valid: after GlobalSignOut or RevokeToken an access
token still verifies here until it expires. If this matters, call GetUser.
"""

from authfsm.jwks.claims import (
    BadSignature,
    Claims,
    Expired,
    KeysUnreachable,
    MalformedToken,
    NotForThisClient,
    NotYetValid,
    TokenRefused,
    WrongIssuer,
    WrongUse,
)
from authfsm.jwks.keys import Keys, fetch_https
from authfsm.jwks.verifier import Verifier

__all__ = [
    "BadSignature", "Claims", "Expired", "Keys", "KeysUnreachable", "MalformedToken", "NotForThisClient",
    "NotYetValid", "TokenRefused", "Verifier", "WrongIssuer", "WrongUse", "fetch_https",
]  # fmt: skip
