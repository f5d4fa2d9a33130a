"""What a rule needs at an endpoint before it can be seen: a pool, an app client, people. Frozen values.

Two rules that want the same pool share it; people are never shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Protocol
from urllib.parse import quote

from attrs import define, field, frozen

from authfsm.base.secret import Secret, WrapsSecrets, secret
from authfsm.conformance.api_client import ApiClient, ApiReply
from authfsm.conformance.verdicts import RuleEnded, Skipped
from authfsm.protocol.auth_flows import ALLOWED_FIRST_AUTH_FACTORS, CURRENT_VALUES
from authfsm.protocol.states import MFA_METHODS

EVERY_FLOW: Final = CURRENT_VALUES
WITHOUT_CHOICE: Final = tuple(each for each in EVERY_FLOW if each != "ALLOW_USER_AUTH")
PASSWORD: Final = "Correct-Horse-1"  # noqa: S105 - people made for a rule, and gone with it
TEMPORARY: Final = "Temporary-Horse-1"
ANOTHER: Final = "Another-Horse-2"
WRONG: Final = "Wrong-Horse-4"
PHONE: Final = "+15555550143"
"""A number that is kept for fiction: nobody's telephone rings."""
RP_ID: Final = "app.example.com"


@frozen
class PoolRequirements:
    """A user pool, in Cognito's words.

    Args:
        mfa: MfaConfiguration.
        methods: the second factors that are enabled.
        devices: are devices remembered, by themselves and beside MFA?
        first_factors: AllowedFirstAuthFactors.
        riddle: do Lambda functions ask a riddle (CUSTOM_AUTH), whose answer is `RIDDLE`?
    """

    mfa: Literal["OFF", "OPTIONAL", "ON"] = "OFF"
    methods: tuple[str, ...] = ()
    devices: bool = False
    first_factors: tuple[str, ...] = ("PASSWORD",)
    riddle: bool = False


@frozen
class ClientRequirements:
    """An app client, in Cognito's words.

    Args:
        flows: ExplicitAuthFlows.
        secret: GenerateSecret.
        existence: PreventUserExistenceErrors.
        rotation: RefreshTokenRotation, without a grace period.
    """

    flows: tuple[str, ...] = EVERY_FLOW
    secret: bool = False
    existence: Literal["ENABLED", "LEGACY"] = "ENABLED"
    rotation: bool = False


@frozen
class UserRequirements:
    """A user.

    Args:
        temporary: is the password a temporary one?
        factors: active second factors, as UserMFASettingList has them.
        preferred: the one that is preferred.
    """

    temporary: bool = False
    factors: tuple[str, ...] = field(default=())
    preferred: str | None = None


PLAIN: Final = PoolRequirements()
ANY_MFA: Final = PoolRequirements("OPTIONAL", tuple(each.value for each in MFA_METHODS))
PHONE_OR_APP: Final = PoolRequirements("OPTIONAL", ("SMS_MFA", "SOFTWARE_TOKEN_MFA"))
APP_REQUIRED: Final = PoolRequirements("ON", ("SOFTWARE_TOKEN_MFA",))
DEVICES: Final = PoolRequirements(devices=True)
CHOICE: Final = PoolRequirements(first_factors=ALLOWED_FIRST_AUTH_FACTORS)
CUSTOM: Final = PoolRequirements(riddle=True)

RIDDLE: Final = "a river"


class Inbox(Protocol):
    """Where codes can be read."""

    def code_for(self, username: str, conversation: ApiClient) -> Secret[str]:
        """The last code that was sent to somebody.

        Raises:
            Untried: there is none.
        """


@frozen
class OutboxInbox:
    """The endpoint's own `GET /outbox?username=`."""

    def code_for(self, username: str, conversation: ApiClient) -> Secret[str]:
        """The last code."""
        with conversation.setup():
            heard = conversation.get(f"{conversation.url}/outbox?username={quote(username)}")
        messages = heard.body.get("messages")
        last = messages[-1] if isinstance(messages, list) and messages else {}
        code = last.get("code") if isinstance(last, Mapping) else None
        if not isinstance(code, str):
            raise Skipped("no code was sent")
        return Secret(code)


@frozen
class FixedCode(WrapsSecrets):
    """The one code that is always sent.

    Args:
        code: it.
    """

    code: Secret[str] = field(converter=secret)

    def code_for(self, username: str, conversation: ApiClient) -> Secret[str]:
        """The code."""
        del username, conversation
        return self.code


def parse_inbox(named: str) -> Inbox:
    """The inbox that an option names.

    Raises:
        ValueError: it names none.
    """
    kind, _, what = named.partition(":")
    if named == "outbox":
        return OutboxInbox()
    if kind == "fixed" and what:
        return FixedCode(what)
    raise ValueError("is neither outbox nor fixed:CODE")


@frozen
class ConformancePool:
    """A user pool at an endpoint.

    Args:
        conversation: with its endpoint.
        pool_id: its id.
        inbox: where what it sends can be read; None where nobody can.
    """

    conversation: ApiClient = field(repr=False)
    pool_id: str
    inbox: Inbox | None = None

    @property
    def keys(self) -> str:
        """Where its public keys are."""
        return f"{self.conversation.url.rstrip('/')}/{self.pool_id}/.well-known/jwks.json"


