"""The client's logic without I/O: requests, replies, the sign-in, its machine, its history, snapshots and sealing.

Private: `authfsm` exports the public names, those that `authfsm/__init__.pyi` imports from here. No sockets, clocks or
environment; only `encryption` uses randomness.
"""
