"""Sends requests to Cognito: `boto` (synchronous), `aio` (asyncio), `totp` (enrolment after the sign-in).

Both drivers run the same generators (`flow_steps`). The client performs I/O only in this folder, `stores` and `jwks`.
Private, except `totp`, and `Cognito`, `Flow`, `AsyncCognito` and `AsyncFlow`, which `authfsm` exports.
"""
