"""What is typed: read when it is asked for, and shown only then.

Whoever turns the echo off turns it on again, however it ends. Where a terminal has no settings to
change (Windows, a pipe), nothing is changed.
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
    """A line of standard input with its end; empty where there is none."""
    # A signal that comes just before a read begins does not end that read: Ctrl-C would be heard only
    # with the next key. So nothing is read before there is something to read.
    while sys.platform != "win32" and not select.select([sys.stdin], [], [], _SOON)[0]:
        pass
    return sys.stdin.readline()


@contextlib.contextmanager
def unheeded() -> Iterator[None]:
    """While nothing is asked: what is typed is not shown, and answers nothing.

    Who types on too early may be typing a password.
    """
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
