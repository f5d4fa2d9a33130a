"""Private: how the local pool decides each step of a sign-in.

It shares no code with the client's sign-in but the protocol table, names and arithmetic, so that the two
test each other.
"""
