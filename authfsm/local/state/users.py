"""The record of a user: attributes, password, MFA, devices, passkeys, verification codes and lock-out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from attrs import define, field, frozen

from authfsm.base.mixins import DescribedName
from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.state.srp_proofs import PasswordRecord
from authfsm.protocol.states import State

_FAILURES_BEFORE_LOCK_OUT: Final = 5
_MAX_LOCK_OUT: Final = timedelta(minutes=15)


class Status(DescribedName):
    """The values of UserStatus."""

    UNCONFIRMED = "UNCONFIRMED"
    CONFIRMED = "CONFIRMED"
    FORCE_CHANGE_PASSWORD = "FORCE_CHANGE_PASSWORD"  # noqa: S105 - a status, not a password
    RESET_REQUIRED = "RESET_REQUIRED"


@frozen
class VerificationCode:
    """A code that was sent to an address, the attribute's present or new value. It verifies only that address."""

    code: Secret[str]
    attribute: str
    address: str
    expires: datetime


@define(eq=False)
class AuthEvent:
    """An event of AdminListUserAuthEvents; `response` is EventResponse."""

    event_id: str
    event_type: str
    created: datetime
    response: str
    challenges: tuple[tuple[str, str], ...] = ()
    ip_address: str = ""


@define(eq=False)
class Account:
    """Verification codes by `sign-up`, `reset` or attribute; counted calls by operation; and authentication events."""

    codes: dict[str, VerificationCode] = field(factory=dict, repr=False)
    calls: dict[str, tuple[datetime, ...]] = field(factory=dict, repr=False)
    never_signed_in: bool = False  # true from SignUp until the first sign-in; false for users of AdminCreateUser
    events: list[AuthEvent] = field(factory=list, repr=False)


@define
class LockOut:
    """Counts wrong passwords and MFA codes, and locks the user out.

    "For a cumulative number of failed sign-in attempts n, not including `Password attempts exceeded`
    exceptions, Amazon Cognito locks out your user for 2^(n-5) seconds. To reset the lockout to its n=0
    initial state, your user must either sign in successfully after a lockout period expires, or not
    initiate any sign-in attempts for 15 consecutive minutes at any time after a lockout."
    -- Amazon Cognito developer guide, "Authentication with user pools"
    """

    failures: int = 0
    locked_until: datetime | None = None
    last_attempt: datetime | None = None

    def check(self, now: datetime) -> None:
        """Record the time of an attempt; refuse it with "Password attempts exceeded" during a lock-out.

        After a lock-out, 15 minutes without an attempt reset the count of failures.
        """
        last, self.last_attempt = self.last_attempt, now
        if self.failures >= _FAILURES_BEFORE_LOCK_OUT and last is not None and now - last >= _MAX_LOCK_OUT:
            self.failures, self.locked_until = 0, None
        if self.locked_until is not None and now < self.locked_until:
            raise error_templates.LOCKED_OUT.refusal()

    def record_failure(self, now: datetime) -> None:
        """Count a wrong password or MFA code."""
        self.failures += 1
        if self.failures >= _FAILURES_BEFORE_LOCK_OUT:
            # The exponent is bounded, because the count may be large.
            seconds = 2 ** min(self.failures - _FAILURES_BEFORE_LOCK_OUT, 10)
            self.locked_until = now + min(timedelta(seconds=seconds), _MAX_LOCK_OUT)

    def record_success(self) -> None:
        """Reset the count if the user was locked out; otherwise a successful sign-in does not change it."""
        if self.failures >= _FAILURES_BEFORE_LOCK_OUT:
            self.failures, self.locked_until = 0, None


@define(eq=False)
class DeviceRecord:
    """A tracked device: ConfirmDevice sets `credential`, an SRP verifier for the realm `group_key`."""

    key: str
    group_key: str
    created: datetime
    modified: datetime
    name: str = ""
    credential: PasswordRecord | None = None
    remembered: bool = False
    second_factor_passed: bool = False
    last_authenticated: datetime | None = None


@define(eq=False)
class Passkey:
    """A passkey: its id in base64url, its key as AttestedCredentialData (Web Authentication, 6.5.2)."""

    credential_id: str
    public_key: bytes = field(repr=False)
    relying_party_id: str
    created: datetime
    attachment: str | None = None
    transports: tuple[str, ...] = ()
    sign_count: int = 0
    name: str = "Passkey"

    @property
    def method(self) -> str:
        """The passkey's method in `amr`: swk for "a passkey with a platform authenticator", hwk for a roaming one."""
        unknown = self.attachment is None
        is_platform = "internal" in self.transports if unknown else self.attachment == "platform"
        return "swk" if is_platform else "hwk"


@frozen
class PasskeyRegistration:
    """A registration that StartWebAuthnRegistration began; the same app client may complete it until it expires."""

    challenge: bytes = field(repr=False)
    client_id: str
    relying_party_id: str
    expires: datetime


