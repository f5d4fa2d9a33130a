"""The settings of a local pool, and its errors; reading and writing descriptions, and checks of requests.

Private, except what `authfsm.local` exports.
"""
