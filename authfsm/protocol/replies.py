"""What the service may say: a challenge, tokens, a refusal, or a plain yes.

One frozen class a challenge, its parameters parsed; what was not understood stays in `parameters`,
so that nothing Cognito says is lost. `authfsm.core.wire_replies` reads them off the wire; nothing here does.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeAlias

from attrs import field, frozen

from authfsm.base.mixins import DisplayMixin
from authfsm.base.secret import Secret
from authfsm.protocol.error_policy import Fault, RecoveryAction
from authfsm.protocol.states import State


class Reply(DisplayMixin):
    """What the service says: the base of every reply."""

    __slots__ = ()


@frozen(kw_only=True)
class Challenge(Reply):
    """A challenge: the base of one class for each challenge name.

    Args:
        name: `ChallengeName` as it came.
        session: `Session`, to be passed back as it is; the reply to USER_SRP_AUTH has none.
        parameters: `ChallengeParameters`, every key as it came, those parsed below included.
        available: `AvailableChallenges`: first factors this user can choose.
    """

    state: ClassVar[State] = State.OTHER_CHALLENGE
    """The state this challenge puts a sign-in in."""

    name: str
    session: Secret[str] | None = None
    parameters: Mapping[str, str] = field(default=MappingProxyType({}), repr=False)
    available: tuple[str, ...] = ()

    @property
    def username(self) -> str | None:
        """The user's name in the answers to come: USER_ID_FOR_SRP, else USERNAME, else None."""
        return self.parameters.get("USER_ID_FOR_SRP") or self.parameters.get("USERNAME") or None


@frozen(kw_only=True)
class SrpChallenge(Challenge):
    """A proof by SRP is asked for.

    Args:
        salt: SALT as an integer.
        B: SRP_B as an integer.
        secret_block: SECRET_BLOCK (base64), to be signed and sent back unchanged.
    """

    salt: int = field(repr=False)
    B: int = field(repr=False)
    secret_block: Secret[str]


@frozen(kw_only=True)
class PasswordVerifier(SrpChallenge):
    """PASSWORD_VERIFIER: prove the password.

    Args:
        user_id_for_srp: USER_ID_FOR_SRP, the name that x and the signature are made with.
    """

    state: ClassVar[State] = State.PASSWORD_VERIFIER
    user_id_for_srp: str


@frozen(kw_only=True)
class DevicePasswordVerifier(SrpChallenge):
    """DEVICE_PASSWORD_VERIFIER: prove the device.

    Args:
        device_key: DEVICE_KEY, where it was given.
    """

    state: ClassVar[State] = State.DEVICE_PASSWORD_VERIFIER
    device_key: str | None = None


@frozen(kw_only=True)
class DeviceSrpAuth(Challenge):
    """DEVICE_SRP_AUTH: begin to prove the device."""

    state: ClassVar[State] = State.DEVICE_SRP_AUTH


@frozen(kw_only=True)
class SelectChallenge(Challenge):
    """SELECT_CHALLENGE: choose a first factor among `available`."""

    state: ClassVar[State] = State.SELECT_CHALLENGE


@frozen(kw_only=True)
class PasswordChallenge(Challenge):
    """PASSWORD: give the password in clear."""

    state: ClassVar[State] = State.PASSWORD


@frozen(kw_only=True)
class PasswordSrpChallenge(Challenge):
    """PASSWORD_SRP: give SRP_A."""

    state: ClassVar[State] = State.PASSWORD_SRP


@frozen(kw_only=True)
class AdminPasswordChallenge(Challenge):
    """ADMIN_NO_SRP_AUTH: give the password, as an administrator."""

    state: ClassVar[State] = State.ADMIN_NO_SRP_AUTH


@frozen(kw_only=True)
class WebAuthn(Challenge):
    """WEB_AUTHN: sign with a passkey.

    Args:
        request_options: CREDENTIAL_REQUEST_OPTIONS, parsed: PublicKeyCredentialRequestOptionsJSON.
    """

    state: ClassVar[State] = State.WEB_AUTHN
    request_options: Mapping[str, Any] = field(repr=False)


@frozen(kw_only=True)
class CodeChallenge(Challenge):
    """A code was sent.

    Args:
        medium: CODE_DELIVERY_DELIVERY_MEDIUM: SMS or EMAIL, where it was given.
        destination: CODE_DELIVERY_DESTINATION, masked by Cognito (`+********1234`, `t***@e***`).
    """

    medium: str | None = None
    destination: str | None = None


@frozen(kw_only=True)
class SmsMfa(CodeChallenge):
    """SMS_MFA: give the code sent by SMS, as second factor."""

    state: ClassVar[State] = State.SMS_MFA


@frozen(kw_only=True)
class SmsOtp(CodeChallenge):
    """SMS_OTP: give the code sent by SMS, as first factor."""

    state: ClassVar[State] = State.SMS_OTP


@frozen(kw_only=True)
class EmailOtp(CodeChallenge):
    """EMAIL_OTP: give the code sent by e-mail; `SignIn.role` tells which factor it is."""

    state: ClassVar[State] = State.EMAIL_OTP


@frozen(kw_only=True)
class SoftwareTokenMfa(Challenge):
    """SOFTWARE_TOKEN_MFA: give the authenticator app's code.

    Args:
        friendly_device_name: FRIENDLY_DEVICE_NAME, the app's name, where it was given.
    """

    state: ClassVar[State] = State.SOFTWARE_TOKEN_MFA
    friendly_device_name: str | None = None


@frozen(kw_only=True)
class SelectMfaType(Challenge):
    """SELECT_MFA_TYPE: choose a second factor.

    Args:
        choices: MFAS_CAN_CHOOSE, which one page of AWS's spells MFAS_CAN_SELECT.
    """

    state: ClassVar[State] = State.SELECT_MFA_TYPE
    choices: tuple[str, ...] = ()