@define(eq=False)
class UserPasskeys:
    """A user's passkeys by credential id, and the last registration; `satisfy_mfa` is WebAuthnMfaSettings.Enabled."""

    by_id: dict[str, Passkey] = field(factory=dict)
    registration: PasskeyRegistration | None = None
    satisfy_mfa: bool = False

    def of_relying_party(self, relying_party_id: str) -> list[Passkey]:
        """Return the passkeys of a relying party: "if you change your RP ID, your users must register again"."""
        return [each for each in self.by_id.values() if each.relying_party_id == relying_party_id]


@define(eq=False)
class SoftwareToken:
    """An authenticator app: its TOTP secret in base32, and the 30-second steps whose codes were used."""

    secret: Secret[str]
    friendly_name: str = ""
    used_steps: frozenset[int] = frozenset()


@define(eq=False)
class User:
    """A user of the pool.

    Args:
        username: the internal name (USER_ID_FOR_SRP). It is the name from sign-up, or the sub in a pool whose
            users sign in with an attribute.
        sub: a UUID.
        created: when the user was created.
        modified: when the user was last modified.
        status: UserStatus.
        enabled: whether the user may sign in.
        attributes: the values of `email`, `phone_number`, `custom:...` by name.
        groups: the names of the user's groups.
        credential: the SRP verifier of the password; None for a user without a password.
        previous_credentials: the verifiers of earlier passwords, newest first; PasswordHistorySize limits them.
        password_set_at: when the password was set.
        software_token: the authenticator app in use.
        pending_token: the authenticator app of AssociateSoftwareToken, used only after it is verified.
        mfa_enabled: UserMFASettingList.
        preferred_mfa: PreferredMfaSetting.
        mfa_chosen: whether SetUserMFAPreference or AdminSetUserMFAPreference was called.
        devices: the tracked devices by key.
        lock_out: the count of wrong passwords and MFA codes, and how long the user is locked out.
        passkeys: the registered passkeys, and whether they satisfy MFA.
        account: verification codes, counted calls and authentication events.
        sign_outs: how often all the user's tokens were revoked, for example by GlobalSignOut.
        deleted: whether the user was deleted from the pool.
        session_generation: grows when pending sign-ins are ended; sessions of an earlier generation are invalid.
    """

    username: str
    sub: str
    created: datetime
    modified: datetime
    status: Status = Status.CONFIRMED
    enabled: bool = True
    attributes: dict[str, str] = field(factory=dict, repr=False)
    groups: tuple[str, ...] = ()
    credential: PasswordRecord | None = field(default=None, repr=False)
    previous_credentials: tuple[PasswordRecord, ...] = field(default=(), repr=False)
    password_set_at: datetime | None = field(default=None, repr=False)
    software_token: SoftwareToken | None = field(default=None, repr=False)
    pending_token: SoftwareToken | None = field(default=None, repr=False)
    mfa_enabled: frozenset[State] = frozenset()
    preferred_mfa: State | None = None
    mfa_chosen: bool = False
    devices: dict[str, DeviceRecord] = field(factory=dict, repr=False)
    lock_out: LockOut = field(factory=LockOut, repr=False)
    passkeys: UserPasskeys = field(factory=UserPasskeys, repr=False)
    account: Account = field(factory=Account, repr=False)
    sign_outs: int = field(default=0, repr=False)
    deleted: bool = False
    session_generation: int = field(default=0, repr=False)

    def all_attributes(self) -> dict[str, str]:
        """Return all attributes and the `sub`, as GetUser and Lambda functions get them."""
        return {"sub": self.sub, **self.attributes}

    @property
    def is_imported(self) -> bool:
        """Whether the user has no password and must reset it, like a user who was imported from a CSV file."""
        return self.status is Status.RESET_REQUIRED and self.credential is None

    def ensure_can_sign_in(self, *, hide_imported: bool) -> None:
        """Refuse a user who is disabled, unconfirmed or must reset the password.

        Call this before a wrong password is refused (measured for UserNotConfirmedException). In which order Cognito
        makes the three checks is not known. With `hide_imported` (PreventUserExistenceErrors=ENABLED), the error for
        an imported user is "Incorrect username or password." (developer guide).
        """
        if not self.enabled:
            raise error_templates.DISABLED.refusal()
        if hide_imported and self.is_imported:
            raise error_templates.WRONG_PASSWORD.refusal()
        self.ensure_confirmed()

    def ensure_confirmed(self) -> None:
        """Refuse an unconfirmed user, or one who must reset the password.

        The API lists both errors also for operations with an access token, such as GetUser and ChangePassword.
        """
        if self.status is Status.UNCONFIRMED:
            raise error_templates.NOT_CONFIRMED.refusal()
        if self.status is Status.RESET_REQUIRED:
            raise error_templates.RESET_REQUIRED.refusal()
