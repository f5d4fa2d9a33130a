"""What a caller may give: one frozen class a trigger, its fields checked, its secrets wrapped.

A response becomes one API request. Its class is the protocol's trigger: `Response.trigger` is the name
the machine and the diagrams use (`UserSrpAuth` -> `user_srp_auth`). No response knows where it leads;
that is the table's business (`authfsm.protocol.table`). Field names are Cognito's, in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from attrs import field, frozen

from authfsm.base.secret import Secret, WrapsSecrets, secret
from authfsm.protocol.validators import (
    are_names,
    are_texts,
    frozen_secret_mapping,
    frozen_str_mapping,
    is_bool,
    is_code,
    is_count_if_given,
    is_email,
    is_hex,
    is_name,
    is_text,
    is_text_if_given,
    is_totp,
    is_typed,
    is_typed_if_given,
    stripped,
    to_code,
    to_tuple,
)


@frozen
class Response(WrapsSecrets):
    """What a caller gives: the base of every response.

    Args:
        client_metadata: `ClientMetadata` for the pool's Lambda triggers, text to text.
    """

    trigger: ClassVar[str] = "response"
    """The name of the machine's trigger."""
    auth_flow: ClassVar[str | None] = None
    """The `AuthFlow` this begins; None for what answers a challenge."""
    proves_password: ClassVar[bool] = False
    """Has a password been proved, once this has led on?"""

    client_metadata: Mapping[str, str] = field(
        factory=dict, converter=frozen_str_mapping, validator=are_texts, kw_only=True, repr=False
    )

    def __init_subclass__(cls) -> None:
        """Name the trigger after the class: `UserSrpAuth` is `user_srp_auth`."""
        super().__init_subclass__()
        cls.trigger = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()


# ---- how a sign-in begins -------------------------------------------------------------------------


@frozen
class UserSrpAuth(Response):
    """Begin with a user name and SRP_A: the password is proved, never sent.

    Args:
        username: a user name or an alias.
        srp_a: the client's public value A (hex), `authfsm.srp.Ephemeral.SRP_A`.
    """

    auth_flow: ClassVar[str | None] = "USER_SRP_AUTH"
    username: str = field(validator=is_name)
    srp_a: str = field(validator=is_hex)


@frozen
class UserPasswordAuth(Response):
    """Begin with a user name and the password in clear.

    Args:
        username: a user name or an alias.
        password: the password.
    """

    auth_flow: ClassVar[str | None] = "USER_PASSWORD_AUTH"
    proves_password: ClassVar[bool] = True
    username: str = field(validator=is_name)
    password: Secret[str] = field(converter=secret, validator=is_typed)


@frozen
class AdminUserPasswordAuth(Response):
    """Begin, as an administrator, with a user's name and password in clear.

    Args:
        username: a user name or an alias.
        password: the password.
    """

    auth_flow: ClassVar[str | None] = "ADMIN_USER_PASSWORD_AUTH"
    proves_password: ClassVar[bool] = True
    username: str = field(validator=is_name)
    password: Secret[str] = field(converter=secret, validator=is_typed)


@frozen
class AdminNoSrpAuth(Response):
    """The older name of `AdminUserPasswordAuth`; the password may come in a second step.

    Args:
        username: a user name or an alias.
        password: the password.
    """

    auth_flow: ClassVar[str | None] = "ADMIN_NO_SRP_AUTH"
    proves_password: ClassVar[bool] = True
    username: str = field(validator=is_name)
    password: Secret[str] | None = field(
        default=None, converter=secret, validator=is_typed_if_given
    )


@frozen
class CustomAuth(Response):
    """Begin a conversation that the pool's Lambda functions lead.

    Args:
        username: a user name or an alias.
    """

    auth_flow: ClassVar[str | None] = "CUSTOM_AUTH"
    username: str = field(validator=is_name)


@frozen
class CustomSrpAuth(Response):
    """Begin a conversation that the pool's Lambda functions lead, with the password proved by SRP first.

    Args:
        username: a user name or an alias.
        srp_a: the client's public value A (hex).
    """

    auth_flow: ClassVar[str | None] = "CUSTOM_AUTH"
    username: str = field(validator=is_name)
    srp_a: str = field(validator=is_hex)


@frozen
class UserAuth(Response):
    """Begin with a user name; the first factor is chosen, or preferred.

    Args:
        username: a user name or an alias.
        preferred_challenge: `PREFERRED_CHALLENGE`: PASSWORD, PASSWORD_SRP, EMAIL_OTP, SMS_OTP or WEB_AUTHN.
    """

    auth_flow: ClassVar[str | None] = "USER_AUTH"
    username: str = field(validator=is_name)
    preferred_challenge: str | None = field(default=None, validator=is_text_if_given)


@frozen
class UserAuthWithPassword(Response):
    """Begin by choice, with PASSWORD preferred and given at once.

    Args:
        username: a user name or an alias.
        password: the password.
    """

    auth_flow: ClassVar[str | None] = "USER_AUTH"
    proves_password: ClassVar[bool] = True
    username: str = field(validator=is_name)
    password: Secret[str] = field(converter=secret, validator=is_typed)


