"""A random pool, its users and Lambda functions, and the requests of a random walk."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import cache
from typing import Any, Final, TypeVar

import attrs
import pyotp
from authenticator import Authenticator
from botocore.validate import ParamValidator
from joserfc.jwk import RSAKey
from oracle import IssuedTokens, KnownUser, OpenChallenge, Reply

from authfsm import srp
from authfsm.local import (
    AppClient,
    Contradictions,
    DeviceConfiguration,
    LocalPool,
    ManualClock,
    PoolRefusal,
    RefreshTokenRotation,
    Triggers,
)
from authfsm.local.config.pool_configuration import WebAuthnConfiguration
from authfsm.protocol.responses import Response
from authfsm.protocol.states import CHALLENGES, State, state_of_challenge_name
from authfsm.protocol.table import TRANSITION_SET, Transition, transition_between

T = TypeVar("T")
Choose = Callable[[Sequence[T]], T]

PASSWORDS: Final = ("Correct-Horse-1", "Another-Horse-2", "Third-Horse-3", "Wrong-Horse-4")
MFA: Final = {"SMS_MFA": "phone_number", "SOFTWARE_TOKEN_MFA": "totp", "EMAIL_OTP": "email"}
UNKNOWN_CHALLENGE: Final = "MOTHERS_MAIDEN_NAME"
STALE_KEY: Final = "eu-west-1_00000000-0000-4000-8000-000000000000"


class PoolViolation(AssertionError):
    """The pool did something that it must never do."""


@cache
def _operation(method: str) -> tuple[str, Any, frozenset[str]]:
    """Return the operation of a method of botocore: its name, its request's shape, and its errors."""
    meta = _client().meta
    name = meta.method_to_api_mapping[method]
    model = meta.service_model.operation_model(name)
    return name, model.input_shape, frozenset(each.name for each in model.error_shapes)


@cache
def _client() -> Any:
    return LocalPool().client()


