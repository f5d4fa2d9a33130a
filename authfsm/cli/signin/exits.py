"""How `authfsm signin` ends: one exit code for each thing that somebody, or a script, would do next."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from authfsm.errors import AuthfsmError
from authfsm.protocol.error_policy import Fault, Ruling


class Exit(IntEnum):
    """An exit code."""

    meaning: str
    """When it is given."""

    def __new__(cls, code: int, meaning: str) -> Exit:
        """A member that is its own code."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    SIGNED_IN = 0, "signed in"
    REFUSED = 1, "refused: a wrong password, code or answer"
    MISUSED = 2, "called wrongly, or nobody there to answer"
    TOO_LATE = 3, "expired, locked out or throttled: later"
    NO_ANSWER = 4, "the network, Cognito or a trigger failed"
    MISCONFIGURED = 5, "the pool, the app client or this call must be mended"
    RESET_PASSWORD = 6, "the password must be reset first"
    CONFIRM_USER = 7, "the user must be confirmed first"
    NOT_HERE = 8, "a terminal cannot give what is asked for"
    INTERRUPTED = 130, "Ctrl-C, Ctrl-D or given up"
    TERMINATED = 143, "ended by SIGTERM or SIGHUP"


EPILOG: Final = f"Exit codes: {'; '.join(f'{each.value} {each.meaning}' for each in Exit)}."
"""What each means, for `--help`."""


class Ended(Exception):
    """The sign-in is over without tokens.

    Args:
        code: the exit code.
        why: what to say; free of secrets. Nothing, where it was said already.
        aside: Cognito's code of it.
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


_BY_RULING: Final[Mapping[Ruling, Exit]] = {
    Ruling.RESET_PASSWORD: Exit.RESET_PASSWORD,
    Ruling.CONFIRM_USER: Exit.CONFIRM_USER,
    Ruling.WAIT_OUT: Exit.TOO_LATE,
    Ruling.MEND: Exit.MISCONFIGURED,
}
_BY_FAULT: Final[Mapping[Fault, Exit]] = {
    Fault.USER: Exit.REFUSED,
    Fault.TIME: Exit.TOO_LATE,
    Fault.SERVICE: Exit.NO_ANSWER,
    Fault.OPERATOR: Exit.MISCONFIGURED,
    # The person has no hand in what the request looks like: the settings of this call do not fit.
    Fault.CALLER: Exit.MISCONFIGURED,
}


def exit_of(error: AuthfsmError) -> Exit:
    """The exit code of an error that ends the sign-in: by what is to be done, else by whose fault it is."""
    by_ruling = None if error.ruling is None else _BY_RULING.get(error.ruling)
    return _BY_FAULT[error.fault] if by_ruling is None else by_ruling
