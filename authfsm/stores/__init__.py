"""Where sign-ins wait on the server: a ticket goes to the browser, the sealed sign-in into a store.

    pending = PendingSignIns(cognito, MemoryStore(), key)
    ticket = pending.put(flow)                # into a cookie
    with pending.turn(ticket) as flow:        # in the next request, in any worker
        flow.answer(Code(code))

`authfsm.stores.redis` (extra `authfsm[redis]`) and `authfsm.stores.key_value` (extra `authfsm[stores]`) are
stores that several workers share. To keep nothing on the server, put `flow.seal(key)` into the cookie.
"""

from __future__ import annotations

from authfsm.stores.memory import AsyncMemoryStore, MemoryStore
from authfsm.stores.pending import AsyncPendingSignIns, PendingSignIns
from authfsm.stores.store import TAKEN, AsyncStore, Store

__all__ = [
    "TAKEN",
    "AsyncMemoryStore",
    "AsyncPendingSignIns",
    "AsyncStore",
    "MemoryStore",
    "PendingSignIns",
    "Store",
]
