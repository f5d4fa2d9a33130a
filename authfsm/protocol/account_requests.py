"""The requests of users about their accounts, and the values of the replies, as frozen classes with validated fields.

The class of a request has the operation's name. Its fields are the operation's members, some under shorter names:
`member_of` returns the member of a field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

from attrs import field, frozen

from authfsm.base.mixins import DisplayMixin
from authfsm.base.secret import Secret, WrapsSecrets, secret
from authfsm.protocol import validators as v
from authfsm.protocol.responses import SignedUp

ReplyT = TypeVar("ReplyT")


@frozen
class CodeDelivery(DisplayMixin):
    """Where Cognito sent a code (CodeDeliveryDetails).

    Args:
        destination: the address, masked: `a***@e***`.
        medium: EMAIL or SMS.
        attribute: the attribute that has the address, for example `email`.
    """

    destination: str | None = None
    medium: str | None = None
    attribute: str | None = None


@frozen
class NewAccount(DisplayMixin):
    """An account that was just signed up.

    Args:
        username: the user's name.
        user_sub: the `sub` that Cognito gave the user.
        confirmed: whether the account is confirmed already, by a PreSignUp trigger.
        delivery: where the confirmation code was sent; None if no code was sent.
        session: the Session to pass to ConfirmSignUp, if the pool allows sign-in without a password.
    """

    username: str
    user_sub: str
    confirmed: bool
    delivery: CodeDelivery | None = None
    session: Secret[str] | None = None


@frozen
class Confirmed(DisplayMixin):
    """A confirmed account, whose sign-in can start: `cognito.sign_in(confirmed, password)`.

    Args:
        username: the user's name.
        session: the Session of ConfirmSignUp's reply, which begins one sign-in without a password.
    """

    username: str
    session: Secret[str] | None = None

    @property
    def response(self) -> SignedUp | None:
        """The response that starts the sign-in without a password; None if Cognito gave no Session."""
        return None if self.session is None else SignedUp(self.username, self.session)


@frozen
class UserProfile(DisplayMixin):
    """The user of an access token, as GetUser returns it.

    Args:
        username: the user's name.
        attributes: the attributes that the app client may read.
        mfa: UserMFASettingList, the second factors that the user has enabled.
        preferred_mfa: PreferredMfaSetting.
    """

    username: str
    attributes: Mapping[str, str] = field(factory=dict, converter=v.frozen_mapping, repr=False)
    mfa: tuple[str, ...] = ()
    preferred_mfa: str | None = None


@frozen
class AccountRequest(WrapsSecrets, Generic[ReplyT]):
    """The base class of the requests; its type parameter is the class of the reply's value."""


@frozen
class _UserRequest(AccountRequest[ReplyT]):
    """A request without a token: it carries the app client's id and, if the app client has a secret, SecretHash.

    Args:
        username: the user's name or an alias; for SignUp, the address if the pool's users sign in with an address.
        client_metadata: for the pool's Lambda triggers.
    """

    username: str = field(validator=v.is_name)
    client_metadata: Mapping[str, str] = field(
        factory=dict, kw_only=True, converter=v.frozen_texts, validator=v.are_texts, repr=False
    )


@frozen
class _TokenRequest(AccountRequest[ReplyT]):
    """A request of a user who is signed in.

    Args:
        access_token: the user's token, with the scope `aws.cognito.signin.user.admin`.
    """

    access_token: Secret[str] = field(converter=secret, validator=v.is_text)


@frozen
class SignUp(_UserRequest[NewAccount]):
    """Create an account, and send a code to confirm it.

    If Cognito cannot send the code, it replies with LimitExceededException or CodeDeliveryFailureException. The account
    exists nevertheless: request the code later.

    Args:
        password: the password; None for a user who signs in without one.
        attributes: the attributes by name, such as `email`.
        validation_data: for the PreSignUp trigger; not stored.
    """

    password: Secret[str] | None = field(default=None, converter=secret, validator=v.is_typed_if_given)
    attributes: Mapping[str, str] = field(
        factory=dict, kw_only=True, converter=v.frozen_texts, validator=v.are_texts, repr=False
    )
    validation_data: Mapping[str, str] = field(
        factory=dict, kw_only=True, converter=v.frozen_texts, validator=v.are_texts, repr=False
    )


