"""The responses, which a program sends to Cognito; what Cognito sends is a reply.

The word "response" comes from RespondToAuthChallenge. Here it means the content of any request, including a request
that begins a flow. (In boto3 and botocore, "response" is the service's message.)
A response becomes one API request; its class is frozen, with checked fields and wrapped secrets. `Response.trigger` is
its name in the machine and the diagrams (`UserSrpAuth` -> `user_srp_auth`). `authfsm.protocol.table` has the states to
which it may lead. Most fields have Cognito's name in snake case; `core/wire_requests.py` writes each to its member of
the request. The table has these classes only: no state accepts a subclass that you write.
Public, from `authfsm`: each of these classes whose name begins without an underscore.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from attrs import field, frozen

from authfsm.base.mixins import CompletesDocstring
from authfsm.base.secret import Secret, WrapsSecrets, secret, wrap_text
from authfsm.protocol import validators as v


@frozen
class Response(CompletesDocstring, WrapsSecrets):
    """The base class of all responses.

    Args:
        client_metadata: `ClientMetadata` for the pool's Lambda triggers, text to text.
    """

    trigger: ClassVar[str] = "response"
    """The response's name in the machine, diagrams and histories. If it changes, old histories cannot be read."""
    auth_flow: ClassVar[str | None] = None
    """The `AuthFlow` that this response starts; None if it starts none."""
    may_carry_password: ClassVar[bool] = False
    """Whether this response can carry the password; `proves_password` in `protocol/nodes.py` says which transitions prove it."""

    client_metadata: Mapping[str, str] = field(
        factory=dict, converter=v.frozen_texts, validator=v.are_texts, kw_only=True, repr=False
    )

    def __init_subclass__(cls, *, auth_flow: str | None = None, may_carry_password: bool = False) -> None:
        """Name the trigger after the class: `UserSrpAuth` is `user_srp_auth`."""
        super().__init_subclass__()
        cls.trigger = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()
        # attrs makes the class a second time, with slots and without these arguments.
        cls.auth_flow = auth_flow or cls.auth_flow
        cls.may_carry_password = may_carry_password or cls.may_carry_password


# ---- responses that start a sign-in or refresh tokens ---------------------------------------------------


@frozen
class _Start(Response):
    """The base class of the responses that start a sign-in.

    Args:
        username: a user name or an alias.
    """

    username: str = field(validator=v.is_name)


@frozen
class _PasswordStart(_Start, may_carry_password=True):
    """The base class of the responses that start with a user name and the password.

    Args:
        password: the password.
    """

    password: Secret[str] = field(converter=secret, validator=v.is_typed)


@frozen
class _SrpStart(_Start):
    """The base class of the responses that start an SRP proof of the password.

    Args:
        srp_a: the client's public value A (hex), `authfsm.srp.Ephemeral.SRP_A`.
    """

    srp_a: str = field(validator=v.is_hex)


@frozen
class UserSrpAuth(_SrpStart, auth_flow="USER_SRP_AUTH"):
    """Start with a user name and SRP_A: the password is proved, but never sent."""


@frozen
class UserPasswordAuth(_PasswordStart, auth_flow="USER_PASSWORD_AUTH"):
    """Start with a user name and the password in plain text."""


@frozen
class AdminUserPasswordAuth(_PasswordStart, auth_flow="ADMIN_USER_PASSWORD_AUTH"):
    """Start, as an administrator, with a user's name and password in plain text."""


@frozen
class AdminNoSrpAuth(_Start, auth_flow="ADMIN_NO_SRP_AUTH", may_carry_password=True):
    """Start as with `AdminUserPasswordAuth`, by the flow's older name; the password may follow in a second step.

    Args:
        password: the password; None to send it in the second step.
    """

    password: Secret[str] | None = field(default=None, converter=secret, validator=v.is_typed_if_given)


@frozen
class CustomAuth(_Start, auth_flow="CUSTOM_AUTH"):
    """Start a flow of custom challenges, which the pool's Lambda functions define."""


@frozen
class CustomSrpAuth(_SrpStart, auth_flow="CUSTOM_AUTH"):
    """Start a flow of custom challenges in which SRP proves the password first."""


@frozen
class UserAuth(_Start, auth_flow="USER_AUTH"):
    """Start USER_AUTH with a user name: the user chooses a first factor, or the program names the preferred one.

    Args:
        preferred_challenge: `PREFERRED_CHALLENGE`: PASSWORD, PASSWORD_SRP, EMAIL_OTP, SMS_OTP or WEB_AUTHN.
    """

    preferred_challenge: str | None = field(default=None, validator=v.is_preferred_if_given)


@frozen
class UserAuthWithPassword(_PasswordStart, auth_flow="USER_AUTH"):
    """Start USER_AUTH with the preferred first factor PASSWORD, and send the password at once."""


@frozen
class UserAuthWithSrp(_SrpStart, auth_flow="USER_AUTH"):
    """Start USER_AUTH with the preferred first factor PASSWORD_SRP, and send SRP_A at once."""