@frozen
class ConformanceClient:
    """An app client.

    Args:
        client_id: its id.
        secret: its secret.
    """

    client_id: str
    secret: Secret[str] | None = None


class PoolProvider(Protocol):
    """Where a rule's pools and app clients come from."""

    def pool(self, wanted: PoolRequirements) -> ConformancePool:
        """A pool like that.

        Raises:
            Untried: it cannot be had.
        """

    def app(self, pool: ConformancePool, wanted: ClientRequirements) -> ConformanceClient:
        """An app client of it like that.

        Raises:
            Untried: it cannot be had.
        """

    def keep(self, pool: ConformancePool, username: str) -> None:
        """Somebody was made there, and is to be put away."""

    def tidy(self) -> None:
        """Put away what was made."""


def made(heard: ApiReply, *path: str) -> Any:
    """What was to be made, out of the reply that says so.

    Args:
        heard: the reply.
        path: where it is in there; nowhere, if left out.

    Raises:
        Untried: it was not made.
    """
    value: Any = heard.body
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if heard.code is not None or (path and value is None):
        raise Skipped(f"{heard.operation}: {heard.words}")
    return value


@define
class Lending:
    """What was lent before is lent again; what could not be had before cannot be had again.

    Args:
        make: has it made.
    """

    make: Callable[..., Any]
    _lent: dict[Any, Any] = field(factory=dict, init=False)

    def __call__(self, *wanted: Any) -> Any:
        """The one that was made of these, or a new one."""
        if wanted not in self._lent:
            try:
                self._lent[wanted] = self.make(*wanted)
            except RuleEnded as seen:
                self._lent[wanted] = seen
        lent = self._lent[wanted]
        if isinstance(lent, RuleEnded):
            raise type(lent)(lent.why)
        return lent


def client_request(wanted: ClientRequirements) -> dict[str, Any]:
    """CreateUserPoolClient, without the pool."""
    request: dict[str, Any] = {
        "ClientName": "authfsm-conform",
        "ExplicitAuthFlows": list(wanted.flows),
        "GenerateSecret": wanted.secret,
        "PreventUserExistenceErrors": wanted.existence,
    }
    if wanted.rotation:
        # "RefreshTokenRotation" rules the refresh flow out: developer guide, "Refresh tokens".
        request["ExplicitAuthFlows"].remove("ALLOW_REFRESH_TOKEN_AUTH")
        request["RefreshTokenRotation"] = {"Feature": "ENABLED", "RetryGracePeriodSeconds": 0}
    return request


def app_by_api(pool: ConformancePool, wanted: ClientRequirements) -> ConformanceClient:
    """An app client, by CreateUserPoolClient."""
    with pool.conversation.setup():
        heard = pool.conversation.call(
            "CreateUserPoolClient", UserPoolId=pool.pool_id, **client_request(wanted)
        )
    client = made(heard, "UserPoolClient")
    client_id, secret = client.get("ClientId"), client.get("ClientSecret")
    if not isinstance(client_id, str) or wanted.secret != isinstance(secret, str):
        raise Skipped(f"CreateUserPoolClient: {heard.words}")
    return ConformanceClient(client_id, Secret(secret) if wanted.secret else None)


_METHOD_SETTINGS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "SOFTWARE_TOKEN_MFA": ("SoftwareTokenMfaConfiguration", {"Enabled": True}),
    "SMS_MFA": (
        "SmsMfaConfiguration",
        {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::123456789012:role/sms"}},
    ),
    "EMAIL_OTP": ("EmailMfaConfiguration", {"Message": "{####}", "Subject": "A code"}),
}


def recovery(wanted: PoolRequirements) -> str:
    """What recovers an account is no second factor: nothing does, where every factor may be one."""
    return "verified_email" if wanted.mfa == "OFF" else "admin_only"


def pool_request(wanted: PoolRequirements) -> dict[str, Any]:
    """CreateUserPool."""
    mechanism = {"Name": recovery(wanted), "Priority": 1}
    request: dict[str, Any] = {
        "PoolName": "authfsm-conform",
        "AutoVerifiedAttributes": ["email"],
        "AccountRecoverySetting": {"RecoveryMechanisms": [mechanism]},
    }
    if wanted.devices:
        request["DeviceConfiguration"] = {
            "ChallengeRequiredOnNewDevice": False,
            "DeviceOnlyRememberedOnUserPrompt": False,
        }
    if wanted.first_factors != ("PASSWORD",):
        request["Policies"] = {
            "SignInPolicy": {"AllowedFirstAuthFactors": list(wanted.first_factors)}
        }
        request["UserPoolTier"] = "ESSENTIALS"
    return request


def mfa_request(wanted: PoolRequirements) -> dict[str, Any]:
    """SetUserPoolMfaConfig; empty where nothing is to be set."""
    request: dict[str, Any] = {"MfaConfiguration": wanted.mfa}
    if wanted.mfa != "OFF":
        request |= dict(_METHOD_SETTINGS[each] for each in wanted.methods)
    if "WEB_AUTHN" in wanted.first_factors:
        request["WebAuthnConfiguration"] = {
            "RelyingPartyId": RP_ID,
            "UserVerification": "preferred",
        }
    return request if len(request) > 1 or wanted.mfa != "OFF" else {}
