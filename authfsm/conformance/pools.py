"""The pools, app clients and users that rules need, and where the codes that a pool sends can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias
from urllib.parse import quote

from attrs import field, frozen

from authfsm.base.secret import Secret
from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.verdicts import Skipped
from authfsm.protocol.auth_flows import ALLOWED_FIRST_AUTH_FACTORS, CURRENT_VALUES
from authfsm.protocol.states import MFA_METHODS

ALL_FLOWS: Final = CURRENT_VALUES
FLOWS_WITHOUT_USER_AUTH: Final = tuple(each for each in ALL_FLOWS if each != "ALLOW_USER_AUTH")
RELYING_PARTY: Final = "app.example.com"
CUSTOM_ANSWER: Final = "a river"  # the right answer to the challenge of `CUSTOM_AUTH_POOL`


@frozen
class PoolRequirements:
    """The settings of a user pool that rules need. Rules with the same requirements share a pool."""

    mfa: Literal["OFF", "OPTIONAL", "ON"] = "OFF"
    methods: tuple[str, ...] = ()  # the MFA methods that are enabled
    devices: bool = False  # whether devices are remembered, without asking the user
    first_factors: tuple[str, ...] = ("PASSWORD",)
    custom_auth: bool = False  # whether Lambda functions issue a CUSTOM_CHALLENGE


@frozen
class ClientRequirements:
    """The settings of an app client that rules need."""

    flows: tuple[str, ...] = ALL_FLOWS  # ExplicitAuthFlows
    secret: bool = False  # GenerateSecret
    existence: Literal["ENABLED", "LEGACY"] = "ENABLED"  # PreventUserExistenceErrors
    rotation: bool = False  # RefreshTokenRotation, without a grace period


@frozen
class UserRequirements:
    """A user: the active MFA methods, the preferred one, and whether the password is temporary."""

    factors: tuple[str, ...] = ()
    preferred: str | None = None
    temporary: bool = False


PASSWORD: Final = "Correct-Horse-1"  # noqa: S105 - of users who exist only while the rules run
TEMPORARY_PASSWORD: Final = "Temporary-Horse-1"  # noqa: S105 - of users who exist only while the rules run
NEW_PASSWORD: Final = "Another-Horse-2"  # noqa: S105 - of users who exist only while the rules run
WRONG_PASSWORD: Final = "Wrong-Horse-4"  # noqa: S105 - no user's password

DEFAULT_POOL: Final = PoolRequirements()
ALL_MFA_POOL: Final = PoolRequirements("OPTIONAL", tuple(each.value for each in MFA_METHODS))
SMS_OR_TOTP_POOL: Final = PoolRequirements("OPTIONAL", ("SMS_MFA", "SOFTWARE_TOKEN_MFA"))
TOTP_REQUIRED_POOL: Final = PoolRequirements("ON", ("SOFTWARE_TOKEN_MFA",))
DEVICE_POOL: Final = PoolRequirements(devices=True)
USER_AUTH_POOL: Final = PoolRequirements(first_factors=ALLOWED_FIRST_AUTH_FACTORS)
CUSTOM_AUTH_POOL: Final = PoolRequirements(custom_auth=True)

# Settings of every pool that the suite creates; existing pools may lack them.
SELF_SIGN_UP: Final = "self sign-up that needs only a writable email, and no trigger PreSignUp or PostConfirmation"
RECOVERY: Final = "account recovery without admin_only"
NO_REQUIRED_ATTRIBUTES: Final = "no required attributes but email"
UPDATES_AT_ONCE: Final = "no UserAttributeUpdateSettings"
PHONE_NUMBERS: Final = "a phone_number that is mutable, not required, and in the app client's WriteAttributes"
READABLE_EMAIL: Final = "an app client that has email and email_verified in ReadAttributes"
NO_MIGRATION: Final = "no Lambda trigger UserMigration"
PLAIN_TOKENS: Final = "no Lambda trigger PreTokenGeneration"

DEFAULT_CLIENT: Final = ClientRequirements()
OTHER_CLIENT: Final = ClientRequirements(flows=FLOWS_WITHOUT_USER_AUTH)
"""A second app client of the same pool."""
CONFIDENTIAL_CLIENT: Final = ClientRequirements(flows=FLOWS_WITHOUT_USER_AUTH, secret=True)

DEFAULT_USER: Final = UserRequirements()
TEMPORARY_USER: Final = UserRequirements(temporary=True)
TOTP_USER: Final = UserRequirements(("SOFTWARE_TOKEN_MFA",), "SOFTWARE_TOKEN_MFA")
SMS_USER: Final = UserRequirements(("SMS_MFA",), "SMS_MFA")
SMS_AND_TOTP_USER: Final = UserRequirements(("SMS_MFA", "SOFTWARE_TOKEN_MFA"))
EMAIL_USER: Final = UserRequirements(("EMAIL_OTP",), "EMAIL_OTP")


Inbox: TypeAlias = Callable[[str, ApiClient], Secret[str]]
"""Returns the last code that an endpoint sent to a user, or raises Skipped."""


def code_in_outbox(username: str, api: ApiClient) -> Secret[str]:
    """Read the last code from the endpoint's `GET /outbox?username=`, which `authfsm serve` has and Cognito lacks."""
    with api.setup():
        messages = api.get(f"{api.url}/outbox?username={quote(username)}").setup_value("messages")
    last = messages[-1] if isinstance(messages, list) and messages else {}
    code = last.get("code") if isinstance(last, Mapping) else None
    if not isinstance(code, str):
        raise Skipped("the endpoint sent no code")
    return Secret(code)


def parse_inbox(option: str) -> Inbox:
    """Return the inbox that an option names, `outbox` or `fixed:CODE`; raise ValueError if it names neither."""
    kind, _, code = option.partition(":")
    if option == "outbox":
        return code_in_outbox
    if kind == "fixed" and code:
        fixed = Secret(code)
        return lambda *_: fixed
    raise ValueError("is neither outbox nor fixed:CODE")


@frozen
class ConformancePool:
    """A user pool at an endpoint; `inbox` returns the codes that it sends, and is None if they cannot be read."""

    api: ApiClient = field(repr=False)
    pool_id: str
    inbox: Inbox | None = None
    lacks: frozenset[str] = frozenset()  # those of the settings from SELF_SIGN_UP to PLAIN_TOKENS that the pool lacks

    def require(self, setting: str) -> None:
        """Raise Skipped if the pool lacks this setting."""
        if setting in self.lacks:
            raise Skipped(f"the rule needs a pool with {setting}")


@frozen
class ConformanceClient:
    """An app client of a pool."""

    client_id: str
    secret: Secret[str] | None = None
