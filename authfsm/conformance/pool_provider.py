"""Where pools come from. A workshop has them made, lends them to rules, and puts them away at the end.

Pools are made by the endpoint's own API, or are there already, or are this package's own, served over HTTP:
`PoolProvider` is what the three have in common. App clients and people are made by Cognito's own API everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from attrs import define, field, frozen

from authfsm.base.secret import Secret
from authfsm.conformance.conversation import ApiReply, Conversation
from authfsm.conformance.inbox import Inbox
from authfsm.conformance.requirements import RP_ID, ClientRequirements, PoolRequirements
from authfsm.conformance.verdicts import Observed, Skipped


@frozen
class ConformancePool:
    """A user pool at an endpoint.

    Args:
        conversation: with its endpoint.
        pool_id: its id.
        inbox: where what it sends can be read; None where nobody can.
    """

    conversation: Conversation = field(repr=False)
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
            except Observed as seen:
                self._lent[wanted] = seen
        lent = self._lent[wanted]
        if isinstance(lent, Observed):
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
