"""A local pool with a user for every page of the site. Its messages are printed instead of being sent."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from fastapi import FastAPI

from apps.site.app import FLOWS, site
from authfsm import Verifier, new_key
from authfsm.local import DeviceConfiguration, LocalPool, Triggers, WebAuthnConfiguration

PASSWORD: Final = "Correct-Horse-1"
TOTP: Final = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

USERS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "ada": ("a code by SMS", {"phone_number": "+15555550143", "preferred_mfa": "SMS_MFA"}),
    "tom": (f"a code of an authenticator app that knows {TOTP}", {"totp_secret": TOTP}),
    "sol": ("a choice of the two", {
        "phone_number": "+15555550188", "totp_secret": TOTP, "mfa": ["SMS_MFA", "SOFTWARE_TOKEN_MFA"],
    }),
    "nia": ("a new password and her name", {"temporary": True}),
    "eve": ("nothing; or without it a code by e-mail", {"email": "eve@example.com"}),
    "zoe": ("nothing; with --mfa ON, an authenticator app to enrol", {}),
}  # fmt: skip
"""Each user, the challenge after the password, and the user's attributes in the pool."""


def pool(**settings: Any) -> LocalPool:
    """Return the pool.

    Args:
        settings: of `LocalPool`, in place of these.
    """
    usual: dict[str, Any] = {
        "mfa": "OPTIONAL",
        "device": DeviceConfiguration(
            challenge_required_on_new_device=True, device_only_remembered_on_user_prompt=True
        ),
        "allowed_first_auth_factors": ["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"],
        "webauthn": WebAuthnConfiguration("localhost"),
        "required_attributes": ["name"],
        "triggers": Triggers(define=_define, create=_create, verify=_verify),
    }
    if settings.get("mfa") == "ON":  # which excludes codes, and passkeys that do not satisfy MFA, as first factors
        usual["allowed_first_auth_factors"] = ["PASSWORD"]
    local_pool = LocalPool(**{**usual, **settings})
    for username, (_, facts) in USERS.items():
        local_pool.add_user(username, PASSWORD, **facts)
    return local_pool


def app_with_pool(origin: str, mfa: str) -> FastAPI:
    """Return the site with this pool; print its users, and each code that it would send."""
    local_pool = pool(mfa=mfa)
    show = partial(print, flush=True)  # on the terminal that runs the site
    local_pool.outbox.watch(lambda message: show(f"to {message.to}: {message.code.reveal()}"))
    users = "\n".join(f"  {username}: {then}" for username, (then, _) in USERS.items())
    show(
        f"\n  {origin}\n\nThe password of all is {PASSWORD}; after it comes\n{users}\n"
        "Codes that would be sent are printed below.\n"
    )
    verifier = Verifier(local_pool.pool_id, local_pool.client_id, jwks=local_pool.jwks())
    flows = {**FLOWS, "CUSTOM_AUTH": "Answer a question"}
    return site(local_pool.cognito(), verifier, key=new_key(), origin=origin, flows=flows)


# ---- CUSTOM_AUTH: one question ---------------------------------------------------------------------------


def _define(event: Any, _: Any = None) -> Any:
    rounds = event["request"]["session"]
    event["response"] |= {
        "issueTokens": bool(rounds) and rounds[-1]["challengeResult"],
        "failAuthentication": bool(rounds) and not rounds[-1]["challengeResult"],
        "challengeName": "CUSTOM_CHALLENGE",
    }
    return event


def _create(event: Any, _: Any = None) -> Any:
    event["response"] |= {
        "publicChallengeParameters": {"question": "What is six times seven?"},
        "privateChallengeParameters": {"answer": "42"},
    }
    return event


def _verify(event: Any, _: Any = None) -> Any:
    right = event["request"]["privateChallengeParameters"]["answer"]
    event["response"]["answerCorrect"] = event["request"]["challengeAnswer"] == right
    return event
