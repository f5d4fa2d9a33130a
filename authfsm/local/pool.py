"""`LocalPool`: an Amazon Cognito user pool inside this process."""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from joserfc.jwk import RSAKey

from authfsm.local import admin, enrolment, passwords
from authfsm.local.clock import Clock, utc_now
from authfsm.local.codes import Entropy, Outbox, drawn
from authfsm.local.core import Core
from authfsm.local.operations import answer
from authfsm.local.settings import (
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
from authfsm.local.tokens import Mint
from authfsm.local.users import SoftwareToken, Status, User
from authfsm.secret import Secret, secret

if TYPE_CHECKING:
    from authfsm.drivers.boto import Cognito

_LETTERS: Final = string.ascii_letters + string.digits
_LOWER: Final = string.ascii_lowercase + string.digits


class LocalPool:
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
    ) -> None:
        pool_id = pool_id or f"{region}_{drawn(entropy, 9, _LETTERS)}"
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
        )
        self.clock = clock
        self._entropy = entropy
        self._lock = threading.RLock()
        self.configuration: Final = configuration
        self._mint = Mint(configuration, clock, entropy, key)
        self._core = Core(configuration, self._mint, clock, entropy)
        self._first = self.add_client(
            client_id=client_id,
            client_secret=client_secret,
            explicit_auth_flows=explicit_auth_flows,
            auth_session_validity=auth_session_validity,
            prevent_user_existence_errors=prevent_user_existence_errors,
            refresh_token_rotation=refresh_token_rotation,
        )

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
        return self._first

    @property
    def client_id(self) -> str:
        """The id of the app client the pool was made with."""
        return self._first.client_id

    @property
    def client_secret(self) -> Secret[str] | None:
        """The secret of that app client, if it has one."""
        return self._first.client_secret

    @property
    def outbox(self) -> Outbox:
        """The messages the pool would have sent, the oldest first."""
        return self._core.outbox

    def jwks(self) -> dict[str, Any]:
        """The public signing key, as a JSON Web Key Set."""
        with self._lock:
            return self._mint.jwks()

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
        if client_secret is True:
            client_secret = drawn(self._entropy, 51, _LOWER)
        made = AppClient(
            client_id or drawn(self._entropy, 26, _LOWER),
            secret(client_secret) if client_secret else None,
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
        """
        addresses = {"email": email, "phone_number": phone_number}
        given = {name: value for name, value in addresses.items() if value is not None}
        with self._lock:
            user = admin.new_user(
                self._core, username, {**given, **(attributes or {})}, verified=verified
            )
            if password is not None:
                passwords.set_password(self._core, user, secret(password), temporary=temporary)
            user.status = Status(status) if status else user.status
            user.enabled, user.groups = enabled, tuple(groups)
            if totp_secret is not None:
                user.software_token = SoftwareToken(secret(totp_secret))
            enrolment.enrol(user, mfa, preferred_mfa)
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

    def client(self) -> Any:
        """A real boto3 cognito-idp client, whose requests are answered by this pool and never leave."""
        from authfsm.local import door  # noqa: PLC0415 - boto3 takes 0.3 s: only who wants one waits

        return door.client(self)

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
        return Cognito(self.client(), **settings)

    def request_id(self) -> str:
        """A UUID for a request, as `x-amzn-RequestId` has it."""
        return self._mint.uuid()