@frozen
class ConfirmSignUp(_UserRequest[Confirmed]):
    """Confirm an account with the code that was sent to the user.

    Args:
        code: the code.
        session: the Session of SignUp's reply: with it, ConfirmSignUp returns a Session that begins a sign-in.
        force_alias_creation: whether an address that is another user's alias becomes this user's alias.
    """

    code: Secret[str] = field(converter=v.to_code, validator=v.is_code)
    session: Secret[str] | None = field(default=None, converter=secret, validator=v.is_text_if_given, kw_only=True)
    force_alias_creation: bool = field(default=False, validator=v.is_bool, kw_only=True)


@frozen
class ResendConfirmationCode(_UserRequest[CodeDelivery]):
    """Send another code to confirm the account; the previous code is no longer valid."""


@frozen
class ForgotPassword(_UserRequest[CodeDelivery]):
    """Send a code for a new password. If PreventUserExistenceErrors is ENABLED, unknown users get a simulated reply."""


@frozen
class ConfirmForgotPassword(_UserRequest[Confirmed]):
    """Set a new password with the code that was sent.

    Args:
        code: the code.
        password: the new password.
    """

    code: Secret[str] = field(converter=v.to_code, validator=v.is_code)
    password: Secret[str] = field(converter=secret, validator=v.is_typed)


@frozen
class ChangePassword(_TokenRequest[None]):
    """Replace the password of a user who is signed in.

    Args:
        previous_password: the current password; None for a user without one.
        proposed_password: the new one.
    """

    previous_password: Secret[str] | None = field(converter=secret, validator=v.is_typed_if_given)
    proposed_password: Secret[str] = field(converter=secret, validator=v.is_typed)


@frozen
class GetUser(_TokenRequest[UserProfile]):
    """Read the attributes and second factors of the user of a token."""


@frozen
class _SendingRequest(_TokenRequest[ReplyT]):
    """The base class of a signed-in user's requests after which Cognito may send a code.

    Args:
        client_metadata: for the pool's Lambda triggers.
    """

    client_metadata: Mapping[str, str] = field(
        factory=dict, kw_only=True, converter=v.frozen_texts, validator=v.are_texts, repr=False
    )


@frozen
class UpdateUserAttributes(_SendingRequest[tuple[CodeDelivery, ...]]):
    """Write attributes; the reply says where codes were sent to verify new addresses.

    Args:
        attributes: the values by name; an empty text removes the attribute.
    """

    attributes: Mapping[str, str] = field(converter=v.frozen_texts, validator=v.are_texts, repr=False)


@frozen
class GetUserAttributeVerificationCode(_SendingRequest[CodeDelivery]):
    """Send a code that verifies an address.

    Args:
        attribute: `email` or `phone_number`.
    """

    attribute: str = field(validator=v.is_text)


@frozen
class VerifyUserAttribute(_TokenRequest[None]):
    """Verify an address with the code that was sent to it.

    Args:
        attribute: `email` or `phone_number`.
        code: the code.
    """

    attribute: str = field(validator=v.is_text)
    code: Secret[str] = field(converter=v.to_code, validator=v.is_code)


@frozen
class ListWebAuthnCredentials(_TokenRequest[list[dict[str, Any]]]):
    """List the user's passkeys, each with the API's members, such as `FriendlyCredentialName`."""


@frozen
class StartWebAuthnRegistration(_TokenRequest[dict[str, Any]]):
    """Get the options for creating a passkey: PublicKeyCredentialCreationOptionsJSON (W3C Web Authentication)."""


@frozen
class CompleteWebAuthnRegistration(_TokenRequest[None]):
    """Register the passkey that a browser created.

    Args:
        credential: the passkey's RegistrationResponseJSON (W3C Web Authentication), as JSON text.
    """

    credential: Secret[str] = field(converter=secret, validator=v.is_typed)


@frozen
class DeleteUser(_TokenRequest[None]):
    """Delete the account of the user of a token; it cannot be restored."""


_MEMBERS: Final = {"attributes": "UserAttributes", "attribute": "AttributeName"}


def member_of(request: AccountRequest[Any], name: str) -> str:
    """Return the API's name for a field of a request, for example `ConfirmationCode` for `code`."""
    if name == "code" and isinstance(request, _UserRequest):
        return "ConfirmationCode"
    return _MEMBERS.get(name) or "".join(part.capitalize() for part in name.split("_"))
