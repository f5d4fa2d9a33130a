"""The settings of a local pool, and its errors; reading and writing descriptions, and checks of requests.

Private, but for what `authfsm.local` exports.
"""
