"""The exit codes of `authfsm signin`: one for each different next action of a user or a script."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class ExitStatus(IntEnum):
    """An exit code."""

    meaning: str
    """When this exit code is used."""

    def __new__(cls, code: int, meaning: str) -> ExitStatus:
        """Return a member whose value is its exit code."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    SIGNED_IN = 0, "signed in"
    REFUSED = 1, "refused: a wrong password, code or answer"
    MISUSED = 2, "usage error, or no input for a prompt"
    TOO_LATE = 3, "expired, locked out or throttled: try again later"
    NO_ANSWER = 4, "the network, Cognito or a trigger failed"
    MISCONFIGURED = 5, "the configuration of the pool, the app client or this command must be fixed"
    RESET_PASSWORD = 6, "the password must be reset first"
    CONFIRM_USER = 7, "the user must be confirmed first"
    NOT_HERE = 8, "the challenge cannot be answered in a terminal"
    INTERRUPTED = 130, "cancelled by the user (Ctrl-C, Ctrl-D)"
    TERMINATED = 143, "ended by SIGTERM or SIGHUP"


EPILOG: Final = f"Exit status: {'; '.join(f'{each.value} {each.meaning}' for each in ExitStatus)}."
"""The meaning of each exit code, for `--help`."""


class SignInEnded(Exception):
    """The sign-in has ended without tokens; `why` is empty if it was already printed.

    `hint` is Cognito's error code, `advice` what to do next, and `todo` a command line that does it.
    """

    def __init__(
        self, code: ExitStatus, why: str = "", *, hint: str = "", advice: str = "", todo: str = ""
    ) -> None:
        super().__init__(why)
        self.code = code
        self.why = why
        self.hint = hint
        self.advice = advice
        self.todo = todo


class Misused(SignInEnded):
    """The command was called in a way that cannot succeed."""

    def __init__(self, why: str) -> None:
        super().__init__(ExitStatus.MISUSED, why)
