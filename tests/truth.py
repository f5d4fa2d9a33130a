"""What is true of the people at a pool, kept by who walks there: nothing here is asked of the pool.

`judged` says what an answer truly proves: by the password that is right, the code that went out with that
very challenge, the signature that the right secret makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import pyotp
from attrs import define, field, frozen

from authfsm import srp
from authfsm.local import AppClient

Reply = Mapping[str, Any]
Words = frozenset[str]
"""What was proved: methods as `amr` has them (pwd, otp, sms, email_otp, swk), and in what role."""

NOTHING: Final[Words] = frozenset()

CODES: Final = {
    "SMS_MFA": "sms",
    "SMS_OTP": "sms",
    "EMAIL_OTP": "email_otp",
}
NEEDS_PROOF: Final = frozenset(
    {
        *CODES,
        "SOFTWARE_TOKEN_MFA",
        "PASSWORD_VERIFIER",
        "DEVICE_PASSWORD_VERIFIER",
        "ADMIN_NO_SRP_AUTH",
        "PASSWORD",
        "WEB_AUTHN",
    }
)
"""The challenges that no answer leads on from but the right one."""
CHOICES: Final = frozenset(
    {"SELECT_CHALLENGE", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN", "PASSWORD", "PASSWORD_SRP"}
)
"""Where a first factor is chosen, or left for another."""


@define(eq=False)
class Device:
    """A device that somebody confirmed."""

    key: str
    group_key: str
    password: str


@define(eq=False)
class Person:
    """A user.

    Args:
        name: the internal name.
        typed: all that may be typed for it.
        password: the password that is right; None for a user without one.
        temporary: must it be changed?
        status: UserStatus, where it is none of the two above.
        has: what there is for second factors: email, phone_number, totp.
        switched_on: the second factors that the user wants.
        newcomer: signed up by themselves, and never had tokens yet.
        passkeys_for_mfa: WebAuthnMfaSettings.
    """

    name: str
    typed: tuple[str, ...]
    password: str | None
    temporary: bool = False
    status: str = "CONFIRMED"
    enabled: bool = True
    has: set[str] = field(factory=set)
    switched_on: set[str] = field(factory=set)
    totp: str | None = None
    totp_spent: set[tuple[str, int]] = field(factory=set)
    devices: list[Device] = field(factory=list)
    newcomer: bool = False
    passkeys_for_mfa: bool = False
    sign_up: tuple[AppClient, str, datetime] | None = None

    def steps_of(self, secret: str, code: str, now: datetime) -> set[int]:
        """The 30-second steps whose code this is, of those that count now and are not spent."""
        present = int(now.timestamp()) // 30
        app = pyotp.TOTP(secret)
        return {
            step
            for step in (present - 1, present, present + 1)
            if app.generate_otp(step) == code and (secret, step) not in self.totp_spent
        }


@define(eq=False)
class Standing:
    """A challenge that somebody holds.

    Args:
        person: whose sign-in it is; None where there is no such user.
        client: the app client's.
        flow: its AuthFlow.
        typed: the USERNAME that began it.
        name: ChallengeName.
        reply: as it came.
        opened: when.
        proved: what was truly proved on the way here.
        target: the lowest level that a step-up was to reach; 0 for none.
        ephemeral: the key pair whose SRP_A was sent.
        password: the password that was right when the challenge came.
        device: the device that is to be proved.
        code: the code that went out with it.
        secret: the software token that was associated with it.
        signed: what passkeys signed for it, and whether they verified their user.
        keyed: was a DEVICE_KEY sent on the way here?
        dead: the pool's function named it by itself.
        spent: it has led on.
    """

    person: Person | None
    client: AppClient
    flow: str
    typed: str
    name: str
    reply: Reply
    opened: datetime
    proved: Words = NOTHING
    target: int = 0
    ephemeral: srp.Ephemeral | None = None
    password: str | None = None
    device: Device | None = None
    code: str | None = None
    secret: str | None = None
    signed: dict[str, bool] = field(factory=dict)
    keyed: bool = False
    dead: bool = False
    spent: bool = False

    @property
    def session(self) -> str | None:
        """Its Session."""
        session: str | None = self.reply.get("Session")
        return session

    @property
    def asked(self) -> Mapping[str, str]:
        """Its ChallengeParameters."""
        asked: Mapping[str, str] = self.reply.get("ChallengeParameters", {})
        return asked

    @property
    def chooses_first(self) -> bool:
        """Is it a first factor that is wanted? "AvailableChallenges" comes with those alone (API reference)."""
        return "AvailableChallenges" in self.reply


@define(eq=False)
class Family:
    """What came of one sign-in: its tokens are revoked together."""

    person: Person
    client: AppClient
    began: datetime
    proved: Words
    device_key: str | None
    over: bool = False
    replaced: dict[str, datetime] = field(factory=dict)


@define(eq=False)
class Held:
    """Tokens that somebody holds."""

    family: Family
    access: str
    refresh: str
    at: datetime
    new_device: Mapping[str, str] | None = None


def signature(standing: Standing, realm: str, timestamp: str) -> str | None:
    """The claim that is right for a proof by SRP; None where nothing can be right."""
    asked, device = standing.asked, standing.device
    of_device = standing.name == "DEVICE_PASSWORD_VERIFIER"
    known = (device.password if device else None) if of_device else standing.password
    if standing.ephemeral is None or known is None or "SECRET_BLOCK" not in asked:
        return None
    return srp.claim(
        standing.ephemeral,
        realm=device.group_key if of_device and device else realm,
        name=asked["DEVICE_KEY"] if of_device else asked["USER_ID_FOR_SRP"],
        password=known,
        salt=srp.from_hex(asked["SALT"], "SALT"),
        B=srp.from_hex(asked["SRP_B"], "SRP_B"),
        secret_block=asked["SECRET_BLOCK"],
        timestamp=timestamp,
    )


@frozen
class Given:
    """An answer to a challenge.

    Args:
        standing: where it is given.
        person: by whom.
        responses: ChallengeResponses.
        realm: the pool's name, for SRP.
        now: the present moment.
    """

    standing: Standing
    person: Person
    responses: Mapping[str, str]
    realm: str
    now: datetime

    def __getitem__(self, name: str) -> str:
        return self.responses.get(name, "")


Verdict = Words | None
"""What an answer proves; None if it is not right."""


def _sent_code(challenge: str) -> Callable[[Given], Verdict]:
    def verdict(given: Given) -> Verdict:
        role = "first" if given.standing.chooses_first else "second"
        right = (
            given.standing.code is not None and given[f"{challenge}_CODE"] == given.standing.code
        )
        return frozenset({CODES[challenge], role}) if right else None

    return verdict


def _totp(given: Given) -> Verdict:
    code, secret = given["SOFTWARE_TOKEN_MFA_CODE"], given.person.totp
    right = secret is not None and bool(given.person.steps_of(secret, code, given.now))
    return frozenset({"otp", "second"}) if right else None


def _password(given: Given) -> Verdict:
    right = given.person.password is not None and given["PASSWORD"] == given.person.password
    return frozenset({"pwd"}) if right else None


def _by_srp(given: Given) -> Verdict:
    standing = given.standing
    right = signature(standing, given.realm, given["TIMESTAMP"])
    same_block = given["PASSWORD_CLAIM_SECRET_BLOCK"] == standing.asked.get("SECRET_BLOCK")
    if right is None or not same_block or given["PASSWORD_CLAIM_SIGNATURE"] != right:
        return None
    return frozenset({"pwd"} if standing.name == "PASSWORD_VERIFIER" else {"device"})


def _passkey(given: Given) -> Verdict:
    verified = given.standing.signed.get(given["CREDENTIAL"])
    if verified is None:
        return None
    return frozenset({"swk", "first"} | ({"verified"} if verified else set()))


def _choice(given: Given) -> Verdict:
    # The choice alone proves nothing; with a secret it is that factor's answer.
    if given["ANSWER"] == "PASSWORD" and given["PASSWORD"]:
        return _password(given)
    if given["ANSWER"] == "WEB_AUTHN" and given["CREDENTIAL"]:
        return _passkey(given)
    return NOTHING


def _set_up(given: Given) -> Verdict:
    if given["EMAIL"] or given["email"]:
        return NOTHING
    return NOTHING if "enrolled" in given.standing.proved else None


def _new_password(_: Given) -> Verdict:
    return frozenset({"new password"})


def _nothing(_: Given) -> Verdict:
    return NOTHING


JUDGES: Final[Mapping[str, Callable[[Given], Verdict]]] = {
    **{challenge: _sent_code(challenge) for challenge in CODES},
    "SOFTWARE_TOKEN_MFA": _totp,
    "PASSWORD": _password,
    "ADMIN_NO_SRP_AUTH": _password,
    "PASSWORD_VERIFIER": _by_srp,
    "DEVICE_PASSWORD_VERIFIER": _by_srp,
    "WEB_AUTHN": _passkey,
    "SELECT_CHALLENGE": _choice,
    "MFA_SETUP": _set_up,
    "NEW_PASSWORD_REQUIRED": _new_password,
}


def judged(
    standing: Standing, challenge: str, responses: Mapping[str, str], realm: str, now: datetime
) -> Verdict:
    """What an answer truly proves; None if it is not right.

    Args:
        standing: where it is given.
        challenge: the ChallengeName that it bears.
        responses: ChallengeResponses.
        realm: the pool's name, for SRP.
        now: the present moment.
    """
    if standing.person is None:
        return None if challenge in NEEDS_PROOF else NOTHING
    given = Given(standing, standing.person, responses, realm, now)
    return JUDGES.get(challenge, _nothing)(given)
