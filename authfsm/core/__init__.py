"""The client's logic without I/O: requests, replies, the sign-in, its machine, its history, snapshots and sealing.

Private: `authfsm` exports the public names. No sockets, clocks, randomness or environment.
"""
