"""The settings of a local pool and its errors, and the descriptions and requests of Cognito's API.

Private, but for what `authfsm.local` exports.
"""
