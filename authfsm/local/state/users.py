"""Who the users are: what the pool keeps of each.

A user's password is not kept. What is kept is what SRP needs: a salt and the verifier v = g^x, from which
the password cannot be had; a password given in clear is checked by computing v again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from attrs import define, field, frozen

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.local.config import error_templates, fixed_base_pow
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.state.account_records import Account
from authfsm.local.state.passkey_records import Passkeys
from authfsm.protocol.states import State

_LOCKING: Final = 5
_LONGEST: Final = timedelta(minutes=15)


class Status(str, Enum):
    """UserStatus."""

    UNCONFIRMED = "UNCONFIRMED"
    CONFIRMED = "CONFIRMED"
    FORCE_CHANGE_PASSWORD = "FORCE_CHANGE_PASSWORD"  # noqa: S105 - Cognito's word, no password
    RESET_REQUIRED = "RESET_REQUIRED"

    __str__ = str.__str__


@frozen
class PasswordRecord:
    """What is kept of a password.

    Args:
        salt: the SRP salt.
        verifier: v, for the realm and name it was made with.
    """

    salt: int
    verifier: Secret[int]

    @classmethod
    def of(cls, realm: str, name: str, password: Secret[str], salt: bytes) -> PasswordRecord:
        """The credential of a password, by Cognito's SRP (`authfsm.srp.private_key`)."""
        number = int.from_bytes(salt, "big")
        x = srp.private_key(realm, name, password.reveal(), number)
        return cls(number, Secret(fixed_base_pow.verifier(x)))

    def fits(self, realm: str, name: str, password: Secret[str]) -> bool:
        """Is this the password? Compared in constant time."""
        x = srp.private_key(realm, name, password.reveal(), self.salt)
        return Secret(fixed_base_pow.verifier(x)) == self.verifier


@define
class LockOut:
    """Failed passwords and MFA codes, and how long they lock the user out.

    "For a cumulative number of failed sign-in attempts n, not including `Password attempts exceeded`
    exceptions, Amazon Cognito locks out your user for 2^(n-5) seconds. To reset the lockout to its n=0
    initial state, your user must either sign in successfully after a lockout period expires, or not
    initiate any sign-in attempts for 15 consecutive minutes at any time after a lockout."
    -- Amazon Cognito developer guide, "Authentication with user pools"
    """

    failures: int = 0
    until: datetime | None = None
    last_attempt: datetime | None = None

    def check(self, now: datetime) -> None:
        """Take note of an attempt.

        Raises:
            PoolRefusal: NotAuthorizedException "Password attempts exceeded".
        """
        last, self.last_attempt = self.last_attempt, now
        if self.failures >= _LOCKING and last is not None and now - last >= _LONGEST:
            self.failures, self.until = 0, None
        if self.until is not None and now < self.until:
            raise PoolRefusal(error_templates.LOCKED_OUT)

    def failed(self, now: datetime) -> None:
        """Count a wrong password or MFA code."""
        self.failures += 1
        if self.failures >= _LOCKING:
            # Bounded before the power is taken: n may be large.
            seconds = 2 ** min(self.failures - _LOCKING, 10)
            self.until = now + min(timedelta(seconds=seconds), _LONGEST)

    def signed_in(self) -> None:
        """A sign-in succeeded: after a lock-out that resets the count; before one, nothing does."""
        if self.failures >= _LOCKING:
            self.failures, self.until = 0, None


@define(eq=False)
class DeviceRecord:
    """A device the user has, or may come to have.

    Args:
        key: DeviceKey.
        group_key: DeviceGroupKey: the realm of the device's own SRP.
        created: when the pool named it.
        credential: from ConfirmDevice; None until then.
        remembered: is it proved at sign-in?
    """

    key: str
    group_key: str
    created: datetime
    modified: datetime
    name: str = ""
    credential: PasswordRecord | None = None
    remembered: bool = False
    last_authenticated: datetime | None = None


@define(eq=False)
class SoftwareToken:
    """A user's TOTP.

    Args:
        secret: base32.
        used: the 30-second steps whose codes are spent.
    """

    secret: Secret[str]
    friendly_name: str = ""
    used: frozenset[int] = frozenset()


@define(eq=False)
class User:
    """A user of the pool.

    Args:
        username: the internal name, USER_ID_FOR_SRP: what was given, or the sub in a pool whose users
            sign in with an attribute.
        sub: a UUID.
        created: when the user was made.
        status: UserStatus.
        attributes: `email`, `phone_number`, `custom:...`; all text.
        credential: what is kept of the password; None for a user without one.
        earlier: what is kept of passwords before it, the newest first, as many as the policy looks at.
        software_token: the TOTP in use.
        pending_token: the TOTP of AssociateSoftwareToken, which is not in use until it is verified.
        mfa_enabled: UserMFASettingList.
        preferred_mfa: PreferredMfaSetting.
        passkeys: the passkeys registered, and whether they satisfy MFA.
        account: codes that wait, and calls that are counted.
        sign_outs: how often GlobalSignOut was called: tokens of an earlier count are revoked.
        deleted: is the user no more in the pool?
        sign_ins_ended: how often the sign-ins under way were ended; a leg of an earlier count is dead.
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
    earlier: tuple[PasswordRecord, ...] = field(default=(), repr=False)
    password_set: datetime | None = field(default=None, repr=False)
    software_token: SoftwareToken | None = field(default=None, repr=False)
    pending_token: SoftwareToken | None = field(default=None, repr=False)
    mfa_enabled: frozenset[State] = frozenset()
    preferred_mfa: State | None = None
    devices: dict[str, DeviceRecord] = field(factory=dict, repr=False)
    lock_out: LockOut = field(factory=LockOut, repr=False)
    passkeys: Passkeys = field(factory=Passkeys, repr=False)
    account: Account = field(factory=Account, repr=False)
    sign_outs: int = field(default=0, repr=False)
    deleted: bool = False
    sign_ins_ended: int = field(default=0, repr=False)

    def described(self) -> dict[str, str]:
        """All attributes, `sub` among them, as GetUser and the triggers show them."""
        return {"sub": self.sub, **self.attributes}

    def check_in(self, *, imported_is_unknown: bool) -> None:
        """May this user sign in at all? Asked before the password is looked at.

        Args:
            imported_is_unknown: a user imported from a CSV file, who has no password yet, is told
                "Incorrect username or password." (PreventUserExistenceErrors=ENABLED; documented).

        Raises:
            PoolRefusal: "User is disabled.", UserNotConfirmedException (measured to come before the
                password check), PasswordResetRequiredException.
        """
        # That these come in this order is not known.
        if not self.enabled:
            raise PoolRefusal(error_templates.DISABLED)
        if self.status is Status.UNCONFIRMED:
            raise PoolRefusal(error_templates.NOT_CONFIRMED)
        if self.status is Status.RESET_REQUIRED:
            if imported_is_unknown and self.credential is None:
                raise PoolRefusal(error_templates.WRONG_PASSWORD)
            raise PoolRefusal(error_templates.RESET_REQUIRED)
