"""Sets up an authenticator app for a user who is signed in.

    enrolment = totp.associate(client, tokens.access_token, issuer="Example")
    print(enrolment.terminal())  # the user scans it, and reads a code from the app
    totp.verify(client, tokens.access_token, input("code: "))

With asyncio, await `associate_async`, `verify_async` and `switch_on_async`, with an aiobotocore client or with a
boto3 client, whose calls then run in threads.

If Cognito asks for the set-up during a sign-in (MFA_SETUP), answer with AssociateSoftwareToken, VerifySoftwareToken and
CompleteMfaSetup instead.

Cognito stores one TOTP secret for each user. Users report that AssociateSoftwareToken replaces it, and that the user
signs in without TOTP until the new one is verified, although GetUser still lists the factor as enabled (amplify-js
#1226, #3844). The API reference says that only VerifySoftwareToken replaces the secret. Both may happen, so `associate`
first checks whether TOTP is enabled for the user; if it is, `associate` replaces the app only with `replace=True`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import attrs

from authfsm.base.secret import Secret, secret
from authfsm.core.account import account_value, read_account_reply
from authfsm.core.enrolment import Enrolment
from authfsm.core.wire_replies import parsed_reply, read, required_text, wrapped_reply
from authfsm.core.wire_requests import Request
from authfsm.drivers.aio import AsyncCognito
from authfsm.drivers.base_flow import check_type, is_async
from authfsm.drivers.boto import Cognito
from authfsm.protocol import responses as r
from authfsm.protocol.account_requests import GetUser
from authfsm.protocol.api_requests import OPERATION_REPETITION
from authfsm.protocol.error_sentences import OTHER_STEP
from authfsm.protocol.errors import CallerError, refused
from authfsm.protocol.replies import Refusal, ReplyWithoutChallenge
from authfsm.protocol.states import State

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

T = TypeVar("T")
Requests: TypeAlias = Generator[Request, Any, T]
"""A generator that yields requests, is sent their replies, and returns a T."""

_STATE = State.AUTHENTICATED  # every error has this state, because a refusal does not invalidate the tokens


class AlreadyEnrolled(CallerError):
    """The user (`username`) has an authenticator app, and a new secret may disable it; nothing was changed."""

    _fixed_presentation = OTHER_STEP

    def __init__(self, username: str) -> None:
        super().__init__(f"{username} has an authenticator app: pass replace=True to replace it", state=_STATE)
        self.username = username


def associate(
    client: CognitoIdentityProviderClient,
    access_token: str | Secret[str],
    *,
    issuer: str,
    account: str | None = None,
    replace: bool = False,
) -> Enrolment:
    """Return a new TOTP secret for the user of this token: show it to the user, and then call `verify`.

    Args:
        client: any boto3 `cognito-idp` client; it may be unsigned.
        access_token: the user's token, with the scope `aws.cognito.signin.user.admin`.
        issuer: your product's name, as the app will show it.
        account: the account's name, as the app will show it; by default the user's e-mail address if there is one,
            otherwise the user name.
        replace: continue even if TOTP is enabled. Until the new app is verified, Cognito may then ask for no code.

    Raises:
        AlreadyEnrolled: TOTP is enabled for the user, and `replace` is not set; the TOTP secret was not changed.
        Refused: Cognito refused; the class says who is at fault.
        ConnectionLost: no reply came. NotSent: nothing was sent. MalformedReply: the reply is not valid.
        BadField: the token or a name is empty or no text, or a name has control characters; the secret was not changed.
        TypeError: the client is asynchronous (use `associate_async`), or `replace` is no bool.
    """
    access_token = secret(access_token)
    return _run(client, _associate_steps(access_token, issuer, account, replace=replace))


async def associate_async(
    client: Any, access_token: str | Secret[str], *, issuer: str, account: str | None = None, replace: bool = False
) -> Enrolment:
    """See `associate`."""
    access_token = secret(access_token)
    return await _run_async(client, _associate_steps(access_token, issuer, account, replace=replace))


def _associate_steps(
    access_token: Secret[str], issuer: str, account: str | None, *, replace: bool
) -> Requests[Enrolment]:
    # The arguments are checked before the request that may replace the old secret.
    check_type("replace", replace, bool)
    enrolment = Enrolment("A" * 32, issuer, "account" if account is None else account)
    user = account_value(GetUser(access_token), (yield from _call("GetUser", {"AccessToken": access_token})), _STATE)
    if not replace and State.SOFTWARE_TOKEN_MFA.value in user.mfa:
        raise AlreadyEnrolled(user.username)
    enrolment = attrs.evolve(enrolment, account=account or user.attributes.get("email") or user.username)
    reply = wrapped_reply((yield from _call("AssociateSoftwareToken", {"AccessToken": access_token})).members)
    secret_code = Secret(parsed_reply(reply, _STATE, required_text, "SecretCode"))
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

    The next sign-in needs a newer code. If SetUserMFAPreference fails, the app is verified but not in use: call
    `switch_on`. A wrong code raises RefusedUser, and text that is no code InvalidInput. Other errors: see `associate`.

    Args:
        client: any boto3 `cognito-idp` client.
        access_token: the same user's token.
        code: the six digits of the app; after a wrong code, call this again with another one.
        device_name: FriendlyDeviceName, the name of the app that later sign-ins show.
        preferred: make this the preferred factor.
    """
    access_token = secret(access_token)
    code = secret(code)
    _run(client, _verify_steps(access_token, code, device_name, preferred=preferred))


