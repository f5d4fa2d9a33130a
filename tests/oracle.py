"""The oracle of the random walks: facts about a pool's users, derived without calling the pool.

`proofs_of` returns what an answer to a challenge proves: it compares passwords, the code that was sent with that
very challenge, and signatures with the right ones.
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
Proofs = frozenset[str]
"""Methods that were proved, as in `amr` (pwd, otp, sms, email_otp, swk), and their roles (first, second)."""

NO_PROOF: Final[Proofs] = frozenset()

CODES: Final = {"SMS_MFA": "sms", "SMS_OTP": "sms", "EMAIL_OTP": "email_otp"}
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
"""The challenges which only the right answer completes."""
CHOICES: Final = frozenset({"SELECT_CHALLENGE", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN", "PASSWORD", "PASSWORD_SRP"})
"""The challenges in which the user may choose a first factor, or change to another one."""


@define(eq=False)
class Device:
    """A device that a user confirmed."""

    key: str
    group_key: str
    password: str


@define(eq=False)
class KnownUser:
    """A user.

    Args:
        name: the internal user name.
        sign_in_names: all names that the user can sign in with.
        password: the current password; None for a user without one.
        temporary: whether the password must be changed.
        status: the UserStatus, if the fields above do not imply it.
        factor_attributes: what the second factors of the user need: email, phone_number, totp.
        active_factors: the second factors that the user has activated.
        never_signed_in: whether the user signed up and never had tokens.
        passkeys_for_mfa: WebAuthnMfaSettings.
    """

    name: str
    sign_in_names: tuple[str, ...]
    password: str | None
    temporary: bool = False
    status: str = "CONFIRMED"
    enabled: bool = True
    factor_attributes: set[str] = field(factory=set)
    active_factors: set[str] = field(factory=set)
    totp: str | None = None
    used_totp_steps: set[tuple[str, int]] = field(factory=set)
    devices: list[Device] = field(factory=list)
    never_signed_in: bool = False
    passkeys_for_mfa: bool = False
    sign_up: tuple[AppClient, str, datetime] | None = None

    def steps_of(self, secret: str, code: str, now: datetime) -> set[int]:
        """Return the time steps that are accepted now, are not used yet, and have this code."""
        present = int(now.timestamp()) // 30
        app = pyotp.TOTP(secret)
        return {
            step
            for step in (present - 1, present, present + 1)
            if app.generate_otp(step) == code and (secret, step) not in self.used_totp_steps
        }


@define(eq=False)
class OpenChallenge:
    """A challenge that was issued and can be answered.

    Args:
        person: the user; None if there is no such user.
        client: the app client.
        flow: the AuthFlow.
        username: the USERNAME of the first request.
        name: the ChallengeName.
        reply: the reply with the challenge.
        issued_at: the time of the reply.
        proofs: what was proved before.
        target: the lowest level that a step-up must reach; 0 without a step-up.
        ephemeral: the key pair that SRP_A belongs to.
        password: the password at the time of the reply.
        device: the device that must be proved.
        code: the code that was sent with the challenge.
        secret: the software token that was associated in the challenge.
        credentials: the credentials that passkeys signed for the challenge, and whether each verified its user.
        device_key_sent: whether DEVICE_KEY was sent before.
        unanswerable: whether a Lambda function named the challenge, so that Cognito accepts no answer.
        answered: whether an answer was accepted.
    """

    person: KnownUser | None
    client: AppClient
    flow: str
    username: str
    name: str
    reply: Reply
    issued_at: datetime
    proofs: Proofs = NO_PROOF
    target: int = 0
    ephemeral: srp.Ephemeral | None = None
    password: str | None = None
    device: Device | None = None
    code: str | None = None
    secret: str | None = None
    credentials: dict[str, bool] = field(factory=dict)
    device_key_sent: bool = False
    unanswerable: bool = False
    answered: bool = False

    @property
    def session(self) -> str | None:
        """The Session."""
        session: str | None = self.reply.get("Session")
        return session

    @property
    def parameters(self) -> Mapping[str, str]:
        """The ChallengeParameters."""
        parameters: Mapping[str, str] = self.reply.get("ChallengeParameters", {})
        return parameters

    @property
    def chooses_first(self) -> bool:
        """Whether a first factor is required: only then the reply has AvailableChallenges (API reference)."""
        return "AvailableChallenges" in self.reply


@define(eq=False)
class TokenFamily:
    """The tokens of one sign-in, which are revoked together."""

    person: KnownUser
    client: AppClient
    started: datetime
    proofs: Proofs
    device_key: str | None
    revoked: bool = False
    replaced: dict[str, datetime] = field(factory=dict)


@define(eq=False)
class IssuedTokens:
    """Tokens that the pool has issued in the walk, and the time."""

    family: TokenFamily
    access: str
    refresh: str
    issued_at: datetime
    new_device: Mapping[str, str] | None = None


def signature(open_challenge: OpenChallenge, realm: str, timestamp: str) -> str | None:
    """Return the right PASSWORD_CLAIM_SIGNATURE; None if no signature can be right."""
    parameters, device = open_challenge.parameters, open_challenge.device
    of_device = open_challenge.name == "DEVICE_PASSWORD_VERIFIER"
    secret_password = (device.password if device else None) if of_device else open_challenge.password
    if open_challenge.ephemeral is None or secret_password is None or "SECRET_BLOCK" not in parameters:
        return None
    return srp.claim_signature(
        open_challenge.ephemeral,
        realm=device.group_key if of_device and device else realm,
        name=parameters["DEVICE_KEY"] if of_device else parameters["USER_ID_FOR_SRP"],
        password=secret_password,
        salt=srp.from_hex(parameters["SALT"], "SALT"),
        B=srp.from_hex(parameters["SRP_B"], "SRP_B"),
        secret_block=parameters["SECRET_BLOCK"],
        timestamp=timestamp,
    )


@frozen
class Answer:
    """An answer to a challenge.

    Args:
        open_challenge: the challenge.
        person: the user.
        responses: the ChallengeResponses.
        realm: the pool's name in SRP.
        now: the current time.
    """

    open_challenge: OpenChallenge
    person: KnownUser
    responses: Mapping[str, str]
    realm: str
    now: datetime

    def __getitem__(self, name: str) -> str:
        return self.responses.get(name, "")


Result = Proofs | None
"""The proofs of an answer; None if it is wrong."""


def _sent_code(challenge: str) -> Callable[[Answer], Result]:
    def check(answer: Answer) -> Result:
        role = "first" if answer.open_challenge.chooses_first else "second"
        right = answer.open_challenge.code is not None and answer[f"{challenge}_CODE"] == answer.open_challenge.code
        return frozenset({CODES[challenge], role}) if right else None

    return check


def _totp(answer: Answer) -> Result:
    code, secret = answer["SOFTWARE_TOKEN_MFA_CODE"], answer.person.totp
    right = secret is not None and bool(answer.person.steps_of(secret, code, answer.now))
    return frozenset({"otp", "second"}) if right else None


def _password(answer: Answer) -> Result:
    right = answer.person.password is not None and answer["PASSWORD"] == answer.person.password
    return frozenset({"pwd"}) if right else None


def _by_srp(answer: Answer) -> Result:
    open_challenge = answer.open_challenge
    right = signature(open_challenge, answer.realm, answer["TIMESTAMP"])
    same_block = answer["PASSWORD_CLAIM_SECRET_BLOCK"] == open_challenge.parameters.get("SECRET_BLOCK")
    if right is None or not same_block or answer["PASSWORD_CLAIM_SIGNATURE"] != right:
        return None
    return frozenset({"pwd"} if open_challenge.name == "PASSWORD_VERIFIER" else {"device"})


def _webauthn(answer: Answer) -> Result:
    verified = answer.open_challenge.credentials.get(answer["CREDENTIAL"])
    if verified is None:
        return None
    return frozenset({"swk", "first"} | ({"verified"} if verified else set()))


def _choice(answer: Answer) -> Result:
    # A choice proves nothing; with a password or a signature it answers that challenge.
    if answer["ANSWER"] == "PASSWORD" and answer["PASSWORD"]:
        return _password(answer)
    if answer["ANSWER"] == "WEB_AUTHN" and answer["CREDENTIAL"]:
        return _webauthn(answer)
    return NO_PROOF


def _set_up(answer: Answer) -> Result:
    if answer["EMAIL"] or answer["email"]:
        return NO_PROOF
    return NO_PROOF if "enrolled" in answer.open_challenge.proofs else None


def _new_password(_: Answer) -> Result:
    return frozenset({"new password"})


def _nothing(_: Answer) -> Result:
    return NO_PROOF


CHECKS: Final[Mapping[str, Callable[[Answer], Result]]] = {
    **{challenge: _sent_code(challenge) for challenge in CODES},
    "SOFTWARE_TOKEN_MFA": _totp,
    "PASSWORD": _password,
    "ADMIN_NO_SRP_AUTH": _password,
    "PASSWORD_VERIFIER": _by_srp,
    "DEVICE_PASSWORD_VERIFIER": _by_srp,
    "WEB_AUTHN": _webauthn,
    "SELECT_CHALLENGE": _choice,
    "MFA_SETUP": _set_up,
    "NEW_PASSWORD_REQUIRED": _new_password,
}


def proofs_of(
    open_challenge: OpenChallenge, challenge: str, responses: Mapping[str, str], realm: str, now: datetime
) -> Result:
    """Return what an answer proves; None if it is wrong.

    Args:
        open_challenge: the challenge.
        challenge: the ChallengeName of the answer.
        responses: the ChallengeResponses.
        realm: the pool's name in SRP.
        now: the current time.
    """
    if open_challenge.person is None:
        return None if challenge in NEEDS_PROOF else NO_PROOF
    answer = Answer(open_challenge, open_challenge.person, responses, realm, now)
    return CHECKS.get(challenge, _nothing)(answer)
