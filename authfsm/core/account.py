"""Writes the requests about accounts in Cognito's spelling, and reads the replies to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import attrs

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.core.wire_replies import mask_secrets, read_account_or_token_reply, required_text
from authfsm.core.wire_requests import Request
from authfsm.protocol import account_requests as a
from authfsm.protocol.account_requests import AccountRequest, ReplyT
from authfsm.protocol.api_requests import OPERATION_REPETITION
from authfsm.protocol.error_policy import account_error_rule
from authfsm.protocol.errors import InvalidInput, MalformedReply
from authfsm.protocol.forms import is_json_object
from authfsm.protocol.replies import Acknowledgement, Refusal

Members = Mapping[str, Any]


def write_account_request(
    request: AccountRequest[Any], client_id: str, client_secret: Secret[str] | None
) -> Request:
    """Return the API request, with SecretHash if the app client has a secret."""
    operation = type(request).__name__
    parameters: dict[str, Any] = {}
    for name in attrs.fields_dict(type(request)):
        value = getattr(request, name)
        if value is None or value is False or (isinstance(value, Mapping) and not value):
            continue
        if name == "credential":
            if not is_json_object(value):
                raise InvalidInput(type(request), name, "must be JSON")
            value = json.loads(value.reveal())
        elif isinstance(value, Mapping):
            value = dict(value)
            if name != "client_metadata":  # all other mappings have personal data
                value = [{"Name": key, "Value": Secret(each)} for key, each in value.items()]
        parameters[a.member_of(request, name)] = value
    username = parameters.get("Username")
    if username is not None:
        parameters["ClientId"] = client_id
        if client_secret is not None:
            hashed = srp.secret_hash(username, client_id, client_secret)
            parameters["SecretHash"] = Secret(hashed)
    return Request(operation, parameters, OPERATION_REPETITION[operation].harmless)


def read_account_reply(sent: Request, raw: Secret[Any]) -> Acknowledgement | Refusal:
    """Return the parsed reply to a request, with its Session wrapped; the message of a refusal shows no secret."""
    reply = read_account_or_token_reply(raw, sent.operation)
    if isinstance(reply, Refusal):
        has_token = "AccessToken" in sent.parameters
        if rule := account_error_rule(reply.code, reply.message, has_token=has_token):
            reply = attrs.evolve(reply, action=rule.action, fault=rule.fault)
        return mask_secrets(reply, sent.parameters.values())
    if isinstance(session := reply.members.get("Session"), str):
        reply = attrs.evolve(reply, members={**reply.members, "Session": Secret(session)})
    return reply


def account_value(request: AccountRequest[ReplyT], reply: Acknowledgement) -> ReplyT:
    """Return what the account's method returns for this reply, for example a UserProfile; None if it has no value."""
    reader = _READERS.get(type(request))
    return cast("ReplyT", reader and reader(request, reply.members))


def _delivery(details: Any) -> a.CodeDelivery:
    if not isinstance(details, Mapping):
        raise MalformedReply("CodeDeliveryDetails is not a map")
    names = ("Destination", "DeliveryMedium", "AttributeName")
    return a.CodeDelivery(*(required_text(details, each) if details.get(each) else None for each in names))


def _sent_code(_: Any, members: Members) -> a.CodeDelivery:
    return _delivery(members.get("CodeDeliveryDetails"))


def _new_account(request: a.SignUp, members: Members) -> a.NewAccount:
    details = members.get("CodeDeliveryDetails")
    return a.NewAccount(
        username=request.username,
        user_sub=required_text(members, "UserSub"),
        confirmed=members.get("UserConfirmed") is True,
        delivery=_delivery(details) if details else None,
        session=members.get("Session") or None,
    )


def _profile(_: Any, members: Members) -> a.UserProfile:
    attributes, factors = members.get("UserAttributes", ()), members.get("UserMFASettingList", ())
    if not isinstance(attributes, (list, tuple)) or not isinstance(factors, (list, tuple)):
        raise MalformedReply("UserAttributes or UserMFASettingList is not a list")
    if not all(isinstance(each, Mapping) and "Name" in each for each in attributes):
        raise MalformedReply("UserAttributes has an item without a Name")
    return a.UserProfile(
        username=required_text(members, "Username"),
        attributes={str(each["Name"]): str(each.get("Value", "")) for each in attributes},
        mfa=tuple(map(str, factors)),
        preferred_mfa=members.get("PreferredMfaSetting"),
    )


def _deliveries(_: Any, members: Members) -> tuple[a.CodeDelivery, ...]:
    details = members.get("CodeDeliveryDetailsList") or ()
    if not isinstance(details, (list, tuple)):
        raise MalformedReply("CodeDeliveryDetailsList is not a list")
    return tuple(map(_delivery, details))


def _confirmed(request: Any, members: Members) -> a.Confirmed:
    return a.Confirmed(request.username, members.get("Session") or None)


_READERS: Final[Mapping[type[AccountRequest[Any]], Callable[[Any, Members], Any]]] = {
    a.SignUp: _new_account,
    a.ConfirmSignUp: _confirmed,
    a.ResendConfirmationCode: _sent_code,
    a.ForgotPassword: _sent_code,
    a.ConfirmForgotPassword: _confirmed,
    a.GetUser: _profile,
    a.UpdateUserAttributes: _deliveries,
    a.GetUserAttributeVerificationCode: _sent_code,
    a.ListWebAuthnCredentials: lambda _, members: members.get("Credentials", []),
    a.StartWebAuthnRegistration: lambda _, members: members.get("CredentialCreationOptions", {}),
}
"""The functions that read the value of a reply; the replies to other operations have none."""
