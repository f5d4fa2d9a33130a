"""The exit codes of `authfsm signin`: one for each different next action of a user or a script."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from authfsm.protocol.error_policy import Fault, RecoveryAction
from authfsm.protocol.errors import AuthfsmError


class Exit(IntEnum):
    """An exit code."""

    meaning: str
    """When this exit code is used."""

    def __new__(cls, code: int, meaning: str) -> Exit:
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


EPILOG: Final = f"Exit status: {'; '.join(f'{each.value} {each.meaning}' for each in Exit)}."
"""The meaning of each exit code, for `--help`."""


class Ended(Exception):
    """The sign-in has ended without tokens.

    Args:
        code: the exit code.
        why: the message, without secrets; empty if it was already printed.
        aside: Cognito's error code.
        advice: what to do next.
        todo: the command line that does it.
    """

    def __init__(
        self, code: Exit, why: str = "", *, aside: str = "", advice: str = "", todo: str = ""
    ) -> None:
        super().__init__(why)
        self.code = code
        self.why = why
        self.aside = aside
        self.advice = advice
        self.todo = todo


_BY_RULING: Final[Mapping[RecoveryAction, Exit]] = {
    RecoveryAction.RESET_PASSWORD: Exit.RESET_PASSWORD,
    RecoveryAction.CONFIRM_USER: Exit.CONFIRM_USER,
    RecoveryAction.WAIT_OUT: Exit.TOO_LATE,
    RecoveryAction.FIX_CONFIGURATION: Exit.MISCONFIGURED,
}
_BY_FAULT: Final[Mapping[Fault, Exit]] = {
    Fault.USER: Exit.REFUSED,
    Fault.TIME: Exit.TOO_LATE,
    Fault.SERVICE: Exit.NO_ANSWER,
    Fault.OPERATOR: Exit.MISCONFIGURED,
    # The user does not control the request: the settings of this command are wrong.
    Fault.CALLER: Exit.MISCONFIGURED,
}


def exit_of(error: AuthfsmError) -> Exit:
    """Return the exit code of an error that ends the sign-in: by its action, otherwise by its fault."""
    by_ruling = None if error.action is None else _BY_RULING.get(error.action)
    return _BY_FAULT[error.fault] if by_ruling is None else by_ruling
