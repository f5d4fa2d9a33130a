"""The pools, app clients and users that rules need, and where a pool's codes can be read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, ParamSpec, TypeAlias, TypeVar
from urllib.parse import quote

from attrs import define, field, frozen

from authfsm.base.secret import Secret
from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.verdicts import RuleEnded, Skipped
from authfsm.protocol.auth_flows import ALLOWED_FIRST_AUTH_FACTORS, CURRENT_VALUES
from authfsm.protocol.states import MFA_METHODS

P = ParamSpec("P")
T = TypeVar("T")

ALL_FLOWS: Final = CURRENT_VALUES
FLOWS_BUT_USER_AUTH: Final = tuple(each for each in ALL_FLOWS if each != "ALLOW_USER_AUTH")
RELYING_PARTY: Final = "app.example.com"
CUSTOM_ANSWER: Final = "a river"  # the right answer to the challenge of `CUSTOM_AUTH_POOL`


@frozen
class PoolRequirements:
    """The settings of a user pool, in Cognito's terms. Rules with the same requirements share a pool."""

    mfa: Literal["OFF", "OPTIONAL", "ON"] = "OFF"
    methods: tuple[str, ...] = ()  # the MFA methods that are enabled
    devices: bool = False  # are devices remembered without asking the user?
    first_factors: tuple[str, ...] = ("PASSWORD",)
    custom_auth: bool = False  # do Lambda functions issue a CUSTOM_CHALLENGE?

    @property
    def recovery(self) -> str:
        """The AccountRecoverySetting. It excludes e-mail if e-mail may be a second factor."""
        return "verified_email" if self.mfa == "OFF" else "admin_only"


@frozen
class ClientRequirements:
    """The settings of an app client, in Cognito's terms."""

    flows: tuple[str, ...] = ALL_FLOWS  # ExplicitAuthFlows
    secret: bool = False  # GenerateSecret
    existence: Literal["ENABLED", "LEGACY"] = "ENABLED"  # PreventUserExistenceErrors
    rotation: bool = False  # RefreshTokenRotation, without a grace period


@frozen
class UserRequirements:
    """A user: whether the password is temporary, the active MFA methods, and the preferred one."""

    temporary: bool = False
    factors: tuple[str, ...] = ()
    preferred: str | None = None

    @classmethod
    def with_mfa(cls, method: str) -> UserRequirements:
        """Return a user with one MFA method, which is the preferred one."""
        return cls(factors=(method,), preferred=method)


PASSWORD: Final = "Correct-Horse-1"  # noqa: S105 - of users who are created for a rule and deleted after it
TEMPORARY_PASSWORD: Final = "Temporary-Horse-1"  # noqa: S105 - the same
NEW_PASSWORD: Final = "Another-Horse-2"  # noqa: S105 - the same
WRONG_PASSWORD: Final = "Wrong-Horse-4"  # noqa: S105 - the same

DEFAULT_POOL: Final = PoolRequirements()
ALL_MFA_POOL: Final = PoolRequirements("OPTIONAL", tuple(each.value for each in MFA_METHODS))
SMS_OR_TOTP_POOL: Final = PoolRequirements("OPTIONAL", ("SMS_MFA", "SOFTWARE_TOKEN_MFA"))
TOTP_REQUIRED_POOL: Final = PoolRequirements("ON", ("SOFTWARE_TOKEN_MFA",))
DEVICE_POOL: Final = PoolRequirements(devices=True)
USER_AUTH_POOL: Final = PoolRequirements(first_factors=ALLOWED_FIRST_AUTH_FACTORS)
CUSTOM_AUTH_POOL: Final = PoolRequirements(custom_auth=True)

DEFAULT_CLIENT: Final = ClientRequirements()
OTHER_CLIENT: Final = ClientRequirements(flows=FLOWS_BUT_USER_AUTH)
"""Another app client than the default one of the same pool."""

DEFAULT_USER: Final = UserRequirements()
TEMPORARY_USER: Final = UserRequirements(temporary=True)
TOTP_USER: Final = UserRequirements.with_mfa("SOFTWARE_TOKEN_MFA")
SMS_USER: Final = UserRequirements.with_mfa("SMS_MFA")
SMS_AND_TOTP_USER: Final = UserRequirements(factors=("SMS_MFA", "SOFTWARE_TOKEN_MFA"))
EMAIL_USER: Final = UserRequirements.with_mfa("EMAIL_OTP")


