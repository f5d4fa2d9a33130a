"""An authenticator app for a user who is signed in: associate, show, verify, switch on.

    enrolment = totp.associate(client, tokens.access_token, issuer="Example")
    print(enrolment.terminal())  # the person scans it, and reads a code from the app
    totp.verify(client, tokens.access_token, input("code: "))

For a user who must enrol before there are tokens (MFA_SETUP), the sign-in does this: answer
AssociateSoftwareToken, VerifySoftwareToken and CompleteMfaSetup.

Cognito has one place for a user's TOTP secret. A new secret takes the place of the old one in silence:
until it is verified the user signs in without TOTP, while GetUser still lists it as on (amplify-js #1226,
#3844; the API reference says that it happens at VerifySoftwareToken, so both are to be expected).
Therefore `associate` looks first, and refuses to replace an app that is in use unless told to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from authfsm.base.secret import MASK, Secret, secret
from authfsm.core.enrolment import Enrolment
from authfsm.core.wire_replies import read
from authfsm.core.wire_requests import Request
from authfsm.drivers.app_client import is_async
from authfsm.drivers.transport import send_request
from authfsm.protocol import responses as r
from authfsm.protocol.api_requests import OPERATION_REPETITION
from authfsm.protocol.errors import CallerError, MalformedReply, refused
from authfsm.protocol.replies import Acknowledgement, Refusal
from authfsm.protocol.states import State

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

# A refusal takes no tokens away.
_HERE = State.AUTHENTICATED


class AlreadyEnrolled(CallerError):
    """The user has an authenticator app, and a new secret would put it out of use; nothing was changed.

    Args:
        username: the user's name.
    """

    def __init__(self, username: str) -> None:
        super().__init__(
            f"{username} has an authenticator app: replace=True puts a new one in its place",
            state=_HERE,
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
    """A new TOTP secret for the user whose token this is, to be shown and then verified.

    Args:
        client: any boto3 `cognito-idp` client; an unsigned one will do.
        access_token: the user's, with the scope `aws.cognito.signin.user.admin`.
        issuer: your product's name, as the app will show it.
        account: whose codes these are, as the app will show it; the e-mail address that the pool
            knows, else the user name, if left out.
        replace: go on though the user has an app. Until the new one is verified the user may be
            signing in without TOTP.

    Raises:
        AlreadyEnrolled: the user has an app, and `replace` is not set.
        Refused: Cognito refused; its class says whose fault that was.
        ConnectionLost, NotSent, MalformedReply: there is no telling, it did not leave, it cannot be read.
        BadField: `issuer` or `account` is empty; nothing was sent.
        TypeError: an async client. A plain one serves an event loop in a thread (`asyncio.to_thread`).
    """
    access_token = secret(access_token)
    _check_waited_for(client)
    token = access_token = secret(access_token)
    # The names are checked first: afterwards the old secret may be gone.
    enrolment = Enrolment("A" * 32, issuer, account or "account")
    user = _heard(client, "GetUser", {"AccessToken": token})
    username = _text(user, "Username")
    if not replace and State.SOFTWARE_TOKEN_MFA.value in user.get("UserMFASettingList", ()):
        raise AlreadyEnrolled(username)
    known = {each.get("Name"): each.get("Value") for each in user.get("UserAttributes", ())}
    enrolment = attrs.evolve(enrolment, account=account or known.get("email") or username)
    # Not by a name of its own: a traceback's frames must not show it.
    secret_code = Secret(
        _text(_heard(client, "AssociateSoftwareToken", {"AccessToken": token}), "SecretCode")
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
    """Accept the app by its first code, and switch it on: VerifySoftwareToken, then SetUserMFAPreference.

    The code is spent by this: the next sign-in takes a later one.

    Args:
        client: as for `associate`.
        access_token: the same user's.
        code: six digits, from the app.
        device_name: FriendlyDeviceName, what the app is called at later sign-ins.
        preferred: ask for this factor first.

    Raises:
        Refused: a wrong code is a RefusedUser, and another may follow.
        ConnectionLost, NotSent, MalformedReply: as for `associate`. If it was the second request that
            failed, the app is verified and not in use: call `switch_on`.
        BadField: the code, or the name, is empty; nothing was sent.
        TypeError: as for `associate`.
    """
    access_token = secret(access_token)
    code = secret(code)
    _check_waited_for(client)
    given = r.VerifySoftwareToken(code, device_name)
    del code  # a traceback's frames must not show it
    token = access_token = secret(access_token)
    parameters: dict[str, Any] = {"AccessToken": token, "UserCode": given.code}
    if given.friendly_device_name is not None:
        parameters["FriendlyDeviceName"] = given.friendly_device_name
    facts = _heard(client, "VerifySoftwareToken", parameters)
    if facts.get("Status") != "SUCCESS":
        # Read as it is on the way in, where the status ERROR is a refusal of its own kind.
        raise refused(read(facts, r.VerifySoftwareToken, state=_HERE), state=_HERE)
    switch_on(client, token, preferred=preferred)


def switch_on(
    client: CognitoIdentityProviderClient,
    access_token: str | Secret[str],
    *,
    preferred: bool = True,
) -> None:
    """Ask for the app's code at sign-in, from now on: SetUserMFAPreference, for this factor alone.

    Args:
        client: as for `associate`.
        access_token: the same user's.
        preferred: ask for this factor first, in place of another that was preferred.

    Raises:
        Refused: no app has been verified, for one.
        ConnectionLost, NotSent, MalformedReply: as for `associate`.
        TypeError: as for `associate`.
    """
    access_token = secret(access_token)
    _check_waited_for(client)
    token = access_token = secret(access_token)
    # "Only one factor can be set as preferred" -- AWS API reference, SetUserMFAPreference. That another
    # gives way by itself is inferred, and is what the embedded pool does.
    settings = {"Enabled": True, "PreferredMfa": preferred}
    _heard(
        client,
        "SetUserMFAPreference",
        {"AccessToken": token, "SoftwareTokenMfaSettings": settings},
    )


# ---- inside ------------------------------------------------------------------------------------------


def _check_waited_for(client: Any) -> None:
    if is_async(client):
        raise TypeError("this client's methods are awaited: give a plain boto3 client, in a thread")


def _heard(client: Any, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what one request is answered, if it is not refused."""
    reply = _answered(client, operation, parameters)
    if isinstance(reply, Refusal):
        reply = _blotted(reply, parameters)
        raise refused(reply, state=_HERE)
    return reply.facts


def _answered(
    client: Any, operation: str, parameters: Mapping[str, Any]
) -> Refusal | Acknowledgement:
    request = Request(operation, parameters, OPERATION_REPETITION[operation].harmless)
    heard = send_request(getattr(client, request.method), request, _HERE)
    # A refusal reads the same after any operation; else these replies are plain maps, as that one's is.
    reply = read(heard, r.GlobalSignOut, state=_HERE)
    assert isinstance(reply, (Refusal, Acknowledgement))  # noqa: S101 - GlobalSignOut is answered by nothing else
    return reply


def _blotted(reply: Refusal, parameters: Mapping[str, Any]) -> Refusal:
    """A refusal, without any secret of the request that it answers."""
    message = reply.message
    for value in parameters.values():
        if isinstance(value, Secret):
            message = message.replace(value.reveal(), MASK)
    return attrs.evolve(reply, message=message)


def _text(reply: Mapping[str, Any], name: str) -> str:
    value = reply.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedReply(f"{name} is missing", state=_HERE)
    return value
