"""Codes: those the pool sends (into its outbox, nowhere else) and those an authenticator app makes."""

from __future__ import annotations

import hmac
from base64 import b32encode
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Final, overload

import pyotp
from attrs import frozen

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.state.change_tracking import RecordListener
from authfsm.local.state.users import SoftwareToken, User
from authfsm.protocol.states import State

Entropy = Callable[[int], bytes]
"""Returns that many random bytes."""

_DIGITS: Final = 6
_STEP: Final = 30
_KEPT: Final = 1000


class Purpose(str, Enum):
    """What a message is for that belongs to no sign-in, in the words of the CustomMessage trigger's sources."""

    SIGN_UP = "SignUp"
    RESEND_CODE = "ResendCode"
    FORGOT_PASSWORD = "ForgotPassword"  # noqa: S105 - Cognito's word, no password
    UPDATE_USER_ATTRIBUTE = "UpdateUserAttribute"
    VERIFY_USER_ATTRIBUTE = "VerifyUserAttribute"
    ADMIN_CREATE_USER = "AdminCreateUser"

    __str__ = str.__str__


@frozen
class Message:
    """A message the pool would have sent.

    Args:
        username: the user's internal name.
        to: the address, in full.
        medium: SMS or EMAIL.
        purpose: the challenge that asks for the code; or a `Purpose`, outside a sign-in.
        code: the code; of an invitation, the temporary password.
        at: when.
    """

    username: str
    to: str
    medium: str
    purpose: str
    code: Secret[str]
    at: datetime


class Outbox(Sequence[Message]):
    """The messages the pool would have sent, the oldest first; the last thousand are kept."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque(maxlen=_KEPT)
        self._seen: RecordListener | None = None

    def __len__(self) -> int:
        return len(self._messages)

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> list[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | list[Message]:
        return list(self._messages)[index] if isinstance(index, slice) else self._messages[index]

    def __iter__(self) -> Iterator[Message]:
        return iter(tuple(self._messages))

    def __repr__(self) -> str:
        return f"Outbox({list(self._messages)!r})"

    def put(self, message: Message) -> None:
        """Send a message."""
        self._messages.append(message)
        if self._seen is not None:
            self._seen(message)

    def clear_all(self) -> None:
        """Forget all, and tell nobody."""
        self._messages.clear()

    def watch(self, seen: RecordListener) -> None:
        """Tell of each message that is sent, from now on."""
        self._seen = seen

    def code_for(self, name: str) -> str:
        """The last code sent to a user, in clear.

        Args:
            name: the user's internal name, or the address the code was sent to.

        Raises:
            LookupError: none was sent.
        """
        for message in reversed(self._messages):
            if name in (message.username, message.to):
                return message.code.reveal()
        raise LookupError(f"no code was sent to {name}")


def random_text(entropy: Entropy, length: int, alphabet: str) -> str:
    """Random characters of an alphabet."""
    # 256 is no multiple of 62 or 36: the bias is slight, and what is drawn has entropy to spare.
    return "".join(alphabet[byte % len(alphabet)] for byte in entropy(length))


def new_code(entropy: Entropy, digits: int = _DIGITS) -> Secret[str]:
    """Random digits: six, or as many as asked for."""
    # 64 bits over a hundred million: the bias is below 2^-37.
    return Secret(f"{int.from_bytes(entropy(8), 'big') % 10**digits:0{digits}d}")


def new_totp_secret(entropy: Entropy) -> Secret[str]:
    """A secret for an authenticator app, 160 random bits in base32 (RFC 4226, 4, R6)."""
    return Secret(b32encode(entropy(20)).decode())


def checked_totp_secret(totp_secret: Secret[str]) -> Secret[str]:
    """The secret of an authenticator app, if one could make codes with it.

    Raises:
        ValueError: it is not base32, or has fewer than 112 bits: pyotp makes no codes of such a one.
    """
    works = True
    try:
        pyotp.TOTP(totp_secret.reveal()).at(0)
    except ValueError:  # binascii's own is one
        works = False
    if not works:
        # Outside the handler: pyotp's frames, and the secret in them, are let go.
        raise ValueError("an authenticator app's secret is base32 text of at least 112 bits")
    return totp_secret


def codes_match(one: Secret[str], other: str) -> bool:
    """Compare a code with the one given, in constant time."""
    return hmac.compare_digest(one.reveal().encode(), other.encode("utf-8", "replace"))


def totp_step(token: SoftwareToken, code: str, now: datetime) -> int | None:
    """The 30-second step whose TOTP this is: the present one, or a neighbour (RFC 6238, 5.2).

    Raises:
        PoolRefusal: ExpiredCodeException: the code has been used. "The verifier MUST NOT accept the
            second attempt of the OTP after the successful validation" -- RFC 6238, 5.2
    """
    totp = pyotp.TOTP(token.secret.reveal(), digits=_DIGITS, interval=_STEP)
    present = int(now.timestamp()) // _STEP
    found = [
        step
        for step in (present - 1, present, present + 1)
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode("utf-8", "replace"))
    ]
    if not found:
        return None
    if all(step in token.used for step in found):
        raise PoolRefusal(error_templates.TOTP_USED)
    return next(step for step in found if step not in token.used)


def spend_totp(token: SoftwareToken, code: str, now: datetime) -> bool:
    """Check a TOTP and, if it is right, spend it.

    Raises:
        PoolRefusal: it was spent before.
    """
    step = totp_step(token, code, now)
    if step is None:
        return False
    # What is older than a neighbour is refused for its age.
    token.used = frozenset(used for used in token.used if used >= step - 2) | {step}
    return True


def delivery_address(user: User, factor: State) -> tuple[str, str]:
    """Where the code of a factor goes.

    Returns:
        The medium and the address.
    """
    if factor in {State.SMS_MFA, State.SMS_OTP}:
        return "SMS", user.attributes["phone_number"]
    return "EMAIL", user.attributes["email"]


def masked_address(medium: str, to: str) -> str:
    """An address as Cognito shows it: `+********1234`, `t***@e***`."""
    if medium == "SMS":
        return f"+{'*' * max(len(to) - 5, 0)}{to[-4:]}"
    name, _, domain = to.partition("@")
    return f"{name[:1]}***@{domain[:1]}***"
