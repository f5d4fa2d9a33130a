"""The pools of `authfsm signin --local`: examples of most challenges, and of sign-ins that are refused.

The messages that the pool would send, and the codes that the user's authenticator app would show, are printed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pyotp
from attrs import define, frozen

from authfsm.base.secret import Secret
from authfsm.cli.demo import ADA, NEW_PASSWORD, PHONE, riddle_triggers
from authfsm.cli.signin.screen import Screen
from authfsm.drivers.boto import Flow
from authfsm.local import DeviceConfiguration, LocalPool, Triggers
from authfsm.local.config.pool_configuration import WebAuthnConfiguration
from authfsm.local.state.users import Passkey
from authfsm.protocol.replies import MfaSetup
from authfsm.protocol.states import State

PASSWORD: Final = "Correct-Horse-1"  # noqa: S105 - of a user who exists only in this process
EMAIL: Final = "ada@example.com"
RELYING_PARTY: Final = "app.example.com"


@frozen
class DemoPool:
    """An example pool; if `twice`, the user signs in a second time, from the remembered device."""

    about: str
    make: Callable[[], LocalPool]
    flow: str = "USER_SRP_AUTH"
    hints: Mapping[str, str] = {}
    twice: bool = False


def _with_user(pool: LocalPool, **user: Any) -> LocalPool:
    pool.add_user(ADA, **{"password": PASSWORD, "groups": ["pioneers"], **user})
    return pool


def _mfa(*methods: str, **settings: Any) -> LocalPool:
    return LocalPool(mfa="ON", mfa_methods=methods, **settings)


def _passkey() -> LocalPool:
    pool = LocalPool(
        allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP", "WEB_AUTHN"], webauthn=WebAuthnConfiguration(RELYING_PARTY)
    )
    _with_user(pool, email=EMAIL)
    # A browser on another machine is supposed to have registered this passkey, so no private key exists here.
    key = Passkey("YWRh", b"", RELYING_PARTY, pool.clock(), "platform", ("internal",))
    pool.user(ADA).passkeys.by_id[key.credential_id] = key
    return pool


def _other() -> LocalPool:
    def define(event: dict[str, Any]) -> dict[str, Any]:
        event["response"]["challengeName"] = "CAPTCHA_CHALLENGE"
        return event

    return _with_user(LocalPool(triggers=Triggers(define=define)))


_REMEMBERED_ON_PROMPT: Final = DeviceConfiguration(
    challenge_required_on_new_device=True, device_only_remembered_on_user_prompt=True
)

_BOTH_METHODS: Final = ["SMS_MFA", "SOFTWARE_TOKEN_MFA"]

DEMO_POOLS: Final[Mapping[str, DemoPool]] = {
    "sms": DemoPool("the password, then a code by SMS", lambda: _with_user(_mfa("SMS_MFA"), phone_number=PHONE)),
    "totp": DemoPool("the password, then a code of the authenticator app",
                     lambda: _with_user(_mfa("SOFTWARE_TOKEN_MFA"), totp_secret=pyotp.random_base32())),
    "setup": DemoPool("an authenticator app is set up during the sign-in", lambda: _with_user(_mfa("SOFTWARE_TOKEN_MFA"))),
    "new-password": DemoPool("a temporary password is replaced",
                             lambda: _with_user(LocalPool(required_attributes=["name"]), temporary=True),
                             hints={"a good new one": NEW_PASSWORD}),
    "email": DemoPool("the password, then a code by e-mail", lambda: _with_user(_mfa("EMAIL_OTP"), email=EMAIL)),
    "choice": DemoPool("the first factor is chosen",
                       lambda: _with_user(LocalPool(allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP", "SMS_OTP"]),
                                     email=EMAIL, phone_number=PHONE),
                       flow="USER_AUTH"),
    "mfa-choice": DemoPool("the second factor is chosen",
                           lambda: _with_user(_mfa(*_BOTH_METHODS), phone_number=PHONE, totp_secret=pyotp.random_base32(), mfa=_BOTH_METHODS)),
    "custom": DemoPool("the pool's own functions ask a riddle",
                       lambda: _with_user(LocalPool(triggers=riddle_triggers())),
                       flow="CUSTOM_AUTH", hints={"the answer": "age"}),
    "passkey": DemoPool("a passkey, which a terminal cannot use", _passkey, flow="USER_AUTH"),
    "device": DemoPool("this device is remembered, and replaces the code",
                       lambda: _with_user(_mfa("SMS_MFA", device=_REMEMBERED_ON_PROMPT), phone_number=PHONE), twice=True),
    "password": DemoPool("nothing but a password", lambda: _with_user(LocalPool())),
    "reset": DemoPool("an administrator reset the password", lambda: _with_user(LocalPool(), status="RESET_REQUIRED")),
    "unconfirmed": DemoPool("the user was never confirmed", lambda: _with_user(LocalPool(), status="UNCONFIRMED")),
    "other": DemoPool("a challenge that this version does not know; the pool refuses every answer", _other, flow="CUSTOM_AUTH"),
}  # fmt: skip
"""Every example pool by its name; the first is the default."""


@define
class OutboxPrinter:
    """Prints the pool's messages, and the codes of the user's authenticator app."""

    _pool: LocalPool
    _screen: Screen
    _printed: int = 0

    def print_messages(self, flow: Flow) -> None:
        """Print the messages that the pool has sent since the last call, and the current code of the app."""
        for message in self._pool.outbox[self._printed :]:
            kind = "an SMS" if message.medium == "SMS" else "an e-mail"
            self._screen.mail(f"The pool would have sent {kind} to {message.to}: {message.code.reveal()}")
        self._printed = len(self._pool.outbox)
        app: Secret[str] | None = None
        if isinstance(flow.challenge, MfaSetup):
            app = flow.challenge.secret_code
        elif flow.state is State.SOFTWARE_TOKEN_MFA:
            token = self._pool.user(ADA).software_token
            app = None if token is None else token.secret
        if app is not None:
            code = pyotp.TOTP(app.reveal()).at(self._pool.clock())
            self._screen.mail(f"The authenticator app would show: {code}")


def introduce(name: str, pool: LocalPool, screen: Screen) -> None:
    """Print the id of the pool, what the example shows, the user name, the password and the example's hints."""
    where, demo = f"{pool.pool_id}, a local pool", DEMO_POOLS[name]
    user = {"user": ADA, "password": PASSWORD, **demo.hints}
    screen.facts({"pool": where, "example": demo.about, **user}, f"Example pool: {name}")
