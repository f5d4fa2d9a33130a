"""Keeps messages in the outbox, generates and compares their codes, and verifies the codes of authenticator apps."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
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
"""A function that returns the given number of random bytes."""

ADDRESSES: Final = {State.SMS_MFA: "phone_number", State.SMS_OTP: "phone_number", State.EMAIL_OTP: "email"}
"""The attribute whose value is the address of a factor's code."""

MEDIA: Final = {"email": "EMAIL", "phone_number": "SMS"}
"""The DeliveryMedium of the codes that are sent to an attribute's value."""

_DIGITS: Final = 6
_STEP_SECONDS: Final = 30


class Purpose(DescribedName):
    """The purpose of a message that no sign-in sends, named as in the triggerSource of CustomMessage."""

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
        to: the complete address.
        medium: SMS or EMAIL.
        purpose: the challenge that requires the code; a `Purpose` if no sign-in sent the message.
        code: the code; in an invitation, the temporary password.
        at: when it was sent.
        subject: the subject that CustomMessage returned; None stands for Cognito's default.
        text: the text that CustomMessage returned, with the code; None stands for Cognito's default.
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
    """The last thousand messages that Cognito would have sent, the oldest first."""

    def __init__(self, find: Callable[[str], User | None]) -> None:
        self._find = find
        self._messages: deque[Message] = deque(maxlen=1000)
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
        """Remove all messages without reporting them."""
        self._messages.clear()

    def watch(self, listener: RecordListener) -> None:
        """Report each message that is sent from now on."""
        self._listener = listener

    def sent_to(self, name: str) -> list[Message]:
        """Return the messages to a user (by name or alias) or to an address, the oldest first."""
        user = self._find(name)
        names = {name} if user is None else {name, user.username}
        return [each for each in self._messages if names & {each.username, each.to}]

    def code_for(self, name: str) -> str:
        """Return the `code` of the last message to a user or address, in clear; raise LookupError if there is none."""
        messages = self.sent_to(name)
        if not messages:
            raise LookupError(
                f"no code was sent to {name}: pass a name that the user signs in with, or the complete address"
            )
        return messages[-1].code.reveal()


def base64url(raw: bytes) -> str:
    """Return bytes as base64url without padding, as JSON Web Tokens and Web Authentication require."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def random_text(entropy: Entropy, length: int, alphabet: str) -> str:
    """Return random characters of an alphabet."""
    # 256 is not a multiple of 62 or 36, so there is a slight bias. These strings have more entropy than needed.
    return "".join(alphabet[byte % len(alphabet)] for byte in entropy(length))


def new_code(entropy: Entropy, digits: int = _DIGITS) -> Secret[str]:
    """Return a random code of digits."""
    # With 64 random bits for at most a hundred million codes, the bias is below 2^-37.
    return Secret(f"{int.from_bytes(entropy(8), 'big') % 10**digits:0{digits}d}")


def codes_match(expected: str, text: str) -> bool:
    """Return whether a code equals the expected one; the comparison takes constant time."""
    return hmac.compare_digest(expected.encode(), text.encode("utf-8", "replace"))


def checked_totp_secret(totp_secret: Secret[str]) -> Secret[str]:
    """Return the secret of an authenticator app; raise ValueError if it is not base32 of at least 112 bits."""
    with suppress(ValueError):  # also binascii.Error
        pyotp.TOTP(totp_secret.reveal()).at(0)
        return totp_secret
    # Raised outside of a handler, so that the traceback lacks pyotp's frames, which contain the secret.
    raise ValueError("a TOTP secret must be base32 text of at least 112 bits")


def use_totp(token: SoftwareToken, code: str, now: datetime) -> bool:
    """Return whether a TOTP is correct now or 30 seconds earlier or later, and mark it as used; refuse a used one."""
    totp = pyotp.TOTP(token.secret.reveal(), digits=_DIGITS, interval=_STEP_SECONDS)
    now_step = int(now.timestamp()) // _STEP_SECONDS
    steps = range(now_step - 1, now_step + 2)
    matching = [step for step in steps if codes_match(totp.generate_otp(step), code)]
    unused = [step for step in matching if step not in token.used_steps]
    if not unused:
        if matching:  # RFC 6238, 5.2
            raise error_templates.TOTP_USED.refusal()
        return False
    # Steps before the previous one need no record: their codes have expired.
    token.used_steps = frozenset(step for step in token.used_steps if step >= unused[0] - 2) | {unused[0]}
    return True


def delivery_address(user: User, factor: State) -> tuple[str, str]:
    """Return the medium and the user's address for the code of a factor."""
    attribute = ADDRESSES[factor]
    return MEDIA[attribute], user.attributes[attribute]


def delivery_parameters(medium: str, address: str) -> dict[str, str]:
    """Return the ChallengeParameters that name the destination of a code."""
    masked = masked_address(medium, address)
    return {"CODE_DELIVERY_DELIVERY_MEDIUM": medium, "CODE_DELIVERY_DESTINATION": masked}


def masked_address(medium: str, to: str) -> str:
    """Return an address as Cognito masks it: `+********1234`, `t***@e***`."""
    if medium == "SMS":
        # A number without "+", which Cognito does not accept, is not masked.
        return f"+{'*' * max(len(to) - 5, 0)}{to[-4:]}" if to[:1] in {"+", ""} else to
    name, _, domain = to.partition("@")
    return f"{name[:1]}***@{domain[:1]}***"
