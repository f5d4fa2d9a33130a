"""The client's logic without I/O: requests, replies, the sign-in, its machine, its history, snapshots and sealing.

Private, except the names that `authfsm/__init__.pyi` imports from this folder: `authfsm` exports them. The folder uses
no sockets, no clock and no environment variables; only `encryption` uses random numbers.
"""
