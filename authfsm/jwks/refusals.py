"""Why a token is refused. No message shows the token, or anything of it that no signature vouches for."""

from __future__ import annotations

from datetime import datetime

from authfsm.protocol.errors import AuthfsmError, CallerError, ServiceError, TimeError


class TokenRefused(AuthfsmError):
    """The token is not good here; the concrete class says why."""


class MalformedToken(TokenRefused, CallerError):
    """It is no JWT of Cognito's kind: not three parts, not RS256, a claim that is missing or misshapen.

    Args:
        why: what is wrong with it; never its text.
    """

    def __init__(self, why: str) -> None:
        super().__init__(f"this is no token of Cognito's: {why}")
        self.why = why


class BadSignature(TokenRefused, CallerError):
    """No key of this pool made its signature: it was changed, or is another issuer's.

    Args:
        known: is the key that it names one of the pool's?
    """

    def __init__(self, *, known: bool) -> None:
        super().__init__(
            "the signature is wrong" if known else "the key that it names is not one of this pool's"
        )
        self.known = known


class WrongIssuer(TokenRefused, CallerError):
    """The pool's key signed it, and its `iss` is not this pool.

    Args:
        expected: the issuer it should have.
    """

    def __init__(self, expected: str) -> None:
        super().__init__(f"the token was not issued by {expected}")
        self.expected = expected


class NotForThisClient(TokenRefused, CallerError):
    """It is for another app client.

    Args:
        client_id: the app client it is for.
    """

    def __init__(self, client_id: str) -> None:
        super().__init__(
            f"the token is for the app client {client_id!r}, which is not accepted here"
        )
        self.client_id = client_id


class WrongUse(TokenRefused, CallerError):
    """An id token where an access token is wanted, or the other way about.

    Args:
        wanted: `access` or `id`.
        found: its `token_use`.
    """

    def __init__(self, wanted: str, found: str) -> None:
        super().__init__(f"this is a token of use {found!r}, and {wanted!r} is wanted")
        self.wanted = wanted
        self.found = found


class Expired(TokenRefused, TimeError):
    """It has expired: refresh it.

    Args:
        at: when.
    """

    def __init__(self, at: datetime) -> None:
        super().__init__(f"the token expired at {at.isoformat()}")
        self.at = at


class NotYetValid(TokenRefused, TimeError):
    """It is from the future: this machine's clock is slow, by more than the leeway.

    Args:
        since: when it becomes valid, or was issued.
    """

    def __init__(self, since: datetime) -> None:
        super().__init__(
            f"the token is of {since.isoformat()}, which is yet to come: is this machine's clock slow?"
        )
        self.since = since


class KeysUnreachable(ServiceError):
    """The pool's keys could not be had: nothing is known of the token.

    Args:
        url: where they should be.
        why: what the last fetch came to.
    """

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"the keys at {url} could not be had ({why})")
        self.url = url
        self.why = why
