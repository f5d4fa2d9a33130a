"""What is kept of a user's account beside the password: plain values only."""

from __future__ import annotations

from datetime import datetime

from attrs import define, field, frozen

from authfsm.base.secret import Secret


@frozen
class Pending:
    """A code that was sent, and not given back yet.

    Args:
        code: the code.
        attribute: `email` or `phone_number`: whose value it went to.
        address: where it went; the right code verifies that address, and no other.
        expires: when it dies.
    """

    code: Secret[str]
    attribute: str
    address: str
    expires: datetime


@define(eq=False)
class Account:
    """A user's account.

    Args:
        codes: the codes that wait, by what they are for: `sign-up`, `reset`, or the attribute to verify.
        calls: when the operations were called that Cognito allows a user only so often an hour.
        never_signed_in: did the user sign up, and has not signed in since?
    """

    codes: dict[str, Pending] = field(factory=dict, repr=False)
    calls: dict[str, tuple[datetime, ...]] = field(factory=dict, repr=False)
    never_signed_in: bool = False
