"""Decides each step of a sign-in at the local pool.

Private. It shares with the client's sign-in only the protocol's table and names, and the arithmetic of SRP, so that
client and pool test each other.
"""
