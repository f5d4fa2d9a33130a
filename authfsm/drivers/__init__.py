"""Sends a sign-in's requests to Cognito: `boto` and `aio`, and `totp` for users who are signed in.

Both drivers run the same generators (`flow_steps`). Only this folder, `stores` and `jwks` perform I/O.
Private but for `totp`: `authfsm` exports `Cognito`, `Flow`, `AsyncCognito` and `AsyncFlow`.
"""
