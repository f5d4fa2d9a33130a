"""Operations of administrators that create, confirm, list and disable users, set passwords, and list users' events.

AdminListUserAuthEvents needs `tier="PLUS"` or an AdvancedSecurityMode other than OFF; all events say NoRisk. A sign-in
is one event, whose challenges are named `Password` or `Mfa` (AWS API reference, ChallengeResponseType). It is inferred
that EMAIL_OTP is `Mfa` as a first factor too, and that an event stays InProgress if the session survives a refusal.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from authfsm.base.secret import Secret
from authfsm.local.accounts import enrolment, sign_up
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import messages, passwords, triggers
from authfsm.local.signin.messages import Delivery
from authfsm.local.state import attributes
from authfsm.local.state.codes import Purpose
from authfsm.local.state.core import Core, Reply, Request, paginate
from authfsm.local.state.users import AuthEvent, Status, User
from authfsm.protocol.auth_flows import ANSWER_OPERATIONS, BEGIN_OPERATIONS
from authfsm.protocol.states import MFA_METHODS, State

# "You can only search for the following standard attributes ... Custom attributes are not searchable."
# -- AWS API reference, ListUsers
_SEARCHABLE: Final = (
    "username", "email", "phone_number", "name", "given_name", "family_name", "preferred_username",
    "cognito:user_status", "status", "sub",
)  # fmt: skip


def create_user(pool: Core, request: Request) -> Reply:
    """Answer AdminCreateUser: the invitation contains the temporary password.

    "To create a user with no password, omit this parameter ... You can only create a passwordless user when
    passwordless sign-in is available. ... If you don't specify a value, Amazon Cognito generates one for
    you unless you have passwordless options active" -- AWS API reference, TemporaryPassword. But if
    MessageAction is SUPPRESS or WEB_AUTHN is allowed, Cognito generates no password, and refuses a request without one
    (measured at Cognito, and reports of users).
    """
    if request.get("MessageAction") == "RESEND":
        return _resend_invitation(pool, request)
    values = attributes.from_request(request.get("UserAttributes", ()))
    password = _temporary_password(pool, request)
    user = sign_up.unsaved_user(pool, request["Username"], values)
    sign_up.check_new_attributes(pool, user)
    user.attributes.pop("sub", None)
    if pool.users.find(request["Username"]) is not None:
        raise error_templates.USER_EXISTS.refusal(name=request["Username"])
    conflict = pool.users.conflicting_attribute(user)
    if conflict and not request.get("ForceAliasCreation"):
        raise error_templates.ALIAS_TAKEN.refusal(name=conflict)
    invitations = _invitations(pool, user, password, request)
    # The function's response is checked, but has no other effect: AdminCreateUser confirms the user in any case.
    triggers.pre_sign_up(pool, "PreSignUp_AdminCreateUser", None, user, request)
    user.status = Status.CONFIRMED
    if password is not None:
        passwords.set_password(pool, user, password, temporary=True)
        user.modified = user.created  # equal in the example of AWS's CLI reference, admin-create-user
    pool.users.add(user, force=bool(conflict))
    for each in invitations:
        messages.send(pool, each)
    return {"User": user_to_api(user)}


def _temporary_password(pool: Core, request: Request) -> Secret[str] | None:
    if text := request.get("TemporaryPassword"):
        password = Secret(text)
        passwords.check_policy(pool, password, check="weak-passwords")
        return password
    if sign_up.allows_passwordless_users(pool):
        return None
    factors = pool.configuration.allowed_first_auth_factors
    if request.get("MessageAction") == "SUPPRESS" or "WEB_AUTHN" in factors:
        raise error_templates.NO_PASSWORD.refusal()
    return _random_password(pool)


def _random_password(pool: Core) -> Secret[str]:
    repetitions = 5 + pool.configuration.password_policy.minimum_length // 4
    alphabets = (string.ascii_uppercase, string.ascii_lowercase, string.digits, "!@#$%^*-_+") * repetitions
    pairs = zip(alphabets, pool.entropy(len(alphabets)), strict=True)
    return Secret("".join(alphabet[byte % len(alphabet)] for alphabet, byte in pairs))


def _invitations(pool: Core, user: User, password: Secret[str] | None, request: Request) -> list[Delivery]:
    """Return the messages with the password; refuse a requested medium for which the user has no address."""
    if password is None or request.get("MessageAction") == "SUPPRESS":
        return []
    media, metadata = request.get("DesiredDeliveryMediums"), request.get("ClientMetadata")
    found = []
    for medium, attribute, name in (("SMS", "phone_number", "phone number"), ("EMAIL", "email", "email")):
        address = user.attributes.get(attribute)
        if address and medium in (media or ["SMS"]):  # "The default value is SMS"
            found.append(Delivery(user, address, medium, Purpose.ADMIN_CREATE_USER, password, None, metadata))
        elif media and medium in media:
            # Reports of users for e-mail; the message for SMS is inferred.
            why = f"No {name} provided but desired delivery medium was {medium if medium == 'SMS' else 'Email'}"
            pool.refuse_or_record("invalid-attribute-values", error_templates.INVALID_PARAMETER.refusal(why=why))
    return found


def _resend_invitation(pool: Core, request: Request) -> Reply:
    user = pool.user_of(request)
    if user.status is not Status.FORCE_CHANGE_PASSWORD:
        raise error_templates.RESEND_NOT_POSSIBLE.refusal(username=user.username)
    password = _temporary_password(pool, request) or _random_password(pool)
    invitations = _invitations(pool, user, password, request)
    passwords.set_password(pool, user, password, temporary=True)
    for each in invitations:
        messages.send(pool, each)
    return {"User": user_to_api(user)}


def confirm_user(pool: Core, user: User, request: Request) -> None:
    """Answer AdminConfirmSignUp: confirm a user without a code; no address is verified."""
    sign_up.check_unconfirmed(pool, user)
    user.account.codes.pop(messages.SIGN_UP, None)
    sign_up.confirm(pool, None, user, request.get("ClientMetadata"))


def set_user_password(pool: Core, user: User, request: Request) -> None:
    """Answer AdminSetUserPassword: set a permanent password, or one that the user must change at the next sign-in."""
    password = Secret(request["Password"])
    passwords.check_policy(pool, password)
    passwords.check_history(pool, user, password)
    passwords.set_password(pool, user, password, temporary=not request.get("Permanent", False))


def user_to_api(user: User, attributes_member: str = "Attributes") -> dict[str, Any]:
    """Return a user as ListUsers does; AdminGetUser calls the attributes UserAttributes instead of Attributes."""
    return {
        "Username": user.username,
        attributes_member: attributes.to_api(user.all_attributes()),
        "UserCreateDate": user.created.timestamp(),
        "UserLastModifiedDate": user.modified.timestamp(),
        "Enabled": user.enabled,
        "UserStatus": user.status.value,
    }


def get_user(_: Core, user: User, __: Request) -> Reply:
    """Answer AdminGetUser: return a user's attributes, status and second factors."""
    return {**user_to_api(user, "UserAttributes"), **enrolment.mfa_members(user)}