@frozen
class UserAuthWithSrp(Response):
    """Begin by choice, with PASSWORD_SRP preferred and begun at once.

    Args:
        username: a user name or an alias.
        srp_a: the client's public value A (hex).
    """

    auth_flow: ClassVar[str | None] = "USER_AUTH"
    username: str = field(validator=is_name)
    srp_a: str = field(validator=is_hex)


@frozen
class StepUp(Response):
    """Begin by choice, to reach a higher level of authentication than a token has.

    Args:
        username: the user; with `access_token`, that token's own user.
        target_acr_values: `TARGET_ACR_VALUES`, the levels wanted, best first.
        access_token: credit for the factors in its `amr` claim.
        max_age: `MAX_AGE` in seconds: an older token earns no credit.
    """

    auth_flow: ClassVar[str | None] = "USER_AUTH"
    username: str = field(validator=is_name)
    target_acr_values: tuple[str, ...] = field(converter=to_tuple, validator=are_names)
    access_token: Secret[str] | None = field(
        default=None, converter=secret, validator=is_text_if_given
    )
    max_age: int | None = field(default=None, validator=is_count_if_given)


@frozen
class SignedUp(Response):
    """Begin with the session that ConfirmSignUp gave: no challenge, if it is fresh.

    Args:
        username: the user who has just signed up.
        session: `Session` of ConfirmSignUp's reply.
    """

    auth_flow: ClassVar[str | None] = "USER_AUTH"
    username: str = field(validator=is_name)
    session: Secret[str] = field(converter=secret, validator=is_text)


@frozen
class RefreshTokenAuth(Response):
    """Take new tokens for a refresh token.

    Args:
        refresh_token: left out, the sign-in's own.
        username: for SECRET_HASH, where the app client has a secret: the user's real name (its `sub`
            where the name is a UUID), not an alias; left out, the sign-in's own.
        device_key: DEVICE_KEY of the session's device; left out, the sign-in's own.
    """

    auth_flow: ClassVar[str | None] = "REFRESH_TOKEN_AUTH"
    refresh_token: Secret[str] | None = field(
        default=None, converter=secret, validator=is_text_if_given
    )
    username: str | None = field(default=None, validator=is_text_if_given)
    device_key: str | None = field(default=None, validator=is_text_if_given)


@frozen
class RefreshToken(RefreshTokenAuth):
    """The older name of `RefreshTokenAuth`, with the same fields."""

    auth_flow: ClassVar[str | None] = "REFRESH_TOKEN"


@frozen
class GetTokensFromRefreshToken(Response):
    """Take new tokens for a refresh token, by the operation that knows rotation.

    Args:
        refresh_token: left out, the sign-in's own.
        device_key: DeviceKey of the session's device; left out, the sign-in's own.
    """

    refresh_token: Secret[str] | None = field(
        default=None, converter=secret, validator=is_text_if_given
    )
    device_key: str | None = field(default=None, validator=is_text_if_given)


# ---- how a challenge is answered ------------------------------------------------------------------


@frozen
class Select(Response):
    """Choose: a first factor (SELECT_CHALLENGE), or a second one (SELECT_MFA_TYPE).

    Args:
        answer: the chosen challenge's name.
    """

    answer: str = field(validator=is_typed)


@frozen
class Password(Response):
    """Give the password in clear.

    Args:
        password: the password.
        direct: where a choice is open, answer under the name PASSWORD and not as
            ANSWER=PASSWORD under SELECT_CHALLENGE; Cognito takes both.
    """

    proves_password: ClassVar[bool] = True
    password: Secret[str] = field(converter=secret, validator=is_typed)
    direct: bool = field(default=False, kw_only=True, validator=is_bool)


@frozen
class SrpA(Response):
    """Begin a proof by SRP: of the password, or of the device.

    Args:
        srp_a: the client's public value A (hex).
        direct: where a choice is open, answer under the name PASSWORD_SRP and not as
            ANSWER=PASSWORD_SRP under SELECT_CHALLENGE; Cognito takes both.
    """

    srp_a: str = field(validator=is_hex)
    direct: bool = field(default=False, kw_only=True, validator=is_bool)


@frozen
class SrpClaim(Response):
    """End a proof by SRP: `authfsm.srp.claim` makes the signature.

    Args:
        signature: `PASSWORD_CLAIM_SIGNATURE` (base64).
        secret_block: `PASSWORD_CLAIM_SECRET_BLOCK`, the challenge's own, unchanged (base64).
        timestamp: `TIMESTAMP`, the very text that was signed.
    """

    signature: Secret[str] = field(converter=secret, validator=is_text)
    secret_block: Secret[str] = field(converter=secret, validator=is_text)
    timestamp: str = field(validator=is_text)


@frozen
class Code(Response):
    """Give the code of an SMS, an e-mail or an authenticator app.

    Spaces, hyphens and the like are removed (`authfsm.protocol.validators`). SOFTWARE_TOKEN_MFA takes six digits,
    any other challenge as many as the message had.

    Args:
        code: its digits.
    """

    code: Secret[str] = field(converter=to_code, validator=is_code)


