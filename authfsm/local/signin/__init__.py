"""Decides each step of a sign-in at the local pool.

Private. It shares with the client's sign-in only the protocol's names, `Secret` and the arithmetic of SRP, not the
protocol's table, so that client and pool test each other.
"""