def list_users(pool: Core, request: Request) -> Reply:
    """Answer ListUsers: return the users in the order of creation."""
    matches = _parse_filter(request.get("Filter"))
    found = {user.username: user for user in pool.users if matches(user)}
    reply = paginate(found, user_to_api, request, "Users", position_member="PaginationToken")
    if (names := request.get("AttributesToGet")) is not None:
        if any(name not in pool.configuration.attributes.all for name in names):
            pool.refuse_or_record("unknown-attributes", error_templates.UNKNOWN_ATTRIBUTES.refusal())
        for each in reply["Users"]:
            each["Attributes"] = [a for a in each["Attributes"] if a["Name"] in names]
    return reply


def _parse_filter(text: str | None) -> Callable[[User], bool]:
    """Return the predicate of a Filter: `name = "value"` or `name ^= "prefix"`; cognito:user_status ignores case."""
    if not text:
        return lambda _: True
    match = re.fullmatch(r'\s*([\w:]+)\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*', text)
    if match is None:
        raise error_templates.BAD_FILTER.refusal()
    name, is_prefix = match[1], match[2] == "^="
    if name not in _SEARCHABLE:
        raise error_templates.NOT_SEARCHABLE.refusal(name=name)
    expected = re.sub(r"\\(.)", r"\1", match[3])
    if name == "cognito:user_status":
        expected = expected.upper()

    def matches(user: User) -> bool:
        values = {
            "status": "Enabled" if user.enabled else "Disabled",
            "username": user.username,
            "cognito:user_status": user.status.value,
        }
        value = values.get(name) or user.all_attributes().get(name)
        if value is None:
            return False
        return value.startswith(expected) if is_prefix else value == expected

    return matches