@frozen
class Credential(Response):
    """Sign with a passkey.

    Args:
        credential: AuthenticationResponseJSON (W3C Web Authentication), as JSON text.
    """

    credential: Secret[str] = field(converter=secret, validator=is_typed)


@frozen
class Answer(Response):
    """Answer a custom challenge.

    Args:
        answer: what VerifyAuthChallengeResponse will be given.
    """

    answer: Secret[str] = field(converter=secret, validator=is_typed)


@frozen
class RawAnswer(Response):
    """Answer a challenge that this package does not know.

    Args:
        fields: `ChallengeResponses` as Cognito wants them; USERNAME and SECRET_HASH are added.
    """

    fields: Mapping[str, Secret[str]] = field(converter=frozen_secret_mapping, validator=are_texts)


@frozen
class NewPassword(Response):
    """Replace the temporary password.

    Args:
        password: the new one.
        attributes: the required attributes, by their names (`name`, `custom:team`).
    """

    password: Secret[str] = field(converter=secret, validator=is_typed)
    attributes: Mapping[str, str] = field(
        factory=dict, converter=frozen_str_mapping, validator=are_texts, repr=False
    )


@frozen
class AssociateSoftwareToken(Response):
    """Ask for the secret that an authenticator app is to be given."""


@frozen
class VerifySoftwareToken(Response):
    """Prove that the authenticator app has the secret.

    Args:
        code: the app's six digits; spaces, hyphens and the like are removed.
        friendly_device_name: a name for the app.
    """

    code: Secret[str] = field(converter=to_code, validator=is_totp)
    friendly_device_name: str | None = field(default=None, validator=is_typed_if_given)


@frozen
class CompleteMfaSetup(Response):
    """Go on with the sign-in, the authenticator app being verified."""


@frozen
class SetUpEmail(Response):
    """Enrol an e-mail address as second factor.

    Args:
        email: the address.
    """

    email: str = field(converter=stripped, validator=is_email, repr=False)


# ---- what can be done with tokens in hand -----------------------------------------------------------


@frozen
class ConfirmDevice(Response):
    """Let Cognito know the new device by an SRP verifier of its own (`authfsm.srp.device_verifier`).

    Args:
        password_verifier: base64 of the padded verifier.
        salt: base64 of the padded salt.
        device_key: left out, that of the tokens' `NewDeviceMetadata`.
        device_name: a name for the device.
    """

    password_verifier: Secret[str] = field(converter=secret, validator=is_text)
    salt: Secret[str] = field(converter=secret, validator=is_text)
    device_key: str | None = field(default=None, validator=is_text_if_given)
    device_name: str | None = field(default=None, validator=is_text_if_given)


@frozen
class UpdateDeviceStatus(Response):
    """Have a confirmed device remembered, or not.

    Args:
        remembered: True for `remembered`.
        device_key: left out, the sign-in's own.
    """

    remembered: bool = field(default=True, validator=is_bool)
    device_key: str | None = field(default=None, validator=is_text_if_given)


@frozen
class RevokeToken(Response):
    """Sign out here: revoke the refresh token and the access tokens that came of it."""


@frozen
class GlobalSignOut(Response):
    """Sign out everywhere: revoke all of the user's tokens."""


REFRESH_RESPONSES: Final = frozenset({RefreshTokenAuth, RefreshToken, GetTokensFromRefreshToken})
"""The responses that exchange a refresh token for new tokens: they sign nobody in."""

CUSTOM_AUTH_RESPONSES: Final = frozenset({CustomAuth, CustomSrpAuth})
"""The responses that begin CUSTOM_AUTH: from there on the pool's Lambda functions lead."""

ADMIN_RESPONSES: Final = frozenset({AdminUserPasswordAuth, AdminNoSrpAuth})
"""The responses that only an administrator's operation carries."""

RESPONSES: dict[str, type[Response]] = {
    kind.trigger: kind
    for kind in list(globals().values())
    if isinstance(kind, type) and issubclass(kind, Response) and kind is not Response
}
"""Every response class by its trigger's name, in the order above."""

SRP_START_RESPONSES: Final = frozenset({UserSrpAuth, CustomSrpAuth, UserAuthWithSrp})
"""The responses that begin a proof of the password: a driver takes the password and makes SRP_A itself."""


def wrap_call(
    response: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments from which a driver makes a response, the secret ones wrapped.

    Args:
        response: the response's class; of anything else every argument is wrapped.
        args: the positional arguments; those that open a proof by SRP take the password in second place.
        kwargs: the keyword arguments.
    """
    if not (isinstance(response, type) and issubclass(response, Response)):
        return WrapsSecrets.wrap_arguments(args, kwargs)
    if len(args) == 1 and isinstance(args[0], Response):
        return args, WrapsSecrets.wrap_arguments((), kwargs)[1]
    if response in SRP_START_RESPONSES and len(args) > 1:
        args = (args[0], *(secret(each) for each in args[1:]))
    return response.wrap_arguments(args, kwargs)
