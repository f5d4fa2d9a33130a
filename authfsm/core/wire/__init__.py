"""Requests and replies exactly as Cognito spells them.

Both codecs hang on the table: `WRITERS` is keyed by its (state, response) pairs, `READERS` by its
challenges, and a test says that neither misses one. Nothing here moves a sign-in.
"""

from authfsm.core.wire.replies import READERS, challenge, read
from authfsm.core.wire.requests import WRITERS, Request, Sender, write

__all__ = ["READERS", "WRITERS", "Request", "Sender", "challenge", "read", "write"]