Inbox: TypeAlias = Callable[[str, ApiClient], Secret[str]]
"""Returns the last code that an endpoint sent to a user."""


def code_in_outbox(username: str, api: ApiClient) -> Secret[str]:
    """Read a code from the endpoint's own `GET /outbox?username=`, as `authfsm serve` has it."""
    with api.setup():
        messages = api.get(f"{api.url}/outbox?username={quote(username)}").body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else {}
    code = last.get("code") if isinstance(last, Mapping) else None
    if not isinstance(code, str):
        raise Skipped("the endpoint sent no code")
    return Secret(code)


def parse_inbox(option: str) -> Inbox:
    """Return the inbox that an option names: `outbox`, or `fixed:` and the code that a server always sends."""
    kind, _, code = option.partition(":")
    if option == "outbox":
        return code_in_outbox
    if kind == "fixed" and code:
        fixed = Secret(code)
        return lambda *_: fixed
    raise ValueError("is neither outbox nor fixed:CODE")


@frozen
class ConformancePool:
    """A user pool at an endpoint, with the inbox of its codes if they can be read."""

    api: ApiClient = field(repr=False)
    pool_id: str
    inbox: Inbox | None = None

    @property
    def jwks_url(self) -> str:
        """The URL of its public keys."""
        return f"{self.api.url.rstrip('/')}/{self.pool_id}/.well-known/jwks.json"


@frozen
class ConformanceClient:
    """An app client of a pool."""

    client_id: str
    secret: Secret[str] | None = None


@define(eq=False)
class PoolProvider(ABC):
    """Provides pools and app clients, one for all rules with the same requirements."""

    _created: dict[object, object] = field(factory=dict, init=False, repr=False)

    def pool(self, requirements: PoolRequirements) -> ConformancePool:
        """Return a pool with these settings."""
        return self._once(self._create_pool, requirements)

    def client(self, pool: ConformancePool, requirements: ClientRequirements) -> ConformanceClient:
        """Return an app client of a pool with these settings."""
        return self._once(self._create_client, pool, requirements)

    def register_user(self, username: str) -> None:  # noqa: B027 - most providers delete users with their pool
        """Note that a rule created a user, who must be deleted in `cleanup`."""

    @abstractmethod
    def cleanup(self) -> None:
        """Delete what was created."""

    @abstractmethod
    def _create_pool(self, requirements: PoolRequirements) -> ConformancePool: ...

    def _create_client(
        self, pool: ConformancePool, requirements: ClientRequirements
    ) -> ConformanceClient:
        return create_client(pool, requirements)

    def _once(self, create: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the first call with these arguments returned, or raise what it raised."""
        key = (create.__name__, args)
        if key not in self._created:
            try:
                self._created[key] = create(*args, **kwargs)
            except RuleEnded as error:
                self._created[key] = error
        created: Any = self._created[key]
        if isinstance(created, RuleEnded):
            raise type(created)(created.why)
        result: T = created
        return result


def create_client(pool: ConformancePool, requirements: ClientRequirements) -> ConformanceClient:
    """Create an app client through the API."""
    request: dict[str, Any] = {
        "ClientName": "authfsm-conform",
        "ExplicitAuthFlows": list(requirements.flows),
        "GenerateSecret": requirements.secret,
        "PreventUserExistenceErrors": requirements.existence,
    }
    if requirements.rotation:
        # Rotation excludes REFRESH_TOKEN_AUTH: developer guide, "Refresh tokens".
        request["ExplicitAuthFlows"].remove("ALLOW_REFRESH_TOKEN_AUTH")
        request["RefreshTokenRotation"] = {"Feature": "ENABLED", "RetryGracePeriodSeconds": 0}
    with pool.api.setup():
        reply = pool.api.call("CreateUserPoolClient", UserPoolId=pool.pool_id, **request)
    client = reply.setup_value("UserPoolClient")
    client_id, secret = client.get("ClientId"), client.get("ClientSecret")
    if not isinstance(client_id, str) or requirements.secret != isinstance(secret, str):
        raise Skipped(f"CreateUserPoolClient: {reply.summary}")
    return ConformanceClient(client_id, Secret(secret) if requirements.secret else None)
