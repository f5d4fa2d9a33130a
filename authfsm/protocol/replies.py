"""The replies of Cognito: a challenge, tokens, neither of them, or a refusal.

Each challenge has a class of its own with parsed parameters; its `parameters` has all of them as they came.
`authfsm.core.wire_replies` parses the API's replies into these values.
Public, from `authfsm`: `Challenge` and the class of each challenge, `AnyChallenge`, `Tokens` and `Refusal`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib import import_module
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeAlias, get_args

from attrs import field, frozen

from authfsm.base.mixins import CompletesDocstring, DisplayMixin
from authfsm.base.secret import Key, Secret, WrapsSecrets, wrapped_keys
from authfsm.protocol.error_policy import Fault, RecoveryAction
from authfsm.protocol.states import State


class Reply(CompletesDocstring, DisplayMixin):
    """The base class of all replies."""

    __slots__ = ()


@frozen(kw_only=True)
class Challenge(Reply):
    """The base class of all challenges.

    Args:
        name: `ChallengeName` as it came.
        session: `Session`, to be sent back unchanged; None after USER_SRP_AUTH, and perhaps in device challenges.
        parameters: `ChallengeParameters`, all members as they came.
        available: `AvailableChallenges`: the first factors that this user can choose.
    """

    state: ClassVar[State] = State.OTHER_CHALLENGE
    """The state of a sign-in while this challenge is unanswered."""

    def __init_subclass__(cls, *, state: State | None = None) -> None:
        """Set the state, and keep it when attrs makes the class again, with slots and without this argument."""
        super().__init_subclass__()
        cls.state = state or cls.state

    name: str
    session: Secret[str] | None = None
    parameters: Mapping[str, str] = field(default=MappingProxyType({}), repr=False)
    available: tuple[str, ...] = ()

    @property
    def username(self) -> str | None:
        """The user name that the next answers must have: USER_ID_FOR_SRP, otherwise USERNAME, otherwise None."""
        return self.parameters.get("USER_ID_FOR_SRP") or self.parameters.get("USERNAME") or None

    def form(self, role: str | None = None) -> dict[str, Any]:
        """Return the form that asks a user for the answer, as JSON-able values without secrets.

        `authfsm.response(prompt["response"], **values)` makes the response from the values that the user typed.

        Args:
            role: the `authfsm.Role` of EMAIL_OTP, which `flow.form()` passes; the form of a first factor also offers
                the other first factors. A text that is no role raises ValueError.

        Returns:
            `challenge` (the state), `role`, `title`, `facts` (the public parameters of a custom challenge), and
            `prompts`, the ways to answer. Each prompt has `response` (the response's name), `label` (of a button),
            `explanation`, `factor` (the name of the factor that it chooses or sets up) and `fields`. Each field has `name`,
            `label`, `question` (a longer label), `kind` (code, password, text, email, tel, date, choice, lines or
            credential), `required`, `choices` (`value`, `label`), and HTML's `pattern`, `autocomplete` and
            `inputmode`; a passkey's field also has `request_options`, for `navigator.credentials.get`.
        """
        prompts = import_module("authfsm.protocol.prompts")  # imported here, because it imports this module
        form: dict[str, Any] = prompts.form_for(self, role).to_json()
        return form


@frozen(kw_only=True)
class SrpChallenge(Challenge):
    """The base class of the challenges that ask for an SRP proof.

    Args:
        salt: SALT (hex), parsed to an integer.
        B: SRP_B (hex), parsed to an integer.
        secret_block: SECRET_BLOCK (base64), to be signed and sent back unchanged.
    """

    salt: int = field(repr=False)
    B: int = field(repr=False)
    secret_block: Secret[str]


@frozen(kw_only=True)
class PasswordVerifier(SrpChallenge, state=State.PASSWORD_VERIFIER):
    """PASSWORD_VERIFIER: prove the password.

    Args:
        user_id_for_srp: USER_ID_FOR_SRP, the user name in the proof.
    """

    user_id_for_srp: str


@frozen(kw_only=True)
class DevicePasswordVerifier(SrpChallenge, state=State.DEVICE_PASSWORD_VERIFIER):
    """DEVICE_PASSWORD_VERIFIER: prove the device.

    Args:
        device_key: DEVICE_KEY, if the reply has one.
    """

    device_key: str | None = None


@frozen(kw_only=True)
class DeviceSrpAuth(Challenge, state=State.DEVICE_SRP_AUTH):
    """DEVICE_SRP_AUTH: start the SRP proof of the device."""


@frozen(kw_only=True)
class SelectChallenge(Challenge, state=State.SELECT_CHALLENGE):
    """SELECT_CHALLENGE: choose one of the first factors in `available`."""


@frozen(kw_only=True)
class PasswordChallenge(Challenge, state=State.PASSWORD):
    """PASSWORD: send the password in plain text."""


@frozen(kw_only=True)
class PasswordSrpChallenge(Challenge, state=State.PASSWORD_SRP):
    """PASSWORD_SRP: send SRP_A."""


@frozen(kw_only=True)
class AdminPasswordChallenge(Challenge, state=State.ADMIN_NO_SRP_AUTH):
    """ADMIN_NO_SRP_AUTH: send the password, as an administrator."""


@frozen(kw_only=True)
class WebAuthn(Challenge, state=State.WEB_AUTHN):
    """WEB_AUTHN: sign with a passkey.

    Args:
        request_options: CREDENTIAL_REQUEST_OPTIONS (JSON), parsed: PublicKeyCredentialRequestOptionsJSON.
    """

    request_options: Mapping[str, Any] = field(repr=False)


@frozen(kw_only=True)
class CodeChallenge(Challenge):
    """The base class of the challenges whose code Cognito has sent.

    Args:
        medium: CODE_DELIVERY_DELIVERY_MEDIUM: SMS or EMAIL, if the reply has it.
        destination: CODE_DELIVERY_DESTINATION, masked by Cognito (`+********1234`, `t***@e***`).
    """

    medium: str | None = None
    destination: str | None = None


@frozen(kw_only=True)
class SmsMfa(CodeChallenge, state=State.SMS_MFA):
    """SMS_MFA: send the code from the SMS, as a second factor."""


@frozen(kw_only=True)
class SmsOtp(CodeChallenge, state=State.SMS_OTP):
    """SMS_OTP: send the code from the SMS, as a first factor."""


@frozen(kw_only=True)
class EmailOtp(CodeChallenge, state=State.EMAIL_OTP):
    """EMAIL_OTP: send the code from the e-mail; `SignIn.role` is the factor that it proves."""


@frozen(kw_only=True)
class SoftwareTokenMfa(Challenge, state=State.SOFTWARE_TOKEN_MFA):
    """SOFTWARE_TOKEN_MFA: send the code of the authenticator app.

    Args:
        friendly_device_name: FRIENDLY_DEVICE_NAME, the app's name, if the reply has it.
    """

    friendly_device_name: str | None = None


@frozen(kw_only=True)
class SelectMfaType(Challenge, state=State.SELECT_MFA_TYPE):
    """SELECT_MFA_TYPE: choose a second factor.

    Args:
        choices: MFAS_CAN_CHOOSE (JSON): the factors that the user has; one page of AWS names it MFAS_CAN_SELECT.
    """

    choices: tuple[str, ...] = ()


@frozen(kw_only=True)
class MfaSetup(Challenge, state=State.MFA_SETUP):
    """MFA_SETUP: enrol a second factor.

    Args:
        choices: MFAS_CAN_SETUP (JSON): the factors that the user may set up.
        secret_code: SecretCode (base32), after AssociateSoftwareToken.
        verified: whether VerifySoftwareToken has accepted a code.
    """

    choices: tuple[str, ...] = ()
    secret_code: Secret[str] | None = None
    verified: bool = False


@frozen(kw_only=True)
class NewPasswordRequired(Challenge, state=State.NEW_PASSWORD_REQUIRED):
    """NEW_PASSWORD_REQUIRED: replace the temporary password.

    Args:
        required_attributes: requiredAttributes (JSON), their prefix `userAttributes.` removed.
        user_attributes: userAttributes (JSON): the attributes that the user has.
    """

    required_attributes: tuple[str, ...] = ()
    user_attributes: Mapping[str, str] = field(default=MappingProxyType({}), repr=False)


@frozen(kw_only=True)
class CustomChallenge(Challenge, state=State.CUSTOM_CHALLENGE):
    """CUSTOM_CHALLENGE: `parameters` has the public challenge parameters of CreateAuthChallenge."""


@frozen(kw_only=True)
class OtherChallenge(Challenge, state=State.OTHER_CHALLENGE):
    """A challenge whose `name` this version does not know."""


AnyChallenge: TypeAlias = (
    SelectChallenge | PasswordChallenge | PasswordSrpChallenge | PasswordVerifier
    | AdminPasswordChallenge | EmailOtp | SmsOtp | WebAuthn | CustomChallenge
    | NewPasswordRequired | MfaSetup | SelectMfaType | SmsMfa | SoftwareTokenMfa
    | DeviceSrpAuth | DevicePasswordVerifier | OtherChallenge
)  # fmt: skip
"""The union of all challenges, with which a type checker finds the ones that a `match` leaves out."""

CHALLENGE_OF: Final[Mapping[State, type[AnyChallenge]]] = MappingProxyType(
    {each.state: each for each in get_args(AnyChallenge)}
)
"""The class of each challenge, by its state."""


@frozen(kw_only=True)
class NewDevice:
    """NewDeviceMetadata: the keys of a new device, which ConfirmDevice can register."""

    device_key: str
    device_group_key: str


@frozen(kw_only=True)
class Tokens(Reply, WrapsSecrets):
    """AuthenticationResult: the sign-in is complete.

    Args:
        access_token: AccessToken, a JWT.
        id_token: IdToken, a JWT.
        refresh_token: RefreshToken. If a refresh returned none, this is the token that was sent, which stays valid.
        expires_in: seconds until the access token expires.
        token_type: `Bearer`.
        new_device: NewDeviceMetadata, if the pool tracks devices and no device key was sent; None after ConfirmDevice.
        at: the time of arrival, if the driver has set it.
        device_key: DeviceKey of the device that signed in, which a refresh must name. By default it is the claim
            `device_key` of the access token, or without this claim the key of `new_device`.
        pool_id: the user pool's id, if the sign-in has it.
    """

    state: ClassVar[State] = State.AUTHENTICATED
    access_token: Secret[str] = field()
    id_token: Secret[str] | None = None
    refresh_token: Secret[str] | None = None
    expires_in: int | None = None
    token_type: str | None = None
    new_device: NewDevice | None = None
    at: datetime | None = None
    device_key: str | None = field()
    pool_id: str | None = field(default=None, eq=False)

    @access_token.validator
    def _check_access_token(self, _: object, value: object) -> None:
        plain = value.reveal() if isinstance(value, Secret) else value
        if not isinstance(plain, str):
            raise TypeError(f"access_token must be text, not of type {type(plain).__name__}")

    @device_key.default
    def _default_device_key(self) -> str | None:
        # attrs calls the validator only after this default, which reads the claim.
        self._check_access_token(None, self.access_token)
        key = self._claim("device_key")
        return key or (self.new_device.device_key if self.new_device else None)

    @property
    def expires_at(self) -> datetime | None:
        """The time at which the access token expires; None if it is unknown."""
        if self.at is None or self.expires_in is None:
            return None
        return self.at + timedelta(seconds=self.expires_in)

    @property
    def username(self) -> str | None:
        """The `username` claim of the access token, the user's actual username; None if it cannot be read.

        The token is not verified here, because the name is only sent back to the service that issued the token.
        """
        return self._claim("username")

    def seal(self, key: Key) -> str:
        """Return the tokens as a string that only a holder of the key can read or change, to store anywhere.

        `Cognito.resume_tokens` makes a flow from it. With Cognito's three tokens the string has about 6,000
        characters, more than one cookie holds. It is bound to the pool and the app client, and has no time limit.

        Args:
            key: a key that `authfsm.new_key` made, or several keys, the first of which seals.

        Raises:
            BadField: the access token does not name the pool and the app client, to which the seal must be bound.
            BadKey: the key is not valid.
        """
        key = wrapped_keys(key)
        sealed: str = import_module("authfsm.core.sealing").seal_tokens(self, key)
        return sealed

    def _claim(self, name: str) -> str | None:
        value = unverified_claims(self.access_token).get(name)
        return value if isinstance(value, str) and value else None


def unverified_claims(token: Secret[str]) -> Mapping[str, Any]:
    """Return the claims of a JSON Web Token (RFC 7519); an empty mapping if it cannot be read.

    The claims are not verified: do not base a decision on them. `authfsm.jwks` verifies tokens.
    """
    try:
        payload = token.reveal().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


@frozen(kw_only=True)
class ReplyWithoutChallenge(Reply):
    """Cognito accepted the request, and returned no challenge and no tokens.

    Args:
        members: the members of the reply, in Cognito's spelling (`UserConfirmationNecessary`).
    """

    members: Mapping[str, Any] = MappingProxyType({})


@frozen
class Refusal(Reply):
    """Cognito refused the request.

    Args:
        code: the error's code, for example `NotAuthorizedException`.
        message: the error's message, in which the secrets of the request are masked.
        action: what to do next.
        fault: who is at fault.
        request_id: `x-amzn-RequestId`, to quote to AWS.
        session: a new Session, which VerifySoftwareToken may return together with `Status` ERROR.
        retry_after: seconds to wait, if the reply says so (RFC 9110, Retry-After).
    """

    code: str
    message: str = ""
    action: RecoveryAction = field(kw_only=True)
    fault: Fault = field(kw_only=True)
    request_id: str | None = field(default=None, kw_only=True)
    session: Secret[str] | None = field(default=None, kw_only=True)
    retry_after: float | None = field(default=None, kw_only=True)
