"""Writes the requests about accounts in Cognito's spelling, and reads the replies to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, cast

import attrs

from authfsm import srp
from authfsm.base.secret import Secret, secret
from authfsm.core.wire_replies import mask_secrets, optional_text, parsed_reply, read_operation_reply, required_text
from authfsm.core.wire_requests import Request
from authfsm.protocol import account_requests as a
from authfsm.protocol.account_requests import AccountRequest, ReplyT
from authfsm.protocol.api_requests import OPERATION_REPETITION
from authfsm.protocol.error_policy import account_error_rule
from authfsm.protocol.errors import InvalidInput, MalformedReply
from authfsm.protocol.forms import is_json_object
from authfsm.protocol.replies import Refusal, ReplyWithoutChallenge
from authfsm.protocol.states import State

Members = Mapping[str, Any]


def write_account_request(request: AccountRequest[Any], client_id: str, client_secret: Secret[str] | None) -> Request:
    """Return the API request. If it names a user, it has ClientId, and SecretHash if the app client has a secret."""
    operation = type(request).__name__
    parameters: dict[str, Any] = {}
    for name in attrs.fields_dict(type(request)):
        value = getattr(request, name)
        if value is None or value is False or (isinstance(value, Mapping) and not value):
            continue
        if name == "credential":
            if not is_json_object(value):
                raise InvalidInput(type(request), name, "must be JSON")
            value = Secret(json.loads(value.reveal()))
        elif isinstance(value, Mapping):
            value = dict(value)
            if name != "client_metadata":  # all other mappings have personal data
                value = [{"Name": key, "Value": Secret(each)} for key, each in value.items()]
        parameters[a.member_of(request, name)] = value
    username = parameters.get("Username")
    if username is not None:
        parameters["ClientId"] = client_id
        if client_secret is not None:
            parameters["SecretHash"] = Secret(srp.secret_hash(username, client_id, client_secret))
    return Request(operation, parameters, OPERATION_REPETITION[operation].harmless)


def read_account_reply(sent: Request, raw: Secret[Any], state: State | None = None) -> ReplyWithoutChallenge | Refusal:
    """Return the parsed reply with its Session wrapped, or a refusal whose message has the request's secrets masked."""
    reply = read_operation_reply(raw, sent.operation, state)
    if isinstance(reply, Refusal):
        has_token = "AccessToken" in sent.parameters
        if rule := account_error_rule(reply.code, reply.message, has_token=has_token):
            reply = attrs.evolve(reply, action=rule.action, fault=rule.fault)
        return mask_secrets(reply, sent.parameters)
    if "Session" in reply.members:
        session = secret(optional_text(reply.members, "Session"))
        reply = attrs.evolve(reply, members={**reply.members, "Session": session})
    return reply


def account_value(request: AccountRequest[ReplyT], reply: ReplyWithoutChallenge, state: State | None = None) -> ReplyT:
    """Return the value in a reply, for example a UserProfile; None if it has no value. Raises MalformedReply."""
    reader = _READERS.get(type(request))
    return cast("ReplyT", reader and parsed_reply(Secret(reply.members), state, partial(reader, request)))


def _delivery(details: Any) -> a.CodeDelivery:
    if not isinstance(details, Mapping):
        raise MalformedReply("CodeDeliveryDetails is not a map")
    names = ("Destination", "DeliveryMedium", "AttributeName")
    return a.CodeDelivery(*(optional_text(details, each) for each in names))


def _code_delivery(_: Any, members: Members) -> a.CodeDelivery:
    return _delivery(members.get("CodeDeliveryDetails"))


def _new_account(request: a.SignUp, members: Members) -> a.NewAccount:
    details = members.get("CodeDeliveryDetails")
    return a.NewAccount(
        username=request.username,
        user_sub=required_text(members, "UserSub"),
        confirmed=members.get("UserConfirmed") is True,
        delivery=_delivery(details) if details else None,
        session=members.get("Session"),
    )


def _profile(_: Any, members: Members) -> a.UserProfile:
    attributes = _member(members, "UserAttributes", list)
    if not all(isinstance(each, Mapping) and "Name" in each for each in attributes):
        raise MalformedReply("UserAttributes has an item without a Name")
    return a.UserProfile(
        username=required_text(members, "Username"),
        attributes={str(each["Name"]): str(each.get("Value") or "") for each in attributes},
        mfa=tuple(map(str, _member(members, "UserMFASettingList", list))),
        preferred_mfa=optional_text(members, "PreferredMfaSetting"),
    )


def _deliveries(_: Any, members: Members) -> tuple[a.CodeDelivery, ...]:
    return tuple(map(_delivery, _member(members, "CodeDeliveryDetailsList", list)))


def _confirmed(request: Any, members: Members) -> a.Confirmed:
    return a.Confirmed(request.username, members.get("Session"))


def _member(members: Members, name: str, kind: type[list[Any] | dict[str, Any]]) -> Any:
    value = kind() if members.get(name) is None else members[name]
    if not isinstance(value, kind):
        raise MalformedReply(f"{name} is {type(value).__name__}, not {kind.__name__}")
    return value


_READERS: Final[Mapping[type[AccountRequest[Any]], Callable[[Any, Members], Any]]] = {
    a.SignUp: _new_account,
    a.ConfirmSignUp: _confirmed,
    a.ResendConfirmationCode: _code_delivery,
    a.ForgotPassword: _code_delivery,
    a.ConfirmForgotPassword: _confirmed,
    a.GetUser: _profile,
    a.UpdateUserAttributes: _deliveries,
    a.GetUserAttributeVerificationCode: _code_delivery,
    a.ListWebAuthnCredentials: lambda _, members: _member(members, "Credentials", list),
    a.StartWebAuthnRegistration: lambda _, members: _member(members, "CredentialCreationOptions", dict),
}
"""By request class, the function that reads the value of the reply; replies to all other requests have no value."""
