"""AdminListUserAuthEvents: what users did, recorded where the pool has threat protection, which finds no risks.

A pool has it with `tier="PLUS"` or an AdvancedSecurityMode. A sign-in is one event, whose challenges are
`Password` and `Mfa` only (AWS API reference, ChallengeResponseType). That a refusal whose session can be used
again leaves the event InProgress is inferred.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.state.core import Core, Reply, Request, paginate
from authfsm.local.state.users import AuthEvent, User
from authfsm.protocol.states import MFA_METHODS, State

_KINDS: Final = {
    "InitiateAuth": "SignIn",
    "AdminInitiateAuth": "SignIn",
    "RespondToAuthChallenge": "SignIn",
    "AdminRespondToAuthChallenge": "SignIn",
    "SignUp": "SignUp",
    "ResendConfirmationCode": "ResendCode",
    "ForgotPassword": "ForgotPassword",
    "ConfirmForgotPassword": "ForgotPassword",
    "ChangePassword": "PasswordChange",
}
_PASSWORD_CHALLENGES: Final = {State.PASSWORD_VERIFIER, State.PASSWORD, State.ADMIN_NO_SRP_AUTH}
_MOST_EVENTS: Final = 60


def _is_enabled(pool: Core) -> bool:
    add_ons = pool.configuration.pool_description.get("UserPool", {}).get("UserPoolAddOns", {})
    mode = add_ons.get("AdvancedSecurityMode", "OFF")
    return pool.configuration.tier == "PLUS" or mode != "OFF"


def record(
    pool: Core, operation: str, request: Request, reply: Reply | None, refusal: PoolRefusal | None
) -> None:
    """Record what a user did, with the reply or the refusal that it got."""
    kind = _KINDS.get(operation)
    flow = request.get("AuthFlow", "")
    if kind is None or flow.startswith("REFRESH_TOKEN") or not _is_enabled(pool):
        return
    user = _user_of(pool, request)
    if user is None:
        return
    answers = "ChallengeName" in request
    if reply is not None:
        response = "InProgress" if "ChallengeName" in reply else "Pass"
    else:
        response = "InProgress" if answers and refusal and refusal.survives else "Fail"
    events = user.account.events
    open_events = [e for e in events if e.kind == "SignIn" and e.response == "InProgress"]
    if answers and open_events:
        event = open_events[-1]
        event.response = response
    else:
        context = request.get("ContextData") or request.get("UserContextData") or {}
        event_id, address = pool.token_issuer.uuid(), context.get("IpAddress", "")
        event = AuthEvent(event_id, kind, pool.clock(), response, ip_address=address)
        del events[: len(events) - _MOST_EVENTS + 1]
        events.append(event)
    if name := _challenge(request):
        result = "Success" if reply is not None else "Failure"
        event.challenges = (*event.challenges, (name, result))


def _user_of(pool: Core, request: Request) -> User | None:
    if "AccessToken" in request:
        with suppress(PoolRefusal):
            return pool.bearer(request)
        return None
    parameters = request.get("AuthParameters") or request.get("ChallengeResponses") or request
    return pool.users.find(parameters.get("USERNAME") or parameters.get("Username", ""))


def _challenge(request: Request) -> str | None:
    challenge = request.get("ChallengeName")
    given = request.get("AuthParameters") or request.get("ChallengeResponses") or {}
    if challenge in _PASSWORD_CHALLENGES or "PASSWORD" in given:
        return "Password"
    return "Mfa" if challenge in MFA_METHODS else None


def list_auth_events(pool: Core, user: User, request: Request) -> Reply:
    """AdminListUserAuthEvents: the newest first."""
    if not _is_enabled(pool):
        raise error_templates.NO_THREAT_PROTECTION.refusal()
    events = {each.event_id: each for each in reversed(user.account.events)}
    return paginate(events, _members, request, "AuthEvents", size="MaxResults")


def _members(event: AuthEvent) -> dict[str, Any]:
    return {
        "EventId": event.event_id,
        "EventType": event.kind,
        "CreationDate": event.created.timestamp(),
        "EventResponse": event.response,
        "EventRisk": {"RiskDecision": "NoRisk", "CompromisedCredentialsDetected": False},
        "ChallengeResponses": [
            {"ChallengeName": name, "ChallengeResponse": result} for name, result in event.challenges
        ],
        "EventContextData": {"IpAddress": event.ip_address} if event.ip_address else {},
    }