def disable_user(pool: Core, user: User, _: Request) -> None:
    """Answer AdminDisableUser: "revokes all access tokens for the user" (AWS API reference)."""
    user.enabled, user.modified = False, pool.clock()
    user.sign_outs += 1


def enable_user(pool: Core, user: User, _: Request) -> None:
    """Answer AdminEnableUser. By default, pending sign-ins of a disabled user end (`passwords.end_sessions`)."""
    if not user.enabled:
        passwords.end_sessions(pool, user)
    user.enabled, user.modified = True, pool.clock()


_EVENT_KINDS: Final = {
    **dict.fromkeys(BEGIN_OPERATIONS | ANSWER_OPERATIONS, "SignIn"),
    "SignUp": "SignUp", "ResendConfirmationCode": "ResendCode", "ForgotPassword": "ForgotPassword",
    "ConfirmForgotPassword": "ForgotPassword", "ChangePassword": "PasswordChange",
}  # fmt: skip
_PASSWORD_CHALLENGES: Final = {State.PASSWORD_VERIFIER, State.PASSWORD, State.ADMIN_NO_SRP_AUTH}
_MAX_EVENTS: Final = 60


def _records_events(pool: Core) -> bool:
    add_ons = pool.configuration.pool_description.get("UserPool", {}).get("UserPoolAddOns", {})
    return pool.configuration.tier == "PLUS" or add_ons.get("AdvancedSecurityMode", "OFF") != "OFF"


def record_event(
    pool: Core, operation: str, request: Request, reply: Reply | None, refusal: PoolRefusal | None
) -> None:
    """Record a user's request and its result in a new event or an open sign-in's; `reply` or `refusal` is None."""
    kind = _EVENT_KINDS.get(operation)
    flow = request.get("AuthFlow", "")
    if kind is None or flow.startswith("REFRESH_TOKEN") or not _records_events(pool):
        return
    user = named_user(pool, request)
    if user is None:
        return
    answers = "ChallengeName" in request
    if reply is not None:
        response = "InProgress" if "ChallengeName" in reply else "Pass"
    else:
        response = "InProgress" if answers and refusal and refusal.survives else "Fail"
    events = user.account.events
    open_events = [e for e in events if e.event_type == "SignIn" and e.response == "InProgress"]
    if answers and open_events:
        event = open_events[-1]
        event.response = response
    else:
        context = request.get("ContextData") or request.get("UserContextData") or {}
        event_id, address = pool.token_issuer.uuid(), context.get("IpAddress", "")
        event = AuthEvent(event_id, kind, pool.clock(), response, ip_address=address)
        del events[: max(0, len(events) - _MAX_EVENTS + 1)]
        events.append(event)
    challenge = request.get("ChallengeName")
    has_password = challenge in _PASSWORD_CHALLENGES or "PASSWORD" in _parameters(request)
    if has_password or challenge in MFA_METHODS:
        result = "Success" if reply is not None else "Failure"
        event.challenges = (*event.challenges, ("Password" if has_password else "Mfa", result))


def _parameters(request: Request) -> Mapping[str, Any]:
    return request.get("AuthParameters") or request.get("ChallengeResponses") or request


def named_user(pool: Core, request: Request) -> User | None:
    """Return the user whose name or access token a request has; None if there is no such user."""
    if "AccessToken" in request:
        with suppress(PoolRefusal):
            return pool.token_family(request).user
        return None
    parameters = _parameters(request)
    return pool.users.find(parameters.get("USERNAME") or parameters.get("Username", ""))


def list_auth_events(pool: Core, user: User, request: Request) -> Reply:
    """Answer AdminListUserAuthEvents: return the events, the newest first."""
    if not _records_events(pool):
        raise error_templates.NO_THREAT_PROTECTION.refusal()
    events = {each.event_id: each for each in reversed(user.account.events)}
    return paginate(events, _event_members, request, "AuthEvents", size_member="MaxResults")


def _event_members(event: AuthEvent) -> dict[str, Any]:
    return {
        "EventId": event.event_id,
        "EventType": event.event_type,
        "CreationDate": event.created.timestamp(),
        "EventResponse": event.response,
        "EventRisk": {"RiskDecision": "NoRisk", "CompromisedCredentialsDetected": False},
        "ChallengeResponses": [
            {"ChallengeName": name, "ChallengeResponse": result} for name, result in event.challenges
        ],
        "EventContextData": {"IpAddress": event.ip_address} if event.ip_address else {},
    }