@frozen(kw_only=True)
class MfaSetup(Challenge):
    """MFA_SETUP: enrol a second factor.

    Args:
        choices: MFAS_CAN_SETUP.
        secret_code: SecretCode of AssociateSoftwareToken (base32), once it has been asked for.
        verified: has VerifySoftwareToken accepted a code?
    """

    state: ClassVar[State] = State.MFA_SETUP
    choices: tuple[str, ...] = ()
    secret_code: Secret[str] | None = None
    verified: bool = False


@frozen(kw_only=True)
class NewPasswordRequired(Challenge):
    """NEW_PASSWORD_REQUIRED: replace the temporary password.

    Args:
        required_attributes: requiredAttributes, their `userAttributes.` taken off.
        user_attributes: userAttributes: what the pool knows already.
    """

    state: ClassVar[State] = State.NEW_PASSWORD_REQUIRED
    required_attributes: tuple[str, ...] = ()
    user_attributes: Mapping[str, str] = field(default=MappingProxyType({}), repr=False)


@frozen(kw_only=True)
class CustomChallenge(Challenge):
    """CUSTOM_CHALLENGE: `parameters` hold what CreateAuthChallenge made public."""

    state: ClassVar[State] = State.CUSTOM_CHALLENGE


@frozen(kw_only=True)
class OtherChallenge(Challenge):
    """A challenge of a name this package does not know: `name` has it as it came."""

    state: ClassVar[State] = State.OTHER_CHALLENGE


@frozen(kw_only=True)
class NewDevice:
    """NewDeviceMetadata: this sign-in came from a device that can be confirmed.

    Args:
        device_key: DeviceKey.
        device_group_key: DeviceGroupKey.
    """

    device_key: str
    device_group_key: str


@frozen(kw_only=True)
class Tokens(Reply):
    """AuthenticationResult: the sign-in is complete.

    Args:
        access_token: AccessToken, a JWT.
        id_token: IdToken, a JWT.
        refresh_token: RefreshToken; a refresh without rotation brings none, and the old one stays.
        expires_in: seconds until the access token expires.
        token_type: `Bearer`.
        new_device: NewDeviceMetadata, where the pool tracks devices and none was given.
        at: when they came, if the driver said so.
    """

    state: ClassVar[State] = State.AUTHENTICATED
    access_token: Secret[str]
    id_token: Secret[str] | None = None
    refresh_token: Secret[str] | None = None
    expires_in: int | None = None
    token_type: str | None = None
    new_device: NewDevice | None = None
    at: datetime | None = None

    @property
    def expires_at(self) -> datetime | None:
        """When the access token expires; None where that is not known."""
        if self.at is None or self.expires_in is None:
            return None
        return self.at + timedelta(seconds=self.expires_in)

    @property
    def username(self) -> str | None:
        """The user's real name, the `username` claim of the access token; None if it cannot be read.

        The token is not verified here: the name is only sent back to the service it came from.
        """
        name = unverified_claims(self.access_token).get("username")
        return name if isinstance(name, str) and name else None


def unverified_claims(token: Secret[str]) -> Mapping[str, Any]:
    """Return the claims of a JSON Web Token (RFC 7519) without verifying it; none if it cannot be read.

    Args:
        token: in its compact form. What it says may decide nothing: `authfsm.jwks` verifies tokens.
    """
    try:
        payload = token.reveal().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


@frozen(kw_only=True)
class Acknowledgement(Reply):
    """An operation beside the sign-in proper was accepted.

    Args:
        facts: what the reply said, in Cognito's spelling (`UserConfirmationNecessary`).
    """

    facts: Mapping[str, Any] = MappingProxyType({})


@frozen
class Refusal(Reply):
    """Cognito refused the request.

    Args:
        code: the error's code, as `NotAuthorizedException`.
        message: its message, any secret of the request blotted out.
        action: what to do next.
        fault: whose fault it was.
        request_id: `x-amzn-RequestId`, to quote to AWS.
        session: a new Session; VerifySoftwareToken may bring one with `Status` ERROR.
        retry_after: seconds to wait, where the reply said so (RFC 9110, Retry-After).
    """

    code: str
    message: str = ""
    action: RecoveryAction = field(kw_only=True)
    fault: Fault = field(kw_only=True)
    request_id: str | None = field(default=None, kw_only=True)
    session: Secret[str] | None = field(default=None, kw_only=True)
    retry_after: float | None = field(default=None, kw_only=True)


AnyChallenge: TypeAlias = (
    SelectChallenge | PasswordChallenge | PasswordSrpChallenge | PasswordVerifier | AdminPasswordChallenge
    | EmailOtp | SmsOtp | WebAuthn | CustomChallenge | NewPasswordRequired | MfaSetup | SelectMfaType
    | SmsMfa | SoftwareTokenMfa | DeviceSrpAuth | DevicePasswordVerifier | OtherChallenge
)  # fmt: skip
"""Every challenge there is, as a union: a `match` over it is checked for what it leaves out."""

CHALLENGE_OF: Final[Mapping[State, type[AnyChallenge]]] = MappingProxyType(
    {
        kind.state: kind
        for kind in (
            SelectChallenge, PasswordChallenge, PasswordSrpChallenge, PasswordVerifier, AdminPasswordChallenge,
            EmailOtp, SmsOtp, WebAuthn, CustomChallenge, NewPasswordRequired, MfaSetup, SelectMfaType,
            SmsMfa, SoftwareTokenMfa, DeviceSrpAuth, DevicePasswordVerifier, OtherChallenge,
        )
    }
)  # fmt: skip
"""The class of each challenge, by its state."""
