"""How the local pool decides each step of a sign-in.

Private. It shares no code with the client's sign-in but the protocol table, names and arithmetic, so that
client and pool test each other.
"""
