"""`LocalPool`: an Amazon Cognito user pool inside this process."""

from __future__ import annotations

import copy
import secrets
import string
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from attrs import fields
from joserfc.jwk import RSAKey

from authfsm.base.concurrency import ForkSafeLock
from authfsm.base.mixins import DisplayMixin
from authfsm.base.secret import Secret, secret, secret_values
from authfsm.local.accounts import admin, enrolment
from authfsm.local.api.operations import answer
from authfsm.local.config import descriptions, unsupported
from authfsm.local.config.clock import Clock, utc_now
from authfsm.local.config.pool_configuration import (
    EVERY_FLOW,
    MFA_METHODS,
    AppClient,
    Contradictions,
    DeviceConfiguration,
    PasswordPolicy,
    PoolConfiguration,
    RefreshTokenRotation,
    Triggers,
)
from authfsm.local.signin import passwords
from authfsm.local.state.codes import Entropy, Outbox, checked_totp_secret, random_text
from authfsm.local.state.core import Core
from authfsm.local.state.token_issuer import TokenIssuer
from authfsm.local.state.users import SoftwareToken, Status, User
from authfsm.settings.descriptions import Descriptions

if TYPE_CHECKING:
    from authfsm.drivers.boto import Cognito

_LOWER: Final = string.ascii_lowercase + string.digits
_LETTERS: Final = string.ascii_letters + string.digits
_CLIENT_FIELDS: Final = frozenset(each.name for each in fields(AppClient))


