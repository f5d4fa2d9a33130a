"""`LocalPool`: a Cognito user pool inside this process."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from attrs import fields_dict

from authfsm.base.clock import Clock, checked_clock, utc_now
from authfsm.base.concurrency import ForkSafeLock
from authfsm.base.mixins import DisplayMixin
from authfsm.base.secret import Secret, secret, secret_values
from authfsm.local.accounts import enrolment, sign_up
from authfsm.local.accounts.records import add_missing_groups
from authfsm.local.api import pool_operations
from authfsm.local.api.aws_json import HttpReply, answer_http
from authfsm.local.api.operations import answer, read_members
from authfsm.local.config import descriptions, settings_conflicts
from authfsm.local.config.contradictions import Contradictions
from authfsm.local.config.lambda_functions import Triggers
from authfsm.local.config.leniency import Accepted
from authfsm.local.config.pool_configuration import (
    CURRENT_FLOW_VALUES,
    AppClient,
    DeviceConfiguration,
    PasswordPolicy,
    PoolConfiguration,
    RefreshTokenRotation,
)
from authfsm.local.config.request_members import check_types
from authfsm.local.config.schema import check_names
from authfsm.local.config.unsupported_settings import unsupported_settings
from authfsm.local.signin import passwords
from authfsm.local.state.codes import Entropy, Outbox, checked_totp_secret
from authfsm.local.state.core import Core
from authfsm.local.state.token_issuer import TokenIssuer
from authfsm.local.state.users import SoftwareToken, Status, User
from authfsm.protocol import api_requests
from authfsm.protocol.auth_flows import AUTH_SESSION_VALIDITY
from authfsm.protocol.errors import BadField
from authfsm.protocol.states import MFA_METHODS
from authfsm.protocol.validators import to_tuple
from authfsm.settings.descriptions import Descriptions

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

    from authfsm.drivers.boto import Cognito


class LocalPool(DisplayMixin):
    """A local pool: a Cognito user pool inside this process that verifies what Cognito verifies.

    Messages that Cognito would send by SMS or email are in `outbox`. The pool may be used from several
    threads. `PoolConfiguration` and `AppClient` describe the settings in more detail.

    Args:
        mfa: MfaConfiguration.
        mfa_methods: the enabled second factors.
        client_secret: True for an app client with a random secret, or the secret itself.
        device: DeviceConfiguration; None for a pool that remembers no devices.
        explicit_auth_flows: ExplicitAuthFlows; by default all `ALLOW_*` values. If empty, the API's three defaults.
        auth_session_validity: AuthSessionValidity in minutes, 3 to 15.
        prevent_user_existence_errors: ENABLED (the default, as in the console) or LEGACY (the API's default).
        triggers: the functions of the Lambda triggers.
        aliases: AliasAttributes.
        username_attributes: UsernameAttributes.
        case_sensitive: UsernameConfiguration.CaseSensitive.
        required_attributes: the attributes that a user must have.
        account_recovery: AccountRecoverySetting, by priority.
        password_policy: the requirements for new passwords; by default Cognito's.
        refresh_token_rotation: RefreshTokenRotation.
        contradictions: the behaviour on points where sources about Cognito contradict each other.
        region: the region of a random pool id; it has no effect if `pool_id` is given.
        pool_id: by default a random one in the region.
        client_id: the app client's id; by default a random one.
        issuer: the tokens' `iss`; by default Cognito's.
        clock: returns the current time; by default the real one (`ManualClock` for tests).
        entropy: returns random bytes; the argument is their number.
        key: the RSA key that signs tokens, of 2048 bits or more; by default generated when it is first needed.
        settings: any other field of `PoolConfiguration` or `AppClient`.

    Raises:
        ValueError: a setting has an invalid value, or Cognito refuses the settings together.
        TypeError: there is no such setting, or its value has the wrong type.
    """

    def __init__(
        self,
        *,
        mfa: Literal["OFF", "OPTIONAL", "ON"] = "OFF",
        mfa_methods: Iterable[str] = MFA_METHODS,
        client_secret: bool | str | Secret[str] = False,
        device: DeviceConfiguration | None = None,
        explicit_auth_flows: Iterable[str] = CURRENT_FLOW_VALUES,
        auth_session_validity: int = AUTH_SESSION_VALIDITY,
        prevent_user_existence_errors: Literal["ENABLED", "LEGACY"] = "ENABLED",
        triggers: Triggers | None = None,
        aliases: Iterable[str] = (),
        username_attributes: Iterable[str] = (),
        case_sensitive: bool = True,
        required_attributes: Iterable[str] = (),
        account_recovery: Iterable[str] = (),
        password_policy: PasswordPolicy | None = None,
        refresh_token_rotation: RefreshTokenRotation | None = None,
        contradictions: Contradictions | None = None,
        region: str = "eu-west-1",
        pool_id: str | None = None,
        client_id: str | None = None,
        issuer: str | None = None,
        clock: Clock = utc_now,
        entropy: Entropy = secrets.token_bytes,
        key: RSAKey | None = None,
        **settings: Any,
    ) -> None:
        client_secret = secret_values(client_secret)
        pool_operations.check_setting_names(settings, PoolConfiguration, AppClient)
        client_settings = {name: settings.pop(name) for name in fields_dict(AppClient).keys() & settings.keys()}
        pool_id = pool_operations.new_pool_id(region, entropy) if pool_id is None else pool_id
        check_types("str", {"pool_id": pool_id})
        configuration = PoolConfiguration(
            pool_id=pool_id, issuer=api_requests.issuer(pool_id) if issuer is None else issuer,
            mfa=mfa, mfa_methods=mfa_methods, device=device, triggers=triggers, aliases=aliases,
            username_attributes=username_attributes, case_sensitive=case_sensitive,
            required_attributes=required_attributes, account_recovery=account_recovery,
            password_policy=PasswordPolicy() if password_policy is None else password_policy,
            contradictions=Contradictions() if contradictions is None else contradictions, **settings,
        )  # fmt: skip
        self._start(configuration, clock, entropy, key)
        described = descriptions.user_pool(configuration, 0)
        if version := getattr(triggers, "pre_token_generation_version", None):
            described["LambdaConfig"] = {"PreTokenGenerationConfig": {"LambdaVersion": version}}
        parsed = Descriptions(described, mfa_config=descriptions.mfa_config(configuration))
        pool_operations.check_arguments(self._core, settings_conflicts.pool_conflicts(parsed))
        self._client_id = self.add_client(
            client_id=client_id, client_secret=client_secret, explicit_auth_flows=explicit_auth_flows,
            auth_session_validity=auth_session_validity,
            prevent_user_existence_errors=prevent_user_existence_errors,
            refresh_token_rotation=refresh_token_rotation, **client_settings,
        ).client_id  # fmt: skip

    def _start(self, configuration: PoolConfiguration, clock: Clock, entropy: Entropy, key: RSAKey | None) -> None:
        self.clock, self._entropy, self._lock = checked_clock(clock), entropy, ForkSafeLock()
        self._core = Core(configuration, TokenIssuer(configuration, clock, entropy, key), clock, entropy)
        self._client_id = ""  # no app client was created with the pool

    @classmethod
    def like(
        cls,
        user_pool: Mapping[str, Any],
        user_pool_client: Mapping[str, Any] | None = None,
        mfa_config: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> LocalPool:
        """Return a pool with a real pool's settings; `unsupported_settings` lists the settings that have no effect here.

        Args:
            user_pool: the reply of DescribeUserPool, its UserPool, or a request of CreateUserPool. It may also
                contain the other two descriptions, as UserPoolClient and MfaConfig.
            user_pool_client: the reply of DescribeUserPoolClient, or its UserPoolClient; by default an app client with
                the API's default settings.
            mfa_config: the reply of GetUserPoolMfaConfig. Without it, every second factor is enabled, and
                the pool has no relying party: pass `webauthn` to let users register passkeys.
            settings: arguments of `LocalPool`, which replace the settings of the descriptions.

        Raises:
            BadField: `user_pool` describes no pool, or a member has another type than in the API: the message says which.
            ValueError, TypeError: as for `LocalPool`.
        """
        parsed = Descriptions.parse(user_pool, user_pool_client, mfa_config)
        if user_pool.get("UserPool") is None and {*user_pool} & {"UserPools", "UserPoolClient", "ClientId"}:
            raise BadField(Descriptions, "UserPool", "is missing: the first argument must describe the pool")
        return cls(**descriptions.merged_settings(parsed, settings))

    @property
    def configuration(self) -> PoolConfiguration:
        """The pool's settings."""
        return self._core.configuration

    @property
    def pool_id(self) -> str:
        """The pool's id, such as us-east-1_AbCdEfGhI."""
        return self.configuration.pool_id

    @property
    def region(self) -> str:
        """The AWS region in the pool's id."""
        return self.configuration.region

    @property
    def issuer(self) -> str:
        """The `iss` of the pool's tokens."""
        return self.configuration.issuer

    @property
    def client_id(self) -> str:
        """The id of the app client created with the pool, or else of the oldest one; LookupError if there is none."""
        clients = self._core.clients
        client_id = self._client_id if self._client_id in clients else next(iter(clients), "")
        if not client_id:
            raise LookupError(f"the pool {self.pool_id} has no app client; call add_client")
        return client_id

    @property
    def unsupported_settings(self) -> tuple[str, ...]:
        """The settings in the descriptions of the pool and `app_client` that are not supported, with reasons."""
        return unsupported_settings(self.configuration, self.app_client if self._core.clients else AppClient("none"))

    def __repr__(self) -> str:
        users = len(getattr(vars(self).get("_core"), "users", ()))  # 0 if the constructor raised
        return f"LocalPool({getattr(self, 'pool_id', None)}, {users} user{'' if users == 1 else 's'})"

    @property
    def app_client(self) -> AppClient:
        """The app client with the id `client_id`."""
        return self._core.clients[self.client_id]

    @property
    def client_secret(self) -> Secret[str] | None:
        """The secret of `app_client`; None if it has none."""
        return self.app_client.client_secret

    @property
    def outbox(self) -> Outbox:
        """The messages that Cognito would have sent, the oldest first."""
        return self._core.outbox

    @property
    def accepted(self) -> tuple[Accepted, ...]:
        """The requests that succeeded because of `accept`: the last thousand, the oldest first."""
        return tuple(self._core.accepted)

    def add_client(
        self, *, client_id: str | None = None, client_secret: bool | str | Secret[str] = False, **settings: Any
    ) -> AppClient:
        """Add an app client.

        Args:
            client_id: its id; by default a random one.
            client_secret: True for a random secret, or the secret itself.
            settings: other fields of `AppClient`.

        Raises:
            ValueError: a setting has an invalid value, or the pool has an app client with this id.
            TypeError: there is no such setting, or its value has the wrong type.
        """
        client_secret = secret_values(client_secret)
        pool_operations.check_setting_names(settings, AppClient)
        if client_secret is True:
            client_secret = pool_operations.new_client_secret(self._entropy)
        client_id = pool_operations.new_client_id(self._entropy) if client_id is None else client_id
        client = AppClient(client_id, None if client_secret is False else client_secret, **settings)
        with self._lock:
            pool_operations.check_client(self._core, client)
            if client_id in self._core.clients:
                raise ValueError(f"the pool has an app client {client_id} already")
            self._core.clients[client.client_id] = client
        return client

    def add_user(
        self,
        username: str,
        password: str | Secret[str] | None = None,
        *,
        email: str | None = None,
        phone_number: str | None = None,
        attributes: Mapping[str, str] | None = None,
        verified: bool = True,
        temporary: bool = False,
        status: str | None = None,
        enabled: bool = True,
        groups: Iterable[str] = (),
        totp_secret: str | Secret[str] | None = None,
        mfa: Iterable[str] | None = None,
        preferred_mfa: str | None = None,
    ) -> User:
        """Add a user, without checking the password policy and the schema.

        Args:
            username: the name; in a pool with `username_attributes`, the attribute's value.
            password: the password, of which only the SRP verifier is stored; None for a user without one.
            email: the attribute.
            phone_number: the attribute, for example `+15551234567`.
            attributes: more attributes.
            verified: whether email and phone number are verified, unless an attribute says otherwise.
            temporary: whether the user must change the password at the next sign-in (FORCE_CHANGE_PASSWORD).
            status: the UserStatus; by default CONFIRMED, or FORCE_CHANGE_PASSWORD with a `temporary` password.
            enabled: whether the user may sign in.
            groups: `cognito:groups`; groups that the pool lacks are added.
            totp_secret: the verified secret of an authenticator app (base32).
            mfa: UserMFASettingList; by default TOTP if the user has a secret. `preferred_mfa` is added.
            preferred_mfa: PreferredMfaSetting.

        Raises:
            PoolRefusal: the name or an alias is taken, or the pool allows no such name.
            TypeError: an argument has the wrong type.
            ValueError: the name is empty, an argument is invalid, or the user lacks the address or secret of a factor.
        """
        password = secret(password)
        totp_secret = secret(totp_secret)
        if not isinstance(username, str) or not username:
            raise ValueError("username must be text that is not empty")
        groups, own = to_tuple(groups), {"email": email, "phone_number": phone_number, **(attributes or {})}
        known = {name: value for name, value in own.items() if value is not None}
        wrapped = {"password": password, "totp_secret": totp_secret}
        check_types("str", {name: each for name, each in wrapped.items() if each is not None})
        check_types("str", {**known, **{f"groups[{n}]": each for n, each in enumerate(groups)}})
        check_types("bool", {"verified": verified, "temporary": temporary, "enabled": enabled})
        token = SoftwareToken(checked_totp_secret(totp_secret)) if totp_secret is not None else None
        check_names("status", [status] if status else (), [each.value for each in Status])
        with self._lock:
            user = sign_up.confirmed_user(self._core, username, known, verified=verified)
            if password is not None:
                passwords.set_password(self._core, user, password, temporary=temporary)
            user.status = Status(status) if status else user.status
            user.enabled, user.groups = enabled, groups
            user.software_token = token
            enrolment.set_initial_mfa(user, mfa, preferred_mfa)
            self._core.users.add(user)
            add_missing_groups(self._core, user.groups)
        return user

    def user(self, name: str) -> User:
        """Return a user by name or alias; raise LookupError if the pool has none."""
        found = self._core.users.find(name)
        if found is None:
            raise LookupError(f"the pool has no user {name}")
        return found

    def answer(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request of the API.

        Args:
            operation: the name, for example `InitiateAuth`.
            request: the members. Their names, and those of the reply's members, are the API's; times are seconds
                since 1970.

        Raises:
            PoolRefusal: the pool refuses, with Cognito's error code and message.
        """
        with self._lock:
            self._core.response = None
            return self.answer_members(operation, read_members(self._core, operation, request))

    def answer_members(self, operation: str, members: dict[str, Any]) -> dict[str, Any]:
        """Answer a request whose members `read_members` returned."""
        with self._lock:
            return answer(self._core, operation, members)

    def client(self, config: Any = None) -> Any:
        """Return a real boto3 cognito-idp client whose requests this pool answers, without a network.

        Args:
            config: a `botocore.config.Config`. The client has dummy credentials. With
                `Config(signature_version=botocore.UNSIGNED)` its requests are not signed, and the operations for
                administrators reply with Cognito's MissingAuthenticationTokenException.
        """
        from authfsm.local.api.boto_hook import boto_client  # noqa: PLC0415 - boto3 takes 0.3 s to load

        def exchange(target: str, body: bytes, authorization: str, _: str) -> HttpReply:
            return answer_http(self.answer, target, body, self.request_id(), signed=bool(authorization))

        return boto_client(exchange, self.region, config)

    def cognito(self, **settings: Any) -> Cognito:
        """Return a `Cognito` that is connected to this pool; `settings` are arguments of `Cognito`."""
        from authfsm.drivers.boto import Cognito  # noqa: PLC0415 - a pool works without the driver

        with self._lock:
            client_id = settings.get("client_id", self.client_id)
            client = self._core.clients.get(client_id, self.app_client)
        defaults = {
            "client_id": client_id,
            "pool_id": self.pool_id,
            "client_secret": client.client_secret,
            "clock": self.clock,
            "session_lifetime": timedelta(minutes=client.auth_session_validity),
        }
        return Cognito(settings.pop("client", None) or self.client(), **{**defaults, **settings})

    def fork(self) -> LocalPool:
        """Return a copy of this pool with its users, sessions, codes, tokens and key.

        Changes to one do not affect the other, so that a sign-in can be continued in two ways. Both use the same
        clock and entropy; a listener of the outbox gets only the messages of the original.
        """
        with self._lock:
            core = self._core
            shared = (self.configuration, self.clock, self._entropy, core.token_issuer.key)
            memo: dict[int, Any] = {id(each): each for each in (*shared, *core.clients.values())}
            # The listener is not copied, because it may be a queue or a socket.
            memo[id(core.outbox._listener)] = None  # noqa: SLF001 - same package
            fork = copy.copy(self)
            fork._core = copy.deepcopy(core, memo)  # noqa: SLF001 - same class
            fork._lock = ForkSafeLock()  # noqa: SLF001 - same class
        return fork

    def jwks(self) -> dict[str, Any]:
        """Return the public signing key as a JSON Web Key Set."""
        with self._lock:
            return self._core.token_issuer.jwks()

    def request_id(self) -> str:
        """Return a UUID for a response's `x-amzn-RequestId`."""
        return self._core.token_issuer.uuid()