async def verify_async(
    client: Any,
    access_token: str | Secret[str],
    code: str | Secret[str],
    *,
    device_name: str | None = None,
    preferred: bool = True,
) -> None:
    """See `verify`."""
    access_token = secret(access_token)
    code = secret(code)
    await _run_async(client, _verify_steps(access_token, code, device_name, preferred=preferred))


def _verify_steps(
    access_token: Secret[str], code: Secret[str], device_name: str | None, *, preferred: bool
) -> Requests[None]:
    check_type("preferred", preferred, bool)
    response = r.VerifySoftwareToken(code, device_name)
    del code  # `response` has the code in its valid form
    parameters: dict[str, Any] = {"AccessToken": access_token, "UserCode": response.code}
    if response.friendly_device_name is not None:
        parameters["FriendlyDeviceName"] = response.friendly_device_name
    members = (yield from _call("VerifySoftwareToken", parameters)).members
    if members.get("Status") != "SUCCESS":
        # The status ERROR is a refusal, as in MFA_SETUP.
        reply = read(members, r.VerifySoftwareToken, state=_STATE)
        assert isinstance(reply, Refusal)  # noqa: S101 - its status is ERROR
        raise refused(reply, state=_STATE)
    yield from _switch_on_steps(access_token, preferred=preferred)


def switch_on(
    client: CognitoIdentityProviderClient, access_token: str | Secret[str], *, preferred: bool = True
) -> None:
    """Send SetUserMFAPreference, so that each sign-in requires the app's code, unless MFA is OFF in the pool.

    The errors are those of `associate`; Cognito refuses, for example, if no app has been verified.

    Args:
        client: any boto3 `cognito-idp` client.
        access_token: the same user's token.
        preferred: make this the preferred factor, instead of another one.
    """
    access_token = secret(access_token)
    _run(client, _switch_on_steps(access_token, preferred=preferred))


async def switch_on_async(client: Any, access_token: str | Secret[str], *, preferred: bool = True) -> None:
    """See `switch_on`."""
    access_token = secret(access_token)
    await _run_async(client, _switch_on_steps(access_token, preferred=preferred))


def _switch_on_steps(access_token: Secret[str], *, preferred: bool) -> Requests[None]:
    check_type("preferred", preferred, bool)
    # "Only one factor can be set as preferred" -- AWS API reference, SetUserMFAPreference. It is
    # inferred that another factor then stops being preferred; the local Cognito does this.
    settings = {"Enabled": True, "PreferredMfa": preferred}
    yield from _call("SetUserMFAPreference", {"AccessToken": access_token, "SoftwareTokenMfaSettings": settings})


def _run(client: Any, steps: Requests[T]) -> T:
    if is_async(client):
        raise TypeError("the methods of this client are coroutine functions: use the function with _async in its name")
    return Cognito(client, client_id="")._run(steps, lambda: _STATE)  # noqa: SLF001 - same package


async def _run_async(client: Any, steps: Requests[T]) -> T:
    return await AsyncCognito(client, client_id="")._run(steps, lambda: _STATE)  # noqa: SLF001 - same package


def _call(operation: str, parameters: Mapping[str, Any]) -> Requests[ReplyWithoutChallenge]:
    """Return the reply to one request; raise an error if it is a refusal."""
    request = Request(operation, parameters, OPERATION_REPETITION[operation].harmless)
    reply = read_account_reply(request, (yield request), _STATE)
    if isinstance(reply, Refusal):
        raise refused(reply, state=_STATE)
    return reply
