"""The records of a local pool (users, sessions, codes, tokens) and the rules that change them.

Private, except for the names that `authfsm.local` exports.
"""
