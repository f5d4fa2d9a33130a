"""A user pool and one of its app clients: what every sign-in through them has in common. No I/O."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from inspect import iscoroutinefunction
from typing import Any, ClassVar, Generic, TypeVar

from authfsm import srp
from authfsm.base.secret import Secret, secret
from authfsm.core.device import Device
from authfsm.core.sealing import SESSION_LIFETIME, Key, unseal, wrapped_keys
from authfsm.core.signin import SignIn
from authfsm.core.snapshot import Snapshot
from authfsm.observers import Observer

C = TypeVar("C")


def _now() -> datetime:
    return datetime.now(timezone.utc)


def is_async(client: Any) -> bool:
    """Is this a client whose methods are awaited, as aiobotocore's?"""
    if hasattr(client, "__aenter__") and not hasattr(client, "initiate_auth"):
        raise TypeError(
            "that is not a client yet: `async with session.create_client(...) as client` gives it"
        )
    return iscoroutinefunction(getattr(client, "close", None))


class BaseCognito(Generic[C]):
    """A user pool and one of its app clients: the base of every driver's `Cognito`.

    Args:
        client: what carries requests.
        client_id: the app client's id.
        pool_id: the user pool's id (`eu-west-1_AbCdEfGhI`); SRP and `admin` need it.
        client_secret: the app client's secret, if it has one.
        device: the remembered device this runs on.
        admin: use the administrators' operations; the client's credentials must allow them.
        clock: gives the present time, with a time zone; UTC now.
        entropy: gives that many random bytes; the operating system's.
        observers: told of each step of each sign-in (`authfsm.observers`).
        session_lifetime: the app client's AuthSessionValidity: a sealed sign-in is not resumed after.

    Raises:
        ValueError: `pool_id` is no user pool's id.
        TypeError: the client is none that this driver can use.
    """

    _AWAITS: ClassVar[bool] = False
    """Can this driver use a client whose methods are awaited?"""

    def __init__(
        self,
        client: C,
        *,
        client_id: str,
        pool_id: str | None = None,
        client_secret: str | Secret[str] | None = None,
        device: Device | None = None,
        admin: bool = False,
        clock: Callable[[], datetime] = _now,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
        observers: Iterable[Observer] = (),
        session_lifetime: timedelta = SESSION_LIFETIME,
    ) -> None:
        client_secret = secret(client_secret)
        if pool_id is not None:
            srp.pool_name(pool_id)  # not at the first proof, after a request has gone out
        self._awaited = is_async(client)
        if self._awaited and not self._AWAITS:
            raise TypeError("this client's methods are awaited: AsyncCognito is for such clients")
        self.client = client
        self.client_id = client_id
        self.pool_id = pool_id
        self.client_secret = secret(client_secret)
        self.device = device
        self.admin = admin
        self.clock = clock
        self.entropy = entropy
        self.observers = tuple(observers)
        self.session_lifetime = session_lifetime

    def __repr__(self) -> str:
        return f"<{type(self).__name__} pool {self.pool_id}, client {self.client_id}>"

    # ---- inside --------------------------------------------------------------------------------------

    def _signin(self, device: Device | None) -> SignIn:
        return SignIn(
            self.client_id,
            pool_id=self.pool_id,
            client_secret=self.client_secret,
            device=device or self.device,
            admin=self.admin,
        )

    def _unsealed(self, sealed: str | bytes | None, key: Key) -> Snapshot:
        """What was sealed, around a sign-in of this pool and client."""
        key = wrapped_keys(key)
        return unseal(
            sealed,
            key,
            self.clock(),
            into=self._signin(None),
            session_lifetime=self.session_lifetime,
        )