@frozen
class StepUp(_Start, auth_flow="USER_AUTH"):
    """Start USER_AUTH to reach a higher level of authentication than a token has.

    Args:
        username: the user; with `access_token`, the user of that token.
        target_acr_values: `TARGET_ACR_VALUES`, the requested levels, in order of preference.
        access_token: a token; the factors in its `amr` claim count as proved.
        max_age: `MAX_AGE` in seconds: if the token's sign-in was longer ago (`auth_time`), its factors do not count.
    """

    target_acr_values: tuple[str, ...] = field(converter=v.to_tuple, validator=v.are_names)
    access_token: Secret[str] | None = field(default=None, converter=secret, validator=v.is_text_if_given)
    max_age: int | None = field(default=None, validator=v.is_count_if_given)


@frozen
class SignedUp(_Start, auth_flow="USER_AUTH"):
    """Start with the session of ConfirmSignUp: while it is valid, Cognito can issue tokens without a challenge.

    Args:
        username: the user who has just signed up.
        session: `Session` of the reply to ConfirmSignUp.
    """

    session: Secret[str] = field(converter=secret, validator=v.is_text)


@frozen
class RefreshTokenAuth(Response, auth_flow="REFRESH_TOKEN_AUTH"):
    """Exchange a refresh token for new tokens.

    Args:
        refresh_token: the refresh token; None for that of the sign-in.
        username: the user's actual username, from which SECRET_HASH is made if the app client has a secret. It is not
            an alias; if users sign in with an address, it is their `sub`. None for that of the sign-in.
        device_key: DEVICE_KEY of the device that signed in; None for that of the sign-in.
    """

    refresh_token: Secret[str] | None = field(default=None, converter=secret, validator=v.is_text_if_given)
    username: str | None = field(default=None, validator=v.is_text_if_given)
    device_key: str | None = field(default=None, validator=v.is_text_if_given)


@frozen
class RefreshToken(RefreshTokenAuth, auth_flow="REFRESH_TOKEN"):
    """Exchange a refresh token as `RefreshTokenAuth` does, by the older name of its flow."""


@frozen
class GetTokensFromRefreshToken(Response):
    """Exchange a refresh token for new tokens, with the operation that supports rotation.

    Args:
        refresh_token: the refresh token; None for that of the sign-in.
        device_key: DeviceKey of the device that signed in; None for that of the sign-in.
    """

    refresh_token: Secret[str] | None = field(default=None, converter=secret, validator=v.is_text_if_given)
    device_key: str | None = field(default=None, validator=v.is_text_if_given)


# ---- responses that answer a challenge ------------------------------------------------------------------


@frozen
class Select(Response):
    """Choose a first factor (SELECT_CHALLENGE) or a second one (SELECT_MFA_TYPE).

    Args:
        answer: the name of the chosen challenge.
    """

    answer: str = field(validator=v.is_typed)


@frozen
class Password(Response, may_carry_password=True):
    """Send the password in plain text.

    Args:
        password: the password.
        direct: whether to send ChallengeName PASSWORD instead of SELECT_CHALLENGE with ANSWER=PASSWORD, if the user can
            choose a first factor; Cognito accepts both.
    """

    password: Secret[str] = field(converter=secret, validator=v.is_typed)
    direct: bool = field(default=False, kw_only=True, validator=v.is_bool)


@frozen
class SrpA(Response):
    """Start an SRP proof of the password or of the device.

    Args:
        srp_a: the client's public value A (hex).
        direct: whether to send ChallengeName PASSWORD_SRP instead of SELECT_CHALLENGE with ANSWER=PASSWORD_SRP, if the
            user can choose a first factor; Cognito accepts both.
    """

    srp_a: str = field(validator=v.is_hex)
    direct: bool = field(default=False, kw_only=True, validator=v.is_bool)


@frozen
class SrpClaim(Response):
    """Finish an SRP proof: `authfsm.srp.claim_signature` makes the signature.

    Args:
        signature: `PASSWORD_CLAIM_SIGNATURE` (base64).
        secret_block: `PASSWORD_CLAIM_SECRET_BLOCK`: SECRET_BLOCK of the challenge, unchanged (base64).
        timestamp: `TIMESTAMP`, exactly as it was signed.
    """

    signature: Secret[str] = field(converter=secret, validator=v.is_text)
    secret_block: Secret[str] = field(converter=secret, validator=v.is_text)
    timestamp: str = field(validator=v.is_text)


@frozen
class Code(Response):
    """Send the code of an SMS, an e-mail or an authenticator app.

    Spaces, hyphens and the like are removed. SOFTWARE_TOKEN_MFA accepts six digits; other challenges accept any number
    of digits.

    Args:
        code: the digits.
    """

    code: Secret[str] = field(converter=v.to_code, validator=v.is_code)


@frozen
class Credential(Response):
    """Sign with a passkey.

    Args:
        credential: AuthenticationResponseJSON (W3C Web Authentication), as JSON text.
    """

    credential: Secret[str] = field(converter=secret, validator=v.is_typed)


