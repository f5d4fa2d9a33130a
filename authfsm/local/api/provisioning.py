"""What is put into a pool by hand, not through the API: its users and its app clients."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from typing import Any, Final

from authfsm.base.concurrency import ForkSafeLock
from authfsm.base.secret import Secret, secret, secret_values
from authfsm.local.accounts import admin, enrolment
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.signin import passwords
from authfsm.local.state.codes import Entropy, drawn, usable
from authfsm.local.state.core import Core
from authfsm.local.state.users import SoftwareToken, Status, User

_LOWER: Final = string.ascii_lowercase + string.digits


class Provisioning:
    """A pool that can be furnished. `LocalPool` is the one."""

    _core: Core
    _lock: ForkSafeLock
    _entropy: Entropy

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
            client_secret = Secret(drawn(self._entropy, 51, _LOWER))
        made = AppClient(
            client_id or drawn(self._entropy, 26, _LOWER),
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
        token = None if totp_secret is None else SoftwareToken(usable(secret(totp_secret)))
        standing = Status(status) if status else None
        addresses = {"email": email, "phone_number": phone_number}
        given = {name: value for name, value in addresses.items() if value is not None}
        with self._lock:
            user = admin.new_user(
                self._core, username, {**given, **(attributes or {})}, verified=verified
            )
            if password is not None:
                passwords.set_password(self._core, user, secret(password), temporary=temporary)
            user.status = standing or user.status
            user.enabled, user.groups = enabled, tuple(groups)
            user.software_token = token
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
