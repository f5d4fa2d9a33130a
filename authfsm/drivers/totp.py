"""Sets up an authenticator app for a user who is signed in: associate, show, verify, switch on.

    enrolment = totp.associate(client, tokens.access_token, issuer="Example")
    print(enrolment.terminal())  # the user scans it, and reads a code from the app
    totp.verify(client, tokens.access_token, input("code: "))

A user who must enrol before there are tokens (MFA_SETUP) does so in the sign-in, by AssociateSoftwareToken,
VerifySoftwareToken and CompleteMfaSetup.

Cognito stores one TOTP secret for each user, and a new one replaces it without notice: until it is verified
the user signs in without TOTP, while GetUser still lists it as on (amplify-js #1226, #3844; according to the
API reference the replacement happens at VerifySoftwareToken, so expect both). Therefore `associate` checks
first, and replaces an app that is in use only with `replace=True`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from authfsm.base.secret import Secret, secret
from authfsm.core.enrolment import Enrolment
from authfsm.core.wire_replies import mask_secrets, read
from authfsm.core.wire_requests import Request
from authfsm.drivers.base_flow import is_async
from authfsm.drivers.transport import send_request
from authfsm.protocol import responses as r
from authfsm.protocol.api_requests import OPERATION_REPETITION
from authfsm.protocol.error_sentences import OTHER_STEP
from authfsm.protocol.errors import CallerError, MalformedReply, refused
from authfsm.protocol.replies import Acknowledgement, Refusal
from authfsm.protocol.states import State

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

_STATE = State.AUTHENTICATED  # of every error: a refusal here takes no tokens away


class AlreadyEnrolled(CallerError):
    """The user has an authenticator app, and a new secret would disable it; nothing was changed.

    Args:
        username: the user's name.
    """

    _presented = OTHER_STEP

    def __init__(self, username: str) -> None:
        super().__init__(
            f"{username} has an authenticator app: pass replace=True to replace it", state=_STATE
        )
        self.username = username


def associate(
    client: CognitoIdentityProviderClient,
    access_token: str | Secret[str],
    *,
    issuer: str,
    account: str | None = None,
    replace: bool = False,
) -> Enrolment:
    """Return a new TOTP secret for the user of this token, to be shown to the user and then verified.

    Args:
        client: any boto3 `cognito-idp` client; an unsigned one will do.
        access_token: the user's token, with the scope `aws.cognito.signin.user.admin`.
        issuer: your product's name, as the app will show it.
        account: the account's name, as the app will show it; by default the user's e-mail address if the
            pool has it, else the user name.
        replace: continue if the user has an app. Until the new one is verified, the user may be signing
            in without TOTP.

    Raises:
        AlreadyEnrolled: the user has an app, and `replace` is not set.
        Refused: Cognito refused; the class says who is at fault.
        ConnectionLost, NotSent, MalformedReply: no reply came, nothing was sent, the reply is not valid.
        BadField: `issuer` or `account` is empty; nothing was sent.
        TypeError: an async client. From an event loop, use a plain one in a thread (`asyncio.to_thread`).
    """
    access_token = secret(access_token)
    _check_not_async(client)
    # The names are checked first: afterwards the old secret may be gone.
    enrolment = Enrolment("A" * 32, issuer, account or "account")
    user = _call(client, "GetUser", {"AccessToken": access_token})
    username = _text(user, "Username")
    if not replace and State.SOFTWARE_TOKEN_MFA.value in user.get("UserMFASettingList", ()):
        raise AlreadyEnrolled(username)
    attributes = {each.get("Name"): each.get("Value") for each in user.get("UserAttributes", ())}
    enrolment = attrs.evolve(enrolment, account=account or attributes.get("email") or username)
    # The reply has no name of its own here: a traceback's frames must not show it.
    secret_code = Secret(
        _text(_call(client, "AssociateSoftwareToken", {"AccessToken": access_token}), "SecretCode")
    )
    return attrs.evolve(enrolment, secret_code=secret_code)


def verify(
    client: CognitoIdentityProviderClient,
    access_token: str | Secret[str],
    code: str | Secret[str],
    *,
    device_name: str | None = None,
    preferred: bool = True,
) -> None:
    """Verify the app by its first code, and switch it on: VerifySoftwareToken, then SetUserMFAPreference.

    The code is used up: the next sign-in needs a later one.

    Args:
        client: as for `associate`.
        access_token: the same user's token.
        code: six digits, from the app.
        device_name: FriendlyDeviceName, the app's name at later sign-ins.
        preferred: ask for this factor first.

    Raises:
        Refused: a wrong code is a RefusedUser, and another may follow.
        ConnectionLost, NotSent, MalformedReply: as for `associate`. If the second request failed, the app is
            verified but not in use: call `switch_on`.
        BadField: the code or the name is empty; nothing was sent.
        TypeError: as for `associate`.
    """
    access_token = secret(access_token)
    code = secret(code)
    _check_not_async(client)
    response = r.VerifySoftwareToken(code, device_name)
    del code  # `response` has it in its valid form
    parameters: dict[str, Any] = {"AccessToken": access_token, "UserCode": response.code}
    if response.friendly_device_name is not None:
        parameters["FriendlyDeviceName"] = response.friendly_device_name
    facts = _call(client, "VerifySoftwareToken", parameters)
    if facts.get("Status") != "SUCCESS":
        # As in MFA_SETUP, where the status ERROR is a refusal.
        reply = read(facts, r.VerifySoftwareToken, state=_STATE)
        assert isinstance(reply, Refusal)  # noqa: S101 - its status is ERROR
        raise refused(reply, state=_STATE)
    switch_on(client, access_token, preferred=preferred)


def switch_on(
    client: CognitoIdentityProviderClient,
    access_token: str | Secret[str],
    *,
    preferred: bool = True,
) -> None:
    """Require the app's code at sign-in from now on: SetUserMFAPreference, for this factor alone.

    Args:
        client: as for `associate`.
        access_token: the same user's token.
        preferred: ask for this factor first, instead of another that was preferred.

    Raises:
        Refused: for example, no app has been verified.
        ConnectionLost, NotSent, MalformedReply: as for `associate`.
        TypeError: as for `associate`.
    """
    access_token = secret(access_token)
    _check_not_async(client)
    # "Only one factor can be set as preferred" -- AWS API reference, SetUserMFAPreference. That the other
    # one stops being preferred is inferred, and is what the local Cognito does.
    settings = {"Enabled": True, "PreferredMfa": preferred}
    _call(
        client,
        "SetUserMFAPreference",
        {"AccessToken": access_token, "SoftwareTokenMfaSettings": settings},
    )


def _check_not_async(client: Any) -> None:
    if is_async(client):
        raise TypeError(
            "the methods of this client are awaited: pass a plain boto3 client, in a thread"
        )


def _call(client: Any, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the reply to one request; raise an error if it is a refusal."""
    reply = _reply(client, operation, parameters)
    if isinstance(reply, Refusal):
        reply = mask_secrets(reply, parameters.values())
        raise refused(reply, state=_STATE)
    return reply.facts


def _reply(client: Any, operation: str, parameters: Mapping[str, Any]) -> Refusal | Acknowledgement:
    # A function of its own: the frame of an error must not show the reply, which may quote secrets.
    request = Request(operation, parameters, OPERATION_REPETITION[operation].harmless)
    raw = send_request(getattr(client, request.method), request, _STATE)
    # These replies, and refusals, have the same form as those to GlobalSignOut.
    reply = read(raw, r.GlobalSignOut, state=_STATE)
    assert isinstance(reply, (Refusal, Acknowledgement))  # noqa: S101 - GlobalSignOut has no other reply
    return reply


def _text(reply: Mapping[str, Any], name: str) -> str:
    value = reply.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedReply(f"{name} is missing", state=_STATE)
    return value
