"""The people that rules are seen with, and the authenticator app that one of them may carry."""

from __future__ import annotations

import base64
import time
from typing import Final

from attrs import define
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from authfsm.base.secret import Secret
from authfsm.conformance.verdicts import RuleFailed

_STEP: Final = 30


@define
class AuthenticatorApp:
    """Makes the codes of RFC 6238.

    Args:
        secret: SecretCode.
        earlier: was it enrolled with the code of the step before, so that the present one is unspent?
    """

    secret: Secret[str]
    earlier: bool = True

    def code(self, steps: int = 0) -> str:
        """The code of the present step, or of one so many steps away."""
        app = TOTP(self.key, 6, SHA1(), _STEP, enforce_key_length=False)  # noqa: S303 - RFC 6238's
        return app.generate(int(time.time()) + steps * _STEP).decode()

    @property
    def key(self) -> bytes:
        """The key in the secret (base32, with or without padding).

        Raises:
            Fails: it is no base32.
        """
        text = self.secret.reveal()
        try:
            return base64.b32decode(text + "=" * (-len(text) % 8), casefold=True)
        except ValueError:
            raise RuleFailed("SecretCode is not base32") from None

    def wrong_code(self) -> str:
        """A code that is right in none of the steps around."""
        near = {self.code(steps) for steps in range(-5, 6)}
        return next(each for n in range(100) if (each := f"{n:06}") not in near)


@define
class PoolUser:
    """A user that was made for a rule.

    Args:
        username: the name.
        password: the password that is right now.
        app: the authenticator app, if one is enrolled.
    """

    username: str
    password: Secret[str]
    app: AuthenticatorApp | None = None