class LocalPool(DisplayMixin):
    """An Amazon Cognito user pool inside this process that verifies what Cognito verifies.

    What Cognito would send by SMS or e-mail lies in `outbox`. One lock makes it safe to use from several
    threads. `PoolConfiguration` and `AppClient` say more about the settings.

    Args:
        mfa: MfaConfiguration.
        mfa_methods: the second factors that are enabled.
        client_secret: True for an app client with a secret, or the secret itself.
        device: DeviceConfiguration; None for a pool that remembers no devices.
        explicit_auth_flows: every flow served, if left out; Cognito's own default of three, if empty.
        auth_session_validity: AuthSessionValidity, minutes, 3 to 15.
        prevent_user_existence_errors: ENABLED (the console's default, and ours) or LEGACY (the API's).
        triggers: the functions of CUSTOM_AUTH.
        aliases: AliasAttributes.
        username_attributes: UsernameAttributes.
        case_sensitive: UsernameConfiguration.CaseSensitive.
        required_attributes: the attributes a user must have.
        account_recovery: AccountRecoverySetting, most wanted first.
        password_policy: what new passwords must have; Cognito's default.
        refresh_token_rotation: RefreshTokenRotation.
        contradictions: which way to go where sources about Cognito disagree.
        region: the pool id's region.
        pool_id: the pool id; a random one in the region, if left out.
        client_id: the app client's id; a random one, if left out.
        issuer: the tokens' `iss`; Cognito's, if left out.
        clock: returns the present moment; real time, if left out (`ManualClock` for tests).
        entropy: returns that many random bytes.
        key: the RSA key that signs tokens; one of the pool's own, made at the first sign-in, if left out.
        settings: any other field of `PoolConfiguration` or `AppClient`, by its name there.
    """

    def __init__(
        self,
        *,
        mfa: Literal["OFF", "OPTIONAL", "ON"] = "OFF",
        mfa_methods: Iterable[str] = MFA_METHODS,
        client_secret: bool | str | Secret[str] = False,
        device: DeviceConfiguration | None = None,
        explicit_auth_flows: Iterable[str] = EVERY_FLOW,
        auth_session_validity: int = 3,
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
        of_client = {name: settings.pop(name) for name in _CLIENT_FIELDS & set(settings)}
        pool_id = pool_id or f"{region}_{random_text(entropy, 9, _LETTERS)}"
        host = f"https://cognito-idp.{pool_id.partition('_')[0]}.amazonaws.com"
        configuration = PoolConfiguration(
            pool_id=pool_id,
            issuer=issuer or f"{host}/{pool_id}",
            mfa=mfa,
            mfa_methods=mfa_methods,
            device=device,
            triggers=triggers,
            aliases=aliases,
            username_attributes=username_attributes,
            case_sensitive=case_sensitive,
            required_attributes=required_attributes,
            account_recovery=account_recovery,
            password_policy=password_policy or PasswordPolicy(),
            contradictions=contradictions or Contradictions(),
            **settings,
        )
        self.clock = clock
        self._entropy = entropy
        self._lock = ForkSafeLock()
        self.configuration: Final = configuration
        self._token_issuer = TokenIssuer(configuration, clock, entropy, key)
        self._core = Core(configuration, self._token_issuer, clock, entropy)
        self._first = self.add_client(
            client_id=client_id,
            client_secret=client_secret,
            explicit_auth_flows=explicit_auth_flows,
            auth_session_validity=auth_session_validity,
            prevent_user_existence_errors=prevent_user_existence_errors,
            refresh_token_rotation=refresh_token_rotation,
            **of_client,
        ).client_id

    @classmethod
    def like(
        cls,
        user_pool: Mapping[str, Any],
        user_pool_client: Mapping[str, Any] | None = None,
        mfa_config: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> LocalPool:
        """A pool like a real one, from its descriptions; what it cannot do alike, `unsupported_settings` says.

        Args:
            user_pool: what DescribeUserPool returns, or its UserPool; CreateUserPool's request will do.
                It may hold the other two as well, as UserPoolClient and MfaConfig.
            user_pool_client: what DescribeUserPoolClient returns, or its UserPoolClient; the API's defaults hold
                where there is none.
            mfa_config: what GetUserPoolMfaConfig returns; without it, every second factor is enabled.
            more: what descriptions do not say (`triggers`, `clock`), or what shall be otherwise.

        Raises:
            BadField: a member is of another type than the API's; the message names it.
            ValueError: the descriptions contradict themselves.
        """
        told = Descriptions.read(user_pool, user_pool_client, mfa_config)
        if isinstance(triggers := more.get("triggers"), Triggers):
            more["triggers"] = descriptions.with_described_version(triggers, told.user_pool)
        client = descriptions.client_settings(told.user_pool_client or {})
        return cls(**{**descriptions.pool_settings(told), **client, **more})

    @property
    def unsupported_settings(self) -> tuple[str, ...]:
        """What the descriptions say that this pool is like, and this pool cannot honour, with reasons."""
        described = self.configuration.pool_description
        pool, mfa = described.get("UserPool", {}), described.get("MfaConfig")
        said = (
            *unsupported.unsupported_in_pool(pool, mfa, self.configuration.triggers),
            *unsupported.unsupported_in_client(self.app_client.client_description),
        )
        return (*said, *unsupported.unknown_members(described.get("unknown", ()), said))

    def __repr__(self) -> str:
        return f"LocalPool({self.pool_id}, {len(self._core.users)} users)"

    @property
    def pool_id(self) -> str:
        """The pool's id."""
        return self.configuration.pool_id

    @property
    def region(self) -> str:
        """The AWS region in its id."""
        return self.configuration.region

    @property
    def issuer(self) -> str:
        """The `iss` of its tokens."""
        return self.configuration.issuer

    @property
    def app_client(self) -> AppClient:
        """The app client the pool was made with."""
        return self._core.clients[self._first]

    @property
    def client_id(self) -> str:
        """The id of the app client the pool was made with."""
        return self._first

    @property
    def client_secret(self) -> Secret[str] | None:
        """The secret of that app client, if it has one."""
        return self.app_client.client_secret

    @property
    def outbox(self) -> Outbox:
        """The messages the pool would have sent, the oldest first."""
        return self._core.outbox

    def add_client(
        self,
        *,
        client_id: str | None = None,
        client_secret: bool | str | Secret[str] = False,
        **settings: Any,
    ) -> AppClient:
        """One more app client.

        Args:
            client_id: its id; a random one, if left out.
            client_secret: True for a random secret, or the secret itself.
            settings: the other settings of `AppClient`.
        """
        client_secret = secret_values(client_secret)
        if client_secret is True:
            client_secret = Secret(random_text(self._entropy, 51, _LOWER))
        made = AppClient(
            client_id or random_text(self._entropy, 26, _LOWER),
            secret(client_secret or None),
            **settings,
        )
        with self._lock:
            self._core.clients[made.client_id] = made
        return made

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
        """A user, without asking the password policy.

        Args:
            username: the name; in a pool with `username_attributes`, the attribute's value.
            password: the password; only its SRP verifier is kept. None for a user without one.
            email: the attribute.
            phone_number: the attribute, as `+15551234567`.
            attributes: more attributes.
            verified: are the address and the number verified?
            temporary: is the password to be changed at the next sign-in (FORCE_CHANGE_PASSWORD)?
            status: another UserStatus.
            enabled: may the user sign in?
            groups: `cognito:groups`.
            totp_secret: the verified secret of an authenticator app (base32).
            mfa: UserMFASettingList; if left out, TOTP where there is a secret, and `preferred_mfa`.
            preferred_mfa: PreferredMfaSetting.

        Raises:
            PoolRefusal: the name or an alias is taken.
            ValueError: no authenticator app could use `totp_secret`, or there is no such `status`.
        """
        # Before anything is changed: what cannot be is told here, not at a sign-in to come.
        password = secret(password)
        totp_secret = secret(totp_secret)
        token = (
            None if totp_secret is None else SoftwareToken(checked_totp_secret(secret(totp_secret)))
        )
        standing = Status(status) if status else None
        addresses = {"email": email, "phone_number": phone_number}
        given = {name: value for name, value in addresses.items() if value is not None}
        with self._lock:
            user = admin.add_user(
                self._core, username, {**given, **(attributes or {})}, verified=verified
            )
            if password is not None:
                passwords.set_password(self._core, user, secret(password), temporary=temporary)
            user.status = standing or user.status
            user.enabled, user.groups = enabled, tuple(groups)
            user.software_token = token
            enrolment.set_initial_mfa(user, mfa, preferred_mfa)
        return user

    def user(self, name: str) -> User:
        """A user, by name or alias.

        Raises:
            LookupError: there is none.
        """
        found = self._core.users.find(name)
        if found is None:
            raise LookupError(f"the pool has no user {name}")
        return found

    def fork(self) -> LocalPool:
        """Another pool, like this one in all it holds: users, sessions, codes, tokens, key.

        What is then done to one is not done to the other; they share the clock and the entropy. So a
        sign-in can be taken back to where the fork was made, or two ways on from there be tried. Nobody
        watches the fork's outbox yet.
        """
        with self._lock:
            same = [self.configuration, self.clock, self._entropy, self._token_issuer.key]
            memo: dict[int, Any] = {
                id(each): each for each in (*same, *self._core.clients.values())
            }
            # Whoever watches is no part of the pool, and may be what cannot be copied: a queue, a socket.
            memo[id(self._core.outbox._seen)] = None  # noqa: SLF001 - one of us
            made = copy.copy(self)
            made._core = copy.deepcopy(self._core, memo)  # noqa: SLF001 - one of us
            made._token_issuer = made._core.token_issuer  # noqa: SLF001 - one of us
            made._lock = ForkSafeLock()  # noqa: SLF001 - one of us
        return made

    def jwks(self) -> dict[str, Any]:
        """The public signing key, as a JSON Web Key Set."""
        with self._lock:
            return self._token_issuer.jwks()

    def answer(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request of the API.

        Args:
            operation: as `InitiateAuth`.
            request: its members, as the API spells them.

        Returns:
            The reply, as the API spells it; moments are seconds since 1970.

        Raises:
            PoolRefusal: the pool says no, with Cognito's error code and message.
        """
        with self._lock:
            return answer(self._core, operation, request)

    def client(self, config: Any = None) -> Any:
        """A real boto3 cognito-idp client, whose requests are answered by this pool and never leave.

        Args:
            config: a `botocore.config.Config`. The client has dummy credentials;
                `Config(signature_version=botocore.UNSIGNED)` makes one without, which the operations for
                administrators refuse as Cognito does (MissingAuthenticationTokenException).
        """
        from authfsm.local.api import boto_hook  # noqa: PLC0415 - boto3 takes 0.3 s: only who wants one waits

        return boto_hook.client(self, config)

    def cognito(self, **settings: Any) -> Cognito:
        """This package's own driver, on this pool.

        Args:
            settings: of `authfsm.drivers.boto.Cognito`, beside client, ids and secret.
        """
        from authfsm.drivers.boto import Cognito  # noqa: PLC0415 - the pool itself does without

        settings.setdefault("client_id", self.client_id)
        settings.setdefault("pool_id", self.pool_id)
        settings.setdefault("client_secret", self.client_secret)
        settings.setdefault("clock", self.clock)
        with self._lock:
            known = self._core.clients.get(settings["client_id"], self.app_client)
        settings.setdefault("session_lifetime", timedelta(minutes=known.auth_session_validity))
        return Cognito(self.client(), **settings)

    def request_id(self) -> str:
        """A UUID for a request, as `x-amzn-RequestId` has it."""
        return self._token_issuer.uuid()