class RandomPool:
    """A pool and its users.

    Args:
        seed: decides the pool and its users.
        signing_key: the pool's key.
    """

    def __init__(self, seed: int, signing_key: RSAKey) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a seed repeats its values, on purpose
        self.path: list[tuple[OpenChallenge, Transition]] = []
        self.log: list[str] = [f"seed {seed}"]
        self.clock = ManualClock(datetime(2026, 1, 1, tzinfo=timezone.utc))
        self.decision: str | None = None
        self.refused = "", ""
        self.open_challenges: list[OpenChallenge] = []
        self.tokens: list[IssuedTokens] = []
        self.pool = self._pool(signing_key)
        self.realm = srp.pool_name(self.pool.pool_id)
        self.clients = [
            self.pool.app_client,
            self.pool.add_client(client_secret=self._with_probability(0.5), auth_session_validity=15),
        ]
        self.people = [self._person(name) for name in ("ada", "eve", "bob")]
        self.passkeys: dict[str, Authenticator] = {}

    @property
    def transitions(self) -> frozenset[Transition]:
        """Every transition that the pool has taken."""
        return frozenset(transition for _, transition in self.path)

    # ---- pool and users -----------------------------------------------------------------------------

    def _with_probability(self, chance: float) -> bool:
        return self.random.random() < chance

    def _random_choice(self, these: Sequence[T]) -> T:
        return self.random.choice(these)

    def _pool(self, signing_key: RSAKey) -> LocalPool:
        random_choice, with_probability = self._random_choice, self._with_probability
        options = {
            each.name: with_probability(0.3) != each.default
            for each in attrs.fields(Contradictions)
            if isinstance(each.default, bool)
        }
        mfa = random_choice(["OFF", "OPTIONAL", "OPTIONAL", "ON", "ON"])
        passkeys = WebAuthnConfiguration(
            "example.com",
            random_choice(["required", "preferred"]),
            random_choice(["SINGLE_FACTOR", "MULTI_FACTOR_WITH_USER_VERIFICATION"]),
        )
        webauthn = random_choice([None, passkeys, passkeys])
        passwordless = ["EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"]
        if mfa == "ON":  # Cognito refuses the other factors
            passwordless = ["WEB_AUTHN"] if webauthn is not None and webauthn.is_multi_factor else []
        number = min(random_choice([0, 2, 3, 3]), len(passwordless))
        settings: dict[str, Any] = {
            "mfa": mfa,
            "mfa_methods": self.random.sample(list(MFA), random_choice([1, 2, 3, 3])),
            "device": random_choice([None, DeviceConfiguration(with_probability(0.5), with_probability(0.3))]),
            "client_secret": with_probability(0.3),
            "prevent_user_existence_errors": random_choice(["ENABLED", "LEGACY"]),
            "aliases": random_choice([(), ("email",), ("email", "phone_number")]),
            "case_sensitive": with_probability(0.7),
            "account_recovery": random_choice([(), ("admin_only",), ("verified_email",)]),
            "refresh_token_rotation": random_choice([None, None, RefreshTokenRotation(random_choice([0, 60]))]),
            "allowed_first_auth_factors": ["PASSWORD", *self.random.sample(passwordless, number)],
            "webauthn": webauthn,
            "contradictions": Contradictions(
                **options,
                mfas_parameter=random_choice(["MFAS_CAN_CHOOSE", "MFAS_CAN_SELECT"]),
                first_factor_digits=random_choice([6, 8]),
            ),
            "triggers": Triggers(self._define, self._create, self._verify),
        }
        self.log.append(f"LocalPool({settings})")
        return LocalPool(key=signing_key, clock=self.clock, entropy=self.random.randbytes, **settings)

    def _person(self, name: str) -> KnownUser:
        random_choice, with_probability = self._random_choice, self._with_probability
        address: dict[str, Any] = {
            "email": f"{name}@example.com" if with_probability(0.5) else None,
            "phone_number": f"+1555555{len(name)}{ord(name[0]):03d}" if with_probability(0.5) else None,
        }
        totp = base64.b32encode(self.random.randbytes(20)).decode() if with_probability(0.4) else None
        factor_attributes = {key for key, value in {**address, "totp": totp}.items() if value}
        possible = [factor for factor, need in MFA.items() if need in factor_attributes]
        active_factors = set(self.random.sample(possible, self.random.randint(0, len(possible))))
        preferred = random_choice([None, *sorted(active_factors)])
        password = random_choice(PASSWORDS[:3]) if with_probability(0.95) else None
        status = random_choice([*[None] * 18, "UNCONFIRMED", "RESET_REQUIRED"])
        temporary = password is not None and status is None and with_probability(0.25)
        verified = with_probability(0.8)
        user = self.pool.add_user(
            name,
            password,
            **address,
            verified=verified,
            temporary=temporary,
            status=status,
            totp_secret=totp,
            mfa=active_factors,
            preferred_mfa=preferred,
        )
        aliases = [address[key] for key in self.pool.configuration.aliases if verified]
        sign_in_names = (name, *(alias for alias in aliases if alias))
        self.log.append(f"{name}: {factor_attributes} {active_factors} {status} {temporary}")
        return KnownUser(
            user.username,
            sign_in_names,
            password,
            temporary=temporary,
            status=status or "CONFIRMED",
            factor_attributes=factor_attributes,
            active_factors=active_factors,
            totp=totp,
        )

    # ---- the pool's functions -----------------------------------------------------------------------

    def _define(self, event: Any) -> Any:
        session, response = event["request"]["session"], event["response"]
        names = [each["challengeName"] for each in session]
        chance = self.random.random()
        if chance < 0.03:
            raise RuntimeError("the function fails")
        if chance < 0.06:
            return {"response": {"challengeName": self._random_choice([None, 7, "", []])}}
        if chance < 0.12:
            response["failAuthentication"] = True
        elif names == ["SRP_A"] and chance < 0.9:
            response["challengeName"] = self.decision = "PASSWORD_VERIFIER"
        elif chance < 0.3:
            challenge_name = self._random_choice([*(each.value for each in CHALLENGES), UNKNOWN_CHALLENGE, "SRP_A"])
            response["challengeName"] = self.decision = challenge_name
        elif session and session[-1]["challengeResult"] and chance < 0.8:
            response["issueTokens"], self.decision = True, "TOKENS"
        else:
            response["challengeName"] = self.decision = "CUSTOM_CHALLENGE"
        return event

    def _create(self, event: Any) -> Any:
        if self._with_probability(0.03):
            raise RuntimeError("the function fails")
        event["response"]["publicChallengeParameters"] = {"question": "6 times 7"}
        return event

    def _verify(self, event: Any) -> Any:
        event["response"]["answerCorrect"] = event["request"]["challengeAnswer"] == "42"
        return event

    # ---- requests -------------------------------------------------------------------------------------

    def _call(self, operation: str, **parameters: Any) -> Reply | None:
        """Return the pool's reply; None if botocore or the pool refuses with an error that the API lists."""
        self.decision, self.refused = None, ("", "")
        self.log.append(f"{operation} {parameters}")
        name, shape, listed_errors = _operation(operation)
        if ParamValidator().validate(parameters, shape).has_errors():
            return None
        try:
            # As JSON, but without botocore's client, which takes longer than the pool.
            reply: Reply = json.loads(json.dumps(self.pool.answer(name, json.loads(json.dumps(parameters)))))
        except PoolRefusal as refusal:
            if refusal.code not in listed_errors:
                raise PoolViolation(f"{name} lists no {refusal.code}: {refusal.message}") from refusal
            self.log.append(f"    {refusal.code}: {refusal.message}")
            self.refused = refusal.code, refusal.message
            return None
        self.log.append(f"    {reply.get('ChallengeName', 'yes')}")
        return reply

    def _check_transition(self, before: OpenChallenge, kind: type[Response], dest: State) -> None:
        """Check that a reply's transition is in the table."""
        source = State.START
        if before.name != "START":
            source = state_of_challenge_name(before.name)
        transition = transition_between(source, kind, dest)
        self.path.append((before, transition))
        if transition not in TRANSITION_SET:
            raise self._violation(f"off the table: {transition}")

    def _violation(self, what: str) -> PoolViolation:
        return PoolViolation("\n".join([what, *self.log]))

    def _ephemeral(self) -> srp.Ephemeral:
        return srp.ephemeral(self.random.randbytes(32))

    def _with_secret_hash(self, client: AppClient, parameters: dict[str, str]) -> dict[str, str]:
        if client.client_secret is None:
            return parameters
        secret_hash = srp.secret_hash(parameters["USERNAME"], client.client_id, client.client_secret.reveal())
        return {**parameters, "SECRET_HASH": secret_hash}

    def _user_named(self, username: str) -> KnownUser | None:
        same = (lambda name: name) if self.pool.configuration.case_sensitive else str.casefold
        return next(
            (each for each in self.people if same(username) in {same(name) for name in each.sign_in_names}), None
        )

    def _password(self, person: KnownUser | None) -> str:
        return (person.password if person else None) or PASSWORDS[0]

    def _totp(self, secret: str | None) -> str:
        return pyotp.TOTP(secret).at(self.clock()) if secret else "000000"
