"""Sends requests to Cognito: `boto` (synchronous), `aio` (asyncio), `totp` (enrolment after the sign-in).

Both drivers run the same generators (`flow_steps`). During a sign-in only this folder, `stores` and `jwks` perform I/O.
Private, except `totp`, and `Cognito`, `Flow`, `AsyncCognito` and `AsyncFlow`, which `authfsm` exports.
"""
