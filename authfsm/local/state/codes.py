"""Codes: those that the pool sends, into its outbox only, and those of an authenticator app."""

from __future__ import annotations

import hmac
from base64 import b32encode, urlsafe_b64encode
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, overload

import pyotp
from attrs import frozen

from authfsm.base.mixins import DescribedName
from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.state.records import RecordListener
from authfsm.local.state.users import SoftwareToken, User
from authfsm.protocol.states import State

Entropy = Callable[[int], bytes]
"""Returns that many random bytes."""

_DIGITS: Final = 6
_STEP_SECONDS: Final = 30
_OUTBOX_SIZE: Final = 1000


class Purpose(DescribedName):
    """The purpose of a message outside of sign-ins, named as in the CustomMessage trigger's sources."""

    SIGN_UP = "SignUp"
    RESEND_CODE = "ResendCode"
    FORGOT_PASSWORD = "ForgotPassword"  # noqa: S105 - not a password
    UPDATE_USER_ATTRIBUTE = "UpdateUserAttribute"
    VERIFY_USER_ATTRIBUTE = "VerifyUserAttribute"
    ADMIN_CREATE_USER = "AdminCreateUser"


@frozen
class Message:
    """A message that Cognito would have sent.

    Args:
        username: the user's internal name.
        to: the address, in full.
        medium: SMS or EMAIL.
        purpose: the challenge that asks for the code; a `Purpose` outside of sign-ins.
        code: the code; in an invitation, the temporary password.
        at: when it was sent.
        subject: the subject that CustomMessage gave it; None if Cognito's own.
        text: the text that CustomMessage gave it, with the code; None if Cognito's own.
    """

    username: str
    to: str
    medium: str
    purpose: str
    code: Secret[str]
    at: datetime
    subject: str | None = None
    text: Secret[str] | None = None


class Outbox(Sequence[Message]):
    """The messages that Cognito would have sent, oldest first; the last thousand are kept."""

    def __init__(self, find: Callable[[str], User | None]) -> None:
        self._find = find
        self._messages: deque[Message] = deque(maxlen=_OUTBOX_SIZE)
        self._listener: RecordListener | None = None

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
        """Add a message."""
        self._messages.append(message)
        if self._listener is not None:
            self._listener(message)

    def clear_all(self) -> None:
        """Remove all messages without a report."""
        self._messages.clear()

    def watch(self, listener: RecordListener) -> None:
        """Report each message that is sent from now on."""
        self._listener = listener

    def sent_to(self, name: str) -> list[Message]:
        """Return the messages to a name that a user signs in with, or to an address, the oldest first."""
        user = self._find(name)
        names = {name} if user is None else {name, user.username}
        return [each for each in self._messages if names & {each.username, each.to}]

    def code_for(self, name: str) -> str:
        """Return the last code that was sent to a name or address, in clear; raise LookupError without one."""
        messages = self.sent_to(name)
        if not messages:
            raise LookupError(
                f"no code was sent to {name}: give a name that the user signs in with, or an address in full"
            )
        return messages[-1].code.reveal()


def base64url(raw: bytes) -> str:
    """Return bytes as base64url without padding, as JSON Web Tokens and Web Authentication have them."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def random_text(entropy: Entropy, length: int, alphabet: str) -> str:
    """Return random characters of an alphabet."""
    # 256 is not a multiple of 62 or 36: the bias is slight, and these texts have more entropy than needed.
    return "".join(alphabet[byte % len(alphabet)] for byte in entropy(length))


def new_code(entropy: Entropy, digits: int = _DIGITS) -> Secret[str]:
    """Return a random code of digits."""
    # 64 random bits for at most a hundred million codes: the bias is below 2^-37.
    return Secret(f"{int.from_bytes(entropy(8), 'big') % 10**digits:0{digits}d}")


def codes_match(expected: str, text: str) -> bool:
    """Return whether a code is the expected one; compares in constant time."""
    return hmac.compare_digest(expected.encode(), text.encode("utf-8", "replace"))


def new_totp_secret(entropy: Entropy) -> Secret[str]:
    """Return a secret for an authenticator app: 160 random bits in base32 (RFC 4226, 4, R6)."""
    return Secret(b32encode(entropy(20)).decode())


def checked_totp_secret(totp_secret: Secret[str]) -> Secret[str]:
    """Return the secret of an authenticator app; raise ValueError if pyotp computes no codes from it."""
    valid = True
    try:
        pyotp.TOTP(totp_secret.reveal()).at(0)
    except ValueError:  # binascii.Error is one
        valid = False
    if not valid:
        # Raised outside of the handler, so that no traceback has pyotp's frames with the secret.
        raise ValueError("a TOTP secret must be base32 text of at least 112 bits")
    return totp_secret


def use_totp(token: SoftwareToken, code: str, now: datetime) -> bool:
    """Return whether a TOTP is right, of this 30-second step or a neighbour, and spend it (RFC 6238, 5.2)."""
    totp = pyotp.TOTP(token.secret.reveal(), digits=_DIGITS, interval=_STEP_SECONDS)
    present = int(now.timestamp()) // _STEP_SECONDS
    steps = [
        step for step in (present - 1, present, present + 1) if codes_match(totp.generate_otp(step), code)
    ]
    unused = [step for step in steps if step not in token.used]
    if not unused:
        if steps:
            raise error_templates.TOTP_USED.refusal()
        return False
    # Older steps than a neighbour need no record: their codes have expired.
    token.used = frozenset(used for used in token.used if used >= unused[0] - 2) | {unused[0]}
    return True


def delivery_address(user: User, factor: State) -> tuple[str, str]:
    """Return the medium and the address for the code of a factor."""
    if factor in {State.SMS_MFA, State.SMS_OTP}:
        return "SMS", user.attributes["phone_number"]
    return "EMAIL", user.attributes["email"]


def delivery_parameters(medium: str, address: str) -> dict[str, str]:
    """Return the ChallengeParameters that name the destination of a code."""
    masked = masked_address(medium, address)
    return {"CODE_DELIVERY_DELIVERY_MEDIUM": medium, "CODE_DELIVERY_DESTINATION": masked}


def masked_address(medium: str, to: str) -> str:
    """Return an address as Cognito shows it: `+********1234`, `t***@e***`."""
    if medium == "SMS":
        # A number without "+", which Cognito does not have, is shown as it is.
        return f"+{'*' * max(len(to) - 5, 0)}{to[-4:]}" if to[:1] in {"+", ""} else to
    name, _, domain = to.partition("@")
    return f"{name[:1]}***@{domain[:1]}***"
