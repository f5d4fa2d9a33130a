"""Sends requests to Cognito: `boto` (synchronous), `aio` (asyncio), `totp` (enrolment after the sign-in).

Both drivers run the same generators (`flow_steps`). Only this folder, `stores` and `jwks` perform I/O.
Private but for `totp`: `authfsm` exports `Cognito`, `Flow`, `AsyncCognito` and `AsyncFlow`.
"""
