"""Decides each step of a sign-in at the local pool.

Private. It does not use the protocol's table, so that client and pool test each other. They share only the protocol's
names, `Secret` and the arithmetic of SRP.
"""
