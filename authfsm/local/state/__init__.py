"""The records of a local pool (users, sessions, codes, tokens) and the rules that change them.

Private, but for what `authfsm.local` exports.
"""
