"""Server-side storage of unfinished sign-ins: the browser gets a ticket, and the store keeps the encrypted sign-in.

    pending = PendingSignIns(cognito, MemoryStore(), key)
    ticket = pending.put(flow)                # put it into a cookie
    with pending.turn(ticket) as flow:        # in the next request, in any worker
        flow.answer(Code(code))

`authfsm.stores.redis` (extra `authfsm[redis]`) and `authfsm.stores.key_value` (extra `authfsm[stores]`) have
stores that several workers share. To keep nothing on the server, put `flow.seal(key)` into the cookie.
`SharedTokens` keeps the tokens of users who are signed in, and one worker refreshes them for all workers.
"""

from __future__ import annotations

from authfsm.protocol.errors import NotStored, StoreUnavailable
from authfsm.stores.pending import AsyncPendingSignIns, AsyncSharedTokens, PendingSignIns, SharedTokens
from authfsm.stores.store import TAKEN, AsyncMemoryStore, AsyncStore, MemoryStore, Store, WrongStore

__all__ = [
    "TAKEN", "AsyncMemoryStore", "AsyncPendingSignIns", "AsyncSharedTokens", "AsyncStore", "MemoryStore",
    "NotStored", "PendingSignIns", "SharedTokens", "Store", "StoreUnavailable", "WrongStore",
]  # fmt: skip
