"""Read lines from the keyboard, and discard what is typed while no prompt waits for it.

The echo that is turned off here is always turned on again. On Windows and for a pipe nothing is changed.
"""

from __future__ import annotations

import contextlib
import select
import sys
from collections.abc import Iterator
from typing import Final

if sys.platform != "win32":
    import termios

_SOON: Final = 0.2
_LOCAL_MODES: Final = 3


def read_line() -> str:
    """Return a line of standard input with its line end; an empty string at the end of the input."""
    # A signal that arrives just before a read starts does not interrupt that read: Ctrl-C would take effect only
    # with the next key. So the read starts only when there is input.
    while sys.platform != "win32" and not select.select([sys.stdin], [], [], _SOON)[0]:
        pass
    return sys.stdin.readline()


@contextlib.contextmanager
def input_discarded() -> Iterator[None]:
    """Do not echo what is typed in the meantime, and discard it: it may be a password."""
    if sys.platform == "win32" or sys.stdin is None or not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    silent = [*before]
    silent[_LOCAL_MODES] &= ~termios.ECHO
    try:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, silent)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, before)