@frozen
class Answer(Response):
    """Answer a custom challenge.

    Args:
        answer: the answer for the pool's VerifyAuthChallengeResponse function.
    """

    answer: Secret[str] = field(converter=secret, validator=v.is_typed)


@frozen
class RawAnswer(Response):
    """Answer a challenge that this version does not know.

    Args:
        fields: `ChallengeResponses` as Cognito expects them; USERNAME and, if the app client has a secret, SECRET_HASH
            are added, and replace those that are passed.
    """

    fields: Mapping[str, Secret[str]] = field(converter=v.frozen_secret_mapping, validator=v.are_texts)


@frozen
class NewPassword(Response):
    """Replace the temporary password.

    Args:
        password: the new password.
        attributes: the values of the required attributes by name (`name`, `custom:team`).
    """

    password: Secret[str] = field(converter=secret, validator=v.is_typed)
    attributes: Mapping[str, str] = field(factory=dict, converter=v.frozen_texts, validator=v.are_texts, repr=False)


@frozen
class AssociateSoftwareToken(Response):
    """Request the secret for an authenticator app."""


@frozen
class VerifySoftwareToken(Response):
    """Prove that the authenticator app has the secret.

    Args:
        code: the app's six digits; spaces, hyphens and the like are removed.
        friendly_device_name: a name for the app.
    """

    code: Secret[str] = field(converter=v.to_code, validator=v.is_totp)
    friendly_device_name: str | None = field(default=None, validator=v.is_typed_if_given)


@frozen
class CompleteMfaSetup(Response):
    """Continue the sign-in after the authenticator app has been verified."""


@frozen
class SetUpEmail(Response):
    """Enrol an e-mail address as second factor.

    Args:
        email: the address.
    """

    email: str = field(converter=v.stripped, validator=v.is_email, repr=False)


# ---- responses after a sign-in --------------------------------------------------------------------------


@frozen
class ConfirmDevice(Response):
    """Register a new device with an SRP verifier of its own (`authfsm.srp.device_verifier`).

    Args:
        password_verifier: base64 of the padded verifier.
        salt: base64 of the padded salt.
        device_key: the device's key; None for the key in the tokens' `NewDeviceMetadata`.
        device_name: a name for the device.
    """

    password_verifier: Secret[str] = field(converter=secret, validator=v.is_text)
    salt: Secret[str] = field(converter=secret, validator=v.is_text)
    device_key: str | None = field(default=None, validator=v.is_text_if_given)
    device_name: str | None = field(default=None, validator=v.is_text_if_given)


@frozen
class UpdateDeviceStatus(Response):
    """Have Cognito remember a confirmed device, or no longer remember it. The device stays in the user's list.

    Args:
        remembered: True for `remembered`, False for `not_remembered`.
        device_key: the device's key; None for that of the sign-in.
    """

    remembered: bool = field(default=True, validator=v.is_bool)
    device_key: str | None = field(default=None, validator=v.is_text_if_given)


@frozen
class RevokeToken(Response):
    """Sign out here: revoke the refresh token and the access tokens that were issued for it."""


@frozen
class GlobalSignOut(Response):
    """Sign out everywhere: revoke all of the user's tokens."""


# ---- groups of responses --------------------------------------------------------------------------------

RESPONSES: dict[str, type[Response]] = {
    each.trigger: each
    for name, each in list(globals().items())
    if isinstance(each, type) and issubclass(each, Response) and not name.startswith("_")
    if each is not Response
}
"""Every response class by its trigger, in the order of this module."""

REFRESH_RESPONSES: Final = frozenset({RefreshTokenAuth, RefreshToken, GetTokensFromRefreshToken})
"""The responses that exchange a refresh token for new tokens: they do not sign in a user."""

CUSTOM_AUTH_RESPONSES: Final = frozenset({CustomAuth, CustomSrpAuth})
"""The responses that start CUSTOM_AUTH, in which the pool's Lambda functions choose the challenges."""

ADMIN_RESPONSES: Final = frozenset({AdminUserPasswordAuth, AdminNoSrpAuth})
"""The responses that only an operation of an administrator carries."""

SRP_START_RESPONSES: Final[frozenset[type[Response]]] = frozenset({UserSrpAuth, CustomSrpAuth, UserAuthWithSrp})
"""The responses that start a sign-in with an SRP proof: a driver accepts the password in place of SRP_A, which it computes."""


def wrap_call(
    response: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Return a response's class and its arguments, with secrets wrapped; for another `response`, wrap everything."""
    if not (isinstance(response, type) and issubclass(response, Response)):
        return wrap_text(response), *WrapsSecrets.wrap_arguments(args, kwargs)
    if len(args) == 1 and isinstance(args[0], Response):  # that response has wrapped its secrets
        return response, args, WrapsSecrets.wrap_arguments((), kwargs)[1]
    if response in SRP_START_RESPONSES and len(args) > 1:
        args = (args[0], *(secret(each) for each in args[1:]))
    return response, *response.wrap_arguments(args, kwargs)
